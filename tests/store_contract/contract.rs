//! The promises of [`Commit`] and [`Read`].

use std::sync::Arc;

use mfad::domain::lockout::{Lock, LockReason};
use mfad::domain::token_record::{Base, COMPROMISED, TokenKind};
use mfad::domain::user::UserState;
use mfad::store::{
    AuditFilter, Body, Change, Commit, Find, Key, Outcome, Read, auth_row, profile_row,
};
use mfad::time::Timestamp;

use super::samples::*;

/// Makes empty stores.
pub(crate) trait Factory {
    fn fresh(&self) -> Store;
}

/// An open store.
pub(crate) struct Store {
    pub(crate) writer: Box<dyn Commit>,
    pub(crate) reader: Arc<dyn Read>,
    /// What must live as long as the store.
    pub(crate) _keep: Box<dyn std::any::Any>,
}

impl Store {
    fn one(&mut self, change: Change) -> Outcome {
        self.writer.commit(&[change]).unwrap()[0]
    }

    fn ok(&mut self, change: Change) {
        assert!(matches!(self.one(change), Outcome::Committed { .. }));
    }

    fn conflict(&mut self, change: Change) {
        let next = self.writer.next_seq();
        assert_eq!(self.one(change), Outcome::Conflict);
        assert_eq!(
            self.writer.next_seq(),
            next,
            "a conflict used an audit number"
        );
        assert_eq!(self.reader.last_seq().unwrap(), next - 1);
    }
}

pub(crate) fn what_is_committed_is_read_back(factory: &dyn Factory) {
    let mut store = factory.fresh();
    let mut ada = user(1, "ada");
    let first = store.writer.next_seq();
    assert_eq!(
        store.one(add(&ada)),
        Outcome::Committed {
            first_seq: first,
            last_seq: first
        }
    );
    assert_eq!(store.reader.user_by_name("ada").unwrap().unwrap(), ada);
    store.ok(sign_in(&mut ada, 77));
    assert_eq!(store.reader.user(id(1)).unwrap().unwrap(), ada);
    let by_token = store.reader.user_by_token(&token_id(1).to_string());
    assert_eq!(by_token.unwrap().unwrap(), ada);
    assert_eq!(store.reader.last_seq().unwrap(), first + 1);
    assert!(store.reader.user_by_name("bob").unwrap().is_none());
    store.reader.probe().unwrap();
    store.writer.idle(at(100)).unwrap();
    assert_eq!(store.writer.commit(&[]).unwrap(), []);
}

pub(crate) fn an_old_revision_is_a_conflict(factory: &dyn Factory) {
    let mut store = factory.fresh();
    let mut ada = user(1, "ada");
    store.conflict(sign_in(&mut ada.clone(), 1));
    store.ok(add(&ada));
    let stale = ada.clone();
    store.ok(sign_in(&mut ada, 5));
    store.conflict(sign_in(&mut stale.clone(), 6));
    store.conflict(edit(&mut stale.clone()));
    store.conflict(remove(&stale));
    store.conflict(add(&stale));
    assert_eq!(store.reader.user(id(1)).unwrap().unwrap(), ada);
}

pub(crate) fn changes_of_a_batch_are_judged_one_by_one(factory: &dyn Factory) {
    let mut store = factory.fresh();
    let mut ada = user(1, "ada");
    let bob = user(2, "bob");
    store.ok(add(&ada));
    let mut stale = ada.clone();
    let first = store.writer.next_seq();
    let batch = [
        sign_in(&mut ada, 1),
        sign_in(&mut stale, 1),
        add(&bob),
        sign_in(&mut ada, 2),
    ];
    let committed = |seq| Outcome::Committed {
        first_seq: seq,
        last_seq: seq,
    };
    assert_eq!(
        store.writer.commit(&batch).unwrap(),
        [
            committed(first),
            Outcome::Conflict,
            committed(first + 1),
            committed(first + 2)
        ]
    );
    assert_eq!(store.reader.user(id(1)).unwrap().unwrap(), ada);
    assert_eq!(store.reader.user(id(2)).unwrap().unwrap(), bob);
}

