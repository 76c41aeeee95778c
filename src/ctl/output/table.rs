//! Tables: plain columns two blanks apart, so that they paste well into a ticket.
//!
//! When they do not fit, free text is cut first, then columns drop from the right; a line never
//! wraps. The first column always stays.

use super::{Screen, text};

/// Blanks between columns.
const GAP: usize = 2;
/// Columns that free text keeps before a column is dropped.
const FREE_MIN: usize = 12;

/// One column.
pub(in crate::ctl) struct Column {
    /// Its head.
    pub(in crate::ctl) title: &'static str,
    /// Numbers stand at the right.
    pub(in crate::ctl) right: bool,
    /// Columns that it keeps of a text that may be cut; none: it may not.
    pub(in crate::ctl) least: Option<usize>,
}

/// A column of words.
pub(in crate::ctl) const fn words(title: &'static str) -> Column {
    Column {
        title,
        right: false,
        least: None,
    }
}

/// A column of free text.
pub(in crate::ctl) const fn free(title: &'static str) -> Column {
    Column {
        title,
        right: false,
        least: Some(FREE_MIN),
    }
}

/// A column of numbers.
pub(in crate::ctl) const fn numbers(title: &'static str) -> Column {
    Column {
        title,
        right: true,
        least: None,
    }
}

/// Puts a table on the screen.
pub(in crate::ctl) fn table(screen: &mut Screen, columns: &[Column], rows: &[Vec<String>]) {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| text::clean(cell)).collect())
        .collect();
    let widths = fit(columns, &rows, screen.columns);
    if screen.legend {
        let heads: Vec<String> = columns.iter().map(|one| one.title.to_owned()).collect();
        let line = laid_out(columns, &widths, &heads);
        screen.line(&line);
    }
    for row in &rows {
        let line = laid_out(columns, &widths, row);
        screen.line(&line);
    }
}

/// Widths of the columns that stay.
fn fit(columns: &[Column], rows: &[Vec<String>], room: usize) -> Vec<usize> {
    let natural: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let cells = rows.iter().filter_map(|row| row.get(at));
            let widest = cells.map(|cell| text::columns(cell)).max().unwrap_or(0);
            widest.max(text::columns(column.title))
        })
        .collect();
    let least = |column: &Column, width: usize| match column.least {
        Some(least) => width.min(least.max(text::columns(column.title))),
        None => width,
    };
    for kept in (1..=columns.len()).rev() {
        let mut widths: Vec<usize> = natural.iter().copied().take(kept).collect();
        let gaps = GAP * (kept - 1);
        let mut over = (widths.iter().sum::<usize>() + gaps).saturating_sub(room);
        for (width, column) in widths
            .iter_mut()
            .zip(columns.get(..kept).unwrap_or(columns))
            .rev()
        {
            let given = over.min(*width - least(column, *width));
            *width -= given;
            over -= given;
        }
        if over == 0 || kept == 1 {
            return widths;
        }
    }
    Vec::new()
}

fn laid_out(columns: &[Column], widths: &[usize], cells: &[String]) -> String {
    let laid = columns
        .iter()
        .zip(widths)
        .zip(cells)
        .map(|((column, width), cell)| {
            let cell = text::cut(cell, *width);
            if column.right {
                text::right(&cell, *width)
            } else {
                text::left(&cell, *width)
            }
        });
    laid.collect::<Vec<_>>().join(&" ".repeat(GAP))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_text_shrinks_before_columns_drop() {
        let columns = [words("A"), free("TEXT"), numbers("N")];
        let rows = [vec!["aaaa".to_owned(), "x".repeat(30), "12".to_owned()]];
        assert_eq!(fit(&columns, &rows, 80), [4, 30, 2]);
        assert_eq!(fit(&columns, &rows, 30), [4, 20, 2]);
        assert_eq!(fit(&columns, &rows, 21), [4, 15]);
        assert_eq!(fit(&columns, &rows, 10), [4]);
    }
}
