//! What each stage of a sign-in costs by itself: the parts of what `examples/load` sees as a whole.
//!
//! ```text
//! cargo bench --bench stages
//! ```
//! One person with an HOTP token and a gateway that asks for the code alone. The commit goes to a
//! real file below the target folder; divide it by the changes in it. No sockets, no threads: what
//! the kernel and the hand-overs cost is the difference to the whole.

#![expect(
    clippy::unwrap_used,
    reason = "without its world there is nothing to measure"
)]

use std::cell::RefCell;
use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion};
use mfad::access::{self, Access, Action, Gateway, GatewayTable, Limits, Ticket};
use mfad::domain::attempt::Attempt;
use mfad::domain::event::{Actor, Event, Origin, RequestRef};
use mfad::domain::judge::{Evidence, FirstFactor, judge};
use mfad::domain::policy::{FirstFactorBy, GatewayPolicy, Otherwise, PasscodeForm, Policy};
use mfad::domain::sealed::{Field, Unseal};
use mfad::domain::token_record::{Base, Token, TokenKind};
use mfad::domain::user::{AuthState, Profile, UserId, UserRecord, UserState};
use mfad::domain::verdict::{How, Verdict};
use mfad::domain::verify::{Admission, admit, verify};
use mfad::radius::{AttributeType, RequestBuilder};
use mfad::secret::{SecretBytes, SecretKey};
use mfad::store::seal::Keys;
use mfad::store::sqlite::{self, Fence, Mode, Sizes, SqliteWriter};
use mfad::store::{Body, Change, Commit, Key, Outcome, Write};
use mfad::time::{Now, Timestamp};
use mfad::token::{Otp, TokenId};

const SECRET: &[u8] = b"a shared secret of the benches";
const SEED: &[u8] = b"12345678901234567890";
const PERSON: UserId = UserId([7; 16]);

/// Changes in the measured commit.
const COMMIT_CHANGES: u8 = 64;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let (keys, now) = (Keys::derive(&SecretKey::new([1; 32])).unwrap(), now());
    let policy = Policy::default();
    let door = RefCell::new(Door::new());
    criterion.bench_function("receive: decode, check, read", |bench| {
        let fresh = || door.borrow_mut().request();
        let receive = |octets: Vec<u8>| {
            let (_, ticket) = door.borrow_mut().receive(&octets);
            door.borrow_mut().access.abandon(ticket)
        };
        bench.iter_batched(fresh, receive, BatchSize::SmallInput);
    });
    let octets = door.borrow_mut().request();
    let (attempt, _) = door.borrow_mut().receive(&octets);
    let record = person(&keys, PERSON, now);
    criterion.bench_function("seal: open a seed", |bench| {
        let token = record.profile.tokens.first().unwrap();
        let (field, seed) = (Field::Seed(PERSON, token.id), token.seed.as_ref().unwrap());
        bench.iter(|| keys.open(black_box(field), seed).is_some());
    });
    criterion.bench_function("admit and verify", |bench| {
        bench.iter(|| {
            assert_eq!(admit(Some(&record), &attempt, now), Admission::Open);
            verify(black_box(&record), &attempt, &policy, &keys, now)
        });
    });
    let finding = verify(&record, &attempt, &policy, &keys, now);
    let evidence = Evidence {
        finding,
        first: FirstFactor::NotAsked,
        repeated: false,
    };
    criterion.bench_function("judge", |bench| {
        bench.iter(|| judge(black_box(&record), &attempt, &evidence, &policy, now));
    });
    criterion.bench_function("reply: build, sign, keep", |bench| {
        let opened = || {
            let octets = door.borrow_mut().request();
            door.borrow_mut().receive(&octets).1
        };
        let verdict = Verdict::Accept {
            how: How::PolicyPassthrough,
            message: None,
        };
        let answer = |ticket: Ticket| door.borrow_mut().access.answer(ticket, &verdict, now);
        // Fewer at a time than there are identifiers: a further request would void the first.
        bench.iter_batched(opened, answer, BatchSize::NumIterations(128));
    });
    let mut store = Store::new(&keys, now);
    criterion.bench_function("commit of 64", |bench| {
        let turn = RefCell::new(&mut store);
        let changes = || turn.borrow_mut().sign_ins(&attempt, now);
        let commit = |changes: Vec<Change>| {
            let outcomes = turn.borrow_mut().writer.commit(&changes).unwrap();
            assert!(!outcomes.contains(&Outcome::Conflict));
        };
        bench.iter_batched(changes, commit, BatchSize::PerIteration);
    });
    criterion.final_summary();
}

fn now() -> Now {
    Now::at(Timestamp(1_790_000_000_000))
}

/// The RADIUS side, and a gateway that never sends the same twice.
struct Door {
    access: Access,
    scratch: Vec<u8>,
    sent: u64,
}

impl Door {
    fn new() -> Self {
        let policy = GatewayPolicy {
            name: Arc::from("vpn1"),
            first_factor: FirstFactorBy::Gateway,
            passcode: PasscodeForm::Otp,
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
            secret: Arc::new(SecretBytes::copy_of(SECRET)),
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

    fn request(&mut self) -> Vec<u8> {
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
            .attribute(AttributeType::USER_NAME, b"person")
            .unwrap();
        let code = Otp::HOTP.code_at(SEED, 0).text();
        request
            .user_password(code.expose().as_bytes(), SECRET)
            .unwrap();
        request
            .attribute(AttributeType::NAS_IDENTIFIER, b"vpn1")
            .unwrap();
        let _ = request.finish(SECRET);
        octets
    }

    fn receive(&mut self, octets: &[u8]) -> (Attempt, Ticket) {
        let peer: SocketAddr = SocketAddr::from(([192, 0, 2, 1], 40_000));
        let action = self
            .access
            .receive(octets, peer, 0, now(), &mut self.scratch);
        let Action::Attempt { attempt, ticket } = action else {
            unreachable!("a fresh request")
        };
        (*attempt, ticket)
    }
}

/// A store on disk with as many people as the commit has changes.
struct Store {
    writer: SqliteWriter,
    people: Vec<UserRecord>,
    _folder: tempfile::TempDir,
}

impl Store {
    fn new(keys: &Keys, now: Now) -> Self {
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
        let mut writer = sqlite::open(&site, Mode::Create { nonce: [5; 12] })
            .unwrap()
            .writer;
        let people: Vec<_> = (0..COMMIT_CHANGES)
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
            people,
            _folder: folder,
        }
    }

    /// A sign-in by everybody.
    fn sign_ins(&mut self, attempt: &Attempt, now: Now) -> Vec<Change> {
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

fn change(
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

fn person(keys: &Keys, id: UserId, now: Now) -> UserRecord {
    let [number, ..] = id.0;
    let token = TokenId::from_random([0, 0, 0, number >> 5, number]);
    let token = Token {
        id: token,
        kind: TokenKind::Hotp,
        base: Base::Registered,
        otp: Some(Otp::HOTP),
        seed: Some(keys.seal(Field::Seed(id, token), SEED, [6; 12]).unwrap()),
        recovery: Vec::new(),
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
