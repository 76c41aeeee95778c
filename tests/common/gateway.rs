//! A gateway: sends requests, sends them again, and believes no reply that it cannot verify.
//!
//! Replies are checked here by hand (MD5 and HMAC-MD5 over the octets), not by the code under test.
//! Each one must begin with its Message-Authenticator, so that every test that logs anybody in
//! proves this too.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};

use mfad::radius::{AttributeType, Packet, RequestBuilder};

pub(crate) const ACCEPT: u8 = 2;
pub(crate) const REJECT: u8 = 3;
pub(crate) const CHALLENGE: u8 = 11;
/// Type of the Message-Authenticator.
const SIGNATURE: u8 = 80;
/// Where the first attribute of a packet begins.
pub(crate) const HEADER: usize = 20;

/// How long a gateway waits before it sends a request again, and how often it does.
const AGAIN_AFTER: Duration = Duration::from_millis(1500);
const TRIES: usize = 6;

/// A gateway of the site.
#[derive(Clone)]
pub(crate) struct Gateway {
    pub(crate) source: IpAddr,
    pub(crate) server: SocketAddr,
    pub(crate) secret: String,
}

/// One port of a gateway.
pub(crate) struct Port {
    pub(crate) socket: UdpSocket,
    secret: Vec<u8>,
    identifier: u8,
}

/// A verified reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) code: u8,
    pub(crate) octets: Vec<u8>,
}

impl Reply {
    /// What stands at the prompt.
    #[track_caller]
    pub(crate) fn words(&self) -> String {
        String::from_utf8(self.attribute(AttributeType::REPLY_MESSAGE)).unwrap()
    }

    /// What goes back with the answer to it.
    #[track_caller]
    pub(crate) fn state(&self) -> Vec<u8> {
        assert_eq!(self.code, CHALLENGE);
        self.attribute(AttributeType::STATE)
    }

    #[track_caller]
    fn attribute(&self, kind: AttributeType) -> Vec<u8> {
        let packet = Packet::decode(&self.octets).unwrap();
        packet.first(kind).unwrap().to_vec()
    }
}

impl Gateway {
    /// A new source port.
    pub(crate) fn port(&self) -> Port {
        let socket = UdpSocket::bind((self.source, 0)).unwrap();
        socket.connect(self.server).unwrap();
        Port {
            socket,
            secret: self.secret.as_bytes().to_vec(),
            identifier: 0,
        }
    }

    /// Logs somebody in from a new port; whether they are let in.
    pub(crate) fn login(&self, user: &str, passcode: &str) -> bool {
        self.port().login(user, passcode)
    }

    /// A new request of somebody who comes from this station, and the port to send it from.
    pub(crate) fn request_from(
        &self,
        station: &str,
        user: &str,
        passcode: &str,
    ) -> (Port, Vec<u8>) {
        let mut port = self.port();
        let request = port.build(|request, secret| {
            request.message_authenticator().unwrap();
            for (kind, text) in [
                (AttributeType::USER_NAME, user),
                (AttributeType::CALLING_STATION_ID, station),
            ] {
                request.attribute(kind, text.as_bytes()).unwrap();
            }
            request.user_password(passcode.as_bytes(), secret).unwrap();
        });
        (port, request)
    }

    #[track_caller]
    pub(crate) fn lets_in(&self, user: &str, passcode: &str) {
        assert!(self.login(user, passcode), "{user} must be let in");
    }

    #[track_caller]
    pub(crate) fn keeps_out(&self, user: &str, passcode: &str) {
        assert!(!self.login(user, passcode), "{user} must be kept out");
    }
}

impl Port {
    pub(crate) fn secret(&self) -> &[u8] {
        &self.secret
    }

    /// A PAP request, the Message-Authenticator first.
    pub(crate) fn request(&mut self, user: &str, passcode: &str) -> Vec<u8> {
        self.build(|request, secret| {
            request.message_authenticator().unwrap();
            request
                .attribute(AttributeType::USER_NAME, user.as_bytes())
                .unwrap();
            request.user_password(passcode.as_bytes(), secret).unwrap();
        })
    }

    /// The answer to the question with this State.
    pub(crate) fn answer(&mut self, user: &str, state: &[u8], typed: &str) -> Vec<u8> {
        self.build(|request, secret| {
            request.message_authenticator().unwrap();
            for (kind, value) in [
                (AttributeType::USER_NAME, user.as_bytes()),
                (AttributeType::STATE, state),
            ] {
                request.attribute(kind, value).unwrap();
            }
            request.user_password(typed.as_bytes(), secret).unwrap();
        })
    }

