//! `why`: what stands in a person's way, and what to do about it; the help desk's screen.
//!
//! The headline is what the rules would say now, at every gateway ([`explain`]'s functions); the
//! attempts are what the audit log kept. What they look like is one of a fixed list ([`Looks`]),
//! each with its own advice, so that every advice can be tested. Where the attempts do not tell, it
//! says so. Which half of a passcode was wrong is for who may help with it: a viewer reads "wrong
//! passcode" for either.

mod ahead;
mod far_off;
mod looks;
mod questions;
mod reset;

use std::sync::Arc;

use smol_str::SmolStr;

use self::ahead::{due, way_to_a_token};
use super::action::Role;
use super::command::words;
use super::dialogue::{self, Shows};
use super::distance::Distance;
use super::explain::explain;
use super::lockout::{Lock, LockReason};
use super::methods;
use super::outlook;
use super::passthrough;
use super::policy::{FirstFactorBy, GatewayPolicy, Otherwise, Policy};
use super::rekey::Rekey;
use super::token_record::{Base, Status, Token, effective};
use super::user::{UserRecord, UserState};
use super::verdict::Reason;
use super::verify;
use super::wait::{self, Wait};
use crate::time::{Now, Timestamp};

pub use looks::Looks;

/// Most attempts that are shown, the newest ones.
pub const ATTEMPTS_SHOWN_MAX: usize = 10;

/// One attempt as the audit log has it; made of its records by whoever can read them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastAttempt {
    /// When.
    pub at: Timestamp,
    /// Through which gateway.
    pub gateway: Arc<str>,
    /// Calling-Station-Id; empty if none was sent.
    pub station: SmolStr,
    /// The name of the [kind](dialogue::Kind) of question that it answers; none: it answers none.
    pub answers: Option<SmolStr>,
    /// Why it was refused; none: accepted.
    pub refused: Option<Reason>,
    /// It ended in a question, and so is neither a success nor a failure.
    pub asked: bool,
    /// By what it was accepted: the name of a [`How`](super::verdict::How).
    pub how: Option<String>,
    /// C3 after it, and the limit; none if it was not counted.
    pub count: Option<(u32, u32)>,
    /// The same wrong passcode again, not counted.
    pub repeated: bool,
    /// It locked the person.
    pub locked_now: bool,
    /// How far off its code was, if that is known.
    pub distance: Option<Distance>,
}

impl PastAttempt {
    /// Whether a code of a device was to be typed in it.
    fn of_device(&self) -> bool {
        self.answers
            .as_deref()
            .is_none_or(dialogue::Kind::of_device)
    }
}

/// One line of the list of attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When.
    pub at: Timestamp,
    /// Through which gateway.
    pub gateway: Arc<str>,
    /// Calling-Station-Id.
    pub station: SmolStr,
    /// `accept` or `reject`.
    pub result: &'static str,
    /// In words.
    pub what: String,
    /// `3 of 5`; empty if not counted.
    pub count: String,
    /// It locked the person.
    pub locked_now: bool,
}

/// The whole screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// `alice CANNOT LOG IN: ...`.
    pub headline: String,
    /// A right passcode would be accepted at one gateway at least.
    pub can_log_in: bool,
    /// The last attempts, oldest first.
    pub attempts: Vec<Line>,
    /// What they look like; none where the headline says it all.
    pub looks_like: Option<Looks>,
    /// How that is known.
    pub detail: Vec<String>,
    /// What to do, in this order.
    pub do_this: Vec<String>,
    /// What else helps to know.
    pub closing: Vec<String>,
}

