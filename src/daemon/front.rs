//! The RADIUS front end: datagrams from the sockets to the engine, verdicts back.
//!
//! One thread a socket receives; the writer's thread sends what a batch has decided; one thread
//! holds Rejects until they may leave. What binds them is [`Front`], which owns the door between
//! datagrams and attempts and lends it to whoever needs it for a moment.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::alarm::Alarms;
use crate::access::{self, Access, Action, Answer};
use crate::domain::attempt::Attempt;
use crate::domain::event::{Event, Origin};
use crate::domain::verdict::{Message, Reason, Verdict};
use crate::engine::count::Count;
use crate::engine::writer::Ticket;
use crate::engine::{Answers, Engine};
use crate::log::{info, info_always, warn};
use crate::secret::SecretBytes;
use crate::server::udp::socket::{Local, Outgoing, ReceiveBatch, Socket};
use crate::server::udp::wheel::Wheel;
use crate::sys::clock::Clock;
use crate::time::Now;
use crate::token::TokenId;

/// How long a receiving thread waits before it looks whether it is to end.
const LOOK_AROUND: Duration = Duration::from_millis(200);

/// Pairs of socket and local address told apart; an answer to a further one leaves from whatever
/// address the system picks.
const PATHS_MAX: usize = 256;

/// Everything between the sockets and the engine.
pub struct Front {
    access: Mutex<Access>,
    sockets: Vec<Socket>,
    paths: Mutex<Vec<Path>>,
    outgoing: Mutex<Vec<Answer>>,
    held: Mutex<Wheel<Answer>>,
    woken: Condvar,
    clock: Arc<Clock>,
    engine: OnceLock<Arc<Engine>>,
    receiving_ends: AtomicBool,
    holding_ends: AtomicBool,
    alarms: Arc<Alarms>,
    /// Rejects that found the wheel full.
    pub wheel_full: Count,
}

/// A way in, and so the way out.
#[derive(Clone, Copy)]
struct Path {
    socket: usize,
    local: Option<Local>,
}

impl Path {
    /// A retransmission that comes over another interface is still the same request; only link-local
    /// addresses mean something else on each interface.
    fn same_as(&self, other: &Self) -> bool {
        let place = |path: &Self| {
            path.local.map(|local| {
                let link_local = matches!(local.address, IpAddr::V6(six)
                    if six.is_unicast_link_local());
                (local.address, link_local.then_some(local.interface))
            })
        };
        self.socket == other.socket && place(self) == place(other)
    }
}

/// What a receiving thread keeps from batch to batch, for its memory.
#[derive(Default)]
struct Work {
    scratch: Vec<u8>,
    replies: Vec<(Arc<[u8]>, SocketAddr, Option<Local>)>,
    attempts: Vec<(Attempt, access::Ticket)>,
}

impl Front {
    /// A front end over these sockets.
    pub fn new(
        access: Access,
        sockets: Vec<Socket>,
        clock: Arc<Clock>,
        rejects_max: usize,
        alarms: Arc<Alarms>,
    ) -> Arc<Self> {
        // The first paths are the sockets without a known local address.
        let paths = (0..sockets.len())
            .map(|socket| Path {
                socket,
                local: None,
            })
            .collect();
        Arc::new(Self {
            access: Mutex::new(access),
            sockets,
            paths: Mutex::new(paths),
            outgoing: Mutex::default(),
            held: Mutex::new(Wheel::new(rejects_max)),
            woken: Condvar::new(),
            clock,
            engine: OnceLock::new(),
            receiving_ends: AtomicBool::new(false),
            holding_ends: AtomicBool::new(false),
            alarms,
            wheel_full: Count::default(),
        })
    }

    /// The engine that judges; set once, before the threads start.
    pub fn connect(&self, engine: Arc<Engine>) {
        let _ = self.engine.set(engine);
    }

    /// The door between datagrams and attempts.
    pub fn access(&self) -> MutexGuard<'_, Access> {
        self.access.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sockets, for their addresses and counts.
    pub fn sockets(&self) -> &[Socket] {
        &self.sockets
    }

