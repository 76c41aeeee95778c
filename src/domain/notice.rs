//! Which change is told to whom: the table from events to messages (R14, 8.3).
//!
//! A change that touches how a person signs in is told to every address that this person has proven
//! to read, before and after the change; a lock is told to the site's administrators as well, and that
//! somebody who has lost a token has no address to mail a code to. One
//! change makes one message for each of them, whatever it did. The words are in `words`, in English
//! and German.
//!
//! A text message costs money and disturbs, so a telephone is told in two cases only: the person has
//! proven no mail address that can be reached, or the change is one by which an account changes hands
//! (a new token, other addresses), which whoever has taken over the mailbox would keep from the owner.
//!
//! [`messages`] runs in the writer, on the events of the change, and its messages are committed with
//! it. It passes a sign-in over by its event's name alone: only what stands in [`Notice::of`] costs
//! anything.

mod letters;
pub mod reminder;
mod words;

use super::event::{Actor, Event, EventResult, Origin, Source};
use super::lockout::LockReason;
use super::message::{About, Address, Line, Message, MessageId};
use super::policy::Policy;
use super::recipient::{Channel, Phone, Recipient};
use super::user::{Contact, Profile, UserRecord};
use crate::time::Timestamp;

pub use letters::{Enclosure, enclosing};

/// Why a device authorization code is not mailed: there is no proven address that mail reaches.
pub const NO_ADDRESS: &str = "no_address";

/// Addresses of one person that are told, at most, and telephones.
const ADDRESSES_MAX: usize = 4;

/// Tokens that one letter names, at most.
const TOKENS_MAX: usize = 10;

/// Who is told besides the person, and how. A site with neither a mail server nor an SMS gateway has
/// none, and then no message is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notices {
    /// There is a mail server.
    pub mail: bool,
    /// There is an SMS gateway.
    pub sms: bool,
    /// Told of every lock, and of whom no code can be mailed to, by mail.
    pub admins: Vec<Address>,
}

/// A language that messages are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// German.
    German,
}

impl Language {
    /// The language of a tag such as `de` or `de-AT`; none if there are no words in it.
    #[must_use]
    pub fn of(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next().unwrap_or_default();
        match primary.to_ascii_lowercase().as_str() {
            "en" => Some(Self::English),
            "de" => Some(Self::German),
            _ => None,
        }
    }
}

impl Notices {
    /// Whether there is somebody who carries messages of this channel.
    #[must_use]
    pub const fn carries(&self, channel: Channel) -> bool {
        match channel {
            Channel::Mail => self.mail,
            Channel::Sms => self.sms,
        }
    }
}

/// Something that a person is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notice {
    Locked(LockReason),
    Unlocked,
    PinBlocked,
    PinReset,
    PinChanged,
    PinCleared,
    PasswordSet,
    PasswordChanged,
    PasswordCleared,
    Replaced,
    Revoked,
    TokenAdded,
    TokenReady,
    TokenEdited,
    TokenDisabled,
    TokenDeleted,
    TokenResynced,
    TokenVoid,
    SecretReset,
    AuthCodeMade,
    AuthCodeUsed,
    Suspicious,
    RecoveryIssued,
    RecoveryUsed,
    QuestionsSet,
    QuestionsCleared,
    EmergencyUsed,
    PassthroughEnabled,
    PassthroughRenewed,
    PassthroughEnding,
    PassthroughEnded,
    ContactsChanged,
    NoAddress,
}

