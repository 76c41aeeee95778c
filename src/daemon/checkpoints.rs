//! Signs the end of the audit log now and then, so that it cannot be written anew unseen.
//!
//! A thread of its own looks at the log a few times a second, and when a checkpoint is due signs
//! the last durable record, appends the line to `audit/checkpoints` of the state folder and logs
//! it: the copy in the system journal is the one that whoever writes the store cannot change. It
//! reads the store as any other reader, so neither sign-ins nor the writer wait for it. At stop
//! what is left is signed.
//!
//! The same thread archives what has become older than `audit.retain`, one segment at a time, and
//! makes the reserve for a full disk again once there is room.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::audit::checkpoint::{Checkpoint, LINE_OCTETS_MAX, Pace, Signer};
use crate::audit::checkpoint_file::{CheckpointFile, FILE_NAME};
use crate::daemon::archive::{Archive, ArchiveError};
use crate::daemon::inactivity::Round;
use crate::domain::event::Origin;
use crate::engine::Engine;
use crate::log::{info_always, warn};
use crate::store::AuditFilter;

/// How often it is looked whether a checkpoint is due.
const LOOK: Duration = Duration::from_millis(250);

/// How often it is looked whether records have become too old for the store.
const ARCHIVE_LOOK_US: u64 = 3_600_000_000;

/// How often it is looked whether the reserve is there.
const RESERVE_LOOK_US: u64 = 10_000_000;

/// Where checkpoints are kept below a state folder.
#[must_use]
pub fn path(state_dir: &Path) -> PathBuf {
    state_dir.join(FILE_NAME)
}

/// Signs until `stop`, then once more; the work of a thread. Start it when the engine runs, and set
/// `stop` after the engine's writer has ended, so that the last records are covered.
pub fn keep(engine: &Engine, archive: &Archive, stop: &AtomicBool) {
    let path = &archive.checkpoints_path();
    let signer = match Signer::new(engine.keys().audit_seed()) {
        Ok(signer) => signer,
        Err(error) => return warn!("no checkpoints of the audit log are signed: {error}"),
    };
    let covered = last(path)
        .filter(|last| last.node == archive.node())
        .map_or(0, |last| last.seq);
    let mut pace = Pace::new(covered, engine.now());
    let (mut archive_look_us, mut reserve_look_us) = (0, 0);
    let mut round = Round::default();
    loop {
        let stopping = stop.load(Ordering::Relaxed);
        if let Ok(seq) = engine.reader().last_seq() {
            let now = engine.now();
            let due = if stopping {
                pace.due_at_stop(seq)
            } else {
                pace.due(seq, now)
            };
            if due {
                match sign(engine, &signer, archive, seq) {
                    Ok(checkpoint) => info_always!("{checkpoint}"),
                    Err(error) => warn!("a checkpoint of the audit log was not made: {error}"),
                }
                // A disk that refuses is asked again when the next one is due, not at once.
                pace.made(seq, now);
            }
        }
        if stopping {
            return;
        }
        if let Err(error) = round.step(engine, engine.now()) {
            warn!("who is inactive could not be read: {error}");
        }
        let now_us = engine.now().mono_us;
        if now_us >= archive_look_us && !archive_old(engine, archive) {
            archive_look_us = now_us.saturating_add(ARCHIVE_LOOK_US);
        }
        if now_us >= reserve_look_us {
            archive.reserve().make();
            reserve_look_us = now_us.saturating_add(RESERVE_LOOK_US);
        }
        std::thread::park_timeout(LOOK);
    }
}

/// Why a checkpoint was not made.
#[derive(Debug, thiserror::Error)]
enum KeepError {
    #[error("{0}")]
    Store(#[from] crate::store::StoreError),
    #[error("record {0} is not there")]
    Gone(u64),
    #[error("{0}")]
    Sign(#[from] crate::audit::checkpoint::CheckpointError),
    #[error("{0}")]
    File(#[from] crate::audit::checkpoint_file::CheckpointFileError),
}

fn sign(
    engine: &Engine,
    signer: &Signer,
    archive: &Archive,
    seq: u64,
) -> Result<Checkpoint, KeepError> {
    let filter = AuditFilter {
        after_seq: seq.saturating_sub(1),
        ..AuditFilter::default()
    };
    let found = engine.reader().audit(&filter, 1)?;
    let record = found
        .first()
        .filter(|record| record.seq == seq)
        .ok_or(KeepError::Gone(seq))?;
    let checkpoint = signer.sign(archive.node(), seq, record.hash, engine.now().wall)?;
    // Opened anew each time: a line that an error left unfinished is ended on opening.
    let _held = archive.hold_checkpoints();
    CheckpointFile::open(&archive.checkpoints_path())?.append(&checkpoint)?;
    Ok(checkpoint)
}

/// Archives a segment if something is overdue; true if there may be another.
fn archive_old(engine: &Engine, archive: &Archive) -> bool {
    let retain = engine.rules().policy.audit_retain;
    if retain.is_zero() {
        return false;
    }
    let now = engine.now();
    let made = archive
        .overdue(engine.reader(), retain, now)
        .and_then(|overdue| {
            if overdue {
                archive.step(engine, now.wall - retain, &Origin::system(), None)
            } else {
                Ok(None)
            }
        });
    match made {
        Ok(None) | Err(ArchiveError::Busy) => false,
        Ok(Some(made)) => {
            let (first, last) = (made.header.first, made.header.last);
            let path = made.path.display();
            info_always!("audit records {first} to {last} are archived in {path}");
            !made.short
        }
        Err(error) => {
            warn!("old audit records were not archived: {error}");
            false
        }
    }
}

/// The last checkpoint of a file, without reading all of it.
#[must_use]
pub fn last(path: &Path) -> Option<Checkpoint> {
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    let tail = u64::try_from(2 * LINE_OCTETS_MAX).unwrap_or(u64::MAX);
    file.seek(SeekFrom::Start(length.saturating_sub(tail)))
        .ok()?;
    let mut octets = Vec::new();
    file.take(tail).read_to_end(&mut octets).ok()?;
    let text = String::from_utf8_lossy(&octets);
    text.lines()
        .rev()
        .find_map(|line| Checkpoint::parse(line).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use crate::time::Timestamp;

    #[test]
    fn finds_the_last_line_of_many() {
        let folder = tempfile::tempdir().unwrap();
        let path = path(folder.path());
        assert_eq!(last(&path), None);
        let signer = Signer::new(&Secret::new([1; 32])).unwrap();
        let mut file = CheckpointFile::open(&path).unwrap();
        for seq in 1..=20 {
            let checkpoint = signer.sign("n", seq, [2; 32], Timestamp(9)).unwrap();
            file.append(&checkpoint).unwrap();
        }
        assert_eq!(last(&path).map(|checkpoint| checkpoint.seq), Some(20));
    }
}
