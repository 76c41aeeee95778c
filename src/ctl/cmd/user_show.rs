//! The screen of `user show`.

use serde_json::Value;

use super::set::asked;
use crate::control::reply::{ActionState, Contact, FailedLogin, Lock, Pin, Token, UserShow, Wait};
use crate::ctl::errors::Trouble;
use crate::ctl::output::table::{Column, free, table, words};
use crate::ctl::output::{Screen, text};
use crate::ctl::read;
use crate::ctl::remote::quoted;
use crate::ctl::verb::Given;
use crate::domain::notice::Language;
use crate::domain::token_record::TokenKind;

/// Columns of the label in front of a fact.
const LABEL: usize = 12;
/// Columns of a name of the site's own that stay beside the type of a token.
const LABEL_LEAST: usize = 4;
/// Columns of a command that decide where the effects stand.
const LINE: usize = 42;

pub(super) fn show(screen: &mut Screen, _: &Given, answer: &Value) -> Result<u8, Trouble> {
    let user: UserShow = read(answer)?;
    screen.times.set_now(user.now.0);
    head(screen, &user);
    screen.gap();
    if let Some(one) = &user.lock {
        lock(screen, one, user.last_failed.as_ref());
    }
    waits(screen, &user.waits, user.last_failed.as_ref());
    if let Some(unlocked) = &user.unlocked {
        let at = screen.times.moment(unlocked.at.0);
        let before = if user.locked {
            " (the lock before this one)"
        } else {
            ""
        };
        screen.line(&format!("Unlocked by {}, {at}{before}", unlocked.by));
    }
    facts(screen, &user);
    if !user.tokens.is_empty() {
        screen.gap();
        tokens(screen, &user.tokens);
    }
    actions(screen, &user.actions);
    let revision = format!("revision {}", user.revision);
    let width = screen.prose();
    screen.line(&text::right(&revision, width));
    Ok(0)
}

fn head(screen: &mut Screen, user: &UserShow) {
    let name = format!("{}   {}", user.user, user.display_name);
    let state = if user.locked {
        user.state.to_uppercase()
    } else {
        user.state.clone()
    };
    let width = screen.prose();
    let name = text::clean(&name);
    let used = text::columns(&name) + 2 + text::columns(&state);
    if used <= width {
        let line = format!(
            "{}{state}",
            text::left(&name, width - text::columns(&state))
        );
        screen.line(&line);
    } else {
        screen.line(&name);
        screen.line(&format!("        {state}"));
    }
    let (zone, now) = (screen.times.zone_name(), screen.times.heading());
    screen.line(&format!("        times {zone}, now {now}"));
}

/// What a lock is, in lines.
pub(super) fn lock(screen: &mut Screen, lock: &Lock, failed: Option<&FailedLogin>) {
    let since = screen.times.moment_and_distance(lock.since.0);
    let count = if lock.limit > 0 && lock.count > 0 {
        format!(" ({} of {})", lock.count, lock.limit)
    } else {
        String::new()
    };
    let by = lock
        .by
        .as_ref()
        .map(|by| format!(", by {by}"))
        .unwrap_or_default();
    fact(
        screen,
        "Locked",
        &format!("{since}, reason {}{count}{by}", lock.reason),
    );
    if let Some(failed) = failed.filter(|_| lock.by.is_none()) {
        let from = from(&failed.station);
        fact(
            screen,
            "",
            &format!("last failure through {}{from}", failed.gateway),
        );
    }
    if !lock.note.is_empty() && lock.by.is_some() {
        fact(screen, "", &format!("\"{}\"", lock.note));
    }
    let end = match lock.until {
        Some(until) => format!("ends by itself {}", screen.times.full(until.0)),
        None => "ends only when someone unlocks".to_owned(),
    };
    fact(screen, "", &end);
}

/// The waits in force, in lines.
pub(super) fn waits(screen: &mut Screen, waits: &[Wait], failed: Option<&FailedLogin>) {
    for wait in waits {
        let until = screen.times.full(wait.until.0);
        let who = match &wait.known_at {
            Some(gateway) => format!("a station known at {gateway}"),
            None => "stations that are not known".to_owned(),
        };
        let failures = wait.failures;
        fact(
            screen,
            "Waiting",
            &format!("{who}, after {failures} failures, until {until}"),
        );
        if let Some((failed, station)) = failed.zip(wait.station.as_ref()) {
            let from = from(station);
            fact(
                screen,
                "",
                &format!("last failure through {}{from}", failed.gateway),
            );
        }
    }
    if !waits.is_empty() {
        fact(screen, "", "ends by itself, or when someone unlocks");
    }
}

fn from(station: &str) -> String {
    if station.is_empty() {
        String::new()
    } else {
        format!(" from {station}")
    }
}

