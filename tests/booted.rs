//! mfad under a real systemd: installed by the commands of `docs/production.md` in a booted
//! container, started, asked by people of each role, stopped in its tracks, restarted under load.
//!
//! Only root can boot a container; without root or `systemd-nspawn` these tests say so and pass,
//! unless `CI=true`. Where root may not make one they say so and pass in any case. They use loopbacks
//! of their containers and nothing else.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise, and measures time"
)]

mod common;
#[path = "booted/installed.rs"]
mod installed;
#[path = "booted/machine.rs"]
mod machine;
#[path = "booted/pages.rs"]
mod pages;
#[path = "booted/restarts.rs"]
mod restarts;
#[path = "booted/roles.rs"]
mod roles;
#[path = "booted/sandbox.rs"]
mod sandbox;

use common::people::Person;
use installed::{Installed, blocks, commands};

#[test]
fn production_md_leads_to_a_daemon_that_serves() {
    let Some(here) = Installed::boot() else {
        return;
    };
    let mut alice = Person::new("alice");
    here.add(&alice);
    let gateway = here.gateway();
    let code = alice.code();
    gateway.lets_in("alice", &code);
    gateway.keeps_out("alice", &code);
    let journal = here.journal();
    for line in [
        "<6>mfad: mfad ",
        "<6>mfad: given up: umask: 0077; core dumps: off; debugging: off; ",
        "<4>mfad: /etc/mfad/gateways.d/vpn1.toml:6:1: warning W033: ",
        "<6>mfad: 16 MiB are kept for a full disk\n",
        "<6>mfad: listening udp=[::]:1812 from=systemd\n",
        "<6>mfad: READY gateways=1 users=0 locked=0 ms=",
        "<6>mfad: accept attempt=",
    ] {
        assert!(journal.contains(line), "{line}\n{journal}");
    }
}

// `mfad --check` once knew no credential but the master key, and said that mfad would not start.
#[test]
fn the_secret_of_a_gateway_may_be_a_credential_too() {
    let Some(here) = Installed::boot() else {
        return;
    };
    let mut alice = Person::new("alice");
    here.add(&alice);
    let gateway = here.gateway();
    let sealed = "/etc/credstore.encrypted/vpn1.secret";
    here.machine.does(&format!(
        "cd /etc/mfad/gateways.d
         systemd-creds encrypt --with-key=host --name=vpn1.secret vpn1.secret {sealed}
         rm vpn1.secret
         sed -i 's/^secret_file = .*/secret_credential = \"vpn1.secret\"/' vpn1.toml"
    ));
    let lines = format!("[Service]\nLoadCredentialEncrypted=vpn1.secret:{sealed}\n");
    here.edit("test", &lines);
    here.machine.does("systemctl stop mfad");
    let checked = here.machine.does("mfad --check");
    assert!(checked.contains("mfad would start."), "{checked}");
    here.machine.does("systemctl start mfad");
    gateway.lets_in("alice", &alice.code());
}

#[test]
fn a_backup_is_rehearsed_as_production_md_says() {
    let Some(here) = Installed::boot() else {
        return;
    };
    let (mut alice, bob) = (Person::new("alice"), Person::new("bob"));
    here.add(&alice);
    let gateway = here.gateway();
    let used = alice.code();
    gateway.lets_in("alice", &used);
    here.machine.does(&commands(10, 0));
    here.add(&bob);
    let backup = here.machine.does("ls /var/lib/mfad/backup/*.mfad");
    let restore = commands(10, 1).replace("/var/lib/mfad/backup/NAME.mfad", &backup);
    let restore = format!("{restore} --yes --expect 1");
    let said = here.machine.does(&restore);
    assert!(said.contains("restored 1 user"), "{said}");
    let started = here.machine.does(&commands(10, 2));
    assert!(started.contains("mfad would start."), "{started}");
    here.machine.does("mfactl user show alice");
    let gone = here.machine.tries("mfactl user show bob");
    assert!(!gone.success, "{}", gone.text);
    gateway.keeps_out("alice", &used);
    // An event based token waits for an operator.
    gateway.keeps_out("alice", &alice.code());
    let (first, second) = (alice.hotp(5), alice.hotp(6));
    here.machine.does(&format!(
        "mfactl token resync S-alice {first} {second} -r found"
    ));
    gateway.lets_in("alice", &alice.hotp(7));
}

#[test]
fn metrics_are_served_as_production_md_says() {
    let Some(here) = Installed::with_drop_in(&blocks(11)[0]) else {
        return;
    };
    let listen =
        r#"sed -i '/^\[metrics\]$/a listen = "/run/mfad-metrics/socket"' /etc/mfad/mfad.toml"#;
    here.machine.does(listen);
    here.machine.does("systemctl restart mfad");
    let socket = here.machine.path("/run/mfad-metrics/socket");
    let page = scrape(&socket);
    assert!(page.contains("\nmfad_up 1\n"), "{page}");
    let modes = here
        .machine
        .does("stat -c %a:%U:%G /run/mfad-metrics /run/mfad-metrics/socket");
    assert_eq!(modes, "755:mfad:mfad\n660:mfad:mfad");
}

fn scrape(socket: &std::path::Path) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::os::unix::net::UnixStream::connect(socket).unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.0\r\nHost: mfad\r\n\r\n")
        .unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    page
}
