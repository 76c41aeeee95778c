//! Signed positions of a chain, and when the next one is due.
//!
//! Whoever can write the store can write a whole chain anew. A checkpoint says with an Ed25519
//! signature that record `seq` of `node` had this hash at this time; once a copy of it is
//! elsewhere (the journal, another machine, paper), nothing before it can be changed unseen, not
//! even by somebody who has the key now.
//!
//! A checkpoint is one line of text:
//! `mfad-checkpoint 1 node=.. seq=.. hash=.. time=.. key=.. sig=..`. The signature covers all
//! before ` sig=`. [`Checkpoint::parse`] accepts the one spelling that `Display` writes.
//!
//! Keys are named by a [`Fingerprint`]. It only says which key to try: trust comes from the public
//! key that the verifier brings along.

use std::fmt::{self, Write};
use std::str::FromStr;
use std::time::Duration;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use sha2::{Digest, Sha256};

use super::{hex, wall};
use crate::secret::SecretKey;
use crate::time::{Now, Timestamp};

/// Records after which a checkpoint is due.
pub const INTERVAL_RECORDS: u64 = 1_000;

/// Time after which a checkpoint is due, if there are records since the last one.
pub const INTERVAL: Duration = Duration::from_secs(60);

/// Longest line that is looked at, in octets.
pub const LINE_OCTETS_MAX: usize = 1_024;

/// Octets of the hash of a public key that name it.
const FINGERPRINT_OCTETS: usize = 8;

/// What a line begins with; also keeps the signature from meaning anything else.
const PREFIX: &str = "mfad-checkpoint 1";

/// A signed position of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose chain.
    pub node: String,
    /// Number of the record.
    pub seq: u64,
    /// Hash of the record.
    pub hash: [u8; 32],
    /// When it was signed.
    pub time: Timestamp,
    /// By which key.
    pub key: Fingerprint,
    signature: [u8; 64],
}

/// Names a public key: the first octets of its SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; FINGERPRINT_OCTETS]);

/// A key that checkpoints are verified with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

/// Signs checkpoints.
pub struct Signer {
    pair: Ed25519KeyPair,
    key: PublicKey,
}

/// What can be wrong with a checkpoint or its key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The line is not a checkpoint.
    #[error("not a checkpoint line: {0}")]
    Line(&'static str),
    /// The text is not a public key.
    #[error("a public key is 64 hexadecimal digits in lower case")]
    PublicKey,
    /// The seed makes no key, or the key makes no signature.
    #[error("the audit key cannot sign")]
    Sign,
    /// Signed with another key.
    #[error("checkpoint {seq} is signed with key {found}, not with {wanted}")]
    OtherKey {
        /// Record of the checkpoint.
        seq: u64,
        /// Key that it names.
        found: Fingerprint,
        /// Key that it was tried with.
        wanted: Fingerprint,
    },
    /// The signature does not fit.
    #[error("the signature of checkpoint {seq} is wrong")]
    Signature {
        /// Record of the checkpoint.
        seq: u64,
    },
}

impl Signer {
    /// Makes the key of a seed.
    ///
    /// # Errors
    /// [`CheckpointError::Sign`].
    pub fn new(seed: &SecretKey) -> Result<Self, CheckpointError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose())
            .map_err(|_| CheckpointError::Sign)?;
        let key =
            <[u8; 32]>::try_from(pair.public_key().as_ref()).map_err(|_| CheckpointError::Sign)?;
        Ok(Self {
            pair,
            key: PublicKey(key),
        })
    }

    /// The key to verify with.
    #[must_use]
    pub const fn public_key(&self) -> PublicKey {
        self.key
    }

    /// Signs a position.
    ///
    /// # Errors
    /// [`CheckpointError::Sign`].
    pub fn sign(
        &self,
        node: &str,
        seq: u64,
        hash: [u8; 32],
        time: Timestamp,
    ) -> Result<Checkpoint, CheckpointError> {
        let mut checkpoint = Checkpoint {
            node: node.to_owned(),
            seq,
            hash,
            time,
            key: self.key.fingerprint(),
            signature: [0; 64],
        };
        let signature = self
            .pair
            .try_sign(checkpoint.signed_text().as_bytes())
            .map_err(|_| CheckpointError::Sign)?;
        checkpoint.signature =
            <[u8; 64]>::try_from(signature.as_ref()).map_err(|_| CheckpointError::Sign)?;
        Ok(checkpoint)
    }
}

