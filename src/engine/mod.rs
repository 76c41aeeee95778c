//! Order, batch, make durable, answer.
//!
//! A front end hands an attempt to [`Engine::submit`], which looks at the person's record, matches
//! the code and has the first factor checked where one is asked for: evidence, gathered on any
//! thread. The [`writer`] alone judges, on the newest record, and releases verdicts once they are
//! durable. Operators' commands take the same way ([`Engine::change`]).
//!
//! Every queue is bounded; what finds one full is shed without an answer, so that the gateway turns
//! to its next server. Clock and randomness come from the [`World`] that the caller gives.

mod answers;
pub mod cache;
mod codes;
pub mod count;
pub mod diagnosis;
mod first;
mod import;
mod lapse;
pub mod outbox;
pub mod pace;
pub mod pins;
pub mod prepare;
pub mod repeat;
mod target;
pub mod trace;
pub mod writer;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::domain::action::Action;
use crate::domain::attempt::Attempt;
use crate::domain::dialogue::checks_first;
use crate::domain::event::{Actor, Event, Operator, Origin, RequestRef};
use crate::domain::policy::{GatewayPolicy, Policy};
use crate::domain::token_record::TokenKind;
use crate::domain::user::UserRecord;
use crate::domain::verdict::Verdict;
use crate::domain::verify::{Admission, admit, verify};
use crate::secret::SecretBytes;
use crate::store::pin_hash::PinHasher;
use crate::store::seal::Keys;
use crate::store::{Change, Commit, Read, StoreError, Write};
use crate::time::Now;

use self::cache::Cache;
use self::count::Counters;
use self::pins::{PinLimits, Pins};
use self::trace::{Stages, Traces};
use self::writer::{BATCH_CHANGES_MAX, Job, Note, Pending, Ticket, Writer};

/// How long the writer waits for work before it does the store's own.
const IDLE: Duration = Duration::from_millis(500);

/// How long it waits while the store has work of its own left.
const IDLE_AT_WORK: Duration = Duration::from_millis(20);

/// A writer that has not come round for so long is stuck.
const WRITER_STUCK_US: u64 = 5_000_000;

/// What the engine needs of the world outside.
pub trait World: Send + Sync {
    /// The time.
    fn now(&self) -> Now;

    /// Random octets. False: there are none to be had, and nothing may be made of the buffer.
    fn fill(&self, octets: &mut [u8]) -> bool;
}

/// Where verdicts go.
pub trait Answers: Send + Sync {
    /// The attempt is decided and durable.
    /// `known` says whether there is such a person.
    fn verdict(&self, ticket: Ticket, attempt: &Attempt, known: bool, verdict: &Verdict);

    /// The attempt could not be decided: no answer, unless the gateway wants a Reject.
    fn nothing(&self, ticket: Ticket, attempt: &Attempt);

    /// An event other than a verdict is durable, under this number.
    fn recorded(&self, origin: &Origin, event: &Event, seq: u64);

    /// The batch is over, and with it the attempts that had these passcodes: what is left of their
    /// room is for new ones.
    fn flush(&self, spent: &mut Vec<SecretBytes>);
}

/// What a reload replaces, all or nothing.
pub struct Rules {
    /// The site's rules.
    pub policy: Policy,
    /// The gateways.
    pub gateways: Vec<Arc<GatewayPolicy>>,
}

/// Bounds of the engine.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Attempts and commands that may wait for the writer.
    pub queue: usize,
    /// Records held in memory.
    pub cache_entries: usize,
    /// The PIN pool.
    pub pins: PinLimits,
}

/// The parts an engine is made of.
pub struct Parts {
    /// The reading side of the store.
    pub reader: Arc<dyn Read>,
    /// Keys.
    pub keys: Arc<Keys>,
    /// Rules in force.
    pub rules: Rules,
    /// Bounds.
    pub limits: Limits,
    /// Clock and randomness.
    pub world: Arc<dyn World>,
    /// Where verdicts go.
    pub answers: Arc<dyn Answers>,
    /// Makes a hasher for each thread of the PIN pool.
    pub hasher: fn() -> PinHasher,
}

/// The engine, shared by all front ends.
pub struct Engine {
    reader: Arc<dyn Read>,
    keys: Arc<Keys>,
    rules: ArcSwap<Rules>,
    cache: Cache,
    pins: Arc<Pins>,
    world: Arc<dyn World>,
    answers: Arc<dyn Answers>,
    counters: Arc<Counters>,
    traces: Traces,
    diagnosis: diagnosis::Diagnosis,
    bell: outbox::Bell,
    pace: Mutex<pace::Pace>,
    queue: SyncSender<Job>,
    store_down: AtomicBool,
    store_error: Mutex<Option<String>>,
    turned_us: AtomicU64,
}

/// The system gave no random octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random octets")]
pub struct NoRandom;

