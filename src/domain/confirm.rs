//! Does what was found still hold? Asked by the judge, on the record it is about to change.
//!
//! Between the look at the passcode and the verdict lies the queue of the writer, and perhaps the
//! hashing of a PIN: another attempt may have used the code up, a grant or a token may have ended.
//! The writer looks again if the record has a new revision; time passes without one. So nothing is
//! accepted on the word of a finding: I1, I3, I16 and I18 hold in the judge for whatever it is given.

use super::dialogue::{self, Dialogue, Kind};
use super::judge::FirstFactor;
use super::methods;
use super::policy::{FirstFactorBy, GatewayPolicy, Policy};
use super::user::UserRecord;
use super::verdict::Reason;
use super::verify::{self, Ask, CodeMatch};
use crate::time::Now;
use crate::token::TokenId;

/// What `found` is on this record now: itself, or the reason why it no longer opens anything.
pub(super) fn code(
    found: CodeMatch,
    record: &UserRecord,
    gateway: &GatewayPolicy,
    policy: &Policy,
    answered: Option<&Dialogue>,
    now: Now,
) -> CodeMatch {
    let passed = dialogue::passed(answered);
    let counts = |token: TokenId| {
        let mut candidates = methods::candidates(record, gateway, policy, passed, now);
        candidates.any(|candidate| candidate.id == token)
    };
    let gone = CodeMatch::NoToken(Reason::NoToken);
    let granted = verify::passes(record, gateway, now);
    if matches!(found, CodeMatch::Awaited | CodeMatch::Told(_)) {
        // The one accepts nobody, the other is read by its dialogue.
        return found;
    }
    if found == CodeMatch::Emergency {
        let open = dialogue::emergency_open_to(record, gateway, policy, now);
        return open.map_or(gone, |_| found);
    }
    let authorized = answered.is_some_and(|dialogue| dialogue.proven.authorized);
    if granted.is_none() && verify::demands_dialogue(record.profile.state) && !authorized {
        return reset(found, counts, record, gateway, policy, now);
    }
    match found {
        CodeMatch::Fits { token, .. } | CodeMatch::Replay { token, grace: true }
            if !counts(token) =>
        {
            gone
        }
        CodeMatch::Ahead(ahead) if !counts(ahead.token) => gone,
        CodeMatch::Fits { token, factor } => unused(token, factor, record),
        CodeMatch::Replay { token, grace: true } => {
            let state = record.auth.token(token);
            let accepted = state.and_then(|state| state.accepted.as_ref());
            let grace = accepted.is_some_and(|accepted| verify::graced(accepted, gateway, now));
            CodeMatch::Replay { token, grace }
        }
        CodeMatch::Sent { token } => {
            let asked = answered.map(|dialogue| &dialogue.kind);
            match asked {
                Some(Kind::Sent(sent)) if sent.token == token && counts(token) => {
                    if now.latest() < sent.until {
                        found
                    } else {
                        CodeMatch::Wrong { only: Some(token) }
                    }
                }
                _ => gone,
            }
        }
        CodeMatch::Recovery { token, index } => {
            let mut sets = methods::recovery_sets(record, gateway, policy, passed, now);
            if !sets.any(|set| set.id == token) {
                return gone;
            }
            let state = record.auth.token(token);
            if state.is_some_and(|state| state.recovery_used >> index.min(63) & 1 == 1) {
                return CodeMatch::Wrong { only: Some(token) };
            }
            found
        }
        CodeMatch::Passthrough { .. } => {
            granted.map_or(CodeMatch::NoCode, |grant| CodeMatch::Passthrough { grant })
        }
        CodeMatch::Unenrolled if !verify::unenrolled(record, gateway) => gone,
        CodeMatch::Enrols { shown } if !led(shown, record, gateway, policy, now) => gone,
        CodeMatch::Resets { .. } => CodeMatch::NoToken(Reason::Policy),
        other => other,
    }
}

/// In a reset nothing counts but what begins it, until its auth code was right.
fn reset(
    found: CodeMatch,
    counts: impl Fn(TokenId) -> bool,
    record: &UserRecord,
    gateway: &GatewayPolicy,
    policy: &Policy,
    now: Now,
) -> CodeMatch {
    match found {
        CodeMatch::Resets { .. } if !dialogue::leads_to_reset(record, gateway, policy, now) => {
            CodeMatch::NoToken(Reason::Policy)
        }
        CodeMatch::Resets {
            shown: Some((token, factor)),
        } => match unused(token, factor, record) {
            CodeMatch::Fits { .. } if counts(token) => found,
            CodeMatch::Fits { .. } => CodeMatch::NoToken(Reason::NoToken),
            other => other,
        },
        CodeMatch::Resets { shown: None }
        | CodeMatch::Wrong { .. }
        | CodeMatch::NoCode
        | CodeMatch::Replay { grace: false, .. } => found,
        _ => CodeMatch::NoToken(Reason::Policy),
    }
}

