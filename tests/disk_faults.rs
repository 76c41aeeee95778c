//! The disk fails, at every call of a run and in every way that disks fail: nobody is let in without
//! a durable record, what was told stays told, and the store comes back by itself once the fault is
//! over.
//!
//! `run` drives the real engine, its writer and the store in one thread, on the failing disk of
//! [`common::disk`]; the clock is the test's, so the time of a recovery is no measurement of this
//! machine. `daemon` does the same to the built daemon: a disk that fails, and no descriptors left;
//! `full` gives it a file system of its own and fills that.
//!
//! In CI each call fails in one of the ways; `MFAD_LONG=1` tries all of them at each call:
//! `MFAD_LONG=1 cargo test --release --test disk_faults -- --nocapture`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise"
)]

mod common;

#[path = "disk_faults/daemon.rs"]
mod daemon;
#[path = "disk_faults/full.rs"]
mod full;
#[path = "disk_faults/run.rs"]
mod run;
#[path = "disk_faults/sums.rs"]
mod sums;

use common::disk::Disk;

/// Runs an ignored test of this file on a disk and shows what it says.
fn on_a_disk(test: &str) {
    let Some(output) = Disk::new().again(test) else {
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{errors}");
    assert!(said.contains("1 passed"), "{said}");
    for line in said.lines().filter(|line| line.starts_with("disk faults")) {
        println!("{line}");
    }
}

#[test]
fn whatever_call_fails_nothing_told_is_lost_and_the_store_comes_back() {
    on_a_disk("fails_at_every_call");
}

#[test]
#[ignore = "run on a disk by the test above"]
fn fails_at_every_call() {
    run::every_call(&Disk::here().unwrap());
}

#[test]
fn sums_wait_for_the_disk() {
    on_a_disk("sums_up_on_a_failing_disk");
}

#[test]
#[ignore = "run on a disk by the test above"]
fn sums_up_on_a_failing_disk() {
    sums::while_the_store_is_closed(&Disk::here().unwrap());
    sums::when_their_own_commit_fails(&Disk::here().unwrap());
}
