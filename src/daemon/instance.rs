//! One running mfad: the parts put together, and taken apart again.
//!
//! ```text
//! config -> keys -> store -> engine -> front end, control socket, metrics -> READY -> .. -> drain
//! ```
//! The daemon and the demo start the same [`Instance`]; they differ in where configuration, key and
//! sockets come from. Without a key that opens the store the instance is *sealed*: the control
//! socket is up, RADIUS is silent, and nothing is ever made anew over old data.

use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::alarm::{Alarms, Rates};
use super::archive::Archive;
use super::checkpoints;
use super::door::Door;
use super::front::Front;
use super::post::{self, Deliveries, Sending};
use super::prime;
use super::reserve::Reserve;
use crate::access::{self, Access, GatewayTable};
use crate::config::{Config, Gateway};
use crate::daemon::answers::Answerer;
use crate::engine::pins::PinLimits;
use crate::engine::{Answers as _, Engine, Limits, Parts, Rules, World};
use crate::log::warn_always;
use crate::radius::KeyedSecret;
use crate::secret::SecretKey;
use crate::server::udp::socket::Socket;
use crate::store::pin_hash::PinHasher;
use crate::store::seal::Keys;
use crate::store::sqlite::{self, Fence, Mode, Opened, Sizes};
use crate::store::{Read, StoreError};
use crate::sys::clock::Clock;
use crate::time::Now;

/// Name of the database file in the state folder.
pub const STORE_FILE: &str = "mfad.db";

/// Threads of the PIN pool unless the configuration says more: each holds 19 MiB, and the unit
/// bounds memory and tasks.
const PIN_THREADS_MAX: usize = 8;

/// What an instance is started with.
pub struct Start {
    /// The checked configuration.
    pub config: Config,
    /// Where it was read from, for reloads.
    pub config_path: PathBuf,
    /// What configuration is read against.
    pub surroundings: crate::config::Surroundings,
    /// The master key; none: sealed, and why.
    pub key: Result<SecretKey, String>,
    /// RADIUS sockets.
    pub sockets: Vec<Socket>,
    /// The control socket.
    pub control: UnixListener,
    /// Make a store if there is none.
    pub create: bool,
    /// The clock.
    pub clock: Arc<Clock>,
    /// What the process could not give up, for status.
    pub unhardened: Vec<String>,
    /// Makes a hasher for each thread of the PIN pool.
    pub hasher: fn() -> PinHasher,
}

