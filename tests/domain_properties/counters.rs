//! What is typed wrongly moves no counter, however often; two codes in a row bring it back.

use mfad::domain::policy::{FirstFactorBy, PasscodeForm};
use mfad::domain::token_record::TokenKind;
use mfad::domain::verify::CodeMatch;
use mfad::token::{Otp, Resync, hotp, totp};

use super::rules::{A, B, COUNTER, World, gateway, id, seed, token};

/// Every six digits: in the short run one of so many.
fn stride() -> usize {
    let long = std::env::var("MFAD_LONG").is_ok_and(|value| value == "1");
    if long { 1 } else { 50 }
}

#[test]
fn no_wrong_code_of_all_there_are_moves_a_counter() {
    let mut world = World::new(gateway("vpn1", FirstFactorBy::Gateway, PasscodeForm::Otp));
    world.policy.lockout.user_max_failures = 0;
    // What is looked for is the counter; the hard cap would end the tokens long before.
    world.policy.lockout.hard_cap = u32::MAX;
    world.policy.lockout.token_max_failures = u32::MAX;
    world.alice().profile_mut().tokens = vec![token(A, TokenKind::Hotp), token(B, TokenKind::Totp)];
    // Both stand somewhere: the first codes are accepted.
    let hotp = |counter| Otp::HOTP.code_at(&seed(A), counter).text().expose().clone();
    let step = totp::step_at(world.now.wall, mfad::token::Period::THIRTY);
    let totp = |step| Otp::TOTP.code_at(&seed(B), step).text().expose().clone();
    for first in [hotp(COUNTER), totp(step)] {
        assert_eq!(world.type_in(first.as_bytes()).text(), "ACCEPT token");
    }
    let stands = |world: &World| {
        [A, B].map(|token| {
            let state = world.auth().token(id(token)).unwrap();
            (state.next_factor, state.drift_steps, state.accepted.clone())
        })
    };
    let before = stands(&world);
    let right: Vec<String> = (COUNTER..=COUNTER + 11)
        .map(hotp)
        .chain((step - 1..=step + 1).map(totp))
        .collect();
    let mut tried = 0;
    for number in (0..1_000_000).step_by(stride()) {
        let code = format!("{number:06}");
        if right.contains(&code) {
            continue;
        }
        let outcome = world.type_in(code.as_bytes());
        assert_eq!(
            outcome.code,
            Some(CodeMatch::Wrong { only: None }),
            "{code}"
        );
        tried += 1;
    }
    assert!(tried + right.len() >= 1_000_000 / stride());
    assert_eq!(stands(&world), before);
    for next in [hotp(COUNTER + 1), totp(step + 1)] {
        assert_eq!(world.type_in(next.as_bytes()).text(), "ACCEPT token");
    }
}

// test of RFC 4226 s7.4
#[test]
fn two_codes_bring_a_device_back_from_wherever_the_window_reaches() {
    let code = |counter| Otp::HOTP.code_at(&seed(A), counter);
    for ahead in 11..=1_000 {
        let first_at = COUNTER + ahead;
        let (first, second) = (code(first_at), code(first_at + 1));
        match hotp::resync(&Otp::HOTP, &seed(A), COUNTER, 1_000, &first, &second) {
            Resync::Found {
                first_at: found,
                progress,
            } => assert_eq!((found, progress.next), (first_at, first_at + 2)),
            other => panic!("{ahead}: {other:?}"),
        }
    }
}
