//! `user find`: its filters, and how the list looks.

use serde_json::Value;

use crate::control::reply::{Candidate, UserRow};
use crate::ctl::errors::Trouble;
use crate::ctl::output::list::{List, Shape};
use crate::ctl::output::table::{Column, free, numbers, table, words};
use crate::ctl::output::{Screen, text};
use crate::ctl::read;
use crate::ctl::verb::{Given, Kind, LIMIT, Take, flag, may, switch};

use super::user::{SET, STATES};

/// Filters; all that are stated must fit.
pub(super) const TAKES: &[Take] = &[
    may(
        "TEXT",
        "text",
        "part of login name, name, e-mail or phone",
        "user",
    ),
    switch("exact", "exact", "the whole of one of them"),
    switch("glob", "glob", "TEXT is a pattern with * and ?"),
    switch("locked", "locked", "locked, for whatever reason"),
    flag(
        "lock-reason",
        "lock_reason",
        Kind::Words(&["Failures", "PinBlocked", "Operator"]),
        "REASON",
        "locked for this reason",
    ),
    switch("waiting", "waiting", "made to wait for failures"),
    switch("pin-blocked", "pin_blocked", "PIN blocked"),
    flag(
        "state",
        "states",
        Kind::List(STATES),
        "STATE",
        "in one of these states",
    ),
    switch("passthrough", "passthrough", "with a passthrough in force"),
    switch("no-token", "no_token", "without a token to sign in with"),
    flag(
        "token-type",
        "token_type",
        Kind::Words(&["totp", "hotp", "recovery"]),
        "TYPE",
        "with a token of this type",
    ),
    flag(
        "token-status",
        "token_status",
        Kind::Words(super::token::STATUSES),
        "STATUS",
        "with a token of this status",
    ),
    flag(
        "expiring",
        "expiring_s",
        Kind::Span,
        "SPAN",
        "with a token that expires within it",
    ),
    SET,
    flag(
        "role-label",
        "role_label",
        Kind::Text,
        "LABEL",
        "with this label",
    ),
    flag(
        "last-login-before",
        "last_login_before",
        Kind::Since,
        "T",
        "last login before, or none",
    ),
    flag(
        "last-login-after",
        "last_login_after",
        Kind::Since,
        "T",
        "last login after",
    ),
    switch("never-logged-in", "never_logged_in", "without a login"),
    LIMIT,
];

/// The rows.
pub(super) const SHAPE: &Shape = &Shape {
    rows: "rows",
    csv: &[
        "user",
        "display_name",
        "state",
        "base",
        "lock.since",
        "lock.reason",
        "via",
        "unlocked.by",
        "unlocked.at",
        "pin",
        "tokens",
        "tokens_more",
        "passthrough_until",
        "last_login",
        "email",
        "phone",
        "set",
        "role_label",
        "protected",
        "revision",
    ],
    lines: true,
    log: false,
    show: found,
};

/// What keeps the people of a list out, and so what its columns are about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    Locked,
    Waiting,
    Any,
}

impl Kept {
    fn of(given: &Given) -> Self {
        if given.has("locked") || given.text("lock-reason").is_some() {
            Self::Locked
        } else if given.has("waiting") {
            Self::Waiting
        } else {
            Self::Any
        }
    }
}

fn found(screen: &mut Screen, given: &Given, list: &List) -> Result<u8, Trouble> {
    let rows: Vec<UserRow> = list.read()?;
    if rows.is_empty() {
        return nobody(screen, given, &list.rest);
    }
    let kind = Kept::of(given);
    let columns: Vec<Column> = match kind {
        Kept::Locked => vec![
            words("USER"),
            free("NAME"),
            words("LOCKED"),
            words("REASON"),
            words("VIA"),
            words("UNLOCKED BY"),
            words("TOKENS"),
        ],
        Kept::Waiting => vec![
            words("USER"),
            free("NAME"),
            words("WAITS UNTIL"),
            numbers("FAILURES"),
            words("VIA"),
            words("LAST LOGIN"),
            words("TOKENS"),
        ],
        Kept::Any => vec![
            words("USER"),
            free("NAME"),
            words("STATE"),
            words("TOKENS"),
            words("LAST LOGIN"),
            words("PIN"),
            words("SET"),
            free("E-MAIL"),
            free("LABEL"),
        ],
    };
    let lines = rows.iter().map(|row| cells(screen, row, kind));
    let lines: Vec<Vec<String>> = lines.collect();
    table(screen, &columns, &lines);
    if screen.legend {
        foot(screen, rows.len(), kind, list);
    }
    Ok(0)
}

