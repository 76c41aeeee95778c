//! Lifecycle states (domain rules 4): which an operator may set, and what each brings about.

use super::case::Case;
use super::{Applied, Prepared, auth_code, passthrough, words};
use crate::domain::action::{Action, Role};
use crate::domain::auth_code::{Delivery, asked_for_in};
use crate::domain::dialogue::{self, Shows, adds_token, asks_new};
use crate::domain::lockout::LockReason;
use crate::domain::outlook;
use crate::domain::passthrough::current;
use crate::domain::pin::Memorized;
use crate::domain::policy::GatewayPolicy;
use crate::domain::questions::token_of;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::token_record::{Base, Token, TokenKind};
use crate::domain::update::Update;
use crate::domain::user::UserState;
use crate::domain::wait;
use crate::token::TokenId;

/// `user set-state` (R17..R24, T3..T6).
pub(super) fn set(
    mut case: Case<'_>,
    to: UserState,
    force: bool,
    mut updates: Vec<Update>,
    with_code: Option<Delivery>,
    prepared: Prepared,
) -> Result<Applied, Refusal> {
    let from = case.state();
    fitting(to, &updates, with_code)?;
    if with_code.is_some() {
        case.fresh(&prepared)?;
    }
    if matches!(to, UserState::Revoke | UserState::Deactivated) && case.role() < Role::Admin {
        let what = format!("you may not set {}; nothing changed", to.title());
        return Err(case.denied(Role::Admin, what));
    }
    // Steady State for somebody who is in it ends the wait for a token whose secret was reset.
    let awaited = case.record.profile.rekey.is_some();
    let profile = &case.record.profile;
    let renamed = !updates.is_empty() && (updates != profile.updates || profile.recovered);
    if to == UserState::Update && updates.is_empty() {
        updates.push(Update::usual(&case.record.profile));
    }
    if from == to && !renamed && !(awaited && to == UserState::Steady) {
        let event = case.event("user.state").change(from.name(), to.name());
        let message = format!(
            "{} is already in {}; nothing changed.",
            case.user,
            to.title()
        );
        return Ok(case.unchanged(event, message));
    }
    if from == UserState::Deactivated {
        let what = format!("{} stays Deactivated", case.user);
        let refusal = Refusal::new(Code::State, what)
            .why("a deactivated person counts no seat and comes back by reactivation only (T7)");
        return Err(case.suggest(refusal, Action::UserReactivate, &case.typed));
    }
    if to == UserState::Steady {
        steady_possible(&case, from, force)?;
    }
    let mut event = case.event("user.state");
    if !updates.is_empty() {
        let names: Vec<&str> = updates.iter().map(|update| update.name()).collect();
        event = event.detail("what", names.join(","));
    }
    case.enter(to, None, event);
    case.record.profile_mut().updates = updates;
    let voided = match to {
        UserState::Replace => void_tokens(&mut case, "lost"),
        UserState::Revoke => void_tokens(&mut case, "revoked"),
        _ => Vec::new(),
    };
    let mut ended = 0;
    if matches!(to, UserState::Revoke | UserState::Deactivated) {
        ended = passthrough::end_all(&mut case, to.name());
    }
    if awaited && to == UserState::Steady {
        case.note("secret", "the new token is no longer awaited");
    }
    side_effects(&mut case, &voided, ended, to);
    offer_undo(&mut case, from, to);
    let message = if to == UserState::Deactivated {
        let seats = seats_after_return(&case, &prepared);
        format!("{} deactivated; one seat returned ({seats}).", case.user)
    } else {
        format!("{} set to {}. {}", case.user, to.title(), case.current())
    };
    if let Some(delivery) = with_code {
        auth_code::hand_out(&mut case, delivery, prepared)?;
    }
    tell_outlook(&mut case);
    Ok(case.done(message))
}

