//! `otpauth` URIs, as authenticator apps read them from QR codes and some hand them out again.
//!
//! ```text
//! otpauth://totp/Issuer:alice?secret=BASE32&algorithm=SHA1&digits=6&period=30
//! otpauth://hotp/alice?secret=BASE32&counter=42
//! ```
//! The account behind the issuer is the owner. Parameters that say nothing of codes (an issuer, a
//! picture) are passed over. Payloads by which Google Authenticator moves stand in the same list.

use std::mem;

use zeroize::Zeroizing;

use super::super::{Bad, Reason, counter, digits, period, sized};
use super::migration::Parts;
use super::{Owned, Row, each_line};
use crate::token::{Algorithm, Factor, Otp, base32};

/// Reads a list of URIs, one a line.
pub(super) fn list(text: &str) -> Result<Vec<Row>, Bad> {
    let mut parts = Parts::default();
    let mut rows = each_line(text, |uri, line| match parts.read(uri, line) {
        Some(tokens) => tokens,
        None => token(uri, line).map(|token| vec![Ok(token)]),
    })?;
    rows.extend(parts.missing().map(Err));
    rows.sort_by_key(|row| row.as_ref().map_or_else(|bad| bad.line, |token| token.line));
    Ok(rows)
}

fn token(uri: &str, line: u64) -> Result<Owned, Reason> {
    let rest = after(uri, "otpauth://").ok_or(Reason::NotOtpauth)?;
    let (kind, rest) = rest.split_once('/').ok_or(Reason::NotOtpauth)?;
    let (label, query) = rest.split_once('?').ok_or(Reason::NoSeed)?;
    let mut stated = Stated::default();
    for parameter in query.split('&') {
        stated.take(parameter)?;
    }
    let time = match kind.to_ascii_lowercase().as_str() {
        "totp" => true,
        "hotp" => false,
        _ => return Err(Reason::Kind),
    };
    let mut otp = if time { Otp::TOTP } else { Otp::HOTP };
    if let Some(text) = stated.algorithm {
        otp.algorithm = Algorithm::by_name(text).ok_or(Reason::Algorithm)?;
    }
    if let Some(text) = stated.digits {
        otp.digits = digits(text)?;
    }
    if let (Some(text), true) = (stated.period, time) {
        let period_s = period(text)?;
        otp.factor = Factor::Time { period_s };
    }
    let next_factor = match (stated.counter, time) {
        (_, true) => 0,
        (Some(text), false) => counter(text)?,
        (None, false) => return Err(Reason::NoCounter),
    };
    let secret = decoded(stated.secret.ok_or(Reason::NoSeed)?)?;
    if secret.is_empty() {
        return Err(Reason::NoSeed);
    }
    let seed = base32::decode(secret.as_bytes()).ok_or(Reason::SeedNotBase32)?;
    let label = decoded(label)?;
    Ok(Owned::bare(
        line,
        account(&label)?,
        otp,
        sized(seed)?,
        next_factor,
    ))
}

/// What the owner is called in a label: all of it, or what stands behind the issuer.
pub(super) fn account(label: &str) -> Result<&str, Reason> {
    let account = label.split_once(':').map_or(label, |(_, account)| account);
    let account = account.trim();
    if account.is_empty() {
        return Err(Reason::NoOwner);
    }
    Ok(account)
}

/// What stands behind `begin`, in either case.
pub(super) fn after<'a>(text: &'a str, begin: &str) -> Option<&'a str> {
    let (first, rest) = text.split_at_checked(begin.len())?;
    first.eq_ignore_ascii_case(begin).then_some(rest)
}

/// The parameters that say how codes are computed, each once at most.
#[derive(Default)]
struct Stated<'a> {
    secret: Option<&'a str>,
    algorithm: Option<&'a str>,
    digits: Option<&'a str>,
    period: Option<&'a str>,
    counter: Option<&'a str>,
}

impl<'a> Stated<'a> {
    fn take(&mut self, parameter: &'a str) -> Result<(), Reason> {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let place = match name.to_ascii_lowercase().as_str() {
            "secret" => &mut self.secret,
            "algorithm" => &mut self.algorithm,
            "digits" => &mut self.digits,
            "period" => &mut self.period,
            "counter" => &mut self.counter,
            // Codes in letters, as Steam has them.
            "encoder" => return Err(Reason::Encoded),
            _ => return Ok(()),
        };
        match place.replace(value) {
            None => Ok(()),
            Some(_) => Err(Reason::ParameterTwice),
        }
    }
}

