//! Tokens whose codes are sent: where to, and the code that is out (G7, R33, R36).
//!
//! A token of type sms or email has an address of its own; a virtual one sends to the main address
//! that its owner has of that kind, wherever that is at the time. The record keeps a keyed hash of
//! the code that was sent last; it is good once, for a few minutes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::command::words::{mask_email, mask_phone};
use super::message::Address;
use super::notice::Language;
use super::recipient::{Channel, Phone, Recipient};
use super::token_record::{Token, TokenKind};
use super::user::{Contact, Profile};
use crate::time::{Now, Timestamp};
use crate::token::Digits;

/// Codes that one person may be sent within this time: `sent_code.max_per_hour`.
pub const SENDS_WITHIN: Duration = Duration::from_secs(3600);

/// By what a code is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// E-mail.
    Email,
    /// A text message.
    Sms,
}

impl Via {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Email, Self::Sms];

    /// The word for it on the command line and in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
        }
    }

    /// What it is called in a sentence.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Email => "e-mail",
            Self::Sms => "SMS",
        }
    }

    /// What an address of this kind is called.
    #[must_use]
    pub const fn address_words(self) -> &'static str {
        match self {
            Self::Email => "e-mail address",
            Self::Sms => "phone number",
        }
    }

    /// The one with this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|via| via.name() == name)
    }

    /// What carries it.
    #[must_use]
    pub const fn channel(self) -> Channel {
        match self {
            Self::Email => Channel::Mail,
            Self::Sms => Channel::Sms,
        }
    }

    /// Whom a message to such an address goes to; none: nothing can be sent there.
    #[must_use]
    pub fn recipient(self, address: &str) -> Option<Recipient> {
        match self {
            Self::Email => Address::parse(address).map(Recipient::Mail),
            Self::Sms => Phone::parse(address).map(Recipient::Phone),
        }
    }

    /// The addresses of this kind, the main one first.
    #[must_use]
    pub fn contacts(self, profile: &Profile) -> &[Contact] {
        match self {
            Self::Email => &profile.emails,
            Self::Sms => &profile.phones,
        }
    }

    /// The same, for writing.
    pub const fn contacts_mut(self, profile: &mut Profile) -> &mut Vec<Contact> {
        match self {
            Self::Email => &mut profile.emails,
            Self::Sms => &mut profile.phones,
        }
    }

    /// What everybody may see of such an address.
    #[must_use]
    pub fn masked(self, address: &str) -> String {
        match self {
            Self::Email => mask_email(address),
            Self::Sms => mask_phone(address),
        }
    }
}

/// Where the codes of a token go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// By what.
    pub via: Via,
    /// Its own address; none: the main one of its owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The code that was sent last, until it is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<SentCode>,
    /// What a newer daemon wrote here.
    #[serde(flatten)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// A code that was sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SentCode {
    /// Keyed hash, [`crate::token::sent_code::fingerprint`].
    #[serde(with = "super::sealed::hex_32")]
    pub hash: [u8; 32],
    /// Where it went.
    pub to: String,
    /// First instant at which it is no longer good.
    pub expires: Timestamp,
}

impl SentCode {
    /// Whether its time is over.
    #[must_use]
    pub fn over(&self, now: Now) -> bool {
        now.latest() >= self.expires
    }
}

/// Where the next code of a token goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination<'a> {
    /// By what.
    pub via: Via,
    /// The address.
    pub address: &'a str,
    /// Its owner has proven to receive what is sent there.
    pub verified: bool,
}

impl Destination<'_> {
    /// The address as everybody may see it.
    #[must_use]
    pub fn masked(&self) -> String {
        self.via.masked(self.address)
    }
}

/// Where the next code of `token` goes; none: its codes are not sent, or there is no address.
#[must_use]
pub fn destination<'a>(token: &'a Token, profile: &'a Profile) -> Option<Destination<'a>> {
    let delivery = token.delivery.as_ref()?;
    let contacts = delivery.via.contacts(profile);
    let main = || contacts.first().map(|contact| contact.address.as_str());
    let address = delivery.address.as_deref().or_else(main)?;
    let known = |contact: &Contact| contact.verified && contact.address == address;
    Some(Destination {
        via: delivery.via,
        address,
        verified: contacts.iter().any(known),
    })
}

/// The codes that `profile` was sent within the hour, with one that is sent now.
///
/// # Errors
/// It may be sent none before this time.
pub fn paced(profile: &Profile, most: usize, now: Now) -> Result<Vec<Timestamp>, Timestamp> {
    let within = |at: &&Timestamp| now.earliest() < **at + SENDS_WITHIN;
    let mut sends: Vec<Timestamp> = profile.code_sends.iter().filter(within).copied().collect();
    match sends.first() {
        Some(first) if sends.len() >= most => Err(*first + SENDS_WITHIN),
        _ => {
            sends.push(now.latest());
            Ok(sends)
        }
    }
}

/// Rules of codes that are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentCodePolicy {
    /// Length.
    pub digits: Digits,
    /// How long one is good.
    pub ttl: Duration,
    /// How many one person may be sent in an hour.
    pub max_per_hour: usize,
    /// How many for one question.
    pub max_per_dialogue: u8,
    /// How many by SMS without a sign-in in between: `sms.max_unanswered`.
    pub sms_max_unanswered: u32,
}

/// The defaults of the manual.
impl Default for SentCodePolicy {
    fn default() -> Self {
        Self {
            digits: Digits::SIX,
            ttl: Duration::from_secs(300),
            max_per_hour: 5,
            max_per_dialogue: 3,
            sms_max_unanswered: 10,
        }
    }
}

/// What the site says of one type of token, besides whether it is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeRule {
    /// The type.
    pub kind: TokenKind,
    /// Out of date: none is added, and those that are there are obsolete (5.2).
    pub withdrawn: bool,
    /// Operators may add one for somebody.
    pub operator_enrol: bool,
    /// What people call it, by language; none: in every language that has no word of its own.
    pub labels: Vec<(Option<Language>, String)>,
}

impl TypeRule {
    /// What people call it who read this language, if the site says so.
    #[must_use]
    pub fn label(&self, language: Language) -> Option<&str> {
        let of = |wanted| self.labels.iter().find(|(stated, _)| *stated == wanted);
        let stated = of(Some(language)).or_else(|| of(None));
        stated.map(|(_, text)| text.as_str())
    }
}
