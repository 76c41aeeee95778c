//! The manual pages mfad(8) and mfad.toml(5), made from what the program obeys.
//!
//! Options come from the definition of the command line, keys from the one table of the
//! configuration, so a page cannot say something else than the program does. The pages are kept in
//! `docs/man` as well, and a test holds those to these.

use std::fmt::Write as _;
use std::io;

use super::args;
use crate::config::keys::{self, Fallback, Key, Kind};

/// Date of the pages, which is that of their last change and not of a build.
const DATE: &str = crate::ctl::MANUAL_DATE;

const STATUS: [(&str, &str); 12] = [
    ("0", "Done, or the answer is yes."),
    (
        "1",
        "The answer is no: a warning with --strict, a login that was not let in, a question that \
           was declined.",
    ),
    ("64", "Called wrongly."),
    (
        "65",
        "The input is not what it should be: no backup, a mistyped key.",
    ),
    ("66", "The input is missing or cannot be read."),
    ("69", "The server does not answer."),
    ("70", "A bug in mfad."),
    ("73", "Something cannot be made."),
    (
        "75",
        "Try again later, nothing was changed: the store is in use or sealed.",
    ),
    ("76", "The answer of the server proves nothing."),
    ("77", "Not allowed."),
    ("78", "The configuration is wrong, or mfad would not start."),
];

const FILES: [(&str, &str); 7] = [
    (
        "/etc/mfad/mfad.toml",
        "The configuration, see mfad.toml(5).",
    ),
    (
        "/etc/mfad/gateways.d/*.toml",
        "More gateways, one file each if you like.",
    ),
    (
        "/etc/credstore.encrypted/mfad.key",
        "The master key, sealed to this host by systemd.",
    ),
    (
        "/var/lib/mfad/mfad.db",
        "The store, with its log beside it.",
    ),
    (
        "/var/lib/mfad/reserve",
        "16 MiB of nothing, which mfad gives back when the disk is full.",
    ),
    (
        "/var/lib/mfad/backup/",
        "Backups that `mfactl backup` has made.",
    ),
    (
        "/run/mfad/control",
        "The socket on which mfactl(1) is answered.",
    ),
];

const SIGNALS: [(&str, &str); 2] = [
    (
        "SIGTERM, SIGINT",
        "Stop: what is under way is answered, the store is closed.",
    ),
    (
        "SIGHUP",
        "Read the configuration anew. A wrong one is told and changes nothing.",
    ),
];

/// mfad(8).
///
/// # Errors
/// What the writer of the options said; a string says nothing.
pub fn daemon_page() -> io::Result<String> {
    let command = args::command();
    let examples = command
        .get_after_long_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    let man = clap_mangen::Man::new(command)
        .title("MFAD")
        .section("8")
        .date(DATE)
        .source(concat!("mfad ", env!("CARGO_PKG_VERSION")))
        .manual("System Administration");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    let mut page = tidied(&String::from_utf8(page).map_err(io::Error::other)?);
    section(&mut page, "SIGNALS", &SIGNALS);
    section(&mut page, "EXIT STATUS", &STATUS);
    section(&mut page, "FILES", &FILES);
    page.push_str(".SH ENVIRONMENT\n.TP\n");
    page.push_str("\\fBLC_ALL\\fR, \\fBLC_CTYPE\\fR, \\fBLANG\\fR\n");
    page.push_str("Without UTF\\-8 in the first that is set, signs are words.\n.TP\n");
    page.push_str("\\fBCREDENTIALS_DIRECTORY\\fR\n");
    page.push_str("Where systemd has put the master key and secrets of gateways.\n");
    page.push_str(".SH EXAMPLES\n");
    for line in examples.lines().skip(1) {
        match line.trim() {
            "" => {}
            command if command.starts_with("mfad ") => {
                let _ = writeln!(page, ".TP\n\\fB{}\\fR", escaped(command));
            }
            text => {
                let _ = writeln!(page, "{}", escaped(text));
            }
        }
    }
    page.push_str(".SH SEE ALSO\n.BR mfactl (1),\n.BR mfad.toml (5),\n.BR systemd\\-creds (1)\n");
    Ok(page)
}

