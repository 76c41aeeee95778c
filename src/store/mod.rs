//! What lasts: the store contract.
//!
//! The unit is one [`Change`]: one or several writes, nearly always to one user record, and the
//! audit events of it. [`Commit::commit`] makes a batch of changes durable with one sync and says
//! of each whether it was committed, met a record that somebody else had changed, or cannot be
//! written at all; all or nothing within a change, and none stands in the way of the others. What it
//! returns `Ok` for is on stable storage. Any error means that nothing may be accepted: the outcome
//! is unknown or nothing was written, and the store must be opened anew.
//!
//! A user record is kept in two parts under one revision: the profile (JSON, with index columns)
//! and the auth state (one small binary row, all that a sign-in changes). The rules see one
//! [`UserRecord`]; the store splits it.

pub mod auth_row;
mod octets;
pub mod pin_hash;
pub mod profile_row;
pub mod redo_row;
pub mod seal;
pub mod sqlite;

use std::sync::Arc;

pub use octets::Damage;

pub use crate::audit::chain::Record as StoredAudit;
use serde::{Deserialize, Serialize};

use crate::domain::event::{Event, Origin};
use crate::domain::message::{Message, MessageId};
use crate::domain::sealed::hex_32;
use crate::domain::token_record::HardwareToken;
use crate::domain::user::{AuthState, Profile, UserId, UserRecord};
use crate::time::{Now, Timestamp};

/// Names a record. A new kind of record is a new key, not a new method.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A person.
    User(UserId),
    /// A hardware token without an owner.
    Hardware(String),
    /// A message that waits to be sent.
    Message(MessageId),
    /// How much of the audit log is archived.
    Archived,
    /// The most seats that were ever taken.
    SeatsPeak,
}

/// The new content of a record.
#[expect(clippy::large_enum_variant, reason = "nearly all are people")]
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// A person. The new revision is `auth.revision`.
    User {
        /// The profile, if it changed.
        profile: Option<Arc<Profile>>,
        /// The auth state.
        auth: AuthState,
    },
    /// A hardware token without an owner.
    Hardware(HardwareToken),
    /// A message that waits to be sent: written in the change that it tells, taken out in the change
    /// that says what became of it.
    Message(Box<Message>),
    /// How much of the audit log is archived: once committed, the store removes these records by
    /// itself, in pieces between batches.
    Archived(Archived),
    /// The most seats that were ever taken: as it is written, whatever was there before.
    SeatsPeak(Peak),
}

/// The most seats that were ever taken at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peak {
    /// How many; 0: none were counted yet.
    pub seats: u64,
    /// When.
    pub at: Timestamp,
}

impl Peak {
    /// Under which name it is one of the store's own facts.
    pub const META: &'static str = "seats_peak";
}

/// The last record that lies in a segment of the archive and no longer in the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archived {
    /// Its number; 0: nothing is archived.
    pub seq: u64,
    /// Its hash, which the first record in the store follows.
    #[serde(with = "hex_32")]
    pub hash: [u8; 32],
    /// When it was written.
    pub at: Timestamp,
}

impl Archived {
    /// Under which name it is one of the store's own facts.
    pub const META: &'static str = "archived";
}

/// One record of a change.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// Which.
    pub key: Key,
    /// The revision it was judged on; none: it must not exist. Hardware tokens and messages have
    /// revision 1, the archive the number of its last record.
    pub expected: Option<u64>,
    /// The new content; none deletes it.
    pub body: Option<Body>,
}

/// All or nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Records written or deleted; may be empty for a Reject that only leaves an audit record.
    pub writes: Vec<Write>,
    /// Who, from where, in answer to what.
    pub origin: Origin,
    /// Audit events, in order.
    pub events: Vec<Event>,
    /// When it was judged.
    pub at: Now,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// Durable; the sequence numbers of its first and last audit record.
    Committed {
        /// First.
        first_seq: u64,
        /// Last.
        last_seq: u64,
    },
    /// A record had another revision, or a unique name or serial is taken: judge again.
    Conflict,
    /// It can never be written: a record is longer than any row may be, or key and content do not
    /// belong together. Nothing of it was; judging again would end in the same.
    Refused,
}

/// The writing side. One owner, one thread.
pub trait Commit: Send {
    /// Makes the batch durable.
    ///
    /// # Errors
    /// [`StoreError`]: nothing of the batch may be answered with success.
    fn commit(&mut self, batch: &[Change]) -> Result<Vec<Outcome>, StoreError>;

    /// The store's own work between two batches: moves the write-ahead log into the main file,
    /// writes a checkpoint. To be called after every batch and now and then when nothing happens; it
    /// looks by itself whether something is due, and costs nothing if not.
    ///
    /// # Errors
    /// [`StoreError`], as for a commit.
    fn idle(&mut self, now: Now) -> Result<(), StoreError>;

    /// Whether [`Self::idle`] has work left that it would do if it were called again soon.
    fn has_work(&self) -> bool {
        false
    }

    /// Sequence number that the next audit record will get.
    fn next_seq(&self) -> u64;

