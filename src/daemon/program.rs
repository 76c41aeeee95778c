//! `mfad`: reads the command line, runs one mode, gives the exit status.

use std::ffi::OsString;
use std::path::PathBuf;

use tracing::level_filters::LevelFilter;

use super::args::{self, Mode};
use super::report::{Exit, Failure, World, status};
use super::serve::hostname;
use super::terminal::Terminal;
use super::{attempt, check, demo, init, restore, serve};
use crate::config::Surroundings;
use crate::sys::clock::Clock;

/// What the environment says; read once, in `bin/`.
pub struct Environment {
    /// Where systemd has put credentials.
    pub credentials_dir: Option<PathBuf>,
    /// The locale knows signs beyond ASCII.
    pub unicode: bool,
}

/// Runs `mfad`; the exit status.
#[must_use]
pub fn run(args: impl IntoIterator<Item = OsString>, environment: Environment) -> u8 {
    let status = match args::parse(args) {
        Ok(mode) => run_mode(mode, environment),
        Err(exit) => tell(&exit),
    };
    crate::log::flush();
    status
}

fn run_mode(mode: Mode, environment: Environment) -> u8 {
    match mode {
        Mode::Serve(how) => {
            let level = LevelFilter::from_level(how.log_level);
            serve::serve(&how.config, environment.credentials_dir, level)
        }
        Mode::Demo(how) => {
            // The screen shows what the log would say; who wants more asks for it.
            let level = match LevelFilter::from_level(how.log_level) {
                LevelFilter::INFO => LevelFilter::WARN,
                level => level,
            };
            demo::run(&how, level)
        }
        Mode::DemoCode => demo::print_code(),
        Mode::Check(how) => errand(environment, |world| check::run(&how, world)),
        Mode::Init(how) => errand(environment, |world| init::run(&how, world)),
        Mode::Restore(how) => errand(environment, |world| restore::run(&how, world)),
        Mode::Try(how) => errand(environment, |world| attempt::run(&how, world)),
    }
}

/// Runs a mode that says what it did and ends.
fn errand(environment: Environment, run: impl FnOnce(&mut World<'_>) -> Result<u8, Failure>) -> u8 {
    let around = Surroundings {
        credentials_dir: environment.credentials_dir,
        hostname: hostname(),
    };
    let mut asks = match Terminal::find() {
        Ok(terminal) => terminal,
        Err(error) => {
            let failure = Failure::new(status::SOFTWARE, "the standard input cannot be used");
            return tell(&Exit::from(failure.why(error.to_string())));
        }
    };
    let mut out = std::io::stdout();
    let mut world = World {
        out: &mut out,
        asks: &mut asks,
        around,
        now: Clock::start().now(),
        unicode: environment.unicode,
    };
    let result = run(&mut world);
    tell(&Exit::from(result))
}

fn tell(exit: &Exit) -> u8 {
    // Whoever closed the other end does not want the text; the exit status still counts.
    let _ = exit.tell(&mut std::io::stdout(), &mut std::io::stderr());
    exit.status
}
