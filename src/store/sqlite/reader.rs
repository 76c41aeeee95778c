//! The reading side: a few read-only connections.
//!
//! ```text
//! fast   one record or one fact       sign-ins, commands, the watchdog's probe
//! slow   a walk over many records     searches, counts, the audit log
//! ```
//! A person is read with what [`Recent`] has of them; everything else is one statement, and so one
//! state. A walk never takes a fast connection, so whatever operators ask for, the next sign-in
//! finds one that is free within microseconds. Checks and backups of the whole file bring a
//! connection of their own.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Params, params, params_from_iter};

use super::error::{failed, shown};
use super::redo::{self, Asked, Newer, Recent};
use super::rows::{PIN_BLOCKED, USER_COLUMNS, hardware_of, state_column, user_of};
use super::{audit_read, connect, meta, outbox};
use crate::domain::message::Message;
use crate::domain::token_record::HardwareToken;
use crate::domain::user::{UserId, UserRecord, UserState};
use crate::store::{
    AUDIT_WALK_RECORDS_MAX, AuditFilter, AuditPage, Counts, Find, Read, StoreError,
};
use crate::time::Timestamp;

/// How often people are looked for while somebody among them is deleted.
const TRIES_MAX: u32 = 8;

/// Reads the store from any thread; a call waits only if all connections of its pool are in use.
pub struct SqliteReader {
    pub(super) path: PathBuf,
    pub(super) shown: String,
    fast: Pool,
    slow: Pool,
    recent: Arc<Recent>,
}

impl SqliteReader {
    pub(super) fn open(
        path: &Path,
        readers: usize,
        walkers: usize,
        recent: Arc<Recent>,
    ) -> Result<Self, StoreError> {
        let reader = Self {
            path: path.to_owned(),
            shown: shown(path),
            fast: Pool::open(path, readers)?,
            slow: Pool::open(path, walkers)?,
            recent,
        };
        reader.probe()?;
        Ok(reader)
    }

    /// Reads the whole file and proves that its structure is sound; takes seconds for gigabytes.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], or what the system said.
    pub fn quick_check(&self) -> Result<(), StoreError> {
        connect::quick_check(&connect::reader(&self.path)?, &self.shown)
    }

    fn failed(&self, error: &rusqlite::Error) -> StoreError {
        failed("reading", &self.shown, error)
    }

    /// Who fulfils the condition on `users u`, in its order. Each person is as they were at some
    /// moment of the call.
    fn users(
        &self,
        pool: &Pool,
        condition: &str,
        params: impl Params + Clone,
    ) -> Result<Vec<UserRecord>, StoreError> {
        let conn = pool.conn();
        for _ in 0..TRIES_MAX {
            let rowids = self.rowids(&conn, condition, params.clone())?;
            // In this order: what is not in memory any more is in the table by now, and no state in
            // memory is newer than the profile that is read beside it.
            let newer = self.recent.of_all(&rowids);
            let users = self.users_of(&conn, &rowids, &newer)?;
            // Somebody was deleted in between: a page that is short would be taken for the last.
            if users.len() == rowids.len() {
                return Ok(users);
            }
        }
        Err(StoreError::Corrupt {
            what: self.shown.clone(),
            detail: "a user has no auth state".to_owned(),
        })
    }

    fn rowids(
        &self,
        conn: &Connection,
        condition: &str,
        params: impl Params,
    ) -> Result<Vec<i64>, StoreError> {
        conn.prepare_cached(&format!("SELECT u.id FROM users u WHERE {condition}"))
            .and_then(|mut read| read.query_map(params, |row| row.get(0))?.collect())
            .map_err(|error| self.failed(&error))
    }

    /// Those of the people who are there, in one state of the store.
    fn users_of(
        &self,
        conn: &Connection,
        rowids: &[i64],
        newer: &HashMap<i64, Newer>,
    ) -> Result<Vec<UserRecord>, StoreError> {
        let io = |error: rusqlite::Error| self.failed(&error);
        let sql = format!(
            "SELECT {USER_COLUMNS} FROM users u JOIN auth a ON a.id = u.id WHERE u.id = ?1"
        );
        let state = conn.unchecked_transaction().map_err(io)?;
        let mut read = state.prepare_cached(&sql).map_err(io)?;
        let mut users = Vec::with_capacity(rowids.len());
        for rowid in rowids {
            let mut rows = read.query([rowid]).map_err(io)?;
            if let Some(row) = rows.next().map_err(io)? {
                users.push(user_of(row, newer.get(rowid), &self.shown)?);
            }
        }
        Ok(users)
    }

