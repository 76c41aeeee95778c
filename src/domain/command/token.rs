//! What is done to a token that exists: test, resynchronise, unlock, switch off and on, delete
//! (R36..R40, R60).

use std::sync::Arc;

use serde_json::{Value, json};

use super::case::Case;
use super::{Applied, words};
use crate::domain::action::Action;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::sealed::Field;
use crate::domain::token_record::{
    Accepted, Base, Status, Token, TokenKind, TokenState, effective,
};
use crate::domain::verify::progress;
use crate::secret::SecretBytes;
use crate::time::Timestamp;
use crate::token::{Factor, Otp, OtpCode, Progress, Resync, TokenId, Windows, totp};

/// What stands for the gateway where a code was used up by an operator.
const AT_MFACTL: &str = "mfactl";

/// A token with its opened seed, ready to look at a code.
pub(super) struct Opened {
    pub(super) id: TokenId,
    pub(super) otp: Otp,
    pub(super) seed: SecretBytes,
    pub(super) progress: Progress,
}

/// `token test`: the code is used up, nothing else changes (A34, I17).
pub(super) fn test(
    mut case: Case<'_>,
    id: TokenId,
    code: &OtpCode,
    anyway: bool,
) -> Result<Applied, Refusal> {
    let status = status(&case, id);
    let opened = open(&case, id)?;
    let sleeping = matches!(
        status,
        Status::Disabled | Status::Locked | Status::Expired | Status::Deactivated
    );
    if status == Status::Pending {
        let what = format!("{id} is not tested: it is not proven yet");
        let refusal = Refusal::new(Code::State, what).why("its first code proves it");
        return Err(case.suggest(refusal, Action::TokenConfirm, &id.to_string()));
    }
    if sleeping && !anyway {
        let what = format!("{id} is not tested: it is {}", status.name());
        let refusal = Refusal::new(Code::State, what);
        return Err(case.suggest(refusal, Action::TokenTest, &format!("{id} --anyway")));
    }
    let windows = windows(&case);
    let (otp, seed) = (opened.otp, opened.seed.expose());
    let Some(factor) = otp.search(seed, code, opened.progress, windows, case.wall()) else {
        return Err(wrong_code(&case, &opened, code, "was not tested well"));
    };
    use_up(&mut case, &opened, factor);
    let at = case.wall();
    if let Some(token) = case.record.token_mut(id) {
        token.last_tested = Some(at);
    }
    let event = case.event("token.tested").token(id).detail("ok", true);
    case.push(event);
    if case
        .record
        .auth
        .token(id)
        .is_some_and(|state| state.resync_required)
    {
        let line = format!("sign-ins wait for it: mfactl token resync {id}");
        case.note("resync", line);
    }
    if sleeping {
        case.note(
            "status",
            format!("{id} stays {}: sign-ins with it are refused", status.name()),
        );
    }
    case.about(id);
    let message = format!(
        "{id} of {}: the code is right, and used up by this test. {}",
        case.user,
        case.current()
    );
    Ok(case.done(message))
}

