//! Lists: pages asked for one after another, shown as a table, CSV or JSON.
//!
//! What is for programs and stays in the order of the wire is printed page by page, so that a list of
//! any length takes no more room than a page.

use serde_json::Value;

use super::order::Order;
use crate::ctl::Session;
use crate::ctl::client::{CallError, Payload};
use crate::ctl::errors::Trouble;
use crate::ctl::output::{self, Screen};
use crate::ctl::verb::{Format, Given, Run};

/// Rows that one call can ask for.
const PAGE_ROWS_MAX: u64 = 500;
/// Rows of a log that a person gets without saying how many.
const LOG_ROWS: u64 = 100;

/// How a list is read and shown.
pub(in crate::ctl) struct Shape {
    /// Name of the rows in the answer.
    pub(in crate::ctl) rows: &'static str,
    /// Columns of CSV, frozen.
    pub(in crate::ctl) csv: &'static [&'static str],
    /// `--json` means one object a line.
    pub(in crate::ctl) lines: bool,
    /// A log: newest first on the wire, oldest first on the screen, endless with `--follow`.
    pub(in crate::ctl) log: bool,
    /// Lays it out; `List::rest` is the last answer without its rows.
    pub(in crate::ctl) show: fn(&mut Screen, &Given, &List) -> Result<u8, Trouble>,
}

/// What was listed.
pub(in crate::ctl) struct List {
    /// All rows.
    pub(in crate::ctl) rows: Vec<Value>,
    /// What came beside the rows of the last page.
    pub(in crate::ctl) rest: Value,
    /// There are more that were not asked for.
    pub(in crate::ctl) cut: bool,
    /// This is a later part of an endless list.
    pub(in crate::ctl) later: bool,
}

impl List {
    /// Reads the rows.
    pub(in crate::ctl) fn read<R: serde::de::DeserializeOwned>(&self) -> Result<Vec<R>, Trouble> {
        self.rows.iter().map(crate::ctl::read).collect()
    }
}

/// Asks for a list and prints it.
pub(in crate::ctl) fn run(
    session: &mut Session,
    given: &Given,
    shape: &'static Shape,
) -> Result<u8, Trouble> {
    let mut payload = given.payload(&session.screen.times)?;
    if given.texts("columns").is_some() && given.common.json() {
        return Err(Trouble::usage("--columns is for tables and CSV"));
    }
    let order = Order::of(given);
    if order.is_none() && given.has("reverse") {
        return Err(Trouble::usage("--reverse needs --sort COLUMN"));
    }
    // Rows are counted in the order they are shown in, which the daemon does not know.
    let sorted = order.as_ref().and_then(|_| payload.0.remove("offset"));
    let skip = usize_of(sorted.and_then(|offset| offset.as_u64())).unwrap_or(0);
    if session.shown_call(given, &payload, true) {
        return Ok(0);
    }
    if given.has("follow") {
        return follow(session, given, shape, &payload);
    }
    let table = format(given) == Format::Table;
    let asked = payload.0.remove("limit").and_then(|limit| limit.as_u64());
    let open_log = shape.log && table && !payload.0.contains_key("since");
    let limit = asked.or_else(|| open_log.then_some(LOG_ROWS));
    let page = limit.filter(|_| order.is_none());
    payload.set(
        "limit",
        page.unwrap_or(PAGE_ROWS_MAX).clamp(1, PAGE_ROWS_MAX),
    );
    let mut list = List {
        rows: Vec::new(),
        rest: Value::Null,
        cut: false,
        later: false,
    };
    let most = usize_of(limit).map_or(usize::MAX, |limit| limit.saturating_add(skip));
    if order.is_none() && !table && (shape.lines || format(given) != Format::Json) {
        return flow(session, given, shape, &payload, most);
    }
    let mut rows = 0;
    let client = session.client(&given.common)?;
    let answer = client.stream(given.verb.method, &payload, |page: Value| {
        let before = list.rows.len();
        take_page(&mut list, page, shape);
        rows += list.rows.len() - before;
        if let Some(order) = &order {
            order.keep(&mut list.rows, most);
        }
        order.is_some() || rows < most
    });
    answer.map_err(|error| session.trouble(error, given))?;
    let cursor = list
        .rest
        .get("cursor")
        .is_some_and(|cursor| !cursor.is_null());
    list.cut = rows > most || (rows == most && cursor);
    if let Some(order) = &order {
        order.sort(&mut list.rows);
    }
    list.rows.truncate(most);
    list.rows.drain(..skip.min(list.rows.len()));
    print(session, given, shape, list)
}

