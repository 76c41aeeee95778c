//! What the model expects of an order: whether it is carried out, and what is so afterwards.

use mfad::domain::lockout::LockReason;
use mfad::domain::token_record::TokenKind;
use mfad::domain::update::Update;
use mfad::domain::user::{UserRecord, UserState};
use mfad::time::Now;
use mfad::token::TokenId;

use super::DOORS;
use super::asking::wrong_at;
use super::model::*;
use super::orders::{Change, Expected};
use super::site::Made;

/// Whether the order is to be carried out; none where it is for other tests to say.
pub(crate) fn expected(
    person: &Person,
    change: &Change,
    rules: &Rules,
    seats: u64,
    now: Now,
) -> Expected {
    if let Some(id) = change.token() {
        // None: it was not proven in time.
        let it = person.token(id);
        return Some(it.is_some_and(|it| at_token(person, it, change, rules, now)));
    }
    Some(match change {
        Change::Lock(_) => !matches!(person.lock, Some((LockReason::Operator, _))),
        Change::Unlock { pin, .. } => match person.lock {
            None => person.waits(now),
            Some((LockReason::PinBlocked, _)) => *pin,
            Some(_) => true,
        },
        Change::Reactivate => {
            person.state == UserState::Deactivated && (rules.seats == 0 || seats < rules.seats)
        }
        Change::EndQuestion(handle) => person.questions.iter().any(|it| it.is(*handle)),
        Change::AuthCode => !person.is_closed() && !rules.suppress,
        Change::Paper => !person.is_closed(),
        Change::Questions(_) => rules.emergency && !person.is_closed(),
        Change::Answers(_) => {
            let held = person.questions_of();
            let held = held.filter(|it| it.awake(Base::Registered, rules, now));
            let open = rules.emergency && person.state != UserState::Deactivated;
            open && held.is_some_and(|it| it.answers.len() >= rules.ask)
        }
        Change::RevokePaper => {
            let mut tokens = person.tokens.iter();
            tokens.any(|it| it.kind == TokenKind::Recovery)
        }
        Change::UnblockPin => {
            person.pin_blocked.is_some() || matches!(person.lock, Some((LockReason::PinBlocked, _)))
        }
        Change::State {
            to, force, what, ..
        } => {
            let other = *what != person.updates || person.recovered;
            let renamed = !what.is_empty() && other;
            let same =
                person.state == *to && !renamed && !(person.rekey && *to == UserState::Steady);
            let usable =
                person.has_token(None, rules, now) || *force && person.state != UserState::Revoke;
            same || person.state != UserState::Deactivated && (*to != UserState::Steady || usable)
        }
        Change::AddUser(_) => rules.seats == 0 || seats < rules.seats,
        Change::AddSent(..) | Change::Grant(..) | Change::Renew => return None,
        _ => true,
    })
}

/// The same of an order that is about a token.
fn at_token(person: &Person, it: &Token, change: &Change, rules: &Rules, now: Now) -> bool {
    let id = it.id;
    let right = |factor: &u64| it.fits(*factor, rules, now);
    let closed = person.state == UserState::Deactivated;
    let sleeps = it.off(now) || it.is_locked(rules, now) || it.is_expired(now) || closed;
    let last = || {
        let all = person.groups().concat();
        let counts = all.contains(&it.kind) && it.base == Base::Registered && !sleeps;
        counts && !person.has_token(Some(id), rules, now)
    };
    match change {
        Change::Confirm(_, factor) => right(factor) && it.disabled.is_none(),
        Change::Test(_, factor, anyway) => {
            it.base == Base::Registered && (*anyway || !sleeps) && right(factor)
        }
        Change::Resync(_, first, second) => {
            // I13: only in the order shown, and only what was not used.
            let unused = *first >= it.next && second == &(first + 1);
            let near = it.kind == TokenKind::Hotp || second.abs_diff(step(now)) <= 10;
            let proven = it.base == Base::Registered || it.base == Base::Pending && sleeps;
            proven && it.total < rules.hard_cap && unused && near
        }
        Change::UnlockToken(_) => it.locked.is_some() && it.total < rules.hard_cap,
        Change::Disable(_, until, force) => {
            let same = it.off(now) && it.disabled == Some(*until);
            it.base != Base::Obsolete && (same || *force || !last())
        }
        Change::Enable(_) | Change::Expire(..) | Change::ResetSecret(_) => {
            it.base != Base::Obsolete
        }
        Change::Obsolete(_) => it.kind != TokenKind::Recovery,
        Change::Delete(_, force) => *force || !last(),
        _ => true,
    }
}

