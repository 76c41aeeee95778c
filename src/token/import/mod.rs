//! Files of other people's tokens: read strictly, record by record, one file of code a format.
//!
//! A reader turns the text of a file into one [`Row`] a record: the token, or the line it begins at
//! and the reason why it is none. A bad record hides no other. What a format does not say is not
//! guessed: either the caller has said it ([`Unsaid`]) or the record is bad. A file that is not of
//! its format at all, or whose end is missing, is refused as a whole.
//!
//! What is read here decides nothing: whether a serial is known, or a seed too short, is for whoever
//! takes the rows. Reasons never quote a value, since with one column too many it may be a seed.

mod base64;
mod csv;
mod hex;
pub mod owned;
mod pskc;
mod table;
mod xml;
mod yubico;

use crate::secret::SecretBytes;
use crate::time::Timestamp;

use super::{Algorithm, Digits, Factor, Otp, Period};

pub use table::{Line, lines};

/// Longest file that is read, in octets. A PSKC record has about 1,000, a line of CSV 60 to 100.
pub const FILE_OCTETS_MAX: usize = 10 << 20;

/// Most records of a file.
pub const RECORDS_MAX: usize = 200_000;

/// Longest seed that is taken, in octets: twice the longest that any hash below makes use of.
pub const SEED_OCTETS_MAX: usize = 256;

/// The formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OATH CSV: serial and seed, then as many columns as the vendor knows.
    Csv,
    /// The log of Yubico's personalisation tool, in either of its forms.
    Yubico,
    /// Portable Symmetric Key Container, RFC 6030.
    Pskc,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Csv, Self::Yubico, Self::Pskc];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Yubico => "yubico",
            Self::Pskc => "pskc",
        }
    }

    /// The format with this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}

/// What holds for records that do not say it themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unsaid {
    /// Event based, or time based with this step; none: a record must say which.
    pub factor: Option<Factor>,
    /// The length of a code.
    pub digits: Digits,
    /// The hash below the HMAC.
    pub algorithm: Algorithm,
}

impl Unsaid {
    /// The step of a time-based token.
    fn period(&self) -> Period {
        match self.factor {
            Some(Factor::Time { period_s }) => period_s,
            _ => Period::default(),
        }
    }

    fn otp(&self, factor: Factor) -> Otp {
        Otp {
            algorithm: self.algorithm,
            digits: self.digits,
            factor,
        }
    }
}

/// One token of a file.
pub struct Imported {
    /// The line its record begins at, from 1.
    pub line: u64,
    /// Its serial.
    pub serial: String,
    /// How its codes are computed.
    pub otp: Otp,
    /// The shared secret.
    pub seed: SecretBytes,
    /// The counter of its next code; 0 for a time-based token.
    pub counter: u64,
    /// First instant at which it no longer counts.
    pub expires: Option<Timestamp>,
}

/// A record, or a file, that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct Bad {
    /// The line, from 1.
    pub line: u64,
    /// Why not.
    pub reason: Reason,
}

/// One record.
pub type Row = Result<Imported, Bad>;

