//! Room that is kept for the day on which the disk is full.
//!
//! A file of [`OCTETS`] in the state folder, whose content is nothing. It is given back when an
//! operator gives `audit archive` on a full disk, and when the store cannot be opened there at the
//! start: its room is then that of a segment, of the log that is moved, and of the record of both.
//! It is made again once the disk has room.
//!
//! Nothing is lost with it, so no crash and no power cut matters here.

use std::fs;
use std::path::{Path, PathBuf};

use crate::log::{info_always, warn_always};
use crate::sys::files::{free_octets, occupy};

/// Octets of the reserve: more than the main file grows by when the log is moved.
pub const OCTETS: u64 = 16 << 20;

/// Room that the disk must have for it to be made, so that it takes nobody the last of it.
const FREE_OCTETS_MIN: u64 = 2 * OCTETS;

/// Its name in the state folder.
const FILE: &str = "reserve";

/// The reserve of a state folder, there or not.
#[derive(Clone, Debug)]
pub struct Reserve {
    path: PathBuf,
}

impl Reserve {
    /// The one of this folder.
    #[must_use]
    pub fn below(state_dir: &Path) -> Self {
        let path = state_dir.join(FILE);
        Self { path }
    }

    /// Whether the whole of it is there.
    #[must_use]
    pub fn is_there(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|about| about.len() >= OCTETS)
    }

    /// Makes it if it is not there and there is room for more than it.
    pub fn make(&self) {
        if self.is_there() || self.free_octets() < FREE_OCTETS_MIN {
            return;
        }
        if occupy(&self.path, OCTETS).is_ok() {
            info_always!("{} MiB are kept for a full disk", OCTETS >> 20);
        }
    }

    /// Gives it back if the disk is full; whether it did.
    #[must_use]
    pub fn give_back(&self) -> bool {
        let given = self.free_octets() < OCTETS && fs::remove_file(&self.path).is_ok();
        if given {
            let path = self.path.display();
            warn_always!(
                "W023 the disk is full: the {} MiB kept in {path} are given back",
                OCTETS >> 20
            );
        }
        given
    }

    /// Room beside it; 0 if the system does not say.
    fn free_octets(&self) -> u64 {
        let folder = self.path.parent().unwrap_or(&self.path);
        free_octets(folder).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn takes_its_room_and_stays_while_the_disk_has_some() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::below(folder.path());
        reserve.make();
        assert!(reserve.is_there());
        let about = fs::metadata(&reserve.path).unwrap();
        assert!(about.blocks() * 512 >= OCTETS, "{} blocks", about.blocks());
        assert_eq!(about.mode() & 0o7777, 0o600);
        assert!(!reserve.give_back(), "the disk is not full");
        // What a power cut left of one.
        fs::File::create(&reserve.path).unwrap();
        assert!(!reserve.is_there());
        reserve.make();
        assert!(reserve.is_there());
    }
}
