//! Codes without a sign-in: one as a test, two to find the place again, one as proof (R36, R37).
//!
//! A right code is used up like any other, so that whoever listens to the help desk cannot sign in
//! with it; a wrong one is counted nowhere, since it stands for nobody's attempt.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::case::Case;
use super::token::{hard_cap, lift, obsolete, out_of_date, status};
use super::{Applied, words};
use crate::domain::action::Action;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::sealed::Field;
use crate::domain::token_record::{Accepted, Base, Status, TokenKind};
use crate::domain::verify::progress;
use crate::secret::SecretBytes;
use crate::token::{Factor, Otp, OtpCode, Progress, Resync, TokenId, totp};

/// A token with its opened seed, ready to look at a code.
pub(super) struct Opened {
    pub(super) id: TokenId,
    pub(super) otp: Otp,
    pub(super) seed: SecretBytes,
    pub(super) progress: Progress,
}

/// `token test`: the code is used up, nothing else changes (A34, I17).
pub(super) fn test(
    mut case: Case<'_>,
    id: TokenId,
    code: &OtpCode,
    anyway: bool,
) -> Result<Applied, Refusal> {
    let opened = open(&case, id)?;
    let sleeping = awake(&case, id, anyway)?;
    let windows = case.site.policy.windows();
    let (otp, seed) = (opened.otp, opened.seed.expose());
    let Some(factor) = otp.search(seed, code, opened.progress, windows, case.wall()) else {
        return Err(wrong_code(&case, &opened, code, "nothing changed"));
    };
    use_up(&mut case, &opened, factor);
    tested(&mut case, id, sleeping);
    if case
        .record
        .auth
        .token(id)
        .is_some_and(|state| state.resync_required)
    {
        let line = format!("sign-ins wait for it: mfactl token resync {id}");
        case.note("resync", line);
    }
    let message = format!(
        "{id} of {}: the code is right, and used up by this test. {}",
        case.user,
        case.current()
    );
    Ok(case.done(message))
}

/// Whether a token may be tested; gives what it is if no sign-in with it would be accepted.
pub(super) fn awake(case: &Case<'_>, id: TokenId, anyway: bool) -> Result<Option<Status>, Refusal> {
    let status = status(case, id);
    let sleeping = match status {
        Status::Disabled | Status::Locked | Status::Expired | Status::Deactivated => Some(status),
        Status::Pending => {
            let what = format!("{id} is not tested: it is not proven yet");
            let refusal = Refusal::new(Code::State, what).why("its first code proves it");
            return Err(case.suggest(refusal, Action::TokenConfirm, &id.to_string()));
        }
        Status::Obsolete => return Err(out_of_date(case, id, "is not tested")),
        Status::Active | Status::Registered => None,
    };
    match sleeping.filter(|_| !anyway) {
        Some(status) => {
            let what = format!("{id} is not tested: it is {}", status.name());
            let refusal = Refusal::new(Code::State, what);
            Err(case.suggest(refusal, Action::TokenTest, &format!("{id} --anyway")))
        }
        None => Ok(sleeping),
    }
}

/// What a test that went well leaves.
pub(super) fn tested(case: &mut Case<'_>, id: TokenId, sleeping: Option<Status>) {
    let at = case.wall();
    if let Some(token) = case.record.token_mut(id) {
        token.last_tested = Some(at);
    }
    let event = case.event("token.tested").token(id).detail("ok", true);
    case.push(event);
    if let Some(status) = sleeping {
        let text = format!("{id} stays {}: sign-ins with it are refused", status.name());
        case.note("status", text);
    }
    case.about(id);
}

