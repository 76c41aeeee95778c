//! From a start to a stop or a crash, and on from there: what a new daemon has to find.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mfad::audit::record::AuditRecord;
use mfad::domain::event::is_verdict;
use mfad::domain::user::UserRecord;
use mfad::store::sqlite;
use mfad::store::{Find, Read as _, auth_row};

use super::bugs::Bug;
use super::judging::First;
use super::ledger::Ledger;
use super::life::{Birth, Life, STORE, Setting, keys, store_site};
use super::records::Records;
use super::run::{Accepted, Law, Run};
use super::stored::Stored;
use super::traffic::{Datagram, Place, law};
use crate::common::gateway::{ACCEPT, CHALLENGE, REJECT};

/// Something that a store can be put back to.
#[derive(Clone)]
pub(crate) struct Saved {
    file: PathBuf,
    records: Records,
    people: Vec<UserRecord>,
    ledger: Ledger,
    accepted: Accepted,
    jumps: u64,
}

impl Run {
    pub(crate) fn save(&mut self) {
        if self.possible.is_some() || self.saved.len() >= 4 {
            return;
        }
        let file = self
            .folder
            .path()
            .join(format!("backup{}", self.saved.len()));
        let now = self.outside.true_now();
        let records = self.life().reader.last_seq().unwrap();
        if records != self.ledger.len() as u64 || self.life().reader.snapshot(&file, now).is_err() {
            return;
        }
        self.note(|| "a backup is made".to_owned());
        let people = self.life().reader.find(&Find::default(), "", 100);
        self.saved.push(Saved {
            file,
            people: people.unwrap(),
            records: self.records.clone(),
            ledger: self.ledger.clone(),
            accepted: self.accepted.clone(),
            jumps: self.jumps,
        });
    }

    /// The store of a daemon that has stopped is put back to what it was once.
    pub(crate) fn put_back(&mut self) -> Law {
        if self.saved.is_empty() {
            return self.birth(false);
        }
        let saved = self.saved[self.chance.below(self.saved.len())].clone();
        let path = self.store.join(STORE);
        self.outside.start(false);
        let now = self.outside.true_now();
        self.count("restores");
        self.records = saved.records.clone();
        if self.wall_off != 0 || self.jumps != saved.jumps {
            // A fence knows the time by the clock alone, and by one that was wrong in the time that
            // is lost nobody knows which steps are used.
            let known = |(of, _): &(String, u64)| !of.starts_with("Totp");
            let accepted = &saved.accepted;
            self.accepted
                .retain(|code| known(code) || accepted.contains(code));
        }
        self.ledger = saved.ledger.clone();
        if self.bug == Some(Bug::FenceSkipped) {
            put_back_unfenced(&path, &saved.file);
        } else if self.chance.coin() {
            self.note(|| "a backup is restored".to_owned());
            let keys = keys();
            let site = store_site(&path, &keys, now, self.lives);
            self.restore(&site, &saved.file)?;
        } else {
            self.note(|| "an old file is copied over the store".to_owned());
            std::fs::copy(&saved.file, &path).unwrap();
            // By somebody who knows that a copy is not yet on the disk.
            File::open(&path).unwrap().sync_all().unwrap();
            File::open(&self.store).unwrap().sync_all().unwrap();
            self.fence_is_due = true;
        }
        self.records.fence(&self.site.rules, now);
        self.birth(false)?;
        if self.bug == Some(Bug::QuestionKeptByRestore) {
            self.stop()?;
            bring_questions_back(&path, &saved.people);
            self.birth(false)?;
        }
        Ok(())
    }

    /// Restores a backup, again if the power goes in between. Once it is said to be done, a power cut
    /// takes nothing of it.
    fn restore(&mut self, site: &sqlite::Site<'_>, backup: &Path) -> Law {
        loop {
            self.plan.begin(&self.store, &self.image());
            let interrupted = self.power.is_some() && self.chance.coin();
            if interrupted {
                self.plan.die_after(self.chance.below(60));
            }
            let restored = sqlite::restore(site, backup);
            if !self.plan.is_dead() {
                restored.map_err(|error| format!("restore: {error}"))?;
                if interrupted {
                    self.pull_the_plug();
                }
                return Ok(());
            }
            self.count("interrupted restores");
            self.pull_the_plug();
        }
    }

    /// Starts a daemon on the store as it is.
    pub(crate) fn birth(&mut self, create: bool) -> Law {
        self.outside.start(false);
        self.start(create)
    }

    /// Starts a daemon on what a crash has left.
    pub(crate) fn rebirth(&mut self) -> Law {
        self.count("crashes");
        let machine = self.chance.coin();
        if let Some(life) = self.life.take() {
            life.end();
        }
        self.pull_the_plug();
        self.outside.start(machine);
        self.start(false)
    }

