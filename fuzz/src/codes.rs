//! What people read to each other and type off paper: seeds, codes, ids; and what an app reads.

use mfad::token::auth_code::AuthCode;
use mfad::token::link::LinkSecret;
use mfad::token::otpauth::Enrolment;
use mfad::token::recovery::RecoveryCode;
use mfad::token::{Algorithm, Digits, Factor, Otp, Period, TokenId, base32, crockford};

use super::octets::Octets;

/// A text in base32 of either alphabet, and the codes that are written in one of them.
pub fn written(text: &[u8]) {
    let cases = [text.to_ascii_uppercase(), text.to_ascii_lowercase()];
    if let Some(octets) = base32::decode(text) {
        assert!(octets.expose().len() <= text.len() * 5 / 8);
        let written = base32::encode(octets.expose());
        let again = base32::decode(written.expose().as_bytes()).unwrap();
        assert_eq!(again.expose(), octets.expose());
        for text in &cases {
            assert_eq!(base32::decode(text).unwrap().expose(), octets.expose());
        }
    }
    if let Some(octets) = crockford::decode(text) {
        let written = crockford::encode(octets.expose());
        let again = crockford::decode(written.expose().as_bytes()).unwrap();
        assert_eq!(again.expose(), octets.expose());
        for text in &cases {
            assert_eq!(crockford::decode(text).unwrap().expose(), octets.expose());
        }
    }
    let raw = base32::encode(text);
    assert_eq!(
        base32::decode(raw.expose().as_bytes()).unwrap().expose(),
        text
    );
    if let Some(code) = RecoveryCode::parse(text) {
        let shown = code.text();
        assert_eq!(shown.expose().len(), 19);
        let again = RecoveryCode::parse(shown.expose().as_bytes()).unwrap();
        assert_eq!(again.text().expose(), shown.expose());
    }
    if let Some(code) = AuthCode::parse(text) {
        let shown = code.text();
        assert_eq!(shown.expose().len(), 11);
        let again = AuthCode::parse(shown.expose().as_bytes()).unwrap();
        assert_eq!(again.text().expose(), shown.expose());
    }
    if let Some(link) = LinkSecret::parse(text) {
        assert_eq!(
            link.text().expose().as_bytes(),
            text,
            "two spellings of a link"
        );
    }
    if let Ok(Ok(id)) = std::str::from_utf8(text).map(str::parse::<TokenId>) {
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(TokenId::from_signs(*id.signs()), Some(id));
    }
}

/// An enrolment, written as a URI and read back as an app would.
pub fn otpauth(octets: &[u8]) {
    let mut from = Octets(octets);
    let (choice, period_s, next_counter) = (from.octet(), from.octet(), from.array());
    let (issuer, account) = (from.text(), from.text());
    let seed = from.0;
    let algorithms = [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512];
    let factor = match Period::new(u16::from(period_s)) {
        Ok(period_s) => Factor::Time { period_s },
        Err(_) => Factor::Counter,
    };
    let otp = Otp {
        algorithm: algorithms[usize::from(choice) % 3],
        digits: Digits::new(6 + choice / 3 % 3).unwrap(),
        factor,
    };
    let enrolment = Enrolment {
        issuer: &issuer,
        account: &account,
        otp,
        seed,
        next_counter: u64::from_be_bytes(next_counter),
    };
    let uri = enrolment.uri();
    let uri = uri.expose();
    assert!(uri.bytes().all(|octet| octet.is_ascii_graphic()));
    let (kind, rest) = uri
        .strip_prefix("otpauth://")
        .unwrap()
        .split_once('/')
        .unwrap();
    let (label, query) = rest.split_once('?').unwrap();
    let value = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|pair| pair.0 == name).map(|pair| pair.1)
    };
    let shown = issuer.replace(':', "-");
    match label.split_once(':') {
        Some((before, after)) => {
            assert_eq!(decoded(before), shown);
            assert_eq!(decoded(after), account);
        }
        None => assert!(shown.is_empty() && decoded(label) == account),
    }
    assert_eq!(value("issuer").map(decoded).unwrap_or_default(), shown);
    let secret = value("secret").unwrap();
    assert_eq!(base32::decode(secret.as_bytes()).unwrap().expose(), seed);
    let number = |name, default| value(name).map_or(default, |text| text.parse().unwrap());
    assert_eq!(
        value("algorithm").unwrap_or("SHA1"),
        otp.algorithm.to_string()
    );
    assert_eq!(number("digits", 6), otp.digits.count() as u64);
    match otp.factor {
        Factor::Counter => {
            assert_eq!(kind, "hotp");
            assert_eq!(number("counter", 0), enrolment.next_counter);
        }
        Factor::Time { period_s } => {
            assert_eq!(kind, "totp");
            assert_eq!(number("period", 30), u64::from(period_s.seconds()));
        }
    }
}

/// The text behind percent signs.
fn decoded(text: &str) -> String {
    let mut octets = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            octets.push(*first);
            continue;
        }
        let (code, after) = rest.split_at(2);
        let code = std::str::from_utf8(code).unwrap();
        octets.push(u8::from_str_radix(code, 16).unwrap());
        rest = after;
    }
    String::from_utf8(octets).unwrap()
}
