//! What can be done now with a person or a token, and by whom: the buttons of a screen.
//!
//! Role, protection and self-service are judged by the function that judges the command itself;
//! the state by the table below, which a test holds against the table of actions.

use crate::control::reply::ActionState;
use crate::domain::action::Action;
use crate::domain::auth_code::{enrols, wanted_for};
use crate::domain::command::{self, permit, words};
use crate::domain::delivery::Via;
use crate::domain::link::{Link, Purpose};
use crate::domain::lockout::LockReason;
use crate::domain::policy::EmailContent;
use crate::domain::questions;
use crate::domain::refusal::Code;
use crate::domain::token_record::{Base, Status, Token, TokenKind};
use crate::domain::user::{AuthState, UserState};
use crate::domain::wait;

use super::desk::Desk;
use super::view::View;

/// Stands for the reason that the operator will state.
const REASON: &str = "-r TEXT";

/// What can be done with a person.
const OF_USER: [Action; 30] = [
    Action::Why,
    Action::UserUnlock,
    Action::PinUnblock,
    Action::TokenTest,
    Action::TokenResync,
    Action::PassthroughEnable,
    Action::PassthroughRenew,
    Action::PassthroughDisable,
    Action::EnrollQr,
    Action::EnrollEmail,
    Action::EnrollSms,
    Action::EnrollRevoke,
    Action::AuthCodeGenerate,
    Action::AuthCodeRevoke,
    Action::PinReset,
    Action::PinClear,
    Action::PasswordSet,
    Action::PasswordClear,
    Action::EmergencyVerify,
    Action::EmergencySet,
    Action::EmergencyClear,
    Action::LockClearCounters,
    Action::RecoveryIssue,
    Action::RecoveryRevoke,
    Action::TokenAdd,
    Action::TokenResetSecret,
    Action::UserLock,
    Action::UserSetState,
    Action::UserReactivate,
    Action::UserDelete,
];

/// What can be done with a token.
const OF_TOKEN: [Action; 10] = [
    Action::TokenTest,
    Action::TokenConfirm,
    Action::EnrollQr,
    Action::TokenResync,
    Action::TokenUnlock,
    Action::TokenEdit,
    Action::TokenDisable,
    Action::TokenEnable,
    Action::TokenObsolete,
    Action::TokenDelete,
];

pub(super) fn of_user(desk: &Desk<'_>, view: &View<'_>) -> Vec<ActionState> {
    let auth = &view.record.auth;
    let first = if auth.lock.is_some() || failures(auth) > 0 {
        Action::Why
    } else {
        Action::UserSetState
    };
    let state = |action: Action| {
        let line = user_line(action, view);
        let mut state = permitted(desk, view, action, line);
        if state.allowed {
            state.why_not = user_obstacle(action, view).map(str::to_owned);
            state.allowed = state.why_not.is_none();
        }
        state.first = state.allowed && action == first && first == Action::Why;
        state
    };
    OF_USER.into_iter().map(state).collect()
}

pub(super) fn of_token(desk: &Desk<'_>, view: &View<'_>, token: &Token) -> Vec<ActionState> {
    let state = |action: Action| {
        let line = match action {
            Action::EnrollQr => format!("mfactl enroll qr {}", words::shell(view.record.name())),
            Action::TokenEdit => format!("mfactl token edit {} --description TEXT", token.id),
            _ if action.spec().reason => {
                format!("mfactl {} {} {REASON}", action.spec().name, token.id)
            }
            _ => format!("mfactl {} {}", action.spec().name, token.id),
        };
        let mut state = permitted(desk, view, action, line);
        if state.allowed {
            state.why_not = token_obstacle(action, view, token).map(str::to_owned);
            state.allowed = state.why_not.is_none();
        }
        state
    };
    OF_TOKEN.into_iter().map(state).collect()
}

/// The action as role, protection and self-service have it.
fn permitted(desk: &Desk<'_>, view: &View<'_>, action: Action, line: String) -> ActionState {
    let spec = action.spec();
    let mut state = ActionState {
        command: spec.name.to_owned(),
        line,
        allowed: true,
        text: words(action).to_owned(),
        ..ActionState::default()
    };
    if desk.operator.role < spec.least {
        state.allowed = false;
        state.why_not = Some(format!("role {} may not", desk.operator.role));
        state.need = Some(spec.least.to_string());
    } else if let Err(refusal) = permit(action, desk.operator, Some(view.record), Some(REASON)) {
        state.allowed = false;
        state.why_not = Some(refusal.what);
        state.need = refusal.need.filter(|_| refusal.code == Code::Perm);
    }
    state
}

