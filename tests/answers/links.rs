//! One-time links: used once however many ask, refused in the same words whatever is wrong.

use std::sync::Barrier;

use mfad::control::reply::Reply;
use mfad::domain::action::Role;
use mfad::domain::auth_code::Delivery;
use mfad::domain::command::{Command, PageStep, Step};
use mfad::domain::refusal::{Code, Refusal};
use mfad::domain::sealed::{Field, Unseal as _};
use mfad::secret::SecretBytes;
use mfad::server::control::Backend as _;
use mfad::token::link::LinkSecret;
use mfad::token::{OtpCode, base32};
use serde_json::Value;

use crate::site::{Site, operator};

/// A site with pages, and a mail server that is never there: what is sent lies in the outbox.
fn site() -> Site {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("state")).unwrap();
    let more = "[smtp]\nserver = \"127.0.0.1\"\nport = 9\nsecurity = \"none\"\n\
                from = \"mfad@example.org\"\n[web]\nbase_url = \"https://mfa.example.org\"\n";
    let site = Site::start_in(folder, Ok(mfad::secret::Secret::new([7; 32])), more);
    site.add_user("alice", "Alice");
    site
}

/// What the newest message to somebody brings, in clear.
fn brought(site: &Site, what: &str) -> String {
    let engine = site.answerer().engine.as_ref().unwrap();
    let outbox = engine.reader().outbox(100).unwrap();
    let message = outbox.iter().rev().find(|message| message.what == what);
    let message = message.unwrap_or_else(|| panic!("{outbox:?}"));
    let sealed = &message.enclosed.as_ref().unwrap().sealed;
    let clear = engine.keys().open(Field::Message(message.id), sealed);
    String::from_utf8(clear.unwrap().expose().clone()).unwrap()
}

fn secret(url: &str) -> String {
    url.rsplit_once('/').unwrap().1.to_owned()
}

/// A link in a mail, and the auth code that was read out.
fn invited(site: &Site) -> (String, String) {
    let user = || "alice".to_owned();
    let mail = Command::EnrollEmail {
        user: user(),
        token: None,
    };
    site.change(Role::Support, mail).unwrap();
    let code = Command::AuthCodeGenerate {
        user: user(),
        ttl: None,
        force: false,
        delivery: Delivery::Shown,
    };
    let done = site.change(Role::Support, code).unwrap();
    let url = brought(site, "enrolment-link");
    assert!(url.starts_with("https://mfa.example.org/e/"), "{url}");
    (secret(&url), done.reveal.unwrap().text.expose().to_owned())
}

fn step(site: &Site, link: &str, what: Step) -> Result<Value, Refusal> {
    let step = PageStep {
        link: LinkSecret::parse(link.as_bytes()).unwrap(),
        from: "192.0.2.9".to_owned(),
        what,
    };
    let reply: Reply = site.answerer().page(&operator(Role::Web), step, None)?;
    Ok(serde_json::to_value(reply).unwrap())
}

fn begin(site: &Site, link: &str, user: &str, code: &str) -> Result<Value, Refusal> {
    let what = Step::Begin {
        user: user.to_owned(),
        code: Some(SecretBytes::copy_of(code.as_bytes())),
    };
    step(site, link, what)
}

fn prove(site: &Site, begun: &Value, otp: &str) -> Result<Value, Refusal> {
    let code = OtpCode::parse(otp.as_bytes());
    step(
        site,
        begun["ticket"].as_str().unwrap(),
        Step::Prove { code },
    )
}

fn right_code(site: &Site, begun: &Value) -> String {
    let seed = base32::decode(begun["secret"].as_str().unwrap().as_bytes());
    site.code(&seed.unwrap())
}

#[test]
fn a_person_goes_from_the_mail_to_the_login() {
    let site = site();
    let (link, code) = invited(&site);
    let begun = begin(&site, &link, "Alice", &code.to_lowercase()).unwrap();
    assert_eq!(
        (&begun["user"], &begun["digits"], &begun["period_s"]),
        (&"alice".into(), &6.into(), &30.into())
    );
    let uri = begun["uri"].as_str().unwrap();
    assert!(uri.contains(begun["secret"].as_str().unwrap()), "{uri}");
    let wrong = prove(&site, &begun, "000000").unwrap_err();
    assert_eq!(wrong.wrong_code.unwrap().tries_left, 4);
    let proved = prove(&site, &begun, &right_code(&site, &begun)).unwrap();
    assert_eq!(
        (&proved["recovery"], &proved["device_clock_s"]),
        (&true.into(), &0.into())
    );
    let codes = step(&site, proved["ticket"].as_str().unwrap(), Step::Recovery).unwrap();
    assert_eq!(codes["codes"].as_array().unwrap().len(), 10);
    let shown = site.ask(
        Role::Admin,
        mfad::control::query::Query::UserShow {
            user: "alice".to_owned(),
        },
    );
    assert_eq!(shown["base"], "steady");
    assert_eq!(
        shown["emails"][0]["verified"], true,
        "the link came by mail"
    );
    let recovery = codes["codes"][0].as_str().unwrap();
    // It is right; before the Accept a new token is offered to whoever has had to use it.
    let reply = site.reply_to("alice", recovery);
    assert_eq!(reply, mfad::radius::Code::AccessChallenge);
}

