//! What a daemon has left behind: its audit log, read and verified after its end.

use std::path::Path;
use std::sync::Arc;

use mfad::audit::record::AuditRecord;
use mfad::audit::verify::{Plan, Start, verify};
use mfad::daemon::instance::store_path;
use mfad::daemon::key;
use mfad::store::seal::Keys;
use mfad::store::sqlite::{self, Fence, Mode, Sizes};
use mfad::store::{AuditFilter, Commit, Read, StoreError, StoredAudit};
use mfad::sys::clock::Clock;

use super::daemon::Site;

/// The records of a site, in order.
pub(crate) struct Ledger {
    pub(crate) records: Vec<AuditRecord>,
}

impl Ledger {
    /// Opens the store of a site whose daemon has ended; the chain must be whole.
    pub(crate) fn of(site: &Site) -> Self {
        Self::read(&site.path("state"), site.key(), "test")
    }

    /// The same of a store anywhere, with the key as it is written.
    pub(crate) fn read(state: &Path, key: &str, node: &str) -> Self {
        let keys = Keys::derive(&key::parse(key.as_bytes()).unwrap()).unwrap();
        let path = store_path(state);
        let fence = Fence {
            now: Clock::start().now(),
            window_steps: 1,
        };
        let sizes = Sizes::default();
        let opening = sqlite::Site {
            path: &path,
            keys: &keys,
            node: Arc::from(node),
            boot: Arc::from("ledger"),
            fence,
            sizes,
        };
        let opened = sqlite::open(&opening, Mode::Existing).unwrap();
        assert!(
            opened.fenced.is_none(),
            "no record that was made durable is missing"
        );
        let stored = all(&*opened.reader);
        Box::new(opened.writer).close().unwrap();
        let plan = Plan {
            node,
            start: Start::CHAIN,
            checkpoints: &[],
            keys: &[],
        };
        let each = stored.iter().cloned().map(Ok::<_, StoreError>);
        let report = verify(&plan, each).unwrap();
        assert!(
            report.damage.is_none(),
            "the chain of records: {:?}",
            report.damage
        );
        let parse = |stored: &StoredAudit| AuditRecord::parse(&stored.body).unwrap();
        Self {
            records: stored.iter().map(parse).collect(),
        }
    }

    /// Records of one kind about one person.
    pub(crate) fn of_user<'a>(
        &'a self,
        event: &'a str,
        user: &'a str,
    ) -> impl Iterator<Item = &'a AuditRecord> {
        self.records.iter().filter(move |record| {
            record.event == event && record.target.user.as_deref() == Some(user)
        })
    }

    /// How many there are; Rejects that change nothing are summed up in records of their own.
    pub(crate) fn count(&self, event: &str, user: &str) -> usize {
        self.of_user(event, user).map(times).sum()
    }

    /// None of the records tells any of these, however it is written. The numbers and times of a record
    /// are left out: six digits may stand in them by chance.
    pub(crate) fn keeps_none_of(&self, secrets: &[&str]) {
        for record in &self.records {
            let kept = serde_json::to_string(&record.detail).unwrap();
            let kept = kept.to_lowercase();
            for secret in secrets {
                assert!(!kept.contains(&secret.to_lowercase()), "{secret}: {kept}");
            }
        }
    }

    /// Rejects of a person for one reason.
    pub(crate) fn rejects(&self, user: &str, reason: &str) -> usize {
        self.of_user("auth.reject", user)
            .filter(|record| record.reason.as_deref() == Some(reason))
            .map(times)
            .sum()
    }
}

/// How many events a record stands for: a sum says when the first of them was.
fn times(record: &AuditRecord) -> usize {
    if !record.detail.contains_key("first") {
        return 1;
    }
    let count = record
        .detail
        .get("count")
        .and_then(serde_json::Value::as_u64)
        .unwrap_or(1);
    usize::try_from(count).unwrap()
}

fn all(reader: &dyn Read) -> Vec<StoredAudit> {
    const PAGE: usize = 1000;
    let mut found = Vec::new();
    loop {
        let after_seq = found.last().map_or(0, |last: &StoredAudit| last.seq);
        let page = reader.audit(
            &AuditFilter {
                after_seq,
                ..AuditFilter::default()
            },
            PAGE,
        );
        let page = page.unwrap();
        if page.is_empty() {
            return found;
        }
        found.extend(page);
    }
}
