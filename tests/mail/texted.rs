//! What an enrolment needs, by text message: the link or the auth code, and never both one way.

use serde_json::{Value, json};

use crate::common::daemon::{Daemon, Site};
use crate::common::people::Person;
use crate::sms::Gateway;
use crate::world::{Mailbox, Security, until};

const PAGES: &str = "\n[web]\nbase_url = \"https://mfa.example.org\"\n";
const BODY: &str = r#"headers = { Authorization = "Bearer {secret}" }
body = '{"to":"{to}","text":"{text}"}'"#;
/// Octets of two text messages that are one: the letters of these texts take seven bits each.
const TWO_MESSAGES: usize = 306;

/// The text that went to this number and holds these words.
fn text(gateway: &Gateway, to: &str, words: &str) -> String {
    let find = || {
        let bodies = gateway.requests().into_iter().map(|request| {
            let body = request["body"].as_str().unwrap().to_owned();
            serde_json::from_str::<Value>(&body).unwrap()
        });
        let mut texts = bodies
            .filter(|body| body["to"] == to)
            .map(|body| body["text"].as_str().unwrap().to_owned());
        texts.find(|text| text.contains(words))
    };
    until(words, || find().is_some());
    find().unwrap()
}

/// The text of the mail that went to this address and holds these words.
fn mail(mailbox: &Mailbox, to: &str, words: &str) -> String {
    let find = || {
        let mut mails = mailbox.mails().into_iter();
        let of =
            |mail: &Value| mail["to"] == json!([to]) && mail["text"].to_string().contains(words);
        mails.find(of)
    };
    until(words, || find().is_some());
    find().unwrap()["text"].as_str().unwrap().to_owned()
}

fn link(text: &str) -> String {
    let word = text
        .split_whitespace()
        .find(|word| word.starts_with("https://"));
    let secret = word.and_then(|word| word.strip_prefix("https://mfa.example.org/e/"));
    secret.unwrap_or_else(|| panic!("{text}")).to_owned()
}

fn code(text: &str) -> String {
    let is_code = |word: &&str| word.len() == 11 && word.chars().nth(5) == Some('-');
    let mut words = text
        .split_whitespace()
        .map(|word| word.trim_end_matches('.'));
    words
        .find(is_code)
        .unwrap_or_else(|| panic!("{text}"))
        .to_owned()
}

fn refused(daemon: &Daemon, method: &str, user: &str, more: &Value) -> String {
    let mut parameters = json!({"user": user});
    for (name, value) in more.as_object().unwrap() {
        parameters[name] = value.clone();
    }
    let fault = daemon.operator().try_call(method, &parameters).unwrap_err();
    fault["parameters"]["code"].as_str().unwrap().to_owned()
}

#[test]
fn link_and_auth_code_come_by_mail_and_by_text_message_and_never_both_one_way() {
    let (Some(gateway), Some(mailbox)) = (Gateway::open("ok"), Mailbox::open(Security::Tls)) else {
        return;
    };
    let config = format!(
        "{}{}{PAGES}",
        mailbox.config(),
        gateway.config("right-ca.pem", BODY)
    );
    let daemon = Site::with(&[Person::new("alice")], &config).start();
    let operator = daemon.operator();
    let (doras, emils) = ("+491701111111", "+491702222222");
    for (user, phone) in [("dora", "+49 170 1111111"), ("emil", "+49 170 2222222")] {
        let email = format!("{user}@example.org");
        let trusted = json!({"email": email, "phone": phone, "trusted": true});
        operator.change("Users.Add", user, &trusted);
    }
    let via = |via: &str| json!({"via": via});
    let none = json!({});

    // The link by mail, the code by text message.
    operator.change("Tokens.EnrollEmail", "dora", &none);
    let its_link = link(&mail(&mailbox, "dora@example.org", "https://"));
    assert_eq!(
        refused(&daemon, "Tokens.AuthCodeSend", "dora", &via("email")),
        "E_POLICY"
    );
    operator.change("Tokens.AuthCodeSend", "dora", &via("sms"));
    let its_code = code(&text(&gateway, doras, "auth code"));
    assert_eq!(
        refused(&daemon, "Tokens.EnrollSms", "dora", &none),
        "E_POLICY"
    );
    let from = "192.0.2.9";
    let call = json!({"link": its_link, "user": "dora", "code": its_code, "from": from});
    let begun = operator.call("Enrol.Begin", &call);
    assert_eq!(begun["user"], "dora");

    // The link by text message, the code by mail.
    operator.change("Tokens.EnrollSms", "emil", &none);
    let message = text(&gateway, emils, "https://");
    assert!(
        message.len() <= TWO_MESSAGES && message.is_ascii(),
        "{message}"
    );
    let listed = operator.call("Tokens.EnrollList", &json!({"user": "emil"}));
    assert_eq!(listed["rows"][0]["sent_to"], "+49 170 2222222", "{listed}");
    assert_eq!(
        refused(&daemon, "Tokens.AuthCodeSend", "emil", &via("sms")),
        "E_POLICY"
    );
    let sent = json!({"send": "email"});
    operator.change("Tokens.AuthCodeGenerate", "emil", &sent);
    let its_code = code(&mail(&mailbox, "emil@example.org", "auth code, which"));
    let call = json!({"link": link(&message), "user": "emil", "code": its_code, "from": from});
    let seed = operator.call("Enrol.Begin", &call)["secret"]
        .as_str()
        .unwrap()
        .to_owned();
    let again = operator.try_call("Enrol.Begin", &call).unwrap_err();
    assert_eq!(again["error"], "org.mfad.Link");

    // No seed has gone by text message.
    let seeds = [seed.as_str(), begun["secret"].as_str().unwrap(), "otpauth"];
    for request in gateway.requests() {
        let request = request.to_string();
        assert!(
            seeds.iter().all(|seed| !request.contains(seed)),
            "{request}"
        );
    }
    daemon.stop();
}

#[test]
fn without_pages_a_text_message_brings_an_auth_code_only() {
    let Some(gateway) = Gateway::open("ok") else {
        return;
    };
    let config = gateway.config("right-ca.pem", BODY);
    let daemon = Site::with(&[Person::new("alice")], &config).start();
    let operator = daemon.operator();
    let number = "+491701111111";
    operator.change("Users.Add", "dora", &json!({"phone": number}));
    let none = json!({});
    assert_eq!(
        refused(&daemon, "Tokens.EnrollSms", "dora", &none),
        "E_NOADDR"
    );
    assert_eq!(
        refused(&daemon, "Tokens.EnrollEmail", "dora", &none),
        "E_DELIVERY"
    );
    operator.change(
        "Users.Edit",
        "dora",
        &json!({"phone": number, "trusted": true}),
    );
    operator.change("Tokens.EnrollSms", "dora", &none);
    let first = text(&gateway, number, "auth code");
    assert!(!first.contains("http"), "{first}");
    let shown = operator.show("dora");
    assert_eq!(shown["auth_code"]["purpose"], "new", "{shown}");
    // A change of state sends one as well; the first is void by then, and another.
    let sent = json!({"state": "replace", "send_code": "sms", "reason": "a test"});
    operator.change("Users.SetState", "dora", &sent);
    let codes = || {
        let requests = gateway.requests();
        let of = |request: &&Value| request["body"].to_string().contains("auth code");
        let bodies = requests
            .iter()
            .filter(of)
            .map(|request| request["body"].to_string());
        bodies.collect::<Vec<String>>()
    };
    until("the second code", || codes().len() == 2);
    assert_ne!(codes()[0], codes()[1]);
    daemon.stop();
}
