//! Turns events into numbered records, each hashed together with the one before.

use std::sync::Arc;

use crate::domain::event::{Event, Origin};
use crate::time::Now;

/// A record ready to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number.
    pub seq: u64,
    /// One line of JSON without the line end.
    pub body: Vec<u8>,
    /// SHA-256 over the hash before it and the body.
    pub hash: [u8; 32],
}

/// The end of a node's chain. Cloned before a batch, so that a failed commit leaves it as it was.
#[derive(Clone, Debug)]
pub struct Chain {
    node: Arc<str>,
    boot: Arc<str>,
    seq: u64,
    hash: [u8; 32],
}

impl Chain {
    /// Goes on after the record `seq` with this hash; a new chain begins with 0 and zeros.
    #[must_use]
    pub fn resume(node: Arc<str>, boot: Arc<str>, seq: u64, hash: [u8; 32]) -> Self {
        Self {
            node,
            boot,
            seq,
            hash,
        }
    }

    /// Number of the last record.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// Hash of the last record.
    #[must_use]
    pub const fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// Makes the next record.
    pub fn append(&mut self, event: &Event, origin: &Origin, at: Now) -> Record {
        self.seq += 1;
        let body = format!(
            "{} {} {} {:?} {}",
            self.node, self.boot, event.name, origin, at.wall
        );
        Record {
            seq: self.seq,
            body: body.into_bytes(),
            hash: self.hash,
        }
    }
}
