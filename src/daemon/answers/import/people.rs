//! People, each in state New Credential.

use std::cell::Cell;
use std::collections::HashMap;

use crate::domain::command::Command;
use crate::domain::event::{Event, Origin};
use crate::domain::notice::Language;
use crate::domain::people_file::{self, Layout, Person};
use crate::domain::pool::Intake;
use crate::domain::recipient::Phone;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::user::UserRecord;
use crate::engine::writer::Arrival;

use super::super::desk::{Desk, store};
use super::told::counted;
use super::{Goods, Rejected};

type Row = Result<Person, Rejected>;

pub(super) fn read(text: &str, layout: Layout) -> Result<Vec<Row>, Refusal> {
    let rows = people_file::read(text, layout)?;
    let row = |row: people_file::Row| row.map_err(|(line, refusal)| Rejected::new(line, refusal));
    Ok(rows.into_iter().map(row).collect())
}

pub(super) struct People<'a> {
    desk: &'a Desk<'a>,
    times: HashMap<&'a str, usize>,
    /// Seats that are taken, those of the people judged so far among them.
    seats: Cell<u64>,
    /// Numbers without a country code, and languages in which there are no texts.
    odd: [usize; 2],
}

impl<'a> People<'a> {
    pub(super) fn new(desk: &'a Desk<'a>, rows: &'a [Row]) -> Result<Self, Refusal> {
        let people = Self {
            desk,
            times: people_file::times(rows.iter().flatten()),
            seats: Cell::new(0),
            odd: odd(rows.iter().flatten()),
        };
        people.anew()?;
        Ok(people)
    }

    /// The record as `user add` would make it, with the label that `user edit` would give.
    fn record(&self, person: &Person, seats_used: u64) -> Result<UserRecord, Refusal> {
        let Desk {
            engine, operator, ..
        } = self.desk;
        let add = Command::UserAdd(person.new.clone());
        let (mut record, _) = engine.made(operator, &add, None, seats_used)?;
        if let Some(edit) = person.label() {
            let revision = record.auth.revision;
            let edit = Command::UserEdit {
                user: person.new.user.clone(),
                edit: Box::new(edit),
            };
            (record, _) = engine.made(operator, &edit, Some(&record), seats_used)?;
            // One record, written once.
            record.auth.revision = revision;
        }
        Ok(record)
    }
}

impl Goods for People<'_> {
    type Item = Person;
    const EVENT: [&'static str; 2] = ["user.imported"; 2];
    const BATCH: usize = 50;
    const NOUN: [&'static str; 2] = ["person", "people"];
    const BECOME: [&'static str; 2] = ["added", "would be added"];

    fn place(item: &Person) -> (u64, &str) {
        (item.line, &item.new.user)
    }

    fn judge(&self, item: &Person) -> Result<Intake, Refusal> {
        let name = item.new.user.as_str();
        if self.times.get(name).is_some_and(|times| *times > 1) {
            let what = "the name stands in the file twice";
            return Err(Refusal::new(Code::Exists, what));
        }
        let known = self.desk.reader().user_by_name(name);
        if let Some(record) = known.map_err(|error| store(&error))? {
            return item.compare(&record);
        }
        self.record(item, self.seats.get())?;
        self.seats.set(self.seats.get() + 1);
        Ok(Intake::New)
    }

    fn remarks(&self) -> Vec<(&'static str, String)> {
        let [phones, languages] = self.odd;
        let phones = (phones > 0).then(|| {
            let are = counted(phones, ["of the numbers", "of the numbers"]);
            let text = format!("{are} without a country code: no message reaches them.");
            ("phones", text)
        });
        let languages = (languages > 0).then(|| {
            let are = counted(languages, ["of the languages", "of the languages"]);
            let text = format!("{are} neither English nor German: the site's language is used.");
            ("languages", text)
        });
        phones.into_iter().chain(languages).collect()
    }

    fn next(&self) -> Option<&'static str> {
        Some("`user find --no-token` lists who has no token to sign in with yet.")
    }

    fn anew(&self) -> Result<(), Refusal> {
        let counts = self.desk.reader().counts().map_err(|error| store(&error))?;
        self.seats.set(counts.seats);
        Ok(())
    }

    fn put(&self, batch: &[&Person], origin: Origin, event: Event) -> Result<Option<u64>, Refusal> {
        let arrival = |person: &&Person| {
            Ok(Arrival {
                before: None,
                after: Box::new(self.record(person, 0)?),
                events: Vec::new(),
            })
        };
        let people: Result<Vec<Arrival>, Refusal> = batch.iter().map(arrival).collect();
        Ok(self.desk.engine.put_people(people?, origin, event))
    }

    /// People have no counter.
    fn advance(&self, _: &[&Person], _: Origin, _: Event) -> Result<Option<u64>, Refusal> {
        Ok(None)
    }
}

/// How many numbers have no country code, and how many languages no texts.
fn odd<'a>(people: impl Iterator<Item = &'a Person>) -> [usize; 2] {
    let [mut phones, mut languages] = [0; 2];
    for Person { new, .. } in people {
        let phone = new.phone.as_deref();
        phones += usize::from(phone.is_some_and(|phone| Phone::parse(phone).is_none()));
        let language = new.language.as_deref();
        languages += usize::from(language.is_some_and(|tag| Language::of(tag).is_none()));
    }
    [phones, languages]
}
