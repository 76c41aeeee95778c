//! Many at once: a code is accepted once, and a counter does not run past its end.

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

use common::chance::size;
use common::daemon::{Daemon, Site};
use common::gateway::{ACCEPT, Gateway, Port};
use common::ledger::Ledger;
use common::people::{PIN, Person};

/// Requests with the same code at the same time.
const PARALLEL: usize = 8;

/// People who log in at the same time, each with one code after the other.
const PEOPLE: usize = 50;

/// Requests with wrong codes at the same time.
const WRONG: usize = 2_000;

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
fn two_thousand_wrong_codes_at_once_count_five_failures() {
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    storm(&daemon, &alice);
    // The right code is none of theirs, and comes too late.
    daemon.gateway("gw-none").keeps_out("alice", &alice.code());
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.rejects("alice", "bad_code"), 5, "judged");
    assert_eq!(
        ledger.rejects("alice", "locked"),
        WRONG - 5 + 1,
        "refused unjudged"
    );
    assert_eq!(ledger.count("user.locked", "alice"), 1);
    assert_eq!(ledger.count("auth.accept", "alice"), 0);
}

/// All the wrong codes, from several ports, none waiting for the answer to another.
fn storm(daemon: &Daemon, person: &Person) {
    const PORTS: usize = 20;
    let codes: Vec<String> = person.wrong_codes().take(WRONG).collect();
    let gateway = daemon.gateway("gw-none");
    std::thread::scope(|scope| {
        for codes in codes.chunks(WRONG / PORTS) {
            let mut port = gateway.port();
            scope.spawn(move || {
                let asked: Vec<_> = codes
                    .iter()
                    .map(|code| port.request(&person.name, code))
                    .collect();
                for request in &asked {
                    port.socket.send(request).unwrap();
                }
                let mut answered = vec![false; asked.len()];
                port.collect(&asked, &mut answered, |_, reply| {
                    assert_ne!(reply.code, ACCEPT)
                });
                assert!(
                    answered.iter().all(|answered| *answered),
                    "all are answered"
                );
            });
        }
    });
}
