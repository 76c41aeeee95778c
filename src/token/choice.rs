//! A secret that a person has chosen and is to type again: known again by a keyed hash.

use super::fingerprint;

const LABEL: &[u8] = b"mfad choice v1\0";

/// Computes what the store keeps of it between the two.
#[must_use]
pub fn fingerprint(pepper_key: &[u8; 32], user_id: &[u8; 16], typed: &[u8]) -> [u8; 32] {
    fingerprint::of(pepper_key, LABEL, user_id, typed)
}
