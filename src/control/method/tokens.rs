//! Requests of `org.mfad.Tokens`.

use std::time::Duration;

use super::Arguments;
use crate::control::fault::Fault;
use crate::control::query::{Manner, Migration, Query, TokenFilter};
use crate::control::words;
use crate::domain::auth_code::Delivery;
use crate::domain::command::{Command, NewSent, NewToken, Proof, SendTo, TokenEdit};
use crate::domain::delivery::Via;
use crate::domain::rekey::ResetWhy;
use crate::domain::token_record::TokenKind;
use crate::secret::SecretBytes;
use crate::token::{Algorithm, Digits, Factor, Otp, Period};

pub(super) fn list(a: &mut Arguments) -> Result<Query, Fault> {
    let view = match a.maybe("view").as_deref() {
        None | Some("tokens") => false,
        Some("authenticators") => true,
        Some(other) => {
            return Err(Fault::argument(format!("there is no view `{other}`"))
                .doing("use tokens or authenticators"));
        }
    };
    Ok(Query::TokenList {
        user: a.user()?,
        all: a.flag("all"),
        authenticators: a.flag("authenticators") || view,
    })
}

pub(super) fn find(a: &mut Arguments) -> Result<Query, Fault> {
    let filter = TokenFilter {
        kind: a
            .maybe("kind")
            .map(|name| words::token_kind(&name))
            .transpose()?,
        status: a
            .maybe("status")
            .map(|name| words::token_status(&name))
            .transpose()?,
        serial: a.maybe("serial"),
        expiring_s: a.int("expiring_s"),
    };
    Ok(Query::TokenFind {
        filter,
        page: a.page()?,
    })
}

pub(super) fn show(a: &mut Arguments) -> Result<Query, Fault> {
    Ok(Query::TokenShow { token: a.token()? })
}

#[expect(clippy::unnecessary_wraps, reason = "the form of a row")]
pub(super) fn types(_: &mut Arguments) -> Result<Query, Fault> {
    Ok(Query::TokenTypes)
}

pub(super) fn add(a: &mut Arguments) -> Result<Command, Fault> {
    let kind = words::token_kind(&a.text("kind")?)?;
    if kind.is_sent() {
        return add_sent(kind, a);
    }
    for parameter in ["phone", "email", "via"] {
        if a.maybe(parameter).is_some() {
            let what = format!("a token of type {} has no `{parameter}`", kind.name());
            return Err(Fault::invalid_parameter(parameter, what));
        }
    }
    Ok(Command::TokenAdd(Box::new(NewToken {
        user: a.user()?,
        kind,
        otp: otp(kind, a)?,
        serial: a.maybe("serial"),
        seed: seed(a)?,
        weak: a.flag("weak"),
        counter: a.int("counter").unwrap_or(0),
        expires: a.instant("expires")?,
        description: a.maybe("description").unwrap_or_default(),
        trusted: a.flag("trusted"),
        confirm: a.maybe_code("confirm")?,
    })))
}

/// A token whose codes are sent: it has an address, and nothing that a device computes with.
fn add_sent(kind: TokenKind, a: &mut Arguments) -> Result<Command, Fault> {
    let wanted = match kind {
        TokenKind::Sms => "phone",
        TokenKind::Email => "email",
        _ => "via",
    };
    let stated = a.text(wanted)?;
    for parameter in [
        "algorithm",
        "digits",
        "period_s",
        "serial",
        "seed",
        "counter",
        "expires",
        "confirm",
        "phone",
        "email",
        "via",
    ] {
        if a.holds(parameter) {
            let what = format!("a token of type {} has no `{parameter}`", kind.name());
            return Err(Fault::invalid_parameter(parameter, what));
        }
    }
    let to =
        match kind {
            TokenKind::Sms => SendTo::Sms(stated),
            TokenKind::Email => SendTo::Email(stated),
            _ => SendTo::Virtual(Via::by_name(&stated).ok_or_else(|| {
                Fault::invalid_parameter("via", "`via` is email or sms".to_owned())
            })?),
        };
    Ok(Command::TokenAddSent(Box::new(NewSent {
        user: a.user()?,
        to,
        description: a.maybe("description").unwrap_or_default(),
        trusted: a.flag("trusted"),
    })))
}

/// Without a code one is sent, to a token whose codes are sent.
pub(super) fn confirm(a: &mut Arguments) -> Result<Command, Fault> {
    let token = a.token()?;
    Ok(match a.maybe_code("code")? {
        Some(code) => Command::TokenConfirm { token, code },
        None => Command::TokenSend {
            token,
            proof: Proof::Confirm,
        },
    })
}