#[test]
fn of_twenty_uses_at_once_one_succeeds() {
    let site = site();
    let (link, code) = invited(&site);
    let together = Barrier::new(20);
    let begun: Vec<Value> = std::thread::scope(|scope| {
        let one = || {
            together.wait();
            begin(&site, &link, "alice", &code)
        };
        let all: Vec<_> = (0..20).map(|_| scope.spawn(one)).collect();
        all.into_iter()
            .filter_map(|one| one.join().unwrap().ok())
            .collect()
    });
    assert_eq!(begun.len(), 1);
    let together = Barrier::new(20);
    let otp = right_code(&site, &begun[0]);
    let proved = std::thread::scope(|scope| {
        let one = || {
            together.wait();
            prove(&site, &begun[0], &otp).is_ok()
        };
        let all: Vec<_> = (0..20).map(|_| scope.spawn(one)).collect();
        all.into_iter()
            .filter(|_| true)
            .map(|one| one.join().unwrap())
            .filter(|ok| *ok)
            .count()
    });
    assert_eq!(proved, 1);
}

#[test]
fn whatever_is_wrong_is_refused_in_the_same_words() {
    let site = site();
    let (link, code) = invited(&site);
    let mut refusals = Vec::new();
    let mut refused = |result: Result<Value, Refusal>| refusals.push(result.unwrap_err());
    // Altered in the part that names the person, and in the secret one.
    for at in [0, 40] {
        let mut altered = link.clone();
        let sign = if altered.as_bytes()[at] == b'A' {
            "B"
        } else {
            "A"
        };
        altered.replace_range(at..=at, sign);
        refused(begin(&site, &altered, "alice", &code));
    }
    refused(begin(&site, &link, "bob", &code));
    refused(begin(&site, &link, "alice", "00000-00000"));
    refused(begin(&site, &link, "alice", "no code"));
    refused(step(&site, &link, Step::Confirm));
    // Another link voids the one before.
    let (second, _) = invited(&site);
    refused(begin(&site, &link, "alice", &code));
    let revoke = Command::EnrollRevoke {
        user: "alice".to_owned(),
    };
    site.change(Role::Support, revoke).unwrap();
    refused(begin(&site, &second, "alice", &code));
    let (third, code) = invited(&site);
    begin(&site, &third, "alice", &code).unwrap();
    refused(begin(&site, &third, "alice", &code));
    assert!(
        refusals.iter().all(|one| *one == refusals[0]),
        "{refusals:#?}"
    );
    assert_eq!(refusals[0].code, Code::Link);
}

#[test]
fn five_wrong_uses_void_a_link_and_five_wrong_codes_the_auth_code() {
    let site = site();
    let (link, code) = invited(&site);
    for _ in 0..5 {
        begin(&site, &link, "alice", "00000-00000").unwrap_err();
    }
    begin(&site, &link, "alice", &code).unwrap_err();
    let (link, _) = {
        let mail = Command::EnrollEmail {
            user: "alice".to_owned(),
            token: None,
        };
        site.change(Role::Support, mail).unwrap();
        (secret(&brought(&site, "enrolment-link")), ())
    };
    begin(&site, &link, "alice", &code).unwrap_err();
    let (link, code) = invited(&site);
    let begun = begin(&site, &link, "alice", &code).unwrap();
    for left in [4, 3, 2, 1] {
        let wrong = prove(&site, &begun, "000000").unwrap_err();
        assert_eq!(wrong.wrong_code.unwrap().tries_left, left);
    }
    assert_eq!(prove(&site, &begun, "000000").unwrap_err().code, Code::Link);
    let otp = right_code(&site, &begun);
    assert_eq!(prove(&site, &begun, &otp).unwrap_err().code, Code::Link);
}
