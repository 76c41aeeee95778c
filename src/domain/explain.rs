//! `auth explain`: what the next request of a person at a gateway would meet, rule by rule.
//!
//! The rules are asked through the same functions that judge a request (`admit`, `candidates`, the
//! grants), without a passcode and without changing anything, so the answer cannot differ from what
//! a packet would meet. Where the passcode decides, the step says what it would have to be. After a
//! rule that stops, the ones behind it are told as they would be once that one is lifted.

mod admission;
mod reset;
mod way;

use std::fmt::Write as _;

use self::admission::{See, d1, d4, d5, d6, stranger, would_see};
use self::way::{awaited, way_to_a_token};
use super::dialogue::{self, asks_confirmation, asks_new, makes_change, opens_by_code};
use super::methods;
use super::policy::{FirstFactorBy, GatewayPolicy, PasscodeForm, Policy};
use super::token_record::{Token, effective};
use super::user::{UserRecord, UserState};
use super::verdict::Reason;
use super::verify;
use crate::time::Now;
use crate::token::{Factor, totp};

/// What a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It lets the request go on.
    Ok,
    /// It refuses.
    Stop,
    /// It has nothing to say here.
    None,
    /// How much there is to choose from.
    Info(usize),
    /// The passcode decides.
    Unknown,
}

impl Mark {
    /// The word in the second column.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            Self::Ok => "ok".to_owned(),
            Self::Stop => "STOP".to_owned(),
            Self::None => "-".to_owned(),
            Self::Info(number) => number.to_string(),
            Self::Unknown => "?".to_owned(),
        }
    }
}

/// One rule of the decision order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its number in the manual, such as `D6`.
    pub rule: &'static str,
    /// What it says.
    pub mark: Mark,
    /// Why; further lines are continuations.
    pub text: String,
}

/// What the next request would meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// `alice at vpn1: WOULD BE REFUSED`.
    pub verdict_line: String,
    /// The rules up to the first that stops, or all of them.
    pub steps: Vec<Step>,
    /// The rules after it, as they would be if it were lifted; empty if none stops.
    pub and_if_lifted: Vec<Step>,
    /// Whatever the passcode is.
    pub would_be_refused: bool,
}

/// Explains what the next request under `typed` would meet at `gateway`.
#[must_use]
pub fn explain(
    record: Option<&UserRecord>,
    typed: &str,
    gateway: &GatewayPolicy,
    policy: &Policy,
    now: Now,
) -> Explanation {
    let mut all = vec![d1(gateway)];
    let reader = record.map(|record| &*record.profile);
    let see = |reason| would_see(gateway, reason, policy, reader);
    let Some(record) = record else {
        return stranger(all, typed, gateway, policy, now, &see);
    };
    all.push(d4(record, typed));
    all.push(d5(record, &see));
    let resets = |step: Step, instead: Option<Step>| instead.unwrap_or(step);
    all.push(resets(
        d6(record, gateway, policy, now, &see),
        reset::d6(record, gateway, policy, now),
    ));
    all.push(resets(
        d7(record, gateway, policy, now),
        reset::d7(record, gateway, policy, now),
    ));
    let granted = verify::grant(record, gateway, now);
    all.push(d8(record, granted, now));
    let candidates: Vec<_> = methods::candidates(record, gateway, policy, &[], now).collect();
    let needed = granted.is_none() && candidates.is_empty();
    let way = dialogue::way(record, gateway, policy, now).filter(|_| needed);
    all.push(match way {
        Some(way) => way_to_a_token(record, policy, way, now),
        None => resets(
            d9(record, gateway, policy, now, granted, &see),
            reset::d9(record, gateway, policy, now).filter(|_| granted.is_none()),
        ),
    });
    all.push(d10(record, gateway, policy, now, &candidates, granted));
    all.push(d11(record, policy, now, &candidates, granted));
    all.extend(d12(gateway, policy, &candidates, granted));
    all.push(d13(record, gateway, policy, now, granted.is_some()));
    finish(record.name(), gateway, all)
}

/// Cuts at the first rule that stops.
fn finish(name: &str, gateway: &GatewayPolicy, mut steps: Vec<Step>) -> Explanation {
    let stop = steps.iter().position(|step| step.mark == Mark::Stop);
    let and_if_lifted = stop.map_or_else(Vec::new, |at| steps.split_off(at + 1));
    let verdict = if stop.is_some() {
        "WOULD BE REFUSED"
    } else {
        "the passcode decides"
    };
    Explanation {
        verdict_line: format!("{name} at {}: {verdict}", gateway.name),
        steps,
        and_if_lifted,
        would_be_refused: stop.is_some(),
    }
}

const fn step(rule: &'static str, mark: Mark, text: String) -> Step {
    Step { rule, mark, text }
}

