//! What is wrong with a configuration: everything at once, each with the line and a caret.
//!
//! ```text
//! /etc/mfad/mfad.toml:14:1: error: unknown key `lockout.user.max_failure`
//!    14 | max_failure = 8
//!       | ^~~~~~~~~~~ did you mean `max_failures`?
//! ```
//!
//! Errors come first, then warnings, each in the order of the files. The value of a secret is
//! never shown, even where somebody wrote one into the file: see [`super::hiding`]. Control
//! characters of the file do not reach the terminal.

use std::fmt;

use serde::Serialize;

use super::hiding::Hidden;
use super::source::{Place, Source};

/// Most problems that are kept; the rest is counted.
pub const PROBLEMS_MAX: usize = 200;

/// Most characters of a source line that are shown.
const LINE_CHARS_MAX: usize = 160;

/// Whether mfad would start all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It would not.
    Error,
    /// It would, and somebody should know.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// What `mfactl explain` knows it by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<&'static str>,
    /// The file.
    pub file: String,
    /// Where in the file, if the problem has a place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spot: Option<Spot>,
    /// What is wrong, in one line.
    pub text: String,
    /// What stands beside the caret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Further lines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A place in a file, ready to be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Spot {
    /// Line, from 1.
    pub line: usize,
    /// Character in the line, from 1.
    pub column: usize,
    /// The line, without secrets.
    pub shown: String,
    /// Where the caret stands in `shown`, from 0.
    #[serde(skip)]
    caret: usize,
    /// Characters underlined.
    #[serde(skip)]
    width: usize,
}

/// Everything that is wrong, in the order in which it is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    list: Vec<Problem>,
    left_out: usize,
}

impl Problems {
    /// A single error that has no place, such as a file that cannot be read.
    #[must_use]
    pub fn of_file(file: String, text: String, notes: Vec<String>) -> Self {
        let problem = Problem {
            severity: Severity::Error,
            number: None,
            file,
            spot: None,
            text,
            label: None,
            notes,
        };
        Self {
            list: vec![problem],
            left_out: 0,
        }
    }

    /// All of them.
    #[must_use]
    pub fn list(&self) -> &[Problem] {
        &self.list
    }

    /// Nothing is wrong.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many errors; those not kept count as such.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.count(Severity::Error) + self.left_out
    }

    /// How many warnings.
    #[must_use]
    pub fn warnings(&self) -> usize {
        self.count(Severity::Warning)
    }

    /// Puts those of `other` behind these.
    pub fn append(&mut self, other: Self) {
        self.list.extend(other.list);
        self.left_out += other.left_out;
        self.list.sort_by_key(|problem| problem.severity);
    }

    /// The first error in one line, for a log: `file:line: text`.
    #[must_use]
    pub fn first(&self) -> Option<String> {
        let problem = self.list.first()?;
        let line = problem
            .spot
            .as_ref()
            .map_or_else(String::new, |spot| format!(":{}", spot.line));
        Some(format!("{}{line}: {}", problem.file, problem.text))
    }

    /// The same as a JSON object.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "errors": self.errors(),
            "warnings": self.warnings(),
            "problems": self.list,
        })
    }

    fn count(&self, severity: Severity) -> usize {
        self.list
            .iter()
            .filter(|problem| problem.severity == severity)
            .count()
    }

    /// `3 errors, 1 warning.`
    fn summary(&self) -> String {
        let plural = |count: usize, word: &str| match count {
            0 => None,
            1 => Some(format!("1 {word}")),
            _ => Some(format!("{count} {word}s")),
        };
        let parts: Vec<String> = [
            plural(self.errors(), "error"),
            plural(self.warnings(), "warning"),
        ]
        .into_iter()
        .flatten()
        .collect();
        parts.join(", ")
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.list {
            writeln!(f, "{problem}")?;
        }
        if self.left_out > 0 {
            writeln!(f, "... and {} more.", self.left_out)?;
        }
        if !self.is_empty() {
            write!(f, "{}.", self.summary())?;
        }
        if self.errors() > 0 {
            f.write_str(" Nothing was changed or started.")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(spot) = &self.spot {
            write!(f, ":{}:{}", spot.line, spot.column)?;
        }
        match (self.severity, self.number) {
            (Severity::Error, _) => write!(f, ": error: {}", self.text)?,
            (Severity::Warning, Some(number)) => write!(f, ": warning {number}: {}", self.text)?,
            (Severity::Warning, None) => write!(f, ": warning: {}", self.text)?,
        }
        if let Some(spot) = &self.spot {
            write!(f, "\n{:>5} | {}\n", spot.line, spot.shown)?;
            let tail = "~".repeat(spot.width.saturating_sub(1));
            write!(f, "{:>5} | {:2$}^{tail}", "", "", spot.caret)?;
            if let Some(label) = &self.label {
                write!(f, " {label}")?;
            }
        }
        for note in &self.notes {
            write!(f, "\n{:>5} | {note}", "")?;
        }
        Ok(())
    }
}

