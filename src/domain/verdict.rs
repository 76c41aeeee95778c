//! What comes out: verdicts, their reasons, and the words a gateway may show.

use super::delivery::Via;
use super::dialogue::{Handle, PageLink};
use super::pin::{Memorized, Weakness};
use super::token_record::TokenKind;
use super::wording::Said;
use crate::time::Timestamp;
use crate::token::TokenId;

/// Why an attempt was refused; the name stands in audit records, logs and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The code fits no token.
    BadCode,
    /// The code fits, the PIN is wrong.
    BadPin,
    /// The form asks for a PIN and none is set or none was typed.
    NoPin,
    /// The code fits, the password is wrong or not set.
    BadPassword,
    /// Exactly the last accepted code again.
    Replay,
    /// Account Lockout.
    Locked,
    /// The wait for earlier failures is not over.
    Waiting,
    /// The PIN is blocked and the account is not locked for it.
    PinBlocked,
    /// State Deactivated.
    Deactivated,
    /// State Revoke Credential.
    Revoked,
    /// The only token has expired.
    ExpiredToken,
    /// No token that could verify anything.
    NoToken,
    /// No such user, or not a name at all.
    UnknownUser,
    /// Not PAP.
    UnsupportedAuth,
    /// A State that names no open dialogue.
    DialogueExpired,
    /// A dialogue came to no end that lets somebody in.
    Unfinished,
    /// Enrolment is required and this gateway has no dialogue for it.
    Policy,
    /// mfad could not decide and the gateway asked for a Reject.
    Internal,
}

impl Reason {
    /// All reasons, for metrics.
    pub const ALL: [Self; 18] = [
        Self::BadCode,
        Self::BadPin,
        Self::NoPin,
        Self::BadPassword,
        Self::Replay,
        Self::Locked,
        Self::Waiting,
        Self::PinBlocked,
        Self::Deactivated,
        Self::Revoked,
        Self::ExpiredToken,
        Self::NoToken,
        Self::UnknownUser,
        Self::UnsupportedAuth,
        Self::DialogueExpired,
        Self::Unfinished,
        Self::Policy,
        Self::Internal,
    ];

    /// The name in audit records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadCode => "bad_code",
            Self::BadPin => "bad_pin",
            Self::NoPin => "no_pin",
            Self::BadPassword => "bad_password",
            Self::Replay => "replay",
            Self::Locked => "locked",
            Self::Waiting => "waiting",
            Self::PinBlocked => "pin_blocked",
            Self::Deactivated => "deactivated",
            Self::Revoked => "revoked",
            Self::ExpiredToken => "expired_token",
            Self::NoToken => "no_token",
            Self::UnknownUser => "unknown_user",
            Self::UnsupportedAuth => "unsupported_auth",
            Self::DialogueExpired => "dialogue_expired",
            Self::Unfinished => "unfinished",
            Self::Policy => "policy",
            Self::Internal => "internal",
        }
    }

    /// The reason with this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// By what an attempt was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum How {
    /// A code of this token.
    Token(TokenId),
    /// The same code once more, within the gateway's grace.
    Grace(TokenId),
    /// A recovery code.
    Recovery(TokenId),
    /// A temporary passthrough.
    Passthrough(u32),
    /// The gateway's `unknown_user` or `unenrolled`.
    PolicyPassthrough,
}

impl How {
    /// The name in audit records and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Token(_) => "token",
            Self::Grace(_) => "grace",
            Self::Recovery(_) => "recovery",
            Self::Passthrough(_) => "passthrough",
            Self::PolicyPassthrough => "policy_passthrough",
        }
    }

    /// The token that was used.
    #[must_use]
    pub const fn token(self) -> Option<TokenId> {
        match self {
            Self::Token(id) | Self::Grace(id) | Self::Recovery(id) => Some(id),
            Self::Passthrough(_) | Self::PolicyPassthrough => None,
        }
    }
}

/// The answer to an attempt.
#[must_use = "a verdict that is not answered leaves the gateway waiting"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Access-Accept.
    Accept {
        /// By what.
        how: How,
        /// Reply-Message, if the gateway shows them.
        message: Option<Said>,
    },
    /// Access-Reject.
    Reject {
        /// Why; never told to the gateway unless it asked to be.
        reason: Reason,
        /// Reply-Message.
        message: Said,
    },
    /// Access-Challenge.
    Challenge {
        /// What goes with the text.
        question: Question,
        /// Reply-Message.
        message: Said,
    },
}

/// A question to a person, beside its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// What the answer has to name.
    pub handle: Handle,
    /// What is typed may be shown.
    pub echo: bool,
    /// How long the answer is waited for.
    pub seconds: u32,
    /// Asked of everybody, known or not: it leaves when a Reject would, so that not even the time
    /// tells them apart.
    pub held: bool,
}

