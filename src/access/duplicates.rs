//! The duplicate cache: one evaluation for a request, however often its datagram comes.
//!
//! ```text
//! new -> InProgress(ticket) -> Answered(octets) -> gone 30 s after the answer left
//!              |- abandoned, or purged by another request under the same key -> gone at once
//! ```
//!
//! An entry stands under where its datagram came from and the identifier; the digest of the datagram,
//! which covers the Request Authenticator, says whether it is the same request. Only requests that
//! passed the check of the Message-Authenticator may come here. Everything is bounded: entries,
//! octets, and entries of one gateway. For room the oldest answered entry goes; a request in progress
//! or a Reject that has not left never does, and if nothing else is there the new request is refused.
//!
//! Each call takes the same time however full the cache is.

use std::collections::HashMap;
use std::collections::hash_map::Entry as MapEntry;
use std::sync::Arc;
use std::time::Duration;

use super::key::{HashKeys, Key};
use super::queue::{Links, Queue};

/// How long an answer is kept after it left.
// RFC 5080 s2.2.2: not under 5 and not over 30 seconds; a code is spent by its first use.
pub const ANSWER_KEPT: Duration = Duration::from_secs(30);

/// Bounds of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests in progress and answered.
    pub entries_max: usize,
    /// Octets of answers, and of Proxy-State kept for answers to come.
    pub octets_max: usize,
    /// Entries of one gateway.
    pub gateway_entries_max: usize,
    /// Those of them in progress, so that it does not take all places where they wait.
    pub gateway_in_progress_max: usize,
    /// Octets of one gateway, so that it cannot push out the answers to others.
    pub gateway_octets_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries_max: 65_536,
            octets_max: 32 * 1024 * 1024,
            gateway_entries_max: 8_192,
            gateway_in_progress_max: 8_192,
            gateway_octets_max: 4 * 1024 * 1024,
        }
    }
}

/// The right to answer one request. It is void once another request took the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "a ticket that is neither answered nor abandoned holds its place for ever"]
pub struct Ticket {
    slot: usize,
    serial: u64,
}

impl Ticket {
    /// Two numbers that stand for it where tickets of front ends are not told apart.
    #[must_use]
    pub fn parts(self) -> [u64; 2] {
        [self.slot as u64, self.serial]
    }

    /// The ticket that [`Self::parts`] stood for; a made-up one is void.
    pub fn from_parts([slot, serial]: [u64; 2]) -> Self {
        Self {
            slot: usize::try_from(slot).unwrap_or(usize::MAX),
            serial,
        }
    }
}

/// What the cache knows of a request.
#[derive(Debug)]
pub(super) enum Found {
    /// Nothing: it is to be evaluated.
    New,
    /// It is being evaluated, or its Reject has not left.
    InProgress,
    /// It was answered with these octets.
    Answered(Arc<[u8]>),
    /// It was answered and there was no room for the octets.
    NotKept,
}

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    Cache,
    Share,
}

/// How full the cache is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheUse {
    /// Requests in progress and answered.
    pub entries: usize,
    /// Those in progress.
    pub in_progress: usize,
    /// Octets of answers and of Proxy-State.
    pub octets: usize,
    /// Answers that had to go before their time, for room: their requests would be judged again.
    pub evicted: u64,
}

/// The cache. `P` is what is kept of a request until it is answered.
pub(super) struct Duplicates<P> {
    limits: Limits,
    slots: Vec<Option<Entry<P>>>,
    free: Vec<usize>,
    by_key: HashMap<Key, usize, HashKeys>,
    serial: u64,
    used: CacheUse,
    /// Answered entries.
    answered: Queue,
    links: Links,
    shares: Vec<Share>,
    share_links: Links,
}

/// One gateway's part.
#[derive(Clone, Copy, Default)]
struct Share {
    entries: usize,
    in_progress: usize,
    octets: usize,
    answered: Queue,
}

struct Entry<P> {
    key: Key,
    serial: u64,
    digest: [u8; 32],
    share: usize,
    octets: usize,
    state: State<P>,
}

enum State<P> {
    InProgress(P),
    Answered {
        octets: Option<Arc<[u8]>>,
        leave_us: u64,
    },
}

impl<P> Duplicates<P> {
    pub(super) fn new(limits: Limits, keys: HashKeys, shares: usize) -> Self {
        Self {
            limits,
            slots: Vec::new(),
            free: Vec::new(),
            by_key: HashMap::with_hasher(keys),
            serial: 0,
            used: CacheUse::default(),
            answered: Queue::default(),
            links: Links::default(),
            shares: vec![Share::default(); shares],
            share_links: Links::default(),
        }
    }

