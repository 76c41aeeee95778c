//! `auth explain`, `auth log`, `auth show`.

use serde_json::Value;

use super::audit::older;
use crate::control::reply::{Attempt, AuthShow, Explain, Stages, Step};
use crate::ctl::errors::Trouble;
use crate::ctl::output::list::{List, Shape};
use crate::ctl::output::table::{free, numbers, table, words};
use crate::ctl::output::{Screen, text};
use crate::ctl::read;
use crate::ctl::verb::{
    FOLLOW, GATEWAY, Given, Kind, LIMIT, Run, SINCE, UNTIL, USER, Verb, flag, may, must, switch,
};

pub(super) const VERBS: &[Verb] = &[
    Verb {
        name: "auth explain",
        method: "org.mfad.Auth.Explain",
        about: "Say what the next request would meet, rule by rule",
        takes: &[
            USER,
            GATEWAY.needed(),
            flag(
                "token",
                "token",
                Kind::Text,
                "TOKEN",
                "if this token were used",
            )
            .completed("token"),
        ],
        examples: &["mfactl auth explain alice --gateway vpn1"],
        more: "Takes no code and has no side effects. Exit status 1: it would be refused.",
        run: Run::Show(explain),
    },
    Verb {
        name: "auth log",
        method: "org.mfad.Auth.Log",
        about: "List sign-in attempts, one line each",
        takes: &[
            may("USER", "user", "only this person", "user"),
            GATEWAY,
            flag(
                "result",
                "result",
                Kind::Words(&["accept", "reject", "challenge"]),
                "R",
                "accept, reject or challenge",
            ),
            SINCE,
            UNTIL,
            switch("stages", "stages", "microseconds by stage"),
            LIMIT,
            FOLLOW,
        ],
        examples: &[
            "mfactl auth log alice --since 1h --stages",
            "mfactl auth log --follow",
        ],
        more: "Without --since the last 100 are shown.",
        run: Run::List(&Shape {
            rows: "rows",
            csv: &[
                "seq", "id", "at", "user", "gateway", "station", "result", "rule", "reason", "how",
                "token", "grant", "reply", "counted", "count", "limit", "locked", "repeated",
                "held_ms",
            ],
            lines: false,
            log: true,
            show: log,
        }),
    },
    Verb {
        name: "auth show",
        method: "org.mfad.Auth.Show",
        about: "Show one attempt in full, rule by rule",
        takes: &[must(
            "ATTEMPT",
            "attempt",
            "its id, such as a-5KQ2Z",
            "attempt",
        )],
        examples: &["mfactl auth show a-5KQ2Z"],
        more: "Ids stand in `mfactl auth log`.",
        run: Run::Show(show),
    },
];

fn steps(screen: &mut Screen, steps: &[Step]) {
    for step in steps {
        let label = format!(
            "  {} {} ",
            text::left(&step.rule, 4),
            text::left(&step.mark, 5)
        );
        screen.say_after(&label, &step.text);
        for line in &step.detail {
            screen.say_after(&" ".repeat(text::columns(&label)), line);
        }
    }
}

fn explain(screen: &mut Screen, _: &Given, answer: &Value) -> Result<u8, Trouble> {
    let explain: Explain = read(answer)?;
    screen.times.set_now(explain.now.0);
    let moment = screen.times.clock(explain.now.0);
    screen.strong(&format!(
        "{} at {}, judged now ({moment}) without side effects: {}",
        explain.user, explain.gateway, explain.verdict
    ));
    screen.gap();
    steps(screen, &explain.steps);
    if !explain.lifted.is_empty() {
        screen.line("  and if that were lifted:");
        steps(screen, &explain.lifted);
    }
    Ok(u8::from(explain.result == "refuse"))
}

fn log(screen: &mut Screen, given: &Given, list: &List) -> Result<u8, Trouble> {
    let rows: Vec<Attempt> = list.read()?;
    if rows.is_empty() && !list.later {
        if !given.has("follow") {
            screen.say("No attempt matches.");
            older(screen, list);
        }
        return Ok(0);
    }
    let legend = screen.legend;
    if legend && !list.later {
        let unit = if given.has("stages") {
            "; us = microseconds from receipt"
        } else {
            ""
        };
        screen.line(&format!("times {}{unit}", screen.times.zone_name()));
    }
    screen.legend = legend && !list.later;
    if given.has("stages") {
        staged(screen, given, &rows);
    } else {
        plain(screen, given, &rows);
    }
    screen.legend = legend;
    if legend && !given.has("follow") {
        foot(screen, &rows, list.cut);
        older(screen, list);
    }
    Ok(0)
}

fn plain(screen: &mut Screen, given: &Given, rows: &[Attempt]) {
    let mut columns = vec![words("TIME"), words("RESULT")];
    if given.text("USER").is_none() {
        columns.push(words("USER"));
    }
    columns.extend([
        words("GATEWAY"),
        free("WHAT"),
        words("COUNT"),
        words("ATTEMPT"),
    ]);
    let lines = rows.iter().map(|row| {
        let mut cells = vec![screen.times.moment(row.at.0), row.result.clone()];
        if given.text("USER").is_none() {
            cells.push(text::cut(&row.user, 20));
        }
        cells.extend([
            row.gateway.clone(),
            what(row),
            counted(row),
            row.id.clone().unwrap_or_else(|| "-".to_owned()),
        ]);
        cells
    });
    let lines: Vec<Vec<String>> = lines.collect();
    table(screen, &columns, &lines);
}

