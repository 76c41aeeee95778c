//! One life of the daemon in one thread: access, engine, writer and store, from a start to a stop or
//! a crash.
//!
//! [`Desk`] stands where `daemon/front.rs` stands: it hands datagrams to the door, attempts to the
//! engine and verdicts back. What is left out of the front end are its sockets, its threads and the
//! wheel that holds Rejects: the run holds them itself.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};

use mfad::access::{self, Access, Action, Answer};
use mfad::daemon::prime;
use mfad::domain::attempt::Attempt;
use mfad::domain::event::{Event, Origin};
use mfad::domain::verdict::{Message, Reason, Verdict};
use mfad::engine::pins::PinLimits;
use mfad::engine::writer::{Job, Ticket, Writer};
use mfad::engine::{Answers, Engine, Limits, Parts, Rules, World};
use mfad::secret::{SecretBytes, SecretKey};
use mfad::store::pin_hash::PinHasher;
use mfad::store::seal::Keys;
use mfad::store::sqlite::{self, Fence, Mode, Site as StoreSite, Sizes, SqliteReader};
use mfad::store::{Commit, Read, StoreError};
use mfad::time::Now;

use super::bugs::{Bug, SpoiledReader};
use super::seam::{Plan, Seam};
use super::site::{Outside, Site, lock};

pub(crate) const STORE: &str = "mfad.db";

/// What the engine said of an attempt.
pub(crate) struct Told {
    pub(crate) ticket: [u64; 2],
    /// None: nothing could be decided.
    pub(crate) verdict: Option<Verdict>,
    pub(crate) known: bool,
    /// What the door made of it.
    pub(crate) answer: Option<Answer>,
}

/// The door to RADIUS, and what the engine said.
pub(crate) struct Desk {
    access: Mutex<Access>,
    told: Mutex<Vec<Told>>,
    outside: Arc<Outside>,
    plan: Arc<Plan>,
    bug: Option<Bug>,
}

impl Desk {
    fn tell(&self, ticket: Ticket, known: bool, verdict: Option<Verdict>, said: Option<&Verdict>) {
        // The process is dead: whatever it still does here, nobody sees it.
        if self.plan.is_dead() {
            return;
        }
        let door = access::Ticket::from_parts(ticket.0);
        let reject = Verdict::Reject {
            reason: Reason::UnknownUser,
            message: Message::Denied.into(),
        };
        let strangers = self.bug == Some(Bug::StrangersNotAsked) && !known;
        let answer = match said {
            Some(Verdict::Challenge { .. }) if strangers => {
                lock(&self.access).answer(door, &reject, self.outside.now())
            }
            Some(verdict) => lock(&self.access).answer(door, verdict, self.outside.now()),
            None => {
                lock(&self.access).abandon(door);
                None
            }
        };
        let ticket = ticket.0;
        lock(&self.told).push(Told {
            ticket,
            verdict,
            known,
            answer,
        });
    }
}

impl Answers for Desk {
    fn verdict(&self, ticket: Ticket, _: &Attempt, known: bool, verdict: &Verdict) {
        self.tell(ticket, known, Some(verdict.clone()), Some(verdict));
    }

    fn nothing(&self, ticket: Ticket, attempt: &Attempt) {
        let reject = Verdict::Reject {
            reason: Reason::Internal,
            message: Message::Denied.into(),
        };
        let accept = Verdict::Accept {
            how: mfad::domain::verdict::How::PolicyPassthrough,
            message: None,
        };
        match self.bug {
            Some(Bug::AcceptWhatCannotBeDecided) => {
                self.tell(ticket, false, Some(accept.clone()), Some(&accept));
            }
            _ if attempt.gateway.reject_on_internal_error => {
                self.tell(ticket, false, None, Some(&reject));
            }
            _ => self.tell(ticket, false, None, None),
        }
    }

    fn recorded(&self, _: &Origin, _: &Event, _: u64) {}

    fn flush(&self, _: &mut Vec<SecretBytes>) {}
}

/// A running daemon.
pub(crate) struct Life {
    pub(crate) engine: Arc<Engine>,
    pub(crate) writer: Writer,
    pub(crate) jobs: Receiver<Job>,
    pub(crate) reader: Arc<SqliteReader>,
    pub(crate) fenced: bool,
    desk: Arc<Desk>,
    scratch: Vec<u8>,
}

