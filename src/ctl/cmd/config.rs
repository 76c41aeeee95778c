//! `config ..`.

use serde_json::Value;

use crate::control::reply::{ConfigCheck, ConfigDiff, ConfigValue};
use crate::ctl::errors::{CONFIG, Trouble};
use crate::ctl::output::{Screen, text};
use crate::ctl::read;
use crate::ctl::verb::{Given, Run, Verb, must};

pub(super) const VERBS: &[Verb] = &[
    Verb {
        name: "config check",
        method: "org.mfad.Daemon.ConfigCheck",
        about: "Judge the configuration on disk",
        takes: &[],
        examples: &["mfactl config check"],
        more: "Exit status 78: it is wrong. Without a daemon: mfad --check.",
        run: Run::Show(check),
    },
    Verb {
        name: "config diff",
        method: "org.mfad.Daemon.ConfigDiff",
        about: "Say what a reload would change",
        takes: &[],
        examples: &["mfactl config diff"],
        more: "",
        run: Run::Show(diff),
    },
    Verb {
        name: "config reload",
        method: "org.mfad.Daemon.ConfigReload",
        about: "Put the configuration on disk into force",
        takes: &[],
        examples: &["mfactl config reload"],
        more: "A wrong file changes nothing (exit status 78).",
        run: Run::Change,
    },
    Verb {
        name: "config get",
        method: "org.mfad.Daemon.ConfigGet",
        about: "Show one value of the running configuration",
        takes: &[must("KEY", "key", "as in the file", "config_key")],
        examples: &["mfactl config get lockout.user.max_failures"],
        more: "Never a secret.",
        run: Run::Show(get),
    },
];

fn check(screen: &mut Screen, _: &Given, answer: &Value) -> Result<u8, Trouble> {
    let check: ConfigCheck = read(answer)?;
    for line in check.text.lines() {
        // What stands below a line of the file must stay there; the rest is prose.
        if line.starts_with(' ') {
            screen.line(line);
        } else {
            screen.say(line);
        }
    }
    if check.text.is_empty() {
        for one in &check.problems {
            let place = format!("{}:{}:{}", one.path, one.line, one.column);
            screen.say(&format!("{place}: {}: {}", one.severity, one.message));
            if let Some(hint) = &one.hint {
                screen.say_after("    ", hint);
            }
        }
    }
    let count = |n: u64, one, many| text::count(usize::try_from(n).unwrap_or(0), one, many);
    let found = format!(
        "{}, {}",
        count(check.errors, "error", "errors"),
        count(check.warnings, "warning", "warnings")
    );
    if check.good {
        screen.strong(&format!("{} is good: {found}.", check.path));
        return Ok(0);
    }
    screen.strong(&format!(
        "{} is WRONG: {found}. The old one stays in force.",
        check.path
    ));
    Ok(CONFIG)
}

fn diff(screen: &mut Screen, _: &Given, answer: &Value) -> Result<u8, Trouble> {
    let diff: ConfigDiff = read(answer)?;
    if diff.changes.is_empty() {
        screen.say(&format!(
            "{} says what is in force; a reload changes nothing.",
            diff.path
        ));
        return Ok(0);
    }
    screen.strong(&format!("A reload of {} would change:", diff.path));
    for one in &diff.changes {
        let values = match (&one.from, &one.to) {
            (Some(from), Some(to)) => format!("{from} -> {to}"),
            (None, Some(to)) => to.clone(),
            (Some(from), None) => format!("was {from}"),
            (None, None) => String::new(),
        };
        screen.say_after(&format!("{} ", one.mark), &format!("{}  {values}", one.key));
        if !one.text.is_empty() {
            screen.say_after("    ", &one.text);
        }
    }
    if diff.restart {
        screen.say("What is marked ! needs a restart: systemctl restart mfad");
    }
    for note in &diff.notes {
        screen.say_after("  ", note);
    }
    screen.command("", "mfactl config reload", "");
    Ok(0)
}

fn get(screen: &mut Screen, _: &Given, answer: &Value) -> Result<u8, Trouble> {
    let value: ConfigValue = read(answer)?;
    let from = if value.stated { "" } else { "    # default" };
    screen.say(&format!("{} = {}{from}", value.key, value.value));
    Ok(0)
}