pub(crate) fn what_cannot_be_written_is_refused_alone(factory: &dyn Factory) {
    let mut store = factory.fresh();
    let mut ada = user(1, "ada");
    let mut bob = user(2, "bob");
    store.ok(add(&ada));
    store.ok(add(&bob));
    let before = ada.clone();
    let mut long_profile = ada.clone();
    long_profile.profile_mut().display_name = "x".repeat(profile_row::ROW_OCTETS_MAX);
    let mut long_state = ada.clone();
    long_state.auth.unknown = vec![0; auth_row::ROW_OCTETS_MAX];
    let mut long_token = pool("S1", None, true);
    if let Some(Body::Hardware(token)) = &mut long_token.body {
        let text = "x".repeat(profile_row::ROW_OCTETS_MAX);
        token.extra.insert("note".to_owned(), text.into());
    }
    let mut newcomer = long_state.clone();
    newcomer.id = id(3);
    newcomer.profile_mut().name = "carol".to_owned();
    newcomer.profile_mut().tokens.clear();
    let mut astray = pool("S1", None, true);
    astray.key = Key::Hardware("S2".to_owned());
    let first = store.writer.next_seq();
    let batch = [
        edit(&mut long_profile),
        sign_in(&mut long_state, 5),
        pool_change(vec![long_token]),
        add(&newcomer),
        pool_change(vec![pool("S3", None, true), astray]),
        sign_in(&mut bob, 5),
        sign_in(&mut ada, 6),
    ];
    let committed = |seq| Outcome::Committed {
        first_seq: seq,
        last_seq: seq,
    };
    let mut expected = vec![Outcome::Refused; 5];
    expected.extend([committed(first), committed(first + 1)]);
    assert_eq!(store.writer.commit(&batch).unwrap(), expected);
    let read = store.reader.user(id(1)).unwrap().unwrap();
    assert_eq!((&read, &read.profile), (&ada, &before.profile));
    assert_eq!(store.reader.user(id(2)).unwrap().unwrap(), bob);
    assert!(store.reader.user_by_name("carol").unwrap().is_none());
    assert_eq!(store.reader.hardware_list("", 9).unwrap(), []);
    store.ok(edit(&mut ada));
}

pub(crate) fn a_change_is_all_or_nothing(factory: &dyn Factory) {
    let mut store = factory.fresh();
    let mut ada = user(1, "ada");
    let bob = user(2, "bob");
    store.ok(add(&ada));
    let before = ada.clone();
    ada.auth.revision += 1;
    ada.profile_mut().name = "ada2".to_owned();
    let writes = vec![
        write_user(&ada, Some(1), true),
        write_user(&bob, Some(9), false),
    ];
    store.conflict(change(writes, &ada));
    assert_eq!(store.reader.user_by_name("ada").unwrap().unwrap(), before);
    assert!(store.reader.user_by_name("ada2").unwrap().is_none());
    let writes = vec![
        write_user(&bob, None, true),
        write_user(&ada, Some(7), true),
    ];
    store.conflict(change(writes, &ada));
    assert!(store.reader.user(id(2)).unwrap().is_none());
    store.ok(add(&bob));
}

pub(crate) fn names_ids_and_serials_are_unique(factory: &dyn Factory) {
    let mut store = factory.fresh();
    let mut ada = user(1, "ada");
    ada.profile_mut().tokens = vec![token(1, TokenKind::Totp, Some("S1"))];
    let mut bob = user(2, "bob");
    store.ok(add(&ada));
    store.ok(add(&bob));
    store.conflict(add(&user(3, "ada")));
    let mut thief = user(4, "eve");
    thief.profile_mut().tokens = vec![token(9, TokenKind::Totp, Some("S1"))];
    store.conflict(add(&thief));
    thief.profile_mut().tokens = vec![token(1, TokenKind::Totp, None)];
    store.conflict(add(&thief));
    bob.profile_mut().name = "ada".to_owned();
    store.conflict(edit(&mut bob));
    store.conflict(pool_change(vec![pool("S1", None, true)]));
    let owner = store.reader.user_by_token("S1").unwrap().unwrap();
    assert_eq!(owner.id, ada.id);
}

