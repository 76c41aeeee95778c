//! The two proofs of a packet: the Message-Authenticator and the Response Authenticator.
//!
//! The HMAC is fed the parts of the packet around the Message-Authenticator, so that no copy with
//! zeroed octets is made. Comparisons take the same time wherever the first difference lies.
//!
//! MD5 is what the protocol has. The Message-Authenticator (an HMAC) still proves who sent a packet;
//! a Response Authenticator alone can be forged by someone on the path (CVE-2024-3596), which is why
//! [`ReplyCheck::is_authentic`] wants both.

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};

use super::dictionary::{AttributeType, Code};
use super::packet::Packet;
use crate::secret::{SecretBytes, equal};

/// What proofs are made with: octets, or a [`KeyedSecret`].
pub trait SharedSecret {
    /// The octets.
    fn octets(&self) -> &[u8];

    /// The HMAC keyed with them, before any message.
    fn hmac(&self) -> Hmac<Md5>;
}

impl<T: AsRef<[u8]> + ?Sized> SharedSecret for T {
    fn octets(&self) -> &[u8] {
        self.as_ref()
    }

    #[expect(
        clippy::expect_used,
        reason = "HMAC takes a key of any length (RFC 2104 s2)"
    )]
    fn hmac(&self) -> Hmac<Md5> {
        Hmac::new_from_slice(self.as_ref()).expect("any key length")
    }
}

/// A shared secret for many packets: the half of a short HMAC that depends on the key alone is done
/// once.
pub struct KeyedSecret {
    octets: SecretBytes,
    hmac: Hmac<Md5>,
}

impl KeyedSecret {
    /// Does the key schedule.
    #[must_use]
    pub fn new(octets: &[u8]) -> Self {
        Self {
            octets: SecretBytes::copy_of(octets),
            hmac: octets.hmac(),
        }
    }
}

impl SharedSecret for KeyedSecret {
    fn octets(&self) -> &[u8] {
        self.octets.expose()
    }

    fn hmac(&self) -> Hmac<Md5> {
        self.hmac.clone()
    }
}

/// What the Message-Authenticator of a packet proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub enum MessageAuthenticatorCheck {
    /// There is none: the gateway's setting decides whether that will do.
    Absent,
    /// Who sent the packet knows the shared secret, and nobody changed an octet.
    Right,
    /// The packet is to be discarded and to leave no trace in any cache.
    Wrong,
}

/// What a reply proves to the one who sent the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct ReplyCheck {
    /// Verdict on the Message-Authenticator, computed with the Request Authenticator.
    pub message_authenticator: MessageAuthenticatorCheck,
    /// The Message-Authenticator is the first attribute, as careful clients demand.
    pub message_authenticator_first: bool,
    /// The Response Authenticator is right.
    pub response_authenticator: bool,
}

impl ReplyCheck {
    /// Says whether the reply may be believed: both proofs there, both right.
    #[must_use]
    pub fn is_authentic(&self) -> bool {
        self.response_authenticator
            && self.message_authenticator == MessageAuthenticatorCheck::Right
    }
}

impl Packet<'_> {
    /// Checks the Message-Authenticator of a request. That of a reply covers the authenticator of
    /// its request, so here it is always wrong: see [`Packet::check_reply`].
    pub fn check_message_authenticator(
        &self,
        secret: &(impl SharedSecret + ?Sized),
    ) -> MessageAuthenticatorCheck {
        match self.code() {
            // RFC 3579 s3.2: HMAC-MD5 over the packet with the Message-Authenticator taken as zeros.
            Code::AccessRequest | Code::StatusServer => {
                self.check_signature(secret, self.authenticator)
            }
            // RFC 5176 s3.4: computed with a Request Authenticator of sixteen zeros.
            Code::AccountingRequest | Code::DisconnectRequest | Code::CoaRequest => {
                self.check_signature(secret, &ZEROS)
            }
            _ if self.signature.is_none() => MessageAuthenticatorCheck::Absent,
            _ => MessageAuthenticatorCheck::Wrong,
        }
    }

    /// Checks this reply against the authenticator of the request it answers.
    pub fn check_reply(
        &self,
        secret: &(impl SharedSecret + ?Sized),
        request_authenticator: &[u8; 16],
    ) -> ReplyCheck {
        let expected = response_authenticator(
            self.head,
            request_authenticator,
            self.attribute_octets(),
            secret.octets(),
        );
        let first = self.attributes().next().map(|it| it.kind);
        ReplyCheck {
            message_authenticator: self.check_signature(secret, request_authenticator),
            message_authenticator_first: first == Some(AttributeType::MESSAGE_AUTHENTICATOR),
            response_authenticator: equal(&expected, self.authenticator),
        }
    }

    fn check_signature(
        &self,
        secret: &(impl SharedSecret + ?Sized),
        authenticator: &[u8; 16],
    ) -> MessageAuthenticatorCheck {
        let Some(signature) = self.signature else {
            return MessageAuthenticatorCheck::Absent;
        };
        let parts: [&[u8]; 5] = [
            self.head,
            authenticator,
            signature.before,
            &ZEROS,
            signature.after,
        ];
        if equal(&message_authenticator(secret, &parts), signature.value) {
            MessageAuthenticatorCheck::Right
        } else {
            MessageAuthenticatorCheck::Wrong
        }
    }
}

