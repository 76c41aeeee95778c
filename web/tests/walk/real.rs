//! The same pages before the real mfad: links out of mails that a real server has received.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::Path;

use mfad::radius::{AttributeType, Packet};
use serde_json::{Value, json};

use crate::browser::{Browser, Scheme};
use crate::common::conversation::Conversation;
use crate::common::daemon::Daemon;
use crate::common::gateway::{ACCEPT, Port, Reply};
use crate::common::people::Person;
use crate::common::tools;
use crate::mailbox::{self, Mailbox, Security};
use crate::site::{HOST, Site};
use crate::{can_walk, picture, scanned};

/// Who enrols.
const USER: &str = "dora";

/// mfad with its mail server, and mfad-web before it.
struct World {
    mailbox: Mailbox,
    daemon: Daemon,
    web: Site,
}

impl World {
    /// With somebody new; none where a tool is missing.
    fn start() -> Option<Self> {
        Self::with("")
    }

    fn with(more: &str) -> Option<Self> {
        let mailbox = Mailbox::open(Security::StartTls)?;
        let pages = format!("\n[web]\nbase_url = \"https://{HOST}\"\n{more}");
        let config = mailbox.config() + &pages;
        let daemon = mailbox::site(&[&Person::new("alice")], &config).start();
        let web = Site::start_before(Some(&daemon.site.path("control")), "")?;
        let email = json!({"email": "dora@example.org"});
        daemon.operator().change("Users.Add", USER, &email);
        Some(Self {
            mailbox,
            daemon,
            web,
        })
    }

    /// The newest link that was mailed to such a page.
    fn link(&self, page: &str) -> String {
        let begin = format!("https://{HOST}/{page}/");
        let link = |mail: &Value| {
            let mut lines = mail["text"].as_str()?.lines();
            let line = lines.find(|line| line.starts_with(&begin))?;
            Some(line.to_owned())
        };
        let newest = || self.mailbox.mails().iter().rev().find_map(link);
        mailbox::until("a mail with a link", || newest().is_some());
        newest().unwrap()
    }

    /// Has a link mailed to the person, who is told an auth code besides.
    fn invite(&self) -> (String, String) {
        let operator = self.daemon.operator();
        let mails = self.mailbox.mails().len();
        operator.change("Tokens.EnrollEmail", USER, &json!({}));
        self.mailbox.wait(mails + 1);
        let made = operator.change("Tokens.AuthCodeGenerate", USER, &json!({"force": true}));
        let code = made["done"]["reveal"]["text"].as_str().unwrap().to_owned();
        (self.link("e"), code)
    }
}

/// The path of a link.
fn path(link: &str) -> &str {
    link.strip_prefix(&format!("https://{HOST}")).unwrap()
}

/// What the app shows at a time, by oathtool.
fn code_of(secret: &str, at: &str) -> String {
    let arguments = ["--totp", "--base32", "--now", at, secret];
    let said = tools::run("oathtool", &arguments, Path::new("/"), "");
    assert!(said.success, "{}", said.text);
    said.text.trim().to_owned()
}

/// The secret in an otpauth URI.
fn secret_of(uri: &str) -> &str {
    let (_, rest) = uri.split_once("secret=").unwrap();
    rest.split('&').next().unwrap()
}

/// The next packet of a sign-in: what is typed, and the State of the question that it answers.
fn packet(port: &mut Port, asked: Option<&Reply>, typed: &str) -> Reply {
    let question = asked.map(|reply| Packet::decode(&reply.octets).unwrap());
    let state = question.and_then(|packet| packet.first(AttributeType::STATE));
    let request = port.build(|request, secret| {
        request.message_authenticator().unwrap();
        let name = AttributeType::USER_NAME;
        request.attribute(name, USER.as_bytes()).unwrap();
        if let Some(state) = state {
            request.attribute(AttributeType::STATE, state).unwrap();
        }
        request.user_password(typed.as_bytes(), secret).unwrap();
    });
    port.ask(&request)
}

