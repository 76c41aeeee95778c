//! Operators' commands, notes and what time brings about: judged on the newest record, in the same
//! order as sign-ins.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use smol_str::SmolStr;

use super::commit::store_refusal;
use super::outgoing::posted;
use super::{Arrival, Batch, Note, Ordered, Reply, Waiting, Writer};
use crate::domain::command::{self, Applied, Asked, Command, Effect, Prepared, Site};
use crate::domain::event::{Actor, Event, Operator, Origin, RequestRef};
use crate::domain::lapse;
use crate::domain::notice::Told;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::seats;
use crate::domain::user::UserRecord;
use crate::store::{Body, Change, Key, Peak, Write};
use crate::time::Now;

impl Writer {
    pub(super) fn command(&mut self, ordered: Ordered, batch: &mut Batch, now: Now) {
        let reply = ordered.reply.clone();
        if let Err(refusal) = self.carry_out(ordered, batch, now) {
            let _ = reply.send(Reply::Refused(refusal));
        }
    }

    fn carry_out(
        &mut self,
        ordered: Ordered,
        batch: &mut Batch,
        now: Now,
    ) -> Result<(), Box<Refusal>> {
        let Ordered {
            command,
            target,
            mut prepared,
            operator,
            reason,
            if_revision,
            ..
        } = ordered;
        self.ask_store(&command, &mut prepared, batch, now)?;
        let seats_used = prepared.seats_used;
        let record = self
            .newest(&target, batch)
            .map_err(|error| Box::new(store_refusal(&error.to_string())))?;
        let rules = self.engine.rules();
        let asked = Asked {
            operator: &operator,
            reason: reason.as_deref(),
            if_revision,
        };
        let site = Site {
            policy: &rules.policy,
            gateways: &rules.gateways,
            now,
            unseal: self.engine.keys(),
            next_seq: self.store.next_seq() + batch.events(),
        };
        let applied = command::apply(&command, record.as_deref(), prepared, &asked, &site);
        let origin = origin(&command, operator, ordered.request);
        let Applied {
            effects,
            mut events,
            done,
        } = match applied {
            Ok(applied) => applied,
            Err(refusal) => {
                let told = refused_event(&command, record.as_deref(), &refusal);
                if let Some(event) = told {
                    let events = vec![event];
                    batch.push(Change {
                        writes: Vec::new(),
                        origin,
                        events,
                        at: now,
                    });
                }
                return Err(Box::new(refusal));
            }
        };
        let takes = |record: &UserRecord| seats::takes(record.profile.state);
        let comes = put(&effects).is_some_and(takes) && !record.as_deref().is_some_and(takes);
        let peak = self.seats_taken(seats_used, u64::from(comes), &mut events, now);
        let mut change = self.change(
            effects,
            events,
            origin,
            (&target, record.as_deref()),
            batch,
            now,
        );
        change.writes.extend(peak);
        let change = batch.push(change);
        let (command, done) = (Box::new(command), Box::new(done));
        batch.waiting.push(Waiting::Command {
            command,
            done,
            reply: ordered.reply,
            change,
        });
        Ok(())
    }

    /// What a command that may be carried out writes, the messages that tell it among it.
    fn change(
        &self,
        effects: Vec<Effect>,
        events: Vec<Event>,
        origin: Origin,
        (target, before): (&str, Option<&UserRecord>),
        batch: &mut Batch,
        now: Now,
    ) -> Change {
        let after = put(&effects);
        let told = after.map(|after| Told {
            events: &events,
            origin: &origin,
            before,
            after,
            at: now.wall,
        });
        let messages = told.map_or_else(Vec::new, |told| self.messages(told, batch, now));
        let sent = |effect: &&Effect| matches!(effect, Effect::Send(_));
        self.room_for(effects.iter().filter(sent).count(), batch, now);
        let effects = effects.into_iter();
        let mut writes: Vec<Write> = effects
            .map(|effect| batch.take_effect(target, effect))
            .collect();
        writes.extend(messages);
        Change {
            writes,
            origin,
            events,
            at: now,
        }
    }

