//! `token migrate`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::control::reply::Done;
use crate::ctl::errors::Trouble;
use crate::ctl::many::{self, Many};
use crate::ctl::output::{Screen, text};
use crate::ctl::verb::{Given, Kind, Run, Verb, flag};
use crate::ctl::{Session, change};

/// People that are named of those who are left for the same reason.
const NAMED: usize = 5;

pub(super) const VERB: Verb = Verb {
    name: "token migrate",
    method: "org.mfad.Tokens.Migrate",
    about: "Replace tokens that have an address of their own by virtual ones",
    takes: &[
        flag(
            "from",
            "from",
            Kind::Words(&["sms", "email"]),
            "TYPE",
            "sms or email",
        )
        .needed(),
        flag("to", "to", Kind::Words(&["virtual"]), "TYPE", "virtual").needed(),
        flag(
            "user",
            "user",
            Kind::Text,
            "USER",
            "of this person only; everybody if not stated",
        )
        .completed("user"),
    ],
    examples: &[
        "mfactl token migrate --from sms --to virtual --dry-run",
        "mfactl token migrate --from sms --to virtual --user alice",
    ],
    more: "A virtual token sends to the main address of its owner. So a token is replaced whose \
           address that is, or becomes because there is none yet; it is proven, disabled and locked \
           as the one before. Tokens that are void go. Everybody is told. Given again it goes on. Of \
           everybody, the number of people is typed, or stated by a script: --yes --expect N.",
    run: Run::Special(run),
};

fn run(session: &mut Session, given: &Given) -> Result<u8, Trouble> {
    if given.text("user").is_some() {
        return change::run(session, given);
    }
    let mut payload = given.payload(&session.screen.times)?;
    if given.common.dry_run {
        payload.set("dry_run", true);
    }
    if session.shown_call(given, &payload, true) {
        return Ok(0);
    }
    let how = Many {
        doing: "moving",
        people: "people",
        beside: left,
    };
    let done = many::run(session, given, payload, &how, |_| Ok(()))?;
    finish(session, given, done)
}

/// Exit status 1 if somebody is left as they were.
fn finish(session: &mut Session, given: &Given, done: Done) -> Result<u8, Trouble> {
    let left_some = done.data.get("left").and_then(Value::as_u64) > Some(0);
    if !given.common.json() && !given.common.quiet {
        left(&mut session.screen, &done);
    }
    change::finish(session, given, done, None)?;
    Ok(u8::from(left_some))
}

/// Who is left as they were, one line for each reason.
fn left(screen: &mut Screen, done: &Done) {
    let mut groups: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    let rows = done.data.get("rows").and_then(Value::as_array);
    for row in rows.into_iter().flatten() {
        let word = |name| row.get(name).and_then(Value::as_str).unwrap_or_default();
        let group = groups.entry((word("code"), word("reason"))).or_default();
        group.push(word("user"));
    }
    for ((code, reason), people) in groups {
        let named = people.iter().take(NAMED).copied().collect::<Vec<_>>();
        let more = if people.len() > NAMED { ", .." } else { "" };
        let count = text::right(&text::number(people.len() as u64), 7);
        let head = format!("{count}  {}", text::left(code, 10));
        screen.say_after(&head, &format!("{reason}: {}{more}", named.join(", ")));
    }
}
