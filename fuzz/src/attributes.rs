//! What stands in a packet whose frame is right, and what a configuration may put into a reply.

use mfad::radius::{
    AttributeType, Credentials, HEADER_OCTETS, PACKET_OCTETS_MAX, Packet, ReplyBuilder,
    VendorAttributes, encode, vendor,
};

/// The attributes of an Access-Request.
pub fn walk(attributes: &[u8]) {
    let length = HEADER_OCTETS + attributes.len();
    if length > PACKET_OCTETS_MAX {
        return;
    }
    let [.., high, low] = length.to_be_bytes();
    let mut datagram = vec![1, 7, high, low];
    datagram.extend([9; 16]);
    datagram.extend(attributes);
    let Ok(packet) = Packet::decode(&datagram) else {
        return;
    };
    let mut offers = Vec::new();
    for attribute in packet.attributes() {
        let first = packet.first(attribute.kind).unwrap();
        let mut same = packet.all(attribute.kind);
        assert_eq!(same.next(), Some(first));
        match attribute.kind {
            AttributeType::USER_PASSWORD => offers.push("PAP"),
            AttributeType::CHAP_PASSWORD => offers.push("CHAP"),
            // However many fragments, it is one offer.
            AttributeType::EAP_MESSAGE if !offers.contains(&"EAP") => offers.push("EAP"),
            AttributeType::VENDOR_SPECIFIC => offers.extend(open(attribute.value)),
            _ => {}
        }
    }
    let found = Credentials::of(&packet);
    match offers.as_slice() {
        [] => assert_eq!(found, Credentials::None),
        ["EAP"] => assert!(matches!(found, Credentials::Eap { .. })),
        [one] => assert_eq!(found.name(), *one),
        _ => assert_eq!(found, Credentials::Several),
    }
    if let Credentials::Pap(hidden) = found {
        assert_eq!(packet.first(AttributeType::USER_PASSWORD), Some(hidden));
    }
    assert!(format!("{found:?}").len() < 20, "it shows what was typed");
}

/// The values inside are the octets behind the vendor, up to where they make no sense.
fn open(value: &[u8]) -> Vec<&'static str> {
    let (mut written, mut offers) = (Vec::new(), Vec::new());
    for inner in VendorAttributes::of(value) {
        assert_eq!(value[..4], inner.vendor.to_be_bytes());
        written.extend([inner.kind, inner.value.len() as u8 + 2]);
        written.extend(inner.value);
        match (inner.vendor, inner.kind) {
            (vendor::MICROSOFT, 1) => offers.push("MS-CHAP"),
            (vendor::MICROSOFT, 25) => offers.push("MS-CHAPv2"),
            _ => {}
        }
    }
    assert!(value.get(4..).unwrap_or_default().starts_with(&written));
    offers
}

/// A line `name = text` of a configuration: what is taken can be sent and is none of mfad's own.
pub fn accept(octets: &[u8]) {
    let Ok(line) = std::str::from_utf8(octets) else {
        return;
    };
    let (name, text) = line.split_once('=').unwrap_or((line, ""));
    let Ok(attribute) = encode(name, text) else {
        return;
    };
    assert_eq!(encode(name, text).as_ref(), Ok(&attribute));
    assert!((1..=253).contains(&attribute.value().len()));
    let own = [1, 2, 3, 24, 33, 79, 80];
    assert!(!own.contains(&attribute.kind().0), "{name}");
    let mut buffer = Vec::new();
    let mut builder = ReplyBuilder::accept(1, &[0; 16], &mut buffer);
    builder.encoded(&attribute).unwrap();
    let reply = Packet::decode(builder.finish(b"xyzzy5461")).unwrap();
    assert_eq!(reply.first(attribute.kind()), Some(attribute.value()));
    if attribute.kind() == AttributeType::VENDOR_SPECIFIC {
        assert_eq!(VendorAttributes::of(attribute.value()).count(), 1);
    }
}
