//! What time alone brings about: locks, blocks, disablings, grants and auth codes that have run out,
//! tokens that were never proven, people who have not signed in for too long.
//!
//! Nothing here needs a timer. The next request or command that looks at the record finds what
//! is over and writes it down, so a stopped timer can neither prolong a grant nor keep a person out.
//! People who are inactive are looked for once a day besides, so that lists and counts show them.

use std::sync::Arc;

use super::event::Event;
use super::lockout::{Lock, LockReason};
use super::policy::Policy;
use super::questions;
use super::renew;
use super::token_record::{Token, tombstone};
use super::user::{Unlocked, UserRecord, UserState};
use super::wait;
use crate::time::{Now, Timestamp};
use crate::token::TokenId;
/// Ends what is over; says whether anything was.
#[must_use]
pub fn settle(record: &mut UserRecord, policy: &Policy, now: Now, events: &mut Vec<Event>) -> bool {
    let before = events.len();
    // Worth no write of its own.
    record.auth.dialogues.retain(|dialogue| dialogue.open(now));
    unlock(record, now, events);
    unblock_pin(record, policy, now, events);
    unlock_tokens(record, policy, now, events);
    end_grants(record, now, events);
    end_auth_code(record, now, events);
    drop_unproven(record, policy, now, events);
    lock_inactive(record, policy, now, events);
    begin_renewal(record, policy, now, events);
    let forgotten = forget_failures(record, policy, now);
    events.len() > before || forgotten
}

fn unlock(record: &mut UserRecord, now: Now, events: &mut Vec<Event>) {
    let over = |until| now.earliest() >= until;
    let Some(lock) = record
        .auth
        .lock
        .take_if(|lock| lock.auto_until.is_some_and(over))
    else {
        return;
    };
    let by: Arc<str> = Arc::from("auto");
    record.auth.unlocked = Some(Unlocked { by, at: now.wall });
    // A token that is locked for its own failures stays so until its own time or an operator.
    wait::forgive(&mut record.auth);
    let asked = questions::token_of(record).map(|token| token.id);
    for token in &mut record.auth.tokens {
        // Time gives no further tries at answers.
        if Some(token.id) != asked {
            token.soft = 0;
        }
    }
    if lock.reason == LockReason::PinBlocked {
        record.auth.pin = super::pin::PinState::default();
    }
    let event = Event::new("user.unlocked").user(record.id, record.name());
    events.push(
        event
            .detail("by", "auto")
            .change(lock.reason.name(), record.profile.state.name()),
    );
}

/// What an operator's unlock does besides ending the lock: sets the soft counters of the user and of
/// all tokens to zero and ends waits and token locks; the totals stay (I10).
pub fn clear_soft(record: &mut UserRecord, policy: &Policy) {
    wait::forgive(&mut record.auth);
    for token in &mut record.auth.tokens {
        token.soft = 0;
        if !token.hard_locked(policy.lockout.hard_cap) {
            token.locked_until = None;
            token.locked_at = None;
        }
    }
}

fn unblock_pin(record: &mut UserRecord, policy: &Policy, now: Now, events: &mut Vec<Event>) {
    let pin = &mut record.auth.pin;
    if pin.blocked_since.is_some() && !pin.blocked(policy.pin.block_duration, now) {
        *pin = super::pin::PinState::default();
        let event = Event::new("pin.unblocked").user(record.id, record.name());
        events.push(event.detail("by", "auto"));
    }
}

fn unlock_tokens(record: &mut UserRecord, policy: &Policy, now: Now, events: &mut Vec<Event>) {
    let hard_cap = policy.lockout.hard_cap;
    let (id, name) = (record.id, Arc::clone(&record.profile));
    for token in &mut record.auth.tokens {
        let over = token
            .locked_until
            .is_some_and(|until| now.earliest() >= until);
        if over && !token.hard_locked(hard_cap) {
            token.locked_until = None;
            token.locked_at = None;
            token.soft = 0;
            let event = Event::new("token.unlocked")
                .user(id, &name.name)
                .token(token.id);
            events.push(event.detail("by", "auto"));
        }
    }
}

