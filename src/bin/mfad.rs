//! The daemon.

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    if args.iter().any(|a| a == "--demo") {
        return ExitCode::from(mfad::daemon::demo::run(
            mfad::daemon::demo::Wish { json: args.iter().any(|a| a == "--json"), ascii: false },
            tracing::level_filters::LevelFilter::INFO,
        ));
    }
    ExitCode::SUCCESS
}
