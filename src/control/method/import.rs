//! Requests that bring files in.

use super::Arguments;
use super::tokens::{algorithm, digits, period};
use crate::control::fault::Fault;
use crate::control::import::{Hardware, Import, Owners, What};
use crate::control::query::Manner;
use crate::control::words;
use crate::domain::people_file::Layout;
use crate::domain::token_record::TokenKind;
use crate::secret::SecretBytes;
use crate::token::import::owned::Source;
use crate::token::import::{Format, Unsaid};
use crate::token::{Factor, Period};

pub(super) fn piece(a: &mut Arguments) -> Result<SecretBytes, Fault> {
    a.secret("text")
        .filter(|text| !text.expose().is_empty())
        .ok_or_else(|| Fault::invalid_parameter("text", "`text` is empty"))
}

pub(super) fn hardware(a: &mut Arguments, manner: Manner) -> Result<Import, Fault> {
    let name = a.text("format")?;
    let format = Format::by_name(&name).ok_or_else(|| {
        let known: Vec<&str> = Format::ALL.iter().map(|format| format.name()).collect();
        Fault::argument(format!("there is no format `{name}`"))
            .doing(format!("use {}", known.join(", ")))
    })?;
    let what = What::Hardware(Hardware {
        format,
        unsaid: unsaid(a)?,
        key: a.secret("key"),
        weak: a.flag("weak"),
    });
    Ok(import(what, a, manner))
}

pub(super) fn people(a: &mut Arguments, manner: Manner) -> Result<Import, Fault> {
    let (header, strip_domain, weak) = (a.flag("header"), a.flag("strip_domain"), a.flag("weak"));
    let trusted = a.flag("trusted");
    let what = match a.maybe("source") {
        None => What::People(Layout {
            header,
            strip_domain,
            trusted,
        }),
        Some(name) => What::Owners(Owners {
            source: source(&name)?,
            key: a.secret("key"),
            strip_domain,
            weak,
        }),
    };
    Ok(import(what, a, manner))
}

fn source(name: &str) -> Result<Source, Fault> {
    Source::by_name(name).ok_or_else(|| {
        let known: Vec<&str> = Source::ALL.iter().map(|source| source.name()).collect();
        Fault::argument(format!("there is no source `{name}`"))
            .doing(format!("use {}", known.join(", ")))
    })
}

fn import(what: What, a: &mut Arguments, manner: Manner) -> Import {
    Import {
        what,
        skip_bad: a.flag("skip_bad"),
        expect: a.int("expect"),
        progress: a.more(),
        manner,
    }
}

fn unsaid(a: &mut Arguments) -> Result<Unsaid, Fault> {
    let kind = a.maybe("kind").map(|name| words::token_kind(&name));
    let stated = a.int("period_s").map(period).transpose()?;
    let factor = match (kind.transpose()?, stated) {
        (None, None) => None,
        (Some(TokenKind::Hotp), None) => Some(Factor::Counter),
        (Some(TokenKind::Totp), stated) => Some(Factor::Time {
            period_s: stated.unwrap_or(Period::THIRTY),
        }),
        (None, Some(_)) => {
            return Err(Fault::argument(
                "`period_s` says nothing without `kind` totp",
            ));
        }
        (Some(TokenKind::Hotp), Some(_)) => {
            return Err(Fault::argument("an event based token has no `period_s`"));
        }
        (Some(kind), _) => {
            let what = format!("a token of type {} is no hardware token", kind.name());
            return Err(Fault::argument(what));
        }
    };
    Ok(Unsaid {
        factor,
        digits: digits(a)?,
        algorithm: algorithm(a)?,
    })
}
