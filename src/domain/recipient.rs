//! Whom a message goes to: a mailbox or a telephone.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::message::Address;

/// Fewest and most digits of a number with its country code (ITU-T E.164; shorter ones are no numbers
/// of people).
const PHONE_DIGITS_MIN: usize = 8;
const PHONE_DIGITS_MAX: usize = 15;

/// Signs that people put between the digits.
const BETWEEN: &[char] = &[' ', '-', '.', '/', '(', ')'];

/// A telephone number with its country code, as `+` and digits (E.164).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Phone(String);

impl Phone {
    /// The number that `text` is; none without a country code: nobody could know where it is.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let number: String = text.chars().filter(|c| !BETWEEN.contains(c)).collect();
        let digits = number.strip_prefix('+')?;
        let fits = (PHONE_DIGITS_MIN..=PHONE_DIGITS_MAX).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|octet| octet.is_ascii_digit());
        fits.then_some(Self(number))
    }

    /// `+` and the digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digits alone.
    #[must_use]
    pub fn digits(&self) -> &str {
        self.0.trim_start_matches('+')
    }

    /// `+49 *** **67`: what the audit log keeps of it.
    #[must_use]
    pub fn masked(&self) -> String {
        let first = self.0.get(..3).unwrap_or_default();
        let last = self.0.get(self.0.len() - 2..).unwrap_or_default();
        format!("{first} *** **{last}")
    }
}

/// What carries a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// A mail server.
    Mail,
    /// An SMS gateway.
    Sms,
}

impl Channel {
    /// The word for it in lists and in the audit log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Sms => "sms",
        }
    }
}

/// Where a message goes. Both kinds are told apart by their form, so that what an older mfad has
/// stored is read as the address that it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Recipient {
    /// A mailbox.
    Mail(Address),
    /// A telephone.
    Phone(Phone),
}

impl Recipient {
    /// The address or number that `text` is; none: neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let phone = || Phone::parse(text).map(Self::Phone);
        Address::parse(text).map(Self::Mail).or_else(phone)
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Mail(address) => address.as_str(),
            Self::Phone(phone) => phone.as_str(),
        }
    }

    /// What carries a message there.
    #[must_use]
    pub const fn channel(&self) -> Channel {
        match self {
            Self::Mail(_) => Channel::Mail,
            Self::Phone(_) => Channel::Sms,
        }
    }

    /// What the audit log keeps of it.
    #[must_use]
    pub fn masked(&self) -> String {
        match self {
            Self::Mail(address) => address.masked(),
            Self::Phone(phone) => phone.masked(),
        }
    }
}

impl TryFrom<String> for Recipient {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("neither an e-mail address nor a telephone number")
    }
}

impl From<Recipient> for String {
    fn from(recipient: Recipient) -> Self {
        recipient.as_str().to_owned()
    }
}

impl From<Address> for Recipient {
    fn from(address: Address) -> Self {
        Self::Mail(address)
    }
}

impl From<Phone> for Recipient {
    fn from(phone: Phone) -> Self {
        Self::Phone(phone)
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_plus_and_digits() {
        for (text, number) in [
            ("+491701234567", "+491701234567"),
            ("+49 (170) 123-45.67", "+491701234567"),
            ("+12025550143", "+12025550143"),
        ] {
            assert_eq!(Phone::parse(text).unwrap().as_str(), number);
        }
        for bad in [
            "",
            "+",
            "+4917",
            "01701234567",
            "00491701234567",
            "+0491701234567",
            "+49170123456789012",
            "+49170123456\r\n7",
            "+49170123456&to=+4915",
            "+49170\u{661}234567",
            "491701234567+",
        ] {
            assert_eq!(Phone::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_number_is_covered_but_for_its_ends() {
        let phone = Phone::parse("+491701234567").unwrap();
        assert_eq!(phone.masked(), "+49 *** **67");
        assert_eq!(phone.digits(), "491701234567");
    }

    #[test]
    fn what_an_older_version_has_stored_is_read() {
        let read = |text| serde_json::from_str::<Recipient>(text);
        let mail = read("\"alice@example.org\"").unwrap();
        assert_eq!(
            (mail.channel(), mail.as_str()),
            (Channel::Mail, "alice@example.org")
        );
        let phone = read("\"+491701234567\"").unwrap();
        assert_eq!(phone.channel(), Channel::Sms);
        assert_eq!(serde_json::to_string(&phone).unwrap(), "\"+491701234567\"");
        assert!(read("\"alice\"").is_err());
    }
}
