//! The way to a new PIN by questions.

use std::sync::Arc;

use crate::domain::dialogue::emergency_open_to;
use crate::domain::policy::{GatewayPolicy, Policy};
use crate::domain::user::UserRecord;
use crate::time::Now;

/// The way to a new PIN that the person can go alone, if the PIN is in the way.
pub(super) fn lead(
    record: &UserRecord,
    gateways: &[Arc<GatewayPolicy>],
    policy: &Policy,
    now: Now,
) -> Option<String> {
    let blocked = record.auth.pin.blocked(policy.pin.block_duration, now);
    let open = |it: &&Arc<GatewayPolicy>| emergency_open_to(record, it, policy, now).is_some();
    let at = gateways.iter().filter(open).map(|it| &*it.name);
    let at: Vec<&str> = at.collect();
    let (keyword, at) = (&policy.emergency.keyword, at.join(", "));
    let leads = blocked && !keyword.is_empty() && !at.is_empty();
    leads.then(|| {
        format!(
            "Emergency Access is open: {keyword} in place of the code at {at} leads to a new PIN."
        )
    })
}
