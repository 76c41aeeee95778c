//! Help: by task, by noun, by command; walk-throughs; numbers.
//!
//! Everything that lists commands is made from the commands themselves and from the daemon's table
//! of roles, so no page names a command that does not exist or another role than the one that is
//! asked for.

use std::fmt::Write as _;

use super::Session;
use super::args;
use super::cmd;
use super::errors::Trouble;
use super::manual::manual;
use super::output::{self, text};
use super::reach;
use super::verb::{Common, Kind, Take, Verb};
use crate::control::numbers;
use crate::control::reply::Whoami;
use crate::domain::refusal::Code;

/// Columns of a flag in the help of a command.
const FLAG_COLUMNS: usize = 22;

/// What people come for, and the commands for it; names are looked up in the table.
const TASKS: &[(&str, &[(&str, &str)])] = &[
    (
        "Someone cannot log in",
        &[
            ("why", "the one to start with"),
            ("user unlock", ""),
            ("pin unblock", ""),
            ("token test", ""),
            ("token resync", ""),
            ("passthrough enable", "a while without a code"),
        ],
    ),
    (
        "Lost phone, new phone",
        &[
            ("user set-state", ""),
            ("token reset-secret", ""),
            ("auth-code generate", ""),
            ("enroll email", ""),
            ("token add", ""),
            ("recovery issue", ""),
        ],
    ),
    (
        "Look",
        &[
            ("status", ""),
            ("user show", ""),
            ("user find", ""),
            ("token list", ""),
            ("auth log", ""),
            ("audit log", ""),
        ],
    ),
    (
        "People and tokens",
        &[
            ("user add", ""),
            ("user edit", ""),
            ("user lock", ""),
            ("token disable", ""),
            ("token delete", ""),
        ],
    ),
    (
        "Run it",
        &[
            ("gateway list", ""),
            ("gateway new", ""),
            ("config check", ""),
            ("config diff", ""),
            ("config reload", ""),
            ("backup", ""),
            ("audit verify", ""),
            ("notify test", "mail to people"),
        ],
    ),
];

const NIGHT: &str = "\
logins fail for   start with                       usually
one user          mfactl why USER                  locked, clock, new phone
one gateway       mfactl gateway show G            secret, MS-CHAPv2, firewall
everybody         mfactl status                    disk full, clock, key
nobody, but slow  mfactl status                    PIN pool full, disk latency
after an update   mfactl config diff               gateway now needs PAP or M-A
mfactl is silent  systemctl status mfad; mfad --check
Last resort for one person:  mfactl passthrough enable USER --for 1d -r TEXT
There is no switch that lets everybody in without a code, on purpose.
";

const LOST_PHONE: &str = "\
The phone is lost, and somebody may have it
  1. mfactl user set-state USER replace -r \"phone lost\"  its codes are void now
     It says what the next sign-in asks for. An auth code that it shows is for
     the person alone. If that is lost too, another one:
       mfactl auth-code generate USER
  2. A new phone, one of:
       mfactl enroll email USER                           a link to mfad-web
       mfactl token add USER --type totp                  the person is here
  3. No phone yet, one of:
       mfactl recovery issue USER                         codes on paper
       mfactl passthrough enable USER --for 1d -r TEXT    no code for a day
  4. mfactl passthrough disable USER                      if you enabled it
  5. mfactl auth log USER --since 2d                      was it used by others?
  Only one of several tokens is lost, instead of 1:
     mfactl token reset-secret USER --token T --why lost_phone
";

const NEW_USER: &str = "\
Somebody new
  1. mfactl user add USER --name \"Full Name\" --email ADDRESS
     It says what the first sign-in asks for. An auth code that it shows is for
     the person alone. Another one, and one for the link of 2:
       mfactl auth-code generate USER
  2. The token, one of:
       mfactl enroll email USER               a link to mfad-web
       mfactl token add USER --type totp      the person is here
  3. mfactl pin reset USER --generate         if the gateways ask for a PIN
  4. mfactl auth explain USER --gateway G     what the first login will meet
  5. mfactl auth log USER --follow            watch it
  Not there yet on the first day?
     mfactl passthrough enable USER --for 2d -r TEXT
