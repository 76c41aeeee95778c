//! The invariants of the rules (domain rules 17), each under its number. They look at what was typed,
//! what was answered and the records before and after; the model is not asked.

use std::collections::{HashMap, HashSet};

use mfad::domain::dialogue::{Handle, Kind, OPEN_MAX, ROUNDS_MAX};
use mfad::domain::lockout::{Lock, LockReason};
use mfad::domain::policy::{FirstFactorBy, Policy};
use mfad::domain::token_record::{Base, TokenKind, effective};
use mfad::domain::user::{UserRecord, UserState};
use mfad::domain::verdict::{How, Message, Reason, Verdict};
use mfad::time::Now;
use mfad::token::TokenId;

use super::judging::{Code, State, Typed};
use super::model::Door;

/// It holds, or how it was broken.
pub(crate) type Law = Result<(), String>;

pub(crate) fn ensure(holds: bool, what: impl FnOnce() -> String) -> Law {
    if holds { Ok(()) } else { Err(what()) }
}

/// A sign-in, from outside.
pub(crate) struct Seen<'a> {
    pub(crate) before: &'a UserRecord,
    pub(crate) after: &'a UserRecord,
    pub(crate) door: &'a Door,
    pub(crate) state: State,
    pub(crate) typed: &'a Typed,
    pub(crate) verdict: &'a Verdict,
    pub(crate) stranger: &'a Verdict,
    pub(crate) policy: &'a Policy,
    pub(crate) now: Now,
}

/// What is remembered of all that happened.
#[derive(Default)]
pub(crate) struct Ledger {
    /// Codes that somebody got on with, and whether D18 has let them in once more.
    spent: HashMap<(TokenId, u64), bool>,
    paper: HashSet<(TokenId, usize)>,
    sent: HashSet<String>,
    answered: HashSet<String>,
    /// Wrong codes in a row that were counted at a token.
    wrong: HashMap<TokenId, u32>,
}

impl Ledger {
    /// Everything that must be so after a sign-in.
    pub(crate) fn sign_in(&mut self, seen: &Seen<'_>) -> Law {
        self.i1_no_code_twice(seen)?;
        i2_the_closed_are_refused(seen)?;
        i3_a_passthrough_needs_the_first_factor(seen)?;
        answers_let_nobody_in(seen)?;
        i5_again_counts_nothing(seen)?;
        i9_nobody_is_told_apart(seen)?;
        self.i10_the_hard_cap(seen)?;
        i16_what_is_off_verifies_nothing(seen)?;
        i17_a_login_makes_active(seen)?;
        i18_a_grant_ends_by_itself(seen)?;
        self.a_state_is_good_once(seen)?;
        questions_are_bounded(seen.after)
    }

    /// I1: the same OTP is never accepted twice, but by the one exception of D18.
    fn i1_no_code_twice(&mut self, seen: &Seen<'_>) -> Law {
        for state in &seen.before.auth.tokens {
            let now = seen.after.auth.token(state.id);
            let back = now.is_some_and(|now| now.next_factor < state.next_factor);
            ensure(!back, || format!("I1: codes of {} come back", state.id))?;
        }
        let refused = matches!(seen.verdict, Verdict::Reject { .. });
        let how = match seen.verdict {
            Verdict::Accept { how, .. } => Some(*how),
            _ => None,
        };
        match &seen.typed.code {
            Code::Device { token, factor } => {
                let next = |record: &UserRecord| {
                    record
                        .auth
                        .token(*token)
                        .map_or(0, |state| state.next_factor)
                };
                if how == Some(How::Grace(*token)) {
                    let graced = self.spent.insert((*token, *factor), true);
                    return ensure(graced == Some(false), || "D18: once".to_owned());
                }
                let fitted = next(seen.after) == factor + 1 && next(seen.before) <= *factor;
                let got_on = fitted && !refused || how == Some(How::Token(*token));
                if got_on {
                    let before = self.spent.insert((*token, *factor), false);
                    return ensure(before.is_none(), || {
                        format!("I1: {factor} of {token} twice")
                    });
                }
                Ok(())
            }
            Code::Paper { token, index } if how == Some(How::Recovery(*token)) => {
                let new = self.paper.insert((*token, *index));
                ensure(new, || {
                    format!("I1: recovery code {index} of {token} twice")
                })
            }
            Code::Sent(code) if matches!(how, Some(How::Token(_))) => {
                ensure(self.sent.insert(code.clone()), || {
                    format!("I1: {code} twice")
                })
            }
            _ => Ok(()),
        }
    }

