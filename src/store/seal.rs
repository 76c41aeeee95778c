//! The keys of a store, and what they do: seal, pepper, name without naming.
//!
//! ```text
//! master key --HKDF-SHA256--> seal/v1    AES-256-GCM-SIV for seeds and hashes
//!                             pepper/v1  HMAC below PIN hashes and recovery codes
//!                             audit      seed of the Ed25519 key of checkpoints
//!                             pseudonym  HMAC for names that must not be readable
//!                             dialogue   HMAC for the handles of questions
//! ```
//! The labels are fixed for ever. What is sealed is bound to its place (record, field) and to the
//! version of the key, so that a row copied over another one does not open. Nonces come in as
//! arguments; GCM-SIV forgives a repeated one.
//!
//! The master key itself is not kept. A canary in the store tells at start whether the key is the
//! right one ([`Keys::open_canary`]); nothing is ever written with a key that does not open it.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{hkdf, hmac};
use smallvec::SmallVec;
use zeroize::Zeroizing;

use crate::domain::sealed::{Field, Sealed, Unseal};
use crate::domain::user::UserId;
use crate::secret::{SecretKey, equal};
use crate::token::auth_code::{self, AuthCode};
use crate::token::recovery::{self, RecoveryCode};
use crate::token::{OtpCode, TokenId, choice, sent_code};

/// Version of the seal and pepper keys in use.
pub const KEY_VERSION: u16 = 1;

/// Octets of a nonce.
pub const NONCE_OCTETS: usize = 12;

/// Octets of a tag, at the end of what is sealed.
const TAG_OCTETS: usize = 16;

/// Octets that are opened without asking for memory: seeds of the longest hash fit.
const SHORT_OCTETS: usize = 64;

/// The additional data of what is sealed; that of a seed fits without asking for memory.
type Place = SmallVec<[u8; 64]>;

/// What the canary says when it is opened.
const CANARY: &[u8] = b"mfad canary";

/// The library below refused; it has no reason to with keys and lengths of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cryptographic library refused")]
pub struct CipherError;

/// The keys that are derived from a master key.
pub struct Keys {
    seal: LessSafeKey,
    pepper: SecretKey,
    pepper_mac: hmac::Key,
    audit_seed: SecretKey,
    pseudonym: SecretKey,
    dialogue: SecretKey,
}

impl Keys {
    /// Derives them.
    ///
    /// # Errors
    /// [`CipherError`].
    pub fn derive(master: &SecretKey) -> Result<Self, CipherError> {
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(master.expose());
        let derived = |label: &str| -> Result<SecretKey, CipherError> {
            let mut key = [0; 32];
            root.expand(&[label.as_bytes()], hkdf::HKDF_SHA256)
                .and_then(|material| material.fill(&mut key))
                .map_err(|_| CipherError)?;
            let secret = SecretKey::new(key);
            zeroize::Zeroize::zeroize(&mut key);
            Ok(secret)
        };
        let seal = derived("seal/v1")?;
        let seal = UnboundKey::new(&AES_256_GCM_SIV, seal.expose()).map_err(|_| CipherError)?;
        let pepper = derived("pepper/v1")?;
        Ok(Self {
            seal: LessSafeKey::new(seal),
            pepper_mac: hmac::Key::new(hmac::HMAC_SHA256, pepper.expose()),
            pepper,
            audit_seed: derived("audit")?,
            pseudonym: derived("pseudonym")?,
            dialogue: derived("dialogue")?,
        })
    }

    /// Seals `clear` for its place.
    ///
    /// # Errors
    /// [`CipherError`].
    pub fn seal(
        &self,
        field: Field<'_>,
        clear: &[u8],
        nonce: [u8; NONCE_OCTETS],
    ) -> Result<Sealed, CipherError> {
        self.seal_at(&place(field, KEY_VERSION), clear, nonce)
    }

    /// Makes the canary of a new store.
    ///
    /// # Errors
    /// [`CipherError`].
    pub fn make_canary(&self, nonce: [u8; NONCE_OCTETS]) -> Result<Sealed, CipherError> {
        self.seal_at(&canary_place(KEY_VERSION), CANARY, nonce)
    }

    /// Whether this is the key that made the canary.
    #[must_use]
    pub fn open_canary(&self, canary: &Sealed) -> bool {
        let mut right = false;
        self.show_at(&canary_place(canary.v), canary, &mut |clear| {
            right = equal(clear, CANARY);
        });
        right
    }