    /// A request with whatever is wanted in it.
    pub(crate) fn build(&mut self, fill: impl FnOnce(&mut RequestBuilder<'_>, &[u8])) -> Vec<u8> {
        self.identifier = self.identifier.wrapping_add(1);
        let authenticator = mfad::sys::random::array().unwrap();
        let mut octets = Vec::new();
        let mut request =
            RequestBuilder::access_request(self.identifier, &authenticator, &mut octets);
        fill(&mut request, &self.secret);
        let _ = request.finish(&self.secret);
        octets
    }

    pub(crate) fn login(&mut self, user: &str, passcode: &str) -> bool {
        let request = self.request(user, passcode);
        let reply = self.ask(&request);
        assert!(
            reply.code == ACCEPT || reply.code == REJECT,
            "code {}",
            reply.code
        );
        reply.code == ACCEPT
    }

    /// Sends a request, again if there is no answer, and gives the reply.
    pub(crate) fn ask(&self, request: &[u8]) -> Reply {
        self.ask_for(request, TRIES, AGAIN_AFTER)
            .expect("an answer")
    }

    /// Waits for the reply to a request that was sent; asks again if none comes.
    pub(crate) fn await_or_ask(&self, request: &[u8]) -> Reply {
        self.hear(request, AGAIN_AFTER)
            .unwrap_or_else(|| self.ask(request))
    }

    /// Collects the replies to many requests that were sent, each with an identifier of its own;
    /// sends those again that are not answered.
    pub(crate) fn collect(
        &self,
        requests: &[Vec<u8>],
        answered: &mut [bool],
        mut each: impl FnMut(usize, &Reply),
    ) {
        let mut octets = [0; 4096];
        self.socket.set_read_timeout(Some(AGAIN_AFTER)).unwrap();
        let mut tries = 0;
        while answered.contains(&false) && tries < TRIES {
            let Ok(length) = self.socket.recv(&mut octets) else {
                tries += 1;
                let missing = requests
                    .iter()
                    .zip(&*answered)
                    .filter(|(_, answered)| !**answered);
                for (request, _) in missing {
                    let _ = self.socket.send(request);
                }
                continue;
            };
            // A late second answer to something that was sent before is none to these.
            let reply = &octets[..length];
            let asked = |request: &Vec<u8>| {
                request[1] == octets[1] && answers(reply, request, &self.secret)
            };
            let Some(at) = requests.iter().position(asked) else {
                continue;
            };
            if !answered[at] {
                answered[at] = true;
                each(at, &verified(&requests[at], reply, &self.secret));
            }
        }
    }

    /// The same with a bound; none: no answer.
    pub(crate) fn ask_for(&self, request: &[u8], tries: usize, each: Duration) -> Option<Reply> {
        for _ in 0..tries {
            // A daemon that is not there shows as an error of the send or the receive.
            let _ = self.socket.send(request);
            if let Some(reply) = self.hear(request, each) {
                return Some(reply);
            }
        }
        None
    }

    /// Waits for the reply to a request that was sent.
    pub(crate) fn hear(&self, request: &[u8], within: Duration) -> Option<Reply> {
        let end = Instant::now() + within;
        let mut octets = [0; 4096];
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            self.socket.set_read_timeout(Some(left)).unwrap();
            match self.socket.recv(&mut octets) {
                Ok(length) if octets[1] == request[1] => {
                    return Some(verified(request, &octets[..length], &self.secret));
                }
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                    std::thread::sleep(Duration::from_millis(20).min(left));
                }
                Ok(_) | Err(_) => {}
            }
        }
    }

    /// Nothing comes back within `within`, not even an error of the network.
    pub(crate) fn is_silent(&self, request: &[u8], within: Duration) -> bool {
        self.socket.send(request).unwrap();
        self.socket.set_read_timeout(Some(within)).unwrap();
        let silent = self.socket.recv(&mut [0; 4096]);
        silent.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    }
}

/// Checks a reply by both of its signatures.
#[track_caller]
pub(crate) fn verified(request: &[u8], reply: &[u8], secret: &[u8]) -> Reply {
    assert!(reply.len() >= HEADER, "a whole header");
    let length = usize::from(u16::from_be_bytes([reply[2], reply[3]]));
    assert_eq!(length, reply.len(), "the length of the reply");
    assert_eq!(reply[1], request[1], "the identifier");
    assert!(
        answers(reply, request, secret),
        "the Response Authenticator"
    );
    // RFC 3579 s3.2: HMAC-MD5 of the reply with the Request Authenticator in it. First, because of
    // CVE-2024-3596.
    assert_eq!(
        reply.get(HEADER..HEADER + 2),
        Some(&[SIGNATURE, 18][..]),
        "signed, and first"
    );
    let mut unsigned = reply.to_vec();
    unsigned[4..HEADER].copy_from_slice(&request[4..HEADER]);
    unsigned[HEADER + 2..HEADER + 18].fill(0);
    assert_eq!(
        signature(&unsigned, secret)[..],
        reply[HEADER + 2..HEADER + 18],
        "signed rightly"
    );
    Reply {
        code: reply[0],
        octets: reply.to_vec(),
    }
}

/// Whether a reply was made for this request, by its Response Authenticator.
// RFC 2865 s3: MD5 of the reply with the Request Authenticator in it, and the secret.
pub(crate) fn answers(reply: &[u8], request: &[u8], secret: &[u8]) -> bool {
    if reply.len() < HEADER || request.len() < HEADER {
        return false;
    }
    let expected = Md5::new()
        .chain_update(&reply[..4])
        .chain_update(&request[4..HEADER])
        .chain_update(&reply[HEADER..])
        .chain_update(secret)
        .finalize();
    expected[..] == reply[4..HEADER]
}

/// HMAC-MD5 over a packet whose Message-Authenticator is zero.
pub(crate) fn signature(packet: &[u8], secret: &[u8]) -> [u8; 16] {
    let mut mac = Hmac::<Md5>::new_from_slice(secret).unwrap();
    mac.update(packet);
    mac.finalize().into_bytes().into()
}
