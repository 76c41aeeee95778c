//! People with one-time links: what they do on the pages, in order and out of order, and what others
//! do who have got hold of a link.

use std::time::Duration;

use mfad::domain::user::UserState;

use super::linking::{For, Link, Page, Taken};
use super::orders::Order;
use super::person::{code_of, step_at};
use super::run::{Law, NAMES, Run};

impl Run {
    /// Somebody uses a link: mostly one that is good, for what it is for.
    pub(crate) fn page(&mut self, person: usize) -> Law {
        let links = &self.records.people[person].links;
        let live = links.get(self.chance.below(links.len())).cloned();
        let live = live.filter(|link| link.secret.is_some());
        match live.filter(|_| self.chance.below(4) > 0) {
            Some(link) => {
                let order = self.use_of(person, &link);
                self.order(person, order)
            }
            None => {
                let at = self.chance.below(self.letters.len());
                let Some((person, secret)) = self.letters.get(at).cloned() else {
                    return Ok(());
                };
                let what = [For::Enrol, For::Confirm, For::Prove, For::Recovery];
                let what = what[self.chance.below(4)];
                let step = self.typed_there(person, what, None);
                self.order(person, Order::Page(Page { secret, step }))
            }
        }
    }

    fn use_of(&mut self, person: usize, link: &Link) -> Order {
        let secret = link.secret.clone().unwrap_or_default();
        let step = self.typed_there(person, link.what, link.token.as_deref());
        Order::Page(Page { secret, step })
    }

    /// What is typed on such a page: mostly what is right.
    fn typed_there(&mut self, person: usize, what: For, token: Option<&str>) -> Taken {
        let subject = &self.records.people[person];
        match what {
            For::Enrol => {
                let code = subject.auth_code.as_ref().and_then(|it| it.text.clone());
                let other = NAMES[self.chance.below(NAMES.len())];
                let (name, code) = match self.chance.below(8) {
                    0 => (other, code.unwrap_or_default()),
                    1 => (NAMES[person], String::new()),
                    2 => (NAMES[person], "ABCDE-FGHJK".to_owned()),
                    _ => (NAMES[person], code.unwrap_or_default()),
                };
                Taken::Begin {
                    name: name.to_owned(),
                    code,
                }
            }
            For::Prove => {
                let step = step_at(self.outside.true_now().wall.0);
                let off = [0, 0, 0, -1, 1, -2][self.chance.below(6)];
                let token = token.and_then(|id| subject.named(id));
                let right = token.map(|it| code_of(&it.seed, step.saturating_add_signed(off)));
                Taken::Prove {
                    code: right.unwrap_or_else(|| "000000".to_owned()),
                }
            }
            For::Confirm => Taken::Confirm,
            For::Recovery => Taken::Recovery,
        }
    }

    /// Somebody is to enrol: gets a link and an auth code, opens the one with the other, proves the
    /// token, takes recovery codes; and something happens in between.
    pub(crate) fn enrol(&mut self) -> Law {
        let person = self.chance.below(NAMES.len());
        let beginning = [
            Order::State(UserState::New),
            Order::SendLink,
            Order::GenerateAuthCode {
                ms: 3_600_000,
                force: true,
            },
        ];
        for order in beginning {
            self.order(person, order)?;
            self.drain()?;
        }
        for what in [For::Enrol, For::Prove, For::Prove, For::Recovery] {
            if self.plan.is_dead() || self.possible.is_some() {
                return Ok(());
            }
            match self.chance.below(16) {
                0 => self.plan.die(),
                1 => {
                    self.stop()?;
                    self.birth(false)?;
                }
                2 => {
                    self.save();
                    self.stop()?;
                    self.put_back()?;
                }
                3 => self.outside.pass(Duration::from_secs(900)),
                4 => self.random_order()?,
                _ => {}
            }
            if self.plan.is_dead() {
                self.rebirth()?;
            }
            let links = &self.records.people[person].links;
            let own = |link: &&Link| link.what == what && link.secret.is_some();
            let Some(link) = links.iter().rev().find(own).cloned() else {
                continue;
            };
            // Two at once, of whom one is too late.
            for _ in 0..=self.chance.below(2) {
                let order = self.use_of(person, &link);
                self.order(person, order)?;
            }
            self.drain()?;
        }
        Ok(())
    }
}
