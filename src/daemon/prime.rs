//! After a crash: the verdicts of the last seconds, so that a request that is sent again is answered
//! the same, although its code is used up (S-05).

use std::sync::Arc;

use super::front::Front;
use crate::access::{self, ANSWER_KEPT, PrimedVerdict};
use crate::audit::record::AuditRecord;
use crate::domain::verdict::Message;
use crate::engine::{Engine, Rules};
use crate::log::info_always;
use crate::store::{AuditFilter, Read};
use crate::time::Now;

/// Audit records read at a time while looking for them.
const PRIME_PAGE: usize = 512;

/// Pages read at most: a start is not to wait for an import of the last seconds.
const PRIME_PAGES_MAX: usize = 2 * access::PRIMED_MAX / PRIME_PAGE;

/// Gives `front` the verdicts of the last seconds before the start.
pub(super) fn prime(front: &Front, engine: &Engine) {
    let verdicts = verdicts(engine.reader(), &engine.rules(), engine.now());
    if !verdicts.is_empty() {
        info_always!(
            "verdicts remembered for retransmitted requests: {}",
            verdicts.len()
        );
    }
    front.access().prime(verdicts, engine.now());
}

/// Verdicts of the last seconds before the start, the newest first, so that a retransmitted datagram
/// gets its answer.
///
/// Read from the end until a record is too old. All before it are older, whatever time they bear: a
/// clock that was ahead must not bring an earlier verdict back. (A search by time would also allow for
/// a day of clock steps and read that day's records, which is seconds on a busy site.)
#[must_use]
pub fn verdicts(reader: &dyn Read, rules: &Rules, now: Now) -> Vec<PrimedVerdict> {
    let mut filter = AuditFilter {
        newest_first: true,
        ..AuditFilter::default()
    };
    let mut verdicts = Vec::new();
    for _ in 0..PRIME_PAGES_MAX {
        let Ok(page) = reader.audit(&filter, PRIME_PAGE) else {
            return Vec::new();
        };
        let Some(oldest) = page.last() else { break };
        filter.before_seq = oldest.seq;
        let bodies = page.iter().map(|stored| &stored.body);
        for record in bodies.filter_map(|body| AuditRecord::parse(body).ok()) {
            if now.wall.since(record.wall) >= ANSWER_KEPT {
                return verdicts;
            }
            verdicts.extend(primed(&record, rules));
        }
    }
    verdicts
}

fn primed(record: &AuditRecord, rules: &Rules) -> Option<PrimedVerdict> {
    if !record.event.starts_with("auth.") {
        return None;
    }
    let gateway = record.gateway()?;
    let policy = rules
        .gateways
        .iter()
        .find(|known| *known.name == *gateway)?;
    let accepted = record.event == "auth.accept";
    let said = record
        .detail
        .get("message")
        .and_then(|text| text.as_str().map(Box::from));
    let message = if accepted {
        said
    } else {
        Some(said.unwrap_or_else(|| Box::from(Message::Denied.to_string())))
    };
    Some(PrimedVerdict {
        digest: record.datagram()?,
        gateway: Arc::clone(&policy.name),
        accepted,
        message,
        decided: record.wall,
    })
}
