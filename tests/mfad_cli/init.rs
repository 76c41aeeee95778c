//! `mfad --init`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use mfad::config::{KeySource, Surroundings};
use mfad::daemon::{key, places};
use mfad::store::Read;

use super::world::{CONFIG, Person, System};

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn makes_everything_once() {
    let system = System::new();
    let done = system.init(&mut Person::default());
    assert_eq!(done.result, Ok(0), "{}", done.screen);
    let lines: Vec<&str> = done.screen.lines().collect();
    assert!(
        lines[0].ends_with("commented, every default shown; 0 gateways"),
        "{}",
        lines[0]
    );
    assert!(lines[1].ends_with("one file per gateway"), "{}", lines[1]);
    assert!(
        lines[2].ends_with("master key, readable by mfad alone"),
        "{}",
        lines[2]
    );
    assert!(
        lines[3].ends_with("empty store, audit record 1"),
        "{}",
        lines[3]
    );
    assert!(
        done.screen
            .ends_with("next  mfactl gateway new NAME --address IP --kind KIND --write\n")
    );
    assert_eq!(mode(&system.path("etc/mfad/mfad.key")), 0o600);
    assert_eq!(mode(&system.path("etc/mfad/mfad.toml")), 0o640);
    assert_eq!(mode(&system.path("etc/mfad/gateways.d")), 0o750);
    assert_eq!(mode(&system.path("var/lib/mfad")), 0o700);
    assert_eq!(mode(&system.store()), 0o600);
    let loaded = places::load(system.root(), CONFIG.as_ref(), &Surroundings::default());
    let config = loaded
        .map_err(|problems| problems.to_string())
        .unwrap()
        .config;
    assert_eq!(
        config.key,
        KeySource::File(system.path("etc/mfad/mfad.key"))
    );
    let opened = system.open();
    assert_eq!(opened.reader.last_seq().unwrap(), 1);
    assert!(!opened.unclean, "the empty store was not closed");
}

#[test]
fn a_second_run_touches_nothing() {
    let system = System::ready();
    let files = [
        "etc/mfad/mfad.toml",
        "etc/mfad/mfad.key",
        "var/lib/mfad/mfad.db",
    ];
    fs::write(system.path(files[0]), "[key]\nfile = \"mfad.key\" # mine\n").unwrap();
    let before: Vec<_> = files
        .iter()
        .map(|it| fs::read(system.path(it)).unwrap())
        .collect();
    let done = system.init(&mut Person::default());
    assert_eq!(done.result, Ok(0), "{}", done.screen);
    assert_eq!(
        done.screen.matches("already there, left alone").count(),
        4,
        "{}",
        done.screen
    );
    let after: Vec<_> = files
        .iter()
        .map(|it| fs::read(system.path(it)).unwrap())
        .collect();
    assert!(before == after);
}

#[test]
fn what_is_missing_is_made_where_the_configuration_says() {
    let system = System::new();
    fs::create_dir_all(system.path("etc/mfad")).unwrap();
    let stated = "node = \"east\"\n[store]\nfolder = \"/srv/m\"\n[key]\nfile = \"/srv/k/key\"\n";
    fs::write(system.path("etc/mfad/mfad.toml"), stated).unwrap();
    let done = system.init(&mut Person::default());
    assert_eq!(done.result, Ok(0), "{}", done.screen);
    assert!(key::parse(&fs::read(system.path("srv/k/key")).unwrap()).is_some());
    assert!(system.path("srv/m/mfad.db").exists() && !system.store().exists());
}

#[test]
fn never_a_new_key_where_a_store_is() {
    let system = System::ready();
    let written = system.written_key();
    fs::remove_file(system.path("etc/mfad/mfad.key")).unwrap();
    let done = system.init(&mut Person::default());
    assert!(
        done.failure().contains("mfad --init --key-stdin"),
        "{}",
        done.failure()
    );
    assert!(
        done.failure().ends_with("code   E_SEALED, exit 73"),
        "{}",
        done.failure()
    );
    assert!(!system.path("etc/mfad/mfad.key").exists());

    let other = System::ready().written_key();
    let done = system.init_with(&mut Person::piping(&[&other]), true);
    assert!(
        done.failure().contains("does not open"),
        "{}",
        done.failure()
    );
    assert!(!system.path("etc/mfad/mfad.key").exists());

    let done = system.init_with(&mut Person::piping(&[&written.to_lowercase()]), true);
    assert_eq!(done.result, Ok(0), "{}", done.screen);
    assert_eq!(system.written_key(), written);
}

#[test]
fn a_typed_key_must_be_a_key_and_the_key() {
    let system = System::new();
    let done = system.init_with(&mut Person::piping(&["AAAA-BBBB"]), true);
    assert!(done.failure().ends_with("exit 65"), "{}", done.failure());
    assert!(
        !system.path("etc").exists(),
        "something was made for a wrong key"
    );
    let done = system.init_with(&mut Person::piping(&[]), true);
    assert!(done.failure().ends_with("exit 66"), "{}", done.failure());

    let other = System::ready().written_key();
    let system = System::ready();
    let done = system.init_with(&mut Person::piping(&[&other]), true);
    assert!(
        done.failure().contains("holds another one"),
        "{}",
        done.failure()
    );
    let own = system.written_key();
    assert_eq!(
        system.init_with(&mut Person::piping(&[&own]), true).result,
        Ok(0)
    );
}

#[test]
fn the_key_is_shown_only_to_who_asks_at_a_terminal() {
    let system = System::new();
    let mut silent = Person::piping(&["s"]);
    let done = system.init(&mut silent);
    let written = system.written_key();
    let groups: Vec<&str> = written.split('-').collect();
    assert!(silent.shown.is_empty() && !done.screen.contains(groups[0]));

    let mut declines = Person::at_terminal(&[""]);
    let done = system.init(&mut declines);
    assert!(declines.shown.is_empty() && !done.screen.contains(groups[0]));

    let mut asks = Person::at_terminal(&["s"]);
    let done = system.init(&mut asks);
    assert_eq!(asks.shown.len(), 1);
    assert!(
        groups
            .iter()
            .all(|group| asks.shown[0].contains(group.trim())),
        "not all groups"
    );
    assert!(!done.screen.contains(groups[0]), "on the standard output");
}
