//! How many Status-Server requests are answered.
//!
//! The same 256 requests again and again: they are prepared once, and so is the proof that an answer
//! is right, so that this side is not what is measured.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mfad::radius::{Packet, RequestBuilder};
use mfad::server::udp::socket::{Outgoing, ReceiveBatch, Socket};
use mfad::sys::random;

use crate::gateway::IN_FLIGHT_MAX;
use crate::instance::OTP;
use crate::{Failure, Setting};

/// How long is waited for an answer before all requests are sent anew.
const LOST_AFTER: Duration = Duration::from_millis(200);

/// What came of a run.
pub(crate) struct Answered {
    /// Authentic answers.
    pub(crate) answers: f64,
    /// Others.
    pub(crate) wrong: u64,
}

/// A request and, once it was proven authentic, its answer: nothing in an answer is random.
struct Asked {
    request: Vec<u8>,
    authenticator: [u8; 16],
    answer: Option<Vec<u8>>,
}

/// Keeps all requests on their way.
pub(crate) fn flood(server: SocketAddr, setting: &Setting) -> Result<Answered, Failure> {
    let socket = Socket::bind(SocketAddr::from((OTP.address, 0)))?;
    let mut asked = (0..=u8::MAX)
        .take(setting.in_flight.min(IN_FLIGHT_MAX))
        .map(ask)
        .collect::<Result<Vec<_>, _>>()?;
    let mut batch = ReceiveBatch::new();
    let mut next: Vec<u8> = Vec::new();
    let mut answered = Answered {
        answers: 0.0,
        wrong: 0,
    };
    let began = Instant::now();
    send(&socket, server, asked.iter());
    while began.elapsed() < setting.span {
        if socket.receive(&mut batch, LOST_AFTER)? == 0 {
            send(&socket, server, asked.iter());
            continue;
        }
        next.clear();
        for datagram in batch.iter() {
            let identifier = datagram.octets.get(1).copied().unwrap_or(0);
            let Some(one) = asked.get_mut(usize::from(identifier)) else {
                continue;
            };
            if one.is_answered_by(datagram.octets) {
                answered.answers += 1.0;
            } else {
                answered.wrong += 1;
            }
            next.push(identifier);
        }
        let again = next.iter().filter_map(|at| asked.get(usize::from(*at)));
        send(&socket, server, again);
    }
    Ok(answered)
}

fn send<'a>(socket: &Socket, server: SocketAddr, requests: impl Iterator<Item = &'a Asked>) {
    let outgoing: Vec<Outgoing<'_>> = requests
        .map(|asked| Outgoing {
            octets: &asked.request,
            peer: server,
            local: None,
        })
        .collect();
    socket.send(&outgoing);
}

fn ask(identifier: u8) -> Result<Asked, Failure> {
    let authenticator = random::array()?;
    let mut request = Vec::new();
    let mut builder = RequestBuilder::status_server(identifier, &authenticator, &mut request);
    builder.message_authenticator()?;
    let _ = builder.finish(OTP.secret.as_bytes());
    Ok(Asked {
        request,
        authenticator,
        answer: None,
    })
}

impl Asked {
    fn is_answered_by(&mut self, octets: &[u8]) -> bool {
        if let Some(answer) = &self.answer {
            return answer == octets;
        }
        let authentic = Packet::decode(octets).is_ok_and(|reply| {
            reply
                .check_reply(OTP.secret.as_bytes(), &self.authenticator)
                .is_authentic()
        });
        if authentic {
            self.answer = Some(octets.to_vec());
        }
        authentic
    }
}
