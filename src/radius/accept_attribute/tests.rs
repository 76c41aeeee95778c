//! What configured attributes become, and which are refused.

use super::*;
use AcceptAttributeError as E;

fn octets(name: &str, text: &str) -> Result<(u8, Vec<u8>), E> {
    encode(name, text).map(|it| (it.kind().0, it.value().to_vec()))
}

#[test]
fn encodes_each_kind_of_value() {
    assert_eq!(
        octets("Class", "OU=staff;"),
        Ok((25, b"OU=staff;".to_vec()))
    );
    assert_eq!(
        octets("Session-Timeout", "28800"),
        Ok((27, vec![0, 0, 0x70, 0x80]))
    );
    assert_eq!(
        octets("Framed-IP-Address", "192.0.2.7"),
        Ok((8, vec![192, 0, 2, 7]))
    );
    assert_eq!(octets("Service-Type", "Framed"), Ok((6, vec![0, 0, 0, 2])));
    assert_eq!(octets("Service-Type", "2"), Ok((6, vec![0, 0, 0, 2])));
    let prefix = octets("Delegated-IPv6-Prefix", "2001:db8::/56").unwrap();
    assert_eq!(prefix.1[..8], [0, 56, 0x20, 0x01, 0x0d, 0xb8, 0, 0]);
    assert_eq!(prefix.1.len(), 18);
}

// test of RFC 2865 s5.26
#[test]
fn wraps_vendor_values() {
    let group = b"\0\0\x30\x44\x01\x07staff".to_vec();
    assert_eq!(
        octets("Fortinet-Group-Name", "staff"),
        Ok((26, group.clone()))
    );
    assert_eq!(octets("12356:1:hex", "7374616666"), Ok((26, group)));
    assert_eq!(octets("0:25:hex", "00fF"), Ok((25, vec![0, 0xff])));
}

// test of RFC 2869 s5.16
// test of RFC 3162 s2.3
#[test]
fn refuses_what_cannot_be_sent() {
    assert_eq!(octets("Class", ""), Err(E::Empty));
    assert_eq!(octets("0:25:hex", ""), Err(E::Empty));
    assert_eq!(octets("Class", "a\0b"), Err(E::Nul));
    let long = "x".repeat(254);
    assert!(octets("Class", &long[..253]).is_ok());
    assert_eq!(
        octets("Class", &long),
        Err(E::TooLong {
            octets: 254,
            octets_max: 253
        })
    );
    assert_eq!(octets("Cisco-AVPair", &long[..247]).unwrap().1.len(), 253);
    let too_long = E::TooLong {
        octets: 248,
        octets_max: 247,
    };
    assert_eq!(octets("Cisco-AVPair", &long[..248]), Err(too_long));
    let interval = E::NotANumber {
        min: 60,
        max: u32::MAX,
    };
    assert_eq!(octets("Acct-Interim-Interval", "59"), Err(interval));
    assert_eq!(octets("Framed-IP-Address", "192.0.2"), Err(E::NotIpv4));
    assert_eq!(octets("Framed-IPv6-Address", "192.0.2.1"), Err(E::NotIpv6));
    for prefix in ["2001:db8::1/56", "2001:db8::/129", "2001:db8::"] {
        assert_eq!(
            octets("Framed-IPv6-Prefix", prefix),
            Err(E::NotIpv6Prefix),
            "{prefix}"
        );
    }
    for text in ["0", "0g", "é"] {
        assert_eq!(octets("0:25:hex", text), Err(E::NotHex), "{text}");
    }
    for name in ["Clas", "1:2", "1:2:hex:", "16777216:1:hex", "1:256:hex", ""] {
        assert_eq!(octets(name, "00"), Err(E::UnknownName), "{name}");
    }
}

#[test]
fn refuses_what_no_configuration_may_set() {
    for (name, kind) in RESERVED {
        assert_eq!(octets(name, "x"), Err(E::Reserved));
        assert_eq!(octets(&format!("0:{kind}:hex"), "00"), Err(E::Reserved));
    }
    assert_eq!(octets("0:0:hex", "00"), Err(E::Reserved));
    assert_eq!(octets("9:0:hex", "00"), Err(E::Reserved));
    for text in ["Login", "1", "8", "Administrative"] {
        assert_eq!(octets("Service-Type", text), Err(E::ServiceType));
    }
    assert_eq!(octets("0:6:hex", "00000006"), Err(E::ServiceType));
}

#[test]
fn names_are_unique() {
    let mut seen: Vec<_> = names().collect();
    seen.sort_unstable();
    assert!(seen.windows(2).all(|pair| pair[0] != pair[1]));
}

#[test]
fn every_name_that_is_offered_can_be_set() {
    let known: Vec<&str> = names().collect();
    assert!(known.contains(&"Class") && known.contains(&"Cisco-AVPair"));
    for name in known {
        let error = octets(name, "").unwrap_err();
        assert_eq!(error, E::Empty, "{name}");
    }
}
