//! What must not be shown when a line of the file is: the values of secrets.
//!
//! No key of the table takes a secret, but people write them all the same: `secret = "..."`, a
//! misspelt `secert = "..."`, a file with a broken line. So three things are kept out of shown
//! lines: the values of all words that sound like a secret (found by reading the text, so also in a
//! file that is no TOML), the texts behind unknown keys, and everything behind the `=` of a line
//! that cannot be parsed.

use std::ops::Range;

use super::source::{Place, Source};

/// Words that look like a secret and are not.
const HARMLESS: [&str; 5] = [
    "secret_file",
    "secret_credential",
    "allow_weak_secret",
    "password_file",
    "password_credential",
];

/// Octets that are shown as `...`.
pub(super) struct Hidden(Vec<Place>);

impl Hidden {
    /// Finds the values behind words such as `secret` and `password`.
    pub(super) fn scan(sources: &[Source]) -> Self {
        let places = sources.iter().enumerate().flat_map(|(file, source)| {
            secret_values(&source.text)
                .into_iter()
                .map(move |span| Place::new(file, span))
        });
        Self(places.collect())
    }

    pub(super) fn add(&mut self, place: Place) {
        self.0.push(place);
    }

    pub(super) fn covers(&self, file: usize, at: usize) -> bool {
        self.0
            .iter()
            .any(|place| place.file == file && (place.start..place.end).contains(&at))
    }
}

/// Everything of a line that cannot be parsed but its key.
pub(super) fn behind_key(source: &Source, file: usize, at: usize) -> Place {
    let line = source.line(at);
    let end = line.start + line.text.len();
    let head = source.text.get(..line.start).unwrap_or_default();
    let in_text = ["\"\"\"", "'''"]
        .iter()
        .any(|quotes| head.matches(quotes).count() % 2 == 1);
    let start = match line.text.find(['=', '"', '\'']) {
        _ if in_text => line.start,
        Some(sign)
            if line
                .text
                .get(sign..)
                .is_some_and(|rest| rest.starts_with('=')) =>
        {
            let rest = line.text.get(sign + 1..).unwrap_or_default();
            let blanks = rest.len() - rest.trim_start().len();
            line.start + sign + 1 + blanks
        }
        Some(quote) => line.start + quote,
        None => end,
    };
    Place::new(file, start..end)
}

fn secret_values(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let belongs = |sign: char| sign.is_ascii_alphanumeric() || sign == '_' || sign == '-';
        let Some(start) = rest.find(belongs) else {
            break;
        };
        let word = rest.get(start..).unwrap_or_default();
        let word_length = word.find(|sign| !belongs(sign)).unwrap_or(word.len());
        let (word, behind) = word.split_at(word_length);
        at += start + word_length;
        if !sounds_secret(word) {
            continue;
        }
        let value = behind.trim_start_matches(['"', '\'', ' ', '\t']);
        if let Some(value) = value.strip_prefix('=') {
            let value = value.trim_start_matches([' ', '\t']);
            let from = text.len() - value.len();
            at = from + value_length(value);
            found.push(from..at);
        }
    }
    found
}

fn sounds_secret(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    let suspicious = ["secret", "passw", "psk", "shared"]
        .iter()
        .any(|part| word.contains(part));
    suspicious && !HARMLESS.contains(&word.as_str())
}

/// To the end of the line, of the text of several lines or of the list.
fn value_length(value: &str) -> usize {
    for (open, close) in [("\"\"\"", "\"\"\""), ("'''", "'''"), ("[", "]"), ("{", "}")] {
        if let Some(inner) = value.strip_prefix(open) {
            return inner
                .find(close)
                .map_or(value.len(), |at| open.len() + at + close.len());
        }
    }
    value.find('\n').unwrap_or(value.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(text: &str) -> Vec<&str> {
        secret_values(text)
            .into_iter()
            .map(|span| &text[span])
            .collect()
    }

    #[test]
    fn finds_values_of_secrets() {
        assert_eq!(
            hidden("a = 1\nsecret = \"hush\" # x\nb = 2"),
            ["\"hush\" # x"]
        );
        assert_eq!(hidden("\"shared-Secret\"=hush"), ["hush"]);
        assert_eq!(
            hidden("g = { secret = 'hush', n = 1 }"),
            ["'hush', n = 1 }"]
        );
        assert_eq!(hidden("secret = '''\nhush\n'''\nx"), ["'''\nhush\n'''"]);
        assert_eq!(hidden("secret_file = \"path\"").len(), 0);
        assert_eq!(hidden("passcode = \"password+otp\"").len(), 0);
    }
}
