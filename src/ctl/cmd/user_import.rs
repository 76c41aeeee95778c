//! `user import`.

use super::{home_files, import, pictures};
use crate::ctl::Session;
use crate::ctl::errors::Trouble;
use crate::ctl::secret;
use crate::ctl::verb::{Given, Kind, Run, Take, Verb, flag, must, switch};
use crate::token::import::owned::Source;

pub(super) const VERB: Verb = Verb {
    name: "user import",
    method: "org.mfad.Users.Import",
    about: "Add the people of a CSV file, or the tokens of a file with their owners",
    takes: TAKES,
    examples: &[
        "mfactl user import people.csv --header --dry-run",
        "mfactl user import tokens.txt --from otpauth --dry-run",
        "mfactl user import export.png --from otpauth --dry-run",
        "mfactl user import tokens.pi --from privacyidea --key --dry-run",
        "mfactl user import homes.txt --from google-authenticator --dry-run",
    ],
    more: "Without --from: CSV with the columns Username, Domain, Email, Language, AuthSet, \
           Role, carrier, phone; what stands at the end may be left out; people arrive in state \
           New Credential. With --from: tokens that are in use elsewhere come in as registered, \
           and owners who are not there are added; docs/migrate.md says what comes of each. \
           Every line is judged before the first is written; what is there already as the line \
           says is passed over. If people who are here would be changed, their number is typed, \
           or stated by a script: --yes --expect N.",
    run: Run::Special(run),
};

const TAKES: &[Take] = &[
    must("FILE", "", "one person or token a line, up to 10 MiB", "").read_as(Kind::Local),
    flag(
        "from",
        "source",
        Kind::Words(&[
            "otpauth",
            "google-authenticator",
            "privacyidea",
            "multiotp",
            "pskc",
        ]),
        "SOURCE",
        "tokens: otpauth (URIs, or a PNG of QR codes), google-authenticator or multiotp (USER:PATH a \
         line), privacyidea, pskc",
    ),
    switch("header", "header", "the first line names the columns"),
    switch(
        "strip-domain",
        "strip_domain",
        "leave domains (column 2; with --from: what stands behind @) out of the login names",
    ),
    switch(
        "trusted",
        "trusted",
        "you have seen that the addresses are these people's",
    ),
    switch("weak", "weak", "take seeds of fewer than 16 octets"),
    flag(
        "key",
        "",
        Kind::LocalSwitch,
        "",
        "ask for the key or passphrase of an encrypted file",
    ),
    secret::STDIN,
    secret::FILE,
    import::SKIP_BAD,
    import::REJECTED,
];

fn run(session: &mut Session, given: &Given) -> Result<u8, Trouble> {
    let tokens = given.text("from").is_some();
    for (flag, about_tokens) in [("header", false), ("weak", true), ("key", true)] {
        if given.has(flag) && tokens != about_tokens {
            let of = if about_tokens { "tokens" } else { "people" };
            let what = format!("--{flag} is about files of {of}; nothing changed");
            return Err(Trouble::usage(what));
        }
    }
    let mut payload = given.payload(&session.screen.times)?;
    if given.common.dry_run {
        payload.set("dry_run", true);
    }
    if session.shown_call(given, &payload, true) {
        return Ok(0);
    }
    let path = given.text("FILE").unwrap_or_default();
    let encrypted = given.has("key") || given.has("stdin") || given.text("file").is_some();
    let warn = tokens && !encrypted && !given.common.quiet;
    let octets = import::octets(path, warn)?;
    let source = given.text("from").and_then(Source::by_name);
    pictures::no_photograph(path, &octets)?;
    let picture = source == Some(Source::Otpauth) && pictures::is_png(&octets);
    let file = match picture {
        true => pictures::codes(path, &octets)?,
        false => import::text_of(path, octets)?,
    };
    let gathered = match source {
        Some(Source::GoogleAuthenticator | Source::MultiOtp) => {
            Some(home_files::gather(&file, warn)?)
        }
        Some(Source::Otpauth) if !picture => pictures::gather(&file, warn)?,
        _ => None,
    };
    let goods = import::Goods {
        text: gathered.as_ref().map_or(&**file, |text| text.as_str()),
        lines: &file,
    };
    if encrypted {
        let key = secret::known_secret(session, given, "Key or passphrase: ")?;
        payload.set("key", key.as_str());
    }
    import::run(session, given, goods, payload)
}
