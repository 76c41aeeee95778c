//! The reading side: a few read-only connections, each call one statement and so one state.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use rusqlite::types::Value;
use rusqlite::{Connection, Params, params, params_from_iter};

use super::error::{failed, shown};
use super::rows::{PIN_BLOCKED, USER_COLUMNS, hardware_of, state_column, user_of};
use super::{audit_read, connect, meta};
use crate::domain::token_record::HardwareToken;
use crate::domain::user::{UserId, UserRecord, UserState};
use crate::store::{AuditFilter, Counts, Find, Read, StoreError, StoredAudit};

/// Reads the store from any thread; a call waits only if all connections are in use.
pub struct SqliteReader {
    pub(super) path: PathBuf,
    pub(super) shown: String,
    pool: Vec<Mutex<Connection>>,
    next: AtomicUsize,
}

impl SqliteReader {
    pub(super) fn open(path: &Path, readers: usize) -> Result<Self, StoreError> {
        let pool = (0..readers.max(1))
            .map(|_| connect::reader(path).map(Mutex::new))
            .collect::<Result<_, _>>()?;
        let reader = Self {
            path: path.to_owned(),
            shown: shown(path),
            pool,
            next: AtomicUsize::new(0),
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

    /// A free connection, or the next one.
    fn conn(&self) -> Result<MutexGuard<'_, Connection>, StoreError> {
        let start = self.next.fetch_add(1, Ordering::Relaxed) % self.pool.len().max(1);
        let in_turn = || self.pool.iter().cycle().skip(start).take(self.pool.len());
        for place in in_turn() {
            match place.try_lock() {
                Ok(conn) => return Ok(conn),
                // Nobody leaves a connection half changed: it can only read.
                Err(TryLockError::Poisoned(conn)) => return Ok(conn.into_inner()),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        in_turn()
            .next()
            .map(|place| place.lock().unwrap_or_else(PoisonError::into_inner))
            .ok_or_else(|| super::system("reading", &self.shown, "no connection"))
    }

    fn failed(&self, error: &rusqlite::Error) -> StoreError {
        failed("reading", &self.shown, error)
    }

    fn users(&self, condition: &str, params: impl Params) -> Result<Vec<UserRecord>, StoreError> {
        let sql = format!(
            "SELECT {USER_COLUMNS} FROM users u JOIN auth a ON a.id = u.id WHERE {condition}"
        );
        let conn = self.conn()?;
        let mut read = conn.prepare_cached(&sql).map_err(|e| self.failed(&e))?;
        let mut rows = read.query(params).map_err(|error| self.failed(&error))?;
        let mut users = Vec::new();
        while let Some(row) = rows.next().map_err(|error| self.failed(&error))? {
            users.push(user_of(row, &self.shown)?);
        }
        Ok(users)
    }

    fn hardware_where(
        &self,
        condition: &str,
        params: impl Params,
    ) -> Result<Vec<HardwareToken>, StoreError> {
        let sql = format!("SELECT serial, sum, body FROM hardware WHERE {condition}");
        let conn = self.conn()?;
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
        let conn = self.conn()?;
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
        let found = self.users("u.name = ?1", [name])?.pop();
        self.expected(found, |user| user.name() == name)
    }

    fn user(&self, id: UserId) -> Result<Option<UserRecord>, StoreError> {
        let found = self.users("u.uid = ?1", [id.0])?.pop();
        self.expected(found, |user| user.id == id)
    }

    fn user_by_token(&self, id_or_serial: &str) -> Result<Option<UserRecord>, StoreError> {
        let owner = "u.id IN (SELECT user FROM tokens WHERE id = ?1 OR serial = ?1)";
        Ok(self.users(owner, [id_or_serial])?.pop())
    }

    fn hardware(&self, serial: &str) -> Result<Option<HardwareToken>, StoreError> {
        Ok(self.hardware_where("serial = ?1", [serial])?.pop())
    }

    fn hardware_list(&self, cursor: &str, limit: usize) -> Result<Vec<HardwareToken>, StoreError> {
        self.hardware_where(
            "serial > ?1 ORDER BY serial LIMIT ?2",
            params![cursor, sql_limit(limit)],
        )
    }

    fn find(
        &self,
        filter: &Find,
        cursor: &str,
        limit: usize,
    ) -> Result<Vec<UserRecord>, StoreError> {
        let (condition, values) = find_condition(filter, cursor, limit);
        self.users(&condition, params_from_iter(values))
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

    fn audit(&self, filter: &AuditFilter, limit: usize) -> Result<Vec<StoredAudit>, StoreError> {
        audit_read::page(&*self.conn()?, &self.shown, filter, limit)
    }

    fn last_seq(&self) -> Result<u64, StoreError> {
        Ok(meta::chain_end(&*self.conn()?, &self.shown)?.0)
    }

    fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        meta::read(&*self.conn()?, &self.shown, name)
    }

    fn probe(&self) -> Result<(), StoreError> {
        match self.meta(meta::CANARY)? {
            Some(_) => Ok(()),
            None => Err(super::system("reading", &self.shown, "there is no canary")),
        }
    }
}

fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
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
