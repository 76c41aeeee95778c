//! Lists in pages: of people and of audit records, a bounded piece of the store at a time.

use std::time::Duration;

use crate::audit::record::AuditRecord;
use crate::control::query::{Extent, Page};
use crate::control::reply::Reply;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::user::UserRecord;
use crate::server::control::Sink;
use crate::store::{AuditFilter, AuditPage, Find, StoredAudit};
use crate::time::Timestamp;

use super::desk::{Desk, store};

/// People read at a time.
const PEOPLE_CHUNK: usize = 200;
/// Audit records read at a time.
const RECORDS_CHUNK: usize = 500;
/// How often a stream that waits for news looks for them.
const FOLLOW_PAUSE: Duration = Duration::from_millis(200);
/// Rows that a stream shows of what was before it.
const FOLLOW_ROWS: usize = 10;

/// Rows, and where the next page begins.
pub(super) type Rows<T> = (Vec<T>, Option<String>);

/// Answers a list with one page, or all of them.
pub(super) fn answer<T>(
    page: &Page,
    sink: &mut dyn Sink,
    mut fetch: impl FnMut(Option<&str>, &mut dyn Sink) -> Result<Rows<T>, Refusal>,
    wrap: impl Fn(Vec<T>, Option<String>) -> Reply,
) -> Result<Reply, Refusal> {
    let mut cursor = page.cursor.clone();
    loop {
        let (rows, next) = fetch(cursor.as_deref(), sink)?;
        if page.extent != Extent::All || next.is_none() {
            return Ok(wrap(rows, next));
        }
        sink.push(wrap(rows, next.clone()))?;
        cursor = next;
    }
}

/// The people after `cursor` that `keep` makes rows of, at most `limit` of them.
pub(super) fn people<T>(
    desk: &Desk<'_>,
    coarse: &Find,
    cursor: Option<&str>,
    limit: usize,
    sink: &mut dyn Sink,
    mut keep: impl FnMut(&UserRecord) -> Vec<T>,
) -> Result<Rows<T>, Refusal> {
    let mut rows = Vec::new();
    let mut cursor = cursor.unwrap_or_default().to_owned();
    loop {
        let found = desk.reader().find(coarse, &cursor, PEOPLE_CHUNK);
        let found = found.map_err(|error| store(&error))?;
        let last_page = found.len() < PEOPLE_CHUNK;
        for record in found {
            let record = desk.settled(record);
            rows.extend(keep(&record));
            record.name().clone_into(&mut cursor);
            if rows.len() >= limit {
                return Ok((rows, Some(cursor)));
            }
        }
        if last_page {
            return Ok((rows, None));
        }
        if sink.ended() {
            return Err(gone());
        }
    }
}

/// What is wanted of the audit log beside the filter of the store.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    /// What the store sorts out.
    pub(super) filter: AuditFilter,
    /// Only before then.
    pub(super) until: Option<Timestamp>,
}

/// A record as it is stored, and what it says.
pub(super) struct Entry {
    pub(super) stored: StoredAudit,
    pub(super) record: AuditRecord,
}

impl Wanted {
    fn fits(&self, record: &AuditRecord) -> bool {
        self.until.is_none_or(|until| record.wall < until)
    }
}

/// Records newest first, before the number `cursor`, that `keep` makes rows of.
pub(super) fn records<T>(
    desk: &Desk<'_>,
    wanted: &Wanted,
    cursor: Option<&str>,
    limit: usize,
    sink: &mut dyn Sink,
    mut keep: impl FnMut(&Entry) -> Option<T>,
) -> Result<Rows<T>, Refusal> {
    let mut filter = AuditFilter {
        newest_first: true,
        ..wanted.filter.clone()
    };
    if let Some(cursor) = cursor {
        filter.before_seq = number(cursor)?;
    }
    let mut rows = Vec::new();
    loop {
        let ask = limit.saturating_mul(2).clamp(1, RECORDS_CHUNK);
        let walk = desk.reader().audit_walk(&filter, ask);
        let AuditPage { records, walked_to } = walk.map_err(|error| store(&error))?;
        for stored in records {
            filter.before_seq = stored.seq;
            // A record of a newer mfad is passed over here; `audit log` shows it as it is.
            let Ok(record) = AuditRecord::parse(&stored.body) else {
                continue;
            };
            if !wanted.fits(&record) {
                continue;
            }
            rows.extend(keep(&Entry { stored, record }));
            if rows.len() >= limit {
                let next = (filter.before_seq > 1).then(|| filter.before_seq.to_string());
                return Ok((rows, next));
            }
        }
        match walked_to {
            Some(seq) if seq > 1 => filter.before_seq = seq,
            _ => return Ok((rows, None)),
        }
        if sink.ended() {
            return Err(gone());
        }
    }
}

/// The last few rows, then what comes, oldest first, until nobody listens any more.
pub(super) fn follow<T>(
    desk: &Desk<'_>,
    wanted: &Wanted,
    sink: &mut dyn Sink,
    mut keep: impl FnMut(&Entry) -> Option<T>,
    wrap: impl Fn(Vec<T>) -> Reply,
) -> Result<Reply, Refusal> {
    let mut last = desk.reader().last_seq().map_err(|error| store(&error))?;
    let begin = (last + 1).to_string();
    let (mut rows, _) = records(desk, wanted, Some(&begin), FOLLOW_ROWS, sink, &mut keep)?;
    rows.reverse();
    sink.push(wrap(rows))?;
    while !sink.ended() {
        std::thread::sleep(FOLLOW_PAUSE);
        let newest = desk.reader().last_seq().map_err(|error| store(&error))?;
        while last < newest && !sink.ended() {
            let filter = AuditFilter {
                after_seq: last,
                before_seq: newest + 1,
                ..wanted.filter.clone()
            };
            let walk = desk.reader().audit_walk(&filter, RECORDS_CHUNK);
            let AuditPage { records, walked_to } = walk.map_err(|error| store(&error))?;
            last = walked_to.unwrap_or(newest);
            let mut rows = Vec::new();
            for stored in records {
                let Ok(record) = AuditRecord::parse(&stored.body) else {
                    continue;
                };
                if wanted.fits(&record) {
                    rows.extend(keep(&Entry { stored, record }));
                }
            }
            if !rows.is_empty() {
                sink.push(wrap(rows))?;
            }
        }
    }
    Err(gone())
}

/// A cursor that is a number.
pub(super) fn number(cursor: &str) -> Result<u64, Refusal> {
    let bad = |_| Refusal::new(Code::Arg, "the cursor is not one that mfad gave");
    cursor.parse().map_err(bad)
}

/// Nobody reads the answer.
pub(super) fn gone() -> Refusal {
    Refusal::from(crate::server::control::Ended)
}