    /// Says what became of a request; another one under the same key is purged with its ticket.
    pub(super) fn look(&mut self, key: &Key, digest: &[u8; 32], now_us: u64) -> Found {
        self.expire(now_us);
        let Some(slot) = self.by_key.get(key).copied() else {
            return Found::New;
        };
        match self.slots.get(slot).and_then(Option::as_ref) {
            Some(entry) if entry.digest == *digest && !entry.over(now_us) => match &entry.state {
                State::InProgress(_) => Found::InProgress,
                State::Answered { leave_us, .. } if now_us < *leave_us => Found::InProgress,
                State::Answered { octets, .. } => octets
                    .as_ref()
                    .map_or(Found::NotKept, |octets| Found::Answered(Arc::clone(octets))),
            },
            _ => {
                self.remove(slot);
                Found::New
            }
        }
    }

    /// Takes a request in; `octets` of it are kept until it is answered.
    pub(super) fn open(
        &mut self,
        key: Key,
        digest: [u8; 32],
        share: usize,
        octets: usize,
        pending: P,
        now_us: u64,
    ) -> Result<Ticket, Full> {
        self.make_room(share, octets, now_us)?;
        let slot = self.free.pop().unwrap_or(self.slots.len());
        if slot == self.slots.len() {
            self.slots.push(None);
            self.links.cover(slot + 1);
            self.share_links.cover(slot + 1);
        }
        self.serial += 1;
        let serial = self.serial;
        match self.by_key.entry(key) {
            MapEntry::Vacant(place) => {
                place.insert(slot);
            }
            MapEntry::Occupied(mut place) => {
                let old = place.insert(slot);
                self.forget(old);
            }
        }
        if let Some(share) = self.shares.get_mut(share) {
            share.entries += 1;
            share.in_progress += 1;
            share.octets += octets;
        }
        self.used.entries += 1;
        self.used.in_progress += 1;
        self.used.octets += octets;
        if let Some(place) = self.slots.get_mut(slot) {
            *place = Some(Entry {
                key,
                serial,
                digest,
                share,
                octets,
                state: State::InProgress(pending),
            });
        }
        Ok(Ticket { slot, serial })
    }

    /// What was kept of a request in progress.
    pub(super) fn pending(&self, ticket: Ticket) -> Option<&P> {
        match &self.slots.get(ticket.slot)?.as_ref()? {
            Entry {
                serial,
                state: State::InProgress(pending),
                ..
            } if *serial == ticket.serial => Some(pending),
            _ => None,
        }
    }

    /// Where a request came from and which share it counts to.
    pub(super) fn origin(&self, ticket: Ticket) -> Option<(u16, usize)> {
        let entry = self.slots.get(ticket.slot)?.as_ref()?;
        (entry.serial == ticket.serial).then_some((entry.key.socket(), entry.share))
    }

    /// Keeps the answer to a request in progress; it leaves at `leave_us`.
    pub(super) fn close(&mut self, ticket: Ticket, answer: &Arc<[u8]>, leave_us: u64, now_us: u64) {
        if self.pending(ticket).is_none() {
            return;
        }
        let Some(Some(entry)) = self.slots.get_mut(ticket.slot) else {
            return;
        };
        let (share, before) = (entry.share, std::mem::take(&mut entry.octets));
        self.used.in_progress -= 1;
        self.used.octets -= before;
        if let Some(share) = self.shares.get_mut(share) {
            share.in_progress -= 1;
            share.octets -= before;
        }
        // The entry is in no queue yet, so it does not make room for itself.
        let kept = self.make_octets(share, answer.len(), now_us).is_ok();
        let octets = if kept { answer.len() } else { 0 };
        if let Some(Some(entry)) = self.slots.get_mut(ticket.slot) {
            entry.octets = octets;
            entry.state = State::Answered {
                octets: kept.then(|| Arc::clone(answer)),
                leave_us,
            };
        }
        self.used.octets += octets;
        self.answered.push(&mut self.links, ticket.slot);
        if let Some(share) = self.shares.get_mut(share) {
            share.octets += octets;
            share.answered.push(&mut self.share_links, ticket.slot);
        }
    }

    /// Forgets a request in progress: its next datagram is evaluated again.
    pub(super) fn abandon(&mut self, ticket: Ticket) -> bool {
        let known = self.pending(ticket).is_some();
        if known {
            self.remove(ticket.slot);
        }
        known
    }

    /// Gives every share a new number; entries of a share without one are forgotten.
    pub(super) fn renumber(&mut self, numbers: &[Option<usize>], shares: usize) {
        for slot in 0..self.slots.len() {
            let Some(Some(entry)) = self.slots.get(slot) else {
                continue;
            };
            if numbers.get(entry.share).copied().flatten().is_none() {
                self.remove(slot);
            }
        }
        let old = std::mem::replace(&mut self.shares, vec![Share::default(); shares]);
        for (share, number) in old.into_iter().zip(numbers) {
            if let Some(place) = number.and_then(|number| self.shares.get_mut(number)) {
                *place = share;
            }
        }
        for entry in self.slots.iter_mut().flatten() {
            if let Some(number) = numbers.get(entry.share).copied().flatten() {
                entry.share = number;
            }
        }
    }

