//! Deterministic simulation: the real access, engine, rules and store in one thread, driven by a seed.
//!
//! Gateways send again, late, twice and in another order; operators give orders between two looks at
//! a record; the wall clock jumps by up to ten years; commits fail with a known or an unknown end,
//! and the process dies before, in or after one; backups are put back. After every step a second,
//! independent implementation of the rules (`simulation/person.rs`, `judging.rs`, `orders.rs`) has to
//! agree with what was answered, and with every fact in the store that decides about the next
//! attempt. After a crash the store has to hold what was acknowledged, and of the rest each thing
//! wholly or not at all.
//!
//! A seed repeats a run to the bit: all replies and all audit records go into one digest. What is not
//! in it is what SQLite draws for itself, the salts of its log, which no reply and no record show.
//!
//! `MFAD_SEED=7` lives that seed alone, `MFAD_STEPS=5000` makes runs longer, `MFAD_LONG=1` lives as
//! many as before a release. Bugs are planted at the seams that the simulation owns (`bugs.rs`); a
//! test demands that each of them is found.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise"
)]

#[path = "simulation/bugs.rs"]
mod bugs;
mod common;
#[path = "simulation/judging.rs"]
mod judging;
#[path = "simulation/ledger.rs"]
mod ledger;
#[path = "simulation/life.rs"]
mod life;
#[path = "simulation/lives.rs"]
mod lives;
#[path = "simulation/orders.rs"]
mod orders;
#[path = "simulation/person.rs"]
mod person;
#[path = "simulation/run.rs"]
mod run;
#[path = "simulation/seam.rs"]
mod seam;
#[path = "simulation/site.rs"]
mod site;
#[path = "simulation/traffic.rs"]
mod traffic;
#[path = "simulation/turn.rs"]
mod turn;

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use bugs::Bug;
use common::chance::{long, size};
use run::{Seen, live};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn steps(short: usize) -> usize {
    number("MFAD_STEPS").map_or(short, |steps| usize::try_from(steps).unwrap())
}

/// Lives seeds, on as many threads as there are cores, and gives what they came to.
fn live_all(seeds: Range<u64>, steps: usize) -> Seen {
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
                    match live(seed, steps, None) {
                        Ok((_, seen)) => sum.lock().unwrap().add(&seen),
                        Err(story) => broken.lock().unwrap().push((seed, story)),
                    }
                }
            });
        }
    });
    let broken = broken.into_inner().unwrap();
    if let Some((seed, story)) = broken.first() {
        let seeds: Vec<u64> = broken.iter().map(|(seed, _)| *seed).collect();
        panic!("{story}\nbroken by seeds {seeds:?}: MFAD_SEED={seed} MFAD_STEPS={steps}");
    }
    sum.into_inner().unwrap()
}

#[test]
fn no_law_is_broken() {
    let steps = steps(size(300, 3_000));
    let seeds = match number("MFAD_SEED") {
        Some(seed) => seed..seed + 1,
        None if long() => 1..20_001,
        None => 1..201,
    };
    let many = seeds.end - seeds.start > 100;
    println!("simulation: seeds {seeds:?}, {steps} steps each");
    let seen = live_all(seeds, steps);
    println!("simulation: {seen:?}");
    if many {
        assert!(
            seen.accepts > 1_000
                && seen.rejects > 1_000
                && seen.locks > 50
                && seen.resent > 100
                && seen.orders > 1_000
                && seen.crashes > 50
                && seen.failures > 50
                && seen.restores > 10
                && seen.passthroughs > 20,
            "too little happened: {seen:?}"
        );
    }
}

#[test]
fn a_seed_repeats_a_run_to_the_bit() {
    let seed = number("MFAD_SEED").unwrap_or(42);
    let steps = steps(600);
    let [first, second] = [(); 2].map(|()| live(seed, steps, None).unwrap().0);
    assert_eq!(first, second, "MFAD_SEED={seed}");
}

#[test]
fn every_planted_bug_is_found() {
    let unfound: Vec<Bug> = Bug::ALL
        .into_iter()
        .filter(|bug| {
            let found = (1..=60_u64).find_map(|seed| {
                let broken = live(seed, 400, Some(*bug)).err()?;
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