pub(crate) fn keys() -> Keys {
    Keys::derive(&SecretKey::new([9; 32])).unwrap()
}

/// The store of a folder, for whoever opens it.
pub(crate) fn store_site<'a>(path: &'a Path, keys: &'a Keys, now: Now, boot: u32) -> StoreSite<'a> {
    StoreSite {
        path,
        keys,
        node: Arc::from("sim"),
        boot: Arc::from(format!("boot{boot}")),
        fence: Fence {
            now,
            window_steps: 1,
        },
        sizes: Sizes {
            readers: 1,
            walkers: 1,
            log_octets: 1 << 15,
            // Moved often, so that crashes meet it.
            checkpoint_octets: 1 << 16,
        },
    }
}

/// What is configured when a daemon starts.
pub(crate) struct Setting {
    pub(crate) rules: Rules,
    pub(crate) table: access::GatewayTable,
    /// Records and right PINs that the engine keeps in memory.
    pub(crate) sizes: [usize; 2],
}

impl Setting {
    /// The site's, with the bug that is planted there.
    pub(crate) fn of(site: &Site, bug: Option<Bug>) -> Self {
        Self {
            rules: rules(site, bug),
            table: site.table(|policy| bugs_of_gateways(bug, policy)),
            sizes: [site.cache_entries, site.pin_memory],
        }
    }
}

/// What a start needs.
pub(crate) struct Birth<'a> {
    pub(crate) setting: Setting,
    pub(crate) outside: &'a Arc<Outside>,
    pub(crate) folder: PathBuf,
    pub(crate) create: bool,
    pub(crate) boot: u32,
    pub(crate) plan: &'a Arc<Plan>,
    pub(crate) bug: Option<Bug>,
}

impl Life {
    pub(crate) fn start(birth: Birth<'_>) -> Result<Self, StoreError> {
        let Birth {
            setting,
            outside,
            folder,
            create,
            boot,
            plan,
            bug,
        } = birth;
        let keys = keys();
        let path = folder.join(STORE);
        let now = outside.now();
        let mode = if create {
            Mode::Create {
                nonce: outside.octets(),
            }
        } else {
            Mode::Existing
        };
        let opened = sqlite::open(&store_site(&path, &keys, now, boot), mode)?;
        let reader = opened.reader;
        let door_keys = access::Keys {
            hash: outside.octets(),
            pseudonym: SecretKey::new(*keys.pseudonym_key().expose()),
        };
        let Setting {
            rules,
            table,
            sizes,
        } = setting;
        let access = Access::new(table, access::Limits::default(), door_keys);
        let desk = Arc::new(Desk {
            access: Mutex::new(access),
            told: Mutex::default(),
            outside: Arc::clone(outside),
            plan: Arc::clone(plan),
            bug,
        });
        let parts = parts((rules, sizes), bug, keys, &reader, outside, &desk);
        let (engine, jobs) = Engine::new(parts).unwrap();
        let store: Box<dyn Commit> = Box::new(opened.writer);
        let writer = engine
            .writer(Box::new(Seam::new(store, Arc::clone(plan), bug)))
            .unwrap();
        if bug != Some(Bug::PrimeSkipped) {
            let verdicts =
                prime::verdicts(&*reader, &engine.rules(), engine.keys().dialogue_key(), now);
            lock(&desk.access).prime(verdicts, now);
        }
        Ok(Self {
            engine,
            writer,
            jobs,
            reader,
            fenced: opened.fenced.is_some(),
            desk,
            scratch: Vec::new(),
        })
    }

    /// A datagram arrives.
    pub(crate) fn receive(&mut self, octets: &[u8], peer: SocketAddr) -> Arrival {
        let now = self.desk.outside.now();
        let mut access = lock(&self.desk.access);
        match access.receive(octets, peer, 0, now, &mut self.scratch) {
            Action::Drop(reason) => Arrival::Dropped(reason),
            Action::Resend { octets } => Arrival::Replied(octets.to_vec()),
            Action::Reply => Arrival::Replied(self.scratch.clone()),
            Action::Attempt { attempt, ticket } => Arrival::Attempt(attempt, ticket),
        }
    }

