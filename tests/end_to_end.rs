//! The product as its users meet it: the built daemon, real sockets, real packets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may stop at the first surprise, and measures time"
)]

mod common;

use std::time::{Duration, Instant};

use common::daemon::{REJECT_DELAY, Site};
use common::people::{PASSWORD, PIN, Person};

#[test]
fn lets_in_with_pin_and_code_with_password_and_code_and_with_the_code_alone() {
    let mut alice = Person::new("alice");
    let carol = Person::new("carol").with_totp();
    let daemon = Site::new(&[alice.clone(), carol.clone()]).start();
    daemon.gateway("gw-pin").lets_in("alice", &format!("{PIN}{}", alice.code()));
    daemon.gateway("gw-local").lets_in("alice", &format!("{PASSWORD}{}", alice.code()));
    daemon.gateway("gw-none").lets_in("alice", &alice.code());
    daemon.gateway("gw-gateway").lets_in("alice", &alice.code());
    daemon.gateway("gw-gateway").lets_in("ALICE", &alice.code());
    daemon.gateway("gw-pin").lets_in("carol", &format!("{PIN}{}", carol.clone().code()));
    daemon.stop();
}

#[test]
fn a_reject_does_not_leave_early() {
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    for (user, passcode) in [("alice", alice.wrong_code()), ("nobody", alice.code())] {
        let sent = Instant::now();
        daemon.gateway("gw-none").keeps_out(user, &passcode);
        assert!(sent.elapsed() >= REJECT_DELAY, "{user}: {:?}", sent.elapsed());
    }
    assert!(Duration::from_millis(100) <= REJECT_DELAY);
}
