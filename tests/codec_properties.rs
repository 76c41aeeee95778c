//! The RADIUS codec against made-up packets: decode after encode is the identity, no input makes it
//! panic, what is signed verifies, and any change to it does not.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use mfad::radius::{
    AttributeType, Code, Credentials, HEADER_OCTETS, MessageAuthenticatorCheck, PACKET_OCTETS_MAX,
    Packet, ReplyBuilder, RequestBuilder, VendorAttributes, hide, reveal,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

type Attributes = Vec<(u8, Vec<u8>)>;

/// A request in parts.
#[derive(Clone, Debug)]
struct Request {
    identifier: u8,
    authenticator: [u8; 16],
    attributes: Attributes,
    signature_at: Index,
}

impl Request {
    fn build(&self, secret: &[u8]) -> Vec<u8> {
        let mut buffer = Vec::new();
        let mut builder =
            RequestBuilder::access_request(self.identifier, &self.authenticator, &mut buffer);
        let signature_at = self.signature_at.index(self.attributes.len() + 1);
        for (position, (kind, value)) in self.attributes.iter().enumerate() {
            if position == signature_at {
                builder.message_authenticator().unwrap();
            }
            builder.attribute(AttributeType(*kind), value).unwrap();
        }
        if signature_at == self.attributes.len() {
            builder.message_authenticator().unwrap();
        }
        builder.finish(secret).to_vec()
    }
}

fn attributes() -> impl Strategy<Value = Attributes> {
    let kind = prop_oneof![Just(33_u8), Just(26), Just(2), Just(79), 1_u8..=255]
        .prop_filter("the builder's own", |kind| *kind != 80);
    vec((kind, vec(any::<u8>(), 1..=253)), 0..12)
}

fn request() -> impl Strategy<Value = Request> {
    (any::<u8>(), any::<[u8; 16]>(), attributes(), any::<Index>()).prop_map(
        |(identifier, authenticator, attributes, signature_at)| Request {
            identifier,
            authenticator,
            attributes,
            signature_at,
        },
    )
}

