//! Messages to people, by the built daemon: over a mail server that other people wrote, an HTTPS server
//! of Python, and over servers that do whatever a server must not do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise, and waits for other programs"
)]

mod common;
#[path = "mail/delivery.rs"]
mod delivery;
#[path = "mail/fake.rs"]
mod fake;
#[path = "mail/hostile.rs"]
mod hostile;
#[path = "mail/links.rs"]
mod links;
#[path = "mail/real.rs"]
mod real;
#[path = "mail/sms.rs"]
mod sms;
#[path = "mail/sms_hostile.rs"]
mod sms_hostile;
#[path = "mail/texted.rs"]
mod texted;
#[path = "mail/world.rs"]
mod world;

use std::time::Duration;

use serde_json::json;

use common::people::{PIN, Person};
use world::{ADMIN, Mailbox, Security, records, sent, site, until};

#[test]
fn a_lock_is_told_to_the_person_and_the_administrators() {
    let Some(mailbox) = Mailbox::open(Security::StartTls) else {
        return;
    };
    let alice = Person::new("alice");
    let mut daemon = site(&[&alice], &mailbox.config()).start();
    daemon.wait_for_line("READY", Duration::from_secs(9));
    for code in alice.wrong_codes().take(5) {
        daemon.gateway("gw-none").keeps_out("alice", &code);
    }
    let mails = mailbox.wait(2);
    let [to_alice, to_admin] = &mails[..] else {
        panic!("{mails:?}")
    };
    assert_eq!(to_alice["to"], json!(["alice@example.org"]));
    assert_eq!(to_admin["to"], json!([ADMIN]));
    for mail in &mails {
        assert_eq!(mail["from"], "mfad@example.org");
        assert_eq!((&mail["tls"], &mail["login"]), (&json!(true), &json!(true)));
        assert_eq!(mail["defects"], json!([]), "{mail}");
    }
    let subject = to_alice["subject"].as_str().unwrap();
    assert!(
        subject.ends_with("Ihre Anmeldung ist gesperrt"),
        "{subject}"
    );
    let text = to_alice["text"].as_str().unwrap();
    assert!(text.contains("VPN-Gateway: gw-none"), "{text}");
    assert!(text.contains("Zeit:"), "{text}");
    let text = to_admin["text"].as_str().unwrap();
    assert!(text.contains("alice is locked: Failures"), "{text}");
    // Recorded, and not sent again.
    until("two records", || sent(&daemon) == 2);
    let daemon = daemon.stop().start();
    assert_eq!(sent(&daemon), 2);
    daemon.stop();
    assert_eq!(mailbox.mails().len(), 2);
}

#[test]
fn wrong_codes_behind_a_right_password_are_told_once() {
    let Some(mailbox) = Mailbox::open(Security::Plain) else {
        return;
    };
    let mut alice = Person::new("alice");
    let bob = Person::new("bob");
    let daemon = site(&[&alice, &bob], &mailbox.config()).start();
    // This gateway has checked the password before it asks; the other one has not.
    let (checked, unchecked) = (daemon.gateway("gw-gateway"), daemon.gateway("gw-none"));
    for code in bob.wrong_codes().take(4) {
        unchecked.keeps_out("bob", &code);
    }
    for code in alice.wrong_codes().take(2) {
        checked.keeps_out("alice", &code);
    }
    checked.lets_in("alice", &alice.code());
    for code in alice.wrong_codes().take(4) {
        checked.keeps_out("alice", &code);
    }
    daemon.operator().change("Pins.Clear", "bob", &json!({}));
    let mails = mailbox.wait(2);
    assert_eq!(mails[0]["to"], json!(["alice@example.org"]));
    let text = mails[0]["text"].as_str().unwrap();
    assert!(text.contains("Jemand kennt Ihr Passwort"), "{text}");
    assert!(text.contains("VPN-Gateway: gw-gateway"), "{text}");
    assert_eq!(mails[1]["to"], json!(["bob@example.org"]));
    daemon.stop();
}

#[test]
fn a_passthrough_that_ends_soon_is_told_once() {
    let Some(mailbox) = Mailbox::open(Security::Plain) else {
        return;
    };
    let alice = Person::new("alice");
    let config = format!(
        "{}[passthrough]\nwarn_before = \"1h59m59s\"\n",
        mailbox.config()
    );
    let daemon = site(&[&alice], &config).start();
    let two_hours = json!({"for_s": 7200});
    daemon
        .operator()
        .change("Passthrough.Enable", "alice", &two_hours);
    // The list of the day was due at the start, and nobody had a grant then.
    mailbox.wait(1);
    std::thread::sleep(Duration::from_millis(1100));
    // Looked at each minute and at the start.
    let daemon = daemon.kill().start();
    let mails = mailbox.wait(4);
    until("their records", || sent(&daemon) == 4);
    let daemon = daemon.kill().start();
    daemon.operator().change("Pins.Clear", "alice", &json!({}));
    mailbox.wait(5);
    until("its record", || sent(&daemon) == 5);
    let all = mailbox.mails();
    assert_eq!(all.len(), 5, "told twice: {all:?}");
    let mut told: Vec<(&str, &str)> = mails
        .iter()
        .map(|mail| {
            (
                mail["to"][0].as_str().unwrap(),
                mail["subject"].as_str().unwrap(),
            )
        })
        .collect();
    told.sort_unstable();
    let subjects = [
        ("alice@example.org", "Anmeldung ohne Code"),
        ("alice@example.org", "Anmeldung ohne Code endet bald"),
        (ADMIN, "Sign-ins without a code"),
        (ADMIN, "Sign-ins without a code end soon"),
    ];
    for ((to, subject), (wanted_to, wanted)) in told.iter().zip(subjects) {
        assert_eq!(*to, wanted_to);
        assert!(subject.ends_with(wanted), "{subject}");
    }
    let of_admin = mails.iter().find(|mail| mail["to"][0] == ADMIN).unwrap();
    let text = of_admin["text"].as_str().unwrap();
    assert!(
        text.contains("alice: P-") && text.contains(" by "),
        "{text}"
    );
    assert_eq!(records(&daemon, "passthrough.warned").len(), 1);
    assert_eq!(records(&daemon, "passthrough.summary").len(), 1);
    daemon.stop();
}

