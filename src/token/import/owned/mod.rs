//! Files of tokens that somebody uses already, each with the name of its owner: read as strictly as
//! those of vendors, one file of code a source.

mod fernet;
mod google_authenticator;
mod migration;
mod multiotp;
mod otpauth;
mod privacyidea;
mod yaml;

use crate::secret::SecretBytes;
use crate::time::Timestamp;
use crate::token::Otp;

use super::{Bad, FILE_OCTETS_MAX, RECORDS_MAX, Reason, pskc};

/// Longest description that is taken along, in characters.
const DESCRIPTION_CHARS_MAX: usize = 200;

/// Where a file comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A list of `otpauth` URIs, those by which Google Authenticator moves to another phone among
    /// them.
    Otpauth,
    /// Files of `pam_google_authenticator`.
    GoogleAuthenticator,
    /// What privacyIDEA's token janitor exports.
    PrivacyIdea,
    /// Files of multiOTP's users.
    MultiOtp,
    /// Portable Symmetric Key Container, RFC 6030, with users.
    Pskc,
}

impl Source {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Otpauth,
        Self::GoogleAuthenticator,
        Self::PrivacyIdea,
        Self::MultiOtp,
        Self::Pskc,
    ];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Otpauth => "otpauth",
            Self::GoogleAuthenticator => "google-authenticator",
            Self::PrivacyIdea => "privacyidea",
            Self::MultiOtp => "multiotp",
            Self::Pskc => "pskc",
        }
    }

    /// The source with this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.name() == name)
    }
}

/// One token of a file, and whose it is.
pub struct Owned {
    /// The line its record begins at, from 1.
    pub line: u64,
    /// Its owner, as the file has the name.
    pub user: String,
    /// How its codes are computed.
    pub otp: Otp,
    /// The shared secret.
    pub seed: SecretBytes,
    /// The counter or time step of the first code that was not used there.
    pub next_factor: u64,
    /// Its serial, if it is a device.
    pub serial: Option<String>,
    /// What it is called there.
    pub description: String,
    /// It is switched off there.
    pub disabled: bool,
    /// First instant at which it no longer counts.
    pub expires: Option<Timestamp>,
    /// Scratch codes beside it, which do not come along.
    pub scratch_codes: usize,
}

impl Owned {
    /// A token of which the file says no more than how its codes are computed.
    fn bare(line: u64, user: &str, otp: Otp, seed: SecretBytes, next_factor: u64) -> Self {
        Self {
            line,
            user: user.to_owned(),
            otp,
            seed,
            next_factor,
            serial: None,
            description: String::new(),
            disabled: false,
            expires: None,
            scratch_codes: 0,
        }
    }
}

/// One record.
pub type Row = Result<Owned, Bad>;

/// Reads a file; `key` opens what is encrypted.
///
/// # Errors
/// The file as a whole is not what the source makes.
pub fn read(source: Source, text: &str, key: Option<&SecretBytes>) -> Result<Vec<Row>, Bad> {
    if text.len() > FILE_OCTETS_MAX {
        return Err(Bad {
            line: 1,
            reason: Reason::FileLong,
        });
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match source {
        Source::Otpauth => otpauth::list(text),
        Source::GoogleAuthenticator => each_line(text, |text, line| {
            google_authenticator::token(text, line).map(|token| vec![Ok(token)])
        }),
        Source::PrivacyIdea => privacyidea::read(text, key),
        Source::MultiOtp => each_line(text, |text, line| {
            multiotp::token(text, line, key).map(|token| vec![Ok(token)])
        }),
        Source::Pskc => pskc::owned(text, key),
    }
}

/// Reads every line of a text that holds records: not those that are empty or begin with `#`.
fn each_line(
    text: &str,
    mut records: impl FnMut(&str, u64) -> Result<Vec<Row>, Reason>,
) -> Result<Vec<Row>, Bad> {
    let mut rows = Vec::new();
    for (text, line) in text.lines().map(str::trim).zip(1..) {
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        match records(text, line) {
            Ok(more) => rows.extend(more),
            Err(reason) => rows.push(Err(Bad { line, reason })),
        }
        if rows.len() > RECORDS_MAX {
            let reason = Reason::ManyRecords;
            return Err(Bad { line, reason });
        }
    }
    Ok(rows)
}

/// As much of a description as is taken along.
pub(super) fn description(written: &str) -> String {
    let signs = written.chars().filter(|sign| !sign.is_control());
    signs.take(DESCRIPTION_CHARS_MAX).collect()
}
