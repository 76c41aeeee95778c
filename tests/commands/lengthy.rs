//! Imports that are ended in the middle, by a kill of the daemon or by Ctrl-C: what is in by then is
//! the beginning of the file, and complete; the same command once more brings the rest, nothing twice.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::chance::size;
use crate::common::daemon::{Daemon, Site};
use crate::common::people::Person;
use crate::common::terminal::OnTerminal;
use crate::desk::{Desk, Form};
use crate::imports::{data, file, serials};
use crate::owners::{tokens_of, uri};

/// Records of one change.
const BATCH: usize = 50;
/// How a bar begins.
const BAR: &str = "importing [";
/// How long a first batch, or the next ones, may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A file of some kind, and what comes of it.
struct Load {
    words: &'static [&'static str],
    /// The line of record number so many.
    line: fn(usize) -> String,
    /// How many are in.
    counted: fn(&Daemon) -> usize,
    /// Record number so many is in as its line says, once.
    complete: fn(&Daemon, usize),
    /// The event of a batch.
    event: &'static str,
}

const PEOPLE: Load = Load {
    words: &["user", "import"],
    line: |at| format!("u{at},,u{at}@example.org,de,,staff {at}\n"),
    counted: people,
    complete: |daemon, at| {
        let one = daemon.operator().show(&format!("u{at}"));
        assert_eq!(
            (&one["base"], &one["language"]),
            (&json!("new"), &json!("de")),
            "{one}"
        );
        assert_eq!(one["role_label"], format!("staff {at}"), "{one}");
        assert_eq!(
            one["emails"][0]["address"],
            format!("u{at}@example.org"),
            "{one}"
        );
    },
    event: "user.imported",
};

const OWNERS: Load = Load {
    words: &["user", "import", "--from", "otpauth"],
    line: |at| {
        let mut seed = [9; 20];
        seed[..8].copy_from_slice(&(at as u64).to_be_bytes());
        uri(&format!("u{at}"), &seed, 3)
    },
    counted: people,
    complete: |daemon, at| {
        let name = format!("u{at}");
        assert_eq!(daemon.operator().show(&name)["base"], "steady", "{name}");
        assert_eq!(tokens_of(daemon, &name).len(), 1, "{name}");
    },
    event: "token.imported",
};

const DEVICES: Load = Load {
    words: &["hw", "import"],
    line: |at| format!("FT-{at:06},{at:040x},hotp\n"),
    counted: |daemon| serials(daemon).len(),
    complete: |daemon, at| {
        let serial = format!("FT-{at:06}");
        let asked = json!({"serial": serial});
        let page = daemon.operator().call("Tokens.HwList", &asked);
        assert_eq!(page["rows"].as_array().unwrap().len(), 1, "{serial}");
    },
    event: "hw.imported",
};

/// People besides the one who was there first.
fn people(daemon: &Daemon) -> usize {
    let seats = daemon.operator().call("Daemon.Seats", &json!({}));
    usize::try_from(seats["counted"].as_u64().unwrap()).unwrap() - 1
}

impl Load {
    /// A file of so many records.
    fn file(&self, daemon: &Daemon, records: usize) -> String {
        let text: String = (0..records).map(self.line).collect();
        file(daemon, "many", &text)
    }

