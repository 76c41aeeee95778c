//! The only writer: takes what waits, judges it in order, makes it durable at once, answers.
//!
//! [`Writer::turn`] is one such batch, without a thread, a clock or a socket of its own, so that a
//! simulation can drive it. While one batch is being synced the next one queues up: the sync itself
//! is the batching window, there is no timer. A record changed earlier in the batch is judged as it
//! has become, so of two requests with the same code the second one meets a used code.
//!
//! Nothing is answered before its change is durable. If the commit fails, or its result is not
//! known, nothing of the batch is answered with success, everything in memory is forgotten, and the
//! store has to be opened anew before anything else is judged.

mod attempt;
mod command;
mod commit;
mod outgoing;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use smol_str::SmolStr;

use self::outgoing::Outgoing;
use super::Engine;
use super::repeat::Repeats;
use super::trace::Stages;
use crate::audit::summing::{Summed, Summing};
use crate::domain::attempt::Attempt;
use crate::domain::command::{Command, Done, Prepared};
use crate::domain::event::{Event, Operator, Origin};
use crate::domain::judge::FirstFactor;
use crate::domain::refusal::Refusal;
use crate::domain::sealed::Sealed;
use crate::domain::token_record::TokenKind;
use crate::domain::user::{UserId, UserRecord};
use crate::domain::verdict::Verdict;
use crate::domain::verify::{Ask, Finding};
use crate::secret::{SecretBytes, SecretKey};
use crate::store::{Change, Commit, Read, StoreError, Write};
use crate::time::Now;

pub(super) use attempt::check_of;
pub use outgoing::taken_out;

/// Changes in one commit at most.
pub const BATCH_CHANGES_MAX: usize = 512;

/// How often an attempt may come back from the PIN pool before it is given up.
const CHECKS_MAX: u8 = 3;

/// Names an attempt to the front end it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(pub [u64; 2]);

/// Work for the writer.
#[expect(clippy::large_enum_variant, reason = "nearly all are attempts")]
pub enum Job {
    /// A sign-in.
    Attempt(Pending),
    /// An operator's command.
    Command(Box<Ordered>),
    /// An audit record of something that changes no record of the store.
    Note(Box<Note>),
    /// What time alone has brought about for the person of this name is to be written down; told when
    /// it is durable, dropped if there is nothing.
    Lapse(String, SyncSender<Option<u64>>),
    /// Writes what is summed up, checkpoints, and ends the thread.
    Stop,
}

/// An attempt on its way.
pub struct Pending {
    /// The attempt.
    pub attempt: Attempt,
    /// Who wants the answer.
    pub ticket: Ticket,
    /// What a look at the record has found; none: the person was not known, or not admitted.
    pub finding: Option<Finding>,
    /// The first-factor check that was made.
    pub first: Option<Checked>,
    /// Checks made so far.
    pub checks: u8,
    /// Stages so far.
    pub stages: Stages,
    /// When it was queued for the writer, on the monotonic clock.
    pub queued_us: u64,
}

/// A first factor that was checked, or a new one that was hashed.
pub struct Checked {
    /// What was asked.
    pub ask: Ask,
    /// Against which stored hash; none: it was hashed.
    pub stored: Option<Sealed>,
    /// What it came to.
    pub first: FirstFactor,
    /// The hash, under seal.
    pub hash: Option<Sealed>,
}

/// A command on its way.
pub struct Ordered {
    /// The command.
    pub command: Command,
    /// The login name of the person it is about.
    pub target: String,
    /// What was made for it.
    pub prepared: Prepared,
    /// Who asks.
    pub operator: Operator,
    /// The operator's words.
    pub reason: Option<String>,
    /// Refuse if the revision is another one.
    pub if_revision: Option<u64>,
    /// Id of the call.
    pub request: String,
    /// Where the answer goes.
    pub reply: SyncSender<Reply>,
}

/// What becomes of a command.
pub enum Reply {
    /// Durable; the number of its last audit record.
    Done(Box<Done>, u64),
    /// Nothing changed.
    Refused(Box<Refusal>),
    /// Somebody was faster: to be prepared and asked anew.
    Again(Box<Command>),
}

/// An event, and what is to be written with it that no command changes.
pub struct Note {
    /// Who, from where.
    pub origin: Origin,
    /// What; none: what the people have is all.
    pub event: Option<Event>,
    /// What the store is to know of it.
    pub writes: Vec<Write>,
    /// People out of a file; without a free seat for every new one nothing is done.
    pub people: Vec<Arrival>,
    /// Told when it is durable (or not), with its number.
    pub reply: Option<SyncSender<Option<u64>>>,
}

/// A person as a file makes them.
pub struct Arrival {
    /// The record it was judged on; none: somebody new.
    pub before: Option<UserRecord>,
    /// The record as it is to be.
    pub after: Box<UserRecord>,
    /// What the audit log keeps of it.
    pub events: Vec<Event>,
}

/// The writer and what only it knows.
pub struct Writer {
    engine: Arc<Engine>,
    store: Box<dyn Commit>,
    repeats: Repeats,
    repeat_key: SecretKey,
    summing: Summing,
    /// Sums that are over and not known to be durable. After a commit whose result is not known they
    /// are written again: a Reject too many in the log is the lesser evil.
    unwritten: Vec<Summed>,
    broken: Option<Broken>,
    /// The room of the last batch, so that no batch asks the system for its own.
    spare: Batch,
    /// Passcodes of attempts that are over.
    spent: Vec<SecretBytes>,
}

