//! What has to be made or looked up before a command can be judged.
//!
//! Random numbers, Argon2id and seals are slow or impure; the engine makes them beforehand, for the
//! record it sees then, and [`apply`](super::apply()) checks that they still belong to the record it
//! judges.

use super::{Command, Step};
use crate::domain::auth_code::Delivery;
use crate::domain::delivery::Via;

/// Where a seed is to be sealed for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SeedFor {
    /// No seed is needed.
    #[default]
    Nothing,
    /// `Field::Seed(for_user, token_id)`: the given one, that of the pool by serial, or a new one.
    NewToken,
    /// `Field::Seed(for_user, token_id)`: a new one for the token that
    /// [`pending_totp`](super::pending_totp) finds, or for a new one.
    Page,
    /// `Field::PoolSeed(serial)`, from the owner's token of that serial.
    Pool,
}

impl Encloses {
    /// By what it is sent.
    #[must_use]
    pub const fn via(self) -> Via {
        match self {
            Self::Enrolment(via) | Self::AuthCode(via) => via,
            Self::Confirmation => Via::Email,
        }
    }
}

/// What a message is to bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encloses {
    /// What an enrolment needs, as the site says: by mail a link or the seed, by text message a link
    /// or the auth code.
    Enrolment(Via),
    /// The auth code that is made.
    AuthCode(Via),
    /// A link that confirms an address; nothing where there are no pages.
    Confirmation,
}

/// Which fields of [`Prepared`](super::Prepared) a command wants filled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs<'a> {
    /// `user_id`: a new one.
    pub user_id: bool,
    /// `token_id`: a new one, not taken by anybody.
    pub token_id: bool,
    /// `seed` and `for_user`; for a new token `clear_seed` as well, for the pool `token_id`.
    pub seed: SeedFor,
    /// `hash` of the stated PIN, or of a new one with its `reveal`; `for_user`.
    pub pin_hash: bool,
    /// `hash` of the stated password, or of a new one with its `reveal`; `for_user`.
    pub password_hash: bool,
    /// `answers` of the stated ones; `for_user`.
    pub answers: bool,
    /// `auth_code` with its `reveal`; made for `user_id` or `for_user`.
    pub auth_code: bool,
    /// `link`: the random part of a new one.
    pub link: bool,
    /// `enclosure`, from what the other fields hold.
    pub encloses: Option<Encloses>,
    /// `sent_code` for the token that is named, and its `enclosure`; `for_user`.
    pub sent_code: bool,
    /// `recovery`, as many as the policy says, with their `reveal`; `for_user`.
    pub recovery_codes: bool,
    /// `pool` and `serial_owner` of this serial; the latter as seen by the writer.
    pub serial: Option<&'a str>,
    /// `clear_seed`, `token_id` and `for_user` of the token that [`pending`](super::pending) finds
    /// with [`Command::token`].
    pub clear_seed: bool,
    /// `seats_used`, as seen by the writer.
    pub seats: bool,
}

/// Says what to prepare for `command`.
#[must_use]
#[expect(clippy::too_many_lines, reason = "one row for each command")]
pub fn needs(command: &Command) -> Needs<'_> {
    let nothing = Needs::default();
    match command {
        Command::UserAdd(new) => Needs {
            user_id: true,
            seats: true,
            auth_code: new.auth_code.is_some(),
            link: new.email.is_some(),
            // Both never come together: a code goes to addresses that somebody has vouched for.
            encloses: new
                .auth_code
                .and_then(sends)
                .or_else(|| confirms(new.email.as_ref(), new.trusted)),
            ..nothing
        },
        Command::UserSetState { auth_code, .. } => Needs {
            seats: true,
            auth_code: auth_code.is_some(),
            encloses: auth_code.and_then(sends),
            ..nothing
        },
        Command::UserDelete { .. } | Command::UserReactivate { .. } => Needs {
            seats: true,
            ..nothing
        },
        Command::TokenAdd(new) => Needs {
            token_id: true,
            seed: SeedFor::NewToken,
            serial: new.serial.as_deref(),
            ..nothing
        },
        Command::TokenAddSent(_) | Command::TokenMigrate { .. } => Needs {
            token_id: true,
            ..nothing
        },
        Command::TokenSend { .. } => Needs {
            sent_code: true,
            ..nothing
        },
        Command::HwUnassign { serial, .. } => Needs {
            seed: SeedFor::Pool,
            serial: Some(serial),
            ..nothing
        },
        Command::UserEdit { edit, .. } => Needs {
            link: edit.email.is_some(),
            encloses: confirms(edit.email.as_ref(), edit.trusted),
            ..nothing
        },
        Command::EnrollEmail { .. } => Needs {
            clear_seed: true,
            link: true,
            encloses: Some(Encloses::Enrolment(Via::Email)),
            ..nothing
        },
        Command::EnrollSms { .. } => Needs {
            auth_code: true,
            link: true,
            encloses: Some(Encloses::Enrolment(Via::Sms)),
            ..nothing
        },
        Command::EnrollQr { .. } => Needs {
            clear_seed: true,
            ..nothing
        },
        Command::Page(step) => of_step(&step.what),
        Command::AuthCodeGenerate { delivery, .. } => Needs {
            auth_code: true,
            encloses: sends(*delivery),
            ..nothing
        },
        Command::RecoveryIssue { .. } => Needs {
            token_id: true,
            recovery_codes: true,
            ..nothing
        },
        Command::PinReset { .. } => Needs {
            pin_hash: true,
            ..nothing
        },
        Command::EmergencySet { .. } => Needs {
            token_id: true,
            answers: true,
            ..nothing
        },
        Command::PasswordSet { .. } => Needs {
            password_hash: true,
            ..nothing
        },
        _ => nothing,
    }
}

/// An auth code that is not shown is enclosed.
fn sends(delivery: Delivery) -> Option<Encloses> {
    delivery.via().map(Encloses::AuthCode)
}

/// A new address that nobody has vouched for is asked.
fn confirms(email: Option<&String>, trusted: bool) -> Option<Encloses> {
    let new = email.is_some_and(|email| !email.is_empty());
    (new && !trusted).then_some(Encloses::Confirmation)
}

/// What a step on a page wants.
fn of_step(step: &Step) -> Needs<'_> {
    let nothing = Needs::default();
    match step {
        Step::Begin { .. } => Needs {
            seed: SeedFor::Page,
            link: true,
            ..nothing
        },
        Step::Prove { .. } => Needs {
            link: true,
            ..nothing
        },
        Step::Recovery => Needs {
            token_id: true,
            recovery_codes: true,
            ..nothing
        },
        Step::Confirm => nothing,
    }
}
