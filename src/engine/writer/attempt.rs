//! Sign-ins: the newest record, evidence made of that very record, the judgement.

use std::sync::Arc;

use smol_str::SmolStr;

use super::outgoing::posted;
use super::{Batch, CHECKS_MAX, Pending, Waiting, Writer, micros};
use crate::audit::summing::{Key as SumKey, Offer};
use crate::domain::attempt::Attempt;
use crate::domain::event::{Actor, Event, Origin, RequestRef};
use crate::domain::judge::{
    Evidence, FirstFactor, Fresh, Judgement, Lacking, judge, judge_stranger,
};
use crate::domain::notice::Told;
use crate::domain::pin::Memorized;
use crate::domain::refusal::Refusal;
use crate::domain::token_record::TokenKind;
use crate::domain::user::{UserId, UserRecord};
use crate::domain::verdict::Verdict;
use crate::domain::verify::{Admission, Ask, CodeMatch, Finding, admit, verify};
use crate::engine::pins::{Check, What, tag};
use crate::store::{Body, Change, Key, Write};
use crate::time::Now;

impl Writer {
    pub(super) fn attempt(&mut self, mut pending: Pending, batch: &mut Batch, now: Now) {
        pending.stages.wait_us = micros(now.mono_us.saturating_sub(pending.queued_us));
        let record = match &pending.attempt.user {
            Some(user) => match self.newest(user, batch) {
                Ok(record) => record,
                // One record that cannot be read is no reason to leave others without an answer.
                Err(_) => return self.unanswered(&pending),
            },
            None => None,
        };
        let judged = match &record {
            None => {
                let (attempt, rules) = (&pending.attempt, self.engine.rules());
                self.with_fresh(attempt, None, now, |fresh| {
                    judge_stranger(attempt, fresh, &rules.policy, now)
                })
            }
            Some(record) => match self.judge_known(&mut pending, record, now) {
                Some(judged) => judged,
                // Gone to the PIN pool with what the newest record asks; it comes back.
                None => return self.recheck(pending, record, now),
            },
        };
        // What a question needs could not be made.
        let Ok(judgement) = judged else {
            return self.unanswered(&pending);
        };
        self.settle(pending, record.as_deref(), judgement, batch, now);
    }

    /// Judges with evidence made of this very record; none: a first factor has to be checked first.
    fn judge_known(
        &mut self,
        pending: &mut Pending,
        record: &UserRecord,
        now: Now,
    ) -> Option<Result<Judgement, Refusal>> {
        let rules = self.engine.rules();
        let attempt = &pending.attempt;
        if admit(Some(record), attempt, &rules.policy, now) != Admission::Open {
            let mut evidence = Evidence {
                // Refused without a look at the passcode.
                finding: Finding::of(record, CodeMatch::NoCode, Ask::Nothing),
                first: FirstFactor::NotAsked,
                hash: None,
                repeated: false,
                fresh: Fresh::default(),
            };
            return Some(self.with_fresh(attempt, Some(record.id), now, |fresh| {
                evidence.fresh = fresh.clone();
                judge(record, attempt, &evidence, &rules.policy, now)
            }));
        }
        let finding = match pending.finding.take() {
            Some(finding) if finding.is_of(record) => finding,
            _ => verify(record, attempt, &rules.policy, self.engine.keys(), now),
        };
        let (first, hash) = match check_of(record, attempt, &finding.ask) {
            None => (FirstFactor::NotAsked, None),
            Some(check) => match &pending.first {
                Some(made) if made.ask == finding.ask && made.stored.as_ref() == check.stored => {
                    (made.first, made.hash.clone())
                }
                _ if self.engine.pins().remembers(check, now) => (FirstFactor::Right, None),
                _ => {
                    pending.finding = Some(finding);
                    return None;
                }
            },
        };
        let may_repeat = matches!(
            finding.code,
            CodeMatch::Wrong { .. }
                | CodeMatch::NoCode
                | CodeMatch::Passthrough { .. }
                | CodeMatch::Unenrolled
                | CodeMatch::Enrols { .. }
                | CodeMatch::Awaited
                | CodeMatch::Emergency
                | CodeMatch::Resets { .. }
                | CodeMatch::Ahead(_)
        );
        let repeated = may_repeat && self.is_repeat(record.id, attempt, now);
        let mut evidence = Evidence {
            finding,
            first,
            hash,
            repeated,
            fresh: Fresh::default(),
        };
        Some(self.with_fresh(attempt, Some(record.id), now, |fresh| {
            evidence.fresh = fresh.clone();
            judge(record, attempt, &evidence, &rules.policy, now)
        }))
    }

    /// Sends an attempt to the PIN pool from here: its record changed while it was on its way.
    fn recheck(&mut self, mut pending: Pending, record: &UserRecord, now: Now) {
        pending.checks += 1;
        let ask = pending
            .finding
            .as_ref()
            .map_or(Ask::Nothing, |finding| finding.ask.clone());
        let check = check_of(record, &pending.attempt, &ask);
        match check {
            Some(check) if pending.checks <= CHECKS_MAX => {
                let order = (check.order(self.engine.random().ok()), ask);
                self.engine.check_first(pending, Some(order), now);
            }
            _ => self.unanswered(&pending),
        }
    }

