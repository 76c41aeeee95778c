//! A person for whom no token counts.

use super::super::attempt::{Attempt, split};
use super::super::dialogue::{self, Dialogue};
use super::super::methods::pending;
use super::super::policy::{GatewayPolicy, PasscodeForm, Policy};
use super::super::token_record::{Status, Token, effective};
use super::super::user::UserRecord;
use super::super::verdict::Reason;
use super::{Ask, CodeMatch, Finding, ask, unenrolled};
use crate::time::Now;

/// What a person without a usable token needs none for.
pub(super) fn tokenless(
    record: &UserRecord,
    gateway: &GatewayPolicy,
    policy: &Policy,
    now: Now,
) -> Option<CodeMatch> {
    if unenrolled(record, gateway) {
        return Some(CodeMatch::Unenrolled);
    }
    let led = dialogue::enrols(record, gateway, policy, now);
    led.then_some(CodeMatch::Enrols { shown: None })
}

/// What a person without a usable token gets.
pub(super) fn without_token(
    record: &UserRecord,
    attempt: &Attempt,
    policy: &Policy,
    answered: Option<&Dialogue>,
    now: Now,
) -> Finding {
    if let Some(code) = tokenless(record, &attempt.gateway, policy, now) {
        let whole = Some(0..attempt.passcode().len());
        let ask = ask(record, attempt, policy, whole, answered, now);
        return Finding::of(record, code, ask);
    }
    let status = |token| effective(record, token, policy, now);
    let mut statuses = record
        .profile
        .tokens
        .iter()
        .filter(|token| token.primary())
        .map(status);
    let reason = if statuses.any(|status| status == Status::Expired) {
        Reason::ExpiredToken
    } else {
        Reason::NoToken
    };
    Finding::of(record, CodeMatch::NoToken(reason), Ask::Nothing)
}

/// A wrong code where the first code of a token that waits for it lets in by itself: a guess, which
/// counts as any other. Where more is shown before the Accept, it leads to that question.
pub(super) fn guessed(
    record: &UserRecord,
    attempt: &Attempt,
    form: PasscodeForm,
    policy: &Policy,
    now: Now,
) -> Option<CodeMatch> {
    let way = dialogue::way(record, &attempt.gateway, policy, now)?;
    if way.shows != dialogue::Shows::Nothing || form == PasscodeForm::Challenge {
        return None;
    }
    // One whose time is over is about to be dropped: there is nothing to guess.
    let waits = |token: &&Token| {
        let until = token.unproven_until(policy);
        until.is_none_or(|until| now.latest() < until)
    };
    let shaped = |token: &&Token| {
        let typed = token
            .otp
            .and_then(|otp| split(form, attempt.passcode(), otp.digits));
        typed.is_some_and(|it| form == PasscodeForm::Otp || !it.head.is_empty())
    };
    let mut pending = pending(record, &attempt.gateway, policy, now)
        .filter(waits)
        .filter(shaped);
    let one = pending.next()?.id;
    let only = pending.next().is_none().then_some(one);
    Some(CodeMatch::Wrong { only })
}
