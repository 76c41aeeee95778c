//! Encrypted values of PSKC, RFC 6030 s6: AES-CBC with a MAC over initialisation vector and cipher
//! text, under a key that both sides have or that is derived from a passphrase.

use std::num::NonZeroU32;

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey,
};
use aws_lc_rs::{hmac, pbkdf2};
use zeroize::Zeroizing;

use crate::secret::SecretBytes;

use super::super::xml::Element;
use super::super::{Reason, base64, hex};

/// Most rounds of PBKDF2: about a second, which a file could ask for as it likes.
const ROUNDS_MAX: u32 = 1_000_000;
/// Length of an initialisation vector, in octets.
const IV_OCTETS: usize = 16;

/// What a file has said about its encryption so far.
#[derive(Default)]
pub(super) struct Opener {
    key: Option<SecretBytes>,
    mac: Option<hmac::Key>,
}

impl Opener {
    /// `EncryptionKey`: makes the key of what the operator has given.
    pub(super) fn take_key(
        &mut self,
        part: &Element,
        given: Option<&SecretBytes>,
    ) -> Result<(), Reason> {
        let given = given.ok_or(Reason::NoKey)?;
        self.key = Some(match part.child("DerivedKey")? {
            Some(how) => derive(how, given)?,
            None => {
                let digits = std::str::from_utf8(given.expose()).ok();
                digits.and_then(hex::decode).ok_or(Reason::KeyNotHex)?
            }
        });
        Ok(())
    }

    /// `MACMethod`: makes the key of the MAC.
    pub(super) fn take_mac(&mut self, part: &Element) -> Result<(), Reason> {
        let key = self.key.as_ref().ok_or(Reason::NoKey)?;
        let algorithm = match part.attribute("Algorithm").unwrap_or_default() {
            "http://www.w3.org/2000/09/xmldsig#hmac-sha1" => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256" => hmac::HMAC_SHA256,
            "http://www.w3.org/2001/04/xmldsig-more#hmac-sha512" => hmac::HMAC_SHA512,
            _ => return Err(Reason::Cipher),
        };
        let encrypted = part.child("MACKey")?.ok_or(Reason::NoMac)?;
        let opened = decrypt(key, encrypted, &cipher_value(encrypted)?)?;
        self.mac = Some(hmac::Key::new(algorithm, opened.expose()));
        Ok(())
    }

    /// Opens a value whose MAC is right.
    // RFC 6030 s6.1.1: a keyed MAC value MUST be there with an encryption that checks nothing itself.
    pub(super) fn open(
        &self,
        encrypted: &Element,
        mac: Option<&Element>,
    ) -> Result<SecretBytes, Reason> {
        let key = self.key.as_ref().ok_or(Reason::NoKey)?;
        let (Some(mac_key), Some(mac)) = (&self.mac, mac) else {
            return Err(Reason::NoMac);
        };
        let cipher = cipher_value(encrypted)?;
        let tag = base64::decode(mac.text()).ok_or(Reason::NotBase64)?;
        hmac::verify(mac_key, cipher.expose(), tag.expose()).map_err(|_| Reason::Mac)?;
        decrypt(key, encrypted, &cipher)
    }
}

fn cipher_value(encrypted: &Element) -> Result<SecretBytes, Reason> {
    let value = encrypted.at(&["CipherData", "CipherValue"])?;
    base64::decode(value.ok_or(Reason::Cipher)?.text()).ok_or(Reason::NotBase64)
}

fn decrypt(key: &SecretBytes, how: &Element, cipher: &SecretBytes) -> Result<SecretBytes, Reason> {
    let method = how.child("EncryptionMethod")?;
    let method = method.and_then(|method| method.attribute("Algorithm"));
    let algorithm = match method.unwrap_or_default() {
        "http://www.w3.org/2001/04/xmlenc#aes128-cbc" => &AES_128,
        "http://www.w3.org/2001/04/xmlenc#aes192-cbc" => &AES_192,
        "http://www.w3.org/2001/04/xmlenc#aes256-cbc" => &AES_256,
        _ => return Err(Reason::Cipher),
    };
    let key = UnboundCipherKey::new(algorithm, key.expose()).map_err(|_| Reason::KeyLength)?;
    let key = PaddedBlockDecryptingKey::cbc_iso10126(key).map_err(|_| Reason::KeyLength)?;
    let (iv, body) = cipher
        .expose()
        .split_first_chunk::<IV_OCTETS>()
        .ok_or(Reason::Cipher)?;
    let mut body = Zeroizing::new(body.to_vec());
    let clear = key.decrypt(&mut body, DecryptionContext::Iv128(iv.into()));
    Ok(SecretBytes::copy_of(clear.map_err(|_| Reason::Mac)?))
}

/// The key behind a passphrase, RFC 6030 s6.2.
fn derive(how: &Element, passphrase: &SecretBytes) -> Result<SecretBytes, Reason> {
    let method = how.child("KeyDerivationMethod")?;
    let method = method.ok_or(Reason::Derivation)?;
    let named = method.attribute("Algorithm").unwrap_or_default();
    let parameters = method.child("PBKDF2-params")?;
    let parameters = parameters
        .filter(|_| named.ends_with("#pbkdf2"))
        .ok_or(Reason::Derivation)?;
    let value = |path: &[&str]| {
        let found = parameters.at(path)?;
        found.map(Element::text).ok_or(Reason::Derivation)
    };
    let salt = base64::decode(value(&["Salt", "Specified"])?).ok_or(Reason::NotBase64)?;
    let rounds: NonZeroU32 = value(&["IterationCount"])?
        .parse()
        .ok()
        .filter(|rounds: &NonZeroU32| rounds.get() <= ROUNDS_MAX)
        .ok_or(Reason::Derivation)?;
    let length: usize = value(&["KeyLength"])?
        .parse()
        .ok()
        .filter(|length| matches!(length, 16 | 24 | 32))
        .ok_or(Reason::KeyLength)?;
    let function = parameters.child("PRF")?;
    let function = function.and_then(|function| function.attribute("Algorithm"));
    let algorithm = match function.and_then(|name| name.rsplit(['#', '/']).next()) {
        None | Some("id-hmacWithSHA1" | "hmac-sha1") => pbkdf2::PBKDF2_HMAC_SHA1,
        Some("id-hmacWithSHA256" | "hmac-sha256") => pbkdf2::PBKDF2_HMAC_SHA256,
        Some("id-hmacWithSHA512" | "hmac-sha512") => pbkdf2::PBKDF2_HMAC_SHA512,
        Some(_) => return Err(Reason::Derivation),
    };
    let mut key = Zeroizing::new(vec![0; length]);
    pbkdf2::derive(
        algorithm,
        rounds,
        salt.expose(),
        passphrase.expose(),
        &mut key,
    );
    Ok(SecretBytes::copy_of(&key))
}
