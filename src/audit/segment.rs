//! A piece of the audit log outside the store: its records as they were stored, and their proof.
//!
//! ```text
//! mfad-segment 1 node=mfa1 first=1 last=2 before=0000.. hash=90aa..
//! 1 5c1d.. {"v":1,"seq":1,..}
//! 2 90aa.. {"v":1,"seq":2,..}
//! mfad-checkpoint 1 node=mfa1 seq=2 hash=90aa.. time=.. key=.. sig=..
//! ```
//! One line of text each: what the segment holds, the hash before it and its last; each record's
//! number, hash and body; after its record each checkpoint that was kept of it. The last line is the
//! *seal*, a checkpoint of the last record. Since a hash covers all that went before, the seal proves
//! every line of the segment and where it begins.
//!
//! [`check`] takes a segment through a [`Verifier`] as if its records still lay in the store.

use std::fmt;
use std::io::{self, BufRead, Read, Write};

use super::chain::Record;
use super::checkpoint::Checkpoint;
use super::hex;
use super::verify::{DamageKind, Start, Verifier};

/// Longest line that is looked at, in octets; what an operator typed is in it once or twice.
pub const LINE_OCTETS_MAX: u64 = 1 << 20;

/// What a segment begins with.
const PREFIX: &str = "mfad-segment 1 ";

/// The first line of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whose chain.
    pub node: String,
    /// Number of the first record.
    pub first: u64,
    /// Number of the last record.
    pub last: u64,
    /// Hash of the record before the first.
    pub before: [u8; 32],
    /// Hash of the last record.
    pub hash: [u8; 32],
}

/// One of the other lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A record.
    Record(Record),
    /// A checkpoint of the record before it.
    Checkpoint(Checkpoint),
    /// Neither.
    Spoiled,
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, hash) = (hex::text(&self.before), hex::text(&self.hash));
        let Self {
            node, first, last, ..
        } = self;
        write!(
            f,
            "{PREFIX}node={node} first={first} last={last} before={before} hash={hash}"
        )
    }
}

impl Header {
    /// Reads the first line of a segment; none if it is not exactly what `Display` writes.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let mut fields = line.strip_prefix(PREFIX)?.split(' ');
        let mut field = |name: &str| fields.next()?.strip_prefix(name)?.strip_prefix('=');
        let header = Self {
            node: field("node")?.to_owned(),
            first: field("first")?.parse().ok()?,
            last: field("last")?.parse().ok()?,
            before: hex::parse(field("before")?)?,
            hash: hex::parse(field("hash")?)?,
        };
        let one_way = header.to_string() == line && (1..=header.last).contains(&header.first);
        one_way.then_some(header)
    }

    /// The position before the first record.
    #[must_use]
    pub const fn start(&self) -> Start {
        Start {
            seq: self.first - 1,
            hash: self.before,
        }
    }

    /// The position after the last record.
    #[must_use]
    pub const fn end(&self) -> Start {
        Start {
            seq: self.last,
            hash: self.hash,
        }
    }
}

/// Writes a record as a line.
///
/// # Errors
/// What the system said.
pub fn write_record(to: &mut impl Write, record: &Record) -> io::Result<()> {
    write!(to, "{} {} ", record.seq, hex::text(&record.hash))?;
    to.write_all(&record.body)?;
    to.write_all(b"\n")
}

/// A segment that is read.
pub struct Segment<R> {
    from: R,
    line: Vec<u8>,
}

impl<R: BufRead> Segment<R> {
    /// Reads the first line; no header: it is no segment.
    ///
    /// # Errors
    /// What the system said.
    pub fn open(from: R) -> io::Result<(Self, Option<Header>)> {
        let mut segment = Self {
            from,
            line: Vec::new(),
        };
        let line = segment.next_line()?;
        let header = line
            .and_then(|line| std::str::from_utf8(line).ok())
            .and_then(Header::parse);
        Ok((segment, header))
    }

    /// Reads the next line; none at the end.
    ///
    /// # Errors
    /// What the system said.
    pub fn next_entry(&mut self) -> io::Result<Option<Entry>> {
        let line = self.next_line()?;
        Ok(line.map(|line| entry(line).unwrap_or(Entry::Spoiled)))
    }

