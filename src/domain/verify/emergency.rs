//! The word for Emergency Access, and what is left of a sign-in while the person is locked.

use std::ops::Range;

use super::{Ask, CodeMatch, Finding, ask, passes};
use crate::domain::attempt::Attempt;
use crate::domain::dialogue::{self, Dialogue};
use crate::domain::policy::Policy;
use crate::domain::user::UserRecord;
use crate::domain::verdict::Reason;
use crate::time::Now;

/// Where the first factor stands, if the passcode is the word for Emergency Access and that is open to
/// the person. Under a passthrough it is a first factor like any other.
pub(super) fn word(
    record: &UserRecord,
    attempt: &Attempt,
    policy: &Policy,
    answered: Option<&Dialogue>,
    now: Now,
) -> Option<Range<usize>> {
    let gateway = &attempt.gateway;
    let head = dialogue::asks_for_emergency(record, attempt, answered, policy)?;
    dialogue::emergency_open_to(record, gateway, policy, now)?;
    passes(record, gateway, now).is_none().then_some(head)
}

/// Looks at what `admit` has let pass although the person is locked, for what it may lead to: only the
/// question to which the word for Emergency Access is an answer.
pub(super) fn locked(
    record: &UserRecord,
    attempt: &Attempt,
    policy: &Policy,
    answered: Option<&Dialogue>,
    now: Now,
) -> Finding {
    let asking = dialogue::called_for(attempt, answered, policy);
    let (code, ask) = match asking.map(|asking| asking.kind.blind(&attempt.gateway)) {
        None => (CodeMatch::NoToken(Reason::Locked), Ask::Nothing),
        Some(true) => (CodeMatch::Awaited, Ask::Nothing),
        Some(false) => {
            let whole = Some(0..attempt.passcode().len());
            let ask = ask(record, attempt, policy, whole, answered, now);
            (CodeMatch::Awaited, ask)
        }
    };
    Finding::of(record, code, ask)
}
