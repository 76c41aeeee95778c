//! Questions opened and answered, one at a time.

use super::*;
use crate::domain::attempt::Pseudonym;
use crate::domain::explain::tests::{alice, at_home, vpn1};
use crate::domain::user::AuthState;
use crate::secret::{SecretBytes, SecretKey};
use smol_str::SmolStr;

fn now() -> Now {
    Now::at(Timestamp(1_800_000_000_000))
}

fn handle(number: u8) -> Handle {
    Handle::fresh(&SecretKey::new([1; 32]), &[number; 32], Timestamp(0))
}

fn gateway(by: FirstFactorBy, form: PasscodeForm) -> GatewayPolicy {
    GatewayPolicy {
        first_factor: by,
        passcode: form,
        challenge: true,
        ..vpn1()
    }
}

fn attempt(gateway: &GatewayPolicy, proof: Proof) -> Attempt {
    Attempt {
        gateway: Arc::new(gateway.clone()),
        user: Some(SmolStr::from("alice")),
        pseudonym: Pseudonym([0; 4]),
        proof,
        source: at_home(),
        digest: [0; 32],
        received: now(),
    }
}

fn answer(number: u8) -> Proof {
    Proof::Answer {
        handle: Some(handle(number)),
        passcode: SecretBytes::copy_of(b"123456"),
    }
}

fn opening<'a>(gateway: &'a GatewayPolicy, handle: &'a Handle) -> Opening<'a> {
    Opening {
        kind: Kind::Code,
        proven: Proven {
            first: Some(gateway.first_factor),
            factors: Factors::new(),
            wants_new: false,
            authorized: false,
        },
        gateway,
        handle,
        after: None,
        ttl: Duration::from_secs(300),
    }
}

#[test]
fn a_further_one_ends_the_oldest() {
    let gateway = gateway(FirstFactorBy::Pin, PasscodeForm::Challenge);
    let mut alice = alice();
    for number in 1..=4 {
        assert!(open(
            &mut alice.auth,
            opening(&gateway, &handle(number)),
            now()
        ));
    }
    let known = |number| answered(&alice, &attempt(&gateway, answer(number)), now()).is_some();
    assert_eq!([1, 2, 3, 4].map(known), [false, true, true, true]);
    let rows: Vec<u32> = alice.auth.dialogues.iter().map(|one| one.row).collect();
    assert_eq!(rows, [2, 3, 4]);
}

#[test]
fn nobody_is_asked_for_ever() {
    let gateway = gateway(FirstFactorBy::Pin, PasscodeForm::Challenge);
    let (mut alice, first) = (alice(), handle(1));
    assert!(open(&mut alice.auth, opening(&gateway, &first), now()));
    let later = now().after(Duration::from_secs(100));
    for rounds in 2..=ROUNDS_MAX + 1 {
        let before = alice.auth.dialogues.pop().unwrap();
        let next = handle(u8::try_from(rounds).unwrap());
        let opening = Opening {
            after: Some(&before),
            ..opening(&gateway, &next)
        };
        assert_eq!(open(&mut alice.auth, opening, later), rounds <= ROUNDS_MAX);
        if let Some(one) = alice.auth.dialogues.last() {
            // It is the same dialogue, which gets no longer for it.
            assert_eq!(
                (one.rounds, one.row, one.expires),
                (rounds, 1, before.expires)
            );
        }
    }
}

/// A reload between question and answer: what somebody else has checked is not proven.
#[test]
fn what_was_proven_counts_as_long_as_the_same_one_checks_it() {
    let mut gateway = gateway(FirstFactorBy::None, PasscodeForm::Challenge);
    let mut alice = alice();
    assert!(open(&mut alice.auth, opening(&gateway, &handle(1)), now()));
    assert!(answered(&alice, &attempt(&gateway, answer(1)), now()).is_some());
    gateway.first_factor = FirstFactorBy::Pin;
    assert!(answered(&alice, &attempt(&gateway, answer(1)), now()).is_none());
}