impl Notice {
    /// What `event` tells the person; none: nothing.
    fn of(event: &Event, before: Option<&UserRecord>, after: &UserRecord) -> Option<Self> {
        let unreachable = event.reason.as_deref() == Some(NO_ADDRESS);
        if event.result != EventResult::Ok && !unreachable {
            return None;
        }
        let notice = match event.name {
            "user.locked" => Self::Locked(after.auth.lock.as_ref()?.reason),
            "user.unlocked" => Self::Unlocked,
            "user.state" => match event.after.as_ref()?.as_str()? {
                "replace" => Self::Replaced,
                "revoke" => Self::Revoked,
                _ => return None,
            },
            "user.edited" if contacts_differ(before?, after) => Self::ContactsChanged,
            "pin.blocked" => Self::PinBlocked,
            "pin.reset" => Self::PinReset,
            "pin.changed" => Self::PinChanged,
            "pin.cleared" => Self::PinCleared,
            "password.set" => Self::PasswordSet,
            "password.changed" => Self::PasswordChanged,
            "password.cleared" => Self::PasswordCleared,
            "token.enrolled" => Self::TokenAdded,
            "token.registered" => Self::TokenReady,
            "token.edited" => Self::TokenEdited,
            "token.disabled" => Self::TokenDisabled,
            "token.deleted" | "hw.unassigned" | "recovery.revoked" => Self::TokenDeleted,
            "token.resynced" => Self::TokenResynced,
            "token.obsolete" => Self::TokenVoid,
            "token.secret_reset" => Self::SecretReset,
            "authcode.created" => Self::AuthCodeMade,
            "authcode.used" | "deviceauth.ok" => Self::AuthCodeUsed,
            "deviceauth.failed" if unreachable => Self::NoAddress,
            "auth.suspicious" => Self::Suspicious,
            "recovery.issued" => Self::RecoveryIssued,
            "recovery.used" => Self::RecoveryUsed,
            "qa.set" => Self::QuestionsSet,
            "qa.cleared" => Self::QuestionsCleared,
            "emergency.ok" | "emergency.failed" => Self::EmergencyUsed,
            "passthrough.enabled" => Self::PassthroughEnabled,
            "passthrough.renewed" => Self::PassthroughRenewed,
            "passthrough.warned" => Self::PassthroughEnding,
            "passthrough.ended" => Self::PassthroughEnded,
            _ => return None,
        };
        Some(notice)
    }

    /// The word for it in lists and in the audit log.
    const fn name(self) -> &'static str {
        match self {
            Self::Locked(_) => "locked",
            Self::Unlocked => "unlocked",
            Self::PinBlocked => "pin-blocked",
            Self::PinReset => "pin-reset",
            Self::PinChanged => "pin-changed",
            Self::PinCleared => "pin-cleared",
            Self::PasswordSet => "password-set",
            Self::PasswordChanged => "password-changed",
            Self::PasswordCleared => "password-cleared",
            Self::Replaced => "replace",
            Self::Revoked => "revoke",
            Self::TokenAdded => "token-added",
            Self::TokenReady => "token-ready",
            Self::TokenEdited => "token-edited",
            Self::TokenDisabled => "token-disabled",
            Self::TokenDeleted => "token-deleted",
            Self::TokenResynced => "token-reset",
            Self::TokenVoid => "token-void",
            Self::SecretReset => "secret-reset",
            Self::AuthCodeMade => "auth-code-made",
            Self::AuthCodeUsed => "auth-code-used",
            Self::Suspicious => "wrong-codes",
            Self::RecoveryIssued => "recovery-issued",
            Self::RecoveryUsed => "recovery-used",
            Self::QuestionsSet => "questions-set",
            Self::QuestionsCleared => "questions-cleared",
            Self::EmergencyUsed => "emergency-access",
            Self::PassthroughEnabled => "passthrough-enabled",
            Self::PassthroughRenewed => "passthrough-renewed",
            Self::PassthroughEnding => "passthrough-ending",
            Self::PassthroughEnded => "passthrough-ended",
            Self::ContactsChanged => "contacts-changed",
            Self::NoAddress => "no-address",
        }
    }

    /// Whether it is about tokens, which are named then.
    const fn names_tokens(self) -> bool {
        matches!(
            self,
            Self::TokenAdded
                | Self::TokenReady
                | Self::TokenEdited
                | Self::TokenDisabled
                | Self::TokenDeleted
                | Self::TokenResynced
                | Self::TokenVoid
                | Self::SecretReset
        )
    }

    /// Whether an account changes hands by it, so that a telephone is told too.
    const fn changes_hands(self) -> bool {
        matches!(
            self,
            Self::TokenAdded | Self::TokenReady | Self::ContactsChanged
        )
    }
}

