//! What each gateway has sent and been answered, and who else knocked: plain counts.
//!
//! The numbers answer the questions of `mfactl status` and `gateway list`: is it talking, does the
//! shared secret fit, does it sign its requests, what happened in the last ten minutes. Counts run
//! from the start of the daemon. Addresses are bounded: the first [`ADDRESSES_MAX`] have rows of
//! their own, the others share one sum, so that forged sources cost no memory.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::drop_reason::DropReason;
use super::duplicates::CacheUse;
use crate::domain::verdict::Verdict;
use crate::time::{Now, Timestamp};

/// Addresses with a row of their own, for each gateway and for strangers.
pub const ADDRESSES_MAX: usize = 64;

/// Minutes that a [`Window`] looks back.
pub const WINDOW_MINUTES: usize = 10;

/// All counts at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    /// Every gateway by name, in the order of the configuration.
    pub gateways: Vec<(Arc<str>, GatewayStatistics)>,
    /// Packets from addresses of no gateway.
    pub strangers: Addresses<Stranger>,
    /// The same for the last minutes.
    pub strangers_window: Window,
    /// The duplicate cache.
    pub duplicates: CacheUse,
    /// Answers of before the start that are still known.
    pub primed: usize,
}

/// The counts of one gateway.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GatewayStatistics {
    /// Datagrams received.
    pub packets: u64,
    /// Access-Requests that were judged.
    pub attempts: u64,
    /// Access-Accepts.
    pub accepts: u64,
    /// Access-Rejects.
    pub rejects: u64,
    /// Access-Challenges.
    pub challenges: u64,
    /// Requests that were given up without an answer.
    pub abandoned: u64,
    /// Answers sent again, to retransmitted requests.
    pub resent: u64,
    /// Answers to Status-Server.
    pub status_server: u64,
    /// Datagrams dropped, by cause.
    pub drops: Drops,
    /// The last minutes.
    pub window: Window,
    /// When the last datagram came.
    pub last_seen: Option<Timestamp>,
    /// Method of the last judged Access-Request.
    pub last_method: Option<&'static str>,
    /// Requests with a right Message-Authenticator.
    pub signed: u64,
    /// Requests without one, whether the gateway lets them in or not.
    pub unsigned: u64,
    /// When a right Message-Authenticator last came.
    pub last_signed: Option<Timestamp>,
    /// Passwords that are no text, in requests that were not signed: the secret is probably wrong.
    pub unreadable: Run,
    /// Signatures by the address they came from.
    pub addresses: Addresses<Signing>,
}

/// Counts of dropped datagrams by cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drops([u64; DropReason::ALL.len()]);

/// Something that is wrong each time, until it is right once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Times in all.
    pub total: u64,
    /// Times since it was last right.
    pub in_row: u64,
    /// When this row began.
    pub since: Option<Timestamp>,
    /// When it last was wrong.
    pub last: Option<Timestamp>,
}

/// How the packets of one address are signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signing {
    /// With a right Message-Authenticator.
    pub signed: u64,
    /// When that last was so.
    pub last_signed: Option<Timestamp>,
    /// Without one.
    pub unsigned: u64,
    /// With a wrong one: the shared secrets probably differ.
    pub wrong: Run,
}

/// An address of no gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stranger {
    /// Datagrams received.
    pub packets: u64,
    /// When the first came.
    pub first: Option<Timestamp>,
    /// When the last came.
    pub last: Option<Timestamp>,
}

/// A row for each of the first addresses, and one for the others together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses<T> {
    /// The addresses with a row of their own.
    pub rows: BTreeMap<IpAddr, T>,
    /// All others.
    pub others: T,
}

/// Counts of the last [`WINDOW_MINUTES`], by the minute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    buckets: [Bucket; WINDOW_MINUTES],
}

/// What happened in some minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Datagrams received.
    pub packets: u64,
    /// Access-Accepts.
    pub accepts: u64,
    /// Access-Rejects.
    pub rejects: u64,
    /// Access-Challenges.
    pub challenges: u64,
    /// Datagrams dropped.
    pub drops: u64,
    /// Those dropped for a wrong Message-Authenticator.
    pub wrong_signatures: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Bucket {
    minute: u64,
    counts: Counts,
}

impl GatewayStatistics {
    pub(super) fn received(&mut self, now: Now) {
        self.packets += 1;
        self.last_seen = Some(now.wall);
        self.window.count(now, |counts| counts.packets += 1);
    }

    pub(super) fn dropped(&mut self, reason: DropReason, now: Now) {
        self.drops.add(reason);
        let wrong = reason == DropReason::BadMessageAuthenticator;
        self.window.count(now, |counts| {
            counts.drops += 1;
            counts.wrong_signatures += u64::from(wrong);
        });
    }

    pub(super) fn judged(
        &mut self,
        method: &'static str,
        readable: Option<bool>,
        signed: bool,
        now: Now,
    ) {
        self.attempts += 1;
        self.last_method = Some(method);
        match readable {
            Some(true) => self.unreadable.end(),
            Some(false) if !signed => self.unreadable.add(now.wall),
            Some(false) | None => {}
        }
    }

    pub(super) fn answered(&mut self, verdict: &Verdict, now: Now) {
        let (accepts, rejects, challenges) = match verdict {
            Verdict::Accept { .. } => (1, 0, 0),
            Verdict::Reject { .. } => (0, 1, 0),
            Verdict::Challenge { .. } => (0, 0, 1),
        };
        self.accepts += accepts;
        self.rejects += rejects;
        self.challenges += challenges;
        self.window.count(now, |counts| {
            counts.accepts += accepts;
            counts.rejects += rejects;
            counts.challenges += challenges;
        });
    }

