//! Lists: pages asked for one after another, shown as a table, CSV or JSON.

use serde_json::Value;

use crate::ctl::Session;
use crate::ctl::client::CallError;
use crate::ctl::errors::Trouble;
use crate::ctl::output::{self, Screen};
use crate::ctl::verb::{Format, Given};

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
    if session.shown_call(given, &payload, true) {
        return Ok(0);
    }
    if given.has("follow") {
        return follow(session, given, shape, &payload);
    }
    let table = given.common.format == Format::Table;
    let asked = payload.0.remove("limit").and_then(|limit| limit.as_u64());
    let open_log = shape.log && table && !payload.0.contains_key("since");
    let limit = asked.or_else(|| open_log.then_some(LOG_ROWS));
    payload.set(
        "limit",
        limit.unwrap_or(PAGE_ROWS_MAX).clamp(1, PAGE_ROWS_MAX),
    );
    let mut list = List {
        rows: Vec::new(),
        rest: Value::Null,
        cut: false,
        later: false,
    };
    let most = limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    });
    let client = session.client(&given.common)?;
    let answer = client.stream(given.verb.method, &payload, |page: Value| {
        take_page(&mut list, page, shape);
        list.rows.len() < most
    });
    answer.map_err(|error| session.trouble(error, given))?;
    let cursor = list
        .rest
        .get("cursor")
        .is_some_and(|cursor| !cursor.is_null());
    list.cut = list.rows.len() > most || (list.rows.len() == most && cursor);
    list.rows.truncate(most);
    print(session, given, shape, list)
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
        Format::Csv => output::csv(shape.csv, &list.rows, session.screen.legend),
        Format::Json if !shape.lines => {
            if let Value::Object(rest) = &mut list.rest {
                rest.insert(shape.rows.to_owned(), Value::Array(list.rows));
            }
            format!("{:#}\n", list.rest)
        }
        Format::Json | Format::JsonLines => {
            list.rows.iter().map(|row| format!("{row}\n")).collect()
        }
    };
    session.print(&text, given);
    Ok(0)
}

fn follow(
    session: &mut Session,
    given: &Given,
    shape: &'static Shape,
    payload: &crate::ctl::client::Payload,
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
            Format::Csv => output::csv(shape.csv, &list.rows, screen.legend && !later),
            Format::Json | Format::JsonLines => {
                list.rows.iter().map(|row| format!("{row}\n")).collect()
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
