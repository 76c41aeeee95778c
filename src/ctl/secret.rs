//! Secrets on their way in and out.
//!
//! In: asked for without echo, or one line of standard input, or a file that nobody else can read;
//! never an argument or a variable. Out: once, on the alternate screen of the terminal, which is
//! wiped when Enter is pressed; into a file with mode 0600; or to standard output, if that is asked
//! for by its name. Where a secret would go is settled before the daemon is asked to make it.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::Session;
use super::change;
use super::errors::{self, Trouble};
use super::output::{self, text};
use super::qr;
use super::terminal::Terminal;
use super::verb::{Given, Kind, Take, flag};
use crate::control::reply::{Reveal, RevealKind};

/// Longest secret that is taken, in octets.
const SECRET_OCTETS_MAX: u64 = 1024;
/// Fewest signs of an argument that looks like a seed.
const SEED_SIGNS_MIN: usize = 16;

/// Prints the secret to standard output.
pub(super) const TO_STDOUT: Take = flag(
    "to-stdout",
    "",
    Kind::LocalSwitch,
    "",
    "print the secret to standard output",
);
/// Draws the QR code into a PNG file.
pub(super) const PNG: Take = flag("png", "", Kind::Local, "FILE", "QR code as a new PNG file");
/// Draws the QR code into an SVG file.
pub(super) const SVG: Take = flag("svg", "", Kind::Local, "FILE", "QR code as a new SVG file");
/// Draws the QR code without half blocks.
pub(super) const ASCII: Take = flag("ascii", "", Kind::LocalSwitch, "", "QR code in ASCII");
/// Draws the QR code in exchanged colours.
pub(super) const INVERT: Take = flag(
    "invert",
    "",
    Kind::LocalSwitch,
    "",
    "QR code with light and dark exchanged",
);
/// Takes the secret from standard input.
pub(super) const STDIN: Take = flag(
    "stdin",
    "",
    Kind::LocalSwitch,
    "",
    "read it from standard input, one line",
);
/// Takes the secret from a file.
pub(super) const FILE: Take = flag(
    "file",
    "",
    Kind::Local,
    "PATH",
    "read it from a file nobody else can read",
);

/// Where a secret goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sink {
    /// The alternate screen.
    Screen,
    /// Standard output.
    Stdout,
    /// A new PNG file.
    Png(PathBuf),
    /// A new SVG file.
    Svg(PathBuf),
}

impl Sink {
    /// The word for it in the audit log.
    pub(super) const fn channel(&self) -> &'static str {
        match self {
            Self::Screen => "terminal",
            Self::Stdout => "uri",
            Self::Png(_) => "png",
            Self::Svg(_) => "svg",
        }
    }
}

/// Decides where the secret of this command would go; trouble if nowhere.
pub(super) fn sink(session: &Session, given: &Given) -> Result<Sink, Trouble> {
    let file = |name: &str| given.text(name).map(PathBuf::from);
    if let Some(path) = file("png") {
        return new_file(&path).map(|()| Sink::Png(path));
    }
    if let Some(path) = file("svg") {
        return new_file(&path).map(|()| Sink::Svg(path));
    }
    if given.has("to-stdout") {
        return Ok(Sink::Stdout);
    }
    if on_screen(session, given) {
        return Ok(Sink::Screen);
    }
    let line = change::typed(given);
    let trouble = Trouble::usage("a secret is shown on a terminal only; nothing changed");
    let draws = given.verb.takes.iter().any(|take| take.name == "png");
    let trouble = trouble.why("standard output is a file, a pipe or for a program");
    Err(if draws {
        trouble
            .try_next(format!("{line} --png FILE"))
            .try_next(format!("{line} --to-stdout"))
    } else {
        trouble.try_next(format!("{line} --to-stdout"))
    })
}

/// Whether a secret can be shown on the terminal.
fn on_screen(session: &Session, given: &Given) -> bool {
    let shown = session.env.stdout_terminal && session.env.askable;
    shown && !given.common.json() && !given.common.no_input
}

