//! People: locks, states, seats, PINs, what is edited and what is lost (I11, I12, I15, I19).

use mfad::domain::action::Role;
use mfad::domain::command::{Command, Effect, NewUser, PassthroughEnd, UserEdit};
use mfad::domain::event::EventResult;
use mfad::domain::lockout::LockReason;
use mfad::domain::passthrough;
use mfad::domain::refusal::Code;
use mfad::domain::token_record::Base;
use mfad::domain::user::{UserId, UserState};
use mfad::secret::SecretBytes;
use mfad::time::Now;

use super::site::*;

// I11
#[test]
fn unlocked_by_survives_and_the_lock_vanishes() {
    let (record, applied) = done(&locked(LockReason::Failures), &unlock(false));
    assert_eq!(
        applied.done.message,
        "alice unlocked. Current state: Steady State. Their next sign-in is judged normally."
    );
    assert_eq!(record.auth.lock, None);
    let unlocked = record.auth.unlocked.unwrap();
    assert_eq!((&*unlocked.by, unlocked.at), ("carol", WALL));
    let state = record.auth.tokens.first().unwrap();
    assert_eq!(
        (record.auth.soft, state.soft, state.total),
        (0, 0, 7),
        "I10"
    );
    assert_eq!(names(&applied), ["user.unlocked"]);
    assert_eq!(applied.events[0].reason.as_deref(), Some("ticket 4711"));
    let undo = applied.done.undo.unwrap();
    assert_eq!(undo, "mfactl user lock alice -r 'ticket 4711'");
}

#[test]
fn an_unlock_ends_a_wait_and_clearing_counters_does_not() {
    let waiting = with(|record| {
        record.auth.soft = 9;
        record.auth.wait_until = Some(WALL + DAY);
        record.auth.token_mut(id(1)).total = 9;
    });
    let (record, applied) = done(&waiting, &unlock(false));
    assert_eq!(
        applied.done.message,
        "alice waits no longer. Current state: Steady State. Their next sign-in is judged normally."
    );
    assert_eq!((record.auth.soft, record.auth.wait_until), (0, None));
    assert_eq!(record.auth.token(id(1)).unwrap().total, 9, "I10");
    assert_eq!(&*record.auth.unlocked.unwrap().by, "carol");
    assert_eq!(names(&applied), ["user.unlocked"]);
    let user = user();
    let (record, applied) = done(&waiting, &Command::CountersClear { user });
    assert_eq!(
        (record.auth.soft, record.auth.wait_until),
        (0, Some(WALL + DAY))
    );
    assert_eq!(applied.done.notes[0].0, "wait");
    let over = with(|record| record.auth.wait_until = Some(WALL));
    assert_eq!(refused(&over, &unlock(false)).code, Code::NotLocked);
}

// I12
#[test]
fn unblocking_the_pin_ends_the_lockout() {
    let blocked = locked(LockReason::PinBlocked);
    let refusal = refused(&blocked, &unlock(false));
    assert_eq!(refusal.code, Code::Policy);
    assert_eq!(
        refusal.tries,
        ["mfactl pin unblock alice", "mfactl pin reset alice"]
    );
    let (record, applied) = done(&blocked, &Command::PinUnblock { user: user() });
    assert_eq!(record.current_state(), "Steady State");
    assert_eq!(record.auth.pin, mfad::domain::pin::PinState::default());
    assert_eq!((record.auth.soft, record.profile.pin.clone()), (0, None));
    assert_eq!(names(&applied), ["pin.unblocked", "user.unlocked"]);
    let (record, _) = done(&blocked, &unlock(true));
    assert_eq!(
        (record.auth.lock, record.auth.pin.blocked_since),
        (None, None)
    );
}

#[test]
fn an_operators_lock_replaces_an_automatic_one() {
    let command = Command::UserLock {
        user: user(),
        until: Some(WALL + DAY),
    };
    let (record, _) = done(&locked(LockReason::Failures), &command);
    assert_eq!(
        record.auth.lock.as_ref().unwrap().reason,
        LockReason::Operator
    );
    assert_eq!(refused(&record, &command).code, Code::State);
    // The lock ends by itself, and the command that comes after says so first.
    let mut later = run();
    later.now = later.now.after(DAY);
    let applied = later
        .of(Some(&record), &set_state(UserState::Update))
        .unwrap();
    assert_eq!(names(&applied), ["user.unlocked", "user.state"]);
    assert_eq!(put(&applied).auth.revision, record.auth.revision + 1);
}

// I15
#[test]
fn deactivating_frees_one_seat_once() {
    let mut limited = run();
    limited.policy.seats_limit = 5_000;
    let off = set_state(UserState::Deactivated);
    let applied = limited.of(Some(&alice()), &off).unwrap();
    assert_eq!(
        applied.done.message,
        "alice deactivated; one seat returned (4,980 of 5,000)."
    );
    let gone = put(&applied).clone();
    let again = run().of(Some(&gone), &off).unwrap();
    assert!(again.done.unchanged && again.effects.is_empty());
    assert_eq!(
        again.done.message,
        "alice is already in Deactivated; nothing changed."
    );
    assert_eq!(again.events[0].result, EventResult::Unchanged);
    let back = Command::UserReactivate { user: user() };
    let mut full = run();
    full.policy.seats_limit = 4_981;
    let refusal = full.of(Some(&gone), &back).err().unwrap();
    assert_eq!(refusal.code, Code::Seats);
    let (record, applied) = done(&gone, &back);
    assert_eq!(record.profile.state, UserState::Steady);
    assert_eq!(names(&applied), ["user.reactivated"]);
    let bare = with(|record| {
        record.profile_mut().state = UserState::Deactivated;
        record.profile_mut().tokens.clear();
    });
    assert_eq!(done(&bare, &back).0.profile.state, UserState::New);
}

