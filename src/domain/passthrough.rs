//! Temporary passthrough: a dated grant under which the second factor is not asked for
//! (domain rules 9). The first factor always is.
//!
//! The end is an exact instant, exclusive, compared at every request; no timer decides anything.
//! The first request or listing that sees a grant past its end marks it ended, so that a clock that
//! goes back does not revive it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::user::UserRecord;
use crate::time::{Now, Timestamp};

/// A grant, in the profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    /// Number shown as `P-31`, unique in the store.
    pub id: u32,
    /// Gateways it is for; empty: all that allow passthrough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gateways: Vec<String>,
    /// First instant.
    pub from: Timestamp,
    /// End, exclusive.
    pub until: Timestamp,
    /// Login name of the operator.
    pub by: String,
    /// The operator's words.
    pub reason: String,
    /// Renewals in the unbroken chain.
    #[serde(default)]
    pub renewals: u32,
    /// Where the unbroken chain began.
    pub first_from: Timestamp,
    /// Ended by an operator or a state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Revoked>,
    /// When the person was warned that it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warned: Option<Timestamp>,
    /// What a newer daemon wrote here.
    #[serde(flatten)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// An early end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoked {
    /// Login name, or the state that ended it.
    pub by: String,
    /// When.
    pub when: Timestamp,
}

/// The use of a grant, in the auth state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantState {
    /// Which grant.
    pub id: u32,
    /// Sign-ins under it.
    pub uses: u32,
    /// The last one.
    pub last_use: Option<Timestamp>,
    /// Seen past its end: never valid again, whatever the clock says.
    pub ended: bool,
}

impl GrantState {
    /// The state of a grant that was never used.
    #[must_use]
    pub const fn new(id: u32) -> Self {
        Self {
            id,
            uses: 0,
            last_use: None,
            ended: false,
        }
    }
}

/// Limits of domain rules 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassthroughPolicy {
    /// Length of a grant if none is stated.
    pub duration: Duration,
    /// Longest grant without an admin.
    pub max_duration: Duration,
    /// Renewals in an unbroken chain without an admin.
    pub max_renewals: u32,
    /// How long before the end people are warned.
    pub warn_before: Duration,
    /// The first sign-in with a token after an enrolment ends it.
    pub end_on_enrol: bool,
    /// Any sign-in with a token ends it.
    pub end_on_token_use: bool,
}

/// A gap of this length starts a new chain of renewals.
pub const CHAIN_GAP: Duration = Duration::from_secs(24 * 3600);

impl Grant {
    /// Whether it covers `gateway` at this moment.
    #[must_use]
    pub fn valid(&self, state: Option<&GrantState>, gateway: Option<&str>, now: Now) -> bool {
        let here = |name: &str| {
            self.gateways.is_empty() || self.gateways.iter().any(|listed| listed == name)
        };
        self.revoked.is_none()
            && !state.is_some_and(|state| state.ended)
            && now.earliest() >= self.from
            && now.latest() < self.until
            && gateway.is_none_or(here)
    }

    /// Whether it ends within `warn_before`, and nobody was warned. Of one that is no longer than that
    /// people were told just now.
    fn ends_soon(&self, state: Option<&GrantState>, warn_before: Duration, now: Now) -> bool {
        self.warned.is_none()
            && self.valid(state, None, now)
            && self.until.since(self.from) > warn_before
            && self.until.since(now.latest()) <= warn_before
    }

    /// Past its end and not yet marked so.
    #[must_use]
    pub fn expired_unmarked(&self, state: Option<&GrantState>, now: Now) -> bool {
        self.revoked.is_none()
            && !state.is_some_and(|state| state.ended)
            && now.latest() >= self.until
    }
}

/// The record with the grants that end soon marked as warned of, and their numbers; none if there are
/// none.
#[must_use]
pub fn warn(
    record: &UserRecord,
    policy: &PassthroughPolicy,
    now: Now,
) -> Option<(UserRecord, Vec<u32>)> {
    let grants = record.profile.grants.iter();
    let soon = grants
        .filter(|grant| grant.ends_soon(record.auth.grant(grant.id), policy.warn_before, now));
    let ids: Vec<u32> = soon.map(|grant| grant.id).collect();
    if ids.is_empty() {
        return None;
    }
    let mut record = record.clone();
    record.auth.revision += 1;
    let grants = record.profile_mut().grants.iter_mut();
    for grant in grants.filter(|grant| ids.contains(&grant.id)) {
        grant.warned = Some(now.wall);
    }
    Some((record, ids))
}

/// The grant that lets `user` in at `gateway`: of several, the one that ends last.
#[must_use]
pub fn current<'a>(user: &'a UserRecord, gateway: Option<&str>, now: Now) -> Option<&'a Grant> {
    user.profile
        .grants
        .iter()
        .filter(|grant| grant.valid(user.auth.grant(grant.id), gateway, now))
        .max_by_key(|grant| grant.until)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::explain::tests::alice;

    const HOUR: Duration = Duration::from_secs(3600);

    /// alice with a grant of three days.
    fn granted() -> UserRecord {
        let mut record = alice();
        record.profile_mut().grants.push(Grant {
            id: 7,
            gateways: Vec::new(),
            from: Timestamp(0),
            until: Timestamp(0) + 72 * HOUR,
            by: "bob".to_owned(),
            reason: String::new(),
            renewals: 0,
            first_from: Timestamp(0),
            revoked: None,
            warned: None,
            extra: serde_json::Map::new(),
        });
        record
    }

    fn warned(record: &UserRecord, hours: u32) -> Option<(UserRecord, Vec<u32>)> {
        let policy = crate::domain::policy::Policy::default().passthrough;
        warn(record, &policy, Now::at(Timestamp(0) + hours * HOUR))
    }

    #[test]
    fn a_warning_comes_once_a_day_before_the_end() {
        let record = granted();
        assert!(warned(&record, 47).is_none(), "too early");
        let (after, ids) = warned(&record, 48).unwrap();
        assert_eq!(
            (ids, after.auth.revision),
            (vec![7], record.auth.revision + 1)
        );
        assert!(warned(&after, 49).is_none(), "twice");
        assert!(warned(&record, 72).is_none(), "it is over");
    }

    #[test]
    fn a_grant_of_a_day_or_an_ended_one_has_no_warning() {
        let mut record = granted();
        record.profile_mut().grants[0].until = Timestamp(0) + 24 * HOUR;
        assert!(warned(&record, 1).is_none());
        let mut record = granted();
        record.auth.grant_mut(7).ended = true;
        assert!(warned(&record, 50).is_none());
    }
}