/// Says why `name` cannot log in, or that nothing hinders.
#[must_use]
pub fn why(
    record: Option<&UserRecord>,
    name: &str,
    attempts: &[PastAttempt],
    gateways: &[Arc<GatewayPolicy>],
    policy: &Policy,
    role: Role,
    now: Now,
) -> Why {
    let unanswered = attempts.last().is_some_and(|last| last.asked);
    let judged = attempts.iter().filter(|attempt| !attempt.asked);
    let judged: Vec<PastAttempt> = judged.cloned().collect();
    let from = judged.len().saturating_sub(ATTEMPTS_SHOWN_MAX);
    let recent = judged.get(from..).unwrap_or_default();
    let lines = recent.iter().map(|attempt| line(attempt, role)).collect();
    let Some(record) = record else {
        return unknown(name, gateways, lines);
    };
    let open: Vec<&GatewayPolicy> = gateways
        .iter()
        .map(AsRef::as_ref)
        .filter(|gateway| !explain(Some(record), name, gateway, policy, now).would_be_refused)
        .collect();
    let can_log_in = !open.is_empty();
    let (headline, mut do_this) = if can_log_in {
        (can(record, &open, policy, now), Vec::new())
    } else {
        let (what, advice) = obstacle(record, policy, now);
        (format!("{name} CANNOT LOG IN: {what}"), advice)
    };
    let uncoded = can_log_in && outlook::lacks_code(record, gateways, policy, now);
    if uncoded {
        let name = words::shell(name);
        do_this.push(format!(
            "mfactl auth-code generate {name}        asked for at the sign-in, and none is out"
        ));
    }
    let far = far_off::far_off(record, recent, policy, now);
    let looks_like = match &far {
        Some(far) => Some(far.looks),
        None => looks::looks(recent, unanswered, role, can_log_in)
            .filter(|looks| !uncoded || *looks != Looks::NoPacket),
    };
    if let Some(looks) = looks_like {
        let token = match &far {
            Some(far) => Some(far.token.to_string()),
            None => tested(record, policy, now),
        };
        let mut advice = looks.advice(&words::shell(name), token.as_deref());
        // The cause is mended first: an unlock before it only brings the next lock.
        let first = usize::from(far.is_some()).min(advice.len());
        let rest = advice.split_off(first);
        do_this.splice(0..0, advice);
        do_this.extend(rest);
    }
    Why {
        headline,
        can_log_in,
        attempts: lines,
        looks_like,
        detail: far.map_or_else(Vec::new, |far| far.detail),
        do_this,
        closing: questions::lead(record, gateways, policy, now)
            .into_iter()
            .chain(closing(record, gateways, &open, policy, now, attempts))
            .collect(),
    }
}

/// The screen about a name that nobody has.
fn unknown(name: &str, gateways: &[Arc<GatewayPolicy>], attempts: Vec<Line>) -> Why {
    let let_in = gateways.iter().filter(|gateway| {
        gateway.unknown_user == Otherwise::Passthrough
            && gateway.first_factor == FirstFactorBy::Gateway
    });
    let closing = let_in.map(|gateway| {
        let gateway = &gateway.name;
        format!("{gateway} lets in names that are not known (unknown_user = passthrough)")
    });
    Why {
        headline: format!("{name} CANNOT LOG IN: there is no user of this name"),
        can_log_in: false,
        attempts,
        looks_like: None,
        detail: Vec::new(),
        do_this: vec![format!(
            "mfactl user find {}        for names that are close",
            words::shell(name)
        )],
        closing: closing.collect(),
    }
}