/// As [`confirm`].
pub(super) fn test(a: &mut Arguments) -> Result<Command, Fault> {
    let (token, anyway) = (a.token()?, a.flag("anyway"));
    Ok(match a.maybe_code("code")? {
        Some(code) => Command::TokenTest {
            token,
            code,
            anyway,
        },
        None => Command::TokenSend {
            token,
            proof: Proof::Test { anyway },
        },
    })
}

pub(super) fn resync(a: &mut Arguments) -> Result<Command, Fault> {
    Ok(Command::TokenResync {
        token: a.token()?,
        first: a.code("first")?,
        second: a.code("second")?,
    })
}

pub(super) fn unlock(a: &mut Arguments) -> Result<Command, Fault> {
    Ok(Command::TokenUnlock { token: a.token()? })
}

pub(super) fn edit(a: &mut Arguments) -> Result<Command, Fault> {
    let token = a.token()?;
    let edit = TokenEdit {
        description: a.maybe("description"),
        expires: a.end("expires")?,
        phone: a.maybe("phone"),
        email: a.maybe("email"),
        trusted: a.flag("trusted"),
    };
    if edit == TokenEdit::default() {
        return Err(Fault::argument("nothing was named to change"));
    }
    Ok(Command::TokenEdit { token, edit })
}

pub(super) fn obsolete(a: &mut Arguments) -> Result<Command, Fault> {
    Ok(Command::TokenObsolete { token: a.token()? })
}

pub(super) fn reset_secret(a: &mut Arguments) -> Result<Command, Fault> {
    let why = a.text("why")?;
    let known = ResetWhy::by_name(&why).ok_or_else(|| {
        let words = ResetWhy::ALL.map(ResetWhy::name).join(", ");
        Fault::invalid_parameter("why", format!("`why` is one of {words}"))
    })?;
    Ok(Command::TokenResetSecret {
        user: a.user()?,
        token: a.maybe_token()?,
        why: known,
    })
}

pub(super) fn disable(a: &mut Arguments) -> Result<Command, Fault> {
    Ok(Command::TokenDisable {
        token: a.token()?,
        until: a.instant("until")?,
        force: a.flag("force"),
    })
}

pub(super) fn enable(a: &mut Arguments) -> Result<Command, Fault> {
    Ok(Command::TokenEnable { token: a.token()? })
}

pub(super) fn delete(a: &mut Arguments) -> Result<Command, Fault> {
    Ok(Command::TokenDelete {
        token: a.token()?,
        force: a.flag("force"),
    })
}

pub(super) fn migrate(a: &mut Arguments, manner: Manner) -> Result<Query, Fault> {
    let from = a.text("from")?;
    let of = |via: &Via| via.own_kind().name() == from;
    let from = Via::ALL.into_iter().find(of).ok_or_else(|| {
        Fault::invalid_parameter("from", "`from` is a type with addresses: email or sms")
    })?;
    if a.text("to")? != TokenKind::Virtual.name() {
        return Err(Fault::invalid_parameter("to", "`to` is virtual"));
    }
    let user = a.maybe_user()?;
    if user.is_none() && manner.if_revision.is_some() {
        let what = "`if_revision` is about one person";
        return Err(Fault::invalid_parameter("if_revision", what));
    }
    Ok(Query::TokenMigrate(Migration {
        from,
        user,
        expect: a.int("expect"),
        progress: a.more(),
        manner,
    }))
}

pub(super) fn enroll_qr(a: &mut Arguments) -> Result<Command, Fault> {
    let channel = a.maybe("channel").unwrap_or_else(|| "terminal".to_owned());
    if !["terminal", "png", "svg", "uri"].contains(&channel.as_str()) {
        let what = format!("a QR code cannot go to `{channel}`");
        return Err(Fault::invalid_parameter("channel", what));
    }
    Ok(Command::EnrollQr {
        user: a.user()?,
        token: a.maybe_token()?,
        channel,
    })
}

pub(super) fn enroll_email(a: &mut Arguments) -> Result<Command, Fault> {
    Ok(Command::EnrollEmail {
        user: a.user()?,
        token: a.maybe_token()?,
    })
}

pub(super) fn enroll_sms(a: &mut Arguments) -> Result<Command, Fault> {
    Ok(Command::EnrollSms { user: a.user()? })
}

pub(super) fn enroll_list(a: &mut Arguments) -> Result<Query, Fault> {
    Ok(Query::EnrollList {
        user: a.maybe_user()?,
        page: a.page()?,
    })
}

pub(super) fn enroll_revoke(a: &mut Arguments) -> Result<Command, Fault> {
    Ok(Command::EnrollRevoke { user: a.user()? })
}

