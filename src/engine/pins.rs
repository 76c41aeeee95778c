//! First factors that mfad checks itself: a bounded pool for Argon2id, and a memory of what was
//! right.
//!
//! A check costs some 17 ms of a core, so it only runs after the code has fitted, in a few threads
//! with a short queue. A full queue sheds (no answer, the gateway tries its next server), and so does a
//! slow one: what would be told too late is not checked. After a good check a keyed tag of user,
//! secret and stored hash is kept for a while, so that a person's next sign-ins cost microseconds.
//! The tag is useless outside this process: its key is random.

use std::collections::{HashMap, VecDeque};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::count::Counters;
use crate::domain::questions::normalised;
use crate::domain::sealed::{Field, Sealed, Unseal};
use crate::domain::user::UserId;
use crate::secret::{SecretBytes, SecretKey};
use crate::store::pin_hash::{PinHasher, SALT_OCTETS};
use crate::store::seal::Keys;
use crate::time::Now;
use crate::token::TokenId;

/// Bounds of the pool and of the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinLimits {
    /// Threads that check; 0: none, and whoever drives the engine calls [`Pins::step`].
    pub threads: usize,
    /// Checks that may wait.
    pub queue: usize,
    /// Right secrets remembered; 0 switches the memory off.
    pub memory_entries: usize,
    /// How long one is remembered, in microseconds.
    pub memory_us: u64,
}

/// What a check is about.
#[derive(Clone, Copy)]
pub struct Check<'a> {
    /// Whose.
    pub user: UserId,
    /// PIN or local password.
    pub what: What,
    /// As typed.
    pub typed: &'a [u8],
    /// The stored hash; none: what was typed is to become it.
    pub stored: Option<&'a Sealed>,
}

/// A check for the pool, which outlives the attempt's thread.
pub struct Order {
    user: UserId,
    what: What,
    typed: SecretBytes,
    /// The stored hash; none: what was typed is hashed with a salt of its own.
    pub stored: Option<Sealed>,
    salt: Option<[u8; SALT_OCTETS]>,
}

impl Check<'_> {
    /// Copies what the pool needs. `salt`: for a new hash, where one is wanted.
    #[must_use]
    pub fn order(self, salt: Option<[u8; SALT_OCTETS]>) -> Order {
        Order {
            user: self.user,
            what: self.what,
            typed: SecretBytes::copy_of(self.typed),
            stored: self.stored.cloned(),
            salt,
        }
    }
}

impl Order {
    /// Where the hash belongs.
    #[must_use]
    pub const fn field(&self) -> Field<'static> {
        self.what.field(self.user)
    }

    fn check(&self) -> Check<'_> {
        Check {
            user: self.user,
            what: self.what,
            typed: self.typed.expose(),
            stored: self.stored.as_ref(),
        }
    }
}

/// What is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The PIN.
    Pin,
    /// The local password.
    Password,
    /// The answer to the question at this place of a token.
    Answer(TokenId, u8),
}

impl What {
    /// Where the seal of the hash belongs.
    #[must_use]
    pub const fn field(self, user: UserId) -> Field<'static> {
        match self {
            Self::Pin => Field::Pin(user),
            Self::Password => Field::Password(user),
            Self::Answer(token, at) => Field::Answer(user, token, at),
        }
    }
}

type Job = Box<dyn FnOnce(&mut PinHasher) + Send>;

/// The pool.
pub struct Pins {
    keys: Arc<Keys>,
    queue: Mutex<Option<SyncSender<Job>>>,
    memory: Mutex<Memory>,
    tag_key: SecretKey,
    counters: Arc<Counters>,
    workers: Mutex<Vec<JoinHandle<()>>>,
    /// The work of a pool without threads.
    unmanned: Option<Mutex<Unmanned>>,
}

/// What a thread of the pool would have.
struct Unmanned {
    receiver: Receiver<Job>,
    hasher: PinHasher,
}

