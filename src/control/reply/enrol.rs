//! Links: those that were sent (`enroll list`), and what their pages show, once (`org.mfad.Enrol`).

use serde::{Deserialize, Serialize};

use super::{Instant, RevealText};

/// A one-time link without its secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Link {
    /// Login name.
    pub user: String,
    /// `enrolment` or `confirmation`.
    pub what: String,
    /// Address it was sent to, masked as the role asks.
    pub sent_to: String,
    /// When it was made.
    pub created: Instant,
    /// Who made it.
    pub by: String,
    /// First instant at which it is no longer good.
    pub until: Instant,
    /// Wrong uses that are left.
    pub tries: u32,
}

/// Links that were sent (`enroll list`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LinkPage {
    /// One line each.
    pub rows: Vec<Link>,
    /// Where the next page begins.
    pub cursor: Option<String>,
}

/// An enrolment that was opened.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Begun {
    /// Canonical login name.
    pub user: String,
    /// The otpauth URI, from which a QR code is drawn.
    pub uri: RevealText,
    /// The secret in it, in base32, to be typed.
    pub secret: RevealText,
    /// Length of a code.
    pub digits: u64,
    /// Length of a time step.
    pub period_s: u64,
    /// For `Prove`.
    pub ticket: RevealText,
    /// First instant at which the ticket is no longer good.
    pub expires: Instant,
}

/// A token that was proven.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Proved {
    /// Canonical login name.
    pub user: String,
    /// Seconds that the device's clock is ahead; 0: it is right.
    pub device_clock_s: i64,
    /// The person may have recovery codes now.
    pub recovery: bool,
    /// For `Recovery`, if so.
    pub ticket: Option<RevealText>,
}

/// Recovery codes that were made.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PageCodes {
    /// The codes.
    pub codes: Vec<RevealText>,
}

/// An address that was confirmed.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Confirmed {
    /// The address, masked.
    pub address_masked: String,
}
