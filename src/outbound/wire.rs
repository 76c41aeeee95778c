//! One connection, on which nothing takes longer than it may.
//!
//! A socket's own timeouts begin anew with each octet, so a server that sends one a second would keep
//! the caller for ever. Here all that is done for one message shares one [`Patience`]: each call gets
//! what is left of it, and looks now and then whether the daemon is ending.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::sys::clock::Clock;

/// How often a call that waits looks whether the daemon is ending.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long one of several addresses of a server is tried.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// When everything that is under way must be over; `u64::MAX` while the daemon runs.
#[derive(Debug)]
pub struct Ending(AtomicU64);

impl Default for Ending {
    fn default() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }
}

impl Ending {
    /// What is under way has until then, on the monotonic clock; nothing new begins.
    pub fn begin(&self, until_us: u64) {
        self.0.store(until_us, Ordering::Relaxed);
    }

    /// Whether the daemon is ending.
    #[must_use]
    pub fn begun(&self) -> bool {
        self.0.load(Ordering::Relaxed) != u64::MAX
    }
}

/// How long something may still take.
#[derive(Clone)]
pub struct Patience {
    clock: Arc<Clock>,
    ending: Arc<Ending>,
    until_us: u64,
}

impl Patience {
    /// From now on, `span` long.
    #[must_use]
    pub fn new(clock: &Arc<Clock>, ending: &Arc<Ending>, span: Duration) -> Self {
        let span_us = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        Self {
            clock: Arc::clone(clock),
            ending: Arc::clone(ending),
            until_us: clock.now().mono_us.saturating_add(span_us),
        }
    }

    fn left(&self) -> io::Result<Duration> {
        let until_us = self.until_us.min(self.ending.0.load(Ordering::Relaxed));
        let left_us = until_us.saturating_sub(self.clock.now().mono_us);
        if left_us == 0 {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time"));
        }
        Ok(Duration::from_micros(left_us))
    }
}

/// A connection in the clear.
pub struct Wire {
    socket: TcpStream,
    patience: Patience,
}

impl Wire {
    /// Connects to the first address of `server` that answers.
    ///
    /// # Errors
    /// What the last of them said.
    pub fn connect(server: &str, port: u16, patience: Patience) -> io::Result<Self> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in (server, port).to_socket_addrs()? {
            let within = patience.left()?.min(CONNECT_MAX);
            match TcpStream::connect_timeout(&address, within) {
                Ok(socket) => {
                    socket.set_nodelay(true)?;
                    return Ok(Self { socket, patience });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// The next message has a time of its own.
    pub fn renew(&mut self, patience: Patience) {
        self.patience = patience;
    }

    /// The address of this end.
    ///
    /// # Errors
    /// Those of the system.
    pub fn own_address(&self) -> io::Result<std::net::SocketAddr> {
        self.socket.local_addr()
    }

    fn slice(&self) -> io::Result<Duration> {
        Ok(self.patience.left()?.min(LOOK_EVERY))
    }
}

/// Whether a call only has to be made again.
fn goes_on(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}

impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            self.socket.set_read_timeout(Some(self.slice()?))?;
            match self.socket.read(into) {
                Err(error) if goes_on(&error) => {}
                done => return done,
            }
        }
    }
}

impl Write for Wire {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        loop {
            self.socket.set_write_timeout(Some(self.slice()?))?;
            match self.socket.write(octets) {
                Err(error) if goes_on(&error) => {}
                done => return done,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}
