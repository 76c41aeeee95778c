//! The daemon: `status`, `whoami`, `seats`, `config ..`, completion.

use serde::{Deserialize, Serialize};

use super::common::Instant;
use super::gateways::{GatewayRow, Strangers};

/// How the daemon is (`status`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// When it was read.
    pub now: Instant,
    /// Version of mfad.
    pub version: String,
    /// Name of the host.
    pub host: String,
    /// `serving`, `sealed`, `not_answering` or `draining`.
    pub state: String,
    /// The first line after the host: `is SERVING, up ..`.
    pub verdict: String,
    /// Start of the daemon.
    pub since: Instant,
    /// What needs a person.
    pub warnings: Vec<Warning>,
    /// The span that the numbers of gateways are about.
    pub window_s: u64,
    /// Gateways and their traffic.
    pub gateways: Vec<GatewayRow>,
    /// Packets from addresses that are no gateway.
    pub strangers: Option<Strangers>,
    /// People.
    pub users: UserCounts,
    /// Queues against their bounds.
    pub queues: Vec<QueueStatus>,
    /// The store.
    pub store: StoreStatus,
    /// The audit log.
    pub audit: AuditStatus,
    /// The clock.
    pub clock: ClockStatus,
    /// The master key.
    pub key: KeyStatus,
    /// The configuration.
    pub config: ConfigStatus,
}

/// A warning that a person must act on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Warning {
    /// `W017` or `E011`.
    pub number: String,
    /// What it is, one sentence.
    pub text: String,
    /// Further sentences.
    pub detail: Vec<String>,
    /// Commands that help.
    pub tries: Vec<String>,
    /// Something outside `mfactl`.
    pub doing: Option<String>,
    /// When it began.
    pub since: Option<Instant>,
}

/// People by what an operator looks for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserCounts {
    /// Seats taken.
    pub counted: u64,
    /// Seats there are; 0: no limit.
    pub limit: u64,
    /// Locked.
    pub locked: u64,
    /// PIN blocked.
    pub pin_blocked: u64,
    /// In New Credential.
    pub new: u64,
    /// With a grant in force.
    pub passthrough: u64,
}

/// A queue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct QueueStatus {
    /// `verify`, `pin`, `dialogues`, ..
    pub name: String,
    /// Entries now.
    pub used: u64,
    /// Its bound; 0: none.
    pub limit: u64,
}

/// The store.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoreStatus {
    /// `sqlite`.
    pub kind: String,
    /// Version of its schema.
    pub schema: u64,
    /// Its size.
    pub octets: u64,
    /// Room left on its disk.
    pub free_octets: Option<u64>,
    /// Last durable change.
    pub last_commit: Option<Instant>,
    /// How long making it durable takes, typically.
    pub fsync_us: Option<u64>,
    /// What it refuses with.
    pub error: Option<String>,
    /// Since when.
    pub failing_since: Option<Instant>,
}

/// The audit log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditStatus {
    /// How many.
    pub records: u64,
    /// Number of the last.
    pub last_seq: u64,
    /// Last check of the whole chain.
    pub checked: Option<Instant>,
    /// What it found.
    pub whole: Option<bool>,
    /// Last signed checkpoint.
    pub checkpoint: Option<Instant>,
}

/// The clock.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClockStatus {
    /// The kernel's word for it; none: unknown.
    pub synchronised: Option<bool>,
    /// Jumps since start.
    pub jumps: u64,
    /// The last one.
    pub last_jump: Option<Instant>,
    /// The same in words.
    pub text: String,
}

/// The master key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyStatus {
    /// Where it came from.
    pub source: String,
    /// Its version; none: sealed.
    pub version: Option<u64>,
    /// The same in words.
    pub text: String,
}

/// The configuration in force.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigStatus {
    /// Its file.
    pub path: String,
    /// When it was loaded.
    pub loaded: Instant,
    /// By whom.
    pub loaded_by: String,
    /// The file on disk still says the same.
    pub same: Option<bool>,
}

