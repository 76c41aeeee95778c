//! The one place that reads a clock.
//!
//! [`Clock::now`] gives the three readings of a [`Now`]. `steady` is the wall time at the start of
//! the daemon carried forward by the kernel's clock since boot (which also counts time in
//! suspend), so a step of the wall clock does not move it. A step of more than
//! [`JUMP_US_MIN`] is counted and kept for the status page and warning W021. When the new wall
//! time has stood for [`ANCHOR_AFTER_US`], `steady` is anchored anew: a machine that booted with a
//! wrong clock heals without an operator.
//!
//! Reading costs two calls that stay in user space. Threads share one clock: the readings that
//! every call needs are atomics, the rare bookkeeping of a jump is behind a lock. Each reading
//! also tells the log the time, so that its rate limits need no clock of their own.

use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use nix::time::{ClockId, clock_gettime};

use crate::log;
use crate::sys::raw;
use crate::time::{Now, Timestamp};

/// Smallest difference between wall and monotonic clock that counts as a jump, in microseconds.
pub const JUMP_US_MIN: u64 = 2_000_000;

/// How long a jumped wall clock must stand before `steady` follows it, in microseconds.
pub const ANCHOR_AFTER_US: u64 = 3_600_000_000;

/// Two readings further apart than this were torn by a pause of the process, in microseconds.
const TORN_US_MIN: u64 = 1_000;

/// How often torn readings are repeated before they are taken as they are.
const TORN_TRIES_MAX: u32 = 8;

/// systemd-timesyncd makes this file when it has set the clock from the network.
const TIMESYNC_FLAG: &str = "/run/systemd/timesync/synchronized";

/// The clock of the process; one instance, shared by reference.
#[derive(Debug)]
pub struct Clock {
    steady: Steady,
}

impl Clock {
    /// Starts a clock whose steady time is the wall time of this moment.
    #[must_use]
    pub fn start() -> Self {
        let (wall_us, mono_us) = read_untorn();
        log::time_is(mono_us);
        Self {
            steady: Steady::anchored(wall_us, mono_us),
        }
    }

    /// Reads both clocks.
    #[must_use]
    pub fn now(&self) -> Now {
        let (mut wall_us, mut mono_us) = read();
        if self.steady.wants_attention(wall_us, mono_us) {
            (wall_us, mono_us) = read_untorn();
            self.steady.attend(wall_us, mono_us);
        }
        log::time_is(mono_us);
        Now {
            wall: Timestamp(wall_us.div_euclid(1000)),
            steady: Timestamp(self.steady.at(mono_us).div_euclid(1000)),
            mono_us,
        }
    }

    /// How often the wall clock has jumped since the start.
    #[must_use]
    pub fn jumps(&self) -> u64 {
        self.steady.jumps.load(Ordering::Relaxed)
    }

    /// The latest jump, if there was one.
    #[must_use]
    pub fn last_jump(&self) -> Option<Jump> {
        self.steady.story().last
    }

    /// How far the wall clock is ahead of the steady one at this moment, in milliseconds.
    ///
    /// Zero (within [`JUMP_US_MIN`]) again when the wall clock was set right or when the steady
    /// clock has followed it: then W021 is cleared.
    #[must_use]
    pub fn wall_ahead_ms(&self) -> i64 {
        let now = self.now();
        now.wall.0.saturating_sub(now.steady.0)
    }
}

/// One step of the wall clock against the monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jump {
    /// How far it went, in milliseconds; negative: back.
    pub by_ms: i64,
    /// The wall time after the jump.
    pub at: Timestamp,
    /// The monotonic time at which it was noticed, in microseconds.
    pub mono_us: u64,
}

/// Whether something keeps the kernel's clock in step with the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronised {
    /// A time service disciplines the clock.
    Yes,
    /// The kernel says that nobody does.
    No,
    /// The sandbox forbids the question (`ProtectClock=`) and no time service left its mark.
    Unknown,
}

