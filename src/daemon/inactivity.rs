//! Once a day, everybody who has not signed in for too long (`lockout.inactive_days`).
//!
//! A sign-in is judged by the same rule whether this has come round or not; what it is for are lists
//! and counts that tell the truth, and people who hear of it before they need to sign in. It takes
//! a slice of people at a time, each through the writer as any change, and waits while the outbox is
//! half full, so that a first round over thousands drives nobody else's message out.

use std::time::Duration;

use crate::domain::lapse;
use crate::engine::Engine;
use crate::log::info_always;
use crate::store::{Find, StoreError};
use crate::time::Now;

/// People looked at in one slice.
const SLICE: usize = 50;

/// From the end of a round to the next.
const PAUSE: Duration = Duration::from_secs(24 * 3600);

/// How far the present round has come.
#[derive(Default)]
pub struct Round {
    /// The rule that it is about.
    span: Duration,
    /// The last name that was looked at.
    cursor: String,
    /// Locked in this round.
    locked: usize,
    /// No slice before then, on the monotonic clock.
    next_us: u64,
}

impl Round {
    /// Takes the next slice, if one is due at `now`. After a start, and when the rule is another one, a
    /// round begins at once.
    ///
    /// # Errors
    /// [`StoreError`]: the same slice is tried again.
    pub fn step(&mut self, engine: &Engine, now: Now) -> Result<(), StoreError> {
        let rules = engine.rules();
        let span = rules.policy.lockout.inactive;
        if span != self.span {
            *self = Self {
                span,
                ..Self::default()
            };
        }
        if span.is_zero() || now.mono_us < self.next_us || !engine.has_room() {
            return Ok(());
        }
        let people = engine
            .reader()
            .find(&Find::default(), &self.cursor, SLICE)?;
        let over = people.len() < SLICE;
        if let Some(last) = people.last() {
            last.name().clone_into(&mut self.cursor);
        }
        let due = people
            .iter()
            .filter(|one| lapse::inactive(one, &rules.policy, now));
        self.locked += engine.lapse(due.map(|one| one.name().to_owned()).collect());
        if over {
            if self.locked > 0 {
                info_always!(
                    "people locked for inactivity count={} do=\"mfactl user find --lock-reason \
                     Inactivity\"",
                    self.locked
                );
            }
            *self = Self {
                span,
                next_us: now.after(PAUSE).mono_us,
                ..Self::default()
            };
        }
        Ok(())
    }
}
