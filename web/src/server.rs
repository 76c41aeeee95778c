//! `mfad-web` as a service: sockets, handshakes, connections, reload, and an end.
//!
//! HTTP/1.1 alone: a page is one answer and a style sheet, and what more recent versions add is
//! what servers are flooded with. A connection is bounded in every direction: how long its
//! handshake may take, each of its headers, each request, and all of it. So nobody holds a seat by
//! being slow.

use std::io;
use std::net::{IpAddr, TcpListener as Bound};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use mfad::log::Output;
use mfad::sys::clock::Clock;
use mfad::sys::harden::{self, Outcome, Reach};
use mfad::sys::listen::{self, Socket};
use mfad::sys::notify;
use mfad::sys::signals::{Signal, Signals};
use mfad::{log_error_always, log_info_always, log_warn, log_warn_always};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tracing::level_filters::LevelFilter;

use crate::config::{self, Config};
use crate::enrol::Enrol;
use crate::pages::{self, Front, Peer, Shared};
use crate::rate::{Buckets, Pace};
use crate::seats::{Seat, Seats, Source};
use crate::tls;

/// Connections in all.
const CONNECTIONS_MAX: usize = 512;
/// Connections of one source. A browser opens up to six.
const CONNECTIONS_SOURCE_MAX: usize = 16;
/// New connections of one source: each may cost a signature.
const CONNECTION_PACE: Pace = Pace {
    burst: 60,
    per_second: 4,
};
/// Requests of one source. An enrolment takes about eight, and a whole office may have one address.
const REQUEST_PACE: Pace = Pace {
    burst: 120,
    per_second: 4,
};
/// How long a handshake may take.
const HANDSHAKE_MAX: Duration = Duration::from_secs(5);
/// How long the header of a request may take, from the end of the one before.
const HEADER_MAX: Duration = Duration::from_secs(10);
/// Octets of a header, and of whatever else is read ahead.
const READ_OCTETS_MAX: usize = 16 * 1024;
/// Lines of a header.
const HEADERS_MAX: usize = 64;
/// How long a connection may be used. A page is fetched in less.
const CONNECTION_MAX: Duration = Duration::from_secs(60);
/// How long a connection that is to end may take for what is under way.
const LAST_WORD_MAX: Duration = Duration::from_secs(5);
/// How long to rest when no connection can be accepted, for want of descriptors for instance.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// How often the sums of the log are written.
const MINUTE: Duration = Duration::from_secs(60);
/// Threads. Handshakes are what takes time, and more of them at once would only starve each other.
const THREADS_MAX: usize = 4;

/// Exit statuses of the service (sysexits).
pub(crate) mod status {
    /// All was well.
    pub(crate) const OK: u8 = 0;
    /// Called wrongly.
    pub(crate) const USAGE: u8 = 64;
    /// A bug, or the system does not let it run.
    pub(crate) const SOFTWARE: u8 = 70;
    /// An address is taken.
    pub(crate) const TEMPORARY: u8 = 75;
    /// The configuration, the certificate or the key.
    pub(crate) const CONFIG: u8 = 78;
}

/// What a reload replaces.
struct Running {
    tls: Arc<ServerConfig>,
    router: Router,
}

/// Everything that serves.
struct Server {
    path: PathBuf,
    shared: Arc<Shared>,
    running: ArcSwap<Running>,
    seats: Arc<Seats>,
    arrivals: Mutex<Buckets>,
}

/// Reads the configuration, the certificate and the key.
///
/// # Errors
/// What is wrong, in lines.
pub(crate) fn read(path: &Path) -> Result<(Config, Arc<ServerConfig>), String> {
    let config = config::load(path).map_err(|problems| problems.to_string())?;
    let tls = tls::load(&config).map_err(|error| error.to_string())?;
    Ok((config, tls))
}

/// Serves until SIGTERM or SIGINT; the exit status.
pub(crate) fn serve(path: &Path, level: LevelFilter) -> u8 {
    mfad::log::init(Output::detect(), level);
    let status = match start(path) {
        Ok((server, listeners)) => run(server, listeners),
        Err(status) => status,
    };
    mfad::log::flush();
    status
}

fn start(path: &Path) -> Result<(Server, Vec<Bound>), u8> {
    log_info_always!("mfad-web {} starting", env!("CARGO_PKG_VERSION"));
    // Before any file is opened, so that no number can be taken for a passed socket.
    let passed = listen::passed().map_err(|error| failed(status::SOFTWARE, &error))?;
    let mut steps = harden::early();
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let (config, tls) = read(&path).map_err(|lines| {
        lines.lines().for_each(|line| log_error_always!("{line}"));
        status::CONFIG
    })?;
    let mut listeners = Vec::new();
    for passed in passed {
        match passed.socket {
            Socket::Tcp(listener) => listeners.push(listener),
            _ => log_warn_always!("the passed socket `{}` is of no use here", passed.name),
        }
    }
    if listeners.is_empty() {
        for address in &config.listen {
            let bound = Bound::bind(address).map_err(|error| {
                log_error_always!("cannot listen on {address}: {error}");
                status::TEMPORARY
            })?;
            listeners.push(bound);
        }
    }
    let folders = [&path, &config.certificate, &config.key].map(|file| file.parent());
    let folders: Vec<&Path> = folders.into_iter().flatten().collect();
    steps.push(harden::confine(Reach {
        read_only: &folders,
        ..Reach::default()
    }));
    for step in &steps {
        match step.outcome {
            Outcome::Failed(_) => log_warn_always!("not given up: {step}"),
            _ => log_info_always!("given up: {step}"),
        }
    }
    let shared = Arc::new(Shared {
        enrol: Enrol::new(),
        requests: Mutex::new(Buckets::new(REQUEST_PACE)),
        clock: Clock::start(),
    });
    let server = Server {
        running: ArcSwap::from_pointee(running(&shared, config, tls)),
        path,
        shared,
        seats: Seats::new(CONNECTIONS_MAX, CONNECTIONS_SOURCE_MAX),
        arrivals: Mutex::new(Buckets::new(CONNECTION_PACE)),
    };
    Ok((server, listeners))
}

