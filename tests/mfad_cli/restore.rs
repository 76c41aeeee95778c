//! `mfad --restore`.

use std::path::Path;

use mfad::daemon::restore;
use mfad::domain::user::UserId;
use mfad::store::Read;

use super::world::{CONFIG, Done, Person, System, run};

fn restored(system: &System, backup: &Path, expect: Option<u64>, person: &mut Person) -> Done {
    let options = restore::Options {
        config: CONFIG.into(),
        root: system.root().to_owned(),
        backup: backup.to_owned(),
        expect,
    };
    run(person, 7200, |world| restore::run(&options, world))
}

fn users(system: &System) -> (bool, bool) {
    let opened = system.open();
    let there = |number| opened.reader.user(UserId([number; 16])).unwrap().is_some();
    (there(1), there(2))
}

#[test]
fn a_backup_takes_the_place_of_the_store() {
    let (system, backup) = System::with_backup();
    let mut person = Person::at_terminal(&["1"]);
    let done = restored(&system, &backup, None, &mut person);
    assert_eq!(done.result, Ok(0), "{}", done.screen);
    assert!(
        person.asked[0].ends_with("Type 1 to go on: "),
        "{:?}",
        person.asked
    );
    let screen = &done.screen;
    assert!(
        screen.contains("backup  of mfa1, made Fri 2027-01-15"),
        "{screen}"
    );
    assert!(
        screen.contains("store   2 users, audit record 3: will be moved aside"),
        "{screen}"
    );
    assert!(screen.contains("✓ restored 1 user\n"), "{screen}");
    assert!(
        screen.contains("! lost: everything from Fri 2027-01-15"),
        "{screen}"
    );
    assert!(
        screen.contains("1 HOTP token: refused until resynchronised"),
        "{screen}"
    );
    assert!(
        screen.contains("deactivations, revocations of tokens, locks"),
        "{screen}"
    );
    assert!(screen.contains("mfactl token resync"), "{screen}");
    assert_eq!(users(&system), (true, false));
    let aside = screen
        .lines()
        .find_map(|line| line.split("lies at ").nth(1))
        .unwrap();
    assert!(Path::new(aside).exists(), "{aside}");
}

#[test]
fn nothing_happens_without_the_right_number() {
    let (system, backup) = System::with_backup();
    let wrong = |expect, mut person: Person, status: u8, part: &str| {
        let done = restored(&system, &backup, expect, &mut person);
        let failure = done.failure();
        assert!(
            failure.starts_with("mfad: nothing was restored"),
            "{failure}"
        );
        assert!(failure.ends_with(&format!("exit {status}")), "{failure}");
        assert!(failure.contains(part), "{failure}");
        assert_eq!(users(&system), (true, true));
    };
    wrong(None, Person::at_terminal(&["2"]), 1, "was not typed");
    wrong(None, Person::at_terminal(&["yes"]), 1, "was not typed");
    wrong(None, Person::piping(&["1"]), 64, "--yes --expect 1");
    wrong(Some(2), Person::default(), 1, "holds 1 user, not 2");
    let done = restored(&system, &backup, Some(1), &mut Person::default());
    assert_eq!(done.result, Ok(0), "{}", done.screen);
}

#[test]
fn the_daemon_must_be_stopped() {
    let (system, backup) = System::with_backup();
    let opened = system.open();
    let done = restored(&system, &backup, Some(1), &mut Person::default());
    assert!(
        done.failure().contains("systemctl stop mfad"),
        "{}",
        done.failure()
    );
    assert!(
        done.failure().ends_with("E_BUSY, exit 75"),
        "{}",
        done.failure()
    );
    drop(opened);
    assert_eq!(users(&system), (true, true));
}

#[test]
fn what_is_no_backup_of_this_key_is_refused() {
    let (system, backup) = System::with_backup();
    let ends = |backup: &Path, end: &str| {
        let done = restored(&system, backup, Some(1), &mut Person::default());
        assert!(done.failure().ends_with(end), "{}", done.failure());
    };
    ends(&system.path("none.mfad"), "exit 66");
    ends(&system.store(), "exit 65");
    let text = system.path("text.mfad");
    std::fs::write(&text, "not a database, whatever its name says").unwrap();
    ends(&text, "exit 65");
    let (_other, foreign) = System::with_backup();
    ends(&foreign, "E_SEALED, exit 75");
    assert_eq!(users(&system), (true, true));
    drop(backup);
}

#[test]
fn a_clean_machine_takes_key_and_backup() {
    let (old, backup) = System::with_backup();
    let system = System::new();
    let key = old.written_key();
    assert_eq!(
        system.init_with(&mut Person::piping(&[&key]), true).result,
        Ok(0)
    );
    let done = restored(&system, &backup, Some(1), &mut Person::default());
    assert_eq!(done.result, Ok(0), "{}", done.screen);
    assert_eq!(users(&system), (true, false));
}