fn dash(text: &str) -> String {
    if text.is_empty() {
        "-".to_owned()
    } else {
        text.to_owned()
    }
}

fn cells(screen: &Screen, row: &UserRow, kind: Kept) -> Vec<String> {
    let mut tokens = dash(&row.tokens.join(" "));
    if row.tokens_more > 0 {
        tokens = format!("{tokens} +{}", row.tokens_more);
    }
    let name = dash(&row.display_name);
    let none = || "-".to_owned();
    let last_login = || {
        row.last_login
            .map_or_else(none, |at| screen.times.day(at.0))
    };
    if kind == Kept::Waiting {
        let wait = row.waits.first();
        return vec![
            row.user.clone(),
            name,
            wait.map_or_else(none, |wait| screen.times.cell(wait.until.0)),
            wait.map_or_else(none, |wait| wait.failures.to_string()),
            row.via.clone().unwrap_or_else(none),
            last_login(),
            tokens,
        ];
    }
    if kind == Kept::Locked {
        let lock = row.lock.as_ref();
        let unlocked = row.unlocked.as_ref();
        return vec![
            row.user.clone(),
            name,
            lock.map_or_else(none, |lock| screen.times.cell(lock.since.0)),
            lock.map_or_else(none, |lock| lock.reason.clone()),
            row.via.clone().unwrap_or_else(none),
            unlocked.map_or_else(none, |one| {
                format!("{} {}", one.by, screen.times.day(one.at.0))
            }),
            tokens,
        ];
    }
    vec![
        row.user.clone(),
        name,
        row.state.clone(),
        tokens,
        last_login(),
        dash(&row.pin),
        dash(&row.set),
        row.email.clone().unwrap_or_else(none),
        dash(&row.role_label),
    ]
}

fn foot(screen: &mut Screen, rows: usize, kind: Kept, list: &List) {
    let of = list.rest.get("of").and_then(Value::as_u64).unwrap_or(0);
    let what = match kind {
        Kept::Locked => "locked",
        Kept::Waiting => "waiting",
        Kept::Any => "found",
    };
    let mut line = format!("{rows} {what} of {}.", text::number(of));
    if list.cut {
        line = format!("{line} There are more: --limit N.");
    }
    let notes = list.rest.get("notes").and_then(Value::as_array);
    for note in notes.into_iter().flatten().filter_map(Value::as_str) {
        line = format!("{line} {note}");
    }
    screen.say(&line);
}

fn nobody(screen: &mut Screen, given: &Given, rest: &Value) -> Result<u8, Trouble> {
    let Some(searched) = given.text("TEXT") else {
        screen.say(match Kept::of(given) {
            Kept::Locked if given.has("locked") => "Nobody is locked.",
            Kept::Waiting => "Nobody has to wait.",
            Kept::Locked | Kept::Any => "No user matches.",
        });
        return Ok(0);
    };
    let mut line = format!("No user matches \"{searched}\" in name, login, e-mail or phone.");
    let close: Vec<Candidate> = rest.get("close").map(read).transpose()?.unwrap_or_default();
    if !close.is_empty() {
        let names: Vec<&str> = close.iter().map(|one| one.value.as_str()).collect();
        line = format!("{line} Close: {}.", names.join(", "));
    }
    screen.say(&line);
    Ok(0)
}