fn user_line(action: Action, view: &View<'_>) -> String {
    let (name, user) = (action.spec().name, words::shell(view.record.name()));
    let reason = if action.spec().reason {
        format!(" {REASON}")
    } else {
        String::new()
    };
    match action {
        Action::TokenTest | Action::TokenResync => {
            let mut tokens = view.record.profile.tokens.iter().filter(|token| {
                token.primary() && (view.usable(token) || action == Action::TokenResync)
            });
            let token = tokens.find(|token| view.status(token) != Status::Obsolete);
            let token = token.map_or_else(|| "TOKEN".to_owned(), |token| token.id.to_string());
            format!("mfactl {name} {token}")
        }
        Action::PassthroughEnable => format!("mfactl {name} {user} --for 1d{reason}"),
        Action::TokenAdd => format!("mfactl {name} {user} --type totp"),
        Action::UserSetState => format!("mfactl {name} {user} STATE{reason}"),
        Action::TokenResetSecret => {
            let mut tokens = view
                .record
                .profile
                .tokens
                .iter()
                .filter(|token| of_app(token));
            let which = match (tokens.next(), tokens.next()) {
                (Some(first), Some(_)) => format!(" --token {}", first.id),
                _ => String::new(),
            };
            format!("mfactl {name} {user}{which} --why lost_phone")
        }
        Action::PinReset | Action::PasswordSet => format!("mfactl {name} {user} --generate"),
        _ => format!("mfactl {name} {user}{reason}"),
    }
}

/// Failures counted under C3, those from known stations among them.
fn failures(auth: &AuthState) -> u32 {
    let stations = auth.stations.iter().map(|station| station.failures);
    stations.fold(auth.soft, u32::saturating_add)
}

