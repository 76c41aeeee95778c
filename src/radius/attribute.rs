//! Attributes as they lie in a packet: borrowed, in order, opaque.
//!
//! One function cuts an attribute off the front of the bytes; the decoder calls it for its verdict
//! and the iterator calls it again on bytes that passed, so the two cannot disagree. Vendor-Specific
//! is only opened on request: a vendor's malformed inside is the vendor's affair and never drops a
//! packet (RFC 6929 s2.8 asks the same for extended attributes).

use std::fmt;

use super::dictionary::AttributeType;
use super::packet::{DecodeError, Packet};

/// One attribute of a packet. Its `Debug` shows the length and not the value, which may be a
/// hidden password.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Says what the value means.
    pub kind: AttributeType,
    /// The 0 to 253 octets after type and length.
    pub value: &'a [u8],
}

/// The attributes of a packet, in their order.
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    rest: &'a [u8],
}

/// One value inside a Vendor-Specific attribute of the recommended format.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VendorAttribute<'a> {
    /// The vendor's enterprise number.
    pub vendor: u32,
    /// The type, of the vendor's own numbering.
    pub kind: u8,
    /// The octets after the vendor's type and length.
    pub value: &'a [u8],
}

/// The values inside one Vendor-Specific attribute; ends at the first that is malformed.
#[derive(Clone, Debug)]
pub struct VendorAttributes<'a> {
    vendor: u32,
    rest: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Walks all attributes in their order.
    #[must_use]
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes {
            rest: self.attribute_octets(),
        }
    }

    /// Finds the value of the first attribute of a kind.
    #[must_use]
    pub fn first(&self, kind: AttributeType) -> Option<&'a [u8]> {
        self.all(kind).next()
    }

    /// Walks the values of all attributes of a kind, in their order.
    pub fn all(&self, kind: AttributeType) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.attributes()
            .filter(move |it| it.kind == kind)
            .map(|it| it.value)
    }
}

impl<'a> VendorAttributes<'a> {
    /// Opens the value of a Vendor-Specific attribute; one that is too short holds nothing.
    // RFC 2865 s5.26: Vendor-Id, then vendor type, vendor length and value, perhaps several.
    #[must_use]
    pub fn of(value: &'a [u8]) -> Self {
        match value.split_first_chunk() {
            Some((vendor, rest)) => Self {
                vendor: u32::from_be_bytes(*vendor),
                rest,
            },
            None => Self {
                vendor: 0,
                rest: &[],
            },
        }
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        let (attribute, rest) = split(self.rest).ok()??;
        self.rest = rest;
        Some(attribute)
    }
}

impl<'a> Iterator for VendorAttributes<'a> {
    type Item = VendorAttribute<'a>;

    fn next(&mut self) -> Option<VendorAttribute<'a>> {
        let (inner, rest) = split(self.rest).ok()??;
        self.rest = rest;
        Some(VendorAttribute {
            vendor: self.vendor,
            kind: inner.kind.0,
            value: inner.value,
        })
    }
}

impl fmt::Debug for Attribute<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "attribute {} of {} octets", self.kind, self.value.len())
    }
}

impl fmt::Debug for VendorAttribute<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "attribute {}:{} of {} octets",
            self.vendor,
            self.kind,
            self.value.len()
        )
    }
}

/// Cuts one attribute off the front; `None` when nothing is left.
// RFC 2865 s5: Length counts the Type, Length and Value fields.
pub(super) fn split(octets: &[u8]) -> Result<Option<(Attribute<'_>, &[u8])>, DecodeError> {
    let (kind, length, rest) = match octets {
        [] => return Ok(None),
        [_] => return Err(DecodeError::StrayOctet),
        [kind, length, rest @ ..] => (*kind, *length, rest),
    };
    if kind == 0 {
        return Err(DecodeError::AttributeTypeZero);
    }
    let octets = usize::from(length)
        .checked_sub(2)
        .ok_or(DecodeError::AttributeTooShort)?;
    let (value, rest) = rest
        .split_at_checked(octets)
        .ok_or(DecodeError::AttributeOverrun)?;
    Ok(Some((
        Attribute {
            kind: AttributeType(kind),
            value,
        },
        rest,
    )))
}
