//! The one table of keys: path, type, default, range and a paragraph for each.
//!
//! Everything that knows about keys reads this table: parsing and its range checks, the
//! suggestions for a misspelt key, the commented `conf/mfad.toml`, the manual page mfad.toml(5),
//! `config get` and `config diff`. So a key that is not here does not exist, and none can be
//! documented with another default or range than the daemon obeys.
//!
//! A segment `NAME` of a path stands for a name that the writer of the file chooses. What the
//! domain names and this version does not build is in [`later()`]: such a key is refused by name,
//! because a key that is silently ignored is a protection that somebody believes to have.

use std::time::Duration;

mod emergency;
mod gateway;
mod later;
mod mail;
mod manual;
mod messages;
mod site;
mod token_types;

pub use self::later::later;
pub use self::manual::{sample_file, type_text};

/// The segment of a path that stands for a chosen name.
pub const NAME: &str = "NAME";

/// What a value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// true or false.
    Flag,
    /// A whole number within bounds, both included.
    Count {
        /// Least.
        min: u64,
        /// Greatest.
        max: u64,
    },
    /// A time span within bounds, both included.
    Span {
        /// Shortest.
        min: Duration,
        /// Longest.
        max: Duration,
    },
    /// One of these words.
    Word(&'static [&'static str]),
    /// Text that is not empty.
    Text,
    /// A list of texts.
    List,
    /// A list of lists of words.
    Groups,
    /// A table of names, each with a text or a list of texts.
    Pairs,
    /// A text, or a table with one for each language.
    Label,
    /// Never in this file; the paragraph says where instead.
    Elsewhere,
}

/// What holds if the key is not stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// This value, written as in the file.
    Value(&'static str),
    /// Something worked out, in words.
    Computed(&'static str),
    /// Nothing: it must be stated.
    Required,
    /// Nothing: it may be left out.
    Unset,
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Segments joined by dots.
    pub path: &'static str,
    /// What a value must be.
    pub kind: Kind,
    /// What holds without it.
    pub fallback: Fallback,
    /// Values that the domain names and this version refuses, as written without quotes.
    pub later: &'static [&'static str],
    /// A change needs a restart of the daemon.
    pub restart: bool,
    /// What it is for, one paragraph.
    pub doc: &'static str,
}

impl Key {
    /// A key that is true or false.
    #[must_use]
    pub const fn flag(path: &'static str, default: &'static str, doc: &'static str) -> Self {
        Self::new(path, Kind::Flag, Fallback::Value(default), doc)
    }

    /// A key that is a whole number from `min` to `max`.
    #[must_use]
    pub const fn count(
        path: &'static str,
        default: &'static str,
        (min, max): (u64, u64),
        doc: &'static str,
    ) -> Self {
        Self::new(
            path,
            Kind::Count { min, max },
            Fallback::Value(default),
            doc,
        )
    }

    /// A key that is a span from `min` to `max` milliseconds.
    #[must_use]
    pub const fn span(
        path: &'static str,
        default: &'static str,
        (min_ms, max_ms): (u64, u64),
        doc: &'static str,
    ) -> Self {
        let kind = Kind::Span {
            min: Duration::from_millis(min_ms),
            max: Duration::from_millis(max_ms),
        };
        Self::new(path, kind, Fallback::Value(default), doc)
    }

    /// A key that is one of `words`.
    #[must_use]
    pub const fn word(
        path: &'static str,
        default: &'static str,
        words: &'static [&'static str],
        doc: &'static str,
    ) -> Self {
        Self::new(path, Kind::Word(words), Fallback::Value(default), doc)
    }

    /// A key of any kind.
    #[must_use]
    pub const fn new(
        path: &'static str,
        kind: Kind,
        fallback: Fallback,
        doc: &'static str,
    ) -> Self {
        Self {
            path,
            kind,
            fallback,
            later: &[],
            restart: false,
            doc,
        }
    }

    /// The same key, with values that a later version will know.
    #[must_use]
    pub const fn later(mut self, values: &'static [&'static str]) -> Self {
        self.later = values;
        self
    }

    /// The same key, read at start only.
    #[must_use]
    pub const fn at_start(mut self) -> Self {
        self.restart = true;
        self
    }

    /// Whether this row is the one for `path`.
    #[must_use]
    pub fn matches(&self, path: &[String]) -> bool {
        let mut pattern = self.path.split('.');
        path.iter()
            .all(|segment| pattern.next().is_some_and(|known| fits(known, segment)))
            && pattern.next().is_none()
    }
}

fn fits(pattern: &str, segment: &str) -> bool {
    pattern == NAME || pattern == segment
}

/// All keys, in the order of the manual.
pub fn all() -> impl Iterator<Item = &'static Key> {
    let of_site = site::KEYS.iter().chain(token_types::KEYS);
    of_site
        .chain(emergency::KEYS)
        .chain(mail::KEYS)
        .chain(messages::KEYS)
        .chain(gateway::KEYS)
}

/// The keys of a gateway, in the order of the manual.
#[must_use]
pub fn of_gateway() -> &'static [Key] {
    gateway::KEYS
}

/// The row for `path`.
#[must_use]
pub fn find(path: &[String]) -> Option<&'static Key> {
    all().find(|key| key.matches(path))
}

/// The segments that may follow `path`; empty if it is no table. `NAME` is one of them where a
/// name is chosen.
#[must_use]
pub fn children(path: &[String]) -> Vec<&'static str> {
    let mut found: Vec<&'static str> = Vec::new();
    for key in all() {
        let mut pattern = key.path.split('.');
        let inside = path
            .iter()
            .all(|segment| pattern.next().is_some_and(|known| fits(known, segment)));
        if let (true, Some(next)) = (inside, pattern.next())
            && !found.contains(&next)
        {
            found.push(next);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(path: &str) -> Vec<String> {
        path.split('.').map(str::to_owned).collect()
    }

    #[test]
    fn paths_are_unique_and_found() {
        let paths: Vec<&str> = all().map(|key| key.path).collect();
        for (at, path) in paths.iter().enumerate() {
            assert!(!paths[..at].contains(path), "{path} stands twice");
            assert_eq!(find(&segments(path)).unwrap().path, *path);
            assert!(later(&segments(path)).is_none(), "{path} is built");
        }
    }

    #[test]
    fn names_are_chosen() {
        let key = find(&segments("gateway.vpn1.secret_file")).unwrap();
        assert_eq!(key.path, "gateway.NAME.secret_file");
        assert!(find(&segments("gateway.vpn1")).is_none());
        assert_eq!(children(&segments("gateway")), [NAME]);
        assert!(children(&segments("lockout.user")).contains(&"max_failures"));
        assert!(children(&segments("seats.limit")).is_empty());
    }
}
