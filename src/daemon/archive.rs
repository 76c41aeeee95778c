//! Moves the old end of the audit log from the store into signed segments.
//!
//! ```text
//! records --> draft, synced --> read back and verified --> named --> one commit --> store removes
//!                                                           file      audit.archived
//! ```
//! The commit is the turning point: before it the segment is a copy, after it what the store still
//! has of these records is a copy, which the store removes by itself in small pieces. A crash before
//! it leaves a finished segment that the next run takes instead of writing it again.
//!
//! A segment ends at [`SEGMENT_RECORDS_MAX`] records; whoever archives more makes several. The
//! checkpoints of archived records move along, so that their file does not grow for ever.
//!
//! A segment takes no more than about half of the room that its disk has, and is the last one for
//! now if that was not enough: on a full disk that is a part of the [`Reserve`].

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use crate::audit::checkpoint::{Checkpoint, CheckpointError, Signer};
use crate::audit::checkpoint_file::{self, CheckpointFileError};
use crate::audit::record::AuditRecord;
use crate::audit::segment::{self, Header, Segment};
use crate::audit::segment_file::{self, FOLDER, SegmentFileError};
use crate::audit::verify::{Plan, Start, Verifier};
use crate::domain::event::{Event, Origin};
use crate::domain::sealed::hex;
use crate::engine::Engine;
use crate::store::{
    Archived, AuditFilter, Body, Key, Read, StoreError, StoredAudit, Write as StoreWrite,
};
use crate::sys::files::{Draft, Existing, FileError, free_octets, write_new};
use crate::time::{Now, Timestamp};

use super::checkpoints;
use super::reserve::Reserve;

/// Most records of a segment.
pub const SEGMENT_RECORDS_MAX: u64 = 1_000_000;

/// Younger records stay: after a restart the last verdicts are read from the store.
pub const YOUNGEST: Duration = Duration::from_secs(60);

/// What is kept longer than `audit.retain` before it is archived unasked: this part of it, and at
/// most so long.
const OVERDUE_PART: u32 = 10;
const OVERDUE_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// Octets of a record in a segment, with what is signed of it: more than most have.
const RECORD_OCTETS: u64 = 1 << 10;

/// No segment is begun with less room than this, in octets.
const ROOM_OCTETS_MIN: u64 = 4 << 20;

/// Records read at a time.
const CHUNK: usize = 2_000;

/// The archive of a daemon: one folder, one run at a time.
pub struct Archive {
    state_dir: PathBuf,
    folder: PathBuf,
    node: std::sync::Arc<str>,
    reserve: Reserve,
    run: Mutex<()>,
    checkpoints: Mutex<()>,
}

/// What is to be archived next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// What is archived already.
    pub known: Archived,
    /// What will be.
    pub next: Archived,
}

/// A segment that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Where it lies.
    pub path: PathBuf,
    /// What it holds.
    pub header: Header,
    /// Octets of it.
    pub octets: u64,
    /// The number of the record of it.
    pub audit: u64,
    /// It ends where it does because there is no room for more.
    pub short: bool,
}

