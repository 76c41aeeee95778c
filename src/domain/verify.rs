//! The two questions before the verdict: is it settled already (`admit`), and does the code fit
//! (`verify`)?
//!
//! Both only look. They may run on any thread with any version of the record; the writer asks them
//! again if the record has changed since, so that [`judge`](super::judge) always sees a finding made
//! of the very record it changes.
//!
//! The code is matched first, in microseconds. Only if it fits, or if the form carries none, does a
//! first factor have to be checked, so nobody without the token can make the daemon hash a PIN (D7).

mod ahead;
mod emergency;
mod recovery;
mod reset;
mod tokenless;

use std::ops::Range;

pub(super) use self::recovery::recovery;
use self::recovery::wrong_recovery;
use self::tokenless::{tokenless, without_token};

use super::attempt::{Attempt, Proof, Split, split};
use super::dialogue::{self, Ahead, Dialogue, Seen};
use super::lockout::Lock;
use super::methods::{candidates, pending, recovery_sets};
use super::passthrough;
use super::pin::Memorized;
use super::policy::{FirstFactorBy, GatewayPolicy, Otherwise, PasscodeForm, Policy};
use super::sealed::{Field, Unseal};
use super::token_record::{Accepted, Base, Token, TokenState};
use super::user::{UserId, UserRecord, UserState};
use super::verdict::Reason;
use super::wait;
use crate::time::Now;
use crate::token::{OtpCode, Progress, TokenId};

/// What is settled without looking at the passcode (D3..D6).
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Refused; no secret is evaluated and nothing counted.
    Refused(Reason),
    /// A stranger whom the gateway's `unknown_user` lets in.
    Stranger,
    /// The passcode decides.
    Open,
}

/// What the passcode turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeMatch {
    /// A code of this token that was never accepted.
    Fits {
        /// Which token.
        token: TokenId,
        /// Its counter or time step.
        factor: u64,
    },
    /// Exactly the last accepted code of this token.
    Replay {
        /// Which token.
        token: TokenId,
        /// It may be accepted once more (D18).
        grace: bool,
    },
    /// The code that was sent for the question that is answered.
    Sent {
        /// Which token.
        token: TokenId,
    },
    /// An unused recovery code.
    Recovery {
        /// The set it belongs to.
        token: TokenId,
        /// Which of the set.
        index: u32,
    },
    /// A code that is right, but further ahead than is looked for; it may be asked for the next one.
    Ahead(Ahead),
    /// A code that fits nothing.
    Wrong {
        /// The one token it can have been meant for.
        only: Option<TokenId>,
    },
    /// Not shaped like a code of any candidate.
    NoCode,
    /// No code is needed: a passthrough grant.
    Passthrough {
        /// Which.
        grant: u32,
    },
    /// No code is needed: the gateway's `unenrolled`.
    Unenrolled,
    /// No token counts, and the gateway leads to a new one.
    Enrols {
        /// The token that waits for its first code, and the factor of that code, if it was typed.
        shown: Option<(TokenId, u64)>,
    },
    /// The state asks for a reset, and the gateway leads through it.
    Resets {
        /// The token whose code was typed, and the factor of that code.
        shown: Option<(TokenId, u64)>,
    },
    /// No code was typed yet: it is asked for.
    Awaited,
    /// The word that begins Emergency Access.
    Emergency,
    /// An answer that its dialogue reads itself.
    Told(Seen),
    /// There is no token that could verify anything.
    NoToken(Reason),
}

/// Which first factor has to be checked before the verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// None: checked by the gateway, not asked for, or the attempt has failed already.
    Nothing,
    /// The PIN in this part of the passcode.
    Pin(Range<usize>),
    /// The local password in this part of the passcode.
    Password(Range<usize>),
    /// The form asks for one and none is set, or none was typed.
    Missing,
    /// The PIN is blocked.
    Blocked,
    /// None: right in an earlier round of this dialogue.
    Proven,
    /// None: no PIN is set, and the code alone opens the dialogue that sets one.
    Unset,
    /// None; this part of the answer is to become the PIN or password, and its hash is wanted.
    Hash(Memorized, Range<usize>),
    /// None; this part of the answer is held against that of a question.
    Answer {
        /// The token that holds the questions.
        token: TokenId,
        /// The place of the question.
        at: usize,
        /// As typed.
        typed: Range<usize>,
    },
}

