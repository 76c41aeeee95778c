//! The address on file: by it a new person gets a first token whose codes are sent (E6).
//!
//! 1. The first factor is right and, unless none are made, the auth code. The set takes codes that are
//!    sent, and neither a page nor an operator shows another token.
//! 2. A token for the main address is made, and a code goes there, committed with the question: *Code
//!    sent to a\*\*\*e@example.org. Enter it:* *send* has another one sent, within the limits.
//! 3. Right, and it is still the main address: address and token are proven, then the Accept. Another
//!    code counts and is asked for again; the third wrong one ends the dialogue, and the token goes on
//!    waiting.
//!
//! Who has had another token already is led nowhere by this: one that was disabled, locked or void must
//! not come back by itself.

use serde_json::json;

use super::{AGAIN, Asking, Kind, Seen, Sent, Turn, enrol, sent};
use crate::domain::attempt::Attempt;
use crate::domain::command::pending_sent;
use crate::domain::delivery::{Via, destination};
use crate::domain::event::Event;
use crate::domain::failure;
use crate::domain::judge::{Case, Evidence, Lacking};
use crate::domain::methods::{is_asked, sends_codes};
use crate::domain::policy::{GatewayPolicy, Policy};
use crate::domain::sealed::Unseal;
use crate::domain::token_record::{Base, Token, TokenKind};
use crate::domain::user::{UserRecord, UserState};
use crate::domain::verdict::{Message, Reason};
use crate::domain::verify::Ask;
use crate::secret::equal;
use crate::time::Now;
use crate::token::{OtpCode, TokenId};

/// A code that is out to an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressCode {
    /// The code.
    pub sent: Sent,
    /// Where it went: nothing else is proven by it.
    pub to: String,
    /// Wrong ones so far.
    pub wrong: u8,
}

/// Wrong codes that end it.
const WRONG_MAX: u8 = 3;

/// The type of token that an address on file could be given, and by what its codes would go.
pub(super) fn on_file(
    record: &UserRecord,
    gateway: &GatewayPolicy,
    policy: &Policy,
    now: Now,
) -> Option<(TokenKind, Via)> {
    let profile = &record.profile;
    let [group] = policy.groups(profile.set.as_deref()) else {
        return None;
    };
    let fresh = profile.state == UserState::New && profile.rekey.is_none();
    let waits = |token: &Token| token.base_at(now) == Base::Pending || !token.primary();
    if !fresh || !sends_codes(gateway) || !profile.tokens.iter().all(waits) {
        return None;
    }
    let reached = |via: &Via| {
        let main = via.contacts(profile).first();
        let to = main.and_then(|main| via.recipient(&main.address));
        to.is_some() && policy.sends(*via)
    };
    let mut kinds = group
        .iter()
        .filter(|kind| kind.is_sent() && is_asked(record, gateway, policy, **kind))
        .filter(|kind| !policy.withdrawn(**kind));
    let found = kinds.find_map(|kind| {
        let via = vias(*kind).iter().find(|via| reached(via))?;
        Some((*kind, *via))
    })?;
    let room = profile.tokens.len() < policy.tokens_max_per_user;
    (room || waiting(record, found).is_some()).then_some(found)
}

const fn vias(kind: TokenKind) -> &'static [Via] {
    match kind {
        TokenKind::Email => &[Via::Email],
        TokenKind::Sms => &[Via::Sms],
        TokenKind::Virtual => &Via::ALL,
        _ => &[],
    }
}

/// The token for this address that waits for its proof already.
fn waiting(record: &UserRecord, (kind, via): (TokenKind, Via)) -> Option<TokenId> {
    let profile = &record.profile;
    let main = via.contacts(profile).first()?;
    let fits = |token: &&Token| {
        let to = destination(token, profile);
        token.kind == kind && to.is_some_and(|to| to.via == via && to.address == main.address)
    };
    profile.tokens.iter().find(fits).map(|token| token.id)
}

/// Makes the token, if it is not there yet, and sends its first code.
pub(super) fn begin(
    case: &mut Case<'_>,
    (kind, via): (TokenKind, Via),
    evidence: &Evidence,
) -> Result<Turn, Lacking> {
    let id = match waiting(&case.record, (kind, via)) {
        Some(id) => id,
        None => {
            let id = evidence.fresh.token()?;
            make(case, id, (kind, via));
            id
        }
    };
    send(case, id, 0, 0, evidence)
}

