//! Load for mfad, beside a bare loop on the same file system.
//!
//! ```text
//! cargo build --release && cargo run --release --example load
//! ```
//! Starts the real daemon with a store of its own, pinned to one core, and signs people in from
//! another core: fresh HOTP codes over UDP, each made durable before its answer. Every reply is
//! proven authentic. In the same minutes a bare loop of 12 KiB writes with `fdatasync` shows what
//! the disk can do: figures of two machines, or of two hours, compare only as ratios to it.
//!
//! Each round is a flood (requests per second), a paced run (what a person waits for) and the bare
//! loop, one after the other. `--pin` adds floods with PIN and code by people whose PIN was checked
//! before; `--million` measures a daemon with a million people instead. Everything is bounded, the
//! one process started is ended, and the folder goes at the end.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that measures time and tells a person"
)]

mod bare;
mod daemon;
mod gateway;
mod instance;
mod people;
mod report;
mod spread;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use mfad::sys::clock::Clock;

use daemon::Daemon;
use gateway::{IN_FLIGHT_MAX, Line};
use instance::{Instance, OTP_ADDRESS, PIN_ADDRESS, SECRETS};
use people::{Form, People};
use report::{Measured, Report};

/// Whatever ends the program early.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// People with a PIN: each costs one Argon2id hash to make and one to warm up.
const PINS: usize = 400;

/// Requests in flight while PINs are checked for the first time: below the pool's queue.
const COLD_IN_FLIGHT: usize = 32;

/// Measures logins per second, what they cost and how long they take.
#[derive(Parser)]
struct Wish {
    /// People in the store.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1_000..=2_000_000))]
    users: u32,
    /// Length of each part of a round.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Rounds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=20))]
    rounds: u32,
    /// Requests per second of the paced run.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    rate: u32,
    /// Requests on their way in the flood.
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=256))]
    in_flight: u64,
    /// Also PIN and code, beside the code alone of the same few people.
    #[arg(long)]
    pin: bool,
    /// A million people: time to READY, memory, logins.
    #[arg(long)]
    million: bool,
    /// Where the store lies; default: beside this program.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// The daemon; default: `mfad` beside the folder of this program.
    #[arg(long)]
    mfad: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Wish::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures and tells; false if some reply was not as it should be.
fn run(wish: &Wish) -> Result<bool, Failure> {
    let own = std::env::current_exe()?;
    let beside = own
        .parent()
        .and_then(Path::parent)
        .unwrap_or_else(|| Path::new("."));
    let program = wish.mfad.clone().unwrap_or_else(|| beside.join("mfad"));
    if !program.exists() {
        return Err(format!("{} is missing: cargo build --release", program.display()).into());
    }
    if stale(
        &program,
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")),
    ) {
        eprintln!("load: mfad is older than its sources: cargo build --release?");
    }
    let base = wish.folder.clone().unwrap_or_else(|| beside.to_owned());
    let cores = daemon::cores()?;
    let (daemon_core, loader_core) = match cores.as_slice() {
        [first, second, ..] => (Some(*first), Some(*second)),
        _ => (None, None),
    };
    if loader_core.is_none() {
        eprintln!("load: one core only: daemon and loader share it");
    }
    let clock = Clock::start();
    let users = if wish.million {
        1_000_000
    } else {
        usize::try_from(wish.users)?
    };
    let pins = if wish.pin { PINS } else { 0 };
    let mut people = People::draw(users, pins)?;
    let filling = std::time::Instant::now();
    let instance = Instance::make(&base, &people, &clock)?;
    println!(
        "{users} people stored in {:.1} s",
        filling.elapsed().as_secs_f64()
    );
    let daemon = Daemon::start(&program, instance.folder.path(), daemon_core)?;
    daemon::pin_self(loader_core)?;
    let mut report = Report::new(wish.rate, daemon.ready_after, daemon.memory_kib()?);
    report.head(users, wish.in_flight, daemon_core.zip(loader_core));
    let bench = Bench {
        wish,
        daemon: &daemon,
        instance: &instance,
    };
    for _ in 0..wish.rounds {
        report.round(bench.round(&mut people)?);
    }
    if wish.pin {
        for _ in 0..wish.rounds {
            report.pin(bench.with_and_without_pin(&mut people)?);
        }
    }
    report.memory(daemon.memory_kib()?);
    if !daemon.stop()? {
        report.complain("the daemon did not end well".to_owned());
    }
    Ok(report.finish())
}

/// Whether a source file is younger than the daemon; false where the sources are not at hand.
fn stale(program: &Path, sources: &Path) -> bool {
    let changed = |path: &Path| path.metadata().and_then(|data| data.modified()).ok();
    let entries = std::fs::read_dir(sources).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).any(|path| {
        if path.is_dir() {
            return stale(program, &path);
        }
        changed(&path) > changed(program)
    })
}

/// What a round is made with.
struct Bench<'a> {
    wish: &'a Wish,
    daemon: &'a Daemon,
    instance: &'a Instance,
}

impl Bench<'_> {
    fn round(&self, people: &mut People) -> Result<Measured, Failure> {
        let form = Form {
            pin: false,
            secret: SECRETS[0].as_bytes(),
            people: people.len(),
        };
        let line = Line {
            from: OTP_ADDRESS,
            server: self.instance.server,
            form,
        };
        let before = self.daemon.reading()?;
        let flood = gateway::flood(line, people, self.in_flight(), self.span())?;
        let cost = self.daemon.reading()?.since(&before);
        let paced = gateway::pace(line, people, self.wish.rate, self.span())?;
        self.daemon.hold()?;
        let bare = bare::run(self.instance.folder.path(), self.span());
        self.daemon.go_on()?;
        Ok(Measured {
            flood,
            cost,
            paced,
            bare: bare?,
        })
    }

    /// Logins per second of the same people without and with a PIN that is known to be right.
    fn with_and_without_pin(&self, people: &mut People) -> Result<[gateway::Outcome; 2], Failure> {
        let form = Form {
            pin: false,
            secret: SECRETS[0].as_bytes(),
            people: people.pins,
        };
        let otp = Line {
            from: OTP_ADDRESS,
            server: self.instance.server,
            form,
        };
        let form = Form {
            pin: true,
            secret: SECRETS[1].as_bytes(),
            people: people.pins,
        };
        let pin = Line {
            from: PIN_ADDRESS,
            server: self.instance.server,
            form,
        };
        // Long enough for every PIN to be checked once by a pool of one thread.
        let warm = Duration::from_millis(u64::try_from(people.pins)? * 60);
        if people.warm {
            gateway::flood(pin, people, self.in_flight(), Duration::from_millis(200))?;
        } else {
            gateway::flood(pin, people, COLD_IN_FLIGHT, warm)?;
            people.warm = true;
        }
        let without = gateway::flood(otp, people, self.in_flight(), self.span())?;
        let with = gateway::flood(pin, people, self.in_flight(), self.span())?;
        Ok([without, with])
    }

    fn in_flight(&self) -> usize {
        usize::try_from(self.wish.in_flight)
            .unwrap_or(IN_FLIGHT_MAX)
            .min(IN_FLIGHT_MAX)
    }

    fn span(&self) -> Duration {
        Duration::from_secs(self.wish.seconds)
    }
}
