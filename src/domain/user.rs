//! The user record: what is known about one person, in the two parts the store keeps.
//!
//! The *profile* is what operators write: names, contacts, tokens with their sealed seeds, PIN and
//! password hashes, grants. The *auth state* is what a sign-in writes: counters, last accepted
//! steps, lock, last login. The rules see one [`UserRecord`]; a sign-in never clones or rewrites the
//! profile ([`UserRecord::profile`] is shared), which is what makes it cheap.
//!
//! Both parts keep what they do not understand (`extra`, `unknown`), so that an older daemon that
//! rewrites a record does not erase what a newer one wrote.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::auth_code::AuthCodeRecord;
use super::device_auth::DeviceAuth;
use super::dialogue::Dialogue;
use super::link::{Link, Purpose};
use super::lockout::Lock;
use super::passthrough::{Grant, GrantState};
use super::pin::{PasswordRecord, PasswordState, PinRecord, PinState};
use super::rekey::Rekey;
use super::sealed::unhex;
use super::token_record::{Base, Token, TokenState};
use super::update::{Update, one_or_all};
use super::wait::Station;
use crate::time::Timestamp;
use crate::token::TokenId;

/// Who a record is about, for ever: random, so that a rename keeps seals and a new user of an old
/// name inherits nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserId(pub [u8; 16]);

impl TryFrom<String> for UserId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let octets = unhex(&text).and_then(|octets| octets.try_into().ok());
        octets.map(Self).ok_or("no id of a user")
    }
}

impl From<UserId> for String {
    fn from(id: UserId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The lifecycle state; Account Lockout is not one of them but a [`Lock`] over it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UserState {
    /// Has no proven token yet.
    #[default]
    New,
    /// Signs in normally.
    Steady,
    /// Signs in normally, then is asked to renew something.
    Update,
    /// Lost the token: the old ones are void, a new one is awaited.
    Replace,
    /// Every token is revoked; nothing signs in.
    Revoke,
    /// Must set a new PIN before the tokens count again.
    Reset,
    /// As Reset, for every token.
    ResetAll,
    /// Signs in with the old token and is to get its successor.
    Renew,
    /// Suspended; counts no seat.
    Deactivated,
}

impl UserState {
    /// All states, in the order of the manual.
    pub const ALL: [Self; 9] = [
        Self::New,
        Self::Steady,
        Self::Update,
        Self::Replace,
        Self::Revoke,
        Self::Reset,
        Self::ResetAll,
        Self::Renew,
        Self::Deactivated,
    ];

    /// The word for it on the command line and in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Steady => "steady",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Revoke => "revoke",
            Self::Reset => "reset",
            Self::ResetAll => "reset-all",
            Self::Renew => "renew",
            Self::Deactivated => "deactivated",
        }
    }

    /// The words for it on screens.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::New => "New Credential",
            Self::Steady => "Steady State",
            Self::Update => "Update Credential",
            Self::Replace => "Replace Credential",
            Self::Revoke => "Revoke Credential",
            Self::Reset => "Reset Credential",
            Self::ResetAll => "Reset All Credentials",
            Self::Renew => "Renew Credential",
            Self::Deactivated => "Deactivated",
        }
    }

    /// The state with this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// An address a person can be reached at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// E-mail address or phone number.
    pub address: String,
    /// The person has proven to receive what is sent there.
    #[serde(default)]
    pub verified: bool,
}