/// Carries it out in the model.
pub(crate) fn carry_out(
    person: &mut Person,
    change: Change,
    made: Made,
    by: &str,
    (rules, now): (&Rules, Now),
    record: &UserRecord,
) {
    match change {
        Change::Lock(until) => {
            person.questions.clear();
            person.lock = Some((LockReason::Operator, until));
            person.lock_count = person.soft;
        }
        Change::Unlock { pin, confirm } => unlock(person, pin, confirm, by, rules),
        Change::State { to, what, code, .. } => set_state(person, to, what, code, made, rules, now),
        Change::Reactivate => {
            person.state = UserState::New;
            let usable = person.has_token(None, rules, now);
            let to = if usable {
                UserState::Steady
            } else {
                UserState::New
            };
            person.questions.clear();
            person.enter(to, now);
        }
        Change::ClearCounters => {
            person.clear_failures();
            person.tokens.iter_mut().for_each(|token| token.soft = 0);
        }
        Change::AuthCode => person.auth_code = Some(auth_code(made, now)),
        Change::RevokeCode => person.auth_code = None,
        Change::UnblockPin => lift_block(person, by),
        Change::ResetPin(pin, keep) => {
            person.pin = Some(pin);
            person.must_change = !keep;
            person.questions.clear();
            lift_block(person, by);
        }
        Change::ClearPin => {
            if person.pin.take().is_some() || person.pin_blocked.is_some() {
                person.questions.clear();
            }
            person.must_change = false;
            lift_block(person, by);
        }
        Change::SetPassword(password) => {
            person.password = Some(password);
            person.questions.clear();
        }
        Change::ClearPassword => {
            if person.password.take().is_some() {
                person.questions.clear();
            }
        }
        Change::Grant(door, span) => person.grants.push(grant(made.grant, door, span, now)),
        Change::Renew => renewed(person, record),
        Change::EndGrants => person.grants.iter_mut().for_each(|grant| grant.over = true),
        Change::EndQuestion(handle) => person.questions.retain(|it| !it.is(handle)),
        Change::Set(two) => person.two = two,
        Change::Answers(right) => answered(person, right, rules, now),
        other => to_token(person, other, made, now),
    }
}

fn unlock(person: &mut Person, pin: bool, confirm: bool, by: &str, rules: &Rules) {
    person.lock = None;
    person.unlocked_by = Some(by.to_owned());
    person.forgive();
    for token in &mut person.tokens {
        token.soft = 0;
        if token.total < rules.hard_cap {
            token.locked = None;
        }
    }
    if pin {
        person.lift_pin();
    }
    person.confirm |= confirm;
}

/// The help desk has asked for the answers.
fn answered(person: &mut Person, right: bool, rules: &Rules, now: Now) {
    let id = person.questions_of().map(|token| token.id);
    match (id, right) {
        (Some(id), true) => person.answered_right(id, rules),
        (Some(id), false) => wrong_at(person.token_mut(id), rules, now),
        (None, _) => {}
    }
}

fn grant(id: u32, door: Option<&'static str>, span: i64, now: Now) -> Grant {
    Grant {
        id,
        from: early(now),
        until: late(now) + span,
        door,
        over: false,
    }
}

fn auth_code(made: Made, now: Now) -> AuthCode {
    AuthCode {
        text: made.auth_code,
        until: late(now) + AUTH_CODE_MS,
        wrong: 0,
    }
}

fn set_state(
    person: &mut Person,
    to: UserState,
    mut what: Vec<Update>,
    code: bool,
    made: Made,
    rules: &Rules,
    now: Now,
) {
    let awaited = person.rekey && to == UserState::Steady;
    let renamed = !what.is_empty() && (what != person.updates || person.recovered);
    if person.state == to && !renamed && !awaited {
        return;
    }
    if to == UserState::Update && what.is_empty() {
        what.push(match (&person.pin, &person.password) {
            (Some(_), _) => Update::Pin,
            (None, Some(_)) => Update::Password,
            (None, None) => Update::Token,
        });
    }
    person.questions.clear();
    person.enter(to, now);
    person.updates = what;
    if matches!(to, UserState::Replace | UserState::Revoke) {
        let primary = person.tokens.iter_mut().filter(|token| token.primary());
        primary.for_each(Token::void);
    }
    if person.is_closed() {
        person.grants.iter_mut().for_each(|grant| grant.over = true);
    }
    if code && !rules.suppress {
        person.auth_code = Some(auth_code(made, now));
    }
}