/// Why an instance did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store.
    #[error("the store: {0}")]
    Store(#[from] StoreError),
    /// The gateways of the configuration.
    #[error("the gateways: {0}")]
    Gateways(String),
    /// The system.
    #[error("{doing}: {source}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// No random octets.
    #[error("{0}")]
    Random(#[from] crate::engine::NoRandom),
}

/// A running mfad.
pub struct Instance {
    front: Arc<Front>,
    engine: Option<Arc<Engine>>,
    answerer: Arc<Answerer>,
    threads: Mutex<Threads>,
    stop: watch::Sender<bool>,
    last_records: Arc<AtomicBool>,
    diagnosis_ends: Arc<AtomicBool>,
}

#[derive(Default)]
struct Threads {
    receivers: Vec<JoinHandle<()>>,
    holder: Option<JoinHandle<()>>,
    writer: Option<JoinHandle<()>>,
    control: Option<JoinHandle<()>>,
    metrics: Option<JoinHandle<()>>,
    checkpoints: Option<JoinHandle<()>>,
    diagnosis: Option<JoinHandle<()>>,
    post: Sending,
}

/// Clock and randomness of this machine.
struct Machine(Arc<Clock>);

impl World for Machine {
    fn now(&self) -> Now {
        self.0.now()
    }

    fn fill(&self, octets: &mut [u8]) -> bool {
        crate::sys::random::fill(octets).is_ok()
    }
}

impl Instance {
    /// Starts everything. The threads run when this returns.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(start: Start) -> Result<Self, StartError> {
        let Start {
            config,
            key,
            sockets,
            control,
            create,
            clock,
            ..
        } = start;
        let config = Arc::new(config);
        let opened = unseal(&config, key, create, &clock)?;
        let table = gateways(&config)?;
        let alarms = Arc::new(Alarms::new(Rates::of(&config)));
        let access = Access::new(table, cache_limits(&config), access_keys(&opened)?);
        let wheel = config.limits.reject_wheel;
        let front = Front::new(
            access,
            sockets,
            Arc::clone(&clock),
            wheel,
            Arc::clone(&alarms),
        );
        let mut threads = Threads::default();
        let last_records = Arc::new(AtomicBool::new(false));
        let (engine, reader) = match opened {
            Ok((keys, opened)) => {
                let reader = Arc::clone(&opened.reader);
                let (engine, writer) = judge(&config, keys, opened, &front, &clock, start.hasher)?;
                threads.writer = Some(writer);
                (Ok(engine), Some(reader))
            }
            Err(why) => (Err(why), None),
        };
        let (stop, stopping) = watch::channel(false);
        let archive = Arc::new(Archive::new(&config.state_dir, Arc::clone(&config.node)));
        let answerer = Arc::new(Answerer {
            engine: engine.clone(),
            front: Arc::clone(&front),
            store: reader,
            config: ArcSwap::new(Arc::clone(&config)),
            config_path: start.config_path,
            surroundings: start.surroundings,
            clock: Arc::clone(&clock),
            unhardened: start.unhardened,
            started: clock.now(),
            alarms,
            archive: Arc::clone(&archive),
            deliveries: Deliveries::new(&config),
            facts: crate::daemon::answers::Facts::default(),
        });
        threads.control = Some(serve_control(&answerer, control, stopping)?);
        threads.metrics = serve_metrics(&answerer, &config)?;
        let diagnosis_ends = Arc::new(AtomicBool::new(false));
        if let Ok(engine) = &engine {
            threads.diagnosis = Some(diagnose(engine, &diagnosis_ends)?);
            threads.checkpoints = Some(sign_checkpoints(archive, engine, &last_records)?);
            threads.post = post::start(engine, &answerer)?;
            answer_radius(&front, engine, &mut threads)?;
        }
        let engine = engine.ok();
        Ok(Self {
            front,
            engine,
            answerer,
            threads: Mutex::new(threads),
            stop,
            last_records,
            diagnosis_ends,
        })
    }

    /// The engine; none while sealed.
    #[must_use]
    pub const fn engine(&self) -> Option<&Arc<Engine>> {
        self.engine.as_ref()
    }

    /// The answers of the control socket; the daemon reloads through them as an operator does.
    #[must_use]
    pub const fn answerer(&self) -> &Arc<Answerer> {
        &self.answerer
    }

    /// The RADIUS front end.
    #[must_use]
    pub const fn front(&self) -> &Arc<Front> {
        &self.front
    }

    /// Drains: no new datagrams, what is under way is judged and answered, held Rejects leave, the
    /// store is closed.
    pub fn stop(&self) {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = self.stop.send(true);
        self.front.end_receiving();
        for receiver in threads.receivers.drain(..) {
            let _ = receiver.join();
        }
        // Calls under way are answered before what they need ends.
        if let Some(control) = threads.control.take() {
            let _ = control.join();
        }
        self.diagnosis_ends.store(true, Ordering::Relaxed);
        if let Some(diagnosis) = threads.diagnosis.take() {
            diagnosis.thread().unpark();
            let _ = diagnosis.join();
        }
        if let Some(engine) = &self.engine {
            std::mem::take(&mut threads.post).end(engine);
            engine.stop();
        }
        if let Some(writer) = threads.writer.take() {
            let _ = writer.join();
        }
        self.front.flush(&mut Vec::new());
        self.front.end_holding();
        if let Some(holder) = threads.holder.take() {
            let _ = holder.join();
        }
        // The last checkpoint covers the last record.
        self.last_records.store(true, Ordering::Relaxed);
        if let Some(checkpoints) = threads.checkpoints.take() {
            checkpoints.thread().unpark();
            let _ = checkpoints.join();
        }
        drop(threads.metrics.take());
    }
}

/// The open store, or why the instance is sealed.
fn unseal(
    config: &Config,
    key: Result<SecretKey, String>,
    create: bool,
    clock: &Clock,
) -> Result<Result<(Arc<Keys>, Opened), String>, StartError> {
    let key = match key {
        Ok(key) => key,
        Err(why) => return Ok(Err(why)),
    };
    match open(config, &key, create, clock) {
        Ok(opened) => Ok(Ok(opened)),
        Err(StartError::Store(StoreError::Sealed)) => {
            Ok(Err("this key does not open this store".to_owned()))
        }
        Err(error) => Err(error),
    }
}

