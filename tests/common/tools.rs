//! Programs that other people wrote. Where one is missing its tests say so; with `CI=true` they fail.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a program said.
pub(crate) struct Said {
    pub(crate) success: bool,
    pub(crate) text: String,
}

/// Whether a program is there.
pub(crate) fn have(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    found || missing(program)
}

/// The built daemon. The tests of another package of the workspace find it beside themselves, where
/// plain `cargo test` has put it.
pub(crate) fn mfad() -> PathBuf {
    if let Some(path) = option_env!("CARGO_BIN_EXE_mfad") {
        return path.into();
    }
    let test = std::env::current_exe().unwrap();
    let path = test.parent().unwrap().with_file_name("mfad");
    assert!(path.is_file(), "no {}: cargo build first", path.display());
    path
}

/// A file of this project.
pub(crate) fn of_project(path: &str) -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let inner = package.ends_with("web").then(|| package.parent()).flatten();
    inner.unwrap_or(package).join(path)
}

/// The module of `pam_radius`.
pub(crate) fn pam_radius() -> Option<PathBuf> {
    let name = "security/pam_radius_auth.so";
    let inner = std::fs::read_dir("/lib").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = inner.map(|entry| entry.path()).collect();
    folders.push(PathBuf::from("/lib"));
    let found = folders
        .iter()
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    if found.is_none() {
        missing("pam_radius_auth.so");
    }
    found
}

/// Whether this is root, who alone can do this.
pub(crate) fn is_root(what: &str) -> bool {
    nix::unistd::geteuid().is_root() || skip(&format!("only root can {what}"))
}

fn missing(what: &str) -> bool {
    skip(&format!("{what} is missing (bash .ci/run installs it)"))
}

/// Says why a test is left out; where everything must be there it fails.
pub(crate) fn skip(why: &str) -> bool {
    let ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!ci, "{why}");
    println!("skipped: {why}");
    false
}

/// Runs a program with `input` until it ends.
pub(crate) fn run(program: &str, arguments: &[&str], folder: &Path, input: &str) -> Said {
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that does not read what it is given is no error here.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    Said {
        success: output.status.success(),
        text: String::from_utf8_lossy(&text).into_owned(),
    }
}

/// The code of a token at a counter, by `oathtool`.
pub(crate) fn oathtool_hotp(seed_hex: &str, counter: u64) -> String {
    oathtool(&["--hotp", "-c", &counter.to_string(), seed_hex])
}

/// The present code of a time based token, by `oathtool`.
pub(crate) fn oathtool_totp(seed_hex: &str) -> String {
    oathtool(&["--totp", seed_hex])
}

/// What an app shows that has this secret, by `oathtool`.
pub(crate) fn oathtool_app(secret: &str) -> String {
    oathtool(&["--totp", "-b", secret])
}

fn oathtool(arguments: &[&str]) -> String {
    let said = run("oathtool", arguments, Path::new("/"), "");
    assert!(said.success, "{}", said.text);
    said.text.trim().to_owned()
}

/// The library that changes a program's clock; where Debian's package puts it.
pub(crate) fn libfaketime() -> Option<PathBuf> {
    let machines = std::fs::read_dir("/usr/lib").ok()?.flatten();
    let found = machines
        .map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"))
        .find(|path| path.is_file());
    found.or_else(|| have("faketime").then(|| panic!("faketime without its library")))
}
