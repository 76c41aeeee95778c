//! A command as a value: its name, what it takes, the method it calls, how the answer is shown.
//!
//! The grammar, the help, the man page, the completion and the parameters of the call all come from
//! one [`Verb`], so that none of them can say something else. Who may and how much a command can
//! destroy is not written here: that is the daemon's table, found through the method.

use std::path::PathBuf;

use clap::ArgMatches;
use serde_json::Value;

use super::client::Payload;
use super::errors::Trouble;
use super::output::Screen;
use super::time::{self, Edge, Times};
use crate::control::method::Method;

/// How what is typed becomes a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// As it is.
    Text,
    /// One of these words.
    Words(&'static [&'static str]),
    /// Several words, by commas or by repeating the flag.
    List(&'static [&'static str]),
    /// A whole number.
    Number,
    /// Yes if it stands there.
    Switch,
    /// `on` or `off`.
    OnOff,
    /// A span, in seconds.
    Span,
    /// The end of something.
    End,
    /// The same, or an empty text for none.
    NewEnd,
    /// The beginning of something that is still to come.
    Start,
    /// The beginning of a list: a span back, or a point.
    Since,
    /// A one-time code: spaces and dashes are dropped.
    Code,
    /// Not a parameter; the command itself looks at it.
    Local,
    /// The same, without a value.
    LocalSwitch,
}

/// One thing that a command takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Take {
    /// Name of the flag, or of the argument if it has none.
    pub(super) name: &'static str,
    /// Stands without a flag.
    pub(super) positional: bool,
    /// Must be there.
    pub(super) required: bool,
    /// Parameter of the call.
    pub(super) to: &'static str,
    /// How it is read.
    pub(super) kind: Kind,
    /// Word for its value in the help.
    pub(super) value: &'static str,
    /// What it is for.
    pub(super) help: &'static str,
    /// What the daemon offers for completion; empty: nothing.
    pub(super) complete: &'static str,
}

/// An argument that must be there.
pub(super) const fn must(
    name: &'static str,
    to: &'static str,
    help: &'static str,
    complete: &'static str,
) -> Take {
    Take {
        name,
        positional: true,
        required: true,
        to,
        kind: Kind::Text,
        value: name,
        help,
        complete,
    }
}

/// An argument that may be there.
pub(super) const fn may(
    name: &'static str,
    to: &'static str,
    help: &'static str,
    complete: &'static str,
) -> Take {
    let mut take = must(name, to, help, complete);
    take.required = false;
    take
}

/// A flag.
pub(super) const fn flag(
    name: &'static str,
    to: &'static str,
    kind: Kind,
    value: &'static str,
    help: &'static str,
) -> Take {
    Take {
        name,
        positional: false,
        required: false,
        to,
        kind,
        value,
        help,
        complete: "",
    }
}

/// A flag without a value.
pub(super) const fn switch(name: &'static str, to: &'static str, help: &'static str) -> Take {
    flag(name, to, Kind::Switch, "", help)
}

impl Take {
    /// The same, with candidates from the daemon.
    pub(super) const fn completed(mut self, complete: &'static str) -> Self {
        self.complete = complete;
        self
    }

    /// The same, compulsory.
    pub(super) const fn needed(mut self) -> Self {
        self.required = true;
        self
    }

    /// The same argument, read in another way.
    pub(super) const fn read_as(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }
}

/// The person.
pub(super) const USER: Take = must("USER", "user", "login name (TAB completes)", "user");
/// The token.
pub(super) const TOKEN: Take = must("TOKEN", "token", "T-8F3K2, alice/totp or a serial", "token");
/// The gateway.
pub(super) const GATEWAY: Take =
    flag("gateway", "gateway", Kind::Text, "G", "only this gateway").completed("gateway");
/// Where a log begins.
pub(super) const SINCE: Take = flag(
    "since",
    "since",
    Kind::Since,
    "T",
    "from then on (1h, 14:00)",
);
/// Where a log ends.
pub(super) const UNTIL: Take = flag("until", "until", Kind::Since, "T", "only before then");
/// Rows of a list.
pub(super) const LIMIT: Take = flag("limit", "limit", Kind::Number, "N", "at most so many rows");
/// Rows passed over.
pub(super) const OFFSET: Take = flag(
    "offset",
    "offset",
    Kind::Number,
    "N",
    "pass so many rows over first",
);
/// Goes on with what comes.
pub(super) const FOLLOW: Take = switch("follow", "follow", "go on with what comes; Ctrl-C ends");

