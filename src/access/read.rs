//! From a checked packet to an [`Attempt`]: D3 and D4.
//!
//! Nothing here decides: what cannot be judged (another method than PAP, a State that is none of
//! ours, a name that is none) is put into the attempt as what it is, and the rules refuse it. Texts
//! that end up in log and audit are cut and made printable, because whoever types at a gateway may
//! choose them.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use smol_str::{SmolStr, ToSmolStr as _};

use super::gateway::Gateway;
use crate::domain::attempt::{Attempt, Proof, Pseudonym};
use crate::domain::dialogue::Handle;
use crate::domain::event::Source;
use crate::domain::name::login;
use crate::radius::{
    AttributeType, Credentials, PASSWORD_OCTETS_MAX, Packet, SharedSecret as _, reveal_into,
};
use crate::secret::{SecretBytes, SecretKey};
use crate::time::Now;

/// Characters of a text that a gateway sends for log and audit.
pub const TEXT_CHARS_MAX: usize = 64;

/// Passcodes whose room is kept: as many as wait for the writer by default.
const SPARE_MAX: usize = 1_024;

/// Reads attempts out of packets.
pub(super) struct Reader {
    /// Keyed, for pseudonyms.
    pseudonyms: Hmac<Sha256>,
    /// Room for passcodes, so that no attempt asks the system for its own; wiped.
    spare: Vec<SecretBytes>,
}

/// An attempt, and what statistics want to know of it.
pub(super) struct Reading {
    pub(super) attempt: Attempt,
    pub(super) method: &'static str,
    /// The password is text; none if there is no password.
    pub(super) readable: Option<bool>,
}

impl Reader {
    #[expect(
        clippy::expect_used,
        reason = "HMAC takes a key of any length (RFC 2104 s2)"
    )]
    pub(super) fn new(pseudonym_key: &SecretKey) -> Self {
        let key = pseudonym_key.expose();
        Self {
            pseudonyms: Hmac::new_from_slice(key).expect("any key length"),
            spare: Vec::new(),
        }
    }

    /// Reads an Access-Request that has passed the checks of D1.
    pub(super) fn read(
        &mut self,
        packet: &Packet<'_>,
        gateway: &Gateway,
        peer: SocketAddr,
        digest: [u8; 32],
        now: Now,
    ) -> Reading {
        let typed = packet.first(AttributeType::USER_NAME);
        let credentials = Credentials::of(packet);
        let (proof, readable) = self.proof(packet, credentials, typed.is_some(), gateway);
        let user = typed.and_then(|typed| login(typed, &gateway.policy.strip_domain).ok());
        let attempt = Attempt {
            gateway: Arc::clone(&gateway.policy),
            user: user.map(SmolStr::from),
            pseudonym: self.pseudonym(typed.unwrap_or_default()),
            proof,
            source: Source {
                gateway: Arc::clone(gateway.name()),
                address: SocketAddr::new(peer.ip().to_canonical(), peer.port()),
                station: text(packet.first(AttributeType::CALLING_STATION_ID)),
                nas: nas(packet),
            },
            digest,
            received: now,
        };
        Reading {
            attempt,
            method: credentials.name(),
            readable,
        }
    }

    /// Takes passcodes that are not needed any more, for their room.
    pub(super) fn reuse(&mut self, spent: &mut Vec<SecretBytes>) {
        let wanted = SPARE_MAX.saturating_sub(self.spare.len());
        for mut passcode in spent.drain(..).take(wanted) {
            passcode.wipe();
            self.spare.push(passcode);
        }
    }

    /// What is presented as proof, and whether it is text.
    fn proof(
        &mut self,
        packet: &Packet<'_>,
        credentials: Credentials<'_>,
        named: bool,
        gateway: &Gateway,
    ) -> (Proof, Option<bool>) {
        let Credentials::Pap(hidden) = credentials else {
            return (Proof::Unsupported(credentials.name()), None);
        };
        if !named {
            return (Proof::Unsupported("no User-Name"), None);
        }
        let fresh = || SecretBytes::with_room(PASSWORD_OCTETS_MAX);
        let mut passcode = self.spare.pop().unwrap_or_else(fresh);
        let secret = gateway.secret.octets();
        // What cannot be hidden so is a wrong password, like any other: an empty one.
        let readable = reveal_into(hidden, secret, packet.authenticator(), &mut passcode)
            .ok()
            .map(|()| std::str::from_utf8(passcode.expose()).is_ok());
        let proof = match packet.first(AttributeType::STATE) {
            None => Proof::Passcode(passcode),
            Some(state) => Proof::Answer {
                handle: Handle::parse(state),
                passcode,
            },
        };
        (proof, readable)
    }

    /// What log and audit call a name that may be no name: people type passwords there.
    fn pseudonym(&self, typed: &[u8]) -> Pseudonym {
        let mut mac = self.pseudonyms.clone();
        mac.update(typed);
        let [a, b, c, d, ..]: [u8; 32] = mac.finalize().into_bytes().into();
        Pseudonym([a, b, c, d])
    }
}

