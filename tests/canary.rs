//! Nothing that is secret is ever found anywhere it should not be.
//!
//! Secrets that are like no others are used for everything that can be done with them, at log level
//! trace; then every octet that mfad has written or shown is searched for them, in each form they
//! could take: log, store, write-ahead log, backup, checkpoints, answers on the control socket,
//! arguments and environment of the process.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise, and measures time"
)]

mod common;
#[path = "canary/enrolment.rs"]
mod enrolment;
#[path = "canary/net.rs"]
mod net;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use mfad::radius::AttributeType;
use mfad::token::{Digits, Factor, Otp, base32};

use common::chance::Chance;
use common::conversation::Conversation;
use common::daemon::{Daemon, Site};
use common::ledger::Ledger;
use common::reach::prove_addresses;
use common::sink::Sink;
use common::texts::Texts;
use net::{Planted, search_folder, search_process, visit};

/// Where the links of mails lead. Codes that are sent are so long that none is met by chance.
const PAGES: &str = "\n[web]\nbase_url = \"https://mfa.example.org\"\n\n[sent_code]\ndigits = 8\n";
/// Whoever is in the second set has nothing but what is sent.
const MORE: &str = "[emergency]\nenabled = true\n\n[sets]\nmailed = [[\"virtual\"]]\n\
                    default = [[\"totp\", \"hotp\", \"virtual\"]]\n";

#[test]
fn a_secret_is_found_in_no_log_file_answer_or_process() {
    let mut chance = Chance::new("canary");
    let mut planted = Planted::new(&mut chance);
    let sink = Sink::open();
    let mut site = Site::with(std::slice::from_ref(&planted.person), &sink.config()).at_trace();
    let secret = format!("Sms-{:016x}-gateway", chance.next());
    planted.watch("secret of the SMS gateway", &secret);
    let mail = format!(
        "{}{PAGES}{MORE}{}",
        sink.config(),
        nobody_at_the_sms_gateway(&site, &secret)
    );
    site.write_config(&mail);
    prove_addresses(&site, std::slice::from_ref(&planted.person));
    let spare = format!("secret-in-the-wrong-place-{:016x}", chance.next());
    planted.watch("secret in the configuration", &spare);
    planted.watch("master key", site.key());
    let key = mfad::daemon::key::parse(site.key().as_bytes()).unwrap();
    planted.watch_octets("master key itself", key.expose());
    for gateway in ["gw-pin", "gw-local", "gw-none", "gw-gateway"] {
        let secret = site.gateway(gateway).secret;
        planted.watch("gateway's secret", &secret);
    }
    // The search finds what is there.
    let key_file = fs::read(site.path("key")).unwrap();
    assert_eq!(planted.found(&key_file), Some("master key"));

    let mut answers = Vec::new();
    for round in 0..2 {
        let mut daemon = site.start();
        // What was left open in the round before is to be changed.
        let pin = json!({"pin": planted.person.pin, "keep": true});
        daemon.operator().change("Pins.Reset", "alice", &pin);
        sign_in(&daemon, &mut planted, &mut chance);
        operate(&daemon, &mut planted, &mut answers, round);
        import(&daemon, &mut planted, &mut chance, &mut answers, round);
        enrolment::by_link(&daemon, &sink, &mut planted, &mut answers, round);
        enrolment::send_codes(&daemon, &sink, &mut planted, &mut answers, round);
        enrolment::prove_address(&daemon, &sink, &mut planted, &mut answers, round);
        enrolment::authorize_device(&daemon, &sink, &mut planted, &mut answers, round);
        ask(&daemon, &mut planted, &mut chance, &mut answers);
        reload_with_a_secret_in_the_file(&mut daemon, &spare, &mail);
        sink.wait(6 * (round + 1));
        search_process(&daemon, &planted);
        planted.search("log", daemon.log().as_bytes());
        // Once with all that lies in the write-ahead log, once closed cleanly.
        site = if round == 0 {
            daemon.kill()
        } else {
            daemon.stop()
        };
        search_folder(site.folder(), &planted);
    }
    for answer in answers {
        planted.search(
            "an answer on the control socket",
            answer.to_string().as_bytes(),
        );
    }
    // A mail to somebody who enrols by it, or has lost a token, brings what it is for.
    let to = ["To: linked", "To: fresh", "To: lost"];
    let others = |mail: &String| !to.iter().any(|to| mail.contains(to));
    for mail in sink.mails().into_iter().filter(others) {
        planted.search("a mail", mail.as_bytes());
        // As people read it: without soft line ends.
        planted.search("the text of a mail", mail.replace("=\n", "").as_bytes());
    }
    let ledger = Ledger::of(&site);
    assert!(ledger.count("auth.accept", "alice") >= 4);
    planted.search("the audit log", format!("{:?}", ledger.records).as_bytes());
}

