//! Under which key the cache keeps a request, and how such keys are hashed.
//!
//! The hash has a key that is given, not drawn: a gateway cannot choose ports and identifiers that
//! all fall together, and the same input gives the same run.

use std::hash::BuildHasher;
use std::net::{IpAddr, SocketAddr};

/// Where a request came from and the number it has there: socket, address, scope, port, code,
/// identifier, as octets in a row, because a hash over one piece costs a quarter of one over six.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key([u8; KEY_OCTETS]);

const KEY_OCTETS: usize = 26;

impl Key {
    pub(super) fn new(socket: u16, peer: SocketAddr, code: u8, identifier: u8) -> Self {
        let scope = match peer {
            SocketAddr::V4(_) => 0,
            SocketAddr::V6(peer) => peer.scope_id(),
        };
        // No IPv4 address is mistaken for another: their mapped forms are theirs alone.
        let address = match peer.ip() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        let mut octets = [0; KEY_OCTETS];
        let mut room = octets.iter_mut();
        let mut put = |part: &[u8]| {
            for (octet, place) in part.iter().zip(room.by_ref()) {
                *place = *octet;
            }
        };
        put(&socket.to_be_bytes());
        put(&address.octets());
        put(&scope.to_be_bytes());
        put(&peer.port().to_be_bytes());
        put(&[code, identifier]);
        Self(octets)
    }

    /// The number of the socket.
    pub(super) const fn socket(&self) -> u16 {
        let [high, low, ..] = self.0;
        u16::from_be_bytes([high, low])
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts_and_a_mapped_address_is_the_plain_one() {
        let key = |socket, peer: &str, code, identifier| {
            Key::new(socket, peer.parse().unwrap(), code, identifier)
        };
        let first = key(0x0102, "192.0.2.1:1812", 1, 7);
        assert_eq!(first.socket(), 0x0102);
        assert_eq!(first, key(0x0102, "[::ffff:192.0.2.1]:1812", 1, 7));
        for other in [
            key(0x0002, "192.0.2.1:1812", 1, 7),
            key(0x0102, "192.0.2.2:1812", 1, 7),
            key(0x0102, "[fe80::1%3]:1812", 1, 7),
            key(0x0102, "192.0.2.1:1813", 1, 7),
            key(0x0102, "192.0.2.1:1812", 12, 7),
            key(0x0102, "192.0.2.1:1812", 1, 8),
        ] {
            assert_ne!(first, other);
        }
        let on = |interface| key(1, &format!("[fe80::1%{interface}]:1812"), 1, 7);
        assert_ne!(on(3), on(4));
    }
}
