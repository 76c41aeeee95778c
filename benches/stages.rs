//! What each stage of a sign-in costs by itself: the parts of what `examples/load` sees as a whole.
//!
//! ```text
//! cargo bench --bench stages
//! ```
//! One person with an HOTP token and a gateway that asks for the code alone. The commit goes to a
//! real file below the target folder; divide it by the changes in it. No sockets, no threads: what
//! the kernel and the hand-overs cost is the difference to the whole.

#![expect(
    clippy::unwrap_used,
    reason = "without its world there is nothing to measure"
)]

mod world;

use std::cell::RefCell;
use std::hint::black_box;

use criterion::{BatchSize, Criterion};
use mfad::access::Ticket;
use mfad::audit::chain::Chain;
use mfad::domain::attempt::Attempt;
use mfad::domain::judge::{Evidence, FirstFactor, Fresh, judge};
use mfad::domain::policy::Policy;
use mfad::domain::sealed::{Field, Unseal};
use mfad::domain::user::{UserId, UserRecord};
use mfad::domain::verdict::{How, Verdict};
use mfad::domain::verify::{Admission, admit, verify};
use mfad::radius::{MessageAuthenticatorCheck, Packet};
use mfad::secret::SecretKey;
use mfad::store::seal::Keys;
use mfad::store::{Change, Commit, Outcome};
use mfad::time::Now;

use world::{Door, SECRET, Store, now, person};

const PERSON: UserId = UserId([7; 16]);

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let (keys, now) = (Keys::derive(&SecretKey::new([1; 32])).unwrap(), now());
    let door = RefCell::new(Door::new());
    packets(&mut criterion, &door);
    let octets = door.borrow_mut().request("person", 0);
    let (attempt, _) = door.borrow_mut().receive(&octets);
    let record = person(&keys, PERSON, now);
    rules(&mut criterion, &keys, &record, &attempt, now);
    replies(&mut criterion, &door, now);
    commits(&mut criterion, &keys, &attempt, now);
    criterion.final_summary();
}

/// From octets to an attempt.
fn packets(criterion: &mut Criterion, door: &RefCell<Door>) {
    let octets = door.borrow_mut().request("person", 0);
    criterion.bench_function("decode", |bench| {
        bench.iter(|| Packet::decode(black_box(&octets)).is_ok());
    });
    let packet = Packet::decode(&octets).unwrap();
    criterion.bench_function("check the signature", |bench| {
        bench.iter(|| {
            let check = packet.check_message_authenticator(black_box(SECRET));
            assert_eq!(check, MessageAuthenticatorCheck::Right);
        });
    });
    criterion.bench_function(
        "receive: decode, check, look for duplicates, read",
        |bench| {
            let fresh = || door.borrow_mut().request("person", 0);
            let receive = |octets: Vec<u8>| {
                let (_, ticket) = door.borrow_mut().receive(&octets);
                door.borrow_mut().access.abandon(ticket)
            };
            bench.iter_batched(fresh, receive, BatchSize::SmallInput);
        },
    );
}

/// From an attempt to a judgement.
fn rules(criterion: &mut Criterion, keys: &Keys, record: &UserRecord, attempt: &Attempt, now: Now) {
    let policy = Policy::default();
    criterion.bench_function("admit", |bench| {
        bench.iter(|| {
            assert_eq!(
                admit(Some(black_box(record)), attempt, &policy, now),
                Admission::Open
            );
        });
    });
    criterion.bench_function("seal: open a seed", |bench| {
        let token = record.profile.tokens.first().unwrap();
        let (field, seed) = (Field::Seed(PERSON, token.id), token.seed.as_ref().unwrap());
        bench.iter(|| {
            let mut octets = 0;
            keys.show(black_box(field), seed, &mut |clear| octets = clear.len());
            octets
        });
    });
    criterion.bench_function("verify", |bench| {
        bench.iter(|| verify(black_box(record), attempt, &policy, keys, now));
    });
    let evidence = Evidence {
        finding: verify(record, attempt, &policy, keys, now),
        first: FirstFactor::NotAsked,
        hash: None,
        repeated: false,
        fresh: Fresh::default(),
    };
    criterion.bench_function("judge", |bench| {
        bench.iter(|| judge(black_box(record), attempt, &evidence, &policy, now));
    });
}

/// From a verdict to octets.
fn replies(criterion: &mut Criterion, door: &RefCell<Door>, now: Now) {
    criterion.bench_function("reply: build, sign, keep", |bench| {
        let opened = || {
            let octets = door.borrow_mut().request("person", 0);
            door.borrow_mut().receive(&octets).1
        };
        let verdict = Verdict::Accept {
            how: How::PolicyPassthrough,
            message: None,
        };
        let answer = |ticket: Ticket| door.borrow_mut().access.answer(ticket, &verdict, now);
        // Fewer at a time than there are identifiers: a further request would void the first.
        bench.iter_batched(opened, answer, BatchSize::NumIterations(128));
    });
}

/// From a judgement to the disk.
fn commits(criterion: &mut Criterion, keys: &Keys, attempt: &Attempt, now: Now) {
    let mut store = Store::new(keys, now);
    criterion.bench_function("audit: write and hash a record", |bench| {
        let changes = store.sign_ins(attempt, now);
        let change = changes.first().unwrap();
        let event = change.events.first().unwrap();
        let mut chain = Chain::resume("bench".into(), "bench".into(), 0, [0; 32]);
        bench.iter(|| chain.append(black_box(event), &change.origin, now));
    });
    criterion.bench_function("commit of 64", |bench| {
        let turn = RefCell::new(&mut store);
        let changes = || turn.borrow_mut().sign_ins(attempt, now);
        let commit = |changes: Vec<Change>| {
            let outcomes = turn.borrow_mut().writer.commit(&changes).unwrap();
            assert!(!outcomes.contains(&Outcome::Conflict));
        };
        bench.iter_batched(changes, commit, BatchSize::PerIteration);
    });
}