fn d7(record: &UserRecord, gateway: &GatewayPolicy, policy: &Policy, now: Now) -> Step {
    let name = &gateway.name;
    let lacks = |what: &str, verb: &str| {
        let user = record.name();
        let text = format!("first factor: {user} has no {what}\nlifted by: mfactl {verb} {user}");
        step("D7", Mark::Stop, text)
    };
    let text = match gateway.first_factor {
        FirstFactorBy::Gateway => format!("first factor: {name} checks the password itself"),
        FirstFactorBy::None => "no first factor: the code alone decides".to_owned(),
        FirstFactorBy::Pin if opens_by_code(record, gateway) => {
            "no PIN is set: the code alone, then a new PIN".to_owned()
        }
        FirstFactorBy::Pin if record.profile.pin.is_none() => return lacks("PIN", "pin reset"),
        FirstFactorBy::Pin if record.auth.pin.blocked(policy.pin.block_duration, now) => {
            let user = record.name();
            let text =
                format!("the PIN is blocked\nlifted by: mfactl pin unblock {user} (support)");
            return step("D7", Mark::Stop, text);
        }
        FirstFactorBy::Pin => "first factor: mfad checks the PIN".to_owned(),
        FirstFactorBy::Local if record.profile.password.is_none() => {
            return lacks("local password", "password set");
        }
        FirstFactorBy::Local => "first factor: mfad checks the local password".to_owned(),
    };
    step("D7", Mark::Ok, text)
}

fn d8(record: &UserRecord, granted: Option<u32>, now: Now) -> Step {
    let grants = &record.profile.grants;
    if let Some(grant) = grants.iter().find(|grant| Some(grant.id) == granted) {
        let text = format!(
            "passthrough P-{} until {}: no code needed",
            grant.id, grant.until
        );
        return step("D8", Mark::Ok, text);
    }
    let elsewhere = super::passthrough::current(record, None, now);
    let text = elsewhere.map_or_else(
        || "no passthrough grant".to_owned(),
        |grant| format!("passthrough P-{} does not count here", grant.id),
    );
    step("D8", Mark::None, text)
}

fn d9(
    record: &UserRecord,
    gateway: &GatewayPolicy,
    policy: &Policy,
    now: Now,
    granted: Option<u32>,
    see: &See<'_>,
) -> Step {
    let state = record.profile.state;
    let title = state.title();
    let changing = matches!(state, UserState::Update | UserState::Renew);
    if granted.is_some() && (changing || verify::demands_dialogue(state)) {
        let text = format!("{title} stays pending under the passthrough");
        return step("D9", Mark::Ok, text);
    }
    if verify::demands_dialogue(state) {
        let see = see(Reason::Policy);
        let name = record.name();
        let text = format!(
            "{title} needs a step by an operator\n{see}\n\
             lifted by: mfactl user set-state {name} steady (operator)"
        );
        return step("D9", Mark::Stop, text);
    }
    if let Some(rekey) = &record.profile.rekey {
        return awaited(record, rekey, now);
    }
    match state {
        UserState::New | UserState::Replace => {
            let text = format!("{title}: the first sign-in with a proven token completes it");
            step("D9", Mark::Ok, text)
        }
        UserState::Update if record.profile.recovered => {
            let offered = match dialogue::offers_token(record, gateway, policy) {
                true => "another one offers a new token, ",
                false => "",
            };
            let text = format!("{title} after a recovery code: {offered}a code of a token ends it");
            step("D9", Mark::Ok, text)
        }
        UserState::Update | UserState::Renew => {
            let how = match makes_change(record, gateway, policy, now) {
                true => "done before the Accept",
                false => "put off: this gateway has no dialogue",
            };
            step("D9", Mark::Ok, format!("{title} is {how}"))
        }
        _ => step("D9", Mark::None, "no workflow pending".to_owned()),
    }
}

fn d10(
    record: &UserRecord,
    gateway: &GatewayPolicy,
    policy: &Policy,
    now: Now,
    candidates: &[&Token],
    granted: Option<u32>,
) -> Step {
    let named = |token: &Token| format!("{} {}", token.id, token.kind.name());
    let mut names: Vec<String> = candidates.iter().map(|token| named(token)).collect();
    for set in methods::recovery_sets(record, gateway, policy, &[], now) {
        names.push(format!("{} if one is typed", named(set)));
    }
    if !names.is_empty() {
        return step("D10", Mark::Info(candidates.len()), names.join("; "));
    }
    if granted.is_some() {
        return step(
            "D10",
            Mark::Info(0),
            "no token counts; none is needed".to_owned(),
        );
    }
    if verify::unenrolled(record, gateway) {
        let text = "no token yet; unenrolled = passthrough asks for none".to_owned();
        return step("D10", Mark::Ok, text);
    }
    let way = dialogue::way(record, gateway, policy, now);
    if way.is_some_and(|way| way.lets_in) {
        return step("D10", Mark::Ok, "no token yet; D9 leads to one".to_owned());
    }
    if dialogue::resets(record, gateway, policy, now) {
        let text = "a locked token, until the code of the reset was right".to_owned();
        return step("D10", Mark::Ok, text);
    }
    let mut text = "no token counts here".to_owned();
    if methods::several(&record.profile, policy) {
        text.push_str(if gateway.challenge {
            ": the set asks for several methods, and not all are there"
        } else {
            ": the set asks for several methods, and this gateway asks no questions"
        });
    }
    for token in &record.profile.tokens {
        let status = effective(record, token, policy, now);
        let why = if status.usable() && token.kind.is_sent() {
            "its codes are not sent here"
        } else if status.usable() {
            "not accepted here"
        } else {
            status.name()
        };
        let _ = write!(text, "\n{}: {why}", named(token));
    }
    step("D10", Mark::Stop, text)
}

