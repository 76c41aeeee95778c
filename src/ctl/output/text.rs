//! Text on its way to a screen: cleaned, measured, wrapped.
//!
//! Everything that comes from the daemon may have been typed by a stranger (a user name, a
//! Calling-Station-Id). [`clean`] takes out what a terminal would obey: control characters and the
//! signs that turn the direction of writing.

/// Makes a text harmless: one line, no control characters, no change of direction.
pub(in crate::ctl) fn clean(text: &str) -> String {
    text.chars()
        .map(|sign| match sign {
            '\n' | '\t' => ' ',
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '?',
            '\u{feff}' | '\u{2028}' | '\u{2029}' => '?',
            sign if sign.is_control() => '?',
            sign => sign,
        })
        .collect()
}

/// Columns that a clean text takes.
pub(in crate::ctl) fn columns(text: &str) -> usize {
    text.chars().map(sign_columns).sum()
}

/// Columns of one sign: East Asian wide ones and emoji take two, combining marks none.
fn sign_columns(sign: char) -> usize {
    match u32::from(sign) {
        0x0300..=0x036f | 0x200b..=0x200d | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0x303e
        | 0x3041..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1faff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// Cuts a text to at most so many columns, with `..` at the end if something is missing.
pub(in crate::ctl) fn cut(text: &str, most: usize) -> String {
    if columns(text) <= most {
        return text.to_owned();
    }
    let room = most.saturating_sub(2);
    let mut kept = String::new();
    let mut used = 0;
    for sign in text.chars() {
        used += sign_columns(sign);
        if used > room {
            break;
        }
        kept.push(sign);
    }
    let kept = kept.trim_end();
    format!("{kept}{}", ".".repeat(most.min(2)))
}

/// Fills a text with blanks on the right.
pub(in crate::ctl) fn left(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(columns(text));
    format!("{text}{}", " ".repeat(missing))
}

/// Fills a text with blanks on the left.
pub(in crate::ctl) fn right(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(columns(text));
    format!("{}{text}", " ".repeat(missing))
}

/// Breaks a text at blanks into lines of at most `width` columns; a longer word stands alone.
pub(in crate::ctl) fn wrap(text: &str, width: usize) -> Vec<String> {
    if columns(text) <= width {
        return vec![text.trim_end().to_owned()];
    }
    fill(text.split(' ').filter(|word| !word.is_empty()), width)
}

fn fill<'a>(words: impl IntoIterator<Item = &'a str>, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in words {
        let needed = columns(&line) + 1 + columns(word);
        if !line.is_empty() && needed > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// The words of a command; what stands in quotes is one.
fn words_of_command(text: &str) -> Vec<&str> {
    let mut quote = None;
    let mut escaped = false;
    let words = text.split(move |sign| {
        if std::mem::take(&mut escaped) {
            return false;
        }
        match (quote, sign) {
            (None | Some('"'), '\\') => escaped = true,
            (None, '"' | '\'') => quote = Some(sign),
            (Some(open), sign) if open == sign => quote = None,
            _ => {}
        }
        sign == ' ' && quote.is_none()
    });
    words.filter(|word| !word.is_empty()).collect()
}

/// Breaks a command so that it can still be pasted: each line but the last ends in a backslash.
pub(in crate::ctl) fn wrap_command(text: &str, width: usize) -> Vec<String> {
    if columns(text) <= width {
        return vec![text.to_owned()];
    }
    let mut lines = fill(words_of_command(text), width.saturating_sub(4));
    let last = lines.len().saturating_sub(1);
    for (at, line) in lines.iter_mut().enumerate() {
        if at > 0 {
            line.insert_str(0, "  ");
        }
        if at < last {
            line.push_str(" \\");
        }
    }
    lines
}

/// A number with a comma after each three digits.
pub(in crate::ctl) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `3 of 5`, or `3` where there is no limit.
pub(in crate::ctl) fn of(count: u32, limit: u32) -> String {
    match limit {
        0 => count.to_string(),
        limit => format!("{count} of {limit}"),
    }
}

/// A count with its noun.
pub(in crate::ctl) fn count(value: usize, one: &str, many: &str) -> String {
    let noun = if value == 1 { one } else { many };
    format!(
        "{} {noun}",
        number(u64::try_from(value).unwrap_or(u64::MAX))
    )
}

/// Octets in the largest unit that leaves a number above 1.
pub(in crate::ctl) fn octets(value: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
    UNITS.iter().find(|(_, size)| value >= *size).map_or_else(
        || format!("{value} octets"),
        |(unit, size)| format!("{} {unit}", number(value / size)),
    )
}

/// Microseconds as milliseconds with one digit.
pub(in crate::ctl) fn milliseconds(us: u64) -> String {
    format!("{}.{} ms", number(us / 1000), us % 1000 / 100)
}

/// How many letters must change, or neighbours change places, to make one word of the other.
pub(in crate::ctl) fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    let mut previous = None;
    for (at, sign) in one.chars().enumerate() {
        let mut row = vec![at + 1];
        for (place, theirs) in other.iter().enumerate() {
            let of =
                |row: &[usize], place: usize| row.get(place).copied().unwrap_or(usize::MAX - 1);
            let swap = of(&last, place) + usize::from(sign != *theirs);
            let mut least = swap.min(of(&last, place + 1) + 1).min(of(&row, place) + 1);
            let turned =
                place > 0 && other.get(place - 1) == Some(&sign) && previous == Some(*theirs);
            if turned {
                least = least.min(of(&before_last, place - 1) + 1);
            }
            row.push(least);
        }
        before_last = std::mem::replace(&mut last, row);
        previous = Some(sign);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_comes_through() {
        assert_eq!(
            clean("a\u{1b}[2Jb\u{9b}c\u{7f}\u{202e}d\r\n"),
            "a?[2Jb?c??d? "
        );
    }

    #[test]
    fn wraps_and_cuts_by_columns() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("", 7), [""]);
        assert_eq!(
            wrap_command("a bb ccc dddd", 8),
            ["a bb \\", "  ccc \\", "  dddd"]
        );
        assert_eq!(
            wrap_command("a -r \"b c d\"", 10),
            ["a -r \\", "  \"b c d\""]
        );
        assert_eq!(
            wrap_command(r"a 'o'\''neil' -r 'b c'", 18),
            [r"a 'o'\''neil' \", "  -r 'b c'"]
        );
        assert_eq!(cut("phone in repair", 10), "phone in..");
        assert_eq!(columns("日本"), 4);
    }

    #[test]
    fn numbers_and_distances() {
        assert_eq!(number(184_230), "184,230");
        assert_eq!(number(12), "12");
        assert_eq!(octets(214_000_000), "214 MB");
        assert_eq!(distance("unlok", "unlock"), 1);
        assert_eq!(distance("statsu", "status"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}
