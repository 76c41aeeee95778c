//! What is done on the disk: some hundred operations as they come in a few days, chosen by a seed.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mfad::domain::command::{Command, NewToken, NewUser, PassthroughEnd, UserEdit};
use mfad::domain::token_record::TokenKind;
use mfad::secret::SecretBytes;
use mfad::store::Read as _;
use mfad::store::sqlite::{Mode, SqliteReader, restore as restore_store};
use mfad::time::Now;
use mfad::token::Otp;

use crate::common::chance::Chance;
use crate::common::disk::Disk;
use crate::common::people::{PIN, Person};
use crate::common::single::{self, Answer, CREATE, START, Single, gateway, keys, open};
use crate::facts::Scribe;

/// Operations of the long script.
const OPERATIONS: usize = 300;

/// People at the beginning; one in three has a token that goes by time.
const PEOPLE: usize = 9;

/// A site at work.
struct Days {
    path: PathBuf,
    /// None between two starts.
    single: Option<Single>,
    reader: Arc<SqliteReader>,
    scribe: Scribe,
    chance: Chance,
    people: Vec<Person>,
    /// The last code of each person that let somebody in.
    last: BTreeMap<String, String>,
    backups: usize,
    newcomers: usize,
}

/// The script of some days.
pub(crate) fn days(disk: &Disk) {
    let mut days = Days::begin(disk);
    for operation in 0..OPERATIONS {
        match operation {
            80 | 210 => days.backup(),
            60 | 180 => days.restart(true),
            120 | 240 => days.restart(false),
            _ => days.anything(),
        }
    }
    days.restart(true);
    assert!(days.last.len() > PEOPLE / 2, "hardly anybody was let in");
}

/// A short day, and a restore of its backup.
pub(crate) fn restore(disk: &Disk) {
    let mut days = Days::begin(disk);
    for operation in 0..24 {
        match operation {
            12 => days.backup(),
            _ => days.sign_in(),
        }
    }
    let single = days.single.take().unwrap();
    let now = single.now().after(Duration::from_secs(60));
    single.stop();
    let keys = keys();
    let site = single::site(&days.path, &keys, now);
    let backup = days.path.with_file_name("backup1.mfad");
    days.scribe.restore("begins");
    restore_store(&site, &backup).unwrap();
    days.scribe.restore("is done");
    days.start(now);
    for _ in 0..6 {
        days.sign_in();
    }
    days.restart(true);
}

impl Days {
    /// A new store with its people.
    fn begin(disk: &Disk) -> Self {
        let seed = fs::read_to_string(disk.beside("seed")).unwrap();
        let path = disk.root().join("mfad.db");
        let mut chance = Chance::of(seed.parse().unwrap());
        let (keys, now) = (keys(), Now::at(START));
        let opened = open(&path, &keys, now, CREATE).unwrap();
        let mut days = Self {
            path,
            reader: Arc::clone(&opened.reader),
            single: Some(Single::on(opened, &keys, now, chance.fork())),
            scribe: Scribe::new(Disk::here().unwrap()),
            chance,
            people: Vec::new(),
            last: BTreeMap::new(),
            backups: 0,
            newcomers: 0,
        };
        days.told();
        for number in 0..PEOPLE {
            let person = Person::new(&format!("user{number}"));
            days.arrives(if number % 3 == 0 {
                person.with_totp()
            } else {
                person
            });
        }
        days
    }

    fn single(&mut self) -> &mut Single {
        self.single.as_mut().unwrap()
    }

    /// Whatever is so now has been told to somebody.
    fn told(&mut self) {
        let now = self.single().now();
        self.scribe.state(&self.path, now);
    }

    fn start(&mut self, now: Now) {
        let keys = keys();
        let opened = open(&self.path, &keys, now, Mode::Existing).unwrap();
        self.reader = Arc::clone(&opened.reader);
        self.single = Some(Single::on(opened, &keys, now, self.chance.fork()));
        self.told();
    }

    fn restart(&mut self, clean: bool) {
        let single = self.single.take().unwrap();
        let now = single.now().after(Duration::from_secs(2));
        if clean {
            single.stop();
        } else {
            drop(single);
        }
        self.start(now);
    }

    fn backup(&mut self) {
        self.backups += 1;
        let name = format!("backup{}.mfad", self.backups);
        let backup = self.path.with_file_name(&name);
        let now = self.single().now();
        let manifest = self.reader.snapshot(&backup, now).unwrap();
        assert_eq!(manifest.seq, self.reader.last_seq().unwrap());
        self.scribe.backup(&name, manifest.seq);
    }

    /// Whether it was carried out: some are refused as things stand.
    fn order(&mut self, command: Command) -> bool {
        let done = self.single().order(command).is_ok();
        self.told();
        done
    }

