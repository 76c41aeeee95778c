//! Changes: asked about as their weight demands, made under a request id, and never guessed about.
//!
//! If the connection breaks after the call has left, nobody can know from here whether it was
//! carried out; so the audit log is asked for the request id, and only then something is said.

use std::time::Duration;

use serde_json::Value;

use super::Session;
use super::client::{CallError, Client, Payload, request_id};
use super::delivery;
use super::errors::{self, Trouble};
use super::output::{self, text};
use super::remote::quoted;
use super::secret::{self, Sink};
use super::terminal::Terminal;
use super::verb::{Format, Given};
use crate::control::reply::{AuditPage, Done, DoneReply};
use crate::domain::action::Weight;

/// How often a daemon that went away is asked again.
const ASK_TRIES: u32 = 6;
/// How long to wait before that, in milliseconds.
const ASK_PAUSE_MS: u64 = 500;
/// How long a resurrected daemon may take to answer, in milliseconds.
const ASK_MS_MAX: u64 = 5_000;

/// A change without anything special.
pub(super) fn run(session: &mut Session, given: &Given) -> Result<u8, Trouble> {
    let payload = given.payload(&session.screen.times)?;
    run_with(session, given, payload, None)
}

/// A change with parameters made elsewhere; `sink` is where its secret would go.
pub(super) fn run_with(
    session: &mut Session,
    given: &Given,
    payload: Payload,
    sink: Option<&Sink>,
) -> Result<u8, Trouble> {
    let Some(done) = make(session, given, payload)? else {
        return Ok(0);
    };
    finish(session, given, done, sink)
}

/// Asks, makes the call, and gives what came of it; none: only the call was shown.
pub(super) fn make(
    session: &mut Session,
    given: &Given,
    mut payload: Payload,
) -> Result<Option<Done>, Trouble> {
    // What is wrong with it is to be said before anything is changed.
    delivery::span(given)?;
    if given.common.dry_run {
        payload.set("dry_run", true);
    }
    if session.shown_call(given, &payload, false) {
        return Ok(None);
    }
    reason(session, given, &mut payload)?;
    if !given.common.dry_run {
        confirm(session, given, &mut payload)?;
    }
    send(session, given, given.verb.method, &mut payload).map(Some)
}

/// Prints what came of a change, and waits for the message that it has queued, if the operator asked
/// for one: what came of that decides the exit status.
pub(super) fn finish(
    session: &mut Session,
    given: &Given,
    mut done: Done,
    sink: Option<&Sink>,
) -> Result<u8, Trouble> {
    let secret = done.reveal.take();
    let json = given.common.json();
    if json && sink == Some(&Sink::Stdout) {
        done.reveal = secret;
    } else if let (Some(secret), Some(sink)) = (&secret, sink) {
        secret::reveal(session, given, sink, secret)?;
    }
    let reply = DoneReply { done };
    let quiet = given.common.quiet;
    if !quiet && !json {
        if reply.done.dry_run {
            output::would(&mut session.screen, &reply.done);
            session.screen.say("Nothing changed: this was a dry run.");
        } else {
            output::done(&mut session.screen, &reply.done);
        }
        let text = session.screen.take();
        output::print(&text, &session.env, false);
    }
    let told = delivery::tell(session, given, &reply.done);
    if quiet || !json {
        return told.map(|_| 0);
    }
    let mut value = serde_json::to_value(&reply).map_err(|error| {
        Trouble::new(errors::SOFTWARE, "the answer is no JSON").why(error.to_string())
    })?;
    match (told, &mut value) {
        (Ok(Some(row)), Value::Object(value)) => {
            value.insert("delivery".to_owned(), row);
        }
        // One document, whatever happened.
        (Err(mut trouble), Value::Object(value)) => {
            trouble.beside.append(value);
            return Err(trouble);
        }
        (told, _) => drop(told?),
    }
    let text = match given.common.format {
        Format::JsonLines => format!("{value}\n"),
        Format::Json | Format::Csv | Format::Table => format!("{value:#}\n"),
    };
    output::print(&text, &session.env, false);
    Ok(0)
}

