//! Lines and columns: what CSV files have in common.
//!
//! One record a line, columns between commas, a value in quotation marks if it holds a comma
//! (RFC 4180, without marks inside values: nothing that is imported has any). Empty lines and those
//! that begin with `#` are none.

use super::{Bad, Imported, RECORDS_MAX, Reason, Row};

/// Most columns of a line.
const COLUMNS_MAX: usize = 32;

/// The columns of one line, trimmed.
pub(super) struct Line<'a> {
    pub(super) number: u64,
    pub(super) columns: Vec<&'a str>,
}

impl<'a> Line<'a> {
    /// The column, empty if there is none.
    pub(super) fn column(&self, index: usize) -> &'a str {
        self.columns.get(index).copied().unwrap_or_default()
    }
}

/// Reads every record of a text.
pub(super) fn read(
    text: &str,
    record: impl Fn(&Line<'_>) -> Result<Imported, Reason>,
) -> Result<Vec<Row>, Bad> {
    let mut rows = Vec::new();
    for (text, line) in text.lines().zip(1..) {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let bad = |reason| Bad { line, reason };
        if rows.len() == RECORDS_MAX {
            return Err(bad(Reason::ManyRecords));
        }
        let read = columns(text).and_then(|columns| {
            record(&Line {
                number: line,
                columns,
            })
        });
        rows.push(read.map_err(bad));
    }
    Ok(rows)
}

fn columns(line: &str) -> Result<Vec<&str>, Reason> {
    let mut columns = Vec::new();
    let mut rest = Some(line);
    while let Some(text) = rest {
        let text = text.trim_start();
        let column;
        (column, rest) = match text.strip_prefix('"') {
            Some(quoted) => {
                let (value, behind) = quoted.split_once('"').ok_or(Reason::Quote)?;
                let behind = behind.trim_start();
                match behind.strip_prefix(',') {
                    Some(behind) => (value, Some(behind)),
                    None if behind.is_empty() => (value, None),
                    None => return Err(Reason::Quote),
                }
            }
            None => match text.split_once(',') {
                Some((value, behind)) => (value, Some(behind)),
                None => (text, None),
            },
        };
        if columns.len() == COLUMNS_MAX {
            let found = COLUMNS_MAX + 1;
            return Err(Reason::Columns {
                found,
                wanted: "fewer",
            });
        }
        columns.push(column.trim());
    }
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_between_commas_or_marks() {
        for (line, wanted) in [
            ("a", vec!["a"]),
            ("a,b", vec!["a", "b"]),
            ("a,,", vec!["a", "", ""]),
            (" a , b", vec!["a", "b"]),
            ("\"a,b\" ,c", vec!["a,b", "c"]),
            ("\"\",\"c\"", vec!["", "c"]),
        ] {
            assert_eq!(columns(line).unwrap(), wanted, "{line}");
        }
        for line in ["\"a", "a,\"b", "\"a\"b", "\"a\"\"b\",c"] {
            assert_eq!(columns(line), Err(Reason::Quote), "{line}");
        }
        assert!(matches!(
            columns(&",".repeat(COLUMNS_MAX)),
            Err(Reason::Columns { .. })
        ));
    }

    #[test]
    fn a_mark_within_a_value_is_part_of_it_only_without_a_mark_in_front() {
        assert_eq!(columns("a\"b,c").unwrap(), ["a\"b", "c"]);
    }
}
