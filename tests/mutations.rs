//! Requests with fresh right codes, spoiled in every way: nothing that is spoiled lets anybody in.
//!
//! Half of them are signed again after the change, so that what is broken lies behind a right
//! Message-Authenticator. What the daemon may answer is worked out here from the octets that were
//! sent: nothing where the signature is wrong, and an Accept only where the packet as it reads still
//! carries the person's name and that code, and then once for each code.
//!
//! `MFAD_SEED` replays the choices, `MFAD_LONG=1` sends a million.

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
#[path = "mutations/reading.rs"]
mod reading;
#[path = "mutations/spoil.rs"]
mod spoil;

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use common::chance::{Chance, size};
use common::daemon::{Daemon, Site};
use common::gateway::{ACCEPT, CHALLENGE, Port, REJECT, answers, verified};
use common::ledger::Ledger;
use common::people::Person;
use reading::{Reading, packet, read};
use spoil::spoil;

/// People whose requests are spoiled, each from a port of its own.
const PEOPLE: usize = 16;

/// Requests under way at a time: fewer than identifiers of a port, and than the queue holds.
const BURST: usize = 24;

/// Datagrams remembered for late answers: fewer than a port has identifiers.
const REMEMBERED: usize = 8 * BURST;

/// How long a burst is listened to; Rejects are held for 0.1 s.
const LISTENED: Duration = Duration::from_millis(130);

/// A whole request must be answered by then, and is sent again until then.
const ANSWERED_WITHIN: Duration = Duration::from_secs(20);
const REPEATED_AFTER: Duration = Duration::from_secs(1);

/// Counters whose codes the daemon takes, and some more.
const LOOK_AHEAD: u64 = 14;

const STATUS_SERVER: u8 = 12;

/// Failures never lock here: what is looked for is an Accept.
const NO_LOCK: &str = "\n[lockout.user]\nmax_failures = 0\n\n[lockout.token]\nmax_failures = 100\n";

