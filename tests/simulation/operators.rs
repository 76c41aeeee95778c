//! Operators: what they order, whether it makes sense or not, and how the order is given.

use std::sync::Arc;

use mfad::domain::action::Role;
use mfad::domain::event::{Actor, Event, Operator, Origin, RequestRef};
use mfad::domain::user::UserState;
use mfad::engine::prepare::Manner;
use mfad::engine::writer::Arrival;
use mfad::token::import::owned::Owned;

use super::bugs::Bug;
use super::orders::Order;
use super::person::{Device, Kind, Person, Token, code_of, latest};
use super::run::{Answer, Law, NAMES, Ordered, Run};

const PINS: [&[u8]; 3] = [b"402817", b"915263", b"7306418"];

impl Run {
    /// People with their tokens; dave has none.
    pub(crate) fn settle_people(&mut self) -> Law {
        let import = |number, next| Order::Import {
            device: Device::numbered(number),
            next,
            import: 0,
        };
        let pin = || Order::ResetPin(PINS[0].to_vec());
        let orders = [
            (0, Order::Add),
            (1, Order::Add),
            (2, Order::Add),
            (0, import(1, 0)),
            (1, import(2, 5)),
            (2, import(3, 0)),
            (0, pin()),
            (1, pin()),
            (2, pin()),
            (2, import(4, 0)),
            (2, Order::IssueCodes),
        ];
        for (person, order) in orders {
            self.order(person, order)?;
            self.turn(usize::MAX)?;
        }
        Ok(())
    }

    pub(crate) fn random_order(&mut self) -> Law {
        let person = self.chance.below(NAMES.len());
        let now = self.outside.true_now();
        let subject = self.records.people[person].clone();
        let token = self.one_of(&subject.tokens);
        let span_ms = [2_000, 60_000, 900_000][self.chance.below(3)];
        let soon = latest(now) + i64::try_from(self.chance.below(span_ms)).unwrap() + 1;
        let until = self.chance.coin().then_some(soon);
        let repair = self.repair(&subject);
        let order = match self.chance.below(46) {
            _ if repair.is_some() && self.chance.coin() => repair.unwrap(),
            0..4 => Order::Unlock {
                with_pin: self.chance.coin(),
            },
            4 => Order::Lock(until),
            5..7 => Order::UnblockPin,
            7..9 => Order::ResetPin(PINS[self.chance.below(PINS.len())].to_vec()),
            9 => Order::ClearCounters,
            10..13 => Order::State(self.any_state()),
            13..15 => Order::State(UserState::Steady),
            15 => Order::Reactivate,
            16 => Order::Disable { token, until },
            17..19 => Order::Enable(token),
            19 => Order::UnlockToken(token),
            20 => Order::Test {
                token,
                code: self.code(person).replace('-', ""),
            },
            21 => self.resync(&subject, token),
            22..25 => Order::Grant {
                ms: [60_000, 3_600_000, 86_400_000][self.chance.below(3)],
            },
            25 => Order::Renew,
            26 => Order::EndGrants,
            27 => Order::Delete,
            28 => Order::DeleteToken(token),
            29..32 => return self.move_a_device(person),
            32..34 => Order::Obsolete(token),
            34 => Order::GenerateAuthCode {
                ms: [60_000, 3_600_000][self.chance.below(2)],
                force: self.chance.coin(),
            },
            35 => Order::RevokeAuthCode,
            36 if subject.tokens.len() < 5 => Order::Show,
            37..39 => return self.lose_the_app(person, token),
            39 if subject.exists() => Order::SendLink,
            40 if subject.exists() => Order::RevokeLinks,
            41..45 => return self.page(person),
            _ if !subject.exists() => Order::Add,
            _ => Order::IssueCodes,
        };
        if subject.grants.len() > 20 && matches!(order, Order::Grant { .. } | Order::Renew) {
            return Ok(());
        }
        let if_revision = (self.chance.below(5) == 0).then_some(subject.revision);
        let role = match self.chance.below(16) {
            0 => Role::Viewer,
            _ => Role::Admin,
        };
        self.order_by(role, person, order, if_revision)
    }

    /// The name of one of these tokens, or of none.
    fn one_of(&mut self, tokens: &[Token]) -> String {
        let at = self.chance.below(tokens.len());
        let token = tokens.get(at).and_then(|token| token.id.clone());
        token.unwrap_or_default()
    }

    /// A device goes to somebody: from its owner through the pool, from the pool, or with a seed that
    /// was typed. Now and then it is tried although somebody has it, or from the wrong place.
    fn move_a_device(&mut self, person: usize) -> Law {
        let device = Device::numbered(1 + self.chance.below(Device::ALL.count()));
        let mut in_pool = self.records.pool.contains_key(&device.serial);
        let mistaken = self.chance.below(6) == 0;
        if let Some(owner) = self.records.owner(&device.serial).filter(|_| !mistaken) {
            self.order(owner, Order::Unassign(device.serial.clone()))?;
            if self.chance.coin() {
                self.turn(usize::MAX)?;
            }
            in_pool = true;
        }
        let order = self.hand_out(device, in_pool != mistaken);
        self.order(person, order)
    }

