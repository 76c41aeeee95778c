//! Hardware tokens on their way into the pool: which records of a file may come in (R44).

use std::collections::HashMap;
use std::sync::Arc;

use super::refusal::{Code, Refusal};
use crate::time::Now;
use crate::token::SEED_STRONG_OCTETS_MIN;
use crate::token::import::Imported;

/// Longest serial, in characters.
const SERIAL_CHARS_MAX: usize = 64;

/// Hexadecimal digits of the shortest seed that is not weak. Where a serial should stand it tells of
/// columns that were exchanged; serials are shown and recorded.
const SEED_DIGITS_MIN: usize = 2 * SEED_STRONG_OCTETS_MIN;

/// Whether a text can be a serial: 1 to 64 printable ASCII characters without blanks.
#[must_use]
pub fn is_serial(text: &str) -> bool {
    (1..=SERIAL_CHARS_MAX).contains(&text.len()) && text.chars().all(|sign| sign.is_ascii_graphic())
}

/// What the store knows of a serial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing.
    Nothing,
    /// It is in the pool.
    Pool(Likeness),
    /// Its token may be in strange hands: it never comes in again (R41).
    Compromised,
    /// Somebody has it.
    Owned {
        /// Who.
        user: Arc<str>,
        /// How alike the two are.
        like: Likeness,
    },
}

/// How alike a record of a file and a token that is here are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// Another seed, or other parameters.
    Other,
    /// The same seed and parameters.
    Same,
    /// So, and codes were used elsewhere since: the counter of the file is ahead.
    Ahead,
}

impl Likeness {
    /// Of a token that is here, `same` as a record or not, both with the first counter or step that is
    /// not used.
    #[must_use]
    pub const fn of(same: bool, here: u64, file: u64) -> Self {
        match same {
            false => Self::Other,
            true if file > here => Self::Ahead,
            true => Self::Same,
        }
    }
}

/// What a good record comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intake {
    /// It comes into the pool.
    New,
    /// It is here already, in the pool or with its owner.
    Same,
    /// It is here already, and its counter moves forward.
    Ahead,
}

/// What all records of a file are judged by.
pub struct Judge<'a> {
    times: HashMap<&'a str, usize>,
    weak: bool,
    now: Now,
}

impl<'a> Judge<'a> {
    /// Judges the good records of this file; `weak` takes seeds of fewer than 16 octets.
    #[must_use]
    pub fn new(tokens: impl Iterator<Item = &'a Imported>, weak: bool, now: Now) -> Self {
        let mut times = HashMap::new();
        for token in tokens {
            *times.entry(token.serial.as_str()).or_default() += 1;
        }
        Self { times, weak, now }
    }

