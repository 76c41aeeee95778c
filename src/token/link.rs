//! Secrets of one-time links: who is meant, and 256 random bits.
//!
//! ```text
//! base64url( 16 octets id of the user | 32 random octets )
//! ```
//! The id is random itself and only finds the record; it tells nothing. The store keeps a plain
//! SHA-256 of the random part: of 256 bits nobody finds one by trying.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::secret::{Secret, SecretKey};

/// Octets of the user's id.
const ID_OCTETS: usize = 16;

/// Random octets.
pub const LINK_RANDOM_OCTETS: usize = 32;

/// Octets of both.
const OCTETS: usize = ID_OCTETS + LINK_RANDOM_OCTETS;

/// Signs of the text: four for three octets.
const SIGNS: usize = OCTETS / 3 * 4;

/// The secret of a link, or of a step that follows it.
pub struct LinkSecret {
    user: [u8; ID_OCTETS],
    random: SecretKey,
}

impl LinkSecret {
    /// The secret of a user's link; the random octets are the caller's to wipe.
    #[must_use]
    pub fn new(user: [u8; ID_OCTETS], random: &[u8; LINK_RANDOM_OCTETS]) -> Self {
        Self {
            user,
            random: SecretKey::new(*random),
        }
    }

    /// Reads what stands in a link; none if it is anything else, to the last bit.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() != SIGNS {
            return None;
        }
        let mut octets = Zeroizing::new([0; OCTETS]);
        Base64UrlUnpadded::decode(text, octets.as_mut_slice()).ok()?;
        let (user, random) = octets.split_first_chunk::<ID_OCTETS>()?;
        let mut random: [u8; LINK_RANDOM_OCTETS] = random.try_into().ok()?;
        let link = Self::new(*user, &random);
        random.zeroize();
        Some(link)
    }

    /// Writes it as it stands in a link.
    #[must_use]
    pub fn text(&self) -> Secret<String> {
        let mut octets = Zeroizing::new([0; OCTETS]);
        let parts = self.user.iter().chain(self.random.expose());
        octets
            .iter_mut()
            .zip(parts)
            .for_each(|(to, from)| *to = *from);
        Secret::new(Base64UrlUnpadded::encode_string(octets.as_slice()))
    }

    /// Whose link it says to be.
    #[must_use]
    pub const fn user(&self) -> [u8; ID_OCTETS] {
        self.user
    }

    /// What the store keeps of it.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        Sha256::digest(self.random.expose()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_as_it_is_written() {
        let random = std::array::from_fn(|at| u8::try_from(at * 7).unwrap());
        let link = LinkSecret::new([0xfb; 16], &random);
        let text = link.text();
        assert_eq!(text.expose().len(), SIGNS);
        assert_eq!(text.expose().capacity(), SIGNS, "it moved while it grew");
        let read = LinkSecret::parse(text.expose().as_bytes()).unwrap();
        assert_eq!(read.user(), [0xfb; 16]);
        assert_eq!(read.fingerprint(), link.fingerprint());
        assert_eq!(read.text().expose(), text.expose());
    }

    #[test]
    fn anything_else_is_no_link() {
        let text = LinkSecret::new([1; 16], &[2; 32]).text();
        let text = text.expose();
        let padded = format!("{text}=");
        let spaced = text.replacen('A', " ", 1);
        let other = format!("+/{}", &text[2..]);
        let (short, long) = (&text[1..], format!("{text}A"));
        for bad in ["", short, &long, &padded, &spaced, &other] {
            assert!(LinkSecret::parse(bad.as_bytes()).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn every_sign_counts() {
        let link = LinkSecret::new([1; 16], &[2; 32]);
        let text = link.text().expose().clone();
        for at in 0..SIGNS {
            let sign = if text.as_bytes()[at] == b'A' {
                "B"
            } else {
                "A"
            };
            let mut changed = text.clone();
            changed.replace_range(at..=at, sign);
            let read = LinkSecret::parse(changed.as_bytes()).unwrap();
            let same = read.user() == link.user() && read.fingerprint() == link.fingerprint();
            assert!(!same, "sign {at}");
        }
    }
}
