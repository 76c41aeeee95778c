//! The walk-throughs of `mfactl help`, command by command at the built daemon: whoever follows them
//! meets no refusal.

use serde_json::Value;

use crate::common::daemon::{Daemon, Site};
use crate::common::people::{Person, app};
use crate::common::sink::Sink;
use crate::desk::{Desk, Form, Said};

/// What stands for the words in capitals.
fn filled(word: &str, token: &str) -> String {
    let word = match word {
        "USER" => "dora",
        "ADDRESS" => "dora@example.org",
        "G" => "gw-none",
        "T" => token,
        "TEXT" => "a test",
        word => word,
    };
    word.to_owned()
}

/// The commands of a walk-through, in their order, as lists of words.
fn commands(help: &str) -> Vec<Vec<String>> {
    let line = |line: &str| {
        let (_, command) = line.split_once("mfactl ")?;
        let command = command.split("  ").next()?;
        // Every other piece between quotes is one word.
        let pieces = command.split('"').enumerate();
        let words = pieces.flat_map(|(at, piece)| match at % 2 {
            1 => vec![piece.to_owned()],
            _ => piece.split_whitespace().map(str::to_owned).collect(),
        });
        Some(words.collect())
    };
    help.lines().filter_map(line).collect()
}

/// Runs one of them as somebody without a terminal.
fn step(desk: &Desk<'_>, words: &[String]) -> Said {
    let mut line: Vec<&str> = words.iter().map(String::as_str).collect();
    // What would go on for ever, or ask.
    line.retain(|word| *word != "--follow");
    let help = desk.mfactl(&[line[0], line[1], "-h"], "").out;
    if help.contains("--dry-run") {
        line.push("--yes");
    }
    if help.contains("--to-stdout") {
        line.push("--to-stdout");
    }
    let said = desk.mfactl(&line, "");
    assert_eq!(said.status, 0, "{said:#?}");
    said
}

/// Follows a walk-through to its end; who adds a token types its first code.
fn follow(daemon: &Daemon, name: &str, after: impl Fn(&[String])) {
    let desk = Desk::new(daemon, Form::People);
    let help = desk.mfactl(&["help", name], "");
    let all = commands(&help.out);
    assert!(all.len() >= 7, "{all:?}");
    for words in all {
        let shown = (words[0] != "user").then(|| live(daemon));
        let token = shown.flatten().unwrap_or_default();
        let words: Vec<String> = words.iter().map(|word| filled(word, &token)).collect();
        let said = step(&desk, &words);
        if words[..2] == ["token", "add"] {
            let secret = said.out.split("secret=").nth(1).unwrap();
            let code = app(secret.split(['&', '\n']).next().unwrap());
            step(
                &desk,
                &["token", "confirm", "dora/totp", &code].map(str::to_owned),
            );
        }
        after(&words);
    }
}

/// The token that can be used.
fn live(daemon: &Daemon) -> Option<String> {
    let shown = daemon.operator().show("dora");
    let tokens = shown["tokens"].as_array().unwrap().iter();
    let mut live = tokens.filter(|it| it["kind"] == "totp" && it["status"] == "registered");
    Some(live.next()?["id"].as_str().unwrap().to_owned())
}

fn site(people: &[Person], sink: &Sink) -> Daemon {
    let pages = "\n[web]\nbase_url = \"https://mfa.example.org\"\n";
    Site::with(people, &format!("{}{pages}", sink.config())).start()
}

#[test]
fn somebody_new_comes_to_a_token() {
    let sink = Sink::open();
    let daemon = site(&[], &sink);
    follow(&daemon, "new-user", |words| {
        if words[..2] == ["enroll", "email"] {
            sink.wait(1);
        }
    });
    let shown = daemon.operator().show("dora");
    assert_eq!(shown["state"], "Steady State", "{shown:#}");
    assert!(live(&daemon).is_some(), "{shown:#}");
    daemon.stop();
}

/// She has the one token: what can be done without it must do.
#[test]
fn a_lost_phone_is_replaced() {
    let sink = Sink::open();
    let dora = Person::new("dora").with_totp();
    let daemon = site(&[dora], &sink);
    let operator = daemon.operator();
    let contact = serde_json::json!({"email": "dora@example.org", "trusted": true});
    operator.change("Users.Edit", "dora", &contact);
    let state = |of: &Value| of["state"].as_str().unwrap().to_owned();
    follow(&daemon, "lost-phone", |words| {
        let shown = daemon.operator().show("dora");
        match (words[0].as_str(), words[1].as_str()) {
            ("user", "set-state") => {
                assert_eq!(state(&shown), "Replace Credential");
                assert!(shown["next_sign_in"].is_string(), "{shown:#}");
            }
            ("token", "add") => assert_eq!(state(&shown), "Steady State"),
            ("token", "reset-secret") => assert!(shown["rekey"].is_object(), "{shown:#}"),
            _ => {}
        }
    });
    daemon.stop();
}