/// `token resync`: two codes in a row, in the order shown (I13).
pub(super) fn resync(
    mut case: Case<'_>,
    id: TokenId,
    codes: [&OtpCode; 2],
) -> Result<Applied, Refusal> {
    let status = status(&case, id);
    let opened = open(&case, id)?;
    if status == Status::Pending {
        let what = format!("{id} was not resynchronised: it is not proven yet");
        let refusal = Refusal::new(Code::State, what);
        return Err(case.suggest(refusal, Action::TokenConfirm, &id.to_string()));
    }
    hard_cap(&case, id, "was not resynchronised")?;
    let policy = case.site.policy;
    let window = match opened.otp.factor {
        Factor::Counter => policy.hotp_resync_window,
        Factor::Time { .. } => policy.totp_resync_window_steps,
    };
    let (seed, from, wall) = (opened.seed.expose(), opened.progress, case.wall());
    let (first_at, next) = match opened.otp.resync(seed, from, narrow(window), wall, codes) {
        Resync::Found { first_at, progress } => (first_at, progress),
        Resync::WrongOrder { first_at } => return Err(wrong_order(id, first_at)),
        Resync::NotFound => return Err(not_found(&case, &opened, window)),
    };
    clock_in_reach(&case, &opened, first_at + 1)?;
    let state = case.record.auth.token_mut(id);
    let (soft, locked) = (state.soft, state.locked_until.is_some());
    state.next_factor = next.next.max(state.next_factor);
    state.drift_steps = next.drift_steps;
    state.accepted = Some(accepted(first_at + 1, wall));
    state.resync_required = false;
    lift(state);
    let event = case.event("token.resynced").token(id);
    case.push(event.change(from.next, next.next));
    if soft > 0 || locked {
        let lifted = if locked { ", token lock lifted" } else { "" };
        case.note("failures", format!("{soft} -> 0{lifted}"));
    }
    if opened.otp.factor != Factor::Counter && next.drift_steps != 0 {
        case.note(
            "clock",
            format!("the device is off by {} steps", next.drift_steps),
        );
    }
    case.about(id);
    case.fact("found", json!([first_at, first_at + 1]));
    let [first, second, next] = [first_at, first_at + 1, next.next].map(words::number);
    let message = format!(
        "{id} of {} continues at {next}: found at {first} and {second}. {}",
        case.user,
        case.current()
    );
    Ok(case.done(message))
}

/// `token unlock`: the lock and the soft counter go, the total stays (I10).
pub(super) fn unlock(mut case: Case<'_>, id: TokenId) -> Result<Applied, Refusal> {
    hard_cap(&case, id, "stays locked")?;
    let state = case.record.auth.token(id);
    if state.is_none_or(|state| state.locked_until.is_none()) {
        let what = format!("{id} is not locked; nothing changed");
        let refusal =
            Refusal::new(Code::NotLocked, what).why(format!("it is {}", status(&case, id).name()));
        let locked = case.record.auth.lock.is_some();
        return Err(match locked {
            true => case.suggest(refusal, Action::UserUnlock, &case.typed),
            false => refusal,
        });
    }
    let state = case.record.auth.token_mut(id);
    let soft = state.soft;
    lift(state);
    let event = case
        .event("token.unlocked")
        .token(id)
        .detail("by", case.by());
    case.push(event.detail("count", soft));
    if case.record.auth.lock.is_some() {
        case.note(
            "lock",
            format!("the person stays locked: mfactl user unlock {}", case.typed),
        );
    }
    case.about(id);
    let status = status(&case, id).name();
    let message = format!(
        "{id} of {} unlocked, it is {status}. {}",
        case.user,
        case.current()
    );
    Ok(case.done(message))
}

/// `token disable`: for a time or for good; seed and counters stay (I16).
pub(super) fn disable(
    mut case: Case<'_>,
    id: TokenId,
    until: Option<Timestamp>,
    force: bool,
) -> Result<Applied, Refusal> {
    case.ahead(until)?;
    let now = case.now();
    let Some(token) = case.record.token(id) else {
        return Err(case.stale());
    };
    let base = token.base_at(now);
    if base == Base::Obsolete {
        return Err(obsolete(id, "was not disabled"));
    }
    let event = case.event("token.disabled").token(id);
    if base == Base::Disabled && token.disabled_until == until {
        let message = format!(
            "{id} of {} is disabled already; nothing changed.",
            case.user
        );
        case.about(id);
        return Ok(case.unchanged(event, message));
    }
    last_token(&case, id, force, Action::TokenDisable, "stays enabled")?;
    let before = status(&case, id).name();
    let at = case.wall();
    if let Some(token) = case.record.token_mut(id) {
        if base != Base::Disabled {
            token.disabled_from = Some(base);
        }
        token.base = Base::Disabled;
        token.disabled_until = until;
        token.updated = at;
    }
    let event = event.change(before, Status::Disabled.name());
    case.push(match until {
        Some(until) => event.detail("until", until.to_string()),
        None => event,
    });
    note_no_token(&mut case);
    case.about(id);
    case.undo(Action::TokenEnable, &id.to_string());
    let end = until.map_or_else(
        || "until it is enabled".to_owned(),
        |until| format!("until {}", words::instant(until)),
    );
    let message = format!("{id} of {} disabled {end}. {}", case.user, case.current());
    Ok(case.done(message))
}

