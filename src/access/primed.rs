//! Verdicts of just before the start, by the digest of the datagram they answer.
//!
//! The use of a code is durable before its Accept leaves, so a daemon that dies in between would
//! refuse the retransmitted request of a person who did everything right. The store keeps the digest
//! beside the use; with it the same reply can be made once more.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::duplicates::ANSWER_KEPT;
use super::gateway::Gateway;
use super::key::HashKeys;
use super::reply::{ReplyKind, Saying};
use crate::time::{Now, Timestamp};

/// Verdicts that can be primed; there are at most 30 seconds of them.
pub const PRIMED_MAX: usize = 65_536;

/// A verdict that the store remembers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrimedVerdict {
    /// SHA-256 of the datagram.
    pub digest: [u8; 32],
    /// Name of the gateway it came through.
    pub gateway: Arc<str>,
    /// Which reply it was given.
    pub reply: ReplyKind,
    /// Reply-Message.
    pub message: Option<Box<str>>,
    /// When it was decided.
    pub decided: Timestamp,
}

/// What is known of a datagram.
#[derive(Clone, Copy, Debug)]
pub(super) enum Known<'a> {
    /// Nothing.
    Nothing,
    /// Its answer is held back, and may not have left yet.
    NotYet,
    /// It was answered so.
    Said(Saying<'a>),
}

/// The primed verdicts; they vanish together.
pub(super) struct Primed {
    verdicts: HashMap<[u8; 32], PrimedVerdict, HashKeys>,
    until_us: u64,
}

impl Primed {
    pub(super) fn new(keys: HashKeys) -> Self {
        Self {
            verdicts: HashMap::with_hasher(keys),
            until_us: 0,
        }
    }

    /// Takes verdicts over, the newest first, until one is too old or the bound is met: those before it
    /// are older, whatever time they bear. Of one datagram the newest counts.
    pub(super) fn fill(&mut self, verdicts: impl IntoIterator<Item = PrimedVerdict>, now: Now) {
        let young = |it: &PrimedVerdict| now.wall.since(it.decided) < ANSWER_KEPT;
        for verdict in verdicts.into_iter().take_while(young) {
            if self.verdicts.len() >= PRIMED_MAX {
                break;
            }
            self.verdicts.entry(verdict.digest).or_insert(verdict);
        }
        self.until_us = now.after(ANSWER_KEPT).mono_us;
    }

    /// Looks a datagram up.
    pub(super) fn look(&mut self, digest: &[u8; 32], gateway: &Gateway, now: Now) -> Known<'_> {
        if self.verdicts.is_empty() {
            return Known::Nothing;
        }
        if now.mono_us >= self.until_us {
            self.verdicts = HashMap::with_hasher(*self.verdicts.hasher());
            return Known::Nothing;
        }
        match self.verdicts.get(digest) {
            Some(verdict) if verdict.gateway == *gateway.name() => {
                if verdict.waits(gateway.policy.reject_delay, now) {
                    return Known::NotYet;
                }
                Known::Said(Saying {
                    kind: verdict.reply,
                    message: verdict.message.as_deref(),
                })
            }
            _ => Known::Nothing,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.verdicts.len()
    }
}

impl PrimedVerdict {
    /// What is held back is not repeated earlier than it would have left for the first time.
    fn waits(&self, reject_delay: Duration, now: Now) -> bool {
        let held = match self.reply {
            ReplyKind::Accept => false,
            ReplyKind::Reject => true,
            ReplyKind::Challenge(question) => question.held,
        };
        held && now.wall < self.decided + reject_delay
    }
}
