//! What stands in a person's way, and what to do: `why`, the screen of the help desk.
//!
//! The obstacle comes from the record as the next request would find it, the story from the audit
//! log, the likely cause from the reasons of the last attempts.

use std::sync::Arc;

use crate::control::reply::{Attempt, Diagnosis, Reply, Todo, Why, WhyAttempt};
use crate::domain::lockout::LockReason;
use crate::domain::passthrough;
use crate::domain::policy::{FirstFactorBy, GatewayPolicy};
use crate::domain::refusal::Refusal;
use crate::domain::token_record::{Status, TokenKind};
use crate::domain::user::{UserRecord, UserState};
use crate::domain::verdict::Reason;
use crate::domain::verify;
use crate::store::AuditFilter;

use super::auth::Deaf;
use super::desk::Desk;
use super::pages::{self, Wanted};
use super::view::View;

/// What stands in the way: one word, and the rest of the verdict line.
struct Obstacle {
    word: &'static str,
    text: String,
}

impl Desk<'_> {
    pub(super) fn why(
        &self,
        user: &str,
        gateway: Option<&str>,
        attempts: usize,
    ) -> Result<Reply, Refusal> {
        let record = self.person(user, "mfactl why")?;
        self.note_read(&record, "why");
        let asked = gateway.map(|name| self.gateway(name)).transpose()?;
        let view = View::of(self, &record);
        let open = self.open_at(&view, asked);
        let obstacle = self.obstacle(&view, &open, asked);
        let token = view
            .usable_primaries()
            .next()
            .map(|token| token.id.to_string());
        let told = self.last_attempts(&record, gateway, attempts)?;
        let verdict = verdict(&record, obstacle.as_ref(), &open, token.as_deref());
        let diagnosis = diagnosis(&told, obstacle.as_ref());
        Ok(Reply::Why(Box::new(Why {
            user: record.name().to_owned(),
            display_name: record.profile.display_name.clone(),
            now: self.now.wall.into(),
            can_sign_in: obstacle.is_none(),
            verdict,
            gateways: if obstacle.is_none() { open } else { Vec::new() },
            token,
            lock: view.lock(),
            last_login: view.last_login(),
            steps: steps(&view, obstacle.as_ref(), diagnosis.as_ref()),
            notes: notes(&view),
            obstacle: obstacle.map(|obstacle| obstacle.word.to_owned()),
            attempts: told.into_iter().map(in_words).collect(),
            diagnosis,
        })))
    }

    /// The gateways at which nothing but a code, or nothing at all, is wanted of the person.
    fn open_at(&self, view: &View<'_>, asked: Option<&Arc<GatewayPolicy>>) -> Vec<String> {
        let record = view.record;
        let gateways = self.rules.gateways.iter();
        let wanted =
            gateways.filter(|gateway| asked.is_none_or(|asked| asked.name == gateway.name));
        wanted
            .filter(|gateway| first_factor(view, gateway).is_none())
            .filter(|gateway| {
                let granted = gateway.allow_passthrough
                    && passthrough::current(record, Some(&gateway.name), self.now).is_some();
                granted || !verify::candidates(record, gateway, self.policy(), self.now).is_empty()
            })
            .map(|gateway| gateway.name.to_string())
            .collect()
    }

    fn obstacle(
        &self,
        view: &View<'_>,
        open: &[String],
        asked: Option<&Arc<GatewayPolicy>>,
    ) -> Option<Obstacle> {
        let (record, state) = (view.record, view.record.profile.state);
        let found = |word, text: String| Some(Obstacle { word, text });
        match state {
            UserState::Deactivated => {
                return found(
                    "deactivated",
                    format!("Deactivated by {}", record.profile.state_by),
                );
            }
            UserState::Revoke => return found("revoked", "every token was revoked".to_owned()),
            _ => {}
        }
        if let Some(lock) = &record.auth.lock {
            let until = lock.auto_until.map(|until| format!(" until {until}"));
            let text = format!(
                "locked since {}{}, reason {}",
                lock.since,
                until.unwrap_or_default(),
                lock.reason.name()
            );
            return found("locked", text);
        }
        if matches!(state, UserState::Reset | UserState::ResetAll) {
            return found(
                "workflow",
                format!("{}: an operator must act", state.title()),
            );
        }
        if !open.is_empty() {
            return None;
        }
        if let Some(gateway) = asked {
            if let Some((word, text)) = first_factor(view, gateway) {
                return found(word, text);
            }
        } else if view.pin_blocked() {
            return found("pin_blocked", "the PIN is blocked".to_owned());
        }
        let (word, text) = token_obstacle(view);
        found(word, text)
    }

    /// The last attempts, oldest first.
    fn last_attempts(
        &self,
        record: &UserRecord,
        gateway: Option<&str>,
        attempts: usize,
    ) -> Result<Vec<Attempt>, Refusal> {
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
        let row = |entry: &pages::Entry| self.attempt(entry, false);
        let (mut rows, _) = pages::records(self, &wanted, None, attempts, &mut Deaf, row)?;
        rows.reverse();
        Ok(rows)
    }
}