    /// I10: wrong codes in a row at a token never exceed the hard cap, whatever unlocks or waits.
    fn i10_the_hard_cap(&mut self, seen: &Seen<'_>) -> Law {
        let cap = seen.policy.lockout.hard_cap;
        for state in &seen.after.auth.tokens {
            let before = seen.before.auth.token(state.id).map_or(0, |it| it.total);
            let count = self.wrong.entry(state.id).or_default();
            // Right answers begin it anew, and let nobody in.
            let kind = seen.before.token(state.id).map(|token| token.kind);
            if before == 0 && kind == Some(TokenKind::Qa) {
                *count = 0;
            }
            if state.total > before {
                *count += 1;
            }
            let count = *count;
            ensure(count <= cap, || {
                format!("I10: {count} wrong codes at {}", state.id)
            })?;
        }
        if let Verdict::Accept { how, .. } = seen.verdict
            && let Some(token) = how.token()
        {
            let total = seen.before.auth.token(token).map_or(0, |it| it.total);
            ensure(total < cap, || format!("I10: {token} is at the cap"))?;
            self.wrong.insert(token, 0);
        }
        // Each token that was shown on the way began anew as well.
        if seen.verdict.accepted() {
            for state in seen.after.auth.tokens.iter().filter(|it| it.total == 0) {
                self.wrong.insert(state.id, 0);
            }
        }
        Ok(())
    }

    /// A State is good once, through its gateway, for its person, until it has run out (R2).
    fn a_state_is_good_once(&mut self, seen: &Seen<'_>) -> Law {
        let State::Of(handle) = seen.state else {
            let foreign = matches!(seen.state, State::Foreign);
            let refused = matches!(seen.verdict, Verdict::Reject { .. });
            return ensure(!foreign || refused, || {
                "R2: a State that is none".to_owned()
            });
        };
        let open = |record: &UserRecord, handle: &Handle| {
            let mut all = record.auth.dialogues.iter();
            all.any(|it| it.handle == handle.digest() && *it.gateway == *seen.door.name)
        };
        let fresh = open(seen.before, &handle);
        let refused = matches!(seen.verdict, Verdict::Reject { .. });
        ensure(fresh || refused, || {
            "R2: a State of another question".to_owned()
        })?;
        if !refused {
            let new = self.answered.insert(handle.state());
            ensure(new, || "R2: a State twice".to_owned())?;
            let mut all = seen.before.auth.dialogues.iter();
            let it = all.find(|it| it.handle == handle.digest()).expect("open");
            ensure(seen.now.latest() < it.expires, || {
                "R2: a State that has run out".to_owned()
            })?;
        }
        Ok(())
    }
}

/// I2: the locked, the deactivated and the revoked are refused, also in the middle of a dialogue and
/// under passthrough; at the most they are asked what everybody is asked.
fn i2_the_closed_are_refused(seen: &Seen<'_>) -> Law {
    let closed = matches!(
        seen.before.profile.state,
        UserState::Deactivated | UserState::Revoke
    );
    let over = |until| seen.now.earliest() >= until;
    let lock = seen.before.auth.lock.as_ref();
    // What ends the lock for a blocked PIN is walked through under it.
    let resets = |lock: &Lock| {
        let state = seen.before.profile.state;
        let reset = matches!(state, UserState::Reset | UserState::ResetAll);
        lock.reason == LockReason::PinBlocked && (reset || !seen.verdict.accepted())
    };
    let lock = lock.filter(|lock| !resets(lock));
    let locked = lock.is_some_and(|lock| !lock.auto_until.is_some_and(over));
    let asked = matches!(seen.verdict, Verdict::Challenge { .. })
        && matches!(seen.stranger, Verdict::Challenge { .. });
    let refused = matches!(seen.verdict, Verdict::Reject { .. });
    ensure(!(closed || locked) || refused || asked, || {
        format!("I2: {:?}", seen.verdict)
    })
}

