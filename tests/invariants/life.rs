//! Twenty people and what happens to them, step by step from one seed: somebody types, somebody
//! answers, an operator orders, the clock moves, the process ends, a commit fails. After every step the
//! model has to agree with what was answered and with the record, and every invariant has to hold.

use std::collections::{BTreeMap, HashMap, VecDeque};

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use mfad::domain::dialogue::Handle;
use mfad::domain::policy::{FirstFactorBy, PasscodeForm};
use mfad::domain::token_record::{Base as Stored, TokenKind};
use mfad::domain::user::{UserRecord, UserState};
use mfad::domain::verdict::{How, Verdict};
use mfad::time::Timestamp;
use mfad::token::TokenId;

use super::DOORS;
use super::bugs::Bug;
use super::compare::compare;
use super::judging::{Code, State, Trial, Typed, Want};
use super::laws::{self, Law, Ledger, Seen, ensure};
use super::model::*;
use super::obeying::{carry_out, expected};
use super::orders::Change;
use super::site::{By, Site};
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
    mail: VecDeque<String>,
    typed: HashMap<(String, usize), Typed>,
    story: VecDeque<String>,
    pub(crate) seen: BTreeMap<String, u64>,
}

/// The code that a device shows.
pub(crate) fn device(seed: &[u8], factor: u64) -> String {
    let mut mac = <Hmac<Sha1> as KeyInit>::new_from_slice(seed).unwrap();
    mac.update(&factor.to_be_bytes());
    let full = mac.finalize().into_bytes();
    let at = usize::from(full[19] & 0x0f);
    let number = u32::from_be_bytes(full[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:08}", number % 100_000_000)
}

fn rules(chance: &mut Chance) -> Rules {
    let pick = |chance: &mut Chance, of: [i64; 2]| of[chance.below(2)];
    Rules {
        failures_max: 5,
        lock_ms: pick(chance, [0, 300_000]),
        token_failures_max: 3,
        token_lock_ms: pick(chance, [0, 200_000]),
        hard_cap: 8,
        hard_obsolete: chance.coin(),
        pin_failures_max: 3,
        pin_block_ms: pick(chance, [0, 400_000]),
        pin_block_locks: chance.below(3) > 0,
        reauth: chance.coin(),
        suppress: chance.below(4) == 0,
        pages: chance.coin(),
        code_tries: 3,
        sms_max: 4,
        seats: 18 + chance.below(3) as u64,
        look_ahead: 10,
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
        let name = format!("user{}", self.chance.below(PEOPLE));
        let before = self.model.get(&name).cloned();
        self.happen(&name)
            .map_err(|broken| format!("{broken}\n  before: {before:?}"))
    }

    fn happen(&mut self, name: &str) -> Law {
        if !self.model.contains_key(name) {
            return self.order(name);
        }
        match self.chance.below(100) {
            0..=46 => self.come(name),
            47..=71 => self.answer(name),
            72..=89 => self.order(name),
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

    fn clock(&mut self, name: &str) -> Law {
        let now = &mut self.site.now;
        let ends = self.model[name].ends();
        let forward = match self.chance.below(12) {
            0..=6 => self.chance.below(45_000),
            7 | 8 => self.chance.below(700_000),
            9 => self.chance.below(8_000_000),
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
        let doors: Vec<usize> = (0..DOORS.len()).filter(|at| knows(&DOORS[*at])).collect();
        match doors.get(self.chance.below(2 * doors.len())) {
            Some(door) => *door,
            None => self.chance.below(DOORS.len()),
        }
    }

    fn any_state(&mut self) -> Option<(String, usize, Handle)> {
        let at = self.chance.below(self.given.len());
        self.given.get(at).cloned()
    }

    /// Somebody answers a question: mostly the own one, there and then.
    fn answer(&mut self, name: &str) -> Law {
        let mut own: Vec<_> = self
            .given
            .iter()
            .filter(|it| it.0 == name)
            .cloned()
            .collect();
        let Some((_, door, handle)) = own.pop().or_else(|| self.any_state()) else {
            return Ok(());
        };
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
        let stored = self.chance.below(50) > 0;
        let now = self.site.now;
        let before = self.site.people[name].clone();
        let repeated = self.site.repeated(name, door.name, &typed.octets);
        let mut person = self.model[name].clone();
        let mut trial = Trial::new(&mut person, &self.rules, door, now, typed, repeated);
        let want = trial.judge(state);
        self.tell(format!(
            "{name} at {}: {typed:?} {state:?}, {} -> {want:?}{}",
            door.name,
            before.profile.state.name(),
            if stored { "" } else { ", not stored" }
        ));
        let answered = self.site.sign_in(name, at, state, typed, stored);
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
        if let Verdict::Challenge { question, .. } = &answered.verdict {
            self.asked(&mut person, at, question.handle, answered.code);
        }
        self.keep(name, person, &before, &after)
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
        let open = person.questions.iter_mut().find(|it| it.handle.is_none());
        let Some(question) = open else { return };
        question.handle = Some(handle);
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
            self.count("refused order");
            return ensure(before == after, || "a refusal changes something".to_owned());
        };
        self.count("order");
        if applied.done.unchanged {
            self.count("unchanged");
        }
        let (Some(before), Some(after)) = (before, after.as_ref()) else {
            return self.come_or_go(name, &change);
        };
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
        super::show_token(record, id, &seed, now.wall);
        self.count("page");
        self.tell(format!("{name} opens the page: {id}"));
        Ok(())
    }

    // What people type.

    /// In answer to the question for a device authorization code.
    fn device_code(&mut self, person: &Person, door: &Door) -> Typed {
        let device = person.device.as_ref().map(|code| code.text.clone());
        let auth = person.auth_code.as_ref().map(|code| code.text.clone());
        let (code, text) = match (self.chance.below(6), device, auth) {
            (..=2, Some(text), _) => (Code::Sent(text.clone()), text),
            (3, _, Some(text)) => (Code::Auth(text.clone()), text),
            (4, ..) => (Code::Again, "resend".to_owned()),
            _ => self.code(person, door),
        };
        Typed {
            octets: text.into_bytes(),
            head: Vec::new(),
            code,
        }
    }

    fn type_in(&mut self, name: &str, at: usize, asked: Option<&Asked>) -> Typed {
        let (person, door) = (self.model[name].clone(), &DOORS[at]);
        let plain = |code: Code, text: &str| Typed {
            octets: text.as_bytes().to_vec(),
            head: Vec::new(),
            code,
        };
        match asked {
            None | Some(Asked::Passcode) => {
                let nothing = if asked.is_none() { 12 } else { 40 };
                if self.chance.below(nothing) == 0 {
                    return plain(Code::Nothing, "");
                }
                self.passcode(&person, door, door.form)
            }
            Some(Asked::Reauth) => {
                let form = match (door.form, door.first) {
                    (PasscodeForm::Challenge, FirstFactorBy::Local) => PasscodeForm::PasswordOtp,
                    (PasscodeForm::Challenge, _) => PasscodeForm::PinOtp,
                    (form, _) => form,
                };
                self.passcode(&person, door, form)
            }
            Some(Asked::NewSecret { chosen, .. }) => self.new_secret(door, chosen.as_deref()),
            Some(Asked::AuthCode(_)) => {
                let right = person.auth_code.filter(|_| self.chance.below(4) > 0);
                let text = right.map_or_else(|| "ABCDE-FGHJK".to_owned(), |code| code.text);
                plain(Code::Auth(text.clone()), &text)
            }
            Some(Asked::Device(_)) => self.device_code(&person, door),
            Some(Asked::Sent { code, .. } | Asked::Address { code, .. })
                if self.chance.below(3) > 0 =>
            {
                plain(Code::Sent(code.clone()), code)
            }
            Some(Asked::Sent { .. } | Asked::Address { .. }) if self.chance.coin() => {
                plain(Code::Again, "send")
            }
            Some(Asked::Method { .. }) if self.chance.below(3) > 0 => {
                let number = self.chance.below(4) + 1;
                plain(Code::Number(number), &number.to_string())
            }
            _ => {
                let (code, text) = self.code(&person, door);
                plain(code, &text)
            }
        }
    }

    fn new_secret(&mut self, door: &Door, chosen: Option<&[u8]>) -> Typed {
        let of = |octets: Vec<u8>, good| Typed {
            octets: octets.clone(),
            head: Vec::new(),
            code: Code::Secret(octets, good),
        };
        match chosen {
            Some(chosen) if self.chance.below(4) > 0 => of(chosen.to_vec(), true),
            None if self.chance.below(3) == 0 => of(b"123".to_vec(), false),
            _ if door.first == FirstFactorBy::Pin => of(self.good_pin(), true),
            _ => of(self.good_password(), true),
        }
    }

    /// Six digits or seven: shorter than any code, and no run.
    pub(crate) fn good_pin(&mut self) -> Vec<u8> {
        format!("40{:04}7", self.chance.below(10_000)).into_bytes()
    }

    pub(crate) fn good_password(&mut self) -> Vec<u8> {
        format!("correct horse {} battery", self.chance.below(100_000)).into_bytes()
    }

    fn passcode(&mut self, person: &Person, door: &Door, form: PasscodeForm) -> Typed {
        let right = self.chance.below(8) > 0;
        let head = match (form, door.first) {
            (PasscodeForm::Otp, _) => Vec::new(),
            (_, FirstFactorBy::Pin) => match &person.pin {
                Some(pin) if right => pin.clone(),
                None => Vec::new(),
                Some(_) => self.good_pin(),
            },
            (_, FirstFactorBy::Local) => match &person.password {
                Some(password) if right => password.clone(),
                _ => self.good_password(),
            },
            _ => Vec::new(),
        };
        let alone = form == PasscodeForm::Challenge && !head.is_empty();
        if alone || !head.is_empty() && self.chance.below(12) == 0 {
            return Typed {
                octets: head.clone(),
                head,
                code: Code::Nothing,
            };
        }
        let (code, text) = self.code(person, door);
        let comma: &[u8] = if form == PasscodeForm::PasswordCommaOtp {
            b","
        } else {
            b""
        };
        Typed {
            octets: [&head, comma, text.as_bytes()].concat(),
            head,
            code,
        }
    }

    fn code(&mut self, person: &Person, door: &Door) -> (Code, String) {
        let (rules, now) = (self.rules.clone(), self.site.now);
        let mut ids = person.candidates(door, &[], &rules, now);
        ids.retain(|id| person.token(*id).is_some_and(Token::computes));
        let any = person.tokens.iter().filter(|token| token.computes());
        let any: Vec<TokenId> = any.map(|token| token.id).collect();
        if ids.is_empty() || self.chance.below(8) == 0 {
            ids = any;
        }
        let one = ids.get(self.chance.below(ids.len())).copied();
        let one = one.and_then(|id| person.token(id));
        let roll = self.chance.below(100);
        if let Some(token) = one.filter(|_| roll < 76) {
            let factor = match &token.last {
                Some(last) if roll < 8 => last.factor,
                _ => self.factor(token),
            };
            let code = Code::Device {
                token: token.id,
                factor,
            };
            return (code, device(&token.seed, factor));
        }
        let papers = person.tokens.iter().find(|token| !token.paper.is_empty());
        match (roll, papers) {
            (..88, Some(set)) => {
                let index = self.chance.below(set.paper.len());
                let code = Code::Paper {
                    token: set.id,
                    index,
                };
                (code, set.paper[index].clone())
            }
            (88..=90, _) if !self.mail.is_empty() => {
                let at = self.chance.below(self.mail.len());
                let text = self.mail[at].clone();
                (Code::Sent(text.clone()), text)
            }
            (91..=92, _) => (Code::Text, "hello".to_owned()),
            _ => {
                let text = format!("{:08}", self.chance.below(70_000_000));
                (Code::Wrong, text)
            }
        }
    }

    /// What the device shows now, or a little off.
    pub(crate) fn factor(&mut self, token: &Token) -> u64 {
        let now = self.site.now;
        match (token.kind, self.chance.below(12)) {
            (TokenKind::Hotp, 0) => token.next + self.rules.look_ahead,
            (TokenKind::Hotp, 1) => token.next + self.rules.look_ahead + 1,
            (TokenKind::Hotp, 2..=4) => token.next + self.chance.below(4) as u64,
            (TokenKind::Hotp, _) => token.next,
            (_, 0) => step(now) + 3,
            (_, 1 | 2) => step(now).saturating_add_signed(token.drift) + 1,
            (_, 3) => step(now)
                .saturating_add_signed(token.drift)
                .saturating_sub(1),
            _ => step(now).saturating_add_signed(token.drift),
        }
    }
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
        Change::UnblockPin => laws::i12_unblocked(before, after),
        Change::AuthCode => laws::i14_same_state(before, after),
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
