//! Every screen of `mfactl` against its golden file, at 60, 80 and 120 columns and as JSON.
//!
//! The daemon is a table of replies, so these tests prove how an answer looks and nothing about the
//! rules. `MFAD_BLESS=1 cargo test --test ctl_screens` writes the files anew.

#[path = "cli/fake.rs"]
mod fake;

use std::fmt::Write as _;

use fake::{Answer, Fake, command, golden};
use mfad::control::method::Method;
use mfad::domain::action::Action;
use serde_json::{Value, json};

/// Name of the golden file, and the command.
const SCREENS: &[(&str, &[&str])] = &[
    ("why", &["why", "alice"]),
    ("why_waiting", &["why", "walter"]),
    (
        "auth_explain",
        &["auth", "explain", "alice", "--gateway", "vpn1"],
    ),
    ("auth_log", &["auth", "log"]),
    ("auth_log_stages", &["auth", "log", "alice", "--stages"]),
    ("auth_show", &["auth", "show", "a-5KQ2Z"]),
    ("lock_show", &["lock", "show", "alice"]),
    ("lock_show_waiting", &["lock", "show", "walter"]),
    ("gateway_list", &["gateway"]),
    ("gateway_show", &["gateway", "show", "vpn2"]),
    ("user_show", &["user", "show", "alice"]),
    ("user_show_waiting", &["user", "show", "walter"]),
    ("user_find", &["user", "find", "a"]),
    (
        "user_find_columns",
        &[
            "user",
            "find",
            "a",
            "--columns",
            "user,lock.since,unlocked.by,revision",
            "--sort",
            "revision",
        ],
    ),
    ("user_find_locked", &["user", "find", "--locked"]),
    ("user_find_waiting", &["user", "find", "--waiting"]),
    ("user_unlock", &["user", "unlock", "alice"]),
    (
        "user_set_state",
        &["user", "set-state", "alice", "steady", "-r", "x", "-y"],
    ),
    ("set_list", &["set"]),
    ("set_show", &["set", "show", "staff"]),
    ("token_list", &["token", "list", "alice"]),
    ("token_list_labels", &["token", "list", "dora"]),
    (
        "token_authenticators",
        &["token", "list", "alice", "--view", "authenticators"],
    ),
    ("token_find", &["token", "find", "--expiring", "30d"]),
    ("token_show", &["token", "show", "alice/totp"]),
    (
        "token_delete_dry",
        &["token", "delete", "alice/totp", "-r", "old", "-n"],
    ),
    ("hw_list", &["hw"]),
    ("passthrough_list", &["passthrough"]),
    ("passthrough_uses", &["passthrough", "uses", "alice"]),
    (
        "passthrough_enable",
        &[
            "passthrough",
            "enable",
            "alice",
            "--for",
            "2d",
            "-r",
            "phone in repair",
        ],
    ),
    ("dialogue_list", &["dialogue"]),
    ("device_auth_status", &["device-auth", "status", "alice"]),
    ("enroll_email", &["enroll", "email", "dora"]),
    ("enroll_email_refused", &["enroll", "email", "bert"]),
    (
        "enroll_email_waiting",
        &["enroll", "email", "carl", "--wait", "0"],
    ),
    (
        "enroll_email_no_wait",
        &["enroll", "email", "bert", "--no-wait"],
    ),
    ("notify_list", &["notify", "list", "alice"]),
    ("notify_test", &["notify", "test"]),
    ("audit_log", &["audit"]),
    ("audit_verify", &["audit", "verify"]),
    (
        "audit_archive",
        &[
            "audit",
            "archive",
            "--before",
            "2025-01-01",
            "--yes",
            "--expect",
            "2025-01-01",
        ],
    ),
    ("status", &["status"]),
    ("whoami", &["whoami"]),
    ("whoami_can", &["whoami", "--can", "token delete"]),
    ("seats", &["seats"]),
    ("backup", &["backup", "x"]),
    ("config_check", &["config", "check"]),
    ("config_diff", &["config", "diff"]),
    (
        "config_get",
        &["config", "get", "lockout.user.max_failures"],
    ),
];

