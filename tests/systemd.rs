//! The unit files: that systemd takes every line of them, and that the sandbox is as tight as said.
//!
//! systemd ignores a line that it does not understand, so a slip of the pen opens the sandbox
//! without anybody noticing; these tests notice. They ask the systemd of this machine and start
//! nothing. Where a tool is missing they say so and pass, unless `CI=true`.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![expect(clippy::print_stdout, reason = "a test that is skipped says so")]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Greatest exposure of the closed unit, in tenths.
const CLOSED_TENTHS_MAX: u32 = 5;
/// Greatest exposure of a unit that may reach the network, in tenths.
const NETWORK_TENTHS_MAX: u32 = 12;
/// First systemd that knows `Type=notify-reload`.
const NOTIFY_RELOAD_SINCE: u32 = 253;

const UNITS: [&str; 5] = [
    "mfad.service",
    "mfad-radius.socket",
    "mfad-control.socket",
    "mfad-web.service",
    "mfad-web.socket",
];

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("systemd")
        .join(name)
}

/// Runs a tool; nothing where it is missing, and that only outside CI.
fn run<A: AsRef<OsStr>>(tool: &str, args: &[A], units: &Path) -> Option<Output> {
    let path = format!("{}:", units.display());
    match Command::new(tool)
        .args(args)
        .env("SYSTEMD_UNIT_PATH", path)
        .output()
    {
        Ok(output) => Some(output),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "{tool}: {error}");
            println!("skipped: no {tool} here");
            None
        }
    }
}

fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

/// The units in a folder, with the built daemon in place of the installed programs, and drop-ins of
/// the daemon.
fn folder(drop_ins: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in UNITS {
        let unit = fs::read_to_string(shipped(name)).unwrap();
        let built = concat!("ExecStart=", env!("CARGO_BIN_EXE_mfad"), " ");
        let unit = unit
            .replace("ExecStart=/usr/sbin/mfad ", built)
            .replace("ExecStart=/usr/sbin/mfad-web ", built);
        fs::write(folder.path().join(name), unit).unwrap();
    }
    let below = folder.path().join("mfad.service.d");
    fs::create_dir(&below).unwrap();
    for name in drop_ins {
        fs::copy(shipped(name), below.join(name)).unwrap();
    }
    folder
}

fn verify(folder: &Path) -> Option<String> {
    let mut args = vec!["verify".into(), "--man=no".into()];
    args.extend(UNITS.iter().map(|unit| folder.join(unit).into_os_string()));
    let output = run("systemd-analyze", &args, folder)?;
    let said = text(&output);
    let ours: Vec<&str> = said.lines().filter(|l| l.contains("mfad")).collect();
    let refused = if output.status.success() {
        ""
    } else {
        "refused: "
    };
    Some(format!("{refused}{}", ours.join("\n")))
}

/// Whether the exposure of a unit is at most this, and what was said.
fn exposed_at_most(tenths: u32, unit: &str, folder: &Path) -> Option<(bool, String)> {
    let limit = format!("--threshold={tenths}");
    let args = ["security", "--offline=true", &limit, unit];
    let output = run("systemd-analyze", &args, folder)?;
    Some((output.status.success(), text(&output)))
}

fn systemd_version() -> Option<u32> {
    let output = run("systemd-analyze", &["--version"], Path::new("/"))?;
    text(&output).split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn systemd_understands_every_line() {
    for drop_ins in [&[][..], &["network-profile.conf"][..]] {
        let folder = folder(drop_ins);
        let Some(said) = verify(folder.path()) else {
            return;
        };
        assert_eq!(said, "");
    }
}

#[test]
fn a_misspelt_line_is_seen() {
    let folder = folder(&[]);
    let unit = folder.path().join("mfad.service");
    let wrong = fs::read_to_string(&unit)
        .unwrap()
        .replace("PrivateTmp=", "PrivateTpm=");
    fs::write(&unit, wrong).unwrap();
    let Some(said) = verify(folder.path()) else {
        return;
    };
    assert!(said.contains("PrivateTpm"), "{said}");
}

#[test]
fn notify_reload_is_understood_where_it_is_known() {
    match systemd_version() {
        Some(version) if version >= NOTIFY_RELOAD_SINCE => {
            let folder = folder(&["notify-reload.conf"]);
            assert_eq!(verify(folder.path()).unwrap(), "");
        }
        _ => println!("skipped: needs systemd {NOTIFY_RELOAD_SINCE}"),
    }
    // The unit itself must stay with what an older systemd knows.
    let unit = fs::read_to_string(shipped("mfad.service")).unwrap();
    assert!(unit.lines().any(|l| l == "Type=notify"));
}

#[test]
fn the_closed_units_are_closed() {
    let folder = folder(&[]);
    for unit in ["mfad.service", "mfad-web.service"] {
        let Some((fits, said)) = exposed_at_most(CLOSED_TENTHS_MAX, unit, folder.path()) else {
            return;
        };
        assert!(fits, "{said}");
    }
}

#[test]
fn the_network_profile_opens_no_more_than_it_says() {
    let folder = folder(&["network-profile.conf"]);
    let unit = "mfad.service";
    let Some((fits, said)) = exposed_at_most(NETWORK_TENTHS_MAX, unit, folder.path()) else {
        return;
    };
    assert!(fits, "{said}");
    // The drop-in was really read: the closed limit does not hold any more.
    let closed = exposed_at_most(CLOSED_TENTHS_MAX, unit, folder.path());
    assert!(closed.is_some_and(|(fits, _)| !fits));
}

#[test]
fn peers_keep_their_identity() {
    // With PrivateUsers= every peer of the control socket has uid 65534, and roles are gone.
    for entry in fs::read_dir(shipped("")).unwrap() {
        let path = entry.unwrap().path();
        let file = fs::read_to_string(&path).unwrap();
        let set = file
            .lines()
            .find(|l| l.trim_start().starts_with("PrivateUsers"));
        assert_eq!(set, None, "{}", path.display());
    }
}

#[test]
fn users_and_folders_are_made() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("etc")).unwrap();
    let at = format!("--root={}", root.path().display());
    let user = shipped("mfad.sysusers").display().to_string();
    let Some(output) = run("systemd-sysusers", &["--dry-run", &user], root.path()) else {
        return;
    };
    assert!(output.status.success(), "{}", text(&output));
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: making users and folders in a root of our own needs root");
        return;
    }
    let made = run("systemd-sysusers", &[&at, &user], root.path()).unwrap();
    assert!(made.status.success(), "{}", text(&made));
    let groups = fs::read_to_string(root.path().join("etc/group")).unwrap();
    for group in [
        "mfad",
        "mfad-viewer",
        "mfad-support",
        "mfad-operator",
        "mfad-admin",
        "mfad-web",
    ] {
        assert!(
            groups.lines().any(|l| l.split(':').next() == Some(group)),
            "{group}: {groups}"
        );
    }
    let folders = shipped("mfad.tmpfiles").display().to_string();
    let Some(output) = run(
        "systemd-tmpfiles",
        &["--create", &at, &folders],
        root.path(),
    ) else {
        return;
    };
    assert!(output.status.success(), "{}", text(&output));
    for (folder, mode) in [
        ("etc/mfad", 0o750),
        ("etc/mfad/gateways.d", 0o750),
        ("var/lib/mfad", 0o700),
    ] {
        let made = fs::metadata(root.path().join(folder))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(made & 0o7777, mode, "{folder}");
    }
}