/// Calls everything that can be asked of a packet.
fn look_at_everything(datagram: &[u8], secret: &[u8]) {
    let Ok(packet) = Packet::decode(datagram) else {
        return;
    };
    assert!(packet.octets().len() <= PACKET_OCTETS_MAX);
    let walked: usize = packet.attributes().map(|it| it.value.len() + 2).sum();
    assert_eq!(walked + HEADER_OCTETS, packet.octets().len());
    for attribute in packet.attributes() {
        VendorAttributes::of(attribute.value).for_each(drop);
    }
    if let Credentials::Pap(hidden) = Credentials::of(&packet) {
        let _ = reveal(hidden, secret, packet.authenticator());
    }
    let _ = packet.check_message_authenticator(secret);
    let _ = packet.check_reply(secret, &[0; 16]);
    let _ = format!("{packet:?} {:?}", packet.attributes().next());
    let mut buffer = Vec::new();
    let mut builder =
        ReplyBuilder::reject(packet.identifier(), packet.authenticator(), &mut buffer);
    let _ = builder.proxy_states(packet.all(AttributeType::PROXY_STATE));
    let reply = Packet::decode(builder.finish(secret)).unwrap();
    assert!(
        reply
            .check_reply(secret, packet.authenticator())
            .is_authentic()
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn decodes_what_was_built(request in request(), secret in vec(any::<u8>(), 1..100)) {
        let octets = request.build(&secret);
        let packet = Packet::decode(&octets).unwrap();
        prop_assert_eq!(packet.code(), Code::AccessRequest);
        prop_assert_eq!(packet.identifier(), request.identifier);
        prop_assert_eq!(packet.authenticator(), &request.authenticator);
        prop_assert_eq!(packet.octets(), &octets[..]);
        let found: Attributes = packet
            .attributes()
            .filter(|it| it.kind != AttributeType::MESSAGE_AUTHENTICATOR)
            .map(|it| (it.kind.0, it.value.to_vec()))
            .collect();
        prop_assert_eq!(found, request.attributes);
        prop_assert_eq!(
            packet.check_message_authenticator(&secret),
            MessageAuthenticatorCheck::Right
        );
    }

    // test of RFC 3579 s3.2
    #[test]
    fn a_changed_request_is_never_right(
        request in request(),
        secret in vec(any::<u8>(), 1..100),
        at in any::<Index>(),
        bit in 0_u32..8,
    ) {
        let mut octets = request.build(&secret);
        let packet = Packet::decode(&octets).unwrap();
        let mut other_secret = secret.clone();
        other_secret[at.index(secret.len())] ^= 1_u8 << bit;
        prop_assert_eq!(
            packet.check_message_authenticator(&other_secret),
            MessageAuthenticatorCheck::Wrong
        );
        let at = at.index(octets.len());
        octets[at] ^= 1_u8 << bit;
        if let Ok(packet) = Packet::decode(&octets) {
            prop_assert_ne!(
                packet.check_message_authenticator(&secret),
                MessageAuthenticatorCheck::Right
            );
        }
    }

    // test of RFC 2865 s3
    #[test]
    fn a_changed_reply_is_never_authentic(
        request in request(),
        secret in vec(any::<u8>(), 1..100),
        other in any::<[u8; 16]>(),
        at in any::<Index>(),
        bit in 0_u32..8,
    ) {
        prop_assume!(other != request.authenticator);
        let octets = request.build(&secret);
        let packet = Packet::decode(&octets).unwrap();
        let mut buffer = Vec::new();
        let mut builder =
            ReplyBuilder::accept(packet.identifier(), packet.authenticator(), &mut buffer);
        builder.proxy_states(packet.all(AttributeType::PROXY_STATE)).unwrap();
        let mut reply = builder.finish(&secret).to_vec();
        let check = |octets: &[u8], authenticator: &[u8; 16]| {
            Packet::decode(octets).map(|it| it.check_reply(&secret, authenticator))
        };
        let good = check(&reply, &request.authenticator).unwrap();
        prop_assert!(good.is_authentic() && good.message_authenticator_first);
        let moved = check(&reply, &other).unwrap();
        prop_assert!(!moved.response_authenticator);
        prop_assert_eq!(moved.message_authenticator, MessageAuthenticatorCheck::Wrong);
        let at = at.index(reply.len());
        reply[at] ^= 1_u8 << bit;
        if let Ok(changed) = check(&reply, &request.authenticator) {
            prop_assert!(!changed.response_authenticator);
            // The field that carries the Response Authenticator is not part of the HMAC.
            let covered = !(4..HEADER_OCTETS).contains(&at);
            let right = changed.message_authenticator == MessageAuthenticatorCheck::Right;
            prop_assert_eq!(right, !covered);
        }
    }

    #[test]
    fn a_reply_fits_and_repeats(
        request in request(),
        extra in attributes(),
        secret in vec(any::<u8>(), 1..100),
    ) {
        let octets = request.build(&secret);
        let packet = Packet::decode(&octets).unwrap();
        let build = |buffer: &mut Vec<u8>| {
            let mut builder =
                ReplyBuilder::challenge(packet.identifier(), packet.authenticator(), buffer);
            for (kind, value) in &extra {
                let _ = builder.attribute(AttributeType(*kind), value);
            }
            let copied = builder.proxy_states(packet.all(AttributeType::PROXY_STATE)).is_ok();
            (copied, builder.finish(&secret).to_vec())
        };
        let (copied, reply) = build(&mut Vec::new());
        prop_assert!(reply.len() <= PACKET_OCTETS_MAX);
        prop_assert_eq!(&build(&mut vec![0xff; 5000]).1, &reply);
        let reply = Packet::decode(&reply).unwrap();
        prop_assert!(reply.check_reply(&secret, packet.authenticator()).is_authentic());
        let own = extra.iter().filter(|it| it.0 == 33).map(|it| &it.1[..]);
        let wanted: Vec<_> = if copied {
            own.chain(packet.all(AttributeType::PROXY_STATE)).collect()
        } else {
            own.collect()
        };
        prop_assert_eq!(reply.all(AttributeType::PROXY_STATE).collect::<Vec<_>>(), wanted);
    }

    // test of RFC 2865 s5.2
    #[test]
    fn reveals_what_was_hidden(
        password in vec(any::<u8>(), 0..=128),
        secret in vec(any::<u8>(), 0..100),
        authenticator in any::<[u8; 16]>(),
    ) {
        let hidden = hide(&password, &secret, &authenticator).unwrap();
        let padding = password.iter().rev().take_while(|it| **it == 0).count();
        let wanted = &password[..password.len() - padding];
        prop_assert!(reveal(&hidden, &secret, &authenticator).unwrap().equals(wanted));
    }

    #[test]
    fn arbitrary_octets_never_panic(datagram in vec(any::<u8>(), 0..5000)) {
        look_at_everything(&datagram, b"xyzzy5461");
    }

    #[test]
    fn arbitrary_attributes_never_panic(
        code in prop_oneof![Just(1_u8), Just(12), any::<u8>()],
        attributes in vec(prop_oneof![0_u8..20, Just(26), Just(79), Just(80), any::<u8>()], 0..100),
    ) {
        let mut datagram = vec![code, 0, 0, 20 + u8::try_from(attributes.len()).unwrap()];
        datagram.extend([7; 16]);
        datagram.extend(attributes);
        look_at_everything(&datagram, b"xyzzy5461");
    }

    #[test]
    fn mutated_packets_never_panic(
        request in request(),
        changes in vec((any::<Index>(), any::<u8>()), 1..8),
        cut in any::<Index>(),
    ) {
        let mut datagram = request.build(b"xyzzy5461");
        for (at, octet) in changes {
            let at = at.index(datagram.len());
            datagram[at] = octet;
        }
        look_at_everything(&datagram, b"xyzzy5461");
        datagram.truncate(cut.index(datagram.len()));
        look_at_everything(&datagram, b"xyzzy5461");
    }
}
