//! An attempt to sign in, and what its passcode may mean.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use smol_str::SmolStr;

use super::dialogue::Handle;
use super::event::Source;
use super::policy::{GatewayPolicy, PasscodeForm};
use crate::secret::SecretBytes;
use crate::time::Now;
use crate::token::recovery::RecoveryCode;
use crate::token::{AttemptId, Digits, OtpCode};

/// One Access-Request, stripped of RADIUS.
pub struct Attempt {
    /// The policy block of the gateway it came through.
    pub gateway: Arc<GatewayPolicy>,
    /// Canonical login name; none if what was typed is no name.
    pub user: Option<SmolStr>,
    /// What was typed for a name, under a keyed hash: for log lines about unknown users.
    pub pseudonym: Pseudonym,
    /// What was presented as proof.
    pub proof: Proof,
    /// Where it came from.
    pub source: Source,
    /// SHA-256 of the datagram.
    pub digest: [u8; 32],
    /// When it was received.
    pub received: Now,
}

/// A name that may be none, under a keyed hash: people type passwords there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pseudonym(pub [u8; 4]);

impl fmt::Display for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

/// What an Access-Request carries as proof.
pub enum Proof {
    /// PAP.
    Passcode(SecretBytes),
    /// A method in which no code can be checked against a hash; its name.
    Unsupported(&'static str),
    /// PAP, in answer to a question.
    Answer {
        /// Which question; none if what came for a State is none of ours.
        handle: Option<Handle>,
        /// What was typed.
        passcode: SecretBytes,
    },
}

impl Attempt {
    /// The id people see, made of the digest, so that a retransmitted packet has the same one.
    #[must_use]
    pub fn id(&self) -> AttemptId {
        attempt_id(&self.digest)
    }

    /// The passcode; empty if there is none.
    #[must_use]
    pub fn passcode(&self) -> &[u8] {
        match &self.proof {
            Proof::Passcode(passcode) | Proof::Answer { passcode, .. } => passcode.expose(),
            Proof::Unsupported(_) => &[],
        }
    }
}

/// The id of the attempt whose datagram has this digest.
#[must_use]
pub fn attempt_id(digest: &[u8; 32]) -> AttemptId {
    let [a, b, c, d, e, ..] = *digest;
    AttemptId::from_random([a, b, c, d, e])
}

/// Where in a passcode the first factor and the code stand.
pub struct Split {
    /// The first factor; empty where the form has none.
    pub head: Range<usize>,
    /// The code.
    pub code: OtpCode,
}

/// Splits a passcode for a token with codes of `digits`; none if there is no code where the form
/// wants one. Nothing is trimmed.
#[must_use]
pub fn split(form: PasscodeForm, passcode: &[u8], digits: Digits) -> Option<Split> {
    let at = passcode.len().checked_sub(digits.count())?;
    let code = OtpCode::parse(passcode.get(at..)?)?;
    Some(Split {
        head: 0..head_end(form, passcode, at)?,
        code,
    })
}

/// Splits a passcode that ends in a recovery code, with or without its dashes.
#[must_use]
pub fn split_recovery(form: PasscodeForm, passcode: &[u8]) -> Option<(Range<usize>, RecoveryCode)> {
    const PLAIN: usize = 16;
    const DASHED: usize = 19;
    [DASHED, PLAIN].into_iter().find_map(|length| {
        let at = passcode.len().checked_sub(length)?;
        let tail = passcode.get(at..)?;
        let dashes = tail.iter().filter(|octet| **octet == b'-').count();
        if dashes != if length == DASHED { 3 } else { 0 } {
            return None;
        }
        Some((0..head_end(form, passcode, at)?, RecoveryCode::parse(tail)?))
    })
}

/// Splits a passcode that ends in this word, whatever its case; gives where the first factor stands.
#[must_use]
pub fn split_word(form: PasscodeForm, passcode: &[u8], word: &str) -> Option<Range<usize>> {
    let at = passcode.len().checked_sub(word.len())?;
    let same = passcode.get(at..)?.eq_ignore_ascii_case(word.as_bytes());
    let head = head_end(form, passcode, at).filter(|_| same && !word.is_empty())?;
    Some(0..head)
}

/// Where the first factor ends if the code begins at `at`; none if the form is not kept.
fn head_end(form: PasscodeForm, passcode: &[u8], at: usize) -> Option<usize> {
    match form {
        PasscodeForm::Otp => (at == 0).then_some(0),
        PasscodeForm::PinOtp | PasscodeForm::PasswordOtp => Some(at),
        PasscodeForm::PasswordCommaOtp => {
            let comma = at.checked_sub(1)?;
            (passcode.get(comma) == Some(&b',')).then_some(comma)
        }
        PasscodeForm::Challenge => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(form: PasscodeForm, passcode: &str) -> Option<&str> {
        split(form, passcode.as_bytes(), Digits::SIX).map(|found| &passcode[found.head])
    }

    #[test]
    fn splits_as_the_form_says() {
        use PasscodeForm::{Challenge, Otp, PasswordCommaOtp, PasswordOtp, PinOtp};
        assert_eq!(head(Challenge, "123456"), None);
        assert_eq!(head(Otp, "123456"), Some(""));
        assert_eq!(head(Otp, "1123456"), None);
        assert_eq!(head(Otp, "12345"), None);
        assert_eq!(head(PinOtp, "402817123456"), Some("402817"));
        assert_eq!(head(PinOtp, "123456"), Some(""));
        assert_eq!(head(PasswordOtp, "hunter 2,123456"), Some("hunter 2,"));
        assert_eq!(head(PasswordCommaOtp, "a,b,123456"), Some("a,b"));
        assert_eq!(head(PasswordCommaOtp, "ab123456"), None);
        assert_eq!(head(PinOtp, "402817 123456"), Some("402817 "));
        assert_eq!(head(PinOtp, "40281712345 "), None);
    }

    #[test]
    fn a_word_stands_where_the_code_does() {
        use PasscodeForm::{Challenge, Otp, PasswordCommaOtp, PasswordOtp};
        let head = |form, passcode: &'static str| {
            let head = split_word(form, passcode.as_bytes(), "help")?;
            passcode.get(head)
        };
        assert_eq!(head(Otp, "help"), Some(""));
        assert_eq!(head(Otp, "HELP"), Some(""));
        assert_eq!(head(Otp, "xhelp"), None);
        assert_eq!(head(PasswordOtp, "hunter2help"), Some("hunter2"));
        assert_eq!(head(PasswordCommaOtp, "hunter2,help"), Some("hunter2"));
        assert_eq!(head(PasswordCommaOtp, "hunter2help"), None);
        assert_eq!(head(Challenge, "help"), None);
        assert_eq!(split_word(Otp, b"", ""), None);
    }

    #[test]
    fn a_recovery_code_stands_where_the_code_does() {
        let code = "ABCD-EFGH-JKMN-PQRS";
        let plain = "abcdefghjkmnpqrs";
        for (form, passcode, head) in [
            (PasscodeForm::Otp, code.to_owned(), ""),
            (PasscodeForm::PinOtp, format!("402817{plain}"), "402817"),
            (
                PasscodeForm::PasswordCommaOtp,
                format!("pass,{code}"),
                "pass",
            ),
        ] {
            let (found, _) = split_recovery(form, passcode.as_bytes()).unwrap();
            assert_eq!(&passcode[found], head);
        }
        assert!(split_recovery(PasscodeForm::Otp, b"ABCD-EFGH-JKMN-PQR").is_none());
    }
}
