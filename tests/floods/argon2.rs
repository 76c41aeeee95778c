//! Ten times more PINs than can be hashed.

use std::time::{Duration, Instant};

use mfad::secret::SecretKey;
use mfad::store::pin_hash::PinHasher;

use crate::common::chance::size;
use crate::common::daemon::{Daemon, Site};
use crate::common::gateway::{ACCEPT, Gateway};
use crate::common::people::{PIN, Person};
use crate::common::scrape::Taken;
use crate::common::until::Until;
use crate::{MEMORY_KIB_MAX, quantile};

/// Each asks several times a second; a core hashes some 50 PINs.
const CROWD: usize = 80;
/// Places in the pool, for one that is hashed and those that wait.
const PLACES: u64 = 1 + 8;
/// Every PIN is hashed every time, by one thread.
const LIMITS: &str = "\n[limits]\npin_threads = 1\npin_queue = 8\npin_memory_entries = 0\n";
/// Somebody who is not answered in this time asks again.
const IMPATIENCE: Duration = Duration::from_millis(150);

const CHECKS: &str = r#"mfad_first_factor_checks_total{by="argon2"}"#;
const SHED: &str = r#"mfad_unanswered_total{cause="pin_queue"}"#;
const DEPTH: &str = r#"mfad_queue_depth{queue="pin"}"#;

#[test]
fn more_pins_than_can_be_hashed_take_bounded_room_and_delay_no_code() {
    let span = Duration::from_secs(u64::try_from(size(4, 60)).unwrap());
    let crowd: Vec<Person> = (0..CROWD)
        .map(|at| Person::new(&format!("user{at}")))
        .collect();
    let mut alice = Person::new("alice");
    let everybody: Vec<Person> = crowd.iter().chain([&alice]).cloned().collect();
    let daemon = Site::measured(&everybody, LIMITS).start();
    let alone = hashes_in(Duration::from_secs(1));
    let over = Until::default();
    let (before, began) = (daemon.page(), Instant::now());
    let (mut took, crowd) = std::thread::scope(|scope| {
        let end = over.end_of_this();
        let gateway = daemon.gateway("gw-pin");
        let crowd: Vec<_> = crowd
            .into_iter()
            .map(|person| {
                let (gateway, over) = (gateway.clone(), &over);
                scope.spawn(move || push(person, &gateway, over))
            })
            .collect();
        let took = sign_in_meanwhile(&daemon, &mut alice, span);
        drop(end);
        let crowd: Vec<Person> = crowd.into_iter().map(|one| one.join().unwrap()).collect();
        (took, crowd)
    });
    let (after, span) = (daemon.page(), began.elapsed());
    let more = |row| after.number(row) - before.number(row);
    let (checks, shed) = (more(CHECKS), more(SHED));
    assert!(shed > 2 * checks, "{shed} shed, {checks} hashed: no flood");
    let taken = Taken::by(daemon.pid());
    assert!(taken.peak_kib <= MEMORY_KIB_MAX, "{taken:?}");
    took.sort();
    println!(
        "{} PINs asked for, {checks} hashed in {span:.1?}: {:.0} a second; {alone} alone",
        checks + shed,
        per_second(checks, span),
    );
    println!(
        "{} codes alone meanwhile: median {:.1?}, p99 {:.1?}; peak {} KiB",
        took.len(),
        quantile(&took, 500),
        quantile(&took, 990),
        taken.peak_kib
    );
    // What was shed has used nothing up: everybody gets in now.
    for mut person in crowd {
        let mut port = daemon.gateway("gw-pin").port();
        let within = (0..20).any(|_| {
            let passcode = format!("{PIN}{}", person.code());
            port.login(&person.name, &passcode)
        });
        assert!(within, "{}", person.name);
    }
    daemon.stop();
}

/// Asks with PIN and code and does not wait; a code that may have been used is not used again.
fn push(mut person: Person, gateway: &Gateway, over: &Until) -> Person {
    let mut port = gateway.port();
    let mut code = person.code();
    while !over.is_over() {
        let request = port.request(&person.name, &format!("{PIN}{code}"));
        if port.ask_for(&request, 1, IMPATIENCE).is_some() {
            code = person.code();
        }
    }
    person.next = person.next.saturating_sub(1);
    person
}

/// Signs in with codes alone, each of which must be accepted; how long each took.
fn sign_in_meanwhile(daemon: &Daemon, alice: &mut Person, span: Duration) -> Vec<Duration> {
    let mut port = daemon.gateway("gw-none").port();
    let (mut took, began) = (Vec::new(), Instant::now());
    while began.elapsed() < span {
        let request = port.request("alice", &alice.code());
        let asked = Instant::now();
        assert_eq!(port.ask(&request).code, ACCEPT);
        took.push(asked.elapsed());
        let depth = daemon.page().number(DEPTH);
        assert!(depth <= PLACES, "{depth}");
        std::thread::sleep(Duration::from_millis(20));
    }
    took
}

/// How many PINs this machine hashes in a second while nothing else runs.
fn hashes_in(span: Duration) -> u64 {
    let (mut hasher, began) = (PinHasher::new(), Instant::now());
    let mut hashes = 0;
    while began.elapsed() < span {
        hasher.hash(&SecretKey::new([7; 32]), [1; 16]).unwrap();
        hashes += 1;
    }
    hashes
}

#[expect(clippy::cast_precision_loss, reason = "for a person to read")]
fn per_second(count: u64, span: Duration) -> f64 {
    count as f64 / span.as_secs_f64()
}