/// Why nothing more was archived.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Somebody archives or verifies at this moment.
    #[error("the audit log is being archived or verified")]
    Busy,
    /// The store.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// A segment that is there.
    #[error("{0}")]
    Segment(#[from] SegmentFileError),
    /// The file of checkpoints.
    #[error("{0}")]
    Checkpoints(#[from] CheckpointFileError),
    /// The new file.
    #[error("{0}")]
    File(#[from] FileError),
    /// Writing the new file.
    #[error("cannot write a segment in {}: {source}", folder.display())]
    Write {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The disk of the segments is full.
    #[error("{} has no room for them until segments are moved elsewhere", folder.display())]
    NoRoom {
        /// The folder.
        folder: PathBuf,
    },
    /// The seal.
    #[error("{0}")]
    Seal(#[from] CheckpointError),
    /// What was to be archived is not whole.
    #[error("the audit log is damaged at record {seq}: {what}")]
    Damaged {
        /// Where.
        seq: u64,
        /// How.
        what: String,
    },
    /// The store did not take the record of it.
    #[error("the store did not take the record of it")]
    NotRecorded,
}

impl Archive {
    /// The archive below a state folder.
    #[must_use]
    pub fn new(state_dir: &Path, node: std::sync::Arc<str>) -> Self {
        Self {
            state_dir: state_dir.to_owned(),
            folder: state_dir.join(FOLDER),
            node,
            reserve: Reserve::below(state_dir),
            run: Mutex::new(()),
            checkpoints: Mutex::new(()),
        }
    }

    /// Where segments lie.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What is kept for a full disk.
    #[must_use]
    pub const fn reserve(&self) -> &Reserve {
        &self.reserve
    }

    /// Whose audit log it is.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.node
    }

    /// Where the checkpoints are that are not archived yet.
    #[must_use]
    pub fn checkpoints_path(&self) -> PathBuf {
        checkpoints::path(&self.state_dir)
    }

    /// Keeps archiving out for as long as the guard lives.
    pub fn hold(&self) -> MutexGuard<'_, ()> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the file of checkpoints as it is for as long as the guard lives.
    pub fn hold_checkpoints(&self) -> MutexGuard<'_, ()> {
        self.checkpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What would be archived of the records before `before`, in one segment or several.
    ///
    /// # Errors
    /// [`ArchiveError::Store`].
    pub fn due(
        &self,
        reader: &dyn Read,
        before: Timestamp,
        now: Now,
    ) -> Result<Option<Due>, ArchiveError> {
        let known = reader.archived()?;
        let last = last_before(reader, known.seq, before.min(now.wall - YOUNGEST))?;
        if last <= known.seq {
            return Ok(None);
        }
        let next = archived_at(reader, last)?;
        Ok(Some(Due { known, next }))
    }

    /// Whether the oldest record in the store has been there for longer than `retain` and a while:
    /// so one segment is made now and then, and not one each time a record becomes too old.
    ///
    /// # Errors
    /// [`ArchiveError::Store`].
    pub fn overdue(
        &self,
        reader: &dyn Read,
        retain: Duration,
        now: Now,
    ) -> Result<bool, ArchiveError> {
        let known = reader.archived()?.seq;
        let filter = AuditFilter {
            after_seq: known,
            ..AuditFilter::default()
        };
        let oldest = reader.audit(&filter, 1)?.pop();
        let oldest = oldest.and_then(|stored| AuditRecord::parse(&stored.body).ok());
        let a_while = (retain / OVERDUE_PART).min(OVERDUE_MAX);
        Ok(oldest.is_some_and(|record| now.wall.since(record.wall) > retain + a_while))
    }

    /// Makes the next segment of the records before `before`; none: there is nothing to archive.
    ///
    /// # Errors
    /// [`ArchiveError`]: nothing was removed from the store.
    pub fn step(
        &self,
        engine: &Engine,
        before: Timestamp,
        origin: &Origin,
        reason: Option<&str>,
    ) -> Result<Option<Made>, ArchiveError> {
        let _run = match self.run.try_lock() {
            Ok(run) => run,
            Err(TryLockError::Poisoned(run)) => run.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(ArchiveError::Busy),
        };
        let Some(mut due) = self.due(engine.reader(), before, engine.now())? else {
            return Ok(None);
        };
        let most = due.known.seq.saturating_add(SEGMENT_RECORDS_MAX);
        if due.next.seq > most {
            due.next = archived_at(engine.reader(), most)?;
        }
        let work = Work {
            archive: self,
            engine,
            signer: Signer::new(engine.keys().audit_seed())?,
        };
        let (path, header, short) = match work.finished(&due)? {
            Some((path, header)) => (path, header, false),
            None => work.write_what_fits(due)?,
        };
        let made = work.record(path, header, short, origin, reason)?;
        // What is left in the file is as true; the next segment takes it along.
        let _ = self.forget_checkpoints(made.header.last);
        Ok(Some(made))
    }

    /// Why less was archived than is due.
    #[must_use]
    pub fn no_room(&self) -> ArchiveError {
        let folder = self.folder.clone();
        ArchiveError::NoRoom { folder }
    }

    /// Takes the checkpoints of archived records out of their file.
    fn forget_checkpoints(&self, last: u64) -> Result<(), ArchiveError> {
        let _held = self.hold_checkpoints();
        let path = self.checkpoints_path();
        let loaded = checkpoint_file::load(&path)?;
        let kept = loaded
            .checkpoints
            .iter()
            .filter(|one| one.seq > last || *one.node != *self.node);
        let text: String = kept.map(|one| format!("{one}\n")).collect();
        Ok(write_new(&path, text.as_bytes(), Existing::Replace)?)
    }
}

/// One run.
struct Work<'a> {
    archive: &'a Archive,
    engine: &'a Engine,
    signer: Signer,
}

impl Work<'_> {
    /// A segment that an earlier run has finished and could not record.
    fn finished(&self, due: &Due) -> Result<Option<(PathBuf, Header)>, ArchiveError> {
        let reader = self.engine.reader();
        let start = Start {
            seq: due.known.seq,
            hash: due.known.hash,
        };
        let listed = segment_file::list(&self.archive.folder, &self.archive.node)?;
        for found in listed {
            let end = found.header.end();
            if found.header.start() != start || end.seq > due.next.seq {
                continue;
            }
            if archived_at(reader, end.seq)?.hash != end.hash {
                continue;
            }
            let mut segment = found.open()?;
            if self.check(&found.header, &mut segment).is_ok() {
                return Ok(Some((found.path, found.header)));
            }
        }
        Ok(None)
    }

    /// Writes a segment, of fewer records than are due if there is no room for all; whether so.
    fn write_what_fits(&self, mut due: Due) -> Result<(PathBuf, Header, bool), ArchiveError> {
        let folder = &self.archive.folder;
        let room = free_octets(folder).map_err(|source| self.fault(source))?;
        if room < ROOM_OCTETS_MIN {
            return Err(self.archive.no_room());
        }
        let most = due.known.seq.saturating_add(room / 2 / RECORD_OCTETS);
        let short = due.next.seq > most;
        if short {
            due.next = archived_at(self.engine.reader(), most)?;
        }
        let (path, header) = self.write(&due)?;
        Ok((path, header, short))
    }

    /// Writes a segment, makes it durable, and proves that it can be read.
    fn write(&self, due: &Due) -> Result<(PathBuf, Header), ArchiveError> {
        let header = Header {
            node: self.archive.node.to_string(),
            first: due.known.seq + 1,
            last: due.next.seq,
            before: due.known.hash,
            hash: due.next.hash,
        };
        let path = self.archive.folder.join(segment_file::name(&header));
        let mut draft = Draft::of(&path)?;
        self.fill(draft.file(), &header)?;
        let file = draft.file();
        let fault = |source| self.fault(source);
        file.sync_all().map_err(fault)?;
        file.rewind().map_err(fault)?;
        let (mut segment, read) = Segment::open(BufReader::new(file)).map_err(fault)?;
        if read.as_ref() != Some(&header) {
            let unreadable = "its first line reads otherwise than it was written";
            return Err(self.fault(io::Error::other(unreadable)));
        }
        self.check(&header, &mut segment)?;
        draft.publish(Existing::Replace)?;
        Ok((path, header))
    }

    fn fill(&self, file: &mut File, header: &Header) -> Result<(), ArchiveError> {
        let fault = |source| self.fault(source);
        let mut signed = self.signed(header)?.into_iter().peekable();
        let mut to = BufWriter::new(file);
        writeln!(to, "{header}").map_err(fault)?;
        let mut filter = AuditFilter {
            after_seq: header.first - 1,
            before_seq: header.last + 1,
            ..AuditFilter::default()
        };
        loop {
            let page = self.engine.reader().audit(&filter, CHUNK)?;
            for record in &page {
                segment::write_record(&mut to, record).map_err(fault)?;
                while let Some(checkpoint) = signed.next_if(|one| one.seq <= record.seq) {
                    writeln!(to, "{checkpoint}").map_err(fault)?;
                }
                filter.after_seq = record.seq;
            }
            if page.len() < CHUNK {
                break;
            }
        }
        let time = self.engine.now().wall;
        let seal = self
            .signer
            .sign(&header.node, header.last, header.hash, time)?;
        writeln!(to, "{seal}").map_err(fault)?;
        to.flush().map_err(fault)
    }

    /// The checkpoints of the records of a segment, ascending.
    fn signed(&self, header: &Header) -> Result<Vec<Checkpoint>, ArchiveError> {
        let path = self.archive.checkpoints_path();
        let mut signed = checkpoint_file::load(&path)?.checkpoints;
        let range = header.first..=header.last;
        signed.retain(|one| one.node == header.node && range.contains(&one.seq));
        signed.sort_by_key(|one| one.seq);
        Ok(signed)
    }

    /// Proves that a segment is whole.
    fn check(
        &self,
        header: &Header,
        segment: &mut Segment<impl io::BufRead>,
    ) -> Result<(), ArchiveError> {
        let keys = [self.signer.public_key()];
        let mut verifier = Verifier::new(&Plan {
            node: &self.archive.node,
            start: header.start(),
            checkpoints: &[],
            keys: &keys,
        });
        segment::check(&mut verifier, header, segment).map_err(|source| self.fault(source))?;
        match verifier.finish().damage {
            None => Ok(()),
            Some(damage) => Err(ArchiveError::Damaged {
                seq: damage.seq,
                what: damage.kind.to_string(),
            }),
        }
    }

    fn record(
        &self,
        path: PathBuf,
        header: Header,
        short: bool,
        origin: &Origin,
        reason: Option<&str>,
    ) -> Result<Made, ArchiveError> {
        let next = archived_at(self.engine.reader(), header.last)?;
        let octets = std::fs::metadata(&path).map_or(0, |about| about.len());
        let mut event = Event::new("audit.archived")
            .detail("segment", segment_file::name(&header))
            .detail("first", header.first)
            .detail("last", header.last)
            .detail("hash", hex(&header.hash))
            .detail("octets", octets);
        if let Some(reason) = reason {
            event = event.reason(reason.to_owned());
        }
        let write = StoreWrite {
            key: Key::Archived,
            expected: Some(header.first - 1).filter(|known| *known > 0),
            body: Some(Body::Archived(next)),
        };
        let audit = self
            .engine
            .note_with(origin.clone(), event, vec![write])
            .ok_or(ArchiveError::NotRecorded)?;
        Ok(Made {
            path,
            header,
            octets,
            audit,
            short,
        })
    }

    fn fault(&self, source: io::Error) -> ArchiveError {
        let folder = self.archive.folder.clone();
        ArchiveError::Write { folder, source }
    }
}

/// The last of the records after `known` before the first that is not older than `before`.
fn last_before(reader: &dyn Read, known: u64, before: Timestamp) -> Result<u64, StoreError> {
    let newest = reader.last_seq()?;
    let mut filter = AuditFilter {
        after_seq: known,
        since: Some(before),
        ..AuditFilter::default()
    };
    loop {
        let page = reader.audit_walk(&filter, 1)?;
        match (page.records.first(), page.walked_to) {
            (Some(record), _) => return Ok(record.seq - 1),
            (None, Some(seq)) => filter.after_seq = seq,
            (None, None) => return Ok(newest),
        }
    }
}

/// The archive as it is when the record `seq` is its last.
fn archived_at(reader: &dyn Read, seq: u64) -> Result<Archived, StoreError> {
    let filter = AuditFilter {
        after_seq: seq.saturating_sub(1),
        before_seq: seq.saturating_add(1),
        ..AuditFilter::default()
    };
    let found: Option<StoredAudit> = reader.audit(&filter, 1)?.pop();
    let missing = |detail: &str| StoreError::Corrupt {
        what: format!("audit record {seq}"),
        detail: detail.to_owned(),
    };
    let record = found.ok_or_else(|| missing("it is not there"))?;
    let at = AuditRecord::parse(&record.body)
        .map_err(|error| missing(&error.to_string()))?
        .wall;
    Ok(Archived {
        seq,
        hash: record.hash,
        at,
    })
}