#[test]
fn a_spoiled_request_lets_nobody_in() {
    let total = size(40_000, 1_000_000);
    let mut chance = Chance::new("mutations");
    let people: Vec<Person> = (0..PEOPLE)
        .map(|at| Person::new(&format!("user{at:02}")))
        .collect();
    let mut daemon = Site::with(&people, NO_LOCK).start();
    let sums: Vec<Sum> = std::thread::scope(|scope| {
        let workers: Vec<_> = people
            .iter()
            .map(|person| {
                let (person, chance, daemon) = (person.clone(), chance.fork(), &daemon);
                scope.spawn(move || spoil_requests(person, daemon, chance, total / PEOPLE))
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .collect()
    });
    assert!(daemon.alive(), "{}", daemon.log());
    let mut sum = Sum::default();
    for (person, one) in people.iter().zip(&sums) {
        sum.add(one);
        let mut person = person.clone();
        person.next = one.next_code;
        let code = person.code();
        daemon.gateway("gw-none").lets_in(&person.name, &code);
    }
    assert!(!daemon.log().contains("panicked"), "{}", daemon.log());
    let ledger = Ledger::of(&daemon.stop());
    for (person, one) in people.iter().zip(&sums) {
        account_for(&ledger, &person.name, one);
    }
    let Sum {
        sent,
        silent,
        rejects,
        questions,
        accepts,
        ..
    } = sum;
    println!(
        "{sent} spoiled: {silent} unanswered, {rejects} Rejects, {questions} Challenges, \
         {accepts} Accepts"
    );
    assert!(
        silent > 0 && rejects > 0 && questions > 0 && accepts > 0,
        "all kinds were met"
    );
}

/// Every Accept in the ledger was earned by the request it names, and no code earned two.
///
/// There may be more of them than answers: where a spoiled identifier made one request look like
/// the successor of another, the other one is not answered any more.
fn account_for(ledger: &Ledger, name: &str, sum: &Sum) {
    let mut used = HashSet::new();
    for accept in ledger.of_user("auth.accept", name) {
        let counter = accept
            .datagram()
            .and_then(|digest| sum.fitting.get(&digest));
        assert!(
            used.insert(counter),
            "{name}: record {}: {counter:?}",
            accept.seq
        );
    }
    // The last login, by a request that nobody spoiled, is the one that is not known here.
    assert!(used.contains(&None), "{name}");
    assert!(
        used.len() > sum.accepts,
        "{name}: {} of {} told",
        used.len(),
        sum.accepts
    );
}

/// What came of the requests of one person.
#[derive(Default)]
struct Sum {
    sent: usize,
    silent: usize,
    rejects: usize,
    questions: usize,
    accepts: usize,
    next_code: u64,
    /// Requests that may let in: their digest, and the counter of their code.
    fitting: HashMap<[u8; 32], u64>,
}

impl Sum {
    fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.silent += other.silent;
        self.rejects += other.rejects;
        self.questions += other.questions;
        self.accepts += other.accepts;
    }
}

/// A datagram on its way.
struct Sent {
    octets: Vec<u8>,
    reading: Reading,
    /// The counter whose code lets it in, if any does.
    counter: Option<u64>,
    answered: Option<Vec<u8>>,
}

/// One person's share: bursts of spoiled requests, after each one that is whole.
struct Worker {
    person: Person,
    port: Port,
    /// Of the last bursts, so that late answers find their request.
    sent: VecDeque<Sent>,
    accepted: HashSet<u64>,
    sum: Sum,
}

fn spoil_requests(person: Person, daemon: &Daemon, mut chance: Chance, share: usize) -> Sum {
    let port = daemon.gateway("gw-none").port();
    let (sent, accepted) = (VecDeque::new(), HashSet::new());
    let mut worker = Worker {
        person,
        port,
        sent,
        accepted,
        sum: Sum::default(),
    };
    while worker.sum.sent < share {
        worker.burst(&mut chance);
    }
    worker.end()
}

impl Worker {
    fn burst(&mut self, chance: &mut Chance) {
        let name = self.person.name.clone();
        for _ in 0..BURST {
            let code = self.person.hotp(self.person.next);
            let request = self.port.request(&name, &code);
            let octets = spoil(&request, self.port.secret(), chance);
            self.send(octets);
        }
        self.sum.sent += BURST;
        self.listen(Instant::now() + LISTENED, None);
        // The counter that was spoiled may have been used up by a change that changed nothing.
        self.person.next += 1;
        let code = self.person.code();
        let whole = self.port.request(&name, &code);
        let at = self.send(whole);
        self.listen(Instant::now() + ANSWERED_WITHIN, Some(at));
        let answer = self.sent[at].answered.as_ref();
        assert_eq!(
            answer.map(|reply| reply[0]),
            Some(ACCEPT),
            "{name}: a whole request"
        );
        while self.sent.len() > REMEMBERED {
            self.forget();
        }
    }

    fn forget(&mut self) {
        if self
            .sent
            .pop_front()
            .is_some_and(|sent| sent.answered.is_none())
        {
            self.sum.silent += 1;
        }
    }

    /// Sends a datagram; where it is remembered.
    fn send(&mut self, octets: Vec<u8>) -> usize {
        let reading = read(&octets, self.port.secret());
        let near = self.person.next.saturating_sub(1)..self.person.next + LOOK_AHEAD;
        let counter = reading.login.as_ref().and_then(|(name, passcode)| {
            let named = name.eq_ignore_ascii_case(self.person.name.as_bytes());
            let fits = |counter: &u64| self.person.hotp(*counter).as_bytes() == passcode;
            near.clone().find(fits).filter(|_| named)
        });
        if let (Some(counter), Some(packet)) = (counter, packet(&octets)) {
            self.sum
                .fitting
                .insert(Sha256::digest(packet).into(), counter);
        }
        let _ = self.port.socket.send(&octets);
        self.sent.push_back(Sent {
            octets,
            reading,
            counter,
            answered: None,
        });
        self.sent.len() - 1
    }

    /// Takes answers until then, or until that one is answered; it is sent again in between.
    fn listen(&mut self, end: Instant, until: Option<usize>) {
        let mut octets = [0; 4096];
        let done = |sent: &VecDeque<Sent>| until.is_some_and(|at| sent[at].answered.is_some());
        while !done(&self.sent) {
            let left = end
                .saturating_duration_since(Instant::now())
                .min(REPEATED_AFTER);
            if left.is_zero() {
                return;
            }
            self.port.socket.set_read_timeout(Some(left)).unwrap();
            match self.port.socket.recv(&mut octets) {
                Ok(length) => self.take(&octets[..length]),
                Err(_) => {
                    if let Some(at) = until {
                        let _ = self.port.socket.send(&self.sent[at].octets);
                    }
                }
            }
        }
    }

    /// Finds the request of an answer, and judges the answer.
    fn take(&mut self, reply: &[u8]) {
        let secret = self.port.secret();
        let asked = self.sent.iter_mut().rev().find(|sent| {
            sent.octets.get(1) == reply.get(1) && answers(reply, &sent.octets, secret)
        });
        let Some(asked) = asked else {
            panic!("an answer to no request: {reply:02x?}")
        };
        let octets = &asked.octets;
        assert!(
            asked.reading.authentic,
            "an answer to what is not signed rightly: {octets:02x?}"
        );
        if let Some(before) = &asked.answered {
            assert_eq!(
                before, reply,
                "another answer to the same request: {octets:02x?}"
            );
            return;
        }
        let _ = verified(octets, reply, secret);
        asked.answered = Some(reply.to_vec());
        // A Status-Server, and what else is no login, may be answered; a login as it deserves.
        let status = octets[0] == STATUS_SERVER;
        match reply[0] {
            ACCEPT if status => {}
            ACCEPT => {
                let Some(counter) = asked.counter else {
                    panic!("let in by {octets:02x?}")
                };
                assert!(
                    self.accepted.insert(counter),
                    "code {counter} twice: {octets:02x?}"
                );
                self.sum.accepts += 1;
            }
            REJECT => self.sum.rejects += 1,
            // Who has typed nothing is asked for it.
            CHALLENGE if asked.counter.is_none() => self.sum.questions += 1,
            code => panic!("code {code} for {octets:02x?}"),
        }
    }

    fn end(mut self) -> Sum {
        self.listen(Instant::now() + 2 * LISTENED, None);
        while !self.sent.is_empty() {
            self.forget();
        }
        self.sum.next_code = self.person.next;
        self.sum
    }
}
