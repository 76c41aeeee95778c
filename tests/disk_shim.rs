//! The disk of the tests is what it says: it sees each call, fails where it is told to, and makes
//! those states of a power cut that it should and no others.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may stop at the first surprise, and measures time"
)]

mod common;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use common::chance::Chance;
use common::disk::state::{Image, Keep, State};
use common::disk::{Disk, Fault, Operation, Synced, What};
use nix::errno::Errno;

/// Runs one of the ignored tests below on a disk; none if there is no compiler.
fn run(disk: &Disk, test: &str) -> Option<String> {
    let output = disk.again(test)?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
    Some(said)
}

fn files(image: &Image) -> BTreeMap<&str, &[u8]> {
    let named = image.files.iter();
    named
        .map(|(name, content)| (name.as_str(), content.as_slice()))
        .collect()
}

fn after(operations: &[Operation], call: u64) -> State {
    let mut state = State::default();
    state.follow(operations.iter().filter(|done| done.call <= call));
    state
}

#[test]
#[ignore = "run on a disk by the tests below"]
fn writes_this_and_that() {
    let disk = Disk::here().unwrap();
    let root = disk.root();
    let folder = File::open(root).unwrap();
    let mut file = File::create(root.join("a")).unwrap(); // 1
    file.write_all(b"one").unwrap(); // 2
    file.write_all_at(b"!", 600).unwrap(); // 3
    file.sync_all().unwrap(); // 4
    folder.sync_all().unwrap(); // 5
    fs::rename(root.join("a"), root.join("b")).unwrap(); // 6
    file.seek(SeekFrom::Start(1)).unwrap();
    file.write_all(&[b'x'; 1024]).unwrap(); // 7
    let mut again = OpenOptions::new().append(true).open(root.join("b"));
    again.as_mut().unwrap().write_all(b"end").unwrap(); // 8
    file.set_len(512).unwrap(); // 9
    fs::copy(root.join("b"), root.join("c")).unwrap(); // 10, 11
    fs::remove_file(root.join("c")).unwrap(); // 12
    drop(File::create(root.join("b")).unwrap()); // 13
    fs::hard_link(root.join("b"), root.join("d")).unwrap(); // 14
    fs::write(disk.beside("elsewhere"), "not seen").unwrap();
    disk.unseen(|| fs::write(root.join("unseen"), "not seen").unwrap());
    assert_eq!(disk.calls(), 14);
}

#[test]
fn every_call_is_seen() {
    let disk = Disk::new();
    let Some(_) = run(&disk, "writes_this_and_that") else {
        return;
    };
    let operations = disk.operations(0);
    let said: Vec<String> = operations
        .iter()
        .map(|done| done.what.to_string())
        .collect();
    let expected = [
        "create a",
        "write a 0+3",
        "write a 600+1",
        "sync /a Done",
        "sync / Done",
        "rename a b",
        "write a 1+1024",
        "write b 1025+3",
        "length a 512",
        "create c",
        "write c 0+512",
        "remove c",
        "length b 0",
        "link b d",
    ];
    assert_eq!(said, expected);
    assert_eq!((disk.calls(), disk.syncs()), (14, 2));
    assert!(
        operations
            .iter()
            .zip(1..)
            .all(|(done, call)| done.call == call)
    );
}

#[test]
fn a_power_cut_leaves_what_was_synced_and_some_of_the_rest() {
    let disk = Disk::new();
    let Some(_) = run(&disk, "writes_this_and_that") else {
        return;
    };
    let operations = disk.operations(0);
    let synced: Vec<u8> = [b"one".as_slice(), &[0; 597], b"!"].concat();

    // Before the folder is synced, the synced file has no name.
    assert!(after(&operations, 4).image(Keep::Nothing).files.is_empty());
    let state = after(&operations, 5);
    assert_eq!(state.pending(), 0);
    for keep in [Keep::Nothing, Keep::Everything] {
        assert_eq!(
            files(&state.image(keep)),
            BTreeMap::from([("a", synced.as_slice())])
        );
    }

    // The rename and the write that follow are there or not, each for itself.
    let state = after(&operations, 7);
    let nothing = state.image(Keep::Nothing);
    assert_eq!(files(&nothing), BTreeMap::from([("a", synced.as_slice())]));
    let renamed = state.image(Keep::First(1));
    assert_eq!(files(&renamed), BTreeMap::from([("b", synced.as_slice())]));
    let everything = state.image(Keep::Everything);
    assert_eq!(everything.files["b"], [b"o", &[b'x'; 1024][..]].concat());
    let mut chance = Chance::new("disk_shim");
    let mut seen = [false; 4];
    for _ in 0..200 {
        let image = state.image(Keep::Some(&mut chance));
        let name = image.files.keys().next().unwrap();
        let written = image.files[name].len() == 1025;
        seen[usize::from(name == "b") * 2 + usize::from(written)] = true;
    }
    assert_eq!(seen, [true; 4]);

    // Torn, each sector of it is there or not.
    let mut seen = [false; 8];
    for _ in 0..400 {
        let image = state.image(Keep::Torn(&mut chance));
        let content = image.files.values().next().unwrap();
        let sectors = [content[1], content[512], *content.get(1024).unwrap_or(&0)];
        let whole = |range: std::ops::Range<usize>| {
            let sector = &content[range.start.min(content.len())..range.end.min(content.len())];
            sector.iter().all(|octet| *octet == b'x') || !sector.contains(&b'x')
        };
        assert!(whole(1..512) && whole(512..1024), "torn inside a sector");
        let bit = |at: usize| usize::from(sectors[at] == b'x') << at;
        seen[bit(0) | bit(1) | bit(2)] = true;
    }
    assert_eq!(seen, [true; 8]);

    // What a killed process leaves is what lies there.
    let folder = tempfile::tempdir().unwrap();
    after(&operations, 12)
        .image(Keep::Everything)
        .write_to(folder.path());
    assert_eq!(fs::read(folder.path().join("b")).unwrap().len(), 512);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let linked = after(&operations, 14).image(Keep::Everything);
    assert_eq!(linked.files["b"], linked.files["d"]);
}

