//! Twenty people and what happens to them, step by step from one seed: somebody types, somebody
//! answers, an operator orders, the clock moves, the process ends, a commit fails. After every step the
//! model has to agree with what was answered and with the record, and every invariant has to hold.

use std::collections::{BTreeMap, HashMap, VecDeque};

use mfad::domain::dialogue::{Dialogue, Handle, Kind, Step};
use mfad::domain::policy::FirstFactorBy;
use mfad::domain::token_record::{Base as Stored, Token as Record, TokenKind, TokenState};
use mfad::domain::user::{UserRecord, UserState};
use mfad::domain::verdict::{How, Verdict};
use mfad::time::Timestamp;
use mfad::token::{Digits, Otp, TokenId};

use super::DOORS;
use super::bugs::Bug;
use super::compare::compare;
use super::judging::{Code, State, Trial, Typed, Want};
use super::laws::{self, Law, Ledger, Seen, ensure};
use super::model::*;
use super::obeying::{carry_out, expected};
use super::orders::Change;
use super::rules;
use super::site::{By, Site};
use super::waits::PLACES;
use crate::chance::Chance;

/// How many people there are.
const PEOPLE: usize = 20;
/// Steps that are told when a law was broken.
const STORY: usize = 12;

pub(crate) struct Life {
    pub(crate) chance: Chance,
    pub(crate) rules: Rules,
    pub(crate) site: Site,
    pub(crate) model: BTreeMap<String, Person>,
    ledger: Ledger,
    /// States that were given out lately: to whom, at which gateway.
    given: VecDeque<(String, usize, Handle)>,
    /// Codes that were sent lately.
    pub(crate) mail: VecDeque<String>,
    typed: HashMap<(String, usize), Typed>,
    /// To whom things happen just now.
    focus: usize,
    story: VecDeque<String>,
    pub(crate) seen: BTreeMap<String, u64>,
}

fn rules(chance: &mut Chance) -> Rules {
    let pick = |chance: &mut Chance, of: [i64; 2]| of[chance.below(2)];
    Rules {
        failures_max: 5,
        waits: chance.below(3) == 0,
        lock_ms: pick(chance, [0, 300_000]),
        token_failures_max: 3,
        token_lock_ms: pick(chance, [0, 200_000]),
        hard_cap: 8,
        hard_obsolete: chance.coin(),
        pin_failures_max: 3,
        pin_block_ms: pick(chance, [0, 400_000]),
        pin_block_locks: chance.below(3) > 0,
        reauth: chance.coin(),
        keyword: chance.coin(),
        renew_ms: pick(chance, [0, 600_000]),
        suppress: chance.below(4) == 0,
        pages: chance.coin(),
        code_tries: 3,
        sms_max: 4,
        seats: 18 + chance.below(3) as u64,
        emergency: chance.below(3) > 0,
        ask: 2 + chance.below(2),
        qa_failures_max: 2,
        emergency_for_all: chance.coin(),
        look_ahead: 10,
        resync: chance.coin(),
        resync_window: 60,
    }
}

impl Life {
    pub(crate) fn new(seed: u64, bug: Option<Bug>) -> Self {
        let mut chance = Chance::of(seed);
        let rules = rules(&mut chance);
        let site = Site::new(&rules, &DOORS, bug);
        Self {
            chance,
            rules,
            site,
            model: BTreeMap::new(),
            ledger: Ledger::default(),
            given: VecDeque::new(),
            mail: VecDeque::new(),
            typed: HashMap::new(),
            focus: 0,
            story: VecDeque::new(),
            seen: BTreeMap::new(),
        }
    }

    /// Lives so many steps, or up to the law that was broken.
    pub(crate) fn live(&mut self, steps: usize) -> Law {
        for number in 0..steps {
            if let Err(broken) = self.step() {
                let story: Vec<String> = self.story.drain(..).collect();
                let (told, rules) = (story.join("\n  "), &self.rules);
                return Err(format!("step {number}: {broken}\n  {rules:?}\n  {told}"));
            }
        }
        Ok(())
    }

