//! What is typed for a recovery code.

use std::ops::Range;

use super::super::attempt::{Attempt, split_recovery};
use super::super::dialogue;
use super::super::methods::recovery_sets;
use super::super::policy::{PasscodeForm, Policy};
use super::super::sealed::Unseal;
use super::super::token_record::Token;
use super::super::user::UserRecord;
use super::CodeMatch;
use crate::time::Now;

/// The recovery code that the passcode ends in, if it is one that counts; with it, where the first
/// factor stands.
pub(in crate::domain) fn recovery(
    record: &UserRecord,
    attempt: &Attempt,
    form: PasscodeForm,
    policy: &Policy,
    unseal: &dyn Unseal,
    now: Now,
) -> Option<(CodeMatch, Range<usize>)> {
    let (head, typed) = split_recovery(form, attempt.passcode())?;
    let hash = unseal.recovery_hash(record.id, &typed);
    let passed = dialogue::passed(dialogue::answered(record, attempt, now));
    let mut sets = recovery_sets(record, &attempt.gateway, policy, passed, now);
    Some((
        sets.find_map(|set| match_recovery(record, set, &hash))?,
        head,
    ))
}

/// Looks a recovery code up in one set; a used one is found nowhere.
fn match_recovery(record: &UserRecord, set: &Token, hash: &[u8; 32]) -> Option<CodeMatch> {
    let used = record
        .auth
        .token(set.id)
        .map_or(0, |state| state.recovery_used);
    let found = set
        .recovery
        .iter()
        .zip(0_u32..64)
        .fold(None, |found, (stored, index)| {
            let same = crate::secret::equal(&stored.0, hash);
            if same && used >> index & 1 == 0 {
                Some(index)
            } else {
                found
            }
        });
    found.map(|index| CodeMatch::Recovery {
        token: set.id,
        index,
    })
}

/// What has the shape of a recovery code and fits none counts against the set.
pub(super) fn wrong_recovery(
    record: &UserRecord,
    attempt: &Attempt,
    form: PasscodeForm,
    policy: &Policy,
    now: Now,
) -> CodeMatch {
    let passed = dialogue::passed(dialogue::answered(record, attempt, now));
    let mut sets = recovery_sets(record, &attempt.gateway, policy, passed, now);
    let typed = split_recovery(form, attempt.passcode());
    match sets.next().filter(|_| typed.is_some()) {
        Some(set) => CodeMatch::Wrong { only: Some(set.id) },
        None => CodeMatch::NoCode,
    }
}
