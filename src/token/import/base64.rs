//! Base64 of RFC 4648, as XML carries octets: white space anywhere, padding at the end.

use std::mem;

use zeroize::Zeroizing;

use crate::secret::SecretBytes;

/// Reads octets; none if it is not base64, or if bits are left over.
pub(super) fn decode(text: &str) -> Option<SecretBytes> {
    let signs = || text.bytes().filter(|sign| !sign.is_ascii_whitespace());
    let count = signs().count();
    let padding = signs().filter(|sign| *sign == b'=').count();
    let mut octets = Zeroizing::new(Vec::with_capacity(count / 4 * 3));
    let (mut held, mut bits) = (0_u32, 0_u32);
    // Padding that stands before the end is no value, and so refused.
    for sign in signs().take(count.saturating_sub(padding)) {
        held = held << 6 | value(sign)?;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            let [.., low] = (held >> bits).to_be_bytes();
            octets.push(low);
            held &= (1 << bits) - 1;
        }
    }
    let whole =
        count.is_multiple_of(4) && padding <= 2 && padding * 2 == usize::try_from(bits).ok()?;
    (whole && held == 0).then(|| SecretBytes::new(mem::take(&mut *octets)))
}

fn value(sign: u8) -> Option<u32> {
    let value = match sign {
        b'A'..=b'Z' => sign - b'A',
        b'a'..=b'z' => sign - b'a' + 26,
        b'0'..=b'9' => sign - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    // test of RFC 4648 s10
    #[test]
    fn vectors_with_their_padding() {
        for (octets, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
            ("foobar", "\n  Zm9v\r\n\tYmFy "),
        ] {
            assert_eq!(decode(text).unwrap().expose(), octets.as_bytes(), "{text}");
        }
    }

    #[test]
    fn does_not_guess() {
        for text in [
            "Z", "Zg", "Zg=", "Zg===", "Z===", "Zh==", "Zm9=", "=Zg=", "Zg==Zg==", "Zm9-",
        ] {
            assert!(decode(text).is_none(), "{text}");
        }
    }
}