    fn arrives(&mut self, person: Person) {
        let user = || person.name.clone();
        let added = self.order(Command::UserAdd(NewUser {
            user: user(),
            ..NewUser::default()
        }));
        let has_pin = self.order(Command::PinReset {
            user: user(),
            pin: Some(SecretBytes::copy_of(PIN.as_bytes())),
            keep: true,
        });
        let has_token = self.order(Command::TokenAdd(Box::new(NewToken {
            user: user(),
            kind: person.kind,
            otp: if person.kind == TokenKind::Totp {
                Otp::TOTP
            } else {
                Otp::HOTP
            },
            serial: Some(format!("S-{}", person.name)),
            seed: Some(SecretBytes::copy_of(&person.seed)),
            weak: false,
            counter: 0,
            expires: None,
            description: String::new(),
            trusted: true,
            confirm: None,
        })));
        assert!(added && has_pin && has_token, "{}", person.name);
        self.people.push(person);
    }

    fn somebody(&mut self) -> usize {
        self.chance.below(self.people.len())
    }

    /// The next code of a person; a token that goes by time is waited for.
    fn code(&mut self, at: usize) -> String {
        if self.people[at].kind == TokenKind::Totp {
            self.single().pass(Duration::from_secs(31));
            let now = self.single().now();
            return self.people[at].totp_at(now);
        }
        self.people[at].next += 1;
        self.people[at].hotp(self.people[at].next - 1)
    }

    fn wrong(&mut self, at: usize) -> String {
        let number = self.chance.below(5_000);
        let mut wrong = self.people[at].wrong_codes();
        wrong.nth(number).unwrap()
    }

    fn answered(&mut self, user: &str, code: &str, answer: Answer) {
        assert_ne!(answer, Answer::Nothing, "{user}");
        if answer.accepted() {
            let now = self.single().now();
            self.scribe.used(user, code, now);
            self.last.insert(user.to_owned(), code.to_owned());
        }
    }

    fn sign_in_with(&mut self, user: &str, pin: &str, code: &str) {
        let gateway = gateway(!pin.is_empty());
        let answer = self
            .single()
            .sign_in(&gateway, user, &format!("{pin}{code}"));
        self.answered(user, code, answer);
        self.told();
    }

    fn sign_in(&mut self) {
        let at = self.somebody();
        let (user, code) = (self.people[at].name.clone(), self.code(at));
        self.sign_in_with(&user, "", &code);
    }

    /// Several people at once, one of them twice with the same code.
    fn crowd(&mut self) {
        let count = 2 + self.chance.below(5);
        let mut those: Vec<(String, String)> = Vec::new();
        for _ in 0..count {
            let at = self.somebody();
            let code = self.code(at);
            those.push((self.people[at].name.clone(), code));
        }
        those.push(those[0].clone());
        let asked: Vec<(&str, String)> = those
            .iter()
            .map(|(user, code)| (user.as_str(), code.clone()))
            .collect();
        let answers = self.single().sign_in_all(&gateway(false), &asked);
        for ((user, code), answer) in those.iter().zip(answers) {
            self.answered(user, code, answer);
        }
        self.told();
    }

    fn anything(&mut self) {
        let at = self.somebody();
        let user = self.people[at].name.clone();
        match self.chance.below(32) {
            0..12 => self.sign_in(),
            12..14 => {
                let code = self.code(at);
                self.sign_in_with(&user, PIN, &code);
            }
            14 => {
                // A right code is used up by a wrong PIN.
                let code = self.code(at);
                self.sign_in_with(&user, "000111", &code);
            }
            15..18 => {
                let wrong = self.wrong(at);
                self.sign_in_with(&user, "", &wrong);
            }
            18 => {
                for _ in 0..6 {
                    let wrong = self.wrong(at);
                    self.sign_in_with(&user, "", &wrong);
                }
            }
            19 => {
                if let Some(code) = self.last.get(&user).cloned() {
                    self.sign_in_with(&user, "", &code);
                }
            }
            20..23 => self.crowd(),
            23 => self.sign_in_with("stranger", "", "123456"),
            24 | 25 => self.wait(),
            _ => self.operator(user),
        }
    }

    /// Nothing for a while, and then the store's own work; or only the work.
    fn wait(&mut self) {
        if self.chance.coin() {
            self.single().pass(Duration::from_secs(12));
        }
        self.single().idle();
        self.single().rest();
        self.told();
    }

    fn operator(&mut self, user: String) {
        let command = match self.chance.below(9) {
            0 | 1 => Command::UserUnlock {
                user,
                with_pin: true,
                confirm: false,
            },
            2 => Command::UserLock { user, until: None },
            3 => Command::PassthroughEnable {
                user,
                from: None,
                end: PassthroughEnd::Default,
                gateways: Vec::new(),
            },
            4 => Command::PassthroughDisable { user },
            5 => Command::RecoveryIssue { user },
            6 => Command::CountersClear { user },
            7 => Command::UserEdit {
                user,
                edit: Box::new(UserEdit {
                    notes: Some("moved house ".repeat(1 + self.chance.below(40))),
                    ..UserEdit::default()
                }),
            },
            _ => return self.newcomer(),
        };
        let _ = self.order(command);
    }

    /// Somebody comes; the one who came before goes.
    fn newcomer(&mut self) {
        let user = format!("newcomer{}", self.newcomers);
        let _ = self.order(Command::UserDelete { user });
        self.newcomers += 1;
        let user = format!("newcomer{}", self.newcomers);
        let _ = self.order(Command::UserAdd(NewUser {
            user,
            ..NewUser::default()
        }));
    }
}
