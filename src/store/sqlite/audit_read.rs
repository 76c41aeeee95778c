//! Reading the audit log: by number, by person, by what the records say.
//!
//! A sign-in keeps no index, since each would cost it a second write. A page is a walk along the
//! numbers in the wanted direction until it is full, or until it has looked at as many as one walk
//! may; the next walk goes on there. One person's records are looked up in [`history`] as far as
//! that is filled. What else is asked for is looked up in the records themselves. A bound in time
//! becomes a bound in numbers first, by bisection: records lie in the order of time but for steps of
//! the clock.

use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Params, params};
use serde_json::Value;

use super::error::failed;
use super::history;
use crate::store::{AuditFilter, AuditPage, StoreError, StoredAudit};

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

/// The records that `filter` lets through, at most `limit`, of one walk over at most `most`.
pub(super) fn page(
    conn: &Connection,
    path: &str,
    filter: &AuditFilter,
    limit: usize,
    most: u64,
) -> Result<AuditPage, StoreError> {
    let io = |error: rusqlite::Error| failed("reading the audit log of", path, &error);
    let mut page = AuditPage::default();
    if limit == 0 {
        return Ok(page);
    }
    let user = match filter.user {
        None => None,
        Some(id) => match rowid(conn, id.0).map_err(io)? {
            None => return Ok(page),
            known => known,
        },
    };
    let all = wanted(conn, filter).map_err(io)?;
    let most = number(most.max(u64::try_from(limit).unwrap_or(u64::MAX)));
    let indexed = match user {
        Some(_) => history::next(conn, path)?.saturating_mul(history::SLICE),
        None => 0,
    };
    let mut walk = Walk {
        conn,
        filter,
        user,
        limit,
        found: &mut page.records,
    };
    let mut walked_to = None;
    for (span, by_index) in all.parts(indexed, filter.newest_first) {
        let end = if by_index {
            walk.slices(span)
        } else {
            walk.rows(span, most)
        };
        let end = end.map_err(io)?;
        walked_to = Some(end).filter(|end| *end != all.end(filter.newest_first));
        if end != span.end(filter.newest_first) || walk.found.len() >= limit {
            break;
        }
    }
    page.walked_to = walked_to.map(i64::cast_unsigned);
    Ok(page)
}

/// A walk along the log, or from one record of a person to the next.
struct Walk<'a> {
    conn: &'a Connection,
    filter: &'a AuditFilter,
    user: Option<i64>,
    limit: usize,
    found: &'a mut Vec<StoredAudit>,
}

impl Walk<'_> {
    /// Looks at each record of a span, at most at `most`; the number that was looked at last.
    fn rows(&mut self, all: Span, most: i64) -> rusqlite::Result<i64> {
        let span = all.part(self.filter.newest_first, most);
        let sql = format!(
            "SELECT seq, hash, body FROM audit WHERE seq > ?1 AND seq < ?2
             AND (?3 IS NULL OR user = ?3) AND (?4 IS NULL OR at >= ?4) ORDER BY seq {}",
            self.order()
        );
        let mut read = self.conn.prepare_cached(&sql)?;
        let (user, since) = (self.user, self.since());
        let found = self.take(&mut read, params![span.above, span.below, user, since])?;
        Ok(found.unwrap_or_else(|| span.end(self.filter.newest_first)))
    }

    /// Looks up the person's records in slice after slice; the number that was looked at last.
    fn slices(&mut self, span: Span) -> rusqlite::Result<i64> {
        let sql = format!(
            "SELECT a.seq, a.hash, a.body FROM audit_of o CROSS JOIN audit a ON a.seq = o.seq
             WHERE o.slice = ?5 AND o.user = ?3 AND o.seq > ?1 AND o.seq < ?2
             AND (?4 IS NULL OR a.at >= ?4) ORDER BY o.seq {}",
            self.order()
        );
        let mut read = self.conn.prepare_cached(&sql)?;
        let (first, last) = (
            (span.above + 1) / history::SLICE,
            (span.below - 1) / history::SLICE,
        );
        let (user, since, back) = (self.user, self.since(), self.filter.newest_first);
        for step in 0..=(last - first) {
            let slice = if back { last - step } else { first + step };
            if step >= history::WALK_SLICES_MAX {
                let begin = slice * history::SLICE;
                return Ok(if back {
                    begin + history::SLICE
                } else {
                    begin - 1
                });
            }
            let wanted = params![span.above, span.below, user, since, slice];
            if let Some(end) = self.take(&mut read, wanted)? {
                return Ok(end);
            }
        }
        Ok(span.end(back))
    }

    /// Takes what fits; the number of the last one if that was enough.
    fn take(
        &mut self,
        read: &mut CachedStatement<'_>,
        wanted: impl Params,
    ) -> rusqlite::Result<Option<i64>> {
        let mut rows = read.query(wanted)?;
        while let Some(row) = rows.next()? {
            let body = row.get_ref(2)?.as_bytes().unwrap_or_default();
            if !matches(self.filter, body) {
                continue;
            }
            let seq: i64 = row.get(0)?;
            self.found.push(StoredAudit {
                seq: seq.cast_unsigned(),
                hash: row.get(1)?,
                body: body.to_vec(),
            });
            if self.found.len() >= self.limit {
                return Ok(Some(seq));
            }
        }
        Ok(None)
    }

    const fn order(&self) -> &'static str {
        if self.filter.newest_first {
            "DESC"
        } else {
            "ASC"
        }
    }

    fn since(&self) -> Option<i64> {
        self.filter.since.map(|since| since.0)
    }
}