pub(crate) fn a_rename_keeps_the_person(factory: &dyn Factory) {
    let mut store = factory.fresh();
    let mut ada = user(1, "ada");
    store.ok(add(&ada));
    ada.profile_mut().name = "lovelace".to_owned();
    store.ok(edit(&mut ada));
    assert_eq!(store.reader.user_by_name("lovelace").unwrap().unwrap(), ada);
    assert!(store.reader.user_by_name("ada").unwrap().is_none());
    store.ok(add(&user(2, "ada")));
    let mine = AuditFilter {
        user: Some(id(1)),
        ..AuditFilter::default()
    };
    assert_eq!(store.reader.audit(&mine, 10).unwrap().len(), 2);
}

pub(crate) fn a_deleted_person_leaves_only_the_audit_log(factory: &dyn Factory) {
    let mut store = factory.fresh();
    let mut ada = user(1, "ada");
    ada.profile_mut().tokens = vec![token(1, TokenKind::Totp, Some("S1"))];
    store.ok(add(&ada));
    store.ok(remove(&ada));
    assert!(store.reader.user(id(1)).unwrap().is_none());
    assert!(store.reader.user_by_token("S1").unwrap().is_none());
    store.conflict(sign_in(&mut ada.clone(), 1));
    let mut heir = user(2, "ada");
    heir.profile_mut().tokens = vec![token(1, TokenKind::Totp, Some("S1"))];
    store.ok(add(&heir));
    let about = |number| AuditFilter {
        user: Some(id(number)),
        ..AuditFilter::default()
    };
    assert_eq!(store.reader.audit(&about(1), 10).unwrap().len(), 2);
    assert_eq!(store.reader.audit(&about(2), 10).unwrap().len(), 1);
    assert_eq!(store.reader.audit(&about(3), 10).unwrap().len(), 0);
}

pub(crate) fn what_a_newer_daemon_wrote_is_kept(factory: &dyn Factory) {
    let mut store = factory.fresh();
    let mut ada = user(1, "ada");
    let badge = serde_json::json!({"colour": "red"});
    ada.profile_mut().extra.insert("badge".to_owned(), badge);
    ada.auth.unknown = vec![200, 3, 1, 2, 3];
    store.ok(add(&ada));
    let mut read = store.reader.user(id(1)).unwrap().unwrap();
    assert_eq!(read, ada);
    store.ok(edit(&mut read));
    let again = store.reader.user(id(1)).unwrap().unwrap();
    assert_eq!(again.profile.extra, ada.profile.extra);
    assert_eq!(again.auth.unknown, ada.auth.unknown);
}

pub(crate) fn hardware_moves_in_one_change(factory: &dyn Factory) {
    let mut store = factory.fresh();
    let mut ada = user(1, "ada");
    store.ok(add(&ada));
    store.ok(pool_change(vec![
        pool("S2", None, true),
        pool("S1", None, true),
    ]));
    store.conflict(pool_change(vec![pool("S1", None, true)]));
    let serials = |store: &Store, cursor, limit| -> Vec<String> {
        let list = store.reader.hardware_list(cursor, limit).unwrap();
        list.into_iter().map(|token| token.serial).collect()
    };
    assert_eq!(serials(&store, "", 10), ["S1", "S2"]);
    assert_eq!(serials(&store, "", 1), ["S1"]);
    assert_eq!(serials(&store, "S1", 10), ["S2"]);
    // Assigning, the owner first; giving back, the pool first.
    ada.profile_mut()
        .tokens
        .push(token(50, TokenKind::Totp, Some("S1")));
    let mut assign = edit(&mut ada);
    let half = assign.clone();
    store.conflict(half);
    assign.writes.push(pool("S1", Some(1), false));
    store.ok(assign);
    assert!(store.reader.hardware("S1").unwrap().is_none());
    assert_eq!(store.reader.user_by_token("S1").unwrap().unwrap(), ada);
    ada.profile_mut().tokens.pop();
    let mut back = edit(&mut ada);
    back.writes.insert(0, pool("S1", None, true));
    store.ok(back);
    assert_eq!(
        store.reader.hardware("S1").unwrap().unwrap(),
        hardware("S1")
    );
    assert!(store.reader.user_by_token("S1").unwrap().is_none());
}