impl Engine {
    /// Puts the parts together; the receiver is for the writer ([`Engine::writer`]).
    ///
    /// # Errors
    /// [`NoRandom`].
    pub fn new(parts: Parts) -> Result<(Arc<Self>, Receiver<Job>), NoRandom> {
        let Parts {
            reader,
            keys,
            rules,
            limits,
            world,
            answers,
            hasher,
        } = parts;
        let counters = Arc::new(Counters::default());
        let mut tag_key = [0; 32];
        if !world.fill(&mut tag_key) {
            return Err(NoRandom);
        }
        let tag_key = crate::secret::SecretKey::new(tag_key);
        let pins = Pins::start(
            Arc::clone(&keys),
            limits.pins,
            tag_key,
            Arc::clone(&counters),
            hasher,
        );
        let (queue, jobs) = sync_channel(limits.queue);
        let engine = Self {
            reader,
            keys,
            rules: ArcSwap::from_pointee(rules),
            cache: Cache::new(limits.cache_entries),
            pins: Arc::new(pins),
            world,
            answers,
            counters,
            traces: Traces::default(),
            diagnosis: diagnosis::Diagnosis::default(),
            bell: outbox::Bell::default(),
            pace: Mutex::default(),
            queue,
            store_down: AtomicBool::new(false),
            store_error: Mutex::default(),
            turned_us: AtomicU64::new(0),
        };
        Ok((Arc::new(engine), jobs))
    }

    /// The writer of this engine.
    ///
    /// # Errors
    /// [`NoRandom`].
    pub fn writer(self: &Arc<Self>, store: Box<dyn Commit>) -> Result<Writer, NoRandom> {
        let mut key = [0; 32];
        if !self.world.fill(&mut key) {
            return Err(NoRandom);
        }
        Ok(Writer::new(
            Arc::clone(self),
            store,
            crate::secret::SecretKey::new(key),
        ))
    }

    /// The writer's thread: takes what waits, in batches, until told to stop.
    pub fn run(self: &Arc<Self>, mut writer: Writer, jobs: &Receiver<Job>) {
        let mut batch = Vec::with_capacity(BATCH_CHANGES_MAX);
        loop {
            self.turned_us.store(self.now().mono_us, Ordering::Relaxed);
            let idle = if writer.has_work() {
                IDLE_AT_WORK
            } else {
                IDLE
            };
            let first = match jobs.recv_timeout(idle) {
                Ok(job) => job,
                Err(RecvTimeoutError::Timeout) => {
                    writer.turn(&mut batch, self.now());
                    writer.rest(self.now());
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            };
            batch.push(first);
            batch.extend(jobs.try_iter().take(BATCH_CHANGES_MAX - 1));
            for _ in &batch {
                self.counters.verify_queue.down();
            }
            let stop = batch.iter().any(|job| matches!(job, Job::Stop));
            writer.turn(&mut batch, self.now());
            writer.rest(self.now());
            if stop {
                break;
            }
        }
        writer.stop(self.now());
    }

    /// Takes an attempt in. The answer comes through [`Answers`], or none if a queue is full.
    pub fn submit(self: &Arc<Self>, attempt: Attempt, ticket: Ticket) {
        let started_us = self.now().mono_us;
        let mut stages = Stages {
            decode_us: span(attempt.received.mono_us, started_us),
            ..Stages::default()
        };
        if self.store_down.load(Ordering::Relaxed) {
            self.counters.unanswered_store.up();
            return self.answers.nothing(ticket, &attempt);
        }
        let record = match attempt.user.as_deref().map(|name| self.load(name)) {
            Some(Ok(record)) => record,
            None => None,
            Some(Err(_)) => {
                self.counters.unanswered_store.up();
                return self.answers.nothing(ticket, &attempt);
            }
        };
        let loaded_us = self.now().mono_us;
        stages.load_us = span(started_us, loaded_us);
        let mut pending = Pending {
            attempt,
            ticket,
            finding: None,
            first: None,
            checks: 0,
            stages,
            queued_us: loaded_us,
        };
        let now = pending.attempt.received;
        let rules = self.rules.load();
        let policy = &rules.policy;
        let admitted = |record: &Arc<UserRecord>| {
            admit(Some(record), &pending.attempt, policy, now) == Admission::Open
        };
        let record = record.filter(admitted);
        let Some(record) = record else {
            // A full pool must not tell who could have signed in.
            if !checks_first(&pending.attempt, &self.rules.load().policy) {
                return self.queue_attempt(pending);
            }
            return self.check_first(pending, None, now);
        };
        let finding = verify(&record, &pending.attempt, policy, &*self.keys, now);
        pending.queued_us = self.now().mono_us;
        pending.stages.otp_us = span(loaded_us, pending.queued_us);
        let check = writer::check_of(&record, &pending.attempt, &finding.ask);
        let ask = finding.ask.clone();
        pending.finding = Some(finding);
        match check {
            Some(check) if !self.pins.remembers(check, now) => {
                let order = (check.order(self.random().ok()), ask);
                pending.checks = 1;
                self.check_first(pending, Some(order), now);
            }
            _ => self.queue_attempt(pending),
        }
    }

    fn queue_attempt(&self, pending: Pending) {
        self.counters.verify_queue.up();
        match self.queue.try_send(Job::Attempt(pending)) {
            Ok(()) => {}
            Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => {
                self.counters.verify_queue.down();
                if let Job::Attempt(pending) = job {
                    self.counters.shed_verify.up();
                    self.answers.nothing(pending.ticket, &pending.attempt);
                }
            }
        }
    }

    /// Puts an attempt back after a conflict.
    pub(crate) fn requeue(&self, mut pending: Pending) {
        pending.queued_us = self.now().mono_us;
        self.queue_attempt(pending);
    }

    /// The person's newest committed record.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn load(&self, name: &str) -> Result<Option<Arc<UserRecord>>, StoreError> {
        let moment = match self.cache.find(name) {
            Ok(record) => return Ok(Some(record)),
            Err(moment) => moment,
        };
        let record = writer::load(&*self.reader, name)?;
        if let Some(record) = &record {
            self.cache.loaded(Arc::clone(record), moment);
        }
        Ok(record)
    }

