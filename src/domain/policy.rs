//! What configuration decides: the site's rules, and one block for each gateway.
//!
//! Both are checked values: `config/` builds them or reports every problem at once, so the rules
//! never meet a combination that the manual calls an error.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::auth_code::AuthCodePolicy;
use super::delivery::{SentCodePolicy, TypeRule, Via};
use super::device_auth::DeviceAuthPolicy;
use super::lockout::LockoutPolicy;
use super::notice::{Language, Notices};
use super::passthrough::PassthroughPolicy;
use super::pin::PinPolicy;
use super::questions::EmergencyPolicy;
use super::token_record::TokenKind;
use super::user::Profile;
use super::verdict::Message;
use super::wording::{OwnText, Said};
use crate::token::Windows;

/// The site's rules.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Thresholds and durations of lockout.
    pub lockout: LockoutPolicy,
    /// What a PIN must be like.
    pub pin: PinPolicy,
    /// Limits of temporary passthrough.
    pub passthrough: PassthroughPolicy,
    /// Auth codes.
    pub auth_code: AuthCodePolicy,
    /// Device authorization.
    pub device_auth: DeviceAuthPolicy,
    /// HOTP: counters looked at ahead of the stored one.
    pub hotp_look_ahead: u64,
    /// HOTP: counters searched by a resync.
    pub hotp_resync_window: u64,
    /// HOTP: a code that is only found by a resync asks for the next one, in the sign-in.
    pub hotp_self_resync: bool,
    /// So long before it expires a token is to be renewed; zero: nobody is asked to.
    pub renew_before: Duration,
    /// TOTP: steps before and after the present one.
    pub totp_window_steps: u64,
    /// TOTP: steps before and after searched by a resync.
    pub totp_resync_window_steps: u64,
    /// A recovery code may stand in for any token.
    pub recovery_allow_login: bool,
    /// Codes in a recovery set.
    pub recovery_count: u32,
    /// Tokens a person may have, obsolete ones not counted.
    pub tokens_max_per_user: usize,
    /// How long a token that was shown waits for its proof; zero: for ever.
    pub pending_ttl: Duration,
    /// Every unlock by an operator is to be confirmed by its owner.
    pub unlock_confirmation: bool,
    /// What a person types in the place of a passcode to set a new PIN; empty: there is no such word.
    pub pin_keyword: SmolStr,
    /// How long a question waits for its answer.
    pub challenge_ttl: Duration,
    /// Counted users allowed; 0: no limit.
    pub seats_limit: u64,
    /// Issuer in otpauth URIs.
    pub issuer: String,
    /// Kinds of token that may be added and used.
    pub enabled_kinds: Vec<TokenKind>,
    /// What else is said of types of token; of those not listed, nothing.
    pub types: Vec<TypeRule>,
    /// Codes that are sent.
    pub sent_code: SentCodePolicy,
    /// Emergency Access, where tokens of type qa are on.
    pub emergency: EmergencyPolicy,
    /// A token of type sms or email is proven once its owner has proven its address.
    pub implicit_registration: bool,
    /// Authentication sets by name: groups of kinds, all of which are passed.
    pub sets: Vec<(String, Vec<Vec<TokenKind>>)>,
    /// The set of a user who names none.
    pub default_set: String,
    /// Any audited read by an operator of another person's log is itself recorded.
    pub audit_reads: bool,
    /// How long audit records stay in the store before they are archived unasked; zero: for ever.
    pub audit_retain: Duration,
    /// Where the pages of mfad-web are, without a slash at the end; none: there are none.
    pub pages: Option<String>,
    /// What a mail for an enrolment brings.
    pub email_content: EmailContent,
    /// For administrators, for people who have no language of their own, and for everybody as long as
    /// nothing is proven.
    pub language: Language,
    /// Reply-Messages in the words of whoever runs mfad.
    pub texts: Vec<OwnText>,
    /// Who is told of changes besides the person; none: there is no mail server, nobody is told.
    pub notices: Option<Notices>,
}

/// What a mail for an enrolment brings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmailContent {
    /// A one-time link to the enrolment page.
    Link,
    /// The seed itself.
    #[default]
    Seed,
}

