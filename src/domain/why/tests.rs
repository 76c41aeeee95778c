//! The fixed list of verdict lines, each brought about once.

use smol_str::SmolStr;

use super::super::explain::tests::{alice, vpn1};
use super::super::pin::PinRecord;
use super::super::sealed::Sealed;
use super::super::token_record::Base;
use super::*;
use crate::token::Period;

fn attempts(reasons: &[Option<Reason>]) -> Vec<PastAttempt> {
    let attempt = |(n, refused): (u32, &Option<Reason>)| PastAttempt {
        at: Timestamp(i64::from(n)),
        gateway: Arc::from("vpn1"),
        station: SmolStr::default(),
        answers: None,
        refused: *refused,
        asked: false,
        how: refused.is_none().then(|| "token".to_owned()),
        count: refused.map(|_| (n, 5)),
        repeated: false,
        locked_now: false,
        distance: None,
    };
    (1..).zip(reasons).map(attempt).collect()
}

fn asked(record: &UserRecord, past: &[PastAttempt], role: Role) -> Why {
    let now = Now::at(Timestamp(1_800_000_000_000));
    let gateways = [Arc::new(vpn1())];
    why(
        Some(record),
        "alice",
        past,
        &gateways,
        &Policy::default(),
        role,
        now,
    )
}

#[test]
fn every_diagnosis_has_words_and_advice() {
    for looks in [
        Looks::Clock { ahead_s: -210 },
        Looks::CounterAhead { by: 12 },
        Looks::OtherToken,
        Looks::WrongFirstFactor,
        Looks::HalfMissing,
        Looks::UsedTwice,
        Looks::Method,
        Looks::RanOut,
        Looks::OnlyGuesses,
        Looks::NotEnough,
        Looks::Unanswered,
        Looks::NoPacket,
    ] {
        assert!(!looks.text().is_empty());
        let advice = looks.advice("alice", Some("T-8F3K2"));
        assert!(!advice.is_empty() && advice.iter().all(|line| !line.contains("NAME")));
        assert!(advice.iter().all(|line| !line.contains("TOKEN")));
        let without = looks.advice("alice", None);
        assert!(without.iter().all(|line| !line.contains("token test")));
    }
}

#[test]
fn each_pattern_of_failures_is_told_apart() {
    use Reason::{BadCode, BadPin, DialogueExpired, NoPin, Replay, UnsupportedAuth};
    for (reasons, looks) in [
        (&[][..], Some(Looks::NoPacket)),
        (&[None][..], None),
        (&[None, Some(Replay)], Some(Looks::UsedTwice)),
        (&[Some(BadPin)], Some(Looks::WrongFirstFactor)),
        (&[Some(BadPin), Some(Replay)], Some(Looks::WrongFirstFactor)),
        (&[Some(NoPin)], Some(Looks::HalfMissing)),
        (&[Some(UnsupportedAuth)], Some(Looks::Method)),
        (&[Some(DialogueExpired)], Some(Looks::RanOut)),
        (&[Some(BadCode); 3], Some(Looks::OnlyGuesses)),
        (&[Some(BadCode); 2], Some(Looks::NotEnough)),
        (&[Some(BadPin), None], None),
    ] {
        let told = asked(&alice(), &attempts(reasons), Role::Support);
        assert_eq!(told.looks_like, looks, "{reasons:?}");
        assert!(told.can_log_in);
        assert_eq!(told.attempts.len(), reasons.len());
    }
}

#[test]
fn a_question_without_an_answer_is_no_missing_packet() {
    use Reason::BadPin;
    let question = |at: i64| PastAttempt {
        at: Timestamp(at),
        asked: true,
        how: None,
        ..attempts(&[None]).remove(0)
    };
    for (before, looks) in [
        (&[][..], Looks::Unanswered),
        (&[None][..], Looks::Unanswered),
        (&[Some(BadPin)], Looks::WrongFirstFactor),
    ] {
        let past = [attempts(before), vec![question(9)]].concat();
        let told = asked(&alice(), &past, Role::Support);
        assert_eq!(told.looks_like, Some(looks), "{before:?}");
        let packets = |line: &String| line.contains("no packet arrives");
        assert!(!told.closing.iter().any(packets), "{:?}", told.closing);
    }
    let past = [vec![question(1)], attempts(&[None])].concat();
    let told = asked(&alice(), &past, Role::Support);
    assert_eq!(told.looks_like, None, "it was answered");
}

