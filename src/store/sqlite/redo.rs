//! Sign-ins: one row for a batch, brought into the table of auth states later.
//!
//! Hardly two people of a batch have their auth states on one page, so writing each to its own place
//! makes a sign-in cost a page of the log. What a batch has changed is one row of `redo` instead,
//! and durable with it; `auth` is brought up before the log is moved, a slice of people at a time,
//! in the order of the table, so that each of its pages is written once for many sign-ins.
//!
//! ```text
//! redo    batch 7: ada rev 5, ben rev 2 | batch 8: ada rev 6 | ...      the truth, until brought up
//! auth    ada rev 4, ben rev 1, carol rev 9 ...                         the truth of all others
//! Recent  ada rev 6, ben rev 2                                          the same in memory
//! ```
//! Of two states of a person the one with the higher revision is the newer. So bringing a state up
//! twice, or late, does no harm, and a reader that looks into [`Recent`] first and into `auth` after
//! it misses nothing: a state leaves `Recent` only when `auth` has it. Who is locked, or becomes so,
//! is written to `auth` at once, so that its index of locked people is always right; who is asked
//! something is looked for in both.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, params};

use super::error::{damaged, failed};
use crate::store::redo_row::{self, RedoRow, State};
use crate::store::{StoreError, auth_row};
use crate::time::Timestamp;

/// People that are brought up in one commit: about as long as a batch of sign-ins.
pub(super) const SLICE: usize = 512;

/// People in memory from which on they are brought up: each may be on a page of their own, and the
/// log is moved as a whole after that.
pub(super) const BEHIND_MAX: usize = 4_096;

/// What brings a person's row of `auth` up, if it is behind.
const BRING_UP: &str = "UPDATE auth SET revision = ?2, locked = 0, asked_until = ?3, body = ?4
     WHERE id = ?1 AND revision < ?2";

/// The state of a person that `auth` may not have yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Newer {
    pub(super) revision: u64,
    /// A row of [`crate::store::auth_row`].
    pub(super) body: Vec<u8>,
}

impl Newer {
    /// The end of the question that stays open longest; none if nothing is asked.
    fn asked_until(&self) -> Option<Timestamp> {
        auth_row::asked(&self.body).max()
    }
}

impl From<State<'_>> for Newer {
    fn from(state: State<'_>) -> Self {
        Self {
            revision: state.revision,
            body: state.body.to_vec(),
        }
    }
}

/// How many questions of a person wait for an answer, in the state of this revision.
pub(super) struct Asked {
    pub(super) revision: u64,
    pub(super) questions: usize,
}

/// How many questions of a state wait for an answer at this moment.
pub(super) fn questions(body: &[u8], now: Timestamp) -> usize {
    auth_row::asked(body).filter(|end| *end > now).count()
}

/// The newest states that `auth` may not have yet, for readers and the writer.
#[derive(Default)]
pub(super) struct Recent(Mutex<HashMap<i64, Newer>>);

impl Recent {
    fn states(&self) -> MutexGuard<'_, HashMap<i64, Newer>> {
        // Nobody leaves it half changed: each state is whole or not there.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the table `redo` holds.
    pub(super) fn load(conn: &Connection, path: &str) -> Result<Self, StoreError> {
        let io = |error: rusqlite::Error| failed("reading", path, &error);
        let recent = Self::default();
        let mut states = recent.states();
        let mut read = conn
            .prepare("SELECT batch, rows FROM redo ORDER BY batch")
            .map_err(io)?;
        let mut rows = read.query([]).map_err(io)?;
        while let Some(row) = rows.next().map_err(io)? {
            let batch: i64 = row.get(0).map_err(io)?;
            let octets = row.get_ref(1).map_err(io)?;
            let octets = octets.as_blob().unwrap_or_default();
            redo_row::read(batch, octets, |state| keep(&mut states, state))
                .map_err(|damage| damaged(format!("batch {batch} of sign-ins"), damage))?;
        }
        drop(states);
        Ok(recent)
    }

    /// Takes in what has been committed.
    pub(super) fn publish(&self, row: &RedoRow) {
        let mut states = self.states();
        for state in row.states() {
            keep(&mut states, state);
        }
    }

    /// The state of a person.
    pub(super) fn of(&self, rowid: i64) -> Option<Newer> {
        self.states().get(&rowid).cloned()
    }

    /// The states of those of the people who have one.
    pub(super) fn of_all(&self, rowids: &[i64]) -> HashMap<i64, Newer> {
        let states = self.states();
        let state = |rowid: &i64| Some((*rowid, states.get(rowid)?.clone()));
        rowids.iter().filter_map(state).collect()
    }

