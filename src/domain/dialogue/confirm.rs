//! The confirmation of an unlock, asked for when all that the sign-in asks for is right (domain
//! rules R16).
//!
//! 1. *Your account was unlocked. Enter a one-time code to confirm:*
//! 2. The answer is a code and nothing else, and another one than that of the sign-in, which is used
//!    up. Right: it is confirmed. Wrong: it counts, Reject, and it is asked for again next time.

use super::{Asking, Kind};
use crate::domain::event::Event;
use crate::domain::judge::Case;
use crate::domain::methods::candidates;
use crate::domain::policy::{GatewayPolicy, Policy};
use crate::domain::user::UserRecord;
use crate::domain::verdict::Message;
use crate::time::Now;

/// Whether a right sign-in of this person at `gateway` goes on with the confirmation. A code that has
/// to be sent first is not asked for: whoever has no other token there cannot confirm there.
#[must_use]
pub fn asks_confirmation(
    record: &UserRecord,
    gateway: &GatewayPolicy,
    policy: &Policy,
    now: Now,
) -> bool {
    let mut tokens = candidates(record, gateway, policy, &[], now);
    record.profile.confirm_unlock && gateway.challenge && tokens.any(|token| token.kind.computes())
}

pub(super) fn due(case: &Case<'_>) -> Option<Asking> {
    let gateway = &case.attempt.gateway;
    let asks = asks_confirmation(&case.record, gateway, case.policy, case.now);
    asks.then_some(Asking {
        kind: Kind::Confirm,
        message: Message::ConfirmUnlock,
    })
}

/// The code was right.
pub(in crate::domain) fn confirmed(case: &mut Case<'_>) {
    case.record.profile_mut().confirm_unlock = false;
    case.tell(Event::new("user.unlock_confirmed"));
}