/// Asks whether the machine's clock is synchronised.
#[must_use]
pub fn synchronised() -> Synchronised {
    match raw::clock_is_disciplined() {
        Ok(true) => Synchronised::Yes,
        Ok(false) => Synchronised::No,
        Err(_) if Path::new(TIMESYNC_FLAG).exists() => Synchronised::Yes,
        Err(_) => Synchronised::Unknown,
    }
}

/// The wall time alone, for stamps on lines that people read.
#[must_use]
pub fn wall() -> Timestamp {
    Timestamp(read().0.div_euclid(1000))
}

/// The steady time and the story of the wall clock's jumps, without reading any clock itself.
#[derive(Debug)]
struct Steady {
    /// Steady time minus monotonic time.
    anchor_us: AtomicI64,
    /// How far the wall clock was ahead of the steady one when a jump was last noticed.
    level_us: AtomicI64,
    /// When `level_us` became other than zero, on the monotonic clock; 0 while it is zero.
    since_us: AtomicU64,
    jumps: AtomicU64,
    story: Mutex<Story>,
}

/// What only those who handle a jump or report it look at.
#[derive(Clone, Copy, Debug, Default)]
struct Story {
    last: Option<Jump>,
}

impl Steady {
    fn anchored(wall_us: i64, mono_us: u64) -> Self {
        Self {
            anchor_us: AtomicI64::new(wall_us.saturating_sub(signed(mono_us))),
            level_us: AtomicI64::new(0),
            since_us: AtomicU64::new(0),
            jumps: AtomicU64::new(0),
            story: Mutex::new(Story::default()),
        }
    }

    fn at(&self, mono_us: u64) -> i64 {
        signed(mono_us).saturating_add(self.anchor_us.load(Ordering::Acquire))
    }

    fn wants_attention(&self, wall_us: i64, mono_us: u64) -> bool {
        let ahead = wall_us.saturating_sub(self.at(mono_us));
        let since = self.since_us.load(Ordering::Acquire);
        ahead.abs_diff(self.level_us.load(Ordering::Acquire)) > JUMP_US_MIN
            || (since != 0 && mono_us.saturating_sub(since) >= ANCHOR_AFTER_US)
    }

    /// Does the bookkeeping. Another thread may have done it meanwhile, so all is asked again.
    fn attend(&self, wall_us: i64, mono_us: u64) {
        let mut story = self.story.lock().unwrap_or_else(PoisonError::into_inner);
        let ahead = wall_us.saturating_sub(self.at(mono_us));
        let by_us = ahead.saturating_sub(self.level_us.load(Ordering::Acquire));
        if by_us.unsigned_abs() > JUMP_US_MIN {
            let at = Timestamp(wall_us.div_euclid(1000));
            story.last = Some(Jump {
                by_ms: by_us / 1000,
                at,
                mono_us,
            });
            self.jumps.fetch_add(1, Ordering::Relaxed);
            let back_in_step = ahead.unsigned_abs() <= JUMP_US_MIN;
            self.level_us
                .store(if back_in_step { 0 } else { ahead }, Ordering::Release);
            self.since_us.store(
                if back_in_step { 0 } else { mono_us.max(1) },
                Ordering::Release,
            );
            return;
        }
        let since = self.since_us.load(Ordering::Acquire);
        if since != 0 && mono_us.saturating_sub(since) >= ANCHOR_AFTER_US {
            self.anchor_us
                .store(wall_us.saturating_sub(signed(mono_us)), Ordering::Release);
            self.level_us.store(0, Ordering::Release);
            self.since_us.store(0, Ordering::Release);
        }
    }

