//! Base32 of RFC 4648, for seeds and key words: written one way, read as people write it.
//!
//! Writing gives upper case without padding, which is what authenticator apps take and what a QR code
//! packs best. Reading ignores case, spaces, dashes and padding at the end, because seeds come off
//! screens, letters and stickers in groups of four. It does not guess: `0`, `1`, `8` and `9` are no
//! base32, and a number of signs that no whole octets give means that some are missing. Bits left
//! over after the last octet are dropped whatever they are, as the apps do with made-up seeds.

use std::mem;

use zeroize::Zeroizing;

use crate::secret::{Secret, SecretBytes};

const SIGNS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Writes octets in upper case without padding.
#[must_use]
pub fn encode(octets: &[u8]) -> Secret<String> {
    pack(octets, |value| sign_of(SIGNS, value))
}

/// Reads octets back; none if it is not base32.
#[must_use]
pub fn decode(text: &[u8]) -> Option<SecretBytes> {
    let padding = text
        .iter()
        .rev()
        .take_while(|sign| matches!(sign, b'=' | b' '))
        .count();
    let signs = text.get(..text.len().saturating_sub(padding))?;
    unpack(
        signs
            .iter()
            .copied()
            .filter(|sign| !matches!(sign, b' ' | b'-')),
        value,
    )
}

/// Gives the sign of a 5 bit value in an alphabet; higher bits are ignored.
pub(super) fn sign_of(alphabet: &[u8; 32], value: u8) -> u8 {
    alphabet
        .get(usize::from(value & 31))
        .copied()
        .unwrap_or(b'?')
}

/// Writes octets five bits a sign, high bits first.
pub(super) fn pack(octets: &[u8], sign: impl Fn(u8) -> u8) -> Secret<String> {
    let mut text = String::with_capacity((octets.len() * 8).div_ceil(5));
    let (mut held, mut bits) = (0_u16, 0_u32);
    for octet in octets {
        held = u16::from_be_bytes([low_eight(held), *octet]);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(sign(low_five(held >> bits))));
        }
    }
    if bits > 0 {
        text.push(char::from(sign(low_five(held << (5 - bits)))));
    }
    Secret::new(text)
}

/// Reads signs of five bits back to whole octets.
pub(super) fn unpack(
    signs: impl Iterator<Item = u8> + Clone,
    value: impl Fn(u8) -> Option<u8>,
) -> Option<SecretBytes> {
    let count = signs.clone().count();
    if matches!(count % 8, 1 | 3 | 6) {
        return None;
    }
    let mut octets = Zeroizing::new(Vec::with_capacity(count * 5 / 8));
    let (mut held, mut bits) = (0_u16, 0_u32);
    for sign in signs {
        held = held << 5 | u16::from(value(sign)?);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            octets.push(low_eight(held >> bits));
        }
    }
    Some(SecretBytes::new(mem::take(&mut *octets)))
}

fn value(sign: u8) -> Option<u8> {
    match sign.to_ascii_uppercase() {
        letter @ b'A'..=b'Z' => Some(letter - b'A'),
        digit @ b'2'..=b'7' => Some(digit - b'2' + 26),
        _ => None,
    }
}

fn low_five(bits: u16) -> u8 {
    low_eight(bits) & 31
}

fn low_eight(bits: u16) -> u8 {
    let [_, low] = bits.to_be_bytes();
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    // test of RFC 4648 s10
    #[test]
    fn vectors_without_their_padding() {
        for (octets, text) in [
            ("", ""),
            ("f", "MY======"),
            ("fo", "MZXQ===="),
            ("foo", "MZXW6==="),
            ("foob", "MZXW6YQ="),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI======"),
        ] {
            assert_eq!(
                encode(octets.as_bytes()).expose(),
                text.trim_end_matches('=')
            );
            assert_eq!(decode(text.as_bytes()).unwrap().expose(), octets.as_bytes());
        }
    }

    #[test]
    fn reads_what_people_write() {
        for text in [
            "mzxw6ytb",
            "MZXW 6YTB",
            "mzxw-6ytb",
            " MZXW6YTB == ",
            "MZXW6YTB\u{20}",
        ] {
            assert_eq!(
                decode(text.as_bytes()).unwrap().expose(),
                b"fooba",
                "{text:?}"
            );
        }
        assert_eq!(decode(b"MZ").unwrap().expose(), b"f", "bits left over");
    }

    #[test]
    fn does_not_guess() {
        for text in [
            "M",
            "MZX",
            "MZXW6Y",
            "MZXW6YT1",
            "MZXW6YT0",
            "MY==MY==",
            "MZXW_6YTB",
            "MÄ",
        ] {
            assert!(decode(text.as_bytes()).is_none(), "{text:?}");
        }
    }

    #[test]
    fn leaves_no_copy_behind_by_growing() {
        for length in 1..=64 {
            let text = encode(&vec![7; length]);
            assert_eq!(text.expose().capacity(), text.expose().len());
            let octets = decode(text.expose().as_bytes()).unwrap();
            assert_eq!(octets.expose().capacity(), length);
        }
    }

    #[test]
    fn reads_back_every_length() {
        let octets: Vec<u8> = (0..=255).rev().collect();
        for length in 0..=octets.len() {
            let octets = &octets[..length];
            assert_eq!(
                decode(encode(octets).expose().as_bytes()).unwrap().expose(),
                octets
            );
        }
    }
}
