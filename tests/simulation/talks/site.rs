//! What the people of `invariants.rs` meet in a conversation: the product from its door to its store.
//! It has the methods of the site that stands there.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use mfad::domain::action::Role;
use mfad::domain::command::{Applied, Command, Done, Reveal};
use mfad::domain::event::{Actor, Event, Operator, Origin, RequestRef};
use mfad::domain::message::MessageId;
use mfad::domain::policy::{GatewayPolicy, Policy};
use mfad::domain::refusal::{Code, Refusal};
use mfad::domain::sealed::{Field, Sealed, Unseal as _};
use mfad::domain::user::{UserId, UserRecord, UserState};
use mfad::domain::verdict::Verdict;
use mfad::engine::prepare::Manner;
use mfad::engine::writer::{Arrival, Reply};
use mfad::store::Read as _;
use mfad::store::pin_hash::PinHasher;
use mfad::time::Now;

pub(crate) use super::reference::site::{Answered, By, Made};

use super::judging::{State, Typed};
use super::model::{Door, Rules, given_id};
use super::rules::sealed;
use super::stack::{Datagram, Fate, Heard, Stack};
use super::{copies, reference};
use crate::bugs::Bug;
use crate::common::chance::Chance;
use crate::common::disk::Disk;
use crate::life::keys;
use crate::run::Seen;
use crate::turn::nothing_more;

/// A wrong passcode that is typed again within this time counts once.
const REPEAT_US: u64 = 60_000_000;

