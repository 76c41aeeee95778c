//! Gateways: `gateway list`, `gateway show`.

use serde::{Deserialize, Serialize};

use super::common::Instant;
use super::daemon::Warning;

/// Gateways and their traffic (`gateway list`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GatewayList {
    /// The span that the numbers are about.
    pub window_s: u64,
    /// One line each, in the order of the configuration.
    pub rows: Vec<GatewayRow>,
    /// Packets from addresses that are no gateway.
    pub strangers: Option<Strangers>,
}

/// One gateway, one line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GatewayRow {
    /// Name in the configuration.
    pub name: String,
    /// Where it may send from.
    pub addresses: Vec<String>,
    /// Its last packet.
    pub last: Option<Instant>,
    /// Accepts in the span.
    pub accepts: u64,
    /// Rejects in the span.
    pub rejects: u64,
    /// Challenges in the span.
    pub challenges: u64,
    /// Packets dropped in the span.
    pub drops: u64,
    /// Time of answers that 99 of 100 stay below, held Rejects left out.
    pub p99_us: Option<u64>,
    /// Numbers of warnings about it.
    pub warnings: Vec<String>,
}

/// Packets from addresses that are no gateway.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Strangers {
    /// How many addresses.
    pub addresses: u64,
    /// The last packet.
    pub last: Option<Instant>,
    /// Packets in the span.
    pub packets: u64,
    /// Number of the warning.
    pub warning: Option<String>,
}

/// One gateway in full (`gateway show`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GatewayShow {
    /// Its line in the list.
    pub row: GatewayRow,
    /// The span that the numbers of that line are about.
    pub window_s: u64,
    /// Who checks the first factor.
    pub first_factor: String,
    /// What the first packet carries.
    pub passcode: String,
    /// Answer to an unknown name.
    pub unknown_user: String,
    /// Answer to a person without a token.
    pub unenrolled: String,
    /// Grants count here.
    pub allow_passthrough: bool,
    /// Kinds of token accepted here; empty: all.
    pub allowed_kinds: Vec<String>,
    /// `generic` or `helpful`.
    pub reply_detail: String,
    /// Accepts may carry a message.
    pub show_accept_message: bool,
    /// Domains cut off the typed name.
    pub strip_domain: Vec<String>,
    /// The same code is accepted once more within this time; 0: never.
    pub same_code_grace_s: u64,
    /// When Rejects leave after receipt.
    pub reject_delay_ms: u64,
    /// Reject instead of silence.
    pub reject_on_internal_error: bool,
    /// Packets without one are dropped.
    pub require_message_authenticator: bool,
    /// Packets since start that carried a right Message-Authenticator.
    pub signed: u64,
    /// Packets since start that carried none.
    pub unsigned: u64,
    /// The last that did.
    pub last_signed: Option<Instant>,
    /// Packets dropped since start, by cause.
    pub dropped: Vec<NamedCount>,
    /// Rejects since start, by reason.
    pub refused: Vec<NamedCount>,
    /// Length of the shared secret.
    pub secret_octets: u64,
    /// What needs a person.
    pub warnings: Vec<Warning>,
}

/// A number with its name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NamedCount {
    /// What is counted.
    pub name: String,
    /// How many.
    pub count: u64,
}
