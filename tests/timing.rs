//! What a Reject tells: nothing by its octets, and nothing by its time.
//!
//! The octets are compared in every run. The time is a measurement, not a test: the machine has its
//! say in it. It prints what it found, and how sure it is:
//!
//! ```text
//! MFAD_LONG=1 cargo test --release --test timing -- --nocapture
//! ```
//! asks 20,000 times for each class, idle and under load, in half an hour; `MFAD_SAMPLES` asks
//! another number of times.

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
#[path = "timing/compare.rs"]
mod compare;
#[path = "timing/measure.rs"]
mod measure;

use std::time::Duration;

use mfad::radius::AttributeType;
use serde_json::json;

use common::chance::{Chance, size};
use common::daemon::{Daemon, Site};
use common::gateway::{CHALLENGE, Port, REJECT};
use common::people::{PASSWORD, PIN, Person};
use common::until::Until;
use measure::{Question, ask_mixed, report};

/// The default of the configuration.
const REJECT_DELAY: Duration = Duration::from_secs(1);

/// Nobody is locked by failures: each class is to stay what it is.
const NO_LOCK: &str = "\n[lockout.user]\nmax_failures = 0\n\n[lockout.token]\nmax_failures = 100\n";

/// A PIN that is nobody's.
const OTHER_PIN: &str = "733190";

/// Gateways, and what stands before the code there.
const FORMS: [(&str, &str); 4] = [
    ("gw-pin", PIN),
    ("gw-local", PASSWORD),
    ("gw-none", ""),
    ("gw-gateway", ""),
];

#[test]
fn every_reject_has_the_same_octets_whatever_was_wrong() {
    let names = [
        "wrong", "pin", "both", "empty", "used", "locked", "blocked", "away", "revoked", "busy",
    ];
    let mut people = names.map(Person::new);
    let settings = format!("{NO_LOCK}\n[pin]\nblock_locks_account = false\n");
    let daemon = Site::with(&people, &settings).start();
    let operator = daemon.operator();
    let [
        wrong,
        pin,
        both,
        empty,
        used,
        locked,
        blocked,
        away,
        revoked,
        busy,
    ] = &mut people;
    operator.change("Users.Lock", "locked", &json!({}));
    operator.set_state("away", "deactivated");
    operator.set_state("revoked", "revoke");
    let used_code = used.code();
    daemon.gateway("gw-none").lets_in("used", &used_code);
    for _ in 0..5 {
        let passcode = format!("{OTHER_PIN}{}", blocked.code());
        daemon.gateway("gw-pin").keeps_out("blocked", &passcode);
    }
    for loaded in [false, true] {
        let over = Until::default();
        std::thread::scope(|scope| {
            let end = over.end_of_this();
            if loaded {
                scope.spawn(|| keep_busy(&daemon, busy, &over));
            }
            for (gateway, first) in FORMS {
                let mut questions = vec![
                    ("nobody", format!("{first}{}", wrong.wrong_code())),
                    ("no\u{7}name", format!("{first}{}", wrong.wrong_code())),
                    ("wrong", format!("{first}{}", wrong.wrong_code())),
                    ("both", format!("{OTHER_PIN}{}", both.wrong_code())),
                    ("empty", format!("{first}{}", &empty.wrong_code()[1..])),
                    ("used", format!("{first}{used_code}")),
                    ("locked", format!("{first}{}", locked.wrong_code())),
                    ("locked", format!("{first}{}", locked.code())),
                    ("away", format!("{first}{}", away.code())),
                    ("revoked", format!("{first}{}", revoked.code())),
                ];
                // Only where mfad checks the PIN is there a wrong one, or a blocked one.
                if gateway == "gw-pin" {
                    questions.push(("pin", format!("{OTHER_PIN}{}", pin.code())));
                    questions.push(("blocked", format!("{PIN}{}", blocked.code())));
                }
                compare(daemon.gateway(gateway).port(), &questions, gateway);
            }
            drop(end);
        });
    }
    daemon.stop();
}

