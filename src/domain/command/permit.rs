//! Whether this operator may do this to this person: asked before anything else is looked at.
//!
//! The table is [`Action::spec`]; what depends on an argument (a state, a length of time, the mark
//! `protected`) is asked by the command itself, with the same words ([`denied`]).

use crate::domain::action::{Action, Role};
use crate::domain::event::Operator;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::user::UserRecord;

/// Judges role, reason, protection and self-service.
///
/// # Errors
/// `E_PERM` with the lowest role that may, or `E_ARG` if the compulsory reason is missing.
pub fn permit(
    action: Action,
    operator: &Operator,
    target: Option<&UserRecord>,
    reason: Option<&str>,
) -> Result<(), Refusal> {
    let spec = action.spec();
    if operator.role < spec.least {
        let what = format!("you may not do `{}`; nothing changed", spec.name);
        return Err(denied(operator, spec.least, what));
    }
    if let Some(target) = target {
        if spec.not_oneself && operator.is(target.name()) {
            return Err(oneself(action, operator));
        }
        if spec.weakens && target.profile.protected && operator.role < Role::Admin {
            let name = target.name();
            let what = format!("{name} is protected: only an admin may do `{}`", spec.name);
            return Err(denied(operator, Role::Admin, what));
        }
    }
    if spec.reason && reason.is_none_or(|reason| reason.trim().is_empty()) {
        let what = format!("`{}` needs a reason; nothing changed", spec.name);
        return Err(Refusal::new(Code::Arg, what)
            .why("the audit log keeps it")
            .doing("say why with --reason TEXT"));
    }
    Ok(())
}

/// The refusal of an operator whose role is too low.
pub(super) fn denied(operator: &Operator, least: Role, what: impl Into<String>) -> Refusal {
    let Operator { uid, name, role } = operator;
    Refusal::new(Code::Perm, what)
        .why(format!("you are {name} (uid {uid}), role {role}"))
        .need(least.name())
}

/// A16: another person has to do it.
fn oneself(action: Action, operator: &Operator) -> Refusal {
    let what = match action {
        Action::UserUnlock | Action::TokenUnlock | Action::PinUnblock => {
            "you cannot unlock yourself (A16)".to_owned()
        }
        Action::PassthroughEnable | Action::PassthroughRenew => {
            "you cannot grant yourself a passthrough (A16)".to_owned()
        }
        _ => format!("you cannot do `{}` for yourself (A16)", action.spec().name),
    };
    let least = action.spec().least;
    Refusal::new(Code::Perm, what)
        .why(format!("you are {}, the person it is about", operator.name))
        .need(format!("another person with role {least} or higher"))
}
