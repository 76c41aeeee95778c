//! `set ..`.

use serde_json::Value;

use crate::control::reply::{SetLack, SetList, SetRow, SetShow};
use crate::ctl::errors::Trouble;
use crate::ctl::output::table::{free, numbers, table, words};
use crate::ctl::output::{Screen, text};
use crate::ctl::read;
use crate::ctl::verb::{Given, Run, Verb, must};

pub(super) const VERBS: &[Verb] = &[
    Verb {
        name: "set list",
        method: "org.mfad.Users.SetList",
        about: "List the authentication sets, with how many people each has",
        takes: &[],
        examples: &["mfactl set list"],
        more: "Sets stand in the configuration: `sets.NAME`, `default_set`.",
        run: Run::Show(list),
    },
    Verb {
        name: "set show",
        method: "org.mfad.Users.SetShow",
        about: "Show what a set asks for, and who lacks a token for it",
        takes: &[must("SET", "set", "authentication set", "set")],
        examples: &["mfactl set show default"],
        more: "Counted are people who take a seat.",
        run: Run::Show(show),
    },
];

/// `totp or hotp, and email`.
pub(super) fn asked(groups: &[Vec<String>]) -> String {
    let groups: Vec<String> = groups.iter().map(|kinds| kinds.join(" or ")).collect();
    groups.join(", and ")
}

fn list(screen: &mut Screen, _: &Given, answer: &Value) -> Result<u8, Trouble> {
    let list: SetList = read(answer)?;
    let columns = [
        words("SET"),
        words("ASKS FOR"),
        numbers("PEOPLE"),
        numbers("LACK A TOKEN"),
        words("NOTE"),
    ];
    let line = |row: &SetRow| {
        let note = match (row.known, row.default) {
            (false, _) => "not in the configuration",
            (true, true) => "default",
            (true, false) => "",
        };
        vec![
            row.set.clone(),
            asked(&row.groups),
            text::number(row.people),
            text::number(row.lacking),
            note.to_owned(),
        ]
    };
    let rows: Vec<Vec<String>> = list.rows.iter().map(line).collect();
    table(screen, &columns, &rows);
    if list.rows.iter().any(|row| !row.known) {
        screen.say("No token counts for people of a set that is not in the configuration.");
    }
    Ok(0)
}

fn show(screen: &mut Screen, _: &Given, answer: &Value) -> Result<u8, Trouble> {
    let set: SetShow = read(answer)?;
    let default = if set.default { ", the default" } else { "" };
    screen.strong(&format!("{}{default}: {}", set.set, asked(&set.groups)));
    if set.recovery {
        screen.say("A recovery code stands in for a token.");
    }
    let (people, lacking) = (text::number(set.people), text::number(set.lacking));
    screen.say(&format!(
        "{people} people; {lacking} lack a usable token for it."
    ));
    if set.rows.is_empty() {
        return Ok(0);
    }
    let columns = [words("USER"), words("STATE"), words("LACKS"), free("NAME")];
    let line = |row: &SetLack| {
        vec![
            row.user.clone(),
            row.state.clone(),
            asked(&row.missing),
            row.display_name.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = set.rows.iter().map(line).collect();
    table(screen, &columns, &rows);
    if (set.rows.len() as u64) < set.lacking {
        let shown = text::number(set.rows.len() as u64);
        screen.say(&format!("The first {shown} are shown."));
    }
    Ok(0)
}
