//! Numbers of the protocol: packet codes, attribute types and vendors that mfad itself reads or writes.
//!
//! [`Code`] is closed, because a packet with another code is discarded; [`AttributeType`] is open,
//! because an unknown attribute is passed over. The names a configuration may use for attributes of
//! an Access-Accept are a table of their own, in `accept_attribute`.

use std::fmt;

/// What a packet is: the first octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Code {
    /// A gateway asks for a login.
    AccessRequest = 1,
    /// The login is granted.
    AccessAccept = 2,
    /// The login is refused.
    AccessReject = 3,
    /// A gateway reports a session.
    AccountingRequest = 4,
    /// The report is stored.
    AccountingResponse = 5,
    /// The gateway is to ask its user once more.
    AccessChallenge = 11,
    /// A gateway asks whether the server lives.
    StatusServer = 12,
    /// A gateway is told to end a session.
    DisconnectRequest = 40,
    /// It did.
    DisconnectAck = 41,
    /// It did not.
    DisconnectNak = 42,
    /// A gateway is told to change a session.
    CoaRequest = 43,
    /// It did.
    CoaAck = 44,
    /// It did not.
    CoaNak = 45,
    /// A request was understood and cannot be served.
    ProtocolError = 52,
}

impl Code {
    /// Finds the code of an octet; `None` for a packet that is to be discarded.
    #[must_use]
    pub fn from_octet(octet: u8) -> Option<Self> {
        Some(match octet {
            1 => Self::AccessRequest,
            2 => Self::AccessAccept,
            3 => Self::AccessReject,
            4 => Self::AccountingRequest,
            5 => Self::AccountingResponse,
            11 => Self::AccessChallenge,
            12 => Self::StatusServer,
            40 => Self::DisconnectRequest,
            41 => Self::DisconnectAck,
            42 => Self::DisconnectNak,
            43 => Self::CoaRequest,
            44 => Self::CoaAck,
            45 => Self::CoaNak,
            52 => Self::ProtocolError,
            _ => return None,
        })
    }

    /// Gives the octet on the wire.
    #[must_use]
    pub fn octet(self) -> u8 {
        self as u8
    }
}

/// The type octet of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AttributeType(pub u8);

/// The types that mfad reads or writes by itself, under the names of the RFCs.
#[expect(missing_docs, reason = "the names are those of the RFCs")]
impl AttributeType {
    pub const USER_NAME: Self = Self(1);
    pub const USER_PASSWORD: Self = Self(2);
    pub const CHAP_PASSWORD: Self = Self(3);
    pub const NAS_IP_ADDRESS: Self = Self(4);
    pub const NAS_PORT: Self = Self(5);
    pub const SERVICE_TYPE: Self = Self(6);
    pub const FRAMED_IP_ADDRESS: Self = Self(8);
    pub const REPLY_MESSAGE: Self = Self(18);
    pub const STATE: Self = Self(24);
    pub const CLASS: Self = Self(25);
    pub const VENDOR_SPECIFIC: Self = Self(26);
    pub const SESSION_TIMEOUT: Self = Self(27);
    pub const CALLED_STATION_ID: Self = Self(30);
    pub const CALLING_STATION_ID: Self = Self(31);
    pub const NAS_IDENTIFIER: Self = Self(32);
    pub const PROXY_STATE: Self = Self(33);
    pub const PROMPT: Self = Self(76);
    pub const CONNECT_INFO: Self = Self(77);
    pub const EAP_MESSAGE: Self = Self(79);
    pub const MESSAGE_AUTHENTICATOR: Self = Self(80);
    pub const NAS_IPV6_ADDRESS: Self = Self(95);
}

impl fmt::Display for AttributeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Vendor numbers, as IANA gave them to enterprises.
#[expect(missing_docs, reason = "the names are those of the vendors")]
pub mod vendor {
    pub const CISCO: u32 = 9;
    pub const CITRIX: u32 = 66;
    pub const MICROSOFT: u32 = 311;
    pub const CHECK_POINT: u32 = 2620;
    pub const JUNIPER: u32 = 2636;
    pub const CISCO_ASA: u32 = 3076;
    pub const NETSCREEN: u32 = 3224;
    pub const SONICWALL: u32 = 8741;
    pub const FORTINET: u32 = 12356;
    pub const MIKROTIK: u32 = 14988;
    pub const PALO_ALTO: u32 = 25461;
}
