//! The embedded store: one SQLite file, one writer, a few readers.
//!
//! ```text
//! SqliteWriter  one connection, one thread     commit: BEGIN IMMEDIATE, statements, COMMIT = one sync
//! SqliteReader  a few read-only connections     each sees what is committed
//! ```
//! The log (`-wal`) is grown at the start and emptied by a clean stop; it is moved into the main file
//! between two batches, when nothing has been committed for a while or it has become long. A commit
//! whose result is not known closes the writer until [`SqliteWriter::reopen`]; a failed sync is never
//! tried again.
//!
//! A sign-in is durable as a part of its batch's row, see `redo`; auth states get to their own places
//! when the log is moved.
//!
//! Opening reads no table from end to end but `redo`, which is short: a million people open in
//! milliseconds. After an unclean
//! stop a small file is checked as a whole, a large one leaves that to
//! [`SqliteReader::quick_check`]. A store that is older than the checkpoint beside it has been
//! restored behind our back and is fenced before anybody can use it. The log of a newer one that was
//! left beside it would make a mixture of both; each move of the log is numbered in the main file,
//! so that a file that lacks one is known, and the log is set aside.

mod archived;
mod audit_read;
mod backup;
mod batch;
mod connect;
mod error;
mod fence;
mod files;
mod history;
mod inspect;
mod meta;
mod outbox;
mod people;
mod reader;
mod redo;
mod restore;
mod rows;
mod schema;
mod writer;

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

pub use backup::Manifest;
pub use fence::{Fence, Fenced};
pub use files::Checkpoint;
pub use inspect::{Inspected, Outline, inspect, outline};
pub use reader::SqliteReader;
pub use restore::{Restored, restore};
pub use schema::SCHEMA;
pub use writer::SqliteWriter;

use self::error::{shown, system};
use self::files::Lock;
use self::redo::Recent;
use crate::audit::chain::Chain;
use crate::domain::event::{Event, Origin};
use crate::store::StoreError;
use crate::store::seal::{Keys, NONCE_OCTETS};

/// Largest file that is checked as a whole after an unclean stop, in octets.
const CHECK_OCTETS_MAX: u64 = 64 << 20;

/// Whether a store must or must not be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Makes one; refuses if there is one.
    Create {
        /// Random octets for the seal of the canary.
        nonce: [u8; NONCE_OCTETS],
    },
    /// Opens the one that is there.
    Existing,
}

/// Sizes of a store in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Read-only connections for single records: sign-ins, commands, the watchdog's probe.
    pub readers: usize,
    /// Read-only connections for walks: searches, counts, the audit log.
    pub walkers: usize,
    /// Length that the log is grown to at start, in octets.
    pub log_octets: u64,
    /// Length of the log from which on it is moved into the main file, in octets.
    pub checkpoint_octets: u64,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            readers: 4,
            walkers: 3,
            log_octets: 64 << 20,
            // Each move holds sign-ins up by its sync: rarely, and well within the log.
            checkpoint_octets: 48 << 20,
        }
    }
}

/// Which store, for whom.
#[derive(Clone)]
pub struct Site<'a> {
    /// The database file.
    pub path: &'a Path,
    /// Keys of the store.
    pub keys: &'a Keys,
    /// Name of this node, for audit records.
    pub node: Arc<str>,
    /// Name of this run of the daemon, for audit records.
    pub boot: Arc<str>,
    /// The time, and how far a fence must reach if one is due.
    pub fence: Fence,
    /// Sizes.
    pub sizes: Sizes,
}

/// An open store.
pub struct Opened {
    /// The writing side.
    pub writer: SqliteWriter,
    /// The reading side.
    pub reader: Arc<SqliteReader>,
    /// The last owner did not close it.
    pub unclean: bool,
    /// It was too large to be checked as a whole after that.
    pub unchecked: bool,
    /// It was older than its checkpoint, and what was void has been voided.
    pub fenced: Option<Fenced>,
}

