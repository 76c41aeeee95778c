//! Recovery codes: 80 random bits on paper, each good for one sign-in without the token.
//!
//! A code is shown as `XXXX-XXXX-XXXX-XXXX` in Crockford's base32. It is read in any case, with or
//! without dashes, and becomes octets before anything else is done with it, so that a used code has
//! no second spelling. The store keeps only its [`fingerprint()`].
//!
//! The fingerprint is a plain keyed hash, not Argon2id as for a PIN. Slow hashing makes up for what a
//! secret lacks in bits; 80 random bits lack none: trying half of them takes longer than the world
//! has, with or without the key. So a recovery code can be checked on the fast path, and nobody can
//! keep the daemon busy by typing wrong ones.

use zeroize::Zeroize;

use crate::secret::Secret;

use super::{crockford, fingerprint};

/// Random octets of a code.
pub const RECOVERY_CODE_OCTETS: usize = 10;

const SIGNS_A_GROUP: usize = 4;
const LABEL: &[u8] = b"mfad recovery code v1\0";

/// One recovery code.
pub struct RecoveryCode(Secret<[u8; RECOVERY_CODE_OCTETS]>);

impl RecoveryCode {
    /// Makes a code of random octets; these are the caller's to wipe.
    #[must_use]
    pub fn from_random(random: &[u8; RECOVERY_CODE_OCTETS]) -> Self {
        Self(Secret::new(*random))
    }

    /// Reads a typed code: 16 signs, dashes anywhere between them.
    #[must_use]
    pub fn parse(typed: &[u8]) -> Option<Self> {
        let octets = crockford::decode(typed)?;
        let mut octets: [u8; RECOVERY_CODE_OCTETS] = octets.expose().as_slice().try_into().ok()?;
        let code = Self::from_random(&octets);
        octets.zeroize();
        Some(code)
    }

    /// Writes the code as it is shown, once.
    #[must_use]
    pub fn text(&self) -> Secret<String> {
        let signs = crockford::encode(self.0.expose());
        crockford::grouped(signs.expose().as_bytes(), SIGNS_A_GROUP)
    }
}

/// Computes what the store keeps of a code, and what a typed one is looked up by.
#[must_use]
pub fn fingerprint(pepper_key: &[u8; 32], user_id: &[u8; 16], code: &RecoveryCode) -> [u8; 32] {
    fingerprint::of(pepper_key, LABEL, user_id, code.0.expose())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANDOM: [u8; 10] = [0x00, 0x44, 0x32, 0x14, 0xc7, 0x42, 0x54, 0xb6, 0x35, 0xcf];

    fn fingerprint_of(code: &RecoveryCode) -> [u8; 32] {
        fingerprint(&[7; 32], &[9; 16], code)
    }

    #[test]
    fn every_spelling_has_one_fingerprint() {
        let code = RecoveryCode::from_random(&RANDOM);
        assert_eq!(code.text().expose(), "0123-4567-89AB-CDEF");
        for typed in [
            "0123456789ABCDEF",
            "0123-4567-89ab-cdef",
            "oI23-4567-89aB-CDEf",
            "-0l23456789abcdef-",
        ] {
            let typed = RecoveryCode::parse(typed.as_bytes()).unwrap();
            assert_eq!(fingerprint_of(&typed), fingerprint_of(&code));
        }
    }

    #[test]
    fn refuses_what_is_not_sixteen_signs() {
        for typed in [
            "",
            "-",
            "0123-4567-89AB-CDE",
            "0123-4567-89AB-CDEF-0",
            "0123-4567-89AB-CDEFG",
            "0123 4567 89AB CDEF",
            " 0123456789ABCDEF",
            "0123456789ABCDEF\n",
            "0123456789ABCDEU",
            "0123456789ABCDEF0123456789ABCDEF",
            "０123456789ABCDEF",
            "0123456789ABCDE\0",
        ] {
            assert!(RecoveryCode::parse(typed.as_bytes()).is_none(), "{typed:?}");
        }
    }

    #[test]
    fn the_fingerprint_depends_on_key_user_and_code() {
        let code = RecoveryCode::from_random(&RANDOM);
        let other = RecoveryCode::from_random(&[1; 10]);
        let of = fingerprint_of(&code);
        assert_ne!(of, fingerprint(&[8; 32], &[9; 16], &code));
        assert_ne!(of, fingerprint(&[7; 32], &[8; 16], &code));
        assert_ne!(of, fingerprint_of(&other));
    }

    #[test]
    fn the_stored_form_is_fixed() {
        let of = fingerprint_of(&RecoveryCode::from_random(&RANDOM));
        let hex: String = of.iter().map(|octet| format!("{octet:02x}")).collect();
        assert_eq!(
            hex,
            "8ff3b53730edb11f706cb20ad798322767d810a453a569a4398bea68893942be"
        );
    }
}