impl Policy {
    /// What is said of a type of token, if anything is.
    #[must_use]
    pub fn rule(&self, kind: TokenKind) -> Option<&TypeRule> {
        self.types.iter().find(|rule| rule.kind == kind)
    }

    /// Whether a type is out of date here: its tokens are obsolete (5.2).
    #[must_use]
    pub fn withdrawn(&self, kind: TokenKind) -> bool {
        self.rule(kind).is_some_and(|rule| rule.withdrawn)
    }

    /// What a type is called in this language.
    #[must_use]
    pub fn label(&self, kind: TokenKind, language: Language) -> &str {
        let stated = self.rule(kind).and_then(|rule| rule.label(language));
        stated.unwrap_or_else(|| kind.words(language))
    }

    /// The language that this person reads.
    #[must_use]
    pub fn language_of(&self, profile: &Profile) -> Language {
        Language::of(&profile.language).unwrap_or(self.language)
    }

    /// A message in the words of this installation, for somebody who is known to read it. The one
    /// Reject is the same for everybody: its language would tell who is known here.
    #[must_use]
    pub fn say(&self, message: Message, reader: Option<&Profile>) -> Said {
        let reader = reader.filter(|_| message != Message::Denied);
        let language = reader.map_or(self.language, |profile| self.language_of(profile));
        message.said(language, &self.texts, &self.types)
    }

    /// Whether messages of this kind can be sent at all.
    #[must_use]
    pub fn sends(&self, via: Via) -> bool {
        let notices = self.notices.as_ref();
        notices.is_some_and(|notices| notices.carries(via.channel()))
    }

    /// How far codes may lie around the expected factor.
    #[must_use]
    pub fn windows(&self) -> Windows {
        let narrow = |window: u64| u16::try_from(window).unwrap_or(u16::MAX);
        Windows {
            look_ahead: narrow(self.hotp_look_ahead),
            window_steps: narrow(self.totp_window_steps),
        }
    }

    /// The groups of `set` (none: the default one): each is passed by a token of any of its kinds.
    #[must_use]
    pub fn groups(&self, set: Option<&str>) -> &[Vec<TokenKind>] {
        let name = set.unwrap_or(&self.default_set);
        self.sets
            .iter()
            .find(|(known, _)| known == name)
            .map_or(&[], |(_, groups)| groups)
    }

    /// Whether a group of `set` (none: the default one) names this kind.
    #[must_use]
    pub fn asks_for(&self, set: Option<&str>, kind: TokenKind) -> bool {
        self.groups(set).iter().any(|group| group.contains(&kind))
    }
}

/// Who checks the first factor at a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FirstFactorBy {
    /// The gateway itself, before it asks mfad.
    Gateway,
    /// mfad, against the user's PIN.
    Pin,
    /// mfad, against the user's local password.
    Local,
    /// Nobody: the code alone lets a person in.
    None,
}

impl FirstFactorBy {
    /// The word for it in configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Pin => "pin",
            Self::Local => "local",
            Self::None => "none",
        }
    }
}

/// What the first packet carries in User-Password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PasscodeForm {
    /// The code.
    #[serde(rename = "otp")]
    Otp,
    /// The PIN, then the code.
    #[serde(rename = "pin+otp")]
    PinOtp,
    /// The password, then the code.
    #[serde(rename = "password+otp")]
    PasswordOtp,
    /// The password, a comma, the code.
    #[serde(rename = "password,otp")]
    PasswordCommaOtp,
    /// The first factor alone, if mfad checks it; the code is asked for.
    #[serde(rename = "challenge")]
    Challenge,
}

impl PasscodeForm {
    /// The word for it in configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Otp => "otp",
            Self::PinOtp => "pin+otp",
            Self::PasswordOtp => "password+otp",
            Self::PasswordCommaOtp => "password,otp",
            Self::Challenge => "challenge",
        }
    }
}

/// What a name that mfad does not know, or a person without a token, gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Otherwise {
    /// Access-Reject.
    #[default]
    Reject,
    /// Access-Accept if the first factor is verified.
    Passthrough,
    /// Whoever is to have a token is led to it, once the first factor is verified; of people only.
    Enroll,
}

