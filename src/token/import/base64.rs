//! Base64 of RFC 4648, as XML carries octets: white space anywhere, padding at the end.

use base64ct::{Base64, Encoding as _};
use zeroize::Zeroizing;

use crate::secret::SecretBytes;

/// Reads octets; none if it is not base64, or if bits are left over.
pub(super) fn decode(text: &str) -> Option<SecretBytes> {
    let mut signs = Zeroizing::new(String::with_capacity(text.len()));
    signs.extend(text.chars().filter(|sign| !sign.is_ascii_whitespace()));
    let mut octets = SecretBytes::new(vec![0; signs.len().div_ceil(4) * 3]);
    let length = Base64::decode(&*signs, octets.expose_mut()).ok()?.len();
    octets.expose_mut().truncate(length);
    Some(octets)
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
