//! What the benches measure on: one gateway, sixty-four people with an HOTP token each, one seed for
//! all, a store on a real file below the target folder.

#![allow(
    dead_code,
    reason = "each bench uses the part of the world that it needs"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mfad::access::{self, Access, Action, Gateway, GatewayTable, Limits, Ticket};
use mfad::domain::attempt::Attempt;
use mfad::domain::event::{Actor, Event, Origin, RequestRef};
use mfad::domain::policy::{FirstFactorBy, GatewayPolicy, Otherwise, PasscodeForm};
use mfad::domain::sealed::Field;
use mfad::domain::token_record::{Base, Token, TokenKind};
use mfad::domain::user::{AuthState, Profile, UserId, UserRecord, UserState};
use mfad::radius::{AttributeType, KeyedSecret, RequestBuilder};
use mfad::secret::SecretKey;
use mfad::store::seal::Keys;
use mfad::store::sqlite::{self, Fence, Mode, Sizes, SqliteWriter};
use mfad::store::{Body, Change, Commit, Key, Read, Write};
use mfad::time::{Now, Timestamp};
use mfad::token::{Otp, TokenId};

/// The gateway's secret.
pub(crate) const SECRET: &[u8] = b"a shared secret of the benches";

/// Everybody's seed.
pub(crate) const SEED: &[u8] = b"12345678901234567890";

/// How many people there are, and changes in the measured commit.
pub(crate) const PEOPLE: u8 = 64;

pub(crate) fn now() -> Now {
    Now::at(Timestamp(1_790_000_000_000))
}

/// The RADIUS side, and a gateway that never sends the same twice.
pub(crate) struct Door {
    pub(crate) access: Access,
    scratch: Vec<u8>,
    sent: u64,
}

impl Door {
    pub(crate) fn new() -> Self {
        let policy = GatewayPolicy {
            name: Arc::from("vpn1"),
            first_factor: FirstFactorBy::Gateway,
            passcode: PasscodeForm::Otp,
            challenge: false,
            unknown_user: Otherwise::Reject,
            unenrolled: Otherwise::Reject,
            allow_passthrough: false,
            allowed_kinds: None,
            helpful: false,
            show_accept_message: true,
            strip_domain: Vec::new(),
            same_code_grace: Duration::ZERO,
            reject_delay: Duration::from_secs(1),
            reject_on_internal_error: false,
        };
        let gateway = Gateway {
            policy: Arc::new(policy),
            networks: vec!["192.0.2.1".parse().unwrap()],
            secret: KeyedSecret::new(SECRET),
            require_message_authenticator: true,
            attributes: Vec::new(),
        };
        let table = GatewayTable::new(vec![gateway]).unwrap();
        let keys = access::Keys {
            hash: [3; 16],
            pseudonym: SecretKey::new([4; 32]),
        };
        Self {
            access: Access::new(table, Limits::default(), keys),
            scratch: Vec::new(),
            sent: 0,
        }
    }

    pub(crate) fn request(&mut self, name: &str, counter: u64) -> Vec<u8> {
        self.sent += 1;
        let [identifier, ..] = self.sent.to_le_bytes();
        let mut authenticator = [9; 16];
        authenticator
            .split_at_mut(8)
            .0
            .copy_from_slice(&self.sent.to_le_bytes());
        let mut octets = Vec::new();
        let mut request = RequestBuilder::access_request(identifier, &authenticator, &mut octets);
        request.message_authenticator().unwrap();
        request
            .attribute(AttributeType::USER_NAME, name.as_bytes())
            .unwrap();
        let code = Otp::HOTP.code_at(SEED, counter).text();
        request
            .user_password(code.expose().as_bytes(), SECRET)
            .unwrap();
        request
            .attribute(AttributeType::NAS_IDENTIFIER, b"vpn1")
            .unwrap();
        let _ = request.finish(SECRET);
        octets
    }