#[test]
fn screens_are_as_they_were() {
    let fake = Fake::with_replies();
    for (name, args) in SCREENS {
        let mut text = String::new();
        for columns in [60, 80, 120] {
            let run = fake.run(args, columns, &[], "");
            let typed = args.join(" ");
            let _ = write!(text, "$ COLUMNS={columns} mfactl {typed}\n{}\n", run.text());
            for line in run.out.lines() {
                let long = line.chars().count() > columns;
                assert!(
                    !long || line.starts_with("  hash"),
                    "{name} {columns}: {line}"
                );
            }
            assert!(!run.out.contains('\u{1b}'), "{name}");
        }
        let with_json: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let run = fake.mfactl(&with_json);
        let _ = write!(text, "$ mfactl {} --json\n{}", args.join(" "), run.text());
        golden(name, &text);
    }
}

#[test]
fn json_is_what_the_daemon_said() {
    let fake = Fake::with_replies();
    let all: Value = serde_json::from_str(include_str!("cli/replies.json")).unwrap();
    let run = fake.mfactl(&["user", "show", "alice", "--json"]);
    let read: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(read, all["org.mfad.Users.Show"]);
    let run = fake.mfactl(&["user", "find", "--locked", "--json"]);
    let rows: Vec<Value> = run
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(Value::from(rows), all["org.mfad.Users.Find"]["rows"]);
}

#[test]
fn colour_is_only_added() {
    let fake = Fake::with_replies();
    for (name, args) in SCREENS {
        let plain = fake.run(args, 80, &[("NO_COLOR", "1")], "");
        let always: Vec<&str> = args.iter().copied().chain(["--color", "always"]).collect();
        let coloured = fake.run(&always, 80, &[], "");
        let stripped = coloured
            .out
            .replace("\u{1b}[1m", "")
            .replace("\u{1b}[0m", "");
        assert_eq!(stripped, plain.out, "{name}");
    }
}

#[test]
fn ascii_locales_get_ascii() {
    let fake = Fake::with_replies();
    for (name, args) in SCREENS {
        let run = fake.run(args, 80, &[("LANG", "C")], "");
        assert!(run.out.is_ascii(), "{name}: {}", run.out);
    }
}

#[test]
fn csv_is_safe_and_complete() {
    let fake = Fake::with_replies();
    let run = fake.mfactl(&["user", "find", "--locked", "--format", "csv"]);
    let lines: Vec<&str> = run.out.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 3, "{}", run.out);
    assert!(lines[0].starts_with("user,display_name,state,"));
    assert!(lines[2].contains("\"'=g@example.org\""), "{}", lines[2]);
}

#[test]
fn an_export_is_csv_and_says_so_to_the_audit_log() {
    let fake = Fake::serve(|method, _| {
        assert_eq!(method, "org.mfad.Users.Export");
        Answer::Pages(vec![
            json!({"rows": [{"user": "a", "state": "Steady State"}], "cursor": "x"}),
            json!({"rows": [{"user": "b", "state": "=1+1"}], "cursor": null, "audit": 7}),
        ])
    });
    let run = fake.mfactl(&["user", "export", "--columns", "user,state"]);
    assert_eq!(run.out, "user,state\r\na,Steady State\r\nb,\"'=1+1\"\r\n");
    let run = fake.mfactl(&["user", "export", "--format", "json"]);
    let lines: Vec<&str> = run.out.lines().collect();
    assert_eq!(lines[0], "{\"user\":\"a\",\"state\":\"Steady State\"}");
    assert_eq!(lines.len(), 2);
}

#[test]
fn a_list_is_put_in_order_and_counted_from_there() {
    let row = |user: &str, last: Option<&str>| json!({"user": user, "last_login": last});
    let rows = [
        row("a", Some("2026-03-01T00:00:00.000Z")),
        row("b", None),
        row("c", Some("2026-01-01T00:00:00.000Z")),
        row("d", Some("2026-02-01T00:00:00.000Z")),
    ];
    let fake = Fake::serve(move |_, parameters| {
        let skip = usize::try_from(parameters["offset"].as_u64().unwrap_or(0)).unwrap();
        Answer::Pages(vec![json!({"rows": rows[skip..], "cursor": null, "of": 4})])
    });
    let users = |more: &[&str]| -> String {
        let words = [
            "user",
            "find",
            "--columns",
            "user",
            "--format",
            "csv",
            "--no-legend",
        ];
        let run = fake.mfactl(&[&words, more].concat());
        assert_eq!(run.status, 0, "{}", run.text());
        run.out.split("\r\n").collect()
    };
    assert_eq!(users(&["--offset", "1", "--limit", "2"]), "bc");
    assert_eq!(users(&["--sort", "last_login"]), "cdab");
    assert_eq!(users(&["--sort", "last_login", "--reverse"]), "adcb");
    let part = ["--sort", "last_login", "--offset", "1", "--limit", "2"];
    assert_eq!(users(&part), "da");
}

