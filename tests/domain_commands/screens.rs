//! `why` and `auth explain`: what the table says they answer.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

use std::fmt::Write as _;
use std::sync::Arc;

use mfad::domain::distance::Distance;
use mfad::domain::explain::{Step, explain};
use mfad::domain::lapse;
use mfad::domain::verdict::Reason;
use mfad::domain::why::{PastAttempt, why as ask};
use mfad::time::Timestamp;
use mfad::token::Period;
use smol_str::SmolStr;

use super::given::World;
use super::site::*;
use super::typed::number;

/// The first gateway, rule by rule; what would be so behind the first that stops, in brackets.
pub(crate) fn explained(world: &World, typed: &str) -> String {
    let World { run, record } = world;
    let typed = typed.trim();
    let typed = if typed.is_empty() { "alice" } else { typed };
    let gateway = &run.gateways[0];
    let told = explain(record.as_ref(), typed, gateway, &run.policy, run.now);
    let mut text = format!("{}\n", told.verdict_line);
    let mut steps = |steps: &[Step], open: &str, close: &str| {
        for step in steps {
            let (rule, mark) = (step.rule, step.mark.text());
            let words = step.text.replace('\n', "\n       ");
            writeln!(text, "{open}{rule} {mark}: {words}{close}").unwrap();
        }
    };
    steps(&told.steps, "", "");
    steps(&told.and_if_lifted, "(", ")");
    text
}

/// `why attempts=ok,bad_code-7`: see [`past`].
pub(crate) fn why(world: &World, typed: &str) -> String {
    let World { run, record } = world;
    let words = typed.trim().strip_prefix("attempts=").unwrap_or_default();
    let attempts: Vec<PastAttempt> = (1..)
        .zip(words.split(',').filter(|word| !word.is_empty()))
        .map(|(number, word)| past(number, word))
        .collect();
    let (gateways, policy) = (&run.gateways, &run.policy);
    // As the daemon does, so that nothing is told that is over.
    let mut record = record.clone();
    if let Some(record) = &mut record {
        let _ = lapse::settle(record, policy, run.now, &mut Vec::new());
    }
    let record = record.as_ref();
    let name = record.map_or("alice", |record| record.name());
    let told = ask(record, name, &attempts, gateways, policy, run.role, run.now);
    let mut text = format!("{}\n", told.headline);
    for line in &told.attempts {
        let (gateway, station) = (&line.gateway, &line.station);
        let (result, what, count) = (line.result, &line.what, &line.count);
        let locked = if line.locked_now { " LOCKED" } else { "" };
        writeln!(
            text,
            "{gateway} {station} {result}: {what} [{count}]{locked}"
        )
        .unwrap();
    }
    if let Some(looks) = told.looks_like {
        writeln!(text, "looks like: {}", looks.text()).unwrap();
    }
    for (label, lines) in [
        ("known by", &told.detail),
        ("do", &told.do_this),
        ("also", &told.closing),
    ] {
        for line in lines {
            writeln!(text, "{label}: {line}").unwrap();
        }
    }
    text
}

/// `ok` or `ok:grace`, `asked` for a question, else the reason; behind it `-7` or `+7` steps off,
/// `#40` counters ahead, `~` for one that was repeated, `!` for one that locked, `?` for one that was
/// not counted.
fn past(nth: u32, word: &str) -> PastAttempt {
    let (word, marks) = match word.find(|sign| "-+#~!?".contains(sign)) {
        Some(at) => word.split_at(at),
        None => (word, ""),
    };
    let (how, refused) = match word.strip_prefix("ok") {
        Some(how) => (how.strip_prefix(':').or(Some("token")), None),
        None if word == "asked" => (None, None),
        None => (None, Some(Reason::by_name(word).unwrap())),
    };
    let off = marks.trim_end_matches(['~', '!', '?']);
    let distance = match off.split_at_checked(1) {
        Some(("-" | "+", _)) => Some((number(off), Some(Period::THIRTY))),
        Some(("#", counters)) => Some((number(counters), None)),
        _ => None,
    };
    let counted = refused.is_some() && !marks.contains(['~', '?']);
    PastAttempt {
        at: Timestamp(WALL.0 + i64::from(nth)),
        gateway: Arc::from("vpn1"),
        station: SmolStr::from("203.0.113.7"),
        answers: None,
        refused,
        asked: word == "asked",
        how: how.map(str::to_owned),
        count: counted.then_some((nth, 5)),
        repeated: marks.contains('~'),
        locked_now: marks.contains('!'),
        distance: distance.map(|(off, period)| Distance {
            token: id(1),
            off,
            period,
        }),
    }
}
