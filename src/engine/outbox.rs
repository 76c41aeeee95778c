//! The bell between the writer and whoever sends messages.
//!
//! The messages themselves lie in the store: a change and what tells it are one transaction. The
//! writer rings when it has committed one, and never waits; the sender wakes and reads the store.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::Engine;

/// Messages that may wait. A change that finds no room takes it from the oldest ones, so that a mail
/// server that is away never stops a change; one batch may lie above it until the next.
pub const OUTBOX_MESSAGES_MAX: usize = 1_000;

/// Rung when there is something to send.
#[derive(Default)]
pub struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    /// Rings; whoever waits wakes.
    pub fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Waits until it is rung, `at_most` so long; says whether it was.
    pub fn wait(&self, at_most: Duration) -> bool {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut rung, _) = self
            .changed
            .wait_timeout_while(rung, at_most, |rung| !*rung)
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *rung)
    }
}

impl Engine {
    /// Rung when a message waits to be sent.
    #[must_use]
    pub const fn bell(&self) -> &Bell {
        &self.bell
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
        assert!(bell.wait(Duration::ZERO));
        assert!(!bell.wait(Duration::ZERO));
    }
}
