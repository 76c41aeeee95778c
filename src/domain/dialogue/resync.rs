//! The resync of an event based token whose device is ahead, by its owner (domain rules R37).
//!
//! 1. The code that was typed is none of the next ones, but one of those that come after them. It
//!    counts as a wrong one, and has moved nothing.
//! 2. *To resync your token, enter the next code:*
//! 3. The very next code of the device: the token goes on behind it, and the sign-in with it. Another
//!    one counts as well, Reject.
//!
//! To be asked tells that a code is good later, so it is no question for whoever tries codes: it comes
//! once the first factor is right, and only if no code has been wrong since the last sign-in.
//! In a reset whose auth code was right it comes in any case.

use super::{Asking, Dialogue, Kind, Seen, Turn};
use crate::domain::attempt::{Attempt, Split, split};
use crate::domain::event::Event;
use crate::domain::failure;
use crate::domain::judge::Case;
use crate::domain::methods::of_set;
use crate::domain::policy::{FirstFactorBy, PasscodeForm, Policy};
use crate::domain::sealed::{Field, Unseal};
use crate::domain::token_record::Token;
use crate::domain::user::UserRecord;
use crate::domain::verdict::{How, Message, Reason};
use crate::domain::verify::{Ask, progress};
use crate::token::{Factor, OtpCode, TokenId};

/// A code that was typed too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// Of which token.
    pub token: TokenId,
    /// Its counter.
    pub first: u64,
}

/// Whether a code of `token` that is far ahead asks for the next one.
#[must_use]
pub fn resyncs(
    record: &UserRecord,
    attempt: &Attempt,
    policy: &Policy,
    answered: Option<&Dialogue>,
    token: TokenId,
) -> bool {
    let authorized = answered.is_some_and(|open| open.proven.authorized);
    let total = record.auth.token(token).map_or(0, |state| state.total);
    let untried = total == 0 && record.auth.total == 0;
    let asked = answered.map(|open| &open.kind);
    attempt.gateway.challenge
        && attempt.gateway.first_factor != FirstFactorBy::None
        && matches!(asked, None | Some(Kind::Code | Kind::Passcode))
        && (authorized || policy.hotp_self_resync && untried)
}

/// The counter of a code that comes behind those that are looked at for a sign-in.
pub(in crate::domain) fn counter(
    record: &UserRecord,
    token: &Token,
    code: &OtpCode,
    policy: &Policy,
    unseal: &dyn Unseal,
) -> Option<u64> {
    let (otp, sealed) = (token.otp?, token.seed.as_ref()?);
    if otp.factor != Factor::Counter {
        return None;
    }
    let next = progress(record.auth.token(token.id)).next;
    let from = next.checked_add(policy.hotp_look_ahead)?.checked_add(1)?;
    let until = next.checked_add(policy.hotp_resync_window)?;
    let mut found = None;
    unseal.show(Field::Seed(record.id, token.id), sealed, &mut |seed| {
        found = otp.find(seed, code, from..=until);
    });
    found
}

pub(super) const fn asking(ahead: Ahead) -> Asking {
    Asking {
        kind: Kind::Resync(ahead),
        message: Message::EnterNextCode,
    }
}

/// The code was ahead, and what it is typed with is right: it counts as a wrong one until the next one
/// has come.
pub(in crate::domain) fn begin(case: &mut Case<'_>, ahead: Ahead) -> Turn {
    if !case.proven.authorized {
        case.count_ahead(ahead.token);
        if case.record.auth.lock.is_some() {
            return Turn::Refused(Reason::BadCode);
        }
    }
    Turn::Ask(asking(ahead))
}

/// What was typed for the next code.
pub(super) fn look(
    asked: Ahead,
    record: &UserRecord,
    attempt: &Attempt,
    unseal: &dyn Unseal,
) -> (Seen, Ask) {
    let mut seen = Seen::Wrong;
    let token = record.token(asked.token);
    if let Some((otp, sealed)) = token.and_then(|it| it.otp.zip(it.seed.as_ref()))
        && let Some(Split { code, .. }) = split(PasscodeForm::Otp, attempt.passcode(), otp.digits)
        && let Some(factor) = asked.first.checked_add(1)
    {
        let token = asked.token;
        unseal.show(Field::Seed(record.id, token), sealed, &mut |seed| {
            if !seed.is_empty() && otp.code_at(seed, factor).equals(&code) {
                seen = Seen::Code { token, factor };
            }
        });
    }
    (seen, Ask::Nothing)
}

pub(super) fn turn(case: &mut Case<'_>, asked: Ahead, seen: Seen) -> Turn {
    let (record, gateway) = (&case.record, &case.attempt.gateway);
    let counts = of_set(record, gateway, case.policy, case.now).any(|it| it.id == asked.token);
    if !counts {
        return Turn::Refused(Reason::NoToken);
    }
    let before = progress(record.auth.token(asked.token)).next;
    match seen {
        Seen::Code { token, factor } if token == asked.token && factor >= before => {
            case.consume(token, factor);
            let after = progress(case.record.auth.token(token)).next;
            let event = Event::new("token.resynced").token(token);
            case.tell(event.change(before, after).detail("by", "sign-in"));
            case.proven.factors.push(How::Token(token));
            Turn::Passed
        }
        _ => {
            let only = Some(asked.token);
            Turn::Failed(Reason::BadCode, failure::Kind::Code { only })
        }
    }
}