    /// All people who have one, in the order of the table.
    pub(super) fn rowids(&self) -> Vec<i64> {
        let mut rowids: Vec<i64> = self.states().keys().copied().collect();
        rowids.sort_unstable();
        rowids
    }

    /// What is asked of all people who have one, at this moment.
    pub(super) fn asked(&self, now: Timestamp) -> HashMap<i64, Asked> {
        let mut asked = HashMap::new();
        // A slice at a time, and read once it is copied: sign-ins wait for the lock.
        for slice in self.rowids().chunks(SLICE) {
            for (rowid, newer) in self.of_all(slice) {
                let (revision, questions) = (newer.revision, questions(&newer.body, now));
                asked.insert(
                    rowid,
                    Asked {
                        revision,
                        questions,
                    },
                );
            }
        }
        asked
    }

    /// How many people have one.
    pub(super) fn len(&self) -> usize {
        self.states().len()
    }

    /// Lets go of everything, after [`bring_up_all`].
    pub(super) fn clear(&self) {
        self.states().clear();
    }

    /// Lets go of states that `auth` has.
    pub(super) fn forget(&self, rowids: &[i64]) {
        let mut states = self.states();
        for rowid in rowids {
            states.remove(rowid);
        }
    }
}

/// Keeps the newer one, in the room of the older.
fn keep(states: &mut HashMap<i64, Newer>, state: State<'_>) {
    let Some(kept) = states.get_mut(&state.rowid) else {
        states.insert(state.rowid, state.into());
        return;
    };
    if state.revision > kept.revision {
        kept.revision = state.revision;
        kept.body.clear();
        kept.body.extend_from_slice(state.body);
    }
}

/// Writes a batch's row into the open transaction.
pub(super) fn write(
    conn: &Connection,
    path: &str,
    batch: i64,
    row: &[u8],
) -> Result<(), StoreError> {
    conn.prepare_cached("INSERT INTO redo (batch, rows) VALUES (?1, ?2)")
        .and_then(|mut insert| insert.execute(params![batch, row]))
        .map(drop)
        .map_err(|error| failed("writing", path, &error))
}

/// Brings one person's row of `auth` up within the open transaction.
pub(super) fn bring_up(
    conn: &Connection,
    path: &str,
    rowid: i64,
    newer: &Newer,
) -> Result<(), StoreError> {
    conn.prepare_cached(BRING_UP)
        .and_then(|mut update| {
            let asked = newer.asked_until().map(|end| end.0);
            update.execute(params![
                rowid,
                newer.revision.cast_signed(),
                asked,
                newer.body
            ])
        })
        .map(drop)
        .map_err(|error| failed("writing", path, &error))
}

/// Brings these people up, and forgets the batches up to `done` if nothing of them is left.
pub(super) fn bring_up_slice(
    conn: &Connection,
    path: &str,
    states: &HashMap<i64, Newer>,
    rowids: &[i64],
    done: Option<i64>,
) -> Result<(), StoreError> {
    let run = |sql: &str| {
        conn.prepare_cached(sql)
            .and_then(|mut statement| statement.execute([]))
            .map_err(|error| failed("writing", path, &error))
    };
    run("BEGIN IMMEDIATE")?;
    for rowid in rowids {
        if let Some(newer) = states.get(rowid) {
            bring_up(conn, path, *rowid, newer)?;
        }
    }
    if let Some(batch) = done {
        conn.prepare_cached("DELETE FROM redo WHERE batch <= ?1")
            .and_then(|mut delete| delete.execute([batch]))
            .map_err(|error| failed("writing", path, &error))?;
    }
    run("COMMIT").map(drop)
}

/// Brings everybody up at once, before the store is used.
pub(super) fn bring_up_all(conn: &Connection, path: &str) -> Result<(), StoreError> {
    let recent = Recent::load(conn, path)?;
    let rowids = recent.rowids();
    let last = last_batch(conn, path)?;
    if last > 0 {
        bring_up_slice(conn, path, &recent.states(), &rowids, Some(last))?;
    }
    Ok(())
}

/// The number of the last batch, 0 if there is none.
pub(super) fn last_batch(conn: &Connection, path: &str) -> Result<i64, StoreError> {
    conn.query_row("SELECT coalesce(max(batch), 0) FROM redo", [], |row| {
        row.get(0)
    })
    .map_err(|error| failed("reading", path, &error))
}
