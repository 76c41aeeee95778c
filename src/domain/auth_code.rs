//! Auth codes in the user record: what an operator hands out so that a person may enrol (R25).
//!
//! A person has one live code at most. It is made for a change that is pending, and goes with it: a
//! change of the lifecycle state, a proven token or its end voids it. The record keeps a keyed hash;
//! the code itself is shown once. What asks for it is the enrolment page of a one-time link
//! ([`super::link`]), or the prompt ([`super::dialogue`]).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::delivery::Via;
use super::link::Purpose;
use super::sealed::Unseal;
use super::token_record::Base;
use super::user::{Profile, UserRecord, UserState};
use crate::secret::equal;
use crate::time::{Now, Timestamp};
use crate::token::auth_code::AuthCode;

/// Rules of auth codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthCodePolicy {
    /// No codes are made: nothing asks for one.
    pub always_suppress: bool,
    /// How long a code is good if the operator does not say.
    pub ttl: Duration,
    /// The same for a code that goes by text message.
    pub ttl_sms: Duration,
    /// Wrong codes that void it.
    pub tries: u32,
    /// People may have one mailed themselves, at the question for it.
    pub self_service: bool,
}

/// The defaults of the manual.
impl Default for AuthCodePolicy {
    fn default() -> Self {
        Self {
            always_suppress: false,
            ttl: Duration::from_secs(24 * 3600),
            ttl_sms: Duration::from_secs(600),
            tries: 5,
            self_service: false,
        }
    }
}

/// How an auth code goes to the person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Delivery {
    /// An operator reads it out.
    #[default]
    Shown,
    /// By mail.
    Email,
    /// By text message.
    Sms,
}

impl Delivery {
    /// The word for it in the audit log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shown => "shown",
            Self::Email => "email",
            Self::Sms => "sms",
        }
    }

    /// By what it is sent; none: it is not.
    #[must_use]
    pub const fn via(self) -> Option<Via> {
        match self {
            Self::Shown => None,
            Self::Email => Some(Via::Email),
            Self::Sms => Some(Via::Sms),
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
    const fn is_shown(&self) -> bool {
        matches!(self, Self::Shown)
    }
}

/// An auth code that was handed out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuthCodeRecord {
    /// Keyed hash, [`crate::token::auth_code::fingerprint`].
    #[serde(with = "super::sealed::hex_32")]
    pub hash: [u8; 32],
    /// The change it was made for: a state, `rekey`, `token`, `link` or `forced`.
    pub purpose: String,
    /// When it was made, and by whom.
    pub created: Timestamp,
    /// Login name of the operator.
    pub created_by: String,
    /// First instant at which it is no longer good.
    pub expires: Timestamp,
    /// How it went to the person.
    #[serde(default, skip_serializing_if = "Delivery::is_shown")]
    pub delivery: Delivery,
    /// Wrong codes that were given for it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failures: u32,
    /// What a newer daemon wrote here.
    #[serde(flatten)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl AuthCodeRecord {
    /// Whether its time is over.
    #[must_use]
    pub fn over(&self, now: Now) -> bool {
        now.latest() >= self.expires
    }
}

/// Whether what was typed is the live auth code of this person.
#[must_use]
pub fn fits(record: &UserRecord, typed: &[u8], unseal: &dyn Unseal, now: Now) -> bool {
    let typed = AuthCode::parse(typed).map(|code| unseal.auth_code_hash(record.id, &code));
    let known = record.profile.auth_code.as_ref();
    let known = known.filter(|known| !known.over(now));
    typed
        .zip(known)
        .is_some_and(|(typed, known)| equal(&typed, &known.hash))
}

/// Counts a wrong one on the code that is out: the tries that are left. At none it is void.
pub fn count_wrong(profile: &mut Profile, policy: &AuthCodePolicy) -> Option<u32> {
    let code = profile.auth_code.as_mut()?;
    code.failures = code.failures.saturating_add(1);
    let left = policy.tries.saturating_sub(code.failures);
    if left == 0 {
        profile.auth_code = None;
    }
    Some(left)
}

/// Whether somebody in this state needs an auth code to go on.
#[must_use]
pub const fn asked_for_in(state: UserState) -> bool {
    matches!(
        state,
        UserState::New | UserState::Replace | UserState::Reset | UserState::ResetAll
    )
}

/// The change of this person that waits for an auth code.
#[must_use]
pub fn wanted_for(record: &UserRecord) -> Option<&'static str> {
    let state = record.profile.state;
    let pending = |base| base == Base::Pending;
    // A token may expire before it is renewed.
    if asked_for_in(state) || state == UserState::Renew {
        Some(state.name())
    } else if record.profile.rekey.is_some() {
        Some("rekey")
    } else if record
        .profile
        .tokens
        .iter()
        .any(|token| pending(token.base))
    {
        Some("token")
    } else if record
        .profile
        .links
        .iter()
        .any(|link| link.purpose == Purpose::Enrol)
    {
        Some("link")
    } else {
        None
    }
}

/// Whether this person is to enrol a token: something waits for one, or the state asks for it (R34).
#[must_use]
pub fn enrols(record: &UserRecord) -> bool {
    let state = record.profile.state;
    matches!(state, UserState::Update | UserState::Renew) || wanted_for(record).is_some()
}
