//! Tables, and how an older store becomes a newer one.
//!
//! Each migration runs once, in order, in a transaction of its own that also raises
//! `user_version`. A migration that has been released is never edited: what it got wrong is the
//! next one's work. A store with more migrations than this program knows is refused.

use rusqlite::{Connection, TransactionBehavior};

use super::error::{failed, system};
use crate::store::StoreError;

/// Octets of a page: larger ones make each sign-in write more, smaller ones make trees deeper.
pub(super) const PAGE_OCTETS: u32 = 4096;

/// All migrations, oldest first.
const MIGRATIONS: [&str; 5] = [FIRST, HISTORY, REDO, OUTBOX, ASKED];

/// Schema that this program writes.
pub const SCHEMA: u32 = 5;

const _: () = assert!(MIGRATIONS.len() == SCHEMA as usize);

/// `users` and its indexes are written by operators only, `audit` by every sign-in, `auth` for many
/// sign-ins at once.
/// `auth_locked` holds the few locked people; a sign-in that locks nobody does not touch it.
/// `former` keeps the numbers of deleted people, under which their audit records lie.
const FIRST: &str = "
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE users (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    uid         BLOB NOT NULL UNIQUE,
    name        TEXT NOT NULL UNIQUE,
    state       INTEGER NOT NULL,
    grant_until INTEGER,
    search      TEXT NOT NULL,
    sum         INTEGER NOT NULL,
    profile     BLOB NOT NULL
);
CREATE INDEX users_find ON users (name, state, search);
CREATE INDEX users_state ON users (state);
CREATE INDEX users_grant ON users (grant_until) WHERE grant_until IS NOT NULL;

CREATE TABLE auth (
    id         INTEGER PRIMARY KEY,
    revision   INTEGER NOT NULL,
    locked     INTEGER NOT NULL,
    last_login INTEGER,
    body       BLOB NOT NULL
);
CREATE INDEX auth_locked ON auth (locked) WHERE locked <> 0;

CREATE TABLE tokens (
    id     TEXT PRIMARY KEY,
    serial TEXT UNIQUE,
    user   INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX tokens_user ON tokens (user);

CREATE TABLE hardware (
    serial TEXT PRIMARY KEY,
    sum    INTEGER NOT NULL,
    body   BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE audit (
    seq  INTEGER PRIMARY KEY,
    at   INTEGER NOT NULL,
    user INTEGER,
    hash BLOB NOT NULL,
    body BLOB NOT NULL
);

CREATE TABLE former (
    uid BLOB PRIMARY KEY,
    id  INTEGER NOT NULL
) WITHOUT ROWID;
";

/// The index of one person's audit records, filled behind the commits: [`super::history`].
const HISTORY: &str = "
CREATE TABLE audit_of (
    slice INTEGER NOT NULL,
    user  INTEGER NOT NULL,
    seq   INTEGER NOT NULL,
    PRIMARY KEY (slice, user, seq)
) WITHOUT ROWID;
";

/// What sign-ins have changed, a batch a row, until `auth` is brought up: [`super::redo`]. The time of
/// the last login lies in the state itself; nobody looked at the column.
const REDO: &str = "
CREATE TABLE redo (
    batch INTEGER PRIMARY KEY,
    rows  BLOB NOT NULL
);
ALTER TABLE auth DROP COLUMN last_login;
";

/// Messages that wait to be sent: [`super::outbox`]. Their order is that of their commits.
const OUTBOX: &str = "
CREATE TABLE outbox (
    number INTEGER PRIMARY KEY,
    id     BLOB NOT NULL UNIQUE,
    sum    INTEGER NOT NULL,
    body   BLOB NOT NULL
);
";

/// Until when somebody is asked something at a sign-in; nothing: not asked. What was open when a store
/// came to this schema is not in it, and is over within minutes.
const ASKED: &str = "
ALTER TABLE auth ADD COLUMN asked_until INTEGER;
CREATE INDEX auth_asked ON auth (asked_until) WHERE asked_until IS NOT NULL;
";

/// The first schema that has the table `redo`.
pub(super) const WITH_REDO: u32 = 3;

/// Schema of an open database.
pub(super) fn version(conn: &Connection, path: &str) -> Result<u32, StoreError> {
    conn.query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(|error| failed("reading the schema of", path, &error))
}

/// Refuses what is no store, and a store of a newer program.
pub(super) fn check(conn: &Connection, path: &str) -> Result<(), StoreError> {
    match version(conn, path)? {
        0 => Err(system("opening", path, "it is not a store of mfad")),
        1..=SCHEMA => Ok(()),
        found => Err(StoreError::Newer {
            found,
            known: SCHEMA,
        }),
    }
}

/// Brings an open database up to [`SCHEMA`].
pub(super) fn migrate(conn: &mut Connection, path: &str) -> Result<(), StoreError> {
    let found = version(conn, path)?;
    let io = |error: rusqlite::Error| failed("migrating", path, &error);
    for (done, migration) in (1_u32..).zip(MIGRATIONS) {
        if done <= found {
            continue;
        }
        let change = conn
            .transaction_with_behavior(TransactionBehavior::Exclusive)
            .map_err(io)?;
        change.execute_batch(migration).map_err(io)?;
        change
            .pragma_update(None, "user_version", done)
            .map_err(io)?;
        change.commit().map_err(io)?;
    }
    Ok(())
}
