//! Argon2id over the keyed digest of a PIN or local password.
//!
//! The stored text is `$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH` with salt and hash in hexadecimal;
//! it lies in the store under seal. A hasher keeps its memory blocks, since asking the system for
//! 19 MiB at each check costs as much as a tenth of the hash. What a stored text may ask for is
//! bounded: a damaged one costs no more than three times a good one in memory.

use std::fmt::Write as _;

use argon2::{Algorithm, Argon2, Block, Params, Version};

use crate::domain::sealed::{hex, unhex};
use crate::secret::{self, SecretBytes, SecretKey};

/// Memory of a new hash, in KiB.
pub const MEMORY_KIB: u32 = 19_456;
/// Passes of a new hash.
pub const PASSES: u32 = 2;
/// Most memory that a stored hash may ask for, in KiB.
pub const MEMORY_KIB_MAX: u32 = 64 * 1024;
/// Most passes that a stored hash may ask for.
pub const PASSES_MAX: u32 = 10;
/// Octets of a salt.
pub const SALT_OCTETS: usize = 16;

const HASH_OCTETS: usize = 32;
const PREFIX: &str = "$argon2id$v=19$";

/// Why a hash cannot be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PinHashError {
    /// The stored text is not one of ours.
    #[error("the stored hash cannot be read")]
    Form,
    /// The stored text asks for more than is allowed.
    #[error("the stored hash asks for more memory or time than is allowed")]
    Bounds,
}

/// Hashes with memory of its own; one for each thread.
pub struct PinHasher {
    cost: Cost,
    memory: Vec<Block>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cost {
    memory_kib: u32,
    passes: u32,
}

impl Default for PinHasher {
    fn default() -> Self {
        Self::new()
    }
}

impl PinHasher {
    /// A hasher with the parameters of production.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_cost(Cost {
            memory_kib: MEMORY_KIB,
            passes: PASSES,
        })
    }

    /// A hasher that is fast and weak, for tests and simulations.
    #[must_use]
    pub const fn cheap() -> Self {
        Self::with_cost(Cost {
            memory_kib: 64,
            passes: 1,
        })
    }

    const fn with_cost(cost: Cost) -> Self {
        Self {
            cost,
            memory: Vec::new(),
        }
    }

    /// The text to seal and store for this digest.
    ///
    /// # Errors
    /// [`PinHashError`].
    pub fn hash(
        &mut self,
        digest: &SecretKey,
        salt: [u8; SALT_OCTETS],
    ) -> Result<SecretBytes, PinHashError> {
        let cost = self.cost;
        let hash = self.compute(cost, digest, &salt)?;
        let mut text = String::with_capacity(160);
        let written = write!(
            text,
            "{PREFIX}m={},t={},p=1${}${}",
            cost.memory_kib,
            cost.passes,
            hex(&salt),
            hex(&hash)
        );
        written.map_err(|_| PinHashError::Form)?;
        Ok(SecretBytes::new(text.into_bytes()))
    }

    /// Whether the stored text was made of this digest.
    ///
    /// # Errors
    /// [`PinHashError`].
    pub fn verify(&mut self, digest: &SecretKey, stored: &[u8]) -> Result<bool, PinHashError> {
        let (cost, salt, expected) = parse(stored)?;
        let hash = self.compute(cost, digest, &salt)?;
        Ok(secret::equal(&hash, &expected))
    }

    /// Whether the stored text was made with other parameters than a new one would be.
    ///
    /// # Errors
    /// [`PinHashError`].
    pub fn outdated(&self, stored: &[u8]) -> Result<bool, PinHashError> {
        Ok(parse(stored)?.0 != self.cost)
    }

    fn compute(
        &mut self,
        cost: Cost,
        digest: &SecretKey,
        salt: &[u8],
    ) -> Result<[u8; HASH_OCTETS], PinHashError> {
        let params = Params::new(cost.memory_kib, cost.passes, 1, Some(HASH_OCTETS))
            .map_err(|_| PinHashError::Bounds)?;
        let blocks = params.block_count();
        if self.memory.len() < blocks {
            self.memory.resize(blocks, Block::new());
        }
        let memory = self.memory.get_mut(..blocks).ok_or(PinHashError::Bounds)?;
        let mut hash = [0; HASH_OCTETS];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(digest.expose(), salt, &mut hash, memory)
            .map_err(|_| PinHashError::Bounds)?;
        Ok(hash)
    }
}

fn parse(stored: &[u8]) -> Result<(Cost, Vec<u8>, Vec<u8>), PinHashError> {
    let text = std::str::from_utf8(stored).map_err(|_| PinHashError::Form)?;
    let mut parts = text
        .strip_prefix(PREFIX)
        .ok_or(PinHashError::Form)?
        .split('$');
    let (Some(costs), Some(salt), Some(hash), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(PinHashError::Form);
    };
    let mut costs = costs.split(',');
    let mut cost = |name: &str| -> Result<u32, PinHashError> {
        costs
            .next()
            .and_then(|part| part.strip_prefix(name))
            .and_then(|number| number.parse().ok())
            .ok_or(PinHashError::Form)
    };
    let (memory_kib, passes, lanes) = (cost("m=")?, cost("t=")?, cost("p=")?);
    let salt = unhex(salt).ok_or(PinHashError::Form)?;
    let hash = unhex(hash).ok_or(PinHashError::Form)?;
    if costs.next().is_some() || salt.len() != SALT_OCTETS || hash.len() != HASH_OCTETS {
        return Err(PinHashError::Form);
    }
    if !(8..=MEMORY_KIB_MAX).contains(&memory_kib)
        || !(1..=PASSES_MAX).contains(&passes)
        || lanes != 1
    {
        return Err(PinHashError::Bounds);
    }
    Ok((Cost { memory_kib, passes }, salt, hash))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SALT: [u8; SALT_OCTETS] = [9; SALT_OCTETS];

    fn digest(octet: u8) -> SecretKey {
        SecretKey::new([octet; 32])
    }

    #[test]
    fn knows_its_own_and_no_other() {
        let mut hasher = PinHasher::cheap();
        let stored = hasher.hash(&digest(1), SALT).unwrap();
        assert_eq!(hasher.verify(&digest(1), stored.expose()), Ok(true));
        assert_eq!(hasher.verify(&digest(2), stored.expose()), Ok(false));
        assert_eq!(hasher.outdated(stored.expose()), Ok(false));
        assert_eq!(PinHasher::new().outdated(stored.expose()), Ok(true));
    }

    #[test]
    fn reused_memory_changes_nothing() {
        let mut hasher = PinHasher::cheap();
        let first = hasher.hash(&digest(1), SALT).unwrap();
        let _ = hasher.hash(&digest(2), SALT).unwrap();
        let again = hasher.hash(&digest(1), SALT).unwrap();
        assert!(first.equals(again.expose()));
    }

    #[test]
    fn refuses_greedy_parameters() {
        let hash = "00".repeat(32);
        let salt = "00".repeat(16);
        for costs in [
            "m=65537,t=2,p=1",
            "m=64,t=11,p=1",
            "m=64,t=1,p=2",
            "m=7,t=1,p=1",
            "m=64,t=0,p=1",
        ] {
            let stored = format!("{PREFIX}{costs}${salt}${hash}");
            let judged = PinHasher::cheap().verify(&digest(1), stored.as_bytes());
            assert_eq!(judged, Err(PinHashError::Bounds), "{costs}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "(\\$argon2id\\$v=19\\$)?[mtp=,0-9a-f$]{0,200}") {
            let _ = parse(text.as_bytes());
        }
    }
}
