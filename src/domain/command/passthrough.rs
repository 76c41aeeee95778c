//! Temporary passthrough by the operator (R55..R57, domain rules 9).
//!
//! How long a person may go without a code is judged over the whole unbroken chain of grants, so
//! that neither several grants beside each other nor ending one and making another gets around the
//! limit of renewals.

use std::time::Duration;

use super::case::Case;
use super::scope::scope;
use super::{Applied, PassthroughEnd, words};
use crate::domain::action::{Action, Role};
use crate::domain::passthrough::{CHAIN_GAP, Grant, Revoked, current};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::user::UserState;
use crate::time::Timestamp;

/// Most grants kept of one person; the oldest that is over makes room.
const GRANTS_MAX: usize = 32;

/// `passthrough enable`.
pub(super) fn enable(
    mut case: Case<'_>,
    from: Option<Timestamp>,
    end: PassthroughEnd,
    gateways: &[String],
) -> Result<Applied, Refusal> {
    possible(&case)?;
    let lines = scope(&case, gateways)?;
    let (from, until) = dates(&case, from, end)?;
    let chain = chain(&case, from, until);
    length(&case, until.since(from.max(case.now().latest())))?;
    chain_length(&case, chain.last.since(chain.first_from))?;
    make_room(&mut case)?;
    let id = grant_id(case.site.next_seq);
    let grant = Grant {
        id,
        gateways: gateways.to_vec(),
        from,
        until,
        by: case.by(),
        reason: case.asked.reason.unwrap_or_default().to_owned(),
        renewals: chain.renewals,
        first_from: chain.first_from,
        revoked: None,
        warned: None,
        extra: serde_json::Map::new(),
    };
    case.record.profile_mut().grants.push(grant);
    let event = case
        .event("passthrough.enabled")
        .detail("grant", id)
        .detail("from", from.to_string())
        .detail("until", until.to_string());
    case.push(event.detail("gateways", gateways.to_vec()));
    Ok(granted(case, id, (from, until), lines))
}

/// `passthrough renew`: the end becomes now and the configured length, not more (9.6).
pub(super) fn renew(mut case: Case<'_>) -> Result<Applied, Refusal> {
    possible(&case)?;
    let rules = &case.site.policy.passthrough;
    let now = case.now();
    let Some(old) = renewable(&case).cloned() else {
        let what = format!("{} has no passthrough to renew", case.user);
        let refusal = Refusal::new(Code::State, what).why("none is current or has just ended");
        return Err(case.suggest(refusal, Action::PassthroughEnable, &case.typed));
    };
    let until = now.latest() + rules.duration;
    if until <= old.until {
        let what = format!("P-{} lasts longer already; nothing changed", old.id);
        return Err(
            Refusal::new(Code::State, what).why(format!("it ends {}", words::instant(old.until)))
        );
    }
    let renewals = old.renewals.saturating_add(1);
    if renewals > rules.max_renewals && case.role() < Role::Admin {
        let what = format!(
            "P-{} was renewed {} times; nothing changed",
            old.id, old.renewals
        );
        return Err(Refusal::new(Code::Policy, what)
            .why(format!(
                "passthrough.max_renewals = {} (9.6)",
                rules.max_renewals
            ))
            .need("admin"));
    }
    chain_length(&case, until.since(old.first_from))?;
    let lines = scope(&case, &old.gateways)?;
    let live = old.valid(case.record.auth.grant(old.id), None, now);
    let id = if live {
        old.id
    } else {
        grant_id(case.site.next_seq)
    };
    let from = if live { old.from } else { now.earliest() };
    let (before, reason) = (old.until, case.asked.reason.unwrap_or_default().to_owned());
    let renewed = Grant {
        id,
        from,
        until,
        by: case.by(),
        reason,
        renewals,
        warned: None,
        ..old
    };
    if !live {
        make_room(&mut case)?;
    }
    let grants = &mut case.record.profile_mut().grants;
    grants.retain(|grant| grant.id != id);
    grants.push(renewed);
    let event = case
        .event("passthrough.renewed")
        .detail("grant", id)
        .detail("renewals", renewals);
    case.push(event.change(before.to_string(), until.to_string()));
    let left = rules.max_renewals.saturating_sub(renewals);
    let times = match renewals {
        1 => "once".to_owned(),
        more => format!("{more} times"),
    };
    case.note("renewed", format!("{times}, {left} left without an admin"));
    Ok(granted(case, id, (from, until), lines))
}

