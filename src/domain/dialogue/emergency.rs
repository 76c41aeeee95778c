//! Emergency Access: a new PIN for whoever has forgotten the old one, or whose PIN is blocked, by the
//! answers to questions of their own (domain rules 11.3, R52). It lets nobody in. In a [reset] the
//! answers stand for the code that this takes (4.2).
//!
//! 1. The first factor is right, where it is not the PIN, and `emergency.keyword` was typed in the
//!    place of the code; or of the code of a reset.
//! 2. *Question 1 of 3: ...* and so on. All are asked before anything comes of the answers, each of
//!    which is held against its hash in the same time. If one was wrong, that counts on the questions,
//!    and ends the dialogue; nobody is told which.
//!    Right, in a reset: that goes on, and asks for a code of a token.
//! 3. *Answers accepted. 1 = change PIN, 2 = cancel:*
//! 4. The [new PIN](super::new_pin), twice; it may be the one before.
//! 5. The PIN is stored, its block and the lock that this brought are over, whatever else lies on the
//!    person stays: *PIN changed. Please sign in again.*
//!
//! It is open to people who are not locked, or for their PIN alone, and each round looks again.

use std::ops::Range;
use std::sync::Arc;

use super::new_pin::{self, Chosen, NewPin};
use super::{Asking, Dialogue, Kind, Seen, Turn, reset};
use crate::domain::attempt::{Attempt, Proof, split_word};
use crate::domain::event::Event;
use crate::domain::failure;
use crate::domain::judge::{Case, Evidence, FirstFactor};
use crate::domain::lockout::LockReason;
use crate::domain::pin::Memorized;
use crate::domain::policy::{FirstFactorBy, GatewayPolicy, PasscodeForm, Policy};
use crate::domain::questions::{self, token_of};
use crate::domain::sealed::Unseal;
use crate::domain::token_record::{Token, TokenKind, effective};
use crate::domain::user::{Unlocked, UserRecord};
use crate::domain::verdict::{Message, Reason};
use crate::domain::verify::{Ask, demands_dialogue, lock_in_force};
use crate::domain::wait;
use crate::time::Now;
use crate::token::TokenId;

/// Where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emergency {
    /// The token that holds the questions.
    pub token: TokenId,
    /// What is asked.
    pub step: Step,
}

/// What is asked in Emergency Access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The question of this number, from 0 on.
    Question {
        /// Which.
        number: u8,
        /// An answer before was wrong.
        wrong: bool,
    },
    /// A new PIN, or none.
    Menu,
    /// The new PIN, once or again.
    Pin(NewPin),
}

/// Whether anybody can be asked questions at `gateway`: it asks, and the first factor is not the PIN.
pub(in crate::domain) fn is_open(gateway: &GatewayPolicy, policy: &Policy) -> bool {
    let checks = matches!(
        gateway.first_factor,
        FirstFactorBy::Gateway | FirstFactorBy::Local
    );
    gateway.challenge && checks && policy.enabled_kinds.contains(&TokenKind::Qa)
}

/// The token whose questions `record` may be asked at `gateway` now.
#[must_use]
pub fn open_to<'a>(
    record: &'a UserRecord,
    gateway: &GatewayPolicy,
    policy: &Policy,
    now: Now,
) -> Option<&'a Token> {
    let rules = &policy.emergency;
    let set = record.profile.set.as_ref().unwrap_or(&policy.default_set);
    let allowed = rules.sets.as_ref().is_none_or(|sets| sets.contains(set));
    let lock = lock_in_force(record, now);
    let locked = lock.is_some_and(|lock| lock.reason != LockReason::PinBlocked);
    // There is a PIN to be changed, or a reset to go on with.
    let leads = || record.profile.pin.is_some() || reset::leads(record, gateway, policy, now);
    if !(is_open(gateway, policy) && allowed) || locked || !leads() {
        return None;
    }
    let enough = |token: &&Token| {
        let questions = token.questions.as_ref();
        questions.is_some_and(|it| it.list.len() >= rules.ask)
    };
    let token = token_of(record).filter(enough)?;
    effective(record, token, policy, now)
        .usable()
        .then_some(token)
}