/// What a first factor that mfad checks has against the person at a gateway.
fn first_factor(view: &View<'_>, gateway: &GatewayPolicy) -> Option<(&'static str, String)> {
    let profile = &view.record.profile;
    match gateway.first_factor {
        FirstFactorBy::Gateway | FirstFactorBy::None => None,
        FirstFactorBy::Pin if profile.pin.is_none() => Some((
            "no_pin",
            format!("{} asks for a PIN and none is set", gateway.name),
        )),
        FirstFactorBy::Pin => view
            .pin_blocked()
            .then(|| ("pin_blocked", "the PIN is blocked".to_owned())),
        FirstFactorBy::Local if profile.password.is_none() => {
            let text = format!("{} asks for a local password and none is set", gateway.name);
            Some(("no_password", text))
        }
        FirstFactorBy::Local => None,
    }
}

/// Why no token counts.
fn token_obstacle(view: &View<'_>) -> (&'static str, String) {
    let tokens = view
        .record
        .profile
        .tokens
        .iter()
        .filter(|token| token.primary());
    let mut known: Vec<(Status, String)> = tokens
        .map(|token| (view.status(token), token.id.to_string()))
        .collect();
    known.retain(|(status, _)| *status != Status::Obsolete);
    let of = |wanted: Status| known.iter().find(|(status, _)| *status == wanted);
    for (status, word) in [
        (Status::Locked, "token_locked"),
        (Status::Disabled, "token_disabled"),
        (Status::Expired, "token_expired"),
        (Status::Pending, "token_pending"),
    ] {
        if let Some((status, id)) = of(status) {
            return (word, format!("{id} is {}", status.name()));
        }
    }
    match (known.is_empty(), view.record.profile.state) {
        (true, UserState::New | UserState::Replace) => (
            "no_token",
            format!("{}: no token yet", view.record.profile.state.title()),
        ),
        (true, _) => ("no_token", "there is no token to sign in with".to_owned()),
        (false, _) => (
            "not_here",
            "no gateway takes a token of this kind or state".to_owned(),
        ),
    }
}

fn verdict(
    record: &UserRecord,
    obstacle: Option<&Obstacle>,
    open: &[String],
    token: Option<&str>,
) -> String {
    match obstacle {
        Some(obstacle) => format!("CANNOT LOG IN: {}.", obstacle.text),
        None => {
            let with = token.map_or_else(
                || " without a code".to_owned(),
                |token| format!(" with {token}"),
            );
            let last = record.auth.last_login.as_ref();
            let last = last.map(|login| format!(" Last login {}.", login.at));
            format!(
                "CAN LOG IN at {}{with}.{}",
                open.join(" and "),
                last.unwrap_or_default()
            )
        }
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
        distance: None,
        repeated: row.repeated,
    }
}

/// The cause that the last attempts speak for.
fn diagnosis(rows: &[Attempt], obstacle: Option<&Obstacle>) -> Option<Diagnosis> {
    let found = |kind: &str, text: &str, detail: String| {
        Some(Diagnosis {
            kind: kind.to_owned(),
            text: text.to_owned(),
            detail: vec![detail],
        })
    };
    if rows.is_empty() {
        let text = "No packet of this person has arrived.";
        let detail = "The problem is before mfad: look at the VPN client or the gateway.";
        return found("no_packet", text, detail.to_owned());
    }
    let after = rows
        .iter()
        .rposition(|row| row.result == "accept")
        .map_or(0, |at| at + 1);
    let failed = rows.get(after..).unwrap_or_default();
    let count = |wanted: Reason| {
        failed
            .iter()
            .filter(|row| row.reason.as_deref() == Some(wanted.name()))
            .count()
    };
    let of = |n: usize| format!("{n} of the last {} attempts say so.", failed.len());
    let (pin, password, code) = (
        count(Reason::BadPin),
        count(Reason::BadPassword),
        count(Reason::BadCode),
    );
    let (no_pin, replay) = (count(Reason::NoPin), count(Reason::Replay));
    match failed.len() {
        0 => None,
        _ if count(Reason::UnsupportedAuth) > 0 => {
            let text = "The gateway does not send PAP; a code cannot be checked in anything else.";
            found("method", text, of(count(Reason::UnsupportedAuth)))
        }
        _ if pin > 0 && pin >= code => found(
            "wrong_pin",
            "The codes are right and the PIN is wrong.",
            of(pin),
        ),
        _ if password > 0 && password >= code => found(
            "wrong_password",
            "The codes are right and the password is wrong.",
            of(password),
        ),
        _ if no_pin > 0 && no_pin >= code => found(
            "no_pin",
            "The code comes without the PIN, or none is set.",
            of(no_pin),
        ),
        _ if replay > 0 && replay >= code => {
            let text = "The same code is sent twice, by the person or by portal and gateway.";
            found("same_code", text, of(replay))
        }
        _ if code > 0 => {
            let text = "Not enough to tell: wrong codes only.";
            let detail = "The phone's clock, another token, or a typing error.".to_owned();
            found("not_enough", text, detail)
        }
        _ => obstacle.and_then(|_| None),
    }
}

