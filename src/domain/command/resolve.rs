//! Which token a command means.

use super::{TokenRef, words};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::token_record::{Base, Token};
use crate::domain::user::UserRecord;
use crate::token::TokenId;

/// Finds the token of `record` that was named; `alice/totp` does not mean an obsolete one.
///
/// # Errors
/// `E_NOTOKEN` if there is none, `E_ARG` with their ids if there are several.
pub fn resolve(record: &UserRecord, named: &TokenRef) -> Result<TokenId, Refusal> {
    let fits = |token: &&Token| match named {
        TokenRef::Id(id) => token.id == *id,
        TokenRef::Serial(serial) => token.serial.as_ref() == Some(serial),
        TokenRef::OfUser(_, kind) => token.kind == *kind && token.base != Base::Obsolete,
    };
    let found: Vec<&Token> = record.profile.tokens.iter().filter(fits).collect();
    only(&found, record, || no_token(named))
}

/// Finds the pending token that was named, or the only one there is.
///
/// # Errors
/// Those of [`resolve`]; `E_NOTOKEN` if none is pending, `E_STATE` if the named one is not.
pub fn pending(record: &UserRecord, named: Option<&TokenRef>) -> Result<TokenId, Refusal> {
    if let Some(named) = named {
        let id = resolve(record, named)?;
        return match record.token(id) {
            Some(token) if token.base == Base::Pending => Ok(id),
            _ => Err(not_pending(record, id)),
        };
    }
    let waiting = |token: &&Token| token.base == Base::Pending && token.seed.is_some();
    let found: Vec<&Token> = record.profile.tokens.iter().filter(waiting).collect();
    only(&found, record, || {
        let what = format!("no token of {} waits for its proof", record.name());
        Refusal::new(Code::NoToken, what)
    })
}

/// The refusal for a token that nobody has.
pub(super) fn no_token(named: &TokenRef) -> Refusal {
    match named {
        TokenRef::Id(id) => Refusal::new(Code::NoToken, format!("there is no token {id}")),
        TokenRef::Serial(serial) => {
            let what = format!("nobody has a token with serial `{serial}`");
            Refusal::new(Code::NoToken, what).try_next("mfactl hw list")
        }
        TokenRef::OfUser(user, kind) => {
            let what = format!("{user} has no token of type {}", kind.name());
            let command = format!("mfactl token list {}", words::shell(user));
            Refusal::new(Code::NoToken, what).try_next(command)
        }
    }
}

/// A QR code is a copy of the secret: made once, until the first proof (S0).
pub(super) fn not_pending(record: &UserRecord, id: TokenId) -> Refusal {
    let user = record.name();
    let what = format!("{id} of {user} does not wait for its proof; nothing changed");
    Refusal::new(Code::State, what)
        .why("only a pending token can be shown or confirmed")
        .try_next(format!("mfactl token show {id}"))
}

/// The only one that was found.
pub(super) fn only(
    found: &[&Token],
    record: &UserRecord,
    none: impl FnOnce() -> Refusal,
) -> Result<TokenId, Refusal> {
    match found {
        [] => Err(none()),
        [token] => Ok(token.id),
        several => {
            let ids: Vec<String> = several.iter().map(|token| token.id.to_string()).collect();
            let what = format!(
                "{} has several such tokens; name one by its id",
                record.name()
            );
            let command = format!("mfactl token list {}", words::shell(record.name()));
            Err(Refusal::new(Code::Arg, what)
                .why(ids.join(", "))
                .try_next(command))
        }
    }
}
