//! Attributes of an Access-Accept that a configuration may name, and how their text becomes octets.
//!
//! The table holds what the common gateways read. Whatever is not in it is written as
//! `VENDOR:TYPE:hex` with the value in hexadecimal digits; vendor 0 is the RFCs' own numbering.
//! Everything is checked here, when the configuration is read, so that no login meets an attribute
//! that cannot be sent.
//!
//! What mfad writes by itself, what carries a secret of the request, and a Service-Type with which
//! ocserv refuses its user, cannot be named.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::dictionary::{AttributeType, vendor};
use super::{VALUE_OCTETS_MAX, VENDOR_VALUE_OCTETS_MAX};

/// One attribute in wire form, ready for [`ReplyBuilder::encoded`](super::ReplyBuilder::encoded).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedAttribute {
    kind: AttributeType,
    value: Box<[u8]>,
}

/// Why a configured attribute cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AcceptAttributeError {
    /// The table has no such name, and it is not of the form `VENDOR:TYPE:hex`.
    #[error("no attribute of this name is known; any other can be written as VENDOR:TYPE:hex")]
    UnknownName,
    /// The attribute is none that a configuration may set.
    #[error("this attribute cannot be set by configuration")]
    Reserved,
    /// Another Service-Type than Framed makes ocserv refuse the user.
    #[error("Service-Type must be Framed (2)")]
    ServiceType,
    /// There is no value.
    #[error("the value is empty")]
    Empty,
    /// The value does not fit one attribute.
    #[error("the value has {octets} octets, more than {octets_max}")]
    TooLong {
        /// What it has.
        octets: usize,
        /// What fits.
        octets_max: usize,
    },
    /// Gateways written in C end a text at a NUL.
    #[error("the text has a NUL in it")]
    Nul,
    /// The value is a whole number in a range.
    #[error("the value is not a number from {min} to {max}")]
    NotANumber {
        /// The least that is allowed.
        min: u32,
        /// The most that is allowed.
        max: u32,
    },
    /// The value is an IPv4 address.
    #[error("the value is not an IPv4 address")]
    NotIpv4,
    /// The value is an IPv6 address.
    #[error("the value is not an IPv6 address")]
    NotIpv6,
    /// The value is an IPv6 prefix, such as `2001:db8::/56`.
    #[error("the value is not an IPv6 prefix")]
    NotIpv6Prefix,
    /// The value is an even number of hexadecimal digits.
    #[error("the value is not in hexadecimal digits, two for each octet")]
    NotHex,
}

impl EncodedAttribute {
    /// Gives the type on the wire: Vendor-Specific for a vendor's.
    #[must_use]
    pub fn kind(&self) -> AttributeType {
        self.kind
    }

    /// Gives the value on the wire, with the vendor's header for a vendor's.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        &self.value
    }
}

/// Encodes one configured attribute, `name = "text"`.
///
/// # Errors
/// Says what is wrong with the name or with the text.
pub fn encode(name: &str, text: &str) -> Result<EncodedAttribute, AcceptAttributeError> {
    let (vendor, kind, value) = match TABLE.iter().find(|row| row.0 == name) {
        Some(&(_, vendor, kind, encoding)) => (vendor, kind, encoding.encode(text)?),
        None => {
            let (vendor, kind) = raw_name(name)?;
            (vendor, kind, hex(text)?)
        }
    };
    if value.is_empty() {
        return Err(AcceptAttributeError::Empty);
    }
    // No type is 0, of no vendor: a reader ends there, as ours does.
    if kind == 0 {
        return Err(AcceptAttributeError::Reserved);
    }
    check_length(
        &value,
        if vendor == 0 {
            VALUE_OCTETS_MAX
        } else {
            VENDOR_VALUE_OCTETS_MAX
        },
    )?;
    if vendor == 0 {
        check_standard(AttributeType(kind), &value)?;
        return Ok(EncodedAttribute {
            kind: AttributeType(kind),
            value: value.into(),
        });
    }
    // The length is at most VENDOR_VALUE_OCTETS_MAX: two more fit an octet.
    let [.., length] = (value.len() + 2).to_be_bytes();
    let head = vendor.to_be_bytes();
    let value = [&head, [kind, length].as_slice(), &value].concat();
    Ok(EncodedAttribute {
        kind: AttributeType::VENDOR_SPECIFIC,
        value: value.into(),
    })
}

/// Lists the names of the table, for help and for "did you mean".
pub fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|row| row.0)
}

/// How the text of a configuration becomes octets.
#[derive(Clone, Copy)]
enum Encoding {
    Text,
    Number { min: u32, max: u32 },
    ServiceType,
    Ipv4,
    Ipv6,
    Ipv6Prefix,
}

const INTEGER: Encoding = Encoding::Number {
    min: 0,
    max: u32::MAX,
};
const TEXT: Encoding = Encoding::Text;
const IPV4: Encoding = Encoding::Ipv4;

