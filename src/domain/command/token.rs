//! What is done to a token that exists: unlock, switch off and on, void, delete (R38..R41, R60).

use super::case::Case;
use super::{Applied, Effect, words};
use crate::domain::action::Action;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::token_record::{
    Base, COMPROMISED, HardwareToken, Status, TokenKind, TokenState, effective, tombstone,
};
use crate::time::Timestamp;
use crate::token::TokenId;

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
    let undo = forced_if_last(&case, id);
    case.undo(Action::TokenDisable, &undo);
    let message = format!(
        "{id} of {} enabled, it is {status}. {}",
        case.user,
        case.current()
    );
    Ok(case.done(message))
}

/// `token obsolete`: no way back, the secret is erased, and nobody gets a device of that serial again
/// (R41). Not held up by the last-token rule: what may be in strange hands is to stop at once.
pub(super) fn make_obsolete(mut case: Case<'_>, id: TokenId) -> Result<Applied, Refusal> {
    let Some(token) = case.record.token(id) else {
        return Err(case.stale());
    };
    if token.kind == TokenKind::Recovery {
        let what = format!("{id} is a set of recovery codes: it is revoked, not made obsolete");
        let refusal = Refusal::new(Code::Type, what);
        return Err(case.suggest(refusal, Action::RecoveryRevoke, &case.typed));
    }
    let (serial, already) = (token.serial.clone(), token.base == Base::Obsolete);
    case.about(id);
    if already {
        let message = format!(
            "{id} of {} is obsolete already; nothing changed.",
            case.user
        );
        let event = case.event("token.obsolete").token(id);
        return Ok(case.unchanged(event, message));
    }
    case.obsolete(id, COMPROMISED);
    if let Some(serial) = serial {
        let text = format!("{serial} stays known as compromised: it cannot be added again");
        case.note("serial", text);
    }
    note_no_token(&mut case);
    if case.may(Action::TokenDelete) {
        let line = case.line(Action::TokenDelete, &id.to_string());
        case.note("then", line);
    }
    let message = format!(
        "{id} of {} is OBSOLETE, its secret is erased. {}",
        case.user,
        case.current()
    );
    Ok(case.done(message))
}

/// `token delete`: the secret goes, a tombstone stays in the audit log.
pub(super) fn delete(mut case: Case<'_>, id: TokenId, force: bool) -> Result<Applied, Refusal> {
    last_token(&case, id, force, Action::TokenDelete, "stays")?;
    if let Some(token) = case.record.token(id)
        && let Some(known) = HardwareToken::compromised(token, case.wall())
    {
        let serial = known.serial.clone();
        case.pool(Effect::PoolPut(known));
        let text = format!("{serial} stays known as compromised: it cannot be added again");
        case.note("serial", text);
    }
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
    let Some(tomb) = tombstone(&case.record, id, case.wall()) else {
        return;
    };
    let event = case.event(name).token(id).detail("token", tomb);
    case.push(event);
    case.record
        .profile_mut()
        .tokens
        .retain(|token| token.id != id);
    case.record.auth.tokens.retain(|state| state.id != id);
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
    let token = case.record.token(id);
    token.map_or(Status::Obsolete, |token| {
        effective(&case.record, token, case.site.policy, case.now())
    })
}

/// I10: what the hard cap has locked, only a new enrolment replaces.
pub(super) fn hard_cap(case: &Case<'_>, id: TokenId, stays: &str) -> Result<(), Refusal> {
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

pub(super) fn obsolete(id: TokenId, stays: &str) -> Refusal {
    let what = format!("{id} {stays}: it is obsolete");
    Refusal::new(Code::State, what)
        .why("there is no way back from obsolete (5.2); its secret is erased")
        .doing("delete it and enrol another one")
}

/// The refusal of a token that shows OBSOLETE: for itself, or for its type.
pub(super) fn out_of_date(case: &Case<'_>, id: TokenId, stays: &str) -> Refusal {
    match case.record.token(id) {
        Some(token) if token.base != Base::Obsolete => {
            let kind = token.kind.name();
            let what = format!("{id} {stays}: tokens of type {kind} are OBSOLETE here");
            let why = format!("token_types.{kind}.status = \"obsolete\"");
            Refusal::new(Code::State, what)
                .why(why)
                .try_next("mfactl token types")
        }
        _ => obsolete(id, stays),
    }
}

pub(super) fn lift(state: &mut TokenState) {
    state.soft = 0;
    state.locked_until = None;
    state.locked_at = None;
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

/// The token as the command takes it that switches it off or deletes it: with `--force` if the
/// person could not sign in without it.
pub(super) fn forced_if_last(case: &Case<'_>, id: TokenId) -> String {
    let counts = case
        .record
        .token(id)
        .is_some_and(|token| case.usable(token));
    if counts && !case.usable_token(Some(id)) {
        format!("{id} --force")
    } else {
        id.to_string()
    }
}
