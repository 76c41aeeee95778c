//! Account Lockout by hand (R16), and the soft failure counters (R59).

use std::sync::Arc;

use super::case::Case;
use super::{Applied, state, words};
use crate::domain::action::Action;
use crate::domain::dialogue::asks_confirmation;
use crate::domain::lapse::clear_soft;
use crate::domain::lockout::{Lock, LockReason};
use crate::domain::passthrough;
use crate::domain::pin::PinState;
use crate::domain::policy::GatewayPolicy;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::user::Unlocked;
use crate::domain::wait;
use crate::time::Timestamp;

/// `user lock`: replaces an automatic lock, so that there never is a moment without either.
pub(super) fn lock(mut case: Case<'_>, until: Option<Timestamp>) -> Result<Applied, Refusal> {
    let before = case.record.auth.lock.as_ref();
    if let Some(lock) = before.filter(|lock| lock.reason == LockReason::Operator) {
        let by = lock.by.as_deref().unwrap_or("an operator");
        let since = words::instant(lock.since);
        let what = format!("{} is locked already; nothing changed", case.user);
        let refusal = Refusal::new(Code::State, what)
            .why(format!("locked by {by} since {since}: \"{}\"", lock.note));
        return Err(case.suggest(refusal, Action::UserUnlock, &case.typed));
    }
    case.ahead(until)?;
    let previous = before.map(|lock| lock.reason.name());
    let count = case.record.auth.soft;
    case.record.auth.dialogues.clear();
    case.record.auth.lock = Some(Lock {
        since: case.wall(),
        reason: LockReason::Operator,
        by: Some(Arc::clone(&case.asked.operator.name)),
        auto_until: until,
        note: Arc::from(case.asked.reason.unwrap_or_default()),
        count,
    });
    let mut event = case
        .event("user.locked")
        .change(previous, LockReason::Operator.name())
        .detail("lock_reason", LockReason::Operator.name());
    if let Some(until) = until {
        event = event.detail("until", until.to_string());
    }
    case.push(event);
    if let Some(previous) = previous {
        case.note("lock", format!("replaces the lock with reason {previous}"));
    }
    if passthrough::current(&case.record, None, case.now()).is_some() {
        case.note(
            "passthrough",
            "stays, and lets nobody in while the lock lasts",
        );
    }
    let end = until.map_or_else(
        || "until an operator unlocks".to_owned(),
        |until| format!("until {}", words::instant(until)),
    );
    let message = format!("{} locked {end}. {}", case.user, case.current());
    let typed = case.typed.clone();
    case.undo(Action::UserUnlock, &typed);
    Ok(case.done(message))
}

/// `user unlock`: Locked Date and Lock Reason vanish, Unlocked By stays (I11). Waits end with it.
pub(super) fn unlock(
    mut case: Case<'_>,
    with_pin: bool,
    confirm: bool,
) -> Result<Applied, Refusal> {
    let lock = case.record.auth.lock.clone();
    let done = match lock {
        Some(lock) if lock.reason == LockReason::PinBlocked && !with_pin => {
            return Err(pin_blocked(&case, &lock));
        }
        Some(lock) => {
            end_lock(&mut case, &lock);
            "unlocked"
        }
        None if end_waits(&mut case) => "waits no longer",
        None => {
            let what = format!("{} is not locked; nothing changed", case.user);
            let refusal = Refusal::new(Code::NotLocked, what).why(case.current());
            return Err(case.suggest(refusal, Action::Why, &case.typed));
        }
    };
    clear_soft(&mut case.record, case.site.policy);
    if with_pin {
        if case.record.auth.pin.blocked_since.is_some() {
            let event = case.event("pin.unblocked");
            case.push(event);
        }
        case.record.auth.pin = PinState::default();
    }
    note_what_stays(&mut case);
    if confirm || case.site.policy.unlock_confirmation {
        have_confirmed(&mut case);
    }
    let outlook = state::outlook(&case);
    let message = format!("{} {done}. {} {outlook}", case.user, case.current());
    let typed = case.typed.clone();
    case.undo(Action::UserLock, &typed);
    Ok(case.done(message))
}

