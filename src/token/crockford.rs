//! Crockford's base32, for what people read to each other: ids and codes on paper.
//!
//! The alphabet leaves out `I`, `L`, `O` and `U`. Reading takes either case, `O` as `0`, and `I` and
//! `L` as `1`, so every spelling of a code leads to the same octets before it is compared. Dashes
//! divide the signs into groups and mean nothing. Nothing else is skipped.

use crate::secret::{Secret, SecretBytes};

use super::base32;

const SIGNS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Writes octets five bits a sign, high bits first, without dashes.
#[must_use]
pub fn encode(octets: &[u8]) -> Secret<String> {
    base32::pack(octets, sign)
}

/// Reads octets back; none for a strange sign, or if signs are missing.
#[must_use]
pub fn decode(text: &[u8]) -> Option<SecretBytes> {
    base32::unpack(text.iter().copied().filter(|sign| *sign != b'-'), value)
}

/// Gives the sign of the low five bits: a random octet gives a random sign, each as likely.
#[must_use]
pub fn sign(value: u8) -> u8 {
    base32::sign_of(SIGNS, value)
}

/// Reads one sign.
#[must_use]
pub fn value(sign: u8) -> Option<u8> {
    let plain = match sign.to_ascii_uppercase() {
        b'O' => b'0',
        b'I' | b'L' => b'1',
        other => other,
    };
    SIGNS
        .iter()
        .zip(0..)
        .find_map(|(known, value)| (*known == plain).then_some(value))
}

/// Writes signs in groups divided by dashes.
pub(super) fn grouped(signs: &[u8], group: usize) -> Secret<String> {
    let mut text = String::with_capacity(signs.len() * 2);
    for (at, sign) in signs.iter().enumerate() {
        if at > 0 && at.is_multiple_of(group) {
            text.push('-');
        }
        text.push(char::from(*sign));
    }
    Secret::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_and_values_are_each_others_inverse() {
        for number in 0..32 {
            assert_eq!(value(sign(number)), Some(number));
            assert_eq!(value(sign(number).to_ascii_lowercase()), Some(number));
            assert_eq!(sign(number | 0xe0), sign(number));
        }
        let readable = (0..=255).filter(|octet| value(*octet).is_some()).count();
        assert_eq!(
            readable,
            10 + 2 * 22 + 6,
            "digits, letters, and o i l in either case"
        );
    }

    #[test]
    fn reads_what_is_easily_confused() {
        assert_eq!(
            decode(b"O0-oI1-lL").unwrap().expose(),
            decode(b"0001111").unwrap().expose()
        );
        for text in [
            &b"U0"[..],
            b"0 0",
            b"0_0",
            b"00\n",
            b"\xef\xbc\x91\xef\xbc\x91",
            b"0",
            b"000",
        ] {
            assert!(decode(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn reads_back_what_it_writes() {
        let octets = [0x00, 0x44, 0x32, 0x14, 0xc7, 0x42, 0x54, 0xb6, 0x35, 0xcf];
        let text = encode(&octets);
        assert_eq!(text.expose(), "0123456789ABCDEF");
        assert_eq!(decode(text.expose().as_bytes()).unwrap().expose(), &octets);
        assert_eq!(
            grouped(text.expose().as_bytes(), 4).expose(),
            "0123-4567-89AB-CDEF"
        );
    }
}
