//! Dialogues: a question to a person, the answer, and what holds the two together.
//!
//! ```text
//! Access-Request ----> judge: the first factor is right; what is asked now?
//!                      opened in the record, committed
//! Access-Challenge <-- the question, with a fresh handle as State
//! Access-Request ----> judge: the handle names the dialogue, which ends here
//! ```
//! An open [`Dialogue`] is a part of the record, committed before its question leaves. So it
//! survives a restart, and everything that ends a person's rights ends it too. What was right so far
//! goes on from question to question ([`Proven`]). The gateway holds
//! nothing but the [`Handle`], the record nothing but its digest: neither can be made from the other.
//!
//! A handle is good for one answer, through the gateway that was given it, by the person it was
//! given to, until the dialogue is over. Whatever else is presented as State names nothing; it is
//! refused and not counted.
//!
//! Each [`Kind`] of dialogue is a file that reads like a script. The answer to some of them is a
//! passcode, and is judged as one ([`Kind::form`]); of the others the file has two parts more: what is
//! [seen](look) in the answer, and the [turn] that the dialogue takes. Once all that the sign-in
//! asks for is right, what is [due] before the Accept is walked through, one thing after another.
//!
//! Who is asked before anything is proven must not learn from the question whether there is such a
//! person: that question is a [blind](Kind::blind) one. Everybody gets it, at the time of a Reject;
//! for those who could not sign in anyway nothing is stored, and the answer is refused.

mod address;
mod auth_code;
mod code;
mod confirm;
mod device_code;
mod emergency;
mod enrol;
mod first_code;
mod handle;
mod method;
mod new_pin;
mod opening;
mod passcode;
mod recovered;
mod reset;
mod resync;
mod sent;

use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use super::attempt::{Attempt, Proof};
use super::failure;
use super::judge::{Case, Evidence, Lacking};
use super::methods;
use super::pin::{Memorized, Weakness};
use super::policy::{FirstFactorBy, GatewayPolicy, PasscodeForm, Policy};
use super::sealed::Unseal;
use super::user::UserRecord;
use super::verdict::{How, Message, Question, Reason};
use super::verify::{Ask, CodeMatch, Finding, demands_dialogue};
use crate::time::{Now, Timestamp};
use crate::token::{DialogueId, TokenId};

pub use address::AddressCode;
pub use confirm::asks_confirmation;
pub(super) use confirm::confirmed;
pub use emergency::{Emergency, Step, open_to as emergency_open_to, overrides_lock};
pub(super) use emergency::{
    asks_for as asks_for_emergency, begin as begin_emergency, is_open as emergency_is_open,
};
pub(super) use enrol::begin as begin_enrolment;
pub use enrol::{Shows, Way, adds_token, asks_device_code, enrols, leads, way};
pub(super) use first_code::is_of_prompt;
pub use handle::{Handle, HandleDigest, PageLink, STATE_OCTETS};
pub use method::Methods;
pub(super) use new_pin::wished;
pub use new_pin::{NewPin, asks_new, opens_by_code};
pub use opening::{OPEN_MAX, ROUNDS_MAX, ROW_MAX, STRANGERS_ROW_MAX};
pub(super) use opening::{Opening, may_ask, open};
pub use recovered::offers_token;
pub(super) use reset::{begin as begin_reset, goes_on as is_reset, leads as leads_to_reset};
pub use reset::{ends_lock, resets, resets_by_code, shows as reset_shows};
pub use resync::{Ahead, resyncs};
pub(super) use resync::{begin as begin_resync, counter as counter_ahead};
pub use sent::Sent;

/// What is typed to be sent another code.
const AGAIN: [&[u8]; 2] = [b"send", b"resend"];

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The code, once the first factor is right.
    Code,
    /// The passcode, of a person who has typed none.
    Passcode,
    /// A new PIN or password, once or again.
    NewPin(NewPin),
    /// A sign-in with the new one.
    Reauth,
    /// One more code, because an operator has ended a lock.
    Confirm,
    /// The auth code that a new token is given for; with the token whose first code was right before.
    AuthCode(Option<TokenId>),
    /// The first code of a new token.
    FirstCode {
        /// Wrong ones so far.
        wrong: u8,
    },
    /// The code that was sent.
    Sent(Sent),
    /// Which of several methods.
    Method(Methods),
    /// The code of this token, one of those that are reset.
    CodeOf(TokenId),
    /// The device authorization code; with the token whose first code was right before.
    DeviceCode(Option<TokenId>),
    /// What Emergency Access asks.
    Emergency(Emergency),
    /// The code behind one that was far ahead.
    Resync(Ahead),
    /// The first code of a new token, that was sent to the address on file.
    Address(AddressCode),
}

