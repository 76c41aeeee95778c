//! As much of YAML as `yaml.safe_dump` of Python writes for a list of mappings: one key a line, at most
//! one mapping within, texts plain or in marks.
//!
//! ```text
//! - active: true                 an entry begins with a dash at the margin
//!   description: 'it''s hers'    its keys stand two columns in
//!   info_list:
//!     hashlib: sha1              those of a mapping within stand four columns in
//! ```
//! Anchors, aliases, tags, and flow and block styles have no meaning here: what somebody asks for in
//! such a form is an error, and nothing refers to anything. Values that nobody asks for are passed
//! over.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::super::{Bad, RECORDS_MAX, Reason};

/// Longest text that may go on over several lines, in octets.
const TEXT_OCTETS_MAX: usize = 4_096;
/// Column at which the keys of an entry stand.
const KEY: usize = 2;
/// Column at which the keys of a mapping within stand.
const INNER: usize = 4;

/// One entry: values as they are written, by the mapping they stand in (empty: the entry itself) and
/// their key.
#[derive(Default)]
pub(super) struct Entry(BTreeMap<(String, String), Zeroizing<String>>);

impl Entry {
    /// The text of a value; empty if there is none.
    pub(super) fn text(&self, section: &str, key: &str) -> Result<Zeroizing<String>, Reason> {
        let written = self.0.get(&(section.to_owned(), key.to_owned()));
        match written.map(|written| written.trim()) {
            None | Some("" | "null" | "~") => Ok(Zeroizing::default()),
            Some(written) => unmarked(written),
        }
    }
}

/// An entry of a list, or why it is none, and the line it begins at.
pub(super) type Found = (u64, Result<Entry, Reason>);

/// The entries of a list.
pub(super) fn entries(text: &str) -> Result<Vec<Found>, Bad> {
    let mut entries: Vec<(u64, Reader)> = Vec::new();
    for (text, line) in text.lines().zip(1..) {
        let bad = |reason| Bad { line, reason };
        if let Some(rest) = text.strip_prefix("- ") {
            if entries.len() == RECORDS_MAX {
                return Err(bad(Reason::ManyRecords));
            }
            let mut reader = Reader::default();
            reader.take(KEY, rest);
            entries.push((line, reader));
            continue;
        }
        let inner = text.trim_start_matches(' ');
        let column = text.len() - inner.len();
        let outside = inner.is_empty() || inner.starts_with('#') || matches!(text, "---" | "...");
        match entries.last_mut() {
            Some((_, reader)) if column >= KEY || inner.is_empty() => reader.take(column, inner),
            _ if outside => {}
            _ => return Err(bad(Reason::Yaml)),
        }
    }
    let read = |(line, reader): (u64, Reader)| (line, reader.end());
    Ok(entries.into_iter().map(read).collect())
}

/// An entry on its way.
#[derive(Default)]
struct Reader {
    entry: Entry,
    /// The mapping that the next lines may be in.
    section: Option<String>,
    /// The value that the next lines may go on with, and the column of its key.
    open: Option<((String, String), usize)>,
    broken: Option<Reason>,
}

impl Reader {
    fn take(&mut self, column: usize, text: &str) {
        let text = text.trim_end();
        let key_here = column == KEY || (column == INNER && self.section.is_some());
        let listed = text.starts_with("- ") || text == "-";
        if !key_here || listed || text.is_empty() {
            // The rest of a long text, or something that nobody asks for.
            if let Some((name, at)) = &self.open
                && (column > *at || text.is_empty())
                && let Some(value) = self.entry.0.get_mut(name)
            {
                let joined = Zeroizing::new(format!("{} {}", value.trim_end(), text));
                if joined.len() > TEXT_OCTETS_MAX {
                    self.broken.get_or_insert(Reason::Yaml);
                    self.open = None;
                    return;
                }
                *value = joined;
            }
            return;
        }
        let Some((key, value)) = split(text) else {
            self.broken.get_or_insert(Reason::Yaml);
            return;
        };
        let section = if column == KEY {
            None
        } else {
            self.section.clone()
        };
        let name = (section.unwrap_or_default(), key.to_owned());
        if column == KEY {
            self.section = value.is_empty().then(|| key.to_owned());
        }
        self.open = (!value.is_empty()).then(|| (name.clone(), column));
        let value = Zeroizing::new(value.to_owned());
        if self.entry.0.insert(name, value).is_some() {
            self.broken.get_or_insert(Reason::ParameterTwice);
        }
    }

    fn end(self) -> Result<Entry, Reason> {
        match self.broken {
            Some(reason) => Err(reason),
            None => Ok(self.entry),
        }
    }
}

