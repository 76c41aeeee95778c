//! Recomputes a chain record by record and finds what does not follow.
//!
//! Fed in order of their numbers, in one pass and without parsing more than the beginning of each
//! body. A deleted, added, moved or changed record shows as a gap or as a hash that does not
//! follow. A chain written anew from some record on is whole in itself: only a checkpoint that the
//! writer could not change shows it. A cut end shows up to the last checkpoint; of what came after
//! it nobody can know, so records after the last checkpoint are reported as unanchored.
//!
//! Checkpoints are believed only under a key that the caller brings. One that is signed with any
//! other key is damage: give all keys that the log was ever signed with. Without any key the
//! hashes are compared and nothing counts as proven.
//!
//! After damage the verifier goes on from the hash that it found, to say how much follows. Times
//! that go back are counted and are no damage: clocks are set.
//!
//! Read the checkpoints *before* the records: one that is signed meanwhile would look cut off.

mod report;

use super::chain::{Record, link};
use super::checkpoint::{Checkpoint, CheckpointError, PublicKey};
use super::head::Head;
use super::json::Line;
use crate::time::Timestamp;

pub use report::{Anchor, Damage, DamageKind, Met, Report, exit_status};

/// What to verify against.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// Whose chain.
    pub node: &'a str,
    /// Where the records begin.
    pub start: Start,
    /// Checkpoints from the file, the journal, or elsewhere, in any order; those of other nodes
    /// and from before the start are passed over.
    pub checkpoints: &'a [Checkpoint],
    /// Keys that are believed; none: signatures are not checked.
    pub keys: &'a [PublicKey],
}

/// The position before the first record to verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// Number of the record before; 0 for a whole chain.
    pub seq: u64,
    /// Its hash.
    pub hash: [u8; 32],
}

impl Start {
    /// The beginning of a chain.
    pub const CHAIN: Self = Self {
        seq: 0,
        hash: [0; 32],
    };

    /// After the record of a checkpoint. What lies before it is then not looked at; to have it
    /// checked too, begin earlier and give the checkpoint among the others.
    #[must_use]
    pub const fn after(checkpoint: &Checkpoint) -> Self {
        Self {
            seq: checkpoint.seq,
            hash: checkpoint.hash,
        }
    }
}

/// Verifies all records of a source.
///
/// # Errors
/// The first error of the source.
pub fn verify<E>(
    plan: &Plan<'_>,
    records: impl IntoIterator<Item = Result<Record, E>>,
) -> Result<Report, E> {
    let mut verifier = Verifier::new(plan);
    for record in records {
        verifier.feed(&record?);
    }
    Ok(verifier.finish())
}

/// A verification under way, for records that come in pages.
#[derive(Debug)]
pub struct Verifier<'a> {
    node_name: &'a str,
    /// As it stands in a body.
    node: Vec<u8>,
    keys: &'a [PublicKey],
    /// Ascending; those still to come.
    checkpoints: std::iter::Peekable<std::vec::IntoIter<&'a Checkpoint>>,
    seq: u64,
    hash: [u8; 32],
    /// After a hash that does not follow: what it should have been.
    other_hash: Option<[u8; 32]>,
    wall: Option<Timestamp>,
    report: Report,
}

impl<'a> Verifier<'a> {
    /// Begins.
    #[must_use]
    pub fn new(plan: &Plan<'a>) -> Self {
        let mut node = Line::with_capacity(plan.node.len() + 2);
        node.text(plan.node);
        let mut checkpoints: Vec<_> = plan
            .checkpoints
            .iter()
            .filter(|checkpoint| {
                checkpoint.node == plan.node && checkpoint.seq >= plan.start.seq.max(1)
            })
            .collect();
        checkpoints.sort_by_key(|checkpoint| checkpoint.seq);
        let mut verifier = Self {
            node_name: plan.node,
            node: node.into_octets(),
            keys: plan.keys,
            checkpoints: checkpoints.into_iter().peekable(),
            seq: plan.start.seq,
            hash: plan.start.hash,
            other_hash: None,
            wall: None,
            report: Report::new(plan.start.hash, !plan.keys.is_empty()),
        };
        verifier.check_checkpoints(None);
        verifier
    }

    /// Takes the next record.
    pub fn feed(&mut self, record: &Record) {
        let head = Head::parse(&record.body);
        let wall = head.as_ref().map(|head| head.wall);
        let fault = self.check_record(record, head.as_ref());
        self.note_time(record.seq, wall);
        let met = Met {
            seq: record.seq,
            wall,
        };
        self.report.records += 1;
        self.report.first.get_or_insert(met);
        self.report.last = Some(met);
        self.report.head = record.hash;
        self.hash = record.hash;
        self.seq = self.seq.max(record.seq);
        let sound = fault.is_none();
        if let Some((seq, kind)) = fault {
            let wall = wall.filter(|_| seq == record.seq);
            self.damage(Damage { seq, wall, kind });
        }
        if self.report.damage.is_none() {
            self.report.intact += 1;
        } else if sound {
            self.report.following += 1;
        }
        self.check_checkpoints(wall);
    }

    /// Takes a checkpoint that was kept beside the record that was just taken.
    pub fn feed_checkpoint(&mut self, checkpoint: &Checkpoint) {
        self.check_checkpoint(checkpoint, None);
    }

