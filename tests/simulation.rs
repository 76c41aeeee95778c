//! Deterministic simulation: the real access, engine, rules and store in one thread, driven by a seed.
//!
//! Gateways send again, late, twice and in another order; operators give orders between two looks at
//! a record, delete people and make others under their names, and move devices from hand to hand
//! through the pool; sites lock after failures or let wait, and change their configuration in
//! mid-life; people are asked for what they have not typed, and answer it late, twice, elsewhere, or
//! with a State that was altered; they get one-time links by mail and walk through the pages, in order
//! and out of order; the wall clock jumps by up to ten years; commits fail with a known or an unknown
//! end, and the process dies before, in or after one; backups are put back. After every step a second,
//! independent implementation of the rules (`simulation/person.rs`, `waiting.rs`, `judging.rs`,
//! `asking.rs`, `linking.rs`, `orders.rs`) has to agree with what was answered, and with every fact in
//! the store that decides about the next attempt. After a crash the store has to hold what was
//! acknowledged, and of the rest each thing wholly or not at all.
//!
//! Some lives run in a process of their own on a disk that the test holds in its hand
//! (`common/disk`): they die at a call that the seed chooses, also while they start or restore, and
//! of what was not synced the seed leaves nothing, all, a beginning, some writes or some sectors; the
//! disk fails once or for a while, fills, and writes half.
//!
//! A seed repeats a run to the bit: all replies and all audit records go into one digest. What is not
//! in it is what SQLite draws for itself, the salts of its log, which no reply and no record show.
//!
//! `MFAD_SEED=7` lives that seed alone (`7..90` those), `MFAD_STEPS=5000` makes runs longer,
//! `MFAD_LONG=1` lives as many as before a release. Bugs are planted at the seams that the simulation
//! owns (`bugs.rs`); a test demands that each of them is found.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise"
)]

#[path = "simulation/answering.rs"]
mod answering;
#[path = "simulation/asking.rs"]
mod asking;
#[path = "simulation/bugs.rs"]
mod bugs;
mod common;
#[path = "simulation/judging.rs"]
mod judging;
#[path = "simulation/ledger.rs"]
mod ledger;
#[path = "simulation/life.rs"]
mod life;
#[path = "simulation/linking.rs"]
mod linking;
#[path = "simulation/lives.rs"]
mod lives;
#[path = "simulation/operators.rs"]
mod operators;
#[path = "simulation/orders.rs"]
mod orders;
#[path = "simulation/pages.rs"]
mod pages;
#[path = "simulation/person.rs"]
mod person;
#[path = "simulation/power.rs"]
mod power;
#[path = "simulation/records.rs"]
mod records;
#[path = "simulation/run.rs"]
mod run;
#[path = "simulation/seam.rs"]
mod seam;
#[path = "simulation/site.rs"]
mod site;
#[path = "simulation/stored.rs"]
mod stored;
#[path = "simulation/stories.rs"]
mod stories;
#[path = "simulation/talks.rs"]
mod talks;
#[path = "simulation/traffic.rs"]
mod traffic;
#[path = "simulation/turn.rs"]
mod turn;
#[path = "simulation/waiting.rs"]
mod waiting;

use std::fs::File;
use std::ops::Range;
use std::process::Command;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use nix::errno::Errno;
use sha2::{Digest as _, Sha256};

use mfad::domain::event::{Event, Origin};
use mfad::store::sqlite::{Mode, open, restore};
use mfad::store::{Change, Commit as _};
use mfad::time::{Now, Timestamp};

use bugs::Bug;
use common::chance;
use common::chance::{long, size};
use common::disk::state::Keep;
use common::disk::{Disk, Fault};
use run::{Seen, live, live_diagnosed};

fn steps(short: usize) -> usize {
    let steps = std::env::var("MFAD_STEPS").ok();
    steps.map_or(short, |steps| steps.parse().unwrap())
}

