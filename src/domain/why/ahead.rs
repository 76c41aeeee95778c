//! What the next sign-in goes on with, besides the code.

use std::sync::Arc;

use super::super::command::words;
use super::super::device_auth;
use super::super::dialogue::asks_new;
use super::super::outlook;
use super::super::passthrough;
use super::super::pin::Memorized;
use super::super::policy::{GatewayPolicy, Policy};
use super::super::user::UserRecord;
use crate::time::Now;

/// What the next sign-in goes on with, and where.
pub(super) fn due(
    record: &UserRecord,
    open: &[&GatewayPolicy],
    policy: &Policy,
    now: Now,
) -> Vec<String> {
    let asked = [Memorized::Pin, Memorized::Password].into_iter();
    let asked = asked.filter_map(|secret| {
        let asks = |gateway: &GatewayPolicy| asks_new(record, gateway) == Some(secret);
        let (noun, at) = (secret.noun(), outlook::names(open, asks)?);
        Some(format!(
            "A new {noun} is asked for at the next sign-in at {at}."
        ))
    });
    let due = outlook::due(record, open, policy, now);
    asked.chain(due).collect()
}

/// What a sign-in without a token leads to.
pub(super) fn way_to_a_token(
    record: &UserRecord,
    gateways: &[Arc<GatewayPolicy>],
    policy: &Policy,
    now: Now,
) -> Vec<String> {
    let shut = record.auth.lock.is_some() || passthrough::current(record, None, now).is_some();
    let led = outlook::led(record, gateways, policy, now).filter(|_| !shut);
    let proven = device_auth::proven(&record.profile, now).map(|until| {
        format!(
            "The code that is mailed was right; until {until} no other is asked for: mfactl token add \
             {} --type totp",
            words::shell(record.name())
        )
    });
    led.into_iter().chain(proven).collect()
}