/// What a look at the record and the passcode has found.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whose record was looked at.
    user: UserId,
    /// Which revision of it.
    revision: u64,
    /// What the passcode is.
    pub code: CodeMatch,
    /// What has to be checked besides.
    pub ask: Ask,
}

impl Finding {
    /// What was found on `record`.
    pub const fn of(record: &UserRecord, code: CodeMatch, ask: Ask) -> Self {
        Self {
            user: record.id,
            revision: record.auth.revision,
            code,
            ask,
        }
    }

    /// Whether it was made of this very record. A name may have been given to somebody else
    /// meanwhile, whose record has come to the same revision.
    #[must_use]
    pub fn is_of(&self, record: &UserRecord) -> bool {
        self.user == record.id && self.revision == record.auth.revision
    }
}

/// Judges what needs no look at the passcode: D3 to D6.
pub fn admit(
    record: Option<&UserRecord>,
    attempt: &Attempt,
    policy: &Policy,
    now: Now,
) -> Admission {
    match attempt.proof {
        Proof::Unsupported(_) => return Admission::Refused(Reason::UnsupportedAuth),
        Proof::Passcode(_) | Proof::Answer { .. } => {}
    }
    let Some(record) = record else {
        // mfad can check a stranger's first factor nowhere, so only the gateway's own check counts.
        let open = attempt.gateway.unknown_user == Otherwise::Passthrough
            && attempt.gateway.first_factor == FirstFactorBy::Gateway
            && matches!(attempt.proof, Proof::Passcode(_))
            && attempt.user.is_some();
        return if open {
            Admission::Stranger
        } else {
            Admission::Refused(Reason::UnknownUser)
        };
    };
    match record.profile.state {
        UserState::Deactivated => return Admission::Refused(Reason::Deactivated),
        UserState::Revoke => return Admission::Refused(Reason::Revoked),
        _ => {}
    }
    let locked = lock_in_force(record, now).is_some();
    let passes = || {
        tries_left(record, policy)
            && (dialogue::ends_lock(record, attempt, now)
                || dialogue::overrides_lock(record, attempt, policy, now))
    };
    match &record.auth.lock {
        Some(_) if locked && !passes() => {
            return Admission::Refused(Reason::Locked);
        }
        // The verdict will write its end, and that ends the waits (`lapse`).
        Some(_) if !locked => {}
        _ if wait::ends(record, &attempt.source, now).is_some() => {
            return Admission::Refused(Reason::Waiting);
        }
        _ => {}
    }
    let answers = matches!(attempt.proof, Proof::Answer { .. });
    if answers && dialogue::answered(record, attempt, now).is_none() {
        return Admission::Refused(Reason::DialogueExpired);
    }
    Admission::Open
}

/// The lock that has not run out.
#[must_use]
pub fn lock_in_force(record: &UserRecord, now: Now) -> Option<&Lock> {
    let lasts = |lock: &&Lock| lock.auto_until.is_none_or(|until| now.earliest() < until);
    record.auth.lock.as_ref().filter(lasts)
}

/// Looks what the passcode is: D7, D8, D10.
pub fn verify(
    record: &UserRecord,
    attempt: &Attempt,
    policy: &Policy,
    unseal: &dyn Unseal,
    now: Now,
) -> Finding {
    let answered = dialogue::answered(record, attempt, now);
    if let Some(head) = emergency::word(record, attempt, policy, answered, now) {
        let ask = ask(record, attempt, policy, Some(head), answered, now);
        return Finding::of(record, CodeMatch::Emergency, ask);
    }
    let read = answered.and_then(|it| dialogue::look(record, attempt, it, policy, unseal, now));
    if let Some(finding) = read {
        return finding;
    }
    let locked = lock_in_force(record, now).is_some();
    if locked && !dialogue::ends_lock(record, attempt, now) {
        return emergency::locked(record, attempt, policy, answered, now);
    }
    judged_as_passcode(record, attempt, policy, unseal, answered, now)
}

