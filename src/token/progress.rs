//! The one pair of calls through which the rules use a token that computes its codes.
//!
//! [`Otp::acceptable`] says which factors may still be accepted, [`Otp::consume`] what to store when
//! one is. Between them stands the search: outside the writer with the seed at hand
//! ([`Otp::search`]), and the factor it found is all that the judge needs, who asks `acceptable`
//! again on the newest record before it consumes.
//!
//! A kind that is added to [`Factor`] must not let a factor below [`Progress::next`] in; must not
//! move `next` back or leave it at an accepted factor; must not look at a clock, only at the wall
//! time it is given; must not change anything for a code that does not fit, and must not answer
//! sooner or later for it; must not give more than [`FACTORS_MAX`](super::FACTORS_MAX) factors.

use std::ops::RangeInclusive;

use crate::time::Timestamp;

use super::{Factor, Otp, OtpCode, hotp, totp};

/// Where a token stands: all that an accepted code changes, and what must be durable before anybody
/// is told that it was accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The lowest factor that may still be accepted: the next counter, or the step after the last
    /// accepted one.
    pub next: u64,
    /// How far the device's clock is off, in steps; 0 for a counter.
    pub drift_steps: i32,
}

impl Progress {
    /// The last accepted factor, or the one that a new token's first counter follows.
    #[must_use]
    pub fn last_accepted(self) -> Option<u64> {
        self.next.checked_sub(1)
    }
}

/// How far around the expected factor a code may lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Counters after the next one.
    pub look_ahead: u16,
    /// Steps before and after the expected one.
    pub window_steps: u16,
}

/// The defaults: 10 counters, 1 step.
impl Default for Windows {
    fn default() -> Self {
        Self {
            look_ahead: 10,
            window_steps: 1,
        }
    }
}

/// What became of two codes that were to follow each other.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resync {
    /// They do.
    Found {
        /// The factor of the first code; that of the second is the next.
        first_at: u64,
        /// What to store: both codes are used up.
        progress: Progress,
    },
    /// They do, the other way round; nothing is used up.
    WrongOrder {
        /// The factor of the code given first; that of the second is the one before.
        first_at: u64,
    },
    /// They are not in the window, or do not follow each other.
    NotFound,
}

impl Otp {
    /// Gives the factors whose codes may be accepted at `wall`; none if there are none left.
    #[must_use]
    pub fn acceptable(
        &self,
        progress: Progress,
        windows: Windows,
        wall: Timestamp,
    ) -> Option<RangeInclusive<u64>> {
        match self.factor {
            Factor::Counter => Some(hotp::window(progress.next, windows.look_ahead))
                .filter(|counters| !counters.is_empty()),
            Factor::Time { period_s } => totp::window(
                totp::step_at(wall, period_s),
                progress.drift_steps,
                windows.window_steps,
                progress.last_accepted(),
            ),
        }
    }

    /// Gives what to store when the code of `factor` is accepted at `wall`: no code up to it fits
    /// again.
    #[must_use]
    pub fn consume(&self, progress: Progress, factor: u64, wall: Timestamp) -> Progress {
        let drift_steps = match self.factor {
            Factor::Counter => 0,
            Factor::Time { period_s } => totp::drift_after(factor, totp::step_at(wall, period_s)),
        };
        Progress {
            next: factor.saturating_add(1).max(progress.next),
            drift_steps,
        }
    }

    /// Finds the acceptable factor that `code` belongs to.
    #[must_use]
    pub fn search(
        &self,
        seed: &[u8],
        code: &OtpCode,
        progress: Progress,
        windows: Windows,
        wall: Timestamp,
    ) -> Option<u64> {
        self.find(seed, code, self.acceptable(progress, windows, wall)?)
    }

    /// Looks for two consecutive codes at most `window` factors away, never at or before the last
    /// accepted one.
    pub fn resync(
        &self,
        seed: &[u8],
        progress: Progress,
        window: u16,
        wall: Timestamp,
        [first, second]: [&OtpCode; 2],
    ) -> Resync {
        match self.factor {
            Factor::Counter => hotp::resync(self, seed, progress.next, window, first, second),
            Factor::Time { period_s } => {
                let step_now = totp::step_at(wall, period_s);
                let last_accepted = progress.last_accepted();
                totp::resync(self, seed, step_now, last_accepted, window, first, second)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: &[u8] = b"12345678901234567890";
    const WALL: Timestamp = Timestamp(1_700_000_000_000);

    fn tried_at(otp: Otp, factor: u64, progress: Progress) -> Option<u64> {
        let code = otp.code_at(SEED, factor);
        otp.search(SEED, &code, progress, Windows::default(), WALL)
    }

    // T-04: for every offset and every order of two codes.
    #[test]
    fn a_code_fits_once_and_no_older_one_after_it() {
        let now = totp::step_at(WALL, crate::token::Period::THIRTY);
        for (otp, next, first, last) in
            [(Otp::HOTP, 500, 500, 510), (Otp::TOTP, 0, now - 1, now + 1)]
        {
            let start = Progress {
                next,
                drift_steps: 0,
            };
            for used in first..=last {
                assert_eq!(tried_at(otp, used, start), Some(used));
                let progress = otp.consume(start, used, WALL);
                for again in first..=used {
                    assert_eq!(tried_at(otp, again, progress), None, "{again} after {used}");
                }
            }
            assert_eq!(tried_at(otp, first - 1, start), None);
            assert_eq!(tried_at(otp, last + 1, start), None);
        }
    }

    #[test]
    fn consuming_never_goes_back() {
        let progress = Progress {
            next: 900,
            drift_steps: 0,
        };
        assert_eq!(Otp::HOTP.consume(progress, 5, WALL).next, 900);
        assert_eq!(Otp::HOTP.consume(progress, u64::MAX, WALL).next, u64::MAX);
    }

    #[test]
    fn a_counter_at_its_end_accepts_nothing() {
        let end = Otp::HOTP.consume(Progress::default(), super::super::FACTOR_MAX, WALL);
        assert_eq!(Otp::HOTP.acceptable(end, Windows::default(), WALL), None);
        assert_eq!(Otp::TOTP.acceptable(end, Windows::default(), WALL), None);
    }

    #[test]
    fn a_slow_device_is_followed_step_by_step() {
        let now = totp::step_at(WALL, crate::token::Period::THIRTY);
        let mut progress = Progress::default();
        let mut wall = WALL;
        for late in 1..=10 {
            wall = wall + std::time::Duration::from_secs(300);
            let shown = now + 10 * late - late;
            let code = Otp::TOTP.code_at(SEED, shown);
            let found = Otp::TOTP.search(SEED, &code, progress, Windows::default(), wall);
            assert_eq!(found, Some(shown));
            progress = Otp::TOTP.consume(progress, shown, wall);
            assert_eq!(progress.drift_steps, -i32::try_from(late).unwrap());
        }
    }
}
