//! Time spans as people write them: `90s`, `15m`, `8h`, `7d`, `2w`, combined `1d12h`.
//!
//! Units run from the larger to the smaller and none comes twice, so that a span has one meaning.
//! There are no months and no years: they differ in length. `ms` is there for delays below a
//! second. The error says what to write instead wherever that can be guessed (`7 days` -> `7d`).
//!
//! Pure and free of dependencies: configuration and `mfactl` read spans with the same function.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

/// Longest span, in days: ten years.
pub const SPAN_DAYS_MAX: u64 = 3650;

const DAY_MS: u64 = 24 * 3600 * 1000;

/// Units from the largest to the smallest, with their milliseconds.
const UNITS: [(&str, u64); 6] = [
    ("w", 7 * DAY_MS),
    ("d", DAY_MS),
    ("h", 3600 * 1000),
    ("m", 60 * 1000),
    ("s", 1000),
    ("ms", 1),
];

/// What people write instead of the unit.
const LONG_NAMES: [(&str, &str); 17] = [
    ("weeks", "w"),
    ("week", "w"),
    ("days", "d"),
    ("day", "d"),
    ("hours", "h"),
    ("hour", "h"),
    ("hrs", "h"),
    ("hr", "h"),
    ("minutes", "m"),
    ("minute", "m"),
    ("mins", "m"),
    ("min", "m"),
    ("seconds", "s"),
    ("second", "s"),
    ("secs", "s"),
    ("sec", "s"),
    ("msec", "ms"),
];

const CALENDAR_NAMES: [&str; 9] = [
    "month", "months", "mon", "mo", "mos", "y", "yr", "year", "years",
];

/// A text that is no time span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpanError {
    /// What was written.
    pub text: String,
    /// The octets of it that are wrong.
    pub at: Range<usize>,
    /// What to do about it.
    pub advice: Advice,
}

impl fmt::Display for SpanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is not a time span", self.text)
    }
}

impl std::error::Error for SpanError {}

/// What to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advice {
    /// This.
    Write(String),
    /// Days or weeks instead of months or years.
    Months,
    /// A number without its unit.
    NameUnit,
    /// Something of the known form.
    Form,
    /// Something shorter.
    TooLong,
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(text) => write!(f, "write \"{text}\""),
            Self::Months => f.write_str("months differ in length; use d or w"),
            Self::NameUnit => f.write_str("name the unit: s, m, h, d or w"),
            Self::Form => f.write_str("like 90s, 15m, 8h, 7d, 2w or 1d12h"),
            Self::TooLong => write!(f, "{SPAN_DAYS_MAX}d is the longest"),
        }
    }
}

/// Reads a span; `0` alone needs no unit.
///
/// # Errors
/// What is wrong with it, where, and what to write instead.
pub fn parse(text: &str) -> Result<Duration, SpanError> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    strict(text).map_err(|(at, advice)| {
        let advice = match advice {
            Advice::Form => guess(text).map_or(Advice::Form, Advice::Write),
            other => other,
        };
        SpanError {
            text: text.to_owned(),
            at,
            advice,
        }
    })
}

/// Writes a span in days, hours, minutes, seconds, milliseconds; weeks are read, not written.
#[must_use]
pub fn show(span: Duration) -> String {
    let mut rest = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    if rest == 0 {
        return "0".to_owned();
    }
    let mut text = String::new();
    for (unit, unit_ms) in UNITS.into_iter().skip(1) {
        let count = rest / unit_ms;
        rest %= unit_ms;
        if count > 0 {
            text.push_str(&format!("{count}{unit}"));
        }
    }
    text
}

