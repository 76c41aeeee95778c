//! What a person meets at the gateways besides the question for a code, in the words of `user show`,
//! `why` and the commands that bring it about.

use std::fmt::Write as _;
use std::sync::Arc;

use super::command::words;
use super::delivery::Via;
use super::device_auth::destination;
use super::dialogue::{Shows, Way, adds_token, asks_confirmation, way};
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
    for gateway in gateways {
        let needed = candidates(record, gateway, policy, &[], now)
            .next()
            .is_none();
        let Some(way) = way(record, gateway, policy, now).filter(|_| needed) else {
            continue;
        };
        let (what, name) = (meets(way, record, policy), words::shell(&gateway.name));
        match ways.iter_mut().find(|(known, _)| *known == what) {
            Some((_, at)) => at.push(name),
            None => ways.push((what, vec![name])),
        }
    }
    let reached: usize = ways.iter().map(|(_, at)| at.len()).sum();
    match ways.as_slice() {
        [] => None,
        [(what, at)] if at.len() == gateways.len() => Some(format!("Their next sign-in {what}.")),
        [(first, there), others @ ..] => {
            let mut text = format!("At {} their next sign-in {first}", there.join(", "));
            for (what, at) in others {
                let _ = write!(text, "; at {} it {what}", at.join(", "));
            }
            let end = match reached == gateways.len() {
                true => ".",
                false => "; elsewhere it is refused (M07).",
            };
            Some(text + end)
        }
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
    let confirmed = names(gateways, |gateway| asks_confirmation(record, gateway));
    let confirmed = confirmed
        .map(|at| format!("One more code confirms the unlock at the next sign-in at {at}."));
    let added = names(gateways, |gateway| adds_token(record, gateway, policy, now));
    let added = added.map(|at| format!("The next sign-in leads to a further token at {at}."));
    let several = several(&record.profile, policy);
    let shut = names(gateways, |gateway| several && !gateway.challenge);
    let shut = shut.map(|at| {
        format!(
            "Refused at {at}: their set asks for several methods, and no questions are asked there."
        )
    });
    confirmed.into_iter().chain(added).chain(shut).collect()
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

fn meets(way: Way, record: &UserRecord, policy: &Policy) -> String {
    let mailed = || {
        let to =
            destination(&record.profile, policy).map(|(address, _)| Via::Email.masked(address));
        format!(
            "asks for the device authorization code that is mailed to {} (M24)",
            to.unwrap_or_default()
        )
    };
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
