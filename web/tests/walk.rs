//! A person at a browser: headless Chromium, as wide as a phone, walks through the pages.
//!
//! The pictures of the last run are in `target/tmp/pages`.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::format_push_string,
    reason = "a test may stop at the first surprise, and waits for other programs"
)]

#[path = "walk/browser.rs"]
mod browser;
#[path = "walk/common.rs"]
mod common;
#[path = "pages/fake.rs"]
mod fake;
#[path = "walk/looks.rs"]
mod looks;
#[path = "../../tests/mail/world.rs"]
mod mailbox;
#[path = "walk/real.rs"]
mod real;
#[path = "pages/site.rs"]
mod site;

use std::fs;
use std::path::{Path, PathBuf};

use browser::Browser;
use common::tools;

/// Whether everything that a walk needs is there.
fn can_walk() -> bool {
    ["openssl", "chromium", "chromedriver", "zbarimg"]
        .iter()
        .all(|tool| tools::have(tool))
}

/// Keeps a picture of the page, which must not be wider than the phone.
fn picture(browser: &Browser, name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{name}.png"));
    fs::write(&path, browser.picture()).unwrap();
    assert_eq!(browser.overhang(), 0, "{name} is too wide");
    path
}

/// What a QR code in a picture says.
fn scanned(picture: &Path) -> String {
    let path = picture.to_str().unwrap();
    let said = tools::run("zbarimg", &["--quiet", "--raw", path], Path::new("/"), "");
    assert!(said.success, "no code in {path}: {}", said.text);
    // What it complains about comes behind.
    said.text.lines().next().unwrap().to_owned()
}
