//! The command line of `mfad`: one mode, and what belongs to it.
//!
//! Without a mode `mfad` serves. Called with nothing at all where nothing is configured it does not
//! guess: it says in four lines what there is to do. What clap refuses is told in the form of every
//! other error, with the status that sysexits has for it.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::builder::styling::Styles;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgGroup, ArgMatches, CommandFactory, FromArgMatches, Parser, ValueEnum};

use super::report::{Exit, Failure, status};
use super::{attempt, check, init, restore};

/// Where the configuration is if nothing else is said.
pub const CONFIG_PATH: &str = "/etc/mfad/mfad.toml";

/// Which option goes with which mode. clap's own `requires` lets an option of one mode stand beside
/// another mode, because modes exclude each other.
const OPTION_OF: [(&str, &str); 9] = [
    ("json", "demo"),
    ("gateway", "demo"),
    ("ascii", "demo"),
    ("as_root", "demo"),
    ("strict", "check"),
    ("key_stdin", "init"),
    ("yes", "restore"),
    ("expect", "restore"),
    ("user", "attempt"),
];

const NOTHING_TO_DO: &str = "\
mfad --demo    try it now: throw-away, on loopback, no root
mfad --init    set it up: configuration, master key, empty store
mfad --check   judge the configuration and say whether mfad would start
man 8 mfad     everything else";

const USAGE: &str = "\
mfad [--config PATH] [--log-level LEVEL]
       mfad --demo [--json] [--gateway ADDRESS [--kind KIND]] [--ascii] [--as-root]
       mfad --demo-code
       mfad --check [--strict] [--config PATH]
       mfad --init [--key-stdin] [--config PATH]
       mfad --restore PATH [--yes --expect USERS] [--config PATH]
       mfad --try SERVER[:PORT] --user NAME";

const EXAMPLES: &str = "\
Examples:
  mfad --demo
      a throw-away mfad with a user to log in as; gone at Ctrl-C
  mfad --demo --gateway 192.0.2.10 --kind ocserv
      the same for a real gateway, with what to enter there
  mfad --init
      configuration, master key and an empty store; safe to run twice
  mfad --check --strict
      judge everything; a warning counts as a no
  mfad --restore /var/lib/mfad/backup/before-upgrade.mfad
      put a backup in the place of the store, with the daemon stopped
  mfad --try 192.0.2.5 --user alice
      log in over RADIUS as a gateway would";

/// What `mfad` is asked to do.
#[derive(Debug)]
pub enum Mode {
    /// Run as the daemon.
    Serve(Serve),
    /// Run a throw-away instance.
    Demo(Demo),
    /// Print the code that the running demo awaits.
    DemoCode,
    /// Judge configuration, key, store and machine.
    Check(check::Options),
    /// Make what is missing.
    Init(init::Options),
    /// Put a backup in the place of the store.
    Restore(restore::Options),
    /// Log in as a gateway would.
    Try(attempt::Options),
}

/// How the daemon runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serve {
    /// The configuration.
    pub config: PathBuf,
    /// The least important lines that are logged.
    pub log_level: tracing::Level,
}

/// How the demo runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demo {
    /// Facts as JSON instead of a screen.
    pub json: bool,
    /// The real gateway that is answered; none: loopback.
    pub gateway: Option<IpAddr>,
    /// What that gateway is.
    pub kind: Option<GatewayKind>,
    /// No signs beyond ASCII.
    pub ascii: bool,
    /// Run although this is root.
    pub as_root: bool,
    /// The least important lines that are logged.
    pub log_level: tracing::Level,
}

/// Gateways for which the demo knows what to enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
pub enum GatewayKind {
    /// ocserv with radcli.
    Ocserv,
    /// strongSwan.
    Strongswan,
    /// OpenVPN.
    Openvpn,
    /// These two firewalls.
    #[value(help = "OPNsense and pfSense")]
    Opnsense,
    /// FortiGate.
    Fortigate,
    /// Cisco ASA and FTD.
    Asa,
    /// Palo Alto GlobalProtect.
    Paloalto,
    /// `RouterOS`.
    #[value(help = "MikroTik")]
    Mikrotik,
    /// Any other.
    Other,
}

