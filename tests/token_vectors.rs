//! The published one-time codes, and an independent implementation as a second opinion.
//!
//! `vectors/rfc4226-d.txt` and `vectors/rfc6238-b.txt` hold the tables of the two RFCs; every value
//! in them is computed here through the public functions. What no table covers (other seeds, digits,
//! periods and times) is compared with the crate totp-rs.

use proptest::prelude::*;

use mfad::secret::SecretBytes;
use mfad::time::Timestamp;
use mfad::token::{Algorithm, Digits, Factor, Otp, OtpCode, Period, base32, totp, truncation};

const SECRET: &[u8] = b"1234567890123456789012345678901234567890123456789012345678901234";

// test of RFC 4226 s5.1
// test of RFC 4226 s5.3
// test of RFC 4226 appendix D
#[test]
fn rfc_4226_appendix_d() {
    let seed = &SECRET[..20];
    let mut rows = 0;
    for row in rows_of(include_str!("vectors/rfc4226-d.txt")) {
        let [count, mac, truncated, decimal, code] = row[..] else {
            panic!("{row:?}")
        };
        let (count, number) = (count.parse().unwrap(), decimal.parse::<u32>().unwrap());
        assert_eq!(truncation::truncate(&octets(mac)), number);
        assert_eq!(u32::from_str_radix(truncated, 16).unwrap(), number);
        assert_eq!(Otp::HOTP.code_at(seed, count).text().expose(), code);
        let typed = OtpCode::parse(code.as_bytes()).unwrap();
        assert_eq!(Otp::HOTP.find(seed, &typed, 0..=9), Some(count));
        rows += 1;
    }
    assert_eq!(rows, 10);
}

// test of RFC 6238 s4.2
// test of RFC 6238 appendix B
#[test]
fn rfc_6238_appendix_b() {
    let mut rows = 0;
    for row in rows_of(include_str!("vectors/rfc6238-b.txt")) {
        let [time_s, utc, step, code, mode] = row[..] else {
            panic!("{row:?}")
        };
        let wall = Timestamp(time_s.parse::<i64>().unwrap() * 1000);
        assert_eq!(wall.to_string(), format!("{utc}.000Z"));
        let (algorithm, seed_octets) = match mode {
            "SHA1" => (Algorithm::Sha1, 20),
            "SHA256" => (Algorithm::Sha256, 32),
            "SHA512" => (Algorithm::Sha512, 64),
            _ => panic!("mode {mode}"),
        };
        let otp = Otp {
            algorithm,
            digits: Digits::EIGHT,
            ..Otp::TOTP
        };
        let at = totp::step_at(wall, Period::THIRTY);
        assert_eq!(format!("{at:016X}"), step);
        assert_eq!(
            otp.code_at(&SECRET[..seed_octets], at).text().expose(),
            code
        );
        rows += 1;
    }
    assert_eq!(rows, 18);
}

/// The rows of a vector file, cut at white space; `#` starts a comment.
fn rows_of(file: &str) -> impl Iterator<Item = Vec<&str>> {
    file.lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.split_whitespace().collect())
}

fn octets(hex: &str) -> Vec<u8> {
    let octet = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    (0..hex.len()).step_by(2).filter_map(octet).collect()
}

fn algorithms() -> impl Strategy<Value = (Algorithm, totp_rs::Algorithm)> {
    prop_oneof![
        Just((Algorithm::Sha1, totp_rs::Algorithm::SHA1)),
        Just((Algorithm::Sha256, totp_rs::Algorithm::SHA256)),
        Just((Algorithm::Sha512, totp_rs::Algorithm::SHA512)),
    ]
}

proptest! {
    #[test]
    fn agrees_with_totp_rs(
        seed in prop::collection::vec(any::<u8>(), 16..200),
        time_s in 0_u64..1 << 40,
        (algorithm, oracles) in algorithms(),
        digits in 6_u8..=8,
        period_s in Period::MIN_S..=Period::MAX_S,
    ) {
        let period_s = Period::new(period_s).unwrap();
        let factor = Factor::Time { period_s };
        let otp = Otp { algorithm, digits: Digits::new(digits).unwrap(), factor };
        let wall = Timestamp(i64::try_from(time_s).unwrap() * 1000 + 999);
        let ours = otp.code_at(&seed, totp::step_at(wall, period_s)).text();
        let oracle = totp_rs::Builder::new()
            .with_algorithm(oracles)
            .with_digits(digits)
            .with_step_duration(u64::from(period_s.seconds()))
            .with_secret(seed)
            .build()
            .unwrap();
        prop_assert_eq!(&oracle.generate(time_s).to_string(), ours.expose());
    }

    #[test]
    fn base32_agrees_with_totp_rs(seed in prop::collection::vec(any::<u8>(), 0..100)) {
        let oracle = totp_rs::Secret::from(seed.clone()).to_base32();
        let ours = base32::encode(&seed);
        prop_assert_eq!(ours.expose(), oracle.trim_end_matches('='));
        let back = base32::decode(oracle.as_bytes()).as_ref().map(SecretBytes::expose).cloned();
        prop_assert_eq!(back, Some(seed));
    }

    #[test]
    fn only_digits_are_a_code(typed in "[ 0-9+-]{0,10}|\\PC{6,8}") {
        let right = (6..=8).contains(&typed.len()) && typed.bytes().all(|o| o.is_ascii_digit());
        let code = OtpCode::parse(typed.as_bytes());
        prop_assert_eq!(code.is_some(), right);
        if let Some(code) = code {
            let text = code.text();
            prop_assert_eq!(text.expose(), &typed);
        }
    }
}