    /// A start that was to fence was interrupted: it may have fenced already, and the next one does it
    /// again or not.
    fn fenced_again(&mut self) {
        if !self.fence_is_due {
            return;
        }
        let now = self.outside.true_now();
        let mut possible = self
            .possible
            .take()
            .unwrap_or_else(|| vec![self.records.clone()]);
        let mut last = possible.last().unwrap_or(&self.records).clone();
        last.fence(&self.site.rules, now);
        possible.push(last);
        self.possible = Some(possible);
    }

    /// What was on the disk is all that there is.
    fn pull_the_plug(&mut self) {
        match &mut self.power {
            Some(power) => {
                let kept = power.cut(&mut self.chance);
                self.note(|| format!("of what was not synced {kept} is left"));
                self.count("power cuts");
            }
            None => self.store = self.image(),
        }
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join(format!("store{}", self.lives))
    }

    fn start(&mut self, create: bool) -> Law {
        self.lives += 1;
        let life = loop {
            self.plan.begin(&self.store, &self.image());
            self.note(|| "starts".to_owned());
            if self.power.is_some() && !create && self.chance.below(4) == 0 {
                self.plan.die_after(self.chance.below(40));
            }
            let birth = Birth {
                setting: Setting::of(&self.site, self.bug),
                outside: &self.outside,
                folder: self.store.clone(),
                create,
                boot: self.lives,
                plan: &self.plan,
                bug: self.bug,
            };
            let life = Life::start(birth);
            if !self.plan.is_dead() {
                break life.map_err(|error| format!("does not start: {error}"))?;
            }
            if let Ok(life) = life {
                life.end();
            }
            self.pull_the_plug();
            self.fenced_again();
        };
        let (fenced, due) = (life.fenced, std::mem::take(&mut self.fence_is_due));
        self.life = Some(life);
        law(fenced == due || self.possible.is_some(), || {
            format!("a store is fenced: {fenced}, and should be: {due}")
        })?;
        self.forget_what_was_in_memory();
        if self.possible.is_some() {
            self.find_out()?;
        }
        let Self {
            life,
            ledger,
            digest,
            ..
        } = self;
        ledger.read_again(&life.as_ref().unwrap().reader, digest)?;
        self.remember_from_the_log();
        self.rejects = Some((0, self.ledger.len()));
        self.check_records()
    }

    fn forget_what_was_in_memory(&mut self) {
        self.pending.clear();
        self.ordered.clear();
        self.held.clear();
        self.wrong.clear();
        self.done.clear();
        self.written.clear();
        for datagram in &mut self.datagrams {
            datagram.place = Place::Nowhere;
        }
    }

    /// Verdicts of the last half minute are in the log: their datagrams are not judged again.
    fn remember_from_the_log(&mut self) {
        const KEPT_MS: i64 = 30_000;
        let now = self.outside.true_now();
        let young = |record: &&Arc<AuditRecord>| now.wall.0 - record.wall.0 < KEPT_MS;
        // What stands before a record that is too old is older, whatever a clock has said.
        let records = self.ledger.records.iter().rev().take_while(young);
        let verdicts: Vec<Arc<AuditRecord>> = records
            .filter(|record| is_verdict(&record.event))
            .cloned()
            .collect();
        for record in verdicts {
            let Some(digest) = record.datagram() else {
                continue;
            };
            let doors = &self.site.doors;
            // Of several verdicts the newest: it comes first.
            let own = |datagram: &&mut Datagram| {
                let new = datagram.place == Place::Nowhere;
                new && datagram.digest == digest && doors[datagram.door].configured
            };
            if let Some(datagram) = self.datagrams.iter_mut().find(own) {
                let blind = record
                    .detail
                    .get("kind")
                    .is_some_and(|kind| kind == "passcode")
                    || doors[datagram.door].first == First::Nobody;
                let (code, held) = match &*record.event {
                    "auth.accept" => (ACCEPT, false),
                    "auth.challenge" => (CHALLENGE, blind),
                    _ => (REJECT, true),
                };
                datagram.place = Place::Logged {
                    until_us: now.mono_us + 30_000_000,
                    code,
                    held,
                    decided: record.wall.0,
                };
            }
        }
    }

    /// Of what may be so, what is.
    pub(crate) fn find_out(&mut self) -> Law {
        let possible = self.possible.take().unwrap_or_default();
        let stored = Stored::read(&self.life().reader)?.facts();
        let mut possible = possible.into_iter();
        let found = possible.find(|records| records.facts() == stored);
        self.records = found.ok_or_else(|| {
            format!(
                "what the store holds after a failure can have come of nothing that was asked:\n{}",
                stored.concat()
            )
        })?;
        Ok(())
    }

