//! The command line of `mfad-web`.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;

use clap::builder::styling::Styles;
use clap::{CommandFactory, Parser};
use tracing::level_filters::LevelFilter;

use crate::config;
use crate::server::{self, status};

/// The web pages of mfad: enrolment by a one-time link, confirmation of an address.
///
/// mfad-web shows people who come with a link the pages that set their second factor up. It speaks
/// HTTPS with browsers and the control interface with mfad, keeps nothing, and decides nothing.
#[derive(Debug, Parser)]
#[command(name = "mfad-web", version, styles = Styles::plain())]
struct Arguments {
    /// Configuration file
    #[arg(long, value_name = "PATH", default_value = config::PATH)]
    config: PathBuf,

    /// Judge the configuration, the certificate and the key; change nothing
    #[arg(long)]
    check: bool,

    /// Least important lines of the log
    #[arg(long, value_name = "LEVEL", default_value = "info",
        value_parser = ["error", "warn", "info", "debug", "trace"])]
    log_level: String,
}

/// The definition of the command line, for the manual page.
#[must_use]
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Does what the command line says; the exit status.
#[must_use]
pub fn main(args: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments = match Arguments::try_parse_from(args) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Whoever closed the other end does not want the text.
            let _ = error.print();
            return if error.use_stderr() {
                status::USAGE
            } else {
                status::OK
            };
        }
    };
    if arguments.check {
        check(&arguments.config)
    } else {
        let level = arguments.log_level.parse().unwrap_or(LevelFilter::INFO);
        server::serve(&arguments.config, level)
    }
}

fn check(path: &std::path::Path) -> u8 {
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    match server::read(path) {
        Ok((config, _)) => {
            let (host, base) = (&config.site.host, &config.site.base);
            let _ = writeln!(out, "mfad-web would start, for https://{host}{base}");
            status::OK
        }
        Err(lines) => {
            let _ = writeln!(err, "{lines}");
            status::CONFIG
        }
    }
}
