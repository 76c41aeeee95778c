//! Bugs, planted between the rules and the records that they are to change: each is a mistake somebody
//! could make inside, and each must be found.

use std::sync::Arc;
use std::time::Duration;

use mfad::domain::command::Command;
use mfad::domain::dialogue::{Kind, Step};
use mfad::domain::policy::Policy;
use mfad::domain::questions::token_of;
use mfad::domain::token_record::Base;
use mfad::domain::user::{UserRecord, UserState};
use mfad::domain::verdict::Verdict;
use mfad::time::Timestamp;

/// A planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// The stored counter is that of the accepted code, not the one after it.
    CodeStaysFresh,
    /// The one repetition of D18 is granted again and again.
    GraceForEver,
    /// A recovery code is not crossed out.
    PaperStaysFresh,
    /// A code is used up only where the sign-in came to its end.
    RightCodeOfWrongPinKept,
    /// A failure is not counted.
    CountLost,
    /// A wrong PIN is not counted as one.
    PinCountLost,
    /// A lock is not written.
    LockLost,
    /// An automatic lock ends the moment it began.
    LockWithoutLength,
    /// An Accept leaves the failures before it.
    FailuresStay,
    /// The failures at a token go with an unlock, and with them the way to the hard cap.
    UnlockClearsTotals,
    /// One failure more than the limit is let through.
    LimitOffByOne,
    /// One counter too many is looked at.
    WindowOffByOne,
    /// A question that was answered stays open.
    StateGoodTwice,
    /// A question can be answered at another gateway.
    StateGoodElsewhere,
    /// A question can be answered for longer.
    StateGoodTooLong,
    /// What was right in an earlier round is forgotten.
    RoundForgotten,
    /// A question is open after the lock that came upon it.
    StateOutlivesALock,
    /// A new PIN is not stored.
    NewPinLost,
    /// Who has to change the PIN has to again.
    ChangeForEver,
    /// An auth code is good once more.
    AuthCodeStays,
    /// A token is active though nobody has signed in with it.
    ActiveTooEarly,
    /// A state ends too early: with the question, not with the Accept.
    SteadyTooEarly,
    /// An unlock is confirmed by any Accept.
    ConfirmedByAnything,
    /// A grant that was seen past its end is good again if the clock goes back.
    GrantEndForgotten,
    /// An unlock does not say by whom.
    UnlockedByNobody,
    /// An unblock leaves the lock that the block brought.
    UnblockLeavesTheLock,
    /// A disabled token is not.
    DisableForgotten,
    /// A token comes back from a disabling as one that was never proven.
    EnabledAsPending,
    /// A deactivated person keeps the seat.
    SeatKept,
    /// An auth code brings a new state.
    AuthCodeSetsState,
    /// A test counts as a login.
    ActiveByTest,
    /// An operator lock leaves open questions.
    LockLeavesQuestions,
    /// The revision that an operator names is not looked at.
    LostUpdate,
    /// The wish for a new PIN is not kept for the rounds after it.
    WishForgotten,
    /// A wait is not written.
    WaitLost,
    /// A sign-in ends the waits of all stations.
    WaitEndsForAll,
    /// A station is known by nothing but a first factor.
    StationUnproven,
    /// A code that comes too early is not counted.
    AheadUncounted,
    /// A code that comes too early moves the token on.
    AheadMoves,
    /// The old token stays when its successor was used.
    OldStays,
    /// Renew Credential ends by any sign-in.
    RenewedByAnything,
    /// Nobody is asked to renew a token in time.
    RenewalForgotten,
    /// A reset ends by any sign-in.
    ResetWithoutItsCode,
    /// The code of a reset was right, and the PIN stays as it was.
    ResetKeepsPin,
    /// The code of a reset leaves the lock for the PIN.
    ResetKeepsLock,
    /// The code of a reset leaves locked tokens locked.
    ResetKeepsTokenLocks,
    /// Reset All leaves recovery codes.
    ResetAllKeepsPaper,
    /// A wrong answer is forgotten with the next question.
    WrongAnswerForgotten,
    /// Wrong answers do not count on the questions.
    AnswersUncounted,
    /// The same questions are asked again after right answers.
    SameQuestionsAgain,
    /// Right answers leave the lock for the PIN.
    AnswersKeepLock,
    /// Who puts the new token off is asked for none with the next code on paper.
    PutOffForGood,
}