/// What goes by SMS stands at the gateway that carries it, and nowhere else: a code that is used, one
/// that is out when the store is looked at, and what brings a person to a first token.
#[test]
fn what_goes_by_sms_is_found_at_its_gateway_only() {
    let mut chance = Chance::new("canary of text messages");
    let mut planted = Planted::new(&mut chance);
    let texts = Texts::open();
    let sets = "[sets]\ndefault = [[\"hotp\"], [\"sms\"]]\ntexted = [[\"sms\"]]\n";
    let alice = std::slice::from_ref(&planted.person);
    let site = Site::with(alice, &format!("{}{PAGES}{sets}", texts.config()));
    let daemon = site.at_trace().start();
    let operator = daemon.operator();
    let token = json!({"kind": "sms", "phone": "+491701234567", "trusted": true});
    let mut answers = vec![operator.change("Tokens.Add", "alice", &token)];
    for used in [true, false] {
        let typed = [planted.person.pin.clone(), planted.person.code()];
        let mut talk = walk(&daemon, &mut planted, "gw-two", &typed);
        let code = texts.code(8);
        planted.watch("code by SMS", &code);
        if used {
            talk.types(&code);
            talk.is_let_in();
        }
    }
    enrolment::by_text(&daemon, &texts, &mut planted, &mut answers);
    answers.push(operator.show("alice"));
    for (method, parameters) in [
        ("Notify.List", json!({"user": "alice"})),
        ("Auth.Log", json!({"user": "alice"})),
        ("Auth.DialogueList", json!({})),
    ] {
        answers.push(operator.call(method, &parameters));
    }
    search_process(&daemon, &planted);
    planted.search("log", daemon.log().as_bytes());
    let site = daemon.kill();
    visit(site.folder(), &mut |path| {
        if path.file_name().is_some_and(|name| name != "key") {
            planted.search(&path.display().to_string(), &fs::read(path).unwrap());
        }
    });
    for answer in answers {
        let text = answer.to_string();
        planted.search("an answer on the control socket", text.as_bytes());
    }
}

/// An SMS gateway that is not there, so that the log tells why nothing could be sent.
fn nobody_at_the_sms_gateway(site: &Site, secret: &str) -> String {
    let path = site.path("sms.secret");
    fs::write(&path, secret).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    format!(
        "[sms]\nurl = \"http://127.0.0.1:{port}/?key={{secret}}\"\nsecret_file = \"sms.secret\"\n\
         headers = {{ Authorization = \"Bearer {{secret}}\" }}\n\
         body = \"key={{secret}}&to={{to}}&text={{text}}\"\n"
    )
}

