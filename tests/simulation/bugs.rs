//! Bugs, planted where the simulation can reach: at the store, at the clock, in the rules that the
//! product is given. Each is a mistake somebody could make inside; each must be found.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use mfad::domain::policy::Policy;
use mfad::domain::token_record::HardwareToken;
use mfad::domain::user::{AuthState, UserId, UserRecord};
use mfad::store::sqlite::SqliteReader;
use mfad::store::{
    AuditFilter, AuditPage, Body, Change, Commit, Counts, Find, Outcome, Read, StoreError,
};

use super::site::lock;

/// A planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// A batch is acknowledged and committed with the next one.
    AcknowledgeBeforeCommit,
    /// Of a batch of several changes the last one is acknowledged and not written.
    LastOfBatchLost,
    /// A record is written and its audit events are not.
    EventsLost,
    /// A failure that was counted on a record that has changed since is dropped.
    CountLost,
    /// A lock is not written.
    LockLost,
    /// The stored counter is that of the accepted code, not the one after it.
    CodeStaysFresh,
    /// A grant that was seen past its end is not marked.
    GrantEndForgotten,
    /// A reader gives what it read first.
    StaleReads,
    /// One failure more than the limit is let through.
    LimitOffByOne,
    /// One counter too many is looked at.
    WindowOffByOne,
    /// The hard cap is forgotten.
    NoHardCap,
    /// The steady clock is that of the wall.
    ClockOfTheWall,
    /// Answers are not remembered for duplicates.
    DuplicatesForgotten,
    /// After a crash nothing is known of the last verdicts.
    PrimeSkipped,
    /// What cannot be decided is accepted.
    AcceptWhatCannotBeDecided,
    /// A Reject says why.
    TellingRejects,
    /// A Reject leaves at once.
    HastyRejects,
    /// A backup is put in place without being fenced.
    FenceSkipped,
    /// An audit record is changed behind the back of the chain.
    ChainLinkSkipped,
    /// Nothing is ever synced: only a disk of its own shows it.
    NothingSynced,
}

impl Bug {
    pub(crate) const ALL: [Self; 19] = [
        Self::AcknowledgeBeforeCommit,
        Self::LastOfBatchLost,
        Self::EventsLost,
        Self::CountLost,
        Self::LockLost,
        Self::CodeStaysFresh,
        Self::GrantEndForgotten,
        Self::StaleReads,
        Self::LimitOffByOne,
        Self::WindowOffByOne,
        Self::NoHardCap,
        Self::ClockOfTheWall,
        Self::DuplicatesForgotten,
        Self::PrimeSkipped,
        Self::AcceptWhatCannotBeDecided,
        Self::TellingRejects,
        Self::HastyRejects,
        Self::FenceSkipped,
        Self::ChainLinkSkipped,
    ];

    /// Rules that are a little too kind.
    pub(crate) fn loosen(self, policy: &mut Policy) {
        let lockout = &mut policy.lockout;
        match self {
            Self::LimitOffByOne if lockout.user_max_failures > 0 => lockout.user_max_failures += 1,
            Self::WindowOffByOne => policy.hotp_look_ahead += 1,
            Self::NoHardCap => lockout.hard_cap = u32::MAX,
            _ => {}
        }
    }
}

/// Commits, with a bug.
pub(crate) struct Spoiler {
    bug: Option<Bug>,
    late: Vec<Change>,
    counts: HashMap<UserId, u32>,
}

impl Spoiler {
    pub(crate) fn new(bug: Option<Bug>) -> Self {
        Self {
            bug,
            late: Vec::new(),
            counts: HashMap::new(),
        }
    }

