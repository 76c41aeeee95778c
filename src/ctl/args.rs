//! The command line: the grammar built from the commands, and what was typed.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::cmd;
use super::env::Env;
use super::errors::Trouble;
use super::output::text;
use super::verb::{Common, Format, Given, Kind, Take, Verb};

/// Where the daemon listens.
pub(super) const SOCKET: &str = "/run/mfad/control";

/// Commands that need no daemon and no table.
pub(super) const OFFLINE: &[(&str, &str, &str)] = &[
    (
        "explain",
        "CODE",
        "What a number such as W017 means, and what to do",
    ),
    (
        "completion",
        "SHELL",
        "Prints the completion for bash, zsh or fish",
    ),
    ("help", "TASK", "Walk-throughs: 3am, lost-phone, new-user"),
];

/// The whole grammar.
pub(super) fn grammar() -> Command {
    let mut root = Command::new("mfactl")
        .about("controls the second-factor daemon mfad")
        .disable_help_flag(true)
        .disable_help_subcommand(true)
        .disable_version_flag(true)
        .subcommand_required(false)
        .args(everywhere());
    for (name, value, about) in OFFLINE {
        root = root.subcommand(
            Command::new(*name)
                .about(*about)
                .disable_help_flag(true)
                .arg(Arg::new("what").value_name(*value)),
        );
    }
    for verbs in cmd::NOUNS {
        for verb in *verbs {
            let (noun, name) = verb.words();
            if name.is_empty() {
                root = root.subcommand(command(noun, verb));
                continue;
            }
            if root.find_subcommand(noun).is_none() {
                root = root.subcommand(Command::new(noun).disable_help_flag(true));
            }
            root = root.mut_subcommand(noun, |group| group.subcommand(command(name, verb)));
        }
    }
    root
}

fn command(name: &'static str, verb: &'static Verb) -> Command {
    let mut command = Command::new(name)
        .about(verb.about)
        .disable_help_flag(true)
        .args(verb.takes.iter().map(argument));
    if verb.changes() {
        command = command.args(for_changes());
    }
    command
}

fn argument(take: &Take) -> Arg {
    let mut arg = Arg::new(take.name).help(take.help).required(take.required);
    if !take.positional {
        arg = arg.long(take.name);
    }
    if matches!(take.kind, Kind::Switch | Kind::LocalSwitch) {
        return arg.action(ArgAction::SetTrue);
    }
    arg = arg.value_name(take.value);
    match take.kind {
        Kind::Words(words) => arg.value_parser(PossibleValuesParser::new(words)),
        Kind::OnOff => arg.value_parser(["on", "off"]),
        Kind::List(words) => {
            let arg = arg.action(ArgAction::Append).value_delimiter(',');
            if words.is_empty() {
                arg
            } else {
                arg.value_parser(PossibleValuesParser::new(words))
            }
        }
        _ => arg,
    }
}

fn switch(name: &'static str, short: Option<char>, help: &'static str) -> Arg {
    let arg = Arg::new(name)
        .long(name)
        .help(help)
        .action(ArgAction::SetTrue);
    match short {
        Some(short) => arg.short(short),
        None => arg,
    }
}

