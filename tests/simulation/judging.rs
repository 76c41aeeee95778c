//! The model's verdicts: what an attempt comes to, by the domain rules, written a second time.

use mfad::time::Now;

use super::asking::{About, Dialogue, Question, Sent};
use super::person::{Kind, Person, Rules, Why, latest};
use super::waiting::Source;

/// Who checks the first factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First {
    Gateway,
    Pin,
    Nobody,
}

/// When a gateway can ask for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asking {
    Never,
    /// It asks whoever has typed nothing.
    WhenEmpty,
    /// It sends the first factor alone, and the code is asked for.
    Always,
}

/// Where in a passcode the code stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// It is all of it.
    Alone,
    /// Behind the first factor.
    Behind,
    /// Nowhere.
    Nowhere,
}

/// A gateway as the model sees it.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    pub(crate) name: &'static str,
    /// It stands in the configuration.
    pub(crate) configured: bool,
    pub(crate) secret: &'static str,
    pub(crate) first: First,
    pub(crate) asking: Asking,
    pub(crate) passthrough: bool,
    pub(crate) grace_ms: i64,
}

impl Door {
    /// Whether whoever has no PIN signs in by the code, and is asked for one then.
    fn opens_by_code(&self, person: &Person) -> bool {
        self.first == First::Pin
            && self.asking != Asking::Never
            && person.pin.is_none()
            && person.tokens.iter().any(|token| token.activated)
            && !matches!(person.state, "new" | "replace")
    }

    /// Whether a right sign-in goes on with a new PIN.
    fn asks_new_pin(&self, person: &Person) -> bool {
        let typed = self.first == First::Pin && self.asking != Asking::Never;
        let awaited = person.state == "update" && !person.recovered;
        self.opens_by_code(person) || typed && person.pin.is_some() && awaited
    }

    /// Whether a temporary passthrough counts here.
    pub(crate) fn lets_pass(&self) -> bool {
        self.passthrough && self.first != First::Nobody
    }
}

/// What a passcode is on a record at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Fits(usize, u64),
    Replay {
        token: usize,
        grace: bool,
    },
    Recovery(usize, u32),
    Wrong(Option<usize>),
    Shapeless,
    Granted(usize),
    /// No code yet: it is asked for.
    Awaited,
    Nothing(&'static str),
}

/// The verdict that is due, the record as it has to become, and what it stands on.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    pub(crate) accept: bool,
    /// How, or why not.
    pub(crate) why: &'static str,
    /// What is asked instead of either.
    pub(crate) asked: Option<Question>,
    /// The code that was accepted: of which token, which one.
    pub(crate) code: Option<(usize, u64)>,
    /// The grant under which the person came in.
    pub(crate) grant: Option<usize>,
    /// The failure was counted.
    pub(crate) counted: bool,
    /// What was answered.
    answered: Option<Dialogue>,
    /// The PIN was blocked when the passcode was looked at.
    blocked: bool,
    pub(crate) changed: bool,
}

/// An attempt under judgement.
pub(crate) struct Trial<'a> {
    pub(crate) rules: &'a Rules,
    /// The gateway as it was configured when the attempt came.
    pub(crate) station: &'static str,
    pub(crate) sent: Sent<'a>,
    /// When the passcode was looked at and by which rules, and when it is judged.
    pub(crate) looked: (Now, &'a Rules),
    pub(crate) now: Now,
    /// It is the last wrong one of this person at this gateway, within the minute.
    pub(crate) again: bool,
}

