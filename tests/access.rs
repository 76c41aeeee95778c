//! The door between RADIUS and the rules, from outside: datagrams in, actions and replies out.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mfad::access::{
    Access, Action, Answer, DropReason, Gateway, GatewayStatistics, GatewayTable, Keys, Limits,
    PrimedVerdict, Ticket,
};
use mfad::domain::attempt::{Attempt, Proof};
use mfad::domain::policy::{FirstFactorBy, GatewayPolicy, Otherwise, PasscodeForm};
use mfad::domain::verdict::{How, Message, Reason, Verdict};
use mfad::radius::{AttributeType, Code, DecodeError, Packet, RequestBuilder, encode};
use mfad::secret::{SecretBytes, SecretKey};
use mfad::time::{Now, Timestamp};

const SECRET: &[u8] = b"a shared secret of the tests";
const ACCEPT: Verdict = Verdict::Accept {
    how: How::PolicyPassthrough,
    message: None,
};
const REJECT: Verdict = Verdict::Reject {
    reason: Reason::BadCode,
    message: Message::Denied,
};

/// vpn1 signs, vpn2 need not and is a network, vpn6 has an IPv6 address.
fn gateways() -> Vec<Gateway> {
    let strict = |name, network| gateway(name, network, true);
    vec![
        strict("vpn1", "192.0.2.10"),
        gateway("vpn2", "198.51.100.0/24", false),
        strict("vpn6", "2001:db8::5"),
    ]
}

fn gateway(name: &str, network: &str, require_message_authenticator: bool) -> Gateway {
    Gateway {
        policy: Arc::new(GatewayPolicy {
            name: Arc::from(name),
            first_factor: FirstFactorBy::Gateway,
            passcode: PasscodeForm::Otp,
            unknown_user: Otherwise::Reject,
            unenrolled: Otherwise::Reject,
            allow_passthrough: false,
            allowed_kinds: None,
            helpful: false,
            show_accept_message: true,
            strip_domain: vec!["CORP".to_owned()],
            same_code_grace: Duration::ZERO,
            reject_delay: Duration::from_secs(1),
            reject_on_internal_error: false,
        }),
        networks: vec![network.parse().unwrap()],
        secret: Arc::new(SecretBytes::copy_of(SECRET)),
        require_message_authenticator,
        attributes: vec![encode("Class", "staff").unwrap()],
    }
}

/// The daemon's side and one gateway's address.
struct World {
    access: Access,
    peer: SocketAddr,
    now: Now,
    scratch: Vec<u8>,
}

/// What came of a datagram.
#[derive(Debug, PartialEq)]
enum Seen {
    Drop(DropReason),
    Resend(Vec<u8>),
    Reply(Vec<u8>),
    Attempt(Ticket),
}

impl World {
    fn new() -> Self {
        Self::with(gateways(), Limits::default())
    }

    fn with(gateways: Vec<Gateway>, limits: Limits) -> Self {
        let keys = Keys {
            hash: [1; 16],
            pseudonym: SecretKey::new([2; 32]),
        };
        Self {
            access: Access::new(GatewayTable::new(gateways).unwrap(), limits, keys),
            peer: "192.0.2.10:40000".parse().unwrap(),
            now: Now::at(Timestamp(1_700_000_000_000)),
            scratch: Vec::new(),
        }
    }

    fn from(mut self, peer: &str) -> Self {
        self.peer = peer.parse().unwrap();
        self
    }

    fn pass(&mut self, ms: u64) {
        self.now = self.now.after(Duration::from_millis(ms));
    }

    fn action(&mut self, datagram: &[u8]) -> Action {
        let (access, scratch) = (&mut self.access, &mut self.scratch);
        access.receive(datagram, self.peer, 0, self.now, scratch)
    }

    fn send(&mut self, datagram: &[u8]) -> Seen {
        match self.action(datagram) {
            Action::Drop(reason) => Seen::Drop(reason),
            Action::Resend { octets } => Seen::Resend(octets.to_vec()),
            Action::Reply => Seen::Reply(self.scratch.clone()),
            Action::Attempt { ticket, .. } => Seen::Attempt(ticket),
        }
    }

