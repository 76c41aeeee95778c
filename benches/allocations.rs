//! How often a sign-in allocates, and how much: from its octets to the evidence, and from there to
//! the reply.
//!
//! ```text
//! cargo bench --bench allocations
//! ```
//! Everything is the daemon's own but the sockets, in one thread. The counts are facts of the code,
//! not of the machine, so they are held to bounds here, also by `cargo test`: a change that has to
//! allocate more says so by raising one.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "without its world there is nothing to measure; it tells a person"
)]

mod world;

use std::sync::{Arc, Mutex};

use allocation_counter::{AllocationInfo, measure};
use mfad::access::Ticket as Place;
use mfad::domain::attempt::Attempt;
use mfad::domain::event::{Event, Origin};
use mfad::domain::policy::Policy;
use mfad::domain::verdict::Verdict;
use mfad::engine::pins::PinLimits;
use mfad::engine::writer::{Job, Ticket, Writer};
use mfad::engine::{Answers, Engine, Limits, Parts, Rules, World};
use mfad::secret::{SecretBytes, SecretKey};
use mfad::store::pin_hash::PinHasher;
use mfad::store::seal::Keys;
use mfad::time::Now;

use world::{Door, PEOPLE, Store, now};

/// Sign-ins that are not counted: people are loaded, tables grow, places are given up for the first
/// time.
const WARM_UP: u64 = 1_024;

/// Sign-ins that are.
const SIGN_INS: u64 = 256;

/// Allocations from octets to evidence, and from evidence to the reply, at most.
const BOUNDS: [u64; 2] = [0, 15];

fn main() {
    let keys = Arc::new(Keys::derive(&SecretKey::new([1; 32])).unwrap());
    let store = Store::new(&keys, now());
    let door = Arc::new(Desk(Mutex::new(Door::new())));
    let parts = Parts {
        reader: Arc::clone(&store.reader),
        keys,
        rules: Rules {
            policy: Policy::default(),
            gateways: Vec::new(),
        },
        limits: Limits {
            queue: 16,
            cache_entries: 1_024,
            pins: PinLimits {
                threads: 1,
                queue: 1,
                memory_entries: 1,
                memory_us: 1,
            },
        },
        world: Arc::new(Still),
        answers: Arc::<Desk>::clone(&door),
        hasher: PinHasher::cheap,
    };
    let (engine, jobs) = Engine::new(parts).unwrap();
    let mut writer = engine.writer(Box::new(store.writer)).unwrap();
    let mut batch: Vec<Job> = Vec::with_capacity(1);
    let mut sums = [Sum::default(); 2];
    for number in 0..WARM_UP + SIGN_INS {
        let person = number % u64::from(PEOPLE);
        let octets = {
            let mut door = door.0.lock().unwrap();
            door.request(&format!("person{person}"), number / u64::from(PEOPLE))
        };
        let evidence = measure(|| {
            let (attempt, place) = door.0.lock().unwrap().receive(&octets);
            engine.submit(attempt, Ticket(place.parts()));
        });
        batch.extend(jobs.try_iter());
        assert_eq!(batch.len(), 1, "an attempt that was not queued");
        let verdict = measure(|| turn(&mut writer, &mut batch));
        if number >= WARM_UP {
            for (sum, counted) in sums.iter_mut().zip([evidence, verdict]) {
                sum.take(&counted);
            }
        }
    }
    drop(store.folder);
    println!("{:<28} {:>11} {:>8}", "", "allocations", "octets");
    let names = ["from octets to evidence", "from evidence to the reply"];
    for ((sum, name), bound) in sums.iter().zip(names).zip(BOUNDS) {
        let (count, octets) = (sum.count.div_ceil(SIGN_INS), sum.octets / SIGN_INS);
        println!("{name:<28} {count:>11} {octets:>8}");
        assert!(count <= bound, "{name}: {count} allocations, not {bound}");
    }
}

fn turn(writer: &mut Writer, batch: &mut Vec<Job>) {
    writer.turn(batch, now());
}

#[derive(Clone, Copy, Default)]
struct Sum {
    count: u64,
    octets: u64,
}

impl Sum {
    fn take(&mut self, info: &AllocationInfo) {
        self.count += info.count_total;
        self.octets += info.bytes_total;
    }
}

/// A clock that stands still.
struct Still;

impl World for Still {
    fn now(&self) -> Now {
        now()
    }

    fn fill(&self, octets: &mut [u8]) -> bool {
        octets.fill(7);
        true
    }
}

/// Turns verdicts into replies, as the front end does.
struct Desk(Mutex<Door>);

impl Answers for Desk {
    fn verdict(&self, ticket: Ticket, _: &Attempt, known: bool, verdict: &Verdict) {
        assert!(known && verdict.accepted(), "a sign-in was refused");
        let place = Place::from_parts(ticket.0);
        let answer = self.0.lock().unwrap().access.answer(place, verdict, now());
        assert!(answer.is_some(), "a void ticket");
    }

    fn nothing(&self, _: Ticket, _: &Attempt) {
        unreachable!("an attempt was given up");
    }

    fn recorded(&self, _: &Origin, _: &Event, _: u64) {}

    fn flush(&self, spent: &mut Vec<SecretBytes>) {
        self.0.lock().unwrap().access.reuse(spent);
    }
}
