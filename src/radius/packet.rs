//! One datagram, looked at once: what it is, or the one reason why it is not.
//!
//! [`Packet::decode`] holds every discard rule that needs no shared secret, so that whoever has a
//! `Packet` may walk it without meeting an error again. It borrows the datagram, allocates nothing
//! and makes one pass, on which it remembers where the Message-Authenticator lies.
//!
//! It does not say that a packet is authentic, wanted on this socket or allowed by the gateway's
//! policy. Unknown attributes are let pass; a malformed attribute discards the packet, as every
//! server does, although RFC 2865 s5 would like a reject.

use std::fmt;

use super::attribute;
use super::dictionary::{AttributeType, Code};
use super::{ATTRIBUTES_MAX, HEADER_OCTETS, PACKET_OCTETS_MAX};

/// A well-formed packet, borrowed from its datagram. Its `Debug` shows no attribute.
#[derive(Clone, Copy)]
pub struct Packet<'a> {
    pub(super) head: &'a [u8; 4],
    pub(super) authenticator: &'a [u8; 16],
    pub(super) signature: Option<Signature<'a>>,
    code: Code,
    octets: &'a [u8],
    attributes: &'a [u8],
}

/// The value of the Message-Authenticator, and the attribute octets on both sides of it.
#[derive(Clone, Copy)]
pub(super) struct Signature<'a> {
    pub(super) before: &'a [u8],
    pub(super) value: &'a [u8; 16],
    pub(super) after: &'a [u8],
}

/// Why a datagram is discarded without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum DecodeError {
    /// The datagram cannot hold a header.
    #[error("the datagram is shorter than a header")]
    ShorterThanHeader,
    /// The Length field counts less than the header.
    #[error("the Length field is under 20")]
    LengthTooSmall,
    /// The Length field counts more than a packet may have.
    #[error("the Length field is over 4096")]
    LengthTooBig,
    /// The datagram ends before the octets that Length promises.
    #[error("the datagram is shorter than its Length field")]
    Truncated,
    /// No packet has this code.
    #[error("the code is unknown")]
    UnknownCode,
    /// One octet is left where an attribute should begin.
    #[error("one octet is left after the last attribute")]
    StrayOctet,
    /// An attribute has the type that none may have.
    #[error("an attribute has type 0")]
    AttributeTypeZero,
    /// An attribute's length does not even count itself.
    #[error("an attribute has a length under 2")]
    AttributeTooShort,
    /// An attribute ends behind the packet.
    #[error("an attribute runs past the packet")]
    AttributeOverrun,
    /// There are more attributes than [`ATTRIBUTES_MAX`].
    #[error("the packet has too many attributes")]
    TooManyAttributes,
    /// A Message-Authenticator has not 16 octets of value.
    #[error("the Message-Authenticator has a wrong length")]
    MessageAuthenticatorLength,
    /// There is a second Message-Authenticator.
    #[error("the packet has two Message-Authenticators")]
    MessageAuthenticatorTwice,
    /// An EAP-Message is not signed.
    #[error("the packet has an EAP-Message and no Message-Authenticator")]
    EapUnsigned,
    /// A Status-Server is not signed.
    #[error("the Status-Server has no Message-Authenticator")]
    StatusServerUnsigned,
}

impl<'a> Packet<'a> {
    /// Checks a datagram and gives a view of it; octets behind Length are padding and cut off.
    ///
    /// # Errors
    /// Names the first rule that the datagram breaks. It is to be discarded without an answer.
    pub fn decode(datagram: &'a [u8]) -> Result<Self, DecodeError> {
        let (octets, attributes, head, authenticator) = split_header(datagram)?;
        let [code, ..] = *head;
        let code = Code::from_octet(code).ok_or(DecodeError::UnknownCode)?;
        let (signature, has_eap) = check_attributes(attributes)?;
        if signature.is_none() {
            // RFC 3579 s3.1: an EAP-Message without Message-Authenticator SHOULD be discarded.
            if has_eap {
                return Err(DecodeError::EapUnsigned);
            }
            // RFC 5997 s3: a Status-Server without Message-Authenticator MUST be discarded.
            if code == Code::StatusServer {
                return Err(DecodeError::StatusServerUnsigned);
            }
        }
        Ok(Self {
            head,
            authenticator,
            signature,
            code,
            octets,
            attributes,
        })
    }

    /// Says what the packet is.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// Gives the octet that matches a reply to its request.
    #[must_use]
    pub fn identifier(&self) -> u8 {
        let [_, identifier, ..] = *self.head;
        identifier
    }

    /// Gives the Authenticator field: of the request or of the response, as the code says.
    #[must_use]
    pub fn authenticator(&self) -> &'a [u8; 16] {
        self.authenticator
    }

    /// Gives the octets that Length counts, which are what a digest has to cover.
    #[must_use]
    pub fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// Gives the octets behind the header.
    pub(super) fn attribute_octets(&self) -> &'a [u8] {
        self.attributes
    }
}

