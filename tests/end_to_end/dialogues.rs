//! Sign-ins in two steps: what a State opens, and what it does not.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::conversation::Conversation;
use crate::common::daemon::{Daemon, Site};
use crate::common::gateway::{ACCEPT, CHALLENGE, Port, REJECT};
use crate::common::ledger::Ledger;
use crate::common::people::{PIN, Person};
use crate::enrolment::PAGES;

/// The attempts of a person, newest first.
fn log(daemon: &Daemon, user: &str) -> Vec<Value> {
    let log = daemon.operator().call("Auth.Log", &json!({"user": user}));
    log["rows"].as_array().unwrap().clone()
}

/// A daemon that is killed after each packet: what was asked stays asked, what was answered stays
/// answered, and nothing is answered twice.
#[test]
fn kill_between_any_two_packets_and_the_sign_in_goes_on() {
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let mut talk = Conversation::begin(&daemon.gateway("gw-two"), "alice", PIN);
    let daemon = talk.kill(daemon);
    let state = talk.reply.state();
    talk.types(&alice.code());
    talk.is_let_in();
    let daemon = talk.kill(daemon);
    talk.answers(&state, &alice.code());
    talk.is_kept_out();

    let rows = log(&daemon, "alice");
    assert_eq!(rows[0]["text"], "answer to a dialogue that is over");
    assert_eq!(rows[1]["result"], "accept");
    let asked = rows[2]["text"].as_str().unwrap();
    assert!(asked.starts_with("asked for the code (d-"), "{asked}");
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("auth.challenge", "alice"), 1);
    assert_eq!(ledger.count("auth.accept", "alice"), 1);
}

/// Each answer names the question that it is to, in `dialogue list`, `auth log`, `auth show` and `why`.
#[test]
fn rounds_are_told_apart_and_a_wrong_auth_code_from_a_wrong_code() {
    let alice = Person::new("alice");
    let daemon = Site::with(std::slice::from_ref(&alice), PAGES).start();
    let operator = daemon.operator();
    operator.change("Users.Add", "dora", &json!({}));
    let code = operator.auth_code("dora");
    let vpn = daemon.gateway("gw-gateway");
    for wrong in ["AAAAA-AAAAA", "BBBBB-BBBBB", "CCCCC-CCCCC"] {
        let mut talk = Conversation::begin(&vpn, "dora", "whatever");
        talk.types(wrong);
        talk.is_kept_out();
    }
    let mut talk = Conversation::begin(&vpn, "dora", "whatever");
    let page = operator.call("Auth.DialogueList", &json!({"user": "dora"}));
    let first = page["rows"][0]["id"].as_str().unwrap().to_owned();
    talk.types(&code);
    let page = operator.call("Auth.DialogueList", &json!({"user": "dora"}));
    let second = page["rows"][0]["id"].as_str().unwrap().to_owned();

    let rows = log(&daemon, "dora");
    let text = format!("asked for the first code, question 2 ({first} -> {second})");
    assert_eq!(rows[0]["text"], text);
    assert_eq!(
        rows[1]["text"],
        format!("asked for the auth code ({first})")
    );
    let wrong = rows[2]["text"].as_str().unwrap();
    let asked = rows[3]["text"].as_str().unwrap();
    assert_eq!(
        asked.strip_prefix("asked for the"),
        wrong.strip_prefix("wrong")
    );
    let shown = operator.call("Auth.Show", &json!({"attempt": rows[2]["id"]}));
    let decided = shown["steps"].as_array().unwrap();
    let decided = decided.iter().find(|step| step["mark"] == "NO").unwrap();
    assert_eq!(
        (&decided["rule"], &decided["text"]),
        (&json!("D9"), &rows[2]["text"])
    );
    let why = operator.call("Auth.Why", &json!({"user": "dora"}));
    // Three wrong auth codes are no clock that is off.
    assert_eq!(why["diagnosis"]["kind"], "unanswered");
}