/// Opens or makes a store and takes it for this process alone.
///
/// # Errors
/// [`StoreError::InUse`], [`StoreError::Sealed`], [`StoreError::Newer`], or what the system said.
pub fn open(site: &Site<'_>, mode: Mode) -> Result<Opened, StoreError> {
    let shown = shown(site.path);
    let (mut lock, clean) = Lock::take(site.path)?;
    match mode {
        Mode::Create { nonce } => create(site, nonce)?,
        Mode::Existing if files::exists(site.path)? => {}
        Mode::Existing => return Err(system("opening", &shown, "there is no such store")),
    }
    let replaced = is_older_file(site.path)?;
    if replaced {
        set_log_aside(site)?;
    }
    let mut conn = connect::writer(site.path)?;
    schema::check(&conn, &shown)?;
    meta::check_canary(&conn, &shown, site.keys)?;
    schema::migrate(&mut conn, &shown)?;
    let unclean = !clean;
    let large = octets(site.path) > CHECK_OCTETS_MAX;
    if unclean && !large {
        connect::quick_check(&conn, &shown)?;
    }
    redo::bring_up_all(&conn, &shown)?;
    lock.mark(site.path)?;
    files::grow_log(site.path, site.sizes.log_octets)?;
    let (seq, hash, _) = meta::chain_end(&conn, &shown)?;
    let mut chain = Chain::resume(site.node.clone(), site.boot.clone(), seq, hash);
    // A backup that somebody copied here by hand, perhaps on a host that has no checkpoint.
    let copied = meta::read(&conn, &shown, meta::MANIFEST)?.is_some();
    let fenced = if replaced || copied || went_back(&conn, site.path, &shown)? {
        let fenced = fence::apply(&mut conn, &shown, &mut chain, site.fence)?;
        meta::remove(&conn, &shown, meta::MANIFEST)?;
        Some(fenced)
    } else {
        None
    };
    meta::write(&conn, &shown, meta::NODE, site.node.as_bytes())?;
    let recent = Arc::new(Recent::default());
    let writer = SqliteWriter::new(site, conn, chain, lock, recent.clone())?;
    if fenced.is_some() {
        // Until this, a power cut could bring the checkpoint of the lost time back: the next start
        // would fence again, and void what was issued since.
        files::sync_folder(site.path)?;
    }
    let reader = Arc::new(SqliteReader::open(
        site.path,
        site.sizes.readers,
        site.sizes.walkers,
        recent,
    )?);
    Ok(Opened {
        writer,
        reader,
        unclean,
        unchecked: unclean && large,
        fenced,
    })
}

/// Makes an empty store under another name and gives it its own when it is complete.
fn create(site: &Site<'_>, nonce: [u8; NONCE_OCTETS]) -> Result<(), StoreError> {
    let path = site.path;
    if files::exists(path)? {
        return Err(system("creating", &shown(path), "there is a store already"));
    }
    let fresh = files::beside(path, ".new");
    if files::exists(&fresh)? {
        std::fs::remove_file(&fresh).map_err(|error| system("removing", &shown(&fresh), error))?;
    }
    drop(files::create_private(&fresh)?);
    let shown = shown(&fresh);
    let mut conn = connect::lone_writer(&fresh)?;
    schema::migrate(&mut conn, &shown)?;
    let canary = site
        .keys
        .make_canary(nonce)
        .map_err(|error| system("sealing", &shown, error))?;
    let canary = serde_json::to_vec(&canary).map_err(|error| system("writing", &shown, error))?;
    meta::write(&conn, &shown, meta::CANARY, &canary)?;
    let mut chain = Chain::resume(site.node.clone(), site.boot.clone(), 0, [0; 32]);
    fence::record(
        &conn,
        &shown,
        &mut chain,
        &Event::new("store.created"),
        &Origin::system(),
        site.fence.now,
    )?;
    close(conn, &shown)?;
    // A log or checkpoint left by a store that was moved away is not this one's.
    for suffix in ["-wal", "-shm", ".checkpoint"] {
        let left = files::beside(path, suffix);
        if files::exists(&left)? {
            return Err(system(
                "creating",
                &error::shown(&left),
                "it belongs to a store that is gone; move it away first",
            ));
        }
    }
    files::rename(&fresh, path)
}

/// Whether the main file, without its log, lacks a move of the log that the checkpoint beside it
/// knows: then the log is not the log of this file.
fn is_older_file(path: &Path) -> Result<bool, StoreError> {
    match Checkpoint::read(path)? {
        Some(known) => Ok(files::moves(path)? < known.moves),
        None => Ok(false),
    }
}

/// Gives the log another name, under which nobody takes it for the log of this file.
fn set_log_aside(site: &Site<'_>) -> Result<(), StoreError> {
    let log = files::beside(site.path, "-wal");
    if !files::exists(&log)? {
        return Ok(());
    }
    let seconds = site.fence.now.wall.unix_seconds();
    let aside = backup::free_name(&log, &format!(".before-restore-{seconds}"))?;
    files::rename(&log, &aside)
}

/// Whether the checkpoint beside the store knows a later or another audit record than the store.
fn went_back(conn: &Connection, path: &Path, shown: &str) -> Result<bool, StoreError> {
    let Some(known) = Checkpoint::read(path)? else {
        return Ok(false);
    };
    let (seq, _, _) = meta::chain_end(conn, shown)?;
    if seq < known.seq {
        return Ok(true);
    }
    // A record that retention has removed says nothing.
    let same = audit_read::hash_at(conn, shown, known.seq)?.is_none_or(|hash| hash == known.hash);
    Ok(!same)
}

fn close(conn: Connection, path: &str) -> Result<(), StoreError> {
    conn.close()
        .map_err(|(_, error)| error::failed("closing", path, &error))
}

/// Octets of a store's files.
fn octets(path: &Path) -> u64 {
    ["", "-wal"]
        .iter()
        .filter_map(|suffix| std::fs::metadata(files::beside(path, suffix)).ok())
        .map(|metadata| metadata.len())
        .sum()
}
