//! Retransmitted requests: the same octets, one evaluation.

use mfad::access::{Action, DropReason};
use mfad::radius::Code;

use crate::world::{ACCEPT, Login, REJECT, Seen, World, login, read};

// test of RFC 5080 s2.2.2
#[test]
fn a_retransmitted_request_gets_the_same_octets() {
    let mut world = World::new();
    let datagram = login().octets();
    let ticket = world.ticket(&datagram);
    let in_progress = Seen::Drop(DropReason::DuplicateInProgress);
    assert_eq!(world.send(&datagram), in_progress);
    world.pass(5);
    let answer = world.answer(ticket, &ACCEPT).unwrap();
    assert_eq!((answer.peer, answer.socket), (world.peer, 0));
    assert_eq!(answer.leave_us, world.now.mono_us);
    let same = Seen::Resend(answer.octets.to_vec());
    assert_eq!(world.send(&datagram), same);
    let padded = [datagram.as_slice(), &[0; 9]].concat();
    assert_eq!(world.send(&padded), same);
    world.pass(29_999);
    assert_eq!(world.send(&datagram), same);
    world.pass(1);
    assert!(matches!(world.send(&datagram), Seen::Attempt(_)));
    let counts = world.counts("vpn1");
    assert_eq!((counts.attempts, counts.accepts, counts.resent), (2, 1, 3));
    assert_eq!(counts.drops.of(DropReason::DuplicateInProgress), 1);
}

#[test]
fn a_request_is_known_by_where_it_came_from() {
    let mut world = World::new();
    let datagram = login().octets();
    let _ = world.ticket(&datagram);
    let (peer, now) = (world.peer, world.now);
    let mut scratch = Vec::new();
    let action = world.access.receive(&datagram, peer, 1, now, &mut scratch);
    assert!(matches!(action, Action::Attempt { .. }), "another socket");
    world.peer.set_port(40_001);
    assert!(
        matches!(world.send(&datagram), Seen::Attempt(_)),
        "another port"
    );
    let other = Login {
        identifier: 8,
        ..login()
    };
    assert!(
        matches!(world.send(&other.octets()), Seen::Attempt(_)),
        "another identifier"
    );
}

#[test]
fn a_new_request_under_the_same_identifier_voids_the_old_one() {
    let mut world = World::new();
    let first = login().octets();
    let second = Login {
        authenticator: [10; 16],
        ..login()
    }
    .octets();
    let old = world.ticket(&first);
    let new = world.ticket(&second);
    assert!(world.answer(old, &ACCEPT).is_none());
    assert!(!world.access.abandon(old));
    let answer = world.answer(new, &ACCEPT).unwrap();
    assert_eq!(read(&answer.octets, &[10; 16]).0, Code::AccessAccept);
    assert_eq!(world.send(&second), Seen::Resend(answer.octets.to_vec()));
    // Other contents under the same authenticator are another request as well.
    let third = Login {
        authenticator: [10; 16],
        ..login().with(31, b"x")
    }
    .octets();
    assert!(matches!(world.send(&third), Seen::Attempt(_)));
    assert_eq!(world.access.cache_use().entries, 1);
    assert_eq!(world.counts("vpn1").accepts, 1);
}

#[test]
fn a_wrong_signature_never_touches_the_cache() {
    let mut world = World::new();
    let datagram = login().octets();
    let ticket = world.ticket(&datagram);
    let forged = Login {
        authenticator: [11; 16],
        secret: b"guessed",
        ..login()
    }
    .octets();
    assert_eq!(
        world.send(&forged),
        Seen::Drop(DropReason::BadMessageAuthenticator)
    );
    let unsigned = Login {
        authenticator: [11; 16],
        signed: false,
        ..login()
    }
    .octets();
    assert_eq!(
        world.send(&unsigned),
        Seen::Drop(DropReason::NoMessageAuthenticator)
    );
    assert_eq!(world.access.cache_use().entries, 1);
    assert!(world.answer(ticket, &ACCEPT).is_some());
}

#[test]
fn a_reject_leaves_at_its_time_and_is_repeated_only_then() {
    let mut world = World::new();
    let datagram = login().octets();
    let received_us = world.now.mono_us;
    let ticket = world.ticket(&datagram);
    world.pass(20);
    let answer = world.answer(ticket, &REJECT).unwrap();
    assert_eq!(answer.leave_us, received_us + 1_000_000);
    world.pass(979);
    assert_eq!(
        world.send(&datagram),
        Seen::Drop(DropReason::DuplicateInProgress)
    );
    world.pass(1);
    assert_eq!(world.send(&datagram), Seen::Resend(answer.octets.to_vec()));

    let slow = Login {
        identifier: 8,
        ..login()
    }
    .octets();
    let ticket = world.ticket(&slow);
    world.pass(2_000);
    let answer = world.answer(ticket, &REJECT).unwrap();
    assert_eq!(answer.leave_us, world.now.mono_us);
    assert_eq!(world.counts("vpn1").rejects, 2);
}

#[test]
fn an_abandoned_request_is_judged_again() {
    let mut world = World::new();
    let datagram = login().octets();
    let ticket = world.ticket(&datagram);
    assert!(world.access.abandon(ticket));
    assert!(!world.access.abandon(ticket));
    assert!(world.answer(ticket, &ACCEPT).is_none());
    let again = world.ticket(&datagram);
    assert!(world.answer(again, &ACCEPT).is_some());
    assert!(!world.access.abandon(again), "answered already");
    assert_eq!(world.counts("vpn1").abandoned, 1);
}
