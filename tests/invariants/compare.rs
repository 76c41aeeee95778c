//! Whether the record says what the model expects, field by field.

use sha2::{Digest as _, Sha256};

use mfad::domain::token_record::Base as Stored;
use mfad::domain::user::UserRecord;
use mfad::time::Now;

use super::laws::{Law, ensure};
use super::model::*;

fn same<T: PartialEq + std::fmt::Debug>(what: &str, model: T, record: T) -> Law {
    let is = model == record;
    ensure(is, || {
        format!("{what}: expected {model:?}, stored {record:?}")
    })
}

pub(crate) fn compare(person: &Person, record: &UserRecord, rules: &Rules, now: Now) -> Law {
    let (profile, auth) = (&record.profile, &record.auth);
    same("state", person.state, profile.state)?;
    same("state since", person.since, profile.state_since.0)?;
    let lock = auth.lock.as_ref();
    let lock = lock.map(|lock| (lock.reason, lock.auto_until.map(|until| until.0)));
    same("lock", person.lock, lock)?;
    let count = auth
        .lock
        .as_ref()
        .map_or(person.lock_count, |lock| lock.count);
    same("failures at the lock", person.lock_count, count)?;
    let by = auth
        .unlocked
        .as_ref()
        .map(|unlocked| unlocked.by.to_string());
    same("unlocked by", person.unlocked_by.clone(), by)?;
    let pin = profile.pin.as_ref();
    same(
        "PIN",
        person.pin.clone(),
        pin.map(|pin| pin.hash.data.clone()),
    )?;
    let must = pin.is_some_and(|pin| pin.must_change);
    same(
        "must change",
        person.pin.is_some() && person.must_change,
        must,
    )?;
    same("wrong PINs", person.pin_failures, auth.pin.failures)?;
    let since = auth.pin.blocked_since.map(|since| since.0);
    same("PIN block", person.pin_blocked, since)?;
    let password = profile.password.as_ref();
    let password = password.map(|password| password.hash.data.clone());
    same("password", person.password.clone(), password)?;
    same("failures", person.soft, auth.soft)?;
    let waits = auth.wait_until.map(|until| until.0);
    same("wait", person.wait, waits)?;
    stations(person, record)?;
    same("failures in all", person.total, auth.total)?;
    let code = profile.auth_code.as_ref().map(|code| code.failures);
    same(
        "auth code",
        person.auth_code.as_ref().map(|code| code.wrong),
        code,
    )?;
    same("rekey", person.rekey, profile.rekey.is_some())?;
    let device = profile.device_auth.as_ref();
    let code = device.and_then(|device| device.code.as_ref());
    same(
        "device authorization code",
        person.device.as_ref().map(|code| (code.wrong, code.until)),
        code.map(|code| (code.failures, code.expires.0)),
    )?;
    let proven = device.and_then(|device| device.proven_until);
    same(
        "proven until",
        person.proven_until,
        proven.map(|until| until.0),
    )?;
    let link = profile.links.iter().any(|link| link.at_prompt);
    same("link", person.prompt_link, link)?;
    same("confirmation", person.confirm, profile.confirm_unlock)?;
    let left = profile.updates.clone();
    same("what to update", person.updates.clone(), left)?;
    same("set", person.two, profile.set.as_deref() == Some("two"))?;
    same("by SMS", person.sms_unanswered, profile.sms_unanswered)?;
    tokens(person, record, rules)?;
    grants(person, record)?;
    questions(person, record, now)
}

