//! Keeps checkpoints in a file, one a line.
//!
//! [`CheckpointFile::append`] returns when the line is on stable storage. It waits for the disk:
//! whoever must not wait calls it from a thread that may. A line that a power cut left unfinished
//! is ended on opening and counted as unreadable by [`load`]; it is no sign of damage, since
//! whoever can write the file could also remove the line.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::checkpoint::{Checkpoint, LINE_OCTETS_MAX};

/// Where the daemon keeps its checkpoints, below its state directory.
pub const FILE_NAME: &str = "audit/checkpoints";

/// Nobody but the daemon reads or writes the file.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// The file, open for appending.
#[derive(Debug)]
pub struct CheckpointFile {
    file: File,
    path: PathBuf,
}

/// What the system refused.
#[derive(Debug, thiserror::Error)]
#[error("{doing} {}: {source}", path.display())]
pub struct CheckpointFileError {
    /// What was being done.
    pub doing: &'static str,
    /// To which file.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Its checkpoints, in the order of the file.
    pub checkpoints: Vec<Checkpoint>,
    /// How many lines are no checkpoints.
    pub unreadable: u64,
}

impl CheckpointFile {
    /// Opens the file; makes it, and its folder, if there is none.
    ///
    /// # Errors
    /// [`CheckpointFileError`].
    pub fn open(path: &Path) -> Result<Self, CheckpointFileError> {
        let fault = |doing| move |source| error(doing, path, source);
        let folder = path.parent().unwrap_or_else(|| Path::new("/"));
        DirBuilder::new()
            .recursive(true)
            .mode(FOLDER_MODE)
            .create(folder)
            .map_err(fault("cannot make the folder of"))?;
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(FILE_MODE)
            .open(path)
            .map_err(fault("cannot open"))?;
        file.set_permissions(Permissions::from_mode(FILE_MODE))
            .map_err(fault("cannot protect"))?;
        end_last_line(&mut file).map_err(fault("cannot repair"))?;
        file.sync_all().map_err(fault("cannot sync"))?;
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(fault("cannot sync the folder of"))?;
        Ok(Self {
            file,
            path: path.to_owned(),
        })
    }

    /// Adds a checkpoint and waits until it is on stable storage.
    ///
    /// # Errors
    /// [`CheckpointFileError`]; the line may be there in part, open the file anew.
    pub fn append(&mut self, checkpoint: &Checkpoint) -> Result<(), CheckpointFileError> {
        self.file
            .write_all(format!("{checkpoint}\n").as_bytes())
            .map_err(|source| error("cannot write", &self.path, source))?;
        self.file
            .sync_data()
            .map_err(|source| error("cannot sync", &self.path, source))
    }
}

/// Reads all checkpoints of a file; one that does not exist has none.
///
/// # Errors
/// [`CheckpointFileError`].
pub fn load(path: &Path) -> Result<Loaded, CheckpointFileError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(Loaded::default()),
        Err(source) => return Err(error("cannot open", path, source)),
    };
    read_all(BufReader::new(file)).map_err(|source| error("cannot read", path, source))
}

fn read_all(mut from: impl BufRead) -> io::Result<Loaded> {
    let mut loaded = Loaded::default();
    let mut line = Vec::new();
    let bound = u64::try_from(LINE_OCTETS_MAX + 1).unwrap_or(u64::MAX);
    loop {
        line.clear();
        // A longer line comes in pieces; each is judged by itself.
        if from.by_ref().take(bound).read_until(b'\n', &mut line)? == 0 {
            return Ok(loaded);
        }
        let parsed = line
            .strip_suffix(b"\n")
            .and_then(|text| std::str::from_utf8(text).ok())
            .and_then(|text| Checkpoint::parse(text).ok());
        match parsed {
            Some(checkpoint) => loaded.checkpoints.push(checkpoint),
            None => loaded.unreadable += 1,
        }
    }
}

fn end_last_line(file: &mut File) -> io::Result<()> {
    if file.metadata()?.len() == 0 {
        return Ok(());
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    if last == *b"\n" {
        return Ok(());
    }
    file.write_all(b"\n")
}

fn error(doing: &'static str, path: &Path, source: io::Error) -> CheckpointFileError {
    CheckpointFileError {
        doing,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::checkpoint::Signer;
    use crate::secret::Secret;
    use crate::time::Timestamp;

    fn checkpoint(seq: u64) -> Checkpoint {
        let signer = Signer::new(&Secret::new([1; 32])).unwrap();
        signer.sign("n", seq, [2; 32], Timestamp(9)).unwrap()
    }

    #[test]
    fn keeps_what_was_appended_and_survives_a_torn_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        assert_eq!(load(&path).unwrap(), Loaded::default());
        CheckpointFile::open(&path)
            .unwrap()
            .append(&checkpoint(1))
            .unwrap();
        let torn = checkpoint(2).to_string();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(&torn.as_bytes()[..40]).unwrap();
        CheckpointFile::open(&path)
            .unwrap()
            .append(&checkpoint(3))
            .unwrap();
        let loaded = load(&path).unwrap();
        assert_eq!(loaded.checkpoints, [checkpoint(1), checkpoint(3)]);
        assert_eq!(loaded.unreadable, 1);
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            FILE_MODE
        );
    }

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        let loaded = read_all(&[b'x'; 10 * LINE_OCTETS_MAX][..]).unwrap();
        assert!(loaded.checkpoints.is_empty() && loaded.unreadable >= 9);
    }
}
