//! Words of the wire that are more than text: instants, names of tokens, codes.

use std::borrow::Cow;

use crate::domain::auth_code::Delivery;
use crate::domain::command::TokenRef;
use crate::domain::name;
use crate::domain::token_record::{Status, TokenKind};
use crate::secret::SecretBytes;
use crate::time::Timestamp;
use crate::token::{OtpCode, TokenId, base32};

use super::fault::Fault;

/// Reads an instant in RFC 3339, in whatever zone it is stated.
#[must_use]
pub fn instant(text: &str) -> Option<Timestamp> {
    if text == "never" {
        return Some(Timestamp::NEVER);
    }
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp(at.as_millisecond()))
}

/// Brings a login name into the form in which the store knows it.
pub fn user_name(text: &str) -> Result<String, Fault> {
    name::canonical(text.as_bytes())
        .map(Cow::into_owned)
        .map_err(|error| Fault::argument(format!("a login name {error}")))
}

/// Reads which token is meant: `T-8F3K2`, `alice/totp`, else a serial.
pub fn token_ref(text: &str) -> Result<TokenRef, Fault> {
    if let Some(id) = token_id(text) {
        return Ok(TokenRef::Id(id));
    }
    if let Some((user, kind)) = text.rsplit_once('/') {
        let kind = token_kind(kind)?;
        return Ok(TokenRef::OfUser(user_name(user)?, kind));
    }
    if text.is_empty() {
        return Err(Fault::argument("no token was named")
            .doing("name an id (T-8F3K2), USER/TYPE (alice/totp) or a serial"));
    }
    Ok(TokenRef::Serial(text.to_owned()))
}

/// Reads a kind of token.
pub fn token_kind(text: &str) -> Result<TokenKind, Fault> {
    TokenKind::by_name(text).ok_or_else(|| {
        Fault::argument(format!("there is no token type `{text}`"))
            .doing("use totp, hotp, recovery, sms, email, virtual or qa")
    })
}

/// Reads what a token can be at a moment.
pub fn token_status(text: &str) -> Result<Status, Fault> {
    [
        Status::Obsolete,
        Status::Deactivated,
        Status::Disabled,
        Status::Locked,
        Status::Expired,
        Status::Pending,
        Status::Active,
        Status::Registered,
    ]
    .into_iter()
    .find(|status| status.name() == text)
    .ok_or_else(|| {
        Fault::argument(format!("there is no token status `{text}`")).doing(
            "use obsolete, deactivated, disabled, locked, expired, pending, active or registered",
        )
    })
}

/// Reads the way in which an auth code is sent.
pub fn delivery(parameter: &str, text: &str) -> Result<Delivery, Fault> {
    match text {
        "email" => Ok(Delivery::Email),
        "sms" => Ok(Delivery::Sms),
        _ => {
            let what = format!("`{parameter}` is to be `email` or `sms`");
            Err(Fault::invalid_parameter(parameter, what))
        }
    }
}

/// Reads a seed in base32.
pub fn seed(text: &SecretBytes) -> Result<SecretBytes, Fault> {
    base32::decode(text.expose())
        .ok_or_else(|| Fault::invalid_parameter("seed", "the seed is not base32"))
}

/// Reads the id of a token; none: it is something else.
fn token_id(text: &str) -> Option<TokenId> {
    text.parse().ok()
}

/// Reads a one-time code of exactly 6, 7 or 8 digits.
pub fn otp_code(digits: &[u8]) -> Result<OtpCode, Fault> {
    OtpCode::parse(digits).ok_or_else(|| {
        Fault::argument("that is not a code").why("a code has 6, 7 or 8 digits and nothing else")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_a_token_in_three_ways() {
        let id = "T-8F3K2".parse().unwrap();
        assert_eq!(token_ref("t-8f3k2"), Ok(TokenRef::Id(id)));
        let of_user = TokenRef::OfUser("alice".to_owned(), TokenKind::Totp);
        assert_eq!(token_ref("Alice/totp"), Ok(of_user));
        let serial = TokenRef::Serial("FT-2204417".to_owned());
        assert_eq!(token_ref("FT-2204417"), Ok(serial));
        for wrong in ["", "/totp", "alice/", "alice/push"] {
            assert!(token_ref(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn reads_instants_in_any_zone() {
        let at = instant("2026-11-28T18:00:00+01:00");
        assert_eq!(at, instant("2026-11-28T17:00:00.000Z"));
        assert_eq!(at.unwrap().to_string(), "2026-11-28T17:00:00.000Z");
        assert_eq!(instant("2026-11-28"), None);
        assert_eq!(instant("2026-11-28T17:00:00"), None);
    }
}
