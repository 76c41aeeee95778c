//! What the rules know of a seal: an opaque string, and where it belongs.
//!
//! Seeds and hashes are encrypted by [`crate::store::seal`]; the rules only move them about. The
//! place they belong to ([`Field`]) is part of what is authenticated, so a row copied over another
//! one does not open.

use serde::{Deserialize, Serialize};

use super::message::MessageId;
use super::user::UserId;
use crate::secret::SecretBytes;
use crate::token::{OtpCode, TokenId};

/// Encrypted octets with the version of the key that made them; the default one holds nothing and
/// never opens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sealed {
    /// Key version.
    pub v: u16,
    /// Nonce and ciphertext.
    #[serde(with = "hex_bytes")]
    pub data: Vec<u8>,
}

/// The place a sealed value belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field<'a> {
    /// The seed of a user's token.
    Seed(UserId, TokenId),
    /// The seed of a hardware token without an owner.
    PoolSeed(&'a str),
    /// The hash of a user's PIN.
    Pin(UserId),
    /// The hash of a user's local password.
    Password(UserId),
    /// The hash of the answer to the question at this place of a token.
    Answer(UserId, TokenId, u8),
    /// What a message brings.
    Message(MessageId),
}

/// Opens seals; the rules get one handed in.
pub trait Unseal {
    /// Shows the clear octets, and wipes them; shows nothing if they were not sealed by this key for
    /// this place.
    fn show(&self, field: Field<'_>, sealed: &Sealed, see: &mut dyn FnMut(&[u8]));

    /// The clear octets, to keep; none if nothing is shown.
    fn open(&self, field: Field<'_>, sealed: &Sealed) -> Option<SecretBytes> {
        let mut clear = None;
        self.show(field, sealed, &mut |octets| {
            clear = Some(SecretBytes::copy_of(octets));
        });
        clear
    }

    /// The keyed hash of an auth code of `user`, to compare with the stored one.
    fn auth_code_hash(&self, user: UserId, code: &crate::token::auth_code::AuthCode) -> [u8; 32];

    /// The keyed hash of a code that is sent for a token of `user`, to compare with the stored one.
    fn sent_code_hash(&self, user: UserId, token: TokenId, code: &OtpCode) -> [u8; 32];

    /// The keyed hash of a device authorization code of `user`, to compare with the stored one.
    fn device_code_hash(&self, user: UserId, code: &OtpCode) -> [u8; 32];

    /// The keyed hash of a secret that `user` has chosen and is to type again.
    fn choice_hash(&self, user: UserId, typed: &[u8]) -> [u8; 32];

    /// The keyed hash of a recovery code of `user`, to compare with the stored ones.
    fn recovery_hash(&self, user: UserId, code: &crate::token::recovery::RecoveryCode) -> [u8; 32];
}

/// Octets as lower-case hexadecimal text.
pub mod hex_bytes {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes them.
    ///
    /// # Errors
    /// Those of the serialiser.
    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::hex(bytes))
    }

    /// Reads them.
    ///
    /// # Errors
    /// Not an even number of hexadecimal signs.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::unhex(&text).ok_or_else(|| D::Error::custom("not hexadecimal"))
    }
}

/// 32 octets as lower-case hexadecimal text.
pub mod hex_32 {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes them.
    ///
    /// # Errors
    /// Those of the serialiser.
    pub fn serialize<S: Serializer>(bytes: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::hex(bytes))
    }

    /// Reads them.
    ///
    /// # Errors
    /// Not 64 hexadecimal signs.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(deserializer)?;
        super::unhex(&text)
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| D::Error::custom("not 32 octets in hexadecimal"))
    }
}

/// Lower-case hexadecimal text.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 16] = b"0123456789abcdef";
    let sign = |n: u8| char::from(SIGNS.get(usize::from(n)).copied().unwrap_or(b'?'));
    bytes
        .iter()
        .flat_map(|octet| [sign(octet >> 4), sign(octet & 15)])
        .collect()
}

/// The octets that [`hex`] text stands for; upper case is taken as well.
#[must_use]
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let nibble = |c: u8| {
        char::from(c)
            .to_digit(16)
            .and_then(|n| u8::try_from(n).ok())
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|[high, low]| Some(nibble(*high)? * 16 + nibble(*low)?))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::token_record::RecoveryHash;

    #[test]
    fn octets_are_stored_in_lower_case_and_read_in_any() {
        let data = vec![0x00, 0x0f, 0xa5, 0xff];
        let sealed = Sealed { v: 1, data };
        let stored = json!({ "v": 1, "data": "000fa5ff" });
        assert_eq!(serde_json::to_value(&sealed).unwrap(), stored);
        let read = |text: &str| {
            let stored = json!({ "v": 1, "data": text });
            serde_json::from_value::<Sealed>(stored).ok()
        };
        assert_eq!(read("000fa5ff").as_ref(), Some(&sealed));
        assert_eq!(read("000FA5FF").as_ref(), Some(&sealed));
        for bad in ["000fa5f", "000fa5fg", "+0", "00 0f"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_hash_has_32_octets() {
        let hash = RecoveryHash(std::array::from_fn(|at| u8::try_from(at * 8).unwrap_or(0)));
        let stored = serde_json::to_value(&hash).unwrap();
        assert_eq!(
            stored,
            "0008101820283038404850586068707880889098a0a8b0b8c0c8d0d8e0e8f0f8"
        );
        assert_eq!(
            serde_json::from_value::<RecoveryHash>(stored).unwrap(),
            hash
        );
        assert!(serde_json::from_value::<RecoveryHash>(json!("00".repeat(31))).is_err());
    }
}
