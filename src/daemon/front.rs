//! The RADIUS front end: datagrams from the sockets to the engine, verdicts back.
//!
//! One thread a socket receives; the writer's thread sends what a batch has decided; one thread
//! holds Rejects until they may leave. What binds them is [`Front`], which owns the door between
//! datagrams and attempts and lends it to whoever needs it for a moment.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use crate::access::{self, Access, Action, Answer};
use crate::domain::attempt::Attempt;
use crate::domain::event::{Event, Origin};
use crate::domain::verdict::{Message, Reason, Verdict};
use crate::engine::count::Count;
use crate::engine::writer::Ticket;
use crate::engine::{Answers, Engine};
use crate::log::{info_always, warn};
use crate::server::udp::socket::{Local, Outgoing, ReceiveBatch, Socket};
use crate::server::udp::wheel::Wheel;
use crate::sys::clock::Clock;
use crate::time::Now;

/// How long a receiving thread waits before it looks whether it is to end.
const LOOK_AROUND: Duration = Duration::from_millis(200);

/// Pairs of socket and local address told apart; an answer to a further one leaves from whatever
/// address the system picks.
const PATHS_MAX: usize = 4_096;

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
    ending: AtomicBool,
    /// Told of every audited event but the verdicts.
    watcher: Box<dyn Fn(&Origin, &Event, u64) + Send + Sync>,
    /// Rejects that found the wheel full.
    pub wheel_full: Count,
}

/// A way in, and so the way out.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Path {
    socket: usize,
    local: Option<Local>,
}

impl Front {
    /// A front end over these sockets.
    pub fn new(
        access: Access,
        sockets: Vec<Socket>,
        clock: Arc<Clock>,
        rejects_max: usize,
        watcher: Box<dyn Fn(&Origin, &Event, u64) + Send + Sync>,
    ) -> Arc<Self> {
        // The first paths are the sockets without a known local address.
        let paths = (0..sockets.len()).map(|socket| Path { socket, local: None }).collect();
        Arc::new(Self {
            access: Mutex::new(access),
            sockets,
            paths: Mutex::new(paths),
            outgoing: Mutex::default(),
            held: Mutex::new(Wheel::new(rejects_max)),
            woken: Condvar::new(),
            clock,
            engine: OnceLock::new(),
            ending: AtomicBool::new(false),
            watcher,
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
        self.held.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Receives at one socket until [`Front::end`].
    pub fn receive(&self, socket: usize) {
        let Some(own) = self.sockets.get(socket) else { return };
        let mut batch = ReceiveBatch::new();
        let mut scratch = Vec::with_capacity(crate::radius::PACKET_OCTETS_MAX);
        let mut attempts = Vec::new();
        while !self.ending.load(Ordering::Relaxed) {
            match own.receive(&mut batch, LOOK_AROUND) {
                Ok(0) => continue,
                Ok(_) => {}
                Err(error) => {
                    warn!("a RADIUS socket cannot receive: {error}");
                    std::thread::sleep(LOOK_AROUND);
                    continue;
                }
            }
            let now = self.clock.now();
            {
                let mut access = self.access();
                for datagram in batch.iter() {
                    let path = self.path(Path { socket, local: datagram.local });
                    let action =
                        access.receive(datagram.octets, datagram.peer, path, now, &mut scratch);
                    let octets: &[u8] = match &action {
                        Action::Drop(_) => continue,
                        Action::Resend { octets } => octets,
                        Action::Reply => &scratch,
                        Action::Attempt { .. } => {
                            attempts.push(action);
                            continue;
                        }
                    };
                    let (peer, local) = (datagram.peer, datagram.local);
                    own.send(&[Outgoing { octets, peer, local }]);
                }
            }
            batch.wipe();
            let Some(engine) = self.engine.get() else { continue };
            for action in attempts.drain(..) {
                if let Action::Attempt { attempt, ticket } = action {
                    engine.submit(*attempt, Ticket(ticket.parts()));
                }
            }
        }
    }

    /// Sends Rejects when their time has come, until [`Front::end`].
    pub fn hold(&self) {
        let mut due = Vec::new();
        loop {
            {
                let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
                let now_us = self.clock.now().mono_us;
                held.due(now_us, &mut due);
                if due.is_empty() {
                    if self.ending.load(Ordering::Relaxed) && held.is_empty() {
                        return;
                    }
                    let wait = held.next_us().map_or(LOOK_AROUND, |next| {
                        Duration::from_micros(next.saturating_sub(now_us)).min(LOOK_AROUND)
                    });
                    drop(self.woken.wait_timeout(held, wait.max(Duration::from_micros(200))));
                    continue;
                }
            }
            self.send(&due);
            due.clear();
        }
    }

    /// Ends the threads; held Rejects still leave at their time.
    pub fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
        self.woken.notify_all();
    }

    /// The number of a path; that of its bare socket if there are too many.
    fn path(&self, path: Path) -> u16 {
        let mut paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        let known = paths.iter().position(|known| *known == path);
        let number = known.unwrap_or_else(|| {
            if paths.len() >= PATHS_MAX {
                return path.socket;
            }
            paths.push(path);
            paths.len() - 1
        });
        u16::try_from(number).unwrap_or(0)
    }

    fn send(&self, answers: &[Answer]) {
        let paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner).clone();
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
            self.outgoing.lock().unwrap_or_else(PoisonError::into_inner).push(answer);
            return;
        }
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
    fn verdict(&self, ticket: Ticket, attempt: &Attempt, verdict: &Verdict) {
        let now = self.clock.now();
        tell(attempt, verdict, now.mono_us.saturating_sub(attempt.received.mono_us));
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
        let verdict = Verdict::Reject { reason: Reason::Internal, message: Message::Denied };
        let now = self.clock.now();
        let answer = self.access().answer(ticket, &verdict, now);
        if let Some(answer) = answer {
            self.dispatch(answer, now);
        }
    }

    fn recorded(&self, origin: &Origin, event: &Event, seq: u64) {
        (self.watcher)(origin, event, seq);
    }

    fn flush(&self) {
        let ready =
            std::mem::take(&mut *self.outgoing.lock().unwrap_or_else(PoisonError::into_inner));
        if !ready.is_empty() {
            self.send(&ready);
        }
    }
}

/// One line a verdict.
fn tell(attempt: &Attempt, verdict: &Verdict, us: u64) {
    let id = attempt.id();
    let gateway = &*attempt.gateway.name;
    let unknown;
    let user: &str = match &attempt.user {
        Some(user) if !matches!(verdict, Verdict::Reject { reason: Reason::UnknownUser, .. }) => {
            user
        }
        _ => {
            unknown = format!("~{}", attempt.pseudonym);
            &unknown
        }
    };
    match verdict {
        Verdict::Accept { how, .. } => {
            let how_name = how.name();
            match how.token() {
                Some(token) => info_always!(
                    "accept attempt={id} user={user} gateway={gateway} how={how_name} \
                     token={token} us={us}"
                ),
                None => info_always!(
                    "accept attempt={id} user={user} gateway={gateway} how={how_name} us={us}"
                ),
            }
        }
        Verdict::Reject { reason, .. } => {
            let reason = reason.name();
            info_always!(
                "reject attempt={id} user={user} gateway={gateway} reason={reason} us={us}"
            );
        }
    }
}
