//! Commands that ask for codes: `token add`, `token confirm`, `token test`, `token resync`.

use crate::control::reply::{Done, RevealKind, TokenShow};
use crate::ctl::client::Payload;
use crate::ctl::errors::{INTERRUPTED, Trouble};
use crate::ctl::secret::{self, Sink};
use crate::ctl::terminal::Terminal;
use crate::ctl::verb::{Given, typed_code};
use crate::ctl::{Session, change, delivery, output};

/// How often a wrong first code may be typed.
const TRIES_MAX: u32 = 3;

/// `token add`: makes it, shows it, proves it.
pub(super) fn add(session: &mut Session, given: &Given) -> Result<u8, Trouble> {
    let mut payload = given.payload(&session.screen.times)?;
    let own_seed = given.has("seed") || given.has("stdin") || given.text("file").is_some();
    let sent = matches!(given.text("type"), Some("virtual" | "email" | "sms"));
    let made = !own_seed && !sent && given.text("serial").is_none();
    let reveals = made && !given.common.dry_run;
    let sink = if reveals && !given.common.show_call {
        Some(secret::sink(session, given)?)
    } else {
        None
    };
    if own_seed && !given.common.show_call {
        let seed = secret::known_secret(session, given, "Seed in base32: ")?;
        payload.set("seed", seed.as_str());
    }
    let Some(done) = change::make(session, given, payload)? else {
        return Ok(0);
    };
    let prove = sink == Some(Sink::Screen)
        && given.text("confirm").is_none()
        && !given.has("trusted")
        && done
            .reveal
            .as_ref()
            .is_some_and(|secret| secret.kind == RevealKind::OtpauthUri);
    if prove {
        return interactive(session, given, done);
    }
    change::finish(session, given, done, sink.as_ref())
}

/// What came of asking for the first code.
enum Proof {
    Done(Box<Done>),
    Later,
    Cancelled,
    Failed(Box<Trouble>),
}

fn interactive(session: &mut Session, given: &Given, mut done: Done) -> Result<u8, Trouble> {
    let Some(secret) = done.reveal.take() else {
        return change::finish(session, given, done, None);
    };
    let mut head = session.screen.clone();
    output::done(&mut head, &done);
    let mut terminal = Terminal::open()?;
    terminal.write(&head.take());
    let shown = secret::shown(session, given, &secret)?;
    terminal.enter_alternate();
    terminal.write(&shown);
    let token = done.token.clone().unwrap_or_default();
    let proof = prove(session, given, &mut terminal, &token, secret.text.expose());
    terminal.leave_alternate();
    drop(secret);
    match proof? {
        Proof::Done(proven) => change::finish(session, given, *proven, None),
        Proof::Later => {
            let user = done.user.unwrap_or_default();
            session.screen.say(&format!(
                "{token} stays pending. Prove it later: mfactl token confirm {token}; \
                 show the QR again: mfactl enroll qr {user}"
            ));
            output::print(&session.screen.take(), &session.env, false);
            Ok(0)
        }
        Proof::Cancelled => {
            let gone = delete(session, given, &token, "cancelled while it was added")?;
            change::finish(session, given, gone, None)?;
            Ok(1)
        }
        Proof::Failed(trouble) => Err(trouble
            .try_next(format!("mfactl token confirm {token}"))
            .try_next(format!("mfactl token delete {token} -r TEXT"))),
    }
}

