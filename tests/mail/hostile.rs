//! Servers that answer what no server may, or nothing. Each is a thread that speaks just enough SMTP.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;

use mfad::config::{Mail, Security};
use mfad::domain::message::{Address, Line, Message, MessageId};
use mfad::outbound::Fault;
use mfad::outbound::smtp::Session;
use mfad::outbound::wire::{Ending, Patience};
use mfad::sys::clock::Clock;
use mfad::time::Timestamp;

use crate::common::people::Person;
use crate::common::sink::mail;
use crate::fake::{self, Fake};
use crate::world::{config, records, sent, site, until};

/// What a server does that it must not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Trick {
    /// Takes everything.
    Takes,
    /// The same, and takes 30 ms to say so.
    TakesSlowly,
    /// Lets the connection in and says nothing.
    NeverSpeaks,
    /// Ends each connection.
    HangsUp,
    /// Greets with an octet every 50 ms.
    Drips,
    /// A line without an end.
    EndlessLine,
    /// An answer without a last line.
    EndlessAnswer,
    /// Another protocol.
    Web,
    /// Offers STARTTLS, and says more before the handshake.
    SpeaksAhead,
    /// Offers no STARTTLS.
    NoStartTls,
    /// 550 to the recipient, whom it names.
    RefusesRecipient,
    /// 451 to the recipient.
    PutsOff,
    /// 554 to the data.
    RefusesData,
    /// Has all the data, and ends the connection.
    HangsUpAfterData,
    /// Has all the data, and says nothing.
    SilentAfterData,
    /// 421 in the middle.
    ShutsDown,
}

impl fake::Trick for Trick {
    const NAME: &'static str = "Message-ID:";

    fn converse(self, mut stream: TcpStream, had: &Mutex<Vec<String>>) -> Option<()> {
        let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
        let mut say = |text: &str| stream.write_all(text.as_bytes()).ok();
        match self {
            Self::HangsUp => return None,
            Self::NeverSpeaks => return lines.next().map(drop),
            Self::EndlessLine => loop {
                say("220-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")?;
            },
            Self::EndlessAnswer => loop {
                say("220-more\r\n")?;
            },
            Self::Web => return say("HTTP/1.1 400 Bad Request\r\n\r\n"),
            Self::Drips => {
                for sign in "220 slow but right\r\n".chars() {
                    std::thread::sleep(Duration::from_millis(50));
                    say(&sign.to_string())?;
                }
            }
            _ => say("220 trick.example.org\r\n")?,
        }
        loop {
            let line = lines.next()?.ok()?;
            let word = line.split(' ').next()?.to_ascii_uppercase();
            match (&*word, self) {
                ("EHLO", Self::NoStartTls) => say("250 trick.example.org\r\n")?,
                ("EHLO", _) => say("250-trick.example.org\r\n250-SIZE 1\r\n250 STARTTLS\r\n")?,
                ("STARTTLS", _) => say("220 go\r\n250 trust me\r\n")?,
                ("RCPT", Self::RefusesRecipient) => {
                    say("550 <ALICE@example.org>: no such user\r\n")?;
                }
                ("RCPT", Self::PutsOff) => say("451 greylisted\r\n")?,
                ("RCPT", Self::ShutsDown) => say("421 going down\r\n")?,
                ("DATA", _) => {
                    say("354 go\r\n")?;
                    had.lock().unwrap().push(mail(&mut lines)?);
                    match self {
                        Self::HangsUpAfterData => return None,
                        Self::SilentAfterData => return lines.next().map(drop),
                        Self::TakesSlowly => {
                            std::thread::sleep(Duration::from_millis(30));
                            say("250 kept\r\n")?;
                        }
                        Self::RefusesData => say("554 no\r\n")?,
                        _ => say("250 kept\r\n")?,
                    }
                }
                ("QUIT", _) => return say("221 bye\r\n"),
                _ => say("250 ok\r\n")?,
            }
        }
    }
}

fn alice() -> Address {
    Address::parse("alice@example.org").unwrap()
}

fn message(number: u8) -> Message {
    Message {
        id: MessageId([number; 16]),
        to: alice().into(),
        what: "locked".to_owned(),
        about: None,
        subject: Line::new("Your sign-in is locked"),
        text: ".\n.. \nlocked\n".to_owned(),
        enclosed: None,
        at: Timestamp(1_795_327_200_000),
        until: None,
        extra: serde_json::Map::new(),
    }
}

/// What comes of a message to this server, and how long that takes.
fn outcome(server: &Fake<Trick>, security: Security) -> (Result<(), Fault>, Duration) {
    let mail = Mail {
        server: "127.0.0.1".to_owned(),
        port: server.port,
        security,
        login: None,
        from: Address::parse("mfad@example.org").unwrap(),
        ca: "/nonexistent".into(),
        timeout: Duration::from_millis(700),
    };
    let (clock, ending) = (Arc::new(Clock::start()), Arc::<Ending>::default());
    let patience = || Patience::new(&clock, &ending, mail.timeout);
    let began = Instant::now();
    let done = Session::open(&mail, patience())
        .and_then(|mut session| session.send(&mail, &alice(), &message(1), None, patience()));
    (done, began.elapsed())
}

