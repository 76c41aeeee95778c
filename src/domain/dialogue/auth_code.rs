//! The auth code: what an operator hands out, so that nobody gets a token for a stolen password (R25).
//!
//! 1. The first factor is right, and a [new token](super::enrol) or a [reset] is due.
//! 2. *Enter your authorization code:*
//! 3. Right: it is used up, and what is due comes next. Wrong: it counts on the code and on the person,
//!    Reject. If no code is out any more, nothing is counted, and the Reject says so (M07).
//! 4. Where people may ask for it themselves (R27), *send* has one mailed, to the proven main address
//!    and within the limits, committed with the question that asks for it; the one before is void. It
//!    never goes where a link went (E3).

use super::{AGAIN, Asking, Kind, Seen, Turn, enrol, reset};
use crate::domain::attempt::Attempt;
use crate::domain::auth_code::{AuthCodeRecord, Delivery, count_wrong, fits, wanted_for};
use crate::domain::delivery::{Via, paced};
use crate::domain::device_auth::{SENDS_MAX, destination};
use crate::domain::event::Event;
use crate::domain::failure;
use crate::domain::judge::{Case, CodeFor, Evidence, Lacking};
use crate::domain::link::Purpose;
use crate::domain::notice::enclosing;
use crate::domain::policy::Policy;
use crate::domain::sealed::Unseal;
use crate::domain::user::UserRecord;
use crate::domain::verdict::{Message, Reason};
use crate::domain::verify::{Ask, demands_dialogue};
use crate::time::Now;
use crate::token::TokenId;

pub(super) const fn asking(shown: Option<TokenId>) -> Asking {
    Asking {
        kind: Kind::AuthCode(shown),
        message: Message::EnterAuthCode,
    }
}

pub(super) fn look(
    record: &UserRecord,
    attempt: &Attempt,
    policy: &Policy,
    unseal: &dyn Unseal,
    now: Now,
) -> (Seen, Ask) {
    let typed = attempt.passcode();
    let again = AGAIN.iter().any(|word| typed.eq_ignore_ascii_case(word));
    let seen = if again && policy.auth_code.self_service {
        Seen::Again
    } else if fits(record, typed, unseal, now) {
        Seen::Right
    } else {
        Seen::Wrong
    };
    (seen, Ask::Nothing)
}

pub(super) fn turn(
    case: &mut Case<'_>,
    shown: Option<TokenId>,
    seen: Seen,
    evidence: &Evidence,
) -> Result<Turn, Lacking> {
    let out = case.record.profile.auth_code.is_some();
    let resets = demands_dialogue(case.record.profile.state);
    if reset::is_unproven(case) {
        return Ok(Turn::Refused(Reason::Policy));
    }
    Ok(match seen {
        Seen::Again => return send(case, shown, evidence),
        _ if !out => Turn::Ended(Message::EnrolmentRequired),
        Seen::Right => {
            use_up(case);
            match resets {
                true => reset::authorized(case),
                false => enrol::authorized(case, shown, evidence)?,
            }
        }
        _ => wrong(case),
    })
}

/// Mails a code that the person has asked for, and asks for it.
fn send(case: &mut Case<'_>, shown: Option<TokenId>, evidence: &Evidence) -> Result<Turn, Lacking> {
    let (policy, now) = (case.policy, case.now);
    let profile = &case.record.profile;
    let linked = profile.links.iter().any(|link| {
        link.purpose == Purpose::Enrol && !link.over(now) && link.via() == Some(Via::Email)
    });
    // What an operator has handed out stays good, or whoever has the password could void it.
    let out = profile.auth_code.as_ref().filter(|code| !code.over(now));
    let handed = out.is_some_and(|code| code.delivery != Delivery::Email);
    let failures = out.map_or(0, |code| code.failures);
    let to = destination(profile, policy).filter(|_| !linked && !handed);
    let to = to.filter(|_| super::may_ask(case));
    let (Some((address, to)), Ok(sends)) = (to, paced(profile, SENDS_MAX, now)) else {
        return Ok(Turn::Ended(Message::NoFurtherCode));
    };
    let masked = Via::Email.masked(address);
    let (hash, enclosure) = evidence.fresh.code(CodeFor::Auth)?;
    let expires = now.latest() + policy.auth_code.ttl;
    let times = (now.wall, expires);
    let what = enclosure.enclosed.kind.name();
    let letter = enclosing(enclosure, to, &case.record, policy, times);
    case.letters.push(letter);
    let by = case.record.name().to_owned();
    let event = Event::new("authcode.sent").detail("by", by.as_str());
    let event = event.detail("channel", Via::Email.channel().name());
    let event = event.detail("what", what).detail("to", masked.as_str());
    case.tell(event.detail("expires", expires.to_string()));
    let purpose = wanted_for(&case.record).unwrap_or("token").to_owned();
    let profile = case.record.profile_mut();
    profile.code_sends = sends;
    profile.auth_code = Some(AuthCodeRecord {
        hash,
        purpose,
        created: now.wall,
        created_by: by,
        expires,
        delivery: Delivery::Email,
        failures,
        extra: serde_json::Map::new(),
    });
    Ok(Turn::Ask(Asking {
        kind: Kind::AuthCode(shown),
        message: Message::CodeSent {
            via: Via::Email,
            to: masked,
        },
    }))
}

/// It was right, and is good no more.
pub(super) fn use_up(case: &mut Case<'_>) {
    case.record.profile_mut().auth_code = None;
    case.tell(Event::new("authcode.used"));
}

/// A wrong one counts on the code that is out, and on the person.
pub(super) fn wrong(case: &mut Case<'_>) -> Turn {
    let policy = &case.policy.auth_code;
    let left = count_wrong(case.record.profile_mut(), policy).unwrap_or_default();
    case.tell(
        Event::new("authcode.failed")
            .refused()
            .detail("tries_left", left),
    );
    if left == 0 {
        case.tell(Event::new("authcode.revoked").detail("why", "tries"));
    }
    Turn::Failed(Reason::BadCode, failure::Kind::Shapeless)
}
