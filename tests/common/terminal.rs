//! `mfactl` on a terminal, which `script(1)` gives it.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(clippy::print_stderr, reason = "a test that is left out says so")]

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// How long a run may take.
const SECONDS: &str = "120";

/// A run on a terminal of 40 rows and 80 columns.
pub(crate) struct OnTerminal {
    child: Child,
    seen: String,
}

impl OnTerminal {
    /// Runs a line before this socket; none, saying so, where there is no `script(1)`.
    pub(crate) fn start(socket: &Path, line: &str) -> Option<Self> {
        if Command::new("script").arg("--version").output().is_err() {
            eprintln!("left out: there is no script(1)");
            return None;
        }
        // No shell stays that Ctrl-C would end as well.
        let line = format!(
            "stty rows 40 cols 80; exec {} {line}",
            env!("CARGO_BIN_EXE_mfactl")
        );
        // Whoever waits for what is never said is told so.
        let child = Command::new("timeout")
            .args([
                "--foreground",
                SECONDS,
                "script",
                "-qefc",
                &line,
                "/dev/null",
            ])
            .env("MFAD_SOCKET", socket)
            .env("LANG", "C.UTF-8")
            .env("TERM", "xterm")
            .env_remove("COLUMNS")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let seen = String::new();
        Some(Self { child, seen })
    }

    /// Reads until this stands there, then types that.
    pub(crate) fn answer(&mut self, question: &str, typed: &str) {
        let from = self.seen.len();
        let mut octet = [0];
        let mut held = Vec::new();
        while !String::from_utf8_lossy(&held).contains(question) {
            let read = self
                .child
                .stdout
                .as_mut()
                .unwrap()
                .read(&mut octet)
                .unwrap();
            assert!(
                read == 1,
                "no {question:?} in {}",
                String::from_utf8_lossy(&held)
            );
            held.extend_from_slice(&octet);
        }
        self.seen.push_str(&String::from_utf8_lossy(&held));
        assert!(self.seen.len() > from);
        let input = self.child.stdin.as_mut().unwrap();
        input.write_all(typed.as_bytes()).unwrap();
        input.flush().unwrap();
    }

    /// All that was seen, and the status.
    pub(crate) fn end(mut self) -> (String, i32) {
        let mut rest = Vec::new();
        self.child
            .stdout
            .take()
            .unwrap()
            .read_to_end(&mut rest)
            .unwrap();
        self.seen.push_str(&String::from_utf8_lossy(&rest));
        let status = self.child.wait().unwrap();
        (self.seen, status.code().unwrap_or(-1))
    }
}
