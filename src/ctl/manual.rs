//! The manual page, made from the commands and the daemon's table of roles.

use std::fmt::Write as _;

use clap_mangen::Man;

use super::args;
use super::cmd;
use super::help::{arg_label, label};
use super::verb::Verb;

/// The manual page `mfactl(8)` in roff.
#[must_use]
pub fn manual() -> String {
    let grammar = args::grammar().version(env!("CARGO_PKG_VERSION"));
    let man = Man::new(grammar)
        .section("8")
        .date(crate::ctl::MANUAL_DATE)
        .manual("System Administration")
        .title("MFACTL");
    let mut page = Vec::new();
    let written = man
        .render_title(&mut page)
        .and_then(|()| man.render_name_section(&mut page));
    if written.is_err() {
        return String::new();
    }
    let mut out = String::from_utf8_lossy(&page).into_owned();
    out.push_str(".SH SYNOPSIS\n.B mfactl\nNOUN VERB [TARGET] [\\-\\-flags]\n");
    out.push_str(".SH COMMANDS\n");
    for verb in cmd::verbs() {
        manual_of(&mut out, verb);
    }
    for (name, value, about) in args::OFFLINE {
        let _ = writeln!(out, ".SS {name} {value}\n{}.", roff(about));
    }
    out.push_str(".SH FLAGS OF CHANGES\n");
    for arg in args::for_changes() {
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(out, ".TP\n.B {}\n{}", roff(&arg_label(&arg)), roff(&help));
    }
    out.push_str(".SH FLAGS OF ALL COMMANDS\n");
    for arg in args::everywhere() {
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(out, ".TP\n.B {}\n{}", roff(&arg_label(&arg)), roff(&help));
    }
    out.push_str(EXIT_STATUS);
    out
}

fn manual_of(out: &mut String, verb: &Verb) {
    let _ = writeln!(out, ".SS {}", verb.name);
    let _ = write!(out, "{}.", roff(verb.about));
    if let Some(spec) = verb.row().map(|row| row.action.spec()) {
        let _ = write!(out, " Role: {}.", spec.least.name());
        if spec.reason {
            out.push_str(" The reason is compulsory.");
        }
    }
    if !verb.more.is_empty() {
        let _ = write!(out, " {}", roff(verb.more));
    }
    out.push('\n');
    for take in verb.takes {
        let _ = writeln!(out, ".TP\n.B {}\n{}", roff(&label(take)), roff(take.help));
    }
    out.push_str(".P\n.nf\n");
    for example in verb.examples {
        let _ = writeln!(out, "{}", roff(example));
    }
    out.push_str(".fi\n");
}

/// A text that roff takes as it is.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('-', "\\-");
    if text.starts_with(['.', '\'']) {
        format!("\\&{text}")
    } else {
        text
    }
}

const EXIT_STATUS: &str = ".SH EXIT STATUS
.TP
.B 0
done, or the answer is yes
.TP
.B 1
the daemon said no, or the answer is no, or you answered no
.TP
.B 2
status: not serving; audit verify: could not be checked
.TP
.B 64
wrong usage
.TP
.B 66
an input file is missing or unreadable
.TP
.B 67
no such user, token or gateway
.TP
.B 69
the daemon cannot be reached
.TP
.B 70
a bug
.TP
.B 73
an output file cannot be made
.TP
.B 75
try again later
.TP
.B 76
mfactl and mfad do not understand each other
.TP
.B 77
not allowed
.TP
.B 78
the configuration is wrong
.TP
.B 130
Ctrl\\-C
";