fn make(case: &mut Case<'_>, id: TokenId, (kind, via): (TokenKind, Via)) {
    let main = via.contacts(&case.record.profile).first();
    let Some(address) = main.map(|main| main.address.clone()) else {
        return;
    };
    let event = Event::new("token.enrolled").token(id);
    let event = event.detail("type", kind.name()).detail("via", via.name());
    case.tell(event.detail("to", via.masked(&address)));
    let own = (kind != TokenKind::Virtual).then_some(address);
    let by = case.record.name().to_owned();
    let token = pending_sent(id, kind, (via, own), (case.now.wall, by));
    case.record.profile_mut().tokens.push(token);
}

fn send(
    case: &mut Case<'_>,
    token: TokenId,
    sends: u8,
    wrong: u8,
    evidence: &Evidence,
) -> Result<Turn, Lacking> {
    let turn = sent::send(case, token, sends, evidence)?;
    let profile = &case.record.profile;
    let to = case.record.token(token);
    let to = to.and_then(|token| destination(token, profile));
    Ok(match (turn, to) {
        (
            Turn::Ask(Asking {
                kind: Kind::Sent(sent),
                message,
            }),
            Some(to),
        ) => Turn::Ask(Asking {
            kind: Kind::Address(AddressCode {
                sent,
                to: to.address.to_owned(),
                wrong,
            }),
            message,
        }),
        (other, _) => other,
    })
}

pub(super) fn look(
    asked: &AddressCode,
    record: &UserRecord,
    attempt: &Attempt,
    unseal: &dyn Unseal,
) -> (Seen, Ask) {
    let sent = &asked.sent;
    let typed = attempt.passcode();
    if AGAIN.iter().any(|word| typed.eq_ignore_ascii_case(word)) {
        return (Seen::Again, Ask::Nothing);
    }
    let hash = OtpCode::parse(typed);
    let hash = hash.map(|code| unseal.sent_code_hash(record.id, sent.token, &code));
    let seen = match hash {
        Some(hash) if equal(&hash, &sent.hash) => Seen::Right,
        _ => Seen::Wrong,
    };
    (seen, Ask::Nothing)
}

pub(super) fn turn(
    case: &mut Case<'_>,
    asked: &AddressCode,
    seen: Seen,
    evidence: &Evidence,
) -> Result<Turn, Lacking> {
    let (record, gateway) = (&case.record, &case.attempt.gateway);
    let token = asked.sent.token;
    let awaited = on_file(record, gateway, case.policy, case.now);
    let awaited = awaited.filter(|it| waiting(record, *it) == Some(token));
    let Some((_, via)) = awaited.filter(|(_, via)| main(record, *via) == Some(&asked.to)) else {
        return Ok(Turn::Refused(Reason::NoToken));
    };
    let good = case.now.latest() < asked.sent.until;
    let wrong = asked.wrong.saturating_add(1);
    Ok(match seen {
        Seen::Again => return send(case, token, asked.sent.sends, asked.wrong, evidence),
        Seen::Right if good => {
            confirm(case, via, &asked.to);
            enrol::prove(case, token);
            Turn::Passed
        }
        _ if wrong < WRONG_MAX => {
            let only = Some(token);
            if !case.count_wrong(failure::Kind::Code { only }) {
                return Ok(Turn::Refused(Reason::BadCode));
            }
            let to = via.masked(&asked.to);
            Turn::Ask(Asking {
                kind: Kind::Address(AddressCode {
                    wrong,
                    ..asked.clone()
                }),
                message: Message::CodeSent { via, to },
            })
        }
        _ => {
            let only = Some(token);
            Turn::Failed(Reason::BadCode, failure::Kind::Code { only })
        }
    })
}

fn main(record: &UserRecord, via: Via) -> Option<&str> {
    let main = via.contacts(&record.profile).first()?;
    Some(&main.address)
}

/// The person reads what is sent there.
fn confirm(case: &mut Case<'_>, via: Via, address: &str) {
    let mut contacts = via.contacts_mut(case.record.profile_mut()).iter_mut();
    let contact = contacts.find(|contact| contact.address == address);
    if contact.is_some_and(|contact| !std::mem::replace(&mut contact.verified, true)) {
        let event = Event::new("user.edited").detail("fields", json!(["proven"]));
        case.tell(event.change("", via.masked(address)));
    }
}
