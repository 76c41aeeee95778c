//! Temporary passthrough: `passthrough list`, `passthrough uses`.

use serde::{Deserialize, Serialize};

use super::common::Instant;

/// Who signs in without a code, and until when (`passthrough list`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GrantPage {
    /// One line each, the one that ends first in front.
    pub rows: Vec<Grant>,
    /// Where the next page begins; none: the end.
    pub cursor: Option<String>,
    /// What needs a person, one sentence each.
    pub notes: Vec<String>,
}

/// One grant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Grant {
    /// `P-31`.
    pub id: String,
    /// Login name.
    pub user: String,
    /// `pending`, `valid`, `ended` or `revoked`.
    pub status: String,
    /// First instant.
    pub from: Instant,
    /// End, exclusive.
    pub until: Instant,
    /// Seconds to its end.
    pub left_s: u64,
    /// Gateways it is for; empty: all that allow it.
    pub gateways: Vec<String>,
    /// Who granted it.
    pub by: String,
    /// The operator's words.
    pub reason: String,
    /// Renewals in the unbroken chain.
    pub renewals: u32,
    /// Renewals without an admin.
    pub renewals_max: u32,
    /// Where the chain began.
    pub first_from: Instant,
    /// Sign-ins under it.
    pub uses: u32,
    /// The last one.
    pub last_use: Option<Instant>,
    /// Who ended it early.
    pub revoked_by: Option<String>,
    /// When.
    pub revoked_at: Option<Instant>,
}

/// Sign-ins under a person's grants, newest first (`passthrough uses`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GrantUses {
    /// Canonical login name.
    pub user: String,
    /// One line each.
    pub rows: Vec<GrantUse>,
    /// Where the next page begins; none: the end.
    pub cursor: Option<String>,
}

/// One sign-in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GrantUse {
    /// Number of its audit record.
    pub seq: u64,
    /// When.
    pub at: Instant,
    /// `P-31`.
    pub grant: String,
    /// Through which gateway.
    pub gateway: String,
    /// Calling-Station-Id; empty if none was sent.
    pub station: String,
}
