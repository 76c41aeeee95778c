//! `dialogue list`, `dialogue end`.

use crate::control::reply::OpenDialogue;
use crate::ctl::errors::Trouble;
use crate::ctl::output::list::{List, Shape};
use crate::ctl::output::table::{numbers, table, words};
use crate::ctl::output::{Screen, text};
use crate::ctl::verb::{Given, Kind, LIMIT, Run, Verb, flag, must};

pub(super) const VERBS: &[Verb] = &[
    Verb {
        name: "dialogue list",
        method: "org.mfad.Auth.DialogueList",
        about: "List the questions at sign-ins that wait for their answers",
        takes: &[
            flag(
                "user",
                "user",
                Kind::Text,
                "USER",
                "of this person only; everybody if not stated",
            )
            .completed("user"),
            LIMIT,
        ],
        examples: &["mfactl dialogue list", "mfactl dialogue list --user alice"],
        more: "",
        run: Run::List(&Shape {
            rows: "rows",
            csv: &["id", "user", "kind", "gateway", "rounds", "opened", "until"],
            lines: false,
            log: false,
            show: list,
        }),
    },
    Verb {
        name: "dialogue end",
        method: "org.mfad.Auth.DialogueEnd",
        about: "End a question at a sign-in: no answer to it counts",
        takes: &[must(
            "ID",
            "dialogue",
            "d-8F3K2, of `mfactl dialogue list`",
            "",
        )],
        examples: &["mfactl dialogue end d-8F3K2"],
        more: "A new sign-in begins anew; `mfactl user lock` keeps a person out.",
        run: Run::Change,
    },
];

fn list(screen: &mut Screen, _: &Given, list: &List) -> Result<u8, Trouble> {
    let rows: Vec<OpenDialogue> = list.read()?;
    if rows.is_empty() {
        screen.say("Nobody is asked anything.");
        return Ok(0);
    }
    let columns = [
        words("ID"),
        words("USER"),
        words("ASKED FOR"),
        words("GATEWAY"),
        numbers("QUESTION"),
        words("SINCE"),
        words("UNTIL"),
    ];
    let line = |dialogue: &OpenDialogue| {
        vec![
            dialogue.id.clone(),
            dialogue.user.clone(),
            dialogue.asked.clone(),
            dialogue.gateway.clone(),
            dialogue.rounds.to_string(),
            screen.times.moment(dialogue.opened.0),
            screen.times.moment(dialogue.until.0),
        ]
    };
    let lines: Vec<Vec<String>> = rows.iter().map(line).collect();
    table(screen, &columns, &lines);
    if screen.legend {
        let count = text::count(rows.len(), "question", "questions");
        screen.say(&format!("{count}."));
    }
    Ok(0)
}
