//! Shared secrets of gateways: where they come from, and which ones are too easy to guess.
//!
//! A secret comes from a file or a systemd credential, never from the configuration itself. One
//! captured packet is enough to try secrets offline, billions a second (security rules, row 26), so
//! a short secret, one made of common words or one with a pattern is refused, unless the gateway
//! says `allow_weak_secret`.

use std::fmt;
use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::secret::SecretBytes;

/// Fewest characters of a secret that is not called weak.
pub const SECRET_CHARS_MIN: usize = 16;

/// Below this many characters there is a warning.
pub const SECRET_CHARS_ADVISED: usize = 24;

/// Longest secret, in octets.
pub const SECRET_OCTETS_MAX: usize = 512;

/// Fewest letters and digits that must be left when common words are taken away.
const UNCOMMON_CHARS_MIN: usize = 8;

/// Fewest different characters.
const DIFFERENT_CHARS_MIN: usize = 8;

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A file.
    File(PathBuf),
    /// A systemd credential.
    Credential(String),
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Credential(name) => write!(f, "credential {name}"),
        }
    }
}

/// Whoever can read secrets: the disk, or a test.
pub trait Secrets {
    /// Reads one, as it stands there.
    ///
    /// # Errors
    /// Why it cannot be had.
    fn read(&self, source: &SecretSource) -> Result<SecretBytes, SecretFault>;
}

/// Why a secret cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretFault {
    /// It is not there.
    #[error("is not there")]
    Missing,
    /// Others than its owner and group have rights on the file.
    #[error("can be reached by everybody (mode {mode:04o})")]
    Public {
        /// Its mode.
        mode: u32,
    },
    /// A folder, a device.
    #[error("is no regular file")]
    NotAFile,
    /// No secret is that long.
    #[error("is longer than {SECRET_OCTETS_MAX} octets")]
    TooLong,
    /// systemd has passed none.
    #[error("cannot be had: systemd has passed no credentials")]
    NoCredentials,
    /// The system says.
    #[error("cannot be read: {0}")]
    Io(String),
}

/// How good a secret is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strength {
    Empty,
    Unprintable,
    Short(usize),
    Guessable,
    Brief(usize),
    Good,
}

/// Words that people make secrets of; a longer one stands before one that it contains.
const COMMON: [&str; 54] = [
    "abcdefghijklmnopqrstuvwxyz",
    "abcdefghijklmnop",
    "01234567890123456789",
    "1234567890",
    "0123456789",
    "9876543210",
    "0987654321",
    "0123456789abcdef",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "1qaz2wsx3edc4rfv",
    "1qaz2wsx",
    "qazwsxedc",
    "administrator",
    "authentication",
    "correcthorsebatterystaple",
    "freeradius",
    "fortigate",
    "strongswan",
    "openvpn",
    "password",
    "passw0rd",
    "p4ssw0rd",
    "changeme",
    "changeit",
    "letmein",
    "radius",
    "secret",
    "s3cret",
    "s3cr3t",
    "shared",
    "testing123",
    "testing",
    "default",
    "example",
    "welcome",
    "gateway",
    "network",
    "company",
    "firewall",
    "server",
    "client",
    "qwerty",
    "access",
    "admin",
    "cisco",
    "guest",
    "login",
    "test",
    "mfad",
    "pass",
    "key",
];

pub(super) fn strength(secret: &[u8]) -> Strength {
    if secret.is_empty() {
        return Strength::Empty;
    }
    if secret.iter().any(u8::is_ascii_control) {
        return Strength::Unprintable;
    }
    let chars = std::str::from_utf8(secret).map_or(secret.len(), |text| text.chars().count());
    if chars < SECRET_CHARS_MIN {
        Strength::Short(chars)
    } else if guessable(secret) {
        Strength::Guessable
    } else if chars < SECRET_CHARS_ADVISED {
        Strength::Brief(chars)
    } else {
        Strength::Good
    }
}

/// Common words, a repeated part, few different characters, or a run such as 1234.
fn guessable(secret: &[u8]) -> bool {
    let mut seen = [false; 256];
    let mut different = 0;
    for octet in secret {
        if let Some(seen) = seen.get_mut(usize::from(*octet)) {
            different += usize::from(!*seen);
            *seen = true;
        }
    }
    let repeated = (1..=secret.len() / 2).any(|period| {
        secret
            .iter()
            .zip(secret.iter().skip(period))
            .all(|(a, b)| a == b)
    });
    let steps = secret.iter().zip(secret.iter().skip(1));
    let in_a_row = steps.filter(|(a, b)| a.abs_diff(**b) <= 1).count();
    different < DIFFERENT_CHARS_MIN
        || repeated
        || in_a_row * 2 > secret.len()
        || uncommon(secret) < UNCOMMON_CHARS_MIN
}

/// Letters and digits that are left without the common words and without years.
fn uncommon(secret: &[u8]) -> usize {
    let mut left: Zeroizing<Vec<u8>> = Zeroizing::new(Vec::with_capacity(secret.len()));
    left.extend(
        secret
            .iter()
            .filter(|octet| octet.is_ascii_alphanumeric() || !octet.is_ascii())
            .map(u8::to_ascii_lowercase),
    );
    for word in COMMON {
        while let Some(at) = left
            .windows(word.len())
            .position(|part| part == word.as_bytes())
        {
            left.drain(at..at + word.len());
        }
    }
    left.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test of security rules row 26: thirty secrets that everybody tries.
    #[test]
    fn refuses_known_weak_secrets() {
        let weak = "testing123 secret password radius changeme xyzzy5461 \
            aaaaaaaaaaaaaaaaaaaaaaaa 1234567890123456 12345678901234567890 abcdefghijklmnop \
            abcdefghijklmnopqrstuvwxyz qwertyuiopasdfghjkl 1qaz2wsx3edc4rfv 0123456789abcdef \
            passwordpassword secretsecretsecret radiussecret1234 testing123testing123 \
            changemechangeme letmeinletmeinletmein SharedSecret12345 my-radius-secret-key \
            RADIUS_SHARED_SECRET fortigate-radius-secret cisco-vpn-password-2024 \
            correcthorsebatterystaple Passw0rdPassw0rd! administrator-password \
            0000000000000000 abababababababababababab";
        let weak: Vec<&str> = weak.split_whitespace().collect();
        assert_eq!(weak.len(), 30);
        for secret in weak {
            let strength = strength(secret.as_bytes());
            assert!(
                matches!(strength, Strength::Short(_) | Strength::Guessable),
                "{secret}: {strength:?}"
            );
        }
    }

    #[test]
    fn takes_random_ones() {
        assert_eq!(strength(b"yq7X-3mPd-h2Kt-9fWs-Lb4c-Tz8v"), Strength::Good);
        assert_eq!(strength(b"9dJ2kQ8sV4mZ1xW7"), Strength::Brief(16));
        assert_eq!(strength(b"0b9a7f3c5d1e2846"), Strength::Brief(16));
        assert_eq!(strength(b""), Strength::Empty);
        assert_eq!(strength(b"9dJ2kQ8sV4mZ1xW7\n9dJ2"), Strength::Unprintable);
        assert_eq!(strength("9dJ2kQ8sV4mZ1xé".as_bytes()), Strength::Short(15));
    }
}