    /// Goes on elsewhere: what lies between is not there to be looked at, and whoever says so tells
    /// what is missing.
    pub fn pass_over(&mut self, to: Start) {
        self.seq = to.seq;
        self.hash = to.hash;
        self.other_hash = None;
        self.check_checkpoints(None);
    }

    /// Notes something that is wrong where the next record should be.
    pub fn spoiled(&mut self, kind: DamageKind) {
        let seq = self.seq.saturating_add(1);
        self.damage(Damage {
            seq,
            wall: None,
            kind,
        });
    }

    /// The position after the last record taken.
    #[must_use]
    pub const fn position(&self) -> Start {
        Start {
            seq: self.seq,
            hash: self.hash,
        }
    }

    /// Whether `node` is the one whose chain this is.
    #[must_use]
    pub fn is_of(&self, node: &str) -> bool {
        self.node_name == node
    }

    /// Says what was found.
    #[must_use]
    pub fn finish(mut self) -> Report {
        let mut signed = None;
        while let Some(checkpoint) = self.checkpoints.next() {
            match self.signature_fault(checkpoint) {
                None => signed = Some(checkpoint.seq),
                Some(kind) => self.damage(Damage {
                    seq: checkpoint.seq,
                    wall: None,
                    kind,
                }),
            }
        }
        if let Some(signed) = signed {
            self.damage(Damage {
                seq: self.seq.saturating_add(1),
                wall: None,
                kind: DamageKind::CutOff { signed },
            });
        }
        self.report.unanchored = self.report.intact - self.report.proven;
        self.report
    }

    fn check_record(
        &mut self,
        record: &Record,
        head: Option<&Head<'_>>,
    ) -> Option<(u64, DamageKind)> {
        let expected = link(&self.hash, &record.body);
        let other = self.other_hash.take();
        let follows = expected == record.hash
            || other.is_some_and(|other| link(&other, &record.body) == record.hash);
        let next = self.seq.saturating_add(1);
        if record.seq > next {
            let last = record.seq - 1;
            return Some((next, DamageKind::Missing { first: next, last }));
        }
        if record.seq < next {
            return Some((record.seq, DamageKind::Repeated));
        }
        let kind = if !follows {
            self.other_hash = Some(expected);
            DamageKind::Changed {
                expected,
                found: record.hash,
            }
        } else if let Some(head) = head {
            if head.seq != record.seq {
                DamageKind::OtherNumber(head.seq)
            } else if !self.is_node(head.node) {
                DamageKind::OtherNode
            } else {
                return None;
            }
        } else {
            DamageKind::Unreadable
        };
        Some((record.seq, kind))
    }

    fn is_node(&self, node: &[u8]) -> bool {
        let quoted = self.node.strip_prefix(b"\"");
        quoted.and_then(|name| name.strip_suffix(b"\"")) == Some(node)
    }

    fn note_time(&mut self, seq: u64, wall: Option<Timestamp>) {
        if wall.is_some() && wall < self.wall {
            self.report.time_regressions += 1;
            self.report.time_regression_first.get_or_insert(seq);
        }
        self.wall = wall.or(self.wall);
    }

    /// Checks the checkpoints of the record that was just taken, and of any that is not there.
    fn check_checkpoints(&mut self, wall: Option<Timestamp>) {
        while let Some(checkpoint) = self.checkpoints.next_if(|next| next.seq <= self.seq) {
            self.check_checkpoint(checkpoint, wall);
        }
    }

    fn check_checkpoint(&mut self, checkpoint: &Checkpoint, wall: Option<Timestamp>) {
        let kind = match self.signature_fault(checkpoint) {
            Some(kind) => kind,
            None if checkpoint.seq < self.seq => return,
            None if checkpoint.hash == self.hash => return self.agree(checkpoint),
            None => DamageKind::Rewritten {
                signed: checkpoint.hash,
                found: self.hash,
            },
        };
        let seq = checkpoint.seq;
        self.damage(Damage { seq, wall, kind });
    }

    fn signature_fault(&self, checkpoint: &Checkpoint) -> Option<DamageKind> {
        if self.keys.is_empty() {
            return None;
        }
        let unknown = DamageKind::UnknownKey(checkpoint.key);
        let mut fault = Some(unknown);
        for key in self.keys {
            match checkpoint.verify(key) {
                Ok(()) => return None,
                Err(CheckpointError::OtherKey { .. }) => {}
                Err(_) => fault = Some(DamageKind::Signature),
            }
        }
        fault
    }

    fn agree(&mut self, checkpoint: &Checkpoint) {
        self.report.checkpoints_ok += 1;
        let mut keys = self.report.keys.iter_mut();
        match keys.find(|(key, _)| *key == checkpoint.key) {
            Some((_, count)) => *count += 1,
            None => self.report.keys.push((checkpoint.key, 1)),
        }
        if self.report.damage.is_none() {
            self.report.anchor = Some(Anchor {
                seq: checkpoint.seq,
                time: checkpoint.time,
                ordinal: self.report.checkpoints_ok,
            });
            if self.report.signatures_checked {
                self.report.proven = self.report.intact;
            }
        }
    }

    fn damage(&mut self, damage: Damage) {
        if self.report.damage.is_some() {
            self.report.damages_more += 1;
        } else {
            self.report.damage = Some(damage);
        }
    }
}