    /// What is counted or unique in the whole store is asked of the store itself, so what the batch
    /// holds has to be in it.
    fn ask_store(
        &mut self,
        command: &Command,
        prepared: &mut Prepared,
        batch: &mut Batch,
        now: Now,
    ) -> Result<(), Box<Refusal>> {
        let wants = command::needs(command);
        if !wants.seats && wants.serial.is_none() {
            return Ok(());
        }
        self.commit(std::mem::take(batch), now);
        if let Some(why) = self.broken() {
            return Err(Box::new(store_refusal(why)));
        }
        self.engine.look_up(&wants, prepared).map_err(Box::new)
    }

    /// How many seats are taken, those of the batch counted, if so many people more may come.
    fn seats_free(&mut self, wanted: u64, batch: &mut Batch, now: Now) -> Option<u64> {
        self.commit(std::mem::take(batch), now);
        let limit = self.engine.rules().policy.seats_limit;
        let used = self.engine.reader().counts().ok()?.seats;
        let free = limit == 0 || used.saturating_add(wanted) <= limit;
        (self.broken().is_none() && free).then_some(used)
    }

    /// What goes with so many seats more: a warning, and the peak if it is one.
    fn seats_taken(
        &self,
        before: u64,
        more: u64,
        events: &mut Vec<Event>,
        now: Now,
    ) -> Option<Write> {
        if more == 0 {
            return None;
        }
        let limit = self.engine.rules().policy.seats_limit;
        let seats = before.saturating_add(more);
        events.extend(seats::warning(limit, seats::scarce(limit, before), seats));
        let known = self.engine.reader().seats_peak().ok()?;
        let at = now.wall;
        (seats > known.seats).then_some(Write {
            key: Key::SeatsPeak,
            expected: None,
            body: Some(Body::SeatsPeak(Peak { seats, at })),
        })
    }

    /// Writes down what time alone has brought about for a person, as the next request would.
    pub(super) fn lapse(
        &self,
        name: &str,
        reply: SyncSender<Option<u64>>,
        batch: &mut Batch,
        now: Now,
    ) {
        // A record that cannot be read is met, and told, when its owner signs in.
        let Ok(Some(before)) = self.newest(name, batch) else {
            return;
        };
        let (mut after, mut events) = ((*before).clone(), Vec::new());
        let policy = &self.engine.rules().policy;
        let lapsed = lapse::settle(&mut after, policy, now, &mut events);
        if !lapsed || events.is_empty() {
            return;
        }
        after.auth.revision += 1;
        let put = Effect::Put {
            user: Box::new(after),
            expected: Some(before.auth.revision),
        };
        let about = (name, Some(&*before));
        let change = self.change(vec![put], events, Origin::system(), about, batch, now);
        let change = batch.push(change);
        let reply = Some(reply);
        batch.waiting.push(Waiting::Note { reply, change });
    }

    pub(super) fn note(&mut self, note: Note, batch: &mut Batch, now: Now) {
        let Note {
            origin,
            event,
            mut writes,
            people,
            reply,
        } = note;
        let seats = people.iter().filter(|one| one.before.is_none()).count() as u64;
        let used = match seats {
            0 => Some(0),
            seats => self.seats_free(seats, batch, now),
        };
        let unchanged = people.iter().all(|one| self.is_newest(one, batch));
        let Some(used) = used.filter(|_| unchanged) else {
            if let Some(reply) = reply {
                let _ = reply.send(None);
            }
            return;
        };
        let mut events = Vec::new();
        writes.extend(self.seats_taken(used, seats, &mut events, now));
        for one in people {
            writes.extend(self.arrive(one, &origin, &mut events, batch, now));
        }
        events.extend(event);
        let change = batch.push(Change {
            writes,
            origin,
            events,
            at: now,
        });
        batch.waiting.push(Waiting::Note { reply, change });
    }

