//! The disk of a run that has one of its own: what the power leaves of it when it goes.

use std::collections::BTreeMap;
use std::sync::Arc;

use nix::errno::Errno;

use crate::common::chance::Chance;
use crate::common::disk::state::{Image, Keep, State};
use crate::common::disk::{Disk, Fault};

/// A disk, and what was done on it since it was last known as a whole.
pub(crate) struct Power {
    pub(crate) disk: Arc<Disk>,
    state: State,
    position: u64,
}

impl Power {
    /// Begins with an empty disk.
    pub(crate) fn new(disk: Arc<Disk>, syncs: bool) -> Self {
        disk.heal();
        disk.set_sync(syncs);
        let mut power = Self {
            disk,
            state: State::default(),
            position: 0,
        };
        power.put(&Image {
            files: BTreeMap::new(),
        });
        power
    }

    /// The power goes and comes back: of what was not synced, some is there.
    pub(crate) fn cut(&mut self, chance: &mut Chance) -> &'static str {
        self.follow();
        let pending = self.state.pending();
        let (name, keep) = match chance.below(8) {
            0 => ("nothing", Keep::Nothing),
            1 => ("everything", Keep::Everything),
            2 | 3 => ("a beginning", Keep::First(chance.below(pending + 1))),
            4 | 5 => ("some writes", Keep::Some(chance)),
            _ => ("some sectors", Keep::Torn(chance)),
        };
        let image = self.state.image(keep);
        self.put(&image);
        name
    }

    /// The power goes, and that is left.
    pub(crate) fn leave(&mut self, keep: Keep<'_>) {
        self.follow();
        let image = self.state.image(keep);
        self.put(&image);
    }

    fn follow(&mut self) {
        let done = self.disk.operations(self.position);
        self.state.follow(&done);
    }

    fn put(&mut self, image: &Image) {
        self.disk.heal();
        self.disk.unseen(|| image.write_to(self.disk.root()));
        self.state = State::of_folder(self.disk.root());
        self.position = self.disk.position();
    }

    /// Something that passes goes wrong soon.
    pub(crate) fn trouble(&self, chance: &mut Chance) -> Fault {
        let fault = match chance.below(6) {
            0 => Fault::Once(Errno::EIO),
            1 => Fault::Once(Errno::ENOSPC),
            2 => Fault::Short,
            3 => Fault::Sync(Errno::EIO),
            4 => Fault::From(Errno::EIO),
            _ => Fault::From(Errno::ENOSPC),
        };
        let at = match fault {
            Fault::Sync(_) => self.disk.syncs() + 1 + chance.below(4) as u64,
            _ => self.disk.calls() + 1 + chance.below(24) as u64,
        };
        self.disk.fail(at, fault);
        fault
    }
}
