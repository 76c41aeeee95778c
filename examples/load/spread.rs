//! How long many things took: counts and percentiles.

use std::time::Duration;

/// Single measurements, in microseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spread {
    us: Vec<u32>,
    /// From the first to the last.
    pub(crate) took: Duration,
}

impl Spread {
    /// Takes one in.
    pub(crate) fn add(&mut self, span: Duration) {
        self.us
            .push(u32::try_from(span.as_micros()).unwrap_or(u32::MAX));
    }

    /// Takes all of another in.
    pub(crate) fn join(&mut self, other: &Self) {
        self.us.extend_from_slice(&other.us);
        self.took += other.took;
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.us.len()
    }

    /// To be called before [`Self::at`].
    pub(crate) fn sort(&mut self) {
        self.us.sort_unstable();
    }

    /// The microseconds that `per_mille` of them did not exceed.
    pub(crate) fn at(&self, per_mille: usize) -> u32 {
        let rank = (self.us.len() * per_mille).div_ceil(1000).max(1) - 1;
        self.us.get(rank).copied().unwrap_or(0)
    }

    /// How many there were in a second.
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    pub(crate) fn per_second(&self) -> f64 {
        self.us.len() as f64 / self.took.as_secs_f64().max(1e-9)
    }
}

/// The middle one of a few figures.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
