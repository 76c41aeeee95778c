//! What every command does in every state, read as the policy reads: who may, what is refused, and
//! what an operator is told. The seals of this test are no seals at all: the clear octets.

#![expect(
    clippy::result_large_err,
    reason = "a refusal is built once for a person to read"
)]

#[path = "domain_commands/site.rs"]
mod site;

use std::sync::Arc;
use std::time::Duration;

use mfad::domain::action::{Action, Role};
use mfad::domain::command::{
    Command, Effect, NewToken, NewUser, PassthroughEnd, Reveal, SeedFor, TokenRef, UserEdit, needs,
    permit,
};
use mfad::domain::event::{EventResult, Operator};
use mfad::domain::lockout::LockReason;
use mfad::domain::passthrough;
use mfad::domain::refusal::Code;
use mfad::domain::sealed::Sealed;
use mfad::domain::token_record::{Base, HardwareToken, Status, TokenKind, effective};
use mfad::domain::user::{UserId, UserRecord, UserState};
use mfad::secret::SecretBytes;
use mfad::time::{Now, Timestamp};
use mfad::token::Otp;

use site::*;

// The columns: new steady update replace revoke reset reset-all renew deactivated.
const OUTCOMES: &str = "
user add              E_EXISTS
user edit             ok
user delete           ok
user lock             ok
user unlock           E_NOTLOCKED
user set-state        ok ok same ok ok ok ok ok E_STATE
user reactivate       E_STATE E_STATE E_STATE E_STATE E_STATE E_STATE E_STATE E_STATE ok
lock clear-counters   same
token add             ok
token confirm         E_STATE
token test            ok ok ok ok ok ok ok ok E_STATE
token resync          ok
token unlock          E_NOTLOCKED
token disable         E_LAST_TOKEN E_LAST_TOKEN E_LAST_TOKEN E_LAST_TOKEN E_LAST_TOKEN E_LAST_TOKEN E_LAST_TOKEN E_LAST_TOKEN ok
token enable          same
token delete          E_LAST_TOKEN E_LAST_TOKEN E_LAST_TOKEN E_LAST_TOKEN E_LAST_TOKEN E_LAST_TOKEN E_LAST_TOKEN E_LAST_TOKEN ok
hw unassign           E_NOTOKEN
enroll qr             E_NOTOKEN
recovery issue        ok ok ok ok E_STATE ok ok ok E_STATE
recovery revoke       E_NOTOKEN
pin unblock           E_NOTBLOCKED
pin reset             ok
pin clear             same
password set          ok
password clear        same
passthrough enable    ok ok ok ok E_STATE ok ok ok E_STATE
passthrough renew     E_STATE
passthrough disable   same
";

#[test]
fn every_command_in_every_state() {
    let mut rows = OUTCOMES.trim().lines();
    for command in commands() {
        let row = rows.next().unwrap();
        let name = command.action().spec().name;
        let words: Vec<&str> = row.strip_prefix(name).unwrap().split_whitespace().collect();
        for (at, state) in UserState::ALL.into_iter().enumerate() {
            let wanted = words.get(at).unwrap_or(&words[0]);
            let record = in_state(state);
            let result = run().of(Some(&record), &command);
            assert_eq!(outcome(&result), *wanted, "{name} in {}", state.name());
            let Ok(applied) = result else { continue };
            assert!(!applied.events.is_empty(), "{name} leaves no event");
            assert_eq!(applied.done.user.as_deref(), Some("alice"));
            for effect in &applied.effects {
                if let Effect::Put { user, expected } = effect {
                    assert_eq!((*expected, user.auth.revision), (Some(88), 89), "{name}");
                    assert_eq!(user.profile.updated, WALL);
                    assert_eq!(applied.done.revision, Some(89));
                    assert_eq!(applied.done.state, Some(user.current_state()));
                }
            }
            assert_eq!(applied.effects.is_empty(), applied.done.unchanged, "{name}");
        }
    }
    assert_eq!(rows.next(), None);
}

#[test]
fn every_state_from_every_other() {
    for from in UserState::ALL {
        for to in UserState::ALL {
            let wanted = match (from, to) {
                _ if from == to => "same",
                (UserState::Deactivated, _) => "E_STATE",
                _ => "ok",
            };
            let result = run().of(Some(&in_state(from)), &set_state(to));
            assert_eq!(outcome(&result), wanted, "{} -> {}", from.name(), to.name());
            let mut operator = run();
            operator.role = Role::Operator;
            let result = operator.of(Some(&in_state(from)), &set_state(to));
            if matches!(to, UserState::Revoke | UserState::Deactivated) {
                assert_eq!(outcome(&result), "E_PERM", "T4 is an admin's");
            }
        }
    }
}

