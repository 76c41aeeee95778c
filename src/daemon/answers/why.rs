//! What stands in a person's way, and what to do: `why`, the screen of the help desk.
//!
//! The rules say what hinders and what it looks like ([`crate::domain::why`]); here the audit log
//! is read for them, and what they say is laid out for the wire.

use std::sync::Arc;

use smol_str::SmolStr;

use crate::control::reply::{Archived, Attempt, Diagnosis, Reply, Todo, Why, WhyAttempt};
use crate::domain::distance::Distance;
use crate::domain::explain::explain;
use crate::domain::policy::GatewayPolicy;
use crate::domain::refusal::Refusal;
use crate::domain::token_record::Status;
use crate::domain::user::{UserRecord, UserState};
use crate::domain::verdict::Reason;
use crate::domain::verify::demands_dialogue;
use crate::domain::wait;
use crate::domain::why::{self, Looks, PastAttempt};
use crate::store::AuditFilter;

use super::attempts::answered;
use super::auth::Deaf;
use super::desk::Desk;
use super::pages::{self, Wanted};
use super::view::View;

/// What stands between a command and what it is for, in the words of the rules.
const COMMAND_GAP: &str = "        ";

impl Desk<'_> {
    pub(super) fn why(
        &self,
        user: &str,
        gateway: Option<&str>,
        attempts: usize,
    ) -> Result<Reply, Refusal> {
        let record = self.person(user, "mfactl why")?;
        self.note_read(&record, "why");
        let gateways = match gateway {
            Some(name) => vec![Arc::clone(self.gateway(name)?)],
            None => self.rules.gateways.clone(),
        };
        let rows = self.last_attempts(&record, gateway, attempts)?;
        let archived = self.older(None).filter(|_| rows.len() < attempts);
        let older = archived.map(|archived| {
            let Archived { seq, at } = archived;
            format!(
                "What was before is archived, up to record {seq} of {at}.",
                at = at.0
            )
        });
        let past: Vec<PastAttempt> = rows.iter().map(|(past, _)| past.clone()).collect();
        let name = record.name();
        let (policy, role) = (self.policy(), self.operator.role);
        let told = why::why(
            Some(&record),
            name,
            &past,
            &gateways,
            policy,
            role,
            self.now,
        );
        let view = View::of(self, &record);
        let token = view.usable_primaries().next();
        let headline = told.headline.strip_prefix(name).map(str::trim_start);
        Ok(Reply::Why(Box::new(Why {
            user: name.to_owned(),
            display_name: record.profile.display_name.clone(),
            now: self.now.wall.into(),
            can_sign_in: told.can_log_in,
            obstacle: (!told.can_log_in).then(|| obstacle(&view).to_owned()),
            verdict: headline.unwrap_or(&told.headline).to_owned(),
            gateways: self.open_at(&record, &gateways),
            token: token.map(|token| token.id.to_string()),
            lock: view.lock(),
            waits: view.waits(),
            last_login: view.last_login(),
            attempts: rows.into_iter().map(|(_, row)| in_words(row)).collect(),
            diagnosis: told.looks_like.map(|looks| diagnosis(looks, told.detail)),
            steps: told.do_this.iter().map(|line| todo(line)).collect(),
            notes: told.closing.into_iter().chain(older).collect(),
        })))
    }

    /// The gateways at which a right passcode would be accepted.
    fn open_at(&self, record: &UserRecord, gateways: &[Arc<GatewayPolicy>]) -> Vec<String> {
        let (name, policy) = (record.name(), self.policy());
        let open = gateways.iter().filter(|gateway| {
            !explain(Some(record), name, gateway, policy, self.now).would_be_refused
        });
        open.map(|gateway| gateway.name.to_string()).collect()
    }

    /// The last attempts, oldest first.
    fn last_attempts(
        &self,
        record: &UserRecord,
        gateway: Option<&str>,
        attempts: usize,
    ) -> Result<Vec<(PastAttempt, Attempt)>, Refusal> {
        let filter = AuditFilter {
            user: Some(record.id),
            event: Some("auth".to_owned()),
            gateway: gateway.map(str::to_owned),
            ..AuditFilter::default()
        };
        let wanted = Wanted {
            filter,
            until: None,
        };
        let row = |entry: &pages::Entry| {
            let row = self.attempt(entry, false)?;
            Some((past(&row, entry, self.distance(&entry.record)), row))
        };
        let (mut rows, _) = pages::records(self, &wanted, None, attempts, &mut Deaf, row)?;
        rows.reverse();
        Ok(rows)
    }
}

