//! Who is kept out, and what is counted.

use std::time::{Duration, Instant};

use crate::common::daemon::{REJECT_DELAY, Site};
use crate::common::ledger::Ledger;
use crate::common::people::{PIN, Person};

#[test]
fn a_wrong_code_and_a_used_code_are_refused() {
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let pin = daemon.gateway("gw-pin");
    pin.keeps_out("alice", &format!("{PIN}{}", alice.wrong_code()));
    let used = alice.code();
    pin.lets_in("alice", &format!("{PIN}{used}"));
    for gateway in ["gw-none", "gw-gateway"] {
        daemon.gateway(gateway).keeps_out("alice", &used);
    }
    pin.keeps_out("alice", &format!("{PIN}{used}"));
    pin.lets_in("alice", &format!("{PIN}{}", alice.code()));
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("auth.accept", "alice"), 2);
    assert_eq!(ledger.count("auth.replay", "alice"), 3);
    assert_eq!(ledger.count("auth.reject", "alice"), 1);
}

#[test]
fn no_spelling_of_a_used_code_is_another_code() {
    let mut alice = Person::new("alice");
    let daemon = Site::with(
        std::slice::from_ref(&alice),
        "\n[lockout.user]\nmax_failures = 0\n",
    );
    let daemon = daemon.start();
    let gateway = daemon.gateway("gw-none");
    let used = alice.code();
    gateway.lets_in("alice", &used);
    let (front, back) = used.split_at(3);
    let wide: String = used
        .chars()
        .map(|digit| char::from_u32(u32::from(digit) - u32::from('0') + 0xff10).unwrap())
        .collect();
    let spellings = [
        format!(" {used}"),
        format!("{used} "),
        format!("{front} {back}"),
        format!("{front}-{back}"),
        format!("{used}\n"),
        format!("{used}\0\u{1}"),
        format!("0{used}"),
        format!("+{used}"),
        format!(",{used}"),
        used.clone(),
        wide,
    ];
    let mut ports: Vec<_> = spellings.iter().map(|_| gateway.port()).collect();
    let asked: Vec<_> = ports
        .iter_mut()
        .zip(&spellings)
        .map(|(port, spelling)| port.request("alice", spelling))
        .collect();
    for ((port, request), spelling) in ports.iter().zip(&asked).zip(&spellings) {
        assert_eq!(
            port.ask(request).code,
            crate::common::gateway::REJECT,
            "{spelling:?}"
        );
    }
}

#[test]
fn five_failures_lock_and_the_right_code_is_then_refused_even_after_a_restart() {
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let gateway = daemon.gateway("gw-none");
    for code in alice.wrong_codes().take(4) {
        gateway.keeps_out("alice", &code);
    }
    // A counter that lived in memory, or behind a delayed write, would forget here.
    let daemon = daemon.kill().start();
    let fifth = alice.wrong_codes().nth(4).unwrap();
    daemon.gateway("gw-gateway").keeps_out("alice", &fifth);
    daemon.gateway("gw-none").keeps_out("alice", &alice.code());
    let daemon = daemon.kill().start();
    daemon
        .gateway("gw-pin")
        .keeps_out("alice", &format!("{PIN}{}", alice.code()));
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("auth.accept", "alice"), 0);
    assert_eq!(ledger.rejects("alice", "bad_code"), 5);
    assert_eq!(ledger.count("user.locked", "alice"), 1);
}

/// `lockout.mode = "wait"`, through sockets; all at once, so that no wait is over before the end.
#[test]
fn strangers_wait_and_the_known_station_signs_in() {
    let mut alice = Person::new("alice");
    let wait = "\n[lockout]\nmode = \"wait\"\n[alert]\nfailures_per_minute = 10\n";
    let mut daemon = Site::with(std::slice::from_ref(&alice), wait).start();
    let gateway = daemon.gateway("gw-none");
    let ask = |station: &str, passcode: &str| {
        let (port, request) = gateway.request_from(station, "alice", passcode);
        port.socket.send(&request).unwrap();
        (port, request)
    };
    let (home, elsewhere) = ("203.0.113.7", "198.51.100.66");
    let (port, request) = ask(home, &alice.code());
    assert_eq!(
        port.await_or_ask(&request).code,
        crate::common::gateway::ACCEPT
    );
    let wrong: Vec<_> = alice
        .wrong_codes()
        .take(20)
        .map(|code| ask(elsewhere, &code))
        .collect();
    let right = ask(home, &alice.code());
    assert_eq!(
        right.0.await_or_ask(&right.1).code,
        crate::common::gateway::ACCEPT
    );
    for (port, request) in &wrong {
        let reply = port.await_or_ask(request);
        assert_eq!(reply.code, crate::common::gateway::REJECT);
    }
    // T-12: the alarm names the gateway.
    daemon.wait_for_line("W041 gw-none", Duration::from_secs(10));
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("auth.accept", "alice"), 2);
    assert_eq!(ledger.rejects("alice", "bad_code"), 3);
    assert_eq!(ledger.rejects("alice", "waiting"), 17);
    assert_eq!(ledger.count("user.waiting", "alice"), 1);
    assert_eq!(ledger.count("user.locked", "alice"), 0);
}

