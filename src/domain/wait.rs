//! The growing wait, which stands in place of the user lock with `lockout.mode = "wait"` (8.2.5).
//!
//! A lock is a weapon: whoever knows a name can turn it on that person. A wait is none. After the
//! third failure in a row the next attempt is refused, its passcode not looked at, for 2 s, after
//! the fourth for 4 s, and so on up to an hour. Who guesses soon has one guess an hour, and the
//! person is back without an operator.
//!
//! The person must not wait for a stranger's failures. So they are counted apart for each
//! [`Station`] from which the person has signed in with a token through the same gateway within
//! 30 days; all others share the user's own count (C3). A sign-in clears the count it stood under
//! and no other: if it cleared all, a guesser would get fresh guesses with every login of his
//! victim. Where a gateway sends no Calling-Station-Id nobody can be told apart, and all wait
//! together.
//!
//! Stations are remembered under the lock as well, so that they are known when an attack makes
//! somebody switch to the wait. What is kept of the station is a short digest: a few octets
//! whatever the gateway sends, and no list of the places a person signs in from. It is not keyed.
//! Addresses are few enough to be tried out, but the last one stands in clear beside it in the
//! record anyway, for the help desk.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use smol_str::SmolStr;

use super::event::Source;
use super::lockout::LockoutMode;
use super::user::{AuthState, UserId, UserRecord};
use crate::time::{Now, Timestamp};

/// The failure in a row that makes the next attempt wait.
pub const FIRST_FAILURE: u32 = 3;

/// The first wait; each further failure doubles it.
const SHORTEST: Duration = Duration::from_secs(2);

/// No wait is longer.
pub const LONGEST: Duration = Duration::from_secs(3600);

/// How long a station is known after a sign-in.
pub const KNOWN_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

/// Stations remembered for a person, the ones used last.
pub const STATIONS_MAX: usize = 8;

/// A Calling-Station-Id as a record keeps it: the beginning of a SHA-256 with the user's id in
/// front, so that one place is not the same octets in two records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StationTag(pub [u8; 8]);

impl StationTag {
    /// The tag of `station` in the record of `user`; none if the gateway sent none.
    fn of(user: UserId, station: &str) -> Option<Self> {
        if station.is_empty() {
            return None;
        }
        let digest = Sha256::new()
            .chain_update(user.0)
            .chain_update(station)
            .finalize();
        digest.first_chunk().copied().map(Self)
    }
}

/// A station from which the person has signed in with a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Station {
    /// Through this gateway.
    pub gateway: Arc<str>,
    /// Which one.
    pub tag: StationTag,
    /// The last such sign-in.
    pub seen: Timestamp,
    /// Failures from there since.
    pub failures: u32,
    /// The next attempt from there is refused until then.
    pub until: Option<Timestamp>,
}

/// A failure as it was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Failures under the same count, this one among them.
    pub failures: u32,
    /// The next attempt under it waits until then.
    pub until: Option<Timestamp>,
}

/// A wait in force, as screens show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// The gateway at which the station is known; none: the wait of all that are not.
    pub known_at: Option<Arc<str>>,
    /// The station, if it is the one of the last failure.
    pub station: Option<SmolStr>,
    /// Failures that brought it about.
    pub failures: u32,
    /// When it ends.
    pub until: Timestamp,
}

/// How long the next attempt waits after so many failures in a row.
#[must_use]
pub fn span(failures: u32) -> Duration {
    let Some(doublings) = failures.checked_sub(FIRST_FAILURE) else {
        return Duration::ZERO;
    };
    LONGEST.min(SHORTEST * (1 << doublings.min(11)))
}