/// An attempt as the rules want to know it.
fn past(row: &Attempt, entry: &pages::Entry, distance: Option<Distance>) -> PastAttempt {
    PastAttempt {
        at: row.at.0,
        gateway: Arc::from(row.gateway.as_str()),
        station: SmolStr::from(row.station.as_str()),
        answers: answered(&entry.record).map(SmolStr::from),
        refused: row.reason.as_deref().and_then(Reason::by_name),
        asked: row.result == "challenge",
        how: row.how.clone(),
        count: row.count.zip(row.limit),
        repeated: row.rule.as_deref() == Some("D17"),
        locked_now: row.locked.is_some(),
        distance,
    }
}

fn in_words(row: Attempt) -> WhyAttempt {
    WhyAttempt {
        id: row.id,
        at: row.at,
        gateway: row.gateway,
        station: row.station,
        result: row.result,
        text: row.text,
        counted: row.counted,
        count: row.count,
        limit: row.limit,
        locked: row.locked,
        waits_until: row.waits_until,
        distance: row.distance,
        repeated: row.repeated,
    }
}

/// One word for what hinders, in the order of the rules.
fn obstacle(view: &View<'_>) -> &'static str {
    let record = view.record;
    match record.profile.state {
        UserState::Deactivated => return "deactivated",
        UserState::Revoke => return "revoked",
        _ if record.auth.lock.is_some() => return "locked",
        _ if wait::keeps_out(record, view.now) => return "waiting",
        state if demands_dialogue(state) => return "workflow",
        _ if view.pin_blocked() => return "pin_blocked",
        _ => {}
    }
    let tokens = record.profile.tokens.iter().filter(|token| token.primary());
    let known: Vec<Status> = tokens.map(|token| view.status(token)).collect();
    let words = [
        (Status::Locked, "token_locked"),
        (Status::Disabled, "token_disabled"),
        (Status::Expired, "token_expired"),
        (Status::Pending, "token_pending"),
    ];
    let found = words.into_iter().find(|(status, _)| known.contains(status));
    match found {
        Some((_, word)) => word,
        None if known.iter().any(|status| status.usable()) => "not_here",
        None => "no_token",
    }
}

fn diagnosis(looks: Looks, detail: Vec<String>) -> Diagnosis {
    let kind = match looks {
        Looks::Clock { .. } => "clock",
        Looks::CounterAhead { .. } => "counter_ahead",
        Looks::OtherToken => "other_token",
        Looks::WrongFirstFactor => "wrong_pin",
        Looks::HalfMissing => "half_missing",
        Looks::UsedTwice => "used_twice",
        Looks::Method => "method",
        Looks::RanOut => "ran_out",
        Looks::OnlyGuesses => "only_guesses",
        Looks::NotEnough => "not_enough",
        Looks::Unanswered => "unanswered",
        Looks::NoPacket => "no_packet",
    };
    Diagnosis {
        kind: kind.to_owned(),
        text: looks.text(),
        detail,
    }
}

/// A line of advice: words, or a command and what it is for.
fn todo(line: &str) -> Todo {
    if !line.starts_with("mfactl ") {
        return Todo {
            text: line.to_owned(),
            command: None,
        };
    }
    let (command, text) = line.split_once(COMMAND_GAP).unwrap_or((line, ""));
    Todo {
        text: text.trim().to_owned(),
        command: Some(command.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_is_words_or_a_command() {
        let told = todo("mfactl pin unblock alice        the same PIN works at once");
        assert_eq!(told.command.as_deref(), Some("mfactl pin unblock alice"));
        assert_eq!(told.text, "the same PIN works at once");
        let told = todo("mfactl user unlock alice");
        assert_eq!(
            (told.command.as_deref(), told.text.as_str()),
            (Some("mfactl user unlock alice"), "")
        );
        assert_eq!(todo("look at the VPN client").command, None);
    }
}