/// Takes the percent-encoding of a part away.
// RFC 3986 s2.1: a percent-encoded octet is "%" and two hexadecimal digits.
pub(super) fn decoded(text: &str) -> Result<Zeroizing<String>, Reason> {
    let mut octets = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        let mut digit = || {
            let value = char::from(rest.next()?).to_digit(16)?;
            u8::try_from(value).ok()
        };
        octets.push(match octet {
            b'%' => {
                let high = digit().ok_or(Reason::Percent)?;
                high << 4 | digit().ok_or(Reason::Percent)?
            }
            octet => octet,
        });
    }
    let text = String::from_utf8(mem::take(&mut *octets)).map_err(|error| {
        drop(Zeroizing::new(error.into_bytes()));
        Reason::Percent
    })?;
    Ok(Zeroizing::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn read(uri: &str) -> Result<Owned, Reason> {
        token(&uri.replace('$', SECRET), 1)
    }

    fn reason(uri: &str) -> Option<Reason> {
        read(uri).err()
    }

    #[test]
    fn what_mfad_writes_is_read_back() {
        use crate::token::otpauth::Enrolment;
        let written = Enrolment {
            issuer: "A&B: Ü",
            account: "d\\o?e/#%é",
            otp: Otp {
                algorithm: Algorithm::Sha512,
                digits: crate::token::Digits::EIGHT,
                ..Otp::HOTP
            },
            seed: b"12345678901234567890",
            next_counter: 42,
        };
        let token = read(written.uri().expose()).ok().unwrap();
        assert_eq!(token.user, written.account);
        assert_eq!((token.otp, token.next_factor), (written.otp, 42));
        assert_eq!(token.seed.expose(), written.seed);
    }

    #[test]
    fn the_owner_stands_behind_the_issuer() {
        for (label, user) in [
            ("alice", "alice"),
            ("Example:alice", "alice"),
            ("Example%3Aalice", "alice"),
            ("Example%3A%20alice@example.org", "alice@example.org"),
            ("a:b:c", "b:c"),
        ] {
            let token = read(&format!("OTPAUTH://TOTP/{label}?secret=$"));
            assert_eq!(token.ok().unwrap().user, user, "{label}");
        }
        for label in ["", "Example:", "%20"] {
            let uri = format!("otpauth://totp/{label}?secret=$");
            assert_eq!(reason(&uri), Some(Reason::NoOwner), "{label}");
        }
    }

    #[test]
    fn nothing_is_guessed() {
        for (uri, wanted) in [
            ("http://totp/a?secret=$", Reason::NotOtpauth),
            ("otpauth://totp", Reason::NotOtpauth),
            ("otpauth://totp/a", Reason::NoSeed),
            ("otpauth://totp/a?digits=6", Reason::NoSeed),
            ("otpauth://totp/a?secret=", Reason::NoSeed),
            ("otpauth://totp/a?secret=0189", Reason::SeedNotBase32),
            ("otpauth://yaotp/a?secret=$", Reason::Kind),
            ("otpauth://totp/a?secret=$&secret=$", Reason::ParameterTwice),
            ("otpauth://totp/a?secret=$&encoder=steam", Reason::Encoded),
            ("otpauth://totp/a?secret=$&digits=5", Reason::Digits),
            ("otpauth://totp/a?secret=$&period=0", Reason::Period),
            ("otpauth://totp/a?secret=$&algorithm=MD5", Reason::Algorithm),
            ("otpauth://hotp/a?secret=$", Reason::NoCounter),
            ("otpauth://hotp/a?secret=$&counter=-1", Reason::Counter),
            ("otpauth://totp/%?secret=$", Reason::Percent),
            ("otpauth://totp/%zz?secret=$", Reason::Percent),
            ("otpauth://totp/%ff?secret=$", Reason::Percent),
        ] {
            assert_eq!(reason(uri), Some(wanted), "{uri}");
        }
    }
}