fn fact(screen: &mut Screen, label: &str, words: &str) {
    screen.say_after(&text::left(label, LABEL), words);
}

fn facts(screen: &mut Screen, user: &UserShow) {
    let title = if user.locked { "Underneath" } else { "State" };
    let since = screen.times.date(user.base_since.0);
    let by = if user.base_by.is_empty() {
        String::new()
    } else {
        format!(" by {}", user.base_by)
    };
    let enrolment = &user.enrolment;
    fact(
        screen,
        title,
        &format!(
            "{} since {since}{by}, enrolment {enrolment}",
            user.base_title
        ),
    );
    fact(screen, "E-mail", &contacts(&user.emails));
    fact(screen, "Phone", &contacts(&user.phones));
    let dash = |text: &str| {
        if text.is_empty() {
            "-".to_owned()
        } else {
            text.to_owned()
        }
    };
    let set = format!("{}: {}", user.set, asked(&user.set_groups));
    fact(screen, "Language", &dash(&user.language));
    fact(screen, "Set", &set);
    fact(screen, "Role label", &dash(&user.role_label));
    if user.protected {
        fact(screen, "Protected", "only an admin may weaken the sign-in");
    }
    let pin = pin(screen, &user.pin, &user.user);
    fact(screen, "PIN", &pin);
    if user.password.set {
        let at = user.password.set_at.map(|at| screen.times.moment(at.0));
        fact(
            screen,
            "Password",
            &format!("set {}", at.unwrap_or_default()),
        );
    }
    if let Some(code) = &user.auth_code {
        let until = screen.times.full(code.until.0);
        let words = format!("for {}, by {}, good until {until}", code.purpose, code.by);
        fact(screen, "Auth code", &words);
    }
    if let Some(rekey) = &user.rekey {
        let at = screen.times.moment_and_distance(rekey.at.0);
        let words = format!(
            "that of {} reset {at} by {} ({}), a new token is awaited",
            rekey.token, rekey.by, rekey.why
        );
        fact(screen, "Secret key", &words);
    }
    if let Some(next) = &user.next_sign_in {
        fact(screen, "Next", next);
    }
    passthrough(screen, user);
    past(screen, user);
}

/// What happened last, and what is counted.
fn past(screen: &mut Screen, user: &UserShow) {
    let login = user.last_login.as_ref().map_or_else(
        || "never".to_owned(),
        |one| {
            let token = one
                .token
                .as_ref()
                .map(|id| format!(", {id}"))
                .unwrap_or_default();
            let at = screen.times.moment(one.at.0);
            format!("{at} {}{token}{}", one.gateway, from(&one.station))
        },
    );
    fact(screen, "Last login", &login);
    if let Some(failed) = &user.last_failed {
        let at = screen.times.moment(failed.at.0);
        fact(
            screen,
            "Last failed",
            &format!("{at} {}{}", failed.gateway, from(&failed.station)),
        );
    }
    if let Some(at) = user.last_access {
        let at = screen.times.moment(at.0);
        fact(screen, "Last access", &at);
    }
    for one in &user.counters {
        let count = text::of(one.count, one.limit);
        fact(
            screen,
            &format!("Counter {}", one.name),
            &format!("{count} {}", one.text),
        );
    }
    if !user.notes.is_empty() {
        fact(screen, "Notes", &user.notes);
    }
}

fn contacts(all: &[Contact]) -> String {
    let each = all.iter().map(|one| {
        let proven = if one.verified { "proven" } else { "not proven" };
        format!("{}, {proven}", one.address)
    });
    let text = each.collect::<Vec<_>>().join("; ");
    if text.is_empty() {
        "-".to_owned()
    } else {
        text
    }
}

fn pin(screen: &Screen, pin: &Pin, user: &str) -> String {
    if let Some(since) = pin.blocked_since {
        let since = screen.times.moment_and_distance(since.0);
        let until = pin.blocked_until.map(|at| screen.times.full(at.0));
        let until = until
            .map(|until| format!(", until {until}"))
            .unwrap_or_default();
        return format!("BLOCKED since {since}{until}");
    }
    let used = if pin.used {
        ""
    } else {
        ", not used at any gateway"
    };
    if !pin.set {
        return match pin.asked_at.as_slice() {
            [] if pin.used => format!(
                "none; where one is typed: mfactl pin reset {}",
                quoted(user)
            ),
            [] => format!("none{used}"),
            at => format!("none; one is asked for at {}", at.join(", ")),
        };
    }
    let at = pin
        .set_at
        .map(|at| format!(" {}", screen.times.day(at.0)))
        .unwrap_or_default();
    let by = pin
        .set_by
        .as_ref()
        .map(|by| format!(" by {by}"))
        .unwrap_or_default();
    let change = match pin.asked_at.as_slice() {
        at if !at.is_empty() => format!(", a new one is asked for at {}", at.join(", ")),
        _ if pin.must_change => ", to be changed, and no gateway can ask for it".to_owned(),
        _ => String::new(),
    };
    format!("set{at}{by}{change}{used}")
}

