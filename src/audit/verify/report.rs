//! What a verification says: enough for a screen that tells people what is proven, what is only
//! chained, and where the first damage is.
//!
//! Numbers of records add up: `records` is `intact` and `following` and those that do not follow;
//! `intact` is `proven` and `unanchored`.

use crate::audit::checkpoint::Fingerprint;
use crate::time::Timestamp;

/// A record that was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Met {
    /// Its number in the store.
    pub seq: u64,
    /// Its time, if that could be read.
    pub wall: Option<Timestamp>,
}

/// The last checkpoint that agrees, before any damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// Its record.
    pub seq: u64,
    /// When it was signed.
    pub time: Timestamp,
    /// How many checkpoints agreed up to it.
    pub ordinal: u64,
}

/// Where a chain is first broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The record, or the first that is missing.
    pub seq: u64,
    /// Its time, if it is there and can be read.
    pub wall: Option<Timestamp>,
    /// What is wrong.
    pub kind: DamageKind,
}

/// What can be wrong with a chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DamageKind {
    /// Records are not there.
    #[error("records {first} to {last} are missing")]
    Missing {
        /// First.
        first: u64,
        /// Last.
        last: u64,
    },
    /// The number is not higher than the one before.
    #[error("the number comes twice or out of order")]
    Repeated,
    /// The hash does not follow from the body and the hash before.
    #[error("the record does not follow from the one before")]
    Changed {
        /// What the hash should be.
        expected: [u8; 32],
        /// What it is.
        found: [u8; 32],
    },
    /// The body does not begin like a record.
    #[error("the record cannot be read")]
    Unreadable,
    /// The body gives itself another number.
    #[error("the record says that it is number {0}")]
    OtherNumber(u64),
    /// The body is of another node.
    #[error("the record is of another node")]
    OtherNode,
    /// A signed checkpoint knows another hash: everything up to here was written anew.
    #[error("the signed checkpoint disagrees: written anew after it was signed")]
    Rewritten {
        /// What was signed.
        signed: [u8; 32],
        /// What the chain has.
        found: [u8; 32],
    },
    /// The log ends before a checkpoint.
    #[error("records up to {signed} were signed and are gone")]
    CutOff {
        /// Record of the last checkpoint.
        signed: u64,
    },
    /// A segment of the archive is not what its first line says.
    #[error("the archived segment is spoiled: {0}")]
    Segment(&'static str),
    /// The signature of a checkpoint is wrong.
    #[error("the signature of the checkpoint is wrong")]
    Signature,
    /// A checkpoint is signed with a key that is not believed.
    #[error("the checkpoint is signed with the unknown key {0}")]
    UnknownKey(Fingerprint),
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// First record met.
    pub first: Option<Met>,
    /// Last record met.
    pub last: Option<Met>,
    /// Records met.
    pub records: u64,
    /// Records up to the first damage that follow from the one before.
    pub intact: u64,
    /// Of these, the ones that a believed checkpoint covers.
    pub proven: u64,
    /// Of these, the ones after the last such checkpoint.
    pub unanchored: u64,
    /// Records from the first damage on that follow from the one before.
    pub following: u64,
    /// The last checkpoint that agrees before any damage.
    pub anchor: Option<Anchor>,
    /// Checkpoints that agree, and whose signature is right if any key was given.
    pub checkpoints_ok: u64,
    /// How many of these each key signed.
    pub keys: Vec<(Fingerprint, u64)>,
    /// Whether any key was given.
    pub signatures_checked: bool,
    /// The first damage.
    pub damage: Option<Damage>,
    /// How many more there are.
    pub damages_more: u64,
    /// Records whose time is before that of the record before.
    pub time_regressions: u64,
    /// The first of them.
    pub time_regression_first: Option<u64>,
    /// Hash of the last record as it is stored.
    pub head: [u8; 32],
}

impl Report {
    /// Nothing met yet.
    pub(super) const fn new(head: [u8; 32], signatures_checked: bool) -> Self {
        Self {
            first: None,
            last: None,
            records: 0,
            intact: 0,
            proven: 0,
            unanchored: 0,
            following: 0,
            anchor: None,
            checkpoints_ok: 0,
            keys: Vec::new(),
            signatures_checked,
            damage: None,
            damages_more: 0,
            time_regressions: 0,
            time_regression_first: None,
            head,
        }
    }

    /// Whether no damage was found.
    #[must_use]
    pub const fn whole(&self) -> bool {
        self.damage.is_none()
    }
}

/// Exit status of a verification: 0 whole, 1 damaged, 2 could not check.
#[must_use]
pub const fn exit_status<E>(result: &Result<Report, E>) -> u8 {
    match result {
        Ok(report) if report.whole() => 0,
        Ok(_) => 1,
        Err(_) => 2,
    }
}
