//! What the model expects of a reset (domain rules 4.2, R23): what opens it, what its code ends, and
//! the code of each token.

use mfad::domain::lockout::LockReason;
use mfad::domain::policy::{FirstFactorBy, PasscodeForm};
use mfad::domain::user::UserState;
use mfad::token::TokenId;

use super::judging::{Code, Failure, Match, State, Trial, Want};
use super::model::*;

impl Trial<'_> {
    /// Whether who is locked goes on all the same: for the PIN alone, with a step that may end the
    /// lock, and with no more tries than anybody else.
    pub(crate) fn overrides_lock(&self, state: State) -> bool {
        let person = &*self.person;
        let limit = match self.rules.waits {
            true => u32::MAX,
            false => person.lock_count + self.rules.failures_max,
        };
        person.soft < limit && (self.ends_lock(state) || self.leads_to_questions(state))
    }

    /// Whether this is a step of a reset that ends the lock for a blocked PIN.
    pub(crate) fn ends_lock(&self, state: State) -> bool {
        let step = match state {
            State::None => true,
            State::Foreign => false,
            State::Of(handle) => {
                let named = |it: &&Question| it.handle == Some(handle) && it.door == self.door.name;
                let asked = self.person.questions.iter().find(named);
                asked.is_some_and(|question| {
                    !question.authorized
                        && matches!(
                            question.asked,
                            Asked::Passcode | Asked::Code | Asked::AuthCode(_) | Asked::Device(_)
                        )
                })
            }
        };
        self.person.is_reset()
            && self.door.asks
            && self.door.first != FirstFactorBy::None
            && matches!(self.person.lock, Some((LockReason::PinBlocked, _)))
            && step
    }

    /// Whether the reset is led here.
    pub(crate) fn resets(&self) -> bool {
        let provable = match self.door.first {
            FirstFactorBy::Gateway | FirstFactorBy::Pin => true,
            FirstFactorBy::Local => self.person.password.is_some(),
            FirstFactorBy::None => false,
        };
        self.person.is_reset() && self.door.asks && provable && self.shows_a_code()
    }

    /// Whether a token is there, once the locks are ended that the reset ends.
    fn shows_a_code(&self) -> bool {
        let mut freed = self.person.clone();
        for token in &mut freed.tokens {
            token.locked = None;
        }
        let left = freed.candidates(self.door, &[], self.rules, self.now);
        !left.is_empty()
    }

    /// What was typed opens the reset: the first factor, and a code if there is one with it; where no
    /// PIN can be typed that counts, the code alone.
    pub(crate) fn open_reset(&mut self) -> Want {
        if !self.resets() {
            return Want::Reject;
        }
        let blocked = self.person.pin_is_blocked(self.rules, self.now);
        let pin = self.door.first == FirstFactorBy::Pin;
        let alone = pin && (self.person.pin.is_none() || blocked);
        let form = match self.door.form {
            PasscodeForm::Challenge if alone => PasscodeForm::PinOtp,
            form => form,
        };
        let nobody = self.computing(&[]).is_empty();
        match (self.matched(form, &[]), alone) {
            (Match::Fits(id, factor), _) => {
                let first = match alone {
                    true => Ok(()),
                    false => self.first_factor(&self.typed.head, false),
                };
                let (door, now) = (self.door.name, self.now);
                self.person.token_mut(id).use_up(factor, door, now);
                match first {
                    Ok(()) => {
                        self.first |= !alone;
                        self.ways.push(Way::Token(id));
                        self.begin_reset()
                    }
                    Err(why) => self.wrong_first(&why, false),
                }
            }
            (_, true) if nobody => Want::Reject,
            (Match::Again(..), true) => Want::Reject,
            (Match::Wrong(only), true) => self.fail(&Failure::Code(only), self.repeated),
            (_, true) => self.fail(&Failure::Other, self.repeated),
            (_, false) => match self.first_factor(&self.typed.octets, false) {
                Ok(()) => {
                    self.first = true;
                    self.begin_reset()
                }
                Err(why) => self.wrong_first(&why, self.repeated),
            },
        }
    }

    fn begin_reset(&mut self) -> Want {
        match (self.rules.suppress, self.person.device_code(self.now)) {
            (false, _) => self.ask(Asked::AuthCode(None)),
            (true, Some(_)) => self.ask(Asked::Device(None)),
            (true, None) => self.mail_device_code(None),
        }
    }

    /// The code was right: what it ends.
    pub(crate) fn reset(&mut self) -> Want {
        self.authorized = true;
        let cap = self.rules.hard_cap;
        let person = &mut *self.person;
        person.must_change |= person.pin.is_some();
        person.lift_pin();
        if let Some((LockReason::PinBlocked, _)) = person.lock {
            person.lock = None;
            person.unlocked_by = Some(person.name.clone());
            person.forgive();
        }
        for token in &mut person.tokens {
            if token.primary() && token.locked.is_some() && token.total < cap {
                token.locked = None;
                token.soft = 0;
            }
        }
        if person.state == UserState::ResetAll {
            let void = |it: &Token| !it.primary() && it.base != Base::Obsolete;
            person.tokens.retain(|token| !void(token));
        }
        self.go_on()
    }

    pub(crate) fn goes_on_with_reset(&self) -> bool {
        self.authorized && self.person.is_reset()
    }

    /// Of Reset All: the next token whose code was not shown.
    pub(crate) fn next_of_all(&self) -> Option<TokenId> {
        let all = self.goes_on_with_reset() && self.person.state == UserState::ResetAll;
        let shown = |id: &TokenId| self.ways.iter().any(|way| way.token() == Some(*id));
        let mut left = self.resettable();
        left.retain(|id| all && !shown(id));
        left.first().copied()
    }

    fn resettable(&self) -> Vec<TokenId> {
        let mut all = self.of_set();
        all.retain(|id| self.person.token(*id).unwrap().computes());
        all
    }

    pub(crate) fn code_of(&mut self, id: TokenId) -> Want {
        if self.block_came_between() || !self.resettable().contains(&id) {
            return Want::Reject;
        }
        if let Code::Device { token, factor } = self.typed.code
            && token == id
            && self.splits(PasscodeForm::Otp)
        {
            let (door, now) = (self.door.name, self.now);
            let it = self.person.token(id).unwrap();
            if it.fits(factor, self.rules, now) {
                self.person.token_mut(id).use_up(factor, door, now);
                self.ways.push(Way::Token(id));
                return self.go_on();
            }
            if it.is_ahead(factor, self.rules) {
                return self.ask(Asked::Resync {
                    token: id,
                    first: factor,
                });
            }
        }
        self.fail(&Failure::Code(Some(id)), false)
    }
}
