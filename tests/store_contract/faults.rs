//! The embedded store on bad hardware: flipped bits, a full disk.

use std::fs;
use std::path::Path;
use std::process::Command;

use mfad::store::sqlite::{Mode, open};
use mfad::store::{AuditFilter, Commit as _, Find, Outcome, Read as _, StoreError};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::samples::*;
use super::sqlite::{Folder, commit, keys, site};

#[test]
fn damaged_files_never_panic_and_never_lie() {
    let folder = Folder::new();
    let mut opened = folder.create();
    let mut people: Vec<_> = (1..20)
        .map(|number| user(number, &format!("u{number}")))
        .collect();
    for person in &mut people {
        commit(&mut opened, add(person));
        commit(&mut opened, sign_in(person, 1));
    }
    opened.writer.close().unwrap();
    drop(opened.reader);
    let sound = fs::read(folder.path()).unwrap();
    let mut seed = 12_345_u64;
    for _ in 0..150 {
        // xorshift64: any sequence will do, the same in every run.
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let mut damaged = sound.clone();
        let at_octet = usize::try_from(seed >> 8).unwrap() % damaged.len();
        damaged[at_octet] ^= 1 << (seed & 7);
        let other = Folder::new();
        fs::write(other.path(), damaged).unwrap();
        let Ok(opened) = other.try_open(at(0)) else {
            continue;
        };
        for person in &people {
            if let Ok(Some(read)) = opened.reader.user(person.id) {
                assert_eq!(&read, person, "a flipped bit at {at_octet} went unseen");
            }
        }
        let _ = opened.reader.find(&Find::default(), "", 100);
        let _ = opened.reader.audit(&AuditFilter::default(), 100);
        let _ = opened.reader.counts();
    }
}

#[test]
fn a_full_disk_closes_the_store_and_loses_nothing() {
    let folder = Folder::new();
    folder.create().writer.close().unwrap();
    // A limit on the size of files stands for the full disk; it ends the child, not the suite.
    let script = r#"trap "" XFSZ; ulimit -S -f 600; exec "$0" --exact --ignored "$1""#;
    let child = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .arg("faults::writes_until_the_disk_is_full")
        .current_dir(folder.folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && said.contains("1 passed"),
        "{said}"
    );
    let acknowledged = fs::read_to_string(folder.folder.path().join("acknowledged")).unwrap();
    let (seq, revision) = acknowledged.split_once(' ').unwrap();
    let (seq, revision): (u64, u64) = (seq.parse().unwrap(), revision.parse().unwrap());
    let mut opened = folder.open();
    assert!(opened.fenced.is_none());
    let last = opened.writer.next_seq() - 1;
    let mut ada = opened.reader.user(id(1)).unwrap().unwrap();
    // What was acknowledged is there; the last, unknown one is there as a whole or not at all.
    // One more was committed after the store was opened anew.
    assert!(last == seq + 1 || last == seq + 2, "{last} {seq}");
    assert_eq!(ada.auth.revision - revision, last - seq);
    commit(&mut opened, sign_in(&mut ada, 1));
}

#[test]
#[ignore = "run in a child by the test above"]
fn writes_until_the_disk_is_full() {
    let path = Path::new("mfad.db");
    let keys = keys(1);
    let mut opened = open(&site(path, &keys, at(0)), Mode::Existing).unwrap();
    let mut ada = user(1, "ada");
    commit(&mut opened, add(&ada));
    let error = loop {
        let acknowledged = format!("{} {}", opened.writer.next_seq() - 1, ada.auth.revision);
        match opened.writer.commit(&[sign_in(&mut ada, 1)]) {
            Ok(_) => assert!(ada.auth.revision < 10_000, "the disk never got full"),
            Err(error) => {
                fs::write("acknowledged", acknowledged).unwrap();
                break error;
            }
        }
    };
    assert!(
        matches!(error, StoreError::Unknown(_) | StoreError::Io { .. }),
        "{error}"
    );
    let again = opened.writer.commit(&[sign_in(&mut ada, 1)]);
    assert!(matches!(again, Err(StoreError::Poisoned(_))));
    assert!(matches!(
        opened.writer.idle(at(9)),
        Err(StoreError::Poisoned(_))
    ));
    opened.reader.probe().unwrap();

    // The disk has room again.
    let (_, most) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
    setrlimit(Resource::RLIMIT_FSIZE, most, most).unwrap();
    opened.writer.reopen().unwrap();
    let mut ada = opened.reader.user(id(1)).unwrap().unwrap();
    let next = opened.writer.next_seq();
    let outcomes = opened.writer.commit(&[sign_in(&mut ada, 1)]).unwrap();
    let committed = Outcome::Committed {
        first_seq: next,
        last_seq: next,
    };
    assert_eq!(outcomes, [committed]);
    assert_eq!(opened.reader.user(id(1)).unwrap().unwrap(), ada);
    assert_eq!(opened.reader.last_seq().unwrap(), next);
}
