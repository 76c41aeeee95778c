//! PINs and local passwords by the operator (R49, R50, R67).

use super::case::Case;
use super::lock::end_lock;
use super::{Applied, Prepared};
use crate::domain::action::Action;
use crate::domain::dialogue::{asks_new, opens_by_code};
use crate::domain::lockout::LockReason;
use crate::domain::pin::{
    PasswordRecord, PasswordState, PinRecord, PinState, Weakness, check_password, check_pin,
};
use crate::domain::policy::{FirstFactorBy, GatewayPolicy};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::user::UserState;
use crate::domain::wait;
use crate::secret::SecretBytes;

/// `pin unblock`: the old PIN works at once, and the lock it brought goes (I12).
pub(super) fn unblock(mut case: Case<'_>) -> Result<Applied, Refusal> {
    if !lift_block(&mut case) {
        let what = format!("no PIN of {} is blocked; nothing changed", case.user);
        let refusal = Refusal::new(Code::NotBlocked, what).why(case.current());
        return Err(case.suggest(refusal, Action::Why, &case.typed));
    }
    note_lock(&mut case);
    let works = match case.record.profile.pin {
        Some(_) => "the old PIN works now",
        None => "but none is set",
    };
    let message = format!("{}: PIN unblocked, {works}. {}", case.user, case.current());
    Ok(case.done(message))
}

/// `pin reset`: a new PIN, and no block (A11); the state stays (A10).
pub(super) fn reset(
    mut case: Case<'_>,
    given: Option<&SecretBytes>,
    keep: bool,
    prepared: Prepared,
) -> Result<Applied, Refusal> {
    let rules = &case.site.policy.pin;
    if let Some(pin) = given {
        check_pin(rules, &case.record.profile, pin.expose())
            .map_err(|weakness| weak(&case, "PIN", weakness, Action::PinReset))?;
    }
    case.fresh(&prepared)?;
    let hash = prepared.hash.ok_or_else(|| case.stale())?;
    let must_change = rules.admin_reset_must_change && !keep;
    let record = PinRecord {
        hash,
        set_at: case.wall(),
        set_by: case.by(),
        must_change,
    };
    case.record.profile_mut().pin = Some(record);
    // A question may stand on the old one.
    case.record.auth.dialogues.clear();
    let event = case.event("pin.reset").detail("must_change", must_change);
    case.push(event.detail("generated", given.is_none()));
    lift_block(&mut case);
    case.record.auth.pin = PinState::default();
    if given.is_none() {
        case.reveal(prepared.reveal);
    }
    if gateways(&case, FirstFactorBy::Pin).is_empty() {
        case.note("gateways", "none asks for a PIN");
    } else if must_change {
        note_change(&mut case);
    }
    if matches!(case.state(), UserState::Reset | UserState::ResetAll) {
        let line = case.line(Action::UserSetState, &format!("{} steady", case.typed));
        let next = if case.may(Action::UserSetState) {
            line
        } else {
            "an operator sets Steady State".to_owned()
        };
        case.note("state", format!("stays {}: {next}", case.state().title()));
    }
    note_lock(&mut case);
    let message = format!("{}: PIN saved. {}", case.user, case.current());
    Ok(case.done(message))
}

/// Where the person will be asked for a new PIN, and where not.
fn note_change(case: &mut Case<'_>) {
    let typed = |gateway: &&GatewayPolicy| gateway.first_factor == FirstFactorBy::Pin;
    let asks = |gateway: &&GatewayPolicy| asks_new(&case.record, gateway).is_some();
    let asked = case.gateways(asks);
    let silent = case.gateways(|gateway| typed(gateway) && !asks(gateway));
    if !asked.is_empty() {
        case.note(
            "change",
            format!("asked for at the next sign-in at {asked}"),
        );
    }
    if !silent.is_empty() {
        let text = format!("{silent}: nobody can be asked there to change it; it works as it is");
        case.note("change", text);
    }
}