    pub(super) fn signed(&mut self, address: IpAddr, now: Now) {
        self.signed += 1;
        self.last_signed = Some(now.wall);
        let row = self.addresses.row(address);
        row.signed += 1;
        row.last_signed = Some(now.wall);
        row.wrong.end();
    }

    pub(super) fn unsigned(&mut self, address: IpAddr) {
        self.unsigned += 1;
        self.addresses.row(address).unsigned += 1;
    }

    pub(super) fn wrongly_signed(&mut self, address: IpAddr, now: Now) {
        self.addresses.row(address).wrong.add(now.wall);
    }
}

impl Drops {
    /// Datagrams dropped for one cause.
    #[must_use]
    pub fn of(&self, reason: DropReason) -> u64 {
        self.0.get(reason.index()).copied().unwrap_or(0)
    }

    /// Datagrams dropped for any cause.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Each cause that has dropped something.
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> + use<'_> {
        DropReason::ALL
            .into_iter()
            .zip(self.0)
            .filter(|(_, count)| *count > 0)
    }

    pub(super) fn add(&mut self, reason: DropReason) {
        if let Some(count) = self.0.get_mut(reason.index()) {
            *count += 1;
        }
    }
}

impl Default for Drops {
    fn default() -> Self {
        Self([0; DropReason::ALL.len()])
    }
}

impl Run {
    pub(super) fn add(&mut self, wall: Timestamp) {
        self.total += 1;
        self.in_row += 1;
        self.since.get_or_insert(wall);
        self.last = Some(wall);
    }

    pub(super) fn end(&mut self) {
        self.in_row = 0;
        self.since = None;
    }
}

impl Addresses<Stranger> {
    pub(super) fn knocked(&mut self, address: IpAddr, now: Now) {
        let row = self.row(address);
        row.packets += 1;
        row.first.get_or_insert(now.wall);
        row.last = Some(now.wall);
    }
}

impl<T: Default> Addresses<T> {
    fn row(&mut self, address: IpAddr) -> &mut T {
        let address = address.to_canonical();
        if self.rows.len() >= ADDRESSES_MAX && !self.rows.contains_key(&address) {
            return &mut self.others;
        }
        self.rows.entry(address).or_default()
    }
}

impl Window {
    /// Sums the last [`WINDOW_MINUTES`], the running minute included.
    #[must_use]
    pub fn sum(&self, now: Now) -> Counts {
        let last = minute(now);
        let mut sum = Counts::default();
        for bucket in &self.buckets {
            let age = last.checked_sub(bucket.minute);
            if age.is_some_and(|age| age < MINUTES) {
                sum.packets += bucket.counts.packets;
                sum.accepts += bucket.counts.accepts;
                sum.rejects += bucket.counts.rejects;
                sum.challenges += bucket.counts.challenges;
                sum.drops += bucket.counts.drops;
                sum.wrong_signatures += bucket.counts.wrong_signatures;
            }
        }
        sum
    }

    /// Counts something in the running minute.
    pub(super) fn count(&mut self, now: Now, change: impl FnOnce(&mut Counts)) {
        let minute = minute(now);
        let at = usize::try_from(minute % MINUTES).unwrap_or(0);
        if let Some(bucket) = self.buckets.get_mut(at) {
            if bucket.minute != minute {
                *bucket = Bucket {
                    minute,
                    counts: Counts::default(),
                };
            }
            change(&mut bucket.counts);
        }
    }
}

/// [`WINDOW_MINUTES`], to reckon with.
const MINUTES: u64 = WINDOW_MINUTES as u64;

/// Whole minutes on the monotonic clock, from 1 on: an unused bucket has minute 0.
fn minute(now: Now) -> u64 {
    now.mono_us / 60_000_000 + 1
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_window_slides() {
        let start = Now {
            mono_us: 0,
            ..Now::at(Timestamp(1_000))
        };
        let mut window = Window::default();
        let later = |minutes| start.after(Duration::from_secs(60 * minutes));
        assert_eq!(window.sum(start), Counts::default());
        for minutes in 0..12 {
            window.count(later(minutes), |counts| counts.accepts += minutes + 1);
        }
        assert_eq!(window.sum(later(11)).accepts, (3..=12).sum::<u64>());
        assert_eq!(window.sum(later(20)).accepts, 12);
        assert_eq!(window.sum(later(21)).accepts, 0);
        window.count(later(40), |counts| counts.drops += 1);
        let expected = Counts {
            drops: 1,
            ..Counts::default()
        };
        assert_eq!(window.sum(later(40)), expected);
    }

    #[test]
    fn forged_addresses_share_one_row() {
        let mut strangers = Addresses::<Stranger>::default();
        for last in 0..=255 {
            strangers.knocked(IpAddr::from([203, 0, 113, last]), Now::at(Timestamp(1)));
        }
        assert_eq!(strangers.rows.len(), ADDRESSES_MAX);
        assert_eq!(strangers.others.packets, 256 - 64);
        strangers.knocked(IpAddr::from([203, 0, 113, 0]), Now::at(Timestamp(5)));
        let row = strangers.rows[&IpAddr::from([203, 0, 113, 0])];
        assert_eq!(
            (row.packets, row.first, row.last),
            (2, Some(Timestamp(1)), Some(Timestamp(5)))
        );
    }

    #[test]
    fn a_row_ends_with_the_first_good_one() {
        let mut run = Run::default();
        run.add(Timestamp(1));
        run.add(Timestamp(2));
        assert_eq!((run.in_row, run.since), (2, Some(Timestamp(1))));
        run.end();
        run.add(Timestamp(3));
        assert_eq!(
            (run.total, run.in_row, run.since),
            (3, 1, Some(Timestamp(3)))
        );
    }
}
