//! SMS gateways that answer what no server may, or nothing. Each is a thread that speaks just enough
//! HTTP, on this machine and in the clear.

use std::io::{BufRead, BufReader, Read as _, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;

use mfad::config::{self, SecretFault, SecretSource, Secrets, Sms, Source};
use mfad::domain::message::{Line, Message, MessageId};
use mfad::domain::recipient::Phone;
use mfad::outbound::wire::{Ending, Patience};
use mfad::outbound::{Fault, sms};
use mfad::secret::SecretBytes;
use mfad::sys::clock::Clock;
use mfad::time::Timestamp;

use crate::common::people::Person;
use crate::common::sink::Sink;
use crate::fake::{self, Fake};
use crate::world::{NUMBER, records, sent, site_of_phones, until};

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
    /// Has the request, and ends the connection.
    HangsUpAfterRequest,
    /// Answers with an octet every 50 ms.
    Drips,
    /// A header without an end.
    EndlessHead,
    /// A body without an end, in which the word is not.
    EndlessBody,
    /// Interim answers without an end.
    EndlessInterim,
    /// Another protocol.
    Smtp,
    /// This status, and what it was asked back.
    Says(u16),
}

/// What stands in the configuration of a site that sends to this port.
fn config_at(port: u16) -> String {
    format!(
        "[sms]\nurl = \"http://127.0.0.1:{port}/send\"\ntimeout = \"1s\"\nsuccess = \"queued\"\n\
         headers = {{ X-Id = \"{{id}}\" }}\nbody = \"to={{to}}&text={{text}}\"\n"
    )
}

impl fake::Trick for Trick {
    const NAME: &'static str = "X-Id:";

    fn converse(self, mut stream: TcpStream, had: &Mutex<Vec<String>>) -> Option<()> {
        if self == Self::HangsUp {
            return None;
        }
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut say = |text: &str| stream.write_all(text.as_bytes()).ok();
        if self == Self::Smtp {
            say("220 mail.example.org\r\n")?;
        }
        let mut request = String::new();
        while !request.ends_with("\r\n\r\n") {
            (reader.read_line(&mut request).ok()? > 0).then_some(())?;
        }
        let (_, length) = request.split_once("Content-Length: ")?;
        let mut body = vec![0; length.lines().next()?.parse().ok()?];
        reader.read_exact(&mut body).ok()?;
        request.push_str(&String::from_utf8(body).ok()?);
        had.lock().unwrap().push(request.clone());
        match self {
            Self::NeverSpeaks => {
                let _ = reader.read_line(&mut request);
                None
            }
            Self::HangsUpAfterRequest | Self::HangsUp | Self::Smtp => None,
            Self::Drips => {
                for sign in "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nqueued".chars() {
                    std::thread::sleep(Duration::from_millis(50));
                    say(&sign.to_string())?;
                }
                Some(())
            }
            Self::EndlessHead => {
                say("HTTP/1.1 200 OK\r\nX-Long: ")?;
                loop {
                    say("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")?;
                }
            }
            Self::EndlessBody => {
                say("HTTP/1.1 200 OK\r\n\r\n")?;
                loop {
                    say("queue queue queue queue queue queue queue queue ")?;
                }
            }
            Self::EndlessInterim => loop {
                say("HTTP/1.1 102 Processing\r\n\r\n")?;
            },
            Self::Takes => say("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nqueued"),
            Self::TakesSlowly => {
                std::thread::sleep(Duration::from_millis(30));
                say("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nqueued")
            }
            Self::Says(code) => say(&format!(
                "HTTP/1.1 {code} {NUMBER}\r\nLocation: http://127.0.0.1:9/queued\r\n\r\n{request}"
            )),
        }
    }
}

struct NoSecrets;

impl Secrets for NoSecrets {
    fn read(&self, _: &SecretSource) -> Result<SecretBytes, SecretFault> {
        Err(SecretFault::Missing)
    }
}

fn configured(text: &str) -> Sms {
    let source = Source {
        path: "/etc/mfad/mfad.toml".into(),
        text: text.to_owned(),
    };
    let loaded = config::parse(&[source], "mfa1", &NoSecrets);
    loaded
        .map_err(|problems| problems.to_string())
        .unwrap()
        .config
        .sms
        .unwrap()
}

fn phone() -> Phone {
    Phone::parse(NUMBER).unwrap()
}

fn message() -> Message {
    Message {
        id: MessageId([7; 16]),
        to: phone().into(),
        what: "locked".to_owned(),
        about: None,
        subject: Line::new("Your sign-in is locked"),
        text: "example.org: code 4711 & more\n".to_owned(),
        enclosed: None,
        at: Timestamp(1_795_327_200_000),
        until: None,
        extra: serde_json::Map::new(),
    }
}

/// What comes of a message to this server, and how long that takes.
fn outcome(port: u16) -> (Result<(), Fault>, Duration) {
    let config = configured(&config_at(port));
    let (clock, ending) = (Arc::new(Clock::start()), Arc::<Ending>::default());
    let patience = Patience::new(&clock, &ending, config.timeout);
    let began = Instant::now();
    let done = sms::send(&config, &phone(), &message(), None, patience);
    (done, began.elapsed())
}

