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

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use super::Engine;
use super::pins::{Check, What, tag};
use super::repeat::Repeats;
use super::trace::{Stages, Trace};
use crate::audit::summing::{Key as SumKey, Offer, Summing};
use crate::domain::action::Action;
use crate::domain::attempt::{Attempt, Proof};
use crate::domain::command::{self, Applied, Command, Done, Effect, Prepared, Site};
use crate::domain::event::{Actor, Event, Operator, Origin, RequestRef};
use crate::domain::judge::{Evidence, FirstFactor, Judgement, judge, judge_stranger};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::sealed::Sealed;
use crate::domain::token_record::TokenKind;
use crate::domain::user::{UserId, UserRecord};
use crate::domain::verdict::Verdict;
use crate::domain::verify::{Admission, Ask, CodeMatch, Finding, admit, verify};
use crate::secret::{SecretBytes, SecretKey};
use crate::store::{Body, Change, Commit, Key, Outcome, Read, StoreError, Write};
use crate::time::Now;

/// Changes in one commit at most.
pub const BATCH_CHANGES_MAX: usize = 512;

/// How often an attempt may come back from the PIN pool before it is given up.
const CHECKS_MAX: u8 = 3;

/// Names an attempt to the front end it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(pub [u64; 2]);

/// Work for the writer.
pub enum Job {
    /// A sign-in.
    Attempt(Box<Pending>),
    /// An operator's command.
    Command(Box<Ordered>),
    /// An audit record of something that changes no record of the store.
    Note(Note),
    /// Opens the store anew after a failed commit.
    Reopen,
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

/// A first factor that was checked.
pub struct Checked {
    /// What was asked.
    pub ask: Ask,
    /// Against which stored hash.
    pub stored: Sealed,
    /// Whether it was right.
    pub right: bool,
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

/// An event that changes no record.
pub struct Note {
    /// Who, from where.
    pub origin: Origin,
    /// What.
    pub event: Event,
    /// Told when it is durable (or not), with its number.
    pub reply: Option<SyncSender<Option<u64>>>,
}

/// The writer and what only it knows.
pub struct Writer {
    engine: Arc<Engine>,
    store: Box<dyn Commit>,
    repeats: Repeats,
    repeat_key: SecretKey,
    summing: Summing,
    broken: Option<String>,
    /// The room of the last batch, so that no batch asks the system for its own.
    spare: Batch,
}

/// What a batch has gathered.
#[derive(Default)]
struct Batch {
    changes: Vec<Change>,
    overlay: HashMap<String, Option<Arc<UserRecord>>>,
    waiting: Vec<Waiting>,
}

/// Who is answered once the batch is durable.
enum Waiting {
    Verdict {
        pending: Box<Pending>,
        verdict: Verdict,
        kind: Option<TokenKind>,
        change: Option<usize>,
        tag: Option<Tag>,
    },
    Command { command: Box<Command>, done: Box<Done>, reply: SyncSender<Reply>, change: usize },
    Note { reply: Option<SyncSender<Option<u64>>>, change: usize },
}

struct Tag {
    user: UserId,
    tag: [u8; 16],
}

impl Writer {
    /// The writer of `engine`'s store.
    #[must_use]
    pub fn new(engine: Arc<Engine>, store: Box<dyn Commit>, repeat_key: SecretKey) -> Self {
        let (repeats, summing) = (Repeats::default(), Summing::default());
        let spare = Batch::default();
        Self { engine, store, repeats, repeat_key, summing, broken: None, spare }
    }

    /// Takes the jobs out, judges them in order, commits, answers.
    pub fn turn(&mut self, jobs: &mut Vec<Job>, now: Now) {
        let mut batch = std::mem::take(&mut self.spare);
        for job in jobs.drain(..) {
            if let Some(why) = &self.broken {
                let why = why.clone();
                self.refuse_broken(job, &why, now);
                continue;
            }
            match job {
                Job::Attempt(pending) => self.attempt(pending, &mut batch, now),
                Job::Command(ordered) => self.command(*ordered, &mut batch, now),
                Job::Note(note) => self.note(note, &mut batch, now),
                Job::Reopen | Job::Stop => {}
            }
        }
        self.sums(&mut batch, now);
        self.commit(batch, now);
    }

    /// Idle moments: the store's own work.
    pub fn idle(&mut self, now: Now) {
        if self.broken.is_some() {
            self.reopen(now);
            return;
        }
        self.turn(&mut Vec::new(), now);
        if let Err(error) = self.store.idle(now) {
            self.fail(&error);
        }
    }

