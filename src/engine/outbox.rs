//! The bell between the writer and those who send messages.
//!
//! The messages themselves lie in the store: a change and what tells it are one transaction. The
//! writer rings when it has committed one, and never waits; the senders wake and read the store.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::Engine;

/// Messages that may wait. A change that finds no room takes it from the oldest ones, so that a mail
/// server that is away never stops a change; one batch may lie above it until the next.
pub const OUTBOX_MESSAGES_MAX: usize = 1_000;

/// Rung when there is something to send.
#[derive(Default)]
pub struct Bell {
    /// How often.
    rung: Mutex<u64>,
    changed: Condvar,
}

impl Bell {
    /// Rings; whoever waits wakes.
    pub fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.changed.notify_all();
    }

    /// Waits until it is rung once more than what was `heard`, `at_most` so long; how often it was.
    pub fn wait(&self, heard: u64, at_most: Duration) -> u64 {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let (rung, _) = self
            .changed
            .wait_timeout_while(rung, at_most, |rung| *rung == heard)
            .unwrap_or_else(PoisonError::into_inner);
        *rung
    }
}

impl Engine {
    /// Rung when a message waits to be sent.
    #[must_use]
    pub const fn bell(&self) -> &Bell {
        &self.bell
    }

    /// Whether the outbox is half empty. What tells many people waits for that, so that it drives
    /// nobody else's message out.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.counters().messages_waiting.value() <= (OUTBOX_MESSAGES_MAX / 2) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bell_that_was_rung_before_is_heard_once() {
        let bell = Bell::default();
        bell.ring();
        bell.ring();
        for _ in 0..2 {
            // Two who wait hear it both.
            assert_eq!(bell.wait(0, Duration::MAX), 2);
            assert_eq!(bell.wait(2, Duration::ZERO), 2);
        }
    }
}
