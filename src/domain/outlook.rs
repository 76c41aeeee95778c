//! What a person without a token meets at the gateways, in the words of `user show`, `why` and the
//! commands that bring it about.

use std::fmt::Write as _;
use std::sync::Arc;

use super::command::words;
use super::delivery::Via;
use super::device_auth::destination;
use super::dialogue::{Shows, Way, way};
use super::methods::candidates;
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
