//! Sign-ins whose auth states are brought up later: whatever happens in between, everybody reads
//! the newest.

use std::collections::BTreeMap;
use std::sync::Arc;

use mfad::domain::lockout::{Lock, LockReason};
use mfad::domain::user::UserRecord;
use mfad::store::sqlite::{Opened, inspect};
use mfad::store::{Change, Commit as _, Find, Outcome, Read as _, StoreError};
use mfad::time::Timestamp;
use proptest::prelude::*;

use super::samples::*;
use super::sqlite::Folder;

/// Longer than nothing may be committed until auth states are brought up, in seconds.
const QUIET_S: i64 = 6;

/// People in one slice of what is brought up.
const SLICE: usize = 512;

/// What happens to a store; numbers are people.
#[derive(Clone, Debug)]
enum Step {
    /// One batch of these.
    Batch(Vec<Act>),
    /// Nothing for a while.
    Quiet,
    /// The process ends without a word, and begins again.
    Crash,
    /// It ends as it should.
    Restart,
    /// The writer alone begins again.
    Reopen,
}

#[derive(Clone, Debug)]
enum Act {
    SignIn(u32),
    /// A sign-in that is asked something; the next one is the answer.
    Ask(u32),
    /// Judged on a revision that is over.
    Late(u32),
    Lock(u32),
    Unlock(u32),
    Edit(u32),
    /// A change of two people, of whom the second is judged on a revision that is over.
    Halved(u32, u32),
    Remove(u32),
    Add(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::collection::vec(act(), 1..12).prop_map(Step::Batch),
        2 => Just(Step::Quiet),
        1 => Just(Step::Crash),
        1 => Just(Step::Restart),
        1 => Just(Step::Reopen),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let who = 1..5_u32;
    prop_oneof![
        8 => who.clone().prop_map(Act::SignIn),
        3 => who.clone().prop_map(Act::Ask),
        1 => who.clone().prop_map(Act::Late),
        1 => who.clone().prop_map(Act::Lock),
        1 => who.clone().prop_map(Act::Unlock),
        1 => who.clone().prop_map(Act::Edit),
        1 => (who.clone(), who.clone()).prop_map(|(one, other)| Act::Halved(one, other)),
        1 => who.clone().prop_map(Act::Remove),
        2 => who.prop_map(Act::Add),
    ]
}

fn locked(mut change: Change, user: &mut UserRecord, lock: Option<Lock>) -> Change {
    user.auth.lock = lock;
    change.writes = vec![write_user(user, Some(user.auth.revision - 1), false)];
    change
}

fn lock() -> Lock {
    Lock {
        reason: LockReason::Failures,
        since: Timestamp(T0),
        auto_until: None,
        note: Arc::from(""),
        count: 1,
        by: None,
    }
}

/// The people there should be, and how each was last written.
#[derive(Default)]
struct Model {
    people: BTreeMap<u32, UserRecord>,
    factor: u64,
}

impl Model {
    /// The change of an act, and whether it fits; none if there is nobody to do it to.
    fn act(&mut self, act: &Act) -> Option<(Change, bool)> {
        self.factor += 1;
        let factor = self.factor;
        let known = |people: &mut BTreeMap<u32, UserRecord>, who: &u32| people.get(who).cloned();
        let (who, mut user) = match act {
            Act::Add(who) => {
                let user = user(*who, &format!("user{who}"));
                let fits = !self.people.contains_key(who);
                if fits {
                    self.people.insert(*who, user.clone());
                }
                return Some((add(&user), fits));
            }
            Act::Remove(who) => {
                let user = self.people.remove(who)?;
                return Some((remove(&user), true));
            }
            Act::Late(who) => {
                let mut user = known(&mut self.people, who)?;
                user.auth.revision -= 1;
                return Some((sign_in(&mut user, factor), false));
            }
            Act::Halved(one, other) => {
                if one == other {
                    return None;
                }
                let mut first = known(&mut self.people, one)?;
                let mut second = known(&mut self.people, other)?;
                second.auth.revision += 7;
                let mut change = edit(&mut first);
                change.writes.extend(edit(&mut second).writes);
                return Some((change, false));
            }
            Act::SignIn(who)
            | Act::Ask(who)
            | Act::Lock(who)
            | Act::Unlock(who)
            | Act::Edit(who) => (*who, known(&mut self.people, who)?),
        };
        match act {
            Act::Ask(_) => user.auth.dialogues = vec![question(3600), question(0), question(60)],
            Act::SignIn(_) => user.auth.dialogues.clear(),
            _ => {}
        }
        let change = match act {
            Act::Edit(_) => edit(&mut user),
            Act::Lock(_) => {
                let change = sign_in(&mut user, factor);
                locked(change, &mut user, Some(lock()))
            }
            Act::Unlock(_) => {
                let change = sign_in(&mut user, factor);
                locked(change, &mut user, None)
            }
            _ => sign_in(&mut user, factor),
        };
        self.people.insert(who, user);
        Some((change, true))
    }

