//! The spelling of codes, and the ranges of what describes them.

use super::*;

const SEED: &[u8] = b"12345678901234567890";

// T-04b: 200 spellings of a used code.
#[test]
fn a_code_has_one_spelling() {
    let spellings = spellings("755224");
    assert!(spellings.len() >= 200, "only {}", spellings.len());
    for typed in &spellings {
        let fits =
            OtpCode::parse(typed).is_some_and(|code| Otp::HOTP.find(SEED, &code, 0..=10).is_some());
        assert!(!fits, "{:?}", String::from_utf8_lossy(typed));
    }
    let code = OtpCode::parse(b"755224").unwrap();
    assert_eq!(Otp::HOTP.find(SEED, &code, 0..=10), Some(0));
}

/// Everything that a lenient reader somewhere takes for `code`, and some that none does.
fn spellings(code: &str) -> Vec<Vec<u8>> {
    let around = [
        " ", "  ", "\t", "\n", "\r\n", "\0", "\u{a0}", "\u{2003}", "\u{200b}", "\u{feff}", "+",
        "-", "0", "00", "0x", ".", ",", "'", "\"", "e0", ".0", "\u{b}", "\u{c}", "\u{202e}",
    ];
    let mut spellings = Vec::new();
    for sign in around {
        for at in 0..=code.len() {
            let (head, tail) = code.split_at(at);
            spellings.push(format!("{head}{sign}{tail}").into_bytes());
        }
        spellings.push(format!("{sign}{code}{sign}").into_bytes());
    }
    for zero in [
        '\u{660}',
        '\u{6f0}',
        '\u{966}',
        '\u{9e6}',
        '\u{ff10}',
        '\u{1d7ce}',
        '\u{1d7f6}',
    ] {
        let mapped = |digit: char| char::from_u32(zero as u32 + digit.to_digit(10)?);
        spellings.push(
            code.chars()
                .filter_map(mapped)
                .collect::<String>()
                .into_bytes(),
        );
        for at in 0..code.len() {
            let one = |(n, digit)| if n == at { mapped(digit) } else { Some(digit) };
            spellings.push(
                code.chars()
                    .enumerate()
                    .filter_map(one)
                    .collect::<String>()
                    .into_bytes(),
            );
        }
    }
    for at in 0..code.len() {
        let mut wide = code.as_bytes().to_vec();
        wide[at] |= 0x80;
        spellings.push(wide);
        spellings.push(code.as_bytes()[at..].repeat(2));
        spellings.push(code.as_bytes()[..at].to_vec());
    }
    spellings.retain(|typed| typed != code.as_bytes());
    spellings
}

#[test]
fn a_code_has_six_to_eight_digits() {
    for typed in ["", "0", "12345", "123456789", "4294967296755224"] {
        assert!(OtpCode::parse(typed.as_bytes()).is_none(), "{typed}");
    }
    for typed in ["000000", "0755224", "99999999"] {
        let code = OtpCode::parse(typed.as_bytes()).unwrap();
        assert_eq!(code.text().expose(), typed);
        assert_eq!(code.digits().count(), typed.len());
    }
    assert!(
        OtpCode::parse(&[b'1'; 262]).is_none(),
        "262 is 6 in one octet"
    );
}

#[test]
fn codes_are_compared_with_their_length() {
    let parse = |typed: &str| OtpCode::parse(typed.as_bytes()).unwrap();
    assert!(parse("000123").equals(&parse("000123")));
    assert!(!parse("000123").equals(&parse("0000123")));
    assert!(!parse("000123").equals(&parse("000124")));
}

#[test]
fn parameters_are_checked_wherever_they_come_from() {
    let stored = r#"{"algorithm":"SHA256","digits":8,"factor":{"time":{"period_s":60}}}"#;
    let otp: Otp = serde_json::from_str(stored).unwrap();
    assert_eq!(serde_json::to_string(&otp).unwrap(), stored);
    assert_eq!(
        serde_json::to_string(&Otp::HOTP.factor).unwrap(),
        "\"counter\""
    );
    for (right, wrong) in [
        ("8", "5"),
        ("8", "9"),
        ("60", "9"),
        ("60", "121"),
        ("60", "0"),
        ("SHA256", "MD5"),
    ] {
        assert!(
            serde_json::from_str::<Otp>(&stored.replacen(right, wrong, 1)).is_err(),
            "{wrong}"
        );
    }
    assert_eq!(Digits::new(5), Err(ParameterError::Digits(5)));
    let error = Period::new(9).unwrap_err();
    assert_eq!(error.to_string(), "a time step has 10 to 120 s, not 9");
}