/// T-12: nothing but the State as it was given out, from where it was given to, for whom.
#[test]
fn a_state_opens_nothing_for_anybody_else() {
    let people = ["alice", "bob"].map(Person::new);
    let daemon = Site::new(&people).start();
    let [mut alice, mut bob] = people;
    let mut port = daemon.gateway("gw-two").port();
    let mut elsewhere = daemon.gateway("gw-pam-two").port();
    let first = port.request("alice", PIN);
    let state = port.ask(&first).state();
    let (code, bobs) = (alice.code(), bob.code());

    let request = elsewhere.answer("alice", &state, &code);
    assert_eq!(elsewhere.ask(&request).code, REJECT, "another gateway");
    for (user, typed) in [("bob", &bobs), ("bob", &code), ("nobody", &code)] {
        let request = port.answer(user, &state, typed);
        assert_eq!(port.ask(&request).code, REJECT, "{user}");
    }
    for bit in [0, 7, 100, 255] {
        let mut altered = state.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        let request = port.answer("alice", &altered, &code);
        assert_eq!(port.ask(&request).code, REJECT, "bit {bit}");
    }
    let request = port.answer("alice", &state, &code);
    assert_eq!(port.ask(&request).code, ACCEPT, "the one it was given to");
    let ledger = Ledger::of(&daemon.stop());
    let counted = |user| {
        let mut rejects = ledger.of_user("auth.reject", user);
        rejects.any(|record| record.detail.contains_key("of"))
    };
    assert!(!counted("alice") && !counted("bob"), "nothing is counted");
    assert_eq!(ledger.count("auth.accept", "bob"), 0);
}

#[test]
fn an_operator_sees_what_is_asked_and_ends_it() {
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let operator = daemon.operator();
    let mut talk = Conversation::begin(&daemon.gateway("gw-two"), "alice", PIN);
    let counted = || {
        let status = operator.call("Daemon.Status", &json!({}));
        let mut queues = status["queues"].as_array().unwrap().iter();
        let open = queues.find(|queue| queue["name"] == "dialogues").unwrap();
        open["used"].as_u64().unwrap()
    };
    assert_eq!(counted(), 1);
    let listed = || operator.call("Auth.DialogueList", &json!({}))["rows"].clone();
    let row = &listed()[0];
    assert_eq!(
        [&row["user"], &row["kind"], &row["gateway"], &row["rounds"]],
        [&json!("alice"), &json!("code"), &json!("gw-two"), &json!(1)]
    );
    operator.call("Auth.DialogueEnd", &json!({"dialogue": row["id"]}));
    assert_eq!((listed(), counted()), (json!([]), 0));
    talk.types(&alice.code());
    talk.is_kept_out();
    let again = operator.try_call("Auth.DialogueEnd", &json!({"dialogue": row["id"]}));
    assert!(again.is_err(), "it is over");
    assert_eq!(
        Ledger::of(&daemon.stop()).count("dialogue.ended", "alice"),
        1
    );
}

#[test]
fn an_unlock_is_confirmed_with_another_code() {
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let operator = daemon.operator();
    operator.change("Users.Lock", "alice", &json!({}));
    operator.change("Users.Unlock", "alice", &json!({"confirm": true}));
    let next = |shown: &Value| shown["next_sign_in"].as_str().map(str::to_owned);
    let told = next(&operator.show("alice")).unwrap();
    assert!(
        told.starts_with("One more code confirms the unlock"),
        "{told}"
    );
    let code = alice.code();
    let mut talk = Conversation::begin(&daemon.gateway("gw-two"), "alice", PIN);
    talk.types(&code);
    let daemon = talk.kill(daemon);
    // That is the code of the sign-in.
    talk.types(&code);
    talk.is_kept_out();
    let passcode = format!("{PIN}{}", alice.code());
    let mut talk = Conversation::begin(&daemon.gateway("gw-pin"), "alice", &passcode);
    talk.types(&alice.code());
    talk.is_let_in();
    assert_eq!(next(&daemon.operator().show("alice")), None);
    daemon
        .gateway("gw-pin")
        .lets_in("alice", &format!("{PIN}{}", alice.code()));
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("user.unlock_confirmed", "alice"), 1);
}

