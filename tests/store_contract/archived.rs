//! What is archived leaves the store, in pieces, and nothing else does.

use mfad::domain::event::{Event, Origin};
use mfad::store::sqlite::{Mode, Opened, open};
use mfad::store::{
    Archived, AuditFilter, Body, Change, Commit as _, Key, Outcome, Read as _, Write,
};

use super::samples::*;
use super::sqlite::{Folder, site};

/// Records in the log: more than two slices.
const RECORDS: u64 = 1_300;

fn filled(folder: &Folder) -> Opened {
    let mut opened = folder.create();
    let note = |second| Change {
        writes: Vec::new(),
        origin: Origin::system(),
        events: vec![Event::new("user.edited")],
        at: at(second),
    };
    let batch: Vec<Change> = (1..1_300).map(note).collect();
    let _ = opened.writer.commit(&batch).unwrap();
    assert_eq!(opened.reader.last_seq().unwrap(), RECORDS);
    opened
}

/// The archive as it is when `seq` is its last record.
fn up_to(opened: &Opened, seq: u64) -> Archived {
    let filter = AuditFilter {
        after_seq: seq - 1,
        ..AuditFilter::default()
    };
    let record = opened.reader.audit(&filter, 1).unwrap().remove(0);
    Archived {
        seq,
        hash: record.hash,
        at: at(0).wall,
    }
}

fn archive(opened: &mut Opened, expected: Option<u64>, to: Archived) -> Outcome {
    let change = Change {
        writes: vec![Write {
            key: Key::Archived,
            expected,
            body: Some(Body::Archived(to)),
        }],
        origin: Origin::system(),
        events: vec![Event::new("audit.archived")],
        at: at(2_000),
    };
    opened.writer.commit(&[change]).unwrap()[0]
}

fn first(opened: &Opened) -> u64 {
    let all = AuditFilter::default();
    opened.reader.audit(&all, 1).unwrap()[0].seq
}

fn count(opened: &Opened) -> usize {
    let all = AuditFilter::default();
    opened.reader.audit(&all, 5_000).unwrap().len()
}

#[test]
fn archived_records_are_removed_in_slices_and_a_crash_only_puts_that_off() {
    let folder = Folder::new();
    let mut opened = filled(&folder);
    assert!(!opened.writer.has_work());
    let to = up_to(&opened, 1_200);
    assert!(matches!(
        archive(&mut opened, None, to),
        Outcome::Committed { .. }
    ));
    assert_eq!(opened.reader.archived().unwrap(), to);
    assert_eq!(first(&opened), 1, "removed inside the commit");
    assert!(opened.writer.has_work());
    opened.writer.idle(at(2_001)).unwrap();
    let after_one = first(&opened);
    assert!((2..1_000).contains(&after_one), "one slice: {after_one}");
    opened.writer.idle(at(2_001)).unwrap();
    assert_eq!(first(&opened), after_one, "no pause between two slices");
    // Killed here.
    drop(opened);
    let path = folder.path();
    let mut opened = open(&site(&path, &folder.keys, at(2_010)), Mode::Existing).unwrap();
    assert!(opened.fenced.is_none());
    assert!(opened.writer.has_work());
    for second in 2_011..2_020 {
        opened.writer.idle(at(second)).unwrap();
    }
    assert!(!opened.writer.has_work());
    assert_eq!((first(&opened), count(&opened)), (1_201, 101));
    opened.writer.close().unwrap();
    let opened = open(&site(&path, &folder.keys, at(2_030)), Mode::Existing).unwrap();
    assert!(
        opened.fenced.is_none(),
        "the checkpoint knows a later record"
    );
    assert!(!opened.writer.has_work());
}

#[test]
fn only_what_follows_and_is_there_counts_as_archived() {
    let folder = Folder::new();
    let mut opened = filled(&folder);
    let (some, more) = (up_to(&opened, 500), up_to(&opened, 600));
    let mut foreign = some;
    foreign.hash[0] ^= 1;
    assert_eq!(archive(&mut opened, None, foreign), Outcome::Refused);
    let mut beyond = some;
    beyond.seq = RECORDS + 9;
    assert_eq!(archive(&mut opened, None, beyond), Outcome::Refused);
    assert_eq!(archive(&mut opened, Some(7), some), Outcome::Conflict);
    assert_eq!(opened.reader.archived().unwrap(), Archived::default());
    assert!(!opened.writer.has_work());
    let done = archive(&mut opened, None, some);
    assert!(matches!(done, Outcome::Committed { .. }));
    assert_eq!(archive(&mut opened, None, more), Outcome::Conflict);
    assert_eq!(archive(&mut opened, Some(500), some), Outcome::Conflict);
    let done = archive(&mut opened, Some(500), more);
    assert!(matches!(done, Outcome::Committed { .. }));
    assert_eq!(opened.reader.archived().unwrap(), more);
}
