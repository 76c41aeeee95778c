//! What must reach a person at once: lines about locks, and the alarm when many happen.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::domain::event::{Event, Origin};
use crate::log::{info_always, warn_always};
use crate::time::Now;

/// The minute of the mass-lock alarm, in microseconds.
const MINUTE_US: u64 = 60_000_000;

/// Watches audited events for what needs a person.
pub struct Alarms {
    locks_per_minute: u32,
    state: Mutex<Locks>,
}

#[derive(Default)]
struct Locks {
    last: VecDeque<u64>,
    raised_us: Option<u64>,
}

impl Alarms {
    /// Raises the mass-lock alarm above so many locks a minute; 0: never.
    #[must_use]
    pub fn new(locks_per_minute: u32) -> Self {
        Self {
            locks_per_minute,
            state: Mutex::default(),
        }
    }

    /// Takes in one durable event.
    pub fn event(&self, origin: &Origin, event: &Event, seq: u64, now: Now) {
        let user = event.user.as_ref().map_or("-", |(_, name)| name);
        let gateway = origin.source.as_ref().map_or("-", |source| &source.gateway);
        let station = origin.source.as_ref().map_or("-", |source| &source.station);
        let reason = event.reason.as_deref().unwrap_or("-");
        match event.name {
            "user.locked" => {
                info_always!(
                    "locked user={user} reason={reason} gateway={gateway} from={station} audit={seq}"
                );
                self.locked(gateway, now);
            }
            "user.unlocked" => info_always!("unlocked user={user} audit={seq}"),
            "token.locked" => {
                let token = event.token.map(|id| id.to_string()).unwrap_or_default();
                info_always!(
                    "token locked user={user} token={token} reason={reason} gateway={gateway} \
                     audit={seq}"
                );
            }
            _ => {}
        }
    }

    /// Locks within the last minute, if they are too many.
    #[must_use]
    pub fn mass_lock(&self, now: Now) -> Option<usize> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let count = state.within(now);
        (self.locks_per_minute > 0 && count > self.locks_per_minute as usize).then_some(count)
    }

    fn locked(&self, gateway: &str, now: Now) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let keep = self.locks_per_minute as usize + 1;
        state.last.push_back(now.mono_us);
        while state.last.len() > keep {
            state.last.pop_front();
        }
        let many = self.locks_per_minute > 0 && state.within(now) >= keep;
        let quiet = state
            .raised_us
            .is_none_or(|at| now.mono_us.saturating_sub(at) > MINUTE_US);
        if many && quiet {
            state.raised_us = Some(now.mono_us);
            warn_always!(
                "W040 mass lock: more than {} users locked in 60s, the last through {gateway} \
                 do=\"mfactl user find --locked; mfactl gateway show {gateway}\"",
                self.locks_per_minute
            );
        }
    }
}

impl Locks {
    fn within(&self, now: Now) -> usize {
        self.last
            .iter()
            .filter(|at| now.mono_us.saturating_sub(**at) <= MINUTE_US)
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn more_than_so_many_locks_a_minute_are_a_mass_lock() {
        let alarms = Alarms::new(3);
        let start = Now::at(Timestamp(1_000_000));
        for _ in 0..3 {
            alarms.locked("vpn1", start);
        }
        assert_eq!(alarms.mass_lock(start), None);
        alarms.locked("vpn1", start);
        assert_eq!(alarms.mass_lock(start), Some(4));
        assert_eq!(
            alarms.mass_lock(start.after(std::time::Duration::from_secs(61))),
            None
        );
    }
}