fn contacts_differ(before: &UserRecord, after: &UserRecord) -> bool {
    let (before, after) = (&before.profile, &after.profile);
    let address = |contact: &Contact| contact.address.clone();
    let same = |before: &[Contact], after: &[Contact]| {
        before.iter().map(address).eq(after.iter().map(address))
    };
    !same(&before.emails, &after.emails) || !same(&before.phones, &after.phones)
}

/// A change that was judged, as far as it is told.
#[derive(Clone, Copy)]
pub struct Told<'a> {
    /// What happened, in order.
    pub events: &'a [Event],
    /// Who caused it, from where.
    pub origin: &'a Origin,
    /// The record before; none: a new person.
    pub before: Option<&'a UserRecord>,
    /// The record after.
    pub after: &'a UserRecord,
    /// When.
    pub at: Timestamp,
}

/// The messages that tell a change.
#[must_use]
pub fn messages(told: Told<'_>, policy: &Policy) -> Vec<Message> {
    let Some(notices) = &policy.notices else {
        return Vec::new();
    };
    let events = told.events.iter();
    let mut tidings: Vec<Notice> = Vec::new();
    for notice in events.filter_map(|event| Notice::of(event, told.before, told.after)) {
        if !tidings.contains(&notice) {
            tidings.push(notice);
        }
    }
    let find = |which: fn(&&Notice) -> bool| tidings.iter().find(which).copied();
    let lock = find(|notice| matches!(notice, Notice::Locked(_)));
    let for_admins = lock.or_else(|| find(|notice| **notice == Notice::NoAddress));
    // The lock says that the PIN was the reason, and that there were wrong codes.
    let by_lock = [Notice::PinBlocked, Notice::Suspicious];
    tidings.retain(|notice| lock.is_none() || !by_lock.contains(notice));
    let Some(first) = tidings.first() else {
        return Vec::new();
    };
    let own = policy.language_of(&told.after.profile);
    let facts = Facts::of(told, policy, own);
    let mut made = Vec::new();
    for to in readers(told, &tidings, notices) {
        let letter = match to {
            Recipient::Mail(_) => words::to_user(own, *first, &tidings, &facts),
            Recipient::Phone(_) => words::to_phone(own, *first, &tidings, &facts),
        };
        made.push(message(told, &tidings, to, letter));
    }
    if let Some(notice) = for_admins {
        let letter = words::to_admin(policy.language, notice, &facts);
        for admin in &notices.admins {
            let to = Recipient::from(admin.clone());
            if !made.iter().any(|message| message.to == to) {
                made.push(message(told, &tidings, to, letter.clone()));
            }
        }
    }
    made
}

/// Where the person is told.
fn readers(told: Told<'_>, tidings: &[Notice], notices: &Notices) -> Vec<Recipient> {
    let mut readers = Vec::new();
    if notices.mail {
        let mail = |text: &str| Address::parse(text).map(Recipient::Mail);
        readers = proven(told, |profile| &profile.emails, mail);
    }
    if notices.sms && (readers.is_empty() || tidings.iter().any(|one| one.changes_hands())) {
        let phone = |text: &str| Phone::parse(text).map(Recipient::Phone);
        readers.extend(proven(told, |profile| &profile.phones, phone));
    }
    readers
}

/// What the person has proven to read, before the change or after it.
fn proven(
    told: Told<'_>,
    contacts: fn(&Profile) -> &[Contact],
    read: fn(&str) -> Option<Recipient>,
) -> Vec<Recipient> {
    let mut found = Vec::new();
    for record in told.before.into_iter().chain([told.after]) {
        let contacts = contacts(&record.profile).iter();
        for contact in contacts.filter(|contact| contact.verified) {
            if let Some(recipient) = read(&contact.address)
                && !found.contains(&recipient)
                && found.len() < ADDRESSES_MAX
            {
                found.push(recipient);
            }
        }
    }
    found
}

