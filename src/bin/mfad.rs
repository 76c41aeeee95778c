//! The daemon.

use std::path::PathBuf;
use std::process::ExitCode;

use tracing::level_filters::LevelFilter;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let has = |flag: &str| args.iter().any(|arg| arg == flag);
    let value = |flag: &str| {
        let at = args.iter().position(|arg| arg == flag)?;
        args.get(at + 1).cloned()
    };
    let level = value("--log-level").and_then(|level| level.parse().ok());
    if has("--demo-code") {
        return ExitCode::from(mfad::daemon::demo::print_code());
    }
    if has("--demo") {
        let wish = mfad::daemon::demo::Wish {
            json: has("--json"),
            ascii: has("--ascii"),
        };
        return ExitCode::from(mfad::daemon::demo::run(
            wish,
            level.unwrap_or(LevelFilter::WARN),
        ));
    }
    let config =
        value("--config").map_or_else(|| PathBuf::from("/etc/mfad/mfad.toml"), PathBuf::from);
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let level = level.unwrap_or(LevelFilter::INFO);
    ExitCode::from(mfad::daemon::serve::serve(&config, credentials, level))
}
