//! The gateway's side: requests in flight, replies proven authentic, time measured.
//!
//! [`flood`] keeps a fixed number of requests in flight and shows what the daemon can do.
//! [`pace`] sends one request at each beat, whether the one before was answered or not, and shows
//! what a person waits for.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use mfad::radius::{Code, Packet};
use mfad::server::udp::socket::{Outgoing, ReceiveBatch, Socket};

use crate::Failure;
use crate::people::{Form, People};
use crate::spread::Spread;

/// Requests in flight at most: identifiers of one socket.
pub(crate) const IN_FLIGHT_MAX: usize = 256;

/// Requests of one run at most.
const REQUESTS_MAX: usize = 20_000_000;

/// A request without an answer after so long is lost.
const LOST_AFTER: Duration = Duration::from_secs(3);

/// What came of a run.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Authentic Access-Accepts.
    pub(crate) accepted: Spread,
    /// Authentic answers that say no.
    pub(crate) refused: u64,
    /// Replies that prove nothing.
    pub(crate) forged: u64,
    /// Requests that nobody answered.
    pub(crate) lost: u64,
}

/// A request that waits for its answer.
struct Waiting {
    person: usize,
    authenticator: [u8; 16],
    sent: Instant,
}

/// Where to, from where, how.
#[derive(Clone, Copy)]
pub(crate) struct Line {
    pub(crate) from: Ipv4Addr,
    pub(crate) server: SocketAddr,
    pub(crate) form: Form,
}

/// Keeps `in_flight` requests on their way for `span`.
pub(crate) fn flood(
    line: Line,
    people: &mut People,
    in_flight: usize,
    span: Duration,
) -> Result<Outcome, Failure> {
    let socket = Socket::bind(SocketAddr::from((line.from, 0)))?;
    let mut waiting: Vec<Option<Waiting>> = (0..IN_FLIGHT_MAX).map(|_| None).collect();
    let mut requests: Vec<Vec<u8>> = vec![Vec::new(); IN_FLIGHT_MAX];
    let mut free: Vec<u8> = (0..=u8::MAX).rev().take(in_flight).collect();
    let mut fresh: Vec<u8> = Vec::with_capacity(in_flight);
    let mut batch = ReceiveBatch::new();
    let mut outcome = Outcome::default();
    let (began, mut sent, mut heard) = (Instant::now(), 0, Instant::now());
    loop {
        if began.elapsed() < span && sent < REQUESTS_MAX {
            fresh.clear();
            fresh.append(&mut free);
            sent += fresh.len();
            for identifier in &fresh {
                let at = usize::from(*identifier);
                let person = people.pick(line.form);
                let Some(octets) = requests.get_mut(at) else {
                    continue;
                };
                let authenticator = people.request(person, *identifier, line.form, octets)?;
                if let Some(place) = waiting.get_mut(at) {
                    *place = Some(Waiting {
                        person,
                        authenticator,
                        sent: Instant::now(),
                    });
                }
            }
            let outgoing: Vec<Outgoing<'_>> = fresh
                .iter()
                .filter_map(|identifier| requests.get(usize::from(*identifier)))
                .map(|octets| Outgoing {
                    octets,
                    peer: line.server,
                    local: None,
                })
                .collect();
            socket.send(&outgoing);
        } else if waiting.iter().all(Option::is_none) {
            outcome.accepted.took = heard.duration_since(began);
            break;
        }
        if socket.receive(&mut batch, Duration::from_millis(100))? > 0 {
            heard = Instant::now();
        } else if heard.elapsed() > LOST_AFTER {
            outcome.lost = waiting.iter().flatten().count().try_into()?;
            waiting
                .iter()
                .flatten()
                .for_each(|lost| people.done(lost.person));
            outcome.accepted.took = heard.duration_since(began);
            break;
        }
        for datagram in batch.iter() {
            let Some(identifier) = datagram.octets.get(1).copied() else {
                continue;
            };
            let place = waiting.get_mut(usize::from(identifier));
            let Some(answered) = place.and_then(Option::take) else {
                continue;
            };
            outcome.take(datagram.octets, &answered, line.form.secret, heard);
            people.done(answered.person);
            free.push(identifier);
        }
    }
    outcome.accepted.sort();
    Ok(outcome)
}

