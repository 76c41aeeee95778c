//! A new PIN, asked for when all that the sign-in asks for is right (domain rules 11.2).
//!
//! 1. *Enter a new PIN having from 6 to 12 digits:* An answer that is not good enough is asked for
//!    again with the reason in front; the third ends the dialogue, and the PIN stays.
//! 2. *Please re-enter new PIN:* An answer that is another one leads back to 1, once.
//! 3. The PIN is stored, then the Accept.
//!
//! Between the two the record keeps a keyed hash of what was typed. The slow hash is made of the
//! second answer, when it is known to be the same.

use super::{Asking, Kind, Seen, Turn};
use crate::domain::attempt::Attempt;
use crate::domain::event::Event;
use crate::domain::judge::{Case, Evidence};
use crate::domain::pin::{Charset, PinPolicy, PinRecord, PinState, Weakness, check_pin};
use crate::domain::policy::{FirstFactorBy, GatewayPolicy, Policy};
use crate::domain::sealed::Unseal;
use crate::domain::user::UserRecord;
use crate::domain::verdict::Message;
use crate::domain::verify::Ask;
use crate::secret::equal;

/// Answers that were not good enough, until the dialogue ends.
const WEAK_MAX: u8 = 3;

/// Where it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NewPin {
    /// Keyed hash of the new PIN, once it was typed.
    pub chosen: Option<[u8; 32]>,
    /// Answers that were not good enough.
    pub weak: u8,
    /// The second answer was another one already.
    pub unequal: bool,
}

/// Whether a right sign-in of this person at `gateway` goes on with a new PIN: one is to be changed,
/// where PINs are typed and questions can be asked.
#[must_use]
pub fn asks_new_pin(record: &UserRecord, gateway: &GatewayPolicy) -> bool {
    let pin = record.profile.pin.as_ref();
    let typed = gateway.first_factor == FirstFactorBy::Pin;
    typed && gateway.challenge && pin.is_some_and(|pin| pin.must_change)
}

pub(super) fn due(case: &Case<'_>) -> Option<Asking> {
    asks_new_pin(&case.record, &case.attempt.gateway)
        .then(|| first(NewPin::default(), None, &case.policy.pin))
}

fn first(asked: NewPin, weakness: Option<Weakness>, policy: &PinPolicy) -> Asking {
    Asking {
        kind: Kind::NewPin(asked),
        message: Message::NewPin {
            min: policy.min_length,
            max: policy.max_length,
            digits: policy.charset == Charset::Digits,
            weakness,
        },
    }
}

pub(super) fn look(
    asked: &NewPin,
    record: &UserRecord,
    attempt: &Attempt,
    policy: &Policy,
    unseal: &dyn Unseal,
) -> (Seen, Ask) {
    let typed = attempt.passcode();
    let hash = unseal.choice_hash(record.id, typed);
    match asked.chosen {
        Some(chosen) if equal(&chosen, &hash) => (Seen::Right, Ask::Hash(0..typed.len())),
        Some(_) => (Seen::Wrong, Ask::Nothing),
        None => match check_pin(&policy.pin, &record.profile, typed) {
            Ok(()) => (Seen::Chosen(hash), Ask::Nothing),
            Err(weakness) => (Seen::Weak(weakness), Ask::Nothing),
        },
    }
}

pub(super) fn turn(
    case: &mut Case<'_>,
    mut asked: NewPin,
    seen: Seen,
    evidence: &Evidence,
) -> Turn {
    let policy = &case.policy.pin;
    match (asked.chosen, seen) {
        (None, Seen::Chosen(hash)) => {
            asked.chosen = Some(hash);
            Turn::Ask(Asking {
                kind: Kind::NewPin(asked),
                message: Message::NewPinAgain,
            })
        }
        (None, Seen::Weak(weakness)) => {
            asked.weak += 1;
            if asked.weak >= WEAK_MAX {
                return Turn::Ended(Message::PinUnchanged);
            }
            Turn::Ask(first(asked, Some(weakness), policy))
        }
        (Some(_), Seen::Right) => match &evidence.hash {
            Some(hash) => {
                let record = PinRecord {
                    hash: hash.clone(),
                    set_at: case.now.wall,
                    set_by: case.record.name().to_owned(),
                    must_change: false,
                };
                case.record.profile_mut().pin = Some(record);
                case.record.auth.pin = PinState::default();
                // What else is open stands on the old one.
                case.record.auth.dialogues.clear();
                case.tell(Event::new("pin.changed"));
                Turn::Passed
            }
            None => Turn::Ended(Message::PinUnchanged),
        },
        (Some(_), _) if !asked.unequal => {
            asked.chosen = None;
            asked.unequal = true;
            Turn::Ask(first(asked, None, policy))
        }
        _ => Turn::Ended(Message::PinUnchanged),
    }
}
