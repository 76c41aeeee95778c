//! Completion: small loaders for the shells, and the candidates, which come from the daemon at the
//! moment of TAB. Without a daemon, or if it takes longer than [`ANSWER_MS_MAX`], only what is known
//! here is offered; never an error, never a wait.

use std::path::Path;
use std::time::Duration;

use super::Session;
use super::args::{self, SOCKET};
use super::client::{Client, Payload};
use super::cmd;
use super::env::Env;
use super::errors::Trouble;
use super::output::{self, text};
use super::verb::{Kind, Take, Verb};
use crate::control::reply::{Candidates, Whoami};

/// How long the daemon may take.
const ANSWER_MS_MAX: u64 = 150;
/// Letters of a name from which on people are asked for.
const NAME_LETTERS_MIN: usize = 2;

const BASH: &str = r#"_mfactl() {
    local IFS=$'\n' line
    COMPREPLY=()
    for line in $(mfactl __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null); do
        COMPREPLY+=("${line%%$'\t'*}")
    done
}
complete -o default -o bashdefault -F _mfactl mfactl
"#;

const ZSH: &str = r#"#compdef mfactl
_mfactl() {
    local -a found
    local line
    for line in ${(f)"$(mfactl __complete -- ${words[2,CURRENT]} 2>/dev/null)"}; do
        found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
    done
    _describe mfactl found
}
compdef _mfactl mfactl
"#;

const FISH: &str = r"function __mfactl
    set -l typed (commandline -opc) (commandline -ct)
    mfactl __complete -- $typed[2..-1] 2>/dev/null
end
complete -c mfactl -f -a '(__mfactl)'
";

/// Prints the loader of a shell.
pub(super) fn loader(session: &Session, shell: &str) -> Result<u8, Trouble> {
    let text = match shell {
        "bash" => BASH,
        "zsh" => ZSH,
        "fish" => FISH,
        other => {
            return Err(
                Trouble::usage(format!("there is no completion for `{other}`"))
                    .doing("use one of: bash, zsh, fish"),
            );
        }
    };
    output::print(text, &session.env, false);
    Ok(0)
}

/// Prints what could stand at the cursor, one candidate a line with what it is behind a tab.
pub(super) fn candidates(args: &[String], env: &Env) -> u8 {
    let typed: Vec<&str> = args
        .iter()
        .skip(1)
        .skip_while(|arg| *arg == "--")
        .map(String::as_str)
        .collect();
    let (word, before) = typed
        .split_last()
        .map_or(("", &[][..]), |(word, rest)| (*word, rest));
    let found = find(word, before, env);
    let mut out = String::new();
    for (value, about) in found {
        if value.starts_with(word) {
            out.push_str(&text::clean(&value));
            out.push('\t');
            out.push_str(&text::clean(&about));
            out.push('\n');
        }
    }
    output::print(&out, env, false);
    0
}

type Found = Vec<(String, String)>;

fn find(word: &str, before: &[&str], env: &Env) -> Found {
    let plain: Vec<&str> = before
        .iter()
        .copied()
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    let noun = plain.first().copied().unwrap_or_default();
    let shortcut = cmd::verb(noun, "");
    let name = if shortcut.is_some() {
        ""
    } else {
        plain.get(1).copied().unwrap_or_default()
    };
    if noun.is_empty() {
        return nouns(env);
    }
    match (noun, plain.len()) {
        ("completion", 1) => return fixed(&["bash", "zsh", "fish"]),
        ("help", 1) => return fixed(&["3am", "lost-phone", "new-user"]),
        ("explain", 1) => {
            let all = crate::control::numbers::ALL.iter();
            return all
                .map(|one| (one.code.to_owned(), one.title.to_owned()))
                .collect();
        }
        _ => {}
    }
    let Some(verb) = cmd::verb(noun, name) else {
        return verbs(noun, env);
    };
    let flag = before.last().and_then(|last| last.strip_prefix("--"));
    if let Some(take) = flag.and_then(|flag| valued(verb, flag)) {
        return of(take, word, None, env);
    }
    if word.starts_with('-') {
        return flags(verb);
    }
    let words = verb.name.split(' ').count();
    let taken = positionals(verb, before).saturating_sub(words);
    let mut places = verb.takes.iter().filter(|take| take.positional);
    let user = plain.get(words).copied();
    match places.nth(taken) {
        Some(take) => of(take, word, user.filter(|_| taken > 0), env),
        None => flags(verb),
    }
}

