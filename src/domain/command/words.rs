//! Words and numbers as people read them in answers: instants, spans, masked addresses, commands
//! that can be pasted into a shell, names that are close to a mistyped one.

use std::fmt;
use std::time::Duration;

use crate::time::Timestamp;

/// Most names that are offered for a mistyped one.
const CLOSE_MAX: usize = 3;
/// Edits between a mistyped name and one that is offered.
const EDITS_MAX: usize = 2;

const MINUTE_S: u64 = 60;
const HOUR_S: u64 = 60 * MINUTE_S;
const DAY_S: u64 = 24 * HOUR_S;

/// `1 step`, `7 steps`, `-3 steps`.
pub(crate) fn count<N: fmt::Display + PartialEq + From<u8>>(count: N, noun: &str) -> String {
    let plural = if count == N::from(1) { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// `2026-11-23 13:09 UTC`.
pub(super) fn instant(at: Timestamp) -> String {
    let text = at.to_string();
    match text.get(..16) {
        Some(minute) => format!("{} UTC", minute.replace('T', " ")),
        None => text,
    }
}

/// `2 d`, `18 h`, `6 min`, `40 s`: one unit, rounded down.
pub(super) fn span(length: Duration) -> String {
    match length.as_secs() {
        s if s >= 2 * DAY_S || (s >= DAY_S && s % DAY_S == 0) => format!("{} d", s / DAY_S),
        s if s >= HOUR_S => format!("{} h", s / HOUR_S),
        s if s >= MINUTE_S => format!("{} min", s / MINUTE_S),
        s => format!("{s} s"),
    }
}

/// `3 min 30 s`, `5 min`, `2 h 5 min`: two units at most, no zeros.
pub(crate) fn minutes(length: Duration) -> String {
    let s = length.as_secs();
    let parts = match s {
        s if s >= HOUR_S => [(s / HOUR_S, "h"), (s % HOUR_S / MINUTE_S, "min")],
        s => [(s / MINUTE_S, "min"), (s % MINUTE_S, "s")],
    };
    let told = parts.into_iter().filter(|(count, _)| *count > 0);
    let told: Vec<String> = told
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect();
    told.join(" ")
}

/// A span as it is typed: `7d`, `36h`, `90m`, `5s`.
pub(super) fn typed_span(length: Duration) -> String {
    match length.as_secs() {
        s if s % DAY_S == 0 => format!("{}d", s / DAY_S),
        s if s % HOUR_S == 0 => format!("{}h", s / HOUR_S),
        s if s % MINUTE_S == 0 => format!("{}m", s / MINUTE_S),
        s => format!("{s}s"),
    }
}

/// `4,980`.
pub(super) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A word of a command line, quoted if a shell would read it otherwise.
pub(crate) fn shell(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "@%_+=:,./-".contains(c);
    if !word.is_empty() && !word.starts_with('-') && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// `a***e@example.org`.
pub(crate) fn mask_email(address: &str) -> String {
    let Some((local, domain)) = address.rsplit_once('@') else {
        return "***".to_owned();
    };
    let first = local.chars().next();
    let last = local
        .chars()
        .next_back()
        .filter(|_| local.chars().count() > 2);
    let sign = |c: Option<char>| c.map(String::from).unwrap_or_default();
    format!("{}***{}@{domain}", sign(first), sign(last))
}

/// `+49 *** **67`.
pub(crate) fn mask_phone(number: &str) -> String {
    let signs: Vec<char> = number.chars().collect();
    let head: String = signs.iter().take(3).collect();
    let tail: String = signs
        .iter()
        .skip(signs.len().saturating_sub(2).max(3))
        .collect();
    format!("{head} *** **{tail}")
}

/// The known names that `typed` may have been meant for, the closest first.
pub(super) fn close<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut found: Vec<(usize, &str)> = known
        .map(|name| (edits(typed, name), name))
        .filter(|(edits, _)| *edits <= EDITS_MAX)
        .collect();
    found.sort_unstable();
    found
        .into_iter()
        .take(CLOSE_MAX)
        .map(|(_, name)| name)
        .collect()
}

/// Levenshtein's distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (to, above) in b.iter().zip(row.iter().skip(1)) {
            let changed = diagonal + usize::from(from != *to);
            left = changed.min(left + 1).min(above + 1);
            next.push(left);
            diagonal = *above;
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_numbers() {
        assert_eq!(
            instant(Timestamp(1_700_000_000_123)),
            "2023-11-14 22:13 UTC"
        );
        assert_eq!(instant(Timestamp::NEVER), "never");
        for (s, text, typed) in [
            (5, "5 s", "5s"),
            (5400, "1 h", "90m"),
            (DAY_S, "1 d", "1d"),
            (36 * HOUR_S, "36 h", "36h"),
            (7 * DAY_S, "7 d", "7d"),
        ] {
            let length = Duration::from_secs(s);
            assert_eq!(
                (span(length).as_str(), typed_span(length).as_str()),
                (text, typed)
            );
        }
        for (s, text) in [
            (210, "3 min 30 s"),
            (300, "5 min"),
            (3599, "59 min 59 s"),
            (HOUR_S, "1 h"),
            (7530, "2 h 5 min"),
        ] {
            assert_eq!(minutes(Duration::from_secs(s)), text);
        }
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (4980, "4,980"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(number(n), text);
        }
    }

    #[test]
    fn a_shell_reads_one_word() {
        assert_eq!(shell("alice@example.org"), "alice@example.org");
        assert_eq!(shell("a;rm"), "'a;rm'");
        assert_eq!(shell("o'neil"), r"'o'\''neil'");
        assert_eq!(shell("-r"), "'-r'");
    }

    #[test]
    fn masks_keep_what_tells_addresses_apart() {
        assert_eq!(mask_email("alice@example.org"), "a***e@example.org");
        assert_eq!(mask_email("al@example.org"), "a***@example.org");
        assert_eq!(mask_email("nobody"), "***");
        assert_eq!(mask_phone("+491701234567"), "+49 *** **67");
        assert_eq!(mask_phone("+4"), "+4 *** **");
    }

    #[test]
    fn offers_what_is_close() {
        let known = ["vpn1", "vpn2", "ocserv"];
        assert_eq!(close("vnp1", known.into_iter()), ["vpn1"]);
        assert_eq!(close("vpn", known.into_iter()), ["vpn1", "vpn2"]);
        assert!(close("anyconnect", known.into_iter()).is_empty());
        assert_eq!((edits("", "abc"), edits("abc", "")), (3, 3));
    }
}
