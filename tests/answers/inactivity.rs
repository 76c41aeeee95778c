//! `lockout.inactive_days`: who is locked, found and let in again.

use std::sync::Arc;

use mfad::control::query::{Manner, Query, UserFilter};
use mfad::daemon::inactivity::Round;
use mfad::domain::action::Role;
use mfad::domain::command::Command;
use mfad::domain::event::{Event, Origin};
use mfad::domain::lockout::LockReason;
use mfad::domain::user::{AuthState, Profile, UserId, UserRecord, UserState};
use mfad::engine::writer::Arrival;
use mfad::sys::random;
use mfad::time::Timestamp;
use serde_json::Value;

use crate::site::{Site, page};

const DAY_MS: i64 = 24 * 3600 * 1000;

/// People who came so many days ago and have not signed in since.
pub(crate) fn put(site: &Site, people: &[(&str, i64)]) {
    let engine = site.answerer().engine.as_ref().unwrap();
    let now = engine.now().wall;
    let record = |(name, days): &(&str, i64)| {
        let since = Timestamp(now.0 - days * DAY_MS);
        let profile = Profile {
            name: (*name).to_owned(),
            state: UserState::Steady,
            state_since: since,
            created: since,
            ..Profile::default()
        };
        let record = UserRecord {
            id: UserId(random::array().unwrap()),
            profile: Arc::new(profile),
            auth: AuthState {
                revision: 1,
                ..AuthState::default()
            },
        };
        Arrival {
            before: None,
            after: Box::new(record),
            events: Vec::new(),
        }
    };
    let people = people.iter().map(record).collect();
    let event = Event::new("user.imported");
    engine.put_people(people, Origin::system(), event).unwrap();
}

fn allow(site: &Site, days: u32) {
    let path = site.folder.path().join("mfad.toml");
    let mut text = std::fs::read_to_string(&path).unwrap();
    text.push_str(&format!("\n[lockout]\ninactive_days = {days}\n"));
    std::fs::write(&path, text).unwrap();
}

fn locked(site: &Site) -> Vec<String> {
    let filter = UserFilter {
        lock_reason: Some(LockReason::Inactivity),
        ..UserFilter::default()
    };
    let found = site.ask(
        Role::Viewer,
        Query::UserFind {
            filter: Box::new(filter),
            offset: 0,
            page: page(),
        },
    );
    let rows = found["rows"].as_array().unwrap();
    let name = |row: &Value| row["user"].as_str().unwrap().to_owned();
    rows.iter().map(name).collect()
}

#[test]
fn whoever_has_not_signed_in_for_so_many_days_is_locked_and_let_in_again_once_unlocked() {
    let site = Site::start();
    let (gone, here) = (("gone", 91), ("here", 89));
    put(&site, &[gone, here]);
    let (_, of_gone) = site.add_token("gone");
    let (_, of_here) = site.add_token("here");

    allow(&site, 90);
    let notes = site.ask(Role::Admin, Query::ConfigDiff)["notes"].clone();
    let said = notes[0].as_str().unwrap();
    let told = "lockout.inactive_days = 90 locks 1 of 2 people at once";
    assert!(said.starts_with(told), "{said}");
    assert!(locked(&site).is_empty(), "before the reload");

    let manner = Manner::default();
    site.ask(Role::Admin, Query::ConfigReload { manner });
    assert!(!site.sign_in("gone", &site.code(&of_gone)));
    assert!(site.sign_in("here", &site.code(&of_here)));
    assert_eq!(locked(&site), ["gone"]);
    let user = "gone".to_owned();
    let shown = site.ask(Role::Viewer, Query::UserShow { user });
    assert_eq!(shown["state"], "Account Lockout");
    assert_eq!(shown["lock"]["reason"], "Inactivity");

    let unlock = Command::UserUnlock {
        user: "gone".to_owned(),
        with_pin: false,
        confirm: false,
    };
    site.change(Role::Support, unlock).unwrap();
    // Refused before it was looked at, the code is as good as it was.
    assert!(site.sign_in("gone", &site.code(&of_gone)));
    assert!(locked(&site).is_empty());
}

#[test]
fn a_daily_round_locks_whoever_does_not_come_and_does_so_once() {
    let site = Site::start_with_more("\n[lockout]\ninactive_days = 90\n");
    let names: Vec<String> = (0..120).map(|number| format!("user{number:03}")).collect();
    let people: Vec<(&str, i64)> = names
        .iter()
        .enumerate()
        .map(|(at, name)| (name.as_str(), if at % 2 == 0 { 200 } else { 20 }))
        .collect();
    put(&site, &people);
    let engine = site.answerer().engine.as_ref().unwrap();
    let mut round = Round::default();
    for _ in 0..3 {
        round.step(engine, engine.now()).unwrap();
    }
    let gone: Vec<&String> = names.iter().step_by(2).collect();
    assert_eq!(locked(&site).iter().collect::<Vec<_>>(), gone);
    let last = engine.reader().last_seq().unwrap();
    Round::default().step(engine, engine.now()).unwrap();
    let again = engine.reader().last_seq().unwrap();
    assert_eq!(again, last, "once is enough");
    let warnings = site.ask(Role::Viewer, Query::Status)["warnings"].clone();
    let mass_lock = |warning: &Value| warning["number"] == "W040";
    assert!(!warnings.as_array().unwrap().iter().any(mass_lock));
}
