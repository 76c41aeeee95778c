//! The first sign-in of somebody without a token: the auth code, the page, the first code.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use mfad::radius::{AttributeType, Packet};
use mfad::token::{Otp, Period, base32, totp};

use crate::common::daemon::{Daemon, Site};
use crate::common::gateway::{ACCEPT, Port, REJECT, Reply};
use crate::common::ledger::Ledger;
use crate::common::people::{PIN, Person};
use crate::common::sink::Sink;
use crate::dialogues::{answer, state};

pub(super) const PAGES: &str = "\n[web]\nbase_url = \"https://mfa.example.org\"\n";
pub(super) const FROM: &str = "192.0.2.9";

/// The words of a question.
pub(super) fn words(reply: &Reply) -> String {
    let packet = Packet::decode(&reply.octets).unwrap();
    let words = packet.first(AttributeType::REPLY_MESSAGE).unwrap();
    String::from_utf8(words.to_vec()).unwrap()
}

/// The secret in the link that stands in them.
pub(super) fn link(words: &str) -> String {
    let link = words.strip_prefix("Open https://mfa.example.org/e/");
    let (secret, rest) = link.unwrap_or_else(|| panic!("{words}")).split_at(64);
    let then = " within 10 minutes, add the account in your app, then enter the code it shows:";
    assert_eq!(rest, then);
    secret.to_owned()
}

/// What the app shows that has scanned the page.
pub(super) fn shown(secret: &str) -> String {
    let seed = base32::decode(secret.as_bytes()).unwrap();
    let now = mfad::sys::clock::Clock::start().now();
    let step = totp::step_at(now.wall, Period::THIRTY);
    let code = Otp::TOTP.code_at(seed.expose(), step);
    code.text().expose().clone()
}

/// The secret of a token that was added.
pub(super) fn secret(added: &Value) -> String {
    let uri = added["done"]["reveal"]["text"].as_str().unwrap();
    let (_, secret) = uri.split_once("secret=").unwrap();
    secret.split('&').next().unwrap().to_owned()
}

/// dora is new, and has an auth code.
fn dora(daemon: &Daemon) -> String {
    let operator = daemon.operator();
    operator.change("Users.Add", "dora", &json!({}));
    let done = operator.change("Tokens.AuthCodeGenerate", "dora", &json!({}));
    done["done"]["reveal"]["text"].as_str().unwrap().to_owned()
}

/// dora's answer to this question, and what she is asked next.
fn next(port: &mut Port, asked: &Reply, typed: &str) -> (Vec<u8>, Reply) {
    let request = answer(port, "dora", &state(asked), typed);
    let reply = port.ask(&request);
    (request, reply)
}

/// A daemon that is killed after each step: what was asked is asked again in the same octets, the link
/// among them, and what was done is done.
#[test]
fn a_new_person_comes_from_the_auth_code_over_the_page_to_the_login() {
    let alice = Person::new("alice");
    let daemon = Site::with(std::slice::from_ref(&alice), PAGES).start();
    let code = dora(&daemon);
    let mut port = daemon.gateway("gw-gateway").port();
    let first = port.request("dora", "whatever");
    let asked = port.ask(&first);
    assert_eq!(words(&asked), "Enter your authorization code:");
    let daemon = daemon.kill().start();
    assert_eq!(port.ask(&first), asked, "the same question");

    let (second, open) = next(&mut port, &asked, &code);
    let link = link(&words(&open));
    let daemon = daemon.kill().start();
    assert_eq!(port.ask(&second), open, "the same link");

    let begin = |user| json!({"link": link, "user": user, "from": FROM});
    let operator = daemon.operator();
    let stranger = operator.try_call("Enrol.Begin", &begin("alice"));
    assert_eq!(stranger.unwrap_err()["error"], "org.mfad.Link");
    let begun = operator.call("Enrol.Begin", &begin("dora"));
    let daemon = daemon.kill().start();
    let again = daemon.operator().try_call("Enrol.Begin", &begin("dora"));
    assert_eq!(again.unwrap_err()["error"], "org.mfad.Link", "it is used");

    let (third, asked) = next(&mut port, &open, "000000");
    assert_eq!(words(&asked), "Enter your one-time code:");
    let daemon = daemon.kill().start();
    assert_eq!(port.ask(&third), asked, "the same question");
    let typed = shown(begun["secret"].as_str().unwrap());
    let (last, accepted) = next(&mut port, &asked, &typed);
    assert_eq!(accepted.code, ACCEPT);
    let daemon = daemon.kill().start();
    assert_eq!(port.ask(&last), accepted, "the same answer");

    let operator = daemon.operator();
    assert_eq!(operator.show("dora")["state"], "Steady State");
    let site = daemon.stop();
    let ledger = Ledger::of(&site);
    for event in [
        "authcode.used",
        "token.enrolled",
        "token.registered",
        "auth.accept",
    ] {
        assert_eq!(ledger.count(event, "dora"), 1, "{event}");
    }
    for record in &ledger.records {
        let text = format!("{record:?}");
        assert!(!text.contains(&link) && !text.contains(&code), "{text}");
    }
}

