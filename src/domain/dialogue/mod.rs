//! Dialogues: a question to a person, the answer, and what holds the two together.
//!
//! ```text
//! Access-Request ----> judge: the first factor is right; what is asked now?
//!                      opened in the record, committed
//! Access-Challenge <-- the question, with a fresh handle as State
//! Access-Request ----> judge: the handle names the dialogue, which ends here
//! ```
//! An open [`Dialogue`] is a part of the record, committed before its question leaves. So it
//! survives a restart, and everything that ends a person's rights ends it too. The gateway holds
//! nothing but the [`Handle`], the record nothing but its digest: neither can be made from the other.
//!
//! A handle is good for one answer, through the gateway that was given it, by the person it was
//! given to, until the dialogue is over. Whatever else is presented as State names nothing; it is
//! refused and not counted.
//!
//! Each [`Kind`] of dialogue is a file that says what is asked and how the answer is read.
//!
//! Who is asked before anything is proven must not learn from the question whether there is such a
//! person: that question is a [blind](Kind::blind) one. Everybody gets it, at the time of a Reject;
//! for those who could not sign in anyway nothing is stored, and the answer is refused.

mod code;
mod handle;
mod passcode;

use std::sync::Arc;
use std::time::Duration;

use super::attempt::{Attempt, Proof};
use super::policy::{FirstFactorBy, GatewayPolicy, PasscodeForm};
use super::user::{AuthState, UserRecord};
use super::verdict::{Message, Question};
use crate::time::{Now, Timestamp};
use crate::token::DialogueId;

pub use handle::{Handle, HandleDigest, STATE_OCTETS};

/// Open dialogues of one person; the oldest ends for a further one.
pub const OPEN_MAX: usize = 3;

/// Questions of one dialogue.
pub const ROUNDS_MAX: u32 = 10;

/// Dialogues that one person may open in a row, without all of them having ended in between. Who
/// opens more and answers none is still asked, but nothing is stored for it: each one that is stored
/// is a record of the audit log.
pub const ROW_MAX: u32 = 30;

/// What a dialogue is about, and what was proven before its question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The code is asked for.
    Code {
        /// By whom the first factor was checked.
        proven: FirstFactorBy,
    },
    /// The passcode is asked for, of a person who has typed none.
    Passcode,
}

/// A question that waits for its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialogue {
    /// What it is about.
    pub kind: Kind,
    /// Through which gateway it was asked.
    pub gateway: Arc<str>,
    /// When the dialogue began.
    pub opened: Timestamp,
    /// From then on no answer counts.
    pub expires: Timestamp,
    /// What its answer must name.
    pub handle: HandleDigest,
    /// Questions so far.
    pub rounds: u32,
    /// The how manyth it is that was opened in a row.
    pub row: u32,
}

/// One question of a kind of dialogue.
struct Script {
    message: Message,
    /// What is typed may be shown.
    echo: bool,
    /// What the answer carries.
    form: PasscodeForm,
}

impl Kind {
    /// The name in audit records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Code { .. } => "code",
            Self::Passcode => "passcode",
        }
    }

    /// The kind that has this name at `gateway`.
    #[must_use]
    pub fn by_name(name: &str, gateway: &GatewayPolicy) -> Option<Self> {
        let proven = gateway.first_factor;
        let mut kinds = [Self::Code { proven }, Self::Passcode].into_iter();
        kinds.find(|kind| kind.name() == name)
    }

    /// Whether nothing is proven when it is asked.
    #[must_use]
    pub const fn blind(self) -> bool {
        matches!(
            self,
            Self::Passcode
                | Self::Code {
                    proven: FirstFactorBy::None
                }
        )
    }

    /// Whether the first factor was proven before it was asked, by whoever checks it.
    pub(super) const fn proves_first(self) -> bool {
        matches!(self, Self::Code { .. })
    }

    /// Whether it goes on at `gateway` as that is now: another one may check the first factor there
    /// since the question.
    fn suits(self, gateway: &GatewayPolicy) -> bool {
        match self {
            Self::Code { proven } => proven == gateway.first_factor,
            Self::Passcode => true,
        }
    }

    /// How the answer is split.
    pub(super) fn form(self, gateway: &GatewayPolicy) -> PasscodeForm {
        self.script(gateway).form
    }

    /// What is asked, in words.
    #[must_use]
    pub fn message(self, gateway: &GatewayPolicy) -> Message {
        self.script(gateway).message
    }

    /// The question as a gateway gets it.
    #[must_use]
    pub fn question(self, gateway: &GatewayPolicy, handle: Handle, left: Duration) -> Question {
        Question {
            handle,
            echo: self.script(gateway).echo,
            seconds: u32::try_from(left.as_secs()).unwrap_or(u32::MAX),
            held: self.blind(),
        }
    }

    fn script(self, gateway: &GatewayPolicy) -> Script {
        match self {
            Self::Code { .. } => code::script(),
            Self::Passcode => passcode::script(gateway.passcode),
        }
    }
}

