//! Parameters on their way into a request: checked against the row, then taken out one by one.

use serde_json::{Map, Value};

use super::{Method, Type};
use crate::control::fault::Fault;
use crate::control::import::PIECE_OCTETS_MAX;
use crate::control::message::Parameters;
use crate::control::query::{Extent, PAGE_ROWS, PAGE_ROWS_MAX, Page};
use crate::control::words;
use crate::domain::command::TokenRef;
use crate::secret::SecretBytes;
use crate::time::Timestamp;
use crate::token::OtpCode;

/// Longest text in a parameter, in octets.
pub(super) const TEXT_OCTETS_MAX: usize = 4096;
/// Most texts in a parameter that is a list.
pub(super) const TEXTS_MAX: usize = 64;

/// Parameters that fit their row: known names, right types, nothing missing.
pub(super) struct Arguments {
    values: Parameters,
    more: bool,
}

impl Arguments {
    /// Holds the parameters against the row of the method.
    pub(super) fn check(method: &Method, values: Parameters, more: bool) -> Result<Self, Fault> {
        let unknown = values
            .names()
            .find(|name| method.all_parameters().all(|known| known.name != *name));
        if let Some(name) = unknown {
            let what = format!("{} has no parameter `{name}`", method.name);
            return Err(Fault::invalid_parameter(name, what));
        }
        for parameter in method.all_parameters() {
            let name = parameter.name;
            match values.look(name) {
                Some(value) => fits(name, parameter.kind, value)?,
                None if parameter.required => {
                    let what = format!("{} needs the parameter `{name}`", method.name);
                    return Err(Fault::invalid_parameter(name, what));
                }
                None => {}
            }
        }
        Ok(Self { values, more })
    }

    /// Whether the caller takes several replies.
    pub(super) const fn more(&self) -> bool {
        self.more
    }

    /// What is stated and was not taken yet.
    pub(super) fn stated(&self) -> Map<String, Value> {
        let names = self.values.names();
        names
            .filter_map(|name| Some((name.to_owned(), self.values.look(name)?.clone())))
            .collect()
    }

