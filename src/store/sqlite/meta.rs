//! The small table of the store's own facts, and the proof of the key among them.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::error::failed;
use crate::domain::sealed::Sealed;
use crate::store::seal::Keys;
use crate::store::{Archived, StoreError};

/// A known value under seal.
pub(super) const CANARY: &str = "canary";
/// Name of the node that wrote last.
pub(super) const NODE: &str = "node";
/// In a backup only: what it is a backup of.
pub(super) const MANIFEST: &str = "manifest";

/// Reads a fact.
pub(super) fn read(
    conn: &Connection,
    path: &str,
    name: &str,
) -> Result<Option<Vec<u8>>, StoreError> {
    conn.prepare_cached("SELECT value FROM meta WHERE name = ?1")
        .and_then(|mut statement| statement.query_row([name], |row| row.get(0)).optional())
        .map_err(|error| failed("reading", path, &error))
}

/// Writes a fact.
pub(super) fn write(
    conn: &Connection,
    path: &str,
    name: &str,
    value: &[u8],
) -> Result<(), StoreError> {
    conn.execute(
        "INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)",
        params![name, value],
    )
    .map(drop)
    .map_err(|error| failed("writing", path, &error))
}

/// How much of the audit log is archived.
pub(super) fn archived(conn: &Connection, path: &str) -> Result<Archived, StoreError> {
    let Some(text) = read(conn, path, Archived::META)? else {
        return Ok(Archived::default());
    };
    serde_json::from_slice(&text)
        .map_err(|error| super::system("reading the archive of", path, error))
}

/// Removes a fact.
pub(super) fn remove(conn: &Connection, path: &str, name: &str) -> Result<(), StoreError> {
    conn.execute("DELETE FROM meta WHERE name = ?1", [name])
        .map(drop)
        .map_err(|error| failed("writing", path, &error))
}

/// How often the log has been moved into the main file. It lies in the database's header, where it
/// can be read from the file alone: [`super::files::moves`].
pub(super) fn moves(conn: &Connection, path: &str) -> Result<u32, StoreError> {
    conn.query_row("PRAGMA application_id", [], |row| row.get::<_, i32>(0))
        .map(i32::cast_unsigned)
        .map_err(|error| failed("reading", path, &error))
}

/// Writes that number.
pub(super) fn set_moves(conn: &Connection, path: &str, moves: u32) -> Result<(), StoreError> {
    conn.pragma_update(None, "application_id", moves.cast_signed())
        .map_err(|error| failed("writing", path, &error))
}

/// Proves that `keys` are those of this store.
pub(super) fn check_canary(conn: &Connection, path: &str, keys: &Keys) -> Result<(), StoreError> {
    let canary: Option<Sealed> =
        read(conn, path, CANARY)?.and_then(|text| serde_json::from_slice(&text).ok());
    match canary {
        Some(canary) if keys.open_canary(&canary) => Ok(()),
        _ => Err(StoreError::Sealed),
    }
}

/// The last audit record: number, hash, time; zeros if there is none.
pub(super) fn chain_end(conn: &Connection, path: &str) -> Result<(u64, [u8; 32], i64), StoreError> {
    let end = conn
        .query_row(
            "SELECT seq, hash, at FROM audit ORDER BY seq DESC LIMIT 1",
            [],
            |row| Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()
        .map_err(|error| failed("reading the audit log of", path, &error))?;
    Ok(end.map_or((0, [0; 32], 0), |(seq, hash, at)| {
        (seq.cast_unsigned(), hash, at)
    }))
}

/// How many people there are.
pub(super) fn users(conn: &Connection, path: &str) -> Result<u64, StoreError> {
    conn.query_row("SELECT count(*) FROM users", [], |row| row.get::<_, i64>(0))
        .map(i64::cast_unsigned)
        .map_err(|error| failed("counting", path, &error))
}
