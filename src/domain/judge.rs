//! The verdict: what an attempt is answered, what it changes, and what the audit log keeps of it.
//!
//! `judge` runs in the writer, on the newest record, with a finding made of that same record. It
//! returns the new record and the events in one value; the engine makes both durable before the
//! verdict leaves (L1). A right code is used up whatever else was wrong (D15), so that one code
//! cannot test many PINs.

mod asking;
mod fresh;
mod stranger;
mod told;
mod used;

use std::sync::Arc;

use super::attempt::Attempt;
use super::confirm;
use super::dialogue::{self, Dialogue, Proven};
use super::event::{Event, is_verdict};
use super::failure::{self, Kind};
use super::lapse;
use super::message::Message as Letter;
use super::policy::Policy;
use super::sealed::Sealed;
use super::token_record::Accepted;
use super::user::{LastLogin, UserRecord, UserState};
use super::verdict::{How, Message, Reason, Verdict};
use super::verify::{Admission, CodeMatch, Finding, admit, progress};
use super::wait;
use crate::time::{Now, Timestamp};
use crate::token::TokenId;

pub use fresh::{CodeFor, Fresh, Lacking};
pub use stranger::judge_stranger;
pub use told::reject_message;
pub(super) use told::told_of;

/// What became of the first factor that the finding asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstFactor {
    /// Nothing was asked, or the gateway has checked it.
    NotAsked,
    /// Right.
    Right,
    /// Wrong.
    Wrong,
}

/// Everything the judge needs to know besides the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// What the passcode is.
    pub finding: Finding,
    /// What became of the first factor.
    pub first: FirstFactor,
    /// The same wrong passcode as this user's last from this gateway, within the minute (D17).
    pub repeated: bool,
    /// The hash of the new PIN that the finding asked for.
    pub hash: Option<Sealed>,
    /// What a question needs; nothing until a judgement has [lacked](Lacking) it.
    pub fresh: Fresh,
}

/// The verdict and all that goes with it.
#[must_use]
#[derive(Debug)]
pub struct Judgement {
    /// The answer.
    pub verdict: Verdict,
    /// The record as it is to be; none if nothing changes.
    pub record: Option<UserRecord>,
    /// What the audit log keeps.
    pub events: Vec<Event>,
    /// What is sent to the person, written in one with the record.
    pub letters: Vec<Letter>,
    /// The failure was counted: the passcode is remembered for D17.
    pub counted: bool,
}

/// Judges an attempt by a person that mfad knows.
///
/// # Errors
/// [`Lacking`]: nothing is decided yet.
pub fn judge(
    record: &UserRecord,
    attempt: &Attempt,
    evidence: &Evidence,
    policy: &Policy,
    now: Now,
) -> Result<Judgement, Lacking> {
    let mut case = Case::open(record, attempt, policy, now);
    if let Admission::Refused(reason) = admit(Some(&case.record), attempt, policy, now) {
        return match dialogue::asked_of_all(attempt, policy) {
            Some(asking) => Ok(case.pretend(asking, evidence.fresh.handle()?)),
            None => Ok(case.refuse(reason)),
        };
    }
    let locked = case.record.auth.lock.is_some();
    let barred = locked && !dialogue::ends_lock(&case.record, attempt, now);
    case.take_dialogue();
    if case.has_lost_a_factor() {
        return Ok(case.refuse(Reason::NoToken));
    }
    let finding = &evidence.finding;
    let (answered, gateway) = (case.answered.as_ref(), &attempt.gateway);
    let code = confirm::code(finding.code, &case.record, gateway, policy, answered, now);
    let asked = (&finding.ask, evidence.first);
    let first = confirm::first_factor(&case.record, gateway, policy, now, asked, answered, code);
    match (code, first) {
        (CodeMatch::Emergency, first) => case.emergency(first, evidence),
        (CodeMatch::Awaited, first) => case.await_code(first, evidence),
        (CodeMatch::Told(seen), _) => case.turn(seen, evidence),
        // Whose PIN is all that is in the way comes so far, and no further.
        _ if barred => Ok(case.refuse(Reason::Locked)),
        (CodeMatch::Fits { token, factor }, first) => {
            case.consume(token, factor);
            case.decide(first, How::Token(token), evidence)
        }
        (CodeMatch::Ahead(ahead), first) => case.ahead(first, ahead, evidence),
        (CodeMatch::Sent { token }, first) => case.decide(first, How::Token(token), evidence),
        (CodeMatch::Replay { token, grace: true }, first) => {
            case.spend_grace(token);
            case.decide(first, How::Grace(token), evidence)
        }
        (CodeMatch::Recovery { token, index }, first) => {
            case.spend_recovery(token, index);
            case.decide(first, How::Recovery(token), evidence)
        }
        (CodeMatch::Passthrough { grant }, first) => {
            case.decide(first, How::Passthrough(grant), evidence)
        }
        (CodeMatch::Enrols { shown }, first) => case.enrol(first, shown, evidence),
        (CodeMatch::Resets { shown }, first) => case.reset(first, shown, evidence),
        (CodeMatch::Unenrolled, first) => case.decide(first, How::PolicyPassthrough, evidence),
        (
            CodeMatch::Replay {
                token,
                grace: false,
            },
            _,
        ) => Ok(case.replay(token)),
        (CodeMatch::NoToken(reason), _) => Ok(case.refuse(reason)),
        (CodeMatch::Wrong { only }, _) => {
            // Another code was sent for each question: the same guess is a new one.
            let sent = case.answers(|kind| matches!(kind, dialogue::Kind::Sent(_)));
            let repeated = evidence.repeated && !sent;
            let mut judgement = case.fail(Reason::BadCode, Kind::Code { only }, repeated);
            // Nor is it known again where a device's code is asked for.
            judgement.counted &= !sent;
            Ok(judgement)
        }
        (CodeMatch::NoCode, _) => {
            Ok(case.fail(Reason::BadCode, Kind::Shapeless, evidence.repeated))
        }
    }
}