/// What operators write and a sign-in only reads. Versioned JSON in the store.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Canonical login name.
    pub name: String,
    /// Name of the person.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub display_name: String,
    /// E-mail addresses, the first is the main one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emails: Vec<Contact>,
    /// Phone numbers, the first is the main one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phones: Vec<Contact>,
    /// Language tag for texts to this person; empty: the site's.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub language: String,
    /// Name of the authentication set; none: the default set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<String>,
    /// A label for lists; gives no rights.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub role_label: String,
    /// Free text for operators.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub notes: String,
    /// Only an admin may weaken this person's sign-in.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub protected: bool,
    /// Lifecycle state.
    pub state: UserState,
    /// When it was entered.
    pub state_since: Timestamp,
    /// Who set it: a login name, or `auto`.
    pub state_by: String,
    /// An unlock is to be confirmed by one more code at the next sign-in.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confirm_unlock: bool,
    /// What is left to be changed in Update Credential.
    #[serde(
        default,
        alias = "update",
        deserialize_with = "one_or_all",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub updates: Vec<Update>,
    /// A sign-in with a recovery code has brought that about.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recovered: bool,
    /// PIN, if one is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<PinRecord>,
    /// Local password, if one is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<PasswordRecord>,
    /// Auth code that was handed out last, while it is good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_code: Option<AuthCodeRecord>,
    /// A secret key was reset, and no new token is proven yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rekey: Option<Rekey>,
    /// When a reset has voided the questions of Emergency Access; they are to be set again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub questions_void: Option<Timestamp>,
    /// How far the device authorization is that a lost token asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_auth: Option<DeviceAuth>,
    /// One-time links and tickets that were made and not used, oldest first; those that are over are
    /// dropped when the next one comes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// Tokens, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<Token>,
    /// When codes were sent to this person, of the last hour; oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub code_sends: Vec<Timestamp>,
    /// Codes that were sent by SMS for a sign-in since the last that came to an Accept.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sms_unanswered: u32,
    /// Temporary passthrough grants, oldest first; ended ones are kept for the renewal chain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Grant>,
    /// When the record was made.
    pub created: Timestamp,
    /// When an operator last changed the profile.
    pub updated: Timestamp,
    /// Enrolment or self-service, not a sign-in (A1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_access: Option<Timestamp>,
    /// What a newer daemon wrote here.
    #[serde(flatten)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Profile {
    /// Enters a lifecycle state; says whether that voided an auth code, which was made for the one
    /// before. What a reset secret waits for is that state's from now on. Who may not sign in at all
    /// may not use a link either.
    pub fn enter(&mut self, state: UserState, at: Timestamp, by: &str) -> bool {
        self.state = state;
        if matches!(state, UserState::Revoke | UserState::Deactivated) {
            self.links.clear();
        }
        self.state_since = at;
        by.clone_into(&mut self.state_by);
        self.rekey = None;
        self.device_auth = None;
        self.updates.clear();
        self.recovered = false;
        self.auth_code.take().is_some()
    }

    /// Takes a token as proven: what has led to it is over. Whether that voids an auth code.
    pub fn prove(&mut self, id: TokenId, at: Timestamp) -> bool {
        let Some(token) = self.tokens.iter_mut().find(|token| token.id == id) else {
            return false;
        };
        token.base = Base::Registered;
        token.registered_at = Some(at);
        token.updated = at;
        // One whose codes are sent replaces no secret.
        if token.kind.computes() {
            self.rekey = None;
            self.device_auth = None;
        }
        self.updated(Update::Token);
        self.last_access = Some(at);
        self.void_links(|link| link.purpose == Purpose::Enrol);
        self.auth_code.take().is_some()
    }
}

/// A sign-in that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastLogin {
    /// When.
    pub at: Timestamp,
    /// Through which gateway.
    pub gateway: Arc<str>,
    /// Calling-Station-Id; empty if the gateway sent none.
    pub station: SmolStr,
    /// The token that was used; none under passthrough.
    pub token: Option<TokenId>,
}

/// A sign-in that failed and was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastFailed {
    /// When.
    pub at: Timestamp,
    /// Through which gateway.
    pub gateway: Arc<str>,
    /// Calling-Station-Id; empty if the gateway sent none.
    pub station: SmolStr,
}

/// Who ended the last lock; kept after it is gone (I11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unlocked {
    /// Login name of the operator, or `auto`.
    pub by: Arc<str>,
    /// When.
    pub at: Timestamp,
}

