//! What the model expects on the way to a new token: the codes that stand before it, the page or the
//! address, and its first code.

use mfad::domain::policy::PasscodeForm;
use mfad::domain::token_record::TokenKind;
use mfad::domain::update::Update;
use mfad::domain::user::UserState;
use mfad::token::TokenId;

use super::judging::{Code, Failure, Trial, Want};
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
        if self.person.asks_device_code(self.rules, self.now) {
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

    pub(crate) fn mail_device_code(&mut self, shown: Option<TokenId>) -> Want {
        let times = self.person.send_again(DEVICE_SENDS, self.now);
        let Some(times) = times.filter(|_| self.keeps_next()) else {
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

    /// Whether it leads to nothing but a reset, which may begin with a code alone.
    fn unproven(&self) -> bool {
        !self.person.is_reset() && !self.first
    }

    pub(crate) fn device_code(&mut self, shown: Option<TokenId>) -> Want {
        if self.unproven() || self.block_came_between() {
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
        if self.person.is_reset() {
            return self.reset();
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
        Some(match want {
            // There is no page without its link.
            Want::Ask(_, false) if page => Want::Reject,
            Want::Ask(_, true) if page => {
                self.person.prompt_link = true;
                want
            }
            _ => want,
        })
    }

    pub(crate) fn auth_code(&mut self, shown: Option<TokenId>) -> Want {
        if self.unproven() || self.block_came_between() || self.person.auth_code.is_none() {
            return Want::Reject;
        }
        let code = self.person.auth_code.as_ref().unwrap();
        if matches!(&self.typed.code, Code::Auth(text) if *text == code.text) {
            self.person.auth_code = None;
            return match self.person.is_reset() {
                true => self.reset(),
                false => self.authorized(shown),
            };
        }
        wrong(&mut self.person.auth_code, self.rules.code_tries);
        self.fail(&Failure::Other, false)
    }

    pub(crate) fn first_code(&mut self, wrong: u8) -> Want {
        if self.block_came_between() {
            return Want::Reject;
        }
        let paper = self.ways.iter().any(|way| matches!(way, Way::Recovery(_)));
        let person = &*self.person;
        let steady = person.state == UserState::Steady && !person.rekey;
        if self.typed.code == Code::Later && paper && (person.recovered || steady) {
            self.put_off = true;
            return self.go_on();
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
        let meant = self.meant();
        if next >= 3 || !page && self.no_first_code() {
            return self.fail(&meant, false);
        }
        match self.count_wrong(&meant) {
            // It may have locked the token that is to be proven.
            true => self.ask_first_code(next).unwrap_or(Want::Reject),
            false => Want::Reject,
        }
    }

    /// Of which token a wrong first code is a guess.
    fn meant(&self) -> Failure {
        let shaped = matches!(
            self.typed.code,
            Code::Device { .. } | Code::Wrong | Code::Sent(_)
        );
        let mut tokens = self.person.waiting(self.rules, self.now);
        let proven = self.person.tokens.iter().filter(|it| self.is_newest(it));
        tokens.extend(proven.map(|it| it.id));
        match tokens.as_slice() {
            [] => Failure::Other,
            _ if !shaped || !self.splits(PasscodeForm::Otp) => Failure::Other,
            [one] => Failure::Code(Some(*one)),
            _ => Failure::Code(None),
        }
    }

    /// It counts, and is asked again; false: it has locked the person.
    pub(crate) fn count_wrong(&mut self, failure: &Failure) -> bool {
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
        waiting.is_empty() && !self.person.tokens.iter().any(|it| self.is_newest(it))
    }

    /// The first code of a token was right, in the dialogue that leads to one.
    fn prove(&mut self, id: TokenId) {
        let awaited = self.person.awaits(Update::Token);
        self.person.prove(id, self.now);
        if awaited {
            self.person.end_update(self.now);
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
}
