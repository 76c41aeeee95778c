//! Auth codes: 50 random bits that let a user through one enrolment.
//!
//! A code is shown as `XXXXX-XXXXX` in Crockford's base32 and read in any case, with or without the
//! dash. The store keeps only its [`fingerprint()`]: a keyed hash, since with at most five tries and a
//! day to live nobody gets far with guessing, and without the pepper key a copy of the store gives
//! nothing to test a guess against. Somebody who has the key and the store has the seeds as well.

use zeroize::Zeroize;

use crate::secret::Secret;

use super::{crockford, fingerprint};

/// Signs of a code, and random octets it takes to make one.
pub const AUTH_CODE_SIGNS: usize = 10;

const SIGNS_A_GROUP: usize = 5;
const LABEL: &[u8] = b"mfad auth code v1\0";

/// One auth code, as signs in their one form.
pub struct AuthCode(Secret<[u8; AUTH_CODE_SIGNS]>);

impl AuthCode {
    /// Makes a code of random octets, five bits of each; these are the caller's to wipe.
    #[must_use]
    pub fn from_random(random: &[u8; AUTH_CODE_SIGNS]) -> Self {
        Self(Secret::new(random.map(crockford::sign)))
    }

    /// Reads a typed code: 10 signs, dashes anywhere between them.
    #[must_use]
    pub fn parse(typed: &[u8]) -> Option<Self> {
        let mut values = [0; AUTH_CODE_SIGNS];
        let mut places = values.iter_mut();
        for sign in typed.iter().filter(|sign| **sign != b'-') {
            *places.next()? = crockford::value(*sign)?;
        }
        let complete = places.next().is_none();
        let code = complete.then(|| Self::from_random(&values));
        values.zeroize();
        code
    }

    /// Writes the code as it is handed out.
    #[must_use]
    pub fn text(&self) -> Secret<String> {
        crockford::grouped(self.0.expose(), SIGNS_A_GROUP)
    }
}

/// Computes what the store keeps of a code, and what a typed one is compared by.
#[must_use]
pub fn fingerprint(pepper_key: &[u8; 32], user_id: &[u8; 16], code: &AuthCode) -> [u8; 32] {
    fingerprint::of(pepper_key, LABEL, user_id, code.0.expose())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_has_one_fingerprint() {
        let code = AuthCode::from_random(&[0, 1, 2, 3, 31, 32, 33, 64, 255, 10]);
        assert_eq!(code.text().expose(), "0123Z-010ZA");
        let of = |code: &AuthCode| fingerprint(&[7; 32], &[9; 16], code);
        for typed in [
            "0123Z010ZA",
            "0123z-010za",
            "Ol23z-Oi0za",
            "0-1-2-3-Z-0-1-0-Z-A",
        ] {
            assert_eq!(
                of(&AuthCode::parse(typed.as_bytes()).unwrap()),
                of(&code),
                "{typed}"
            );
        }
    }

    #[test]
    fn refuses_what_is_not_ten_signs() {
        for typed in [
            "",
            "0123Z-010Z",
            "0123Z-010ZAA",
            "0123Z 010ZA",
            "0123Z-010ZU",
            "0123Z-010Z\0",
        ] {
            assert!(AuthCode::parse(typed.as_bytes()).is_none(), "{typed:?}");
        }
    }

    #[test]
    fn the_stored_form_is_fixed() {
        let of = fingerprint(&[7; 32], &[9; 16], &AuthCode::parse(b"0123Z010ZA").unwrap());
        let hex: String = of.iter().map(|octet| format!("{octet:02x}")).collect();
        assert_eq!(
            hex,
            "36c66226171206fb3ff39c26942553f9a9e166f31d842b2eed643d33a9decaec"
        );
    }
}