/// The first line about a person whom nothing hinders.
fn can(record: &UserRecord, open: &[&GatewayPolicy], policy: &Policy, now: Now) -> String {
    let name = record.name();
    let at: Vec<&str> = open.iter().map(|gateway| &*gateway.name).collect();
    let mut with: Vec<String> = Vec::new();
    for gateway in open {
        let tokens = methods::candidates(record, gateway, policy, &[], now);
        let mut here: Vec<String> = tokens
            .map(|token| format!("{} ({})", token.id, token.kind.name()))
            .collect();
        let way = dialogue::way(record, gateway, policy, now);
        if here.is_empty() && way.is_some_and(|way| way.lets_in) {
            let coded = way.is_some_and(|way| way.shows == Shows::AuthCode);
            let when = match outlook::no_code(record, policy, now).filter(|_| coded) {
                Some(_) => " once an auth code is out",
                None => "",
            };
            here.push(format!("a new token, to which the sign-in leads{when}"));
        }
        here.retain(|token| !with.contains(token));
        with.extend(here);
    }
    let with = if with.is_empty() {
        "without a token".to_owned()
    } else {
        format!("with {}", with.join(" or "))
    };
    let last = record.auth.last_login.as_ref().map_or_else(
        || "Never logged in so far.".to_owned(),
        |last| format!("Last login {}.", last.at),
    );
    format!("{name} CAN LOG IN at {} {with}. {last}", at.join(", "))
}

/// The token whose code can be tried on the phone.
fn tested(record: &UserRecord, policy: &Policy, now: Now) -> Option<String> {
    let mut tokens = record.profile.tokens.iter();
    let token = tokens
        .find(|token| token.kind.computes() && effective(record, token, policy, now).usable())?;
    Some(token.id.to_string())
}

/// What hinders a person whom no gateway lets in, in the order of the rules, and the way out.
fn obstacle(record: &UserRecord, policy: &Policy, now: Now) -> (String, Vec<String>) {
    let name = words::shell(record.name());
    let since = record.profile.state_since;
    let title = record.profile.state.title();
    let state = format!("{title} since {since}");
    match record.profile.state {
        UserState::Deactivated => {
            let command = format!("mfactl user reactivate {name}        (admin)");
            return (state, vec![command]);
        }
        UserState::Revoke => {
            let command = format!("mfactl user set-state {name} new -r TEXT        (admin)");
            return (state, vec![command]);
        }
        _ => {}
    }
    if let Some(lock) = &record.auth.lock {
        return locked(&name, lock);
    }
    let waits = wait::all(record, now);
    if let Some(wait) = waits.first().filter(|_| wait::keeps_out(record, now)) {
        let advice = format!("mfactl user unlock {name}        or wait until it is over");
        return (waiting(wait), vec![advice]);
    }
    if verify::demands_dialogue(record.profile.state) {
        // No gateway leads through it.
        let command = format!(
            "mfactl user set-state {name} steady -r TEXT        once it is done (operator)"
        );
        return (state, vec![command]);
    }
    if record.auth.pin.blocked(policy.pin.block_duration, now) {
        let advice = format!("mfactl pin unblock {name}        the same PIN works at once");
        return ("the PIN is blocked".to_owned(), vec![advice]);
    }
    no_token(record, policy, now)
}

/// Locked: by whom and why.
fn locked(name: &str, lock: &Lock) -> (String, Vec<String>) {
    let by = lock
        .by
        .as_ref()
        .map_or_else(String::new, |by| format!(" by {by}"));
    let end = lock
        .auto_until
        .map_or_else(String::new, |end| format!(", until {end}"));
    let (since, reason) = (lock.since, lock.reason.name());
    let command = match lock.reason {
        LockReason::PinBlocked => {
            format!("mfactl pin unblock {name}        the same PIN works at once")
        }
        LockReason::Failures => format!("mfactl user unlock {name}"),
        LockReason::Inactivity => {
            format!("mfactl user unlock {name}        the days count anew from then on")
        }
        LockReason::Operator => {
            format!("mfactl user unlock {name}        after asking who locked it")
        }
    };
    let what = format!("locked{by} since {since}, reason {reason}{end}");
    (what, vec![command])
}

/// Made to wait: by how many failures, and until when.
fn waiting(wait: &Wait) -> String {
    let from = wait
        .station
        .as_ref()
        .map_or_else(String::new, |station| format!(", the last from {station}"));
    let (failures, until) = (wait.failures, wait.until);
    format!("waits until {until} after {failures} failures{from}")
}

