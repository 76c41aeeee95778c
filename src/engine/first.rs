//! First factors on their way through the pool, and new ones that are hashed there.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::pins::{Answer, Order};
use super::writer::{Checked, Pending};
use super::{Engine, span};
use crate::domain::attempt::Attempt;
use crate::domain::judge::FirstFactor;
use crate::domain::verify::Ask;
use crate::secret::SecretBytes;
use crate::time::Now;

/// How long an attempt may wait for the PIN pool at the least, where Rejects are hardly held back.
const PIN_WAIT_MIN: Duration = Duration::from_millis(500);

impl Engine {
    /// Has the first factor checked in the pool; the attempt goes on to the writer from there.
    /// Without an order it takes its place in the pool all the same.
    pub(crate) fn check_first(
        self: &Arc<Self>,
        pending: Pending,
        order: Option<(Order, Ask)>,
        now: Now,
    ) {
        let (engine, world) = (Arc::clone(self), Arc::clone(&self.world));
        let (order, ask) = order.unzip();
        let stored = order.as_ref().and_then(|order| order.stored.clone());
        let field = order.as_ref().map(Order::field);
        let began_us = self.now().mono_us;
        let until_us = pin_wait_end_us(&pending.attempt);
        let in_time = move || world.now().mono_us < until_us;
        // Taken out again if the pool is full: the attempt must not be lost with the closure.
        let parked = Arc::new(Mutex::new(Some(pending)));
        let for_pool = Arc::clone(&parked);
        let then = move |answer: Answer| {
            let taken = for_pool
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            let Some(mut pending) = taken else { return };
            pending.queued_us = engine.now().mono_us;
            let pin_us = span(began_us, pending.queued_us);
            pending.stages.pin_us = Some(pin_us.saturating_add(pending.stages.pin_us.unwrap_or(0)));
            let seal = |hash: &SecretBytes| engine.seal(field?, hash.expose()).ok();
            let (first, hash) = match &answer {
                Answer::Right => (FirstFactor::Right, None),
                Answer::Wrong => (FirstFactor::Wrong, None),
                Answer::Hashed(hash) => (FirstFactor::NotAsked, seal(hash)),
                Answer::Unreadable => {
                    engine.counters.unanswered_store.up();
                    return engine.answers.nothing(pending.ticket, &pending.attempt);
                }
                Answer::Late => {
                    engine.counters.shed_pin.up();
                    return engine.answers.nothing(pending.ticket, &pending.attempt);
                }
            };
            pending.first = ask.map(|ask| Checked {
                ask,
                stored,
                first,
                hash,
            });
            engine.queue_attempt(pending);
        };
        if self.pins.check(order, now, in_time, then).is_err() {
            let taken = parked.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(pending) = taken {
                self.counters.shed_pin.up();
                self.answers.nothing(pending.ticket, &pending.attempt);
            }
        }
    }

    /// Of an engine whose PIN pool has no threads: makes the check that waits longest. False if none
    /// waits.
    pub fn check_one(&self) -> bool {
        self.pins.step()
    }
}

/// Until when an attempt may wait for the PIN pool: what is left until its Reject leaves is for the
/// check and the commit. A Reject that came later than others would tell that the code was right.
fn pin_wait_end_us(attempt: &Attempt) -> u64 {
    let wait = (attempt.gateway.reject_delay * 3 / 4).max(PIN_WAIT_MIN);
    attempt.received.after(wait).mono_us
}
