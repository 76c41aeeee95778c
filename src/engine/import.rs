//! Many hardware tokens into the pool, or many people with tokens of theirs: what is known of each
//! token, and a batch of them in one change.
//!
//! A batch goes to the writer as any change does and takes its turn with sign-ins. The store itself
//! sees to it that no serial and no name is there twice: a batch that meets one leaves nothing.

use std::sync::mpsc::sync_channel;

use super::Engine;
use super::writer::{Arrival, Job, Note};
use crate::domain::command::Brought;
use crate::domain::event::{Event, Origin};
use crate::domain::message::Message;
use crate::domain::owned::Has;
use crate::domain::pool::Known;
use crate::domain::refusal::Refusal;
use crate::domain::sealed::{Field, Unseal};
use crate::domain::token_record::{HardwareToken, TokenKind};
use crate::domain::user::{UserId, UserRecord};
use crate::store::{Body, Key, StoreError, Write};
use crate::token::import::Imported;
use crate::token::import::owned::Owned;

impl Engine {
    /// What the store knows of the serial of `token`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn known(&self, token: &Imported) -> Result<Known, StoreError> {
        let serial = token.serial.as_str();
        let same = |field, sealed| {
            let seed = self.keys().open(field, sealed);
            seed.is_some_and(|seed| seed.equals(token.seed.expose()))
        };
        if let Some(pool) = self.reader().hardware(serial)? {
            if pool.compromised {
                return Ok(Known::Compromised);
            }
            let same = pool.otp == token.otp && same(Field::PoolSeed(serial), &pool.seed);
            return Ok(Known::Pool { same });
        }
        let Some(owner) = self.reader().user_by_token(serial)? else {
            return Ok(Known::Nothing);
        };
        let mut tokens = owner.profile.tokens.iter();
        let theirs = tokens.find(|one| one.serial.as_deref() == Some(serial));
        let same = theirs.is_some_and(|one| {
            let seed = one.seed.as_ref();
            one.otp == Some(token.otp)
                && seed.is_some_and(|seed| same(Field::Seed(owner.id, one.id), seed))
        });
        Ok(Known::Owned {
            user: owner.name().into(),
            same,
        })
    }

    /// Puts tokens into the pool, all of them or none; the number of the audit record, or none if
    /// one of the serials is known meanwhile, or the store does not write.
    ///
    /// # Errors
    /// A seed cannot be sealed.
    pub fn put_into_pool(
        &self,
        tokens: &[&Imported],
        origin: Origin,
        event: Event,
    ) -> Result<Option<u64>, Refusal> {
        let created = self.now().wall;
        let write = |token: &&Imported| {
            let serial = token.serial.clone();
            let seed = self.seal(Field::PoolSeed(&serial), token.seed.expose())?;
            let hardware = HardwareToken {
                serial: serial.clone(),
                kind: TokenKind::of(token.otp.factor),
                otp: token.otp,
                seed,
                compromised: false,
                expires: token.expires,
                next_factor: token.counter,
                resync_required: false,
                created,
                extra: serde_json::Map::new(),
            };
            Ok(Write {
                key: Key::Hardware(serial),
                expected: None,
                body: Some(Body::Hardware(hardware)),
            })
        };
        let writes: Result<Vec<Write>, Refusal> = tokens.iter().map(write).collect();
        Ok(self.note_with(origin, event, writes?))
    }

    /// The id of somebody new.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn new_user_id(&self) -> Result<UserId, Refusal> {
        self.random().map(UserId)
    }

    /// Whether `owner` has a token of this seed.
    #[must_use]
    pub fn has(&self, owner: &UserRecord, token: &Owned) -> Has {
        let mut tokens = owner.profile.tokens.iter();
        let theirs = tokens.find(|one| {
            let place = Field::Seed(owner.id, one.id);
            let seed = one
                .seed
                .as_ref()
                .and_then(|seed| self.keys().open(place, seed));
            seed.is_some_and(|seed| seed.equals(token.seed.expose()))
        });
        match theirs {
            Some(one) if one.otp == Some(token.otp) => Has::Same,
            Some(_) => Has::Other,
            None => Has::No,
        }
    }

    /// An id and a seal for a token that `owner` is to have.
    ///
    /// # Errors
    /// The system gives no random numbers, or the seed cannot be sealed.
    pub fn brought<'t>(&self, owner: UserId, token: &'t Owned) -> Result<Brought<'t>, Refusal> {
        let id = self.new_token_id()?;
        let seed = self.seal(Field::Seed(owner, id), token.seed.expose())?;
        Ok(Brought { token, id, seed })
    }

    /// Writes people, all of them or none; the number of the audit record, or none if one of the
    /// names is known meanwhile, somebody who was there has changed, the seats do not suffice, or
    /// the store does not write.
    #[must_use]
    pub fn put_people(&self, people: Vec<Arrival>, origin: Origin, event: Event) -> Option<u64> {
        self.note_of(origin, Some(event), Vec::new(), people)
    }

    /// Writes people whom mfad itself has changed, and mails, with an event or the events of the
    /// people; all of it or nothing, as [`Engine::put_people`].
    #[must_use]
    pub fn remind(
        &self,
        people: Vec<Arrival>,
        mails: Vec<Message>,
        event: Option<Event>,
    ) -> Option<u64> {
        let write = |mail: Message| Write {
            key: Key::Message(mail.id),
            expected: None,
            body: Some(Body::Message(Box::new(mail))),
        };
        let writes = mails.into_iter().map(write).collect();
        self.note_of(Origin::system(), event, writes, people)
    }

    /// As [`Engine::note_with`], with people.
    pub(super) fn note_of(
        &self,
        origin: Origin,
        event: Option<Event>,
        writes: Vec<Write>,
        people: Vec<Arrival>,
    ) -> Option<u64> {
        let (reply, answer) = sync_channel(1);
        self.order(Job::Note(Box::new(Note {
            origin,
            event,
            writes,
            people,
            reply: Some(reply),
        })))
        .ok()?;
        answer.recv().ok().flatten()
    }
}