/// Factors that were right, in order; nearly always one, for which nothing is allocated.
pub type Factors = SmallVec<[How; 2]>;

/// What was right in the rounds so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proven {
    /// By whom the first factor was checked; none: it was not yet.
    pub first: Option<FirstFactorBy>,
    /// By what the second was shown.
    pub factors: Factors,
    /// Not proven, but wished: a new PIN or password before the Accept.
    pub wants_new: bool,
    /// The auth code of a reset was right.
    pub authorized: bool,
}

impl Proven {
    /// Whether anything was shown that not everybody has who knows the name.
    fn anything(&self) -> bool {
        let checked = |by| by != FirstFactorBy::None;
        self.first.is_some_and(checked) || !self.factors.is_empty() || self.authorized
    }
}

/// A question that waits for its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialogue {
    /// What is asked.
    pub kind: Kind,
    /// What was right before.
    pub proven: Proven,
    /// Through which gateway it was asked.
    pub gateway: Arc<str>,
    /// When the dialogue began.
    pub opened: Timestamp,
    /// From then on no answer counts.
    pub expires: Timestamp,
    /// What its answer must name.
    pub handle: HandleDigest,
    /// Questions so far.
    pub rounds: u32,
    /// The how manyth it is that was opened in a row.
    pub row: u32,
}

/// A question, and its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asking {
    /// What is asked.
    pub kind: Kind,
    /// In which words.
    pub message: Message,
}

/// What was seen in an answer that its dialogue reads itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It is what was asked for.
    Right,
    /// It is not.
    Wrong,
    /// A new secret: its keyed hash, to know it again by.
    Chosen([u8; 32]),
    /// A new secret that is not good enough.
    Weak(Weakness),
    /// A code of this token.
    Code {
        /// Which token.
        token: TokenId,
        /// Its counter or time step.
        factor: u64,
    },
    /// A code that is right, but far ahead.
    Ahead(Ahead),
    /// Another code is to be sent.
    Again,
    /// This number of what was offered.
    Choice(usize),
    /// The auth code, where something else was asked for.
    AuthCode,
    /// What is offered is put off.
    Later,
    /// An answer to a question of the person's own; what the check of it finds is evidence.
    Given,
}

/// How a dialogue goes on.
pub(super) enum Turn {
    /// With this question.
    Ask(Asking),
    /// It has come to its end: on with what is due next, or the Accept.
    Passed,
    /// With a Reject that is no failure.
    Ended(Message),
    /// With a Reject that tells no more than the gateway wants, and is no failure.
    Refused(Reason),
    /// With a Reject that counts.
    Failed(Reason, failure::Kind),
}