/// No token counts: which there are, and how each would again.
fn no_token(record: &UserRecord, policy: &Policy, now: Now) -> (String, Vec<String>) {
    let name = words::shell(record.name());
    let tokens: Vec<&Token> = record
        .profile
        .tokens
        .iter()
        .filter(|t| t.primary())
        .collect();
    let add = format!("mfactl token add {name} --type totp        (operator)");
    if tokens.is_empty() {
        let title = record.profile.state.title();
        return (format!("no token; {title}"), vec![add]);
    }
    let mut advice = Vec::new();
    let mut facts = Vec::new();
    for token in tokens {
        let id = token.id;
        let state = record.auth.token(id);
        let hard = state.is_some_and(|state| state.hard_locked(policy.lockout.hard_cap));
        let resync = state.is_some_and(|state| state.resync_required);
        let status = effective(record, token, policy, now);
        let (fact, way) = match status {
            Status::Locked if hard => ("locked for good", add.clone()),
            Status::Locked => ("locked", format!("mfactl token unlock {id}")),
            Status::Disabled => (
                "disabled",
                format!("mfactl token enable {id}        (operator)"),
            ),
            Status::Pending => (
                "pending",
                format!("mfactl token confirm {id}        (operator)"),
            ),
            Status::Active | Status::Registered if resync => {
                ("to be resynced", format!("mfactl token resync {id}"))
            }
            Status::Active | Status::Registered if token.kind.is_sent() => {
                ("not asked for: no gateway sends its codes", add.clone())
            }
            Status::Active | Status::Registered => ("not accepted at any gateway", add.clone()),
            Status::Obsolete if token.base != Base::Obsolete => {
                ("OBSOLETE, its type is out of date here", add.clone())
            }
            other => (other.name(), add.clone()),
        };
        let reset = rekey_of(record, token).map(|rekey| format!(": {rekey}"));
        let reset = reset.unwrap_or_default();
        facts.push(format!("{id} ({}) is {fact}{reset}", token.kind.name()));
        if !advice.contains(&way) {
            advice.push(way);
        }
    }
    (facts.join(", "), advice)
}

/// When, by whom and why the secret of this token was reset, while a new token is awaited.
fn rekey_of(record: &UserRecord, token: &Token) -> Option<String> {
    let rekey = record.profile.rekey.as_ref()?;
    let Rekey { at, by, why, .. } = rekey;
    (rekey.token == token.id).then(|| format!("secret reset {at} by {by} ({why})"))
}

/// The attempts after the last that was accepted.
fn since_accept(attempts: &[PastAttempt]) -> &[PastAttempt] {
    let mut runs = attempts.rsplit(|attempt| attempt.refused.is_none());
    runs.next().unwrap_or_default()
}

/// One attempt in words.
fn line(attempt: &PastAttempt, role: Role) -> Line {
    let what = match (attempt.refused, attempt.repeated) {
        (None, _) => accepted_by(attempt.how.as_deref()).to_owned(),
        (Some(Reason::BadCode), true) if role > Role::Viewer => {
            "the same code again, not counted".to_owned()
        }
        (Some(_), true) => "the same passcode again, not counted".to_owned(),
        (Some(reason), false) => in_words(reason, role).to_owned(),
    };
    let of = |(count, limit)| match limit {
        0 => format!("{count}"),
        limit => format!("{count} of {limit}"),
    };
    Line {
        at: attempt.at,
        gateway: Arc::clone(&attempt.gateway),
        station: attempt.station.clone(),
        result: if attempt.refused.is_some() {
            "reject"
        } else {
            "accept"
        },
        what,
        count: attempt.count.map_or_else(String::new, of),
        locked_now: attempt.locked_now,
    }
}

fn accepted_by(how: Option<&str>) -> &'static str {
    match how {
        Some("grace") => "the same code once more, within the grace",
        Some("recovery") => "recovery code",
        Some("passthrough") => "passthrough, no code asked for",
        Some("policy_passthrough") => "let in by the gateway's policy, no code asked for",
        _ => "right code",
    }
}

