//! Changes that take a while: on the way mfad says how far it is, and Ctrl-C ends the call and not the
//! telling of how far it came. What was done by then stays, and the same command goes on.

use std::io::IsTerminal as _;

use super::client::{CallError, Client, Payload, request_id};
use super::errors::{self, Trouble};
use super::interrupt::Watch;
use super::progress::Progress;
use super::verb::Given;
use super::{Session, change, reach};
use crate::control::reply::{Done, DoneReply};

/// Makes the call, after `before` on the same new connection: while a person was asked, the last
/// one may have ended, and with it what was handed over. `doing` is one word for it.
pub(super) fn call(
    session: &mut Session,
    given: &Given,
    payload: &mut Payload,
    doing: &'static str,
    before: impl FnOnce(&mut Client) -> Result<(), CallError>,
) -> Result<Done, Trouble> {
    let request = request_id()
        .map_err(|error| Trouble::new(errors::SOFTWARE, "no request id").why(error.to_string()))?;
    payload.set("request", request.as_str());
    let mut client = reach::connect(&given.common.socket)?;
    let trial = payload.0.contains_key("dry_run");
    let watch = if trial { None } else { watched(&client) };
    let stopped = || watch.as_ref().is_some_and(Watch::pressed);
    if let Err(error) = before(&mut client) {
        return Err(match stopped() {
            true => Trouble::interrupted(),
            false => session.trouble(error, given),
        });
    }
    let shows = std::io::stderr().is_terminal() && !given.common.quiet && !session.env.dumb;
    let mut progress = Progress::new(doing, shows.then_some(session.env.columns));
    let mut last = None;
    let answered = client.stream(given.verb.method, payload, |reply: DoneReply| {
        if !progress.told(&reply.done.data) {
            last = Some(reply.done);
        }
        true
    });
    if answered.is_err() {
        progress.end();
    }
    match (answered, last) {
        (Ok(()), Some(done)) => Ok(done),
        (Err(_), _) if stopped() => Err(given_up(given, progress.written(), request)),
        (Err(CallError::Lost(_)), _) if !trial => {
            let what = "the connection broke: it is done as a whole, in part or not at all";
            let again = change::typed(given);
            let mut trouble = Trouble::new(errors::TRY_AGAIN, what)
                .why("what is done is complete, piece by piece")
                .try_next(format!("{again}   it goes on"));
            trouble.request = Some(request);
            Err(trouble)
        }
        (Err(error), _) => {
            let mut trouble = session.trouble(error, given);
            trouble.request.get_or_insert(request);
            Err(trouble)
        }
        (Ok(()), None) => Err(Trouble::new(errors::PROTOCOL, "mfad gave no answer")),
    }
}

fn watched(client: &Client) -> Option<Watch> {
    let watch = client.stream_handle().and_then(Watch::over);
    // Without it Ctrl-C just ends mfactl, and the change at its next piece.
    watch.ok()
}

/// Somebody pressed Ctrl-C; `written` is what was told last.
fn given_up(given: &Given, written: Option<String>, request: String) -> Trouble {
    let what = match written {
        Some(written) => format!("stopped after {written}; these are done and complete"),
        None => "stopped at the beginning".to_owned(),
    };
    let again = change::typed(given);
    let mut trouble = Trouble::new(errors::INTERRUPTED, what)
        .why("it is done piece by piece, and one more may be on its way")
        .try_next(format!("{again}   it goes on"));
    trouble.request = Some(request);
    trouble
}