impl Checkpoint {
    /// Reads a line, without its end.
    ///
    /// # Errors
    /// [`CheckpointError::Line`] if it is not exactly what `Display` writes.
    pub fn parse(line: &str) -> Result<Self, CheckpointError> {
        let checkpoint = Self::parse_fields(line).map_err(CheckpointError::Line)?;
        if checkpoint.to_string() != line {
            return Err(CheckpointError::Line("another spelling"));
        }
        Ok(checkpoint)
    }

    /// Checks the signature.
    ///
    /// # Errors
    /// [`CheckpointError::OtherKey`], [`CheckpointError::Signature`].
    pub fn verify(&self, key: &PublicKey) -> Result<(), CheckpointError> {
        let wanted = key.fingerprint();
        if self.key != wanted {
            return Err(CheckpointError::OtherKey {
                seq: self.seq,
                found: self.key,
                wanted,
            });
        }
        UnparsedPublicKey::new(&ED25519, key.0)
            .verify(self.signed_text().as_bytes(), &self.signature)
            .map_err(|_| CheckpointError::Signature { seq: self.seq })
    }

    fn parse_fields(line: &str) -> Result<Self, &'static str> {
        if line.len() > LINE_OCTETS_MAX {
            return Err("too long");
        }
        let rest = line.strip_prefix(PREFIX).ok_or("other beginning")?;
        let (node, rest) = field(rest, " node=").ok_or("node")?;
        let (seq, rest) = field(rest, " seq=").ok_or("seq")?;
        let (hash, rest) = field(rest, " hash=").ok_or("hash")?;
        let (time, rest) = field(rest, " time=").ok_or("time")?;
        let (key, rest) = field(rest, " key=").ok_or("key")?;
        let (signature, _) = field(rest, " sig=").ok_or("sig")?;
        Ok(Self {
            node: unescape(node).ok_or("node")?,
            seq: seq.parse().map_err(|_| "seq")?,
            hash: hex::parse(hash).ok_or("hash")?,
            time: wall::parse(time.as_bytes()).ok_or("time")?,
            key: Fingerprint(hex::parse(key).ok_or("key")?),
            signature: hex::parse(signature).ok_or("sig")?,
        })
    }

    fn signed_text(&self) -> String {
        format!(
            "{PREFIX} node={} seq={} hash={} time={} key={}",
            escape(&self.node),
            self.seq,
            hex::text(&self.hash),
            self.time,
            self.key
        )
    }
}

/// The line, without its end.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} sig={}",
            self.signed_text(),
            hex::text(&self.signature)
        )
    }
}

impl PublicKey {
    /// The name of the key.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let digest: [u8; 32] = Sha256::digest(self.0).into();
        let mut octets = [0; FINGERPRINT_OCTETS];
        for (octet, from) in octets.iter_mut().zip(digest) {
            *octet = from;
        }
        Fingerprint(octets)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::text(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        hex::parse(text).map(Self).ok_or(CheckpointError::PublicKey)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::text(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Says when a checkpoint is due: each [`INTERVAL_RECORDS`], each [`INTERVAL`], and at stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    seq: u64,
    mono_us: u64,
}

impl Pace {
    /// Begins at the last record that a checkpoint covers.
    #[must_use]
    pub const fn new(seq: u64, now: Now) -> Self {
        Self {
            seq,
            mono_us: now.mono_us,
        }
    }

    /// Whether a checkpoint of record `seq` is due.
    #[must_use]
    pub fn due(&self, seq: u64, now: Now) -> bool {
        let elapsed = Duration::from_micros(now.mono_us.saturating_sub(self.mono_us));
        self.due_at_stop(seq)
            && (seq.saturating_sub(self.seq) >= INTERVAL_RECORDS || elapsed >= INTERVAL)
    }

    /// Whether there is anything to sign before the daemon stops.
    #[must_use]
    pub const fn due_at_stop(&self, seq: u64) -> bool {
        seq > self.seq
    }

    /// Notes that a checkpoint of record `seq` was made.
    pub const fn made(&mut self, seq: u64, now: Now) {
        self.seq = seq;
        self.mono_us = now.mono_us;
    }
}

fn field<'a>(rest: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
    let rest = rest.strip_prefix(name)?;
    rest.split_at_checked(rest.find(' ').unwrap_or(rest.len()))
}

/// Writes a name without spaces and controls, as in a URL.
fn escape(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for octet in name.bytes() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                text.push(char::from(octet));
            }
            _ => {
                // A String takes every sign.
                let _ = write!(text, "%{octet:02x}");
            }
        }
    }
    text
}