/// Numbers between two others.
#[derive(Clone, Copy)]
struct Span {
    above: i64,
    below: i64,
}

impl Span {
    /// The part below the number `indexed` and the part from it on, in the order of the walk, and
    /// whether it is the first of them; none that is empty, unless all is.
    fn parts(self, indexed: i64, from_the_end: bool) -> Vec<(Self, bool)> {
        let Self { above, below } = self;
        let (early, late) = (
            Self {
                above,
                below: below.min(indexed),
            },
            Self {
                above: above.max(indexed.saturating_sub(1)),
                below,
            },
        );
        let some = |span: Self| span.below.saturating_sub(span.above) > 1;
        let mut parts = match (some(early), some(late)) {
            (true, true) => vec![(early, true), (late, false)],
            (true, false) => vec![(early, true)],
            _ => vec![(self, false)],
        };
        if from_the_end {
            parts.reverse();
        }
        parts
    }

    /// The first `most` of them, or the last.
    fn part(self, from_the_end: bool, most: i64) -> Self {
        let Self { above, below } = self;
        if from_the_end {
            Self {
                above: above.max(below.saturating_sub(most).saturating_sub(1)),
                below,
            }
        } else {
            Self {
                above,
                below: below.min(above.saturating_add(most).saturating_add(1)),
            }
        }
    }

    /// The last of them that is walked over.
    const fn end(self, from_the_end: bool) -> i64 {
        if from_the_end {
            self.above.saturating_add(1)
        } else {
            self.below.saturating_sub(1)
        }
    }
}

/// The numbers that `filter` leaves of those that there are.
fn wanted(conn: &Connection, filter: &AuditFilter) -> rusqlite::Result<Span> {
    let (first, last) = ends(conn)?;
    let mut above = number(filter.after_seq).max(first.saturating_sub(1));
    if let Some(since) = filter.since {
        let from = since.0.saturating_sub(CLOCK_STEP_MS);
        above = above.max(first_since(conn, from)?.saturating_sub(1));
    }
    let end = last.saturating_add(1);
    let below = match filter.before_seq {
        0 => end,
        seq => number(seq).min(end),
    };
    // An empty span has no record to stop at, and ends where it begins.
    Ok(Span {
        above,
        below: below.max(above.saturating_add(1)),
    })
}

/// The first number and the last; 1 and 0 if there is none.
pub(super) fn ends(conn: &Connection) -> rusqlite::Result<(i64, i64)> {
    conn.prepare_cached(
        "SELECT ifnull(min(seq), 1), ifnull((SELECT max(seq) FROM audit), 0) FROM audit",
    )?
    .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
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
    let (mut low, end) = ends(conn)?;
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

    /// The numbers that one walk after the other finds, and how many walks it took.
    fn walks(conn: &Connection, mut filter: AuditFilter, limit: usize) -> (Vec<u64>, u32) {
        let (mut found, mut walks) = (Vec::new(), 0);
        loop {
            let page = page(conn, "test", &filter, limit, 5).unwrap();
            found.extend(page.records.iter().map(|record| record.seq));
            walks += 1;
            match page.walked_to {
                Some(seq) if filter.newest_first => filter.before_seq = seq,
                Some(seq) => filter.after_seq = seq,
                None => return (found, walks),
            }
        }
    }

    #[test]
    fn a_walk_is_bounded_and_the_next_goes_on() {
        let mut conn = Connection::open_in_memory().unwrap();
        super::super::schema::migrate(&mut conn, "test").unwrap();
        // The first ten are gone for their age.
        for seq in 11..=30_i64 {
            let name = if seq % 9 == 0 { "rare" } else { "often" };
            let body = format!(r#"{{"event":"{name}"}}"#).into_bytes();
            conn.execute(
                "INSERT INTO audit (seq, at, hash, body) VALUES (?1, ?1, ?2, ?3)",
                params![seq, [0_u8; 32], body],
            )
            .unwrap();
        }
        let rare = AuditFilter {
            event: Some("rare".to_owned()),
            ..AuditFilter::default()
        };
        let back = |filter: &AuditFilter| AuditFilter {
            newest_first: true,
            ..filter.clone()
        };
        assert_eq!(walks(&conn, rare.clone(), 9), (vec![18, 27], 3));
        assert_eq!(walks(&conn, rare.clone(), 2), (vec![18, 27], 4));
        assert_eq!(walks(&conn, back(&rare), 2), (vec![27, 18], 4));
        let nobody = AuditFilter {
            actor: Some("nobody".to_owned()),
            ..AuditFilter::default()
        };
        assert_eq!(walks(&conn, nobody.clone(), 1), (Vec::new(), 4));
        assert_eq!(walks(&conn, back(&nobody), 1), (Vec::new(), 4));
        let all = AuditFilter::default();
        assert_eq!(walks(&conn, all.clone(), 20), ((11..=30).collect(), 1));
        assert_eq!(walks(&conn, back(&all), 10).1, 2);
        let beyond = AuditFilter {
            after_seq: 30,
            ..AuditFilter::default()
        };
        assert_eq!(walks(&conn, beyond.clone(), 5), (Vec::new(), 1));
        assert_eq!(walks(&conn, back(&beyond), 5), (Vec::new(), 1));
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
