//! An end that threads look for.

use std::sync::atomic::{AtomicBool, Ordering};

/// Threads that work until something is over look here.
#[derive(Default)]
pub(crate) struct Until(AtomicBool);

impl Until {
    pub(crate) fn is_over(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Over once this is dropped, and so also when the test fails: nobody works on for ever.
    pub(crate) fn end_of_this(&self) -> End<'_> {
        End(self)
    }
}

/// See [`Until::end_of_this`].
pub(crate) struct End<'a>(&'a Until);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}
