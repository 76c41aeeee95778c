//! A change of many people: shown as it would be, asked about, and made.
//!
//! If it changes people who are here, their number is typed, or stated by a script. It goes along, and
//! mfad refuses if it would be another one: the file, or the people, may have changed since.

use serde_json::Value;

use super::Session;
use super::change;
use super::client::{CallError, Client, Payload};
use super::errors::{self, Trouble};
use super::lengthy;
use super::output::{self, Screen};
use super::terminal::Terminal;
use super::verb::Given;
use crate::control::reply::Done;

/// What such a change has of its own.
pub(super) struct Many {
    /// One word for it, on the way.
    pub(super) doing: &'static str,
    /// The fact that counts people who are here and change.
    pub(super) people: &'static str,
    /// Shows what the sentence does not tell.
    pub(super) beside: fn(&mut Screen, &Done),
}

/// Shows what would come of it, asks, and makes the call, after `before` on the same connection.
pub(super) fn run(
    session: &mut Session,
    given: &Given,
    mut payload: Payload,
    how: &Many,
    before: impl Fn(&mut Client) -> Result<(), CallError>,
) -> Result<Done, Trouble> {
    let call = |session: &mut Session, payload: &mut Payload| {
        lengthy::call(session, given, payload, how.doing, &before)
    };
    if given.common.dry_run {
        payload.set("dry_run", true);
        return call(session, &mut payload);
    }
    let stated = stated(given)?;
    if !change::asks(session, given)? {
        payload.set("expect", stated.unwrap_or(0));
        return call(session, &mut payload).map_err(|mut trouble| {
            if stated.is_none() && trouble.code.as_deref() == Some("E_CONFLICT") {
                trouble.exit = errors::USAGE;
            }
            trouble
        });
    }
    payload.set("dry_run", true);
    let trial = call(session, &mut payload)?;
    if trial.unchanged {
        return Ok(trial);
    }
    payload.0.remove("dry_run");
    let mut screen = session.screen.clone();
    (how.beside)(&mut screen, &trial);
    output::would(&mut screen, &trial);
    let mut terminal = Terminal::open()?;
    terminal.write(&screen.take());
    let people = trial.data.get(how.people).and_then(Value::as_u64);
    match people.unwrap_or(0) {
        0 => change::agreed(&mut terminal)?,
        people => change::repeated(&mut terminal, &people.to_string())?,
    }
    payload.set("expect", people.unwrap_or(0));
    call(session, &mut payload)
}

/// How many people a script says that it is about.
fn stated(given: &Given) -> Result<Option<u64>, Trouble> {
    let number = |text: &String| {
        text.parse()
            .map_err(|_| Trouble::usage("--expect is a number of people here; nothing changed"))
    };
    given.common.expect.as_ref().map(number).transpose()
}
