//! `mfad` as a service: from the configuration to READY, and from SIGTERM to a clean end.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tracing::level_filters::LevelFilter;

use super::instance::{Instance, Start, StartError};
use super::key;
use super::self_test::self_test;
use crate::config::{self, Config, SecretSource, Surroundings};
use crate::domain::event::{Event, Origin};
use crate::log::{error_always, info_always, warn_always};
use crate::server::udp::socket::Socket;
use crate::store::StoreError;
use crate::store::pin_hash::PinHasher;
use crate::sys::clock::{Clock, Synchronised, synchronised};
use crate::sys::harden::{self, Reach};
use crate::sys::listen::{self, Passed, Socket as Handed};
use crate::sys::notify;
use crate::sys::signals::{Signal, Signals};

/// How often the log's sums are written and the clock looked at.
const MINUTE: Duration = Duration::from_secs(60);

/// Exit statuses of the service (sysexits).
pub mod status {
    /// All was well.
    pub const OK: u8 = 0;
    /// A bug, or the system does not let it run.
    pub const SOFTWARE: u8 = 70;
    /// Another mfad has the store, or a socket is taken.
    pub const TEMPORARY: u8 = 75;
    /// The configuration.
    pub const CONFIG: u8 = 78;
}

/// Serves until SIGTERM or SIGINT; the exit status.
#[must_use]
pub fn serve(config_path: &Path, credentials: Option<PathBuf>, level: LevelFilter) -> u8 {
    crate::log::init(crate::log::Output::detect(), level);
    match start(config_path, credentials) {
        Ok(started) => run(&started),
        Err(status) => status,
    }
}

/// A started instance that has not said so yet.
struct Started {
    instance: Arc<Instance>,
    clock: Arc<Clock>,
    gateways: usize,
    since_us: u64,
}

fn start(config_path: &Path, credentials: Option<PathBuf>) -> Result<Started, u8> {
    let began = std::process::id();
    info_always!(
        "mfad {} starting pid={began} config={}",
        env!("CARGO_PKG_VERSION"),
        config_path.display()
    );
    // Before any file is opened, so that no number can be taken for a passed socket.
    let passed = listen::passed().map_err(|error| fail(status::SOFTWARE, &error))?;
    let hardening = harden::early();
    let clock = Arc::new(Clock::start());
    let started = clock.now();
    let surroundings = Surroundings {
        credentials_dir: credentials,
        hostname: hostname(),
    };
    // The same file after a reload, whatever the working directory.
    let config_path = &config_path
        .canonicalize()
        .unwrap_or_else(|_| config_path.to_owned());
    let config = load(config_path, &surroundings)?;
    self_test().map_err(|error| fail(status::SOFTWARE, &error))?;
    let key = key::load(&config.key, surroundings.credentials_dir.as_deref());
    let Sockets {
        radius,
        control,
        from,
    } = sockets(passed, &config)?;
    let confined = confine(
        &config,
        config_path,
        surroundings.credentials_dir.as_deref(),
    );
    let hardened: Vec<harden::Step> = hardening.into_iter().chain([confined]).collect();
    let gateways = config.gateways.len();
    let start = Start {
        config,
        config_path: config_path.to_owned(),
        surroundings,
        key: key.map_err(|error| error.to_string()),
        sockets: radius,
        control,
        create: false,
        clock: Arc::clone(&clock),
        unhardened: tell(&hardened),
        hasher: PinHasher::new,
    };
    let instance = Arc::new(Instance::start(start).map_err(|error| not_started(&error))?);
    let addresses: Vec<String> = instance
        .front()
        .sockets()
        .iter()
        .filter_map(|socket| socket.local_addr().ok().map(|address| address.to_string()))
        .collect();
    info_always!("listening udp={} from={from}", addresses.join(","));
    let since_us = started.mono_us;
    Ok(Started {
        instance,
        clock,
        gateways,
        since_us,
    })
}

/// Says that logins are answered from now on (or why not), to people, systemd and the audit log.
fn ready(instance: &Instance, gateways: usize, us: u64) {
    let ms = us / 1000;
    let engine = match &instance.answerer().engine {
        Ok(engine) => engine,
        Err(why) => {
            error_always!("E020 SEALED: {why}. Control socket up, RADIUS silent.");
            let _ = notify::ready("SEALED: no login is answered (E020)");
            return;
        }
    };
    if synchronised() == Synchronised::No {
        warn_always!("W021 the kernel says that the clock is not synchronised");
    }
    let event = Event::new("daemon.started").detail("version", env!("CARGO_PKG_VERSION"));
    engine.note_later(Origin::system(), event);
    let _ = notify::ready("SERVING");
    // Counting goes through an index from end to end: nobody is to wait for it.
    match engine.reader().counts() {
        Ok(counts) => info_always!(
            "READY gateways={gateways} users={} locked={} ms={ms}",
            counts.users,
            counts.locked
        ),
        Err(_) => info_always!("READY gateways={gateways} ms={ms}"),
    }
}

