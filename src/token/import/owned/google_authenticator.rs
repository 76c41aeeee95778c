//! What `pam_google_authenticator` keeps in each home directory, one person a line: the login name, a
//! colon, then the lines of that file between tabs. `mfactl` makes such lines of a list of files.
//!
//! ```text
//! alice:GEZDGNBVGY3TQOJQ⇥" RATE_LIMIT 3 30⇥" DISALLOW_REUSE 58712345⇥" TOTP_AUTH⇥12345678
//! ```
//! The first line is the seed; options begin with a quotation mark and a blank. Lines of 8 digits are
//! scratch codes, which do not come along: a recovery code of mfad has more than twice their bits.

use super::super::{Reason, counter, period, sized};
use super::Owned;
use crate::token::{Factor, Otp, base32};

/// Length of a scratch code.
const SCRATCH_DIGITS: usize = 8;

pub(super) fn token(text: &str, line: u64) -> Result<Owned, Reason> {
    let (user, file) = text.split_once(':').ok_or(Reason::NoOwner)?;
    let user = user.trim();
    if user.is_empty() {
        return Err(Reason::NoOwner);
    }
    let mut lines = file.split('\t').map(str::trim);
    let secret = lines.next().unwrap_or_default();
    if secret.is_empty() {
        return Err(Reason::NoSeed);
    }
    let mut options = Options::default();
    let mut scratch_codes = 0;
    for line in lines.filter(|line| !line.is_empty()) {
        if let Some(option) = line.strip_prefix("\" ") {
            options.take(option)?;
        } else if line.len() == SCRATCH_DIGITS && line.bytes().all(|sign| sign.is_ascii_digit()) {
            scratch_codes += 1;
        } else {
            return Err(Reason::NotPam);
        }
    }
    let (otp, next_factor) = options.codes()?;
    let seed = base32::decode(secret.as_bytes()).ok_or(Reason::SeedNotBase32)?;
    Ok(Owned {
        scratch_codes,
        ..Owned::bare(line, user, otp, sized(seed)?, next_factor)
    })
}

/// The options that say how codes are computed and which are used.
#[derive(Default)]
struct Options<'a> {
    time: Option<&'a str>,
    counter: Option<&'a str>,
    step: Option<&'a str>,
    used: Option<&'a str>,
}

impl<'a> Options<'a> {
    fn take(&mut self, option: &'a str) -> Result<(), Reason> {
        let (name, value) = option.split_once(' ').unwrap_or((option, ""));
        let place = match name {
            "TOTP_AUTH" => &mut self.time,
            "HOTP_COUNTER" => &mut self.counter,
            "STEP_SIZE" => &mut self.step,
            "DISALLOW_REUSE" => &mut self.used,
            // Limits, windows and notes of the module about itself.
            _ => return Ok(()),
        };
        match place.replace(value.trim()) {
            None => Ok(()),
            Some(_) => Err(Reason::ParameterTwice),
        }
    }

    /// How codes are computed, and the first that can be good.
    fn codes(&self) -> Result<(Otp, u64), Reason> {
        match (self.counter, self.time) {
            (Some(next), _) => Ok((Otp::HOTP, counter(next)?)),
            (None, Some(_)) => {
                let mut otp = Otp::TOTP;
                if let Some(step) = self.step {
                    let period_s = period(step)?;
                    otp.factor = Factor::Time { period_s };
                }
                Ok((otp, self.unused()?))
            }
            (None, None) => Err(Reason::NoKind),
        }
    }

    /// The time step behind the last that was used.
    fn unused(&self) -> Result<u64, Reason> {
        let mut next = 0;
        for step in self.used.unwrap_or_default().split_ascii_whitespace() {
            next = counter(step)?.saturating_add(1).max(next);
        }
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(Otp, u64, usize), Reason> {
        let seed = "alice:GEZDGNBVGY3TQOJQGEZDGNBVGY";
        let token = token(&format!("{seed}{}", text.replace('|', "\t\" ")), 1)?;
        Ok((token.otp, token.next_factor, token.scratch_codes))
    }

    #[test]
    fn the_counter_decides_and_what_was_used_stays_used() {
        assert_eq!(read("|TOTP_AUTH"), Ok((Otp::TOTP, 0, 0)));
        assert_eq!(
            read("|TOTP_AUTH|HOTP_COUNTER 7\t12345678"),
            Ok((Otp::HOTP, 7, 1))
        );
        assert_eq!(
            read("|RATE_LIMIT 3 30 1|DISALLOW_REUSE 5 9 7|TOTP_AUTH|WINDOW_SIZE 17"),
            Ok((Otp::TOTP, 10, 0))
        );
        assert_eq!(read("|DISALLOW_REUSE|TOTP_AUTH"), Ok((Otp::TOTP, 0, 0)));
        let minute = crate::token::Period::new(60).unwrap();
        let factor = Factor::Time { period_s: minute };
        let (otp, ..) = read("|TOTP_AUTH|STEP_SIZE 60").unwrap();
        assert_eq!(
            otp,
            Otp {
                factor,
                ..Otp::TOTP
            }
        );
    }

    #[test]
    fn nothing_is_guessed() {
        for (text, wanted) in [
            ("", Reason::NoKind),
            ("|RATE_LIMIT 3 30", Reason::NoKind),
            ("|HOTP_COUNTER", Reason::Counter),
            ("|HOTP_COUNTER 1 2", Reason::Counter),
            ("|TOTP_AUTH|TOTP_AUTH", Reason::ParameterTwice),
            ("|TOTP_AUTH|STEP_SIZE 5", Reason::Period),
            ("|TOTP_AUTH|DISALLOW_REUSE x", Reason::Counter),
            ("|TOTP_AUTH\t1234567", Reason::NotPam),
            ("|TOTP_AUTH\tTOTP_AUTH", Reason::NotPam),
            ("1|TOTP_AUTH", Reason::SeedNotBase32),
        ] {
            assert_eq!(read(text).err(), Some(wanted), "{text}");
        }
        for (text, wanted) in [
            ("GEZDGNBVGY3TQOJQ", Reason::NoOwner),
            (" :GEZDGNBVGY3TQOJQ", Reason::NoOwner),
            ("alice:", Reason::NoSeed),
            ("alice:\t\" TOTP_AUTH", Reason::NoSeed),
        ] {
            assert_eq!(token(text, 1).err(), Some(wanted), "{text}");
        }
    }
}
