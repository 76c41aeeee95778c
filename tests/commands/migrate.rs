//! Tokens of a type that is out of date, replaced by virtual ones of their addresses: what `mfactl`
//! says, and what is so at the daemon afterwards.

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::daemon::{Daemon, Site};
use crate::common::people::Person;
use crate::common::sink::Sink;
use crate::desk::{Desk, Form, Said, fits};

const ON: &str = "[token_types.sms]\nenabled = true\n[token_types.email]\nenabled = true\n";
const OUT: &str = "[token_types.sms]\nenabled = true\nstatus = \"obsolete\"\n\
                   [token_types.email]\nenabled = true\nstatus = \"obsolete\"\n";
const MIGRATE: [&str; 6] = ["token", "migrate", "--to", "virtual", "--yes", "--json"];

fn adds(daemon: &Daemon, user: &str, person: &Value, token: &Value) {
    let operator = daemon.operator();
    operator.change("Users.Add", user, person);
    operator.change("Tokens.Add", user, token);
}

fn sms(number: &str, trusted: bool) -> Value {
    json!({"kind": "sms", "phone": number, "trusted": trusted, "description": "mobile"})
}

/// The tokens of somebody: kind, status, S3's word, by what and where to.
fn tokens(daemon: &Daemon, user: &str) -> Vec<[String; 5]> {
    let list = daemon
        .operator()
        .call("Tokens.List", &json!({"user": user, "all": true}));
    let word = |token: &Value, name: &str| token[name].as_str().unwrap_or("-").to_owned();
    let row = |token: &Value| ["kind", "status", "s3", "via", "to"].map(|name| word(token, name));
    list["tokens"].as_array().unwrap().iter().map(row).collect()
}

fn migrates(desk: &Desk<'_>, from: &str, more: &[&str]) -> Said {
    desk.mfactl(&[&MIGRATE[..], &["--from", from], more].concat(), "")
}

