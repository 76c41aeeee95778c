//! Tokens: `token list`, `token find`, `token show`, `hw list`.

use serde::{Deserialize, Serialize};

use super::common::{ActionState, Instant};

/// Tokens of one person (`token list`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenList {
    /// Canonical login name.
    pub user: String,
    /// The words for the person's current state.
    pub state: String,
    /// Oldest first.
    pub tokens: Vec<Token>,
    /// The view of that name, if asked for; else empty.
    pub authenticators: Vec<Authenticator>,
}

/// Tokens of everybody (`token find`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenPage {
    /// One line each, by login name.
    pub rows: Vec<Token>,
    /// Where the next page begins; none: the end.
    pub cursor: Option<String>,
}

/// One token in full (`token show`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenShow {
    /// When it was read.
    pub now: Instant,
    /// The token.
    pub token: Token,
    /// The words for its owner's current state.
    pub state: String,
    /// It is the only one its owner can sign in with.
    pub last_one: bool,
    /// What can be done now, and by whom.
    pub actions: Vec<ActionState>,
    /// Its owner's, for `if_revision`.
    pub revision: u64,
}

/// How far the device authorization of a person is (`device-auth status`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceAuth {
    /// When it was read.
    pub now: Instant,
    /// Canonical login name.
    pub user: String,
    /// Such a code is asked for before this person gets a new token.
    pub asked_for: bool,
    /// Where it would be mailed, masked.
    pub address: Option<String>,
    /// The code that was mailed last, until it is used or void.
    pub code: Option<DeviceCode>,
    /// Until then none is asked for, because one was right.
    pub proven_until: Option<Instant>,
    /// When it was found that none can be mailed.
    pub unsent: Option<Instant>,
    /// Codes of any kind that this person was sent within the hour.
    pub sent_in_hour: u64,
    /// How many that may be.
    pub most_in_hour: u64,
    /// What a sign-in without a token leads to, and where.
    pub next: Option<String>,
}

/// A device authorization code, without the code.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceCode {
    /// When it was mailed.
    pub sent: Instant,
    /// Where, masked.
    pub to: String,
    /// First instant at which it is no longer good.
    pub until: Instant,
    /// It is good.
    pub good: bool,
    /// Wrong codes after which it is void.
    pub tries: u32,
}

/// The types of token (`token types`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenTypes {
    /// One line each.
    pub types: Vec<TokenType>,
}

/// One of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenType {
    /// `totp`, `hotp`, `recovery`, `virtual`, `email` or `sms`.
    pub kind: String,
    /// What it is called in English.
    pub label_en: String,
    /// What it is called in German.
    pub label_de: String,
    /// It may be added and used.
    pub enabled: bool,
    /// `active`, or `obsolete`: tokens of it are OBSOLETE.
    pub status: String,
    /// An operator may add one for somebody.
    pub operator_enrol: bool,
    /// A gateway asks for it: a set names it, and its codes can be typed, or sent, there.
    pub asked_for: bool,
}

