//! Reading the audit log: by number, by person, by what the records say.
//!
//! No index is kept, since each would cost every sign-in a second write. A page is a walk along the
//! numbers in the wanted direction until it is full. The person is a column; what else is asked for
//! is looked up in the records themselves. A bound in time becomes a bound in numbers first, by
//! bisection: records lie in the order of time but for steps of the clock.

use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::Value;

use super::error::failed;
use crate::store::{AuditFilter, StoreError, StoredAudit};

/// How far the clock may ever have been set back without a search by time missing records, in
/// milliseconds.
const CLOCK_STEP_MS: i64 = 24 * 3600 * 1000;

/// The hash of a record.
pub(super) fn hash_at(
    conn: &Connection,
    path: &str,
    seq: u64,
) -> Result<Option<[u8; 32]>, StoreError> {
    conn.query_row(
        "SELECT hash FROM audit WHERE seq = ?1",
        [seq.cast_signed()],
        |row| row.get(0),
    )
    .optional()
    .map_err(|error| failed("reading the audit log of", path, &error))
}

/// The records that `filter` lets through, at most `limit`.
pub(super) fn page(
    conn: &Connection,
    path: &str,
    filter: &AuditFilter,
    limit: usize,
) -> Result<Vec<StoredAudit>, StoreError> {
    let io = |error: rusqlite::Error| failed("reading the audit log of", path, &error);
    let mut found = Vec::new();
    let user = match filter.user {
        None => None,
        Some(id) => match rowid(conn, id.0).map_err(io)? {
            None => return Ok(found),
            known => known,
        },
    };
    let mut above = number(filter.after_seq);
    if let Some(since) = filter.since {
        let from = since.0.saturating_sub(CLOCK_STEP_MS);
        above = above.max(first_since(conn, from).map_err(io)?.saturating_sub(1));
    }
    let below = match filter.before_seq {
        0 => i64::MAX,
        seq => number(seq),
    };
    let order = if filter.newest_first { "DESC" } else { "ASC" };
    let sql = format!(
        "SELECT seq, hash, body FROM audit WHERE seq > ?1 AND seq < ?2
         AND (?3 IS NULL OR user = ?3) AND (?4 IS NULL OR at >= ?4) ORDER BY seq {order}"
    );
    let mut read = conn.prepare_cached(&sql).map_err(io)?;
    let since = filter.since.map(|since| since.0);
    let mut rows = read.query(params![above, below, user, since]).map_err(io)?;
    while found.len() < limit {
        let Some(row) = rows.next().map_err(io)? else {
            break;
        };
        let body = row.get_ref(2).map_err(io)?;
        if matches(filter, body.as_bytes().unwrap_or_default()) {
            found.push(StoredAudit {
                seq: row.get::<_, i64>(0).map_err(io)?.cast_unsigned(),
                hash: row.get(1).map_err(io)?,
                body: row.get(2).map_err(io)?,
            });
        }
    }
    Ok(found)
}

fn number(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// The number of a person, also of a deleted one.
fn rowid(conn: &Connection, uid: [u8; 16]) -> rusqlite::Result<Option<i64>> {
    conn.prepare_cached(
        "SELECT id FROM users WHERE uid = ?1 UNION ALL SELECT id FROM former WHERE uid = ?1",
    )?
    .query_row([uid], |row| row.get(0))
    .optional()
}

/// The first number whose record is not before `from`, by bisection.
fn first_since(conn: &Connection, from: i64) -> rusqlite::Result<i64> {
    let (mut low, end): (i64, i64) = conn.query_row(
        "SELECT ifnull(min(seq), 1), ifnull((SELECT max(seq) FROM audit), 0) FROM audit",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let mut high = end.saturating_add(1);
    let mut at = conn.prepare_cached("SELECT seq, at FROM audit WHERE seq >= ?1 LIMIT 1")?;
    while low < high {
        let middle = low + (high - low) / 2;
        let next: Option<(i64, i64)> = at
            .query_row([middle], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        match next {
            Some((seq, time)) if time < from => low = seq.saturating_add(1),
            _ => high = middle,
        }
    }
    Ok(low)
}

/// Whether a record says what the filter asks for. Most records are sorted out by the text alone.
fn matches(filter: &AuditFilter, body: &[u8]) -> bool {
    let wanted = [
        &filter.event,
        &filter.actor,
        &filter.request,
        &filter.gateway,
        &filter.attempt,
    ];
    if wanted.iter().all(|one| one.is_none()) {
        return true;
    }
    if !wanted
        .iter()
        .copied()
        .flatten()
        .all(|text| may_say(body, text))
    {
        return false;
    }
    let Ok(record) = serde_json::from_slice::<Value>(body) else {
        return false;
    };
    let says = |wanted: &Option<String>, places: &[&str]| {
        wanted.as_ref().is_none_or(|text| {
            places
                .iter()
                .any(|place| record.pointer(place).and_then(Value::as_str) == Some(text.as_str()))
        })
    };
    let event = record
        .get("event")
        .and_then(Value::as_str)
        .unwrap_or_default();
    filter
        .event
        .as_ref()
        .is_none_or(|wanted| is_under(event, wanted))
        && says(&filter.actor, &["/actor/name", "/actor"])
        && says(&filter.request, &["/request"])
        && says(&filter.gateway, &["/from/gateway", "/target/gateway"])
        && says(&filter.attempt, &["/detail/attempt"])
}

/// Whether `event` is `wanted` or begins with it and a dot.
fn is_under(event: &str, wanted: &str) -> bool {
    event
        .strip_prefix(wanted)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Whether the text occurs; true if it could be spelled in more than one way.
fn may_say(body: &[u8], text: &str) -> bool {
    let plain = |octet: u8| octet.is_ascii_graphic() && octet != b'"' && octet != b'\\';
    if text.is_empty() || !text.bytes().all(plain) || text.contains('/') {
        return true;
    }
    body.windows(text.len()).any(|part| part == text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_found_by_name_and_by_area() {
        assert!(is_under("auth.accept", "auth"));
        assert!(is_under("auth.accept", "auth.accept"));
        assert!(!is_under("authcode.used", "auth"));
        assert!(!is_under("auth", "auth.accept"));
    }

    #[test]
    fn looks_only_where_the_fact_stands() {
        let filter = AuditFilter {
            actor: Some("root".to_owned()),
            ..AuditFilter::default()
        };
        assert!(matches(
            &filter,
            br#"{"event":"user.added","actor":{"name":"root"}}"#
        ));
        assert!(!matches(
            &filter,
            br#"{"event":"user.added","target":{"user":"root"}}"#
        ));
        assert!(!matches(&filter, br#"root, but no JSON"#));
    }
}
