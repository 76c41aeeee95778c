//! Recovery codes: a set at a time (R54).

use super::case::Case;
use super::token::remove;
use super::{Applied, Prepared};
use crate::domain::action::Action;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::token_record::{Base, RecoveryHash, Token, TokenKind};
use crate::domain::user::UserState;
use crate::token::TokenId;

/// `recovery issue`: the new set is the only one.
pub(super) fn issue(mut case: Case<'_>, prepared: Prepared) -> Result<Applied, Refusal> {
    let policy = case.site.policy;
    if !policy.enabled_kinds.contains(&TokenKind::Recovery) {
        return Err(Refusal::new(
            Code::Type,
            "recovery codes are switched off here",
        ));
    }
    if matches!(case.state(), UserState::Deactivated | UserState::Revoke) {
        let state = case.state().title();
        let what = format!("{} gets no recovery codes", case.user);
        return Err(Refusal::new(Code::State, what).why(format!("the state is {state}")));
    }
    case.fresh(&prepared)?;
    let count = prepared.recovery.len();
    let (Some(id), 1..) = (prepared.token_id, count) else {
        return Err(case.stale());
    };
    let old = sets(&case);
    for set in &old {
        remove(&mut case, *set, "token.deleted");
    }
    let set = set(&case, id, prepared.recovery);
    case.record.profile_mut().tokens.push(set);
    let event = case.event("recovery.issued").token(id);
    case.push(event.detail("count", count));
    case.reveal(prepared.reveal);
    case.about(id);
    if !old.is_empty() {
        case.note("old codes", "the set before this one is void");
    }
    if !policy.recovery_allow_login {
        case.note(
            "sign-in",
            "recovery.allow_login = false: no gateway takes them",
        );
    }
    if case.record.auth.lock.is_some() {
        case.note(
            "lock",
            format!("the person is locked: mfactl user unlock {}", case.typed),
        );
    }
    let typed = case.typed.clone();
    case.undo(Action::RecoveryRevoke, &typed);
    let message = format!(
        "{count} recovery codes for {}, {id}. {}",
        case.user,
        case.current()
    );
    Ok(case.done(message))
}

/// `recovery revoke`: no code on paper counts any more.
pub(super) fn revoke(mut case: Case<'_>) -> Result<Applied, Refusal> {
    let sets = sets(&case);
    if sets.is_empty() {
        let what = format!("{} has no recovery codes; nothing changed", case.user);
        let refusal = Refusal::new(Code::NoToken, what);
        return Err(case.suggest(refusal, Action::RecoveryIssue, &case.typed));
    }
    let left: u32 = sets
        .iter()
        .filter_map(|id| {
            Some(
                case.record
                    .token(*id)?
                    .codes_left(case.record.auth.token(*id)),
            )
        })
        .sum();
    for set in &sets {
        remove(&mut case, *set, "recovery.revoked");
    }
    let message = format!(
        "recovery codes of {} void, {left} unused. {}",
        case.user,
        case.current()
    );
    Ok(case.done(message))
}

fn sets(case: &Case<'_>) -> Vec<TokenId> {
    let recovery = |token: &&Token| token.kind == TokenKind::Recovery;
    let tokens = case.record.profile.tokens.iter().filter(recovery);
    tokens.map(|token| token.id).collect()
}

fn set(case: &Case<'_>, id: TokenId, codes: Vec<RecoveryHash>) -> Token {
    let at = case.wall();
    Token {
        base: Base::Registered,
        recovery: codes,
        registered_at: Some(at),
        ..Token::new(id, TokenKind::Recovery, (at, case.by()))
    }
}