/// The event of a Reject.
fn rejected(attempt: &Attempt, reason: Reason) -> Event {
    let event = match reason {
        Reason::Replay => Event::new("auth.replay"),
        _ => Event::new("auth.reject"),
    };
    let event = event.refused().reason(reason.name());
    match attempt.proof {
        super::attempt::Proof::Unsupported(method) => event.detail("method", method),
        _ => event,
    }
}

/// An attempt under judgement: the record as it is becoming, and the events so far.
pub(super) struct Case<'a> {
    pub(super) record: UserRecord,
    /// The dialogue that the attempt answers; no longer in the record.
    pub(in crate::domain) answered: Option<Dialogue>,
    /// What is right, in this round and those before.
    pub(super) proven: Proven,
    /// The new token that is offered for a recovery code was put off.
    pub(super) put_off: bool,
    changed: bool,
    events: Vec<Event>,
    /// What is sent to the person if the judgement is committed.
    pub(super) letters: Vec<Letter>,
    pub(super) attempt: &'a Attempt,
    pub(super) policy: &'a Policy,
    pub(super) now: Now,
}

impl<'a> Case<'a> {
    /// Begins with what time alone has brought about: locks and grants that have run out.
    fn open(record: &UserRecord, attempt: &'a Attempt, policy: &'a Policy, now: Now) -> Self {
        let mut record = record.clone();
        let mut events = Vec::new();
        let changed = lapse::settle(&mut record, policy, now, &mut events);
        Self {
            record,
            answered: None,
            proven: Proven::default(),
            put_off: false,
            changed,
            events,
            letters: Vec::new(),
            attempt,
            policy,
            now,
        }
    }

    /// Whether the question that is answered is of such a kind.
    fn answers(&self, of: impl Fn(&dialogue::Kind) -> bool) -> bool {
        self.answered
            .as_ref()
            .is_some_and(|answered| of(&answered.kind))
    }

    /// When the dialogue began.
    pub(super) fn began(&self) -> Option<Timestamp> {
        self.answered.as_ref().map(|answered| answered.opened)
    }

    /// The code is used up from now on, whatever the verdict.
    pub(super) fn consume(&mut self, id: TokenId, factor: u64) {
        let Some(otp) = self.record.token(id).and_then(|token| token.otp) else {
            return;
        };
        let wall = self.now.wall;
        let gateway = self.gateway();
        let state = self.record.auth.token_mut(id);
        let next = otp.consume(progress(Some(state)), factor, wall);
        debug_assert!(next.next > factor, "I1");
        state.next_factor = next.next;
        state.drift_steps = next.drift_steps;
        state.accepted = Some(Accepted {
            factor,
            at: wall,
            gateway,
            // Until the attempt is accepted: a code that was only used up grants no repetition (D18).
            grace_used: true,
        });
        self.changed = true;
    }