impl Verdict {
    /// Whether the person gets in.
    #[must_use]
    pub const fn accepted(&self) -> bool {
        matches!(self, Self::Accept { .. })
    }

    /// Whether it is held back until [`reject_delay`](super::policy::GatewayPolicy::reject_delay)
    /// after the receipt.
    #[must_use]
    pub const fn held(&self) -> bool {
        match self {
            Self::Accept { .. } => false,
            Self::Reject { .. } => true,
            Self::Challenge { question, .. } => question.held,
        }
    }
}

/// What a Reply-Message tells; the numbers are the manual's. The words are [beside](super::wording).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// M01, the one Reject.
    Denied,
    /// M02.
    Locked,
    /// M03.
    PinBlocked,
    /// M04.
    NotActive,
    /// M05.
    Revoked,
    /// M06.
    TokenExpired,
    /// M07.
    EnrolmentRequired,
    /// M08.
    CodeUsed,
    /// M09, under passthrough.
    TemporaryUntil(Timestamp),
    /// M10, inside the warning time.
    TemporaryEndsIn {
        /// Full hours left.
        hours: u64,
    },
    /// M11.
    TokenExpiresOn(Timestamp),
    /// M20.
    EnterCode,
    /// M39, where more than the code is typed.
    EnterPasscode,
    /// M26, with what was wrong about the last one in front.
    NewSecret {
        /// What is asked for.
        secret: Memorized,
        /// Shortest.
        min: usize,
        /// Longest.
        max: usize,
        /// Only of digits.
        digits: bool,
        /// What was wrong about the one before.
        weakness: Option<Weakness>,
    },
    /// M27.
    NewSecretAgain(Memorized),
    /// M28.
    NewSecretSet(Memorized),
    /// M34.
    ConfirmUnlock,
    /// No new one was agreed on.
    SecretUnchanged(Memorized),
    /// M23.
    EnterAuthCode,
    /// M25; M41 where it may be put off.
    OpenPage {
        /// Where the page is.
        link: PageLink,
        /// How long it is there.
        minutes: u64,
        /// It may be put off.
        later: bool,
    },
    /// M21, M22.
    CodeSent {
        /// By what.
        via: Via,
        /// The address, masked.
        to: String,
    },
    /// M33.
    Methods {
        /// The first is a code that is typed, of a token of one of these types; none: not offered.
        typed: Vec<TokenKind>,
        /// The others are sent, to these masked addresses.
        sent: Vec<(TokenKind, Via, String)>,
    },
    /// M30.
    Question {
        /// From 1 on.
        number: u8,
        /// How many are asked.
        of: usize,
        /// In the words of whoever has set it.
        text: String,
    },
    /// M31.
    AnswersAccepted,
    /// The new PIN is stored; it takes a sign-in with it.
    PinChanged,
    /// The person was sent as many codes as may be.
    NoFurtherCode,
    /// M20, where it is the code of a certain token.
    EnterCodeOf(String),
    /// M24.
    DeviceCodeSent {
        /// The address, masked.
        to: String,
    },
    /// The person may have a new token, and an operator shows it.
    AskForToken,
    /// M29.
    EnterNextCode,
}

impl Message {
    /// The number in the manual.
    #[must_use]
    pub const fn id(&self) -> &'static str {
        match self {
            Self::Denied => "M01",
            Self::Locked => "M02",
            Self::PinBlocked => "M03",
            Self::NotActive => "M04",
            Self::Revoked => "M05",
            Self::TokenExpired => "M06",
            Self::EnrolmentRequired => "M07",
            Self::CodeUsed => "M08",
            Self::TemporaryUntil(_) => "M09",
            Self::TemporaryEndsIn { .. } => "M10",
            Self::TokenExpiresOn(_) => "M11",
            Self::EnterCode => "M20",
            Self::EnterPasscode => "M39",
            Self::EnterCodeOf(_) => "M44",
            Self::EnterNextCode => "M29",
            Self::NewSecret { .. } => "M26",
            Self::NewSecretAgain(_) => "M27",
            Self::NewSecretSet(_) => "M28",
            Self::ConfirmUnlock => "M34",
            Self::SecretUnchanged(_) => "M35",
            Self::EnterAuthCode => "M23",
            Self::OpenPage { later, .. } => {
                if *later {
                    "M41"
                } else {
                    "M25"
                }
            }
            Self::CodeSent {
                via: Via::Email, ..
            } => "M21",
            Self::CodeSent { via: Via::Sms, .. } => "M22",
            Self::Methods { .. } => "M33",
            Self::Question { .. } => "M30",
            Self::AnswersAccepted => "M31",
            Self::PinChanged => "M48",
            Self::NoFurtherCode => "M38",
            Self::DeviceCodeSent { .. } => "M24",
            Self::AskForToken => "M40",
        }
    }
}
