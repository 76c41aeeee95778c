//! One-time codes, one file a kind: pure.
//!
//! A token's code is a function of its seed and of a *factor*: the counter of RFC 4226 or the time
//! step of RFC 6238. [`Otp`] describes that function and nothing else, so one description serves
//! both kinds; [`hotp`] and [`totp`] say which factors may be tried, [`Otp::acceptable`] and
//! [`Otp::consume`] put them behind one pair of calls for the rules.
//!
//! A typed code is turned into a number before anything is looked up or compared
//! ([`OtpCode::parse`]): a code that was used has no second spelling. The search tries every factor
//! it is given, whatever the outcome, and compares in constant time.
//!
//! Nothing here keeps state: the caller stores [`Progress`] with the accept, in one transaction.
//! Time and random bytes are arguments. Codes that are written down ([`recovery`], [`auth_code`])
//! have no factor: they are found by a keyed fingerprint.

pub mod auth_code;
pub mod base32;
pub mod choice;
pub mod crockford;
mod find;
mod fingerprint;
pub mod generate;
pub mod hotp;
pub mod id;
pub mod import;
pub mod link;
mod mac;
pub mod otpauth;
mod progress;
pub mod recovery;
pub mod sent_code;
pub mod totp;
pub mod truncation;

use std::fmt;

use serde::{Deserialize, Serialize};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::secret::Secret;

pub use id::{AttemptId, DialogueId, TokenId};
pub use progress::{Progress, Resync, Windows};

/// The last factor that is ever accepted; one less than the type holds, so that there always is a
/// next one to continue from.
pub const FACTOR_MAX: u64 = u64::MAX - 1;

/// Most factors that one search tries; what is beyond is not found.
pub const FACTORS_MAX: u64 = 2048;

/// Length of a seed that mfad makes, in octets.
// RFC 4226 s4 R6: a secret of 160 bits is RECOMMENDED.
pub const SEED_MADE_OCTETS: usize = 20;

/// Length below which a seed counts as weak, in octets.
// RFC 4226 s4 R6: a secret MUST be at least 128 bits.
pub const SEED_STRONG_OCTETS_MIN: usize = 16;

/// A number that a verifier parameter may not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// The number of digits of a code.
    #[error("a code has 6, 7 or 8 digits, not {0}")]
    Digits(u8),
    /// The length of a time step.
    #[error("a time step has {min} to {max} s, not {0}", min = Period::MIN_S, max = Period::MAX_S)]
    Period(u16),
}

/// The hash below the HMAC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Algorithm {
    /// HMAC-SHA-1: the default, and the only one that every authenticator app has.
    #[default]
    #[serde(rename = "SHA1")]
    Sha1,
    /// HMAC-SHA-256.
    #[serde(rename = "SHA256")]
    Sha256,
    /// HMAC-SHA-512.
    #[serde(rename = "SHA512")]
    Sha512,
}

impl Algorithm {
    /// The hash with this name, in either case, with a dash or without (`SHA1`, `sha-256`).
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        let known = [
            ("SHA1", "SHA-1", Self::Sha1),
            ("SHA256", "SHA-256", Self::Sha256),
            ("SHA512", "SHA-512", Self::Sha512),
        ];
        let is = |a: &str| a.eq_ignore_ascii_case(name);
        known
            .into_iter()
            .find_map(|(plain, dashed, hash)| (is(plain) || is(dashed)).then_some(hash))
    }
}

/// The name in otpauth URIs, PSKC and the store.
impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        })
    }
}

/// How many digits a code has: 6, 7 or 8.
// RFC 4226 s5.3: at least 6 digits, possibly 7 and 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Digits(u8);

impl Digits {
    /// The default.
    pub const SIX: Self = Self(6);
    /// What few devices show.
    pub const SEVEN: Self = Self(7);
    /// The longest.
    pub const EIGHT: Self = Self(8);

    /// Takes 6, 7 or 8.
    pub fn new(digits: u8) -> Result<Self, ParameterError> {
        match digits {
            6..=8 => Ok(Self(digits)),
            _ => Err(ParameterError::Digits(digits)),
        }
    }

    /// Gives the number.
    #[must_use]
    pub fn count(self) -> usize {
        usize::from(self.0)
    }

    /// How many codes of this length there are.
    fn codes(self) -> u32 {
        10_u32.pow(u32::from(self.0))
    }
}

impl Default for Digits {
    fn default() -> Self {
        Self::SIX
    }
}