/// Ends the block of the PIN and the lock that it brought.
fn lift_block(person: &mut Person, by: &str) {
    let locked = matches!(person.lock, Some((LockReason::PinBlocked, _)));
    if !locked && person.pin_blocked.is_none() {
        person.lift_pin();
        return;
    }
    person.lift_pin();
    if locked {
        person.lock = None;
        person.unlocked_by = Some(by.to_owned());
    }
    if person.lock.is_none() {
        person.forgive();
    }
}

/// A renewed grant is the last of the record; that it counts no longer than it may is a table's.
fn renewed(person: &mut Person, record: &UserRecord) {
    let Some(last) = record.profile.grants.last() else {
        return;
    };
    let door = last.gateways.first().and_then(|name| {
        let known = DOORS.iter().find(|door| door.name == name);
        known.map(|door| door.name)
    });
    person.grants.retain(|grant| grant.id != last.id);
    person.grants.push(Grant {
        id: last.id,
        from: last.from.0,
        until: last.until.0,
        door,
        over: false,
    });
}

/// A token that an operator has seen proven, or whose proof has come.
fn register(person: &mut Person, id: TokenId, now: Now) {
    person.prove(id, now);
    if person.awaits_token() {
        person
            .questions
            .retain(|question| matches!(question.asked, Asked::FirstCode(_)));
        person.enter(UserState::Steady, now);
    }
}

fn to_token(person: &mut Person, change: Change, made: Made, now: Now) {
    match change {
        Change::Add(kind, trusted, expires) => {
            let id = made.token.unwrap();
            let mut token = Token::new(id, kind, made.seed, Base::Pending, now);
            token.expires = expires;
            person.tokens.push(token);
            if trusted {
                register(person, id, now);
            }
        }
        Change::AddSent(kind, via, trusted) => {
            let id = made.token.unwrap();
            let mut token = Token::new(id, kind, Vec::new(), Base::Pending, now);
            token.via = via;
            person.tokens.push(token);
            // The main addresses are proven, and with them what goes there.
            if trusted || kind == TokenKind::Virtual {
                register(person, id, now);
            }
        }
        Change::Confirm(id, factor) => {
            person.token_mut(id).use_up(factor, "mfactl", now);
            register(person, id, now);
        }
        Change::Test(id, factor, _) => person.token_mut(id).use_up(factor, "mfactl", now),
        Change::Resync(id, _, second) => {
            let token = person.token_mut(id);
            token.use_up(second, "mfactl", now);
            token.soft = 0;
            token.locked = None;
        }
        Change::UnlockToken(id) => {
            let token = person.token_mut(id);
            token.soft = 0;
            token.locked = None;
        }
        Change::Disable(id, until, _) => person.token_mut(id).disabled = Some(until),
        Change::Expire(id, expires) => person.token_mut(id).expires = expires,
        Change::Enable(id) => person.token_mut(id).disabled = None,
        Change::Obsolete(id) => person.token_mut(id).void(),
        Change::ResetSecret(id) => {
            person.token_mut(id).void();
            person.end_rekey();
            person.rekey = true;
        }
        Change::Delete(id, _) => person.tokens.retain(|token| token.id != id),
        Change::Questions(answers) => {
            person.tokens.retain(|token| token.kind != TokenKind::Qa);
            let id = made.token.unwrap();
            let mut held = Token::new(id, TokenKind::Qa, Vec::new(), Base::Registered, now);
            held.answers = answers;
            person.tokens.push(held);
        }
        Change::ClearQuestions => person.tokens.retain(|token| token.kind != TokenKind::Qa),
        Change::Paper => {
            person
                .tokens
                .retain(|token| token.kind != TokenKind::Recovery);
            let id = made.token.unwrap();
            let mut set = Token::new(id, TokenKind::Recovery, Vec::new(), Base::Registered, now);
            set.paper = made.paper;
            person.tokens.push(set);
        }
        Change::RevokePaper => {
            person
                .tokens
                .retain(|token| token.kind != TokenKind::Recovery);
        }
        _ => {}
    }
}
