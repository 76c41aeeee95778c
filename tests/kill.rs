//! The process is killed again and again while people log in: what it has told a gateway is still so
//! afterwards.
//!
//! People log in from ports of their own, one request after another, each repeated until it is
//! answered. Meanwhile the daemon is killed with SIGKILL and started again. What they were told is
//! then compared with what is stored: no code is accepted twice, nothing that was told is
//! forgotten, and every request gets its answer in the end.
//!
//! `MFAD_SEED` replays the choices (not the timing of the machine), `MFAD_LONG=1` kills 200 times.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise, and measures time"
)]

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::chance::{Chance, size};
use common::daemon::Site;
use common::gateway::{ACCEPT, Gateway, Port, Reply};
use common::ledger::Ledger;
use common::people::{PIN, Person};

/// People who log in all the time.
const PEOPLE: usize = 12;

/// People who type wrong codes until they are locked, after each kill another one.
const VICTIMS: usize = 200;

/// An answer that takes longer than this, with all its repetitions, is none.
const ANSWERED_WITHIN: Duration = Duration::from_secs(40);

/// The gateway repeats soon, so that many requests meet the kill.
const REPEATED_AFTER: Duration = Duration::from_millis(300);

/// Codes of each person that are tried again at the end.
const OLD_CODES: usize = 3;

/// What somebody was told.
struct Told {
    accepted: Vec<String>,
    /// Wrong codes that were refused.
    wrong: usize,
}

#[test]
fn what_was_told_before_a_kill_is_still_so_after_it() {
    let kills = size(12, VICTIMS);
    let mut chance = Chance::new("kill");
    let people: Vec<Person> = (0..PEOPLE)
        .map(|at| Person::new(&format!("user{at}")))
        .collect();
    let victims: Vec<Person> = (0..kills)
        .map(|at| Person::new(&format!("victim{at}")))
        .collect();
    let all: Vec<Person> = people.iter().chain(&victims).cloned().collect();
    let mut daemon = Site::new(&all).start();
    let gateways = ["gw-none", "gw-pin"].map(|name| daemon.gateway(name));
    let over = AtomicBool::new(false);
    let mut slowest = Duration::ZERO;

    let (told, struck, daemon) = std::thread::scope(|scope| {
        let logins: Vec<_> = people
            .iter()
            .enumerate()
            .map(|(at, person)| {
                let (gateway, chance) = (gateways[at % 2].clone(), chance.fork());
                let (person, over) = (person.clone(), &over);
                scope.spawn(move || log_in(person, &gateway, at % 2 == 1, chance, over))
            })
            .collect();
        let mut struck = Vec::new();
        for victim in &victims {
            let gateway = gateways[0].clone();
            let attack = scope.spawn(move || guess(victim, &gateway));
            let pause = chance.below(120);
            std::thread::sleep(Duration::from_millis(u64::try_from(pause).unwrap()));
            daemon = daemon.kill().start();
            slowest = slowest.max(daemon.ready_after);
            struck.push(attack);
        }
        let struck: Vec<usize> = struck
            .into_iter()
            .map(|attack| attack.join().unwrap())
            .collect();
        over.store(true, Ordering::Relaxed);
        let told: Vec<Told> = logins
            .into_iter()
            .map(|login| login.join().unwrap())
            .collect();
        (told, struck, daemon)
    });

    // Every code that was accepted is refused by the process that is there now.
    for (at, (person, told)) in people.iter().zip(&told).enumerate() {
        assert!(
            !told.accepted.is_empty(),
            "{} was let in at all",
            person.name
        );
        for passcode in told.accepted.iter().rev().take(OLD_CODES) {
            gateways[at % 2].keeps_out(&person.name, passcode);
        }
    }
    let ledger = Ledger::of(&daemon.kill());
    for (person, told) in people.iter().zip(&told) {
        let accepts = ledger.count("auth.accept", &person.name);
        assert_eq!(
            accepts,
            told.accepted.len(),
            "{}: each was told once",
            person.name
        );
        let wrong = ledger.rejects(&person.name, "bad_code");
        // The last code used is known as such; those before it are wrong codes like any other.
        let older = told.accepted.len().clamp(1, OLD_CODES) - 1;
        assert_eq!(
            wrong,
            told.wrong + older,
            "{}: each failure was counted once",
            person.name
        );
    }
    for (victim, told) in victims.iter().zip(struck) {
        assert_eq!(
            ledger.rejects(&victim.name, "bad_code"),
            5,
            "{} after {told}",
            victim.name
        );
        assert_eq!(
            ledger.count("user.locked", &victim.name),
            1,
            "{}",
            victim.name
        );
    }
    let logins: usize = told.iter().map(|told| told.accepted.len()).sum();
    println!("{kills} kills, {logins} logins, slowest start {slowest:?}");
}

/// Logs in until told to end, each code once; now and then a wrong or a used one before.
fn log_in(
    mut person: Person,
    gateway: &Gateway,
    with_pin: bool,
    mut chance: Chance,
    over: &AtomicBool,
) -> Told {
    let first = if with_pin { PIN } else { "" };
    let mut told = Told {
        accepted: Vec::new(),
        wrong: 0,
    };
    let mut port = gateway.port();
    let mut used: Option<String> = None;
    while !over.load(Ordering::Relaxed) {
        if chance.below(8) == 0 {
            let code = person.wrong_codes().nth(chance.below(50_000)).unwrap();
            let reply = answered(&mut port, &person.name, &format!("{first}{code}"));
            assert_ne!(reply.code, ACCEPT);
            told.wrong += 1;
        }
        if let Some(used) = used.as_ref().filter(|_| chance.below(4) == 0) {
            let reply = answered(&mut port, &person.name, used);
            assert_ne!(reply.code, ACCEPT, "{}: a used code", person.name);
        }
        let passcode = format!("{first}{}", person.code());
        let reply = answered(&mut port, &person.name, &passcode);
        assert_eq!(reply.code, ACCEPT, "{}: a fresh code", person.name);
        told.accepted.push(passcode.clone());
        used = Some(passcode);
        if chance.coin() {
            port = gateway.port();
        }
    }
    told
}

/// Types wrong codes until past the lock; how many answers came.
fn guess(victim: &Person, gateway: &Gateway) -> usize {
    let mut port = gateway.port();
    let answers = victim
        .wrong_codes()
        .take(6)
        .map(|code| answered(&mut port, &victim.name, &code));
    let told = answers.filter(|reply| reply.code != ACCEPT).count();
    let right = answered(&mut port, &victim.name, &victim.hotp(0));
    assert_ne!(right.code, ACCEPT, "{} is locked", victim.name);
    told
}

/// Sends a request until it is answered; a second answer to it is the same.
fn answered(port: &mut Port, user: &str, passcode: &str) -> Reply {
    let request = port.request(user, passcode);
    let end = Instant::now() + ANSWERED_WITHIN;
    loop {
        if let Some(reply) = port.ask_for(&request, 1, REPEATED_AFTER) {
            return reply;
        }
        assert!(
            Instant::now() < end,
            "{user}: no answer within {ANSWERED_WITHIN:?}"
        );
    }
}
