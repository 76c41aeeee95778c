//! A run of some operations of every kind, with one fault in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mfad::domain::command::{Command, NewToken, NewUser};
use mfad::domain::verdict::Reason;
use mfad::domain::verify::{CodeMatch, verify};
use mfad::secret::SecretBytes;
use mfad::store::seal::Keys;
use mfad::store::sqlite::Mode;
use mfad::store::{AuditFilter, Read as _};
use mfad::time::Now;
use mfad::token::Otp;
use nix::errno::Errno;
use serde_json::Value;

use crate::common::chance::{Chance, long};
use crate::common::disk::state::{Image, Keep, State};
use crate::common::disk::{Disk, Fault};
use crate::common::people::{PIN, Person};
use crate::common::single::{Answer, CREATE, START, Single, attempt, gateway, keys, open};

/// The ways in which a call fails.
const FAULTS: [Fault; 7] = [
    Fault::Once(Errno::EIO),
    Fault::From(Errno::ENOSPC),
    Fault::Short,
    Fault::From(Errno::EROFS),
    Fault::Once(Errno::EDQUOT),
    Fault::From(Errno::EIO),
    Fault::Once(Errno::ENOSPC),
];

/// People of a run: the third one mistypes.
const PEOPLE: usize = 4;

/// Half seconds that a lasting fault is let last once it is noticed.
const ROUNDS_DEAD: usize = 4;

/// Longest time from the end of a fault until somebody is let in, on the passed-in clock.
const RECOVERED_WITHIN: Duration = Duration::from_secs(5);

/// More records than a run leaves.
const RECORDS_MAX: usize = 10_000;

/// What somebody was told, and what nobody was told.
#[derive(Default)]
struct Told {
    accepted: Vec<String>,
    wrong: usize,
    /// Attempts without an answer: they may have been recorded or not.
    unanswered: usize,
}

/// One run on one disk.
struct Run<'a> {
    disk: &'a Disk,
    path: PathBuf,
    keys: Arc<Keys>,
    /// None while it does not open.
    single: Option<Single>,
    now: Now,
    people: Vec<Person>,
    told: BTreeMap<String, Told>,
    /// People whose arrival was told to be done.
    arrived: Vec<String>,
    fault: Fault,
    /// The longest time a recovery took.
    recovered: Duration,
    recoveries: usize,
}

/// Fails at each call of the run, in one way or in all.
pub(crate) fn every_call(disk: &Disk) {
    make_template(disk);
    let mut quiet = Run::on(disk, 0, Fault::Short);
    let calls = quiet.calls();
    let (mut runs, mut recoveries, mut longest) = (0, 0, Duration::ZERO);
    for call in 1..=calls {
        for (number, fault) in FAULTS.into_iter().enumerate() {
            let turn = usize::try_from(call).unwrap() % FAULTS.len() == number;
            if !long() && !turn {
                continue;
            }
            let mut run = Run::on(disk, call, fault);
            run.calls();
            runs += 1;
            recoveries += run.recoveries;
            longest = longest.max(run.recovered);
        }
    }
    println!(
        "disk faults: {calls} calls, {runs} runs, {} ways, {recoveries} recoveries, the longest \
         after {longest:?}",
        FAULTS.len()
    );
    assert!(recoveries * 3 > runs, "faults that nobody noticed");
}

/// A store with people, to begin each run with.
fn make_template(disk: &Disk) {
    let folder = disk.beside("template");
    fs::create_dir(&folder).unwrap();
    let (keys, now) = (keys(), Now::at(START));
    let opened = open(&folder.join("mfad.db"), &keys, now, CREATE).unwrap();
    let mut single = Single::on(opened, &keys, now, Chance::of(1));
    for person in people() {
        let user = || person.name.clone();
        let mut order = |command| single.order(command).map(drop).unwrap();
        order(arrival(&person.name));
        order(Command::PinReset {
            user: user(),
            pin: Some(SecretBytes::copy_of(PIN.as_bytes())),
            keep: true,
        });
        order(Command::TokenAdd(Box::new(NewToken {
            serial: Some(format!("S-{}", person.name)),
            seed: Some(SecretBytes::copy_of(&person.seed)),
            trusted: true,
            ..NewToken::of(user(), Otp::HOTP)
        })));
    }
    single.stop();
}

