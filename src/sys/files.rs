//! Files that matter: the store's lock, new secret files, permissions, free space.
//!
//! A new file appears whole or not at all: it is written under another name in the same folder
//! with mode 0600, made durable, and only then given its name. Symbolic links are not followed at
//! the last component, so nobody can make the daemon write somewhere else.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, posix_fallocate};
use nix::sys::statvfs::statvfs;

use crate::sys::random;

/// Why a file could not be locked or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Another process holds the lock.
    #[error("{path:?} is locked by another process")]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// There is a file of that name, which was not to be replaced.
    #[error("{path:?} exists and is not overwritten")]
    Exists {
        /// The file that stays as it is.
        path: PathBuf,
    },
    /// The system refused something.
    #[error("cannot {what} {path:?}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// An exclusive lock that ends when this is dropped or the process dies.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock or says at once that somebody has it; the file is made if it is missing.
    ///
    /// The file stays afterwards: removing it would let two processes lock two files.
    pub fn take(path: &Path) -> Result<Self, FileError> {
        let file = open_or_make(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(FileError::Locked { path: path.into() }),
            Err(TryLockError::Error(source)) => Err(io_error("lock", path, source)),
        }
    }
}

/// Opens a file as it is, or makes an empty one of mode 0600.
fn open_or_make(path: &Path) -> Result<File, FileError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(path)
        .map_err(|source| io_error("open", path, source))
}

/// What to do if there is a file of that name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Leave it alone and fail with [`FileError::Exists`].
    Keep,
    /// Put the new file in its place in one step.
    Replace,
}

/// Writes a file of mode 0600 that appears whole and durable, or not at all.
pub fn write_new(path: &Path, content: &[u8], existing: Existing) -> Result<(), FileError> {
    let mut draft = Draft::of(path)?;
    draft
        .file
        .write_all(content)
        .map_err(|source| io_error("write", &draft.draft, source))?;
    draft.publish(existing)
}

/// Makes a file of mode 0600 that takes at least so much of the disk, whatever it holds; if there
/// is no room for it, it is gone.
pub fn occupy(path: &Path, octets: u64) -> Result<(), FileError> {
    let file = open_or_make(path)?;
    let length = octets.try_into().unwrap_or(i64::MAX);
    posix_fallocate(&file, 0, length).map_err(|errno| {
        let _ = fs::remove_file(path);
        io_error("make room in", path, errno.into())
    })
}

/// A file of mode 0600 that is being written and has not got its name yet; dropped, it is gone.
#[derive(Debug)]
pub struct Draft {
    file: File,
    draft: PathBuf,
    path: PathBuf,
}

impl Draft {
    /// Begins the file that will have the name `path`.
    pub fn of(path: &Path) -> Result<Self, FileError> {
        let draft = draft_beside(path)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(OFlag::O_NOFOLLOW.bits())
            .open(&draft)
            .map_err(|source| io_error("write", &draft, source))?;
        let path = path.into();
        Ok(Self { file, draft, path })
    }

    /// The file, to be written, and to be read again before it is published.
    pub const fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Makes the content durable, gives it its name, and makes that durable.
    pub fn publish(self, existing: Existing) -> Result<(), FileError> {
        self.file
            .sync_all()
            .map_err(|source| io_error("write", &self.draft, source))?;
        publish(&self.draft, &self.path, existing)?;
        let path = self.path.clone();
        drop(self);
        let folder = folder_of(&path);
        File::open(folder)
            .and_then(|f| f.sync_all())
            .map_err(|source| io_error("sync the folder", folder, source))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // A rename has taken it; what is left of a failed one is removed as best we can.
        let _ = fs::remove_file(&self.draft);
    }
}

/// Who, beside the owner, may read or change a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// The owner's uid.
    pub owner: u32,
    /// The file's group may read or write it.
    pub group: bool,
    /// Everyone may read or write it.
    pub others: bool,
}

/// Asks who may reach the content of `path`; a symbolic link is followed to what it names.
pub fn exposure(path: &Path) -> io::Result<Exposure> {
    let data = fs::metadata(path)?;
    let mode = data.mode();
    Ok(Exposure {
        owner: data.uid(),
        group: mode & 0o060 != 0,
        others: mode & 0o006 != 0,
    })
}

/// Octets that an ordinary process may still write to the file system of `path`.
pub fn free_octets(path: &Path) -> io::Result<u64> {
    let answer = statvfs(path)?;
    Ok(answer
        .blocks_available()
        .saturating_mul(answer.fragment_size()))
}

fn draft_beside(path: &Path) -> Result<PathBuf, FileError> {
    let tag: [u8; 8] =
        random::array().map_err(|e| io_error("name a draft of", path, io::Error::other(e)))?;
    let name = path
        .file_name()
        .ok_or_else(|| io_error("write", path, io::Error::from(io::ErrorKind::IsADirectory)))?;
    let mut draft = std::ffi::OsString::from(".");
    draft.push(name);
    draft.push(format!(".{:016x}", u64::from_le_bytes(tag)));
    Ok(path.with_file_name(draft))
}

/// Gives the draft its name; a hard link refuses to replace, a rename replaces.
fn publish(draft: &Path, path: &Path, existing: Existing) -> Result<(), FileError> {
    let result = match existing {
        Existing::Keep => fs::hard_link(draft, path),
        Existing::Replace => fs::rename(draft, path),
    };
    result.map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => FileError::Exists { path: path.into() },
        _ => io_error("name", path, source),
    })
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

fn io_error(what: &'static str, path: &Path, source: io::Error) -> FileError {
    FileError::Io {
        what,
        path: path.into(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_lock_has_one_holder_and_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = Lock::take(&path).unwrap();
        assert!(matches!(Lock::take(&path), Err(FileError::Locked { .. })));
        drop(held);
        assert!(Lock::take(&path).is_ok());
        let link = folder.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(matches!(Lock::take(&link), Err(FileError::Io { .. })));
    }

    #[test]
    fn a_new_file_is_private_whole_and_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write_new(&path, b"one", Existing::Keep).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        let again = write_new(&path, b"two", Existing::Keep);
        assert!(matches!(again, Err(FileError::Exists { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"one");
        write_new(&path, b"two", Existing::Replace).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "no draft is left"
        );
    }

    #[test]
    fn a_link_is_replaced_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        let link = folder.path().join("link");
        fs::write(&target, b"keep me").unwrap();
        symlink(&target, &link).unwrap();
        assert!(write_new(&link, b"new", Existing::Keep).is_err());
        write_new(&link, b"new", Existing::Replace).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"keep me");
    }

    #[test]
    fn exposure_tells_group_from_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        fs::write(&path, b"x").unwrap();
        for (mode, group, others) in [
            (0o600, false, false),
            (0o640, true, false),
            (0o604, false, true),
            (0o711, false, false),
        ] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let seen = exposure(&path).unwrap();
            assert_eq!((seen.group, seen.others), (group, others), "{mode:o}");
        }
        assert!(free_octets(&path).unwrap() > 0);
    }
}
