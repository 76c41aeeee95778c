//! The embedded store's log: when it is moved, and that it fits the database beside it.

use std::fs;

use mfad::domain::event::Event;
use mfad::domain::user::UserRecord;
use mfad::store::sqlite::{Mode, Opened, Sizes, inspect, open};
use mfad::store::{Commit as _, Read as _, StoreError};

use super::samples::*;
use super::sqlite::{Folder, assert_fenced, commit, pool_of_two, site, with_everything};

fn checkpoint(folder: &Folder) -> u64 {
    let text = fs::read(folder.folder.path().join("mfad.db.checkpoint")).unwrap();
    let checkpoint: serde_json::Value = serde_json::from_slice(&text).unwrap();
    checkpoint["seq"].as_u64().unwrap()
}

#[test]
fn the_log_is_moved_once_it_is_quiet() {
    let folder = Folder::new();
    let mut opened = folder.create();
    let mut ada = user(1, "ada");
    commit(&mut opened, add(&ada));
    for second in 0..8 {
        let mut change = sign_in(&mut ada, 1);
        change.at = at(second);
        commit(&mut opened, change);
        opened.writer.idle(at(second)).unwrap();
        assert!(opened.writer.log_octets() > 0, "moved in second {second}");
    }
    // The last commit counts, not the last time that somebody looked.
    opened.writer.idle(at(13)).unwrap();
    assert_eq!(opened.writer.log_octets(), 0);
}

#[test]
fn a_long_log_is_moved_between_batches_unless_a_reader_is_in_the_way() {
    let folder = Folder::new();
    folder.create().writer.close().unwrap();
    let path = folder.path();
    let mut site = site(&path, &folder.keys, at(0));
    site.sizes = Sizes {
        checkpoint_octets: 1,
        ..site.sizes
    };
    let mut opened = open(&site, Mode::Existing).unwrap();
    let mut ada = user(1, "ada");
    let main_file = fs::read(&path).unwrap();
    commit(&mut opened, add(&ada));
    assert_eq!(fs::read(&path).unwrap(), main_file, "moved inside a commit");
    let other = rusqlite::Connection::open(&path).unwrap();
    let read = other.unchecked_transaction().unwrap();
    let count = |sql| read.query_row(sql, [], |row| row.get::<_, i64>(0));
    assert_eq!(count("SELECT count(*) FROM users").unwrap(), 1);
    commit(&mut opened, sign_in(&mut ada, 1));
    opened.writer.idle(at(0)).unwrap();
    assert!(opened.writer.log_octets() > 0);
    drop(read);
    opened.writer.idle(at(0)).unwrap();
    assert!(opened.writer.log_octets() > 0, "tried again at once");
    opened.writer.idle(at(1)).unwrap();
    assert_eq!(opened.writer.log_octets(), 0);
}

/// The main file grows by what the log holds of them, and a full disk has so much room for it.
#[test]
fn a_log_of_many_records_is_moved_however_short_it_is() {
    let folder = Folder::new();
    let mut opened = folder.create();
    let mut many = change(Vec::new(), &user(1, "ada"));
    many.events = vec![Event::new("auth.reject").refused(); 500];
    for batch in 1..48 {
        commit(&mut opened, many.clone());
        opened.writer.idle(at(0)).unwrap();
        assert!(opened.writer.log_octets() > 0, "moved after batch {batch}");
    }
    commit(&mut opened, many);
    opened.writer.idle(at(0)).unwrap();
    assert_eq!(opened.writer.log_octets(), 0);
}

#[test]
fn the_checkpoint_is_never_far_behind() {
    let folder = Folder::new();
    let mut opened = folder.create();
    let mut many = change(Vec::new(), &user(1, "ada"));
    let first = checkpoint(&folder);
    many.at = at(9);
    commit(&mut opened, many.clone());
    opened.writer.idle(at(9)).unwrap();
    assert_eq!(checkpoint(&folder), first);
    opened.writer.idle(at(10)).unwrap();
    assert_eq!(checkpoint(&folder), first + 1);
    many.events = vec![Event::new("test.event"); 10_000];
    commit(&mut opened, many);
    opened.writer.idle(at(11)).unwrap();
    assert_eq!(checkpoint(&folder), first + 10_001);
}

fn file(folder: &Folder, suffix: &str) -> std::path::PathBuf {
    folder.folder.path().join(format!("mfad.db{suffix}"))
}

/// What a daemon that is killed now leaves behind.
fn killed(folder: &Folder) -> Folder {
    let left = Folder::new();
    for suffix in ["", "-wal", ".checkpoint", ".lock"] {
        fs::copy(file(folder, suffix), file(&left, suffix)).unwrap();
    }
    left
}

fn stop(opened: Opened) {
    opened.writer.close().unwrap();
    drop(opened.reader);
}

/// A store that has been used in two runs, and its main file between them.
fn two_runs() -> (Folder, Opened, UserRecord, Vec<u8>) {
    let folder = Folder::new();
    let mut opened = folder.create();
    let mut ada = with_everything();
    commit(&mut opened, add(&ada));
    commit(&mut opened, pool_of_two());
    stop(opened);
    let past = fs::read(folder.path()).unwrap();
    let mut opened = folder.open();
    commit(&mut opened, sign_in(&mut ada, 60_000_000));
    // Enough for the log to begin anew and not to hold all that the old file lacks.
    for number in 10..40 {
        commit(&mut opened, add(&user(number, &format!("u{number}"))));
        opened.writer.idle(at(i64::from(number) * 10)).unwrap();
    }
    commit(&mut opened, sign_in(&mut ada, 60_000_001));
    (folder, opened, ada, past)
}