/// `pin clear`: without a PIN nobody gets in where one is asked for.
pub(super) fn clear(mut case: Case<'_>) -> Applied {
    let event = case.event("pin.cleared");
    let lifted = lift_block(&mut case);
    if case.record.profile.pin.is_none() && !lifted {
        let message = format!("{} has no PIN; nothing changed.", case.user);
        return case.unchanged(event, message);
    }
    case.record.profile_mut().pin = None;
    case.record.auth.dialogues.clear();
    case.record.auth.pin = PinState::default();
    case.push(event);
    let typed = |gateway: &&GatewayPolicy| gateway.first_factor == FirstFactorBy::Pin;
    let alone = |gateway: &&GatewayPolicy| opens_by_code(&case.record, gateway);
    let asking = case.gateways(alone);
    let at = case.gateways(|gateway| typed(gateway) && !alone(gateway));
    if !asking.is_empty() {
        let text = format!("the code alone signs in at {asking}, where a new PIN is asked for");
        case.note("next", text);
    }
    if !at.is_empty() {
        case.note(
            "next",
            format!("sign-ins are refused at {at} until a PIN is set"),
        );
        if case.may(Action::PinReset) {
            let line = case.line(Action::PinReset, &format!("{} --generate", case.typed));
            case.note("then", line);
        }
    }
    note_lock(&mut case);
    let message = format!("{}: PIN removed. {}", case.user, case.current());
    case.done(message)
}

/// `password set`.
pub(super) fn set_password(
    mut case: Case<'_>,
    given: Option<&SecretBytes>,
    prepared: Prepared,
) -> Result<Applied, Refusal> {
    if let Some(password) = given {
        check_password(&case.record.profile, password.expose())
            .map_err(|weakness| weak(&case, "password", weakness, Action::PasswordSet))?;
    }
    case.fresh(&prepared)?;
    let hash = prepared.hash.ok_or_else(|| case.stale())?;
    let at = case.wall();
    let old = case.record.profile.password.as_ref();
    let record = PasswordRecord {
        hash,
        set_at: at,
        set_by: case.by(),
        registered_at: old.map_or(at, |old| old.registered_at),
    };
    case.record.profile_mut().password = Some(record);
    case.record.auth.dialogues.clear();
    let event = case.event("password.set");
    case.push(event.detail("generated", given.is_none()));
    if given.is_none() {
        case.reveal(prepared.reveal);
    }
    if gateways(&case, FirstFactorBy::Local).is_empty() {
        case.note("gateways", "none asks for a local password");
    }
    note_lock(&mut case);
    let message = format!(
        "Password of {} set. It works from the next sign-in. {}",
        case.user,
        case.current()
    );
    Ok(case.done(message))
}

/// `password clear`.
pub(super) fn clear_password(mut case: Case<'_>) -> Applied {
    let event = case.event("password.cleared");
    if case.record.profile.password.is_none() {
        let message = format!("{} has no local password; nothing changed.", case.user);
        return case.unchanged(event, message);
    }
    case.record.profile_mut().password = None;
    case.record.auth.dialogues.clear();
    case.record.auth.password = PasswordState::default();
    case.push(event);
    let at = gateways(&case, FirstFactorBy::Local);
    if !at.is_empty() {
        case.note(
            "next",
            format!("sign-ins are refused at {at} until a password is set"),
        );
    }
    let message = format!("Password of {} removed. {}", case.user, case.current());
    case.done(message)
}

/// Ends the block and the lock that it brought; C3 goes too, unless another lock stands on it.
fn lift_block(case: &mut Case<'_>) -> bool {
    let lock = case.record.auth.lock.clone();
    let brought = lock.filter(|lock| lock.reason == LockReason::PinBlocked);
    let blocked = case.record.auth.pin.blocked_since.is_some();
    if !blocked && brought.is_none() {
        return false;
    }
    let failures = case.record.auth.pin.failures;
    case.record.auth.pin = PinState::default();
    let event = case.event("pin.unblocked").detail("failures", failures);
    case.push(event);
    if let Some(lock) = brought {
        end_lock(case, &lock);
    }
    if case.record.auth.lock.is_none() {
        wait::forgive(&mut case.record.auth);
    }
    true
}

fn weak(case: &Case<'_>, noun: &str, weakness: Weakness, action: Action) -> Refusal {
    let what = format!("{}: that {noun} is not taken; nothing changed", case.user);
    let refusal = Refusal::new(Code::Policy, what).why(weakness.to_string());
    case.suggest(refusal, action, &format!("{} --generate", case.typed))
}

/// The names of the gateways that ask for this first factor.
fn gateways(case: &Case<'_>, first: FirstFactorBy) -> String {
    case.gateways(|gateway| gateway.first_factor == first)
}

fn note_lock(case: &mut Case<'_>) {
    if let Some(lock) = &case.record.auth.lock {
        let text = format!(
            "stays, reason {}: mfactl user unlock {}",
            lock.reason.name(),
            case.typed
        );
        case.note("lock", text);
    }
}