/// `passthrough disable`: the next request asks for the code.
pub(super) fn disable(mut case: Case<'_>) -> Applied {
    let ended = end_all(&mut case, "operator");
    if ended == 0 {
        let event = case.event("passthrough.ended").detail("by", "operator");
        let message = format!("{} has no passthrough; nothing changed.", case.user);
        return case.unchanged(event, message);
    }
    if !case.usable_token(None) {
        case.note(
            "token",
            format!("{} has no token to sign in with now", case.user),
        );
    }
    let message = format!(
        "{} needs a code again, at once. {}",
        case.user,
        case.current()
    );
    case.done(message)
}

/// Ends what is current or still to come; `by` is `operator` or the state that does it (9.8).
pub(super) fn end_all(case: &mut Case<'_>, by: &'static str) -> usize {
    // What has run out is marked: a case begins with that.
    let auth = &case.record.auth;
    let open = |grant: &&Grant| {
        let over = auth.grant(grant.id).is_some_and(|state| state.ended);
        grant.revoked.is_none() && !over
    };
    let ids: Vec<u32> = case
        .record
        .profile
        .grants
        .iter()
        .filter(open)
        .map(|g| g.id)
        .collect();
    if ids.is_empty() {
        return 0;
    }
    let who = if by == "operator" {
        case.by()
    } else {
        by.to_owned()
    };
    let when = case.wall();
    for grant in &mut case.record.profile_mut().grants {
        if ids.contains(&grant.id) {
            let by = who.clone();
            grant.revoked = Some(Revoked { by, when });
        }
    }
    for id in &ids {
        let event = case.event("passthrough.ended").detail("grant", *id);
        case.push(event.detail("by", by));
    }
    ids.len()
}