pub(crate) struct Site {
    /// The records as the model sees them: PINs and passwords in clear text.
    pub(crate) people: BTreeMap<String, UserRecord>,
    pub(crate) policy: Policy,
    pub(crate) now: Now,
    pub(crate) seen: Seen,
    gateways: Vec<Arc<GatewayPolicy>>,
    bug: Option<Bug>,
    stack: Option<Stack>,
    /// The records as the store has them.
    pub(super) stored: BTreeMap<String, UserRecord>,
    /// What somebody has typed as a PIN or a password, by what is kept of it.
    secrets: HashMap<Vec<u8>, Vec<u8>>,
    /// What may be kept of in this step.
    pub(super) typed: Vec<Vec<u8>>,
    /// Wrong passcodes, which count once (D17).
    pub(super) wrong: HashMap<(String, String), (Vec<u8>, u64)>,
    /// Messages that are known to wait.
    pub(super) letters: BTreeSet<MessageId>,
    /// What was answered with which State, for whoever tries it again after a restore.
    answers: Vec<(String, (usize, &'static str), State, Typed)>,
    backup: Option<PathBuf>,
    orders: u64,
    pub(super) digest: Sha256,
    broken: Option<String>,
}

impl Site {
    pub(crate) fn new(rules: &Rules, doors: &[Door], bug: Option<Bug>) -> Self {
        let reference = reference::site::Site::new(rules, doors, None);
        Self {
            people: BTreeMap::new(),
            policy: reference.policy,
            now: reference.now,
            seen: Seen::new(),
            gateways: reference.gateways,
            bug,
            stack: None,
            stored: BTreeMap::new(),
            secrets: HashMap::new(),
            typed: Vec::new(),
            wrong: HashMap::new(),
            letters: BTreeSet::new(),
            answers: Vec::new(),
            backup: None,
            orders: 0,
            digest: Sha256::new(),
            broken: None,
        }
    }

    /// Starts for the first time.
    pub(crate) fn begin(&mut self, chance: Chance, disk: Option<&Arc<Disk>>) -> Result<(), String> {
        let stack = Stack::new(chance, (&self.policy, &self.gateways), self.bug, disk);
        stack.set(self.now);
        self.stack = Some(stack);
        self.stack().start(true)
    }

    pub(crate) fn stack(&mut self) -> &mut Stack {
        self.stack.as_mut().unwrap()
    }

    /// The law that was broken, if one was.
    pub(crate) fn broken(&mut self) -> Option<String> {
        self.broken.take()
    }

    pub(crate) fn came_to(&self) -> String {
        format!("{:x?}", self.digest.clone().finalize())
    }

    pub(super) fn law(&mut self, holds: bool, broken: impl FnOnce() -> String) {
        if !holds && self.broken.is_none() {
            self.broken = Some(broken());
        }
    }

    pub(super) fn must(&mut self, done: Result<(), String>) {
        if let Err(why) = done {
            self.law(false, || why);
        }
    }

    pub(super) fn count(&mut self, what: &str) {
        *self.seen.entry(what.to_owned()).or_default() += 1;
    }

    /// Seats that are taken (12.2).
    pub(crate) fn seats(&self) -> u64 {
        let taken = |it: &&UserRecord| it.profile.state != UserState::Deactivated;
        self.people.values().filter(taken).count() as u64
    }

    /// Whether it is the same wrong passcode as this person's last there.
    pub(crate) fn repeated(&self, name: &str, door: &str, passcode: &[u8]) -> bool {
        let Some(stack) = &self.stack else {
            return false;
        };
        stack.set(self.now);
        let now_us = stack.outside.true_now().mono_us;
        let last = self.wrong.get(&(name.to_owned(), door.to_owned()));
        last.is_some_and(|(last, at)| last == passcode && now_us - at < REPEAT_US)
    }

    // What is stored.

    fn read(&mut self, name: &str) -> Option<UserRecord> {
        let read = self.stack().life().reader.user_by_name(name);
        read.unwrap_or_else(|error| {
            self.law(false, || format!("{name} cannot be read: {error}"));
            None
        })
    }

    /// Takes over what the store says of somebody; whether it is something new.
    pub(super) fn see(&mut self, name: &str) -> bool {
        let stored = self.read(name);
        if stored.as_ref() == self.stored.get(name) {
            return false;
        }
        match stored {
            Some(record) => {
                let clear = self.in_clear(&record);
                self.people.insert(name.to_owned(), clear);
                self.stored.insert(name.to_owned(), record);
            }
            None => {
                self.people.remove(name);
                self.stored.remove(name);
            }
        }
        true
    }

    /// The record with what the model compares itself in clear text.
    fn in_clear(&mut self, record: &UserRecord) -> UserRecord {
        let mut clear = record.clone();
        let id = record.id;
        let profile = clear.profile_mut();
        if let Some(pin) = &mut profile.pin {
            pin.hash = self.typed_as(id, Field::Pin(id), &pin.hash);
        }
        if let Some(password) = &mut profile.password {
            password.hash = self.typed_as(id, Field::Password(id), &password.hash);
        }
        for token in &mut profile.tokens {
            let list = token.questions.iter_mut().flat_map(|it| &mut it.list);
            for (at, question) in (0..).zip(list) {
                let field = Field::Answer(id, token.id, at);
                question.answer = self.typed_as(id, field, &question.answer);
            }
        }
        clear
    }

    fn typed_as(&mut self, user: UserId, field: Field<'_>, stored: &Sealed) -> Sealed {
        if let Some(known) = self.secrets.get(&stored.data) {
            return sealed(known);
        }
        let keys = keys();
        let hash = keys.open(field, stored);
        let is = |typed: &&Vec<u8>| {
            let digest = keys.pin_digest(user, typed);
            let hash = hash.as_ref().map(|hash| hash.expose().clone());
            PinHasher::cheap().verify(&digest, &hash.unwrap_or_default()) == Ok(true)
        };
        let found = self.typed.iter().find(is).cloned();
        self.law(found.is_some(), || {
            "a PIN or password is stored that nobody has typed".to_owned()
        });
        let found = found.unwrap_or_default();
        self.secrets.insert(stored.data.clone(), found.clone());
        sealed(&found)
    }

    /// After a start: all that was told is there, and of whoever is `unsure` one thing or the other.
    pub(super) fn see_all(&mut self, unsure: Option<&str>) {
        let names: Vec<String> = self.stored.keys().cloned().collect();
        for name in names {
            if Some(&*name) == unsure {
                continue;
            }
            let stored = self.read(&name);
            let same = stored.as_ref() == self.stored.get(&name);
            let due = self.stored.get(&name).cloned();
            self.law(same, || {
                format!("{name} is not what was told: {stored:?}, and should be {due:?}")
            });
        }
        // All of them take their time to read, and what is lost stays so.
        if self.stack().chance.below(8) > 0 {
            return;
        }
        let outbox = self.stack().life().reader.outbox(usize::MAX).unwrap();
        let there: BTreeSet<MessageId> = outbox.iter().map(|it| it.id).collect();
        let lost = self.letters.difference(&there).count();
        self.law(lost == 0, || format!("{lost} messages are lost"));
    }

    // What operators do.

    /// A page that the model has opened in its view of the record is opened.
    fn open_page(&mut self, name: &str) {
        let (Some(view), Some(before)) = (self.people.get(name), self.stored.get(name)) else {
            return;
        };
        if view.auth.revision == before.auth.revision {
            return;
        }
        let (view, before) = (view.clone(), before.clone());
        let mut shown = view.profile.tokens.last().unwrap().clone();
        let nonce = self.stack().chance.octets();
        let seed = shown.seed.as_ref().unwrap();
        let field = Field::Seed(before.id, shown.id);
        shown.seed = Some(keys().seal(field, &seed.data, nonce).unwrap());
        let mut after = before.clone();
        after.auth.revision = view.auth.revision;
        let profile = after.profile_mut();
        profile.links.clone_from(&view.profile.links);
        profile.tokens.push(shown);
        let arrival = Arrival {
            before: Some(before),
            after: Box::new(after),
            events: Vec::new(),
        };
        let origin = Origin {
            actor: Actor::Operator(operator("mfad-web")),
            source: None,
            request: RequestRef::Command("page".to_owned()),
        };
        let event = Event::new("enroll.opened");
        let engine = Arc::clone(&self.stack().life().engine);
        let answer = engine.begin_people(vec![arrival], origin, event).unwrap();
        self.stack().pump();
        let done = answer.try_recv().ok().flatten().is_some();
        self.law(done, || "a page was not opened".to_owned());
        // The view stays what the model has made of it.
        let stored = self.read(name);
        self.stored.extend(stored.map(|it| (name.to_owned(), it)));
        self.count("pages opened");
    }

    /// An operator gives a command about somebody.
    pub(crate) fn order(
        &mut self,
        _: &mut Chance,
        name: &str,
        command: &Command,
        by: &By,
        stored: bool,
    ) -> Option<(Result<Applied, Refusal>, Made)> {
        self.settle(name);
        let before = self.stored.get(name).cloned();
        let calls = self.stack().chance.below(40);
        let fate = match self.stack().chance.below(30) {
            _ if !stored && calls.is_multiple_of(2) => Fate::Fails,
            _ if !stored => Fate::DiesBefore,
            0 if !shows(command) => Fate::Dies,
            _ => Fate::Well,
        };
        self.stack().prepare(fate, calls);
        self.orders += 1;
        let manner = Manner {
            reason: Some("ticket 4711".to_owned()),
            dry_run: false,
            if_revision: by.if_revision,
            request: format!("c{}", self.orders),
        };
        self.typed = copies::secrets(command);
        let engine = Arc::clone(&self.stack().life().engine);
        let begun = engine.begin(&operator(by.name), copies::copy(command), &manner);
        self.stack().pump();
        let reply = begun.and_then(|answer| match answer.try_recv() {
            Ok(Reply::Done(done, _)) => Ok(*done),
            Ok(Reply::Refused(refusal)) => Err(*refusal),
            Ok(Reply::Again(_)) => Err(Refusal::new(Code::Conflict, "a conflict with nobody")),
            Err(_) => Err(Refusal::new(Code::Store, "no answer")),
        });
        let died = self.recover(Some(name));
        self.see(name);
        let changed = self.stored.get(name) != before.as_ref();
        let reply = match reply {
            // Nobody was told, and yet it is done.
            _ if died && changed => Ok(nothing_more()),
            _ if died => return None,
            Err(refusal) if matches!(refusal.code, Code::Store | Code::Busy) => {
                self.law(!changed, || format!("done, and told {refusal}"));
                return None;
            }
            reply => reply,
        };
        if matches!(command, Command::UserDelete { .. }) && reply.is_ok() {
            self.wrong.retain(|(who, _), _| who != name);
        }
        let made = self.made(before.as_ref(), name, reply.as_ref().ok());
        let applied = reply.map(|done| Applied {
            effects: Vec::new(),
            events: Vec::new(),
            done,
        });
        Some((applied, made))
    }

    /// What a command has made, as its reply and the record tell.
    fn made(&self, before: Option<&UserRecord>, name: &str, done: Option<&Done>) -> Made {
        let mut made = Made::default();
        let Some(after) = self.stored.get(name) else {
            return made;
        };
        let new = after.profile.tokens.iter().find(|token| {
            let known = before.is_some_and(|before| before.token(token.id).is_some());
            !known
        });
        if let Some(token) = new {
            made.token = Some(token.id);
            let field = Field::Seed(after.id, token.id);
            let seed = token.seed.as_ref().and_then(|it| keys().open(field, it));
            made.seed = seed.map_or_else(Vec::new, |seed| seed.expose().clone());
        }
        if let Some(grant) = after.profile.grants.last() {
            made.grant = grant.id;
        }
        match done.and_then(|done| done.reveal.as_ref()) {
            Some(Reveal::AuthCode(code)) => {
                made.auth_code = String::from_utf8(code.expose().clone()).unwrap();
            }
            Some(Reveal::RecoveryCodes(codes)) => {
                let text = std::str::from_utf8(codes.expose()).unwrap();
                made.paper = text.lines().map(str::to_owned).collect();
            }
            _ => {}
        }
        made
    }

    // What people do.

    /// Somebody types this at a gateway.
    pub(crate) fn sign_in(
        &mut self,
        name: &str,
        (at, place): (usize, &'static str),
        state: State,
        typed: &Typed,
        stored: bool,
    ) -> Option<Answered> {
        let gateway = (at, place);
        self.settle(name);
        let repeated = self.repeated(name, super::DOORS[at].name, &typed.octets);
        self.typed = vec![typed.octets.clone()];
        let (datagram, twin) = self.datagrams(name, gateway, state, typed, stored);
        let calls = self.stack().chance.below(40);
        let fate = match self.stack().chance.below(24) {
            _ if !stored && calls.is_multiple_of(2) => Fate::Fails,
            _ if !stored => Fate::DiesBefore,
            0 if !repeated => Fate::Dies,
            _ => Fate::Well,
        };
        self.stack().prepare(fate, calls);
        let Heard::Judging(ticket, stranger) = self.stack().send(&datagram) else {
            self.law(false, || "a new request is not judged".to_owned());
            return None;
        };
        let twin = twin.filter(|_| fate == Fate::Well);
        let twin = twin.map(|twin| self.stack().send(&twin));
        self.stack().pump();
        let said = self.stack().told(ticket);
        let died = self.recover(Some(name));
        let changed = self.see(name);
        let said = match said {
            Some(said) if !died && said.verdict.is_some() => said,
            _ if changed || died && stored => {
                return self.ask_again(name, at, &datagram, changed, &stranger);
            }
            _ => return None,
        };
        if let Some(Heard::Judging(ticket, _)) = twin {
            self.second(ticket);
        }
        let verdict = said.verdict.clone().unwrap();
        let answered = self.answered(name, at, &datagram, verdict, changed, *stranger);
        self.told_once(&datagram, &said, changed);
        if matches!(state, State::Of(_)) {
            self.answers
                .push((name.to_owned(), gateway, state, typed.clone()));
        }
        Some(answered)
    }

    /// The request, and now and then the same answer in another one, at the same time.
    fn datagrams(
        &mut self,
        name: &str,
        gateway: (usize, &str),
        state: State,
        typed: &Typed,
        stored: bool,
    ) -> (Datagram, Option<Datagram>) {
        let shown = match state {
            State::None => None,
            State::Foreign => Some(b"none of ours".to_vec()),
            State::Of(handle) => Some(handle.state().into_bytes()),
        };
        self.name_next(name);
        let now = self.now;
        let stack = self.stack();
        let mut make = || stack.datagram(gateway, name, &typed.octets, shown.as_deref());
        let first = make();
        // Of two at once the second drops a token that a wall clock of long ago has dated.
        let apart = now.steady.since(now.wall).as_secs();
        let twice = stored && shown.is_some() && apart < 1_800;
        let second = twice.then(make);
        let twin = second.filter(|_| self.stack().chance.below(5) == 0);
        (first, twin)
    }

    /// A token that this person is given now gets the id that the model knows.
    pub(super) fn name_next(&mut self, name: &str) {
        let id = given_id(name, self.now);
        let octets = id.signs().map(|sign| {
            let mut signs = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ".iter();
            u8::try_from(signs.position(|it| *it == sign).unwrap()).unwrap()
        });
        self.stack().outside.name_next(Some(octets));
    }

    /// Before a step: what the model has done to its view, and its clocks.
    fn settle(&mut self, name: &str) {
        let now = self.now;
        self.stack().set(now);
        self.stack().outside.name_next(None);
        self.open_page(name);
    }

    /// After a step: whether the process has died, and lives again.
    pub(super) fn recover(&mut self, unsure: Option<&str>) -> bool {
        self.stack().outside.name_next(None);
        if self.stack().is_dead() {
            self.count("crashes");
            let born = self.stack().rebirth();
            self.must(born);
            self.wrong.clear();
            self.see_all(unsure);
            return true;
        }
        if self.stack().is_broken() {
            self.count("failures");
            let mended = self.stack().mend();
            self.must(mended);
            self.wrong.clear();
        }
        self.stack().calm();
        false
    }

    // What becomes of the process.

    /// It ends and begins again.
    pub(crate) fn restart(&mut self) {
        let now = self.now;
        self.stack().set(now);
        let names: Vec<String> = self.people.keys().cloned().collect();
        names.iter().for_each(|name| self.open_page(name));
        self.count("restarts");
        let born = if self.stack().chance.coin() {
            self.stack().rebirth()
        } else {
            self.stack().stop();
            self.stack().start(false)
        };
        self.must(born);
        self.wrong.clear();
        self.see_all(None);
    }

    /// Makes the backup that is put back at the end.
    pub(crate) fn save(&mut self) {
        let file = self.stack().beside("backup");
        let now = self.now;
        let made = self.stack().life().reader.snapshot(&file, now);
        self.must(made.map(drop).map_err(|error| format!("a backup: {error}")));
        self.backup = Some(file);
    }

    /// The last stop, and the start after it. Then the backup is put back: nobody is being asked
    /// anything, nothing that was handed out is good, and no answer that was ever given is.
    pub(crate) fn end(&mut self) -> Result<(), String> {
        self.restart();
        self.stack().stop();
        if let Some(backup) = self.backup.take() {
            self.stack().restore(&backup)?;
            let names: Vec<String> = self.stored.keys().cloned().collect();
            for name in &names {
                let Some(record) = self.read(name) else {
                    continue;
                };
                let profile = &record.profile;
                let device = profile.device_auth.as_ref();
                let out = profile.auth_code.is_some()
                    || device.is_some_and(|it| it.code.is_some())
                    || !profile.links.is_empty()
                    || !record.auth.dialogues.is_empty();
                self.law(!out, || format!("a restore has brought back: {record:?}"));
            }
            self.try_again(&names);
            self.stack().stop();
        }
        self.broken.take().map_or(Ok(()), Err)
    }

    fn try_again(&mut self, names: &[String]) {
        let answers = std::mem::take(&mut self.answers);
        for (name, at, state, typed) in answers.iter().rev().take(40) {
            if !names.contains(name) {
                continue;
            }
            let (datagram, _) = self.datagrams(name, *at, *state, typed, false);
            let Heard::Judging(ticket, _) = self.stack().send(&datagram) else {
                return self.law(false, || "a new request is not judged".to_owned());
            };
            self.stack().pump();
            let said = self.stack().told(ticket);
            let refused = said.is_some_and(|it| matches!(it.verdict, Some(Verdict::Reject { .. })));
            self.law(refused, || {
                format!("{name} answers what was asked before a restore")
            });
        }
    }
}

fn operator(name: &str) -> Operator {
    Operator {
        uid: 1007,
        name: Arc::from(name),
        role: Role::Admin,
    }
}

/// Whether the reply shows what nobody can find out again.
fn shows(command: &Command) -> bool {
    matches!(
        command,
        Command::AuthCodeGenerate { .. }
            | Command::RecoveryIssue { .. }
            | Command::UserSetState { .. }
            | Command::UserAdd(_)
    )
}
