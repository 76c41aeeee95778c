//! Codes that are sent for a sign-in, and sign-ins that want several methods.

use std::time::{Duration, Instant};

use serde_json::json;

use super::dialogues::{answer, state};
use crate::common::daemon::{Daemon, Site};
use crate::common::gateway::{ACCEPT, CHALLENGE, REJECT};
use crate::common::ledger::Ledger;
use crate::common::people::{PIN, Person};
use crate::common::sink::Sink;

const BOTH: &str = "[sets]\ndefault = [[\"totp\", \"hotp\"], [\"virtual\"]]\n";

/// A daemon that mails, and alice with a proven address.
fn with_mail(people: &[Person], sink: &Sink, more: &str) -> Daemon {
    let daemon = Site::with(people, &format!("{}{more}", sink.config())).start();
    let operator = daemon.operator();
    let address = json!({"email": "alice@example.org"});
    operator.change("Users.Edit", "alice", &address);
    let token = json!({"kind": "virtual", "via": "email", "trusted": true});
    operator.change("Tokens.Add", "alice", &token);
    daemon
}

/// The code of the sign-in mail of this number.
fn mailed(sink: &Sink, number: usize) -> String {
    let before = "Your code for the sign-in: ";
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let mails = sink.mails();
        let mut codes = mails.iter().filter_map(|mail| mail.split(before).nth(1));
        if let Some(rest) = codes.nth(number) {
            return rest.chars().take(6).collect();
        }
        assert!(Instant::now() < end, "{mails:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A daemon that is killed after each packet: no code is sent twice, none is forgotten.
#[test]
fn kill_between_any_two_rounds_of_two_methods_and_one_code_is_sent() {
    let sink = Sink::open();
    let mut alice = Person::new("alice");
    let mut daemon = with_mail(std::slice::from_ref(&alice), &sink, BOTH);
    let mut port = daemon.gateway("gw-two").port();
    let mut request = port.request("alice", PIN);
    let mut asked = port.ask(&request);
    for round in 0..2 {
        assert_eq!(asked.code, CHALLENGE);
        daemon = daemon.kill().start();
        assert_eq!(port.ask(&request), asked, "the same question");
        let typed = if round == 0 {
            alice.code()
        } else {
            mailed(&sink, 0)
        };
        request = answer(&mut port, "alice", &state(&asked), &typed);
        asked = port.ask(&request);
    }
    assert_eq!(asked.code, ACCEPT);
    daemon = daemon.kill().start();
    assert_eq!(port.ask(&request), asked, "the same answer");
    let ledger = Ledger::of(&daemon.stop());
    let accepts: Vec<_> = ledger.of_user("auth.accept", "alice").collect();
    let [accept] = accepts.as_slice() else {
        panic!("{} times", accepts.len());
    };
    let tokens = accept.detail["tokens"].as_str().unwrap();
    assert_eq!(tokens.split(',').count(), 2, "{tokens}");
    assert_eq!(ledger.count("token.code_sent", "alice"), 1);
    let code = mailed(&sink, 0);
    for record in &ledger.records {
        let kept = serde_json::to_string(&record.detail).unwrap();
        assert!(!kept.contains(&code), "{kept}");
    }
}

/// Whoever knows the first factor makes five messages an hour and no more, whatever else he sends.
#[test]
fn a_flood_behind_a_right_pin_sends_what_the_limits_allow() {
    let sink = Sink::open();
    let people = ["alice", "bob"].map(Person::new);
    let only = "[sets]\ndefault = [[\"virtual\"]]\nbobs = [[\"hotp\"]]\n";
    let daemon = with_mail(&people, &sink, only);
    let operator = daemon.operator();
    operator.change("Users.Edit", "bob", &json!({"set": "bobs"}));
    let mut port = daemon.gateway("gw-two").port();
    let requests: Vec<Vec<u8>> = (0..40).map(|_| port.request("alice", PIN)).collect();
    let mut answers = requests.iter().map(|request| port.ask(request).code);
    let asked = answers
        .by_ref()
        .take_while(|code| *code == CHALLENGE)
        .count();
    assert_eq!(asked, 5);
    let revision = operator.show("alice")["revision"].clone();
    assert!(answers.all(|code| code == REJECT));
    let after = operator.show("alice")["revision"].clone();
    assert_eq!(after, revision, "a refusal is no change of the record");
    for typed in ["402818", ""] {
        let request = port.request("alice", typed);
        port.ask(&request);
    }
    let [_, mut bob] = people;
    let mut elsewhere = daemon.gateway("gw-two").port();
    let request = elsewhere.request("bob", PIN);
    let asked = elsewhere.ask(&request);
    let request = answer(&mut elsewhere, "bob", &state(&asked), &bob.code());
    assert_eq!(elsewhere.ask(&request).code, ACCEPT, "nobody else waits");
    mailed(&sink, 4);
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("token.code_sent", "alice"), 5);
    let codes = sink.mails();
    let codes = codes
        .iter()
        .filter(|mail| mail.contains("for the sign-in:"));
    assert_eq!(codes.count(), 5);
}