pub(crate) fn a_message_goes_with_its_change(factory: &dyn Factory) {
    let mut store = factory.fresh();
    let mut ada = user(1, "ada");
    store.ok(add(&ada));
    let waiting = |store: &Store, limit| -> Vec<u8> {
        let messages = store.reader.outbox(limit).unwrap();
        messages.iter().map(|message| message.id.0[0]).collect()
    };
    let stale = ada.clone();
    let mut told = edit(&mut ada);
    // The ids are in no order: what was committed first is sent first.
    told.writes
        .extend([message(7, None, true), message(3, None, true)]);
    store.ok(told);
    assert_eq!(waiting(&store, 9), [7, 3]);
    assert_eq!(store.reader.outbox(9).unwrap()[0], letter(7));
    // Neither without the other.
    let mut lost = edit(&mut stale.clone());
    lost.writes.push(message(1, None, true));
    store.conflict(lost);
    let mut twice = edit(&mut ada.clone());
    twice.writes.push(message(3, None, true));
    store.conflict(twice);
    assert_eq!(store.reader.user(id(1)).unwrap().unwrap(), ada);
    assert_eq!(waiting(&store, 9), [7, 3]);
    store.ok(pool_change(vec![message(1, None, true)]));
    assert_eq!(waiting(&store, 2), [7, 3]);
    // Taken out once.
    store.ok(pool_change(vec![message(7, Some(1), false)]));
    store.conflict(pool_change(vec![message(7, Some(1), false)]));
    assert_eq!(waiting(&store, 9), [3, 1]);
    let mut astray = message(5, None, true);
    astray.key = Key::Message(letter(6).id);
    assert_eq!(store.one(pool_change(vec![astray])), Outcome::Refused);
}

pub(crate) fn a_compromised_serial_stays_taken(factory: &dyn Factory) {
    for (why, taken) in [("lost", false), (COMPROMISED, true)] {
        let mut store = factory.fresh();
        let mut ada = user(1, "ada");
        ada.profile_mut()
            .tokens
            .push(token(50, TokenKind::Totp, Some("S1")));
        store.ok(add(&ada));
        let mine = ada.profile_mut().tokens.last_mut().unwrap();
        mine.base = Base::Obsolete;
        mine.obsolete_reason = Some(why.to_owned());
        store.ok(edit(&mut ada));
        let found = store.reader.user_by_token("S1").unwrap();
        assert_eq!(found.is_some(), taken, "{why}");
        let mut bob = user(2, "bob");
        bob.profile_mut()
            .tokens
            .push(token(51, TokenKind::Totp, Some("S1")));
        if taken {
            store.conflict(add(&bob));
        } else {
            store.ok(add(&bob));
        }
    }
}

