//! Hidden passwords, and where a passcode is divided.

use mfad::domain::attempt::{split, split_recovery};
use mfad::domain::policy::PasscodeForm;
use mfad::radius::{hide, reveal};
use mfad::token::recovery::RecoveryCode;
use mfad::token::{Digits, OtpCode};

use super::octets::Octets;

const FORMS: [PasscodeForm; 4] = [
    PasscodeForm::Otp,
    PasscodeForm::PinOtp,
    PasscodeForm::PasswordOtp,
    PasscodeForm::PasswordCommaOtp,
];

/// The value of a User-Password: what was revealed hides to the same octets again.
pub fn hidden(octets: &[u8]) {
    let mut from = Octets(octets);
    let (secret, authenticator) = (from.part(), from.array());
    let value = from.0;
    let revealed = reveal(value, secret, &authenticator);
    let length = value.len();
    let possible = (16..=128).contains(&length) && length.is_multiple_of(16);
    assert_eq!(revealed.is_ok(), possible, "{length} octets");
    let Ok(password) = revealed else { return };
    let password = password.expose();
    assert!(password.len() <= length && password.last() != Some(&0));
    let hidden = hide(password, secret, &authenticator).unwrap();
    assert!(value.starts_with(&hidden), "another password");
    assert!(hide(&[b'x'; 129], secret, &authenticator).is_err());
}

/// A passcode, divided as each form says: nothing is lost, trimmed or read twice.
pub fn passcode(octets: &[u8]) {
    let (choice, typed) = octets.split_first().unwrap_or((&0, &[]));
    let form = FORMS[usize::from(choice & 3)];
    let comma = usize::from(form == PasscodeForm::PasswordCommaOtp);
    for digits in [Digits::SIX, Digits::SEVEN, Digits::EIGHT] {
        let Some(found) = split(form, typed, digits) else {
            continue;
        };
        let tail = &typed[typed.len() - digits.count()..];
        assert_eq!(found.code.text().expose().as_bytes(), tail);
        let after = found.head.end + comma;
        assert_eq!(found.head.start, 0);
        assert_eq!(after + digits.count(), typed.len(), "octets between");
        assert!(form != PasscodeForm::Otp || found.head.is_empty());
        assert!(comma == 0 || typed[found.head.end] == b',');
    }
    if let Some((head, code)) = split_recovery(form, typed) {
        let tail = &typed[head.end + comma..];
        let text = code.text();
        let read = RecoveryCode::parse(tail).unwrap();
        assert_eq!(
            read.text().expose(),
            text.expose(),
            "two readings of a code"
        );
        assert!([16, 19].contains(&tail.len()));
        assert!(form != PasscodeForm::Otp || head.is_empty());
    }
    if let Some(code) = OtpCode::parse(typed) {
        assert_eq!(code.text().expose().as_bytes(), typed, "a second spelling");
        assert!(code.equals(&OtpCode::parse(typed).unwrap()));
    }
}