    fn agrees(&self, opened: &Opened) {
        let read = &opened.reader;
        for who in 1..5 {
            let expected = self.people.get(&who).cloned();
            assert_eq!(read.user(id(who)).unwrap(), expected, "by id");
            let name = format!("user{who}");
            assert_eq!(read.user_by_name(&name).unwrap(), expected, "by name");
        }
        let all: Vec<UserRecord> = self.people.values().cloned().collect();
        assert_eq!(read.find(&Find::default(), "", 9).unwrap(), all, "found");
        let is_locked = |user: &&UserRecord| user.auth.lock.is_some();
        let locked: Vec<UserRecord> = all.iter().filter(is_locked).cloned().collect();
        let filter = Find {
            locked: true,
            ..Find::default()
        };
        assert_eq!(read.find(&filter, "", 9).unwrap(), locked, "found locked");
        assert_eq!(read.counts().unwrap().locked, locked.len() as u64);
        let is_asked = |user: &&UserRecord| !user.auth.dialogues.is_empty();
        let asked: Vec<&str> = all.iter().filter(is_asked).map(UserRecord::name).collect();
        let mut found = read.asked(at(0).wall).unwrap();
        found.retain(|name| asked.contains(&name.as_str()));
        assert_eq!(found, asked, "asked");
        let open = all.iter().flat_map(|user| &user.auth.dialogues);
        let questions = open
            .filter(|question| question.expires > at(0).wall)
            .count();
        assert_eq!(read.questions(at(0).wall).unwrap(), questions, "questions");
    }
}

fn live(steps: &[Step]) {
    let folder = Folder::new();
    let mut model = Model::default();
    let mut opened = folder.create();
    for who in 1..4 {
        let (change, _) = model.act(&Act::Add(who)).unwrap();
        assert_ne!(
            opened.writer.commit(&[change]).unwrap(),
            [Outcome::Conflict]
        );
    }
    let mut seconds = 0;
    for step in steps {
        match step {
            Step::Batch(acts) => {
                let (changes, fits): (Vec<_>, Vec<_>) =
                    acts.iter().filter_map(|act| model.act(act)).unzip();
                let outcomes = opened.writer.commit(&changes).unwrap();
                let fitted: Vec<bool> = outcomes
                    .iter()
                    .map(|outcome| matches!(outcome, Outcome::Committed { .. }))
                    .collect();
                assert_eq!(fitted, fits, "{acts:?}");
            }
            Step::Quiet => {
                seconds += QUIET_S;
                opened.writer.idle(at(seconds)).unwrap();
            }
            Step::Crash => {
                drop(opened);
                opened = folder.open();
            }
            Step::Restart => {
                opened.writer.close().unwrap();
                drop(opened.reader);
                opened = folder.open();
            }
            Step::Reopen => opened.writer.reopen().unwrap(),
        }
        model.agrees(&opened);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn everybody_reads_the_newest(steps in prop::collection::vec(step(), 1..24)) {
        live(&steps);
    }
}

/// Rows of `redo`, and how many auth states are newer than the first revision, in the tables alone.
fn tables(folder: &Folder) -> (usize, usize) {
    let conn = rusqlite::Connection::open(folder.path()).unwrap();
    let count = |sql| -> usize {
        let rows: u32 = conn.query_row(sql, [], |row| row.get(0)).unwrap();
        usize::try_from(rows).unwrap()
    };
    (
        count("SELECT count(*) FROM redo"),
        count("SELECT count(*) FROM auth WHERE revision > 1"),
    )
}

/// So many people, of whom each has signed in, in one batch.
fn all_signed_in(folder: &Folder, count: usize) -> (Opened, Vec<UserRecord>) {
    let mut opened = folder.create();
    let mut people: Vec<UserRecord> = (1..)
        .take(count)
        .map(|who| user(who, &format!("user{who:05}")))
        .collect();
    let added: Vec<Change> = people.iter().map(add).collect();
    drop(opened.writer.commit(&added).unwrap());
    let batch: Vec<Change> = people.iter_mut().map(|user| sign_in(user, 1)).collect();
    drop(opened.writer.commit(&batch).unwrap());
    (opened, people)
}

#[test]
fn a_quiet_moment_brings_them_up_a_slice_at_a_time() {
    let folder = Folder::new();
    let (mut opened, mut people) = all_signed_in(&folder, SLICE * 2 + 10);
    assert_eq!(tables(&folder), (1, 0));
    opened.writer.idle(at(QUIET_S)).unwrap();
    assert_eq!(tables(&folder), (1, SLICE));
    assert!(opened.writer.has_work(), "forgot the others");
    // One who is brought up already, one who is not.
    let again: Vec<Change> = [0, SLICE * 2]
        .map(|place| sign_in(&mut people[place], 2))
        .to_vec();
    drop(opened.writer.commit(&again).unwrap());
    while opened.writer.has_work() {
        opened.writer.idle(at(QUIET_S * 2)).unwrap();
    }
    assert_eq!(tables(&folder), (1, people.len()), "of the second batch");
    for opened in [&opened, &{ folder_copy(&folder).open() }] {
        let read = opened.reader.find(&Find::default(), "", 9_999).unwrap();
        assert_eq!(read, people);
    }
}

/// The files as they are now, as after a crash.
fn folder_copy(folder: &Folder) -> Folder {
    let copy = Folder::new();
    for suffix in ["", "-wal"] {
        let name = format!("mfad.db{suffix}");
        let from = folder.path().with_file_name(&name);
        std::fs::copy(from, copy.path().with_file_name(&name)).unwrap();
    }
    copy
}

#[test]
fn many_people_are_brought_up_without_a_pause() {
    let folder = Folder::new();
    let (mut opened, _) = all_signed_in(&folder, 4_096);
    for _ in 0..4_096 / SLICE {
        opened.writer.idle(at(0)).unwrap();
    }
    assert_eq!(tables(&folder), (0, 4_096));
}

#[test]
fn who_only_looks_reads_the_newest_too() {
    let folder = Folder::new();
    let (opened, people) = all_signed_in(&folder, 3);
    let copy = folder_copy(&folder);
    drop(opened);
    let seen = inspect(&copy.path(), &copy.keys).unwrap();
    let read = seen.reader.find(&Find::default(), "", 9).unwrap();
    assert_eq!(read, people);
    assert_eq!(tables(&copy), (1, 0), "looking changed it");
}

#[test]
fn a_damaged_batch_is_found_at_the_start() {
    let folder = Folder::new();
    let (opened, _) = all_signed_in(&folder, 3);
    drop(opened);
    let conn = rusqlite::Connection::open(folder.path()).unwrap();
    let rows: Vec<u8> = conn
        .query_row("SELECT rows FROM redo", [], |row| row.get(0))
        .unwrap();
    for place in 0..rows.len() {
        let mut damaged = rows.clone();
        damaged[place] ^= 1;
        let update = "UPDATE redo SET rows = ?1";
        assert_eq!(conn.execute(update, [&damaged]).unwrap(), 1);
        match folder.try_open(at(0)) {
            Err(StoreError::Corrupt { what, .. }) => assert_eq!(what, "batch 1 of sign-ins"),
            Err(other) => panic!("octet {place}: {other}"),
            Ok(_) => panic!("octet {place}: nobody noticed"),
        }
    }
    conn.execute("UPDATE redo SET rows = ?1", [&rows]).unwrap();
    drop(conn);
    assert!(folder.try_open(at(0)).is_ok());
}

#[test]
fn a_backup_has_what_is_not_brought_up() {
    let folder = Folder::new();
    let (mut opened, people) = all_signed_in(&folder, 2);
    let backup = folder.path().with_file_name("copy");
    opened.reader.snapshot(&backup, at(1)).unwrap();
    opened.writer.idle(at(QUIET_S)).unwrap();
    opened.writer.close().unwrap();
    drop(opened.reader);
    folder.restore(&backup, at(2)).unwrap();
    let opened = folder.open();
    for user in people {
        let read = opened.reader.user(user.id).unwrap().unwrap();
        assert_eq!(read.auth.revision, user.auth.revision + 1, "the fence's");
        assert_eq!(read.auth.last_login, user.auth.last_login);
    }
}
