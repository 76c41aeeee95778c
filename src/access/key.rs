//! Under which key the cache keeps a request, and how such keys are hashed.
//!
//! The hash has a key that is given, not drawn: a gateway cannot choose ports and identifiers that
//! all fall together, and the same input gives the same run.

use std::hash::BuildHasher;
use std::net::{IpAddr, SocketAddr};

/// Where a request came from and the number it has there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) socket: u16,
    address: IpAddr,
    scope: u32,
    port: u16,
    code: u8,
    identifier: u8,
}

impl Key {
    pub(super) fn new(socket: u16, peer: SocketAddr, code: u8, identifier: u8) -> Self {
        let scope = match peer {
            SocketAddr::V4(_) => 0,
            SocketAddr::V6(peer) => peer.scope_id(),
        };
        Self {
            socket,
            address: peer.ip().to_canonical(),
            scope,
            port: peer.port(),
            code,
            identifier,
        }
    }
}

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