#[test]
fn the_log_names_each_kind_as_it_is_asked() {
    let gateway = gateway(FirstFactorBy::Local, PasscodeForm::Challenge);
    let kinds = [Kind::Code, Kind::Passcode, Kind::NewPin(NewPin::default())];
    let echoes = kinds.map(|kind| Kind::echo_of(kind.name(), &gateway));
    assert_eq!(echoes, [Some(true), Some(false), Some(false)]);
    assert_eq!(Kind::echo_of("pin", &gateway), None);
}

#[test]
fn what_everybody_is_asked_hangs_on_nothing_but_what_was_typed() {
    let typed = |text: &str| Proof::Passcode(SecretBytes::copy_of(text.as_bytes()));
    let mut gateway = gateway(FirstFactorBy::Pin, PasscodeForm::PinOtp);
    let policy = Policy::default();
    let asked = |attempt: &Attempt| asked_of_all(attempt, &policy).is_some();
    let checks = |attempt: &Attempt| checks_first(attempt, &policy);
    assert!(!asked(&attempt(&gateway, typed("402817123456"))));
    assert!(asked(&attempt(&gateway, typed(""))));
    assert!(!asked(&attempt(&gateway, answer(1))));
    assert!(!checks(&attempt(&gateway, typed(""))));
    gateway.passcode = PasscodeForm::Challenge;
    assert!(checks(&attempt(&gateway, typed("402817"))));
    assert!(!asked(&attempt(&gateway, typed("402817"))));
    assert!(!checks(&attempt(&gateway, typed(""))));
    gateway.challenge = false;
    assert!(!asked(&attempt(&gateway, typed(""))));
}

/// Who knows nothing but the name neither ends a question of somebody who has shown something, nor uses
/// up the number of those.
#[test]
fn strangers_have_questions_of_their_own() {
    let gateway = gateway(FirstFactorBy::Pin, PasscodeForm::PinOtp);
    let mut alice = alice();
    let handles: Vec<Handle> = (0..60).map(handle).collect();
    let stranger = |number: usize| Opening {
        kind: Kind::Passcode,
        proven: Proven::default(),
        ..opening(&gateway, &handles[number])
    };
    let proven = |number: usize| opening(&gateway, &handles[number]);
    assert!(open(&mut alice.auth, proven(0), now()));
    let kept = (1..30).filter(|number| open(&mut alice.auth, stranger(*number), now()));
    assert_eq!(kept.count(), usize::try_from(STRANGERS_ROW_MAX).unwrap());
    let known = |auth: &AuthState| {
        let questions = auth.dialogues.iter();
        questions.map(|it| it.proven.anything()).collect::<Vec<_>>()
    };
    assert_eq!(known(&alice.auth), [true, false, false]);
    for number in 30..33 {
        assert!(open(&mut alice.auth, proven(number), now()));
    }
    assert_eq!(known(&alice.auth), [true, true, true]);
    assert!(!open(&mut alice.auth, stranger(33), now()));
    assert!(open(&mut alice.auth, proven(34), now()));
    let rows: Vec<u32> = alice.auth.dialogues.iter().map(|it| it.row).collect();
    assert_eq!(rows, [3, 4, 5]);
}

#[test]
fn each_token_that_is_reset_has_a_round_of_its_own() {
    let gateway = gateway(FirstFactorBy::Pin, PasscodeForm::Challenge);
    let (mut alice, handle) = (alice(), handle(1));
    let token = alice.profile.tokens[0].id;
    assert!(open(&mut alice.auth, opening(&gateway, &handle), now()));
    let mut next = |kind: &Kind, authorized: bool, rounds: u32| {
        let mut before = alice.auth.dialogues.pop().unwrap();
        before.rounds = rounds;
        let mut opening = opening(&gateway, &handle);
        opening.proven.authorized = authorized;
        opening.kind = kind.clone();
        opening.after = Some(&before);
        let opened = open(&mut alice.auth, opening, now());
        alice.auth.dialogues = vec![before];
        opened
    };
    assert!(next(&Kind::CodeOf(token), true, ROUNDS_MAX));
    assert!(!next(&Kind::CodeOf(token), false, ROUNDS_MAX));
    assert!(!next(&Kind::Code, true, ROUNDS_MAX));
    assert!(next(&Kind::Code, true, ROUNDS_MAX - 1));
}