const fn in_words(reason: Reason, role: Role) -> &'static str {
    use Reason::{BadCode, BadPassword, BadPin, NoPin};
    match (reason, role) {
        (BadCode | BadPin | NoPin | BadPassword, Role::Viewer) => "wrong passcode",
        (BadCode, _) => "wrong code",
        (BadPin, _) => "right code, wrong PIN",
        (NoPin, _) => "right code, no PIN",
        (BadPassword, _) => "right code, wrong password",
        (Reason::Replay, _) => "code used before, not counted",
        (Reason::Locked, _) => "locked, code not looked at",
        (Reason::Waiting, _) => "waiting, code not looked at",
        (Reason::PinBlocked, _) => "PIN blocked, not looked at",
        (Reason::Deactivated, _) => "deactivated, code not looked at",
        (Reason::Revoked, _) => "credential revoked, code not looked at",
        (Reason::ExpiredToken, _) => "token expired, code not looked at",
        (Reason::NoToken, _) => "no token counts, code not looked at",
        (Reason::UnknownUser, _) => "name not known",
        (Reason::UnsupportedAuth, _) => "not PAP, nothing to look at",
        (Reason::DialogueExpired, _) => "answer to a dialogue that is over",
        (Reason::Unfinished, _) => "the dialogue came to no good end",
        (Reason::Policy, _) => "a step by an operator is due, code not looked at",
        (Reason::Internal, _) => "mfad could not decide",
    }
}

/// What else helps to know: the other ways in, and what is about to end.
fn closing(
    record: &UserRecord,
    gateways: &[Arc<GatewayPolicy>],
    open: &[&GatewayPolicy],
    policy: &Policy,
    now: Now,
    attempts: &[PastAttempt],
) -> Vec<String> {
    let mut lines = way_to_a_token(record, gateways, policy, now);
    let can_log_in = !open.is_empty();
    lines.extend(reset::asks(record, open, policy, now));
    lines.extend(due(record, open, policy, now));
    for wait in wait::all(record, now).iter().filter(|_| can_log_in) {
        let who = match &wait.known_at {
            Some(gateway) => format!("A station known at {gateway}"),
            None => "Who comes from a station that is not known".to_owned(),
        };
        lines.push(format!(
            "{who} {}: mfactl user unlock {} ends it.",
            waiting(wait),
            words::shell(record.name())
        ));
    }
    if let Some(grant) = passthrough::current(record, None, now) {
        lines.push(format!(
            "Passthrough P-{} runs until {}.",
            grant.id, grant.until
        ));
    }
    if let Some(rekey) = record.profile.rekey.as_ref().filter(|_| can_log_in) {
        lines.push(format!(
            "The secret of {} was reset {} by {} ({}); a new token is awaited: mfactl token add {} \
             --type totp",
            rekey.token,
            rekey.at,
            rekey.by,
            rekey.why,
            words::shell(record.name())
        ));
    }
    let left: u32 = record
        .profile
        .tokens
        .iter()
        .filter(|token| !token.primary() && policy.recovery_allow_login)
        .filter(|token| effective(record, token, policy, now).usable())
        .map(|token| token.codes_left(record.auth.token(token.id)))
        .sum();
    if left > 0 {
        lines.push(format!(
            "{left} recovery codes are left; one will do once nothing else hinders."
        ));
    }
    let unanswered = attempts.last().is_some_and(|last| last.asked);
    let failed = attempts.iter().any(|attempt| attempt.refused.is_some());
    let uncoded = outlook::lacks_code(record, gateways, policy, now);
    if can_log_in && !failed && !unanswered && !uncoded {
        lines.push(format!(
            "No failure on record. If it does not work, no packet arrives: mfactl auth log {} --follow",
            words::shell(record.name())
        ));
    }
    lines
}

#[cfg(test)]
mod tests;
