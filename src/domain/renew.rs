//! Renew Credential: a successor for a token that still works (domain rules 4.2, R24).
//!
//! 1. All that the sign-in asks for is right, by the old token.
//! 2. The first code of the new one.
//! 3. The Accept. The new one was used, so the old one is obsolete, and it is Steady State.
//!
//! The old one is that which expires; else that which was shown in the same sign-in; else the only
//! other one. Where no token can be shown the person signs in as ever, and it is put off. Of whom no
//! token counts any more, because it has expired, more is asked: as in Replace Credential.

use super::event::Event;
use super::judge::Case;
use super::policy::Policy;
use super::token_record::{Base, Status, Token, effective};
use super::user::{UserRecord, UserState};
use crate::time::{Now, Timestamp};
use crate::token::TokenId;

/// Whether this person is to renew a token, and it is too late to show the old one.
#[must_use]
pub fn is_too_late(record: &UserRecord, policy: &Policy, now: Now) -> bool {
    let tokens = record.profile.tokens.iter().filter(|token| token.primary());
    let mut statuses = tokens.map(|token| effective(record, token, policy, now));
    let expired = statuses.clone().any(|status| status == Status::Expired);
    record.profile.state == UserState::Renew && expired && !statuses.any(Status::usable)
}

/// Whether a token of this person, who is in Steady State, expires soon enough to be renewed.
#[must_use]
pub fn is_due(record: &UserRecord, policy: &Policy, now: Now) -> bool {
    let soon = |token: &Token| {
        let expires = token
            .expires
            .is_some_and(|end| expires_by(end, policy, now));
        token.kind.computes() && expires && effective(record, token, policy, now).usable()
    };
    let asked = !policy.renew_before.is_zero() && record.profile.state == UserState::Steady;
    asked && record.profile.tokens.iter().any(soon)
}

fn expires_by(end: Timestamp, policy: &Policy, now: Now) -> bool {
    end <= now.latest() + policy.renew_before
}

/// Whether a token has come to be since a person was to renew one.
#[must_use]
pub(super) fn succeeds(record: &UserRecord, id: TokenId) -> bool {
    let since = Some(record.profile.state_since);
    let new = |token: &Token| token.kind.computes() && token.registered_at >= since;
    record.profile.state == UserState::Renew && record.token(id).is_some_and(new)
}

/// Whether this sign-in goes on with what else it leads to: to renew a token it takes an old one, not a
/// recovery code, and no successor yet.
pub(super) fn goes_on(case: &Case<'_>) -> bool {
    let record = &case.record;
    let primary = |id: &TokenId| record.token(*id).is_some_and(Token::primary);
    let shown = case.proven.factors.iter().filter_map(|how| how.token());
    let mut shown = shown.filter(primary).peekable();
    record.profile.state != UserState::Renew
        || shown.peek().is_some() && !shown.any(|id| succeeds(record, id))
}

/// The successor was used: the old token is obsolete, and the state is done.
pub(super) fn renewed(case: &mut Case<'_>) {
    for id in old(case) {
        let at = case.now.wall;
        if let Some(token) = case.record.token_mut(id) {
            token.base = Base::Obsolete;
            token.seed = None;
            token.disabled_from = None;
            token.disabled_until = None;
            token.obsolete_reason = Some("renewed".to_owned());
            token.updated = at;
        }
        case.tell(
            Event::new("token.obsolete")
                .token(id)
                .detail("why", "renewed"),
        );
    }
    case.end_workflow();
}

/// The tokens that were renewed.
fn old(case: &Case<'_>) -> Vec<TokenId> {
    let (record, now) = (&case.record, case.now);
    let live = |token: &&Token| token.kind.computes() && token.base != Base::Obsolete;
    let tokens = record.profile.tokens.iter().filter(live);
    let old: Vec<&Token> = tokens.filter(|it| !succeeds(record, it.id)).collect();
    let of = |which: &dyn Fn(&Token) -> bool| -> Vec<TokenId> {
        let found = old.iter().filter(|token| which(token));
        found.map(|token| token.id).collect()
    };
    let expiring = |token: &Token| {
        token
            .expires
            .is_some_and(|end| expires_by(end, case.policy, now))
    };
    let shown = |token: &Token| {
        let used = record
            .auth
            .token(token.id)
            .and_then(|it| it.last_used.as_ref());
        used.is_some_and(|used| used.at == now.wall)
    };
    let only = |_: &Token| old.len() == 1;
    let found = [of(&expiring), of(&shown), of(&only)];
    let mut found = found.into_iter();
    found.find(|ids| !ids.is_empty()).unwrap_or_default()
}
