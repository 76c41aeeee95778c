//! `mfad` apart from serving: setting up, checking, restoring, trying, and the manual pages.
//!
//! Everything happens below a temporary folder, as `--root` has it. The modes are called as the
//! program calls them, with a made-up person at the terminal.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "mfad_cli/attempt.rs"]
mod attempt;
#[path = "mfad_cli/check.rs"]
mod check;
#[path = "mfad_cli/init.rs"]
mod init;
#[path = "mfad_cli/program.rs"]
mod program;
#[path = "mfad_cli/restore.rs"]
mod restore;
#[path = "mfad_cli/world.rs"]
mod world;

#[cfg(test)]
mod manual {
    use std::path::Path;
    use std::process::Command;
    use std::{env, fs};

    use mfad::daemon::manual;

    const PAGES: [&str; 3] = ["mfad.8", "mfactl.8", "mfad.toml.5"];

    fn kept(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("docs/man")
            .join(name)
    }

    fn made(name: &str) -> String {
        match name {
            "mfad.8" => manual::daemon_page().unwrap(),
            "mfactl.8" => mfad::ctl::manual(),
            _ => manual::config_page(),
        }
    }

    #[test]
    fn the_kept_pages_are_the_made_ones() {
        for name in PAGES {
            let (path, made) = (kept(name), made(name));
            if env::var_os("MFAD_BLESS").is_some() {
                fs::write(&path, &made).unwrap();
            }
            let kept = fs::read_to_string(&path).unwrap_or_default();
            assert!(
                kept == made,
                "{name} is not what it should be: MFAD_BLESS=1 writes it anew"
            );
        }
    }

    /// Runs a tool on a page; nothing where it is missing, and that only outside CI.
    fn lint(tool: &str, args: &[&str], page: &Path) -> Option<String> {
        match Command::new(tool)
            .args(args)
            .arg(page)
            .env("LC_ALL", "C.UTF-8")
            .output()
        {
            Ok(output) => {
                assert!(output.status.code().is_some(), "{tool} was killed");
                let said = [output.stderr.as_slice(), &output.stdout].concat();
                Some(String::from_utf8_lossy(&said).into_owned())
            }
            Err(_) => None,
        }
    }

    #[test]
    fn formatters_find_nothing_wrong() {
        let mut looked = 0;
        for name in PAGES {
            let page = kept(name);
            if let Some(said) = lint("mandoc", &["-Tlint", "-Wwarning"], &page) {
                assert_eq!(said, "", "mandoc {name}");
                looked += 1;
            }
            if let Some(said) = lint("groff", &["-man", "-ww", "-Tutf8", "-z"], &page) {
                assert_eq!(said, "", "groff {name}");
                looked += 1;
            }
        }
        if looked == 0 {
            assert!(
                env::var_os("CI").is_none(),
                "neither mandoc nor groff is here"
            );
            println!("skipped: neither mandoc nor groff is here");
        }
    }

    #[test]
    fn formatters_find_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let page = folder.path().join("wrong.8");
        fs::write(&page, ".TH X 8 2026-11-21\n.SH NAME\nx \\- y\n.XYZZY z\n").unwrap();
        match lint("groff", &["-man", "-ww", "-Tutf8", "-z"], &page) {
            Some(said) => assert!(said.contains("XYZZY"), "{said}"),
            None => println!("skipped: no groff here"),
        }
    }
}
