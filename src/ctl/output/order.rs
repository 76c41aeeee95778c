//! The order of a list that is not to stand by its names, and no more of it than is wanted.

use std::cmp::Ordering;

use serde_json::Value;

use super::at;
use crate::ctl::verb::Given;

/// Rows that are read on before those that are too many are dropped.
const SLACK: usize = 1_000;

/// By which column, and in which direction.
pub(super) struct Order {
    column: String,
    reverse: bool,
}

impl Order {
    /// What was asked for.
    pub(super) fn of(given: &Given) -> Option<Self> {
        Some(Self {
            column: given.text("sort")?.to_owned(),
            reverse: given.has("reverse"),
        })
    }

    /// Puts the rows in order; of equal ones the earlier stays before the later, and what has nothing
    /// in the column stands at the end in both directions.
    pub(super) fn sort(&self, rows: &mut [Value]) {
        rows.sort_by(|one, other| {
            let (one, other) = (at(one, &self.column), at(other, &self.column));
            let empty = |value: &Value| value.is_null() || value == "";
            let filled = empty(one).cmp(&empty(other));
            let between = compare(one, other);
            filled.then(if self.reverse {
                between.reverse()
            } else {
                between
            })
        });
    }

    /// Keeps the first `most`, once there are many more.
    pub(super) fn keep(&self, rows: &mut Vec<Value>, most: usize) {
        if rows.len() > most.saturating_add(SLACK) {
            self.sort(rows);
            rows.truncate(most);
        }
    }
}

fn compare(one: &Value, other: &Value) -> Ordering {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one.total_cmp(&other),
        _ => words(one).cmp(&words(other)),
    }
}

/// Instants are in order as texts; of names the case does not matter.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_lowercase(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sorted(column: &str, reverse: bool, mut rows: Vec<Value>) -> Vec<u64> {
        let order = Order {
            column: column.to_owned(),
            reverse,
        };
        order.sort(&mut rows);
        rows.iter().map(|row| row["id"].as_u64().unwrap()).collect()
    }

    #[test]
    fn texts_numbers_and_what_is_empty() {
        let rows = || {
            vec![
                json!({"id": 1, "name": "bob", "n": 10, "lock": {"since": "2026-11-02"}}),
                json!({"id": 2, "name": "Alice", "n": 9, "lock": null}),
                json!({"id": 3, "name": "alice", "n": 9}),
                json!({"id": 4, "name": "", "n": 100, "lock": {"since": "2026-10-31"}}),
            ]
        };
        assert_eq!(sorted("name", false, rows()), [2, 3, 1, 4]);
        assert_eq!(sorted("name", true, rows()), [1, 2, 3, 4]);
        assert_eq!(sorted("n", false, rows()), [2, 3, 1, 4]);
        assert_eq!(sorted("n", true, rows()), [4, 1, 2, 3]);
        assert_eq!(sorted("lock.since", false, rows()), [4, 1, 2, 3]);
        assert_eq!(sorted("lock.since", true, rows()), [1, 4, 2, 3]);
    }

    #[test]
    fn no_more_are_held_than_are_wanted() {
        let order = Order {
            column: "id".to_owned(),
            reverse: true,
        };
        let mut rows = Vec::new();
        for id in 0..10_000 {
            rows.push(json!({"id": id}));
            order.keep(&mut rows, 3);
            assert!(rows.len() <= 3 + SLACK);
        }
        order.sort(&mut rows);
        let first: Vec<u64> = rows
            .iter()
            .take(3)
            .map(|row| row["id"].as_u64().unwrap())
            .collect();
        assert_eq!(first, [9_999, 9_998, 9_997]);
    }
}