    /// Any lifecycle state but those whose dialogues the model does not know.
    pub(crate) fn any_state(&mut self) -> UserState {
        let known = |state: &UserState| {
            !matches!(
                state,
                UserState::Reset | UserState::ResetAll | UserState::Renew
            )
        };
        let states: Vec<UserState> = UserState::ALL.into_iter().filter(known).collect();
        states[self.chance.below(states.len())]
    }

    /// A token is shown to an app, and its secret is reset before it was ever proven; or that of
    /// another token is to be, which has none in an app.
    fn lose_the_app(&mut self, person: usize, other: String) -> Law {
        if self.records.people[person].tokens.len() < 5 {
            self.order(person, Order::Show)?;
            self.turn(usize::MAX)?;
        }
        let shown = of_app(&self.records.people[person]);
        self.order(person, Order::ResetSecret(shown.unwrap_or(other)))
    }

    /// Gives it with a counter that the operator states, mostly the first.
    fn hand_out(&mut self, device: Device, from_pool: bool) -> Order {
        let next = self.chance.below(8).saturating_sub(4) as u64;
        if from_pool {
            return Order::Assign { device, next };
        }
        let import = self.orders;
        if self.chance.coin() {
            return Order::Bring {
                device,
                next,
                import,
            };
        }
        Order::Import {
            device,
            next,
            import,
        }
    }

    /// A token out of a file: its owner is made ready now, and written if nothing comes in between.
    /// What time has brought about is that of this moment.
    fn bring(&mut self, person: usize, order: Order, token: &Owned) -> Law {
        self.drain()?;
        if self.plan.is_dead() || self.possible.is_some() {
            return Ok(());
        }
        let ready = order.ready(&self.records, person);
        self.orders += 1;
        let request = format!("c{}", self.orders);
        let operator = Operator {
            uid: 0,
            name: Arc::from("root"),
            role: Role::Admin,
        };
        self.note(|| format!("{request}: {order:?} for {person}"));
        let engine = Arc::clone(&self.life().engine);
        let Ok(mut arrival) = engine.arrival(&operator, &token.user, &[token]) else {
            return Ok(());
        };
        if self.bug == Some(Bug::BroughtOverOld) {
            self.make_old(&mut arrival);
        }
        if self.chance.below(4) == 0 {
            self.order(person, Order::ClearCounters)?;
        }
        let origin = Origin {
            actor: Actor::Operator(operator),
            source: None,
            request: RequestRef::Command(request.clone()),
        };
        let event = Event::new("token.imported");
        if let Some(answer) = engine.begin_people(vec![arrival], origin, event) {
            let ordered = Ordered {
                person,
                order,
                ready,
                answer: Answer::People(answer),
                if_revision: None,
            };
            self.ordered.insert(request, ordered);
        }
        self.turn(usize::MAX)
    }

    /// The person as at the first import, with the new token.
    fn make_old(&mut self, arrival: &mut Arrival) {
        let Some(before) = &arrival.before else {
            return;
        };
        let auth = &mut arrival.after.auth;
        let first = self.first_import.entry(before.id);
        let mut old = first.or_insert_with(|| before.auth.clone()).clone();
        old.revision = auth.revision;
        let known = |id| old.tokens.iter().any(|token| token.id == id);
        let new: Vec<_> = auth
            .tokens
            .iter()
            .filter(|token| !known(token.id))
            .cloned()
            .collect();
        old.tokens.extend(new);
        *auth = old;
    }

