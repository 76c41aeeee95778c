//! Points in time as values that are passed down; nothing below the shell reads a clock.
//!
//! [`Now`] carries two readings of the same instant. `wall` is what the operating system says the
//! time is; `steady` is the wall time at the start of the daemon carried forward by the monotonic
//! clock, so a step of the wall clock does not move it. Rights end at the *later* reading of the
//! two ([`Now::latest`]) and penalties only when *both* readings have passed ([`Now::earliest`]),
//! so moving the clock in either direction can neither prolong a passthrough nor shorten a lock.
//! Time-based codes are judged by `wall` alone.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The epoch, and what a missing time compares as.
    pub const EPOCH: Self = Self(0);
    /// A point that no clock reaches: "does not end".
    pub const NEVER: Self = Self(i64::MAX);

    /// Whole seconds since the epoch; 0 before it.
    #[must_use]
    pub fn unix_seconds(self) -> u64 {
        u64::try_from(self.0 / 1000).unwrap_or(0)
    }

    /// How long after `earlier` this is; zero if it is before it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)),
        )
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)),
        )
    }
}

/// RFC 3339 in UTC with milliseconds, the form of JSON output and audit records.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(t) => write!(f, "{t:.3}"),
            Err(_) => f.write_str("never"),
        }
    }
}

/// One instant, read from both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// What the operating system's clock says.
    pub wall: Timestamp,
    /// The wall time of the daemon's start, carried forward by the monotonic clock.
    pub steady: Timestamp,
    /// Microseconds on the monotonic clock; for measuring and for leave times, never stored.
    pub mono_us: u64,
}

impl Now {
    /// Both readings alike and the monotonic clock in step: for tests and simulations.
    #[must_use]
    pub fn at(wall: Timestamp) -> Self {
        let mono_us = u64::try_from(wall.0).unwrap_or(0).saturating_mul(1000);
        Self {
            wall,
            steady: wall,
            mono_us,
        }
    }

    /// The later reading: a right (passthrough, auth code) is over when this has reached its end.
    #[must_use]
    pub fn latest(self) -> Timestamp {
        self.wall.max(self.steady)
    }

    /// The earlier reading: a penalty (timed lock, wait) is over when this has reached its end.
    #[must_use]
    pub fn earliest(self) -> Timestamp {
        self.wall.min(self.steady)
    }

    /// The instant `span` later, on all three readings.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        let us = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        Self {
            wall: self.wall + span,
            steady: self.steady + span,
            mono_us: self.mono_us.saturating_add(us),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_end_early_and_penalties_late() {
        let now = Now {
            wall: Timestamp(5_000),
            steady: Timestamp(9_000),
            mono_us: 0,
        };
        assert_eq!(now.latest(), Timestamp(9_000));
        assert_eq!(now.earliest(), Timestamp(5_000));
    }

    #[test]
    fn prints_rfc_3339() {
        assert_eq!(
            Timestamp(1_700_000_000_123).to_string(),
            "2023-11-14T22:13:20.123Z"
        );
    }

    #[test]
    fn spans_count_on_every_reading() {
        let now = Now {
            wall: Timestamp(5_000),
            steady: Timestamp(9_000),
            mono_us: 7,
        };
        let later = Now {
            wall: Timestamp(5_003),
            steady: Timestamp(9_003),
            mono_us: 3_007,
        };
        assert_eq!(now.after(Duration::from_millis(3)), later);
        assert_eq!(now.steady.since(now.wall), Duration::from_secs(4));
        assert_eq!(now.steady - Duration::from_secs(4), now.wall);
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp::NEVER + Duration::from_secs(1), Timestamp::NEVER);
        assert_eq!(Timestamp(5).since(Timestamp(9)), Duration::ZERO);
    }
}