fn running(shared: &Arc<Shared>, config: Config, tls: Arc<ServerConfig>) -> Running {
    let front = Front {
        shared: Arc::clone(shared),
        site: Arc::new(config.site),
    };
    let router = pages::router(front);
    Running { tls, router }
}

fn failed(status: u8, error: &dyn std::fmt::Display) -> u8 {
    log_error_always!("{error}");
    status
}

fn run(server: Server, listeners: Vec<Bound>) -> u8 {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads.min(THREADS_MAX))
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => match runtime.block_on(attend(Arc::new(server), listeners)) {
            Ok(()) => status::OK,
            Err(error) => failed(status::SOFTWARE, &error),
        },
        Err(error) => failed(status::SOFTWARE, &error),
    }
}

/// Accepts, and heeds signals; drains at the end.
async fn attend(server: Arc<Server>, listeners: Vec<Bound>) -> io::Result<()> {
    // Before READY: from then on a signal is to reload or to drain, not to kill.
    let mut signals = Signals::listen()?;
    let (stop, stopping) = watch::channel(());
    let mut accepting = JoinSet::new();
    for listener in listeners {
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        log_info_always!("listening https={}", listener.local_addr()?);
        accepting.spawn(accept(Arc::clone(&server), listener, stopping.clone()));
    }
    drop(stopping);
    let _ = notify::ready("SERVING");
    log_info_always!("READY");
    let mut minute = interval(MINUTE);
    let mut watched = interval(notify::watchdog_interval().unwrap_or(MINUTE));
    loop {
        tokio::select! {
            signal = signals.next() => match signal {
                Signal::Reload => server.reload(),
                signal => {
                    log_info_always!("stopping: {signal}");
                    break;
                }
            },
            _ = minute.tick() => {
                // Tells the limits of the log what time it is.
                let _ = server.shared.clock.now();
                mfad::log::sum_up();
            }
            _ = watched.tick() => { let _ = notify::watchdog(); }
        }
    }
    let _ = notify::stopping("DRAINING");
    accepting.abort_all();
    let _ = stop.send(());
    // Every connection holds a receiver until it has ended.
    let _ = timeout(LAST_WORD_MAX, stop.closed()).await;
    log_info_always!("stopped");
    Ok(())
}

impl Server {
    /// Reads everything anew; what cannot be read changes nothing.
    fn reload(&self) {
        let _ = notify::reloading();
        match read(&self.path) {
            Ok((config, tls)) => {
                self.running
                    .store(Arc::new(running(&self.shared, config, tls)));
                log_info_always!("reloaded: configuration and certificate are in force");
            }
            Err(lines) => {
                lines.lines().for_each(|line| log_error_always!("{line}"));
                log_error_always!("not reloaded: the old configuration and certificate stay");
            }
        }
        let _ = notify::ready("SERVING");
    }

    /// A seat for whoever connects; none: too fast, or too many.
    fn seat(&self, from: IpAddr) -> Option<Seat> {
        let source = Source::of(from);
        let now_us = self.shared.clock.now().mono_us;
        let mut arrivals = self
            .arrivals
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        arrivals.take(source, now_us).ok()?;
        drop(arrivals);
        self.seats.take(source)
    }
}

async fn accept(server: Arc<Server>, listener: TcpListener, stopping: watch::Receiver<()>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let from = peer.ip().to_canonical();
                let Some(seat) = server.seat(from) else {
                    log_warn!(%from, "turned away: too many connections");
                    continue;
                };
                let (running, stopping) = (server.running.load_full(), stopping.clone());
                tokio::spawn(async move {
                    connection(stream, from, &running, stopping).await;
                    drop(seat);
                });
            }
            Err(error) => {
                log_warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// One connection from its handshake to its end; what goes wrong on it is its peer's affair.
async fn connection(
    stream: TcpStream,
    from: IpAddr,
    running: &Running,
    mut stopping: watch::Receiver<()>,
) {
    let _ = stream.set_nodelay(true);
    let acceptor = TlsAcceptor::from(Arc::clone(&running.tls));
    let Ok(Ok(stream)) = timeout(HANDSHAKE_MAX, acceptor.accept(stream)).await else {
        return;
    };
    let service = running.router.clone().layer(Extension(Peer(from)));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_MAX)
        .max_buf_size(READ_OCTETS_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut served = pin!(served);
    tokio::select! {
        _ = &mut served => return,
        () = sleep(CONNECTION_MAX) => {}
        _ = stopping.changed() => {}
    }
    served.as_mut().graceful_shutdown();
    let _ = timeout(LAST_WORD_MAX, served).await;
}
