//! What goes to a person by mail or text message: the link of an enrolment, its revocation, and by mail
//! its seed (R34, E3, E4).

use serde_json::Map;

use super::case::Case;
use super::resolve::pending;
use super::{Applied, Prepared, TokenRef, auth_code, words};
use crate::domain::action::Action;
use crate::domain::auth_code::{Delivery, enrols};
use crate::domain::delivery::Via;
use crate::domain::link::{self, Link, Purpose};
use crate::domain::message::{EnclosedKind, Message};
use crate::domain::notice::{Enclosure, enclosing};
use crate::domain::recipient::Recipient;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::user::UserState;
use crate::time::Timestamp;
use crate::token::link::LinkSecret;

/// `enroll email`: a link to the enrolment page, or where the site says so the seed itself.
pub(super) fn enrol(
    case: Case<'_>,
    named: Option<&TokenRef>,
    mut prepared: Prepared,
) -> Result<Applied, Refusal> {
    let to = whom(&case, Via::Email, &prepared)?;
    let Some(enclosure) = prepared.enclosure.take() else {
        return Err(match pending(&case.record, named) {
            Err(refusal) => none_pending(&case, refusal),
            Ok(_) => case.stale(),
        });
    };
    match enclosure.enclosed.kind {
        EnclosedKind::EnrolLink => send_link(case, Via::Email, &to, enclosure, &prepared),
        EnclosedKind::Seed => send_seed(case, &to, named, enclosure, &prepared),
        _ => Err(case.stale()),
    }
}

/// `enroll sms`: a link to the enrolment page, or where there is none an auth code; never a seed.
pub(super) fn enrol_by_sms(case: Case<'_>, mut prepared: Prepared) -> Result<Applied, Refusal> {
    let to = whom(&case, Via::Sms, &prepared)?;
    let is_link = |it: &mut Enclosure| it.enclosed.kind == EnclosedKind::EnrolLink;
    match prepared.enclosure.take_if(is_link) {
        Some(enclosure) => send_link(case, Via::Sms, &to, enclosure, &prepared),
        None => auth_code::generate(case, None, false, Delivery::Sms, prepared),
    }
}

/// Where somebody who may enrol at all is sent what an enrolment needs.
fn whom(case: &Case<'_>, via: Via, prepared: &Prepared) -> Result<Recipient, Refusal> {
    let to = address(case, via)?;
    if matches!(case.state(), UserState::Deactivated | UserState::Revoke) {
        let what = format!("{} is not to enrol; nothing was sent", case.user);
        let why = format!("the state is {}", case.state().title());
        return Err(Refusal::new(Code::State, what).why(why));
    }
    case.fresh(prepared)?;
    Ok(to)
}

