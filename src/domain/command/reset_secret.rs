//! `token reset-secret`: the secret of a token is void, and a new token is awaited (R28).

use super::case::Case;
use super::resolve::only;
use super::token::{obsolete, status};
use super::{Applied, TokenRef, resolve, state, words};
use crate::domain::action::Action;
use crate::domain::passthrough::current;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::rekey::{Rekey, ResetWhy, SECRET_RESET};
use crate::domain::token_record::{Base, Status, Token, TokenKind};
use crate::domain::user::UserState;
use crate::domain::verdict::Message;
use crate::domain::wording::Said;
use crate::token::TokenId;

/// `token reset-secret`. Not held up by the last-token rule: who asks for it has no code any more.
pub(super) fn reset(
    mut case: Case<'_>,
    named: Option<&TokenRef>,
    why: ResetWhy,
) -> Result<Applied, Refusal> {
    let id = subject(&case, named, why)?;
    let before = status(&case, id).name();
    case.void(id, SECRET_RESET);
    let (at, by) = (case.wall(), case.by());
    let profile = case.record.profile_mut();
    profile.rekey = Some(Rekey {
        token: id,
        at,
        by,
        why: why.name().to_owned(),
        extra: serde_json::Map::new(),
    });
    profile.device_auth = None;
    let event = case.event("token.secret_reset").token(id);
    let event = event.change(before, Status::Obsolete.name());
    case.push(event.detail("why", why.name()));
    let next = if refused_for_it(&case) && state::led(&case).is_none() {
        let seen = seen(&case);
        format!("Sign-ins are refused until a new token is proven: they read {seen}.")
    } else {
        state::outlook(&case)
    };
    case.note("next", next);
    if case.may(Action::TokenAdd) {
        let line = case.line(Action::TokenAdd, &format!("{} --type totp", case.typed));
        case.note("then", line);
    }
    case.about(id);
    let message = format!(
        "{id} of {} is OBSOLETE, its secret is erased; a new token is awaited. {}",
        case.user,
        case.current()
    );
    Ok(case.done(message))
}

/// The token that is meant: the one named, or the only one there is.
fn subject(case: &Case<'_>, named: Option<&TokenRef>, why: ResetWhy) -> Result<TokenId, Refusal> {
    if let Some(named) = named {
        let id = resolve(&case.record, named).map_err(|refusal| case.late(refusal, named))?;
        return allowed(case, id).map(|()| id);
    }
    let tokens = case.record.profile.tokens.iter();
    let found: Vec<&Token> = tokens
        .filter(|token| token.base != Base::Obsolete && has_secret(token))
        .collect();
    only(&found, &case.record, || none(case)).map_err(|refusal| {
        let Some(first) = found.first().filter(|_| refusal.code == Code::Arg) else {
            return refusal;
        };
        let arguments = format!("{} --token {} --why {}", case.typed, first.id, why.name());
        case.suggest(refusal, Action::TokenResetSecret, &arguments)
    })
}

/// Whether its secret is one that a new enrolment replaces: that of a device cannot be changed.
fn has_secret(token: &Token) -> bool {
    matches!(token.kind, TokenKind::Hotp | TokenKind::Totp) && token.serial.is_none()
}

fn allowed(case: &Case<'_>, id: TokenId) -> Result<(), Refusal> {
    let Some(token) = case.record.token(id) else {
        return Err(case.stale());
    };
    if token.base == Base::Obsolete {
        return Err(obsolete(id, "was not reset"));
    }
    if token.serial.is_some() {
        let what = format!("{id} is a hardware token: its secret is in the device");
        let refusal = Refusal::new(Code::Type, what);
        return Err(case.suggest(refusal, Action::TokenObsolete, &id.to_string()));
    }
    if !has_secret(token) {
        let what = format!(
            "{id} is of type {}: it has no secret key",
            token.kind.name()
        );
        return Err(Refusal::new(Code::Type, what));
    }
    Ok(())
}

fn none(case: &Case<'_>) -> Refusal {
    let what = format!("{} has no token whose secret could be reset", case.user);
    let refusal = Refusal::new(Code::NoToken, what)
        .why("a hotp or totp token is wanted, of an app and not yet obsolete");
    let refusal = refusal.try_next(format!("mfactl token list {} --all", case.typed));
    case.suggest(
        refusal,
        Action::TokenAdd,
        &format!("{} --type totp", case.typed),
    )
}

/// Whether sign-ins are refused because there is no token, and not for something before that.
fn refused_for_it(case: &Case<'_>) -> bool {
    !case.usable_token(None)
        && case.record.auth.lock.is_none()
        && !matches!(case.state(), UserState::Deactivated | UserState::Revoke)
        && current(&case.record, None, case.now()).is_none()
}

/// What the person reads at which gateway until the new token is proven.
fn seen(case: &Case<'_>) -> String {
    let quoted = |message: Message| {
        let Said { message, text } = case.site.policy.say(message, Some(&case.record.profile));
        format!("{} \"{text}\"", message.id())
    };
    let (told, denied) = (quoted(Message::EnrolmentRequired), quoted(Message::Denied));
    let helpful = case.site.gateways.iter().filter(|gateway| gateway.helpful);
    let helpful: Vec<String> = helpful.map(|gateway| words::shell(&gateway.name)).collect();
    match helpful.len() {
        0 => format!("{denied} at every gateway"),
        all if all == case.site.gateways.len() => format!("{told} at every gateway"),
        _ => format!("{told} at {}, {denied} elsewhere", helpful.join(", ")),
    }
}
