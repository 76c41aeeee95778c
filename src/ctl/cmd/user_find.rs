//! `user find` and `user export`: their filters, and how the list looks.

use serde_json::Value;

use crate::control::reply::{Candidate, UserRow};
use crate::ctl::errors::Trouble;
use crate::ctl::output::list::{List, Shape};
use crate::ctl::output::table::{Column, free, numbers, table, words};
use crate::ctl::output::{Screen, text};
use crate::ctl::read;
use crate::ctl::verb::{Given, Kind, LIMIT, OFFSET, Take, flag, may, switch};

use super::token::TYPES;
use super::user::{SET, STATES};

const TEXT: Take = may(
    "TEXT",
    "text",
    "part of login name, name, e-mail or phone",
    "user",
);
const EXACT: Take = switch("exact", "exact", "the whole of one of them");
const GLOB: Take = switch("glob", "glob", "TEXT is a pattern with * and ?");
const LOCKED: Take = switch("locked", "locked", "locked, for whatever reason");
const LOCK_REASON: Take = flag(
    "lock-reason",
    "lock_reason",
    Kind::Words(&["Failures", "PinBlocked", "Operator", "Inactivity"]),
    "REASON",
    "locked for this reason",
);
const WAITING: Take = switch("waiting", "waiting", "made to wait for failures");
const PIN_BLOCKED: Take = switch("pin-blocked", "pin_blocked", "PIN blocked");
const STATE: Take = flag(
    "state",
    "states",
    Kind::List(STATES),
    "STATE",
    "in one of these states",
);
const PASSTHROUGH: Take = switch("passthrough", "passthrough", "with a passthrough in force");
const PARTIAL: Take = switch(
    "partial",
    "partial",
    "begun to enrol: no token is usable yet",
);
const REKEY: Take = switch("rekey", "rekey", "waits for a new secret after a reset");
const NO_TOKEN: Take = switch("no-token", "no_token", "without a token to sign in with");
const TOKEN_TYPE: Take = flag(
    "token-type",
    "token_type",
    Kind::Words(TYPES),
    "TYPE",
    "with a token of this type",
);
const TOKEN_STATUS: Take = flag(
    "token-status",
    "token_status",
    Kind::Words(super::token::STATUSES),
    "STATUS",
    "with a token of this status",
);
const EXPIRING: Take = flag(
    "expiring",
    "expiring_s",
    Kind::Span,
    "SPAN",
    "with a token that expires within it",
);
const ROLE_LABEL: Take = flag(
    "role-label",
    "role_label",
    Kind::Text,
    "LABEL",
    "with this label",
);
const LAST_LOGIN_BEFORE: Take = flag(
    "last-login-before",
    "last_login_before",
    Kind::Since,
    "T",
    "last login before, or none",
);
const LAST_LOGIN_AFTER: Take = flag(
    "last-login-after",
    "last_login_after",
    Kind::Since,
    "T",
    "last login after",
);
const NEVER_LOGGED_IN: Take = switch("never-logged-in", "never_logged_in", "without a login");
const COLUMNS_TAKE: Take = flag(
    "columns",
    "",
    Kind::List(COLUMNS),
    "COLUMN",
    "these columns, of the table or of CSV",
);
const SORT: Take = flag(
    "sort",
    "",
    Kind::Words(COLUMNS),
    "COLUMN",
    "in order of this column; else by login name",
);
const REVERSE: Take = flag(
    "reverse",
    "",
    Kind::LocalSwitch,
    "",
    "the other way round, with --sort",
);

/// Filters, all that are stated must fit; then what of the list is wanted.
pub(super) const TAKES: &[Take] = &[
    TEXT,
    EXACT,
    GLOB,
    LOCKED,
    LOCK_REASON,
    WAITING,
    PIN_BLOCKED,
    STATE,
    PASSTHROUGH,
    PARTIAL,
    REKEY,
    NO_TOKEN,
    TOKEN_TYPE,
    TOKEN_STATUS,
    EXPIRING,
    SET,
    ROLE_LABEL,
    LAST_LOGIN_BEFORE,
    LAST_LOGIN_AFTER,
    NEVER_LOGGED_IN,
    COLUMNS_TAKE,
    SORT,
    REVERSE,
    LIMIT,
    OFFSET,
];

/// The same filters.
pub(super) const EXPORT_TAKES: &[Take] = &[
    TEXT,
    EXACT,
    GLOB,
    LOCKED,
    LOCK_REASON,
    WAITING,
    PIN_BLOCKED,
    STATE,
    PASSTHROUGH,
    PARTIAL,
    REKEY,
    NO_TOKEN,
    TOKEN_TYPE,
    TOKEN_STATUS,
    EXPIRING,
    SET,
    ROLE_LABEL,
    LAST_LOGIN_BEFORE,
    LAST_LOGIN_AFTER,
    NEVER_LOGGED_IN,
    COLUMNS_TAKE,
];

/// Columns of CSV, frozen.
const COLUMNS: &[&str] = &[
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
];

