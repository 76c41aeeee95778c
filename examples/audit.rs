//! Measures an audit log of a million sign-ins: what each leaves, how fast all is verified, and what
//! one person's history costs.
//!
//! ```text
//! cargo run --release --example audit -- [SIGN-INS [FOLDER]]
//! ```
//! The store is made in a folder below FOLDER (the target folder if not stated) by the store's own
//! writer, as the daemon makes it: batches of 64 sign-ins by people in random order, each with its
//! record. Then the records are read and verified as `mfactl audit verify` does, beside nothing but
//! SHA-256 over the same octets in memory. The figures of one run belong together; they are records
//! in a second of one core (time on the processor), so that they hold on a busy machine too.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "without its world there is nothing to measure, and measuring needs a clock"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mfad::audit::chain::link;
use mfad::audit::verify::{Plan, Start, Verifier};
use mfad::domain::event::{Actor, Event, Origin, RequestRef, Source};
use mfad::domain::sealed::Sealed;
use mfad::domain::token_record::{Base, Token, TokenKind};
use mfad::domain::user::{AuthState, Profile, UserId, UserRecord, UserState};
use mfad::secret::SecretKey;
use mfad::store::seal::Keys;
use mfad::store::sqlite::{self, Fence, Mode, Opened, Sizes};
use mfad::store::{AuditFilter, Body, Change, Commit, Key, Read, StoredAudit, Write};
use mfad::time::{Now, Timestamp};
use mfad::token::{Otp, TokenId};
use nix::time::{ClockId, clock_gettime};
use smol_str::SmolStr;

/// People who sign in.
const PEOPLE: u32 = 10_000;

/// Sign-ins of a commit.
const BATCH: usize = 64;

/// Records read at a time, as `audit verify` does.
const CHUNK: usize = 2_000;

const NODE: &str = "mfa1";

fn main() {
    let mut arguments = std::env::args().skip(1);
    let sign_ins = arguments
        .next()
        .map_or(1_000_000, |text| text.parse().unwrap());
    let place = arguments.next().map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target"),
        PathBuf::from,
    );
    let folder = tempfile::tempdir_in(place).unwrap();
    let path = folder.path().join("mfad.db");
    let mut store = fill(&path, sign_ins);
    verify_all(&store);
    println!("without the index of the last records:");
    history(&store);
    let (file, written) = (octets(&path), octets_written());
    settle(&mut store);
    let records = store.reader.last_seq().unwrap();
    let grown = (octets(&path) - file) / records;
    let written = (octets_written() - written) / records;
    println!("with it ({grown} octets of the file each, {written} written):");
    history(&store);
}

fn fill(path: &Path, sign_ins: usize) -> Opened {
    let keys = Keys::derive(&SecretKey::new([1; 32])).unwrap();
    let site = sqlite::Site {
        path,
        keys: &keys,
        node: Arc::from(NODE),
        boot: Arc::from("0123456789abcdef"),
        fence: Fence {
            now: at(0),
            window_steps: 1,
        },
        sizes: Sizes::default(),
    };
    let mut store = sqlite::open(&site, Mode::Create { nonce: [5; 12] }).unwrap();
    let mut people: Vec<UserRecord> = (0..PEOPLE).map(person).collect();
    for part in people.chunks(1_000) {
        let added: Vec<Change> = part.iter().map(added).collect();
        let _ = store.writer.commit(&added).unwrap();
    }
    settle(&mut store);
    let (file, written) = (octets(path), octets_written());
    let (mut seed, began) = (7_usize, Instant::now());
    for second in 0..sign_ins.div_ceil(BATCH) {
        let mut who = |_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % people.len()
        };
        let mut who: Vec<usize> = (0..BATCH).map(&mut who).collect();
        who.sort_unstable();
        who.dedup();
        let now = at(second as u64);
        let sign_ins = who.into_iter().map(|who| sign_in(&mut people[who], now));
        let batch: Vec<Change> = sign_ins.collect();
        let _ = store.writer.commit(&batch).unwrap();
        store.writer.idle(now).unwrap();
    }
    let took = began.elapsed();
    let records = store.reader.last_seq().unwrap() - u64::from(PEOPLE) - 1;
    let each = |octets: u64| octets / records;
    println!("{records} sign-ins of {PEOPLE} people in {took:.1?}");
    println!(
        "  the file has grown by {} octets each",
        each(octets(path) - file)
    );
    let written = octets_written() - written;
    println!("  {} octets were written each, log and file", each(written));
    store
}

/// Lets the store move its log and whatever else it does when nothing happens.
fn settle(store: &mut Opened) {
    let mut now = at(100_000_000);
    loop {
        now = now.after(Duration::from_secs(6));
        store.writer.idle(now).unwrap();
        if !store.writer.has_work() {
            break;
        }
    }
}

