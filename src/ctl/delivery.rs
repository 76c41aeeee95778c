//! What becomes of the message that a change has queued because the operator asked for it.
//!
//! A change is done before its message leaves; what is waited for here takes nothing back. `mfad` names
//! such a message in the facts of the change and says what would lead on if its server refuses it;
//! notices are not named, so that no command waits for them.

use std::io::IsTerminal as _;
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::Session;
use super::client::Payload;
use super::errors::{INTERRUPTED, Trouble};
use super::interrupt::Watch;
use super::output;
use super::time;
use super::verb::{Given, Kind, Take, flag};
use crate::control::reply::{Done, Notification, NotificationPage};

/// How long the outcome is waited for, if nothing is stated, in seconds.
const WAIT_S: u64 = 10;
/// Pause between two questions.
const PAUSE: Duration = Duration::from_millis(100);
/// Messages that are looked through; what waits always stands among them.
const ROWS: u64 = 100;

/// How long to wait.
pub(super) const WAIT: Take = flag(
    "wait",
    "",
    Kind::Local,
    "SPAN",
    "wait so long for the delivery; 10s if not stated",
);

/// Not at all.
pub(super) const NO_WAIT: Take = flag(
    "no-wait",
    "",
    Kind::LocalSwitch,
    "",
    "do not wait for the delivery",
);

/// `queued` in the facts of a change.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Queued {
    /// The message.
    message: String,
    /// Commands that lead on without it.
    otherwise: Vec<String>,
}

/// What is known when the wait ends.
#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    /// Its server has it, or it never will, or it waits.
    Known(Box<Notification>),
    /// Nothing is known of it, and why.
    Unknown(String),
    /// Somebody pressed Ctrl-C.
    Stopped,
}

/// How long to wait; none: not at all. To be asked before the change is made.
pub(super) fn span(given: &Given) -> Result<Option<Duration>, Trouble> {
    let stated = given.text("wait");
    if given.has("no-wait") {
        return match stated {
            None => Ok(None),
            Some(_) => Err(Trouble::usage("--wait and --no-wait exclude each other")),
        };
    }
    let seconds = stated.map_or(Ok(WAIT_S), |text| time::span(text, "wait"))?;
    Ok(Some(Duration::from_secs(seconds)))
}

/// Waits for the message that a change has queued, if it has, and says what became of it: the row of
/// `notify list`, for programs.
pub(super) fn tell(
    session: &mut Session,
    given: &Given,
    done: &Done,
) -> Result<Option<Value>, Trouble> {
    let queued = done.data.get("queued").filter(|_| !done.dry_run);
    let queued = queued.and_then(|queued| Queued::deserialize(queued).ok());
    let (Some(queued), Some(span)) = (queued, span(given)?) else {
        return Ok(None);
    };
    let user = done.user.as_deref().unwrap_or_default();
    let outcome = watched(session, given, (user, &queued.message), span);
    let look = format!("mfactl notify list {}", super::remote::quoted(user));
    let row = outcome.row(&queued.message);
    let told = match outcome {
        Outcome::Known(row) if row.status == "failed" => Err(refused(&row, &queued, look)),
        Outcome::Stopped => {
            let what = "stopped waiting; the change stands, and its message is on its way";
            Err(Trouble::new(INTERRUPTED, what).try_next(look))
        }
        _ if given.common.quiet || given.common.json() => Ok(()),
        outcome => {
            say(session, &outcome, span, &look);
            Ok(())
        }
    };
    match told {
        Ok(()) => Ok(Some(row)),
        Err(mut trouble) => {
            trouble.beside.insert("delivery".to_owned(), row);
            Err(trouble)
        }
    }
}

impl Outcome {
    fn row(&self, message: &str) -> Value {
        let known = match self {
            Self::Known(row) => serde_json::to_value(row).ok(),
            Self::Unknown(_) | Self::Stopped => None,
        };
        known.unwrap_or_else(|| json!({"status": "unknown", "message": message}))
    }
}

/// Asks until the message has left the outbox or the time is over; Ctrl-C ends the wait.
fn watched(
    session: &mut Session,
    given: &Given,
    (user, message): (&str, &str),
    span: Duration,
) -> Outcome {
    // Without it Ctrl-C just ends mfactl.
    let client = session.client(&given.common).ok();
    let watch = client.and_then(|client| client.stream_handle().and_then(Watch::over).ok());
    let stopped = || watch.as_ref().is_some_and(Watch::pressed);
    let shows = std::io::stderr().is_terminal() && !given.common.quiet;
    let mut payload = Payload::default();
    payload.set("user", user);
    payload.set("limit", ROWS);
    let ask = || {
        let page: NotificationPage = session.call_of("org.mfad.Notify.List", given, &payload)?;
        let mut rows = page.rows.into_iter();
        Ok(rows.find(|row| row.message.as_deref() == Some(message)))
    };
    let mut told = false;
    let pause = |pause| {
        if shows && !std::mem::replace(&mut told, true) {
            output::print_error("waiting for the delivery (Ctrl-C ends the wait) ...");
        }
        thread::sleep(pause);
    };
    let outcome = until_settled(ask, pause, span);
    if told {
        output::print_error("\r\u{1b}[K");
    }
    match outcome {
        _ if stopped() => Outcome::Stopped,
        outcome => outcome,
    }
}

