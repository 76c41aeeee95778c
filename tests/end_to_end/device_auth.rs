//! A lost phone: the code that is mailed at the next sign-in, and the new token behind it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::daemon::{Daemon, Site};
use crate::common::gateway::{ACCEPT, Port, REJECT, Reply};
use crate::common::ledger::Ledger;
use crate::common::people::{PIN, Person};
use crate::common::sink::Sink;
use crate::dialogues::{answer, state};
use crate::enrolment::{FROM, PAGES, link, shown, words};

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

/// The device authorization code of the mail of this number, of those that bring one.
fn mailed(sink: &Sink, number: usize) -> String {
    let end = Instant::now() + Duration::from_secs(30);
    let code = |mail: &String| {
        let (_, rest) = mail.split_once("Your device authorization code: ")?;
        assert!(mail.contains("To: dora@example.org"), "{mail}");
        Some(rest.lines().next()?.to_owned())
    };
    loop {
        if let Some(code) = sink.mails().iter().filter_map(code).nth(number) {
            return code;
        }
        assert!(Instant::now() < end, "{:?}", sink.mails());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn status(daemon: &Daemon) -> Value {
    let call = json!({"user": "dora"});
    daemon.operator().call("Tokens.DeviceAuthStatus", &call)
}

/// dora's answer to this question, and what she is asked next.
fn next(port: &mut Port, asked: &Reply, typed: &str) -> (Vec<u8>, Reply) {
    let request = answer(port, "dora", &state(asked), typed);
    let reply = port.ask(&request);
    (request, reply)
}

/// The daemon is killed after each step: the same question with the same link, and one mail.
#[test]
fn kill_between_any_two_rounds_from_the_mailed_code_to_the_new_token() {
    let sink = Sink::open();
    let daemon = dora(&format!("{}{PAGES}", sink.config()), "dora@example.org");
    let mut port = daemon.gateway("gw-two").port();
    let first = port.request("dora", PIN);
    let asked = port.ask(&first);
    let question = "A device authorization code was sent to d***a@example.org. Enter it:";
    assert_eq!(words(&asked), question);
    let daemon = daemon.kill().start();
    assert_eq!(port.ask(&first), asked, "the same question");
    let code = mailed(&sink, 0);
    assert_eq!(code.len(), 8);
    let told = status(&daemon);
    assert_eq!(told["code"]["to"], "d***a@example.org");
    assert_eq!(
        (&told["code"]["good"], &told["code"]["tries"]),
        (&json!(true), &json!(5))
    );

    let (second, open) = next(&mut port, &asked, &code);
    let link = link(&words(&open));
    let daemon = daemon.kill().start();
    assert_eq!(port.ask(&second), open, "the same link");
    assert_eq!(status(&daemon)["code"], json!(null), "it is used up");
    let call = json!({"link": link, "user": "dora", "from": FROM});
    let begun = daemon.operator().call("Enrol.Begin", &call);
    let typed = shown(begun["secret"].as_str().unwrap());
    let (last, accepted) = next(&mut port, &open, &typed);
    assert_eq!(accepted.code, ACCEPT);
    let daemon = daemon.kill().start();
    assert_eq!(port.ask(&last), accepted, "the same answer");
    assert_eq!(daemon.operator().show("dora")["rekey"], json!(null));
    assert_eq!(status(&daemon)["asked_for"], json!(false));
    let site = daemon.stop();
    let ledger = Ledger::of(&site);
    for event in ["deviceauth.sent", "deviceauth.ok", "auth.accept"] {
        assert_eq!(ledger.count(event, "dora"), 1, "{event}");
    }
    for record in &ledger.records {
        let text = format!("{record:?}");
        assert!(!text.contains(&code) && !text.contains(&link), "{text}");
    }
}

/// A stolen password: it neither fills the mailbox nor voids the code that its owner has, and five
/// guesses lock.
#[test]
fn a_stolen_password_brings_few_mails_and_no_token() {
    let sink = Sink::open();
    let daemon = dora(&format!("{}{PAGES}", sink.config()), "dora@example.org");
    let mut port = daemon.gateway("gw-two").port();
    let first = port.request("dora", PIN);
    let owners = port.ask(&first);
    let code = mailed(&sink, 0);
    for _ in 0..20 {
        let again = port.request("dora", PIN);
        port.ask(&again);
    }
    let again = port.request("dora", PIN);
    let mut asked = port.ask(&again);
    for _ in 0..3 {
        asked = next(&mut port, &asked, "000000").1;
        assert_eq!(asked.code, REJECT);
        let again = port.request("dora", PIN);
        asked = port.ask(&again);
    }
    assert_eq!(
        status(&daemon)["sent_in_hour"],
        1,
        "two dozen sign-ins, one mail"
    );
    assert_eq!(status(&daemon)["code"]["tries"], 2);
    let (_, open) = next(&mut port, &asked, &code);
    link(&words(&open));
    assert_eq!(next(&mut port, &owners, &code).1.code, REJECT, "used once");
    let again = port.request("dora", PIN);
    asked = port.ask(&again);
    for _ in 0..3 {
        asked = next(&mut port, &asked, "resend").1;
    }
    assert_eq!(asked.code, REJECT, "so many an hour");
    mailed(&sink, 3);
    let again = port.request("dora", PIN);
    asked = port.ask(&again);
    for _ in 0..2 {
        next(&mut port, &asked, &code);
        let again = port.request("dora", PIN);
        asked = port.ask(&again);
    }
    assert_eq!(asked.code, REJECT);
    assert_eq!(daemon.operator().show("dora")["state"], "Account Lockout");
    let codes = sink.mails();
    let codes = codes
        .iter()
        .filter(|mail| mail.contains("Your device authorization code: "));
    assert_eq!(codes.count(), 4);
    daemon.stop();
}

/// Without a page the person proves who he is, and the help desk gives the token.
#[test]
fn where_there_is_no_page_the_code_sends_to_the_help_desk_and_is_asked_for_once() {
    let sink = Sink::open();
    let daemon = dora(&sink.config(), "dora@example.org");
    let operator = daemon.operator();
    let mut port = daemon.gateway("gw-two").port();
    let first = port.request("dora", PIN);
    let asked = port.ask(&first);
    let (_, sent_away) = next(&mut port, &asked, &mailed(&sink, 0));
    assert_eq!(sent_away.code, REJECT);
    let text = "Code accepted. Ask your help desk for a new QR code.";
    assert_eq!(words(&sent_away), text);
    assert!(status(&daemon)["proven_until"].is_string());
    let added = operator.change("Tokens.Add", "dora", &json!({"kind": "totp"}));
    let secret = crate::enrolment::secret(&added);
    let first = port.request("dora", PIN);
    let asked = port.ask(&first);
    assert_eq!(words(&asked), "Enter your one-time code:");
    let (_, accepted) = next(&mut port, &asked, &shown(&secret));
    assert_eq!(accepted.code, ACCEPT);
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
    let mut port = daemon.gateway("gw-gateway").port();
    for _ in 0..3 {
        let first = port.request("dora", "whatever");
        let refused = port.ask(&first);
        assert_eq!(refused.code, REJECT);
        assert_eq!(
            words(&refused),
            "Enrolment required. Contact your help desk."
        );
    }
    let done = operator.change("Tokens.AuthCodeGenerate", "dora", &json!({}));
    let code = done["done"]["reveal"]["text"].as_str().unwrap().to_owned();
    let first = port.request("dora", "whatever");
    let asked = port.ask(&first);
    assert_eq!(words(&asked), "Enter your authorization code:");
    let (_, open) = next(&mut port, &asked, &code);
    link(&words(&open));
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
