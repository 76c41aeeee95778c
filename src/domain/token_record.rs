//! A token in the user record: its description in the profile, its use in the auth state.
//!
//! ```text
//! pending --proof--> registered --first login--> (active)      disabled <-> registered
//!    any --revoke, replace, loss--> obsolete --delete--> gone
//! ```
//! *Active* is not stored: a registered token whose use has an `activated_at` is active, so enabling
//! a disabled token brings back whichever it was. Lock, expiry and the user's deactivation lie over
//! the stored status ([`effective`]).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use smol_str::SmolStr;

use super::delivery::Delivery;
use super::notice::Language;
use super::policy::Policy;
use super::questions::Questions;
use super::sealed::Sealed;
use super::user::{UserRecord, UserState};
use crate::time::{Now, Timestamp};
use crate::token::{Factor, Otp, TokenId};

/// What kind of proof a token gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// Event based one-time code, RFC 4226.
    Hotp,
    /// Time based one-time code, RFC 6238.
    Totp,
    /// A set of single-use codes on paper.
    Recovery,
    /// Codes sent by text message to a number of the token's own.
    Sms,
    /// Codes sent by e-mail to an address of the token's own.
    Email,
    /// Codes sent to the main address of its owner (G7).
    Virtual,
    /// Questions with their answers: they lead to a new PIN, and let nobody in.
    Qa,
}

impl TokenKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Hotp,
        Self::Totp,
        Self::Recovery,
        Self::Sms,
        Self::Email,
        Self::Virtual,
        Self::Qa,
    ];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hotp => "hotp",
            Self::Totp => "totp",
            Self::Recovery => "recovery",
            Self::Sms => "sms",
            Self::Email => "email",
            Self::Virtual => "virtual",
            Self::Qa => "qa",
        }
    }

    /// Whether the owner's device computes the codes.
    #[must_use]
    pub const fn computes(self) -> bool {
        matches!(self, Self::Hotp | Self::Totp)
    }

    /// Whether each code is sent to the owner.
    #[must_use]
    pub const fn is_sent(self) -> bool {
        matches!(self, Self::Sms | Self::Email | Self::Virtual)
    }

    /// What it is called where the site says nothing else.
    #[must_use]
    pub const fn words(self, language: Language) -> &'static str {
        let (english, german) = match self {
            Self::Hotp => ("event-based codes", "ereignisbasierte Codes"),
            Self::Totp => ("time-based codes", "zeitbasierte Codes"),
            Self::Recovery => ("recovery codes", "Wiederherstellungscodes"),
            Self::Sms => ("codes by SMS", "Codes per SMS"),
            Self::Email => ("codes by e-mail", "Codes per E-Mail"),
            Self::Virtual => ("virtual token", "virtuelles Token"),
            Self::Qa => ("security questions", "Sicherheitsfragen"),
        };
        match language {
            Language::English => english,
            Language::German => german,
        }
    }

    /// The kind of a token whose codes move like this.
    #[must_use]
    pub const fn of(factor: Factor) -> Self {
        match factor {
            Factor::Counter => Self::Hotp,
            Factor::Time { .. } => Self::Totp,
        }
    }

    /// The kind with this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Stored status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Base {
    /// Made, not yet proven.
    Pending,
    /// Proven.
    Registered,
    /// Switched off by an operator; `disabled_until` may end it.
    Disabled,
    /// Void for good; its secret is erased.
    Obsolete,
}

/// Why a token is obsolete that an operator has made so: it may be in strange hands.
pub const COMPROMISED: &str = "compromised";

/// What a token is at this moment, first match wins (domain rules 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Void for good.
    Obsolete,
    /// Its user is Deactivated.
    Deactivated,
    /// Switched off by an operator.
    Disabled,
    /// Locked by wrong codes.
    Locked,
    /// Past its expiry date.
    Expired,
    /// Not yet proven.
    Pending,
    /// Used for a sign-in at least once.
    Active,
    /// Proven, never used for a sign-in.
    Registered,
}

impl Status {
    /// The word for it in lists and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Obsolete => "obsolete",
            Self::Deactivated => "deactivated",
            Self::Disabled => "disabled",
            Self::Locked => "locked",
            Self::Expired => "expired",
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Registered => "registered",
        }
    }

    /// The name in the list of tokens that operators know from elsewhere (S3 of the rules).
    #[must_use]
    pub const fn s3(self) -> Option<&'static str> {
        match self {
            Self::Active | Self::Registered => Some("ACTIVE"),
            Self::Disabled => Some("DISABLED"),
            Self::Obsolete => Some("OBSOLETE"),
            Self::Deactivated | Self::Locked | Self::Expired | Self::Pending => None,
        }
    }

    /// The name in the view of all authenticators (S4 of the rules).
    #[must_use]
    pub const fn s4(self) -> Option<&'static str> {
        match self {
            Self::Registered => Some("Registered"),
            Self::Active => Some("Active"),
            Self::Locked => Some("Locked"),
            Self::Disabled | Self::Deactivated => Some("Deactivated"),
            Self::Obsolete | Self::Expired | Self::Pending => None,
        }
    }

    /// Whether a code of the token can be accepted.
    #[must_use]
    pub const fn usable(self) -> bool {
        matches!(self, Self::Active | Self::Registered)
    }
}

