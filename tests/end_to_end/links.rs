//! What the control socket says of a link that is not good: the same octets, whatever is wrong.

use serde_json::{Value, json};

use crate::common::daemon::{Daemon, Site};
use crate::common::people::Person;
use crate::common::sink::Sink;

const PAGES: &str = "\n[web]\nbase_url = \"https://mfa.example.org\"\n";
const FROM: &str = "192.0.2.9";

/// A new link for alice, as it stands in the mail of this number that brings one, and an auth code.
fn invited(daemon: &Daemon, sink: &Sink, number: usize) -> (String, String) {
    let operator = daemon.operator();
    operator.change("Tokens.EnrollEmail", "alice", &json!({}));
    let link = secret(sink, "e", number);
    let code = operator.change("Tokens.AuthCodeGenerate", "alice", &json!({"force": true}));
    let code = code["done"]["reveal"]["text"].as_str().unwrap().to_owned();
    (link, code)
}

/// The secret in the mail of this number, of those that lead to such a page.
fn secret(sink: &Sink, page: &str, number: usize) -> String {
    let begin = format!("https://mfa.example.org/{page}/");
    let mut wanted = 1;
    loop {
        sink.wait(wanted);
        let mails = sink.mails();
        // Long lines of a mail are broken behind a `=`.
        let text = mails.join("\n").replace("=\n", "");
        let mut found = text.lines().filter_map(|line| line.strip_prefix(&begin));
        if let Some(secret) = found.nth(number) {
            return secret.to_owned();
        }
        wanted = mails.len() + 1;
    }
}

/// The same text with another sign there.
fn altered(text: &str, at: usize) -> String {
    let sign = if text.as_bytes()[at] == b'A' {
        "B"
    } else {
        "A"
    };
    let mut altered = text.to_owned();
    altered.replace_range(at..=at, sign);
    altered
}

#[test]
fn every_link_that_is_not_good_gets_the_same_octets() {
    let sink = Sink::open();
    let people = [Person::new("bob")];
    let daemon = Site::with(&people, &format!("{}{PAGES}", sink.config())).start();
    let operator = daemon.operator();
    operator.change("Users.Add", "alice", &json!({"email": "alice@example.org"}));
    let confirm = secret(&sink, "a", 0);
    let begin = |link: &str, user: &str, code: &Value| {
        let call = json!({"link": link, "user": user, "code": code, "from": FROM});
        daemon.operator().octets("Enrol.Begin", &call)
    };
    let mut answers = Vec::new();
    let mut refused = |what: &str, octets: Vec<u8>| {
        answers.push((what.to_owned(), String::from_utf8(octets).unwrap()));
    };

    let (link, code) = invited(&daemon, &sink, 0);
    let right = json!(code);
    // No link at all, and links that were changed in the part that names somebody and in the other.
    for no_link in [
        "",
        "A",
        "not one",
        &"A".repeat(64),
        &format!("{link}A"),
        &link[1..],
    ] {
        refused("no link", begin(no_link, "alice", &right));
    }
    for at in [0, 21, 22, 40, 63] {
        refused("altered", begin(&altered(&link, at), "alice", &right));
    }
    for method in ["Enrol.Prove", "Enrol.Recovery"] {
        for ticket in ["", "not one", &link] {
            let mut call = json!({"ticket": ticket, "from": FROM});
            if method == "Enrol.Prove" {
                call["otp"] = json!("000000");
            }
            refused("no ticket", daemon.operator().octets(method, &call));
        }
    }
    // A link for something else.
    refused("of an address", begin(&confirm, "alice", &right));
    let call = json!({"link": link, "from": FROM});
    refused(
        "of an enrolment",
        daemon.operator().octets("Enrol.Confirm", &call),
    );
    // Wrong names and codes, each of which counts.
    let (link, code) = invited(&daemon, &sink, 1);
    for name in ["bob", "nobody", ""] {
        refused("a wrong name", begin(&link, name, &json!(code)));
    }
    let long = "x".repeat(4000);
    refused("a long name", begin(&link, &long, &json!(code)));
    let (link, code) = invited(&daemon, &sink, 2);
    for wrong in [
        json!("00000-00000"),
        json!(""),
        json!("no code"),
        Value::Null,
    ] {
        refused("a wrong code", begin(&link, "alice", &wrong));
    }
    refused("the last try", begin(&link, "alice", &json!("11111-11111")));
    refused("after the last try", begin(&link, "alice", &json!(code)));
    // Replaced, revoked, of somebody who may not sign in, used.
    let (old, _) = invited(&daemon, &sink, 3);
    let (link, code) = invited(&daemon, &sink, 4);
    let right = json!(code);
    refused("replaced", begin(&old, "alice", &right));
    operator.change("Users.Lock", "alice", &json!({}));
    refused("locked", begin(&link, "alice", &right));
    operator.change("Users.Unlock", "alice", &json!({}));
    operator.change("Tokens.EnrollRevoke", "alice", &json!({}));
    refused("revoked", begin(&link, "alice", &right));
    let (link, code) = invited(&daemon, &sink, 5);
    let right = json!(code);
    let begun = String::from_utf8(begin(&link, "alice", &right)).unwrap();
    assert!(!begun.contains("error"), "{begun}");
    refused("used", begin(&link, "alice", &right));
    let (link, code) = invited(&daemon, &sink, 6);
    operator.set_state("alice", "deactivated");
    refused("deactivated", begin(&link, "alice", &json!(code)));
    operator.change("Users.Delete", "alice", &json!({}));
    refused("deleted", begin(&link, "alice", &json!(code)));

    let (_, first) = answers[0].clone();
    assert!(first.contains("E_LINK"), "{first}");
    for (what, answer) in &answers {
        assert_eq!(*answer, first, "{what}");
    }
    daemon.stop();
}
