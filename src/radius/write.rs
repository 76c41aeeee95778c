//! The part that both builders share: attributes appended to a caller's buffer, under the limits.
//!
//! The buffer is a vector that the caller keeps and hands in again; once it has room for
//! [`PACKET_OCTETS_MAX`] octets, nothing allocates any more. A failed call leaves the packet as it
//! was before.

use super::authenticator::{SharedSecret, ZEROS, message_authenticator};
use super::dictionary::{AttributeType, Code};
use super::password::PasswordError;
use super::{HEADER_OCTETS, PACKET_OCTETS_MAX};

/// Why an attribute cannot be appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// An attribute without a value must not be sent.
    #[error("attribute {kind} has no value")]
    ValueEmpty {
        /// The attribute meant.
        kind: AttributeType,
    },
    /// The value does not fit one attribute.
    #[error("attribute {kind} has a value of {octets} octets, which is too long")]
    ValueTooLong {
        /// The attribute meant.
        kind: AttributeType,
        /// What it would need.
        octets: usize,
    },
    /// The packet would pass [`PACKET_OCTETS_MAX`].
    #[error("attribute {kind} does not fit the packet any more")]
    PacketFull {
        /// The attribute meant.
        kind: AttributeType,
    },
    /// The type is 0, or the builder writes this attribute itself.
    #[error("attribute {kind} cannot be set")]
    Reserved {
        /// The attribute meant.
        kind: AttributeType,
    },
    /// The password cannot be hidden.
    #[error("the password cannot be hidden")]
    Password(#[from] PasswordError),
}

/// A packet being written.
pub(super) struct Writer<'b> {
    octets: &'b mut Vec<u8>,
    signature_at: Option<usize>,
}

impl<'b> Writer<'b> {
    /// Clears the buffer and begins a packet.
    pub(super) fn new(
        octets: &'b mut Vec<u8>,
        code: Code,
        identifier: u8,
        authenticator: &[u8; 16],
    ) -> Self {
        octets.clear();
        octets.extend_from_slice(&[code.octet(), identifier, 0, 0]);
        octets.extend_from_slice(authenticator);
        Self {
            octets,
            signature_at: None,
        }
    }

    /// Clears the buffer and begins a packet whose first attribute is a Message-Authenticator.
    pub(super) fn signed(
        octets: &'b mut Vec<u8>,
        code: Code,
        identifier: u8,
        authenticator: &[u8; 16],
    ) -> Self {
        let writer = Self::new(octets, code, identifier, authenticator);
        writer.octets.extend_from_slice(&SIGNATURE_HEAD);
        writer.octets.extend_from_slice(&ZEROS);
        Self {
            signature_at: Some(HEADER_OCTETS + SIGNATURE_HEAD.len()),
            ..writer
        }
    }

    /// Appends an attribute that the caller chose.
    // RFC 2865 s5: a text or string of length zero MUST NOT be sent.
    pub(super) fn attribute(
        &mut self,
        kind: AttributeType,
        value: &[u8],
    ) -> Result<(), BuildError> {
        if kind == AttributeType(0) || kind == AttributeType::MESSAGE_AUTHENTICATOR {
            return Err(BuildError::Reserved { kind });
        }
        if value.is_empty() {
            return Err(BuildError::ValueEmpty { kind });
        }
        self.append(kind, &[value])
    }

    /// Appends a Vendor-Specific attribute with one value in it.
    // RFC 2865 s5.26: Vendor-Id, vendor type, vendor length, value.
    pub(super) fn vendor(&mut self, vendor: u32, kind: u8, value: &[u8]) -> Result<(), BuildError> {
        let outer = AttributeType::VENDOR_SPECIFIC;
        if value.is_empty() {
            return Err(BuildError::ValueEmpty { kind: outer });
        }
        let octets = value.len() + 6;
        let too_long = BuildError::ValueTooLong {
            kind: outer,
            octets,
        };
        let length = u8::try_from(value.len() + 2).map_err(|_| too_long)?;
        self.append(outer, &[&vendor.to_be_bytes(), &[kind, length], value])
    }

    /// Appends all of `values` as they are, or none.
    pub(super) fn copy<'a>(
        &mut self,
        kind: AttributeType,
        values: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), BuildError> {
        let before = self.octets.len();
        for value in values {
            self.append(kind, &[value])
                .inspect_err(|_| self.octets.truncate(before))?;
        }
        Ok(())
    }

    /// Appends a Message-Authenticator, which [`Writer::finish`] computes.
    pub(super) fn message_authenticator(&mut self) -> Result<(), BuildError> {
        let kind = AttributeType::MESSAGE_AUTHENTICATOR;
        if self.signature_at.is_some() {
            return Err(BuildError::Reserved { kind });
        }
        self.append(kind, &[&ZEROS])?;
        self.signature_at = Some(self.octets.len() - ZEROS.len());
        Ok(())
    }

    /// Writes the Length and, if there is one, the Message-Authenticator over all that is there.
    pub(super) fn finish(self, secret: &(impl SharedSecret + ?Sized)) -> &'b mut [u8] {
        let Self {
            octets,
            signature_at,
        } = self;
        // The length is at most PACKET_OCTETS_MAX, so the two low octets are all of it.
        let [.., high, low] = octets.len().to_be_bytes();
        if let Some([_, _, length @ ..]) = octets.first_chunk_mut::<4>() {
            *length = [high, low];
        }
        if let Some(at) = signature_at {
            let signature = message_authenticator(secret, &[octets]);
            if let Some(place) = octets.get_mut(at..at + signature.len()) {
                place.copy_from_slice(&signature);
            }
        }
        octets
    }

    fn append(&mut self, kind: AttributeType, value: &[&[u8]]) -> Result<(), BuildError> {
        let octets = value.iter().map(|part| part.len()).sum::<usize>();
        let length =
            u8::try_from(octets + 2).map_err(|_| BuildError::ValueTooLong { kind, octets })?;
        if self.octets.len() + usize::from(length) > PACKET_OCTETS_MAX {
            return Err(BuildError::PacketFull { kind });
        }
        self.octets.extend_from_slice(&[kind.0, length]);
        for part in value {
            self.octets.extend_from_slice(part);
        }
        Ok(())
    }
}

/// Type and length of a Message-Authenticator.
const SIGNATURE_HEAD: [u8; 2] = [AttributeType::MESSAGE_AUTHENTICATOR.0, 18];

const _: () = assert!(PACKET_OCTETS_MAX <= 0xffff && HEADER_OCTETS == 4 + ZEROS.len());
