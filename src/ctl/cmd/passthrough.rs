//! `passthrough ..`.

use serde_json::Value;

use crate::control::reply::{Grant, GrantUse};
use crate::ctl::errors::Trouble;
use crate::ctl::output::list::{List, Shape};
use crate::ctl::output::table::{free, numbers, table, words};
use crate::ctl::output::{Screen, text};
use crate::ctl::time::distance;
use crate::ctl::verb::{Given, Kind, LIMIT, Run, USER, Verb, flag, must};

pub(super) const VERBS: &[Verb] = &[
    Verb {
        name: "passthrough enable",
        method: "org.mfad.Passthrough.Enable",
        about: "Let a person in without a code for a while",
        takes: &[
            USER,
            flag("for", "for_s", Kind::Span, "SPAN", "so long: 8h, 2d, 1w"),
            flag("until", "until", Kind::End, "T", "until then"),
            flag(
                "from",
                "from",
                Kind::Start,
                "T",
                "from then on; now if not stated",
            ),
            flag(
                "gateway",
                "gateways",
                Kind::List(&[]),
                "G",
                "only there; may be repeated",
            )
            .completed("gateway"),
        ],
        examples: &[
            "mfactl passthrough enable alice --for 2d -r \"phone in repair\"",
            "mfactl passthrough enable alice --until 18:00 --gateway vpn1 -r \"ticket 4711\"",
        ],
        more: "The first factor is always asked for. Longer than the default needs an admin.",
        run: Run::Change,
    },
    Verb {
        name: "passthrough renew",
        method: "org.mfad.Passthrough.Renew",
        about: "Prolong a passthrough",
        takes: &[must("USER", "user", "login name", "grant")],
        examples: &["mfactl passthrough renew alice -r \"repair takes longer\""],
        more: "",
        run: Run::Change,
    },
    Verb {
        name: "passthrough disable",
        method: "org.mfad.Passthrough.Disable",
        about: "End a passthrough",
        takes: &[must("USER", "user", "login name", "grant")],
        examples: &["mfactl passthrough disable alice"],
        more: "The next request asks for the second factor again.",
        run: Run::Change,
    },
    Verb {
        name: "passthrough list",
        method: "org.mfad.Passthrough.List",
        about: "List who logs in without a code, and until when",
        takes: &[
            flag(
                "expiring",
                "expiring_s",
                Kind::Span,
                "SPAN",
                "ends within it",
            ),
            LIMIT,
        ],
        examples: &["mfactl passthrough list --expiring 24h"],
        more: "",
        run: Run::List(&Shape {
            rows: "rows",
            csv: &[
                "id",
                "user",
                "status",
                "from",
                "until",
                "left_s",
                "gateways",
                "by",
                "reason",
                "renewals",
                "renewals_max",
                "uses",
                "last_use",
                "revoked_by",
                "revoked_at",
            ],
            lines: false,
            log: false,
            show: list,
        }),
    },
    Verb {
        name: "passthrough uses",
        method: "org.mfad.Passthrough.Uses",
        about: "List the logins under a person's passthrough",
        takes: &[must("USER", "user", "login name", "grant"), LIMIT],
        examples: &["mfactl passthrough uses alice"],
        more: "",
        run: Run::List(&Shape {
            rows: "rows",
            csv: &["seq", "at", "grant", "gateway", "station"],
            lines: false,
            log: false,
            show: uses,
        }),
    },
];

fn list(screen: &mut Screen, _: &Given, list: &List) -> Result<u8, Trouble> {
    let rows: Vec<Grant> = list.read()?;
    if rows.is_empty() {
        screen.say("Nobody logs in without a code.");
        return Ok(0);
    }
    let ends = format!("ENDS ({})", screen.times.zone_name());
    let mut columns = [
        words("GRANT"),
        words("USER"),
        words("ENDS"),
        numbers("LEFT"),
        words("AT"),
        words("BY"),
        words("RENEWED"),
        numbers("USED"),
        free("REASON"),
    ];
    let ends: &'static str = Box::leak(ends.into_boxed_str());
    if let Some(column) = columns.get_mut(2) {
        column.title = ends;
    }
    let lines = rows.iter().map(|one| {
        let left = if one.status == "valid" {
            distance(one.left_s)
        } else {
            one.status.clone()
        };
        let at = if one.gateways.is_empty() {
            "all".to_owned()
        } else {
            one.gateways.join(",")
        };
        let renewed = if one.renewals == 0 {
            "0".to_owned()
        } else {
            format!("{} of {}", one.renewals, one.renewals_max)
        };
        vec![
            one.id.clone(),
            one.user.clone(),
            screen.times.weekday(one.until.0),
            left,
            at,
            one.by.clone(),
            renewed,
            one.uses.to_string(),
            one.reason.clone(),
        ]
    });
    let lines: Vec<Vec<String>> = lines.collect();
    table(screen, &columns, &lines);
    if screen.legend {
        let mut line = format!("{}.", text::count(rows.len(), "grant", "grants"));
        let notes = list.rest.get("notes").and_then(Value::as_array);
        for note in notes.into_iter().flatten().filter_map(Value::as_str) {
            line = format!("{line} {note}");
        }
        screen.say(&line);
    }
    Ok(0)
}

fn uses(screen: &mut Screen, _: &Given, list: &List) -> Result<u8, Trouble> {
    let rows: Vec<GrantUse> = list.read()?;
    if rows.is_empty() {
        screen.say("No login under a passthrough.");
        return Ok(0);
    }
    let columns = [
        words("TIME"),
        words("GRANT"),
        words("GATEWAY"),
        words("FROM"),
        numbers("AUDIT"),
    ];
    let lines = rows.iter().map(|one| {
        vec![
            screen.times.moment(one.at.0),
            one.grant.clone(),
            one.gateway.clone(),
            if one.station.is_empty() {
                "-".to_owned()
            } else {
                one.station.clone()
            },
            text::number(one.seq),
        ]
    });
    let lines: Vec<Vec<String>> = lines.collect();
    table(screen, &columns, &lines);
    if screen.legend {
        screen.say(&format!("{}.", text::count(rows.len(), "login", "logins")));
    }
    Ok(0)
}