/// Computes a Message-Authenticator over a packet that is given in parts.
pub(super) fn message_authenticator(
    secret: &(impl SharedSecret + ?Sized),
    parts: &[&[u8]],
) -> [u8; 16] {
    let mut hmac = secret.hmac();
    for part in parts {
        hmac.update(part);
    }
    hmac.finalize().into_bytes().into()
}

/// Computes a Response Authenticator; `head` is code, identifier and length.
// RFC 2865 s3: MD5(Code + ID + Length + RequestAuth + Attributes + Secret).
pub(super) fn response_authenticator(
    head: &[u8; 4],
    request_authenticator: &[u8; 16],
    attributes: &[u8],
    secret: &[u8],
) -> [u8; 16] {
    let mut md5 = Md5::new();
    md5.update(head);
    md5.update(request_authenticator);
    md5.update(attributes);
    md5.update(secret);
    md5.finalize().into()
}

/// What stands in a Message-Authenticator while it is computed.
pub(super) const ZEROS: [u8; 16] = [0; 16];

#[cfg(test)]
mod tests {
    use super::*;
    use MessageAuthenticatorCheck::{Absent, Right, Wrong};

    const SECRET: &[u8] = b"xyzzy5461";
    const AUTHENTICATOR: [u8; 16] = [5; 16];

    #[test]
    fn a_keyed_secret_is_the_secret() {
        assert_eq!(KeyedSecret::new(SECRET).octets(), SECRET);
    }

    /// A packet of one attribute, signed with `covered` in the header.
    fn signed(code: u8, covered: &[u8; 16]) -> Vec<u8> {
        let (head, kind): ([u8; 4], [u8; 2]) = ([code, 1, 0, 38], [80, 18]);
        let value = message_authenticator(SECRET, &[&head, covered, &kind, &ZEROS]);
        [&head, AUTHENTICATOR.as_slice(), &kind, &value].concat()
    }

    fn check(octets: &[u8]) -> MessageAuthenticatorCheck {
        let packet = Packet::decode(octets).unwrap();
        packet.check_message_authenticator(SECRET)
    }

    // test of RFC 3579 s3.2
    #[test]
    fn a_login_is_signed_with_its_own_authenticator() {
        for code in [1, 12] {
            assert_eq!(check(&signed(code, &AUTHENTICATOR)), Right);
            assert_eq!(check(&signed(code, &ZEROS)), Wrong);
        }
    }

    // test of RFC 5176 s3.4
    #[test]
    fn other_requests_are_signed_with_zeros() {
        for code in [4, 40, 43] {
            assert_eq!(check(&signed(code, &ZEROS)), Right);
            assert_eq!(check(&signed(code, &AUTHENTICATOR)), Wrong);
        }
    }

    #[test]
    fn a_reply_is_not_taken_for_a_request() {
        for code in [2, 3, 5, 11, 41, 42, 44, 45, 52] {
            assert_eq!(check(&signed(code, &AUTHENTICATOR)), Wrong);
            assert_eq!(check(&signed(code, &ZEROS)), Wrong);
            let bare = [&[code, 1, 0, 20], AUTHENTICATOR.as_slice()].concat();
            assert_eq!(check(&bare), Absent);
        }
    }

    // test of RFC 2865 s3
    #[test]
    fn a_reply_needs_both_proofs() {
        let asked = [6; 16];
        let check = |octets: &[u8]| Packet::decode(octets).unwrap().check_reply(SECRET, &asked);
        let resign = |octets: &mut [u8]| {
            let head = octets[..4].try_into().unwrap();
            let proof = response_authenticator(&head, &asked, &octets[20..], SECRET);
            octets[4..20].copy_from_slice(&proof);
        };
        let proofs = |it: ReplyCheck| (it.message_authenticator, it.response_authenticator);

        let mut octets = signed(2, &asked);
        assert_eq!(proofs(check(&octets)), (Right, false));
        assert!(!check(&octets).is_authentic());
        resign(&mut octets);
        assert_eq!(proofs(check(&octets)), (Right, true));
        assert!(check(&octets).is_authentic() && check(&octets).message_authenticator_first);
        octets[37] ^= 1;
        resign(&mut octets);
        assert_eq!(proofs(check(&octets)), (Wrong, true));
        assert!(!check(&octets).is_authentic());
        octets[20] = 18;
        assert!(!check(&octets).message_authenticator_first);
    }
}