fn granted(
    mut case: Case<'_>,
    id: u32,
    (from, until): (Timestamp, Timestamp),
    lines: Vec<(&'static str, String)>,
) -> Applied {
    for (label, text) in lines {
        case.note(label, text);
    }
    if case.record.auth.lock.is_some() {
        let text = format!(
            "LOCKED: the lock comes first. mfactl user unlock {}",
            case.typed
        );
        case.note("lock", text);
    }
    if matches!(case.state(), UserState::Reset | UserState::ResetAll) {
        let text = format!("{} stays pending meanwhile", case.state().title());
        case.note("state", text);
    }
    let typed = case.typed.clone();
    case.undo(Action::PassthroughDisable, &typed);
    case.fact("grant", format!("P-{id}"));
    case.fact("from", from.to_string());
    case.fact("until", until.to_string());
    let begins = if from > case.wall() {
        format!("from {} ", words::instant(from))
    } else {
        String::new()
    };
    let message = format!(
        "{} needs no code {begins}until {} ({}), grant P-{id}. {}",
        case.user,
        words::instant(until),
        words::span(until.since(from.max(case.wall()))),
        case.current()
    );
    case.done(message)
}

fn possible(case: &Case<'_>) -> Result<(), Refusal> {
    let state = case.state();
    if !matches!(state, UserState::Deactivated | UserState::Revoke) {
        return Ok(());
    }
    let what = format!("{} gets no passthrough", case.user);
    let refusal =
        Refusal::new(Code::State, what).why(format!("the state is {} (9.8)", state.title()));
    Err(match state {
        UserState::Deactivated => case.suggest(refusal, Action::UserReactivate, &case.typed),
        _ => case.suggest(
            refusal,
            Action::UserSetState,
            &format!("{} replace", case.typed),
        ),
    })
}

fn dates(
    case: &Case<'_>,
    from: Option<Timestamp>,
    end: PassthroughEnd,
) -> Result<(Timestamp, Timestamp), Refusal> {
    // A right begins when both clocks say so, and this one begins with the next packet.
    let now = case.now().earliest();
    let start = from.unwrap_or(now);
    let bad = |what: String| Err(Refusal::new(Code::Arg, what));
    if start < now {
        return bad(format!(
            "--from {} has passed already",
            words::instant(start)
        ));
    }
    // Counted from the later clock, which is the one that ends it.
    let base = start.max(case.now().latest());
    let until = match end {
        PassthroughEnd::Default => base + case.site.policy.passthrough.duration,
        PassthroughEnd::For(length) => base + length,
        PassthroughEnd::Until(until) => until,
    };
    if until <= base {
        return bad(format!(
            "a passthrough until {} has no length",
            words::instant(until)
        ));
    }
    Ok((start, until))
}

/// 9.4, 9.5: support to the default length, operators to the longest, admins beyond.
fn length(case: &Case<'_>, wanted: Duration) -> Result<(), Refusal> {
    let rules = &case.site.policy.passthrough;
    let default = rules.duration.min(rules.max_duration);
    let (limit, key, next) = match case.role() {
        Role::Admin => return Ok(()),
        Role::Operator => (rules.max_duration, "passthrough.max_duration", Role::Admin),
        Role::Support | Role::Viewer if default < rules.max_duration => {
            (default, "passthrough.duration", Role::Operator)
        }
        Role::Support | Role::Viewer | Role::Web => {
            (default, "passthrough.max_duration", Role::Admin)
        }
    };
    if wanted <= limit {
        return Ok(());
    }
    let need = if wanted > rules.max_duration {
        Role::Admin
    } else {
        next
    };
    let what = format!(
        "{} is too long for a passthrough; nothing changed",
        words::span(wanted)
    );
    let refusal = Refusal::new(Code::Policy, what)
        .why(format!("{key} = {} (9.5)", words::typed_span(limit)))
        .need(need.name());
    let arguments = format!("{} --for {}", case.typed, words::typed_span(limit));
    Err(case.suggest(refusal, Action::PassthroughEnable, &arguments))
}

/// 9.6: the unbroken chain as a whole, with the gaps of less than a day that do not break it.
fn chain_length(case: &Case<'_>, total: Duration) -> Result<(), Refusal> {
    let rules = &case.site.policy.passthrough;
    let default = rules.duration.min(rules.max_duration);
    let (longest, grants, next) = match case.role() {
        Role::Admin => return Ok(()),
        Role::Operator => (
            rules.max_duration,
            rules.max_renewals.saturating_add(1),
            "admin",
        ),
        Role::Support | Role::Viewer | Role::Web => (default, 1, "operator"),
    };
    let limit = longest.saturating_add(CHAIN_GAP).saturating_mul(grants);
    if total <= limit {
        return Ok(());
    }
    let (total, granted) = (
        words::span(total),
        words::span(longest.saturating_mul(grants)),
    );
    let what = format!(
        "{} would need no code for too long; nothing changed",
        case.user
    );
    let refusal = Refusal::new(Code::Policy, what)
        .why(format!(
            "{total} without a day between; your role grants {granted} (9.6)"
        ))
        .need(next);
    Err(refusal)
}

/// The unbroken chain that a new grant would belong to.
struct Chain {
    first_from: Timestamp,
    last: Timestamp,
    renewals: u32,
}

fn chain(case: &Case<'_>, from: Timestamp, until: Timestamp) -> Chain {
    let mut chain = Chain {
        first_from: from,
        last: until,
        renewals: 0,
    };
    let mut apart: Vec<&Grant> = case.record.profile.grants.iter().collect();
    // Each grant that touches the chain may make another one touch it.
    loop {
        let before = apart.len();
        apart.retain(|grant| {
            let (first_from, end) = (grant.first_from, end(grant));
            let touches = end + CHAIN_GAP > chain.first_from && grant.from < chain.last + CHAIN_GAP;
            if touches {
                chain.first_from = chain.first_from.min(first_from);
                chain.renewals = chain.renewals.max(grant.renewals);
                chain.last = chain.last.max(end);
            }
            !touches
        });
        if apart.len() == before {
            return chain;
        }
    }
}

/// When a grant ends or ended; one that was taken back before it began counts no time.
fn end(grant: &Grant) -> Timestamp {
    let revoked = grant
        .revoked
        .as_ref()
        .map_or(Timestamp::NEVER, |by| by.when);
    grant.until.min(revoked).max(grant.from)
}

/// What `renew` prolongs: a grant that counts now, else the last one, if it has just ended.
fn renewable<'c>(case: &'c Case<'_>) -> Option<&'c Grant> {
    let now = case.now();
    let just_ended = || {
        let grants = case.record.profile.grants.iter();
        grants
            .filter(|grant| grant.revoked.is_none() && grant.from <= now.latest())
            .filter(|grant| now.latest() < grant.until + CHAIN_GAP)
            .max_by_key(|grant| grant.until)
    };
    current(&case.record, None, now).or_else(just_ended)
}

fn make_room(case: &mut Case<'_>) -> Result<(), Refusal> {
    if case.record.profile.grants.len() < GRANTS_MAX {
        return Ok(());
    }
    let now = case.now().latest();
    let over = |grant: &Grant| end(grant) + CHAIN_GAP <= now;
    let oldest = case.record.profile.grants.iter().position(over);
    let Some(oldest) = oldest else {
        let what = format!("{} has {GRANTS_MAX} grants already", case.user);
        let refusal = Refusal::new(Code::Policy, what);
        return Err(case.suggest(refusal, Action::PassthroughDisable, &case.typed));
    };
    let gone = case.record.profile_mut().grants.remove(oldest).id;
    case.record.auth.grants.retain(|state| state.id != gone);
    Ok(())
}

/// Unique, since every grant leaves an audit record of its own.
fn grant_id(next_seq: u64) -> u32 {
    u32::try_from(next_seq & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}
