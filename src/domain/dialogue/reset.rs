//! A reset: Reset Credential and Reset All Credentials, walked through by the person (domain rules
//! 4.2, R23). The tokens stay, but a code of them is not enough.
//!
//! 1. The first factor is right; a code that is typed with it is the one of step 4. Where the PIN is
//!    typed and is blocked, or none is set, nothing but that code is asked for: a blocked PIN proves
//!    nothing.
//! 2. The [auth code](super::auth_code); where none are made, the [device authorization
//!    code](super::device_code). Right answers in [Emergency Access](super::emergency), where that is
//!    open to the person, do as well. With it the block of the PIN and the locks of the tokens end,
//!    and the PIN is to be changed; of Reset All the recovery codes and questions are void.
//! 3. *Enter a new PIN having from 6 to 12 digits:* where it is typed at the gateway; elsewhere it is
//!    asked for at the next sign-in where it is.
//! 4. *Enter your one-time code:* and of Reset All, the code of each further token. One that is far
//!    ahead is [resynced](super::resync). Right: Accept, and Steady State.
//!
//! Whatever comes in between, the state stays, and the next one takes another code. The lock that
//! came with a blocked PIN keeps nobody from the first two steps, and ends in the second; any other
//! lock does.

use super::enrol::{self, Shows};
use super::{Ahead, Asking, Kind, Seen, Turn, answered, auth_code, device_code, resync};
use crate::domain::attempt::{Attempt, Proof, split};
use crate::domain::event::Event;
use crate::domain::failure;
use crate::domain::judge::{Case, Evidence, Lacking};
use crate::domain::lockout::{Lock, LockReason};
use crate::domain::methods::{candidates, of_set};
use crate::domain::pin::PinState;
use crate::domain::policy::{FirstFactorBy, GatewayPolicy, PasscodeForm, Policy};
use crate::domain::questions::token_of;
use crate::domain::sealed::Unseal;
use crate::domain::token_record::{Base, Token, TokenKind, tombstone};
use crate::domain::user::{Unlocked, UserRecord, UserState};
use crate::domain::verdict::{How, Message, Reason};
use crate::domain::verify::{Ask, code_fits, demands_dialogue};
use crate::domain::wait;
use crate::time::Now;
use crate::token::TokenId;

/// What this person shows in a reset, besides the first factor and the codes of tokens.
#[must_use]
pub fn shows(record: &UserRecord, policy: &Policy, now: Now) -> Shows {
    match policy.auth_code.always_suppress {
        true => enrol::by_mail(&record.profile, policy, now),
        false => Shows::AuthCode,
    }
}

/// Whether `gateway` leads this person through a reset.
#[must_use]
pub fn resets(record: &UserRecord, gateway: &GatewayPolicy, policy: &Policy, now: Now) -> bool {
    shows(record, policy, now) != Shows::Unreachable && leads(record, gateway, policy, now)
}

/// Whether `gateway` leads through a reset whom it knows by a code or by answers. Whom no code can
/// reach is told so, and the administrators, once the first factor is right.
pub(in crate::domain) fn leads(
    record: &UserRecord,
    gateway: &GatewayPolicy,
    policy: &Policy,
    now: Now,
) -> bool {
    let provable = match gateway.first_factor {
        FirstFactorBy::Gateway | FirstFactorBy::Pin => true,
        FirstFactorBy::Local => record.profile.password.is_some(),
        FirstFactorBy::None => false,
    };
    demands_dialogue(record.profile.state)
        && gateway.challenge
        && provable
        && shows_a_code(record, gateway, policy, now)
}

/// Whether a token is there whose code could be asked for, once its lock is ended.
fn shows_a_code(record: &UserRecord, gateway: &GatewayPolicy, policy: &Policy, now: Now) -> bool {
    let mut unlocked = record.clone();
    for state in &mut unlocked.auth.tokens {
        if !state.hard_locked(policy.lockout.hard_cap) {
            state.locked_until = None;
        }
    }
    candidates(&unlocked, gateway, policy, &[], now)
        .next()
        .is_some()
}

