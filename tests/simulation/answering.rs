//! People who are asked something: what they answer, and what others make of the State that they see.

use std::time::Duration;

use super::asking::NEW_PIN;
use super::judging::Asking;
use super::orders::Order;
use super::run::{Law, NAMES, Run};
use super::site::REJECT_DELAY;
use super::traffic::Form;
use crate::common::gateway::HEADER;

/// Questions that somebody may still come back to.
const SHOWN_MAX: usize = 12;

/// A question as a gateway shows it, which keeps its State.
#[derive(Clone)]
pub(crate) struct Shown {
    door: usize,
    person: usize,
    words: Vec<u8>,
    state: Vec<u8>,
}

/// The value of the first attribute of this type.
pub(crate) fn attribute(octets: &[u8], kind: u8) -> Option<&[u8]> {
    let mut rest = octets.get(HEADER..)?;
    while let [this, length, ..] = *rest {
        let (attribute, after) = rest.split_at_checked(usize::from(length))?;
        if this == kind {
            return attribute.get(2..);
        }
        rest = after;
    }
    None
}

impl Run {
    /// A gateway has heard a question.
    pub(crate) fn is_shown(&mut self, number: usize, octets: &[u8]) {
        let value = |kind| attribute(octets, kind).unwrap_or_default().to_vec();
        let shown = Shown {
            door: self.datagrams[number].door,
            person: self.datagrams[number].person,
            words: value(18),
            state: value(24),
        };
        let known = |known: &Shown| known.state == shown.state;
        if shown.words == NEW_PIN.as_bytes() || self.shown.iter().any(known) {
            return;
        }
        if self.shown.len() == SHOWN_MAX {
            self.shown.pop_front();
        }
        self.shown.push_back(shown);
    }

    /// Somebody answers a question; or another one does, or at another gateway, or with a State that
    /// is nearly the right one.
    pub(crate) fn send_answer(&mut self) {
        let last = self.shown.len() - 1;
        let at = last - self.chance.below(SHOWN_MAX.min(last + 1)) * self.chance.below(2);
        let shown = self.shown[at].clone();
        // Mostly it is over with that.
        if self.chance.below(4) > 0 {
            self.shown.remove(at);
        }
        let Shown {
            mut door,
            mut person,
            mut state,
            ..
        } = shown;
        match self.chance.below(24) {
            0..3 => door = self.chance.below(self.site.doors.len()),
            3..5 => person = self.chance.below(NAMES.len()),
            5 => {
                let bit = self.chance.below(8 * state.len());
                state[bit / 8] ^= 1 << (bit % 8);
            }
            6 => state.make_ascii_uppercase(),
            7 => drop(state.pop()),
            8 => state = b"0".to_vec(),
            _ => {}
        }
        let passcode = self.answer(door, person, &shown.words);
        let copies = [1, 1, 1, 2][self.chance.below(4)];
        self.send(Form::Login, (door, person), &passcode, Some(state), copies);
        self.last_typed = (person, passcode);
    }

    /// What is typed in answer to these words: mostly what they ask for.
    fn answer(&mut self, door: usize, person: usize, words: &[u8]) -> Vec<u8> {
        let code = self.code(person).into_bytes();
        let first = self.first_factor(door, person);
        let both = [&first[..], &code[..]].concat();
        match (self.chance.below(16), words) {
            (0, _) => Vec::new(),
            (1, _) => first,
            (2, _) => both,
            (3, _) => self.chance.octets::<7>().to_vec(),
            (_, b"Enter your one-time code:") => code,
            _ if self.site.doors[door].asking == Asking::Always => first,
            _ => both,
        }
    }

    /// Somebody signs in in two steps, mostly to the end, and something happens in between.
    pub(crate) fn walk(&mut self) -> Law {
        let person = self.chance.below(NAMES.len());
        let door = self.chance.below(self.site.doors.len());
        let mut passcode = match self.site.doors[door].asking {
            Asking::Never => return Ok(()),
            Asking::Always if self.chance.below(4) > 0 => self.first_factor(door, person),
            Asking::Always | Asking::WhenEmpty => Vec::new(),
        };
        let mut state = None;
        for _ in 0..3 {
            self.send(Form::Login, (door, person), &passcode, state.clone(), 1);
            self.arrive_last()?;
            self.drain()?;
            self.outside.pass(REJECT_DELAY);
            self.let_leave()?;
            self.meanwhile(person)?;
            if self.plan.is_dead() || self.possible.is_some() {
                return Ok(());
            }
            let own = |shown: &&Shown| (shown.door, shown.person) == (door, person);
            let Some(shown) = self.shown.iter().rev().find(own).cloned() else {
                return Ok(());
            };
            // Nothing new is shown: the answer was the last, and is now and then given again.
            if state.as_ref() == Some(&shown.state) && self.chance.below(3) > 0 {
                return Ok(());
            }
            passcode = self.answer(door, person, &shown.words);
            state = Some(shown.state);
        }
        Ok(())
    }

    /// What happens while somebody reads a question: mostly nothing.
    fn meanwhile(&mut self, person: usize) -> Law {
        match self.chance.below(24) {
            0 => {
                self.plan.die();
                self.rebirth()
            }
            1 => {
                self.stop()?;
                self.birth(false)
            }
            2 => {
                self.stop()?;
                self.put_back()
            }
            3 => {
                self.reload();
                Ok(())
            }
            4 => {
                self.jump();
                Ok(())
            }
            5 => {
                let ms = self.site.rules.challenge_ms - 1000;
                self.outside.pass(Duration::from_millis(ms.unsigned_abs()));
                self.let_leave()
            }
            6 => {
                let state = self.any_state();
                let orders = [
                    Order::Lock(None),
                    Order::ResetPin(b"915263".to_vec()),
                    Order::State(state),
                    Order::Unlock { with_pin: true },
                ];
                for order in orders {
                    if self.chance.coin() {
                        self.order(person, order)?;
                    }
                }
                self.drain()
            }
            _ => Ok(()),
        }
    }

    /// Somebody begins again and again, and answers nothing.
    pub(crate) fn flood(&mut self) -> Law {
        let person = self.chance.below(NAMES.len());
        let door = self.chance.below(self.site.doors.len());
        let passcode = match self.site.doors[door].asking {
            Asking::Always => self.first_factor(door, person),
            Asking::WhenEmpty | Asking::Never => Vec::new(),
        };
        for _ in 0..5 {
            for _ in 0..8 {
                self.sign_in(person, door, &passcode)?;
            }
            self.drain()?;
            if self.plan.is_dead() || self.possible.is_some() {
                break;
            }
        }
        Ok(())
    }
}
