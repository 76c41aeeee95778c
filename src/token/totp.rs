//! Time-based codes: which steps may be tried.
//!
//! The clock of a device runs off, so each accepted code tells how far ([`drift_after`]) and the next
//! search is centred there; the drift is bounded, since a centre that can wander without end would
//! let old codes in one by one. Around the centre lies a window of a few steps for the way from the
//! display to the daemon. Whatever the window says, no step at or before the last accepted one is
//! ever tried: that is what makes a code good for one use, also when the wall clock steps back.

use std::ops::RangeInclusive;

use crate::time::Timestamp;

use super::find::Pair;
use super::{FACTOR_MAX, Otp, OtpCode, Period, Progress, Resync};

/// How far a device's clock may be off, in steps either way.
pub const DRIFT_STEPS_MAX: i32 = 10;

/// Gives the step that a point in time falls in.
// RFC 6238 s4.2: T = (Current Unix time - T0) / X, with the default floor function.
#[must_use]
pub fn step_at(wall: Timestamp, period_s: Period) -> u64 {
    wall.unix_seconds() / u64::from(period_s.seconds())
}

/// Gives the steps a code may have; none if all of them are used up.
// RFC 6238 s5.2: the verifier MUST NOT accept the second attempt of the OTP.
#[must_use]
pub fn window(
    step_now: u64,
    drift_steps: i32,
    window_steps: u16,
    last_accepted: Option<u64>,
) -> Option<RangeInclusive<u64>> {
    let drift_steps = drift_steps.clamp(-DRIFT_STEPS_MAX, DRIFT_STEPS_MAX);
    let centre = step_now.saturating_add_signed(i64::from(drift_steps));
    let unused = last_accepted.map_or(0, |step| step.saturating_add(1));
    let first = centre.saturating_sub(u64::from(window_steps)).max(unused);
    let last = centre
        .saturating_add(u64::from(window_steps))
        .min(FACTOR_MAX);
    (first <= last).then_some(first..=last)
}

/// Gives the drift to remember after a code of step `matched` was accepted.
// RFC 6238 s6: the validator can record it with the number of time steps that the token drifted.
#[must_use]
pub fn drift_after(matched: u64, step_now: u64) -> i32 {
    bounded(matched.saturating_sub(step_now)) - bounded(step_now.saturating_sub(matched))
}

/// Looks for two consecutive codes, both at most `window_steps` from now and after the last
/// accepted one.
pub fn resync(
    otp: &Otp,
    seed: &[u8],
    step_now: u64,
    last_accepted: Option<u64>,
    window_steps: u16,
    first: &OtpCode,
    second: &OtpCode,
) -> Resync {
    let Some(steps) = window(step_now, 0, window_steps, last_accepted) else {
        return Resync::NotFound;
    };
    let Some(last_lower) = steps.end().checked_sub(1) else {
        return Resync::NotFound;
    };
    match otp.find_pair(seed, first, second, *steps.start()..=last_lower) {
        Pair::InOrder(first_at) => {
            let second_at = first_at.saturating_add(1);
            let drift_steps = drift_after(second_at, step_now);
            let progress = Progress {
                next: second_at.saturating_add(1),
                drift_steps,
            };
            Resync::Found { first_at, progress }
        }
        Pair::Reversed(second_at) => Resync::WrongOrder {
            first_at: second_at.saturating_add(1),
        },
        Pair::Nowhere => Resync::NotFound,
    }
}

fn bounded(steps: u64) -> i32 {
    i32::try_from(steps).map_or(DRIFT_STEPS_MAX, |steps| steps.min(DRIFT_STEPS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: &[u8] = b"12345678901234567890";

    #[test]
    fn steps_start_at_the_epoch() {
        assert_eq!(step_at(Timestamp(-1), Period::THIRTY), 0);
        assert_eq!(step_at(Timestamp(29_999), Period::THIRTY), 0);
        assert_eq!(step_at(Timestamp(30_000), Period::THIRTY), 1);
        assert_eq!(step_at(Timestamp(119_999), Period::new(120).unwrap()), 0);
    }

    #[test]
    fn the_window_follows_the_drift_within_its_bounds() {
        assert_eq!(window(100, 0, 1, None), Some(99..=101));
        assert_eq!(window(100, 10, 1, None), Some(109..=111));
        assert_eq!(window(100, 11, 1, None), Some(109..=111));
        assert_eq!(window(100, -10, 1, None), Some(89..=91));
        assert_eq!(window(100, i32::MIN, 1, None), Some(89..=91));
    }

    #[test]
    fn the_window_stays_within_the_type() {
        assert_eq!(window(0, 0, 1, None), Some(0..=1));
        assert_eq!(window(0, -10, 1, None), Some(0..=1));
        assert_eq!(
            window(u64::MAX, 10, 1, None),
            Some(u64::MAX - 1..=u64::MAX - 1)
        );
        assert_eq!(window(u64::MAX, 0, 1, Some(u64::MAX)), None);
        assert_eq!(window(u64::MAX, 0, 1, Some(u64::MAX - 1)), None);
    }

    // test of RFC 6238 s5.2
    #[test]
    fn no_step_at_or_before_the_last_accepted_one() {
        assert_eq!(window(100, 0, 1, Some(98)), Some(99..=101));
        assert_eq!(window(100, 0, 1, Some(99)), Some(100..=101));
        assert_eq!(window(100, 0, 1, Some(101)), None);
        assert_eq!(window(100, -10, 1, Some(100)), None);
        assert_eq!(window(5, 0, 1, Some(100)), None, "the clock stepped back");
        assert_eq!(window(0, 0, 0, Some(0)), None);
    }

    #[test]
    fn drift_is_bounded_both_ways() {
        assert_eq!(drift_after(101, 100), 1);
        assert_eq!(drift_after(97, 100), -3);
        assert_eq!(drift_after(111, 100), 10);
        assert_eq!(drift_after(u64::MAX, 0), 10);
        assert_eq!(drift_after(0, u64::MAX), -10);
    }

    fn resync_at(last_accepted: Option<u64>, first: u64, second: u64) -> Resync {
        let first = Otp::TOTP.code_at(SEED, first);
        let second = Otp::TOTP.code_at(SEED, second);
        resync(&Otp::TOTP, SEED, 1000, last_accepted, 20, &first, &second)
    }

    #[test]
    fn resyncs_within_the_window_on_both_sides() {
        for (first_at, drift_steps) in [(980, -10), (992, -7), (999, 0), (1008, 9), (1019, 10)] {
            let progress = Progress {
                next: first_at + 2,
                drift_steps,
            };
            let found = Resync::Found { first_at, progress };
            assert_eq!(resync_at(None, first_at, first_at + 1), found);
        }
        assert_eq!(resync_at(None, 979, 980), Resync::NotFound);
        assert_eq!(resync_at(None, 1020, 1021), Resync::NotFound);
        assert_eq!(
            resync_at(None, 1001, 1000),
            Resync::WrongOrder { first_at: 1001 }
        );
    }

    #[test]
    fn resync_takes_no_used_code() {
        assert_eq!(resync_at(Some(995), 995, 996), Resync::NotFound);
        assert_eq!(resync_at(Some(995), 996, 995), Resync::NotFound);
        assert!(matches!(
            resync_at(Some(995), 996, 997),
            Resync::Found { .. }
        ));
        assert_eq!(resync_at(Some(1019), 1019, 1020), Resync::NotFound);
        assert_eq!(resync_at(Some(u64::MAX), 1000, 1001), Resync::NotFound);
    }
}
