//! Codes that are sent for a sign-in, and sign-ins that want several methods.

use serde_json::json;

use crate::common::conversation::Conversation;
use crate::common::daemon::{Daemon, Site};
use crate::common::gateway::{CHALLENGE, REJECT};
use crate::common::ledger::Ledger;
use crate::common::people::{PIN, Person};
use crate::common::sink::Sink;
use crate::enrolment::SIGN_IN_MAIL;

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

/// A daemon that is killed after each packet: no code is sent twice, none is forgotten.
#[test]
fn kill_between_any_two_rounds_of_two_methods_and_one_code_is_sent() {
    let sink = Sink::open();
    let mut alice = Person::new("alice");
    let mut daemon = with_mail(std::slice::from_ref(&alice), &sink, BOTH);
    let mut talk = Conversation::begin(&daemon.gateway("gw-two"), "alice", PIN);
    daemon = talk.kill(daemon);
    talk.types(&alice.code());
    daemon = talk.kill(daemon);
    let mailed = sink.brought(SIGN_IN_MAIL, 0);
    talk.types(&mailed);
    talk.is_let_in();
    daemon = talk.kill(daemon);
    let ledger = Ledger::of(&daemon.stop());
    let accepts: Vec<_> = ledger.of_user("auth.accept", "alice").collect();
    let [accept] = accepts.as_slice() else {
        panic!("{} times", accepts.len());
    };
    let tokens = accept.detail["tokens"].as_str().unwrap();
    assert_eq!(tokens.split(',').count(), 2, "{tokens}");
    assert_eq!(ledger.count("token.code_sent", "alice"), 1);
    ledger.keeps_none_of(&[&mailed]);
}

/// The menu, the choice, and another code in place of the one that was sent: a daemon that is killed
/// after each packet sends two messages and no more.
#[test]
fn kill_between_any_two_rounds_of_a_menu_and_of_a_code_that_is_sent_again() {
    let sink = Sink::open();
    let mut alice = Person::new("alice");
    let either = "[sets]\ndefault = [[\"hotp\", \"virtual\"]]\n\
        [token_types]\nhotp.label = { en = \"Key fob\", de = \"Handsender\" }\n";
    let mut daemon = with_mail(std::slice::from_ref(&alice), &sink, either);
    let sent = "Code sent to a***e@example.org. Enter it:";
    let mut talk = Conversation::begin(&daemon.gateway("gw-two"), "alice", PIN);
    for (question, typed) in [
        ("1 = Key fob, 2 = e-mail to a***e@example.org:", "2"),
        (sent, "send"),
    ] {
        talk.asks(question);
        daemon = talk.kill(daemon);
        talk.types(typed);
    }
    talk.asks(sent);
    let [first, second] = [0, 1].map(|number| sink.brought(SIGN_IN_MAIL, number));
    daemon = talk.kill(daemon);
    talk.types(&second);
    talk.is_let_in();
    daemon = talk.kill(daemon);

    // The menu takes a code of the app as well, and the one before is good for nothing.
    talk.begin_anew(PIN);
    daemon = talk.kill(daemon);
    talk.types(&first);
    talk.is_kept_out();
    talk.begin_anew(PIN);
    daemon = talk.kill(daemon);
    talk.types(&alice.code());
    talk.is_let_in();
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("token.code_sent", "alice"), 2);
    assert_eq!(ledger.count("auth.accept", "alice"), 2);
    let mails = sink.mails();
    let codes = mails.iter().filter(|mail| mail.contains(SIGN_IN_MAIL));
    assert_eq!(codes.count(), 2);
    ledger.keeps_none_of(&[&first, &second]);
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
    // Nobody else waits.
    let mut talk = Conversation::begin(&daemon.gateway("gw-two"), "bob", PIN);
    talk.types(&bob.code());
    talk.is_let_in();
    sink.brought(SIGN_IN_MAIL, 4);
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("token.code_sent", "alice"), 5);
    let codes = sink.mails();
    assert_eq!(
        codes
            .iter()
            .filter(|mail| mail.contains(SIGN_IN_MAIL))
            .count(),
        5
    );
}