/// mfad.toml(5).
#[must_use]
pub fn config_page() -> String {
    let mut page = format!(
        ".TH MFAD.TOML 5 {DATE} \"mfad {}\" \"File Formats\"\n.SH NAME\nmfad.toml \\- \
         configuration of mfad\n.SH SYNOPSIS\n.I /etc/mfad/mfad.toml\n.br\n\
         .I /etc/mfad/gateways.d/*.toml\n.SH DESCRIPTION\n",
        env!("CARGO_PKG_VERSION")
    );
    for (at, paragraph) in [
        "The files are TOML. A key that is not listed here is refused, with the nearest one that \
         is; nothing is silently ignored. `mfad --check` judges all of it and tells every problem \
         at once, with its place; `mfactl config diff` shows what a reload would change, \
         `mfactl config reload` puts it into force.",
        "A path such as `lockout.user.max_failures` is the key `max_failures` in the table \
         `[lockout.user]`. `NAME` stands for a name that you choose. Times are like `90s`, `15m`, \
         `8h`, `7d`, `2w` or `1d12h`.",
        "A minimal file is empty. A gateway needs `addresses`, `first_factor`, `passcode` and a \
         secret, which never stands in these files.",
    ]
    .into_iter()
    .enumerate()
    {
        // A heading begins a paragraph by itself.
        let head = if at == 0 { "" } else { ".PP\n" };
        let _ = writeln!(page, "{head}{}", marked(paragraph));
    }
    page.push_str(".SH KEYS OF THE SITE\n");
    for key in keys::all().filter(|key| !key.path.starts_with("gateway.")) {
        entry(&mut page, key);
    }
    page.push_str(".SH KEYS OF A GATEWAY\n");
    for key in keys::of_gateway() {
        entry(&mut page, key);
    }
    page.push_str(EXAMPLE);
    page.push_str(".SH SEE ALSO\n.BR mfactl (1),\n.BR mfad (8)\n");
    page
}

/// Without what the writer of the options says again before every section, and without empty
/// lines, which are no paragraphs to a formatter.
fn tidied(page: &str) -> String {
    let mut tidied = String::with_capacity(page.len());
    let mut lines = page.lines().enumerate().peekable();
    while let Some((at, line)) = lines.next() {
        let again = at > 1 && (line.starts_with(".ie \\n(.g") || line.starts_with(".el .ds Aq"));
        let before_break = line.is_empty() && lines.peek().is_some_and(|(_, next)| *next == ".br");
        if again || before_break || (line == ".br" && tidied.ends_with(".br\n")) {
            continue;
        }
        tidied.push_str(if line.is_empty() { ".sp" } else { line });
        tidied.push('\n');
    }
    tidied
}

const EXAMPLE: &str = "\
.SH EXAMPLE
.nf
[lockout.user]
max_failures = 8

[gateway.vpn1]
addresses = [\"192.0.2.10\"]
secret_file = \"/etc/mfad/secrets/vpn1\"
first_factor = \"gateway\"
passcode = \"otp\"
.fi
";

fn entry(page: &mut String, key: &Key) {
    let _ = writeln!(page, ".TP\n\\fB{}\\fR", escaped(key.path));
    let _ = writeln!(page, "{}", marked(key.doc));
    if key.kind == Kind::Elsewhere {
        return;
    }
    let mut facts = capitalised(&keys::type_text(key));
    match key.fallback {
        Fallback::Value(value) => {
            let _ = write!(facts, "; default {value}");
        }
        Fallback::Computed(how) => {
            let _ = write!(facts, "; default: {how}");
        }
        Fallback::Required => facts.push_str("; must be stated"),
        Fallback::Unset => {}
    }
    if key.restart {
        facts.push_str("; read at start only");
    }
    facts.push('.');
    let _ = writeln!(page, ".br\n{}", marked(&facts));
}

fn section(page: &mut String, title: &str, rows: &[(&str, &str)]) {
    let _ = writeln!(page, ".SH {title}");
    for (head, text) in rows {
        let _ = writeln!(page, ".TP\n\\fB{}\\fR\n{}", escaped(head), marked(text));
    }
}

fn capitalised(text: &str) -> String {
    let mut signs = text.chars();
    signs.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(signs).collect()
    })
}

/// What stands between back quotes in bold, everything escaped.
fn marked(text: &str) -> String {
    let mut marked = String::with_capacity(text.len() + 32);
    for (at, part) in text.split('`').enumerate() {
        if at % 2 == 1 {
            let _ = write!(marked, "\\fB{}\\fR", escaped(part));
        } else {
            marked.push_str(&escaped(part));
        }
    }
    // A line that begins with one of these would be taken for a command.
    if marked.starts_with(['.', '\'']) {
        marked.insert_str(0, "\\&");
    }
    marked
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for sign in text.chars() {
        match sign {
            '\\' => escaped.push_str("\\e"),
            '-' => escaped.push_str("\\-"),
            '"' => escaped.push_str("\\(dq"),
            _ => escaped.push(sign),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_and_every_option_has_its_place() {
        let page = config_page();
        for key in keys::all() {
            assert!(
                page.contains(&format!(".TP\n\\fB{}\\fR\n", escaped(key.path))),
                "{}",
                key.path
            );
        }
        let page = daemon_page().unwrap();
        for argument in args::command()
            .get_arguments()
            .filter(|it| !it.is_hide_set())
        {
            let long = escaped(argument.get_long().unwrap());
            assert!(page.contains(&format!("\\-\\-{long}")), "{long}");
        }
        assert!(!page.contains("\\-\\-root\\fR"));
    }

    #[test]
    fn text_cannot_become_a_command() {
        assert_eq!(marked(".so /etc/passwd"), "\\&.so /etc/passwd");
        assert_eq!(marked("a `b-c` \\d"), "a \\fBb\\-c\\fR \\ed");
    }
}