    /// Rejects waiting for their time.
    pub fn held(&self) -> usize {
        self.held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// Receives at one socket until [`Front::end_receiving`].
    pub fn receive(&self, socket: usize) {
        let Some(own) = self.sockets.get(socket) else {
            return;
        };
        let mut batch = ReceiveBatch::new();
        let mut work = Work::default();
        while !self.receiving_ends.load(Ordering::Relaxed) {
            match own.receive(&mut batch, LOOK_AROUND) {
                Ok(0) => continue,
                Ok(_) => self.take_in(socket, own, &mut batch, &mut work),
                Err(error) => {
                    warn!("a RADIUS socket cannot receive: {error}");
                    std::thread::sleep(LOOK_AROUND);
                }
            }
        }
    }

    /// Takes in one batch of datagrams: what is answered already is answered, the rest submitted.
    fn take_in(&self, socket: usize, own: &Socket, batch: &mut ReceiveBatch, work: &mut Work) {
        let now = self.clock.now();
        {
            let mut access = self.access();
            for datagram in batch.iter() {
                // Only who may be answered gets a path: strangers must not fill the table.
                let known = access.gateways().find(datagram.peer.ip()).is_some();
                let path = if known {
                    self.path(socket, datagram.local)
                } else {
                    0
                };
                let scratch = &mut work.scratch;
                match access.receive(datagram.octets, datagram.peer, path, now, scratch) {
                    Action::Drop(_) => {}
                    Action::Resend { octets } => {
                        work.replies.push((octets, datagram.peer, datagram.local));
                    }
                    Action::Reply => {
                        let octets = Arc::from(work.scratch.as_slice());
                        work.replies.push((octets, datagram.peer, datagram.local));
                    }
                    Action::Attempt { attempt, ticket } => work.attempts.push((attempt, ticket)),
                }
            }
        }
        batch.wipe();
        // Not under the lock: a full send buffer must not hold up the writer.
        let outgoing: Vec<Outgoing<'_>> = work
            .replies
            .iter()
            .map(|(octets, peer, local)| Outgoing {
                octets,
                peer: *peer,
                local: *local,
            })
            .collect();
        if !outgoing.is_empty() {
            own.send(&outgoing);
        }
        drop(outgoing);
        work.replies.clear();
        let Some(engine) = self.engine.get() else {
            return;
        };
        for (attempt, ticket) in work.attempts.drain(..) {
            engine.submit(attempt, Ticket(ticket.parts()));
        }
    }

    /// Sends Rejects when their time has come, until [`Front::end_holding`].
    pub fn hold(&self) {
        let mut due = Vec::new();
        loop {
            {
                let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
                let now_us = self.clock.now().mono_us;
                held.due(now_us, &mut due);
                if due.is_empty() {
                    if self.holding_ends.load(Ordering::Relaxed) && held.is_empty() {
                        return;
                    }
                    let wait = held.next_us().map_or(LOOK_AROUND, |next| {
                        Duration::from_micros(next.saturating_sub(now_us)).min(LOOK_AROUND)
                    });
                    drop(
                        self.woken
                            .wait_timeout(held, wait.max(Duration::from_micros(200))),
                    );
                    continue;
                }
            }
            self.send(&mut due);
            due.clear();
        }
    }

    /// Ends the receiving threads.
    pub fn end_receiving(&self) {
        self.receiving_ends.store(true, Ordering::Relaxed);
    }

    /// Ends the holding thread once the last held Reject has left; to be called when nothing is
    /// judged any more.
    pub fn end_holding(&self) {
        self.holding_ends.store(true, Ordering::Relaxed);
        self.woken.notify_all();
    }

    /// The number of a path; that of its bare socket if there are too many.
    fn path(&self, socket: usize, local: Option<Local>) -> u16 {
        let path = Path { socket, local };
        let mut paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        let known = paths.iter().position(|known| known.same_as(&path));
        let number = known.unwrap_or_else(|| {
            if paths.len() >= PATHS_MAX {
                return socket;
            }
            paths.push(path);
            paths.len() - 1
        });
        u16::try_from(number).unwrap_or(0)
    }

    fn send(&self, answers: &mut [Answer]) {
        // Neighbours on the same way leave together; the order of replies means nothing.
        answers.sort_unstable_by_key(|answer| (answer.peer, answer.socket, answer.octets.len()));
        let paths = self
            .paths
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        for (number, socket) in self.sockets.iter().enumerate() {
            let batch: Vec<Outgoing<'_>> = answers
                .iter()
                .filter_map(|answer| {
                    let path = paths.get(usize::from(answer.socket))?;
                    (path.socket == number).then_some(Outgoing {
                        octets: &answer.octets,
                        peer: answer.peer,
                        local: path.local,
                    })
                })
                .collect();
            if !batch.is_empty() {
                socket.send(&batch);
            }
        }
    }

    fn dispatch(&self, answer: Answer, now: Now) {
        if answer.leave_us <= now.mono_us {
            self.outgoing
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(answer);
        } else {
            self.hold_back(answer);
        }
    }

    fn hold_back(&self, answer: Answer) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.insert(answer.leave_us, answer).is_err() {
            // Never sent early: the gateway asks again, and meets the same verdict.
            self.wheel_full.up();
        }
        drop(held);
        self.woken.notify_one();
    }
}

