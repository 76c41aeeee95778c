//! `status`, `whoami`, `seats`, `backup`.

use serde_json::Value;

use super::gateway;
use crate::control::reply::{GatewayRow, Seats, Status, Warning, Whoami};
use crate::ctl::errors::Trouble;
use crate::ctl::output::table::{numbers, table, words};
use crate::ctl::output::{Screen, text};
use crate::ctl::read;
use crate::ctl::time::{Times, long_distance};
use crate::ctl::verb::{Given, Kind, Run, Take, Verb, flag, may};

/// Columns of the label in front of a fact.
const LABEL: usize = 9;

/// One line for a monitoring system.
const NAGIOS: Take = flag(
    "nagios",
    "",
    Kind::LocalSwitch,
    "",
    "one line with figures, status 0, 1 or 2",
);

pub(super) const VERBS: &[Verb] = &[
    Verb {
        name: "status",
        method: "org.mfad.Daemon.Status",
        about: "Say how the daemon is: verdict, what needs you, facts",
        takes: &[NAGIOS],
        examples: &["mfactl status", "mfactl status --json"],
        more: "Exit status 0: serving, 1: serving with warnings, 2: not serving.",
        run: Run::Show(status),
    },
    Verb {
        name: "whoami",
        method: "org.mfad.Daemon.Whoami",
        about: "Say what role you have, and what it may",
        takes: &[flag(
            "can",
            "can",
            Kind::Text,
            "COMMAND",
            "whether you may run it",
        )],
        examples: &["mfactl whoami", "mfactl whoami --can \"token delete\""],
        more: "With --can: exit status 0 for yes, 1 for no.",
        run: Run::Show(whoami),
    },
    Verb {
        name: "seats",
        method: "org.mfad.Daemon.Seats",
        about: "Count people against the limit",
        takes: &[],
        examples: &["mfactl seats"],
        more: "",
        run: Run::Show(seats),
    },
    Verb {
        name: "backup",
        method: "org.mfad.Daemon.Backup",
        about: "Write a consistent copy of the store",
        takes: &[may(
            "NAME",
            "name",
            "name of the file; the time if not stated",
            "",
        )],
        examples: &["mfactl backup before-upgrade"],
        more: "Goes to /var/lib/mfad/backup. Useless without the master key.",
        run: Run::Change,
    },
];

fn status(screen: &mut Screen, given: &Given, answer: &Value) -> Result<u8, Trouble> {
    let status: Status = read(answer)?;
    let level = match (status.state.as_str(), status.warnings.is_empty()) {
        ("serving", true) => 0,
        ("serving", false) => 1,
        _ => 2,
    };
    if given.has(NAGIOS.name) {
        nagios(screen, &status, level);
        return Ok(level);
    }
    screen.times.set_now(status.now.0);
    let needs = match status.warnings.len() {
        0 if status.state == "serving" => " All well.".to_owned(),
        0 => String::new(),
        1 => " 1 thing needs you:".to_owned(),
        n => format!(" {n} things need you:"),
    };
    let verdict = if status.verdict.is_empty() {
        let up = status.now.0.since(status.since.0).as_secs();
        format!(
            "is {}, up {}.",
            status.state.to_uppercase(),
            long_distance(up)
        )
    } else {
        status.verdict.clone()
    };
    screen.strong(&format!(
        "mfad {} on {} {verdict}{needs}",
        status.version, status.host
    ));
    for one in &status.warnings {
        screen.gap();
        warning(screen, one);
    }
    if !status.gateways.is_empty() {
        screen.gap();
        gateway::rows(
            screen,
            &status.gateways,
            status.strangers.as_ref(),
            status.window_s,
        );
    }
    screen.gap();
    facts(screen, &status);
    Ok(level)
}

/// One line: verdict, then figures behind a bar.
fn nagios(screen: &mut Screen, status: &Status, level: u8) {
    let word = match level {
        0 => "OK",
        1 => "WARNING",
        _ => "CRITICAL",
    };
    let numbers: Vec<&str> = status
        .warnings
        .iter()
        .map(|one| one.number.as_str())
        .collect();
    let sum = |of: fn(&GatewayRow) -> u64| status.gateways.iter().map(of).sum::<u64>();
    let users = &status.users;
    screen.columns = usize::MAX;
    screen.line(&format!(
        "MFAD {word} - {} {} | accepts={} rejects={} drops={} locked={} passthrough={} seats={}",
        status.state,
        numbers.join(" "),
        sum(|row| row.accepts),
        sum(|row| row.rejects),
        sum(|row| row.drops),
        users.locked,
        users.passthrough,
        users.counted,
    ));
}