    pub(crate) fn receive(&mut self, octets: &[u8]) -> (Attempt, Ticket) {
        let peer: SocketAddr = SocketAddr::from(([192, 0, 2, 1], 40_000));
        let action = self
            .access
            .receive(octets, peer, 0, now(), &mut self.scratch);
        let Action::Attempt { attempt, ticket } = action else {
            unreachable!("a fresh request")
        };
        (attempt, ticket)
    }
}

/// A store on disk with as many people as the commit has changes.
pub(crate) struct Store {
    pub(crate) writer: SqliteWriter,
    pub(crate) reader: Arc<dyn Read>,
    pub(crate) people: Vec<UserRecord>,
    pub(crate) folder: tempfile::TempDir,
}

impl Store {
    pub(crate) fn new(keys: &Keys, now: Now) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let site = sqlite::Site {
            path: &folder.path().join("mfad.db"),
            keys,
            node: Arc::from("bench"),
            boot: Arc::from("bench"),
            fence: Fence {
                now,
                window_steps: 1,
            },
            sizes: Sizes::default(),
        };
        let opened = sqlite::open(&site, Mode::Create { nonce: [5; 12] }).unwrap();
        let mut writer = opened.writer;
        let people: Vec<_> = (0..PEOPLE)
            .map(|number| person(keys, UserId([number; 16]), now))
            .collect();
        let arrivals: Vec<Change> = people
            .iter()
            .map(|record| {
                change(
                    record,
                    None,
                    Event::new("user.added"),
                    Origin::system(),
                    now,
                )
            })
            .collect();
        let _ = writer.commit(&arrivals).unwrap();
        Self {
            writer,
            reader: opened.reader,
            people,
            folder,
        }
    }

    /// A sign-in by everybody.
    pub(crate) fn sign_ins(&mut self, attempt: &Attempt, now: Now) -> Vec<Change> {
        let sign_in = |record: &mut UserRecord| {
            let before = record.auth.revision;
            record.auth.revision += 1;
            let id = record.profile.tokens.first().unwrap().id;
            record.auth.token_mut(id).next_factor += 1;
            let event = Event::new("auth.accept").token(id).detail("how", "token");
            let origin = Origin {
                actor: Actor::User,
                source: Some(attempt.source.clone()),
                request: RequestRef::Datagram(attempt.digest),
            };
            change(record, Some(before), event, origin, now)
        };
        self.people.iter_mut().map(sign_in).collect()
    }
}

pub(crate) fn change(
    record: &UserRecord,
    expected: Option<u64>,
    event: Event,
    origin: Origin,
    at: Now,
) -> Change {
    let profile = expected.is_none().then(|| Arc::clone(&record.profile));
    let body = Some(Body::User {
        profile,
        auth: record.auth.clone(),
    });
    let events = vec![event.user(record.id, record.name())];
    Change {
        writes: vec![Write {
            key: Key::User(record.id),
            expected,
            body,
        }],
        origin,
        events,
        at,
    }
}

pub(crate) fn person(keys: &Keys, id: UserId, now: Now) -> UserRecord {
    let [number, ..] = id.0;
    let token = TokenId::from_random([0, 0, 0, number >> 5, number]);
    let token = Token {
        id: token,
        kind: TokenKind::Hotp,
        base: Base::Registered,
        otp: Some(Otp::HOTP),
        seed: Some(keys.seal(Field::Seed(id, token), SEED, [6; 12]).unwrap()),
        recovery: Vec::new(),
        questions: None,
        description: String::new(),
        serial: None,
        weak: false,
        created: now.wall,
        created_by: "bench".to_owned(),
        registered_at: Some(now.wall),
        disabled_from: None,
        disabled_until: None,
        obsolete_reason: None,
        expires: None,
        last_tested: None,
        delivery: None,
        updated: now.wall,
        extra: serde_json::Map::new(),
    };
    let profile = Profile {
        name: format!("person{number}"),
        state: UserState::Steady,
        tokens: vec![token],
        ..Profile::default()
    };
    let auth = AuthState {
        revision: 1,
        ..AuthState::default()
    };
    UserRecord {
        id,
        profile: Arc::new(profile),
        auth,
    }
}
