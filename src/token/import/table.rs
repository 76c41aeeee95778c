//! Lines and columns: what CSV files have in common.
//!
//! One record a line, columns between commas, a value in quotation marks if it holds a comma
//! (RFC 4180, without marks inside values: nothing that is imported has any). Empty lines and those
//! that begin with `#` are none.

use super::{Bad, Imported, RECORDS_MAX, Reason, Row};

/// Most columns of a line.
const COLUMNS_MAX: usize = 32;

/// The columns of one line, trimmed.
pub struct Line<'a> {
    /// Its number, from 1.
    pub number: u64,
    /// The whole of it.
    pub text: &'a str,
    /// What stands between the commas.
    pub columns: Vec<&'a str>,
}

impl<'a> Line<'a> {
    /// The column, empty if there is none.
    #[must_use]
    pub fn column(&self, index: usize) -> &'a str {
        self.columns.get(index).copied().unwrap_or_default()
    }
}

/// The lines of a text that are records.
pub fn lines(text: &str) -> impl Iterator<Item = Result<Line<'_>, Bad>> {
    let numbered = text.lines().map(str::trim).zip(1..);
    let records = numbered.filter(|(text, _)| !text.is_empty() && !text.starts_with('#'));
    records.map(|(text, number)| match columns(text) {
        Ok(columns) => Ok(Line {
            number,
            text,
            columns,
        }),
        Err(reason) => Err(Bad {
            line: number,
            reason,
        }),
    })
}

/// Reads every token of a text.
pub(super) fn read(
    text: &str,
    record: impl Fn(&Line<'_>) -> Result<Imported, Reason>,
) -> Result<Vec<Row>, Bad> {
    let mut rows = Vec::new();
    for line in lines(text) {
        let read = line.and_then(|line| {
            record(&line).map_err(|reason| Bad {
                line: line.number,
                reason,
            })
        });
        if rows.len() == RECORDS_MAX {
            let line = read.map_or_else(|bad| bad.line, |token| token.line);
            let reason = Reason::ManyRecords;
            return Err(Bad { line, reason });
        }
        rows.push(read);
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
