//! Published vectors, byte for byte, through the public interface.
//!
//! The files in `vectors/` hold the packets as printed, also where the RFC has a misprint: those are
//! here as packets that must be refused.

#[cfg(test)]
mod radius {
    use std::collections::BTreeMap;

    use mfad::radius::{
        AttributeType, Code, Credentials, DecodeError, MessageAuthenticatorCheck, Packet,
        RequestBuilder, reveal,
    };

    const SECRET: &[u8] = b"xyzzy5461";
    const RFC2865: &str = include_str!("vectors/rfc2865.txt");
    const RFC5997: &str = include_str!("vectors/rfc5997.txt");

    struct Vectors(BTreeMap<&'static str, Vec<u8>>);

    impl Vectors {
        fn parse(text: &'static str) -> Self {
            let lines = text.lines().filter(|line| !line.starts_with('#'));
            Self(
                lines
                    .map(|line| line.split_once(" = ").unwrap())
                    .map(parse_line)
                    .collect(),
            )
        }

        fn octets(&self, name: &str) -> &[u8] {
            &self.0[name]
        }

        fn packet(&self, name: &str) -> Packet<'_> {
            Packet::decode(self.octets(name)).unwrap()
        }
    }

    fn parse_line((name, hex): (&'static str, &'static str)) -> (&'static str, Vec<u8>) {
        let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
        assert!(rest.is_empty(), "{name}");
        let octet =
            |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        (name, pairs.iter().map(octet).collect())
    }

    fn assert_password(request: &Packet<'_>, password: &[u8]) {
        let Credentials::Pap(hidden) = Credentials::of(request) else {
            panic!("{:?}", Credentials::of(request));
        };
        assert!(
            reveal(hidden, SECRET, request.authenticator())
                .unwrap()
                .equals(password)
        );
        let other = reveal(hidden, b"xyzzy5462", request.authenticator()).unwrap();
        assert!(!other.equals(password));
    }

    fn assert_answers(reply: &Packet<'_>, request: &Packet<'_>) {
        assert_eq!(reply.identifier(), request.identifier());
        let check = reply.check_reply(SECRET, request.authenticator());
        assert!(check.response_authenticator);
        assert_eq!(
            check.message_authenticator,
            MessageAuthenticatorCheck::Absent
        );
        assert!(!check.is_authentic());
        assert!(
            !reply
                .check_reply(b"xyzzy5462", request.authenticator())
                .response_authenticator
        );
        assert!(
            !reply
                .check_reply(SECRET, reply.authenticator())
                .response_authenticator
        );
    }

    fn rebuild(request: &Packet<'_>, password: &[u8]) -> Vec<u8> {
        let mut buffer = Vec::new();
        let mut builder = RequestBuilder::access_request(
            request.identifier(),
            request.authenticator(),
            &mut buffer,
        );
        for attribute in request.attributes() {
            if attribute.kind == AttributeType::USER_PASSWORD {
                builder.user_password(password, SECRET).unwrap();
            } else {
                builder.attribute(attribute.kind, attribute.value).unwrap();
            }
        }
        builder.finish(SECRET).to_vec()
    }

    // test of RFC 2865 s7.1
    #[test]
    fn telnet_login() {
        let vectors = Vectors::parse(RFC2865);
        let request = vectors.packet("7.1-request");
        assert_eq!(request.code(), Code::AccessRequest);
        assert_eq!(
            request.first(AttributeType::USER_NAME),
            Some(b"nemo".as_slice())
        );
        assert_eq!(
            request.first(AttributeType::NAS_PORT),
            Some([0, 0, 0, 3].as_slice())
        );
        assert_eq!(
            request.check_message_authenticator(SECRET),
            MessageAuthenticatorCheck::Absent
        );
        assert_password(&request, b"arctangent");
        assert_eq!(
            rebuild(&request, b"arctangent"),
            vectors.octets("7.1-request")
        );
        assert_answers(&vectors.packet("7.1-accept"), &request);
    }

    // test of RFC 2865 s7.2
    #[test]
    fn framed_login_with_chap() {
        let vectors = Vectors::parse(RFC2865);
        let request = vectors.packet("7.2-request");
        assert_eq!(Credentials::of(&request), Credentials::Chap);
        assert_eq!(Credentials::of(&request).name(), "CHAP");
        assert_answers(&vectors.packet("7.2-accept"), &request);
    }

    // test of RFC 2865 s7.3
    #[test]
    fn challenge_and_response() {
        let vectors = Vectors::parse(RFC2865);
        let request = vectors.packet("7.3-request");
        assert_password(&request, b"challenge");
        assert_eq!(
            rebuild(&request, b"challenge"),
            vectors.octets("7.3-request")
        );
        let challenge = vectors.packet("7.3-challenge");
        assert_eq!(challenge.code(), Code::AccessChallenge);
        assert_eq!(
            challenge.first(AttributeType::STATE),
            Some(b"32769430".as_slice())
        );
        assert_answers(&challenge, &request);

        let printed = vectors.octets("7.3-second-request");
        assert_eq!(
            Packet::decode(printed).unwrap_err(),
            DecodeError::AttributeOverrun
        );
        let mut mended = printed.to_vec();
        let state_length = mended.len() - 9;
        assert_eq!(mended[state_length], 0x10);
        mended[state_length] = 0x0a;
        let request = Packet::decode(&mended).unwrap();
        assert_eq!(
            request.first(AttributeType::STATE),
            challenge.first(AttributeType::STATE)
        );
        assert_password(&request, b"99101462");
        assert_eq!(rebuild(&request, b"99101462"), mended);
        let reject = vectors.packet("7.3-reject");
        assert_eq!(
            (reject.code(), reject.octets().len()),
            (Code::AccessReject, 20)
        );
    }

    // test of RFC 5997 s6
    #[test]
    fn status_server() {
        let vectors = Vectors::parse(RFC5997);
        for name in ["6.1-request", "6.2-request", "6.3-request"] {
            let octets = vectors.octets(name);
            let request = Packet::decode(octets).unwrap();
            assert_eq!(request.code(), Code::StatusServer);
            let check = |secret: &[u8]| request.check_message_authenticator(secret);
            assert_eq!(check(SECRET), MessageAuthenticatorCheck::Right, "{name}");
            assert_eq!(
                check(b"xyzzy5462"),
                MessageAuthenticatorCheck::Wrong,
                "{name}"
            );

            let mut buffer = Vec::new();
            let (identifier, authenticator) = (request.identifier(), request.authenticator());
            let mut builder = RequestBuilder::status_server(identifier, authenticator, &mut buffer);
            for attribute in request.attributes() {
                if attribute.kind == AttributeType::MESSAGE_AUTHENTICATOR {
                    builder.message_authenticator().unwrap();
                } else {
                    builder.attribute(attribute.kind, attribute.value).unwrap();
                }
            }
            assert_eq!(builder.finish(SECRET), octets, "{name}");
        }
    }

    // test of RFC 5997 s6
    #[test]
    fn answers_to_status_server() {
        let vectors = Vectors::parse(RFC5997);
        assert_answers(&vectors.packet("6.1-reply"), &vectors.packet("6.1-request"));
        assert_answers(&vectors.packet("6.3-reply"), &vectors.packet("6.3-request"));

        let request = vectors.packet("6.2-request");
        let printed = vectors.packet("6.2-reply");
        let check = printed.check_reply(SECRET, request.authenticator());
        assert!(!check.response_authenticator);
        let mut mended = printed.octets().to_vec();
        mended[0] = Code::AccountingResponse.octet();
        assert_answers(&Packet::decode(&mended).unwrap(), &request);
    }
}
