//! What a Reject or an Accept tells.

use std::time::Duration;

use super::Case;
use crate::domain::lockout::{Lock, LockReason};
use crate::domain::policy::GatewayPolicy;
use crate::domain::verdict::{How, Message, Reason};
use crate::domain::wording::Said;

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

impl Case<'_> {
    /// A message to this person.
    pub(super) fn say(&self, message: Message) -> Said {
        self.policy.say(message, Some(&self.record.profile))
    }

    /// What an Accept says, where the gateway shows it.
    pub(super) fn accept_message(&self, how: How) -> Option<Message> {
        if !self.attempt.gateway.show_accept_message {
            return None;
        }
        match how {
            How::Passthrough(id) => {
                let grant = self
                    .record
                    .profile
                    .grants
                    .iter()
                    .find(|grant| grant.id == id)?;
                let left = grant.until.since(self.now.latest());
                let soon = left <= self.policy.passthrough.warn_before;
                Some(if soon {
                    Message::TemporaryEndsIn {
                        hours: left.as_secs() / 3600,
                    }
                } else {
                    Message::TemporaryUntil(grant.until)
                })
            }
            _ => {
                let expires = self.record.token(how.token()?)?.expires?;
                const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);
                let soon = expires.since(self.now.wall) <= MONTH;
                soon.then_some(Message::TokenExpiresOn(expires))
            }
        }
    }
}
