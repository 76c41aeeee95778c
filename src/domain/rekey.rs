//! A secret key that was reset: the old one is void, and a new token is awaited (R28).
//!
//! The wait goes with a proven token, and with every change of the lifecycle state: what is due then
//! is what that state asks for.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;
use crate::token::TokenId;

/// Why a token is obsolete whose secret was reset.
pub const SECRET_RESET: &str = "secret_reset";

/// Why a secret is reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetWhy {
    /// The phone is gone.
    LostPhone,
    /// The app, or its account, is gone.
    AppDeleted,
    /// Somebody else may have the secret.
    Compromised,
    /// Anything else.
    Other,
}

impl ResetWhy {
    /// All of them, in the order of the manual.
    pub const ALL: [Self; 4] = [
        Self::LostPhone,
        Self::AppDeleted,
        Self::Compromised,
        Self::Other,
    ];

    /// The word for it on the command line, in the store and in the audit log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LostPhone => "lost_phone",
            Self::AppDeleted => "app_deleted",
            Self::Compromised => "compromised",
            Self::Other => "other",
        }
    }

    /// The one with this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.name() == name)
    }
}

/// What is kept of a reset while the new token is awaited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rekey {
    /// The token whose secret it was.
    pub token: TokenId,
    /// When it was reset.
    pub at: Timestamp,
    /// Login name of the operator.
    pub by: String,
    /// The word of a [`ResetWhy`].
    pub why: String,
    /// What a newer daemon wrote here.
    #[serde(flatten)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}
