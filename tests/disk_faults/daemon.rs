//! The built daemon, when its disk fails, or the system gives it nothing more.

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use serde_json::{Value, json};

use crate::common::daemon::{Daemon, Site};
use crate::common::disk::{Disk, Fault};
use crate::common::gateway::{ACCEPT, Gateway, REJECT};
use crate::common::ledger::Ledger;
use crate::common::people::Person;
use crate::common::tools;

/// How long an answer is waited for that must not come.
const SILENCE: Duration = Duration::from_millis(800);

/// An end for what is polled, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(40);

/// A gateway that would rather have a Reject than no answer.
const SURE: &str = r#"
[gateway.gw-sure]
addresses = ["127.0.0.29"]
secret_file = "gw-sure.secret"
first_factor = "none"
passcode = "otp"
on_internal_error = "reject"
reject_delay = "100ms"
"#;
const SURE_SECRET: &str = "gw-sure-4Tz9-mw2c-xkP1-Qe7d";

/// A site whose last gateway is [`SURE`], and whose audit log begins with so many old records.
pub(super) fn site_with_past(people: &[Person], records: u64) -> Site {
    let site = Site::with_past(people, "", records);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(site.path("gw-sure.secret"))
        .unwrap();
    file.write_all(SURE_SECRET.as_bytes()).unwrap();
    site.write_config(SURE);
    site
}

fn site(people: &[Person]) -> Site {
    site_with_past(people, 0)
}

fn sure(daemon: &Daemon) -> Gateway {
    Gateway {
        source: [127, 0, 0, 29].into(),
        secret: SURE_SECRET.to_owned(),
        ..daemon.gateway("gw-none")
    }
}

/// What is answered to a sign-in with a fresh code.
pub(super) fn answer(gateway: &Gateway, person: &mut Person) -> Option<u8> {
    let (mut port, code) = (gateway.port(), person.code());
    let request = port.request(&person.name, &code);
    port.ask_for(&request, 1, SILENCE).map(|reply| reply.code)
}

pub(super) fn store_error(daemon: &Daemon) -> Option<String> {
    let status = daemon.operator().call("Daemon.Status", &json!({}));
    let error = status.pointer("/store/error");
    error.and_then(Value::as_str).map(str::to_owned)
}

/// Polls until it is so.
pub(super) fn until(what: &str, mut is_so: impl FnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}: not after {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    began.elapsed()
}

/// While the store is closed: nobody is let in, who asked for Rejects gets them, operators are told.
pub(super) fn assert_closed(daemon: &Daemon, people: &mut [Person]) {
    let (silent, sure) = (daemon.gateway("gw-none"), sure(daemon));
    for person in people {
        assert_eq!(answer(&silent, person), None, "{}", person.name);
        assert_eq!(answer(&sure, person), Some(REJECT), "{}", person.name);
    }
    let mut stranger = Person::new("stranger");
    assert_eq!(answer(&silent, &mut stranger), None);
    assert_eq!(answer(&sure, &mut stranger), Some(REJECT));
    assert!(store_error(daemon).is_some(), "operators are told");
}

/// Everybody is let in again; how long that took.
pub(super) fn comes_back(daemon: &Daemon, people: &mut [Person]) -> Duration {
    let gateway = daemon.gateway("gw-none");
    let first = &mut people[0];
    let took = until("somebody is let in", || {
        answer(&gateway, first) == Some(ACCEPT)
    });
    for person in people {
        assert_eq!(answer(&gateway, person), Some(ACCEPT), "{}", person.name);
    }
    assert_eq!(store_error(daemon), None);
    took
}

pub(super) fn people() -> Vec<Person> {
    ["ada", "bob"].map(Person::new).to_vec()
}

/// Who was let in before the end is so in the log after it; nothing else is.
pub(super) fn assert_recorded(site: &Site, people: &[Person], told: usize) {
    let ledger = Ledger::of(site);
    let stored: usize = people
        .iter()
        .map(|person| ledger.count("auth.accept", &person.name))
        .sum();
    assert!(stored >= told, "{told} were told, {stored} are stored");
    let internal = people
        .iter()
        .map(|person| ledger.rejects(&person.name, "internal"));
    assert_eq!(internal.sum::<usize>(), 0, "a Reject that nobody decided");
}