fn usize_of(count: Option<u64>) -> Option<usize> {
    count.map(|count| usize::try_from(count).unwrap_or(usize::MAX))
}

/// Prints page by page, at most so many rows, in the order of the wire.
fn flow(
    session: &mut Session,
    given: &Given,
    shape: &'static Shape,
    payload: &Payload,
    most: usize,
) -> Result<u8, Trouble> {
    let (env, legend) = (session.env.clone(), session.screen.legend);
    let mut left = most;
    let mut head = legend;
    let client = session.client(&given.common)?;
    let answer = client.stream(given.verb.method, payload, |page: Value| {
        let mut list = List {
            rows: Vec::new(),
            rest: Value::Null,
            cut: false,
            later: false,
        };
        take_page(&mut list, page, shape);
        list.rows.truncate(left);
        left -= list.rows.len();
        let text = lines(given, shape, &list.rows, head);
        head = false;
        output::print(&text, &env, false) && left > 0
    });
    answer.map_err(|error| session.trouble(error, given))?;
    Ok(0)
}

/// Rows for programs, one a line.
fn lines(given: &Given, shape: &Shape, rows: &[Value], head: bool) -> String {
    if given.common.json() {
        return rows.iter().map(|row| format!("{row}\n")).collect();
    }
    match given.texts("columns") {
        Some(columns) => output::csv(&columns, rows, head),
        None => output::csv(shape.csv, rows, head),
    }
}

/// In which form: what is for a file is never a table.
fn format(given: &Given) -> Format {
    match (given.common.format, given.verb.run) {
        (Format::Table, Run::File(_)) => Format::Csv,
        (form, _) => form,
    }
}

fn take_page(list: &mut List, mut page: Value, shape: &Shape) {
    if let Some(rows) = page.get_mut(shape.rows).map(Value::take)
        && let Value::Array(rows) = rows
    {
        list.rows.extend(rows);
    }
    list.rest = page;
}

fn print(
    session: &mut Session,
    given: &Given,
    shape: &Shape,
    mut list: List,
) -> Result<u8, Trouble> {
    let text = match given.common.format {
        Format::Table => {
            if shape.log {
                list.rows.reverse();
            }
            let status = (shape.show)(&mut session.screen, given, &list)?;
            let text = session.screen.take();
            session.print(&text, given);
            return Ok(status);
        }
        Format::Json if !shape.lines => {
            if let Value::Object(rest) = &mut list.rest {
                rest.insert(shape.rows.to_owned(), Value::Array(list.rows));
            }
            format!("{:#}\n", list.rest)
        }
        Format::Csv | Format::Json | Format::JsonLines => {
            lines(given, shape, &list.rows, session.screen.legend)
        }
    };
    session.print(&text, given);
    Ok(0)
}

fn follow(
    session: &mut Session,
    given: &Given,
    shape: &'static Shape,
    payload: &Payload,
) -> Result<u8, Trouble> {
    let mut screen = session.screen.clone();
    let env = session.env.clone();
    let mut later = false;
    let mut failed = None;
    let client = session.client(&given.common)?;
    client
        .wait_at_most(None)
        .map_err(|error| Trouble::new(super::super::errors::SOFTWARE, error.to_string()))?;
    let answer = client.stream(given.verb.method, payload, |page: Value| {
        let mut list = List {
            rows: Vec::new(),
            rest: Value::Null,
            cut: false,
            later,
        };
        take_page(&mut list, page, shape);
        let text = match given.common.format {
            Format::Table => match (shape.show)(&mut screen, given, &list) {
                Ok(_) => screen.take(),
                Err(trouble) => {
                    failed = Some(trouble);
                    return false;
                }
            },
            Format::Csv | Format::Json | Format::JsonLines => {
                lines(given, shape, &list.rows, screen.legend && !later)
            }
        };
        later = true;
        output::print(&text, &env, false)
    });
    match (failed, answer) {
        (Some(trouble), _) => Err(trouble),
        (None, Err(CallError::Lost(_))) => Err(Trouble::new(
            super::super::errors::UNAVAILABLE,
            "mfad closed the connection",
        )
        .try_next("mfactl status")),
        (None, Err(error)) => Err(session.trouble(error, given)),
        (None, Ok(())) => Ok(0),
    }
}
