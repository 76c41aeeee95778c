//! What the audit log keeps of a change: its events, and who caused them.
//!
//! The rules return events; the engine writes them in the same transaction as the change. An
//! event never carries a password, PIN, code, seed or a clear address.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::Value;
use smol_str::SmolStr;

use super::action::Role;
use super::user::UserId;
use crate::token::TokenId;

/// Whether the thing that an event names happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventResult {
    /// It did.
    Ok,
    /// It was refused.
    Refused,
    /// It was asked for and changed nothing.
    Unchanged,
}

impl EventResult {
    /// The word in the record.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Unchanged => "unchanged",
        }
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Dotted name, such as `auth.accept` or `user.locked`.
    pub name: &'static str,
    /// Whether it happened.
    pub result: EventResult,
    /// The user it is about.
    pub user: Option<(UserId, SmolStr)>,
    /// The token it is about.
    pub token: Option<TokenId>,
    /// What was so before.
    pub before: Option<Value>,
    /// What is so now.
    pub after: Option<Value>,
    /// The operator's words, or the rule's name for a Reject.
    pub reason: Option<Cow<'static, str>>,
    /// Further fields of the event, under `detail`.
    pub detail: Vec<(&'static str, Value)>,
}

/// Whether events of this name are verdicts: what a gateway is answered. Others of `auth.` stand beside
/// one.
#[must_use]
pub fn is_verdict(name: &str) -> bool {
    matches!(
        name,
        "auth.accept" | "auth.challenge" | "auth.reject" | "auth.replay"
    )
}

impl Event {
    /// An event that happened, about nobody yet.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            result: EventResult::Ok,
            user: None,
            token: None,
            before: None,
            after: None,
            reason: None,
            detail: Vec::new(),
        }
    }

    /// Names the user it is about.
    #[must_use]
    pub fn user(mut self, id: UserId, name: &str) -> Self {
        self.user = Some((id, SmolStr::new(name)));
        self
    }

    /// Names the token it is about.
    #[must_use]
    pub const fn token(mut self, id: TokenId) -> Self {
        self.token = Some(id);
        self
    }

    /// Says what changed.
    #[must_use]
    pub fn change(mut self, before: impl Into<Value>, after: impl Into<Value>) -> Self {
        self.before = Some(before.into());
        self.after = Some(after.into());
        self
    }

    /// Gives the reason.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<Cow<'static, str>>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Adds a field.
    #[must_use]
    pub fn detail(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.detail.push((key, value.into()));
        self
    }

    /// Marks it as refused.
    #[must_use]
    pub const fn refused(mut self) -> Self {
        self.result = EventResult::Refused;
        self
    }

    /// Marks it as asked for and without effect.
    #[must_use]
    pub const fn unchanged(mut self) -> Self {
        self.result = EventResult::Unchanged;
        self
    }
}

/// A person on the control socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Numeric user id, from the kernel.
    pub uid: u32,
    /// Login name of that uid, for people to read.
    pub name: Arc<str>,
    /// The highest role that configuration maps the uid or its groups to.
    pub role: Role,
}

impl Operator {
    /// Whether the operator is the person named `user`; root is nobody's equal.
    #[must_use]
    pub fn is(&self, user: &str) -> bool {
        self.uid != 0 && *self.name == *user
    }
}

/// Who caused a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A person on the control socket.
    Operator(Operator),
    /// The user, through a gateway.
    User,
    /// mfad itself.
    System,
}

/// Where an attempt came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Name of the gateway.
    pub gateway: Arc<str>,
    /// Address and port the datagram came from.
    pub address: SocketAddr,
    /// Calling-Station-Id; empty if none was sent.
    pub station: SmolStr,
    /// NAS-Identifier, or NAS-IP-Address as text; empty if none was sent.
    pub nas: SmolStr,
}

/// What a change answers to: the id of a command, or the digest of a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestRef {
    /// Made by mfad itself.
    None,
    /// Given by the client of the control socket.
    Command(String),
    /// SHA-256 of the datagram.
    Datagram([u8; 32]),
}

/// Who, from where, in answer to what: the same for all events of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Who caused it.
    pub actor: Actor,
    /// The gateway it came through.
    pub source: Option<Source>,
    /// What it answers.
    pub request: RequestRef,
}

impl Origin {
    /// A change that mfad made by itself.
    #[must_use]
    pub const fn system() -> Self {
        Self {
            actor: Actor::System,
            source: None,
            request: RequestRef::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_its_result_in_a_word() {
        let results = [
            Event::new("user.locked"),
            Event::new("user.locked").refused(),
            Event::new("user.locked").unchanged(),
        ];
        assert_eq!(
            results.map(|event| event.result.name()),
            ["ok", "refused", "unchanged"]
        );
    }
}