/// Starts the thread that signs checkpoints of the audit log.
fn sign_checkpoints(
    archive: Arc<Archive>,
    engine: &Arc<Engine>,
    stop: &Arc<AtomicBool>,
) -> Result<JoinHandle<()>, StartError> {
    std::fs::create_dir_all(archive.folder()).map_err(|source| StartError::System {
        doing: "making the audit folder",
        source,
    })?;
    archive.reserve().make();
    let (engine, stop) = (Arc::clone(engine), Arc::clone(stop));
    spawn("checkpoints".to_owned(), move || {
        checkpoints::keep(&engine, &archive, &stop);
    })
}

/// Starts the thread that looks for wrong codes at other times.
fn diagnose(engine: &Arc<Engine>, ends: &Arc<AtomicBool>) -> Result<JoinHandle<()>, StartError> {
    let (engine, ends) = (Arc::clone(engine), Arc::clone(ends));
    spawn("diagnosis".to_owned(), move || engine.diagnose(&ends))
}

/// Starts the threads that answer gateways.
fn answer_radius(
    front: &Arc<Front>,
    engine: &Arc<Engine>,
    threads: &mut Threads,
) -> Result<(), StartError> {
    prime::prime(front, engine);
    front.connect(Arc::clone(engine));
    for socket in 0..front.sockets().len() {
        let front = Arc::clone(front);
        let run = move || front.receive(socket);
        threads
            .receivers
            .push(spawn(format!("radius-{socket}"), run)?);
    }
    let holder = Arc::clone(front);
    threads.holder = Some(spawn("rejects".to_owned(), move || holder.hold())?);
    Ok(())
}

fn open(
    config: &Config,
    key: &SecretKey,
    create: bool,
    clock: &Clock,
) -> Result<(Arc<Keys>, Opened), StartError> {
    let keys = Keys::derive(key).map_err(|_| StoreError::Sealed)?;
    let path = config.state_dir.join(STORE_FILE);
    let boot = boot_id()?;
    let site = sqlite::Site {
        path: &path,
        keys: &keys,
        node: Arc::clone(&config.node),
        boot,
        fence: fence(config, clock.now()),
        sizes: Sizes::default(),
    };
    let mode = if create && !path.exists() {
        let mut nonce = [0; crate::store::seal::NONCE_OCTETS];
        crate::sys::random::fill(&mut nonce).map_err(|_| crate::engine::NoRandom)?;
        Mode::Create { nonce }
    } else {
        Mode::Existing
    };
    let opened = match sqlite::open(&site, mode) {
        // Opening moves the log into the database, for which a full disk has no room.
        Err(StoreError::Io { .. }) if Reserve::below(&config.state_dir).give_back() => {
            sqlite::open(&site, mode)?
        }
        opened => opened?,
    };
    if opened.unclean {
        warn_always!("the store was not closed the last time; it was checked");
    }
    if let Some(fenced) = &opened.fenced {
        warn_always!("the store is older than its checkpoint and was fenced: {fenced:?}");
    }
    Ok((Arc::new(keys), opened))
}

/// How far a fence must reach with this configuration.
#[must_use]
pub fn fence(config: &Config, now: Now) -> Fence {
    let window_steps = u16::try_from(config.policy.totp_window_steps).unwrap_or(u16::MAX);
    Fence { now, window_steps }
}

/// Puts the engine together and starts its writer.
fn judge(
    config: &Config,
    keys: Arc<Keys>,
    opened: Opened,
    front: &Arc<Front>,
    clock: &Arc<Clock>,
    hasher: fn() -> PinHasher,
) -> Result<(Arc<Engine>, JoinHandle<()>), StartError> {
    let reader: Arc<dyn Read> = opened.reader;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let ttl = config.limits.pin_memory_ttl.as_micros();
    let parts = Parts {
        reader,
        keys,
        rules: rules(config),
        limits: Limits {
            queue: config.limits.verify_queue,
            cache_entries: config.limits.user_cache_entries,
            pins: PinLimits {
                threads: config
                    .limits
                    .pin_threads
                    .unwrap_or_else(|| cores.saturating_sub(1).clamp(1, PIN_THREADS_MAX)),
                queue: config.limits.pin_queue,
                memory_entries: config.limits.pin_memory_entries,
                memory_us: u64::try_from(ttl).unwrap_or(u64::MAX),
            },
        },
        world: Arc::new(Machine(Arc::clone(clock))),
        answers: Arc::clone(front) as Arc<dyn crate::engine::Answers>,
        hasher,
    };
    let (engine, jobs) = Engine::new(parts)?;
    let writer = engine.writer(Box::new(opened.writer))?;
    let runner = Arc::clone(&engine);
    let thread = spawn("writer".to_owned(), move || runner.run(writer, &jobs))?;
    Ok((engine, thread))
}