fn verify_all(store: &Opened) {
    let (mut records, mut body) = (0_u64, 0_usize);
    let mut verifier = Verifier::new(&Plan {
        node: NODE,
        start: Start::CHAIN,
        checkpoints: &[],
        keys: &[],
    });
    let began = cpu();
    for page in pages(store) {
        for record in &page {
            verifier.feed(record);
            records += 1;
            body += record.body.len();
        }
    }
    let report = verifier.finish();
    let took = cpu() - began;
    assert!(report.whole());
    println!("a record has {} octets", body as u64 / records);
    speed("read and verified", records, took);

    let mut took = [Duration::ZERO; 3];
    let (mut hash, mut alone) = (
        [0; 32],
        Verifier::new(&Plan {
            node: NODE,
            start: Start::CHAIN,
            checkpoints: &[],
            keys: &[],
        }),
    );
    let mut source = pages(store);
    loop {
        let began = cpu();
        let Some(page) = source.next() else { break };
        let read = cpu();
        for record in &page {
            hash = link(&hash, &record.body);
        }
        let hashed = cpu();
        page.iter().for_each(|record| alone.feed(record));
        for (sum, part) in took
            .iter_mut()
            .zip([read - began, hashed - read, cpu() - hashed])
        {
            *sum += part;
        }
    }
    assert_eq!(hash, report.head);
    for (what, took) in ["read alone", "SHA-256 alone", "verified alone"]
        .iter()
        .zip(took)
    {
        speed(what, records, took);
    }
}

fn pages(store: &Opened) -> impl Iterator<Item = Vec<StoredAudit>> {
    let mut filter = AuditFilter::default();
    std::iter::from_fn(move || {
        let page = store.reader.audit(&filter, CHUNK).unwrap();
        filter.after_seq = page.last()?.seq;
        Some(page)
    })
}

/// The last records of one person, and all of them.
fn history(store: &Opened) {
    let user = Some(id(77));
    let last = AuditFilter {
        user,
        newest_first: true,
        ..AuditFilter::default()
    };
    for (what, limit) in ["the last 10 of one person", "all of one person"]
        .iter()
        .zip([10, 100_000])
    {
        let began = Instant::now();
        let found = store.reader.audit(&last, limit).unwrap();
        println!("{what}: {} records in {:.1?}", found.len(), began.elapsed());
    }
}

fn speed(what: &str, records: u64, took: Duration) {
    println!(
        "{what}: {:.0} records/s",
        records as f64 / took.as_secs_f64()
    );
}

/// Time of this thread on the processor.
fn cpu() -> Duration {
    let spent = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap();
    spent.into()
}

fn octets(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().len()
}

/// What this process has handed to the system to write.
fn octets_written() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap();
    let line = io.lines().find_map(|line| line.strip_prefix("wchar: "));
    line.unwrap().parse().unwrap()
}

fn at(second: u64) -> Now {
    Now::at(Timestamp(1_790_000_000_000)).after(Duration::from_secs(second))
}

fn id(number: u32) -> UserId {
    let mut id = [7; 16];
    id.split_at_mut(4).0.copy_from_slice(&number.to_be_bytes());
    UserId(id)
}

fn person(number: u32) -> UserRecord {
    let sign = |shift: u32| u8::try_from(number >> shift & 31).unwrap();
    let token = Token {
        id: TokenId::from_random([sign(20), sign(15), sign(10), sign(5), sign(0)]),
        kind: TokenKind::Hotp,
        base: Base::Registered,
        otp: Some(Otp::HOTP),
        seed: Some(Sealed {
            v: 1,
            data: vec![6; 48],
        }),
        recovery: Vec::new(),
        questions: None,
        description: String::new(),
        serial: None,
        weak: false,
        created: at(0).wall,
        created_by: "bench".to_owned(),
        registered_at: Some(at(0).wall),
        disabled_from: None,
        disabled_until: None,
        obsolete_reason: None,
        expires: None,
        last_tested: None,
        delivery: None,
        updated: at(0).wall,
        extra: serde_json::Map::new(),
    };
    UserRecord {
        id: id(number),
        profile: Arc::new(Profile {
            name: format!("person{number:05}"),
            state: UserState::Steady,
            tokens: vec![token],
            ..Profile::default()
        }),
        auth: AuthState {
            revision: 1,
            ..AuthState::default()
        },
    }
}

fn added(record: &UserRecord) -> Change {
    change(
        record,
        None,
        Event::new("user.added"),
        Origin::system(),
        at(0),
    )
}

/// As the rules make it of an Accept.
fn sign_in(record: &mut UserRecord, now: Now) -> Change {
    let before = record.auth.revision;
    record.auth.revision += 1;
    let token = record.profile.tokens.first().unwrap().id;
    record.auth.token_mut(token).next_factor += 1;
    let event = Event::new("auth.accept")
        .token(token)
        .detail("how", "token");
    let mut digest = [0; 32];
    digest
        .split_at_mut(8)
        .0
        .copy_from_slice(&before.to_be_bytes());
    let origin = Origin {
        actor: Actor::User,
        source: Some(Source {
            gateway: Arc::from("vpn1"),
            address: "192.0.2.10:41022".parse().unwrap(),
            station: SmolStr::from("203.0.113.77"),
            nas: SmolStr::from("asa-berlin"),
        }),
        request: RequestRef::Datagram(digest),
    };
    change(record, Some(before), event, origin, now)
}

fn change(
    record: &UserRecord,
    expected: Option<u64>,
    event: Event,
    origin: Origin,
    at: Now,
) -> Change {
    let profile = expected.is_none().then(|| Arc::clone(&record.profile));
    Change {
        writes: vec![Write {
            key: Key::User(record.id),
            expected,
            body: Some(Body::User {
                profile,
                auth: record.auth.clone(),
            }),
        }],
        origin,
        events: vec![event.user(record.id, record.name())],
        at,
    }
}
