//! Temporary passthrough: `passthrough list`, `passthrough uses`.

use serde_json::Value;

use crate::control::query::Page;
use crate::control::reply::{Grant, GrantPage, GrantUse, GrantUses, Reply};
use crate::domain::refusal::Refusal;
use crate::server::control::Sink;
use crate::store::{AuditFilter, Find};

use super::desk::Desk;
use super::pages::{self, Entry, Wanted};
use super::view::View;
use super::{attempts, filter};

/// Grants gathered to be put in the order of their ends.
const GRANTS_MAX: usize = 10_000;
/// Sentences beside a list.
const NOTES_MAX: usize = 5;

/// A grant, and whether its owner could sign in without it.
pub(super) struct Live {
    pub(super) grant: Grant,
    pub(super) has_token: bool,
}

impl Desk<'_> {
    /// All grants that count or will, the one that ends first in front.
    pub(super) fn grants(
        &self,
        expiring_s: Option<u64>,
        sink: &mut dyn Sink,
    ) -> Result<Vec<Live>, Refusal> {
        let coarse = Find {
            passthrough: true,
            ..Find::default()
        };
        let soon = |live: &Live| {
            expiring_s.is_none_or(|s| filter::within(self.now.latest(), live.grant.until.0, s))
        };
        let (mut rows, _) = pages::people(self, &coarse, None, GRANTS_MAX, sink, |record| {
            let view = View::of(self, record);
            let has_token = view.usable_primaries().next().is_some();
            let live = |grant| Live {
                grant: view.grant(grant),
                has_token,
            };
            view.live_grants().map(live).filter(soon).collect()
        })?;
        rows.sort_by(|a, b| key(&a.grant).cmp(&key(&b.grant)));
        Ok(rows)
    }

    pub(super) fn passthrough_list(
        &self,
        expiring_s: Option<u64>,
        page: &Page,
        sink: &mut dyn Sink,
    ) -> Result<Reply, Refusal> {
        let all = self.grants(expiring_s, sink)?;
        let notes = if page.cursor.is_none() {
            notes(&all)
        } else {
            Vec::new()
        };
        pages::answer(
            page,
            sink,
            |cursor, _| {
                let from = cursor.map_or(Ok(0), pages::number)?;
                let from = usize::try_from(from).unwrap_or(usize::MAX);
                let rest = all.get(from..).unwrap_or_default();
                let rows = rest
                    .iter()
                    .take(page.limit)
                    .map(|live| live.grant.clone())
                    .collect();
                let next = (rest.len() > page.limit).then(|| (from + page.limit).to_string());
                Ok((rows, next))
            },
            |rows, cursor| {
                Reply::GrantPage(GrantPage {
                    rows,
                    cursor,
                    notes: notes.clone(),
                })
            },
        )
    }

    pub(super) fn passthrough_uses(
        &self,
        user: &str,
        page: &Page,
        sink: &mut dyn Sink,
    ) -> Result<Reply, Refusal> {
        let record = self.person(user, "mfactl passthrough uses")?;
        let filter = AuditFilter {
            user: Some(record.id),
            event: Some("auth.accept".to_owned()),
            ..AuditFilter::default()
        };
        let wanted = Wanted {
            filter,
            until: None,
        };
        pages::answer(
            page,
            sink,
            |cursor, sink| pages::records(self, &wanted, cursor, page.limit, sink, grant_use),
            |rows, cursor| {
                Reply::GrantUses(GrantUses {
                    user: record.name().to_owned(),
                    rows,
                    cursor,
                })
            },
        )
    }
}

fn grant_use(entry: &Entry) -> Option<GrantUse> {
    let record = &entry.record;
    if record.detail.get("how").and_then(Value::as_str) != Some("passthrough") {
        return None;
    }
    Some(GrantUse {
        seq: entry.stored.seq,
        at: record.wall.into(),
        grant: attempts::grant_of(record)?,
        gateway: record.gateway().unwrap_or_default().to_owned(),
        station: record
            .from
            .as_ref()
            .map_or_else(String::new, |from| from.station.to_string()),
    })
}

fn key(grant: &Grant) -> (i64, &str) {
    (grant.until.0.0, &grant.user)
}

/// What a list of grants leaves to be said.
fn notes(all: &[Live]) -> Vec<String> {
    let note = |live: &Live| {
        let Grant {
            user,
            until,
            renewals,
            renewals_max,
            ..
        } = &live.grant;
        let spent = renewals >= renewals_max;
        match (spent, live.has_token) {
            (true, false) => Some(format!(
                "{user} cannot be renewed again without an admin, has no other token, and cannot \
                 log in from {until} on."
            )),
            (false, false) => Some(format!(
                "{user} has no other token and cannot log in from {until} on."
            )),
            (true, true) => Some(format!("{user} cannot be renewed again without an admin.")),
            (false, true) => None,
        }
    };
    all.iter().filter_map(note).take(NOTES_MAX).collect()
}
