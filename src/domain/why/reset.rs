//! What a reset asks for.

use super::super::command::words;
use super::super::dialogue::{self, Shows};
use super::super::outlook;
use super::super::passthrough;
use super::super::policy::{GatewayPolicy, Policy};
use super::super::user::UserRecord;
use crate::time::Now;

/// That a code is asked for, where, and whether one is out.
pub(super) fn asks(
    record: &UserRecord,
    open: &[&GatewayPolicy],
    policy: &Policy,
    now: Now,
) -> Option<String> {
    let resets = |gateway: &&&GatewayPolicy| dialogue::resets(record, gateway, policy, now);
    let at: Vec<&str> = open.iter().filter(resets).map(|it| &*it.name).collect();
    if at.is_empty() || passthrough::current(record, None, now).is_some() {
        return None;
    }
    let (title, at) = (record.profile.state.title(), at.join(", "));
    if dialogue::reset_shows(record, policy, now) == Shows::DeviceCode {
        let code = outlook::mailed(record, policy);
        return Some(format!(
            "{title} asks for {code} at the next sign-in at {at}."
        ));
    }
    let out = record.profile.auth_code.as_ref();
    let code = match out.filter(|code| !code.over(now)) {
        Some(code) => format!("the one that is out is good until {}", code.expires),
        None => format!(
            "none is out: mfactl auth-code generate {}",
            words::shell(record.name())
        ),
    };
    Some(format!(
        "{title} asks for the auth code at the next sign-in at {at}; {code}."
    ))
}
