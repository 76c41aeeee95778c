//! What `mfactl` says of the message that an operator has asked for, by the word of a real mail server.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::daemon::{Daemon, Site};
use crate::common::people::Person;
use crate::world::{Mailbox, Security, records, until};

const PAGES: &str = "\n[web]\nbase_url = \"https://mfa.example.org\"\n";

/// Whom the server takes mail for, refuses for ever, and keeps waiting.
const PEOPLE: [&str; 3] = ["dora", "nobody", "silence"];

/// A site with these people, new and with a proven address.
fn started(mailbox: &Mailbox) -> Daemon {
    let config = format!("{}{PAGES}", mailbox.config());
    // The server has more time than any wait here, so that its silence is all there is to tell.
    let config = config.replace("timeout = \"2s\"", "timeout = \"60s\"");
    let daemon = Site::with(&[Person::new("alice")], &config).start();
    for user in PEOPLE {
        let email = format!("{user}@example.org");
        let new = json!({"email": email, "trusted": true});
        daemon.operator().change("Users.Add", user, &new);
    }
    daemon
}

fn mfactl(daemon: &Daemon, words: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_mfactl"))
        .args(words)
        .env_clear()
        .envs([("COLUMNS", "100"), ("LANG", "C.UTF-8"), ("TZ", "UTC")])
        .env("MFAD_SOCKET", daemon.site.path("control"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What it said, and its status.
fn run(daemon: &Daemon, words: &[&str]) -> (String, String, Option<i32>) {
    said(&mfactl(daemon, words).wait_with_output().unwrap())
}

fn said(output: &Output) -> (String, String, Option<i32>) {
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
    (
        text(&output.stdout),
        text(&output.stderr),
        output.status.code(),
    )
}

#[test]
fn the_outcome_of_a_delivery_is_told_with_what_to_do() {
    let Some(mailbox) = Mailbox::open(Security::Tls) else {
        return;
    };
    let daemon = started(&mailbox);

    // Taken: the mail is there by the time that is said.
    let (out, err, status) = run(&daemon, &["enroll", "email", "dora"]);
    assert_eq!((status, err.as_str()), (Some(0), ""), "{out}");
    assert!(
        out.contains("queued: mfactl notify list dora")
            && out
                .ends_with("the mail server has taken it; whether it arrives, the mailbox says\n"),
        "{out}"
    );
    assert_eq!(mailbox.mails().len(), 1);

    // The auth code of a new person goes at once, to an address that somebody has vouched for.
    let add = |user: &'static str| ["user", "add", user, "--email", "eva@example.org"];
    let sent = ["--send-code", "email"];
    let (_, err, status) = run(&daemon, &[&add("eva")[..], &sent].concat());
    assert_eq!(status, Some(1), "{err}");
    assert!(err.contains("  do     state --trusted, if"), "{err}");
    assert_eq!(run(&daemon, &["user", "show", "eva"]).2, Some(67));
    let (out, err, status) = run(&daemon, &[&add("eva")[..], &sent, &["--trusted"]].concat());
    assert_eq!((status, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.contains("the mail server has taken it"), "{out}");
    let code = mailbox.mails().remove(1);
    assert_eq!(code["to"][0], "eva@example.org");
    assert!(
        code["text"].as_str().unwrap().contains("auth code"),
        "{code}"
    );
    assert!(!out.contains("shown"), "{out}");

    // Refused for ever: the change stands, and what is suggested works.
    let (out, err, status) = run(&daemon, &["enroll", "email", "nobody"]);
    assert_eq!(status, Some(1), "{out}{err}");
    assert!(out.contains("goes to n***y@example.org"), "{out}");
    for part in [
        "mfactl: the enrolment link was not sent to n***y@example.org; the change stands\n",
        "550 5.1.1 no such user",
        "mfactl user edit nobody --email ADDRESS\n",
        "mfactl notify list nobody\n",
        "  do     it is not tried again: give the command once more",
        "E_DELIVERY, exit 1",
    ] {
        assert!(err.contains(part), "{part}: {err}");
    }
    let links = daemon
        .operator()
        .call("Tokens.EnrollList", &json!({"user": "nobody"}));
    assert_eq!(links["rows"].as_array().unwrap().len(), 1, "{links}");
    let (out, _, status) = run(&daemon, &["enroll", "email", "nobody", "--json"]);
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(status, Some(1));
    assert_eq!(document["code"], "E_DELIVERY");
    assert_eq!(document["delivery"]["status"], "failed");
    assert_eq!(document["done"]["user"], "nobody");
    let graceful = ["enroll", "email", "nobody", "--graceful", "E_DELIVERY"];
    assert_eq!(run(&daemon, &graceful).2, Some(0));
    let new = ["user", "edit", "nobody", "--email", "dora@example.org"];
    assert_eq!(
        run(&daemon, &[&new[..], &["--trusted"]].concat()).2,
        Some(0)
    );
    let sent = run(&daemon, &["auth-code", "send", "nobody", "--via", "email"]);
    assert_eq!(sent.2, Some(1), "the link went this way: {}", sent.1);
    daemon.stop();
}

#[test]
fn the_wait_for_a_silent_server_ends() {
    let Some(mailbox) = Mailbox::open(Security::Tls) else {
        return;
    };
    let daemon = started(&mailbox);
    // Not longer than was said.
    let (out, err, status) = run(&daemon, &["enroll", "email", "silence", "--wait", "1s"]);
    assert_eq!((status, err.as_str()), (Some(0), ""), "{out}");
    assert!(
        out.contains("- the mail server has not taken it within 1 s; it is tried again\n")
            && out.ends_with("  look mfactl notify list silence\n"),
        "{out}"
    );
    // Not at all, if that was said.
    let began = Instant::now();
    let (out, _, status) = run(
        &daemon,
        &["enroll", "email", "silence", "--no-wait", "--json"],
    );
    assert!(began.elapsed() < Duration::from_secs(9));
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, &document["delivery"]), (Some(0), &Value::Null));
    assert!(document["done"]["data"]["queued"]["message"].is_string());
    // And with Ctrl-C; what was changed stands.
    let mut waiting = mfactl(&daemon, &["enroll", "email", "silence"]);
    let mut out = BufReader::new(waiting.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("queued") {
        line.clear();
        assert!(out.read_line(&mut line).unwrap() > 0);
    }
    let tasks = format!("/proc/{}/task", waiting.id());
    until("a watch", || watched(&tasks));
    let interrupt = nix::sys::signal::Signal::SIGINT;
    let pid = nix::unistd::Pid::from_raw(waiting.id().try_into().unwrap());
    nix::sys::signal::kill(pid, interrupt).unwrap();
    let (_, err, status) = said(&waiting.wait_with_output().unwrap());
    assert_eq!(status, Some(130), "{err}");
    assert!(
        err.contains("stopped waiting; the change stands")
            && err.contains("  try    mfactl notify list silence\n"),
        "{err}"
    );
    assert_eq!(records(&daemon, "enroll.sent").len(), 3);
    // Notices keep nobody waiting, whatever becomes of them.
    let began = Instant::now();
    assert_eq!(
        run(&daemon, &["user", "lock", "silence", "-r", "x"]).2,
        Some(0)
    );
    assert!(began.elapsed() < Duration::from_secs(9));
    daemon.stop();
}

/// Whether a thread there waits for Ctrl-C.
fn watched(tasks: &str) -> bool {
    let mut tasks = std::fs::read_dir(tasks).unwrap().flatten();
    tasks.any(|task| {
        let name = std::fs::read_to_string(task.path().join("comm"));
        name.is_ok_and(|name| name.trim() == "interrupt")
    })
}