/// `token enable`: back to what it was before; never ends a lock.
pub(super) fn enable(mut case: Case<'_>, id: TokenId) -> Result<Applied, Refusal> {
    let Some(token) = case.record.token(id) else {
        return Err(case.stale());
    };
    let back = token.disabled_from.unwrap_or(Base::Registered);
    let base = token.base;
    if base == Base::Obsolete {
        return Err(obsolete(id, "was not enabled"));
    }
    let event = case.event("token.enabled").token(id);
    case.about(id);
    if base != Base::Disabled {
        let message = format!("{id} of {} is enabled already; nothing changed.", case.user);
        return Ok(case.unchanged(event, message));
    }
    let at = case.wall();
    if let Some(token) = case.record.token_mut(id) {
        token.base = back;
        token.disabled_from = None;
        token.disabled_until = None;
        token.updated = at;
    }
    let status = status(&case, id).name();
    case.push(event.change(Status::Disabled.name(), status));
    case.undo(Action::TokenDisable, &id.to_string());
    let message = format!(
        "{id} of {} enabled, it is {status}. {}",
        case.user,
        case.current()
    );
    Ok(case.done(message))
}

/// `token delete`: the secret goes, a tombstone stays in the audit log.
pub(super) fn delete(mut case: Case<'_>, id: TokenId, force: bool) -> Result<Applied, Refusal> {
    last_token(&case, id, force, Action::TokenDelete, "stays")?;
    remove(&mut case, id, "token.deleted");
    note_no_token(&mut case);
    case.about(id);
    let message = format!(
        "{id} of {} deleted, secret erased. {}",
        case.user,
        case.current()
    );
    Ok(case.done(message))
}

/// Takes a token out of the record; `name` is the event that keeps its tombstone.
pub(super) fn remove(case: &mut Case<'_>, id: TokenId, name: &'static str) {
    let Some(token) = case.record.token(id) else {
        return;
    };
    let tomb = tombstone(case, token);
    let event = case.event(name).token(id).detail("token", tomb);
    case.push(event);
    case.record
        .profile_mut()
        .tokens
        .retain(|token| token.id != id);
    case.record.auth.tokens.retain(|state| state.id != id);
}

/// What is remembered of a token for ever (5.2.3).
pub(super) fn tombstone(case: &Case<'_>, token: &Token) -> Value {
    let state = case.record.auth.token(token.id);
    let date = |at: Option<Timestamp>| at.map(|at| at.to_string());
    json!({
        "id": token.id,
        "type": token.kind.name(),
        "serial": token.serial,
        "created": date(Some(token.created)),
        "registered": date(token.registered_at),
        "activated": date(state.and_then(|state| state.activated_at)),
        "last_used": date(state.and_then(|state| state.last_used.as_ref()).map(|used| used.at)),
        "deleted": date(Some(case.wall())),
    })
}

/// R42: a person keeps a token to sign in with, unless the operator insists.
pub(super) fn last_token(
    case: &Case<'_>,
    id: TokenId,
    force: bool,
    action: Action,
    stays: &str,
) -> Result<(), Refusal> {
    let counts = case
        .record
        .token(id)
        .is_some_and(|token| case.usable(token));
    if force || !counts || case.usable_token(Some(id)) {
        return Ok(());
    }
    let what = format!(
        "{id} {stays}: it is the last token {} can sign in with",
        case.user
    );
    let refusal =
        Refusal::new(Code::LastToken, what).why("recovery codes do not count as a token (R42)");
    let first = format!("{} --type totp", case.typed);
    let refusal = case.suggest(refusal, Action::TokenAdd, &first);
    let serial = case
        .record
        .token(id)
        .and_then(|token| token.serial.as_deref());
    let named = match (action, serial) {
        (Action::HwUnassign, Some(serial)) => words::shell(serial),
        _ => id.to_string(),
    };
    Err(case.suggest(refusal, action, &format!("{named} --force")))
}