fn strict(text: &str) -> Result<Duration, (Range<usize>, Advice)> {
    let mut at = 0;
    let mut total_ms: u64 = 0;
    let mut last_ms = u64::MAX;
    if text.is_empty() {
        return Err((0..0, Advice::Form));
    }
    while at < text.len() {
        let digits = run(text, at, |octet| octet.is_ascii_digit());
        let unit = run(text, digits.end, |octet| octet.is_ascii_alphabetic());
        let name = text.get(unit.clone()).unwrap_or_default();
        if CALENDAR_NAMES.contains(&name.to_ascii_lowercase().as_str()) {
            return Err((unit, Advice::Months));
        }
        if digits.is_empty() {
            return Err((0..text.len(), Advice::Form));
        }
        if unit.is_empty() && unit.end == text.len() {
            return Err((digits, Advice::NameUnit));
        }
        let Some(unit_ms) = unit_ms(name).filter(|unit_ms| *unit_ms < last_ms) else {
            return Err((unit, Advice::Form));
        };
        let number = text.get(digits).unwrap_or_default().parse::<u64>();
        total_ms = number
            .ok()
            .and_then(|number| number.checked_mul(unit_ms))
            .and_then(|part_ms| part_ms.checked_add(total_ms))
            .filter(|total_ms| *total_ms <= SPAN_DAYS_MAX * DAY_MS)
            .ok_or((0..text.len(), Advice::TooLong))?;
        last_ms = unit_ms;
        at = unit.end;
    }
    Ok(Duration::from_millis(total_ms))
}

fn unit_ms(name: &str) -> Option<u64> {
    UNITS
        .into_iter()
        .find(|(unit, _)| *unit == name)
        .map(|(_, unit_ms)| unit_ms)
}

/// The octets from `from` on that satisfy `belongs`.
fn run(text: &str, from: usize, belongs: impl Fn(&u8) -> bool) -> Range<usize> {
    let count = text.bytes().skip(from).take_while(belongs).count();
    from..from + count
}

/// What was probably meant: blanks away, small letters, long names for units cut down.
fn guess(text: &str) -> Option<String> {
    let plain: String = text
        .chars()
        .filter(|sign| !sign.is_whitespace())
        .map(|sign| sign.to_ascii_lowercase())
        .collect();
    let mut meant = String::new();
    let mut at = 0;
    while at < plain.len() {
        let digits = run(&plain, at, |octet| octet.is_ascii_digit());
        let word = run(&plain, digits.end, |octet| octet.is_ascii_alphabetic());
        if word.end == at {
            return None;
        }
        let name = plain.get(word.clone())?;
        let unit = LONG_NAMES
            .iter()
            .find(|(long, _)| *long == name)
            .map_or(name, |(_, unit)| unit);
        meant.push_str(plain.get(digits)?);
        meant.push_str(unit);
        at = word.end;
    }
    strict(&meant).is_ok().then_some(meant)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> u64 {
        parse(text).unwrap().as_secs()
    }

    #[test]
    fn reads_each_unit_and_sums() {
        assert_eq!(seconds("90s"), 90);
        assert_eq!(seconds("15m"), 900);
        assert_eq!(seconds("8h"), 28_800);
        assert_eq!(seconds("7d"), 604_800);
        assert_eq!(seconds("2w"), 1_209_600);
        assert_eq!(seconds("1d12h"), 129_600);
        assert_eq!(seconds("0"), 0);
        assert_eq!(parse("250ms").unwrap(), Duration::from_millis(250));
    }

    #[test]
    fn says_what_to_write() {
        for (text, meant) in [
            ("7 days", "7d"),
            ("7D", "7d"),
            ("1 hour 30 min", "1h30m"),
            ("2weeks", "2w"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.advice, Advice::Write(meant.to_owned()), "{text}");
        }
    }

    #[test]
    fn refuses_months_and_years_where_they_stand() {
        let error = parse("1month").unwrap_err();
        assert_eq!(error.at, 1..6);
        assert_eq!(
            error.advice.to_string(),
            "months differ in length; use d or w"
        );
        assert_eq!(parse("1d2y").unwrap_err().advice, Advice::Months);
    }

    #[test]
    fn refuses_the_rest() {
        assert_eq!(parse("90").unwrap_err().advice, Advice::NameUnit);
        for text in ["", "d", "-5m", "1.5h", "12h1d", "1d1d", "1x", "1d ", "٣d"] {
            assert!(parse(text).is_err(), "{text}");
        }
        for text in ["3651d", "99999999999999999999s", "18446744073709551615w"] {
            assert_eq!(parse(text).unwrap_err().advice, Advice::TooLong, "{text}");
        }
    }

    #[test]
    fn shows_what_it_reads() {
        for text in ["0", "90d", "1d12h", "1h30m", "1m30s", "250ms"] {
            assert_eq!(show(parse(text).unwrap()), text);
        }
        assert_eq!(show(parse("2w").unwrap()), "14d");
    }
}
