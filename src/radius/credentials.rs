//! What a gateway offers as proof of the user, told apart by attribute.
//!
//! Only PAP can be checked against hashes and codes. The others are recognised so that log and audit
//! can name what to switch off at the gateway; their contents are not looked at beyond the type of
//! an EAP packet.

use std::fmt;

use super::attribute::{VendorAttribute, VendorAttributes};
use super::dictionary::{AttributeType, vendor};
use super::packet::Packet;

/// The one way in which a request wants its user checked. Its `Debug` shows no password.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Credentials<'a> {
    /// A User-Password, still hidden.
    Pap(&'a [u8]),
    /// A CHAP-Password.
    Chap,
    /// An MS-CHAP-Response (version 1).
    MsChap,
    /// An MS-CHAP2-Response.
    MsChap2,
    /// EAP.
    Eap {
        /// The type octet of the EAP request or response; `None` where it has none.
        method: Option<u8>,
    },
    /// Nothing of the kind.
    None,
    /// More than one, which is always refused.
    Several,
}

impl<'a> Credentials<'a> {
    /// Looks through the attributes of a request.
    // RFC 2865 s4.1: User-Password and CHAP-Password MUST NOT both be there; nor twice (s5.44).
    #[must_use]
    pub fn of(packet: &Packet<'a>) -> Self {
        let mut found = Self::None;
        for attribute in packet.attributes() {
            let value = attribute.value;
            match attribute.kind {
                AttributeType::USER_PASSWORD => found = found.and(Self::Pap(value)),
                AttributeType::CHAP_PASSWORD => found = found.and(Self::Chap),
                AttributeType::EAP_MESSAGE if matches!(found, Self::Eap { .. }) => {}
                AttributeType::EAP_MESSAGE => {
                    found = found.and(Self::Eap {
                        method: eap_method(value),
                    });
                }
                AttributeType::VENDOR_SPECIFIC => {
                    found = VendorAttributes::of(value)
                        .filter_map(ms_chap)
                        .fold(found, Self::and);
                }
                _ => {}
            }
        }
        found
    }

    /// Names the method, for log and audit.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pap(_) => "PAP",
            Self::Chap => "CHAP",
            Self::MsChap => "MS-CHAP",
            Self::MsChap2 => "MS-CHAPv2",
            Self::Eap { method } => eap_name(*method),
            Self::None => "none",
            Self::Several => "several",
        }
    }

    fn and(self, next: Self) -> Self {
        if self == Self::None {
            next
        } else {
            Self::Several
        }
    }
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

// RFC 2548 s2.1.3: MS-CHAP-Response has vendor type 1.
// RFC 2548 s2.3.2: MS-CHAP2-Response has vendor type 25.
fn ms_chap(inner: VendorAttribute<'_>) -> Option<Credentials<'_>> {
    match (inner.vendor, inner.kind) {
        (vendor::MICROSOFT, 1) => Some(Credentials::MsChap),
        (vendor::MICROSOFT, 25) => Some(Credentials::MsChap2),
        _ => None,
    }
}

// RFC 3748 s4.1: Code, Identifier, Length of two octets, then the Type of a Request or Response.
fn eap_method(message: &[u8]) -> Option<u8> {
    match message {
        [1 | 2, _, _, _, method, ..] => Some(*method),
        _ => None,
    }
}

fn eap_name(method: Option<u8>) -> &'static str {
    match method {
        Some(1) => "EAP-Identity",
        Some(3) => "EAP-Nak",
        Some(4) => "EAP-MD5",
        Some(6) => "EAP-GTC",
        Some(13) => "EAP-TLS",
        Some(21) => "EAP-TTLS",
        Some(25) => "PEAP",
        Some(26) => "EAP-MSCHAPv2",
        Some(32) => "EAP-POTP",
        _ => "EAP",
    }
}

#[cfg(test)]
mod tests {
    use super::super::RequestBuilder;
    use super::*;

    const MS_CHAP2: &[u8] = &[0, 0, 1, 55, 11, 3, 1, 25, 3, 1];

    fn name(attributes: &[(u8, &[u8])]) -> &'static str {
        let mut buffer = Vec::new();
        let mut request = RequestBuilder::access_request(0, &[0; 16], &mut buffer);
        request.message_authenticator().unwrap();
        for (kind, value) in attributes {
            request.attribute(AttributeType(*kind), value).unwrap();
        }
        Credentials::of(&Packet::decode(request.finish(b"s")).unwrap()).name()
    }

    #[test]
    fn names_each_method() {
        assert_eq!(name(&[(1, b"alice"), (2, &[0; 16])]), "PAP");
        assert_eq!(name(&[(3, &[0; 17])]), "CHAP");
        assert_eq!(name(&[(26, &[0, 0, 1, 55, 1, 3, 1])]), "MS-CHAP");
        assert_eq!(name(&[(26, MS_CHAP2)]), "MS-CHAPv2");
        assert_eq!(name(&[(26, &[0, 0, 0, 9, 25, 3, 1])]), "none");
        assert_eq!(name(&[(26, &[0, 0, 1])]), "none");
        assert_eq!(name(&[(1, b"alice")]), "none");
    }

    // test of RFC 3748 s4.1
    #[test]
    fn names_the_eap_method_of_the_first_fragment() {
        assert_eq!(
            name(&[(79, &[2, 7, 0, 10, 1, b'a']), (79, &[26; 9])]),
            "EAP-Identity"
        );
        for (method, wanted) in [
            (3, "EAP-Nak"),
            (4, "EAP-MD5"),
            (6, "EAP-GTC"),
            (13, "EAP-TLS"),
            (21, "EAP-TTLS"),
            (25, "PEAP"),
            (26, "EAP-MSCHAPv2"),
            (32, "EAP-POTP"),
        ] {
            assert_eq!(name(&[(79, &[2, 7, 0, 9, method])]), wanted);
        }
        assert_eq!(name(&[(79, &[3, 7, 0, 4, 6])]), "EAP");
        assert_eq!(name(&[(79, &[2])]), "EAP");
        assert_eq!(name(&[(79, &[2, 7, 0, 9, 200])]), "EAP");
    }

    // test of RFC 2865 s4.1
    #[test]
    fn refuses_to_choose_between_several() {
        let hidden: &[u8] = &[0; 16];
        assert_eq!(name(&[(2, hidden), (3, &[0; 17])]), "several");
        assert_eq!(name(&[(2, hidden), (2, hidden)]), "several");
        assert_eq!(name(&[(2, hidden), (79, &[2, 7, 0, 9, 6])]), "several");
        assert_eq!(name(&[(26, MS_CHAP2), (2, hidden)]), "several");
        assert_eq!(name(&[(2, hidden), (26, MS_CHAP2), (2, hidden)]), "several");
        let both = [0, 0, 1, 55, 1, 3, 1, 25, 3, 1];
        assert_eq!(name(&[(26, &both)]), "several");
        assert_eq!(
            name(&[(79, &[1, 0, 0, 5, 6]), (3, &[0; 17]), (79, &[1])]),
            "several"
        );
    }
}