fn what(row: &Attempt) -> String {
    let how = row.how.clone().or_else(|| row.reason.clone());
    let mut words = if row.text.is_empty() {
        how.unwrap_or_default()
    } else {
        row.text.clone()
    };
    if let Some(token) = row.token.as_ref().filter(|token| !words.contains(*token)) {
        words = format!("{words} {token}");
    }
    if row.repeated > 1 {
        words = format!("{words} ({} times)", row.repeated);
    }
    words
}

fn counted(row: &Attempt) -> String {
    let count = match (row.count, row.limit) {
        (Some(count), Some(limit)) => text::of(count, limit),
        _ => "-".to_owned(),
    };
    if row.locked.is_some() {
        format!("{count} LOCKED")
    } else if row.waits_until.is_some() {
        format!("{count} WAITS")
    } else {
        count
    }
}

fn staged(screen: &mut Screen, given: &Given, rows: &[Attempt]) {
    let mut columns = vec![words("TIME"), words("GATEWAY")];
    if given.text("USER").is_none() {
        columns.push(words("USER"));
    }
    columns.extend([words("RULE"), words("RESULT"), words("REPLY")]);
    columns.extend(["dec", "load", "otp", "pin", "wait", "sync", "send"].map(numbers));
    let dash = || "-".to_owned();
    let lines = rows.iter().map(|row| {
        let mut cells = vec![screen.times.exact_clock(row.at.0), row.gateway.clone()];
        if given.text("USER").is_none() {
            cells.push(text::cut(&row.user, 20));
        }
        cells.extend([
            row.rule.clone().unwrap_or_else(dash),
            row.result.clone(),
            row.reply.clone().unwrap_or_else(dash),
        ]);
        let stages = row.stages.clone().unwrap_or_default();
        let spent = [
            stages.decode_us,
            stages.load_us,
            stages.otp_us,
            stages.pin_us,
            stages.wait_us,
            stages.sync_us,
            stages.send_us,
        ];
        cells.extend(spent.map(|us| us.map_or_else(dash, |us| us.to_string())));
        cells
    });
    let lines: Vec<Vec<String>> = lines.collect();
    table(screen, &columns, &lines);
}

fn foot(screen: &mut Screen, rows: &[Attempt], cut: bool) {
    let counted = rows.iter().filter(|row| row.counted).count();
    let locks = rows.iter().filter(|row| row.locked.is_some()).count();
    let mut line = text::count(rows.len(), "attempt", "attempts");
    line = format!("{line}, {counted} counted");
    if locks > 0 {
        line = format!("{line}, {}", text::count(locks, "lock", "locks"));
    }
    screen.say(&format!("{line}."));
    if let Some(id) = rows.iter().rev().find_map(|row| row.id.clone()) {
        screen.say(&format!("one of them in full: mfactl auth show {id}"));
    }
    if cut {
        screen.say("There are older ones: --since 1d, or --limit N.");
    }
}

fn show(screen: &mut Screen, _: &Given, answer: &Value) -> Result<u8, Trouble> {
    let show: AuthShow = read(answer)?;
    let attempt = &show.attempt;
    let zone = screen.times.zone_name();
    let at = screen.times.exact(attempt.at.0);
    let id = attempt.id.as_deref().unwrap_or("-");
    let mut place = show.address.clone();
    if let Some(packet) = show.packet_id {
        place = format!("{place}, id {packet}");
    }
    screen.strong(&format!(
        "{id}  {at} {zone}  {}  {} ({place})",
        attempt.user, attempt.gateway
    ));
    let mut from = Vec::new();
    if !attempt.station.is_empty() {
        from.push(format!("{} (Calling-Station-Id)", attempt.station));
    }
    if !show.nas.is_empty() {
        from.push(format!("NAS-Identifier {}", show.nas));
    }
    if !from.is_empty() {
        screen.say_after("from     ", &from.join("   "));
    }
    screen.gap();
    steps(screen, &show.steps);
    if let Some(reply) = &attempt.reply {
        let words = show.reply_text.as_deref().unwrap_or_default();
        let octets = show.reply_octets.map(|octets| format!(", {octets} octets"));
        let octets = octets.unwrap_or_default();
        screen.say_after(
            "  reply      ",
            &format!("{} {reply} \"{words}\"{octets}", attempt.result),
        );
    }
    if let Some(stages) = &attempt.stages {
        spent(screen, stages, show.work_us, attempt.held_ms);
    }
    if !show.audit.is_empty() {
        let refs = show.audit.iter();
        let refs: Vec<String> = refs
            .map(|one| format!("{} {}", text::number(one.seq), one.event))
            .collect();
        screen.say_after("  audit      ", &refs.join("   "));
    }
    Ok(0)
}

fn spent(screen: &mut Screen, stages: &Stages, work: Option<u64>, held: Option<u64>) {
    let parts = [
        ("receive", stages.receive_us),
        ("decode", stages.decode_us),
        ("load", stages.load_us),
        ("otp", stages.otp_us),
        ("pin", stages.pin_us),
        ("judge", stages.judge_us),
        ("batch wait", stages.wait_us),
        ("fsync", stages.sync_us),
        ("sign", stages.sign_us),
        ("send", stages.send_us),
    ];
    let parts = parts
        .iter()
        .filter_map(|(name, us)| us.map(|us| format!("{name} {us}")));
    let mut line = parts.collect::<Vec<_>>().join("  ");
    if let Some(work) = work {
        line = format!("{line}  = {} us of work", text::number(work));
    }
    if let Some(held) = held {
        line = format!(
            "{line}; the reply was held to {}.{:03} s after receipt",
            held / 1000,
            held % 1000
        );
    }
    screen.say_after("  time       ", &line);
}