fn unescape(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut octets = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (code, plain) = part.split_at_checked(2)?;
        let [octet] = hex::parse(code)?;
        octets.push(octet);
        octets.extend_from_slice(plain.as_bytes());
    }
    String::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::secret::Secret;

    fn signer(seed: u8) -> Signer {
        Signer::new(&Secret::new([seed; 32])).unwrap()
    }

    fn line() -> String {
        let time = Timestamp(1_700_000_000_123);
        signer(1)
            .sign("mfa1", 184_230, [0xab; 32], time)
            .unwrap()
            .to_string()
    }

    #[test]
    fn no_bit_of_a_line_can_change() {
        let key = signer(1).public_key();
        let good = Checkpoint::parse(&line()).unwrap();
        assert_eq!(good.verify(&key), Ok(()));
        let line = line().into_bytes();
        for bit in 0..line.len() * 8 {
            let mut changed = line.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let Ok(text) = std::str::from_utf8(&changed) else {
                continue;
            };
            let verified = Checkpoint::parse(text).and_then(|checkpoint| checkpoint.verify(&key));
            assert!(verified.is_err(), "{text}");
        }
    }

    #[test]
    fn another_key_does_not_verify() {
        let checkpoint = Checkpoint::parse(&line()).unwrap();
        let other = signer(2).public_key();
        assert!(matches!(
            checkpoint.verify(&other),
            Err(CheckpointError::OtherKey { .. })
        ));
        let mut posing = signer(2)
            .sign("mfa1", 184_230, [0xab; 32], Timestamp(0))
            .unwrap();
        posing.key = signer(1).public_key().fingerprint();
        assert_eq!(
            posing.verify(&signer(1).public_key()),
            Err(CheckpointError::Signature { seq: 184_230 })
        );
        let key = signer(1).public_key();
        assert_eq!(key.to_string().parse(), Ok(key));
    }

    #[test]
    fn is_due_by_count_by_time_and_at_stop() {
        let start = Now::at(Timestamp(0));
        let mut pace = Pace::new(10, start);
        assert!(!pace.due(1_009, start.after(Duration::from_millis(59_999))));
        assert!(pace.due(1_010, start));
        assert!(pace.due(11, start.after(INTERVAL)));
        assert!(!pace.due(10, start.after(INTERVAL)) && !pace.due_at_stop(10));
        pace.made(1_010, start);
        assert!(!pace.due(1_011, start) && pace.due_at_stop(1_011));
    }

    proptest! {
        #[test]
        fn garbage_is_an_error_and_never_a_panic(
            node in "[a-f0-9%é ]{0,12}",
            rest in "( (seq|hash|time|key|sig)=[0-9a-f:.TZ-]{0,70}){0,5}",
        ) {
            let line = format!("{PREFIX} node={node}{rest}");
            prop_assert!(Checkpoint::parse(&line).is_err());
        }

        #[test]
        fn any_name_of_a_node_reads_back(node in ".{0,80}", seq in any::<u64>()) {
            let made = signer(1).sign(&node, seq, [1; 32], Timestamp(5)).unwrap();
            let line = made.to_string();
            prop_assert!(line.bytes().all(|octet| octet.is_ascii_graphic() || octet == b' '));
            if line.len() <= LINE_OCTETS_MAX {
                prop_assert_eq!(Checkpoint::parse(&line), Ok(made));
            }
        }
    }
}