struct Memory {
    tags: HashMap<[u8; 16], u64>,
    /// The tags as they came: the oldest goes when it is full.
    order: VecDeque<[u8; 16]>,
    limits: PinLimits,
}

/// What became of a check.
pub enum Answer {
    /// It is the PIN or password.
    Right,
    /// It is not.
    Wrong,
    /// The hash that was wanted.
    Hashed(SecretBytes),
    /// The stored hash cannot be read: an error of the store, not a wrong PIN.
    Unreadable,
    /// It has waited too long and was not made.
    Late,
}

/// The pool's queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many PIN checks are waiting")]
pub struct Full;

impl Pins {
    /// Starts the threads. `hasher` makes one for each.
    #[must_use]
    pub fn start(
        keys: Arc<Keys>,
        limits: PinLimits,
        tag_key: SecretKey,
        counters: Arc<Counters>,
        hasher: fn() -> PinHasher,
    ) -> Self {
        let (sender, receiver) = sync_channel::<Job>(limits.queue);
        let (workers, unmanned) = if limits.threads == 0 {
            let hasher = hasher();
            let unmanned = Unmanned { receiver, hasher };
            (Vec::new(), Some(Mutex::new(unmanned)))
        } else {
            let receiver = Arc::new(Mutex::new(receiver));
            let worker = |n| {
                let receiver = Arc::clone(&receiver);
                let counters = Arc::clone(&counters);
                let run = move || work(&receiver, &counters, hasher());
                std::thread::Builder::new()
                    .name(format!("pin-{n}"))
                    .spawn(run)
                    .ok()
            };
            ((0..limits.threads).filter_map(worker).collect(), None)
        };
        Self {
            keys,
            queue: Mutex::new(Some(sender)),
            memory: Mutex::new(Memory {
                tags: HashMap::new(),
                order: VecDeque::new(),
                limits,
            }),
            tag_key,
            counters,
            workers: Mutex::new(workers),
            unmanned,
        }
    }

    /// Of a pool without threads: does the work that waits longest, in the caller's thread. False
    /// if none waits.
    pub fn step(&self) -> bool {
        let Some(unmanned) = &self.unmanned else {
            return false;
        };
        let mut unmanned = unmanned.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(job) = unmanned.receiver.try_recv() else {
            return false;
        };
        job(&mut unmanned.hasher);
        self.counters.pin_queue.down();
        true
    }

    /// Whether this very secret was checked and right a while ago.
    #[must_use]
    pub fn remembers(&self, check: Check<'_>, now: Now) -> bool {
        let Some(tag) = self.tag(check) else {
            return false;
        };
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let known = memory
            .tags
            .get(&tag)
            .is_some_and(|at| now.mono_us.saturating_sub(*at) < memory.limits.memory_us);
        if known {
            self.counters.pin_memory_hits.up();
        }
        known
    }

    /// Checks in the pool, if it is still `in_time` when its turn has come, and calls `then` with the
    /// answer, in the pool's thread. Without an order it only waits for its turn.
    ///
    /// # Errors
    /// [`Full`]; `then` is dropped.
    pub fn check(
        self: &Arc<Self>,
        order: Option<Order>,
        now: Now,
        in_time: impl FnOnce() -> bool + Send + 'static,
        then: impl FnOnce(Answer) + Send + 'static,
    ) -> Result<(), Full> {
        let pins = Arc::clone(self);
        self.enqueue(Box::new(move |hasher| {
            if !in_time() {
                return then(Answer::Late);
            }
            let Some(order) = order else {
                return then(Answer::Wrong);
            };
            pins.counters.pin_checks.up();
            let answer = pins.run(order.check(), order.salt, hasher);
            if matches!(answer, Answer::Right) {
                pins.remember(order.check(), now);
            }
            then(answer);
        }))
    }

