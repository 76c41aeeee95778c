//! `mfad --check`.

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::process::Command;

use mfad::store::sqlite::SCHEMA;

use super::world::System;

/// A configuration that binds no port which others use.
fn ready() -> System {
    let system = System::ready();
    let free = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let path = system.path("etc/mfad/mfad.toml");
    let text = fs::read_to_string(&path).unwrap();
    let text = text.replacen("[radius]", &format!("[radius]\nlisten = [\"{free}\"]"), 1);
    let groups = "[roles.admin]\nusers = [\"root\"]\ngroups = [\"mfad-nobody-has-this\"]";
    let text = text.replacen("[roles.admin]", groups, 1);
    fs::write(path, text).unwrap();
    system
}

fn gateway(system: &System, secret: &str) {
    let file = system.path("etc/mfad/vpn1.secret");
    fs::write(&file, secret).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    system.configure(&format!(
        "[gateway.vpn1]\naddresses = [\"192.0.2.10\"]\nsecret_file = \"{}\"\n\
         first_factor = \"none\"\npasscode = \"otp\"\n",
        file.display()
    ));
}

fn has(screen: &str, start: &str, part: &str) -> bool {
    screen
        .lines()
        .any(|line| line.starts_with(start) && line.contains(part))
}

#[test]
fn a_good_system_would_start() {
    let system = ready();
    gateway(&system, "kT9vQz4mW2xR7bN5pL8cJ3hF6dS1gY0a");
    let before = fs::read(system.store()).unwrap();
    let done = system.check(false);
    let screen = &done.screen;
    assert_eq!(done.result, Ok(0), "{screen}");
    assert!(
        has(screen, "✓ config ", "and 1 file in gateways.d: 1 gateway"),
        "{screen}"
    );
    assert!(
        has(screen, "✓ key ", "version 1, opens the store"),
        "{screen}"
    );
    let store = format!("schema {SCHEMA}, 0 users, integrity ok");
    assert!(has(screen, "✓ store ", &store), "{screen}");
    assert!(has(screen, "✓ audit ", "chain whole to 1, "), "{screen}");
    assert!(
        has(screen, "✓ sockets ", "/udp on 127.0.0.1 free, "),
        "{screen}"
    );
    assert!(
        has(screen, "✓ secrets ", "the one is long enough"),
        "{screen}"
    );
    assert!(has(screen, "✓ roles ", "admin: root"), "{screen}");
    assert!(
        has(screen, "! roles ", "no group mfad-nobody-has-this"),
        "{screen}"
    );
    assert!(
        has(screen, "✓ self ", "test vectors pass (PIN check "),
        "{screen}"
    );
    assert!(has(screen, "mfad would start. ", " warning"), "{screen}");
    assert_eq!(
        system.check(true).result,
        Ok(1),
        "a warning is a no if it must be strict"
    );
    assert!(
        fs::read(system.store()).unwrap() == before,
        "a check has written"
    );
    assert!(!system.open().unclean, "a check has left the store open");
}

#[test]
fn a_wrong_configuration_is_told_and_nothing_else() {
    let system = ready();
    system.configure("[gateway.vpn1]\nadresses = []\n");
    let done = system.check(false);
    assert_eq!(done.result, Ok(78));
    assert!(
        done.screen.contains("Nothing was changed or started."),
        "{}",
        done.screen
    );
    assert!(!done.screen.contains("✓"), "{}", done.screen);
    fs::remove_file(system.path("etc/mfad/mfad.toml")).unwrap();
    assert_eq!(system.check(false).result, Ok(78));
}

#[test]
fn a_short_secret_is_a_warning_and_never_shown() {
    let system = ready();
    gateway(&system, "kT9vQz4mW2xR7bN5pL");
    let done = system.check(false);
    assert!(
        has(&done.screen, "! secrets ", "24 or more are advised"),
        "{}",
        done.screen
    );
    assert!(!done.screen.contains("kT9vQz"), "{}", done.screen);
}

#[test]
fn a_running_daemon_keeps_the_store_to_itself() {
    let system = ready();
    let opened = system.open();
    let done = system.check(false);
    assert_eq!(done.result, Ok(0), "{}", done.screen);
    assert!(
        has(&done.screen, "✓ store ", "in use by a running mfad"),
        "{}",
        done.screen
    );
    drop(opened);
}

#[test]
fn another_key_or_none_does_not_start() {
    let system = ready();
    let other = System::ready().written_key();
    fs::write(system.path("etc/mfad/mfad.key"), other).unwrap();
    let done = system.check(false);
    assert_eq!(done.result, Ok(78), "{}", done.screen);
    assert!(
        has(&done.screen, "✗ key ", "does not open"),
        "{}",
        done.screen
    );
    fs::remove_file(system.path("etc/mfad/mfad.key")).unwrap();
    let done = system.check(false);
    assert_eq!(done.result, Ok(78), "{}", done.screen);
    assert!(
        has(&done.screen, "✗ key ", "no master key at"),
        "{}",
        done.screen
    );
}

#[test]
fn a_changed_record_is_found() {
    let (system, _) = System::with_backup();
    let done = system.check(false);
    assert!(
        has(&done.screen, "✓ audit ", "chain whole to 3"),
        "{}",
        done.screen
    );
    let store = rusqlite::Connection::open(system.store()).unwrap();
    let changed = "CAST(replace(CAST(body AS TEXT), 'alice', 'mallo') AS BLOB)";
    let sql = &format!("UPDATE audit SET body = {changed} WHERE seq = 2");
    assert_eq!(store.execute(sql, []).unwrap(), 1);
    drop(store);
    let done = system.check(false);
    assert_eq!(done.result, Ok(78), "{}", done.screen);
    assert!(
        has(&done.screen, "✗ audit ", "damaged at record 2"),
        "{}",
        done.screen
    );
}

const CHILD: &str = "MFAD_TEST_CHECK_CHILD";
const OWNER: u32 = 54_321;

/// Does nothing unless the test below started it as root on a system of somebody else's.
#[test]
fn child_checks_as_root() {
    if let Some(root) = std::env::var_os(CHILD) {
        let done = System::at(root.into()).check(false);
        assert_eq!(done.result, Ok(0), "{}", done.screen);
        assert_eq!(nix::unistd::geteuid().as_raw(), OWNER, "still root");
    }
}

#[test]
fn root_leaves_nothing_of_its_own_in_the_store() {
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: needs root");
        return;
    }
    let system = ready();
    fs::set_permissions(system.root(), fs::Permissions::from_mode(0o755)).unwrap();
    let folder = system.path("var/lib/mfad");
    chown(&folder, Some(OWNER), Some(OWNER)).unwrap();
    for entry in fs::read_dir(&folder).unwrap() {
        chown(entry.unwrap().path(), Some(OWNER), Some(OWNER)).unwrap();
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "check::child_checks_as_root"])
        .env(CHILD, system.root())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
    for entry in fs::read_dir(&folder).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(
            entry.metadata().unwrap().uid(),
            OWNER,
            "{:?}",
            entry.file_name()
        );
    }
}