    /// Opens the store anew after an error; nothing in memory is to be trusted.
    ///
    /// # Errors
    /// [`StoreError`]: still not usable.
    fn reopen(&mut self) -> Result<(), StoreError>;

    /// Closes the store cleanly: the next start need not look closely.
    ///
    /// # Errors
    /// [`StoreError`]: it will.
    fn close(self: Box<Self>) -> Result<(), StoreError>;
}

/// The reading side, for any thread.
pub trait Read: Send + Sync {
    /// The person with this canonical name.
    ///
    /// # Errors
    /// [`StoreError`].
    fn user_by_name(&self, name: &str) -> Result<Option<UserRecord>, StoreError>;

    /// The person with this id.
    ///
    /// # Errors
    /// [`StoreError`].
    fn user(&self, id: UserId) -> Result<Option<UserRecord>, StoreError>;

    /// The owner of the token with this id (`T-8F3K2` text) or serial.
    ///
    /// # Errors
    /// [`StoreError`].
    fn user_by_token(&self, id_or_serial: &str) -> Result<Option<UserRecord>, StoreError>;

    /// The hardware token without an owner of this serial.
    ///
    /// # Errors
    /// [`StoreError`].
    fn hardware(&self, serial: &str) -> Result<Option<HardwareToken>, StoreError>;

    /// All hardware tokens without an owner after `cursor`, by serial, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    fn hardware_list(&self, cursor: &str, limit: usize) -> Result<Vec<HardwareToken>, StoreError>;

    /// The messages that wait to be sent, at most `limit`, those of the earliest commits first.
    ///
    /// # Errors
    /// [`StoreError`].
    fn outbox(&self, limit: usize) -> Result<Vec<Message>, StoreError>;

    /// People after `cursor`, by name, at most `limit`, that the coarse filter lets through; the
    /// caller filters further.
    ///
    /// # Errors
    /// [`StoreError`].
    fn find(
        &self,
        filter: &Find,
        cursor: &str,
        limit: usize,
    ) -> Result<Vec<UserRecord>, StoreError>;

    /// The names of the people who are asked something at a sign-in at this moment, in order, and
    /// perhaps of some whose question was answered just now.
    ///
    /// # Errors
    /// [`StoreError`].
    fn asked(&self, now: Timestamp) -> Result<Vec<String>, StoreError>;

    /// How many questions at sign-ins wait for their answers at this moment; reads nobody's record.
    ///
    /// # Errors
    /// [`StoreError`].
    fn questions(&self, now: Timestamp) -> Result<usize, StoreError>;

    /// Counts for status and seats.
    ///
    /// # Errors
    /// [`StoreError`].
    fn counts(&self) -> Result<Counts, StoreError>;

    /// Audit records that match, in order of their numbers (newest first if `newest_first`), at
    /// most `limit`, out of at most [`AUDIT_WALK_RECORDS_MAX`] that are looked at (or `limit`, if
    /// that is more). [`AuditPage::walked_to`] says where to go on.
    ///
    /// # Errors
    /// [`StoreError`].
    fn audit_walk(&self, filter: &AuditFilter, limit: usize) -> Result<AuditPage, StoreError>;

    /// The records of up to [`AUDIT_WALKS_MAX`] walks, for whoever needs no more: bounded by numbers,
    /// by a time, or by nothing but `limit`. Fewer than `limit` do not mean that there are no more if
    /// the filter passes millions over.
    ///
    /// # Errors
    /// [`StoreError`].
    fn audit(&self, filter: &AuditFilter, limit: usize) -> Result<Vec<StoredAudit>, StoreError> {
        walk_on(filter, limit, |filter, limit| {
            self.audit_walk(filter, limit)
        })
    }

    /// Last audit sequence number, 0 if there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    fn last_seq(&self) -> Result<u64, StoreError>;

    /// A value of the small table of the store's own facts (schema, fences, gateway switches).
    ///
    /// # Errors
    /// [`StoreError`].
    fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// How much of the audit log is archived.
    ///
    /// # Errors
    /// [`StoreError`].
    fn archived(&self) -> Result<Archived, StoreError> {
        let Some(text) = self.meta(Archived::META)? else {
            return Ok(Archived::default());
        };
        serde_json::from_slice(&text).map_err(|error| StoreError::Corrupt {
            what: "what is known of the archive".to_owned(),
            detail: error.to_string(),
        })
    }

    /// The most seats that were ever taken.
    ///
    /// # Errors
    /// [`StoreError`].
    fn seats_peak(&self) -> Result<Peak, StoreError> {
        let Some(text) = self.meta(Peak::META)? else {
            return Ok(Peak::default());
        };
        serde_json::from_slice(&text).map_err(|error| StoreError::Corrupt {
            what: "the most seats that were taken".to_owned(),
            detail: error.to_string(),
        })
    }

    /// Proves that the store can be read right now; what the watchdog waits for.
    ///
    /// # Errors
    /// [`StoreError`].
    fn probe(&self) -> Result<(), StoreError>;
}