/// I3: a passthrough never yields an Accept without a first factor that was verified.
fn i3_a_passthrough_needs_the_first_factor(seen: &Seen<'_>) -> Law {
    let Verdict::Accept {
        how: How::Passthrough(_) | How::PolicyPassthrough,
        ..
    } = seen.verdict
    else {
        return Ok(());
    };
    let typed = &seen.typed.octets;
    let earlier = matches!(seen.state, State::Of(_))
        && seen
            .before
            .auth
            .dialogues
            .iter()
            .any(|it| it.proven.first.is_some());
    let profile = &seen.before.profile;
    let right = match seen.door.first {
        FirstFactorBy::Gateway => true,
        FirstFactorBy::None => false,
        FirstFactorBy::Pin => profile
            .pin
            .as_ref()
            .is_some_and(|pin| pin.hash.data == *typed),
        FirstFactorBy::Local => {
            let password = profile.password.as_ref();
            password.is_some_and(|password| password.hash.data == *typed)
        }
    };
    ensure(right || earlier, || {
        "I3: nobody has checked who it is".to_owned()
    })
}

/// R52: right answers alone let nobody in, in whatever state.
fn answers_let_nobody_in(seen: &Seen<'_>) -> Law {
    let State::Of(handle) = seen.state else {
        return Ok(());
    };
    let mut open = seen.before.auth.dialogues.iter();
    let named = open.find(|it| it.handle == handle.digest());
    let asked = named.is_some_and(|it| matches!(it.kind, Kind::Emergency(_)));
    ensure(!asked || !seen.verdict.accepted(), || {
        "R52: let in by answers".to_owned()
    })
}

/// I5, of what arrives as a new request: the last accepted code again counts nothing (8.2.7).
fn i5_again_counts_nothing(seen: &Seen<'_>) -> Law {
    let Verdict::Reject {
        reason: Reason::Replay,
        ..
    } = seen.verdict
    else {
        return Ok(());
    };
    let same = seen.after.auth.soft <= seen.before.auth.soft
        && seen.after.auth.pin.failures <= seen.before.auth.pin.failures;
    ensure(same, || "I5: a double click counts".to_owned())
}

/// I9: a wrong code gets an answer that a name nobody has gets as well.
fn i9_nobody_is_told_apart(seen: &Seen<'_>) -> Law {
    if seen.door.first == FirstFactorBy::Gateway {
        return Ok(());
    }
    match (seen.stranger, seen.verdict) {
        (
            Verdict::Challenge { message, question },
            Verdict::Challenge {
                message: told,
                question: asked,
            },
        ) => {
            let shown = (question.echo, question.seconds, question.held);
            let same = message == told && shown == (asked.echo, asked.seconds, asked.held);
            ensure(same, || format!("I9: {told:?} instead of {message:?}"))
        }
        (Verdict::Challenge { .. }, verdict) => {
            Err(format!("I9: {verdict:?}, and others are asked"))
        }
        (
            Verdict::Reject { message, .. },
            Verdict::Reject {
                reason,
                message: told,
            },
        ) if *reason != Reason::Unfinished => {
            ensure(message == told && told.message == Message::Denied, || {
                format!("I9: told {told:?}")
            })
        }
        _ => Ok(()),
    }
}

/// I16: a disabled token never verifies; neither does one that is locked, void or not proven.
fn i16_what_is_off_verifies_nothing(seen: &Seen<'_>) -> Law {
    let Verdict::Accept { how, .. } = seen.verdict else {
        return Ok(());
    };
    let Some(token) = how.token().and_then(|id| seen.before.token(id)) else {
        return Ok(());
    };
    let off = token.base_at(seen.now) == Base::Disabled || token.base == Base::Obsolete;
    let status = effective(seen.before, token, seen.policy, seen.now);
    let shown = status == mfad::domain::token_record::Status::Pending;
    ensure(
        !off && (status.usable() || shown || seen.before.auth.lock.is_some()),
        || format!("I16: accepted by a token that is {}", status.name()),
    )
}

