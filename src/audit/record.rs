//! Reads a stored body back into a typed record: for the log, for following it, for priming the
//! memory of answered requests.
//!
//! What it reads lay on a disk: anything may be wrong with it, and every fault is an error that
//! names the field. Fields it does not know are passed over, so that records of a later version
//! with more to say stay readable; a higher `v` means that the meaning changed and is refused.
//!
//! Reading proves nothing: whether a record is genuine is for [`super::verify`] to say.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use smol_str::SmolStr;

use super::chain::BODY_VERSION;
use super::{hex, wall};
use crate::domain::action::Role;
use crate::domain::event::{Actor, EventResult, Operator, Source};
use crate::domain::user::UserId;
use crate::time::Timestamp;

/// A record of the audit log.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditRecord {
    /// Its number.
    pub seq: u64,
    /// When it was judged.
    pub wall: Timestamp,
    /// The run of the machine.
    pub boot: String,
    /// The node whose chain it is in.
    pub node: String,
    /// Dotted name of the event.
    pub event: String,
    /// Whether it happened.
    pub result: EventResult,
    /// Who caused it.
    pub actor: Actor,
    /// What it is about.
    pub target: Target,
    /// Where the attempt came from.
    pub from: Option<Source>,
    /// What was so before.
    pub before: Option<Value>,
    /// What is so now.
    pub after: Option<Value>,
    /// The operator's words, or the rule's name for a Reject.
    pub reason: Option<String>,
    /// Id of the command, or digest of the datagram in hexadecimal.
    pub request: Option<String>,
    /// Further fields.
    pub detail: Map<String, Value>,
}

/// What a record is about; any of it may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Login name at the time.
    pub user: Option<String>,
    /// The user's id, which no rename changes.
    pub user_id: Option<UserId>,
    /// Id of the token as text.
    pub token: Option<String>,
    /// Name of the gateway, if the event is about one.
    pub gateway: Option<String>,
}

/// Why a stored body is no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// It is not the JSON of a record.
    #[error("audit record cannot be read: {0}")]
    Json(String),
    /// It was written by a newer mfad.
    #[error("audit record has version {0}, this mfad knows up to {known}", known = BODY_VERSION)]
    Newer(u64),
    /// A field has a value that it cannot have.
    #[error("audit record {seq}: {field} cannot be {value:?}")]
    Field {
        /// Number that the record gives itself.
        seq: u64,
        /// Which field.
        field: &'static str,
        /// What it holds.
        value: String,
    },
}

impl AuditRecord {
    /// Reads a stored body.
    ///
    /// # Errors
    /// [`RecordError`] if it is not a record of a version up to [`BODY_VERSION`].
    pub fn parse(body: &[u8]) -> Result<Self, RecordError> {
        // As a whole: the reader of JSON does not look into texts that it passes over.
        let body =
            std::str::from_utf8(body).map_err(|error| RecordError::Json(error.to_string()))?;
        let version: Version = from_json(body)?;
        if version.v > BODY_VERSION {
            return Err(RecordError::Newer(version.v));
        }
        let raw: Raw<'_> = from_json(body)?;
        raw.checked()
    }

    /// Digest of the datagram that this answers; none for what a command or mfad itself caused.
    #[must_use]
    pub fn datagram(&self) -> Option<[u8; 32]> {
        if self.from.is_none() || matches!(self.actor, Actor::Operator(_)) {
            return None;
        }
        hex::parse(self.request.as_deref()?)
    }

    /// The gateway that it came through, else the one that it is about.
    #[must_use]
    pub fn gateway(&self) -> Option<&str> {
        match &self.from {
            Some(source) => Some(&source.gateway),
            None => self.target.gateway.as_deref(),
        }
    }
}

fn from_json<'a, T: Deserialize<'a>>(body: &'a str) -> Result<T, RecordError> {
    serde_json::from_str(body).map_err(|error| RecordError::Json(error.to_string()))
}

#[derive(Deserialize)]
struct Version {
    v: u64,
}

/// The body as JSON has it.
#[derive(Deserialize)]
struct Raw<'a> {
    seq: u64,
    #[serde(borrow)]
    wall: Cow<'a, str>,
    boot: String,
    node: String,
    event: String,
    result: String,
    actor: RawActor,
    #[serde(default)]
    target: RawTarget,
    from: Option<RawSource>,
    #[serde(default, deserialize_with = "present")]
    before: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    after: Option<Value>,
    reason: Option<String>,
    request: Option<String>,
    #[serde(default)]
    detail: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum RawActor {
    Operator { uid: u32, name: String, role: Role },
    User,
    System,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawTarget {
    user: Option<String>,
    user_id: Option<String>,
    token: Option<String>,
    gateway: Option<String>,
}

#[derive(Deserialize)]
struct RawSource {
    #[serde(default)]
    nas: String,
    #[serde(default)]
    calling_station: String,
    src: String,
    gateway: String,
}

/// Keeps apart a field that is `null` and one that is not there.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

impl Raw<'_> {
    fn checked(self) -> Result<AuditRecord, RecordError> {
        let fault = |field, value: &str| RecordError::Field {
            seq: self.seq,
            field,
            value: value.to_owned(),
        };
        let wall = wall::parse(self.wall.as_bytes()).ok_or_else(|| fault("wall", &self.wall))?;
        let result = result(&self.result).ok_or_else(|| fault("result", &self.result))?;
        let user_id = match &self.target.user_id {
            None => None,
            Some(text) => {
                let id = hex::parse(text).ok_or_else(|| fault("target.user_id", text))?;
                Some(UserId(id))
            }
        };
        let from = match self.from {
            None => None,
            Some(raw) => {
                let address: Result<SocketAddr, _> = raw.src.parse();
                Some(Source {
                    gateway: Arc::from(raw.gateway),
                    address: address.map_err(|_| fault("from.src", &raw.src))?,
                    station: SmolStr::from(raw.calling_station),
                    nas: SmolStr::from(raw.nas),
                })
            }
        };
        Ok(AuditRecord {
            seq: self.seq,
            wall,
            boot: self.boot,
            node: self.node,
            event: self.event,
            result,
            actor: self.actor.into(),
            target: Target {
                user: self.target.user,
                user_id,
                token: self.target.token,
                gateway: self.target.gateway,
            },
            from,
            before: self.before,
            after: self.after,
            reason: self.reason,
            request: self.request,
            detail: self.detail,
        })
    }
}

impl From<RawActor> for Actor {
    fn from(raw: RawActor) -> Self {
        match raw {
            RawActor::Operator { uid, name, role } => Self::Operator(Operator {
                uid,
                name: Arc::from(name),
                role,
            }),
            RawActor::User => Self::User,
            RawActor::System => Self::System,
        }
    }
}

fn result(name: &str) -> Option<EventResult> {
    [
        EventResult::Ok,
        EventResult::Refused,
        EventResult::Unchanged,
    ]
    .into_iter()
    .find(|result| result.name() == name)
}

#[cfg(test)]
mod tests;