fn passthrough(screen: &mut Screen, user: &UserShow) {
    if user.grants.is_empty() {
        fact(screen, "Passthrough", "none");
    }
    for grant in &user.grants {
        let until = screen.times.full(grant.until.0);
        let at = if grant.gateways.is_empty() {
            String::new()
        } else {
            format!(" at {}", grant.gateways.join(", "))
        };
        let words = format!(
            "{} {}{at} until {until}, by {}",
            grant.id, grant.status, grant.by
        );
        fact(screen, "Passthrough", &words);
    }
}

/// A table of tokens of one person.
pub(super) fn tokens(screen: &mut Screen, tokens: &[Token]) {
    let columns = [
        words("TOKEN"),
        types(tokens),
        words("STATUS"),
        words("LAST USED"),
        words("FAILURES"),
        free("DESCRIPTION"),
    ];
    let rows = tokens.iter().map(|token| {
        let used = token.last_used.as_ref().map_or_else(
            || "-".to_owned(),
            |used| format!("{} {}", screen.times.cell(used.at.0), used.gateway),
        );
        vec![
            token.id.clone(),
            of_type(token),
            token.status.to_uppercase(),
            used,
            text::of(token.failures, token.limit),
            description(token),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    table(screen, &columns, &rows);
}

/// The column of [`of_type`]: the words that commands take are never cut.
pub(super) fn types(tokens: &[Token]) -> Column {
    let least = tokens.iter().map(|token| {
        let label = own_label(token).map_or(0, |_| LABEL_LEAST);
        text::columns(&token.kind) + label
    });
    Column {
        least: least.max(),
        ..words("TYPE")
    }
}

/// The type as commands take it, and what the site calls it.
pub(super) fn of_type(token: &Token) -> String {
    match own_label(token) {
        Some(label) => format!("{} {label}", token.kind),
        None => token.kind.clone(),
    }
}

/// What the site calls the type of this token; none: what everybody does.
fn own_label(token: &Token) -> Option<&str> {
    let kind = TokenKind::by_name(&token.kind);
    let known = |language| kind.is_some_and(|kind| kind.words(language) == token.label);
    let own = !token.label.is_empty() && !known(Language::English) && !known(Language::German);
    own.then_some(token.label.as_str())
}

/// What a token is called, with what must not be overlooked.
pub(super) fn description(token: &Token) -> String {
    let mut parts = Vec::new();
    if !token.description.is_empty() {
        parts.push(token.description.clone());
    }
    parts.extend(
        token
            .serial
            .as_ref()
            .map(|serial| format!("serial {serial}")),
    );
    parts.extend(token.to.as_ref().map(|to| format!("to {to}")));
    parts.extend(token.questions.map(|count| format!("{count} questions")));
    parts.extend(token.codes_left.map(|left| format!("{left} codes left")));
    if token.resync_required {
        parts.push("resync needed".to_owned());
    }
    parts.join(", ")
}

/// What can be done now, what cannot, and who else may.
pub(super) fn actions(screen: &mut Screen, actions: &[ActionState]) {
    let allowed: Vec<&ActionState> = actions.iter().filter(|one| one.allowed).collect();
    if !allowed.is_empty() {
        screen.gap();
        screen.line("You can now");
    }
    let widths = allowed.iter().map(|one| text::columns(&one.line));
    let room = widths.filter(|width| *width <= LINE).max().unwrap_or(0);
    for one in allowed {
        let first = if one.first { "  <- first" } else { "" };
        screen.command_in("  ", &one.line, room, &format!("{}{first}", one.text));
    }
    let not_now = actions
        .iter()
        .filter(|one| !one.allowed && one.need.is_none());
    let not_now: Vec<String> = not_now
        .map(|one| match &one.why_not {
            Some(why) => format!("{}: {why}", one.command),
            None => one.command.clone(),
        })
        .collect();
    if !not_now.is_empty() {
        screen.say_after("Not now   ", &not_now.join("; "));
    }
    let not_you = actions.iter().filter_map(|one| {
        let need = one.need.as_ref().filter(|_| !one.allowed)?;
        Some(format!("{} ({need})", one.command))
    });
    let not_you: Vec<String> = not_you.collect();
    if !not_you.is_empty() {
        screen.say_after("Not you   ", &not_you.join(", "));
    }
}
