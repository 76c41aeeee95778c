//! What an operator may write about a token: its description, until when it counts, and the address
//! that its codes are sent to (R35).

use serde_json::{Map, Value};

use super::case::Case;
use super::token::obsolete;
use super::{Applied, TokenEdit, address, user};
use crate::domain::action::{Action, Role};
use crate::domain::delivery::Via;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::token_record::{Base, Token, TokenKind};
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
    addressable(&case, token, edit)?;
    let before = fields(token);
    let at = case.wall();
    if let Some(token) = case.record.token_mut(id) {
        if let Some(text) = &edit.description {
            token.description.clone_from(text);
        }
        if let Some(expires) = expires {
            token.expires = expires;
        }
        if let (Some(delivery), Some(address)) = (&mut token.delivery, edit.address()) {
            delivery.address = Some(address.to_owned());
        }
    }
    let after = case.record.token(id).map(fields).unwrap_or_default();
    let changed = before.iter().zip(&after);
    let changed: Vec<_> = changed
        .filter(|(old, new)| old.value != new.value)
        .collect();
    let (mut was, mut is) = (Map::new(), Map::new());
    for (old, new) in &changed {
        was.insert(old.name.to_owned(), Value::from(old.shown.as_str()));
        is.insert(new.name.to_owned(), Value::from(new.shown.as_str()));
    }
    let event = case.event("token.edited").token(id).change(was, is);
    case.about(id);
    if changed.is_empty() {
        let message = format!("{id} of {} is already so; nothing changed.", case.user);
        return Ok(case.unchanged(event, message));
    }
    case.push(event);
    for (old, new) in &changed {
        case.note(old.name, format!("{} -> {}", old.shown, new.shown));
    }
    if let Some(token) = case.record.token_mut(id) {
        token.updated = at;
    }
    if changed.iter().any(|(old, _)| old.name == ADDRESS) {
        address::readdressed(&mut case, id, edit.trusted);
    }
    let names: Vec<&str> = changed.iter().map(|(old, _)| old.name).collect();
    let message = format!(
        "{id} of {}: {} changed. {}",
        case.user,
        names.join(", "),
        case.current()
    );
    Ok(case.done(message))
}

impl TokenEdit {
    /// The address that is stated, of either kind.
    fn address(&self) -> Option<&str> {
        self.phone.as_deref().or(self.email.as_deref())
    }
}

/// Whether the token has such an address of its own.
fn addressable(case: &Case<'_>, token: &Token, edit: &TokenEdit) -> Result<(), Refusal> {
    let stated = [(Via::Sms, &edit.phone), (Via::Email, &edit.email)];
    for (via, address) in stated {
        let Some(address) = address else { continue };
        let kind = match via {
            Via::Sms => TokenKind::Sms,
            Via::Email => TokenKind::Email,
        };
        if token.kind == kind {
            user::plausible_address(via, address)?;
            continue;
        }
        let (id, name) = (token.id, token.kind.name());
        let what = format!(
            "{id} is of type {name}: it has no {} of its own",
            via.address_words()
        );
        let refusal = Refusal::new(Code::Type, what);
        if token.delivery.as_ref().is_none_or(|it| it.via != via) {
            return Err(refusal);
        }
        let flag = match via {
            Via::Sms => "--phone NUMBER",
            Via::Email => "--email ADDRESS",
        };
        let refusal = refusal.why("its codes go to the main one of its owner");
        return Err(case.suggest(refusal, Action::UserEdit, &format!("{} {flag}", case.typed)));
    }
    if edit.trusted && edit.address().is_none() {
        return Err(Refusal::new(
            Code::Arg,
            "--trusted says something of a new address only",
        ));
    }
    Ok(())
}

/// What the event and the answer call the address of a token.
const ADDRESS: &str = "address";

/// A field of a token that can be changed, as it is and as it may be shown.
struct Stated {
    name: &'static str,
    value: String,
    shown: String,
}

fn fields(token: &Token) -> Vec<Stated> {
    let field = |name, value: Option<String>, shown: Option<String>| {
        let dash = || "-".to_owned();
        Stated {
            name,
            value: value.unwrap_or_default(),
            shown: shown.unwrap_or_else(dash),
        }
    };
    let expires = token.expires.map(|at| at.to_string());
    let description = Some(token.description.clone()).filter(|text| !text.is_empty());
    let delivery = token.delivery.as_ref();
    let own = delivery.and_then(|it| Some((it.via, it.address.clone()?)));
    let masked = own.as_ref().map(|(via, address)| via.masked(address));
    vec![
        field("description", description.clone(), description),
        field("expires", expires.clone(), expires),
        field(ADDRESS, own.map(|(_, address)| address), masked),
    ]
}