#[test]
fn a_sign_in_tells_nobody_anything() {
    let Some(mailbox) = Mailbox::open(Security::Plain) else {
        return;
    };
    let mut alice = Person::new("alice");
    let bob = Person::new("bob");
    let daemon = site(&[&alice, &bob], &mailbox.config()).start();
    let gateway = daemon.gateway("gw-pin");
    gateway.lets_in("alice", &format!("{PIN}{}", alice.code()));
    gateway.keeps_out("alice", &format!("{PIN}{}", alice.wrong_code()));
    gateway.keeps_out("alice", &format!("112233{}", alice.code()));
    gateway.keeps_out("nobody", "123456");
    gateway.lets_in("alice", &format!("{PIN}{}", alice.code()));
    // Whatever comes after it would come after theirs.
    let lock = json!({});
    daemon.operator().change("Users.Lock", "bob", &lock);
    let mails = mailbox.wait(2);
    assert!(
        mails.iter().all(|mail| !mail.to_string().contains("alice")),
        "{mails:?}"
    );
    daemon.stop();
}

#[test]
fn what_could_not_be_sent_is_sent_after_a_restart_once() {
    let Some(mailbox) = Mailbox::open(Security::Tls) else {
        return;
    };
    let people: Vec<Person> = (0..6).map(|at| Person::new(&format!("user{at}"))).collect();
    let config = mailbox.config();
    let port = mailbox.port();
    let folder = mailbox.close();
    let mut daemon = site(&people.iter().collect::<Vec<_>>(), &config).start();
    for person in &people {
        daemon
            .operator()
            .change("Users.Lock", &person.name, &json!({}));
    }
    daemon.wait_for_line("W043", Duration::from_secs(9));
    let mailbox = folder.open_again(Security::Tls, port);
    let daemon = daemon.kill().start();
    let mails = mailbox.wait(12);
    until("all recorded", || sent(&daemon) == 12);
    let daemon = daemon.kill().start();
    daemon
        .operator()
        .change("Users.Unlock", "user0", &json!({}));
    let mails_then = mailbox.wait(mails.len() + 1);
    assert_eq!(mails_then.len(), 13, "something was sent twice");
    let mut ids: Vec<&str> = mails_then
        .iter()
        .filter_map(|mail| mail["id"].as_str())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 13, "each has its own Message-ID");
    daemon.stop();
}

#[test]
fn an_operator_sees_what_became_of_messages() {
    let Some(mailbox) = Mailbox::open(Security::StartTls) else {
        return;
    };
    let alice = Person::new("alice");
    let config = mailbox.config();
    let daemon = site(&[&alice], &config).start();
    let operator = daemon.operator();
    let done = operator.call("Notify.Test", &json!({}));
    assert!(done["done"]["audit"].is_u64(), "{done}");
    let mails = mailbox.wait(1);
    assert_eq!(mails[0]["to"], json!([ADMIN]));
    assert_eq!(mails[0]["tls"], json!(true));
    operator.change("Users.Lock", "alice", &json!({}));
    until("both", || sent(&daemon) == 3);
    let statuses = || -> Vec<String> {
        let list = daemon
            .operator()
            .call("Notify.List", &json!({"user": "alice"}));
        let rows = list["rows"].as_array().unwrap().clone();
        let of = |row: &serde_json::Value| row["status"].as_str().unwrap().to_owned();
        rows.iter().map(of).collect()
    };
    assert_eq!(statuses(), ["sent", "sent"]);
    // The server goes.
    let folder = mailbox.close();
    operator.change("Users.Unlock", "alice", &json!({}));
    assert_eq!(statuses(), ["waiting", "sent", "sent"]);
    let refused = operator.try_call("Notify.Test", &json!({"to": "carol@example.org"}));
    let refused = refused.unwrap_err();
    assert_eq!(refused["error"], "org.mfad.Delivery", "{refused}");
    assert_eq!(
        statuses(),
        ["waiting", "sent", "sent"],
        "a test leaves nothing behind"
    );
    let status = operator.call("Daemon.Status", &json!({}));
    assert!(status.to_string().contains("W043"), "{status}");
    let list = operator.call("Notify.List", &json!({"user": "alice"}));
    let why = list["rows"][0]["why"].as_str().unwrap();
    assert!(!why.is_empty(), "what waits has its reason");
    daemon.stop();
    drop(folder);
}
