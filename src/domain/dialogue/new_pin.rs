//! A new PIN or local password, asked for when all that the sign-in asks for is right (domain rules
//! 11.2). Which of the two it is hangs on what is typed at the gateway. Who has no PIN comes here by a
//! right code alone; who has one and wants another types `self_service.pin_keyword` first, and then
//! signs in.
//!
//! 1. *Enter a new PIN having from 6 to 12 digits:* An answer that is not good enough is asked for
//!    again with the reason in front; the third ends the dialogue, and the PIN stays.
//! 2. *Please re-enter new PIN:* An answer that is another one leads back to 1, once.
//! 3. The PIN is stored, then the Accept. With `pin.after_change = "reauth"` it takes a sign-in with
//!    the new one before: *PIN Accepted. Wait for the token code to change, then enter the new
//!    passcode:*
//!
//! Between the first two the record keeps a keyed hash of what was typed. The slow hash is made of
//! the second answer, when it is known to be the same.

use super::{Asking, Kind, Proven, Seen, Turn};
use crate::domain::attempt::{Attempt, Proof};
use crate::domain::event::Event;
use crate::domain::judge::{Case, Evidence};
use crate::domain::pin::{
    AfterChange, Charset, Memorized, PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN, PasswordRecord,
    PinRecord, PinState, Weakness, check_password, check_pin,
};
use crate::domain::policy::{FirstFactorBy, GatewayPolicy, PasscodeForm, Policy};
use crate::domain::sealed::{Sealed, Unseal};
use crate::domain::user::{UserRecord, UserState};
use crate::domain::verdict::{How, Message};
use crate::domain::verify::{Ask, demands_dialogue};
use crate::secret::equal;

/// Answers that were not good enough, until the dialogue ends.
const WEAK_MAX: u8 = 3;

/// Where it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NewPin {
    /// Keyed hash of the new one, once it was typed.
    pub chosen: Option<[u8; 32]>,
    /// Answers that were not good enough.
    pub weak: u8,
    /// The second answer was another one already.
    pub unequal: bool,
}

/// What a right sign-in of this person at `gateway` goes on with, if it is a new PIN or password: the
/// one that is typed there, where questions can be asked.
#[must_use]
pub fn asks_new(record: &UserRecord, gateway: &GatewayPolicy) -> Option<Memorized> {
    let secret = Memorized::typed_at(gateway).filter(|_| gateway.challenge)?;
    let lacks = match (secret, &record.profile.pin) {
        (Memorized::Pin, Some(pin)) => pin.must_change,
        (Memorized::Pin, None) => {
            opens_by_code(record, gateway) || demands_dialogue(record.profile.state)
        }
        (Memorized::Password, _) => false,
    };
    let shut = secret == Memorized::Pin && record.profile.pin.is_none() && !lacks;
    (lacks || !shut && record.profile.awaits(secret.into())).then_some(secret)
}

/// Whether a right code alone opens the dialogue at `gateway`: there is no PIN to be typed before it.
/// Who never signed in with a token, as whoever comes out of an import, and whoever lost one has to
/// prove more than a code: the phone alone is not to make the account.
#[must_use]
pub fn opens_by_code(record: &UserRecord, gateway: &GatewayPolicy) -> bool {
    let typed = gateway.first_factor == FirstFactorBy::Pin;
    let known = !matches!(record.profile.state, UserState::New | UserState::Replace);
    let mut tokens = record.auth.tokens.iter();
    let signed_in = tokens.any(|token| token.activated_at.is_some());
    typed && gateway.challenge && known && signed_in && record.profile.pin.is_none()
}

/// Whether the word was typed that asks for a new one: in the place of a passcode, where a PIN or
/// password is typed and questions can be asked.
pub(in crate::domain) fn wished(attempt: &Attempt, policy: &Policy) -> bool {
    let gateway = &attempt.gateway;
    let first = matches!(attempt.proof, Proof::Passcode(_));
    let word = policy.pin_keyword.as_bytes();
    let asked = first && gateway.challenge && Memorized::typed_at(gateway).is_some();
    asked && !word.is_empty() && attempt.passcode().eq_ignore_ascii_case(word)
}

/// How a sign-in with the new one is typed.
pub(super) fn form(gateway: &GatewayPolicy) -> PasscodeForm {
    match (gateway.passcode, gateway.first_factor) {
        (PasscodeForm::Challenge, FirstFactorBy::Local) => PasscodeForm::PasswordOtp,
        (PasscodeForm::Challenge, _) => PasscodeForm::PinOtp,
        (stated, _) => stated,
    }
}

pub(super) fn due(case: &Case<'_>) -> Option<Asking> {
    let gateway = &case.attempt.gateway;
    // A code that was seen and repeated within the grace changes nothing.
    let graced = matches!(case.proven.factors.last(), Some(How::Grace(_)));
    let wishes = case.proven.wants_new && !graced;
    let wished = || Memorized::typed_at(gateway).filter(|_| wishes);
    let secret = asks_new(&case.record, gateway).or_else(wished)?;
    Some(first(secret, NewPin::default(), None, case.policy))
}

