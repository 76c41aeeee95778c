//! What is told because its time has come: passthroughs that end soon, and a list of all each day.
//!
//! Nothing here decides anything: a grant ends at its instant, told or not. Whoever was warned stands
//! in the grant, in the change that makes the messages; that the list of a day was made stands in the
//! audit log, in the change that makes it. So a restart says nothing twice, and a daemon that was away
//! says it later.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::event::Event;
use crate::domain::message::{Address, Message};
use crate::domain::notice::Notices;
use crate::domain::notice::reminder::{self, Reminder, Standing};
use crate::domain::passthrough;
use crate::domain::policy::Policy;
use crate::domain::user::UserRecord;
use crate::engine::Engine;
use crate::engine::writer::Arrival;
use crate::outbound::wire::Ending;
use crate::store::{AuditFilter, Find, StoreError};
use crate::time::{Now, Timestamp};

/// How often is looked.
const LOOK_EVERY_US: u64 = 60_000_000;

/// People that are read at a time, and warned in one change.
const PAGE: usize = 100;

const DAY_MS: i64 = 24 * 3_600_000;

/// When the day of the list begins, in UTC: before people come to work in Europe, while those in
/// America sleep.
const DAY_BEGINS_MS: i64 = 5 * 3_600_000;

/// Looks until the daemon ends; the work of a thread.
pub(super) fn keep(engine: &Arc<Engine>, ending: &Ending) {
    let mut reminders = Reminders::default();
    let (mut heard, mut next_us) = (0, 0);
    while !ending.begun() {
        let now = engine.now();
        if now.mono_us >= next_us {
            // A store that cannot be read is read again next time.
            let _ = reminders.look(engine, now);
            next_us = now.mono_us.saturating_add(LOOK_EVERY_US);
        }
        let pause = Duration::from_micros(next_us.saturating_sub(now.mono_us));
        heard = engine.bell().wait(heard, pause);
    }
}

/// What is remembered from look to look.
#[derive(Default)]
struct Reminders {
    /// The day whose list was made.
    listed: Option<Timestamp>,
}

impl Reminders {
    /// Makes the messages that are due.
    ///
    /// # Errors
    /// The store cannot be read.
    fn look(&mut self, engine: &Engine, now: Now) -> Result<(), StoreError> {
        let rules = engine.rules();
        let policy = &rules.policy;
        let Some(notices) = &policy.notices else {
            return Ok(());
        };
        let day = day(now.wall);
        let list_due = notices.mail && !notices.admins.is_empty() && self.listed != Some(day);
        let mut all = Vec::new();
        let mut cursor = String::new();
        let filter = Find {
            passthrough: true,
            ..Find::default()
        };
        loop {
            let people = engine.reader().find(&filter, &cursor, PAGE)?;
            let Some(last) = people.last() else {
                break;
            };
            last.name().clone_into(&mut cursor);
            if list_due {
                all.extend(people.iter().flat_map(|record| standing(record, now)));
            }
            warn(engine, people, policy, notices, now)?;
        }
        if list_due && (all.is_empty() || listed(engine, day)? || list(engine, all, policy, now)) {
            self.listed = Some(day);
        }
        Ok(())
    }
}

/// Warns those of `people` whose grants end soon, and the operators who gave them.
fn warn(
    engine: &Engine,
    people: Vec<UserRecord>,
    policy: &Policy,
    notices: &Notices,
    now: Now,
) -> Result<(), StoreError> {
    let mut warned = Vec::new();
    let mut by_operator: BTreeMap<String, Vec<Standing>> = BTreeMap::new();
    for before in people {
        let Some((after, ids)) = passthrough::warn(&before, &policy.passthrough, now) else {
            continue;
        };
        let mut events = Vec::new();
        for grant in after
            .profile
            .grants
            .iter()
            .filter(|it| ids.contains(&it.id))
        {
            let event = Event::new("passthrough.warned").user(after.id, after.name());
            let event = event.detail("grant", grant.id);
            events.push(event.detail("until", grant.until.to_string()));
            let grants = by_operator.entry(grant.by.clone()).or_default();
            grants.push(Standing::of(&after, grant));
        }
        warned.push(Arrival {
            before: Some(before),
            after: Box::new(after),
            events,
        });
    }
    if warned.is_empty() {
        return Ok(());
    }
    let mut by_address: BTreeMap<Address, Vec<Standing>> = BTreeMap::new();
    for (operator, grants) in by_operator {
        let operator = engine.reader().user_by_name(&operator)?;
        for address in reminder::operators(operator.as_ref(), notices) {
            by_address
                .entry(address)
                .or_default()
                .extend(grants.clone());
        }
    }
    let mail = |(to, grants): (Address, Vec<Standing>)| {
        Reminder::Ending.mail(&to, &grants, policy, now.wall)
    };
    let mails: Vec<Message> = by_address.into_iter().map(mail).collect();
    // Somebody else was faster, or the store does not write: looked at again next time.
    let _ = engine.remind(warned, mails, None);
    Ok(())
}

/// Makes the list of all grants; false if the store does not write.
fn list(engine: &Engine, mut all: Vec<Standing>, policy: &Policy, now: Now) -> bool {
    all.sort_by_key(|grant| (grant.until, grant.id));
    let admins = policy.notices.iter().flat_map(|notices| &notices.admins);
    let mail = |to: &Address| Reminder::Summary.mail(to, &all, policy, now.wall);
    let mails = admins.map(mail).collect();
    let event = Event::new("passthrough.summary").detail("grants", all.len());
    engine.remind(Vec::new(), mails, Some(event)).is_some()
}

/// Whether the list of this day stands in the audit log.
fn listed(engine: &Engine, day: Timestamp) -> Result<bool, StoreError> {
    let filter = AuditFilter {
        event: Some("passthrough.summary".to_owned()),
        since: Some(day),
        newest_first: true,
        ..AuditFilter::default()
    };
    Ok(!engine.reader().audit(&filter, 1)?.is_empty())
}

/// The grants that count now.
fn standing(record: &UserRecord, now: Now) -> impl Iterator<Item = Standing> {
    let grants = record.profile.grants.iter();
    let counts =
        move |grant: &&passthrough::Grant| grant.valid(record.auth.grant(grant.id), None, now);
    grants
        .filter(counts)
        .map(|grant| Standing::of(record, grant))
}

/// When the day began that it is.
fn day(now: Timestamp) -> Timestamp {
    let days = (now.0 - DAY_BEGINS_MS).div_euclid(DAY_MS);
    Timestamp(days * DAY_MS + DAY_BEGINS_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_five() {
        let hour = 3_600_000;
        assert_eq!(day(Timestamp(5 * hour)), Timestamp(5 * hour));
        assert_eq!(day(Timestamp(29 * hour - 1)), Timestamp(5 * hour));
        assert_eq!(day(Timestamp(29 * hour)), Timestamp(29 * hour));
    }
}