/// `token resync`: two codes in a row, in the order shown (I13).
pub(super) fn resync(
    mut case: Case<'_>,
    id: TokenId,
    codes: [&OtpCode; 2],
) -> Result<Applied, Refusal> {
    let status = status(&case, id);
    let opened = open(&case, id)?;
    if status == Status::Pending {
        let what = format!("{id} was not resynchronised: it is not proven yet");
        let refusal = Refusal::new(Code::State, what);
        return Err(case.suggest(refusal, Action::TokenConfirm, &id.to_string()));
    }
    hard_cap(&case, id, "was not resynchronised")?;
    let policy = case.site.policy;
    let window = match opened.otp.factor {
        Factor::Counter => policy.hotp_resync_window,
        Factor::Time { .. } => policy.totp_resync_window_steps,
    };
    let reach = u16::try_from(window).unwrap_or(u16::MAX);
    let (seed, from, wall) = (opened.seed.expose(), opened.progress, case.wall());
    let (first_at, next) = match opened.otp.resync(seed, from, reach, wall, codes) {
        Resync::Found { first_at, progress } => (first_at, progress),
        Resync::WrongOrder { first_at } => return Err(wrong_order(id, first_at)),
        Resync::NotFound => return Err(not_found(&case, &opened, window)),
    };
    clock_in_reach(&case, &opened, first_at + 1)?;
    let accepted = accepted(first_at + 1, &case);
    let state = case.record.auth.token_mut(id);
    let (soft, locked) = (state.soft, state.locked_until.is_some());
    state.next_factor = next.next.max(state.next_factor);
    state.drift_steps = next.drift_steps;
    state.accepted = Some(accepted);
    state.resync_required = false;
    lift(state);
    let event = case.event("token.resynced").token(id);
    case.push(event.change(from.next, next.next));
    if soft > 0 || locked {
        let lifted = if locked { ", token lock lifted" } else { "" };
        case.note("failures", format!("{soft} -> 0{lifted}"));
    }
    if opened.otp.factor != Factor::Counter && next.drift_steps != 0 {
        case.note(
            "clock",
            format!(
                "the device is off by {}",
                words::count(next.drift_steps, "step")
            ),
        );
    }
    case.about(id);
    case.fact("found", json!([first_at, first_at + 1]));
    let [first, second, next] = [first_at, first_at + 1, next.next].map(words::number);
    let message = format!(
        "{id} of {} continues at {next}: found at {first} and {second}. {}",
        case.user,
        case.current()
    );
    Ok(case.done(message))
}

/// Opens the seed of a token that computes its codes.
pub(super) fn open(case: &Case<'_>, id: TokenId) -> Result<Opened, Refusal> {
    let Some(token) = case.record.token(id) else {
        return Err(case.stale());
    };
    if token.base == Base::Obsolete {
        return Err(obsolete(id, "has no secret any more"));
    }
    let (Some(otp), Some(sealed)) = (token.otp, token.seed.as_ref()) else {
        let what = match token.kind {
            kind if kind.is_sent() => format!("{id} is sent its codes: it has none to compute"),
            TokenKind::Qa => format!("{id} holds questions: it has no codes to compute"),
            _ => format!("{id} is a set of recovery codes: it has no codes to compute"),
        };
        return Err(Refusal::new(Code::Type, what));
    };
    let field = Field::Seed(case.record.id, id);
    let Some(seed) = case.site.unseal.open(field, sealed) else {
        let what = format!("the secret of {id} cannot be opened; nothing changed");
        return Err(Refusal::new(Code::Sealed, what).doing("check the master key of this host"));
    };
    Ok(Opened {
        id,
        otp,
        seed,
        progress: progress(case.record.auth.token(id)),
    })
}

/// No code up to that of `factor` fits again (I1).
pub(super) fn use_up(case: &mut Case<'_>, opened: &Opened, factor: u64) {
    let wall = case.wall();
    let next = opened.otp.consume(opened.progress, factor, wall);
    let accepted = accepted(factor, case);
    let state = case.record.auth.token_mut(opened.id);
    state.next_factor = next.next;
    state.drift_steps = next.drift_steps;
    state.accepted = Some(accepted);
}

/// The refusal of a code, with what it looks like.
pub(super) fn wrong_code(case: &Case<'_>, opened: &Opened, code: &OtpCode, stays: &str) -> Refusal {
    let id = opened.id;
    let what = format!("that code does not fit {id}; {stays}");
    let refusal = Refusal::new(Code::Otp, what);
    let state = case.record.auth.token(id);
    let last = state.and_then(|state| state.accepted.as_ref());
    let again = last.filter(|last| {
        let known = opened.otp.code_at(opened.seed.expose(), last.factor);
        known.equals(code)
    });
    if let Some(last) = again {
        let at = words::instant(last.at);
        return refusal
            .why(format!("it was used already at {at}"))
            .doing("wait for the next code");
    }
    let clock = match off_by(case, opened, code) {
        None | Some(0) => None,
        Some(steps @ 1..) => Some(format!(
            "it would fit in {}: the device's clock is fast",
            words::count(steps, "step")
        )),
        Some(steps) => Some(format!(
            "it would fit {} ago: the device's clock is slow",
            words::count(steps.unsigned_abs(), "step")
        )),
    };
    if let Some(why) = clock {
        return refusal
            .why(why)
            .doing("let the device set its time by itself, then try a new code");
    }
    if status(case, id) == Status::Pending {
        return refusal.doing("ask for the next code of this very token");
    }
    let cap = case.site.policy.lockout.hard_cap;
    let refusal = if state.is_some_and(|state| state.hard_locked(cap)) {
        refusal
    } else {
        case.suggest(refusal, Action::TokenResync, &id.to_string())
    };
    case.suggest(refusal, Action::TokenDelete, &id.to_string())
}

