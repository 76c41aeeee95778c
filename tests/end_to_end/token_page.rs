//! The life of a token as an operator sees and leads it, and what the next packet meets each time.

use mfad::token::base32;
use serde_json::{Value, json};

use crate::common::daemon::{Daemon, Site};
use crate::common::people::Person;

/// A call about the one token of alice; the code of the error if it is refused.
fn token(daemon: &Daemon, method: &str, id: &str, more: &Value) -> Result<Value, String> {
    let mut parameters = json!({"token": id, "reason": "a test"});
    for (name, value) in more.as_object().unwrap() {
        parameters[name] = value.clone();
    }
    let answer = daemon.operator().try_call(method, &parameters);
    answer.map_err(|fault| fault["parameters"]["code"].as_str().unwrap().to_owned())
}

fn status(daemon: &Daemon) -> String {
    let shown = daemon.operator().show("alice");
    let status = shown["tokens"][0]["status"].as_str();
    status.unwrap_or("gone").to_owned()
}

#[test]
fn a_token_is_viewed_edited_tested_switched_resynced_and_voided() {
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let gateway = daemon.gateway("gw-none");
    let shown = daemon.operator().show("alice");
    let id = shown["tokens"][0]["id"].as_str().unwrap().to_owned();
    let none = json!({});
    assert_eq!(status(&daemon), "registered");

    // A test uses the code up, and makes nothing active.
    let code = alice.code();
    token(&daemon, "Tokens.Test", &id, &json!({"code": code})).unwrap();
    assert_eq!(status(&daemon), "registered");
    gateway.keeps_out("alice", &code);
    gateway.lets_in("alice", &alice.code());
    assert_eq!(status(&daemon), "active");

    let card = json!({"description": "card", "expires": "2099-12-31T00:00:00Z"});
    token(&daemon, "Tokens.Edit", &id, &card).unwrap();
    let shown = daemon.operator().show("alice");
    assert_eq!(shown["tokens"][0]["description"], "card");

    // Off and on again: the last one only if that is insisted on.
    let refused = token(&daemon, "Tokens.Disable", &id, &none);
    assert_eq!(refused.unwrap_err(), "E_LAST_TOKEN");
    token(&daemon, "Tokens.Disable", &id, &json!({"force": true})).unwrap();
    gateway.keeps_out("alice", &alice.code());
    assert_eq!(status(&daemon), "disabled");
    token(&daemon, "Tokens.Enable", &id, &none).unwrap();
    assert_eq!(status(&daemon), "active");
    gateway.lets_in("alice", &alice.code());

    // Two codes from far ahead: in the wrong order they change nothing, in the right one they do.
    alice.next += 500;
    let (first, second) = (alice.code(), alice.code());
    let swapped = json!({"first": second, "second": first});
    let refused = token(&daemon, "Tokens.Resync", &id, &swapped);
    assert_eq!(refused.unwrap_err(), "E_OTP");
    gateway.keeps_out("alice", &alice.hotp(alice.next));
    let in_order = json!({"first": first, "second": second});
    token(&daemon, "Tokens.Resync", &id, &in_order).unwrap();
    gateway.lets_in("alice", &alice.code());

    // No way back from obsolete, only out.
    token(&daemon, "Tokens.Obsolete", &id, &none).unwrap();
    gateway.keeps_out("alice", &alice.code());
    let refused = token(&daemon, "Tokens.Enable", &id, &none);
    assert_eq!(refused.unwrap_err(), "E_STATE");
    token(&daemon, "Tokens.Delete", &id, &none).unwrap();
    assert_eq!(status(&daemon), "gone");
    daemon.stop();
}

#[test]
fn deactivating_gives_one_seat_back_and_only_one() {
    let people = ["alice", "bob"].map(Person::new);
    let daemon = Site::new(&people).start();
    let operator = daemon.operator();
    let seats = || operator.call("Daemon.Seats", &json!({}))["counted"].clone();
    assert_eq!(seats(), 2);
    operator.set_state("alice", "deactivated");
    assert_eq!(seats(), 1);
    operator.set_state("alice", "deactivated");
    assert_eq!(seats(), 1);
    operator.change("Users.Reactivate", "alice", &json!({}));
    assert_eq!(seats(), 2);
    daemon.stop();
}

/// What alice's app holds after a new token was shown to it, and the token's id.
fn enrolled(daemon: &Daemon, more: &Value) -> (Person, String) {
    let done = daemon.operator().change("Tokens.Add", "alice", more)["done"].clone();
    let uri = done["reveal"]["text"].as_str().unwrap();
    let secret = uri.split("secret=").nth(1).unwrap().split('&').next();
    let seed = base32::decode(secret.unwrap().as_bytes()).unwrap();
    let mut app = Person::new("alice");
    app.seed = seed.expose().as_slice().try_into().unwrap();
    (app, done["token"].as_str().unwrap().to_owned())
}

#[test]
fn a_reset_secret_keeps_out_until_a_new_token_is_proven() {
    let daemon = Site::new(&[Person::new("bob")]).start();
    let (gateway, operator) = (daemon.gateway("gw-none"), daemon.operator());
    operator.change("Users.Add", "alice", &json!({}));
    let (mut app, id) = enrolled(&daemon, &json!({"kind": "hotp", "trusted": true}));
    gateway.lets_in("alice", &app.code());
    let why = json!({"why": "lost_phone"});
    operator.change("Tokens.ResetSecret", "alice", &why);
    gateway.keeps_out("alice", &app.code());
    let shown = operator.show("alice");
    assert_eq!(shown["rekey"]["token"], *id);
    assert_eq!(shown["rekey"]["why"], "lost_phone");
    assert_eq!(shown["state"], "Steady State");

    let (mut anew, id) = enrolled(&daemon, &json!({"kind": "hotp"}));
    gateway.keeps_out("alice", &anew.code());
    assert_ne!(operator.show("alice")["rekey"], Value::Null);
    token(
        &daemon,
        "Tokens.Confirm",
        &id,
        &json!({"code": anew.code()}),
    )
    .unwrap();
    assert_eq!(operator.show("alice")["rekey"], Value::Null);
    gateway.keeps_out("alice", &app.code());
    gateway.lets_in("alice", &anew.code());
    daemon.stop();
}
