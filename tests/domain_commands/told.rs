//! What an operator is told, word for word, and what is so afterwards: `tables/commands.txt`.
//!
//! `MFAD_BLESS=1` writes the answers anew; read the difference before you commit it.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fmt::Write as _;
use std::path::PathBuf;

use mfad::domain::command::{Applied, Effect, Reveal};
use mfad::domain::event::{Event, EventResult};
use mfad::domain::refusal::Refusal;

use super::facts::{changed, facts, or_dash};
use super::given::{World, world};
use super::screens;
use super::typed::command;

#[test]
fn every_answer_is_as_the_table_says() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/tables/commands.txt");
    let table = std::fs::read_to_string(&path).unwrap();
    let mut told = String::new();
    for line in table.lines().filter(|line| !line.starts_with("  ")) {
        told += line;
        told.push('\n');
        if let Some((given, typed)) = line.split_once('|').filter(|_| !line.starts_with('#')) {
            for line in answer(given, typed.trim()).lines() {
                writeln!(told, "  {line}").unwrap();
            }
        }
    }
    if std::env::var_os("MFAD_BLESS").is_some() {
        return std::fs::write(&path, told).unwrap();
    }
    for (number, (wanted, found)) in (1..).zip(table.lines().zip(told.lines())) {
        assert_eq!(found, wanted, "{}:{number}", path.display());
    }
    assert_eq!(told.lines().count(), table.lines().count());
}

fn answer(given: &str, typed: &str) -> String {
    let world = world(given);
    if let Some(arguments) = typed.strip_prefix("why") {
        return screens::why(&world, arguments);
    }
    if let Some(arguments) = typed.strip_prefix("auth explain") {
        return screens::explained(&world, arguments);
    }
    let World { run, record } = world;
    let (policy, now) = (run.policy.clone(), run.now);
    match run.of(record.as_ref(), &command(typed)) {
        Err(refusal) => refused(&refusal),
        Ok(applied) => {
            let mut told = done(&applied);
            for event in &applied.events {
                writeln!(told, "log: {}", logged(event)).unwrap();
            }
            for effect in &applied.effects {
                match effect {
                    Effect::Put { user, .. } => {
                        let before = record.as_ref().map(|record| facts(record, &policy, now));
                        let after = facts(user, &policy, now);
                        told += &changed(&before.unwrap_or_default(), &after);
                    }
                    Effect::Remove { .. } => told += "now: gone\n",
                    Effect::Send(message) => {
                        writeln!(told, "mail to {}: {}", message.to, message.subject).unwrap();
                        for line in message.text.lines() {
                            writeln!(told, "| {line}").unwrap();
                        }
                    }
                    Effect::PoolTake(serial) => writeln!(told, "pool: gives {serial}").unwrap(),
                    Effect::PoolPut(token) => {
                        let (serial, kind) = (&token.serial, token.kind.name());
                        write!(told, "pool: gets {serial}, {kind}").unwrap();
                        write!(told, ", next {}", token.next_factor).unwrap();
                        write!(told, ", expires {}", or_dash(token.expires)).unwrap();
                        writeln!(told, ", resync {}", token.resync_required).unwrap();
                        if token.compromised {
                            writeln!(told, "pool: {serial} is compromised").unwrap();
                        }
                    }
                }
            }
            told
        }
    }
}

fn refused(refusal: &Refusal) -> String {
    let mut told = format!("{refusal}\n");
    let mut line = |label: &str, text: &Option<String>| {
        if let Some(text) = text {
            writeln!(told, "{label}: {text}").unwrap();
        }
    };
    line("why", &refusal.why);
    for command in &refusal.tries {
        line("try", &Some(command.clone()));
    }
    line("do", &refusal.doing);
    line("need", &refusal.need);
    if let Some(code) = refusal.wrong_code {
        writeln!(told, "{code:?}").unwrap();
    }
    told
}

fn done(applied: &Applied) -> String {
    let done = &applied.done;
    let mut told = match &done.refused {
        Some(refusal) => refused(refusal),
        None => format!("{}\n", done.message),
    };
    for (label, text) in &done.notes {
        writeln!(told, "{label}: {text}").unwrap();
    }
    for (key, value) in &done.data {
        writeln!(told, "{key} = {value}").unwrap();
    }
    if let Some(token) = done.token {
        writeln!(told, "token = {token}").unwrap();
    }
    let shown = done.reveal.as_ref().map(|shown| match shown {
        Reveal::OtpauthUri(uri) => String::from_utf8(uri.expose().clone()).unwrap(),
        Reveal::Pin(_) | Reveal::Password(_) | Reveal::AuthCode(_) | Reveal::RecoveryCodes(_) => {
            "what was made".to_owned()
        }
    });
    if let Some(shown) = shown {
        writeln!(told, "shown once: {shown}").unwrap();
    }
    if let Some(ticket) = &done.ticket {
        let ticket = String::from_utf8(ticket.expose().clone()).unwrap();
        writeln!(told, "ticket: {ticket}").unwrap();
    }
    if let Some(undo) = &done.undo {
        writeln!(told, "undo: {undo}").unwrap();
    }
    told
}

/// `user.locked "Failures" -> "Operator" (ticket 4711) until="..."`.
fn logged(event: &Event) -> String {
    let mut told = event.name.to_owned();
    if let Some(token) = event.token {
        write!(told, " {token}").unwrap();
    }
    if event.result != EventResult::Ok {
        write!(told, " {}", event.result.name()).unwrap();
    }
    if let (Some(before), Some(after)) = (&event.before, &event.after) {
        write!(told, " {before} -> {after}").unwrap();
    }
    if let Some(reason) = &event.reason {
        write!(told, " ({reason})").unwrap();
    }
    for (key, value) in &event.detail {
        write!(told, " {key}={value}").unwrap();
    }
    told
}
