//! How fast one source may come: a bucket of tokens for each, in a table of bounded size.
//!
//! Pure: the time comes as an argument. A bucket that is full again is the same as none, so such
//! ones make room; where there is no room even so, all further sources share one bucket.

use std::collections::HashMap;

use crate::seats::Source;

/// Sources that are told apart.
pub const SOURCES_MAX: usize = 16_384;

/// How often the table may be searched for room, in microseconds: under a flood of sources a search
/// for each would be the flood's work.
const SWEEP_US: u64 = 1_000_000;

/// What a source may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// At once.
    pub burst: u32,
    /// A second, for ever.
    pub per_second: u32,
}

/// Buckets of all sources.
#[derive(Debug)]
pub struct Buckets {
    pace: Pace,
    of: HashMap<Source, Bucket>,
    others: Bucket,
    swept_us: u64,
}

/// When this bucket would be full again: what lies ahead of now is what was taken out.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    full_us: u64,
}

impl Pace {
    const fn token_us(self) -> u64 {
        1_000_000 / self.per_second as u64
    }
}

impl Bucket {
    /// Takes a token, or says in how many microseconds there will be one.
    fn take(&mut self, pace: Pace, now_us: u64) -> Result<(), u64> {
        let after = self.full_us.max(now_us) + pace.token_us();
        let room = u64::from(pace.burst) * pace.token_us();
        match (after - now_us).checked_sub(room) {
            None | Some(0) => {
                self.full_us = after;
                Ok(())
            }
            Some(wait) => Err(wait),
        }
    }
}

impl Buckets {
    /// Full buckets for everybody.
    #[must_use]
    pub fn new(pace: Pace) -> Self {
        Self {
            pace,
            of: HashMap::new(),
            others: Bucket::default(),
            swept_us: 0,
        }
    }

    /// Lets a source do something.
    ///
    /// # Errors
    /// It may not now; in so many seconds it may.
    pub fn take(&mut self, source: Source, now_us: u64) -> Result<(), u64> {
        if self.of.len() >= SOURCES_MAX
            && !self.of.contains_key(&source)
            && now_us.saturating_sub(self.swept_us) >= SWEEP_US
        {
            self.swept_us = now_us;
            self.of.retain(|_, bucket| bucket.full_us > now_us);
        }
        let room = self.of.len() < SOURCES_MAX || self.of.contains_key(&source);
        let bucket = if room {
            self.of.entry(source).or_default()
        } else {
            &mut self.others
        };
        let seconds = |us: u64| us.div_ceil(1_000_000);
        bucket.take(self.pace, now_us).map_err(seconds)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const SECOND: u64 = 1_000_000;
    const PACE: Pace = Pace {
        burst: 3,
        per_second: 2,
    };

    fn source(number: u32) -> Source {
        Source::of(Ipv4Addr::from_bits(number).into())
    }

    #[test]
    fn a_burst_and_then_its_pace() {
        let mut buckets = Buckets::new(PACE);
        let mut at = |us| buckets.take(source(1), us);
        assert_eq!([(); 3].map(|()| at(SECOND)), [Ok(()); 3]);
        assert_eq!(at(SECOND), Err(1));
        assert_eq!(at(SECOND + 499_999), Err(1));
        assert_eq!(at(SECOND + 500_000), Ok(()));
        assert_eq!(at(SECOND + 500_000), Err(1));
        // A long rest fills no more than the bucket.
        assert_eq!(
            [(); 4].map(|()| at(99 * SECOND)),
            [Ok(()), Ok(()), Ok(()), Err(1)]
        );
        assert_eq!(
            buckets.take(source(2), SECOND),
            Ok(()),
            "others have their own"
        );
    }

    #[test]
    fn a_flood_of_sources_shares_one_bucket_and_the_table_stays_small() {
        let mut buckets = Buckets::new(PACE);
        let sources = u32::try_from(SOURCES_MAX).unwrap();
        for number in 0..sources {
            assert_eq!(buckets.take(source(number), 0), Ok(()));
        }
        let more: Vec<_> = (0..5)
            .map(|at| buckets.take(source(sources + at), 1))
            .collect();
        assert_eq!(more.iter().filter(|taken| taken.is_ok()).count(), 3);
        assert_eq!(
            buckets.take(source(7), 1),
            Ok(()),
            "who is known keeps the own"
        );
        assert_eq!(buckets.of.len(), SOURCES_MAX);
        assert_eq!(buckets.take(source(sources), 2 * SECOND), Ok(()));
        assert_eq!(buckets.of.len(), 1, "full buckets have made room");
    }
}
