//! The way to a new token (domain rules 10): whom a sign-in leads there, and over which questions.
//!
//! 1. The first factor is right, and no token counts; or what was typed is the first code of one that
//!    waits for it.
//! 2. The [auth code](super::auth_code), unless none are made here. After a secret was reset it is the
//!    [device authorization code](super::device_code), which is mailed; so it is for a token that is to
//!    be replaced where no auth codes are made. Who has no proven address is asked for the auth code,
//!    if one is out.
//! 3. The token: proven, if its code was typed at the beginning; else it is
//!    [shown](super::first_code) on a page, or was by an operator, and its first code proves it. Where
//!    nobody shows one, a new person gets one for the [address] on file.
//!
//! Who is in Update Credential for a token signs in as ever, and then comes to 3.
//!
//! Nobody is led where nothing proves the first factor, nor to an auth code where there would be no
//! token to prove. The device authorization code is asked for all the same: with it the help desk knows
//! to whom it gives the token ([`proven`]).

use super::device_code::mails_token;
use super::{Asking, Turn, address, auth_code, device_code, first_code};
use crate::domain::command::room;
use crate::domain::device_auth::{destination, proven};
use crate::domain::event::Event;
use crate::domain::judge::{Case, Evidence, Lacking};
use crate::domain::methods::{counts_here, pending};
use crate::domain::policy::{FirstFactorBy, GatewayPolicy, Otherwise, Policy};
use crate::domain::renew;
use crate::domain::token_record::TokenKind;
use crate::domain::update::Update;
use crate::domain::user::{Profile, UserRecord, UserState};
use crate::domain::verdict::{How, Message};
use crate::domain::verify::demands_dialogue;
use crate::time::Now;
use crate::token::TokenId;

/// What a person shows besides the first factor, before a new token or in a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// Nothing more.
    Nothing,
    /// The auth code.
    AuthCode,
    /// The device authorization code, or an auth code.
    DeviceCode,
    /// The device authorization code, which cannot be mailed: refused.
    Unreachable,
}

/// The way of a person to a new token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// What is shown on it.
    pub shows: Shows,
    /// It goes to the Accept: there is a token to prove, or a page that shows one. Else the help desk
    /// goes on.
    pub lets_in: bool,
}

/// The way on which a sign-in at `gateway` leads this person, who has no token that counts there.
#[must_use]
pub fn way(record: &UserRecord, gateway: &GatewayPolicy, policy: &Policy, now: Now) -> Option<Way> {
    let awaited = matches!(record.profile.state, UserState::New | UserState::Replace);
    let awaited = awaited || renew::is_too_late(record, policy, now);
    if !(awaited || record.profile.rekey.is_some()) || !leads(record, gateway) {
        return None;
    }
    let shows = shows(record, gateway, policy, now);
    let token = has_page(record, gateway, policy)
        || has_pending(record, gateway, policy, now)
        || address::on_file(record, gateway, policy, now).is_some()
        || shows == Shows::DeviceCode && mails_token(record, gateway, policy, now);
    let found = match shows {
        Shows::Nothing | Shows::AuthCode => token,
        Shows::DeviceCode | Shows::Unreachable => true,
    };
    let lets_in = token && shows != Shows::Unreachable;
    found.then_some(Way { shows, lets_in })
}

/// Whether a sign-in at `gateway` leads this person, who has no token that counts there, to a new one.
#[must_use]
pub fn enrols(record: &UserRecord, gateway: &GatewayPolicy, policy: &Policy, now: Now) -> bool {
    way(record, gateway, policy, now).is_some()
}

/// Whether `gateway` leads this person to a token at all.
#[must_use]
pub fn leads(record: &UserRecord, gateway: &GatewayPolicy) -> bool {
    let profile = &record.profile;
    let provable = match gateway.first_factor {
        FirstFactorBy::Gateway => true,
        FirstFactorBy::Pin => profile.pin.is_some(),
        FirstFactorBy::Local => profile.password.is_some(),
        FirstFactorBy::None => false,
    };
    gateway.challenge && gateway.unenrolled == Otherwise::Enroll && provable
}

/// Whether this person shows a device authorization code: before a new token (R29), and in a reset
/// where no auth codes are made (E8).
#[must_use]
pub fn asks_device_code(profile: &Profile, policy: &Policy) -> bool {
    let lost = profile.state == UserState::Replace || demands_dialogue(profile.state);
    profile.rekey.is_some() || lost && policy.auth_code.always_suppress
}