/// Right and wrong sign-ins, and secrets typed where they do not belong.
fn sign_in(daemon: &Daemon, planted: &mut Planted, chance: &mut Chance) {
    let [pin, local, none] = ["gw-pin", "gw-local", "gw-none"].map(|name| daemon.gateway(name));
    let (right, password) = (planted.person.pin.clone(), planted.person.password.clone());
    let wrong_pin = format!("8{:010}", chance.next() % 10_000_000_000);
    let wrong_password = format!("Wrong-{:016x}-password", chance.next());
    planted.watch("wrong PIN", &wrong_pin);
    planted.watch("wrong password", &wrong_password);
    // People type a password where the name is asked for. First of all: lines about such attempts
    // are rate-limited, and this one is to be in the log.
    none.keeps_out(&password, "123456");
    none.keeps_out(&wrong_password, &right);
    none.keeps_out(&right, &password);
    let named = daemon.log().contains("reason=unknown_user");
    assert!(named, "{}", daemon.log());
    let passcode = |first: &str, planted: &mut Planted| {
        let passcode = format!("{first}{}", planted.person.code());
        planted.watch("passcode", &passcode);
        passcode
    };
    let typed = passcode(&right, planted);
    pin.lets_in("alice", &typed);
    pin.keeps_out("alice", &typed);
    let typed = passcode(&wrong_pin, planted);
    pin.keeps_out("alice", &typed);
    let typed = passcode(&password, planted);
    local.lets_in("alice", &typed);
    let typed = passcode(&wrong_password, planted);
    local.keeps_out("alice", &typed);
    let chap = pin.port().build(|request, _| {
        request.message_authenticator().unwrap();
        request
            .attribute(AttributeType::USER_NAME, password.as_bytes())
            .unwrap();
        request.attribute(AttributeType(3), &[7; 17]).unwrap();
    });
    let _ = pin.port().ask(&chap);
    let code = planted.person.code();
    none.lets_in("alice", &code);
}

/// What an operator does with secrets, and what mfad makes itself and shows once.
fn operate(daemon: &Daemon, planted: &mut Planted, answers: &mut Vec<Value>, round: usize) {
    let operator = daemon.operator();
    let user = format!("bob{round}");
    operator.change("Users.Add", &user, &json!({}));
    let pin = planted.person.pin.clone();
    operator.change("Pins.Reset", &user, &json!({"pin": pin}));
    operator.change(
        "Pins.PasswordSet",
        &user,
        &json!({"password": planted.person.password}),
    );
    // Refused, and not repeated.
    let weak = format!("{}{}", planted.person.pin, planted.person.pin);
    planted.watch("refused PIN", &weak);
    answers.push(refused(
        daemon,
        "Pins.Reset",
        &json!({"user": user, "pin": weak, "reason": "x"}),
    ));
    let seed = base32::encode(&planted.person.seed).expose().clone();
    let otp = Otp {
        digits: Digits::EIGHT,
        factor: Factor::Counter,
        ..Otp::HOTP
    };
    let code = |counter| {
        otp.code_at(&planted.person.seed, counter)
            .text()
            .expose()
            .clone()
    };
    let token = json!({"kind": "hotp", "digits": 8, "serial": format!("K{round}"), "seed": seed,
        "confirm": code(0)});
    let added = operator.change("Tokens.Add", &user, &token);
    let token = added["done"]["token"].as_str().unwrap().to_owned();
    let test = json!({"token": token, "code": code(1), "reason": "x"});
    answers.push(operator.call("Tokens.Test", &test));
    let again = json!({"token": token, "code": code(1), "reason": "x"});
    answers.push(refused(daemon, "Tokens.Test", &again));
    let resync = json!({"token": token, "first": code(2), "second": code(3), "reason": "x"});
    answers.push(operator.call("Tokens.Resync", &resync));
    for code in [0, 1, 2, 3].map(code) {
        planted.watch("code of eight digits", &code);
    }
    for (method, more) in [
        ("Pins.Reset", json!({})),
        ("Pins.PasswordSet", json!({})),
        ("Tokens.Add", json!({"kind": "totp"})),
        ("Tokens.AuthCodeGenerate", json!({"force": true})),
        ("Tokens.RecoveryIssue", json!({})),
    ] {
        let done = operator.change(method, &user, &more);
        let shown = done["done"]["reveal"]["text"].as_str().unwrap().to_owned();
        for secret in secrets_of(&shown) {
            planted.watch(method, &secret);
        }
    }
    tell_by_mail(daemon, planted, answers);
    answers.push(operator.call("Daemon.Backup", &json!({"name": format!("canary{round}")})));
    answers.push(operator.show("alice"));
    answers.push(operator.show(&user));
    answers.push(operator.call("Auth.Why", &json!({"user": "alice"})));
    answers.push(operator.call("Auth.Log", &json!({"user": "alice"})));
    answers.push(operator.call("Audit.Log", &json!({"limit": 500})));
    answers.push(operator.call("Daemon.Status", &json!({})));
    answers.push(operator.call("Gateways.Show", &json!({"gateway": "gw-pin"})));
}

