//! `mfad-web`: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(mfad_web::args::main(std::env::args_os()))
}