fn d11(
    record: &UserRecord,
    policy: &Policy,
    now: Now,
    candidates: &[&Token],
    granted: Option<u32>,
) -> Step {
    if granted.is_some() {
        let text = "a code is used up if one is typed; else the first factor decides";
        return step("D11", Mark::Unknown, text.to_owned());
    }
    let lines: Vec<String> = candidates
        .iter()
        .map(|token| needs(record, token, policy, now))
        .collect();
    if lines.is_empty() {
        return step("D11", Mark::None, "no code is looked at".to_owned());
    }
    step("D11", Mark::Unknown, lines.join("\n"))
}

/// When the code is asked for; nothing where it comes with the first packet.
fn d12(
    gateway: &GatewayPolicy,
    policy: &Policy,
    candidates: &[&Token],
    granted: Option<u32>,
) -> Option<Step> {
    let sent = candidates
        .iter()
        .filter(|token| token.kind.is_sent())
        .count();
    let asked = gateway.passcode == PasscodeForm::Challenge || sent > 0;
    let mut lines = Vec::new();
    if asked {
        lines.push(match (sent, candidates.len()) {
            (0, _) => "the code is asked for in a second step (M20)",
            (1, 1) => "after the first factor the code is sent and asked for (M21, M22)",
            _ => "after the first factor the method is asked for (M33)",
        });
    }
    let counts = |token: &&Token| token.otp.is_some_and(|otp| otp.factor == Factor::Counter);
    let resyncs = policy.hotp_self_resync && gateway.challenge;
    if resyncs && candidates.iter().copied().any(|token| counts(&token)) {
        lines.push("a code that is further ahead asks for the next one, once (M29)");
    }
    let text = lines.join("\n");
    (!text.is_empty() && granted.is_none()).then(|| step("D12", Mark::Ok, text))
}

/// Which codes of a token would fit.
fn needs(record: &UserRecord, token: &Token, policy: &Policy, now: Now) -> String {
    let state = record.auth.token(token.id);
    let last = state.and_then(|state| state.accepted.as_ref());
    let newer = last.map_or_else(String::new, |last| {
        format!(", newer than the one of {}", last.at)
    });
    match token.otp.map(|otp| otp.factor) {
        Some(Factor::Time { period_s }) => {
            let window = policy.totp_window_steps;
            let drift = state.map_or(0, |state| state.drift_steps);
            let next = state.map_or(0, |state| state.next_factor);
            if next > totp::step_at(now.wall, period_s).saturating_add(window + 10) {
                return format!("{}: every code of now is used up{newer}", token.id);
            }
            let off = if drift == 0 {
                String::new()
            } else {
                format!(" around {drift:+}")
            };
            format!("needs a code: steps -{window}..+{window}{off}{newer}")
        }
        Some(Factor::Counter) => {
            let ahead = policy.hotp_look_ahead;
            let next = state.map_or(0, |state| state.next_factor);
            format!(
                "needs a code: counters {next}..{}",
                next.saturating_add(ahead)
            )
        }
        None => format!("needs the code that is sent then ({})", token.kind.name()),
    }
}

/// What is asked for once the code was right, in that order, and the Accept.
fn d13(
    record: &UserRecord,
    gateway: &GatewayPolicy,
    policy: &Policy,
    now: Now,
    granted: bool,
) -> Step {
    let mut lines = Vec::new();
    if asks_confirmation(record, gateway, policy, now) && !granted {
        lines.push("one more code is asked for, which confirms the unlock (M34)".to_owned());
    }
    if let Some(secret) = asks_new(record, gateway).filter(|_| !granted) {
        lines.push(format!("a new {} is asked for (M26, M27)", secret.noun()));
    }
    let name = &gateway.name;
    lines.push(format!("then Access-Accept with what {name} is to be told"));
    step("D13", Mark::Ok, lines.join("\n"))
}

#[cfg(test)]
pub(crate) mod tests;
