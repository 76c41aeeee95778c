//! Queues of slots, oldest first, from which any slot can be taken at no cost.
//!
//! The links live beside the slab, one row for each slot, so a slot is in at most one queue of each
//! set of links.

/// The neighbours of every slot; shared by queues of which each slot is in one at most.
#[derive(Debug, Default)]
pub(super) struct Links(Vec<Link>);

/// The neighbours of one slot.
#[derive(Clone, Copy, Debug, Default)]
struct Link {
    before: Option<usize>,
    after: Option<usize>,
}

/// One queue.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Queue {
    oldest: Option<usize>,
    newest: Option<usize>,
}

impl Links {
    /// Makes room for slots up to `slots`.
    pub(super) fn cover(&mut self, slots: usize) {
        if self.0.len() < slots {
            self.0.resize(slots, Link::default());
        }
    }

    fn at(&mut self, slot: Option<usize>) -> Option<&mut Link> {
        self.0.get_mut(slot?)
    }
}

impl Queue {
    /// The slot that has waited longest.
    pub(super) fn oldest(&self) -> Option<usize> {
        self.oldest
    }

    /// Appends a slot, which must not be in a queue.
    pub(super) fn push(&mut self, links: &mut Links, slot: usize) {
        let before = self.newest;
        if let Some(link) = links.at(Some(slot)) {
            *link = Link {
                before,
                after: None,
            };
        }
        match links.at(before) {
            Some(link) => link.after = Some(slot),
            None => self.oldest = Some(slot),
        }
        self.newest = Some(slot);
    }

    /// Takes a slot out, which must be in this queue.
    pub(super) fn remove(&mut self, links: &mut Links, slot: usize) {
        let Some(link) = links.at(Some(slot)) else {
            return;
        };
        let Link { before, after } = std::mem::take(link);
        match links.at(before) {
            Some(link) => link.after = after,
            None => self.oldest = after,
        }
        match links.at(after) {
            Some(link) => link.before = before,
            None => self.newest = before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_whatever_is_taken_out() {
        for taken in 0..4 {
            let (mut links, mut queue) = (Links::default(), Queue::default());
            links.cover(4);
            for slot in 0..4 {
                queue.push(&mut links, slot);
            }
            queue.remove(&mut links, taken);
            queue.push(&mut links, taken);
            let mut seen = Vec::new();
            while let Some(slot) = queue.oldest() {
                queue.remove(&mut links, slot);
                seen.push(slot);
            }
            let mut expected: Vec<_> = (0..4).filter(|slot| *slot != taken).collect();
            expected.push(taken);
            assert_eq!(seen, expected);
            assert!(queue.newest.is_none());
        }
    }
}
