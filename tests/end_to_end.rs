//! The product as its users meet it: the built daemon, real sockets, real packets.
//!
//! Each test has a daemon of its own. Every reply that any of them sees is checked to be signed
//! rightly, with the Message-Authenticator first.

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
#[path = "end_to_end/device_auth.rs"]
mod device_auth;
#[path = "end_to_end/dialogues.rs"]
mod dialogues;
#[path = "end_to_end/emergency.rs"]
mod emergency;
#[path = "end_to_end/enrolment.rs"]
mod enrolment;
#[path = "end_to_end/links.rs"]
mod links;
#[path = "end_to_end/lockout.rs"]
mod lockout;
#[path = "end_to_end/methods.rs"]
mod methods;
#[path = "end_to_end/metrics.rs"]
mod metrics;
#[path = "end_to_end/new_pin.rs"]
mod new_pin;
#[path = "end_to_end/operators.rs"]
mod operators;
#[path = "end_to_end/protocol.rs"]
mod protocol;
#[path = "end_to_end/resets.rs"]
mod resets;
#[path = "end_to_end/restart.rs"]
mod restart;
#[path = "end_to_end/sent_codes.rs"]
mod sent_codes;
#[path = "end_to_end/token_page.rs"]
mod token_page;

use common::daemon::Site;
use common::people::{PASSWORD, PIN, Person};

#[test]
fn lets_in_with_pin_and_code_with_password_and_code_and_with_the_code_alone() {
    let mut alice = Person::new("alice");
    let mut carol = Person::new("carol").with_totp();
    let daemon = Site::new(&[alice.clone(), carol.clone()]).start();
    daemon
        .gateway("gw-pin")
        .lets_in("alice", &format!("{PIN}{}", alice.code()));
    daemon
        .gateway("gw-local")
        .lets_in("alice", &format!("{PASSWORD}{}", alice.code()));
    daemon.gateway("gw-none").lets_in("alice", &alice.code());
    daemon.gateway("gw-gateway").lets_in("alice", &alice.code());
    daemon.gateway("gw-gateway").lets_in("ALICE", &alice.code());
    let code = carol.code();
    daemon
        .gateway("gw-pin")
        .lets_in("carol", &format!("{PIN}{code}"));
    daemon.gateway("gw-none").keeps_out("carol", &code);
    daemon.stop();
}

#[test]
fn each_gateway_wants_its_own_form() {
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let code = alice.code();
    daemon
        .gateway("gw-none")
        .keeps_out("alice", &format!("{PIN}{code}"));
    daemon.gateway("gw-pin").keeps_out("alice", PIN);
    // The code alone is a code with an empty PIN: it fits, and is used up.
    daemon.gateway("gw-pin").keeps_out("alice", &code);
    daemon.gateway("gw-none").keeps_out("alice", &code);
    daemon
        .gateway("gw-local")
        .keeps_out("alice", &format!("{PIN}{}", alice.code()));
    daemon
        .gateway("gw-local")
        .lets_in("alice", &format!("{PASSWORD}{}", alice.code()));
}
