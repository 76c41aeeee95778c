//! Keeps segments in files of the daemon's audit folder, and puts them in line.
//!
//! A segment is named after its records and its last hash, `1-100000-5c1d09ee71b0aa43.segment`, so
//! that segments of two histories (a restored backup, archived again) never have one name.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use super::hex;
use super::segment::{Header, Segment};
use super::verify::Start;

/// Where the daemon keeps what proves its audit log, below its state directory.
pub const FOLDER: &str = "audit";

/// Ending of a segment's name.
const ENDING: &str = "segment";

/// Octets of the last hash that are in the name.
const NAME_HASH_OCTETS: usize = 8;

/// A segment on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Its first line.
    pub header: Header,
}

/// What the system refused.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}: {source}", path.display())]
pub struct SegmentFileError {
    /// Which file or folder.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// A piece of what is archived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A segment that is here.
    Here(SegmentFile),
    /// Records that no segment here holds.
    Absent {
        /// Number of the first.
        first: u64,
        /// The last, and its hash.
        end: Start,
    },
}

impl Piece {
    /// The position before its first record; that of an absent one is known by its number only.
    #[must_use]
    pub const fn start(&self) -> Start {
        match self {
            Self::Here(segment) => segment.header.start(),
            Self::Absent { first, .. } => Start {
                seq: *first - 1,
                hash: [0; 32],
            },
        }
    }

    /// The position after its last record.
    #[must_use]
    pub const fn end(&self) -> Start {
        match self {
            Self::Here(segment) => segment.header.end(),
            Self::Absent { end, .. } => *end,
        }
    }
}

/// The name of the file of a segment.
#[must_use]
pub fn name(header: &Header) -> String {
    let hash = header.hash.get(..NAME_HASH_OCTETS).unwrap_or_default();
    let hash = hex::text(hash);
    format!("{}-{}-{hash}.{ENDING}", header.first, header.last)
}

impl SegmentFile {
    /// Opens it for reading, behind its first line.
    ///
    /// # Errors
    /// [`SegmentFileError`].
    pub fn open(&self) -> Result<Segment<BufReader<File>>, SegmentFileError> {
        open(&self.path).map(|(segment, _)| segment)
    }
}

/// All segments of `node` in a folder, in no order. What has the name of a segment and is none is
/// passed over: its records are then absent.
///
/// # Errors
/// [`SegmentFileError`]; a folder that is not there has none.
pub fn list(folder: &Path, node: &str) -> Result<Vec<SegmentFile>, SegmentFileError> {
    let fault = |source| SegmentFileError {
        path: folder.to_owned(),
        source,
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(fault(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(fault)?.path();
        if path.extension().is_none_or(|ending| ending != ENDING) {
            continue;
        }
        if let (_, Some(header)) = open(&path)?
            && header.node == node
        {
            found.push(SegmentFile { path, header });
        }
    }
    Ok(found)
}

/// The pieces that lead from the beginning of the log to `end`, in order, each linked to the next by
/// its hash.
#[must_use]
pub fn line_up(segments: &[SegmentFile], end: Start) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut end = end;
    while end.seq > 0 {
        let next = segments.iter().find(|segment| segment.header.end() == end);
        if let Some(segment) = next {
            end = segment.header.start();
            pieces.push(Piece::Here(segment.clone()));
            continue;
        }
        let before = segments.iter().map(|segment| segment.header.end());
        let before = before
            .filter(|one| one.seq < end.seq)
            .max_by_key(|one| one.seq);
        let before = before.unwrap_or(Start::CHAIN);
        let first = before.seq + 1;
        pieces.push(Piece::Absent { first, end });
        end = before;
    }
    pieces.reverse();
    pieces
}

fn open(path: &Path) -> Result<(Segment<BufReader<File>>, Option<Header>), SegmentFileError> {
    let file = File::open(path).map(BufReader::new);
    file.and_then(Segment::open)
        .map_err(|source| SegmentFileError {
            path: path.to_owned(),
            source,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(first: u64, last: u64, before: u8, hash: u8) -> SegmentFile {
        let header = Header {
            node: "n".to_owned(),
            first,
            last,
            before: [before; 32],
            hash: [hash; 32],
        };
        SegmentFile {
            path: PathBuf::from(name(&header)),
            header,
        }
    }

    fn end(seq: u64, hash: u8) -> Start {
        Start {
            seq,
            hash: [hash; 32],
        }
    }

    #[test]
    fn segments_are_linked_by_their_hashes() {
        let all = [
            segment(101, 200, 1, 2),
            segment(1, 100, 0, 9),
            segment(1, 100, 0, 1),
            segment(1, 200, 0, 8),
        ];
        assert_ne!(all[1].path, all[2].path, "two histories, two names");
        let here = |at: usize| Piece::Here(all[at].clone());
        assert_eq!(line_up(&all, end(200, 2)), [here(2), here(0)]);
        assert_eq!(line_up(&all, end(200, 8)), [here(3)]);
        assert_eq!(line_up(&all, Start::CHAIN), []);
    }

    #[test]
    fn what_is_absent_is_said() {
        let all = [segment(1, 100, 0, 1), segment(201, 300, 2, 3)];
        let absent = |first, end| Piece::Absent { first, end };
        let here = |at: usize| Piece::Here(all[at].clone());
        let gap = [here(0), absent(101, end(200, 2)), here(1)];
        assert_eq!(line_up(&all, end(300, 3)), gap);
        assert_eq!(line_up(&[], end(300, 3)), [absent(1, end(300, 3))]);
        // A segment of another history does not stand in.
        let other = [absent(101, end(300, 7))];
        assert_eq!(line_up(&all[..1], end(300, 7))[1..], other);
    }
}
