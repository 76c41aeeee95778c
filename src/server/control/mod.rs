//! The control socket: accepts, gives seats, reads calls, hands them on, writes answers.
//!
//! It decides nothing. Who a peer is comes from [`Identify`], what a call means from
//! [`crate::control`], whether a role may from the one table of [`crate::domain::action`], what
//! happens from the [`Backend`]. What it does promise is that no peer can harm another: a call has
//! a bound in octets and in seconds, a connection has a seat of a bounded number, each user has a
//! share of them and admins have some to themselves, and a peer that does not read blocks only its
//! own call. Every call that is refused gets a named error before anything closes.
//!
//! ```text
//! accept -> identity -> seat -> [ frame -> call -> role -> request -> backend -> reply ]..
//! ```
//! Calls of one connection are answered one after the other, in order. On stop the call under way
//! is answered, streams and waiting connections end with `org.mfad.Stopping`.

mod answer;
mod connection;
mod dispatch;
mod door;
mod seats;
mod upload;

use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::control::fault::Fault;
use crate::control::import::Import;
use crate::control::query::{Manner, Query};
use crate::control::reply::{Done, Reply};
use crate::domain::action::{Action, Role};
use crate::domain::command::{Command, PageStep};
use crate::domain::event::Operator;
use crate::domain::refusal::{Code, Refusal};
use crate::secret::SecretBytes;

pub use answer::{done, role_refusal};

/// How long a thread is kept that has nothing to do: for good. If the system gives no further one, a
/// call waits for a thread that is there; if none were there, it would end the daemon.
const THREADS_KEPT: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Threads beside those of the seats: identities being looked up.
const THREADS_SPARE: usize = 16;

/// Who is at the other end.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The operator with the highest role that the peer has.
    pub operator: Operator,
    /// What gives the role: `uid 0`, `user bob`, `group mfad-support`.
    pub through: Arc<str>,
}

/// Finds out who is at the other end of a connection; asked once, before anything is read. May
/// block.
pub trait Identify: Send + Sync {
    /// The peer's identity, or why it may not talk to mfad at all.
    fn identify(&self, socket: BorrowedFd<'_>) -> Result<Identity, Fault>;
}

/// What carries out calls. All methods may block; they run on threads of their own.
pub trait Backend: Send + Sync {
    /// Carries out a change, durably, or says why not.
    fn change(
        &self,
        operator: &Operator,
        command: Command,
        manner: Manner,
    ) -> Result<Done, Refusal>;

    /// Takes a step of a person on a page, durably, or says why not.
    fn page(
        &self,
        operator: &Operator,
        step: PageStep,
        request: Option<String>,
    ) -> Result<Reply, Refusal>;

    /// Answers a question. Lists with [`Extent::All`] or [`Extent::Follow`] push every page but
    /// the last, which is the result; everything else has one answer, which is the result.
    ///
    /// [`Extent::All`]: crate::control::query::Extent::All
    /// [`Extent::Follow`]: crate::control::query::Extent::Follow
    fn query(
        &self,
        operator: &Operator,
        query: Query,
        sink: &mut dyn Sink,
    ) -> Result<Reply, Refusal>;

    /// Brings in what a file holds; pushes how far it is, if that is wanted.
    fn import(
        &self,
        operator: &Operator,
        import: Import,
        file: SecretBytes,
        sink: &mut dyn Sink,
    ) -> Result<Reply, Refusal>;

    /// Records that a caller's role was too low, and says so with all that helps.
    fn denied(&self, operator: &Operator, action: Action, least: Role) -> Refusal;
}

/// Takes the pages of a stream.
pub trait Sink {
    /// Sends one page; more will follow. Waits while the client does not read.
    fn push(&mut self, page: Reply) -> Result<(), Ended>;

    /// Whether nobody wants more: the client has gone, or the daemon stops. A stream that waits
    /// for news looks here at least every [`FOLLOW_LOOK_MS`].
    fn ended(&mut self) -> bool;
}

/// How often a waiting stream looks whether it has ended.
pub const FOLLOW_LOOK_MS: u64 = 250;

/// The stream is over; nobody reads what the result would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stream has ended")]
pub struct Ended;

impl From<Ended> for Refusal {
    fn from(_: Ended) -> Self {
        Self::new(Code::Busy, "the stream has ended")
    }
}

/// The bounds, all of which the manual names.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at a time.
    pub seats: usize,
    /// Of these, kept for admins.
    pub seats_kept: usize,
    /// Of these, at most for one uid.
    pub seats_uid: usize,
    /// From the first octet of a call to its last; from accept to the first octet.
    pub request: Duration,
    /// Between calls.
    pub idle: Duration,
    /// For a client to take a reply.
    pub write: Duration,
    /// After an error accepting, such as being out of descriptors.
    pub accept_pause: Duration,
    /// For a refused client to read why.
    pub linger: Duration,
    /// From stop to the end of the last call.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            seats: 32,
            seats_kept: 4,
            seats_uid: 8,
            request: Duration::from_secs(5),
            idle: Duration::from_secs(300),
            write: Duration::from_secs(30),
            accept_pause: Duration::from_millis(200),
            linger: Duration::from_millis(200),
            drain: Duration::from_secs(5),
        }
    }
}

/// What the front end is given.
#[derive(Clone)]
pub struct Front {
    /// Says who calls.
    pub identify: Arc<dyn Identify>,
    /// Carries out what is called.
    pub backend: Arc<dyn Backend>,
    /// The bounds.
    pub limits: Limits,
}

/// Serves until `stop` becomes true, on the thread that calls it; comes back when every connection
/// has ended or the time to drain is over.
pub fn run(listener: UnixListener, front: Front, stop: watch::Receiver<bool>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .max_blocking_threads(front.limits.seats + THREADS_SPARE)
        .thread_keep_alive(THREADS_KEPT)
        .build()?;
    drop(runtime.spawn_blocking(|| ()));
    let result = runtime.block_on(door::serve(listener, front, stop));
    runtime.shutdown_background();
    result
}