#[test]
fn a_disk_that_fails_brings_silence_or_a_reject_and_nobody_in() {
    let mut people = people();
    let site = site(&people);
    let disk = Disk::below(&site.path("state"));
    let Some(env) = disk.env() else { return };
    let env = env.into_iter().map(|(name, value)| {
        let mut word = OsString::from(format!("{name}="));
        word.push(value);
        word
    });
    let daemon = site
        .started_by([OsString::from("env")].into_iter().chain(env))
        .start();
    let gateway = daemon.gateway("gw-none");
    assert_eq!(answer(&gateway, &mut people[0]), Some(ACCEPT));
    assert_eq!(answer(&sure(&daemon), &mut people[1]), Some(ACCEPT));
    for error in [Errno::EIO, Errno::ENOSPC, Errno::EROFS] {
        disk.fail(disk.calls() + 1, Fault::From(error));
        assert_closed(&daemon, &mut people);
        disk.heal();
        let took = comes_back(&daemon, &mut people);
        println!("disk faults: the daemon is back {took:?} after {error}");
    }
    assert_recorded(&daemon.stop(), &people, 2 + 3 * 3);
}

/// Clock ticks that a process has had.
fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    let fields: Vec<&str> = rest.split(' ').collect();
    // utime and stime, fields 14 and 15 of all.
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn without_descriptors_left_sign_ins_go_on_and_nothing_spins() {
    if !tools::have("prlimit") {
        return;
    }
    let mut people = people();
    let mut daemon = site(&people).start();
    let gateway = daemon.gateway("gw-none");
    assert_eq!(answer(&gateway, &mut people[0]), Some(ACCEPT));
    assert_eq!(store_error(&daemon), None);
    // Two more than it has, which two connections take.
    let (pid, open) = (daemon.pid(), format!("/proc/{}/fd", daemon.pid()));
    let most = fs::read_dir(open).unwrap().count() + 2;
    let limited = Command::new("prlimit")
        .args([
            "--pid",
            &pid.to_string(),
            &format!("--nofile={most}:{most}"),
        ])
        .status();
    assert!(limited.unwrap().success());
    let address = UnixAddr::new(&daemon.site.path("control")).unwrap();
    let mut connections = Vec::new();
    for _ in 0..500 {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None).unwrap();
        // Once the queue of the listener is full too, there is no place to wait in.
        if connect(std::os::fd::AsRawFd::as_raw_fd(&socket), &address).is_ok() {
            connections.push(socket);
        }
    }
    for _ in 0..10 {
        for person in &mut people {
            assert_eq!(answer(&gateway, person), Some(ACCEPT), "{}", person.name);
        }
    }
    let (before, began) = (ticks(daemon.pid()), Instant::now());
    std::thread::sleep(Duration::from_secs(2));
    let spent = Duration::from_millis((ticks(daemon.pid()) - before) * 10);
    let share = spent.as_secs_f64() / began.elapsed().as_secs_f64();
    println!(
        "disk faults: {} connections held, {:.1} % of a core",
        connections.len(),
        share * 100.0
    );
    assert!(share < 0.25, "it spins: {share}");
    assert!(daemon.alive());
    drop(connections);
    until("the control socket answers", || {
        store_error(&daemon).is_none()
    });
    assert_eq!(answer(&gateway, &mut people[0]), Some(ACCEPT));
    let _ = daemon.stop();
}

#[test]
fn without_memory_for_another_thread_nothing_ends() {
    if !tools::have("prlimit") {
        return;
    }
    let mut people = people();
    let mut daemon = site(&people).start();
    let gateway = daemon.gateway("gw-none");
    assert_eq!(answer(&gateway, &mut people[0]), Some(ACCEPT));
    let pid = daemon.pid().to_string();
    let limit = |octets: &str| {
        let done = Command::new("prlimit")
            .args(["--pid", &pid, &format!("--as={octets}")])
            .status();
        assert!(done.unwrap().success());
    };
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
    let size: u64 = size
        .unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    // A thread's stack does not fit into this.
    limit(&format!("{}:unlimited", (size + 1024) * 1024));
    assert_eq!(store_error(&daemon), None, "operators are answered");
    for _ in 0..10 {
        for person in &mut people {
            assert_eq!(answer(&gateway, person), Some(ACCEPT), "{}", person.name);
        }
    }
    let log = daemon.log();
    assert!(daemon.alive() && !log.contains("panicked"), "{log}");
    limit("unlimited:unlimited");
    let _ = daemon.stop();
}