impl Dialogue {
    /// Whether an answer still counts.
    #[must_use]
    pub fn open(&self, now: Now) -> bool {
        now.latest() < self.expires
    }

    /// The id people see.
    #[must_use]
    pub fn id(&self) -> DialogueId {
        self.handle.id()
    }
}

/// The dialogue that `attempt` answers: open, and asked through this very gateway.
#[must_use]
pub fn answered<'a>(record: &'a UserRecord, attempt: &Attempt, now: Now) -> Option<&'a Dialogue> {
    let Proof::Answer {
        handle: Some(handle),
        ..
    } = &attempt.proof
    else {
        return None;
    };
    let named = |dialogue: &&Dialogue| {
        dialogue.handle.is_of(handle) && dialogue.gateway == attempt.gateway.name
    };
    let found = record.auth.dialogues.iter().find(named);
    found.filter(|dialogue| dialogue.open(now) && dialogue.kind.suits(&attempt.gateway))
}

/// The dialogue that `attempt` calls for, because what it carries is no code: the first factor
/// alone, or nothing at all (D12). `answered`: the one it answers itself.
#[must_use]
pub fn called_for(attempt: &Attempt, answered: Option<&Dialogue>) -> Option<Kind> {
    let gateway = &attempt.gateway;
    if !gateway.challenge {
        return None;
    }
    let first = match (&attempt.proof, answered.map(|dialogue| dialogue.kind)) {
        (Proof::Passcode(_), _) => true,
        // An empty answer is a wrong one: nobody is asked for a passcode twice.
        (Proof::Answer { .. }, Some(Kind::Passcode)) => false,
        _ => return None,
    };
    let nothing = first && attempt.passcode().is_empty();
    let proven = gateway.first_factor;
    let ignored = matches!(proven, FirstFactorBy::Gateway | FirstFactorBy::None);
    match gateway.passcode {
        PasscodeForm::Challenge if ignored || !nothing => Some(Kind::Code { proven }),
        _ if nothing => Some(Kind::Passcode),
        _ => None,
    }
}

/// Whether a fresh handle may be needed for what `attempt` is answered.
#[must_use]
pub fn may_ask(attempt: &Attempt) -> bool {
    match attempt.proof {
        Proof::Passcode(_) => called_for(attempt, None).is_some(),
        Proof::Answer { .. } => attempt.gateway.challenge,
        Proof::Unsupported(_) => false,
    }
}

/// Whether mfad has the first factor of a person to check before anything else, a slow thing to do.
/// For a name that nobody has as much has to wait.
#[must_use]
pub fn checks_first(attempt: &Attempt) -> bool {
    let kind = called_for(attempt, None);
    matches!(
        kind,
        Some(Kind::Code {
            proven: FirstFactorBy::Pin | FirstFactorBy::Local
        })
    )
}

/// What the next question is opened with.
pub(super) struct Opening<'a> {
    pub(super) kind: Kind,
    pub(super) gateway: &'a GatewayPolicy,
    pub(super) handle: &'a Handle,
    /// The dialogue that goes on with it, taken out of the record.
    pub(super) after: Option<&'a Dialogue>,
    /// How long a new one stays open.
    pub(super) ttl: Duration,
}

/// Opens the next question in `auth`; false if it cannot be, for too many of them.
pub(super) fn open(auth: &mut AuthState, opening: &Opening<'_>, now: Now) -> bool {
    let rounds = opening.after.map_or(0, |dialogue| dialogue.rounds) + 1;
    let rows = auth.dialogues.iter().map(|dialogue| dialogue.row);
    let row = match opening.after {
        Some(dialogue) => dialogue.row,
        None => rows.max().unwrap_or(0) + 1,
    };
    if rounds > ROUNDS_MAX || row > ROW_MAX {
        return false;
    }
    let (opened, expires) = match opening.after {
        Some(dialogue) => (dialogue.opened, dialogue.expires),
        None => (now.wall, now.latest() + opening.ttl),
    };
    // They stand in the order in which they were opened.
    while auth.dialogues.len() >= OPEN_MAX {
        auth.dialogues.remove(0);
    }
    auth.dialogues.push(Dialogue {
        kind: opening.kind,
        gateway: Arc::clone(&opening.gateway.name),
        opened,
        expires,
        handle: opening.handle.digest(),
        rounds,
        row,
    });
    true
}

#[cfg(test)]
mod tests;
