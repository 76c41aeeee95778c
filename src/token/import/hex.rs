//! Seeds in hexadecimal, as vendors write them.

use std::mem;

use zeroize::Zeroizing;

use crate::secret::SecretBytes;

/// Reads pairs of digits in either case; none if anything else is there.
pub(super) fn decode(text: &str) -> Option<SecretBytes> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let mut octets = Zeroizing::new(Vec::with_capacity(pairs.len()));
    for [high, low] in pairs {
        octets.push(value(*high)? << 4 | value(*low)?);
    }
    Some(SecretBytes::new(mem::take(&mut *octets)))
}

fn value(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_pairs_of_digits_and_nothing_else() {
        assert_eq!(decode("00fFa1").unwrap().expose(), &[0, 0xff, 0xa1]);
        assert!(decode("").unwrap().expose().is_empty());
        for text in ["0", "0x", "0g", "a b", "a\u{e9}", "+1", "-1"] {
            assert!(decode(text).is_none(), "{text:?}");
        }
    }
}
