//! What is dropped, and what an attempt is made of.

use mfad::access::DropReason;
use mfad::domain::attempt::Proof;
use mfad::radius::{Code, DecodeError};

use crate::world::{Login, Seen, World, login, read, status};

#[test]
fn strangers_get_silence() {
    let mut world = World::new().from("203.0.113.1:1");
    for datagram in [login().octets(), status(3), b"x".to_vec()] {
        assert_eq!(
            world.send(&datagram),
            Seen::Drop(DropReason::UnknownGateway)
        );
    }
    let statistics = world.access.statistics();
    assert_eq!(statistics.strangers.rows[&world.peer.ip()].packets, 3);
    assert_eq!(statistics.strangers_window.sum(world.now).drops, 3);
    assert!(
        statistics
            .gateways
            .iter()
            .all(|(_, counts)| counts.packets == 0)
    );
}

// test of CVE-2024-3596
#[test]
fn what_a_forger_of_replies_needs_is_dropped() {
    let mut world = World::new().from("198.51.100.7:1645");
    let unsigned = || Login {
        signed: false,
        ..login()
    };
    let shaped = unsigned().with(33, &[0; 200]).with(33, &[0; 200]).octets();
    let reason = DropReason::ProxyStateWithoutMessageAuthenticator;
    assert_eq!(world.send(&shaped), Seen::Drop(reason));
    assert_eq!(world.access.cache_use().entries, 0);
    assert!(matches!(world.send(&unsigned().octets()), Seen::Attempt(_)));
    let proxied = Login {
        identifier: 8,
        ..login()
    }
    .with(33, b"one")
    .octets();
    assert!(matches!(world.send(&proxied), Seen::Attempt(_)));
    let counts = world.counts("vpn2");
    assert_eq!((counts.signed, counts.unsigned), (1, 2));
    assert_eq!(counts.last_signed, Some(world.now.wall));
}

// test of RFC 5997 s3
#[test]
fn status_server_is_answered_at_once() {
    let mut world = World::new();
    for _ in 0..2 {
        let Seen::Reply(reply) = world.send(&status(3)) else {
            panic!("no reply");
        };
        assert_eq!(read(&reply, &[3; 16]), (Code::AccessAccept, Vec::new()));
    }
    assert_eq!(world.access.cache_use().entries, 0);
    let counts = world.counts("vpn1");
    assert_eq!(
        (counts.status_server, counts.attempts, counts.accepts),
        (2, 0, 0)
    );
    let mut bare = status(3);
    bare.truncate(20);
    bare[3] = 20;
    let reason = DropReason::Malformed(DecodeError::StatusServerUnsigned);
    assert_eq!(world.send(&bare), Seen::Drop(reason));
}

#[test]
fn other_codes_and_malformed_packets_are_dropped_and_counted() {
    let mut world = World::new();
    for code in [2, 3, 4, 5, 11, 40, 43, 52] {
        let mut datagram = login().octets();
        datagram[0] = code;
        assert_eq!(
            world.send(&datagram),
            Seen::Drop(DropReason::WrongCode),
            "{code}"
        );
    }
    let short = DropReason::Malformed(DecodeError::ShorterThanHeader);
    assert_eq!(world.send(b"short"), Seen::Drop(short));
    let counts = world.counts("vpn1");
    assert_eq!((counts.packets, counts.drops.total()), (9, 9));
    assert_eq!(counts.drops.of(DropReason::WrongCode), 8);
    assert_eq!(counts.window.sum(world.now).drops, 9);
    assert_eq!(counts.drops.iter().count(), 2);
}

#[test]
fn reads_the_attempt() {
    let mut world = World::new();
    let request = Login {
        attributes: Vec::new(),
        ..login()
    }
    .with(1, b"corp\\ALICE")
    .with(31, b"203.0.113.9\n")
    .with(4, &[192, 0, 2, 1]);
    let (attempt, _) = world.attempt(&request.octets());
    assert_eq!(attempt.user.as_deref(), Some("alice"));
    assert_eq!(attempt.passcode(), b"123456");
    assert_eq!(
        (&*attempt.source.gateway, attempt.source.address),
        ("vpn1", world.peer)
    );
    assert_eq!(&*attempt.source.station, "203.0.113.9?");
    assert_eq!(&*attempt.source.nas, "192.0.2.1");
    assert_eq!(
        (attempt.received, &*attempt.gateway.name),
        (world.now, "vpn1")
    );
    assert_eq!(world.counts("vpn1").last_method, Some("PAP"));

    let named = Login {
        identifier: 8,
        ..login()
    }
    .with(32, b"asa-berlin")
    .with(4, &[1; 4]);
    let (attempt, _) = world.attempt(&named.octets());
    assert_eq!(
        (&*attempt.source.nas, &*attempt.source.station),
        ("asa-berlin", "")
    );

    let typed = Login {
        identifier: 9,
        attributes: Vec::new(),
        ..login()
    }
    .with(1, b"my password");
    let (attempt, _) = world.attempt(&typed.octets());
    assert_eq!(attempt.user, None);
    let pseudonym = attempt.pseudonym.to_string();
    assert!(pseudonym.len() == 8 && !pseudonym.contains("my"));
}

#[test]
fn names_what_cannot_be_checked() {
    let mut world = World::new();
    let bare = || Login {
        password: None,
        ..login()
    };
    let table = [
        (bare().with(3, &[0; 17]), "CHAP"),
        (bare().with(26, &[0, 0, 1, 55, 1, 3, 1]), "MS-CHAP"),
        (bare().with(26, &[0, 0, 1, 55, 25, 3, 1]), "MS-CHAPv2"),
        (bare().with(79, &[2, 7, 0, 10, 1, b'a']), "EAP-Identity"),
        (bare(), "none"),
        (login().with(3, &[0; 17]), "several"),
        (
            Login {
                attributes: Vec::new(),
                ..login()
            },
            "no User-Name",
        ),
        // An answer in another method is no answer.
        (bare().with(3, &[0; 17]).with(24, b"00ff"), "CHAP"),
    ];
    for (identifier, (request, method)) in (0..).zip(table) {
        let (attempt, _) = world.attempt(
            &Login {
                identifier,
                ..request
            }
            .octets(),
        );
        match (&attempt.proof, method) {
            (Proof::Unsupported(named), method) => assert_eq!(*named, method),
            _ => panic!("{method:?}"),
        }
        assert!(attempt.passcode().is_empty());
    }
    let odd = Login {
        identifier: 20,
        ..bare()
    }
    .with(2, &[0; 15]);
    let (attempt, _) = world.attempt(&odd.octets());
    assert!(matches!(attempt.proof, Proof::Passcode(_)) && attempt.passcode().is_empty());
}

// test of RFC 3579 s3.2
#[test]
fn no_changed_octet_passes() {
    let mut world = World::new();
    for datagram in [login().with(31, b"203.0.113.9").octets(), status(3)] {
        for bit in 0..datagram.len() * 8 {
            let mut changed = datagram.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(world.send(&changed), Seen::Drop(_)), "bit {bit}");
        }
        for length in 0..datagram.len() {
            assert!(matches!(world.send(&datagram[..length]), Seen::Drop(_)));
        }
        assert!(!matches!(world.send(&datagram), Seen::Drop(_)));
    }
    assert_eq!(world.access.cache_use().entries, 1);
}