/// Why the store is closed, and when it was last tried.
struct Broken {
    why: String,
    tried_us: u64,
}

/// What a batch has gathered.
#[derive(Default)]
struct Batch {
    changes: Vec<Change>,
    overlay: HashMap<SmolStr, Option<Arc<UserRecord>>>,
    waiting: Vec<Waiting>,
    outgoing: Outgoing,
}

/// Who is answered once the batch is durable.
#[expect(clippy::large_enum_variant, reason = "nearly all are attempts")]
enum Waiting {
    Verdict {
        pending: Pending,
        /// There is such a person.
        known: bool,
        /// The kind of token that was used.
        kind: Option<TokenKind>,
        verdict: Verdict,
        change: Option<usize>,
        /// Whose counted failure is remembered for D17.
        counted: Option<UserId>,
    },
    Command {
        command: Box<Command>,
        done: Box<Done>,
        reply: SyncSender<Reply>,
        change: usize,
    },
    Note {
        reply: Option<SyncSender<Option<u64>>>,
        change: usize,
    },
}

impl Writer {
    /// The writer of `engine`'s store.
    #[must_use]
    pub fn new(engine: Arc<Engine>, store: Box<dyn Commit>, repeat_key: SecretKey) -> Self {
        let (repeats, summing) = (Repeats::default(), Summing::default());
        // A store that cannot be read now is opened anew by the writer, which counts again.
        let _ = engine.recount_messages();
        Self {
            engine,
            store,
            repeats,
            repeat_key,
            summing,
            unwritten: Vec::new(),
            broken: None,
            spare: Batch::default(),
            spent: Vec::new(),
        }
    }

    /// Takes the jobs out, judges them in order, commits, answers.
    pub fn turn(&mut self, jobs: &mut Vec<Job>, now: Now) {
        self.try_reopen(now);
        let mut batch = std::mem::take(&mut self.spare);
        for job in jobs.drain(..) {
            if let Some(broken) = &self.broken {
                let why = broken.why.clone();
                self.refuse_broken(job, &why);
                continue;
            }
            match job {
                Job::Attempt(pending) => self.attempt(pending, &mut batch, now),
                Job::Command(ordered) => self.command(*ordered, &mut batch, now),
                Job::Note(note) => self.note(*note, &mut batch, now),
                Job::Lapse(name, reply) => self.lapse(&name, reply, &mut batch, now),
                Job::Stop => {}
            }
        }
        if self.broken.is_some() {
            // What is summed up waits for the store; a commit now would lose it and put the next
            // try off.
            self.spare = batch;
            return;
        }
        self.unwritten.extend(self.summing.due(now));
        batch.sum(&self.unwritten, now);
        self.commit(batch, now);
        if self.broken.is_none() {
            self.unwritten.clear();
        }
    }

    /// Between two turns: the store's own work, which it does when it is due.
    pub fn rest(&mut self, now: Now) {
        if self.broken.is_none()
            && let Err(error) = self.store.idle(now)
        {
            self.fail(&error, now);
        }
    }

    /// Whether the store would go on with its own work if it were let.
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.broken.is_none() && self.store.has_work()
    }

    /// Writes what is still summed up and lets the store close cleanly.
    pub fn stop(mut self, now: Now) {
        let mut batch = Batch::default();
        self.unwritten.extend(self.summing.finish());
        batch.sum(&self.unwritten, now);
        self.commit(batch, now);
        if let Err(error) = self.store.close() {
            self.engine.store_is(Some(error.to_string()));
        }
    }

    /// Why nothing is judged, if so.
    #[must_use]
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_ref().map(|broken| broken.why.as_str())
    }

    /// The record as this batch has made it, else the newest committed one.
    fn newest(&self, name: &str, batch: &Batch) -> Result<Option<Arc<UserRecord>>, StoreError> {
        match batch.overlay.get(name) {
            Some(record) => Ok(record.clone()),
            None => self.engine.load(name),
        }
    }
}

impl Batch {
    fn push(&mut self, change: Change) -> usize {
        self.changes.push(change);
        self.changes.len() - 1
    }

    /// Takes the records of sums in.
    fn sum(&mut self, sums: &[Summed], now: Now) {
        self.changes.extend(sums.iter().map(|summed| Change {
            writes: Vec::new(),
            origin: Origin::system(),
            events: vec![summed.event()],
            at: now,
        }));
    }

    /// Audit records the batch will write so far.
    fn events(&self) -> u64 {
        self.changes
            .iter()
            .map(|change| change.events.len() as u64)
            .sum()
    }
}

fn micros(us: u64) -> u32 {
    u32::try_from(us).unwrap_or(u32::MAX)
}

/// Reads a record for the engine; a trait object would hide that this is the only read of the path.
pub(super) fn load(store: &dyn Read, name: &str) -> Result<Option<Arc<UserRecord>>, StoreError> {
    Ok(store.user_by_name(name)?.map(Arc::new))
}
