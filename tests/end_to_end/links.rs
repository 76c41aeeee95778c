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

/// What was said of uses that cannot succeed.
struct Refusals<'d> {
    daemon: &'d Daemon,
    said: Vec<(&'static str, String)>,
}

impl Refusals<'_> {
    fn call(&mut self, what: &'static str, method: &str, call: &Value) {
        let octets = self.daemon.operator().octets(method, call);
        self.said.push((what, String::from_utf8(octets).unwrap()));
    }

    fn begin(&mut self, what: &'static str, link: &str, user: &str, code: &Value) {
        self.call(what, "Enrol.Begin", &opening(link, user, code));
    }

    /// No link or ticket at all, links that were changed in the part that names somebody and in the
    /// other, and a link for something else.
    fn of_no_link(&mut self, link: &str, code: &str, confirm: &str) {
        let right = json!(code);
        for no_link in [
            "",
            "A",
            "not one",
            &"A".repeat(64),
            &format!("{link}A"),
            &link[1..],
        ] {
            self.begin("no link", no_link, "alice", &right);
        }
        for at in [0, 21, 22, 40, 63] {
            self.begin("altered", &altered(link, at), "alice", &right);
        }
        for ticket in ["", "not one", link] {
            let call = json!({"ticket": ticket, "from": FROM});
            self.call("no ticket", "Enrol.Recovery", &call);
            let call = json!({"ticket": ticket, "otp": "000000", "from": FROM});
            self.call("no ticket", "Enrol.Prove", &call);
        }
        self.begin("of an address", confirm, "alice", &right);
        let call = json!({"link": link, "from": FROM});
        self.call("of an enrolment", "Enrol.Confirm", &call);
    }
}

fn opening(link: &str, user: &str, code: &Value) -> Value {
    json!({"link": link, "user": user, "code": code, "from": FROM})
}

/// One that is past its end; afterwards links last as before.
fn expired(daemon: &Daemon, sink: &Sink, refused: &mut Refusals<'_>) {
    let lasting = format!("{}{PAGES}", sink.config());
    let reload = |config: &str| {
        daemon.site.write_config(config);
        daemon.operator().call("Daemon.ConfigReload", &json!({}));
    };
    reload(&format!("{lasting}[enroll]\npending_ttl = \"3s\"\n"));
    let (link, code) = invited(daemon, sink, 6);
    std::thread::sleep(std::time::Duration::from_millis(3_500));
    refused.begin("expired", &link, "alice", &json!(code));
    reload(&lasting);
}

#[test]
fn every_link_that_is_not_good_gets_the_same_octets() {
    let sink = Sink::open();
    let people = [Person::new("bob")];
    let daemon = Site::with(&people, &format!("{}{PAGES}", sink.config())).start();
    let operator = daemon.operator();
    operator.change("Users.Add", "alice", &json!({"email": "alice@example.org"}));
    let confirm = secret(&sink, "a", 0);
    let mut refused = Refusals {
        daemon: &daemon,
        said: Vec::new(),
    };
    let (link, code) = invited(&daemon, &sink, 0);
    refused.of_no_link(&link, &code, &confirm);
    // Wrong names and codes, each of which counts.
    let (link, code) = invited(&daemon, &sink, 1);
    for name in ["bob", "nobody", "", &"x".repeat(4000)] {
        refused.begin("a wrong name", &link, name, &json!(code));
    }
    let (link, code) = invited(&daemon, &sink, 2);
    for wrong in ["00000-00000", "", "no code", "11111-11111"] {
        refused.begin("a wrong code", &link, "alice", &json!(wrong));
    }
    refused.begin("the last try", &link, "alice", &Value::Null);
    refused.begin("after the last try", &link, "alice", &json!(code));
    // Replaced, revoked, of somebody who may not sign in, used.
    let (old, _) = invited(&daemon, &sink, 3);
    let (link, code) = invited(&daemon, &sink, 4);
    let right = json!(code);
    refused.begin("replaced", &old, "alice", &right);
    operator.change("Users.Lock", "alice", &json!({}));
    refused.begin("locked", &link, "alice", &right);
    operator.change("Users.Unlock", "alice", &json!({}));
    operator.change("Tokens.EnrollRevoke", "alice", &json!({}));
    refused.begin("revoked", &link, "alice", &right);
    let (link, code) = invited(&daemon, &sink, 5);
    let right = json!(code);
    let begun = operator.octets("Enrol.Begin", &opening(&link, "alice", &right));
    let begun = String::from_utf8(begun).unwrap();
    assert!(!begun.contains("error"), "{begun}");
    refused.begin("used", &link, "alice", &right);
    expired(&daemon, &sink, &mut refused);
    let (link, code) = invited(&daemon, &sink, 7);
    operator.set_state("alice", "deactivated");
    refused.begin("deactivated", &link, "alice", &json!(code));
    operator.change("Users.Delete", "alice", &json!({}));
    refused.begin("deleted", &link, "alice", &json!(code));

    let (_, first) = refused.said[0].clone();
    assert!(first.contains("E_LINK"), "{first}");
    for (what, said) in &refused.said {
        assert_eq!(*said, first, "{what}");
    }
    daemon.stop();
}