/// What the token is now.
pub(super) fn status(case: &Case<'_>, id: TokenId) -> Status {
    let hard_cap = case.site.policy.lockout.hard_cap;
    let token = case.record.token(id);
    token.map_or(Status::Obsolete, |token| {
        effective(&case.record, token, hard_cap, case.now())
    })
}

/// Opens the seed of a token that computes its codes.
pub(super) fn open(case: &Case<'_>, id: TokenId) -> Result<Opened, Refusal> {
    let Some(token) = case.record.token(id) else {
        return Err(case.stale());
    };
    if token.base == Base::Obsolete {
        return Err(obsolete(id, "has no secret any more"));
    }
    let (Some(otp), Some(sealed)) = (token.otp, token.seed.as_ref()) else {
        let what = format!("{id} is a set of recovery codes: it has no codes to compute");
        return Err(Refusal::new(Code::Type, what));
    };
    let field = Field::Seed(case.record.id, id);
    let Some(seed) = case.site.unseal.open(field, sealed) else {
        let what = format!("the secret of {id} cannot be opened; nothing changed");
        return Err(Refusal::new(Code::Sealed, what).doing("check the master key of this host"));
    };
    Ok(Opened {
        id,
        otp,
        seed,
        progress: progress(case.record.auth.token(id)),
    })
}

/// Finds the factor of a code, if it may still be accepted.
pub(super) fn windows(case: &Case<'_>) -> Windows {
    Windows {
        look_ahead: narrow(case.site.policy.hotp_look_ahead),
        window_steps: narrow(case.site.policy.totp_window_steps),
    }
}

/// No code up to that of `factor` fits again (I1).
pub(super) fn use_up(case: &mut Case<'_>, opened: &Opened, factor: u64) {
    let wall = case.wall();
    let next = opened.otp.consume(opened.progress, factor, wall);
    let state = case.record.auth.token_mut(opened.id);
    state.next_factor = next.next;
    state.drift_steps = next.drift_steps;
    state.accepted = Some(accepted(factor, wall));
}

/// The refusal of a code, with what it looks like.
pub(super) fn wrong_code(case: &Case<'_>, opened: &Opened, code: &OtpCode, stays: &str) -> Refusal {
    let id = opened.id;
    let what = format!("that code does not fit {id}, which {stays}; nothing changed");
    let refusal = Refusal::new(Code::Otp, what);
    let state = case.record.auth.token(id);
    let last = state.and_then(|state| state.accepted.as_ref());
    let again = last.filter(|last| {
        let known = opened.otp.code_at(opened.seed.expose(), last.factor);
        known.equals(code)
    });
    if let Some(last) = again {
        let at = words::instant(last.at);
        return refusal
            .why(format!("it was used already at {at}"))
            .doing("wait for the next code");
    }
    let refusal = match off_by(case, opened, code) {
        Some(steps) if steps < 0 => refusal
            .why(format!(
                "it would fit {} steps ago: the device's clock is slow",
                -steps
            ))
            .doing("let the device set its time by itself"),
        Some(steps) => refusal
            .why(format!(
                "it would fit in {steps} steps: the device's clock is fast"
            ))
            .doing("let the device set its time by itself"),
        None => refusal,
    };
    let refusal = case.suggest(refusal, Action::TokenResync, &id.to_string());
    case.suggest(refusal, Action::TokenDelete, &id.to_string())
}

/// How many steps away the code of a time based token would fit.
fn off_by(case: &Case<'_>, opened: &Opened, code: &OtpCode) -> Option<i64> {
    let Factor::Time { period_s } = opened.otp.factor else {
        return None;
    };
    let now = totp::step_at(case.wall(), period_s);
    let reach = case.site.policy.totp_resync_window_steps;
    let first = now.saturating_sub(reach).max(opened.progress.next);
    let steps = first..=now.saturating_add(reach);
    let found = opened.otp.find(opened.seed.expose(), code, steps)?;
    i64::try_from(i128::from(found) - i128::from(now)).ok()
}

