//! Device authorization in the user record: the code that is mailed to whoever has lost a token, so
//! that a stolen password leads to no new one (R29).
//!
//! A person has one code, wherever it is asked for: who begins a second sign-in while it is good is
//! sent no other, so a stranger with the password neither fills the mailbox nor makes the code void
//! that its owner is about to type. It counts as long as its address is the main one, and proven. It
//! goes with the change that it was sent for, as an auth code does. What asks for it is a
//! [dialogue](super::dialogue).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::delivery::Via;
use super::policy::Policy;
use super::recipient::Recipient;
use super::sealed::Unseal;
use super::user::{Profile, UserRecord};
use crate::secret::equal;
use crate::time::{Now, Timestamp};
use crate::token::{Digits, OtpCode};

/// Codes that are mailed in an hour: the first, and three that are asked for again.
pub const SENDS_MAX: usize = 4;

/// How long who has shown a code needs no other, where no page shows the new token: an operator does,
/// meanwhile.
pub const PROVEN_FOR: Duration = Duration::from_secs(24 * 3600);

/// Rules of device authorization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceAuthPolicy {
    /// How long a code is good.
    pub ttl: Duration,
    /// Its length.
    pub digits: Digits,
    /// Where there are no pages a new token goes by mail after the code; else the help desk adds it.
    pub mails_seed: bool,
}

/// The defaults of the manual.
impl Default for DeviceAuthPolicy {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(900),
            digits: Digits::EIGHT,
            mails_seed: false,
        }
    }
}

/// How far the device authorization of a person is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeviceAuth {
    /// The code that was mailed last, until it is used or void.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<DeviceCode>,
    /// Until then no other code is asked for, where no page shows the new token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proven_until: Option<Timestamp>,
    /// When it was found first that none can be mailed; the administrators were told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsent: Option<Timestamp>,
    /// What a newer daemon wrote here.
    #[serde(flatten)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// A device authorization code that was mailed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceCode {
    /// Keyed hash, [`crate::token::sent_code::device_fingerprint`].
    #[serde(with = "super::sealed::hex_32")]
    pub hash: [u8; 32],
    /// When it was mailed.
    pub sent: Timestamp,
    /// Where it went.
    pub to: String,
    /// First instant at which it is no longer good.
    pub expires: Timestamp,
    /// Wrong codes that were given for it.
    #[serde(default)]
    pub failures: u32,
}

/// Where a code is mailed: the main address, if it is proven and mail reaches it.
#[must_use]
pub fn destination<'a>(profile: &'a Profile, policy: &Policy) -> Option<(&'a str, Recipient)> {
    let main = profile.emails.first().filter(|main| main.verified)?;
    let to = Via::Email.recipient(&main.address)?;
    policy
        .sends(Via::Email)
        .then_some((main.address.as_str(), to))
}

/// The code of this person that is good.
#[must_use]
pub fn live<'a>(profile: &'a Profile, policy: &Policy, now: Now) -> Option<&'a DeviceCode> {
    let (address, _) = destination(profile, policy)?;
    let code = profile.device_auth.as_ref()?.code.as_ref()?;
    (code.to == address && now.latest() < code.expires).then_some(code)
}

/// Whether what was typed is that code.
#[must_use]
pub fn fits(
    record: &UserRecord,
    typed: &[u8],
    policy: &Policy,
    unseal: &dyn Unseal,
    now: Now,
) -> bool {
    let typed = OtpCode::parse(typed).map(|code| unseal.device_code_hash(record.id, &code));
    let known = live(&record.profile, policy, now);
    typed
        .zip(known)
        .is_some_and(|(typed, known)| equal(&typed, &known.hash))
}

/// Counts a wrong one on the code that is good: the tries that are left. At none it is void.
pub fn count_wrong(profile: &mut Profile, tries: u32) -> Option<u32> {
    let state = profile.device_auth.as_mut()?;
    let code = state.code.as_mut()?;
    code.failures = code.failures.saturating_add(1);
    let left = tries.saturating_sub(code.failures);
    if left == 0 {
        state.code = None;
    }
    Some(left)
}

/// Until when this person needs to show no code; none: it is to be shown.
#[must_use]
pub fn proven(profile: &Profile, now: Now) -> Option<Timestamp> {
    let until = profile.device_auth.as_ref()?.proven_until?;
    (now.latest() < until).then_some(until)
}
