//! `audit log`, `audit verify`, `audit archive`.

use serde_json::{Map, Value};

use crate::control::reply::{Archived, AuditEntry, AuditVerify, Damage, Instant};
use crate::ctl::errors::Trouble;
use crate::ctl::output::list::{List, Shape};
use crate::ctl::output::table::{free, numbers, table, words};
use crate::ctl::output::{Screen, text};
use crate::ctl::read;
use crate::ctl::verb::{FOLLOW, Given, Kind, LIMIT, Run, SINCE, UNTIL, Verb, flag, may};

pub(super) const VERBS: &[Verb] = &[
    Verb {
        name: "audit log",
        method: "org.mfad.Audit.Log",
        about: "List who changed what, and every verdict",
        takes: &[
            may("USER", "user", "only about this person", "user"),
            flag(
                "event",
                "event",
                Kind::Text,
                "E",
                "this event, or its family: user, auth",
            ),
            flag("actor", "actor", Kind::Text, "A", "caused by this operator"),
            flag(
                "request",
                "request",
                Kind::Text,
                "ID",
                "in answer to this request",
            ),
            SINCE,
            UNTIL,
            LIMIT,
            FOLLOW,
        ],
        examples: &[
            "mfactl audit log alice --since 1d",
            "mfactl audit log --request 7f3a-1a07",
        ],
        more: "Without --since the last 100 are shown. --json has the records as they are stored.",
        run: Run::List(&Shape {
            rows: "entries",
            csv: &[
                "seq",
                "record.wall",
                "record.event",
                "record.result",
                "record.actor.kind",
                "record.actor.name",
                "record.target.user",
                "record.target.token",
                "record.from.gateway",
                "record.reason",
                "record.request",
            ],
            lines: false,
            log: true,
            show: log,
        }),
    },
    Verb {
        name: "audit verify",
        method: "org.mfad.Audit.Verify",
        about: "Prove that no record was changed or removed",
        takes: &[flag(
            "from",
            "from",
            Kind::Number,
            "SEQ",
            "only from this record on",
        )],
        examples: &["mfactl audit verify"],
        more: "Exit status 0: whole, 1: damaged, 2: could not be checked.",
        run: Run::Show(verify),
    },
    Verb {
        name: "audit archive",
        method: "org.mfad.Audit.Archive",
        about: "Move old records from the store into signed segments",
        takes: &[flag(
            "before",
            "before",
            Kind::Since,
            "DATE",
            "records before then",
        )
        .needed()],
        examples: &["mfactl audit archive --before 2025-01-01"],
        more: "Goes to /var/lib/mfad/audit. `audit verify` reads segments and store as one log. \
               `audit.retain` does it unasked.",
        run: Run::Change,
    },
];

/// A field of a record as a word; a field inside another is reached by a dot.
fn word(record: &Map<String, Value>, path: &str) -> Option<String> {
    let mut parts = path.split('.');
    let first = record.get(parts.next()?)?;
    match parts.try_fold(first, |value, part| value.get(part))? {
        Value::String(text) => Some(text.clone()),
        Value::Null | Value::Object(_) | Value::Array(_) => None,
        other => Some(other.to_string()),
    }
}

fn log(screen: &mut Screen, given: &Given, list: &List) -> Result<u8, Trouble> {
    let rows: Vec<AuditEntry> = list.read()?;
    if rows.is_empty() && !list.later {
        if !given.has("follow") {
            screen.say("No record matches.");
            older(screen, list);
        }
        return Ok(0);
    }
    let legend = screen.legend;
    screen.legend = legend && !list.later;
    let columns = [
        numbers("SEQ"),
        words("TIME"),
        words("EVENT"),
        words("USER"),
        words("BY"),
        free("WHAT"),
    ];
    let lines = rows.iter().map(|entry| {
        let record = &entry.record;
        let dash = || "-".to_owned();
        let at = word(record, "wall");
        let by = word(record, "actor.name").or_else(|| word(record, "actor.kind"));
        let at = at.and_then(|at| serde_json::from_value::<Instant>(Value::String(at)).ok());
        vec![
            text::number(entry.seq),
            at.map_or_else(dash, |at| screen.times.moment(at.0)),
            word(record, "event").unwrap_or_else(dash),
            word(record, "target.user").unwrap_or_else(dash),
            by.unwrap_or_else(dash),
            what(record),
        ]
    });
    let lines: Vec<Vec<String>> = lines.collect();
    table(screen, &columns, &lines);
    screen.legend = legend;
    if legend && list.cut {
        screen.say("There are older ones: --since 1d, or --limit N.");
    }
    older(screen, list);
    Ok(0)
}

