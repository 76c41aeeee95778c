//! "Did you mean": the nearest of a few words by edit distance.

/// Longest word that is compared, in characters; a longer one is near to nothing.
const WORD_CHARS_MAX: usize = 64;

/// The candidate that differs from `word` by a slip or two, if there is one.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    if length > WORD_CHARS_MAX {
        return None;
    }
    let allowed = (length / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(edits, _)| *edits <= allowed)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours that make one word the other.
pub fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    let mut before: Option<char> = None;
    for (row, sign) in from.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in to.iter().enumerate() {
            let cell = |line: &[usize], at: usize| line.get(at).copied().unwrap_or(usize::MAX / 2);
            let replaced = cell(&last, column) + usize::from(sign != *other);
            let mut best = replaced
                .min(cell(&last, column + 1) + 1)
                .min(cell(&current, column) + 1);
            let left = column.checked_sub(1).and_then(|at| to.get(at));
            if before == Some(*other) && left == Some(&sign) {
                best = best.min(cell(&before_last, column - 1) + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
        before = Some(sign);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_slips() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "abc"), 0);
        assert_eq!(distance("acb", "abc"), 1);
        assert_eq!(distance("unlok", "unlock"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn names_only_what_is_near() {
        let keys = ["max_failures", "duration", "window"];
        assert_eq!(nearest("max_failure", keys), Some("max_failures"));
        assert_eq!(nearest("durtaion", keys), Some("duration"));
        assert_eq!(nearest("colour", keys), None);
    }
}
