//! A look at a store or a backup that nobody has open, without changing it.
//!
//! Opening a store for use grows its log, marks it as open and may fence it. Whoever only wants to
//! know reads through here: the lock is held meanwhile, so that no daemon starts on the store, and
//! nothing in it is written.

use std::path::Path;

use super::backup::{Manifest, manifest};
use super::error::{shown, system};
use super::files::{self, Lock};
use super::reader::SqliteReader;
use super::redo::Recent;
use super::{connect, is_older_file, meta, schema, went_back};
use crate::store::StoreError;
use crate::store::seal::Keys;
use crate::time::Timestamp;

/// A store that is looked at.
pub struct Inspected {
    /// Reads it.
    pub reader: SqliteReader,
    /// Its schema, which this program can read.
    pub schema: u32,
    /// The last owner has closed it.
    pub clean: bool,
    /// It is older than the checkpoint beside it: the next start will fence it.
    pub went_back: bool,
    _lock: Lock,
}

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// What it says of itself.
    pub manifest: Manifest,
    /// When it was last written: what came later is not in it.
    pub last_audit_at: Timestamp,
}

/// Opens a store to look at it.
///
/// # Errors
/// [`StoreError::InUse`], [`StoreError::Sealed`], [`StoreError::Newer`], or what the system said.
pub fn inspect(path: &Path, keys: &Keys) -> Result<Inspected, StoreError> {
    let shown = shown(path);
    if !files::exists(path)? {
        return Err(system("opening", &shown, "there is no such store"));
    }
    let (lock, clean) = Lock::take(path)?;
    let replaced = is_older_file(path)?;
    let conn = connect::reader(path)?;
    let schema = schema::version(&conn, &shown)?;
    if schema == 0 {
        return Err(system("opening", &shown, "it is not a finished store"));
    }
    if schema > schema::SCHEMA {
        let known = schema::SCHEMA;
        return Err(StoreError::Newer {
            found: schema,
            known,
        });
    }
    meta::check_canary(&conn, &shown, keys)?;
    let recent = if schema >= schema::WITH_REDO {
        Recent::load(&conn, &shown)?
    } else {
        Recent::default()
    };
    Ok(Inspected {
        reader: SqliteReader::open(path, 1, 1, recent.into())?,
        schema,
        clean,
        went_back: replaced || went_back(&conn, path, &shown)?,
        _lock: lock,
    })
}

/// Reads what a backup says of itself.
///
/// # Errors
/// [`StoreError`]: it is no backup, or it cannot be read.
pub fn outline(backup: &Path) -> Result<Outline, StoreError> {
    let shown = shown(backup);
    let conn = connect::reader(backup)?;
    let manifest = manifest(&conn, &shown)?;
    let (_, _, last_audit_at) = meta::chain_end(&conn, &shown)?;
    Ok(Outline {
        manifest,
        last_audit_at: Timestamp(last_audit_at),
    })
}
