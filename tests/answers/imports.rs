//! Imports while others are at work: what somebody takes between the judging and the writing is met
//! record by record, and whoever stops waiting ends it between two batches.

use mfad::control::import::{Hardware, Import, Owners, What};
use mfad::control::query::{AuditFilter, Manner, Query};
use mfad::control::reply::Reply;
use mfad::domain::action::Role;
use mfad::domain::command::{Command, NewToken, NewUser};
use mfad::domain::people_file::Layout;
use mfad::domain::refusal::{Code, Refusal};
use mfad::secret::{Secret, SecretBytes};
use mfad::server::control::{Backend as _, Ended, Sink};
use mfad::token::import::owned::Source;
use mfad::token::import::{Format, Unsaid};
use mfad::token::{Otp, base32};
use serde_json::{Value, json};

use crate::site::{Site, operator, page};

/// Does something when the first batch is about to be written; may stop waiting after so many.
struct Meddler<'a> {
    meddle: Box<dyn FnMut() + 'a>,
    looks: usize,
    batches: usize,
    enough: usize,
}

impl<'a> Meddler<'a> {
    fn new(meddle: impl FnMut() + 'a) -> Self {
        Self {
            meddle: Box::new(meddle),
            looks: 0,
            batches: 0,
            enough: usize::MAX,
        }
    }
}

impl Sink for Meddler<'_> {
    fn push(&mut self, _: Reply) -> Result<(), Ended> {
        self.batches += 1;
        Ok(())
    }

    fn ended(&mut self) -> bool {
        // The first look is before the judging, the second before the first batch.
        self.looks += 1;
        if self.looks == 2 {
            (self.meddle)();
        }
        self.batches >= self.enough
    }
}

fn import(site: &Site, what: What, text: &str, sink: &mut dyn Sink) -> Result<Value, Refusal> {
    bring(site, what, text, Manner::default(), sink)
}

fn bring(
    site: &Site,
    what: What,
    text: &str,
    manner: Manner,
    sink: &mut dyn Sink,
) -> Result<Value, Refusal> {
    let import = Import {
        what,
        skip_bad: false,
        expect: None,
        progress: true,
        manner,
    };
    let file = SecretBytes::copy_of(text.as_bytes());
    let reply = site
        .answerer()
        .import(&operator(Role::Admin), import, file, sink)?;
    Ok(serde_json::to_value(reply).unwrap()["done"].clone())
}

fn people() -> What {
    What::People(Layout::default())
}

fn tokens() -> What {
    What::Hardware(Hardware {
        format: Format::Csv,
        unsaid: Unsaid::default(),
        key: None,
        weak: false,
    })
}

fn owners() -> What {
    What::Owners(Owners {
        source: Source::Otpauth,
        key: None,
        strip_domain: true,
        weak: false,
    })
}

/// An `otpauth` URI with a seed of its own.
fn uri(user: &str, seed: u8) -> String {
    let secret = base32::encode(&[seed; 20]);
    format!("otpauth://totp/{user}?secret={}\n", secret.expose())
}

fn of(done: &Value, name: &str) -> u64 {
    done["data"][name].as_u64().unwrap()
}

/// What the answer says under a label; nothing if it has no such note.
fn note<'a>(done: &'a Value, label: &str) -> &'a str {
    let mut notes = done["notes"].as_array().unwrap().iter();
    let found = notes.find(|note| note["label"] == label);
    found.map_or("", |note| note["text"].as_str().unwrap())
}

fn users(site: &Site) -> u64 {
    site.ask(Role::Viewer, Query::Seats)["counted"]
        .as_u64()
        .unwrap()
}

#[test]
fn a_name_that_somebody_takes_meanwhile_is_met_alone() {
    let site = Site::start();
    let add = |name: &str, language: Option<&str>| {
        let new = NewUser {
            user: name.to_owned(),
            language: language.map(str::to_owned),
            ..NewUser::default()
        };
        site.change(Role::Admin, Command::UserAdd(new)).unwrap();
    };
    let mut sink = Meddler::new(|| {
        add("b", None);
        add("c", Some("en"));
    });
    let done = import(&site, people(), "a\nb\nc,,,de\nd\n", &mut sink).unwrap();
    assert_eq!(
        (
            of(&done, "written"),
            of(&done, "same"),
            of(&done, "rejected")
        ),
        (2, 1, 1)
    );
    assert_eq!(done["data"]["rows"][0]["code"], "E_EXISTS");
    assert_eq!(done["data"]["rows"][0]["line"], 3);
    drop(sink);
    assert_eq!(users(&site), 4);
}