fn valued(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

/// Flags of all commands.
pub(super) fn everywhere() -> Vec<Arg> {
    vec![
        switch("json", None, "answer as JSON, names as on the wire"),
        valued("format", "FORM", "table, csv, json or jsonl")
            .value_parser(["table", "csv", "json", "jsonl"]),
        switch("quiet", Some('q'), "say nothing on success"),
        valued("graceful", "NAME", "take this named error as success"),
        switch("no-input", None, "never ask"),
        valued("color", "WHEN", "auto, always or never").value_parser(["auto", "always", "never"]),
        switch("utc", None, "times in UTC"),
        switch("no-pager", None, "no pager"),
        switch("no-legend", None, "no header and footer"),
        valued("socket", "PATH", "the daemon's socket (MFAD_SOCKET)"),
        valued("host", "[USER@]HOST", "run mfactl there by ssh").short('H'),
        switch("show-call", None, "print the call instead of making it"),
    ]
    .into_iter()
    .map(|arg| arg.global(true))
    .collect()
}

/// Flags of commands that change something.
pub(super) fn for_changes() -> Vec<Arg> {
    vec![
        valued("reason", "TEXT", "goes into the audit record").short('r'),
        switch("dry-run", Some('n'), "show what would change"),
        switch("yes", Some('y'), "skip the question, never a refusal"),
        valued(
            "expect",
            "NAME|N",
            "what a severe command is about, for scripts",
        ),
        valued(
            "if-revision",
            "N",
            "refuse if somebody changed the user since",
        ),
    ]
}

/// What was asked for.
pub(super) enum Asked {
    /// A command.
    Verb(Box<Given>),
    /// A command without the daemon, and its argument.
    Offline(String, Option<String>),
    /// Nothing.
    Nothing(Box<Common>),
    /// A noun alone that has no default.
    Noun(String),
}

/// Flags that decide how anything is shown, known even if the rest is wrong.
#[derive(Clone, Debug, Default)]
pub(super) struct Look {
    pub(super) json: bool,
    pub(super) utc: bool,
    pub(super) no_legend: bool,
    pub(super) color: Option<String>,
}

impl Look {
    /// Finds them among the arguments.
    pub(super) fn find(args: &[String]) -> Self {
        let has = |name: &str| args.iter().any(|arg| arg == name);
        let formats = ["json", "jsonl"];
        let color = args.iter().enumerate().find_map(|(at, arg)| {
            arg.strip_prefix("--color=").map(str::to_owned).or_else(|| {
                (arg == "--color").then(|| args.get(at + 1).cloned().unwrap_or_default())
            })
        });
        Self {
            json: has("--json")
                || formats.iter().any(|form| {
                    has(&format!("--format={form}"))
                        || args
                            .windows(2)
                            .any(|two| two == ["--format", form].map(str::to_owned))
                }),
            utc: has("--utc"),
            no_legend: has("--no-legend"),
            color,
        }
    }
}

/// Reads the command line.
pub(super) fn read(args: &[String], env: &Env) -> Result<Asked, Trouble> {
    let with_name = std::iter::once("mfactl".to_owned()).chain(args.iter().cloned());
    let matches = grammar()
        .try_get_matches_from(with_name.map(OsString::from))
        .map_err(|error| usage(&error, args))?;
    let Some((noun, inner)) = matches.subcommand() else {
        return Ok(Asked::Nothing(Box::new(common(&matches, env)?)));
    };
    if OFFLINE.iter().any(|(name, ..)| *name == noun) {
        let what = inner.get_one::<String>("what").cloned();
        return Ok(Asked::Offline(noun.to_owned(), what));
    }
    let bare = cmd::BARE.iter().find(|(name, _)| *name == noun);
    let (verb, matches) = match (inner.subcommand(), cmd::verb(noun, ""), bare) {
        (Some((name, matches)), ..) => (cmd::verb(noun, name), matches),
        (None, Some(verb), _) => (Some(verb), inner),
        (None, None, Some((_, name))) => (cmd::verb(noun, name), inner),
        (None, None, None) => (None, inner),
    };
    let Some(verb) = verb else {
        return Ok(Asked::Noun(noun.to_owned()));
    };
    let given = Given {
        verb,
        matches: matches.clone(),
        common: common(matches, env)?,
    };
    Ok(Asked::Verb(Box::new(given)))
}

fn common(matches: &ArgMatches, env: &Env) -> Result<Common, Trouble> {
    let has = |name: &str| matches.try_get_one::<bool>(name).ok().flatten() == Some(&true);
    let text = |name: &str| {
        let value = matches.try_get_one::<String>(name).ok().flatten();
        value.cloned()
    };
    let format = match (text("format").as_deref(), has("json")) {
        (Some("csv"), false) => Format::Csv,
        (Some("jsonl"), _) => Format::JsonLines,
        (Some("json"), _) | (None, true) => Format::Json,
        (Some("csv"), true) => {
            return Err(Trouble::usage("--json and --format csv exclude each other"));
        }
        _ if has("json") => Format::Json,
        _ => Format::Table,
    };
    let if_revision = text("if-revision")
        .map(|text| {
            text.parse()
                .map_err(|_| Trouble::usage("--if-revision takes a number"))
        })
        .transpose()?;
    let socket = text("socket").or_else(|| env.socket.clone());
    Ok(Common {
        format,
        reason: text("reason"),
        dry_run: has("dry-run"),
        yes: has("yes"),
        expect: text("expect"),
        if_revision,
        quiet: has("quiet"),
        graceful: text("graceful"),
        no_input: has("no-input"),
        no_pager: has("no-pager"),
        show_call: has("show-call"),
        socket: PathBuf::from(socket.unwrap_or_else(|| SOCKET.to_owned())),
    })
}

/// Wrong usage in our own words.
fn usage(error: &clap::Error, args: &[String]) -> Trouble {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    };
    let words = words(args);
    let here = format!("mfactl {}", words.join(" "));
    match error.kind() {
        ErrorKind::InvalidSubcommand => unknown_command(args),
        ErrorKind::UnknownArgument => {
            let wrong = context(ContextKind::InvalidArg);
            if cmd::NOUNS
                .iter()
                .flat_map(|verbs| verbs.iter())
                .all(|verb| {
                    !verb
                        .name
                        .starts_with(words.first().map_or("", String::as_str))
                })
            {
                return unknown_command(args);
            }
            let trouble = Trouble::usage(format!("`{here}` does not know `{wrong}`"));
            match context(ContextKind::SuggestedArg) {
                near if near.is_empty() => trouble.try_next(format!("{here} -h")),
                near => trouble.why(format!("did you mean {near}?")),
            }
        }
        ErrorKind::MissingRequiredArgument => {
            let missing = context(ContextKind::InvalidArg);
            let missing = missing.replace(['<', '>'], "");
            Trouble::usage(format!("`{here}` needs {missing}")).try_next(format!("{here} -h"))
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let value = context(ContextKind::InvalidValue);
            let flag = context(ContextKind::InvalidArg);
            let name = flag.split(' ').next().unwrap_or_default().to_owned();
            if value.is_empty() {
                return Trouble::usage(format!("{name} needs a value"));
            }
            let trouble = Trouble::usage(format!("{name} cannot be `{value}`"));
            match context(ContextKind::ValidValue) {
                valid if valid.is_empty() => trouble,
                valid => trouble.doing(format!("use one of: {valid}")),
            }
        }
        _ => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            Trouble::usage(first.trim_start_matches("error: "))
        }
    }
}

