//! The page of numbers, as a scraper reads it, and what the system says of a process.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// The page at one moment.
pub(crate) struct Page(String);

impl Page {
    /// Asks at the socket.
    pub(crate) fn read(socket: &Path) -> Self {
        let mut stream = UnixStream::connect(socket).unwrap();
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: mfad\r\n\r\n")
            .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("application/openmetrics-text; version=1.0.0"));
        Self(body.to_owned())
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// The number in this row, named with its labels.
    pub(crate) fn number(&self, row: &str) -> u64 {
        let mut rows = self.0.lines().filter_map(|line| line.rsplit_once(' '));
        let (_, number) = rows
            .find(|(name, _)| *name == row)
            .unwrap_or_else(|| panic!("no {row} in\n{}", self.0));
        number.parse().unwrap()
    }
}

/// What a process takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    /// Memory that is resident now.
    pub(crate) memory_kib: u64,
    /// The most that ever was.
    pub(crate) peak_kib: u64,
    pub(crate) threads: u64,
    /// Open descriptors; none where the system does not tell.
    pub(crate) descriptors: Option<usize>,
}

impl Taken {
    pub(crate) fn by(pid: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let number = |name: &str| {
            let mut lines = status.lines();
            let line = lines.find_map(|line| line.strip_prefix(name)).unwrap();
            let digits = line.split_whitespace().next().unwrap();
            digits.parse().unwrap()
        };
        Self {
            memory_kib: number("VmRSS:"),
            peak_kib: number("VmHWM:"),
            threads: number("Threads:"),
            descriptors: fs::read_dir(format!("/proc/{pid}/fd"))
                .ok()
                .map(Iterator::count),
        }
    }
}
