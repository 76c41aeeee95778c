//! The otpauth URI that an authenticator app reads from a QR code.
//!
//! What the apps assume anyway (SHA-1, 6 digits, 30 seconds) is left out: fewer signs make a smaller
//! QR code, which is what fits on a terminal, and several apps ignore these parameters or refuse them.
//! The issuer stands both before the account and as a parameter of its own, since apps read one or
//! the other. The URI holds the seed, and so is a secret as a whole.

use std::fmt::Write as _;

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
        let kind = match self.otp.factor {
            Factor::Counter => "hotp",
            Factor::Time { .. } => "totp",
        };
        let issuer = encoded(&self.issuer.replace(':', "-"));
        let (before, parameter) = match issuer.as_str() {
            "" => (String::new(), String::new()),
            issuer => (format!("{issuer}:"), format!("&issuer={issuer}")),
        };
        let (account, seed) = (encoded(self.account), base32::encode(self.seed));
        let (secret, parameters) = (seed.expose(), self.parameters());
        // Put together in one go: a text that moves while it grows leaves copies of itself behind.
        Secret::new(
            [
                "otpauth://",
                kind,
                "/",
                &before,
                &account,
                "?secret=",
                secret,
                &parameter,
                &parameters,
            ]
            .concat(),
        )
    }

    fn parameters(&self) -> String {
        let mut text = String::new();
        if self.otp.algorithm != Algorithm::default() {
            let _ = write!(text, "&algorithm={}", self.otp.algorithm);
        }
        if self.otp.digits != Digits::default() {
            let _ = write!(text, "&digits={}", self.otp.digits.count());
        }
        match self.otp.factor {
            Factor::Counter => {
                let _ = write!(text, "&counter={}", self.next_counter);
            }
            Factor::Time { period_s } if period_s != Period::default() => {
                let _ = write!(text, "&period={}", period_s.seconds());
            }
            Factor::Time { .. } => {}
        }
        text
    }
}

// RFC 3986 s2.3: unreserved characters; everything else is percent-encoded.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for octet in text.bytes() {
        match octet {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(octet));
            }
            _ => {
                let _ = write!(encoded, "%{octet:02X}");
            }
        }
    }
    encoded
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
    fn leaves_no_copy_behind_by_growing() {
        for account in ["alice", "an.account.of.more.than.a.few.signs"] {
            let uri = Enrolment { account, ..DEFAULT }.uri();
            assert_eq!(uri.expose().capacity(), uri.expose().len());
        }
    }
}
