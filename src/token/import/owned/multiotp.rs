//! What multiOTP keeps in `users/NAME.db`, one person a line: the login name, a colon, then the lines
//! of that file between tabs. `mfactl` makes such lines of a list of files.
//!
//! ```text
//! alice:multiotp-database-format-v3⇥algorithm=totp⇥token_seed:=BASE64⇥last_login=1700000000
//! ```
//! A value behind `:=` is masked with the site's key and the name of the value, octet by octet. A wrong
//! key is seen by its giving no hexadecimal.

use zeroize::Zeroizing;

use super::super::{Reason, base64, counter, digits, period, seed};
use super::{Owned, description};
use crate::secret::SecretBytes;
use crate::token::{Algorithm, Factor, Otp};

/// What every file begins with, in some version.
const BEGIN: &str = "multiotp-database-format-v3";
/// The seed of whoever never got one: that of the examples in RFC 4226, which everybody knows.
const NO_SEED: &str = "3132333435363738393031323334353637383930";

pub(super) fn token(text: &str, line: u64, key: Option<&SecretBytes>) -> Result<Owned, Reason> {
    let (user, file) = text.split_once(':').ok_or(Reason::NoOwner)?;
    let user = user.trim();
    if user.is_empty() {
        return Err(Reason::NoOwner);
    }
    let mut lines = file.split('\t').map(str::trim);
    if lines.next() != Some(BEGIN) {
        return Err(Reason::NotMultiOtp);
    }
    let mut values = Values::default();
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with(';')) {
        values.take(line, key)?;
    }
    let time = match values.algorithm.to_ascii_lowercase().as_str() {
        "totp" => true,
        "hotp" => false,
        "" => return Err(Reason::NoKind),
        _ => return Err(Reason::Kind),
    };
    if values.token_seed.eq_ignore_ascii_case(NO_SEED) {
        return Err(Reason::PublishedSeed);
    }
    let mut otp = if time { Otp::TOTP } else { Otp::HOTP };
    otp.digits = digits(&values.number_of_digits)?;
    let suite = values.token_algo_suite.to_ascii_uppercase();
    let suite = suite.strip_prefix("HMAC-").unwrap_or(&suite);
    if !suite.is_empty() {
        otp.algorithm = Algorithm::by_name(suite).ok_or(Reason::Algorithm)?;
    }
    let next_factor = if time {
        let period_s = period(&values.time_interval)?;
        otp.factor = Factor::Time { period_s };
        let login = counter(&values.last_login)?;
        let step = login / u64::from(period_s.seconds());
        if login == 0 { 0 } else { step + 1 }
    } else if values.last_event == "-1" {
        0
    } else {
        counter(&values.last_event)?.saturating_add(1)
    };
    let disabled = values.desactivated == "1";
    let description = description(&values.token_serial);
    Ok(Owned {
        description,
        disabled,
        ..Owned::bare(line, user, otp, seed(&values.token_seed)?, next_factor)
    })
}

#[derive(Default)]
struct Values {
    algorithm: String,
    token_seed: Zeroizing<String>,
    token_serial: String,
    token_algo_suite: String,
    number_of_digits: String,
    time_interval: String,
    last_event: String,
    last_login: String,
    desactivated: String,
}

impl Values {
    fn take(&mut self, line: &str, key: Option<&SecretBytes>) -> Result<(), Reason> {
        let (name, value) = line.split_once('=').ok_or(Reason::NotMultiOtp)?;
        let (name, masked) = match name.strip_suffix(':') {
            Some(name) => (name, true),
            None => (name, false),
        };
        let place = match name {
            "algorithm" => &mut self.algorithm,
            "token_seed" => &mut *self.token_seed,
            "token_serial" => &mut self.token_serial,
            "token_algo_suite" => &mut self.token_algo_suite,
            "number_of_digits" => &mut self.number_of_digits,
            "time_interval" => &mut self.time_interval,
            "last_event" => &mut self.last_event,
            "last_login" => &mut self.last_login,
            "desactivated" => &mut self.desactivated,
            _ => return Ok(()),
        };
        if !place.is_empty() {
            return Err(Reason::ParameterTwice);
        }
        if masked {
            let clear = unmask(name, value, key.ok_or(Reason::NoKey)?)?;
            place.push_str(std::str::from_utf8(clear.expose()).map_err(|_| Reason::WrongKey)?);
        } else {
            place.push_str(value);
        }
        Ok(())
    }
}

fn unmask(name: &str, value: &str, key: &SecretBytes) -> Result<SecretBytes, Reason> {
    let mut octets = base64::decode(value).ok_or(Reason::NotBase64)?;
    let masks = key.expose().iter().cycle().zip(name.bytes().cycle());
    for (octet, (key, name)) in octets.expose_mut().iter_mut().zip(masks) {
        *octet ^= key ^ name;
    }
    Ok(octets)
}
