//! The log of Yubico's personalisation tool, in either of its forms; `OATH-HOTP` alone is taken.
//!
//! ```text
//! traditional   OATH-HOTP, time, slot, public id,, key, 2 access codes, 3 flags, digits, counter, ..
//! Yubico        serial, public id, counter, key, access code, time,
//! ```
//! The traditional form names the device by its public id alone. The other has no digits, and tells
//! OATH from Yubico OTP by the third column: a counter, or a private id of 12 hexadecimal digits;
//! nothing there is a static password. A challenge-response key looks like a counter of 0 without a
//! public id: the log cannot tell it from OATH, so such a line is taken.

use super::table::Line;
use super::{Imported, Reason, Unsaid};
use super::{counter, digits, seed};
use crate::token::{Factor, Otp};

/// Columns of the traditional form.
const TRADITIONAL: usize = 18;
/// Hexadecimal digits of a private id.
const PRIVATE_ID: usize = 12;

pub(super) fn record(line: &Line<'_>, unsaid: &Unsaid) -> Result<Imported, Reason> {
    let first = line.column(0);
    let bare = first.bytes().all(|sign| sign.is_ascii_digit());
    if bare {
        bare_form(line, unsaid)
    } else {
        traditional(line, unsaid)
    }
}

fn traditional(line: &Line<'_>, unsaid: &Unsaid) -> Result<Imported, Reason> {
    if !line.column(0).eq_ignore_ascii_case("OATH-HOTP") {
        return Err(Reason::Kind);
    }
    let found = line.columns.len();
    if found < TRADITIONAL {
        let wanted = "18 or more";
        return Err(Reason::Columns { found, wanted });
    }
    let mut otp = unsaid.otp(Factor::Counter);
    otp.digits = digits(line.column(11))?;
    token(line, otp, line.column(3), line.column(5), line.column(12))
}

fn bare_form(line: &Line<'_>, unsaid: &Unsaid) -> Result<Imported, Reason> {
    let found = line.columns.len();
    if !(6..=7).contains(&found) {
        let wanted = "6 or 7";
        return Err(Reason::Columns { found, wanted });
    }
    let third = line.column(2);
    if third.is_empty() || third.len() == PRIVATE_ID {
        return Err(Reason::Kind);
    }
    let otp = unsaid.otp(Factor::Counter);
    token(line, otp, line.column(0), line.column(3), third)
}

fn token(
    line: &Line<'_>,
    otp: Otp,
    serial: &str,
    key: &str,
    first: &str,
) -> Result<Imported, Reason> {
    if serial.is_empty() {
        return Err(Reason::NoSerial);
    }
    Ok(Imported {
        line: line.number,
        serial: serial.to_owned(),
        otp,
        seed: seed(key)?,
        counter: counter(first)?,
        expires: None,
    })
}
