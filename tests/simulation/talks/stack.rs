//! The daemon of a conversation through all its lives: a door, an engine, a writer and a store, started
//! on what the life before has left.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use mfad::access::{DropReason, Gateway, GatewayTable};
use mfad::domain::dialogue::Handle;
use mfad::domain::judge::{Fresh, judge_stranger};
use mfad::domain::policy::{GatewayPolicy, Policy};
use mfad::domain::verdict::Verdict;
use mfad::engine::writer::Job;
use mfad::engine::{Rules, World as _};
use mfad::radius::{AttributeType, KeyedSecret, RequestBuilder};
use mfad::store::sqlite::restore;
use mfad::time::{Now, Timestamp};

use crate::bugs::Bug;
use crate::common::chance::Chance;
use crate::common::disk::Disk;
use crate::common::gateway::verified;
use crate::life::{Arrival, Birth, Life, STORE, Setting, Told, keys, store_site};
use crate::power::Power;
use crate::seam::{Mishap, Plan};
use crate::site::Outside;

const SECRET: &str = "the secret of all gateways here";
/// Jobs that the writer takes at once, at most.
const BATCH_MAX: usize = 8;

/// A request, as its gateway has sent it and will send it again.
#[derive(Clone)]
pub(crate) struct Datagram {
    octets: Vec<u8>,
    peer: SocketAddr,
}

/// What became of a datagram at the door.
pub(crate) enum Heard {
    /// It is judged, under this ticket; and so would that of a stranger be.
    Judging([u64; 2], Box<Verdict>),
    /// It was judged before.
    Answered(Vec<u8>),
    Dropped(DropReason),
}

/// How a step is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Well,
    /// The commit fails.
    Fails,
    /// The process dies on the way, at a call of the disk if that is the run's own.
    Dies,
    /// It dies before the commit, whatever the disk.
    DiesBefore,
}

pub(crate) struct Stack {
    pub(crate) chance: Chance,
    pub(crate) outside: Arc<Outside>,
    policy: Policy,
    gateways: Vec<Arc<GatewayPolicy>>,
    bug: Option<Bug>,
    plan: Arc<Plan>,
    power: Option<Power>,
    folder: TempDir,
    store: PathBuf,
    lives: u32,
    life: Option<Life>,
    told: Vec<Told>,
    /// By how much the monotonic clock is ahead of the model's steady one.
    ahead_us: u64,
    sent: u32,
}

impl Stack {
    /// A site that was never started.
    pub(crate) fn new(
        mut chance: Chance,
        (policy, gateways): (&Policy, &[Arc<GatewayPolicy>]),
        bug: Option<Bug>,
        disk: Option<&Arc<Disk>>,
    ) -> Self {
        let memory = std::path::Path::new("/dev/shm");
        let folder = match memory.is_dir() {
            true => TempDir::new_in(memory),
            false => TempDir::new(),
        };
        let folder = folder.unwrap();
        let power = disk.map(|disk| Power::new(Arc::clone(disk), true));
        let store = disk.map_or_else(
            || folder.path().join("store0"),
            |disk| disk.root().to_owned(),
        );
        if disk.is_none() {
            std::fs::create_dir(&store).unwrap();
        }
        let mut policy = policy.clone();
        if let Some(bug) = bug {
            bug.loosen(&mut policy);
        }
        Self {
            outside: Arc::new(Outside::new(chance.fork(), false)),
            chance,
            policy,
            gateways: gateways.to_vec(),
            bug,
            plan: Arc::new(Plan::new(disk.cloned())),
            power,
            folder,
            store,
            lives: 0,
            life: None,
            told: Vec::new(),
            ahead_us: 7_000_000,
            sent: 0,
        }
    }

    pub(crate) fn life(&mut self) -> &mut Life {
        self.life.as_mut().unwrap()
    }

    /// The clocks are the model's.
    pub(crate) fn set(&self, now: Now) {
        let since = now.steady.since(Timestamp(1_800_000_015_000));
        let mono_us = u64::try_from(since.as_micros()).unwrap() + self.ahead_us;
        self.outside.set(Now { mono_us, ..now });
    }

    /// Time passes for the machine alone: the model's clocks stand.
    pub(crate) fn wait(&mut self, span: Duration) {
        let us = u64::try_from(span.as_micros()).unwrap();
        self.ahead_us += us;
        let now = self.outside.true_now();
        let mono_us = now.mono_us + us;
        self.outside.set(Now { mono_us, ..now });
    }

