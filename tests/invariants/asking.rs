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

/// A wrong one counts on the code that is out, and the last one voids it.
fn wrong(code: &mut Option<AuthCode>, tries: u32) {
    let out = code.as_mut().unwrap();
    out.wrong += 1;
    if out.wrong >= tries {
        *code = None;
    }
}

impl Trial<'_> {
    pub(crate) fn begin_enrolment(&mut self, shown: Option<TokenId>) -> Want {
        self.first = true;
        if self.person.asks_device_code(self.rules) {
            let proven = self.person.proven_until;
            let proven = proven.is_some_and(|until| late(self.now) < until);
            return match (
                proven && !self.rules.pages,
                self.person.device_code(self.now),
            ) {
                (true, _) => self.authorized(shown),
                (false, Some(_)) => self.ask(Asked::Device(shown)),
                (false, None) => self.mail_device_code(shown),
            };
        }
        if self.rules.suppress {
            return self.authorized(shown);
        }
        self.ask(Asked::AuthCode(shown))
    }

    fn mail_device_code(&mut self, shown: Option<TokenId>) -> Want {
        let Some(times) = self.person.send_again(DEVICE_SENDS, self.now) else {
            return Want::Reject;
        };
        self.person.sends = times;
        // What it is, is known once it was made.
        self.person.device = Some(AuthCode {
            text: String::new(),
            until: late(self.now) + DEVICE_MS,
            wrong: 0,
        });
        self.ask(Asked::Device(shown))
    }

    pub(crate) fn device_code(&mut self, shown: Option<TokenId>) -> Want {
        if self.block_came_between() {
            return Want::Reject;
        }
        let tries = self.rules.code_tries;
        let good = self
            .person
            .device_code(self.now)
            .map(|code| code.text.clone());
        let out = self.person.auth_code.as_ref().map(|code| code.text.clone());
        match &self.typed.code {
            Code::Again => return self.mail_device_code(shown),
            Code::Sent(text) if good.as_ref() == Some(text) => self.person.device = None,
            Code::Auth(text) if out.as_ref() == Some(text) => self.person.auth_code = None,
            _ => {
                let code = match (good, out) {
                    (Some(_), _) => &mut self.person.device,
                    (None, Some(_)) => &mut self.person.auth_code,
                    (None, None) => return Want::Reject,
                };
                wrong(code, tries);
                return self.fail(&Failure::Other, false);
            }
        }
        if self.rules.pages {
            return self.authorized(shown);
        }
        self.person.proven_until = Some(late(self.now) + PROVEN_MS);
        match self.person.waiting(self.rules, self.now).is_empty() {
            true => Want::Reject,
            false => self.authorized(shown),
        }
    }

    pub(crate) fn authorized(&mut self, shown: Option<TokenId>) -> Want {
        let waiting = self.person.waiting(self.rules, self.now);
        if let Some(id) = shown.filter(|id| waiting.contains(id)) {
            self.prove(id);
            return self.go_on();
        }
        match self.ask_first_code(0) {
            Some(want) => want,
            None if self.person.proves_address(self.door, self.now) => self.begin_address(),
            None => Want::Reject,
        }
    }

    fn begin_address(&mut self) -> Want {
        let made = self.person.on_file;
        let made = made.filter(|id| self.person.token(*id).is_some());
        let id = made.unwrap_or_else(|| {
            let id = given_id(&self.person.name, self.now);
            let token = Token::new(id, TokenKind::Email, Vec::new(), Base::Pending, self.now);
            self.person.tokens.push(token);
            id
        });
        self.person.on_file = Some(id);
        self.send_to_address(id, 0, 0)
    }

    fn send_to_address(&mut self, token: TokenId, sends: u8, wrong: u8) -> Want {
        let want = self.send(token, sends);
        let Want::Ask(_, stored) = want else {
            return want;
        };
        let mut questions = self.person.questions.iter_mut();
        let open = questions.find(|question| question.handle.is_none());
        if let Some(question) = open.filter(|_| stored)
            && let Asked::Sent { until, sends, .. } = question.asked
        {
            question.asked = Asked::Address {
                token,
                code: String::new(),
                until,
                sends,
                wrong,
            };
        }
        Want::Ask("address", stored)
    }

    pub(crate) fn address(&mut self, asked: &Asked) -> Want {
        let Asked::Address {
            token,
            code,
            until,
            sends,
            wrong,
        } = asked
        else {
            return Want::Reject;
        };
        let there = self.person.token(*token).is_some();
        let awaited = self.person.proves_address(self.door, self.now);
        if self.block_came_between() || !awaited || !there {
            return Want::Reject;
        }
        if self.typed.code == Code::Again {
            return self.send_to_address(*token, *sends, *wrong);
        }
        let right = matches!(&self.typed.code, Code::Sent(typed) if typed == code);
        if right && late(self.now) < *until {
            self.prove(*token);
            return self.go_on();
        }
        if wrong + 1 < 3 {
            if !self.count_wrong(&Failure::Code(Some(*token))) {
                return Want::Reject;
            }
            let mut again = asked.clone();
            if let Asked::Address { wrong, .. } = &mut again {
                *wrong += 1;
            }
            return self.ask(again);
        }
        self.fail(&Failure::Code(Some(*token)), false)
    }

    pub(crate) fn ask_first_code(&mut self, wrong: u8) -> Option<Want> {
        let page = self.first_code_page(wrong);
        if !page && self.no_first_code() {
            return None;
        }
        let want = self.ask(Asked::FirstCode(wrong));
        if page && want == Want::Ask("first_code", true) {
            self.person.prompt_link = true;
        }
        Some(want)
    }

    pub(crate) fn auth_code(&mut self, shown: Option<TokenId>) -> Want {
        if self.block_came_between() || self.person.auth_code.is_none() {
            return Want::Reject;
        }
        let code = self.person.auth_code.as_ref().unwrap();
        if matches!(&self.typed.code, Code::Auth(text) if *text == code.text) {
            self.person.auth_code = None;
            return self.authorized(shown);
        }
        wrong(&mut self.person.auth_code, self.rules.code_tries);
        self.fail(&Failure::Other, false)
    }

    pub(crate) fn first_code(&mut self, wrong: u8) -> Want {
        if self.block_came_between() {
            return Want::Reject;
        }
        let waiting = self.person.waiting(self.rules, self.now);
        if let Code::Device { token, factor } = self.typed.code
            && let Some(it) = self.person.token(token)
            && it.fits(factor, self.rules, self.now)
            && (waiting.contains(&token) || self.is_newest(it))
        {
            let (door, now) = (self.door.name, self.now);
            self.person.token_mut(token).use_up(factor, door, now);
            if waiting.contains(&token) {
                self.prove(token);
            } else {
                self.ways.push(Way::Token(token));
            }
            return self.go_on();
        }
        let (next, page) = (wrong + 1, self.first_code_page(wrong + 1));
        if next >= 3 || !page && self.no_first_code() {
            return self.fail(&Failure::Other, false);
        }
        match self.count_wrong(&Failure::Other) {
            true => self.ask_first_code(next).unwrap(),
            false => Want::Reject,
        }
    }

    /// It counts, and is asked again; false: it has locked the person.
    fn count_wrong(&mut self, failure: &Failure) -> bool {
        self.fail(failure, false);
        self.counted = false;
        self.person.lock.is_none()
    }

    fn first_code_page(&self, wrong: u8) -> bool {
        let opened = wrong > 0 && !self.person.prompt_link;
        self.rules.pages && !opened
    }

    fn no_first_code(&self) -> bool {
        let waiting = self.person.waiting(self.rules, self.now);
        waiting.is_empty() && self.candidates(&[]).is_empty()
    }

    /// The first code of a token was right, in the dialogue that leads to one.
    fn prove(&mut self, id: TokenId) {
        let awaited = self.person.awaits(Update::Token);
        self.person.prove(id, self.now);
        if awaited {
            self.person.end_update();
        }
        self.ways.push(Way::Token(id));
    }

    /// Whether a token that is proven may be the one that the page has shown: who has proven more than
    /// the first factor shows one that was proven since.
    fn is_newest(&self, token: &Token) -> bool {
        let began = self.question.as_ref().map_or(0, |question| question.opened);
        let used = self.ways.iter().any(|way| way.token() == Some(token.id));
        let since = self.ways.is_empty() || token.proven >= Some(began);
        !used && since && self.computing(&[]).contains(&token.id)
    }

    pub(crate) fn sent(&mut self, token: TokenId, code: &str, until: i64, sends: u8) -> Want {
        if self.typed.code == Code::Again {
            if self.block_came_between() {
                return Want::Reject;
            }
            return self.send(token, sends);
        }
        let granted = self.person.grant(self.door, self.now);
        if granted.is_none() && self.person.is_reset() {
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
            at => self.send(sent[at - 1], 0),
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
        if awaited {
            person.updates.retain(|update| *update != secret);
            person.end_update();
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
        let checked = self.door.first == FirstFactorBy::Gateway;
        if asked == Asked::Code || checked {
            self.first = true;
        }
        if !self.first || self.person.is_reset() {
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

    pub(crate) fn send(&mut self, token: TokenId, sends: u8) -> Want {
        let Some(it) = self.person.token(token) else {
            return Want::Reject;
        };
        let sms = u32::from(it.via == Via::Sms);
        let unanswered = self.person.sms_unanswered + sms;
        let Some(times) = self.person.send_again(SENDS_PER_HOUR, self.now) else {
            return Want::Reject;
        };
        if sends >= 3 || sms == 1 && unanswered > self.rules.sms_max {
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
        let Some(way) = self.ways.last().copied() else {
            return Want::Reject;
        };
        if matches!(way, Way::Grant(_) | Way::Door) {
            return self.accept(way);
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
        if !self.door.asks {
            return self.accept(way);
        }
        if self.person.confirm && !self.computing(&[]).is_empty() {
            return self.ask(Asked::Confirm);
        }
        if self.asks_new() {
            return self.ask(Asked::NewSecret {
                chosen: None,
                weak: 0,
                unequal: false,
            });
        }
        let further = self.adds_token().then(|| self.ask_first_code(0));
        further.flatten().unwrap_or_else(|| self.accept(way))
    }

    pub(crate) fn asks_new(&self) -> bool {
        let Some(secret) = self.door.memorized() else {
            return false;
        };
        let person = &*self.person;
        let lacks = secret == Update::Pin && (person.must_change || self.unset());
        lacks || person.awaits(secret)
    }

    /// Whether a right sign-in goes on with a further token.
    fn adds_token(&self) -> bool {
        let waiting = !self.person.waiting(self.rules, self.now).is_empty();
        self.person.awaits(Update::Token) && (self.rules.pages || waiting)
    }

    pub(crate) fn ask(&mut self, asked: Asked) -> Want {
        let name = asked.name();
        let after = self.question.as_ref();
        let rounds = after.map_or(0, |question| question.rounds) + 1;
        let rows = self.person.questions.iter().map(|question| question.row);
        let row = after.map_or_else(|| rows.max().unwrap_or(0) + 1, |question| question.row);
        if rounds > 10 || row > 30 {
            return Want::Ask(name, false);
        }
        let page = |asked: &Asked| matches!(asked, Asked::FirstCode(_));
        let until = match after {
            Some(question) if page(&asked) && !page(&question.asked) => late(self.now) + PAGE_MS,
            Some(question) => question.until,
            None => late(self.now) + QUESTION_MS,
        };
        while self.person.questions.len() >= 3 {
            self.person.questions.remove(0);
        }
        self.person.questions.push(Question {
            handle: None,
            door: self.door.name,
            opened: after.map_or(self.now.wall.0, |question| question.opened),
            until,
            asked,
            first: self.first,
            ways: self.ways.clone(),
            rounds,
            row,
        });
        Want::Ask(name, true)
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
            )
        };
        let now_used = self.question.as_ref().is_none_or(form);
        let person = &mut *self.person;
        if self.first && self.door.first == FirstFactorBy::Pin {
            person.pin_failures = 0;
        }
        person.soft = 0;
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
            let primary = token.kind != TokenKind::Recovery;
            first_primary |= primary && !token.active;
            token.active = true;
            if primary && person.awaits_token() {
                person.enter(UserState::Steady);
            }
        }
        person.end_update();
        if first_primary {
            let now = self.now;
            let counting = person.grants.iter_mut().filter(|it| it.counts(None, now));
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
            Failure::Code(None) => self.candidates(&passed),
            _ => Vec::new(),
        };
        let (rules, now) = (self.rules, self.now);
        let person = &mut *self.person;
        person.soft += 1;
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
        if person.soft >= rules.failures_max && person.lock.is_none() {
            lock(person, LockReason::Failures, rules.lock_ms, now);
        }
        Want::Reject
    }
}

fn wrong_at(token: &mut Token, rules: &Rules, now: Now) {
    token.soft += 1;
    token.total += 1;
    if token.total >= rules.hard_cap {
        hard_cap(token, rules);
    } else if token.soft >= rules.token_failures_max && token.locked.is_none() {
        token.locked = Some(match rules.token_lock_ms {
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
}
