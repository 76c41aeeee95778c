//! RFC 3339 times in UTC with milliseconds, without the machinery of a calendar library.
//!
//! The text is the same as that of [`Timestamp`]'s `Display`; a test holds one against the other.
//! Years that do not have four digits take the slow way.

use std::io::Write;

use crate::time::Timestamp;

/// Octets of a time with a year of four digits.
const TEXT_OCTETS: usize = 24;

/// First millisecond of the year 0.
const FAST_FIRST_MS: i64 = -62_167_219_200_000;

/// Last millisecond that the calendar library knows, which prints "never" for later ones.
const FAST_LAST_MS: i64 = 253_402_207_200_000;

/// From 0000-03-01, where the counting of days below begins, to 1970-01-01.
const DAYS_TO_EPOCH: i64 = 719_468;

const DAY_MS: i64 = 86_400_000;
const ERA_DAYS: i64 = 146_097;

/// Appends the text of a time.
pub(super) fn write(out: &mut Vec<u8>, time: Timestamp) {
    match fast(time) {
        Some(text) => out.extend_from_slice(&text),
        None => {
            // A Vec takes every octet.
            let _ = write!(out, "{time}");
        }
    }
}

/// Reads a time; "never" is [`Timestamp::NEVER`].
pub(super) fn parse(text: &[u8]) -> Option<Timestamp> {
    if let Some(time) = parse_fast(text) {
        return Some(time);
    }
    let text = std::str::from_utf8(text).ok()?;
    if text == "never" {
        return Some(Timestamp::NEVER);
    }
    let time: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp(time.as_millisecond()))
}

fn fast(time: Timestamp) -> Option<[u8; TEXT_OCTETS]> {
    if !(FAST_FIRST_MS..=FAST_LAST_MS).contains(&time.0) {
        return None;
    }
    let (year, month, day) = civil(time.0.div_euclid(DAY_MS));
    let ms = time.0.rem_euclid(DAY_MS);
    let [y0, y1, y2, y3] = digits(year);
    let [o0, o1] = digits(month);
    let [d0, d1] = digits(day);
    let [h0, h1] = digits(ms / 3_600_000);
    let [m0, m1] = digits(ms / 60_000 % 60);
    let [s0, s1] = digits(ms / 1000 % 60);
    let [f0, f1, f2] = digits(ms % 1000);
    Some([
        y0, y1, y2, y3, b'-', o0, o1, b'-', d0, d1, b'T', h0, h1, b':', m0, m1, b':', s0, s1, b'.',
        f0, f1, f2, b'Z',
    ])
}

fn parse_fast(text: &[u8]) -> Option<Timestamp> {
    let &[
        y0,
        y1,
        y2,
        y3,
        b'-',
        o0,
        o1,
        b'-',
        d0,
        d1,
        b'T',
        h0,
        h1,
        b':',
        m0,
        m1,
        b':',
        s0,
        s1,
        b'.',
        f0,
        f1,
        f2,
        b'Z',
    ] = text
    else {
        return None;
    };
    let year = number(&[y0, y1, y2, y3])?;
    let month = number(&[o0, o1])?;
    let day = number(&[d0, d1])?;
    let hour = number(&[h0, h1])?;
    let minute = number(&[m0, m1])?;
    let second = number(&[s0, s1])?;
    let days = days_from_civil(year, month, day);
    // Whatever is no date comes out as another one.
    if civil(days) != (year, month, day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let clock_ms = ((hour * 60 + minute) * 60 + second) * 1000 + number(&[f0, f1, f2])?;
    Some(Timestamp(days * DAY_MS + clock_ms))
}

/// Year, month and day of a day since the epoch. Years begin in March, so that the day that comes
/// and goes is the last.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + DAYS_TO_EPOCH;
    let era = days.div_euclid(ERA_DAYS);
    let of_era = days.rem_euclid(ERA_DAYS);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = from_march + if from_march < 10 { 3 } else { -9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let from_march = month + if month > 2 { -3 } else { 9 };
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    era * ERA_DAYS + of_era - DAYS_TO_EPOCH
}

fn digits<const N: usize>(mut value: i64) -> [u8; N] {
    let mut text = [b'0'; N];
    for place in text.iter_mut().rev() {
        let [low, ..] = (value % 10).to_le_bytes();
        *place += low;
        value /= 10;
    }
    text
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |value, digit| {
        digit
            .is_ascii_digit()
            .then(|| value * 10 + i64::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(ms: i64) -> String {
        let mut out = Vec::new();
        write(&mut out, Timestamp(ms));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn agrees_with_display_on_every_day_and_at_the_ends() {
        let mut ms = FAST_FIRST_MS;
        while ms <= FAST_LAST_MS {
            assert_eq!(written(ms), Timestamp(ms).to_string());
            assert_eq!(parse(written(ms).as_bytes()), Some(Timestamp(ms)));
            ms += DAY_MS + 1_001;
        }
        for ms in [
            i64::MIN,
            FAST_FIRST_MS - 1,
            -1,
            0,
            FAST_LAST_MS,
            FAST_LAST_MS + 1,
            i64::MAX,
        ] {
            assert_eq!(written(ms), Timestamp(ms).to_string());
        }
        assert_eq!(parse(written(i64::MAX).as_bytes()), Some(Timestamp::NEVER));
        let before_year_0 = Timestamp(FAST_FIRST_MS - 1);
        assert_eq!(
            parse(written(before_year_0.0).as_bytes()),
            Some(before_year_0)
        );
    }

    #[test]
    fn refuses_what_is_no_time() {
        for bad in [
            "",
            "2026-02-29T00:00:00.000Z",
            "2026-13-01T00:00:00.000Z",
            "2026-00-01T00:00:00.000Z",
            "2026-01-01T24:00:00.000Z",
            "2026-01-01T00:60:00.000Z",
            "2026-01-01T00:00:00.00xZ",
            "2026-01-01 00:00:00.000",
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_display(ms in FAST_FIRST_MS..=FAST_LAST_MS) {
            prop_assert_eq!(written(ms), Timestamp(ms).to_string());
            prop_assert_eq!(parse(written(ms).as_bytes()), Some(Timestamp(ms)));
        }
    }
}