    fn setting(&self) -> Setting {
        let gateway = |(at, policy): (usize, &Arc<GatewayPolicy>)| Gateway {
            policy: Arc::clone(policy),
            networks: vec![format!("192.0.2.{}", at + 1).parse().unwrap()],
            secret: KeyedSecret::new(SECRET.as_bytes()),
            require_message_authenticator: true,
            attributes: Vec::new(),
        };
        let gateways = self.gateways.iter().enumerate().map(gateway).collect();
        Setting {
            rules: Rules {
                policy: self.policy.clone(),
                gateways: self.gateways.clone(),
            },
            table: GatewayTable::new(gateways).unwrap(),
            sizes: [4, 4],
        }
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join(format!("store{}", self.lives))
    }

    /// A daemon on the store as it is.
    pub(crate) fn start(&mut self, create: bool) -> Result<(), String> {
        self.lives += 1;
        loop {
            self.plan.begin(&self.store, &self.image());
            if self.power.is_some() && !create && self.chance.below(4) == 0 {
                self.plan.die_after(self.chance.below(40));
            }
            let birth = Birth {
                setting: self.setting(),
                outside: &self.outside,
                folder: self.store.clone(),
                create,
                boot: self.lives,
                plan: &self.plan,
                bug: self.bug,
            };
            let life = Life::start(birth);
            if !self.plan.is_dead() {
                let life = life.map_err(|error| format!("does not start: {error}"))?;
                self.life = Some(life);
                // Nothing goes wrong before something is to.
                self.plan.begin(&self.store, &self.image());
                self.look_after_the_disk();
                return Ok(());
            }
            if let Ok(life) = life {
                life.end();
            }
            self.pull_the_plug();
        }
    }

    fn pull_the_plug(&mut self) {
        match &mut self.power {
            Some(power) => drop(power.cut(&mut self.chance)),
            None => self.store = self.image(),
        }
    }

    fn look_after_the_disk(&self) {
        if let Some(power) = &self.power {
            power.disk.heal();
        }
    }

    /// The process dies now.
    pub(crate) fn die(&self) {
        self.plan.die();
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.plan.is_dead()
    }

    /// On what a crash has left.
    pub(crate) fn rebirth(&mut self) -> Result<(), String> {
        self.die();
        if let Some(life) = self.life.take() {
            life.end();
        }
        self.told.clear();
        self.pull_the_plug();
        self.start(false)
    }

    /// A clean stop.
    pub(crate) fn stop(&mut self) {
        self.pump();
        if let Some(life) = self.life.take() {
            life.stop();
        }
    }

    /// Puts a backup back.
    pub(crate) fn restore(&mut self, backup: &std::path::Path) -> Result<(), String> {
        let (keys, path) = (keys(), self.store.join(STORE));
        let site = store_site(&path, &keys, self.outside.now(), self.lives);
        let restored = restore(&site, backup);
        restored.map_err(|error| format!("restore: {error}"))?;
        self.start(false)
    }

    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn prepare(&self, fate: Fate, calls: usize) {
        match fate {
            Fate::Well => {}
            Fate::Fails => self.plan.prepare(Mishap::Fails),
            Fate::Dies if self.power.is_some() => self.plan.die_after(calls % 12),
            Fate::Dies if calls.is_multiple_of(2) => self.plan.prepare(Mishap::CrashAfter),
            Fate::Dies | Fate::DiesBefore => self.plan.prepare(Mishap::CrashBefore),
        }
    }

    /// Nothing goes wrong any more: there was no commit to spoil.
    pub(crate) fn calm(&self) {
        self.plan.begin(&self.store, &self.image());
        self.look_after_the_disk();
    }

    /// The store is opened anew after a commit that failed.
    pub(crate) fn mend(&mut self) -> Result<(), String> {
        self.look_after_the_disk();
        for _ in 0..20 {
            if self.life().writer.broken().is_none() {
                return Ok(());
            }
            self.wait(Duration::from_secs(1));
            let now = self.outside.now();
            self.life().writer.turn(&mut Vec::new(), now);
        }
        Err("the store does not open again".to_owned())
    }

    pub(crate) fn is_broken(&mut self) -> bool {
        self.life().writer.broken().is_some()
    }