/// A flag of the command that takes a value.
fn valued(verb: &'static Verb, flag: &str) -> Option<&'static Take> {
    verb.takes
        .iter()
        .find(|take| take.name == flag && !take.positional)
        .filter(|take| !matches!(take.kind, Kind::Switch | Kind::LocalSwitch))
}

/// Words before the cursor that are neither flags nor their values.
fn positionals(verb: &'static Verb, before: &[&str]) -> usize {
    let mut count = 0;
    let mut words = before.iter();
    while let Some(word) = words.next() {
        match word.strip_prefix("--") {
            Some(flag) => {
                if valued(verb, flag).is_some() {
                    words.next();
                }
            }
            None if *word == "-r" => drop(words.next()),
            None if word.starts_with('-') => {}
            None => count += 1,
        }
    }
    count
}

fn fixed(words: &[&str]) -> Found {
    words
        .iter()
        .map(|word| ((*word).to_owned(), String::new()))
        .collect()
}

fn flags(verb: &Verb) -> Found {
    let own = verb.takes.iter().filter(|take| !take.positional);
    let own = own.map(|take| (format!("--{}", take.name), take.help.to_owned()));
    let changes = if verb.changes() {
        args::for_changes()
    } else {
        Vec::new()
    };
    let common = changes.into_iter().chain(args::everywhere()).map(|arg| {
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        (format!("--{}", arg.get_id()), help)
    });
    own.chain(common).collect()
}

/// Nouns and shortcuts that your role may use; all if the daemon does not say.
fn nouns(env: &Env) -> Found {
    let may = permitted(env);
    let mut found: Found = Vec::new();
    for verb in cmd::verbs().filter(|verb| allowed(verb, may.as_ref())) {
        let (noun, name) = verb.words();
        if found.iter().all(|(known, _)| known != noun) {
            let about = if name.is_empty() { verb.about } else { "" };
            found.push((noun.to_owned(), about.to_owned()));
        }
    }
    found.extend(
        args::OFFLINE
            .iter()
            .map(|(name, _, about)| ((*name).to_owned(), (*about).to_owned())),
    );
    found
}

fn verbs(noun: &str, env: &Env) -> Found {
    let may = permitted(env);
    cmd::verbs()
        .filter(|verb| verb.words().0 == noun && allowed(verb, may.as_ref()))
        .map(|verb| (verb.words().1.to_owned(), verb.about.to_owned()))
        .collect()
}

fn allowed(verb: &Verb, may: Option<&Vec<String>>) -> bool {
    match may {
        Some(may) => verb.method.is_empty() || may.iter().any(|name| name == verb.name),
        None => true,
    }
}

fn permitted(env: &Env) -> Option<Vec<String>> {
    let me: Whoami = ask(env, "org.mfad.Daemon.Whoami", &Payload::default())?;
    Some(me.may).filter(|may| !may.is_empty())
}

/// What could stand for one argument.
fn of(take: &Take, word: &str, user: Option<&str>, env: &Env) -> Found {
    let known = match take.kind {
        Kind::Words(words) | Kind::List(words) if take.complete.is_empty() => fixed(words),
        Kind::OnOff => fixed(&["on", "off"]),
        _ => Vec::new(),
    };
    let people = matches!(take.complete, "user" | "locked_user");
    let too_short = people && word.len() < NAME_LETTERS_MIN && take.complete == "user";
    if take.complete.is_empty() || too_short {
        return known;
    }
    let mut payload = Payload::default();
    payload.set("kind", take.complete);
    payload.set("prefix", word);
    payload.set_some("user", user);
    let answer: Option<Candidates> = ask(env, "org.mfad.Daemon.Complete", &payload);
    match (answer, take.kind) {
        (Some(answer), _) => {
            let rows = answer.rows.into_iter();
            rows.map(|row| (row.value, row.text)).collect()
        }
        (None, Kind::Words(words)) => fixed(words),
        (None, _) => known,
    }
}

fn ask<P: serde::de::DeserializeOwned>(env: &Env, method: &str, payload: &Payload) -> Option<P> {
    let socket = env.socket.as_deref().unwrap_or(SOCKET);
    let mut client = Client::connect(Path::new(socket)).ok()?;
    client
        .wait_at_most(Some(Duration::from_millis(ANSWER_MS_MAX)))
        .ok()?;
    client.call(method, payload).ok()
}
