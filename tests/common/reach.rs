//! What people have proven to read, put into a store before its daemon starts.

use std::sync::Arc;

use mfad::config::KeySource;
use mfad::domain::event::{Event, Origin};
use mfad::domain::user::{Contact, Profile};
use mfad::store::sqlite::{self, Fence, Mode, Sizes};
use mfad::store::{Body, Change, Commit as _, Key, Read as _, Write};
use mfad::sys::clock::Clock;

use super::daemon::Site;
use super::people::Person;

/// Gives each of them `NAME@example.org`, proven, and German as the language.
pub(crate) fn prove_addresses(site: &Site, people: &[Person]) {
    edit(site, people, |profile| {
        profile.language = "de".to_owned();
        profile.emails = proven(format!("{}@example.org", profile.name));
    });
}

/// Gives each of them a telephone of this number, proven.
pub(crate) fn prove_phones(site: &Site, people: &[Person], number: &str) {
    edit(site, people, |profile| {
        profile.phones = proven(number.to_owned());
    });
}

fn proven(address: String) -> Vec<Contact> {
    vec![Contact {
        address,
        verified: true,
    }]
}

fn edit(site: &Site, people: &[Person], change: impl Fn(&mut Profile)) {
    let key = mfad::daemon::key::load(&KeySource::File(site.path("key")), None);
    let keys = mfad::store::seal::Keys::derive(&key.unwrap()).unwrap();
    let path = site.path("state/mfad.db");
    let now = Clock::start().now();
    let window_steps = 1;
    let opening = sqlite::Site {
        path: &path,
        keys: &keys,
        node: "test".into(),
        boot: "boot".into(),
        fence: Fence { now, window_steps },
        sizes: Sizes::default(),
    };
    let mut opened = sqlite::open(&opening, Mode::Existing).unwrap();
    for person in people {
        let mut record = opened.reader.user_by_name(&person.name).unwrap().unwrap();
        let expected = Some(record.auth.revision);
        record.auth.revision += 1;
        change(record.profile_mut());
        let change = Change {
            writes: vec![Write {
                key: Key::User(record.id),
                expected,
                body: Some(Body::User {
                    profile: Some(Arc::clone(&record.profile)),
                    auth: record.auth.clone(),
                }),
            }],
            origin: Origin::system(),
            events: vec![Event::new("user.edited").user(record.id, record.name())],
            at: now,
        };
        let _ = opened.writer.commit(&[change]).unwrap();
    }
    opened.writer.close().unwrap();
}
