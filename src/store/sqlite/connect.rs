//! How connections are opened, and what each is set to.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, FileControl, OpenFlags};

use super::error::{failed, shown};
use super::schema::PAGE_OCTETS;
use crate::store::StoreError;

/// How long a connection waits for another one; only a checkpoint or a recovery ever holds one up.
const WAIT: Duration = Duration::from_secs(5);

/// Prepared statements that a connection holds open.
const STATEMENTS_MAX: usize = 64;

/// Memory for pages of the writer, in KiB: the auth rows of some hundred thousand people.
const WRITER_CACHE_KIB: i64 = 16 * 1024;

/// Memory for pages of a reader, in KiB. Each commit makes what it holds worthless.
const READER_CACHE_KIB: i64 = 2 * 1024;

/// The one connection that writes.
pub(super) fn writer(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let conn = open(path, flags, WRITER_CACHE_KIB)?;
    let shown = shown(path);
    let io = |error: rusqlite::Error| failed("setting up", &shown, &error);
    conn.pragma_update(None, "page_size", PAGE_OCTETS)
        .map_err(io)?;
    // FULL: a commit returns when the log is on stable storage. Checkpoints are the writer's own
    // work, and the log keeps its length, so that a commit overwrites instead of extending.
    conn.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA journal_size_limit = -1;
         PRAGMA temp_store = MEMORY;",
    )
    .map_err(io)?;
    let mut persist = 1;
    conn.file_control(None::<&str>, FileControl::PersistWal(&mut persist))
        .map_err(io)?;
    Ok(conn)
}

/// The writer of a copy that is not in use: one plain file, no log.
pub(super) fn lone_writer(path: &Path) -> Result<Connection, StoreError> {
    let conn = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE, WRITER_CACHE_KIB)?;
    conn.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL;")
        .map_err(|error| failed("setting up", &shown(path), &error))?;
    Ok(conn)
}

/// A connection that cannot write.
pub(super) fn reader(path: &Path) -> Result<Connection, StoreError> {
    open(path, OpenFlags::SQLITE_OPEN_READ_ONLY, READER_CACHE_KIB)
}

fn open(path: &Path, flags: OpenFlags, cache_kib: i64) -> Result<Connection, StoreError> {
    let shown = shown(path);
    let io = |error: rusqlite::Error| failed("opening", &shown, &error);
    let conn =
        Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(io)?;
    conn.busy_timeout(WAIT).map_err(io)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // The file may be damaged or somebody else's: nothing in it is code, every cell is checked.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)
        .and_then(|_| conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true))
        .and_then(|_| conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false))
        // Else a statement is planned anew each time a value is bound that an index could care for.
        .and_then(|_| conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true))
        .map_err(io)?;
    conn.pragma_update(None, "cell_size_check", true)
        .map_err(io)?;
    conn.pragma_update(None, "mmap_size", 0).map_err(io)?;
    conn.pragma_update(None, "cache_size", -cache_kib)
        .map_err(io)?;
    Ok(conn)
}

/// Whether the structure of the file is sound: reads all of it.
pub(super) fn quick_check(conn: &Connection, path: &str) -> Result<(), StoreError> {
    let said: String = conn
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| failed("checking", path, &error))?;
    if said == "ok" {
        Ok(())
    } else {
        Err(StoreError::Corrupt {
            what: path.to_owned(),
            detail: said,
        })
    }
}