    /// The next line without its end; none at the end.
    fn next_line(&mut self) -> io::Result<Option<&[u8]>> {
        self.line.clear();
        let mut bounded = self.from.by_ref().take(LINE_OCTETS_MAX);
        if bounded.read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        // A line without its end is kept as it is: it was cut off.
        Ok(Some(self.line.strip_suffix(b"\n").unwrap_or(b"")))
    }
}

fn entry(line: &[u8]) -> Option<Entry> {
    if !line.first().is_some_and(u8::is_ascii_digit) {
        let text = std::str::from_utf8(line).ok()?;
        return Checkpoint::parse(text).ok().map(Entry::Checkpoint);
    }
    let mut parts = line.splitn(3, |octet| *octet == b' ');
    let mut text = || std::str::from_utf8(parts.next()?).ok();
    let (number, hash) = (text()?, text()?);
    let seq: u64 = number.parse().ok()?;
    // No number has a second spelling.
    if seq.to_string() != number {
        return None;
    }
    Some(Entry::Record(Record {
        seq,
        hash: hex::parse(hash)?,
        body: parts.next()?.to_vec(),
    }))
}

/// Takes a whole segment through a verifier that stands where the segment begins.
///
/// # Errors
/// What the system said while it was read.
pub fn check(
    verifier: &mut Verifier<'_>,
    header: &Header,
    segment: &mut Segment<impl BufRead>,
) -> io::Result<()> {
    if verifier.position() != header.start() || !verifier.is_of(&header.node) {
        verifier.spoiled(DamageKind::Segment("its first line does not follow"));
    }
    let mut sealed = false;
    while let Some(entry) = segment.next_entry()? {
        match entry {
            Entry::Record(record) => {
                sealed = false;
                verifier.feed(&record);
            }
            Entry::Checkpoint(checkpoint) => {
                let here = checkpoint.seq == verifier.position().seq;
                sealed = here && checkpoint.seq == header.last;
                if here && verifier.is_of(&checkpoint.node) {
                    verifier.feed_checkpoint(&checkpoint);
                } else {
                    verifier.spoiled(DamageKind::Segment("a checkpoint is out of its place"));
                }
            }
            Entry::Spoiled => verifier.spoiled(DamageKind::Segment("a line cannot be read")),
        }
    }
    if !sealed || verifier.position() != header.end() {
        verifier.spoiled(DamageKind::Segment("it has no seal at its end"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_one_spelling() {
        let header = Header {
            node: "mfa1".to_owned(),
            first: 7,
            last: 9,
            before: [0xab; 32],
            hash: [0xcd; 32],
        };
        let line = header.to_string();
        assert_eq!(Header::parse(&line), Some(header));
        for (from, to) in [
            ("first=7", "first=07"),
            ("last=9", "last=6"),
            ("first=7", "first=0"),
            ("segment 1", "segment 2"),
            ("before=ab", "before=AB"),
            (" last", "  last"),
        ] {
            assert_ne!(line, line.replace(from, to), "{from}");
            assert_eq!(Header::parse(&line.replace(from, to)), None, "{to}");
        }
        assert_eq!(Header::parse(&format!("{line} x=1")), None);
    }

    #[test]
    fn a_record_reads_back_and_a_torn_line_is_none() {
        let record = Record {
            seq: 12,
            hash: [3; 32],
            body: b"{\"a b\": 1}".to_vec(),
        };
        let mut line = Vec::new();
        write_record(&mut line, &record).unwrap();
        let end = line.len() - 1;
        assert_eq!(entry(&line[..end]), Some(Entry::Record(record)));
        // Up to the blank before the body; what is cut off that, the hash gives away.
        for cut in 0.."12 ".len() + 64 {
            assert_eq!(entry(&line[..cut]), None, "{cut}");
        }
        let mut cut = Segment {
            from: &line[..end],
            line: Vec::new(),
        };
        assert_eq!(cut.next_entry().unwrap(), Some(Entry::Spoiled));
        let zero = [b"0".as_slice(), &line[..end]].concat();
        assert_eq!(entry(&zero), None, "a second spelling");
    }

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        let octets = vec![b'1'; usize::try_from(2 * LINE_OCTETS_MAX).unwrap()];
        let (mut segment, header) = Segment::open(octets.as_slice()).unwrap();
        assert_eq!(header, None);
        assert!(segment.line.len() < octets.len());
        assert_eq!(segment.next_entry().unwrap(), Some(Entry::Spoiled));
    }
}