/// A warning with its number, and what to do.
pub(super) fn warning(screen: &mut Screen, warning: &Warning) {
    screen.say_after(&format!("! {}  ", warning.number), &warning.text);
    for line in &warning.detail {
        screen.say_after("        ", line);
    }
    for line in &warning.tries {
        screen.command("        try  ", line, "");
    }
    if let Some(doing) = &warning.doing {
        screen.say_after("        do   ", doing);
    }
}

fn facts(screen: &mut Screen, status: &Status) {
    let mut fact = |label: &str, words: String| {
        screen.say_after(&text::left(label, LABEL), &words);
    };
    let users = &status.users;
    let seats = if users.limit == 0 {
        format!("{} counted, no limit", text::number(users.counted))
    } else {
        let (counted, limit) = (text::number(users.counted), text::number(users.limit));
        format!("{counted} of {limit} seats")
    };
    fact(
        "Users",
        format!(
            "{seats}; locked {}, PIN blocked {}, new {}, passthrough {}",
            users.locked, users.pin_blocked, users.new, users.passthrough
        ),
    );
    let queues = status.queues.iter();
    let queues: Vec<String> = queues
        .map(|one| match one.limit {
            0 => format!("{} {}", one.name, one.used),
            limit => format!("{} {} of {limit}", one.name, one.used),
        })
        .collect();
    if !queues.is_empty() {
        fact("Queues", queues.join(", "));
    }
    for (label, words) in more_facts(&screen.times.clone(), status) {
        screen.say_after(&text::left(label, LABEL), &words);
    }
}

fn more_facts(times: &Times, status: &Status) -> Vec<(&'static str, String)> {
    let store = &status.store;
    let mut words = vec![store.kind.clone(), text::octets(store.octets)];
    words.extend(
        store
            .free_octets
            .map(|free| format!("disk {} free", text::octets(free))),
    );
    words.extend(
        store
            .last_commit
            .map(|at| format!("last commit {}", times.ago(at.0))),
    );
    words.extend(
        store
            .fsync_us
            .map(|us| format!("fsync {}", text::milliseconds(us))),
    );
    words.extend(
        store
            .error
            .as_ref()
            .map(|error| format!("REFUSES: {error}")),
    );
    words.extend(
        store
            .failing_since
            .map(|at| format!("since {}", times.moment(at.0))),
    );
    let mut facts = vec![("Store", words.join(", "))];
    let audit = &status.audit;
    let mut words = vec![format!("{} records", text::number(audit.records))];
    words.extend(audit.checked.map(|at| {
        let found = match audit.whole {
            Some(false) => ": DAMAGED",
            _ => "",
        };
        format!("chain checked {}{found}", times.cell(at.0))
    }));
    words.extend(
        audit
            .checkpoint
            .map(|at| format!("checkpoint {}", times.ago(at.0))),
    );
    facts.push(("Audit", words.join(", ")));
    facts.extend(surroundings(times, status));
    facts
}