    pub(crate) fn submit(&self, mut attempt: Attempt, ticket: access::Ticket) {
        if let Some(bug) = self.desk.bug {
            bug.misread(&mut attempt, &self.reader);
        }
        self.engine.submit(attempt, Ticket(ticket.parts()));
    }

    /// Another configuration comes into force, as `daemon/answers/config.rs` puts it there.
    pub(crate) fn reload(&self, site: &Site) {
        let bug = self.desk.bug;
        if bug == Some(Bug::ReloadForgetsAnswers) {
            self.forget_answers(site);
        }
        self.desk.plan.reloaded();
        if bug != Some(Bug::ReloadWithoutGateways) {
            let table = site.table(|policy| bugs_of_gateways(bug, policy));
            lock(&self.desk.access).replace_gateways(table);
        }
        if bug != Some(Bug::ReloadWithoutRules) {
            self.engine.replace_rules(rules(site, bug));
        }
    }

    /// Planted: everything that was answered is forgotten.
    pub(crate) fn forget_answers(&self, site: &Site) {
        let empty = access::GatewayTable::new(Vec::new()).unwrap();
        let mut access = lock(&self.desk.access);
        access.replace_gateways(empty);
        access.replace_gateways(site.table(|_| {}));
    }

    /// What was said since the last time.
    pub(crate) fn told(&self) -> Vec<Told> {
        std::mem::take(&mut lock(&self.desk.told))
    }

    /// Lets go of everything: checks that wait hold the engine.
    pub(crate) fn end(self) {
        let Self {
            engine,
            writer,
            jobs,
            ..
        } = self;
        drop(jobs);
        while engine.check_one() {}
        drop(writer);
    }

    /// A clean stop.
    pub(crate) fn stop(self) {
        let Self {
            engine,
            writer,
            jobs,
            desk,
            ..
        } = self;
        while engine.check_one() {}
        let mut writer = writer;
        let mut rest: Vec<Job> = jobs.try_iter().collect();
        writer.turn(&mut rest, desk.outside.now());
        writer.stop(desk.outside.now());
    }
}

/// What the engine is made of, with the bug that is planted there.
fn parts(
    (rules, [cache_entries, memory_entries]): (Rules, [usize; 2]),
    bug: Option<Bug>,
    keys: Keys,
    reader: &Arc<SqliteReader>,
    outside: &Arc<Outside>,
    desk: &Arc<Desk>,
) -> Parts {
    let seen: Arc<dyn Read> = match bug {
        Some(bug) => Arc::new(SpoiledReader::new(Arc::clone(reader), bug)),
        None => Arc::clone(reader) as Arc<dyn Read>,
    };
    Parts {
        reader: seen,
        keys: Arc::new(keys),
        rules,
        limits: Limits {
            queue: 4_096,
            cache_entries: if bug == Some(Bug::StaleReads) {
                1
            } else {
                cache_entries
            },
            pins: PinLimits {
                threads: 0,
                queue: 256,
                memory_entries,
                memory_us: 3_600_000_000,
            },
        },
        world: Arc::clone(outside) as Arc<dyn World>,
        answers: Arc::clone(desk) as Arc<dyn Answers>,
        hasher: PinHasher::cheap,
    }
}

/// The rules of the site, with the bug that is planted there.
fn rules(site: &Site, bug: Option<Bug>) -> Rules {
    let mut policy = site.policy();
    if let Some(bug) = bug {
        bug.loosen(&mut policy);
    }
    site.rules(policy)
}

fn bugs_of_gateways(bug: Option<Bug>, policy: &mut mfad::domain::policy::GatewayPolicy) {
    match bug {
        Some(Bug::TellingRejects) => policy.helpful = true,
        Some(Bug::HastyRejects) => policy.reject_delay = std::time::Duration::ZERO,
        _ => {}
    }
}

/// What became of a datagram at the door.
#[expect(clippy::large_enum_variant, reason = "most are attempts")]
pub(crate) enum Arrival {
    Dropped(access::DropReason),
    Replied(Vec<u8>),
    Attempt(Attempt, access::Ticket),
}