    /// Writes what is still summed up and lets the store close cleanly.
    pub fn stop(mut self, now: Now) {
        let mut batch = Batch::default();
        for summed in self.summing.finish() {
            batch.push(summed_change(&summed, now));
        }
        self.commit(batch, now);
        if let Err(error) = self.store.close() {
            self.engine.store_is(Some(error.to_string()));
        }
    }

    /// Why nothing is judged, if so.
    #[must_use]
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    fn attempt(&mut self, mut pending: Box<Pending>, batch: &mut Batch, now: Now) {
        pending.stages.wait_us = micros(now.mono_us.saturating_sub(pending.queued_us));
        let record = match &pending.attempt.user {
            Some(user) => match self.newest(user, batch) {
                Ok(record) => record,
                Err(error) => {
                    self.fail(&error);
                    return self.unanswered(&pending);
                }
            },
            None => None,
        };
        let judgement = match &record {
            None => judge_stranger(&pending.attempt, now),
            Some(record) => match self.judge_known(&mut pending, record, now) {
                Some(judgement) => judgement,
                // Gone to the PIN pool with what the newest record asks; it comes back.
                None => return self.recheck(pending, record, now),
            },
        };
        self.settle(pending, record.as_deref(), judgement, batch, now);
    }

    /// Judges with evidence made of this very record; none: a first factor has to be checked first.
    fn judge_known(
        &mut self,
        pending: &mut Pending,
        record: &UserRecord,
        now: Now,
    ) -> Option<Judgement> {
        let rules = self.engine.rules();
        let attempt = &pending.attempt;
        if admit(Some(record), attempt, now) != Admission::Open {
            let evidence = Evidence {
                finding: no_finding(record),
                first: FirstFactor::NotAsked,
                repeated: false,
            };
            return Some(judge(record, attempt, &evidence, &rules.policy, now));
        }
        let finding = match pending.finding.take() {
            Some(finding) if finding.revision == record.auth.revision => finding,
            _ => verify(record, attempt, &rules.policy, self.engine.keys(), now),
        };
        let first = match check_of(record, attempt, &finding.ask) {
            None => FirstFactor::NotAsked,
            Some(check) => match &pending.first {
                Some(made) if made.ask == finding.ask && made.stored == check.stored => {
                    if made.right { FirstFactor::Right } else { FirstFactor::Wrong }
                }
                _ if self.engine.pins().remembers(&check, now) => FirstFactor::Right,
                _ => {
                    pending.finding = Some(finding);
                    return None;
                }
            },
        };
        let may_repeat = matches!(
            finding.code,
            CodeMatch::Wrong { .. } | CodeMatch::NoCode | CodeMatch::Passthrough { .. }
                | CodeMatch::Unenrolled
        );
        let repeated = may_repeat && self.is_repeat(record.id, attempt, now);
        let evidence = Evidence { finding, first, repeated };
        Some(judge(record, attempt, &evidence, &rules.policy, now))
    }

    /// Sends an attempt to the PIN pool from here: its record changed while it was on its way.
    fn recheck(&mut self, mut pending: Box<Pending>, record: &UserRecord, now: Now) {
        pending.checks += 1;
        let ask = pending.finding.as_ref().map_or(Ask::Nothing, |finding| finding.ask.clone());
        let check = check_of(record, &pending.attempt, &ask);
        match check {
            Some(check) if pending.checks <= CHECKS_MAX => {
                self.engine.check_first(pending, check, ask, now);
            }
            _ => self.unanswered(&pending),
        }
    }

    /// Takes a judgement into the batch.
    fn settle(
        &mut self,
        pending: Box<Pending>,
        before: Option<&UserRecord>,
        judgement: Judgement,
        batch: &mut Batch,
        now: Now,
    ) {
        let Judgement { verdict, record, events, counted } = judgement;
        let attempt = &pending.attempt;
        let kind = kind_of(&verdict, before);
        let tag = match (&record, counted) {
            (Some(record), true) => {
                Some(Tag { user: record.id, tag: self.repeat_tag(record.id, attempt) })
            }
            _ => None,
        };
        let origin = Origin {
            actor: Actor::User,
            source: Some(attempt.source.clone()),
            request: RequestRef::Datagram(attempt.digest),
        };
        let change = match record {
            Some(record) => {
                let profile = before
                    .is_none_or(|before| !Arc::ptr_eq(&before.profile, &record.profile));
                let write = Write {
                    key: Key::User(record.id),
                    expected: Some(record.auth.revision - 1),
                    body: Some(Body::User {
                        profile: profile.then(|| Arc::clone(&record.profile)),
                        auth: record.auth.clone(),
                    }),
                };
                let name = record.name().to_owned();
                batch.overlay.insert(name, Some(Arc::new(record)));
                Some(batch.push(Change { writes: vec![write], origin, events, at: now }))
            }
            None => self.unchanging(attempt, &verdict, events, origin, batch, now),
        };
        // D17 within a batch: the next one must already know of this one.
        if let Some(Tag { user, tag }) = &tag {
            self.repeats.remember(*user, &attempt.gateway.name, *tag, now);
        }
        batch.waiting.push(Waiting::Verdict { pending, verdict, kind, change, tag });
    }

