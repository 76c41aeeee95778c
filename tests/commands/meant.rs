//! Imports that change people who are here, and migrations of many: their number is typed, or stated by
//! a script, and mfad refuses if it would be another one by the time it is done.

use serde_json::{Value, json};

use crate::common::daemon::{Daemon, Site};
use crate::common::people::Person;
use crate::common::terminal::OnTerminal;
use crate::desk::{Desk, Form, Said};
use crate::imports::{data, file};
use crate::owners::{tokens_of, uri};

/// What is asked on a terminal.
const QUESTION: &str = "This cannot be undone. Type 2 to go on: ";

/// A file that changes alice and bob, and adds carol.
fn list(daemon: &Daemon) -> String {
    let text = ["alice", "bob", "bob", "carol"].iter().zip(1..);
    let text: String = text.map(|(user, seed)| uri(user, &[seed; 20], 0)).collect();
    file(daemon, "list.txt", &text)
}

/// Another file of bob's, and what is in it.
fn more(daemon: &Daemon, user: &str) {
    let operator = daemon.operator();
    let text = uri(user, &[9; 20], 0);
    operator.import(&text, "Users.Import", &json!({"source": "otpauth"}));
}

fn import(desk: &Desk<'_>, path: &str, more: &[&str]) -> Said {
    let words = ["user", "import", path, "--from", "otpauth", "--json"];
    desk.mfactl(&[&words[..], more].concat(), "")
}

fn there(daemon: &Daemon) -> [usize; 2] {
    ["alice", "bob"].map(|user| tokens_of(daemon, user).len())
}

fn knows(daemon: &Daemon, user: &str) -> bool {
    let found = daemon.operator().call("Users.Find", &json!({"text": user}));
    !found["rows"].as_array().unwrap().is_empty()
}

#[test]
fn scripts_state_how_many_people_an_import_changes() {
    let daemon = Site::new(&[Person::new("alice"), Person::new("bob")]).start();
    let desk = Desk::new(&daemon, Form::Json);
    let path = list(&daemon);
    let dry = import(&desk, &path, &["--dry-run"]);
    assert_eq!(data(&dry)["changed"], 2, "{dry:#?}");
    assert!(dry.out.contains("scripts state --expect 2"), "{dry:#?}");
    let before = there(&daemon);
    for (stated, status) in [
        (&["--yes"][..], 64),
        (&["--yes", "--expect", "3"], 1),
        (&["--yes", "--expect", "alice"], 64),
        (&[], 64),
    ] {
        let said = import(&desk, &path, stated);
        assert_eq!(said.status, status, "{said:#?}");
        assert!(said.out.contains("nothing changed"), "{said:#?}");
        assert_eq!((there(&daemon), knows(&daemon, "carol")), (before, false));
    }
    let said = import(&desk, &path, &["--yes"]);
    assert!(
        said.out.contains("--yes --expect 2 if that is meant"),
        "{said:#?}"
    );
    let said = import(&desk, &path, &["--yes", "--expect", "2"]);
    assert_eq!(
        (said.status, &data(&said)["changed"]),
        (0, &json!(2)),
        "{said:#?}"
    );
    assert_eq!(there(&daemon), [before[0] + 1, before[1] + 2]);
    // Once more it is about nobody, and newcomers alone want no number.
    let said = import(&desk, &path, &["--yes", "--expect", "2"]);
    assert_eq!(
        (said.status, &data(&said)["same"]),
        (0, &json!(4)),
        "{said:#?}"
    );
    let new = file(&daemon, "new.txt", &uri("dave", &[7; 20], 0));
    let said = import(&desk, &new, &["--yes"]);
    assert_eq!(
        (said.status, &data(&said)["changed"]),
        (0, &json!(0)),
        "{said:#?}"
    );
    daemon.stop();
}

#[test]
fn people_type_how_many_an_import_changes_and_it_has_to_be_so_still() {
    let daemon = Site::new(&[Person::new("alice"), Person::new("bob")]).start();
    let path = list(&daemon);
    let socket = daemon.site.path("control");
    let before = there(&daemon);
    let start = || OnTerminal::start(&socket, &format!("user import {path} --from otpauth"));
    for typed in ["3\r", "y\r", "\r"] {
        let Some(mut run) = start() else { return };
        run.answer(QUESTION, typed);
        let (seen, status) = run.end();
        assert_eq!(status, 1, "{seen}");
        assert!(seen.contains("declined; nothing changed"), "{seen}");
    }
    assert_eq!((there(&daemon), knows(&daemon, "carol")), (before, false));
    // Somebody adds carol while the question stands: then it would change three.
    let Some(mut run) = start() else { return };
    run.answer(QUESTION.trim_end_matches(": "), "");
    more(&daemon, "carol");
    run.answer(": ", "2\r");
    let (seen, status) = run.end();
    assert_eq!(status, 1, "{seen}");
    let refused = seen.split_whitespace().collect::<Vec<_>>().join(" ");
    let told = "3 people who are here would be changed, and 2 were expected; nothing changed";
    assert!(refused.contains(told), "{seen}");
    assert_eq!(
        (there(&daemon), tokens_of(&daemon, "carol").len()),
        (before, 1)
    );
    let Some(mut run) = start() else { return };
    run.answer(&QUESTION.replace('2', "3"), "3\r");
    let (seen, status) = run.end();
    assert_eq!(status, 0, "{seen}");
    assert_eq!(there(&daemon), [before[0] + 1, before[1] + 2]);
    daemon.stop();
}

#[test]
fn counters_of_peoples_devices_are_counted_by_owner() {
    let daemon = Site::new(&[Person::new("alice")]).start();
    let desk = Desk::new(&daemon, Form::Json);
    let path = |counter: u64| {
        let line = |at: u64| format!("FT-{at},{at:040x},hotp,6,{counter}\n");
        file(
            &daemon,
            "vendor.csv",
            &(1..=3).map(line).collect::<String>(),
        )
    };
    let import = |path: &str, more: &[&str]| {
        desk.mfactl(
            &[&["hw", "import", path, "--yes", "--json"], more].concat(),
            "",
        )
    };
    assert_eq!(import(&path(0), &[]).status, 0);
    let add = [
        "token",
        "add",
        "alice",
        "--type",
        "hotp",
        "--trusted",
        "--serial",
    ];
    for serial in ["FT-1", "FT-2"] {
        let said = desk.mfactl(&[&add[..], &[serial]].concat(), "");
        assert_eq!(said.status, 0, "{said:#?}");
    }
    let later = path(9);
    let said = import(&later, &[]);
    assert_eq!(said.status, 64, "{said:#?}");
    assert!(
        said.out.contains("1 person who is here would be"),
        "{said:#?}"
    );
    let said = import(&later, &["--expect", "1"]);
    let told: [&Value; 2] = [&data(&said)["ahead"], &data(&said)["changed"]];
    assert_eq!(told, [&json!(3), &json!(1)], "{said:#?}");
    daemon.stop();
}
