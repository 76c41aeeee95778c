//! What backends answer with, made from what the rules return.

use serde_json::Map;

use crate::control::reply::{Done, Note, Reveal, RevealKind, RevealText};
use crate::domain::action::{Action, Role};
use crate::domain::command;
use crate::domain::event::Operator;
use crate::domain::refusal::{Code, Refusal};

/// The reply to a change; `audit` is the number of its record, none in a dry run.
#[must_use]
pub fn done(done: command::Done, audit: Option<u64>, dry_run: bool) -> Done {
    let note = |(label, text): (&str, String)| Note {
        label: label.to_owned(),
        text,
    };
    let mut data = Map::new();
    for (name, value) in done.data {
        data.insert(name.to_owned(), value);
    }
    Done {
        audit,
        unchanged: done.unchanged,
        dry_run,
        message: done.message,
        notes: done.notes.into_iter().map(note).collect(),
        undo: done.undo,
        user: done.user.map(|user| (*user).to_owned()),
        state: done.state.map(str::to_owned),
        revision: done.revision,
        token: done.token.map(|token| token.to_string()),
        reveal: done.reveal.map(reveal),
        data,
    }
}

fn reveal(reveal: command::Reveal) -> Reveal {
    let (kind, text) = match reveal {
        command::Reveal::Pin(text) => (RevealKind::Pin, text),
        command::Reveal::Password(text) => (RevealKind::Password, text),
        command::Reveal::AuthCode(text) => (RevealKind::AuthCode, text),
        command::Reveal::RecoveryCodes(text) => (RevealKind::RecoveryCodes, text),
        command::Reveal::OtpauthUri(text) => (RevealKind::OtpauthUri, text),
    };
    Reveal {
        kind,
        text: RevealText(text),
    }
}

/// The refusal of a caller whose role is too low; backends add who has that role here.
#[must_use]
pub fn role_refusal(operator: &Operator, action: Action, least: Role) -> Refusal {
    Refusal::new(
        Code::Perm,
        format!("you may not run `{}`; nothing changed", action.spec().name),
    )
    .why(format!(
        "you are {} (uid {}), role {}",
        operator.name, operator.uid, operator.role
    ))
    .need(format!("role {least}"))
}