fn send_link(
    mut case: Case<'_>,
    via: Via,
    to: &Recipient,
    enclosure: Enclosure,
    prepared: &Prepared,
) -> Result<Applied, Refusal> {
    if !enrols(&case.record) {
        let what = format!("{} needs no enrolment; nothing was sent", case.user);
        let why = format!(
            "the state is {}, and no token waits for its proof",
            case.state().title()
        );
        let refusal = Refusal::new(Code::NotNeeded, what).why(why);
        let arguments = format!("{} --type totp", case.typed);
        return Err(case.suggest(refusal, Action::TokenAdd, &arguments));
    }
    let code = case.record.profile.auth_code.as_ref();
    let code = code.filter(|code| !code.over(case.now()));
    if code.is_some_and(|code| code.delivery.via() == Some(via)) {
        let way = via.words();
        let what = format!("{} got the auth code by {way}; nothing was sent", case.user);
        let refusal =
            Refusal::new(Code::Policy, what).why("link and auth code do not go the same way (E3)");
        let arguments = format!("{} --show", case.typed);
        return Err(case.suggest(refusal, Action::AuthCodeGenerate, &arguments));
    }
    let coded = code.is_some();
    let profile = case.record.profile_mut();
    let voided = profile.void_links(|link| link.purpose == Purpose::Enrol);
    let main = via.contacts(&case.record.profile).first();
    let sent_to = main.map(|main| main.address.clone());
    let sent_to = sent_to.ok_or_else(|| case.stale())?;
    let until = add(&mut case, Purpose::Enrol, sent_to, prepared)?;
    let message = letter(&mut case, enclosure, to, until);
    let pending = pending(&case.record, None).is_ok();
    let shown = pending.then(|| (Action::EnrollQr, case.typed.clone()));
    case.queue(message, shown);
    if voided > 0 {
        case.note("old link", "the link before this one is void");
    }
    case.note(
        "link",
        format!("good once, until {}", words::instant(until)),
    );
    if !coded && !case.site.policy.auth_code.always_suppress {
        let line = case.line(Action::AuthCodeGenerate, &format!("{} --show", case.typed));
        case.note("then", format!("{line}    and read the code out"));
    }
    if case.record.auth.lock.is_some() {
        let line = format!("the link waits for: mfactl user unlock {}", case.typed);
        case.note("lock", line);
    }
    let typed = case.typed.clone();
    case.undo(Action::EnrollRevoke, &typed);
    Ok(queued(case, "link to the enrolment page", to))
}

fn send_seed(
    mut case: Case<'_>,
    to: &Recipient,
    named: Option<&TokenRef>,
    enclosure: Enclosure,
    prepared: &Prepared,
) -> Result<Applied, Refusal> {
    let id = pending(&case.record, named).map_err(|refusal| none_pending(&case, refusal))?;
    let token = case.record.token(id);
    if token.is_some_and(|token| token.serial.is_some()) {
        let what = format!("{id} is a hardware token: its secret is in the device already");
        return Err(Refusal::new(Code::Type, what));
    }
    if prepared.token_id != Some(id) {
        return Err(case.stale());
    }
    let proven = |address: &str| address == to.as_str();
    let mut emails = case.record.profile.emails.iter();
    if !emails.any(|contact| contact.verified && proven(&contact.address)) {
        return Err(unproven(&case, Via::Email, to, "the seed"));
    }
    let at = case.wall();
    let until = token.and_then(|token| token.unproven_until(case.site.policy));
    let until = until.unwrap_or(at + link::TTL_MAX);
    let message = letter(&mut case, enclosure, to, until);
    let arguments = format!("{} --token {id}", case.typed);
    case.queue(message, Some((Action::EnrollQr, arguments)));
    case.about(id);
    if case.may(Action::TokenConfirm) {
        let line = case.line(Action::TokenConfirm, &id.to_string());
        case.note("then", line);
    }
    Ok(queued(case, "QR code", to))
}

/// `enroll revoke`: the links that were sent are void.
pub(super) fn revoke(mut case: Case<'_>) -> Applied {
    let event = case.event("enroll.revoked");
    let profile = case.record.profile_mut();
    let voided = profile.void_links(|link| link.purpose == Purpose::Enrol);
    if voided == 0 {
        let message = format!("{} has no link; nothing changed.", case.user);
        return case.unchanged(event, message);
    }
    case.push(event);
    let message = format!("link of {} void. {}", case.user, case.current());
    case.done(message)
}

