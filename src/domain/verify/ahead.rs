//! A code that is right, but further ahead than a sign-in looks.

use std::ops::Range;

use super::super::attempt::{Attempt, Split, split};
use super::super::dialogue::{self, Ahead, Dialogue};
use super::super::policy::{PasscodeForm, Policy};
use super::super::sealed::Unseal;
use super::super::token_record::Token;
use super::super::user::UserRecord;

/// The token that is ahead, and where the first factor stands.
pub(super) fn ahead<'a>(
    record: &UserRecord,
    attempt: &Attempt,
    form: PasscodeForm,
    policy: &Policy,
    mut candidates: impl Iterator<Item = &'a Token>,
    answered: Option<&Dialogue>,
    unseal: &dyn Unseal,
) -> Option<(Ahead, Range<usize>)> {
    candidates.find_map(|token| {
        if !dialogue::resyncs(record, attempt, policy, answered, token.id) {
            return None;
        }
        let Split { head, code } = split(form, attempt.passcode(), token.otp?.digits)?;
        let first = dialogue::counter_ahead(record, token, &code, policy, unseal)?;
        let token = token.id;
        Some((Ahead { token, first }, head))
    })
}
