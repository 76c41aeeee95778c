//! A message to a person, and what its parts can hold.
//!
//! A [`Message`] is a record of the store from the change that causes it until a mail server or an SMS
//! gateway has taken it. It is words only: a link, seed or code that it brings is sealed beside them
//! ([`Enclosed`]) and opened by the sender alone. Its parts make a bad one impossible: an [`Address`]
//! is one mailbox that can stand in a command of SMTP, a [`Recipient`] is one or a telephone number, a
//! [`Line`] has no line end, so nothing that somebody has typed becomes a header.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::event::Event;
use super::recipient::Recipient;
use super::sealed::{Sealed, hex, unhex};
use super::user::{UserId, UserRecord};
use crate::time::{Now, Timestamp};

/// Why a message was given up that made room for a new one.
pub const OUTBOX_FULL: &str = "the outbox is full";

/// Longest address, in octets (RFC 5321 s4.5.3.1.3, without the angle brackets).
pub const ADDRESS_OCTETS_MAX: usize = 254;

/// Longest part before the `@`, in octets (RFC 5321 s4.5.3.1.1).
const LOCAL_OCTETS_MAX: usize = 64;

/// Longest line, in characters; what is longer is cut.
const LINE_CHARS_MAX: usize = 160;

/// Signs that mean something in a header or command and may not stand in an address.
const STRANGE: &[char] = &['<', '>', '(', ')', '[', ']', ',', ';', ':', '\\', '"', '@'];

/// Stands in a text where what is enclosed is put in when it is sent: the sign that Unicode has for a
/// thing that is no text.
pub const ENCLOSED: char = '\u{fffc}';

/// One mailbox, `local@domain` in ASCII.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(String);

