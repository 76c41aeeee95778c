//! One batch of changes inside one transaction.
//!
//! A sign-in is a part of the batch's row in `redo`, if the revision still is what it was judged on,
//! and one `INSERT` into the audit table for each event. What an operator does, and who gets locked,
//! goes to the tables: there a person's row is brought up first, and its row count says whether the
//! revision was the expected one. A change of several statements runs in a savepoint, so that a
//! conflict in a later one takes the earlier ones with it; a single statement gets its row encoded
//! before it runs. Audit records are made last: a change that was not carried out has used no number.
//!
//! The statement that every sign-in needs is looked up once for the batch.

use rusqlite::{CachedStatement, Connection, params};

use super::error::{failed, is_taken};
use super::people::Kept;
use super::redo::Recent;
use super::rows::{
    asked_column, grant_column, locked_column, record_columns, search_column, serial_column,
    state_column,
};
use super::schema::PAGE_OCTETS;
use super::{audit_read, meta};
use crate::audit::chain::Chain;
use crate::domain::token_record::HardwareToken;
use crate::domain::user::{AuthState, Profile, UserId};
use crate::store::{Archived, Body, Change, Key, Outcome, Peak, StoreError, Write, auth_row};

/// The revision of every hardware token and of every message.
const ONLY_REVISION: u64 = 1;

/// Octets of a page in the log.
pub(super) const LOG_PAGE_OCTETS: u64 = PAGE_OCTETS as u64 + 24;
/// Octets of an audit row beside its body.
const AUDIT_COLUMNS_OCTETS: u64 = 64;
/// Pages that a batch changes besides: the ends of its two tables.
const BATCH_PAGES: u64 = 2;
/// Pages that a new profile changes in tables and indexes.
const PROFILE_PAGES: u64 = 8;

const UPDATE_AUTH: &str = "UPDATE auth SET revision = ?3, locked = ?4, asked_until = ?5, body = ?6
     WHERE id = ?1 AND revision = ?2";
const INSERT_AUDIT: &str =
    "INSERT INTO audit (seq, at, user, hash, body) VALUES (?1, ?2, ?3, ?4, ?5)";

/// What became of one write of a change.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    Done,
    Conflict,
    Refused,
}

/// An open transaction.
pub(super) struct Batch<'a> {
    pub(super) conn: &'a Connection,
    pub(super) path: &'a str,
    chain: &'a mut Chain,
    pub(super) kept: &'a mut Kept,
    pub(super) recent: &'a Recent,
    /// Who was last looked up: the audit record of a change is about the same person.
    pub(super) last: Option<(UserId, i64)>,
    insert_audit: CachedStatement<'a>,
    /// What it adds to the log, about: the same page is counted for each change of it.
    pub(super) log_octets: u64,
}

impl<'a> Batch<'a> {
    pub(super) fn new(
        conn: &'a Connection,
        path: &'a str,
        chain: &'a mut Chain,
        kept: &'a mut Kept,
        recent: &'a Recent,
    ) -> Result<Self, StoreError> {
        kept.begin();
        let prepare = |sql| {
            conn.prepare_cached(sql)
                .map_err(|error| failed("preparing for", path, &error))
        };
        Ok(Self {
            insert_audit: prepare(INSERT_AUDIT)?,
            conn,
            path,
            chain,
            kept,
            recent,
            last: None,
            log_octets: BATCH_PAGES * LOG_PAGE_OCTETS,
        })
    }

    /// Carries a change out, or leaves nothing of it.
    pub(super) fn apply(&mut self, change: &Change) -> Result<Outcome, StoreError> {
        let written = match change.writes.as_slice() {
            [] => Written::Done,
            writes => match sign_in(writes) {
                Some((id, expected, auth)) => self.sign_in(id, expected, auth)?,
                None => self.write_together(writes)?,
            },
        };
        match written {
            Written::Done => {}
            Written::Conflict => return Ok(Outcome::Conflict),
            Written::Refused => return Ok(Outcome::Refused),
        }
        let first_seq = self.chain.seq() + 1;
        for event in &change.events {
            let user = match &event.user {
                Some((id, _)) => self.audit_rowid(*id)?,
                None => None,
            };
            let record = self.chain.append(event, &change.origin, change.at);
            let at = change.at.wall.0;
            let seq = record.seq.cast_signed();
            self.log_octets += u64::try_from(record.body.len()).unwrap_or(0) + AUDIT_COLUMNS_OCTETS;
            self.insert_audit
                .execute(params![seq, at, user, record.hash, record.body])
                .map_err(|error| self.failed(&error))?;
        }
        Ok(Outcome::Committed {
            first_seq,
            last_seq: self.chain.seq(),
        })
    }

    pub(super) fn failed(&self, error: &rusqlite::Error) -> StoreError {
        failed("writing", self.path, error)
    }