fn end_grants(record: &mut UserRecord, now: Now, events: &mut Vec<Event>) {
    let over = |grant: &&super::passthrough::Grant| {
        grant.expired_unmarked(record.auth.grant(grant.id), now)
    };
    let ended: Vec<u32> = record
        .profile
        .grants
        .iter()
        .filter(over)
        .map(|g| g.id)
        .collect();
    for id in ended {
        record.auth.grant_mut(id).ended = true;
        let event = Event::new("passthrough.ended").user(record.id, record.name());
        events.push(event.detail("grant", id).detail("by", "expiry"));
    }
}

/// E10: a secret that was shown and never proven is not to lie about for ever.
fn drop_unproven(record: &mut UserRecord, policy: &Policy, now: Now, events: &mut Vec<Event>) {
    let late = |token: &&Token| {
        token
            .unproven_until(policy)
            .is_some_and(|end| now.latest() >= end)
    };
    let ids: Vec<TokenId> = record
        .profile
        .tokens
        .iter()
        .filter(late)
        .map(|t| t.id)
        .collect();
    for id in ids {
        if let Some(tomb) = tombstone(record, id, now.wall) {
            let event = Event::new("token.expired")
                .user(record.id, record.name())
                .token(id);
            events.push(event.detail("token", tomb));
        }
        record.profile_mut().tokens.retain(|token| token.id != id);
        record.auth.tokens.retain(|state| state.id != id);
    }
}

fn end_auth_code(record: &mut UserRecord, now: Now, events: &mut Vec<Event>) {
    if record
        .profile
        .auth_code
        .as_ref()
        .is_some_and(|code| code.over(now))
    {
        record.profile_mut().auth_code = None;
        events.push(Event::new("authcode.expired").user(record.id, record.name()));
    }
}

/// Since when the person has not signed in, as `lockout.inactive_days` counts it: an unlock, a new
/// state and a reactivation begin it anew.
#[must_use]
pub fn idle_since(record: &UserRecord) -> Timestamp {
    let (profile, auth) = (&record.profile, &record.auth);
    let login = auth.last_login.as_ref().map(|login| login.at);
    let unlocked = auth.unlocked.as_ref().map(|unlocked| unlocked.at);
    let later = login.max(unlocked).unwrap_or_default();
    later.max(profile.created).max(profile.state_since)
}

/// Whether the person is to be locked for not having signed in. Whoever cannot sign in by the
/// lifecycle state is left as is.
#[must_use]
pub fn inactive(record: &UserRecord, policy: &Policy, now: Now) -> bool {
    let span = policy.lockout.inactive;
    let closed = matches!(
        record.profile.state,
        UserState::Deactivated | UserState::Revoke
    );
    !span.is_zero()
        && !closed
        && record.auth.lock.is_none()
        && now.earliest() >= idle_since(record) + span
}

/// `renew.before_expiry`.
fn begin_renewal(record: &mut UserRecord, policy: &Policy, now: Now, events: &mut Vec<Event>) {
    if !renew::is_due(record, policy, now) {
        return;
    }
    let before = record.profile.state.name();
    let voided = record
        .profile_mut()
        .enter(UserState::Renew, now.wall, "auto");
    let about = |event: Event| event.user(record.id, record.name());
    let event = Event::new("user.state").change(before, UserState::Renew.name());
    events.push(about(event).detail("by", "auto"));
    if voided {
        events.push(about(Event::new("authcode.revoked")).detail("why", "state"));
    }
}

/// `lockout.inactive_days`.
fn lock_inactive(record: &mut UserRecord, policy: &Policy, now: Now, events: &mut Vec<Event>) {
    if !inactive(record, policy, now) {
        return;
    }
    let since = idle_since(record);
    record.auth.dialogues.clear();
    record.auth.lock = Some(Lock {
        since: now.wall,
        reason: LockReason::Inactivity,
        by: None,
        auto_until: None,
        note: Arc::from(""),
        count: 0,
    });
    let event = Event::new("user.locked").user(record.id, record.name());
    let event = event.reason(LockReason::Inactivity.name());
    events.push(event.detail("idle_since", since.to_string()));
}

