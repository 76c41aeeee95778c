//! Replies: always signed, the signature always first.
//!
//! There is no way to build an Accept, Reject or Challenge without a Message-Authenticator or with
//! one in another place: that is the whole defence of a gateway against forged replies
//! (CVE-2024-3596), and FortiGate and radcli insist on it. Nothing in a reply is random, so the same
//! calls give the same bytes, also after a restart.
//!
//! Which attributes suit which reply is the caller's to know; a Reject, for one, carries no service.

use super::accept_attribute::EncodedAttribute;
use super::authenticator::{SharedSecret, response_authenticator};
use super::dictionary::{AttributeType, Code};
use super::write::{BuildError, Writer};

/// A reply being written into the caller's buffer, which is cleared first and never grows past
/// [`PACKET_OCTETS_MAX`](super::PACKET_OCTETS_MAX) octets. A call that fails leaves the reply as it
/// was before the call.
#[must_use]
pub struct ReplyBuilder<'b> {
    writer: Writer<'b>,
    request_authenticator: [u8; 16],
}

impl<'b> ReplyBuilder<'b> {
    /// Begins an Access-Accept, which is the answer to a Status-Server as well.
    pub fn accept(
        identifier: u8,
        request_authenticator: &[u8; 16],
        buffer: &'b mut Vec<u8>,
    ) -> Self {
        Self::new(
            Code::AccessAccept,
            identifier,
            request_authenticator,
            buffer,
        )
    }

    /// Begins an Access-Reject.
    pub fn reject(
        identifier: u8,
        request_authenticator: &[u8; 16],
        buffer: &'b mut Vec<u8>,
    ) -> Self {
        Self::new(
            Code::AccessReject,
            identifier,
            request_authenticator,
            buffer,
        )
    }

    /// Begins an Access-Challenge.
    pub fn challenge(
        identifier: u8,
        request_authenticator: &[u8; 16],
        buffer: &'b mut Vec<u8>,
    ) -> Self {
        Self::new(
            Code::AccessChallenge,
            identifier,
            request_authenticator,
            buffer,
        )
    }

    /// Appends an attribute.
    ///
    /// # Errors
    /// The value is empty or too long, the packet is full, or the type is the Message-Authenticator.
    pub fn attribute(&mut self, kind: AttributeType, value: &[u8]) -> Result<(), BuildError> {
        self.writer.attribute(kind, value)
    }

    /// Appends an attribute whose value is a number.
    ///
    /// # Errors
    /// As [`ReplyBuilder::attribute`].
    pub fn integer(&mut self, kind: AttributeType, value: u32) -> Result<(), BuildError> {
        self.writer.attribute(kind, &value.to_be_bytes())
    }

    /// Appends an attribute of the configuration.
    ///
    /// # Errors
    /// The packet is full.
    pub fn encoded(&mut self, attribute: &EncodedAttribute) -> Result<(), BuildError> {
        self.writer
            .copy(attribute.kind(), std::iter::once(attribute.value()))
    }

