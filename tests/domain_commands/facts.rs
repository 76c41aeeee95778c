//! What is so of a person, and what a command has changed of it.

#![expect(
    clippy::unwrap_used,
    clippy::too_many_lines,
    reason = "helpers of tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use mfad::domain::delivery::destination;
use mfad::domain::policy::Policy;
use mfad::domain::token_record::effective;
use mfad::domain::user::UserRecord;
use mfad::time::Now;

use super::typed::now_step;

/// By name, in words.
pub(crate) type Facts = BTreeMap<String, String>;

/// All that a command can change; what is not so, or zero, is left out.
pub(crate) fn facts(record: &UserRecord, policy: &Policy, now: Now) -> Facts {
    let (profile, auth) = (&record.profile, &record.auth);
    let mut facts = Facts::new();
    let mut so = |key: &str, value: String| {
        if !["", "-", "0", "false"].contains(&value.as_str()) {
            facts.insert(key.to_owned(), value);
        }
    };
    let (state, since, by) = (profile.state.name(), profile.state_since, &profile.state_by);
    so("state", format!("{state} by {by} since {since}"));
    so("questions void", or_dash(profile.questions_void));
    so("confirm unlock", profile.confirm_unlock.to_string());
    let updates: Vec<&str> = profile.updates.iter().map(|it| it.name()).collect();
    so("update", updates.join(","));
    so("recovered", profile.recovered.to_string());
    so("created", profile.created.to_string());
    so("protected", profile.protected.to_string());
    so("name", profile.display_name.clone());
    so("set", or_dash(profile.set.as_ref()));
    so("language", profile.language.clone());
    so("label", profile.role_label.clone());
    so("notes, octets", profile.notes.len().to_string());
    so("last access", or_dash(profile.last_access));
    for (kind, contacts) in [("email", &profile.emails), ("phone", &profile.phones)] {
        let addresses = contacts.iter().map(|contact| {
            let proven = if contact.verified { "" } else { " (unproven)" };
            format!("{}{proven}", contact.address)
        });
        so(kind, addresses.collect::<Vec<_>>().join(", "));
    }
    if let Some(pin) = &profile.pin {
        let (at, by, change) = (pin.set_at, &pin.set_by, pin.must_change);
        let hash = String::from_utf8_lossy(&pin.hash.data);
        so(
            "PIN",
            format!("{hash} of {at} by {by}, must change {change}"),
        );
    }
    so("PIN blocked", or_dash(auth.pin.blocked_since));
    if let Some(password) = &profile.password {
        let (at, by, first) = (password.set_at, &password.set_by, password.registered_at);
        let hash = String::from_utf8_lossy(&password.hash.data);
        so("password", format!("{hash} of {at} by {by}, first {first}"));
    }
    so("password used", or_dash(auth.password.last_used));
    for dialogue in &auth.dialogues {
        so(
            "open dialogue",
            format!("{} at {}", dialogue.id(), dialogue.gateway),
        );
    }
    so("C1", auth.pin.failures.to_string());
    so("C3", auth.soft.to_string());
    so("waits until", or_dash(auth.wait_until));
    for station in &auth.stations {
        so("C3 of station", station.failures.to_string());
        so("station waits until", or_dash(station.until));
    }
    if let Some(lock) = &auth.lock {
        let (reason, by, note) = (lock.reason.name(), or_dash(lock.by.as_ref()), &lock.note);
        let (since, until, count) = (lock.since, or_dash(lock.auto_until), lock.count);
        so(
            "lock",
            format!("{reason} by {by} \"{note}\" {since} until {until}, count {count}"),
        );
    }
    if let Some(unlocked) = &auth.unlocked {
        so("unlocked", format!("by {} {}", unlocked.by, unlocked.at));
    }
    if let Some(code) = &profile.auth_code {
        let (purpose, by, until) = (&code.purpose, &code.created_by, code.expires);
        so("auth code", format!("for {purpose} by {by} until {until}"));
        so("auth code failures", code.failures.to_string());
    }
    for link in &profile.links {
        let (by, until, tries) = (&link.created_by, link.expires, link.tries);
        let (purpose, to) = (&link.purpose, or_dash(link.sent_to.as_ref()));
        so(
            &format!("link {}", link.id),
            format!("{purpose:?} by {by} to {to} until {until}, {tries} tries"),
        );
    }
    if let Some(device) = &profile.device_auth {
        let code = device.code.as_ref().map(|code| code.expires);
        so("device code until", or_dash(code));
        so("device proven until", or_dash(device.proven_until));
    }
    if let Some(rekey) = &profile.rekey {
        let (token, at, by, why) = (rekey.token, rekey.at, &rekey.by, &rekey.why);
        so("rekey", format!("of {token} {at} by {by}, {why}"));
    }
    so("codes sent", profile.code_sends.len().to_string());
    for token in &profile.tokens {
        let mut of = |key: &str, value: String| so(&format!("{} {key}", token.id), value);
        of(
            "is",
            effective(record, token, policy, now).name().to_owned(),
        );
        of("expires", or_dash(token.expires));
        of(
            "disabled from",
            format!("{:?}", token.disabled_from).replace("None", ""),
        );
        of("disabled until", or_dash(token.disabled_until));
        of("obsolete", or_dash(token.obsolete_reason.as_ref()));
        of(
            "seed",
            if token.seed.is_some() { "sealed" } else { "" }.to_owned(),
        );
        if let Some(to) = destination(token, profile) {
            let proven = if to.verified { "" } else { " (unproven)" };
            of(
                "goes",
                format!("by {} to {}{proven}", to.via.name(), to.address),
            );
        }
        let out = token.delivery.as_ref().and_then(|it| it.code.as_ref());
        of(
            "code out",
            or_dash(out.map(|code| format!("to {} until {}", code.to, code.expires))),
        );
        of("codes", token.recovery.len().to_string());
        if let Some(questions) = &token.questions {
            let (list, first) = (questions.list.len(), questions.first);
            of("questions", format!("{list}, next {first}"));
        }
        of("weak", token.weak.to_string());
        of("serial", or_dash(token.serial.as_ref()));
        of("description", token.description.clone());
        of("registered", or_dash(token.registered_at));
        of("tested", or_dash(token.last_tested));
    }
    for token in &auth.tokens {
        let mut of = |key: &str, value: String| so(&format!("{} {key}", token.id), value);
        of("next", factor(token.next_factor));
        of("drift", token.drift_steps.to_string());
        of("C2", token.soft.to_string());
        of("C4", token.total.to_string());
        of("locked", or_dash(token.locked_at));
        of("locked until", or_dash(token.locked_until));
        of("active", or_dash(token.activated_at));
        of("resync", token.resync_required.to_string());
        if let Some(accepted) = &token.accepted {
            let (at, gateway, spent) = (accepted.at, &accepted.gateway, accepted.grace_used);
            let factor = factor(accepted.factor);
            of(
                "last code",
                format!("{factor} {at} at {gateway}, spent {spent}"),
            );
        }
    }
    for grant in &profile.grants {
        let revoked = grant.revoked.as_ref();
        let revoked = revoked.map(|it| format!("by {} {}", it.by, it.when));
        let (from, until, at) = (grant.from, grant.until, grant.gateways.join(", "));
        let (by, reason, first) = (&grant.by, &grant.reason, grant.first_from);
        let (renewals, revoked) = (grant.renewals, or_dash(revoked));
        so(
            &format!("P-{}", grant.id),
            format!(
                "{from} until {until} at [{at}] by {by} \"{reason}\", chain since {first}, \
                 renewals {renewals}, revoked {revoked}"
            ),
        );
    }
    for grant in &auth.grants {
        let key = format!("P-{} used", grant.id);
        so(&key, format!("{} times, ended {}", grant.uses, grant.ended));
    }
    facts
}

/// `now+1` for a step, `40` for a counter.
fn factor(factor: u64) -> String {
    let steps = factor.wrapping_sub(now_step()).cast_signed();
    if steps.abs() < 10_000 {
        format!("now{steps:+}")
    } else {
        factor.to_string()
    }
}

pub(crate) fn or_dash<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// `now: C3 0`: what is not as it was.
pub(crate) fn changed(before: &Facts, after: &Facts) -> String {
    let mut told = String::new();
    let all: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for key in all {
        let now = after.get(key);
        // Of a token that is gone it is enough to say so.
        let is = key.split_once(' ').map(|(id, _)| format!("{id} is"));
        let gone = is.is_some_and(|is| before.contains_key(&is) && !after.contains_key(&is));
        if before.get(key) != now && (!gone || key.ends_with(" is")) {
            writeln!(told, "now: {key}: {}", or_dash(now)).unwrap();
        }
    }
    told
}