/// The rows.
pub(super) const SHAPE: &Shape = &Shape {
    rows: "rows",
    csv: COLUMNS,
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

    /// Columns of the table, if nobody says which.
    const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Locked => &[
                "user",
                "display_name",
                "lock.since",
                "lock.reason",
                "via",
                "unlocked.by",
                "tokens",
            ],
            Self::Waiting => &[
                "user",
                "display_name",
                "waits",
                "failures",
                "via",
                "last_login",
                "tokens",
            ],
            Self::Any => &[
                "user",
                "display_name",
                "state",
                "tokens",
                "last_login",
                "pin",
                "set",
                "email",
                "role_label",
            ],
        }
    }
}

fn found(screen: &mut Screen, given: &Given, list: &List) -> Result<u8, Trouble> {
    let rows: Vec<UserRow> = list.read()?;
    if rows.is_empty() {
        return nobody(screen, given, &list.rest);
    }
    let kind = Kept::of(given);
    let names = given.texts("columns");
    let names = names.as_deref().unwrap_or_else(|| kind.columns());
    let columns: Vec<Column> = names.iter().map(|name| column(name)).collect();
    let line = |row| names.iter().map(|name| cell(screen, row, name)).collect();
    let lines: Vec<Vec<String>> = rows.iter().map(line).collect();
    table(screen, &columns, &lines);
    if screen.legend {
        foot(screen, rows.len(), kind, list);
    }
    Ok(0)
}

/// The head of a column.
fn column(name: &str) -> Column {
    match name {
        "user" => words("USER"),
        "display_name" => free("NAME"),
        "state" => words("STATE"),
        "base" => words("LIFECYCLE"),
        "lock.since" => words("LOCKED"),
        "lock.reason" => words("REASON"),
        "via" => words("VIA"),
        "unlocked.by" => words("UNLOCKED BY"),
        "unlocked.at" => words("UNLOCKED"),
        "pin" => words("PIN"),
        "tokens" => words("TOKENS"),
        "tokens_more" => numbers("MORE"),
        "passthrough_until" => words("PASSTHROUGH"),
        "last_login" => words("LAST LOGIN"),
        "email" => free("E-MAIL"),
        "phone" => free("PHONE"),
        "set" => words("SET"),
        "role_label" => free("LABEL"),
        "protected" => words("PROTECTED"),
        "revision" => numbers("REVISION"),
        "waits" => words("WAITS UNTIL"),
        "failures" => numbers("FAILURES"),
        _ => words(""),
    }
}

/// What stands in a column; `-` for nothing.
fn cell(screen: &Screen, row: &UserRow, name: &str) -> String {
    let times = &screen.times;
    let (lock, unlocked, wait) = (row.lock.as_ref(), row.unlocked.as_ref(), row.waits.first());
    let text = match name {
        "user" => Some(row.user.clone()),
        "display_name" => Some(row.display_name.clone()),
        "state" => Some(row.state.clone()),
        "base" => Some(row.base.clone()),
        "lock.since" => lock.map(|lock| times.cell(lock.since.0)),
        "lock.reason" => lock.map(|lock| lock.reason.clone()),
        "via" => row.via.clone(),
        "unlocked.by" => unlocked.map(|one| format!("{} {}", one.by, times.day(one.at.0))),
        "unlocked.at" => unlocked.map(|one| times.cell(one.at.0)),
        "pin" => Some(row.pin.clone()),
        "tokens" if row.tokens_more > 0 => Some(format!(
            "{} +{}",
            dash(row.tokens.join(" ")),
            row.tokens_more
        )),
        "tokens" => Some(row.tokens.join(" ")),
        "tokens_more" => Some(row.tokens_more.to_string()),
        "passthrough_until" => row.passthrough_until.map(|at| times.cell(at.0)),
        "last_login" => row.last_login.map(|at| times.day(at.0)),
        "email" => row.email.clone(),
        "phone" => row.phone.clone(),
        "set" => Some(row.set.clone()),
        "role_label" => Some(row.role_label.clone()),
        "protected" => row.protected.then(|| "yes".to_owned()),
        "revision" => Some(row.revision.to_string()),
        "waits" => wait.map(|wait| times.cell(wait.until.0)),
        "failures" => wait.map(|wait| wait.failures.to_string()),
        _ => None,
    };
    dash(text.unwrap_or_default())
}

fn dash(text: String) -> String {
    if text.is_empty() {
        "-".to_owned()
    } else {
        text
    }
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
        line = format!("{line} There are more: --limit N, --offset N.");
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::token_record::TokenKind;

    #[test]
    fn people_are_found_by_every_type_of_token() {
        let known = TokenKind::ALL.map(TokenKind::name);
        for kind in known {
            assert!(TYPES.contains(&kind), "{kind}");
        }
        assert_eq!(TYPES.len(), known.len());
        assert_eq!(TOKEN_TYPE.kind, Kind::Words(TYPES));
    }

    #[test]
    fn every_column_has_a_head() {
        let kinds = [Kept::Locked, Kept::Waiting, Kept::Any];
        let shown = kinds.iter().flat_map(|kind| kind.columns());
        for name in COLUMNS.iter().chain(shown) {
            assert_ne!(column(name).title, "", "{name}");
        }
    }
}
