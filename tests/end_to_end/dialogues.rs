//! Sign-ins in two steps: what a State opens, and what it does not.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use mfad::radius::{AttributeType, Packet};

use crate::common::daemon::Site;
use crate::common::gateway::{ACCEPT, CHALLENGE, Port, REJECT, Reply};
use crate::common::ledger::Ledger;
use crate::common::people::{PIN, Person};

/// The State of a question.
pub(super) fn state(reply: &Reply) -> Vec<u8> {
    assert_eq!(reply.code, CHALLENGE);
    let packet = Packet::decode(&reply.octets).unwrap();
    packet.first(AttributeType::STATE).unwrap().to_vec()
}

pub(super) fn answer(port: &mut Port, user: &str, state: &[u8], typed: &str) -> Vec<u8> {
    port.build(|request, secret| {
        request.message_authenticator().unwrap();
        for (kind, value) in [
            (AttributeType::USER_NAME, user.as_bytes()),
            (AttributeType::STATE, state),
        ] {
            request.attribute(kind, value).unwrap();
        }
        request.user_password(typed.as_bytes(), secret).unwrap();
    })
}

/// A daemon that is killed after each packet: what was asked stays asked, what was answered stays
/// answered, and nothing is answered twice.
#[test]
fn kill_between_any_two_packets_and_the_sign_in_goes_on() {
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let mut port = daemon.gateway("gw-two").port();
    let first = port.request("alice", PIN);
    let asked = port.ask(&first);
    let daemon = daemon.kill().start();
    assert_eq!(port.ask(&first), asked, "the same question");
    let state = state(&asked);
    let code = alice.code();
    let second = answer(&mut port, "alice", &state, &code);
    let accepted = port.ask(&second);
    assert_eq!(accepted.code, ACCEPT);
    let daemon = daemon.kill().start();
    assert_eq!(port.ask(&second), accepted, "the same answer");
    let again = answer(&mut port, "alice", &state, &alice.code());
    assert_eq!(port.ask(&again).code, REJECT, "the State is used up");

    let log = daemon
        .operator()
        .call("Auth.Log", &json!({"user": "alice"}));
    let rows: Vec<[&str; 2]> = log["page"]["rows"]
        .as_array()
        .or_else(|| log["rows"].as_array())
        .unwrap()
        .iter()
        .map(|row| ["result", "text"].map(|field| row[field].as_str().unwrap()))
        .collect();
    assert_eq!(rows[0], ["reject", "answer to a dialogue that is over"]);
    assert_eq!(rows[1][0], "accept");
    assert_eq!(rows[2], ["challenge", "asked for the code"]);
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("auth.challenge", "alice"), 1);
    assert_eq!(ledger.count("auth.accept", "alice"), 1);
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
    let state = state(&port.ask(&first));
    let (code, bobs) = (alice.code(), bob.code());

    let request = answer(&mut elsewhere, "alice", &state, &code);
    assert_eq!(elsewhere.ask(&request).code, REJECT, "another gateway");
    for (user, typed) in [("bob", &bobs), ("bob", &code), ("nobody", &code)] {
        let request = answer(&mut port, user, &state, typed);
        assert_eq!(port.ask(&request).code, REJECT, "{user}");
    }
    for bit in [0, 7, 100, 255] {
        let mut altered = state.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        let request = answer(&mut port, "alice", &altered, &code);
        assert_eq!(port.ask(&request).code, REJECT, "bit {bit}");
    }
    let request = answer(&mut port, "alice", &state, &code);
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
    let mut port = daemon.gateway("gw-two").port();
    let first = port.request("alice", PIN);
    let state = state(&port.ask(&first));
    let listed = || operator.call("Auth.DialogueList", &json!({}))["rows"].clone();
    let row = &listed()[0];
    assert_eq!(
        [&row["user"], &row["kind"], &row["gateway"], &row["rounds"]],
        [&json!("alice"), &json!("code"), &json!("gw-two"), &json!(1)]
    );
    operator.call("Auth.DialogueEnd", &json!({"dialogue": row["id"]}));
    assert_eq!(listed(), json!([]));
    let request = answer(&mut port, "alice", &state, &alice.code());
    assert_eq!(port.ask(&request).code, REJECT);
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
    let mut port = daemon.gateway("gw-two").port();
    let first = port.request("alice", PIN);
    let code = alice.code();
    let asked = port.ask(&first);
    let mut request = answer(&mut port, "alice", &state(&asked), &code);
    let asked = port.ask(&request);
    let daemon = daemon.kill().start();
    assert_eq!(port.ask(&request), asked, "the same question");
    request = answer(&mut port, "alice", &state(&asked), &code);
    assert_eq!(port.ask(&request).code, REJECT, "the code of the sign-in");
    let passcode = format!("{PIN}{}", alice.code());
    let mut port = daemon.gateway("gw-pin").port();
    let first = port.request("alice", &passcode);
    let asked = port.ask(&first);
    request = answer(&mut port, "alice", &state(&asked), &alice.code());
    assert_eq!(port.ask(&request).code, ACCEPT);
    assert_eq!(next(&daemon.operator().show("alice")), None);
    daemon
        .gateway("gw-pin")
        .lets_in("alice", &format!("{PIN}{}", alice.code()));
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("unlock.confirmed", "alice"), 1);
}

#[test]
fn what_ends_a_persons_rights_ends_the_question() {
    let people = ["alice", "bob", "carol"].map(Person::new);
    let daemon = Site::new(&people).start();
    let operator = daemon.operator();
    let mut port = daemon.gateway("gw-two").port();
    for mut person in people {
        let name = person.name.clone();
        let first = port.request(&name, PIN);
        let state = state(&port.ask(&first));
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
        let request = answer(&mut port, &name, &state, &person.code());
        assert_eq!(port.ask(&request).code, REJECT, "{name}");
        let again = port.request(&name, PIN);
        assert_eq!(port.ask(&again).code, CHALLENGE, "{name} may begin anew");
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
        let mut port = gateway.port();
        let began = Instant::now();
        let first = port.request(user, "whatever");
        let asked = port.ask(&first);
        assert!(began.elapsed() >= daemon.site.reject_delay, "{user}");
        let state = state(&asked);
        let mut octets = asked.octets;
        // Identifier, authenticators and State differ from one request to the next.
        octets[1] = 0;
        octets[4..38].fill(0);
        let at = octets.windows(state.len()).position(|it| it == state);
        octets[at.unwrap()..][..state.len()].fill(0);
        questions.push(octets);
        let second = answer(&mut port, user, &state, "000000");
        assert_eq!(port.ask(&second).code, REJECT, "{user}");
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
    let mut port = daemon.gateway("gw-two").port();
    let first = port.request("bob", PIN);
    let state = state(&port.ask(&first));
    let second = answer(&mut port, "bob", &state, &bob.code());
    assert_eq!(port.ask(&second).code, ACCEPT);
    assert!(began.elapsed() < Duration::from_secs(5));
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("auth.challenge", "alice"), 30);
    assert_eq!(ledger.count("auth.challenge", "bob"), 1);
}
