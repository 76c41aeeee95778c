//! Secrets that bring a person to a first or a next token: each on the only way it has.

use serde_json::{Value, json};

use crate::common::daemon::Daemon;
use crate::common::operator::Operator;
use crate::common::sink::Sink;
use crate::common::texts::Texts;
use crate::net::Planted;
use crate::{begin, refused, types};

const FROM: &str = "192.0.2.9";
/// What stands in a mail before a link that confirms an address.
const CONFIRM: &str = "https://mfa.example.org/a/";
/// What stands before a link to the page.
const PAGE: &str = "https://mfa.example.org/e/";
const SIGN_IN: &str = "Your code for the sign-in: ";

fn auth_code(operator: &Operator, planted: &mut Planted, user: &str) -> String {
    let code = operator.auth_code(user);
    planted.watch("auth code", &code);
    code
}

/// Opens the page; the ticket of the one who did.
fn open_page(operator: &Operator, planted: &mut Planted, call: &Value) -> String {
    let begun = operator.call("Enrol.Begin", call);
    planted.watch("secret for the app", begun["secret"].as_str().unwrap());
    let ticket = begun["ticket"].as_str().unwrap();
    planted.watch_link("ticket", ticket);
    ticket.to_owned()
}

/// A link, an auth code, a ticket and a seed.
pub(crate) fn by_link(
    daemon: &Daemon,
    sink: &Sink,
    planted: &mut Planted,
    answers: &mut Vec<Value>,
    round: usize,
) {
    let operator = daemon.operator();
    let user = format!("linked{round}");
    let address = format!("{user}@example.org");
    operator.change("Users.Add", &user, &json!({"email": address}));
    let confirm = sink.brought_to(&address, CONFIRM, 0);
    planted.watch_link("link that confirms an address", &confirm);
    answers.push(operator.call("Enrol.Confirm", &json!({"link": confirm, "from": FROM})));
    operator.change("Tokens.AuthCodeSend", &user, &json!({"via": "email"}));
    let sent = sink.brought_to(
        &address,
        "which is asked for when you set up your codes:\n\n",
        0,
    );
    planted.watch("auth code in a mail", &sent);
    let code = auth_code(&operator, planted, &user);
    answers.push(operator.change("Tokens.EnrollEmail", &user, &json!({})));
    let link = sink.brought_to(&address, PAGE, 0);
    planted.watch_link("link", &link);
    answers.push(operator.call("Tokens.EnrollList", &json!({})));
    let wrong = json!({"link": link, "user": "nobody", "code": code, "from": FROM});
    answers.push(refused(daemon, "Enrol.Begin", &wrong));
    let right = json!({"link": link, "user": user, "code": code, "from": FROM});
    let ticket = open_page(&operator, planted, &right);
    let wrong = json!({"ticket": ticket, "otp": "no code", "from": FROM});
    answers.push(refused(daemon, "Enrol.Prove", &wrong));
    answers.push(operator.call("Notify.List", &json!({"user": user})));
}

/// Codes that are sent: one is used, and one is out when the store is looked at.
pub(crate) fn send_codes(
    daemon: &Daemon,
    sink: &Sink,
    planted: &mut Planted,
    answers: &mut Vec<Value>,
    round: usize,
) {
    let operator = daemon.operator();
    let user = format!("linked{round}");
    let kind = json!({"kind": "virtual", "via": "email"});
    let added = operator.change("Tokens.Add", &user, &kind);
    let token = added["done"]["token"].as_str().unwrap();
    for number in 0..2 {
        let mut test = json!({"token": token, "reason": "x"});
        answers.push(operator.call("Tokens.Test", &test));
        let code = sink.brought_to(&format!("{user}@example.org"), "Your code: ", number);
        planted.watch("code that was sent", &code);
        if number == 0 {
            test["code"] = json!(code);
            answers.push(operator.call("Tokens.Test", &test));
        }
    }
    answers.push(operator.show(&user));
}

