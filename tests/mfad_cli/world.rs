//! A system below a temporary folder, and a made-up person at its terminal.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mfad::config::Surroundings;
use mfad::daemon::report::{Failure, World};
use mfad::daemon::terminal::Ask;
use mfad::daemon::{check, init, key};
use mfad::domain::event::{Event, Origin};
use mfad::domain::token_record::{Base, Token, TokenKind};
use mfad::domain::user::{AuthState, Profile, UserId, UserState};
use mfad::secret::{Secret, SecretBytes, SecretKey};
use mfad::store::seal::Keys;
use mfad::store::sqlite::{self, Fence, Mode, Opened, Site, Sizes};
use mfad::store::{Body, Change, Commit, Key, Write};
use mfad::time::{Now, Timestamp};
use mfad::token::{Otp, TokenId};

pub(crate) const T0: i64 = 1_800_000_000_000;
pub(crate) const CONFIG: &str = "/etc/mfad/mfad.toml";

/// Answers what is asked, in order.
#[derive(Default)]
pub(crate) struct Person {
    pub(crate) terminal: bool,
    pub(crate) answers: VecDeque<String>,
    pub(crate) asked: Vec<String>,
    pub(crate) shown: Vec<String>,
}

impl Person {
    pub(crate) fn at_terminal(answers: &[&str]) -> Self {
        Self {
            terminal: true,
            ..Self::piping(answers)
        }
    }

    pub(crate) fn piping(lines: &[&str]) -> Self {
        let answers = lines.iter().map(|line| (*line).to_owned()).collect();
        Self {
            answers,
            ..Self::default()
        }
    }

    fn answer(&mut self, question: &str) -> io::Result<String> {
        self.asked.push(question.to_owned());
        self.answers
            .pop_front()
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

impl Ask for Person {
    fn is_terminal(&self) -> bool {
        self.terminal
    }

    fn line(&mut self, question: &str) -> io::Result<String> {
        self.answer(question)
    }

    fn secret(&mut self, question: &str) -> io::Result<SecretBytes> {
        self.answer(question)
            .map(|line| SecretBytes::new(line.into_bytes()))
    }

    fn show(&mut self, text: &Secret<String>) -> io::Result<()> {
        self.shown.push(text.expose().clone());
        Ok(())
    }
}

/// What a mode has done: its status or its error, and its screen.
pub(crate) struct Done {
    pub(crate) result: Result<u8, Failure>,
    pub(crate) screen: String,
}

impl Done {
    pub(crate) fn failure(&self) -> String {
        self.result.as_ref().unwrap_err().to_string()
    }
}

pub(crate) fn run(
    person: &mut Person,
    seconds: i64,
    mode: impl FnOnce(&mut World<'_>) -> Result<u8, Failure>,
) -> Done {
    let mut out = Vec::new();
    let mut world = World {
        out: &mut out,
        asks: person,
        around: Surroundings {
            credentials_dir: None,
            hostname: "mfa1".to_owned(),
        },
        now: Now::at(Timestamp(T0 + seconds * 1000)),
        unicode: true,
    };
    let result = mode(&mut world);
    Done {
        result,
        screen: String::from_utf8(out).unwrap(),
    }
}

/// A system of its own.
pub(crate) struct System {
    root: PathBuf,
    _folder: Option<tempfile::TempDir>,
}

impl System {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            root: folder.path().to_owned(),
            _folder: Some(folder),
        }
    }

    /// One that somebody else has made, and removes.
    pub(crate) fn at(root: PathBuf) -> Self {
        Self {
            root,
            _folder: None,
        }
    }

    /// One that is set up.
    pub(crate) fn ready() -> Self {
        let system = Self::new();
        assert_eq!(system.init(&mut Person::default()).result, Ok(0));
        system
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.root().join(below)
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.path("var/lib/mfad/mfad.db")
    }

    pub(crate) fn init(&self, person: &mut Person) -> Done {
        self.init_with(person, false)
    }

    pub(crate) fn init_with(&self, person: &mut Person, key_stdin: bool) -> Done {
        let root = self.root().to_owned();
        let options = init::Options {
            config: CONFIG.into(),
            root,
            key_stdin,
        };
        run(person, 0, |world| init::run(&options, world))
    }

    pub(crate) fn check(&self, strict: bool) -> Done {
        let root = self.root().to_owned();
        let options = check::Options {
            config: CONFIG.into(),
            root,
            strict,
        };
        run(&mut Person::default(), 60, |world| {
            check::run(&options, world)
        })
    }

    /// The key as it is written down.
    pub(crate) fn written_key(&self) -> String {
        std::fs::read_to_string(self.path("etc/mfad/mfad.key")).unwrap()
    }

    fn key(&self) -> SecretKey {
        key::parse(self.written_key().as_bytes()).unwrap()
    }

    /// Adds lines to the configuration.
    pub(crate) fn configure(&self, lines: &str) {
        let path = self.path("etc/mfad/gateways.d/test.toml");
        std::fs::write(path, lines).unwrap();
    }

    /// Opens the store as a daemon would.
    pub(crate) fn open(&self) -> Opened {
        let keys = Keys::derive(&self.key()).unwrap();
        let (node, boot) = (Arc::from("mfa1"), Arc::from("boot"));
        let fence = Fence {
            now: Now::at(Timestamp(T0)),
            window_steps: 1,
        };
        let sizes = Sizes {
            readers: 1,
            log_octets: 0,
            ..Sizes::default()
        };
        let path = self.store();
        let site = Site {
            path: &path,
            keys: &keys,
            node,
            boot,
            fence,
            sizes,
        };
        sqlite::open(&site, Mode::Existing).unwrap()
    }

    /// A store with one user who has an HOTP token, and a backup of it; then a second user.
    pub(crate) fn with_backup() -> (Self, PathBuf) {
        let system = Self::ready();
        let mut opened = system.open();
        add(&mut opened, 1, "alice");
        let backup = system.path("before.mfad");
        opened
            .reader
            .snapshot(&backup, Now::at(Timestamp(T0 + 10_000)))
            .unwrap();
        add(&mut opened, 2, "bob");
        drop(opened.reader);
        Box::new(opened.writer).close().unwrap();
        (system, backup)
    }
}

fn add(opened: &mut Opened, number: u8, name: &str) {
    let token = Token {
        id: TokenId::from_random([number; 5]),
        kind: TokenKind::Hotp,
        base: Base::Registered,
        otp: Some(Otp::HOTP),
        seed: None,
        recovery: Vec::new(),
        questions: None,
        description: String::new(),
        serial: None,
        weak: false,
        created: Timestamp(T0),
        created_by: "root".to_owned(),
        registered_at: None,
        disabled_from: None,
        disabled_until: None,
        obsolete_reason: None,
        expires: None,
        last_tested: None,
        delivery: None,
        updated: Timestamp(T0),
        extra: serde_json::Map::new(),
    };
    let profile = Profile {
        name: name.to_owned(),
        state: UserState::Steady,
        tokens: vec![token],
        ..Profile::default()
    };
    let id = UserId([number; 16]);
    let auth = AuthState {
        revision: 1,
        ..AuthState::default()
    };
    let body = Body::User {
        profile: Some(Arc::new(profile)),
        auth,
    };
    let change = Change {
        writes: vec![Write {
            key: Key::User(id),
            expected: None,
            body: Some(body),
        }],
        origin: Origin::system(),
        events: vec![Event::new("user.added").user(id, name)],
        at: Now::at(Timestamp(T0)),
    };
    let _ = opened.writer.commit(&[change]).unwrap();
}