fn prove(
    session: &mut Session,
    given: &Given,
    terminal: &mut Terminal,
    token: &str,
    uri: &str,
) -> Result<Proof, Trouble> {
    let mut tries = TRIES_MAX;
    loop {
        let question = "Code the app shows now (Enter: later, u: as text, q: cancel and delete): ";
        let answer = match terminal.ask(question) {
            Ok(answer) => answer,
            Err(trouble) if trouble.exit == INTERRUPTED => return Ok(Proof::Cancelled),
            Err(trouble) => return Err(trouble),
        };
        match answer.as_str() {
            "" => return Ok(Proof::Later),
            "q" => return Ok(Proof::Cancelled),
            "u" => {
                terminal.write(&format!("\n  {uri}\n\n"));
                continue;
            }
            _ => {}
        }
        let mut payload = Payload::default();
        payload.set("token", token);
        payload.set("code", typed_code(&answer));
        match change::send(session, given, "org.mfad.Tokens.Confirm", &mut payload) {
            Ok(done) => return Ok(Proof::Done(Box::new(done))),
            Err(trouble) => {
                let retry = matches!(trouble.code.as_deref(), Some("E_OTP" | "E_ARG"));
                tries -= 1;
                if !retry || tries == 0 {
                    return Ok(Proof::Failed(Box::new(trouble)));
                }
                let why = trouble.why.as_deref().map(|why| format!(" ({why})"));
                let why = output::text::clean(&why.unwrap_or_default());
                let noun = if tries == 1 { "try" } else { "tries" };
                terminal.write(&format!(
                    "That code does not fit. {tries} {noun} left.{why}\n"
                ));
            }
        }
    }
}

fn delete(
    session: &mut Session,
    given: &Given,
    token: &str,
    reason: &str,
) -> Result<Done, Trouble> {
    let mut payload = Payload::default();
    payload.set("token", token);
    payload.set("reason", reason);
    change::send(session, given, "org.mfad.Tokens.Delete", &mut payload)
}

/// `token test`, `token confirm`: a code that is sent if the token is one whose codes are sent, and
/// asked for if it was not typed.
pub(super) fn one_code(session: &mut Session, given: &Given) -> Result<u8, Trouble> {
    let mut payload = given.payload(&session.screen.times)?;
    if !payload.0.contains_key("code") && !given.common.show_call && is_sent(session, given) {
        let sent = given.payload(&session.screen.times)?;
        if given.common.no_input || given.common.dry_run || !session.env.askable {
            return change::run_with(session, given, sent, None);
        }
        let Some(done) = change::make(session, given, sent)? else {
            return Ok(0);
        };
        output::done(&mut session.screen, &done);
        output::print(&session.screen.take(), &session.env, false);
        delivery::tell(session, given, &done)?;
        ask(
            session,
            given,
            &mut payload,
            "OTP",
            "code",
            "Code that was sent: ",
        )?;
        return change::run_with(session, given, payload, None);
    }
    ask(
        session,
        given,
        &mut payload,
        "OTP",
        "code",
        "Code it shows now: ",
    )?;
    change::run_with(session, given, payload, None)
}

/// Whether the codes of the token that was named are sent. What is wrong with the name, the command
/// itself will tell.
fn is_sent(session: &mut Session, given: &Given) -> bool {
    let mut payload = Payload::default();
    payload.set("token", given.text("TOKEN").unwrap_or_default());
    let show = session.call_of::<TokenShow>("org.mfad.Tokens.Show", given, &payload);
    show.is_ok_and(|show| show.token.via.is_some())
}

/// `token resync`: the same with two.
pub(super) fn two_codes(session: &mut Session, given: &Given) -> Result<u8, Trouble> {
    let mut payload = given.payload(&session.screen.times)?;
    let first = "Press the button on the device, type the code:       ";
    let next = "Press it again, type the next one:                   ";
    ask(session, given, &mut payload, "OTP1", "first", first)?;
    ask(session, given, &mut payload, "OTP2", "second", next)?;
    change::run_with(session, given, payload, None)
}

fn ask(
    session: &Session,
    given: &Given,
    payload: &mut Payload,
    name: &str,
    parameter: &str,
    question: &str,
) -> Result<(), Trouble> {
    if payload.0.contains_key(parameter) {
        return Ok(());
    }
    if given.common.show_call {
        payload.set(parameter, name);
        return Ok(());
    }
    if given.common.no_input || !session.env.askable {
        let line = change::typed(given);
        return Err(
            Trouble::usage(format!("`{}` needs {name}", given.verb.name))
                .try_next(format!("{line} {name}")),
        );
    }
    let answer = Terminal::open()?.ask(question)?;
    if answer.is_empty() {
        return Err(Trouble::new(1, "no code was typed; nothing changed"));
    }
    payload.set(parameter, typed_code(&answer));
    Ok(())
}
