//! The audit log: `audit log`, `audit verify`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::common::Instant;

/// Records, newest first; with `follow` oldest first (`audit log`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditPage {
    /// The records.
    pub entries: Vec<AuditEntry>,
    /// Where the next page begins; none: the end.
    pub cursor: Option<String>,
    /// At the end: what is older is archived.
    pub archived: Option<Archived>,
}

/// Up to where the audit log is archived.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Archived {
    /// The last record that is no longer in the store.
    pub seq: u64,
    /// When it was written.
    pub at: Instant,
}

/// One record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditEntry {
    /// Its number.
    pub seq: u64,
    /// The record as it is stored.
    pub record: Map<String, Value>,
}

/// Whether any record was changed or removed (`audit verify`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditVerify {
    /// `whole`, `damaged` or `unchecked`.
    pub result: String,
    /// First record checked.
    pub first_seq: u64,
    /// Last record checked.
    pub last_seq: u64,
    /// When the first was written.
    pub first_at: Option<Instant>,
    /// When the last was written.
    pub last_at: Option<Instant>,
    /// What was checked.
    pub checks: Vec<VerifyCheck>,
    /// Records that a signed checkpoint proves.
    pub proven: u64,
    /// Records after the last checkpoint.
    pub chained: u64,
    /// The first damage.
    pub damage: Option<Damage>,
    /// Hash of the last record, to be kept elsewhere.
    pub last_hash: String,
    /// How long it took.
    pub took_ms: u64,
}

/// One check.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VerifyCheck {
    /// `chain`, `numbers`, `archive`, `checkpoints`, `journal`, `unanchored`.
    pub name: String,
    /// `ok`, `warning` or `bad`.
    pub mark: String,
    /// What it found.
    pub text: String,
}

/// Where the chain breaks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Damage {
    /// The record that does not follow.
    pub seq: u64,
    /// When it says it was written.
    pub at: Option<Instant>,
    /// The hash that it should follow.
    pub expected: String,
    /// The hash that it follows.
    pub found: String,
    /// Proven records before it.
    pub before: u64,
    /// Records after it that follow from it.
    pub after: u64,
    /// What the copies elsewhere say.
    pub journal: Option<String>,
    /// What to do.
    pub doing: Vec<String>,
}
