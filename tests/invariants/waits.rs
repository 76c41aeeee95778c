//! The growing wait (domain rules 8.2.5), as the model sees it, and the stations that have a count of
//! their own. Stations are known under a lock as well.

use mfad::time::Now;

use super::judging::Trial;
use super::model::{Person, early, late};

/// How long a station is known after a sign-in from there.
pub(crate) const KNOWN_MS: i64 = 30 * 24 * 3_600_000;
const STATIONS: usize = 8;
const LONGEST_MS: i64 = 3_600_000;

/// Where people come from; a gateway that sends none cannot tell anybody apart.
pub(crate) const PLACES: [&str; 4] = ["203.0.113.7", "203.0.113.8", "203.0.113.9", ""];

/// A station from which somebody has signed in with a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Station {
    pub(crate) door: &'static str,
    pub(crate) place: &'static str,
    pub(crate) seen: i64,
    pub(crate) failures: u32,
    pub(crate) until: Option<i64>,
}

impl Station {
    fn lasts(&self, now: Now) -> bool {
        late(now) < self.seen + KNOWN_MS
    }
}

/// How long the next attempt waits: 2 s after the third failure, and twice as long after each other.
fn wait_ms(failures: u32) -> Option<i64> {
    let doubled = |times: u32| 2_000_i64.saturating_mul(1 << times.min(20));
    let times = failures.checked_sub(3)?;
    Some(doubled(times).min(LONGEST_MS))
}

fn runs(until: Option<i64>, now: Now) -> bool {
    until.is_some_and(|until| early(now) < until)
}

impl Person {
    fn station(&mut self, door: &str, place: &str, now: Now) -> Option<&mut Station> {
        let is = |it: &&mut Station| it.door == door && it.place == place && it.lasts(now);
        self.stations.iter_mut().find(is)
    }

    /// Failures are forgotten, and no wait goes on.
    pub(crate) fn forgive(&mut self) {
        self.soft = 0;
        self.wait = None;
        for station in &mut self.stations {
            station.failures = 0;
            station.until = None;
        }
    }

    /// Failures are forgotten, and a wait goes on.
    pub(crate) fn clear_failures(&mut self) {
        self.soft = 0;
        self.stations.iter_mut().for_each(|it| it.failures = 0);
    }

    /// Whether anybody has to wait, from whatever station.
    pub(crate) fn waits(&self, now: Now) -> bool {
        runs(self.wait, now) || self.stations.iter().any(|it| runs(it.until, now))
    }
}

impl Trial<'_> {
    /// Whether nobody is let try from there now.
    pub(crate) fn waits(&mut self) -> bool {
        let (door, place, now) = (self.door.name, self.place, self.now);
        let own = self.person.station(door, place, now).map(|it| it.until);
        runs(own.unwrap_or(self.person.wait), now)
    }

    /// One failure more.
    pub(crate) fn count(&mut self) {
        let (door, place, now) = (self.door.name, self.place, self.now);
        if !self.rules.waits {
            self.person.soft += 1;
            return;
        }
        let until = |failures| wait_ms(failures).map(|span| now.steady.0 + span);
        if let Some(own) = self.person.station(door, place, now) {
            own.failures += 1;
            own.until = until(own.failures);
        } else {
            self.person.soft += 1;
            self.person.wait = until(self.person.soft);
        }
    }

    /// Somebody is let in from there; `proven`: by a token.
    pub(crate) fn let_in(&mut self, proven: bool) {
        let (door, place, now) = (self.door.name, self.place, self.now);
        let mut known = false;
        if let Some(own) = self.person.station(door, place, now) {
            known = true;
            (own.failures, own.until) = (0, None);
            if proven {
                own.seen = early(now);
            }
        }
        if known && self.rules.waits {
            return;
        }
        self.person.soft = 0;
        self.person.wait = None;
        if known || !proven || place.is_empty() {
            return;
        }
        let stations = &mut self.person.stations;
        stations.retain(|it| it.lasts(now) && (it.door, it.place) != (door, place));
        if stations.len() == STATIONS {
            let oldest = stations.iter().map(|it| it.seen).min();
            let at = stations.iter().position(|it| Some(it.seen) == oldest);
            stations.remove(at.unwrap());
        }
        stations.push(Station {
            door,
            place,
            seen: early(now),
            failures: 0,
            until: None,
        });
    }
}