/// Looks what a passcode is.
fn judged_as_passcode(
    record: &UserRecord,
    attempt: &Attempt,
    policy: &Policy,
    unseal: &dyn Unseal,
    answered: Option<&Dialogue>,
    now: Now,
) -> Finding {
    let granted = passes(record, &attempt.gateway, now);
    let passed = dialogue::passed(answered);
    let candidates = candidates(record, &attempt.gateway, policy, passed, now);
    let nobody = || candidates.clone().next().is_none();
    let called_for = dialogue::called_for(attempt, answered, policy);
    let blind = called_for.map(|asking| asking.kind.blind(&attempt.gateway));
    let checked = attempt.gateway.first_factor == FirstFactorBy::Gateway;
    if blind == Some(true) {
        // Whom the gateway has checked and who needs no code is not asked for one.
        let tokenless = || nobody() && tokenless(record, &attempt.gateway, policy, now).is_some();
        let led = || tokenless() || dialogue::resets(record, &attempt.gateway, policy, now);
        if !checked || granted.is_none() && !led() {
            return Finding::of(record, CodeMatch::Awaited, Ask::Nothing);
        }
    }
    let authorized = answered.is_some_and(|dialogue| dialogue.proven.authorized);
    if granted.is_none() && demands_dialogue(record.profile.state) && !authorized {
        return reset::opens(record, attempt, policy, unseal, answered, now);
    }
    let mut recovery = recovery_sets(record, &attempt.gateway, policy, passed, now);
    let unset = dialogue::opens_by_code(record, &attempt.gateway);
    let asks = blind == Some(false) && granted.is_none() && !unset;
    if asks && (!nobody() || recovery.next().is_some()) {
        let whole = Some(0..attempt.passcode().len());
        let ask = ask(record, attempt, policy, whole, answered, now);
        return Finding::of(record, CodeMatch::Awaited, ask);
    }
    let form = form(&attempt.gateway, answered, unset);
    // A code that is sent fits the question that it was sent for, and nothing else.
    let typed = candidates.clone().filter(|token| token.kind.computes());
    let (code, head) = match_code(record, attempt, form, policy, typed.clone(), unseal, now);
    let fits = matches!(code, CodeMatch::Fits { .. } | CodeMatch::Recovery { .. });
    let graced = matches!(code, CodeMatch::Replay { grace: true, .. });
    let finding = |code, ask| Finding::of(record, code, ask);
    if fits || graced {
        let alone = unset && head.is_empty();
        let ask = match ask(record, attempt, policy, Some(head), answered, now) {
            Ask::Missing if alone => Ask::Unset,
            ask => ask,
        };
        return finding(code, ask);
    }
    // 8.2.7: what ends in the last accepted code is a double click, not a PIN of that length.
    let clicked_twice = matches!(code, CodeMatch::Replay { .. }) && !head.is_empty() && !checked;
    if let Some(grant) = granted.filter(|_| !clicked_twice) {
        let whole = Some(0..attempt.passcode().len());
        let code = CodeMatch::Passthrough { grant };
        let ask = ask(record, attempt, policy, whole, answered, now);
        return finding(code, ask);
    }
    if matches!(code, CodeMatch::Wrong { .. } | CodeMatch::NoCode)
        && let Some((shown, head)) = shown(record, attempt, form, policy, unseal, now)
    {
        let ask = ask(record, attempt, policy, Some(head), answered, now);
        return finding(CodeMatch::Enrols { shown: Some(shown) }, ask);
    }
    if matches!(code, CodeMatch::Wrong { .. })
        && let Some((found, head)) =
            ahead::ahead(record, attempt, form, policy, typed, answered, unseal)
    {
        let ask = ask(record, attempt, policy, Some(head), answered, now);
        return finding(CodeMatch::Ahead(found), ask);
    }
    if let Some(guess) = tokenless::guessed(record, attempt, form, policy, now).filter(|_| nobody())
    {
        return finding(guess, Ask::Nothing);
    }
    if nobody() && !matches!(code, CodeMatch::Wrong { only: Some(_) }) {
        return without_token(record, attempt, policy, answered, now);
    }
    finding(code, Ask::Nothing)
}