    /// Model and store say the same.
    pub(crate) fn check_records(&mut self) -> Law {
        let stored = Stored::read(&self.life().reader)?;
        if let Some(serial) = stored.in_two_places() {
            return Err(format!("device {serial} is at two places"));
        }
        for (stored, due) in stored.facts().iter().zip(self.records.facts()) {
            law(*stored == due, || {
                format!("the store says\n{stored}where it should be\n{due}")
            })?;
        }
        for (person, record) in self.records.people.iter_mut().zip(&stored.people) {
            let Some(record) = record else { continue };
            if let Some(limit) = self.limit {
                law(record.auth.soft <= limit, || {
                    let (name, failures) = (person.name, record.auth.soft);
                    format!("{name} has failed {failures} times of {limit}")
                })?;
            }
            person.learn_names(record, &self.secrets);
        }
        Ok(())
    }

    /// Lets the engine come to an end with what it has.
    pub(crate) fn drain(&mut self) -> Law {
        for _ in 0..40 {
            while self.check_one()? {}
            let before = self.pending.len() + self.ordered.len();
            self.turn(usize::MAX)?;
            if self.plan.is_dead() || self.possible.is_some() || before == 0 {
                return Ok(());
            }
        }
        Err("the engine does not come to an end".to_owned())
    }

    fn look_after_the_disk(&self) {
        if let Some(power) = self.power.as_ref().filter(|_| !self.plan.will_die()) {
            power.disk.heal();
        }
    }

    /// A clean stop.
    pub(crate) fn stop(&mut self) -> Law {
        loop {
            self.look_after_the_disk();
            self.drain()?;
            if self.plan.is_dead() {
                self.rebirth()?;
            } else if self.possible.is_some() {
                // Until the store is open again.
                self.outside.pass(Duration::from_secs(1));
                self.let_leave()?;
            } else {
                break;
            }
        }
        // Nothing more goes wrong on the way out.
        self.plan.begin(&self.store, &self.image());
        self.look_after_the_disk();
        self.note(|| "stops".to_owned());
        for (_, number, octets) in std::mem::take(&mut self.held) {
            self.read(number, &octets)?;
        }
        let life = self.life.take().unwrap();
        let reader = Arc::clone(&life.reader);
        life.stop();
        let Self { ledger, digest, .. } = self;
        ledger.read_on(&reader, digest)?;
        drop(reader);
        if let Some((told, from)) = self.rejects {
            let written = self.ledger.rejects(from);
            law(told == written, || {
                format!("{told} Rejects were told, the log knows {written}")
            })?;
        }
        if self.bug == Some(Bug::ChainLinkSkipped) {
            change_a_record(&self.store.join(STORE));
        }
        Ok(())
    }
}

/// Planted: the log is changed behind the back of the chain.
fn change_a_record(path: &Path) {
    let store = rusqlite::Connection::open(path).unwrap();
    let changed = "UPDATE audit SET body = CAST(replace(body, 'auth.reject', 'auth.replay') AS BLOB) \
                   WHERE seq = (SELECT max(seq) FROM audit WHERE body LIKE '%auth.reject%')";
    store.execute(changed, []).unwrap();
}

/// Planted: a backup is put in place as if it were the store itself.
fn put_back_unfenced(path: &Path, backup: &Path) {
    for suffix in ["-wal", "-shm", ".checkpoint"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let _ = std::fs::remove_file(name);
    }
    std::fs::copy(backup, path).unwrap();
    let store = rusqlite::Connection::open(path).unwrap();
    store
        .execute("DELETE FROM meta WHERE name = 'manifest'", [])
        .unwrap();
}

/// Planted: what was asked when a backup was made is asked still.
fn bring_questions_back(path: &Path, people: &[UserRecord]) {
    let store = rusqlite::Connection::open(path).unwrap();
    for person in people {
        let of = "WHERE id = (SELECT id FROM users WHERE uid = ?1)";
        let body = format!("SELECT body FROM auth {of}");
        let body: Vec<u8> = store
            .query_row(&body, [person.id.0], |row| row.get(0))
            .unwrap();
        let mut auth = auth_row::decode(person.id, &body).unwrap();
        auth.dialogues.clone_from(&person.auth.dialogues);
        let mut body = Vec::new();
        auth_row::encode(person.id, &auth, &mut body);
        let put = format!("UPDATE auth SET body = ?2 {of}");
        store
            .execute(&put, rusqlite::params![person.id.0, body])
            .unwrap();
    }
}