/// Until when an attempt from `source` is refused, if it is.
#[must_use]
pub fn ends(record: &UserRecord, source: &Source, now: Now) -> Option<Timestamp> {
    let auth = &record.auth;
    // Nearly nobody waits, and then no digest has to be made.
    if !runs(auth.wait_until, now) && !auth.stations.iter().any(|one| runs(one.until, now)) {
        return None;
    }
    let until = match known(record, source, now) {
        Some(at) => auth.stations.get(at)?.until,
        None => auth.wait_until,
    };
    until.filter(|_| runs(until, now))
}

/// Counts a failure, and lets the next attempt wait for it.
///
/// The end is counted from the steady clock, as those of locks are.
#[must_use]
pub fn count(record: &mut UserRecord, source: &Source, now: Now) -> Counted {
    let known = known(record, source, now);
    let auth = &mut record.auth;
    let (failures, until) = match known.and_then(|at| auth.stations.get_mut(at)) {
        Some(station) => (&mut station.failures, &mut station.until),
        None => (&mut auth.soft, &mut auth.wait_until),
    };
    *failures = failures.saturating_add(1);
    let span = span(*failures);
    *until = (!span.is_zero()).then(|| now.steady + span);
    Counted {
        failures: *failures,
        until: *until,
    }
}

/// The person is let in from `source`: its count starts anew, and if a token has proven who it is
/// the station is known from now on.
pub fn signed_in(
    record: &mut UserRecord,
    source: &Source,
    mode: LockoutMode,
    proven: bool,
    now: Now,
) {
    let known = known(record, source, now);
    let tag = StationTag::of(record.id, &source.station);
    let auth = &mut record.auth;
    // A clock that is ahead for a moment must not make a station known for longer.
    let seen = now.earliest();
    if let Some(station) = known.and_then(|at| auth.stations.get_mut(at)) {
        station.failures = 0;
        station.until = None;
        if proven {
            station.seen = seen;
        }
        if mode == LockoutMode::Wait {
            return;
        }
    }
    auth.soft = 0;
    auth.wait_until = None;
    let Some(tag) = tag.filter(|_| proven && known.is_none()) else {
        return;
    };
    auth.stations
        .retain(|station| lasts(station, now) && !station.is(tag, &source.gateway));
    if auth.stations.len() >= STATIONS_MAX {
        let oldest = (0..).zip(&auth.stations).min_by_key(|(_, one)| one.seen);
        if let Some((at, _)) = oldest {
            auth.stations.remove(at);
        }
    }
    auth.stations.push(Station {
        gateway: Arc::clone(&source.gateway),
        tag,
        seen,
        failures: 0,
        until: None,
    });
}

/// Sets C3 and the counts of all stations to zero and ends every wait.
pub fn forgive(auth: &mut AuthState) {
    auth.soft = 0;
    auth.wait_until = None;
    for station in &mut auth.stations {
        station.failures = 0;
        station.until = None;
    }
}

/// The waits in force: that of strangers first, then those of known stations.
#[must_use]
pub fn all(record: &UserRecord, now: Now) -> Vec<Wait> {
    let auth = &record.auth;
    let failed = auth.last_failed.as_ref();
    let strangers = auth.wait_until.map(|until| {
        let unknown = |station: &&SmolStr| {
            let tag = StationTag::of(record.id, station);
            !auth.stations.iter().any(|one| Some(one.tag) == tag)
        };
        Wait {
            known_at: None,
            station: failed
                .map(|failed| &failed.station)
                .filter(unknown)
                .cloned(),
            failures: auth.soft,
            until,
        }
    });
    let stations = auth.stations.iter().filter_map(|one| {
        let here = |station: &&SmolStr| StationTag::of(record.id, station) == Some(one.tag);
        Some(Wait {
            known_at: Some(Arc::clone(&one.gateway)),
            station: failed.map(|failed| &failed.station).filter(here).cloned(),
            failures: one.failures,
            until: one.until?,
        })
    });
    let all = strangers.into_iter().chain(stations);
    all.filter(|wait| runs(Some(wait.until), now)).collect()
}

