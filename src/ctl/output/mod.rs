//! What people and programs read: screens, tables, CSV, JSON.
//!
//! A [`Screen`] collects the lines of one answer. Whatever is put on it is cleaned first, so that
//! nothing a stranger typed reaches the terminal as a command; instants inside texts become local
//! times. Lines are laid out for the columns there are and never run over.

mod csv;
mod done;
pub(super) mod list;
mod order;
pub(super) mod table;
pub(super) mod text;

use std::io::{self, Write};
use std::process::{Command, Stdio};

use super::args::Look;
use super::env::Env;
use super::time::Times;

pub(super) use csv::{at, document as csv};
pub(super) use done::{done, would};

/// Widest prose; only tables use more.
const PROSE_COLUMNS: usize = 80;
/// Columns of a command that has its effect behind it.
const COMMAND_COLUMNS: usize = 29;

/// Lines of an answer, and how they are to look.
#[derive(Clone)]
pub(super) struct Screen {
    /// Zone and moment.
    pub(super) times: Times,
    /// Columns there are.
    pub(super) columns: usize,
    /// Only ASCII can be shown.
    pub(super) ascii: bool,
    /// Headers and footers are wanted.
    pub(super) legend: bool,
    colour: bool,
    out: String,
}

impl Screen {
    /// An empty screen.
    pub(super) fn new(env: &Env, look: &Look) -> Self {
        let colour = match look.color.as_deref() {
            Some("always") => true,
            Some("never") => false,
            _ => env.stdout_terminal && !env.no_color && !env.dumb,
        };
        Self {
            times: Times::new(look.utc),
            columns: env.columns,
            ascii: env.ascii,
            legend: !look.no_legend,
            colour: colour && !look.json,
            out: String::new(),
        }
    }

    /// Columns for prose.
    pub(super) fn prose(&self) -> usize {
        self.columns.min(PROSE_COLUMNS)
    }

    /// The sign for yes.
    pub(super) const fn yes(&self) -> &'static str {
        if self.ascii { "ok" } else { "✓" }
    }

    /// The sign for no.
    pub(super) const fn no(&self) -> &'static str {
        if self.ascii { "NO" } else { "✗" }
    }

    /// Adds a line that is laid out already; what does not fit is cut.
    pub(super) fn line(&mut self, line: &str) {
        let line = self.times.in_text(&text::clean(line));
        let line = text::cut(line.trim_end(), self.columns);
        self.push(&line);
    }

    /// Adds a line that carries the answer.
    pub(super) fn strong(&mut self, words: &str) {
        let words = self.times.in_text(&text::clean(words));
        for line in text::wrap(&words, self.prose()) {
            if self.colour {
                self.out.push_str("\u{1b}[1m");
            }
            self.out.push_str(&line);
            if self.colour {
                self.out.push_str("\u{1b}[0m");
            }
            self.out.push('\n');
        }
    }

    /// Adds prose.
    pub(super) fn say(&mut self, words: &str) {
        self.say_after("", words);
    }

    /// Adds prose behind a label; further lines stand below its beginning.
    pub(super) fn say_after(&mut self, label: &str, words: &str) {
        let words = self.times.in_text(&text::clean(words));
        let indent = text::columns(label);
        let width = self.prose().saturating_sub(indent);
        for (at, line) in text::wrap(&words, width).iter().enumerate() {
            let head = if at == 0 {
                text::clean(label)
            } else {
                " ".repeat(indent)
            };
            self.push(format!("{head}{line}").trim_end());
        }
    }

    /// Adds a command that can be pasted, with what it does behind it if that fits.
    pub(super) fn command(&mut self, indent: &str, command: &str, effect: &str) {
        self.command_in(indent, command, COMMAND_COLUMNS, effect);
    }

    /// The same, with the effect so many columns from the beginning of the command.
    pub(super) fn command_in(&mut self, indent: &str, command: &str, room: usize, effect: &str) {
        let command = text::clean(command);
        let effect = text::clean(effect);
        let room = room.max(text::columns(&command)) + 2;
        let used = indent.len() + room + text::columns(&effect);
        if !effect.is_empty() && used <= self.columns {
            let line = format!("{indent}{}{effect}", text::left(&command, room));
            self.push(&line);
            return;
        }
        // A label such as `3. ` stands before the first line only.
        let below = " ".repeat(text::columns(indent));
        let lines = text::wrap_command(&command, self.columns.saturating_sub(indent.len()));
        for (at, line) in lines.into_iter().enumerate() {
            self.push(&format!("{}{line}", if at == 0 { indent } else { &below }));
        }
        if !effect.is_empty() {
            self.say_after(&format!("{below}    "), &effect);
        }
    }

    /// Adds an empty line.
    pub(super) fn gap(&mut self) {
        self.out.push('\n');
    }

    fn push(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    /// Takes the lines.
    pub(super) fn take(&mut self) -> String {
        std::mem::take(&mut self.out)
    }
}

/// Prints; through a pager if a person would have to scroll. A reader that went away is no error;
/// the answer says whether it is still there.
pub(super) fn print(text: &str, env: &Env, pager: bool) -> bool {
    let long = text.lines().count() >= env.rows;
    if pager && long && env.stdout_terminal && page(text).is_ok() {
        return true;
    }
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .is_ok()
}

/// Prints to standard error.
pub(super) fn print_error(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

fn page(text: &str) -> io::Result<()> {
    let mut pager = Command::new("less")
        .arg("-FIRX")
        .stdin(Stdio::piped())
        .spawn()?;
    if let Some(mut input) = pager.stdin.take() {
        let _ = input.write_all(text.as_bytes());
    }
    pager.wait().map(drop)
}
