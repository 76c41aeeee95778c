//! Checks of authentication sets: groups of the types that this version builds.

use super::checked::Gateway;
use super::problems::{Collector, Found};
use super::raw::{Item, Raw, Value};
use super::settings::Settings;
use super::token_types;
use super::value;
use crate::domain::methods::sends_codes;
use crate::domain::token_record::TokenKind;

/// Most sets.
const SETS_MAX: usize = 64;

/// Most groups of a set: a sign-in asks ten questions at most.
const GROUPS_MAX: usize = 4;

/// What switches virtual tokens on or off; without it they are on where codes can be sent.
const VIRTUAL: &str = "token_types.virtual.enabled";

/// Types that the domain names and this version does not build.
const LATER: [&str; 2] = ["password", "push"];

/// Types that may stand in a set or at a gateway.
const KNOWN: &str = "totp, hotp, recovery, virtual, email, sms";

/// The sets by name; a single one named `default` if none is stated.
pub(super) fn sets(
    raw: &Raw,
    settings: &Settings<'_>,
    problems: &mut Collector<'_>,
) -> Vec<(String, Vec<Vec<TokenKind>>)> {
    let mut sets = Vec::new();
    for name in &raw.sets {
        if !value::is_name(&name.text) || sets.len() >= SETS_MAX {
            let text = format!("\"{}\" is no name for a set, or one too many", name.text);
            problems.add(Found::error(name.place, text).label(value::NAME_FORM));
        }
        sets.push((name.text.clone(), groups(name, settings, problems)));
    }
    if raw.sets.is_empty() {
        sets.push(("default".to_owned(), default_groups(settings, problems)));
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

fn groups(
    name: &Item,
    settings: &Settings<'_>,
    problems: &mut Collector<'_>,
) -> Vec<Vec<TokenKind>> {
    let path = format!("sets.{}", name.text);
    let Some(Value::Groups(groups)) = settings.value(&path) else {
        // What is wrong with it has been told.
        return Vec::new();
    };
    if groups.is_empty() || groups.len() > GROUPS_MAX {
        let text = format!("set {} has {} groups", name.text, groups.len());
        let label = format!("1 to {GROUPS_MAX}: each is one more method to show");
        problems.add(Found::error(settings.place(&[&path]), text).label(label));
    }
    let group = |group| kinds(name, group, settings, problems);
    groups.iter().map(Vec::as_slice).map(group).collect()
}

/// Warns of sets that a gateway has no way to ask for.
pub(super) fn asked_at(
    sets: &[(String, Vec<Vec<TokenKind>>)],
    gateways: &[Gateway],
    settings: &Settings<'_>,
    problems: &mut Collector<'_>,
) {
    for (name, groups) in sets {
        let sent = groups
            .first()
            .is_some_and(|group| !group.is_empty() && group.iter().all(|kind| kind.is_sent()));
        for gateway in gateways.iter().map(|gateway| &gateway.policy) {
            let why = if groups.len() > 1 && !gateway.challenge {
                "the set has several groups, and `challenge` is false there"
            } else if sent && !sends_codes(gateway) {
                "its codes are sent, and there none is before the first factor is right"
            } else {
                continue;
            };
            let place = settings.place(&[&format!("sets.{name}")]);
            let text = format!("nobody of set {name} signs in at {}", gateway.name);
            problems.add(Found::warning("W036", place, text).label(why));
        }
    }
}

/// The types of one group.
fn kinds(
    name: &Item,
    group: &[Item],
    settings: &Settings<'_>,
    problems: &mut Collector<'_>,
) -> Vec<TokenKind> {
    if group.is_empty() {
        let place = settings.place(&[&format!("sets.{}", name.text)]);
        let text = format!("set {} has an empty group", name.text);
        problems.add(Found::error(place, text).label("nobody could sign in"));
    }
    // As in the default, it may stand beside others where nothing is sent.
    let alone = group.len() == 1;
    let mut kinds = Vec::new();
    for item in group {
        if let Some(kind) = kind(item, problems) {
            if kind == TokenKind::Recovery {
                let found = Found::error(item.place, "a recovery code stands in for any token");
                problems.add(found.label("leave it out: `recovery.allow_login` decides"));
            } else if !token_types::is_enabled(settings, kind)
                && (alone || kind != TokenKind::Virtual || settings.stated(VIRTUAL))
            {
                let text = format!("set {} asks for {}, which is off", name.text, kind.name());
                let label = format!("`token_types.{}.enabled` is false", kind.name());
                problems.add(Found::error(item.place, text).label(label));
            }
            kinds.push(kind);
        }
    }
    kinds
}

/// The set that there is without any: its types as far as they are not switched off.
fn default_groups(settings: &Settings<'_>, problems: &mut Collector<'_>) -> Vec<Vec<TokenKind>> {
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
    if kinds.is_empty() {
        let place = settings.line(&["token_types.totp.enabled", "token_types.hotp.enabled"]);
        let found = Found::error(place, "every type of token is switched off");
        problems.add(found.label("nobody could sign in"));
    }
    vec![kinds]
}

/// A type of token by its name.
pub(super) fn kind(item: &Item, problems: &mut Collector<'_>) -> Option<TokenKind> {
    let kind = TokenKind::by_name(&item.text);
    if kind == Some(TokenKind::Qa) {
        let found = Found::error(item.place, "answers to questions let nobody in");
        problems.add(found.label(format!("one of {KNOWN}")));
        return None;
    }
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
