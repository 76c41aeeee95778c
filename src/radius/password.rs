//! Hiding of User-Password, both ways.
//!
//! [`reveal`] gives whatever bytes come out: with a wrong shared secret they are noise, which only
//! the caller's comparison can tell. Nothing here asks for UTF-8. Trailing zeros are the padding and
//! go; a zero in the middle stays.

use md5::{Digest, Md5};

use crate::secret::SecretBytes;

/// Octets of the longest password that can be hidden.
pub const PASSWORD_OCTETS_MAX: usize = 128;

/// Why a password cannot be hidden or revealed. It is a wrong password, and no reason to be silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// A hidden password has 16, 32, .. or 128 octets.
    #[error("a hidden password has {octets} octets, not 16 to 128 in steps of 16")]
    HiddenLength {
        /// What it had.
        octets: usize,
    },
    /// A password to be hidden is over 128 octets.
    #[error("a password has {octets} octets, more than 128")]
    TooLong {
        /// What it had.
        octets: usize,
    },
}

/// Recovers the password from the value of a User-Password attribute.
///
/// # Errors
/// The length is none that hiding can produce.
// RFC 2865 s5.2: b1 = MD5(S + RA), p1 = c1 xor b1, b2 = MD5(S + c1), and so on.
pub fn reveal(
    hidden: &[u8],
    secret: &[u8],
    request_authenticator: &[u8; 16],
) -> Result<SecretBytes, PasswordError> {
    let mut password = SecretBytes::with_room(PASSWORD_OCTETS_MAX);
    reveal_into(hidden, secret, request_authenticator, &mut password)?;
    Ok(password)
}

/// As [`reveal`], into an empty secret with room for [`PASSWORD_OCTETS_MAX`] octets: a vector that
/// grows leaves copies behind that nobody wipes.
///
/// # Errors
/// As [`reveal`]; the secret stays empty.
pub fn reveal_into(
    hidden: &[u8],
    secret: &[u8],
    request_authenticator: &[u8; 16],
    password: &mut SecretBytes,
) -> Result<(), PasswordError> {
    let (blocks, rest) = hidden.as_chunks::<16>();
    let octets = hidden.len();
    if blocks.is_empty() || !rest.is_empty() || octets > PASSWORD_OCTETS_MAX {
        return Err(PasswordError::HiddenLength { octets });
    }
    let password = password.expose_mut();
    let mut previous = request_authenticator;
    for block in blocks {
        let pad = pad(secret, previous);
        password.extend(block.iter().zip(pad).map(|(octet, pad)| octet ^ pad));
        previous = block;
    }
    while password.last() == Some(&0) {
        password.pop();
    }
    Ok(())
}

/// Hides a password as the value of a User-Password attribute: the gateway's side.
///
/// # Errors
/// The password is longer than 128 octets.
// RFC 2865 s5.2: the password is padded with zeros to a multiple of 16 octets.
pub fn hide(
    password: &[u8],
    secret: &[u8],
    request_authenticator: &[u8; 16],
) -> Result<Vec<u8>, PasswordError> {
    if password.len() > PASSWORD_OCTETS_MAX {
        return Err(PasswordError::TooLong {
            octets: password.len(),
        });
    }
    let blocks = password.len().div_ceil(16).max(1);
    let mut padded = password.iter().copied().chain(std::iter::repeat(0));
    let mut hidden = Vec::with_capacity(blocks * 16);
    let mut previous = *request_authenticator;
    for _ in 0..blocks {
        let mut block = pad(secret, &previous);
        for (octet, clear) in block.iter_mut().zip(padded.by_ref()) {
            *octet ^= clear;
        }
        hidden.extend_from_slice(&block);
        previous = block;
    }
    Ok(hidden)
}

fn pad(secret: &[u8], previous: &[u8; 16]) -> [u8; 16] {
    let mut md5 = Md5::new();
    md5.update(secret);
    md5.update(previous);
    md5.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUTHENTICATOR: [u8; 16] = [7; 16];

    // test of RFC 2865 s5.2
    #[test]
    fn reveals_what_was_hidden_at_every_length() {
        for length in 0..=PASSWORD_OCTETS_MAX {
            let password: Vec<u8> = (1..=u8::MAX).take(length).collect();
            let hidden = hide(&password, b"xyzzy5461", &AUTHENTICATOR).unwrap();
            assert_eq!(hidden.len(), length.div_ceil(16).max(1) * 16);
            let shown = reveal(&hidden, b"xyzzy5461", &AUTHENTICATOR).unwrap();
            assert!(shown.equals(&password), "{length}");
        }
    }

    #[test]
    fn strips_the_padding_and_nothing_else() {
        let hidden = hide(b"\0a\0b\0\0", b"s", &AUTHENTICATOR).unwrap();
        assert!(
            reveal(&hidden, b"s", &AUTHENTICATOR)
                .unwrap()
                .equals(b"\0a\0b")
        );
    }

    #[test]
    fn refuses_lengths_that_hiding_cannot_give() {
        for octets in [0, 1, 15, 17, 127, 129, 144, 253] {
            let error = reveal(&vec![1; octets], b"s", &AUTHENTICATOR)
                .err()
                .unwrap();
            assert_eq!(error, PasswordError::HiddenLength { octets });
        }
        let error = hide(&[1; 129], b"s", &AUTHENTICATOR).unwrap_err();
        assert_eq!(error, PasswordError::TooLong { octets: 129 });
    }
}
