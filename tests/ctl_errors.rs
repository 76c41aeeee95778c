//! What `mfactl` says and with which status it ends, whenever something does not happen.

#[path = "cli/fake.rs"]
mod fake;

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use fake::{Answer, Fake, Run, command, golden};
use mfad::domain::refusal::Code;
use serde_json::{Value, json};

/// A daemon that refuses everything with this.
fn refusing(name: &'static str, parameters: Value) -> Fake {
    Fake::serve(move |_, _| Answer::Error(name, parameters.clone()))
}

#[test]
fn every_code_has_its_form_and_status() {
    let mut text = String::new();
    for code in Code::ALL {
        let fake = refusing(
            code.varlink(),
            json!({
                "code": code.name(),
                "what": "alice stays locked: her PIN is blocked",
                "why": "5 wrong PINs, 2025-11-20T17:40:00.000Z through ocserv",
                "tries": ["mfactl pin unblock alice"],
            }),
        );
        let run = fake.mfactl(&["user", "unlock", "alice"]);
        assert_eq!(run.status, i32::from(code.exit()), "{}", code.name());
        assert_eq!(run.out, "");
        let _ = writeln!(text, "{}", run.text());
        let run = fake.mfactl(&["user", "unlock", "alice", "--json"]);
        let read: Value = serde_json::from_str(&run.out).unwrap();
        assert_eq!(read["error"], format!("org.mfad.{}", code.varlink()));
        assert_eq!(read["code"], code.name());
        let graceful = ["user", "unlock", "alice", "--graceful", code.varlink()];
        assert_eq!(fake.mfactl(&graceful).status, 0);
    }
    golden("errors_daemon", &text);
}

#[test]
fn long_errors_stay_within_the_screen() {
    let fake = refusing(
        "LastToken",
        json!({
            "code": "E_LAST_TOKEN",
            "what": "T-8F3K2 stays enabled: it is the last token alice can log in with, \
                     and that is that \u{1b}[2J",
            "why": "recovery codes do not count as a token, whatever one might think about them",
            "tries": ["mfactl token add alice --type totp --description \
                       \"a new telephone for alice of accounting\""],
            "doing": "ask her", "need": "operator. Here: root and group mfad-operator (carol, dan, and \
                     many others)",
        }),
    );
    let run = fake.mfactl(&["token", "enable", "alice/totp", "-y"]);
    assert!(
        run.err.lines().all(|line| line.chars().count() <= 80),
        "{}",
        run.err
    );
    assert!(!run.err.contains('\u{1b}'));
    golden("error_long", &run.text());
}

#[test]
fn wrong_usage_is_64_and_helps() {
    let fake = Fake::with_replies();
    let lines: &[&[&str]] = &[
        &["user", "unlok", "alice"],
        &["usr", "show", "alice"],
        &["statsu"],
        &["nonsense"],
        &["user", "unlock"],
        &["user", "unlock", "alice", "--forse"],
        &["user", "find", "--lokced"],
        &["user", "find", "--state", "gone"],
        &["user", "find", "--limit", "many"],
        &[
            "passthrough",
            "enable",
            "alice",
            "--for",
            "1month",
            "-r",
            "x",
        ],
        &["user", "lock", "alice", "--until", "soon", "-r", "x"],
        &["user", "lock", "alice"],
        &["token", "delete", "T-8F3K2", "-r", "old phone"],
        &["user", "delete", "alice", "-r", "left"],
        &["user", "delete", "alice", "-r", "left", "--yes"],
        &["token", "test", "alice/totp"],
        &["pin", "reset", "alice", "-y"],
        &["user", "show", "alice", "--format", "csv"],
        &["explain", "W999"],
        &["explain"],
        &["help", "nothing"],
        &["completion", "csh"],
        &[
            "gateway",
            "new",
            "vpn2",
            "--address",
            "192.0.2.20",
            "--kind",
            "toaster",
        ],
    ];
    let mut text = String::new();
    for args in lines {
        let run = fake.mfactl(args);
        assert_eq!(run.status, 64, "{args:?}\n{}", run.err);
        assert!(
            run.err.lines().all(|line| line.chars().count() <= 80),
            "{}",
            run.err
        );
        let _ = write!(text, "$ mfactl {}\n{}\n", args.join(" "), run.text());
    }
    // Whether a code has to be typed or is sent first hangs on the token.
    let changes = |(method, _): &(String, _)| method != "org.mfad.Tokens.Show";
    assert!(!fake.calls().iter().any(changes), "{:?}", fake.calls());
    golden("errors_usage", &text);
}

#[test]
fn a_daemon_that_is_not_there_is_69() {
    let run = Run::of(command(&["status"], 80), "");
    assert_eq!(run.status, 69);
    assert!(run.err.contains("mfad is not running"), "{}", run.err);
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("control");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let mut there = command(&["status"], 80);
    there.env("MFAD_SOCKET", &socket);
    let run = Run::of(there, "");
    assert_eq!(run.status, 69);
    assert!(run.err.contains("nobody listens"), "{}", run.err);
}

#[test]
fn an_older_daemon_is_76() {
    let fake = refusing("MethodNotFound", json!({"method": "org.mfad.Auth.Why"}));
    let run = fake.mfactl(&["why", "alice"]);
    assert_eq!(run.status, 76, "{}", run.err);
    let fake = Fake::serve(|_, _| Answer::Reply(json!({"user": 7})));
    assert_eq!(fake.mfactl(&["why", "alice"]).status, 76);
}