/// What the person's state has against it.
fn user_obstacle(action: Action, view: &View<'_>) -> Option<&'static str> {
    let (record, profile) = (view.record, &view.record.profile);
    let reason = record.auth.lock.as_ref().map(|lock| lock.reason);
    let off = profile.state == UserState::Deactivated;
    let closed = off || profile.state == UserState::Revoke;
    let live = view.live_grants().next().is_some();
    let tokens = || {
        profile
            .tokens
            .iter()
            .filter(|token| view.status(token) != Status::Obsolete)
    };
    let unless = |so: bool, why: &'static str| (!so).then_some(why);
    match action {
        Action::UserUnlock if reason == Some(LockReason::PinBlocked) => {
            Some("the PIN is blocked: pin unblock")
        }
        Action::UserUnlock => unless(
            reason.is_some() || !wait::all(record, view.now).is_empty(),
            "not locked",
        ),
        Action::UserLock => unless(
            reason != Some(LockReason::Operator),
            "already locked by an operator",
        ),
        Action::PinUnblock => unless(record.auth.pin.blocked_since.is_some(), "no PIN blocked"),
        Action::PinClear => unless(profile.pin.is_some(), "no PIN is set"),
        Action::PasswordClear => unless(profile.password.is_some(), "no password is set"),
        Action::LockClearCounters => unless(failures(&record.auth) > 0, "nothing counted"),
        Action::TokenTest => unless(view.usable_primaries().next().is_some(), "no usable token"),
        Action::TokenResync => unless(
            tokens().any(|token| resync_needed(view, token)),
            "not needed",
        ),
        Action::EnrollQr => {
            let pending = |token: &Token| token.base_at(view.now) == Base::Pending;
            unless(tokens().any(pending), "no token waits to be proven")
        }
        Action::EnrollEmail | Action::EnrollSms if closed => Some("not possible in this state"),
        Action::EnrollEmail => mail_obstacle(view),
        Action::EnrollSms => sms_obstacle(view),
        Action::EnrollRevoke => {
            let sent = |link: &Link| link.purpose == Purpose::Enrol && !link.over(view.now);
            unless(profile.links.iter().any(sent), "no link")
        }
        Action::AuthCodeGenerate if view.policy.auth_code.always_suppress => {
            Some("auth_code.always_suppress = true")
        }
        Action::AuthCodeGenerate if closed => Some("not possible in this state"),
        Action::AuthCodeGenerate => unless(wanted_for(record).is_some(), "not needed"),
        Action::AuthCodeRevoke => unless(profile.auth_code.is_some(), "no auth code"),
        Action::RecoveryRevoke => unless(
            tokens().any(|token| token.kind == TokenKind::Recovery),
            "no recovery codes",
        ),
        Action::PassthroughEnable | Action::RecoveryIssue => {
            unless(!closed, "not possible in this state")
        }
        Action::TokenResetSecret => unless(tokens().any(of_app), "no token of an app"),
        Action::UserSetState => unless(!off, "deactivated: user reactivate"),
        Action::PassthroughRenew => unless(live && !closed, "no passthrough"),
        Action::PassthroughDisable => unless(live, "no passthrough"),
        Action::UserReactivate => unless(off, "not deactivated"),
        Action::TokenAdd => unless(
            tokens().count() < view.policy.tokens_max_per_user,
            "as many tokens as the site allows",
        ),
        _ => questions_obstacle(action, view),
    }
}

/// What is against the commands about questions.
fn questions_obstacle(action: Action, view: &View<'_>) -> Option<&'static str> {
    let state = view.record.profile.state;
    let closed = matches!(state, UserState::Deactivated | UserState::Revoke);
    let on = view.policy.enabled_kinds.contains(&TokenKind::Qa);
    match (action, questions::token_of(view.record)) {
        (Action::EmergencyClear, Some(_)) => None,
        (Action::EmergencyClear, None) => Some("no questions"),
        (Action::EmergencySet | Action::EmergencyVerify, _) if !on => {
            Some("emergency.enabled = false")
        }
        (Action::EmergencySet, _) => closed.then_some("not possible in this state"),
        (Action::EmergencyVerify, None) => Some("no questions"),
        (Action::EmergencyVerify, Some(token)) => {
            (!view.status(token).usable()).then_some("not asked now")
        }
        _ => None,
    }
}

/// What is against a mail to enrol with.
fn mail_obstacle(view: &View<'_>) -> Option<&'static str> {
    if !view.policy.sends(Via::Email) {
        Some("no mail server")
    } else if view.record.profile.emails.is_empty() {
        Some("no e-mail address")
    } else if code_went(view, Via::Email) {
        Some("the auth code went by mail")
    } else {
        (!may_be_sent(view)).then_some("not needed")
    }
}

/// What is against a text message to enrol with.
fn sms_obstacle(view: &View<'_>) -> Option<&'static str> {
    let (record, policy) = (view.record, view.policy);
    let Some(main) = record.profile.phones.first() else {
        return Some("no phone number");
    };
    if !policy.sends(Via::Sms) {
        Some("no SMS gateway")
    } else if Via::Sms.recipient(&main.address).is_none() {
        Some("no country code in the phone number")
    } else if policy.pages.is_some() {
        let went = code_went(view, Via::Sms).then_some("the auth code went by SMS");
        went.or_else(|| (!enrols(record)).then_some("not needed"))
    } else if policy.auth_code.always_suppress {
        Some("no pages, and auth_code.always_suppress = true")
    } else if !main.verified {
        Some("the phone number is not proven")
    } else {
        wanted_for(record).is_none().then_some("not needed")
    }
}

/// Link and auth code do not go the same way.
fn code_went(view: &View<'_>, via: Via) -> bool {
    let code = view.record.profile.auth_code.as_ref();
    code.is_some_and(|code| code.delivery.via() == Some(via) && !code.over(view.now))
}

/// Whether a mail has something to bring, and somebody who may have it.
fn may_be_sent(view: &View<'_>) -> bool {
    match view.policy.email_content {
        EmailContent::Link => enrols(view.record),
        EmailContent::Seed => {
            let main = view.record.profile.emails.first();
            main.is_some_and(|main| main.verified) && command::pending(view.record, None).is_ok()
        }
    }
}

/// What the token's state has against it.
fn token_obstacle(action: Action, view: &View<'_>, token: &Token) -> Option<&'static str> {
    let base = token.base_at(view.now);
    let status = view.status(token);
    let codes = !matches!(token.kind, TokenKind::Recovery | TokenKind::Qa);
    let hard = |state: &crate::domain::token_record::TokenState| {
        state.hard_locked(view.policy.lockout.hard_cap)
    };
    let unless = |so: bool, why: &'static str| (!so).then_some(why);
    if base == Base::Obsolete && action != Action::TokenDelete {
        return Some("obsolete: void for good");
    }
    match action {
        Action::TokenTest => unless(codes && status.usable(), "not usable now"),
        Action::TokenConfirm | Action::EnrollQr => unless(base == Base::Pending, "already proven"),
        Action::TokenResync => unless(
            codes && base == Base::Registered,
            "only a proven token with codes",
        ),
        Action::TokenUnlock if view.record.auth.token(token.id).is_some_and(hard) => {
            Some("ended by too many wrong codes: only a new token helps")
        }
        Action::TokenUnlock => unless(status == Status::Locked, "not locked"),
        Action::TokenDisable if base == Base::Disabled => Some("already disabled"),
        Action::TokenDisable | Action::TokenDelete => {
            let last = view.usable(token) && view.usable_primaries().count() == 1;
            unless(!last, "the only token to log in with: needs --force")
        }
        Action::TokenEnable => unless(base == Base::Disabled, "not disabled"),
        Action::TokenObsolete if token.kind == TokenKind::Recovery => {
            Some("recovery codes: recovery revoke")
        }
        _ => None,
    }
}

/// A token whose secret lies in an app: a new enrolment replaces it.
fn of_app(token: &Token) -> bool {
    let computes = matches!(token.kind, TokenKind::Totp | TokenKind::Hotp);
    computes && token.serial.is_none() && token.base != Base::Obsolete
}

/// A token that is out of step, or may be.
fn resync_needed(view: &View<'_>, token: &Token) -> bool {
    let state = view.record.auth.token(token.id);
    state.is_some_and(|state| state.resync_required)
        || (token.kind == TokenKind::Hotp && state.is_some_and(|state| state.soft > 0))
}

/// What it does, in a few words.
const fn words(action: Action) -> &'static str {
    match action {
        Action::Why => "what was typed, what to do",
        Action::UserUnlock => "lock and failure count go",
        Action::UserLock => "refused until unlocked",
        Action::UserSetState => "another lifecycle state",
        Action::UserReactivate => "back in the state New Credential",
        Action::UserDelete => "gone; only the audit log remembers",
        Action::PinUnblock => "the same PIN works at once",
        Action::PinReset => "a new PIN",
        Action::PinClear => "no PIN any more",
        Action::PasswordSet => "a new local password",
        Action::PasswordClear => "no local password any more",
        Action::EmergencyVerify => "asks the person's own questions",
        Action::EmergencySet => "questions that lead to a new PIN",
        Action::EmergencyClear => "no questions any more",
        Action::TokenTest => "try a code on the phone",
        Action::TokenResync => "two codes in a row bring it back in step",
        Action::TokenConfirm => "the first code proves it",
        Action::TokenUnlock => "its failure count goes",
        Action::TokenEdit => "another description",
        Action::TokenDisable => "off until enabled",
        Action::TokenEnable => "on again",
        Action::TokenObsolete => "void for good, in strange hands",
        Action::TokenDelete => "gone with its secret",
        Action::TokenResetSecret => "its secret is void, a new token is awaited",
        Action::TokenAdd => "a new token",
        Action::EnrollQr => "the QR code once more",
        Action::EnrollEmail => "a mail to enrol with",
        Action::EnrollSms => "a text message to enrol with",
        Action::EnrollRevoke => "the link that was sent is void",
        Action::AuthCodeGenerate => "a code that lets an enrolment go on",
        Action::AuthCodeRevoke => "the auth code is void",
        Action::RecoveryIssue => "new codes on paper, old ones void",
        Action::RecoveryRevoke => "codes on paper are void",
        Action::PassthroughEnable => "no code needed for a while",
        Action::PassthroughRenew => "prolongs the passthrough",
        Action::PassthroughDisable => "codes are asked for again",
        Action::LockClearCounters => "failure counts to zero",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_says_what_it_does() {
        for action in OF_USER.into_iter().chain(OF_TOKEN) {
            assert_ne!(words(action), "", "{}", action.spec().name);
        }
    }
}
