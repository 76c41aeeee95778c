//! The otpauth URI that an authenticator app reads from a QR code.
//!
//! What the apps assume anyway (SHA-1, 6 digits, 30 seconds) is left out: fewer signs make a smaller
//! QR code, which is what fits on a terminal, and several apps ignore these parameters or refuse them.
//! The issuer stands both before the account and as a parameter of its own, since apps read one or
//! the other. The URI holds the seed, and so is a secret as a whole.

use crate::secret::Secret;

use super::{Algorithm, Digits, Factor, Otp, Period, base32};

/// What a user's app has to know about one token.
#[derive(Clone, Copy)]
pub struct Enrolment<'a> {
    /// Who issues the token: the first line that the app shows.
    pub issuer: &'a str,
    /// Whose token it is, usually the login name.
    pub account: &'a str,
    /// How its codes are computed.
    pub otp: Otp,
    /// The shared secret.
    pub seed: &'a [u8],
    /// The counter of its first code; of no meaning for a time-based token.
    pub next_counter: u64,
}

impl Enrolment<'_> {
    /// Writes the URI.
    ///
    /// A colon in the issuer would move the border between issuer and account, whatever its encoding;
    /// a dash is written instead.
    #[must_use]
    pub fn uri(&self) -> Secret<String> {
        let issuer = self.issuer.replace(':', "-");
        let seed = base32::encode(self.seed);
        let signs =
            issuer.len() * 6 + self.account.len() * 3 + seed.expose().len() + FIXED_SIGNS_MAX;
        let mut uri = String::with_capacity(signs);
        uri.push_str(match self.otp.factor {
            Factor::Counter => "otpauth://hotp/",
            Factor::Time { .. } => "otpauth://totp/",
        });
        if !issuer.is_empty() {
            push_encoded(&mut uri, &issuer);
            uri.push(':');
        }
        push_encoded(&mut uri, self.account);
        uri.push_str("?secret=");
        uri.push_str(seed.expose());
        if !issuer.is_empty() {
            uri.push_str("&issuer=");
            push_encoded(&mut uri, &issuer);
        }
        self.push_parameters(&mut uri);
        Secret::new(uri)
    }

    fn push_parameters(&self, uri: &mut String) {
        if self.otp.algorithm != Algorithm::default() {
            uri.push_str("&algorithm=");
            uri.push_str(&self.otp.algorithm.to_string());
        }
        if self.otp.digits != Digits::default() {
            uri.push_str("&digits=");
            uri.push_str(&self.otp.digits.count().to_string());
        }
        match self.otp.factor {
            Factor::Counter => {
                uri.push_str("&counter=");
                uri.push_str(&self.next_counter.to_string());
            }
            Factor::Time { period_s } if period_s != Period::default() => {
                uri.push_str("&period=");
                uri.push_str(&period_s.seconds().to_string());
            }
            Factor::Time { .. } => {}
        }
    }
}

/// More than the fixed words and numbers of a URI take, so that it never moves while it grows.
const FIXED_SIGNS_MAX: usize = 128;

// RFC 3986 s2.3: unreserved characters; everything else is percent-encoded.
fn push_encoded(uri: &mut String, text: &str) {
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~') {
            uri.push(char::from(octet));
        } else {
            uri.push('%');
            uri.push(hex_digit(octet >> 4));
            uri.push(hex_digit(octet & 15));
        }
    }
}

fn hex_digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16).map_or('?', |digit| digit.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: &[u8] = b"12345678901234567890";
    const DEFAULT: Enrolment<'static> = Enrolment {
        issuer: "vpn.example.org",
        account: "alice",
        otp: Otp::TOTP,
        seed: SEED,
        next_counter: 0,
    };

    #[test]
    fn leaves_out_what_the_apps_assume() {
        assert_eq!(
            DEFAULT.uri().expose(),
            "otpauth://totp/vpn.example.org:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=vpn.example.org"
        );
    }

    #[test]
    fn says_what_they_do_not() {
        let factor = Factor::Time {
            period_s: Period::new(60).unwrap(),
        };
        let otp = Otp {
            algorithm: Algorithm::Sha256,
            digits: Digits::EIGHT,
            factor,
        };
        let uri = Enrolment { otp, ..DEFAULT }.uri();
        assert!(
            uri.expose()
                .ends_with("&algorithm=SHA256&digits=8&period=60")
        );
        let uri = Enrolment {
            otp: Otp::HOTP,
            next_counter: 42,
            ..DEFAULT
        }
        .uri();
        assert!(
            uri.expose().starts_with("otpauth://hotp/") && uri.expose().ends_with("&counter=42")
        );
    }

    #[test]
    fn encodes_every_sign_that_could_end_a_part() {
        let uri = Enrolment {
            issuer: "A&B: Ü",
            account: "d\\o?e/#%:x",
            ..DEFAULT
        }
        .uri();
        assert_eq!(
            uri.expose(),
            "otpauth://totp/A%26B-%20%C3%9C:d%5Co%3Fe%2F%23%25%3Ax\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=A%26B-%20%C3%9C"
        );
        let bare = Enrolment {
            issuer: "",
            ..DEFAULT
        }
        .uri();
        assert!(bare.expose().starts_with("otpauth://totp/alice?secret="));
        assert!(!bare.expose().contains("issuer"));
    }

    #[test]
    fn never_grows_beyond_its_first_allocation() {
        let long = "ü".repeat(300);
        let factor = Factor::Counter;
        let otp = Otp {
            algorithm: Algorithm::Sha512,
            digits: Digits::EIGHT,
            factor,
        };
        let next_counter = u64::MAX;
        let part = Enrolment {
            issuer: &long,
            account: &long,
            otp,
            next_counter,
            seed: SEED,
        };
        let fixed = part.uri().expose().len() - 32 - 3 * 3 * long.len();
        assert!(fixed <= FIXED_SIGNS_MAX);
    }
}