/// Somebody new at the prompt of the VPN, with a browser beside it.
#[test]
fn from_the_question_at_the_prompt_over_the_page_to_the_login() {
    if !can_walk() || !tools::have("oathtool") {
        return;
    }
    let Some(world) = World::start() else { return };
    let operator = world.daemon.operator();
    let made = operator.change("Tokens.AuthCodeGenerate", USER, &json!({}));
    let code = made["done"]["reveal"]["text"].as_str().unwrap();
    let mut port = world.daemon.gateway("gw-gateway").port();
    let asked = packet(&mut port, None, "whatever");
    let asked = packet(&mut port, Some(&asked), code);
    let question = Packet::decode(&asked.octets).unwrap();
    let words = question.first(AttributeType::REPLY_MESSAGE).unwrap();
    let words = std::str::from_utf8(words).unwrap();
    let link = words.split(' ').nth(1).unwrap();

    let browser = Browser::open(HOST, world.web.address, Scheme::Light);
    browser.go(link);
    browser.enter("#user", USER);
    browser.press("button");
    let uri = scanned(&picture(&browser, "prompt-scan"));
    let accepted = packet(&mut port, Some(&asked), &code_of(secret_of(&uri), "now"));
    assert_eq!(accepted.code, ACCEPT);
    // The link is dead.
    browser.go(link);
    browser.enter("#user", USER);
    browser.press("button");
    assert!(browser.text("[role=alert]").contains("That did not work"));
    world.daemon.stop();
}

#[test]
fn from_the_mail_to_the_next_login() {
    if !can_walk() || !tools::have("oathtool") {
        return;
    }
    let Some(world) = World::start() else { return };
    let browser = Browser::open(HOST, world.web.address, Scheme::Light);
    browser.go(&world.link("a"));
    browser.press("button");
    let told = browser.text("main");
    assert!(told.contains("d***a@example.org"), "{told}");
    let (link, code) = world.invite();
    browser.go(&link);
    browser.enter("#user", USER);
    browser.enter("#code", &code);
    browser.press("button");
    let uri = scanned(&picture(&browser, "real-scan"));
    assert!(uri.starts_with("otpauth://totp/"), "{uri}");
    let secret = secret_of(&uri).to_owned();
    browser.enter("#otp", "000000");
    browser.press("button");
    assert!(browser.text("[role=alert]").contains("Tries left: 4."));
    browser.enter("#otp", &code_of(&secret, "now - 10 minutes"));
    browser.press("button");
    let told = browser.text("[role=alert]");
    assert!(told.contains("behind by about 10 min"), "{told}");
    browser.enter("#otp", &code_of(&secret, "now"));
    browser.press("button");
    assert!(browser.text("h1").contains(USER));
    browser.press("button");
    let codes = browser.text(".codes");
    assert!(codes.split_whitespace().count() >= 8, "{codes}");
    let gateway = world.daemon.gateway("gw-gateway");
    gateway.lets_in(USER, &code_of(&secret, "now + 30 seconds"));
    let recovery = codes
        .split_whitespace()
        .find(|word| word.contains('-'))
        .unwrap();
    // Whoever has to use one is offered a new token, and may put it off.
    let mut talk = Conversation::begin(&gateway, USER, recovery);
    talk.types("later");
    talk.is_let_in();
    // The link is dead, and no log knows it.
    browser.go(&link);
    browser.enter("#user", USER);
    browser.enter("#code", &code);
    browser.press("button");
    assert!(browser.text("[role=alert]").contains("That did not work"));
    for log in [world.daemon.log(), world.web.log()] {
        for known in [path(&link), &code, &secret] {
            assert!(!log.contains(known), "{log}");
        }
    }
    world.daemon.stop();
}

