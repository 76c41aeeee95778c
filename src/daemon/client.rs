//! A RADIUS client that behaves like a gateway: for the demo and for `mfad --try`.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::radius::{
    AttributeType, BuildError, Code, MessageAuthenticatorCheck, Packet, RequestBuilder,
};
use crate::secret::SecretBytes;

/// A gateway's end of a shared secret.
pub struct Client {
    socket: UdpSocket,
    secret: SecretBytes,
    identifier: u8,
    patience: Duration,
}

/// What came back.
pub struct Reply {
    /// Accept, Reject or Challenge.
    pub code: Code,
    /// The datagram.
    pub octets: Vec<u8>,
    /// Reply-Message, if it is text.
    pub message: Option<String>,
    /// The reply proves that the server knows the secret, by both ways.
    pub authentic: bool,
    /// The Message-Authenticator is there, right and first.
    pub message_authenticator_first: bool,
    /// From sending to receiving.
    pub took: Duration,
}

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The system.
    #[error("{0}")]
    System(#[from] std::io::Error),
    /// The request cannot be written.
    #[error("the request cannot be written: {0}")]
    Build(#[from] BuildError),
    /// Nothing came within the time.
    #[error("no answer from {server} within {seconds} s")]
    Silent {
        /// Who was asked.
        server: SocketAddr,
        /// How long.
        seconds: u64,
    },
    /// No random octets.
    #[error("the system gives no random octets")]
    Random,
}

impl Client {
    /// A client of `server`.
    ///
    /// # Errors
    /// What the system said.
    pub fn new(server: SocketAddr, secret: SecretBytes) -> Result<Self, ClientError> {
        let any: SocketAddr = if server.is_ipv4() {
            SocketAddr::from(([0, 0, 0, 0], 0))
        } else {
            SocketAddr::from(([0_u16; 8], 0))
        };
        let socket = UdpSocket::bind(any)?;
        socket.connect(server)?;
        Ok(Self {
            socket,
            secret,
            identifier: 0,
            patience: Duration::from_secs(8),
        })
    }

    /// Writes an Access-Request for this user and passcode.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn request(&mut self, user: &str, passcode: &[u8]) -> Result<Vec<u8>, ClientError> {
        self.identifier = self.identifier.wrapping_add(1);
        let authenticator = crate::sys::random::array().map_err(|_| ClientError::Random)?;
        let mut octets = Vec::new();
        let mut request =
            RequestBuilder::access_request(self.identifier, &authenticator, &mut octets);
        request.message_authenticator()?;
        request.attribute(AttributeType::USER_NAME, user.as_bytes())?;
        request.user_password(passcode, self.secret.expose())?;
        request.attribute(AttributeType::NAS_IDENTIFIER, b"mfad-client")?;
        let _ = request.finish(self.secret.expose());
        Ok(octets)
    }

    /// Sends a request and waits for its reply; sends it once more half way through.
    ///
    /// # Errors
    /// [`ClientError`].
    #[expect(
        clippy::disallowed_methods,
        reason = "a client measures what a person waits"
    )]
    pub fn exchange(&self, request: &[u8]) -> Result<Reply, ClientError> {
        let sent = Instant::now();
        let mut octets = [0; 4096];
        self.socket.send(request)?;
        let mut repeated = false;
        loop {
            let left = self.patience.saturating_sub(sent.elapsed());
            if left.is_zero() {
                let server = self.socket.peer_addr()?;
                return Err(ClientError::Silent {
                    server,
                    seconds: self.patience.as_secs(),
                });
            }
            self.socket
                .set_read_timeout(Some(left.min(self.patience / 2)))?;
            match self.socket.recv(&mut octets) {
                Ok(length) => {
                    let received = octets.get(..length).unwrap_or_default();
                    if let Some(reply) = self.read(request, received, sent.elapsed()) {
                        return Ok(reply);
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock && !repeated => {
                    self.socket.send(request)?;
                    repeated = true;
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Reads a reply to this request; none if it is one to another.
    fn read(&self, request: &[u8], received: &[u8], took: Duration) -> Option<Reply> {
        let asked = Packet::decode(request).ok()?;
        let reply = Packet::decode(received).ok()?;
        if reply.identifier() != asked.identifier() {
            return None;
        }
        let check = reply.check_reply(self.secret.expose(), asked.authenticator());
        let signed = check.message_authenticator == MessageAuthenticatorCheck::Right;
        let message = reply
            .first(AttributeType::REPLY_MESSAGE)
            .and_then(|text| String::from_utf8(text.to_vec()).ok());
        Some(Reply {
            code: reply.code(),
            octets: reply.octets().to_vec(),
            message,
            authentic: check.response_authenticator && signed,
            message_authenticator_first: signed && check.message_authenticator_first,
            took,
        })
    }
}
