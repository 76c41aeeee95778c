//! Datagrams against a second, naive reading of the RFCs; signatures against a changed bit.

use mfad::radius::{
    ATTRIBUTES_MAX, AttributeType, Code, HEADER_OCTETS, MessageAuthenticatorCheck,
    PACKET_OCTETS_MAX, Packet, ReplyBuilder, RequestBuilder,
};

use super::octets::Octets;

const SECRET: &[u8] = b"xyzzy5461";

/// A datagram as it comes from the network.
pub fn decode(datagram: &[u8]) {
    let decoded = Packet::decode(datagram);
    assert_eq!(decoded.is_ok(), well_formed(datagram), "{decoded:?}");
    let Ok(packet) = decoded else { return };
    let octets = packet.octets();
    assert!((HEADER_OCTETS..=PACKET_OCTETS_MAX).contains(&octets.len()));
    assert!(datagram.starts_with(octets));
    assert_eq!(octets[0], packet.code().octet());
    assert_eq!(octets[1], packet.identifier());
    assert_eq!(&octets[4..HEADER_OCTETS], packet.authenticator());
    let mut walked = octets[..HEADER_OCTETS].to_vec();
    for attribute in packet.attributes() {
        walked.extend([attribute.kind.0, attribute.value.len() as u8 + 2]);
        walked.extend(attribute.value);
    }
    assert_eq!(walked, octets, "the walk leaves something out");
    let shown = format!("{packet:?} {:?}", packet.attributes().next());
    assert!(shown.len() < 200, "a packet shows more than its size");
    if packet.code() == Code::AccessRequest {
        rebuild(&packet);
    }
}

/// The rules of RFC 2865 s3 and s5, RFC 3579 s3 and RFC 5997 s3, read off one after another.
fn well_formed(datagram: &[u8]) -> bool {
    let Some(header) = datagram.get(..HEADER_OCTETS) else {
        return false;
    };
    let length = usize::from(header[2]) << 8 | usize::from(header[3]);
    if !(HEADER_OCTETS..=PACKET_OCTETS_MAX).contains(&length) || length > datagram.len() {
        return false;
    }
    let mut kinds = Vec::new();
    let mut at = HEADER_OCTETS;
    while at < length {
        let kind = datagram[at];
        let octets = if at + 1 < length { datagram[at + 1] } else { 0 };
        if kind == 0 || octets < 2 || (kind == 80 && octets != 18) {
            return false;
        }
        kinds.push(kind);
        at += usize::from(octets);
    }
    let signatures = kinds.iter().filter(|kind| **kind == 80).count();
    let needs_one = header[0] == 12 || kinds.contains(&79);
    at == length
        && Code::from_octet(header[0]).is_some()
        && kinds.len() <= ATTRIBUTES_MAX
        && (signatures == 1 || (signatures == 0 && !needs_one))
}

/// The writer makes the same octets of the same attributes, but for the signature.
fn rebuild(packet: &Packet<'_>) {
    let mut buffer = Vec::new();
    let mut builder =
        RequestBuilder::access_request(packet.identifier(), packet.authenticator(), &mut buffer);
    for attribute in packet.attributes() {
        if attribute.kind == AttributeType::MESSAGE_AUTHENTICATOR {
            builder.message_authenticator().unwrap();
        } else if builder.attribute(attribute.kind, attribute.value).is_err() {
            assert!(attribute.value.is_empty(), "cannot be written");
            return;
        }
    }
    let rebuilt = builder.finish(SECRET);
    let signature = packet.first(AttributeType::MESSAGE_AUTHENTICATOR);
    let at = signature.map(|value| value.as_ptr().addr() - packet.octets().as_ptr().addr());
    for (place, (theirs, ours)) in packet.octets().iter().zip(rebuilt).enumerate() {
        let signed = at.is_some_and(|at| (at..at + 16).contains(&place));
        assert!(signed || theirs == ours, "octet {place}");
    }
    assert_eq!(rebuilt.len(), packet.octets().len());
    let check = Packet::decode(rebuilt)
        .unwrap()
        .check_message_authenticator(SECRET);
    match signature {
        Some(_) => assert_eq!(check, MessageAuthenticatorCheck::Right),
        None => assert_eq!(check, MessageAuthenticatorCheck::Absent),
    }
}

/// A request and its reply, made as the octets say, signed, and then changed in one bit.
pub fn signature(octets: &[u8]) {
    let mut from = Octets(octets);
    let (secret, flip) = (from.part(), from.number());
    let (identifier, authenticator) = (from.octet(), from.array());
    let (first, kind) = (from.octet() & 1 == 0, from.octet());
    let (mut request, mut reply) = (Vec::new(), Vec::new());
    let mut builder = RequestBuilder::access_request(identifier, &authenticator, &mut request);
    if first {
        builder.message_authenticator().unwrap();
    }
    let mut attributes = 1;
    while !from.is_empty() && attributes < ATTRIBUTES_MAX {
        let (kind, value) = (from.octet(), from.part());
        attributes += usize::from(builder.attribute(AttributeType(kind), value).is_ok());
    }
    if !first && builder.message_authenticator().is_err() {
        return;
    }
    let request = builder.finish(secret);
    let packet = Packet::decode(request).unwrap();
    let right = MessageAuthenticatorCheck::Right;
    assert_eq!(packet.check_message_authenticator(secret), right);
    let changed = flipped(request, flip);
    if let Ok(changed) = Packet::decode(&changed) {
        assert_ne!(changed.check_message_authenticator(secret), right);
    }
    let mut builder = match kind % 3 {
        0 => ReplyBuilder::accept(identifier, &authenticator, &mut reply),
        1 => ReplyBuilder::reject(identifier, &authenticator, &mut reply),
        _ => ReplyBuilder::challenge(identifier, &authenticator, &mut reply),
    };
    let copied = builder
        .proxy_states(packet.all(AttributeType::PROXY_STATE))
        .is_ok();
    let reply = builder.finish(secret);
    let answer = Packet::decode(reply).unwrap();
    let check = answer.check_reply(secret, &authenticator);
    assert!(check.is_authentic() && check.message_authenticator_first);
    assert_eq!(answer.identifier(), identifier);
    let states = |packet: &Packet<'_>| {
        let all = packet.all(AttributeType::PROXY_STATE);
        all.map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    assert!(!copied || states(&answer) == states(&packet));
    if let Ok(changed) = Packet::decode(&flipped(reply, flip)) {
        let check = changed.check_reply(secret, &authenticator);
        assert!(!check.is_authentic());
    }
    let answers_nothing_else = answer.check_reply(secret, &authenticator.map(|octet| !octet));
    assert!(!answers_nothing_else.is_authentic());
}

/// The octets with one bit of them changed.
fn flipped(octets: &[u8], at: u16) -> Vec<u8> {
    let mut changed = octets.to_vec();
    let at = usize::from(at) % (octets.len() * 8);
    changed[at / 8] ^= 1 << (at % 8);
    changed
}
