//! Emergency Access: from a blocked PIN by questions to a new one.

use serde_json::{Value, json};

use mfad::radius::{AttributeType, Packet};

use super::dialogues::{answer, state};
use crate::common::daemon::{Daemon, Site};
use crate::common::gateway::{CHALLENGE, REJECT, Reply};
use crate::common::ledger::Ledger;
use crate::common::people::{PIN, Person};

const NEW_PIN: &str = "778240";
const WRONG_PIN: &str = "990817";
const ANSWERS: [&str; 3] = ["Rex of Elm", "elm ROAD", "mrs  hull"];

/// The words of a reply.
fn words(reply: &Reply) -> String {
    let packet = Packet::decode(&reply.octets).unwrap();
    let words = packet.first(AttributeType::REPLY_MESSAGE).unwrap();
    String::from_utf8(words.to_vec()).unwrap()
}

/// A person with questions, where that is on.
fn with_questions(alice: &Person) -> Daemon {
    let more = "[emergency]\nenabled = true\n";
    let daemon = Site::with(std::slice::from_ref(alice), more).start();
    let questions = json!(["First pet?", "First street?", "First teacher?"]);
    let answers = "rex OF elm\nElm Road\nMrs Hull\n";
    let set = json!({"questions": questions, "answers": answers});
    daemon.operator().change("Pins.EmergencySet", "alice", &set);
    daemon
}

/// Five wrong PINs with right codes.
fn block(daemon: &Daemon, alice: &mut Person) {
    let pin = daemon.gateway("gw-pin");
    for _ in 0..5 {
        pin.keeps_out("alice", &format!("{WRONG_PIN}{}", alice.code()));
    }
    assert_eq!(daemon.operator().show("alice")["state"], "Account Lockout");
}

#[test]
fn kill_between_any_two_rounds_and_a_blocked_pin_is_changed_by_questions() {
    let mut alice = Person::new("alice");
    let mut daemon = with_questions(&alice);
    block(&daemon, &mut alice);
    let mut port = daemon.gateway("gw-gateway").port();
    let mut request = port.request("alice", "Help");
    for (typed, asks) in [
        (ANSWERS[0], "Question 1 of 3: First pet?"),
        (ANSWERS[1], "Question 2 of 3: First street?"),
        (ANSWERS[2], "Question 3 of 3: First teacher?"),
        ("1", "Answers accepted. 1 = change PIN, 2 = cancel:"),
        (NEW_PIN, "Enter a new PIN having from 6 to 12 digits:"),
        (NEW_PIN, "Please re-enter new PIN:"),
    ] {
        let asked = port.ask(&request);
        assert_eq!((asked.code, words(&asked).as_str()), (CHALLENGE, asks));
        daemon = daemon.kill().start();
        assert_eq!(port.ask(&request), asked, "the same question");
        request = answer(&mut port, "alice", &state(&asked), typed);
    }
    let changed = port.ask(&request);
    assert_eq!(changed.code, REJECT, "answers let nobody in");
    assert_eq!(words(&changed), "PIN changed. Please sign in again.");
    daemon = daemon.kill().start();
    assert_eq!(port.ask(&request), changed, "the same answer");

    let shown = daemon.operator().show("alice");
    assert_eq!(shown["state"], "Steady State");
    let pin = daemon.gateway("gw-pin");
    pin.keeps_out("alice", &format!("{PIN}{}", alice.code()));
    pin.lets_in("alice", &format!("{NEW_PIN}{}", alice.code()));
    let ledger = Ledger::of(&daemon.stop());
    for event in [
        "emergency.started",
        "emergency.ok",
        "pin.changed",
        "user.unlocked",
    ] {
        assert_eq!(ledger.count(event, "alice"), 1, "{event}");
    }
    assert_eq!(ledger.count("auth.challenge", "alice"), 6);
    assert_eq!(ledger.count("emergency.failed", "alice"), 0);
    for record in &ledger.records {
        let kept = serde_json::to_string(&record.detail)
            .unwrap()
            .to_lowercase();
        for answer in ["rex of", "elm road", "mrs hull", NEW_PIN] {
            assert!(!kept.contains(answer), "{kept}");
        }
    }
}

/// Whatever was wrong, all questions are asked and the end is the same; three tries are all there are,
/// and a request that comes again is no further one.
#[test]
fn three_wrong_tries_lock_the_questions_and_never_tell_which_answer_was_wrong() {
    let mut alice = Person::new("alice");
    let daemon = with_questions(&alice);
    block(&daemon, &mut alice);
    let mut port = daemon.gateway("gw-gateway").port();
    let mut ends = Vec::new();
    for wrong in 0..3 {
        let mut request = port.request("alice", "help");
        for (number, right) in ANSWERS.iter().enumerate() {
            let asked = port.ask(&request);
            let begin = format!("Question {} of 3: ", number + 1);
            assert!(words(&asked).starts_with(&begin), "{}", words(&asked));
            let typed = if number == wrong { "no" } else { *right };
            request = answer(&mut port, "alice", &state(&asked), typed);
        }
        let end = port.ask(&request);
        assert_eq!(port.ask(&request), end);
        assert_eq!((end.code, words(&end).as_str()), (REJECT, "Access denied."));
        ends.push(end.octets.len());
    }
    assert_eq!(ends, [ends[0]; 3]);
    let request = port.request("alice", "help");
    assert_eq!(port.ask(&request).code, REJECT, "no further try");

    let operator = daemon.operator();
    let listed = operator.call("Tokens.List", &json!({"user": "alice"}));
    let tokens = listed["tokens"].as_array().unwrap();
    let asked = tokens.iter().find(|token| token["kind"] == "qa").unwrap();
    assert_eq!(
        (&asked["status"], &asked["failures"]),
        (&json!("locked"), &json!(3))
    );
    let id: &Value = &asked["id"];
    operator.call("Tokens.Unlock", &json!({"token": id}));
    let request = port.request("alice", "help");
    assert_eq!(port.ask(&request).code, CHALLENGE);
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("emergency.failed", "alice"), 3);
    assert_eq!(ledger.count("token.locked", "alice"), 1);
}