    /// Judges one record by the serial that `known` is about.
    ///
    /// # Errors
    /// Why it may not come in.
    pub fn judge(&self, token: &Imported, known: &Known) -> Result<Intake, Refusal> {
        let no = |code, what: String| Err(Refusal::new(code, what));
        if !is_serial(&token.serial) {
            let what = "a serial has 1 to 64 printable ASCII characters and no blanks";
            return no(Code::Arg, what.to_owned());
        }
        let digits = |sign: char| sign.is_ascii_hexdigit();
        if token.serial.len() >= SEED_DIGITS_MIN && token.serial.chars().all(digits) {
            return no(Code::Arg, "the serial looks like a seed".to_owned());
        }
        // Which of them is the device's own cannot be known, so none is taken.
        if self
            .times
            .get(token.serial.as_str())
            .is_some_and(|times| *times > 1)
        {
            return no(
                Code::Exists,
                "the serial stands in the file twice".to_owned(),
            );
        }
        match known {
            Known::Pool(Likeness::Same)
            | Known::Owned {
                like: Likeness::Same,
                ..
            } => return Ok(Intake::Same),
            Known::Pool(Likeness::Ahead)
            | Known::Owned {
                like: Likeness::Ahead,
                ..
            } => return Ok(Intake::Ahead),
            Known::Compromised => {
                let what = "the serial is compromised: it is never added again";
                return no(Code::Policy, what.to_owned());
            }
            Known::Pool(Likeness::Other) => {
                let what = "the serial is in the pool with another seed or other parameters";
                return no(Code::Exists, what.to_owned());
            }
            Known::Owned {
                user,
                like: Likeness::Other,
            } => {
                let what = format!("the serial is in use: it is a token of {user}");
                return no(Code::Exists, what);
            }
            Known::Nothing => {}
        }
        let octets = token.seed.expose().len();
        if octets < SEED_STRONG_OCTETS_MIN && !self.weak {
            let what = format!(
                "the seed is shorter than {SEED_STRONG_OCTETS_MIN} octets (--weak takes it)"
            );
            return no(Code::Policy, what);
        }
        if token.expires.is_some_and(|end| self.now.latest() >= end) {
            return no(Code::State, "it has expired".to_owned());
        }
        Ok(Intake::New)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SecretBytes;
    use crate::time::Timestamp;
    use crate::token::Otp;

    fn token(serial: &str, octets: usize, expires: Option<i64>) -> Imported {
        Imported {
            line: 1,
            serial: serial.to_owned(),
            otp: Otp::HOTP,
            seed: SecretBytes::new(vec![7; octets]),
            counter: 0,
            expires: expires.map(Timestamp),
        }
    }

    fn judged(rows: &[Imported], weak: bool, known: &Known) -> Result<Intake, Code> {
        let now = Now::at(Timestamp(1_000));
        let judge = Judge::new(rows.iter(), weak, now);
        judge.judge(&rows[0], known).map_err(|refusal| refusal.code)
    }

    #[test]
    fn what_is_new_comes_in_and_what_is_here_is_here() {
        let rows = [token("FT-1", 20, Some(1_001))];
        let owned = |like| Known::Owned {
            user: Arc::from("alice"),
            like,
        };
        assert_eq!(judged(&rows, false, &Known::Nothing), Ok(Intake::New));
        assert_eq!(
            judged(&rows, false, &Known::Pool(Likeness::Same)),
            Ok(Intake::Same)
        );
        assert_eq!(
            judged(&rows, false, &owned(Likeness::Same)),
            Ok(Intake::Same)
        );
        let ahead = Likeness::of(true, 4, 5);
        assert_eq!(judged(&rows, false, &Known::Pool(ahead)), Ok(Intake::Ahead));
        assert_eq!(judged(&rows, false, &owned(ahead)), Ok(Intake::Ahead));
        assert_eq!(judged(&rows, true, &Known::Compromised), Err(Code::Policy));
        assert_eq!(
            judged(&rows, false, &Known::Pool(Likeness::Other)),
            Err(Code::Exists)
        );
        assert_eq!(
            judged(&rows, false, &owned(Likeness::Other)),
            Err(Code::Exists)
        );
    }

    #[test]
    fn a_short_seed_comes_in_only_if_that_is_asked_for() {
        assert_eq!(
            judged(&[token("A", 16, None)], false, &Known::Nothing),
            Ok(Intake::New)
        );
        let rows = [token("A", 15, None)];
        assert_eq!(judged(&rows, false, &Known::Nothing), Err(Code::Policy));
        assert_eq!(judged(&rows, true, &Known::Nothing), Ok(Intake::New));
    }

    #[test]
    fn a_serial_that_stands_there_twice_is_taken_from_neither() {
        let rows = [
            token("A", 20, None),
            token("B", 20, None),
            token("A", 20, None),
        ];
        assert_eq!(judged(&rows, true, &Known::Nothing), Err(Code::Exists));
        assert_eq!(judged(&rows[1..], true, &Known::Nothing), Ok(Intake::New));
    }

    #[test]
    fn serials_that_cannot_be_typed_and_devices_of_the_past_stay_out() {
        for serial in ["A B", "\u{e9}", "a\u{7}", &"S".repeat(65), &"9".repeat(32)] {
            let rows = [token(serial, 20, None)];
            assert_eq!(
                judged(&rows, true, &Known::Nothing),
                Err(Code::Arg),
                "{serial}"
            );
        }
        let rows = [token(&"S".repeat(64), 20, Some(1_000))];
        assert_eq!(judged(&rows, true, &Known::Nothing), Err(Code::State));
    }
}
