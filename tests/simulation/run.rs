//! One run: a site, its people and its daemon through all its lives, step by step from one seed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use mfad::domain::action::Role;
use mfad::domain::event::Operator;
use mfad::domain::user::UserState;
use mfad::engine::World as _;
use mfad::engine::prepare::Manner;
use mfad::engine::writer::Reply;
use mfad::time::Now;

use super::bugs::Bug;
use super::ledger::Ledger;
use super::life::Life;
use super::lives::Saved;
use super::orders::Order;
use super::person::{Kind, Person, Token, latest};
use super::power::Power;
use super::seam::{Mishap, Plan};
use super::site::{Outside, Site};
use super::traffic::Datagram;
use crate::common::chance::Chance;
use crate::common::disk::Disk;

/// A law holds, or the story of how it was broken.
pub(crate) type Law = Result<(), String>;

pub(crate) const NAMES: [&str; 4] = ["alice", "bob", "carol", "dave"];
const PINS: [&[u8]; 3] = [b"402817", b"915263", b"7306418"];

/// An attempt that the engine has.
pub(crate) struct Pending {
    pub(crate) number: usize,
    /// The revision that its passcode was looked at on, and when.
    pub(crate) look: Option<(u64, Now)>,
    /// Checks of its PIN that were asked for, at most.
    pub(crate) checks: u32,
}

/// A command that waits for the writer.
pub(crate) struct Ordered {
    pub(crate) person: usize,
    pub(crate) order: Order,
    pub(crate) answer: Receiver<Reply>,
    pub(crate) if_revision: Option<u64>,
}

pub(crate) struct Run {
    pub(crate) chance: Chance,
    pub(crate) site: Site,
    pub(crate) outside: Arc<Outside>,
    pub(crate) bug: Option<Bug>,
    pub(crate) plan: Arc<Plan>,
    /// None: the store is in a plain folder, and a crash leaves all that was written.
    pub(crate) power: Option<Power>,
    pub(crate) folder: TempDir,
    pub(crate) lives: u32,
    pub(crate) store: PathBuf,
    pub(crate) life: Option<Life>,
    pub(crate) people: Vec<Person>,
    /// What the people may be instead, while nobody can know.
    pub(crate) possible: Option<Vec<Vec<Person>>>,
    pub(crate) datagrams: Vec<Datagram>,
    pub(crate) network: Vec<usize>,
    pub(crate) pending: BTreeMap<[u64; 2], Pending>,
    pub(crate) ordered: BTreeMap<String, Ordered>,
    orders: u64,
    /// Answers that leave later.
    pub(crate) held: Vec<(u64, usize, Arc<[u8]>)>,
    /// The last counted wrong passcode of a person at a gateway (D17).
    pub(crate) wrong: BTreeMap<(usize, usize), (u64, Vec<u8>)>,
    /// Codes that somebody was let in with, for ever: person, seed or set, factor.
    pub(crate) accepted: BTreeSet<(usize, Vec<u8>, u64)>,
    pub(crate) ledger: Ledger,
    pub(crate) saved: Vec<Saved>,
    pub(crate) fence_is_due: bool,
    /// Orders that were done and verdicts that changed something, since the log was read.
    pub(crate) done: Vec<(String, u64)>,
    pub(crate) written: Vec<([u8; 32], bool)>,
    /// Rejects of this life, and where its records begin; none if something went wrong in it.
    pub(crate) rejects: Option<(u64, usize)>,
    pub(crate) last_typed: (usize, Vec<u8>),
    pub(crate) digest: Sha256,
    story: VecDeque<String>,
    /// How far the wall clock is off.
    wall_off: i64,
    diagnosed: bool,
    pub(crate) seen: Seen,
}

/// How often what happened: a simulation in which nothing happens finds nothing.
pub(crate) type Seen = BTreeMap<String, u64>;

/// What is left of a run that broke no law.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) digest: [u8; 32],
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.digest
            .iter()
            .try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

/// Lives one seed.
pub(crate) fn live(
    seed: u64,
    steps: usize,
    bug: Option<Bug>,
    disk: Option<&Arc<Disk>>,
) -> Result<(Ended, Seen), String> {
    end(Run::new(seed, bug, disk), steps)
}

/// Lives one seed; with `diagnosed` wrong codes are looked for at other times after every step,
/// without it nobody looks, and the queue is full at last.
pub(crate) fn live_diagnosed(
    seed: u64,
    steps: usize,
    diagnosed: bool,
) -> Result<(Ended, Seen), String> {
    let mut run = Run::new(seed, None, None);
    run.diagnosed = diagnosed;
    end(run, steps)
}

