//! When a message is tried again, and when it is given up.

use std::time::Duration;

use crate::time::Timestamp;

/// How long a message is tried; a notice of yesterday helps nobody.
pub const GIVE_UP_AFTER: Duration = Duration::from_secs(24 * 3600);

/// The first pause and the longest one.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(600);

/// How often something has failed in a row, and until when it is left alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tries {
    /// Failures in a row.
    pub failed: u32,
    /// Not before, on the monotonic clock.
    pub not_before_us: u64,
}

impl Tries {
    /// One more failure: the pause doubles each time, and `chance` makes it half to one and a half of
    /// that, so that servers that were away together do not come back together.
    #[must_use]
    pub fn after_failure(self, now_us: u64, chance: u16) -> Self {
        let doubled = PAUSE_MIN.saturating_mul(1 << self.failed.min(16));
        let pause = doubled.min(PAUSE_MAX);
        let pause = pause / 2 + pause * u32::from(chance) / u32::from(u16::MAX);
        let pause_us = u64::try_from(pause.as_micros()).unwrap_or(u64::MAX);
        Self {
            failed: self.failed.saturating_add(1),
            not_before_us: now_us.saturating_add(pause_us),
        }
    }

    /// Whether it may be tried now.
    #[must_use]
    pub const fn due(&self, now_us: u64) -> bool {
        now_us >= self.not_before_us
    }
}

/// Whether a message of `made` is too old to be sent.
#[must_use]
pub fn too_old(made: Timestamp, now: Timestamp) -> bool {
    now.since(made) >= GIVE_UP_AFTER
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound() {
        let mut tries = Tries::default();
        let mut pauses = Vec::new();
        for _ in 0..12 {
            assert!(tries.due(tries.not_before_us) && tries.not_before_us < u64::MAX);
            let next = tries.after_failure(1_000, u16::MAX / 2);
            pauses.push((next.not_before_us - 1_000).div_ceil(1_000_000));
            assert!(!next.due(1_000));
            tries = next;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
    }

    #[test]
    fn chance_spreads_them() {
        let pause = |chance| Tries::default().after_failure(0, chance).not_before_us;
        assert_eq!(pause(0), 500_000);
        assert_eq!(pause(u16::MAX), 1_500_000);
    }

    #[test]
    fn a_message_of_yesterday_is_given_up() {
        let made = Timestamp(0);
        let day = Timestamp(24 * 3600 * 1000);
        assert!(too_old(made, day));
        assert!(!too_old(made, Timestamp(day.0 - 1)));
        assert!(!too_old(day, made), "a clock that went back");
    }
}
