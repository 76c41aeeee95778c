//! The master key: where it comes from, and the one way it is written down.
//!
//! Thirty-two octets are 52 signs of base32, shown as 13 groups of 4 and one check group, so that a
//! key copied by hand from paper is either right or noticed to be wrong. The credential, the key
//! file and the paper all hold this same text.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use zeroize::Zeroize;

use crate::config::KeySource;
use crate::secret::{Secret, SecretBytes, SecretKey};
use crate::token::base32;

/// Signs in a group.
const GROUP: usize = 4;
/// Groups of the key itself.
const GROUPS: usize = 13;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is no file or credential.
    #[error("no master key at {0}")]
    Missing(PathBuf),
    /// It cannot be read.
    #[error("the master key {path} cannot be read: {source}")]
    Unreadable {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Others than the owner may read it.
    #[error("the master key {0} can be read by others: chmod 600")]
    Exposed(PathBuf),
    /// Not 13 groups and a check group, or the check group does not fit.
    #[error("{0} does not hold a master key: 13 groups of 4 base32 signs and a check group")]
    Malformed(String),
    /// systemd has set no credentials directory.
    #[error("there is no systemd credential `{0}`: mfad was not started by its unit")]
    NoCredentials(String),
}

/// Reads the key that the configuration names.
///
/// # Errors
/// [`KeyError`]; a missing key seals the daemon, it never makes one over an existing store.
pub fn load(source: &KeySource, credentials: Option<&Path>) -> Result<SecretKey, KeyError> {
    let path = match source {
        KeySource::Credential(name) => match credentials {
            Some(folder) => folder.join(name),
            None => return Err(KeyError::NoCredentials(name.clone())),
        },
        KeySource::File(path) => {
            let exposure = crate::sys::files::exposure(path);
            if exposure.is_ok_and(|exposure| exposure.group || exposure.others) {
                return Err(KeyError::Exposed(path.clone()));
            }
            path.clone()
        }
    };
    let text = match fs::read(&path) {
        Ok(text) => SecretBytes::new(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(KeyError::Missing(path));
        }
        Err(source) => return Err(KeyError::Unreadable { path, source }),
    };
    parse(text.expose()).ok_or_else(|| KeyError::Malformed(path.display().to_string()))
}

/// Writes a key the way it is stored and shown.
#[must_use]
pub fn text(key: &SecretKey) -> Secret<String> {
    let signs = base32::encode(key.expose());
    let mut grouped = String::with_capacity((GROUPS + 1) * (GROUP + 1));
    for (at, sign) in signs.expose().chars().enumerate() {
        if at > 0 && at % GROUP == 0 {
            grouped.push('-');
        }
        grouped.push(sign);
    }
    grouped.push('-');
    grouped.push_str(&check_group(key.expose()));
    Secret::new(grouped)
}

/// Reads a key as it is stored and shown; case, spaces, dashes and line ends do not matter.
#[must_use]
pub fn parse(text: &[u8]) -> Option<SecretKey> {
    let is_sign = |octet: &&u8| octet.is_ascii_alphanumeric();
    let signs = SecretBytes::new(
        text.iter()
            .filter(is_sign)
            .map(u8::to_ascii_uppercase)
            .collect(),
    );
    let (key, check) = signs.expose().split_at_checked(GROUPS * GROUP)?;
    let octets = base32::decode(key)?;
    let mut key: [u8; 32] = octets.expose().as_slice().try_into().ok()?;
    let right = check_group(&key).as_bytes() == check;
    let secret = SecretKey::new(key);
    key.zeroize();
    right.then_some(secret)
}

fn check_group(key: &[u8; 32]) -> String {
    let digest = Sha256::new_with_prefix(b"mfad master key check")
        .chain_update(key)
        .finalize();
    let signs = base32::encode(&digest);
    signs.expose().chars().take(GROUP).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_down_can_be_typed_in() {
        let key = SecretKey::new(std::array::from_fn(|n| u8::try_from(n * 7 % 256).unwrap()));
        let written = text(&key);
        assert_eq!(written.expose().split('-').count(), 14);
        assert!(written.expose().split('-').all(|group| group.len() == 4));
        let typed = written.expose().to_lowercase().replace('-', " ") + "\n";
        assert!(parse(typed.as_bytes()).unwrap().equals(key.expose()));
    }

    #[test]
    fn a_typing_error_is_noticed() {
        let key = SecretKey::new([9; 32]);
        let written = text(&key).expose().clone();
        for at in (0..written.len()).filter(|at| written.as_bytes()[*at] != b'-') {
            let mut wrong = written.clone().into_bytes();
            wrong[at] = if wrong[at] == b'A' { b'B' } else { b'A' };
            let read = parse(&wrong);
            assert!(
                read.is_none_or(|read| read.equals(key.expose())),
                "sign {at}"
            );
        }
        assert!(parse(b"").is_none());
        assert!(parse(&written.as_bytes()[..60]).is_none());
    }
}
