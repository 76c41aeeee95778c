//! What the script has told, and after how many calls of the disk.
//!
//! A state of the store is known by the number and the hash of its last audit record. What is
//! acknowledged at a call is the last state that was told by then; any state of the list from there
//! on may be found after a power cut, and nothing that is not in the list.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::path::Path;

use mfad::time::{Now, Timestamp};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use crate::common::disk::Disk;

/// Writes down what is told.
pub(crate) struct Scribe {
    file: File,
    disk: Disk,
}

/// A state of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    /// Number of the last audit record.
    pub(crate) seq: u64,
    /// Its hash, in hexadecimal.
    pub(crate) hash: String,
    /// Stands for every row of every table.
    pub(crate) rows: u64,
}

/// Something that was told after so many calls.
pub(crate) struct Fact<T> {
    pub(crate) call: u64,
    pub(crate) what: T,
}

/// A code that has let somebody in.
pub(crate) struct Used {
    pub(crate) user: String,
    pub(crate) code: String,
    pub(crate) at: Timestamp,
}

/// A backup that was said to be done.
pub(crate) struct Backup {
    pub(crate) name: String,
    pub(crate) seq: u64,
}

/// All that was told.
#[derive(Default)]
pub(crate) struct Facts {
    pub(crate) states: Vec<Fact<Picture>>,
    pub(crate) used: Vec<Fact<Used>>,
    pub(crate) backups: Vec<Fact<Backup>>,
    /// The time after so many calls.
    pub(crate) times: Vec<Fact<Timestamp>>,
    /// When a restore began and when it was done.
    pub(crate) restore: Option<(u64, u64)>,
}

/// The tables, and what makes a text of each row. Facts of the store about itself are not among them.
const TABLES: [(&str, &str); 5] = [
    (
        "users",
        "quote(id) || quote(uid) || name || state || quote(grant_until) || search || sum
         || quote(profile)",
    ),
    ("tokens", "id || quote(serial) || user"),
    ("hardware", "serial || sum || quote(body)"),
    ("former", "quote(uid) || id"),
    (
        "audit",
        "seq || at || quote(user) || quote(hash) || quote(body)",
    ),
];

impl Picture {
    /// Looks at everything that is stored, past the store's own code.
    pub(crate) fn of(path: &Path) -> Result<Self, rusqlite::Error> {
        let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut hasher = DefaultHasher::new();
        for (table, text) in TABLES {
            let sql = format!("SELECT ifnull(group_concat({text}), '') FROM {table}");
            let rows: String = conn.query_row(&sql, [], |row| row.get(0))?;
            rows.hash(&mut hasher);
        }
        auth_states(&conn)?.hash(&mut hasher);
        let last = "SELECT seq, lower(hex(hash)) FROM audit ORDER BY seq DESC LIMIT 1";
        conn.query_row(last, [], |row| {
            Ok(Self {
                seq: row.get::<_, i64>(0)?.cast_unsigned(),
                hash: row.get(1)?,
                rows: hasher.finish(),
            })
        })
    }
}

/// Revision, lock and octets of everybody's auth state: what the table has, or what a batch of
/// sign-ins has that is newer. Those who sign in are not locked.
type AuthStates = BTreeMap<u64, (u64, i64, Vec<u8>)>;

fn auth_states(conn: &Connection) -> Result<AuthStates, rusqlite::Error> {
    let mut table = conn.prepare("SELECT id, revision, locked, body FROM auth")?;
    let number = |value: i64| value.cast_unsigned();
    let mut states = table
        .query_map([], |row| {
            let state = (number(row.get(1)?), row.get(2)?, row.get(3)?);
            Ok((number(row.get(0)?), state))
        })?
        .collect::<Result<AuthStates, _>>()?;
    let mut batches = conn.prepare("SELECT rows FROM redo ORDER BY batch")?;
    for batch in batches.query_map([], |row| row.get::<_, Vec<u8>>(0))? {
        let batch = batch?;
        // Between the version and the checksum.
        let mut rest = &batch[1..batch.len() - 4];
        while !rest.is_empty() {
            let (id, revision) = (varint(&mut rest), varint(&mut rest));
            let length = usize::try_from(varint(&mut rest)).unwrap();
            let (body, after) = rest.split_at(length);
            rest = after;
            if let Some(state) = states.get_mut(&id).filter(|state| state.0 < revision) {
                *state = (revision, 0, body.to_vec());
            }
        }
    }
    Ok(states)
}