#[test]
fn pages_are_put_together() {
    let row = |user: &str| json!({"user": user});
    let fake = Fake::serve(move |_, _| {
        Answer::Pages(vec![
            json!({"rows": [row("a"), row("b")], "cursor": "x", "of": 3}),
            json!({"rows": [row("c")], "cursor": null, "of": 3}),
        ])
    });
    let run = fake.mfactl(&["user", "find", "--no-legend"]);
    assert_eq!(run.out.lines().count(), 3, "{}", run.out);
    let run = fake.mfactl(&["user", "find", "--json", "--limit", "1"]);
    assert_eq!(run.out.lines().count(), 1, "{}", run.out);
}

#[test]
fn nothing_found_says_what_was_searched() {
    let fake = Fake::serve(|_, _| {
        let close = json!([{"value": "alice", "text": ""}]);
        Answer::Reply(json!({"rows": [], "of": 3, "close": close}))
    });
    let run = fake.mfactl(&["user", "find", "alcie"]);
    let said = "No user matches \"alcie\" in name, login, e-mail or phone. Close: alice.\n";
    assert_eq!((run.out.as_str(), run.status), (said, 0));
    let run = fake.mfactl(&["user", "find", "--locked"]);
    assert_eq!(run.out, "Nobody is locked.\n");
}

#[test]
fn helps_by_task_by_noun_and_by_command() {
    let fake = Fake::with_replies();
    let pages: &[&[&str]] = &[
        &[],
        &["user", "-h"],
        &["user", "unlock", "-h"],
        &["passthrough", "enable", "--help"],
        &["token", "add", "--type", "help"],
        &["help", "3am"],
        &["help", "lost-phone"],
        &["help", "new-user"],
        &["explain", "w017"],
        &["explain", "e_delivery"],
        &["gateway", "new", "-h"],
        &["hw", "import", "--help"],
    ];
    let mut text = String::new();
    for args in pages {
        let run = fake.mfactl(args);
        assert!(
            run.out.lines().all(|line| line.chars().count() <= 80),
            "{}",
            run.out
        );
        let _ = write!(text, "$ mfactl {}\n{}\n", args.join(" "), run.text());
    }
    golden("help", &text);
}

#[test]
fn the_manual_names_every_command() {
    let run = fake::Run::of(command(&["__man"], 80), "");
    let typed = |method: &&Method| method.action != Action::EnrollPage;
    for method in Method::all().filter(typed) {
        let name = method.action.spec().name;
        assert!(run.out.contains(&format!(".SS {name}\n")), "{name}");
    }
    assert!(run.out.starts_with(".ie") || run.out.contains(".TH MFACTL"));
}

#[test]
fn completes_from_the_daemon_and_without_it() {
    let fake = Fake::serve(|method, parameters| match method {
        "org.mfad.Daemon.Complete" => {
            assert_eq!(parameters["kind"], "locked_user");
            Answer::Reply(json!({"rows": [{"value": "alice", "text": "locked"}]}))
        }
        _ => Answer::Reply(json!({"may": ["user unlock", "user show"]})),
    });
    let run = fake.mfactl(&["__complete", "--", "user", "unlock", "al"]);
    assert_eq!(run.out, "alice\tlocked\n");
    let run = fake.mfactl(&["__complete", "--", "user", ""]);
    assert_eq!(
        run.out.lines().count(),
        2,
        "only what the role may: {}",
        run.out
    );
    let run = fake::Run::of(
        command(&["__complete", "--", "user", "set-state", "al"], 80),
        "",
    );
    assert_eq!((run.out.as_str(), run.status), ("", 0));
    let run = fake::Run::of(command(&["__complete", "--", "pin", "un"], 80), "");
    assert!(run.out.starts_with("unblock\t"), "{}", run.out);
}

#[test]
fn following_ends_when_the_reader_goes() {
    let fake = Fake::serve(|_, _| {
        let row = json!({"rows": [{"user": "alice", "at": "2025-11-21T13:02:11.204Z"}]});
        Answer::Pages(vec![row; 2000])
    });
    let mut following = command(&["auth", "log", "--follow"], 80);
    following
        .env("MFAD_SOCKET", fake.socket())
        .stdout(std::process::Stdio::piped());
    let mut child = following.spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
