//! From a command to what it changes: the steps that are common to all, then the command's own.

use super::case::Case;
use super::{
    Applied, Asked, Command, Prepared, Site, TokenRef, auth_code, code, dialogue, emergency, enrol,
    hardware, lock, mail, migrate, page, passthrough, permit, pin, recovery, reset_secret, resolve,
    sent, state, token, token_edit, user, words,
};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::user::UserRecord;
use crate::token::TokenId;

/// Carries `command` out on the newest record of the user it is about: the one it names, or the
/// owner of the token or serial it names.
///
/// # Errors
/// Why it may not be done; nothing is changed then.
pub fn apply(
    command: &Command,
    record: Option<&UserRecord>,
    prepared: Prepared,
    asked: &Asked<'_>,
    site: &Site<'_>,
) -> Result<Applied, Refusal> {
    permit(command.action(), asked.operator, record, asked.reason)?;
    if let Command::UserAdd(new) = command {
        return user::add(new, record, prepared, asked, site);
    }
    let record = record.ok_or_else(|| nobody(command))?;
    if let Some(named) = asked.if_revision.filter(|n| *n != record.auth.revision) {
        return Err(changed_since(record, named));
    }
    dispatch(command, Case::open(record, asked, site), prepared)
}

fn dispatch(command: &Command, case: Case<'_>, prepared: Prepared) -> Result<Applied, Refusal> {
    match command {
        Command::UserAdd(_) => Err(already(&case.user)),
        Command::UserEdit { edit, .. } => user::edit(case, edit, prepared),
        Command::UserDelete { .. } => Ok(user::delete(case, &prepared)),
        Command::UserLock { until, .. } => lock::lock(case, *until),
        Command::UserUnlock {
            with_pin, confirm, ..
        } => lock::unlock(case, *with_pin, *confirm),
        Command::UserSetState {
            state,
            force,
            updates,
            auth_code,
            ..
        } => state::set(case, *state, *force, updates.clone(), *auth_code, prepared),
        Command::UserReactivate { .. } => state::reactivate(case, &prepared),
        Command::CountersClear { .. } => Ok(lock::clear_counters(case)),

        Command::TokenAdd(new) => enrol::add(case, new, prepared),
        Command::TokenAddSent(new) => sent::add(case, new, &prepared),
        Command::TokenConfirm { token, .. }
        | Command::TokenSend { token, .. }
        | Command::TokenTest { token, .. }
        | Command::TokenResync { token, .. }
        | Command::TokenUnlock { token }
        | Command::TokenEdit { token, .. }
        | Command::TokenDisable { token, .. }
        | Command::TokenEnable { token }
        | Command::TokenObsolete { token }
        | Command::TokenDelete { token, .. } => {
            let id = resolve(&case.record, token).map_err(|refusal| case.late(refusal, token))?;
            on_token(command, case, id, prepared)
        }
        Command::TokenResetSecret { token, why, .. } => {
            reset_secret::reset(case, token.as_ref(), *why)
        }
        Command::TokenMigrate { from, .. } => migrate::migrate(case, *from, &prepared),
        Command::HwUnassign { serial, force } => hardware::unassign(case, serial, *force, prepared),
        Command::EnrollQr { token, channel, .. } => {
            enrol::show(case, token.as_ref(), channel, &prepared)
        }
        Command::EnrollEmail { token, .. } => mail::enrol(case, token.as_ref(), prepared),
        Command::EnrollSms { .. } => mail::enrol_by_sms(case, prepared),
        Command::DialogueEnd { dialogue } => dialogue::end(case, *dialogue),
        Command::EnrollRevoke { .. } => Ok(mail::revoke(case)),
        Command::Page(step) => page::step(case, step, prepared),
        Command::AuthCodeGenerate {
            ttl,
            force,
            delivery,
            ..
        } => auth_code::generate(case, *ttl, *force, *delivery, prepared),
        Command::AuthCodeRevoke { .. } => Ok(auth_code::revoke(case)),
        Command::RecoveryIssue { .. } => recovery::issue(case, prepared),
        Command::RecoveryRevoke { .. } => recovery::revoke(case),

        Command::PinUnblock { .. }
        | Command::PinReset { .. }
        | Command::PinClear { .. }
        | Command::PasswordSet { .. }
        | Command::PasswordClear { .. }
        | Command::EmergencySet { .. }
        | Command::EmergencyVerify { .. }
        | Command::EmergencyClear { .. } => on_memory(command, case, prepared),

        Command::PassthroughEnable { .. }
        | Command::PassthroughRenew { .. }
        | Command::PassthroughDisable { .. } => on_grants(command, case),
    }
}

