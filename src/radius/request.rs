//! Requests: what a gateway sends, for the daemon's own trial logins and for tests.
//!
//! The Request Authenticator comes in as an argument and has to be random and new for each request.
//! Where the Message-Authenticator goes is the caller's choice, because gateways differ: it is
//! written where [`RequestBuilder::message_authenticator`] is called.

use super::authenticator::SharedSecret;
use super::dictionary::{AttributeType, Code};
use super::password::hide;
use super::write::{BuildError, Writer};

/// A request being written into the caller's buffer, which is cleared first. A call that fails
/// leaves the request as it was before the call.
#[must_use]
pub struct RequestBuilder<'b> {
    writer: Writer<'b>,
    authenticator: [u8; 16],
}

impl<'b> RequestBuilder<'b> {
    /// Begins an Access-Request.
    pub fn access_request(
        identifier: u8,
        authenticator: &[u8; 16],
        buffer: &'b mut Vec<u8>,
    ) -> Self {
        Self::new(Code::AccessRequest, identifier, authenticator, buffer)
    }

    /// Begins a Status-Server. A server answers it only if it has a Message-Authenticator.
    pub fn status_server(
        identifier: u8,
        authenticator: &[u8; 16],
        buffer: &'b mut Vec<u8>,
    ) -> Self {
        Self::new(Code::StatusServer, identifier, authenticator, buffer)
    }

    /// Appends a Message-Authenticator; it covers the whole request, also what is appended later.
    ///
    /// # Errors
    /// There is one already, or the packet is full.
    pub fn message_authenticator(&mut self) -> Result<(), BuildError> {
        self.writer.message_authenticator()
    }

    /// Appends an attribute.
    ///
    /// # Errors
    /// The value is empty or too long, the packet is full, or the type is the Message-Authenticator.
    pub fn attribute(&mut self, kind: AttributeType, value: &[u8]) -> Result<(), BuildError> {
        self.writer.attribute(kind, value)
    }

    /// Appends one value in a Vendor-Specific attribute.
    ///
    /// # Errors
    /// The value is empty or too long, or the packet is full.
    pub fn vendor_attribute(
        &mut self,
        vendor: u32,
        kind: u8,
        value: &[u8],
    ) -> Result<(), BuildError> {
        self.writer.vendor(vendor, kind, value)
    }

    /// Appends a User-Password, hidden.
    ///
    /// # Errors
    /// The password is too long, or the packet is full.
    pub fn user_password(&mut self, password: &[u8], secret: &[u8]) -> Result<(), BuildError> {
        let hidden = hide(password, secret, &self.authenticator)?;
        self.writer.attribute(AttributeType::USER_PASSWORD, &hidden)
    }

    /// Signs the request, if it has a Message-Authenticator, and gives its octets.
    #[must_use]
    pub fn finish(self, secret: &(impl SharedSecret + ?Sized)) -> &'b [u8] {
        self.writer.finish(secret)
    }

    fn new(code: Code, identifier: u8, authenticator: &[u8; 16], buffer: &'b mut Vec<u8>) -> Self {
        Self {
            writer: Writer::new(buffer, code, identifier, authenticator),
            authenticator: *authenticator,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Packet;
    use super::*;

    // test of RFC 2865 s5.26
    #[test]
    fn wraps_vendor_values() {
        let mut buffer = Vec::new();
        let mut request = RequestBuilder::access_request(1, &[0; 16], &mut buffer);
        request.vendor_attribute(25461, 7, b"192.0.2.7").unwrap();
        request.vendor_attribute(9, 1, &[b'a'; 247]).unwrap();
        let kind = AttributeType::VENDOR_SPECIFIC;
        for (value, octets) in [(248, 254), (253, 259), (254, 260)] {
            let error = BuildError::ValueTooLong { kind, octets };
            assert_eq!(
                request.vendor_attribute(9, 1, &vec![b'a'; value]),
                Err(error)
            );
        }
        let error = BuildError::ValueEmpty { kind };
        assert_eq!(request.vendor_attribute(9, 1, b""), Err(error));
        let packet = Packet::decode(request.finish(b"s")).unwrap();
        let values: Vec<_> = packet.all(kind).collect();
        assert_eq!(values[0], b"\0\0\x63\x75\x07\x0b192.0.2.7");
        assert_eq!((values.len(), values[1].len()), (2, 253));
    }

    #[test]
    fn signs_once() {
        let mut buffer = Vec::new();
        let mut request = RequestBuilder::status_server(1, &[0; 16], &mut buffer);
        request.message_authenticator().unwrap();
        let kind = AttributeType::MESSAGE_AUTHENTICATOR;
        let error = BuildError::Reserved { kind };
        assert_eq!(request.message_authenticator(), Err(error));
        assert_eq!(request.finish(b"s").len(), 38);
    }
}
