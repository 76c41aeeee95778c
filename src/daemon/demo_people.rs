//! The people of the demo, made as an operator would make them.

use std::sync::Arc;

use super::demo::{DemoError, wrong};
use super::instance::Instance;
use crate::domain::action::Role;
use crate::domain::command::{Command, NewToken, NewUser, Reveal};
use crate::domain::event::Operator;
use crate::engine::prepare::{Carried, Manner};
use crate::secret::{Secret, SecretBytes};
use crate::sys::random;
use crate::token::generate::{PIN_RANDOM_OCTETS, generate_pin};
use crate::token::{Otp, base32};

/// Digits of the demo's PINs.
const PIN_DIGITS: usize = 6;

/// A person of the demo.
pub(super) struct Person {
    pub(super) name: &'static str,
    pub(super) pin: SecretBytes,
    pub(super) seed: SecretBytes,
    pub(super) uri: Secret<String>,
    pub(super) token: String,
}

/// A person with a PIN and a proven token, made as an operator would make them.
pub(super) fn person(instance: &Instance, name: &'static str) -> Result<Person, DemoError> {
    let add = NewUser {
        user: name.to_owned(),
        ..NewUser::default()
    };
    order(instance, Command::UserAdd(add))?;
    let pin = set_pin(instance, name)?;
    let token = NewToken {
        description: "made for the demo".to_owned(),
        trusted: true,
        ..NewToken::of(name.to_owned(), Otp::TOTP)
    };
    let done = order(instance, Command::TokenAdd(Box::new(token)))?.done;
    let Some(Reveal::OtpauthUri(uri)) = &done.reveal else {
        return Err(DemoError("no token could be made".to_owned()));
    };
    let uri = Secret::new(String::from_utf8_lossy(uri.expose()).into_owned());
    let seed = seed_of(uri.expose()).ok_or_else(|| DemoError("no seed was made".to_owned()))?;
    let token = done.token.map(|id| id.to_string()).unwrap_or_default();
    Ok(Person {
        name,
        pin,
        seed,
        uri,
        token,
    })
}

/// The seed in an otpauth URI.
fn seed_of(uri: &str) -> Option<SecretBytes> {
    let (_, from) = uri.split_once("secret=")?;
    base32::decode(from.split('&').next()?.as_bytes())
}

/// Sets a made-up PIN that need not be changed.
fn set_pin(instance: &Instance, name: &str) -> Result<SecretBytes, DemoError> {
    for _ in 0..16 {
        let random = random::array::<PIN_RANDOM_OCTETS>()
            .map_err(|error| wrong("random numbers")(&error))?;
        let Some(pin) = generate_pin(&random, PIN_DIGITS) else {
            continue;
        };
        let copy = Some(SecretBytes::copy_of(pin.expose()));
        // Once in a while chance makes one of those that everybody tries first.
        let reset = Command::PinReset {
            user: name.to_owned(),
            pin: copy,
            keep: true,
        };
        if order(instance, reset).is_ok() {
            return Ok(pin);
        }
    }
    Err(DemoError("no PIN could be made".to_owned()))
}

fn order(instance: &Instance, command: Command) -> Result<Carried, DemoError> {
    let operator = Operator {
        uid: 0,
        name: Arc::from("demo-setup"),
        role: Role::Admin,
    };
    let manner = Manner {
        reason: Some("demo".to_owned()),
        ..Manner::default()
    };
    let engine = instance
        .engine()
        .ok_or_else(|| DemoError("sealed".to_owned()))?;
    engine
        .change(&operator, command, &manner)
        .map_err(|refusal| wrong("setting up")(&refusal))
}
