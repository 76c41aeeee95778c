//! From a checked packet to an [`Attempt`]: D3 and D4.
//!
//! Nothing here decides: what cannot be judged (another method than PAP, a State, a name that is
//! none) is put into the attempt as what it is, and the rules refuse it. Texts that end up in log and
//! audit are cut and made printable, because whoever types at a gateway may choose them.

use std::borrow::Cow;
use std::collections::HashSet;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::gateway::Gateway;
use crate::domain::attempt::{Attempt, Proof, Pseudonym};
use crate::domain::event::Source;
use crate::domain::name::login;
use crate::radius::{AttributeType, Credentials, Packet, SharedSecret as _, reveal};
use crate::secret::{SecretBytes, SecretKey};
use crate::time::Now;

/// Characters of a text that a gateway sends for log and audit.
pub const TEXT_CHARS_MAX: usize = 64;

/// Names of devices that are kept; the next one begins anew.
const NAMES_MAX: usize = 1_024;

/// Reads attempts out of packets.
pub(super) struct Reader {
    /// Keyed, for pseudonyms.
    pseudonyms: Hmac<Sha256>,
    empty: Arc<str>,
    /// What devices call themselves: few names, each sent with every request.
    names: HashSet<Arc<str>>,
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
            empty: Arc::from(""),
            names: HashSet::new(),
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
        let (proof, readable) = proof(packet, credentials, typed.is_some(), gateway);
        let user = typed.and_then(|typed| login(typed, &gateway.policy.strip_domain).ok());
        let attempt = Attempt {
            gateway: Arc::clone(&gateway.policy),
            user: user.map(Arc::from),
            pseudonym: self.pseudonym(typed.unwrap_or_default()),
            proof,
            source: Source {
                gateway: Arc::clone(gateway.name()),
                address: SocketAddr::new(peer.ip().to_canonical(), peer.port()),
                station: self.text(packet.first(AttributeType::CALLING_STATION_ID)),
                nas: self.nas(packet),
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

    /// What log and audit call a name that may be no name: people type passwords there.
    fn pseudonym(&self, typed: &[u8]) -> Pseudonym {
        let mut mac = self.pseudonyms.clone();
        mac.update(typed);
        let [a, b, c, d, ..]: [u8; 32] = mac.finalize().into_bytes().into();
        Pseudonym([a, b, c, d])
    }

    fn nas(&mut self, packet: &Packet<'_>) -> Arc<str> {
        let identifier = packet.first(AttributeType::NAS_IDENTIFIER);
        if let Some(identifier) = identifier.filter(|it| !it.is_empty()) {
            return self.name(&printable(identifier));
        }
        let address4 = packet.first(AttributeType::NAS_IP_ADDRESS);
        if let Some(address) = address4.and_then(|it| <[u8; 4]>::try_from(it).ok()) {
            return Arc::from(Ipv4Addr::from(address).to_string());
        }
        let address6 = packet.first(AttributeType::NAS_IPV6_ADDRESS);
        match address6.and_then(|it| <[u8; 16]>::try_from(it).ok()) {
            Some(address) => Arc::from(Ipv6Addr::from(address).to_string()),
            None => Arc::clone(&self.empty),
        }
    }

    /// The text of a device's name, kept for its next request.
    fn name(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.names.get(text) {
            return Arc::clone(known);
        }
        if self.names.len() >= NAMES_MAX {
            self.names.clear();
        }
        let name: Arc<str> = Arc::from(text);
        self.names.insert(Arc::clone(&name));
        name
    }

    fn text(&self, value: Option<&[u8]>) -> Arc<str> {
        match value {
            None | Some([]) => Arc::clone(&self.empty),
            Some(value) => Arc::from(printable(value)),
        }
    }
}

/// What is presented as proof, and whether it is text.
fn proof(
    packet: &Packet<'_>,
    credentials: Credentials<'_>,
    named: bool,
    gateway: &Gateway,
) -> (Proof, Option<bool>) {
    if packet.first(AttributeType::STATE).is_some() {
        return (Proof::UnknownState, None);
    }
    let Credentials::Pap(hidden) = credentials else {
        return (Proof::Unsupported(credentials.name()), None);
    };
    if !named {
        return (Proof::Unsupported("no User-Name"), None);
    }
    match reveal(hidden, gateway.secret.octets(), packet.authenticator()) {
        Ok(passcode) => {
            let readable = std::str::from_utf8(passcode.expose()).is_ok();
            (Proof::Passcode(passcode), Some(readable))
        }
        // No password can be hidden so: a wrong one, like any other.
        Err(_) => (Proof::Passcode(SecretBytes::copy_of(b"")), None),
    }
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