/// The same with what asks and what passes time.
fn until_settled(
    mut ask: impl FnMut() -> Result<Option<Notification>, Trouble>,
    mut pause: impl FnMut(Duration),
    span: Duration,
) -> Outcome {
    let mut waited = Duration::ZERO;
    loop {
        match ask() {
            Err(trouble) => return Outcome::Unknown(trouble.what.clone()),
            Ok(Some(row)) if row.status != "waiting" || waited >= span => {
                return Outcome::Known(Box::new(row));
            }
            Ok(None) if waited >= span => {
                return Outcome::Unknown("its record is not found".to_owned());
            }
            Ok(_) => {}
        }
        pause(PAUSE);
        waited += PAUSE;
    }
}

/// What carries it, and who knows whether it arrives.
fn carrier(channel: &str) -> (&'static str, &'static str) {
    match channel {
        "sms" => ("SMS gateway", "telephone"),
        _ => ("mail server", "mailbox"),
    }
}

fn say(session: &mut Session, outcome: &Outcome, span: Duration, look: &str) {
    let screen = &mut session.screen;
    let (words, why) = match outcome {
        Outcome::Known(row) if row.status == "sent" => {
            let (server, end) = carrier(&row.channel);
            let label = format!("{} ", screen.yes());
            let words = format!("the {server} has taken it; whether it arrives, the {end} says");
            screen.say_after(&label, &words);
            output::print(&screen.take(), &session.env, false);
            return;
        }
        Outcome::Known(row) => {
            let (server, _) = carrier(&row.channel);
            let span = span.as_secs();
            let words = format!("the {server} has not taken it within {span} s; it is tried again");
            (words, row.why.clone())
        }
        Outcome::Unknown(why) => {
            let words = "what became of its message is not known yet".to_owned();
            (words, Some(why.clone()))
        }
        Outcome::Stopped => return,
    };
    screen.say_after("- ", &words);
    if let Some(why) = why {
        screen.say_after("  why  ", &why);
    }
    screen.say_after("  look ", look);
    output::print(&screen.take(), &session.env, false);
}

/// The server never takes it.
fn refused(row: &Notification, queued: &Queued, look: String) -> Trouble {
    let what = row.what.replace('-', " ");
    let what = format!("the {what} was not sent to {}; the change stands", row.to);
    let mut trouble = Trouble::new(1, what);
    trouble.error = Some("org.mfad.Delivery".to_owned());
    trouble.code = Some("E_DELIVERY".to_owned());
    trouble.why.clone_from(&row.why);
    trouble.tries.clone_from(&queued.otherwise);
    trouble
        .try_next(look)
        .doing("it is not tried again: give the command once more when that is mended")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(status: &str) -> Notification {
        Notification {
            status: status.to_owned(),
            ..Notification::default()
        }
    }

    /// What comes of these answers, and how long was waited.
    fn outcome(answers: &[Option<&str>], span: u64) -> (Outcome, Duration) {
        let mut waited = Duration::ZERO;
        let mut answers = answers.iter().copied();
        let mut last = None;
        let ask = || {
            last = answers.next().unwrap_or(last);
            Ok(last.map(row))
        };
        let outcome = until_settled(ask, |pause| waited += pause, Duration::from_secs(span));
        (outcome, waited)
    }

    #[test]
    fn the_wait_ends_with_the_outcome_and_at_last_with_the_time() {
        let known = |status| Outcome::Known(Box::new(row(status)));
        assert_eq!(
            outcome(&[Some("sent")], 10),
            (known("sent"), Duration::ZERO)
        );
        let (refused, waited) = outcome(&[Some("waiting"), Some("waiting"), Some("failed")], 10);
        assert_eq!((refused, waited), (known("failed"), 2 * PAUSE));
        let (waiting, waited) = outcome(&[Some("waiting")], 10);
        assert_eq!(
            (waiting, waited),
            (known("waiting"), Duration::from_secs(10))
        );
        let (waiting, waited) = outcome(&[Some("waiting")], 0);
        assert_eq!((waiting, waited), (known("waiting"), Duration::ZERO));
    }

    #[test]
    fn what_left_the_outbox_and_has_no_record_yet_is_waited_for() {
        // Between two reads of the store it may be in neither.
        let (sent, waited) = outcome(&[None, Some("sent")], 10);
        assert_eq!(
            (sent, waited),
            (Outcome::Known(Box::new(row("sent"))), PAUSE)
        );
        let (unknown, waited) = outcome(&[None], 1);
        assert!(matches!(unknown, Outcome::Unknown(_)), "{unknown:?}");
        assert_eq!(waited, Duration::from_secs(1));
    }

    #[test]
    fn a_daemon_that_does_not_answer_is_not_asked_again() {
        let mut asked = 0;
        let ask = || {
            asked += 1;
            Err(Trouble::new(69, "mfad did not answer"))
        };
        let outcome = until_settled(ask, |_| {}, Duration::from_secs(10));
        assert_eq!(outcome, Outcome::Unknown("mfad did not answer".to_owned()));
        assert_eq!(asked, 1);
    }
}
