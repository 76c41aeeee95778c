//! Ctrl-C while a long call is under way: it ends the connection and with it the call, and the command
//! can still say how far it came.

use std::io;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nix::sys::signal::{SigSet, Signal};

/// As long as it lives, Ctrl-C ends one connection and nothing else.
pub(super) struct Watch {
    pressed: Arc<AtomicBool>,
    signal: SigSet,
}

impl Watch {
    /// Begins to watch over a connection.
    pub(super) fn over(stream: UnixStream) -> io::Result<Self> {
        let mut signal = SigSet::empty();
        signal.add(Signal::SIGINT);
        // Before the thread: it must not be the one that the signal finds unprepared.
        signal.thread_block()?;
        let watch = Self {
            pressed: Arc::default(),
            signal,
        };
        let pressed = Arc::clone(&watch.pressed);
        thread::Builder::new()
            .name("interrupt".to_owned())
            .spawn(move || {
                if signal.wait().is_ok() {
                    pressed.store(true, Ordering::Release);
                    let _ = stream.shutdown(Shutdown::Both);
                }
            })?;
        Ok(watch)
    }

    /// Whether somebody has pressed it.
    pub(super) fn pressed(&self) -> bool {
        self.pressed.load(Ordering::Acquire)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.signal.thread_unblock();
    }
}
