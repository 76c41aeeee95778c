//! The device authorization code: what is mailed to whoever has lost a token, or its secret (R29).
//!
//! 1. The first factor is right, and a [new token](super::enrol) is due in the place of one that was
//!    lost. The code goes to the main address, committed with the question: *A device authorization
//!    code was sent to a\*\*\*e@example.org. Enter it:* While one is good it is asked for, and none is
//!    sent.
//! 2. Right: it is used up, and the token comes next. Where no page shows one, and no operator has yet:
//!    *Code accepted. Ask your help desk for a new QR code.* For a day nothing is asked for again. Or,
//!    where the site says so (`device_auth.no_web`), a token is mailed, once until it is proven or
//!    deleted: *Enter your one-time code:*
//! 3. An auth code that an operator has handed out does as well, so that the help desk can go on
//!    whatever became of the mail.
//! 4. *resend* has another one mailed, within the limits; then only that one is good.
//! 5. Wrong: it counts on the code and on the person, Reject. If none is out any more, nothing is
//!    counted.
//!
//! Where nothing can be mailed, and no auth code is out: Reject, and the administrators are told, once.
//!
//! Where no auth codes are made, a [reset] asks for it too, and goes on with it.

use super::{AGAIN, Asking, Kind, Seen, Turn, auth_code, enrol, reset};
use crate::domain::attempt::Attempt;
use crate::domain::auth_code::fits as fits_auth_code;
use crate::domain::command::room;
use crate::domain::delivery::{Via, paced};
use crate::domain::device_auth::{
    DeviceAuth, DeviceCode, PROVEN_FOR, SENDS_MAX, count_wrong, destination, fits, live,
};
use crate::domain::event::Event;
use crate::domain::failure;
use crate::domain::judge::{Case, CodeFor, Evidence, Lacking};
use crate::domain::link::TTL_MAX;
use crate::domain::methods::counts_here;
use crate::domain::notice::{NO_ADDRESS, enclosing};
use crate::domain::policy::{GatewayPolicy, Policy};
use crate::domain::sealed::Unseal;
use crate::domain::token_record::{Token, TokenKind};
use crate::domain::user::{Profile, UserRecord};
use crate::domain::verdict::{Message, Reason};
use crate::domain::verify::{Ask, demands_dialogue};
use crate::time::Now;
use crate::token::{Otp, TokenId};

/// Asks for the code that is good, or sends one.
pub(super) fn ask(
    case: &mut Case<'_>,
    shown: Option<TokenId>,
    evidence: &Evidence,
) -> Result<Turn, Lacking> {
    match live(&case.record.profile, case.policy, case.now) {
        Some(code) => Ok(Turn::Ask(asking(shown, &code.to))),
        None => send(case, shown, evidence),
    }
}

fn asking(shown: Option<TokenId>, to: &str) -> Asking {
    Asking {
        kind: Kind::DeviceCode(shown),
        message: Message::DeviceCodeSent {
            to: Via::Email.masked(to),
        },
    }
}

fn send(case: &mut Case<'_>, shown: Option<TokenId>, evidence: &Evidence) -> Result<Turn, Lacking> {
    let (policy, now) = (case.policy, case.now);
    let profile = &case.record.profile;
    let Some((address, to)) = destination(profile, policy) else {
        return Ok(unreachable(case));
    };
    let address = address.to_owned();
    let sends = paced(profile, SENDS_MAX, now).ok();
    let Some(sends) = sends.filter(|_| super::may_ask(case)) else {
        return Ok(Turn::Ended(Message::NoFurtherCode));
    };
    let (hash, enclosure) = evidence.fresh.code(CodeFor::Device)?;
    let expires = now.latest() + policy.device_auth.ttl;
    let times = (now.wall, expires);
    let letter = enclosing(enclosure, to, &case.record, policy, times);
    case.letters.push(letter);
    let event = Event::new("deviceauth.sent").detail("to", Via::Email.masked(&address));
    case.tell(event.detail("expires", expires.to_string()));
    let asking = asking(shown, &address);
    let profile = case.record.profile_mut();
    profile.code_sends = sends;
    state(profile).code = Some(DeviceCode {
        hash,
        sent: now.wall,
        to: address,
        expires,
        failures: 0,
    });
    Ok(Turn::Ask(asking))
}

fn state(profile: &mut Profile) -> &mut DeviceAuth {
    profile.device_auth.get_or_insert_default()
}

