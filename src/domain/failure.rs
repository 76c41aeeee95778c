//! A failure that counts: which counters it raises, and what they bring about (8.1, 8.2).

use std::sync::Arc;

use super::attempt::Attempt;
use super::event::Event;
use super::lockout::{HardAction, Lock, LockReason, LockoutMode};
use super::methods::{candidates, pending};
use super::policy::{FirstFactorBy, Policy};
use super::token_record::Base;
use super::user::{LastFailed, UserRecord};
use super::verdict::How;
use super::wait::{self, Counted};
use crate::time::{Now, Timestamp};
use crate::token::TokenId;

/// Wrong codes in a row behind a right password of which the person is told: one is a slip.
const SUSPICIOUS_FAILURES: u32 = 3;

/// What was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A code; with the one token it can have been meant for.
    Code {
        /// None: it fits none of several.
        only: Option<TokenId>,
    },
    /// Nothing that could be a code of a token that counts.
    Shapeless,
    /// The PIN, with a right code or asked alone.
    Pin,
    /// A password, or a first factor that is not set.
    FirstFactor,
}

/// Counts one failure and draws the consequences, in the order of the manual: PIN block before
/// token lock before user lock or wait.
///
/// Ends of locks are counted from the steady clock: from a wall clock that is wrong for a moment a
/// lock would end with the correction, or a year later.
pub fn count(
    record: &mut UserRecord,
    kind: Kind,
    attempt: &Attempt,
    passed: &[How],
    policy: &Policy,
    now: Now,
    events: &mut Vec<Event>,
) -> Counted {
    let at = now.wall;
    let gateway = Arc::clone(&attempt.gateway.name);
    let station = attempt.source.station.clone();
    record.auth.last_failed = Some(LastFailed {
        at,
        gateway,
        station,
    });
    let counted = match policy.lockout.mode {
        LockoutMode::Lock => {
            record.auth.soft = record.auth.soft.saturating_add(1);
            Counted {
                failures: record.auth.soft,
                until: None,
            }
        }
        LockoutMode::Wait => wait::count(record, &attempt.source, now),
    };
    match kind {
        Kind::Pin => count_pin(record, attempt, policy, now, events),
        Kind::Code { only: Some(token) } => count_token(record, token, policy, now, events),
        Kind::Code { only: None } => {
            record.auth.total = record.auth.total.saturating_add(1);
            if record.auth.total >= policy.lockout.hard_cap {
                let gateway = &attempt.gateway;
                let all: Vec<TokenId> = candidates(record, gateway, policy, passed, now)
                    .chain(pending(record, gateway, policy, now))
                    .map(|t| t.id)
                    .collect();
                for token in all {
                    hard_cap(record, token, policy, now, events);
                }
            }
        }
        Kind::Shapeless | Kind::FirstFactor => {}
    }
    let limit = policy.lockout.user_limit();
    if limit > 0 && record.auth.soft >= limit && record.auth.lock.is_none() {
        let duration = policy.lockout.user_duration;
        let until = (!duration.is_zero()).then(|| now.steady + duration);
        lock(record, LockReason::Failures, until, attempt, now, events);
    }
    // Somebody knows the password and not the code: the gateway checked the one before it asked for the
    // other. Told once in a row.
    let codes = matches!(kind, Kind::Code { .. } | Kind::Shapeless);
    let behind_password = attempt.gateway.first_factor == FirstFactorBy::Gateway;
    if codes && behind_password && counted.failures == SUSPICIOUS_FAILURES {
        events.push(Event::new("auth.suspicious").user(record.id, record.name()));
    }
    // Told once, when it begins: the waits after it are in the records of the failures.
    if let Some(until) = counted.until
        && counted.failures == wait::FIRST_FAILURE
    {
        let event = Event::new("user.waiting").user(record.id, record.name());
        let event = event.reason(LockReason::Failures.name());
        events.push(event.detail("until", until.to_string()));
    }
    counted
}

