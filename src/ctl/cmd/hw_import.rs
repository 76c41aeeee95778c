//! `hw import`: reads the file, hands it over in pieces, shows what would come of it, and does it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{IsTerminal as _, Read as _};
use std::os::unix::fs::MetadataExt as _;

use serde_json::Value;
use zeroize::Zeroizing;

use crate::control::import::{PIECE_OCTETS_MAX, UPLOAD_OCTETS_MAX};
use crate::control::reply::{Done, DoneReply, Uploaded};
use crate::ctl::change;
use crate::ctl::client::{CallError, Client, Payload, request_id};
use crate::ctl::errors::{self, Trouble};
use crate::ctl::output::{self, Screen, text};
use crate::ctl::remote::quoted;
use crate::ctl::secret;
use crate::ctl::terminal::Terminal;
use crate::ctl::verb::{Given, Kind, Take, flag, must, switch};
use crate::ctl::{Session, reach};

/// Lines that are named of records that are bad for the same reason.
const LINES_NAMED: usize = 3;

/// What hands a piece of the file over.
const UPLOAD: &str = "org.mfad.Daemon.Upload";

pub(super) const TAKES: &[Take] = &[
    must("FILE", "", "as it came from the vendor, up to 10 MiB", "").read_as(Kind::Local),
    flag(
        "format",
        "format",
        Kind::Words(&["csv", "yubico", "pskc"]),
        "F",
        "csv, yubico or pskc; pskc for XML and else csv if not stated",
    ),
    switch(
        "skip-bad",
        "skip_bad",
        "take the good records although others are bad",
    ),
    switch("weak", "weak", "take seeds of fewer than 16 octets"),
    flag(
        "type",
        "kind",
        Kind::Words(&["totp", "hotp"]),
        "TYPE",
        "totp or hotp, for records that do not say",
    ),
    flag(
        "digits",
        "digits",
        Kind::Number,
        "N",
        "6 (default), 7 or 8, for records that do not say",
    ),
    flag(
        "period",
        "period_s",
        Kind::Span,
        "SPAN",
        "time step, 30s if neither this nor the record says",
    ),
    flag(
        "algorithm",
        "algorithm",
        Kind::Words(&["SHA1", "SHA256", "SHA512"]),
        "A",
        "SHA1 (default), SHA256 or SHA512, for records that do not say",
    ),
    flag(
        "key",
        "",
        Kind::LocalSwitch,
        "",
        "ask for the key (hexadecimal) or passphrase of an encrypted file",
    ),
    secret::STDIN,
    secret::FILE,
];

pub(super) fn run(session: &mut Session, given: &Given) -> Result<u8, Trouble> {
    let mut payload = given.payload(&session.screen.times)?;
    let path = given.text("FILE").unwrap_or_default();
    let encrypted = given.has("key") || given.has("stdin") || given.text("file").is_some();
    let file = if given.common.show_call {
        Zeroizing::default()
    } else {
        read(path, !encrypted && !given.common.quiet)?
    };
    if !payload.0.contains_key("format") {
        let xml = file
            .trim_start_matches('\u{feff}')
            .trim_start()
            .starts_with('<');
        payload.set("format", if xml { "pskc" } else { "csv" });
    }
    if given.common.dry_run {
        payload.set("dry_run", true);
    }
    if session.shown_call(given, &payload, true) {
        return Ok(0);
    }
    if encrypted {
        let question = "Key in hexadecimal, or passphrase: ";
        payload.set(
            "key",
            secret::known_secret(session, given, question)?.as_str(),
        );
    }
    if !given.common.dry_run && change::asks(session, given)? {
        payload.set("dry_run", true);
        let trial = import(session, given, &file, &mut payload)?;
        if trial.unchanged {
            return finish(session, given, trial);
        }
        payload.0.remove("dry_run");
        let mut screen = session.screen.clone();
        bad(&mut screen, &trial);
        output::would(&mut screen, &trial);
        let mut terminal = Terminal::open()?;
        terminal.write(&screen.take());
        change::agreed(&mut terminal)?;
    }
    let done = import(session, given, &file, &mut payload)?;
    finish(session, given, done)
}

fn finish(session: &mut Session, given: &Given, done: Done) -> Result<u8, Trouble> {
    let refused = count(&done, "rejected") > 0 && !given.has("skip-bad");
    if !given.common.json() && !given.common.quiet {
        bad(&mut session.screen, &done);
    }
    change::finish(session, given, done, None)?;
    Ok(if refused { errors::BAD_DATA } else { 0 })
}