fn first(secret: Memorized, asked: NewPin, weakness: Option<Weakness>, policy: &Policy) -> Asking {
    Asking {
        kind: Kind::NewPin(asked),
        message: question(secret, weakness, policy),
    }
}

/// The question for a new one, with what was wrong about the one before.
pub(super) fn question(secret: Memorized, weakness: Option<Weakness>, policy: &Policy) -> Message {
    let (min, max) = match secret {
        Memorized::Pin => (policy.pin.min_length, policy.pin.max_length),
        Memorized::Password => (PASSWORD_LENGTH_MIN, PASSWORD_LENGTH_MAX),
    };
    Message::NewSecret {
        secret,
        min,
        max,
        digits: secret == Memorized::Pin && policy.pin.charset == Charset::Digits,
        weakness,
    }
}

pub(super) fn look(
    secret: Memorized,
    asked: &NewPin,
    record: &UserRecord,
    attempt: &Attempt,
    policy: &Policy,
    unseal: &dyn Unseal,
) -> (Seen, Ask) {
    let typed = attempt.passcode();
    let hash = unseal.choice_hash(record.id, typed);
    match asked.chosen {
        Some(chosen) if equal(&chosen, &hash) => (Seen::Right, Ask::Hash(secret, 0..typed.len())),
        Some(_) => (Seen::Wrong, Ask::Nothing),
        None => {
            let checked = match secret {
                Memorized::Password => check_password(&record.profile, typed),
                Memorized::Pin => check_pin(&policy.pin, &record.profile, typed),
            };
            let seen = checked.map_or_else(Seen::Weak, |()| Seen::Chosen(hash));
            (seen, Ask::Nothing)
        }
    }
}

/// What comes of an answer.
pub(super) enum Chosen {
    /// It is asked for once more, in these words.
    Ask(NewPin, Message),
    /// This is the hash of the new one.
    Set(Sealed),
    /// No new one was agreed on.
    Unchanged,
}

/// Goes on with what was seen; `hash`: of the answer, if it was wanted.
pub(super) fn choose(
    secret: Memorized,
    mut asked: NewPin,
    seen: Seen,
    hash: Option<&Sealed>,
    policy: &Policy,
) -> Chosen {
    match (asked.chosen, seen, hash) {
        (None, Seen::Chosen(hash), _) => {
            asked.chosen = Some(hash);
            Chosen::Ask(asked, Message::NewSecretAgain(secret))
        }
        (None, Seen::Weak(weakness), _) if asked.weak + 1 < WEAK_MAX => {
            asked.weak += 1;
            Chosen::Ask(asked, question(secret, Some(weakness), policy))
        }
        (Some(_), Seen::Right, Some(hash)) => Chosen::Set(hash.clone()),
        (Some(_), Seen::Wrong, _) if !asked.unequal => {
            asked.chosen = None;
            asked.unequal = true;
            Chosen::Ask(asked, question(secret, None, policy))
        }
        _ => Chosen::Unchanged,
    }
}

pub(super) fn turn(case: &mut Case<'_>, asked: NewPin, seen: Seen, evidence: &Evidence) -> Turn {
    let Some(secret) = Memorized::typed_at(&case.attempt.gateway) else {
        return Turn::Ended(Message::Denied);
    };
    match choose(secret, asked, seen, evidence.hash.as_ref(), case.policy) {
        Chosen::Ask(asked, message) => Turn::Ask(Asking {
            kind: Kind::NewPin(asked),
            message,
        }),
        Chosen::Set(hash) => {
            set(case, secret, hash);
            case.proven.wants_new = false;
            match case.policy.pin.after_change {
                AfterChange::Accept => Turn::Passed,
                AfterChange::Reauth => {
                    case.proven = Proven {
                        authorized: case.proven.authorized,
                        ..Proven::default()
                    };
                    Turn::Ask(Asking {
                        kind: Kind::Reauth,
                        message: Message::NewSecretSet(secret),
                    })
                }
            }
        }
        Chosen::Unchanged => Turn::Ended(Message::SecretUnchanged(secret)),
    }
}

/// Stores the new one. What else is open stands on the old one, and ends.
pub(super) fn set(case: &mut Case<'_>, secret: Memorized, hash: Sealed) {
    let (set_at, set_by) = (case.now.wall, case.record.name().to_owned());
    let profile = case.record.profile_mut();
    match secret {
        Memorized::Pin => {
            profile.pin = Some(PinRecord {
                hash,
                set_at,
                set_by,
                must_change: false,
            });
            case.record.auth.pin = PinState::default();
        }
        Memorized::Password => {
            let old = profile.password.as_ref();
            profile.password = Some(PasswordRecord {
                hash,
                set_at,
                set_by,
                registered_at: old.map_or(set_at, |old| old.registered_at),
            });
        }
    }
    case.record.auth.dialogues.clear();
    // Who has set it has proven it.
    case.proven.first = Some(case.attempt.gateway.first_factor);
    case.tell(Event::new(match secret {
        Memorized::Pin => "pin.changed",
        Memorized::Password => "password.changed",
    }));
    case.updated(secret.into());
}
