//! The one answer to every change.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::secret::SecretBytes;

/// A change that was carried out, or would be in a dry run.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Done {
    /// Number of the audit record; none in a dry run.
    pub audit: Option<u64>,
    /// Nothing was changed because it was already so.
    pub unchanged: bool,
    /// Judged only, nothing was committed.
    pub dry_run: bool,
    /// What is so now, one sentence.
    pub message: String,
    /// Facts an operator should know.
    pub notes: Vec<Note>,
    /// The command that takes it back.
    pub undo: Option<String>,
    /// The user it was about.
    pub user: Option<String>,
    /// The words for the user's current state.
    pub state: Option<String>,
    /// The user's revision.
    pub revision: Option<u64>,
    /// The token it was about.
    pub token: Option<String>,
    /// What is shown once.
    pub reveal: Option<Reveal>,
    /// Further facts for scripts.
    pub data: Map<String, Value>,
}

/// The parameters of a changing method's reply.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DoneReply {
    /// What came of it.
    pub done: Done,
}

/// A line beside an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Note {
    /// One word in front.
    pub label: String,
    /// The rest.
    pub text: String,
}

/// A secret that is shown once.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Reveal {
    /// What it is.
    pub kind: RevealKind,
    /// The secret.
    pub text: RevealText,
}

/// What a revealed secret is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevealKind {
    /// A generated PIN.
    #[default]
    Pin,
    /// A generated password.
    Password,
    /// An auth code.
    AuthCode,
    /// Recovery codes, one a line.
    RecoveryCodes,
    /// An otpauth URI, from which a QR code is drawn.
    OtpauthUri,
}

/// The secret of a [`Reveal`]: the one secret that can be serialised, because this is its way out.
///
/// It is UTF-8, wiped on drop, and has no `Debug`.
pub struct RevealText(pub SecretBytes);

impl RevealText {
    /// Looks at the text; empty if it is not UTF-8.
    #[must_use]
    pub fn expose(&self) -> &str {
        std::str::from_utf8(self.0.expose()).unwrap_or_default()
    }
}

impl Default for RevealText {
    fn default() -> Self {
        Self(SecretBytes::new(Vec::new()))
    }
}

impl Serialize for RevealText {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for RevealText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = RevealText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<RevealText, E> {
                Ok(RevealText(SecretBytes::copy_of(text.as_bytes())))
            }

            fn visit_string<E: Error>(self, text: String) -> Result<RevealText, E> {
                Ok(RevealText(SecretBytes::new(text.into_bytes())))
            }
        }
        from.deserialize_str(Text)
    }
}
