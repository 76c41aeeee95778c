//! A sign-in with a recovery code: whoever types one may have lost the token (R54).
//!
//! 1. All that the sign-in asks for is right, a recovery code among it: from Steady State the person
//!    comes into Update Credential, for a token.
//! 2. Where the gateway leads to a token, and a page shows one: *Open https://.. within 10 minutes, add
//!    the account, then enter its code, or the word later:* The [first code](super::first_code) of it
//!    proves it, then the Accept, and Steady State.
//! 3. *later* is the Accept as well, for a phone that lies at home; so it is where none is shown.
//!    The state stays, and the next recovery code asks again.
//! 4. A sign-in with the tokens themselves shows that none is lost: Steady State.
//!
//! What an operator has set goes on as ever.

use super::{Asking, Proven, Turn, enrol, first_code};
use crate::domain::event::Event;
use crate::domain::judge::Case;
use crate::domain::methods;
use crate::domain::policy::{GatewayPolicy, Policy};
use crate::domain::update::Update;
use crate::domain::user::{Profile, UserRecord, UserState};
use crate::domain::verdict::How;

/// What is typed to put it off.
const LATER: &[u8] = b"later";

/// All that the sign-in asks for is right.
pub(super) fn note(case: &mut Case<'_>) {
    if case.put_off {
        return;
    }
    let by_code = by_recovery(&case.proven);
    let profile = &case.record.profile;
    let before = case.proven.factors.split_last().map_or(&[][..], |it| it.1);
    let just_passed = methods::groups_left(profile, case.policy, before) > 0;
    if is_steady(profile) && by_code && just_passed {
        keeping_auth_code(case, enter);
    } else if profile.recovered && !by_code {
        keeping_auth_code(case, |case| case.end_workflow());
    }
}

fn by_recovery(proven: &Proven) -> bool {
    let mut factors = proven.factors.iter();
    factors.any(|how| matches!(how, How::Recovery(_)))
}

fn is_steady(profile: &Profile) -> bool {
    profile.state == UserState::Steady && profile.rekey.is_none()
}

/// An auth code that an operator has given out is for a token, which comes before and after as well.
fn keeping_auth_code(case: &mut Case<'_>, enters: impl FnOnce(&mut Case<'_>)) {
    let code = case.record.profile_mut().auth_code.take();
    enters(case);
    case.record.profile_mut().auth_code = code;
}

fn enter(case: &mut Case<'_>) {
    let at = case.now.wall;
    let profile = case.record.profile_mut();
    profile.enter(UserState::Update, at, "auto");
    profile.updates = vec![Update::Token];
    profile.recovered = true;
    let (from, to) = (UserState::Steady.name(), UserState::Update.name());
    let event = Event::new("user.state").change(from, to);
    let event = event.detail("what", Update::Token.name());
    case.tell(event.detail("by", "auto").detail("why", "recovery"));
}

/// Whether a sign-in at `gateway` with a recovery code offers this person a new token.
#[must_use]
pub fn offers_token(record: &UserRecord, gateway: &GatewayPolicy, policy: &Policy) -> bool {
    let profile = &record.profile;
    let awaited = profile.recovered && profile.awaits(Update::Token);
    awaited && enrol::leads(record, gateway) && enrol::has_page(record, gateway, policy)
}

/// Whether this is the answer that puts it off: by whoever has signed in with a recovery code, also if
/// the token was proven on the page meanwhile, or the state has ended with a sign-in elsewhere.
pub(super) fn is_later(proven: &Proven, record: &UserRecord, typed: &[u8]) -> bool {
    may_put_off(proven, &record.profile) && typed.eq_ignore_ascii_case(LATER)
}

fn may_put_off(proven: &Proven, profile: &Profile) -> bool {
    by_recovery(proven) && (profile.recovered || is_steady(profile))
}

/// Puts it off; none: there is nothing that may be.
pub(super) fn put_off(case: &mut Case<'_>) -> Option<Turn> {
    case.put_off = may_put_off(&case.proven, &case.record.profile);
    case.put_off.then_some(Turn::Passed)
}

/// The offer, unless it was put off.
pub(super) fn due(case: &Case<'_>) -> Option<Asking> {
    let offers = offers_token(&case.record, &case.attempt.gateway, case.policy);
    (offers && !case.put_off)
        .then(|| first_code::asking(case, 0))
        .flatten()
}
