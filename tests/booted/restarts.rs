//! Ends and beginnings of the daemon while systemd holds its sockets.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::common::chance::{long, size};
use crate::common::gateway::{ACCEPT, Gateway};
use crate::common::ledger::Ledger;
use crate::common::people::Person;
use crate::installed::Installed;

/// A gateway sends a request once more after so long, and then gives up.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
const TRIES: usize = 2;

/// People who log in all the time.
const PEOPLE: usize = 8;

/// What the loader saw.
struct Load {
    person: Person,
    accepted: Vec<String>,
    lost: usize,
    /// Answered only when it was sent again.
    repeated: usize,
}

#[test]
fn no_login_is_lost_while_it_restarts_under_load() {
    let Some(here) = Installed::boot() else {
        return;
    };
    let people: Vec<Person> = (0..PEOPLE)
        .map(|at| Person::new(&format!("user{at}")))
        .collect();
    for person in &people {
        here.add(person);
    }
    let gateway = here.gateway();
    let over = AtomicBool::new(false);
    let rounds = size(12, 200);
    let kills = (0..rounds).filter(|round| is_kill(*round)).count();
    let loads: Vec<Load> = std::thread::scope(|scope| {
        let started: Vec<_> = people
            .iter()
            .map(|person| {
                let (person, gateway, over) = (person.clone(), &gateway, &over);
                scope.spawn(move || log_in(person, gateway, over))
            })
            .collect();
        let mut killed = Instant::now();
        for round in 0..rounds {
            // systemd gives up on what is started too often, and that is what we do here.
            here.machine.does("systemctl reset-failed mfad");
            if is_kill(round) {
                // What one kill takes is sent again, and answered, before the next.
                std::thread::sleep((2 * AGAIN_AFTER).saturating_sub(killed.elapsed()));
                killed = Instant::now();
                let pid = here.main_pid();
                here.machine.does("systemctl kill --signal=KILL mfad");
                here.await_successor(&pid);
            } else {
                here.machine.does("systemctl restart mfad");
            }
        }
        over.store(true, Ordering::Relaxed);
        started.into_iter().map(|it| it.join().unwrap()).collect()
    });

    let count = |of: fn(&Load) -> usize| loads.iter().map(of).sum::<usize>();
    let logins = count(|load| load.accepted.len());
    let (lost, repeated) = (count(|load| load.lost), count(|load| load.repeated));
    println!(
        "{rounds} restarts, {kills} of them kills: {logins} logins, {repeated} of them answered \
         when sent again, {lost} lost"
    );
    assert_eq!(lost, 0);
    // Only a kill takes a request with it, and of each person only the one under way.
    assert!(repeated <= kills * PEOPLE, "{repeated}");
    for load in &loads {
        for code in load.accepted.iter().rev().take(3) {
            gateway.keeps_out(&load.person.name, code);
        }
    }
    let key = here
        .machine
        .does("cat /run/credentials/mfad.service/mfad.key");
    here.machine
        .does("systemctl stop mfad mfad-radius.socket mfad-control.socket");
    let state = here.machine.disk("/var/lib/mfad");
    let ledger = Ledger::read(&state, &key, here.machine.name());
    for load in &loads {
        let name = &load.person.name;
        assert_eq!(
            ledger.count("auth.accept", name),
            load.accepted.len(),
            "{name}: each once"
        );
    }
}

/// Whether the daemon dies in this round; in the others an operator restarts it.
const fn is_kill(round: usize) -> bool {
    round % 6 == 5
}

/// Logs in with one fresh code after another until told to end.
fn log_in(person: Person, gateway: &Gateway, over: &AtomicBool) -> Load {
    let mut load = Load {
        person,
        accepted: Vec::new(),
        lost: 0,
        repeated: 0,
    };
    let mut port = gateway.port();
    while !over.load(Ordering::Relaxed) {
        let code = load.person.code();
        let request = port.request(&load.person.name, &code);
        let begun = Instant::now();
        let Some(reply) = port.ask_for(&request, TRIES, AGAIN_AFTER) else {
            load.lost += 1;
            continue;
        };
        assert_eq!(reply.code, ACCEPT, "{}: a fresh code", load.person.name);
        load.repeated += usize::from(begun.elapsed() >= AGAIN_AFTER);
        load.accepted.push(code);
    }
    load
}

#[test]
fn a_daemon_that_stands_still_is_replaced_by_the_watchdog() {
    // The unit's own limit in the long run; here one that is over sooner.
    let (limit_s, drop_in) = if long() {
        (20, "")
    } else {
        (2, "[Service]\nWatchdogSec=2s\n")
    };
    let Some(here) = Installed::with_drop_in(drop_in) else {
        return;
    };
    let mut alice = Person::new("alice");
    here.add(&alice);
    let gateway = here.gateway();
    let used = alice.code();
    gateway.lets_in("alice", &used);
    let pid = here.main_pid();
    // One that works is left alone.
    std::thread::sleep(Duration::from_secs(limit_s + 1));
    assert_eq!(here.main_pid(), pid);
    here.machine.does("systemctl kill --signal=STOP mfad");
    let begun = Instant::now();
    let mut port = gateway.port();
    let request = port.request("alice", &alice.code());
    let reply = port.ask_for(&request, 60, Duration::from_secs(1));
    println!("answered {:?} after it stood still", begun.elapsed());
    assert_eq!(reply.map(|reply| reply.code), Some(ACCEPT));
    assert_ne!(here.main_pid(), pid);
    assert_eq!(here.property("NRestarts"), "1");
    let journal = here.journal();
    assert!(journal.contains("Watchdog timeout"), "{journal}");
    gateway.keeps_out("alice", &used);
    gateway.lets_in("alice", &alice.code());
}

#[test]
fn systemctl_reload_puts_the_configuration_into_force() {
    let Some(here) = Installed::boot() else {
        return;
    };
    let mut alice = Person::new("alice");
    here.add(&alice);
    let (gateway, pid) = (here.gateway(), here.main_pid());
    gateway.lets_in("alice", &alice.code());
    here.machine
        .does(r"sed -i '/^\[token_types.hotp\]$/a enabled = false' /etc/mfad/mfad.toml");
    here.machine.does("systemctl reload mfad");
    let end = Instant::now() + Duration::from_secs(20);
    while !here
        .journal()
        .contains("<6>mfad: config reloaded by=SIGHUP")
    {
        assert!(Instant::now() < end, "{}", here.journal());
        std::thread::sleep(Duration::from_millis(50));
    }
    gateway.keeps_out("alice", &alice.code());
    assert_eq!(
        (here.main_pid(), here.property("ActiveState")),
        (pid, "active".into())
    );
}