    fn story(&self) -> Story {
        *self.story.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wall time and time since boot, in microseconds.
fn read() -> (i64, u64) {
    (clock_us(ClockId::CLOCK_REALTIME), mono_us())
}

/// Like [`read`], but repeated until the process was not paused between the two readings, which
/// would look like a jump.
fn read_untorn() -> (i64, u64) {
    let mut best = (i64::MAX, 0);
    for _ in 0..TORN_TRIES_MAX {
        let before = mono_us();
        let wall = clock_us(ClockId::CLOCK_REALTIME);
        let after = mono_us();
        best = (wall, after);
        if after.saturating_sub(before) < TORN_US_MIN {
            break;
        }
    }
    best
}

fn mono_us() -> u64 {
    u64::try_from(clock_us(ClockId::CLOCK_BOOTTIME)).unwrap_or(0)
}

/// One reading; 0 if the kernel has no such clock, which no supported kernel does.
fn clock_us(id: ClockId) -> i64 {
    clock_gettime(id).map_or(0, |t| {
        t.tv_sec().saturating_mul(1_000_000) + t.tv_nsec() / 1000
    })
}

fn signed(us: u64) -> i64 {
    i64::try_from(us).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;
    const START_US: i64 = 1_700_000_000_000_000;

    /// The wall clock at `mono_us` when it is `ahead_s` seconds ahead of the true time.
    fn see(steady: &Steady, mono_us: u64, ahead_s: i64) -> i64 {
        let wall = START_US + signed(mono_us) + ahead_s * 1_000_000;
        if steady.wants_attention(wall, mono_us) {
            steady.attend(wall, mono_us);
        }
        steady.at(mono_us) - START_US - signed(mono_us)
    }

    #[test]
    fn a_step_does_not_move_steady_until_it_has_stood_for_an_hour() {
        let steady = Steady::anchored(START_US, 0);
        assert_eq!(see(&steady, SECOND, 0), 0);
        assert_eq!(see(&steady, 2 * SECOND, -3600), 0);
        assert_eq!(steady.jumps.load(Ordering::Relaxed), 1);
        assert_eq!(steady.story().last.unwrap().by_ms, -3_600_000);
        assert_eq!(see(&steady, 2 * SECOND + ANCHOR_AFTER_US - 1, -3600), 0);
        assert_eq!(
            see(&steady, 2 * SECOND + ANCHOR_AFTER_US, -3600),
            -3_600_000_000
        );
        assert_eq!(
            steady.jumps.load(Ordering::Relaxed),
            1,
            "following is no jump"
        );
        assert_eq!(
            see(&steady, 3 * SECOND + ANCHOR_AFTER_US, -3600),
            -3_600_000_000
        );
    }

    #[test]
    fn a_step_that_is_taken_back_never_moves_steady() {
        let steady = Steady::anchored(START_US, 0);
        see(&steady, SECOND, 86_400);
        see(&steady, 2 * SECOND, 1);
        assert_eq!(steady.jumps.load(Ordering::Relaxed), 2);
        assert_eq!(steady.story().last.unwrap().by_ms, -86_399_000);
        assert_eq!(see(&steady, 2 * ANCHOR_AFTER_US, 1), 0);
    }

    #[test]
    fn every_new_step_starts_the_hour_again() {
        let steady = Steady::anchored(START_US, 0);
        see(&steady, SECOND, 60);
        see(&steady, ANCHOR_AFTER_US, 120);
        assert_eq!(see(&steady, ANCHOR_AFTER_US + 2 * SECOND, 120), 0);
    }

    #[test]
    fn two_seconds_are_no_jump() {
        let steady = Steady::anchored(START_US, 0);
        assert_eq!(see(&steady, SECOND, 2), 0);
        assert_eq!(steady.jumps.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn the_real_clock_runs_and_agrees_with_itself() {
        let clock = Clock::start();
        let first = clock.now();
        std::thread::sleep(std::time::Duration::from_millis(5));
        let second = clock.now();
        assert!(second.mono_us >= first.mono_us + 5_000);
        assert!(second.wall.0.abs_diff(second.steady.0) <= 2);
        assert!(second.wall > Timestamp(1_600_000_000_000));
        assert_eq!(clock.jumps(), 0);
        let _ = synchronised();
    }
}