    /// Takes a judgement into the batch.
    fn settle(
        &mut self,
        pending: Pending,
        before: Option<&UserRecord>,
        judgement: Judgement,
        batch: &mut Batch,
        now: Now,
    ) {
        let Judgement {
            verdict,
            record,
            events,
            letters,
            counted,
        } = judgement;
        let attempt = &pending.attempt;
        let counted = record.as_ref().map(|record| record.id).filter(|_| counted);
        if let Some(user) = counted {
            // Now, not after the commit: the next one of this batch must know of it (D17).
            let tag = self.repeat_tag(user, attempt);
            self.repeats.remember(user, &attempt.gateway.name, tag, now);
        }
        let origin = Origin {
            actor: Actor::User,
            source: Some(attempt.source.clone()),
            request: RequestRef::Datagram(attempt.digest),
        };
        let change = match record {
            Some(record) => {
                let profile =
                    before.is_none_or(|before| !Arc::ptr_eq(&before.profile, &record.profile));
                let write = Write {
                    key: Key::User(record.id),
                    expected: Some(record.auth.revision - 1),
                    body: Some(Body::User {
                        profile: profile.then(|| Arc::clone(&record.profile)),
                        auth: record.auth.clone(),
                    }),
                };
                let told = Told {
                    events: &events,
                    origin: &origin,
                    before,
                    after: &record,
                    at: now.wall,
                };
                let mut writes = vec![write];
                writes.extend(self.messages(told, batch, now));
                self.room_for(letters.len(), batch, now);
                writes.extend(letters.into_iter().map(posted));
                let name = SmolStr::new(record.name());
                batch.overlay.insert(name, Some(Arc::new(record)));
                Some(batch.push(Change {
                    writes,
                    origin,
                    events,
                    at: now,
                }))
            }
            None => self.unchanging(attempt, &verdict, events, origin, batch, now),
        };
        let (known, kind) = (before.is_some(), kind_of(&verdict, before));
        batch.waiting.push(Waiting::Verdict {
            pending,
            known,
            kind,
            verdict,
            change,
            counted,
        });
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
        if events.is_empty() {
            // A question of which nothing is kept.
            return None;
        }
        let user = events.iter().find_map(|event| event.user.clone());
        let change = Change {
            writes: Vec::new(),
            origin,
            events,
            at: now,
        };
        let Verdict::Reject { reason, .. } = verdict else {
            return Some(batch.push(change));
        };
        let key = SumKey {
            gateway: Arc::clone(&attempt.gateway.name),
            reason: *reason,
            user,
        };
        match self.summing.offer(key, now) {
            Offer::Write => Some(batch.push(change)),
            Offer::Summed => None,
        }
    }

    /// Judges, and again with each thing that the answer needs and that is made only then.
    fn with_fresh(
        &self,
        attempt: &Attempt,
        user: Option<UserId>,
        now: Now,
        mut judge: impl FnMut(&Fresh) -> Result<Judgement, Lacking>,
    ) -> Result<Judgement, Refusal> {
        let mut fresh = Fresh::default();
        loop {
            match judge(&fresh) {
                Ok(judgement) => return Ok(judgement),
                Err(lacking) => self
                    .engine
                    .supply(lacking, attempt, user, &mut fresh, now)?,
            }
        }
    }

    fn is_repeat(&self, user: UserId, attempt: &Attempt, now: Now) -> bool {
        let tag = self.repeat_tag(user, attempt);
        self.repeats
            .is_repeat(user, &attempt.gateway.name, &tag, now)
    }

    fn repeat_tag(&self, user: UserId, attempt: &Attempt) -> [u8; 16] {
        tag(
            &self.repeat_key,
            &[&user.0, attempt.gateway.name.as_bytes(), attempt.passcode()],
        )
    }
}

/// The kind of the token that a verdict says was used.
fn kind_of(verdict: &Verdict, record: Option<&UserRecord>) -> Option<TokenKind> {
    let Verdict::Accept { how, .. } = verdict else {
        return None;
    };
    Some(record?.token(how.token()?)?.kind)
}

/// The check that answers what was asked, if something was.
pub(in crate::engine) fn check_of<'a>(
    record: &'a UserRecord,
    attempt: &'a Attempt,
    ask: &Ask,
) -> Option<Check<'a>> {
    let (what, range, stored) = match ask {
        Ask::Pin(range) => (What::Pin, range, Some(&record.profile.pin.as_ref()?.hash)),
        Ask::Password(range) => (
            What::Password,
            range,
            Some(&record.profile.password.as_ref()?.hash),
        ),
        Ask::Hash(Memorized::Pin, range) => (What::Pin, range, None),
        Ask::Hash(Memorized::Password, range) => (What::Password, range, None),
        Ask::Answer { token, at, typed } => {
            let questions = record.token(*token)?.questions.as_ref()?;
            let stored = &questions.list.get(*at)?.answer;
            let what = What::Answer(*token, u8::try_from(*at).ok()?);
            (what, typed, Some(stored))
        }
        Ask::Nothing | Ask::Missing | Ask::Blocked | Ask::Proven | Ask::Unset => return None,
    };
    Some(Check {
        user: record.id,
        what,
        typed: attempt.passcode().get(range.clone())?,
        stored,
    })
}
