//! Secrets as a type: what must never be printed, compared with `==`, serialised or copied by accident.
//!
//! [`Secret`] has no `Debug`, `Display`, `Clone`, `PartialEq` or serde implementation, so the
//! compiler refuses the mistakes that leak: a log line, an error context, a derived struct, an
//! early-exit comparison. The value lives on the heap (a move copies a pointer, not the bytes) and
//! is overwritten when it is dropped. Reading it takes a call named [`Secret::expose`], which is
//! easy to find in review.

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// A value that is wiped on drop and can neither be printed nor compared by accident.
pub struct Secret<T: Zeroize>(Box<Zeroizing<T>>);

/// Secret bytes of any length: a password as it was typed, an unsealed seed.
pub type SecretBytes = Secret<Vec<u8>>;

/// A 32 octet key.
pub type SecretKey = Secret<[u8; 32]>;

impl<T: Zeroize> Secret<T> {
    /// Takes the value over. The caller's own copy, if the type is `Copy`, is the caller's to wipe.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self(Box::new(Zeroizing::new(value)))
    }

    /// Gives a look at the value; the borrow must not outlive the use.
    #[must_use]
    pub fn expose(&self) -> &T {
        &self.0
    }

    /// Gives a look at the value, to change it in place. What grows beyond its room leaves a copy
    /// behind that nobody wipes.
    #[must_use]
    pub fn expose_mut(&mut self) -> &mut T {
        &mut self.0
    }

    /// Overwrites the value.
    pub fn wipe(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize + AsRef<[u8]>> Secret<T> {
    /// Compares in time that depends on the lengths only.
    #[must_use]
    pub fn equals(&self, other: &[u8]) -> bool {
        equal(self.expose().as_ref(), other)
    }
}

impl SecretBytes {
    /// Copies `bytes` into a secret of its own.
    #[must_use]
    pub fn copy_of(bytes: &[u8]) -> Self {
        Self::new(bytes.to_vec())
    }

    /// Nothing yet, with room for so many bytes.
    #[must_use]
    pub fn with_room(bytes: usize) -> Self {
        Self::new(Vec::with_capacity(bytes))
    }
}

/// Compares two byte strings in time that depends on their lengths only; the one comparison
/// allowed for anything a stranger may guess at.
#[must_use]
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_by_content() {
        let secret = SecretBytes::copy_of(b"arctangent");
        assert!(secret.equals(b"arctangent"));
        assert!(!secret.equals(b"arctangens"));
        assert!(!secret.equals(b"arctangent "));
        assert!(!secret.equals(b""));
    }
}