/// Asks for a reason where one is compulsory.
pub(super) fn reason(
    session: &Session,
    given: &Given,
    payload: &mut Payload,
) -> Result<(), Trouble> {
    let needed = given.verb.row().is_some_and(|row| row.action.spec().reason);
    let stated = |payload: &Payload| {
        let reason = payload.0.get("reason").and_then(Value::as_str);
        reason.is_some_and(|reason| !reason.trim().is_empty())
    };
    if !needed || stated(payload) {
        return Ok(());
    }
    let name = given.verb.name;
    if given.common.no_input || !session.env.askable {
        return Err(
            Trouble::usage(format!("`{name}` needs a reason; nothing changed"))
                .why("the audit record of it says why it was done")
                .try_next(format!("{} -r TEXT", typed(given))),
        );
    }
    let answer = Terminal::open()?.ask("Reason (for the audit record): ")?;
    payload.set("reason", answer);
    if stated(payload) {
        return Ok(());
    }
    Err(Trouble::new(1, "no reason given; nothing changed"))
}

/// The command as it was typed, as far as it can be told again.
pub(super) fn typed(given: &Given) -> String {
    let mut line = format!("mfactl {}", given.verb.name);
    for take in given.verb.takes {
        if take.positional
            && let Some(value) = given.text(take.name)
        {
            line = format!("{line} {}", quoted(value));
        }
    }
    for take in given.verb.takes.iter().filter(|take| !take.positional) {
        if given.has(take.name) {
            line = format!("{line} --{}", take.name);
        } else if let Some(value) = given.text(take.name) {
            line = format!("{line} --{} {}", take.name, quoted(value));
        }
    }
    if let Some(reason) = &given.common.reason {
        line = format!("{line} -r {}", shell_text(reason));
    }
    line
}

/// A text in double quotes where that is enough: it reads better.
fn shell_text(text: &str) -> String {
    let special = |sign: char| matches!(sign, '"' | '$' | '`' | '\\' | '!');
    if text.contains(' ') && !text.contains(special) {
        return format!("\"{text}\"");
    }
    quoted(text)
}

/// Whether a person is to be asked first: before what cannot be undone, unless `--yes` stands there.
pub(super) fn asks(session: &Session, given: &Given) -> Result<bool, Trouble> {
    let weight = given.verb.row().map(|row| row.action.spec().weight);
    let severe = weight == Some(Weight::Severe);
    if !severe && weight != Some(Weight::Heavy) {
        return Ok(false);
    }
    let target = target(given);
    if given.common.yes {
        return match (&given.common.expect, severe) {
            (_, false) => Ok(false),
            (Some(expected), true) if *expected == target || expected == "1" => Ok(false),
            (Some(expected), true) => Err(Trouble::new(
                1,
                format!("this is about {target}, not about {expected}; nothing changed"),
            )),
            (None, true) => Err(Trouble::usage(
                "this cannot be undone: --yes alone is not enough; nothing changed",
            )
            .try_next(format!(
                "{} --yes --expect {}",
                typed(given),
                quoted(&target)
            ))),
        };
    }
    if given.common.no_input || !session.env.askable {
        let line = typed(given);
        let yes = if severe {
            format!("{line} --yes --expect {}", quoted(&target))
        } else {
            format!("{line} --yes")
        };
        return Err(Trouble::usage(
            "this needs a yes, and there is no terminal to ask; nothing changed",
        )
        .try_next(format!("{line} --dry-run   what it would do"))
        .try_next(yes));
    }
    Ok(true)
}

/// Shows what would come of it, and asks.
fn confirm(session: &mut Session, given: &Given, payload: &mut Payload) -> Result<(), Trouble> {
    if !asks(session, given)? {
        return Ok(());
    }
    payload.set("dry_run", true);
    let trial: DoneReply = session.call(given, payload)?;
    payload.0.remove("dry_run");
    let mut screen = session.screen.clone();
    output::would(&mut screen, &trial.done);
    let mut terminal = Terminal::open()?;
    terminal.write(&screen.take());
    let weight = given.verb.row().map(|row| row.action.spec().weight);
    if weight != Some(Weight::Severe) {
        return agreed(&mut terminal);
    }
    repeated(&mut terminal, &target(given))
}

/// Has the name or number typed that a severe change is about; trouble if it is another one.
pub(super) fn repeated(terminal: &mut Terminal, target: &str) -> Result<(), Trouble> {
    let answer = terminal.ask(&format!(
        "This cannot be undone. Type {} to go on: ",
        text::clean(target)
    ))?;
    if answer == target {
        return Ok(());
    }
    Err(declined())
}

