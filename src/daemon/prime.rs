//! After a crash: the verdicts of the last seconds, so that a request that is sent again is answered
//! the same, although its code is used up (S-05).

use std::sync::Arc;
use std::time::Duration;

use super::front::Front;
use crate::access::{self, ANSWER_KEPT, PrimedVerdict, ReplyKind};
use crate::audit::record::AuditRecord;
use crate::domain::dialogue::{Handle, PageLink};
use crate::domain::event::is_verdict;
use crate::domain::verdict::{Message, Question};
use crate::engine::{Engine, Rules};
use crate::log::info_always;
use crate::secret::SecretKey;
use crate::store::{AuditFilter, Read};
use crate::time::Now;

/// Audit records read at a time while looking for them.
const PRIME_PAGE: usize = 512;

/// Pages read at most: a start is not to wait for an import of the last seconds.
const PRIME_PAGES_MAX: usize = 2 * access::PRIMED_MAX / PRIME_PAGE;

/// Gives `front` the verdicts of the last seconds before the start.
pub(super) fn prime(front: &Front, engine: &Engine) {
    let handles = engine.keys().dialogue_key();
    let verdicts = verdicts(engine.reader(), &engine.rules(), handles, engine.now());
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
pub fn verdicts(
    reader: &dyn Read,
    rules: &Rules,
    handles: &SecretKey,
    now: Now,
) -> Vec<PrimedVerdict> {
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
            verdicts.extend(primed(&record, rules, handles));
        }
    }
    verdicts
}

/// The words of a question, with the link that stood in them. None: it cannot be made again.
fn linked(
    text: Box<str>,
    record: &AuditRecord,
    rules: &Rules,
    handle: &Handle,
) -> Option<Box<str>> {
    if !text.contains(PageLink::PLACE) {
        return Some(text);
    }
    let pages = rules.policy.pages.as_ref()?;
    let secret = handle.link(record.target.user_id?);
    let link = PageLink::new(pages, &secret).to_string();
    Some(text.replace(PageLink::PLACE, &link).into())
}

fn primed(record: &AuditRecord, rules: &Rules, handles: &SecretKey) -> Option<PrimedVerdict> {
    if !is_verdict(&record.event) {
        return None;
    }
    let gateway = record.gateway()?;
    let policy = rules
        .gateways
        .iter()
        .find(|known| *known.name == *gateway)?;
    let digest = record.datagram()?;
    let said = record
        .detail
        .get("message")
        .and_then(|text| text.as_str().map(Box::from));
    let (reply, message) = match record.event.as_str() {
        "auth.accept" => (ReplyKind::Accept, said),
        "auth.challenge" => {
            let kind = record.detail.get("kind")?.as_str()?;
            let left = Duration::from_secs(record.detail.get("seconds")?.as_u64()?);
            let handle = Handle::fresh(handles, &digest, record.wall);
            let question = Question::of(kind, policy, handle, left)?;
            let said = match said {
                Some(text) => Some(linked(text, record, rules, &handle)?),
                None => None,
            };
            (ReplyKind::Challenge(question), said)
        }
        _ => (
            ReplyKind::Reject,
            said.or_else(|| Some(rules.policy.say(Message::Denied, None).text.into())),
        ),
    };
    Some(PrimedVerdict {
        digest,
        gateway: Arc::clone(&policy.name),
        reply,
        message,
        decided: record.wall,
    })
}