/// I17: a token becomes active by a login and by nothing else.
fn i17_a_login_makes_active(seen: &Seen<'_>) -> Law {
    let became = seen.after.auth.tokens.iter().any(|state| {
        let before = seen.before.auth.token(state.id);
        state.activated_at.is_some() && before.is_none_or(|it| it.activated_at.is_none())
    });
    ensure(!became || seen.verdict.accepted(), || {
        "I17: active without a login".to_owned()
    })
}

/// I18: a grant counts up to the last instant before its end, and not at its end, without any timer.
fn i18_a_grant_ends_by_itself(seen: &Seen<'_>) -> Law {
    let Verdict::Accept {
        how: How::Passthrough(id),
        ..
    } = seen.verdict
    else {
        return Ok(());
    };
    let mut grants = seen.before.profile.grants.iter();
    let grant = grants.find(|grant| grant.id == *id);
    let open =
        grant.is_some_and(|grant| seen.now.latest() < grant.until && grant.revoked.is_none());
    ensure(open, || "I18: a grant that is over".to_owned())
}

/// At most three questions are open, of ten rounds (R2).
fn questions_are_bounded(record: &UserRecord) -> Law {
    let all = &record.auth.dialogues;
    let bounded = all.len() <= OPEN_MAX && all.iter().all(|it| it.rounds <= ROUNDS_MAX);
    ensure(bounded, || "R2: too many questions".to_owned())
}

/// I11: who unlocked is kept, date and reason of the lock are gone.
pub(crate) fn i11_unlocked_by(after: &UserRecord, by: &str) -> Law {
    let kept = after.auth.unlocked.as_ref().is_some_and(|it| &*it.by == by);
    ensure(after.auth.lock.is_none() && kept, || {
        "I11: unlocked by?".to_owned()
    })
}

/// I12: after an unblock the PIN is the old one and blocked no more, and no lock for it is left. The
/// state is as time has left it.
pub(crate) fn i12_unblocked(before: &UserRecord, after: &UserRecord, left: UserState) -> Law {
    let pin = |record: &UserRecord| record.profile.pin.as_ref().map(|pin| pin.hash.clone());
    let locked = after
        .auth
        .lock
        .as_ref()
        .is_some_and(|lock| lock.reason == LockReason::PinBlocked);
    let free = pin(before) == pin(after) && after.auth.pin.blocked_since.is_none() && !locked;
    let state = left == after.profile.state;
    ensure(free && state, || {
        "I12: the old PIN does not work".to_owned()
    })
}

/// I14: an auth code leaves the state as time has left it.
pub(crate) fn i14_same_state(after: &UserRecord, left: UserState) -> Law {
    ensure(left == after.profile.state, || {
        "I14: an auth code changes the state".to_owned()
    })
}

/// I17, of a command: no test makes a token active, nor any other command.
pub(crate) fn i17_no_command_makes_active(before: &UserRecord, after: &UserRecord) -> Law {
    let active = |record: &UserRecord, id| {
        let state = record.auth.token(id);
        state.is_some_and(|state| state.activated_at.is_some())
    };
    let mut tokens = after.profile.tokens.iter();
    let became = tokens.any(|token| active(after, token.id) && !active(before, token.id));
    ensure(!became, || "I17: active by a command".to_owned())
}

/// I16, of a command: what is enabled again is what it was when it was disabled.
pub(crate) fn i16_restored(token: TokenId, was: Base, after: &UserRecord) -> Law {
    let is = after.token(token).map(|token| token.base);
    let secret = after.token(token).is_some_and(|token| {
        let held = !token.recovery.is_empty() || token.questions.is_some();
        token.seed.is_some() || token.kind.is_sent() || held
    });
    ensure(is == Some(was) && secret, || {
        format!("I16: {was:?} came back as {is:?}")
    })
}
