//! The daemon.

use std::process::ExitCode;

use mfad::daemon::program::{self, Environment};
use mfad::daemon::report;

fn main() -> ExitCode {
    let variable = |name| std::env::var_os(name).and_then(|value| value.into_string().ok());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].map(variable);
    let environment = Environment {
        credentials_dir: std::env::var_os("CREDENTIALS_DIRECTORY").map(Into::into),
        unicode: report::unicode(locale.each_ref().map(Option::as_deref)),
    };
    ExitCode::from(program::run(std::env::args_os(), environment))
}
