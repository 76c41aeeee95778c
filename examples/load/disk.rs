//! A disk whose flushes take as long as they are told to.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Failure;

/// What stands between the daemon and the disk; see the file itself.
const SHIM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/disk/shim.c");

/// Lets the program's flushes below `folder` take `us` microseconds, and nothing else.
pub(crate) fn slow(command: &mut Command, folder: &Path, us: u64) -> Result<(), Failure> {
    command
        .env("LD_PRELOAD", built(folder)?)
        .env("MFAD_DISK_ROOT", folder)
        .env("MFAD_DISK_FLUSH_US", us.to_string());
    Ok(())
}

fn built(folder: &Path) -> Result<PathBuf, Failure> {
    let library = folder.join("shim.so");
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-O2", "-o"])
        .arg(&library)
        .args([SHIM, "-ldl", "-lpthread"])
        .status()?;
    if !status.success() {
        return Err(format!("cc could not build {SHIM}: {status}").into());
    }
    Ok(library)
}