fn tokens(person: &Person, record: &UserRecord, rules: &Rules) -> Law {
    let ids: Vec<_> = record.profile.tokens.iter().map(|token| token.id).collect();
    let known: Vec<_> = person.tokens.iter().map(|token| token.id).collect();
    same("tokens", known, ids)?;
    for (token, stored) in person.tokens.iter().zip(&record.profile.tokens) {
        let base = match (token.base, token.disabled) {
            (Base::Obsolete, _) => Stored::Obsolete,
            (_, Some(_)) => Stored::Disabled,
            (Base::Pending, None) => Stored::Pending,
            (Base::Registered, None) => Stored::Registered,
        };
        same("status", base, stored.base)?;
        let expires = stored.expires.map(|end| end.0);
        same("expires", token.expires, expires)?;
        let state = record.auth.token(token.id).cloned();
        let state = state.unwrap_or_else(|| mfad::domain::token_record::TokenState::new(token.id));
        same("next code", token.next, state.next_factor)?;
        same("wrong codes", token.soft, state.soft)?;
        same("wrong codes in all", token.total, state.total)?;
        let capped = token.total >= rules.hard_cap;
        let locked = state.locked_until.map(|until| until.0);
        same("token lock", token.locked, locked).or_else(|law| capped.then_some(()).ok_or(law))?;
        same("active", token.active, state.activated_at.is_some())?;
        let used = state.last_used.as_ref().map(|used| used.at.0);
        same("last used", token.used_at, used)?;
        if token.base != Base::Obsolete {
            let held = stored.questions.as_ref();
            let answers = held.map_or(&[][..], |it| &it.list);
            let answers: Vec<_> = answers.iter().map(|it| it.answer.data.clone()).collect();
            let known: Vec<_> = token
                .answers
                .iter()
                .map(|it| it.clone().into_bytes())
                .collect();
            same("answers", known, answers)?;
            let first = held.map_or(0, |it| it.first);
            same("asked first", token.asked_first, first)?;
        }
        same("used codes on paper", token.used, state.recovery_used)?;
        let last = state.accepted.as_ref().map(|it| (it.factor, it.grace_used));
        let known = token.last.as_ref().map(|it| (it.factor, it.grace_used));
        same("last code", known, last)?;
    }
    Ok(())
}

fn stations(person: &Person, record: &UserRecord) -> Law {
    let tag = |place: &str| {
        let digest = Sha256::new().chain_update(record.id.0);
        let digest = digest.chain_update(place).finalize();
        digest[..8].to_vec()
    };
    let known = person.stations.iter();
    let known: Vec<_> = known
        .map(|it| (it.door, tag(it.place), it.seen, it.failures, it.until))
        .collect();
    let stored = record.auth.stations.iter();
    let stored: Vec<_> = stored
        .map(|it| {
            let until = it.until.map(|until| until.0);
            (
                &*it.gateway,
                it.tag.0.to_vec(),
                it.seen.0,
                it.failures,
                until,
            )
        })
        .collect();
    same("stations", known, stored)
}

fn grants(person: &Person, record: &UserRecord) -> Law {
    let over = |id| record.auth.grant(id).is_some_and(|state| state.ended);
    let stored: Vec<_> = (record.profile.grants.iter())
        .map(|it| {
            (
                it.id,
                it.from.0,
                it.until.0,
                it.revoked.is_some() || over(it.id),
            )
        })
        .collect();
    let known = person.grants.iter();
    let known: Vec<_> = known
        .map(|it| (it.id, it.from, it.until, it.over))
        .collect();
    same("grants", known, stored)
}

fn questions(person: &Person, record: &UserRecord, now: Now) -> Law {
    let open = record.auth.dialogues.iter().filter(|it| it.open(now));
    let stored: Vec<_> = open
        .map(|it| {
            (
                it.handle,
                it.kind.name(),
                it.gateway.to_string(),
                it.rounds,
                it.row,
            )
        })
        .collect();
    let open = person.questions.iter().filter(|it| late(now) < it.until);
    let known: Vec<_> = open
        .map(|it| {
            let handle = it.handle.expect("asked").digest();
            (
                handle,
                it.asked.name(),
                it.door.to_owned(),
                it.rounds,
                it.row,
            )
        })
        .collect();
    same("questions", known, stored)
}