    fn tell(&mut self, what: String) {
        if self.story.len() == STORY {
            self.story.pop_front();
        }
        self.story.push_back(what);
    }

    fn count(&mut self, what: &str) {
        *self.seen.entry(what.to_owned()).or_default() += 1;
    }

    fn step(&mut self) -> Law {
        // Mostly more than one thing happens to somebody before anything does to another.
        if self.chance.below(5) == 0 {
            self.focus = self.chance.below(PEOPLE);
        }
        let name = format!("user{}", self.focus);
        let before = self.model.get(&name).cloned();
        self.happen(&name)
            .map_err(|broken| format!("{broken}\n  before: {before:?}"))
    }

    fn happen(&mut self, name: &str) -> Law {
        if !self.model.contains_key(name) {
            return self.order(name);
        }
        // Who cannot sign in is soon helped.
        if self.is_stuck(name) && self.chance.below(4) == 0 {
            return self.order(name);
        }
        // Whoever is shown a link mostly opens it.
        if self.model[name].prompt_link && self.chance.below(3) == 0 {
            return self.open_page(name);
        }
        if self.is_asked(name) && self.chance.coin() {
            return self.answer(name);
        }
        match self.chance.below(100) {
            0..=46 => self.come(name),
            47..=71 => self.answer(name),
            72..=85 => self.order(name),
            // Something happens between a question and its answer.
            86..=89 => {
                let asked = self.given.back().map(|it| it.0.clone());
                let asked = asked.filter(|name| self.model.contains_key(name));
                self.order(asked.as_deref().unwrap_or(name))
            }
            90..=96 => self.clock(name),
            97 => {
                self.count("restart");
                self.tell("restart".to_owned());
                self.site.restart();
                Ok(())
            }
            _ => self.open_page(name),
        }
    }

    fn is_asked(&self, name: &str) -> bool {
        let mut questions = self.model[name].questions.iter();
        questions.any(|it| late(self.site.now) < it.until)
    }

    fn is_stuck(&self, name: &str) -> bool {
        let (person, now) = (&self.model[name], self.site.now);
        let lacks_code = person.is_reset() && person.auth_code.is_none() && !self.rules.suppress;
        person.is_closed()
            || person.lock.is_some() && person.questions_of().is_none()
            || lacks_code
            || !person.has_token(None, &self.rules, now)
    }

    fn clock(&mut self, name: &str) -> Law {
        let now = &mut self.site.now;
        let ends = self.model[name].ends();
        let forward = match self.chance.below(12) {
            0..=7 => self.chance.below(45_000),
            8 => self.chance.below(700_000),
            9 if self.chance.coin() => self.chance.below(8_000_000),
            // A holiday: stations are forgotten.
            11 if self.chance.below(30) == 0 => 31 * 24 * 3_600_000,
            10 if !ends.is_empty() => {
                // Exactly to the end of something, or to the instant before.
                let end = ends[self.chance.below(ends.len())] - i64::from(self.chance.coin());
                usize::try_from(end - late(*now))
                    .unwrap_or(0)
                    .min(8_000_000)
            }
            _ => 0,
        };
        let forward = i64::try_from(forward).unwrap();
        now.steady = Timestamp(now.steady.0 + forward);
        now.wall = match self.chance.below(12) {
            0 => Timestamp(now.wall.0 + i64::try_from(self.chance.below(4_000_000)).unwrap()),
            1 => Timestamp(now.wall.0 - i64::try_from(self.chance.below(4_000_000)).unwrap()),
            2..=5 => now.steady,
            _ => Timestamp(now.wall.0 + forward),
        };
        let told = format!("clock: wall {} steady {}", now.wall.0, now.steady.0);
        self.tell(told);
        Ok(())
    }