    /// What is hashed instead of a PIN or local password, so that the stored hashes are worth
    /// nothing without the key.
    #[must_use]
    pub fn pin_digest(&self, user: UserId, pin: &[u8]) -> SecretKey {
        let mut mac = hmac::Context::with_key(&self.pepper_mac);
        mac.update(&user.0);
        mac.update(pin);
        SecretKey::new(array(mac.sign().as_ref()))
    }

    /// The key under which a name that must not be read becomes a short word: the same for the same
    /// name in this store, of no use without the key.
    #[must_use]
    pub const fn pseudonym_key(&self) -> &SecretKey {
        &self.pseudonym
    }

    /// The key of the handles of questions ([`Handle::fresh`](crate::domain::dialogue::Handle)).
    #[must_use]
    pub const fn dialogue_key(&self) -> &SecretKey {
        &self.dialogue
    }

    /// Seed of the key that signs audit checkpoints.
    #[must_use]
    pub const fn audit_seed(&self) -> &SecretKey {
        &self.audit_seed
    }

    fn seal_at(
        &self,
        place: &[u8],
        clear: &[u8],
        nonce: [u8; NONCE_OCTETS],
    ) -> Result<Sealed, CipherError> {
        let mut cipher = clear.to_vec();
        self.seal
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place),
                &mut cipher,
            )
            .map_err(|_| CipherError)?;
        let mut data = nonce.to_vec();
        data.append(&mut cipher);
        Ok(Sealed {
            v: KEY_VERSION,
            data,
        })
    }

    fn show_at(&self, place: &[u8], sealed: &Sealed, see: &mut dyn FnMut(&[u8])) -> Option<()> {
        if sealed.v != KEY_VERSION {
            return None;
        }
        let (nonce, rest) = sealed.data.split_first_chunk::<NONCE_OCTETS>()?;
        let (cipher, tag) = rest.split_at_checked(rest.len().checked_sub(TAG_OCTETS)?)?;
        let mut short = Zeroizing::new([0; SHORT_OCTETS]);
        let mut long = Zeroizing::new(Vec::new());
        let clear = match short.get_mut(..cipher.len()) {
            Some(clear) => clear,
            None => {
                long.resize(cipher.len(), 0);
                &mut long
            }
        };
        let nonce = Nonce::assume_unique_for_key(*nonce);
        self.seal
            .open_separate_gather(nonce, Aad::from(place), cipher, tag, clear)
            .ok()?;
        see(clear);
        Some(())
    }
}

impl Unseal for Keys {
    fn show(&self, field: Field<'_>, sealed: &Sealed, see: &mut dyn FnMut(&[u8])) {
        self.show_at(&place(field, sealed.v), sealed, see);
    }

    fn auth_code_hash(&self, user: UserId, code: &AuthCode) -> [u8; 32] {
        auth_code::fingerprint(self.pepper.expose(), &user.0, code)
    }

    fn sent_code_hash(&self, user: UserId, token: TokenId, code: &OtpCode) -> [u8; 32] {
        sent_code::fingerprint(self.pepper.expose(), &user.0, token, code)
    }

    fn device_code_hash(&self, user: UserId, code: &OtpCode) -> [u8; 32] {
        sent_code::device_fingerprint(self.pepper.expose(), &user.0, code)
    }

    fn choice_hash(&self, user: UserId, typed: &[u8]) -> [u8; 32] {
        choice::fingerprint(self.pepper.expose(), &user.0, typed)
    }

    fn recovery_hash(&self, user: UserId, code: &RecoveryCode) -> [u8; 32] {
        recovery::fingerprint(self.pepper.expose(), &user.0, code)
    }
}

/// The additional data of a field: its kind, the length of the id, the id, the key version.
fn place(field: Field<'_>, version: u16) -> Place {
    match field {
        Field::Seed(user, token) => {
            let token = super::auth_row::id_octets(token);
            place_of("seed", &[&user.0, &token], version)
        }
        Field::PoolSeed(serial) => place_of("pool-seed", &[serial.as_bytes()], version),
        Field::Pin(user) => place_of("pin", &[&user.0], version),
        Field::Password(user) => place_of("password", &[&user.0], version),
        Field::Answer(user, token, at) => {
            let token = super::auth_row::id_octets(token);
            place_of("answer", &[&user.0, &token, &[at]], version)
        }
        Field::Message(id) => place_of("message", &[&id.0], version),
    }
}

