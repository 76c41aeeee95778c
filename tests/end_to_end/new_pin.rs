//! A new PIN, asked for in the middle of a sign-in.

use serde_json::json;

use crate::common::conversation::Conversation;
use crate::common::daemon::{Daemon, Site};
use crate::common::ledger::Ledger;
use crate::common::people::{PASSWORD, PIN, Person};

const NEW_PIN: &str = "778240";

fn has_the_new_pin(daemon: &Daemon, alice: &mut Person) {
    let pin = daemon.gateway("gw-pin");
    pin.keeps_out("alice", &format!("{PIN}{}", alice.code()));
    pin.lets_in("alice", &format!("{NEW_PIN}{}", alice.code()));
}

/// A daemon that is killed after each packet: nothing is asked twice, forgotten or let through.
#[test]
fn kill_between_any_two_rounds_and_the_new_pin_is_set() {
    let mut alice = Person::new("alice");
    let mut daemon = Site::new(std::slice::from_ref(&alice)).start();
    let operator = daemon.operator();
    operator.change("Pins.Reset", "alice", &json!({"pin": PIN}));
    let asked_at = operator.show("alice")["pin"]["asked_at"].clone();
    assert!(asked_at.as_array().unwrap().contains(&json!("gw-two")));
    let mut talk = Conversation::begin(&daemon.gateway("gw-two"), "alice", PIN);
    for typed in [&alice.code(), "123456", NEW_PIN, "778241", NEW_PIN, NEW_PIN] {
        daemon = talk.kill(daemon);
        talk.types(typed);
    }
    talk.is_let_in();
    daemon = talk.kill(daemon);

    has_the_new_pin(&daemon, &mut alice);
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("pin.changed", "alice"), 1);
    assert_eq!(ledger.count("auth.challenge", "alice"), 6);
    ledger.keeps_none_of(&[NEW_PIN, "778241"]);
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
    let signs_in = format!("{PIN}{}", alice.code());
    daemon.gateway("gw-pin").lets_in("alice", &signs_in);
    daemon.operator().change("Pins.Clear", "alice", &json!({}));
    let mut talk = Conversation::begin(&daemon.gateway("gw-two"), "alice", &alice.code());
    talk.types(NEW_PIN);
    talk.types(NEW_PIN);
    daemon = talk.kill(daemon);
    talk.types(&format!("{NEW_PIN}{}", alice.code()));
    talk.is_let_in();
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("pin.changed", "alice"), 1);
    assert_eq!(ledger.count("auth.accept", "alice"), 2);
}

/// Whoever holds the phone of somebody who has never signed in makes no account of it.
#[test]
fn a_code_alone_sets_no_pin_before_the_first_sign_in() {
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let operator = daemon.operator();
    operator.change("Pins.Clear", "alice", &json!({}));
    assert_eq!(operator.show("alice")["pin"]["asked_at"], json!([]));
    daemon.gateway("gw-two").keeps_out("alice", &alice.code());
    // Where a password is checked before, the token becomes active; then it is enough.
    daemon.gateway("gw-none").lets_in("alice", &alice.code());
    let asked_at = operator.show("alice")["pin"]["asked_at"].clone();
    assert!(asked_at.as_array().unwrap().contains(&json!("gw-two")));
    let mut talk = Conversation::begin(&daemon.gateway("gw-two"), "alice", &alice.code());
    talk.types(NEW_PIN);
    talk.types(NEW_PIN);
    talk.is_let_in();
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("auth.reject", "alice"), 1);
}

/// A daemon that is killed between the two has the first one still.
#[test]
fn update_credential_has_the_password_changed_and_ends() {
    const NEW: &str = "mountain lakes 7";
    let mut alice = Person::new("alice");
    let mut daemon = Site::new(std::slice::from_ref(&alice)).start();
    let operator = daemon.operator();
    let update = json!({"state": "update", "what": "password"});
    operator.change("Users.SetState", "alice", &update);
    // Nobody types a password there.
    daemon
        .gateway("gw-pin")
        .lets_in("alice", &format!("{PIN}{}", alice.code()));
    assert_eq!(operator.show("alice")["base"], "update");
    let local = daemon.gateway("gw-local");
    let passcode = format!("{PASSWORD}{}", alice.code());
    let mut talk = Conversation::begin(&local, "alice", &passcode);
    for _ in 0..2 {
        daemon = talk.kill(daemon);
        talk.types(NEW);
    }
    talk.is_let_in();
    daemon = talk.kill(daemon);
    assert_eq!(operator.show("alice")["base"], "steady");
    local.keeps_out("alice", &format!("{PASSWORD}{}", alice.code()));
    local.lets_in("alice", &format!("{NEW}{}", alice.code()));
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("password.changed", "alice"), 1);
    ledger.keeps_none_of(&[NEW]);
}

/// Whoever wants another PIN types the word for it; each packet is the last one of a daemon.
#[test]
fn kill_between_any_two_rounds_from_the_word_to_the_new_pin() {
    let mut alice = Person::new("alice");
    let word = "[self_service]\npin_keyword = \"newpin\"\n";
    let mut daemon = Site::with(std::slice::from_ref(&alice), word).start();
    let mut talk = Conversation::begin(&daemon.gateway("gw-two"), "alice", "newpin");
    for (question, typed) in [
        ("Enter your passcode:", PIN),
        ("Enter your one-time code:", &*alice.code()),
        ("Enter a new PIN having from 6 to 12 digits:", NEW_PIN),
        ("Please re-enter new PIN:", NEW_PIN),
    ] {
        talk.asks(question);
        daemon = talk.kill(daemon);
        talk.types(typed);
    }
    talk.is_let_in();
    daemon = talk.kill(daemon);
    has_the_new_pin(&daemon, &mut alice);
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("pin.changed", "alice"), 1);
    assert_eq!(ledger.count("auth.challenge", "alice"), 4);
    ledger.keeps_none_of(&[NEW_PIN]);
}

/// Whoever does not go on has changed nothing, and has used up his code.
#[test]
fn a_new_pin_that_is_not_agreed_on_leaves_the_old_one_and_the_code_used_up() {
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let operator = daemon.operator();
    operator.change("Pins.Reset", "alice", &json!({"pin": PIN}));
    let gateway = daemon.gateway("gw-pin");
    let passcode = format!("{PIN}{}", alice.code());
    let mut first = Conversation::begin(&gateway, "alice", &passcode);
    first.types(NEW_PIN);
    first.asks("Please re-enter new PIN:");
    gateway.keeps_out("alice", &passcode);

    // Two at once: the PIN that was set ends the other.
    let passcode = format!("{PIN}{}", alice.code());
    let mut second = Conversation::begin(&gateway, "alice", &passcode);
    second.types("990817");
    second.types("990817");
    second.is_let_in();
    first.types(NEW_PIN);
    first.is_kept_out();
    gateway.lets_in("alice", &format!("990817{}", alice.code()));
}