impl Bug {
    pub(crate) const ALL: [Self; 52] = [
        Self::CodeStaysFresh,
        Self::GraceForEver,
        Self::PaperStaysFresh,
        Self::RightCodeOfWrongPinKept,
        Self::CountLost,
        Self::PinCountLost,
        Self::LockLost,
        Self::LockWithoutLength,
        Self::FailuresStay,
        Self::UnlockClearsTotals,
        Self::LimitOffByOne,
        Self::WindowOffByOne,
        Self::StateGoodTwice,
        Self::StateGoodElsewhere,
        Self::StateGoodTooLong,
        Self::RoundForgotten,
        Self::StateOutlivesALock,
        Self::NewPinLost,
        Self::ChangeForEver,
        Self::AuthCodeStays,
        Self::ActiveTooEarly,
        Self::SteadyTooEarly,
        Self::ConfirmedByAnything,
        Self::GrantEndForgotten,
        Self::UnlockedByNobody,
        Self::UnblockLeavesTheLock,
        Self::DisableForgotten,
        Self::EnabledAsPending,
        Self::SeatKept,
        Self::AuthCodeSetsState,
        Self::ActiveByTest,
        Self::LockLeavesQuestions,
        Self::LostUpdate,
        Self::WishForgotten,
        Self::WaitLost,
        Self::WaitEndsForAll,
        Self::StationUnproven,
        Self::AheadUncounted,
        Self::AheadMoves,
        Self::OldStays,
        Self::RenewedByAnything,
        Self::RenewalForgotten,
        Self::ResetWithoutItsCode,
        Self::ResetKeepsPin,
        Self::ResetKeepsLock,
        Self::ResetKeepsTokenLocks,
        Self::ResetAllKeepsPaper,
        Self::WrongAnswerForgotten,
        Self::AnswersUncounted,
        Self::SameQuestionsAgain,
        Self::AnswersKeepLock,
        Self::PutOffForGood,
    ];
}

/// Bugs in the rules themselves.
pub(crate) fn bend(bug: Option<Bug>, policy: &mut Policy) {
    match bug {
        Some(Bug::LimitOffByOne) => policy.lockout.user_max_failures += 1,
        Some(Bug::WindowOffByOne) => policy.hotp_look_ahead += 1,
        Some(Bug::RenewalForgotten) => policy.renew_before = Duration::ZERO,
        _ => {}
    }
}

/// Spoils what a sign-in has changed.
pub(crate) fn spoil(bug: Option<Bug>, old: &UserRecord, new: &mut UserRecord, verdict: &Verdict) {
    let Some(bug) = bug else { return };
    let asked = matches!(verdict, Verdict::Challenge { .. });
    let refused = matches!(verdict, Verdict::Reject { .. });
    spoil_counts(bug, old, new, refused, verdict.accepted());
    spoil_waits(bug, old, new, verdict);
    spoil_questions(bug, old, new);
    spoil_reset(bug, old, new);
    spoil_answers(bug, old, new);
    match bug {
        Bug::StateGoodTwice => new.auth.dialogues.clone_from(&old.auth.dialogues),
        Bug::StateGoodElsewhere if asked => {
            for open in &mut new.auth.dialogues {
                open.gateway = Arc::from("both");
            }
        }
        Bug::StateGoodTooLong if asked => {
            for open in &mut new.auth.dialogues {
                open.expires = open.opened + Duration::from_secs(3600);
            }
        }
        Bug::RoundForgotten if asked => {
            for open in &mut new.auth.dialogues {
                open.proven.factors.clear();
            }
        }
        Bug::StateOutlivesALock if new.auth.lock.is_some() && old.auth.lock.is_none() => {
            new.auth.dialogues.clone_from(&old.auth.dialogues);
        }
        Bug::NewPinLost => {
            let pin = old.profile.pin.clone();
            new.profile_mut().pin = pin;
        }
        Bug::ChangeForEver => {
            let must = old.profile.pin.as_ref().is_some_and(|pin| pin.must_change);
            if let Some(pin) = new.profile_mut().pin.as_mut() {
                pin.must_change |= must;
            }
        }
        Bug::AuthCodeStays if !refused => {
            let code = old.profile.auth_code.clone();
            new.profile_mut().auth_code = code;
        }
        Bug::SteadyTooEarly if asked => new.profile_mut().state = UserState::Steady,
        Bug::ConfirmedByAnything if verdict.accepted() => {
            new.profile_mut().confirm_unlock = false;
        }
        Bug::OldStays if old.profile.state == UserState::Renew => {
            for token in &mut new.profile_mut().tokens {
                let before = old.token(token.id).map_or(token.base, |it| it.base);
                token.base = before;
            }
        }
        Bug::RenewedByAnything if verdict.accepted() && new.profile.state == UserState::Renew => {
            new.profile_mut().state = UserState::Steady;
        }
        Bug::PutOffForGood if verdict.accepted() && old.profile.recovered => {
            new.profile_mut().state = UserState::Steady;
        }
        Bug::GrantEndForgotten => {
            for grant in &mut new.auth.grants {
                grant.ended = false;
            }
        }
        _ => {}
    }
}

