//! `hw ..`: hardware tokens without an owner.

use super::hw_import;
use super::token::FORCE;
use crate::control::reply::Hardware;
use crate::ctl::errors::Trouble;
use crate::ctl::output::list::{List, Shape};
use crate::ctl::output::table::{numbers, table, words};
use crate::ctl::output::{Screen, text};
use crate::ctl::verb::{Given, Kind, LIMIT, Run, Verb, flag, must};

pub(super) const VERBS: &[Verb] = &[
    Verb {
        name: "hw list",
        method: "org.mfad.Tokens.HwList",
        about: "List hardware tokens without an owner",
        takes: &[
            flag(
                "serial",
                "serial",
                Kind::Text,
                "S",
                "serial, or its beginning",
            )
            .completed("hw_serial"),
            LIMIT,
        ],
        examples: &["mfactl hw list --serial FT-22"],
        more: "",
        run: Run::List(&Shape {
            rows: "rows",
            csv: &[
                "serial",
                "kind",
                "algorithm",
                "digits",
                "period_s",
                "expires",
                "created",
                "compromised",
            ],
            lines: false,
            log: false,
            show: pool,
        }),
    },
    Verb {
        name: "hw import",
        method: "org.mfad.Tokens.HwImport",
        about: "Bring the hardware tokens of a file into the pool",
        takes: hw_import::TAKES,
        examples: &[
            "mfactl hw import feitian.csv --dry-run",
            "mfactl hw import vendor.xml --key",
        ],
        more: "Every record is judged before the first is written; with a bad one nothing is, unless \
               --skip-bad. The same file once more goes on where it ended. If counters of people \
               would move, the number of people is typed, or stated by a script: --yes --expect N. \
               What comes of which format: docs/migrate.md.",
        run: Run::Special(hw_import::run),
    },
    Verb {
        name: "hw unassign",
        method: "org.mfad.Tokens.HwUnassign",
        about: "Take a hardware token from its owner",
        takes: &[must("SERIAL", "serial", "printed on it", "serial"), FORCE],
        examples: &["mfactl hw unassign FT-2204417"],
        more: "",
        run: Run::Change,
    },
];

fn pool(screen: &mut Screen, _: &Given, list: &List) -> Result<u8, Trouble> {
    let rows: Vec<Hardware> = list.read()?;
    if rows.is_empty() {
        screen.say("No hardware token is without an owner.");
        return Ok(0);
    }
    let columns = [
        words("SERIAL"),
        words("TYPE"),
        words("ALGORITHM"),
        numbers("DIGITS"),
        words("EXPIRES"),
        words("SINCE"),
        words("STATUS"),
    ];
    let lines = rows.iter().map(|one| {
        vec![
            one.serial.clone(),
            one.kind.clone(),
            one.algorithm.clone(),
            one.digits.to_string(),
            one.expires
                .map_or_else(|| "-".to_owned(), |at| screen.times.day(at.0)),
            screen.times.day(one.created.0),
            if one.compromised {
                "COMPROMISED"
            } else {
                "FREE"
            }
            .to_owned(),
        ]
    });
    let lines: Vec<Vec<String>> = lines.collect();
    table(screen, &columns, &lines);
    if screen.legend {
        screen.say(&format!(
            "{} without an owner.",
            text::count(rows.len(), "token", "tokens")
        ));
    }
    Ok(0)
}