/// The seeds to live: one, or a range such as `100..200`.
fn seeds(usual: Range<u64>) -> Range<u64> {
    let Ok(named) = std::env::var("MFAD_SEED") else {
        return usual;
    };
    let number = |text: &str| text.parse::<u64>().unwrap();
    match named.split_once("..") {
        Some((first, end)) => number(first)..number(end),
        None => number(&named)..number(&named) + 1,
    }
}

/// What comes of a seed of so many steps.
type Lived = Result<Seen, String>;

/// Lives seeds, on as many threads as there are cores, and gives what they came to.
fn live_all(seeds: Range<u64>, steps: usize, live: impl Fn(u64) -> Lived + Sync) -> Seen {
    let next = AtomicU64::new(seeds.start);
    let sum = Mutex::new(Seen::default());
    let broken = Mutex::new(Vec::new());
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    match live(seed) {
                        Ok(seen) => add(&mut sum.lock().unwrap(), seen),
                        Err(story) => broken.lock().unwrap().push((seed, story)),
                    }
                }
            });
        }
    });
    let broken = broken.into_inner().unwrap();
    if let Some((seed, story)) = broken.iter().min() {
        let seeds: Vec<u64> = broken.iter().map(|(seed, _)| *seed).collect();
        panic!("{story}\nbroken by seeds {seeds:?}: MFAD_SEED={seed} MFAD_STEPS={steps}");
    }
    sum.into_inner().unwrap()
}

#[test]
fn no_law_is_broken() {
    let steps = steps(size(300, 3_000));
    let seeds = seeds(1..if long() { 20_001 } else { 201 });
    let many = seeds.end - seeds.start > 100;
    println!("simulation: seeds {seeds:?}, {steps} steps each");
    let seen = live_all(seeds, steps, |seed| Ok(live(seed, steps, None, None)?.1));
    println!("simulation: {seen:?}");
    if many {
        let least = [
            ("accepts", 800),
            ("rejects", 1_000),
            ("locks", 50),
            ("resent", 100),
            ("orders", 1_000),
            ("crashes", 50),
            ("failures", 50),
            ("restores", 10),
            ("passthroughs", 50),
            ("waits", 100),
            ("reloads", 100),
            ("deletions", 50),
            ("assignments", 20),
            ("unassignments", 20),
            ("questions", 1_000),
            ("answers", 50),
            ("pretences", 200),
            ("pages", 200),
            ("brought", 10),
        ];
        enough(&seen, &least);
    }
}

fn add(sum: &mut Seen, seen: Seen) {
    for (what, times) in seen {
        *sum.entry(what).or_default() += times;
    }
}

fn enough(seen: &Seen, least: &[(&str, u64)]) {
    for (what, least) in least {
        let times = seen.get(*what).copied().unwrap_or(0);
        assert!(times >= *least, "{what}: {times} are too few");
    }
}

#[test]
fn no_law_is_broken_in_a_conversation() {
    let steps = steps(size(1_500, 3_000));
    let seeds = seeds(1..if long() { 301 } else { 9 });
    let many = seeds.end - seeds.start > 7;
    let seen = live_all(seeds, steps, |seed| {
        Ok(talks::live(seed, steps, None, None)?.1)
    });
    println!("conversations: {seen:?}");
    if many {
        let least = [
            ("crashes", 200),
            ("failures", 30),
            ("sent again", 200),
            ("sent again after a crash", 100),
            ("answered twice at once", 100),
            ("asked new_pin", 40),
            ("asked reauth", 2),
            ("asked confirm", 5),
            ("asked auth_code", 20),
            ("asked device_code", 5),
            ("asked first_code", 10),
            ("asked sent_code", 5),
            ("asked method", 4),
            ("asked question", 2),
            ("asked new_pin in a reset", 2),
        ];
        enough(&seen, &least);
    }
}

