//! Questions on the wire: what a challenge carries, how its answer is read, and two steps of a
//! sign-in from octets to octets.

use std::sync::Arc;
use std::time::Duration;

use mfad::access::{DropReason, Gateway, Limits, PrimedVerdict, ReplyKind};
use mfad::domain::attempt::Proof;
use mfad::domain::dialogue::Handle;
use mfad::domain::policy::{FirstFactorBy, GatewayPolicy, PasscodeForm};
use mfad::domain::verdict::{Message, Question, Verdict};
use mfad::radius::Code;
use mfad::secret::SecretKey;
use mfad::time::Timestamp;

use crate::rules::{self, A, PIN};
use crate::world::{Login, Seen, World, gateway, login, owned, read};

fn question(held: bool) -> Question {
    Question {
        handle: Handle::fresh(&SecretKey::new([1; 32]), &[2; 32], Timestamp(3)),
        echo: true,
        seconds: 300,
        held,
    }
}

fn challenge(held: bool) -> Verdict {
    Verdict::Challenge {
        question: question(held),
        message: Message::EnterCode.into(),
    }
}

// test of RFC 2865 s4.4, s5.24, s5.33; RFC 2869 s5.10; RFC 3579 s3.2
#[test]
fn a_question_carries_its_words_and_its_state_and_leaves_at_once() {
    let mut world = World::new();
    let request = login().with(33, b"one").with(33, b"\0two").octets();
    let ticket = world.ticket(&request);
    let answer = world.answer(ticket, &challenge(false)).unwrap();
    let state = question(false).handle.state();
    let attributes = [
        (33, b"one".as_slice()),
        (33, b"\0two"),
        (18, b"Enter your one-time code:"),
        (24, state.as_bytes()),
        (76, &[0, 0, 0, 1]),
        (27, &[0, 0, 1, 44]),
    ];
    let expected = (Code::AccessChallenge, owned(&attributes));
    assert_eq!(read(&answer.octets, &[9; 16]), expected);
    assert_eq!(answer.leave_us, world.now.mono_us);
    // A State is text without an octet 0: there are gateways that keep it as such.
    assert!(state.len() == 32 && state.bytes().all(|b| b.is_ascii_hexdigit()));
    assert_eq!(world.send(&request), Seen::Resend(answer.octets.to_vec()));
    let counts = world.counts("vpn1");
    assert_eq!((counts.challenges, counts.rejects), (1, 0));
}

/// What everybody is asked tells nothing by its time either.
#[test]
fn a_question_to_everybody_leaves_when_a_reject_would() {
    let mut world = World::new();
    let request = login().octets();
    let ticket = world.ticket(&request);
    let answer = world.answer(ticket, &challenge(true)).unwrap();
    assert_eq!(answer.leave_us, world.now.mono_us + 1_000_000);
    let held = Seen::Drop(DropReason::DuplicateInProgress);
    assert_eq!(world.send(&request), held);
    world.pass(1_000);
    assert_eq!(world.send(&request), Seen::Resend(answer.octets.to_vec()));
}

#[test]
fn a_state_names_a_question_only_as_it_was_given_out() {
    let mut world = World::new();
    let handle = question(false).handle;
    let state = handle.state();
    let long = format!("{state}0");
    let states = [state.as_bytes(), &[0xff; 32], b"0", long.as_bytes(), b"\0"];
    for (identifier, state) in (0..).zip(states) {
        let answer = Login {
            identifier,
            ..login()
        };
        let (attempt, _) = world.attempt(&answer.with(24, state).octets());
        let Proof::Answer { handle: named, .. } = &attempt.proof else {
            panic!("no answer");
        };
        assert_eq!(*named, (identifier == 0).then_some(handle));
        assert_eq!(attempt.passcode(), b"123456");
    }
}

// test of RFC 5080 s2.2.2: the answer of before a restart, State included
#[test]
fn a_question_of_before_a_restart_is_asked_again_with_the_same_octets() {
    let mut before = World::new();
    let request = login().octets();
    let (attempt, ticket) = before.attempt(&request);
    let asked = before.answer(ticket, &challenge(false)).unwrap();
    let mut after = World::new();
    let primed = PrimedVerdict {
        digest: attempt.digest,
        gateway: Arc::from("vpn1"),
        reply: ReplyKind::Challenge(question(false)),
        message: Some(Box::from("Enter your one-time code:")),
        decided: before.now.wall,
    };
    after.access.prime([primed], after.now);
    assert_eq!(after.send(&request), Seen::Reply(asked.octets.to_vec()));
}

/// A gateway that shows questions, where mfad checks the PIN.
fn asking() -> Gateway {
    let plain = gateway("vpn1", "192.0.2.10", true);
    Gateway {
        policy: Arc::new(GatewayPolicy {
            first_factor: FirstFactorBy::Pin,
            passcode: PasscodeForm::Challenge,
            challenge: true,
            ..(*plain.policy).clone()
        }),
        ..plain
    }
}

#[test]
fn two_steps_from_octets_to_octets() {
    let mut world = World::with(vec![asking()], Limits::default());
    let gateway = asking();
    let mut alice = rules::World::new((*gateway.policy).clone());
    alice.now = world.now;
    let first = Login {
        password: Some(PIN),
        ..login()
    };
    let (attempt, ticket) = world.attempt(&first.octets());
    let verdict = alice.judge(&attempt).verdict;
    let asked = world.answer(ticket, &verdict).unwrap();
    let (code, attributes) = read(&asked.octets, &[9; 16]);
    assert_eq!(code, Code::AccessChallenge);
    let state = attributes.iter().find(|(kind, _)| *kind == 24).unwrap();

    let typed = rules::code(alice.record.as_ref().unwrap(), A, 0, alice.now);
    let typed: &'static str = typed.leak();
    let second = Login {
        identifier: 8,
        authenticator: [8; 16],
        password: Some(typed.as_bytes()),
        ..login()
    };
    let octets = second.with(24, &state.1).octets();
    let (attempt, ticket) = world.attempt(&octets);
    let verdict = alice.judge(&attempt).verdict;
    assert!(verdict.accepted());
    let accept = world.answer(ticket, &verdict).unwrap();
    assert_eq!(read(&accept.octets, &[8; 16]).0, Code::AccessAccept);
    // Sent again, it is answered again; sent anew, the State is used up.
    assert_eq!(world.send(&octets), Seen::Resend(accept.octets.to_vec()));
    world.now = world.now.after(Duration::from_secs(31));
    let (attempt, _) = world.attempt(&octets);
    assert_eq!(alice.judge(&attempt).text(), "dialogue_expired");
}
