//! What a person meets at the gateways besides the question for a code, in the words of `user show`,
//! `why` and the commands that bring it about.

use std::fmt::Write as _;
use std::sync::Arc;

use super::command::words;
use super::delivery::Via;
use super::device_auth::destination;
use super::dialogue::{
    self, Shows, Way, adds_token, asks_confirmation, offers_token, reset_shows, way,
};
use super::methods::{candidates, several};
use super::policy::{GatewayPolicy, Policy};
use super::user::UserRecord;
use crate::time::Now;

/// What the next sign-in leads to, and where; none: nowhere to a new token.
#[must_use]
pub fn led(
    record: &UserRecord,
    gateways: &[Arc<GatewayPolicy>],
    policy: &Policy,
    now: Now,
) -> Option<String> {
    let mut ways: Vec<(String, Vec<String>)> = Vec::new();
    let mut missing = None;
    for gateway in gateways {
        let Some(way) = needed(record, gateway, policy, now) else {
            continue;
        };
        if way.shows == Shows::AuthCode {
            missing = no_code(record, policy, now);
        }
        let (what, name) = (meets(way, record, policy), words::shell(&gateway.name));
        match ways.iter_mut().find(|(known, _)| *known == what) {
            Some((_, at)) => at.push(name),
            None => ways.push((what, vec![name])),
        }
    }
    let reached: usize = ways.iter().map(|(_, at)| at.len()).sum();
    let told = match ways.as_slice() {
        [] => return None,
        [(what, at)] if at.len() == gateways.len() => format!("Their next sign-in {what}."),
        [(first, there), others @ ..] => {
            let mut text = format!("At {} their next sign-in {first}", there.join(", "));
            for (what, at) in others {
                let _ = write!(text, "; at {} it {what}", at.join(", "));
            }
            let end = match reached == gateways.len() {
                true => ".",
                false => "; elsewhere it is refused (M07).",
            };
            text + end
        }
    };
    Some(with(told, missing))
}

/// The way to a token at `gateway`, of somebody who has none that counts there.
fn needed(record: &UserRecord, gateway: &GatewayPolicy, policy: &Policy, now: Now) -> Option<Way> {
    let mut tokens = candidates(record, gateway, policy, &[], now);
    let way = way(record, gateway, policy, now)?;
    tokens.next().is_none().then_some(way)
}

/// That no auth code is out, and what makes one; none: one is, or the person can have one mailed.
#[must_use]
pub fn no_code(record: &UserRecord, policy: &Policy, now: Now) -> Option<String> {
    let out = record.profile.auth_code.as_ref();
    let out = out.is_some_and(|code| !code.over(now));
    let mailed = policy.auth_code.self_service && destination(&record.profile, policy).is_some();
    let name = words::shell(record.name());
    (!out && !mailed).then(|| format!("No auth code is out: mfactl auth-code generate {name}"))
}

/// Whether the next sign-in asks for an auth code somewhere, and none is out.
#[must_use]
pub fn lacks_code(
    record: &UserRecord,
    gateways: &[Arc<GatewayPolicy>],
    policy: &Policy,
    now: Now,
) -> bool {
    let resets = reset_shows(record, policy, now) == Shows::AuthCode;
    let asks = |gateway: &Arc<GatewayPolicy>| {
        let way = needed(record, gateway, policy, now);
        way.is_some_and(|way| way.shows == Shows::AuthCode)
            || resets && dialogue::resets(record, gateway, policy, now)
    };
    no_code(record, policy, now).is_some() && gateways.iter().any(asks)
}

/// A sentence, and what is missing for it.
pub(super) fn with(told: String, missing: Option<String>) -> String {
    match missing {
        Some(missing) => format!("{told} {missing}"),
        None => told,
    }
}

/// What the next sign-in goes on with besides a new PIN or password, and where; and where it cannot.
#[must_use]
pub fn due(
    record: &UserRecord,
    gateways: &[&GatewayPolicy],
    policy: &Policy,
    now: Now,
) -> Vec<String> {
    let confirmed = names(gateways, |gateway| {
        asks_confirmation(record, gateway, policy, now)
    });
    let confirmed = confirmed
        .map(|at| format!("One more code confirms the unlock at the next sign-in at {at}."));
    let added = names(gateways, |gateway| adds_token(record, gateway, policy, now));
    let added = added.map(|at| format!("The next sign-in leads to a further token at {at}."));
    let recovered = record.profile.recovered.then(|| {
        let offers = |gateway: &GatewayPolicy| offers_token(record, gateway, policy);
        let offered = match names(gateways, offers) {
            Some(at) => format!("another one offers a new token at {at}"),
            None => "no gateway offers a new token".to_owned(),
        };
        format!("A recovery code was used: {offered}; a sign-in with a token ends in Steady State.")
    });
    let several = several(&record.profile, policy);
    let shut = names(gateways, |gateway| several && !gateway.challenge);
    let shut = shut.map(|at| {
        format!(
            "Refused at {at}: their set asks for several methods, and no questions are asked there."
        )
    });
    let void = record.profile.questions_void.map(|at| {
        let name = words::shell(record.name());
        format!("A reset has voided their questions {at}: mfactl emergency set {name}")
    });
    let all = confirmed.into_iter().chain(added).chain(recovered);
    all.chain(shut).chain(void).collect()
}

/// The names of these gateways; none: there are none.
pub(super) fn names(
    gateways: &[&GatewayPolicy],
    which: impl Fn(&GatewayPolicy) -> bool,
) -> Option<String> {
    let found = gateways.iter().filter(|gateway| which(gateway));
    let names: Vec<String> = found.map(|gateway| words::shell(&gateway.name)).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// The device authorization code, and where it goes.
pub(super) fn mailed(record: &UserRecord, policy: &Policy) -> String {
    let to = destination(&record.profile, policy).map(|(address, _)| Via::Email.masked(address));
    let to = to.unwrap_or_default();
    format!("the device authorization code that is mailed to {to} (M24)")
}

fn meets(way: Way, record: &UserRecord, policy: &Policy) -> String {
    let mailed = || format!("asks for {}", mailed(record, policy));
    match (way.shows, way.lets_in) {
        (Shows::Nothing, _) => "leads to a new token".to_owned(),
        (Shows::AuthCode, _) => "asks for the auth code (M23) and leads to a new token".to_owned(),
        (Shows::DeviceCode, true) => format!("{} and leads to a new token", mailed()),
        (Shows::DeviceCode, false) => {
            format!("{} and sends them to the help desk for the token", mailed())
        }
        (Shows::Unreachable, _) => {
            "is refused (M07): no proven e-mail address to mail a code to, and no auth code is out"
                .to_owned()
        }
    }
}