/// No code can be mailed, and no auth code is out.
pub(super) fn unreachable(case: &mut Case<'_>) -> Turn {
    let known = case.record.profile.device_auth.as_ref();
    if known.is_none_or(|known| known.unsent.is_none()) {
        let at = case.now.wall;
        state(case.record.profile_mut()).unsent = Some(at);
        case.tell(Event::new("deviceauth.failed").refused().reason(NO_ADDRESS));
    }
    Turn::Ended(Message::EnrolmentRequired)
}

pub(super) fn look(
    record: &UserRecord,
    attempt: &Attempt,
    policy: &Policy,
    unseal: &dyn Unseal,
    now: Now,
) -> (Seen, Ask) {
    let typed = attempt.passcode();
    let seen = if AGAIN.iter().any(|word| typed.eq_ignore_ascii_case(word)) {
        Seen::Again
    } else if fits(record, typed, policy, unseal, now) {
        Seen::Right
    } else if fits_auth_code(record, typed, unseal, now) {
        Seen::AuthCode
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
    if reset::is_unproven(case) {
        return Ok(Turn::Refused(Reason::Policy));
    }
    let good = live(&case.record.profile, case.policy, case.now).is_some();
    let coded = case.record.profile.auth_code.is_some();
    Ok(match seen {
        Seen::Again => return send(case, shown, evidence),
        Seen::Right if good => {
            state(case.record.profile_mut()).code = None;
            case.tell(Event::new("deviceauth.ok"));
            passed(case, shown, evidence)?
        }
        Seen::AuthCode if coded => {
            auth_code::use_up(case);
            passed(case, shown, evidence)?
        }
        _ if good => wrong(case),
        _ if coded => auth_code::wrong(case),
        _ => Turn::Refused(Reason::NoToken),
    })
}

/// On with the reset, or to the token; where nobody shows one yet, to the help desk.
fn passed(
    case: &mut Case<'_>,
    shown: Option<TokenId>,
    evidence: &Evidence,
) -> Result<Turn, Lacking> {
    if demands_dialogue(case.record.profile.state) {
        return Ok(reset::authorized(case));
    }
    let (record, gateway) = (&case.record, &case.attempt.gateway);
    if enrol::has_page(record, gateway, case.policy) {
        return enrol::authorized(case, shown, evidence);
    }
    if mails_token(record, gateway, case.policy, case.now) {
        return mail_token(case, evidence);
    }
    let waits = enrol::has_pending(record, gateway, case.policy, case.now);
    let until = case.now.latest() + PROVEN_FOR;
    state(case.record.profile_mut()).proven_until = Some(until);
    if waits {
        return enrol::authorized(case, shown, evidence);
    }
    Ok(Turn::Ended(Message::AskForToken))
}

/// Whether a token that counts at `gateway` is mailed to this person after the code: none is while
/// another one waits for its proof.
pub(super) fn mails_token(
    record: &UserRecord,
    gateway: &GatewayPolicy,
    policy: &Policy,
    now: Now,
) -> bool {
    policy.device_auth.mails_seed
        && policy.pages.is_none()
        && !enrol::has_pending(record, gateway, policy, now)
        && room(record, policy)
        && counts_here(record, gateway, policy, TokenKind::Totp)
        && destination(&record.profile, policy).is_some()
}

fn mail_token(case: &mut Case<'_>, evidence: &Evidence) -> Result<Turn, Lacking> {
    let (policy, at) = (case.policy, case.now.wall);
    let Some((_, to)) = destination(&case.record.profile, policy) else {
        return Ok(Turn::Refused(Reason::NoToken));
    };
    let (id, seed, enclosure) = evidence.fresh.seed()?;
    let by = case.record.name().to_owned();
    let token = Token {
        otp: Some(Otp::TOTP),
        seed: Some(seed),
        ..Token::new(id, TokenKind::Totp, (at, by))
    };
    let until = token.unproven_until(policy).unwrap_or(at + TTL_MAX);
    case.record.profile_mut().tokens.push(token);
    let event = Event::new("token.enrolled").token(id);
    let event = event.detail("type", TokenKind::Totp.name());
    case.tell(event.detail("via", "email"));
    let what = enclosure.enclosed.kind.name();
    let event = Event::new("enroll.sent").detail("channel", to.channel().name());
    case.tell(event.detail("what", what).detail("to", to.masked()));
    let letter = enclosing(enclosure, to, &case.record, policy, (at, until));
    case.letters.push(letter);
    enrol::authorized(case, None, evidence)
}

fn wrong(case: &mut Case<'_>) -> Turn {
    let tries = case.policy.auth_code.tries;
    let left = count_wrong(case.record.profile_mut(), tries).unwrap_or_default();
    let event = Event::new("deviceauth.failed").refused();
    case.tell(event.detail("tries_left", left));
    Turn::Failed(Reason::BadCode, failure::Kind::Shapeless)
}
