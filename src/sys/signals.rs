//! Stop and reload, as something that the control part of the daemon can wait for.
//!
//! Listening replaces the default action for good, so a signal that arrives while nobody waits is
//! kept, not lost; several of the same kind may become one.

use std::fmt;
use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// What somebody outside wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM: drain and end.
    Terminate,
    /// SIGINT, from a terminal: the same.
    Interrupt,
    /// SIGHUP: read the configuration again.
    Reload,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
            Self::Reload => "SIGHUP",
        })
    }
}

/// The signals under watch.
#[derive(Debug)]
pub struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    /// Starts to listen; needs a runtime around it.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next signal; an end before a reload. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.hangup.recv() => Signal::Reload,
        }
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::{Signal as Number, raise};

    use super::*;

    #[tokio::test]
    async fn signals_are_kept_until_someone_waits_and_an_end_comes_first() {
        let mut signals = Signals::listen().unwrap();
        raise(Number::SIGHUP).unwrap();
        raise(Number::SIGTERM).unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert_eq!(signals.next().await, Signal::Terminate);
        assert_eq!(signals.next().await, Signal::Reload);
        assert_eq!(Signal::Reload.to_string(), "SIGHUP");
    }
}
