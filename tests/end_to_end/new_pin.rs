//! A new PIN, asked for in the middle of a sign-in.

use serde_json::json;

use super::dialogues::{answer, state};
use crate::common::daemon::Site;
use crate::common::gateway::{ACCEPT, CHALLENGE, REJECT};
use crate::common::ledger::Ledger;
use crate::common::people::{PASSWORD, PIN, Person};

const NEW_PIN: &str = "778240";

/// A daemon that is killed after each packet: nothing is asked twice, forgotten or let through.
#[test]
fn kill_between_any_two_rounds_and_the_new_pin_is_set() {
    let mut alice = Person::new("alice");
    let mut daemon = Site::new(std::slice::from_ref(&alice)).start();
    let operator = daemon.operator();
    operator.change("Pins.Reset", "alice", &json!({"pin": PIN}));
    let asked_at = operator.show("alice")["pin"]["asked_at"].clone();
    assert!(asked_at.as_array().unwrap().contains(&json!("gw-two")));
    let mut port = daemon.gateway("gw-two").port();
    let mut request = port.request("alice", PIN);
    for (typed, code) in [
        (alice.code().as_str(), CHALLENGE),
        ("123456", CHALLENGE),
        (NEW_PIN, CHALLENGE),
        ("778241", CHALLENGE),
        (NEW_PIN, CHALLENGE),
        (NEW_PIN, ACCEPT),
    ] {
        let asked = port.ask(&request);
        daemon = daemon.kill().start();
        assert_eq!(port.ask(&request), asked, "the same question");
        request = answer(&mut port, "alice", &state(&asked), typed);
        assert_eq!(port.ask(&request).code, code, "{typed}");
    }
    let accepted = port.ask(&request);
    daemon = daemon.kill().start();
    assert_eq!(port.ask(&request), accepted, "the same answer");

    let pin = daemon.gateway("gw-pin");
    pin.keeps_out("alice", &format!("{PIN}{}", alice.code()));
    pin.lets_in("alice", &format!("{NEW_PIN}{}", alice.code()));
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("pin.changed", "alice"), 1);
    assert_eq!(ledger.count("auth.challenge", "alice"), 6);
    for record in &ledger.records {
        let kept = serde_json::to_string(&record.detail).unwrap();
        assert!(
            !kept.contains(NEW_PIN) && !kept.contains("778241"),
            "{kept}"
        );
    }
}

/// Without a PIN the code alone opens the dialogue, and the new one has to be typed once more.
#[test]
fn a_cleared_pin_is_set_by_whoever_has_the_code_and_then_proven() {
    let mut alice = Person::new("alice");
    let site = Site::with(
        std::slice::from_ref(&alice),
        "[pin]\nafter_change = \"reauth\"\n",
    );
    let mut daemon = site.start();
    daemon.operator().change("Pins.Clear", "alice", &json!({}));
    let mut port = daemon.gateway("gw-two").port();
    let mut request = port.request("alice", &alice.code());
    for _ in 0..2 {
        let asked = port.ask(&request);
        request = answer(&mut port, "alice", &state(&asked), NEW_PIN);
    }
    let asked = port.ask(&request);
    daemon = daemon.kill().start();
    assert_eq!(port.ask(&request), asked, "the same question");
    let passcode = format!("{NEW_PIN}{}", alice.code());
    request = answer(&mut port, "alice", &state(&asked), &passcode);
    assert_eq!(port.ask(&request).code, ACCEPT);
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("pin.changed", "alice"), 1);
    assert_eq!(ledger.count("auth.accept", "alice"), 1);
}

#[test]
fn update_credential_has_the_password_changed_and_ends() {
    const NEW: &str = "mountain lakes 7";
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let operator = daemon.operator();
    let update = json!({"state": "update", "what": "password"});
    operator.change("Users.SetState", "alice", &update);
    // Nobody types a password there.
    daemon
        .gateway("gw-pin")
        .lets_in("alice", &format!("{PIN}{}", alice.code()));
    assert_eq!(operator.show("alice")["base"], "update");
    let mut port = daemon.gateway("gw-local").port();
    let mut request = port.request("alice", &format!("{PASSWORD}{}", alice.code()));
    for _ in 0..2 {
        let asked = port.ask(&request);
        request = answer(&mut port, "alice", &state(&asked), NEW);
    }
    assert_eq!(port.ask(&request).code, ACCEPT);
    assert_eq!(operator.show("alice")["base"], "steady");
    let local = daemon.gateway("gw-local");
    local.keeps_out("alice", &format!("{PASSWORD}{}", alice.code()));
    local.lets_in("alice", &format!("{NEW}{}", alice.code()));
}

/// Whoever does not go on has changed nothing, and has used up his code.
#[test]
fn a_new_pin_that_is_not_agreed_on_leaves_the_old_one_and_the_code_used_up() {
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let operator = daemon.operator();
    operator.change("Pins.Reset", "alice", &json!({"pin": PIN}));
    let mut port = daemon.gateway("gw-pin").port();
    let passcode = format!("{PIN}{}", alice.code());
    let request = port.request("alice", &passcode);
    let first = port.ask(&request);
    let request = answer(&mut port, "alice", &state(&first), NEW_PIN);
    let again = port.ask(&request);
    assert_eq!(again.code, CHALLENGE);
    let request = port.request("alice", &passcode);
    assert_eq!(port.ask(&request).code, REJECT, "used up");

    // Two at once: the PIN that was set ends the other.
    let request = port.request("alice", &format!("{PIN}{}", alice.code()));
    let mut asked = port.ask(&request);
    for _ in 0..2 {
        let request = answer(&mut port, "alice", &state(&asked), "990817");
        asked = port.ask(&request);
    }
    assert_eq!(asked.code, ACCEPT);
    let request = answer(&mut port, "alice", &state(&again), NEW_PIN);
    assert_eq!(port.ask(&request).code, REJECT, "it is over");
    daemon
        .gateway("gw-pin")
        .lets_in("alice", &format!("990817{}", alice.code()));
}