#[test]
fn wrong_answers_to_other_questions_are_no_wrong_codes() {
    let looks = |answered: &str| {
        let mut past = attempts(&[Some(Reason::BadCode); 3]);
        for attempt in &mut past {
            attempt.answers = Some(SmolStr::new(answered));
        }
        asked(&alice(), &past, Role::Support).looks_like
    };
    assert_eq!(looks("confirm"), Some(Looks::OnlyGuesses));
    for kind in ["auth_code", "device_code", "question", "sent_code"] {
        assert_eq!(looks(kind), None, "{kind}");
    }
}

#[test]
fn a_viewer_does_not_learn_which_half_was_wrong() {
    for reason in [
        Reason::BadCode,
        Reason::BadPin,
        Reason::NoPin,
        Reason::BadPassword,
    ] {
        let told = asked(&alice(), &attempts(&[Some(reason)]), Role::Viewer);
        assert_eq!(told.attempts[0].what, "wrong passcode");
        assert_eq!(told.looks_like, Some(Looks::NotEnough));
        assert_eq!(told.attempts[0].count, "1 of 5");
    }
}

#[test]
fn the_headline_names_the_first_obstacle() {
    let mut alice = alice();
    assert!(
        asked(&alice, &[], Role::Support)
            .headline
            .starts_with("alice CAN LOG IN at vpn1 with T-")
    );
    alice.profile_mut().tokens[0].base = Base::Disabled;
    let told = asked(&alice, &[], Role::Support);
    assert!(told.headline.contains("is disabled"), "{}", told.headline);
    assert!(told.do_this[0].starts_with("mfactl token enable T-"));
    alice.auth.lock = Some(Lock {
        since: Timestamp(0),
        reason: LockReason::Operator,
        by: Some(Arc::from("bob")),
        auto_until: None,
        note: Arc::from(""),
        count: 0,
    });
    let told = asked(&alice, &[], Role::Support);
    assert!(
        told.headline
            .starts_with("alice CANNOT LOG IN: locked by bob since 1970")
    );
    assert!(told.do_this[0].starts_with("mfactl user unlock alice"));
    alice.profile_mut().state = UserState::Deactivated;
    assert!(
        asked(&alice, &[], Role::Support)
            .headline
            .contains("Deactivated since")
    );
}

#[test]
fn whoever_has_to_change_a_pin_is_told_where_it_will_be_asked_for() {
    let mut alice = alice();
    let [pin, mut silent, mut elsewhere] = [vpn1(), vpn1(), vpn1()].map(|gateway| GatewayPolicy {
        first_factor: FirstFactorBy::Pin,
        challenge: true,
        ..gateway
    });
    (silent.name, silent.challenge) = (Arc::from("silent"), false);
    (elsewhere.name, elsewhere.first_factor) = (Arc::from("elsewhere"), FirstFactorBy::Gateway);
    let gateways = [pin, silent, elsewhere].map(Arc::new);
    alice.profile_mut().pin = Some(PinRecord {
        hash: Sealed {
            v: 1,
            data: Vec::new(),
        },
        set_at: Timestamp(0),
        set_by: "bob".to_owned(),
        must_change: true,
    });
    let now = Now::at(Timestamp(1_800_000_000_000));
    let (policy, role) = (Policy::default(), Role::Support);
    let told =
        |alice: &UserRecord| why(Some(alice), "alice", &[], &gateways, &policy, role, now).closing;
    let line = "A new PIN is asked for at the next sign-in at vpn1.".to_owned();
    assert!(told(&alice).contains(&line));
    alice.profile_mut().pin.as_mut().unwrap().must_change = false;
    assert!(!told(&alice).contains(&line));
}