    /// What a gateway makes of what somebody has typed.
    pub(crate) fn datagram(
        &mut self,
        (gateway, place): (usize, &str),
        name: &str,
        passcode: &[u8],
        state: Option<&[u8]>,
    ) -> Datagram {
        self.sent += 1;
        let identifier = u8::try_from(self.sent % 256).unwrap();
        let port = 40_000 + u16::try_from(self.sent / 256 % 20_000).unwrap();
        let authenticator = self.chance.octets();
        let mut octets = Vec::new();
        let mut request = RequestBuilder::access_request(identifier, &authenticator, &mut octets);
        let mut put = |kind, value: &[u8]| request.attribute(kind, value).unwrap();
        put(AttributeType::USER_NAME, name.as_bytes());
        if !place.is_empty() {
            put(AttributeType::CALLING_STATION_ID, place.as_bytes());
        }
        if let Some(state) = state {
            put(AttributeType::STATE, state);
        }
        request.user_password(passcode, SECRET.as_bytes()).unwrap();
        request.message_authenticator().unwrap();
        let _ = request.finish(SECRET.as_bytes());
        let peer = SocketAddr::new(format!("192.0.2.{}", gateway + 1).parse().unwrap(), port);
        Datagram { octets, peer }
    }

    /// It arrives.
    pub(crate) fn send(&mut self, datagram: &Datagram) -> Heard {
        match self.life().receive(&datagram.octets, datagram.peer) {
            Arrival::Attempt(attempt, ticket) => {
                let now = self.outside.now();
                let dialogue_key = keys();
                let key = dialogue_key.dialogue_key();
                let fresh = Fresh {
                    handle: Some(Handle::fresh(key, &attempt.digest, now.wall)),
                    ..Fresh::default()
                };
                let stranger = judge_stranger(&attempt, &fresh, &self.policy, now);
                let stranger = stranger.expect("a stranger lacks nothing").verdict;
                let parts = ticket.parts();
                self.life().submit(attempt, ticket);
                let told = self.life().told();
                self.told.extend(told);
                Heard::Judging(parts, Box::new(stranger))
            }
            Arrival::Replied(octets) => {
                let _ = verified(&datagram.octets, &octets, SECRET.as_bytes());
                Heard::Answered(octets)
            }
            Arrival::Dropped(why) => Heard::Dropped(why),
        }
    }

    /// The same octets again, when all that was held back may have left.
    pub(crate) fn send_again(&mut self, datagram: &Datagram) -> Heard {
        const HELD: Duration = Duration::from_millis(1_001);
        match self.send(datagram) {
            Heard::Dropped(DropReason::DuplicateInProgress) => {
                self.wait(HELD);
                let now = self.outside.true_now();
                self.outside.set(Now {
                    wall: now.wall + HELD,
                    ..now
                });
                let heard = self.send(datagram);
                let mono_us = self.outside.true_now().mono_us;
                self.outside.set(Now { mono_us, ..now });
                heard
            }
            heard => heard,
        }
    }

    /// Pool and writer work until nothing waits, or something goes wrong.
    pub(crate) fn pump(&mut self) {
        for _ in 0..40 {
            while self.life().engine.check_one() {}
            let jobs = self.life().jobs.try_iter().take(BATCH_MAX);
            let mut jobs: Vec<Job> = jobs.collect();
            if jobs.is_empty() {
                break;
            }
            let now = self.outside.now();
            self.life().writer.turn(&mut jobs, now);
            let told = self.life().told();
            self.told.extend(told);
            if self.is_dead() || self.is_broken() {
                break;
            }
        }
        let told = self.life().told();
        self.told.extend(told);
    }

    /// What was said of the attempt with this ticket.
    pub(crate) fn told(&mut self, ticket: [u64; 2]) -> Option<Told> {
        let at = self.told.iter().position(|told| told.ticket == ticket)?;
        Some(self.told.remove(at))
    }
}

impl Datagram {
    pub(crate) fn digest(&self) -> [u8; 32] {
        use sha2::Digest as _;
        sha2::Sha256::digest(&self.octets).into()
    }

    /// Whether the reply is signed for it.
    pub(crate) fn is_answered_by(&self, reply: &[u8]) -> u8 {
        verified(&self.octets, reply, SECRET.as_bytes()).code
    }
}