/// Asks all of it, and what cannot be asked in a passcode; the replies differ in nothing.
fn compare(mut port: Port, questions: &[(&str, String)], gateway: &str) {
    let mut asked: Vec<_> = questions
        .iter()
        .map(|(user, passcode)| port.request(user, passcode))
        .collect();
    let chap = AttributeType(3);
    for (kind, value) in [(chap, &[7; 17][..]), (AttributeType::STATE, &[9; 16])] {
        asked.push(port.build(|request, secret| {
            request.message_authenticator().unwrap();
            let name = AttributeType::USER_NAME;
            request.attribute(name, b"wrong").unwrap();
            if kind != chap {
                request.user_password(b"123456", secret).unwrap();
            }
            request.attribute(kind, value).unwrap();
        }));
    }
    for request in &asked {
        port.socket.send(request).unwrap();
    }
    let mut answered = vec![false; asked.len()];
    let mut replies = vec![Vec::new(); asked.len()];
    port.collect(&asked, &mut answered, |at, reply| {
        assert_eq!(reply.code, REJECT, "{gateway}: {:?}", questions.get(at));
        // Identifier and the two signatures belong to the request; nothing else may differ.
        let octets = &reply.octets;
        replies[at] = [&octets[..1], &octets[2..4], &octets[20..22], &octets[38..]].concat();
    });
    for (at, reply) in replies.iter().enumerate() {
        assert_eq!(*reply, replies[0], "{gateway}: {:?}", questions.get(at));
    }
}

/// Signs somebody in again and again.
fn keep_busy(daemon: &Daemon, person: &mut Person, over: &Until) {
    let mut port = daemon.gateway("gw-none").port();
    while !over.is_over() {
        let code = person.code();
        assert!(port.login(&person.name, &code));
    }
}

/// Classes of people who are refused, and how often one person may ask as one of them: wrong codes
/// and wrong PINs end at a hundred.
const CLASSES: [(&str, usize); 7] = [
    ("unknown", usize::MAX),
    ("wrong code", 90),
    ("wrong PIN", 90),
    ("both wrong", 90),
    ("locked", usize::MAX),
    ("disabled", usize::MAX),
    ("used code", usize::MAX),
];

/// People who stand for a class in which one may ask without end.
const FEW: usize = 3;

#[test]
fn the_time_of_a_reject_is_measured() {
    let samples = samples();
    let mut chance = Chance::new("timing");
    for (title, busy) in [("idle", 0), ("under load", 2)] {
        let cast = cast(&CLASSES, samples);
        let busy: Vec<_> = (0..busy)
            .map(|at| without_password(&format!("busy{at}")))
            .collect();
        // Those of the first class are nobody.
        let people: Vec<_> = cast[1..].iter().flatten().chain(&busy).cloned().collect();
        let settings = format!("{NO_LOCK}\n[pin]\nmax_failures = 100\n");
        let mut site = Site::with(&people, &settings);
        site.reject_delay = REJECT_DELAY;
        site.write_config(&settings);
        let daemon = site.start();
        let questions = questions(&daemon, cast, samples, &mut chance);
        let over = Until::default();
        let times = std::thread::scope(|scope| {
            let end = over.end_of_this();
            for mut person in busy {
                let (daemon, over) = (&daemon, &over);
                scope.spawn(move || keep_busy(daemon, &mut person, over));
            }
            let gateway = daemon.gateway("gw-pin");
            let times = ask_mixed(&gateway, questions, CLASSES.len(), REJECT);
            drop(end);
            times
        });
        report(title, &CLASSES.map(|(name, _)| name), &times, samples);
        assert!(times.iter().all(|times| !times.is_empty()));
        daemon.stop();
    }
}

/// Classes of people where nothing is checked before the code is asked for, and how many questions of
/// one person are kept in a row.
const ASKED: [(&str, usize); 4] = [
    ("unknown", usize::MAX),
    ("known", 30),
    ("locked", usize::MAX),
    ("disabled", usize::MAX),
];