/// Name, vendor (0 for the RFCs'), type, encoding.
const TABLE: &[(&str, u32, u8, Encoding)] = &[
    ("Service-Type", 0, 6, Encoding::ServiceType),
    ("Framed-Protocol", 0, 7, INTEGER),
    ("Framed-IP-Address", 0, 8, IPV4),
    ("Framed-IP-Netmask", 0, 9, IPV4),
    ("Filter-Id", 0, 11, TEXT),
    ("Reply-Message", 0, 18, TEXT),
    ("Framed-Route", 0, 22, TEXT),
    ("Class", 0, 25, TEXT),
    ("Session-Timeout", 0, 27, INTEGER),
    ("Idle-Timeout", 0, 28, INTEGER),
    // RFC 2868 s3.1: the first octet is a tag; 0 means none.
    (
        "Tunnel-Type",
        0,
        64,
        Encoding::Number {
            min: 1,
            max: 0x00ff_ffff,
        },
    ),
    // RFC 2869 s5.16: the interval MUST NOT be smaller than 60 seconds.
    (
        "Acct-Interim-Interval",
        0,
        85,
        Encoding::Number {
            min: 60,
            max: u32::MAX,
        },
    ),
    ("Framed-Pool", 0, 88, TEXT),
    ("Framed-IPv6-Prefix", 0, 97, Encoding::Ipv6Prefix),
    ("Framed-IPv6-Route", 0, 99, TEXT),
    ("Framed-IPv6-Pool", 0, 100, TEXT),
    ("Delegated-IPv6-Prefix", 0, 123, Encoding::Ipv6Prefix),
    ("Management-Privilege-Level", 0, 136, INTEGER),
    ("Framed-IPv6-Address", 0, 168, Encoding::Ipv6),
    ("DNS-Server-IPv6-Address", 0, 169, Encoding::Ipv6),
    ("Cisco-AVPair", vendor::CISCO, 1, TEXT),
    ("Citrix-User-Groups", vendor::CITRIX, 16, TEXT),
    ("MS-Primary-DNS-Server", vendor::MICROSOFT, 28, IPV4),
    ("MS-Secondary-DNS-Server", vendor::MICROSOFT, 29, IPV4),
    ("MS-Primary-NBNS-Server", vendor::MICROSOFT, 30, IPV4),
    ("MS-Secondary-NBNS-Server", vendor::MICROSOFT, 31, IPV4),
    ("CP-Gaia-User-Role", vendor::CHECK_POINT, 229, TEXT),
    (
        "CP-Gaia-SuperUser-Access",
        vendor::CHECK_POINT,
        230,
        INTEGER,
    ),
    ("Juniper-Local-User-Name", vendor::JUNIPER, 1, TEXT),
    ("ASA-Simultaneous-Logins", vendor::CISCO_ASA, 2, INTEGER),
    ("ASA-Primary-DNS", vendor::CISCO_ASA, 5, IPV4),
    ("ASA-Secondary-DNS", vendor::CISCO_ASA, 6, IPV4),
    ("ASA-Primary-WINS", vendor::CISCO_ASA, 7, IPV4),
    ("ASA-Secondary-WINS", vendor::CISCO_ASA, 8, IPV4),
    ("ASA-Tunneling-Protocols", vendor::CISCO_ASA, 11, INTEGER),
    ("ASA-Banner1", vendor::CISCO_ASA, 15, TEXT),
    ("ASA-Group-Policy", vendor::CISCO_ASA, 25, TEXT),
    ("ASA-IPsec-Split-Tunnel-List", vendor::CISCO_ASA, 27, TEXT),
    ("ASA-IPsec-Default-Domain", vendor::CISCO_ASA, 28, TEXT),
    ("ASA-IPsec-Split-DNS-Names", vendor::CISCO_ASA, 29, TEXT),
    ("ASA-Banner2", vendor::CISCO_ASA, 36, TEXT),
    (
        "ASA-IPsec-Split-Tunneling-Policy",
        vendor::CISCO_ASA,
        55,
        INTEGER,
    ),
    ("ASA-DHCP-Network-Scope", vendor::CISCO_ASA, 61, IPV4),
    ("NS-User-Group", vendor::NETSCREEN, 3, TEXT),
    ("SonicWall-User-Group", vendor::SONICWALL, 3, TEXT),
    ("Fortinet-Group-Name", vendor::FORTINET, 1, TEXT),
    ("Fortinet-Vdom-Name", vendor::FORTINET, 3, TEXT),
    ("Fortinet-Access-Profile", vendor::FORTINET, 6, TEXT),
    ("Mikrotik-Group", vendor::MIKROTIK, 3, TEXT),
    ("Mikrotik-Rate-Limit", vendor::MIKROTIK, 8, TEXT),
    ("Mikrotik-Realm", vendor::MIKROTIK, 9, TEXT),
    ("Mikrotik-Address-List", vendor::MIKROTIK, 19, TEXT),
    ("PaloAlto-Admin-Role", vendor::PALO_ALTO, 1, TEXT),
    ("PaloAlto-Admin-Access-Domain", vendor::PALO_ALTO, 2, TEXT),
    ("PaloAlto-Panorama-Admin-Role", vendor::PALO_ALTO, 3, TEXT),
    (
        "PaloAlto-Panorama-Admin-Access-Domain",
        vendor::PALO_ALTO,
        4,
        TEXT,
    ),
    ("PaloAlto-User-Group", vendor::PALO_ALTO, 5, TEXT),
    ("PaloAlto-User-Domain", vendor::PALO_ALTO, 6, TEXT),
];