pub(crate) fn people_are_found_and_counted(factory: &dyn Factory) {
    let mut store = factory.fresh();
    let names = ["ada", "bob", "carol", "dave"];
    for (number, name) in (1..).zip(names) {
        let mut person = user(number, name);
        match name {
            "bob" => person.profile_mut().state = UserState::Deactivated,
            "carol" => person.profile_mut().grants = vec![grant(1)],
            "dave" => person.auth.lock = Some(lock()),
            _ => {}
        }
        if name != "dave" {
            person.auth.dialogues = vec![question(number * 10)];
        }
        store.ok(add(&person));
    }
    let found = |find: &Find, cursor: &str, limit| -> Vec<String> {
        let users = store.reader.find(find, cursor, limit).unwrap();
        users.iter().map(|user| user.name().to_owned()).collect()
    };
    let all = Find::default();
    assert_eq!(found(&all, "", 10), names);
    assert_eq!(found(&all, "ada", 2), ["bob", "carol"]);
    let text = |text: &str, exact| Find {
        text: Some(text.to_owned()),
        exact,
        ..Find::default()
    };
    assert_eq!(found(&text("CAROL@EX", false), "", 10), ["carol"]);
    assert_eq!(found(&text("öZ", false), "", 10), names);
    assert_eq!(found(&text("ada", true), "", 10), ["ada"]);
    assert_eq!(found(&text("da", true), "", 10).len(), 0);
    let locked = Find {
        locked: true,
        ..Find::default()
    };
    assert_eq!(found(&locked, "", 10), ["dave"]);
    let passthrough = Find {
        passthrough: true,
        ..Find::default()
    };
    assert_eq!(found(&passthrough, "", 10), ["carol"]);
    let now = Timestamp(T0 + 10_000);
    assert_eq!(store.reader.asked(now).unwrap(), ["bob", "carol"]);
    assert_eq!(store.reader.questions(now).unwrap(), 2);
    let deactivated = Find {
        states: vec![UserState::Deactivated, UserState::Revoke],
        ..Find::default()
    };
    assert_eq!(found(&deactivated, "", 10), ["bob"]);
    let counts = store.reader.counts().unwrap();
    assert_eq!((counts.users, counts.seats), (4, 3));
    assert_eq!((counts.locked, counts.pin_blocked), (1, 1));
    assert_eq!(counts.by_state, [0, 3, 0, 0, 0, 0, 0, 0, 1]);
}

fn lock() -> Lock {
    Lock {
        since: Timestamp(T0),
        reason: LockReason::PinBlocked,
        by: None,
        auto_until: None,
        note: Arc::from("vpn1"),
        count: 5,
    }
}

pub(crate) fn a_lock_by_a_sign_in_is_found_and_leaves(factory: &dyn Factory) {
    let mut store = factory.fresh();
    let mut ada = user(1, "ada");
    store.ok(add(&ada));
    ada.auth.lock = Some(lock());
    store.ok(sign_in(&mut ada, 1));
    assert_eq!(store.reader.counts().unwrap().locked, 1);
    ada.auth.lock = None;
    store.ok(sign_in(&mut ada, 2));
    assert_eq!(store.reader.counts().unwrap().locked, 0);
}

pub(crate) fn the_audit_log_is_read_in_pages(factory: &dyn Factory) {
    let mut store = factory.fresh();
    let start = store.writer.next_seq();
    let ada = user(1, "ada");
    store.ok(add(&ada));
    for hour in 1..=60 {
        let mut silent = change(Vec::new(), &ada);
        silent.at = at(hour * 3600);
        store.ok(silent);
    }
    let numbers = |filter: &AuditFilter, limit| -> Vec<u64> {
        let page = store.reader.audit(filter, limit).unwrap();
        page.iter().map(|record| record.seq - start).collect()
    };
    let mut filter = AuditFilter {
        after_seq: start,
        ..AuditFilter::default()
    };
    assert_eq!(numbers(&filter, 3), [1, 2, 3]);
    filter.newest_first = true;
    assert_eq!(numbers(&filter, 2), [60, 59]);
    filter.before_seq = start + 10;
    assert_eq!(numbers(&filter, 2), [9, 8]);
    let since = AuditFilter {
        since: Some(at(50 * 3600).wall),
        ..AuditFilter::default()
    };
    assert_eq!(numbers(&since, 100), (50..=60).collect::<Vec<_>>());
}
