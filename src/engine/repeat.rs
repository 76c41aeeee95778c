//! The same wrong passcode again, within the minute (D17).
//!
//! VPN clients repeat by themselves and some gateways try several methods for one login, so one
//! typing error must not count three times. What is kept is a keyed tag of the passcode, in memory
//! only, for the last counted failure of a user at a gateway.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::user::UserId;
use crate::time::Now;

/// How long a wrong passcode is remembered.
pub const REPEAT_FOR: Duration = Duration::from_secs(60);

/// Most failures remembered; the oldest half goes when it is full.
pub const REPEATS_MAX: usize = 65_536;

/// Counted failures of the last minute.
#[derive(Default)]
pub struct Repeats {
    last: HashMap<(UserId, Arc<str>), (u64, [u8; 16])>,
}

impl Repeats {
    /// Whether this is the user's last counted wrong passcode at this gateway, once more.
    #[must_use]
    pub fn is_repeat(&self, user: UserId, gateway: &Arc<str>, tag: &[u8; 16], now: Now) -> bool {
        let key = (user, Arc::clone(gateway));
        self.last.get(&key).is_some_and(|(at, last)| {
            now.mono_us.saturating_sub(*at) < micros(REPEAT_FOR) && crate::secret::equal(last, tag)
        })
    }

    /// Forgets a failure whose count met a conflict and is not in the store.
    pub fn forget(&mut self, user: UserId, gateway: &Arc<str>) {
        self.last.remove(&(user, Arc::clone(gateway)));
    }

    /// Remembers a counted failure.
    pub fn remember(&mut self, user: UserId, gateway: &Arc<str>, tag: [u8; 16], now: Now) {
        if self.last.len() >= REPEATS_MAX {
            let limit = micros(REPEAT_FOR) / 2;
            self.last
                .retain(|_, (at, _)| now.mono_us.saturating_sub(*at) < limit);
            if self.last.len() >= REPEATS_MAX {
                self.last.clear();
            }
        }
        self.last
            .insert((user, Arc::clone(gateway)), (now.mono_us, tag));
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn a_repeat_is_the_same_user_gateway_and_passcode_within_the_minute() {
        let mut repeats = Repeats::default();
        let (user, gateway): (_, Arc<str>) = (UserId([1; 16]), Arc::from("vpn1"));
        let start = Now::at(Timestamp(1_000_000));
        repeats.remember(user, &gateway, [7; 16], start);
        let again = |user, gateway: &str, tag, after| {
            let now = start.after(Duration::from_millis(after));
            repeats.is_repeat(user, &Arc::from(gateway), &[tag; 16], now)
        };
        assert!(again(user, "vpn1", 7, 59_999));
        assert!(!again(user, "vpn1", 7, 60_000));
        assert!(!again(user, "vpn1", 8, 1));
        assert!(!again(user, "vpn2", 7, 1));
        assert!(!again(UserId([2; 16]), "vpn1", 7, 1));
    }
}