/// The commands about what a person keeps in mind.
fn on_memory(command: &Command, case: Case<'_>, prepared: Prepared) -> Result<Applied, Refusal> {
    match command {
        Command::PinUnblock { .. } => pin::unblock(case),
        Command::PinReset { pin, keep, .. } => pin::reset(case, pin.as_ref(), *keep, prepared),
        Command::PinClear { .. } => Ok(pin::clear(case)),
        Command::PasswordSet { password, .. } => {
            pin::set_password(case, password.as_ref(), prepared)
        }
        Command::PasswordClear { .. } => Ok(pin::clear_password(case)),
        Command::EmergencySet {
            questions, answers, ..
        } => emergency::set(case, questions, answers, prepared),
        Command::EmergencyVerify { answers, .. } => {
            emergency::verify(case, answers.as_ref(), &prepared)
        }
        Command::EmergencyClear { .. } => Ok(emergency::clear(case)),
        _ => Err(case.stale()),
    }
}

/// The commands about temporary passthrough.
fn on_grants(command: &Command, case: Case<'_>) -> Result<Applied, Refusal> {
    match command {
        Command::PassthroughEnable {
            from,
            end,
            gateways,
            ..
        } => passthrough::enable(case, *from, *end, gateways),
        Command::PassthroughRenew { .. } => passthrough::renew(case),
        Command::PassthroughDisable { .. } => Ok(passthrough::disable(case)),
        _ => Err(case.stale()),
    }
}

/// The commands about one token that exists.
fn on_token(
    command: &Command,
    case: Case<'_>,
    id: TokenId,
    prepared: Prepared,
) -> Result<Applied, Refusal> {
    let sent = case
        .record
        .token(id)
        .is_some_and(|token| token.kind.is_sent());
    match command {
        Command::TokenSend { proof, .. } => sent::send(case, id, *proof, prepared),
        Command::TokenConfirm { code, .. } if sent => sent::confirm(case, id, code),
        Command::TokenTest { code, anyway, .. } if sent => sent::test(case, id, code, *anyway),
        Command::TokenConfirm { code, .. } => enrol::confirm(case, id, code),
        Command::TokenTest { code, anyway, .. } => code::test(case, id, code, *anyway),
        Command::TokenResync { first, second, .. } => code::resync(case, id, [first, second]),
        Command::TokenUnlock { .. } => token::unlock(case, id),
        Command::TokenEdit { edit, .. } => token_edit::edit(case, id, edit),
        Command::TokenDisable { until, force, .. } => token::disable(case, id, *until, *force),
        Command::TokenEnable { .. } => token::enable(case, id),
        Command::TokenObsolete { .. } => token::make_obsolete(case, id),
        Command::TokenDelete { force, .. } => token::delete(case, id, *force),
        _ => Err(case.stale()),
    }
}

/// The refusal of a name that is taken.
pub(super) fn already(user: &str) -> Refusal {
    Refusal::new(Code::Exists, format!("there is a user `{user}` already"))
        .try_next(format!("mfactl user show {}", words::shell(user)))
}

fn nobody(command: &Command) -> Refusal {
    match (command, command.token(), command.user()) {
        (Command::Page(_), ..) => page::refused(),
        (Command::HwUnassign { serial, .. }, _, _) => {
            resolve::no_token(&TokenRef::Serial(serial.clone()))
        }
        (_, Some(token), None) => resolve::no_token(token),
        (_, _, user) => {
            let user = user.unwrap_or_default();
            Refusal::new(Code::NoUser, format!("there is no user `{user}`"))
                .try_next(format!("mfactl user find {}", words::shell(user)))
        }
    }
}

fn changed_since(record: &UserRecord, named: u64) -> Refusal {
    let (user, revision) = (record.name(), record.auth.revision);
    let what = format!("{user} was changed since; nothing changed");
    Refusal::new(Code::Conflict, what)
        .why(format!("revision is {revision}, you named {named}"))
        .try_next(format!("mfactl user show {}", words::shell(user)))
}
