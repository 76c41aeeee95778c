//! A daemon that answers from a table, and runs of the built `mfactl` against it.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]
#![expect(clippy::indexing_slicing, reason = "helpers of tests")]

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

/// What the fake daemon does with a call.
#[derive(Clone, Debug)]
#[allow(dead_code, reason = "each test file uses its own part")]
pub(crate) enum Answer {
    /// Answers once.
    Reply(Value),
    /// Answers a stream.
    Pages(Vec<Value>),
    /// Says no: the last part of the name, and the parameters.
    Error(&'static str, Value),
    /// Closes the connection without a word.
    HangUp,
}

type Calls = Arc<Mutex<Vec<(String, Value)>>>;

/// A daemon on a socket of its own.
pub(crate) struct Fake {
    folder: tempfile::TempDir,
    calls: Calls,
}

impl Fake {
    /// Serves until the test ends.
    pub(crate) fn serve(answer: impl Fn(&str, &Value) -> Answer + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("control")).unwrap();
        let calls = Calls::default();
        let (seen, answer) = (calls.clone(), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (seen, answer) = (seen.clone(), answer.clone());
                let Ok(stream) = stream else { return };
                thread::spawn(move || talk(stream, &seen, answer.as_ref()));
            }
        });
        Self { folder, calls }
    }

    /// Serves the same replies to everybody.
    #[allow(dead_code, reason = "each test file uses its own part")]
    pub(crate) fn with_replies() -> Self {
        let text = include_str!("replies.json");
        let replies: Value = serde_json::from_str(text).unwrap();
        // What is said of one person, or of people who wait, stands under a key of its own.
        let about = |parameters: &Value| match parameters["waiting"].as_bool() {
            Some(true) => Some("waiting".to_owned()),
            _ => parameters["user"].as_str().map(str::to_owned),
        };
        let find = move |method: &str, parameters: &Value| {
            let own = about(parameters).map(|whom| format!("{method} {whom}"));
            let own = own.and_then(|key| replies.get(&key));
            own.or_else(|| replies.get(method)).cloned()
        };
        Self::serve(move |method, parameters| match find(method, parameters) {
            Some(reply) => Answer::Reply(reply),
            None => Answer::Error("MethodNotFound", json!({"method": method})),
        })
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("control")
    }

    /// A folder for files of the test.
    #[allow(dead_code, reason = "each test file uses its own part")]
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The calls it got, with their parameters.
    #[allow(dead_code, reason = "each test file uses its own part")]
    pub(crate) fn calls(&self) -> Vec<(String, Value)> {
        self.calls.lock().unwrap().clone()
    }

    /// A run of `mfactl` against it, without a terminal.
    pub(crate) fn mfactl(&self, args: &[&str]) -> Run {
        self.run(args, 80, &[], "")
    }

    /// The same with columns, variables and standard input.
    pub(crate) fn run(
        &self,
        args: &[&str],
        columns: usize,
        variables: &[(&str, &str)],
        input: &str,
    ) -> Run {
        let mut command = command(args, columns);
        command.env("MFAD_SOCKET", self.socket());
        command.envs(variables.iter().copied());
        Run::of(command, input)
    }
}

/// The built program in surroundings that are the same everywhere.
pub(crate) fn command(args: &[&str], columns: usize) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mfactl"));
    command
        .args(args)
        .env_clear()
        .env("LANG", "C.UTF-8")
        .env("TERM", "xterm")
        .env("TZ", "CET-1")
        .env("COLUMNS", columns.to_string())
        .env("MFAD_SOCKET", "/nonexistent/control");
    command
}

/// What a run printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) status: i32,
}

impl Run {
    /// Runs a command to its end.
    pub(crate) fn of(mut command: Command, input: &str) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let Output {
            status,
            stdout,
            stderr,
        } = child.wait_with_output().unwrap();
        Self {
            out: String::from_utf8(stdout).unwrap(),
            err: String::from_utf8(stderr).unwrap(),
            status: status.code().unwrap_or(-1),
        }
    }

    /// All of it as it stands in a golden file.
    #[allow(dead_code, reason = "each test file uses its own part")]
    pub(crate) fn text(&self) -> String {
        same_requests(&format!("{}{}exit {}\n", self.out, self.err, self.status))
    }
}

/// Request ids differ from run to run.
fn same_requests(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("request ") {
        let (head, tail) = rest.split_at(at + "request ".len());
        out.push_str(head);
        let id: String = tail.chars().take(9).collect();
        let hex = |part: &str| part.chars().all(|sign| sign.is_ascii_hexdigit());
        rest = if id.len() == 9 && id.split('-').all(hex) && id.contains('-') {
            out.push_str("7f3a-19d2");
            &tail[9..]
        } else {
            tail
        };
    }
    out.push_str(rest);
    out
}

/// Compares with the file, or writes it if `MFAD_BLESS=1`.
#[allow(dead_code, reason = "each test file uses its own part")]
pub(crate) fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/cli/{name}.txt"));
    if std::env::var_os("MFAD_BLESS").is_some_and(|bless| bless == "1") {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let held = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(held == text, "{name} differs; is:\n{text}\nwas:\n{held}");
}

fn talk(mut stream: UnixStream, seen: &Calls, answer: &dyn Fn(&str, &Value) -> Answer) {
    let mut held = Vec::new();
    loop {
        let mut part = [0; 4096];
        let Ok(read @ 1..) = stream.read(&mut part) else {
            return;
        };
        held.extend_from_slice(&part[..read]);
        while let Some(end) = held.iter().position(|octet| *octet == 0) {
            let call = mfad::control::frame::parse(&held[..end]).unwrap();
            held.drain(..=end);
            let method = call["method"].as_str().unwrap().to_owned();
            let parameters = call.get("parameters").cloned().unwrap_or_default();
            seen.lock()
                .unwrap()
                .push((method.clone(), parameters.clone()));
            let frames = match answer(&method, &parameters) {
                Answer::Reply(reply) => vec![json!({"parameters": reply})],
                Answer::Pages(pages) => continued(pages),
                Answer::Error(name, parameters) => {
                    let prefix = if name.ends_with("NotFound") {
                        "org.varlink.service"
                    } else {
                        "org.mfad"
                    };
                    vec![json!({"error": format!("{prefix}.{name}"), "parameters": parameters})]
                }
                Answer::HangUp => return,
            };
            for frame in frames {
                let octets = mfad::control::frame::write(&frame).unwrap();
                if stream.write_all(&octets).is_err() {
                    return;
                }
            }
        }
    }
}

fn continued(pages: Vec<Value>) -> Vec<Value> {
    let last = pages.len() - 1;
    let frame = |(at, page)| json!({"parameters": page, "continues": at < last});
    pages.into_iter().enumerate().map(frame).collect()
}