/// The address on file of a new person: the code to it is out in the first round, used in the second.
pub(crate) fn prove_address(
    daemon: &Daemon,
    sink: &Sink,
    planted: &mut Planted,
    answers: &mut Vec<Value>,
    round: usize,
) {
    let operator = daemon.operator();
    let user = format!("fresh{round}");
    let address = format!("{user}@example.org");
    operator.change("Users.Add", &user, &json!({"email": address}));
    operator.change("Users.Edit", &user, &json!({"set": "mailed"}));
    let confirm = sink.brought_to(&address, CONFIRM, 0);
    planted.watch_link("link that confirms an address", &confirm);
    let code = auth_code(&operator, planted, &user);
    let mut talk = begin(daemon, planted, "gw-gateway", &user, "whatever");
    types(&mut talk, planted, &code);
    let code = sink.brought_to(&address, SIGN_IN, 0);
    planted.watch("code to the address on file", &code);
    if round > 0 {
        types(&mut talk, planted, &code);
        talk.is_let_in();
    }
    answers.push(operator.show(&user));
    answers.push(operator.call("Auth.Log", &json!({"user": user})));
}

/// Device authorization codes: one is out when the store is looked at, behind the other is a link, and
/// behind that the page.
pub(crate) fn authorize_device(
    daemon: &Daemon,
    sink: &Sink,
    planted: &mut Planted,
    answers: &mut Vec<Value>,
    round: usize,
) {
    let operator = daemon.operator();
    for (user, goes_on) in [
        (format!("lost{round}"), false),
        (format!("lost-too{round}"), true),
    ] {
        let address = format!("{user}@example.org");
        let email = json!({"email": address, "trusted": true});
        operator.change("Users.Add", &user, &email);
        let token = json!({"kind": "totp", "trusted": true});
        operator.change("Tokens.Add", &user, &token);
        operator.change("Tokens.ResetSecret", &user, &json!({"why": "lost_phone"}));
        let mut talk = begin(daemon, planted, "gw-gateway", &user, "whatever");
        let code = sink.brought_to(&address, "Your device authorization code: ", 0);
        planted.watch("device authorization code", &code);
        if goes_on {
            types(&mut talk, planted, &code);
            let words = talk.reply.words();
            let (_, link) = words.split_once(PAGE).unwrap();
            let link = link.split_whitespace().next().unwrap();
            planted.watch_link("link at the prompt", link);
            let call = json!({"link": link, "user": user, "from": FROM});
            open_page(&operator, planted, &call);
        }
        for (method, call) in [
            ("Tokens.DeviceAuthStatus", json!({"user": user})),
            ("Auth.Log", json!({"user": user})),
            ("Auth.DialogueList", json!({})),
        ] {
            answers.push(operator.call(method, &call));
        }
        answers.push(operator.show(&user));
    }
}

/// The same things by text message: a link, an auth code, and a code to the number on file.
pub(crate) fn by_text(
    daemon: &Daemon,
    texts: &Texts,
    planted: &mut Planted,
    answers: &mut Vec<Value>,
) {
    let operator = daemon.operator();
    for (user, phone) in [("dora", "+491701111111"), ("emil", "+491702222222")] {
        let number = json!({"phone": phone, "trusted": true});
        operator.change("Users.Add", user, &number);
        operator.change("Users.Edit", user, &json!({"set": "texted"}));
    }
    answers.push(operator.change("Tokens.EnrollSms", "dora", &json!({})));
    let text = texts.wait("%2Fe%2F");
    let (_, link) = text.split_once("%2Fe%2F").unwrap();
    planted.watch_link("link by SMS", &link[..64]);
    let via = json!({"via": "sms"});
    answers.push(operator.change("Tokens.AuthCodeSend", "emil", &via));
    let text = texts.wait("auth%20code");
    let mut words = text.split("%20").map(|word| word.trim_end_matches('.'));
    let is_code = |word: &&str| word.len() == 11 && word.as_bytes()[5] == b'-';
    let code = words.find(is_code).unwrap();
    planted.watch("auth code by SMS", code);
    let mut talk = begin(daemon, planted, "gw-gateway", "emil", "whatever");
    types(&mut talk, planted, code);
    planted.watch("code to the number on file", &texts.code(8));
    answers.push(operator.show("emil"));
}
