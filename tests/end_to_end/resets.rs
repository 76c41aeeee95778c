//! A reset, walked through at the prompt: the auth code, a new PIN, a code of each token.

use serde_json::{Value, json};

use mfad::radius::{AttributeType, Packet};
use mfad::token::{Otp, Period, base32, totp};

use crate::common::daemon::{Daemon, Site};
use crate::common::gateway::{ACCEPT, CHALLENGE, REJECT, Reply};
use crate::common::ledger::Ledger;
use crate::common::people::{PIN, Person};
use crate::dialogues::{answer, state};

const NEW_PIN: &str = "778240";

fn words(reply: &Reply) -> String {
    let packet = Packet::decode(&reply.octets).unwrap();
    let words = packet.first(AttributeType::REPLY_MESSAGE).unwrap();
    String::from_utf8(words.to_vec()).unwrap()
}

/// The state, and the auth code that goes with it.
fn order(daemon: &Daemon, state: &str) -> String {
    let operator = daemon.operator();
    operator.change("Users.SetState", "alice", &json!({"state": state}));
    let done = operator.change("Tokens.AuthCodeGenerate", "alice", &json!({}));
    done["done"]["reveal"]["text"].as_str().unwrap().to_owned()
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
    let mut port = daemon.gateway("gw-two").port();
    let request = port.request("alice", &alice.code());
    assert_eq!(port.ask(&request).code, REJECT, "locked");
    let auth_code = order(&daemon, "reset");
    let mut request = port.request("alice", &alice.code());
    for (typed, code) in [
        (auth_code.as_str(), CHALLENGE),
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
    for record in &ledger.records {
        let kept = serde_json::to_string(&record.detail).unwrap();
        assert!(
            !kept.contains(NEW_PIN) && !kept.contains(&auth_code),
            "{kept}"
        );
    }
}

/// What the app shows that has this secret.
fn shown(added: &Value) -> String {
    let uri = added["done"]["reveal"]["text"].as_str().unwrap();
    let (_, secret) = uri.split_once("secret=").unwrap();
    let secret = secret.split('&').next().unwrap();
    let seed = base32::decode(secret.as_bytes()).unwrap();
    let now = mfad::sys::clock::Clock::start().now();
    let step = totp::step_at(now.wall, Period::THIRTY);
    let code = Otp::TOTP.code_at(seed.expose(), step);
    code.text().expose().clone()
}

/// Both tokens show a code; the codes on paper are void. Who stops in between needs another auth code.
#[test]
fn reset_all_asks_for_a_code_of_each_token() {
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let operator = daemon.operator();
    let spare = json!({"kind": "totp", "trusted": true, "description": "spare"});
    let spare = operator.change("Tokens.Add", "alice", &spare);
    let paper = operator.change("Tokens.RecoveryIssue", "alice", &json!({}));
    let paper = paper["done"]["reveal"]["text"].as_str().unwrap().to_owned();
    let mut port = daemon.gateway("gw-two").port();
    let auth_code = order(&daemon, "reset-all");
    let request = port.request("alice", PIN);
    let asked = port.ask(&request);
    let request = answer(&mut port, "alice", &state(&asked), &auth_code);
    assert_eq!(port.ask(&request).code, CHALLENGE);
    let request = port.request("alice", PIN);
    let asked = port.ask(&request);
    let request = answer(&mut port, "alice", &state(&asked), &auth_code);
    assert_eq!(port.ask(&request).code, REJECT, "good once");
    assert_eq!(operator.show("alice")["base"], "reset-all");

    let done = operator.change("Tokens.AuthCodeGenerate", "alice", &json!({}));
    let auth_code = done["done"]["reveal"]["text"].as_str().unwrap();
    let mut request = port.request("alice", PIN);
    for (question, typed) in [
        ("Enter your authorization code:", auth_code),
        ("Enter a new PIN having from 6 to 12 digits:", NEW_PIN),
        ("Please re-enter new PIN:", NEW_PIN),
        ("Enter your one-time code:", &alice.code()),
        ("Enter a one-time code of spare:", &shown(&spare)),
    ] {
        let asked = port.ask(&request);
        assert_eq!(words(&asked), question);
        request = answer(&mut port, "alice", &state(&asked), typed);
    }
    assert_eq!(port.ask(&request).code, ACCEPT);
    assert_eq!(operator.show("alice")["base"], "steady");
    let first = paper.split_whitespace().next().unwrap();
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
    let mut port = daemon.gateway("gw-two").port();
    let request = port.request("alice", PIN);
    let asked = port.ask(&request);
    let request = answer(&mut port, "alice", &state(&asked), &alice.code());
    let asked = port.ask(&request);
    assert_eq!(words(&asked), "To resync your token, enter the next code:");
    daemon = daemon.kill().start();
    assert_eq!(port.ask(&request), asked, "the same question");
    let request = answer(&mut port, "alice", &state(&asked), &alice.code());
    let accepted = port.ask(&request);
    assert_eq!(accepted.code, ACCEPT);
    daemon = daemon.kill().start();
    assert_eq!(port.ask(&request), accepted, "the same answer");
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
