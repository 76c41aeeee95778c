//! The first sign-in of somebody without a token: the auth code, the page, the first code.

use serde_json::json;

use mfad::token::{Otp, Period, base32, totp};

use crate::common::conversation::Conversation;
use crate::common::daemon::{Daemon, Site};
use crate::common::ledger::Ledger;
use crate::common::operator::{revealed, secret};
use crate::common::people::{PIN, Person, app};
use crate::common::sink::Sink;

pub(super) const PAGES: &str = "\n[web]\nbase_url = \"https://mfa.example.org\"\n";
pub(super) const FROM: &str = "192.0.2.9";
/// What stands before a code that is mailed for a sign-in.
pub(super) const SIGN_IN_MAIL: &str = "Your code for the sign-in: ";

/// The secret in the link that stands at the prompt.
pub(super) fn link(talk: &Conversation) -> String {
    let then = " within 10 minutes, add the account in your app, then enter the code it shows:";
    link_before(talk, then)
}

/// The secret in the link, and what stands behind it.
fn link_before(talk: &Conversation, then: &str) -> String {
    let words = talk.reply.words();
    let link = words.strip_prefix("Open https://mfa.example.org/e/");
    let (secret, rest) = link.unwrap_or_else(|| panic!("{words}")).split_at(64);
    assert_eq!(rest, then);
    secret.to_owned()
}

/// dora is new, and has an auth code.
fn dora(daemon: &Daemon) -> String {
    daemon.operator().change("Users.Add", "dora", &json!({}));
    daemon.operator().auth_code("dora")
}

/// dora signs in where her password was checked before.
fn at_the_vpn(daemon: &Daemon) -> Conversation {
    Conversation::begin(&daemon.gateway("gw-gateway"), "dora", "whatever")
}

/// A daemon that is killed after each step: what was asked is asked again in the same octets, the link
/// among them, and what was done is done.
#[test]
fn a_new_person_comes_from_the_auth_code_over_the_page_to_the_login() {
    let alice = Person::new("alice");
    let daemon = Site::with(std::slice::from_ref(&alice), PAGES).start();
    let code = dora(&daemon);
    let mut talk = at_the_vpn(&daemon);
    talk.asks("Enter your authorization code:");
    let daemon = talk.kill(daemon);
    talk.types(&code);
    let link = link(&talk);
    let daemon = talk.kill(daemon);

    let begin = |user| json!({"link": link, "user": user, "from": FROM});
    let operator = daemon.operator();
    let stranger = operator.try_call("Enrol.Begin", &begin("alice"));
    assert_eq!(stranger.unwrap_err()["error"], "org.mfad.Link");
    let begun = operator.call("Enrol.Begin", &begin("dora"));
    let daemon = daemon.kill().start();
    let again = daemon.operator().try_call("Enrol.Begin", &begin("dora"));
    assert_eq!(again.unwrap_err()["error"], "org.mfad.Link", "it is used");

    talk.types("000000");
    talk.asks("Enter your one-time code:");
    let daemon = talk.kill(daemon);
    talk.types(&app(begun["secret"].as_str().unwrap()));
    talk.is_let_in();
    let daemon = talk.kill(daemon);

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
    ledger.keeps_none_of(&[&link, &code]);
}