/// One code of a recovery set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecoveryHash(#[serde(with = "super::sealed::hex_32")] pub [u8; 32]);

/// The description of a token, in the profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Token {
    /// Generated id.
    pub id: TokenId,
    /// Kind of proof.
    pub kind: TokenKind,
    /// Stored status.
    pub base: Base,
    /// Algorithm, digits, period; none for recovery codes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otp: Option<Otp>,
    /// Seed under seal; erased when obsolete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<Sealed>,
    /// Where the codes go, of a token whose codes are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// Keyed hashes of recovery codes; the used ones are marked in the state.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recovery: Vec<RecoveryHash>,
    /// Questions, of a token that is nothing else; erased when obsolete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub questions: Option<Questions>,
    /// Free text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Serial of a hardware token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// The seed is shorter than RFC 4226 s4 R6 asks for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub weak: bool,
    /// When it was made, and by whom.
    pub created: Timestamp,
    /// Login name of the operator.
    pub created_by: String,
    /// When it was proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registered_at: Option<Timestamp>,
    /// Status before it was disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_from: Option<Base>,
    /// End of the disabling; none: until enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_until: Option<Timestamp>,
    /// Why it is obsolete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obsolete_reason: Option<String>,
    /// First instant at which it no longer counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Last test by an operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_tested: Option<Timestamp>,
    /// Last change by an operator.
    pub updated: Timestamp,
    /// What a newer daemon wrote here.
    #[serde(flatten)]
    pub extra: serde_json::Map<String, Value>,
}

/// The last code that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its counter or time step.
    pub factor: u64,
    /// When.
    pub at: Timestamp,
    /// At which gateway.
    pub gateway: Arc<str>,
    /// The one repetition of D18 is spent.
    pub grace_used: bool,
}

/// Where and when a token was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    /// When.
    pub at: Timestamp,
    /// At which gateway.
    pub gateway: Arc<str>,
    /// Calling-Station-Id; empty if none was sent.
    pub station: SmolStr,
}

/// The use of a token, in the auth state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenState {
    /// Which token.
    pub id: TokenId,
    /// Lowest counter or time step that can still be accepted. Only ever grows (I1).
    pub next_factor: u64,
    /// The last accepted code.
    pub accepted: Option<Accepted>,
    /// Remembered difference of the token's clock, in steps.
    pub drift_steps: i32,
    /// C2: wrong codes since the last success or unlock.
    pub soft: u32,
    /// C4: wrong codes since the last success; no unlock clears it.
    pub total: u32,
    /// Automatic lock until then; [`Timestamp::NEVER`]: until an operator acts.
    pub locked_until: Option<Timestamp>,
    /// When the lock began.
    pub locked_at: Option<Timestamp>,
    /// First sign-in.
    pub activated_at: Option<Timestamp>,
    /// Last sign-in.
    pub last_used: Option<Used>,
    /// Last wrong code.
    pub last_failed: Option<Timestamp>,
    /// Bit n: recovery code n is used.
    pub recovery_used: u64,
    /// Refused until two codes in a row have been shown (after a restore).
    pub resync_required: bool,
}

impl TokenState {
    /// The state of a token that was never used.
    #[must_use]
    pub const fn new(id: TokenId) -> Self {
        Self {
            id,
            next_factor: 0,
            accepted: None,
            drift_steps: 0,
            soft: 0,
            total: 0,
            locked_until: None,
            locked_at: None,
            activated_at: None,
            last_used: None,
            last_failed: None,
            recovery_used: 0,
            resync_required: false,
        }
    }

    /// Whether the hard cap has locked it for good.
    #[must_use]
    pub const fn hard_locked(&self, hard_cap: u32) -> bool {
        self.total >= hard_cap
    }
}

impl Token {
    /// One of this kind that was made just now, with nothing in it, and waits for its proof.
    #[must_use]
    pub fn new(id: TokenId, kind: TokenKind, (at, by): (Timestamp, String)) -> Self {
        Self {
            id,
            kind,
            base: Base::Pending,
            otp: None,
            seed: None,
            delivery: None,
            recovery: Vec::new(),
            questions: None,
            description: String::new(),
            serial: None,
            weak: false,
            created: at,
            created_by: by,
            registered_at: None,
            disabled_from: None,
            disabled_until: None,
            obsolete_reason: None,
            expires: None,
            last_tested: None,
            updated: at,
            extra: serde_json::Map::new(),
        }
    }