#[test]
#[ignore = "run on a disk by the tests below"]
fn writes_and_says_how_it_went() {
    let disk = Disk::here().unwrap();
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(disk.root().join("a"))
        .unwrap(); // 1
    for octet in b"abcdefgh" {
        let mut it: &File = &file;
        let how = |done: std::io::Result<usize>| match done {
            Ok(octets) => println!("{octets}"),
            Err(error) => println!("{}", Errno::from_raw(error.raw_os_error().unwrap()) as i32),
        };
        how(it.write(&[*octet; 10])); // 2, 4, ..
        how(file.sync_all().map(|()| 0)); // 3, 5, ..
    }
}

/// What was said, as numbers: octets, 0, or an error.
fn numbers(said: &str) -> Vec<i32> {
    said.lines().filter_map(|line| line.parse().ok()).collect()
}

#[test]
fn calls_fail_as_they_are_told_to() {
    let (io, full) = (Errno::EIO as i32, Errno::ENOSPC as i32);
    for (at, fault, expected) in [
        (4, Fault::Once(Errno::EIO), vec![10, 0, io, 0, 10, 0]),
        (5, Fault::Once(Errno::EIO), vec![10, 0, 10, io, 10, 0]),
        (
            4,
            Fault::From(Errno::ENOSPC),
            vec![10, 0, full, full, full, full],
        ),
        (4, Fault::Short, vec![10, 0, 5, 0, 10, 0]),
        (5, Fault::Short, vec![10, 0, 10, 0, 10, 0]),
        (2, Fault::Sync(Errno::EIO), vec![10, 0, 10, io, 10, 0]),
    ] {
        let disk = Disk::new();
        disk.fail(at, fault);
        let Some(said) = run(&disk, "writes_and_says_how_it_went") else {
            return;
        };
        assert_eq!(numbers(&said)[..6], expected, "{fault:?} at {at}");
    }
    let disk = Disk::new();
    disk.fail(4, Fault::Kill);
    let output = disk.again("writes_and_says_how_it_went").unwrap();
    assert!(!output.status.success());
    assert_eq!(numbers(&String::from_utf8_lossy(&output.stdout)), [10, 0]);
    assert_eq!(fs::read(disk.root().join("a")).unwrap().len(), 10);
}

#[test]
fn what_a_failed_sync_has_lost_no_later_one_brings_back() {
    let disk = Disk::new();
    fs::write(disk.root().join("a"), "").unwrap();
    let before = State::of_folder(disk.root());
    disk.fail(2, Fault::Sync(Errno::EIO));
    let Some(_) = run(&disk, "writes_and_says_how_it_went") else {
        return;
    };
    let mut state = before.clone();
    state.follow(&disk.operations(0));
    let content = |image: &Image| image.files["a"].clone();
    let nothing = content(&state.image(Keep::Nothing));
    let everything = content(&state.image(Keep::Everything));
    assert_eq!((nothing.len(), everything.len()), (80, 80));
    assert_eq!(nothing[..30], [[b'a'; 10], [0; 10], [b'c'; 10]].concat());
    assert_eq!(everything[10..20], [b'b'; 10]);

    // Where it was written and synced once more, it is certain.
    let again = |what| Operation { call: 99, what };
    let node = match &disk.operations(0)[0].what {
        What::Write { node, .. } => *node,
        other => panic!("{other:?}"),
    };
    state.step(&again(What::Write {
        path: "a".to_owned(),
        node,
        offset: 12,
        octets: b"new".to_vec().into(),
    }));
    state.step(&again(What::Sync {
        path: "a".to_owned(),
        node,
        synced: Synced::Done,
    }));
    let nothing = content(&state.image(Keep::Nothing));
    let everything = content(&state.image(Keep::Everything));
    assert_eq!(nothing[10..20], *b"\0\0new\0\0\0\0\0");
    assert_eq!(everything[10..20], *b"bbnewbbbbb");
}

#[test]
fn a_disk_that_lies_about_syncs_is_found_out() {
    let disk = Disk::new();
    fs::write(disk.root().join("a"), "").unwrap();
    let mut state = State::of_folder(disk.root());
    disk.set_sync(false);
    let Some(said) = run(&disk, "writes_and_says_how_it_went") else {
        return;
    };
    assert_eq!(numbers(&said)[..4], [10, 0, 10, 0], "it says that it did");
    state.follow(&disk.operations(0));
    assert!(state.image(Keep::Nothing).files["a"].is_empty());
    assert_eq!(state.image(Keep::Everything).files["a"].len(), 80);
}

#[test]
fn a_slow_disk_is_slow() {
    let disk = Disk::new();
    disk.set_flush_us(20_000);
    let began = std::time::Instant::now();
    let Some(_) = run(&disk, "writes_and_says_how_it_went") else {
        return;
    };
    assert_eq!(disk.syncs(), 8);
    assert!(began.elapsed() >= std::time::Duration::from_millis(8 * 20));
    assert!(Path::new(disk.root()).join("a").exists());
}