fn end(mut run: Run, steps: usize) -> Result<(Ended, Seen), String> {
    match run.live(steps) {
        Ok(ended) => Ok((ended, run.seen)),
        Err(broken) => {
            let story: Vec<String> = run.story.drain(..).collect();
            Err(format!(
                "{broken}\n  the last steps were:\n  {}",
                story.join("\n  ")
            ))
        }
    }
}

impl Run {
    fn new(seed: u64, bug: Option<Bug>, disk: Option<&Arc<Disk>>) -> Self {
        let mut chance = Chance::of(seed);
        let site = Site::random(&mut chance);
        let wall_only = bug == Some(Bug::ClockOfTheWall);
        let outside = Arc::new(Outside::new(chance.fork(), wall_only));
        // Memory, where there is some: nothing here waits for a disk.
        let memory = std::path::Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            TempDir::new_in(memory)
        } else {
            TempDir::new()
        };
        let folder = folder.unwrap();
        let syncs = bug != Some(Bug::NothingSynced);
        let power = disk.map(|disk| Power::new(Arc::clone(disk), syncs));
        let store = match disk {
            Some(disk) => disk.root().to_owned(),
            None => folder.path().join("store0"),
        };
        if disk.is_none() {
            std::fs::create_dir(&store).unwrap();
        }
        Self {
            chance,
            site,
            outside,
            bug,
            plan: Arc::new(Plan::new(disk.cloned())),
            power,
            folder,
            lives: 0,
            store,
            life: None,
            people: NAMES.iter().map(|name| Person::nobody(name)).collect(),
            possible: None,
            datagrams: Vec::new(),
            network: Vec::new(),
            pending: BTreeMap::new(),
            ordered: BTreeMap::new(),
            orders: 0,
            held: Vec::new(),
            wrong: BTreeMap::new(),
            accepted: BTreeSet::new(),
            ledger: Ledger::default(),
            saved: Vec::new(),
            fence_is_due: false,
            done: Vec::new(),
            written: Vec::new(),
            rejects: None,
            last_typed: (0, Vec::new()),
            digest: Sha256::new(),
            story: VecDeque::new(),
            wall_off: 0,
            diagnosed: false,
            seen: Seen::new(),
        }
    }

    fn live(&mut self, steps: usize) -> Result<Ended, String> {
        self.birth(true)?;
        self.settle_people()?;
        for _ in 0..steps {
            self.step()?;
            self.diagnose();
            if self.plan.is_dead() {
                self.rebirth()?;
            }
        }
        self.stop()?;
        self.birth(false)?;
        self.stop()?;
        Ok(Ended {
            digest: self.digest.clone().finalize().into(),
        })
    }

    /// Looks for all wrong codes whose Rejects have left, if this run does.
    fn diagnose(&mut self) {
        while self.diagnosed && self.life().engine.diagnose_next() {
            self.count("diagnosed");
        }
        if self.life().engine.counters().diagnoses_dropped.value() > 0 {
            self.count("dropped");
        }
    }

    pub(crate) fn life(&mut self) -> &mut Life {
        self.life.as_mut().unwrap()
    }

    pub(crate) fn count(&mut self, what: &str) {
        *self.seen.entry(what.to_owned()).or_default() += 1;
    }

    pub(crate) fn note(&mut self, what: impl FnOnce() -> String) {
        if self.story.len() >= 60 {
            self.story.pop_front();
        }
        let what = what();
        self.story.push_back(what);
    }

    /// People with their tokens; dave has none.
    fn settle_people(&mut self) -> Law {
        let token = |kind, seed: &str, next| Order::AddToken {
            kind,
            seed: format!("12345678901234567{seed}").into_bytes(),
            next,
            serial: format!("S-{seed}"),
        };
        let pin = || Order::ResetPin(PINS[0].to_vec());
        let orders = [
            (0, Order::Add),
            (1, Order::Add),
            (2, Order::Add),
            (0, token(Kind::Totp, "001", 0)),
            (1, token(Kind::Hotp, "002", 5)),
            (2, token(Kind::Hotp, "003", 0)),
            (0, pin()),
            (1, pin()),
            (2, pin()),
            (2, token(Kind::Totp, "004", 0)),
            (2, Order::IssueCodes),
        ];
        for (person, order) in orders {
            self.order(person, order, None)?;
            self.turn(usize::MAX)?;
        }
        Ok(())
    }

    fn step(&mut self) -> Law {
        match self.chance.below(1000) {
            0..230 => self.send_new(),
            230..280 => self.send_again(),
            280..600 => self.deliver()?,
            600..700 => drop(self.check_one()?),
            700..850 => {
                let most = [1, 2, 4, usize::MAX][self.chance.below(4)];
                self.turn(most)?;
            }
            850..900 => self.random_order()?,
            900..960 => self.pass()?,
            960..966 => self.jump(),
            966..976 if self.power.is_some() => self.trouble(),
            966..980 => self.rest(),
            980..988 => {
                let mishap = [
                    Mishap::Fails,
                    Mishap::Unknown,
                    Mishap::CrashBefore,
                    Mishap::CrashAfter,
                ][self.chance.below(4)];
                self.note(|| format!("next commit: {mishap:?}"));
                self.plan.prepare(mishap);
            }
            988..992 if self.power.is_some() => {
                let calls = self.chance.below(60);
                self.note(|| format!("dies after {calls} calls"));
                self.plan.die_after(calls);
            }
            988..992 => {
                self.note(|| "dies".to_owned());
                self.plan.die();
            }
            992..995 => self.save(),
            995..998 => {
                self.stop()?;
                if self.chance.below(2) == 0 {
                    self.put_back()?;
                } else {
                    self.birth(false)?;
                }
            }
            _ => {
                // Everything at once, until nothing is left.
                self.drain()?;
            }
        }
        Ok(())
    }

    fn pass(&mut self) -> Law {
        let ms = match self.chance.below(20) {
            0 => self.chance.below(20 * 24 * 3_600_000),
            1..3 => self.chance.below(3_600_000),
            3..8 => self.chance.below(60_000),
            _ => self.chance.below(2_000),
        };
        self.note(|| format!("{ms} ms pass"));
        self.outside.pass(Duration::from_millis(ms as u64));
        if ms > 3_600_000 {
            self.outside.believe_the_wall();
        }
        self.let_leave()
    }

    /// Sends what may leave now.
    pub(crate) fn let_leave(&mut self) -> Law {
        let now_us = self.outside.true_now().mono_us;
        let held = std::mem::take(&mut self.held);
        for (leave_us, number, octets) in held {
            if leave_us <= now_us {
                self.read(number, &octets)?;
            } else {
                self.held.push((leave_us, number, octets));
            }
        }
        Ok(())
    }

    fn jump(&mut self) {
        const YEAR_MS: i64 = 365 * 24 * 3_600_000;
        let by = [0, 0, 1_000, 30_000, 3_600_000, YEAR_MS, 10 * YEAR_MS][self.chance.below(7)];
        let off = if self.chance.coin() { by } else { -by };
        let now = self.outside.true_now();
        let wall = now.wall.0 - self.wall_off + off;
        self.wall_off = off;
        self.note(|| format!("the wall clock is {off} ms off"));
        self.outside.set_wall(wall);
    }

    /// The disk fails for a moment, or until the next time it is looked after.
    fn trouble(&mut self) {
        let Some(power) = self.power.as_ref().filter(|_| !self.plan.will_die()) else {
            return;
        };
        if self.chance.coin() {
            power.disk.heal();
            return;
        }
        let fault = power.trouble(&mut self.chance);
        self.note(|| format!("the disk: {fault:?}"));
    }

    fn rest(&mut self) {
        let now = self.outside.now();
        self.life().writer.rest(now);
        if self.possible.is_none() && self.life().writer.broken().is_some() {
            self.possible = Some(vec![self.people.clone()]);
            self.forget_after_a_failure();
        }
    }

    /// What the writer keeps in memory goes with a failed commit.
    pub(crate) fn forget_after_a_failure(&mut self) {
        self.rejects = None;
        self.wrong.clear();
    }

    fn random_order(&mut self) -> Law {
        let person = self.chance.below(self.people.len());
        let now = self.outside.true_now();
        let subject = self.people[person].clone();
        let tokens = subject.tokens.len().max(1);
        let token = self.chance.below(tokens);
        let soon = latest(now) + i64::try_from(self.chance.below(900_000)).unwrap() + 1;
        let until = self.chance.coin().then_some(soon);
        let repair = self.repair(&subject);
        let order = match self.chance.below(28) {
            _ if repair.is_some() && self.chance.coin() => repair.unwrap(),
            0..4 => Order::Unlock {
                with_pin: self.chance.coin(),
            },
            4 => Order::Lock(until),
            5..7 => Order::UnblockPin,
            7..9 => Order::ResetPin(PINS[self.chance.below(PINS.len())].to_vec()),
            9 => Order::ClearCounters,
            10..13 => {
                let states = UserState::ALL;
                Order::State(states[self.chance.below(states.len())])
            }
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
            _ if subject.revision == 0 => Order::Add,
            _ => Order::IssueCodes,
        };
        let crowded = subject.grants.len() > 20 || subject.tokens.len() > 7;
        if crowded && matches!(order, Order::Grant { .. } | Order::Renew) {
            return Ok(());
        }
        let if_revision = (self.chance.below(5) == 0).then_some(subject.revision);
        self.order(person, order, if_revision)
    }

    /// What a help desk would do for somebody who cannot log in.
    fn repair(&mut self, subject: &Person) -> Option<Order> {
        let token = |bad: fn(&Token) -> bool| subject.tokens.iter().position(bad);
        if subject.lock.is_some() || subject.pin_blocked.is_some() {
            return Some(Order::Unlock { with_pin: true });
        }
        match subject.state {
            "deactivated" => return Some(Order::Reactivate),
            "reset" | "reset-all" => return Some(Order::State(UserState::Steady)),
            _ => {}
        }
        if let Some(at) = token(|token| token.disabled.is_some()) {
            return Some(Order::Enable(at));
        }
        if let Some(at) = token(|token| token.locked_until.is_some()) {
            return Some(Order::UnlockToken(at));
        }
        if let Some(at) = token(|token| token.resync && token.kind == Kind::Hotp) {
            return Some(self.resync(subject, at));
        }
        let lost = !subject
            .tokens
            .iter()
            .any(|t| t.kind != Kind::Recovery && !t.obsolete);
        (subject.revision > 0 && lost && subject.tokens.len() < 7).then(|| {
            let serial = format!("{:05}", self.orders);
            Order::AddToken {
                kind: if self.chance.coin() {
                    Kind::Hotp
                } else {
                    Kind::Totp
                },
                seed: format!("123456789012345{serial}").into_bytes(),
                next: 0,
                serial,
            }
        })
    }

    fn resync(&mut self, subject: &Person, token: usize) -> Order {
        let code = |at: u64| match subject.tokens.get(token) {
            Some(known) if known.kind == Kind::Hotp => super::person::code_of(&known.seed, at),
            _ => "000000".to_owned(),
        };
        // The device in hand, which has not gone back with the store.
        let shown = self.accepted.iter().filter(|(at, seed, _)| {
            let known = subject.tokens.get(token).map(|known| &known.seed);
            self.people[*at].name == subject.name && Some(seed) == known
        });
        let shown = shown.map(|(_, _, factor)| factor + 1).max();
        let next = subject.tokens.get(token).map_or(0, |known| known.next);
        let next = next.max(shown.unwrap_or(0));
        let at = next + self.chance.below(20) as u64;
        let codes = match self.chance.below(4) {
            0 => [code(at + 1), code(at)],
            _ => [code(at), code(at + 1)],
        };
        Order::Resync { token, codes }
    }

    /// An operator gives an order. It waits for the writer, unless it is refused at once.
    fn order(&mut self, person: usize, order: Order, if_revision: Option<u64>) -> Law {
        let totp = |at: &usize| {
            let tokens = &self.people[person].tokens;
            tokens
                .get(*at)
                .is_some_and(|token| token.kind == Kind::Totp)
        };
        // The model knows how a counter is found again, not a clock.
        if matches!(&order, Order::Resync { token, .. } if totp(token)) {
            return Ok(());
        }
        let Some(command) = order.command(&self.people[person]) else {
            return Ok(());
        };
        self.orders += 1;
        let request = format!("c{}", self.orders);
        let operator = Operator {
            uid: 0,
            name: Arc::from("root"),
            role: if self.chance.below(16) == 0 && !order.makes_a_person() {
                Role::Viewer
            } else {
                Role::Admin
            },
        };
        let viewer = operator.role == Role::Viewer;
        let manner = Manner {
            reason: Some("simulated".to_owned()),
            dry_run: false,
            if_revision,
            request: request.clone(),
        };
        self.note(|| format!("{request} by {}: {order:?} for {person}", operator.role));
        match self.life().engine.begin(&operator, command, &manner) {
            Err(_) => Ok(()),
            Ok(_) if viewer => Err("a viewer's order is carried out".to_owned()),
            Ok(answer) => {
                let ordered = Ordered {
                    person,
                    order,
                    answer,
                    if_revision,
                };
                self.ordered.insert(request, ordered);
                Ok(())
            }
        }
    }

    /// The revision and the time at which the passcode of this datagram is looked at now; none if it
    /// is not looked at.
    pub(crate) fn look(&self, number: usize, now: Now) -> Option<(u64, Now)> {
        let person = &self.people[self.datagrams[number].person];
        let shut = matches!(person.state, "deactivated" | "revoke");
        let open = person.revision > 0 && !shut && !person.is_locked(now);
        open.then_some((person.revision, now))
    }
}