    /// Somebody comes to a gateway.
    fn come(&mut self, name: &str) -> Law {
        let door = self.door_of(name);
        let last = self.typed.get(&(name.to_owned(), door)).cloned();
        let typed = match last {
            Some(last) if self.chance.below(8) == 0 => last,
            _ => self.type_in(name, door, None),
        };
        self.typed.insert((name.to_owned(), door), typed.clone());
        let state = match self.chance.below(60) {
            0 => State::Foreign,
            1 => self
                .any_state()
                .map_or(State::Foreign, |(_, _, handle)| State::Of(handle)),
            _ => State::None,
        };
        self.sign_in(name, door, state, &typed)
    }

    /// A gateway; mostly one where this person knows what is asked for.
    fn door_of(&mut self, name: &str) -> usize {
        let person = &self.model[name];
        let knows = |door: &Door| match door.first {
            FirstFactorBy::Pin => person.pin.is_some(),
            FirstFactorBy::Local => person.password.is_some(),
            _ => false,
        };
        let asks = |door: &Door| door.asks && door.first != FirstFactorBy::Pin;
        // Whose PIN is blocked goes where it is not asked for.
        let helpless = person.lock.is_some() && person.questions_of().is_some();
        let leads = |door: &Door| match helpless {
            true => asks(door),
            false => knows(door),
        };
        let doors: Vec<usize> = (0..DOORS.len()).filter(|at| leads(&DOORS[*at])).collect();
        match doors.get(self.chance.below(2 * doors.len())) {
            Some(door) => *door,
            None => self.chance.below(DOORS.len()),
        }
    }

    fn any_state(&mut self) -> Option<(String, usize, Handle)> {
        let at = self.chance.below(self.given.len());
        self.given.get(at).cloned()
    }

    /// Somebody answers a question: mostly one that is open, there and then.
    fn answer(&mut self, name: &str) -> Law {
        let now = self.site.now;
        let open = |it: &&(String, usize, Handle)| {
            let person = self.model.get(&it.0);
            person.is_some_and(|person| {
                let mut questions = person.questions.iter();
                questions.any(|q| q.handle == Some(it.2) && late(now) < q.until)
            })
        };
        let open: Vec<_> = self.given.iter().filter(open).cloned().collect();
        let own = self.given.iter().rfind(|it| it.0 == name).cloned();
        let found = match (self.chance.below(8), own) {
            (0, Some(own)) => Some(own),
            (1, _) => self.any_state().map(|it| (name.to_owned(), it.1, it.2)),
            (2 | 3, _) => open.get(self.chance.below(open.len())).cloned(),
            _ => {
                let own = open.iter().rfind(|it| it.0 == name);
                own.or_else(|| open.last()).cloned()
            }
        };
        let Some((name, door, handle)) = found else {
            return Ok(());
        };
        let name = name.as_str();
        let asked = self.model[name]
            .questions
            .iter()
            .find(|it| it.handle == Some(handle));
        let asked = asked.map(|question| question.asked.clone());
        let typed = self.type_in(name, door, asked.as_ref());
        let (state, door) = match self.chance.below(40) {
            0 => (altered(handle, &mut self.chance), door),
            1 => (State::Of(handle), self.chance.below(DOORS.len())),
            _ => (State::Of(handle), door),
        };
        self.sign_in(name, door, state, &typed)
    }

