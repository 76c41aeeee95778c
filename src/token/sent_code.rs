//! Codes that are sent: six to eight digits for a few minutes.
//!
//! The store keeps only the [`fingerprint()`]. Against somebody who has it and the pepper key a million
//! codes are no protection; the code is over before that, and is good for one token only.

use zeroize::Zeroizing;

use super::generate::generate_pin;
use super::{Digits, OtpCode, TokenId, fingerprint};

/// Random octets to ask for a code with.
pub const SENT_CODE_RANDOM_OCTETS: usize = 64;

const LABEL: &[u8] = b"mfad sent code v1\0";

const DEVICE_LABEL: &[u8] = b"mfad device authorization code v1\0";

/// Makes a code; none if the random octets run out.
#[must_use]
pub fn generate(random: &[u8; SENT_CODE_RANDOM_OCTETS], digits: Digits) -> Option<OtpCode> {
    OtpCode::parse(generate_pin(random, digits.count())?.expose())
}

/// Computes what the store keeps of a code, and what a typed one is compared by.
#[must_use]
pub fn fingerprint(
    pepper_key: &[u8; 32],
    user_id: &[u8; 16],
    token: TokenId,
    code: &OtpCode,
) -> [u8; 32] {
    // The id of a token has one length, so that nothing runs together.
    let mut bound = Zeroizing::new(token.to_string().into_bytes());
    bound.extend_from_slice(code.text().expose().as_bytes());
    fingerprint::of(pepper_key, LABEL, user_id, &bound)
}

/// The same of a device authorization code, which is of no token.
#[must_use]
pub fn device_fingerprint(pepper_key: &[u8; 32], user_id: &[u8; 16], code: &OtpCode) -> [u8; 32] {
    let text = code.text();
    fingerprint::of(pepper_key, DEVICE_LABEL, user_id, text.expose().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(user: u8, token: &str, code: &[u8]) -> [u8; 32] {
        let (token, code) = (token.parse().unwrap(), OtpCode::parse(code).unwrap());
        fingerprint(&[1; 32], &[user; 16], token, &code)
    }

    #[test]
    fn a_code_is_good_for_one_token_of_one_person() {
        let one = print(7, "T-8F3K2", b"012345");
        assert_eq!(one, print(7, "T-8F3K2", b"012345"));
        for other in [
            print(8, "T-8F3K2", b"012345"),
            print(7, "T-9C2VR", b"012345"),
            print(7, "T-8F3K2", b"012346"),
            print(7, "T-8F3K2", b"0012345"),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn a_device_authorization_code_is_good_for_one_person_and_for_no_token() {
        let print = |user: u8, code: &[u8]| {
            device_fingerprint(&[1; 32], &[user; 16], &OtpCode::parse(code).unwrap())
        };
        let one = print(7, b"01234567");
        assert_eq!(one, print(7, b"01234567"));
        for other in [
            print(8, b"01234567"),
            print(7, b"01234568"),
            self::print(7, "T-8F3K2", b"01234567"),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn a_code_has_as_many_digits_as_it_should() {
        let random = std::array::from_fn(|at| u8::try_from(at).unwrap());
        let code = generate(&random, Digits::EIGHT).unwrap();
        assert_eq!(code.text().expose(), "01234567");
    }
}