    pub(crate) fn commit(
        &mut self,
        store: &mut dyn Commit,
        batch: &[Change],
    ) -> Result<Vec<Outcome>, StoreError> {
        let mut spoiled = batch.to_vec();
        match self.bug {
            Some(Bug::AcknowledgeBeforeCommit) => {
                let late = std::mem::replace(&mut self.late, spoiled);
                if !late.is_empty() {
                    store.commit(&late)?;
                }
                return Ok(acknowledged(store.next_seq(), batch));
            }
            Some(Bug::LastOfBatchLost) if batch.len() > 1 => {
                let lost = spoiled.pop();
                let mut outcomes = store.commit(&spoiled)?;
                outcomes.extend(acknowledged(store.next_seq(), lost.as_slice()));
                return Ok(outcomes);
            }
            Some(Bug::EventsLost) => {
                for change in &mut spoiled {
                    if !change.writes.is_empty() && change.events.len() == 1 {
                        change.events.clear();
                    }
                }
                let spared = |change: &Change| !change.events.is_empty();
                if !spoiled.iter().all(spared) {
                    let _ = store.commit(&spoiled)?;
                    return Ok(acknowledged(store.next_seq(), batch));
                }
            }
            _ => {
                for change in &mut spoiled {
                    for write in &mut change.writes {
                        if let (mfad::store::Key::User(id), Some(Body::User { auth, .. })) =
                            (&write.key, &mut write.body)
                        {
                            self.spoil(*id, auth);
                        }
                    }
                }
            }
        }
        store.commit(&spoiled)
    }

    fn spoil(&mut self, id: UserId, auth: &mut AuthState) {
        match self.bug {
            Some(Bug::CountLost) => {
                let before = self.counts.insert(id, auth.soft).unwrap_or(0);
                if auth.soft > 1 {
                    auth.soft = before.min(auth.soft);
                }
            }
            Some(Bug::LockLost) => auth.lock = None,
            Some(Bug::CodeStaysFresh) => {
                for token in &mut auth.tokens {
                    if let Some(last) = &token.accepted {
                        token.next_factor = last.factor;
                    }
                }
            }
            Some(Bug::GrantEndForgotten) => {
                auth.grants.iter_mut().for_each(|grant| grant.ended = false);
            }
            _ => {}
        }
    }
}

fn acknowledged(next_seq: u64, batch: &[Change]) -> Vec<Outcome> {
    let mut seq = next_seq;
    let outcome = |change: &Change| {
        let first_seq = seq;
        seq += change.events.len() as u64;
        Outcome::Committed {
            first_seq,
            last_seq: seq.saturating_sub(1),
        }
    };
    batch.iter().map(outcome).collect()
}

/// Gives each record as it was when it was first read.
pub(crate) struct StaleReader {
    store: Arc<SqliteReader>,
    first: Mutex<HashMap<String, UserRecord>>,
}

impl StaleReader {
    pub(crate) fn new(store: Arc<SqliteReader>) -> Self {
        Self {
            store,
            first: Mutex::default(),
        }
    }
}

impl Read for StaleReader {
    fn user_by_name(&self, name: &str) -> Result<Option<UserRecord>, StoreError> {
        if let Some(stale) = lock(&self.first).get(name) {
            return Ok(Some(stale.clone()));
        }
        let record = self.store.user_by_name(name)?;
        // Not before there is something to sign in with.
        if let Some(record) = record.as_ref().filter(|r| r.auth.last_login.is_some()) {
            lock(&self.first).insert(name.to_owned(), record.clone());
        }
        Ok(record)
    }

    fn user(&self, id: UserId) -> Result<Option<UserRecord>, StoreError> {
        self.store.user(id)
    }

    fn user_by_token(&self, id_or_serial: &str) -> Result<Option<UserRecord>, StoreError> {
        self.store.user_by_token(id_or_serial)
    }

    fn hardware(&self, serial: &str) -> Result<Option<HardwareToken>, StoreError> {
        self.store.hardware(serial)
    }

    fn hardware_list(&self, cursor: &str, limit: usize) -> Result<Vec<HardwareToken>, StoreError> {
        self.store.hardware_list(cursor, limit)
    }

    fn find(&self, f: &Find, cursor: &str, limit: usize) -> Result<Vec<UserRecord>, StoreError> {
        self.store.find(f, cursor, limit)
    }

    fn counts(&self) -> Result<Counts, StoreError> {
        self.store.counts()
    }

    fn audit_walk(&self, filter: &AuditFilter, limit: usize) -> Result<AuditPage, StoreError> {
        self.store.audit_walk(filter, limit)
    }

    fn last_seq(&self) -> Result<u64, StoreError> {
        self.store.last_seq()
    }

    fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.meta(name)
    }

    fn probe(&self) -> Result<(), StoreError> {
        self.store.probe()
    }
}
