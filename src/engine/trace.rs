//! The last attempts with the time each stage took: what `auth log --stages` and `auth show` add to
//! the audit log. In memory only; an attempt that has fallen out of the ring is shown without.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use smol_str::SmolStr;

use crate::token::AttemptId;

/// Attempts kept.
pub const ATTEMPTS_MAX: usize = 4_096;

/// Microseconds spent by stage; none: the stage did not run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stages {
    /// From receipt to a decoded attempt.
    pub decode_us: u32,
    /// Loading the record.
    pub load_us: u32,
    /// Matching the code.
    pub otp_us: u32,
    /// Checking the first factor.
    pub pin_us: Option<u32>,
    /// Waiting for the writer.
    pub wait_us: u32,
    /// Making it durable; none: nothing had to be.
    pub sync_us: Option<u32>,
}

/// One attempt as the ring keeps it.
#[derive(Clone, Debug)]
pub struct Trace {
    /// Which.
    pub attempt: AttemptId,
    /// First octets of its digest, to tell two of the same id apart.
    pub digest: [u8; 32],
    /// Login name, or the pseudonym of an unknown one.
    pub user: SmolStr,
    /// Stages.
    pub stages: Stages,
}

/// The ring.
#[derive(Default)]
pub struct Traces {
    ring: Mutex<VecDeque<Trace>>,
}

impl Traces {
    /// Keeps one more; the oldest goes.
    pub fn keep(&self, trace: Trace) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        if ring.len() >= ATTEMPTS_MAX {
            ring.pop_front();
        }
        ring.push_back(trace);
    }

    /// The stages of the attempt with this digest, if still known.
    #[must_use]
    pub fn stages(&self, digest: &[u8; 32]) -> Option<Stages> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.iter()
            .rev()
            .find(|trace| trace.digest == *digest)
            .map(|trace| trace.stages)
    }
}