/// Reads the file, and warns if its seeds are there for everybody.
fn read(path: &str, warn: bool) -> Result<Zeroizing<String>, Trouble> {
    let unreadable = |error: std::io::Error| {
        let what = format!("{path} cannot be read; nothing changed");
        Trouble::new(errors::NO_INPUT, what).why(error.to_string())
    };
    let file = File::open(path).map_err(unreadable)?;
    let about = file.metadata().map_err(unreadable)?;
    let long = || {
        let most = UPLOAD_OCTETS_MAX >> 20;
        let what = format!("{path} is longer than {most} MiB; nothing changed");
        Trouble::new(errors::BAD_DATA, what).doing("import it in several parts")
    };
    let octets = usize::try_from(about.len()).unwrap_or(usize::MAX);
    if octets > UPLOAD_OCTETS_MAX {
        return Err(long());
    }
    // A buffer that moves while it grows leaves copies of itself behind.
    let mut held = Zeroizing::new(Vec::with_capacity(octets + 1));
    let most = u64::try_from(octets).unwrap_or(u64::MAX);
    file.take(most).read_to_end(&mut held).map_err(unreadable)?;
    let text = String::from_utf8(std::mem::take(&mut *held));
    let text = Zeroizing::new(text.map_err(|error| {
        drop(Zeroizing::new(error.into_bytes()));
        let what = format!("{path} is not UTF-8; nothing changed");
        Trouble::new(errors::BAD_DATA, what).doing("write it anew as UTF-8")
    })?);
    if text.is_empty() {
        let what = format!("{path} is empty; nothing changed");
        return Err(Trouble::new(errors::BAD_DATA, what));
    }
    if warn && about.mode() & 0o077 != 0 {
        output::print_error(&format!(
            "mfactl: others can read {path}, and the seeds in it: chmod 600 {} now, shred -u it \
             after the import\n",
            quoted(path)
        ));
    }
    Ok(text)
}

/// Hands the file over and makes the call, both on one new connection: while a person was asked, the
/// last one may have ended, and with it what was handed over.
fn import(
    session: &mut Session,
    given: &Given,
    file: &str,
    payload: &mut Payload,
) -> Result<Done, Trouble> {
    let request = request_id()
        .map_err(|error| Trouble::new(errors::SOFTWARE, "no request id").why(error.to_string()))?;
    payload.set("request", request.as_str());
    let mut client = reach::connect(&given.common.socket)?;
    hand_over(&mut client, file).map_err(|error| session.trouble(error, given))?;
    let shows = std::io::stderr().is_terminal() && !given.common.quiet && !given.common.dry_run;
    let mut last = None;
    let answered = client.stream(given.verb.method, payload, |reply: DoneReply| {
        if reply.done.data.contains_key("of") {
            if shows {
                output::print_error(&format!("\rimporting {}", text::clean(&reply.done.message)));
            }
        } else {
            if shows {
                output::print_error("\r\u{1b}[K");
            }
            last = Some(reply.done);
        }
        true
    });
    let trial = payload.0.contains_key("dry_run");
    match (answered, last) {
        (Ok(()), Some(done)) => Ok(done),
        (Err(CallError::Lost(_)), _) if !trial => {
            let what = "the connection broke: the file is in as a whole, in part or not at all";
            let again = change::typed(given);
            let mut trouble = Trouble::new(errors::TRY_AGAIN, what)
                .why("what came in is complete, batch by batch")
                .try_next(format!("{again}   it goes on"));
            trouble.request = Some(request);
            Err(trouble)
        }
        (Err(error), _) => {
            let mut trouble = session.trouble(error, given);
            if trouble.code.as_deref() == Some("E_ARG") {
                trouble.exit = errors::BAD_DATA;
            }
            trouble.request.get_or_insert(request);
            Err(trouble)
        }
        (Ok(()), None) => Err(Trouble::new(errors::PROTOCOL, "mfad gave no answer")),
    }
}

fn hand_over(client: &mut Client, file: &str) -> Result<(), CallError> {
    let mut rest = file;
    while !rest.is_empty() {
        let mut end = rest.len().min(PIECE_OCTETS_MAX);
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let (piece, behind) = rest.split_at(end);
        rest = behind;
        let mut payload = Payload::default();
        payload.set("text", piece);
        let _: Uploaded = client.call(UPLOAD, &payload)?;
    }
    Ok(())
}

/// The bad records, one line for each reason.
fn bad(screen: &mut Screen, done: &Done) {
    let rows = done.data.get("rows").and_then(Value::as_array);
    let word = |row: &Value, name: &str| {
        let word = row.get(name).and_then(Value::as_str);
        word.unwrap_or_default().to_owned()
    };
    let mut groups: BTreeMap<(String, String), Vec<u64>> = BTreeMap::new();
    for row in rows.into_iter().flatten() {
        let line = row.get("line").and_then(Value::as_u64).unwrap_or_default();
        let group = (word(row, "code"), word(row, "reason"));
        groups.entry(group).or_default().push(line);
    }
    let told: usize = groups.values().map(Vec::len).sum();
    for ((code, reason), lines) in groups {
        let named: Vec<String> = lines
            .iter()
            .take(LINES_NAMED)
            .map(|line| text::number(*line))
            .collect();
        let more = if lines.len() > LINES_NAMED {
            ", .."
        } else {
            ""
        };
        let noun = if lines.len() > 1 { "lines" } else { "line" };
        let count = text::right(&text::number(lines.len() as u64), 7);
        let head = format!("{count}  {}", text::left(&code, 10));
        screen.say_after(
            &head,
            &format!("{reason}: {noun} {}{more}", named.join(", ")),
        );
    }
    let untold = count(done, "rejected").saturating_sub(told as u64);
    if untold > 0 {
        screen.say(&format!("and {} more bad records.", text::number(untold)));
    }
}

fn count(done: &Done, name: &str) -> u64 {
    done.data
        .get(name)
        .and_then(Value::as_u64)
        .unwrap_or_default()
}