    /// Copies every Proxy-State of the request.
    ///
    /// # Errors
    /// They do not all fit, and none was copied.
    // RFC 2865 s5.33: MUST be copied unmodified into the reply, all, and in order.
    pub fn proxy_states<'a>(
        &mut self,
        values: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), BuildError> {
        self.writer.copy(AttributeType::PROXY_STATE, values)
    }

    /// Signs the reply and gives its octets.
    // RFC 3579 s3.2: the Message-Authenticator is computed with the Request Authenticator in the
    // header, and before the Response Authenticator, which covers it.
    #[must_use]
    pub fn finish(self, secret: &(impl SharedSecret + ?Sized)) -> &'b [u8] {
        let octets = self.writer.finish(secret);
        if let Some((head, rest)) = octets.split_first_chunk_mut::<4>()
            && let Some((authenticator, attributes)) = rest.split_first_chunk_mut::<16>()
        {
            *authenticator = response_authenticator(
                head,
                &self.request_authenticator,
                attributes,
                secret.octets(),
            );
        }
        octets
    }

    fn new(
        code: Code,
        identifier: u8,
        request_authenticator: &[u8; 16],
        buffer: &'b mut Vec<u8>,
    ) -> Self {
        Self {
            writer: Writer::signed(buffer, code, identifier, request_authenticator),
            request_authenticator: *request_authenticator,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Code, PACKET_OCTETS_MAX, Packet, RequestBuilder};
    use super::*;

    const SECRET: &[u8] = b"xyzzy5461";
    const AUTHENTICATOR: [u8; 16] = [9; 16];

    // test of RFC 2865 s5.33
    #[test]
    fn copies_every_proxy_state_in_order() {
        let (mut buffer, mut reply) = (Vec::new(), Vec::new());
        let mut request = RequestBuilder::access_request(3, &AUTHENTICATOR, &mut buffer);
        for (kind, value) in [(33, "one"), (1, "alice"), (33, "\0two"), (33, "one")] {
            request
                .attribute(AttributeType(kind), value.as_bytes())
                .unwrap();
        }
        let request = Packet::decode(request.finish(SECRET)).unwrap();
        let mut builder = ReplyBuilder::challenge(3, &AUTHENTICATOR, &mut reply);
        builder.attribute(AttributeType::STATE, b"00ff").unwrap();
        builder.integer(AttributeType::PROMPT, 1).unwrap();
        builder
            .proxy_states(request.all(AttributeType::PROXY_STATE))
            .unwrap();
        let reply = Packet::decode(builder.finish(SECRET)).unwrap();
        assert_eq!(
            (reply.code(), reply.identifier()),
            (Code::AccessChallenge, 3)
        );
        let kinds: Vec<u8> = reply.attributes().map(|it| it.kind.0).collect();
        assert_eq!(kinds, [80, 24, 76, 33, 33, 33]);
        assert_eq!(
            reply.first(AttributeType::PROMPT),
            Some([0, 0, 0, 1].as_slice())
        );
        let states: Vec<_> = reply.all(AttributeType::PROXY_STATE).collect();
        assert_eq!(states, [b"one".as_slice(), b"\0two", b"one"]);
    }

    #[test]
    fn sends_the_attributes_of_the_configuration() {
        let class = super::super::accept_attribute::encode("Class", "staff").unwrap();
        let mut buffer = Vec::new();
        let mut builder = ReplyBuilder::accept(3, &AUTHENTICATOR, &mut buffer);
        builder.encoded(&class).unwrap();
        let reply = Packet::decode(builder.finish(SECRET)).unwrap();
        assert_eq!(reply.first(AttributeType::CLASS), Some(b"staff".as_slice()));
    }

    // test of RFC 3579 s3.2
    #[test]
    fn signs_every_kind_of_reply() {
        type Begin = fn(u8, &[u8; 16], &mut Vec<u8>) -> Vec<u8>;
        let begin: [Begin; 3] = [
            |id, ra, buffer| ReplyBuilder::accept(id, ra, buffer).finish(SECRET).to_vec(),
            |id, ra, buffer| ReplyBuilder::reject(id, ra, buffer).finish(SECRET).to_vec(),
            |id, ra, buffer| {
                ReplyBuilder::challenge(id, ra, buffer)
                    .finish(SECRET)
                    .to_vec()
            },
        ];
        for (begin, code) in begin.into_iter().zip([2, 3, 11]) {
            let octets = begin(1, &AUTHENTICATOR, &mut Vec::new());
            assert_eq!(octets[..4], [code, 1, 0, 38]);
            let check = Packet::decode(&octets)
                .unwrap()
                .check_reply(SECRET, &AUTHENTICATOR);
            assert!(check.is_authentic() && check.message_authenticator_first);
        }
    }

    #[test]
    fn a_full_packet_stays_whole_and_never_reallocates() {
        let mut buffer = Vec::with_capacity(PACKET_OCTETS_MAX);
        let place = buffer.as_ptr();
        let mut builder = ReplyBuilder::accept(1, &AUTHENTICATOR, &mut buffer);
        let kind = AttributeType::CLASS;
        for _ in 0..15 {
            builder.attribute(kind, &[1; 253]).unwrap();
        }
        let full = BuildError::PacketFull { kind };
        assert_eq!(builder.attribute(kind, &[1; 232]), Err(full));
        assert_eq!(builder.attribute(kind, &[1; 231]), Ok(()));
        assert_eq!(builder.integer(kind, 7), Err(full));
        let octets = builder.finish(SECRET);
        assert!(
            Packet::decode(octets)
                .unwrap()
                .check_reply(SECRET, &AUTHENTICATOR)
                .is_authentic()
        );
        assert_eq!((octets.as_ptr(), octets.len()), (place, PACKET_OCTETS_MAX));
    }

    #[test]
    fn copies_no_proxy_state_if_not_all_fit() {
        let (mut buffer, mut reply) = (Vec::new(), Vec::new());
        let mut request = RequestBuilder::access_request(3, &AUTHENTICATOR, &mut buffer);
        for _ in 0..15 {
            request
                .attribute(AttributeType::PROXY_STATE, &[7; 253])
                .unwrap();
        }
        let request = Packet::decode(request.finish(SECRET)).unwrap();
        let mut builder = ReplyBuilder::accept(3, &AUTHENTICATOR, &mut reply);
        builder.attribute(AttributeType::CLASS, &[1; 253]).unwrap();
        let kind = AttributeType::PROXY_STATE;
        assert_eq!(
            builder.proxy_states(request.all(AttributeType::PROXY_STATE)),
            Err(BuildError::PacketFull { kind })
        );
        let reply = Packet::decode(builder.finish(SECRET)).unwrap();
        assert_eq!(reply.attributes().count(), 2);
        assert!(reply.check_reply(SECRET, &AUTHENTICATOR).is_authentic());
    }

    // test of RFC 2865 s5
    #[test]
    fn refuses_values_that_no_attribute_holds() {
        let mut buffer = Vec::new();
        let mut builder = ReplyBuilder::reject(1, &AUTHENTICATOR, &mut buffer);
        let kind = AttributeType::REPLY_MESSAGE;
        let error = BuildError::ValueTooLong { kind, octets: 254 };
        assert_eq!(builder.attribute(kind, &[b'a'; 254]), Err(error));
        assert_eq!(
            builder.attribute(kind, b""),
            Err(BuildError::ValueEmpty { kind })
        );
        for kind in [AttributeType::MESSAGE_AUTHENTICATOR, AttributeType(0)] {
            let error = BuildError::Reserved { kind };
            assert_eq!(builder.attribute(kind, &[0; 16]), Err(error));
        }
        assert_eq!(builder.finish(SECRET).len(), 38);
    }
}
