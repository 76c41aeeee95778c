//! Parts that several screens share.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::control::words;
use crate::time::Timestamp;

/// A point in time on the wire: RFC 3339 in UTC with milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(pub Timestamp);

impl From<Timestamp> for Instant {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Instant;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an instant as in RFC 3339")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Instant, E> {
                words::instant(text)
                    .map(Instant)
                    .ok_or_else(|| E::custom("not an instant as in RFC 3339"))
            }
        }
        from.deserialize_str(Text)
    }
}

/// Account Lockout.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lock {
    /// Locked Date.
    pub since: Instant,
    /// Lock Reason: `Failures`, `PinBlocked`, `Operator`, `Inactivity`.
    pub reason: String,
    /// Login name of the operator; none: mfad.
    pub by: Option<String>,
    /// Ends by itself then; none: until unlocked.
    pub until: Option<Instant>,
    /// The operator's words, or the gateway of the last failure.
    pub note: String,
    /// Failures counted when it was locked.
    pub count: u32,
    /// Failures that lock.
    pub limit: u32,
}

/// Attempts are refused unevaluated for a while, after failures (`lockout.mode = "wait"`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wait {
    /// Ends by itself then.
    pub until: Instant,
    /// Failures that brought it about.
    pub failures: u32,
    /// For one station that is known at this gateway; none: for all that are not known.
    pub known_at: Option<String>,
    /// Calling-Station-Id, if the last failure came from it.
    pub station: Option<String>,
}

/// The end of the lock before this one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Unlocked {
    /// Login name of the operator, or `auto`.
    pub by: String,
    /// When.
    pub at: Instant,
}

/// A sign-in that succeeded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Login {
    /// When.
    pub at: Instant,
    /// Through which gateway.
    pub gateway: String,
    /// Calling-Station-Id; empty if none was sent.
    pub station: String,
    /// The token that was used; none under passthrough.
    pub token: Option<String>,
}

/// A sign-in that failed and was counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FailedLogin {
    /// When.
    pub at: Instant,
    /// Through which gateway.
    pub gateway: String,
    /// Calling-Station-Id; empty if none was sent.
    pub station: String,
}

/// A command about the thing shown, and whether this operator may run it now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ActionState {
    /// `noun verb` of the table, such as `user unlock`.
    pub command: String,
    /// The command as it would be typed, such as `mfactl user unlock alice`.
    pub line: String,
    /// It would be carried out.
    pub allowed: bool,
    /// Why not: a role that is missing or a state that forbids it.
    pub why_not: Option<String>,
    /// The least role, if the role is what is missing.
    pub need: Option<String>,
    /// What it does, in a few words.
    pub text: String,
    /// What to do first.
    pub first: bool,
}
