//! Secrets go in by prompt, pipe or file and come out on the terminal, in a file of one's own, or
//! where they were asked for by name; and nowhere else.
//!
//! What needs a terminal runs under `script(1)` and is left out, saying so, where there is none.

#[path = "cli/fake.rs"]
mod fake;
#[path = "common/terminal.rs"]
mod terminal;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use fake::{Answer, Fake, command};
use serde_json::{Value, json};
use terminal::OnTerminal;

const URI: &str = "otpauth://totp/mfad:alice?secret=KVKFKRCPNZQUYMLXOVYDSQKJKZDTSRLD&issuer=mfad";

const CODE: &str = "7KQ2M-X9VTD";

/// A daemon that makes secrets, and takes the code 287082.
fn maker() -> Fake {
    Fake::serve(|method, parameters| match method {
        "org.mfad.Tokens.Add" | "org.mfad.Tokens.EnrollQr" => Answer::Reply(json!({"done": {
            "audit": 184_240, "message": "T-9C2VR for alice: totp, 6 digits, 30 s, pending.",
            "user": "alice", "token": "T-9C2VR",
            "reveal": {"kind": "otpauth_uri", "text": URI},
        }})),
        "org.mfad.Tokens.Confirm" if parameters["code"] == "287082" => {
            Answer::Reply(json!({"done": {
                "audit": 184_241, "message": "T-9C2VR proven and REGISTERED.", "token": "T-9C2VR",
            }}))
        }
        "org.mfad.Tokens.Confirm" => Answer::Error(
            "Otp",
            json!({"code": "E_OTP", "what": "that code does not fit"}),
        ),
        "org.mfad.Pins.Reset" | "org.mfad.Tokens.RecoveryIssue" => {
            let dry = parameters["dry_run"] == true;
            let reveal = (!dry && parameters.get("pin").is_none())
                .then(|| json!({"kind": "pin", "text": "402817"}));
            Answer::Reply(json!({"done": {
                "audit": 7, "message": "PIN saved.", "reveal": reveal, "dry_run": dry,
            }}))
        }
        "org.mfad.Pins.EmergencyVerify" => {
            let asked = json!(["First pet?", "First street?"]);
            let asked = parameters.get("answers").is_none().then_some(asked);
            Answer::Reply(json!({"done": {
                "audit": 9, "message": "asked.", "data": {"questions": asked},
            }}))
        }
        "org.mfad.Users.Add" => {
            let (dry, coded) = (
                parameters["dry_run"] == true,
                parameters["auth_code"] == true,
            );
            let missing = !coded && parameters["user"] != "here";
            let data = if missing {
                json!({"auth_code_missing": true})
            } else {
                json!({})
            };
            let reveal = (coded && !dry).then(|| json!({"kind": "auth_code", "text": CODE}));
            Answer::Reply(json!({"done": {
                "audit": 10, "message": "dora added.", "data": data, "reveal": reveal, "dry_run": dry,
            }}))
        }
        _ => Answer::Reply(json!({"done": {"audit": 8, "message": "done."}})),
    })
}

#[test]
fn nothing_is_made_that_could_not_be_shown() {
    let fake = maker();
    let lines: &[&[&str]] = &[
        &["token", "add", "alice", "--type", "totp"],
        &["token", "add", "alice", "--type", "totp", "--json"],
        &["enroll", "qr", "alice"],
        &["recovery", "issue", "alice"],
        &["pin", "reset", "alice", "--generate", "-y"],
        &["password", "set", "alice", "--generate", "-y", "--json"],
    ];
    for args in lines {
        let run = fake.mfactl(args);
        assert_eq!(run.status, 64, "{args:?} {}", run.err);
        assert!(run.err.contains("--to-stdout"), "{}", run.err);
    }
    assert!(fake.calls().is_empty());
}

#[test]
fn comes_out_where_it_was_asked_for_by_name() {
    let fake = maker();
    let run = fake.mfactl(&["token", "add", "alice", "--type", "totp", "--to-stdout"]);
    assert_eq!(run.out.lines().next(), Some(URI));
    let run = fake.mfactl(&[
        "token",
        "add",
        "alice",
        "--type",
        "totp",
        "--to-stdout",
        "--json",
    ]);
    let read: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(read["done"]["reveal"]["text"], URI);
    let png = fake.folder().join("alice.png");
    let with_png = [
        "enroll",
        "qr",
        "alice",
        "--json",
        "--png",
        png.to_str().unwrap(),
    ];
    let run = fake.mfactl(&with_png);
    assert_eq!(run.status, 0, "{}", run.err);
    assert!(!run.out.contains("KVKF"), "{}", run.out);
    assert!(fs::read(&png).unwrap().starts_with(b"\x89PNG"));
    assert_eq!(fs::metadata(&png).unwrap().mode() & 0o777, 0o600);
    let before = fake.calls().len();
    assert_eq!(fake.mfactl(&with_png).status, 73, "never overwritten");
    assert_eq!(fake.calls().len(), before);
    assert_eq!(fake.calls()[before - 1].1["channel"], "png");
    let svg = fake.folder().join("alice.svg");
    fake.mfactl(&["enroll", "qr", "alice", "--svg", svg.to_str().unwrap()]);
    assert!(fs::read_to_string(&svg).unwrap().starts_with("<svg"));
}

