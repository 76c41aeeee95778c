//! How far the device authorization of a person is: `device-auth status`.

use crate::control::reply::{DeviceAuth, DeviceCode, Reply};
use crate::domain::delivery::{SENDS_WITHIN, Via};
use crate::domain::device_auth::{self as record, SENDS_MAX};
use crate::domain::dialogue::asks_device_code;
use crate::domain::outlook;
use crate::domain::refusal::Refusal;
use crate::time::Timestamp;

use super::desk::Desk;

impl Desk<'_> {
    pub(super) fn device_auth_status(&self, user: &str) -> Result<Reply, Refusal> {
        let person = self.person(user, "mfactl device-auth status")?;
        let (profile, policy, now) = (&person.profile, self.policy(), self.now);
        let state = profile.device_auth.as_ref();
        let to = record::destination(profile, policy);
        let code = |code: &record::DeviceCode| DeviceCode {
            sent: code.sent.into(),
            to: Via::Email.masked(&code.to),
            until: code.expires.into(),
            good: record::live(profile, policy, now).is_some(),
            tries: policy.auth_code.tries.saturating_sub(code.failures),
        };
        let within = |at: &&Timestamp| now.earliest() < **at + SENDS_WITHIN;
        let sent = profile.code_sends.iter().filter(within).count();
        Ok(Reply::DeviceAuth(Box::new(DeviceAuth {
            now: now.wall.into(),
            user: person.name().to_owned(),
            asked_for: asks_device_code(profile, policy),
            address: to.map(|(address, _)| Via::Email.masked(address)),
            code: state.and_then(|state| state.code.as_ref()).map(code),
            proven_until: record::proven(profile, now).map(Into::into),
            unsent: state.and_then(|state| state.unsent).map(Into::into),
            sent_in_hour: sent as u64,
            most_in_hour: SENDS_MAX as u64,
            next: outlook::led(&person, &self.rules.gateways, policy, now),
        })))
    }
}
