//! What must reach a person at once: lines about locks and waits, and the alarms when many people
//! meet one, when a gateway sends many failures, or when messages are given up for want of room.
//!
//! An alarm tells and does nothing else: no gateway is muted by it, for that would be a weapon in
//! the hand of whoever makes the failures. Whoever reads the alarm
//! knows more.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::Config;
use crate::domain::event::{Event, Origin};
use crate::domain::lockout::LockReason;
use crate::domain::message::OUTBOX_FULL;
use crate::log::{info_always, warn_always};
use crate::time::{Now, Timestamp};

/// The minute of the alarms, in microseconds.
const MINUTE_US: u64 = 60_000_000;

/// How long messages that were given up are spoken of.
const DAY_US: u64 = 24 * 3600 * 1_000_000;

/// Above how many a minute an alarm is raised; 0: never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Locks, and first waits of people.
    pub locks: u32,
    /// Rejects through one gateway.
    pub failures: u32,
}

impl Rates {
    /// What the configuration asks for.
    #[must_use]
    pub const fn of(config: &Config) -> Self {
        Self {
            locks: config.alert_locks_per_minute,
            failures: config.alert_failures_per_minute,
        }
    }
}

/// Watches audited events and verdicts for what needs a person.
pub struct Alarms {
    state: Mutex<State>,
}

struct State {
    rates: Rates,
    locks: Lately,
    failures: HashMap<Arc<str>, Lately>,
    crowded_out: Option<CrowdedOut>,
}

/// Messages that were given up to make room for others, no day between two of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrowdedOut {
    /// How many.
    pub messages: u64,
    /// When the first was.
    pub since: Timestamp,
    last_us: u64,
}

/// The last instants at which something happened, as many as it takes to be too many.
#[derive(Default)]
struct Lately {
    last_us: VecDeque<u64>,
    raised_us: Option<u64>,
}

impl Alarms {
    /// Raises alarms above these rates.
    #[must_use]
    pub fn new(rates: Rates) -> Self {
        Self {
            state: Mutex::new(State {
                rates,
                locks: Lately::default(),
                failures: HashMap::new(),
                crowded_out: None,
            }),
        }
    }

    /// Puts other rates into force.
    pub fn replace(&self, rates: Rates) {
        self.state().rates = rates;
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
                // Nobody brings about what comes of time: a first round may lock hundreds.
                if reason != LockReason::Inactivity.name() {
                    self.locked(gateway, now);
                }
            }
            "user.waiting" => {
                info_always!(
                    "waiting user={user} reason={reason} gateway={gateway} from={station} \
                     audit={seq}"
                );
                self.locked(gateway, now);
            }
            "seats.warning" => {
                warn_always!("W045 nine of ten seats are taken audit={seq} do=\"mfactl seats\"");
            }
            "notify.failed" if made_room(event) => self.crowded_out(seq, now),
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

    /// Takes in one Reject through a gateway, counted or not: who is locked already is still being
    /// attacked.
    pub fn rejected(&self, gateway: &Arc<str>, now: Now) {
        let mut state = self.state();
        let rate = state.rates.failures;
        if !state.failures.contains_key(gateway) {
            state
                .failures
                .insert(Arc::clone(gateway), Lately::default());
        }
        let raised = state
            .failures
            .get_mut(gateway)
            .is_some_and(|failures| failures.add(rate, now));
        drop(state);
        if raised {
            warn_always!(
                "W041 {gateway} fails: more than {rate} sign-ins refused in 60s gateway={gateway} \
                 do=\"mfactl gateway show {gateway}\""
            );
        }
    }

    /// Locks and first waits within the last minute, if they are too many.
    #[must_use]
    pub fn mass_lock(&self, now: Now) -> Option<usize> {
        let state = self.state();
        let locks = &state.locks;
        locks
            .too_many(state.rates.locks, now)
            .then(|| locks.within(now))
    }

    /// The rate that a gateway's failures have passed within the last minute, if they have.
    #[must_use]
    pub fn failing(&self, gateway: &str, now: Now) -> Option<u32> {
        let state = self.state();
        let (failures, rate) = (state.failures.get(gateway)?, state.rates.failures);
        failures.too_many(rate, now).then_some(rate)
    }

    /// What was given up for want of room, as long as the last of it is no day ago.
    #[must_use]
    pub fn crowding_out(&self, now: Now) -> Option<CrowdedOut> {
        let told = |one: &CrowdedOut| now.mono_us.saturating_sub(one.last_us) <= DAY_US;
        self.state().crowded_out.filter(told)
    }

    fn crowded_out(&self, seq: u64, now: Now) {
        let before = self.crowding_out(now);
        let so_far = before.map_or((0, now.wall), |one| (one.messages, one.since));
        self.state().crowded_out = Some(CrowdedOut {
            messages: so_far.0 + 1,
            since: so_far.1,
            last_us: now.mono_us,
        });
        if before.is_none() {
            warn_always!(
                "W046 a message was given up: the outbox is full audit={seq} do=\"mfactl audit log \
                 --event notify.failed\""
            );
        }
    }

