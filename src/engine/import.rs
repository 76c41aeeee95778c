//! Many hardware tokens into the pool, or many people with tokens of theirs: what is known of each
//! token, and a batch of them in one change.
//!
//! A batch goes to the writer as any change does and takes its turn with sign-ins. The store itself
//! sees to it that no serial and no name is there twice: a batch that meets one leaves nothing.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, sync_channel};

use super::Engine;
use super::writer::{Arrival, Job, Note};
use crate::domain::command::{
    self, Applied, Asked, Brought, Command, Effect, NewUser, Prepared, Site,
};
use crate::domain::event::{Event, Operator, Origin};
use crate::domain::message::Message;
use crate::domain::pool::{Known, Likeness};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::sealed::{Field, Unseal};
use crate::domain::token_record::{HardwareToken, Token, TokenKind};
use crate::domain::user::{UserId, UserRecord};
use crate::secret::SecretBytes;
use crate::store::{Body, Key, StoreError, Write};
use crate::token::import::Imported;
use crate::token::import::owned::Owned;
use crate::token::{Otp, TokenId};

impl Engine {
    /// What the store knows of the serial of a token, of which `counter` is not used.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn known(
        &self,
        serial: &str,
        otp: Otp,
        seed: &SecretBytes,
        counter: u64,
    ) -> Result<Known, StoreError> {
        let same = |field, sealed| {
            let known = self.keys().open(field, sealed);
            known.is_some_and(|known| known.equals(seed.expose()))
        };
        if let Some(pool) = self.reader().hardware(serial)? {
            if pool.compromised {
                return Ok(Known::Compromised);
            }
            let same = pool.otp == otp && same(Field::PoolSeed(serial), &pool.seed);
            return Ok(Known::Pool(Likeness::of(same, pool.next_factor, counter)));
        }
        let Some(owner) = self.reader().user_by_token(serial)? else {
            return Ok(Known::Nothing);
        };
        let theirs = device(&owner, serial);
        let same = theirs.is_some_and(|one| {
            let seed = one.seed.as_ref();
            one.otp == Some(otp)
                && seed.is_some_and(|seed| same(Field::Seed(owner.id, one.id), seed))
        });
        let here = theirs.map_or(0, |one| next_of(&owner, one.id));
        Ok(Known::Owned {
            user: owner.name().into(),
            like: Likeness::of(same, here, counter),
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

    /// How alike the token of this seed is that `owner` has; none: there is none.
    #[must_use]
    pub fn has(&self, owner: &UserRecord, token: &Owned) -> Option<Likeness> {
        let theirs = self.of_seed(owner, &token.seed)?;
        let same = theirs.otp == Some(token.otp);
        Some(Likeness::of(
            same,
            next_of(owner, theirs.id),
            token.next_factor,
        ))
    }

    /// The token of `owner` that has this seed.
    fn of_seed<'a>(&self, owner: &'a UserRecord, wanted: &SecretBytes) -> Option<&'a Token> {
        let mut tokens = owner.profile.tokens.iter();
        tokens.find(|one| {
            let place = Field::Seed(owner.id, one.id);
            let seed = one
                .seed
                .as_ref()
                .and_then(|seed| self.keys().open(place, seed));
            seed.is_some_and(|seed| seed.equals(wanted.expose()))
        })
    }

    /// The person of this name with the counters of these tokens moved forward.
    ///
    /// # Errors
    /// [`Refusal`]: one of them is gone, or the store cannot be read.
    pub fn ahead(
        &self,
        operator: &Operator,
        name: &str,
        tokens: &[&Owned],
    ) -> Result<Arrival, Refusal> {
        let find = |owner: &UserRecord, token: &&Owned| {
            let theirs = self.of_seed(owner, &token.seed)?;
            Some((theirs.id, token.next_factor))
        };
        self.advanced(operator, name, |owner| {
            tokens.iter().map(|token| find(owner, token)).collect()
        })
    }

    /// Moves the counters of hardware tokens forward, in the pool and with their owners, all of them or
    /// none; as [`Engine::put_into_pool`].
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn advance_hardware(
        &self,
        operator: &Operator,
        tokens: &[&Imported],
        origin: Origin,
        event: Event,
    ) -> Result<Option<u64>, Refusal> {
        let unread = |error: StoreError| super::prepare::store(&error);
        let (mut writes, mut theirs) = (Vec::new(), BTreeMap::<String, Vec<&Imported>>::new());
        for token in tokens {
            if let Some(mut pool) = self.reader().hardware(&token.serial).map_err(unread)? {
                pool.next_factor = pool.next_factor.max(token.counter);
                writes.push(Write {
                    key: Key::Hardware(token.serial.clone()),
                    expected: Some(1),
                    body: Some(Body::Hardware(pool)),
                });
            } else if let Some(owner) =
                self.reader().user_by_token(&token.serial).map_err(unread)?
            {
                theirs
                    .entry(owner.name().to_owned())
                    .or_default()
                    .push(token);
            } else {
                return Ok(None);
            }
        }
        let find = |owner: &UserRecord, token: &&Imported| {
            let theirs = device(owner, &token.serial)?;
            Some((theirs.id, token.counter))
        };
        let mut people = Vec::new();
        for (name, tokens) in theirs {
            people.push(self.advanced(operator, &name, |owner| {
                tokens.iter().map(|token| find(owner, token)).collect()
            })?);
        }
        Ok(self.note_of(origin, Some(event), writes, people))
    }

    /// The person of this name with the tokens that `which` names moved forward.
    fn advanced(
        &self,
        operator: &Operator,
        name: &str,
        which: impl FnOnce(&UserRecord) -> Option<Vec<(TokenId, u64)>>,
    ) -> Result<Arrival, Refusal> {
        let gone = || Refusal::new(Code::Conflict, "the token is gone");
        let before = self.reader().user_by_name(name);
        let before = before.map_err(|error| super::prepare::store(&error))?;
        let owner = before.ok_or_else(gone)?;
        let tokens = which(&owner).ok_or_else(gone)?;
        let (after, events) = self.judged(operator, |asked, site| {
            command::advance(&owner, &tokens, asked, site)
        })?;
        Ok(Arrival {
            before: Some(owner),
            after: Box::new(after),
            events,
        })
    }

    /// What a command of `operator` makes of a record, and its events; nothing is written.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn made(
        &self,
        operator: &Operator,
        command: &Command,
        record: Option<&UserRecord>,
        seats_used: u64,
    ) -> Result<(UserRecord, Vec<Event>), Refusal> {
        let prepared = Prepared {
            user_id: Some(UserId(self.random()?)),
            seats_used,
            ..Prepared::default()
        };
        self.judged(operator, |asked, site| {
            command::apply(command, record, prepared, asked, site)
        })
    }

    /// The record of somebody new, as `user add` would make it.
    ///
    /// # Errors
    /// No seat is free.
    pub fn newcomer(
        &self,
        operator: &Operator,
        name: &str,
        seats_used: u64,
    ) -> Result<(UserRecord, Vec<Event>), Refusal> {
        let new = NewUser {
            user: name.to_owned(),
            ..NewUser::default()
        };
        self.made(operator, &Command::UserAdd(new), None, seats_used)
    }

    /// The person of this name, who is there or comes, with these tokens.
    ///
    /// # Errors
    /// [`Refusal`]: one of them may not come in, or the store cannot be read.
    pub fn arrival(
        &self,
        operator: &Operator,
        name: &str,
        tokens: &[&Owned],
    ) -> Result<Arrival, Refusal> {
        let before = self.reader().user_by_name(name);
        let before = before.map_err(|error| super::prepare::store(&error))?;
        let (owner, mut events) = match &before {
            Some(owner) => (owner.clone(), Vec::new()),
            None => self.newcomer(operator, name, 0)?,
        };
        let sealed = |token: &&'_ Owned| {
            let id = self.new_token_id()?;
            let seed = self.seal(Field::Seed(owner.id, id), token.seed.expose())?;
            Ok((id, seed))
        };
        let sealed: Result<Vec<_>, Refusal> = tokens.iter().map(sealed).collect();
        let brought = tokens.iter().zip(sealed?);
        let brought = brought.map(|(token, (id, seed))| Brought { token, id, seed });
        let (mut after, more) = self.judged(operator, |asked, site| {
            command::bring(&owner, brought.collect(), asked, site)
        })?;
        if before.is_none() {
            // One record, written once.
            after.auth.revision = owner.auth.revision;
        }
        events.extend(more);
        Ok(Arrival {
            before,
            after: Box::new(after),
            events,
        })
    }

    /// The person that a change writes, and its events.
    fn judged(
        &self,
        operator: &Operator,
        judge: impl FnOnce(&Asked<'_>, &Site<'_>) -> Result<Applied, Refusal>,
    ) -> Result<(UserRecord, Vec<Event>), Refusal> {
        let rules = self.rules();
        let asked = Asked {
            operator,
            reason: None,
            if_revision: None,
        };
        let site = Site {
            policy: &rules.policy,
            gateways: &rules.gateways,
            now: self.now(),
            unseal: self.keys(),
            next_seq: 0,
        };
        let applied = judge(&asked, &site)?;
        let put = applied.effects.into_iter().find_map(|effect| match effect {
            Effect::Put { user, .. } => Some(*user),
            _ => None,
        });
        let put = put.ok_or_else(|| Refusal::new(Code::Conflict, "nobody came of it"))?;
        Ok((put, applied.events))
    }

    /// Writes people, all of them or none; the number of the audit record, or none if one of the
    /// names is known meanwhile, somebody who was there has changed, the seats do not suffice, or
    /// the store does not write.
    #[must_use]
    pub fn put_people(&self, people: Vec<Arrival>, origin: Origin, event: Event) -> Option<u64> {
        self.note_of(origin, Some(event), Vec::new(), people)
    }

    /// As [`Engine::put_people`], without waiting: the answer comes through the receiver, for whoever
    /// drives the writer in the same thread.
    pub fn begin_people(
        &self,
        people: Vec<Arrival>,
        origin: Origin,
        event: Event,
    ) -> Option<Receiver<Option<u64>>> {
        self.begin_note(origin, Some(event), Vec::new(), people)
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
        let answer = self.begin_note(origin, event, writes, people)?;
        answer.recv().ok().flatten()
    }

    fn begin_note(
        &self,
        origin: Origin,
        event: Option<Event>,
        writes: Vec<Write>,
        people: Vec<Arrival>,
    ) -> Option<Receiver<Option<u64>>> {
        let (reply, answer) = sync_channel(1);
        self.order(Job::Note(Box::new(Note {
            origin,
            event,
            writes,
            people,
            reply: Some(reply),
        })))
        .ok()?;
        Some(answer)
    }
}

/// The token of `owner` with this serial.
fn device<'a>(owner: &'a UserRecord, serial: &str) -> Option<&'a Token> {
    let mut tokens = owner.profile.tokens.iter();
    tokens.find(|one| one.serial.as_deref() == Some(serial))
}

/// The first counter or step of a token that is not used.
fn next_of(owner: &UserRecord, id: TokenId) -> u64 {
    owner.auth.token(id).map_or(0, |state| state.next_factor)
}