fn assert_past(folder: &Folder) {
    let looked = inspect(&folder.path(), &folder.keys).map(|store| store.went_back);
    assert!(matches!(looked, Ok(true) | Err(StoreError::Corrupt { .. })));
    let now = at(7200);
    let opened = folder.try_open(now).unwrap();
    assert_eq!(opened.fenced.unwrap().totp, 1);
    assert_fenced(&opened, now);
    assert!(opened.reader.user(id(10)).unwrap().is_none(), "a mixture");
    opened.reader.quick_check().unwrap();
    stop(opened);
    assert!(
        folder.try_open(now).unwrap().fenced.is_none(),
        "fenced twice"
    );
}

#[test]
fn a_clean_stop_leaves_an_empty_log() {
    let folder = Folder::new();
    let mut opened = folder.create();
    assert_eq!(fs::metadata(file(&folder, "-wal")).unwrap().len(), 1 << 16);
    commit(&mut opened, add(&user(1, "ada")));
    // A reader that is still there, but at rest, is not in the way.
    let reader = opened.reader.clone();
    opened.writer.close().unwrap();
    assert_eq!(fs::metadata(file(&folder, "-wal")).unwrap().len(), 0);
    assert_eq!(reader.user_by_name("ada").unwrap().unwrap().id, id(1));
    drop((reader, opened.reader));
    let opened = folder.open();
    assert!(!opened.unclean && opened.fenced.is_none());
    assert_eq!(fs::metadata(file(&folder, "-wal")).unwrap().len(), 1 << 16);
}

#[test]
fn an_old_file_beside_the_log_of_a_clean_stop_is_fenced() {
    let (folder, opened, _, past) = two_runs();
    stop(opened);
    fs::write(folder.path(), past).unwrap();
    assert_past(&folder);
}

#[test]
fn an_old_file_beside_the_log_of_a_killed_daemon_is_fenced() {
    let (folder, opened, _, past) = two_runs();
    let left = killed(&folder);
    drop(opened);
    fs::write(left.path(), past).unwrap();
    assert_past(&left);
    // The newer log is kept for whoever wants to look at it.
    let aside = fs::read_dir(left.folder.path()).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().contains("-wal.before-restore-")
    });
    assert_eq!(aside.count(), 1);
}

#[test]
fn a_backup_copied_over_a_killed_store_is_fenced() {
    let (folder, mut opened, mut ada, _) = two_runs();
    let backup = folder.folder.path().join("backup.mfad");
    opened.reader.snapshot(&backup, at(400)).unwrap();
    commit(&mut opened, sign_in(&mut ada, 60_000_002));
    let left = killed(&folder);
    drop(opened);
    fs::copy(&backup, left.path()).unwrap();
    let opened = left.try_open(at(7200)).unwrap();
    assert_eq!(opened.fenced.unwrap().totp, 31);
}

/// `cp backup.mfad mfad.db` on a new host has no checkpoint beside it to compare with.
#[test]
fn a_backup_copied_to_a_new_host_is_fenced_once() {
    let (folder, opened, _, _) = two_runs();
    let backup = folder.folder.path().join("backup.mfad");
    opened.reader.snapshot(&backup, at(400)).unwrap();
    let elsewhere = Folder::new();
    fs::copy(&backup, elsewhere.path()).unwrap();
    let opened = elsewhere.try_open(at(7200)).unwrap();
    assert_eq!(opened.fenced.unwrap().totp, 31);
    stop(opened);
    assert!(elsewhere.try_open(at(7300)).unwrap().fenced.is_none());
}

#[test]
fn the_file_before_a_restore_is_an_older_one() {
    let (folder, opened, _, _) = two_runs();
    let backup = folder.folder.path().join("backup.mfad");
    opened.reader.snapshot(&backup, at(400)).unwrap();
    stop(opened);
    let before = fs::read(folder.path()).unwrap();
    folder.restore(&backup, at(500)).unwrap();
    let mut opened = folder.try_open(at(500)).unwrap();
    assert!(opened.fenced.is_none());
    commit(&mut opened, add(&user(50, "eve")));
    let left = killed(&folder);
    drop(opened);
    fs::write(left.path(), before).unwrap();
    let opened = left.try_open(at(7200)).unwrap();
    assert!(opened.fenced.is_some());
    assert!(opened.reader.user(id(50)).unwrap().is_none());
}

#[test]
fn a_killed_daemon_alone_is_no_reason_to_fence() {
    let (folder, mut opened, mut ada, _) = two_runs();
    for second in 400..420 {
        let mut change = sign_in(&mut ada, 60_000_002);
        change.at = at(second);
        commit(&mut opened, change);
        opened.writer.idle(at(second + second % 3 * 4)).unwrap();
        let left = killed(&folder);
        let again = left.open();
        assert!(again.unclean && again.fenced.is_none());
        assert_eq!(again.reader.user(id(1)).unwrap().unwrap(), ada);
        drop(again);
        assert!(left.open().fenced.is_none());
    }
    opened.writer.reopen().unwrap();
    assert!(killed(&folder).open().fenced.is_none());
}