#[test]
fn the_role_table() {
    let mine = with(|record| record.profile_mut().name = "carol".to_owned());
    let theirs = alice();
    let protected = with(|record| record.profile_mut().protected = true);
    for action in Action::ALL {
        let spec = action.spec();
        for role in Role::ALL {
            for target in [&mine, &theirs, &protected] {
                let operator = Operator {
                    uid: 1007,
                    name: Arc::from("carol"),
                    role,
                };
                let may = role >= spec.least
                    && !(spec.not_oneself && target.name() == "carol")
                    && !(spec.weakens && target.profile.protected && role != Role::Admin);
                let answer = permit(*action, &operator, Some(target), Some("x"));
                assert_eq!(answer.is_ok(), may, "{} as {role}", spec.name);
                if let Err(refusal) = answer {
                    assert_eq!(refusal.code, Code::Perm);
                    assert!(refusal.need.is_some() && refusal.why.is_some());
                } else {
                    let bare = permit(*action, &operator, Some(target), Some(" "));
                    assert_eq!(bare.is_err(), spec.reason, "{}", spec.name);
                    assert!(bare.is_ok_and(|()| true) || spec.reason);
                }
            }
        }
    }
    let root = Operator {
        uid: 0,
        name: Arc::from("carol"),
        role: Role::Admin,
    };
    assert!(permit(Action::UserUnlock, &root, Some(&mine), None).is_ok());
}

#[test]
fn nobody_unlocks_himself() {
    let mut alone = run();
    alone.name = "alice";
    let record = locked(LockReason::Failures);
    let refusal = alone.of(Some(&record), &unlock(false)).err().unwrap();
    assert_eq!(
        refusal.to_string(),
        "E_PERM: you cannot unlock yourself (A16)"
    );
}