// I19
#[test]
fn if_revision_prevents_lost_updates() {
    let lock = Command::UserLock {
        user: user(),
        until: None,
    };
    let mut asked = run();
    asked.if_revision = Some(87);
    let refusal = asked.of(Some(&alice()), &lock).err().unwrap();
    assert_eq!(refusal.code, Code::Conflict);
    let mut asked = run();
    asked.if_revision = Some(88);
    assert!(asked.of(Some(&alice()), &lock).is_ok());
}

#[test]
fn states_do_what_they_say_to_tokens_and_grants() {
    let (with_grant, _) = done(&alice(), &enable(PassthroughEnd::Default, &[]));
    let now = Now::at(WALL);
    let (replaced, _) = done(&with_grant, &set_state(UserState::Replace));
    assert_eq!(replaced.profile.tokens[0].base, Base::Obsolete);
    assert_eq!(replaced.profile.tokens[0].seed, None);
    assert!(passthrough::current(&replaced, None, now).is_some(), "9.8");
    let refusal = refused(&replaced, &set_state(UserState::Steady));
    assert_eq!(refusal.code, Code::State);
    let forced = Command::UserSetState {
        user: user(),
        state: UserState::Steady,
        force: true,
        updates: Vec::new(),
        auth_code: None,
    };
    assert!(run().of(Some(&replaced), &forced).is_ok());
    let (revoked, applied) = done(&with_grant, &set_state(UserState::Revoke));
    assert!(passthrough::current(&revoked, None, now).is_none());
    assert_eq!(
        names(&applied),
        ["user.state", "token.obsolete", "passthrough.ended"]
    );
    assert_eq!(
        refused(&revoked, &forced).code,
        Code::State,
        "T6: never after Revoke"
    );
}

#[test]
fn pins_and_passwords_are_judged() {
    let reset = |pin: &[u8]| Command::PinReset {
        user: user(),
        pin: Some(SecretBytes::copy_of(pin)),
        keep: false,
    };
    let refusal = refused(&alice(), &reset(b"123456"));
    assert_eq!(refusal.code, Code::Policy);
    assert_eq!(
        refusal.why.as_deref(),
        Some("it is one of those that everybody tries first")
    );
    let (record, applied) = done(&locked(LockReason::PinBlocked), &reset(b"402817"));
    assert_eq!(
        applied.done.message,
        "alice: PIN saved. Current state: Steady State."
    );
    assert!(record.profile.pin.as_ref().unwrap().must_change, "A10");
    assert!(applied.done.reveal.is_none(), "the operator knows it");
    let mut other = run();
    other.prepared.for_user = Some(UserId([8; 16]));
    let refusal = other.of(Some(&alice()), &reset(b"402817")).err().unwrap();
    assert_eq!(refusal.code, Code::Conflict, "a hash of an older alice");
    let password = Command::PasswordSet {
        user: user(),
        password: Some(SecretBytes::copy_of(b"short")),
    };
    assert_eq!(refused(&alice(), &password).code, Code::Policy);
}

#[test]
fn people_come_change_and_go() {
    let new = |email: &str| {
        Command::UserAdd(NewUser {
            user: user(),
            email: Some(email.to_owned()),
            ..NewUser::default()
        })
    };
    let applied = run().of(None, &new("alice@example.org")).unwrap();
    assert!(matches!(
        applied.effects[0],
        Effect::Put { expected: None, .. }
    ));
    let record = put(&applied);
    assert_eq!(
        (record.profile.state, record.auth.revision),
        (UserState::New, 1)
    );
    assert_eq!(run().of(None, &new("alice")).err().unwrap().code, Code::Arg);
    let mut full = run();
    full.policy.seats_limit = 4_981;
    let refusal = full.of(None, &new("")).err().unwrap();
    assert_eq!(refusal.code, Code::Seats);

    let edit = |edit: UserEdit| Command::UserEdit {
        user: user(),
        edit: Box::new(edit),
    };
    let email = edit(UserEdit {
        email: Some("alicia@example.org".to_owned()),
        ..UserEdit::default()
    });
    let (_, applied) = done(record, &email);
    let event = &applied.events[0];
    assert_eq!(event.before.as_ref().unwrap()["email"], "a***e@example.org");
    assert_eq!(event.after.as_ref().unwrap()["email"], "a***a@example.org");
    let mut operator = run();
    operator.role = Role::Operator;
    let protect = edit(UserEdit {
        protected: Some(true),
        ..UserEdit::default()
    });
    let refusal = operator.of(Some(record), &protect).err().unwrap();
    assert_eq!(refusal.code, Code::Perm);

    let delete = Command::UserDelete { user: user() };
    let applied = run().of(Some(&alice()), &delete).unwrap();
    assert!(matches!(
        applied.effects[..],
        [Effect::Remove {
            id: ID,
            expected: 88
        }]
    ));
    let tombs = applied.events[0]
        .detail
        .iter()
        .find(|(key, _)| *key == "tokens");
    assert_eq!(tombs.unwrap().1[0]["type"], "totp");
}