/// Whether the gateway still leads to a token: to the one whose first code was typed, or to any.
fn led(
    shown: Option<(TokenId, u64)>,
    record: &UserRecord,
    gateway: &GatewayPolicy,
    policy: &Policy,
    now: Now,
) -> bool {
    match shown {
        Some((shown, _)) => {
            let mut waits = methods::pending(record, gateway, policy, now);
            dialogue::leads(record, gateway) && waits.any(|token| token.id == shown)
        }
        None => dialogue::enrols(record, gateway, policy, now),
    }
}

/// A code that fitted: still new, used by another attempt as the last one, or older.
fn unused(token: TokenId, factor: u64, record: &UserRecord) -> CodeMatch {
    let Some(state) = record.auth.token(token) else {
        return CodeMatch::Fits { token, factor };
    };
    if factor >= state.next_factor {
        return CodeMatch::Fits { token, factor };
    }
    match &state.accepted {
        Some(accepted) if accepted.factor == factor => CodeMatch::Replay {
            token,
            grace: false,
        },
        _ => CodeMatch::Wrong { only: Some(token) },
    }
}

/// What the first factor comes to; right only if it was asked for and found right, or if the
/// gateway leaves none to mfad, or in an earlier round of the dialogue that is `answered` (I3).
pub(super) fn first_factor(
    record: &UserRecord,
    gateway: &GatewayPolicy,
    policy: &Policy,
    now: Now,
    (ask, first): (&Ask, FirstFactor),
    answered: Option<&Dialogue>,
    code: CodeMatch,
) -> Result<(), Reason> {
    let alone = dialogue::opens_by_code(record, gateway);
    let shown = matches!(
        code,
        CodeMatch::Fits { .. } | CodeMatch::Recovery { .. } | CodeMatch::Replay { grace: true, .. }
    );
    let proven = answered.is_some_and(|dialogue| dialogue.proven.first.is_some());
    let blocked = record.auth.pin.blocked(policy.pin.block_duration, now);
    let resets = matches!(code, CodeMatch::Resets { shown: Some(_) })
        && dialogue::resets_by_code(record, gateway, policy, now);
    match (gateway.first_factor, ask, first) {
        // Not even proven: the auth code comes first, and then a new PIN.
        (_, Ask::Unset, _) if resets => Ok(()),
        (_, Ask::Blocked, _) => Err(Reason::PinBlocked),
        (_, Ask::Pin(_), _) | (FirstFactorBy::Pin, Ask::Proven | Ask::Unset, _) if blocked => {
            Err(Reason::PinBlocked)
        }
        (_, Ask::Proven, _) if proven => Ok(()),
        // The Accept waits until a PIN is set.
        (_, Ask::Unset, _) if alone && shown => Ok(()),
        (FirstFactorBy::Gateway | FirstFactorBy::None, Ask::Nothing, _)
        | (FirstFactorBy::Pin, Ask::Pin(_), FirstFactor::Right)
        | (FirstFactorBy::Local, Ask::Password(_), FirstFactor::Right) => Ok(()),
        (_, Ask::Pin(_), _) => Err(Reason::BadPin),
        (FirstFactorBy::Pin, ..) => Err(Reason::NoPin),
        _ => Err(Reason::BadPassword),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::explain::tests::{alice, vpn1};
    use super::super::token_record::Accepted;
    use super::*;
    use crate::time::Timestamp;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    #[test]
    fn a_code_that_another_attempt_was_faster_with_is_a_replay_and_an_older_one_wrong() {
        let mut alice = alice();
        let token = alice.profile.tokens[0].id;
        let state = alice.auth.token_mut(token);
        state.next_factor = 101;
        state.accepted = Some(Accepted {
            factor: 100,
            at: NOW,
            gateway: Arc::from("vpn1"),
            grace_used: true,
        });
        let found = |factor| {
            let fits = CodeMatch::Fits { token, factor };
            let policy = Policy::default();
            code(fits, &alice, &vpn1(), &policy, None, Now::at(NOW))
        };
        assert_eq!(found(101), CodeMatch::Fits { token, factor: 101 });
        let grace = false;
        assert_eq!(found(100), CodeMatch::Replay { token, grace });
        let only = Some(token);
        assert_eq!(found(99), CodeMatch::Wrong { only });
    }

    #[test]
    fn a_right_pin_opens_nothing_once_it_is_blocked() {
        let (mut alice, mut gateway) = (alice(), vpn1());
        gateway.first_factor = FirstFactorBy::Pin;
        let judged = |alice: &UserRecord| {
            let asked = (&Ask::Pin(0..6), FirstFactor::Right);
            first_factor(
                alice,
                &gateway,
                &Policy::default(),
                Now::at(NOW),
                asked,
                None,
                CodeMatch::Unenrolled,
            )
        };
        assert_eq!(judged(&alice), Ok(()));
        alice.auth.pin.blocked_since = Some(NOW);
        assert_eq!(judged(&alice), Err(Reason::PinBlocked));
    }
}