/// Changes of which a person is told: that they were made, and not what they are.
fn tell_by_mail(daemon: &Daemon, planted: &mut Planted, answers: &mut Vec<Value>) {
    let operator = daemon.operator();
    let secrets = json!({"pin": planted.person.pin, "keep": true});
    operator.change("Pins.Reset", "alice", &secrets);
    let secrets = json!({"password": planted.person.password});
    operator.change("Pins.PasswordSet", "alice", &secrets);
    let done = operator.change("Tokens.RecoveryIssue", "alice", &json!({}));
    let shown = done["done"]["reveal"]["text"].as_str().unwrap().to_owned();
    for secret in secrets_of(&shown) {
        planted.watch("recovery code", &secret);
    }
    answers.extend(asks_questions(daemon, planted));
    operator.change("Users.Lock", "alice", &json!({}));
    operator.change("Users.Unlock", "alice", &json!({}));
    let phone = json!({"to": "+491701234567"});
    answers.push(refused(daemon, "Notify.Test", &phone));
    answers.push(operator.call("Notify.List", &json!({"user": "alice"})));
}

/// Answers to questions: set, then wrong, then right.
fn asks_questions(daemon: &Daemon, planted: &mut Planted) -> Vec<Value> {
    let operator = daemon.operator();
    let given = ["kestrel-vq81x", "larkspur-zk42m", "marigold-qd90w"];
    for answer in given {
        planted.watch("answer", answer);
    }
    let answers = given.join("\n");
    let questions = json!(["First pet?", "First street?", "First teacher?"]);
    let set = json!({"questions": questions, "answers": answers});
    let wrong = json!({"user": "alice", "answers": answers.replace("zk42m", "")});
    let done = operator.change("Pins.EmergencySet", "alice", &set);
    let typed = ["help", given[0], given[1], given[2], "1"].map(str::to_owned);
    walk(daemon, planted, "gw-gateway", &typed)
        .asks("Enter a new PIN having from 6 to 12 digits (bitte neu festlegen):");
    vec![
        done,
        refused(daemon, "Pins.EmergencyVerify", &wrong),
        operator.change(
            "Pins.EmergencyVerify",
            "alice",
            &json!({"answers": answers}),
        ),
        operator.call("Tokens.List", &json!({"user": "alice"})),
    ]
}

/// Questions: one is answered with a code, one with a new password; to one a new PIN is typed, and the
/// next waits for it once more when the store is looked at.
fn ask(daemon: &Daemon, planted: &mut Planted, chance: &mut Chance, answers: &mut Vec<Value>) {
    let operator = daemon.operator();
    let pin = planted.person.pin.clone();
    let typed = [pin.clone(), planted.person.code()];
    walk(daemon, planted, "gw-two", &typed).is_let_in();

    let new_password = format!("New-{:016x}-password", chance.next());
    planted.watch("new password", &new_password);
    let update = json!({"state": "update", "what": "password"});
    operator.change("Users.SetState", "alice", &update);
    let code = planted.person.code();
    let passcode = format!("{}{code}", planted.person.password);
    let typed = [passcode, new_password.clone(), new_password];
    walk(daemon, planted, "gw-local", &typed).is_let_in();
    let password = json!({"password": planted.person.password});
    operator.change("Pins.PasswordSet", "alice", &password);

    let new_pin = format!("9{:010}", chance.next() % 10_000_000_000);
    planted.watch("new PIN", &new_pin);
    operator.change("Pins.Reset", "alice", &json!({"pin": pin}));
    let typed = [pin, planted.person.code(), new_pin];
    walk(daemon, planted, "gw-two", &typed).asks("Please re-enter new PIN (bitte wiederholen):");
    answers.push(operator.show("alice"));
    answers.push(operator.call("Auth.Log", &json!({"user": "alice"})));
}