fn varint(octets: &mut &[u8]) -> u64 {
    let length = 1 + octets.iter().position(|octet| *octet < 0x80).unwrap();
    let (number, rest) = octets.split_at(length);
    *octets = rest;
    let low_first = number.iter().rev();
    low_first.fold(0, |sum, octet| sum << 7 | u64::from(octet & 0x7f))
}

impl Scribe {
    pub(crate) fn new(disk: Disk) -> Self {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(disk.beside("facts"))
            .unwrap();
        Self { file, disk }
    }

    fn write(&mut self, mut fact: Value) {
        fact["call"] = json!(self.disk.calls());
        writeln!(self.file, "{fact}").unwrap();
    }

    /// What is stored now.
    pub(crate) fn state(&mut self, path: &Path, now: Now) {
        let Picture { seq, hash, rows } = Picture::of(path).unwrap();
        self.write(json!({"time": now.wall.0}));
        self.write(json!({"seq": seq, "hash": hash, "rows": rows}));
    }

    pub(crate) fn used(&mut self, user: &str, code: &str, now: Now) {
        self.write(json!({"user": user, "code": code, "at": now.wall.0}));
    }

    pub(crate) fn backup(&mut self, name: &str, seq: u64) {
        self.write(json!({"backup": name, "seq": seq}));
    }

    pub(crate) fn restore(&mut self, step: &str) {
        self.write(json!({"restore": step}));
    }
}

impl Facts {
    pub(crate) fn read(path: &Path) -> Self {
        let mut facts = Self::default();
        let mut begun = 0;
        for line in fs::read_to_string(path).unwrap().lines() {
            let fact: Value = serde_json::from_str(line).unwrap();
            let call = fact["call"].as_u64().unwrap();
            let text = |name: &str| fact[name].as_str().map(str::to_owned);
            let number = |name: &str| fact[name].as_u64();
            let time = |name: &str| fact[name].as_i64().map(Timestamp);
            if let Some(what) = time("time") {
                facts.times.push(Fact { call, what });
            } else if let Some(user) = text("user") {
                let (code, at) = (text("code").unwrap(), time("at").unwrap());
                let what = Used { user, code, at };
                facts.used.push(Fact { call, what });
            } else if let Some(name) = text("backup") {
                let seq = number("seq").unwrap();
                let what = Backup { name, seq };
                facts.backups.push(Fact { call, what });
            } else if let Some(hash) = text("hash") {
                let (seq, rows) = (number("seq").unwrap(), number("rows").unwrap());
                let what = Picture { seq, hash, rows };
                if facts.states.last().is_none_or(|last| last.what != what) {
                    facts.states.push(Fact { call, what });
                }
            } else if text("restore").as_deref() == Some("begins") {
                begun = call;
            } else {
                facts.restore = Some((begun, call));
            }
        }
        facts
    }

    /// How many states had been told by that call.
    pub(crate) fn states_told(&self, call: u64) -> usize {
        told(&self.states, call).len()
    }

    /// The time at that call, or a little before.
    pub(crate) fn time(&self, call: u64) -> Option<Timestamp> {
        told(&self.times, call).last().map(|fact| fact.what)
    }
}

/// What had been told by that call.
pub(crate) fn told<T>(facts: &[Fact<T>], call: u64) -> &[Fact<T>] {
    &facts[..facts.partition_point(|fact| fact.call <= call)]
}
