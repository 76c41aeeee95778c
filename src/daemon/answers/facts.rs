//! What the answers themselves know and no other part does: who loaded the configuration, and what
//! the last check of the audit log found.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::time::Timestamp;

/// Facts for `status`. Empty at the start of the daemon.
#[derive(Debug, Default)]
pub struct Facts {
    known: Mutex<Known>,
    /// Held while a reload is under way, so that two of them do not mix.
    reload: Mutex<()>,
}

/// The facts at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// When the configuration was last loaded anew, and by whom.
    pub(super) loaded: Option<(Timestamp, String)>,
    /// When the whole audit log was last checked, and whether it was whole.
    pub(super) checked: Option<(Timestamp, bool)>,
}

impl Facts {
    pub(super) fn known(&self) -> Known {
        self.lock().clone()
    }

    pub(super) fn loaded(&self, at: Timestamp, by: &str) {
        self.lock().loaded = Some((at, by.to_owned()));
    }

    pub(super) fn checked(&self, at: Timestamp, whole: bool) {
        self.lock().checked = Some((at, whole));
    }

    pub(super) fn reloading(&self) -> MutexGuard<'_, ()> {
        self.reload.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