fn people() -> Vec<Person> {
    let person = |number| Person::new(&format!("user{number}"));
    (0..PEOPLE).map(person).collect()
}

fn arrival(user: &str) -> Command {
    Command::UserAdd(NewUser {
        user: user.to_owned(),
        ..NewUser::default()
    })
}

/// The files of a folder.
fn files_of(folder: &Path) -> Image {
    State::of_folder(folder).image(Keep::Everything)
}

impl<'a> Run<'a> {
    /// A fresh store on the disk, and a fault at that call from now on; 0: none.
    fn on(disk: &'a Disk, call: u64, fault: Fault) -> Self {
        disk.unseen(|| files_of(&disk.beside("template")).write_to(disk.root()));
        if call > 0 {
            disk.fail(disk.calls() + call, fault);
        }
        Self {
            disk,
            path: disk.root().join("mfad.db"),
            keys: keys(),
            single: None,
            now: Now::at(START).after(Duration::from_secs(60)),
            people: people(),
            told: BTreeMap::new(),
            arrived: Vec::new(),
            fault,
            recovered: Duration::ZERO,
            recoveries: 0,
        }
    }

    /// Does everything; the calls that it took.
    fn calls(&mut self) -> u64 {
        let before = self.disk.unseen(|| State::of_folder(self.disk.root()));
        let (position, from) = (self.disk.position(), self.disk.calls());
        self.start();
        self.sign_in(0, "");
        self.mistype();
        self.sign_in(3, PIN);
        self.crowd();
        self.arrives("newcomer0");
        self.pass(6);
        self.sign_in(1, "");
        self.mistype();
        self.stop();
        self.start();
        self.pass(11);
        self.arrives("newcomer1");
        self.sign_in(0, "");
        self.crowd();
        // The power goes after the last answer, and takes all that was not synced.
        let mut state = before;
        state.follow(&self.disk.operations(position));
        self.check(&state.image(Keep::Nothing), "after a power cut");
        self.stop();
        let calls = self.disk.calls() - from;
        self.disk.heal();
        let left = self.disk.unseen(|| files_of(self.disk.root()));
        self.check(&left, "after the end");
        calls
    }

    fn single(&mut self) -> &mut Single {
        self.single.as_mut().unwrap()
    }

    /// Starts as the daemon does, which systemd starts again until it works.
    fn start(&mut self) {
        let open = |now| open(&self.path, &self.keys, now, Mode::Existing);
        let opened = open(self.now).or_else(|_| {
            self.disk.heal();
            open(self.now)
        });
        let opened = opened.unwrap_or_else(|error| panic!("{:?}: {error}", self.fault));
        assert!(opened.fenced.is_none(), "{:?}: fenced", self.fault);
        let chance = Chance::of(self.disk.calls());
        self.single = Some(Single::on(opened, &self.keys, self.now, chance));
    }

    fn stop(&mut self) {
        let single = self.single.take().unwrap();
        self.now = single.now().after(Duration::from_secs(2));
        single.stop();
    }

    fn pass(&mut self, seconds: u64) {
        self.single().pass(Duration::from_secs(seconds));
        self.single().idle();
        if self.single().broken().is_some() {
            self.recover();
        }
    }

    fn sign_in(&mut self, at: usize, pin: &str) {
        let (user, code) = (self.people[at].name.clone(), self.people[at].code());
        let passcode = format!("{pin}{code}");
        let answer = self
            .single()
            .sign_in(&gateway(!pin.is_empty()), &user, &passcode);
        self.answered(&user, &code, answer);
        if answer == Answer::Nothing {
            self.recover();
        }
    }

    fn crowd(&mut self) {
        let mut those = Vec::new();
        for at in [0, 1, 3, 0] {
            those.push((self.people[at].name.clone(), self.people[at].code()));
        }
        let asked: Vec<(&str, String)> = those
            .iter()
            .map(|(user, code)| (user.as_str(), code.clone()))
            .collect();
        let answers = self.single().sign_in_all(&gateway(false), &asked);
        for ((user, code), answer) in those.iter().zip(&answers) {
            self.answered(user, code, *answer);
        }
        if answers.contains(&Answer::Nothing) {
            self.recover();
        }
    }