/// Whether the failures since the lock are fewer than what locks: whoever may go on under a lock has no
/// more tries than anybody else.
fn tries_left(record: &UserRecord, policy: &Policy) -> bool {
    let limit = policy.lockout.user_limit();
    let before = record.auth.lock.as_ref().map_or(0, |lock| lock.count);
    limit == 0 || record.auth.soft < before.saturating_add(limit)
}

/// How the passcode is split. `unset`: there is nothing to be typed before the code.
fn form(gateway: &GatewayPolicy, answered: Option<&Dialogue>, unset: bool) -> PasscodeForm {
    let form = answered.and_then(|dialogue| dialogue.kind.form(gateway));
    match form.unwrap_or(gateway.passcode) {
        PasscodeForm::Challenge if unset => PasscodeForm::PinOtp,
        form => form,
    }
}

/// Whether the state asks for a reset (D9): a dialogue, or a step by an operator where the gateway
/// cannot lead it. A passthrough comes before it and leaves it pending (D8).
#[must_use]
pub const fn demands_dialogue(state: UserState) -> bool {
    matches!(state, UserState::Reset | UserState::ResetAll)
}

/// Where a token stands, as the code search wants it.
#[must_use]
pub fn progress(state: Option<&TokenState>) -> Progress {
    state.map_or_else(Progress::default, |state| Progress {
        next: state.next_factor,
        drift_steps: state.drift_steps,
    })
}

/// Matches the code against every candidate; with it, where the first factor stands.
fn match_code<'a>(
    record: &UserRecord,
    attempt: &Attempt,
    form: PasscodeForm,
    policy: &Policy,
    candidates: impl Iterator<Item = &'a Token> + Clone,
    unseal: &dyn Unseal,
    now: Now,
) -> (CodeMatch, Range<usize>) {
    let passcode = attempt.passcode();
    let mut replay = None;
    let mut shaped = false;
    for token in candidates.clone() {
        let Some(otp) = token.otp else { continue };
        let Some(Split { head, code }) = split(form, passcode, otp.digits) else {
            continue;
        };
        shaped = true;
        match match_token(record, token, &code, attempt, policy, unseal, now) {
            CodeMatch::Wrong { .. } => {}
            CodeMatch::Replay { token, grace } => {
                replay.get_or_insert((CodeMatch::Replay { token, grace }, head));
            }
            found => return (found, head),
        }
    }
    if let Some(found) = replay {
        return found;
    }
    if let Some(found) = recovery(record, attempt, form, policy, unseal, now) {
        return found;
    }
    if !shaped {
        return (wrong_recovery(record, attempt, form, policy, now), 0..0);
    }
    let mut ids = candidates.map(|token| token.id);
    let only = ids.next().filter(|_| ids.next().is_none());
    (CodeMatch::Wrong { only }, 0..0)
}

/// Matches the code against one token: new, the last accepted one again, or neither.
fn match_token(
    record: &UserRecord,
    token: &Token,
    code: &OtpCode,
    attempt: &Attempt,
    policy: &Policy,
    unseal: &dyn Unseal,
    now: Now,
) -> CodeMatch {
    let mut found = CodeMatch::Wrong { only: None };
    let (Some(otp), Some(sealed)) = (token.otp, token.seed.as_ref()) else {
        return found;
    };
    let state = record.auth.token(token.id);
    unseal.show(Field::Seed(record.id, token.id), sealed, &mut |seed| {
        let fits = otp.search(seed, code, progress(state), policy.windows(), now.wall);
        let accepted = state.and_then(|state| state.accepted.as_ref());
        if let Some(factor) = fits {
            found = CodeMatch::Fits {
                token: token.id,
                factor,
            };
        } else if let Some(accepted) = accepted
            && otp.code_at(seed, accepted.factor).equals(code)
        {
            found = CodeMatch::Replay {
                token: token.id,
                grace: graced(accepted, &attempt.gateway, now),
            };
        }
    });
    found
}