/// Whoever types the code on the page already may still sign in at the prompt, with the next one.
#[test]
fn a_token_that_is_proven_on_the_page_ends_the_question_with_its_next_code() {
    let alice = Person::new("alice");
    let daemon = Site::with(std::slice::from_ref(&alice), PAGES).start();
    let code = dora(&daemon);
    let mut port = daemon.gateway("gw-gateway").port();
    let first = port.request("dora", "whatever");
    let asked = port.ask(&first);
    let (_, open) = next(&mut port, &asked, &code);
    let call = json!({"link": link(&words(&open)), "user": "dora", "from": FROM});
    let operator = daemon.operator();
    let begun = operator.call("Enrol.Begin", &call);
    let typed = shown(begun["secret"].as_str().unwrap());
    let call = json!({"ticket": begun["ticket"], "otp": typed, "from": FROM});
    operator.call("Enrol.Prove", &call);
    assert_eq!(operator.show("dora")["state"], "Steady State");
    // The same code once more is a wrong one; a recovery code was not asked for.
    let (_, asked) = next(&mut port, &open, &typed);
    assert_eq!(words(&asked), "Enter your one-time code:");
    // A phone that is a step ahead, so that nobody has to wait for it.
    let seed = base32::decode(begun["secret"].as_str().unwrap().as_bytes()).unwrap();
    let now = mfad::sys::clock::Clock::start().now();
    let step = totp::step_at(now.wall, Period::THIRTY) + 1;
    let typed = Otp::TOTP
        .code_at(seed.expose(), step)
        .text()
        .expose()
        .clone();
    let (_, accepted) = next(&mut port, &asked, &typed);
    assert_eq!(accepted.code, ACCEPT);
}

/// A lost phone: the old token is void at once, and the PIN, the auth code and the page lead to the new
/// one.
#[test]
fn a_secret_that_was_reset_leads_to_a_new_token_at_the_next_sign_in() {
    let alice = Person::new("alice");
    let daemon = Site::with(std::slice::from_ref(&alice), PAGES).start();
    let operator = daemon.operator();
    operator.change("Users.Add", "dora", &json!({}));
    operator.change("Pins.Reset", "dora", &json!({"pin": PIN, "keep": true}));
    let call = json!({"kind": "totp", "trusted": true});
    let old = secret(&operator.change("Tokens.Add", "dora", &call));
    let mut port = daemon.gateway("gw-two").port();
    let first = port.request("dora", PIN);
    let asked = port.ask(&first);
    assert_eq!(words(&asked), "Enter your one-time code:");

    let why = json!({"why": "lost_phone"});
    operator.change("Tokens.ResetSecret", "dora", &why);
    let done = operator.change("Tokens.AuthCodeGenerate", "dora", &json!({}));
    let code = done["done"]["reveal"]["text"].as_str().unwrap();
    let first = port.request("dora", PIN);
    let asked = port.ask(&first);
    assert_eq!(words(&asked), "Enter your authorization code:");
    let (_, refused) = next(&mut port, &asked, &shown(&old));
    assert_eq!(refused.code, REJECT, "the old token proves nothing");
    let first = port.request("dora", PIN);
    let asked = port.ask(&first);
    let (_, open) = next(&mut port, &asked, code);
    let call = json!({"link": link(&words(&open)), "user": "dora", "from": FROM});
    let begun = operator.call("Enrol.Begin", &call);
    let typed = shown(begun["secret"].as_str().unwrap());
    let (_, accepted) = next(&mut port, &open, &typed);
    assert_eq!(accepted.code, ACCEPT);
    assert_eq!(operator.show("dora")["rekey"], json!(null));
}

/// Without pages nobody is led anywhere, unless an operator has shown a token.
#[test]
fn where_there_is_no_page_a_new_person_is_refused_until_a_token_was_shown() {
    let alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let code = dora(&daemon);
    let mut port = daemon.gateway("gw-gateway").port();
    let first = port.request("dora", "whatever");
    assert_eq!(port.ask(&first).code, REJECT);
    let operator = daemon.operator();
    let added = operator.change("Tokens.Add", "dora", &json!({"kind": "totp"}));
    let secret = secret(&added);
    let first = port.request("dora", "whatever");
    let asked = port.ask(&first);
    let (_, asked) = next(&mut port, &asked, &code);
    assert_eq!(words(&asked), "Enter your one-time code:");
    let (_, accepted) = next(&mut port, &asked, &shown(&secret));
    assert_eq!(accepted.code, ACCEPT);
}