fn code(sink: &Sink, to: &str) -> String {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let mails = sink.mails();
        let mut brought = mails.iter().filter(|mail| mail.contains(to));
        if let Some(mail) = brought.find(|mail| mail.contains("Your code: ")) {
            let code = mail.split("Your code: ").nth(1).unwrap();
            return code.lines().next().unwrap().to_owned();
        }
        assert!(Instant::now() < end, "{mails:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// People with tokens of a type that is to be withdrawn.
fn people(sink: &Sink) -> Daemon {
    let daemon = Site::with(&[Person::new("zoe")], &format!("{}{ON}", sink.config())).start();
    let phone = |number: &str| json!({"phone": number});
    adds(&daemon, "alice", &json!({}), &sms("+491701234567", true));
    let bob = json!({"kind": "email", "email": "bob@example.org", "trusted": true});
    adds(&daemon, "bob", &json!({"email": "bob@example.org"}), &bob);
    let other = sms("+491719999999", true);
    adds(&daemon, "carol", &phone("+493012345678"), &other);
    let unproven = sms("+491725555555", false);
    adds(&daemon, "dan", &phone("+49 172 5555555"), &unproven);
    daemon
}

/// A dry run says it and changes nothing.
fn would_move_two(desk: &Desk<'_>) {
    let before = desk.store();
    let said = desk.mfactl(
        &["token", "migrate", "--from", "sms", "--to", "virtual", "-n"],
        "",
    );
    assert_eq!(said.status, 1, "{said:#?}");
    fits(&said);
    assert!(said.out.contains("2 people would move"), "{said:#?}");
    assert!(said.out.contains("carol"), "{said:#?}");
    assert!(desk.store() == before, "changed by a dry run");
}

/// The log keeps what was there.
fn the_log_is_whole(daemon: &Daemon) {
    let log = daemon
        .operator()
        .call("Audit.Log", &json!({"user": "alice", "event": "token"}));
    let events = log["entries"].as_array().unwrap().iter();
    let events: Vec<&str> = events
        .filter_map(|entry| entry["record"]["event"].as_str())
        .collect();
    let (deleted, enrolled) = ("token.deleted", "token.enrolled");
    assert!(
        events.contains(&deleted) && events.contains(&enrolled),
        "{events:?}"
    );
    let verified = daemon.operator().call("Audit.Verify", &json!({}));
    assert_eq!(verified["result"], "whole", "{verified}");
}

#[test]
fn obsolete_tokens_are_replaced_by_virtual_ones_of_their_addresses() {
    let sink = Sink::open();
    let daemon = people(&sink);
    let desk = Desk::new(&daemon, Form::Json);

    // The type is withdrawn: its tokens are OBSOLETE, and none is added.
    daemon.site.write_config(&format!("{}{OUT}", sink.config()));
    daemon.operator().call("Daemon.ConfigReload", &json!({}));
    let row = |words: [&str; 5]| words.map(str::to_owned);
    let old = row(["sms", "obsolete", "OBSOLETE", "sms", "+491701234567"]);
    assert_eq!(tokens(&daemon, "alice"), [old]);
    let more = ["--phone", "+491701111111", "--json"];
    let said = desk.mfactl(
        &[&["token", "add", "zoe", "--type", "sms"], &more[..]].concat(),
        "",
    );
    assert!(said.err.contains("E_TYPE"), "{said:#?}");

    would_move_two(&desk);

    // Everybody: whose address fits has a virtual token, proven as the one before; the others are told.
    let before = desk.store();
    for (stated, status) in [(&[][..], 64), (&["--expect", "3"], 1)] {
        let said = migrates(&desk, "sms", stated);
        assert_eq!(said.status, status, "{said:#?}");
        assert!(said.err.contains("--expect 2 if that"), "{said:#?}");
    }
    assert!(desk.store() == before, "changed, and nobody meant it");
    let said = migrates(&desk, "sms", &["--expect", "2"]);
    assert_eq!((said.status, said.err.as_str()), (1, ""), "{said:#?}");
    let data = said.json()["done"]["data"].clone();
    let counts = ["people", "replaced", "left"].map(|name| data[name].as_u64().unwrap());
    assert_eq!(counts, [2, 2, 1], "{data}");
    assert_eq!(
        (&data["rows"][0]["user"], &data["rows"][0]["code"]),
        (&json!("carol"), &json!("E_NOADDR"))
    );
    let new = row(["virtual", "registered", "ACTIVE", "sms", "+491701234567"]);
    assert_eq!(tokens(&daemon, "alice"), [new]);
    let shown = daemon.operator().show("alice");
    assert_eq!(shown["tokens"][0]["description"], "mobile");
    assert_eq!(
        (
            &shown["phones"][0]["address"],
            &shown["phones"][0]["verified"]
        ),
        (&json!("+491701234567"), &json!(true))
    );
    let waits = row(["virtual", "pending", "-", "sms", "+49 172 5555555"]);
    assert_eq!(tokens(&daemon, "dan"), [waits]);
    assert_eq!(tokens(&daemon, "carol")[0][0], "sms");

    // Once more, nothing is done twice; and carol goes along once her main number is that one.
    let said = migrates(&desk, "sms", &[]);
    let data = said.json()["done"]["data"].clone();
    assert_eq!((&data["people"], &data["left"]), (&json!(0), &json!(1)));
    let said = migrates(&desk, "sms", &["--user", "carol"]);
    assert!(said.err.contains("E_NOADDR"), "{said:#?}");
    daemon
        .operator()
        .change("Users.Edit", "carol", &json!({"phone": "+491719999999"}));
    assert_eq!(migrates(&desk, "sms", &["--expect", "1"]).status, 0);
    assert_eq!(
        tokens(&daemon, "carol")[0][..3],
        ["virtual", "registered", "ACTIVE"]
    );
    let said = migrates(&desk, "sms", &[]);
    assert_eq!(said.json()["done"]["unchanged"], true, "{said:#?}");

    // What the new token is sent arrives where the old one's codes did.
    let said = migrates(&desk, "email", &["--user", "bob"]);
    assert_eq!(said.status, 0, "{said:#?}");
    let asked = desk.mfactl(&["token", "test", "bob/virtual", "--json"], "");
    assert_eq!(asked.status, 0, "{asked:#?}");
    let arrived = code(&sink, "bob@example.org");
    let tested = desk.mfactl(&["token", "test", "bob/virtual", &arrived, "--json"], "");
    assert_eq!(tested.status, 0, "{tested:#?}");

    the_log_is_whole(&daemon);
    daemon.stop();
}

/// Messages that wait.
fn waiting(daemon: &Daemon) -> u64 {
    let status = daemon.operator().call("Daemon.Status", &json!({}));
    let mut queues = status["queues"].as_array().unwrap().iter();
    let mail = queues.find(|queue| queue["name"] == "mail").unwrap();
    mail["used"].as_u64().unwrap()
}

#[test]
fn everybody_is_moved_no_faster_than_people_can_be_told_and_ctrl_c_loses_nothing() {
    const PEOPLE: usize = 560;
    // Half of what may wait, and the one who is being told. What waits is counted behind the commit, so
    // one or two more may come in between.
    const MOST: u64 = 501;
    const LATE: u64 = 2;
    let daemon = Site::with(&[Person::new("zoe")], ON).start();
    let operator = daemon.operator();
    for at in 0..PEOPLE {
        let (user, email) = (format!("u{at:03}"), format!("u{at:03}@example.org"));
        operator.change(
            "Users.Add",
            &user,
            &json!({"email": email, "trusted": true}),
        );
        let token = json!({"kind": "email", "email": email, "trusted": true});
        operator.change("Tokens.Add", &user, &token);
    }
    // A server that listens and says nothing: what people are told stays here.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    daemon
        .site
        .write_config(&format!("{}{ON}", Sink::config_at(port)));
    let daemon = daemon.stop().start();
    let mfactl = Command::new(env!("CARGO_BIN_EXE_mfactl"))
        .args(&MIGRATE[..5])
        .args(["--from", "email", "--expect", "560"])
        .env("MFAD_SOCKET", daemon.site.path("control"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    while waiting(&daemon) < MOST {
        assert!(Instant::now() < end, "{} wait", waiting(&daemon));
        std::thread::sleep(Duration::from_millis(20));
    }
    let pid = nix::unistd::Pid::from_raw(mfactl.id().try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let said = mfactl.wait_with_output().unwrap();
    let told = String::from_utf8(said.stderr).unwrap();
    assert_eq!(said.status.code(), Some(130), "{told}");
    assert!(told.contains("stopped after 500 of 560"), "{told}");
    assert!(waiting(&daemon) <= MOST + LATE, "{}", waiting(&daemon));

    // The server speaks again: the others follow, and everybody is told once.
    let sink = Sink::at(silent);
    let desk = Desk::new(&daemon, Form::Json);
    let rest = migrates(&desk, "email", &["--dry-run"]);
    let rest = rest.json()["done"]["data"]["people"].to_string();
    let said = migrates(&desk, "email", &["--expect", &rest]);
    assert_eq!(said.status, 0, "{said:#?}");
    let done = &said.json()["done"]["data"];
    let moved = PEOPLE as u64 - done["people"].as_u64().unwrap();
    assert!((MOST..=MOST + LATE).contains(&moved), "{done}");
    sink.wait(PEOPLE);
    let mails = sink.mails();
    let mut told: Vec<&str> = mails
        .iter()
        .filter_map(|mail| mail.lines().find(|line| line.starts_with("To: ")))
        .collect();
    told.sort_unstable();
    told.dedup();
    assert_eq!((told.len(), mails.len()), (PEOPLE, PEOPLE));
    daemon.stop();
}
