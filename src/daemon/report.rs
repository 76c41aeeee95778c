//! What `mfad` says to a person: lines with a sign, and errors that name a way on.
//!
//! ```text
//! ✓ key      systemd credential mfad.key, version 1, opens the store
//! ```
//! A sign never stands alone; in a locale without UTF-8 it is a word. An error has one form: what did
//! not happen, why, what to try or do, and the exit status. Results go to the standard output,
//! errors and questions do not.

use std::fmt;
use std::io::{self, Write};

use crate::config::Surroundings;
use crate::time::{Now, Timestamp};

use super::terminal::Ask;

/// Exit statuses, after sysexits.
pub mod status {
    /// Done, or the answer is yes.
    pub const OK: u8 = 0;
    /// The answer is no.
    pub const NO: u8 = 1;
    /// Called wrongly.
    pub const USAGE: u8 = 64;
    /// The input is not what it should be.
    pub const DATA: u8 = 65;
    /// The input is missing or cannot be read.
    pub const NO_INPUT: u8 = 66;
    /// Something named does not exist.
    pub const NO_USER: u8 = 67;
    /// Nobody answers.
    pub const UNAVAILABLE: u8 = 69;
    /// A bug in mfad.
    pub const SOFTWARE: u8 = 70;
    /// An output cannot be made.
    pub const CANNOT_CREATE: u8 = 73;
    /// Try again later; nothing was changed.
    pub const TRY_LATER: u8 = 75;
    /// The other side does not speak as it must.
    pub const PROTOCOL: u8 = 76;
    /// Not allowed.
    pub const NOT_ALLOWED: u8 = 77;
    /// The configuration is wrong, or mfad would not start.
    pub const CONFIG: u8 = 78;
}

/// Columns of the word after a sign.
const LABEL_COLUMNS: usize = 8;

/// What a mode of `mfad` runs in; the program fills it from the machine, a test from its hands.
pub struct World<'a> {
    /// Results.
    pub out: &'a mut dyn Write,
    /// Whoever is asked.
    pub asks: &'a mut dyn Ask,
    /// Where credentials are, and the name of this host.
    pub around: Surroundings,
    /// The time.
    pub now: Now,
    /// The locale knows signs beyond ASCII.
    pub unicode: bool,
}

impl World<'_> {
    /// Writes a line.
    pub fn say(&mut self, line: impl fmt::Display) {
        // Whoever closed the other end does not want the rest; the exit status still counts.
        let _ = writeln!(self.out, "{line}");
    }

    /// Writes a line with a sign.
    pub fn sign(&mut self, sign: Sign, text: impl fmt::Display) {
        let sign = sign.text(self.unicode);
        self.say(format_args!("{sign} {text}"));
    }

    /// Writes a line with a sign and the word that says what it is about.
    pub fn item(&mut self, sign: Sign, label: &str, text: impl fmt::Display) {
        self.sign(sign, format_args!("{label:LABEL_COLUMNS$} {text}"));
    }
}

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// Right, or done.
    Good,
    /// Somebody should look.
    Warning,
    /// Wrong.
    Bad,
}

impl Sign {
    const fn text(self, unicode: bool) -> &'static str {
        match (self, unicode) {
            (Self::Good, true) => "✓",
            (Self::Good, false) => "ok",
            (Self::Warning, true) => "!",
            (Self::Warning, false) => "! ",
            (Self::Bad, true) => "✗",
            (Self::Bad, false) => "NO",
        }
    }
}

/// Whether a locale knows signs beyond ASCII: the first of `LC_ALL`, `LC_CTYPE` and `LANG` that is
/// set and not empty decides.
#[must_use]
pub fn unicode(names: [Option<&str>; 3]) -> bool {
    let stated = names.into_iter().flatten().find(|value| !value.is_empty());
    stated.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// Why something did not happen, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    what: String,
    hints: Vec<(&'static str, String)>,
    name: Option<&'static str>,
    status: u8,
}

impl Failure {
    /// Something did not happen.
    pub fn new(status: u8, what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            hints: Vec::new(),
            name: None,
            status,
        }
    }

    /// The fact that decided it.
    #[must_use]
    pub fn why(self, text: impl Into<String>) -> Self {
        self.hint("why", text)
    }

    /// The argument or file.
    #[must_use]
    pub fn place(self, text: impl Into<String>) -> Self {
        self.hint("where", text)
    }

    /// A command that works now.
    #[must_use]
    pub fn attempt(self, text: impl Into<String>) -> Self {
        self.hint("try", text)
    }

    /// Something outside mfad.
    #[must_use]
    pub fn remedy(self, text: impl Into<String>) -> Self {
        self.hint("do", text)
    }

    /// What is missing, and how to get it.
    #[must_use]
    pub fn need(self, text: impl Into<String>) -> Self {
        self.hint("need", text)
    }

    /// The name of the error for scripts.
    #[must_use]
    pub const fn name(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    /// The exit status.
    #[must_use]
    pub const fn status(&self) -> u8 {
        self.status
    }

    fn hint(mut self, word: &'static str, text: impl Into<String>) -> Self {
        self.hints.push((word, text.into()));
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "mfad: {}", self.what)?;
        for (word, text) in &self.hints {
            writeln!(f, "  {word:5}  {}", text.replace('\n', "\n         "))?;
        }
        f.write_str("  code   ")?;
        if let Some(name) = self.name {
            write!(f, "{name}, ")?;
        }
        write!(f, "exit {}", self.status)
    }
}

