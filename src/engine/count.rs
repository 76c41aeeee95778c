//! Counters of the engine: plain atomic numbers, read by status and metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use super::trace::Stages;
use crate::domain::token_record::TokenKind;
use crate::domain::verdict::Reason;

/// Upper bounds of the latency histogram, in microseconds.
pub const LATENCY_BOUNDS_US: [u64; 17] = [
    5, 20, 50, 100, 200, 400, 700, 1_000, 2_000, 4_000, 7_000, 10_000, 20_000, 50_000, 100_000,
    500_000, 2_000_000,
];

/// Stages of an attempt before the commit, in order, for metrics.
pub const STAGES: [&str; 5] = ["decode", "load", "otp", "first_factor", "wait"];

/// By what an Accept was reached, for metrics.
pub const HOWS: [&str; 7] = [
    "hotp",
    "totp",
    "recovery",
    "grace",
    "passthrough",
    "policy_passthrough",
    "other",
];

/// A number that only grows, or a level.
#[derive(Default)]
pub struct Count(AtomicU64);

impl Count {
    /// One more.
    pub fn up(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// `n` more.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// One less, for levels.
    pub fn down(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// Sets a level.
    pub fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    /// Its value.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A latency histogram with fixed bounds.
#[derive(Default)]
pub struct Histogram {
    buckets: [Count; LATENCY_BOUNDS_US.len() + 1],
    sum_us: Count,
}

impl Histogram {
    /// Takes one measurement in.
    pub fn observe(&self, us: u64) {
        let at = LATENCY_BOUNDS_US.iter().position(|bound| us <= *bound);
        let at = at.unwrap_or(LATENCY_BOUNDS_US.len());
        if let Some(bucket) = self.buckets.get(at) {
            bucket.up();
        }
        self.sum_us.add(us);
    }

    /// Counts by bucket, the last one without an upper bound.
    #[must_use]
    pub fn counts(&self) -> Vec<u64> {
        self.buckets.iter().map(Count::value).collect()
    }

    /// Sum of all measurements in microseconds.
    #[must_use]
    pub fn sum_us(&self) -> u64 {
        self.sum_us.value()
    }

    /// The bound below which at least `share` (0..=1) of the measurements lie; none without any.
    #[must_use]
    pub fn quantile_us(&self, share: f64) -> Option<u64> {
        quantile_us(&self.counts(), share)
    }

    /// How many measurements came since these counts, and the bound below which at least `share` of
    /// those lie; none without any.
    #[must_use]
    pub fn since(&self, before: &[u64], share: f64) -> Option<(u64, u64)> {
        let now = self.counts();
        let more: Vec<u64> = now
            .iter()
            .zip(before)
            .map(|(now, before)| now.saturating_sub(*before))
            .collect();
        Some((more.iter().sum(), quantile_us(&more, share)?))
    }
}

/// The bound below which at least `share` of what was counted lies; none without any.
fn quantile_us(counts: &[u64], share: f64) -> Option<u64> {
    let total: u64 = counts.iter().sum();
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank for display"
    )]
    let rank = (total as f64 * share).ceil() as u64;
    let mut seen = 0;
    for (count, bound) in counts.iter().zip(LATENCY_BOUNDS_US) {
        seen += count;
        if total > 0 && seen >= rank {
            return Some(bound);
        }
    }
    (total > 0).then_some(u64::MAX)
}

/// Everything the engine counts.
#[derive(Default)]
pub struct Counters {
    /// Accepts by [`HOWS`].
    pub accepts: [Count; HOWS.len()],
    /// Rejects by [`Reason::ALL`].
    pub rejects: [Count; Reason::ALL.len()],
    /// Challenges.
    pub challenges: Count,
    /// Attempts that got no answer: queue full.
    pub shed_verify: Count,
    /// Attempts that got no answer: PIN pool full, or too slow for them.
    pub shed_pin: Count,
    /// Attempts that got no answer: the store.
    pub unanswered_store: Count,
    /// Commands carried out.
    pub commands: Count,
    /// Commands refused.
    pub refusals: Count,
    /// Jobs waiting for the writer.
    pub verify_queue: Count,
    /// Attempts waiting for a first-factor check.
    pub pin_queue: Count,
    /// First-factor checks answered from memory.
    pub pin_memory_hits: Count,
    /// First-factor checks that ran Argon2.
    pub pin_checks: Count,
    /// Wrong codes looked for elsewhere.
    pub diagnoses: Count,
    /// Wrong codes for which there was no room.
    pub diagnoses_dropped: Count,
    /// Commits.
    pub commits: Count,
    /// Changes in them.
    pub committed_changes: Count,
    /// Commits that failed.
    pub commit_failures: Count,
    /// Messages in the outbox.
    pub messages_waiting: Count,
    /// Messages that a mail server has taken.
    pub messages_sent: Count,
    /// Messages that were given up.
    pub messages_failed: Count,
    /// From receipt to a verdict.
    pub answer: Histogram,
    /// By [`STAGES`].
    pub stages: [Histogram; STAGES.len()],
    /// Commit with its sync.
    pub sync: Histogram,
}

impl Counters {
    /// Takes the stages of one attempt in; what did not run is left out.
    pub fn spent(&self, stages: &Stages) {
        let Stages {
            decode_us,
            load_us,
            otp_us,
            pin_us,
            wait_us,
            sync_us: _,
        } = *stages;
        let spans = [
            Some(decode_us),
            Some(load_us),
            Some(otp_us),
            pin_us,
            Some(wait_us),
        ];
        for (histogram, us) in self.stages.iter().zip(spans) {
            if let Some(us) = us {
                histogram.observe(u64::from(us));
            }
        }
    }

    /// Counts an Accept.
    pub fn accepted(&self, how: &crate::domain::verdict::How, kind: Option<TokenKind>) {
        use crate::domain::verdict::How;
        let name = match (how, kind) {
            (How::Token(_), Some(kind)) => kind.name(),
            (How::Token(_), None) => "other",
            (how, _) => how.name(),
        };
        let at = HOWS
            .iter()
            .position(|known| *known == name)
            .unwrap_or(HOWS.len() - 1);
        if let Some(count) = self.accepts.get(at) {
            count.up();
        }
    }

    /// Counts a Reject.
    pub fn rejected(&self, reason: Reason) {
        let at = Reason::ALL.iter().position(|known| *known == reason);
        if let Some(count) = at.and_then(|at| self.rejects.get(at)) {
            count.up();
        }
    }
}