fn canary_place(version: u16) -> Place {
    place_of("canary", &[], version)
}

fn place_of(kind: &str, id: &[&[u8]], version: u16) -> Place {
    let octets: usize = id.iter().map(|part| part.len()).sum();
    let length = u32::try_from(octets).unwrap_or(u32::MAX);
    let mut place = Place::new();
    place.extend_from_slice(kind.as_bytes());
    place.push(0);
    place.extend_from_slice(&length.to_be_bytes());
    id.iter().for_each(|part| place.extend_from_slice(part));
    place.extend_from_slice(&version.to_be_bytes());
    place
}

/// The octets of an HMAC-SHA256.
fn array(tag: &[u8]) -> [u8; 32] {
    tag.first_chunk::<32>().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::message::MessageId;
    use crate::domain::sealed::hex;
    use crate::store::auth_row::id_of;
    use crate::token::TokenId;

    const NONCE: [u8; NONCE_OCTETS] = [7; NONCE_OCTETS];
    const ADA: UserId = UserId([1; 16]);
    const BOB: UserId = UserId([2; 16]);

    fn keys(octet: u8) -> Keys {
        Keys::derive(&SecretKey::new([octet; 32])).unwrap()
    }

    fn token(text: &[u8; 5]) -> TokenId {
        id_of(*text).unwrap()
    }

    #[test]
    fn opens_only_in_its_place() {
        let keys = keys(1);
        let field = Field::Seed(ADA, token(b"11111"));
        let sealed = keys.seal(field, b"seed", NONCE).unwrap();
        assert!(keys.open(field, &sealed).unwrap().equals(b"seed"));
        for elsewhere in [
            Field::Seed(BOB, token(b"11111")),
            Field::Seed(ADA, token(b"22222")),
            Field::Pin(ADA),
            Field::Password(ADA),
            Field::PoolSeed("11111"),
            Field::Message(MessageId(ADA.0)),
        ] {
            assert!(keys.open(elsewhere, &sealed).is_none());
        }
    }

    #[test]
    fn opens_only_unchanged_and_with_its_key() {
        let sealed = keys(1).seal(Field::Pin(ADA), b"hash", NONCE).unwrap();
        assert!(keys(2).open(Field::Pin(ADA), &sealed).is_none());
        let versioned = Sealed {
            v: 2,
            ..sealed.clone()
        };
        assert!(keys(1).open(Field::Pin(ADA), &versioned).is_none());
        for at in 0..sealed.data.len() {
            let mut changed = sealed.clone();
            changed.data[at] ^= 1;
            assert!(keys(1).open(Field::Pin(ADA), &changed).is_none());
            changed.data.truncate(at);
            assert!(keys(1).open(Field::Pin(ADA), &changed).is_none());
        }
    }

    #[test]
    fn the_canary_knows_its_key() {
        let canary = keys(1).make_canary(NONCE).unwrap();
        assert!(keys(1).open_canary(&canary));
        assert!(!keys(2).open_canary(&canary));
    }

    #[test]
    fn labels_and_pepper_are_fixed_for_ever() {
        // HKDF-SHA256 and HMAC-SHA256 of 32 octets 01, computed with Python's hmac module.
        let keys = keys(1);
        assert_eq!(hex(keys.audit_seed().expose()), AUDIT_SEED);
        assert_eq!(hex(keys.pin_digest(ADA, b"2580").expose()), PIN_DIGEST);
        assert_eq!(hex(keys.pseudonym_key().expose()), PSEUDONYM);
        assert_eq!(hex(keys.dialogue_key().expose()), DIALOGUE);
    }

    const AUDIT_SEED: &str = "503e3745d9d07a4b17d901a6ff733e6f7634987f744527bcfe478f7aeb7f2683";
    const PIN_DIGEST: &str = "6249387e1bf373e625834328e1beffb27ad76956cf6be9282b9e6564e9f59946";
    const PSEUDONYM: &str = "6fff74c748aea6b18de8d878ee0924bb838109823fb3d1e48f1cbd812246656b";
    const DIALOGUE: &str = "376c7e05177a7a866e64b6395ec5a7ee5c1223683f7dd0bf0148558b04a2c826";
}
