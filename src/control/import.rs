//! A file on its way in: handed over in pieces that belong to their connection, then judged and
//! written by one call.

use crate::control::query::Manner;
use crate::domain::people_file::Layout;
use crate::secret::SecretBytes;
use crate::token::import::owned::Source;
use crate::token::import::{FILE_OCTETS_MAX, Format, Unsaid};

/// Longest file that is handed over, in octets.
pub const UPLOAD_OCTETS_MAX: usize = FILE_OCTETS_MAX;

/// Longest piece, in octets: written as JSON, with every sign escaped, it still fits a call.
pub const PIECE_OCTETS_MAX: usize = 10_000;

/// How the file that was handed over is to be brought in.
pub struct Import {
    /// What is in it.
    pub what: What,
    /// Take the good records although others are bad.
    pub skip_bad: bool,
    /// How many people who are here it is meant to change; none: that is not looked at.
    pub expect: Option<u64>,
    /// Tell how far it is.
    pub progress: bool,
    /// How.
    pub manner: Manner,
}

/// What is in a file.
pub enum What {
    /// Hardware tokens, for the pool.
    Hardware(Hardware),
    /// People.
    People(Layout),
    /// Tokens that belong to people.
    Owners(Owners),
}

/// How hardware tokens are read.
pub struct Hardware {
    /// The format.
    pub format: Format,
    /// What holds for records that do not say it.
    pub unsaid: Unsaid,
    /// Opens what is encrypted: a key in hexadecimal, or a passphrase.
    pub key: Option<SecretBytes>,
    /// Take seeds of fewer than 16 octets.
    pub weak: bool,
}

/// How tokens that belong to people are read.
pub struct Owners {
    /// Where the file comes from.
    pub source: Source,
    /// Opens what is encrypted.
    pub key: Option<SecretBytes>,
    /// The login name is what stands before the last `@`.
    pub strip_domain: bool,
    /// Take seeds of fewer than 16 octets.
    pub weak: bool,
}