    fn hardware_where(
        &self,
        pool: &Pool,
        condition: &str,
        params: impl Params,
    ) -> Result<Vec<HardwareToken>, StoreError> {
        let sql = format!("SELECT serial, sum, body FROM hardware WHERE {condition}");
        let conn = pool.conn();
        let mut read = conn.prepare_cached(&sql).map_err(|e| self.failed(&e))?;
        let mut rows = read.query(params).map_err(|error| self.failed(&error))?;
        let mut tokens = Vec::new();
        while let Some(row) = rows.next().map_err(|error| self.failed(&error))? {
            tokens.push(hardware_of(row, &self.shown)?);
        }
        Ok(tokens)
    }

    /// Refuses somebody else than was asked for: what a damaged index leads to.
    fn expected(
        &self,
        found: Option<UserRecord>,
        is_meant: impl Fn(&UserRecord) -> bool,
    ) -> Result<Option<UserRecord>, StoreError> {
        if found.as_ref().is_none_or(is_meant) {
            return Ok(found);
        }
        Err(StoreError::Corrupt {
            what: self.shown.clone(),
            detail: "an index leads to another user".to_owned(),
        })
    }

    /// Pairs of a small number and a count.
    fn tally(&self, sql: &str) -> Result<Vec<(i64, u64)>, StoreError> {
        let conn = self.slow.conn();
        let mut read = conn.prepare_cached(sql).map_err(|e| self.failed(&e))?;
        let rows = read
            .query_map([], |row| {
                Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned()))
            })
            .and_then(Iterator::collect);
        rows.map_err(|error| self.failed(&error))
    }
}

impl Read for SqliteReader {
    fn user_by_name(&self, name: &str) -> Result<Option<UserRecord>, StoreError> {
        let found = self.users(&self.fast, "u.name = ?1", [name])?.pop();
        self.expected(found, |user| user.name() == name)
    }

    fn user(&self, id: UserId) -> Result<Option<UserRecord>, StoreError> {
        let found = self.users(&self.fast, "u.uid = ?1", [id.0])?.pop();
        self.expected(found, |user| user.id == id)
    }

    fn user_by_token(&self, id_or_serial: &str) -> Result<Option<UserRecord>, StoreError> {
        let owner = "u.id IN (SELECT user FROM tokens WHERE id = ?1 OR serial = ?1)";
        Ok(self.users(&self.fast, owner, [id_or_serial])?.pop())
    }

    fn hardware(&self, serial: &str) -> Result<Option<HardwareToken>, StoreError> {
        Ok(self
            .hardware_where(&self.fast, "serial = ?1", [serial])?
            .pop())
    }

    fn hardware_list(&self, cursor: &str, limit: usize) -> Result<Vec<HardwareToken>, StoreError> {
        self.hardware_where(
            &self.slow,
            "serial > ?1 ORDER BY serial LIMIT ?2",
            params![cursor, sql_limit(limit)],
        )
    }

    fn outbox(&self, limit: usize) -> Result<Vec<Message>, StoreError> {
        let answers = |thread: &str| thread.starts_with("radius-");
        debug_assert!(
            !std::thread::current().name().is_some_and(answers),
            "messages wait for nobody who signs in, and nobody who signs in for messages"
        );
        outbox::first(&self.slow.conn(), &self.shown, limit)
    }

    fn find(
        &self,
        filter: &Find,
        cursor: &str,
        limit: usize,
    ) -> Result<Vec<UserRecord>, StoreError> {
        let (condition, values) = find_condition(filter, cursor, limit);
        self.users(&self.slow, &condition, params_from_iter(&values))
    }

