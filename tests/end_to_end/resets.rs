//! A reset, walked through at the prompt: the auth code, a new PIN, a code of each token.

use serde_json::json;

use crate::common::conversation::Conversation;
use crate::common::daemon::{Daemon, Site};
use crate::common::ledger::Ledger;
use crate::common::operator::{revealed, secret};
use crate::common::people::{PIN, Person, app};

const NEW_PIN: &str = "778240";

/// The state, and the auth code that goes with it.
fn order(daemon: &Daemon, state: &str) -> String {
    daemon.operator().set_state("alice", state);
    daemon.operator().auth_code("alice")
}

/// A PIN that was guessed at until it was blocked, and the account with it. A daemon that is killed
/// after each packet leads from there to the login with a new one.
#[test]
fn kill_between_any_two_rounds_and_a_blocked_pin_is_replaced() {
    let mut alice = Person::new("alice");
    let mut daemon = Site::new(std::slice::from_ref(&alice)).start();
    for _ in 0..5 {
        let passcode = format!("000000{}", alice.code());
        daemon.gateway("gw-pin").keeps_out("alice", &passcode);
    }
    assert_eq!(daemon.operator().show("alice")["state"], "Account Lockout");
    let mut talk = Conversation::begin(&daemon.gateway("gw-two"), "alice", &alice.code());
    talk.is_kept_out();
    let auth_code = order(&daemon, "reset");
    talk.begin_anew(&alice.code());
    for typed in [&auth_code, NEW_PIN, NEW_PIN] {
        daemon = talk.kill(daemon);
        talk.types(typed);
    }
    talk.is_let_in();
    daemon = talk.kill(daemon);
    let shown = daemon.operator().show("alice");
    assert_eq!(shown["state"], "Steady State");

    let pin = daemon.gateway("gw-pin");
    pin.keeps_out("alice", &format!("{PIN}{}", alice.code()));
    pin.lets_in("alice", &format!("{NEW_PIN}{}", alice.code()));
    let ledger = Ledger::of(&daemon.stop());
    for event in [
        "authcode.used",
        "pin.unblocked",
        "user.unlocked",
        "pin.changed",
    ] {
        assert_eq!(ledger.count(event, "alice"), 1, "{event}");
    }
    ledger.keeps_none_of(&[NEW_PIN, &auth_code]);
}

/// Both tokens show a code; the codes on paper are void. Who stops in between needs another auth code,
/// but not because the daemon was killed.
#[test]
fn reset_all_asks_for_a_code_of_each_token() {
    let mut alice = Person::new("alice");
    let mut daemon = Site::new(std::slice::from_ref(&alice)).start();
    let operator = daemon.operator();
    let spare = json!({"kind": "totp", "trusted": true, "description": "spare"});
    let spare = operator.change("Tokens.Add", "alice", &spare);
    let paper = operator.change("Tokens.RecoveryIssue", "alice", &json!({}));
    let auth_code = order(&daemon, "reset-all");
    let mut talk = Conversation::begin(&daemon.gateway("gw-two"), "alice", PIN);
    talk.types(&auth_code);
    talk.asks("Enter a new PIN having from 6 to 12 digits:");
    // It is good once.
    talk.begin_anew(PIN);
    talk.types(&auth_code);
    talk.is_kept_out();
    assert_eq!(operator.show("alice")["base"], "reset-all");

    talk.begin_anew(PIN);
    for (question, typed) in [
        (
            "Enter your authorization code:",
            &*operator.auth_code("alice"),
        ),
        ("Enter a new PIN having from 6 to 12 digits:", NEW_PIN),
        ("Please re-enter new PIN:", NEW_PIN),
        ("Enter your one-time code:", &alice.code()),
        ("Enter a one-time code of spare:", &app(secret(&spare))),
    ] {
        talk.asks(question);
        daemon = talk.kill(daemon);
        talk.types(typed);
    }
    talk.is_let_in();
    daemon = talk.kill(daemon);
    assert_eq!(operator.show("alice")["base"], "steady");
    let first = revealed(&paper).split_whitespace().next().unwrap();
    let passcode = format!("{NEW_PIN}{first}");
    daemon.gateway("gw-pin").keeps_out("alice", &passcode);
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("recovery.revoked", "alice"), 1);
    assert_eq!(ledger.count("authcode.used", "alice"), 2);
}

/// The button was pressed in the pocket. A daemon that is killed between the two codes finds the place.
#[test]
fn kill_between_two_codes_and_a_token_that_is_ahead_is_found() {
    let mut alice = Person::new("alice");
    let site = Site::with(std::slice::from_ref(&alice), "[hotp]\nself_resync = true\n");
    let mut daemon = site.start();
    alice.next = 400;
    let mut talk = Conversation::begin(&daemon.gateway("gw-two"), "alice", PIN);
    talk.types(&alice.code());
    talk.asks("To resync your token, enter the next code:");
    daemon = talk.kill(daemon);
    talk.types(&alice.code());
    talk.is_let_in();
    daemon = talk.kill(daemon);
    let passcode = format!("{PIN}{}", alice.code());
    daemon.gateway("gw-pin").lets_in("alice", &passcode);

    // Behind a wrong code nobody is asked.
    daemon
        .gateway("gw-pin")
        .keeps_out("alice", &format!("{PIN}000000"));
    alice.next = 700;
    let passcode = format!("{PIN}{}", alice.code());
    daemon.gateway("gw-pin").keeps_out("alice", &passcode);
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("token.resynced", "alice"), 1);
    assert_eq!(ledger.count("token.ahead", "alice"), 1);
}