/// Where the first factor stands in a passcode that asks for it; none: it does not.
pub(in crate::domain) fn asks_for(
    record: &UserRecord,
    attempt: &Attempt,
    answered: Option<&Dialogue>,
    policy: &Policy,
) -> Option<Range<usize>> {
    let stated = attempt.gateway.passcode;
    let resets = demands_dialogue(record.profile.state);
    let form = match (&attempt.proof, answered.map(|it| &it.kind)) {
        (Proof::Passcode(_), _) | (_, Some(Kind::Passcode)) => stated,
        (_, Some(Kind::Code | Kind::Method(_) | Kind::Sent(_))) => PasscodeForm::Otp,
        (_, Some(Kind::AuthCode(_) | Kind::DeviceCode(_))) if resets => PasscodeForm::Otp,
        _ => return None,
    };
    split_word(form, attempt.passcode(), &policy.emergency.keyword)
}

/// Whether this attempt goes on although the person is locked: the PIN is all that is in the way, and
/// this may lead to a new one.
#[must_use]
pub fn overrides_lock(record: &UserRecord, attempt: &Attempt, policy: &Policy, now: Now) -> bool {
    if open_to(record, &attempt.gateway, policy, now).is_none() {
        return false;
    }
    let answered = super::answered(record, attempt, now).map(|it| &it.kind);
    matches!(
        answered,
        Some(Kind::Emergency(_) | Kind::Code | Kind::Passcode)
    ) || asks_for(record, attempt, None, policy).is_some()
        || super::called_for(attempt, None, policy).is_some()
}

/// The first question.
pub(in crate::domain) fn begin(case: &mut Case<'_>) -> Turn {
    let gateway = &case.attempt.gateway;
    let open = open_to(&case.record, gateway, case.policy, case.now);
    let Some(token) = open.map(|token| token.id) else {
        return Turn::Refused(Reason::Policy);
    };
    // Nothing is kept of a question that cannot be answered.
    if !super::may_ask(case) {
        return Turn::Refused(Reason::Policy);
    }
    case.tell(Event::new("emergency.started").token(token));
    question(case, token, 0, false)
}

fn question(case: &Case<'_>, token: TokenId, number: u8, wrong: bool) -> Turn {
    let ask = case.policy.emergency.ask;
    let questions = case
        .record
        .token(token)
        .and_then(|it| it.questions.as_ref());
    let asked = questions.and_then(|it| it.asked(ask).nth(usize::from(number)));
    let Some((_, question)) = asked else {
        return Turn::Refused(Reason::Internal);
    };
    Turn::Ask(Asking {
        kind: Kind::Emergency(Emergency {
            token,
            step: Step::Question { number, wrong },
        }),
        message: Message::Question {
            number: number + 1,
            of: ask,
            text: question.text.clone(),
        },
    })
}

fn menu(token: TokenId) -> Turn {
    let step = Step::Menu;
    Turn::Ask(Asking {
        kind: Kind::Emergency(Emergency { token, step }),
        message: Message::AnswersAccepted,
    })
}

fn pin(token: TokenId, asked: NewPin, message: Message) -> Turn {
    let step = Step::Pin(asked);
    Turn::Ask(Asking {
        kind: Kind::Emergency(Emergency { token, step }),
        message,
    })
}

