//! Many at once: a code is accepted once, and a counter does not run past its end, in whatever
//! spelling it is asked for.

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
#[path = "races/spellings.rs"]
mod spellings;

use common::chance::size;
use common::daemon::Site;
use common::gateway::{ACCEPT, Gateway, Port};
use common::ledger::Ledger;
use common::people::{PIN, Person};

/// Requests with the same code at the same time.
const PARALLEL: usize = 8;

/// People who log in at the same time, each with one code after the other.
const PEOPLE: usize = 50;

/// Ports of a gateway that ask at the same time.
const PORTS: usize = 32;

/// Requests under way from one port: fewer than it has identifiers.
const WAVE: usize = 250;

/// Failures never lock.
const NO_LOCK: &str = "\n[lockout.user]\nmax_failures = 0\n";

#[test]
fn each_code_is_accepted_once_however_many_ask_at_once() {
    let rounds = size(500, 10_000).div_ceil(PEOPLE);
    race("gw-none", "", PEOPLE, rounds);
}

#[test]
fn each_code_behind_a_pin_is_accepted_once_however_many_ask_at_once() {
    race("gw-pin", PIN, 6, size(10, 200));
}

/// Lets all these people race with themselves; exactly one request for each code may win.
fn race(gateway: &str, first: &str, count: usize, rounds: usize) {
    let people: Vec<Person> = (0..count)
        .map(|at| Person::new(&format!("user{at}")))
        .collect();
    let daemon = Site::new(&people).start();
    let gateway = daemon.gateway(gateway);
    let accepts: usize = std::thread::scope(|scope| {
        let racers: Vec<_> = people
            .iter()
            .map(|person| {
                let (mut person, gateway) = (person.clone(), gateway.clone());
                scope.spawn(move || race_alone(&mut person, &gateway, first, rounds))
            })
            .collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).sum()
    });
    assert_eq!(accepts, count * rounds, "one Accept for each code");
    let ledger = Ledger::of(&daemon.stop());
    for person in &people {
        assert_eq!(
            ledger.count("auth.accept", &person.name),
            rounds,
            "{}",
            person.name
        );
        let lost = ledger.count("auth.replay", &person.name);
        assert_eq!(
            lost,
            rounds * (PARALLEL - 1),
            "{}: none was lost",
            person.name
        );
    }
}

fn race_alone(person: &mut Person, gateway: &Gateway, first: &str, rounds: usize) -> usize {
    let mut ports: Vec<Port> = (0..PARALLEL).map(|_| gateway.port()).collect();
    let mut accepts = 0;
    for round in 0..rounds {
        let passcode = format!("{first}{}", person.code());
        let asked: Vec<_> = ports
            .iter_mut()
            .map(|port| port.request(&person.name, &passcode))
            .collect();
        for (port, request) in ports.iter().zip(&asked) {
            port.socket.send(request).unwrap();
        }
        let replies = ports
            .iter()
            .zip(&asked)
            .map(|(port, request)| port.await_or_ask(request));
        let won = replies.filter(|reply| reply.code == ACCEPT).count();
        assert_eq!(won, 1, "{} in round {round}", person.name);
        accepts += won;
    }
    accepts
}

#[test]
fn a_storm_of_wrong_codes_counts_five_failures() {
    let wrong = size(2_000, 20_000);
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let gateway = daemon.gateway("gw-none");
    let asked: Vec<_> = alice
        .wrong_codes()
        .take(wrong)
        .map(|code| ("alice".to_owned(), code))
        .collect();
    assert!(!at_once(&gateway, &asked).contains(&ACCEPT));
    // The right code is none of theirs, and comes too late.
    gateway.keeps_out("alice", &alice.code());
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.rejects("alice", "bad_code"), 5, "judged");
    assert_eq!(
        ledger.rejects("alice", "locked"),
        wrong - 5 + 1,
        "refused unjudged"
    );
    assert_eq!(ledger.count("user.locked", "alice"), 1);
    assert_eq!(ledger.count("auth.accept", "alice"), 0);
}

#[test]
fn a_datagram_that_is_sent_five_times_at_once_is_judged_once() {
    const COPIES: usize = 5;
    let rounds = u64::try_from(size(200, 10_000)).unwrap();
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let mut port = daemon.gateway("gw-none").port();
    for _ in 0..rounds {
        let request = port.request("alice", &alice.code());
        for _ in 0..COPIES {
            port.socket.send(&request).unwrap();
        }
        let reply = port.await_or_ask(&request);
        assert_eq!(reply.code, ACCEPT);
        // One that came while the first was being judged got none; a later one gets the same.
        assert_eq!(port.ask(&request), reply);
    }
    let ledger = Ledger::of(&daemon.stop());
    let judged = ledger
        .records
        .iter()
        .filter(|record| record.event.starts_with("auth."))
        .count();
    assert_eq!(u64::try_from(judged).unwrap(), rounds);
}

/// Asks all of it from [`PORTS`] ports at the same time; the codes of the replies, in order.
fn at_once(gateway: &Gateway, logins: &[(String, String)]) -> Vec<u8> {
    std::thread::scope(|scope| {
        let askers: Vec<_> = logins
            .chunks(logins.len().div_ceil(PORTS))
            .map(|share| {
                let mut port = gateway.port();
                scope.spawn(move || -> Vec<u8> {
                    let waves = share.chunks(WAVE);
                    waves.flat_map(|wave| ask_all(&mut port, wave)).collect()
                })
            })
            .collect();
        askers
            .into_iter()
            .flat_map(|asker| asker.join().unwrap())
            .collect()
    })
}

/// Asks all of it from one port, none waiting for the answer to another.
fn ask_all(port: &mut Port, logins: &[(String, String)]) -> Vec<u8> {
    let asked: Vec<_> = logins
        .iter()
        .map(|(user, passcode)| port.request(user, passcode))
        .collect();
    for request in &asked {
        port.socket.send(request).unwrap();
    }
    let (mut answered, mut codes) = (vec![false; asked.len()], vec![0; asked.len()]);
    port.collect(&asked, &mut answered, |at, reply| codes[at] = reply.code);
    assert!(
        answered.iter().all(|answered| *answered),
        "all are answered"
    );
    codes
}