fn spoil_counts(bug: Bug, old: &UserRecord, new: &mut UserRecord, refused: bool, let_in: bool) {
    let auth = &mut new.auth;
    match bug {
        Bug::CodeStaysFresh => {
            for token in &mut auth.tokens {
                let before = old.auth.token(token.id).map_or(0, |it| it.next_factor);
                token.next_factor = token.next_factor.saturating_sub(1).max(before);
            }
        }
        Bug::GraceForEver => {
            let accepted = auth.tokens.iter_mut().filter_map(|it| it.accepted.as_mut());
            accepted.for_each(|accepted| accepted.grace_used = false);
        }
        Bug::PaperStaysFresh => {
            auth.tokens.iter_mut().for_each(|it| it.recovery_used = 0);
        }
        Bug::RightCodeOfWrongPinKept if refused => {
            for token in &mut auth.tokens {
                if let Some(before) = old.auth.token(token.id) {
                    token.next_factor = before.next_factor;
                }
            }
        }
        Bug::CountLost => auth.soft = auth.soft.min(old.auth.soft),
        Bug::PinCountLost => auth.pin.failures = auth.pin.failures.min(old.auth.pin.failures),
        Bug::LockLost => auth.lock.clone_from(&old.auth.lock),
        Bug::LockWithoutLength => {
            if let Some(lock) = auth.lock.as_mut().filter(|_| old.auth.lock.is_none()) {
                lock.auto_until = Some(lock.since);
            }
        }
        Bug::FailuresStay if let_in => auth.soft = old.auth.soft,
        Bug::ActiveTooEarly => {
            for token in &mut auth.tokens {
                token.activated_at.get_or_insert(Timestamp(1));
            }
        }
        _ => {}
    }
}

fn spoil_waits(bug: Bug, old: &UserRecord, new: &mut UserRecord, verdict: &Verdict) {
    let auth = &mut new.auth;
    match bug {
        Bug::WaitLost => auth.wait_until = old.auth.wait_until,
        Bug::WaitEndsForAll if verdict.accepted() => {
            auth.stations.iter_mut().for_each(|it| it.until = None);
            auth.wait_until = None;
        }
        Bug::StationUnproven => {
            if let Verdict::Accept { how, .. } = verdict
                && how.token().is_none()
                && let Some(station) = auth.stations.last_mut()
            {
                station.seen = station.seen + Duration::from_secs(1);
            }
        }
        _ => {}
    }
}

fn spoil_answers(bug: Bug, old: &UserRecord, new: &mut UserRecord) {
    let held = token_of(old).map(|token| token.id);
    match bug {
        Bug::WrongAnswerForgotten => {
            for open in &mut new.auth.dialogues {
                if let Kind::Emergency(asked) = &mut open.kind
                    && let Step::Question { wrong, .. } = &mut asked.step
                {
                    *wrong = false;
                }
            }
        }
        Bug::AnswersUncounted => {
            if let Some(id) = held {
                new.auth.token_mut(id).soft = 0;
            }
        }
        Bug::SameQuestionsAgain => {
            let held = held.and_then(|id| new.token_mut(id)?.questions.as_mut());
            if let Some(questions) = held {
                questions.first = 0;
            }
        }
        Bug::AnswersKeepLock if new.profile.pin != old.profile.pin => {
            new.auth.lock.clone_from(&old.auth.lock);
        }
        _ => {}
    }
}

