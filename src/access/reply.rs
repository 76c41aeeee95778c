//! From a verdict to a signed reply.
//!
//! What a reply needs of its request is kept as a small packet of its own: the header and the
//! Proxy-States. Proxy-State follows the Message-Authenticator at once, so that it fits whenever the
//! request did; an Accept whose attributes do not fit is not sent, because a gateway would let the
//! user in without them.

use std::net::SocketAddr;
use std::sync::Arc;

use super::gateway::Gateway;
use crate::domain::verdict::Verdict;
use crate::radius::{AttributeType, BuildError, HEADER_OCTETS, Packet, ReplyBuilder};

/// What is kept of a request until it is answered.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) gateway: Arc<Gateway>,
    pub(super) peer: SocketAddr,
    /// When it came, on the monotonic clock.
    pub(super) received_us: u64,
    /// Its header and its Proxy-States.
    pub(super) request: Box<[u8]>,
}

/// What a reply says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Saying<'a> {
    pub(super) accepted: bool,
    pub(super) message: Option<&'a str>,
}

/// The text of a verdict's message.
pub(super) fn message(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Accept { message, .. } => message.map(|message| message.to_string()),
        Verdict::Reject { message, .. } => Some(message.to_string()),
    }
}

/// Cuts a request down to what its reply needs.
pub(super) fn essence(request: &Packet<'_>) -> Box<[u8]> {
    let kind = AttributeType::PROXY_STATE;
    let mut octets = Vec::with_capacity(HEADER_OCTETS);
    octets.extend(request.octets().iter().take(HEADER_OCTETS));
    for value in request.all(kind) {
        // A value has at most 253 octets and the packet no more than it had: the low octets do.
        let [.., length] = (value.len() + 2).to_be_bytes();
        octets.extend_from_slice(&[kind.0, length]);
        octets.extend_from_slice(value);
    }
    let [.., high, low] = octets.len().to_be_bytes();
    if let Some([_, _, length @ ..]) = octets.first_chunk_mut::<4>() {
        *length = [high, low];
    }
    octets.into()
}

/// Builds and signs the reply to a request.
pub(super) fn write<'b>(
    request: &Packet<'_>,
    gateway: &Gateway,
    saying: Saying<'_>,
    buffer: &'b mut Vec<u8>,
) -> Result<&'b [u8], BuildError> {
    let begin = if saying.accepted {
        ReplyBuilder::accept
    } else {
        ReplyBuilder::reject
    };
    let mut reply = begin(request.identifier(), request.authenticator(), buffer);
    reply.proxy_states(request)?;
    // RFC 5080 s2.6.1: an Access-Reject carries no attributes of a service.
    if saying.accepted {
        for attribute in &gateway.attributes {
            reply.encoded(attribute)?;
        }
    }
    if let Some(message) = saying.message {
        reply.attribute(AttributeType::REPLY_MESSAGE, message.as_bytes())?;
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
    reply.proxy_states(request)?;
    Ok(reply.finish(&gateway.secret))
}
