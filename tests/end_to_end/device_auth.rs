//! A lost phone: the code that is mailed at the next sign-in, and the new token behind it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::conversation::Conversation;
use crate::common::daemon::{Daemon, Site};
use crate::common::ledger::Ledger;
use crate::common::operator::secret;
use crate::common::people::{PIN, Person, app};
use crate::common::sink::Sink;
use crate::enrolment::{FROM, PAGES, link};

/// dora has a PIN and a token; then its secret is reset.
fn dora(config: &str, email: &str) -> Daemon {
    let daemon = Site::with(&[Person::new("alice")], config).start();
    let operator = daemon.operator();
    let contacts = json!({"email": email, "trusted": true});
    operator.change("Users.Add", "dora", &contacts);
    operator.change("Pins.Reset", "dora", &json!({"pin": PIN, "keep": true}));
    let token = json!({"kind": "totp", "trusted": true});
    operator.change("Tokens.Add", "dora", &token);
    let why = json!({"why": "lost_phone"});
    operator.change("Tokens.ResetSecret", "dora", &why);
    daemon
}

/// What stands before the code in its mail.
const MARK: &str = "Your device authorization code: ";

fn status(daemon: &Daemon) -> Value {
    let call = json!({"user": "dora"});
    daemon.operator().call("Tokens.DeviceAuthStatus", &call)
}

/// The daemon is killed after each step: the same question with the same link, and one mail.
#[test]
fn kill_between_any_two_rounds_from_the_mailed_code_to_the_new_token() {
    let sink = Sink::open();
    let daemon = dora(&format!("{}{PAGES}", sink.config()), "dora@example.org");
    let mut talk = Conversation::begin(&daemon.gateway("gw-two"), "dora", PIN);
    talk.asks("A device authorization code was sent to d***a@example.org. Enter it:");
    let daemon = talk.kill(daemon);
    let code = sink.brought(MARK, 0);
    assert!(sink.mails()[0].contains("To: dora@example.org"));
    assert_eq!(code.len(), 8);
    let told = status(&daemon);
    assert_eq!(told["code"]["to"], "d***a@example.org");
    assert_eq!(
        (&told["code"]["good"], &told["code"]["tries"]),
        (&json!(true), &json!(5))
    );

    talk.types(&code);
    let link = link(&talk);
    let daemon = talk.kill(daemon);
    assert_eq!(status(&daemon)["code"], json!(null), "it is used up");
    let call = json!({"link": link, "user": "dora", "from": FROM});
    let begun = daemon.operator().call("Enrol.Begin", &call);
    talk.types(&app(begun["secret"].as_str().unwrap()));
    talk.is_let_in();
    let daemon = talk.kill(daemon);
    assert_eq!(daemon.operator().show("dora")["rekey"], json!(null));
    assert_eq!(status(&daemon)["asked_for"], json!(false));
    let site = daemon.stop();
    let ledger = Ledger::of(&site);
    for event in ["deviceauth.sent", "deviceauth.ok", "auth.accept"] {
        assert_eq!(ledger.count(event, "dora"), 1, "{event}");
    }
    ledger.keeps_none_of(&[&code, &link]);
}

/// A stolen password: it neither fills the mailbox nor voids the code that its owner has, and five
/// guesses lock.
#[test]
fn a_stolen_password_brings_few_mails_and_no_token() {
    let sink = Sink::open();
    let daemon = dora(&format!("{}{PAGES}", sink.config()), "dora@example.org");
    let gateway = daemon.gateway("gw-two");
    let mut owner = Conversation::begin(&gateway, "dora", PIN);
    let code = sink.brought(MARK, 0);
    let mut thief = Conversation::begin(&gateway, "dora", PIN);
    for _ in 0..20 {
        thief.begin_anew(PIN);
    }
    for _ in 0..3 {
        thief.types("000000");
        thief.is_kept_out();
        thief.begin_anew(PIN);
    }
    assert_eq!(
        status(&daemon)["sent_in_hour"],
        1,
        "two dozen sign-ins, one mail"
    );
    assert_eq!(status(&daemon)["code"]["tries"], 2);
    thief.types(&code);
    link(&thief);
    owner.types(&code);
    owner.is_kept_out();
    // So many an hour.
    thief.begin_anew(PIN);
    for _ in 0..3 {
        thief.types("resend");
    }
    thief.is_kept_out();
    sink.brought(MARK, 3);
    thief.begin_anew(PIN);
    for _ in 0..2 {
        thief.types(&code);
        thief.begin_anew(PIN);
    }
    thief.is_kept_out();
    assert_eq!(daemon.operator().show("dora")["state"], "Account Lockout");
    let codes = sink.mails();
    assert_eq!(codes.iter().filter(|mail| mail.contains(MARK)).count(), 4);
    daemon.stop();
}

