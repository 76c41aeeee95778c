//! A code that is sent, asked of a person who has proven something before (M21, M22, 8.2.9).
//!
//! 1. The code goes by e-mail or SMS, committed with the question: *Code sent by SMS to +49 \*\*\*
//!    \*\*67. Enter it:*
//! 2. The answer is that code, once, as long as it is good; or a recovery code in its place. What is
//!    wrong counts at the token. *send* asks for another code, within the limits; then only the new
//!    one is good.
//!
//! The dialogue keeps the keyed hash of its code, so that nothing else is ever compared with it. A
//! person has one code of a token: who is sent another one cannot answer the question before.

use super::{AGAIN, Asking, Kind, Seen, Turn};
use crate::domain::attempt::Attempt;
use crate::domain::delivery::{Via, destination, paced};
use crate::domain::event::Event;
use crate::domain::judge::{Case, CodeFor, Evidence, Lacking};
use crate::domain::methods::candidates;
use crate::domain::notice::enclosing;
use crate::domain::policy::{PasscodeForm, Policy};
use crate::domain::sealed::Unseal;
use crate::domain::user::UserRecord;
use crate::domain::verdict::{Message, Reason};
use crate::domain::verify::{CodeMatch, recovery};
use crate::secret::equal;
use crate::time::{Now, Timestamp};
use crate::token::{OtpCode, TokenId};

/// A code that is out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The token it is of.
    pub token: TokenId,
    /// Its keyed hash.
    pub hash: [u8; 32],
    /// First instant at which it is no longer good.
    pub until: Timestamp,
    /// Codes that were sent for this question.
    pub sends: u8,
}

/// Sends a code of `token`, and asks for it.
pub(super) fn send(
    case: &mut Case<'_>,
    token: TokenId,
    sends: u8,
    evidence: &Evidence,
) -> Result<Turn, Lacking> {
    let (policy, now) = (case.policy, case.now);
    let rules = &policy.sent_code;
    let profile = &case.record.profile;
    let to = case
        .record
        .token(token)
        .and_then(|it| destination(it, profile));
    let Some((to, recipient)) = to.and_then(|to| Some((to, to.via.recipient(to.address)?))) else {
        return Ok(Turn::Ended(Message::NoFurtherCode));
    };
    let unanswered = profile.sms_unanswered + u32::from(to.via == Via::Sms);
    let paced = paced(profile, rules.max_per_hour, now);
    let more = sends < rules.max_per_dialogue && super::may_ask(case);
    let (Ok(code_sends), true) = (paced, more) else {
        return Ok(Turn::Ended(Message::NoFurtherCode));
    };
    if to.via == Via::Sms && unanswered > rules.sms_max_unanswered {
        return Ok(Turn::Ended(Message::NoFurtherCode));
    }
    let (hash, enclosure) = evidence.fresh.code(CodeFor::Token(token))?;
    let until = now.latest() + rules.ttl;
    let letter = enclosing(
        enclosure,
        recipient,
        &case.record,
        policy,
        (now.wall, until),
    );
    let (via, to) = (to.via, to.masked());
    let event = Event::new("token.code_sent").token(token);
    case.tell(event.detail("via", via.name()).detail("to", to.as_str()));
    case.letters.push(letter);
    let profile = case.record.profile_mut();
    profile.code_sends = code_sends;
    profile.sms_unanswered = unanswered;
    let dialogues = &mut case.record.auth.dialogues;
    dialogues.retain(|dialogue| !dialogue.waits_for(token));
    let sent = Sent {
        token,
        hash,
        until,
        sends: sends + 1,
    };
    Ok(Turn::Ask(Asking {
        kind: Kind::Sent(sent),
        message: Message::CodeSent { via, to },
    }))
}

/// Sends one because the person wants it, unless the token counts no more.
pub(super) fn wished(
    case: &mut Case<'_>,
    token: TokenId,
    sends: u8,
    evidence: &Evidence,
) -> Result<Turn, Lacking> {
    let (record, gateway) = (&case.record, &case.attempt.gateway);
    let counts = candidates(record, gateway, case.policy, &case.proven.factors, case.now)
        .any(|it| it.id == token);
    match counts {
        true => send(case, token, sends, evidence),
        false => Ok(Turn::Refused(Reason::NoToken)),
    }
}

/// What is typed in answer. Neither its time nor the token's right to count is looked at here: that is
/// confirmed when it is judged.
pub(super) fn look(
    asked: &Sent,
    record: &UserRecord,
    attempt: &Attempt,
    policy: &Policy,
    unseal: &dyn Unseal,
    now: Now,
) -> CodeMatch {
    let typed = attempt.passcode();
    if AGAIN.iter().any(|word| typed.eq_ignore_ascii_case(word)) {
        return CodeMatch::Told(Seen::Again);
    }
    let token = asked.token;
    let hash = OtpCode::parse(typed).map(|code| unseal.sent_code_hash(record.id, token, &code));
    if hash.is_some_and(|hash| equal(&hash, &asked.hash)) {
        return CodeMatch::Sent { token };
    }
    let found = recovery(record, attempt, PasscodeForm::Otp, policy, unseal, now);
    found.map_or(CodeMatch::Wrong { only: Some(token) }, |(found, _)| found)
}

pub(super) fn turn(
    case: &mut Case<'_>,
    asked: &Sent,
    seen: Seen,
    evidence: &Evidence,
) -> Result<Turn, Lacking> {
    match seen {
        Seen::Again => wished(case, asked.token, asked.sends, evidence),
        _ => Ok(Turn::Ended(Message::Denied)),
    }
}