/// The same as [`sink`]; none if nothing will be made: a dry run, or a call that is only shown.
pub(super) fn sink_unless_trial(session: &Session, given: &Given) -> Result<Option<Sink>, Trouble> {
    if given.common.dry_run || given.common.show_call {
        return Ok(None);
    }
    sink(session, given).map(Some)
}

fn new_file(path: &Path) -> Result<(), Trouble> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    Err(Trouble::new(
        errors::CANNOT_CREATE,
        format!("{} is there already; nothing changed", path.display()),
    ))
}

/// Hands a secret out.
pub(super) fn reveal(
    session: &Session,
    given: &Given,
    sink: &Sink,
    secret: &Reveal,
) -> Result<(), Trouble> {
    let clear = secret.text.expose();
    match sink {
        Sink::Stdout => {
            let line = Zeroizing::new(format!("{}\n", clear.trim_end()));
            output::print(&line, &session.env, false);
        }
        Sink::Png(path) => write_new(path, &qr::png(clear)?)?,
        Sink::Svg(path) => write_new(path, qr::svg(clear)?.as_bytes())?,
        Sink::Screen => {
            let mut terminal = Terminal::open()?;
            let shown = shown(session, given, secret)?;
            terminal.enter_alternate();
            terminal.write(&shown);
            terminal.ask("\nEnter wipes this screen. ").map(drop)?;
        }
    }
    Ok(())
}

/// A secret as it stands on the alternate screen.
pub(super) fn shown(
    session: &Session,
    given: &Given,
    secret: &Reveal,
) -> Result<Zeroizing<String>, Trouble> {
    let clear = secret.text.expose();
    let words = match secret.kind {
        RevealKind::OtpauthUri => return drawn(session, given, clear),
        RevealKind::Pin => format!("PIN, shown once:\n\n    {clear}\n"),
        RevealKind::Password => format!("Password, shown once:\n\n    {clear}\n"),
        RevealKind::AuthCode => format!("Auth code, shown once:\n\n    {clear}\n"),
        RevealKind::RecoveryCodes => {
            let lines: Vec<String> = clear.lines().map(|line| format!("    {line}\n")).collect();
            format!(
                "Recovery codes, each good once, shown once:\n\n{}",
                lines.concat()
            )
        }
    };
    Ok(Zeroizing::new(words))
}

fn drawn(session: &Session, given: &Given, uri: &str) -> Result<Zeroizing<String>, Trouble> {
    let ascii = given.has("ascii") || session.env.ascii;
    let picture = qr::terminal(uri, ascii, given.has("invert"))?;
    let wide = picture.lines().map(qr::columns).max().unwrap_or(0);
    let (lines, rows) = (picture.lines().count() + 6, session.env.rows);
    if lines > rows || wide > session.env.columns {
        return Ok(Zeroizing::new(format!(
            "The QR code needs {lines} rows and {wide} columns; this terminal has {rows} and {}.\n\
             Make it larger, or use --png FILE. The text to type in:\n\n    {uri}\n",
            session.env.columns
        )));
    }
    Ok(Zeroizing::new(format!(
        "{}\nLet it be scanned with any authenticator app. As text: --to-stdout\n",
        &*picture
    )))
}

/// Writes a file that was not there, for its owner only.
pub(super) fn write_new(path: &Path, octets: &[u8]) -> Result<(), Trouble> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(octets).and_then(|()| file.sync_all()));
    made.map_err(|error| {
        Trouble::new(
            errors::CANNOT_CREATE,
            format!("{} cannot be written", path.display()),
        )
        .why(error.to_string())
    })
}

/// Takes a new secret in: asked for twice, or from standard input or a file.
pub(super) fn new_secret(
    session: &Session,
    given: &Given,
    name: &str,
) -> Result<Zeroizing<String>, Trouble> {
    if let Some(secret) = piped(given)? {
        return Ok(secret);
    }
    if given.common.no_input || !session.env.askable {
        return Err(Trouble::usage(format!(
            "the {name} has to be asked for, and there is no terminal; nothing changed"
        ))
        .doing("use --stdin, --file PATH or --generate"));
    }
    let mut terminal = Terminal::open()?;
    let first = terminal.ask_hidden(&format!("New {name}: "))?;
    let second = terminal.ask_hidden(&format!("The same {name} again: "))?;
    if *first != *second {
        return Err(Trouble::new(1, "the two are not the same; nothing changed"));
    }
    Ok(first)
}

