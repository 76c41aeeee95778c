//! What RADIUS asks for, on the wire.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use mfad::radius::{AttributeType, RequestBuilder};

use crate::common::daemon::Site;
use crate::common::gateway::{ACCEPT, Port, REJECT};
use crate::common::ledger::Ledger;
use crate::common::people::{PIN, Person};

/// Long enough that an answer would have come, the reject delay being 0.1 s.
const A_WHILE: Duration = Duration::from_millis(400);

/// The `CHAP-Password` of RFC 2865 s5.3.
const CHAP_PASSWORD: AttributeType = AttributeType(3);
const PROXY_STATE: AttributeType = AttributeType(33);
const EAP_MESSAGE: AttributeType = AttributeType(79);

#[test]
fn tells_that_it_lives() {
    let daemon = Site::new(&[]).start();
    let port = daemon.gateway("gw-pin").port();
    let status = |signed: bool, number: u8| {
        let mut octets = Vec::new();
        let authenticator = mfad::sys::random::array().unwrap();
        let mut request = RequestBuilder::status_server(number, &authenticator, &mut octets);
        if signed {
            request.message_authenticator().unwrap();
        }
        let _ = request.finish(port.secret());
        octets
    };
    // RFC 5997 s3.
    assert_eq!(port.ask(&status(true, 1)).code, ACCEPT);
    assert!(port.is_silent(&status(false, 2), A_WHILE));
}

#[test]
fn an_unsigned_or_badly_signed_request_gets_no_answer() {
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let code = alice.code();
    let mut port = daemon.gateway("gw-none").port();
    let bare = |request: &mut RequestBuilder<'_>, secret: &[u8]| {
        request
            .attribute(AttributeType::USER_NAME, b"alice")
            .unwrap();
        request.user_password(code.as_bytes(), secret).unwrap();
    };
    let unsigned = port.build(bare);
    assert!(port.is_silent(&unsigned, A_WHILE), "unsigned");
    let signed = port.request("alice", &code);
    for octet in 22..38 {
        let mut changed = signed.clone();
        changed[octet] ^= 1;
        let _ = port.socket.send(&changed);
    }
    let mut other = signed.clone();
    other[19] ^= 1;
    assert!(
        port.is_silent(&other, A_WHILE),
        "signed for another Request Authenticator"
    );
    let mut twice = signed.clone();
    twice.extend_from_slice(&signed[20..38]);
    set_length(&mut twice);
    sign(&mut twice, &port);
    assert!(port.is_silent(&twice, A_WHILE), "two signatures");
    // All of this has used nothing up, and a signature may stand anywhere.
    let last = port.build(|request, secret| {
        bare(request, secret);
        request.message_authenticator().unwrap();
    });
    assert_eq!(port.ask(&last).code, ACCEPT);
}

#[test]
fn a_gateway_that_does_not_sign_is_served_only_where_the_configuration_says_so() {
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let mut port = daemon.gateway("gw-pam").port();
    let passcode = format!("{PIN}{}", alice.code());
    let unsigned = |proxied: bool| {
        let passcode = passcode.clone();
        move |request: &mut RequestBuilder<'_>, secret: &[u8]| {
            request
                .attribute(AttributeType::USER_NAME, b"alice")
                .unwrap();
            request.user_password(passcode.as_bytes(), secret).unwrap();
            if proxied {
                request.attribute(PROXY_STATE, b"chosen prefix").unwrap();
            }
        }
    };
    // The shape of CVE-2024-3596.
    let proxied = port.build(unsigned(true));
    assert!(port.is_silent(&proxied, A_WHILE));
    let plain = port.build(unsigned(false));
    assert_eq!(port.ask(&plain).code, ACCEPT);
}

#[test]
fn a_stranger_gets_no_answer() {
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let mut gateway = daemon.gateway("gw-none");
    gateway.source = IpAddr::from(Ipv4Addr::new(127, 0, 0, 200));
    let mut port = gateway.port();
    let request = port.request("alice", &alice.code());
    assert!(
        port.is_silent(&request, A_WHILE),
        "an address of no gateway"
    );
    let mut gateway = daemon.gateway("gw-none");
    gateway.secret = daemon.gateway("gw-pin").secret;
    let mut port = gateway.port();
    let request = port.request("alice", &alice.code());
    assert!(
        port.is_silent(&request, A_WHILE),
        "the secret of another gateway"
    );
}