";

/// Answers `-h`, `--help`, `-V` and `--FLAG help`; none: something else was asked for.
pub(super) fn asked(session: &mut Session, args: &[String]) -> Option<u8> {
    let before = args.iter().take_while(|arg| *arg != "--");
    let has = |name: &str| before.clone().any(|arg| arg == name);
    if args.first().is_some_and(|arg| arg == "__man") {
        output::print(&manual(), &session.env, false);
        return Some(0);
    }
    if has("-V") || has("--version") {
        return Some(version(session));
    }
    let words = args::words(args);
    let noun = words.first().map_or("", String::as_str);
    let verb = words.get(1).map_or("", String::as_str);
    let bare = cmd::BARE
        .iter()
        .find(|(name, _)| *name == noun && verb.is_empty());
    let found = cmd::verb(noun, bare.map_or(verb, |(_, verb)| verb));
    if let Some(one) = found
        && let Some(text) = values(one, args)
    {
        output::print(&text, &session.env, false);
        return Some(0);
    }
    let (short, long) = (has("-h"), has("--help"));
    if !short && !long {
        return None;
    }
    let text = match cmd::verb(noun, verb) {
        Some(one) => command(one, long, session.screen.prose()),
        None if cmd::verbs().any(|one| one.words().0 == noun) => noun_text(noun),
        None => return Some(tasks(session, &Common::default())),
    };
    output::print(&text, &session.env, false);
    Some(0)
}

fn version(session: &Session) -> u8 {
    let mut text = format!("mfactl {}\n", env!("CARGO_PKG_VERSION"));
    let socket = session.env.socket.as_deref().unwrap_or(args::SOCKET);
    let info = reach::connect(std::path::Path::new(socket))
        .ok()
        .and_then(|mut client| {
            let none = super::client::Payload::default();
            let info = client.call::<serde_json::Value>("org.varlink.service.GetInfo", &none);
            info.ok()?.get("version")?.as_str().map(text::clean)
        });
    match info {
        Some(version) => {
            let _ = writeln!(text, "mfad   {version}");
        }
        None => text.push_str("mfad   not reached\n"),
    }
    output::print(&text, &session.env, false);
    0
}

/// `--type help`.
fn values(verb: &Verb, args: &[String]) -> Option<String> {
    let flag = args.windows(2).find_map(|two| match two {
        [flag, help] if help == "help" => flag.strip_prefix("--"),
        _ => None,
    })?;
    let take = verb.takes.iter().find(|take| take.name == flag)?;
    let (Kind::Words(words) | Kind::List(words)) = take.kind else {
        return None;
    };
    (!words.is_empty()).then(|| format!("--{flag}: {}\n", words.join(", ")))
}

/// The help by task; who you are, if the daemon can be reached.
pub(super) fn tasks(session: &mut Session, common: &Common) -> u8 {
    let me = whoami(session, common);
    let width = session.screen.prose();
    let mut out = String::new();
    let title = "mfactl controls the second-factor daemon mfad.";
    let you = me.map(|me| {
        format!(
            "you: {}, role {}",
            text::clean(&me.name),
            text::clean(&me.role)
        )
    });
    let you = you.unwrap_or_default();
    if text::columns(title) + text::columns(&you) + 2 <= width {
        let _ = writeln!(
            out,
            "{}{you}",
            text::left(title, width - text::columns(&you))
        );
    } else {
        let _ = writeln!(out, "{title}\n{you}");
    }
    out = out.trim_end().to_owned();
    out.push_str("\n\n");
    for (task, commands) in TASKS {
        task_lines(&mut out, task, commands, width);
    }
    let last = "\n\
        mfactl NOUN -h    verbs        mfactl help TASK     3am, lost-phone, new-user\n\
        mfactl X Y -h     examples     mfactl explain W017  what a number means\n";
    out.push_str(last);
    output::print(&out, &session.env, false);
    0
}