/// Clock, key and configuration.
fn surroundings(times: &Times, status: &Status) -> [(&'static str, String); 3] {
    let clock = &status.clock;
    let clock = if clock.text.is_empty() {
        let kept = match clock.synchronised {
            Some(true) => "synchronised",
            Some(false) => "NOT synchronised",
            None => "nobody says whether it is synchronised",
        };
        format!("{kept}, {} jumps since start", clock.jumps)
    } else {
        clock.text.clone()
    };
    let key = &status.key;
    let key = if key.text.is_empty() {
        let version = key.version.map(|version| format!(", version {version}"));
        format!(
            "from {}{}",
            key.source,
            version.unwrap_or_else(|| ", SEALED".to_owned())
        )
    } else {
        key.text.clone()
    };
    let config = &status.config;
    let same = match config.same {
        Some(true) => ", same as on disk",
        Some(false) => ", CHANGED ON DISK since: mfactl config diff",
        None => "",
    };
    let loaded = times.cell(config.loaded.0);
    let config = format!(
        "{} loaded {loaded} by {}{same}",
        config.path, config.loaded_by
    );
    [("Clock", clock), ("Key", key), ("Config", config)]
}

fn whoami(screen: &mut Screen, given: &Given, answer: &Value) -> Result<u8, Trouble> {
    let me: Whoami = read(answer)?;
    if let (Some(command), Some(can)) = (given.text("can"), me.can) {
        if can {
            screen.say(&format!("Yes, {} may {command}.", me.name));
            return Ok(0);
        }
        let need = me.need.as_ref().map(|need| format!(" It needs {need}."));
        let need = need.unwrap_or_default();
        screen.say(&format!("No, {} may not {command}.{need}", me.name));
        return Ok(1);
    }
    screen.strong(&format!(
        "{} (uid {}) at {}: role {} through {}",
        me.name,
        me.uid,
        me.host,
        me.role.to_uppercase(),
        me.through
    ));
    screen.say_after(&text::left("you may", 11), &grouped(&me.may));
    for other in &me.others {
        let who = if other.who.is_empty() {
            "nobody here".to_owned()
        } else {
            other.who.join(", ")
        };
        let words = format!("{}    ({who})", grouped(&other.commands));
        screen.say_after(&text::left(&other.role, 11), &words);
    }
    for note in &me.notes {
        screen.say(note);
    }
    Ok(0)
}

/// Verbs that stand behind a noun at most: such a group is not broken at the end of a line.
const VERBS_MAX: usize = 6;

/// `user add`, `user edit` as `user add|edit`.
fn grouped(commands: &[String]) -> String {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for command in commands {
        let (noun, verb) = command.split_once(' ').unwrap_or((command, ""));
        let open =
            |(known, verbs): &&mut (String, Vec<String>)| known == noun && verbs.len() < VERBS_MAX;
        match groups.iter_mut().find(open) {
            Some((_, verbs)) => verbs.push(verb.to_owned()),
            None => groups.push((noun.to_owned(), vec![verb.to_owned()])),
        }
    }
    let words = groups.into_iter().map(|(noun, verbs)| {
        let verbs = verbs.join("|");
        if verbs.is_empty() {
            noun
        } else {
            format!("{noun} {verbs}")
        }
    });
    words.collect::<Vec<_>>().join(", ")
}

fn seats(screen: &mut Screen, _: &Given, answer: &Value) -> Result<u8, Trouble> {
    let seats: Seats = read(answer)?;
    let counted = text::number(seats.counted);
    screen.strong(&match seats.free {
        Some(free) => format!(
            "{counted} of {} seats taken, {} free.",
            text::number(seats.limit),
            text::number(free)
        ),
        None => format!("{counted} seats taken, no limit."),
    });
    let columns = [words("STATE"), numbers("PEOPLE"), words("SEAT")];
    let rows = seats.states.iter().map(|one| {
        let seat = if one.counted {
            "counted"
        } else {
            "not counted"
        };
        vec![one.title.clone(), text::number(one.count), seat.to_owned()]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    if !rows.is_empty() {
        table(screen, &columns, &rows);
    }
    let sets = seats.sets.iter();
    let sets = sets.map(|one| format!("{} {}", one.set, text::number(one.count)));
    let sets: Vec<String> = sets.collect();
    if !sets.is_empty() {
        screen.say_after("by set       ", &sets.join(", "));
    }
    let peak = text::number(seats.peak);
    let peak = match seats.peak_at {
        Some(at) => format!("{peak} on {}", screen.times.day(at.0)),
        None => peak,
    };
    screen.say_after("most so far  ", &peak);
    let (month, quarter) = (seats.no_login_30d, seats.no_login_90d);
    let idle = format!(
        "{} for 30 days, {} for 90 days",
        text::number(month),
        text::number(quarter)
    );
    screen.say_after("no sign-in   ", &idle);
    if quarter > 0 {
        screen.command(
            "",
            "mfactl user find --last-login-before 90d",
            "who they are",
        );
    }
    Ok(0)
}
