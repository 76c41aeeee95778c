//! Auth codes: made, shown once, voided (R25, R26, E7).

use std::time::Duration;

use super::case::Case;
use super::{Applied, Prepared, mail, state, words};
use crate::domain::action::Action;
use crate::domain::auth_code::{AuthCodeRecord, Delivery, wanted_for};
use crate::domain::delivery::Via;
use crate::domain::link::Purpose;
use crate::domain::recipient::Recipient;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::user::UserState;

/// How long an operator may let a code live, in seconds.
const TTL_S: std::ops::RangeInclusive<u64> = 60..=7 * 24 * 3600;

/// `auth-code generate`: the new code is the only one; the state stays (I14).
pub(super) fn generate(
    mut case: Case<'_>,
    ttl: Option<Duration>,
    force: bool,
    delivery: Delivery,
    prepared: Prepared,
) -> Result<Applied, Refusal> {
    if case.site.policy.auth_code.always_suppress {
        let what = format!("{} gets no auth code: none is asked for here", case.user);
        return Err(Refusal::new(Code::Policy, what).why("auth_code.always_suppress = true"));
    }
    let state = case.state();
    if matches!(state, UserState::Deactivated | UserState::Revoke) {
        let what = format!("{} gets no auth code", case.user);
        return Err(Refusal::new(Code::State, what).why(format!("the state is {}", state.title())));
    }
    if ttl.is_some_and(|ttl| !TTL_S.contains(&ttl.as_secs())) {
        return Err(Refusal::new(
            Code::Arg,
            "an auth code lives for 1 min to 7 d",
        ));
    }
    let purpose = match wanted_for(&case.record) {
        Some(purpose) => purpose,
        None if force => "forced",
        None => {
            let what = format!("{} needs no auth code; nothing changed", case.user);
            let refusal = Refusal::new(Code::NotNeeded, what).why(format!(
                "the state is {}, and no token waits for its proof",
                state.title()
            ));
            let arguments = format!("{} --force", case.typed);
            return Err(case.suggest(refusal, Action::AuthCodeGenerate, &arguments));
        }
    };
    case.fresh(&prepared)?;
    if case.record.profile.auth_code.is_some() {
        case.note("old code", "the code before this one is void");
    }
    make(&mut case, purpose, ttl, delivery, prepared)?;
    let typed = case.typed.clone();
    case.undo(Action::AuthCodeRevoke, &typed);
    let message = format!("{}: auth code made. {}", case.user, case.current());
    Ok(case.done(message))
}

/// The code that a command hands out beside what it does, for a change that needs one (R26).
pub(super) fn hand_out(
    case: &mut Case<'_>,
    delivery: Delivery,
    prepared: Prepared,
) -> Result<(), Refusal> {
    if case.site.policy.auth_code.always_suppress {
        case.note("auth code", "none: auth_code.always_suppress = true");
        return Ok(());
    }
    let purpose = case.state().name();
    make(case, purpose, None, delivery, prepared)
}

/// Refuses to send a code to a new person whom it would not reach, or whose address nobody has vouched
/// for.
pub(super) fn vouched(case: &Case<'_>, via: Via, trusted: bool) -> Result<(), Refusal> {
    let main = via.contacts(&case.record.profile).first();
    let reached = main.is_some_and(|main| via.recipient(&main.address).is_some());
    let (what, flag) = match via {
        Via::Email => ("e-mail address", "--email ADDRESS"),
        Via::Sms => ("phone number with its country code", "--phone NUMBER"),
    };
    if !reached {
        let what = format!("{} has no {what}; nothing changed", case.user);
        return Err(Refusal::new(Code::NoAddr, what).doing(format!("state {flag} and --trusted")));
    }
    if !trusted {
        let what = format!("{} has no proven {what}; nothing changed", case.user);
        return Err(Refusal::new(Code::NoAddr, what)
            .why("an auth code goes to nobody but its owner")
            .doing("state --trusted, if you have seen that the addresses are theirs"));
    }
    Ok(())
}

/// `auth-code revoke`: the code is void.
pub(super) fn revoke(mut case: Case<'_>) -> Applied {
    let event = case.event("authcode.revoked");
    if case.record.profile_mut().auth_code.take().is_none() {
        let message = format!("{} has no auth code; nothing changed.", case.user);
        return case.unchanged(event, message);
    }
    case.push(event);
    let message = format!("auth code of {} void. {}", case.user, case.current());
    case.done(message)
}

fn make(
    case: &mut Case<'_>,
    purpose: &'static str,
    ttl: Option<Duration>,
    delivery: Delivery,
    mut prepared: Prepared,
) -> Result<(), Refusal> {
    let to = delivery.via().map(|via| address(case, via)).transpose()?;
    let Some(hash) = prepared.auth_code else {
        return Err(case.stale());
    };
    let rules = case.site.policy.auth_code;
    let usual = match delivery {
        Delivery::Sms => rules.ttl_sms,
        Delivery::Shown | Delivery::Email => rules.ttl,
    };
    let expires = case.now().latest() + ttl.unwrap_or(usual);
    let (created, created_by) = (case.wall(), case.by());
    case.record.profile_mut().auth_code = Some(AuthCodeRecord {
        hash,
        purpose: purpose.to_owned(),
        created,
        created_by,
        expires,
        delivery,
        failures: 0,
        extra: serde_json::Map::new(),
    });
    let event = case.event("authcode.created").detail("purpose", purpose);
    let event = event.detail("expires", expires.to_string());
    case.push(event.detail("delivery", delivery.name()));
    match (to, prepared.enclosure.take()) {
        (None, _) => case.reveal(prepared.reveal),
        (Some(to), Some(enclosure)) => {
            let message = mail::letter(case, enclosure, &to, expires);
            case.note("goes to", to.masked());
            let shown = format!("{} --show", case.typed);
            case.queue(message, Some((Action::AuthCodeGenerate, shown)));
        }
        (Some(_), None) => return Err(case.stale()),
    }
    let until = words::instant(expires);
    case.note("auth code", format!("good once, until {until}"));
    let asked = state::led(case).is_some() || state::reset(case).is_some();
    if case.site.policy.pages.is_none() && !asked {
        case.note(
            "asked for",
            "by nothing: there are no pages (web.base_url), and no gateway leads a dialogue",
        );
    }
    case.fact("auth_code_expires", expires.to_string());
    Ok(())
}

/// Where a code is sent: to nobody but the person, and not the way that the link went (E3).
fn address(case: &Case<'_>, via: Via) -> Result<Recipient, Refusal> {
    let to = mail::proven_address(case, via, "an auth code")?;
    let mut links = case.record.profile.links.iter();
    let same = links.any(|link| {
        link.purpose == Purpose::Enrol && !link.over(case.now()) && link.via() == Some(via)
    });
    if !same {
        return Ok(to);
    }
    let way = via.words();
    let what = format!("{} got the link by {way}; nothing was sent", case.user);
    let refusal =
        Refusal::new(Code::Policy, what).why("link and auth code do not go the same way (E3)");
    let arguments = format!("{} --show", case.typed);
    Err(case.suggest(refusal, Action::AuthCodeGenerate, &arguments))
}
