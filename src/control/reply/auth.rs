//! What stands in a person's way, and the attempts: `why`, `auth explain`, `auth log`, `auth show`.

use serde::{Deserialize, Serialize};

use super::audit::Archived;
use super::common::{Instant, Lock, Login, Wait};

/// What stands in a person's way, and what to do (`why`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Why {
    /// Canonical login name.
    pub user: String,
    /// Name of the person.
    pub display_name: String,
    /// When it was judged.
    pub now: Instant,
    /// Nothing stands in the way at one gateway at least.
    pub can_sign_in: bool,
    /// One word for what does: `locked`, `pin_blocked`, `deactivated`, `revoked`, `no_token`, ..
    pub obstacle: Option<String>,
    /// The first line after the name: `CANNOT LOG IN: locked since .., reason Failures.`
    pub verdict: String,
    /// Where the person can sign in.
    pub gateways: Vec<String>,
    /// With which token.
    pub token: Option<String>,
    /// The lock, if that is what stands in the way.
    pub lock: Option<Lock>,
    /// Waits in force: that of stations that are not known first.
    pub waits: Vec<Wait>,
    /// Last Accept.
    pub last_login: Option<Login>,
    /// The last attempts, oldest first.
    pub attempts: Vec<WhyAttempt>,
    /// What it looks like; none: nothing to explain.
    pub diagnosis: Option<Diagnosis>,
    /// What to do, in order.
    pub steps: Vec<Todo>,
    /// Further facts, one sentence each.
    pub notes: Vec<String>,
}

/// One attempt in the words of the help desk.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WhyAttempt {
    /// Id for `auth show`.
    pub id: Option<String>,
    /// When.
    pub at: Instant,
    /// Through which gateway.
    pub gateway: String,
    /// Calling-Station-Id; empty if none was sent.
    pub station: String,
    /// `accept`, `reject` or `challenge`.
    pub result: String,
    /// What was wrong, or by what it was accepted.
    pub text: String,
    /// It raised a failure count.
    pub counted: bool,
    /// The failure count after it.
    pub count: Option<u32>,
    /// The count that locks.
    pub limit: Option<u32>,
    /// The lock reason, if it locked the person.
    pub locked: Option<String>,
    /// The next attempt is refused until then.
    pub waits_until: Option<Instant>,
    /// How many steps or counters off the code was, below zero: late, if that is known.
    pub distance: Option<i64>,
    /// How many attempts this line stands for.
    pub repeated: u32,
}

/// The likely cause.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Diagnosis {
    /// One word, from a fixed list: `clock`, `other_token`, `counter_ahead`, `wrong_pin`,
    /// `not_enough`, ..
    pub kind: String,
    /// The cause, one sentence.
    pub text: String,
    /// How it is known, one sentence each.
    pub detail: Vec<String>,
}

/// One thing to do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Todo {
    /// What.
    pub text: String,
    /// The command for it, complete.
    pub command: Option<String>,
}

/// What the next request would meet, rule by rule (`auth explain`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Explain {
    /// Canonical login name.
    pub user: String,
    /// Judged for this gateway.
    pub gateway: String,
    /// When it was judged.
    pub now: Instant,
    /// `accept`, `refuse` or `needs_code`.
    pub result: String,
    /// The same in words.
    pub verdict: String,
    /// The rules up to the first that stops.
    pub steps: Vec<Step>,
    /// The rules after it, as if it were lifted.
    pub lifted: Vec<Step>,
}

/// One rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Step {
    /// Its number in the manual, such as `D6`.
    pub rule: String,
    /// `ok`, `STOP`, `NO`, `-`, `?`, `->` or a number.
    pub mark: String,
    /// What it found.
    pub text: String,
    /// Further lines.
    pub detail: Vec<String>,
}

/// Attempts, newest first; with `follow` oldest first (`auth log`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuthPage {
    /// One line each.
    pub rows: Vec<Attempt>,
    /// Where the next page begins; none: the end.
    pub cursor: Option<String>,
    /// At the end: what is older is archived.
    pub archived: Option<Archived>,
}

