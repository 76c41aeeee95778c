//! Opens what a power cut has left, and looks whether anything is missing.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mfad::audit::verify::{Plan, Start, verify};
use mfad::domain::policy::{GatewayPolicy, Policy};
use mfad::domain::verify::{CodeMatch, verify as look};
use mfad::store::seal::Keys;
use mfad::store::sqlite::{Mode, Opened, outline, restore};
use mfad::store::{AuditFilter, Find, Read, StoreError};
use mfad::time::Now;

use crate::common::chance::Chance;
use crate::common::disk::Disk;
use crate::common::disk::state::Image;
use crate::common::people::Person;
use crate::common::single::{self, CREATE, START, Single, attempt, gateway, keys, open};
use crate::facts::{Fact, Facts, Picture, told};

/// Codes of each run that are tried again, the newest first.
const CODES_TRIED: usize = 12;

/// After each so-manieth image somebody signs in.
const SIGN_IN_EVERY: usize = 32;

/// More records than the script leaves.
const RECORDS_MAX: usize = 100_000;

/// Opens one image after another.
pub(crate) struct Checker<'a> {
    facts: &'a Facts,
    keys: Arc<Keys>,
    gateway: Arc<GatewayPolicy>,
    policy: Policy,
    disk: Disk,
    checked: usize,
    /// States of the list that were looked at closely, with so many codes told to be used.
    looked: HashSet<(Option<usize>, usize)>,
}

impl<'a> Checker<'a> {
    pub(crate) fn new(facts: &'a Facts) -> Self {
        Self {
            facts,
            keys: keys(),
            gateway: gateway(false),
            policy: Policy::default(),
            disk: Disk::new(),
            checked: 0,
            looked: HashSet::new(),
        }
    }

    /// What is lost, if the power went after that call and left this.
    pub(crate) fn check(&mut self, image: &Image, call: u64) -> Result<(), String> {
        self.checked += 1;
        let folder = self.disk.root();
        image.write_to(folder);
        let path = folder.join("mfad.db");
        let now = Now::at(self.facts.time(call).unwrap_or(START)).after(Duration::from_secs(60));
        let restoring = (self.facts.restore).is_some_and(|(from, to)| (from..to).contains(&call));
        let mut again = false;
        if !path.exists() {
            if self.facts.states_told(call) == 0 {
                return self.create(&path, now);
            }
            if !restoring {
                return Err("the store is gone".to_owned());
            }
            // "Either the old store or none, and a second run finishes the work."
            let site = single::site(&path, &self.keys, now);
            let backup = folder.join(&told(&self.facts.backups, call)[0].what.name);
            let restored = restore(&site, &backup);
            restored.map_err(|error| format!("a second restore: {error}"))?;
            again = true;
        }
        let opened = self.open(&path, now, Mode::Existing)?;
        if let Some(fenced) = &opened.fenced
            && !restoring
        {
            return Err(format!("fenced: {fenced:?}"));
        }
        let fenced = again || opened.fenced.is_some();
        let state = self.rows(&path, call, fenced)?;
        // Equal rows have been looked at before, with as much told.
        let told = told(&self.facts.used, call).len();
        if state.is_none() || self.looked.insert((state, told)) {
            self.chain(&*opened.reader)?;
            self.codes(&*opened.reader, call, now)?;
        }
        self.backups(folder, call)?;
        if self.checked.is_multiple_of(SIGN_IN_EVERY) && self.facts.restore.is_none() {
            self.goes_on(opened, &path, now)?;
        }
        Ok(())
    }

    fn open(&self, path: &Path, now: Now, mode: Mode) -> Result<Opened, String> {
        open(path, &self.keys, now, mode).map_err(|error| format!("does not open: {error}"))
    }

    /// Nothing had been told and there is no store: it can be made.
    fn create(&self, path: &Path, now: Now) -> Result<(), String> {
        self.open(path, now, CREATE).map(drop)
    }

    /// The store is in a state that it was in, none before the last one that was told; which.
    fn rows(&self, path: &Path, call: u64, fenced: bool) -> Result<Option<usize>, String> {
        let found = Picture::of(path).map_err(|error| format!("unreadable: {error}"))?;
        let (states, told) = (&self.facts.states, self.facts.states_told(call));
        let same =
            |fact: &Fact<Picture>| (fact.what.seq, &fact.what.hash) == (found.seq, &found.hash);
        match states.iter().rposition(same) {
            // What a fence makes is new, and what comes before the first state was never told.
            None if fenced || told == 0 => Ok(None),
            None => Err(format!("a state that never was, record {}", found.seq)),
            Some(known) if known + 1 < told => {
                Err(format!("{} operations are lost", told - known - 1))
            }
            Some(known) if states[known].what != found => {
                Err(format!("other rows than there were, record {}", found.seq))
            }
            Some(known) => Ok(Some(known)),
        }
    }

    /// Everything can be read, and the audit chain verifies.
    fn chain(&self, reader: &dyn Read) -> Result<(), String> {
        let unreadable = |error: StoreError| format!("unreadable: {error}");
        let people = reader.find(&Find::default(), "", RECORDS_MAX);
        people.map_err(unreadable)?;
        let all = reader.audit(&AuditFilter::default(), RECORDS_MAX);
        let plan = Plan {
            node: "node1",
            start: Start::CHAIN,
            checkpoints: &[],
            keys: &[],
        };
        let records = all.map_err(unreadable)?.into_iter().map(Ok);
        let report = verify(&plan, records).map_err(unreadable)?;
        match report.damage {
            Some(damage) => Err(format!("the chain: {damage:?}")),
            None => Ok(()),
        }
    }

    /// No code that has let somebody in does so again.
    fn codes(&self, reader: &dyn Read, call: u64, now: Now) -> Result<(), String> {
        for used in told(&self.facts.used, call).iter().rev().take(CODES_TRIED) {
            let used = &used.what;
            let Ok(Some(record)) = reader.user_by_name(&used.user) else {
                continue;
            };
            for at in [Now::at(used.at), now] {
                let attempt = attempt(&self.gateway, &used.user, &used.code, 0, at);
                let finding = look(&record, &attempt, &self.policy, &*self.keys, at);
                if let CodeMatch::Fits { factor, .. } = finding.code {
                    return Err(format!("{}: code {factor} fits again", used.user));
                }
            }
        }
        Ok(())
    }

    /// A backup that was told to be done is one.
    fn backups(&self, folder: &Path, call: u64) -> Result<(), String> {
        for backup in told(&self.facts.backups, call) {
            let backup = &backup.what;
            let found = outline(&folder.join(&backup.name));
            match found {
                Ok(outline) if outline.manifest.seq == backup.seq => {}
                Ok(_) => return Err(format!("{} is another backup", backup.name)),
                Err(error) => return Err(format!("{}: {error}", backup.name)),
            }
        }
        Ok(())
    }

    /// Somebody signs in, and that is still so after the next start.
    fn goes_on(&self, opened: Opened, path: &Path, now: Now) -> Result<(), String> {
        let before = opened.reader.last_seq().map_err(|e| e.to_string())?;
        let mut single = Single::on(opened, &self.keys, now, Chance::of(1));
        let person = Person::new("nobody");
        let answer = single.sign_in(&self.gateway, &person.name, "123456");
        let told = answer != single::Answer::Nothing;
        drop(single);
        let opened = self.open(path, now, Mode::Existing)?;
        let after = opened.reader.last_seq().map_err(|e| e.to_string())?;
        if told && after > before {
            Ok(())
        } else {
            Err(format!("does not go on: {answer:?}, {before} {after}"))
        }
    }
}
