//! Removes archived audit records, a slice at a time between two batches.
//!
//! How much is archived is a fact that was committed together with the record of it. Whatever lies
//! before that point is no part of the log any more, so a crash in the middle loses nothing: the
//! next start goes on. The room is used again by what comes; the file does not become smaller.
//!
//! A slice is a commit of its own. A sign-in that comes meanwhile waits for it as for one batch
//! before it, and the next slice waits for [`PAUSE_US`].

use rusqlite::Connection;

use super::error::failed;
use super::{audit_read, history, meta};
use crate::store::StoreError;

/// Records of a slice.
const SLICE: i64 = 512;

/// How long is waited after a slice, in microseconds.
pub(super) const PAUSE_US: u64 = 20_000;

/// The number up to which records are to be removed; none: nothing archived is left in the store.
pub(super) fn rest(conn: &Connection, path: &str) -> Result<Option<i64>, StoreError> {
    let archived = meta::archived(conn, path)?.seq.cast_signed();
    let (first, _) = audit_read::ends(conn).map_err(|error| failed("reading", path, &error))?;
    Ok((first <= archived).then_some(archived))
}

/// Removes the first records up to the number `last`; how many.
pub(super) fn remove(conn: &Connection, path: &str, last: i64) -> Result<usize, StoreError> {
    let io = |error: rusqlite::Error| failed("removing archived records of", path, &error);
    let (first, _) = audit_read::ends(conn).map_err(io)?;
    history::forget(conn, path, first)?;
    conn.prepare_cached("DELETE FROM audit WHERE seq <= ?1")
        .and_then(|mut delete| delete.execute([last.min(first.saturating_add(SLICE - 1))]))
        .map_err(io)
}