#[test]
fn goes_in_by_pipe_or_file_of_ones_own() {
    let fake = maker();
    let reset = ["pin", "reset", "alice", "-y", "--stdin"];
    let run = fake.run(&reset, 80, &[], "402817\n");
    assert_eq!(run.status, 0, "{}", run.err);
    assert_eq!(fake.calls()[0].1["pin"], "402817");
    let run = fake.run(&reset, 80, &[], "");
    assert_eq!(run.status, 64, "{}", run.err);
    let path = fake.folder().join("pin");
    fs::write(&path, "733911\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let from_file = [
        "pin",
        "reset",
        "alice",
        "-y",
        "--file",
        path.to_str().unwrap(),
    ];
    let run = fake.mfactl(&from_file);
    assert_eq!(run.status, 66);
    assert!(run.err.contains("others can read it"), "{}", run.err);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(fake.mfactl(&from_file).status, 0);
    assert_eq!(fake.calls()[1].1["pin"], "733911");
}

#[test]
fn a_seed_in_the_arguments_is_warned_of() {
    let fake = maker();
    let run = fake.mfactl(&[
        "token",
        "add",
        "alice",
        "--type",
        "totp",
        "JBSWY3DPEHPK3PXP",
    ]);
    assert!(
        run.err
            .contains("that seed is now in your shell history; it was not used")
    );
    assert_eq!(run.status, 64);
    assert!(fake.calls().is_empty());
}

#[test]
fn a_new_gateway_gets_files_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let new = [
        "gateway",
        "new",
        "vpn2",
        "--address",
        "192.0.2.20",
        "--kind",
        "ocserv",
        "--dir",
        dir,
    ];
    let run = fake::Run::of(command(&new, 80), "");
    assert_eq!(run.status, 0, "{}", run.err);
    assert!(
        run.out.contains("from the vendor's manual, not tested"),
        "{}",
        run.out
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let write: Vec<&str> = new.iter().copied().chain(["--write"]).collect();
    let run = fake::Run::of(command(&write, 80), "");
    assert_eq!(run.status, 0, "{}", run.err);
    let secret = fs::read_to_string(folder.path().join("vpn2.secret")).unwrap();
    assert!(run.out.contains(secret.trim()));
    let mode = fs::metadata(folder.path().join("vpn2.secret"))
        .unwrap()
        .mode();
    assert_eq!(mode & 0o777, 0o640);
    let stanza = fs::read_to_string(folder.path().join("vpn2.toml")).unwrap();
    assert!(stanza.contains("[gateway.vpn2]\n"));
    assert_eq!(fake::Run::of(command(&write, 80), "").status, 73);
}

#[test]
fn a_token_is_added_shown_and_proven() {
    let fake = maker();
    let Some(mut run) = OnTerminal::start(&fake.socket(), "token add alice --type totp") else {
        return;
    };
    run.answer("Code the app shows now", "111 111\r");
    run.answer("2 tries left", "");
    run.answer("cancel and delete): ", "287 082\r");
    let (seen, status) = run.end();
    assert_eq!(status, 0, "{seen}");
    let (before, after) = seen.split_once("\u{1b}[?1049h").unwrap();
    let (secret, after) = after
        .split_once("\u{1b}[2J\u{1b}[3J\u{1b}[H\u{1b}[?1049l")
        .unwrap();
    assert!(before.contains("T-9C2VR for alice"));
    assert!(secret.contains("▀") && secret.contains("\u{1b}[38;2;0;0;0;48;2;255;255;255m"));
    assert!(after.contains("proven and REGISTERED"), "{after}");
    assert!(
        !seen.contains("KVKF"),
        "the seed is not shown as text unless asked for"
    );
}

#[test]
fn a_cancelled_token_is_deleted() {
    let fake = maker();
    let Some(mut run) = OnTerminal::start(&fake.socket(), "token add alice --type totp") else {
        return;
    };
    run.answer("cancel and delete): ", "\u{3}");
    let (seen, status) = run.end();
    assert_eq!(status, 1, "{seen}");
    let last = fake.calls().pop().unwrap();
    assert_eq!(
        (last.0.as_str(), &last.1["token"]),
        ("org.mfad.Tokens.Delete", &json!("T-9C2VR"))
    );
}

#[test]
fn a_pin_is_asked_for_twice_without_echo() {
    let fake = maker();
    let Some(mut run) = OnTerminal::start(&fake.socket(), "pin reset alice") else {
        return;
    };
    run.answer("New PIN: ", "733x\u{7f}911\r");
    run.answer("again: ", "733911\r");
    run.answer("Go on? [y/N] ", "y\r");
    let (seen, status) = run.end();
    assert_eq!(status, 0, "{seen}");
    assert!(!seen.contains("733"), "{seen}");
    let calls = fake.calls();
    assert_eq!(calls[0].1["dry_run"], true);
    assert_eq!(calls[1].1["pin"], "733911");
    assert_eq!(calls[1].1.get("dry_run"), None);
}

