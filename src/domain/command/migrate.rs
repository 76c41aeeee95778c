//! Tokens with an address of their own make way for virtual ones (R41, 5.2).
//!
//! A virtual token sends to the main address of its owner. So the token is replaced whose address that
//! is, or becomes because its owner has none yet: nobody's codes go anywhere else for it, and the one
//! that comes is as proven, switched off and locked as the one that goes. Tokens that are void already
//! just go. One with another address stays, and the answer says so.

use serde_json::json;

use super::admitted::admitted;
use super::case::Case;
use super::sent::implied;
use super::token::{remove, status};
use super::{Applied, Prepared};
use crate::domain::action::Action;
use crate::domain::delivery::{Delivery, Via, destination};
use crate::domain::recipient::Phone;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::token_record::{Base, Token, TokenKind};
use crate::domain::user::Contact;
use crate::token::TokenId;

impl Via {
    /// The type of the tokens that have an address of this kind of their own.
    #[must_use]
    pub const fn own_kind(self) -> TokenKind {
        match self {
            Self::Email => TokenKind::Email,
            Self::Sms => TokenKind::Sms,
        }
    }
}

/// `token migrate`, of one person.
pub(super) fn migrate(
    mut case: Case<'_>,
    from: Via,
    prepared: &Prepared,
) -> Result<Applied, Refusal> {
    let kind = from.own_kind();
    let tokens = case.record.profile.tokens.iter();
    let of_kind = tokens.filter(|token| token.kind == kind).cloned();
    let (void, live): (Vec<Token>, Vec<Token>) =
        of_kind.partition(|token| token.base == Base::Obsolete);
    if void.is_empty() && live.is_empty() {
        let event = case.event("token.migrated").detail("from", kind.name());
        let message = format!(
            "{} has no token of type {}; nothing changed.",
            case.user,
            kind.name()
        );
        return Ok(case.unchanged(event, message));
    }
    let (moved, stay): (Vec<&Token>, Vec<&Token>) = live
        .iter()
        .partition(|token| goes_along(&case, from, &live, token));
    if void.is_empty() && moved.is_empty() {
        return Err(elsewhere(&case, from, &stay));
    }
    for token in &void {
        remove(&mut case, token.id, "token.deleted");
    }
    let mut made = Vec::new();
    for old in &moved {
        made.push(replace(&mut case, from, old, prepared)?);
    }
    let names = |tokens: &[&Token]| {
        let ids: Vec<String> = tokens.iter().map(|token| token.id.to_string()).collect();
        ids.join(", ")
    };
    if !void.is_empty() {
        let text = format!(
            "{}: obsolete before",
            names(&void.iter().collect::<Vec<_>>())
        );
        case.note("deleted", text);
    }
    if !stay.is_empty() {
        let what = from.address_words();
        let text = format!("{}: another {what} than the main one", names(&stay));
        case.note("stays", text);
    }
    case.fact("replaced", moved.len());
    case.fact("stay", stay.len());
    let message = match made.first() {
        Some(id) => {
            case.about(*id);
            format!(
                "{id} for {}: virtual, codes by {} to {}, {}, in place of {}. {}",
                case.user,
                from.words(),
                goes_to(&case, *id),
                status(&case, *id).name(),
                names(&moved),
                case.current()
            )
        }
        None => format!(
            "{}: obsolete tokens of type {} deleted. {}",
            case.user,
            kind.name(),
            case.current()
        ),
    };
    Ok(case.done(message))
}

/// Whether a virtual token would send where this one does.
fn goes_along(case: &Case<'_>, from: Via, live: &[Token], token: &Token) -> bool {
    let main = from.contacts(&case.record.profile).first();
    match main {
        Some(main) => own_address(token).is_some_and(|own| same(from, own, &main.address)),
        // The first that is proven, else the first.
        None => {
            let best = live
                .iter()
                .find(|token| proven(token))
                .or_else(|| live.first());
            best.is_some_and(|best| best.id == token.id)
        }
    }
}

fn own_address(token: &Token) -> Option<&str> {
    token.delivery.as_ref()?.address.as_deref()
}