/// The rules that a configuration states.
#[must_use]
pub fn rules(config: &Config) -> Rules {
    let gateways = config
        .gateways
        .iter()
        .map(|gateway| Arc::clone(&gateway.policy))
        .collect();
    Rules {
        policy: (*config.policy).clone(),
        gateways,
    }
}

/// The gateways of a configuration, as the front end looks them up.
///
/// # Errors
/// [`StartError::Gateways`].
pub fn gateways(config: &Config) -> Result<GatewayTable, StartError> {
    let gateway = |gateway: &Gateway| -> Result<access::Gateway, StartError> {
        let attributes = gateway.accept_attributes.iter().map(|(name, text)| {
            crate::radius::encode(name, text).map_err(|error| {
                let name = &gateway.policy.name;
                StartError::Gateways(format!("{name}: accept_attributes: {error}"))
            })
        });
        Ok(access::Gateway {
            policy: Arc::clone(&gateway.policy),
            networks: gateway.addresses.clone(),
            secret: KeyedSecret::new(gateway.secret.expose()),
            require_message_authenticator: gateway.require_message_authenticator,
            attributes: attributes.collect::<Result<_, _>>()?,
        })
    };
    let gateways = config.gateways.iter().map(gateway);
    let gateways = gateways.collect::<Result<Vec<_>, _>>()?;
    GatewayTable::new(gateways).map_err(|error| StartError::Gateways(error.to_string()))
}

fn cache_limits(config: &Config) -> access::Limits {
    access::Limits {
        entries_max: config.limits.duplicate_cache_entries,
        gateway_entries_max: config.limits.duplicate_cache_per_gateway,
        // Others find room in the queue, whatever one sends.
        gateway_in_progress_max: config.limits.verify_queue / 2,
        ..access::Limits::default()
    }
}

fn access_keys(opened: &Result<(Arc<Keys>, Opened), String>) -> Result<access::Keys, StartError> {
    let mut hash = [0; 16];
    crate::sys::random::fill(&mut hash).map_err(|_| crate::engine::NoRandom)?;
    let pseudonym = match opened {
        Ok((keys, _)) => SecretKey::new(*keys.pseudonym_key().expose()),
        Err(_) => SecretKey::new([0; 32]),
    };
    Ok(access::Keys { hash, pseudonym })
}

fn serve_control(
    answerer: &Arc<Answerer>,
    listener: UnixListener,
    stop: watch::Receiver<bool>,
) -> Result<JoinHandle<()>, StartError> {
    use crate::server::control::{self, Front as ControlFront};
    let limits = control::Limits {
        seats: answerer.config.load().limits.control_connections,
        ..control::Limits::default()
    };
    let backend = Arc::clone(answerer) as Arc<dyn control::Backend>;
    let identify = Arc::new(Door::new(Arc::clone(answerer)));
    let front = ControlFront {
        identify,
        backend,
        limits,
    };
    spawn("control".to_owned(), move || {
        if let Err(error) = control::run(listener, front, stop) {
            warn_always!("the control socket has ended: {error}");
        }
    })
}

fn serve_metrics(
    answerer: &Arc<Answerer>,
    config: &Config,
) -> Result<Option<JoinHandle<()>>, StartError> {
    let Some(listen) = &config.metrics else {
        return Ok(None);
    };
    let listener =
        crate::server::metrics::Listener::bind(listen).map_err(|source| StartError::System {
            doing: "binding metrics.listen",
            source,
        })?;
    let answerer = Arc::clone(answerer);
    let page = move || super::metrics::page(&answerer);
    spawn("metrics".to_owned(), move || listener.serve(&page)).map(Some)
}

fn boot_id() -> Result<Arc<str>, StartError> {
    let mut octets = [0; 8];
    crate::sys::random::fill(&mut octets).map_err(|_| crate::engine::NoRandom)?;
    Ok(Arc::from(crate::domain::sealed::hex(&octets)))
}

fn spawn(name: String, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StartError> {
    std::thread::Builder::new()
        .name(name)
        .spawn(run)
        .map_err(|source| StartError::System {
            doing: "starting a thread",
            source,
        })
}

/// Where the store of a state folder is.
#[must_use]
pub fn store_path(state_dir: &Path) -> PathBuf {
    state_dir.join(STORE_FILE)
}