/// A token without its secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Token {
    /// `T-8F3K2`.
    pub id: String,
    /// Login name of its owner.
    pub user: String,
    /// `totp`, `hotp`, `recovery`, `sms`, `email` or `virtual`.
    pub kind: String,
    /// What the kind is called.
    pub label: String,
    /// What it is at this moment: `active`, `registered`, `pending`, `locked`, `disabled`, ..
    pub status: String,
    /// `ACTIVE`, `DISABLED` or `OBSOLETE`, if it is one of these.
    pub s3: Option<String>,
    /// `Registered`, `Active`, `Locked` or `Deactivated`, if it is one of these.
    pub s4: Option<String>,
    /// The stored status below that.
    pub base: String,
    /// A code of it can be accepted.
    pub usable: bool,
    /// It counts as one to sign in with.
    pub primary: bool,
    /// Free text.
    pub description: String,
    /// Serial of a hardware token.
    pub serial: Option<String>,
    /// `email` or `sms`: by what its codes are sent.
    pub via: Option<String>,
    /// Where they go, masked as the role asks.
    pub to: Option<String>,
    /// `SHA1`, `SHA256` or `SHA512`.
    pub algorithm: Option<String>,
    /// Length of a code.
    pub digits: Option<u32>,
    /// Length of a time step.
    pub period_s: Option<u32>,
    /// Next counter of an event based token.
    pub counter: Option<u64>,
    /// Remembered difference of its clock.
    pub drift_steps: Option<i32>,
    /// Its seed is shorter than it should be.
    pub weak: bool,
    /// When it was made.
    pub created: Instant,
    /// Who made it.
    pub created_by: String,
    /// When it was proven.
    pub registered_at: Option<Instant>,
    /// First sign-in.
    pub activated_at: Option<Instant>,
    /// Last sign-in.
    pub last_used: Option<TokenUse>,
    /// Last wrong code.
    pub last_failed: Option<Instant>,
    /// Last test by an operator.
    pub last_tested: Option<Instant>,
    /// Last change by an operator.
    pub updated: Instant,
    /// First instant at which it no longer counts.
    pub expires: Option<Instant>,
    /// On again by itself then.
    pub disabled_until: Option<Instant>,
    /// Why it is void.
    pub obsolete_reason: Option<String>,
    /// Wrong codes since the last success or unlock.
    pub failures: u32,
    /// The count that locks it.
    pub limit: u32,
    /// Wrong codes since the last success.
    pub total: u32,
    /// The count that ends it.
    pub hard_cap: u32,
    /// When its lock began.
    pub locked_at: Option<Instant>,
    /// When its lock ends; none while locked: an operator must act.
    pub locked_until: Option<Instant>,
    /// Recovery codes that can still be used.
    pub codes_left: Option<u32>,
    /// Questions that have an answer.
    pub questions: Option<u32>,
    /// Refused until two codes in a row have been shown.
    pub resync_required: bool,
}

/// A sign-in with a token.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenUse {
    /// When.
    pub at: Instant,
    /// At which gateway.
    pub gateway: String,
    /// Calling-Station-Id; empty if none was sent.
    pub station: String,
}

/// One line of the view of all authenticators, the local password first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Authenticator {
    /// `password`, `totp`, `hotp` or `recovery`.
    pub kind: String,
    /// Id of a token.
    pub id: Option<String>,
    /// What it is at this moment.
    pub status: String,
    /// `ACTIVE`, `DISABLED` or `OBSOLETE`, if it is one of these.
    pub s3: Option<String>,
    /// `Registered`, `Active`, `Locked` or `Deactivated`, if it is one of these.
    pub s4: Option<String>,
    /// When it was proven.
    pub registered_at: Option<Instant>,
    /// Last sign-in.
    pub last_success: Option<Instant>,
    /// Last wrong code.
    pub last_failure: Option<Instant>,
    /// Gateway of the last sign-in.
    pub last_application: Option<String>,
    /// Calling-Station-Id of the last sign-in.
    pub last_device: Option<String>,
    /// End of its lock.
    pub locked_until: Option<Instant>,
}

/// Hardware tokens without an owner (`hw list`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HardwarePage {
    /// One line each, by serial.
    pub rows: Vec<Hardware>,
    /// Where the next page begins; none: the end.
    pub cursor: Option<String>,
}

/// One of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hardware {
    /// Printed on it.
    pub serial: String,
    /// `totp` or `hotp`.
    pub kind: String,
    /// `SHA1`, `SHA256` or `SHA512`.
    pub algorithm: String,
    /// Length of a code.
    pub digits: u32,
    /// Length of a time step.
    pub period_s: Option<u32>,
    /// First instant at which it no longer counts.
    pub expires: Option<Instant>,
    /// When it came into the pool.
    pub created: Instant,
    /// Its secret is erased, and it is never added again.
    pub compromised: bool,
}
