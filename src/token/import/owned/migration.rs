//! The payload that Google Authenticator shows as QR codes to move to another phone:
//! `otpauth-migration://offline?data=`, base64 of a protocol buffer.
//!
//! ```text
//! Payload { repeated Token tokens = 1; int version = 2; int batch_size = 3;
//!           int batch_index = 4; int batch_id = 5 }
//! Token   { bytes secret = 1; string name = 2; string issuer = 3; enum algorithm = 4; enum digits = 5;
//!           enum type = 6; int64 counter = 7 }
//! ```
//! Decoded by hand and strictly: a field that is cut, too long, or there twice is an error. Fields of
//! other numbers are passed over, as the encoding wants it.

use std::collections::BTreeMap;

use super::super::{Bad, Reason, base64, sized};
use super::otpauth::{account, after, decoded};
use super::{Owned, Row};
use crate::secret::SecretBytes;
use crate::token::{Algorithm, Digits, FACTOR_MAX, Otp};

/// Most parts that one export is shown in.
const PARTS_MAX: u64 = 100;

/// Most tokens of one payload: a QR code holds less than a hundred.
const TOKENS_MAX: usize = 1_000;

/// The parts of exports seen so far, by the number of their export.
#[derive(Default)]
pub(super) struct Parts(BTreeMap<u64, Export>);

struct Export {
    line: u64,
    size: u64,
    seen: Vec<u64>,
}

impl Parts {
    /// The records of one payload; none: it is no such URI.
    pub(super) fn read(&mut self, uri: &str, line: u64) -> Option<Result<Vec<Row>, Reason>> {
        let query = after(uri, "otpauth-migration://offline?")?;
        Some(self.payload(query, line))
    }

    fn payload(&mut self, query: &str, line: u64) -> Result<Vec<Row>, Reason> {
        let data = query
            .split('&')
            .find_map(|parameter| parameter.strip_prefix("data="));
        let data = decoded(data.ok_or(Reason::NotOtpauth)?)?;
        let octets = base64::decode(&data).ok_or(Reason::NotBase64)?;
        let (mut rows, mut part) = (Vec::new(), Part::default());
        for field in Fields(octets.expose()) {
            match field? {
                (1, Value::Octets(_)) if rows.len() == TOKENS_MAX => {
                    return Err(Reason::Protobuf);
                }
                (1, Value::Octets(record)) => {
                    rows.push(token(record, line).map_err(|reason| Bad { line, reason }));
                }
                (3, Value::Number(size)) => once(&mut part.size, size)?,
                (4, Value::Number(index)) => once(&mut part.index, index)?,
                (5, Value::Number(id)) => once(&mut part.id, id)?,
                (1 | 3..=5, _) => return Err(Reason::Protobuf),
                _ => {}
            }
        }
        self.take(&part, line)?;
        Ok(rows)
    }

    fn take(&mut self, part: &Part, line: u64) -> Result<(), Reason> {
        let size = part.size.unwrap_or(1);
        let index = part.index.unwrap_or(0);
        if !(1..=PARTS_MAX).contains(&size) || index >= size {
            return Err(Reason::Protobuf);
        }
        let export = self.0.entry(part.id.unwrap_or(0)).or_insert(Export {
            line,
            size,
            seen: Vec::new(),
        });
        // Whoever exports one token at a time may use no number, or the same.
        if size > 1 && (export.size != size || export.seen.contains(&index)) {
            return Err(Reason::Part);
        }
        export.seen.push(index);
        Ok(())
    }

    /// The exports of which parts are missing.
    pub(super) fn missing(&self) -> impl Iterator<Item = Bad> {
        let cut = |export: &&Export| (export.seen.len() as u64) < export.size;
        self.0.values().filter(cut).map(|export| Bad {
            line: export.line,
            reason: Reason::MissingPart,
        })
    }
}

#[derive(Default)]
struct Part {
    size: Option<u64>,
    index: Option<u64>,
    id: Option<u64>,
}