    pub(super) fn used(&self) -> CacheUse {
        self.used
    }

    fn make_room(&mut self, share: usize, octets: usize, now_us: u64) -> Result<(), Full> {
        let of_share = self.shares.get(share).copied().unwrap_or_default();
        if of_share.in_progress >= self.limits.gateway_in_progress_max {
            return Err(Full::Share);
        }
        if of_share.entries >= self.limits.gateway_entries_max && !self.evict_of(share, now_us) {
            return Err(Full::Share);
        }
        if self.used.entries >= self.limits.entries_max && !self.evict(now_us) {
            return Err(Full::Cache);
        }
        self.make_octets(share, octets, now_us)
    }

    fn make_octets(&mut self, share: usize, octets: usize, now_us: u64) -> Result<(), Full> {
        let of_share = |cache: &Self| cache.shares.get(share).map_or(0, |share| share.octets);
        while of_share(self) + octets > self.limits.gateway_octets_max {
            if !self.evict_of(share, now_us) {
                return Err(Full::Share);
            }
        }
        while self.used.octets + octets > self.limits.octets_max {
            if !self.evict(now_us) {
                return Err(Full::Cache);
            }
        }
        Ok(())
    }

    /// Removes what has been kept long enough. Two at a time are more than one request adds.
    fn expire(&mut self, now_us: u64) {
        for _ in 0..2 {
            match self.answered.oldest() {
                Some(slot) if self.entry(slot).is_some_and(|entry| entry.over(now_us)) => {
                    self.remove(slot);
                }
                _ => return,
            }
        }
    }

    /// Removes the oldest answered entry; one whose Reject has not left goes to the end instead.
    fn evict(&mut self, now_us: u64) -> bool {
        for _ in 0..EVICTION_LOOKS_MAX {
            let Some(slot) = self.answered.oldest() else {
                return false;
            };
            if self.entry(slot).is_none_or(|entry| entry.left(now_us)) {
                self.remove(slot);
                self.used.evicted += 1;
                return true;
            }
            self.answered.remove(&mut self.links, slot);
            self.answered.push(&mut self.links, slot);
        }
        false
    }

    fn evict_of(&mut self, share: usize, now_us: u64) -> bool {
        for _ in 0..EVICTION_LOOKS_MAX {
            let Some(slot) = self.shares.get(share).and_then(|it| it.answered.oldest()) else {
                return false;
            };
            if self.entry(slot).is_none_or(|entry| entry.left(now_us)) {
                self.remove(slot);
                self.used.evicted += 1;
                return true;
            }
            if let Some(share) = self.shares.get_mut(share) {
                share.answered.remove(&mut self.share_links, slot);
                share.answered.push(&mut self.share_links, slot);
            }
        }
        false
    }

    fn entry(&self, slot: usize) -> Option<&Entry<P>> {
        self.slots.get(slot)?.as_ref()
    }

    /// Removes an entry and its key.
    fn remove(&mut self, slot: usize) {
        if let Some(key) = self.entry(slot).map(|entry| entry.key) {
            self.by_key.remove(&key);
            self.forget(slot);
        }
    }

    /// Removes an entry whose key is gone already.
    fn forget(&mut self, slot: usize) {
        let Some(entry) = self.slots.get_mut(slot).and_then(Option::take) else {
            return;
        };
        self.free.push(slot);
        self.used.entries -= 1;
        self.used.octets -= entry.octets;
        let answered = matches!(entry.state, State::Answered { .. });
        if answered {
            self.answered.remove(&mut self.links, slot);
        } else {
            self.used.in_progress -= 1;
        }
        if let Some(share) = self.shares.get_mut(entry.share) {
            share.entries -= 1;
            share.octets -= entry.octets;
            if answered {
                share.answered.remove(&mut self.share_links, slot);
            } else {
                share.in_progress -= 1;
            }
        }
    }
}

impl<P> Entry<P> {
    /// Answered, and the answer has left.
    fn left(&self, now_us: u64) -> bool {
        matches!(self.state, State::Answered { leave_us, .. } if leave_us <= now_us)
    }

    /// Answered, and kept long enough.
    fn over(&self, now_us: u64) -> bool {
        let kept_us = u64::try_from(ANSWER_KEPT.as_micros()).unwrap_or(u64::MAX);
        matches!(self.state, State::Answered { leave_us, .. }
            if leave_us.saturating_add(kept_us) <= now_us)
    }
}

/// Entries looked at for one to evict: where delays differ, the oldest may still have to leave.
const EVICTION_LOOKS_MAX: usize = 16;

#[cfg(test)]
mod tests;