/// Says what the person meets at the gateways now, and for programs whether an auth code is missing for
/// it.
pub(super) fn tell_outlook(case: &mut Case<'_>) {
    let next = outlook(case);
    case.note("next", next);
    let (gateways, policy) = (case.site.gateways, case.site.policy);
    if outlook::lacks_code(&case.record, gateways, policy, case.now()) {
        case.fact("auth_code_missing", true);
    }
}

/// Whether what is stated beside the state belongs to it.
fn fitting(to: UserState, updates: &[Update], with_code: Option<Delivery>) -> Result<(), Refusal> {
    let what = if !updates.is_empty() && to != UserState::Update {
        format!("nothing is named that {} changes", to.title())
    } else if with_code.is_some() && !asked_for_in(to) {
        format!("no auth code is handed out for {}", to.title())
    } else {
        return Ok(());
    };
    Err(Refusal::new(Code::Arg, what))
}

/// `user reactivate` (T7).
pub(super) fn reactivate(mut case: Case<'_>, prepared: &Prepared) -> Result<Applied, Refusal> {
    if case.state() != UserState::Deactivated {
        let what = format!("{} is not deactivated; nothing changed", case.user);
        return Err(Refusal::new(Code::State, what)
            .why(format!("the state is {}", case.state().title()))
            .try_next(format!("mfactl user show {}", case.typed)));
    }
    seat_free(case.site.policy.seats_limit, prepared.seats_used)?;
    // The tokens are deactivated with the person: only without that state is it seen which count.
    case.record.profile_mut().state = UserState::New;
    let usable = case.usable_token(None);
    case.record.profile_mut().state = UserState::Deactivated;
    let to = if usable {
        UserState::Steady
    } else {
        UserState::New
    };
    let event = case.event("user.reactivated");
    case.enter(to, None, event);
    if case.record.auth.lock.is_some() {
        case.note(
            "lock",
            "the lock stays: it is ended by `mfactl user unlock`",
        );
    }
    let outlook = outlook(&case);
    let message = format!("{} reactivated. {} {outlook}", case.user, case.current());
    let typed = format!("{} deactivated", case.typed);
    case.undo(Action::UserSetState, &typed);
    Ok(case.done(message))
}

/// What the person meets at the gateways now, as one sentence.
pub(super) fn outlook(case: &Case<'_>) -> String {
    if let Some(reset) = reset(case) {
        return reset;
    }
    if case.record.auth.lock.is_some() {
        return "Every sign-in is refused (M02) while the lock lasts.".to_owned();
    }
    if let Some(wait) = wait::all(&case.record, case.now()).first() {
        let until = words::instant(wait.until);
        return format!("The wait for earlier failures goes on until {until}.");
    }
    if let Some(grant) = current(&case.record, None, case.now()) {
        let until = words::instant(grant.until);
        return format!(
            "Under passthrough P-{} no code is asked for until {until}.",
            grant.id
        );
    }
    let usable = case.usable_token(None);
    if let Some(led) = led(case).filter(|_| !usable) {
        return led;
    }
    let text = match case.state() {
        UserState::New | UserState::Replace if usable => {
            "Their next sign-in is judged normally and ends in Steady State."
        }
        UserState::New | UserState::Replace => {
            "Sign-ins are refused (M07) until an operator enrols a token."
        }
        UserState::Reset | UserState::ResetAll => {
            "Sign-ins are refused (M07) until an operator has reset what is needed and sets Steady \
             State: no gateway leads that dialogue."
        }
        UserState::Update if usable && case.record.profile.recovered => {
            "Their next sign-in is judged normally; with a token of theirs it ends in Steady State."
        }
        UserState::Update | UserState::Renew if usable => return change(case),
        UserState::Steady | UserState::Update | UserState::Renew
            if !usable && case.record.profile.rekey.is_some() =>
        {
            "Sign-ins are refused (M07) until an operator enrols a new token: no gateway leads that \
             dialogue."
        }
        UserState::Revoke => "Every sign-in is refused (M05).",
        UserState::Deactivated => "Every sign-in is refused (M04).",
        UserState::Steady if usable => "Their next sign-in is judged normally.",
        UserState::Steady | UserState::Update | UserState::Renew => {
            "Sign-ins are refused: there is no usable token."
        }
    };
    text.to_owned()
}

