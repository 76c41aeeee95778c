//! Checks of authentication sets: one group of the types that this version builds.

use super::problems::{Collector, Found};
use super::raw::{Item, Raw, Value};
use super::settings::Settings;
use super::token_types;
use super::value;
use crate::domain::token_record::TokenKind;

/// Most sets.
const SETS_MAX: usize = 64;

/// Types that the domain names and this version does not build.
const LATER: [&str; 3] = ["password", "qa", "push"];

/// Types that may stand in a set or at a gateway.
const KNOWN: &str = "totp, hotp, recovery, virtual, email, sms";

/// The sets by name; a single one named `default` if none is stated.
pub(super) fn sets(
    raw: &Raw,
    settings: &Settings<'_>,
    problems: &mut Collector<'_>,
) -> Vec<(String, Vec<TokenKind>)> {
    let mut sets = Vec::new();
    for name in &raw.sets {
        if !value::is_name(&name.text) || sets.len() >= SETS_MAX {
            let text = format!("\"{}\" is no name for a set, or one too many", name.text);
            problems.add(Found::error(name.place, text).label(value::NAME_FORM));
        }
        sets.push((name.text.clone(), group(name, settings, problems)));
    }
    if raw.sets.is_empty() {
        sets.push(("default".to_owned(), default_group(settings, problems)));
    }
    let default = settings.text("default_set").unwrap_or_default();
    if !sets.iter().any(|(name, _)| name == default) {
        let known: Vec<&str> = sets.iter().map(|(name, _)| name.as_str()).collect();
        let place = match raw.sets.first() {
            Some(first) if !settings.stated("default_set") => first.place,
            _ => settings.place(&["default_set"]),
        };
        let found = Found::error(
            place,
            format!("`default_set`: there is no set \"{default}\""),
        );
        problems.add(found.label(format!("known: {}", known.join(", "))));
    }
    sets
}

fn group(name: &Item, settings: &Settings<'_>, problems: &mut Collector<'_>) -> Vec<TokenKind> {
    let path = format!("sets.{}", name.text);
    let groups = match settings.value(&path) {
        Some(Value::Groups(groups)) => groups.as_slice(),
        // What is wrong with it has been told.
        _ => return Vec::new(),
    };
    let [group] = groups else {
        let found = Found::error(
            settings.place(&[&path]),
            format!("set {} has {} groups", name.text, groups.len()),
        );
        problems.add(
            found
                .number("E103")
                .label("this version knows sets of one group"),
        );
        return Vec::new();
    };
    if group.is_empty() {
        let text = format!("set {} has an empty group", name.text);
        problems.add(Found::error(settings.place(&[&path]), text).label("nobody could sign in"));
    }
    let mut kinds = Vec::new();
    for item in group {
        if let Some(kind) = kind(item, problems) {
            if kind == TokenKind::Recovery {
                let found = Found::error(item.place, "a recovery code stands in for any token");
                problems.add(found.label("leave it out: `recovery.allow_login` decides"));
            } else if !token_types::is_enabled(settings, kind) {
                let text = format!("set {} asks for {}, which is off", name.text, kind.name());
                let label = format!("`token_types.{}.enabled` is false", kind.name());
                problems.add(Found::error(item.place, text).label(label));
            }
            kinds.push(kind);
        }
    }
    if !kinds.is_empty() && kinds.iter().all(|kind| kind.is_sent()) {
        let text = format!("set {} has only types whose codes are sent", name.text);
        let found = Found::error(settings.place(&[&path]), text).number("E103");
        problems.add(
            found.label("no gateway asks for such a code in this version: nobody could sign in"),
        );
    }
    kinds
}

/// The set that there is without any: its types as far as they are not switched off.
fn default_group(settings: &Settings<'_>, problems: &mut Collector<'_>) -> Vec<TokenKind> {
    let enabled = |kind: &TokenKind| token_types::is_enabled(settings, *kind);
    let kinds: Vec<TokenKind> = match value::fallback("sets.NAME") {
        Some(Value::Groups(groups)) => groups
            .iter()
            .flatten()
            .filter_map(|item| TokenKind::by_name(&item.text))
            .filter(enabled)
            .collect(),
        _ => Vec::new(),
    };
    if !kinds.iter().any(|kind| kind.computes()) {
        let place = settings.line(&["token_types.totp.enabled", "token_types.hotp.enabled"]);
        let found = Found::error(place, "every type of token is switched off");
        problems.add(found.label("nobody could sign in"));
    }
    kinds
}

/// A type of token by its name.
pub(super) fn kind(item: &Item, problems: &mut Collector<'_>) -> Option<TokenKind> {
    let kind = TokenKind::by_name(&item.text);
    if kind.is_none() && LATER.contains(&item.text.as_str()) {
        let text = format!("type \"{}\" is not in this version", item.text);
        let found = Found::error(item.place, text).number("E103");
        problems.add(found.label(format!("one of {KNOWN}")));
    } else if kind.is_none() {
        let text = format!("\"{}\" is no type of token", item.text);
        problems.add(Found::error(item.place, text).label(format!("one of {KNOWN}")));
    }
    kind
}
