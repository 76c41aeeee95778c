//! Names that somebody may have meant who typed one that does not exist.
//!
//! The store is not asked for all names: a bounded part of it is looked at, page by page, so that a
//! misspelt name in a large site costs no more than in a small one.

use crate::config::distance;
use crate::domain::user::UserRecord;
use crate::store::{Find, Read};

/// Names offered at most.
pub(super) const CLOSE_MAX: usize = 3;
/// Slips that make a name close.
const EDITS_MAX: usize = 2;
/// Longest name that is compared, in octets.
const NAME_OCTETS_MAX: usize = 64;
/// People looked at.
const SCAN_MAX: usize = 5_000;
/// People of one page.
const CHUNK: usize = 250;

/// A name close to the one typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Close {
    /// Canonical login name.
    pub(super) name: String,
    /// Name of the person.
    pub(super) display_name: String,
}

/// The people whose names are closest to `typed`, closest first.
pub(super) fn users(reader: &dyn Read, typed: &str) -> Vec<Close> {
    if typed.is_empty() || typed.len() > NAME_OCTETS_MAX {
        return Vec::new();
    }
    let mut best: Vec<(usize, Close)> = Vec::new();
    let mut cursor = String::new();
    for _ in 0..SCAN_MAX / CHUNK {
        let Ok(page) = reader.find(&Find::default(), &cursor, CHUNK) else {
            break;
        };
        best.extend(page.iter().filter_map(|record| {
            let rank = rank(typed, record.name(), &record.profile.display_name)?;
            Some((rank, close(record)))
        }));
        best.sort_by(|a, b| (a.0, &a.1.name).cmp(&(b.0, &b.1.name)));
        best.truncate(CLOSE_MAX);
        match page.last() {
            Some(last) if page.len() == CHUNK => last.name().clone_into(&mut cursor),
            _ => break,
        }
    }
    best.into_iter().map(|(_, close)| close).collect()
}

fn close(record: &UserRecord) -> Close {
    Close {
        name: record.name().to_owned(),
        display_name: record.profile.display_name.clone(),
    }
}

/// How far off a name is; none: too far. The same letters and the same surname count as two slips.
fn rank(typed: &str, name: &str, display_name: &str) -> Option<usize> {
    if name.len() > NAME_OCTETS_MAX {
        return None;
    }
    let edits = distance(typed, name);
    if edits <= EDITS_MAX && edits < typed.chars().count() {
        return Some(edits);
    }
    let surname = display_name.split_whitespace().next_back();
    let same_surname = surname.is_some_and(|word| word.to_lowercase() == typed);
    (letters(typed) == letters(name) || same_surname).then_some(EDITS_MAX)
}

fn letters(name: &str) -> Vec<char> {
    let mut letters: Vec<char> = name.chars().collect();
    letters.sort_unstable();
    letters
}

#[cfg(test)]
mod tests {
    use super::rank;

    #[test]
    fn a_slip_or_two_is_close() {
        assert_eq!(rank("alcie", "alice", ""), Some(1));
        assert_eq!(rank("alicea", "alice", ""), Some(1));
        assert_eq!(rank("alexander", "alice", ""), None);
        assert_eq!(rank("ab", "xy", ""), None);
    }

    #[test]
    fn the_same_letters_and_the_surname_are_close() {
        assert_eq!(rank("ecila", "alice", ""), Some(2));
        assert_eq!(rank("muster", "frank", "Frank Muster"), Some(2));
        assert_eq!(rank("frank", "gina", "Frank Muster"), None);
    }
}