impl Answers for Front {
    fn verdict(&self, ticket: Ticket, attempt: &Attempt, known: bool, verdict: &Verdict) {
        let now = self.clock.now();
        if matches!(verdict, Verdict::Reject { .. }) {
            self.alarms.rejected(&attempt.gateway.name, now);
        }
        tell(
            attempt,
            known,
            verdict,
            now.mono_us.saturating_sub(attempt.received.mono_us),
        );
        let ticket = access::Ticket::from_parts(ticket.0);
        let answer = self.access().answer(ticket, verdict, now);
        if let Some(answer) = answer {
            self.dispatch(answer, now);
        }
    }

    fn nothing(&self, ticket: Ticket, attempt: &Attempt) {
        let ticket = access::Ticket::from_parts(ticket.0);
        if !attempt.gateway.reject_on_internal_error {
            self.access().abandon(ticket);
            return;
        }
        let verdict = Verdict::Reject {
            reason: Reason::Internal,
            message: Message::Denied.into(),
        };
        let answer = self.access().answer(ticket, &verdict, self.clock.now());
        // Through the wheel even if it is late: this may not be the writer's thread, which flushes.
        if let Some(answer) = answer {
            self.hold_back(answer);
        }
    }

    fn recorded(&self, origin: &Origin, event: &Event, seq: u64) {
        self.alarms.event(origin, event, seq, self.clock.now());
    }

    fn flush(&self, spent: &mut Vec<SecretBytes>) {
        self.access().reuse(spent);
        let mut ready =
            std::mem::take(&mut *self.outgoing.lock().unwrap_or_else(PoisonError::into_inner));
        if !ready.is_empty() {
            self.send(&mut ready);
        }
    }
}

/// One line a verdict. What a stranger can bring about without being counted is rate-limited.
fn tell(attempt: &Attempt, known: bool, verdict: &Verdict, us: u64) {
    let id = attempt.id();
    let gateway = &*attempt.gateway.name;
    let user = Shown { attempt, known };
    match verdict {
        Verdict::Accept { how, .. } => {
            let (how_name, token) = (how.name(), Used(how.token()));
            info_always!(
                "accept attempt={id} user={user} gateway={gateway} how={how_name}{token} us={us}"
            );
        }
        Verdict::Reject { reason, .. } => {
            let name = reason.name();
            let counted = matches!(
                reason,
                Reason::BadCode | Reason::BadPin | Reason::NoPin | Reason::BadPassword
            );
            if counted {
                info_always!(
                    "reject attempt={id} user={user} gateway={gateway} reason={name} us={us}"
                );
            } else {
                info!("reject attempt={id} user={user} gateway={gateway} reason={name} us={us}");
            }
        }
        Verdict::Challenge { message, question } => {
            let kind = message.message.id();
            if question.held {
                info!("challenge attempt={id} user={user} gateway={gateway} kind={kind} us={us}");
            } else {
                info_always!(
                    "challenge attempt={id} user={user} gateway={gateway} kind={kind} us={us}"
                );
            }
        }
    }
}

/// The token that was used, if one was; written only if the line is.
struct Used(Option<TokenId>);

impl fmt::Display for Used {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(token) => write!(f, " token={token}"),
            None => Ok(()),
        }
    }
}

/// The name of a known person; of anybody else a pseudonym: people type passwords there.
struct Shown<'a> {
    attempt: &'a Attempt,
    known: bool,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.attempt.user {
            Some(user) if self.known => f.write_str(user),
            _ => write!(f, "~{}", self.attempt.pseudonym),
        }
    }
}
