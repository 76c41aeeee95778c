//! What could stand at the cursor of a command line.
//!
//! Asked at every TAB, so a look is bounded in people read as well as in rows answered.

use crate::control::query::CandidateKind;
use crate::control::reply::{Candidate, Candidates, Reply};
use crate::domain::action::Role;
use crate::domain::attempt::attempt_id;
use crate::domain::refusal::Refusal;
use crate::domain::token_record::{Status, Token};
use crate::domain::user::{UserRecord, UserState};
use crate::store::{AuditFilter, Find};

use super::Answerer;
use super::auth::Deaf;
use super::census::groups;
use super::desk::{Desk, store};
use super::pages::{self, Wanted};
use super::view::View;

/// Rows answered at most.
const ROWS_MAX: usize = 50;
/// Signs of a name before names are offered.
const PREFIX_MIN: usize = 2;
/// People looked at for what no index leads to.
const PEOPLE_MAX: usize = 1_000;

impl Answerer {
    pub(super) fn complete(
        &self,
        desk: &Desk<'_>,
        kind: CandidateKind,
        prefix: &str,
        user: Option<&str>,
    ) -> Result<Reply, Refusal> {
        let config = self.config.load();
        let mut rows = match kind {
            CandidateKind::User => desk.names(prefix, &Find::default())?,
            CandidateKind::LockedUser => {
                let locked = Find {
                    locked: true,
                    ..Find::default()
                };
                let mut rows = desk.names_of(prefix, &locked)?;
                let others = desk.names(prefix, &Find::default())?;
                rows.extend(
                    others
                        .into_iter()
                        .filter(|row| row.text != "Account Lockout"),
                );
                rows
            }
            CandidateKind::Grant => desk.names_of(
                prefix,
                &Find {
                    passthrough: true,
                    ..Find::default()
                },
            )?,
            CandidateKind::Token => desk.tokens(prefix, user)?,
            CandidateKind::Gateway => {
                let first_factor = |g: &crate::config::Gateway| {
                    format!("first factor {}", g.policy.first_factor.name())
                };
                let gateways = config.gateways.iter();
                gateways
                    .map(|g| row(&g.policy.name, first_factor(g)))
                    .collect()
            }
            CandidateKind::Set => desk
                .policy()
                .sets
                .iter()
                .map(|(name, asked)| {
                    let each = groups(asked).into_iter().map(|kinds| kinds.join(" or "));
                    row(name, each.collect::<Vec<_>>().join(", and "))
                })
                .collect(),
            CandidateKind::Attempt => desk.attempts()?,
            CandidateKind::State => desk.states(user)?,
            CandidateKind::Serial => desk.serials(prefix)?,
            CandidateKind::HardwareSerial => {
                let found = desk.reader().hardware_list("", PEOPLE_MAX);
                let found = found.map_err(|error| store(&error))?;
                found
                    .into_iter()
                    .filter(|token| !token.compromised)
                    .map(|token| row(&token.serial, token.kind.name()))
                    .collect()
            }
            CandidateKind::ConfigKey => config
                .below("")
                .map(|(key, value)| row(key, value))
                .collect(),
        };
        rows.retain(|row| row.value.starts_with(prefix));
        rows.truncate(ROWS_MAX);
        Ok(Reply::Candidates(Candidates { rows }))
    }
}

