//! Emergency Access: from a blocked PIN by questions to a new one.

use serde_json::{Value, json};

use crate::common::conversation::Conversation;
use crate::common::daemon::{Daemon, Site};
use crate::common::ledger::Ledger;
use crate::common::people::{PIN, Person};

const NEW_PIN: &str = "778240";
const WRONG_PIN: &str = "990817";
const ANSWERS: [&str; 3] = ["Rex of Elm", "elm ROAD", "mrs  hull"];

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
    let mut talk = Conversation::begin(&daemon.gateway("gw-gateway"), "alice", "Help");
    for (typed, asks) in [
        (ANSWERS[0], "Question 1 of 3: First pet?"),
        (ANSWERS[1], "Question 2 of 3: First street?"),
        (ANSWERS[2], "Question 3 of 3: First teacher?"),
        ("1", "Answers accepted. 1 = change PIN, 2 = cancel:"),
        (NEW_PIN, "Enter a new PIN having from 6 to 12 digits:"),
        (NEW_PIN, "Please re-enter new PIN:"),
    ] {
        talk.asks(asks);
        daemon = talk.kill(daemon);
        talk.types(typed);
    }
    // Answers let nobody in.
    talk.is_kept_out();
    assert_eq!(talk.reply.words(), "PIN changed. Please sign in again.");
    daemon = talk.kill(daemon);

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
    ledger.keeps_none_of(&["rex of", "elm road", "mrs hull", NEW_PIN]);
}

/// In a reset the answers stand for the auth code, and a code of the token lets in.
#[test]
fn in_a_reset_the_answers_stand_for_the_auth_code() {
    let mut alice = Person::new("alice");
    let mut daemon = with_questions(&alice);
    let state_now = |daemon: &Daemon| daemon.operator().show("alice")["state"].clone();
    let order = json!({"state": "reset"});
    daemon.operator().change("Users.SetState", "alice", &order);
    let mut talk = Conversation::begin(&daemon.gateway("gw-gateway"), "alice", "anything");
    for (typed, asks) in [
        ("help", "Enter your authorization code:"),
        (ANSWERS[0], "Question 1 of 3: First pet?"),
        (ANSWERS[1], "Question 2 of 3: First street?"),
        (ANSWERS[2], "Question 3 of 3: First teacher?"),
    ] {
        talk.asks(asks);
        daemon = talk.kill(daemon);
        talk.types(typed);
    }
    talk.asks("Enter your one-time code:");
    assert_eq!(
        state_now(&daemon),
        "Reset Credential",
        "answers are no code"
    );
    talk.types(&alice.code());
    talk.is_let_in();
    assert_eq!(state_now(&daemon), "Steady State");
    let ledger = Ledger::of(&daemon.stop());
    for event in ["emergency.ok", "auth.accept"] {
        assert_eq!(ledger.count(event, "alice"), 1, "{event}");
    }
}

/// Whatever was wrong, all questions are asked and the end is the same; three tries are all there are,
/// and a request that comes again is no further one.
#[test]
fn three_wrong_tries_lock_the_questions_and_never_tell_which_answer_was_wrong() {
    let mut alice = Person::new("alice");
    let daemon = with_questions(&alice);
    block(&daemon, &mut alice);
    let gateway = daemon.gateway("gw-gateway");
    let mut ends = Vec::new();
    for wrong in 0..3 {
        let mut talk = Conversation::begin(&gateway, "alice", "help");
        for (number, right) in ANSWERS.iter().enumerate() {
            let words = talk.reply.words();
            let begin = format!("Question {} of 3: ", number + 1);
            assert!(words.starts_with(&begin), "{words}");
            talk.types(if number == wrong { "no" } else { right });
        }
        talk.is_kept_out();
        assert_eq!(talk.reply.words(), "Access denied.");
        talk.is_repeated();
        ends.push(talk.reply.octets.len());
    }
    assert_eq!(ends, [ends[0]; 3]);
    let mut talk = Conversation::begin(&gateway, "alice", "help");
    talk.is_kept_out();

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
    talk.begin_anew("help");
    talk.asks("Question 1 of 3: First pet?");
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("emergency.failed", "alice"), 3);
    assert_eq!(ledger.count("token.locked", "alice"), 1);
}