/// How many steps away the code of a time based token would fit.
fn off_by(case: &Case<'_>, opened: &Opened, code: &OtpCode) -> Option<i64> {
    let Factor::Time { period_s } = opened.otp.factor else {
        return None;
    };
    let now = totp::step_at(case.wall(), period_s);
    let reach = case.site.policy.totp_resync_window_steps;
    let first = now.saturating_sub(reach).max(opened.progress.next);
    let steps = first..=now.saturating_add(reach);
    let found = opened.otp.find(opened.seed.expose(), code, steps)?;
    i64::try_from(i128::from(found) - i128::from(now)).ok()
}

/// How many seconds the device is ahead, if the code fits another time than this one.
pub(super) fn device_ahead_s(case: &Case<'_>, opened: &Opened, code: &OtpCode) -> Option<i64> {
    let Factor::Time { period_s } = opened.otp.factor else {
        return None;
    };
    let steps = off_by(case, opened, code).filter(|steps| *steps != 0)?;
    steps.checked_mul(i64::from(period_s.seconds()))
}

/// A clock that is further off than can be remembered would be lost again at once.
fn clock_in_reach(case: &Case<'_>, opened: &Opened, step: u64) -> Result<(), Refusal> {
    let Factor::Time { period_s } = opened.otp.factor else {
        return Ok(());
    };
    let now = totp::step_at(case.wall(), period_s);
    let reach = u64::from(totp::DRIFT_STEPS_MAX.unsigned_abs());
    let (off, way) = match now.checked_sub(step) {
        Some(behind) => (behind, "slow"),
        None => (step - now, "fast"),
    };
    if off <= reach {
        return Ok(());
    }
    let seconds = off.saturating_mul(u64::from(period_s.seconds()));
    let span = words::span(Duration::from_secs(seconds));
    let what = format!("{} was not resynchronised; nothing changed", opened.id);
    Err(Refusal::new(Code::Otp, what)
        .why(format!(
            "both codes exist, but the device's clock is {off} steps ({span}) {way}; {reach} steps \
             can be followed"
        ))
        .doing("set the clock of the device, then try a new code"))
}

fn wrong_order(id: TokenId, first_at: u64) -> Refusal {
    let [first, second] = [first_at, first_at.saturating_sub(1)].map(words::number);
    let what = format!("{id} was not resynchronised; nothing changed");
    Refusal::new(Code::Otp, what)
        .why(format!(
            "both codes exist, but the second comes before the first ({first}, {second})"
        ))
        .doing("press the button twice more and type the codes in the order shown")
}

fn not_found(case: &Case<'_>, opened: &Opened, window: u64) -> Refusal {
    let id = opened.id;
    let what = format!("{id} was not resynchronised; nothing changed");
    let why = match opened.otp.factor {
        Factor::Counter => format!(
            "no two such codes in a row from {} to {}",
            words::number(opened.progress.next),
            words::number(opened.progress.next.saturating_add(window))
        ),
        Factor::Time { .. } => {
            let window = words::count(window, "step");
            format!("no two such codes in a row within {window} of now, unused")
        }
    };
    let refusal = Refusal::new(Code::Otp, what).why(why);
    let refusal = refusal.doing("try two new codes; if they fail, enrol the token anew");
    case.suggest(refusal, Action::TokenDelete, &id.to_string())
}

fn accepted(factor: u64, case: &Case<'_>) -> Accepted {
    Accepted {
        factor,
        at: case.wall(),
        gateway: Arc::from(case.place()),
        grace_used: true,
    }
}
