//! One run: a site, its people and its daemon through all its lives, step by step from one seed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use mfad::domain::message::MessageId;
use mfad::domain::user::{AuthState, UserId};
use mfad::engine::World as _;
use mfad::engine::writer::Reply;
use mfad::time::Now;

use super::answering::Shown;
use super::bugs::Bug;
use super::judging::Door;
use super::ledger::Ledger;
use super::life::Life;
use super::linking::Secrets;
use super::lives::Saved;
use super::orders::{Order, Ready};
use super::person::Rules;
use super::power::Power;
use super::records::Records;
use super::seam::{Mishap, Plan};
use super::site::{Outside, Site};
use super::traffic::Datagram;
use super::waiting::Source;
use crate::common::chance::Chance;
use crate::common::disk::Disk;

/// A law holds, or the story of how it was broken.
pub(crate) type Law = Result<(), String>;

pub(crate) const NAMES: [&str; 4] = ["alice", "bob", "carol", "dave"];

/// The last counted wrong passcode of a person at a gateway, and when it came (D17).
pub(crate) type Wrong = BTreeMap<(usize, usize), (u64, Vec<u8>)>;

/// Codes that somebody was let in with, for ever: of what they are codes, and which one.
pub(crate) type Accepted = BTreeSet<(String, u64)>;

/// A passcode was looked at: on which record, when, and by which rules.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    pub(crate) version: (u32, u64),
    pub(crate) at: Now,
    pub(crate) rules: Rules,
}

/// An attempt that the engine has.
pub(crate) struct Pending {
    pub(crate) number: usize,
    pub(crate) look: Option<Look>,
    /// Checks of its PIN that were asked for, at most.
    pub(crate) checks: u32,
    pub(crate) received_us: u64,
    /// The gateway as it was configured then.
    pub(crate) door: Door,
}

/// Where what becomes of an order is told.
pub(crate) enum Answer {
    Command(Receiver<Reply>),
    /// Of people out of a file.
    People(Receiver<Option<u64>>),
}

/// A command that waits for the writer.
pub(crate) struct Ordered {
    pub(crate) person: usize,
    pub(crate) order: Order,
    pub(crate) ready: Ready,
    pub(crate) answer: Answer,
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
    pub(crate) records: Records,
    /// What they may be instead, while nobody can know.
    pub(crate) possible: Option<Vec<Records>>,
    /// Failures that lock a name, the most there ever were; none if there was a time without such a
    /// limit.
    pub(crate) limit: Option<u32>,
    pub(crate) datagrams: Vec<Datagram>,
    pub(crate) network: Vec<usize>,
    /// What gateways show people, as they have heard it.
    pub(crate) shown: VecDeque<Shown>,
    pub(crate) pending: BTreeMap<[u64; 2], Pending>,
    pub(crate) ordered: BTreeMap<String, Ordered>,
    /// People as they were when a token was first brought in, for a planted bug.
    pub(crate) first_import: BTreeMap<UserId, AuthState>,
    pub(crate) orders: u64,
    /// Answers that leave later.
    pub(crate) held: Vec<(u64, usize, Arc<[u8]>)>,
    pub(crate) wrong: Wrong,
    pub(crate) accepted: Accepted,
    pub(crate) ledger: Ledger,
    /// Records of the log when the messages were counted last.
    pub(crate) told: usize,
    /// Messages whose secrets have been read, and the secrets of links, whoever has them.
    pub(crate) read: BTreeSet<MessageId>,
    pub(crate) secrets: Secrets,
    /// Secrets that people have, used or not.
    pub(crate) letters: Vec<(usize, String)>,
    pub(crate) saved: Vec<Saved>,
    pub(crate) fence_is_due: bool,
    /// Orders that were done and verdicts that changed something, since the log was read.
    pub(crate) done: Vec<(String, u64)>,
    pub(crate) written: Vec<([u8; 32], &'static str)>,
    /// Rejects of this life, and where its records begin; none if something went wrong in it.
    pub(crate) rejects: Option<(u64, usize)>,
    pub(crate) last_typed: (usize, Vec<u8>),
    pub(crate) digest: Sha256,
    story: VecDeque<String>,
    /// How far the wall clock is off, and how often it was set.
    pub(crate) wall_off: i64,
    pub(crate) jumps: u64,
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
    pub(crate) fn new(seed: u64, bug: Option<Bug>, disk: Option<&Arc<Disk>>) -> Self {
        let mut chance = Chance::of(seed);
        let site = Site::random(&mut chance);
        let limit = site.rules.limit();
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
            records: Records::empty(),
            possible: None,
            limit,
            datagrams: Vec::new(),
            network: Vec::new(),
            shown: VecDeque::new(),
            pending: BTreeMap::new(),
            ordered: BTreeMap::new(),
            first_import: BTreeMap::new(),
            orders: 0,
            held: Vec::new(),
            wrong: BTreeMap::new(),
            accepted: BTreeSet::new(),
            ledger: Ledger::default(),
            told: 0,
            read: BTreeSet::new(),
            secrets: Secrets::new(),
            letters: Vec::new(),
            saved: Vec::new(),
            fence_is_due: false,
            done: Vec::new(),
            written: Vec::new(),
            rejects: None,
            last_typed: (0, Vec::new()),
            digest: Sha256::new(),
            story: VecDeque::new(),
            wall_off: 0,
            jumps: 0,
            diagnosed: false,
            seen: Seen::new(),
        }
    }

