//! Messages to people: `notify list`.

use serde::{Deserialize, Serialize};

use super::common::Instant;

/// Messages to a person: what waits, then what became of others, newest first (`notify list`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NotificationPage {
    /// Canonical login name.
    pub user: String,
    /// One line each.
    pub rows: Vec<Notification>,
    /// Where the next page begins; none: the end.
    pub cursor: Option<String>,
}

/// One message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Notification {
    /// When it was made if it waits, else when that became of it.
    pub at: Instant,
    /// `waiting`, `sent` or `failed`.
    pub status: String,
    /// What it tells, such as `locked`; several with commas.
    pub what: String,
    /// `mail` or `sms`.
    pub channel: String,
    /// To which address or number, masked.
    pub to: String,
    /// Why it was given up.
    pub why: Option<String>,
    /// Number of its audit record.
    pub seq: Option<u64>,
    /// Its id, by which a change names what it has queued.
    pub message: Option<String>,
}
