//! HMAC over a factor, with the key schedule done once.
//!
//! Two of the four compressions of a short HMAC depend on the key only. A search over many factors
//! keeps that half ([`Keyed`]) and clones it for each factor, which halves its cost.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::Algorithm;
use super::truncation::truncate;

/// A keyed HMAC that has not yet seen a message.
pub(super) enum Keyed {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha512(Hmac<Sha512>),
}

impl Keyed {
    /// Does the key schedule.
    pub(super) fn new(algorithm: Algorithm, seed: &[u8]) -> Self {
        match algorithm {
            Algorithm::Sha1 => Self::Sha1(keyed(seed)),
            Algorithm::Sha256 => Self::Sha256(keyed(seed)),
            Algorithm::Sha512 => Self::Sha512(keyed(seed)),
        }
    }

    /// Gives the truncated MAC of one factor.
    pub(super) fn number(&self, factor: u64) -> u32 {
        match self {
            Self::Sha1(mac) => number(mac.clone(), factor),
            Self::Sha256(mac) => number(mac.clone(), factor),
            Self::Sha512(mac) => number(mac.clone(), factor),
        }
    }
}

/// Makes a MAC from a key of any length.
#[expect(
    clippy::expect_used,
    reason = "HMAC is defined for keys of every length"
)]
pub(super) fn keyed<M: KeyInit>(key: &[u8]) -> M {
    M::new_from_slice(key).expect("HMAC takes a key of any length")
}

fn number<M: Mac>(mut mac: M, factor: u64) -> u32 {
    // RFC 4226 s5.1: the counter is 8 octets, high-order octet first.
    mac.update(&factor.to_be_bytes());
    truncate(&mac.finalize().into_bytes())
}