    /// The one repetition of D18 is spent, whatever the verdict.
    fn spend_grace(&mut self, id: TokenId) {
        if let Some(accepted) = self.record.auth.token_mut(id).accepted.as_mut() {
            accepted.grace_used = true;
        }
        self.changed = true;
    }

    /// The recovery code is used up, whatever the verdict.
    fn spend_recovery(&mut self, id: TokenId, index: u32) {
        self.record.auth.token_mut(id).recovery_used |= 1 << index.min(63);
        self.changed = true;
    }

    /// The second factor is right; the first decides.
    fn decide(
        mut self,
        first: Result<(), Reason>,
        how: How,
        evidence: &Evidence,
    ) -> Result<Judgement, Lacking> {
        match first {
            Ok(()) => {
                self.proven.first = Some(self.attempt.gateway.first_factor);
                self.proven.factors.push(how);
                // A passthrough lets the person in, and confirms nothing.
                let confirms = self.answers(|kind| *kind == dialogue::Kind::Confirm);
                if confirms && how.token().is_some() {
                    dialogue::confirmed(&mut self);
                }
                self.go_on(evidence)
            }
            Err(reason) => {
                // With a code that was right and is spent, the same passcode is never a mere retry.
                let repeated = evidence.repeated && how.token().is_none();
                Ok(self.wrong_first(reason, repeated))
            }
        }
    }

    /// The first factor is wrong, or there is none.
    fn wrong_first(self, reason: Reason, repeated: bool) -> Judgement {
        let (gateway, policy) = (&self.attempt.gateway, self.policy);
        let open = dialogue::emergency_open_to(&self.record, gateway, policy, self.now);
        if self.record.auth.lock.is_some() && open.is_some() {
            // The lock would bear any number of them; the questions do not.
            let only = open.map(|token| token.id);
            return self.fail(reason, Kind::Code { only }, repeated);
        }
        match reason {
            // A blocked PIN is not looked at, so nothing is counted either.
            Reason::PinBlocked => self.refuse(reason),
            Reason::BadPin => self.fail(reason, Kind::Pin, repeated),
            _ => self.fail(reason, Kind::FirstFactor, repeated),
        }
    }

    fn accept(mut self, how: How) -> Judgement {
        let shown = std::mem::take(&mut self.proven.factors);
        let at = self.now.wall;
        let (gateway, station) = (self.gateway(), self.attempt.source.station.clone());
        self.used_first_factor();
        let (source, mode) = (&self.attempt.source, self.policy.lockout.mode);
        let proven = how.token().is_some();
        wait::signed_in(&mut self.record, source, mode, proven, self.now);
        let used = self.use_tokens(&shown, how, &station);
        if let How::Passthrough(grant) = how {
            let state = self.record.auth.grant_mut(grant);
            state.uses = state.uses.saturating_add(1);
            state.last_use = Some(at);
        }
        self.record.auth.last_login = Some(LastLogin {
            at,
            gateway,
            station,
            token: how.token(),
        });
        self.changed = true;
        let message = self.accept_message(how).map(|it| self.say(it));
        let mut event = self
            .about(Event::new("auth.accept"))
            .detail("how", how.name());
        if let Some(id) = how.token() {
            event = event.token(id);
        }
        if let [_, _, ..] = used.as_slice() {
            let all: Vec<String> = used.iter().map(|(_, id, _)| id.to_string()).collect();
            event = event.detail("tokens", all.join(","));
        }
        if let How::Passthrough(grant) = how {
            event = event.detail("grant", grant);
        }
        if let Some(message) = &message {
            event = event
                .detail("message_number", message.message.id())
                .detail("message", &*message.text);
        }
        self.events.push(event);
        // After the verdict: what follows from a sign-in stands behind it in the log.
        for (by, id, first_use) in used {
            if let How::Recovery(_) = by {
                let event = self.about(Event::new("recovery.used")).token(id);
                self.events.push(event);
            }
            self.used_token(id, first_use);
        }
        if how.token().is_some() && dialogue::is_reset(&self) {
            self.end_workflow();
        }
        self.defer_workflow();
        self.close(Verdict::Accept { how, message }, false)
    }

