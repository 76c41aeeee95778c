//! What a commit and an opening cost; run with `cargo test --release -- --ignored --nocapture cost`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mfad::domain::user::UserRecord;
use mfad::secret::SecretKey;
use mfad::store::seal::Keys;
use mfad::store::sqlite::{Fence, Mode, Opened, Site, Sizes, open};
use mfad::store::{Change, Commit as _, Find, Outcome, Read as _};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

use super::samples::*;

const BATCH: usize = 64;

/// Time on the processor: in the program, and in the system for it.
fn cpu() -> (Duration, Duration) {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let micros = |time: nix::sys::time::TimeVal| {
        Duration::from_micros(u64::try_from(time.num_microseconds()).unwrap())
    };
    (micros(usage.user_time()), micros(usage.system_time()))
}

fn spent(what: &str, count: usize, before: (Duration, Duration)) {
    let after = cpu();
    let each = |after: Duration, before: Duration| {
        (after - before).as_secs_f64() * 1e6 / f64::from(u32::try_from(count).unwrap())
    };
    println!(
        "{what}: {:.2} us in the program, {:.2} us in the system",
        each(after.0, before.0),
        each(after.1, before.1)
    );
}

fn opened(path: &Path, keys: &Keys, mode: Mode) -> Opened {
    let site = Site {
        path,
        keys,
        node: Arc::from("node1"),
        boot: Arc::from("boot1"),
        fence: Fence {
            now: at(0),
            window_steps: 1,
        },
        sizes: Sizes::default(),
    };
    open(&site, mode).unwrap()
}

/// Commits, and gives what the store's own work after it has taken.
fn commit(store: &mut Opened, batch: &[Change]) -> Duration {
    let outcomes = store.writer.commit(batch).unwrap();
    assert!(outcomes.iter().all(|outcome| *outcome != Outcome::Conflict));
    let before = cpu();
    store.writer.idle(at(0)).unwrap();
    let after = cpu();
    (after.0 + after.1).saturating_sub(before.0 + before.1)
}

fn fill(store: &mut Opened, count: u32) -> Vec<UserRecord> {
    let users: Vec<_> = (0..count)
        .map(|number| user(number, &format!("user{number:07}")))
        .collect();
    for part in users.chunks(4096) {
        let batch: Vec<_> = part.iter().map(add).collect();
        commit(store, &batch);
    }
    users
}

#[test]
#[ignore = "measures; takes seconds and a release build"]
fn cost_of_a_sign_in() {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() {
        tempfile::tempdir_in(memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    };
    let keys = Keys::derive(&SecretKey::new([1; 32])).unwrap();
    let path = folder.path().join("mfad.db");
    let mut store = opened(&path, &keys, Mode::Create { nonce: [1; 12] });
    let mut users = fill(&mut store, 10_000);
    let mut batches = Vec::new();
    let mut seed = 7_usize;
    for factor in 0..2_000 {
        let mut batch = Vec::new();
        for _ in 0..BATCH {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (seed >> 33) % users.len();
            batch.push(sign_in(&mut users[at], 59_000_000 + factor));
        }
        batches.push(batch);
    }
    for batch in &batches[..200] {
        commit(&mut store, batch);
    }
    let before = cpu();
    let mut own: Vec<_> = batches[200..]
        .iter()
        .map(|batch| commit(&mut store, batch))
        .collect();
    spent("a sign-in in a batch of 64", BATCH * 1_800, before);
    own.sort_unstable_by(|one, other| other.cmp(one));
    own.truncate(3);
    println!("the store's own work after a batch: at most {own:?}");
    let mut row = Vec::with_capacity(256);
    let before = cpu();
    for _ in 0..100 {
        for user in &users {
            row.clear();
            mfad::store::auth_row::encode(user.id, &user.auth, &mut row);
        }
    }
    spent("encoding a row", 1_000_000, before);
    println!("the last row has {} octets", row.len());
    let before = cpu();
    for user in &users {
        std::hint::black_box(store.reader.user_by_name(user.name()).unwrap());
    }
    spent("loading a user", users.len(), before);
}

#[test]
#[ignore = "measures; takes a minute and a release build"]
fn cost_of_a_million() {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::derive(&SecretKey::new([1; 32])).unwrap();
    let path = folder.path().join("mfad.db");
    let mut store = opened(&path, &keys, Mode::Create { nonce: [1; 12] });
    let before = cpu();
    fill(&mut store, 1_000_000);
    spent("adding a user", 1_000_000, before);
    store.writer.close().unwrap();
    drop(store.reader);
    let before = cpu();
    let store = opened(&path, &keys, Mode::Existing);
    spent("opening a million", 1, before);
    let before = cpu();
    assert_eq!(store.reader.counts().unwrap().users, 1_000_000);
    spent("counting a million", 1, before);
    let before = cpu();
    let find = Find {
        text: Some("user0999999".to_owned()),
        ..Find::default()
    };
    assert_eq!(store.reader.find(&find, "", 10).unwrap().len(), 1);
    spent("searching a million", 1, before);
    let before = cpu();
    let locked = Find {
        locked: true,
        ..Find::default()
    };
    assert_eq!(store.reader.find(&locked, "", 10).unwrap().len(), 0);
    spent("listing the locked of a million", 1, before);
}

#[test]
#[ignore = "measures; takes seconds and a release build"]
fn cost_of_a_hundred_thousand_who_are_asked() {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::derive(&SecretKey::new([1; 32])).unwrap();
    let path = folder.path().join("mfad.db");
    let mut store = opened(&path, &keys, Mode::Create { nonce: [1; 12] });
    let asked = |number| {
        let mut one = user(number, &format!("user{number:07}"));
        one.auth.dialogues = vec![question(3600); 10];
        one
    };
    let mut users: Vec<UserRecord> = (0..100_000).map(asked).collect();
    for part in users.chunks(4_000) {
        commit(&mut store, &part.iter().map(add).collect::<Vec<_>>());
    }
    // As many as are not brought up at once.
    let more = users.iter_mut().take(4_000);
    let more: Vec<_> = more.map(|one| sign_in(one, 59_000_000)).collect();
    for batch in more.chunks(BATCH) {
        store.writer.commit(batch).unwrap();
    }
    let read = &store.reader;
    let before = cpu();
    assert_eq!(read.questions(at(0).wall).unwrap(), 1_000_000);
    spent("counting a million questions", 1, before);
    let before = cpu();
    assert_eq!(read.asked(at(0).wall).unwrap().len(), 100_000);
    spent("naming who is asked", 1, before);
    let before = cpu();
    for user in &users[..200] {
        let one = Find {
            text: Some(user.name().to_owned()),
            exact: true,
            ..Find::default()
        };
        assert_eq!(read.find(&one, "", 1).unwrap().len(), 1);
    }
    spent("finding 200 of them by name", 1, before);
}
