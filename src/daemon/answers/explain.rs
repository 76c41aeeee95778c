//! What the next request would meet: `auth explain`.

use crate::control::reply::{Explain, Reply, Step};
use crate::domain::command::{TokenRef, words};
use crate::domain::explain::{self, Mark};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::user::UserRecord;

use super::desk::Desk;

impl Desk<'_> {
    pub(super) fn explain(
        &self,
        user: &str,
        gateway: &str,
        token: Option<&TokenRef>,
    ) -> Result<Reply, Refusal> {
        let gateway = self.gateway(gateway)?;
        let mut record = self.person(user, "mfactl why")?;
        if let Some(wanted) = token {
            self.keep_only(&mut record, wanted)?;
        }
        let told = explain::explain(Some(&record), user, gateway, self.policy(), self.now);
        let asks = |step: &explain::Step| step.mark == Mark::Unknown;
        let result = match (told.would_be_refused, told.steps.iter().any(asks)) {
            (true, _) => "refuse",
            (false, true) => "needs_code",
            (false, false) => "accept",
        };
        let line = told.verdict_line.as_str();
        let verdict = line.rsplit_once(": ").map_or(line, |(_, verdict)| verdict);
        Ok(Reply::Explain(Box::new(Explain {
            user: record.name().to_owned(),
            gateway: gateway.name.to_string(),
            now: self.now.wall.into(),
            result: result.to_owned(),
            verdict: verdict.to_owned(),
            steps: told.steps.into_iter().map(step).collect(),
            lifted: told.and_if_lifted.into_iter().map(step).collect(),
        })))
    }

    /// Leaves out all other tokens, as if the person would use this one.
    fn keep_only(&self, record: &mut UserRecord, wanted: &TokenRef) -> Result<(), Refusal> {
        let (owner, id) = self.token(wanted)?;
        if owner.id != record.id {
            let user = record.name();
            let what = format!("{id} is not a token of {user}");
            return Err(Refusal::new(Code::NoToken, what)
                .try_next(format!("mfactl token list {}", words::shell(user))));
        }
        record.profile_mut().tokens.retain(|token| token.id == id);
        Ok(())
    }
}

/// A step whose further lines stand by themselves.
fn step(step: explain::Step) -> Step {
    let mut lines = step.text.lines().map(str::to_owned);
    Step {
        rule: step.rule.to_owned(),
        mark: step.mark.text(),
        text: lines.next().unwrap_or_default(),
        detail: lines.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn further_lines_become_details() {
        let told = step(explain::Step {
            rule: "D6",
            mark: Mark::Stop,
            text: "locked\nlifted by".to_owned(),
        });
        assert_eq!((told.mark.as_str(), told.text.as_str()), ("STOP", "locked"));
        assert_eq!(told.detail, ["lifted by"]);
    }
}
