//! The embedded store's log: when it is moved, and that it fits the database beside it.

use std::fs;

use mfad::domain::event::Event;
use mfad::store::Commit as _;
use mfad::store::sqlite::{Mode, Sizes, open};

use super::samples::*;
use super::sqlite::{Folder, commit, site};

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

#[test]
fn the_checkpoint_is_never_far_behind() {
    let folder = Folder::new();
    let mut opened = folder.create();
    let mut many = change(Vec::new(), &user(1, "ada"));
    let first = checkpoint(&folder);
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