/// What a sign-in writes: a small binary row in the store, [`crate::store::auth_row`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthState {
    /// Raised by every change of either part; decides every conflict.
    pub revision: u64,
    /// C3: failures since the last success, unlock or idle window.
    pub soft: u32,
    /// The next attempt, unless from a station that is known, is refused until then.
    pub wait_until: Option<Timestamp>,
    /// Stations that are known, each with a count of its own.
    pub stations: Vec<Station>,
    /// C4 for failures that fit no single token; cleared only by a complete success.
    pub total: u32,
    /// Account Lockout.
    pub lock: Option<Lock>,
    /// The end of the lock before this one.
    pub unlocked: Option<Unlocked>,
    /// C1 and the PIN block.
    pub pin: PinState,
    /// Use of the local password.
    pub password: PasswordState,
    /// One for each token of the profile that a sign-in ever touched.
    pub tokens: Vec<TokenState>,
    /// One for each grant of the profile that a sign-in ever touched.
    pub grants: Vec<GrantState>,
    /// Questions that wait for their answers, the oldest first.
    pub dialogues: Vec<Dialogue>,
    /// Last Accept.
    pub last_login: Option<LastLogin>,
    /// Last counted failure.
    pub last_failed: Option<LastFailed>,
    /// Encoded fields that a newer daemon wrote.
    pub unknown: Vec<u8>,
}

/// One person, as the rules see them.
#[derive(Clone, Debug, PartialEq)]
pub struct UserRecord {
    /// Who.
    pub id: UserId,
    /// What operators write; shared, cloned only when an operator changes it.
    pub profile: Arc<Profile>,
    /// What a sign-in writes.
    pub auth: AuthState,
}

impl UserRecord {
    /// The canonical login name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.profile.name
    }

    /// The profile for writing; the shared one stays as it was.
    pub fn profile_mut(&mut self) -> &mut Profile {
        Arc::make_mut(&mut self.profile)
    }

    /// The words for the current state: Account Lockout while locked, else the lifecycle state.
    #[must_use]
    pub fn current_state(&self) -> &'static str {
        if self.auth.lock.is_some() {
            "Account Lockout"
        } else {
            self.profile.state.title()
        }
    }

    /// The token with this id.
    #[must_use]
    pub fn token(&self, id: TokenId) -> Option<&Token> {
        self.profile.tokens.iter().find(|token| token.id == id)
    }

    /// The token with this id, for writing.
    pub fn token_mut(&mut self, id: TokenId) -> Option<&mut Token> {
        self.profile_mut()
            .tokens
            .iter_mut()
            .find(|token| token.id == id)
    }
}

impl AuthState {
    /// The state of a token; a token that was never touched has the default one.
    #[must_use]
    pub fn token(&self, id: TokenId) -> Option<&TokenState> {
        self.tokens.iter().find(|state| state.id == id)
    }

    /// The state of a token, made on first use.
    pub fn token_mut(&mut self, id: TokenId) -> &mut TokenState {
        let at = self
            .tokens
            .iter()
            .position(|state| state.id == id)
            .unwrap_or_else(|| {
                self.tokens.push(TokenState::new(id));
                self.tokens.len() - 1
            });
        #[expect(clippy::indexing_slicing, reason = "found or pushed in the line above")]
        &mut self.tokens[at]
    }

    /// The state of a grant, made on first use.
    pub fn grant_mut(&mut self, id: u32) -> &mut GrantState {
        let at = self
            .grants
            .iter()
            .position(|state| state.id == id)
            .unwrap_or_else(|| {
                self.grants.push(GrantState::new(id));
                self.grants.len() - 1
            });
        #[expect(clippy::indexing_slicing, reason = "found or pushed in the line above")]
        &mut self.grants[at]
    }

    /// The state of a grant that was ever used or ended.
    #[must_use]
    pub fn grant(&self, id: u32) -> Option<&GrantState> {
        self.grants.iter().find(|state| state.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_shown_in_hexadecimal() {
        let id = UserId([0x0f; 16]);
        assert_eq!(id.to_string(), "0f".repeat(16));
        assert_eq!(format!("{id:?}"), id.to_string());
    }

    #[test]
    fn what_is_not_so_is_not_stored() {
        let mut profile = Profile::default();
        let stored = |profile: &Profile| serde_json::to_value(profile).unwrap();
        assert_eq!(stored(&profile).get("protected"), None);
        profile.protected = true;
        assert_eq!(stored(&profile)["protected"], true);
    }
}