impl Kind {
    /// The name in audit records.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Passcode => "passcode",
            Self::NewPin(_) => "new_pin",
            Self::Reauth => "reauth",
            Self::Confirm => "confirm",
            Self::AuthCode(_) => "auth_code",
            Self::FirstCode { .. } => "first_code",
            Self::Sent(_) => "sent_code",
            Self::Method(_) => "method",
            Self::CodeOf(_) => "code_of_token",
            Self::DeviceCode(_) => "device_code",
            Self::Emergency(asked) => match asked.step {
                Step::Question { .. } => "question",
                Step::Menu => "emergency",
                Step::Pin(_) => "new_pin",
            },
            Self::Resync(_) => "resync",
            Self::Address(_) => "address",
        }
    }

    /// What the kind of this name asks for, in words.
    #[must_use]
    pub fn words_of(name: &str) -> String {
        match name {
            "new_pin" => "new PIN or password".to_owned(),
            "reauth" => "passcode with the new one".to_owned(),
            "confirm" => "code that confirms an unlock".to_owned(),
            "device_code" => "device authorization code".to_owned(),
            "question" => "answer to a question".to_owned(),
            "emergency" => "new PIN or none, after right answers".to_owned(),
            "address" => "code that proves an address".to_owned(),
            "code_of_token" => "code of a token that is reset".to_owned(),
            "resync" => "code behind one that was far ahead".to_owned(),
            name => name.replace('_', " "),
        }
    }

    /// Whether an answer to the kind of this name is a code of a device that the person signs in with,
    /// alone or in a passcode.
    #[must_use]
    pub fn of_device(name: &str) -> bool {
        matches!(
            name,
            "code" | "passcode" | "reauth" | "confirm" | "method" | "code_of_token" | "resync"
        )
    }

    /// Whether an answer to the kind of this name may be shown while it is typed; none: no kind is
    /// called so.
    #[must_use]
    pub fn echo_of(name: &str, gateway: &GatewayPolicy) -> Option<bool> {
        match name {
            "code" | "first_code" | "confirm" | "sent_code" | "method" | "code_of_token"
            | "emergency" | "resync" | "address" => Some(true),
            "passcode" => Some(passcode::echo(gateway)),
            "new_pin" | "reauth" | "auth_code" | "device_code" | "question" => Some(false),
            _ => None,
        }
    }

    /// Whether nothing is proven when the kind of this name is asked at `gateway`.
    #[must_use]
    pub fn blind_of(name: &str, gateway: &GatewayPolicy) -> bool {
        match name {
            "passcode" => true,
            "code" => gateway.first_factor == FirstFactorBy::None,
            _ => false,
        }
    }

    /// Whether nothing is proven when it is asked at `gateway`.
    #[must_use]
    pub fn blind(&self, gateway: &GatewayPolicy) -> bool {
        Self::blind_of(self.name(), gateway)
    }

    /// How the answer is split, if it is judged as a passcode; none: the dialogue reads it.
    pub(super) fn form(&self, gateway: &GatewayPolicy) -> Option<PasscodeForm> {
        match self {
            Self::Code | Self::Confirm | Self::Method(_) => Some(PasscodeForm::Otp),
            Self::Passcode => Some(gateway.passcode),
            Self::Reauth => Some(new_pin::form(gateway)),
            Self::NewPin(_)
            | Self::AuthCode(_)
            | Self::FirstCode { .. }
            | Self::Sent(_)
            | Self::CodeOf(_)
            | Self::DeviceCode(_)
            | Self::Emergency(_)
            | Self::Resync(_)
            | Self::Address(_) => None,
        }
    }
}

impl Question {
    /// The question of the kind of this `name`, as a gateway gets it; none: no kind is called so.
    #[must_use]
    pub fn of(name: &str, gateway: &GatewayPolicy, handle: Handle, left: Duration) -> Option<Self> {
        Some(Self {
            handle,
            echo: Kind::echo_of(name, gateway)?,
            seconds: u32::try_from(left.as_secs()).unwrap_or(u32::MAX),
            held: Kind::blind_of(name, gateway),
        })
    }
}

/// What is seen in the answer to a question whose dialogue reads it itself; none: it is a passcode.
pub(super) fn look(
    record: &UserRecord,
    attempt: &Attempt,
    answered: &Dialogue,
    policy: &Policy,
    unseal: &dyn Unseal,
    now: Now,
) -> Option<Finding> {
    let told = |(seen, ask): (Seen, Ask)| (CodeMatch::Told(seen), ask);
    let (code, ask) = match &answered.kind {
        Kind::Code | Kind::Passcode | Kind::Reauth | Kind::Confirm => return None,
        Kind::NewPin(asked) => {
            let secret = Memorized::typed_at(&attempt.gateway).unwrap_or(Memorized::Pin);
            told(new_pin::look(
                secret, asked, record, attempt, policy, unseal,
            ))
        }
        Kind::Emergency(asked) => told(emergency::look(asked, record, attempt, policy, unseal)),
        Kind::AuthCode(_) => told(auth_code::look(record, attempt, policy, unseal, now)),
        Kind::Address(asked) => told(address::look(asked, record, attempt, unseal)),
        Kind::DeviceCode(_) => told(device_code::look(record, attempt, policy, unseal, now)),
        Kind::FirstCode { .. } => told(first_code::look(
            answered, record, attempt, policy, unseal, now,
        )),
        Kind::Sent(asked) => {
            let code = sent::look(asked, record, attempt, policy, unseal, now);
            (code, Ask::Proven)
        }
        Kind::Method(asked) => (CodeMatch::Told(method::look(asked, attempt)?), Ask::Nothing),
        Kind::CodeOf(asked) => told(reset::look(*asked, record, attempt, policy, unseal, now)),
        Kind::Resync(asked) => told(resync::look(*asked, record, attempt, unseal)),
    };
    Some(Finding::of(record, code, ask))
}