    /// A verdict that changes no record: its audit record is written, or summed up with its like.
    fn unchanging(
        &mut self,
        attempt: &Attempt,
        verdict: &Verdict,
        events: Vec<Event>,
        origin: Origin,
        batch: &mut Batch,
        now: Now,
    ) -> Option<usize> {
        let user = events.iter().find_map(|event| event.user.clone());
        let change = Change { writes: Vec::new(), origin, events, at: now };
        let Verdict::Reject { reason, .. } = verdict else { return Some(batch.push(change)) };
        let key = SumKey { gateway: Arc::clone(&attempt.gateway.name), reason: *reason, user };
        match self.summing.offer(key, now) {
            Offer::Write => Some(batch.push(change)),
            Offer::Summed => None,
        }
    }

    fn command(&mut self, ordered: Ordered, batch: &mut Batch, now: Now) {
        let Ordered { command, target, mut prepared, operator, reason, if_revision, request, reply } =
            ordered;
        let wants = command::needs(&command);
        if wants.seats || wants.serial.is_some() {
            // What is counted or unique in the whole store is asked of the store itself, so what
            // this batch holds has to be in it.
            self.commit(std::mem::take(batch), now);
            if let Err(refusal) = self.engine.look_up(&wants, &mut prepared) {
                let _ = reply.send(Reply::Refused(Box::new(refusal)));
                return;
            }
        }
        let record = match self.newest(&target, batch) {
            Ok(record) => record,
            Err(error) => {
                self.fail(&error);
                let _ = reply.send(Reply::Refused(Box::new(store_refusal(&error.to_string()))));
                return;
            }
        };
        let rules = self.engine.rules();
        let next_seq = self.store.next_seq() + batch.events();
        let asked =
            command::Asked { operator: &operator, reason: reason.as_deref(), if_revision };
        let site = Site {
            policy: &rules.policy,
            gateways: &rules.gateways,
            now,
            unseal: self.engine.keys(),
            next_seq,
        };
        let Applied { effects, events, done } =
            match command::apply(&command, record.as_deref(), prepared, &asked, &site) {
                Ok(applied) => applied,
                Err(refusal) => {
                    if refusal.code == Code::Perm {
                        self.denied(command.action(), &operator, batch, now);
                    }
                    let _ = reply.send(Reply::Refused(Box::new(refusal)));
                    return;
                }
            };
        let origin = Origin {
            actor: Actor::Operator(operator),
            source: None,
            request: RequestRef::Command(request),
        };
        let writes = effects.into_iter().map(|effect| batch.take_effect(&target, effect)).collect();
        let change = batch.push(Change { writes, origin, events, at: now });
        let (command, done) = (Box::new(command), Box::new(done));
        batch.waiting.push(Waiting::Command { command, done, reply, change });
    }

    fn denied(&mut self, action: Action, operator: &Operator, batch: &mut Batch, now: Now) {
        batch.push(super::denied_change(action, operator, now));
    }

    fn note(&mut self, note: Note, batch: &mut Batch, now: Now) {
        let Note { origin, event, reply } = note;
        let change =
            batch.push(Change { writes: Vec::new(), origin, events: vec![event], at: now });
        batch.waiting.push(Waiting::Note { reply, change });
    }

    fn sums(&mut self, batch: &mut Batch, now: Now) {
        for summed in self.summing.due(now) {
            batch.push(summed_change(&summed, now));
        }
    }