    /// A fresh code lets in, or there is no answer.
    fn answered(&mut self, user: &str, code: &str, answer: Answer) {
        let told = self.told.entry(user.to_owned()).or_default();
        match answer {
            Answer::Accept(_) => told.accepted.push(code.to_owned()),
            Answer::Nothing => told.unanswered += 1,
            Answer::Reject(reason) => panic!("{:?}: {user}: {reason:?}", self.fault),
        }
    }

    fn mistype(&mut self) {
        let wrongs = self
            .told
            .get("user2")
            .map_or(0, |told| told.wrong + told.unanswered);
        let wrong = self.people[2].wrong_codes().nth(wrongs).unwrap();
        let answer = self.single().sign_in(&gateway(false), "user2", &wrong);
        let told = self.told.entry("user2".to_owned()).or_default();
        match answer {
            Answer::Reject(Reason::BadCode) => told.wrong += 1,
            Answer::Nothing => {
                told.unanswered += 1;
                self.recover();
            }
            other => panic!("{:?}: a wrong code: {other:?}", self.fault),
        }
    }

    fn arrives(&mut self, user: &str) {
        match self.single().order(arrival(user)) {
            Ok(_) => self.arrived.push(user.to_owned()),
            Err(_) => self.recover(),
        }
    }

    /// Waits until somebody is let in again; a lasting fault lasts a while before.
    fn recover(&mut self) {
        if matches!(self.fault, Fault::From(_)) {
            for _ in 0..ROUNDS_DEAD {
                self.single().idle();
                let code = self.people[1].code();
                let answer = self.single().sign_in(&gateway(false), "user1", &code);
                assert_eq!(answer, Answer::Nothing, "{:?}", self.fault);
                self.answered("user1", &code, answer);
            }
        }
        self.disk.heal();
        let since = self.single().now();
        loop {
            let code = self.people[1].code();
            let answer = self.single().sign_in(&gateway(false), "user1", &code);
            self.answered("user1", &code, answer);
            let took = self.single().now().wall.since(since.wall);
            assert!(took <= RECOVERED_WITHIN, "{:?}: still closed", self.fault);
            if answer.accepted() {
                assert_eq!(self.single().broken(), None);
                self.recovered = self.recovered.max(took);
                self.recoveries += 1;
                return;
            }
            self.single().idle();
        }
    }

    /// Everything that was told is in the store that is made of these files.
    fn check(&self, image: &Image, when: &str) {
        let folder = self.disk.beside("left");
        let _ = fs::create_dir(&folder);
        image.write_to(&folder);
        let at = format!("{:?} {when}", self.fault);
        let opened = open(
            &folder.join("mfad.db"),
            &self.keys,
            self.now,
            Mode::Existing,
        );
        let opened = opened.unwrap_or_else(|error| panic!("{at}: {error}"));
        assert!(opened.fenced.is_none(), "{at}: fenced");
        let records = opened.reader.audit(&AuditFilter::default(), RECORDS_MAX);
        let records: Vec<Value> = records
            .unwrap()
            .iter()
            .map(|record| serde_json::from_slice(&record.body).unwrap())
            .collect();
        let count = |event: &str, user: &str| {
            let counted = |record: &&Value| {
                record["event"] == event
                    && record["target"]["user"] == user
                    && record["reason"] != "replay"
            };
            records.iter().filter(counted).count()
        };
        for (user, told) in &self.told {
            let accepts = count("auth.accept", user);
            let wrong = count("auth.reject", user);
            let (least, most) = (told.accepted.len(), told.accepted.len() + told.unanswered);
            assert!(
                (least..=most).contains(&accepts),
                "{at}: {user}: {accepts} Accepts are stored, {least} were told"
            );
            assert!(
                (told.wrong..=told.wrong + told.unanswered).contains(&wrong),
                "{at}: {user}: {wrong} failures are stored, {} were told",
                told.wrong
            );
            let record = opened.reader.user_by_name(user).unwrap().unwrap();
            for code in told.accepted.iter().rev().take(2) {
                let attempt = attempt(&gateway(false), user, code, 0, self.now);
                let found = verify(
                    &record,
                    &attempt,
                    &mfad::domain::policy::Policy::default(),
                    &*self.keys,
                    self.now,
                );
                let fits = matches!(found.code, CodeMatch::Fits { .. });
                assert!(!fits, "{at}: {user}: a used code fits");
            }
        }
        for user in &self.arrived {
            let there = opened.reader.user_by_name(user).unwrap();
            assert!(there.is_some(), "{at}: {user} is gone");
        }
    }
}
