//! The daemon's parts over a store that only counts: what everything but the disk costs.
//!
//! Sockets, signatures, evidence, judging and replies are the daemon's own; only [`Commit`] is
//! replaced by one that keeps nothing. Run as a process of its own, so that it is measured from
//! outside like the daemon.

use std::path::Path;
use std::sync::Arc;

use mfad::access::{self, Access, Limits as CacheLimits};
use mfad::config::{self, Surroundings};
use mfad::daemon::alarm::{Alarms, Rates};
use mfad::daemon::front::Front;
use mfad::daemon::{instance, key};
use mfad::engine::pins::PinLimits;
use mfad::engine::{Engine, Limits, Parts, World};
use mfad::secret::SecretKey;
use mfad::server::udp::socket::Socket;
use mfad::store::pin_hash::PinHasher;
use mfad::store::seal::Keys;
use mfad::store::sqlite::{self, Mode, Sizes};
use mfad::store::{Change, Commit, Outcome, StoreError};
use mfad::sys::clock::Clock;
use mfad::sys::{notify, random};
use mfad::time::Now;
use nix::sys::signal::{SigSet, Signal};

use crate::Failure;

/// Serves the instance in `folder` until SIGTERM.
pub(crate) fn serve(folder: &Path) -> Result<(), Failure> {
    // Before any thread begins: they inherit it, and only the wait at the end takes the signal.
    let mut ends = SigSet::empty();
    ends.add(Signal::SIGTERM);
    ends.thread_block()?;
    let clock = Arc::new(Clock::start());
    let surroundings = Surroundings {
        credentials_dir: None,
        hostname: "load".to_owned(),
    };
    let config = config::load(&folder.join("mfad.toml"), &surroundings)
        .map_err(|problems| problems.to_string())?
        .config;
    let keys = Arc::new(Keys::derive(&key::load(&config.key, None)?)?);
    let site = sqlite::Site {
        path: &instance::store_path(&config.state_dir),
        keys: &keys,
        node: Arc::clone(&config.node),
        boot: Arc::from("counting"),
        fence: instance::fence(&config, clock.now()),
        sizes: Sizes::default(),
    };
    let opened = sqlite::open(&site, Mode::Existing)?;
    let access_keys = access::Keys {
        hash: random::array()?,
        pseudonym: SecretKey::new(*keys.pseudonym_key().expose()),
    };
    let table = instance::gateways(&config)?;
    let access = Access::new(table, CacheLimits::default(), access_keys);
    let sockets = config.listen.iter().map(|address| Socket::bind(*address));
    let front = Front::new(
        access,
        sockets.collect::<Result<_, _>>()?,
        Arc::clone(&clock),
        config.limits.reject_wheel,
        Arc::new(Alarms::new(Rates::of(&config))),
    );
    let pins = PinLimits {
        threads: 1,
        queue: config.limits.pin_queue,
        memory_entries: config.limits.pin_memory_entries,
        memory_us: u64::MAX,
    };
    let (engine, jobs) = Engine::new(Parts {
        reader: opened.reader,
        keys,
        rules: instance::rules(&config),
        limits: Limits {
            queue: config.limits.verify_queue,
            cache_entries: config.limits.user_cache_entries,
            pins,
        },
        world: Arc::new(Machine(Arc::clone(&clock))),
        answers: Arc::<Front>::clone(&front),
        hasher: PinHasher::new,
    })?;
    let writer = engine.writer(Box::new(Counting { seq: 0 }))?;
    front.connect(Arc::clone(&engine));
    let receiver = Arc::clone(&front);
    spawn("writer", move || engine.run(writer, &jobs))?;
    spawn("radius-0", move || receiver.receive(0))?;
    notify::ready("COUNTING")?;
    ends.wait()?;
    Ok(())
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)?;
    Ok(())
}

/// Clock and randomness of this machine.
struct Machine(Arc<Clock>);

impl World for Machine {
    fn now(&self) -> Now {
        self.0.now()
    }

    fn fill(&self, octets: &mut [u8]) -> bool {
        random::fill(octets).is_ok()
    }
}

/// A store that numbers what it is given and forgets it.
struct Counting {
    seq: u64,
}

impl Commit for Counting {
    fn commit(&mut self, batch: &[Change]) -> Result<Vec<Outcome>, StoreError> {
        let number = |change: &Change| {
            let first_seq = self.seq + 1;
            self.seq += u64::try_from(change.events.len()).unwrap_or(0);
            Outcome::Committed {
                first_seq,
                last_seq: self.seq,
            }
        };
        Ok(batch.iter().map(number).collect())
    }

    fn idle(&mut self, _: Now) -> Result<(), StoreError> {
        Ok(())
    }

    fn next_seq(&self) -> u64 {
        self.seq + 1
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}