    fn live(&mut self, steps: usize) -> Result<Ended, String> {
        self.birth(true)?;
        self.settle_people()?;
        self.save();
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

    fn step(&mut self) -> Law {
        match self.chance.below(1000) {
            0..230 => self.send_new(),
            230..280 => self.send_again(),
            280..600 => self.deliver()?,
            600..700 => drop(self.check_one()?),
            700..840 => {
                let most = [1, 2, 4, usize::MAX][self.chance.below(4)];
                self.turn(most)?;
            }
            840..850 => self.walk()?,
            850..895 => self.random_order()?,
            895..900 => self.enrol()?,
            900..960 => self.pass()?,
            960..966 => self.jump(),
            966..971 => self.reload(),
            971..973 => self.begin_anew()?,
            973 => self.flood()?,
            974..980 if self.power.is_some() => self.trouble(),
            974..980 => self.rest(),
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

    pub(crate) fn jump(&mut self) {
        const YEAR_MS: i64 = 365 * 24 * 3_600_000;
        let by = [0, 0, 1_000, 30_000, 3_600_000, YEAR_MS, 10 * YEAR_MS][self.chance.below(7)];
        let off = if self.chance.coin() { by } else { -by };
        let now = self.outside.true_now();
        let wall = now.wall.0 - self.wall_off + off;
        self.wall_off = off;
        self.jumps += 1;
        self.note(|| format!("the wall clock is {off} ms off"));
        self.outside.set_wall(wall);
    }

    /// The configuration is edited and read again.
    pub(crate) fn reload(&mut self) {
        if self.possible.is_some() {
            return; // A reload that cannot be recorded is none.
        }
        self.site.edit(&mut self.chance);
        let Self { site, life, .. } = self;
        life.as_ref().unwrap().reload(site);
        let limits = self.limit.zip(self.site.rules.limit());
        self.limit = limits.map(|(before, now)| before.max(now));
        self.forget_gateways();
        self.count("reloads");
        let Site { rules, doors, .. } = self.site.clone();
        self.note(|| format!("reloads: {rules:?} {doors:?}"));
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
            self.possible = Some(vec![self.records.clone()]);
            self.forget_after_a_failure();
        }
    }

    /// What the writer keeps in memory goes with a failed commit.
    pub(crate) fn forget_after_a_failure(&mut self) {
        self.rejects = None;
        self.wrong.clear();
    }

    /// How the passcode of this datagram is looked at now; none if it is not looked at.
    pub(crate) fn look(&self, number: usize, now: Now) -> Option<Look> {
        let datagram = &self.datagrams[number];
        let (person, rules) = (&self.records.people[datagram.person], self.site.rules);
        let source = Source {
            gateway: self.site.doors[datagram.door].name,
            station: datagram.station,
        };
        let sent = datagram.sent(&self.site.doors[datagram.door]);
        // Who has not signed in for too long is locked when the attempt is judged.
        let active = Rules {
            inactive_ms: 0,
            ..rules
        };
        let open = person.exists()
            && person.shut(source, &active, now).is_none()
            && (sent.state.is_none() || person.answered(&sent, now).is_some());
        open.then(|| Look {
            version: person.version(),
            at: now,
            rules,
        })
    }
}
