//! What time alone has brought about, written down without anybody asking.

use std::sync::mpsc::{Receiver, sync_channel};

use super::Engine;
use super::writer::Job;

impl Engine {
    /// Has written down what time alone has brought about for these people; for how many there was
    /// anything.
    #[must_use]
    pub fn lapse(&self, names: Vec<String>) -> usize {
        let order = |name| {
            let (reply, answer) = sync_channel(1);
            self.order(Job::Lapse(name, reply)).ok().map(|()| answer)
        };
        let answers: Vec<_> = names.into_iter().filter_map(order).collect();
        let written = |answer: Receiver<Option<u64>>| answer.recv().ok().flatten();
        answers.into_iter().filter_map(written).count()
    }
}