fn run(started: &Started) -> u8 {
    let Started {
        instance,
        clock,
        gateways,
        since_us,
    } = started;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return fail(status::SOFTWARE, &error),
    };
    // Before READY: from then on a signal is to reload or to drain, not to kill.
    let signals = {
        let _inside = runtime.enter();
        match Signals::listen() {
            Ok(signals) => signals,
            Err(error) => return fail(status::SOFTWARE, &error),
        }
    };
    ready(
        instance,
        *gateways,
        clock.now().mono_us.saturating_sub(*since_us),
    );
    let ending = Arc::new(AtomicBool::new(false));
    let dog = watchdog(instance, &ending);
    let signal = runtime.block_on(wait(signals, instance, clock));
    info_always!("stopping: {signal}");
    let _ = notify::stopping("DRAINING");
    ending.store(true, Ordering::Relaxed);
    if let Some(engine) = instance.engine() {
        engine.note_later(Origin::system(), Event::new("daemon.stopped"));
    }
    instance.stop();
    if let Some(dog) = dog {
        dog.thread().unpark();
        let _ = dog.join();
    }
    let clean = instance
        .engine()
        .is_none_or(|engine| engine.store_error().is_none());
    info_always!("stopped clean={}", if clean { "yes" } else { "no" });
    status::OK
}

/// Waits for the signal to end; reloads on SIGHUP, sums the log up each minute.
async fn wait(mut signals: Signals, instance: &Arc<Instance>, clock: &Arc<Clock>) -> String {
    let mut minute = tokio::time::interval(MINUTE);
    let mut jumps = clock.jumps();
    loop {
        tokio::select! {
            signal = signals.next() => match signal {
                Signal::Reload => reload(instance),
                signal => return signal.to_string(),
            },
            _ = minute.tick() => {
                crate::log::sum_up();
                if clock.jumps() != jumps {
                    jumps = clock.jumps();
                    let by_ms = clock.last_jump().map_or(0, |jump| jump.by_ms);
                    warn_always!(
                        "W021 clock jumped {by_ms} ms against the monotonic clock: nothing is \
                         refused and no code can be accepted twice; phones' codes fail until the \
                         clock is right"
                    );
                }
            }
        }
    }
}

fn reload(instance: &Arc<Instance>) {
    let _ = notify::reloading();
    let origin = Origin::system();
    // What came of it stands in the log and in the audit log.
    let _ = instance.answerer().reload(&origin, None);
    let _ = notify::ready("SERVING");
}

/// Feeds systemd's watchdog, each time after a real read of the store and while the writer works.
fn watchdog(
    instance: &Arc<Instance>,
    ending: &Arc<AtomicBool>,
) -> Option<std::thread::JoinHandle<()>> {
    let interval = notify::watchdog_interval()?;
    let (instance, ending) = (Arc::clone(instance), Arc::clone(ending));
    let feed = move || {
        while !ending.load(Ordering::Relaxed) {
            let alive = match instance.engine() {
                // Sealed or without a disk mfad is still there to be asked: no restart heals it.
                None => true,
                Some(engine) => {
                    engine.store_error().is_some()
                        || (engine.reader().probe().is_ok() && engine.writer_alive())
                }
            };
            if alive {
                let _ = notify::watchdog();
            }
            std::thread::park_timeout(interval);
        }
    };
    std::thread::Builder::new()
        .name("watchdog".to_owned())
        .spawn(feed)
        .ok()
}

fn load(path: &Path, surroundings: &Surroundings) -> Result<Config, u8> {
    match config::load(path, surroundings) {
        Ok(loaded) => {
            if loaded.warnings.warnings() > 0 {
                for line in loaded.warnings.to_string().lines() {
                    warn_always!("{line}");
                }
            }
            Ok(loaded.config)
        }
        Err(problems) => {
            for line in problems.to_string().lines() {
                error_always!("{line}");
            }
            Err(status::CONFIG)
        }
    }
}

/// The sockets of an instance, and where they come from.
pub struct Sockets {
    /// RADIUS over UDP.
    pub radius: Vec<Socket>,
    /// The control socket.
    pub control: UnixListener,
    /// `systemd` or `mfad`.
    pub from: &'static str,
}

