//! `mfactl`: the program that operators type; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(mfad::ctl::main())
}