/// How the change of Update or Renew Credential goes on.
fn change(case: &Case<'_>) -> String {
    let (record, policy, now) = (&case.record, case.site.policy, case.now());
    let makes = |gateway: &&GatewayPolicy| dialogue::makes_change(record, gateway, policy, now);
    let asked = match asked_for(case) {
        asked if asked.is_empty() => "They sign in normally".to_owned(),
        asked => format!("Their next sign-in {asked}"),
    };
    match case.gateways(makes).is_empty() {
        false => format!("{asked}."),
        true => format!(
            "{asked}; the change they are to make is deferred, since no gateway leads that dialogue."
        ),
    }
}

/// What a sign-in asks for or leads to, and where: `asks for a new PIN at vpn1, vpn2`.
fn asked_for(case: &Case<'_>) -> String {
    let at = |secret: Memorized| {
        let asks = |gateway: &&GatewayPolicy| asks_new(&case.record, gateway) == Some(secret);
        let names = case.gateways(asks);
        (!names.is_empty()).then(|| format!("asks for a new {} at {names}", secret.noun()))
    };
    let asked = [Memorized::Pin, Memorized::Password].into_iter();
    let mut asked: Vec<String> = asked.filter_map(at).collect();
    let (policy, now) = (case.site.policy, case.now());
    let adds = |gateway: &&GatewayPolicy| adds_token(&case.record, gateway, policy, now);
    let names = case.gateways(adds);
    if !names.is_empty() {
        asked.push(format!("leads to a further token at {names}"));
    }
    asked.join(" and ")
}

/// Where the person is led through a reset, and over what; none: nowhere, or not now.
pub(super) fn reset(case: &Case<'_>) -> Option<String> {
    let (record, policy, now) = (&case.record, case.site.policy, case.now());
    let lock = record.auth.lock.as_ref();
    let kept_out = lock.is_some_and(|lock| lock.reason != LockReason::PinBlocked);
    if kept_out || current(record, None, now).is_some() || wait::keeps_out(record, now) {
        return None;
    }
    let leads = |gateway: &&GatewayPolicy| dialogue::resets(record, gateway, policy, now);
    let alone = |gateway: &&GatewayPolicy| dialogue::resets_by_code(record, gateway, policy, now);
    let at = case.gateways(|gateway| leads(gateway) && !alone(gateway));
    let by_code = case.gateways(|gateway| leads(gateway) && alone(gateway));
    let code = match case.state() {
        UserState::ResetAll => "a code of each token",
        _ => "a code",
    };
    let shown = match dialogue::reset_shows(record, policy, now) {
        Shows::DeviceCode => outlook::mailed(record, policy),
        _ => "the auth code (M23)".to_owned(),
    };
    let mut ways = Vec::new();
    if !at.is_empty() {
        ways.push(format!("the first factor at {at}"));
    }
    if !by_code.is_empty() {
        ways.push(format!("a code alone at {by_code}"));
    }
    let begins = ways.join(" or ");
    let everywhere = case
        .site
        .gateways
        .iter()
        .map(AsRef::as_ref)
        .all(|it| leads(&it));
    let elsewhere = if everywhere {
        ""
    } else {
        " Elsewhere it is refused (M07)."
    };
    let missing = match dialogue::reset_shows(record, policy, now) {
        Shows::AuthCode => outlook::no_code(record, policy, now),
        _ => None,
    };
    (!ways.is_empty()).then(|| {
        let told = format!(
            "Their next sign-in asks, after {begins}, for {shown}, a new PIN where one is typed, \
             and {code}; then it is Steady State.{elsewhere}"
        );
        outlook::with(told, missing)
    })
}

