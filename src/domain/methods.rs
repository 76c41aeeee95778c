//! The methods of a person: which tokens count for the group of the set that is asked for now (R4,
//! D10).
//!
//! A set has one group or several. All of them are passed in one dialogue, one after another, each by a
//! token of one of its types or by a recovery code; no token counts for two. So which tokens count
//! hangs on what has [`passed`](super::dialogue::Proven::factors) already. As long as a later group
//! could not be passed none counts at all, so that nobody shows half a proof in vain; nor do they where
//! there are several groups and the gateway asks no questions.
//!
//! A code is sent to those alone who have proven something: the first factor, or a group before.

use super::delivery::destination;
use super::dialogue::emergency_is_open;
use super::policy::{FirstFactorBy, GatewayPolicy, PasscodeForm, Policy};
use super::token_record::{Status, Token, TokenKind, effective};
use super::user::{Profile, UserRecord};
use super::verdict::How;
use crate::time::Now;
use crate::token::TokenId;

/// Groups of the set that are still to be passed.
#[must_use]
pub fn groups_left(profile: &Profile, policy: &Policy, passed: &[How]) -> usize {
    let groups = policy.groups(profile.set.as_deref()).len().max(1);
    groups.saturating_sub(passed.len())
}

/// Whether each of those groups was passed by a token that it names, or by a recovery code.
#[must_use]
pub fn in_order(record: &UserRecord, policy: &Policy, passed: &[How]) -> bool {
    let groups = policy.groups(record.profile.set.as_deref());
    let names = |(how, group): (&How, &Vec<TokenKind>)| {
        let token = how.token().and_then(|id| record.token(id));
        token.is_some_and(|it| !it.primary() || group.contains(&it.kind))
    };
    groups.len() < 2 || passed.iter().zip(groups).all(names)
}

/// Whether the person's set asks for more than one method.
#[must_use]
pub fn several(profile: &Profile, policy: &Policy) -> bool {
    policy.groups(profile.set.as_deref()).len() > 1
}

/// The tokens whose codes count for `record` at `gateway` now (D10), recovery codes not among them.
pub fn candidates<'a>(
    record: &'a UserRecord,
    gateway: &'a GatewayPolicy,
    policy: &'a Policy,
    passed: &'a [How],
    now: Now,
) -> impl Iterator<Item = &'a Token> + Clone {
    let group = open_group(record, gateway, policy, passed, now).unwrap_or_default();
    let sends = sends_codes(gateway) || gateway.challenge && !passed.is_empty();
    of_group(record, gateway, policy, (group, passed, sends), now)
}

/// The recovery sets whose codes count for `record` at `gateway` now.
pub fn recovery_sets<'a>(
    record: &'a UserRecord,
    gateway: &'a GatewayPolicy,
    policy: &'a Policy,
    passed: &'a [How],
    now: Now,
) -> impl Iterator<Item = &'a Token> {
    let open = open_group(record, gateway, policy, passed, now).is_some();
    spare_sets(record, gateway, policy, passed, now).filter(move |_| open)
}

/// The tokens whose codes would count for `record` at `gateway`, if they were proven (D11): none that
/// waits for a resync, or a code used before a restore would prove it (R66).
pub fn pending<'a>(
    record: &'a UserRecord,
    gateway: &'a GatewayPolicy,
    policy: &'a Policy,
    now: Now,
) -> impl Iterator<Item = &'a Token> + Clone {
    let tokens = record.profile.tokens.iter();
    tokens
        .filter(move |token| counts_here(record, gateway, policy, token.kind))
        .filter(move |token| effective(record, token, policy, now) == Status::Pending)
        .filter(move |token| in_step(record, token))
}

/// Whether codes that a device computes count for `record` at `gateway`, if they are of this kind.
#[must_use]
pub fn counts_here(
    record: &UserRecord,
    gateway: &GatewayPolicy,
    policy: &Policy,
    kind: TokenKind,
) -> bool {
    kind.computes() && is_asked(record, gateway, policy, kind)
}

/// Whether the set of this person names this kind, and `gateway` takes it.
#[must_use]
pub fn is_asked(
    record: &UserRecord,
    gateway: &GatewayPolicy,
    policy: &Policy,
    kind: TokenKind,
) -> bool {
    let set = record.profile.set.as_deref();
    policy.asks_for(set, kind) && accepts(gateway, policy, kind)
}

/// Whether `gateway` asks anybody for a token of this kind, whatever his set is.
#[must_use]
pub fn is_wanted(gateway: &GatewayPolicy, policy: &Policy, kind: TokenKind) -> bool {
    let named = |from: usize| {
        let mut groups = policy
            .sets
            .iter()
            .flat_map(|(_, set)| set.iter().skip(from));
        groups.any(|group| group.contains(&kind))
    };
    let taken = match kind {
        TokenKind::Recovery => policy.recovery_allow_login,
        TokenKind::Qa => emergency_is_open(gateway, policy),
        kind if kind.is_sent() => sends_codes(gateway) && named(0) || gateway.challenge && named(1),
        _ => named(0),
    };
    let here = kind == TokenKind::Qa || accepts(gateway, policy, kind);
    taken && here && !policy.withdrawn(kind)
}

/// The tokens of one group that can be asked for.
pub fn of_group<'a>(
    record: &'a UserRecord,
    gateway: &'a GatewayPolicy,
    policy: &'a Policy,
    (group, passed, sends): (&'a [TokenKind], &'a [How], bool),
    now: Now,
) -> impl Iterator<Item = &'a Token> + Clone {
    let tokens = record.profile.tokens.iter();
    tokens
        .filter(move |token| group.contains(&token.kind) && accepts(gateway, policy, token.kind))
        .filter(move |token| {
            token.kind.computes() || sends && is_reached(token, &record.profile, policy)
        })
        .filter(move |token| effective(record, token, policy, now).usable())
        .filter(move |token| !used(passed, token.id))
        .filter(move |token| in_step(record, token))
}

