//! One person's history: the index behind the commits gives what a walk over the log gives.

use mfad::domain::event::{Event, Origin};
use mfad::store::sqlite::{Mode, Opened, open};
use mfad::store::{Archived, AuditFilter, Body, Change, Commit as _, Key, Read as _, Write};

use super::samples::*;
use super::sqlite::{Folder, site};

/// Records of the log: two slices and a tail, and a little more.
const RECORDS: u64 = 20_000;

/// People in turn; the first record of the store and some others are nobody's.
fn filled(folder: &Folder) -> Opened {
    let mut opened = folder.create();
    let people: Vec<_> = (0..5)
        .map(|number| user(number, &format!("u{number}")))
        .collect();
    let added: Vec<Change> = people.iter().map(add).collect();
    let _ = opened.writer.commit(&added).unwrap();
    let note = |number: u64| {
        let event = Event::new(if number.is_multiple_of(3) {
            "auth.accept"
        } else {
            "auth.reject"
        });
        let who = usize::try_from(number * number % 7).unwrap();
        let event = match people.get(who) {
            Some(person) => event.user(person.id, person.name()),
            None => event,
        };
        Change {
            writes: Vec::new(),
            origin: Origin::system(),
            events: vec![event],
            at: at(i64::try_from(number).unwrap()),
        }
    };
    let have = opened.reader.last_seq().unwrap();
    let changes: Vec<Change> = (have..RECORDS).map(note).collect();
    for batch in changes.chunks(1_000) {
        let _ = opened.writer.commit(batch).unwrap();
    }
    assert_eq!(opened.reader.last_seq().unwrap(), RECORDS);
    opened
}

fn rest(opened: &mut Opened, from_second: i64) {
    for second in from_second..from_second + 200 {
        opened.writer.idle(at(second)).unwrap();
    }
    assert!(!opened.writer.has_work());
}

/// Numbers that a filter finds, page after page.
fn found(opened: &Opened, filter: &AuditFilter, limit: usize) -> Vec<u64> {
    let (mut filter, mut found) = (filter.clone(), Vec::new());
    loop {
        let page = opened.reader.audit_walk(&filter, limit).unwrap();
        found.extend(page.records.iter().map(|record| record.seq));
        match page.walked_to {
            Some(seq) if filter.newest_first => filter.before_seq = seq,
            Some(seq) => filter.after_seq = seq,
            None => return found,
        }
    }
}

fn questions() -> Vec<(AuditFilter, usize)> {
    let mut all = Vec::new();
    for (who, newest_first, limit) in [
        (0, true, 7),
        (1, false, 100),
        (2, true, 5_000),
        (4, false, 1),
    ] {
        let one = AuditFilter {
            user: Some(id(who)),
            newest_first,
            ..AuditFilter::default()
        };
        if limit > 1 {
            all.push((one.clone(), limit));
        }
        let accepts = AuditFilter {
            event: Some("auth.accept".to_owned()),
            ..one.clone()
        };
        all.push((accepts, limit.max(300)));
        let bounded = AuditFilter {
            after_seq: 8_190,
            before_seq: 16_385,
            ..one.clone()
        };
        all.push((bounded, limit.max(50)));
        let late = AuditFilter {
            since: Some(at(12_345).wall),
            ..one
        };
        all.push((late, limit.max(50)));
    }
    all
}

fn answers(opened: &Opened) -> Vec<Vec<u64>> {
    let answer = |(filter, limit): (AuditFilter, usize)| found(opened, &filter, limit);
    questions().into_iter().map(answer).collect()
}

/// Which slices the index has, and how many records it knows.
fn index(folder: &Folder) -> (Vec<i64>, i64) {
    let conn = rusqlite::Connection::open(folder.path()).unwrap();
    let mut read = conn
        .prepare("SELECT DISTINCT slice FROM audit_of ORDER BY 1")
        .unwrap();
    let slices = read.query_map([], |row| row.get(0)).unwrap();
    let slices = slices.collect::<Result<_, _>>().unwrap();
    let count = conn.query_row("SELECT count(*) FROM audit_of", [], |row| row.get(0));
    (slices, count.unwrap())
}

#[test]
fn an_indexed_history_is_the_one_that_a_walk_finds() {
    let folder = Folder::new();
    let mut opened = filled(&folder);
    assert!(opened.writer.has_work());
    // Somebody has just signed in: later.
    opened.writer.idle(at(RECORDS.cast_signed() - 1)).unwrap();
    assert_eq!(index(&folder).0, Vec::<i64>::new());
    let walked = answers(&opened);
    assert!(walked.iter().all(|found| !found.is_empty()));
    rest(&mut opened, 30_000);
    assert_eq!(index(&folder).0, [0, 1]);
    assert_eq!(answers(&opened), walked);
    // A person who was deleted keeps the history, and a restart the index.
    let path = folder.path();
    opened.writer.close().unwrap();
    drop(opened.reader);
    let opened = open(&site(&path, &folder.keys, at(40_000)), Mode::Existing).unwrap();
    assert!(!opened.writer.has_work());
    assert_eq!(answers(&opened), walked);
}

#[test]
fn a_store_of_the_version_before_gets_its_index() {
    let folder = Folder::new();
    let opened = filled(&folder);
    let walked = answers(&opened);
    opened.writer.close().unwrap();
    drop(opened.reader);
    let path = folder.path();
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.execute_batch(
        "DROP TABLE audit_of; DELETE FROM meta WHERE name = 'audit_slices';
         DROP TABLE outbox; DROP TABLE redo;
         DROP INDEX auth_asked; ALTER TABLE auth DROP COLUMN asked_until;
         ALTER TABLE auth ADD COLUMN last_login INTEGER; PRAGMA user_version = 1;",
    )
    .unwrap();
    conn.close().unwrap();
    let mut opened = open(&site(&path, &folder.keys, at(40_000)), Mode::Existing).unwrap();
    assert!(opened.fenced.is_none());
    assert_eq!(answers(&opened), walked, "before it is filled");
    rest(&mut opened, 40_001);
    assert_eq!(index(&folder).0, [0, 1]);
    assert_eq!(answers(&opened), walked);
}

#[test]
fn what_is_archived_leaves_the_index_too() {
    let folder = Folder::new();
    let mut opened = filled(&folder);
    rest(&mut opened, 30_000);
    let whole = answers(&opened);
    let last = 9_000;
    let filter = AuditFilter {
        after_seq: last - 1,
        ..AuditFilter::default()
    };
    let record = opened.reader.audit(&filter, 1).unwrap().remove(0);
    let archived = Archived {
        seq: last,
        hash: record.hash,
        at: at(0).wall,
    };
    let change = Change {
        writes: vec![Write {
            key: Key::Archived,
            expected: None,
            body: Some(Body::Archived(archived)),
        }],
        origin: Origin::system(),
        events: vec![Event::new("audit.archived")],
        at: at(31_000),
    };
    let _ = opened.writer.commit(&[change]).unwrap();
    rest(&mut opened, 31_001);
    assert_eq!(index(&folder).0, [1], "the first slice is gone as a whole");
    let left: Vec<Vec<u64>> = whole
        .into_iter()
        .map(|found| found.into_iter().filter(|seq| *seq > last).collect())
        .collect();
    assert_eq!(answers(&opened), left);
}
