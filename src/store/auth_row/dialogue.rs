//! Open dialogues in the row: what is asked, what was right before, and what is known of the answer.
//!
//! An octet says the kind; one of a later version is left where it is.

use super::super::octets::{Damage, Put, Taker};
use super::{id_octets, take_id};
use crate::domain::dialogue::{
    AddressCode, Ahead, Dialogue, Emergency, Factors, HandleDigest, Kind, Methods, NewPin, Proven,
    Sent, Step,
};
use crate::domain::policy::FirstFactorBy;
use crate::domain::verdict::How;
use crate::token::TokenId;

const PASSCODE: u8 = 0;
const CODE: u8 = 1;
const AUTH_CODE: u8 = 10;
const FIRST_CODE: u8 = 11;
const DEVICE_CODE: u8 = 12;
const ADDRESS: u8 = 13;
const NEW_PIN: u8 = 20;
const REAUTH: u8 = 21;
const CONFIRM: u8 = 22;
const CODE_OF: u8 = 23;
const RESYNC: u8 = 24;
const SENT: u8 = 30;
const METHOD: u8 = 31;
const QUESTION: u8 = 40;
const EMERGENCY_MENU: u8 = 41;
const EMERGENCY_PIN: u8 = 42;

/// The kinds of this version.
const KINDS: [u8; 16] = [
    PASSCODE,
    CODE,
    AUTH_CODE,
    FIRST_CODE,
    DEVICE_CODE,
    ADDRESS,
    NEW_PIN,
    REAUTH,
    CONFIRM,
    SENT,
    METHOD,
    CODE_OF,
    QUESTION,
    EMERGENCY_MENU,
    EMERGENCY_PIN,
    RESYNC,
];

pub(super) fn put(out: &mut Vec<u8>, dialogue: &Dialogue) {
    out.push(match dialogue.kind {
        Kind::Passcode => PASSCODE,
        Kind::Code => CODE,
        Kind::NewPin(_) => NEW_PIN,
        Kind::Reauth => REAUTH,
        Kind::Confirm => CONFIRM,
        Kind::AuthCode(_) => AUTH_CODE,
        Kind::FirstCode { .. } => FIRST_CODE,
        Kind::Sent(_) => SENT,
        Kind::Method(_) => METHOD,
        Kind::CodeOf(_) => CODE_OF,
        Kind::DeviceCode(_) => DEVICE_CODE,
        Kind::Emergency(Emergency { ref step, .. }) => match step {
            Step::Question { .. } => QUESTION,
            Step::Menu => EMERGENCY_MENU,
            Step::Pin(_) => EMERGENCY_PIN,
        },
        Kind::Resync(_) => RESYNC,
        Kind::Address(_) => ADDRESS,
    });
    out.extend_from_slice(&dialogue.handle.0);
    out.put_time(dialogue.opened);
    out.put_time(dialogue.expires);
    out.put_number(u64::from(dialogue.rounds));
    out.put_number(u64::from(dialogue.row));
    out.put_text(&dialogue.gateway);
    put_proven(out, &dialogue.proven);
    match &dialogue.kind {
        Kind::Passcode | Kind::Code | Kind::Reauth | Kind::Confirm => {}
        Kind::NewPin(asked) => put_new_pin(out, asked),
        Kind::Emergency(Emergency { token, step }) => {
            out.extend_from_slice(&id_octets(*token));
            match step {
                Step::Question { number, wrong } => {
                    out.push(*number);
                    out.push(u8::from(*wrong));
                }
                Step::Menu => {}
                Step::Pin(asked) => put_new_pin(out, asked),
            }
        }
        Kind::AuthCode(shown) | Kind::DeviceCode(shown) => {
            if let Some(token) = shown {
                out.extend_from_slice(&id_octets(*token));
            }
        }
        Kind::FirstCode { wrong } => out.push(*wrong),
        Kind::Sent(sent) => put_sent(out, sent),
        Kind::Address(asked) => {
            put_sent(out, &asked.sent);
            out.put_text(&asked.to);
            out.push(asked.wrong);
        }
        Kind::CodeOf(token) => out.extend_from_slice(&id_octets(*token)),
        Kind::Resync(ahead) => {
            out.extend_from_slice(&id_octets(ahead.token));
            out.put_number(ahead.first);
        }
        Kind::Method(methods) => {
            out.push(u8::from(methods.typed));
            for token in &methods.sent {
                out.extend_from_slice(&id_octets(*token));
            }
        }
    }
}

