//! Messages: made of a change, written with it, and room made for them.

use super::{Batch, Writer};
use crate::domain::event::Origin;
use crate::domain::message::{Message, OUTBOX_FULL};
use crate::domain::notice::{self, Told};
use crate::engine::Engine;
use crate::engine::outbox::OUTBOX_MESSAGES_MAX;
use crate::store::{Body, Change, Key, Outcome, StoreError, Write};
use crate::time::Now;

/// What a batch does to the outbox.
#[derive(Default)]
pub(super) struct Outgoing {
    /// Messages that its changes make.
    made: usize,
    /// The oldest in the store, which make room for them.
    dropped: usize,
}

impl Writer {
    /// The messages that tell a change, as writes of that same change. Of a sign-in that tells nobody
    /// anything this costs a look at the names of its events.
    pub(super) fn messages(&self, told: Told<'_>, batch: &mut Batch, now: Now) -> Vec<Write> {
        let messages = notice::messages(told, &self.engine.rules().policy);
        if messages.is_empty() {
            return Vec::new();
        }
        self.room_for(messages.len(), batch, now);
        messages.into_iter().map(posted).collect()
    }

    /// Makes room for messages that the batch is about to hold.
    pub(super) fn room_for(&self, messages: usize, batch: &mut Batch, now: Now) {
        if messages > 0 {
            self.make_room(messages, batch, now);
            batch.outgoing.made += messages;
        }
    }

    /// Drops the oldest messages for `wanted` new ones, each with its audit record.
    fn make_room(&self, wanted: usize, batch: &mut Batch, now: Now) {
        let waiting = self.engine.counters().messages_waiting.value();
        let outgoing = &batch.outgoing;
        let there = usize::try_from(waiting).unwrap_or(usize::MAX) + outgoing.made + wanted;
        let over = there.saturating_sub(outgoing.dropped + OUTBOX_MESSAGES_MAX);
        if over == 0 {
            return;
        }
        // No more than is needed: sign-ins wait behind this. A store that cannot be read will not
        // commit either.
        let oldest = self.engine.reader().outbox(outgoing.dropped + over);
        let dropped = oldest.unwrap_or_default().into_iter();
        for message in dropped.skip(outgoing.dropped) {
            batch.outgoing.dropped += 1;
            batch.push(Change {
                writes: vec![taken_out(&message)],
                origin: Origin::system(),
                events: vec![message.failed(OUTBOX_FULL)],
                at: now,
            });
        }
    }

    /// After a commit: counts what has come and gone, and rings if something is to be sent.
    pub(super) fn count_messages(&self, changes: &[Change], outcomes: &[Outcome]) {
        let counters = self.engine.counters();
        let mut came = 0;
        for (change, outcome) in changes.iter().zip(outcomes) {
            if !matches!(outcome, Outcome::Committed { .. }) {
                continue;
            }
            for write in &change.writes {
                match (&write.key, &write.body) {
                    (Key::Message(_), Some(_)) => came += 1,
                    (Key::Message(_), None) => counters.messages_waiting.down(),
                    _ => {}
                }
            }
            for event in &change.events {
                match event.name {
                    "notify.sent" => counters.messages_sent.up(),
                    "notify.failed" => counters.messages_failed.up(),
                    _ => {}
                }
            }
        }
        if came > 0 {
            counters.messages_waiting.add(came);
            self.engine.bell().ring();
        }
    }
}

impl Engine {
    /// Counts the messages in the store: when it was opened, or opened anew.
    pub(in crate::engine) fn recount_messages(&self) -> Result<(), StoreError> {
        let waiting = self.reader().outbox(usize::MAX)?.len();
        let waiting = u64::try_from(waiting).unwrap_or(u64::MAX);
        self.counters().messages_waiting.set(waiting);
        self.bell().ring();
        Ok(())
    }
}

/// Puts a message into the store.
pub(super) fn posted(message: Message) -> Write {
    Write {
        key: Key::Message(message.id),
        expected: None,
        body: Some(Body::Message(Box::new(message))),
    }
}

/// Takes a message out of the store.
#[must_use]
pub fn taken_out(message: &Message) -> Write {
    Write {
        key: Key::Message(message.id),
        expected: Some(1),
        body: None,
    }
}