/// Whoever types the code on the page already may still sign in at the prompt, with the next one.
#[test]
fn a_token_that_is_proven_on_the_page_ends_the_question_with_its_next_code() {
    let alice = Person::new("alice");
    let daemon = Site::with(std::slice::from_ref(&alice), PAGES).start();
    let code = dora(&daemon);
    let mut talk = at_the_vpn(&daemon);
    talk.types(&code);
    let call = json!({"link": link(&talk), "user": "dora", "from": FROM});
    let operator = daemon.operator();
    let begun = operator.call("Enrol.Begin", &call);
    let typed = app(begun["secret"].as_str().unwrap());
    let call = json!({"ticket": begun["ticket"], "otp": typed, "from": FROM});
    operator.call("Enrol.Prove", &call);
    assert_eq!(operator.show("dora")["state"], "Steady State");
    // The same code once more is a wrong one; a recovery code was not asked for.
    talk.types(&typed);
    talk.asks("Enter your one-time code:");
    // A phone that is a step ahead, so that nobody has to wait for it.
    let seed = base32::decode(begun["secret"].as_str().unwrap().as_bytes()).unwrap();
    let now = mfad::sys::clock::Clock::start().now();
    let step = totp::step_at(now.wall, Period::THIRTY) + 1;
    talk.types(Otp::TOTP.code_at(seed.expose(), step).text().expose());
    talk.is_let_in();
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
    let old = operator.change("Tokens.Add", "dora", &call);
    let mut talk = Conversation::begin(&daemon.gateway("gw-two"), "dora", PIN);
    talk.asks("Enter your one-time code:");

    let why = json!({"why": "lost_phone"});
    operator.change("Tokens.ResetSecret", "dora", &why);
    let code = operator.auth_code("dora");
    talk.begin_anew(PIN);
    talk.asks("Enter your authorization code:");
    // The old token proves nothing.
    talk.types(&app(secret(&old)));
    talk.is_kept_out();
    talk.begin_anew(PIN);
    talk.types(&code);
    let call = json!({"link": link(&talk), "user": "dora", "from": FROM});
    let begun = operator.call("Enrol.Begin", &call);
    talk.types(&app(begun["secret"].as_str().unwrap()));
    talk.is_let_in();
    assert_eq!(operator.show("dora")["rekey"], json!(null));
}

/// Without pages nobody is led anywhere, unless an operator has shown a token.
#[test]
fn where_there_is_no_page_a_new_person_is_refused_until_a_token_was_shown() {
    let alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let code = dora(&daemon);
    at_the_vpn(&daemon).is_kept_out();
    let token = json!({"kind": "totp"});
    let added = daemon.operator().change("Tokens.Add", "dora", &token);
    let mut talk = at_the_vpn(&daemon);
    talk.types(&code);
    talk.asks("Enter your one-time code:");
    talk.types(&app(secret(&added)));
    talk.is_let_in();
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
    let mut talk = at_the_vpn(&daemon);
    talk.types("send");
    talk.asks("Code sent to d***a@example.org. Enter it:");
    let daemon = talk.kill(daemon);
    let before = "which is asked for when you set up your codes:\n\n";
    let code = sink.brought(before, 0);
    talk.types(&code);
    link(&talk);
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("authcode.sent", "dora"), 1);
    ledger.keeps_none_of(&[&code]);
}

/// Where nobody shows a token, the address on file is proven and gets one; the daemon is killed after
/// each step.
#[test]
fn a_new_person_proves_the_address_on_file_and_signs_in_by_it() {
    let sink = Sink::open();
    let daemon = Site::with(&[Person::new("alice")], &sink.config()).start();
    let operator = daemon.operator();
    operator.change("Users.Add", "dora", &json!({"email": "dora@example.org"}));
    let mut talk = at_the_vpn(&daemon);
    talk.types(&operator.auth_code("dora"));
    talk.asks("Code sent to d***a@example.org. Enter it:");
    let daemon = talk.kill(daemon);
    talk.types(&sink.brought(SIGN_IN_MAIL, 0));
    talk.is_let_in();
    let daemon = talk.kill(daemon);
    let dora = daemon.operator().show("dora");
    assert_eq!(dora["state"], "Steady State");
    assert_eq!(dora["emails"][0]["verified"], true);
    assert_eq!(dora["tokens"][0]["kind"], "virtual");
    // From now on it is a token like any other.
    talk.begin_anew("");
    talk.types(&sink.brought(SIGN_IN_MAIL, 1));
    talk.is_let_in();
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("token.code_sent", "dora"), 2);
    assert_eq!(ledger.count("token.enrolled", "dora"), 1);
}

/// The old token leads to the new one, and is void with its first use. A daemon that is killed after
/// each packet loses nothing.
#[test]
fn a_token_that_is_to_be_renewed_leads_to_its_successor() {
    let mut alice = Person::new("alice");
    let mut daemon = Site::with(std::slice::from_ref(&alice), PAGES).start();
    daemon.operator().set_state("alice", "renew");
    let mut talk = Conversation::begin(&daemon.gateway("gw-two"), "alice", PIN);
    talk.types(&alice.code());
    let link = link(&talk);
    daemon = talk.kill(daemon);
    assert_eq!(daemon.operator().show("alice")["base"], "renew");
    let call = json!({"link": link, "user": "alice", "from": FROM});
    let begun = daemon.operator().call("Enrol.Begin", &call);
    talk.types(&app(begun["secret"].as_str().unwrap()));
    talk.is_let_in();
    daemon = talk.kill(daemon);
    assert_eq!(daemon.operator().show("alice")["base"], "steady");
    let passcode = format!("{PIN}{}", alice.code());
    daemon.gateway("gw-pin").keeps_out("alice", &passcode);
    let ledger = Ledger::of(&daemon.stop());
    for event in ["token.obsolete", "auth.accept"] {
        assert_eq!(ledger.count(event, "alice"), 1, "{event}");
    }
}

