//! One connection: frames in, replies out, one call at a time.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::dispatch::{self, REPLIES_QUEUED_MAX};
use super::seats::Seat;
use super::upload::Upload;
use super::{Front, Identity, Limits};
use crate::control::fault::Fault;
use crate::control::frame::{FRAME_OCTETS_MAX, FrameError, FrameReader};
use crate::control::message::Call;

/// How often a client that has said its last word is looked at.
const HALF_CLOSED_LOOK: Duration = Duration::from_millis(100);
/// Octets of a refused client that are read and thrown away, so that it reads why.
const LINGER_OCTETS_MAX: usize = 4 * FRAME_OCTETS_MAX;

/// A connection with a seat.
pub(super) struct Connection {
    stream: UnixStream,
    reader: FrameReader,
    front: Front,
    caller: Arc<Identity>,
    seat: Arc<Seat>,
    upload: Arc<Mutex<Upload>>,
    stop: watch::Receiver<bool>,
}

/// What became of the wait for a call.
enum Next {
    Frame(Map<String, Value>),
    Refused(Fault),
    Closed,
}

impl Connection {
    /// A connection from which nothing was read yet.
    pub(super) fn new(
        stream: UnixStream,
        front: Front,
        caller: Identity,
        seat: Arc<Seat>,
        upload: Upload,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self {
            stream,
            reader: FrameReader::default(),
            front,
            caller: Arc::new(caller),
            seat,
            upload: Arc::new(Mutex::new(upload)),
            stop,
        }
    }

    /// Answers calls until the client has gone, breaks the rules, or the daemon stops.
    pub(super) async fn serve(mut self) {
        let mut patience = self.front.limits.request;
        loop {
            let frame = match self.next(patience).await {
                Next::Frame(frame) => frame,
                Next::Refused(fault) => {
                    return refuse(&self.stream, &fault, &self.front.limits).await;
                }
                Next::Closed => return,
            };
            let call = match Call::parse(frame) {
                Ok(call) => call,
                Err(fault) => return refuse(&self.stream, &fault, &self.front.limits).await,
            };
            if self.answer(call).await.is_err() {
                return;
            }
            patience = self.front.limits.idle;
        }
    }

    /// Waits for the next whole frame: `patience` to its first octet, then the time for a request.
    async fn next(&mut self, patience: Duration) -> Next {
        let quiet_end = Instant::now() + patience;
        let mut call_end = None;
        loop {
            if *self.stop.borrow() {
                return Next::Refused(Fault::stopping());
            }
            match self.reader.take() {
                Ok(Some(frame)) => return Next::Frame(frame),
                Ok(None) => {}
                Err(FrameError::TooLong) => {
                    return Next::Refused(Fault::too_long(FRAME_OCTETS_MAX));
                }
                Err(error) => return Next::Refused(Fault::bad_frame(error.to_string())),
            }
            if !self.reader.is_empty() && call_end.is_none() {
                call_end = Some(Instant::now() + self.front.limits.request);
            }
            let end = call_end.unwrap_or(quiet_end);
            let read = tokio::select! {
                () = stopped(&mut self.stop) => continue,
                read = timeout_at(end, fill(&self.stream, &mut self.reader)) => read,
            };
            match read {
                Ok(Ok(octets)) if octets > 0 => {}
                Ok(_) => return Next::Closed,
                Err(_) if call_end.is_some() => {
                    let limit = self.front.limits.request;
                    let what = format!("a call must arrive within {} s", limit.as_secs_f32());
                    return Next::Refused(Fault::too_slow(what));
                }
                Err(_) => return Next::Closed,
            }
        }
    }

    /// Has one call carried out and passes its replies on; an error if the client has gone. The
    /// seat stays taken until the call has ended, so that calls without a reader are bounded too.
    async fn answer(&mut self, call: Call) -> io::Result<()> {
        let (to, mut replies) = mpsc::channel(REPLIES_QUEUED_MAX);
        let (caller, backend) = (Arc::clone(&self.caller), Arc::clone(&self.front.backend));
        let (seat, stop) = (Arc::clone(&self.seat), self.stop.clone());
        let upload = Arc::clone(&self.upload);
        let oneway = call.oneway;
        let work = tokio::task::spawn_blocking(move || {
            dispatch::answer(call, &caller, backend.as_ref(), &upload, to, stop);
            drop(seat);
        });
        let mut answered = oneway;
        loop {
            let reply = tokio::select! {
                reply = replies.recv() => reply,
                error = vanished(&self.stream, &mut self.reader) => return Err(error),
            };
            let Some(frame) = reply else { break };
            write(&self.stream, &frame, &self.front.limits).await?;
            answered = true;
        }
        if work.await.is_ok() && answered {
            Ok(())
        } else {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }
}

/// Waits until the daemon is told to stop.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        // Whoever could have told is gone and never will.
        std::future::pending::<()>().await;
    }
}

/// Tells a client why it is refused, and gives it a moment to read that: a socket that is closed
/// with unread octets in it may take the answer with it.
pub(super) async fn refuse(stream: &UnixStream, fault: &Fault, limits: &Limits) {
    let frame = dispatch::encode_fault(fault);
    let farewell = async {
        write(stream, &frame, limits).await?;
        shut_down(stream);
        let mut rest = [0; 4096];
        let mut read = 0;
        while read < LINGER_OCTETS_MAX {
            stream.readable().await?;
            match stream.try_read(&mut rest) {
                Ok(0) => break,
                Ok(octets) => read += octets,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        io::Result::Ok(())
    };
    let _ = timeout(limits.linger, farewell).await;
}

/// Says that nothing more will be written.
fn shut_down(stream: &UnixStream) {
    use std::os::fd::AsRawFd;
    let _ = nix::sys::socket::shutdown(stream.as_raw_fd(), nix::sys::socket::Shutdown::Write);
}

/// Reads what there is, at least one octet; 0 at the end.
async fn fill(stream: &UnixStream, reader: &mut FrameReader) -> io::Result<usize> {
    loop {
        stream.readable().await?;
        match stream.try_read(reader.spare()) {
            Ok(octets) => {
                reader.filled(octets);
                return Ok(octets);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// Waits until the client has gone, meanwhile keeping what it sends ahead. A client that only says
/// that it will send no more, as `socat` does, still waits for its answer.
async fn vanished(stream: &UnixStream, reader: &mut FrameReader) -> io::Error {
    while !reader.spare().is_empty() {
        match fill(stream, reader).await {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => return error,
        }
    }
    loop {
        match stream.ready(Interest::WRITABLE).await {
            Ok(ready) if ready.is_write_closed() => return io::ErrorKind::BrokenPipe.into(),
            Ok(_) => sleep(HALF_CLOSED_LOOK).await,
            Err(error) => return error,
        }
    }
}

/// Writes a whole frame within the time for it.
async fn write(stream: &UnixStream, frame: &[u8], limits: &Limits) -> io::Result<()> {
    let all = async {
        let mut rest = frame;
        while !rest.is_empty() {
            stream.writable().await?;
            match stream.try_write(rest) {
                Ok(octets) => rest = rest.get(octets..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    };
    timeout(limits.write, all)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