/// Asks for a yes; trouble if it is none.
pub(super) fn agreed(terminal: &mut Terminal) -> Result<(), Trouble> {
    let answer = terminal.ask("Go on? [y/N] ")?;
    match answer.to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(declined()),
    }
}

fn declined() -> Trouble {
    Trouble::new(1, "declined; nothing changed")
}

/// What the command is about: its argument, or else the flag that it cannot do without.
fn target(given: &Given) -> String {
    let mut takes = given.verb.takes.iter();
    let first = takes.find(|take| take.positional || take.required);
    let value = first.and_then(|take| given.text(take.name));
    value.unwrap_or_default().to_owned()
}

/// Makes the call, and finds out what became of it if the connection breaks.
pub(super) fn send(
    session: &mut Session,
    given: &Given,
    method: &str,
    payload: &mut Payload,
) -> Result<Done, Trouble> {
    let request = request_id()
        .map_err(|error| Trouble::new(errors::SOFTWARE, "no request id").why(error.to_string()))?;
    payload.set("request", request.as_str());
    // A person may have been asked meanwhile for longer than the daemon keeps an idle connection.
    session.client = None;
    let client = session.client(&given.common)?;
    let answer: Result<DoneReply, CallError> = client.call(method, payload);
    match answer {
        Ok(reply) => Ok(reply.done),
        Err(CallError::Lost(_)) => lost(session, given, &request),
        Err(error) => Err(with_request(session.trouble(error, given), request)),
    }
}

fn with_request(mut trouble: Trouble, request: String) -> Trouble {
    trouble.request.get_or_insert(request);
    trouble
}

/// What the audit log knows about a request.
enum Fate {
    Done(Box<Done>),
    NotDone,
    Unknown,
}

fn lost(session: &mut Session, given: &Given, request: &str) -> Result<Done, Trouble> {
    session.client = None;
    output::print_error(&format!(
        "mfactl: connection lost; asking mfad what became of request {request} ...\n"
    ));
    let name = given.verb.name;
    match fate(given, request) {
        Fate::Done(done) => Ok(*done),
        Fate::NotDone => Err(with_request(
            Trouble::new(errors::TRY_AGAIN, "it was not done; nothing changed")
                .why("the connection broke, and the audit log has no record of the request")
                .try_next(typed(given)),
            request.to_owned(),
        )),
        Fate::Unknown => {
            let what = format!("it is not known yet whether `{name}` was carried out");
            Err(Trouble::new(errors::TRY_AGAIN, what)
                .why("the connection broke after the request was sent, mfad is away")
                .try_next(format!(
                    "mfactl audit log --request {request}     when it is back"
                )))
        }
    }
}

fn fate(given: &Given, request: &str) -> Fate {
    for attempt in 0..ASK_TRIES {
        if attempt > 0 {
            std::thread::sleep(Duration::from_millis(ASK_PAUSE_MS));
        }
        let Ok(mut client) = Client::connect(&given.common.socket) else {
            continue;
        };
        let wait = Some(Duration::from_millis(ASK_MS_MAX));
        let mut payload = Payload::default();
        payload.set("request", request);
        if client.wait_at_most(wait).is_err() {
            continue;
        }
        let Ok(page) = client.call::<AuditPage>("org.mfad.Audit.Log", &payload) else {
            continue;
        };
        return recorded(&page, request);
    }
    Fate::Unknown
}

fn recorded(page: &AuditPage, request: &str) -> Fate {
    let done = page.entries.iter().find(|entry| {
        let result = entry.record.get("result").and_then(Value::as_str);
        result != Some("refused")
    });
    let Some(entry) = done else {
        return Fate::NotDone;
    };
    let event = entry.record.get("event").and_then(Value::as_str);
    let target = entry.record.get("target");
    let user = target.and_then(|target| target.get("user")?.as_str());
    let about = user.map(|user| format!(" of {user}")).unwrap_or_default();
    let message = format!(
        "it was done: {}{about}, request {request}.",
        event.unwrap_or("recorded")
    );
    Fate::Done(Box::new(Done {
        audit: Some(entry.seq),
        message,
        ..Done::default()
    }))
}