#[test]
fn questions_are_set_with_answers_that_nobody_sees() {
    let fake = maker();
    let Some(mut run) = OnTerminal::start(&fake.socket(), "emergency set alice") else {
        return;
    };
    for (number, (question, answer)) in [
        ("First pet?", "Rex"),
        ("First street?", "Elm Road"),
        ("First teacher?", "Mrs Hull"),
    ]
    .into_iter()
    .enumerate()
    {
        run.answer(
            &format!("Question {}: ", number + 1),
            &format!("{question}\r"),
        );
        run.answer("Its answer: ", &format!("{answer}\r"));
        run.answer("The same answer again: ", &format!("{answer}\r"));
    }
    run.answer("Question 4 (Enter if that is all): ", "\r");
    let (seen, status) = run.end();
    assert_eq!(status, 0, "{seen}");
    for answer in ["Rex", "Elm", "Hull"] {
        assert!(!seen.contains(answer), "{seen}");
    }
    let calls = fake.calls();
    let asked = json!(["First pet?", "First street?", "First teacher?"]);
    assert_eq!(calls[0].1["questions"], asked);
    assert_eq!(calls[0].1["answers"], "Rex\nElm Road\nMrs Hull\n");
}

#[test]
fn the_help_desk_types_what_a_person_answers() {
    let fake = maker();
    let Some(mut run) = OnTerminal::start(&fake.socket(), "emergency verify alice") else {
        return;
    };
    run.answer("First pet? ", "Rex\r");
    run.answer("First street? ", "Elm Road\r");
    let (seen, status) = run.end();
    assert_eq!(status, 0, "{seen}");
    assert!(!seen.contains("Rex") && !seen.contains("Elm"), "{seen}");
    let calls = fake.calls();
    assert_eq!(calls[0].1.get("answers"), None);
    assert_eq!(calls[1].1["answers"], "Rex\nElm Road\n");
    let run = fake.run(&["emergency", "verify", "alice"], 80, &[], "");
    assert_eq!(run.status, 64, "{}", run.err);
    assert_eq!(fake.calls().len(), 2, "nobody is asked for nothing");
    let set = ["emergency", "set", "alice", "--stdin"];
    let run = fake.run(&set, 80, &[], "First pet?\nRex\nFirst street?\n");
    assert_eq!(run.status, 64, "{}", run.err);
    assert_eq!(fake.calls().len(), 2);
}

#[test]
fn declining_changes_nothing() {
    let fake = maker();
    for (typed, status) in [("n\r", 1), ("\r", 1), ("\u{3}", 130)] {
        let before = fake.calls().len();
        let line = "token delete T-8F3K2 -r old";
        let Some(mut run) = OnTerminal::start(&fake.socket(), line) else {
            return;
        };
        run.answer("Go on? [y/N] ", typed);
        let (seen, ended) = run.end();
        assert_eq!(ended, status, "{seen}");
        assert!(seen.contains("nothing changed"), "{seen}");
        assert!(
            fake.calls()[before..]
                .iter()
                .all(|call| call.1["dry_run"] == true)
        );
    }
    let Some(mut run) = OnTerminal::start(&fake.socket(), "user delete alice -r left") else {
        return;
    };
    run.answer("Type alice to go on: ", "alicia\r");
    assert_eq!(run.end().1, 1);
}

/// R26: what a change leaves to be asked for is handed out with it, where somebody can read it.
#[test]
fn an_auth_code_that_is_missing_is_shown_with_the_change() {
    let fake = maker();
    let shown = fake.mfactl(&["user", "add", "dora", "--to-stdout"]);
    let both = shown.out.contains(CODE) && shown.out.contains("dora added.");
    assert!(both, "{shown:?}");
    let calls = fake.calls();
    assert_eq!(calls.len(), 2, "judged first");
    assert_eq!(calls[0].1["dry_run"], true);
    assert_eq!(calls[1].1["auth_code"], true);

    for args in [
        &["user", "add", "dora", "--to-stdout", "--no-code"][..],
        &["user", "add", "here", "--to-stdout"],
        &["user", "add", "dora"],
    ] {
        let fake = maker();
        let run = fake.mfactl(args);
        assert!(run.status == 0 && !run.out.contains(CODE), "{run:?}");
        let last = fake.calls().pop().unwrap().1;
        assert_eq!(last.get("auth_code"), None, "{args:?}");
    }
}

#[test]
fn on_a_terminal_it_is_wiped_again() {
    let fake = maker();
    let Some(mut run) = OnTerminal::start(&fake.socket(), "user add dora") else {
        return;
    };
    run.answer("Enter wipes this screen. ", "\r");
    let (seen, status) = run.end();
    assert_eq!(status, 0, "{seen}");
    let (shown, after) = seen.split_once("\u{1b}[?1049l").unwrap();
    assert!(shown.contains(CODE), "{shown}");
    assert!(
        after.contains("dora added.") && !after.contains(CODE),
        "{after}"
    );
}