/// Whether a right code alone begins the reset of this person at `gateway`: no PIN can be typed before
/// it.
#[must_use]
pub fn resets_by_code(
    record: &UserRecord,
    gateway: &GatewayPolicy,
    policy: &Policy,
    now: Now,
) -> bool {
    let blocked = record.auth.pin.blocked(policy.pin.block_duration, now);
    gateway.first_factor == FirstFactorBy::Pin && (record.profile.pin.is_none() || blocked)
}

/// Whether the lock of a blocked PIN keeps this attempt from nothing: it is one of the steps that end
/// it.
#[must_use]
pub fn ends_lock(record: &UserRecord, attempt: &Attempt, now: Now) -> bool {
    let brought = |lock: &Lock| lock.reason == LockReason::PinBlocked;
    let step = match (&attempt.proof, answered(record, attempt, now)) {
        (Proof::Answer { .. }, Some(open)) if open.proven.authorized => false,
        (Proof::Answer { .. }, Some(open)) => {
            let code = matches!(open.kind, Kind::AuthCode(_) | Kind::DeviceCode(_));
            code || matches!(open.kind, Kind::Passcode | Kind::Code)
        }
        (Proof::Passcode(_), _) => true,
        _ => false,
    };
    demands_dialogue(record.profile.state)
        && attempt.gateway.challenge
        && attempt.gateway.first_factor != FirstFactorBy::None
        && record.auth.lock.as_ref().is_some_and(brought)
        && step
}

/// The question for the code that the reset takes.
pub(in crate::domain) fn begin(case: &mut Case<'_>, evidence: &Evidence) -> Result<Turn, Lacking> {
    match shows(&case.record, case.policy, case.now) {
        Shows::DeviceCode => device_code::ask(case, None, evidence),
        Shows::AuthCode | Shows::Nothing => Ok(Turn::Ask(auth_code::asking(None))),
        Shows::Unreachable => Ok(device_code::unreachable(case)),
    }
}

/// That code was right, or the answers in its place.
pub(super) fn authorized(case: &mut Case<'_>) -> Turn {
    case.proven.authorized = true;
    unblock_pin(case);
    unlock_tokens(case);
    if case.record.profile.state == UserState::ResetAll {
        void_secondary(case);
    }
    Turn::Passed
}

/// Whether what was shown so far leads to nothing but a reset: that may begin with a code alone.
pub(super) fn is_unproven(case: &Case<'_>) -> bool {
    !demands_dialogue(case.record.profile.state) && case.proven.first.is_none()
}

/// Whether this sign-in is a reset that may go on.
pub(in crate::domain) fn goes_on(case: &Case<'_>) -> bool {
    case.proven.authorized && demands_dialogue(case.record.profile.state)
}

/// The block ends, and with it the lock that it has brought. The PIN is to be changed in any case.
fn unblock_pin(case: &mut Case<'_>) {
    if let Some(pin) = &mut case.record.profile_mut().pin {
        pin.must_change = true;
    }
    if case.record.auth.pin.blocked_since.is_some() {
        case.tell(Event::new("pin.unblocked").detail("by", "reset"));
    }
    case.record.auth.pin = PinState::default();
    let brought = |lock: &mut Lock| lock.reason == LockReason::PinBlocked;
    if let Some(lock) = case.record.auth.lock.take_if(brought) {
        let (by, at) = (case.record.name().into(), case.now.wall);
        case.record.auth.unlocked = Some(Unlocked { by, at });
        wait::forgive(&mut case.record.auth);
        let event = Event::new("user.unlocked").detail("by", "reset");
        case.tell(event.change(lock.reason.name(), case.record.profile.state.name()));
    }
}

/// The locks of primary tokens end; those at the hard cap do not.
fn unlock_tokens(case: &mut Case<'_>) {
    let hard_cap = case.policy.lockout.hard_cap;
    let tokens = case.record.profile.tokens.iter();
    let primary: Vec<TokenId> = tokens.filter(|it| it.primary()).map(|it| it.id).collect();
    for id in primary {
        let Some(state) = case.record.auth.tokens.iter_mut().find(|it| it.id == id) else {
            continue;
        };
        if state.locked_until.is_none() || state.hard_locked(hard_cap) {
            continue;
        }
        state.soft = 0;
        state.locked_until = None;
        state.locked_at = None;
        case.tell(Event::new("token.unlocked").token(id).detail("by", "reset"));
    }
}

