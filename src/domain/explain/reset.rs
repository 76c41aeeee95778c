//! What a reset is for those who ask what a request would meet.

use super::super::dialogue::{self, Shows};
use super::super::lockout::LockReason;
use super::super::outlook;
use super::super::policy::{FirstFactorBy, GatewayPolicy, Policy};
use super::super::user::{UserRecord, UserState};
use super::{Mark, Step, step};
use crate::time::Now;

/// The lock that came with a blocked PIN, where the reset that ends it begins.
pub(super) fn d6(
    record: &UserRecord,
    gateway: &GatewayPolicy,
    policy: &Policy,
    now: Now,
) -> Option<Step> {
    let lock = record.auth.lock.as_ref();
    let lock = lock.filter(|lock| lock.reason == LockReason::PinBlocked)?;
    let text = format!(
        "locked {}, {}, until the code of the reset was right",
        lock.since,
        lock.reason.name()
    );
    let led = dialogue::resets(record, gateway, policy, now);
    led.then(|| step("D6", Mark::Ok, text))
}

/// The first factor that cannot be typed.
pub(super) fn d7(
    record: &UserRecord,
    gateway: &GatewayPolicy,
    policy: &Policy,
    now: Now,
) -> Option<Step> {
    let alone = dialogue::resets(record, gateway, policy, now)
        && dialogue::resets_by_code(record, gateway, policy, now);
    let text = "no PIN counts: a right code begins the reset".to_owned();
    alone.then(|| step("D7", Mark::Ok, text))
}

/// What is asked for before the Accept.
pub(super) fn d9(
    record: &UserRecord,
    gateway: &GatewayPolicy,
    policy: &Policy,
    now: Now,
) -> Option<Step> {
    if !dialogue::resets(record, gateway, policy, now) {
        return None;
    }
    let pin = match gateway.first_factor {
        FirstFactorBy::Pin => ", a new PIN (M26, M27)",
        _ => "",
    };
    let code = match record.profile.state {
        UserState::ResetAll => "a code of each token",
        _ => "a code",
    };
    let title = record.profile.state.title();
    let shown = match dialogue::reset_shows(record, policy, now) {
        Shows::DeviceCode => outlook::mailed(record, policy),
        _ => "the auth code (M23)".to_owned(),
    };
    let questions = match dialogue::emergency_open_to(record, gateway, policy, now) {
        Some(_) => format!(
            "; {} in its place asks the questions of Emergency Access",
            policy.emergency.keyword
        ),
        None => String::new(),
    };
    let missing = match dialogue::reset_shows(record, policy, now) {
        Shows::AuthCode => outlook::no_code(record, policy, now),
        _ => None,
    };
    let missing = missing.map(|missing| format!(". {missing}"));
    let missing = missing.unwrap_or_default();
    let text = format!("{title}: {shown}{pin} and {code} are asked for{questions}{missing}");
    Some(step("D9", Mark::Ok, text))
}
