//! What the next sign-in goes on with, besides the code.

use std::sync::Arc;

use super::super::command::words;
use super::super::device_auth;
use super::super::dialogue::{adds_token, asks_confirmation, asks_new};
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
    let at = |which: &dyn Fn(&GatewayPolicy) -> bool| {
        let names = open
            .iter()
            .filter(|gateway| which(gateway))
            .map(|it| &*it.name);
        let names: Vec<&str> = names.collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let mut lines = Vec::new();
    if let Some(at) = at(&|gateway| asks_confirmation(record, gateway)) {
        lines.push(format!(
            "One more code confirms the unlock at the next sign-in at {at}."
        ));
    }
    for secret in [Memorized::Pin, Memorized::Password] {
        if let Some(at) = at(&|gateway| asks_new(record, gateway) == Some(secret)) {
            let noun = secret.noun();
            lines.push(format!(
                "A new {noun} is asked for at the next sign-in at {at}."
            ));
        }
    }
    if let Some(at) = at(&|gateway| adds_token(record, gateway, policy, now)) {
        lines.push(format!(
            "The next sign-in leads to a further token at {at}."
        ));
    }
    lines
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