    fn sign_in(&mut self, name: &str, at: usize, state: State, typed: &Typed) -> Law {
        let door = &DOORS[at];
        let place = PLACES[[0, 0, 0, 0, 1, 1, 2, 3][self.chance.below(8)]];
        let stored = self.chance.below(50) > 0;
        let now = self.site.now;
        let before = self.site.people[name].clone();
        let repeated = self.site.repeated(name, door.name, &typed.octets);
        let mut person = self.model[name].clone();
        let mut trial = Trial::new(
            &mut person,
            &self.rules,
            (door, place),
            now,
            typed,
            repeated,
        );
        let want = trial.judge(state);
        self.tell(format!(
            "{name} from {place} at {}: {typed:?} {state:?}, {} -> {want:?}{}",
            door.name,
            before.profile.state.name(),
            if stored { "" } else { ", not stored" }
        ));
        let answered = self.site.sign_in(name, (at, place), state, typed, stored);
        let Some(answered) = answered else {
            // I4: what could not be stored is answered to nobody, and nothing has changed.
            self.count("not stored");
            return ensure(self.site.people[name] == before, || {
                "I4: changed".to_owned()
            });
        };
        let after = self.site.people[name].clone();
        self.count(match want {
            Want::Accept(_) => "Accept",
            Want::Ask(..) => "Ask",
            Want::Reject => "Reject",
        });
        self.ledger.sign_in(&Seen {
            before: &before,
            after: &after,
            door,
            state,
            typed,
            verdict: &answered.verdict,
            stranger: &answered.stranger,
            policy: &self.site.policy,
            now,
        })?;
        agrees(want, &answered.verdict, &after)?;
        self.count_answers(&before, &after);
        if matches!(before.profile.state, UserState::Reset | UserState::ResetAll) {
            self.count_reset(&before, &after);
        }
        let (was, is) = (before.profile.state, after.profile.state);
        if was != is {
            self.count(&format!("{} -> {}", was.name(), is.name()));
        }
        if after.profile.recovered && typed.code == Code::Later && answered.verdict.accepted() {
            self.count("new token put off");
        }
        match &answered.verdict {
            Verdict::Accept { how, .. } => self.count(&format!("accepted by {}", how.name())),
            Verdict::Reject { reason, .. } => self.count(&format!("refused for {}", reason.name())),
            Verdict::Challenge { .. } => {}
        }
        if let Verdict::Challenge { question, .. } = &answered.verdict {
            self.asked(&mut person, at, question.handle, answered.code);
        }
        self.keep(name, person, &before, &after)
    }

    /// What answers have brought about.
    fn count_answers(&mut self, before: &UserRecord, after: &UserRecord) {
        let asks = |it: &Dialogue| matches!(it.kind, Kind::Emergency(_));
        let step = |it: &Dialogue| match &it.kind {
            Kind::Emergency(asked) => matches!(asked.step, Step::Pin(_)),
            _ => false,
        };
        if !before.auth.dialogues.iter().any(asks) {
            return;
        }
        let pin = |record: &UserRecord| record.profile.pin.as_ref().map(|pin| pin.hash.clone());
        if before.auth.dialogues.iter().any(step) && pin(before) != pin(after) {
            self.count("PIN changed by answers");
            if before.auth.lock.is_some() {
                self.count("PIN lock ended by answers");
            }
        }
        let authorized = |record: &UserRecord| {
            let mut open = record.auth.dialogues.iter();
            open.any(|it| it.proven.authorized)
        };
        if authorized(after) && !authorized(before) {
            self.count("reset by answers");
        }
    }

    /// What a reset has ended.
    fn count_reset(&mut self, before: &UserRecord, after: &UserRecord) {
        let by = |record: &UserRecord| record.auth.unlocked.as_ref().map(|it| it.by.clone());
        let own = by(after).is_some_and(|by| *by == *after.profile.name);
        if before.auth.lock.is_some() && after.auth.lock.is_none() && own {
            self.count("PIN lock ended by a reset");
        }
        let freed = |state: &TokenState| {
            let now = after.auth.token(state.id);
            state.locked_until.is_some() && now.is_some_and(|it| it.locked_until.is_none())
        };
        let began = after.auth.dialogues.iter().any(|it| it.proven.authorized);
        if began && before.auth.tokens.iter().any(freed) {
            self.count("unlocked tokens by a reset");
        }
    }

    /// A question was asked: its State goes to the gateway, its code to the person.
    fn asked(&mut self, person: &mut Person, at: usize, handle: Handle, code: Option<String>) {
        let name = person.name.clone();
        if self.given.len() == 60 {
            self.given.pop_front();
        }
        self.given.push_back((name, at, handle));
        let mailed = person.device.as_mut().filter(|it| it.text.is_empty());
        if let (Some(device), Some(code)) = (mailed, &code) {
            device.text.clone_from(code);
        }
        let resets = person.is_reset();
        let open = person.questions.iter_mut().find(|it| it.handle.is_none());
        let Some(question) = open else { return };
        question.handle = Some(handle);
        let wished = question.wished;
        let kind = format!("asked {}", question.asked.name());
        if let (Asked::Sent { code: kept, .. } | Asked::Address { code: kept, .. }, Some(code)) =
            (&mut question.asked, code)
        {
            kept.clone_from(&code);
            if self.mail.len() == 20 {
                self.mail.pop_front();
            }
            self.mail.push_back(code);
        }
        self.count(&kind);
        if resets {
            self.count(&format!("{kind} in a reset"));
        }
        if wished && kind == "asked new_pin" {
            self.count("asked wished");
        }
    }

