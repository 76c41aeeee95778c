//! Hashing of cache keys with a key that is given, not drawn: a gateway cannot choose ports and
//! identifiers that all fall together, and the same input gives the same run.

use std::hash::BuildHasher;

/// The two halves of the key.
#[derive(Clone, Copy)]
pub(super) struct HashKeys(u64, u64);

impl HashKeys {
    pub(super) fn new(key: [u8; 16]) -> Self {
        let [a, b, c, d, e, f, g, h, rest @ ..] = key;
        Self(
            u64::from_be_bytes([a, b, c, d, e, f, g, h]),
            u64::from_be_bytes(rest),
        )
    }
}

#[expect(
    deprecated,
    reason = "the one keyed hasher of std whose key is an argument"
)]
impl BuildHasher for HashKeys {
    type Hasher = std::hash::SipHasher;

    fn build_hasher(&self) -> Self::Hasher {
        std::hash::SipHasher::new_with_keys(self.0, self.1)
    }
}