fn spoil_reset(bug: Bug, old: &UserRecord, new: &mut UserRecord) {
    if !matches!(old.profile.state, UserState::Reset | UserState::ResetAll) {
        return;
    }
    match bug {
        Bug::ResetWithoutItsCode => {
            let dialogues = new.auth.dialogues.iter_mut();
            dialogues.for_each(|it| it.proven.authorized = true);
        }
        Bug::ResetKeepsPin => {
            let must = old.profile.pin.as_ref().is_some_and(|pin| pin.must_change);
            if let Some(pin) = new.profile_mut().pin.as_mut() {
                pin.must_change = must;
            }
        }
        Bug::ResetKeepsLock => new.auth.lock.clone_from(&old.auth.lock),
        Bug::ResetKeepsTokenLocks => {
            for token in &mut new.auth.tokens {
                let before = old.auth.token(token.id).and_then(|it| it.locked_until);
                token.locked_until = token.locked_until.or(before);
            }
        }
        Bug::ResetAllKeepsPaper => {
            let lost = |it: &&mfad::domain::token_record::Token| new.token(it.id).is_none();
            let lost: Vec<_> = old.profile.tokens.iter().filter(lost).cloned().collect();
            new.profile_mut().tokens.extend(lost);
        }
        _ => {}
    }
}

fn spoil_questions(bug: Bug, old: &UserRecord, new: &mut UserRecord) {
    for open in &mut new.auth.dialogues {
        match (bug, &open.kind) {
            (Bug::WishForgotten, _) => open.proven.wants_new = false,
            (Bug::AheadUncounted, Kind::Resync(_)) => new.auth.soft = old.auth.soft,
            (Bug::AheadMoves, Kind::Resync(ahead)) => {
                let moved = new.auth.tokens.iter_mut().filter(|it| it.id == ahead.token);
                moved.for_each(|it| it.next_factor = ahead.first + 1);
            }
            _ => {}
        }
    }
}

/// Spoils what a command has changed.
pub(crate) fn spoil_order(
    bug: Option<Bug>,
    old: &UserRecord,
    new: &mut UserRecord,
    command: &Command,
) {
    let unlocked = old.auth.lock.is_some() && new.auth.lock.is_none();
    match (bug, command) {
        (Some(Bug::UnlockClearsTotals), Command::UserUnlock { .. }) => {
            new.auth.tokens.iter_mut().for_each(|it| it.total = 0);
        }
        (Some(Bug::UnlockedByNobody), _) if unlocked => new.auth.unlocked = None,
        (Some(Bug::UnblockLeavesTheLock), Command::PinUnblock { .. }) => {
            new.auth.lock.clone_from(&old.auth.lock);
        }
        (Some(Bug::DisableForgotten), Command::TokenDisable { .. }) => {
            let profile = (*old.profile).clone();
            *new.profile_mut() = profile;
        }
        (Some(Bug::EnabledAsPending), Command::TokenEnable { .. }) => {
            let was = |it: &mfad::domain::token_record::Token| it.base == Base::Disabled;
            let off: Vec<_> = old.profile.tokens.iter().filter(|it| was(it)).collect();
            for token in off {
                if let Some(it) = new.token_mut(token.id).filter(|it| !was(it)) {
                    it.base = Base::Pending;
                }
            }
        }
        (Some(Bug::SeatKept), Command::UserSetState { .. })
            if new.profile.state == UserState::Deactivated =>
        {
            new.profile_mut().state = UserState::Revoke;
        }
        (Some(Bug::AuthCodeSetsState), Command::AuthCodeGenerate { .. }) => {
            new.profile_mut().state = UserState::New;
        }
        (Some(Bug::ActiveByTest), Command::TokenTest { .. }) => {
            for token in &mut new.auth.tokens {
                token.activated_at.get_or_insert(Timestamp(1));
            }
        }
        (Some(Bug::LockLeavesQuestions), Command::UserLock { .. }) => {
            new.auth.dialogues.clone_from(&old.auth.dialogues);
        }
        _ => {}
    }
}
