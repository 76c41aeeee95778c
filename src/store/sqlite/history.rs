//! The records of one person: an index that is filled behind the commits.
//!
//! An index that every sign-in kept would more than double what a sign-in costs, since each would
//! touch another page. So the log is indexed later, a *slice* of [`SLICE`] numbers at a time: the
//! slice's records are sorted by person and appended, which writes each page once. A history is then
//! one look into each slice, and a walk over the tail that has no slice yet.
//!
//! ```text
//! audit   1 .............. 8191 | 8192 ........ 16383 | 16384 ... newest
//! slices  0: sorted by person   | 1: sorted by person | walked over
//! ```
//! The number of the next slice is a fact of the store, written together with the one before it, so
//! that the lag is known and a crash costs one slice of work. A slice is filled when nobody has
//! signed in for a moment, or, on a site that never rests, seldom.

use rusqlite::{Connection, params};

use super::error::failed;
use super::{audit_read, meta};
use crate::store::StoreError;

/// Numbers of a slice: filled in some milliseconds, as long as a batch or two of sign-ins.
pub(super) const SLICE: i64 = 8_192;

/// Slices that one walk looks into: some tens of milliseconds.
pub(super) const WALK_SLICES_MAX: i64 = 4_096;

/// Nobody has signed in for so long before a slice is filled, in microseconds.
pub(super) const QUIET_US: u64 = 50_000;

/// Slices behind from which on one is filled without such a pause, and how often, in microseconds.
pub(super) const BEHIND_MAX: i64 = 64;
pub(super) const BEHIND_PAUSE_US: u64 = 250_000;

/// What a slice adds to the log, about.
pub(super) const SLICE_LOG_OCTETS: u64 = SLICE as u64 * 16;

/// The fact: number of the next slice, as text.
const NEXT: &str = "audit_slices";

/// The number of the next slice to fill.
pub(super) fn next(conn: &Connection, path: &str) -> Result<i64, StoreError> {
    let text = meta::read(conn, path, NEXT)?.unwrap_or_default();
    let known = std::str::from_utf8(&text).ok();
    Ok(known.and_then(|text| text.parse().ok()).unwrap_or(0))
}

/// How many slices are complete when `seq` is the last record.
pub(super) const fn complete(seq: u64) -> i64 {
    seq.saturating_add(1).cast_signed() / SLICE
}

/// Fills a slice; gives the number of the one after it. What is archived already is passed over.
pub(super) fn fill(conn: &Connection, path: &str, slice: i64) -> Result<i64, StoreError> {
    let io = |error: rusqlite::Error| failed("indexing the audit log of", path, &error);
    let run = |sql: &str| {
        conn.prepare_cached(sql)
            .and_then(|mut statement| statement.execute([]))
            .map_err(io)
    };
    let (first, _) = audit_read::ends(conn).map_err(io)?;
    let slice = slice.max(first / SLICE);
    run("BEGIN IMMEDIATE")?;
    conn.prepare_cached(
        "INSERT OR REPLACE INTO audit_of (slice, user, seq)
         SELECT ?1, user, seq FROM audit
         WHERE seq >= ?2 AND seq < ?3 AND user IS NOT NULL ORDER BY user, seq",
    )
    .and_then(|mut fill| fill.execute(params![slice, slice * SLICE, (slice + 1) * SLICE]))
    .map_err(io)?;
    let next = slice + 1;
    meta::write(conn, path, NEXT, next.to_string().as_bytes())?;
    run("COMMIT")?;
    Ok(next)
}

/// Forgets the slices that have no record any more, when `first` is the first there is.
pub(super) fn forget(conn: &Connection, path: &str, first: i64) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM audit_of WHERE slice < ?1")
        .and_then(|mut delete| delete.execute([first / SLICE]))
        .map(drop)
        .map_err(|error| failed("removing archived records of", path, &error))
}