fn token(record: &[u8], line: u64) -> Result<Owned, Reason> {
    let (mut secret, mut name) = (None, None);
    let (mut algorithm, mut digits, mut kind, mut counter) = (None, None, None, None);
    for field in Fields(record) {
        match field? {
            (1, Value::Octets(octets)) => once(&mut secret, octets)?,
            (2, Value::Octets(octets)) => once(&mut name, octets)?,
            (4, Value::Number(number)) => once(&mut algorithm, number)?,
            (5, Value::Number(number)) => once(&mut digits, number)?,
            (6, Value::Number(number)) => once(&mut kind, number)?,
            (7, Value::Number(number)) => once(&mut counter, number)?,
            (1 | 2 | 4..=7, _) => return Err(Reason::Protobuf),
            _ => {}
        }
    }
    let mut otp = match kind {
        Some(1) => Otp::HOTP,
        Some(2) => Otp::TOTP,
        None | Some(0) => return Err(Reason::NoKind),
        Some(_) => return Err(Reason::Kind),
    };
    otp.algorithm = match algorithm {
        None | Some(0 | 1) => Algorithm::Sha1,
        Some(2) => Algorithm::Sha256,
        Some(3) => Algorithm::Sha512,
        Some(_) => return Err(Reason::Algorithm),
    };
    otp.digits = match digits {
        None | Some(0 | 1) => Digits::SIX,
        Some(2) => Digits::EIGHT,
        Some(_) => return Err(Reason::Digits),
    };
    // The app counts before it shows: this code was shown, and may have been used.
    let next_factor = match (kind, counter.unwrap_or(0)) {
        (Some(1), shown) if shown < FACTOR_MAX => shown + 1,
        (Some(1), _) => return Err(Reason::Counter),
        _ => 0,
    };
    let name = std::str::from_utf8(name.unwrap_or_default()).map_err(|_| Reason::Protobuf)?;
    let seed = sized(SecretBytes::copy_of(secret.unwrap_or_default()))?;
    Ok(Owned::bare(line, account(name)?, otp, seed, next_factor))
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), Reason> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Reason::ParameterTwice),
    }
}

/// What a field holds.
enum Value<'a> {
    Number(u64),
    Octets(&'a [u8]),
    /// A number of fixed length, which none of ours has.
    Fixed,
}

/// The fields of a message; ends with the first that is wrong.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), Reason>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field().ok_or(Reason::Protobuf);
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            1 => self.octets(8).map(|_| Value::Fixed)?,
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Value::Octets(self.octets(length)?)
            }
            5 => self.octets(4).map(|_| Value::Fixed)?,
            _ => return None,
        };
        Some((tag >> 3, value))
    }

    /// Seven bits an octet, the lowest first; at most 64 in all.
    fn varint(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..u64::BITS).step_by(7) {
            let (octet, rest) = self.0.split_first()?;
            self.0 = rest;
            let bits = u64::from(octet & 0x7f);
            // The tenth octet has room for one bit.
            if bits.leading_zeros() < shift {
                return None;
            }
            number |= bits << shift;
            if octet & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn octets(&mut self, length: usize) -> Option<&'a [u8]> {
        let (octets, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(octets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(octets: &[u8]) -> Option<u64> {
        let mut fields = Fields(octets);
        fields.varint().filter(|_| fields.0.is_empty())
    }

    #[test]
    fn numbers_have_64_bits_and_an_end() {
        assert_eq!(numbers(&[0]), Some(0));
        assert_eq!(numbers(&[0xac, 0x02]), Some(300));
        let mut most = vec![0xff; 9];
        most.push(1);
        assert_eq!(numbers(&most), Some(u64::MAX));
        most[9] = 2;
        assert_eq!(numbers(&most), None, "65 bits");
        assert_eq!(numbers(&[0xff; 10]), None);
        assert_eq!(numbers(&[0x80; 11]), None);
        assert_eq!(numbers(&[0x80]), None, "cut");
    }

    #[test]
    fn fields_are_whole_or_the_message_is_none() {
        let read = |octets: &[u8]| Fields(octets).map(|field| field.map(|f| f.0)).collect();
        let fields: Result<Vec<u64>, Reason> = read(&[
            0x0a, 2, 1, 2, 0x10, 7, 0x1d, 0, 0, 0, 0, 0x21, 0, 0, 0, 0, 0, 0, 0, 0,
        ]);
        assert_eq!(fields, Ok(vec![1, 2, 3, 4]));
        for cut in [
            &[0x0a_u8, 3, 1, 2][..],
            &[
                0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1,
            ],
            &[0x10],
            &[0x1d, 0, 0, 0],
            &[0x0b],
            &[0x0c],
            &[0x0f],
        ] {
            let fields: Result<Vec<u64>, Reason> = read(cut);
            assert_eq!(fields, Err(Reason::Protobuf), "{cut:?}");
        }
    }
}
