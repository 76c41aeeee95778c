//! Counter-based codes: which counters may be tried.
//!
//! A button pressed by accident moves the device ahead of the daemon, never behind it, so the search
//! goes forward only: from the next counter over a small look-ahead window. A device that is further
//! ahead is found again with two codes in a row, which are hard to guess, in a window that is wide.
//! The counter moves with an accepted code and with nothing else: wrong codes, however many, leave
//! it where it is.

use std::ops::RangeInclusive;

use super::find::Pair;
use super::{FACTOR_MAX, Otp, OtpCode, Progress, Resync};

/// Gives the counters a code may have: the next one and `look_ahead` more.
///
/// Empty for a counter at the end of the type: nothing could follow its code.
// RFC 4226 s7.2: the server can recalculate the next s HOTP-server values.
#[must_use]
pub fn window(next_counter: u64, look_ahead: u16) -> RangeInclusive<u64> {
    next_counter
        ..=next_counter
            .saturating_add(u64::from(look_ahead))
            .min(FACTOR_MAX)
}

/// Looks for two consecutive codes, the first of them at most `window` counters ahead.
// RFC 4226 s7.4: ask the user to send a sequence of (say, 2, 3) HOTP values.
pub fn resync(
    otp: &Otp,
    seed: &[u8],
    next_counter: u64,
    window: u16,
    first: &OtpCode,
    second: &OtpCode,
) -> Resync {
    let lowers = self::window(next_counter, window);
    match otp.find_pair(seed, first, second, lowers) {
        Pair::InOrder(first_at) => Resync::Found {
            first_at,
            progress: Progress {
                next: first_at.saturating_add(2),
                drift_steps: 0,
            },
        },
        Pair::Reversed(second_at) => Resync::WrongOrder {
            first_at: second_at.saturating_add(1),
        },
        Pair::Nowhere => Resync::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: &[u8] = b"12345678901234567890";

    fn resync_at(next_counter: u64, first: u64, second: u64) -> Resync {
        let first = Otp::HOTP.code_at(SEED, first);
        let second = Otp::HOTP.code_at(SEED, second);
        resync(&Otp::HOTP, SEED, next_counter, 1000, &first, &second)
    }

    #[test]
    fn the_window_ends_before_the_type_does() {
        assert_eq!(window(0, 0), 0..=0);
        assert_eq!(window(7, 10), 7..=17);
        assert_eq!(window(u64::MAX - 3, 10), u64::MAX - 3..=u64::MAX - 1);
        assert_eq!(window(u64::MAX - 1, 10), u64::MAX - 1..=u64::MAX - 1);
        assert!(window(u64::MAX, 10).is_empty());
    }

    // test of RFC 4226 s7.4
    #[test]
    fn two_codes_find_a_device_that_is_far_ahead() {
        for ahead in [0, 11, 97, 999, 1000] {
            let found = resync_at(1204, 1204 + ahead, 1205 + ahead);
            let progress = Progress {
                next: 1206 + ahead,
                drift_steps: 0,
            };
            assert_eq!(
                found,
                Resync::Found {
                    first_at: 1204 + ahead,
                    progress
                }
            );
        }
        assert_eq!(resync_at(1204, 2205, 2206), Resync::NotFound);
    }

    #[test]
    fn never_looks_back() {
        assert_eq!(resync_at(1204, 1203, 1204), Resync::NotFound);
        assert_eq!(resync_at(1204, 1204, 1203), Resync::NotFound);
    }

    #[test]
    fn tells_codes_in_the_wrong_order_from_codes_that_do_not_exist() {
        assert_eq!(
            resync_at(1204, 1298, 1297),
            Resync::WrongOrder { first_at: 1298 }
        );
        assert_eq!(resync_at(1204, 1297, 1299), Resync::NotFound);
        assert_eq!(resync_at(1204, 1297, 1297), Resync::NotFound);
    }

    #[test]
    fn the_last_two_counters_are_the_last_pair() {
        let next = u64::MAX;
        let progress = Progress {
            next,
            drift_steps: 0,
        };
        let found = Resync::Found {
            first_at: next - 2,
            progress,
        };
        assert_eq!(resync_at(next - 9, next - 2, next - 1), found);
        assert_eq!(resync_at(next - 9, next - 1, next), Resync::NotFound);
        assert_eq!(resync_at(next, next, next), Resync::NotFound);
    }
}
