//! T-15: a backup is restored after thousands of sign-ins, and nothing that was used meanwhile is
//! good again.
//!
//! The built daemon makes the backup, lets 2,000 people's codes in, and is stopped; the built
//! `mfad --restore` puts the backup back; then every one of these passcodes is typed once more.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise"
)]

mod common;

use std::process::Command;

use common::daemon::{Daemon, Site};
use common::gateway::Gateway;
use common::people::{PIN, Person};
use serde_json::json;

/// People with event based tokens, and how many codes each uses.
const HOTP_PEOPLE: usize = 40;
const HOTP_CODES: usize = 40;

/// People with time based tokens, each of whom uses the code of the moment.
const TOTP_PEOPLE: usize = 400;

/// Gateways ask from so many ports at once.
const PORTS: usize = 16;

/// Nobody is locked for trying what is void, so that every code is looked at.
const RULES: &str = "\n[lockout.user]\nmax_failures = 0\n[lockout.token]\nmax_failures = 100\n";

/// A passcode that was typed.
#[derive(Clone)]
struct Used {
    user: String,
    passcode: String,
}

fn people(what: &str, count: usize) -> Vec<Person> {
    let person = |at| {
        let mut person = Person::new(&format!("{what}{at}"));
        // Without hashes: what is tested is the code alone.
        (person.pin, person.password) = (String::new(), String::new());
        person
    };
    (0..count).map(person).collect()
}

/// Everybody logs in with fresh codes; what was typed and let in.
fn log_in(gateway: &Gateway, people: &mut [Person], codes: usize) -> Vec<Used> {
    let share = people.len().div_ceil(PORTS);
    std::thread::scope(|scope| {
        let port = |people| scope.spawn(move || log_in_each(gateway, people, codes));
        let ports: Vec<_> = people.chunks_mut(share).map(port).collect();
        ports
            .into_iter()
            .flat_map(|port| port.join().unwrap())
            .collect()
    })
}

fn log_in_each(gateway: &Gateway, people: &mut [Person], codes: usize) -> Vec<Used> {
    let mut port = gateway.port();
    let mut used = Vec::new();
    for person in people {
        for _ in 0..codes {
            let (user, passcode) = (person.name.clone(), person.code());
            assert!(port.login(&user, &passcode), "{user} must be let in");
            used.push(Used { user, passcode });
        }
    }
    used
}

/// How many of these are let in.
fn let_in(gateway: &Gateway, used: &[Used]) -> usize {
    std::thread::scope(|scope| {
        let each = |part: &[Used]| {
            let mut port = gateway.port();
            let again = |one: &&Used| port.login(&one.user, &one.passcode);
            part.iter().filter(again).count()
        };
        let share = used.len().div_ceil(PORTS);
        let port = |part| scope.spawn(move || each(part));
        let ports: Vec<_> = used.chunks(share).map(port).collect();
        ports.into_iter().map(|port| port.join().unwrap()).sum()
    })
}

fn restored(site: Site, backup: &str, users: usize) -> Daemon {
    let path = site.path("state/backup").join(format!("{backup}.mfad"));
    let output = Command::new(env!("CARGO_BIN_EXE_mfad"))
        .arg("--restore")
        .arg(path)
        .args(["--yes", "--expect", &users.to_string(), "--config"])
        .arg(site.path("mfad.toml"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{output:?}");
    assert!(said.contains("400 TOTP"), "{said}");
    site.start()
}

#[test]
fn nothing_that_was_used_after_a_backup_is_good_after_its_restore() {
    let mut hotp = people("hotp", HOTP_PEOPLE);
    let mut totp = people("totp", TOTP_PEOPLE);
    for person in &mut totp {
        *person = person.clone().with_totp();
    }
    let (rita, mut pat) = (Person::new("rita"), Person::new("pat"));
    let mut all = [hotp.clone(), totp.clone()].concat();
    all.extend([rita, pat.clone()]);
    let daemon = Site::with(&all, RULES).start();
    let operator = daemon.operator();
    let issued = operator.change("Tokens.RecoveryIssue", "rita", &json!({}));
    let recovery = issued["done"]["reveal"]["text"].as_str().unwrap();
    let recovery = recovery.lines().map(|code| Used {
        user: "rita".to_owned(),
        passcode: code.to_owned(),
    });
    let recovery: Vec<Used> = recovery.collect();
    operator.change("Passthrough.Enable", "pat", &json!({"for_s": 3600}));
    operator.call("Daemon.Backup", &json!({"name": "old"}));

    let (codes, pins) = (daemon.gateway("gw-none"), daemon.gateway("gw-pin"));
    let mut used = log_in(&codes, &mut hotp, HOTP_CODES);
    used.extend(log_in(&codes, &mut totp, 1));
    assert_eq!(used.len(), 2_000);
    for code in &recovery[..2] {
        codes.lets_in("rita", &code.passcode);
    }
    pins.lets_in("pat", PIN);

    let daemon = restored(daemon.stop(), "old", all.len());
    assert_eq!(let_in(&codes, &used), 0, "codes that were used");
    assert_eq!(let_in(&codes, &recovery), 0, "recovery codes, used or not");
    pins.keeps_out("pat", PIN);

    // An event based token waits for an operator, and then goes on behind what was used.
    let first = &mut hotp[0];
    let token = format!("{}/hotp", first.name);
    let (fresh, one, two) = (first.code(), first.code(), first.code());
    codes.keeps_out(&first.name, &fresh);
    let resync = json!({"token": token, "first": one, "second": two, "reason": "restored"});
    daemon.operator().call("Tokens.Resync", &resync);
    codes.keeps_out(&first.name, &two);
    let next = first.code();
    codes.lets_in(&first.name, &next);
    pat.next = 0;
    pins.keeps_out("pat", &format!("{PIN}{}", pat.code()));
    daemon.stop();
}