/// Wrong codes so many steps or counters off, one after the other; `None`: nowhere.
fn far(offs: &[Option<i64>], period: Option<Period>) -> Vec<PastAttempt> {
    let mut past = attempts(&vec![Some(Reason::BadCode); offs.len()]);
    for (attempt, off) in past.iter_mut().zip(offs) {
        let token = alice().profile.tokens[0].id;
        attempt.distance = off.map(|off| Distance { token, off, period });
    }
    past
}

#[test]
fn codes_of_another_time_are_a_clock_that_is_off() {
    let mut alice = alice();
    let id = alice.profile.tokens[0].id;
    let steps = Some(Period::THIRTY);
    let told = asked(&alice, &far(&[Some(-7); 3], steps), Role::Support);
    let looks = told.looks_like.unwrap();
    assert_eq!(looks.text(), "the phone's clock is about 3 min 30 s SLOW");
    assert_eq!(
        told.detail,
        [format!(
            "Every code that was typed is one of {id}, 7 steps late."
        )]
    );
    assert!(told.do_this[0].starts_with("have the phone's date and time set to automatic"));
    assert!(told.do_this[1].starts_with(&format!("mfactl token test {id}")));
    // The clock first, then what it has brought about.
    alice.auth.soft = 5;
    alice.auth.wait_until = Some(Timestamp::NEVER);
    let told = asked(
        &alice,
        &far(&[None, Some(3), Some(4)], steps),
        Role::Support,
    );
    assert_eq!(told.looks_like, Some(Looks::Clock { ahead_s: 120 }));
    let line = format!("2 of 3 codes that were typed are of {id}, the last one 4 steps early.");
    assert_eq!(told.detail, [line]);
    assert!(told.do_this[1].starts_with("mfactl user unlock alice"));
    // The last one counts: she may have mended it since.
    let told = asked(
        &alice,
        &far(&[Some(-7), Some(-7), None], steps),
        Role::Support,
    );
    assert_eq!(told.looks_like, Some(Looks::OnlyGuesses));
}

#[test]
fn codes_of_a_counter_or_of_another_token_are_told_apart() {
    let mut alice = alice();
    let told = asked(&alice, &far(&[Some(40)], None), Role::Support);
    assert_eq!(told.looks_like, Some(Looks::CounterAhead { by: 40 }));
    assert!(told.do_this[0].starts_with("mfactl token resync T-"));
    alice.profile_mut().tokens[0].base = Base::Disabled;
    let told = asked(
        &alice,
        &far(&[Some(0)], Some(Period::THIRTY)),
        Role::Support,
    );
    assert_eq!(told.looks_like, Some(Looks::OtherToken));
}

#[test]
fn a_wait_is_told_and_whom_it_stops() {
    let mut alice = alice();
    let until = Timestamp(1_800_000_060_000);
    alice.auth.soft = 8;
    alice.auth.wait_until = Some(until);
    let told = asked(&alice, &[], Role::Support);
    let line = format!("alice CANNOT LOG IN: waits until {until} after 8 failures");
    assert_eq!(told.headline, line);
    assert!(told.do_this[0].starts_with("mfactl user unlock alice"));
    // From home she need not wait.
    let home = super::super::explain::tests::at_home();
    let proven = Now::at(Timestamp(1_799_999_000_000));
    let mode = super::super::lockout::LockoutMode::Wait;
    wait::signed_in(&mut alice, &home, mode, true, proven);
    alice.auth.soft = 8;
    alice.auth.wait_until = Some(until);
    let told = asked(&alice, &[], Role::Support);
    assert!(told.headline.starts_with("alice CAN LOG IN at vpn1"));
    assert!(told.closing[0].starts_with("Who comes from a station that is not known waits"));
}

#[test]
fn a_name_that_nobody_has_is_said_so() {
    let now = Now::at(Timestamp(0));
    let told = why(
        None,
        "alcie",
        &[],
        &[],
        &Policy::default(),
        Role::Support,
        now,
    );
    assert_eq!(
        told.headline,
        "alcie CANNOT LOG IN: there is no user of this name"
    );
    assert!(!told.can_log_in);
}