/// One attempt, one line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attempt {
    /// Id for `auth show`.
    pub id: Option<String>,
    /// Number of its audit record.
    pub seq: u64,
    /// When it was received.
    pub at: Instant,
    /// The name as known, or a mark for one that is not.
    pub user: String,
    /// Through which gateway.
    pub gateway: String,
    /// Calling-Station-Id; empty if none was sent.
    pub station: String,
    /// `accept`, `reject` or `challenge`.
    pub result: String,
    /// The rule that decided, such as `D11`.
    pub rule: Option<String>,
    /// Why it was refused.
    pub reason: Option<String>,
    /// By what it was accepted: `token`, `grace`, `recovery`, `passthrough`, `policy_passthrough`.
    pub how: Option<String>,
    /// The token that was used.
    pub token: Option<String>,
    /// The grant under which it was accepted.
    pub grant: Option<String>,
    /// Number of the message that was shown, such as `M01`.
    pub reply: Option<String>,
    /// The reason or the way, in words.
    pub text: String,
    /// It raised a failure count.
    pub counted: bool,
    /// The failure count after it.
    pub count: Option<u32>,
    /// The count that locks.
    pub limit: Option<u32>,
    /// The lock reason, if it locked the person.
    pub locked: Option<String>,
    /// Number of the audit record of that lock.
    pub lock_seq: Option<u64>,
    /// How many steps or counters off a wrong code was, below zero: late, if that is known.
    pub distance: Option<i64>,
    /// The token whose code it was.
    pub distance_of: Option<String>,
    /// The next attempt is refused until then.
    pub waits_until: Option<Instant>,
    /// How many attempts this record stands for.
    pub repeated: u32,
    /// When the reply left after receipt, if it was held.
    pub held_ms: Option<u64>,
    /// Where the time went, if asked for and measured.
    pub stages: Option<Stages>,
}

/// Microseconds from receipt, stage by stage; none: not passed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stages {
    /// In the receive queue.
    pub receive_us: Option<u64>,
    /// Decoding and checking the packet.
    pub decode_us: Option<u64>,
    /// Loading the record.
    pub load_us: Option<u64>,
    /// Trying the code.
    pub otp_us: Option<u64>,
    /// Hashing the PIN or password.
    pub pin_us: Option<u64>,
    /// Judging.
    pub judge_us: Option<u64>,
    /// Waiting for the batch.
    pub wait_us: Option<u64>,
    /// Making it durable.
    pub sync_us: Option<u64>,
    /// Building the reply.
    pub sign_us: Option<u64>,
    /// Sending it.
    pub send_us: Option<u64>,
}

/// One attempt in full (`auth show`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuthShow {
    /// Its line in the log.
    pub attempt: Attempt,
    /// Address and port the datagram came from.
    pub address: String,
    /// Identifier of the packet.
    pub packet_id: Option<u32>,
    /// NAS-Identifier or NAS-IP-Address; empty if none was sent.
    pub nas: String,
    /// Rule by rule.
    pub steps: Vec<Step>,
    /// The message that was shown.
    pub reply_text: Option<String>,
    /// Length of the reply.
    pub reply_octets: Option<u64>,
    /// Work without waiting.
    pub work_us: Option<u64>,
    /// The audit records it made.
    pub audit: Vec<AuditRef>,
}

/// The name of an audit record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditRef {
    /// Its number.
    pub seq: u64,
    /// Its event.
    pub event: String,
}

/// A question at a sign-in that waits for its answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OpenDialogue {
    /// d-8F3K2.
    pub id: String,
    /// Login name.
    pub user: String,
    /// What is asked, as the audit log has it: `code`.
    pub kind: String,
    /// The same in words.
    pub asked: String,
    /// Through which gateway.
    pub gateway: String,
    /// Questions so far.
    pub rounds: u32,
    /// When the first was asked.
    pub opened: Instant,
    /// First instant at which no answer counts.
    pub until: Instant,
}

/// Questions that wait for their answers (`dialogue list`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DialoguePage {
    /// One line each.
    pub rows: Vec<OpenDialogue>,
    /// Where the next page begins.
    pub cursor: Option<String>,
}