/// A dialogue; none: of a kind, or after a factor, that only a later version knows.
pub(super) fn take(value: &mut Taker<'_>) -> Result<Option<Dialogue>, Damage> {
    let kind = value.octet()?;
    if !KINDS.contains(&kind) {
        return Ok(None);
    }
    let handle = HandleDigest(value.array()?);
    let (opened, expires) = (value.time()?, value.time()?);
    let (rounds, row) = (value.number_32()?, value.number_32()?);
    let gateway = value.text()?;
    let Some(proven) = take_proven(value)? else {
        return Ok(None);
    };
    let kind = match kind {
        PASSCODE => Kind::Passcode,
        CODE => Kind::Code,
        REAUTH => Kind::Reauth,
        CONFIRM => Kind::Confirm,
        AUTH_CODE => Kind::AuthCode(take_shown(value)?),
        DEVICE_CODE => Kind::DeviceCode(take_shown(value)?),
        FIRST_CODE => Kind::FirstCode {
            wrong: value.octet()?,
        },
        SENT => Kind::Sent(take_sent(value)?),
        ADDRESS => Kind::Address(AddressCode {
            sent: take_sent(value)?,
            to: value.text()?,
            wrong: value.octet()?,
        }),
        METHOD => Kind::Method(take_methods(value)?),
        CODE_OF => Kind::CodeOf(take_id(value)?),
        RESYNC => Kind::Resync(Ahead {
            token: take_id(value)?,
            first: value.number()?,
        }),
        QUESTION | EMERGENCY_MENU | EMERGENCY_PIN => Kind::Emergency(Emergency {
            token: take_id(value)?,
            step: match kind {
                QUESTION => Step::Question {
                    number: value.octet()?,
                    wrong: take_flag(value, "question")?,
                },
                EMERGENCY_MENU => Step::Menu,
                _ => Step::Pin(take_new_pin(value)?),
            },
        }),
        _ => Kind::NewPin(take_new_pin(value)?),
    };
    Ok(Some(Dialogue {
        kind,
        proven,
        gateway,
        opened,
        expires,
        handle,
        rounds,
        row,
    }))
}

fn put_sent(out: &mut Vec<u8>, sent: &Sent) {
    out.extend_from_slice(&id_octets(sent.token));
    out.extend_from_slice(&sent.hash);
    out.put_time(sent.until);
    out.push(sent.sends);
}

fn take_sent(value: &mut Taker<'_>) -> Result<Sent, Damage> {
    Ok(Sent {
        token: take_id(value)?,
        hash: value.array()?,
        until: value.time()?,
        sends: value.octet()?,
    })
}

/// The token whose first code was typed, if one was.
fn take_shown(value: &mut Taker<'_>) -> Result<Option<TokenId>, Damage> {
    match value.is_empty() {
        true => Ok(None),
        false => take_id(value).map(Some),
    }
}

fn put_new_pin(out: &mut Vec<u8>, asked: &NewPin) {
    out.push(asked.weak);
    out.push(u8::from(asked.unequal));
    if let Some(chosen) = &asked.chosen {
        out.extend_from_slice(chosen);
    }
}

fn take_new_pin(value: &mut Taker<'_>) -> Result<NewPin, Damage> {
    Ok(NewPin {
        weak: value.octet()?,
        unequal: take_flag(value, "new PIN")?,
        chosen: if value.is_empty() {
            None
        } else {
            Some(value.array()?)
        },
    })
}

fn take_flag(value: &mut Taker<'_>, what: &'static str) -> Result<bool, Damage> {
    match value.octet()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Damage::Value(what)),
    }
}

fn take_methods(value: &mut Taker<'_>) -> Result<Methods, Damage> {
    let mut methods = Methods {
        typed: take_flag(value, "methods")?,
        sent: Vec::new(),
    };
    while !value.is_empty() {
        methods.sent.push(take_id(value)?);
    }
    Ok(methods)
}

/// Stands with the first factor: a new PIN is wished.
const WANTS_NEW: u8 = 0x10;

/// Stands with it, too: the auth code of a reset was right.
const AUTHORIZED: u8 = 0x20;

fn put_proven(out: &mut Vec<u8>, proven: &Proven) {
    let first = match proven.first {
        None => 0,
        Some(FirstFactorBy::None) => 1,
        Some(FirstFactorBy::Gateway) => 2,
        Some(FirstFactorBy::Pin) => 3,
        Some(FirstFactorBy::Local) => 4,
    };
    let wants_new = if proven.wants_new { WANTS_NEW } else { 0 };
    let authorized = if proven.authorized { AUTHORIZED } else { 0 };
    out.push(first | wants_new | authorized);
    out.put_number(u64::try_from(proven.factors.len()).unwrap_or(0));
    for how in &proven.factors {
        match how {
            How::Token(id) => put_how(out, 0, id),
            How::Grace(id) => put_how(out, 1, id),
            How::Recovery(id) => put_how(out, 2, id),
            How::Passthrough(grant) => {
                out.push(3);
                out.put_number(u64::from(*grant));
            }
            How::PolicyPassthrough => out.push(4),
        }
    }
}

fn put_how(out: &mut Vec<u8>, how: u8, id: &TokenId) {
    out.push(how);
    out.extend_from_slice(&id_octets(*id));
}

fn take_proven(value: &mut Taker<'_>) -> Result<Option<Proven>, Damage> {
    let octet = value.octet()?;
    let wants_new = octet & WANTS_NEW != 0;
    let authorized = octet & AUTHORIZED != 0;
    let first = match octet & !(WANTS_NEW | AUTHORIZED) {
        0 => None,
        1 => Some(FirstFactorBy::None),
        2 => Some(FirstFactorBy::Gateway),
        3 => Some(FirstFactorBy::Pin),
        4 => Some(FirstFactorBy::Local),
        _ => return Ok(None),
    };
    let mut factors = Factors::new();
    for _ in 0..value.number()? {
        factors.push(match value.octet()? {
            0 => How::Token(take_id(value)?),
            1 => How::Grace(take_id(value)?),
            2 => How::Recovery(take_id(value)?),
            3 => How::Passthrough(value.number_32()?),
            4 => How::PolicyPassthrough,
            _ => return Ok(None),
        });
    }
    Ok(Some(Proven {
        first,
        factors,
        wants_new,
        authorized,
    }))
}