#[test]
fn each_failure_is_told_apart_and_none_takes_longer_than_it_may() {
    type Is = fn(&Fault) -> bool;
    let server: Is = |fault| matches!(fault, Fault::Server(_));
    let never: Is = |fault| matches!(fault, Fault::Never(_));
    let broken: Is = |fault| matches!(fault, Fault::Broken(_));
    for (trick, is) in [
        (Trick::NeverSpeaks, broken),
        (Trick::HangsUp, broken),
        (Trick::HangsUpAfterRequest, broken),
        (Trick::Drips, broken),
        (Trick::EndlessHead, broken),
        (Trick::EndlessBody, broken),
        (Trick::EndlessInterim, broken),
        (Trick::Smtp, broken),
        (Trick::Says(200), broken),
        (Trick::Says(301), server),
        (Trick::Says(308), server),
        (Trick::Says(400), never),
        (Trick::Says(401), server),
        (Trick::Says(404), server),
        (Trick::Says(422), never),
        (Trick::Says(429), server),
        (Trick::Says(500), broken),
        (Trick::Says(503), broken),
        (Trick::Says(600), broken),
    ] {
        let gateway = Fake::new(trick);
        let (done, took) = outcome(gateway.port);
        let fault = done.expect_err(&format!("{trick:?}"));
        assert!(is(&fault), "{trick:?}: {fault:?}");
        let shown = fault.to_string();
        let leaks = ["1234567", "4711", "queued"];
        assert!(!leaks.iter().any(|leak| shown.contains(leak)), "{shown}");
        assert!(took < Duration::from_secs(5), "{trick:?} took {took:?}");
        println!("{trick:?}: {fault}");
    }
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    assert!(server(&outcome(port).0.unwrap_err()));
}

#[test]
fn what_was_not_acknowledged_is_sent_again_under_the_same_name() {
    let gateway = Fake::new(Trick::HangsUpAfterRequest);
    let alice = Person::new("alice");
    let daemon = site_of_phones(&[&alice], &config_at(gateway.port)).start();
    daemon.operator().change("Users.Lock", "alice", &json!({}));
    gateway.has_it_again_under_the_same_name(&daemon, Trick::Takes);
    daemon.stop();
}

#[test]
fn a_refused_message_is_given_up_and_the_others_go_on() {
    let gateway = Fake::new(Trick::Says(400));
    let (alice, bob) = (Person::new("alice"), Person::new("bob"));
    let daemon = site_of_phones(&[&alice, &bob], &config_at(gateway.port)).start();
    daemon.operator().change("Users.Lock", "alice", &json!({}));
    until("a record", || records(&daemon, "notify.failed").len() == 1);
    let failed = records(&daemon, "notify.failed").remove(0).to_string();
    assert!(
        failed.contains("400") && failed.contains("\"sms\""),
        "{failed}"
    );
    assert!(
        failed.contains("+49 *** **67") && !failed.contains("1234567"),
        "{failed}"
    );
    gateway.becomes(Trick::Takes);
    daemon.operator().change("Users.Lock", "bob", &json!({}));
    until("bob's", || sent(&daemon) == 1);
    daemon.stop();
}

#[test]
fn a_silent_gateway_holds_up_no_mail_and_no_sign_in() {
    let gateway = Fake::new(Trick::NeverSpeaks);
    let sink = Sink::open();
    let mut alice = Person::new("alice");
    let bob = Person::new("bob");
    let config = format!("{}{}", sink.config(), config_at(gateway.port));
    let daemon = site_of_phones(&[&alice, &bob], &config).start();
    let operator = daemon.operator();
    for _ in 0..30 {
        operator.change("Users.Lock", "bob", &json!({}));
        operator.change("Users.Unlock", "bob", &json!({}));
    }
    // Each lock is told to the administrator as well: by mail, and beside what waits.
    sink.wait(30);
    for _ in 0..5 {
        daemon.gateway("gw-none").lets_in("alice", &alice.code());
    }
    until("the mails' records", || sent(&daemon) == 30);
    let began = Instant::now();
    let folder = daemon.stop();
    assert!(
        began.elapsed() < Duration::from_secs(9),
        "{:?}",
        began.elapsed()
    );
    gateway.becomes(Trick::Takes);
    gateway.had.lock().unwrap().clear();
    let daemon = folder.start();
    until("what waited", || sent(&daemon) == 90);
    let mut ids = gateway.ids();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), gateway.ids().len()), (60, 60));
    assert_eq!(sink.mails().len(), 30);
    daemon.stop();
}

#[test]
fn a_kill_doubles_one_message_at_most_and_loses_none() {
    let gateway = Fake::new(Trick::TakesSlowly);
    let people: Vec<Person> = (0..20)
        .map(|at| Person::new(&format!("user{at}")))
        .collect();
    let daemon =
        site_of_phones(&people.iter().collect::<Vec<_>>(), &config_at(gateway.port)).start();
    for person in &people {
        daemon
            .operator()
            .change("Users.Lock", &person.name, &json!({}));
    }
    gateway.has_each_through_kills(daemon, people.len(), 6);
}