/// Second-factor RADIUS daemon for VPN gateways.
///
/// mfad asks for a second factor when people log in to a VPN: the gateway sends an Access-Request,
/// mfad checks the one-time code and answers. Without a mode it runs as the daemon.
#[derive(Debug, Parser)]
#[command(name = "mfad", version, styles = Styles::plain())]
#[command(override_usage = USAGE, after_long_help = EXAMPLES)]
#[command(group = ArgGroup::new("mode")
    .args(["demo", "demo_code", "check", "init", "restore", "attempt"]))]
struct Arguments {
    /// Configuration file
    #[arg(long, value_name = "PATH", default_value = CONFIG_PATH)]
    config: PathBuf,

    /// Least important lines of the log
    #[arg(long, value_name = "LEVEL", default_value = "info",
        value_parser = ["error", "warn", "info", "debug", "trace"])]
    log_level: String,

    /// Start a throw-away instance to try mfad with
    ///
    /// It needs no root, keeps everything in one temporary folder and is gone at Ctrl-C.
    #[arg(long, help_heading = "Modes")]
    demo: bool,

    /// Print the code that the running demo awaits
    #[arg(long, help_heading = "Modes")]
    demo_code: bool,

    /// Judge configuration, key, store and machine; change nothing
    #[arg(long, help_heading = "Modes")]
    check: bool,

    /// Make configuration, master key and an empty store
    ///
    /// What is there already is left alone, so this can be run twice. It never makes a key where a
    /// store exists.
    #[arg(long, help_heading = "Modes")]
    init: bool,

    /// Put a backup in the place of the store
    ///
    /// The daemon must be stopped. The old store is moved aside, not deleted. What could be used a
    /// second time is void afterwards; the screen says what, and what to look at.
    #[arg(long, value_name = "PATH", help_heading = "Modes")]
    restore: Option<PathBuf>,

    /// Log in over RADIUS as a gateway would
    ///
    /// Asks for the shared secret and the passcode at the terminal, without echo, or reads them as
    /// two lines from the standard input. Neither is ever printed.
    #[arg(
        long = "try",
        id = "attempt",
        value_name = "SERVER[:PORT]",
        requires = "user",
        help_heading = "Modes"
    )]
    attempt: Option<String>,

    /// With --demo: facts as JSON instead of a screen
    #[arg(long, help_heading = "Options of modes")]
    json: bool,

    /// With --demo: answer this real gateway
    #[arg(long, value_name = "ADDRESS", help_heading = "Options of modes")]
    gateway: Option<IpAddr>,

    /// With --demo --gateway: what it is, so that the screen says what to enter there
    #[arg(
        long,
        value_enum,
        requires = "gateway",
        hide_possible_values = false,
        help_heading = "Options of modes"
    )]
    kind: Option<GatewayKind>,

    /// With --demo: no signs beyond ASCII
    #[arg(long, help_heading = "Options of modes")]
    ascii: bool,

    /// With --demo: run although this is root
    #[arg(long, help_heading = "Options of modes")]
    as_root: bool,

    /// With --check: exit 1 for a warning
    #[arg(long, help_heading = "Options of modes")]
    strict: bool,

    /// With --init: take the key that was written down instead of making one
    #[arg(long, help_heading = "Options of modes")]
    key_stdin: bool,

    /// With --restore: do not ask; needs --expect
    #[arg(long, requires = "expect", help_heading = "Options of modes")]
    yes: bool,

    /// With --restore --yes: number of users that the backup must hold
    #[arg(
        long,
        value_name = "USERS",
        requires = "yes",
        help_heading = "Options of modes"
    )]
    expect: Option<u64>,

    /// With --try: login name
    #[arg(long, value_name = "NAME", help_heading = "Options of modes")]
    user: Option<String>,

    /// Everything below this folder
    #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
    root: PathBuf,
}

