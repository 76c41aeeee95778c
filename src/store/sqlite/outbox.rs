//! Messages that wait to be sent, in the order in which their changes were committed.

use rusqlite::{Connection, Row, params};

use super::batch::{Batch, Written};
use super::error::{damaged, failed};
use super::rows::record_columns;
use crate::domain::message::{Message, MessageId};
use crate::store::octets::checksum;
use crate::store::{StoreError, profile_row};

/// The first messages, at most `limit`.
pub(super) fn first(
    conn: &Connection,
    path: &str,
    limit: usize,
) -> Result<Vec<Message>, StoreError> {
    let io = |error: rusqlite::Error| failed("reading", path, &error);
    let mut read = conn
        .prepare_cached("SELECT id, sum, body FROM outbox ORDER BY number LIMIT ?1")
        .map_err(io)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = read.query([limit]).map_err(io)?;
    let mut messages = Vec::new();
    while let Some(row) = rows.next().map_err(io)? {
        messages.push(message_of(row, path)?);
    }
    Ok(messages)
}

fn message_of(row: &Row<'_>, path: &str) -> Result<Message, StoreError> {
    let io = |error: rusqlite::Error| failed("reading a message of", path, &error);
    let id = MessageId(row.get(0).map_err(io)?);
    let sum: u32 = row.get(1).map_err(io)?;
    let body = row.get_ref(2).map_err(io)?.as_bytes().unwrap_or_default();
    let message: Message = if checksum(&id.0, body) == sum {
        profile_row::decode(body)
    } else {
        Err(crate::store::Damage::Checksum)
    }
    .map_err(|damage| damaged(format!("message {id}"), damage))?;
    Ok(message)
}

/// Removes all messages; how many there were.
pub(super) fn empty(conn: &Connection, path: &str) -> Result<u64, StoreError> {
    conn.execute("DELETE FROM outbox", [])
        .map(|rows| u64::try_from(rows).unwrap_or(0))
        .map_err(|error| failed("emptying the outbox of", path, &error))
}

impl Batch<'_> {
    pub(super) fn put_message(
        &self,
        id: MessageId,
        message: &Message,
    ) -> Result<Written, StoreError> {
        if message.id != id {
            return Ok(Written::Refused);
        }
        let Ok((sum, body)) = record_columns(&id.0, message) else {
            return Ok(Written::Refused);
        };
        self.rows(
            "INSERT INTO outbox (id, sum, body) VALUES (?1, ?2, ?3)",
            params![id.0, sum, body],
        )
    }

    pub(super) fn take_message(&self, id: MessageId) -> Result<Written, StoreError> {
        self.rows("DELETE FROM outbox WHERE id = ?1", params![id.0])
    }
}