    fn commit(&mut self, mut batch: Batch, now: Now) {
        let Batch { changes, overlay, waiting } = &mut batch;
        let outcomes = if changes.is_empty() {
            Ok(Vec::new())
        } else {
            self.store.commit(changes)
        };
        let outcomes = match outcomes {
            Ok(outcomes) => outcomes,
            Err(error) => {
                self.fail(&error);
                for waiting in waiting.drain(..) {
                    self.give_up(waiting, &error);
                }
                return;
            }
        };
        let sync_us = self.engine.now().mono_us.saturating_sub(now.mono_us);
        if !changes.is_empty() {
            let counters = self.engine.counters();
            counters.commits.up();
            counters.committed_changes.add(changes.len() as u64);
            counters.sync.observe(sync_us);
        }
        // After a conflict the overlay is built on sand: everybody loads anew.
        let conflict = outcomes.contains(&Outcome::Conflict);
        for (name, record) in overlay.drain() {
            if conflict {
                self.engine.cache().publish(&name, None);
            } else {
                self.engine.cache().publish(&name, record);
            }
        }
        for waiting in waiting.drain(..) {
            self.release(waiting, &outcomes, micros(sync_us), now);
        }
        for (change, outcome) in changes.iter().zip(&outcomes) {
            let Outcome::Committed { first_seq, .. } = *outcome else { continue };
            for (event, seq) in change.events.iter().zip(first_seq..) {
                if !event.name.starts_with("auth.") {
                    self.engine.answers().recorded(&change.origin, event, seq);
                }
            }
        }
        self.engine.answers().flush();
        changes.clear();
        self.spare = batch;
    }

    /// Answers one of a batch that is durable; what met a conflict is judged again.
    fn release(&mut self, waiting: Waiting, outcomes: &[Outcome], sync_us: u32, now: Now) {
        let outcome = |change: usize| outcomes.get(change).copied().unwrap_or(Outcome::Conflict);
        match waiting {
            Waiting::Verdict { mut pending, verdict, kind, change, tag } => {
                let synced = match change.map(outcome) {
                    Some(Outcome::Conflict) => {
                        drop(tag);
                        pending.finding = None;
                        self.engine.requeue(pending);
                        return;
                    }
                    Some(Outcome::Committed { .. }) => Some(sync_us),
                    None => None,
                };
                pending.stages.sync_us = synced;
                self.tell(&pending, &verdict, kind, now);
            }
            Waiting::Command { command, done, reply, change } => {
                let answer = match outcome(change) {
                    Outcome::Committed { last_seq, .. } => Reply::Done(done, last_seq),
                    Outcome::Conflict => Reply::Again(command),
                };
                let _ = reply.send(answer);
            }
            Waiting::Note { reply: Some(reply), change } => {
                let seq = match outcome(change) {
                    Outcome::Committed { last_seq, .. } => Some(last_seq),
                    Outcome::Conflict => None,
                };
                let _ = reply.send(seq);
            }
            Waiting::Note { reply: None, .. } => {}
        }
    }

    fn tell(
        &mut self,
        pending: &Pending,
        verdict: &Verdict,
        kind: Option<TokenKind>,
        now: Now,
    ) {
        let attempt = &pending.attempt;
        let us = now.mono_us.saturating_sub(attempt.received.mono_us);
        let us = us + u64::from(pending.stages.sync_us.unwrap_or(0));
        self.engine.counted(verdict, kind, us);
        let user =
            attempt.user.clone().unwrap_or_else(|| Arc::from(format!("~{}", attempt.pseudonym)));
        let trace = Trace {
            attempt: attempt.id(),
            digest: attempt.digest,
            user,
            stages: pending.stages,
        };
        self.engine.traces().keep(trace);
        self.engine.answers().verdict(pending.ticket, attempt, verdict);
    }

    fn unanswered(&self, pending: &Pending) {
        self.engine.counters().unanswered_store.up();
        self.engine.answers().nothing(pending.ticket, &pending.attempt);
    }

    fn give_up(&self, waiting: Waiting, error: &StoreError) {
        match waiting {
            Waiting::Verdict { pending, .. } => self.unanswered(&pending),
            Waiting::Command { reply, .. } => {
                let refusal = store_refusal(&error.to_string());
                let _ = reply.send(Reply::Refused(Box::new(refusal)));
            }
            Waiting::Note { reply: Some(reply), .. } => {
                let _ = reply.send(None);
            }
            Waiting::Note { reply: None, .. } => {}
        }
    }

    fn refuse_broken(&mut self, job: Job, why: &str, now: Now) {
        match job {
            Job::Attempt(pending) => self.unanswered(&pending),
            Job::Command(ordered) => {
                let _ = ordered.reply.send(Reply::Refused(Box::new(store_refusal(why))));
            }
            Job::Note(note) => {
                if let Some(reply) = note.reply {
                    let _ = reply.send(None);
                }
            }
            Job::Reopen => self.reopen(now),
            Job::Stop => {}
        }
    }

    /// A failed commit or load: nothing in memory can be trusted any more.
    fn fail(&mut self, error: &StoreError) {
        self.engine.counters().commit_failures.up();
        self.engine.cache().clear();
        // What was not committed was not counted either.
        self.repeats = Repeats::default();
        self.engine.store_is(Some(error.to_string()));
        self.broken = Some(error.to_string());
    }