    /// The model goes on with what it expected, if the record says the same.
    fn keep(
        &mut self,
        name: &str,
        mut person: Person,
        before: &UserRecord,
        after: &UserRecord,
    ) -> Law {
        if before.auth.revision == after.auth.revision {
            // That a question has run out is worth no write of its own.
            let kept = self.model[name].questions.clone();
            person.questions = kept;
        }
        compare(&person, after, &self.rules, self.site.now)?;
        self.model.insert(name.to_owned(), person);
        Ok(())
    }

    fn order(&mut self, name: &str) -> Law {
        let (command, change) = self.choose(name);
        let now = self.site.now;
        let stored = self.chance.below(50) > 0;
        let before = self.site.people.get(name).cloned();
        let stale = self.chance.below(12) == 0;
        let revision = before
            .as_ref()
            .map(|it| it.auth.revision + u64::from(stale));
        let by = By {
            name: ["olga", "root", "sam"][self.chance.below(3)],
            if_revision: revision.filter(|_| stale || self.chance.below(12) == 0),
        };
        let seats = self
            .model
            .values()
            .filter(|it| it.state != UserState::Deactivated);
        let seats = seats.count() as u64;
        let nobody = Person::nobody(name);
        let mut person = self.model.get(name).cloned().unwrap_or(nobody);
        person.settle(&self.rules, now);
        let wanted = expected(&person, &change, &self.rules, seats, now);
        self.tell(format!("{name}: {change:?} by {} -> {wanted:?}", by.name));
        let mut chance = self.chance.fork();
        let site = &mut self.site;
        let Some((result, made)) = site.order(&mut chance, name, &command, &by, stored) else {
            // I6: no success before it is durable.
            let same = self.site.people.get(name) == before.as_ref();
            return ensure(same, || "I6: changed".to_owned());
        };
        let after = self.site.people.get(name).cloned();
        if stale && before.is_some() {
            ensure(result.is_err(), || {
                "I19: a stale revision was taken".to_owned()
            })?;
        } else if let Some(wanted) = wanted {
            let told = result.as_ref().err().map(ToString::to_string);
            ensure(result.is_ok() == wanted, || format!("{change:?}: {told:?}"))?;
        }
        let Ok(applied) = result else {
            self.count(&format!("refused {}", change.name()));
            return ensure(before == after, || "a refusal changes something".to_owned());
        };
        self.count(&format!("ordered {}", change.name()));
        if applied.done.unchanged {
            self.count("ordered unchanged");
        }
        let (Some(before), Some(after)) = (before, after.as_ref()) else {
            return self.come_or_go(name, &change);
        };
        if matches!(change, Change::Unlock { .. }) && person.lock.is_none() {
            self.count("ordered end of a wait");
        }
        i_laws(&before, after, &change, &by, &person)?;
        carry_out(
            &mut person,
            change,
            made,
            by.name,
            (&self.rules, now),
            after,
        );
        self.keep(name, person, &before, after)?;
        self.i15_seats()
    }

    fn come_or_go(&mut self, name: &str, change: &Change) -> Law {
        self.model.remove(name);
        if let Change::AddUser(two) = change {
            let mut person = Person::nobody(name);
            person.since = self.site.now.wall.0;
            person.two = *two;
            compare(&person, &self.site.people[name], &self.rules, self.site.now)?;
            self.model.insert(name.to_owned(), person);
        }
        self.i15_seats()
    }

