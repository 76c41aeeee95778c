//! Durable or not: the commit of a batch, and who is told what.

use smol_str::format_smolstr;

use super::outgoing::Outgoing;
use super::{Batch, Broken, Job, Pending, Reply, Waiting, Writer, micros};
use crate::domain::attempt::Proof;
use crate::domain::event::is_verdict;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::token_record::TokenKind;
use crate::domain::verdict::{Reason, Verdict};
use crate::engine::repeat::Repeats;
use crate::engine::trace::Trace;
use crate::store::{Change, Outcome, StoreError};
use crate::time::Now;

/// How often a closed store is tried, in microseconds.
const REOPEN_EVERY_US: u64 = 500_000;

impl Writer {
    pub(super) fn commit(&mut self, mut batch: Batch, now: Now) {
        let Batch {
            changes,
            overlay,
            waiting,
            outgoing,
        } = &mut batch;
        let outcomes = match changes.as_slice() {
            [] => Ok(Vec::new()),
            changes => self.store.commit(changes),
        };
        let outcomes = match outcomes {
            Ok(outcomes) => outcomes,
            Err(error) => {
                self.fail(&error, now);
                for waiting in waiting.drain(..) {
                    self.give_up(waiting, &error);
                }
                self.flush();
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
        let sound = outcomes
            .iter()
            .all(|outcome| matches!(outcome, Outcome::Committed { .. }));
        for (name, record) in overlay.drain() {
            self.engine.cache().publish(&name, record.filter(|_| sound));
        }
        for waiting in waiting.drain(..) {
            self.release(waiting, &outcomes, micros(sync_us), now);
        }
        self.flush();
        self.record(changes, &outcomes);
        self.count_messages(changes, &outcomes);
        *outgoing = Outgoing::default();
        changes.clear();
        self.spare = batch;
    }

    fn flush(&mut self) {
        self.engine.answers().flush(&mut self.spent);
        self.spent.clear();
    }

    /// Tells the watcher of everything that is durable but the verdicts.
    fn record(&self, changes: &[Change], outcomes: &[Outcome]) {
        for (change, outcome) in changes.iter().zip(outcomes) {
            let Outcome::Committed { first_seq, .. } = *outcome else {
                continue;
            };
            for (event, seq) in change.events.iter().zip(first_seq..) {
                if !is_verdict(event.name) {
                    self.engine.answers().recorded(&change.origin, event, seq);
                }
            }
        }
    }

    /// Answers one of a batch that is durable; what met a conflict is judged again.
    fn release(&mut self, waiting: Waiting, outcomes: &[Outcome], sync_us: u32, now: Now) {
        let outcome = |change: usize| outcomes.get(change).copied().unwrap_or(Outcome::Conflict);
        match waiting {
            Waiting::Verdict {
                mut pending,
                known,
                kind,
                verdict,
                change,
                counted,
            } => {
                let outcome = change.map(outcome);
                if let (Some(Outcome::Conflict | Outcome::Refused), Some(user)) = (outcome, counted)
                {
                    self.repeats.forget(user, &pending.attempt.gateway.name);
                }
                pending.stages.sync_us = match outcome {
                    Some(Outcome::Conflict) => {
                        pending.finding = None;
                        return self.engine.requeue(pending);
                    }
                    Some(Outcome::Refused) => return self.unanswered(&pending),
                    Some(Outcome::Committed { .. }) => Some(sync_us),
                    None => None,
                };
                self.tell(&pending, known, &verdict, kind, now);
                let wrong_code = matches!(
                    verdict,
                    Verdict::Reject {
                        reason: Reason::BadCode,
                        ..
                    }
                );
                if wrong_code && counted.is_some() {
                    self.engine.offer_for_diagnosis(pending);
                } else if let Proof::Passcode(passcode) | Proof::Answer { passcode, .. } =
                    pending.attempt.proof
                {
                    self.spent.push(passcode);
                }
            }
            Waiting::Command {
                command,
                done,
                reply,
                change,
            } => {
                let answer = match outcome(change) {
                    Outcome::Committed { last_seq, .. } => Reply::Done(done, last_seq),
                    Outcome::Conflict => Reply::Again(command),
                    Outcome::Refused => {
                        let refusal = store_refusal("the record is longer than any may be");
                        Reply::Refused(Box::new(refusal))
                    }
                };
                let _ = reply.send(answer);
            }
            Waiting::Note {
                reply: Some(reply),
                change,
            } => {
                let seq = match outcome(change) {
                    Outcome::Committed { last_seq, .. } => Some(last_seq),
                    Outcome::Conflict | Outcome::Refused => None,
                };
                let _ = reply.send(seq);
            }
            Waiting::Note { reply: None, .. } => {}
        }
    }

    fn tell(
        &self,
        pending: &Pending,
        known: bool,
        verdict: &Verdict,
        kind: Option<TokenKind>,
        now: Now,
    ) {
        let attempt = &pending.attempt;
        let us = now.mono_us.saturating_sub(attempt.received.mono_us);
        let sync_us = u64::from(pending.stages.sync_us.unwrap_or(0));
        self.engine.counters().spent(&pending.stages);
        self.engine
            .counted(verdict, kind, us.saturating_add(sync_us));
        let user = match &attempt.user {
            Some(user) if known => user.clone(),
            _ => format_smolstr!("~{}", attempt.pseudonym),
        };
        let trace = Trace {
            attempt: attempt.id(),
            digest: attempt.digest,
            user,
            stages: pending.stages,
        };
        self.engine.traces().keep(trace);
        self.engine
            .answers()
            .verdict(pending.ticket, attempt, known, verdict);
    }

    pub(super) fn unanswered(&self, pending: &Pending) {
        self.engine.counters().unanswered_store.up();
        self.engine
            .answers()
            .nothing(pending.ticket, &pending.attempt);
    }

    fn give_up(&self, waiting: Waiting, error: &StoreError) {
        match waiting {
            Waiting::Verdict { pending, .. } => self.unanswered(&pending),
            Waiting::Command { reply, .. } => {
                let refusal = store_refusal(&error.to_string());
                let _ = reply.send(Reply::Refused(Box::new(refusal)));
            }
            Waiting::Note {
                reply: Some(reply), ..
            } => {
                let _ = reply.send(None);
            }
            Waiting::Note { reply: None, .. } => {}
        }
    }

    pub(super) fn refuse_broken(&self, job: Job, why: &str) {
        match job {
            Job::Attempt(pending) => self.unanswered(&pending),
            Job::Command(ordered) => {
                let _ = ordered
                    .reply
                    .send(Reply::Refused(Box::new(store_refusal(why))));
            }
            Job::Note(note) => {
                if let Some(reply) = note.reply {
                    let _ = reply.send(None);
                }
            }
            Job::Lapse(..) | Job::Stop => {}
        }
    }

    /// A failed commit: nothing in memory can be trusted any more.
    pub(super) fn fail(&mut self, error: &StoreError, now: Now) {
        self.engine.counters().commit_failures.up();
        self.engine.cache().clear();
        // What was not committed was not counted either.
        self.repeats = Repeats::default();
        self.engine.store_is(Some(error.to_string()));
        self.broken = Some(Broken {
            why: error.to_string(),
            tried_us: now.mono_us,
        });
    }

    /// Opens a closed store anew, at most twice a second.
    pub(super) fn try_reopen(&mut self, now: Now) {
        let Some(broken) = &mut self.broken else {
            return;
        };
        if now.mono_us.saturating_sub(broken.tried_us) < REOPEN_EVERY_US {
            return;
        }
        broken.tried_us = now.mono_us;
        let reopened = self.store.reopen();
        match reopened.and_then(|()| self.engine.recount_messages()) {
            Ok(()) => {
                self.broken = None;
                self.engine.cache().clear();
                self.engine.store_is(None);
            }
            Err(error) => {
                broken.why = error.to_string();
                self.engine.store_is(Some(error.to_string()));
            }
        }
    }
}

pub(super) fn store_refusal(detail: &str) -> Refusal {
    Refusal::new(Code::Store, "not done: mfad cannot write to its store")
        .why(detail)
        .doing("free space or repair the disk; mfad goes on by itself within a second")
}