#[test]
fn twenty_at_once_have_one_success() {
    let Some(world) = World::start() else { return };
    let (link, code) = world.invite();
    let form = [("user", USER), ("code", &*code)];
    let answers: Vec<(u16, String)> = std::thread::scope(|scope| {
        let one = |at: u8| {
            let mut browser = world.web.browser_at(Ipv4Addr::new(127, 0, 0, 20 + at));
            let answer = browser.post(path(&link), &form);
            (answer.status, answer.body)
        };
        let threads: Vec<_> = (0..20).map(|at| scope.spawn(move || one(at))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let (good, bad): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.0 == 200);
    assert_eq!((good.len(), bad.len()), (1, 19));
    let pages: BTreeSet<_> = bad.into_iter().collect();
    assert_eq!(pages.len(), 1, "{pages:#?}");
    assert!(good[0].1.contains("<svg"));
    world.daemon.stop();
}

#[test]
fn every_failure_is_the_same_page() {
    let Some(world) = World::start() else { return };
    let (link, code) = world.invite();
    let mut browser = world.web.browser();
    let mut post = |link: &str, user: &str, code: &str| {
        let answer = browser.post(path(link), &[("user", user), ("code", code)]);
        (answer.status, answer.body)
    };
    let mut altered = link.clone();
    let last = if altered.pop() == Some('A') { 'B' } else { 'A' };
    altered.push(last);
    let mut failures = BTreeSet::new();
    failures.insert(post(&altered, USER, &code));
    let unknown = format!("https://{HOST}/e/{}", "A".repeat(64));
    failures.insert(post(&unknown, USER, &code));
    failures.insert(post(&link, "nobody", &code));
    failures.insert(post(&link, USER, "AAAAA-AAAAA"));
    failures.insert(post(&link, USER, ""));
    // A wrong name and wrong codes have not used it up.
    let (status, scan) = post(&link, USER, &code);
    assert!(status == 200 && scan.contains("<svg"), "{scan}");
    failures.insert(post(&link, USER, &code));
    // Five wrong ones do.
    let (link, code) = world.invite();
    for _ in 0..5 {
        failures.insert(post(&link, "bob", &code));
    }
    failures.insert(post(&link, USER, &code));
    // A newer link voids the one before it, and an operator all of them.
    let (older, _) = world.invite();
    let (newer, code) = world.invite();
    failures.insert(post(&older, USER, &code));
    let operator = world.daemon.operator();
    operator.change("Tokens.EnrollRevoke", USER, &json!({}));
    failures.insert(post(&newer, USER, &code));
    assert_eq!(failures.len(), 1, "{failures:#?}");
    assert_eq!(failures.first().unwrap().0, 403);
    world.daemon.stop();
}

/// Two days later, by the daemon's clock, the auth code is still good, and the link is over.
#[test]
fn an_expired_link_is_the_page_of_every_failure() {
    let world = World::with("\n[enroll]\npending_ttl = \"1d\"\n");
    let (Some(mut world), Some(library)) = (world, tools::libfaketime()) else {
        return;
    };
    let operator = world.daemon.operator();
    operator.change("Tokens.EnrollEmail", USER, &json!({}));
    let link = world.link("e");
    let long = json!({"force": true, "ttl_s": 7 * 86_400});
    let made = operator.change("Tokens.AuthCodeGenerate", USER, &long);
    let code = made["done"]["reveal"]["text"].as_str().unwrap();
    let later = [
        "env".to_owned(),
        format!("LD_PRELOAD={}", library.display()),
        "FAKETIME=+2d".to_owned(),
        "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
    ];
    world.daemon = world.daemon.stop().started_by(later).start();
    let mut browser = world.web.browser();
    let mut post = |link: &str| {
        let answer = browser.post(path(link), &[("user", USER), ("code", code)]);
        (answer.status, answer.body)
    };
    let unknown = format!("https://{HOST}/e/{}", "A".repeat(64));
    assert_eq!(post(&link), post(&unknown));
    assert_eq!(post(&link).0, 403);
    // It is not for the auth code.
    let shown = world.daemon.operator().show(USER);
    assert!(shown["auth_code"].is_object(), "{shown}");
    world.daemon.stop();
}