impl DecodeError {
    /// All reasons, for a counter of each.
    pub const ALL: [Self; 14] = [
        Self::ShorterThanHeader,
        Self::LengthTooSmall,
        Self::LengthTooBig,
        Self::Truncated,
        Self::UnknownCode,
        Self::StrayOctet,
        Self::AttributeTypeZero,
        Self::AttributeTooShort,
        Self::AttributeOverrun,
        Self::TooManyAttributes,
        Self::MessageAuthenticatorLength,
        Self::MessageAuthenticatorTwice,
        Self::EapUnsigned,
        Self::StatusServerUnsigned,
    ];

    /// Names the reason in a word that stays the same, for metrics and logs.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::ShorterThanHeader => "shorter_than_header",
            Self::LengthTooSmall => "length_too_small",
            Self::LengthTooBig => "length_too_big",
            Self::Truncated => "truncated",
            Self::UnknownCode => "unknown_code",
            Self::StrayOctet => "stray_octet",
            Self::AttributeTypeZero => "attribute_type_zero",
            Self::AttributeTooShort => "attribute_too_short",
            Self::AttributeOverrun => "attribute_overrun",
            Self::TooManyAttributes => "too_many_attributes",
            Self::MessageAuthenticatorLength => "message_authenticator_length",
            Self::MessageAuthenticatorTwice => "message_authenticator_twice",
            Self::EapUnsigned => "eap_unsigned",
            Self::StatusServerUnsigned => "status_server_unsigned",
        }
    }
}

impl fmt::Debug for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packet")
            .field("code", &self.code)
            .field("identifier", &self.identifier())
            .field("octets", &self.octets.len())
            .finish_non_exhaustive()
    }
}

/// The packet without padding, its attributes, and the two parts of its header.
type Parts<'a> = (&'a [u8], &'a [u8], &'a [u8; 4], &'a [u8; 16]);

// RFC 2865 s3: the minimum length is 20, the maximum 4096; octets outside Length are padding; a
// packet shorter than Length is silently discarded.
fn split_header(datagram: &[u8]) -> Result<Parts<'_>, DecodeError> {
    let header: Option<&[u8; HEADER_OCTETS]> = datagram.first_chunk();
    let [_, _, high, low, ..] = *header.ok_or(DecodeError::ShorterThanHeader)?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length < HEADER_OCTETS {
        return Err(DecodeError::LengthTooSmall);
    }
    if length > PACKET_OCTETS_MAX {
        return Err(DecodeError::LengthTooBig);
    }
    let octets = datagram.get(..length).ok_or(DecodeError::Truncated)?;
    let (head, rest) = octets
        .split_first_chunk()
        .ok_or(DecodeError::ShorterThanHeader)?;
    let (authenticator, attributes) = rest
        .split_first_chunk()
        .ok_or(DecodeError::ShorterThanHeader)?;
    Ok((octets, attributes, head, authenticator))
}

/// Walks the attributes once; says where the Message-Authenticator is and whether EAP is among them.
fn check_attributes(attributes: &[u8]) -> Result<(Option<Signature<'_>>, bool), DecodeError> {
    let (mut signature, mut has_eap, mut count) = (None, false, 0);
    let mut rest = attributes;
    while let Some((attribute, after)) = attribute::split(rest)? {
        count += 1;
        if count > ATTRIBUTES_MAX {
            return Err(DecodeError::TooManyAttributes);
        }
        if attribute.kind == AttributeType::EAP_MESSAGE {
            has_eap = true;
        } else if attribute.kind == AttributeType::MESSAGE_AUTHENTICATOR {
            if signature.is_some() {
                return Err(DecodeError::MessageAuthenticatorTwice);
            }
            signature = Some(sign_parts(attributes, attribute.value, after)?);
        }
        rest = after;
    }
    Ok((signature, has_eap))
}