/// Devices, and tokens with their owners, from files; one line is refused.
fn import(
    daemon: &Daemon,
    planted: &mut Planted,
    chance: &mut Chance,
    answers: &mut Vec<Value>,
    round: usize,
) {
    let operator = daemon.operator();
    let mut seed = || {
        let seed = chance.octets::<20>();
        planted.watch_octets("seed in a file", &seed);
        seed
    };
    let hex: String = seed().iter().map(|octet| format!("{octet:02x}")).collect();
    let devices = format!("C{round},{hex},totp,6,30\n");
    let format = json!({"format": "csv"});
    answers.push(operator.import(&devices, "Tokens.HwImport", &format));
    for more in ["", "&digits=99"] {
        let secret = base32::encode(&seed()).expose().clone();
        let uri = format!("otpauth://totp/brought{round}?secret={secret}{more}\n");
        let source = json!({"source": "otpauth"});
        answers.push(operator.import(&uri, "Users.Import", &source));
        let refused = answers.last().unwrap()["done"]["data"]["rejected"] == json!(1);
        assert_eq!(refused, !more.is_empty(), "{answers:?}");
    }
}

/// alice types one after the other.
fn walk(daemon: &Daemon, planted: &mut Planted, gateway: &str, typed: &[String]) -> Conversation {
    let mut talk = begin(daemon, planted, gateway, "alice", &typed[0]);
    for typed in &typed[1..] {
        types(&mut talk, planted, typed);
    }
    talk
}

/// Types this where nothing was asked yet.
fn begin(
    daemon: &Daemon,
    planted: &mut Planted,
    gateway: &str,
    user: &str,
    typed: &str,
) -> Conversation {
    let talk = Conversation::begin(&daemon.gateway(gateway), user, typed);
    planted.watch_state(&talk.reply);
    talk
}

/// Types this in answer to what is asked.
fn types(talk: &mut Conversation, planted: &mut Planted, typed: &str) {
    talk.types(typed);
    planted.watch_state(&talk.reply);
}

fn refused(daemon: &Daemon, method: &str, parameters: &Value) -> Value {
    daemon
        .operator()
        .try_call(method, parameters)
        .expect_err("a refusal")
}

/// What is secret in what was shown: lines of codes, or the seed of an otpauth URI. Fewer than eight
/// digits are met by chance.
fn secrets_of(shown: &str) -> Vec<String> {
    let secrets = match shown.split_once("secret=") {
        Some((_, rest)) => vec![rest.split('&').next().unwrap().to_owned()],
        None => shown.lines().map(str::to_owned).collect(),
    };
    secrets
        .into_iter()
        .filter(|secret| secret.len() >= 8)
        .collect()
}

/// An error message shows the line that is wrong, but not what must not stand there.
fn reload_with_a_secret_in_the_file(daemon: &mut Daemon, secret: &str, mail: &str) {
    let within = Duration::from_secs(5);
    let line = format!("\n[gateway.wrong]\naddresses = [\"127.0.0.77\"]\nsecret = \"{secret}\"\n");
    daemon.site.write_config(&format!("{line}{mail}"));
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for_line("NOT reloaded", within);
    daemon.site.write_config(mail);
}