#[test]
fn every_bug_that_is_planted_in_a_conversation_is_found() {
    let next = AtomicUsize::new(0);
    let unfound = Mutex::new(Vec::new());
    let look = || {
        while let Some(bug) = Bug::IN_TALKS.get(next.fetch_add(1, Ordering::Relaxed)) {
            let found = (1..=16).find_map(|seed| {
                let broken = talks::live(seed, 1_000, Some(*bug), None).err()?;
                Some((seed, broken))
            });
            match found {
                Some((seed, broken)) => {
                    let what = broken.lines().next().unwrap_or_default();
                    println!("{bug:?}: seed {seed}: {what}");
                }
                None => unfound.lock().unwrap().push(*bug),
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(look);
        look();
    });
    let unfound = unfound.into_inner().unwrap();
    assert!(unfound.is_empty(), "not found: {unfound:?}");
}

#[test]
fn a_seed_repeats_a_run_to_the_bit() {
    let seed = seeds(42..43).start;
    let steps = steps(600);
    let [first, second] = [(); 2].map(|()| live(seed, steps, None, None).unwrap().0);
    assert_eq!(first, second, "MFAD_SEED={seed}");
    let [first, second] = [(); 2].map(|()| talks::live(seed, steps, None, None).unwrap().0);
    assert_eq!(first, second, "MFAD_SEED={seed}");
}

/// The search for wrong codes at other times changes no octet of a reply, no time at which one
/// leaves (a law holds each to its delay), and no record: with it, and with nobody to do it and the
/// queue full at last, a seed comes to the same end.
#[test]
fn the_diagnosis_changes_nothing() {
    let steps = steps(1_500);
    let mut seen = Seen::default();
    for seed in 1..=u64::try_from(size(12, 400)).unwrap() {
        let [with, without] = [true, false].map(|diagnosed| {
            let (ended, life) = live_diagnosed(seed, steps, diagnosed).unwrap();
            add(&mut seen, life);
            ended
        });
        assert_eq!(with, without, "MFAD_SEED={seed}");
    }
    println!("simulation: {seen:?}");
    enough(&seen, &[("diagnosed", 100)]);
}

#[test]
fn every_planted_bug_is_found() {
    let unfound: Vec<Bug> = Bug::ALL
        .into_iter()
        .filter(|bug| {
            let found = (1..=120_u64).find_map(|seed| {
                let broken = live(seed, 400, Some(*bug), None).err()?;
                Some((seed, broken))
            });
            if let Some((seed, broken)) = &found {
                let what = broken.lines().next().unwrap_or_default();
                println!("{bug:?}: seed {seed}: {what}");
            }
            found.is_none()
        })
        .collect();
    assert!(unfound.is_empty(), "not found: {unfound:?}");
}

/// What a process with a disk of its own is to live: `SEED STEPS BUG`.
const ON_DISK: &str = "MFAD_SIMULATED";

/// Lives one seed on a disk of its own, in a process of its own; none if there is no compiler.
fn live_on_disk(seed: u64, steps: usize, bug: Option<Bug>) -> Option<Result<String, String>> {
    on_a_disk("lives_on_this_disk", seed, steps, bug)
}

fn on_a_disk(
    test: &str,
    seed: u64,
    steps: usize,
    bug: Option<Bug>,
) -> Option<Result<String, String>> {
    let disk = Disk::new();
    let bug = bug.map_or_else(String::new, |bug| format!("{bug:?}"));
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture", test])
        .envs(disk.env()?)
        .env(ON_DISK, format!("{seed} {steps} {bug}"))
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    let came_to = said.lines().find_map(|line| line.strip_prefix("came to "));
    Some(came_to.map(str::to_owned).ok_or(said))
}

#[test]
#[ignore = "lives on the disk that another test gives it"]
fn lives_on_this_disk() {
    on_this_disk(|seed, steps, bug, disk| {
        live(seed, steps, bug, Some(disk)).map(|(ended, seen)| (ended.to_string(), seen))
    });
}

#[test]
#[ignore = "talks on the disk that another test gives it"]
fn talks_on_this_disk() {
    on_this_disk(|seed, steps, bug, disk| talks::live(seed, steps, bug, Some(disk)));
}

fn on_this_disk(
    live: impl Fn(u64, usize, Option<Bug>, &Arc<Disk>) -> Result<(String, Seen), String>,
) {
    let disk = Arc::new(Disk::here().unwrap());
    let what = std::env::var(ON_DISK).unwrap();
    let mut words = what.split(' ');
    let mut number = || words.next().unwrap().parse::<u64>().unwrap();
    let (seed, steps) = (number(), usize::try_from(number()).unwrap());
    let bug = (words.next() == Some("NothingSynced")).then_some(Bug::NothingSynced);
    match live(seed, steps, bug, &disk) {
        Ok((ended, seen)) => {
            let times: Vec<String> = seen.iter().map(|(what, n)| format!("{what}={n}")).collect();
            println!("came to {}, {}", ended, times.join(", "));
        }
        Err(broken) => panic!("{broken}"),
    }
}

#[test]
fn no_law_is_broken_by_a_power_cut() {
    let steps = steps(size(200, 2_000));
    let seeds = seeds(1..if long() { 5_001 } else { 41 });
    let many = seeds.end - seeds.start > 20;
    let seen = live_all_on_disks("lives_on_this_disk", seeds, steps);
    if let Some(seen) = seen.filter(|_| many) {
        let least = [("accepts", 50), ("power cuts", 40), ("failures", 40)];
        enough(&seen, &least);
    }
}

/// Lives seeds, each on a disk of its own; none if there is no compiler.
fn live_all_on_disks(test: &str, seeds: Range<u64>, steps: usize) -> Option<Seen> {
    let mut seen = Seen::new();
    for seed in seeds {
        let lived = match on_a_disk(test, seed, steps, None)? {
            Ok(lived) => lived,
            Err(broken) => panic!("{broken}\nMFAD_SEED={seed} MFAD_STEPS={steps}"),
        };
        let times = lived.split(", ").filter_map(|word| word.split_once('='));
        add(
            &mut seen,
            times
                .map(|(what, times)| (what.to_owned(), times.parse().unwrap()))
                .collect(),
        );
    }
    println!("{test}: {seen:?}");
    Some(seen)
}

#[test]
fn no_law_is_broken_in_a_conversation_by_a_power_cut() {
    let steps = steps(size(300, 2_000));
    let seeds = seeds(1..if long() { 501 } else { 9 });
    let many = seeds.end - seeds.start > 5;
    let seen = live_all_on_disks("talks_on_this_disk", seeds, steps);
    if let Some(seen) = seen.filter(|_| many) {
        let least = [("crashes", 30), ("sent again after a crash", 5)];
        enough(&seen, &least);
    }
}

#[test]
fn a_seed_repeats_a_power_cut_to_the_bit() {
    let seed = seeds(7..8).start;
    let [first, second] = [(); 2].map(|()| live_on_disk(seed, 400, None).transpose().unwrap());
    assert_eq!(first, second);
}

#[test]
fn a_store_that_does_not_sync_is_found() {
    let mut found = (1..=10).map(|seed| live_on_disk(seed, 200, Some(Bug::NothingSynced)));
    assert!(
        found.any(|lived| lived.is_none_or(|lived| lived.is_err())),
        "a store that never syncs loses nothing"
    );
}

#[test]
#[ignore = "fences on the disk that another test gives it"]
fn fences_on_this_disk() {
    let disk = Arc::new(Disk::here().unwrap());
    let mut power = power::Power::new(Arc::clone(&disk), true);
    let (keys, path) = (life::keys(), disk.root().join(life::STORE));
    let at = |seconds| Now::at(Timestamp(1_800_000_000_000_i64 + 1000 * i64::from(seconds)));
    let site = |seconds| life::store_site(&path, &keys, at(seconds), 1);
    let made = open(&site(0), Mode::Create { nonce: [5; 12] }).unwrap();
    let old = disk.beside("old");
    made.reader.snapshot(&old, at(1)).unwrap();
    drop(made.reader);
    made.writer.close().unwrap();
    // A life that somebody takes back by copying the old file.
    let mut lost = open(&site(2), Mode::Existing).unwrap().writer;
    let news = Change {
        writes: Vec::new(),
        origin: Origin::system(),
        events: vec![Event::new("daemon.started"); 9],
        at: at(2),
    };
    let _ = lost.commit(&[news]).unwrap();
    lost.close().unwrap();
    std::fs::copy(&old, &path).unwrap();
    File::open(&path).unwrap().sync_all().unwrap();
    let fenced = open(&site(3), Mode::Existing).unwrap();
    assert!(fenced.fenced.is_some());
    disk.fail(disk.calls() + 1, Fault::From(Errno::EIO));
    drop(fenced);
    power.leave(Keep::Nothing);
    let again = open(&site(4), Mode::Existing).unwrap();
    assert_eq!(again.fenced, None, "the lost time has come back");
}

// Found by a seed: the checkpoint file was replaced without a sync of its folder, on the ground that
// an older one is as true. After a fence the older one is of a history that is lost: a power cut
// brought it back, the next start fenced once more, and recovery codes, passthroughs and
// resynchronised tokens that operators had been told of were void.
#[test]
fn a_power_cut_after_a_fence_does_not_fence_again() {
    let disk = Disk::new();
    let Some(output) = disk.again("fences_on_this_disk") else {
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
}

#[test]
#[ignore = "restores on the disk that another test gives it"]
fn restores_on_this_disk() {
    let disk = Arc::new(Disk::here().unwrap());
    let mut power = power::Power::new(Arc::clone(&disk), true);
    let (keys, path) = (life::keys(), disk.root().join(life::STORE));
    let at = |seconds| Now::at(Timestamp(1_800_000_000_000_i64 + 1000 * i64::from(seconds)));
    let site = |seconds| life::store_site(&path, &keys, at(seconds), 1);
    let mut made = open(&site(0), Mode::Create { nonce: [5; 12] }).unwrap();
    let mut backup = |name: &str, records: usize| {
        let news = Change {
            writes: Vec::new(),
            origin: Origin::system(),
            events: vec![Event::new("daemon.started").detail("about", name.repeat(99)); records],
            at: at(1),
        };
        let _ = made.writer.commit(&[news]).unwrap();
        let file = disk.beside(name);
        let manifest = made.reader.snapshot(&file, at(1)).unwrap();
        (file, manifest)
    };
    let ((long, _), (longer, due)) = (backup("long", 40), backup("longer", 40));
    drop(made.reader);
    made.writer.close().unwrap();
    for calls in 1.. {
        let last = disk.calls() + calls;
        disk.fail(last, Fault::From(Errno::EIO));
        let _ = restore(&site(2), &long);
        let interrupted = disk.calls() >= last;
        power.leave(Keep::Everything);
        let restored = restore(&site(3), &longer).unwrap();
        assert_eq!(restored.manifest, due);
        let opened = open(&site(4), Mode::Existing).unwrap();
        let mut ledger = ledger::Ledger::default();
        ledger.read_on(&opened.reader, &mut Sha256::new()).unwrap();
        assert_eq!(ledger.len() as u64, due.seq + 1, "interrupted at {calls}");
        drop(opened.reader);
        opened.writer.close().unwrap();
        if !interrupted {
            assert!(calls > 20, "{calls} calls are too few to prove anything");
            return;
        }
    }
}

// Found by a seed: a restore that was interrupted left the journal of its copy, and the next restore
// made its own copy, of another backup, under the same name. The journal was applied to it.
#[test]
fn an_interrupted_restore_leaves_nothing_to_the_next() {
    let disk = Disk::new();
    let Some(output) = disk.again("restores_on_this_disk") else {
        return;
    };
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&said)
    );
}