pub(super) fn look(
    asked: &Emergency,
    record: &UserRecord,
    attempt: &Attempt,
    policy: &Policy,
    unseal: &dyn Unseal,
) -> (Seen, Ask) {
    match &asked.step {
        Step::Question { number, .. } => {
            let token = record.token(asked.token);
            let questions = token.and_then(|token| token.questions.as_ref());
            let nth = |it: &questions::Questions| {
                let (at, _) = it.asked(policy.emergency.ask).nth(usize::from(*number))?;
                Some(at)
            };
            let typed = 0..attempt.passcode().len();
            let ask = questions
                .and_then(nth)
                .map_or(Ask::Nothing, |at| Ask::Answer {
                    token: asked.token,
                    at,
                    typed,
                });
            (Seen::Given, ask)
        }
        Step::Menu => match attempt.passcode().trim_ascii() {
            b"1" => (Seen::Choice(1), Ask::Nothing),
            b"2" => (Seen::Choice(2), Ask::Nothing),
            _ => (Seen::Wrong, Ask::Nothing),
        },
        Step::Pin(new) => new_pin::look(Memorized::Pin, new, record, attempt, policy, unseal),
    }
}

pub(super) fn turn(
    case: &mut Case<'_>,
    asked: &Emergency,
    seen: Seen,
    evidence: &Evidence,
) -> Turn {
    let token = asked.token;
    let open = open_to(&case.record, &case.attempt.gateway, case.policy, case.now);
    if open.map(|it| it.id) != Some(token) {
        return Turn::Refused(Reason::Policy);
    }
    match (&asked.step, seen) {
        (Step::Question { number, wrong }, _) => {
            let wrong = *wrong || evidence.first != FirstFactor::Right;
            let next = number + 1;
            if usize::from(next) < case.policy.emergency.ask {
                question(case, token, next, wrong)
            } else {
                answered_all(case, token, wrong)
            }
        }
        (Step::Menu, Seen::Choice(1)) => {
            let message = new_pin::question(Memorized::Pin, None, case.policy);
            pin(token, NewPin::default(), message)
        }
        (Step::Menu, Seen::Choice(_)) => Turn::Ended(Message::SecretUnchanged(Memorized::Pin)),
        (Step::Menu, _) => menu(token),
        (Step::Pin(new), seen) => {
            let hash = evidence.hash.as_ref();
            match new_pin::choose(Memorized::Pin, *new, seen, hash, case.policy) {
                Chosen::Ask(new, message) => pin(token, new, message),
                Chosen::Set(hash) => {
                    unblock(case);
                    new_pin::set(case, Memorized::Pin, hash);
                    Turn::Ended(Message::PinChanged)
                }
                Chosen::Unchanged => Turn::Ended(Message::SecretUnchanged(Memorized::Pin)),
            }
        }
    }
}

/// The last question was answered: only now anything comes of the answers.
fn answered_all(case: &mut Case<'_>, token: TokenId, wrong: bool) -> Turn {
    if wrong {
        case.tell(Event::new("emergency.failed").refused().token(token));
        let only = Some(token);
        return Turn::Failed(Reason::BadCode, failure::Kind::Code { only });
    }
    questions::right(&mut case.record, token, case.policy);
    case.tell(Event::new("emergency.ok").token(token));
    let gateway = &case.attempt.gateway;
    match reset::leads(&case.record, gateway, case.policy, case.now) {
        true => reset::authorized(case),
        false => menu(token),
    }
}

/// Ends what the old PIN has brought: its block, and the lock for it.
fn unblock(case: &mut Case<'_>) {
    let failures = case.record.auth.pin.failures;
    if case.record.auth.pin.blocked_since.is_some() {
        case.tell(Event::new("pin.unblocked").detail("failures", failures));
    }
    let Some(lock) = case.record.auth.lock.take() else {
        return;
    };
    let by: Arc<str> = Arc::from(case.record.name());
    let at = case.now.wall;
    let event = Event::new("user.unlocked")
        .change(lock.reason.name(), case.record.profile.state.name())
        .detail("by", by.to_string())
        .detail("locked_since", lock.since.to_string());
    case.record.auth.unlocked = Some(Unlocked { by, at });
    wait::forgive(&mut case.record.auth);
    case.tell(event);
}