    fn locked(&self, gateway: &str, now: Now) {
        let mut state = self.state();
        let rate = state.rates.locks;
        let raised = state.locks.add(rate, now);
        drop(state);
        if raised {
            warn_always!(
                "W040 mass lock: more than {rate} users locked or made to wait in 60s, the last \
                 through {gateway} do=\"mfactl user find --locked; mfactl user find --waiting; \
                 mfactl gateway show {gateway}\""
            );
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lately {
    /// Adds what happens now; true if the alarm is to be raised, which is once a minute at most.
    fn add(&mut self, rate: u32, now: Now) -> bool {
        self.last_us.push_back(now.mono_us);
        while self.last_us.len() > rate as usize + 1 {
            self.last_us.pop_front();
        }
        let quiet = self
            .raised_us
            .is_none_or(|at| now.mono_us.saturating_sub(at) > MINUTE_US);
        let raise = quiet && self.too_many(rate, now);
        if raise {
            self.raised_us = Some(now.mono_us);
        }
        raise
    }

    /// Whether there are more than `rate`; a look at the oldest that is kept is enough.
    fn too_many(&self, rate: u32, now: Now) -> bool {
        let full = rate > 0 && self.last_us.len() > rate as usize;
        full && self.last_us.front().is_some_and(|at| lately(*at, now))
    }

    fn within(&self, now: Now) -> usize {
        self.last_us.iter().filter(|at| lately(**at, now)).count()
    }
}

/// Whether it tells of a message that made room for another.
fn made_room(event: &Event) -> bool {
    let mut detail = event.detail.iter();
    detail.any(|(name, value)| *name == "why" && value == OUTBOX_FULL)
}

const fn lately(at_us: u64, now: Now) -> bool {
    now.mono_us.saturating_sub(at_us) <= MINUTE_US
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::message::{Address, Line, Message, MessageId};
    use crate::domain::recipient::Recipient;

    const RATES: Rates = Rates {
        locks: 3,
        failures: 3,
    };

    #[test]
    fn more_than_so_many_locks_a_minute_are_a_mass_lock() {
        let alarms = Alarms::new(RATES);
        let start = Now::at(Timestamp(1_000_000));
        for _ in 0..3 {
            alarms.locked("vpn1", start);
        }
        assert_eq!(alarms.mass_lock(start), None);
        alarms.locked("vpn1", start);
        assert_eq!(alarms.mass_lock(start), Some(4));
        assert_eq!(alarms.mass_lock(start.after(Duration::from_secs(61))), None);
    }

    #[test]
    fn locks_that_time_brings_about_are_no_mass_lock() {
        let alarms = Alarms::new(RATES);
        let start = Now::at(Timestamp(1_000_000));
        let locks = |reason: LockReason| {
            let event = Event::new("user.locked").reason(reason.name());
            (0..9).for_each(|seq| alarms.event(&Origin::system(), &event, seq, start));
            alarms.mass_lock(start)
        };
        assert_eq!(locks(LockReason::Inactivity), None);
        assert_eq!(locks(LockReason::Failures), Some(4));
    }

    /// T-12: the alarm names the gateway that is over its rate, and no other.
    #[test]
    fn a_gateway_over_its_rate_is_named() {
        let alarms = Alarms::new(RATES);
        let (vpn1, vpn2): (Arc<str>, Arc<str>) = (Arc::from("vpn1"), Arc::from("vpn2"));
        let start = Now::at(Timestamp(1_000_000));
        for _ in 0..3 {
            alarms.rejected(&vpn1, start);
            alarms.rejected(&vpn2, start);
        }
        assert_eq!(alarms.failing("vpn1", start), None);
        let minute = start.after(Duration::from_secs(60));
        alarms.rejected(&vpn1, minute);
        assert_eq!(alarms.failing("vpn1", minute), Some(3));
        assert_eq!(alarms.failing("vpn2", minute), None);
        let later = start.after(Duration::from_secs(61));
        alarms.rejected(&vpn2, later);
        assert_eq!(alarms.failing("vpn2", later), None, "spread over 61 s");
    }

    /// The audit record of a message that could not be sent.
    fn given_up(why: &str) -> Event {
        let message = Message {
            id: MessageId::from_digest(&[1]),
            to: Recipient::from(Address::parse("a@example.org").unwrap()),
            what: "locked".to_owned(),
            about: None,
            subject: Line::new("Locked"),
            text: String::new(),
            enclosed: None,
            at: Timestamp(0),
            until: None,
            extra: serde_json::Map::new(),
        };
        message.failed(why)
    }

    #[test]
    fn messages_that_made_room_are_spoken_of_for_a_day() {
        let alarms = Alarms::new(RATES);
        let start = Now::at(Timestamp(1_000_000));
        let fails = |why, at| alarms.event(&Origin::system(), &given_up(why), 1, at);
        let told = |at| alarms.crowding_out(at).map(|one| (one.messages, one.since));
        fails("no such user", start);
        assert_eq!(told(start), None);
        fails(OUTBOX_FULL, start);
        let day = Duration::from_secs(24 * 3600);
        let next = start.after(day);
        fails(OUTBOX_FULL, next);
        assert_eq!(told(next.after(day)), Some((2, start.wall)));
        let quiet = next.after(day + Duration::from_secs(1));
        assert_eq!(told(quiet), None);
        fails(OUTBOX_FULL, quiet);
        assert_eq!(told(quiet), Some((1, quiet.wall)));
    }

    #[test]
    fn is_raised_once_a_minute_and_obeys_a_reload() {
        let alarms = Alarms::new(RATES);
        let start = Now::at(Timestamp(1_000_000));
        let mut lately = Lately::default();
        let raised = |lately: &mut Lately, now| (0..9).filter(|_| lately.add(3, now)).count();
        assert_eq!(raised(&mut lately, start), 1);
        assert_eq!(raised(&mut lately, start.after(Duration::from_secs(60))), 0);
        assert_eq!(raised(&mut lately, start.after(Duration::from_secs(61))), 1);
        for _ in 0..4 {
            alarms.locked("vpn1", start);
        }
        alarms.replace(Rates { locks: 0, ..RATES });
        assert_eq!(alarms.mass_lock(start), None);
    }
}