/// Where the site lets them, people have the auth code mailed themselves; a kill in between changes
/// neither the question nor the number of mails.
#[test]
fn an_auth_code_that_is_asked_for_at_the_prompt_comes_by_mail() {
    let sink = Sink::open();
    let config = format!("[auth_code]\nself_service = true\n{}{PAGES}", sink.config());
    let daemon = Site::with(&[Person::new("alice")], &config).start();
    let email = json!({"email": "dora@example.org", "trusted": true});
    daemon.operator().change("Users.Add", "dora", &email);
    let mut port = daemon.gateway("gw-gateway").port();
    let first = port.request("dora", "whatever");
    let asked = port.ask(&first);
    let (second, asked) = next(&mut port, &asked, "send");
    assert_eq!(words(&asked), "Code sent to d***a@example.org. Enter it:");
    let daemon = daemon.kill().start();
    assert_eq!(port.ask(&second), asked, "the same question");
    let mark = "which is asked for when you set up your codes:\n\n";
    let end = Instant::now() + Duration::from_secs(30);
    let code = loop {
        let mails = sink.mails();
        let text = mails.iter().map(|mail| mail.replace("=\n", ""));
        let code = |text: String| Some(text.split_once(mark)?.1.lines().next()?.to_owned());
        if let Some(code) = text.into_iter().find_map(code) {
            break code;
        }
        assert!(Instant::now() < end, "{mails:?}");
        std::thread::sleep(Duration::from_millis(20));
    };
    let (_, open) = next(&mut port, &asked, &code);
    link(&words(&open));
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("authcode.sent", "dora"), 1);
    for record in &ledger.records {
        assert!(!format!("{record:?}").contains(&code), "{record:?}");
    }
}

/// Where nobody shows a token, the address on file is proven and gets one; the daemon is killed after
/// each step.
#[test]
fn a_new_person_proves_the_address_on_file_and_signs_in_by_it() {
    let sink = Sink::open();
    let daemon = Site::with(&[Person::new("alice")], &sink.config()).start();
    let operator = daemon.operator();
    operator.change("Users.Add", "dora", &json!({"email": "dora@example.org"}));
    let done = operator.change("Tokens.AuthCodeGenerate", "dora", &json!({}));
    let code = done["done"]["reveal"]["text"].as_str().unwrap();
    let mut port = daemon.gateway("gw-gateway").port();
    let first = port.request("dora", "whatever");
    let asked = port.ask(&first);
    let (second, asked) = next(&mut port, &asked, code);
    assert_eq!(words(&asked), "Code sent to d***a@example.org. Enter it:");
    let daemon = daemon.kill().start();
    assert_eq!(port.ask(&second), asked, "the same question");
    let (last, accepted) = next(&mut port, &asked, &sent(&sink, 0));
    assert_eq!(accepted.code, ACCEPT);
    let daemon = daemon.kill().start();
    assert_eq!(port.ask(&last), accepted, "the same answer");
    let dora = daemon.operator().show("dora");
    assert_eq!(dora["state"], "Steady State");
    assert_eq!(dora["emails"][0]["verified"], true);
    assert_eq!(dora["tokens"][0]["kind"], "virtual");
    // From now on it is a token like any other.
    let first = port.request("dora", "");
    let asked = port.ask(&first);
    let (_, accepted) = next(&mut port, &asked, &sent(&sink, 1));
    assert_eq!(accepted.code, ACCEPT);
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("token.code_sent", "dora"), 2);
    assert_eq!(ledger.count("token.enrolled", "dora"), 1);
}

/// The code of the mail of this number, of those that bring one for a sign-in.
fn sent(sink: &Sink, number: usize) -> String {
    let end = Instant::now() + Duration::from_secs(30);
    let code = |mail: &String| {
        let (_, rest) = mail.split_once("Your code for the sign-in: ")?;
        Some(rest.lines().next()?.to_owned())
    };
    loop {
        if let Some(code) = sink.mails().iter().filter_map(code).nth(number) {
            return code;
        }
        assert!(Instant::now() < end, "{:?}", sink.mails());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The old token leads to the new one, and is void with its first use. A daemon that is killed after
/// each packet loses nothing.
#[test]
fn a_token_that_is_to_be_renewed_leads_to_its_successor() {
    let mut alice = Person::new("alice");
    let mut daemon = Site::with(std::slice::from_ref(&alice), PAGES).start();
    let renew = json!({"state": "renew"});
    daemon.operator().change("Users.SetState", "alice", &renew);
    let mut port = daemon.gateway("gw-two").port();
    let request = port.request("alice", PIN);
    let asked = port.ask(&request);
    let request = answer(&mut port, "alice", &state(&asked), &alice.code());
    let open = port.ask(&request);
    let link = link(&words(&open));
    daemon = daemon.kill().start();
    assert_eq!(port.ask(&request), open, "the same link");
    assert_eq!(daemon.operator().show("alice")["base"], "renew");
    let call = json!({"link": link, "user": "alice", "from": FROM});
    let begun = daemon.operator().call("Enrol.Begin", &call);
    let typed = shown(begun["secret"].as_str().unwrap());
    let request = answer(&mut port, "alice", &state(&open), &typed);
    let accepted = port.ask(&request);
    assert_eq!(accepted.code, ACCEPT);
    daemon = daemon.kill().start();
    assert_eq!(port.ask(&request), accepted, "the same answer");
    assert_eq!(daemon.operator().show("alice")["base"], "steady");
    let passcode = format!("{PIN}{}", alice.code());
    daemon.gateway("gw-pin").keeps_out("alice", &passcode);
    let ledger = Ledger::of(&daemon.stop());
    for event in ["token.obsolete", "auth.accept"] {
        assert_eq!(ledger.count(event, "alice"), 1, "{event}");
    }
}