    fn reopen(&mut self, _now: Now) {
        match self.store.reopen() {
            Ok(()) => {
                self.broken = None;
                self.engine.cache().clear();
                self.engine.store_is(None);
            }
            Err(error) => self.broken = Some(error.to_string()),
        }
    }

    /// The record as this batch has made it, else the newest committed one.
    fn newest(&self, name: &str, batch: &Batch) -> Result<Option<Arc<UserRecord>>, StoreError> {
        match batch.overlay.get(name) {
            Some(record) => Ok(record.clone()),
            None => self.engine.load(name),
        }
    }

    fn is_repeat(&self, user: UserId, attempt: &Attempt, now: Now) -> bool {
        let tag = self.repeat_tag(user, attempt);
        self.repeats.is_repeat(user, &attempt.gateway.name, &tag, now)
    }

    fn repeat_tag(&self, user: UserId, attempt: &Attempt) -> [u8; 16] {
        tag(&self.repeat_key, &[&user.0, attempt.gateway.name.as_bytes(), attempt.passcode()])
    }
}

impl Batch {
    fn push(&mut self, change: Change) -> usize {
        self.changes.push(change);
        self.changes.len() - 1
    }

    /// Audit records the batch will write so far.
    fn events(&self) -> u64 {
        self.changes.iter().map(|change| change.events.len() as u64).sum()
    }

    /// Takes the effect of a command in: what the next job sees, and what is written.
    fn take_effect(&mut self, target: &str, effect: Effect) -> Write {
        match effect {
            Effect::Put { user, expected } => {
                let name = user.name().to_owned();
                let write = Write {
                    key: Key::User(user.id),
                    expected,
                    body: Some(Body::User {
                        profile: Some(Arc::clone(&user.profile)),
                        auth: user.auth.clone(),
                    }),
                };
                self.overlay.insert(name, Some(Arc::from(user)));
                write
            }
            Effect::Remove { id, expected } => {
                self.overlay.insert(target.to_owned(), None);
                Write { key: Key::User(id), expected: Some(expected), body: None }
            }
            Effect::PoolPut(token) => Write {
                key: Key::Hardware(token.serial.clone()),
                expected: None,
                body: Some(Body::Hardware(token)),
            },
            Effect::PoolTake(serial) => {
                Write { key: Key::Hardware(serial), expected: Some(1), body: None }
            }
        }
    }
}

/// The check that answers what was asked, if something was.
pub(super) fn check_of(record: &UserRecord, attempt: &Attempt, ask: &Ask) -> Option<Check> {
    let Proof::Passcode(passcode) = &attempt.proof else { return None };
    let (what, range, stored) = match ask {
        Ask::Pin(range) => (What::Pin, range, &record.profile.pin.as_ref()?.hash),
        Ask::Password(range) => (What::Password, range, &record.profile.password.as_ref()?.hash),
        Ask::Nothing | Ask::Missing | Ask::Blocked => return None,
    };
    let typed = SecretBytes::copy_of(passcode.expose().get(range.clone())?);
    Some(Check { user: record.id, what, typed, stored: stored.clone() })
}

/// The kind of the token that an Accept was reached by.
fn kind_of(verdict: &Verdict, record: Option<&UserRecord>) -> Option<TokenKind> {
    let Verdict::Accept { how, .. } = verdict else { return None };
    Some(record?.token(how.token()?)?.kind)
}

/// For attempts that are refused without a look at the passcode.
fn no_finding(record: &UserRecord) -> Finding {
    Finding { revision: record.auth.revision, code: CodeMatch::NoCode, ask: Ask::Nothing }
}

fn store_refusal(detail: &str) -> Refusal {
    Refusal::new(Code::Store, "not done: mfad cannot write to its store")
        .why(detail)
        .doing("free space or repair the disk; mfad goes on by itself within a second")
}

fn summed_change(summed: &crate::audit::summing::Summed, now: Now) -> Change {
    let events = vec![summed.event()];
    Change { writes: Vec::new(), origin: Origin::system(), events, at: now }
}

fn micros(us: u64) -> u32 {
    u32::try_from(us).unwrap_or(u32::MAX)
}

/// Reads a record for the engine; a trait object would hide that this is the only read of the path.
pub(super) fn load(
    store: &dyn Read,
    name: &str,
) -> Result<Option<Arc<UserRecord>>, StoreError> {
    Ok(store.user_by_name(name)?.map(Arc::new))
}