impl Address {
    /// The address that `text` is; none if it is not one, or not one that every server takes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (local, domain) = text.rsplit_once('@')?;
        let plain = |part: &str| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|c| c.is_ascii_graphic() && !STRANGE.contains(&c))
        };
        let label = |label: &str| {
            !label.is_empty()
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
                && !label.starts_with('-')
        };
        let fits = text.len() <= ADDRESS_OCTETS_MAX && local.len() <= LOCAL_OCTETS_MAX;
        (fits && plain(local) && domain.split('.').all(label)).then(|| Self(text.to_owned()))
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands behind the `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// `a***e@example.org`: what the audit log keeps of it.
    #[must_use]
    pub fn masked(&self) -> String {
        let (local, domain) = self.0.rsplit_once('@').unwrap_or_default();
        match (local.chars().next(), local.chars().next_back()) {
            (Some(first), Some(last)) if local.len() > 2 => format!("{first}***{last}@{domain}"),
            _ => format!("***@{domain}"),
        }
    }
}

impl TryFrom<String> for Address {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("no e-mail address")
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One line of text, without control characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Line(String);

impl Line {
    /// `text` in one line: each control character becomes a blank, and what is too long is cut.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let plain = text.chars().map(|c| if breaks(c) { ' ' } else { c });
        Self(plain.take(LINE_CHARS_MAX).collect())
    }

    /// The line.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether some reader takes `c` for the end of a line, or hides what follows, or the sender for the
/// place of what is enclosed.
fn breaks(c: char) -> bool {
    c.is_control()
        || c == ENCLOSED
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl From<Line> for String {
    fn from(line: Line) -> Self {
        line.0
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names a message for ever: the same in the store, in the audit log and in its Message-ID, so that
/// a mail server that gets it twice can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MessageId(pub [u8; 16]);

impl MessageId {
    /// The id of what the change that made this record tells `to`: a record has each revision once.
    #[must_use]
    pub fn of(record: &UserRecord, to: &Recipient, at: Timestamp) -> Self {
        let digest = Sha256::new()
            .chain_update(record.id.0)
            .chain_update(record.auth.revision.to_be_bytes())
            .chain_update(at.0.to_be_bytes())
            .chain_update(to.as_str())
            .finalize();
        Self::from_digest(&digest)
    }

    /// The id that a digest of everything that names the message begins with.
    #[must_use]
    pub fn from_digest(digest: &[u8]) -> Self {
        let mut id = [0; 16];
        id.iter_mut().zip(digest).for_each(|(to, from)| *to = *from);
        Self(id)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl TryFrom<String> for MessageId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let octets = unhex(&text).and_then(|octets| octets.try_into().ok());
        octets.map(Self).ok_or("no id of a message")
    }
}

impl From<MessageId> for String {
    fn from(id: MessageId) -> Self {
        id.to_string()
    }
}

/// A secret that a message brings: sealed for [`super::sealed::Field::Message`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enclosed {
    /// What it is.
    pub kind: EnclosedKind,
    /// The secret.
    pub sealed: Sealed,
}

/// What is enclosed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EnclosedKind {
    /// Address of the enrolment page, with its one-time secret.
    EnrolLink,
    /// Address of the page that confirms an address, with its one-time secret.
    ConfirmLink,
    /// The otpauth URI of a token.
    Seed,
    /// An auth code.
    AuthCode,
    /// A code of a token whose codes are sent.
    Code,
    /// The same for a sign-in.
    SignInCode,
    /// A device authorization code.
    DeviceCode,
}

impl EnclosedKind {
    /// The word for it in lists and in the audit log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EnrolLink => "enrolment-link",
            Self::ConfirmLink => "confirmation-link",
            Self::Seed => "enrolment-seed",
            Self::AuthCode => "auth-code",
            Self::Code => "code",
            Self::SignInCode => "sign-in-code",
            Self::DeviceCode => "device-authorization-code",
        }
    }

    /// Whether a picture of it is sent along: a QR code for the phone.
    #[must_use]
    pub const fn drawn(self) -> bool {
        matches!(self, Self::EnrolLink | Self::Seed)
    }
}

/// A message that waits to be sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its name.
    pub id: MessageId,
    /// To whom.
    pub to: Recipient,
    /// What it tells, as a word for lists and the audit log.
    pub what: String,
    /// Whom it is about; none for a test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<About>,
    /// Subject line, of a mail.
    pub subject: Line,
    /// The text, in lines that end with `\n`.
    pub text: String,
    /// What nobody but the person may read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enclosed: Option<Enclosed>,
    /// When its change was made.
    pub at: Timestamp,
    /// First instant at which it is of no use, so that it is not sent any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// What a newer daemon wrote here.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Message {
    /// Whether it is of no use any more.
    #[must_use]
    pub fn stale(&self, now: Now) -> bool {
        self.until.is_some_and(|until| now.latest() >= until)
    }

    /// A server has taken it, at the try of this number.
    #[must_use]
    pub fn sent(&self, tries: u32) -> Event {
        self.outcome("notify.sent").detail("tries", tries)
    }

    /// It is not sent, and never will be.
    #[must_use]
    pub fn failed(&self, why: &str) -> Event {
        let why = Line::new(why);
        self.outcome("notify.failed").detail("why", why.as_str())
    }

    fn outcome(&self, name: &'static str) -> Event {
        let event = Event::new(name)
            .detail("message", self.id.to_string())
            .detail("what", self.what.as_str())
            .detail("channel", self.to.channel().name())
            .detail("to", self.to.masked());
        match &self.about {
            Some(about) => event.user(about.id, &about.user),
            None => event,
        }
    }
}

/// The person a message is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Id.
    pub id: UserId,
    /// Login name at that time.
    pub user: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_mailbox() {
        for good in [
            "alice@example.org",
            "a.b+c@xn--mnchen-3ya.de",
            "root@localhost",
        ] {
            assert_eq!(Address::parse(good).unwrap().as_str(), good);
        }
        let long = format!("{}@example.org", "a".repeat(65));
        for bad in [
            "",
            "alice",
            "@example.org",
            "alice@",
            "alice@example..org",
            "al ice@example.org",
            "alice@example.org\r\nRCPT TO:<eve@example.org>",
            "a@b@example.org",
            "alice@example.org,eve@example.org",
            "<alice@example.org>",
            "ali\u{0}ce@example.org",
            "\u{e4}@example.org",
            "alice@ex\u{e4}mple.org",
            "\"a b\"@example.org",
            "a@-x.org",
            &long,
        ] {
            assert_eq!(Address::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_audit_log_keeps_the_ends_of_an_address() {
        let masked = |text| Address::parse(text).unwrap().masked();
        assert_eq!(masked("alice@example.org"), "a***e@example.org");
        assert_eq!(masked("al@example.org"), "***@example.org");
    }

    #[test]
    fn a_line_cannot_become_two() {
        let line = Line::new("locked\r\nBcc: eve@example.org\u{2028}\u{202e}x");
        assert_eq!(line.as_str(), "locked  Bcc: eve@example.org  x");
        assert_eq!(
            Line::new("a\u{fffc}b").as_str(),
            "a b",
            "nobody names the place"
        );
        assert_eq!(Line::new(&"x".repeat(500)).as_str().len(), LINE_CHARS_MAX);
        let read: Line = serde_json::from_str("\"a\\nb\"").unwrap();
        assert_eq!(
            read.as_str(),
            "a b",
            "what is read from the store is checked too"
        );
    }

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let id = MessageId([0xa5; 16]);
        let text = serde_json::to_string(&id).unwrap();
        assert_eq!(serde_json::from_str::<MessageId>(&text).unwrap(), id);
        assert!(serde_json::from_str::<MessageId>("\"a5\"").is_err());
        assert!(serde_json::from_str::<Address>("\"a b\"").is_err());
    }
}