impl std::error::Error for Failure {}

/// The end of the program: its exit status, and the text that it leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The exit status.
    pub status: u8,
    /// What is said: on the standard output for status 0, else on the standard error.
    pub text: String,
}

impl Exit {
    /// Says what is left to say and gives the exit status.
    ///
    /// # Errors
    /// What the system said.
    pub fn tell<'w>(&self, out: &'w mut dyn Write, err: &'w mut dyn Write) -> io::Result<u8> {
        let to = if self.status == status::OK { out } else { err };
        if !self.text.is_empty() {
            writeln!(to, "{}", self.text.trim_end_matches('\n'))?;
        }
        Ok(self.status)
    }
}

impl From<Failure> for Exit {
    fn from(failure: Failure) -> Self {
        Self {
            status: failure.status,
            text: failure.to_string(),
        }
    }
}

/// A result of a mode as the end of the program.
impl From<Result<u8, Failure>> for Exit {
    fn from(result: Result<u8, Failure>) -> Self {
        match result {
            Ok(status) => Self {
                status,
                text: String::new(),
            },
            Err(failure) => failure.into(),
        }
    }
}

/// A number with commas between thousands.
#[must_use]
pub fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and its noun: `1 user`, `37 users`.
#[must_use]
pub fn count(value: u64, noun: &str) -> String {
    let plural = if value == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", number(value))
}

/// A point in time as people say it: weekday, date, minute, zone.
#[must_use]
pub fn moment(at: Timestamp) -> String {
    let zone = jiff::tz::TimeZone::system();
    jiff::Timestamp::from_millisecond(at.0).map_or_else(
        |_| format!("{} ms after 1970", at.0),
        |at| {
            at.to_zoned(zone)
                .strftime("%a %Y-%m-%d %H:%M %Z")
                .to_string()
        },
    )
}

/// How long something lasted, in one unit.
#[must_use]
pub fn lasting(span: std::time::Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", number(seconds / 86_400)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_error_has_its_form() {
        let failure = Failure::new(status::TRY_LATER, "the store is in use")
            .why("a running mfad holds it")
            .remedy("systemctl stop mfad\nthen the same again")
            .name("E_BUSY");
        let text = "mfad: the store is in use\n  why    a running mfad holds it\n  \
                    do     systemctl stop mfad\n         then the same again\n  \
                    code   E_BUSY, exit 75";
        assert_eq!(failure.to_string(), text);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        assert_eq!(Exit::from(failure).tell(&mut out, &mut err).unwrap(), 75);
        assert!(out.is_empty() && err.ends_with(b"exit 75\n"));
    }

    #[test]
    fn the_first_stated_locale_decides() {
        assert!(unicode([None, Some(""), Some("de_DE.UTF-8")]));
        assert!(!unicode([Some("C"), None, Some("de_DE.UTF-8")]));
        assert!(unicode([None, Some("C.utf8"), None]));
        assert!(!unicode([None, None, None]));
    }

    #[test]
    fn numbers_and_spans_are_for_people() {
        assert_eq!(number(0), "0");
        assert_eq!(number(999), "999");
        assert_eq!(number(184_260), "184,260");
        assert_eq!(count(1, "user"), "1 user");
        assert_eq!(count(1_000, "user"), "1,000 users");
        let spans = [
            (119, "119 s"),
            (540, "9 min"),
            (7_200, "2 h"),
            (172_800, "2 d"),
        ];
        for (seconds, text) in spans {
            assert_eq!(lasting(Duration::from_secs(seconds)), text);
        }
    }
}
