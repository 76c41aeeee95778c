//! A store, an engine and its writer in one thread, under a clock that the test moves.
//!
//! Nothing is left out but sockets and threads: what is submitted is judged and committed when the
//! test takes a turn, and is answered before the turn is over.

use std::collections::HashMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mfad::domain::action::Role;
use mfad::domain::attempt::{Attempt, Proof, Pseudonym};
use mfad::domain::command::Command;
use mfad::domain::event::{Event, Operator, Origin, Source};
use mfad::domain::policy::{FirstFactorBy, GatewayPolicy, Otherwise, PasscodeForm, Policy};
use mfad::domain::refusal::Refusal;
use mfad::domain::verdict::{How, Reason, Verdict};
use mfad::engine::pins::PinLimits;
use mfad::engine::prepare::{Carried, Manner};
use mfad::engine::writer::{Job, Ticket, Writer};
use mfad::engine::{Answers, Engine, Limits, Parts, Rules, World};
use mfad::secret::{SecretBytes, SecretKey};
use mfad::store::pin_hash::PinHasher;
use mfad::store::seal::Keys;
use mfad::store::sqlite::{self, Fence, Mode, Opened, Site, Sizes};
use mfad::store::{Read, StoreError};
use mfad::time::{Now, Timestamp};
use sha2::{Digest as _, Sha256};
use smol_str::SmolStr;

use super::chance::Chance;

/// When it begins.
pub(crate) const START: Timestamp = Timestamp(1_800_000_000_000);

/// Longest time that the pool may take for a PIN.
const PIN_WITHIN: Duration = Duration::from_secs(20);

/// How a store is made.
pub(crate) const CREATE: Mode = Mode::Create { nonce: [5; 12] };

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Accept(How),
    Reject(Reason),
    /// No answer: the gateway turns to its next server.
    Nothing,
}

impl Answer {
    pub(crate) const fn accepted(self) -> bool {
        matches!(self, Self::Accept(_))
    }
}

/// Everything of a daemon that decides and keeps.
pub(crate) struct Single {
    pub(crate) engine: Arc<Engine>,
    writer: Writer,
    jobs: Receiver<Job>,
    machine: Arc<Machine>,
    told: Arc<Told>,
    sent: u64,
}

/// Clock and randomness, both the test's.
struct Machine {
    now: Mutex<Now>,
    chance: Mutex<Chance>,
}

impl World for Machine {
    fn now(&self) -> Now {
        *self.now.lock().unwrap()
    }

    fn fill(&self, octets: &mut [u8]) -> bool {
        let mut chance = self.chance.lock().unwrap();
        octets.fill_with(|| chance.octet());
        true
    }
}

#[derive(Default)]
struct Told(Mutex<HashMap<u64, Answer>>);

impl Answers for Told {
    fn verdict(&self, ticket: Ticket, _: &Attempt, _: bool, verdict: &Verdict) {
        let answer = match verdict {
            Verdict::Accept { how, .. } => Answer::Accept(*how),
            Verdict::Reject { reason, .. } => Answer::Reject(*reason),
            Verdict::Challenge { .. } => panic!("asked at a gateway without challenges"),
        };
        let before = self.0.lock().unwrap().insert(ticket.0[0], answer);
        assert_eq!(before, None, "answered twice");
    }

    fn nothing(&self, ticket: Ticket, _: &Attempt) {
        let before = self.0.lock().unwrap().insert(ticket.0[0], Answer::Nothing);
        assert_eq!(before, None, "answered twice");
    }

    fn recorded(&self, _: &Origin, _: &Event, _: u64) {}

    fn flush(&self, _: &mut Vec<SecretBytes>) {}
}

/// The keys of every store of these tests.
pub(crate) fn keys() -> Arc<Keys> {
    Arc::new(Keys::derive(&SecretKey::new([1; 32])).unwrap())
}

/// Opens a store as the daemon does.
pub(crate) fn open(path: &Path, keys: &Keys, now: Now, mode: Mode) -> Result<Opened, StoreError> {
    sqlite::open(&site(path, keys, now), mode)
}

/// The store at `path`, with a log that is neither long nor soon full.
pub(crate) fn site<'a>(path: &'a Path, keys: &'a Keys, now: Now) -> Site<'a> {
    Site {
        path,
        keys,
        node: Arc::from("node1"),
        boot: Arc::from("boot1"),
        fence: Fence {
            now,
            window_steps: 1,
        },
        sizes: Sizes {
            readers: 1,
            walkers: 1,
            log_octets: 1 << 15,
            checkpoint_octets: 1 << 16,
        },
    }
}

/// A gateway that wants the code alone, or the PIN before it.
pub(crate) fn gateway(with_pin: bool) -> Arc<GatewayPolicy> {
    let (name, first_factor, passcode) = if with_pin {
        ("gw-pin", FirstFactorBy::Pin, PasscodeForm::PinOtp)
    } else {
        ("gw-none", FirstFactorBy::None, PasscodeForm::Otp)
    };
    Arc::new(GatewayPolicy {
        name: Arc::from(name),
        first_factor,
        passcode,
        challenge: false,
        unknown_user: Otherwise::Reject,
        unenrolled: Otherwise::Reject,
        allow_passthrough: false,
        allowed_kinds: None,
        helpful: false,
        show_accept_message: true,
        strip_domain: Vec::new(),
        same_code_grace: Duration::ZERO,
        reject_delay: Duration::from_secs(1),
        reject_on_internal_error: false,
    })
}

