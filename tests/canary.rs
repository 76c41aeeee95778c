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

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use mfad::radius::{AttributeType, Packet};
use mfad::token::{Digits, Factor, Otp, base32};

use common::chance::Chance;
use common::daemon::{Daemon, Site};
use common::gateway::{ACCEPT, CHALLENGE, Port};
use common::ledger::Ledger;
use common::people::Person;
use common::reach::prove_addresses;
use common::sink::Sink;
use common::texts::Texts;

/// Where the links of mails lead. Codes that are sent are so long that none is met by chance.
const PAGES: &str = "\n[web]\nbase_url = \"https://mfa.example.org\"\n\n[sent_code]\ndigits = 8\n\n\
                     [emergency]\nenabled = true\n";

/// A secret, and the forms in which it is looked for.
struct Canary {
    what: String,
    forms: Vec<Vec<u8>>,
}

impl Canary {
    fn new(what: &str, secret: &[u8]) -> Self {
        let base32 = base32::encode(secret).expose().clone();
        let base64 = base64(secret);
        let hex: String = secret.iter().map(|octet| format!("{octet:02x}")).collect();
        let wide: Vec<u8> = secret.iter().flat_map(|octet| [*octet, 0]).collect();
        // As serde and Debug print octets.
        let list: Vec<String> = secret.iter().map(u8::to_string).collect();
        let forms = vec![
            secret.to_vec(),
            hex.to_uppercase().into_bytes(),
            hex.into_bytes(),
            base32.to_lowercase().into_bytes(),
            base32.into_bytes(),
            base64.replace('+', "-").replace('/', "_").into_bytes(),
            base64.into_bytes(),
            wide,
            list.join(",").into_bytes(),
            list.join(", ").into_bytes(),
        ];
        Self {
            what: what.to_owned(),
            forms,
        }
    }
}

/// Everything that is looked for, found in one pass over what is searched.
struct Net<'a> {
    /// Whether a form begins with these two octets.
    begins: Vec<bool>,
    forms: Vec<(&'a str, &'a [u8])>,
}

impl<'a> Net<'a> {
    fn new(canaries: &'a [Canary]) -> Self {
        let mut begins = vec![false; 1 << 16];
        let each = |canary: &'a Canary| {
            canary
                .forms
                .iter()
                .map(|form| (canary.what.as_str(), form.as_slice()))
        };
        let forms: Vec<_> = canaries.iter().flat_map(each).collect();
        for (_, form) in &forms {
            begins[usize::from(u16::from_be_bytes([form[0], form[1]]))] = true;
        }
        Self { begins, forms }
    }

    /// The first secret that is there, and its form.
    fn find(&self, octets: &[u8]) -> Option<(&'a str, &'a [u8])> {
        let at = |(at, pair): (usize, &[u8])| {
            let begins = self.begins[usize::from(u16::from_be_bytes([pair[0], pair[1]]))];
            let there = |form: &&(&str, &[u8])| octets[at..].starts_with(form.1);
            if begins {
                self.forms.iter().find(there).copied()
            } else {
                None
            }
        };
        octets.windows(2).enumerate().find_map(at)
    }
}

/// Without its padding, so that what follows does not matter.
fn base64(octets: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    // The octets that do not fill a group would change with what stands behind them.
    let whole = octets.chunks_exact(3).flat_map(|group| {
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        [18, 12, 6, 0].map(|shift| char::from(SIGNS[(bits >> shift) as usize & 63]))
    });
    whole.collect()
}

/// Secrets that are like no others.
struct Planted {
    person: Person,
    canaries: Vec<Canary>,
}

impl Planted {
    fn new(chance: &mut Chance) -> Self {
        let mut person = Person::new("alice");
        let mut digits = |count| -> String {
            (0..count)
                .map(|_| char::from(b'0' + chance.octet() % 10))
                .collect()
        };
        person.pin = format!("7{}", digits(10));
        person.password = format!("zqx-{}-canary-{}", digits(8), digits(8));
        person.seed = chance.octets();
        let canaries = vec![
            Canary::new("PIN", person.pin.as_bytes()),
            Canary::new("password", person.password.as_bytes()),
            Canary::new("seed", &person.seed),
        ];
        Self { person, canaries }
    }

    fn watch(&mut self, what: &str, secret: &str) {
        self.canaries.push(Canary::new(what, secret.as_bytes()));
    }