    /// Hashes a new PIN or password in the pool and waits for it.
    ///
    /// # Errors
    /// [`Full`].
    pub fn hash(
        &self,
        user: UserId,
        secret: SecretBytes,
        salt: [u8; SALT_OCTETS],
    ) -> Result<SecretBytes, Full> {
        let (sender, receiver) = sync_channel(1);
        let keys = Arc::clone(&self.keys);
        self.enqueue(Box::new(move |hasher| {
            let digest = keys.pin_digest(user, secret.expose());
            if let Ok(hash) = hasher.hash(&digest, salt) {
                let _ = sender.send(hash);
            }
        }))?;
        while self.step() {}
        receiver.recv().map_err(|_| Full)
    }

    /// Lets the threads finish what they have and ends them.
    pub fn stop(&self) {
        self.queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let workers: Vec<_> = self
            .workers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
            .collect();
        for worker in workers {
            let _ = worker.join();
        }
    }

    fn enqueue(&self, job: Job) -> Result<(), Full> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(queue) = queue.as_ref() else {
            return Err(Full);
        };
        // Before it is sent: a worker may be done with it at once.
        self.counters.pin_queue.up();
        queue.try_send(job).map_err(|_| {
            self.counters.pin_queue.down();
            Full
        })
    }

    fn run(
        &self,
        check: Check<'_>,
        salt: Option<[u8; SALT_OCTETS]>,
        hasher: &mut PinHasher,
    ) -> Answer {
        let digest = match check.what {
            What::Pin | What::Password => self.keys.pin_digest(check.user, check.typed),
            What::Answer(..) => {
                let typed = normalised(check.typed);
                self.keys.pin_digest(check.user, typed.expose())
            }
        };
        let Some(stored) = check.stored else {
            let hash = salt.and_then(|salt| hasher.hash(&digest, salt).ok());
            return hash.map_or(Answer::Unreadable, Answer::Hashed);
        };
        let field = check.what.field(check.user);
        let Some(stored) = self.keys.open(field, stored) else {
            return Answer::Unreadable;
        };
        match hasher.verify(&digest, stored.expose()) {
            Ok(true) => Answer::Right,
            Ok(false) => Answer::Wrong,
            Err(_) => Answer::Unreadable,
        }
    }

    fn remember(&self, check: Check<'_>, now: Now) {
        let Some(tag) = self.tag(check) else { return };
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.limits.memory_entries == 0 {
            return;
        }
        if memory.tags.insert(tag, now.mono_us).is_none() {
            memory.order.push_back(tag);
        }
        while memory.order.len() > memory.limits.memory_entries {
            if let Some(oldest) = memory.order.pop_front() {
                memory.tags.remove(&oldest);
            }
        }
    }

    /// None: nothing is stored that it could be checked against. Nor is a right answer remembered: it
    /// would be known by the time that it takes, long before all of them were given.
    fn tag(&self, check: Check<'_>) -> Option<[u8; 16]> {
        if matches!(check.what, What::Answer(..)) {
            return None;
        }
        let stored = &check.stored?.data;
        Some(tag(&self.tag_key, &[&check.user.0, stored, check.typed]))
    }
}

/// A keyed tag of some parts: HMAC-SHA-256, cut to 128 bits; each part goes in with its length.
#[must_use]
pub fn tag(key: &SecretKey, parts: &[&[u8]]) -> [u8; 16] {
    let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(key.expose()) else {
        return [0; 16];
    };
    for part in parts {
        mac.update(&u64::try_from(part.len()).unwrap_or(0).to_le_bytes());
        mac.update(part);
    }
    let full: [u8; 32] = mac.finalize().into_bytes().into();
    let mut tag = [0; 16];
    tag.copy_from_slice(full.split_at(16).0);
    tag
}

