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

use crate::common::chance::Chance;
use crate::common::daemon::Site;
use crate::common::people::Person;
use crate::common::reach::prove_phones;
use crate::common::sink::Sink;
use crate::world::{records, sent, until};

const NUMBER: &str = "+491701234567";

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

/// A server, and the requests it has in full.
struct Gateway {
    port: u16,
    trick: Arc<Mutex<Trick>>,
    had: Arc<Mutex<Vec<String>>>,
}

impl Gateway {
    fn new(trick: Trick) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let gateway = Self {
            port: listener.local_addr().unwrap().port(),
            trick: Arc::new(Mutex::new(trick)),
            had: Arc::default(),
        };
        let (trick, had) = (Arc::clone(&gateway.trick), Arc::clone(&gateway.had));
        // It ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (trick, had) = (*trick.lock().unwrap(), Arc::clone(&had));
                std::thread::spawn(move || converse(stream, trick, &had));
            }
        });
        gateway
    }

    fn becomes(&self, trick: Trick) {
        *self.trick.lock().unwrap() = trick;
    }

    /// What stands in the configuration of a site that sends through it.
    fn config(&self) -> String {
        format!(
            "[sms]\nurl = \"http://127.0.0.1:{}/send\"\ntimeout = \"1s\"\nsuccess = \"queued\"\n\
             headers = {{ X-Id = \"{{id}}\" }}\nbody = \"to={{to}}&text={{text}}\"\n",
            self.port
        )
    }

    fn ids(&self) -> Vec<String> {
        let had = self.had.lock().unwrap();
        let id = |request: &String| {
            let line = request.lines().find(|line| line.starts_with("X-Id:"));
            line.unwrap().to_owned()
        };
        had.iter().map(id).collect()
    }
}

/// Errors end the conversation.
fn converse(mut stream: TcpStream, trick: Trick, had: &Mutex<Vec<String>>) -> Option<()> {
    if trick == Trick::HangsUp {
        return None;
    }
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut say = |text: &str| stream.write_all(text.as_bytes()).ok();
    if trick == Trick::Smtp {
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
    match trick {
        Trick::NeverSpeaks => {
            let _ = reader.read_line(&mut request);
            None
        }
        Trick::HangsUpAfterRequest | Trick::HangsUp | Trick::Smtp => None,
        Trick::Drips => {
            for sign in "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nqueued".chars() {
                std::thread::sleep(Duration::from_millis(50));
                say(&sign.to_string())?;
            }
            Some(())
        }
        Trick::EndlessHead => {
            say("HTTP/1.1 200 OK\r\nX-Long: ")?;
            loop {
                say("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")?;
            }
        }
        Trick::EndlessBody => {
            say("HTTP/1.1 200 OK\r\n\r\n")?;
            loop {
                say("queue queue queue queue queue queue queue queue ")?;
            }
        }
        Trick::EndlessInterim => loop {
            say("HTTP/1.1 102 Processing\r\n\r\n")?;
        },
        Trick::Takes => say("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nqueued"),
        Trick::TakesSlowly => {
            std::thread::sleep(Duration::from_millis(30));
            say("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nqueued")
        }
        Trick::Says(code) => say(&format!(
            "HTTP/1.1 {code} {NUMBER}\r\nLocation: http://127.0.0.1:9/queued\r\n\r\n{request}"
        )),
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
fn outcome(gateway: &Gateway) -> (Result<(), Fault>, Duration) {
    let config = configured(&gateway.config());
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
    ] {
        let gateway = Gateway::new(trick);
        let (done, took) = outcome(&gateway);
        let fault = done.expect_err(&format!("{trick:?}"));
        assert!(is(&fault), "{trick:?}: {fault:?}");
        let shown = fault.to_string();
        let leaks = ["1234567", "4711", "queued"];
        assert!(!leaks.iter().any(|leak| shown.contains(leak)), "{shown}");
        assert!(took < Duration::from_secs(5), "{trick:?} took {took:?}");
        println!("{trick:?}: {fault}");
    }
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let gateway = Gateway::new(Trick::Takes);
    let nobody = Gateway {
        port: closed.local_addr().unwrap().port(),
        ..gateway
    };
    drop(closed);
    assert!(server(&outcome(&nobody).0.unwrap_err()));
}

#[test]
fn what_was_not_acknowledged_is_sent_again_under_the_same_name() {
    let gateway = Gateway::new(Trick::HangsUpAfterRequest);
    let alice = Person::new("alice");
    let daemon = site(&[&alice], &gateway.config()).start();
    daemon.operator().change("Users.Lock", "alice", &json!({}));
    until("a try", || !gateway.ids().is_empty());
    gateway.becomes(Trick::Takes);
    until("a record", || sent(&daemon) == 1);
    let mut ids = gateway.ids();
    assert!(ids.len() >= 2, "{ids:?}");
    ids.dedup();
    assert_eq!(ids.len(), 1, "another name each time");
    daemon.stop();
}

#[test]
fn a_refused_message_is_given_up_and_the_others_go_on() {
    let gateway = Gateway::new(Trick::Says(400));
    let (alice, bob) = (Person::new("alice"), Person::new("bob"));
    let daemon = site(&[&alice, &bob], &gateway.config()).start();
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
    let gateway = Gateway::new(Trick::NeverSpeaks);
    let sink = Sink::open();
    let mut alice = Person::new("alice");
    let bob = Person::new("bob");
    let config = format!("{}{}", sink.config(), gateway.config());
    let daemon = site(&[&alice, &bob], &config).start();
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
    const KILLS: usize = 6;
    let mut chance = Chance::new("sms");
    let gateway = Gateway::new(Trick::TakesSlowly);
    let people: Vec<Person> = (0..20)
        .map(|at| Person::new(&format!("user{at}")))
        .collect();
    let mut daemon = site(&people.iter().collect::<Vec<_>>(), &gateway.config()).start();
    for person in &people {
        daemon
            .operator()
            .change("Users.Lock", &person.name, &json!({}));
    }
    for _ in 0..KILLS {
        std::thread::sleep(Duration::from_millis(u64::from(chance.octet() % 64)));
        daemon = daemon.kill().start();
    }
    // Each has one record, and only with it has left the outbox.
    until("all recorded", || sent(&daemon) == people.len());
    daemon.stop();
    let mut ids = gateway.ids();
    ids.sort_unstable();
    let had = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), people.len(), "lost");
    println!(
        "{} of {} twice after {KILLS} kills",
        had - ids.len(),
        ids.len()
    );
    assert!(
        had - ids.len() <= KILLS,
        "{had} requests of {} messages",
        ids.len()
    );
}

/// A site whose people have a proven telephone and no address.
fn site(people: &[&Person], config: &str) -> Site {
    let people: Vec<Person> = people.iter().map(|person| (*person).clone()).collect();
    let site = Site::with(&people, config);
    prove_phones(&site, &people, NUMBER);
    site
}
