//! `user import`.

use zeroize::Zeroizing;

use super::import;
use crate::ctl::Session;
use crate::ctl::errors::Trouble;
use crate::ctl::verb::{Given, Kind, Run, Take, Verb, must, switch};

pub(super) const VERB: Verb = Verb {
    name: "user import",
    method: "org.mfad.Users.Import",
    about: "Add the people of a CSV file in state New Credential",
    takes: TAKES,
    examples: &["mfactl user import people.csv --header --dry-run"],
    more: "Columns: Username, Domain, Email, Language, AuthSet, Role, carrier, phone; what \
           stands at the end may be left out. Every line is judged before the first is \
           written; who is there already as the line says is passed over.",
    run: Run::Special(run),
};

const TAKES: &[Take] = &[
    must("FILE", "", "CSV, one person a line, up to 10 MiB", "").read_as(Kind::Local),
    switch("header", "header", "the first line names the columns"),
    switch(
        "strip-domain",
        "strip_domain",
        "leave the domains of column 2 out of the login names",
    ),
    import::SKIP_BAD,
    import::REJECTED,
];

fn run(session: &mut Session, given: &Given) -> Result<u8, Trouble> {
    let mut payload = given.payload(&session.screen.times)?;
    if given.common.dry_run {
        payload.set("dry_run", true);
    }
    if session.shown_call(given, &payload, true) {
        return Ok(0);
    }
    let path = given.text("FILE").unwrap_or_default();
    let file: Zeroizing<String> = import::read(path, false)?;
    import::run(session, given, &file, payload)
}