fn work(receiver: &Mutex<Receiver<Job>>, counters: &Counters, mut hasher: PinHasher) {
    loop {
        let job = receiver
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        let Ok(job) = job else { return };
        // The level counts what waits and what runs: abandoned work keeps its place.
        job(&mut hasher);
        counters.pin_queue.down();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    /// A pool without threads, and a check of a PIN that is stored there.
    fn pool() -> (Arc<Pins>, impl Fn(&str) -> Order) {
        let keys = Arc::new(Keys::derive(&SecretKey::new([1; 32])).unwrap());
        let limits = PinLimits {
            threads: 0,
            queue: 2,
            memory_entries: 0,
            memory_us: 0,
        };
        let (user, counters) = (UserId([7; 16]), Arc::default());
        let digest = keys.pin_digest(user, b"402817");
        let hash = PinHasher::cheap().hash(&digest, [3; 16]).unwrap();
        let field = What::Pin.field(user);
        let stored = keys.seal(field, hash.expose(), [5; 12]).unwrap();
        let tag_key = SecretKey::new([2; 32]);
        let pins = Pins::start(keys, limits, tag_key, counters, PinHasher::cheap);
        let check = move |typed: &str| Order {
            user,
            what: What::Pin,
            typed: SecretBytes::copy_of(typed.as_bytes()),
            stored: Some(stored.clone()),
            salt: None,
        };
        (Arc::new(pins), check)
    }

    #[test]
    fn what_has_waited_too_long_is_not_checked() {
        let (pins, check) = pool();
        let now = Now::at(Timestamp(1_000_000));
        let (sender, answers) = std::sync::mpsc::channel();
        let ask = |typed, in_time: bool| {
            let sender = sender.clone();
            let then = move |answer| sender.send(answer).unwrap();
            pins.check(Some(check(typed)), now, move || in_time, then)
        };
        assert_eq!(ask("402817", true), Ok(()));
        assert_eq!(ask("733190", true), Ok(()));
        assert_eq!(ask("402817", true), Err(Full));
        while pins.step() {}
        assert_eq!(ask("402817", false), Ok(()));
        while pins.step() {}
        let answers: Vec<_> = answers.try_iter().collect();
        assert!(matches!(
            answers[..],
            [Answer::Right, Answer::Wrong, Answer::Late]
        ));
        assert_eq!(pins.counters.pin_checks.value(), 2);
        assert_eq!(pins.counters.pin_queue.value(), 0);
    }

    #[test]
    fn a_right_answer_is_not_remembered() {
        let keys = Arc::new(Keys::derive(&SecretKey::new([1; 32])).unwrap());
        let limits = PinLimits {
            threads: 0,
            queue: 2,
            memory_entries: 8,
            memory_us: 1_000_000,
        };
        let tag_key = SecretKey::new([2; 32]);
        let (user, token) = (UserId([7; 16]), TokenId::from_random([1; 5]));
        let pins = Pins::start(
            Arc::clone(&keys),
            limits,
            tag_key,
            Arc::default(),
            PinHasher::cheap,
        );
        let pins = Arc::new(pins);
        let now = Now::at(Timestamp(1_000_000));
        let checked = |what: What, secret: &[u8], typed: &[u8]| {
            let digest = keys.pin_digest(user, secret);
            let hash = PinHasher::cheap().hash(&digest, [3; 16]).unwrap();
            let stored = keys.seal(what.field(user), hash.expose(), [5; 12]).unwrap();
            let check = Check {
                user,
                what,
                typed,
                stored: Some(&stored),
            };
            let (sender, answers) = std::sync::mpsc::channel();
            let then = move |answer| sender.send(answer).unwrap();
            pins.check(Some(check.order(None)), now, || true, then)
                .unwrap();
            while pins.step() {}
            let right = matches!(answers.recv().unwrap(), Answer::Right);
            (right, pins.remembers(check, now))
        };
        assert_eq!(checked(What::Pin, b"402817", b"402817"), (true, true));
        let answer = What::Answer(token, 1);
        assert_eq!(checked(answer, b"elm road", b" Elm  ROAD"), (true, false));
        assert_eq!(checked(answer, b"elm road", b"elm lane"), (false, false));
    }
}
