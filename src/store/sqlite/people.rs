//! The people of a batch: where their rows are, and what a sign-in adds to the batch's row.
//!
//! What was looked up once is remembered from batch to batch, so that a sign-in reads nothing. Who is
//! written to the tables is forgotten: these are the truth from there on, and may yet be rolled back.

use std::collections::HashMap;

use rusqlite::OptionalExtension as _;

use super::batch::{Batch, LOG_PAGE_OCTETS, Written};
use super::redo::{self, Newer};
use crate::domain::user::{AuthState, UserId};
use crate::store::StoreError;
use crate::store::redo_row::{RedoRow, State};

/// People whose number is remembered; at about 60 octets each.
const PLACES_MAX: usize = 1 << 16;

/// Where a person's rows are, and what a change of them has to fit.
#[derive(Clone, Copy)]
struct Place {
    rowid: i64,
    revision: u64,
    locked: bool,
}

/// What a writer keeps from batch to batch.
#[derive(Default)]
pub(super) struct Kept {
    places: HashMap<UserId, Place>,
    pub(super) row: Vec<u8>,
    /// What the batch's sign-ins have changed.
    pub(super) redo: RedoRow,
    /// Number of the last batch of `redo`.
    pub(super) last_batch: i64,
}

impl Kept {
    /// Makes room for the next batch.
    pub(super) fn begin(&mut self) {
        self.redo.clear();
        if self.places.len() >= PLACES_MAX {
            self.places.clear();
        }
    }
}

impl Batch<'_> {
    /// A sign-in: into the batch's row, unless it is about a lock.
    pub(super) fn sign_in(
        &mut self,
        id: UserId,
        expected: u64,
        auth: &AuthState,
    ) -> Result<Written, StoreError> {
        let Some(place) = self.place(id)? else {
            return Ok(Written::Conflict);
        };
        if place.locked || auth.lock.is_some() {
            self.log_octets += LOG_PAGE_OCTETS;
            return self.update_user(id, expected, None, auth);
        }
        if !self.encode(id, auth) {
            return Ok(Written::Refused);
        }
        if place.revision != expected {
            return Ok(Written::Conflict);
        }
        let Kept {
            places, redo, row, ..
        } = &mut *self.kept;
        let revision = auth.revision;
        redo.push(State {
            rowid: place.rowid,
            revision,
            body: row,
        });
        self.log_octets += u64::try_from(row.len()).unwrap_or(0);
        places.insert(id, Place { revision, ..place });
        Ok(Written::Done)
    }

    /// Writes the batch's row; the last thing before the commit.
    pub(super) fn finish(self) -> Result<u64, StoreError> {
        let batch = self.kept.last_batch + 1;
        if let Some(row) = self.kept.redo.seal(batch) {
            redo::write(self.conn, self.path, batch, row)?;
            self.kept.last_batch = batch;
        }
        Ok(self.log_octets)
    }

    /// Brings a person's row of `auth` up and gives its number. What is known of them is forgotten:
    /// the tables are the truth from here on.
    pub(super) fn brought_up(&mut self, id: UserId) -> Result<Option<i64>, StoreError> {
        let Some(place) = self.place(id)? else {
            return Ok(None);
        };
        if let Some(newer) = self.newer(place.rowid) {
            redo::bring_up(self.conn, self.path, place.rowid, &newer)?;
        }
        self.forget(id);
        Ok(Some(place.rowid))
    }

    /// The state that the row of `auth` may be behind.
    fn newer(&self, rowid: i64) -> Option<Newer> {
        let mut states = self.kept.redo.states().rev();
        let of_batch = states.find(|state| state.rowid == rowid);
        of_batch.map_or_else(|| self.recent.of(rowid), |state| Some(state.into()))
    }

    fn place(&mut self, id: UserId) -> Result<Option<Place>, StoreError> {
        if let Some(place) = self.kept.places.get(&id).copied() {
            self.last = Some((id, place.rowid));
            return Ok(Some(place));
        }
        let found = self
            .conn
            .prepare_cached(
                "SELECT u.id, a.revision, a.locked FROM users u JOIN auth a ON a.id = u.id
                 WHERE u.uid = ?1",
            )
            .and_then(|mut read| {
                read.query_row([id.0], |row| {
                    Ok(Place {
                        rowid: row.get(0)?,
                        revision: row.get::<_, i64>(1)?.cast_unsigned(),
                        locked: row.get::<_, i64>(2)? != 0,
                    })
                })
                .optional()
            })
            .map_err(|error| self.failed(&error))?;
        let Some(mut place) = found else {
            return Ok(None);
        };
        if let Some(newer) = self.newer(place.rowid)
            && newer.revision > place.revision
        {
            place.revision = newer.revision;
            place.locked = false;
        }
        self.kept.places.insert(id, place);
        self.last = Some((id, place.rowid));
        Ok(Some(place))
    }

    /// Forgets what may become another number or revision.
    pub(super) fn forget(&mut self, id: UserId) {
        self.last = None;
        self.kept.places.remove(&id);
    }

    /// The number under which the audit records of a person lie, deleted ones too.
    pub(super) fn audit_rowid(&mut self, id: UserId) -> Result<Option<i64>, StoreError> {
        if let Some((last, rowid)) = self.last
            && last == id
        {
            return Ok(Some(rowid));
        }
        if let Some(place) = self.place(id)? {
            return Ok(Some(place.rowid));
        }
        self.conn
            .prepare_cached("SELECT id FROM former WHERE uid = ?1")
            .and_then(|mut statement| statement.query_row([id.0], |row| row.get(0)).optional())
            .map_err(|error| self.failed(&error))
    }
}
