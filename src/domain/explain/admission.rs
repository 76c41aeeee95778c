//! The rules before the passcode is looked at: who it is, and whether sign-ins are refused anyway.

use std::net::SocketAddr;
use std::sync::Arc;

use smol_str::SmolStr;

use super::{Explanation, Mark, Step, finish, step};
use crate::domain::attempt::{Attempt, Proof, Pseudonym};
use crate::domain::dialogue::emergency_open_to;
use crate::domain::event::Source;
use crate::domain::judge::{reject_message, told_of};
use crate::domain::lockout::LockReason;
use crate::domain::name;
use crate::domain::policy::{GatewayPolicy, Policy};
use crate::domain::user::{Profile, UserRecord, UserState};
use crate::domain::verdict::Reason;
use crate::domain::verify::{Admission, admit, lock_in_force};
use crate::domain::wait;
use crate::domain::wording::Said;
use crate::secret::SecretBytes;
use crate::time::Now;

/// A request with an empty passcode; `admit` looks at its kind only.
fn request(record: Option<&UserRecord>, gateway: &GatewayPolicy, now: Now) -> Attempt {
    Attempt {
        gateway: Arc::new(gateway.clone()),
        user: record.map(|record| SmolStr::new(record.name())),
        pseudonym: Pseudonym([0; 4]),
        proof: Proof::Passcode(SecretBytes::copy_of(b"")),
        source: Source {
            gateway: Arc::clone(&gateway.name),
            address: SocketAddr::from(([0, 0, 0, 0], 0)),
            station: SmolStr::default(),
            nas: SmolStr::default(),
        },
        digest: [0; 32],
        received: now,
    }
}

/// The line about what a person would read who is refused for this.
pub(super) type See<'a> = dyn Fn(Reason) -> String + 'a;

/// The line about what the person would read.
pub(super) fn would_see(
    gateway: &GatewayPolicy,
    reason: Reason,
    policy: &Policy,
    reader: Option<&Profile>,
) -> String {
    let Said { message, text } = policy.say(reject_message(gateway, reason), reader);
    let detail = if gateway.helpful {
        "helpful"
    } else {
        "generic"
    };
    let id = message.id();
    format!("would be shown {id} \"{text}\" (reply_detail = {detail})")
}

pub(super) fn d1(gateway: &GatewayPolicy) -> Step {
    let text = format!("a packet that comes through {} and is signed", gateway.name);
    step("D1", Mark::Ok, text)
}

pub(super) fn stranger(
    mut steps: Vec<Step>,
    typed: &str,
    gateway: &GatewayPolicy,
    policy: &Policy,
    now: Now,
    see: &See<'_>,
) -> Explanation {
    let name = name::canonical(typed.as_bytes());
    let mut attempt = request(None, gateway, now);
    attempt.user = name.as_deref().ok().map(SmolStr::new);
    steps.push(match (&name, admit(None, &attempt, policy, now)) {
        (_, Admission::Stranger | Admission::Open) => {
            let text = "not known; unknown_user = passthrough lets in whom the gateway has checked";
            step("D4", Mark::Ok, text.to_owned())
        }
        (Err(error), Admission::Refused(reason)) => {
            let text = format!("what was typed {error}\n{}", see(reason));
            step("D4", Mark::Stop, text)
        }
        (Ok(name), Admission::Refused(reason)) => {
            let text = format!("no user {name}\n{}", see(reason));
            step("D4", Mark::Stop, text)
        }
    });
    let mut explanation = finish(name.as_deref().unwrap_or("this name"), gateway, steps);
    if !explanation.would_be_refused {
        explanation.verdict_line = format!("{typed} at {}: WOULD BE LET IN", gateway.name);
    }
    explanation
}

pub(super) fn d4(record: &UserRecord, typed: &str) -> Step {
    let name = record.name();
    let revision = record.auth.revision;
    let used = if typed == name {
        "name used as typed".to_owned()
    } else {
        format!("what was typed becomes {name}")
    };
    step(
        "D4",
        Mark::Ok,
        format!("{used}; {name}, revision {revision}"),
    )
}

pub(super) fn d5(record: &UserRecord, see: &See<'_>) -> Step {
    let state = record.profile.state;
    let (reason, lifted) = match state {
        UserState::Deactivated => (Reason::Deactivated, "user reactivate"),
        UserState::Revoke => (Reason::Revoked, "user set-state"),
        _ => return step("D5", Mark::Ok, state.title().to_owned()),
    };
    let see = see(reason);
    let name = record.name();
    let text = format!(
        "{}\n{see}\nlifted by: mfactl {lifted} {name} (admin)",
        state.title()
    );
    step("D5", Mark::Stop, text)
}

pub(super) fn d6(
    record: &UserRecord,
    gateway: &GatewayPolicy,
    policy: &Policy,
    now: Now,
    see: &See<'_>,
) -> Step {
    let mut open = record.clone();
    open.profile_mut().state = UserState::Steady;
    let admitted = admit(
        Some(&open),
        &request(Some(&open), gateway, now),
        policy,
        now,
    );
    let lock = match (lock_in_force(record, now), admitted) {
        (_, Admission::Refused(Reason::Waiting)) => return waits(record, gateway, now, see),
        (Some(lock), _) => lock,
        _ => return step("D6", Mark::Ok, "not locked".to_owned()),
    };
    let end = lock
        .auto_until
        .map_or_else(|| "no end time".to_owned(), |end| format!("until {end}"));
    let reason = lock.reason;
    let verb = match reason {
        LockReason::PinBlocked => "pin unblock",
        _ => "user unlock",
    };
    let (since, reason, name) = (lock.since, reason.name(), record.name());
    let see = see(told_of(lock));
    let mut text = format!(
        "locked {since}, {reason}, {end}\n{see}\nlifted by: mfactl {verb} {name} (support)"
    );
    if emergency_open_to(record, gateway, policy, now).is_some() {
        let keyword = &policy.emergency.keyword;
        text.push_str(&format!(
            "\nor by questions: {keyword} in place of the code (R52)"
        ));
    }
    step("D6", Mark::Stop, text)
}

/// The wait of all stations that are not known. It stops nobody whose station is.
fn waits(record: &UserRecord, gateway: &GatewayPolicy, now: Now, see: &See<'_>) -> Step {
    let until = record.auth.wait_until.unwrap_or_default();
    let (failures, name) = (record.auth.soft, record.name());
    let lifted = format!("lifted by: mfactl user unlock {name} (support)");
    let see = see(Reason::Waiting);
    match wait::open_stations(record, Some(&gateway.name), now) {
        0 => {
            let text = format!("waits until {until}, {failures} failures\n{see}\n{lifted}");
            step("D6", Mark::Stop, text)
        }
        known => {
            let text = format!(
                "waits until {until}, {failures} failures, unless from one of {known} stations \
                 known here\n{see}\n{lifted}"
            );
            step("D6", Mark::Unknown, text)
        }
    }
}