/// A problem whose place is not yet turned into lines.
#[derive(Debug)]
pub struct Found {
    severity: Severity,
    number: Option<&'static str>,
    place: Place,
    text: String,
    label: Option<String>,
    notes: Vec<String>,
}

impl Found {
    /// Something because of which the program does not start.
    pub fn error(place: Place, text: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            number: None,
            place,
            text: text.into(),
            label: None,
            notes: Vec::new(),
        }
    }

    pub(super) fn warning(number: &'static str, place: Place, text: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(place, text)
        }
        .number(number)
    }

    pub(super) fn number(mut self, number: &'static str) -> Self {
        self.number = Some(number);
        self
    }

    /// Adds what stands beside the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    pub(super) const fn moved(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    pub(super) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

/// Gathers problems while the files are read and checked.
pub struct Collector<'a> {
    sources: &'a [Source],
    hidden: Hidden,
    found: Vec<Found>,
    left_out: usize,
}

impl<'a> Collector<'a> {
    /// Nothing is wrong yet.
    #[must_use]
    pub fn new(sources: &'a [Source]) -> Self {
        Self {
            sources,
            hidden: Hidden::scan(sources),
            found: Vec::new(),
            left_out: 0,
        }
    }

    /// Adds one.
    pub fn add(&mut self, found: Found) {
        if self.found.len() < PROBLEMS_MAX {
            self.found.push(found);
        } else if found.severity == Severity::Error {
            self.left_out += 1;
        }
    }

    /// Keeps what stands at `place` out of every line that is shown.
    pub(super) fn hide(&mut self, place: Place) {
        self.hidden.add(place);
    }

    /// Whether there is an error among them.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.left_out > 0
            || self
                .found
                .iter()
                .any(|found| found.severity == Severity::Error)
    }

    /// `file:line` of a place, for a note about another one.
    pub(super) fn whereabouts(&self, place: Place) -> String {
        let source = self.sources.get(place.file);
        source.map_or_else(String::new, |source| {
            format!(
                "{}:{}",
                source.path.display(),
                source.line(place.start).number
            )
        })
    }

    /// All of them, with their lines.
    #[must_use]
    pub fn finish(mut self) -> Problems {
        self.found
            .sort_by_key(|found| (found.severity, found.place.file, found.place.start));
        let list = self
            .found
            .iter()
            .map(|found| self.tell(found))
            .collect::<Vec<Problem>>();
        Problems {
            list,
            left_out: self.left_out,
        }
    }

    fn tell(&self, found: &Found) -> Problem {
        let source = self.sources.get(found.place.file);
        Problem {
            severity: found.severity,
            number: found.number,
            file: source.map_or_else(String::new, |source| source.path.display().to_string()),
            spot: source.map(|source| self.spot(source, found.place)),
            text: printable(&found.text),
            label: found.label.as_deref().map(printable),
            notes: found.notes.iter().map(|note| printable(note)).collect(),
        }
    }

    fn spot(&self, source: &Source, place: Place) -> Spot {
        let line = source.line(place.start);
        let mut shown = String::new();
        let (mut caret, mut end, mut dots) = (None, 0, false);
        for (at, sign) in line.text.char_indices() {
            let at = line.start + at;
            let chars = shown.chars().count();
            if at >= place.start && caret.is_none() {
                caret = Some(chars.saturating_sub(if dots { 3 } else { 0 }));
            }
            if chars >= LINE_CHARS_MAX {
                break;
            }
            if !self.hidden.covers(place.file, at) {
                shown.push(if sign.is_control() { ' ' } else { sign });
                dots = false;
            } else if !dots {
                shown.push_str("...");
                dots = true;
            }
            if at < place.end {
                end = shown.chars().count();
            }
        }
        let chars = shown.chars().count();
        let caret = caret.unwrap_or(chars);
        let before = place.start.saturating_sub(line.start);
        Spot {
            line: line.number,
            column: line.text.get(..before).unwrap_or(line.text).chars().count() + 1,
            shown,
            caret,
            width: end.saturating_sub(caret).max(1),
        }
    }
}

/// `text` without anything that a terminal would obey.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .map(|sign| if sign.is_control() { '?' } else { sign })
        .collect()
}