fn message(told: Told<'_>, tidings: &[Notice], to: Recipient, letter: Letter) -> Message {
    let names: Vec<&str> = tidings.iter().map(|notice| notice.name()).collect();
    Message {
        id: MessageId::of(told.after, &to, told.at),
        to,
        what: names.join(","),
        about: Some(About {
            id: told.after.id,
            user: told.after.name().to_owned(),
        }),
        subject: letter.subject,
        text: letter.text,
        enclosed: None,
        at: told.at,
        until: None,
        extra: serde_json::Map::new(),
    }
}

/// Subject and text.
#[derive(Clone)]
struct Letter {
    subject: Line,
    text: String,
}

/// What a letter says of the change, each in one line.
struct Facts {
    issuer: Line,
    user: Line,
    name: Line,
    at: Timestamp,
    /// When the lock ends.
    ends: Option<Timestamp>,
    /// When the passthrough ends of which is warned.
    grant_ends: Option<Timestamp>,
    /// The tokens that it is about.
    tokens: Vec<Line>,
    operator: Option<Line>,
    gateway: Option<Line>,
    station: Option<Line>,
}

impl Facts {
    fn of(told: Told<'_>, policy: &Policy, language: Language) -> Self {
        let profile = &told.after.profile;
        let name = match profile.display_name.as_str() {
            "" => &profile.name,
            name => name,
        };
        let operator = match &told.origin.actor {
            Actor::Operator(operator) => Some(Line::new(&operator.name)),
            Actor::User | Actor::System => None,
        };
        let from = |of: fn(&Source) -> &str| {
            let text = of(told.origin.source.as_ref()?);
            (!text.is_empty()).then(|| Line::new(text))
        };
        Self {
            issuer: Line::new(&policy.issuer),
            user: Line::new(&profile.name),
            name: Line::new(name),
            at: told.at,
            ends: told
                .after
                .auth
                .lock
                .as_ref()
                .and_then(|lock| lock.auto_until),
            grant_ends: profile
                .grants
                .iter()
                .filter(|grant| grant.warned.is_some() && grant.until > told.at)
                .map(|grant| grant.until)
                .min(),
            tokens: tokens(told, policy, language),
            operator,
            gateway: from(|source| &source.gateway),
            station: from(|source| &source.station),
        }
    }
}

/// What its owner knows a token by: `app codes, iPhone 15 (T-8F3K2)`. Where its codes go is not said.
fn tokens(told: Told<'_>, policy: &Policy, language: Language) -> Vec<Line> {
    let mut lines = Vec::new();
    for event in told.events {
        let notice = Notice::of(event, told.before, told.after);
        let about = event
            .token
            .filter(|_| notice.is_some_and(Notice::names_tokens));
        let before = |id| told.before?.token(id);
        let Some(token) = about.and_then(|id| told.after.token(id).or_else(|| before(id))) else {
            continue;
        };
        let label = policy.label(token.kind, language);
        let what = match token.description.as_str() {
            "" => format!("{label} ({})", token.id),
            description => format!("{label}, {description} ({})", token.id),
        };
        let line = Line::new(&what);
        if !lines.contains(&line) && lines.len() < TOKENS_MAX {
            lines.push(line);
        }
    }
    lines
}

/// The message of `mfactl notify test`.
#[must_use]
pub fn test(id: MessageId, to: Recipient, policy: &Policy, at: Timestamp) -> Message {
    let letter = words::test(
        policy.language,
        to.channel(),
        &Line::new(&policy.issuer),
        at,
    );
    Message {
        id,
        to,
        what: "test".to_owned(),
        about: None,
        subject: letter.subject,
        text: letter.text,
        enclosed: None,
        at,
        until: None,
        extra: serde_json::Map::new(),
    }
}

#[cfg(test)]
mod tests;