    fn line<'a>(&self, path: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        [self.words, &[path, "--yes"], more].concat()
    }

    /// `mfactl` on its way with a file, a few batches of which are in.
    fn begun(&self, daemon: &Daemon, path: &str) -> Child {
        let mfactl = Command::new(env!("CARGO_BIN_EXE_mfactl"))
            .args(self.line(path, &[]))
            .env("MFAD_SOCKET", daemon.site.path("control"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let end = Instant::now() + PATIENCE;
        while (self.counted)(daemon) < 2 * BATCH {
            assert!(Instant::now() < end, "nothing is imported");
        }
        mfactl
    }

    /// What is in is the beginning of the file, in whole batches and complete; how many they are.
    fn prefix(&self, daemon: &Daemon, of: usize) -> usize {
        let written = (self.counted)(daemon);
        assert!(
            (1..of).contains(&written) && written.is_multiple_of(BATCH),
            "{written} of {of} in batches of {BATCH}"
        );
        for at in [0, written / 2, written - 1] {
            (self.complete)(daemon, at);
        }
        written
    }

    /// The same command brings the rest, and the audit log knows of each record once; it tells of
    /// sign-ins meanwhile if there were any.
    fn goes_on(&self, daemon: &Daemon, path: &str, (written, of): (usize, usize), sign_ins: bool) {
        let desk = Desk::new(daemon, Form::Json);
        let said = desk.mfactl(&self.line(path, &["--json"]), "");
        let told = data(&said);
        assert_eq!(
            said.out.contains("answered meanwhile, 99 of 100 within"),
            sign_ins,
            "{said:#?}"
        );
        assert_eq!(
            (&told["same"], &told["written"]),
            (&json!(written), &json!(of - written)),
            "{said:#?}"
        );
        assert_eq!((self.counted)(daemon), of);
        for at in [0, written - 1, written, of - 1] {
            (self.complete)(daemon, at);
        }
        assert_eq!(self.recorded(daemon), of as u64);
        let verified = daemon.operator().call("Audit.Verify", &json!({}));
        assert_eq!(verified["result"], "whole", "{verified}");
    }

    /// How many came in by the audit log.
    fn recorded(&self, daemon: &Daemon) -> u64 {
        let (mut counted, mut cursor) = (0, Value::Null);
        loop {
            let asked = json!({"event": self.event, "limit": 500, "cursor": cursor});
            let page = daemon.operator().call("Audit.Log", &asked);
            let entries = page["entries"].as_array().unwrap().iter();
            let batches = entries.map(|entry| &entry["record"]["detail"]["count"]);
            counted += batches.filter_map(Value::as_u64).sum::<u64>();
            cursor = page["cursor"].clone();
            if cursor.is_null() {
                return counted;
            }
        }
    }
}

/// The daemon is killed in the middle; the rest comes in while somebody signs in.
fn killed(load: &Load, of: usize) {
    let daemon = Site::new(&[Person::new("alice")]).start();
    let path = load.file(&daemon, of);
    let mut mfactl = load.begun(&daemon, &path);
    let site = daemon.kill();
    let status = mfactl.wait().unwrap();
    assert!(matches!(status.code(), Some(69 | 75)), "{status}");
    let daemon = site.start();
    let written = load.prefix(&daemon, of);
    println!("killed after {written} of {of}");
    let mut alice = Person::new("alice");
    let gateway = daemon.gateway("gw-none");
    std::thread::scope(|scope| {
        let rest = scope.spawn(|| load.goes_on(&daemon, &path, (written, of), true));
        let (begun, mut waits) = (Instant::now(), Vec::new());
        while !rest.is_finished() {
            let (code, sent) = (alice.code(), Instant::now());
            gateway.lets_in("alice", &code);
            waits.push(sent.elapsed());
        }
        waits.sort();
        println!(
            "the rest in {:?}, {} sign-ins meanwhile, median {:?}, p99 {:?}, longest {:?}",
            begun.elapsed(),
            waits.len(),
            waits[waits.len() / 2],
            waits[waits.len() * 99 / 100],
            waits[waits.len() - 1]
        );
        rest.join().unwrap();
    });
    daemon.stop();
}

#[test]
fn people_whose_import_is_killed_are_whole_batches_and_go_on() {
    killed(&PEOPLE, size(6_000, 100_000));
}

#[test]
fn owners_that_are_killed_in_the_middle_are_whole_batches_and_go_on() {
    killed(&OWNERS, size(2_000, 100_000));
}

#[test]
fn an_import_that_is_killed_leaves_whole_batches_and_goes_on() {
    killed(&DEVICES, size(6_000, 100_000));
}

/// `5,700`, of four digits.
fn text_of(count: usize) -> String {
    format!("{},{:03}", count / 1_000, count % 1_000)
}

/// How far it came, out of `stopped after N of M`.
fn reached(told: &str, of: &str) -> usize {
    let (_, rest) = told
        .split_once("stopped after ")
        .unwrap_or_else(|| panic!("{told}"));
    let (count, _) = rest
        .split_once(&format!(" of {of}"))
        .unwrap_or_else(|| panic!("{told}"));
    count.replace(',', "").parse().unwrap()
}

#[test]
fn ctrl_c_says_how_far_it_came_and_the_same_command_goes_on() {
    for load in [&PEOPLE, &OWNERS] {
        let daemon = Site::new(&[Person::new("alice")]).start();
        let path = load.file(&daemon, 6_000);
        let mfactl = load.begun(&daemon, &path);
        let pid = nix::unistd::Pid::from_raw(mfactl.id().try_into().unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
        let said = mfactl.wait_with_output().unwrap();
        let told = String::from_utf8(said.stderr).unwrap();
        assert_eq!(said.status.code(), Some(130), "{told}");
        assert!(told.contains("done and complete"), "{told}");
        let quiet = !told.contains('\r') && !told.contains(BAR);
        assert!(quiet, "a bar where nobody looks: {told}");
        // The batch that was under way may still come in, and the same command goes on behind it.
        let desk = Desk::new(&daemon, Form::Json);
        desk.mfactl(&load.line(&path, &["--dry-run"]), "");
        let written = load.prefix(&daemon, 6_000);
        assert!(written >= reached(&told, "6,000"), "{written}: {told}");
        load.goes_on(&daemon, &path, (written, 6_000), false);
        daemon.stop();
    }
}

#[test]
fn a_terminal_shows_how_far_it_is_and_ctrl_c_there_ends_it() {
    let daemon = Site::new(&[Person::new("alice")]).start();
    let path = PEOPLE.file(&daemon, 6_000);
    let socket = daemon.site.path("control");
    let Some(mut run) = OnTerminal::start(&socket, &format!("user import {path}")) else {
        return;
    };
    run.answer("judging [#####", "");
    run.answer("5,000 of 6,000   83 %", "");
    run.answer("Go on? [y/N] ", "y\r");
    run.answer(&format!("{BAR}#---"), "");
    run.answer("300 of 6,000    5 %", "\u{3}");
    let (seen, status) = run.end();
    assert_eq!(status, 130, "{seen}");
    let desk = Desk::new(&daemon, Form::Json);
    desk.mfactl(&PEOPLE.line(&path, &["--dry-run"]), "");
    let written = PEOPLE.prefix(&daemon, 6_000);
    let reached = reached(&seen, "6,000");
    assert!((300..=written).contains(&reached), "{written}: {seen}");
    // The line of the bar is whole, and what is said stands below it.
    let (bars, _) = seen.split_once("mfactl: stopped").unwrap();
    assert!(bars.ends_with('\n'), "{seen}");

    // To its end: nothing is left of the bar.
    let Some(mut run) = OnTerminal::start(&socket, &format!("user import {path} --yes")) else {
        return;
    };
    run.answer(BAR, "");
    let (seen, status) = run.end();
    assert_eq!(status, 0, "{seen}");
    let (_, last) = seen.rsplit_once("\u{1b}[K").unwrap();
    let rest = text_of(6_000 - written);
    assert!(
        last.starts_with(&format!("✓ {rest} people are added.")),
        "{last}"
    );
    assert_eq!(people(&daemon), 6_000);
    daemon.stop();
}
