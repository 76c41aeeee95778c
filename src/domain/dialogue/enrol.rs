//! The way to a new token (domain rules 10): whom a sign-in leads there, and over which questions.
//!
//! 1. The first factor is right, and no token counts; or what was typed is the first code of one that
//!    waits for it.
//! 2. The [auth code](super::auth_code), unless none are made here.
//! 3. The token: proven, if its code was typed at the beginning; else it is [shown](super::first_code)
//!    on a page, or was by an operator, and its first code proves it.
//!
//! Who is in Update Credential for a token signs in as ever, and then comes to 3.
//!
//! Nobody is led where nothing proves the first factor, nor where there would be no token to prove.

use super::{Asking, Turn, auth_code, first_code};
use crate::domain::command::room;
use crate::domain::event::Event;
use crate::domain::judge::Case;
use crate::domain::methods::{counts_here, pending};
use crate::domain::policy::{FirstFactorBy, GatewayPolicy, Otherwise, Policy};
use crate::domain::token_record::TokenKind;
use crate::domain::update::Update;
use crate::domain::user::{UserRecord, UserState};
use crate::domain::verdict::{How, Message};
use crate::time::Now;
use crate::token::TokenId;

/// Whether a sign-in at `gateway` leads this person, who has no token that counts there, to a new one.
#[must_use]
pub fn enrols(record: &UserRecord, gateway: &GatewayPolicy, policy: &Policy, now: Now) -> bool {
    let shown = || pending(record, gateway, policy, now).next().is_some();
    let awaited = matches!(record.profile.state, UserState::New | UserState::Replace);
    (awaited || record.profile.rekey.is_some())
        && leads(record, gateway, policy)
        && (has_page(record, gateway, policy) || shown())
}

/// Whether `gateway` leads this person to a token at all.
#[must_use]
pub fn leads(record: &UserRecord, gateway: &GatewayPolicy, policy: &Policy) -> bool {
    let profile = &record.profile;
    let provable = match gateway.first_factor {
        FirstFactorBy::Gateway => true,
        FirstFactorBy::Pin => profile.pin.is_some(),
        FirstFactorBy::Local => profile.password.is_some(),
        FirstFactorBy::None => false,
    };
    // Who has lost a token shows more than the first factor.
    let lost = profile.state == UserState::Replace || profile.rekey.is_some();
    gateway.challenge
        && gateway.unenrolled == Otherwise::Enroll
        && provable
        && !(lost && policy.auth_code.always_suppress)
}

/// Whether a page can show this person a token that counts at `gateway`.
pub(super) fn has_page(record: &UserRecord, gateway: &GatewayPolicy, policy: &Policy) -> bool {
    policy.pages.is_some()
        && room(record, policy)
        && counts_here(record, gateway, policy, TokenKind::Totp)
}

/// Whether a right sign-in at `gateway` goes on with a further token (Update Credential).
#[must_use]
pub fn adds_token(record: &UserRecord, gateway: &GatewayPolicy, policy: &Policy, now: Now) -> bool {
    let shown = || pending(record, gateway, policy, now).next().is_some();
    record.profile.awaits(Update::Token)
        && gateway.challenge
        && (has_page(record, gateway, policy) || shown())
}

/// All that the sign-in asks for is right.
pub(super) fn due(case: &Case<'_>) -> Option<Asking> {
    adds_token(&case.record, &case.attempt.gateway, case.policy, case.now)
        .then(|| first_code::asking(case, 0))
        .flatten()
}

/// The first factor is right. `shown`: the token that waits, and whose first code was typed with it.
pub(in crate::domain) fn begin(case: &mut Case<'_>, shown: Option<TokenId>) -> Turn {
    if case.policy.auth_code.always_suppress {
        return authorized(case, shown);
    }
    Turn::Ask(auth_code::asking(shown))
}

/// The new token is this person's to have.
pub(super) fn authorized(case: &mut Case<'_>, shown: Option<TokenId>) -> Turn {
    let (record, gateway) = (&case.record, &case.attempt.gateway);
    let waits = |id: &TokenId| {
        let mut waiting = pending(record, gateway, case.policy, case.now);
        waiting.any(|token| token.id == *id)
    };
    if let Some(id) = shown.filter(waits) {
        prove(case, id);
        return Turn::Passed;
    }
    match first_code::asking(case, 0) {
        Some(asking) => Turn::Ask(asking),
        None => Turn::Ended(Message::EnrolmentRequired),
    }
}

/// The first code of a token was right: it is proven, and the second factor with it.
pub(super) fn prove(case: &mut Case<'_>, id: TokenId) {
    let at = case.now.wall;
    let awaited = case.record.profile.awaits(Update::Token);
    let voided = case.record.profile_mut().prove(id, at);
    let by = case.record.name().to_owned();
    case.tell(Event::new("token.registered").token(id).detail("by", by));
    if voided {
        case.tell(Event::new("authcode.revoked").detail("why", "enrolled"));
    }
    if awaited && case.record.profile.is_updated() {
        case.end_workflow();
    }
    case.proven.factors.push(How::Token(id));
}