/// How a command is carried out.
#[derive(Clone, Copy)]
pub(super) enum Run {
    /// A change: asked about as its weight demands, then made.
    Change,
    /// A change with a secret going in or a step of its own.
    Special(fn(&mut super::Session, &Given) -> Result<u8, Trouble>),
    /// A question; the function lays out the answer and gives the exit status.
    Show(fn(&mut Screen, &Given, &Value) -> Result<u8, Trouble>),
    /// A list in pages.
    List(&'static super::output::list::Shape),
    /// The same for a file: CSV, unless another form is asked for.
    File(&'static super::output::list::Shape),
}

/// One command.
pub(super) struct Verb {
    /// `noun verb`, or one word.
    pub(super) name: &'static str,
    /// Full name of the method; empty: done without the daemon.
    pub(super) method: &'static str,
    /// What it does, one sentence.
    pub(super) about: &'static str,
    /// What it takes.
    pub(super) takes: &'static [Take],
    /// Complete commands.
    pub(super) examples: &'static [&'static str],
    /// Further sentences.
    pub(super) more: &'static str,
    /// How it is carried out.
    pub(super) run: Run,
}

impl Verb {
    /// Its row in the daemon's table.
    pub(super) fn row(&self) -> Option<&'static Method> {
        Method::by_name(self.method)
    }

    /// Whether it changes anything.
    pub(super) fn changes(&self) -> bool {
        self.row().is_some_and(Method::changes)
    }

    /// Noun and verb; the verb of a shortcut is empty.
    pub(super) fn words(&self) -> (&'static str, &'static str) {
        self.name.split_once(' ').unwrap_or((self.name, ""))
    }
}

/// In which form the answer is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Format {
    /// For people.
    #[default]
    Table,
    /// RFC 4180.
    Csv,
    /// One document.
    Json,
    /// One object a line.
    JsonLines,
}

/// Flags that mean the same everywhere.
#[derive(Clone, Debug, Default)]
pub(super) struct Common {
    pub(super) format: Format,
    pub(super) reason: Option<String>,
    pub(super) dry_run: bool,
    pub(super) yes: bool,
    pub(super) expect: Option<String>,
    pub(super) if_revision: Option<u64>,
    pub(super) quiet: bool,
    pub(super) graceful: Option<String>,
    pub(super) no_input: bool,
    pub(super) no_pager: bool,
    pub(super) show_call: bool,
    pub(super) socket: PathBuf,
}

impl Common {
    /// The answer is for a program.
    pub(super) const fn json(&self) -> bool {
        matches!(self.format, Format::Json | Format::JsonLines)
    }
}

/// A command as it was typed.
pub(super) struct Given {
    pub(super) verb: &'static Verb,
    pub(super) matches: ArgMatches,
    pub(super) common: Common,
}

impl Given {
    /// The text of an argument or flag.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let value = self.matches.try_get_one::<String>(name).ok().flatten();
        value.map(String::as_str)
    }

    /// The words of a flag that takes several.
    pub(super) fn texts(&self, name: &str) -> Option<Vec<&str>> {
        let all = self.matches.try_get_many::<String>(name).ok().flatten()?;
        Some(all.map(String::as_str).collect())
    }

    /// Whether a switch stands there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.matches.try_get_one::<bool>(name).ok().flatten() == Some(&true)
    }

    /// The parameters of the call, as far as they come from the command line.
    pub(super) fn payload(&self, times: &Times) -> Result<Payload, Trouble> {
        let mut payload = Payload::default();
        for take in self.verb.takes.iter().filter(|take| !take.to.is_empty()) {
            if let Some(value) = self.value(take, times)? {
                payload.set(take.to, value);
            }
        }
        if self.verb.changes() {
            payload.set_some("reason", self.common.reason.as_deref());
            payload.set_some("if_revision", self.common.if_revision);
        }
        Ok(payload)
    }

    fn value(&self, take: &Take, times: &Times) -> Result<Option<Value>, Trouble> {
        let name = take.name;
        if matches!(take.kind, Kind::Switch) {
            return Ok(self.has(name).then_some(Value::Bool(true)));
        }
        if matches!(take.kind, Kind::List(_)) {
            return Ok(self.texts(name).map(Value::from));
        }
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let flag = if take.positional { "" } else { name };
        Ok(match take.kind {
            Kind::Text | Kind::Words(_) => Some(text.into()),
            Kind::Number => Some(number(text, flag)?.into()),
            Kind::OnOff => Some((text == "on").into()),
            Kind::Span => Some(time::span(text, flag)?.into()),
            Kind::NewEnd if text.is_empty() => Some("".into()),
            Kind::End | Kind::NewEnd => Some(
                time::point(text, flag, Edge::End, times)?
                    .to_string()
                    .into(),
            ),
            Kind::Start => Some(
                time::point(text, flag, Edge::Start, times)?
                    .to_string()
                    .into(),
            ),
            Kind::Since => Some(time::since(text, flag, times)?.to_string().into()),
            Kind::Code => Some(typed_code(text).into()),
            Kind::Switch | Kind::List(_) | Kind::Local | Kind::LocalSwitch => None,
        })
    }
}

fn number(text: &str, flag: &str) -> Result<u64, Trouble> {
    text.parse().map_err(|_| {
        let place = format!("--{flag} {text}");
        Trouble::usage(format!("`{text}` is no whole number")).place(place)
    })
}

/// Drops what people type between the digits of a code.
pub(super) fn typed_code(text: &str) -> String {
    text.chars()
        .filter(|sign| !matches!(sign, ' ' | '-'))
        .collect()
}
