//! The files as they were read, and places in them.

use std::ops::Range;
use std::path::PathBuf;

/// One file of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its path as it is shown.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
}

/// Octets of one of the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Which file.
    pub(super) file: usize,
    /// First octet.
    pub(super) start: usize,
    /// Behind the last one.
    pub(super) end: usize,
}

impl Place {
    /// The octets `span` of the file with this number.
    #[must_use]
    pub const fn new(file: usize, span: Range<usize>) -> Self {
        Self {
            file,
            start: span.start,
            end: span.end,
        }
    }

    /// From the start of this place to the end of the other one.
    pub(super) const fn to(self, other: Self) -> Self {
        Self {
            end: other.end,
            ..self
        }
    }
}

/// A line of a file.
pub(super) struct Line<'a> {
    /// Counted from 1.
    pub(super) number: usize,
    /// Octet at which it starts.
    pub(super) start: usize,
    /// Without the line end.
    pub(super) text: &'a str,
}

impl Source {
    /// The line in which the octet `at` stands.
    pub(super) fn line(&self, at: usize) -> Line<'_> {
        let at = at.min(self.text.len());
        let head = self.text.as_bytes().get(..at).unwrap_or_default();
        let start = head
            .iter()
            .rposition(|octet| *octet == b'\n')
            .map_or(0, |end| end + 1);
        let rest = self.text.get(start..).unwrap_or_default();
        let text = rest.split('\n').next().unwrap_or_default();
        Line {
            number: head.iter().filter(|octet| **octet == b'\n').count() + 1,
            start,
            text: text.strip_suffix('\r').unwrap_or(text),
        }
    }
}