/// How many stations are known, at `gateway` or at any, whose next attempt is judged.
#[must_use]
pub fn open_stations(record: &UserRecord, gateway: Option<&str>, now: Now) -> usize {
    let here = |one: &&Station| gateway.is_none_or(|gateway| *one.gateway == *gateway);
    let stations = record.auth.stations.iter().filter(here);
    let open = stations.filter(|one| lasts(one, now) && !runs(one.until, now));
    open.count()
}

/// Whether the person has to wait wherever he comes from: no station is known that need not.
#[must_use]
pub fn keeps_out(record: &UserRecord, now: Now) -> bool {
    runs(record.auth.wait_until, now) && open_stations(record, None, now) == 0
}

/// Where in the record the station of `source` stands, if it is known.
fn known(record: &UserRecord, source: &Source, now: Now) -> Option<usize> {
    if record.auth.stations.is_empty() {
        return None;
    }
    let tag = StationTag::of(record.id, &source.station)?;
    let mut stations = record.auth.stations.iter();
    stations.position(|station| station.is(tag, &source.gateway) && lasts(station, now))
}

fn lasts(station: &Station, now: Now) -> bool {
    now.latest() < station.seen + KNOWN_FOR
}

fn runs(until: Option<Timestamp>, now: Now) -> bool {
    until.is_some_and(|until| now.earliest() < until)
}