    /// Executes a statement that is rare enough to be looked up each time; none if it broke a
    /// unique name, id or serial.
    fn execute(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
    ) -> Result<Option<usize>, StoreError> {
        let done = self
            .conn
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(params));
        match done {
            Ok(rows) => Ok(Some(rows)),
            Err(error) if is_taken(&error) => Ok(None),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn write_together(&mut self, writes: &[Write]) -> Result<Written, StoreError> {
        self.execute("SAVEPOINT change", [])?;
        let mut written = Written::Done;
        for write in writes {
            self.log_octets += PROFILE_PAGES * LOG_PAGE_OCTETS;
            written = self.write(write)?;
            if written != Written::Done {
                break;
            }
        }
        if written == Written::Done && self.serial_taken(writes)? {
            written = Written::Conflict;
        }
        if written != Written::Done {
            self.execute("ROLLBACK TO change", [])?;
        }
        self.execute("RELEASE change", [])?;
        Ok(written)
    }

    fn write(&mut self, write: &Write) -> Result<Written, StoreError> {
        match (&write.key, write.expected, &write.body) {
            (Key::User(id), None, Some(Body::User { profile, auth })) => match profile {
                Some(profile) => self.insert_user(*id, profile, auth),
                None => Ok(Written::Conflict),
            },
            (Key::User(id), Some(expected), Some(Body::User { profile, auth })) => {
                self.update_user(*id, expected, profile.as_deref(), auth)
            }
            (Key::User(id), Some(expected), None) => self.delete_user(*id, expected),
            (Key::Hardware(serial), expected, Some(Body::Hardware(token))) => {
                self.put_hardware(serial, expected, token)
            }
            (Key::Archived, expected, Some(Body::Archived(archived))) => {
                self.put_archived(expected, archived)
            }
            (Key::SeatsPeak, _, Some(Body::SeatsPeak(peak))) => {
                let text = serde_json::to_vec(peak)
                    .map_err(|error| super::system("writing a fact of", self.path, error))?;
                meta::write(self.conn, self.path, Peak::META, &text)?;
                Ok(Written::Done)
            }
            (Key::Hardware(serial), Some(ONLY_REVISION), None) => {
                self.rows("DELETE FROM hardware WHERE serial = ?1", params![serial])
            }
            (Key::Message(id), None, Some(Body::Message(message))) => {
                self.put_message(*id, message)
            }
            (Key::Message(id), Some(ONLY_REVISION), None) => self.take_message(*id),
            (_, _, None) => Ok(Written::Conflict),
            _ => Ok(Written::Refused),
        }
    }

    /// Executes a statement that is to change one row.
    pub(super) fn rows(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
    ) -> Result<Written, StoreError> {
        match self.execute(sql, params)? {
            Some(1) => Ok(Written::Done),
            _ => Ok(Written::Conflict),
        }
    }

    fn insert_user(
        &mut self,
        id: UserId,
        profile: &Profile,
        auth: &AuthState,
    ) -> Result<Written, StoreError> {
        // The same person may have been deleted in this batch, under another number.
        self.forget(id);
        let Ok((sum, body)) = record_columns(&id.0, profile) else {
            return Ok(Written::Refused);
        };
        if !self.encode(id, auth) {
            return Ok(Written::Refused);
        }
        let written = self.rows(
            "INSERT INTO users (uid, name, state, grant_until, search, sum, profile)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                id.0,
                profile.name,
                state_column(profile.state),
                grant_column(profile, auth),
                search_column(profile),
                sum,
                body
            ],
        )?;
        if written != Written::Done {
            return Ok(written);
        }
        let rowid = self.conn.last_insert_rowid();
        let written = self.rows(
            "INSERT INTO auth (id, revision, locked, asked_until, body) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                rowid,
                auth.revision.cast_signed(),
                locked_column(auth.lock.as_ref()),
                asked_column(auth),
                self.kept.row
            ],
        )?;
        if written != Written::Done {
            return Ok(written);
        }
        self.put_tokens(rowid, profile)
    }

    pub(super) fn update_user(
        &mut self,
        id: UserId,
        expected: u64,
        profile: Option<&Profile>,
        auth: &AuthState,
    ) -> Result<Written, StoreError> {
        let Some(rowid) = self.brought_up(id)? else {
            return Ok(Written::Conflict);
        };
        if !self.encode(id, auth) {
            return Ok(Written::Refused);
        }
        let written = self.rows(
            UPDATE_AUTH,
            params![
                rowid,
                expected.cast_signed(),
                auth.revision.cast_signed(),
                locked_column(auth.lock.as_ref()),
                asked_column(auth),
                self.kept.row
            ],
        )?;
        if written != Written::Done {
            return Ok(written);
        }
        let Some(profile) = profile else {
            return Ok(Written::Done);
        };
        let Ok((sum, body)) = record_columns(&id.0, profile) else {
            return Ok(Written::Refused);
        };
        let written = self.rows(
            "UPDATE users SET name = ?2, state = ?3, grant_until = ?4, search = ?5, sum = ?6,
             profile = ?7 WHERE id = ?1",
            params![
                rowid,
                profile.name,
                state_column(profile.state),
                grant_column(profile, auth),
                search_column(profile),
                sum,
                body
            ],
        )?;
        if written != Written::Done {
            return Ok(written);
        }
        self.execute("DELETE FROM tokens WHERE user = ?1", params![rowid])?;
        self.put_tokens(rowid, profile)
    }

    fn delete_user(&mut self, id: UserId, expected: u64) -> Result<Written, StoreError> {
        let Some(rowid) = self.brought_up(id)? else {
            return Ok(Written::Conflict);
        };
        let deleted = self.rows(
            "DELETE FROM auth WHERE id = ?1 AND revision = ?2",
            params![rowid, expected.cast_signed()],
        )?;
        if deleted != Written::Done {
            return Ok(deleted);
        }
        self.execute("DELETE FROM tokens WHERE user = ?1", params![rowid])?;
        self.execute(
            "INSERT OR REPLACE INTO former (uid, id) VALUES (?1, ?2)",
            params![id.0, rowid],
        )?;
        self.rows("DELETE FROM users WHERE id = ?1", params![rowid])
    }

    fn put_tokens(&self, rowid: i64, profile: &Profile) -> Result<Written, StoreError> {
        for token in &profile.tokens {
            let written = self.rows(
                "INSERT INTO tokens (id, serial, user) VALUES (?1, ?2, ?3)",
                params![token.id.to_string(), serial_column(token), rowid],
            )?;
            if written != Written::Done {
                return Ok(written);
            }
        }
        Ok(Written::Done)
    }

    fn put_hardware(
        &self,
        serial: &str,
        expected: Option<u64>,
        token: &HardwareToken,
    ) -> Result<Written, StoreError> {
        if token.serial != serial {
            return Ok(Written::Refused);
        }
        let Ok((sum, body)) = record_columns(serial.as_bytes(), token) else {
            return Ok(Written::Refused);
        };
        match expected {
            None => self.rows(
                "INSERT INTO hardware (serial, sum, body) VALUES (?1, ?2, ?3)",
                params![serial, sum, body],
            ),
            Some(ONLY_REVISION) => self.rows(
                "UPDATE hardware SET sum = ?2, body = ?3 WHERE serial = ?1",
                params![serial, sum, body],
            ),
            Some(_) => Ok(Written::Conflict),
        }
    }

    /// Notes how much of the audit log is archived. It only grows, and only up to a record that is
    /// there with this hash: nothing is ever removed that the archive does not end with.
    fn put_archived(
        &self,
        expected: Option<u64>,
        archived: &Archived,
    ) -> Result<Written, StoreError> {
        let known = meta::archived(self.conn, self.path)?;
        if expected.unwrap_or(0) != known.seq || archived.seq <= known.seq {
            return Ok(Written::Conflict);
        }
        if audit_read::hash_at(self.conn, self.path, archived.seq)? != Some(archived.hash) {
            return Ok(Written::Refused);
        }
        let Ok(text) = serde_json::to_vec(archived) else {
            return Ok(Written::Refused);
        };
        meta::write(self.conn, self.path, Archived::META, &text)?;
        Ok(Written::Done)
    }

    /// Whether a serial that was written is now both somebody's and in the pool. Looked at last,
    /// since assigning moves it from one to the other in any order.
    fn serial_taken(&self, writes: &[Write]) -> Result<bool, StoreError> {
        let mut both = self
            .conn
            .prepare_cached(
                "SELECT 1 FROM tokens t JOIN hardware h ON h.serial = t.serial WHERE t.serial = ?1",
            )
            .map_err(|error| self.failed(&error))?;
        for write in writes {
            let serials: Vec<&str> = match &write.body {
                Some(Body::Hardware(token)) => vec![&token.serial],
                Some(Body::User {
                    profile: Some(profile),
                    ..
                }) => profile.tokens.iter().filter_map(serial_column).collect(),
                _ => Vec::new(),
            };
            for serial in serials {
                if both.exists([serial]).map_err(|error| self.failed(&error))? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Fills the row buffer; false if the row is longer than any may be.
    pub(super) fn encode(&mut self, id: UserId, auth: &AuthState) -> bool {
        self.kept.row.clear();
        auth_row::encode(id, auth, &mut self.kept.row);
        self.kept.row.len() <= auth_row::ROW_OCTETS_MAX
    }
}

/// Person, expected revision and new state, if that is all that is written.
fn sign_in(writes: &[Write]) -> Option<(UserId, u64, &AuthState)> {
    match writes {
        [
            Write {
                key: Key::User(id),
                expected: Some(expected),
                body:
                    Some(Body::User {
                        profile: None,
                        auth,
                    }),
            },
        ] => Some((*id, *expected, auth)),
        _ => None,
    }
}
