//! People: `user show`, `user find`, `lock show`.

use serde::{Deserialize, Serialize};

use super::common::{ActionState, FailedLogin, Instant, Lock, Login, Unlocked, Wait};
use super::daemon::Candidate;
use super::passthrough::Grant;
use super::tokens::Token;

/// Everything known about a person but the secrets (`user show`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserShow {
    /// When it was read.
    pub now: Instant,
    /// Random id, for ever the same.
    pub id: String,
    /// Canonical login name.
    pub user: String,
    /// Name of the person.
    pub display_name: String,
    /// The words for the current state: Account Lockout while locked.
    pub state: String,
    /// Account Lockout lies over the lifecycle state.
    pub locked: bool,
    /// The lock.
    pub lock: Option<Lock>,
    /// Waits in force: that of stations that are not known first.
    pub waits: Vec<Wait>,
    /// The end of the lock before this one.
    pub unlocked: Option<Unlocked>,
    /// The lifecycle state, one word.
    pub base: String,
    /// The words for it.
    pub base_title: String,
    /// When it was entered.
    pub base_since: Instant,
    /// Who set it.
    pub base_by: String,
    /// `full`, `partial` or `none`.
    pub enrolment: String,
    /// E-mail addresses, the main one first.
    pub emails: Vec<Contact>,
    /// Phone numbers, the main one first.
    pub phones: Vec<Contact>,
    /// Language tag; empty: the site's.
    pub language: String,
    /// Name of the authentication set in force.
    pub set: String,
    /// The person names it; else it is the default.
    pub set_stated: bool,
    /// Kinds of token it asks for, any of them.
    pub set_kinds: Vec<String>,
    /// The groups of the set, each with the kinds of which any will do.
    pub set_groups: Vec<Vec<String>>,
    /// Label for lists.
    pub role_label: String,
    /// Free text of operators.
    pub notes: String,
    /// Only an admin may weaken this person's sign-in.
    pub protected: bool,
    /// The PIN.
    pub pin: Pin,
    /// The local password.
    pub password: Password,
    /// Auth code that was handed out and is good.
    pub auth_code: Option<AuthCode>,
    /// A secret key was reset, and no new token is proven yet.
    pub rekey: Option<Rekey>,
    /// What a sign-in leads to while no token counts, and where.
    pub next_sign_in: Option<String>,
    /// Passthrough grants that count or will count.
    pub grants: Vec<Grant>,
    /// Last Accept.
    pub last_login: Option<Login>,
    /// Last counted failure.
    pub last_failed: Option<FailedLogin>,
    /// Enrolment or self-service.
    pub last_access: Option<Instant>,
    /// Failure counters that are not zero.
    pub counters: Vec<Counter>,
    /// Tokens, obsolete ones left out.
    pub tokens: Vec<Token>,
    /// What can be done now, and by whom.
    pub actions: Vec<ActionState>,
    /// When the record was made.
    pub created: Instant,
    /// When an operator last changed it.
    pub updated: Instant,
    /// For `if_revision`.
    pub revision: u64,
}

/// An address.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Contact {
    /// Masked as the role asks.
    pub address: String,
    /// The person has proven to receive what is sent there.
    pub verified: bool,
}

/// An auth code, without the code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuthCode {
    /// The change it was made for.
    pub purpose: String,
    /// When it was made.
    pub created: Instant,
    /// Who made it.
    pub by: String,
    /// First instant at which it is no longer good.
    pub until: Instant,
}

/// A secret key that was reset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rekey {
    /// The token whose secret it was.
    pub token: String,
    /// When it was reset.
    pub at: Instant,
    /// Who reset it.
    pub by: String,
    /// `lost_phone`, `app_deleted`, `compromised` or `other`.
    pub why: String,
}

/// The PIN without the PIN.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pin {
    /// There is one.
    pub set: bool,
    /// A gateway asks for it.
    pub used: bool,
    /// When it was set.
    pub set_at: Option<Instant>,
    /// Who set it.
    pub set_by: Option<String>,
    /// To be changed at the next sign-in with a dialogue.
    pub must_change: bool,
    /// Gateways that ask for a new one.
    pub asked_at: Vec<String>,
    /// Wrong PINs since the last right one.
    pub failures: u32,
    /// The count that blocks.
    pub limit: u32,
    /// Blocked since then.
    pub blocked_since: Option<Instant>,
    /// Blocked until then; none: until unblocked.
    pub blocked_until: Option<Instant>,
}

/// The local password without the password.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Password {
    /// There is one.
    pub set: bool,
    /// A gateway asks for it.
    pub used: bool,
    /// When it was set.
    pub set_at: Option<Instant>,
    /// Who set it.
    pub set_by: Option<String>,
    /// Gateways that ask for a new one.
    pub asked_at: Vec<String>,
    /// When one was set for the first time.
    pub registered_at: Option<Instant>,
    /// First sign-in with it.
    pub activated_at: Option<Instant>,
    /// Last sign-in with it.
    pub last_used: Option<Instant>,
}