/// Everybody is asked, and nobody for longer: a question that is kept is a commit, of the others
/// nothing is kept.
#[test]
fn the_time_of_a_question_is_measured() {
    let samples = samples();
    let mut chance = Chance::new("timing");
    let cast = cast(&ASKED, samples);
    let people: Vec<_> = cast[1..].iter().flatten().cloned().collect();
    let mut site = Site::with(&people, NO_LOCK);
    site.reject_delay = REJECT_DELAY;
    site.write_config(NO_LOCK);
    let daemon = site.start();
    for person in &cast[2] {
        let operator = daemon.operator();
        operator.change("Users.Lock", &person.name, &json!({}));
    }
    for person in &cast[3] {
        daemon.operator().set_state(&person.name, "deactivated");
    }
    let question = |(class, number): (usize, usize)| Question {
        class,
        user: cast[class][number % cast[class].len()].name.clone(),
        passcode: "whatever".to_owned(),
    };
    let turns = turns(ASKED.len(), samples, &mut chance);
    let questions = turns.into_iter().map(question).collect();
    let gateway = daemon.gateway("gw-two-none");
    let times = ask_mixed(&gateway, questions, ASKED.len(), CHALLENGE);
    report("asked", &ASKED.map(|(name, _)| name), &times, samples);
    assert!(times.iter().all(|times| !times.is_empty()));
    daemon.stop();
}

/// How many requests of each class.
fn samples() -> usize {
    let samples = std::env::var("MFAD_SAMPLES").ok();
    let samples = samples.and_then(|text| text.parse().ok());
    samples.unwrap_or_else(|| size(30, 20_000))
}

/// The people of each class.
fn cast(classes: &[(&str, usize)], samples: usize) -> Vec<Vec<Person>> {
    let of_class = |(class, (_, each)): (usize, &(&str, usize))| {
        let many = if *each == usize::MAX {
            FEW
        } else {
            samples.div_ceil(*each)
        };
        let named = |number| without_password(&format!("user{class}{number:05}"));
        (0..many).map(named).collect()
    };
    classes.iter().enumerate().map(of_class).collect()
}

/// Whose turn it is, in an order that is drawn: a class and one of its people.
fn turns(classes: usize, samples: usize, chance: &mut Chance) -> Vec<(usize, usize)> {
    let mut turns: Vec<(usize, usize)> = (0..classes)
        .flat_map(|class| (0..samples).map(move |number| (class, number)))
        .collect();
    for at in (1..turns.len()).rev() {
        turns.swap(at, chance.below(at + 1));
    }
    turns
}

/// Nobody is asked for one here, and each costs a hash to set.
fn without_password(name: &str) -> Person {
    let mut person = Person::new(name);
    person.password.clear();
    person
}

/// So many questions of each class, in an order that is drawn, from people who are made to belong
/// to it.
fn questions(
    daemon: &Daemon,
    mut cast: Vec<Vec<Person>>,
    samples: usize,
    chance: &mut Chance,
) -> Vec<Question> {
    let operator = daemon.operator();
    for person in &cast[4] {
        operator.change("Users.Lock", &person.name, &json!({}));
    }
    for person in &cast[5] {
        operator.set_state(&person.name, "deactivated");
    }
    for person in &mut cast[6] {
        let code = person.code();
        daemon.gateway("gw-none").lets_in(&person.name, &code);
    }
    let turns = turns(cast.len(), samples, chance);
    let mut wrong: Vec<Vec<_>> = cast
        .iter()
        .map(|people| people.iter().map(Person::wrong_codes).collect())
        .collect();
    let question = |(class, number): (usize, usize)| {
        let number = number % cast[class].len();
        let wrong = wrong[class][number].next().unwrap();
        let person = &mut cast[class][number];
        let passcode = match class {
            2 => format!("{OTHER_PIN}{}", person.code()),
            3 => format!("{OTHER_PIN}{wrong}"),
            6 => format!("{PIN}{}", person.hotp(0)),
            _ => format!("{PIN}{wrong}"),
        };
        let user = person.name.clone();
        Question {
            class,
            user,
            passcode,
        }
    };
    turns.into_iter().map(question).collect()
}