    /// Somebody is deleted and made anew under the same name, while a sign-in is under way.
    pub(crate) fn begin_anew(&mut self) -> Law {
        let person = self.chance.below(NAMES.len());
        let door = self.chance.below(self.site.doors.len());
        let passcode = self.passcode(door, person);
        self.sign_in(person, door, &passcode)?;
        let tokens = &self.records.people[person].tokens;
        let serial = tokens.first().and_then(|token| token.serial.as_ref());
        let mut orders = vec![Order::Delete, Order::Add];
        if let Some(device) = serial.and_then(|serial| Device::of_serial(serial)) {
            orders.push(self.hand_out(device, false));
        }
        for order in [
            Order::ResetPin(PINS[0].to_vec()),
            Order::Grant { ms: 3_600_000 },
            Order::ClearCounters,
        ] {
            if self.chance.coin() {
                orders.push(order);
            }
        }
        for order in orders {
            self.order(person, order)?;
            self.turn(usize::MAX)?;
            if self.plan.is_dead() || self.possible.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// What a help desk would do for somebody who cannot log in.
    fn repair(&mut self, subject: &Person) -> Option<Order> {
        if !subject.exists() {
            return Some(Order::Add);
        }
        let token = |bad: fn(&Token) -> bool| {
            let found = subject.tokens.iter().find(|token| bad(token));
            found.and_then(|token| token.id.clone())
        };
        let waits = subject.waits_somewhere(self.outside.true_now());
        if subject.lock.is_some() || subject.pin_blocked.is_some() || waits {
            return Some(Order::Unlock { with_pin: true });
        }
        match subject.state {
            "deactivated" => return Some(Order::Reactivate),
            "reset" | "reset-all" => return Some(Order::State(UserState::Steady)),
            _ => {}
        }
        if let Some(id) = token(|token| token.disabled.is_some()) {
            return Some(Order::Enable(id));
        }
        if let Some(id) = token(|token| token.locked_until.is_some()) {
            return Some(Order::UnlockToken(id));
        }
        let astray = |token: &&Token| token.resync && token.kind == Kind::Hotp && !token.obsolete;
        if let Some(token) = subject.tokens.iter().find(astray) {
            return Some(match (&token.serial, self.chance.below(3)) {
                (Some(serial), 0) => Order::Unassign(serial.clone()),
                _ => self.resync(subject, token.id.clone().unwrap_or_default()),
            });
        }
        if let Some(id) = token(|token| token.obsolete) {
            return Some(Order::DeleteToken(id));
        }
        if subject.pin.is_none() {
            return Some(Order::ResetPin(PINS[0].to_vec()));
        }
        let lost = !subject.tokens.iter().any(|t| t.kind != Kind::Recovery);
        let chosen = self.chance.below(Device::ALL.count());
        let device = self.records.free_device(chosen).filter(|_| lost)?;
        let in_pool = self.records.pool.contains_key(&device.serial);
        Some(self.hand_out(device, in_pool))
    }

    fn resync(&mut self, subject: &Person, id: String) -> Order {
        let token = subject.named(&id);
        let code = |at: u64| match token {
            Some(known) if known.kind == Kind::Hotp => code_of(&known.seed, at),
            _ => "000000".to_owned(),
        };
        // The device in hand, which has not gone back with the store.
        let codes_of = token.map(Token::source_of_codes);
        let shown = self
            .accepted
            .iter()
            .filter(|(of, _)| Some(of) == codes_of.as_ref());
        let shown = shown.map(|(_, factor)| factor + 1).max();
        let next = token.map_or(0, |known| known.next).max(shown.unwrap_or(0));
        let at = next + self.chance.below(20) as u64;
        let codes = match self.chance.below(4) {
            0 => [code(at + 1), code(at)],
            _ => [code(at), code(at + 1)],
        };
        Order::Resync { token: id, codes }
    }

    /// An admin gives an order.
    pub(crate) fn order(&mut self, person: usize, order: Order) -> Law {
        self.order_by(Role::Admin, person, order, None)
    }

    /// An operator gives an order. It waits for the writer, unless it is refused at once.
    fn order_by(
        &mut self,
        role: Role,
        person: usize,
        order: Order,
        if_revision: Option<u64>,
    ) -> Law {
        let subject = &self.records.people[person];
        // The model knows how a counter is found again, not a clock.
        let totp = |id: &String| subject.named(id).is_some_and(|it| it.kind == Kind::Totp);
        let unknown = self.possible.is_some() && order.is_prepared();
        if unknown || matches!(&order, Order::Resync { token, .. } if totp(token)) {
            return Ok(());
        }
        if let Some(token) = order.owned(subject.name) {
            return self.bring(person, order, &token);
        }
        let Some(mut command) = order.command(subject.name) else {
            return Ok(());
        };
        if let Some(bug) = self.bug {
            bug.misread_page(&mut command, subject);
        }
        let ready = order.ready(&self.records, person);
        self.orders += 1;
        let request = format!("c{}", self.orders);
        let operator = Operator {
            uid: 0,
            name: Arc::from("root"),
            role,
        };
        let manner = Manner {
            reason: Some("simulated".to_owned()),
            dry_run: false,
            if_revision,
            request: request.clone(),
        };
        self.note(|| format!("{request} by {role}: {order:?} for {person}"));
        match self.life().engine.begin(&operator, command, &manner) {
            Err(_) => {}
            Ok(_) if role == Role::Viewer => {
                return Err("a viewer's order is carried out".to_owned());
            }
            Ok(answer) => {
                let ordered = Ordered {
                    person,
                    order,
                    ready,
                    answer: Answer::Command(answer),
                    if_revision,
                };
                self.ordered.insert(request, ordered);
            }
        }
        // A PIN that had to be hashed has made the pool work.
        self.pool_told()
    }
}

/// The token that was shown to an app of this person.
fn of_app(subject: &Person) -> Option<String> {
    let shown =
        |token: &&Token| token.serial.is_none() && token.kind == Kind::Totp && !token.obsolete;
    let found = subject.tokens.iter().find(shown);
    found.and_then(|token| token.id.clone())
}
