//! What a Reject tells.

use crate::domain::lockout::{Lock, LockReason};
use crate::domain::policy::GatewayPolicy;
use crate::domain::verdict::{Message, Reason};

/// Which message a lock has: M03 instead of M02 if it came of the PIN (4.2).
pub(in crate::domain) fn told_of(lock: &Lock) -> Reason {
    match lock.reason {
        LockReason::PinBlocked => Reason::PinBlocked,
        LockReason::Failures | LockReason::Operator | LockReason::Inactivity => Reason::Locked,
    }
}

/// What a Reject says: M01, or more at a gateway that has checked the password and asked for it.
#[must_use]
pub fn reject_message(gateway: &GatewayPolicy, reason: Reason) -> Message {
    if !gateway.helpful {
        return Message::Denied;
    }
    match reason {
        Reason::Locked => Message::Locked,
        Reason::PinBlocked => Message::PinBlocked,
        Reason::Deactivated => Message::NotActive,
        Reason::Revoked => Message::Revoked,
        Reason::ExpiredToken => Message::TokenExpired,
        Reason::NoToken | Reason::Policy => Message::EnrolmentRequired,
        Reason::Replay => Message::CodeUsed,
        _ => Message::Denied,
    }
}
