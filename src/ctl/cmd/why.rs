//! `why`: the help-desk screen.

use serde_json::Value;

use crate::control::reply::{Why, WhyAttempt};
use crate::ctl::errors::Trouble;
use crate::ctl::output::{Screen, text};
use crate::ctl::read;
use crate::ctl::time::long_distance;
use crate::ctl::verb::{GATEWAY, Given, Kind, Run, USER, Verb, flag};

pub(super) const VERBS: &[Verb] = &[Verb {
    name: "why",
    method: "org.mfad.Auth.Why",
    about: "Say why somebody cannot log in, and what to do",
    takes: &[
        USER,
        GATEWAY,
        flag(
            "attempts",
            "attempts",
            Kind::Number,
            "N",
            "how many of the last attempts, 1 to 50",
        ),
    ],
    examples: &[
        "mfactl why alice",
        "mfactl why alice --gateway vpn1 --attempts 20",
    ],
    more: "The first line is the verdict; what to do comes last, in order.",
    run: Run::Show(show),
}];

fn show(screen: &mut Screen, _: &Given, answer: &Value) -> Result<u8, Trouble> {
    let why: Why = read(answer)?;
    screen.times.set_now(why.now.0);
    let verdict = if why.verdict.starts_with(&why.user) {
        why.verdict.clone()
    } else {
        format!("{} {}", why.user, why.verdict)
    };
    screen.strong(&verdict);
    attempts(screen, &why.attempts);
    if let Some(cause) = &why.diagnosis {
        screen.gap();
        screen.say_after("What it looks like: ", &cause.text);
        for line in &cause.detail {
            screen.say_after("  ", line);
        }
    }
    if !why.steps.is_empty() {
        screen.gap();
        screen.line("Do this");
        for (at, step) in why.steps.iter().enumerate() {
            let label = format!("  {}. ", at + 1);
            match &step.command {
                Some(command) => screen.command_in(&label, command, 0, &step.text),
                None => screen.say_after(&label, &step.text),
            }
        }
    }
    for note in &why.notes {
        screen.say(note);
    }
    Ok(0)
}

fn attempts(screen: &mut Screen, attempts: &[WhyAttempt]) {
    let Some(first) = attempts.first() else {
        return;
    };
    let alike = attempts
        .iter()
        .all(|one| (&one.gateway, &one.station) == (&first.gateway, &first.station));
    screen.gap();
    if alike && attempts.len() > 1 {
        let from = if first.station.is_empty() {
            String::new()
        } else {
            format!(" from {}", first.station)
        };
        screen.say(&format!(
            "Last attempts, all through {}{from}",
            first.gateway
        ));
    } else {
        screen.say("Last attempts");
    }
    let today = attempts
        .iter()
        .all(|one| screen.times.moment(one.at.0).starts_with("today"));
    let results = attempts.iter().map(|one| text::columns(&one.result));
    let width = results.fold(7, usize::max);
    for one in attempts {
        let at = if today {
            screen.times.clock(one.at.0)
        } else {
            screen.times.moment(one.at.0)
        };
        let mut words = one.text.clone();
        if one.repeated > 1 {
            words = format!("{words} ({} times)", one.repeated);
        }
        if !alike {
            words = format!("{words}, {}", one.gateway);
        }
        let count = match (one.count, one.limit) {
            (Some(count), Some(limit)) => text::of(count, limit),
            _ => String::new(),
        };
        let then = if one.locked.is_some() {
            "  -> LOCKED".to_owned()
        } else if let Some(until) = one.waits_until {
            let span = until.0.since(one.at.0).as_secs();
            format!("  -> waits {}", long_distance(span))
        } else {
            String::new()
        };
        let tail = format!("{count}{then}");
        let head = format!("  {at}  {}  ", text::left(&one.result, width));
        let room = screen
            .prose()
            .saturating_sub(text::columns(&head) + text::columns(&tail) + 2);
        let words = text::cut(&text::clean(&words), room.max(10));
        let words = text::left(&words, room.min(36));
        screen.line(format!("{head}{words}  {tail}").trim_end());
    }
}
