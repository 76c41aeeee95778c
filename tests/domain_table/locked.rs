//! What the judge makes of findings about a person who is locked.

use mfad::domain::attempt::Proof;
use mfad::domain::judge::{Evidence, FirstFactor, Fresh, judge};
use mfad::domain::policy::{FirstFactorBy, PasscodeForm};
use mfad::domain::verdict::{Reason, Verdict};
use mfad::domain::verify::{Ask, CodeMatch, Finding};
use mfad::secret::SecretBytes;

use super::rules::{A, id};
use super::world_at;

/// Whoever is let pass for the questions although he is locked gets in by nothing that was found.
#[test]
fn a_code_that_was_found_lets_nobody_in_who_is_locked_for_the_pin() {
    let given = "questions challenge lock=PinBlocked pin-blocked";
    let world = world_at(FirstFactorBy::Gateway, PasscodeForm::Otp, given);
    let attempt = world.attempt(Proof::Passcode(SecretBytes::copy_of(b"help")));
    let record = world.record.as_ref().unwrap();
    let fits = CodeMatch::Fits {
        token: id(A),
        factor: 1 << 40,
    };
    let evidence = Evidence {
        finding: Finding::of(record, fits, Ask::Nothing),
        first: FirstFactor::NotAsked,
        repeated: false,
        hash: None,
        fresh: Fresh::default(),
    };
    let judged = judge(record, &attempt, &evidence, &world.policy, world.now).unwrap();
    let reason = Reason::Locked;
    assert!(matches!(judged.verdict, Verdict::Reject { reason: told, .. } if told == reason));
}
