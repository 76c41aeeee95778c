//! What the model expects of a device that is ahead (domain rules R37, M29).

use mfad::domain::policy::{FirstFactorBy, PasscodeForm};
use mfad::token::TokenId;

use super::judging::{Code, Failure, Trial, Want};
use super::model::*;

impl Trial<'_> {
    /// The token whose next code is asked for, because this one comes too early: only of whom no wrong
    /// code is counted, or in a reset, and where the first factor was or is shown.
    pub(crate) fn ahead(&self, form: PasscodeForm, passed: &[Way]) -> Option<(TokenId, u64)> {
        let Code::Device { token, factor } = self.typed.code else {
            return None;
        };
        let it = self.person.token(token)?;
        let asked = self.question.as_ref().map(|question| &question.asked);
        let begins = matches!(asked, None | Some(Asked::Code | Asked::Passcode));
        let open = self.door.asks && self.door.first != FirstFactorBy::None && begins;
        let untried = it.total == 0 && self.person.total == 0;
        let counts = self.splits(form) && self.computing(passed).contains(&token);
        let ahead = counts && it.is_ahead(factor, self.rules);
        let free = self.authorized || self.rules.resync && untried;
        (open && ahead && free).then_some((token, factor))
    }

    pub(crate) fn begin_resync(&mut self, token: TokenId, first: u64) -> Want {
        self.first = true;
        let free = self.authorized || self.count_wrong(&Failure::Code(Some(token)));
        match free {
            true => self.ask(Asked::Resync { token, first }),
            false => Want::Reject,
        }
    }

    pub(crate) fn resync(&mut self, token: TokenId, first: u64) -> Want {
        if self.block_came_between() || !self.of_set().contains(&token) {
            return Want::Reject;
        }
        let next = Code::Device {
            token,
            factor: first + 1,
        };
        if self.typed.code == next && self.person.token(token).unwrap().next <= first + 1 {
            let (door, now) = (self.door.name, self.now);
            self.person.token_mut(token).use_up(first + 1, door, now);
            self.ways.push(Way::Token(token));
            return self.go_on();
        }
        self.fail(&Failure::Code(Some(token)), false)
    }
}
