//! The screens of `token list`, `token find` and `token show`.

use serde_json::Value;

use super::user_show;
use crate::control::reply::{Authenticator, Instant, Token, TokenList, TokenShow, TokenTypes};
use crate::ctl::errors::Trouble;
use crate::ctl::output::list::List;
use crate::ctl::output::table::{free, table, words};
use crate::ctl::output::{Screen, text};
use crate::ctl::read;
use crate::ctl::verb::Given;

pub(super) fn list(screen: &mut Screen, given: &Given, answer: &Value) -> Result<u8, Trouble> {
    let list: TokenList = read(answer)?;
    screen.strong(&format!("{}  {}", list.user, list.state));
    if given.text("view") == Some("authenticators") {
        authenticators(screen, &list.authenticators);
    } else if list.tokens.is_empty() {
        screen.say("No token.");
    } else {
        user_show::tokens(screen, &list.tokens);
    }
    Ok(0)
}

fn authenticators(screen: &mut Screen, all: &[Authenticator]) {
    let columns = [
        words("TYPE"),
        words("TOKEN"),
        words("STATUS"),
        words("LAST SUCCESS"),
        words("AT"),
        words("LAST FAILURE"),
        words("REGISTERED"),
        words("LOCK ENDS"),
        free("DEVICE"),
    ];
    let none = || "-".to_owned();
    let rows = all.iter().map(|one| {
        let at = |at: Option<Instant>| at.map_or_else(none, |at| screen.times.day(at.0));
        vec![
            one.kind.clone(),
            one.id.clone().unwrap_or_else(none),
            one.status.to_uppercase(),
            at(one.last_success),
            one.last_application.clone().unwrap_or_else(none),
            at(one.last_failure),
            at(one.registered_at),
            at(one.locked_until),
            one.last_device.clone().unwrap_or_else(none),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    table(screen, &columns, &rows);
}

pub(super) fn found(screen: &mut Screen, _: &Given, list: &List) -> Result<u8, Trouble> {
    let rows: Vec<Token> = list.read()?;
    if rows.is_empty() {
        screen.say("No token matches.");
        return Ok(0);
    }
    let columns = [
        words("TOKEN"),
        words("USER"),
        user_show::types(&rows),
        words("STATUS"),
        words("LAST USED"),
        words("EXPIRES"),
        free("DESCRIPTION"),
    ];
    let none = || "-".to_owned();
    let lines = rows.iter().map(|token| {
        vec![
            token.id.clone(),
            token.user.clone(),
            user_show::of_type(token),
            token.status.to_uppercase(),
            token
                .last_used
                .as_ref()
                .map_or_else(none, |used| screen.times.day(used.at.0)),
            token.expires.map_or_else(none, |at| screen.times.day(at.0)),
            user_show::description(token),
        ]
    });
    let lines: Vec<Vec<String>> = lines.collect();
    table(screen, &columns, &lines);
    if screen.legend {
        let more = if list.cut {
            " There are more: --limit N."
        } else {
            ""
        };
        screen.say(&format!(
            "{}.{more}",
            text::count(rows.len(), "token", "tokens")
        ));
    }
    Ok(0)
}

pub(super) fn show(screen: &mut Screen, _: &Given, answer: &Value) -> Result<u8, Trouble> {
    let show: TokenShow = read(answer)?;
    screen.times.set_now(show.now.0);
    let token = &show.token;
    let status = token.status.to_uppercase();
    screen.strong(&format!(
        "{}  {} of {}  {status}",
        token.id, token.label, token.user
    ));
    for (label, words) in facts(screen, token) {
        screen.say_after(&text::left(label, 13), &words);
    }
    if token.locked_at.is_some() || token.failures > 0 || token.total > 0 {
        let words = format!(
            "{} in a row, {} of {} in all",
            text::of(token.failures, token.limit),
            token.total,
            token.hard_cap
        );
        screen.say_after(&text::left("Failures", 13), &words);
    }
    if show.last_one {
        screen.say(&format!(
            "It is the only token {} can log in with.",
            token.user
        ));
    }
    user_show::actions(screen, &show.actions);
    Ok(0)
}

pub(super) fn types(screen: &mut Screen, _: &Given, answer: &Value) -> Result<u8, Trouble> {
    let all: TokenTypes = read(answer)?;
    let columns = [
        words("TYPE"),
        words("STATUS"),
        words("ADDED BY"),
        words("AT GATEWAYS"),
        words("ENGLISH"),
        free("GERMAN"),
    ];
    let rows = all.types.iter().map(|one| {
        let status = match (one.status.as_str(), one.enabled) {
            ("obsolete", _) => "OBSOLETE",
            (_, true) => "on",
            (_, false) => "off",
        };
        let by = match (status, one.operator_enrol) {
            ("on", true) => "operators",
            _ => "nobody",
        };
        let asked = if one.asked_for { "yes" } else { "no" };
        let cells = [status, by, asked, &one.label_en, &one.label_de];
        let cells = cells.into_iter().map(str::to_owned);
        [one.kind.clone()].into_iter().chain(cells).collect()
    });
    let rows: Vec<Vec<String>> = rows.collect();
    table(screen, &columns, &rows);
    Ok(0)
}

fn facts(screen: &Screen, token: &Token) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let mut fact = |label, words: Option<String>| {
        if let Some(words) = words.filter(|words| !words.is_empty()) {
            facts.push((label, words));
        }
    };
    let at = |at: Instant| screen.times.moment(at.0);
    fact("Description", Some(token.description.clone()));
    fact("Serial", token.serial.clone());
    let via = token.via.as_deref().unwrap_or_default();
    let to = token.to.as_deref().unwrap_or("no address");
    fact(
        "Codes go",
        (!via.is_empty()).then(|| format!("by {via} to {to}")),
    );
    let form = token.algorithm.as_ref().map(|algorithm| {
        let digits = token.digits.unwrap_or_default();
        let period = token
            .period_s
            .map(|period| format!(", {period} s"))
            .unwrap_or_default();
        format!("{algorithm}, {digits} digits{period}")
    });
    fact("Form", form);
    fact("Counter", token.counter.map(text::number));
    fact(
        "Drift",
        token.drift_steps.map(|steps| format!("{steps} steps")),
    );
    fact(
        "Seed",
        token.weak.then(|| "shorter than it should be".to_owned()),
    );
    fact(
        "Created",
        Some(format!("{} by {}", at(token.created), token.created_by)),
    );
    fact("Registered", token.registered_at.map(at));
    fact("Activated", token.activated_at.map(at));
    let used = token.last_used.as_ref().map(|used| {
        let from = if used.station.is_empty() {
            String::new()
        } else {
            format!(" from {}", used.station)
        };
        format!("{} {}{from}", at(used.at), used.gateway)
    });
    fact("Last used", used);
    fact("Last failed", token.last_failed.map(at));
    fact("Last tested", token.last_tested.map(at));
    fact("Expires", token.expires.map(|at| screen.times.full(at.0)));
    fact(
        "Disabled",
        token
            .disabled_until
            .map(|at| format!("until {}", screen.times.full(at.0))),
    );
    fact("Obsolete", token.obsolete_reason.clone());
    let locked = token.locked_at.map(|since| match token.locked_until {
        Some(until) => format!("since {}, until {}", at(since), screen.times.full(until.0)),
        None => format!("since {}, until someone unlocks", at(since)),
    });
    fact("Locked", locked);
    fact("Codes left", token.codes_left.map(|left| left.to_string()));
    fact("Questions", token.questions.map(|count| count.to_string()));
    let resync = token
        .resync_required
        .then(|| "two codes in a row are needed".to_owned());
    fact("Resync", resync);
    facts
}