/// One VPN gateway and its policy block.
#[derive(Clone, Debug, PartialEq)]
pub struct GatewayPolicy {
    /// Name in the configuration.
    pub name: Arc<str>,
    /// Who checks the first factor.
    pub first_factor: FirstFactorBy,
    /// What the first packet carries.
    pub passcode: PasscodeForm,
    /// It can show a question and send the answer.
    pub challenge: bool,
    /// Answer to a name that is not known.
    pub unknown_user: Otherwise,
    /// Answer to a person who has no proven token.
    pub unenrolled: Otherwise,
    /// Passthrough grants count here.
    pub allow_passthrough: bool,
    /// Kinds of token accepted here; none: all.
    pub allowed_kinds: Option<Vec<TokenKind>>,
    /// Rejects say why (M02..M08); only where the gateway has checked the password.
    pub helpful: bool,
    /// Accepts may carry M09..M11.
    pub show_accept_message: bool,
    /// Domains and realms cut off the typed name.
    pub strip_domain: Vec<String>,
    /// The same code is accepted once more within this time; zero: never.
    pub same_code_grace: Duration,
    /// Time from receipt to leaving of every Reject.
    pub reject_delay: Duration,
    /// What cannot be decided is answered with Reject instead of silence.
    pub reject_on_internal_error: bool,
}

/// The defaults of the manual; configuration changes single values.
impl Default for Policy {
    fn default() -> Self {
        let day = 24 * 3600;
        Self {
            lockout: LockoutPolicy::default(),
            pin: PinPolicy {
                max_failures: 5,
                block_duration: Duration::ZERO,
                block_locks_account: true,
                min_length: 6,
                max_length: 12,
                charset: super::pin::Charset::Digits,
                admin_reset_must_change: true,
                after_change: super::pin::AfterChange::Accept,
            },
            passthrough: PassthroughPolicy {
                duration: Duration::from_secs(7 * day),
                max_duration: Duration::from_secs(7 * day),
                max_renewals: 3,
                warn_before: Duration::from_secs(day),
                end_on_enrol: true,
                end_on_token_use: false,
            },
            auth_code: AuthCodePolicy::default(),
            device_auth: DeviceAuthPolicy::default(),
            hotp_look_ahead: 10,
            hotp_resync_window: 1000,
            hotp_self_resync: false,
            renew_before: Duration::ZERO,
            totp_window_steps: 1,
            totp_resync_window_steps: 20,
            recovery_allow_login: true,
            recovery_count: 10,
            tokens_max_per_user: 10,
            pending_ttl: Duration::from_secs(7 * day),
            unlock_confirmation: false,
            pin_keyword: SmolStr::default(),
            challenge_ttl: Duration::from_secs(300),
            seats_limit: 0,
            issuer: "mfad".to_owned(),
            enabled_kinds: vec![TokenKind::Hotp, TokenKind::Totp, TokenKind::Recovery],
            types: Vec::new(),
            sent_code: SentCodePolicy::default(),
            emergency: EmergencyPolicy::default(),
            implicit_registration: false,
            sets: vec![(
                "default".to_owned(),
                vec![vec![TokenKind::Totp, TokenKind::Hotp]],
            )],
            default_set: "default".to_owned(),
            audit_reads: false,
            audit_retain: Duration::ZERO,
            pages: None,
            email_content: EmailContent::default(),
            language: Language::English,
            texts: Vec::new(),
            notices: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::to_value;

    use super::*;

    #[test]
    fn words_are_those_of_the_configuration() {
        use FirstFactorBy::{Gateway, Local, None, Pin};
        use PasscodeForm::{Challenge, Otp, PasswordCommaOtp, PasswordOtp, PinOtp};
        for by in [Gateway, Pin, Local, None] {
            assert_eq!(to_value(by).unwrap(), by.name());
        }
        for form in [Otp, PinOtp, PasswordOtp, PasswordCommaOtp, Challenge] {
            assert_eq!(to_value(form).unwrap(), form.name());
        }
    }
}
