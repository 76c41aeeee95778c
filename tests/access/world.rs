//! One daemon's door, a gateway before it, and requests to knock with.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mfad::access::{
    Access, Action, Answer, DropReason, Gateway, GatewayStatistics, GatewayTable, Keys, Limits,
    Ticket,
};
use mfad::domain::attempt::Attempt;
use mfad::domain::policy::{FirstFactorBy, GatewayPolicy, Otherwise, PasscodeForm};
use mfad::domain::verdict::{How, Message, Reason, Verdict};
use mfad::domain::wording::Said;
use mfad::radius::{AttributeType, Code, KeyedSecret, Packet, RequestBuilder, encode};
use mfad::secret::SecretKey;
use mfad::time::{Now, Timestamp};

pub(super) const SECRET: &[u8] = b"a shared secret of the tests";
pub(super) const ACCEPT: Verdict = Verdict::Accept {
    how: How::PolicyPassthrough,
    message: None,
};
pub(super) const REJECT: Verdict = Verdict::Reject {
    reason: Reason::BadCode,
    message: Said {
        message: Message::Denied,
        text: Cow::Borrowed("Access denied."),
    },
};

/// vpn1 signs, vpn2 need not and is a network, vpn6 has an IPv6 address.
pub(super) fn gateways() -> Vec<Gateway> {
    let strict = |name, network| gateway(name, network, true);
    vec![
        strict("vpn1", "192.0.2.10"),
        gateway("vpn2", "198.51.100.0/24", false),
        strict("vpn6", "2001:db8::5"),
    ]
}

pub(super) fn gateway(name: &str, network: &str, require_message_authenticator: bool) -> Gateway {
    Gateway {
        policy: Arc::new(GatewayPolicy {
            name: Arc::from(name),
            first_factor: FirstFactorBy::Gateway,
            passcode: PasscodeForm::Otp,
            challenge: false,
            unknown_user: Otherwise::Reject,
            unenrolled: Otherwise::Reject,
            allow_passthrough: false,
            allowed_kinds: None,
            helpful: false,
            show_accept_message: true,
            strip_domain: vec!["CORP".to_owned()],
            same_code_grace: Duration::ZERO,
            reject_delay: Duration::from_secs(1),
            reject_on_internal_error: false,
        }),
        networks: vec![network.parse().unwrap()],
        secret: KeyedSecret::new(SECRET),
        require_message_authenticator,
        attributes: vec![encode("Class", "staff").unwrap()],
    }
}

/// The daemon's side and one gateway's address.
pub(super) struct World {
    pub(super) access: Access,
    pub(super) peer: SocketAddr,
    pub(super) now: Now,
    pub(super) scratch: Vec<u8>,
}

/// What came of a datagram.
#[derive(Debug, PartialEq)]
pub(super) enum Seen {
    Drop(DropReason),
    Resend(Vec<u8>),
    Reply(Vec<u8>),
    Attempt(Ticket),
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(gateways(), Limits::default())
    }

    pub(super) fn with(gateways: Vec<Gateway>, limits: Limits) -> Self {
        let keys = Keys {
            hash: [1; 16],
            pseudonym: SecretKey::new([2; 32]),
        };
        Self {
            access: Access::new(GatewayTable::new(gateways).unwrap(), limits, keys),
            peer: "192.0.2.10:40000".parse().unwrap(),
            now: Now::at(Timestamp(1_700_000_000_000)),
            scratch: Vec::new(),
        }
    }

    pub(super) fn from(mut self, peer: &str) -> Self {
        self.peer = peer.parse().unwrap();
        self
    }

    pub(super) fn pass(&mut self, ms: u64) {
        self.now = self.now.after(Duration::from_millis(ms));
    }

    pub(super) fn action(&mut self, datagram: &[u8]) -> Action {
        let (access, scratch) = (&mut self.access, &mut self.scratch);
        access.receive(datagram, self.peer, 0, self.now, scratch)
    }

    pub(super) fn send(&mut self, datagram: &[u8]) -> Seen {
        match self.action(datagram) {
            Action::Drop(reason) => Seen::Drop(reason),
            Action::Resend { octets } => Seen::Resend(octets.to_vec()),
            Action::Reply => Seen::Reply(self.scratch.clone()),
            Action::Attempt { ticket, .. } => Seen::Attempt(ticket),
        }
    }

    pub(super) fn attempt(&mut self, datagram: &[u8]) -> (Attempt, Ticket) {
        match self.action(datagram) {
            Action::Attempt { attempt, ticket } => (attempt, ticket),
            Action::Drop(reason) => panic!("dropped: {reason}"),
            _ => panic!("no attempt"),
        }
    }

    pub(super) fn ticket(&mut self, datagram: &[u8]) -> Ticket {
        self.attempt(datagram).1
    }

    pub(super) fn answer(&mut self, ticket: Ticket, verdict: &Verdict) -> Option<Answer> {
        self.access.answer(ticket, verdict, self.now)
    }

    pub(super) fn counts(&self, name: &str) -> GatewayStatistics {
        self.access.gateway_statistics(name).unwrap().clone()
    }
}

/// A request in the making.
pub(super) struct Login {
    pub(super) identifier: u8,
    pub(super) authenticator: [u8; 16],
    pub(super) secret: &'static [u8],
    pub(super) signed: bool,
    pub(super) password: Option<&'static [u8]>,
    pub(super) attributes: Vec<(u8, Vec<u8>)>,
}

pub(super) fn login() -> Login {
    Login {
        identifier: 7,
        authenticator: [9; 16],
        secret: SECRET,
        signed: true,
        password: Some(b"123456"),
        attributes: vec![(1, b"alice".to_vec())],
    }
}

impl Login {
    pub(super) fn with(mut self, kind: u8, value: &[u8]) -> Self {
        self.attributes.push((kind, value.to_vec()));
        self
    }

    pub(super) fn octets(&self) -> Vec<u8> {
        let mut buffer = Vec::new();
        let mut request =
            RequestBuilder::access_request(self.identifier, &self.authenticator, &mut buffer);
        for (kind, value) in &self.attributes {
            request.attribute(AttributeType(*kind), value).unwrap();
        }
        if let Some(password) = self.password {
            request.user_password(password, self.secret).unwrap();
        }
        if self.signed {
            request.message_authenticator().unwrap();
        }
        request.finish(self.secret).to_vec()
    }
}

/// Checks a reply as a careful gateway does and gives its code and attributes.
pub(super) fn read(reply: &[u8], authenticator: &[u8; 16]) -> (Code, Vec<(u8, Vec<u8>)>) {
    let packet = Packet::decode(reply).unwrap();
    let check = packet.check_reply(SECRET, authenticator);
    assert!(check.is_authentic() && check.message_authenticator_first);
    let rest = packet.attributes().skip(1);
    let attributes = rest.map(|it| (it.kind.0, it.value.to_vec())).collect();
    (packet.code(), attributes)
}

pub(super) fn owned(attributes: &[(u8, &[u8])]) -> Vec<(u8, Vec<u8>)> {
    attributes
        .iter()
        .map(|(kind, value)| (*kind, value.to_vec()))
        .collect()
}

/// A Status-Server.
pub(super) fn status(identifier: u8) -> Vec<u8> {
    let mut buffer = Vec::new();
    let mut request = RequestBuilder::status_server(identifier, &[3; 16], &mut buffer);
    request.message_authenticator().unwrap();
    request.finish(SECRET).to_vec()
}
