//! The power goes at every disk call of a run, and whatever the disk may hold then, the store opens
//! from it: what was told is there, no used code can be used again, and the chain verifies.
//!
//! A child runs a script on a disk that remembers ([`common::disk`]) and writes down, outside of that
//! disk, what it told whom after how many calls (`script`, `facts`). For each call the disk is then
//! put into states that a power cut may leave, and each of them is opened as the daemon opens a store,
//! with key, fence and checks (`check`). The same on a disk that lies about its syncs must find
//! losses.
//!
//! `MFAD_SEED` repeats a run, `MFAD_LONG=1` makes as many images as there is patience for:
//! `MFAD_LONG=1 cargo test --release --test power_cut -- --nocapture`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise"
)]

mod common;

#[path = "power_cut/check.rs"]
mod check;
#[path = "power_cut/facts.rs"]
mod facts;
#[path = "power_cut/script.rs"]
mod script;

use std::collections::HashSet;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use check::Checker;
use common::chance::{Chance, size};
use common::disk::state::{Image, Keep, State};
use common::disk::{Disk, Operation};
use facts::Facts;

/// Images after which a long run says that it lives.
const PROGRESS_EVERY: usize = 20_000;

/// How many images are made for one call.
#[derive(Clone, Copy)]
struct Share {
    /// Of the first so many of what is pending.
    prefixes: usize,
    /// Of random writes of it.
    subsets: usize,
    /// Of random sectors of it.
    torn: usize,
    /// Only each so-manieth call is looked at.
    every: usize,
}

/// What a run has left.
struct Run {
    operations: Vec<Operation>,
    facts: Facts,
    seed: u64,
}

/// What came of the images of a run.
#[derive(Default)]
struct Tally {
    images: AtomicUsize,
    /// Without those that were the same as another at the same point of the script.
    different: AtomicUsize,
    losses: Mutex<Vec<String>>,
}

impl Tally {
    fn count(&self) {
        let images = self.images.fetch_add(1, Ordering::Relaxed) + 1;
        if images.is_multiple_of(PROGRESS_EVERY) {
            let losses = self.losses.lock().unwrap().len();
            println!("{images} images so far, {losses} losses");
        }
    }
}

/// Runs a script in a child; none if there is no compiler for the disk.
fn run(script: &str, honest: bool) -> Option<Run> {
    let disk = Disk::new();
    let seed = Chance::new(script).next();
    fs::write(disk.beside("seed"), seed.to_string()).unwrap();
    disk.set_sync(honest);
    let output = disk.again(script)?;
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{errors}");
    assert!(said.contains("1 passed"), "{said}");
    let facts = Facts::read(&disk.beside("facts"));
    Some(Run {
        operations: disk.operations(0),
        facts,
        seed,
    })
}

impl Run {
    /// Makes and opens the images, in as many threads as there are cores.
    fn cut(&self, share: Share) -> Tally {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let (tally, seen) = (Tally::default(), Mutex::new(HashSet::new()));
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let (tally, seen) = (&tally, &seen);
                scope.spawn(move || {
                    let mut checker = Checker::new(&self.facts);
                    let mut state = State::default();
                    for (number, done) in self.operations.iter().enumerate() {
                        state.step(done);
                        if number % share.every != 0 || number / share.every % threads != thread {
                            continue;
                        }
                        let mut chance = Chance::of(self.seed ^ done.call);
                        for image in images(&state, share, &mut chance) {
                            tally.count();
                            let told = self.facts.states_told(done.call);
                            if !seen.lock().unwrap().insert((image.digest(), told)) {
                                continue;
                            }
                            tally.different.fetch_add(1, Ordering::Relaxed);
                            if let Err(loss) = checker.check(&image, done.call) {
                                let at = format!("call {}, {}: {loss}", done.call, done.what);
                                tally.losses.lock().unwrap().push(at);
                            }
                        }
                    }
                });
            }
        });
        tally
    }
}

fn images(state: &State, share: Share, chance: &mut Chance) -> Vec<Image> {
    let mut images = vec![state.image(Keep::Everything), state.image(Keep::Nothing)];
    let pending = state.pending();
    // More of one kind than there are differences would be the same ones again.
    let some = |wanted: usize| wanted.min(1 << pending.min(16));
    if share.prefixes >= pending {
        images.extend((1..pending).map(|count| state.image(Keep::First(count))));
    } else {
        let firsts = (0..share.prefixes).map(|_| Keep::First(1 + chance.below(pending - 1)));
        images.extend(firsts.map(|keep| state.image(keep)).collect::<Vec<_>>());
    }
    for _ in 0..some(share.subsets) {
        images.push(state.image(Keep::Some(chance)));
    }
    for _ in 0..share.torn.min(pending * share.torn) {
        images.push(state.image(Keep::Torn(chance)));
    }
    images
}

fn report(what: &str, run: &Run, tally: &Tally) {
    println!(
        "{what}: {} operations of the store, {} calls, {} images, {} of them different, {} losses",
        run.facts.states.len(),
        run.operations.len(),
        tally.images.load(Ordering::Relaxed),
        tally.different.load(Ordering::Relaxed),
        tally.losses.lock().unwrap().len(),
    );
}

fn assert_nothing_lost(tally: &Tally) {
    let losses = tally.losses.lock().unwrap();
    let first: Vec<&String> = losses.iter().take(5).collect();
    assert!(losses.is_empty(), "{} losses: {first:#?}", losses.len());
}

#[test]
fn what_was_told_survives_a_power_cut_at_any_call() {
    let Some(run) = run("runs_the_script", true) else {
        return;
    };
    let share = Share {
        prefixes: size(1, usize::MAX),
        subsets: size(1, 32),
        torn: size(1, 32),
        every: 1,
    };
    let tally = run.cut(share);
    report("power cut", &run, &tally);
    assert_nothing_lost(&tally);
}

#[test]
fn a_restore_survives_a_power_cut_at_any_call() {
    let Some(run) = run("runs_a_restore", true) else {
        return;
    };
    let share = Share {
        prefixes: size(1, usize::MAX),
        subsets: size(1, 32),
        torn: size(1, 32),
        every: size(2, 1),
    };
    let tally = run.cut(share);
    report("power cut in a restore", &run, &tally);
    assert_nothing_lost(&tally);
}

/// The negative control: without it, a tool that never finds anything would look the same.
#[test]
fn a_disk_that_does_not_sync_loses_what_was_told() {
    let Some(run) = run("runs_the_script", false) else {
        return;
    };
    let share = Share {
        prefixes: 1,
        subsets: 1,
        torn: 1,
        every: size(61, 7),
    };
    let tally = run.cut(share);
    report("power cut without syncs", &run, &tally);
    let losses = tally.losses.lock().unwrap().len();
    let different = tally.different.load(Ordering::Relaxed);
    assert!(
        losses * 4 > different,
        "{losses} losses in {different} images"
    );
}

#[test]
#[ignore = "run on a disk by the tests above"]
fn runs_the_script() {
    script::days(&Disk::here().unwrap());
}

#[test]
#[ignore = "run on a disk by the tests above"]
fn runs_a_restore() {
    script::restore(&Disk::here().unwrap());
}
