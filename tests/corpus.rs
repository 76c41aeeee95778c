//! Everything that the fuzzers have found worth keeping, through the same checks, without a fuzzer.
//!
//! `fuzz/corpus/` has a folder for each target. What once broke something stands there too: a fault
//! that comes back fails here.

#![expect(clippy::expect_used, reason = "helpers of tests may fail them")]

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

use fuzz::{Check, TARGETS, answers};

/// Octets that all corpora together may have, so that a checkout stays small.
const OCTETS_MAX: usize = 300 << 10;

/// What may be asked, by its names in the audit log.
const KINDS: [&str; 15] = [
    "address",
    "auth_code",
    "code",
    "code_of_token",
    "confirm",
    "device_code",
    "emergency",
    "first_code",
    "method",
    "new_pin",
    "passcode",
    "question",
    "reauth",
    "resync",
    "sent_code",
];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz")
        .join(name)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder of fuzz/");
    let name = |entry: fs::DirEntry| entry.file_name().into_string().expect("a name");
    let mut names: Vec<_> = entries.flatten().map(name).collect();
    names.sort();
    names
}

/// The files of a target that its check does not bear.
fn broken((target, check): &(&str, Check)) -> (usize, Vec<String>) {
    let folder = folder("corpus").join(target);
    let mut octets = 0;
    let breaks = |name: &String| {
        let input = fs::read(folder.join(name)).expect("a file");
        octets += input.len();
        catch_unwind(|| check(&input)).is_err()
    };
    let files = names(&folder);
    assert!(files.len() >= 8, "{target} has hardly a corpus");
    let broken = files.into_iter().filter(breaks).collect();
    (octets, broken)
}

#[test]
fn every_input_that_was_kept_is_borne() {
    let (mut octets, mut failures) = (0, Vec::new());
    for target in TARGETS {
        let (size, broken) = broken(target);
        octets += size;
        failures.extend(broken.iter().map(|name| format!("{}/{name}", target.0)));
    }
    assert!(failures.is_empty(), "of fuzz/corpus: {failures:?}");
    assert!(octets <= OCTETS_MAX, "{octets} octets of corpora");
}

/// What the fuzzer of answers begins with leads to all that mfad may ask.
#[test]
fn every_kind_of_question_is_reached() {
    let folder = folder("corpus").join("answers");
    let asked = |name: String| answers::asked(&fs::read(folder.join(name)).expect("a file"));
    let reached: BTreeSet<&str> = names(&folder).into_iter().flat_map(asked).collect();
    assert_eq!(Vec::from_iter(reached), KINDS);
}

#[test]
fn every_target_has_a_program_and_a_corpus() {
    let mut targets: Vec<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    targets.sort();
    assert_eq!(names(&folder("corpus")), targets);
    let programs: Vec<String> = targets.iter().map(|name| format!("{name}.rs")).collect();
    assert_eq!(names(&folder("fuzz_targets")), programs);
    let manifest = fs::read_to_string(folder("Cargo.toml")).expect("fuzz/Cargo.toml");
    for target in targets {
        assert!(
            manifest.contains(&format!("name = \"{target}\"")),
            "{target}"
        );
    }
}
