//! `token migrate`: of one person a change like any; for everybody one change after the other, each
//! through the writer, so that sign-ins have their turn and whatever ends it in the middle leaves
//! whole people. The same command once more goes on. Each person is told, so it waits while the
//! outbox is half full: nobody else's message is driven out.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::control::query::Migration;
use crate::control::reply::{Done, Note, Reply};
use crate::daemon::report::number;
use crate::domain::command::Command;
use crate::domain::event::{Event, RequestRef};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::token_record::TokenKind;
use crate::engine::prepare;
use crate::server::control::Sink;
use crate::store::Find;

use super::Answerer;
use super::change::request_id;
use super::desk::Desk;
use super::import::told::{count, judged_so_far, so_far};
use super::pages;

/// People that are left as they are and told one by one; the others are counted.
const TOLD_MAX: usize = 1_000;
/// People between two replies on the way.
const TELL_EVERY: usize = 50;
/// How often a full outbox is looked at.
const ROOM_PAUSE: Duration = Duration::from_millis(200);

/// What became of the people so far.
#[derive(Default)]
struct Tally {
    people: usize,
    replaced: u64,
    left: Vec<(String, Refusal)>,
}

impl Answerer {
    pub(super) fn token_migrate(
        &self,
        desk: &Desk<'_>,
        which: Migration,
        sink: &mut dyn Sink,
    ) -> Result<Reply, Refusal> {
        match which.user {
            None => desk.migrate_all(which, sink),
            Some(user) => {
                let from = which.from;
                let command = Command::TokenMigrate { user, from };
                let done = self.carry_out(desk.operator, command, which.manner)?;
                Ok(done.into())
            }
        }
    }
}

impl Desk<'_> {
    fn migrate_all(&self, which: Migration, sink: &mut dyn Sink) -> Result<Reply, Refusal> {
        let kind = which.from.own_kind();
        let people = self.owners(kind, sink)?;
        let mut manner = prepare::Manner {
            request: request_id(which.manner.request.clone())?,
            reason: which.manner.reason.clone(),
            dry_run: true,
            if_revision: None,
        };
        if which.manner.dry_run || which.expect.is_some() {
            let tally = self.migrate(&people, &which, &manner, sink)?;
            if which.manner.dry_run {
                return Ok(tally.done(kind, true).into());
            }
            if tally.people > 0 {
                as_meant(which.expect, tally.people)?;
            }
        }
        manner.dry_run = false;
        let tally = self.migrate(&people, &which, &manner, sink)?;
        let mut done = tally.done(kind, false);
        done.audit = Some(self.recorded(kind, &tally, &manner)?);
        Ok(done.into())
    }

    /// One person after the other.
    fn migrate(
        &self,
        people: &[String],
        which: &Migration,
        manner: &prepare::Manner,
        sink: &mut dyn Sink,
    ) -> Result<Tally, Refusal> {
        let mut tally = Tally::default();
        for (at, user) in people.iter().enumerate() {
            if !manner.dry_run {
                self.await_room(sink).map_err(|()| stopped(at, people))?;
            }
            let command = Command::TokenMigrate {
                user: user.clone(),
                from: which.from,
            };
            match self.engine.change(self.operator, command, manner) {
                Ok(carried) => tally.add(&carried.done),
                Err(refusal) if matches!(refusal.code, Code::Store | Code::Busy) => {
                    let so_far = format!("{} of {}", count(at), count(people.len()));
                    return Err(refusal.doing(format!("{so_far} are done; the rest once more")));
                }
                Err(refusal) => tally.left.push((user.clone(), refusal)),
            }
            if which.progress && (at + 1) % TELL_EVERY == 0 {
                let so_far = match manner.dry_run {
                    true => judged_so_far(at + 1, people.len()),
                    false => so_far(at + 1, people.len()),
                };
                let told = sink.push(so_far.into());
                told.map_err(|_| stopped(at + 1, people))?;
            }
        }
        Ok(tally)
    }

    /// Who has a token of this type.
    fn owners(&self, kind: TokenKind, sink: &mut dyn Sink) -> Result<Vec<String>, Refusal> {
        let all = Find::default();
        let (owners, _) = pages::people(self, &all, None, usize::MAX, sink, |record| {
            let mut tokens = record.profile.tokens.iter();
            let has = tokens.any(|token| token.kind == kind);
            has.then(|| record.name().to_owned()).into_iter().collect()
        })?;
        Ok(owners)
    }

    /// Waits until there is room for the next message; an error if the operator goes meanwhile.
    pub(super) fn await_room(&self, sink: &mut dyn Sink) -> Result<(), ()> {
        loop {
            if sink.ended() {
                return Err(());
            }
            if self.engine.has_room() {
                return Ok(());
            }
            std::thread::sleep(ROOM_PAUSE);
        }
    }

    /// The audit record of the whole; those of the people say what was done.
    fn recorded(
        &self,
        kind: TokenKind,
        tally: &Tally,
        manner: &prepare::Manner,
    ) -> Result<u64, Refusal> {
        let event = Event::new("token.migrated")
            .detail("from", kind.name())
            .detail("people", tally.people)
            .detail("left", tally.left.len());
        let event = match (&manner.reason, tally.people) {
            (_, 0) => event.unchanged(),
            (Some(reason), _) => event.reason(reason.clone()),
            (None, _) => event,
        };
        let origin = self.origin(RequestRef::Command(manner.request.clone()));
        self.engine.note(origin, event).ok_or_else(|| {
            let what = format!("{} people are done; it could not be recorded", tally.people);
            Refusal::new(Code::Store, what).why("mfad cannot write to its store")
        })
    }
}