/// Says that what came before is archived, if the list goes back so far.
pub(super) fn older(screen: &mut Screen, list: &List) {
    let archived = list.rest.get("archived").cloned();
    let archived: Option<Archived> = archived.and_then(|at| serde_json::from_value(at).ok());
    if let Some(archived) = archived.filter(|_| screen.legend && !list.cut) {
        let (seq, at) = (
            text::number(archived.seq),
            screen.times.moment(archived.at.0),
        );
        screen.say(&format!(
            "What was before is archived, up to record {seq} ({at})."
        ));
    }
}

/// The rest of a record in a few words.
fn what(record: &Map<String, Value>) -> String {
    let mut parts = Vec::new();
    if let Some(result) = word(record, "result").filter(|result| result != "ok") {
        parts.push(result);
    }
    parts.extend(word(record, "target.token"));
    parts.extend(word(record, "from.gateway"));
    if let (Some(before), Some(after)) = (word(record, "before"), word(record, "after")) {
        parts.push(format!("{before} -> {after}"));
    }
    parts.extend(word(record, "reason").map(|reason| format!("\"{reason}\"")));
    parts.join(" ")
}

fn verify(screen: &mut Screen, _: &Given, answer: &Value) -> Result<u8, Trouble> {
    let verify: AuditVerify = read(answer)?;
    if let Some(damage) = &verify.damage {
        damaged(screen, damage);
        return Ok(1);
    }
    let records = (verify.last_seq + 1).saturating_sub(verify.first_seq);
    let at = |at: Option<Instant>| at.map_or_else(|| "?".to_owned(), |at| screen.times.cell(at.0));
    let span = format!("{} to {}", at(verify.first_at), at(verify.last_at));
    screen.line(&format!("{} records, {span}", text::number(records)));
    for check in &verify.checks {
        let mark = match check.mark.as_str() {
            "ok" => screen.yes(),
            "bad" => screen.no(),
            _ => "!",
        };
        let mark = text::left(mark, if screen.ascii { 2 } else { 1 });
        screen.say_after(
            &format!("{mark} {}", text::left(&check.name, 12)),
            &check.text,
        );
    }
    let took = format!(
        "{}.{} s",
        verify.took_ms / 1000,
        verify.took_ms % 1000 / 100
    );
    let status = match verify.result.as_str() {
        "whole" => {
            let (proven, chained) = (text::number(verify.proven), text::number(verify.chained));
            screen.strong(&format!(
                "WHOLE. {proven} records are proven, {chained} are chained only. ({took})"
            ));
            0
        }
        "damaged" => {
            screen.strong(&format!("DAMAGED. ({took})"));
            1
        }
        _ => {
            let (proven, chained) = (text::number(verify.proven), text::number(verify.chained));
            screen.strong(&format!(
                "NOT ALL CHECKED. {proven} records are proven, {chained} are chained only. ({took})"
            ));
            2
        }
    };
    if !verify.last_hash.is_empty() {
        let seq = text::number(verify.last_seq);
        screen.say(&format!("Keep for your own proof: seq {seq}"));
        screen.line(&format!("  hash {}", verify.last_hash));
    }
    Ok(status)
}

fn damaged(screen: &mut Screen, damage: &Damage) {
    let at = damage
        .at
        .map(|at| format!(" ({})", screen.times.exact(at.0)));
    let seq = text::number(damage.seq);
    screen.strong(&format!(
        "DAMAGED at record {seq}{}.",
        at.unwrap_or_default()
    ));
    let before = text::number(damage.seq.saturating_sub(1));
    screen.say_after(
        "  expected   ",
        &format!("hash of {before}: {}", damage.expected),
    );
    screen.say_after("  found      ", &damage.found);
    let proven = text::number(damage.before);
    screen.say_after("  before it  ", &format!("{proven} records are proven"));
    let after = text::number(damage.after);
    let follow = format!("{after} records follow correctly from the changed one");
    screen.say_after("  after it   ", &follow);
    if let Some(journal) = &damage.journal {
        screen.say_after("  journal    ", journal);
    }
    for (at, line) in damage.doing.iter().enumerate() {
        screen.say_after(
            if at == 0 {
                "  do         "
            } else {
                "             "
            },
            line,
        );
    }
}
