//! The answer to a change: one line with a number, then the facts beside it.

use super::{Screen, text};
use crate::control::reply::Done;

/// Shows what came of a change.
pub(in crate::ctl) fn done(screen: &mut Screen, done: &Done) {
    let sign = if done.unchanged {
        String::new()
    } else {
        format!("{} ", screen.yes())
    };
    first(screen, &sign, done);
    beside(screen, done);
}

/// Shows what a change would do.
pub(in crate::ctl) fn would(screen: &mut Screen, done: &Done) {
    first(screen, "would: ", done);
    beside(screen, done);
}

/// The sentence, with the number of the audit record at the right.
fn first(screen: &mut Screen, sign: &str, done: &Done) {
    let mut words = done.message.clone();
    if let Some(state) = &done.state
        && !words.contains(state.as_str())
    {
        words = format!("{words} Current state: {state}.");
    }
    let words = screen.times.in_text(&text::clean(&words));
    let width = screen.prose();
    let indent = text::columns(sign);
    let mut lines = text::wrap(&words, width.saturating_sub(indent));
    if let Some(audit) = done.audit {
        let audit = format!("audit {}", text::number(audit));
        let last = lines.last().map_or(0, |line| text::columns(line));
        let room = width.saturating_sub(indent);
        match lines.last_mut() {
            Some(line) if last + 2 + text::columns(&audit) <= room => {
                *line = format!("{}{audit}", text::left(line, room - text::columns(&audit)));
            }
            _ => lines.push(text::right(&audit, room)),
        }
    }
    for (at, line) in lines.iter().enumerate() {
        let head = if at == 0 {
            sign.to_owned()
        } else {
            " ".repeat(indent)
        };
        screen.line(&format!("{head}{line}"));
    }
}

fn beside(screen: &mut Screen, done: &Done) {
    let labels = done.notes.iter().map(|note| text::columns(&note.label));
    let width = labels.max().unwrap_or(0).max(4) + 1;
    for note in &done.notes {
        let label = format!("  {}", text::left(&text::clean(&note.label), width));
        screen.say_after(&label, &note.text);
    }
    if let Some(undo) = &done.undo
        && !done.dry_run
    {
        let label = format!("  {}", text::left("undo", width));
        let undo = text::clean(undo);
        let lines = text::wrap_command(&undo, screen.columns.saturating_sub(label.len()));
        for (at, line) in lines.iter().enumerate() {
            let head = if at == 0 {
                label.clone()
            } else {
                " ".repeat(label.len())
            };
            screen.line(&format!("{head}{line}"));
        }
    }
}
