//! A copy of the store while it is in use.
//!
//! The copy is made in one step under one read transaction, so it is one committed state. It gets
//! its name only when it is complete and synced. What is secret in it stays under seal: without the
//! master key it is worth nothing. A fact of the copy, the manifest, says what it is a copy of.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};

use super::error::{failed, shown, system};
use super::reader::SqliteReader;
use super::{close, connect, files, meta, schema};
use crate::domain::sealed::hex_32;
use crate::store::StoreError;
use crate::time::{Now, Timestamp};

/// Version of the manifest.
const MAJOR: u32 = 1;

/// How often a copy is tried that another process disturbed, and how long is waited between.
const TRIES_MAX: u32 = 50;
const WAIT: Duration = Duration::from_millis(100);

/// What a backup is a backup of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the manifest itself.
    pub v: u32,
    /// Version of mfad that made it.
    pub mfad: String,
    /// Node that made it.
    pub node: String,
    /// When.
    pub made: Timestamp,
    /// Schema of the store.
    pub schema: u32,
    /// People in it.
    pub users: u64,
    /// Number of its last audit record.
    pub seq: u64,
    /// Hash of that record.
    #[serde(with = "hex_32")]
    pub hash: [u8; 32],
}

impl SqliteReader {
    /// Writes a copy of the store to `path`, which must not exist.
    ///
    /// # Errors
    /// [`StoreError`]: there is no copy.
    pub fn snapshot(&self, path: &Path, now: Now) -> Result<Manifest, StoreError> {
        if files::exists(path)? {
            return Err(system("backing up to", &shown(path), "it exists already"));
        }
        let fresh = files::beside(path, ".part");
        if files::exists(&fresh)? {
            std::fs::remove_file(&fresh)
                .map_err(|error| system("removing", &shown(&fresh), error))?;
        }
        let file = files::create_private(&fresh)?;
        let manifest = self.copy_to(&fresh, now);
        let done = manifest.and_then(|manifest| {
            file.sync_all()
                .map_err(|error| system("syncing", &shown(&fresh), error))?;
            install(&fresh, path)?;
            Ok(manifest)
        });
        if done.is_err() {
            // The half of a copy is of no use; that it could not be removed is the lesser error.
            let _ = std::fs::remove_file(&fresh);
        }
        done
    }

    fn copy_to(&self, path: &Path, now: Now) -> Result<Manifest, StoreError> {
        let shown = shown(path);
        let io = |error: rusqlite::Error| failed("backing up to", &shown, &error);
        let source = connect::reader(&self.path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut copy = Connection::open_with_flags(path, flags).map_err(io)?;
        let backup = Backup::new(&source, &mut copy).map_err(io)?;
        let mut tries = 0;
        loop {
            match backup.step(-1).map_err(io)? {
                StepResult::Done => break,
                _ if tries >= TRIES_MAX => {
                    return Err(system("backing up to", &shown, "the store stays busy"));
                }
                _ => tries += 1,
            }
            std::thread::sleep(WAIT);
        }
        drop(backup);
        close(copy, &shown)?;
        let copy = connect::lone_writer(path)?;
        let (seq, hash, _) = meta::chain_end(&copy, &shown)?;
        let node = meta::read(&copy, &shown, meta::NODE)?.unwrap_or_default();
        let manifest = Manifest {
            v: MAJOR,
            mfad: env!("CARGO_PKG_VERSION").to_owned(),
            node: String::from_utf8_lossy(&node).into_owned(),
            made: now.wall,
            schema: schema::version(&copy, &shown)?,
            users: meta::users(&copy, &shown)?,
            seq,
            hash,
        };
        let text = serde_json::to_vec(&manifest)
            .map_err(|error| system("backing up to", &shown, error))?;
        meta::write(&copy, &shown, meta::MANIFEST, &text)?;
        // Whoever copies it over a store by hand gets it fenced.
        meta::set_moves(&copy, &shown, 0)?;
        close(copy, &shown)?;
        Ok(manifest)
    }
}

/// Gives a complete copy its name, unless somebody has taken it meanwhile.
fn install(fresh: &Path, path: &Path) -> Result<(), StoreError> {
    let io = |error: std::io::Error| system("backing up to", &shown(path), error);
    std::fs::hard_link(fresh, path).map_err(io)?;
    std::fs::remove_file(fresh).map_err(io)?;
    files::sync_folder(path)
}

/// Reads the manifest of a copy.
pub(super) fn manifest(conn: &Connection, path: &str) -> Result<Manifest, StoreError> {
    let bad = |detail: &str| StoreError::Corrupt {
        what: path.to_owned(),
        detail: detail.to_owned(),
    };
    let text = meta::read(conn, path, meta::MANIFEST)?
        .ok_or_else(|| bad("it is a store, but no backup: it has no manifest"))?;
    let manifest: Manifest =
        serde_json::from_slice(&text).map_err(|_| bad("its manifest cannot be read"))?;
    let (seq, hash, _) = meta::chain_end(conn, path)?;
    if manifest.v > MAJOR || manifest.schema > schema::SCHEMA {
        return Err(StoreError::Newer {
            found: manifest.schema.max(manifest.v),
            known: schema::SCHEMA,
        });
    }
    if manifest.seq != seq || manifest.hash != hash {
        return Err(bad("its manifest is of another store"));
    }
    Ok(manifest)
}

/// A name beside `path` that nothing has yet.
pub(super) fn free_name(path: &Path, suffix: &str) -> Result<PathBuf, StoreError> {
    let first = files::beside(path, suffix);
    if !files::exists(&first)? {
        return Ok(first);
    }
    for number in 2..1000 {
        let name = files::beside(path, &format!("{suffix}-{number}"));
        if !files::exists(&name)? {
            return Ok(name);
        }
    }
    Err(system("naming", &shown(&first), "too many of that name"))
}