/// Recovery codes and questions go. New ones are an operator's to issue and to set: a prompt can do
/// neither. Of the questions it is kept that they are to be set again.
fn void_secondary(case: &mut Case<'_>) {
    if token_of(&case.record).is_some() {
        case.record.profile_mut().questions_void = Some(case.now.wall);
    }
    let tokens = case.record.profile.tokens.iter();
    let void = |it: &Token| match it.kind {
        TokenKind::Recovery => Some((it.id, "recovery.revoked")),
        TokenKind::Qa => Some((it.id, "qa.cleared")),
        _ => None,
    };
    let tokens = tokens.filter(|it| it.base != Base::Obsolete);
    let secondary: Vec<_> = tokens.filter_map(void).collect();
    for (id, name) in secondary {
        if let Some(tomb) = tombstone(&case.record, id, case.now.wall) {
            let event = Event::new(name).token(id);
            case.tell(event.detail("token", tomb).detail("by", "reset"));
        }
        case.record.profile_mut().tokens.retain(|it| it.id != id);
        case.record.auth.tokens.retain(|it| it.id != id);
    }
}

/// Of Reset All: the code of the next token that was not shown yet.
pub(super) fn due(case: &Case<'_>) -> Option<Asking> {
    if !goes_on(case) || case.record.profile.state != UserState::ResetAll {
        return None;
    }
    let passed = &case.proven.factors;
    let shown = |id: TokenId| passed.iter().any(|how| how.token() == Some(id));
    let next = resettable(case).find(|token| !shown(token.id))?;
    Some(Asking {
        kind: Kind::CodeOf(next.id),
        message: Message::EnterCodeOf(name(next)),
    })
}

/// The tokens whose devices show codes that count here.
fn resettable<'a>(case: &'a Case<'_>) -> impl Iterator<Item = &'a Token> {
    let (record, gateway) = (&case.record, &case.attempt.gateway);
    of_set(record, gateway, case.policy, case.now).filter(|token| token.kind.computes())
}

/// What the person knows a token by.
pub(super) fn name(token: &Token) -> String {
    let printable = |text: &&String| {
        let sign = |octet: u8| octet.is_ascii_graphic() || octet == b' ';
        !text.is_empty() && text.bytes().all(sign)
    };
    let known = Some(&token.description).filter(printable);
    let known = known.or_else(|| token.serial.as_ref().filter(printable));
    known.map_or_else(|| token.id.to_string(), Clone::clone)
}

/// What was typed for the code of this token.
pub(super) fn look(
    asked: TokenId,
    record: &UserRecord,
    attempt: &Attempt,
    policy: &Policy,
    unseal: &dyn Unseal,
    now: Now,
) -> (Seen, Ask) {
    let found = || {
        let token = record.token(asked)?;
        let typed = split(PasscodeForm::Otp, attempt.passcode(), token.otp?.digits)?;
        let fits = code_fits(record, token, &typed.code, policy, unseal, now);
        let seen = fits.map(|factor| Seen::Code {
            token: asked,
            factor,
        });
        seen.or_else(|| {
            let first = resync::counter(record, token, &typed.code, policy, unseal)?;
            Some(Seen::Ahead(Ahead {
                token: asked,
                first,
            }))
        })
    };
    (found().unwrap_or(Seen::Wrong), Ask::Nothing)
}

pub(super) fn turn(case: &mut Case<'_>, asked: TokenId, seen: Seen) -> Turn {
    let counts = resettable(case).any(|token| token.id == asked);
    let next = case.record.auth.token(asked).map_or(0, |it| it.next_factor);
    match seen {
        Seen::Code { token, factor } if counts && token == asked && factor >= next => {
            case.consume(token, factor);
            case.proven.factors.push(How::Token(token));
            Turn::Passed
        }
        Seen::Ahead(ahead) if counts && ahead.token == asked => Turn::Ask(resync::asking(ahead)),
        _ if !counts => Turn::Refused(Reason::NoToken),
        _ => {
            let only = Some(asked);
            Turn::Failed(Reason::BadCode, failure::Kind::Code { only })
        }
    }
}
