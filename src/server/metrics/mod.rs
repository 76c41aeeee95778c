//! Numbers for monitoring: one page of OpenMetrics text over HTTP, on a Unix socket or an address.
//!
//! One thread, one connection at a time, with a deadline and a bound on what is read: a scraper
//! comes every few seconds, and one that stalls delays only the next scraper. Whatever path is asked
//! for, the page is the answer; nothing of a request is interpreted.

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::time::Duration;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::{ReceiveTimeout, SendTimeout};
use nix::sys::time::TimeVal;

use crate::config::MetricsListen;

/// How long a scraper may take to ask, and to take the page.
const PATIENCE: TimeVal = TimeVal::new(2, 0);

/// Pieces in which a request may come.
pub const READS_MAX: usize = 8;

/// Octets of a request that are read at most.
pub const REQUEST_OCTETS_MAX: usize = 4_096;

/// Where scrapers knock.
pub enum Listener {
    /// A Unix socket.
    Unix(UnixListener),
    /// A TCP port.
    Tcp(TcpListener),
}

impl Listener {
    /// Binds what the configuration names. A stale socket of an earlier run is replaced.
    ///
    /// # Errors
    /// What the system said.
    pub fn bind(listen: &MetricsListen) -> io::Result<Self> {
        match listen {
            MetricsListen::Unix(path) => {
                let stale =
                    fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
                if stale {
                    fs::remove_file(path)?;
                }
                let listener = UnixListener::bind(path)?;
                fs::set_permissions(path, fs::Permissions::from_mode(0o660))?;
                Ok(Self::Unix(listener))
            }
            MetricsListen::Tcp(address) => TcpListener::bind(address).map(Self::Tcp),
        }
    }

    /// Serves the page until the process ends.
    pub fn serve(&self, page: &dyn Fn() -> String) {
        loop {
            let served = match self {
                Self::Unix(listener) => {
                    (listener.accept()).and_then(|(stream, _)| attend(stream, page))
                }
                Self::Tcp(listener) => {
                    (listener.accept()).and_then(|(stream, _)| attend(stream, page))
                }
            };
            if served.is_err() {
                // Out of descriptors, or a scraper that left: neither is worth a busy loop.
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }
}

/// Answers a connection, which may take its time within bounds.
fn attend(mut stream: impl Read + Write + AsFd, page: &dyn Fn() -> String) -> io::Result<()> {
    setsockopt(&stream, ReceiveTimeout, &PATIENCE)?;
    setsockopt(&stream, SendTimeout, &PATIENCE)?;
    answer(&mut stream, page)
}

/// Reads a request, within bounds, and answers with the page.
///
/// # Errors
/// What the system said.
pub fn answer(stream: &mut (impl Read + Write), page: &dyn Fn() -> String) -> io::Result<()> {
    let mut request = [0; REQUEST_OCTETS_MAX];
    let mut read = 0;
    // A client that sends octet by octet gets so many waits and no more.
    for _ in 0..READS_MAX {
        let Some(rest) = request.get_mut(read..).filter(|rest| !rest.is_empty()) else {
            break;
        };
        match stream.read(rest)? {
            0 => break,
            n => read += n,
        }
        if request
            .get(..read)
            .is_some_and(|head| head.windows(4).any(|end| end == b"\r\n\r\n"))
        {
            break;
        }
    }
    let body = page();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\n\
         Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    stream.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn serves_its_page_over_a_unix_socket() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics");
        for _ in 0..2 {
            // The second time over the stale socket of the first.
            let listener = Listener::bind(&MetricsListen::Unix(path.clone())).unwrap();
            std::thread::spawn(move || listener.serve(&|| "mfad_up 1\n# EOF\n".to_owned()));
            let mut stream = UnixStream::connect(&path).unwrap();
            stream
                .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
                .unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            assert!(text.starts_with("HTTP/1.1 200 OK\r\n"));
            assert!(text.ends_with("\r\n\r\nmfad_up 1\n# EOF\n"));
        }
    }
}
