//! What every command does in every state, read as the policy reads: who may, what is refused, and
//! what an operator is told. The seals of this test are no seals at all: the clear octets.

#[path = "domain_commands/facts.rs"]
mod facts;
#[path = "domain_commands/given.rs"]
mod given;
#[path = "domain_commands/passthroughs.rs"]
mod passthroughs;
#[path = "domain_commands/people.rs"]
mod people;
#[path = "domain_commands/screens.rs"]
mod screens;
#[path = "domain_commands/site.rs"]
mod site;
#[path = "domain_commands/tokens.rs"]
mod tokens;
#[path = "domain_commands/told.rs"]
mod told;
#[path = "domain_commands/typed.rs"]
mod typed;

use std::sync::Arc;

use mfad::domain::action::{Action, Role};
use mfad::domain::command::{Command, Effect, SeedFor, TokenRef, needs, permit};
use mfad::domain::event::Operator;
use mfad::domain::lockout::LockReason;
use mfad::domain::refusal::Code;
use mfad::domain::sealed::Sealed;
use mfad::domain::token_record::TokenKind;
use mfad::domain::user::{UserRecord, UserState};
use mfad::secret::SecretBytes;

use site::*;

// One word: in all states. Two: in all but Deactivated, and there. Nine: new steady update replace
// revoke reset reset-all renew deactivated.
const OUTCOMES: &str = "
user add              E_EXISTS
user edit             ok
user delete           ok
user lock             ok
user unlock           E_NOTLOCKED
user set-state        ok ok same ok ok ok ok ok E_STATE
user reactivate       E_STATE ok
lock clear-counters   same
token add             ok
token confirm         E_STATE
token test            ok E_STATE
token resync          ok
token unlock          E_NOTLOCKED
token edit            ok
token disable         E_LAST_TOKEN ok
token enable          same
token obsolete        ok
token reset-secret    ok
token delete          E_LAST_TOKEN ok
token migrate         same
hw unassign           E_NOTOKEN
enroll qr             E_NOTOKEN
enroll email          E_DELIVERY
enroll sms            E_DELIVERY
enroll revoke         same
dialogue end          E_STATE
enroll page           E_LINK
auth-code generate    ok E_NOTNEEDED E_NOTNEEDED ok E_STATE ok ok ok E_STATE
auth-code revoke      same
recovery issue        ok ok ok ok E_STATE ok ok ok E_STATE
recovery revoke       E_NOTOKEN
pin unblock           E_NOTBLOCKED
pin reset             ok
pin clear             same
password set          ok
password clear        same
emergency set         E_TYPE
emergency verify      E_TYPE
emergency clear       same
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
            let wanted = match words.as_slice() {
                [all] => all,
                [others, last] => {
                    if state == UserState::Deactivated {
                        last
                    } else {
                        others
                    }
                }
                each => &each[at],
            };
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

// Whom it is about, which token it names, and what has to be made or looked up before it is judged.
const NEEDS: &str = "
user add              alice  -        user_id seats
user edit             alice  -        link encloses:Confirmation
user delete           alice  -        seats
user lock             alice  -
user unlock           alice  -
user set-state        alice  -        seats
user reactivate       alice  -        seats
lock clear-counters   alice  -
token add             alice  -        token_id seed:NewToken
token confirm         -      T-11111
token test            -      T-11111
token resync          -      T-11111
token unlock          -      T-11111
token edit            -      T-11111
token disable         -      T-11111
token enable          -      T-11111
token obsolete        -      T-11111
token reset-secret    alice  T-11111
token delete          -      T-11111
token migrate         alice  -        token_id
hw unassign           -      -        seed:Pool serial:FT-1
enroll qr             alice  T-11111  clear_seed
enroll email          alice  -        link clear_seed encloses:Enrolment(Email)
enroll sms            alice  -        auth_code link encloses:Enrolment(Sms)
enroll revoke         alice  -
dialogue end          -      -
enroll page           -      -        link seed:Page
auth-code generate    alice  -        auth_code
auth-code revoke      alice  -
recovery issue        alice  -        token_id recovery_codes
recovery revoke       alice  -
pin unblock           alice  -
pin reset             alice  -        pin_hash
pin clear             alice  -
password set          alice  -        password_hash
password clear        alice  -
emergency set         alice  -        token_id answers
emergency verify      alice  -
emergency clear       alice  -
passthrough enable    alice  -
passthrough renew     alice  -
passthrough disable   alice  -
";

#[test]
fn what_every_command_is_about_and_what_it_needs() {
    let mut rows = NEEDS.trim().lines();
    for mut command in commands() {
        if let Command::EnrollQr { token, .. } | Command::TokenResetSecret { token, .. } =
            &mut command
        {
            *token = Some(t(1));
        }
        let token = match command.token() {
            Some(TokenRef::Id(id)) => id.to_string(),
            _ => "-".to_owned(),
        };
        let wanted = needs(&command);
        let mut told = vec![command.user().unwrap_or("-").to_owned(), token];
        for (name, needed) in [
            ("user_id", wanted.user_id),
            ("token_id", wanted.token_id),
            ("answers", wanted.answers),
            ("pin_hash", wanted.pin_hash),
            ("password_hash", wanted.password_hash),
            ("auth_code", wanted.auth_code),
            ("link", wanted.link),
            ("recovery_codes", wanted.recovery_codes),
            ("clear_seed", wanted.clear_seed),
            ("seats", wanted.seats),
        ] {
            told.extend(needed.then(|| name.to_owned()));
        }
        if wanted.seed != SeedFor::Nothing {
            told.push(format!("seed:{:?}", wanted.seed));
        }
        told.extend(wanted.encloses.map(|what| format!("encloses:{what:?}")));
        told.extend(wanted.serial.map(|serial| format!("serial:{serial}")));
        let row = rows.next().unwrap();
        let name = command.action().spec().name;
        let words: Vec<&str> = row.strip_prefix(name).unwrap().split_whitespace().collect();
        assert_eq!(told, words, "{name}");
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