/// Update Credential adds a token to the one that is there. A daemon that is killed after each packet
/// and behind the page loses nothing.
#[test]
fn kill_between_any_two_rounds_of_an_update_and_a_further_token_is_there() {
    let mut alice = Person::new("alice");
    let mut daemon = Site::with(std::slice::from_ref(&alice), PAGES).start();
    let update = json!({"state": "update", "what": "token"});
    daemon.operator().change("Users.SetState", "alice", &update);
    let two = daemon.gateway("gw-two");
    let mut talk = Conversation::begin(&two, "alice", PIN);
    daemon = talk.kill(daemon);
    talk.types(&alice.code());
    let call = json!({"link": link(&talk), "user": "alice", "from": FROM});
    daemon = talk.kill(daemon);
    let begun = daemon.operator().call("Enrol.Begin", &call);
    daemon = talk.kill(daemon);
    assert_eq!(daemon.operator().show("alice")["base"], "update");
    talk.types(&app(begun["secret"].as_str().unwrap()));
    talk.is_let_in();
    daemon = talk.kill(daemon);
    let shown = daemon.operator().show("alice");
    assert_eq!(shown["base"], "steady");
    assert_eq!(shown["tokens"].as_array().unwrap().len(), 2);
    // The one before is as good as ever.
    talk.begin_anew(PIN);
    talk.types(&alice.code());
    talk.is_let_in();
    assert_eq!(Ledger::of(&daemon.stop()).count("auth.accept", "alice"), 2);
}

/// The phone lies at home, and the next day it is lost: a recovery code offers a new token, which may
/// be put off. The daemon is killed after each step.
#[test]
fn a_recovery_code_ends_in_a_new_token_or_is_put_off() {
    let mut alice = Person::new("alice");
    let mut daemon = Site::with(std::slice::from_ref(&alice), PAGES).start();
    let paper = daemon.operator();
    let paper = paper.change("Tokens.RecoveryIssue", "alice", &json!({}));
    let mut codes = revealed(&paper).split_whitespace();
    let mut code = || codes.next().unwrap();
    let state = |daemon: &Daemon| daemon.operator().show("alice")["state"].clone();
    let offer = " within 10 minutes, add the account, then enter its code, or the word later:";

    let mut talk = Conversation::begin(&daemon.gateway("gw-gateway"), "alice", code());
    link_before(&talk, offer);
    daemon = talk.kill(daemon);
    talk.types("later");
    talk.is_let_in();
    daemon = talk.kill(daemon);
    assert_eq!(state(&daemon), "Update Credential");
    // The phone was found: nothing is asked, and nothing is left to be done.
    let gateway = daemon.gateway("gw-gateway");
    gateway.lets_in("alice", &alice.code());
    assert_eq!(state(&daemon), "Steady State");

    let mut talk = Conversation::begin(&gateway, "alice", code());
    let call = json!({"link": link_before(&talk, offer), "user": "alice", "from": FROM});
    let begun = daemon.operator().call("Enrol.Begin", &call);
    daemon = talk.kill(daemon);
    talk.types(&app(begun["secret"].as_str().unwrap()));
    talk.is_let_in();
    daemon = talk.kill(daemon);
    assert_eq!(state(&daemon), "Steady State");
    // Where nobody is led to a token it lets in as ever.
    daemon.gateway("gw-none").lets_in("alice", code());
    assert_eq!(state(&daemon), "Update Credential");
    let ledger = Ledger::of(&daemon.stop());
    for (event, times) in [("recovery.used", 3), ("workflow.deferred", 2)] {
        assert_eq!(ledger.count(event, "alice"), times, "{event}");
    }
}