/// A clock that is further off than can be remembered would be lost again at once.
fn clock_in_reach(case: &Case<'_>, opened: &Opened, step: u64) -> Result<(), Refusal> {
    let Factor::Time { period_s } = opened.otp.factor else {
        return Ok(());
    };
    let now = totp::step_at(case.wall(), period_s);
    let reach = u64::from(totp::DRIFT_STEPS_MAX.unsigned_abs());
    let off = now.abs_diff(step);
    if off <= reach {
        return Ok(());
    }
    let way = if step < now { "slow" } else { "fast" };
    let seconds = off.saturating_mul(u64::from(period_s.seconds()));
    let span = words::span(std::time::Duration::from_secs(seconds));
    let what = format!("{} was not resynchronised; nothing changed", opened.id);
    Err(Refusal::new(Code::Otp, what)
        .why(format!(
            "both codes exist, but the device's clock is {off} steps ({span}) {way}; {reach} steps \
             can be followed"
        ))
        .doing("set the clock of the device, then try a new code"))
}

fn wrong_order(id: TokenId, first_at: u64) -> Refusal {
    let [first, second] = [first_at, first_at.saturating_sub(1)].map(words::number);
    let what = format!("{id} was not resynchronised; nothing changed");
    Refusal::new(Code::Otp, what)
        .why(format!(
            "both codes exist, but the second comes before the first ({first}, {second})"
        ))
        .doing("press the button twice more and type the codes in the order shown")
}

fn not_found(case: &Case<'_>, opened: &Opened, window: u64) -> Refusal {
    let id = opened.id;
    let what = format!("{id} was not resynchronised; nothing changed");
    let why = match opened.otp.factor {
        Factor::Counter => format!(
            "no two such codes in a row from {} to {}",
            words::number(opened.progress.next),
            words::number(opened.progress.next.saturating_add(window))
        ),
        Factor::Time { .. } => {
            format!("no two such codes in a row within {window} steps of now, unused")
        }
    };
    let refusal = Refusal::new(Code::Otp, what).why(why);
    let refusal = refusal.doing("try two new codes; if they fail, enrol the token anew");
    case.suggest(refusal, Action::TokenDelete, &id.to_string())
}

/// I10: what the hard cap has locked, only a new enrolment replaces.
fn hard_cap(case: &Case<'_>, id: TokenId, stays: &str) -> Result<(), Refusal> {
    let cap = case.site.policy.lockout.hard_cap;
    let state = case.record.auth.token(id);
    let Some(state) = state.filter(|state| state.hard_locked(cap)) else {
        return Ok(());
    };
    let what = format!("{id} {stays}: it is locked for good");
    let refusal = Refusal::new(Code::State, what).why(format!(
        "{} wrong codes without a right one, the cap is {cap}",
        state.total
    ));
    let first = format!("{} --type totp", case.typed);
    let refusal = case.suggest(refusal, Action::TokenAdd, &first);
    Err(case.suggest(refusal, Action::TokenDelete, &id.to_string()))
}

fn obsolete(id: TokenId, stays: &str) -> Refusal {
    let what = format!("{id} {stays}: it is obsolete");
    Refusal::new(Code::State, what)
        .why("there is no way back from obsolete (5.2); its secret is erased")
        .doing("delete it and enrol another one")
}

fn lift(state: &mut TokenState) {
    state.soft = 0;
    state.locked_until = None;
    state.locked_at = None;
}

fn accepted(factor: u64, at: Timestamp) -> Accepted {
    Accepted {
        factor,
        at,
        gateway: Arc::from(AT_MFACTL),
        grace_used: true,
    }
}

fn narrow(window: u64) -> u16 {
    u16::try_from(window).unwrap_or(u16::MAX)
}

/// R42: said, even where it was forced.
fn note_no_token(case: &mut Case<'_>) {
    if case.usable_token(None) {
        return;
    }
    let codes = case.record.profile.tokens.iter().any(|token| {
        token.kind == TokenKind::Recovery && token.codes_left(case.record.auth.token(token.id)) > 0
    });
    let but = if codes { " but the recovery codes" } else { "" };
    case.note(
        "token",
        format!("{} has nothing to sign in with{but}", case.user),
    );
}
