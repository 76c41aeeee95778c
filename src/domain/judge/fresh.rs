//! What a question needs that is random or sealed, so that the rules cannot make it themselves.
//!
//! Most attempts are answered without any of it, so nothing is made beforehand: a judgement that comes
//! to need something says what it [lacks](Lacking), the writer makes that one thing, and the same is
//! judged again from the start.

use super::super::dialogue::Handle;
use super::super::notice::Enclosure;
use super::super::sealed::Sealed;
use crate::token::TokenId;

/// What a judgement needs and has not got. Nothing is decided yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lacking {
    /// The handle of a question.
    Handle,
    /// A code of this kind, to be sent.
    Code(CodeFor),
    /// The id of a new token.
    Token,
    /// A new token of an authenticator app, to be mailed.
    Seed,
}

/// What a code is sent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeFor {
    /// A token whose codes are sent.
    Token(TokenId),
    /// A device authorization.
    Device,
    /// An auth code, which its owner asks for.
    Auth,
}

/// What was made so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fresh {
    /// The handle of the question.
    pub handle: Option<Handle>,
    /// A code to be sent, by its keyed hash.
    pub code: Option<(CodeFor, [u8; 32])>,
    /// The id of a new token.
    pub token: Option<TokenId>,
    /// A new token of an authenticator app: its id, and its seed under seal.
    pub seed: Option<(TokenId, Sealed)>,
    /// What the message brings that goes with the question.
    pub enclosure: Option<Enclosure>,
}

impl Fresh {
    /// The handle of the question.
    ///
    /// # Errors
    /// [`Lacking`]: it was not made yet.
    pub fn handle(&self) -> Result<Handle, Lacking> {
        self.handle.ok_or(Lacking::Handle)
    }

    /// The id of a new token.
    ///
    /// # Errors
    /// [`Lacking`]: it was not made yet.
    pub fn token(&self) -> Result<TokenId, Lacking> {
        self.token.ok_or(Lacking::Token)
    }

    /// A new token: its id, its seed under seal, and what brings it to its owner.
    ///
    /// # Errors
    /// [`Lacking`]: it was not made yet.
    pub fn seed(&self) -> Result<(TokenId, Sealed, Enclosure), Lacking> {
        let made = self.seed.clone().zip(self.enclosure.clone());
        let made = made.map(|((id, seed), enclosure)| (id, seed, enclosure));
        made.ok_or(Lacking::Seed)
    }

    /// The keyed hash of a code for `what`, and the code under seal for the message that brings it.
    ///
    /// # Errors
    /// [`Lacking`]: it was not made yet.
    pub fn code(&self, what: CodeFor) -> Result<([u8; 32], Enclosure), Lacking> {
        let made = self.code.filter(|(of, _)| *of == what);
        let made = made.map(|(_, hash)| hash);
        made.zip(self.enclosure.clone()).ok_or(Lacking::Code(what))
    }
}