// I11
#[test]
fn unlocked_by_survives_and_the_lock_vanishes() {
    let (record, applied) = done(&locked(LockReason::Failures), &unlock(false));
    assert_eq!(
        applied.done.message,
        "alice unlocked; Current state: Steady State. Their next sign-in is judged normally."
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

// I13
#[test]
fn two_codes_in_the_wrong_order_change_nothing() {
    let resync = |first, second| Command::TokenResync {
        token: TokenRef::OfUser(user(), TokenKind::Totp),
        first: code(first),
        second: code(second),
    };
    let refusal = refused(&alice(), &resync(4, 3));
    assert_eq!(refusal.code, Code::Otp);
    assert!(
        refusal
            .why
            .unwrap()
            .contains("the second comes before the first")
    );
    let refusal = refused(&alice(), &resync(11, 12));
    assert!(refusal.why.unwrap().contains("12 steps (6 min) fast"));
    let (record, applied) = done(&alice(), &resync(7, 8));
    let state = record.auth.token(id(1)).unwrap();
    assert_eq!(state.drift_steps, 8);
    assert_eq!(names(&applied), ["token.resynced"]);
    assert_eq!(refused(&record, &resync(7, 8)).code, Code::Otp, "I1");
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

// I16
#[test]
fn a_disabled_token_comes_back_as_it_was() {
    let off = |force| Command::TokenDisable {
        token: t(1),
        until: None,
        force,
    };
    let active = with(|record| record.auth.token_mut(id(1)).activated_at = Some(WALL));
    let refusal = refused(&active, &off(false));
    assert_eq!(
        refusal.what,
        format!(
            "{} stays enabled: it is the last token alice can sign in with",
            id(1)
        )
    );
    assert_eq!(refusal.tries.len(), 2);
    assert!(refusal.tries[1].contains("--force -r 'ticket 4711'"));
    let (record, _) = done(&active, &off(true));
    let status =
        |record: &UserRecord| effective(record, &record.profile.tokens[0], 100, Now::at(WALL));
    assert_eq!(status(&record), Status::Disabled);
    let (record, _) = done(&record, &Command::TokenEnable { token: t(1) });
    assert_eq!(status(&record), Status::Active);
}

// I17
#[test]
fn a_test_activates_nothing_and_uses_the_code_up() {
    let test = Command::TokenTest {
        token: t(1),
        code: code(0),
        anyway: false,
    };
    let (record, applied) = done(&alice(), &test);
    let state = record.auth.token(id(1)).unwrap();
    assert_eq!((state.activated_at, state.last_used.clone()), (None, None));
    assert!(record.profile.tokens[0].last_tested.is_some());
    assert_eq!(names(&applied), ["token.tested"]);
    let refusal = refused(&record, &test);
    assert_eq!(refusal.code, Code::Otp);
    assert!(refusal.why.unwrap().contains("used already"));
    let slow = Command::TokenTest {
        token: t(1),
        code: code(-7),
        anyway: false,
    };
    let refusal = refused(&alice(), &slow);
    assert!(refusal.why.unwrap().contains("7 steps ago"));
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
fn a_new_token_waits_until_it_is_proven() {
    let new = in_state(UserState::New);
    let (pending, applied) = done(&new, &Command::TokenAdd(Box::new(new_token())));
    assert_eq!(pending.token(id(9)).unwrap().base, Base::Pending);
    let Some(Reveal::OtpauthUri(uri)) = &applied.done.reveal else {
        panic!("no QR code")
    };
    assert!(
        uri.expose()
            .starts_with(b"otpauth://totp/mfad:alice?secret=")
    );
    let mut again = run();
    again.prepared.reveal = None;
    let qr = Command::EnrollQr {
        user: user(),
        token: None,
        channel: "png".to_owned(),
    };
    let shown = again.of(Some(&pending), &qr).unwrap();
    assert!(shown.effects.is_empty() && shown.done.reveal.is_some());
    let confirm = |steps| Command::TokenConfirm {
        token: t(9),
        code: code(steps),
    };
    assert_eq!(refused(&pending, &confirm(5)).code, Code::Otp);
    let (record, applied) = done(&pending, &confirm(0));
    assert_eq!(names(&applied), ["token.registered", "user.state"]);
    assert_eq!(record.profile.state_by, "auto");
    assert_eq!(record.profile.state, UserState::Steady);
    assert_eq!(record.auth.token(id(9)).unwrap().activated_at, None);
    assert_eq!(refused(&record, &confirm(1)).code, Code::State);
}

#[test]
fn hardware_keeps_its_used_codes_on_every_way() {
    let pool = HardwareToken {
        serial: "FT-1".to_owned(),
        kind: TokenKind::Hotp,
        otp: Otp::HOTP,
        seed: sealed(SEED),
        expires: Some(WALL + DAY),
        next_factor: 40,
        created: WALL,
        extra: serde_json::Map::new(),
    };
    let new = Command::TokenAdd(Box::new(NewToken {
        kind: TokenKind::Hotp,
        otp: Otp::HOTP,
        serial: Some("FT-1".to_owned()),
        trusted: true,
        ..new_token()
    }));
    assert_eq!(needs(&new).serial, Some("FT-1"));
    assert_eq!(needs(&new).seed, SeedFor::NewToken);
    assert_eq!(refused(&alice(), &new).code, Code::NoToken);
    let mut taken = run();
    taken.prepared.serial_owner = Some(Arc::from("bob"));
    assert_eq!(
        taken.of(Some(&alice()), &new).err().unwrap().code,
        Code::Exists
    );
    let mut assigned = run();
    assigned.prepared.pool = Some(pool);
    let applied = assigned.of(Some(&alice()), &new).unwrap();
    assert!(matches!(&applied.effects[0], Effect::PoolTake(serial) if serial == "FT-1"));
    assert!(applied.done.reveal.is_none());
    let record = put(&applied);
    assert_eq!(record.auth.token(id(9)).unwrap().next_factor, 40);
    assert_eq!(record.token(id(9)).unwrap().expires, Some(WALL + DAY));
    let back = Command::HwUnassign {
        serial: "FT-1".to_owned(),
        force: false,
    };
    let applied = run().of(Some(record), &back).unwrap();
    let Effect::PoolPut(pool) = &applied.effects[0] else {
        panic!("not in the pool")
    };
    assert_eq!((pool.next_factor, pool.kind), (40, TokenKind::Hotp));
    assert_eq!(put(&applied).profile.tokens.len(), 1);
}

#[test]
fn passthrough_keeps_its_limits() {
    let days = |n: u32| PassthroughEnd::For(DAY * n);
    let as_role = |role, record: &UserRecord, command: &Command| {
        let mut run = run();
        run.role = role;
        run.of(Some(record), command)
    };
    let (record, applied) = done(&alice(), &enable(days(2), &[]));
    assert_eq!(
        applied.done.message,
        "alice needs no code until 2026-11-20 11:06 UTC (2 d), grant P-31. Current state: Steady \
         State."
    );
    let notes: Vec<String> = applied
        .done
        .notes
        .iter()
        .map(|(label, text)| format!("{label} {text}"))
        .collect();
    assert_eq!(
        notes,
        [
            "at vpn1: password still checked by the gateway",
            "at ocserv: first factor is the PIN, and none is set: no sign-in there",
            "not admin-vpn: allow_passthrough = false",
            "not bare: first_factor = none: the code is the only check (9.2)",
        ]
    );
    // I18: at the very instant, by nothing but the clock.
    let end = WALL + DAY * 2;
    let just = Now::at(Timestamp(end.0 - 1));
    assert!(passthrough::current(&record, Some("vpn1"), just).is_some());
    assert!(passthrough::current(&record, Some("vpn1"), Now::at(end)).is_none());

    let week = as_role(Role::Support, &alice(), &enable(days(7), &[])).unwrap();
    let week = put(&week);
    let refusal = as_role(Role::Support, &alice(), &enable(days(8), &[]))
        .err()
        .unwrap();
    assert_eq!(
        (refusal.code, refusal.need.as_deref()),
        (Code::Policy, Some("admin"))
    );
    assert!(as_role(Role::Admin, &alice(), &enable(days(28), &[])).is_ok());
    let next = Command::PassthroughEnable {
        user: user(),
        from: Some(WALL + DAY * 7),
        end: days(7),
        gateways: Vec::new(),
    };
    let refusal = as_role(Role::Support, week, &next).err().unwrap();
    assert_eq!(
        refusal.need.as_deref(),
        Some("operator"),
        "a chain is renewed, not begun anew"
    );

    let later = as_role(Role::Support, &alice(), &next).unwrap();
    let refusal = as_role(Role::Support, put(&later), &enable(days(7), &[]));
    assert_eq!(outcome(&refusal), "E_POLICY", "nor from its end");

    let refusal = refused(&alice(), &enable(days(1), &["bare", "admin-vpn"]));
    assert_eq!(refusal.code, Code::Policy);
    let refusal = refused(&alice(), &enable(days(1), &["vnp1"]));
    assert_eq!(refusal.code, Code::Arg);
    assert_eq!(refusal.why.as_deref(), Some("did you mean vpn1?"));
}

#[test]
fn a_chain_of_renewals_ends_with_an_admin() {
    let renew = Command::PassthroughRenew { user: user() };
    let (mut record, _) = done(&alice(), &enable(PassthroughEnd::Default, &[]));
    let mut now = Now::at(WALL);
    let renewed = |role, now, record: &UserRecord| {
        let mut run = run();
        (run.role, run.now, run.next_seq) = (role, now, 32);
        run.of(Some(record), &renew)
    };
    for _ in 0..3 {
        now = now.after(DAY * 6);
        let applied = renewed(Role::Operator, now, &record).unwrap();
        record = put(&applied).clone();
        let grant = &record.profile.grants[0];
        assert_eq!(grant.until, now.wall + DAY * 7, "not on top");
        assert_eq!(grant.first_from, WALL);
    }
    now = now.after(DAY * 6);
    let refusal = renewed(Role::Operator, now, &record).err().unwrap();
    assert_eq!(
        (refusal.code, refusal.need.as_deref()),
        (Code::Policy, Some("admin"))
    );
    assert!(renewed(Role::Admin, now, &record).is_ok());
    // Just over: a new grant of the same chain. A day over: nothing to renew.
    let over = renewed(Role::Admin, now.after(DAY + DAY / 2), &record).unwrap();
    assert_eq!(put(&over).profile.grants.len(), 2);
    let late = renewed(Role::Admin, now.after(DAY * 2), &record)
        .err()
        .unwrap();
    assert_eq!(late.code, Code::State);
    let (ended, _) = done(&alice(), &enable(PassthroughEnd::Default, &[]));
    let (ended, applied) = done(&ended, &Command::PassthroughDisable { user: user() });
    assert_eq!(names(&applied), ["passthrough.ended"]);
    assert!(passthrough::current(&ended, None, Now::at(WALL)).is_none());
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

#[test]
fn the_rest_of_the_named_errors() {
    let codes = |record: Option<&UserRecord>, command: &Command| {
        run().of(record, command).err().map(|refusal| refusal.code)
    };
    let test = |token| Command::TokenTest {
        token,
        code: code(0),
        anyway: false,
    };
    assert_eq!(codes(None, &unlock(false)), Some(Code::NoUser));
    assert_eq!(codes(None, &test(t(1))), Some(Code::NoToken));
    assert_eq!(codes(Some(&alice()), &test(t(3))), Some(Code::NoToken));
    let two = with(|record| record.profile_mut().tokens.push(token(2, TokenKind::Totp)));
    let totp = TokenRef::OfUser(user(), TokenKind::Totp);
    let refusal = refused(&two, &test(totp));
    assert_eq!(refusal.code, Code::Arg);
    assert_eq!(refusal.why.unwrap(), format!("{}, {}", id(1), id(2)));
    let codes_on_paper = with(|record| {
        let codes = token(3, TokenKind::Recovery);
        record.profile_mut().tokens.push(codes);
    });
    assert_eq!(codes(Some(&codes_on_paper), &test(t(3))), Some(Code::Type));
    let foreign = with(|record| {
        record.profile_mut().tokens[0].seed = Some(Sealed {
            v: 2,
            data: Vec::new(),
        });
    });
    assert_eq!(codes(Some(&foreign), &test(t(1))), Some(Code::Sealed));
    let capped = with(|record| record.auth.token_mut(id(1)).total = 100);
    let open = Command::TokenUnlock { token: t(1) };
    assert_eq!(codes(Some(&capped), &open), Some(Code::State), "I10");
    let mut short = run();
    short.prepared.clear_seed = Some(SecretBytes::copy_of(b"short"));
    let add = Command::TokenAdd(Box::new(new_token()));
    assert_eq!(
        short.of(Some(&alice()), &add).err().unwrap().code,
        Code::Policy
    );
    let mut many = run();
    many.policy.tokens_max_per_user = 1;
    assert_eq!(
        many.of(Some(&alice()), &add).err().unwrap().code,
        Code::Policy
    );
    let mut none = run();
    none.policy.enabled_kinds.clear();
    assert_eq!(
        none.of(Some(&alice()), &add).err().unwrap().code,
        Code::Type
    );
}

#[test]
fn recovery_codes_replace_the_set_before() {
    let issue = Command::RecoveryIssue { user: user() };
    let old = with(|record| {
        let codes = token(3, TokenKind::Recovery);
        record.profile_mut().tokens.push(codes);
    });
    let (record, applied) = done(&old, &issue);
    assert_eq!(names(&applied), ["token.deleted", "recovery.issued"]);
    assert!(record.token(id(3)).is_none() && record.token(id(9)).is_some());
    assert!(applied.done.reveal.is_some());
    let (record, _) = done(&record, &Command::RecoveryRevoke { user: user() });
    assert!(record.token(id(9)).is_none());
}

/// A suggestion that the same operator would be refused is worse than none.
#[test]
fn suggestions_are_for_the_role_that_asked() {
    for role in Role::ALL {
        for state in UserState::ALL {
            for command in commands() {
                let mut run = run();
                run.role = role;
                let Err(refusal) = run.of(Some(&in_state(state)), &command) else {
                    continue;
                };
                for line in &refusal.tries {
                    let typed = line.strip_prefix("mfactl ").unwrap();
                    let action = Action::ALL.iter().find(|action| {
                        let name = action.spec().name;
                        typed == name || typed.starts_with(&format!("{name} "))
                    });
                    let spec = action.unwrap().spec();
                    assert!(role >= spec.least, "{line} as {role}");
                    assert_eq!(line.contains(" -r "), spec.reason, "{line}");
                }
            }
        }
    }
}

/// A right begins and ends when both clocks say so; a grant from now on counts at once all the same.
#[test]
fn a_grant_counts_from_the_next_packet_whatever_the_clocks_say() {
    let second = Duration::from_secs(1);
    for (wall, steady) in [(WALL, WALL + second), (WALL + second, WALL)] {
        let mut apart = run();
        apart.role = Role::Support;
        apart.now = Now {
            wall,
            steady,
            mono_us: 0,
        };
        let now = apart.now;
        let week = enable(PassthroughEnd::Default, &["vpn1"]);
        let applied = apart.of(Some(&alice()), &week).unwrap();
        let grant = passthrough::current(put(&applied), Some("vpn1"), now).unwrap();
        assert_eq!(grant.until, now.latest() + DAY * 7);
    }
}