pub(super) fn auth_code_generate(a: &mut Arguments) -> Result<Command, Fault> {
    let sent = a.maybe("send").map(|via| words::delivery("send", &via));
    auth_code(a, sent.transpose()?.unwrap_or_default())
}

pub(super) fn auth_code_send(a: &mut Arguments) -> Result<Command, Fault> {
    let via = a.text("via")?;
    auth_code(a, words::delivery("via", &via)?)
}

fn auth_code(a: &mut Arguments, delivery: Delivery) -> Result<Command, Fault> {
    Ok(Command::AuthCodeGenerate {
        user: a.user()?,
        ttl: a.int("ttl_s").map(Duration::from_secs),
        force: a.flag("force"),
        delivery,
    })
}

pub(super) fn auth_code_revoke(a: &mut Arguments) -> Result<Command, Fault> {
    Ok(Command::AuthCodeRevoke { user: a.user()? })
}

pub(super) fn device_auth_status(a: &mut Arguments) -> Result<Query, Fault> {
    Ok(Query::DeviceAuthStatus { user: a.user()? })
}

pub(super) fn recovery_issue(a: &mut Arguments) -> Result<Command, Fault> {
    Ok(Command::RecoveryIssue { user: a.user()? })
}

pub(super) fn recovery_revoke(a: &mut Arguments) -> Result<Command, Fault> {
    Ok(Command::RecoveryRevoke { user: a.user()? })
}

pub(super) fn hw_list(a: &mut Arguments) -> Result<Query, Fault> {
    Ok(Query::HwList {
        serial: a.maybe("serial"),
        page: a.page()?,
    })
}

pub(super) fn hw_unassign(a: &mut Arguments) -> Result<Command, Fault> {
    Ok(Command::HwUnassign {
        serial: a.text("serial")?,
        force: a.flag("force"),
    })
}

fn otp(kind: TokenKind, a: &mut Arguments) -> Result<Otp, Fault> {
    let (algorithm, digits) = (algorithm(a)?, digits(a)?);
    let factor = match (kind, a.int("period_s")) {
        (TokenKind::Totp, None) => Factor::Time {
            period_s: Period::THIRTY,
        },
        (TokenKind::Totp, Some(seconds)) => Factor::Time {
            period_s: period(seconds)?,
        },
        (TokenKind::Hotp, None) => Factor::Counter,
        (TokenKind::Hotp, Some(_)) => {
            return Err(Fault::argument("an event based token has no `period_s`"));
        }
        (TokenKind::Recovery, _) => {
            return Err(Fault::argument("recovery codes are no token to add")
                .try_next("mfactl recovery issue USER"));
        }
        (TokenKind::Qa, _) => {
            return Err(Fault::argument("questions are set, not added")
                .try_next("mfactl emergency set USER"));
        }
        (TokenKind::Sms | TokenKind::Email | TokenKind::Virtual, _) => {
            return Err(Fault::argument("its codes are sent and not computed"));
        }
    };
    Ok(Otp {
        algorithm,
        digits,
        factor,
    })
}

pub(super) fn algorithm(a: &mut Arguments) -> Result<Algorithm, Fault> {
    match a.maybe("algorithm").as_deref() {
        None | Some("SHA1") => Ok(Algorithm::Sha1),
        Some("SHA256") => Ok(Algorithm::Sha256),
        Some("SHA512") => Ok(Algorithm::Sha512),
        Some(other) => Err(Fault::argument(format!("there is no algorithm `{other}`"))
            .doing("use SHA1, SHA256 or SHA512")),
    }
}

pub(super) fn digits(a: &mut Arguments) -> Result<Digits, Fault> {
    let Some(digits) = a.int("digits") else {
        return Ok(Digits::SIX);
    };
    u8::try_from(digits)
        .ok()
        .and_then(|digits| Digits::new(digits).ok())
        .ok_or_else(|| Fault::invalid_parameter("digits", "a code has 6, 7 or 8 digits"))
}

pub(super) fn period(seconds: u64) -> Result<Period, Fault> {
    u16::try_from(seconds)
        .ok()
        .and_then(|seconds| Period::new(seconds).ok())
        .ok_or_else(|| {
            let what = format!("a time step has {} to {} s", Period::MIN_S, Period::MAX_S);
            Fault::invalid_parameter("period_s", what)
        })
}

fn seed(a: &mut Arguments) -> Result<Option<SecretBytes>, Fault> {
    let Some(text) = a.secret("seed") else {
        return Ok(None);
    };
    words::seed(&text).map(Some)
}