    fn asked(&self, now: Timestamp) -> Result<Vec<String>, StoreError> {
        // Before the tables are looked at: what is not in memory any more is there by then.
        let newer = self.recent.asked(now);
        let recent = newer.iter().filter(|(_, asked)| asked.questions > 0);
        let recent: Vec<i64> = recent.map(|(rowid, _)| *rowid).collect();
        let sql = "SELECT name FROM users WHERE id IN (SELECT id FROM auth WHERE asked_until > ?1
             UNION SELECT value FROM json_each(?2)) ORDER BY name";
        let conn = self.slow.conn();
        conn.prepare_cached(sql)
            .and_then(|mut read| {
                let params = params![now.0, format!("{recent:?}")];
                read.query_map(params, |row| row.get(0))?.collect()
            })
            .map_err(|error| self.failed(&error))
    }

    fn questions(&self, now: Timestamp) -> Result<usize, StoreError> {
        // In this order, as in `asked`.
        let newer = self.recent.asked(now);
        let conn = self.slow.conn();
        questions(&conn, &newer, now).map_err(|error| self.failed(&error))
    }

    fn counts(&self) -> Result<Counts, StoreError> {
        let mut counts = Counts::default();
        for (state, users) in self.tally("SELECT state, count(*) FROM users GROUP BY state")? {
            let place = usize::try_from(state).ok();
            if let Some(place) = place.and_then(|at| counts.by_state.get_mut(at)) {
                *place = users;
            }
            counts.users += users;
            if state != state_column(UserState::Deactivated) {
                counts.seats += users;
            }
        }
        let locked = "SELECT locked, count(*) FROM auth WHERE locked <> 0 GROUP BY locked";
        for (reason, users) in self.tally(locked)? {
            counts.locked += users;
            if reason == PIN_BLOCKED {
                counts.pin_blocked += users;
            }
        }
        counts.octets = super::octets(&self.path);
        Ok(counts)
    }

    fn audit_walk(&self, filter: &AuditFilter, limit: usize) -> Result<AuditPage, StoreError> {
        audit_read::page(
            &self.slow.conn(),
            &self.shown,
            filter,
            limit,
            AUDIT_WALK_RECORDS_MAX,
        )
    }

    fn last_seq(&self) -> Result<u64, StoreError> {
        Ok(meta::chain_end(&self.fast.conn(), &self.shown)?.0)
    }

    fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        meta::read(&self.fast.conn(), &self.shown, name)
    }

    fn probe(&self) -> Result<(), StoreError> {
        match self.meta(meta::CANARY)? {
            Some(_) => Ok(()),
            None => Err(super::system("reading", &self.shown, "there is no canary")),
        }
    }
}

/// Connections for calls of one kind; at least one.
struct Pool {
    first: Mutex<Connection>,
    others: Vec<Mutex<Connection>>,
    next: AtomicUsize,
}

impl Pool {
    fn open(path: &Path, count: usize) -> Result<Self, StoreError> {
        let open = || connect::reader(path).map(Mutex::new);
        Ok(Self {
            first: open()?,
            others: (1..count).map(|_| open()).collect::<Result<_, _>>()?,
            next: AtomicUsize::new(0),
        })
    }