/// The main address, if anything can be sent to it at all.
fn address(case: &Case<'_>, via: Via) -> Result<Recipient, Refusal> {
    if !case.site.policy.sends(via) {
        let (what, keys) = match via {
            Via::Email => ("mail server", "smtp.server and smtp.from"),
            Via::Sms => ("SMS gateway", "sms.url"),
        };
        let refusal = Refusal::new(
            Code::Delivery,
            format!("there is no {what}; nothing was sent"),
        );
        return Err(refusal.doing(format!("state {keys} in mfad.toml and restart mfad")));
    }
    let main = via.contacts(&case.record.profile).first();
    let to = main.and_then(|main| via.recipient(&main.address));
    to.ok_or_else(|| {
        let (name, flag) = match via {
            Via::Email => ("mail", "--email ADDRESS"),
            Via::Sms => ("text message", "--phone NUMBER"),
        };
        let words = via.address_words();
        let refusal = match main {
            None => Refusal::new(
                Code::NoAddr,
                format!("{} has no {words}; nothing was sent", case.user),
            ),
            Some(_) => Refusal::new(
                Code::NoAddr,
                format!(
                    "no {name} reaches the {words} of {}; nothing was sent",
                    case.user
                ),
            ),
        };
        let refusal = match (main, via) {
            (Some(_), Via::Sms) => {
                refusal.why("a number is sent to with its country code only, such as +491701234567")
            }
            _ => refusal,
        };
        case.suggest(refusal, Action::UserEdit, &format!("{} {flag}", case.typed))
    })
}

/// The main address, if the person has proven to get what is sent there.
pub(super) fn proven_address(case: &Case<'_>, via: Via, what: &str) -> Result<Recipient, Refusal> {
    let to = address(case, via)?;
    let main = via.contacts(&case.record.profile).first();
    if main.is_some_and(|contact| contact.verified) {
        return Ok(to);
    }
    Err(unproven(case, via, &to, what))
}

fn unproven(case: &Case<'_>, via: Via, to: &Recipient, what: &str) -> Refusal {
    let words = match via {
        Via::Email => "address",
        Via::Sms => "phone number",
    };
    let refusal = Refusal::new(
        Code::NoAddr,
        format!("{} has no proven {words}; nothing was sent", case.user),
    )
    .why(format!(
        "{what} goes to nobody but its owner, and {} is not proven",
        to.masked()
    ));
    let arguments = format!("{} --trusted", case.typed);
    case.suggest(refusal, Action::UserEdit, &arguments)
}

fn none_pending(case: &Case<'_>, refusal: Refusal) -> Refusal {
    let arguments = format!("{} --type totp", case.typed);
    match refusal.code {
        Code::NoToken => case.suggest(refusal, Action::TokenAdd, &arguments),
        _ => refusal,
    }
}

/// Keeps a link that is sent there; until when it is good.
pub(super) fn add(
    case: &mut Case<'_>,
    purpose: Purpose,
    sent_to: String,
    prepared: &Prepared,
) -> Result<Timestamp, Refusal> {
    let random = prepared.link.as_ref().ok_or_else(|| case.stale())?;
    let now = case.now();
    let expires = now.latest() + link::ttl(case.site.policy);
    let link = Link {
        id: 0,
        purpose,
        hash: LinkSecret::new(case.record.id.0, random.expose()).fingerprint(),
        created: now.wall,
        created_by: case.by(),
        expires,
        sent_to: Some(sent_to),
        tries: link::TRIES,
        at_prompt: false,
        extra: Map::new(),
    };
    case.record.profile_mut().add_link(link, now);
    Ok(expires)
}

/// What is to be sent with the change; the log says so.
pub(super) fn letter(
    case: &mut Case<'_>,
    enclosure: Enclosure,
    to: &Recipient,
    until: Timestamp,
) -> Message {
    let kind = enclosure.enclosed.kind;
    let name = match kind {
        EnclosedKind::AuthCode => "authcode.sent",
        _ => "enroll.sent",
    };
    let event = case.event(name).detail("channel", to.channel().name());
    let event = event.detail("what", kind.name());
    case.push(event.detail("to", to.masked()));
    let (at, policy) = (case.wall(), case.site.policy);
    enclosing(enclosure, to.clone(), &case.record, policy, (at, until))
}

/// The answer to what waits in the outbox now.
fn queued(case: Case<'_>, what: &str, to: &Recipient) -> Applied {
    let message = format!(
        "{what} for {} goes to {}. {}",
        case.user,
        to.masked(),
        case.current()
    );
    case.done(message)
}