fn task_lines(out: &mut String, task: &str, commands: &[(&str, &str)], width: usize) {
    let indent = 25;
    let mut words = Vec::new();
    for (name, remark) in commands {
        let Some(verb) = cmd::verbs().find(|verb| verb.name == *name) else {
            continue;
        };
        let target = verb
            .takes
            .iter()
            .find(|take| take.positional && take.required);
        let target = target
            .map(|take| format!(" {}", take.name))
            .unwrap_or_default();
        let role = verb.row().map(|row| row.action.spec().least.name());
        let role = match role {
            Some(role @ ("operator" | "admin")) => format!(" ({role})"),
            _ => String::new(),
        };
        let remark = if remark.is_empty() {
            String::new()
        } else {
            format!(": {remark}")
        };
        words.push(format!("{name}{target}{role}{remark}"));
    }
    let mut line = text::left(task, indent);
    for (at, word) in words.iter().enumerate() {
        let gap = if line.len() == indent { 0 } else { 2 };
        if at > 0 && text::columns(&line) + gap + text::columns(word) > width {
            let _ = writeln!(out, "{}", line.trim_end());
            line = " ".repeat(indent);
        }
        if line.len() > indent {
            line.push_str("  ");
        }
        line.push_str(word);
    }
    let _ = writeln!(out, "{}", line.trim_end());
}

fn whoami(session: &mut Session, common: &Common) -> Option<Whoami> {
    let mut common = common.clone();
    if common.socket.as_os_str().is_empty() {
        let socket = session.env.socket.as_deref().unwrap_or(args::SOCKET);
        common.socket = socket.into();
    }
    let none = super::client::Payload::default();
    let client = session.client(&common).ok()?;
    client.call("org.mfad.Daemon.Whoami", &none).ok()
}

/// A noun alone.
pub(super) fn noun(session: &Session, noun: &str) -> u8 {
    output::print(&noun_text(noun), &session.env, false);
    0
}

fn noun_text(noun: &str) -> String {
    let mut out = String::new();
    for verb in cmd::verbs().filter(|verb| verb.words().0 == noun) {
        let line = format!("mfactl {}", verb.name);
        explained_at(&mut out, &line, verb.about);
    }
    format!("{out}\nmfactl {noun} VERB -h   what it takes, with examples\n")
}

/// A command with what it does, which goes on below itself.
fn explained_at(out: &mut String, command: &str, about: &str) {
    let indent = 30;
    for (at, line) in text::wrap(about, 80 - indent).iter().enumerate() {
        let command = if at == 0 { command } else { "" };
        let _ = writeln!(out, "  {}{line}", text::left(command, indent - 2));
    }
}

/// The help of one command.
fn command(verb: &Verb, long: bool, width: usize) -> String {
    let mut out = String::new();
    let spec = verb.row().map(|row| row.action.spec());
    let role = spec.map(|spec| format!("role: {}", spec.least.name()));
    let role = role.unwrap_or_else(|| "needs no daemon".to_owned());
    let about = format!("{}.", verb.about);
    let room = width.saturating_sub(text::columns(&role) + 2);
    let mut lines = text::wrap(&about, room);
    if let Some(first) = lines.first_mut() {
        *first = format!("{}{role}", text::left(first, width - text::columns(&role)));
    }
    for line in lines {
        let _ = writeln!(out, "{line}");
    }
    out.push('\n');
    for example in verb.examples {
        for line in text::wrap_command(example, width - 2) {
            let _ = writeln!(out, "  {line}");
        }
    }
    out.push('\n');
    for take in verb.takes {
        explained(&mut out, &label(take), take.help, width);
    }
    if spec.is_some_and(|spec| spec.reason) {
        explained(
            &mut out,
            "-r, --reason TEXT",
            "compulsory; goes into the audit record",
            width,
        );
    } else if verb.changes() {
        explained(
            &mut out,
            "-r, --reason TEXT",
            "goes into the audit record",
            width,
        );
    }
    if verb.changes() {
        explained(&mut out, "-n, --dry-run", "show what would change", width);
    }
    if long {
        let changes = if verb.changes() {
            args::for_changes()
        } else {
            Vec::new()
        };
        let own = verb.takes.iter().map(|take| take.name);
        let told: Vec<&str> = own.chain(["reason", "dry-run"]).collect();
        for arg in changes.iter().chain(&args::everywhere()) {
            if !told.contains(&arg.get_id().as_str()) {
                let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                explained(&mut out, &arg_label(arg), &help, width);
            }
        }
    }
    for line in text::wrap(verb.more, width) {
        let _ = writeln!(out, "{line}");
    }
    let out = out.trim_end();
    if long {
        return format!("{out}\nMore: mfactl(8)\n");
    }
    format!("{out}\nMore: mfactl {} --help, mfactl(8)\n", verb.name)
}