    /// I15: each person but a deactivated one takes one seat.
    fn i15_seats(&self) -> Law {
        let counted = |it: &&Person| it.state != UserState::Deactivated;
        let seats = self.model.values().filter(counted).count() as u64;
        ensure(self.site.seats() == seats, || "I15: seats".to_owned())
    }

    /// What the page of a question does: it takes the link and shows a token.
    fn open_page(&mut self, name: &str) -> Law {
        let now = self.site.now;
        let person = self.model.get_mut(name).expect("somebody");
        if !person.prompt_link || person.is_closed() || person.lock.is_some() {
            return Ok(());
        }
        person.prompt_link = false;
        let id = TokenId::from_random(self.chance.octets());
        let seed = self.chance.octets::<20>().to_vec();
        person.tokens.push(Token::new(
            id,
            TokenKind::Totp,
            seed.clone(),
            Base::Pending,
            now,
        ));
        let record = self.site.people.get_mut(name).expect("somebody");
        show_token(record, id, &seed, now.wall);
        self.count("page");
        self.tell(format!("{name} opens the page: {id}"));
        Ok(())
    }
}

/// What the page of a question does, in memory: it takes the link and shows a token. Where there is a
/// store, `talks/site.rs` sees that somebody has opened the page, and does it there.
fn show_token(record: &mut UserRecord, id: TokenId, seed: &[u8], at: Timestamp) {
    let profile = record.profile_mut();
    assert_eq!(profile.void_links(|link| link.at_prompt), 1, "one link");
    profile.tokens.push(Record {
        id,
        base: Stored::Pending,
        otp: Some(Otp {
            digits: Digits::EIGHT,
            ..Otp::TOTP
        }),
        seed: Some(rules::sealed(seed)),
        created: at,
        registered_at: None,
        ..rules::token(rules::A, TokenKind::Totp)
    });
    record.auth.revision += 1;
}

/// A State with one bit of its text changed.
fn altered(handle: Handle, chance: &mut Chance) -> State {
    let mut text = handle.state().into_bytes();
    let at = chance.below(text.len());
    text[at] ^= 1 << chance.below(8);
    match Handle::parse(&text) {
        Some(handle) => State::Of(handle),
        None => State::Foreign,
    }
}

/// Whether the answer is the one that the model expects.
fn agrees(want: Want, verdict: &Verdict, after: &UserRecord) -> Law {
    let is = match (want, verdict) {
        (Want::Reject, Verdict::Reject { .. }) => true,
        (Want::Accept(way), Verdict::Accept { how, .. }) => match (way, how) {
            (Way::Token(id), How::Token(by))
            | (Way::Grace(id), How::Grace(by))
            | (Way::Recovery(id), How::Recovery(by)) => id == *by,
            // Several grants may count; which of them is named is not said.
            (Way::Grant(_), How::Passthrough(_)) | (Way::Door, How::PolicyPassthrough) => true,
            _ => false,
        },
        (Want::Ask(name, kept), Verdict::Challenge { question, .. }) => {
            let mut all = after.auth.dialogues.iter();
            let open = all.find(|it| it.handle == question.handle.digest());
            open.map(|it| it.kind.name()) == kept.then_some(name)
        }
        _ => false,
    };
    ensure(is, || format!("expected {want:?}, answered {verdict:?}"))
}

/// The invariants of the commands.
fn i_laws(
    before: &UserRecord,
    after: &UserRecord,
    change: &Change,
    by: &By,
    person: &Person,
) -> Law {
    laws::i17_no_command_makes_active(before, after)?;
    match change {
        Change::Unlock { .. } => laws::i11_unlocked_by(after, by.name),
        Change::UnblockPin => laws::i12_unblocked(before, after, person.state),
        Change::AuthCode => laws::i14_same_state(after, person.state),
        Change::Enable(id) => {
            let was = match person.token(*id).map(|token| token.base) {
                Some(Base::Pending) => Stored::Pending,
                _ => Stored::Registered,
            };
            laws::i16_restored(*id, was, after)
        }
        _ => Ok(()),
    }
}