/// The next sign-in asks for one more code.
fn have_confirmed(case: &mut Case<'_>) {
    case.record.profile_mut().confirm_unlock = true;
    let (policy, now) = (case.site.policy, case.now());
    let asks = |gateway: &&GatewayPolicy| asks_confirmation(&case.record, gateway, policy, now);
    let asked = case.gateways(asks);
    let silent = case.gateways(|gateway| !gateway.challenge);
    let sent = case.gateways(|gateway| gateway.challenge && !asks(gateway));
    if !asked.is_empty() {
        let text = format!("one more code is asked for at the next sign-in at {asked}");
        case.note("confirm", text);
    }
    if !silent.is_empty() {
        let text = format!("{silent}: nobody can be asked there; it stays due elsewhere");
        case.note("confirm", text);
    }
    if !sent.is_empty() {
        let text = format!(
            "{sent}: not asked for there, where no token of {} shows codes; it stays due",
            case.user
        );
        case.note("confirm", text);
    }
}

/// `lock clear-counters`: C2 and C3; a lock or wait that exists stays, and so do the totals (I10).
pub(super) fn clear_counters(mut case: Case<'_>) -> Applied {
    let auth = &case.record.auth;
    let of_stations: u32 = auth.stations.iter().map(|station| station.failures).sum();
    let of_user = auth.soft.saturating_add(of_stations);
    let of_tokens: u32 = auth.tokens.iter().map(|token| token.soft).sum();
    let event = case
        .event("counters.cleared")
        .detail("user", of_user)
        .detail("tokens", of_tokens);
    if of_user == 0 && of_tokens == 0 {
        let message = format!("no failure of {} is counted; nothing changed.", case.user);
        return case.unchanged(event, message);
    }
    let auth = &mut case.record.auth;
    auth.soft = 0;
    for station in &mut auth.stations {
        station.failures = 0;
    }
    for token in &mut auth.tokens {
        token.soft = 0;
    }
    case.push(event);
    if let Some(wait) = wait::all(&case.record, case.now()).first() {
        let until = words::instant(wait.until);
        let text = format!("goes on until {until}: mfactl user unlock {}", case.typed);
        case.note("wait", text);
    }
    if case.record.auth.lock.is_some() {
        case.note("lock", format!("stays: mfactl user unlock {}", case.typed));
    }
    let message = format!(
        "failures of {} cleared ({of_user} -> 0, at tokens {of_tokens} -> 0). {}",
        case.user,
        case.current()
    );
    case.done(message)
}

/// Takes the lock away and keeps who did it.
pub(super) fn end_lock(case: &mut Case<'_>, lock: &Lock) {
    case.record.auth.lock = None;
    case.record.auth.unlocked = Some(Unlocked {
        by: Arc::clone(&case.asked.operator.name),
        at: case.wall(),
    });
    let event = case
        .event("user.unlocked")
        .change(lock.reason.name(), case.state().name())
        .detail("by", case.by())
        .detail("locked_since", lock.since.to_string());
    case.push(event);
}

/// Ends the waits in force, as a lock is ended; false if there is none.
fn end_waits(case: &mut Case<'_>) -> bool {
    let Some(wait) = wait::all(&case.record, case.now()).into_iter().next() else {
        return false;
    };
    case.record.auth.unlocked = Some(Unlocked {
        by: Arc::clone(&case.asked.operator.name),
        at: case.wall(),
    });
    let event = case
        .event("user.unlocked")
        .change("waiting", case.state().name())
        .detail("by", case.by())
        .detail("until", wait.until.to_string());
    case.push(event);
    true
}

/// R16: the PIN is what stands in the way, so the lock goes with its block.
fn pin_blocked(case: &Case<'_>, lock: &Lock) -> Refusal {
    let (count, since) = (case.record.auth.pin.failures, words::instant(lock.since));
    let what = format!("{} stays locked: the PIN is blocked", case.user);
    let via = if lock.note.is_empty() {
        String::new()
    } else {
        format!(" through {}", lock.note)
    };
    let refusal = Refusal::new(Code::Policy, what)
        .why(format!("{count} wrong PINs, {since}{via} (R16, R49)"));
    let refusal = case.suggest(refusal, Action::PinUnblock, &case.typed);
    case.suggest(refusal, Action::PinReset, &case.typed)
}

fn note_what_stays(case: &mut Case<'_>) {
    let policy = case.site.policy;
    if case
        .record
        .auth
        .pin
        .blocked(policy.pin.block_duration, case.now())
    {
        case.note(
            "PIN",
            format!("stays blocked: mfactl pin unblock {}", case.typed),
        );
    }
    let hard = policy.lockout.hard_cap;
    let auth = &case.record.auth;
    let capped = auth.tokens.iter().filter(|token| token.hard_locked(hard));
    let capped: Vec<String> = capped.map(|token| token.id.to_string()).collect();
    for id in capped {
        case.note(
            "token",
            format!("{id} stays locked at the hard cap: enrol a new one"),
        );
    }
}