/// `key: value`, or `key:`.
fn split(text: &str) -> Option<(&str, &str)> {
    let (key, value) = match text.split_once(": ") {
        Some((key, value)) => (key, value.trim()),
        None => (text.strip_suffix(':')?, ""),
    };
    Some((key, value))
}

/// The text of a value that is written plain or in marks.
fn unmarked(written: &str) -> Result<Zeroizing<String>, Reason> {
    let between = |mark: char| {
        let inner = written.strip_prefix(mark)?.strip_suffix(mark)?;
        Some(inner)
    };
    if written.starts_with('\'') {
        let inner = between('\'').ok_or(Reason::Yaml)?;
        let single = inner.replace("''", "\u{0}");
        let text = Zeroizing::new(single);
        if text.contains('\'') {
            return Err(Reason::Yaml);
        }
        return Ok(Zeroizing::new(text.replace('\u{0}', "'")));
    }
    if written.starts_with('"') {
        return escaped(between('"').ok_or(Reason::Yaml)?);
    }
    if written.starts_with(|sign| "&*!|>{}[]%@`#,?".contains(sign)) || written.contains(" #") {
        return Err(Reason::Yaml);
    }
    Ok(Zeroizing::new(written.to_owned()))
}

/// A text in double marks.
// YAML 1.1 s5.6: the escape sequences.
fn escaped(inner: &str) -> Result<Zeroizing<String>, Reason> {
    let mut text = Zeroizing::new(String::with_capacity(inner.len()));
    let mut signs = inner.chars();
    while let Some(sign) = signs.next() {
        if sign == '"' {
            return Err(Reason::Yaml);
        }
        if sign != '\\' {
            text.push(sign);
            continue;
        }
        let digits = match signs.next().ok_or(Reason::Yaml)? {
            sign @ ('\\' | '"' | '/' | ' ') => {
                text.push(sign);
                continue;
            }
            'n' | 'N' | 'L' | 'P' => {
                text.push('\n');
                continue;
            }
            't' => {
                text.push('\t');
                continue;
            }
            'r' => {
                text.push('\r');
                continue;
            }
            '_' => {
                text.push('\u{a0}');
                continue;
            }
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => return Err(Reason::Yaml),
        };
        let mut value = 0;
        for _ in 0..digits {
            let digit = signs.next().and_then(|sign| sign.to_digit(16));
            value = value << 4 | digit.ok_or(Reason::Yaml)?;
        }
        text.push(char::from_u32(value).ok_or(Reason::Yaml)?);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Result<Entry, Reason> {
        let mut entries = entries(text).map_err(|bad| bad.reason)?;
        entries.remove(0).1
    }

    #[test]
    fn keys_stand_in_their_columns() {
        let text = "# a list\n---\n- a: 1\n  b: 'it''s'\n  c:\n    d: \"\\xe9\\u20ac\\\"\"\n    \
                    e: x: y\n  \
                    f:\n  - g\n  - h: i\n  j: null\n  k: a long\n    text, in\n\n    lines\n- a: 2\n";
        let read = entries(text).unwrap();
        let lines: Vec<u64> = read.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [3, 16]);
        let entry = one(text).unwrap();
        for (section, key, wanted) in [
            ("", "a", "1"),
            ("", "b", "it's"),
            ("", "c", ""),
            ("c", "d", "\u{e9}\u{20ac}\""),
            ("c", "e", "x: y"),
            ("", "d", ""),
            ("", "j", ""),
            ("", "k", "a long text, in lines"),
        ] {
            assert_eq!(
                *entry.text(section, key).unwrap(),
                wanted,
                "{section} {key}"
            );
        }
    }

    #[test]
    fn what_refers_or_runs_has_no_meaning() {
        for value in [
            "&a b",
            "*a",
            "!!python/object/apply:os.system [x]",
            "|",
            ">-",
            "[a]",
            "{a: b}",
            "'a",
            "'a'b'",
            "\"a",
            "\"a\"b\"",
            "\"\\q\"",
            "\"\\x4\"",
            "\"\\ud800\"",
            "a # b",
            "@a",
            "`a",
        ] {
            let entry = one(&format!("- a: {value}\n")).unwrap();
            assert!(entry.text("", "a").is_err(), "{value}");
            assert!(entry.text("", "b").is_ok(), "{value}");
        }
    }

    #[test]
    fn what_is_no_list_of_mappings_is_refused() {
        for text in ["a: b\n", "- a: b\nc: d\n", "- a: b\n e: f\n"] {
            assert_eq!(one(text).err(), Some(Reason::Yaml), "{text}");
        }
        assert_eq!(one("- a: b\n  a: c\n").err(), Some(Reason::ParameterTwice));
        assert_eq!(one("- a: b\n  c\n").err(), Some(Reason::Yaml));
        assert_eq!(one("- - a: b\n").ok().map(|entry| entry.0.len()), Some(0));
    }
}