/// The turn that the dialogue takes with what was seen.
pub(super) fn turn(
    case: &mut Case<'_>,
    asked: &Kind,
    seen: Seen,
    evidence: &Evidence,
) -> Result<Turn, Lacking> {
    Ok(match asked {
        Kind::NewPin(asked) => new_pin::turn(case, *asked, seen, evidence),
        Kind::AuthCode(shown) => auth_code::turn(case, *shown, seen, evidence)?,
        Kind::Address(asked) => address::turn(case, asked, seen, evidence)?,
        Kind::DeviceCode(shown) => device_code::turn(case, *shown, seen, evidence)?,
        Kind::FirstCode { wrong } => first_code::turn(case, *wrong, seen),
        Kind::Sent(asked) => sent::turn(case, asked, seen, evidence)?,
        Kind::Method(asked) => method::turn(case, asked, seen, evidence)?,
        Kind::CodeOf(asked) => reset::turn(case, *asked, seen),
        Kind::Emergency(asked) => emergency::turn(case, asked, seen, evidence),
        Kind::Resync(asked) => resync::turn(case, *asked, seen),
        // What is judged as a passcode takes no turn of its own.
        Kind::Code | Kind::Passcode | Kind::Reauth | Kind::Confirm => Turn::Ended(Message::Denied),
    })
}

/// The question for the code of whoever has proven the first factor, or whom `asking` asks blindly.
pub(super) fn for_code(
    case: &mut Case<'_>,
    asking: Asking,
    evidence: &Evidence,
) -> Result<Turn, Lacking> {
    let gateway = &case.attempt.gateway;
    let proven = asking.kind == Kind::Code || gateway.first_factor == FirstFactorBy::Gateway;
    let locked = case.record.auth.lock.is_some();
    if !proven || locked || demands_dialogue(case.record.profile.state) {
        return Ok(Turn::Ask(asking));
    }
    match method::begin(case, evidence)? {
        Turn::Ask(Asking {
            kind: Kind::Code, ..
        }) => Ok(Turn::Ask(asking)),
        other => Ok(other),
    }
}

/// Whether a right sign-in at `gateway` makes the change that Update or Renew Credential asks for.
#[must_use]
pub fn makes_change(
    record: &UserRecord,
    gateway: &GatewayPolicy,
    policy: &Policy,
    now: Now,
) -> bool {
    let secret = asks_new(record, gateway).map(Into::into);
    secret.is_some_and(|secret| record.profile.awaits(secret))
        || adds_token(record, gateway, policy, now)
}

/// What has to be walked through before the Accept, although all that the sign-in asks for is right.
pub(super) fn due(case: &mut Case<'_>, evidence: &Evidence) -> Result<Turn, Lacking> {
    if let Some(asking) = new_pin::due(case).filter(|_| reset::goes_on(case)) {
        return Ok(Turn::Ask(asking));
    }
    let passed = &case.proven.factors;
    if !methods::in_order(&case.record, case.policy, passed) {
        return Ok(Turn::Ended(Message::Denied));
    }
    if methods::groups_left(&case.record.profile, case.policy, passed) > 0 {
        return match method::any(case) {
            true => method::begin(case, evidence),
            false => Ok(Turn::Ended(Message::Denied)),
        };
    }
    recovered::note(case);
    if !case.attempt.gateway.challenge {
        return Ok(Turn::Passed);
    }
    let asking = reset::due(case)
        .or_else(|| confirm::due(case))
        .or_else(|| new_pin::due(case))
        .or_else(|| enrol::due(case))
        .or_else(|| recovered::due(case));
    Ok(asking.map_or(Turn::Passed, Turn::Ask))
}

