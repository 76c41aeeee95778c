//! The manual page mfad-web(8), made from the command line and the table of keys.
//!
//! The page is kept in `docs/man` as well, and a test holds that one to this.

use std::io;

use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::args;
use crate::config::{self, KEYS};

/// Date of the page, which is that of its last change and not of a build.
const DATE: &str = "2026-11-22";

const SIGNALS: [(&str, &str); 2] = [
    (
        "SIGTERM, SIGINT",
        "Stop: what is under way is answered within 5 seconds.",
    ),
    (
        "SIGHUP",
        "Read the configuration, the certificate and the key anew. If one of them is wrong, that is \
         said and the old ones stay.",
    ),
];

const STATUS: [(&str, &str); 5] = [
    ("0", "Done, or the answer is yes."),
    ("64", "Called wrongly."),
    (
        "70",
        "A bug in mfad-web, or the system does not let it run.",
    ),
    ("75", "An address to listen on is taken."),
    (
        "78",
        "The configuration, the certificate or the key is wrong.",
    ),
];

const FILES: [(&str, &str); 2] = [
    (config::PATH, "The configuration."),
    ("/run/mfad/control", "The socket on which mfad is asked."),
];

/// mfad-web(8).
///
/// # Errors
/// What the writer of the options said; a vector says nothing.
pub fn page() -> io::Result<Vec<u8>> {
    let man = Man::new(args::command())
        .title("MFAD-WEB")
        .section("8")
        .date(DATE)
        .source(concat!("mfad-web ", env!("CARGO_PKG_VERSION")))
        .manual("System Administration");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    let mut rest = Roff::new();
    rest.control("SH", ["CONFIGURATION"]);
    rest.text([roman(
        "One TOML file. A key that is not listed here is refused.",
    )]);
    for (key, default, what) in KEYS {
        let default = default.map(|value| format!(" Default: {value}."));
        let what = format!("{}{}", what.replace('`', ""), default.unwrap_or_default());
        item(&mut rest, key, &what);
    }
    for (title, rows) in [
        ("SIGNALS", &SIGNALS[..]),
        ("EXIT STATUS", &STATUS),
        ("FILES", &FILES),
    ] {
        rest.control("SH", [title]);
        for (name, what) in rows {
            item(&mut rest, name, what);
        }
    }
    rest.control("SH", ["SEE ALSO"]);
    rest.text([
        bold("mfad"),
        roman("(8), "),
        bold("mfad.toml"),
        roman("(5)"),
    ]);
    rest.to_writer(&mut page)?;
    Ok(page)
}

fn item(page: &mut Roff, name: &str, what: &str) {
    page.control("TP", []);
    page.text([bold(name)]);
    page.text([roman(what)]);
}