#[test]
fn a_serial_that_somebody_takes_meanwhile_is_met_alone() {
    let site = Site::start();
    site.add_user("alice", "");
    let mut sink = Meddler::new(|| {
        let new = NewToken {
            serial: Some("FT-2".to_owned()),
            seed: Some(SecretBytes::new(vec![9; 20])),
            trusted: true,
            ..NewToken::of("alice".to_owned(), Otp::HOTP)
        };
        site.change(Role::Operator, Command::TokenAdd(Box::new(new)))
            .unwrap();
    });
    let text: String = (1..=3)
        .map(|at| format!("FT-{at},{at:040x},hotp\n"))
        .collect();
    let done = import(&site, tokens(), &text, &mut sink).unwrap();
    assert_eq!((of(&done, "written"), of(&done, "rejected")), (2, 1));
    assert!(
        done["data"]["rows"][0]["reason"]
            .as_str()
            .unwrap()
            .contains("alice")
    );
}

#[test]
fn seats_are_counted_when_a_file_is_judged_and_again_when_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("state")).unwrap();
    let key = Ok(Secret::new([7; 32]));
    let site = Site::start_in(folder, key, "[seats]\nlimit = 5\n");
    let six: String = (0..6).map(|at| format!("u{at}\n")).collect();
    let done = import(&site, people(), &six, &mut Meddler::new(|| ())).unwrap();
    assert_eq!(
        (of(&done, "written"), of(&done, "rejected"), users(&site)),
        (0, 1, 0)
    );
    assert_eq!(done["data"]["rows"][0]["code"], "E_SEATS");
    // Somebody takes one of the five while the file is on its way.
    let mut sink = Meddler::new(|| site.add_user("quick", ""));
    let done = import(&site, people(), &six[..15], &mut sink).unwrap();
    assert_eq!((of(&done, "written"), of(&done, "rejected")), (4, 1));
    drop(sink);
    assert_eq!(users(&site), 5);
}

