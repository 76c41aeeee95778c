//! What replies carry, and that a Reject tells nothing.

use mfad::access::{DropReason, Limits};
use mfad::domain::verdict::{How, Message, Reason, Verdict};
use mfad::radius::{Code, encode};

use crate::world::{ACCEPT, Login, REJECT, World, gateways, login, owned, read};

#[test]
fn an_accept_carries_what_is_configured() {
    let mut world = World::new();
    let request = login().with(33, b"one").with(33, b"\0two");
    let ticket = world.ticket(&request.octets());
    let answer = world.answer(ticket, &ACCEPT).unwrap();
    let proxied = [(33, b"one".as_slice()), (33, b"\0two"), (25, b"staff")];
    let expected = (Code::AccessAccept, owned(&proxied));
    assert_eq!(read(&answer.octets, &[9; 16]), expected);

    let ticket = world.ticket(
        &Login {
            identifier: 8,
            ..login()
        }
        .octets(),
    );
    let message = Some(Message::TemporaryEndsIn { hours: 5 }.into());
    let how = How::Passthrough(1);
    let answer = world
        .answer(ticket, &Verdict::Accept { how, message })
        .unwrap();
    let (_, attributes) = read(&answer.octets, &[9; 16]);
    assert_eq!(attributes[0], (25, b"staff".to_vec()));
    assert_eq!(attributes[1].0, 18);
    assert!(
        attributes[1]
            .1
            .starts_with(b"Temporary access ends in 5 hours.")
    );
}

#[test]
fn every_reject_has_the_same_octets() {
    for (peer, state) in [
        ("192.0.2.10:5", None),
        ("198.51.100.9:5", Some(b"p".as_slice())),
    ] {
        let mut world = World::new().from(peer);
        let mut first = None;
        for reason in Reason::ALL {
            let mut request = Login {
                password: Some(reason.name().as_bytes()),
                ..login()
            };
            request.attributes[0].1 = reason.name().as_bytes().to_vec();
            if let Some(state) = state {
                request = request.with(33, state);
            }
            let ticket = world.ticket(&request.octets());
            let message = Message::Denied.into();
            let answer = world
                .answer(ticket, &Verdict::Reject { reason, message })
                .unwrap();
            let (code, attributes) = read(&answer.octets, &[9; 16]);
            let said = (18, b"Access denied.".to_vec());
            let copied = state.map(|state| (33, state.to_vec()));
            let expected: Vec<_> = copied.into_iter().chain([said]).collect();
            assert_eq!((code, attributes), (Code::AccessReject, expected));
            // The authenticators of one request and one reply leave no room for a difference.
            assert_eq!(
                *first.get_or_insert_with(|| answer.octets.to_vec()),
                *answer.octets
            );
        }
    }
}

#[test]
fn a_reply_that_does_not_fit_is_not_sent() {
    let mut gateways = gateways();
    gateways[0].attributes = vec![encode("Class", &"x".repeat(253)).unwrap(); 16];
    let mut world = World::with(gateways, Limits::default());
    let datagram = login().octets();
    let ticket = world.ticket(&datagram);
    assert!(world.answer(ticket, &ACCEPT).is_none());
    assert_eq!(world.counts("vpn1").drops.of(DropReason::ReplyTooLong), 1);
    let again = world.ticket(&datagram);
    assert!(world.answer(again, &REJECT).is_some());
}