/// The words before the first flag that can be a command.
pub(super) fn words(args: &[String]) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let plain = args.iter().filter(|arg| !arg.starts_with('-'));
    for word in plain.take(2) {
        let is_noun = words.is_empty();
        let is_verb = words
            .first()
            .is_some_and(|noun| cmd::verb(noun, word).is_some());
        if is_noun || is_verb {
            words.push(word.clone());
        }
    }
    words
}

/// A command that is not there, and what comes close.
fn unknown_command(args: &[String]) -> Trouble {
    let plain: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let noun = plain.first().map_or("", |word| word.as_str());
    let nouns = || cmd::verbs().map(|verb| verb.words().0);
    let known = nouns().any(|one| one == noun);
    let typed: Vec<&str> = plain
        .iter()
        .take(if known { 2 } else { 1 })
        .map(|word| word.as_str())
        .collect();
    let rest: Vec<&str> = args
        .iter()
        .map(String::as_str)
        .skip_while(|arg| typed.last().is_none_or(|last| last != arg))
        .skip(1)
        .collect();
    let wrong = typed.join(" ");
    let trouble = Trouble::usage(format!("there is no command `{wrong}`"));
    let near = |candidates: Vec<&'static str>, word: &str| {
        candidates
            .into_iter()
            .map(|one| (text::distance(one, word), one))
            .filter(|(far, one)| *far <= 2.min(one.len() / 2))
            .min()
            .map(|(_, one)| one)
    };
    let found = if known {
        let word = typed.get(1).copied().unwrap_or_default();
        let verbs = cmd::verbs().filter(|verb| verb.words().0 == noun);
        near(verbs.map(|verb| verb.words().1).collect(), word).map(|verb| format!("{noun} {verb}"))
    } else {
        let offline = OFFLINE.iter().map(|(name, ..)| *name);
        near(nouns().chain(offline).collect(), noun).map(str::to_owned)
    };
    match found {
        Some(command) => {
            let line: Vec<&str> = ["mfactl", command.as_str()]
                .into_iter()
                .chain(rest)
                .collect();
            trouble.try_next(line.join(" "))
        }
        None if known => trouble.try_next(format!("mfactl {noun} -h")),
        None => trouble.try_next("mfactl"),
    }
}