/// Whether no operator has to resynchronise it first.
fn in_step(record: &UserRecord, token: &Token) -> bool {
    let state = record.auth.token(token.id);
    !state.is_some_and(|state| state.resync_required)
}

/// The tokens of all groups of the set that could be asked for at `gateway`.
pub fn of_set<'a>(
    record: &'a UserRecord,
    gateway: &'a GatewayPolicy,
    policy: &'a Policy,
    now: Now,
) -> impl Iterator<Item = &'a Token> + Clone {
    let set = record.profile.set.as_deref();
    let any = (&TokenKind::ALL[..], &[][..], gateway.challenge);
    let tokens = of_group(record, gateway, policy, any, now);
    tokens.filter(move |token| policy.asks_for(set, token.kind))
}

/// The group that is asked for now; none: there is no way to pass all that are left.
fn open_group<'a>(
    record: &'a UserRecord,
    gateway: &'a GatewayPolicy,
    policy: &'a Policy,
    passed: &'a [How],
    now: Now,
) -> Option<&'a [TokenKind]> {
    let groups = policy.groups(record.profile.set.as_deref());
    if groups.len() < 2 {
        return passed
            .is_empty()
            .then(|| groups.first().map_or(&[][..], Vec::as_slice));
    }
    let (open, later) = groups.get(passed.len()..)?.split_first()?;
    let passable = |group: &'a Vec<TokenKind>| {
        let tokens = of_group(record, gateway, policy, (group, passed, true), now);
        let mut spare = spare_sets(record, gateway, policy, passed, now);
        tokens.count() > 0 || spare.next().is_some()
    };
    (gateway.challenge && later.iter().all(passable)).then_some(open)
}

/// Recovery sets that no code was taken of yet for a group.
fn spare_sets<'a>(
    record: &'a UserRecord,
    gateway: &'a GatewayPolicy,
    policy: &'a Policy,
    passed: &'a [How],
    now: Now,
) -> impl Iterator<Item = &'a Token> {
    let kind = TokenKind::Recovery;
    let allowed = policy.recovery_allow_login && accepts(gateway, policy, kind);
    let tokens = record.profile.tokens.iter();
    tokens
        .filter(move |token| allowed && token.kind == kind && !used(passed, token.id))
        .filter(move |token| effective(record, token, policy, now).usable())
}

/// Whether this type of token is accepted at all, and here.
fn accepts(gateway: &GatewayPolicy, policy: &Policy, kind: TokenKind) -> bool {
    let allowed = gateway.allowed_kinds.as_ref();
    policy.enabled_kinds.contains(&kind) && allowed.is_none_or(|kinds| kinds.contains(&kind))
}

fn used(passed: &[How], token: TokenId) -> bool {
    passed.iter().any(|how| how.token() == Some(token))
}

/// Whether a code may be sent for the first group: the first factor is known to be right before a code
/// is asked for.
#[must_use]
pub fn sends_codes(gateway: &GatewayPolicy) -> bool {
    gateway.challenge
        && match gateway.first_factor {
            FirstFactorBy::None => false,
            FirstFactorBy::Gateway => true,
            FirstFactorBy::Pin | FirstFactorBy::Local => {
                gateway.passcode == PasscodeForm::Challenge
            }
        }
}

/// Whether the codes of a token have an address, and somebody who carries them there.
#[must_use]
pub fn is_reached(token: &Token, profile: &Profile, policy: &Policy) -> bool {
    let to = destination(token, profile).and_then(|to| to.via.recipient(to.address));
    let notices = policy.notices.as_ref();
    to.is_some_and(|to| notices.is_some_and(|notices| notices.carries(to.channel())))
}

#[cfg(test)]
mod tests {
    use super::super::explain::tests::vpn1;
    use super::*;

    fn wanted(gateway: &GatewayPolicy, policy: &Policy) -> Vec<&'static str> {
        let kinds = TokenKind::ALL.into_iter();
        let kinds = kinds.filter(|kind| is_wanted(gateway, policy, *kind));
        kinds.map(TokenKind::name).collect()
    }

    #[test]
    fn what_a_gateway_wants_is_named_by_a_set_and_can_be_given_there() {
        use TokenKind::{Email, Hotp, Sms, Totp};
        let one_group = |kinds: &[TokenKind]| vec![("default".to_owned(), vec![kinds.to_vec()])];
        let all = Policy {
            enabled_kinds: TokenKind::ALL.to_vec(),
            sets: one_group(&[Hotp, Totp, Email]),
            ..Policy::default()
        };
        let asks = GatewayPolicy {
            challenge: true,
            ..vpn1()
        };
        assert_eq!(wanted(&vpn1(), &all), ["hotp", "totp", "recovery"]);
        let here = ["hotp", "totp", "recovery", "email", "qa"];
        assert_eq!(sorted(wanted(&asks, &all)), sorted(here.to_vec()));
        // What no set names, what is off and what this gateway does not take is asked for nowhere.
        let few = Policy {
            enabled_kinds: vec![Totp, Sms, Email],
            sets: one_group(&[Totp, Email]),
            ..Policy::default()
        };
        let totp = GatewayPolicy {
            allowed_kinds: Some(vec![Totp]),
            ..asks
        };
        assert_eq!(wanted(&totp, &few), ["totp"]);
    }

    fn sorted(mut names: Vec<&'static str>) -> Vec<&'static str> {
        names.sort_unstable();
        names
    }
}
