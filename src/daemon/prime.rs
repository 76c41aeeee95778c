//! After a crash: the verdicts of the last seconds, so that a request that is sent again is answered
//! the same, although its code is used up (S-05).

use std::sync::Arc;
use std::time::Duration;

use super::front::Front;
use crate::access::{self, PrimedVerdict};
use crate::audit::record::AuditRecord;
use crate::domain::verdict::Message;
use crate::engine::{Engine, Rules};
use crate::log::info_always;
use crate::store::AuditFilter;

/// Verdicts this old are still answered the same to a retransmitted datagram.
const PRIME_FOR: Duration = Duration::from_secs(30);

/// Verdicts of the last seconds before the start, so that a retransmitted datagram gets its answer.
pub(super) fn prime(front: &Front, engine: &Engine) {
    let (now, rules) = (engine.now(), engine.rules());
    // The newest ones: they are what is being asked again.
    let last = engine.reader().last_seq().unwrap_or(0);
    let filter = AuditFilter {
        after_seq: last.saturating_sub(access::PRIMED_MAX as u64),
        newest_first: true,
        event: Some("auth".to_owned()),
        since: Some(now.wall - PRIME_FOR),
        ..AuditFilter::default()
    };
    let Ok(records) = engine.reader().audit(&filter, access::PRIMED_MAX) else {
        return;
    };
    let primed: Vec<PrimedVerdict> = records
        .iter()
        .filter_map(|stored| primed(&stored.body, &rules))
        .collect();
    if !primed.is_empty() {
        info_always!(
            "verdicts remembered for retransmitted requests: {}",
            primed.len()
        );
    }
    front.access().prime(primed, now);
}

fn primed(body: &[u8], rules: &Rules) -> Option<PrimedVerdict> {
    let record = AuditRecord::parse(body).ok()?;
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
