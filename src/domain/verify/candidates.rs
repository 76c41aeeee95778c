//! Which tokens count for a person at a gateway (D10), and which would if they were proven (D11).

use crate::domain::policy::{GatewayPolicy, Policy};
use crate::domain::token_record::{Status, Token, TokenKind, effective};
use crate::domain::user::UserRecord;
use crate::time::Now;

/// The tokens whose codes count for `record` at `gateway` now (D10), recovery codes not among them.
pub fn candidates<'a>(
    record: &'a UserRecord,
    gateway: &'a GatewayPolicy,
    policy: &'a Policy,
    now: Now,
) -> impl Iterator<Item = &'a Token> + Clone {
    let group = policy.set(record.profile.set.as_deref());
    of_the_set(record, gateway, policy, group)
        .filter(move |token| effective(record, token, policy, now).usable())
        .filter(|token| {
            !record
                .auth
                .token(token.id)
                .is_some_and(|state| state.resync_required)
        })
}

/// The tokens whose codes would count for `record` at `gateway`, if they were proven.
pub fn pending<'a>(
    record: &'a UserRecord,
    gateway: &'a GatewayPolicy,
    policy: &'a Policy,
    now: Now,
) -> impl Iterator<Item = &'a Token> + Clone {
    let group = policy.set(record.profile.set.as_deref());
    of_the_set(record, gateway, policy, group)
        .filter(move |token| effective(record, token, policy, now) == Status::Pending)
}

/// Whether codes of this kind count for `record` at `gateway`.
pub(in crate::domain) fn counts_here(
    record: &UserRecord,
    gateway: &GatewayPolicy,
    policy: &Policy,
    kind: TokenKind,
) -> bool {
    let group = policy.set(record.profile.set.as_deref());
    of_this_kind(gateway, policy, group, kind)
}

fn of_this_kind(
    gateway: &GatewayPolicy,
    policy: &Policy,
    group: &[TokenKind],
    kind: TokenKind,
) -> bool {
    let allowed = gateway.allowed_kinds.as_ref();
    kind.computes()
        && group.contains(&kind)
        && allowed.is_none_or(|kinds| kinds.contains(&kind))
        && policy.enabled_kinds.contains(&kind)
}

fn of_the_set<'a>(
    record: &'a UserRecord,
    gateway: &'a GatewayPolicy,
    policy: &'a Policy,
    group: &'a [TokenKind],
) -> impl Iterator<Item = &'a Token> + Clone {
    let tokens = record.profile.tokens.iter();
    tokens.filter(move |token| of_this_kind(gateway, policy, group, token.kind))
}

/// The recovery sets whose codes count for `record` at `gateway` now.
pub(in crate::domain) fn recovery_sets<'a>(
    record: &'a UserRecord,
    gateway: &GatewayPolicy,
    policy: &Policy,
    now: Now,
) -> impl Iterator<Item = &'a Token> {
    let kind = TokenKind::Recovery;
    let allowed = policy.recovery_allow_login
        && policy.enabled_kinds.contains(&kind)
        && gateway
            .allowed_kinds
            .as_ref()
            .is_none_or(|kinds| kinds.contains(&kind));
    record
        .profile
        .tokens
        .iter()
        .filter(move |token| allowed && token.kind == kind)
        .filter(move |token| effective(record, token, policy, now).usable())
}
