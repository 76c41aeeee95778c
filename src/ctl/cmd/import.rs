//! What the imports have in common: the file is read and handed over in pieces, what would come of it
//! is shown, then it is done.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde_json::Value;
use zeroize::Zeroizing;

use crate::control::import::{PIECE_OCTETS_MAX, UPLOAD_OCTETS_MAX};
use crate::control::reply::{Done, Uploaded};
use crate::ctl::Session;
use crate::ctl::change;
use crate::ctl::client::{CallError, Client, Payload};
use crate::ctl::errors::{self, Trouble};
use crate::ctl::many::{self, Many};
use crate::ctl::output::{self, Screen, text};
use crate::ctl::remote::quoted;
use crate::ctl::secret;
use crate::ctl::verb::{Given, Kind, Take, flag, switch};

/// Lines that are named of records that are bad for the same reason.
const LINES_NAMED: usize = 3;

/// What hands a piece of the file over.
const UPLOAD: &str = "org.mfad.Daemon.Upload";

impl<'a> Goods<'a> {
    /// A file that is handed over as it is.
    pub(super) const fn whole(file: &'a str) -> Self {
        Self {
            text: file,
            lines: file,
        }
    }
}

/// Takes what is good.
pub(super) const SKIP_BAD: Take = switch(
    "skip-bad",
    "skip_bad",
    "take the good records although others are bad",
);
/// Where the bad records go.
pub(super) const REJECTED: Take = flag(
    "rejected",
    "",
    Kind::Local,
    "NEWFILE",
    "write bad lines there, the reason in column 1",
);

/// What is handed over.
#[derive(Clone, Copy)]
pub(super) struct Goods<'a> {
    /// As the daemon reads it.
    pub(super) text: &'a str,
    /// As the operator has it, line by line, to tell bad records by.
    pub(super) lines: &'a str,
}

/// Shows what would come of the file, asks, and does it.
pub(super) fn run(
    session: &mut Session,
    given: &Given,
    goods: Goods<'_>,
    payload: Payload,
) -> Result<u8, Trouble> {
    let how = Many {
        doing: "importing",
        people: "changed",
        beside: bad,
    };
    let done = many::run(session, given, payload, &how, |client| {
        hand_over(client, goods.text)
    });
    let done = done.map_err(|mut trouble| {
        // mfad's word on the file, not ours on the command line.
        if trouble.error.is_some() && trouble.code.as_deref() == Some("E_ARG") {
            trouble.exit = errors::BAD_DATA;
        }
        trouble
    })?;
    finish(session, given, goods.lines, done)
}

fn finish(session: &mut Session, given: &Given, lines: &str, done: Done) -> Result<u8, Trouble> {
    let refused = count(&done, "rejected") > 0 && !given.has(SKIP_BAD.name);
    let bad_lines = count(&done, "rejected");
    if let Some(path) = given.text(REJECTED.name).filter(|_| bad_lines > 0) {
        secret::write_new(Path::new(path), rejected(lines, &done).as_bytes())?;
        let told = rows(&done).count() as u64;
        if told < bad_lines {
            output::print_error(&format!(
                "mfactl: {} has the first {} of {} bad lines: put them right, and import again for \
                 the others\n",
                quoted(path),
                text::number(told),
                text::number(bad_lines)
            ));
        }
    }
    if !given.common.json() && !given.common.quiet {
        bad(&mut session.screen, &done);
    }
    change::finish(session, given, done, None)?;
    Ok(if refused { errors::BAD_DATA } else { 0 })
}

/// The bad lines as they are in the file, each behind its reason.
fn rejected(lines: &str, done: &Done) -> String {
    let lines: Vec<&str> = lines.lines().collect();
    let mut text = String::new();
    for (line, code, reason) in rows(done) {
        let at = usize::try_from(line)
            .ok()
            .and_then(|line| line.checked_sub(1));
        let line = at.and_then(|at| lines.get(at)).copied().unwrap_or_default();
        let reason = reason.replace('"', "'");
        let _ = writeln!(text, "\"{code} {reason}\",{line}");
    }
    text
}

/// Reads a file of text; `secret`: warns if others can read it.
pub(super) fn read(path: &str, secret: bool) -> Result<Zeroizing<String>, Trouble> {
    text_of(path, octets(path, secret)?)
}

/// Takes the octets of a file as text.
pub(super) fn text_of(
    path: &str,
    mut held: Zeroizing<Vec<u8>>,
) -> Result<Zeroizing<String>, Trouble> {
    let text = String::from_utf8(std::mem::take(&mut *held));
    Ok(Zeroizing::new(text.map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let octets = Zeroizing::new(error.into_bytes());
        let before = octets.iter().take(good);
        let line = before.filter(|octet| **octet == b'\n').count() + 1;
        let what = format!("{path} is not UTF-8 in line {line}; nothing changed");
        Trouble::new(errors::BAD_DATA, what).doing(
            "write it anew as UTF-8: in Excel \"CSV UTF-8\", or iconv -f WINDOWS-1252 -t UTF-8",
        )
    })?))
}

/// Reads a file; `secret`: warns if others can read it.
pub(super) fn octets(path: &str, secret: bool) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    let unreadable = |error: std::io::Error| {
        let what = format!("{path} cannot be read; nothing changed");
        Trouble::new(errors::NO_INPUT, what).why(error.to_string())
    };
    let file = File::open(path).map_err(unreadable)?;
    let about = file.metadata().map_err(unreadable)?;
    let octets = usize::try_from(about.len()).unwrap_or(usize::MAX);
    if octets > UPLOAD_OCTETS_MAX {
        let most = UPLOAD_OCTETS_MAX >> 20;
        let what = format!("{path} is longer than {most} MiB; nothing changed");
        return Err(Trouble::new(errors::BAD_DATA, what).doing("import it in several parts"));
    }
    // A buffer that moves while it grows leaves copies of itself behind.
    let mut held = Zeroizing::new(Vec::with_capacity(octets + 1));
    let most = u64::try_from(octets).unwrap_or(u64::MAX);
    file.take(most).read_to_end(&mut held).map_err(unreadable)?;
    if held.is_empty() {
        let what = format!("{path} is empty; nothing changed");
        return Err(Trouble::new(errors::BAD_DATA, what));
    }
    if secret && about.mode() & 0o077 != 0 {
        output::print_error(&format!(
            "mfactl: others can read {path}, and the seeds in it: chmod 600 {} now, shred -u it \
             after the import\n",
            quoted(path)
        ));
    }
    Ok(held)
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

/// Line, code and reason of the bad records.
fn rows(done: &Done) -> impl Iterator<Item = (u64, String, String)> {
    let rows = done.data.get("rows").and_then(Value::as_array);
    rows.into_iter().flatten().map(|row| {
        let word = |name| {
            row.get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let line = row.get("line").and_then(Value::as_u64).unwrap_or_default();
        (line, word("code"), word("reason"))
    })
}

/// The bad records, one line for each reason.
fn bad(screen: &mut Screen, done: &Done) {
    let mut groups: BTreeMap<(String, String), Vec<u64>> = BTreeMap::new();
    for (line, code, reason) in rows(done) {
        groups.entry((code, reason)).or_default().push(line);
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
