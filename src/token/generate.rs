//! PINs and passwords that mfad makes for somebody.
//!
//! All digits are equally likely: random octets that would favour some are skipped. Whether a PIN is
//! on the block list is for the rules to say; they ask for another one then.

use crate::secret::SecretBytes;

use super::crockford;

/// Random octets to ask for a PIN with; one of 12 digits runs out of them less than once in 10^60.
pub const PIN_RANDOM_OCTETS: usize = 64;

/// Signs of a password, and random octets it takes to make one.
pub const PASSWORD_SIGNS: usize = 16;

/// The highest multiple of 10 that an octet can count up to.
const FAIR_OCTETS: u8 = 250;

/// Makes a PIN of `length` digits; none if the random octets run out.
#[must_use]
pub fn generate_pin(random: &[u8], length: usize) -> Option<SecretBytes> {
    let mut pin = Vec::with_capacity(length);
    pin.extend(
        random
            .iter()
            .filter(|octet| **octet < FAIR_OCTETS)
            .map(|octet| b'0' + octet % 10)
            .take(length),
    );
    let pin = SecretBytes::new(pin);
    (pin.expose().len() == length).then_some(pin)
}

/// Makes a password of 16 lower-case signs of Crockford's base32: 80 bits that can be read aloud.
#[must_use]
pub fn generate_password(random: &[u8; PASSWORD_SIGNS]) -> SecretBytes {
    let signs = random
        .iter()
        .map(|octet| crockford::sign(*octet).to_ascii_lowercase());
    SecretBytes::new(signs.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digit_is_as_likely() {
        let random: Vec<u8> = (0..=255).collect();
        let pin = generate_pin(&random, 250).unwrap();
        for digit in b'0'..=b'9' {
            assert_eq!(
                pin.expose().iter().filter(|sign| **sign == digit).count(),
                25
            );
        }
    }

    #[test]
    fn skips_unfair_octets_and_says_when_there_are_no_more() {
        let pin = generate_pin(&[255, 12, 250, 249, 0], 3).unwrap();
        assert_eq!(pin.expose(), b"290");
        assert!(generate_pin(&[255, 12, 250, 249, 0], 4).is_none());
        assert!(generate_pin(&[], 1).is_none());
    }

    #[test]
    fn a_password_is_sixteen_readable_signs() {
        let random: [u8; PASSWORD_SIGNS] = std::array::from_fn(|n| u8::try_from(n * 17).unwrap());
        let password = generate_password(&random);
        assert_eq!(password.expose(), b"0h2k4n6q8savcxez");
    }
}
