//! What the model expects of Emergency Access (domain rules 11.3, R52): who may answer questions, what
//! comes of the answers, and that they let nobody in.

use mfad::domain::lockout::LockReason;
use mfad::domain::policy::{FirstFactorBy, PasscodeForm};
use mfad::domain::update::Update;
use mfad::token::TokenId;

use super::judging::{Code, Failure, State, Trial, Want};
use super::model::*;

impl Person {
    /// All answers were right: others are asked for next time.
    pub(crate) fn answered_right(&mut self, id: TokenId, rules: &Rules) {
        self.questions.retain(|open| open.of_answers() != Some(id));
        let token = self.token_mut(id);
        (token.soft, token.total) = (0, 0);
        token.asked_first = (token.asked_first + rules.ask) % token.answers.len().max(1);
    }
}

impl Trial<'_> {
    /// The questions that are open to this person here, if they are: for the PIN alone.
    fn open_questions(&self) -> Option<TokenId> {
        let (person, rules) = (&*self.person, self.rules);
        let first = matches!(
            self.door.first,
            FirstFactorBy::Gateway | FirstFactorBy::Local
        );
        let allowed = rules.emergency && (rules.emergency_for_all || !person.two);
        let locked = !matches!(person.lock, None | Some((LockReason::PinBlocked, _)));
        let leads = person.pin.is_some() || self.resets();
        let held = person.questions_of()?;
        let asks = held.answers.len() >= rules.ask && held.awake(Base::Registered, rules, self.now);
        let open = self.door.asks && first && allowed && !locked && leads && asks;
        open.then_some(held.id)
    }

    /// Whether the word for it was typed in the place of a code.
    fn asks_for_help(&self) -> bool {
        let form = match self.question.as_ref().map(|question| &question.asked) {
            None | Some(Asked::Passcode) => self.door.form,
            Some(Asked::Code | Asked::Method { .. } | Asked::Sent { .. }) => PasscodeForm::Otp,
            Some(Asked::AuthCode(_) | Asked::Device(_)) if self.person.is_reset() => {
                PasscodeForm::Otp
            }
            Some(_) => return false,
        };
        self.typed.code == Code::Help && self.splits(form)
    }

    /// Whether the word was typed, and counts: not under a passthrough.
    pub(crate) fn helped(&self) -> bool {
        self.asks_for_help() && self.open_questions().is_some() && self.granted().is_none()
    }

    /// Whether who is locked for the PIN comes nearer to the questions by this.
    pub(crate) fn leads_to_questions(&self, state: State) -> bool {
        let step = match state {
            State::None => self.asks_for_help() || self.called_for().is_some(),
            State::Foreign => false,
            State::Of(handle) => {
                let named = |it: &&Question| it.handle == Some(handle) && it.door == self.door.name;
                let asked = self.person.questions.iter().find(named);
                asked.is_some_and(|it| {
                    let to = matches!(it.asked, Asked::Code | Asked::Passcode);
                    to || it.of_answers().is_some()
                })
            }
        };
        step && self.open_questions().is_some()
    }

    /// Who is locked, and may come to the questions: nothing else is looked at.
    pub(crate) fn locked_passcode(&mut self) -> Want {
        let Some(asked) = self.called_for() else {
            return Want::Reject;
        };
        if self.blind(&asked) {
            return self.ask_for_code(asked);
        }
        match self.first_factor(&self.typed.octets, false) {
            Ok(()) => self.ask_for_code(asked),
            Err(why) => self.wrong_first(&why, self.repeated),
        }
    }

    /// A wrong first factor of who is locked for the PIN counts on the questions.
    pub(crate) fn wrong_under_lock(&mut self) -> Option<Want> {
        let held = self.open_questions();
        let held = held.filter(|_| self.person.lock.is_some())?;
        Some(self.fail(&Failure::Code(Some(held)), self.repeated))
    }

    pub(crate) fn begin_emergency(&mut self) -> Want {
        if let Err(why) = self.first_factor(&self.typed.head, false) {
            return self.wrong_first(&why, self.repeated);
        }
        self.first = true;
        self.ways.clear();
        (self.wished, self.authorized) = (false, false);
        match self.open_questions().filter(|_| self.keeps_next()) {
            Some(token) => self.ask(Asked::Question {
                token,
                number: 0,
                wrong: false,
            }),
            None => Want::Reject,
        }
    }

    pub(crate) fn answer(&mut self, token: TokenId, number: usize, wrong: bool) -> Want {
        if self.open_questions() != Some(token) {
            return Want::Reject;
        }
        let held = self.person.token(token).unwrap();
        let at = (held.asked_first + number) % held.answers.len();
        let right = matches!(&self.typed.code, Code::Answer(text) if *text == held.answers[at]);
        let wrong = wrong || !right;
        if number + 1 < self.rules.ask {
            return self.ask(Asked::Question {
                token,
                number: number + 1,
                wrong,
            });
        }
        if wrong {
            return self.fail(&Failure::Code(Some(token)), false);
        }
        self.person.answered_right(token, self.rules);
        match self.resets() {
            true => self.reset(),
            false => self.ask(Asked::Menu(token)),
        }
    }

    pub(crate) fn menu(&mut self, token: TokenId) -> Want {
        if self.open_questions() != Some(token) {
            return Want::Reject;
        }
        match self.typed.code {
            Code::Number(1) => self.ask(Asked::NewPin {
                token,
                chosen: None,
                weak: 0,
                unequal: false,
            }),
            Code::Number(2) => Want::Reject,
            _ => self.ask(Asked::Menu(token)),
        }
    }

    pub(crate) fn new_pin(&mut self, asked: &Asked) -> Want {
        let Asked::NewPin {
            token,
            chosen,
            weak,
            unequal,
        } = asked.clone()
        else {
            return Want::Reject;
        };
        if self.open_questions() != Some(token) {
            return Want::Reject;
        }
        let typed = self.typed.octets.clone();
        let good = matches!(self.typed.code, Code::Secret(_, true));
        let again = |chosen, weak, unequal| Asked::NewPin {
            token,
            chosen,
            weak,
            unequal,
        };
        match chosen {
            None if good => self.ask(again(Some(typed), weak, unequal)),
            None if weak + 1 < 3 => self.ask(again(None, weak + 1, unequal)),
            Some(chosen) if chosen == typed => self.changed_pin(typed),
            Some(_) if !unequal => self.ask(again(None, weak, true)),
            _ => Want::Reject,
        }
    }

    /// It is stored, the block is over and the lock that it brought; and nobody is let in.
    fn changed_pin(&mut self, pin: Vec<u8>) -> Want {
        let person = &mut *self.person;
        if person.lock.take().is_some() {
            person.unlocked_by = Some(person.name.clone());
            person.forgive();
        }
        person.pin = Some(pin);
        person.must_change = false;
        person.lift_pin();
        person.questions.clear();
        // What an operator has changed meanwhile ends the state with the next sign-in, and not before.
        if person.awaits(Update::Pin) {
            person.updates.retain(|update| *update != Update::Pin);
            person.end_update(self.now);
        }
        Want::Reject
    }
}