impl Station {
    fn is(&self, tag: StationTag, gateway: &str) -> bool {
        self.tag == tag && *self.gateway == *gateway
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::user::{LastFailed, Profile};

    const START: Timestamp = Timestamp(1_800_000_000_000);

    fn ada() -> UserRecord {
        UserRecord {
            id: UserId([7; 16]),
            profile: Arc::new(Profile::default()),
            auth: AuthState::default(),
        }
    }

    fn at(gateway: &str, station: &str) -> Source {
        Source {
            gateway: Arc::from(gateway),
            address: "192.0.2.1:1812".parse().unwrap(),
            station: SmolStr::from(station),
            nas: SmolStr::default(),
        }
    }

    fn lets_in(record: &mut UserRecord, source: &Source, now: Now) {
        signed_in(record, source, LockoutMode::Wait, true, now);
    }

    #[test]
    fn doubles_from_two_seconds_to_an_hour() {
        let seconds = |failures| span(failures).as_secs();
        assert_eq!([0, 1, 2].map(seconds), [0; 3]);
        assert_eq!([3, 4, 5, 12, 13].map(seconds), [2, 4, 8, 1024, 2048]);
        assert_eq!([14, 15, 100, u32::MAX].map(seconds), [3600; 4]);
    }

    #[test]
    fn ends_when_both_clocks_have_passed_it() {
        let (mut ada, stranger) = (ada(), at("vpn1", "203.0.113.66"));
        let now = Now::at(START);
        for _ in 0..3 {
            let _ = count(&mut ada, &stranger, now);
        }
        let end = START + SHORTEST;
        assert_eq!(ends(&ada, &stranger, now), Some(end));
        let two = now.after(SHORTEST);
        assert_eq!(ends(&ada, &stranger, two), None);
        for (wall, steady) in [(now.wall, two.steady), (two.wall, now.steady)] {
            let torn = Now {
                wall,
                steady,
                ..two
            };
            assert_eq!(ends(&ada, &stranger, torn), Some(end));
        }
    }

    #[test]
    fn strangers_wait_among_themselves() {
        let (mut ada, now) = (ada(), Now::at(START));
        let (home, stranger) = (at("vpn1", "203.0.113.7"), at("vpn1", "203.0.113.66"));
        lets_in(&mut ada, &home, now);
        for _ in 0..4 {
            let _ = count(&mut ada, &stranger, now);
        }
        assert!(ends(&ada, &stranger, now).is_some());
        assert!(ends(&ada, &at("vpn1", ""), now).is_some(), "no station");
        assert!(ends(&ada, &at("vpn2", "203.0.113.7"), now).is_some());
        assert_eq!(ends(&ada, &home, now), None);
        assert_eq!(open_stations(&ada, Some("vpn1"), now), 1);
        assert_eq!(open_stations(&ada, Some("vpn2"), now), 0);
        // Neither clears the other's count.
        lets_in(&mut ada, &home, now);
        assert_eq!(ada.auth.soft, 4);
        for _ in 0..3 {
            let _ = count(&mut ada, &home, now);
        }
        assert_eq!((ada.auth.soft, open_stations(&ada, None, now)), (4, 0));
        let told: Vec<_> = all(&ada, now)
            .into_iter()
            .map(|wait| (wait.failures, wait.known_at.is_some()))
            .collect();
        assert_eq!(told, [(4, false), (3, true)]);
        lets_in(&mut ada, &stranger, now);
        assert_eq!((ada.auth.soft, ends(&ada, &stranger, now)), (0, None));
        assert!(ends(&ada, &home, now).is_some());
        forgive(&mut ada.auth);
        assert_eq!(all(&ada, now), []);
    }

    #[test]
    fn a_station_is_known_for_thirty_days_by_the_later_clock() {
        let (mut ada, now) = (ada(), Now::at(START));
        let home = at("vpn1", "203.0.113.7");
        lets_in(&mut ada, &home, now);
        let last = now.after(KNOWN_FOR - Duration::from_millis(1));
        assert!(known(&ada, &home, last).is_some());
        assert!(known(&ada, &home, now.after(KNOWN_FOR)).is_none());
        let wall = now.wall + KNOWN_FOR;
        assert!(known(&ada, &home, Now { wall, ..now }).is_none());
    }

    #[test]
    fn only_a_token_makes_a_station_known() {
        let (mut ada, now) = (ada(), Now::at(START));
        signed_in(&mut ada, &at("vpn1", "a"), LockoutMode::Wait, false, now);
        lets_in(&mut ada, &at("vpn1", ""), now);
        assert_eq!(ada.auth.stations, []);
    }

    #[test]
    fn the_eight_used_last_are_remembered() {
        let (mut ada, now) = (ada(), Now::at(START));
        let place = |number: u64| at("vpn1", &format!("203.0.113.{number}"));
        for number in 0..9 {
            lets_in(
                &mut ada,
                &place(number),
                now.after(Duration::from_secs(number)),
            );
        }
        let later = now.after(Duration::from_secs(60));
        assert_eq!(ada.auth.stations.len(), STATIONS_MAX);
        assert!(known(&ada, &place(0), later).is_none());
        assert!((1..9).all(|number| known(&ada, &place(number), later).is_some()));
        let much_later = later.after(KNOWN_FOR);
        lets_in(&mut ada, &place(1), much_later);
        assert_eq!(ada.auth.stations.len(), 1, "the others are forgotten");
    }

    #[test]
    fn a_wait_is_shown_with_the_station_that_brought_it_about() {
        let (mut ada, now) = (ada(), Now::at(START));
        let (home, stranger) = (at("vpn1", "203.0.113.7"), at("vpn1", "203.0.113.66"));
        lets_in(&mut ada, &home, now);
        let mut fails = |source: &Source| {
            for _ in 0..3 {
                let _ = count(&mut ada, source, now);
            }
            ada.auth.last_failed = Some(LastFailed {
                at: now.wall,
                gateway: Arc::clone(&source.gateway),
                station: source.station.clone(),
            });
            let stations: Vec<_> = all(&ada, now).into_iter().map(|it| it.station).collect();
            (stations, keeps_out(&ada, now))
        };
        let shown = |source: &Source| Some(source.station.clone());
        assert_eq!(fails(&stranger), (vec![shown(&stranger)], false));
        assert_eq!(fails(&home), (vec![None, shown(&home)], true));
        assert!(!keeps_out(&ada, now.after(LONGEST)));
    }
}
