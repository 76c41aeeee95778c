//! The built daemon on a file system of its own that is full.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::daemon::{
    answer, assert_closed, assert_recorded, comes_back, people, site_with_past, store_error, until,
};
use crate::common::daemon::{Daemon, Site};
use crate::common::gateway::ACCEPT;
use crate::common::people::Person;
use crate::common::tools;

/// Its size: the log that is grown at the start, the store, and twice the reserve.
const SIZE: &str = "size=112m,mode=700";

/// Octets of the reserve.
const RESERVE: u64 = 16 << 20;

/// Old records: more than the reserve has room for in a segment.
const OLD: u64 = 12_000;

/// Longer than the store waits until it moves a short log.
const QUIET: Duration = Duration::from_millis(6_500);

/// Changes that make a short log long.
const CHANGES: usize = 600;

#[test]
fn a_full_file_system_closes_the_store_until_there_is_room() {
    on_a_file_system("full::fills_its_file_system");
}

#[test]
fn archiving_on_a_full_file_system_lets_everybody_in_again() {
    on_a_file_system("full::archives_on_a_full_file_system");
}

/// Runs an ignored test where it may mount what nobody else sees.
fn on_a_file_system(test: &str) {
    let exe = std::env::current_exe().unwrap();
    let root = nix::unistd::geteuid().is_root();
    let spaces: &[&str] = if root {
        &["--mount"]
    } else {
        &["--user", "--map-root-user", "--mount"]
    };
    if !tools::have("unshare") || !tools::have("mount") {
        return;
    }
    let unshare = |program: &Path| {
        let mut command = Command::new("unshare");
        command.args(spaces).arg(program);
        command
    };
    let may = unshare(Path::new("mount"))
        .args(["-t", "tmpfs", "tmpfs", "/mnt"])
        .output()
        .unwrap();
    if !may.status.success() {
        let why = String::from_utf8_lossy(&may.stderr);
        println!("skipped: no file system can be mounted here: {why}");
        return;
    }
    let output = unshare(&exe)
        .args(["--exact", "--ignored", "--nocapture", test])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{errors}");
    assert!(said.contains("1 passed"), "{said}");
    for line in said.lines().filter(|line| line.starts_with("disk faults")) {
        println!("{line}");
    }
}

/// A site whose state lies on a file system of its own.
fn mounted(people: &[Person]) -> Site {
    let site = site_with_past(people, OLD);
    let (state, made) = (site.path("state"), site.path("made"));
    fs::rename(&state, &made).unwrap();
    // The reserve is made where it is to be.
    fs::remove_file(made.join("reserve")).unwrap();
    fs::create_dir(&state).unwrap();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", SIZE, "tmpfs"])
        .arg(&state)
        .status();
    assert!(mount.unwrap().success());
    let copy = Command::new("cp")
        .arg("-a")
        .arg(made.join("."))
        .arg(&state)
        .status();
    assert!(copy.unwrap().success());
    site
}

fn filler(site: &Site) -> PathBuf {
    site.path("state/filler")
}

/// Leaves no room.
fn fill(site: &Site) {
    let filler = OpenOptions::new()
        .create(true)
        .append(true)
        .open(filler(site));
    let mut file = filler.unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
}

fn reserve_is_there(site: &Site) -> bool {
    fs::metadata(site.path("state/reserve")).is_ok_and(|about| about.len() == RESERVE)
}

/// Changes somebody's record, up to so often; how often that was done.
fn change(daemon: &Daemon, times: usize) -> usize {
    let operator = daemon.operator();
    let done = |number: &usize| {
        let change = json!({"user": "ada", "notes": number.to_string(), "reason": "test"});
        operator.try_call("Users.Edit", &change).is_ok()
    };
    (0..times).take_while(done).count()
}

/// The log becomes long, is to be moved and has no room to go to.
fn close_by_changes(daemon: &Daemon) {
    change(daemon, CHANGES);
    until("the store is closed", || store_error(daemon).is_some());
}

/// Everybody signs in; how many were let in.
fn let_in(daemon: &Daemon, people: &mut [Person]) -> usize {
    let gateway = daemon.gateway("gw-none");
    let accepted = |person: &mut Person| answer(&gateway, person) == Some(ACCEPT);
    people
        .iter_mut()
        .filter_map(|person| accepted(person).then_some(()))
        .count()
}

/// Archives what there is room for, and tells what was done.
fn archive(daemon: &Daemon) -> Value {
    let before = json!({"before": "2025-01-01T00:00:00Z", "reason": "the disk is full"});
    let done = daemon.operator().call("Audit.Archive", &before);
    done["done"].clone()
}

