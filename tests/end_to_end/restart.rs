//! Ends and beginnings of the process.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::common::conversation::Conversation;
use crate::common::daemon::{Daemon, Site};
use crate::common::gateway::{ACCEPT, Port, REJECT};
use crate::common::ledger::Ledger;
use crate::common::people::Person;

#[test]
fn an_answered_datagram_gets_the_same_answer_from_the_next_process() {
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let mut port = daemon.gateway("gw-none").port();
    let code = alice.code();
    let right = port.request("alice", &code);
    let wrong = port.request("alice", &alice.wrong_code());
    let (accepted, rejected) = (port.ask(&right), port.ask(&wrong));
    assert_eq!((accepted.code, rejected.code), (ACCEPT, REJECT));
    let daemon = daemon.kill().start();
    assert_eq!(port.ask(&right), accepted);
    assert_eq!(port.ask(&wrong), rejected);
    // The code itself is used up all the same.
    assert!(!port.login("alice", &code));
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("auth.accept", "alice"), 1);
    assert_eq!(ledger.rejects("alice", "bad_code"), 1);
    assert_eq!(ledger.count("auth.replay", "alice"), 1);
}

/// What is held back is committed long before it leaves. A daemon that is killed in between has asked,
/// and has counted, although nobody has heard of it; the gateway that sends again does.
#[test]
fn killed_between_the_commit_and_the_reply_a_round_is_not_judged_twice() {
    // The longest that there is.
    const HELD: Duration = Duration::from_secs(5);
    let again_with = |daemon: Daemon, delay| {
        let mut site = daemon.kill();
        site.reject_delay = delay;
        site.write_config("");
        site.start()
    };
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let delay = daemon.site.reject_delay;
    let mut port = daemon.gateway("gw-two-none").port();
    let committed = |mut daemon: Daemon, port: &Port, request: &[u8], line: &str| {
        daemon = again_with(daemon, HELD);
        port.socket.send(request).unwrap();
        daemon.wait_for_line(line, HELD);
        daemon = again_with(daemon, delay);
        assert!(port.hear(request, Duration::from_millis(1)).is_none());
        (port.ask(request), daemon)
    };

    let request = port.request("alice", "");
    let (question, daemon) = committed(daemon, &port, &request, "challenge attempt=");
    let request = port.answer("alice", &question.state(), &alice.wrong_code());
    let (answer, daemon) = committed(daemon, &port, &request, "reject attempt=");
    assert_eq!(answer.code, REJECT);
    let mut talk = Conversation::begin(&daemon.gateway("gw-two-none"), "alice", "");
    talk.types(&alice.code());
    talk.is_let_in();
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("auth.challenge", "alice"), 2);
    assert_eq!(ledger.rejects("alice", "bad_code"), 1);
}

// What is summed up leaves no digest, so a repetition of it is judged again by the next process,
// which does not know the passcode either (it is kept in memory only). That may not cost more.
#[test]
fn a_repeated_wrong_passcode_counts_at_most_once_more_after_a_restart() {
    let alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let mut port = daemon.gateway("gw-none").port();
    let wrong = alice.wrong_code();
    // Counted; written as a repetition; summed up.
    for _ in 0..2 {
        assert!(!port.login("alice", &wrong));
    }
    let summed = port.request("alice", &wrong);
    assert_eq!(port.ask(&summed).code, REJECT);
    let daemon = daemon.kill().start();
    for _ in 0..3 {
        assert_eq!(port.ask(&summed).code, REJECT);
        assert!(!port.login("alice", &wrong));
    }
    let ledger = Ledger::of(&daemon.stop());
    let counts = ledger.of_user("auth.reject", "alice").filter(|record| {
        let repeated = record.detail.contains_key("repeated");
        !repeated && !record.detail.contains_key("first")
    });
    assert_eq!(counts.count(), 2, "one before and one after");
}

#[test]
fn a_reject_that_is_held_back_still_leaves_at_the_end() {
    let alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let mut port = daemon.gateway("gw-none").port();
    let request = port.request("alice", &alice.wrong_code());
    port.socket.send(&request).unwrap();
    let mut daemon = daemon;
    daemon.wait_for_line("reject attempt=", Duration::from_secs(5));
    daemon.signal(Signal::SIGTERM);
    assert_eq!(
        port.hear(&request, Duration::from_secs(5))
            .map(|reply| reply.code),
        Some(REJECT)
    );
    daemon.stop();
}

#[test]
fn reads_its_configuration_anew_on_sighup() {
    let mut alice = Person::new("alice");
    let mut daemon = Site::new(std::slice::from_ref(&alice)).start();
    let gateway = daemon.gateway("gw-none");
    gateway.lets_in("alice", &alice.code());
    daemon
        .site
        .write_config("\n[token_types.hotp]\nenabled = false\n");
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for_line("reloaded", Duration::from_secs(5));
    gateway.keeps_out("alice", &alice.code());
    // A file with an error changes nothing.
    daemon
        .site
        .write_config("\n[token_types.hotp]\nenabled = true\nspeed = 7\n");
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for_line("NOT reloaded", Duration::from_secs(5));
    gateway.keeps_out("alice", &alice.code());
    let reloads = daemon.log().matches("reloaded").count();
    daemon.site.write_config("");
    daemon.signal(Signal::SIGHUP);
    let end = std::time::Instant::now() + Duration::from_secs(5);
    while daemon.log().matches("reloaded").count() <= reloads {
        assert!(std::time::Instant::now() < end, "{}", daemon.log());
        std::thread::sleep(Duration::from_millis(10));
    }
    gateway.lets_in("alice", &alice.code());
    daemon.stop();
}

#[test]
fn two_daemons_never_share_a_store() {
    let daemon = Site::new(&[]).start();
    let second = std::process::Command::new(env!("CARGO_BIN_EXE_mfad"))
        .arg("--config")
        .arg(daemon.site.path("mfad.toml"))
        .env_remove("JOURNAL_STREAM")
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(75));
    daemon.stop();
}

#[test]
fn a_wrong_key_seals() {
    let mut alice = Person::new("alice");
    let site = Site::new(std::slice::from_ref(&alice));
    let before = Ledger::of(&site).records.len();
    site.forge_key();
    let daemon = site.start_until("E020 SEALED");
    let mut port = daemon.gateway("gw-none").port();
    let request = port.request("alice", &alice.code());
    assert!(
        port.ask_for(&request, 2, Duration::from_millis(300))
            .is_none()
    );
    // It is there to be asked, and says so.
    let status = daemon
        .operator()
        .call("Daemon.Status", &serde_json::json!({}));
    assert!(status.to_string().contains("E020"), "{status}");
    let site = daemon.stop();
    site.restore_key();
    assert_eq!(
        Ledger::of(&site).records.len(),
        before,
        "nothing was written"
    );
    let daemon = site.start();
    assert_eq!(port.ask(&request).code, ACCEPT);
    daemon.stop();
}
