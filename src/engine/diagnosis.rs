//! How far off wrong codes were, looked up after their Rejects have left, or not at all.
//!
//! `why` can tell the help desk that a phone's clock is slow, because somebody has looked for the
//! code that was typed at other steps than those that count. That look is forty-one codes or a
//! thousand, for each wrong code that a stranger sends, so it must not be felt: it is done by a
//! thread of its own, a second after the Reject was due to leave, at most a twentieth of the time,
//! for [`QUEUE_MAX`] attempts at once; what finds the queue full is dropped and counted. It writes
//! nothing: the distance alone is kept, in memory, and no verdict, record or reply waits for it or
//! depends on it. A restart forgets it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Engine;
use super::writer::Pending;
use crate::domain::distance::{Distance, distance};
use crate::time::Now;

/// Attempts that wait to be looked at; their passcodes are wiped when they are dropped.
pub const QUEUE_MAX: usize = 64;

/// Distances kept; the oldest goes. Only what was found takes a place, and a guess is found once in
/// twenty-five thousand.
pub const FOUND_MAX: usize = 1024;

/// From the time at which a Reject leaves to the look; for one that left late.
const AFTER: Duration = Duration::from_secs(1);

/// Rests for so many times the time that a look has taken.
const REST: u32 = 19;

/// How often an empty queue is looked at.
const LOOK_AROUND: Duration = Duration::from_millis(200);

/// What waits, and what was found.
#[derive(Default)]
pub struct Diagnosis {
    queue: Mutex<VecDeque<Pending>>,
    found: Mutex<VecDeque<([u8; 32], Distance)>>,
}

impl Diagnosis {
    /// Takes an attempt in whose code was wrong; false: there is no room, and it is dropped.
    pub(super) fn offer(&self, pending: Pending) -> bool {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let room = queue.len() < QUEUE_MAX;
        if room {
            queue.push_back(pending);
        }
        room
    }

    /// How far off the code of the attempt with this digest was, if it was found anywhere.
    #[must_use]
    pub fn distance(&self, digest: &[u8; 32]) -> Option<Distance> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let mut newest = found.iter().rev();
        newest
            .find(|(of, _)| of == digest)
            .map(|(_, distance)| *distance)
    }

    /// The oldest attempt, if its Reject has left.
    fn due(&self, now: Now) -> Option<Pending> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let left = |pending: &Pending| {
            let attempt = &pending.attempt;
            now.mono_us
                >= attempt
                    .received
                    .after(attempt.gateway.reject_delay + AFTER)
                    .mono_us
        };
        if queue.front().is_some_and(left) {
            queue.pop_front()
        } else {
            None
        }
    }

    fn keep(&self, digest: [u8; 32], distance: Distance) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.len() >= FOUND_MAX {
            found.pop_front();
        }
        found.push_back((digest, distance));
    }
}

impl Engine {
    /// The thread of the diagnosis, until told to end.
    pub fn diagnose(&self, ends: &AtomicBool) {
        while !ends.load(Ordering::Relaxed) {
            let began_us = self.now().mono_us;
            let rest = if self.diagnose_next() {
                let worked_us = self.now().mono_us.saturating_sub(began_us);
                Duration::from_micros(worked_us).saturating_mul(REST)
            } else {
                LOOK_AROUND
            };
            std::thread::park_timeout(rest);
        }
    }

    /// Looks at one attempt; false: none is due.
    pub fn diagnose_next(&self) -> bool {
        let Some(pending) = self.diagnosis.due(self.now()) else {
            return false;
        };
        self.counters.diagnoses.up();
        let attempt = &pending.attempt;
        // The record as it is now: a token that has met the hard cap since is left out.
        let record = attempt.user.as_deref().map(|name| self.load(name));
        let Some(Ok(Some(record))) = record else {
            return true;
        };
        let rules = self.rules();
        if let Some(found) = distance(&record, attempt, &rules.policy, self.keys()) {
            self.diagnosis.keep(attempt.digest, found);
        }
        true
    }

    /// What was found out about wrong codes.
    #[must_use]
    pub const fn diagnosis(&self) -> &Diagnosis {
        &self.diagnosis
    }

    /// Has a wrong code looked for elsewhere, if there is room.
    pub(super) fn offer_for_diagnosis(&self, pending: Pending) {
        if !self.diagnosis.offer(pending) {
            self.counters.diagnoses_dropped.up();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::attempt::{Attempt, Proof, Pseudonym};
    use crate::domain::explain::tests::{at_home, vpn1};
    use crate::engine::trace::Stages;
    use crate::engine::writer::Ticket;
    use crate::secret::SecretBytes;
    use crate::time::Timestamp;
    use crate::token::TokenId;

    const NOW: Now = Now {
        wall: Timestamp(1_800_000_015_000),
        steady: Timestamp(1_800_000_015_000),
        mono_us: 5_000_000,
    };

    fn pending() -> Pending {
        let attempt = Attempt {
            gateway: Arc::new(vpn1()),
            user: None,
            pseudonym: Pseudonym([0; 4]),
            proof: Proof::Passcode(SecretBytes::copy_of(b"123456")),
            source: at_home(),
            digest: [7; 32],
            received: NOW,
        };
        Pending {
            attempt,
            ticket: Ticket([0, 0]),
            finding: None,
            first: None,
            checks: 0,
            stages: Stages::default(),
            queued_us: 0,
        }
    }

    #[test]
    fn a_full_queue_drops() {
        let diagnosis = Diagnosis::default();
        assert!((0..QUEUE_MAX).all(|_| diagnosis.offer(pending())));
        assert!(!diagnosis.offer(pending()));
        assert!(diagnosis.due(NOW.after(Duration::from_secs(60))).is_some());
        assert!(diagnosis.offer(pending()), "room for one again");
    }

    #[test]
    fn nothing_is_due_before_its_reject_has_left() {
        let diagnosis = Diagnosis::default();
        assert!(diagnosis.offer(pending()));
        let left = NOW.after(vpn1().reject_delay);
        assert!(diagnosis.due(left).is_none());
        let last = left.after(AFTER - Duration::from_micros(1));
        assert!(diagnosis.due(last).is_none());
        assert!(diagnosis.due(left.after(AFTER)).is_some());
        assert!(diagnosis.due(left.after(AFTER)).is_none());
    }

    #[test]
    fn the_oldest_distance_goes() {
        let diagnosis = Diagnosis::default();
        let token = TokenId::from_random([0; 5]);
        let digest = |number: usize| {
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&number.to_be_bytes());
            digest
        };
        for number in 0..=FOUND_MAX {
            let off = i64::try_from(number).unwrap();
            let period = None;
            diagnosis.keep(digest(number), Distance { token, off, period });
        }
        assert_eq!(diagnosis.distance(&digest(0)), None);
        let off = |number| diagnosis.distance(&digest(number)).map(|found| found.off);
        assert_eq!((off(1), off(FOUND_MAX)), (Some(1), Some(1024)));
    }
}
