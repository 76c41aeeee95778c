//! What a person does on the pages of a one-time link: opens the enrolment, proves the token, takes
//! recovery codes, confirms an address (domain rules 10, E3; R14).
//!
//! Whoever calls has nothing but a secret, and is a stranger until it fits together with a name and
//! an auth code. So there is one refusal for everything ([`refused`]), and all facts are looked at
//! before one of them decides. A use of a live link that is refused counts on the link, durably; the
//! last try voids it.

use serde_json::json;

use super::case::Case;
use super::code::{device_ahead_s, open, use_up};
use super::enrol::{new_totp, register, uri};
use super::{Applied, Prepared, recovery, words};
use crate::domain::auth_code;
use crate::domain::delivery::Via;
use crate::domain::dialogue::{Dialogue, Kind};
use crate::domain::link::{self, Link, Purpose, TICKET_TTL};
use crate::domain::name;
use crate::domain::policy::Policy;
use crate::domain::refusal::{Code, Refusal, WrongCode};
use crate::domain::token_record::{Base, Token, TokenKind};
use crate::domain::user::{UserRecord, UserState};
use crate::secret::{SecretBytes, SecretKey, equal};
use crate::token::link::LinkSecret;
use crate::token::{Factor, Otp, OtpCode, TokenId};

/// One step on a page.
pub struct PageStep {
    /// The secret in the link, or the ticket of the step before.
    pub link: LinkSecret,
    /// Where the browser is; for the audit log only.
    pub from: String,
    /// Which.
    pub what: Step,
}

/// What a step is.
pub enum Step {
    /// Opens the enrolment: uses up link and auth code, and makes a token that waits for its proof.
    Begin {
        /// Login name as it was typed.
        user: String,
        /// Auth code as it was typed.
        code: Option<SecretBytes>,
    },
    /// Proves that token.
    Prove {
        /// The code the device shows; none: what was typed is none.
        code: Option<OtpCode>,
    },
    /// Makes recovery codes.
    Recovery,
    /// Confirms the address that the link was sent to.
    Confirm,
}

/// The one refusal of a link, whatever is wrong.
#[must_use]
pub fn refused() -> Refusal {
    Refusal::new(Code::Link, "this link cannot be used")
        .why("it was used, has run out or is void, or the name or the auth code does not fit")
        .doing("ask the help desk for a new one")
}

/// The token that an opened enrolment shows anew: the newest one that waits for its proof and is no
/// device of its own.
#[must_use]
pub fn pending_totp(record: &UserRecord) -> Option<TokenId> {
    let waits = |token: &&Token| {
        token.base == Base::Pending && token.kind == TokenKind::Totp && token.serial.is_none()
    };
    let mut tokens = record.profile.tokens.iter().rev();
    tokens.find(waits).map(|token| token.id)
}

pub(super) fn step(
    mut case: Case<'_>,
    step: &PageStep,
    prepared: Prepared,
) -> Result<Applied, Refusal> {
    case.on_page(&step.from);
    let link = case.record.profile.link(&step.link, case.now());
    let link = link.cloned().ok_or_else(refused)?;
    match (&step.what, &link.purpose) {
        (Step::Begin { user, code }, Purpose::Enrol) => {
            begin(case, &link, user, code.as_ref(), prepared)
        }
        (Step::Prove { code }, Purpose::Prove { token }) => {
            prove(case, &link, *token, code.as_ref(), &prepared)
        }
        (Step::Recovery, Purpose::Recovery) => {
            if closed(&case).is_some() {
                return Err(refused());
            }
            case.void_link(link.id);
            recovery::issue(case, prepared).map_err(|_| refused())
        }
        (Step::Confirm, Purpose::Confirm { address }) => confirm(case, &link, address),
        _ => Err(refused()),
    }
}

fn begin(
    mut case: Case<'_>,
    link: &Link,
    typed: &str,
    code: Option<&SecretBytes>,
    prepared: Prepared,
) -> Result<Applied, Refusal> {
    let named = name::canonical(typed.as_bytes());
    let named = named.is_ok_and(|name| equal(name.as_bytes(), case.user.as_bytes()));
    let coded = code_fits(&case, link, code);
    let why = match obstacle(&case) {
        _ if !named => "name",
        Some(why) => why,
        None if coded => return opened(case, link, prepared),
        None => {
            count_code(&mut case);
            "code"
        }
    };
    Ok(count(case, link, "enroll.opened", why, |_| refused()))
}