    /// Takes a text that may be missing.
    pub(super) fn maybe(&mut self, name: &str) -> Option<String> {
        match self.values.take(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether something is stated that was not taken yet.
    pub(super) fn holds(&self, name: &str) -> bool {
        self.values.look(name).is_some()
    }

    /// Takes a text that must be there.
    pub(super) fn text(&mut self, name: &str) -> Result<String, Fault> {
        self.maybe(name)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| Fault::invalid_parameter(name, format!("`{name}` is empty")))
    }

    /// Takes several texts; none are an empty list.
    pub(super) fn texts(&mut self, name: &str) -> Vec<String> {
        let Some(Value::Array(values)) = self.values.take(name) else {
            return Vec::new();
        };
        let text = |value| match value {
            Value::String(text) => Some(text),
            _ => None,
        };
        values.into_iter().filter_map(text).collect()
    }

    /// Takes a yes or no; missing means no.
    pub(super) fn flag(&mut self, name: &str) -> bool {
        self.maybe_flag(name).unwrap_or(false)
    }

    /// Takes a yes or no that may be missing.
    pub(super) fn maybe_flag(&mut self, name: &str) -> Option<bool> {
        self.values.take(name)?.as_bool()
    }

    /// Takes a whole number that may be missing.
    pub(super) fn int(&mut self, name: &str) -> Option<u64> {
        self.values.take(name)?.as_u64()
    }

    /// Takes a whole number from 1 to `most`.
    pub(super) fn count(&mut self, name: &str, most: u64, default: u64) -> Result<usize, Fault> {
        let count = self.int(name).unwrap_or(default);
        if !(1..=most).contains(&count) {
            let what = format!("`{name}` goes from 1 to {most}, not {count}");
            return Err(Fault::invalid_parameter(name, what));
        }
        usize::try_from(count).map_err(|_| Fault::invalid_parameter(name, "too much"))
    }

    /// Takes an instant that may be missing.
    pub(super) fn instant(&mut self, name: &str) -> Result<Option<Timestamp>, Fault> {
        let text = self.maybe(name);
        text.map(|text| instant(name, &text)).transpose()
    }

    /// Takes an end that may be missing; an empty text takes the end away.
    pub(super) fn end(&mut self, name: &str) -> Result<Option<Timestamp>, Fault> {
        match self.maybe(name).as_deref() {
            Some("") => Ok(Some(Timestamp::NEVER)),
            Some(text) => instant(name, text).map(Some),
            None => Ok(None),
        }
    }

    /// Takes the login name that must be there, as the store knows it.
    pub(super) fn user(&mut self) -> Result<String, Fault> {
        let typed = self.text("user")?;
        words::user_name(&typed)
    }

    /// Takes a login name that may be missing.
    pub(super) fn maybe_user(&mut self) -> Result<Option<String>, Fault> {
        self.maybe("user")
            .map(|typed| words::user_name(&typed))
            .transpose()
    }

    /// Takes the token that must be named.
    pub(super) fn token(&mut self) -> Result<TokenRef, Fault> {
        let typed = self.text("token")?;
        words::token_ref(&typed)
    }

    /// Takes a token that may be named.
    pub(super) fn maybe_token(&mut self) -> Result<Option<TokenRef>, Fault> {
        self.maybe("token")
            .map(|typed| words::token_ref(&typed))
            .transpose()
    }

    /// Takes a secret that may be missing, without leaving a copy.
    pub(super) fn secret(&mut self, name: &str) -> Option<SecretBytes> {
        let text = self.maybe(name)?;
        Some(SecretBytes::new(text.into_bytes()))
    }

    /// Takes a one-time code that must be there.
    pub(super) fn code(&mut self, name: &str) -> Result<OtpCode, Fault> {
        self.maybe_code(name)?
            .ok_or_else(|| Fault::invalid_parameter(name, format!("`{name}` is empty")))
    }

    /// Takes a one-time code that may be missing.
    pub(super) fn maybe_code(&mut self, name: &str) -> Result<Option<OtpCode>, Fault> {
        self.secret(name)
            .map(|digits| words::otp_code(digits.expose()))
            .transpose()
    }

    /// Takes what all lists have in common.
    pub(super) fn page(&mut self) -> Result<Page, Fault> {
        let extent = match (self.flag("follow"), self.more) {
            (true, false) => return Err(Fault::expected_more()),
            (true, true) => Extent::Follow,
            (false, true) => Extent::All,
            (false, false) => Extent::Page,
        };
        Ok(Page {
            limit: self.count("limit", PAGE_ROWS_MAX, PAGE_ROWS)?,
            cursor: self.maybe("cursor"),
            extent,
        })
    }
}

fn instant(name: &str, text: &str) -> Result<Timestamp, Fault> {
    words::instant(text).ok_or_else(|| {
        let what = format!("`{name}` is no instant as in 2026-11-28T17:00:00Z");
        Fault::invalid_parameter(name, what)
    })
}

/// Holds a value against its type; never quotes it, since it may be a secret.
fn fits(name: &str, kind: Type, value: &Value) -> Result<(), Fault> {
    let right = match (kind, value) {
        (Type::Text | Type::Prose | Type::Secret | Type::Piece, Value::String(text)) => {
            return text_fits(name, kind, text);
        }
        (Type::Texts, Value::Array(values)) => {
            if values.len() > TEXTS_MAX {
                let what = format!("`{name}` has more than {TEXTS_MAX} entries");
                return Err(Fault::invalid_parameter(name, what));
            }
            return values
                .iter()
                .try_for_each(|value| fits(name, Type::Text, value));
        }
        (Type::Int, value) => value.is_u64(),
        (Type::Bool, value) => value.is_boolean(),
        _ => false,
    };
    if right {
        return Ok(());
    }
    let wanted = match kind {
        Type::Int => "a whole number from 0",
        other => other.idl(),
    };
    let what = format!("`{name}` is to be {wanted}");
    Err(Fault::invalid_parameter(name, what))
}

fn text_fits(name: &str, kind: Type, text: &str) -> Result<(), Fault> {
    let most = match kind {
        Type::Piece => PIECE_OCTETS_MAX,
        _ => TEXT_OCTETS_MAX,
    };
    if text.len() > most {
        let what = format!("`{name}` is longer than {most} octets");
        return Err(Fault::invalid_parameter(name, what));
    }
    let lines = matches!(kind, Type::Prose);
    let forbidden = |sign: char| sign.is_control() && !(lines && sign == '\n');
    if !matches!(kind, Type::Secret | Type::Piece) && text.chars().any(forbidden) {
        let what = format!("`{name}` has a control character in it");
        return Err(Fault::invalid_parameter(name, what));
    }
    Ok(())
}