fn warned(daemon: &Daemon) -> bool {
    let status = daemon.operator().call("Daemon.Status", &json!({}));
    let warnings = status["warnings"].as_array().unwrap();
    warnings.iter().any(|warning| warning["number"] == "W023")
}

/// When the log was moved into the database the last time.
fn moved(site: &Site) -> SystemTime {
    let about = fs::metadata(site.path("state/mfad.db")).unwrap();
    about.modified().unwrap()
}

/// What operators ask for while nothing can be written.
fn assert_readable(daemon: &Daemon) {
    let operator = daemon.operator();
    let log = operator.call("Audit.Log", &json!({"limit": 5}));
    assert_eq!(log["entries"].as_array().unwrap().len(), 5);
    let found = operator.call("Users.Find", &json!({}));
    assert_eq!(found["rows"].as_array().unwrap().len(), 2);
    assert_eq!(operator.show("ada")["user"], "ada");
}

#[test]
#[ignore = "run in a mount namespace by the first test above"]
fn fills_its_file_system() {
    let mut people = people();
    let daemon = mounted(&people).start();
    assert!(reserve_is_there(&daemon.site) && !warned(&daemon));
    fill(&daemon.site);
    // The log has its room. A quiet time would have it moved into the database, which has none.
    let mut told = 0;
    for _ in 0..10 {
        told += let_in(&daemon, &mut people);
    }
    assert_eq!(told, 20);
    std::thread::sleep(QUIET);
    assert_eq!(store_error(&daemon), None);
    told += let_in(&daemon, &mut people);
    assert_eq!(told, 22);
    assert!(warned(&daemon), "operators are told");
    close_by_changes(&daemon);
    assert_closed(&daemon, &mut people);
    assert_readable(&daemon);
    fs::remove_file(filler(&daemon.site)).unwrap();
    let took = comes_back(&daemon, &mut people);
    told += 1 + people.len();
    println!("disk faults: {told} sign-ins on a full disk, back {took:?} after there was room");
    // A daemon that is started on a full disk takes the reserve and serves.
    fill(&daemon.site);
    close_by_changes(&daemon);
    let daemon = daemon.kill().start();
    assert!(!reserve_is_there(&daemon.site) && warned(&daemon));
    assert_eq!(let_in(&daemon, &mut people), 2);
    fs::remove_file(filler(&daemon.site)).unwrap();
    until("the reserve is there again", || {
        reserve_is_there(&daemon.site)
    });
    let site = daemon.stop();
    assert_recorded(&site, &people, told + 2);
    // A clean stop gives the room of the log away; where others have taken it there is a daemon, for
    // an operator to archive.
    fill(&site);
    let daemon = site.start();
    archive(&daemon);
    assert_eq!(let_in(&daemon, &mut people), 2);
    let _ = daemon.stop();
}

#[test]
#[ignore = "run in a mount namespace by the second test above"]
fn archives_on_a_full_file_system() {
    let mut people = people();
    let daemon = mounted(&people).start();
    let operator = daemon.operator();
    fill(&daemon.site);
    close_by_changes(&daemon);
    assert_closed(&daemon, &mut people);
    assert!(reserve_is_there(&daemon.site));
    let done = archive(&daemon);
    assert!(!reserve_is_there(&daemon.site) && warned(&daemon));
    let segments = done["data"]["segments"].as_array().unwrap();
    assert_eq!(segments.len(), 1, "{done}");
    let last = segments[0]["last"].as_u64().unwrap();
    assert!((2_000..OLD).contains(&last), "a part of them: {done}");
    let octets = segments[0]["octets"].as_u64().unwrap();
    println!("disk faults: {last} records archived on a full disk, {octets} octets");
    let notes = done["notes"].as_array().unwrap();
    let rest = |note: &Value| note["label"] == "rest";
    assert!(notes.iter().any(rest), "{done}");
    // Once they are removed, and a quiet time has had the log moved, others take what is left of the
    // reserve: there is room in the store only.
    let before = moved(&daemon.site);
    until("the log is moved", || moved(&daemon.site) != before);
    fill(&daemon.site);
    assert_eq!(let_in(&daemon, &mut people), 2);
    // Where not even the index of the log can grow the store closes, and the log is moved.
    let mut left = 2 * CHANGES;
    until("all is changed", || {
        left -= change(&daemon, left);
        left == 0
    });
    comes_back(&daemon, &mut people);
    let whole = operator.call("Audit.Verify", &json!({}));
    assert_eq!(whole["result"], "whole", "{whole}");
    fs::remove_file(filler(&daemon.site)).unwrap();
    until("the reserve is there again", || {
        reserve_is_there(&daemon.site)
    });
    assert!(!warned(&daemon));
    let _ = daemon.stop();
}
