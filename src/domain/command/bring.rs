//! Tokens that come in with their owners, out of a file: the person has used them elsewhere, so they
//! are proven.

use super::case::Case;
use super::{Applied, Asked, NewToken, Prepared, Site, enrol};
use crate::domain::refusal::Refusal;
use crate::domain::sealed::Sealed;
use crate::domain::token_record::{Base, Status};
use crate::domain::user::UserRecord;
use crate::secret::SecretBytes;
use crate::token::TokenId;
use crate::token::import::owned::Owned;

/// A token of a file, with what was made for it.
pub struct Brought<'a> {
    /// As it was read.
    pub token: &'a Owned,
    /// Its id.
    pub id: TokenId,
    /// Its seed, sealed for its owner and this id.
    pub seed: Sealed,
}

/// Gives `owner` these tokens; what may come in at all was judged before
/// ([`crate::domain::owned::Judge`]).
///
/// # Errors
/// The owner has changed meanwhile, so that one of them may not come in any more.
pub fn bring(
    owner: &UserRecord,
    brought: Vec<Brought<'_>>,
    asked: &Asked<'_>,
    site: &Site<'_>,
) -> Result<Applied, Refusal> {
    let mut case = Case::open(owner, asked, site);
    for one in brought {
        let Owned { otp, seed, .. } = one.token;
        let new = NewToken {
            weak: true,
            serial: one.token.serial.clone(),
            counter: one.token.next_factor,
            expires: one.token.expires,
            description: one.token.description.clone(),
            ..NewToken::of(owner.name().to_owned(), *otp)
        };
        let prepared = Prepared {
            for_user: Some(owner.id),
            token_id: Some(one.id),
            seed: Some(one.seed),
            clear_seed: Some(SecretBytes::copy_of(seed.expose())),
            ..Prepared::default()
        };
        enrol::allowed(&case, &new)?;
        enrol::enter(&mut case, &new, None, &prepared, "import")?;
        enrol::register(&mut case, one.id);
        if one.token.disabled {
            disable(&mut case, one.id);
        }
    }
    Ok(case.done(String::new()))
}

/// Moves tokens of `owner` forward to the first counter or step that was not used elsewhere, as it
/// stands beside each; never back (I1).
///
/// # Errors
/// The owner has changed meanwhile: one of the tokens is gone.
pub fn advance(
    owner: &UserRecord,
    tokens: &[(TokenId, u64)],
    asked: &Asked<'_>,
    site: &Site<'_>,
) -> Result<Applied, Refusal> {
    let mut case = Case::open(owner, asked, site);
    for (id, next) in tokens {
        if case.record.token(*id).is_none() {
            return Err(case.stale());
        }
        let state = case.record.auth.token_mut(*id);
        let (from, to) = (state.next_factor, state.next_factor.max(*next));
        state.next_factor = to;
        let event = case.event("token.advanced").token(*id);
        case.push(event.change(from, to).detail("why", "import"));
    }
    Ok(case.done(String::new()))
}

/// What was switched off elsewhere stays so.
fn disable(case: &mut Case<'_>, id: TokenId) {
    if let Some(token) = case.record.token_mut(id) {
        token.disabled_from = Some(token.base);
        token.base = Base::Disabled;
    }
    let event = case.event("token.disabled").token(id);
    let (from, to) = (Status::Registered.name(), Status::Disabled.name());
    case.push(event.change(from, to).detail("why", "import"));
}
