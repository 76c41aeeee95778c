//! PINs and local passwords: what is stored, and which ones are good enough.
//!
//! Both are hashed with Argon2id over a keyed digest, outside the rules; what is checked here is
//! length, alphabet and the list of PINs that everybody tries first (domain rules 11.1).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::sealed::Sealed;
use super::user::Profile;
use crate::time::Timestamp;

/// A PIN that is set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinRecord {
    /// The Argon2id string, under seal.
    pub hash: Sealed,
    /// When it was set, and by whom.
    pub set_at: Timestamp,
    /// Login name of the operator.
    pub set_by: String,
    /// The person is to change it at the next sign-in with a dialogue.
    #[serde(default)]
    pub must_change: bool,
}

/// A local password that is set (R67).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordRecord {
    /// The Argon2id string, under seal.
    pub hash: Sealed,
    /// When it was set, and by whom.
    pub set_at: Timestamp,
    /// Login name of the operator.
    pub set_by: String,
    /// When one was set for the first time.
    pub registered_at: Timestamp,
}

/// C1 and the block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PinState {
    /// C1: wrong PINs since the last right one, unblock or reset.
    pub failures: u32,
    /// When the PIN was blocked.
    pub blocked_since: Option<Timestamp>,
}

impl PinState {
    /// Whether the PIN is refused now; `block_duration` zero means until unblocked.
    #[must_use]
    pub fn blocked(self, block_duration: Duration, now: crate::time::Now) -> bool {
        self.blocked_since.is_some_and(|since| {
            block_duration.is_zero() || now.earliest() < since + block_duration
        })
    }
}

/// Use of the local password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PasswordState {
    /// First sign-in with it.
    pub activated_at: Option<Timestamp>,
    /// Last sign-in with it.
    pub last_used: Option<Timestamp>,
}

/// Which characters a PIN may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Charset {
    /// 0 to 9.
    #[default]
    Digits,
    /// Letters and digits of ASCII.
    Alphanumeric,
    /// Any printable sign of ASCII but the space.
    Printable,
}

/// Why a PIN or password is not good enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// Too short or too long.
    #[error("it must have from {min} to {max} characters")]
    Length {
        /// Shortest allowed.
        min: usize,
        /// Longest allowed.
        max: usize,
    },
    /// A character outside the alphabet.
    #[error("it has a character that is not allowed")]
    Charset,
    /// The same sign again and again, a run such as 123456, or the like.
    #[error("it is one of those that everybody tries first")]
    Common,
    /// The login name or the person's own phone number.
    #[error("it is part of the person's own data")]
    Personal,
}

/// What a PIN must be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinPolicy {
    /// Wrong PINs until the block (C1).
    pub max_failures: u32,
    /// How long a block lasts; zero: until unblocked.
    pub block_duration: Duration,
    /// A block locks the account.
    pub block_locks_account: bool,
    /// Shortest, in characters.
    pub min_length: usize,
    /// Longest, in characters.
    pub max_length: usize,
    /// Alphabet.
    pub charset: Charset,
    /// A PIN set by an operator is to be changed by the person.
    pub admin_reset_must_change: bool,
}

/// Shortest local password, in characters.
pub const PASSWORD_LENGTH_MIN: usize = 12;
/// Longest local password, in octets: User-Password carries 128 with the code behind it.
pub const PASSWORD_LENGTH_MAX: usize = 120;

/// Judges a new PIN for the owner of `profile`.
///
/// # Errors
/// The first weakness found.
pub fn check_pin(policy: &PinPolicy, profile: &Profile, pin: &[u8]) -> Result<(), Weakness> {
    if !(policy.min_length..=policy.max_length).contains(&pin.len()) {
        return Err(Weakness::Length {
            min: policy.min_length,
            max: policy.max_length,
        });
    }
    let allowed = |octet: &u8| match policy.charset {
        Charset::Digits => octet.is_ascii_digit(),
        Charset::Alphanumeric => octet.is_ascii_alphanumeric(),
        Charset::Printable => octet.is_ascii_graphic(),
    };
    if !pin.iter().all(allowed) {
        return Err(Weakness::Charset);
    }
    if is_run(pin) {
        return Err(Weakness::Common);
    }
    if is_personal(profile, pin) {
        return Err(Weakness::Personal);
    }
    Ok(())
}

/// Judges a new local password for the owner of `profile`.
///
/// # Errors
/// The first weakness found.
pub fn check_password(profile: &Profile, password: &[u8]) -> Result<(), Weakness> {
    let length = Weakness::Length {
        min: PASSWORD_LENGTH_MIN,
        max: PASSWORD_LENGTH_MAX,
    };
    let Ok(text) = std::str::from_utf8(password) else {
        return Err(Weakness::Charset);
    };
    if text.chars().count() < PASSWORD_LENGTH_MIN || password.len() > PASSWORD_LENGTH_MAX {
        return Err(length);
    }
    if text.chars().any(char::is_control) {
        return Err(Weakness::Charset);
    }
    if is_run(password) {
        return Err(Weakness::Common);
    }
    if text.to_lowercase() == profile.name {
        return Err(Weakness::Personal);
    }
    Ok(())
}

/// All signs alike, or each one up or down from the one before, or two halves alike.
fn is_run(secret: &[u8]) -> bool {
    let steps: Vec<i16> = secret
        .iter()
        .zip(secret.iter().skip(1))
        .map(|(a, b)| i16::from(*b) - i16::from(*a))
        .collect();
    let uniform = |wanted: i16| steps.iter().all(|step| *step == wanted);
    let (front, back) = secret.split_at(secret.len() / 2);
    // 1212, 123123: the shortest pattern repeated.
    let repeated = secret.len().is_multiple_of(2) && front == back;
    uniform(0) || uniform(1) || uniform(-1) || repeated || secret == b"1234567890"
}

fn is_personal(profile: &Profile, pin: &[u8]) -> bool {
    let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).collect::<Vec<u8>>();
    let in_phone = profile.phones.iter().any(|phone| {
        digits(&phone.address)
            .windows(pin.len())
            .any(|part| part == pin)
    });
    in_phone || profile.name.as_bytes().eq_ignore_ascii_case(pin)
}
