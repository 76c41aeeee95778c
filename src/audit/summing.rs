//! Makes one record of many Rejects that change nothing.
//!
//! A stranger can cause Rejects of unknown, locked or deactivated users as fast as he can send.
//! The first of a kind is written at once; those that follow within [`WINDOW`] are counted and
//! become one record when the window is over. A kind is gateway, reason and user; all unknown
//! users of a gateway are one kind, since anybody can make up names.
//!
//! At most [`KEYS_MAX`] kinds are held. What is beyond them goes to one bucket for all, so that
//! nothing is lost: the records written and the counts of the sums add up to what was offered.
//!
//! Pure: the caller says what time it is, writes what [`Offer::Write`] tells it to, and writes the
//! sums that [`Summing::due`] gives it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use smol_str::SmolStr;

use crate::domain::event::Event;
use crate::domain::user::UserId;
use crate::domain::verdict::Reason;
use crate::time::{Now, Timestamp};

/// How long after the first of a kind the next ones are counted only.
pub const WINDOW: Duration = Duration::from_secs(10);

/// Most kinds that are held at a time.
pub const KEYS_MAX: usize = 4_096;

/// A kind of Reject.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Name of the gateway.
    pub gateway: Arc<str>,
    /// Why it was rejected.
    pub reason: Reason,
    /// The user; none if there is no such user.
    pub user: Option<(UserId, SmolStr)>,
}

/// What to do with a Reject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a Reject that is to be written and is not would be lost"]
pub enum Offer {
    /// Write a record of it.
    Write,
    /// It is counted.
    Summed,
}

/// Rejects that were counted and not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summed {
    /// Their kind; none for those of all kinds that there was no room for.
    pub key: Option<Key>,
    /// How many.
    pub count: u64,
    /// When the first of them was offered.
    pub first: Timestamp,
    /// When the last of them was offered.
    pub last: Timestamp,
}

/// The kinds whose window is open.
#[derive(Debug, Default)]
pub struct Summing {
    open: HashMap<Key, Option<Sum>>,
    /// In the order in which their windows end.
    ends: VecDeque<(u64, Key)>,
    other: Option<(u64, Sum)>,
}

#[derive(Clone, Copy, Debug)]
struct Sum {
    count: u64,
    first: Timestamp,
    last: Timestamp,
}

impl Summing {
    /// Nothing counted yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says whether a Reject is to be written or was counted. A window stays open until
    /// [`Self::due`] has closed it.
    pub fn offer(&mut self, key: Key, now: Now) -> Offer {
        if let Some(sum) = self.open.get_mut(&key) {
            Sum::add(sum, now.wall);
            return Offer::Summed;
        }
        let end_us = now.mono_us.saturating_add(window_us());
        if self.open.len() < KEYS_MAX {
            self.ends.push_back((end_us, key.clone()));
            self.open.insert(key, None);
            return Offer::Write;
        }
        match &mut self.other {
            Some((_, sum)) => sum.count_in(now.wall),
            None => self.other = Some((end_us, Sum::one(now.wall))),
        }
        Offer::Summed
    }

    /// Closes the windows that are over and gives their sums.
    pub fn due(&mut self, now: Now) -> Vec<Summed> {
        self.close(|end_us| end_us <= now.mono_us)
    }

    /// Closes all windows: before the daemon stops.
    pub fn finish(&mut self) -> Vec<Summed> {
        self.close(|_| true)
    }

    /// When the next window is over, on the monotonic clock in microseconds.
    #[must_use]
    pub fn next_due_us(&self) -> Option<u64> {
        let first = self.ends.front().map(|(end_us, _)| *end_us);
        let other = self.other.map(|(end_us, _)| end_us);
        first.into_iter().chain(other).min()
    }

    fn close(&mut self, over: impl Fn(u64) -> bool) -> Vec<Summed> {
        let mut closed = Vec::new();
        while let Some((_, key)) = self.ends.pop_front_if(|(end_us, _)| over(*end_us)) {
            if let Some(Some(sum)) = self.open.remove(&key) {
                closed.push(sum.of(Some(key)));
            }
        }
        if let Some((_, sum)) = self.other.take_if(|(end_us, _)| over(*end_us)) {
            closed.push(sum.of(None));
        }
        closed
    }
}

impl Summed {
    /// The event of the record; the gateway becomes its target.
    #[must_use]
    pub fn event(&self) -> Event {
        let name = match &self.key {
            Some(key) if key.reason == Reason::Replay => "auth.replay",
            _ => "auth.reject",
        };
        let event = Event::new(name)
            .refused()
            .detail("count", self.count)
            .detail("first", self.first.to_string())
            .detail("last", self.last.to_string());
        let Some(key) = &self.key else {
            return event.reason("various");
        };
        let event = event
            .reason(key.reason.name())
            .detail(super::chain::TARGET_GATEWAY, &*key.gateway);
        match &key.user {
            Some((id, name)) => event.user(*id, name),
            None => event,
        }
    }
}