fn steps(view: &View<'_>, obstacle: Option<&Obstacle>, diagnosis: Option<&Diagnosis>) -> Vec<Todo> {
    let user = view.record.name();
    let todo = |text: &str, command: Option<String>| Todo {
        text: text.to_owned(),
        command,
    };
    let run = |text: &str, command: &str| todo(text, Some(format!("mfactl {command}")));
    let mut steps = Vec::new();
    if diagnosis.is_some_and(|diagnosis| diagnosis.kind == "not_enough") {
        let text = "Ask for the phone's date and time to be set to automatic, then for a new code.";
        steps.push(todo(text, None));
    }
    let reason = view.record.auth.lock.as_ref().map(|lock| lock.reason);
    let token = view
        .record
        .profile
        .tokens
        .iter()
        .find(|token| token.primary() && !matches!(view.status(token), Status::Obsolete));
    match (obstacle.map(|obstacle| obstacle.word), reason, token) {
        (Some("locked"), Some(LockReason::PinBlocked), _) | (Some("pin_blocked"), ..) => {
            steps.push(run(
                "The same PIN works again:",
                &format!("pin unblock {user}"),
            ));
            steps.push(run(
                "Or a new PIN:",
                &format!("pin reset {user} --generate"),
            ));
        }
        (Some("locked"), ..) => steps.push(run("End the lock:", &format!("user unlock {user}"))),
        (Some("no_pin"), ..) => {
            steps.push(run("Set a PIN:", &format!("pin reset {user} --generate")));
        }
        (Some("no_password"), ..) => {
            steps.push(run("Set one:", &format!("password set {user} --generate")));
        }
        (Some("deactivated"), ..) => {
            steps.push(run(
                "An admin brings the person back:",
                &format!("user reactivate {user}"),
            ));
        }
        (Some("revoked" | "no_token"), ..) => {
            steps.push(run(
                "A new token:",
                &format!("token add {user} --type totp"),
            ));
        }
        (Some("token_locked"), _, Some(token)) => {
            steps.push(run(
                "End the token's lock:",
                &format!("token unlock {}", token.id),
            ));
        }
        (Some("token_disabled"), _, Some(token)) => {
            steps.push(run("Switch it on:", &format!("token enable {}", token.id)));
        }
        (Some("token_pending"), ..) => {
            steps.push(run(
                "Show the QR code once more:",
                &format!("enroll qr {user}"),
            ));
        }
        (Some("token_expired"), ..) => {
            steps.push(run(
                "A new token:",
                &format!("token add {user} --type totp"),
            ));
        }
        _ => {}
    }
    let usable = view.usable_primaries().next();
    if let (Some(token), Some(_)) = (usable, diagnosis) {
        steps.push(run(
            "Try a code that is read to you:",
            &format!("token test {}", token.id),
        ));
    }
    if steps.is_empty() && obstacle.is_none() {
        steps.push(run(
            "Watch the next attempt:",
            &format!("auth log {user} --follow"),
        ));
    }
    steps
}

fn notes(view: &View<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let recovery = view
        .record
        .profile
        .tokens
        .iter()
        .find(|token| token.kind == TokenKind::Recovery && view.usable(token));
    if let (Some(token), true) = (recovery, view.policy.recovery_allow_login) {
        let left = token.codes_left(view.record.auth.token(token.id));
        if left > 0 {
            notes.push(format!(
                "{left} recovery codes are left; each stands in for a code once."
            ));
        }
    }
    for grant in view.live_grants() {
        notes.push(format!("Passthrough P-{} until {}.", grant.id, grant.until));
    }
    notes
}