impl Trial<'_> {
    /// Judges on the newest record and changes it.
    pub(crate) fn judge(&self, person: &mut Person) -> Due {
        // No code is theirs, but what is found is named by its place among the tokens.
        let dropped = person.drop_unproven(self.now);
        let dialogues = person.dialogues.clone();
        person.end_dialogues(self.now);
        let answered = person.answered(&self.sent, self.now);
        let nothing = self.sent.state.is_some() && answered.is_none();
        let shut = person.shut(self.source(), self.rules, self.now);
        let shut = shut.or_else(|| nothing.then_some("dialogue_expired"));
        let (looked, by) = self.looked;
        let found = match shut {
            None => self.look(person, by, looked),
            Some(_) => Found::Nothing(""),
        };
        let blocked = shut.is_none() && person.is_pin_blocked(by, looked);
        let may_repeat = matches!(
            found,
            Found::Wrong(_) | Found::Shapeless | Found::Granted(_) | Found::Awaited
        );
        let mut due = Due {
            accept: false,
            why: shut.unwrap_or(""),
            asked: None,
            answered: None,
            code: None,
            grant: None,
            counted: false,
            blocked,
            changed: person.lapse(self.rules, self.now) || dropped,
        };
        match (shut, self.sent.calls_for(None)) {
            (None, _) => {
                due.answered = answered.map(|at| person.take_question(at));
                due.changed |= due.answered.is_some();
                self.weigh(person, found, may_repeat && self.again, &mut due);
            }
            (Some(_), Some(about)) if about.is_blind() => self.pretend(about, &mut due),
            (Some(_), _) => {}
        }
        if due.changed {
            person.revision += 1;
        } else {
            person.dialogues = dialogues;
        }
        due
    }

    fn source(&self) -> Source {
        Source {
            gateway: self.sent.door.name,
            station: self.station,
        }
    }

    fn weigh(&self, person: &mut Person, found: Found, again: bool, due: &mut Due) {
        let name = self.sent.door.name;
        match self.confirmed(person, found) {
            Found::Fits(at, factor) => {
                person.tokens[at].consume(factor, name, self.now);
                due.changed = true;
                due.code = Some((at, factor));
                self.decide(person, "token", Some(at), false, due);
            }
            Found::Replay { token, grace: true } => {
                let last = person.tokens[token].last.as_mut().unwrap();
                last.grace_used = true;
                due.changed = true;
                self.decide(person, "grace", Some(token), false, due);
            }
            Found::Recovery(at, index) => {
                person.tokens[at].used |= 1 << index;
                due.changed = true;
                due.code = Some((at, u64::from(index)));
                self.decide(person, "recovery", Some(at), false, due);
            }
            Found::Granted(at) => {
                due.grant = Some(at);
                self.decide(person, "passthrough", None, again, due);
            }
            Found::Replay { grace: false, .. } => due.why = "replay",
            Found::Nothing(why) => due.why = why,
            Found::Wrong(only) => self.fail(person, "bad_code", only, true, again, due),
            Found::Shapeless => self.fail(person, "bad_code", None, false, again, due),
            Found::Awaited => self.ask(person, again, due),
        }
    }

    /// The code was not typed yet. Whoever has to prove something first is asked once that is right.
    fn ask(&self, person: &mut Person, again: bool, due: &mut Due) {
        let answered = due.answered.take();
        let about = self.sent.calls_for(answered.as_ref().map(|it| it.about));
        let about = about.expect("something to ask for");
        if !about.is_blind()
            && let Err(why) = self.first_factor(person, 0, due)
        {
            return self.first_is_wrong(person, why, again, due);
        }
        due.answered = answered;
        self.put(person, about, due);
    }

    /// Asks this next.
    fn put(&self, person: &mut Person, about: About, due: &mut Due) {
        let answered = due.answered.take();
        let (answered, ttl_ms) = (answered.as_ref(), self.rules.challenge_ms);
        match person.keep_question(&self.sent, about, answered, ttl_ms, self.now) {
            Some(question) => {
                (due.why, due.changed) = ("asked", true);
                due.asked = Some(question);
            }
            None => self.pretend(about, due),
        }
    }

    /// Somebody who could not answer is asked all the same.
    fn pretend(&self, about: About, due: &mut Due) {
        due.why = "asked";
        due.asked = Some(self.sent.asked(about, self.rules.challenge_ms, self.now));
    }

    /// What was found is looked at again on the record as it is now.
    fn confirmed(&self, person: &Person, found: Found) -> Found {
        if found == Found::Awaited {
            return found;
        }
        let granted = self.granted(person, self.now);
        if granted.is_none() && matches!(person.state, "reset" | "reset-all") {
            return Found::Nothing("policy");
        }
        let counts = |at: usize| person.candidates(self.rules, self.now).contains(&at);
        match found {
            Found::Fits(at, _)
            | Found::Replay {
                token: at,
                grace: true,
            } if !counts(at) => Found::Nothing("no_token"),
            Found::Fits(at, factor) if factor < person.tokens[at].next => {
                let last = person.tokens[at].last.as_ref();
                if last.is_some_and(|last| last.factor == factor) {
                    Found::Replay {
                        token: at,
                        grace: false,
                    }
                } else {
                    Found::Wrong(Some(at))
                }
            }
            Found::Replay { token, grace: true } => Found::Replay {
                token,
                grace: self.graced(person, token, self.now),
            },
            Found::Recovery(at, _) if !person.usable(&person.tokens[at], self.rules, self.now) => {
                Found::Nothing("no_token")
            }
            Found::Recovery(at, index) if person.tokens[at].used >> index & 1 == 1 => {
                Found::Wrong(Some(at))
            }
            Found::Granted(_) => granted.map_or(Found::Shapeless, Found::Granted),
            other => other,
        }
    }

    fn granted(&self, person: &Person, now: Now) -> Option<usize> {
        person.granted(now).filter(|_| self.sent.door.lets_pass())
    }

    fn graced(&self, person: &Person, token: usize, now: Now) -> bool {
        person.tokens[token].last.as_ref().is_some_and(|last| {
            !last.grace_used
                && last.gateway == self.sent.door.name
                && now.wall.0 >= last.at
                && latest(now) < last.at + self.sent.door.grace_ms
        })
    }

    fn look(&self, person: &Person, rules: &Rules, now: Now) -> Found {
        let granted = self.granted(person, now);
        let answered = person.answered(&self.sent, now);
        let answered = answered.map(|at| person.dialogues[at].about);
        let called_for = self.sent.calls_for(answered);
        let let_in = granted.is_some() && self.sent.door.first == First::Gateway;
        if called_for.is_some_and(About::is_blind) && !let_in {
            return Found::Awaited;
        }
        if granted.is_none() && matches!(person.state, "reset" | "reset-all") {
            return Found::Nothing("policy");
        }
        let candidates = person.candidates(rules, now);
        let unset = self.sent.door.opens_by_code(person);
        let alone = called_for.is_some_and(|about| !about.is_blind()) && granted.is_none();
        let alone = alone && !unset;
        let paper = || (0..person.tokens.len()).any(|at| person.is_paper(at, rules, now));
        if alone && (!candidates.is_empty() || paper()) {
            return Found::Awaited;
        }
        let form = match self.form(answered) {
            Form::Nowhere if unset => Form::Behind,
            form => form,
        };
        let (found, head) = self.matched(person, form, &candidates, rules, now);
        match found {
            Found::Fits(..) | Found::Recovery(..) | Found::Replay { grace: true, .. } => found,
            // The last code again behind something: a double click, not a first factor.
            Found::Replay { .. } if head > 0 && self.sent.door.first != First::Gateway => found,
            _ if granted.is_some() => Found::Granted(granted.unwrap()),
            Found::Wrong(Some(_)) => found,
            _ if candidates.is_empty() => Found::Nothing("no_token"),
            _ => found,
        }
    }

    /// The code at the end of the passcode, with the length of what stands before it.
    fn matched(
        &self,
        person: &Person,
        form: Form,
        candidates: &[usize],
        rules: &Rules,
        now: Now,
    ) -> (Found, usize) {
        let code = self
            .tail(form, 6)
            .filter(|tail| tail.bytes().all(|b| b.is_ascii_digit()));
        let head = self.sent.passcode.len().saturating_sub(6);
        let mut replay = None;
        for at in candidates.iter().copied() {
            let Some(code) = code else { break };
            let token = &person.tokens[at];
            if let Some(factor) = token.find(code, rules, now) {
                return (Found::Fits(at, factor), head);
            }
            let last = token.last.as_ref();
            if last.is_some_and(|last| super::person::code_of(&token.seed, last.factor) == code) {
                let grace = self.graced(person, at, now);
                replay.get_or_insert((Found::Replay { token: at, grace }, head));
            }
        }
        if let Some(found) = replay {
            return found;
        }
        let sets: Vec<usize> = (0..person.tokens.len())
            .filter(|at| person.is_paper(*at, rules, now))
            .collect();
        let paper = self.paper(form);
        if let Some((head, typed)) = &paper {
            for at in sets.iter().copied() {
                let set = &person.tokens[at];
                let unused =
                    |index: &usize| set.codes[*index] == *typed && set.used >> index & 1 == 0;
                if let Some(index) = (0..set.codes.len()).find(unused) {
                    return (Found::Recovery(at, u32::try_from(index).unwrap()), *head);
                }
            }
        }
        let found = match (candidates, code) {
            ([only], Some(_)) => Found::Wrong(Some(*only)),
            ([_, ..], Some(_)) => Found::Wrong(None),
            _ => match (paper, sets.first()) {
                (Some(_), Some(set)) => Found::Wrong(Some(*set)),
                _ => Found::Shapeless,
            },
        };
        (found, 0)
    }

    /// How what was typed is read.
    fn form(&self, answered: Option<About>) -> Form {
        match (answered, self.sent.door.asking, self.sent.door.first) {
            (Some(About::Code(_)), ..) => Form::Alone,
            (_, Asking::Always, _) => Form::Nowhere,
            (_, _, First::Pin) => Form::Behind,
            (_, _, First::Gateway | First::Nobody) => Form::Alone,
        }
    }

    /// The last signs, where the form leaves room for what stands before them.
    fn tail(&self, form: Form, signs: usize) -> Option<&str> {
        let at = self.sent.passcode.len().checked_sub(signs)?;
        if form == Form::Nowhere || at > 0 && form == Form::Alone {
            return None;
        }
        std::str::from_utf8(&self.sent.passcode[at..]).ok()
    }

    /// A recovery code at the end: 16 signs, or 19 with three dashes.
    fn paper(&self, form: Form) -> Option<(usize, String)> {
        [(19, 3), (16, 0)].into_iter().find_map(|(signs, dashes)| {
            let tail = self.tail(form, signs)?;
            if tail.matches('-').count() != dashes {
                return None;
            }
            let plain: String = tail.chars().filter(|c| *c != '-').collect();
            let sign = |c: char| match c.to_ascii_uppercase() {
                'O' => Some('0'),
                'I' | 'L' => Some('1'),
                'U' => None,
                c if c.is_ascii_alphanumeric() => Some(c),
                _ => None,
            };
            let read: String = plain.chars().map(sign).collect::<Option<_>>()?;
            Some((self.sent.passcode.len() - signs, read))
        })
    }

    /// The second factor is right or not asked for; the first one decides.
    fn decide(
        &self,
        person: &mut Person,
        how: &'static str,
        token: Option<usize>,
        again: bool,
        due: &mut Due,
    ) {
        // Which part was the PIN was decided when the passcode was looked at.
        let signs = match how {
            "passthrough" => 0,
            "recovery" => 16 + 3 * usize::from(self.sent.passcode.contains(&b'-')),
            _ => 6,
        };
        let first = self.first_factor(person, signs, due);
        if first.is_ok() && how != "passthrough" {
            person.shows(how, self.now);
        }
        match first {
            Ok(()) if how != "passthrough" && self.sent.door.asks_new_pin(person) => {
                self.put(person, About::NewPin, due);
            }
            Ok(()) => {
                if self.sent.door.first == First::Pin {
                    person.pin_failures = 0;
                }
                self.accept(person, how, token, due);
            }
            Err(why) => self.first_is_wrong(person, why, again, due),
        }
    }

    /// The first factor, which stands before so many signs, or was right in an earlier round.
    fn first_factor(&self, person: &Person, signs: usize, due: &Due) -> Result<(), &'static str> {
        if self.sent.door.first != First::Pin {
            return Ok(());
        }
        let blocked = person.is_pin_blocked(self.rules, self.now);
        let about = due.answered.as_ref().map(|it| it.about);
        if about == Some(About::Code(First::Pin)) {
            return if blocked { Err("pin_blocked") } else { Ok(()) };
        }
        let typed = &self.sent.passcode[..self.sent.passcode.len() - signs];
        match &person.pin {
            Some(_) if typed.is_empty() => Err("no_pin"),
            Some(_) if due.blocked || blocked => Err("pin_blocked"),
            Some(pin) if typed == pin => Ok(()),
            Some(_) => Err("bad_pin"),
            None if signs > 0 && typed.is_empty() && self.sent.door.opens_by_code(person) => Ok(()),
            None => Err("no_pin"),
        }
    }

    fn first_is_wrong(&self, person: &mut Person, why: &'static str, again: bool, due: &mut Due) {
        if why == "pin_blocked" {
            due.why = why;
            return;
        }
        if self.count(person, why, again, due) {
            if why == "bad_pin" {
                self.count_pin(person);
            }
            self.lock_if_due(person);
        }
    }

    fn accept(&self, person: &mut Person, how: &'static str, token: Option<usize>, due: &mut Due) {
        (due.accept, due.why, due.changed) = (true, how, true);
        if person.replaced {
            person.comes_to("steady", self.now);
            person.auth_code = None;
        }
        person.let_in = self.now.wall.0;
        person.come_in_from(self.source(), self.rules, token.is_some(), self.now);
        if let Some(at) = token {
            person.total = 0;
            let token = &mut person.tokens[at];
            (token.soft, token.total) = (0, 0);
            if let (true, Some(last)) = (how == "token", token.last.as_mut()) {
                last.grace_used = false;
            }
            let first_use = !token.activated;
            token.activated = true;
            let primary = token.kind != Kind::Recovery;
            if primary && matches!(person.state, "new" | "replace") {
                person.comes_to("steady", self.now);
                person.auth_code = None;
            }
            let rules = self.rules;
            if rules.end_on_token_use || (rules.end_on_enrol && first_use && primary) {
                while let Some(open) = person.granted(self.now) {
                    person.grants[open].ended = true;
                }
            }
        }
        if let Some(grant) = due.grant {
            person.grants[grant].uses += 1;
        }
    }

    fn fail(
        &self,
        person: &mut Person,
        why: &'static str,
        only: Option<usize>,
        code: bool,
        again: bool,
        due: &mut Due,
    ) {
        if !self.count(person, why, again, due) {
            return;
        }
        match only {
            Some(at) => self.count_token(person, at),
            None if code => {
                person.total += 1;
                if person.total >= self.rules.hard_cap {
                    for at in person.candidates(self.rules, self.now) {
                        let token = &mut person.tokens[at];
                        token.total = token.total.max(self.rules.hard_cap);
                    }
                }
            }
            None => {}
        }
        self.lock_if_due(person);
    }

    /// Counts a failure; not if it is the same one again.
    fn count(&self, person: &mut Person, why: &'static str, again: bool, due: &mut Due) -> bool {
        due.why = why;
        if again {
            return false;
        }
        (due.counted, due.changed) = (true, true);
        person.last_failed = Some(self.now.wall.0);
        person.fail_from(self.source(), self.rules, self.now);
        true
    }

    fn count_token(&self, person: &mut Person, at: usize) {
        let (rules, steady) = (self.rules, self.now.steady.0);
        let token = &mut person.tokens[at];
        token.soft += 1;
        token.total += 1;
        if token.total < rules.hard_cap
            && !rules.wait
            && token.soft >= rules.token_failures_max
            && token.locked_until.is_none()
        {
            token.locked_until = Some(match rules.token_lock_ms {
                0 => i64::MAX,
                span => steady + span,
            });
        }
    }

    fn count_pin(&self, person: &mut Person) {
        person.pin_failures += 1;
        if person.pin_failures < self.rules.pin_failures_max || person.pin_blocked.is_some() {
            return;
        }
        let steady = self.now.steady.0;
        person.pin_blocked = Some(steady);
        if self.rules.pin_block_locks && person.lock.is_none() {
            let span = self.rules.pin_block_ms;
            person.lock = Some((Why::Pin, (span > 0).then_some(steady + span)));
            person.dialogues.clear();
        }
    }

    fn lock_if_due(&self, person: &mut Person) {
        let (rules, limit) = (self.rules, self.rules.failures_max);
        let reached = !rules.wait && limit > 0 && person.count.failures >= limit;
        if reached && person.lock.is_none() {
            let until = (rules.lock_ms > 0).then(|| self.now.steady.0 + rules.lock_ms);
            person.lock = Some((Why::Failures, until));
            person.dialogues.clear();
        }
    }
}