/// Without a page the person proves who he is, and the help desk gives the token.
#[test]
fn where_there_is_no_page_the_code_sends_to_the_help_desk_and_is_asked_for_once() {
    let sink = Sink::open();
    let daemon = dora(&sink.config(), "dora@example.org");
    let operator = daemon.operator();
    let mut talk = Conversation::begin(&daemon.gateway("gw-two"), "dora", PIN);
    talk.types(&sink.brought(MARK, 0));
    talk.is_kept_out();
    let text = "Code accepted. Ask your help desk for a new QR code.";
    assert_eq!(talk.reply.words(), text);
    assert!(status(&daemon)["proven_until"].is_string());
    let added = operator.change("Tokens.Add", "dora", &json!({"kind": "totp"}));
    talk.begin_anew(PIN);
    talk.asks("Enter your one-time code:");
    talk.types(&app(secret(&added)));
    talk.is_let_in();
    daemon.stop();
}

/// Nobody to mail to: the administrators hear of it once, and an auth code helps.
#[test]
fn who_has_no_proven_address_is_refused_and_the_administrators_are_told() {
    let sink = Sink::open();
    let daemon = Site::with(
        &[Person::new("alice")],
        &format!("{}{PAGES}", sink.config()),
    )
    .start();
    let operator = daemon.operator();
    operator.change("Users.Add", "dora", &json!({"email": "dora@example.org"}));
    let token = json!({"kind": "totp", "trusted": true});
    operator.change("Tokens.Add", "dora", &token);
    let why = json!({"why": "other"});
    let done = operator.change("Tokens.ResetSecret", "dora", &why);
    let notes = done["done"]["notes"].to_string();
    assert!(notes.contains("no proven e-mail address"), "{notes}");
    let mut talk = Conversation::begin(&daemon.gateway("gw-gateway"), "dora", "whatever");
    for _ in 0..3 {
        talk.is_kept_out();
        let text = "Enrolment required. Contact your help desk.";
        assert_eq!(talk.reply.words(), text);
        talk.begin_anew("whatever");
    }
    let code = operator.auth_code("dora");
    talk.begin_anew("whatever");
    talk.asks("Enter your authorization code:");
    talk.types(&code);
    link(&talk);
    let told = |mail: &&String| {
        mail.contains("To: root@example.org") && mail.contains("has no proven e-mail address")
    };
    let end = Instant::now() + Duration::from_secs(30);
    while sink.mails().iter().filter(told).count() == 0 {
        assert!(Instant::now() < end, "{:?}", sink.mails());
        std::thread::sleep(Duration::from_millis(20));
    }
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("deviceauth.failed", "dora"), 1);
    assert_eq!(sink.mails().iter().filter(told).count(), 1);
}

/// Where no auth codes are made a reset takes the code that is mailed; the daemon is killed after each
/// round.
#[test]
fn a_reset_takes_the_mailed_code_where_no_auth_codes_are_made() {
    let sink = Sink::open();
    let config = format!("{}[auth_code]\nalways_suppress = true\n", sink.config());
    let mut dora = Person::new("dora");
    let mut daemon = Site::with(std::slice::from_ref(&dora), &config).start();
    let operator = daemon.operator();
    let address = json!({"email": "dora@example.org", "trusted": true});
    operator.change("Users.Edit", "dora", &address);
    operator.change("Users.SetState", "dora", &json!({"state": "reset"}));
    assert_eq!(status(&daemon)["asked_for"], json!(true));
    let mut talk = Conversation::begin(&daemon.gateway("gw-two"), "dora", PIN);
    for (typed, asks) in [
        (
            &*sink.brought(MARK, 0),
            "A device authorization code was sent to d***a@example.org. Enter it:",
        ),
        ("778240", "Enter a new PIN having from 6 to 12 digits:"),
        ("778240", "Please re-enter new PIN:"),
        (&*dora.code(), "Enter your one-time code:"),
    ] {
        talk.asks(asks);
        daemon = talk.kill(daemon);
        talk.types(typed);
    }
    talk.is_let_in();
    assert_eq!(daemon.operator().show("dora")["state"], "Steady State");
    let ledger = Ledger::of(&daemon.stop());
    for event in ["deviceauth.sent", "deviceauth.ok", "pin.changed"] {
        assert_eq!(ledger.count(event, "dora"), 1, "{event}");
    }
}