/// The definition of the command line, for the manual page and for completions.
#[must_use]
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Reads the command line; the first argument is the name of the program.
///
/// # Errors
/// What is said instead of doing anything: help (status 0), or an error (status 64).
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Mode, Exit> {
    parse_where(args, Path::new(CONFIG_PATH))
}

/// [`parse`], with the configuration whose absence makes a lone `mfad` ask what is wanted.
fn parse_where(args: impl IntoIterator<Item = OsString>, config: &Path) -> Result<Mode, Exit> {
    let args: Vec<OsString> = args.into_iter().collect();
    if args.len() <= 1 && !config.exists() {
        return Err(Exit {
            status: status::USAGE,
            text: NOTHING_TO_DO.to_owned(),
        });
    }
    let mut matches = command()
        .try_get_matches_from(args)
        .map_err(|error| refused(&error))?;
    in_place(&matches).map_err(|error| refused(&error))?;
    let arguments =
        Arguments::from_arg_matches_mut(&mut matches).map_err(|error| refused(&error))?;
    Ok(mode(arguments))
}

/// Refuses an option without its mode.
fn in_place(matches: &ArgMatches) -> Result<(), clap::Error> {
    let stated = |id| matches.value_source(id) == Some(ValueSource::CommandLine);
    let stray = OPTION_OF
        .iter()
        .find(|(option, mode)| stated(option) && !stated(mode));
    stray.map_or(Ok(()), |(option, mode)| {
        let long = |id: &str| id.replace("attempt", "try").replace('_', "-");
        let what = format!("'--{}' goes with '--{}' only", long(option), long(mode));
        Err(command().error(ErrorKind::ArgumentConflict, what))
    })
}

fn mode(arguments: Arguments) -> Mode {
    let log_level = arguments.log_level.parse().unwrap_or(tracing::Level::INFO);
    let (config, root) = (arguments.config, arguments.root);
    if let Some(backup) = arguments.restore {
        let expect = arguments.expect.filter(|_| arguments.yes);
        return Mode::Restore(restore::Options {
            config,
            root,
            backup,
            expect,
        });
    }
    if let (Some(server), Some(user)) = (arguments.attempt, arguments.user) {
        return Mode::Try(attempt::Options { server, user });
    }
    if arguments.demo {
        return Mode::Demo(Demo {
            json: arguments.json,
            gateway: arguments.gateway,
            kind: arguments.kind,
            ascii: arguments.ascii,
            as_root: arguments.as_root,
            log_level,
        });
    }
    if arguments.demo_code {
        Mode::DemoCode
    } else if arguments.check {
        Mode::Check(check::Options {
            config,
            root,
            strict: arguments.strict,
        })
    } else if arguments.init {
        Mode::Init(init::Options {
            config,
            root,
            key_stdin: arguments.key_stdin,
        })
    } else {
        Mode::Serve(Serve {
            config: super::places::below(&root, &config),
            log_level,
        })
    }
}

/// What clap says, in the form of every other error.
fn refused(error: &clap::Error) -> Exit {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        return Exit {
            status: status::OK,
            text: error.render().to_string(),
        };
    }
    let rendered = error.render().to_string();
    let told: Vec<&str> = rendered
        .lines()
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("tip:"))
        .collect();
    let what = told.join(" ");
    let mut failure = Failure::new(status::USAGE, what.trim_start_matches("error: "));
    failure = match suggestion(error) {
        Some(suggested) => failure.attempt(format!("did you mean `{suggested}`?")),
        None => failure.attempt("mfad --help"),
    };
    failure.into()
}

