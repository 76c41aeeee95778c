//! Lockout: which failures count where, and what they bring about (domain rules 8).
//!
//! | counter | raised by | cleared by |
//! |---|---|---|
//! | C1 PIN failures | a wrong PIN whose code was right | right PIN, unblock, reset |
//! | C2 token soft | a wrong code that can only be this token's | success, token unlock, resync, user unlock |
//! | C3 user soft | every failure; with `wait` not those from stations that are known | complete success, unlock, idle window |
//! | C4 total, per token and user | as C2 / wrong codes of no single token | only success or re-enrolment |
//!
//! C1 is looked at before C3, so a failure that reaches both leaves a lock whose reason is the PIN,
//! and unblocking it clears both.
//!
//! C3 locks the user, or with `lockout.mode = "wait"` lets the next attempt wait ([`super::wait`]).
//! Then C2 locks no token either: that would be the same weapon by another name. C1 and C4 do in
//! both modes what they do; the one is raised by whoever has the token only, the other is the bound
//! of all guessing.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::token_record::TokenKind;
use crate::time::Timestamp;

/// Why a user is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LockReason {
    /// Too many failures.
    Failures,
    /// Too many wrong PINs.
    PinBlocked,
    /// An operator.
    Operator,
    /// No sign-in for too long.
    Inactivity,
}

impl LockReason {
    /// All reasons.
    pub const ALL: [Self; 4] = [
        Self::Failures,
        Self::PinBlocked,
        Self::Operator,
        Self::Inactivity,
    ];

    /// The word for it on screens, in filters and in the audit log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failures => "Failures",
            Self::PinBlocked => "PinBlocked",
            Self::Operator => "Operator",
            Self::Inactivity => "Inactivity",
        }
    }
}

/// Account Lockout: the overlay that refuses a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// Locked Date.
    pub since: Timestamp,
    /// Lock Reason.
    pub reason: LockReason,
    /// The operator who did it; none: mfad.
    pub by: Option<Arc<str>>,
    /// Ends by itself then; none: until unlocked.
    pub auto_until: Option<Timestamp>,
    /// The operator's words, or the gateway through which the last failure came; empty where
    /// neither is.
    pub note: Arc<str>,
    /// C3 when it was locked.
    pub count: u32,
}

/// What failures bring about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LockoutMode {
    /// So many lock the user.
    #[default]
    Lock,
    /// Each lets the next attempt wait, longer and longer.
    Wait,
}

/// What a type of token has of its own in place of the common rule (R47).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenRule {
    /// C2 that locks such a token, where failures lock.
    pub max_failures: Option<u32>,
    /// How long such a lock lasts; zero: until an operator acts.
    pub duration: Option<Duration>,
}

/// Thresholds of domain rules 8.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockoutPolicy {
    /// What C2 and C3 bring about.
    pub mode: LockoutMode,
    /// C3 that locks the user, where failures lock; 0: never.
    pub user_max_failures: u32,
    /// How long such a lock lasts; zero: until unlocked.
    pub user_duration: Duration,
    /// Idle time after which C3 starts anew; zero: never.
    pub user_window: Duration,
    /// C2 that locks a token, where failures lock.
    pub token_max_failures: u32,
    /// How long such a lock lasts; zero: until an operator acts.
    pub token_duration: Duration,
    /// What time based tokens have of their own.
    pub totp: TokenRule,
    /// What event based tokens have of their own.
    pub hotp: TokenRule,
    /// What tokens have of their own whose codes go to the main address of their owner.
    pub virtual_: TokenRule,
    /// What tokens with an e-mail address have of their own.
    pub email: TokenRule,
    /// What tokens with a phone number have of their own.
    pub sms: TokenRule,
    /// C2 that locks questions until an operator acts, whatever failures bring about otherwise.
    pub qa_max_failures: u32,
    /// C4 that ends a token.
    pub hard_cap: u32,
    /// What the hard cap does to it.
    pub hard_action: HardAction,
    /// A person who has not signed in for so long is locked; zero: never.
    pub inactive: Duration,
}

/// The defaults of the manual.
impl Default for LockoutPolicy {
    fn default() -> Self {
        Self {
            mode: LockoutMode::Lock,
            user_max_failures: 5,
            user_duration: Duration::ZERO,
            user_window: Duration::ZERO,
            token_max_failures: 10,
            token_duration: Duration::from_secs(900),
            totp: TokenRule::default(),
            hotp: TokenRule::default(),
            virtual_: TokenRule::default(),
            email: TokenRule::default(),
            sms: TokenRule::default(),
            qa_max_failures: 3,
            hard_cap: 100,
            hard_action: HardAction::Lock,
            inactive: Duration::ZERO,
        }
    }
}

impl LockoutPolicy {
    /// C3 that locks the user; 0: never.
    #[must_use]
    pub const fn user_limit(&self) -> u32 {
        match self.mode {
            LockoutMode::Lock => self.user_max_failures,
            LockoutMode::Wait => 0,
        }
    }

    /// C2 that locks a token of this type; 0: never.
    #[must_use]
    pub fn token_limit(&self, kind: TokenKind) -> u32 {
        match self.mode {
            _ if kind == TokenKind::Qa => self.qa_max_failures,
            LockoutMode::Lock => {
                let own = self.of(kind).max_failures;
                own.unwrap_or(self.token_max_failures)
            }
            LockoutMode::Wait => 0,
        }
    }

    /// How long a token of this type is locked; zero: until an operator acts.
    #[must_use]
    pub fn token_lock(&self, kind: TokenKind) -> Duration {
        match kind {
            TokenKind::Qa => Duration::ZERO,
            kind => self.of(kind).duration.unwrap_or(self.token_duration),
        }
    }

    fn of(&self, kind: TokenKind) -> TokenRule {
        match kind {
            TokenKind::Totp => self.totp,
            TokenKind::Hotp => self.hotp,
            TokenKind::Virtual => self.virtual_,
            TokenKind::Email => self.email,
            TokenKind::Sms => self.sms,
            _ => TokenRule::default(),
        }
    }
}

/// What happens to a token at the hard cap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HardAction {
    /// Locked for good; shown and kept.
    #[default]
    Lock,
    /// Made obsolete, its secret erased.
    Obsolete,
}
