//! Records in memory: the newest committed one of each person who signed in lately.
//!
//! The writer publishes what it has committed; front ends put in what they had to load. A load that
//! began before a publication must not overwrite it, so each shard counts its publications and a
//! loaded record only goes in if the count has not moved. Even a stale record could do no harm
//! (every change is committed against the revision it was judged on), but an operator's change must
//! be obeyed by the next packet (I6).

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};

use crate::domain::user::UserRecord;

const SHARDS: usize = 16;

/// A bounded map from login name to record.
pub struct Cache {
    shards: Vec<RwLock<Shard>>,
    entries_max: usize,
}

#[derive(Default)]
struct Shard {
    records: HashMap<Arc<str>, Arc<UserRecord>>,
    /// Names as they came in.
    order: VecDeque<Arc<str>>,
    publications: u64,
}

/// Where a load stands in the order of publications.
#[derive(Clone, Copy, Debug)]
pub struct Moment(u64);

impl Cache {
    /// A cache for at most `entries_max` records.
    #[must_use]
    pub fn new(entries_max: usize) -> Self {
        let shards = (0..SHARDS).map(|_| RwLock::new(Shard::default())).collect();
        Self {
            shards,
            entries_max: entries_max.div_ceil(SHARDS),
        }
    }

    /// The record of this name, or the moment to give with the loaded one.
    ///
    /// # Errors
    /// The moment, if the record is not here.
    pub fn find(&self, name: &str) -> Result<Arc<UserRecord>, Moment> {
        let shard = self
            .shard(name)
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        shard
            .records
            .get(name)
            .map(Arc::clone)
            .ok_or(Moment(shard.publications))
    }

    /// Puts a loaded record in, unless something was published since `moment`.
    pub fn loaded(&self, record: Arc<UserRecord>, moment: Moment) {
        let mut shard = self
            .shard(record.name())
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if shard.publications == moment.0 {
            shard.put(record, self.entries_max);
        }
    }

    /// Puts a committed record in, or takes a deleted one out. The writer's.
    pub fn publish(&self, name: &str, record: Option<Arc<UserRecord>>) {
        let mut shard = self
            .shard(name)
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        shard.publications += 1;
        match record {
            Some(record) => shard.put(record, self.entries_max),
            None => {
                if shard.records.remove(name).is_some() {
                    shard.order.retain(|known| **known != *name);
                }
            }
        }
    }

    /// Forgets everything: after a failed commit only the store knows what is so.
    pub fn clear(&self) {
        for shard in &self.shards {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            shard.publications += 1;
            shard.records.clear();
            shard.order.clear();
        }
    }

    /// Records held.
    #[must_use]
    pub fn len(&self) -> usize {
        let held = |shard: &RwLock<Shard>| {
            shard
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .records
                .len()
        };
        self.shards.iter().map(held).sum()
    }

    /// Whether nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the remainder is below the number of shards"
    )]
    fn shard(&self, name: &str) -> &RwLock<Shard> {
        // Names are those of records, so nobody outside chooses which shard is full.
        let mix = |mixed: u32, octet| (mixed ^ u32::from(octet)).wrapping_mul(0x0100_0193);
        let [.., high] = name.bytes().fold(0x811c_9dc5, mix).to_le_bytes();
        &self.shards[usize::from(high) % SHARDS]
    }
}

impl Shard {
    fn put(&mut self, record: Arc<UserRecord>, entries_max: usize) {
        if let Some(place) = self.records.get_mut(record.name()) {
            *place = record;
            return;
        }
        // The oldest goes. A name that was taken out meanwhile is still in the order once.
        while self.records.len() >= entries_max {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            self.records.remove(&oldest);
        }
        let name: Arc<str> = Arc::from(record.name());
        self.order.push_back(Arc::clone(&name));
        self.records.insert(name, record);
    }
}