/// What this person shows at `gateway`.
fn shows(record: &UserRecord, gateway: &GatewayPolicy, policy: &Policy, now: Now) -> Shows {
    let profile = &record.profile;
    let suppressed = policy.auth_code.always_suppress;
    let too_late = suppressed && renew::is_too_late(record, policy, now);
    match asks_device_code(profile, policy) || too_late {
        false if suppressed => Shows::Nothing,
        false => Shows::AuthCode,
        // Where a page or a mail brings the token, whoever comes there shows the code himself.
        true if proven(profile, now).is_some()
            && !has_page(record, gateway, policy)
            && !mails_token(record, gateway, policy, now) =>
        {
            Shows::Nothing
        }
        true => by_mail(profile, policy, now),
    }
}

/// The device authorization code, or what there is in its place where it cannot be mailed.
pub(super) fn by_mail(profile: &Profile, policy: &Policy, now: Now) -> Shows {
    let coded = || {
        let code = profile.auth_code.as_ref();
        code.is_some_and(|code| !code.over(now))
    };
    if destination(profile, policy).is_some() {
        Shows::DeviceCode
    } else if coded() {
        Shows::AuthCode
    } else {
        Shows::Unreachable
    }
}

/// Whether a page can show this person a token that counts at `gateway`.
pub(super) fn has_page(record: &UserRecord, gateway: &GatewayPolicy, policy: &Policy) -> bool {
    policy.pages.is_some()
        && room(record, policy)
        && counts_here(record, gateway, policy, TokenKind::Totp)
}

/// Whether a right sign-in at `gateway` goes on with a further token (Update Credential), or with the
/// successor of one (Renew Credential).
#[must_use]
pub fn adds_token(record: &UserRecord, gateway: &GatewayPolicy, policy: &Policy, now: Now) -> bool {
    let shown = || pending(record, gateway, policy, now).next().is_some();
    let profile = &record.profile;
    let awaited = profile.awaits(Update::Token) && !profile.recovered;
    (awaited || profile.state == UserState::Renew)
        && gateway.challenge
        && (has_page(record, gateway, policy) || shown())
}

/// All that the sign-in asks for is right.
pub(super) fn due(case: &Case<'_>) -> Option<Asking> {
    let adds = adds_token(&case.record, &case.attempt.gateway, case.policy, case.now);
    (adds && renew::goes_on(case))
        .then(|| first_code::asking(case, 0))
        .flatten()
}

/// Whether a token of this person that would count at `gateway` waits for its proof.
pub(super) fn has_pending(
    record: &UserRecord,
    gateway: &GatewayPolicy,
    policy: &Policy,
    now: Now,
) -> bool {
    pending(record, gateway, policy, now).next().is_some()
}

/// The first factor is right. `shown`: the token that waits, and whose first code was typed with it.
pub(in crate::domain) fn begin(
    case: &mut Case<'_>,
    shown: Option<TokenId>,
    evidence: &Evidence,
) -> Result<Turn, Lacking> {
    let (record, gateway) = (&case.record, &case.attempt.gateway);
    match shows(record, gateway, case.policy, case.now) {
        Shows::Nothing => authorized(case, shown, evidence),
        Shows::AuthCode => Ok(Turn::Ask(auth_code::asking(shown))),
        Shows::DeviceCode => device_code::ask(case, shown, evidence),
        Shows::Unreachable => Ok(device_code::unreachable(case)),
    }
}

/// The new token is this person's to have.
pub(super) fn authorized(
    case: &mut Case<'_>,
    shown: Option<TokenId>,
    evidence: &Evidence,
) -> Result<Turn, Lacking> {
    let (record, gateway) = (&case.record, &case.attempt.gateway);
    let waits = |id: &TokenId| {
        let mut waiting = pending(record, gateway, case.policy, case.now);
        waiting.any(|token| token.id == *id)
    };
    if let Some(id) = shown.filter(waits) {
        prove(case, id);
        return Ok(Turn::Passed);
    }
    if let Some(asking) = first_code::asking(case, 0) {
        return Ok(Turn::Ask(asking));
    }
    match address::on_file(&case.record, &case.attempt.gateway, case.policy, case.now) {
        Some(address) => address::begin(case, address, evidence),
        None => Ok(Turn::Ended(Message::EnrolmentRequired)),
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
