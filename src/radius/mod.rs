//! RADIUS bytes and typed packets, both ways: pure.
//!
//! [`Packet`] is a validated look at one datagram: every rule that needs no shared secret is checked
//! once, in [`Packet::decode`], and nothing is copied. What needs the secret is asked of the packet
//! afterwards: [`Packet::check_message_authenticator`], [`Packet::check_reply`], [`reveal`].
//! [`ReplyBuilder`] and [`RequestBuilder`] write into a buffer of the caller's; the same input gives
//! the same bytes. [`encode`] turns the attribute lines of the configuration into wire form, once,
//! when the configuration is read.
//!
//! No packet keeps a secret, and none draws random bytes: both come in as arguments. Whether a
//! request without Message-Authenticator is served is a gateway's policy and not decided here;
//! framing for streams and EAP conversations are not here either.

mod accept_attribute;
mod attribute;
mod authenticator;
mod credentials;
mod dictionary;
mod packet;
mod password;
mod reply;
mod request;
mod write;

pub use accept_attribute::{AcceptAttributeError, EncodedAttribute, encode, names};
pub use attribute::{Attribute, Attributes, VendorAttribute, VendorAttributes};
pub use authenticator::{KeyedSecret, MessageAuthenticatorCheck, ReplyCheck, SharedSecret};
pub use credentials::Credentials;
pub use dictionary::{AttributeType, Code, vendor};
pub use packet::{DecodeError, Packet};
pub use password::{PASSWORD_OCTETS_MAX, PasswordError, hide, reveal, reveal_into};
pub use reply::ReplyBuilder;
pub use request::RequestBuilder;
pub use write::BuildError;

/// Octets of the header: Code, Identifier, Length, Authenticator.
pub const HEADER_OCTETS: usize = 20;

/// Octets of the longest packet.
pub const PACKET_OCTETS_MAX: usize = 4096;

/// Octets of the longest attribute value: a length octet counts 255, two of them are its own header.
pub const VALUE_OCTETS_MAX: usize = 253;

/// Octets of the longest value in a Vendor-Specific attribute: six more go to the vendor's header.
pub const VENDOR_VALUE_OCTETS_MAX: usize = 247;

/// Attributes in one packet; more are only ever sent to make a server work.
pub const ATTRIBUTES_MAX: usize = 200;
