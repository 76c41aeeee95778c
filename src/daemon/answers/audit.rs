//! The audit log: `audit log`.

use serde_json::{Map, Value};

use crate::control::query::{AuditFilter, Extent, Page};
use crate::control::reply::{AuditEntry, AuditPage, Reply};
use crate::domain::refusal::Refusal;
use crate::server::control::Sink;
use crate::store;

use super::desk::Desk;
use super::pages::{self, Entry, Wanted};
use super::redact;

impl Desk<'_> {
    pub(super) fn audit_log(
        &self,
        filter: &AuditFilter,
        page: &Page,
        sink: &mut dyn Sink,
    ) -> Result<Reply, Refusal> {
        let wanted = Wanted {
            filter: store::AuditFilter {
                user: self.user_of(filter.user.as_deref(), "audit log")?,
                event: filter.event.clone(),
                actor: filter.actor.clone(),
                since: filter.since,
                request: filter.request.clone(),
                ..store::AuditFilter::default()
            },
            until: filter.until,
        };
        let row = |entry: &Entry| self.entry(entry);
        if page.extent == Extent::Follow {
            let wrap = |entries| {
                Reply::AuditPage(AuditPage {
                    entries,
                    ..AuditPage::default()
                })
            };
            return pages::follow(self, &wanted, sink, row, wrap);
        }
        pages::answer(
            page,
            sink,
            |cursor, sink| pages::records(self, &wanted, cursor, page.limit, sink, row),
            |entries, cursor| {
                let end = cursor.is_none();
                Reply::AuditPage(AuditPage {
                    entries,
                    cursor,
                    archived: end.then(|| self.older(filter.since)).flatten(),
                })
            },
        )
    }

    fn entry(&self, entry: &Entry) -> Option<AuditEntry> {
        let body: Value = serde_json::from_slice(&entry.stored.body).ok()?;
        let mut record: Map<String, Value> = match body {
            Value::Object(record) => record,
            _ => return None,
        };
        if !self.sees_halves() {
            redact::record(&mut record);
        }
        Some(AuditEntry {
            seq: entry.stored.seq,
            record,
        })
    }
}
