//! What an operator does at the control socket, and what the next packet meets.

use std::time::{Duration, Instant};

use mfad::sys::clock::Clock;
use mfad::time::Now;
use serde_json::json;

use crate::common::daemon::Site;
use crate::common::ledger::Ledger;
use crate::common::people::{PASSWORD, PIN, Person};

#[test]
fn unlocking_lets_in_at_once() {
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let gateway = daemon.gateway("gw-none");
    for code in alice.wrong_codes().take(5) {
        gateway.keeps_out("alice", &code);
    }
    gateway.keeps_out("alice", &alice.code());
    assert_eq!(daemon.operator().show("alice")["locked"], true);
    daemon
        .operator()
        .change("Users.Unlock", "alice", &json!({}));
    assert_eq!(daemon.operator().show("alice")["locked"], false);
    gateway.lets_in("alice", &alice.code());
    daemon.operator().change("Users.Lock", "alice", &json!({}));
    gateway.keeps_out("alice", &alice.code());
}

#[test]
fn why_tells_that_a_phone_is_slow() {
    let mut alice = Person::new("alice").with_totp();
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let gateway = daemon.gateway("gw-none");
    for steps in [9, 8, 7] {
        let now = Clock::start().now();
        let wall = now.wall - Duration::from_secs(30 * steps);
        gateway.keeps_out("alice", &alice.totp_at(Now { wall, ..now }));
    }
    let operator = daemon.operator();
    let asked = Instant::now();
    let why = loop {
        let why = operator.call("Auth.Why", &json!({"user": "alice"}));
        let found = why["attempts"].as_array().unwrap();
        let known = found.iter().filter(|attempt| attempt["distance"].is_i64());
        if known.count() == 3 {
            break why;
        }
        assert!(asked.elapsed() < Duration::from_secs(30), "{why}");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(why["diagnosis"]["kind"], "clock", "{why}");
    let text = why["diagnosis"]["text"].as_str().unwrap();
    assert!(text.ends_with(" SLOW"), "{text}");
    let off = why["attempts"][2]["distance"].as_i64().unwrap();
    assert!(
        (-8..=-7).contains(&off),
        "{off}: a step may have begun between"
    );
    // She has set the clock.
    gateway.lets_in("alice", &alice.code());
}

#[test]
fn unblocking_a_pin_makes_the_old_one_work_at_once() {
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let gateway = daemon.gateway("gw-pin");
    for last in 0..5 {
        gateway.keeps_out("alice", &format!("73319{last}{}", alice.code()));
    }
    gateway.keeps_out("alice", &format!("{PIN}{}", alice.code()));
    daemon
        .operator()
        .change("Pins.Unblock", "alice", &json!({}));
    gateway.lets_in("alice", &format!("{PIN}{}", alice.code()));
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("auth.accept", "alice"), 1);
}

#[test]
fn deactivated_and_revoked_people_are_kept_out() {
    let mut people = ["alice", "bob"].map(Person::new);
    let daemon = Site::new(&people).start();
    let gateway = daemon.gateway("gw-pin");
    let operator = daemon.operator();
    for (person, state) in people.iter_mut().zip(["deactivated", "revoke"]) {
        let name = person.name.clone();
        gateway.lets_in(&name, &format!("{PIN}{}", person.code()));
        operator.set_state(&name, state);
        gateway.keeps_out(&name, &format!("{PIN}{}", person.code()));
        daemon
            .gateway("gw-gateway")
            .keeps_out(&name, &person.code());
    }
    operator.change("Users.Reactivate", "alice", &json!({}));
    let daemon = daemon.kill().start();
    daemon
        .gateway("gw-pin")
        .keeps_out("bob", &format!("{PIN}{}", people[1].code()));
}

#[test]
fn a_passthrough_asks_for_the_first_factor_alone() {
    let mut alice = Person::new("alice");
    let bob = Person::new("bob");
    let daemon = Site::new(&[alice.clone(), bob]).start();
    let operator = daemon.operator();
    let [pin, local, gateway, none] =
        ["gw-pin", "gw-local", "gw-gateway", "gw-none"].map(|name| daemon.gateway(name));
    pin.lets_in("alice", &format!("{PIN}{}", alice.code()));
    pin.keeps_out("alice", PIN);
    operator.change("Passthrough.Enable", "alice", &json!({}));
    pin.lets_in("alice", PIN);
    local.lets_in("alice", PASSWORD);
    gateway.lets_in("alice", "whatever was typed");
    none.keeps_out("alice", &alice.wrong_code());
    pin.keeps_out("alice", "733190");
    local.keeps_out("alice", "another password 9");
    pin.keeps_out("bob", PIN);
    pin.lets_in("alice", &format!("{PIN}{}", alice.code()));
    // A lock lies over it, and its end is an end.
    operator.change("Users.Lock", "alice", &json!({}));
    gateway.keeps_out("alice", "x");
    operator.change("Users.Unlock", "alice", &json!({}));
    gateway.lets_in("alice", "x");
    operator.change("Passthrough.Disable", "alice", &json!({}));
    pin.keeps_out("alice", PIN);
    gateway.keeps_out("alice", "x");
}

#[test]
fn the_first_sign_in_with_a_new_token_ends_the_passthrough() {
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let pin = daemon.gateway("gw-pin");
    daemon
        .operator()
        .change("Passthrough.Enable", "alice", &json!({}));
    pin.lets_in("alice", PIN);
    pin.lets_in("alice", &format!("{PIN}{}", alice.code()));
    pin.keeps_out("alice", PIN);
}

#[test]
fn a_passthrough_ends_by_itself() {
    let alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let gateway = daemon.gateway("gw-gateway");
    let until = mfad::time::Timestamp(Clock::start().now().wall.0 + 2_000);
    let end = json!({"until": until.to_string()});
    daemon
        .operator()
        .change("Passthrough.Enable", "alice", &end);
    gateway.lets_in("alice", "x");
    let late = Instant::now() + Duration::from_millis(2_000);
    while Instant::now() < late {
        std::thread::sleep(Duration::from_millis(20));
    }
    gateway.keeps_out("alice", "x");
}