/// Whether the auth code is the one that was handed out, where one is asked for.
fn code_fits(case: &Case<'_>, link: &Link, typed: Option<&SecretBytes>) -> bool {
    // What was shown at the prompt counts as long as the question is open.
    let first_code =
        |open: &Dialogue| matches!(open.kind, Kind::FirstCode { .. }) && open.open(case.now());
    let asked = link.at_prompt && case.record.auth.dialogues.iter().any(first_code);
    if asked || case.site.policy.auth_code.always_suppress {
        return true;
    }
    let (unseal, now) = (case.site.unseal, case.now());
    typed.is_some_and(|typed| auth_code::fits(&case.record, typed.expose(), unseal, now))
}

/// What keeps this person from enrolling, whatever the link.
fn obstacle(case: &Case<'_>) -> Option<&'static str> {
    let policy = case.site.policy;
    closed(case)
        .or_else(|| (!policy.enabled_kinds.contains(&TokenKind::Totp)).then_some("type"))
        .or_else(|| (!room(&case.record, policy)).then_some("tokens"))
}

/// Whether an opened enrolment has a token to show: one that waits, or a new one.
#[must_use]
pub fn room(record: &UserRecord, policy: &Policy) -> bool {
    let tokens = record.profile.tokens.iter();
    let have = tokens.filter(|token| token.base != Base::Obsolete).count();
    have < policy.tokens_max_per_user || pending_totp(record).is_some()
}

/// Why this person may do nothing on any page.
fn closed(case: &Case<'_>) -> Option<&'static str> {
    match case.state() {
        UserState::Deactivated => Some("deactivated"),
        UserState::Revoke => Some("revoked"),
        _ => case.record.auth.lock.as_ref().map(|_| "locked"),
    }
}

/// A wrong auth code for a right link and name counts on the code as well.
fn count_code(case: &mut Case<'_>) {
    let policy = &case.site.policy.auth_code;
    let Some(left) = auth_code::count_wrong(case.record.profile_mut(), policy) else {
        return;
    };
    let event = case.event("authcode.failed").refused();
    case.push(event.detail("tries_left", left));
    if left == 0 {
        let event = case.event("authcode.revoked");
        case.push(event.detail("why", "tries"));
    }
}

/// Refuses a use of a live link, and counts it; the words may say how many tries are left.
fn count(
    mut case: Case<'_>,
    link: &Link,
    event: &'static str,
    why: &'static str,
    words: impl FnOnce(u32) -> Refusal,
) -> Applied {
    let left = link.tries.saturating_sub(1);
    if left == 0 {
        case.void_link(link.id);
    }
    let links = case.record.profile_mut().links.iter_mut();
    for same in links.filter(|other| other.id == link.id) {
        same.tries = left;
    }
    let event = case.event(event).refused().detail("link", link.id);
    case.push(event.detail("why", why).detail("tries_left", left));
    case.refused(words(left))
}

/// Name, code and link fit: all of them are used up, and the token is shown.
fn opened(mut case: Case<'_>, link: &Link, prepared: Prepared) -> Result<Applied, Refusal> {
    case.fresh(&prepared)?;
    let Prepared {
        token_id: Some(id),
        seed: Some(sealed),
        clear_seed: Some(clear),
        link: Some(random),
        ..
    } = prepared
    else {
        return Err(case.stale());
    };
    let waiting = pending_totp(&case.record);
    if waiting.unwrap_or(id) != id {
        return Err(case.stale());
    }
    case.void_link(link.id);
    let event = case
        .event("enroll.opened")
        .token(id)
        .detail("link", link.id);
    case.push(event);
    if case.record.profile_mut().auth_code.take().is_some() {
        let event = case.event("authcode.used");
        case.push(event);
    }
    if let (Some(via), Some(address)) = (link.via(), &link.sent_to) {
        case.proven(via, address);
    }
    let at = case.wall();
    match case.record.token_mut(id) {
        Some(token) => {
            token.seed = Some(sealed);
            token.created = at;
            token.updated = at;
            case.record.auth.tokens.retain(|state| state.id != id);
        }
        None => {
            let token = new_totp(&case, id, sealed);
            case.record.profile_mut().tokens.push(token);
        }
    }
    let event = case.event("token.enrolled").token(id);
    case.push(event.detail("type", "totp"));
    case.record.profile_mut().last_access = Some(at);
    let otp = case.record.token(id).and_then(|token| token.otp);
    let otp = otp.unwrap_or(Otp::TOTP);
    let shown = uri(&case, otp, &clear, 0);
    case.reveal(Some(shown));
    let expires = ticket(&mut case, Purpose::Prove { token: id }, &random);
    case.fact("digits", otp.digits.count());
    if let Factor::Time { period_s } = otp.factor {
        case.fact("period_s", period_s.seconds());
    }
    case.fact("expires", expires);
    let message = format!("{} has opened the enrolment. {}", case.user, case.current());
    Ok(case.done(message))
}

fn prove(
    mut case: Case<'_>,
    link: &Link,
    id: TokenId,
    code: Option<&OtpCode>,
    prepared: &Prepared,
) -> Result<Applied, Refusal> {
    let token = case.record.token(id);
    if closed(&case).is_some() || token.is_none_or(|token| token.base != Base::Pending) {
        return Err(refused());
    }
    case.fresh(prepared)?;
    let Some(random) = &prepared.link else {
        return Err(case.stale());
    };
    let opened = open(&case, id)?;
    let (otp, seed, wall) = (opened.otp, opened.seed.expose(), case.wall());
    let windows = case.site.policy.windows();
    let found = code.and_then(|code| otp.search(seed, code, opened.progress, windows, wall));
    let Some(factor) = found else {
        let device_clock_s = code.and_then(|code| device_ahead_s(&case, &opened, code));
        let wrong = |tries_left| match tries_left {
            0 => refused(),
            _ => {
                let mut refusal = Refusal::new(Code::Otp, "that code does not fit");
                refusal.wrong_code = Some(WrongCode {
                    tries_left,
                    device_clock_s,
                });
                refusal.doing("wait for the next code of the new entry")
            }
        };
        return Ok(count(case, link, "token.registered", "code", wrong));
    };
    let clock = code.and_then(|code| device_ahead_s(&case, &opened, code));
    use_up(&mut case, &opened, factor);
    register(&mut case, id);
    case.void_link(link.id);
    case.about(id);
    // A code of the step before is a slow hand, not a slow clock.
    case.fact(
        "device_clock_s",
        clock.filter(|ahead| *ahead > 0).unwrap_or(0),
    );
    let policy = case.site.policy;
    let mut tokens = case.record.profile.tokens.iter();
    let wanted = policy.recovery_allow_login
        && policy.enabled_kinds.contains(&TokenKind::Recovery)
        && !tokens.any(|token| token.kind == TokenKind::Recovery);
    if wanted {
        ticket(&mut case, Purpose::Recovery, random);
    }
    let message = format!("{id} of {} proven. {}", case.user, case.current());
    Ok(case.done(message))
}

/// A right to the next step, for the page alone; until when.
fn ticket(case: &mut Case<'_>, purpose: Purpose, random: &SecretKey) -> String {
    let secret = LinkSecret::new(case.record.id.0, random.expose());
    let expires = case.now().latest() + TICKET_TTL;
    let ticket = Link {
        id: 0,
        purpose,
        hash: secret.fingerprint(),
        created: case.wall(),
        created_by: case.by(),
        expires,
        sent_to: None,
        tries: link::TRIES,
        at_prompt: false,
        extra: serde_json::Map::new(),
    };
    let now = case.now();
    case.record.profile_mut().add_link(ticket, now);
    case.ticket(SecretBytes::copy_of(secret.text().expose().as_bytes()));
    expires.to_string()
}

fn confirm(mut case: Case<'_>, link: &Link, address: &str) -> Result<Applied, Refusal> {
    let mut emails = case.record.profile.emails.iter();
    let contact = emails.find(|contact| contact.address == address);
    let known = match contact {
        Some(contact) if closed(&case).is_none() => contact.verified,
        _ => return Err(refused()),
    };
    case.void_link(link.id);
    case.proven(Via::Email, address);
    if known {
        // The link is used up all the same, and what changes a record is in the log.
        let event = case.event("user.edited").unchanged();
        case.push(event.detail("fields", json!(["proven"])));
    }
    let masked = words::mask_email(address);
    case.fact("address", masked.clone());
    let message = format!("{masked} of {} is proven. {}", case.user, case.current());
    Ok(case.done(message))
}