    /// Writes an audit record of something that changes no record of the store, and waits until it
    /// is durable; its number, or none if the store does not write.
    #[must_use]
    pub fn note(&self, origin: Origin, event: Event) -> Option<u64> {
        self.note_with(origin, event, Vec::new())
    }

    /// As [`Engine::note`], together with what the store is to know of it; none also if that met a
    /// conflict.
    #[must_use]
    pub fn note_with(&self, origin: Origin, event: Event, writes: Vec<Write>) -> Option<u64> {
        self.note_of(origin, Some(event), writes, Vec::new())
    }

    /// As [`Engine::note`], without waiting; dropped if the queue is full.
    pub fn note_later(&self, origin: Origin, event: Event) {
        self.counters.verify_queue.up();
        if self
            .queue
            .try_send(Job::Note(Box::new(Note {
                origin,
                event: Some(event),
                writes: Vec::new(),
                people: Vec::new(),
                reply: None,
            })))
            .is_err()
        {
            self.counters.verify_queue.down();
        }
    }

    /// Records that an operator was not allowed to do something.
    pub fn denied(&self, operator: &Operator, action: Action) {
        let change = denied_change(action, operator, self.now());
        for event in change.events {
            self.note_later(change.origin.clone(), event);
        }
    }

    /// Ends the writer after what is queued.
    pub fn stop(&self) {
        self.pins.stop();
        let _ = self.order(Job::Stop);
    }

    /// Queues work of an operator; waits for a place.
    pub(crate) fn order(&self, job: Job) -> Result<(), ()> {
        self.counters.verify_queue.up();
        self.queue.send(job).map_err(|_| ())
    }

    /// Puts other rules into force, for everything judged from now on.
    pub fn replace_rules(&self, rules: Rules) {
        self.rules.store(Arc::new(rules));
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> Arc<Rules> {
        self.rules.load_full()
    }

    /// The reading side of the store.
    #[must_use]
    pub fn reader(&self) -> &dyn Read {
        &*self.reader
    }

    /// Keys.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Now {
        self.world.now()
    }

    /// Everything counted.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The last attempts by stage.
    #[must_use]
    pub const fn traces(&self) -> &Traces {
        &self.traces
    }

    /// Whether the writer has come round lately: what the watchdog asks.
    #[must_use]
    pub fn writer_alive(&self) -> bool {
        let idle_us = self
            .now()
            .mono_us
            .saturating_sub(self.turned_us.load(Ordering::Relaxed));
        idle_us < WRITER_STUCK_US
    }

    /// Why the store does not work, if so.
    #[must_use]
    pub fn store_error(&self) -> Option<String> {
        self.store_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Records held in memory.
    #[must_use]
    pub fn cached(&self) -> usize {
        self.cache.len()
    }

    pub(crate) const fn cache(&self) -> &Cache {
        &self.cache
    }

    pub(crate) fn pins(&self) -> &Arc<Pins> {
        &self.pins
    }

    pub(crate) fn answers(&self) -> &dyn Answers {
        &*self.answers
    }

    pub(crate) fn world(&self) -> &dyn World {
        &*self.world
    }

    pub(crate) const fn pace(&self) -> &Mutex<pace::Pace> {
        &self.pace
    }

    pub(crate) fn store_is(&self, error: Option<String>) {
        self.store_down.store(error.is_some(), Ordering::Relaxed);
        *self
            .store_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = error;
    }

    pub(crate) fn counted(&self, verdict: &Verdict, kind: Option<TokenKind>, us: u64) {
        match verdict {
            Verdict::Accept { how, .. } => self.counters.accepted(how, kind),
            Verdict::Reject { reason, .. } => self.counters.rejected(*reason),
            Verdict::Challenge { .. } => self.counters.challenges.up(),
        }
        self.counters.answer.observe(us);
    }
}

fn denied_change(action: Action, operator: &Operator, now: Now) -> Change {
    let event = Event::new("role.denied")
        .refused()
        .detail("command", action.spec().name);
    let origin = Origin {
        actor: Actor::Operator(operator.clone()),
        source: None,
        request: RequestRef::None,
    };
    Change {
        writes: Vec::new(),
        origin,
        events: vec![event],
        at: now,
    }
}

fn span(from_us: u64, to_us: u64) -> u32 {
    u32::try_from(to_us.saturating_sub(from_us)).unwrap_or(u32::MAX)
}