    /// Whether nobody has changed somebody who was there since the file was held against the record.
    /// The store would see that too, but only after the rest of the batch was judged on it.
    fn is_newest(&self, one: &Arrival, batch: &Batch) -> bool {
        let Some(before) = &one.before else {
            return true;
        };
        let newest = self.newest(before.name(), batch).ok().flatten();
        newest.is_some_and(|newest| {
            newest.id == before.id && newest.auth.revision == before.auth.revision
        })
    }

    /// What one person of a file makes the store write, the messages that tell it among it.
    fn arrive(
        &self,
        one: Arrival,
        origin: &Origin,
        events: &mut Vec<Event>,
        batch: &mut Batch,
        now: Now,
    ) -> Vec<Write> {
        let Arrival {
            before,
            after,
            events: own,
        } = one;
        let told = Told {
            events: &own,
            origin,
            before: before.as_ref(),
            after: &after,
            at: now.wall,
        };
        let mut writes = self.messages(told, batch, now);
        writes.push(match before {
            Some(before) => {
                let (name, expected) = (before.name(), Some(before.auth.revision));
                let user = after;
                batch.take_effect(name, Effect::Put { user, expected })
            }
            // Thousands of new people are not to drive those who sign in out of the cache.
            None => Write {
                key: Key::User(after.id),
                expected: None,
                body: Some(Body::User {
                    profile: Some(after.profile),
                    auth: after.auth,
                }),
            },
        });
        events.extend(own);
        writes
    }
}

/// Who causes it: the operator, or the person with a link.
fn origin(command: &Command, operator: Operator, request: String) -> Origin {
    let actor = match command {
        Command::Page(_) => Actor::User,
        _ => Actor::Operator(operator),
    };
    Origin {
        actor,
        source: None,
        request: RequestRef::Command(request),
    }
}

/// The person as the effects leave them, if they are there.
fn put(effects: &[Effect]) -> Option<&UserRecord> {
    effects.iter().find_map(|effect| match effect {
        Effect::Put { user, .. } => Some(&**user),
        _ => None,
    })
}

/// The audit record that a refusal leaves: a role that was too low, a code that did not fit.
fn refused_event(
    command: &Command,
    record: Option<&UserRecord>,
    refusal: &Refusal,
) -> Option<Event> {
    let event = match (refusal.code, command) {
        (Code::Perm, _) => {
            Event::new("role.denied").detail("command", command.action().spec().name)
        }
        (Code::Otp, Command::TokenTest { token, .. }) => {
            let event = Event::new("token.tested").detail("ok", false);
            match record.and_then(|record| command::resolve(record, token).ok()) {
                Some(id) => event.token(id),
                None => event,
            }
        }
        _ => return None,
    };
    let event = match record {
        Some(record) => event.user(record.id, record.name()),
        None => event,
    };
    Some(event.refused())
}

impl Batch {
    /// Takes the effect of a command in: what the next job sees, and what is written.
    pub(super) fn take_effect(&mut self, target: &str, effect: Effect) -> Write {
        match effect {
            Effect::Put { user, expected } => {
                let name = SmolStr::new(user.name());
                let write = Write {
                    key: Key::User(user.id),
                    expected,
                    body: Some(Body::User {
                        profile: Some(Arc::clone(&user.profile)),
                        auth: user.auth.clone(),
                    }),
                };
                self.overlay.insert(name, Some(Arc::from(user)));
                write
            }
            Effect::Remove { id, expected } => {
                self.overlay.insert(SmolStr::new(target), None);
                Write {
                    key: Key::User(id),
                    expected: Some(expected),
                    body: None,
                }
            }
            Effect::Send(message) => posted(*message),
            Effect::PoolPut(token) => Write {
                key: Key::Hardware(token.serial.clone()),
                expected: None,
                body: Some(Body::Hardware(token)),
            },
            Effect::PoolTake(serial) => Write {
                key: Key::Hardware(serial),
                expected: Some(1),
                body: None,
            },
        }
    }
}
