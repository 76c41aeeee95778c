//! Fernet: AES-128 in CBC mode and an HMAC over all of it, in base64 of the URL alphabet.
//!
//! ```text
//! key     16 octets for the HMAC, 16 for AES
//! token   0x80, time (8), initialisation vector (16), cipher text, HMAC (32)
//! ```
//! The HMAC is checked before anything is decrypted. The time is not looked at: an export does not age.

use aws_lc_rs::cipher::{AES_128, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::hmac;
use base64ct::{Base64Url, Encoding as _};
use zeroize::Zeroizing;

use super::super::Reason;
use crate::secret::SecretBytes;

/// What every token begins with: the version, and the upper octets of a time before the year 2106.
pub(super) const BEGIN: &str = "gAAAAA";

const VERSION: u8 = 0x80;
const TIME_OCTETS: usize = 8;
const IV_OCTETS: usize = 16;
const HMAC_OCTETS: usize = 32;
const HALF: usize = 16;

/// Opens a token with the key that was printed when it was made.
pub(super) fn open(token: &str, key: &SecretBytes) -> Result<SecretBytes, Reason> {
    let key = std::str::from_utf8(key.expose()).map_err(|_| Reason::KeyNotFernet)?;
    let key = decode(key.trim()).ok_or(Reason::KeyNotFernet)?;
    let (sign, encrypt) = key.split_at_checked(HALF).ok_or(Reason::KeyNotFernet)?;
    if encrypt.len() != HALF {
        return Err(Reason::KeyNotFernet);
    }
    let octets = decode(token).ok_or(Reason::NotBase64)?;
    let signed = octets
        .len()
        .checked_sub(HMAC_OCTETS)
        .ok_or(Reason::Cipher)?;
    let (signed, tag) = octets.split_at_checked(signed).ok_or(Reason::Cipher)?;
    let sign = hmac::Key::new(hmac::HMAC_SHA256, sign);
    hmac::verify(&sign, signed, tag).map_err(|_| Reason::Mac)?;
    let body = signed.strip_prefix(&[VERSION]).ok_or(Reason::Cipher)?;
    let (_, body) = body.split_at_checked(TIME_OCTETS).ok_or(Reason::Cipher)?;
    let (iv, body) = body
        .split_first_chunk::<IV_OCTETS>()
        .ok_or(Reason::Cipher)?;
    let key = UnboundCipherKey::new(&AES_128, encrypt).map_err(|_| Reason::KeyNotFernet)?;
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).map_err(|_| Reason::KeyNotFernet)?;
    let mut body = Zeroizing::new(body.to_vec());
    let clear = key.decrypt(&mut body, DecryptionContext::Iv128(iv.into()));
    Ok(SecretBytes::copy_of(clear.map_err(|_| Reason::Mac)?))
}

fn decode(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut octets = Zeroizing::new(vec![0; text.len().div_ceil(4) * 3]);
    let length = Base64Url::decode(text, &mut octets).ok()?.len();
    octets.truncate(length);
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobw\
                         Oz7JcbmrR64jVmpU4IwqDA==";
    const KEY: &[u8] = b"cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";

    /// The vector of the specification (`generate.json`, `verify.json`).
    #[test]
    fn opens_what_the_specification_prints() {
        let clear = open(TOKEN, &SecretBytes::copy_of(KEY)).unwrap();
        assert_eq!(clear.expose(), b"hello");
    }

    #[test]
    fn a_changed_token_or_another_key_opens_nothing() {
        let key = SecretBytes::copy_of(KEY);
        for at in 0..TOKEN.len() - 2 {
            let mut changed = TOKEN.as_bytes().to_vec();
            changed[at] = if changed[at] == b'B' { b'C' } else { b'B' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(open(&changed, &key).is_err(), "{at}");
        }
        for cut in 0..TOKEN.len() {
            assert!(open(&TOKEN[..cut], &key).is_err(), "{cut}");
        }
        for key in ["", "x", "cw_0x689RpI-jtRR7oE8hw==", "AAAA"] {
            let key = SecretBytes::copy_of(key.as_bytes());
            assert_eq!(open(TOKEN, &key).err(), Some(Reason::KeyNotFernet));
        }
    }
}