    fn attempt(&mut self, datagram: &[u8]) -> (Attempt, Ticket) {
        match self.action(datagram) {
            Action::Attempt { attempt, ticket } => (*attempt, ticket),
            Action::Drop(reason) => panic!("dropped: {reason}"),
            _ => panic!("no attempt"),
        }
    }

    fn ticket(&mut self, datagram: &[u8]) -> Ticket {
        self.attempt(datagram).1
    }

    fn answer(&mut self, ticket: Ticket, verdict: &Verdict) -> Option<Answer> {
        self.access.answer(ticket, verdict, self.now)
    }

    fn counts(&self, name: &str) -> GatewayStatistics {
        self.access.gateway_statistics(name).unwrap().clone()
    }
}

/// A request in the making.
struct Login {
    identifier: u8,
    authenticator: [u8; 16],
    secret: &'static [u8],
    signed: bool,
    password: Option<&'static [u8]>,
    attributes: Vec<(u8, Vec<u8>)>,
}

fn login() -> Login {
    Login {
        identifier: 7,
        authenticator: [9; 16],
        secret: SECRET,
        signed: true,
        password: Some(b"123456"),
        attributes: vec![(1, b"alice".to_vec())],
    }
}

impl Login {
    fn with(mut self, kind: u8, value: &[u8]) -> Self {
        self.attributes.push((kind, value.to_vec()));
        self
    }

    fn octets(&self) -> Vec<u8> {
        let mut buffer = Vec::new();
        let mut request =
            RequestBuilder::access_request(self.identifier, &self.authenticator, &mut buffer);
        for (kind, value) in &self.attributes {
            request.attribute(AttributeType(*kind), value).unwrap();
        }
        if let Some(password) = self.password {
            request.user_password(password, self.secret).unwrap();
        }
        if self.signed {
            request.message_authenticator().unwrap();
        }
        request.finish(self.secret).to_vec()
    }
}

/// Checks a reply as a careful gateway does and gives its code and attributes.
fn read(reply: &[u8], authenticator: &[u8; 16]) -> (Code, Vec<(u8, Vec<u8>)>) {
    let packet = Packet::decode(reply).unwrap();
    let check = packet.check_reply(SECRET, authenticator);
    assert!(check.is_authentic() && check.message_authenticator_first);
    let rest = packet.attributes().skip(1);
    let attributes = rest.map(|it| (it.kind.0, it.value.to_vec())).collect();
    (packet.code(), attributes)
}

fn owned(attributes: &[(u8, &[u8])]) -> Vec<(u8, Vec<u8>)> {
    attributes
        .iter()
        .map(|(kind, value)| (*kind, value.to_vec()))
        .collect()
}

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

fn status(identifier: u8) -> Vec<u8> {
    let mut buffer = Vec::new();
    let mut request = RequestBuilder::status_server(identifier, &[3; 16], &mut buffer);
    request.message_authenticator().unwrap();
    request.finish(SECRET).to_vec()
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
    assert!(attempt.pseudonym.len() >= 4 && !attempt.pseudonym.contains("my"));
}