/// A secret that is not new: asked for once.
pub(super) fn known_secret(
    session: &Session,
    given: &Given,
    question: &str,
) -> Result<Zeroizing<String>, Trouble> {
    if let Some(secret) = piped(given)? {
        return Ok(secret);
    }
    if given.common.no_input || !session.env.askable {
        return Err(
            Trouble::usage("a secret has to be asked for, and there is no terminal")
                .doing("use --stdin or --file PATH"),
        );
    }
    Terminal::open()?.ask_hidden(question)
}

fn piped(given: &Given) -> Result<Option<Zeroizing<String>>, Trouble> {
    if given.has("stdin") {
        let mut line = Zeroizing::new(String::new());
        let mut input = std::io::stdin().lock().take(SECRET_OCTETS_MAX);
        let read = input.read_line(&mut line);
        read.map_err(|error| unreadable("standard input", &error.to_string()))?;
        return one_line(line, "standard input").map(Some);
    }
    let Some(path) = given.text("file") else {
        return Ok(None);
    };
    let file = File::open(path).map_err(|error| unreadable(path, &error.to_string()))?;
    let about = file.metadata();
    let about = about.map_err(|error| unreadable(path, &error.to_string()))?;
    if about.mode() & 0o077 != 0 {
        return Err(Trouble::new(
            errors::NO_INPUT,
            format!("{path} is not taken: others can read it; nothing changed"),
        )
        .try_next(format!("chmod 600 {}", super::remote::quoted(path))));
    }
    let mut text = Zeroizing::new(String::new());
    let read = file.take(SECRET_OCTETS_MAX).read_to_string(&mut text);
    read.map_err(|error| unreadable(path, &error.to_string()))?;
    one_line(text, path).map(Some)
}

fn unreadable(path: &str, why: &str) -> Trouble {
    Trouble::new(
        errors::NO_INPUT,
        format!("{path} cannot be read; nothing changed"),
    )
    .why(why)
}

/// Exactly one line, without its end.
fn one_line(text: Zeroizing<String>, place: &str) -> Result<Zeroizing<String>, Trouble> {
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() || line.contains('\n') {
        let what = format!("{place} is to hold exactly one line; nothing changed");
        return Err(Trouble::usage(what));
    }
    Ok(Zeroizing::new(line.to_owned()))
}

/// Warns once if an argument looks like a seed: it stands in the shell's history now.
pub(super) fn warn_of_seeds(args: &[String]) {
    if args.iter().any(|arg| looks_like_seed(arg)) {
        output::print_error("mfactl: that seed is now in your shell history; it was not used\n");
    }
}

fn looks_like_seed(arg: &str) -> bool {
    let value = arg.split_once('=').map_or(arg, |(_, value)| value);
    if arg.starts_with("otpauth:") || value.starts_with("otpauth:") {
        return true;
    }
    let signs = value.trim_end_matches('=');
    text::columns(signs) >= SEED_SIGNS_MIN
        && signs
            .bytes()
            .all(|sign| matches!(sign, b'A'..=b'Z' | b'2'..=b'7'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_a_seed_when_it_sees_one() {
        assert!(looks_like_seed("JBSWY3DPEHPK3PXP"));
        assert!(looks_like_seed("--seed=JBSWY3DPEHPK3PXP===="));
        assert!(looks_like_seed("otpauth://totp/x?secret=AA"));
        assert!(!looks_like_seed("alice"));
        assert!(!looks_like_seed("REPLACED"));
        assert!(!looks_like_seed("T-8F3K2"));
    }

    #[test]
    fn takes_exactly_one_line() {
        let read = |text: &str| one_line(Zeroizing::new(text.to_owned()), "x");
        assert_eq!(read("pin\n").unwrap().as_str(), "pin");
        assert_eq!(read("pin\r\n").unwrap().as_str(), "pin");
        assert_eq!(read(" pin ").unwrap().as_str(), " pin ");
        assert!(read("").is_err());
        assert!(read("\n").is_err());
        assert!(read("a\nb\n").is_err());
    }
}
