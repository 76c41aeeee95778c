//! PINs and local passwords: what is stored, and which ones are good enough.
//!
//! Both are hashed with Argon2id over a keyed digest, outside the rules; what is checked here is
//! length, alphabet and the list of PINs that everybody tries first (domain rules 11.1).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::policy::{FirstFactorBy, GatewayPolicy};
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

/// A secret that its owner keeps in mind and mfad as a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Memorized {
    /// The PIN.
    Pin,
    /// The local password.
    Password,
}

impl Memorized {
    /// The one that is typed at `gateway`, if one is that mfad checks.
    #[must_use]
    pub const fn typed_at(gateway: &GatewayPolicy) -> Option<Self> {
        match gateway.first_factor {
            FirstFactorBy::Pin => Some(Self::Pin),
            FirstFactorBy::Local => Some(Self::Password),
            FirstFactorBy::Gateway | FirstFactorBy::None => None,
        }
    }

    /// The word for it in commands.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pin => "pin",
            Self::Password => "password",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        let all = [Self::Pin, Self::Password];
        all.into_iter().find(|secret| secret.name() == name)
    }

    /// What people call it where a sentence begins.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Pin => "PIN",
            Self::Password => "Password",
        }
    }

    /// What people call it.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Pin => "PIN",
            Self::Password => "password",
        }
    }
}

/// What follows when a person has set a new PIN or password in a sign-in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AfterChange {
    /// The Accept.
    #[default]
    Accept,
    /// A sign-in with the new one.
    Reauth,
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
    /// What follows when a person has changed it.
    pub after_change: AfterChange,
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

/// One sign or pattern again and again, or each sign one up or down from the one before.
fn is_run(secret: &[u8]) -> bool {
    let pairs = |apart| secret.iter().zip(secret.iter().skip(apart));
    // 000000, 121212, 123123.
    let repeats = |length: usize| {
        secret.len().is_multiple_of(length) && pairs(length).all(|(before, sign)| before == sign)
    };
    let climbs = pairs(1).all(|(before, sign)| before.checked_add(1) == Some(*sign));
    let falls = pairs(1).all(|(before, sign)| before.checked_sub(1) == Some(*sign));
    (1..=secret.len() / 2).any(repeats) || climbs || falls || secret == b"1234567890"
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

#[cfg(test)]
mod tests {
    use super::super::policy::Policy;
    use super::super::user::Contact;
    use super::*;

    fn alice() -> Profile {
        let phone = |address: &str| Contact {
            address: address.to_owned(),
            verified: false,
        };
        Profile {
            name: "alice4028171".to_owned(),
            phones: vec![phone("+49 170 555"), phone("+49 (30) 901-820")],
            ..Profile::default()
        }
    }

    fn pin(charset: Charset, pin: &str) -> Result<(), Weakness> {
        let policy = PinPolicy {
            charset,
            ..Policy::default().pin
        };
        check_pin(&policy, &alice(), pin.as_bytes())
    }

    #[test]
    fn a_pin_is_not_one_that_everybody_tries_first() {
        for common in [
            "000000",
            "121212",
            "123123",
            "123456",
            "654321",
            "1234567890",
            "456789",
        ] {
            assert_eq!(
                pin(Charset::Digits, common),
                Err(Weakness::Common),
                "{common}"
            );
        }
        for good in [
            "402817",
            "123457",
            "112233",
            "121213",
            "9876543211",
            "1212121",
        ] {
            assert_eq!(pin(Charset::Digits, good), Ok(()), "{good}");
        }
    }

    #[test]
    fn a_pin_has_the_signs_and_the_length_that_are_asked_for() {
        use Charset::{Alphanumeric, Digits, Printable};
        let length = Err(Weakness::Length { min: 6, max: 12 });
        assert_eq!(pin(Digits, "40281"), length);
        assert_eq!(pin(Digits, "4028171234567"), length);
        assert_eq!(pin(Digits, "402817123456"), Ok(()));
        for (signs, takes) in [
            ("40281x", [false, true, true]),
            ("40281!", [false, false, true]),
            ("40281 ", [false, false, false]),
        ] {
            let taken =
                [Digits, Alphanumeric, Printable].map(|charset| pin(charset, signs).is_ok());
            assert_eq!(taken, takes, "{signs}");
        }
    }

    #[test]
    fn a_pin_is_no_part_of_a_phone_number_and_not_the_name() {
        let personal = Err(Weakness::Personal);
        assert_eq!(pin(Charset::Digits, "170555"), personal);
        assert_eq!(pin(Charset::Digits, "090182"), personal);
        assert_eq!(pin(Charset::Alphanumeric, "ALICE4028171"), personal);
        assert_eq!(pin(Charset::Digits, "555493"), Ok(()), "of two numbers");
        assert_eq!(pin(Charset::Digits, "4028171"), Ok(()), "part of the name");
    }

    #[test]
    fn a_password_is_long_enough_to_guess_for_ever_and_short_enough_to_send() {
        let judged = |password: &str| check_password(&alice(), password.as_bytes());
        let length = Err(Weakness::Length { min: 12, max: 120 });
        assert_eq!(judged("correct hors"), Ok(()));
        assert_eq!(judged("correct hor"), length);
        assert_eq!(judged("säße überall"), Ok(()), "characters, not octets");
        assert_eq!(judged(&format!("{}x", "ab c".repeat(29))), Ok(()));
        assert_eq!(judged(&format!("{}xyz!", "ab c".repeat(29))), Ok(()));
        assert_eq!(judged(&format!("{}xyz!.", "ab c".repeat(29))), length);
        assert_eq!(judged("correct\thorse"), Err(Weakness::Charset));
        assert_eq!(judged("horse horse "), Err(Weakness::Common));
        assert_eq!(judged("Alice4028171"), Err(Weakness::Personal));
        let octets = check_password(&alice(), &[0xff; 20]);
        assert_eq!(octets, Err(Weakness::Charset));
    }
}
