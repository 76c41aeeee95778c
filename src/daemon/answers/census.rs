//! Everybody counted once: `seats`, `set list`, `set show`.
//!
//! What the store has no index for is counted in a walk over all people, a page at a time, from a
//! snapshot: a sign-in is not held up by it, and it ends when nobody waits for it any more.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::control::reply::{
    Reply, Seats, SetCount, SetLack, SetList, SetRow, SetShow, StateCount,
};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::seats;
use crate::domain::token_record::TokenKind;
use crate::domain::user::UserState;
use crate::server::control::Sink;
use crate::store::Find;
use crate::time::Timestamp;

use super::desk::{Desk, store};
use super::pages;
use super::view::View;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// People whom `set show` names.
const NAMED_MAX: usize = 500;

/// People of one set who take a seat.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    people: u64,
    lacking: u64,
}

/// What a walk over everybody has counted; of people who take a seat only.
#[derive(Debug, Default)]
struct Census {
    sets: BTreeMap<String, Tally>,
    idle_30d: u64,
    idle_90d: u64,
    /// Those of the one set that is looked for who lack a token.
    named: Vec<SetLack>,
}

impl Desk<'_> {
    pub(super) fn seats(&self, sink: &mut dyn Sink) -> Result<Reply, Refusal> {
        let census = self.census(None, sink)?;
        let counts = self.reader().counts().map_err(|error| store(&error))?;
        let peak = self.reader().seats_peak().map_err(|error| store(&error))?;
        // Those who came before the peak was kept have never been one.
        let known = peak.seats >= counts.seats && peak.seats > 0;
        let limit = self.policy().seats_limit;
        let states = UserState::ALL.into_iter().zip(counts.by_state);
        Ok(Reply::Seats(Seats {
            counted: counts.seats,
            limit,
            free: (limit > 0).then(|| limit.saturating_sub(counts.seats)),
            states: states
                .map(|(state, count)| StateCount {
                    state: state.name().to_owned(),
                    title: state.title().to_owned(),
                    count,
                    counted: seats::takes(state),
                })
                .collect(),
            sets: census
                .sets
                .into_iter()
                .map(|(set, tally)| SetCount {
                    set,
                    count: tally.people,
                })
                .collect(),
            peak: peak.seats.max(counts.seats),
            peak_at: known.then(|| peak.at.into()),
            no_login_30d: census.idle_30d,
            no_login_90d: census.idle_90d,
        }))
    }

    pub(super) fn set_list(&self, sink: &mut dyn Sink) -> Result<Reply, Refusal> {
        let mut census = self.census(None, sink)?;
        let policy = self.policy();
        let mut rows: Vec<SetRow> = policy
            .sets
            .iter()
            .map(|(name, asked)| {
                let tally = census.sets.remove(name).unwrap_or_default();
                SetRow {
                    set: name.clone(),
                    default: *name == policy.default_set,
                    known: true,
                    groups: groups(asked),
                    people: tally.people,
                    lacking: tally.lacking,
                }
            })
            .collect();
        // Sets of people that the configuration no longer has.
        rows.extend(census.sets.into_iter().map(|(set, tally)| SetRow {
            set,
            people: tally.people,
            lacking: tally.lacking,
            ..SetRow::default()
        }));
        Ok(Reply::SetList(SetList { rows }))
    }

    pub(super) fn set_show(&self, set: &str, sink: &mut dyn Sink) -> Result<Reply, Refusal> {
        let policy = self.policy();
        let known = || policy.sets.iter().map(|(name, _)| name.as_str());
        let Some((_, asked)) = policy.sets.iter().find(|(name, _)| name == set) else {
            let what = format!("there is no authentication set `{set}`");
            let refusal = Refusal::new(Code::Arg, what).try_next("mfactl set list");
            return Err(match crate::config::nearest(set, known()) {
                None => refusal.why(format!("known: {}", known().collect::<Vec<_>>().join(", "))),
                Some(close) => refusal.why(format!("did you mean {close}?")),
            });
        };
        let census = self.census(Some(set), sink)?;
        let tally = census.sets.get(set).copied().unwrap_or_default();
        Ok(Reply::SetShow(SetShow {
            set: set.to_owned(),
            default: set == policy.default_set,
            groups: groups(asked),
            recovery: policy.recovery_allow_login,
            people: tally.people,
            lacking: tally.lacking,
            rows: census.named,
        }))
    }

    /// Counts everybody who takes a seat, and names those of the set `named` who lack a token.
    fn census(&self, named: Option<&str>, sink: &mut dyn Sink) -> Result<Census, Refusal> {
        let mut census = Census::default();
        let now = self.now.wall;
        let idle = |since: Timestamp, days: u32| now >= since + DAY * days;
        pages::people(self, &Find::default(), None, usize::MAX, sink, |record| {
            let (view, profile) = (View::of(self, record), &record.profile);
            if !seats::takes(profile.state) {
                return Vec::<()>::new();
            }
            let login = record.auth.last_login.as_ref().map(|login| login.at);
            let since = login.unwrap_or(profile.created);
            census.idle_30d += u64::from(idle(since, 30));
            census.idle_90d += u64::from(idle(since, 90));
            let set = profile.set.as_deref().unwrap_or(&self.policy().default_set);
            let lacks = !view.complete();
            let tally = census.sets.entry(set.to_owned()).or_default();
            tally.people += 1;
            tally.lacking += u64::from(lacks);
            if lacks && named == Some(set) && census.named.len() < NAMED_MAX {
                census.named.push(SetLack {
                    user: record.name().to_owned(),
                    display_name: profile.display_name.clone(),
                    state: record.current_state().to_owned(),
                    missing: groups(view.groups_without()),
                });
            }
            Vec::new()
        })?;
        Ok(census)
    }
}

/// Groups of a set, each with the kinds of which any will do.
pub(super) fn groups<'a>(groups: impl IntoIterator<Item = &'a Vec<TokenKind>>) -> Vec<Vec<String>> {
    let names = |kinds: &Vec<TokenKind>| kinds.iter().map(|kind| kind.name().to_owned()).collect();
    groups.into_iter().map(names).collect()
}
