//! A blocking client of the control interface.
//!
//! One connection, one call at a time. Every wait has an end: mfad answers reads within
//! milliseconds, and a command that hangs is worse than one that says so. The client tells apart
//! what decides whether a change may have happened: not sent, or sent and no answer.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use zeroize::{Zeroize, Zeroizing};

use crate::control::fault::Fault;
use crate::control::frame;
use crate::control::message::{self, Answer, CallFrame};

/// How long sending a call may take.
const SEND_MS_MAX: u64 = 5_000;
/// How long mfad may take to answer.
const ANSWER_MS_MAX: u64 = 120_000;
/// Longest answer, in octets.
const ANSWER_OCTETS_MAX: usize = 64 * 1024 * 1024;
/// Octets that are read at once.
const READ_OCTETS: usize = 16 * 1024;

/// Parameters on their way out; texts are wiped on drop, since one may be a secret.
#[derive(Default, Serialize)]
#[serde(transparent)]
pub(super) struct Payload(pub(super) Map<String, Value>);

impl Payload {
    /// States a parameter.
    pub(super) fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// States a parameter if there is a value.
    pub(super) fn set_some(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        for value in self.0.values_mut() {
            if let Value::String(text) = value {
                text.zeroize();
            }
        }
    }
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// The daemon said no.
    #[error("{0}")]
    Fault(Box<Fault>),
    /// The call did not leave.
    #[error("the call was not sent")]
    Unsent(#[source] io::Error),
    /// The call left, and nothing is known about it.
    #[error("the connection broke after the call was sent")]
    Lost(#[source] io::Error),
    /// The answer makes no sense.
    #[error("mfad's answer cannot be read")]
    Garbled(#[source] serde_json::Error),
}

/// A connection to the daemon.
pub(super) struct Client {
    stream: UnixStream,
    /// What has arrived and was not read.
    held: Zeroizing<Vec<u8>>,
}

impl Client {
    /// Connects.
    pub(super) fn connect(path: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(path)?;
        stream.set_write_timeout(Some(Duration::from_millis(SEND_MS_MAX)))?;
        stream.set_read_timeout(Some(Duration::from_millis(ANSWER_MS_MAX)))?;
        Ok(Self {
            stream,
            held: Zeroizing::new(Vec::new()),
        })
    }

    /// A second hand on the connection, by which another thread can end it.
    pub(super) fn stream_handle(&self) -> io::Result<UnixStream> {
        self.stream.try_clone()
    }

    /// Bounds the wait for an answer; none: for ever, as `--follow` needs.
    pub(super) fn wait_at_most(&self, span: Option<Duration>) -> io::Result<()> {
        self.stream.set_read_timeout(span)
    }

    /// Makes a call that is answered once.
    pub(super) fn call<P: DeserializeOwned>(
        &mut self,
        method: &str,
        parameters: &Payload,
    ) -> Result<P, CallError> {
        self.send(method, parameters, false)?;
        Ok(self.answer()?.parameters)
    }

    /// Makes a call that is answered several times; `each` says whether to go on.
    pub(super) fn stream<P: DeserializeOwned>(
        &mut self,
        method: &str,
        parameters: &Payload,
        mut each: impl FnMut(P) -> bool,
    ) -> Result<(), CallError> {
        self.send(method, parameters, true)?;
        loop {
            let answer = self.answer()?;
            if !each(answer.parameters) || !answer.continues {
                return Ok(());
            }
        }
    }

    fn send(&mut self, method: &str, parameters: &Payload, more: bool) -> Result<(), CallError> {
        let call = CallFrame {
            method,
            parameters,
            more,
        };
        let frame = frame::write(&call).map_err(CallError::Garbled)?;
        let Err(error) = self.stream.write_all(&frame) else {
            return Ok(());
        };
        // A daemon that refuses a peer says why before it closes, whatever was sent.
        match self.answer::<Value>() {
            Err(CallError::Fault(fault)) => Err(CallError::Fault(fault)),
            _ => Err(CallError::Unsent(error)),
        }
    }

    fn answer<P: DeserializeOwned>(&mut self) -> Result<Answer<P>, CallError> {
        let frame = self.frame().map_err(CallError::Lost)?;
        message::answer(&frame)
            .map_err(CallError::Garbled)?
            .map_err(|fault| CallError::Fault(Box::new(fault)))
    }

    /// Reads up to the next NUL.
    fn frame(&mut self) -> io::Result<Zeroizing<Vec<u8>>> {
        let mut seen = 0;
        let mut part = Zeroizing::new([0; READ_OCTETS]);
        loop {
            let fresh = self.held.get(seen..).unwrap_or_default();
            if let Some(end) = fresh.iter().position(|octet| *octet == 0) {
                let rest = Zeroizing::new(self.held.split_off(seen + end + 1));
                let mut frame = std::mem::replace(&mut self.held, rest);
                frame.pop();
                return Ok(frame);
            }
            seen = self.held.len();
            if seen > ANSWER_OCTETS_MAX {
                return Err(io::Error::other("the answer does not end"));
            }
            let read = match self.stream.read(&mut *part) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            append(&mut self.held, part.get(..read).unwrap_or_default());
        }
    }
}

/// Appends without leaving a copy behind when the buffer grows.
fn append(held: &mut Zeroizing<Vec<u8>>, octets: &[u8]) {
    let needed = held.len() + octets.len();
    if needed > held.capacity() {
        let mut larger = Vec::with_capacity(needed.max(2 * held.capacity()));
        larger.extend_from_slice(held);
        *held = Zeroizing::new(larger);
    }
    held.extend_from_slice(octets);
}

/// Makes a request id: `7f3a-19d2`.
pub(super) fn request_id() -> io::Result<String> {
    let mut octets = [0; 4];
    aws_lc_rs::rand::fill(&mut octets).map_err(|_| io::Error::other("no random numbers"))?;
    let [a, b, c, d] = octets;
    Ok(format!("{a:02x}{b:02x}-{c:02x}{d:02x}"))
}