fn suggestion(error: &clap::Error) -> Option<String> {
    let kinds = [ContextKind::SuggestedArg, ContextKind::SuggestedValue];
    kinds.into_iter().find_map(|kind| match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(texts) => texts.first().cloned(),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Mode, Exit> {
        parse_where(line.split_whitespace().map(OsString::from), Path::new("/"))
    }

    fn refusal(line: &str) -> String {
        let exit = parsed(line).unwrap_err();
        assert_eq!(exit.status, 64, "{line}");
        exit.text
    }

    #[test]
    fn the_definition_holds() {
        command().debug_assert();
    }

    #[test]
    fn every_mode_is_reached() {
        let serve = Serve {
            config: CONFIG_PATH.into(),
            log_level: tracing::Level::INFO,
        };
        assert!(matches!(parsed("mfad").unwrap(), Mode::Serve(it) if it == serve));
        let debug = parsed("mfad --config x.toml --log-level debug").unwrap();
        let serve = Serve {
            config: "x.toml".into(),
            log_level: tracing::Level::DEBUG,
        };
        assert!(matches!(debug, Mode::Serve(it) if it == serve));
        let demo = parsed("mfad --demo --gateway 192.0.2.1 --kind asa --ascii").unwrap();
        assert!(matches!(demo, Mode::Demo(it)
            if it.kind == Some(GatewayKind::Asa) && it.gateway.is_some() && it.ascii));
        assert!(matches!(
            parsed("mfad --demo-code").unwrap(),
            Mode::DemoCode
        ));
        assert!(matches!(parsed("mfad --check --strict").unwrap(), Mode::Check(it) if it.strict));
        assert!(matches!(parsed("mfad --init").unwrap(), Mode::Init(it) if !it.key_stdin));
        let restore = parsed("mfad --restore b --yes --expect 37").unwrap();
        assert!(matches!(restore, Mode::Restore(it) if it.expect == Some(37)));
        assert!(
            matches!(parsed("mfad --try h --user u").unwrap(), Mode::Try(it) if it.user == "u")
        );
    }

    #[test]
    fn one_mode_at_a_time_and_no_option_of_another() {
        for line in [
            "mfad --check --init",
            "mfad --demo --demo-code",
            "mfad --strict",
            "mfad --check --key-stdin",
            "mfad --init --user u",
            "mfad --expect 3",
            "mfad --demo --kind asa",
            "mfad --restore b --yes",
            "mfad --restore b --expect 3",
            "mfad --try h",
            "mfad --log-level loud",
            "mfad stray",
        ] {
            assert!(
                refusal(line).starts_with("mfad: "),
                "{line}: {}",
                refusal(line)
            );
        }
    }

    #[test]
    fn a_refusal_has_the_form_of_an_error() {
        let text = "mfad: unexpected argument '--chek' found\n  try    did you mean `--check`?\n  \
                    code   exit 64";
        assert_eq!(refusal("mfad --chek"), text);
        assert!(refusal("mfad --try h").contains("--user <NAME>"));
    }

    #[test]
    fn nothing_to_do_is_four_lines() {
        let exit = parse_where([OsString::from("mfad")], Path::new("/none")).unwrap_err();
        assert_eq!((exit.status, exit.text.lines().count()), (64, 4));
        assert!(parse_where(["mfad".into(), "--check".into()], Path::new("/none")).is_ok());
    }

    #[test]
    fn help_is_short_or_long() {
        let (short, long) = (
            parsed("mfad -h").unwrap_err(),
            parsed("mfad --help").unwrap_err(),
        );
        assert_eq!((short.status, long.status), (0, 0));
        assert!(!short.text.contains("Examples:") && long.text.contains("Examples:"));
        assert!(!long.text.contains("--root"));
        let version = parsed("mfad -V").unwrap_err();
        assert_eq!(
            version.text.trim(),
            concat!("mfad ", env!("CARGO_PKG_VERSION"))
        );
    }
}