/// Walks on until `limit` records are found, nothing follows, or it has been enough.
fn walk_on(
    filter: &AuditFilter,
    limit: usize,
    mut walk: impl FnMut(&AuditFilter, usize) -> Result<AuditPage, StoreError>,
) -> Result<Vec<StoredAudit>, StoreError> {
    let mut filter = filter.clone();
    let mut found = Vec::new();
    for _ in 0..AUDIT_WALKS_MAX {
        let page = walk(&filter, limit - found.len())?;
        found.extend(page.records);
        match page.walked_to {
            Some(seq) if found.len() < limit && filter.newest_first => filter.before_seq = seq,
            Some(seq) if found.len() < limit => filter.after_seq = seq,
            _ => break,
        }
    }
    Ok(found)
}

/// What a search can be narrowed to inside the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Find {
    /// Part of name, display name, e-mail or phone, whatever the case.
    pub text: Option<String>,
    /// The text is the whole login name.
    pub exact: bool,
    /// Only locked people.
    pub locked: bool,
    /// Only people in one of these states; empty: all.
    pub states: Vec<crate::domain::user::UserState>,
    /// Only people with a grant that is not over.
    pub passthrough: bool,
}

/// Which audit records are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// About this person.
    pub user: Option<UserId>,
    /// Name is this or begins with this and a dot.
    pub event: Option<String>,
    /// By this operator's login name.
    pub actor: Option<String>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Of this request (command id, or digest in hexadecimal).
    pub request: Option<String>,
    /// Of this gateway.
    pub gateway: Option<String>,
    /// Of this attempt.
    pub attempt: Option<String>,
    /// Only numbers above.
    pub after_seq: u64,
    /// Only numbers below; 0: no bound.
    pub before_seq: u64,
    /// Newest first.
    pub newest_first: bool,
}

/// Audit records that one walk looks at: about half a second of work, after which the caller can
/// see whether anybody still wants the answer.
pub const AUDIT_WALK_RECORDS_MAX: u64 = 200_000;

/// Walks of one [`Read::audit`]: two million records.
pub const AUDIT_WALKS_MAX: u32 = 10;

/// What a walk along the audit log has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// Records that match, in the order that was asked for.
    pub records: Vec<StoredAudit>,
    /// Number up to which everything has been looked at, if more follows: the next walk has it as
    /// `after_seq`, or as `before_seq` if newest first. None: nothing follows.
    pub walked_to: Option<u64>,
}

/// How many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All people.
    pub users: u64,
    /// Those who count a seat.
    pub seats: u64,
    /// Those who are locked.
    pub locked: u64,
    /// Those locked for a blocked PIN.
    pub pin_blocked: u64,
    /// By state, in the order of [`crate::domain::user::UserState::ALL`].
    pub by_state: [u64; 9],
    /// Octets of the files.
    pub octets: u64,
}

/// What can go wrong below the rules.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system or database refused; with the path.
    #[error("{doing} {path}: {detail}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: String,
        /// What the system said.
        detail: String,
    },
    /// A commit was sent and its result is not known.
    #[error("the result of a commit is not known: {0}")]
    Unknown(String),
    /// A commit failed before; the store answers nothing until it is opened anew.
    #[error("the store is closed after a failed commit: {0}")]
    Poisoned(String),
    /// A stored value is not what this version can read.
    #[error("{what} cannot be read: {detail}")]
    Corrupt {
        /// Which record.
        what: String,
        /// Why.
        detail: String,
    },
    /// The store was written by a newer mfad.
    #[error("the store has schema {found}, this mfad knows up to {known}")]
    Newer {
        /// In the store.
        found: u32,
        /// In the program.
        known: u32,
    },
    /// Another mfad has it open.
    #[error("{0} is in use by another mfad")]
    InUse(String),
    /// The master key does not open it.
    #[error("this key does not open this store")]
    Sealed,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One record in a hundred, ten records in a walk, of a thousand.
    fn sparse(filter: &AuditFilter, limit: usize) -> Result<AuditPage, StoreError> {
        assert!(limit > 0, "walked on for nothing");
        let from = filter.after_seq + 1;
        let hit = (from..from + 10).find(|seq| seq % 100 == 0);
        let record = |seq| StoredAudit {
            seq,
            body: Vec::new(),
            hash: [0; 32],
        };
        Ok(AuditPage {
            records: hit.map(record).into_iter().collect(),
            walked_to: Some(from + 9).filter(|to| *to < 1000),
        })
    }

    #[test]
    fn walks_on_for_a_while() {
        let found = |after_seq, limit| -> Vec<u64> {
            let filter = AuditFilter {
                after_seq,
                ..AuditFilter::default()
            };
            let found = walk_on(&filter, limit, sparse).unwrap();
            found.iter().map(|record| record.seq).collect()
        };
        assert_eq!(found(50, 1), [100]);
        assert_eq!(found(50, 9), [100], "walked for ever");
        assert_eq!(found(0, 9), [100]);
        assert_eq!(found(100, 9), [200]);
        assert_eq!(found(950, 9), [1000]);
    }
}