/// What no configuration may set: mfad's own, the request's secrets, and the envelope of vendors.
const RESERVED: [(&str, AttributeType); 8] = [
    ("User-Name", AttributeType::USER_NAME),
    ("User-Password", AttributeType::USER_PASSWORD),
    ("CHAP-Password", AttributeType::CHAP_PASSWORD),
    ("State", AttributeType::STATE),
    ("Vendor-Specific", AttributeType::VENDOR_SPECIFIC),
    ("Proxy-State", AttributeType::PROXY_STATE),
    ("EAP-Message", AttributeType::EAP_MESSAGE),
    (
        "Message-Authenticator",
        AttributeType::MESSAGE_AUTHENTICATOR,
    ),
];

/// The one Service-Type that ocserv lets in, as it is written and as it goes out.
const FRAMED: (&str, u32) = ("Framed", 2);

impl Encoding {
    fn encode(self, text: &str) -> Result<Vec<u8>, AcceptAttributeError> {
        use AcceptAttributeError as E;
        if text.is_empty() {
            return Err(E::Empty);
        }
        Ok(match self {
            Self::Text if text.contains('\0') => return Err(E::Nul),
            Self::Text => text.as_bytes().to_vec(),
            Self::Number { min, max } => number(text, min, max)?.to_be_bytes().to_vec(),
            Self::ServiceType if text == FRAMED.0 => FRAMED.1.to_be_bytes().to_vec(),
            Self::ServiceType => text
                .parse::<u32>()
                .ok()
                .filter(|value| *value == FRAMED.1)
                .ok_or(E::ServiceType)?
                .to_be_bytes()
                .to_vec(),
            Self::Ipv4 => text
                .parse::<Ipv4Addr>()
                .map_err(|_| E::NotIpv4)?
                .octets()
                .to_vec(),
            Self::Ipv6 => text
                .parse::<Ipv6Addr>()
                .map_err(|_| E::NotIpv6)?
                .octets()
                .to_vec(),
            Self::Ipv6Prefix => ipv6_prefix(text).ok_or(E::NotIpv6Prefix)?,
        })
    }
}

fn number(text: &str, min: u32, max: u32) -> Result<u32, AcceptAttributeError> {
    text.parse()
        .ok()
        .filter(|value| (min..=max).contains(value))
        .ok_or(AcceptAttributeError::NotANumber { min, max })
}

// RFC 3162 s2.3: a reserved octet, the prefix length, the prefix; bits outside MUST be zero.
fn ipv6_prefix(text: &str) -> Option<Vec<u8>> {
    let (address, bits) = text.split_once('/')?;
    let address = u128::from(address.parse::<Ipv6Addr>().ok()?);
    let bits = bits.parse::<u8>().ok().filter(|bits| *bits <= 128)?;
    let host = u128::MAX.checked_shr(u32::from(bits)).unwrap_or(0);
    if address & host != 0 {
        return None;
    }
    Some([[0, bits].as_slice(), &address.to_be_bytes()].concat())
}

fn raw_name(name: &str) -> Result<(u32, u8), AcceptAttributeError> {
    if RESERVED.iter().any(|row| row.0 == name) {
        return Err(AcceptAttributeError::Reserved);
    }
    let mut parts = name.split(':');
    let (Some(vendor), Some(kind), Some("hex"), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(AcceptAttributeError::UnknownName);
    };
    match (vendor.parse(), kind.parse()) {
        (Ok(vendor @ 0..=0x00ff_ffff), Ok(kind)) => Ok((vendor, kind)),
        _ => Err(AcceptAttributeError::UnknownName),
    }
}

fn hex(text: &str) -> Result<Vec<u8>, AcceptAttributeError> {
    let digit = |octet: u8| {
        char::from(octet)
            .to_digit(16)
            .and_then(|it| u8::try_from(it).ok())
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let value: Option<Vec<u8>> = pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? * 16 + digit(*low)?))
        .collect();
    value
        .filter(|_| rest.is_empty())
        .ok_or(AcceptAttributeError::NotHex)
}

fn check_length(value: &[u8], octets_max: usize) -> Result<(), AcceptAttributeError> {
    let octets = value.len();
    if octets > octets_max {
        return Err(AcceptAttributeError::TooLong { octets, octets_max });
    }
    Ok(())
}

fn check_standard(kind: AttributeType, value: &[u8]) -> Result<(), AcceptAttributeError> {
    if RESERVED.iter().any(|row| row.1 == kind) {
        return Err(AcceptAttributeError::Reserved);
    }
    if kind == AttributeType::SERVICE_TYPE && value != FRAMED.1.to_be_bytes() {
        return Err(AcceptAttributeError::ServiceType);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
