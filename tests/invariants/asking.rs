//! What the model expects of the questions: which comes next, what an answer does, when it ends in an
//! Accept, and what a failure counts.

use mfad::domain::delivery::Via;
use mfad::domain::lockout::LockReason;
use mfad::domain::policy::{FirstFactorBy, PasscodeForm};
use mfad::domain::token_record::TokenKind;
use mfad::domain::update::Update;
use mfad::domain::user::UserState;
use mfad::time::Now;
use mfad::token::TokenId;

use super::judging::{Code, Failure, Match, Trial, Want};
use super::model::*;

impl Trial<'_> {
    pub(crate) fn sent(&mut self, token: TokenId, code: &str, until: i64, sends: u8) -> Want {
        if self.typed.code == Code::Again {
            if self.block_came_between() {
                return Want::Reject;
            }
            return self.wished(token, sends);
        }
        if self.granted().is_none() && self.person.is_reset() && !self.authorized {
            return Want::Reject;
        }
        let passed = self.passed();
        if matches!(&self.typed.code, Code::Sent(typed) if typed == code) {
            if !self.candidates(&passed).contains(&token) {
                return Want::Reject;
            }
            if late(self.now) >= until {
                return self.fail(&Failure::Code(Some(token)), false);
            }
            let first = self.first_factor(&[], false);
            return self.decide(first, Way::Token(token));
        }
        if let Some(Match::Paper(id, index)) = self.paper(PasscodeForm::Otp, &passed) {
            let first = self.first_factor(&[], false);
            self.person.token_mut(id).used |= 1 << index;
            return self.decide(first, Way::Recovery(id));
        }
        // Each question has a code of its own, so the same guess is a new one.
        self.fail(&Failure::Code(Some(token)), false)
    }

    pub(crate) fn number(&mut self, typed: bool, sent: &[TokenId]) -> Want {
        let Code::Number(number) = self.typed.code else {
            return self.passcode();
        };
        if number == 0 || number > sent.len() + usize::from(typed) {
            return self.passcode();
        }
        if self.block_came_between() {
            return Want::Reject;
        }
        match number - usize::from(typed) {
            0 => self.ask(Asked::Code),
            at => self.wished(sent[at - 1], 0),
        }
    }

    pub(crate) fn new_secret(&mut self, chosen: Option<Vec<u8>>, weak: u8, unequal: bool) -> Want {
        if self.block_came_between() {
            return Want::Reject;
        }
        let typed = self.typed.octets.clone();
        let good = matches!(self.typed.code, Code::Secret(_, true));
        let asked = |chosen, weak, unequal| Asked::NewSecret {
            chosen,
            weak,
            unequal,
        };
        match chosen {
            None if good => self.ask(asked(Some(typed), weak, unequal)),
            None if weak + 1 < 3 => self.ask(asked(None, weak + 1, unequal)),
            Some(chosen) if chosen == typed => self.set_secret(typed),
            Some(_) if !unequal => self.ask(asked(None, weak, true)),
            _ => Want::Reject,
        }
    }

    pub(crate) fn set_secret(&mut self, typed: Vec<u8>) -> Want {
        let secret = self.door.memorized().unwrap();
        let person = &mut *self.person;
        let awaited = person.awaits(secret);
        match secret {
            Update::Pin => {
                person.pin = Some(typed);
                person.must_change = false;
                person.lift_pin();
            }
            _ => person.password = Some(typed),
        }
        person.questions.clear();
        // Who has set it has proven it.
        self.first = true;
        self.wished = false;
        if awaited {
            person.updates.retain(|update| *update != secret);
            person.end_update(self.now);
        }
        if self.rules.reauth {
            self.first = false;
            self.ways.clear();
            return self.ask(Asked::Reauth);
        }
        self.go_on()
    }

    /// Whether the PIN that was right in an earlier round was blocked since.
    pub(crate) fn block_came_between(&self) -> bool {
        self.first
            && self.door.first == FirstFactorBy::Pin
            && self.person.pin_is_blocked(self.rules, self.now)
    }

    /// The question for the code: of a device, one that is sent, or which of them.
    pub(crate) fn ask_for_code(&mut self, asked: Asked) -> Want {
        self.wished |= self.wishes();
        let checked = self.door.first == FirstFactorBy::Gateway;
        if asked == Asked::Code || checked {
            self.first = true;
        }
        if !self.first || self.person.is_reset() || self.person.lock.is_some() {
            return self.ask(asked);
        }
        self.method(asked)
    }

    pub(crate) fn method(&mut self, plain: Asked) -> Want {
        let all = self.candidates(&self.ways.clone());
        let computes = |id: &TokenId| self.person.token(*id).unwrap().computes();
        let typed = all.iter().any(computes);
        let mut sent: Vec<TokenId> = all.into_iter().filter(|id| !computes(id)).collect();
        sent.truncate(3);
        match (typed, sent.as_slice()) {
            (_, []) => self.ask(plain),
            (false, [only]) => self.send(*only, 0),
            _ => self.ask(Asked::Method { typed, sent }),
        }
    }

    /// A code that the person wants; of a token that counts no more none is sent.
    fn wished(&mut self, token: TokenId, sends: u8) -> Want {
        let passed = self.passed();
        if !self.candidates(&passed).contains(&token) {
            return Want::Reject;
        }
        self.send(token, sends)
    }

    pub(crate) fn send(&mut self, token: TokenId, sends: u8) -> Want {
        let Some(it) = self.person.token(token) else {
            return Want::Reject;
        };
        let sms = u32::from(it.via == Via::Sms);
        let unanswered = self.person.sms_unanswered + sms;
        let Some(times) = self.person.send_again(SENDS_PER_HOUR, self.now) else {
            return Want::Reject;
        };
        let silent = sms == 1 && unanswered > self.rules.sms_max;
        if sends >= 3 || silent || !self.keeps_next() {
            return Want::Reject;
        }
        self.person.sends = times;
        self.person.sms_unanswered = unanswered;
        let waits = |it: &Question| match it.asked {
            Asked::Sent { token: id, .. } | Asked::Address { token: id, .. } => id == token,
            _ => false,
        };
        self.person.questions.retain(|question| !waits(question));
        self.ask(Asked::Sent {
            token,
            code: String::new(),
            until: late(self.now) + SENT_MS,
            sends: sends + 1,
        })
    }

    /// All that the sign-in asks for so far is right: what is due next, or the Accept.
    pub(crate) fn go_on(&mut self) -> Want {
        let way = self.ways.last().copied();
        if let Some(way @ (Way::Grant(_) | Way::Door)) = way {
            return self.accept(way);
        }
        if self.goes_on_with_reset() && self.door.asks && self.asks_new() {
            return self.ask_new();
        }
        let groups = self.person.groups();
        let names = |(way, group): (&Way, &Vec<TokenKind>)| {
            let token = way.token().and_then(|id| self.person.token(id));
            token.is_some_and(|it| it.kind == TokenKind::Recovery || group.contains(&it.kind))
        };
        if groups.len() > 1 && !self.ways.iter().zip(&groups).all(names) {
            return Want::Reject;
        }
        if groups.len() > self.ways.len() {
            let all = self.candidates(&self.ways.clone());
            if all.is_empty() && self.papers(&self.ways.clone()).is_empty() {
                return Want::Reject;
            }
            return self.method(Asked::Code);
        }
        let Some(way) = way else {
            return Want::Reject;
        };
        self.recover(groups.len().max(1));
        if !self.door.asks {
            return self.accept(way);
        }
        if let Some(id) = self.next_of_all() {
            return self.ask(Asked::CodeOf(id));
        }
        if self.person.confirm && !self.computing(&[]).is_empty() {
            return self.ask(Asked::Confirm);
        }
        if self.asks_new() {
            return self.ask_new();
        }
        let further = self.adds_token() || self.offers_token();
        let further = further.then(|| self.ask_first_code(0));
        further.flatten().unwrap_or_else(|| self.accept(way))
    }

    fn ask_new(&mut self) -> Want {
        self.ask(Asked::NewSecret {
            chosen: None,
            weak: 0,
            unequal: false,
        })
    }

    pub(crate) fn asks_new(&self) -> bool {
        let Some(secret) = self.door.memorized() else {
            return false;
        };
        let person = &*self.person;
        let none = secret == Update::Pin && person.pin.is_none();
        let lacks = none && (self.unset() || person.is_reset())
            || secret == Update::Pin && person.must_change;
        // A code that is accepted once more changes nothing.
        let wished = self.wished && !matches!(self.ways.last(), Some(Way::Grace(_)));
        lacks || wished || !none && person.awaits(secret)
    }

    /// Whether a right sign-in goes on with a further token.
    fn adds_token(&self) -> bool {
        let waiting = !self.person.waiting(self.rules, self.now).is_empty();
        let renews = self.person.state == UserState::Renew && self.goes_on_to_renew();
        let awaited = self.person.awaits(Update::Token) && !self.person.recovered;
        (awaited || renews) && (self.rules.pages || waiting)
    }

    /// A code on paper that has passed the last group asks for a new token; tokens alone do not.
    fn recover(&mut self, groups: usize) {
        let paper = self.ways.iter().any(|way| matches!(way, Way::Recovery(_)));
        let (person, now) = (&mut *self.person, self.now);
        let steady = person.state == UserState::Steady && !person.rekey;
        // The code that an operator gave out is for a token.
        let code = person.auth_code.clone();
        if self.put_off {
            // It is offered once in a sign-in.
        } else if steady && paper && self.ways.len() == groups {
            person.enter(UserState::Update, now);
            person.updates.push(Update::Token);
            person.recovered = true;
            person.auth_code = code;
        } else if person.recovered && !paper {
            person.enter(UserState::Steady, now);
            person.auth_code = code;
        }
    }

    /// Whether a right sign-in with a code on paper offers a new token.
    fn offers_token(&self) -> bool {
        let awaited = self.person.recovered && self.person.awaits(Update::Token);
        awaited && self.rules.pages && self.leads() && !self.put_off
    }

    pub(crate) fn ask(&mut self, asked: Asked) -> Want {
        let name = asked.name();
        let after = self.question.as_ref();
        // Those for the codes of tokens that are reset come on top.
        let of_tokens = matches!(asked, Asked::CodeOf(_) | Asked::Resync { .. });
        let further = of_tokens && self.authorized;
        let rounds = after.map_or(0, |question| question.rounds) + u32::from(!further);
        let Some(row) = self.row().filter(|_| rounds <= 10) else {
            return Want::Ask(name, false);
        };
        let page = |asked: &Asked| matches!(asked, Asked::FirstCode(_));
        let until = match after {
            Some(question) if page(&asked) && !page(&question.asked) => late(self.now) + PAGE_MS,
            Some(question) => question.until,
            None if page(&asked) => late(self.now) + PAGE_MS,
            None => late(self.now) + QUESTION_MS,
        };
        let shown = self.is_known();
        let questions = &mut self.person.questions;
        if questions.len() == 3 {
            // Strangers make room first, and take none from the others.
            let stranger = questions.iter().position(|question| !question.shown);
            match stranger.or_else(|| shown.then_some(0)) {
                Some(ends) => drop(questions.remove(ends)),
                None => return Want::Ask(name, false),
            }
        }
        self.person.questions.push(Question {
            handle: None,
            door: self.door.name,
            opened: after.map_or(self.now.wall.0, |question| question.opened),
            until,
            asked,
            first: self.first,
            shown,
            wished: self.wished,
            authorized: self.authorized,
            ways: self.ways.clone(),
            rounds,
            row,
        });
        Want::Ask(name, true)
    }

    fn is_known(&self) -> bool {
        let first = self.first && self.door.first != FirstFactorBy::None;
        first || !self.ways.is_empty() || self.authorized
    }

    /// The how manyth in a row the next question is; none: too many. Strangers are counted apart.
    fn row(&self) -> Option<u32> {
        let shown = self.is_known();
        let alike = |question: &&Question| question.shown == shown;
        let rows = self.person.questions.iter().filter(alike);
        let after = self.question.as_ref().filter(alike);
        let next = || rows.map(|question| question.row).max().unwrap_or(0) + 1;
        let row = after.map_or_else(next, |question| question.row);
        (row <= if shown { 30 } else { 10 }).then_some(row)
    }

    /// Nothing is sent for a question that is not kept.
    pub(crate) fn keeps_next(&self) -> bool {
        let rounds = self.question.as_ref().map_or(0, |question| question.rounds);
        rounds < 10 && self.row().is_some()
    }

    pub(crate) fn accept(&mut self, way: Way) -> Want {
        let form = |question: &Question| {
            !matches!(
                question.asked,
                Asked::NewSecret { .. }
                    | Asked::AuthCode(_)
                    | Asked::Device(_)
                    | Asked::FirstCode(_)
                    | Asked::Sent { .. }
                    | Asked::Address { .. }
                    | Asked::Question { .. }
                    | Asked::Menu(_)
                    | Asked::NewPin { .. }
                    | Asked::CodeOf(_)
                    | Asked::Resync { .. }
            )
        };
        let now_used = self.question.as_ref().is_none_or(form);
        let person = &mut *self.person;
        if self.first && self.door.first == FirstFactorBy::Pin {
            person.pin_failures = 0;
        }
        self.let_in(way.token().is_some());
        let person = &mut *self.person;
        let now = self.now;
        let mut first_primary = false;
        for by in &self.ways {
            let Some(id) = by.token() else { continue };
            person.total = 0;
            person.sms_unanswered = 0;
            let token = person.token_mut(id);
            token.soft = 0;
            token.total = 0;
            if let (Way::Token(_), Some(last)) = (by, token.last.as_mut())
                && now_used
                && *by == way
            {
                last.grace_used = false;
            }
            let primary = token.primary();
            first_primary |= primary && !token.active;
            token.active = true;
            token.used_at = Some(now.wall.0);
            if primary && person.awaits_token() {
                person.enter(UserState::Steady, now);
            }
        }
        for by in self.ways.clone() {
            if let Some(id) = by.token() {
                self.renewed_by(id);
            }
        }
        if way.token().is_some() && self.goes_on_with_reset() {
            self.person.enter(UserState::Steady, now);
        }
        self.person.end_update(now);
        if first_primary {
            let grants = self.person.grants.iter_mut();
            let counting = grants.filter(|it| it.counts(None, now));
            counting.for_each(|grant| grant.over = true);
        }
        Want::Accept(way)
    }

    pub(crate) fn fail(&mut self, failure: &Failure, repeated: bool) -> Want {
        self.counted = !repeated;
        if repeated {
            return Want::Reject;
        }
        let passed = self.ways.clone();
        let all = match failure {
            Failure::Code(None) => {
                let waiting = self.person.waiting(self.rules, self.now);
                [self.candidates(&passed), waiting].concat()
            }
            _ => Vec::new(),
        };
        let (rules, now) = (self.rules, self.now);
        self.count();
        let person = &mut *self.person;
        match failure {
            Failure::Pin => {
                person.pin_failures += 1;
                if person.pin_failures >= rules.pin_failures_max && person.pin_blocked.is_none() {
                    person.pin_blocked = Some(now.steady.0);
                    if rules.pin_block_locks && person.lock.is_none() {
                        lock(person, LockReason::PinBlocked, rules.pin_block_ms, now);
                    }
                }
            }
            // Its code may be waited for, and the token be deleted since.
            Failure::Code(Some(id)) if person.token(*id).is_some() => {
                wrong_at(person.token_mut(*id), rules, now);
            }
            Failure::Code(None) => {
                person.total += 1;
                if person.total >= rules.hard_cap {
                    for id in all {
                        hard_cap(person.token_mut(id), rules);
                    }
                }
            }
            Failure::Code(Some(_)) | Failure::Other => {}
        }
        if !rules.waits && person.soft >= rules.failures_max && person.lock.is_none() {
            lock(person, LockReason::Failures, rules.lock_ms, now);
        }
        Want::Reject
    }
}

pub(crate) fn wrong_at(token: &mut Token, rules: &Rules, now: Now) {
    token.soft += 1;
    token.total += 1;
    let (most, span) = match token.kind {
        // Whatever failures bring about otherwise, and until somebody unlocks.
        TokenKind::Qa => (rules.qa_failures_max, 0),
        _ if rules.waits => (u32::MAX, 0),
        _ => (rules.token_failures_max, rules.token_lock_ms),
    };
    if token.total >= rules.hard_cap {
        hard_cap(token, rules);
    } else if token.soft >= most && token.locked.is_none() {
        token.locked = Some(match span {
            0 => i64::MAX,
            span => now.steady.0 + span,
        });
    }
}

fn hard_cap(token: &mut Token, rules: &Rules) {
    token.total = token.total.max(rules.hard_cap);
    if rules.hard_obsolete {
        token.base = Base::Obsolete;
    }
}

fn lock(person: &mut Person, reason: LockReason, span: i64, now: Now) {
    person.questions.clear();
    let until = (span > 0).then(|| now.steady.0 + span);
    person.lock = Some((reason, until));
    person.lock_count = person.soft;
}