#[test]
fn what_ends_a_persons_rights_ends_the_question() {
    let people = ["alice", "bob", "carol"].map(Person::new);
    let daemon = Site::new(&people).start();
    let operator = daemon.operator();
    for mut person in people {
        let name = person.name.clone();
        let mut talk = Conversation::begin(&daemon.gateway("gw-two"), &name, PIN);
        match name.as_str() {
            "alice" => {
                operator.change("Users.Lock", &name, &json!({}));
                operator.change("Users.Unlock", &name, &json!({}));
            }
            "bob" => {
                operator.change("Pins.Reset", &name, &json!({"pin": PIN}));
            }
            _ => {
                operator.set_state(&name, "update");
            }
        }
        talk.types(&person.code());
        talk.is_kept_out();
        talk.begin_anew(PIN);
        talk.asks("Enter your one-time code:");
    }
}

/// Where nothing is checked before the code, everybody is asked for it: in the same words, after the
/// same time.
#[test]
fn who_is_asked_learns_nothing_about_the_name() {
    let people = ["alice", "bob"].map(Person::new);
    let daemon = Site::new(&people).start();
    daemon.operator().set_state("bob", "deactivated");
    let gateway = daemon.gateway("gw-two-none");
    let mut questions = Vec::new();
    for user in ["alice", "bob", "nobody"] {
        let began = Instant::now();
        let mut talk = Conversation::begin(&gateway, user, "whatever");
        assert!(began.elapsed() >= daemon.site.reject_delay, "{user}");
        let state = talk.reply.state();
        let mut octets = talk.reply.octets.clone();
        // Identifier, authenticators and State differ from one request to the next.
        octets[1] = 0;
        octets[4..38].fill(0);
        let at = octets.windows(state.len()).position(|it| it == state);
        octets[at.unwrap()..][..state.len()].fill(0);
        questions.push(octets);
        talk.types("000000");
        talk.is_kept_out();
    }
    assert!(questions.iter().all(|octets| *octets == questions[0]));
    let ledger = Ledger::of(&daemon.stop());
    let asked = ledger
        .records
        .iter()
        .filter(|it| it.event == "auth.challenge");
    assert_eq!(asked.count(), 1, "nothing is stored about the others");
}

/// Whoever knows the PIN, or needs none, can ask to be asked as often as he likes.
#[test]
fn a_flood_of_first_packets_fills_neither_store_nor_log_and_keeps_nobody_waiting() {
    const PACKETS: usize = 400;
    let people = ["alice", "bob"].map(Person::new);
    let daemon = Site::new(&people).start();
    let mut ports: Vec<Port> = (0..4).map(|_| daemon.gateway("gw-two").port()).collect();
    for port in &mut ports {
        let requests: Vec<Vec<u8>> = (0..PACKETS / 4)
            .map(|_| port.request("alice", PIN))
            .collect();
        let mut answered = vec![false; requests.len()];
        requests.iter().for_each(|it| drop(port.socket.send(it)));
        port.collect(&requests, &mut answered, |_, reply| {
            assert_eq!(reply.code, CHALLENGE);
        });
    }
    let [_, mut bob] = people;
    let began = Instant::now();
    let mut talk = Conversation::begin(&daemon.gateway("gw-two"), "bob", PIN);
    talk.types(&bob.code());
    talk.is_let_in();
    assert!(began.elapsed() < Duration::from_secs(5));
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("auth.challenge", "alice"), 30);
    assert_eq!(ledger.count("auth.challenge", "bob"), 1);
}

/// Whoever knows nothing but the name is asked as well, and stands in nobody's way.
#[test]
fn a_flood_behind_a_name_ends_no_question_of_its_owner() {
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let gateway = daemon.gateway("gw-two");
    let mut before = Conversation::begin(&gateway, "alice", PIN);
    let mut port = gateway.port();
    let requests: Vec<Vec<u8>> = (0..40).map(|_| port.request("alice", "")).collect();
    let mut answered = vec![false; requests.len()];
    requests.iter().for_each(|it| drop(port.socket.send(it)));
    port.collect(&requests, &mut answered, |_, reply| {
        assert_eq!(reply.code, CHALLENGE);
    });
    before.types(&alice.code());
    before.is_let_in();
    let mut after = Conversation::begin(&gateway, "alice", PIN);
    after.types(&alice.code());
    after.is_let_in();
    let ledger = Ledger::of(&daemon.stop());
    let asked = ledger.of_user("auth.challenge", "alice");
    let of_strangers = asked.filter(|record| record.detail["kind"] == "passcode");
    assert_eq!(of_strangers.count(), 10);
}