// RFC 3579 s3.2: the Message-Authenticator has length 18.
fn sign_parts<'a>(
    attributes: &'a [u8],
    value: &'a [u8],
    after: &'a [u8],
) -> Result<Signature<'a>, DecodeError> {
    let wrong = DecodeError::MessageAuthenticatorLength;
    let value: &[u8; 16] = value.try_into().map_err(|_| wrong)?;
    let start = attributes
        .len()
        .checked_sub(after.len() + value.len())
        .ok_or(wrong)?;
    let before = attributes.get(..start).ok_or(wrong)?;
    Ok(Signature {
        before,
        value,
        after,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_attributes(code: u8, attributes: &[u8]) -> Vec<u8> {
        let length = u16::try_from(HEADER_OCTETS + attributes.len())
            .unwrap()
            .to_be_bytes();
        let authenticator = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
        [&[code, 7], length.as_slice(), &authenticator, attributes].concat()
    }

    fn error(datagram: &[u8]) -> DecodeError {
        Packet::decode(datagram).unwrap_err()
    }

    // test of RFC 2865 s3
    #[test]
    fn holds_the_bounds_of_length() {
        let packet = with_attributes(1, &[]);
        assert_eq!(error(&packet[..19]), DecodeError::ShorterThanHeader);
        assert_eq!(error(&packet[..10]), DecodeError::ShorterThanHeader);
        assert_eq!(error(&[]), DecodeError::ShorterThanHeader);
        let mut wrong = packet.clone();
        wrong[3] = 19;
        assert_eq!(error(&wrong), DecodeError::LengthTooSmall);
        wrong[3] = 0x64;
        assert_eq!(error(&wrong), DecodeError::Truncated);
        let mut big = with_attributes(1, &[[1, 253].as_slice(), &[b'a'; 251]].concat().repeat(16));
        big.extend_from_slice(&[b'a'; 100]);
        big[2..4].copy_from_slice(&4096_u16.to_be_bytes());
        big[HEADER_OCTETS + 16 * 253..][..2].copy_from_slice(&[18, 28]);
        assert_eq!(Packet::decode(&big).unwrap().octets().len(), 4096);
        big[2..4].copy_from_slice(&4097_u16.to_be_bytes());
        assert_eq!(error(&big), DecodeError::LengthTooBig);
    }

    // test of RFC 2865 s3
    #[test]
    fn cuts_padding_off() {
        let mut datagram = with_attributes(1, &[1, 3, b'a']);
        datagram.extend_from_slice(&[0, 0, 80]);
        let packet = Packet::decode(&datagram).unwrap();
        assert_eq!(packet.octets(), &datagram[..23]);
        assert_eq!(
            packet.first(AttributeType::USER_NAME),
            Some(b"a".as_slice())
        );
        assert_eq!(
            (packet.code(), packet.identifier()),
            (Code::AccessRequest, 7)
        );
        assert_eq!(packet.authenticator(), &datagram[4..20]);
    }

    // The malformed packets of FreeRADIUS's errors.txt (CC-BY 4.0), and the rest of the rules.
    #[test]
    fn names_what_is_malformed() {
        let signature = [[80, 18].as_slice(), &[0; 16]].concat();
        let table: [(u8, &[u8], DecodeError); 16] = [
            (0, &[], DecodeError::UnknownCode),
            (0x35, &[], DecodeError::UnknownCode),
            (0xff, &[], DecodeError::UnknownCode),
            (1, &[0xff], DecodeError::StrayOctet),
            (1, &[0, 2], DecodeError::AttributeTypeZero),
            (1, &[1, 0], DecodeError::AttributeTooShort),
            (1, &[1, 1], DecodeError::AttributeTooShort),
            (1, &[1, 10], DecodeError::AttributeOverrun),
            (
                1,
                &[80, 5, 0, 0, 0],
                DecodeError::MessageAuthenticatorLength,
            ),
            (1, &[80, 2], DecodeError::MessageAuthenticatorLength),
            (
                1,
                &signature.repeat(2),
                DecodeError::MessageAuthenticatorTwice,
            ),
            (12, &[], DecodeError::StatusServerUnsigned),
            (1, &[79, 4, 1, 1], DecodeError::EapUnsigned),
            (1, &[1, 4, b'h', b'i', 2, 0], DecodeError::AttributeTooShort),
            (1, &[1, 4, b'h', b'i', 4, 10], DecodeError::AttributeOverrun),
            (1, &[1, 2].repeat(201), DecodeError::TooManyAttributes),
        ];
        for (code, attributes, expected) in table {
            assert_eq!(
                error(&with_attributes(code, attributes)),
                expected,
                "{attributes:?}"
            );
        }
        assert!(Packet::decode(&with_attributes(1, &[1, 2].repeat(200))).is_ok());
        assert!(Packet::decode(&with_attributes(12, &signature)).is_ok());
    }

    #[test]
    fn debug_shows_sizes_and_no_values() {
        let vendor = [26, 10, 0, 0, 0, 9, 1, 4, b'a', b'b'];
        let datagram = with_attributes(1, &[[2, 18].as_slice(), &[b'h'; 16], &vendor].concat());
        let packet = Packet::decode(&datagram).unwrap();
        let shown = format!("{packet:?}");
        assert_eq!(
            shown,
            "Packet { code: AccessRequest, identifier: 7, octets: 48, .. }"
        );
        let attribute = packet.attributes().next().unwrap();
        assert_eq!(format!("{attribute:?}"), "attribute 2 of 16 octets");
        let value = packet.first(AttributeType::VENDOR_SPECIFIC).unwrap();
        let inner = super::super::VendorAttributes::of(value).next().unwrap();
        assert_eq!(format!("{inner:?}"), "attribute 9:1 of 2 octets");
        let credentials = super::super::Credentials::of(&packet);
        assert_eq!(format!("{credentials:?}"), "PAP");
    }

    #[test]
    fn every_reason_is_listed_once() {
        let mut reasons = DecodeError::ALL.map(|it| it.reason());
        reasons.sort_unstable();
        assert!(reasons.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