/// A daemon that hangs up on changes and answers the question about them with these records.
fn hanging_up(entries: Value) -> Fake {
    Fake::serve(move |method, _| match method {
        "org.mfad.Audit.Log" => Answer::Reply(json!({"entries": entries})),
        _ => Answer::HangUp,
    })
}

#[test]
fn a_broken_connection_is_asked_about_before_anything_is_said() {
    let record = |result: &str| {
        json!([{"seq": 184_281, "record": {
            "event": "user.unlocked", "result": result, "target": {"user": "alice"},
        }}])
    };
    let fake = hanging_up(record("ok"));
    let run = fake.mfactl(&["user", "unlock", "alice"]);
    assert_eq!(run.status, 0, "{}", run.err);
    assert!(
        run.err
            .contains("connection lost; asking mfad what became of request")
    );
    assert!(
        run.out.contains("it was done") && run.out.contains("audit 184,281"),
        "{}",
        run.out
    );
    let calls = fake.calls();
    assert_eq!(calls[0].1["request"], calls[1].1["request"]);

    for entries in [json!([]), record("refused")] {
        let run = hanging_up(entries).mfactl(&["user", "unlock", "alice"]);
        assert_eq!(run.status, 75);
        assert!(run.err.contains("it was not done"), "{}", run.err);
    }
    let run = Fake::serve(|_, _| Answer::HangUp).mfactl(&["user", "unlock", "alice"]);
    assert_eq!(run.status, 75);
    assert!(run.err.contains("it is not known yet"), "{}", run.err);
    assert!(
        run.err.contains("mfactl audit log --request"),
        "{}",
        run.err
    );
}

#[test]
fn changes_carry_an_id_and_what_was_typed() {
    let fake = Fake::with_replies();
    let run = fake.mfactl(&[
        "passthrough",
        "enable",
        "alice",
        "--for",
        "2d",
        "--gateway",
        "vpn1",
        "--gateway",
        "vpn2",
        "-r",
        "x",
        "--if-revision",
        "88",
        "-q",
    ]);
    assert_eq!((run.out.as_str(), run.status), ("", 0), "{}", run.err);
    let (method, mut sent) = fake.calls().remove(0);
    assert_eq!(method, "org.mfad.Passthrough.Enable");
    let request = sent.as_object_mut().unwrap().remove("request").unwrap();
    assert_eq!(request.as_str().unwrap().len(), 9);
    let typed = json!({
        "user": "alice", "for_s": 172_800, "gateways": ["vpn1", "vpn2"], "reason": "x",
        "if_revision": 88,
    });
    assert_eq!(sent, typed);
}

#[test]
fn heavy_commands_with_yes_are_done_at_once() {
    let fake = Fake::with_replies();
    fake.mfactl(&["token", "delete", "T-8F3K2", "-r", "old", "--yes"]);
    let calls = fake.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].1.get("dry_run"), None);
    fake.mfactl(&["token", "delete", "T-8F3K2", "-r", "old", "-n"]);
    assert_eq!(fake.calls()[1].1["dry_run"], true);
}

#[test]
fn severe_commands_need_the_name() {
    let fake = Fake::serve(|_, _| Answer::Reply(json!({"done": {"message": "gone", "audit": 1}})));
    let delete = ["user", "delete", "alice", "-r", "left", "--yes", "--expect"];
    let with = |name: &'static str| delete.iter().copied().chain([name]).collect::<Vec<_>>();
    assert_eq!(fake.mfactl(&with("bob")).status, 1);
    assert!(fake.calls().is_empty());
    assert_eq!(fake.mfactl(&with("alice")).status, 0);
    assert_eq!(fake.calls().len(), 1);
}

#[test]
fn shows_the_call_instead_of_making_it() {
    let fake = Fake::with_replies();
    let run = fake.mfactl(&["user", "unlock", "o'neil", "--show-call", "-r", "x"]);
    assert_eq!(run.status, 0);
    let ends = r#" org.mfad.Users.Unlock '{"user":"o'\''neil","reason":"x"}'"#;
    assert!(run.out.trim_end().ends_with(ends), "{}", run.out);
    assert!(fake.calls().is_empty());
}

#[test]
fn statuses_tell_yes_from_no() {
    static HEALTH: AtomicUsize = AtomicUsize::new(0);
    let fake = Fake::serve(|method, _| match method {
        "org.mfad.Daemon.Status" => {
            let state = ["serving", "sealed"][HEALTH.fetch_add(1, Ordering::SeqCst)];
            Answer::Reply(json!({"state": state, "verdict": "is X."}))
        }
        "org.mfad.Audit.Verify" => Answer::Reply(json!({
            "result": "damaged", "damage": {"seq": 101_377, "expected": "b2f0", "found": "0000"},
        })),
        _ => Answer::Reply(json!({})),
    });
    assert_eq!(fake.mfactl(&["status"]).status, 0);
    let run = fake.mfactl(&["status", "--nagios"]);
    assert_eq!(run.status, 2);
    assert!(run.out.starts_with("MFAD CRITICAL - sealed"), "{}", run.out);
    let run = Run::of(command(&["status", "--nagios"], 80), "");
    let away = "MFAD CRITICAL - mfad is not running\n";
    assert_eq!((run.out.as_str(), run.status), (away, 2));
    let run = fake.mfactl(&["audit", "verify"]);
    assert_eq!(run.status, 1);
    assert!(
        run.out.starts_with("DAMAGED at record 101,377"),
        "{}",
        run.out
    );
}
