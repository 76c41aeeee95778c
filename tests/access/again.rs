//! Ten thousand requests, each five times at once, and again later: one evaluation for each.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use mfad::access::{Action, DropReason, Ticket};
use mfad::domain::attempt::Attempt;
use mfad::domain::policy::{FirstFactorBy, PasscodeForm};
use mfad::domain::token_record::TokenKind;
use mfad::domain::verdict::Verdict;
use mfad::radius::{AttributeType, RequestBuilder};
use mfad::token::Otp;

use crate::rules::{self, A};
use crate::world::{SECRET, Seen, World};

const REQUESTS: u16 = 10_000;

/// Threads that send everything at the same time.
const COPIES: usize = 5;

/// Ports of each gateway; a port has 256 identifiers.
const PORTS: u16 = 25;

/// One gateway's share of the cache holds fewer requests than all of them.
const GATEWAYS: [&str; 2] = ["192.0.2.10", "[2001:db8::5]"];

/// A request with the code of its own counter.
struct Request {
    peer: SocketAddr,
    octets: Vec<u8>,
}

// test of RFC 5080 s2.2.2
#[test]
fn ten_thousand_requests_five_times_at_once_and_later_are_evaluated_once_each() {
    let mut world = World::new();
    let mut alice = rules::World::new(rules::gateway(
        "vpn1",
        FirstFactorBy::Gateway,
        PasscodeForm::Otp,
    ));
    alice.alice().profile_mut().tokens = vec![rules::token(A, TokenKind::Hotp)];
    alice.policy.lockout.user_max_failures = 0;
    let next = alice
        .auth()
        .token(rules::id(A))
        .map_or(0, |it| it.next_factor);
    let requests: Vec<Request> = (0..REQUESTS).map(|number| request(next, number)).collect();

    let began = world.now;
    let attempts = all_at_once(&mut world, &requests);

    // Judged, and answered.
    let mut accepts = Vec::new();
    for (attempt, ticket) in &attempts {
        alice.now = world.now;
        let verdict = alice.judge(attempt).verdict;
        assert!(verdict.accepted());
        accepts.push(world.answer(*ticket, &verdict).unwrap().octets);
    }

    // In the window: the same octets, and nothing to judge.
    for seconds in [1, 10] {
        world.now = began.after(Duration::from_secs(seconds));
        for (Request { peer, octets }, accept) in requests.iter().zip(&accepts) {
            world.peer = *peer;
            assert_eq!(world.send(octets), Seen::Resend(accept.to_vec()));
        }
    }

    // Later: judged again, and the code is used up.
    world.now = began.after(Duration::from_secs(31));
    for Request { peer, octets } in &requests {
        world.peer = *peer;
        let (attempt, ticket) = world.attempt(octets);
        alice.now = world.now;
        let verdict = alice.judge(&attempt).verdict;
        assert!(matches!(verdict, Verdict::Reject { .. }));
        assert!(world.answer(ticket, &verdict).is_some());
    }
    let judged: u64 = ["vpn1", "vpn6"]
        .map(|gateway| world.counts(gateway).attempts)
        .iter()
        .sum();
    assert_eq!(
        judged,
        2 * u64::from(REQUESTS),
        "once, and once after the window"
    );
}

/// Sends every copy of every request at the same time; one of each is to be judged.
fn all_at_once(world: &mut World, requests: &[Request]) -> Vec<(Attempt, Ticket)> {
    let (shared, attempts) = (Mutex::new(world), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for copy in 0..COPIES {
            let (shared, attempts) = (&shared, &attempts);
            scope.spawn(move || {
                let from = copy * requests.len() / COPIES;
                for at in (from..requests.len()).chain(0..from) {
                    let Request { peer, octets } = &requests[at];
                    let mut world = shared.lock().unwrap();
                    world.peer = *peer;
                    match world.action(octets) {
                        Action::Attempt { attempt, ticket } => {
                            attempts.lock().unwrap().push((at, attempt, ticket));
                        }
                        Action::Drop(reason) => {
                            assert_eq!(reason, DropReason::DuplicateInProgress);
                        }
                        Action::Resend { .. } | Action::Reply => panic!("answered unjudged"),
                    }
                }
            });
        }
    });
    let mut attempts = attempts.into_inner().unwrap();
    attempts.sort_by_key(|(at, ..)| *at);
    assert!(attempts.iter().map(|(at, ..)| *at).eq(0..requests.len()));
    attempts
        .into_iter()
        .map(|(_, attempt, ticket)| (attempt, ticket))
        .collect()
}

fn request(next: u64, number: u16) -> Request {
    let each = REQUESTS / 2;
    let (gateway, place) = (usize::from(number / each), number % each);
    let port = 40_000 + place % PORTS;
    let identifier = u8::try_from(place / PORTS).unwrap();
    let mut authenticator = [9; 16];
    authenticator[..2].copy_from_slice(&number.to_be_bytes());
    let code = Otp::HOTP.code_at(&rules::seed(A), next + u64::from(number));
    let mut octets = Vec::new();
    let mut request = RequestBuilder::access_request(identifier, &authenticator, &mut octets);
    request.message_authenticator().unwrap();
    let name = AttributeType::USER_NAME;
    request.attribute(name, b"alice").unwrap();
    let passcode = code.text();
    request
        .user_password(passcode.expose().as_bytes(), SECRET)
        .unwrap();
    let _ = request.finish(SECRET);
    let peer = format!("{}:{port}", GATEWAYS[gateway]).parse().unwrap();
    Request { peer, octets }
}
