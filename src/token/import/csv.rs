//! OATH CSV: what vendors put on the disk that comes with a box of tokens, and what other servers
//! read and write.
//!
//! ```text
//! serial, seed in hexadecimal [, hotp or totp [, digits [, counter of hotp or step of totp [, hash]]]]
//! ```
//! What a line leaves out, or leaves empty, holds for the whole file and is stated beside it.

use super::table::Line;
use super::{Imported, Reason, Unsaid};
use super::{counter, digits, period, seed};
use crate::token::{Algorithm, Factor};

pub(super) fn record(line: &Line<'_>, unsaid: &Unsaid) -> Result<Imported, Reason> {
    let found = line.columns.len();
    if !(2..=6).contains(&found) {
        let wanted = "2 to 6";
        return Err(Reason::Columns { found, wanted });
    }
    let serial = line.column(0);
    if serial.is_empty() {
        return Err(Reason::NoSerial);
    }
    let stated = |index| Some(line.column(index)).filter(|text| !text.is_empty());
    let seed = seed(line.column(1))?;
    let moving = stated(4);
    let factor = match stated(2).map(str::to_ascii_lowercase).as_deref() {
        None => unsaid.factor.ok_or(Reason::NoKind)?,
        Some("hotp") => Factor::Counter,
        Some("totp") => Factor::Time {
            period_s: unsaid.period(),
        },
        Some(_) => return Err(Reason::Kind),
    };
    let (factor, counter) = match (factor, moving) {
        // Some servers write a time step there for tokens of every kind.
        (Factor::Counter, Some("30" | "60")) => return Err(Reason::CounterOrPeriod),
        (Factor::Counter, first) => (factor, counter(first.unwrap_or("0"))?),
        (Factor::Time { .. }, None) => (factor, 0),
        (Factor::Time { .. }, Some(step)) => {
            let period_s = period(step)?;
            (Factor::Time { period_s }, 0)
        }
    };
    let mut otp = unsaid.otp(factor);
    if let Some(text) = stated(3) {
        otp.digits = digits(text)?;
    }
    if let Some(text) = stated(5) {
        otp.algorithm = Algorithm::by_name(text).ok_or(Reason::Algorithm)?;
    }
    Ok(Imported {
        line: line.number,
        serial: serial.to_owned(),
        otp,
        seed,
        counter,
        expires: None,
    })
}