/// Sends a request at each beat of `rate` in a second for `span`.
pub(crate) fn pace(
    line: Line,
    people: &mut People,
    rate: u32,
    span: Duration,
) -> Result<Outcome, Failure> {
    let socket = UdpSocket::bind((line.from, 0))?;
    socket.connect(line.server)?;
    socket.set_read_timeout(Some(Duration::from_millis(100)))?;
    let waiting: Mutex<Vec<Option<Waiting>>> =
        Mutex::new((0..IN_FLIGHT_MAX).map(|_| None).collect());
    let over = AtomicBool::new(false);
    let (mut outcome, lost) = std::thread::scope(|scope| {
        let listener = scope.spawn(|| listen(&socket, &waiting, &over, line.form.secret));
        let lost = beat(line, people, &socket, &waiting, rate, span);
        over.store(true, Ordering::Relaxed);
        let outcome = listener
            .join()
            .map_err(|_| Failure::from("the listener has died"))?;
        Ok::<_, Failure>((outcome?, lost?))
    })?;
    let unanswered = waiting.into_inner().unwrap_or_else(PoisonError::into_inner);
    outcome.lost = lost + u64::try_from(unanswered.iter().flatten().count())?;
    outcome.accepted.took = span;
    outcome.accepted.sort();
    Ok(outcome)
}

/// The sending half; how many requests lost their identifier to a later one.
fn beat(
    line: Line,
    people: &mut People,
    socket: &UdpSocket,
    waiting: &Mutex<Vec<Option<Waiting>>>,
    rate: u32,
    span: Duration,
) -> Result<u64, Failure> {
    let mut octets = Vec::new();
    let (began, mut lost) = (Instant::now(), 0);
    let (mut identifier, mut beats) = (0_u8, 0_u32);
    while began.elapsed() < span {
        let person = people.pick(line.form);
        let authenticator = people.request(person, identifier, line.form, &mut octets)?;
        // Codes of one person stay in order on one socket, so nobody has to wait for an answer.
        people.done(person);
        beats += 1;
        let due = Duration::from_secs(1) * beats / rate.max(1);
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        let mut table = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = table.get_mut(usize::from(identifier)) {
            let before = place.replace(Waiting {
                person,
                authenticator,
                sent: Instant::now(),
            });
            lost += u64::from(before.is_some());
        }
        drop(table);
        socket.send(&octets)?;
        identifier = identifier.wrapping_add(1);
    }
    Ok(lost)
}

/// The receiving half; ends when nothing is to come any more.
fn listen(
    socket: &UdpSocket,
    waiting: &Mutex<Vec<Option<Waiting>>>,
    over: &AtomicBool,
    secret: &[u8],
) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    let (mut octets, mut heard) = ([0; 4096], Instant::now());
    loop {
        let length = match socket.recv(&mut octets) {
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                let table = waiting.lock().unwrap_or_else(PoisonError::into_inner);
                let idle = table.iter().all(Option::is_none) || heard.elapsed() > LOST_AFTER;
                if over.load(Ordering::Relaxed) && idle {
                    return Ok(outcome);
                }
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        heard = Instant::now();
        let received = octets.get(..length).unwrap_or_default();
        let Some(identifier) = received.get(1).copied() else {
            continue;
        };
        let mut table = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let answered = table
            .get_mut(usize::from(identifier))
            .and_then(Option::take);
        drop(table);
        let Some(answered) = answered else { continue };
        if !outcome.take(received, &answered, secret, heard) {
            // Perhaps an answer that is so late that another request has its identifier by now.
            let mut table = waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(place) = table.get_mut(usize::from(identifier)) {
                place.get_or_insert(answered);
            }
        }
    }
}

impl Outcome {
    /// Counts a reply; false if it does not prove that it answers this request.
    fn take(&mut self, octets: &[u8], answered: &Waiting, secret: &[u8], heard: Instant) -> bool {
        let Ok(reply) = Packet::decode(octets) else {
            self.forged += 1;
            return false;
        };
        if !reply
            .check_reply(secret, &answered.authenticator)
            .is_authentic()
        {
            self.forged += 1;
            return false;
        }
        if reply.code() == Code::AccessAccept {
            self.accepted.add(heard.duration_since(answered.sent));
        } else {
            self.refused += 1;
        }
        true
    }

    /// Says what did not go as it should.
    pub(crate) fn complaint(&self) -> Option<String> {
        let Self {
            refused,
            forged,
            lost,
            ..
        } = self;
        (refused + forged + lost > 0)
            .then(|| format!("{refused} refused, {forged} not authentic or too late, {lost} lost"))
    }
}