/// `lockout.user.window`: failures are forgotten after so long without another one, but no wait
/// becomes shorter for it.
fn forget_failures(record: &mut UserRecord, policy: &Policy, now: Now) -> bool {
    let window = policy.lockout.user_window;
    let idle = record
        .auth
        .last_failed
        .as_ref()
        .is_some_and(|last| !window.is_zero() && now.earliest() >= last.at + window);
    let auth = &mut record.auth;
    let counted = auth.soft > 0 || auth.stations.iter().any(|station| station.failures > 0);
    let forgotten = idle && counted && auth.lock.is_none() && wait::all(record, now).is_empty();
    if forgotten {
        wait::forgive(&mut record.auth);
    }
    forgotten
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use smol_str::SmolStr;

    use super::*;
    use crate::domain::dialogue::{Dialogue, HandleDigest, Kind, Proven};
    use crate::domain::explain::tests::{alice, at_home};
    use crate::domain::lockout::LockoutMode;
    use crate::domain::token_record::TokenKind;
    use crate::domain::user::{LastFailed, LastLogin};

    const HOUR: Duration = Duration::from_secs(3600);

    /// Failed just now, with failures counted for strangers and for a station that is known.
    fn failed(of_strangers: u32, of_station: u32) -> (UserRecord, Policy, Now) {
        let now = Now::at(Timestamp(1_800_000_000_000));
        let mut alice = alice();
        wait::signed_in(&mut alice, &at_home(), LockoutMode::Lock, true, now);
        alice.auth.soft = of_strangers;
        alice.auth.stations[0].failures = of_station;
        alice.auth.last_failed = Some(LastFailed {
            at: now.wall,
            gateway: Arc::from("vpn1"),
            station: SmolStr::from("203.0.113.7"),
        });
        let mut policy = Policy::default();
        policy.lockout.user_window = HOUR;
        (alice, policy, now)
    }

    #[test]
    fn failures_are_forgotten_after_the_window_and_only_if_there_are_any() {
        for (of_strangers, of_station) in [(2, 0), (0, 2), (1, 1)] {
            let (mut alice, policy, now) = failed(of_strangers, of_station);
            let early = now.after(HOUR - Duration::from_millis(1));
            assert!(!settle(&mut alice, &policy, early, &mut Vec::new()));
            assert!(settle(
                &mut alice,
                &policy,
                now.after(HOUR),
                &mut Vec::new()
            ));
            let counts = (alice.auth.soft, alice.auth.stations[0].failures);
            assert_eq!(counts, (0, 0), "{of_strangers}, {of_station}");
        }
        // Nothing changes, so nothing is written.
        let (mut alice, policy, now) = failed(0, 0);
        assert!(!settle(
            &mut alice,
            &policy,
            now.after(HOUR),
            &mut Vec::new()
        ));
    }

    #[test]
    fn whoever_has_not_signed_in_for_long_is_locked_and_counted_anew_after_the_unlock() {
        let (mut alice, mut policy, now) = failed(0, 0);
        policy.lockout.inactive = HOUR;
        alice.auth.last_login = Some(LastLogin {
            at: now.wall,
            gateway: Arc::from("vpn1"),
            station: SmolStr::default(),
            token: None,
        });
        let early = now.after(HOUR - Duration::from_millis(1));
        assert!(!settle(&mut alice, &policy, early, &mut Vec::new()));
        let due = now.after(HOUR);
        let mut events = Vec::new();
        assert!(settle(&mut alice, &policy, due, &mut events));
        assert_eq!(events[0].name, "user.locked");
        let lock = alice.auth.lock.clone().unwrap();
        assert_eq!(
            (lock.reason, lock.since, lock.auto_until),
            (LockReason::Inactivity, due.wall, None)
        );
        assert!(!settle(&mut alice, &policy, due, &mut Vec::new()), "twice");
        alice.auth.lock = None;
        let by = Arc::from("bob");
        alice.auth.unlocked = Some(Unlocked { by, at: due.wall });
        assert!(
            !settle(&mut alice, &policy, due, &mut Vec::new()),
            "at once"
        );
        assert!(inactive(&alice, &policy, due.after(HOUR)));
    }

    #[test]
    fn the_latest_of_all_that_begins_the_days_anew_counts() {
        let (mut alice, mut policy, now) = failed(0, 0);
        policy.lockout.inactive = HOUR;
        let since = now.wall;
        for begin in 0..2 {
            let profile = alice.profile_mut();
            (profile.created, profile.state_since) = (Timestamp(1), Timestamp(1));
            match begin {
                0 => profile.created = since,
                _ => profile.state_since = since,
            }
            assert_eq!(idle_since(&alice), since);
            assert!(!inactive(&alice, &policy, now.after(HOUR / 2)));
            assert!(inactive(&alice, &policy, now.after(HOUR)));
        }
        for state in [UserState::Deactivated, UserState::Revoke] {
            alice.profile_mut().state = state;
            assert!(!inactive(&alice, &policy, now.after(HOUR)));
        }
        alice.profile_mut().state = UserState::New;
        policy.lockout.inactive = Duration::ZERO;
        assert!(!inactive(&alice, &policy, now.after(9 * HOUR)));
    }

    // Found by a seed: a question that was open when the lock came could be answered after the unlock.
    #[test]
    fn a_lock_for_inactivity_ends_what_is_asked() {
        let (mut alice, mut policy, now) = failed(0, 0);
        policy.lockout.inactive = HOUR;
        let later = now.after(HOUR);
        alice.auth.dialogues.push(Dialogue {
            kind: Kind::Passcode,
            proven: Proven::default(),
            gateway: Arc::from("vpn1"),
            opened: later.wall,
            expires: later.wall + HOUR,
            handle: HandleDigest([1; 32]),
            rounds: 1,
            row: 1,
        });
        assert!(settle(&mut alice, &policy, later, &mut Vec::new()));
        assert!(alice.auth.lock.is_some());
        assert_eq!(alice.auth.dialogues, []);
    }

    /// A wall clock that jumps ahead locks nobody: both clocks have to agree.
    #[test]
    fn a_jump_of_the_clock_makes_nobody_inactive() {
        let (mut alice, mut policy, now) = failed(0, 0);
        alice.profile_mut().state_since = now.wall;
        policy.lockout.inactive = HOUR;
        let jumped = Now {
            wall: now.wall + 9 * HOUR,
            ..now
        };
        assert!(!inactive(&alice, &policy, jumped));
    }

    #[test]
    fn time_gives_no_further_tries_at_answers() {
        let (mut alice, policy, now) = failed(3, 0);
        let code = alice.profile.tokens[0].id;
        let mut asked = alice.profile.tokens[0].clone();
        asked.id = TokenId::from_random([7; 5]);
        asked.kind = TokenKind::Qa;
        let questions = asked.id;
        alice.profile_mut().tokens.push(asked);
        alice.auth.token_mut(code).soft = 2;
        alice.auth.token_mut(questions).soft = 2;
        alice.auth.lock = Some(Lock {
            since: now.wall,
            reason: LockReason::Failures,
            by: None,
            auto_until: Some(now.wall),
            note: Arc::from("vpn1"),
            count: 5,
        });
        assert!(settle(&mut alice, &policy, now, &mut Vec::new()));
        assert_eq!(alice.auth.lock, None);
        let left = [code, questions].map(|id| alice.auth.token(id).unwrap().soft);
        assert_eq!(left, [0, 2]);
    }

    #[test]
    fn an_unlock_ends_the_lock_of_a_token_but_not_the_hard_cap() {
        let (mut alice, policy, now) = failed(3, 0);
        let token = alice.profile.tokens[0].id;
        for (total, ends) in [
            (policy.lockout.hard_cap - 1, true),
            (policy.lockout.hard_cap, false),
        ] {
            let state = alice.auth.token_mut(token);
            (state.soft, state.total) = (10, total);
            state.locked_at = Some(now.wall);
            state.locked_until = Some(now.wall + HOUR);
            clear_soft(&mut alice, &policy);
            let state = alice.auth.token_mut(token);
            assert_eq!(
                (state.soft, state.locked_at.is_none()),
                (0, ends),
                "{total}"
            );
            assert_eq!(state.locked_until.is_none(), ends, "{total}");
        }
    }
}
