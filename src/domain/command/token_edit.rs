//! What an operator may write about a token: its description, and until when it counts (R35).

use serde_json::{Map, Value};

use super::case::Case;
use super::token::obsolete;
use super::{Applied, TokenEdit, user};
use crate::domain::action::Role;
use crate::domain::refusal::Refusal;
use crate::domain::token_record::{Base, Token};
use crate::time::Timestamp;
use crate::token::TokenId;

/// `token edit`: every field that is stated.
pub(super) fn edit(mut case: Case<'_>, id: TokenId, edit: &TokenEdit) -> Result<Applied, Refusal> {
    let Some(token) = case.record.token(id) else {
        return Err(case.stale());
    };
    if token.base == Base::Obsolete {
        return Err(obsolete(id, "was not changed"));
    }
    let expires = edit
        .expires
        .map(|at| Some(at).filter(|at| *at != Timestamp::NEVER));
    let moved = expires.is_some_and(|at| at != token.expires);
    // A token that has run out would count again.
    if moved && case.role() < Role::Admin {
        let what = "you may not change when a token expires; nothing changed";
        return Err(case.denied(Role::Admin, what));
    }
    case.ahead(expires.flatten().filter(|_| moved))?;
    if let Some(text) = &edit.description {
        user::written("--description", text, user::LABEL_CHARS_MAX)?;
    }
    let before = fields(token);
    let at = case.wall();
    if let Some(token) = case.record.token_mut(id) {
        if let Some(text) = &edit.description {
            token.description.clone_from(text);
        }
        if let Some(expires) = expires {
            token.expires = expires;
        }
    }
    let after = case.record.token(id).map(fields).unwrap_or_default();
    let changed = before.iter().zip(&after).filter(|(old, new)| old != new);
    let changed: Vec<_> = changed
        .map(|((name, old), (_, new))| (*name, old, new))
        .collect();
    let (mut was, mut is) = (Map::new(), Map::new());
    for (name, old, new) in &changed {
        was.insert((*name).to_owned(), Value::from(old.as_str()));
        is.insert((*name).to_owned(), Value::from(new.as_str()));
    }
    let event = case.event("token.edited").token(id).change(was, is);
    case.about(id);
    if changed.is_empty() {
        let message = format!("{id} of {} is already so; nothing changed.", case.user);
        return Ok(case.unchanged(event, message));
    }
    case.push(event);
    for (name, old, new) in &changed {
        case.note(name, format!("{old} -> {new}"));
    }
    if let Some(token) = case.record.token_mut(id) {
        token.updated = at;
    }
    let names: Vec<&str> = changed.iter().map(|(name, ..)| *name).collect();
    let message = format!(
        "{id} of {}: {} changed. {}",
        case.user,
        names.join(", "),
        case.current()
    );
    Ok(case.done(message))
}

/// What can be changed, as it is shown.
fn fields(token: &Token) -> Vec<(&'static str, String)> {
    let expires = token.expires.map(|at| at.to_string());
    let dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let description = Some(token.description.clone()).filter(|text| !text.is_empty());
    vec![
        ("description", dash(description)),
        ("expires", dash(expires)),
    ]
}