/// An attempt; `number` tells its datagram from others.
pub(crate) fn attempt(
    gateway: &Arc<GatewayPolicy>,
    user: &str,
    passcode: &str,
    number: u64,
    now: Now,
) -> Attempt {
    Attempt {
        gateway: Arc::clone(gateway),
        user: Some(SmolStr::from(user)),
        pseudonym: Pseudonym([0; 4]),
        proof: Proof::Passcode(SecretBytes::copy_of(passcode.as_bytes())),
        source: Source {
            gateway: Arc::clone(&gateway.name),
            address: ([192, 0, 2, 1], 4000).into(),
            station: SmolStr::from("198.51.100.7"),
            nas: SmolStr::from("vpn1"),
        },
        digest: Sha256::digest(number.to_be_bytes()).into(),
        received: now,
    }
}

impl Single {
    /// Puts the engine on an open store.
    pub(crate) fn on(opened: Opened, keys: &Arc<Keys>, now: Now, chance: Chance) -> Self {
        let machine = Arc::new(Machine {
            now: Mutex::new(now),
            chance: Mutex::new(chance),
        });
        let told = Arc::new(Told::default());
        let (reader, world, answers) = (opened.reader, machine.clone(), told.clone());
        let parts = Parts {
            reader,
            keys: Arc::clone(keys),
            rules: Rules {
                policy: Policy::default(),
                gateways: vec![gateway(false), gateway(true)],
            },
            limits: Limits {
                queue: 64,
                cache_entries: 64,
                pins: PinLimits {
                    threads: 1,
                    queue: 64,
                    memory_entries: 64,
                    memory_us: 60_000_000,
                },
            },
            world,
            answers,
            hasher: PinHasher::cheap,
        };
        let (engine, jobs) = Engine::new(parts).unwrap();
        let writer = engine.writer(Box::new(opened.writer)).unwrap();
        Self {
            engine,
            writer,
            jobs,
            machine,
            told,
            sent: 0,
        }
    }

    pub(crate) fn now(&self) -> Now {
        self.engine.now()
    }

    pub(crate) fn pass(&self, span: Duration) {
        let mut now = self.machine.now.lock().unwrap();
        *now = now.after(span);
    }

    pub(crate) fn reader(&self) -> &dyn Read {
        self.engine.reader()
    }

    /// Why nothing is judged, if so.
    pub(crate) fn broken(&self) -> Option<&str> {
        self.writer.broken()
    }

    /// These sign-ins in one batch, if no PIN is to be hashed before.
    pub(crate) fn sign_in_all(
        &mut self,
        gateway: &Arc<GatewayPolicy>,
        those: &[(&str, String)],
    ) -> Vec<Answer> {
        let from = self.sent;
        for (user, passcode) in those {
            let attempt = attempt(gateway, user, passcode, self.sent, self.now());
            self.engine.submit(attempt, Ticket([self.sent, 0]));
            self.sent += 1;
        }
        let all = |told: &HashMap<u64, Answer>| (from..self.sent).all(|at| told.contains_key(&at));
        loop {
            let mut jobs: Vec<Job> = self.jobs.try_iter().collect();
            if jobs.is_empty() {
                if all(&self.told.0.lock().unwrap()) {
                    break;
                }
                jobs.push(self.jobs.recv_timeout(PIN_WITHIN).unwrap());
            }
            self.writer.turn(&mut jobs, self.engine.now());
        }
        let mut told = self.told.0.lock().unwrap();
        (from..self.sent)
            .map(|at| told.remove(&at).unwrap())
            .collect()
    }

    pub(crate) fn sign_in(
        &mut self,
        gateway: &Arc<GatewayPolicy>,
        user: &str,
        passcode: &str,
    ) -> Answer {
        self.sign_in_all(gateway, &[(user, passcode.to_owned())])[0]
    }

    /// A command of an admin.
    pub(crate) fn order(&mut self, command: Command) -> Result<Carried, Refusal> {
        let operator = Operator {
            uid: 0,
            name: Arc::from("root"),
            role: Role::Admin,
        };
        let manner = Manner {
            reason: Some("test".to_owned()),
            ..Manner::default()
        };
        let engine = Arc::clone(&self.engine);
        std::thread::scope(|scope| {
            let asked = scope.spawn(move || engine.change(&operator, command, &manner));
            // It prepares in its own thread and waits for the writer, which is here.
            while !asked.is_finished() {
                match self.jobs.recv_timeout(Duration::from_millis(1)) {
                    Ok(job) => self.writer.turn(&mut vec![job], self.engine.now()),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            asked.join().unwrap()
        })
    }

    /// What the writer does when nothing comes for half a second.
    pub(crate) fn idle(&mut self) {
        self.pass(Duration::from_millis(500));
        self.writer.turn(&mut Vec::new(), self.engine.now());
        self.writer.rest(self.engine.now());
    }

    /// Between two batches.
    pub(crate) fn rest(&mut self) {
        self.writer.rest(self.engine.now());
    }

    /// A clean end.
    pub(crate) fn stop(self) {
        self.engine.stop();
        self.writer.stop(self.engine.now());
    }
}
