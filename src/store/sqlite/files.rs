//! The files around the database: lock, checkpoint, log, modes, renames.
//!
//! ```text
//! mfad.db              the database           mfad.db-wal   its write-ahead log, empty when closed
//! mfad.db.lock         held while open; not empty after an unclean stop
//! mfad.db.checkpoint   a late audit record and move of the log: shows a store that went back in time
//! ```
//! All are 0600 whatever the umask says.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use super::error::{shown, system};
use crate::domain::sealed::hex_32;
use crate::store::StoreError;
use crate::sys::files::free_octets;

const MODE: u32 = 0o600;

/// Octets of zeros written at a time: a page. What is written in larger pieces lies in larger
/// pieces in memory, all of which the file system looks through whenever a part of it is written.
const ZEROS_OCTETS: usize = 4_096;

/// Longest checkpoint file that is read, in octets.
const CHECKPOINT_OCTETS_MAX: u64 = 4096;

/// `path` with something behind its name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Makes an empty file that nobody else can read; refuses to touch an existing one.
pub(super) fn create_private(path: &Path) -> Result<File, StoreError> {
    let io = |error: std::io::Error| system("creating", &shown(path), error);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(path)
        .map_err(io)?;
    file.set_permissions(Permissions::from_mode(MODE))
        .map_err(io)?;
    Ok(file)
}

/// Opens a file for writing, made private if it is new.
fn open_private(path: &Path) -> Result<File, StoreError> {
    let io = |error: std::io::Error| system("opening", &shown(path), error);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(MODE)
        .open(path)
        .map_err(io)?;
    file.set_permissions(Permissions::from_mode(MODE))
        .map_err(io)?;
    Ok(file)
}

/// Syncs the folder that `path` lies in, so that a rename or a new file survives a power cut.
pub(super) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| system("syncing", &shown(folder), error))
}

/// Renames and syncs the folder.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    std::fs::rename(from, to).map_err(|error| system("renaming", &shown(from), error))?;
    sync_folder(to)
}

/// Whether there is such a file.
pub(super) fn exists(path: &Path) -> Result<bool, StoreError> {
    path.try_exists()
        .map_err(|error| system("looking for", &shown(path), error))
}

/// Keeps a second daemon out, and remembers whether the last one stopped cleanly.
pub(super) struct Lock {
    file: Flock<File>,
}

impl Lock {
    /// Takes the lock of the store at `path`; also says whether the last owner stopped cleanly.
    pub(super) fn take(path: &Path) -> Result<(Self, bool), StoreError> {
        let file = open_private(&beside(path, ".lock"))?;
        let clean = file.metadata().is_ok_and(|metadata| metadata.len() == 0);
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => Ok((Self { file }, clean)),
            Err((_, Errno::EWOULDBLOCK)) => Err(StoreError::InUse(shown(path))),
            Err((_, error)) => Err(system("locking", &shown(path), error)),
        }
    }

    /// Marks the store as open.
    pub(super) fn mark(&mut self, path: &Path) -> Result<(), StoreError> {
        let mut file: &File = &self.file;
        file.write_all(b"open\n")
            .and_then(|()| file.sync_all())
            .map_err(|error| system("marking", &shown(path), error))
    }

    /// Marks the store as cleanly closed. What goes wrong here costs a check at the next start.
    pub(super) fn clear(&mut self) {
        let file: &File = &self.file;
        let _ = file.set_len(0).and_then(|()| file.sync_all());
    }
}

/// Grows the log to `octets` with zeros, so that commits overwrite it instead of extending it. On a
/// disk without room for all of it they extend it after all.
pub(super) fn grow_log(path: &Path, octets: u64) -> Result<(), StoreError> {
    let path = beside(path, "-wal");
    let io = |error: std::io::Error| system("growing", &shown(&path), error);
    let mut file = open_private(&path)?;
    let mut length = file.seek(SeekFrom::End(0)).map_err(io)?;
    if length >= octets {
        return Ok(());
    }
    // A clean stop has emptied the log, and nobody has synced that yet. Zeros over a part of the old
    // one would leave its beginning: a whole log by itself, of an older state.
    file.sync_all().map_err(io)?;
    if free_octets(&path).is_ok_and(|free| free < octets - length) {
        return Ok(());
    }
    let zeros = vec![0; ZEROS_OCTETS];
    while length < octets {
        let missing = usize::try_from(octets - length).unwrap_or(ZEROS_OCTETS);
        let part = zeros.get(..missing.min(ZEROS_OCTETS)).unwrap_or(&zeros);
        file.write_all(part).map_err(io)?;
        length += u64::try_from(part.len()).unwrap_or(octets);
    }
    file.sync_all().map_err(io)
}

/// Where the database keeps the number of moves: the application id of its header, big-endian.
const MOVES: std::ops::Range<usize> = 68..72;

/// How often the log has been moved into the file at `path`, whatever log lies beside it; 0 if it is
/// no database.
pub(super) fn moves(path: &Path) -> Result<u32, StoreError> {
    let mut header = [0; MOVES.end];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut header));
    match read {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
        Err(error) => return Err(system("reading", &shown(path), error)),
    }
    let number = header.get(MOVES).and_then(|octets| octets.try_into().ok());
    Ok(number.map_or(0, u32::from_be_bytes))
}

/// A late point of the audit chain, kept outside the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Number of an audit record that was durable.
    pub(super) seq: u64,
    /// Its hash.
    #[serde(with = "hex_32")]
    pub(super) hash: [u8; 32],
    /// How often the log had been moved into the database, at least.
    #[serde(default)]
    pub(super) moves: u32,
}

impl Checkpoint {
    /// Reads the one beside `path`; an unreadable one counts as none, since nothing else than
    /// the fence depends on it.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, StoreError> {
        let path = beside(path, ".checkpoint");
        let mut text = Vec::new();
        match File::open(&path) {
            Ok(file) => file
                .take(CHECKPOINT_OCTETS_MAX)
                .read_to_end(&mut text)
                .map_err(|error| system("reading", &shown(&path), error))?,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(system("opening", &shown(&path), error)),
        };
        Ok(serde_json::from_slice(&text).ok())
    }

    /// Replaces the one beside `path`. The folder is not synced: an older one of the same history is
    /// as true.
    pub(super) fn write(self, path: &Path) -> Result<(), StoreError> {
        let target = beside(path, ".checkpoint");
        let fresh = beside(path, ".checkpoint.new");
        let io = |error: std::io::Error| system("writing", &shown(&target), error);
        let text = serde_json::to_vec(&self).map_err(|error| io(error.into()))?;
        let mut file = open_private(&fresh)?;
        file.set_len(0)
            .and_then(|()| file.write_all(&text))
            .and_then(|()| file.sync_all())
            .and_then(|()| std::fs::rename(&fresh, &target))
            .map_err(io)
    }
}