/// The factor of a code that fits a token and was never accepted.
pub(super) fn code_fits(
    record: &UserRecord,
    token: &Token,
    code: &OtpCode,
    policy: &Policy,
    unseal: &dyn Unseal,
    now: Now,
) -> Option<u64> {
    let (otp, sealed) = (token.otp?, token.seed.as_ref()?);
    let state = record.auth.token(token.id);
    let mut fits = None;
    unseal.show(Field::Seed(record.id, token.id), sealed, &mut |seed| {
        fits = otp.search(seed, code, progress(state), policy.windows(), now.wall);
    });
    fits
}

/// The token that waits for its proof and whose first code was typed (D11), and where the first
/// factor stands; only where the gateway leads on from there.
fn shown(
    record: &UserRecord,
    attempt: &Attempt,
    form: PasscodeForm,
    policy: &Policy,
    unseal: &dyn Unseal,
    now: Now,
) -> Option<((TokenId, u64), Range<usize>)> {
    if !dialogue::leads(record, &attempt.gateway) {
        return None;
    }
    pending(record, &attempt.gateway, policy, now).find_map(|token| {
        let Split { head, code } = split(form, attempt.passcode(), token.otp?.digits)?;
        let factor = code_fits(record, token, &code, policy, unseal, now)?;
        Some(((token.id, factor), head))
    })
}

/// Whether the last accepted code may be accepted once more (D18). A clock that was ahead when it
/// was accepted does not prolong this.
pub(super) fn graced(accepted: &Accepted, gateway: &GatewayPolicy, now: Now) -> bool {
    !gateway.same_code_grace.is_zero()
        && !accepted.grace_used
        && accepted.gateway == gateway.name
        && now.wall >= accepted.at
        && now.latest() < accepted.at + gateway.same_code_grace
}

/// The grant that counts at this gateway now (D8); never where nobody checks the first factor.
pub(super) fn grant(record: &UserRecord, gateway: &GatewayPolicy, now: Now) -> Option<u32> {
    if !gateway.allow_passthrough || gateway.first_factor == FirstFactorBy::None {
        return None;
    }
    passthrough::current(record, Some(&gateway.name), now).map(|grant| grant.id)
}

/// The grant that lets this person pass: not while a lock lasts, even one that a reset ends.
pub(super) fn passes(record: &UserRecord, gateway: &GatewayPolicy, now: Now) -> Option<u32> {
    grant(record, gateway, now).filter(|_| lock_in_force(record, now).is_none())
}

/// Whether the gateway lets a person in who never had a token: a disabled or lost one must not open
/// the door.
pub(super) fn unenrolled(record: &UserRecord, gateway: &GatewayPolicy) -> bool {
    let tokens = &record.profile.tokens;
    gateway.unenrolled == Otherwise::Passthrough
        && gateway.first_factor != FirstFactorBy::None
        && record.profile.state == UserState::New
        && tokens.iter().all(|token| token.base == Base::Pending)
}

/// Which first factor the gateway leaves to mfad, and whether there is one to check.
fn ask(
    record: &UserRecord,
    attempt: &Attempt,
    policy: &Policy,
    head: Option<Range<usize>>,
    answered: Option<&Dialogue>,
    now: Now,
) -> Ask {
    if answered.is_some_and(|dialogue| dialogue.proven.first.is_some()) {
        return Ask::Proven;
    }
    let typed = head.filter(|head| !head.is_empty());
    match attempt.gateway.first_factor {
        FirstFactorBy::Gateway | FirstFactorBy::None => Ask::Nothing,
        FirstFactorBy::Pin => match (&record.profile.pin, typed) {
            (None, _) | (_, None) => Ask::Missing,
            _ if record.auth.pin.blocked(policy.pin.block_duration, now) => Ask::Blocked,
            (Some(_), Some(head)) => Ask::Pin(head),
        },
        FirstFactorBy::Local => match (&record.profile.password, typed) {
            (Some(_), Some(head)) => Ask::Password(head),
            _ => Ask::Missing,
        },
    }
}