/// What a sign-in without a token leads to, and where; none: nowhere to one.
pub(super) fn led(case: &Case<'_>) -> Option<String> {
    let (policy, now) = (case.site.policy, case.now());
    outlook::led(&case.record, case.site.gateways, policy, now)
}

/// Refuses one more counted user than the limit allows.
pub(super) fn seat_free(limit: u64, used: u64) -> Result<(), Refusal> {
    if limit == 0 || used < limit {
        return Ok(());
    }
    let (used, limit) = (words::number(used), words::number(limit));
    Err(
        Refusal::new(Code::Seats, "no seat is free; nothing changed")
            .why(format!("{used} of {limit} seats are taken"))
            .try_next("mfactl seats")
            .doing("raise seats.limit in the configuration, or deactivate somebody"),
    )
}

/// `4,980 of 5,000`, after one counted user less.
pub(super) fn seats_after_return(case: &Case<'_>, prepared: &Prepared) -> String {
    let used = words::number(prepared.seats_used.saturating_sub(1));
    match case.site.policy.seats_limit {
        0 => format!("{used}, no limit"),
        limit => format!("{used} of {}", words::number(limit)),
    }
}

/// R18: nobody is sent to Steady State who could not sign in there.
fn steady_possible(case: &Case<'_>, from: UserState, force: bool) -> Result<(), Refusal> {
    if case.usable_token(None) || (force && from != UserState::Revoke) {
        return Ok(());
    }
    let what = format!("{} stays in {}", case.user, from.title());
    let mut refusal = Refusal::new(Code::State, what).why("there is no usable token (R18)");
    let typed = &case.typed;
    refusal = case.suggest(refusal, Action::TokenAdd, &format!("{typed} --type totp"));
    if from != UserState::Revoke {
        let arguments = format!("{typed} steady --force");
        refusal = case.suggest(refusal, Action::UserSetState, &arguments);
    }
    Err(refusal)
}

fn void_tokens(case: &mut Case<'_>, reason: &'static str) -> Vec<TokenId> {
    let live = |token: &&Token| token.primary() && token.base != Base::Obsolete;
    let tokens = case.record.profile.tokens.iter().filter(live);
    let ids: Vec<TokenId> = tokens.map(|token| token.id).collect();
    for id in &ids {
        case.obsolete(*id, reason);
    }
    ids
}

fn side_effects(case: &mut Case<'_>, voided: &[TokenId], ended: usize, to: UserState) {
    let left = |token: &Token| token.kind == TokenKind::Recovery && token.base != Base::Obsolete;
    let left = case.record.profile.tokens.iter().any(left);
    if to == UserState::ResetAll && left {
        let text = format!(
            "void with the auth code; then mfactl recovery issue {}",
            case.typed
        );
        case.note("recovery codes", text);
    }
    if to == UserState::ResetAll && token_of(&case.record).is_some() {
        let text = format!(
            "void with the auth code; then mfactl emergency set {}",
            case.typed
        );
        case.note("questions", text);
    }
    if !voided.is_empty() {
        let ids: Vec<String> = voided.iter().map(TokenId::to_string).collect();
        let text = format!("{}: obsolete, secret erased", ids.join(", "));
        case.note("tokens", text);
        if left {
            let text = format!("still there: mfactl recovery revoke {}", case.typed);
            case.note("recovery codes", text);
        }
    }
    if ended > 0 {
        case.note("passthrough", format!("{ended} ended"));
    }
}

/// Tokens and grants that are gone do not come back with the state.
fn offer_undo(case: &mut Case<'_>, from: UserState, to: UserState) {
    let typed = case.typed.clone();
    match to {
        UserState::Deactivated => case.undo(Action::UserReactivate, &typed),
        UserState::Replace | UserState::Revoke => {}
        _ if from == to => {}
        _ => case.undo(Action::UserSetState, &format!("{typed} {}", from.name())),
    }
}
