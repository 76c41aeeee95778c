//! Load for mfad, beside a bare loop on the same file system.
//!
//! ```text
//! cargo build --release && cargo run --release --example load [-- TABLE]
//! ```
//! Starts the real daemon with a store of its own, pinned to one core, and signs people in from
//! another core: fresh HOTP codes over UDP, each made durable before its answer. Every reply is
//! proven authentic. In the same minutes a bare loop of 12 KiB writes with `fdatasync` shows what
//! the disk can do: figures of two machines, or of two hours, compare only as ratios to it.
//!
//! Each table is one command; [`Table`] says what it shows. Everything is bounded, the processes
//! started are ended, and the folder goes at the end.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that measures time and tells a person"
)]

mod bare;
mod bench;
mod cold;
mod counting;
mod daemon;
mod disk;
mod flood;
mod gateway;
mod import;
mod instance;
mod people;
mod report;
mod spread;
mod status;
mod tables;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use gateway::IN_FLIGHT_MAX;

/// Whatever ends the program early.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Table {
    /// Floods and paced runs beside the bare loop.
    Rounds,
    /// PIN and code beside the code alone, of the same few people.
    Pin,
    /// The same floods with the store and with one that only counts, in turn.
    Counting,
    /// Status-Server requests per second.
    Status,
    /// PINs checked for the first time, beside Argon2id alone; others' latency meanwhile.
    Cold,
    /// From 1,000 people to 1,000,000.
    Growth,
    /// A disk whose flush takes 1 ms, and 5 ms.
    Disk,
    /// Imports of 100,000 people, devices, and tokens with their owners, beside sign-ins.
    Import,
    /// First packets at full rate beside sign-ins.
    Flood,
    /// Two daemons in turn, the second given by --other: what a change has brought.
    Versus,
}

/// Measures logins per second, what they cost and how long they take.
#[derive(Parser)]
struct Wish {
    /// Which table.
    #[arg(value_enum, default_value = "rounds")]
    table: Table,
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
    /// Let each flush of the disk take so many microseconds instead of its own time.
    #[arg(long)]
    flush_us: Option<u64>,
    /// Where the store lies; default: beside this program.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// The daemon; default: `mfad` beside the folder of this program.
    #[arg(long)]
    mfad: Option<PathBuf>,
    /// The other daemon of `versus`.
    #[arg(long)]
    other: Option<PathBuf>,
    /// What this program starts itself for: the daemon's parts with a store that only counts.
    #[arg(long, hide = true)]
    serve_counting: Option<PathBuf>,
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
    if let Some(folder) = &wish.serve_counting {
        return counting::serve(folder).map(|()| true);
    }
    let setting = setting(wish)?;
    match wish.table {
        Table::Rounds => tables::rounds(&setting, wish.rounds),
        Table::Pin => tables::pin(&setting, wish.rounds),
        Table::Counting => tables::counting(&setting, wish.rounds),
        Table::Status => tables::status(&setting, wish.rounds),
        Table::Cold => cold::table(&setting, wish.rounds),
        Table::Growth => tables::growth(&setting),
        Table::Disk => tables::disk(&setting),
        Table::Import => import::table(&setting),
        Table::Flood => flood::table(&setting),
        Table::Versus => {
            let other = wish.other.as_deref().ok_or("versus wants --other")?;
            tables::versus(&setting, other, wish.rounds)
        }
    }
}

/// What all tables have in common.
pub(crate) struct Setting {
    /// The daemon.
    pub(crate) program: PathBuf,
    /// Where stores lie.
    pub(crate) base: PathBuf,
    /// The core of the daemon, and of this program.
    pub(crate) cores: Option<(usize, usize)>,
    /// People in the store.
    pub(crate) users: usize,
    /// Length of each part of a round.
    pub(crate) span: Duration,
    /// Requests per second of a paced run.
    pub(crate) rate: u32,
    /// Requests on their way in a flood.
    pub(crate) in_flight: usize,
    /// How long each flush takes, if not its own time.
    pub(crate) flush_us: Option<u64>,
}

fn setting(wish: &Wish) -> Result<Setting, Failure> {
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
    let cores = daemon::cores()?;
    let cores = match cores.as_slice() {
        [first, second, ..] => Some((*first, *second)),
        _ => None,
    };
    match cores {
        Some((daemon, loader)) => println!("daemon on core {daemon}, loader on core {loader}"),
        None => eprintln!("load: one core only: daemon and loader share it"),
    }
    Ok(Setting {
        program,
        base: wish.folder.clone().unwrap_or_else(|| beside.to_owned()),
        cores,
        users: usize::try_from(wish.users)?,
        span: Duration::from_secs(wish.seconds),
        rate: wish.rate,
        in_flight: usize::try_from(wish.in_flight)?.min(IN_FLIGHT_MAX),
        flush_us: wish.flush_us,
    })
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