/// A flag or argument with its value.
pub(super) fn label(take: &Take) -> String {
    match (take.positional, take.value) {
        (true, _) => take.name.to_owned(),
        (false, _) if matches!(take.kind, Kind::Switch | Kind::LocalSwitch) => {
            format!("--{}", take.name)
        }
        (false, value) => format!("--{} {value}", take.name),
    }
}

/// The same of a flag that all commands have.
pub(super) fn arg_label(arg: &clap::Arg) -> String {
    let mut label = String::new();
    if let Some(short) = arg.get_short() {
        let _ = write!(label, "-{short}, ");
    }
    let _ = write!(label, "--{}", arg.get_id());
    if arg.get_action().takes_values() {
        for name in arg.get_value_names().unwrap_or_default() {
            let _ = write!(label, " {name}");
        }
    }
    label
}

fn explained(out: &mut String, label: &str, help: &str, width: usize) {
    let lines = text::wrap(help, width.saturating_sub(FLAG_COLUMNS + 2));
    let mut lines = lines.iter();
    if label.len() < FLAG_COLUMNS {
        let first = lines.next().map_or("", String::as_str);
        let _ = writeln!(out, "  {}{first}", text::left(label, FLAG_COLUMNS));
    } else {
        let _ = writeln!(out, "  {label}");
    }
    for line in lines {
        let _ = writeln!(out, "  {}{line}", " ".repeat(FLAG_COLUMNS));
    }
}

/// A walk-through.
pub(super) fn task(session: &Session, task: &str) -> Result<u8, Trouble> {
    let text = match task {
        "3am" => NIGHT,
        "lost-phone" => LOST_PHONE,
        "new-user" => NEW_USER,
        other => {
            return Err(
                Trouble::usage(format!("there is no walk-through `{other}`"))
                    .doing("use one of: 3am, lost-phone, new-user"),
            );
        }
    };
    output::print(text, &session.env, false);
    Ok(0)
}

/// `explain W017`: half a page.
pub(super) fn explain(session: &mut Session, code: &str) -> Result<u8, Trouble> {
    if let Some(named) = Code::ALL
        .iter()
        .find(|one| one.name().eq_ignore_ascii_case(code))
    {
        let screen = &mut session.screen;
        screen.strong(&format!("{}  exit status {}", named.name(), named.exit()));
        screen.gap();
        screen.say_after(&text::left("means", 7), named.meaning());
        screen.say_after(
            &text::left("do", 7),
            "What decided it, and what would work, stands below the refusal: why, try.",
        );
        let page = screen.take();
        output::print(&page, &session.env, false);
        return Ok(0);
    }
    let Some(number) = numbers::by_code(code) else {
        let near = numbers::ALL
            .iter()
            .map(|one| (text::distance(one.code, &code.to_uppercase()), one.code))
            .filter(|(far, _)| *far <= 1)
            .min();
        let trouble = Trouble::usage(format!("there is no number `{code}`"));
        return Err(match near {
            Some((_, near)) => trouble.try_next(format!("mfactl explain {near}")),
            None => {
                trouble.doing("numbers look like W017 or E011, the names of refusals like E_STATE")
            }
        });
    };
    let screen = &mut session.screen;
    screen.strong(&format!("{}  {}", number.code, number.title));
    for (label, words) in [
        ("means", number.meaning),
        ("cause", number.cause),
        ("do", number.cure),
    ] {
        screen.gap();
        screen.say_after(&text::left(label, 7), words);
    }
    let page = screen.take();
    output::print(&page, &session.env, false);
    Ok(0)
}
