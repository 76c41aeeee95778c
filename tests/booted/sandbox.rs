//! The sandbox of the unit as it is in force, and the product inside it.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::common::chance::long;
use crate::common::people::Person;
use crate::installed::{Installed, commands};
use crate::machine::Machine;

/// Test programs that drive the built daemon: those of every change, and all of them.
const SUITE: [&str; 1] = ["end_to_end"];
const SUITE_LONG: [&str; 7] = [
    "end_to_end",
    "races",
    "kill",
    "mutations",
    "canary",
    "interop",
    "commands",
];

#[test]
fn what_the_unit_takes_away_is_gone() {
    let Some(here) = Installed::boot() else {
        return;
    };
    let pid = here.main_pid();
    let status = here.machine.does(&format!("cat /proc/{pid}/status"));
    for line in [
        "CapEff:\t0000000000000000",
        "CapBnd:\t0000000000000000",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
    ] {
        assert!(status.contains(line), "{line}\n{status}");
    }
    let network = |pid: &str| here.machine.does(&format!("readlink /proc/{pid}/ns/net"));
    assert_ne!(network(&pid), network("1"), "a network of its own");
    let journal = here.journal();
    assert!(journal.contains("; landlock: ABI "), "{journal}");
    assert!(!journal.contains("W022"), "{journal}");
    here.machine
        .does("systemd-analyze security --no-pager --threshold=5 mfad.service");
    // The kernel is not to be asked for it; the flag of systemd-timesyncd can be seen.
    here.machine
        .does("mkdir /run/systemd/timesync && touch /run/systemd/timesync/synchronized");
    let status = here.machine.does("mfactl status");
    assert!(status.contains("\nClock    synchronised"), "{status}");
    let profile = include_str!("../../systemd/network-profile.conf");
    here.edit("network-profile", profile);
    here.machine.does(
        "systemctl restart mfad
         mfactl status
         systemd-analyze security --no-pager --threshold=12 mfad.service",
    );
    assert_eq!(network(&here.main_pid()), network("1"));
}

// The filter of an earlier unit forbade Landlock, and nobody was told.
#[test]
fn a_sandbox_that_is_not_in_force_is_told() {
    let forbidden = "[Service]\nSystemCallFilter=~landlock_create_ruleset\n";
    let Some(here) = Installed::boot() else {
        return;
    };
    here.edit("test", forbidden);
    here.machine.does("systemctl restart mfad");
    let journal = here.journal();
    assert!(
        journal.contains("<4>mfad: W022 not given up: landlock"),
        "{journal}"
    );
    let status = here.machine.tries("mfactl status");
    assert!(status.text.contains("W022"), "{}", status.text);
}

#[test]
fn memory_is_locked_where_the_unit_sets_no_limit() {
    let Some(here) = Installed::boot() else {
        return;
    };
    if !here
        .machine
        .tries("prlimit --memlock=unlimited:unlimited true")
        .success
    {
        println!("skipped: not even root may raise the limit of locked memory here");
        return;
    }
    here.edit("test", "[Service]\nLimitMEMLOCK=infinity\n");
    here.machine.does("systemctl restart mfad");
    let journal = here.journal();
    assert!(
        journal.contains("; memory lock: all, also future pages"),
        "{journal}"
    );
    let locked = format!("grep VmLck: /proc/{}/status", here.main_pid());
    assert_ne!(here.machine.does(&locked), "VmLck:\t       0 kB");
    // A PIN is hashed in memory that is locked as well.
    let mut alice = Person::new("alice");
    here.add(&alice);
    here.machine
        .does("mfactl pin reset alice --generate --to-stdout -r test");
    here.gateway().lets_in("alice", &alice.code());
}

/// The programs of the suite, built as this one was.
fn programs(names: &[&str]) -> Vec<PathBuf> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--no-run", "--locked", "--message-format=json"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    for name in names {
        cargo.args(["--test", name]);
    }
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let messages = said.lines().map(|line| serde_json::from_str(line).unwrap());
    let found: Vec<PathBuf> = messages
        .filter(|message: &Value| message["profile"]["test"] == true)
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .collect();
    assert_eq!(found.len(), names.len(), "{found:?}");
    found
}

/// The unit without its sockets, for programs that start daemons themselves.
///
/// Tests and the daemons that they start have the sandbox in common. What is let out of it is
/// listed here, and what is not allowed kills instead of failing: so whatever the daemon does in
/// the suite is allowed by the filter, but for one call that is refused on purpose.
fn suite_unit(programs: &[PathBuf]) -> String {
    let unit = include_str!("../../systemd/mfad.service");
    let lines = unit
        .lines()
        .filter(|line| !line.starts_with("Requires=") && !line.starts_with("Sockets="));
    let mut text = lines.collect::<Vec<_>>().join("\n") + "\n";
    text += include_str!("../../systemd/network-profile.conf");
    text += "Type=oneshot\nRestart=no\nWatchdogSec=0\nTimeoutStartSec=infinity\n\
             LoadCredentialEncrypted=\nExecReload=\nExecStart=\n";
    for program in programs {
        text += &format!("ExecStart={}\n", program.display());
    }
    // Several daemons at once.
    text += "TasksMax=infinity\nMemoryHigh=infinity\nMemoryMax=infinity\n";
    // What is under test lies where it was built, and other people's programs where they are.
    let built = programs[0].ancestors().nth(2).unwrap();
    text += &format!("ExecPaths={} /usr/bin /usr/sbin\n", built.display());
    text += &format!(
        "ProtectHome=tmpfs\nBindReadOnlyPaths={0}\n",
        built.display()
    );
    text += &format!(
        "BindReadOnlyPaths={0}\nWorkingDirectory={0}\n",
        env!("CARGO_MANIFEST_DIR")
    );
    // The kernel is asked whether it keeps the clock right, and ProtectClock= forbids the answer.
    text += "SystemCallErrorNumber=\nSystemCallFilter=~clock_adjtime:EPERM\n";
    text += "StandardOutput=append:/var/log/suite\nStandardError=inherit\n";
    text
}

#[test]
fn the_suite_passes_inside_the_sandbox() {
    let programs = programs(if long() { &SUITE_LONG } else { &SUITE });
    let Some(machine) = Machine::boot() else {
        return;
    };
    machine.does(&commands(1, 0));
    let unit = machine.path("/etc/systemd/system/mfad-suite.service");
    std::fs::write(unit, suite_unit(&programs)).unwrap();
    machine.does("systemctl daemon-reload");
    // A line that is not understood would be ignored.
    let verified = machine.does("systemd-analyze verify --man=no mfad-suite.service");
    assert!(!verified.contains("mfad"), "{verified}");
    let result = machine.tries("systemctl start mfad-suite");
    let said = machine.does("cat /var/log/suite; systemctl status --no-pager mfad-suite || true");
    println!("{said}");
    assert!(result.success, "{}", result.text);
    assert_eq!(said.matches("test result: ok.").count(), programs.len());
}