#[test]
fn names_what_cannot_be_checked() {
    let mut world = World::new();
    let bare = || Login {
        password: None,
        ..login()
    };
    let table: [(Login, Option<&str>); 8] = [
        (bare().with(3, &[0; 17]), Some("CHAP")),
        (bare().with(26, &[0, 0, 1, 55, 1, 3, 1]), Some("MS-CHAP")),
        (bare().with(26, &[0, 0, 1, 55, 25, 3, 1]), Some("MS-CHAPv2")),
        (
            bare().with(79, &[2, 7, 0, 10, 1, b'a']),
            Some("EAP-Identity"),
        ),
        (bare(), Some("none")),
        (login().with(3, &[0; 17]), Some("several")),
        (
            Login {
                attributes: Vec::new(),
                ..login()
            },
            Some("no User-Name"),
        ),
        (login().with(24, b"00ff"), None),
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
            (Proof::Unsupported(named), Some(method)) => assert_eq!(*named, method),
            (Proof::UnknownState, None) => {}
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
    let message = Some(Message::TemporaryEndsIn { hours: 5 });
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
            let message = Message::Denied;
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

#[test]
fn a_wrong_secret_is_seen_in_the_counts() {
    let mut world = World::new();
    for identifier in 0..5 {
        let wrong = Login {
            identifier,
            secret: b"mistyped",
            ..login()
        }
        .octets();
        assert_eq!(
            world.send(&wrong),
            Seen::Drop(DropReason::BadMessageAuthenticator)
        );
        world.pass(1_000);
    }
    let signing = |world: &World| world.counts("vpn1").addresses.rows[&world.peer.ip()];
    let wrong = signing(&world).wrong;
    assert_eq!((wrong.total, wrong.in_row), (5, 5));
    assert_eq!(
        wrong.last.unwrap().since(wrong.since.unwrap()),
        Duration::from_secs(4)
    );
    let window = world.counts("vpn1").window.sum(world.now);
    assert_eq!((window.packets, window.wrong_signatures), (5, 5));
    let _ = world.ticket(&login().octets());
    let cleared = signing(&world);
    assert_eq!(
        (cleared.signed, cleared.wrong.total, cleared.wrong.in_row),
        (1, 5, 0)
    );
    assert_eq!(cleared.last_signed, Some(world.now.wall));

    let mut world = World::new().from("198.51.100.7:1645");
    let unsigned = |identifier, secret| {
        Login {
            identifier,
            secret,
            signed: false,
            authenticator: [identifier; 16],
            ..login()
        }
        .octets()
    };
    for identifier in 0..8 {
        let _ = world.ticket(&unsigned(identifier, b"mistyped"));
    }
    assert_eq!(world.counts("vpn2").unreadable.in_row, 8);
    let _ = world.ticket(&unsigned(9, SECRET));
    let unreadable = world.counts("vpn2").unreadable;
    assert_eq!((unreadable.total, unreadable.in_row), (8, 0));
}

#[test]
fn serves_ipv6_and_mapped_ipv4() {
    let mut world = World::new().from("[2001:db8::5]:1645");
    let (attempt, ticket) = world.attempt(&login().octets());
    assert_eq!(
        (&*attempt.source.gateway, attempt.source.address),
        ("vpn6", world.peer)
    );
    assert_eq!(world.answer(ticket, &ACCEPT).unwrap().peer, world.peer);

    let mut world = World::new().from("[::ffff:192.0.2.10]:1645");
    let (attempt, ticket) = world.attempt(&login().octets());
    assert_eq!(attempt.source.address, "192.0.2.10:1645".parse().unwrap());
    assert_eq!(world.answer(ticket, &ACCEPT).unwrap().peer, world.peer);
    let mut world = World::new().from("[2001:db8::6]:1645");
    assert_eq!(
        world.send(&login().octets()),
        Seen::Drop(DropReason::UnknownGateway)
    );
}

#[test]
fn a_flood_keeps_the_bounds() {
    let mut world = World::new();
    let share = Limits::default().gateway_entries_max;
    let mut sent = 0;
    let mut flood = |world: &mut World, count: usize, answered: bool| {
        for _ in 0..count {
            sent += 1;
            world.peer.set_port(u16::try_from(sent / 256).unwrap());
            let identifier = u8::try_from(sent % 256).unwrap();
            let request = Login {
                identifier,
                ..login()
            };
            if let Seen::Attempt(ticket) = world.send(&request.octets()) {
                if answered {
                    assert!(world.answer(ticket, &ACCEPT).is_some());
                }
            }
        }
    };
    flood(&mut world, share + 100, true);
    assert_eq!(world.access.cache_use().entries, share);
    flood(&mut world, share + 50, false);
    let used = world.access.cache_use();
    assert_eq!((used.entries, used.in_progress), (share, share));
    assert_eq!(
        world.counts("vpn1").drops.of(DropReason::GatewayShareFull),
        50
    );
    // The other gateway does not notice.
    let mut world = world.from("[2001:db8::5]:1645");
    let ticket = world.ticket(&login().octets());
    assert!(world.answer(ticket, &ACCEPT).is_some());

    let limits = Limits {
        entries_max: 3,
        ..Limits::default()
    };
    let mut world = World::with(gateways(), limits);
    for identifier in 0..3 {
        let _ = world.ticket(
            &Login {
                identifier,
                ..login()
            }
            .octets(),
        );
    }
    let full = Login {
        identifier: 3,
        ..login()
    }
    .octets();
    assert_eq!(world.send(&full), Seen::Drop(DropReason::CacheFull));
}

#[test]
fn what_was_decided_before_the_start_is_said_again() {
    let mut before = World::new();
    let accepted = login().with(33, b"one").octets();
    let refused = Login {
        identifier: 8,
        ..login()
    }
    .octets();
    let (attempt, ticket) = before.attempt(&accepted);
    let accept = before.answer(ticket, &ACCEPT).unwrap();
    let (attempt2, ticket) = before.attempt(&refused);
    let reject = before.answer(ticket, &REJECT).unwrap();

    let primed = |digest, accepted, message: Option<&str>| PrimedVerdict {
        digest,
        gateway: Arc::from("vpn1"),
        accepted,
        message: message.map(Box::from),
        decided: before.now.wall,
    };
    let verdicts = [
        primed(attempt.digest, true, None),
        primed(attempt2.digest, false, Some("Access denied.")),
    ];
    let mut after = World::new();
    after.pass(300);
    after.access.prime(verdicts.clone(), after.now);
    assert_eq!(after.access.statistics().primed, 2);
    assert_eq!(after.send(&accepted), Seen::Reply(accept.octets.to_vec()));
    assert_eq!(
        after.send(&refused),
        Seen::Drop(DropReason::DuplicateInProgress)
    );
    after.pass(700);
    assert_eq!(after.send(&refused), Seen::Reply(reject.octets.to_vec()));
    assert_eq!(after.counts("vpn1").attempts, 0);
    let other = Login {
        authenticator: [10; 16],
        ..login()
    }
    .octets();
    assert!(matches!(after.send(&other), Seen::Attempt(_)));
    after.peer = "[2001:db8::5]:1645".parse().unwrap();
    assert!(
        matches!(after.send(&accepted), Seen::Attempt(_)),
        "another gateway"
    );
    after.peer = before.peer;
    after.pass(29_300);
    assert!(
        matches!(after.send(&accepted), Seen::Attempt(_)),
        "too late"
    );

    let mut late = World::new();
    late.pass(30_000);
    late.access.prime(verdicts, late.now);
    assert!(matches!(late.send(&accepted), Seen::Attempt(_)));
}

#[test]
fn a_reload_keeps_cache_and_counts() {
    let mut world = World::new();
    let (done, open) = (
        login().octets(),
        Login {
            identifier: 8,
            ..login()
        }
        .octets(),
    );
    let ticket = world.ticket(&done);
    let answer = world.answer(ticket, &ACCEPT).unwrap();
    let ticket = world.ticket(&open);
    let gone = {
        world.peer = "198.51.100.1:1".parse().unwrap();
        world.ticket(&done)
    };
    let reordered = vec![
        gateway("new", "198.51.100.0/24", true),
        gateway("vpn6", "2001:db8::5", true),
        gateway("vpn1", "192.0.2.10", true),
    ];
    world
        .access
        .replace_gateways(GatewayTable::new(reordered).unwrap());
    assert!(world.answer(gone, &ACCEPT).is_none());
    world.peer = answer.peer;
    assert_eq!(world.send(&done), Seen::Resend(answer.octets.to_vec()));
    assert!(world.answer(ticket, &ACCEPT).is_some());
    let counts = world.counts("vpn1");
    assert_eq!((counts.packets, counts.accepts, counts.resent), (3, 2, 1));
    assert_eq!(world.counts("new"), GatewayStatistics::default());
    assert!(world.access.gateway_statistics("vpn2").is_none());
    assert_eq!(world.access.gateways().gateways().len(), 3);
}