/// The role of the caller (`whoami`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Whoami {
    /// Numeric user id.
    pub uid: u32,
    /// Login name.
    pub name: String,
    /// Name of the host.
    pub host: String,
    /// The role.
    pub role: String,
    /// What gives it: `uid 0`, `user bob`, `group mfad-support`.
    pub through: String,
    /// Commands the caller may run, `noun verb`.
    pub may: Vec<String>,
    /// What higher roles may in addition.
    pub others: Vec<RoleMay>,
    /// Rules that hold for everybody.
    pub notes: Vec<String>,
    /// The answer to the question asked.
    pub can: Option<bool>,
    /// What is missing for it.
    pub need: Option<String>,
}

/// What a role may in addition to the one below.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RoleMay {
    /// The role.
    pub role: String,
    /// `noun verb` each.
    pub commands: Vec<String>,
    /// Users and groups that have it here.
    pub who: Vec<String>,
}

/// Counted people against the limit (`seats`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Seats {
    /// Seats taken.
    pub counted: u64,
    /// Seats there are; 0: no limit.
    pub limit: u64,
    /// Seats left; none: no limit.
    pub free: Option<u64>,
    /// People by lifecycle state.
    pub states: Vec<StateCount>,
    /// People who take a seat, by authentication set.
    pub sets: Vec<SetCount>,
    /// The most seats that were ever taken.
    pub peak: u64,
    /// When; none: before it was kept.
    pub peak_at: Option<Instant>,
    /// People who take a seat and have not signed in for 30 days; who never has, since being added.
    pub no_login_30d: u64,
    /// The same for 90 days.
    pub no_login_90d: u64,
}

/// People who take a seat in one authentication set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SetCount {
    /// Name of the set.
    pub set: String,
    /// How many.
    pub count: u64,
}

/// People in one lifecycle state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StateCount {
    /// One word.
    pub state: String,
    /// The words for it.
    pub title: String,
    /// How many.
    pub count: u64,
    /// They take a seat.
    pub counted: bool,
}

/// What is wrong with the configuration on disk (`config check`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigCheck {
    /// Its file.
    pub path: String,
    /// No error.
    pub good: bool,
    /// How many errors.
    pub errors: u64,
    /// How many warnings.
    pub warnings: u64,
    /// In file order.
    pub problems: Vec<ConfigProblem>,
    /// All of it laid out with carets.
    pub text: String,
}

/// One problem.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigProblem {
    /// File.
    pub path: String,
    /// Line, from 1.
    pub line: u64,
    /// Column, from 1.
    pub column: u64,
    /// `error` or `warning`.
    pub severity: String,
    /// `W031`.
    pub number: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

/// What a reload would change (`config diff`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigDiff {
    /// The file.
    pub path: String,
    /// In file order.
    pub changes: Vec<ConfigChange>,
    /// Something needs a restart.
    pub restart: bool,
    /// What it would bring about beside, one sentence each.
    pub notes: Vec<String>,
}

/// One difference.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigChange {
    /// `+`, `-`, `~`, or `!` for what needs a restart.
    pub mark: String,
    /// The key.
    pub key: String,
    /// Value in force.
    pub from: Option<String>,
    /// Value on disk.
    pub to: Option<String>,
    /// What it means to people.
    pub text: String,
}

/// One value of the running configuration (`config get`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigValue {
    /// The key.
    pub key: String,
    /// Its value as in TOML; never a secret's.
    pub value: String,
    /// The file states it; else it is the default.
    pub stated: bool,
}

/// What was handed over of a file so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Uploaded {
    /// Octets of all pieces.
    pub octets: u64,
}

/// What could stand at the cursor (completion).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Candidates {
    /// At most 50.
    pub rows: Vec<Candidate>,
}

/// One possibility.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Candidate {
    /// What would be typed.
    pub value: String,
    /// What it is.
    pub text: String,
}
