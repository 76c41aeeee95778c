//! What `mfactl` takes from its surroundings, read once at the start.

use std::fs;
use std::io::IsTerminal;
use std::path::Path;
use std::process::{Command, Stdio};

/// Columns if nobody says.
const COLUMNS: usize = 80;
/// Fewest columns that a screen is laid out for.
const COLUMNS_MIN: usize = 40;
/// Rows if nobody says.
const ROWS: usize = 24;

/// The surroundings.
#[derive(Clone, Debug)]
pub(super) struct Env {
    /// `MFAD_SOCKET`.
    pub(super) socket: Option<String>,
    /// `NO_COLOR` is set and not empty.
    pub(super) no_color: bool,
    /// `TERM` is `dumb` or missing.
    pub(super) dumb: bool,
    /// Signs beyond ASCII cannot be shown.
    pub(super) ascii: bool,
    /// Columns of the screen.
    pub(super) columns: usize,
    /// Rows of the screen.
    pub(super) rows: usize,
    /// Standard output is a terminal.
    pub(super) stdout_terminal: bool,
    /// Somebody can be asked.
    pub(super) askable: bool,
}

impl Env {
    /// Reads it.
    pub(super) fn read() -> Self {
        let stdout_terminal = std::io::stdout().is_terminal();
        let (rows, columns) = size(stdout_terminal);
        let language = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .find_map(variable)
            .unwrap_or_default()
            .to_ascii_uppercase();
        Self {
            socket: variable("MFAD_SOCKET"),
            no_color: variable("NO_COLOR").is_some(),
            dumb: variable("TERM").is_none_or(|term| term == "dumb"),
            ascii: !language.contains("UTF-8") && !language.contains("UTF8"),
            columns: columns.max(COLUMNS_MIN),
            rows,
            stdout_terminal,
            askable: std::io::stdin().is_terminal() && terminal_opens(),
        }
    }
}

/// Reads a variable; empty means not set.
pub(super) fn variable(name: &str) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place of mfactl that reads the environment"
    )]
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn terminal_opens() -> bool {
    fs::File::open(Path::new("/dev/tty")).is_ok()
}

/// Rows and columns: `COLUMNS` rules, then the terminal.
fn size(terminal: bool) -> (usize, usize) {
    let stated = |name| variable(name).and_then(|value| value.parse().ok());
    let asked = if terminal && stated("COLUMNS").is_none() {
        ask_terminal()
    } else {
        None
    };
    let (rows, columns) = asked.unwrap_or((ROWS, COLUMNS));
    (
        stated("LINES").unwrap_or(rows),
        stated("COLUMNS").unwrap_or(columns),
    )
}

/// Asks the terminal by `stty`, because the call itself needs unsafe code.
fn ask_terminal() -> Option<(usize, usize)> {
    let terminal = fs::File::open("/dev/tty").ok()?;
    let answer = Command::new("stty")
        .arg("size")
        .stdin(Stdio::from(terminal))
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(answer.stdout).ok()?;
    let (rows, columns) = text.trim().split_once(' ')?;
    let (rows, columns): (usize, usize) = (rows.parse().ok()?, columns.parse().ok()?);
    (rows > 0 && columns > 0).then_some((rows, columns))
}