/// A failure counter against its limit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counter {
    /// `C1` to `C4` of the manual.
    pub name: String,
    /// `pin`, `user`, or the id of a token.
    pub of: String,
    /// What it counts.
    pub text: String,
    /// How many.
    pub count: u32,
    /// The count at which something happens; 0: never.
    pub limit: u32,
    /// What happens then.
    pub effect: String,
    /// What sets it to zero.
    pub cleared_by: String,
    /// The last failure it counted.
    pub since: Option<Instant>,
}

/// People (`user find`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserPage {
    /// One line each, by login name.
    pub rows: Vec<UserRow>,
    /// Where the next page begins; none: the end.
    pub cursor: Option<String>,
    /// How many match, if that is known.
    pub matched: Option<u64>,
    /// How many people there are.
    pub of: u64,
    /// Names close to the text, if nothing matched.
    pub close: Vec<Candidate>,
    /// What needs a person, one sentence each.
    pub notes: Vec<String>,
}

/// People (`user export`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExportPage {
    /// One line each, by login name.
    pub rows: Vec<UserRow>,
    /// Where the next page begins; none: the end.
    pub cursor: Option<String>,
    /// Number of the audit record, in the last reply.
    pub audit: Option<u64>,
}

/// One person, one line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserRow {
    /// Canonical login name.
    pub user: String,
    /// Name of the person.
    pub display_name: String,
    /// The words for the current state.
    pub state: String,
    /// The lifecycle state, one word.
    pub base: String,
    /// When it was entered.
    pub base_since: Instant,
    /// The lock.
    pub lock: Option<Lock>,
    /// Waits in force: that of stations that are not known first.
    pub waits: Vec<Wait>,
    /// The gateway of the last counted failure.
    pub via: Option<String>,
    /// The end of the lock before this one.
    pub unlocked: Option<Unlocked>,
    /// `none`, `set` or `blocked`.
    pub pin: String,
    /// Kinds of the usable tokens.
    pub tokens: Vec<String>,
    /// Tokens that do not count as one to sign in with.
    pub tokens_more: u32,
    /// End of the grant in force.
    pub passthrough_until: Option<Instant>,
    /// Last Accept.
    pub last_login: Option<Instant>,
    /// Main e-mail address, masked as the role asks.
    pub email: Option<String>,
    /// Main phone number, masked as the role asks.
    pub phone: Option<String>,
    /// Name of the authentication set.
    pub set: String,
    /// Label for lists.
    pub role_label: String,
    /// Only an admin may weaken this person's sign-in.
    pub protected: bool,
    /// For `if_revision`.
    pub revision: u64,
}

/// Failure counters against their limits (`lock show`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LockShow {
    /// Canonical login name.
    pub user: String,
    /// When it was read.
    pub now: Instant,
    /// The words for the current state.
    pub state: String,
    /// The lock.
    pub lock: Option<Lock>,
    /// Waits in force: that of stations that are not known first.
    pub waits: Vec<Wait>,
    /// The end of the lock before this one.
    pub unlocked: Option<Unlocked>,
    /// Last counted failure.
    pub last_failed: Option<FailedLogin>,
    /// C1 to C4, for each token where they are a token's.
    pub counters: Vec<Counter>,
    /// For `if_revision`.
    pub revision: u64,
}

/// The authentication sets (`set list`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SetList {
    /// One line each, in the order of the configuration.
    pub rows: Vec<SetRow>,
}

/// One authentication set, one line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SetRow {
    /// Its name.
    pub set: String,
    /// It holds for whoever names none.
    pub default: bool,
    /// The configuration has it; else people name it, and no token of theirs counts.
    pub known: bool,
    /// Each group is passed by any of its kinds of token; all groups must be.
    pub groups: Vec<Vec<String>>,
    /// People of this set who take a seat.
    pub people: u64,
    /// Those of them without a usable token for a group.
    pub lacking: u64,
}

/// One authentication set (`set show`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SetShow {
    /// Its name.
    pub set: String,
    /// It holds for whoever names none.
    pub default: bool,
    /// Each group is passed by any of its kinds of token; all groups must be.
    pub groups: Vec<Vec<String>>,
    /// A recovery code stands in for any group.
    pub recovery: bool,
    /// People of this set who take a seat.
    pub people: u64,
    /// Those of them without a usable token for a group.
    pub lacking: u64,
    /// The first 500 of these, by login name.
    pub rows: Vec<SetLack>,
}

/// A person without a usable token for a group of the set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SetLack {
    /// Canonical login name.
    pub user: String,
    /// Name of the person.
    pub display_name: String,
    /// The words for the current state.
    pub state: String,
    /// The groups that are lacking.
    pub missing: Vec<Vec<String>>,
}
