//! Portable Symmetric Key Container, RFC 6030: seeds in XML, in clear or encrypted with a key or a
//! passphrase. For encrypted ones the MAC is checked before anything is decrypted.
//!
//! Signatures over the whole file are not looked at: who brings a file in answers for it.

mod cipher;

use crate::secret::SecretBytes;
use crate::time::Timestamp;
use crate::token::{Algorithm, Factor, Otp};

use super::xml::{Document, Element};
use super::{Bad, Imported, RECORDS_MAX, Reason, Row, Unsaid, base64, owned};
use super::{counter, digits, period, sized};
use cipher::Opener;

const HOTP: &str = "urn:ietf:params:xml:ns:keyprov:pskc:hotp";
const TOTP: &str = "urn:ietf:params:xml:ns:keyprov:pskc:totp";

pub(super) fn read(
    text: &str,
    unsaid: &Unsaid,
    key: Option<&SecretBytes>,
) -> Result<Vec<Row>, Bad> {
    packages(text, key, |package, opener| record(package, unsaid, opener))
}

/// Reads tokens with their owners.
pub(super) fn owned(text: &str, key: Option<&SecretBytes>) -> Result<Vec<owned::Row>, Bad> {
    packages(text, key, |package, opener| {
        let user = owner(package)?;
        let token = record(package, &Unsaid::default(), opener)?;
        let counted = package.at(&["Key", "Data", "Counter"])?.is_some();
        if token.otp.factor == Factor::Counter && !counted {
            return Err(Reason::NoCounter);
        }
        let device = package.at(&["DeviceInfo", "SerialNo"])?.is_some();
        let (serial, description) = match device {
            true => (Some(token.serial), String::new()),
            false => (None, token.serial),
        };
        Ok(owned::Owned {
            line: token.line,
            user,
            otp: token.otp,
            seed: token.seed,
            next_factor: token.counter,
            serial,
            description: owned::description(&description),
            disabled: false,
            expires: token.expires,
            scratch_codes: 0,
        })
    })
}

/// Whose a key is, or else its device: a name, or the UID of a distinguished name.
// RFC 6030 s4.3.2: <UserId> SHOULD be a distinguished name, as defined in RFC 4514.
fn owner(package: &Element) -> Result<String, Reason> {
    let key = package.at(&["Key", "UserId"])?;
    let device = package.at(&["DeviceInfo", "UserId"])?;
    let id = key.or(device).map_or("", Element::text).trim();
    if id.is_empty() {
        return Err(Reason::NoOwner);
    }
    if !id.contains('=') {
        return Ok(id.to_owned());
    }
    let mut parts = id.split(',').filter_map(|part| part.split_once('='));
    let uid = parts.find(|(name, _)| name.trim().eq_ignore_ascii_case("UID"));
    let uid = uid.map(|(_, value)| value.trim());
    // A comma or a plus within the name would be escaped.
    let plain = uid.filter(|uid| !uid.is_empty() && !uid.contains(['\\', '+', '"']));
    plain.map(str::to_owned).ok_or(Reason::UserId)
}

fn packages<T>(
    text: &str,
    key: Option<&SecretBytes>,
    record: impl Fn(&Element, &Opener) -> Result<T, Reason>,
) -> Result<Vec<Result<T, Bad>>, Bad> {
    let (mut document, root) = Document::open(text)?;
    if !root.is("KeyContainer") || root.attribute("Version") != Some("1.0") {
        return Err(Bad {
            line: root.line,
            reason: Reason::NotPskc,
        });
    }
    let mut opener = Opener::default();
    let mut rows = Vec::new();
    while let Some(part) = document.next_child()? {
        let line = part.line;
        let bad = |reason| Bad { line, reason };
        if part.is("EncryptionKey") {
            opener.take_key(&part, key).map_err(bad)?;
        } else if part.is("MACMethod") {
            opener.take_mac(&part).map_err(bad)?;
        } else if part.is("KeyPackage") {
            if rows.len() == RECORDS_MAX {
                return Err(bad(Reason::ManyRecords));
            }
            rows.push(record(&part, &opener).map_err(bad));
        }
    }
    Ok(rows)
}