/// C1: the block, and with it the account.
fn count_pin(
    record: &mut UserRecord,
    attempt: &Attempt,
    policy: &Policy,
    now: Now,
    events: &mut Vec<Event>,
) {
    let pin = &mut record.auth.pin;
    pin.failures = pin.failures.saturating_add(1);
    if pin.failures < policy.pin.max_failures || pin.blocked_since.is_some() {
        return;
    }
    pin.blocked_since = Some(now.steady);
    let failures = pin.failures;
    events.push(
        Event::new("pin.blocked")
            .user(record.id, record.name())
            .detail("failures", failures),
    );
    if policy.pin.block_locks_account && record.auth.lock.is_none() {
        let duration = policy.pin.block_duration;
        let until = (!duration.is_zero()).then(|| now.steady + duration);
        lock(record, LockReason::PinBlocked, until, attempt, now, events);
    }
}

/// C2 and C4 of one token.
pub(super) fn count_token(
    record: &mut UserRecord,
    token: TokenId,
    policy: &Policy,
    now: Now,
    events: &mut Vec<Event>,
) {
    let rules = &policy.lockout;
    let Some(kind) = record.token(token).map(|token| token.kind) else {
        return;
    };
    let limit = rules.token_limit(kind);
    let state = record.auth.token_mut(token);
    state.soft = state.soft.saturating_add(1);
    state.total = state.total.saturating_add(1);
    state.last_failed = Some(now.wall);
    let (soft, total) = (state.soft, state.total);
    if total >= rules.hard_cap {
        hard_cap(record, token, policy, now, events);
    } else if limit > 0 && soft >= limit && state.locked_until.is_none() {
        let lasts = rules.token_lock(kind);
        let until = if lasts.is_zero() {
            Timestamp::NEVER
        } else {
            now.steady + lasts
        };
        state.locked_until = Some(until);
        state.locked_at = Some(now.wall);
        let event = Event::new("token.locked")
            .user(record.id, record.name())
            .token(token);
        events.push(
            event
                .reason("Failures")
                .detail("count", soft)
                .detail("until", until.to_string()),
        );
    }
}

/// C4 has reached the hard cap: only a new enrolment helps (I10).
fn hard_cap(
    record: &mut UserRecord,
    token: TokenId,
    policy: &Policy,
    now: Now,
    events: &mut Vec<Event>,
) {
    let state = record.auth.token_mut(token);
    state.total = state.total.max(policy.lockout.hard_cap);
    state.locked_at = Some(now.wall);
    let event = Event::new("token.locked")
        .user(record.id, record.name())
        .token(token);
    events.push(
        event
            .reason("HardCap")
            .detail("count", policy.lockout.hard_cap),
    );
    if policy.lockout.hard_action == HardAction::Obsolete {
        if let Some(token) = record.token_mut(token) {
            token.base = Base::Obsolete;
            token.seed = None;
            token.recovery.clear();
            token.questions = None;
            token.obsolete_reason = Some("hard_cap".to_owned());
            token.updated = now.wall;
        }
        let event = Event::new("token.obsolete")
            .user(record.id, record.name())
            .token(token);
        events.push(event.reason("hard_cap"));
    }
}

/// Account Lockout, with the last straw.
fn lock(
    record: &mut UserRecord,
    reason: LockReason,
    auto_until: Option<Timestamp>,
    attempt: &Attempt,
    now: Now,
    events: &mut Vec<Event>,
) {
    let note = Arc::clone(&attempt.gateway.name);
    let count = record.auth.soft;
    record.auth.dialogues.clear();
    record.auth.lock = Some(Lock {
        since: now.wall,
        reason,
        by: None,
        auto_until,
        note,
        count,
    });
    let event = Event::new("user.locked")
        .user(record.id, record.name())
        .reason(reason.name());
    events.push(event.detail("count", count));
}