/// What a gateway calls itself.
fn nas(packet: &Packet<'_>) -> SmolStr {
    let identifier = packet.first(AttributeType::NAS_IDENTIFIER);
    if let Some(identifier) = identifier.filter(|it| !it.is_empty()) {
        return text(Some(identifier));
    }
    let address4 = packet.first(AttributeType::NAS_IP_ADDRESS);
    if let Some(address) = address4.and_then(|it| <[u8; 4]>::try_from(it).ok()) {
        return Ipv4Addr::from(address).to_smolstr();
    }
    let address6 = packet.first(AttributeType::NAS_IPV6_ADDRESS);
    let address6 = address6.and_then(|it| <[u8; 16]>::try_from(it).ok());
    address6.map_or_else(SmolStr::default, |it| Ipv6Addr::from(it).to_smolstr())
}

/// What a gateway says about itself or its client; empty if it says nothing.
fn text(value: Option<&[u8]>) -> SmolStr {
    value.map_or_else(SmolStr::default, |value| SmolStr::from(printable(value)))
}

/// The text with everything replaced that could disturb a log line or a terminal.
fn printable(value: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(value);
    let harmless = |text: &str| {
        text.len() <= TEXT_CHARS_MAX && text.bytes().all(|octet| matches!(octet, b' '..=b'~'))
    };
    if harmless(&text) {
        return text;
    }
    let signs = text.chars().take(TEXT_CHARS_MAX);
    signs.map(|c| if disturbs(c) { '?' } else { c }).collect()
}

/// Control characters, and those that are not seen or turn the direction of what follows.
fn disturbs(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_texts_printable_and_short() {
        assert_eq!(printable(b"203.0.113.9"), "203.0.113.9");
        assert_eq!(printable(b"a\nb\x1b[31m\0"), "a?b?[31m?");
        assert_eq!(printable("a\u{202e}b\u{200b}é".as_bytes()), "a?b?é");
        assert_eq!(printable(&[b'a', 0xff]), "a\u{fffd}");
        assert_eq!(printable(&[b'a'; 253]).len(), 64);
        assert_eq!(printable("é".repeat(100).as_bytes()).chars().count(), 64);
    }

    #[test]
    fn a_pseudonym_depends_on_key_and_name() {
        let reader = |key| Reader::new(&SecretKey::new([key; 32]));
        let name = reader(1).pseudonym(b"hunter2");
        assert!(name.to_string().bytes().all(|b| b.is_ascii_hexdigit()));
        assert_eq!(name.to_string().len(), 8);
        assert_eq!(name, reader(1).pseudonym(b"hunter2"));
        assert_ne!(name, reader(1).pseudonym(b"hunter3"));
        assert_ne!(name, reader(2).pseudonym(b"hunter2"));
    }
}