fn record(package: &Element, unsaid: &Unsaid, opener: &Opener) -> Result<Imported, Reason> {
    let serial = serial(package)?.ok_or(Reason::NoSerial)?;
    let key = package.child("Key")?.ok_or(Reason::NoSeed)?;
    let is = |uri: &str| {
        let algorithm = key.attribute("Algorithm").unwrap_or_default();
        algorithm.eq_ignore_ascii_case(uri)
    };
    let value = |name: &str| plain(key, name);
    let (factor, counter) = if is(HOTP) {
        let first = value("Counter")?.map(counter).transpose()?;
        (Factor::Counter, first.unwrap_or(0))
    } else if is(TOTP) {
        let stated = value("TimeInterval")?.map(period).transpose()?;
        let period_s = stated.unwrap_or_else(|| unsaid.period());
        (Factor::Time { period_s }, 0)
    } else {
        return Err(Reason::Kind);
    };
    let mut otp = unsaid.otp(factor);
    if let Some(parameters) = key.child("AlgorithmParameters")? {
        parameterised(parameters, &mut otp)?;
    }
    let expires = allowed(key)?;
    let secret = key.at(&["Data", "Secret"])?.ok_or(Reason::NoSeed)?;
    let seed = match (secret.child("PlainValue")?, secret.child("EncryptedValue")?) {
        (Some(plain), None) => base64::decode(plain.text()).ok_or(Reason::NotBase64)?,
        (None, Some(encrypted)) => opener.open(encrypted, secret.child("ValueMAC")?)?,
        (Some(_), Some(_)) => return Err(Reason::Twice),
        (None, None) => return Err(Reason::NoSeed),
    };
    Ok(Imported {
        line: package.line,
        serial: serial.to_owned(),
        otp,
        seed: sized(seed)?,
        counter,
        expires,
    })
}

/// The serial of the device; where there is none, the id of the key.
fn serial(package: &Element) -> Result<Option<&str>, Reason> {
    let device = package.at(&["DeviceInfo", "SerialNo"])?;
    let device = device.map(Element::text).filter(|text| !text.is_empty());
    let key = package.child("Key")?.and_then(|key| key.attribute("Id"));
    Ok(device.or_else(|| key.map(str::trim).filter(|text| !text.is_empty())))
}

/// A value of `Data` besides the seed.
fn plain<'a>(key: &'a Element, name: &str) -> Result<Option<&'a str>, Reason> {
    let Some(value) = key.at(&["Data", name])? else {
        return Ok(None);
    };
    let plain = value.child("PlainValue")?.ok_or(Reason::EncryptedData)?;
    Ok(Some(plain.text()))
}

fn parameterised(parameters: &Element, otp: &mut Otp) -> Result<(), Reason> {
    if parameters.child("ChallengeFormat")?.is_some() {
        return Err(Reason::Kind);
    }
    // The standard leaves the names of suites open; privacyIDEA has an attribute of its own.
    if let Some(suite) = parameters.child("Suite")? {
        let name = suite.attribute("hashalgo").unwrap_or_else(|| suite.text());
        let bare = name
            .get(..5)
            .filter(|begin| begin.eq_ignore_ascii_case("HMAC-"));
        let name = bare.and_then(|_| name.get(5..)).unwrap_or(name);
        if !name.is_empty() {
            otp.algorithm = Algorithm::by_name(name).ok_or(Reason::Algorithm)?;
        }
    }
    let Some(format) = parameters.child("ResponseFormat")? else {
        return Ok(());
    };
    let decimal = format.attribute("Encoding");
    let checked = format.attribute("CheckDigits");
    if decimal.is_some_and(|name| !name.eq_ignore_ascii_case("DECIMAL"))
        || checked.is_some_and(|flag| !matches!(flag, "false" | "0"))
    {
        return Err(Reason::Encoded);
    }
    if let Some(length) = format.attribute("Length") {
        otp.digits = digits(length)?;
    }
    Ok(())
}

/// Judges the policy of a key, and gives the end of its life.
fn allowed(key: &Element) -> Result<Option<Timestamp>, Reason> {
    let Some(policy) = key.child("Policy")? else {
        return Ok(None);
    };
    // RFC 6030 s5: if any element of a policy is not understood, the recipient MUST assume that the
    // key may not be used.
    let known = [
        "StartDate",
        "ExpiryDate",
        "PINPolicy",
        "KeyUsage",
        "NumberOfTransactions",
    ];
    let mut usages = Vec::new();
    for part in policy.children() {
        if !known.iter().any(|name| part.is(name)) {
            return Err(Reason::Policy);
        }
        if part.is("KeyUsage") {
            usages.push(part.text());
        }
    }
    if !usages.is_empty() && !usages.contains(&"OTP") {
        return Err(Reason::Policy);
    }
    let Some(expiry) = policy.child("ExpiryDate")? else {
        return Ok(None);
    };
    let at: jiff::Timestamp = expiry.text().parse().map_err(|_| Reason::Expiry)?;
    Ok(Some(Timestamp(at.as_millisecond())))
}