    /// A free connection, or the next one.
    fn conn(&self) -> MutexGuard<'_, Connection> {
        let places = 1 + self.others.len();
        let start = self.next.fetch_add(1, Ordering::Relaxed) % places;
        let all = || std::iter::once(&self.first).chain(&self.others);
        for place in all().cycle().skip(start).take(places) {
            match place.try_lock() {
                Ok(conn) => return conn,
                // Nobody leaves a connection half changed: it can only read.
                Err(TryLockError::Poisoned(conn)) => return conn.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        let place = all().nth(start).unwrap_or(&self.first);
        place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Of two states of a person the newer one counts.
fn questions(
    conn: &Connection,
    newer: &HashMap<i64, Asked>,
    now: Timestamp,
) -> rusqlite::Result<usize> {
    let mut count = 0;
    let state = conn.unchecked_transaction()?;
    let mut read =
        state.prepare_cached("SELECT id, revision, body FROM auth WHERE asked_until > ?1")?;
    let mut rows = read.query([now.0])?;
    while let Some(row) = rows.next()? {
        let newer = newer.get(&row.get(0)?);
        let revision = row.get::<_, i64>(1)?.cast_unsigned();
        if newer.is_none_or(|newer| newer.revision <= revision) {
            count += redo::questions(row.get_ref(2)?.as_blob().unwrap_or_default(), now);
        }
    }
    let mut read = state.prepare_cached("SELECT revision FROM auth WHERE id = ?1")?;
    for (rowid, asked) in newer.iter().filter(|(_, asked)| asked.questions > 0) {
        let revision: Option<i64> = read.query_row([rowid], |row| row.get(0)).optional()?;
        if revision.is_some_and(|revision| revision.cast_unsigned() < asked.revision) {
            count += asked.questions;
        }
    }
    Ok(count)
}

/// The search as a condition on `users u`: the inner part is answered from one index.
fn find_condition(filter: &Find, cursor: &str, limit: usize) -> (String, Vec<Value>) {
    let mut inner = String::from("SELECT f.id FROM users f WHERE f.name > ?1");
    let mut values = vec![
        Value::from(cursor.to_owned()),
        Value::from(sql_limit(limit)),
    ];
    if let Some(text) = &filter.text {
        inner.push_str(if filter.exact {
            " AND f.name = ?3"
        } else {
            " AND instr(f.search, ?3) > 0"
        });
        values.push(Value::from(if filter.exact {
            text.clone()
        } else {
            text.to_lowercase()
        }));
    }
    if !filter.states.is_empty() {
        let states: Vec<String> = filter
            .states
            .iter()
            .map(|state| state_column(*state).to_string())
            .collect();
        inner.push_str(&format!(" AND f.state IN ({})", states.join(",")));
    }
    if filter.locked {
        inner.push_str(" AND f.id IN (SELECT id FROM auth WHERE locked <> 0)");
    }
    if filter.passthrough {
        inner.push_str(" AND f.grant_until IS NOT NULL");
    }
    let condition = format!("u.id IN ({inner} ORDER BY f.name LIMIT ?2) ORDER BY u.name");
    (condition, values)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::super::schema;
    use super::*;

    #[test]
    fn walks_never_keep_a_sign_in_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mfad.db");
        drop(super::super::files::create_private(&path).unwrap());
        let mut conn = connect::writer(&path).unwrap();
        schema::migrate(&mut conn, "test").unwrap();
        meta::write(&conn, "test", meta::CANARY, b"{}").unwrap();
        let reader = SqliteReader::open(&path, 1, 2, Arc::default()).unwrap();
        let walks = [reader.slow.conn(), reader.slow.conn()];
        let uid = UserId([7; 16]);
        reader.probe().unwrap();
        assert_eq!(reader.last_seq().unwrap(), 0);
        assert!(reader.user_by_name("ada").unwrap().is_none());
        assert!(reader.user(uid).unwrap().is_none());
        assert!(reader.user_by_token("S1").unwrap().is_none());
        assert!(reader.hardware("S1").unwrap().is_none());
        let calls: [fn(&SqliteReader); 6] = [
            |reader| drop(reader.find(&Find::default(), "", 1).unwrap()),
            |reader| drop(reader.audit(&AuditFilter::default(), 1).unwrap()),
            |reader| assert_eq!(reader.counts().unwrap().users, 0),
            |reader| assert_eq!(reader.asked(Timestamp(0)).unwrap().len(), 0),
            |reader| assert_eq!(reader.questions(Timestamp(0)).unwrap(), 0),
            |reader| drop(reader.hardware_list("", 1).unwrap()),
        ];
        std::thread::scope(|threads| {
            let (done, ended) = mpsc::channel();
            for call in calls {
                let (reader, done) = (&reader, done.clone());
                threads.spawn(move || {
                    call(reader);
                    done.send(()).unwrap();
                });
            }
            let early = ended.recv_timeout(Duration::from_millis(100));
            assert!(early.is_err(), "a walk took a fast connection");
            drop(walks);
            for _ in calls {
                ended.recv_timeout(Duration::from_secs(9)).unwrap();
            }
        });
    }
}
