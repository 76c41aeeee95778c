//! What the next request would meet: `auth explain`.

use crate::control::reply::{Explain, Reply, Step};
use crate::domain::command::TokenRef;
use crate::domain::passthrough;
use crate::domain::policy::{FirstFactorBy, GatewayPolicy};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::user::{UserRecord, UserState};
use crate::domain::verify;
use crate::token::TokenId;

use super::desk::Desk;
use super::view::View;

impl Desk<'_> {
    pub(super) fn explain(
        &self,
        user: &str,
        gateway: &str,
        token: Option<&TokenRef>,
    ) -> Result<Reply, Refusal> {
        let gateway = self.gateway(gateway)?;
        let record = self.person(user, "mfactl why")?;
        let token = match token {
            None => None,
            Some(wanted) => {
                let (owner, id) = self.token(wanted)?;
                if owner.id != record.id {
                    let what = format!("{id} is not a token of {user}");
                    return Err(Refusal::new(Code::NoToken, what)
                        .try_next(format!("mfactl token list {user}")));
                }
                Some(id)
            }
        };
        let mut steps = self.rules_for(&record, gateway, token);
        let stop = steps.iter().position(|step| step.mark == "STOP");
        let lifted = match stop {
            Some(at) => steps.split_off(at + 1),
            None => Vec::new(),
        };
        let granted = passthrough::current(&record, Some(&gateway.name), self.now).is_some();
        let (result, words) = match (stop, granted && gateway.allow_passthrough) {
            (Some(_), _) => ("refuse", "WOULD BE REFUSED"),
            (None, true) => ("accept", "NEEDS NO CODE"),
            (None, false) => ("needs_code", "NEEDS A CODE"),
        };
        Ok(Reply::Explain(Box::new(Explain {
            user: record.name().to_owned(),
            gateway: gateway.name.to_string(),
            now: self.now.wall.into(),
            result: result.to_owned(),
            verdict: format!("{} at {}: {words}", record.name(), gateway.name),
            steps,
            lifted,
        })))
    }

    // domain 3.1.
    fn rules_for(
        &self,
        record: &UserRecord,
        gateway: &GatewayPolicy,
        token: Option<TokenId>,
    ) -> Vec<Step> {
        let view = View::of(self, record);
        let state = record.profile.state;
        let closed = matches!(state, UserState::Deactivated | UserState::Revoke);
        let lock = record.auth.lock.as_ref();
        let grant = passthrough::current(record, Some(&gateway.name), self.now)
            .filter(|_| gateway.allow_passthrough);
        let mut candidates = verify::candidates(record, gateway, self.policy(), self.now);
        candidates.retain(|candidate| token.is_none_or(|id| candidate.id == id));
        let names: Vec<String> = candidates
            .iter()
            .map(|token| format!("{} {}", token.id, token.kind.name()))
            .collect();
        let (first_mark, first_text) = first_factor(&view, gateway);
        let due = matches!(state, UserState::Reset | UserState::ResetAll);
        let none = candidates.is_empty() && grant.is_none();
        vec![
            step(
                "D4",
                "ok",
                format!("{}, revision {}", record.name(), record.auth.revision),
            ),
            step(
                "D5",
                if closed { "STOP" } else { "ok" },
                state.title().to_owned(),
            ),
            match lock {
                None => step("D6", "ok", "not locked".to_owned()),
                Some(lock) => {
                    let text = format!("locked {}, {}", lock.since, lock.reason.name());
                    step("D6", "STOP", text)
                }
            },
            step("D7", first_mark, first_text),
            match grant {
                None => step("D8", "-", "no passthrough grant".to_owned()),
                Some(grant) => step("D8", "ok", format!("P-{} until {}", grant.id, grant.until)),
            },
            match due {
                true => step(
                    "D9",
                    "STOP",
                    format!("{}: an operator must act", state.title()),
                ),
                false => step("D9", "ok", "no workflow stands in the way".to_owned()),
            },
            match none {
                true => step(
                    "D10",
                    "STOP",
                    "no token that could verify anything".to_owned(),
                ),
                false => step("D10", &candidates.len().to_string(), names.join(", ")),
            },
            match grant {
                Some(_) => step("D11", "-", "no code needed".to_owned()),
                None => step(
                    "D11",
                    "?",
                    "needs a code that was never accepted".to_owned(),
                ),
            },
        ]
    }
}

fn first_factor(view: &View<'_>, gateway: &GatewayPolicy) -> (&'static str, String) {
    let profile = &view.record.profile;
    match gateway.first_factor {
        FirstFactorBy::Gateway => ("ok", format!("{} checks the password itself", gateway.name)),
        FirstFactorBy::None => ("-", "no first factor is asked for".to_owned()),
        FirstFactorBy::Pin if view.pin_blocked() => ("STOP", "the PIN is blocked".to_owned()),
        FirstFactorBy::Pin if profile.pin.is_some() => ("?", "needs the PIN".to_owned()),
        FirstFactorBy::Pin => ("STOP", "no PIN is set".to_owned()),
        FirstFactorBy::Local if profile.password.is_some() => {
            ("?", "needs the local password".to_owned())
        }
        FirstFactorBy::Local => ("STOP", "no local password is set".to_owned()),
    }
}

fn step(rule: &str, mark: &str, text: String) -> Step {
    Step {
        rule: rule.to_owned(),
        mark: mark.to_owned(),
        text,
        detail: Vec::new(),
    }
}
