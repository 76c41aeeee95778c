//! What the model expects of an order: whether it is carried out, and what is so afterwards.

use mfad::domain::lockout::LockReason;
use mfad::domain::token_record::TokenKind;
use mfad::domain::update::Update;
use mfad::domain::user::{UserRecord, UserState};
use mfad::time::Now;
use mfad::token::TokenId;

use super::DOORS;
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
    let token = |id: &TokenId| person.token(*id);
    if change.token().is_some_and(|id| person.token(id).is_none()) {
        // It was not proven in time.
        return Some(false);
    }
    let right =
        |id: &TokenId, factor: &u64| token(id).is_some_and(|it| it.fits(*factor, rules, now));
    let last = |id: &TokenId| {
        let all = person.groups().concat();
        let it = token(id);
        let counts = it.is_some_and(|it| {
            all.contains(&it.kind)
                && person.state != UserState::Deactivated
                && it.base == Base::Registered
                && !it.off(now)
                && !it.is_locked(rules, now)
        });
        counts && !person.has_token(Some(*id), rules, now)
    };
    Some(match change {
        Change::Lock(_) => !matches!(person.lock, Some((LockReason::Operator, _))),
        Change::Unlock { pin, .. } => match person.lock {
            None => false,
            Some((LockReason::PinBlocked, _)) => *pin,
            Some(_) => true,
        },
        Change::Reactivate => {
            person.state == UserState::Deactivated && (rules.seats == 0 || seats < rules.seats)
        }
        Change::Confirm(id, factor) => {
            right(id, factor) && token(id).is_some_and(|it| it.disabled.is_none())
        }
        Change::EndQuestion(handle) => person.questions.iter().any(|it| it.is(*handle)),
        Change::Test(id, factor, anyway) => {
            let it = token(id).unwrap();
            let sleeps =
                it.off(now) || it.is_locked(rules, now) || person.state == UserState::Deactivated;
            it.base == Base::Registered && (*anyway || !sleeps) && right(id, factor)
        }
        Change::Resync(id, first, second) => {
            let it = token(id).unwrap();
            // I13: only in the order shown, and only what was not used.
            let unused = *first >= it.next && second == &(first + 1);
            let near = it.kind == TokenKind::Hotp || second.abs_diff(step(now)) <= 10;
            let proven = it.base == Base::Registered
                || it.base == Base::Pending
                    && (it.off(now)
                        || it.is_locked(rules, now)
                        || person.state == UserState::Deactivated);
            proven && it.total < rules.hard_cap && unused && near
        }
        Change::UnlockToken(id) => {
            token(id).is_some_and(|it| it.locked.is_some() && it.total < rules.hard_cap)
        }
        Change::Disable(id, until, force) => {
            let it = token(id).unwrap();
            let same = it.off(now) && it.disabled == Some(*until);
            it.base != Base::Obsolete && (same || *force || !last(id))
        }
        Change::Enable(id) => token(id).is_some_and(|it| it.base != Base::Obsolete),
        Change::Obsolete(id) => token(id).is_some_and(|it| it.kind != TokenKind::Recovery),
        Change::ResetSecret(id) => token(id).is_some_and(|it| it.base != Base::Obsolete),
        Change::Delete(id, force) => *force || !last(id),
        Change::AuthCode => !person.is_closed() && !rules.suppress,
        Change::Paper => !person.is_closed(),
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
            let renamed = !what.is_empty() && *what != person.updates;
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
        }
        Change::Unlock { pin, confirm } => {
            person.lock = None;
            person.unlocked_by = Some(by.to_owned());
            person.soft = 0;
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
            person.enter(to);
        }
        Change::ClearCounters => {
            person.soft = 0;
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
        Change::Grant(door, span) => person.grants.push(Grant {
            id: made.grant,
            from: early(now),
            until: late(now) + span,
            door,
            over: false,
        }),
        Change::Renew => renewed(person, record),
        Change::EndGrants => person.grants.iter_mut().for_each(|grant| grant.over = true),
        Change::EndQuestion(handle) => person.questions.retain(|it| !it.is(handle)),
        Change::Set(two) => person.two = two,
        other => to_token(person, other, made, now),
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
    let renamed = !what.is_empty() && what != person.updates;
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
    person.enter(to);
    person.updates = what;
    if matches!(to, UserState::Replace | UserState::Revoke) {
        let primary = |token: &&mut Token| token.kind != TokenKind::Recovery;
        person
            .tokens
            .iter_mut()
            .filter(primary)
            .for_each(Token::void);
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
        person.soft = 0;
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
        person.enter(UserState::Steady);
    }
}

fn to_token(person: &mut Person, change: Change, made: Made, now: Now) {
    match change {
        Change::Add(kind, trusted) => {
            let id = made.token.unwrap();
            let token = Token::new(id, kind, made.seed, Base::Pending, now);
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
        Change::Enable(id) => person.token_mut(id).disabled = None,
        Change::Obsolete(id) => person.token_mut(id).void(),
        Change::ResetSecret(id) => {
            person.token_mut(id).void();
            person.end_rekey();
            person.rekey = true;
        }
        Change::Delete(id, _) => person.tokens.retain(|token| token.id != id),
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