impl Tally {
    fn add(&mut self, done: &crate::domain::command::Done) {
        if done.unchanged {
            return;
        }
        self.people += 1;
        let replaced = done.data.iter().find(|(name, _)| *name == "replaced");
        self.replaced += replaced.and_then(|(_, value)| value.as_u64()).unwrap_or(0);
    }

    fn done(&self, kind: TokenKind, dry_run: bool) -> Done {
        let kind = kind.name();
        let tokens = counted(self.replaced, ["token", "tokens"]);
        let people = counted(self.people as u64, ["person", "people"]);
        let message = match (self.people, self.left.len(), dry_run) {
            (0, 0, _) => format!("Nobody has a token of type {kind}; nothing changed."),
            (0, _, _) => "Nothing changed: nobody can be moved.".to_owned(),
            (_, _, false) => format!("{people} moved; {tokens} of type {kind} became virtual."),
            (_, _, true) => format!("{people} would move; {tokens} would become virtual."),
        };
        let left = self.left.iter().take(TOLD_MAX);
        let rows: Vec<Value> = left
            .map(|(user, refusal)| {
                let reason = refusal.why.as_ref().unwrap_or(&refusal.what);
                json!({"user": user, "code": refusal.code.name(), "reason": reason})
            })
            .collect();
        let mut notes = Vec::new();
        if !self.left.is_empty() {
            let people = counted(self.left.len() as u64, ["person", "people"]);
            notes.push(Note {
                label: "left".to_owned(),
                text: format!("{people} as they were"),
            });
        }
        Done {
            dry_run,
            unchanged: self.people == 0,
            message,
            notes,
            data: Map::from_iter([
                ("people".to_owned(), self.people.into()),
                ("replaced".to_owned(), self.replaced.into()),
                ("left".to_owned(), self.left.len().into()),
                ("rows".to_owned(), rows.into()),
            ]),
            ..Done::default()
        }
    }
}

/// Refuses a change of another number of people than the operator was told of.
pub(super) fn as_meant(expect: Option<u64>, people: usize) -> Result<(), Refusal> {
    let people = people as u64;
    let Some(expect) = expect.filter(|expect| *expect != people) else {
        return Ok(());
    };
    let would = match people {
        1 => "1 person who is here would be changed".to_owned(),
        _ => format!("{} people who are here would be changed", number(people)),
    };
    let expected = number(expect);
    let what = format!("{would}, and {expected} were expected; nothing changed");
    let refusal = Refusal::new(Code::Conflict, what);
    Err(refusal.doing(format!("--yes --expect {people} if that is meant")))
}

fn stopped(done: usize, people: &[String]) -> Refusal {
    let what = format!("stopped after {} of {}", count(done), count(people.len()));
    Refusal::new(Code::Busy, what).doing("give the command again: it goes on")
}

fn counted(number_of: u64, [one, many]: [&str; 2]) -> String {
    match number_of {
        1 => format!("1 {one}"),
        _ => format!("{} {many}", number(number_of)),
    }
}