#[test]
fn methods_that_are_not_offered_are_refused() {
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let mut port = daemon.gateway("gw-none").port();
    let code = alice.code();
    let chap = port.build(|request, _| {
        request.message_authenticator().unwrap();
        request
            .attribute(AttributeType::USER_NAME, b"alice")
            .unwrap();
        request.attribute(CHAP_PASSWORD, &[7; 17]).unwrap();
    });
    let eap = port.build(|request, _| {
        request.message_authenticator().unwrap();
        request
            .attribute(AttributeType::USER_NAME, b"alice")
            .unwrap();
        request
            .attribute(EAP_MESSAGE, &[2, 1, 0, 10, 1, b'a', b'l', b'i', b'c', b'e'])
            .unwrap();
    });
    let state = port.build(|request, secret| {
        request.message_authenticator().unwrap();
        request
            .attribute(AttributeType::USER_NAME, b"alice")
            .unwrap();
        request.user_password(code.as_bytes(), secret).unwrap();
        request.attribute(AttributeType::STATE, &[9; 16]).unwrap();
    });
    let nameless = port.build(|request, secret| {
        request.message_authenticator().unwrap();
        request.user_password(code.as_bytes(), secret).unwrap();
    });
    for (what, request) in [
        ("CHAP", chap),
        ("EAP", eap),
        ("State", state),
        ("no name", nameless),
    ] {
        assert_eq!(port.ask(&request).code, REJECT, "{what}");
    }
    assert!(
        port.login("alice", &code),
        "none of it has used the code up"
    );
}

#[test]
fn a_repeated_datagram_gets_the_same_octets_and_counts_once() {
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let mut port = daemon.gateway("gw-none").port();
    let wrong: Vec<String> = alice.wrong_codes().take(4).collect();
    let first = port.request("alice", &wrong[0]);
    let second = port.request("alice", &wrong[1]);
    let replies = [port.ask(&first), port.ask(&second)];
    // In turns, so that neither is merely the last wrong passcode once more.
    for _ in 0..4 {
        assert_eq!(port.ask(&first), replies[0]);
        assert_eq!(port.ask(&second), replies[1]);
    }
    assert!(!port.login("alice", &wrong[2]));
    assert!(!port.login("alice", &wrong[3]));
    let right = port.request("alice", &alice.code());
    let accepted = port.ask(&right);
    assert_eq!(accepted.code, ACCEPT, "four failures, not more");
    for _ in 0..4 {
        assert_eq!(port.ask(&right), accepted);
    }
    // The same identifier from the same port, and another request.
    let mut other = port.build(|request, secret| {
        request.message_authenticator().unwrap();
        request
            .attribute(AttributeType::USER_NAME, b"alice")
            .unwrap();
        request
            .user_password(alice.code().as_bytes(), secret)
            .unwrap();
    });
    other[1] = right[1];
    sign(&mut other, &port);
    let reply = port.ask(&other);
    assert_eq!(reply.code, ACCEPT);
    assert_ne!(reply, accepted);
    let ledger = Ledger::of(&daemon.stop());
    assert_eq!(ledger.count("auth.accept", "alice"), 2);
    assert_eq!(ledger.count("auth.reject", "alice"), 4);
}

#[test]
fn what_follows_the_packet_in_a_datagram_is_passed_over() {
    let mut alice = Person::new("alice");
    let daemon = Site::new(std::slice::from_ref(&alice)).start();
    let mut port = daemon.gateway("gw-none").port();
    // RFC 2865 s3: octets outside the range of the Length field are padding.
    let mut padded = port.request("alice", &alice.code());
    padded.extend_from_slice(&[0xa5; 40]);
    assert_eq!(port.ask(&padded).code, ACCEPT);
    let mut cut = port.request("alice", &alice.code());
    cut.pop();
    assert!(port.is_silent(&cut, A_WHILE));
}

#[test]
fn serves_ipv6() {
    let mut alice = Person::new("alice");
    let site = Site::new(std::slice::from_ref(&alice));
    if !site.has_six() {
        println!("skipped: no IPv6 on loopback");
        return;
    }
    let daemon = site.start();
    let gateway = daemon.gateway("gw-six");
    gateway.lets_in("alice", &format!("{PIN}{}", alice.code()));
    gateway.keeps_out("alice", &format!("{PIN}{}", alice.wrong_code()));
}

fn set_length(packet: &mut [u8]) {
    let length = u16::try_from(packet.len()).unwrap();
    packet[2..4].copy_from_slice(&length.to_be_bytes());
}

/// Signs a packet whose first attribute is its Message-Authenticator.
fn sign(packet: &mut [u8], port: &Port) {
    packet[22..38].fill(0);
    let signature = crate::common::gateway::signature(packet, port.secret());
    packet[22..38].copy_from_slice(&signature);
}