/// Takes the sockets that systemd has passed; binds those that it has not.
fn sockets(passed: Vec<Passed>, config: &Config) -> Result<Sockets, u8> {
    let mut radius = Vec::new();
    let mut control = None;
    let from = if passed.is_empty() { "mfad" } else { "systemd" };
    for passed in passed {
        match passed.socket {
            Handed::Udp(socket) => {
                radius.push(Socket::adopt(socket).map_err(|error| fail(status::SOFTWARE, &error))?);
            }
            Handed::Unix(listener) => control = Some(listener),
            Handed::Tcp(_) => {
                warn_always!("the passed socket `{}` is of no use here: TCP", passed.name);
            }
        }
    }
    if radius.is_empty() {
        for address in &config.listen {
            let socket = Socket::bind(*address).map_err(|error| {
                error_always!("cannot listen on {address}: {error}");
                status::TEMPORARY
            })?;
            radius.push(socket);
        }
    }
    let control = match control {
        Some(control) => control,
        None => bind_control(&config.control_socket).map_err(|error| {
            error_always!("cannot make {}: {error}", config.control_socket.display());
            status::TEMPORARY
        })?,
    };
    Ok(Sockets {
        radius,
        control,
        from,
    })
}

/// Makes the control socket in a folder of our own: never over somebody else's file, and never over
/// a socket that somebody listens on.
///
/// # Errors
/// What the system said, or that it is in use.
pub fn bind_control(path: &Path) -> io::Result<UnixListener> {
    if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
        fs::create_dir_all(folder)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    }
    if let Ok(found) = fs::symlink_metadata(path) {
        let own = nix::unistd::geteuid().as_raw();
        if !found.file_type().is_socket() || found.uid() != own {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "not a socket of mfad's",
            ));
        }
        if UnixStream::connect(path).is_ok() {
            return Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                "another mfad listens there",
            ));
        }
        fs::remove_file(path)?;
    }
    // Nobody but ourselves can reach it between bind and chmod.
    let before = nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o177));
    let listener = UnixListener::bind(path);
    nix::sys::stat::umask(before);
    let listener = listener?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

/// Takes away the rest of the file system, as far as the kernel can.
fn confine(config: &Config, config_path: &Path, credentials: Option<&Path>) -> harden::Step {
    let runtime = config.control_socket.parent();
    let metrics = match &config.metrics {
        Some(config::MetricsListen::Unix(path)) => path.parent(),
        _ => None,
    };
    let read_write: Vec<&Path> = [Some(config.state_dir.as_path()), runtime, metrics]
        .into_iter()
        .flatten()
        .collect();
    let key_folder = match &config.key {
        config::KeySource::File(path) => path.parent(),
        config::KeySource::Credential(_) => None,
    };
    let gateways = config.gateways.iter().map(|it| Some(&it.secret_source));
    let (mail, sms) = (config.mail.as_ref(), config.sms.as_ref());
    let login = mail.map(|mail| mail.login.as_ref().map(|login| &login.source));
    let secret = sms.map(|sms| sms.secret_source.as_ref());
    let secrets = gateways.chain(login).chain(secret).flatten();
    let secrets = secrets.filter_map(|source| match source {
        SecretSource::File(path) => path.parent(),
        SecretSource::Credential(_) => None,
    });
    let authorities = [mail.map(|mail| &mail.ca), sms.map(|sms| &sms.ca)];
    let authorities = authorities
        .into_iter()
        .flatten()
        .filter_map(|ca| ca.parent());
    let read_only: Vec<&Path> = [config_path.parent(), key_folder, credentials]
        .into_iter()
        .flatten()
        .chain(secrets)
        .chain(authorities)
        .collect();
    let ports: Vec<u16> = [mail.map(|mail| mail.port), sms.map(|sms| sms.url.port)]
        .into_iter()
        .flatten()
        .collect();
    harden::confine(Reach {
        read_write: &read_write,
        read_only: &read_only,
        connect: &ports,
    })
}

/// Says what the process has given up; returns what the system did not let it give up.
fn tell(steps: &[harden::Step]) -> Vec<String> {
    let (kept, given): (Vec<_>, Vec<_>) = steps
        .iter()
        .partition(|step| matches!(step.outcome, harden::Outcome::Failed(_)));
    let given: Vec<String> = given.iter().map(ToString::to_string).collect();
    info_always!("given up: {}", given.join("; "));
    let kept: Vec<String> = kept.iter().map(ToString::to_string).collect();
    for step in &kept {
        warn_always!("W022 not given up: {step}");
    }
    kept
}

fn not_started(error: &StartError) -> u8 {
    error_always!("not started: {error}");
    match error {
        StartError::Store(StoreError::InUse(_)) => status::TEMPORARY,
        StartError::Gateways(_) => status::CONFIG,
        StartError::Store(_) | StartError::System { .. } | StartError::Random(_) => {
            status::SOFTWARE
        }
    }
}

fn fail(status: u8, error: &dyn std::fmt::Display) -> u8 {
    error_always!("not started: {error}");
    status
}

/// The name of this host.
#[must_use]
pub fn hostname() -> String {
    nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .unwrap_or_else(|| "localhost".to_owned())
}