    /// Searches something; it must hold none of them.
    fn search(&self, place: &str, octets: &[u8]) {
        if let Some((what, form)) = Net::new(&self.canaries).find(octets) {
            panic!(
                "the {what} is in {place}, as {}",
                String::from_utf8_lossy(form)
            );
        }
    }
}

#[test]
fn a_secret_is_found_in_no_log_file_answer_or_process() {
    let mut chance = Chance::new("canary");
    let mut planted = Planted::new(&mut chance);
    let sink = Sink::open();
    let mut site = Site::with(std::slice::from_ref(&planted.person), &sink.config()).at_trace();
    let secret = format!("Sms-{:016x}-gateway", chance.next());
    planted.watch("secret of the SMS gateway", &secret);
    let mail = format!(
        "{}{PAGES}{}",
        sink.config(),
        nobody_at_the_sms_gateway(&site, &secret)
    );
    site.write_config(&mail);
    prove_addresses(&site, std::slice::from_ref(&planted.person));
    let spare = format!("secret-in-the-wrong-place-{:016x}", chance.next());
    planted.watch("secret in the configuration", &spare);
    planted.watch("master key", site.key());
    let key = mfad::daemon::key::parse(site.key().as_bytes()).unwrap();
    planted
        .canaries
        .push(Canary::new("master key itself", key.expose()));
    for gateway in ["gw-pin", "gw-local", "gw-none", "gw-gateway"] {
        let secret = site.gateway(gateway).secret;
        planted.watch("gateway's secret", &secret);
    }
    // The search finds what is there.
    let key_file = fs::read(site.path("key")).unwrap();
    assert_eq!(
        Net::new(&planted.canaries).find(&key_file).unwrap().0,
        "master key"
    );

    let mut answers = Vec::new();
    for round in 0..2 {
        let mut daemon = site.start();
        // What was left open in the round before is to be changed.
        let pin = json!({"pin": planted.person.pin, "keep": true});
        daemon.operator().change("Pins.Reset", "alice", &pin);
        sign_in(&daemon, &mut planted, &mut chance);
        operate(&daemon, &mut planted, &mut answers, round);
        enrol_by_link(&daemon, &sink, &mut planted, &mut answers, round);
        send_codes(&daemon, &sink, &mut planted, &mut answers, round);
        authorize_device(&daemon, &sink, &mut planted, &mut answers, round);
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
    let others = |mail: &String| !mail.contains("To: linked") && !mail.contains("To: lost");
    for mail in sink.mails().into_iter().filter(others) {
        planted.search("a mail", mail.as_bytes());
        // As people read it: without soft line ends.
        planted.search("the text of a mail", mail.replace("=\n", "").as_bytes());
    }
    let ledger = Ledger::of(&site);
    assert!(ledger.count("auth.accept", "alice") >= 4);
    planted.search("the audit log", format!("{:?}", ledger.records).as_bytes());
}

/// A code that goes by SMS stands at the gateway that carries it, and nowhere else: one that is used,
/// and one that is out when the store is looked at.
#[test]
fn a_code_by_sms_is_found_at_its_gateway_only() {
    let mut chance = Chance::new("canary of text messages");
    let mut planted = Planted::new(&mut chance);
    let texts = Texts::open();
    let more = "[sent_code]\ndigits = 8\n[sets]\ndefault = [[\"hotp\"], [\"sms\"]]\n";
    let alice = std::slice::from_ref(&planted.person);
    let site = Site::with(alice, &format!("{}{more}", texts.config()));
    let daemon = site.at_trace().start();
    let operator = daemon.operator();
    let token = json!({"kind": "sms", "phone": "+491701234567", "trusted": true});
    let mut answers = vec![operator.change("Tokens.Add", "alice", &token)];
    for last in [ACCEPT, CHALLENGE] {
        let mut port = daemon.gateway("gw-two").port();
        let mut state = None;
        for typed in [planted.person.pin.clone(), planted.person.code()] {
            assert_eq!(
                round(&mut port, &mut planted, &mut state, &typed),
                CHALLENGE
            );
        }
        let code = texts.code(8);
        planted.watch("code by SMS", &code);
        if last == ACCEPT {
            assert_eq!(round(&mut port, &mut planted, &mut state, &code), ACCEPT);
        }
    }
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
    let codes = [code(0), code(1)];
    for code in codes {
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
    let mut port = daemon.gateway("gw-gateway").port();
    let typed = ["help", given[0], given[1], given[2], "1"].map(str::to_owned);
    assert_eq!(rounds(&mut port, planted, &typed), CHALLENGE);
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

/// A link, an auth code, a ticket, a seed and recovery codes, each on its only way.
fn enrol_by_link(
    daemon: &Daemon,
    sink: &Sink,
    planted: &mut Planted,
    answers: &mut Vec<Value>,
    round: usize,
) {
    let operator = daemon.operator();
    let user = format!("linked{round}");
    let brought = |marks: [&str; 2]| -> String {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            // Long lines are broken softly.
            let mails = sink.mails().into_iter().map(|mail| mail.replace("=\n", ""));
            let line = |mail: String| {
                let (_, rest) = mail.split_once(marks[0])?;
                Some(rest.split(marks[1]).next()?.trim().to_owned())
            };
            let found = mails.filter(|mail| mail.contains(&user)).find_map(line);
            if let Some(found) = found {
                return found;
            }
            assert!(Instant::now() < end, "no mail with {}", marks[0]);
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let address = format!("{user}@example.org");
    operator.change("Users.Add", &user, &json!({"email": address}));
    let confirm = brought(["https://mfa.example.org/a/", "\n"]);
    planted.watch("link that confirms an address", &confirm);
    let from = "192.0.2.9";
    answers.push(operator.call("Enrol.Confirm", &json!({"link": confirm, "from": from})));
    operator.change("Tokens.AuthCodeSend", &user, &json!({"via": "email"}));
    let sent = brought(["set up your codes:", "This is good"]);
    planted.watch("auth code in a mail", &sent);
    let code = operator.change("Tokens.AuthCodeGenerate", &user, &json!({}));
    let code = code["done"]["reveal"]["text"].as_str().unwrap().to_owned();
    planted.watch("auth code", &code);
    answers.push(operator.change("Tokens.EnrollEmail", &user, &json!({})));
    let link = brought(["https://mfa.example.org/e/", "\n"]);
    planted.watch("link", &link);
    answers.push(operator.call("Tokens.EnrollList", &json!({})));
    let wrong = json!({"link": link, "user": "nobody", "code": code, "from": from});
    answers.push(refused(daemon, "Enrol.Begin", &wrong));
    let right = json!({"link": link, "user": user, "code": code, "from": from});
    let begun = operator.call("Enrol.Begin", &right);
    for secret in ["ticket", "secret"] {
        planted.watch(secret, begun[secret].as_str().unwrap());
    }
    let ticket = &begun["ticket"];
    let wrong = json!({"ticket": ticket, "otp": "no code", "from": from});
    answers.push(refused(daemon, "Enrol.Prove", &wrong));
    answers.push(operator.call("Notify.List", &json!({"user": user})));
}

/// Codes that are sent: one is used, and one is out when the store is looked at.
fn send_codes(
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
        let end = Instant::now() + Duration::from_secs(30);
        let code = loop {
            let mails = sink.mails().into_iter();
            let own = mails.filter(|mail| mail.contains(&format!("To: {user}")));
            let code = |mail: String| {
                let (_, rest) = mail.split_once("Your code: ")?;
                Some(rest.lines().next()?.to_owned())
            };
            if let Some(code) = own.filter_map(code).nth(number) {
                break code;
            }
            assert!(Instant::now() < end, "no mail with a code");
            std::thread::sleep(Duration::from_millis(20));
        };
        planted.watch("code that was sent", &code);
        if number == 0 {
            test["code"] = json!(code);
            answers.push(operator.call("Tokens.Test", &test));
        }
    }
    answers.push(operator.show(&user));
}

/// A device authorization code that is out when the store is looked at.
fn authorize_device(
    daemon: &Daemon,
    sink: &Sink,
    planted: &mut Planted,
    answers: &mut Vec<Value>,
    round: usize,
) {
    let operator = daemon.operator();
    let user = format!("lost{round}");
    let email = json!({"email": format!("{user}@example.org"), "trusted": true});
    operator.change("Users.Add", &user, &email);
    let token = json!({"kind": "totp", "trusted": true});
    operator.change("Tokens.Add", &user, &token);
    operator.change("Tokens.ResetSecret", &user, &json!({"why": "lost_phone"}));
    let mut port = daemon.gateway("gw-gateway").port();
    let request = port.request(&user, "whatever");
    assert_eq!(port.ask(&request).code, CHALLENGE);
    let end = Instant::now() + Duration::from_secs(30);
    let code = loop {
        let mails = sink.mails().into_iter();
        let own = mails.filter(|mail| mail.contains(&format!("To: {user}")));
        let code = |mail: String| {
            let (_, rest) = mail.split_once("Your device authorization code: ")?;
            Some(rest.lines().next()?.to_owned())
        };
        if let Some(code) = own.into_iter().find_map(code) {
            break code;
        }
        assert!(Instant::now() < end, "no mail with a code");
        std::thread::sleep(Duration::from_millis(20));
    };
    planted.watch("device authorization code", &code);
    answers.push(operator.call("Tokens.DeviceAuthStatus", &json!({"user": user})));
    answers.push(operator.show(&user));
}

/// Questions: one is answered with a code; to one a new PIN is typed, and the next waits for it once
/// more when the store is looked at.
fn ask(daemon: &Daemon, planted: &mut Planted, chance: &mut Chance, answers: &mut Vec<Value>) {
    let mut port = daemon.gateway("gw-two").port();
    let mut typed = vec![planted.person.pin.clone(), planted.person.code()];
    assert_eq!(rounds(&mut port, planted, &typed), ACCEPT);
    let new_pin = format!("9{:010}", chance.next() % 10_000_000_000);
    planted.watch("new PIN", &new_pin);
    let operator = daemon.operator();
    let pin = json!({"pin": planted.person.pin});
    operator.change("Pins.Reset", "alice", &pin);
    typed = vec![
        planted.person.pin.clone(),
        planted.person.code(),
        new_pin.clone(),
    ];
    assert_eq!(rounds(&mut port, planted, &typed), CHALLENGE);
    answers.push(operator.show("alice"));
    answers.push(operator.call("Auth.Log", &json!({"user": "alice"})));
}

/// Types one after the other, each in answer to the question before; the code of the last reply.
fn rounds(port: &mut Port, planted: &mut Planted, typed: &[String]) -> u8 {
    let mut state = None;
    let codes = typed
        .iter()
        .map(|passcode| round(port, planted, &mut state, passcode));
    codes.last().unwrap()
}

/// Types this in answer to the question with this State; the next takes its place.
fn round(
    port: &mut Port,
    planted: &mut Planted,
    state: &mut Option<Vec<u8>>,
    passcode: &str,
) -> u8 {
    let request = port.build(|request, secret| {
        request.message_authenticator().unwrap();
        request
            .attribute(AttributeType::USER_NAME, b"alice")
            .unwrap();
        request.user_password(passcode.as_bytes(), secret).unwrap();
        if let Some(state) = &state {
            request.attribute(AttributeType::STATE, state).unwrap();
        }
    });
    let reply = port.ask(&request);
    let packet = Packet::decode(&reply.octets).unwrap();
    *state = packet.first(AttributeType::STATE).map(<[u8]>::to_vec);
    if let Some(state) = &state {
        let text = std::str::from_utf8(state).unwrap();
        planted.watch("State of a question", text);
        let octet = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        let handle: Vec<u8> = (0..text.len()).step_by(2).map(octet).collect();
        let handle = Canary::new("handle of a question", &handle);
        planted.canaries.push(handle);
    }
    reply.code
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

fn search_process(daemon: &Daemon, planted: &Planted) {
    for file in ["cmdline", "environ"] {
        let path = format!("/proc/{}/{file}", daemon.pid());
        // Not to be read at all is as good.
        if let Ok(octets) = fs::read(&path) {
            planted.search(&path, &octets);
        }
    }
}

fn search_folder(folder: &Path, planted: &Planted) {
    let mut searched = Vec::new();
    visit(folder, &mut |path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let kept = name == "key" || name.ends_with(".secret");
        if !kept {
            planted.search(&path.display().to_string(), &fs::read(path).unwrap());
            searched.push(name);
        }
    });
    let has = |part: &str| searched.iter().any(|name| name.contains(part));
    assert!(
        has("mfad.db") && has("canary0") && has("log"),
        "{searched:?}"
    );
}

fn visit(folder: &Path, see: &mut impl FnMut(&PathBuf)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        if kind.is_dir() {
            visit(&path, see);
        } else if kind.is_file() {
            see(&path);
        }
    }
}