impl Sum {
    const fn one(at: Timestamp) -> Self {
        Self {
            count: 1,
            first: at,
            last: at,
        }
    }

    fn add(sum: &mut Option<Self>, at: Timestamp) {
        match sum {
            Some(sum) => sum.count_in(at),
            None => *sum = Some(Self::one(at)),
        }
    }

    fn count_in(&mut self, at: Timestamp) {
        self.count = self.count.saturating_add(1);
        self.last = at;
    }

    const fn of(self, key: Option<Key>) -> Summed {
        Summed {
            key,
            count: self.count,
            first: self.first,
            last: self.last,
        }
    }
}

fn window_us() -> u64 {
    u64::try_from(WINDOW.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn key(gateway: &str, user: Option<u32>) -> Key {
        let user = user.map(|number| {
            let id = UserId((u128::from(number)).to_be_bytes());
            (id, SmolStr::from(format!("u{number}")))
        });
        Key {
            gateway: Arc::from(gateway),
            reason: Reason::Locked,
            user,
        }
    }

    fn at(ms: i64) -> Now {
        Now::at(Timestamp(ms))
    }

    #[test]
    fn the_first_is_written_and_the_next_are_one_sum() {
        let mut summing = Summing::new();
        assert_eq!(summing.offer(key("a", None), at(0)), Offer::Write);
        assert_eq!(summing.offer(key("a", None), at(3_000)), Offer::Summed);
        assert_eq!(summing.offer(key("a", None), at(9_999)), Offer::Summed);
        assert_eq!(summing.offer(key("a", Some(1)), at(9_999)), Offer::Write);
        assert_eq!(summing.offer(key("b", None), at(9_999)), Offer::Write);
        assert_eq!(summing.due(at(9_999)), []);
        assert_eq!(summing.next_due_us(), Some(10_000_000));
        let sum = Summed {
            key: Some(key("a", None)),
            count: 2,
            first: Timestamp(3_000),
            last: Timestamp(9_999),
        };
        assert_eq!(summing.due(at(10_000)), [sum]);
        assert_eq!(summing.offer(key("a", None), at(10_000)), Offer::Write);
        assert_eq!(summing.finish(), []);
        assert_eq!(summing.next_due_us(), None);
    }

    #[test]
    fn a_flood_of_kinds_takes_no_more_room() {
        let mut summing = Summing::new();
        let more = 100_u64;
        for number in 0..u32::try_from(KEYS_MAX).unwrap() {
            assert_eq!(summing.offer(key("a", Some(number)), at(0)), Offer::Write);
        }
        for number in 0..u32::try_from(more).unwrap() {
            let offer = summing.offer(key("b", Some(number)), at(5_000));
            assert_eq!(offer, Offer::Summed);
        }
        assert_eq!(
            (summing.open.len(), summing.ends.len()),
            (KEYS_MAX, KEYS_MAX)
        );
        assert_eq!(summing.due(at(10_000)), []);
        let sums = summing.due(at(15_000));
        assert_eq!(sums.len(), 1);
        assert_eq!((&sums[0].key, sums[0].count), (&None, more));
        assert_eq!(sums[0].event().reason.as_deref(), Some("various"));
    }

    #[test]
    fn the_event_of_a_sum_names_everything() {
        let mut summing = Summing::new();
        for _ in 0..3 {
            let _ = summing.offer(key("vpn1", Some(7)), at(1));
        }
        let event = summing.finish()[0].event();
        assert_eq!(event.name, "auth.reject");
        assert_eq!(event.reason.as_deref(), Some("locked"));
        assert_eq!(event.user.unwrap().1, "u7");
        assert_eq!(event.detail[0], ("count", 2.into()));
        assert_eq!(event.detail[3], ("gateway", "vpn1".into()));
    }

    proptest! {
        #[test]
        fn nothing_is_lost(steps in vec((0..6_u32, 0..6_000_i64, any::<bool>()), 1..200)) {
            let mut summing = Summing::new();
            let (mut now, mut written, mut summed) = (0, 0_u64, 0_u64);
            for (user, pause, collect) in &steps {
                now += pause;
                if *collect {
                    summed += summing.due(at(now)).iter().map(|sum| sum.count).sum::<u64>();
                }
                let user = (*user > 0).then_some(*user);
                written += u64::from(summing.offer(key("a", user), at(now)) == Offer::Write);
            }
            summed += summing.finish().iter().map(|sum| sum.count).sum::<u64>();
            prop_assert_eq!(written + summed, u64::try_from(steps.len()).unwrap());
        }
    }
}
