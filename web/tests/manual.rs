//! The manual page and the commented configuration are those of the program.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::path::{Path, PathBuf};
use std::{env, fs};

use mfad_web::config::{self, KEYS};

fn of_project(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

#[test]
fn the_kept_page_is_the_made_one() {
    let path = of_project("docs/man/mfad-web.8");
    let made = mfad_web::manual::page().unwrap();
    if env::var_os("MFAD_BLESS").is_some() {
        fs::write(&path, &made).unwrap();
    }
    let kept = fs::read(&path).unwrap_or_default();
    assert!(kept == made, "mfad-web.8: MFAD_BLESS=1 writes it anew");
}

#[test]
fn the_commented_file_has_every_key_and_its_default() {
    let path = of_project("conf/web.toml");
    let text = fs::read_to_string(&path).unwrap();
    let as_it_is = config::load(&path).unwrap();
    for (key, default, _) in KEYS {
        let name = key.rsplit('.').next().unwrap();
        let line = default.map_or_else(
            || format!("{name} = "),
            |value| format!("#{name} = {value}\n"),
        );
        assert!(text.contains(&line), "{key}: no {line:?}");
    }
    let all = text.replace("\n#", "\n").replace("\n ", "\n# ");
    let all = config::parse(mfad::config::Source { path, text: all });
    let mut all = all.map_err(|problems| problems.to_string()).unwrap();
    assert_ne!(all.site.help, as_it_is.site.help);
    all.site.help = Default::default();
    assert_eq!(all, as_it_is);
}
