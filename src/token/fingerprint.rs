//! Keyed fingerprints of codes that are written down.
//!
//! HMAC-SHA-256 under the pepper key, over a label, the user's id and the code. Label and id are of
//! fixed length or end in a zero octet, so no two inputs run together; the id keeps a fingerprint
//! from being of use in another user's record.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::mac::keyed;

/// Computes the fingerprint of `code`, already in its one form. `label` ends in a zero octet.
pub(super) fn of(pepper_key: &[u8; 32], label: &[u8], user_id: &[u8; 16], code: &[u8]) -> [u8; 32] {
    let mut mac: Hmac<Sha256> = keyed(pepper_key);
    mac.update(label);
    mac.update(user_id);
    mac.update(code);
    mac.finalize().into_bytes().into()
}