    /// First instant at which it no longer waits for its proof; none: it does not, or for ever.
    #[must_use]
    pub fn unproven_until(&self, policy: &Policy) -> Option<Timestamp> {
        // One that was proven once and waits for a new address has shown no secret to anybody.
        let again = self.delivery.is_some() && self.registered_at.is_some();
        let waits = self.base == Base::Pending && self.serial.is_none() && !again;
        (waits && !policy.pending_ttl.is_zero()).then(|| self.created + policy.pending_ttl)
    }

    /// Whether an operator has voided it for good.
    #[must_use]
    pub fn compromised(&self) -> bool {
        self.base == Base::Obsolete && self.obsolete_reason.as_deref() == Some(COMPROMISED)
    }

    /// Whether it is one of the kinds a set names: recovery codes and questions are secondary (G9).
    #[must_use]
    pub const fn primary(&self) -> bool {
        !matches!(self.kind, TokenKind::Recovery | TokenKind::Qa)
    }

    /// The stored status once a dated disabling has run out.
    #[must_use]
    pub fn base_at(&self, now: Now) -> Base {
        match (self.base, self.disabled_until) {
            (Base::Disabled, Some(until)) if now.earliest() >= until => {
                self.disabled_from.unwrap_or(Base::Registered)
            }
            (base, _) => base,
        }
    }

    /// Questions that have an answer; none: it holds no questions.
    #[must_use]
    pub fn questions_held(&self) -> Option<u32> {
        let list = &self.questions.as_ref()?.list;
        u32::try_from(list.len()).ok()
    }

    /// Recovery codes that can still be used.
    #[must_use]
    pub fn codes_left(&self, state: Option<&TokenState>) -> u32 {
        let used = state.map_or(0, |state| state.recovery_used.count_ones());
        u32::try_from(self.recovery.len())
            .unwrap_or(u32::MAX)
            .saturating_sub(used)
    }
}

/// What `token` of `user` is at this moment.
#[must_use]
pub fn effective(user: &UserRecord, token: &Token, policy: &Policy, now: Now) -> Status {
    let state = user.auth.token(token.id);
    let base = token.base_at(now);
    if base == Base::Obsolete || policy.withdrawn(token.kind) {
        return Status::Obsolete;
    }
    if user.profile.state == UserState::Deactivated {
        return Status::Deactivated;
    }
    if base == Base::Disabled {
        return Status::Disabled;
    }
    let locked = state.is_some_and(|state| {
        state.hard_locked(policy.lockout.hard_cap)
            || state
                .locked_until
                .is_some_and(|until| now.earliest() < until)
    });
    if locked {
        return Status::Locked;
    }
    if token.expires.is_some_and(|end| now.latest() >= end) {
        return Status::Expired;
    }
    if base == Base::Pending {
        return Status::Pending;
    }
    if state.is_some_and(|state| state.activated_at.is_some()) {
        Status::Active
    } else {
        Status::Registered
    }
}

/// A hardware token without an owner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HardwareToken {
    /// The serial printed on it.
    pub serial: String,
    /// Event or time based.
    pub kind: TokenKind,
    /// Algorithm, digits, period.
    pub otp: Otp,
    /// Seed under seal, bound to the serial; empty if compromised.
    pub seed: Sealed,
    /// It may be in strange hands: only its serial is known, so that it is never added again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub compromised: bool,
    /// First instant at which it no longer counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Lowest counter or step that can still be accepted, carried over from its last owner.
    #[serde(default)]
    pub next_factor: u64,
    /// Refused until two codes in a row have been shown, whoever gets it (after a restore).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resync_required: bool,
    /// When it came into the pool.
    pub created: Timestamp,
    /// What a newer daemon wrote here.
    #[serde(flatten)]
    pub extra: serde_json::Map<String, Value>,
}

impl HardwareToken {
    /// What is kept of a compromised token when it is deleted; none of any other token.
    #[must_use]
    pub fn compromised(token: &Token, at: Timestamp) -> Option<Self> {
        Some(Self {
            serial: token.serial.clone().filter(|_| token.compromised())?,
            kind: token.kind,
            otp: token.otp?,
            seed: Sealed::default(),
            compromised: true,
            expires: None,
            next_factor: 0,
            resync_required: false,
            created: at,
            extra: serde_json::Map::new(),
        })
    }
}

/// What is remembered of a token for ever (5.2.3), if there is one.
#[must_use]
pub fn tombstone(record: &UserRecord, id: TokenId, at: Timestamp) -> Option<Value> {
    let token = record.token(id)?;
    let state = record.auth.token(id);
    let date = |at: Option<Timestamp>| at.map(|at| at.to_string());
    Some(json!({
        "id": token.id,
        "type": token.kind.name(),
        "serial": token.serial,
        "created": date(Some(token.created)),
        "registered": date(token.registered_at),
        "activated": date(state.and_then(|state| state.activated_at)),
        "last_used": date(state.and_then(|state| state.last_used.as_ref()).map(|used| used.at)),
        "deleted": date(Some(at)),
    }))
}