impl Dialogue {
    /// Whether an answer still counts.
    #[must_use]
    pub fn open(&self, now: Now) -> bool {
        now.latest() < self.expires
    }

    /// Whether it waits for a code of `token` that was sent.
    #[must_use]
    pub fn waits_for(&self, token: TokenId) -> bool {
        match &self.kind {
            Kind::Sent(sent) | Kind::Address(AddressCode { sent, .. }) => sent.token == token,
            _ => false,
        }
    }

    /// The id people see.
    #[must_use]
    pub fn id(&self) -> DialogueId {
        self.handle.id()
    }
}

/// The dialogue that `attempt` answers: open, and asked through this very gateway.
#[must_use]
pub fn answered<'a>(record: &'a UserRecord, attempt: &Attempt, now: Now) -> Option<&'a Dialogue> {
    let Proof::Answer {
        handle: Some(handle),
        ..
    } = &attempt.proof
    else {
        return None;
    };
    let named = |dialogue: &&Dialogue| {
        dialogue.handle.is_of(handle) && dialogue.gateway == attempt.gateway.name
    };
    // Another one may check the first factor there since the question, or nothing be asked any more.
    let suits = |dialogue: &&Dialogue| {
        let first = dialogue.proven.first;
        first.is_none_or(|by| by == attempt.gateway.first_factor)
    };
    let found = record.auth.dialogues.iter().find(named);
    let found = found.filter(|_| attempt.gateway.challenge);
    found.filter(suits).filter(|dialogue| dialogue.open(now))
}

/// By what the groups of the set were passed before the question that is `answered`.
pub(super) fn passed(answered: Option<&Dialogue>) -> &[How] {
    match answered {
        // One more code than the groups ask for: any that could begin the sign-in.
        None => &[],
        Some(dialogue) if dialogue.kind == Kind::Confirm => &[],
        Some(dialogue) => &dialogue.proven.factors,
    }
}

/// The question that `attempt` calls for, because what it carries is no code: the first factor
/// alone, nothing at all (D12), or the word that asks for a new PIN. `answered`: the question it
/// answers itself.
#[must_use]
pub fn called_for(
    attempt: &Attempt,
    answered: Option<&Dialogue>,
    policy: &Policy,
) -> Option<Asking> {
    let gateway = &attempt.gateway;
    if !gateway.challenge {
        return None;
    }
    let first = match (&attempt.proof, answered.map(|dialogue| &dialogue.kind)) {
        (Proof::Passcode(_), _) => true,
        // An empty answer is a wrong one: nobody is asked for a passcode twice.
        (Proof::Answer { .. }, Some(Kind::Passcode)) => false,
        _ => return None,
    };
    if wished(attempt, policy) {
        return Some(passcode::asking(gateway));
    }
    let nothing = first && attempt.passcode().is_empty();
    let ignored = matches!(
        gateway.first_factor,
        FirstFactorBy::Gateway | FirstFactorBy::None
    );
    match gateway.passcode {
        PasscodeForm::Challenge if ignored || !nothing => Some(code::asking()),
        _ if nothing => Some(passcode::asking(gateway)),
        _ => None,
    }
}

/// The question that everybody is asked, known or not, and that tells nobody apart.
#[must_use]
pub fn asked_of_all(attempt: &Attempt, policy: &Policy) -> Option<Asking> {
    called_for(attempt, None, policy).filter(|asking| asking.kind.blind(&attempt.gateway))
}

/// Whether mfad has the first factor of a person to check before anything else, a slow thing to do.
/// For a name that nobody has as much has to wait.
#[must_use]
pub fn checks_first(attempt: &Attempt, policy: &Policy) -> bool {
    let checked = matches!(
        attempt.gateway.first_factor,
        FirstFactorBy::Pin | FirstFactorBy::Local
    );
    checked && called_for(attempt, None, policy).is_some_and(|asking| asking.kind == Kind::Code)
}

#[cfg(test)]
mod tests;
