//! The model's wait, written a second time: whose failures make whom wait, and for how long.

use mfad::time::Now;

use super::person::{Person, Rules, earliest, latest};

/// Where people sign in from; a gateway that does not say is the first.
pub(crate) const STATIONS: [&str; 6] = [
    "",
    "203.0.113.1",
    "203.0.113.2",
    "203.0.113.3",
    "203.0.113.4",
    "198.51.100.66",
];

/// How long a station is known after a sign-in, and how many are.
const KNOWN_MS: i64 = 30 * 24 * 3600 * 1000;
const KNOWN_MAX: usize = 8;

/// Where an attempt comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) gateway: &'static str,
    pub(crate) station: &'static str,
}

/// Failures in a row, and until when the next attempt waits for them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Count {
    pub(crate) failures: u32,
    pub(crate) until: Option<i64>,
}

/// A station from which the person has signed in with a token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Station {
    pub(crate) source: Source,
    pub(crate) seen: i64,
    pub(crate) count: Count,
}

impl Count {
    fn runs(&self, now: Now) -> bool {
        self.until.is_some_and(|until| earliest(now) < until)
    }

    /// Two seconds after the third failure, then twice as long each time, up to an hour.
    fn fail(&mut self, now: Now) {
        self.failures += 1;
        let doublings = self.failures.checked_sub(3);
        let seconds = doublings.map(|n| 2_i64.saturating_pow(n + 1).min(3600));
        self.until = seconds.map(|seconds| now.steady.0 + 1000 * seconds);
    }
}

impl Person {
    /// Which of the stations that are known it is.
    fn known(&self, source: Source, now: Now) -> Option<usize> {
        self.stations
            .iter()
            .position(|known| known.source == source && latest(now) < known.seen + KNOWN_MS)
    }

    /// Whether an attempt from there is refused without a look at its passcode.
    pub(crate) fn waits(&self, source: Source, now: Now) -> bool {
        let count = match self.known(source, now) {
            Some(at) => &self.stations[at].count,
            None => &self.count,
        };
        count.runs(now)
    }

    /// Whether there is anywhere from where this person has to wait.
    pub(crate) fn waits_somewhere(&self, now: Now) -> bool {
        let of_stations = self.stations.iter().map(|known| &known.count);
        of_stations
            .chain([&self.count])
            .any(|count| count.runs(now))
    }

    /// Counts a failure: against the name, or under the wait against the station if it is known.
    pub(crate) fn fail_from(&mut self, source: Source, rules: &Rules, now: Now) {
        match self.known(source, now) {
            _ if !rules.wait => self.count.failures += 1,
            Some(at) => self.stations[at].count.fail(now),
            None => self.count.fail(now),
        }
    }

    /// Lets the person in: the count that the attempt stood under begins anew, and a station is known
    /// from where a token has proven who it is.
    pub(crate) fn come_in_from(&mut self, source: Source, rules: &Rules, proven: bool, now: Now) {
        let known = self.known(source, now);
        if let Some(at) = known {
            let station = &mut self.stations[at];
            station.count = Count::default();
            if proven {
                station.seen = earliest(now);
            }
        }
        if known.is_none() || !rules.wait {
            self.count = Count::default();
        }
        if known.is_some() || !proven || source.station.is_empty() {
            return;
        }
        self.stations
            .retain(|other| other.source != source && latest(now) < other.seen + KNOWN_MS);
        if self.stations.len() == KNOWN_MAX {
            let oldest = self.stations.iter().map(|station| station.seen).min();
            let at = self.stations.iter().position(|it| Some(it.seen) == oldest);
            self.stations.remove(at.unwrap());
        }
        self.stations.push(Station {
            source,
            seen: earliest(now),
            count: Count::default(),
        });
    }

    /// Whether any failure is counted, of the name or of a station.
    pub(crate) fn has_failed(&self) -> bool {
        let of_stations = self.stations.iter().map(|known| &known.count);
        of_stations
            .chain([&self.count])
            .any(|count| count.failures > 0)
    }

    /// No failure is counted any more; waits go on.
    pub(crate) fn clear_counts(&mut self) {
        self.count.failures = 0;
        for station in &mut self.stations {
            station.count.failures = 0;
        }
    }

    /// No failure is counted any more, and nobody waits.
    pub(crate) fn forgive(&mut self) {
        self.count = Count::default();
        for station in &mut self.stations {
            station.count = Count::default();
        }
    }
}