    /// A pending update cannot be asked for at a gateway without dialogues: said, not refused.
    fn defer_workflow(&mut self) {
        if self.record.profile.confirm_unlock {
            let event = self.about(Event::new("workflow.deferred"));
            self.events.push(event.detail("workflow", "confirm"));
        }
        // What was left was changed by an operator, or on the page.
        if self.record.profile.is_updated() {
            self.end_workflow();
        }
        if matches!(
            self.record.profile.state,
            UserState::Update | UserState::Renew
        ) {
            let state = self.record.profile.state.name();
            let event = self
                .about(Event::new("workflow.deferred"))
                .detail("workflow", state);
            self.events.push(event);
        }
    }

    /// Exactly the last accepted code again: refused, not counted (a double click must not lock).
    fn replay(mut self, token: TokenId) -> Judgement {
        let event = self
            .about(rejected(self.attempt, Reason::Replay))
            .token(token);
        self.events.push(event);
        let message = self.say(reject_message(&self.attempt.gateway, Reason::Replay));
        self.close(
            Verdict::Reject {
                reason: Reason::Replay,
                message,
            },
            false,
        )
    }

    /// Refused and not counted; a code that was used up stays so.
    fn refuse(mut self, reason: Reason) -> Judgement {
        let event = self.about(rejected(self.attempt, reason));
        self.events.push(event);
        let shown = match &self.record.auth.lock {
            Some(lock) if reason == Reason::Locked => told_of(lock),
            _ => reason,
        };
        let message = self.say(reject_message(&self.attempt.gateway, shown));
        self.close(Verdict::Reject { reason, message }, false)
    }

    /// A wrong passcode: counted, unless it is the same wrong one again (D17).
    fn fail(mut self, reason: Reason, kind: Kind, repeated: bool) -> Judgement {
        let mut event = self.about(rejected(self.attempt, reason));
        if let Kind::Code { only: Some(token) } = kind {
            event = event.token(token);
        }
        if repeated {
            self.events.push(event.detail("repeated", true));
        } else {
            let mut brought_about = Vec::new();
            let counted = failure::count(
                &mut self.record,
                kind,
                self.attempt,
                &self.proven.factors,
                self.policy,
                self.now,
                &mut brought_about,
            );
            let limit = self.policy.lockout.user_limit();
            let mut event = event.detail("count", counted.failures).detail("of", limit);
            if let Some(until) = counted.until {
                event = event.detail("until", until.to_string());
            }
            self.events.push(event);
            self.events.extend(brought_about);
            self.changed = true;
        }
        let message = self.say(reject_message(&self.attempt.gateway, reason));
        self.close(Verdict::Reject { reason, message }, !repeated)
    }

    /// Says what a dialogue has done.
    pub(super) fn tell(&mut self, event: Event) {
        let event = self.about(event);
        self.events.push(event);
        self.changed = true;
    }

    fn about(&self, event: Event) -> Event {
        let user = (self.record.id, self.record.name().into());
        Event {
            user: Some(user),
            ..event
        }
    }

    fn gateway(&self) -> Arc<str> {
        Arc::clone(&self.attempt.gateway.name)
    }

    fn close(mut self, verdict: Verdict, counted: bool) -> Judgement {
        let mut events = self.events.iter_mut();
        if let Some(event) = events.find(|event| is_verdict(event.name)) {
            if let Some(answered) = &self.answered {
                event.detail.push(("dialogue", answered.kind.name().into()));
                event
                    .detail
                    .push(("answers", answered.id().to_string().into()));
                // Of a question the record has its own round.
                if !matches!(verdict, Verdict::Challenge { .. }) {
                    event.detail.push(("round", answered.rounds.into()));
                }
            }
            if let Verdict::Reject { message, .. } | Verdict::Challenge { message, .. } = &verdict
                && message.message != Message::Denied
            {
                // A retransmitted request is to get the same octets after a restart, too.
                let number = message.message.id();
                event.detail.push(("message_number", number.into()));
                event.detail.push(("message", message.recorded().into()));
            }
        }
        if self.changed {
            self.record.auth.revision += 1;
        }
        let record = self.changed.then_some(self.record);
        Judgement {
            verdict,
            record,
            events: self.events,
            letters: self.letters,
            counted,
        }
    }
}
