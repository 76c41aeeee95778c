//! People with a token whose seed the test knows, made before the daemon starts.
//!
//! Event based tokens, so that a test can have as many fresh codes as it likes without waiting for
//! time to pass.

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use mfad::config::{self, Surroundings};
use mfad::daemon::instance::{Instance, Start};
use mfad::daemon::key;
use mfad::domain::action::Role;
use mfad::domain::command::{Command, NewToken, NewUser};
use mfad::domain::event::Operator;
use mfad::domain::token_record::TokenKind;
use mfad::engine::prepare::Manner;
use mfad::secret::SecretBytes;
use mfad::server::udp::socket::Socket;
use mfad::store::pin_hash::PinHasher;
use mfad::sys::clock::Clock;
use mfad::time::Now;
use mfad::token::totp::step_at;
use mfad::token::{Otp, Period, base32};

pub(crate) const PIN: &str = "402817";
pub(crate) const PASSWORD: &str = "correct horse 9 battery";

/// A person, and what only that person knows.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) pin: String,
    pub(crate) password: String,
    pub(crate) seed: [u8; 20],
    pub(crate) kind: TokenKind,
    /// The counter of the next code.
    pub(crate) next: u64,
}

impl Person {
    /// One with PIN, password and an event based token.
    pub(crate) fn new(name: &str) -> Self {
        let digest = Sha256::digest(name.as_bytes());
        Self {
            name: name.to_owned(),
            pin: PIN.to_owned(),
            password: PASSWORD.to_owned(),
            seed: std::array::from_fn(|at| digest[at]),
            kind: TokenKind::Hotp,
            next: 0,
        }
    }

    /// With a time based token instead.
    pub(crate) fn with_totp(mut self) -> Self {
        self.kind = TokenKind::Totp;
        self
    }

    /// The next code; a time based token shows the present one.
    pub(crate) fn code(&mut self) -> String {
        if self.kind == TokenKind::Totp {
            return self.totp_at(Clock::start().now());
        }
        self.next += 1;
        self.hotp(self.next - 1)
    }

    /// The code of a counter.
    pub(crate) fn hotp(&self, counter: u64) -> String {
        Otp::HOTP
            .code_at(&self.seed, counter)
            .text()
            .expose()
            .clone()
    }

    pub(crate) fn totp_at(&self, now: Now) -> String {
        let step = step_at(now.wall, Period::THIRTY);
        Otp::TOTP.code_at(&self.seed, step).text().expose().clone()
    }

    /// Six digits that are none of the codes in reach.
    pub(crate) fn wrong_code(&self) -> String {
        self.wrong_codes().next().unwrap()
    }

    /// Sixes of digits, all different, none of them a code in reach.
    pub(crate) fn wrong_codes(&self) -> impl Iterator<Item = String> + use<> {
        let from = self.next.saturating_sub(2);
        let mut near: Vec<String> = (from..from + 64).map(|at| self.hotp(at)).collect();
        let now = Clock::start().now();
        let step = step_at(now.wall, Period::THIRTY);
        near.extend(
            (step - 4..step + 20)
                .map(|step| Otp::TOTP.code_at(&self.seed, step).text().expose().clone()),
        );
        (0..1_000_000_u32)
            .map(|number| format!("{:06}", (number * 7919 + 100_003) % 1_000_000))
            .filter(move |code| !near.contains(code))
    }

    pub(crate) fn seed_hex(&self) -> String {
        self.seed
            .iter()
            .map(|octet| format!("{octet:02x}"))
            .collect()
    }
}

/// What an app shows that has this secret.
pub(crate) fn app(secret: &str) -> String {
    let seed = base32::decode(secret.as_bytes()).unwrap();
    let step = step_at(Clock::start().now().wall, Period::THIRTY);
    let code = Otp::TOTP.code_at(seed.expose(), step);
    code.text().expose().clone()
}

/// Makes the store of a configuration with these people in it, as an operator would.
pub(crate) fn make_store(config_path: &Path, people: &[Person]) {
    let surroundings = Surroundings {
        credentials_dir: None,
        hostname: "test".to_owned(),
    };
    let loaded = config::load(config_path, &surroundings)
        .unwrap_or_else(|problems| panic!("the configuration of the test:\n{problems}"));
    let setup = config_path.with_file_name("setup");
    let socket = Socket::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let key = key::load(&loaded.config.key, None).unwrap();
    let start = Start {
        config: loaded.config,
        config_path: config_path.to_owned(),
        surroundings,
        key: Ok(key),
        sockets: vec![socket],
        control: UnixListener::bind(&setup).unwrap(),
        create: true,
        clock: Arc::new(Clock::start()),
        unhardened: Vec::new(),
        hasher: PinHasher::new,
    };
    let instance = Instance::start(start).unwrap();
    for person in people {
        make(&instance, person);
    }
    instance.stop();
    std::fs::remove_file(setup).unwrap();
}

fn make(instance: &Instance, person: &Person) {
    let user = || person.name.clone();
    order(
        instance,
        Command::UserAdd(NewUser {
            user: user(),
            ..NewUser::default()
        }),
    );
    if !person.pin.is_empty() {
        let pin = Some(SecretBytes::copy_of(person.pin.as_bytes()));
        order(
            instance,
            Command::PinReset {
                user: user(),
                pin,
                keep: true,
            },
        );
    }
    if !person.password.is_empty() {
        let password = Some(SecretBytes::copy_of(person.password.as_bytes()));
        order(
            instance,
            Command::PasswordSet {
                user: user(),
                password,
            },
        );
    }
    let otp = if person.kind == TokenKind::Totp {
        Otp::TOTP
    } else {
        Otp::HOTP
    };
    let token = NewToken {
        user: user(),
        kind: person.kind,
        otp,
        serial: Some(format!("S-{}", person.name)),
        seed: Some(SecretBytes::copy_of(&person.seed)),
        weak: false,
        counter: person.next,
        expires: None,
        description: String::new(),
        trusted: true,
        confirm: None,
    };
    order(instance, Command::TokenAdd(Box::new(token)));
}

fn order(instance: &Instance, command: Command) {
    let operator = Operator {
        uid: 0,
        name: Arc::from("setup"),
        role: Role::Admin,
    };
    let manner = Manner {
        reason: Some("test".to_owned()),
        ..Manner::default()
    };
    let done = instance
        .engine()
        .unwrap()
        .change(&operator, command, &manner);
    if let Err(refusal) = done {
        panic!("setting up: {refusal}");
    }
}