#[test]
fn each_failure_is_told_apart_and_none_takes_longer_than_it_may() {
    type Is = fn(&Fault) -> bool;
    let server: Is = |fault| matches!(fault, Fault::Server(_));
    let never: Is = |fault| matches!(fault, Fault::Never(_));
    let later: Is = |fault| matches!(fault, Fault::Later(_));
    let broken: Is = |fault| matches!(fault, Fault::Broken(_));
    for (trick, security, is) in [
        (Trick::NeverSpeaks, Security::None, server),
        (Trick::HangsUp, Security::None, server),
        (Trick::Drips, Security::None, server),
        (Trick::EndlessLine, Security::None, server),
        (Trick::EndlessAnswer, Security::None, server),
        (Trick::Web, Security::None, server),
        (Trick::SpeaksAhead, Security::StartTls, server),
        (Trick::NoStartTls, Security::StartTls, server),
        (Trick::NeverSpeaks, Security::Tls, server),
        (Trick::Web, Security::Tls, server),
        (Trick::RefusesRecipient, Security::None, never),
        (Trick::RefusesData, Security::None, never),
        (Trick::PutsOff, Security::None, later),
        (Trick::ShutsDown, Security::None, server),
        (Trick::HangsUpAfterData, Security::None, broken),
        (Trick::SilentAfterData, Security::None, broken),
    ] {
        let fake = Fake::new(trick);
        let (done, took) = outcome(&fake, security);
        let fault = done.unwrap_err();
        assert!(is(&fault), "{trick:?}: {fault:?}");
        assert!(
            !fault.to_string().to_lowercase().contains("alice@"),
            "{fault}"
        );
        assert!(took < Duration::from_secs(5), "{trick:?} took {took:?}");
        println!("{trick:?}: {fault}");
    }
}

#[test]
fn a_mail_arrives_as_it_was_written() {
    let server = Fake::new(Trick::Takes);
    outcome(&server, Security::None).0.unwrap();
    let had = server.had.lock().unwrap();
    let (_, text) = had[0].split_once("\n\n").unwrap();
    // test of RFC 5321 s4.5.2
    assert_eq!(text, "..\n...=20\nlocked\n");
}

#[test]
fn what_was_not_acknowledged_is_sent_again_under_the_same_name() {
    let server = Fake::new(Trick::HangsUpAfterData);
    let alice = Person::new("alice");
    let config = config(server.port, "none", Path::new("/nonexistent"), "");
    let daemon = site(&[&alice], &config).start();
    daemon.operator().change("Pins.Clear", "alice", &json!({}));
    server.has_it_again_under_the_same_name(&daemon, Trick::Takes);
    daemon.stop();
}

#[test]
fn a_refused_message_is_given_up_and_the_others_go_on() {
    let server = Fake::new(Trick::RefusesRecipient);
    let people = [Person::new("alice"), Person::new("bob")];
    let config = config(server.port, "none", Path::new("/nonexistent"), "");
    let daemon = site(&people.iter().collect::<Vec<_>>(), &config).start();
    daemon.operator().change("Pins.Clear", "alice", &json!({}));
    until("a record", || records(&daemon, "notify.failed").len() == 1);
    let failed = records(&daemon, "notify.failed").remove(0).to_string();
    assert!(failed.contains("no such user"), "{failed}");
    assert!(
        failed.contains("a***e@example.org") && !failed.contains("alice@"),
        "{failed}"
    );
    server.becomes(Trick::Takes);
    daemon.operator().change("Pins.Clear", "bob", &json!({}));
    until("bob's", || sent(&daemon) == 1);
    daemon.stop();
}

#[test]
fn sign_ins_go_on_while_the_server_is_silent_and_the_outbox_stays_within_its_bound() {
    const BOUND: usize = mfad::engine::outbox::OUTBOX_MESSAGES_MAX;
    let server = Fake::new(Trick::SilentAfterData);
    let mut alice = Person::new("alice");
    let bob = Person::new("bob");
    let config = config(server.port, "none", Path::new("/nonexistent"), "");
    let daemon = site(&[&alice, &bob], &config).start();
    let operator = daemon.operator();
    // Three messages each: two of the lock, one of its end.
    for _ in 0..BOUND / 3 + 10 {
        operator.change("Users.Lock", "bob", &json!({}));
        operator.change("Users.Unlock", "bob", &json!({}));
    }
    let made = (BOUND / 3 + 10) * 3;
    let failed = records(&daemon, "notify.failed");
    assert!(
        (made - BOUND - 2..=made - BOUND).contains(&failed.len()),
        "{}",
        failed.len()
    );
    assert!(
        failed[0].to_string().contains("the outbox is full"),
        "{}",
        failed[0]
    );
    let status = operator.call("Daemon.Status", &json!({}));
    assert!(status["warnings"].to_string().contains("W046"), "{status}");
    for _ in 0..10 {
        daemon.gateway("gw-none").lets_in("alice", &alice.code());
    }
    let began = Instant::now();
    let folder = daemon.stop();
    assert!(
        began.elapsed() < Duration::from_secs(9),
        "{:?}",
        began.elapsed()
    );
    // What waits is there after a restart, and goes out once.
    server.becomes(Trick::Takes);
    server.had.lock().unwrap().clear();
    let daemon = folder.start();
    let began = Instant::now();
    let mut ids = server.ids();
    while ids.len() < BOUND - 2 {
        let within = Duration::from_secs(120);
        assert!(began.elapsed() < within, "{} within {within:?}", ids.len());
        std::thread::sleep(Duration::from_millis(50));
        ids = server.ids();
    }
    daemon.stop();
    let mut ids = server.ids();
    ids.sort_unstable();
    let sent = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), sent, "something went out twice");
}

#[test]
fn a_kill_doubles_one_message_at_most_and_loses_none() {
    let server = Fake::new(Trick::TakesSlowly);
    let people: Vec<Person> = (0..20)
        .map(|at| Person::new(&format!("user{at}")))
        .collect();
    let config = config(server.port, "none", Path::new("/nonexistent"), "");
    let daemon = site(&people.iter().collect::<Vec<_>>(), &config).start();
    for person in &people {
        daemon
            .operator()
            .change("Users.Lock", &person.name, &json!({}));
    }
    server.has_each_through_kills(daemon, 2 * people.len(), 8);
}