#[test]
fn who_stops_waiting_ends_it_between_two_batches() {
    let site = Site::start();
    let many: String = (0..450).map(|at| format!("u{at},,,,,staff\n")).collect();
    let mut sink = Meddler::new(|| ());
    sink.enough = 2;
    let refusal = import(&site, people(), &many, &mut sink).unwrap_err();
    assert_eq!(refusal.code, Code::Busy);
    assert!(refusal.what.contains("100 of 450"), "{}", refusal.what);
    assert_eq!(users(&site), 100);
    let done = import(&site, people(), &many, &mut Meddler::new(|| ())).unwrap();
    assert_eq!(
        (of(&done, "same"), of(&done, "written"), users(&site)),
        (100, 350, 450)
    );
    let log = site.log(Role::Admin, "user.imported");
    let record = |at: usize| &log[at]["record"]["detail"];
    assert_eq!(
        (&record(0)["count"], &record(1)["count"]),
        (&json!(50), &json!(50))
    );
    assert_eq!(record(0)["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(log.len(), 9);
}

fn tokens_of(site: &Site, user: &str) -> Vec<Value> {
    let listed = site.ask(
        Role::Viewer,
        Query::TokenList {
            user: user.to_owned(),
            all: true,
            authenticators: false,
        },
    );
    listed["tokens"].as_array().unwrap().clone()
}

#[test]
fn an_owner_who_comes_or_changes_meanwhile_is_met_alone() {
    let site = Site::start();
    site.add_user("old", "");
    let enrol = |user: &str| {
        let new = NewToken {
            trusted: true,
            ..NewToken::of(user.to_owned(), Otp::TOTP)
        };
        let command = Command::TokenAdd(Box::new(new));
        site.change(Role::Operator, command).unwrap();
    };
    let text = [
        uri("new@x", 1),
        uri("new@y", 2),
        uri("quick@x", 3),
        uri("old@x", 4),
    ]
    .concat();
    let mut sink = Meddler::new(|| {
        site.add_user("quick", "");
        enrol("quick");
        enrol("old");
    });
    let done = import(&site, owners(), &text, &mut sink).unwrap();
    assert_eq!(
        (of(&done, "written"), of(&done, "rejected")),
        (4, 0),
        "{done}"
    );
    drop(sink);
    assert_eq!(users(&site), 3);
    for user in ["new", "quick", "old"] {
        let tokens = tokens_of(&site, user);
        assert_eq!(tokens.len(), 2, "{user}");
        assert!(tokens.iter().all(|token| token["status"] == "registered"));
    }
    let done = import(&site, owners(), &text, &mut Meddler::new(|| ())).unwrap();
    assert_eq!((of(&done, "same"), of(&done, "written")), (4, 0));
}

#[test]
fn owners_take_seats_and_no_more_tokens_than_a_person_may_have() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("state")).unwrap();
    let key = Ok(Secret::new([7; 32]));
    let site = Site::start_in(
        folder,
        key,
        "[seats]\nlimit = 2\n[tokens]\nmax_per_user = 2\n",
    );
    let text: String = [("a", 1), ("a", 2), ("a", 3), ("b", 4), ("c", 5)]
        .map(|(user, seed)| uri(user, seed))
        .concat();
    let done = import(&site, owners(), &text, &mut Meddler::new(|| ())).unwrap();
    let codes: Vec<(u64, &str)> = done["data"]["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["line"].as_u64().unwrap(), row["code"].as_str().unwrap()))
        .collect();
    assert_eq!(codes, [(3, "E_POLICY"), (5, "E_SEATS")]);
    assert_eq!(users(&site), 0);
    // Somebody takes the second seat while the file is on its way.
    let text = [uri("a", 1), uri("a", 2), uri("b", 4)].concat();
    let mut sink = Meddler::new(|| site.add_user("quick", ""));
    let done = import(&site, owners(), &text, &mut sink).unwrap();
    assert_eq!(
        (of(&done, "written"), of(&done, "rejected")),
        (2, 1),
        "{done}"
    );
    assert_eq!(
        note(&done, "types"),
        "2 totp.",
        "what came in, judged twice"
    );
    drop(sink);
    assert_eq!((users(&site), tokens_of(&site, "a").len()), (2, 2));
}

#[test]
fn every_token_of_a_file_has_its_records() {
    let site = Site::start();
    let text = uri("a", 1);
    import(&site, owners(), &text, &mut Meddler::new(|| ())).unwrap();
    let filter = AuditFilter::default();
    let page = page();
    let log = site.ask(Role::Admin, Query::AuditLog { filter, page });
    let events: Vec<&str> = log["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|entry| entry["record"]["event"].as_str())
        .collect();
    for event in [
        "user.added",
        "token.enrolled",
        "token.registered",
        "user.state",
        "token.imported",
    ] {
        assert!(events.contains(&event), "{event}: {events:?}");
    }
    assert!(!log.to_string().contains(base32::encode(&[1; 20]).expose()));
}

/// Stops waiting once it was told that the import waits.
struct Patient {
    waited: bool,
}

impl Sink for Patient {
    fn push(&mut self, reply: Reply) -> Result<(), Ended> {
        let told = serde_json::to_value(reply).unwrap();
        self.waited |= told.to_string().contains("waiting for messages");
        Ok(())
    }

    fn ended(&mut self) -> bool {
        self.waited
    }
}

#[test]
fn what_owners_are_told_drives_out_nobody_elses_message() {
    // Nobody takes the mail: what is told waits.
    let site = Site::start_with_more(
        "[smtp]\nserver = \"127.0.0.1\"\nport = 9\nsecurity = \"none\"\nfrom = \"mfad@example.org\"\n",
    );
    let with_mail = |name: &str| format!("{name},,{name}@example.org\n");
    let text: String = (0..1_100).map(|at| with_mail(&format!("u{at}"))).collect();
    let trusted = What::People(Layout {
        trusted: true,
        ..Layout::default()
    });
    let text = with_mail("victim") + &text;
    import(&site, trusted, &text, &mut Meddler::new(|| ())).unwrap();
    let lock = Command::UserLock {
        user: "victim".to_owned(),
        until: None,
    };
    site.change(Role::Operator, lock).unwrap();
    let list = |at: u64| {
        let mut seed = [9; 20];
        seed[..8].copy_from_slice(&at.to_be_bytes());
        let secret = base32::encode(&seed);
        format!("otpauth://totp/u{at}?secret={}\n", secret.expose())
    };
    let text: String = (0..1_100).map(list).collect();
    let mut sink = Patient { waited: false };
    let refusal = import(&site, owners(), &text, &mut sink).unwrap_err();
    assert!(refusal.what.contains("of 1,100"), "{refusal:?}");
    let log = site.log(Role::Admin, "notify.failed");
    assert_eq!(log, [] as [Value; 0], "somebody's message was dropped");
    let status = site.ask(Role::Viewer, Query::Status);
    assert!(!status["warnings"].to_string().contains("W046"), "{status}");
}

/// What is said of each file of people in `token_files/people`: `MFAD_BLESS=1` writes the list anew.
#[test]
fn every_bad_line_of_people_has_its_reason() {
    let site = Site::start();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/token_files");
    let entries = std::fs::read_dir(folder.join("people")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut text = String::new();
    for path in paths {
        let people = std::fs::read_to_string(&path).unwrap();
        let manner = Manner {
            dry_run: true,
            ..Manner::default()
        };
        let mut sink = Meddler::new(|| ());
        let done = bring(&site, self::people(), &people, manner, &mut sink).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        text += &format!("{name}: {} new\n", of(&done, "new"));
        for row in done["data"]["rows"].as_array().unwrap() {
            let word = |name: &str| row[name].as_str().unwrap().to_owned();
            text += &format!(
                "    line {}: {} {}\n",
                row["line"],
                word("code"),
                word("reason")
            );
        }
    }
    let golden = folder.join("people.txt");
    if std::env::var_os("MFAD_BLESS").is_some() {
        std::fs::write(&golden, &text).unwrap();
    }
    let wanted = std::fs::read_to_string(golden).unwrap_or_default();
    assert!(wanted == text, "wanted:\n{wanted}\ngot:\n{text}");
    assert_eq!(users(&site), 0);
}