impl Desk<'_> {
    /// Names from two signs on.
    fn names(&self, prefix: &str, find: &Find) -> Result<Vec<Candidate>, Refusal> {
        if prefix.chars().count() < PREFIX_MIN {
            return Ok(Vec::new());
        }
        self.names_of(prefix, find)
    }

    /// Names that begin so, with the state beside them.
    fn names_of(&self, prefix: &str, find: &Find) -> Result<Vec<Candidate>, Refusal> {
        let row_of = |record: &UserRecord| row(record.name(), record.current_state());
        // The store gives names after the cursor, so the one that is the prefix comes by itself.
        let whole = Find {
            text: Some(prefix.to_owned()),
            exact: true,
            ..find.clone()
        };
        let found = self
            .reader()
            .find(&whole, "", 1)
            .map_err(|error| store(&error))?;
        let rest = self
            .reader()
            .find(find, prefix, ROWS_MAX)
            .map_err(|error| store(&error))?;
        let all = found.into_iter().chain(rest);
        let all = all.take_while(|record| record.name().starts_with(prefix));
        Ok(all.map(|record| row_of(&self.settled(record))).collect())
    }

    /// Tokens of the person typed before, or of the one that the prefix names (`alice/`).
    fn tokens(&self, prefix: &str, user: Option<&str>) -> Result<Vec<Candidate>, Refusal> {
        let owner = user.or_else(|| prefix.split_once('/').map(|(owner, _)| owner));
        let Some(owner) = owner else {
            return self.names(prefix, &Find::default());
        };
        let Some(record) = self.engine.load(owner).map_err(|error| store(&error))? else {
            return Ok(Vec::new());
        };
        let record = self.settled((*record).clone());
        let view = View::of(self, &record);
        let tokens = record.profile.tokens.iter();
        let shown = tokens.filter(|token| view.status(token) != Status::Obsolete);
        let text = |token: &Token| format!("{}, {}", token.kind.name(), view.status(token).name());
        let mut rows = Vec::new();
        for token in shown {
            rows.push(row(&token.id.to_string(), text(token)));
            rows.extend(token.serial.as_ref().map(|serial| row(serial, text(token))));
            let short = format!("{owner}/{}", token.kind.name());
            if !rows.iter().any(|known| known.value == short) {
                rows.push(row(&short, text(token)));
            }
        }
        Ok(rows)
    }

    fn attempts(&self) -> Result<Vec<Candidate>, Refusal> {
        let filter = AuditFilter {
            event: Some("auth".to_owned()),
            ..AuditFilter::default()
        };
        let wanted = Wanted {
            filter,
            until: None,
        };
        let (rows, _) = pages::records(self, &wanted, None, ROWS_MAX, &mut Deaf, |entry| {
            let id = attempt_id(&entry.record.datagram()?).to_string();
            let shown = self.attempt(entry, false)?;
            Some(row(
                &id,
                format!("{} {} {}", shown.user, shown.result, shown.text),
            ))
        })?;
        Ok(rows)
    }

    // domain R17..R24: Deactivated and Revoke are an admin's; reactivate leads out of Deactivated.
    fn states(&self, user: Option<&str>) -> Result<Vec<Candidate>, Refusal> {
        let record = match user {
            Some(user) => self.engine.load(user).map_err(|error| store(&error))?,
            None => None,
        };
        let present = record.map(|record| record.profile.state);
        if present == Some(UserState::Deactivated) {
            return Ok(Vec::new());
        }
        let admins = |state| matches!(state, UserState::Deactivated | UserState::Revoke);
        let admin = self.operator.role >= Role::Admin;
        let states = UserState::ALL.into_iter();
        let legal = states.filter(|state| Some(*state) != present && (admin || !admins(*state)));
        Ok(legal
            .map(|state| row(state.name(), state.title()))
            .collect())
    }

    fn serials(&self, prefix: &str) -> Result<Vec<Candidate>, Refusal> {
        let mut looked = 0;
        let (mut rows, mut cursor) = (Vec::new(), String::new());
        while looked < PEOPLE_MAX && rows.len() < ROWS_MAX {
            let found = self.reader().find(&Find::default(), &cursor, ROWS_MAX);
            let found = found.map_err(|error| store(&error))?;
            let Some(last) = found.last() else { break };
            last.name().clone_into(&mut cursor);
            looked += found.len();
            for record in &found {
                let serials = record
                    .profile
                    .tokens
                    .iter()
                    .filter_map(|t| t.serial.as_ref());
                let fitting = serials.filter(|serial| serial.starts_with(prefix));
                rows.extend(fitting.map(|serial| row(serial, record.name())));
            }
        }
        Ok(rows)
    }
}

fn row(value: &str, text: impl Into<String>) -> Candidate {
    Candidate {
        value: value.to_owned(),
        text: text.into(),
    }
}