/// Whether both are one address; people put signs between the digits of a number.
fn same(via: Via, one: &str, other: &str) -> bool {
    let number = |text| Phone::parse(text).filter(|_| via == Via::Sms);
    one == other || number(one).is_some_and(|one| number(other) == Some(one))
}

/// Whether its owner has shown that what is sent there arrives.
fn proven(token: &Token) -> bool {
    token.base == Base::Registered || token.disabled_from == Some(Base::Registered)
}

/// Where the next code of a token goes, as everybody may see it.
fn goes_to(case: &Case<'_>, id: TokenId) -> String {
    let token = case.record.token(id);
    let to = token.and_then(|token| destination(token, &case.record.profile));
    to.map_or_else(String::new, |to| to.masked())
}

/// A virtual token in place of `old`; its id.
fn replace(
    case: &mut Case<'_>,
    via: Via,
    old: &Token,
    prepared: &Prepared,
) -> Result<TokenId, Refusal> {
    adopt(case, via, old);
    let main = via.contacts(&case.record.profile).first();
    let Some(address) = main.map(|main| main.address.clone()) else {
        return Err(case.stale());
    };
    let state = case.record.auth.token(old.id).cloned();
    remove(case, old.id, "token.deleted");
    let mut tokens = case.record.profile.tokens.iter();
    let known = tokens.find(|token| {
        let there = token.delivery.as_ref().is_some_and(|to| to.via == via);
        token.kind == TokenKind::Virtual && token.base != Base::Obsolete && there
    });
    let id = match known {
        Some(token) => token.id,
        None => {
            admitted(case, TokenKind::Virtual, &old.description)?;
            case.fresh(prepared)?;
            let free = |id: &TokenId| case.record.token(*id).is_none();
            let id = prepared.token_id.filter(free).ok_or_else(|| case.stale())?;
            let token = Token {
                id,
                kind: TokenKind::Virtual,
                delivery: Some(Delivery {
                    via,
                    address: None,
                    code: None,
                    extra: serde_json::Map::new(),
                }),
                created: case.wall(),
                created_by: case.by(),
                updated: case.wall(),
                ..old.clone()
            };
            let event = case.event("token.enrolled").token(id);
            let event = event.detail("type", token.kind.name());
            let event = event.detail("via", via.name());
            let event = event.detail("to", via.masked(&address));
            case.push(event.detail("instead_of", old.id.to_string()));
            case.record.profile_mut().tokens.push(token);
            if let Some(mut state) = state {
                state.id = id;
                *case.record.auth.token_mut(id) = state;
            }
            id
        }
    };
    if proven(old) {
        case.proven(via, &address);
    }
    implied(case);
    Ok(id)
}

/// An owner without a main address gets that of the token.
fn adopt(case: &mut Case<'_>, via: Via, token: &Token) {
    let (contacts, own) = (via.contacts(&case.record.profile), own_address(token));
    let Some(address) = own.filter(|_| contacts.is_empty()) else {
        return;
    };
    via.contacts_mut(case.record.profile_mut()).push(Contact {
        address: address.to_owned(),
        verified: false,
    });
    let field = match via {
        Via::Email => "email",
        Via::Sms => "phone",
    };
    let event = case.event("user.edited").detail("fields", json!([field]));
    case.push(event.change("", via.masked(address)));
}

/// None of the tokens sends to the main address.
fn elsewhere(case: &Case<'_>, via: Via, stay: &[&Token]) -> Refusal {
    let what = format!("{} keeps the tokens; nothing changed", case.user);
    let refusal = Refusal::new(Code::NoAddr, what).why(format!(
        "a virtual token sends to the main {}, and theirs is another one",
        via.address_words()
    ));
    let flag = match via {
        Via::Email => "--email ADDRESS",
        Via::Sms => "--phone NUMBER",
    };
    let refusal = refusal.try_next(format!("mfactl token list {}", case.typed));
    let refusal = case.suggest(refusal, Action::UserEdit, &format!("{} {flag}", case.typed));
    match stay.first() {
        Some(token) => case.suggest(refusal, Action::TokenDelete, &token.id.to_string()),
        None => refusal,
    }
}