/// Why a record or a file is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The whole file.
    #[error("the file is longer than {} MiB", FILE_OCTETS_MAX >> 20)]
    FileLong,
    /// The whole file.
    #[error("the file has more than {RECORDS_MAX} records")]
    ManyRecords,
    /// A line of CSV.
    #[error("{found} columns, and there are to be {wanted}")]
    Columns {
        /// How many there are.
        found: usize,
        /// How many there may be.
        wanted: &'static str,
    },
    /// A line of CSV.
    #[error("a quotation mark that has no other, or stands within a value")]
    Quote,
    /// A record without a name for its token.
    #[error("no serial")]
    NoSerial,
    /// A record without a seed.
    #[error("no seed")]
    NoSeed,
    /// The seed of a CSV file.
    #[error("the seed is not in hexadecimal")]
    SeedNotHex,
    /// A seed that is no key of this world.
    #[error("the seed is longer than {SEED_OCTETS_MAX} octets")]
    SeedLong,
    /// Nobody said whether it is event or time based.
    #[error("it is not said whether it is hotp or totp")]
    NoKind,
    /// A record that is to have an owner.
    #[error("no owner")]
    NoOwner,
    /// A line of URIs.
    #[error("not an otpauth URI")]
    NotOtpauth,
    /// A payload of Google Authenticator.
    #[error("a payload that is cut, or not of Google Authenticator")]
    Protobuf,
    /// A payload of Google Authenticator.
    #[error("a part that is there twice, or does not belong to the others")]
    Part,
    /// An export of Google Authenticator in several payloads.
    #[error("the other parts of this export are missing")]
    MissingPart,
    /// An export of privacyIDEA.
    #[error("not an export of privacyIDEA")]
    NotPrivacyIdea,
    /// An export of privacyIDEA.
    #[error("not a list of mappings as privacyIDEA writes it in YAML")]
    Yaml,
    /// An export of privacyIDEA.
    #[error("it is revoked or locked there for good")]
    Revoked,
    /// An export of privacyIDEA.
    #[error("its enrolment was never finished there")]
    NotEnrolled,
    /// A line of CSV with a longer seed than SHA-1 is given.
    #[error("which hash it uses is not said there")]
    HashUnknown,
    /// An export of privacyIDEA.
    #[error("the key is not one of privacyIDEA: 44 signs, as it was printed")]
    KeyNotFernet,
    /// A file of multiOTP.
    #[error("not a user's file of multiOTP, format 3")]
    NotMultiOtp,
    /// A file of multiOTP.
    #[error("the key does not open it")]
    WrongKey,
    /// The seed of whoever has none.
    #[error("it has no seed of its own, but the one that RFC 4226 prints")]
    PublishedSeed,
    /// PSKC.
    #[error("the user id is neither a name nor has a UID in it")]
    UserId,
    /// A home directory's file.
    #[error("not a file of pam_google_authenticator")]
    NotPam,
    /// A URI.
    #[error("a percent sign without two hexadecimal digits, or text that is not UTF-8")]
    Percent,
    /// A URI.
    #[error("a parameter stands twice")]
    ParameterTwice,
    /// The seed of an app.
    #[error("the seed is not in base32")]
    SeedNotBase32,
    /// An event-based token without its counter: from 0 on, codes that were used would count again.
    #[error("an hotp token without its counter")]
    NoCounter,
    /// Some other kind of key: a PIN, a Yubico OTP, a static password, a challenge.
    #[error("neither hotp nor totp")]
    Kind,
    /// A length of codes.
    #[error("the number of digits is not 6, 7 or 8")]
    Digits,
    /// A time step.
    #[error("the time step is not {} to {} seconds", Period::MIN_S, Period::MAX_S)]
    Period,
    /// A counter.
    #[error("the counter is not a whole number")]
    Counter,
    /// A line of CSV.
    #[error("whether column 5 of an hotp token is its counter or a time step cannot be known")]
    CounterOrPeriod,
    /// A hash.
    #[error("the hash is not SHA1, SHA256 or SHA512")]
    Algorithm,
    /// A date.
    #[error("the date of expiry is none")]
    Expiry,
    /// What every reader of XML has been made to burst with.
    #[error("a document type or an entity of its own, which no PSKC file needs")]
    Entity,
    /// XML that is none.
    #[error("not well-formed XML")]
    Xml,
    /// XML in letters that are not read.
    #[error("the XML is not in UTF-8")]
    Encoding,
    /// XML that would take more stack or memory than a token can.
    #[error("elements nested deeper than {0} levels")]
    Depth(usize),
    /// XML that would take more stack or memory than a token can.
    #[error("an element that holds more than {0} others, or text of more than so many octets")]
    Much(usize),
    /// An element that may stand once.
    #[error("an element stands twice where it may stand once")]
    Twice,
    /// Some other document.
    #[error("not a PSKC 1.0 key container")]
    NotPskc,
    /// PSKC.
    #[error("a value is not in base64")]
    NotBase64,
    /// PSKC: codes in letters, with a check digit, ..
    #[error("its codes are not plain decimal digits")]
    Encoded,
    /// PSKC: RFC 6030 s5 says that a policy that is not understood forbids the use.
    #[error("its policy does not allow one-time codes, or says what mfad does not know")]
    Policy,
    /// PSKC: a counter, a time or an interval that is encrypted.
    #[error("something besides the seed is encrypted")]
    EncryptedData,
    /// PSKC.
    #[error("it is encrypted in a way that mfad does not read")]
    Cipher,
    /// PSKC.
    #[error("it is encrypted, and no key was given")]
    NoKey,
    /// PSKC.
    #[error(
        "it is encrypted with a key and not with a passphrase, and what was given is no hexadecimal"
    )]
    KeyNotHex,
    /// PSKC.
    #[error("its way from passphrase to key is not PBKDF2 with up to 1,000,000 rounds")]
    Derivation,
    /// PSKC.
    #[error("the key has another length than this encryption needs")]
    KeyLength,
    /// PSKC.
    #[error("the key does not open it, or it was changed on the way")]
    Mac,
    /// PSKC.
    #[error("it is encrypted without a MAC, so nobody can tell whether it was changed")]
    NoMac,
}

/// Reads a file; `key` opens what is encrypted: a key in hexadecimal or a passphrase, whichever the
/// file wants.
///
/// # Errors
/// The file as a whole is not of this format.
pub fn read(
    format: Format,
    text: &str,
    unsaid: &Unsaid,
    key: Option<&SecretBytes>,
) -> Result<Vec<Row>, Bad> {
    if text.len() > FILE_OCTETS_MAX {
        return Err(Bad {
            line: 1,
            reason: Reason::FileLong,
        });
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match format {
        Format::Csv => table::read(text, |line| csv::record(line, unsaid)),
        Format::Yubico => table::read(text, |line| yubico::record(line, unsaid)),
        Format::Pskc => pskc::read(text, unsaid, key),
    }
}

fn digits(text: &str) -> Result<Digits, Reason> {
    let digits = text.parse().map_err(|_| Reason::Digits)?;
    Digits::new(digits).map_err(|_| Reason::Digits)
}

fn period(text: &str) -> Result<Period, Reason> {
    let seconds = text.parse().map_err(|_| Reason::Period)?;
    Period::new(seconds).map_err(|_| Reason::Period)
}

fn counter(text: &str) -> Result<u64, Reason> {
    let digits = text.bytes().all(|octet| octet.is_ascii_digit());
    let counter = text.parse().ok().filter(|_| digits);
    counter.ok_or(Reason::Counter)
}

fn seed(text: &str) -> Result<SecretBytes, Reason> {
    if text.is_empty() {
        return Err(Reason::NoSeed);
    }
    sized(hex::decode(text).ok_or(Reason::SeedNotHex)?)
}

fn sized(seed: SecretBytes) -> Result<SecretBytes, Reason> {
    match seed.expose().len() {
        0 => Err(Reason::NoSeed),
        1..=SEED_OCTETS_MAX => Ok(seed),
        _ => Err(Reason::SeedLong),
    }
}