impl TryFrom<u8> for Digits {
    type Error = ParameterError;

    fn try_from(digits: u8) -> Result<Self, ParameterError> {
        Self::new(digits)
    }
}

impl From<Digits> for u8 {
    fn from(digits: Digits) -> Self {
        digits.0
    }
}

/// The length of a time step: 10 to 120 seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Period(u16);

impl Period {
    /// The shortest step, in seconds.
    pub const MIN_S: u16 = 10;
    /// The longest step, in seconds.
    pub const MAX_S: u16 = 120;
    /// The default, and the only one that every authenticator app has.
    // RFC 6238 s5.2: a default time-step size of 30 seconds is RECOMMENDED.
    pub const THIRTY: Self = Self(30);

    /// Takes a number of seconds in the range.
    pub fn new(period_s: u16) -> Result<Self, ParameterError> {
        match period_s {
            Self::MIN_S..=Self::MAX_S => Ok(Self(period_s)),
            _ => Err(ParameterError::Period(period_s)),
        }
    }

    /// Gives the number of seconds, which is never 0.
    #[must_use]
    pub fn seconds(self) -> u16 {
        self.0
    }
}

impl Default for Period {
    fn default() -> Self {
        Self::THIRTY
    }
}

impl TryFrom<u16> for Period {
    type Error = ParameterError;

    fn try_from(period_s: u16) -> Result<Self, ParameterError> {
        Self::new(period_s)
    }
}

impl From<Period> for u16 {
    fn from(period: Period) -> Self {
        period.0
    }
}

/// What moves from one code of a token to its next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Factor {
    /// The device counts the codes it has shown (HOTP).
    Counter,
    /// The device counts the steps since the epoch (TOTP).
    Time {
        /// The length of a step, in seconds.
        period_s: Period,
    },
}

/// How the codes of a token are computed: everything but the seed.
///
/// No value of it is out of range, so the functions that take it cannot fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Otp {
    /// The hash below the HMAC.
    pub algorithm: Algorithm,
    /// The length of a code.
    pub digits: Digits,
    /// What moves.
    pub factor: Factor,
}

impl Otp {
    /// TOTP as every authenticator app has it: SHA-1, 6 digits, 30 seconds.
    pub const TOTP: Self = Self {
        algorithm: Algorithm::Sha1,
        digits: Digits::SIX,
        factor: Factor::Time {
            period_s: Period::THIRTY,
        },
    };

    /// HOTP as every device has it: SHA-1, 6 digits.
    pub const HOTP: Self = Self {
        algorithm: Algorithm::Sha1,
        digits: Digits::SIX,
        factor: Factor::Counter,
    };
}

/// One code, as a number of known length: parsed from what was typed, or computed.
///
/// It has no `Debug`, no `Clone` and no `==`, and is wiped when it is dropped.
pub struct OtpCode {
    value: Zeroizing<u32>,
    digits: Digits,
}

impl OtpCode {
    fn new(value: u32, digits: Digits) -> Self {
        let value = Zeroizing::new(value);
        Self { value, digits }
    }

    /// Reads a code of exactly 6, 7 or 8 ASCII digits. Nothing is trimmed, skipped or mapped.
    ///
    /// A lenient reader is how one code gets several spellings, and with them several lives: what
    /// people write between the digits is for the program that asks them to drop.
    #[must_use]
    pub fn parse(typed: &[u8]) -> Option<Self> {
        let digits = Digits::new(u8::try_from(typed.len()).ok()?).ok()?;
        typed
            .iter()
            .try_fold(0_u32, |value, octet| {
                octet
                    .is_ascii_digit()
                    .then(|| value * 10 + u32::from(octet - b'0'))
            })
            .map(|value| Self::new(value, digits))
    }

    /// How long the code is.
    #[must_use]
    pub fn digits(&self) -> Digits {
        self.digits
    }

    /// Writes the code out, leading zeros included.
    #[must_use]
    pub fn text(&self) -> Secret<String> {
        Secret::new(format!(
            "{:0width$}",
            *self.value,
            width = self.digits.count()
        ))
    }

    /// Compares in constant time; codes of different length differ.
    #[must_use]
    pub fn equals(&self, other: &Self) -> bool {
        (self.value.ct_eq(&other.value) & Choice::from(u8::from(self.digits == other.digits)))
            .into()
    }
}

#[cfg(test)]
mod tests;
