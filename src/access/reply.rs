//! From a verdict to a signed reply.
//!
//! Proxy-State follows the Message-Authenticator at once, so that it fits whenever the request did;
//! an Accept whose attributes do not fit is not sent, because a gateway would let the user in without
//! them.

use std::net::SocketAddr;
use std::sync::Arc;

use super::gateway::Gateway;
use crate::domain::verdict::{Question, Verdict};
use crate::radius::{AttributeType, BuildError, HEADER_OCTETS, Packet, ReplyBuilder};

/// What is kept of a request until it is answered.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) gateway: Arc<Gateway>,
    pub(super) peer: SocketAddr,
    /// When it came, on the monotonic clock.
    pub(super) received_us: u64,
    /// What its reply needs of it.
    pub(super) asked: Asked,
}

/// What a reply needs of its request.
#[derive(Debug)]
pub(super) struct Asked {
    identifier: u8,
    authenticator: [u8; 16],
    /// Values of its Proxy-States, which few requests have.
    proxy_states: Box<[Box<[u8]>]>,
}

impl Asked {
    pub(super) fn of(request: &Packet<'_>) -> Self {
        let proxy_states = request.all(AttributeType::PROXY_STATE);
        Self {
            identifier: request.identifier(),
            authenticator: *request.authenticator(),
            proxy_states: proxy_states.map(Box::from).collect(),
        }
    }

    /// Octets it takes, for the bounds of the cache.
    pub(super) fn octets(&self) -> usize {
        let values = self.proxy_states.iter();
        HEADER_OCTETS + values.map(|value| 2 + value.len()).sum::<usize>()
    }
}

/// What a reply says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Saying<'a> {
    pub(super) kind: ReplyKind,
    pub(super) message: Option<&'a str>,
}

/// Which reply it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyKind {
    /// Access-Accept.
    Accept,
    /// Access-Reject.
    Reject,
    /// Access-Challenge, with this question.
    Challenge(Question),
}

impl ReplyKind {
    /// The reply that tells of `verdict`.
    pub(super) const fn of(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Accept { .. } => Self::Accept,
            Verdict::Reject { .. } => Self::Reject,
            Verdict::Challenge { question, .. } => Self::Challenge(*question),
        }
    }
}

/// The text of a verdict's message.
pub(super) fn message(verdict: &Verdict) -> Option<&str> {
    match verdict {
        Verdict::Accept { message, .. } => message.as_ref().map(|said| &*said.text),
        Verdict::Reject { message, .. } | Verdict::Challenge { message, .. } => Some(&message.text),
    }
}

/// Builds and signs the reply to a request.
pub(super) fn write<'b>(
    asked: &Asked,
    gateway: &Gateway,
    saying: Saying<'_>,
    buffer: &'b mut Vec<u8>,
) -> Result<&'b [u8], BuildError> {
    let begin = match saying.kind {
        ReplyKind::Accept => ReplyBuilder::accept,
        ReplyKind::Reject => ReplyBuilder::reject,
        ReplyKind::Challenge(_) => ReplyBuilder::challenge,
    };
    let mut reply = begin(asked.identifier, &asked.authenticator, buffer);
    reply.proxy_states(asked.proxy_states.iter().map(|value| &**value))?;
    // RFC 5080 s2.6.1: an Access-Reject carries no attributes of a service.
    if saying.kind == ReplyKind::Accept {
        for attribute in &gateway.attributes {
            reply.encoded(attribute)?;
        }
    }
    if let Some(message) = saying.message {
        reply.attribute(AttributeType::REPLY_MESSAGE, message.as_bytes())?;
    }
    if let ReplyKind::Challenge(question) = saying.kind {
        reply.attribute(AttributeType::STATE, question.handle.state().as_bytes())?;
        // RFC 2869 s5.10: 0 No Echo, 1 Echo.
        reply.integer(AttributeType::PROMPT, u32::from(question.echo))?;
        reply.integer(AttributeType::SESSION_TIMEOUT, question.seconds)?;
    }
    Ok(reply.finish(&gateway.secret))
}

/// Builds the answer to a Status-Server: an Accept that lets nobody in.
// RFC 5997 s3: an Access-Accept, with a Message-Authenticator.
pub(super) fn write_status<'b>(
    request: &Packet<'_>,
    gateway: &Gateway,
    buffer: &'b mut Vec<u8>,
) -> Result<&'b [u8], BuildError> {
    let mut reply = ReplyBuilder::accept(request.identifier(), request.authenticator(), buffer);
    reply.proxy_states(request.all(AttributeType::PROXY_STATE))?;
    Ok(reply.finish(&gateway.secret))
}
