//! `notify ..`.

use crate::control::reply::Notification;
use crate::ctl::errors::Trouble;
use crate::ctl::output::list::{List, Shape};
use crate::ctl::output::table::{free, table, words};
use crate::ctl::output::{Screen, text};
use crate::ctl::verb::{Given, Kind, LIMIT, Run, USER, Verb, flag};

pub(super) const VERBS: &[Verb] = &[
    Verb {
        name: "notify list",
        method: "org.mfad.Notify.List",
        about: "List the messages to a person: what waits, what was sent, what was given up",
        takes: &[USER, LIMIT],
        examples: &["mfactl notify list alice"],
        more: "What waits stands first, then the newest.",
        run: Run::List(&Shape {
            rows: "rows",
            csv: &["at", "status", "what", "channel", "to", "why", "seq"],
            lines: false,
            log: false,
            show: list,
        }),
    },
    Verb {
        name: "notify test",
        method: "org.mfad.Notify.Test",
        about: "Send a test message, and say what the mail server or SMS gateway says",
        takes: &[flag(
            "to",
            "to",
            Kind::Text,
            "ADDRESS",
            "e-mail address, or telephone number with its country code; all of notify.admins if not \
             stated",
        )],
        examples: &[
            "mfactl notify test",
            "mfactl notify test --to root@example.org",
            "mfactl notify test --to +491701234567",
        ],
        more: "It goes past what waits, and nothing is left of it.",
        run: Run::Change,
    },
];

fn list(screen: &mut Screen, _: &Given, list: &List) -> Result<u8, Trouble> {
    let rows: Vec<Notification> = list.read()?;
    if rows.is_empty() {
        screen.say("No message.");
        return Ok(0);
    }
    let columns = [
        words("TIME"),
        words("STATUS"),
        words("WHAT"),
        words("TO"),
        free("WHY NOT"),
    ];
    let lines = rows.iter().map(|one| {
        vec![
            screen.times.moment(one.at.0),
            one.status.clone(),
            one.what.clone(),
            one.to.clone(),
            one.why.clone().unwrap_or_default(),
        ]
    });
    let lines: Vec<Vec<String>> = lines.collect();
    table(screen, &columns, &lines);
    if screen.legend {
        let count = text::count(rows.len(), "message", "messages");
        screen.say(&format!("{count}."));
        for (status, advice) in ADVICE {
            if rows
                .iter()
                .any(|one| one.status == status && one.why.is_some())
            {
                screen.say(advice);
            }
        }
    }
    Ok(0)
}

/// What is to be done about messages that did not arrive, by what became of them.
const ADVICE: [(&str, &str); 2] = [
    (
        "waiting",
        "What waits is tried again: see mfactl status, and mfactl notify test once its server is \
         mended.",
    ),
    (
        "failed",
        "What failed is not sent again: give its command once more, or send it another way.",
    ),
];