#[test]
fn every_spelling_of_a_name_shares_one_counter() {
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let gateway = daemon.gateway("gw-none");
    let names = [
        "alice",
        "ALICE",
        "Alice",
        "aLiCe",
        "\u{ff41}\u{ff4c}\u{ff49}\u{ff43}\u{ff45}",
    ];
    for (name, code) in names.iter().zip(alice.wrong_codes()) {
        gateway.keeps_out(name, &code);
    }
    for name in names {
        gateway.keeps_out(name, &alice.code());
    }
    // No name at all, and none of hers.
    for name in [
        " alice",
        "alice ",
        "al\u{7}ice",
        "alice@corp",
        "corp\\alice",
        "bob",
    ] {
        gateway.keeps_out(name, &alice.code());
    }
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.rejects("alice", "bad_code"), 5);
}

#[test]
fn a_right_code_with_a_wrong_pin_is_used_up() {
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let gateway = daemon.gateway("gw-pin");
    let code = alice.code();
    gateway.keeps_out("alice", &format!("733190{code}"));
    gateway.keeps_out("alice", &format!("{PIN}{code}"));
    gateway.lets_in("alice", &format!("{PIN}{}", alice.code()));
}

#[test]
fn five_wrong_pins_block_the_pin() {
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let gateway = daemon.gateway("gw-pin");
    for last in 0..5 {
        gateway.keeps_out("alice", &format!("73319{last}{}", alice.code()));
    }
    gateway.keeps_out("alice", &format!("{PIN}{}", alice.code()));
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("auth.accept", "alice"), 0);
    assert_eq!(ledger.count("pin.blocked", "alice"), 1);
}

#[test]
fn a_reject_does_not_leave_early_whatever_was_wrong() {
    let mut people = ["alice", "bob", "carol"].map(Person::new);
    let daemon = Site::new(&people).start();
    let gateway = daemon.gateway("gw-pin");
    for code in people[2].wrong_codes().take(5) {
        gateway.keeps_out("carol", &format!("{PIN}{code}"));
    }
    let [alice, bob, carol] = &mut people;
    let passcodes = [
        ("alice", format!("{PIN}{}", alice.wrong_code())),
        ("bob", format!("733190{}", bob.code())),
        ("carol", format!("{PIN}{}", carol.code())),
        ("nobody", format!("{PIN}{}", alice.code())),
    ];
    let mut lengths = Vec::new();
    for (user, passcode) in passcodes {
        let mut port = gateway.port();
        let request = port.request(user, &passcode);
        let sent = Instant::now();
        let reply = port.ask(&request);
        assert!(
            sent.elapsed() >= REJECT_DELAY,
            "{user}: {:?}",
            sent.elapsed()
        );
        assert_eq!(reply.code, crate::common::gateway::REJECT);
        // Header and signature differ with the request; nothing else may.
        lengths.push(reply.octets[38..].to_vec());
    }
    assert!(
        lengths.iter().all(|rest| *rest == lengths[0]),
        "{lengths:?}"
    );
}

#[test]
fn a_full_pool_does_not_delay_codes() {
    const CROWD: usize = 150;
    let mut people: Vec<Person> = (0..CROWD)
        .map(|at| Person::new(&format!("user{at}")))
        .collect();
    let mut alice = Person::new("alice");
    people.push(alice.clone());
    // One thread that hashes, and a place for eight that wait.
    let limits = "\n[limits]\npin_threads = 1\npin_queue = 8\n";
    let daemon = Site::with(&people, limits).start();
    let mut port = daemon.gateway("gw-pin").port();
    for person in &mut people[..CROWD] {
        let passcode = format!("{PIN}{}", person.code());
        let request = port.request(&person.name, &passcode);
        port.socket.send(&request).unwrap();
    }
    // What is hashed now is done after some 17 ms each; the code alone waits for none of it.
    let none = daemon.gateway("gw-none");
    let asked = Instant::now();
    none.lets_in("alice", &alice.code());
    let took = asked.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    // The pool was full indeed: most of the crowd got no answer, and can ask again.
    let pin = daemon.gateway("gw-pin");
    pin.lets_in("alice", &format!("{PIN}{}", alice.code()));
    let ledger = Ledger::of(&daemon.stop());
    let accepts = ledger
        .records
        .iter()
        .filter(|record| record.event == "auth.accept");
    assert!(accepts.count() < CROWD / 2);
}
