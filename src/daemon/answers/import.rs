//! `hw import`: a file that was handed over is judged as a whole, then written in batches.
//!
//! Nothing is written before every record has been judged, and nothing at all if one is bad, unless
//! that is asked for. A batch is one change and one audit record; between two of them sign-ins have
//! their turn. What ends in the middle leaves whole batches, and the same file once more completes
//! them: what is here already is known by its seed.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::control::import::HwImport;
use crate::control::reply::{Done, Note, Reply};
use crate::daemon::report::number;
use crate::domain::event::{Event, Origin, RequestRef};
use crate::domain::pool::{Intake, Judge};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::sealed::hex;
use crate::secret::SecretBytes;
use crate::server::control::Sink;
use crate::token::Factor;
use crate::token::import::{self, Bad, Imported, Row};

use super::change::request_id;
use super::desk::{Desk, store};

/// Tokens of one change: a few milliseconds of the writer, while sign-ins wait.
const BATCH: usize = 200;
/// Bad records that are told one by one; the others are counted.
const TOLD_MAX: usize = 1_000;
/// Records that are judged between two looks whether anybody still waits.
const LOOK_EVERY: usize = 1_000;

/// A record that stays out.
struct Rejected {
    line: u64,
    code: Code,
    reason: String,
}

/// A file that was judged.
struct Judged<'a> {
    new: Vec<&'a Imported>,
    same: usize,
    rejected: Vec<Rejected>,
    /// SHA-256 of the file.
    hash: String,
}

impl Desk<'_> {
    pub(super) fn hw_import(
        &self,
        import: &HwImport,
        file: &SecretBytes,
        sink: &mut dyn Sink,
    ) -> Result<Reply, Refusal> {
        let text = std::str::from_utf8(file.expose())
            .map_err(|_| Refusal::new(Code::Arg, "the file is not UTF-8; nothing changed"))?;
        let rows = import::read(import.format, text, &import.unsaid, import.key.as_ref());
        let rows = rows.map_err(|bad| no_file(import, &bad))?;
        let hash = hex(&Sha256::digest(file.expose()));
        let judged = self.judged(&rows, import, hash, sink)?;
        if import.manner.dry_run {
            return Ok(would(import, &judged).into());
        }
        let origin = self.origin(RequestRef::Command(request_id(
            import.manner.request.clone(),
        )?));
        if judged.new.is_empty() || (!judged.rejected.is_empty() && !import.skip_bad) {
            return self.nothing(import, &judged, origin);
        }
        self.written(import, judged, &origin, sink)
    }

    fn judged<'a>(
        &self,
        rows: &'a [Row],
        import: &HwImport,
        hash: String,
        sink: &mut dyn Sink,
    ) -> Result<Judged<'a>, Refusal> {
        let judge = Judge::new(rows, import.weak, self.now);
        let mut judged = Judged {
            new: Vec::new(),
            same: 0,
            rejected: Vec::new(),
            hash,
        };
        for (at, row) in rows.iter().enumerate() {
            if at % LOOK_EVERY == 0 && sink.ended() {
                return Err(Refusal::new(Code::Busy, "nobody waits; nothing changed"));
            }
            match row {
                Ok(token) => self.sort(token, &judge, &mut judged)?,
                Err(bad) => judged.rejected.push(Rejected {
                    line: bad.line,
                    code: Code::Arg,
                    reason: bad.reason.to_string(),
                }),
            }
        }
        Ok(judged)
    }

    fn sort<'a>(
        &self,
        token: &'a Imported,
        judge: &Judge<'_>,
        into: &mut Judged<'a>,
    ) -> Result<(), Refusal> {
        let known = self.engine.known(token).map_err(|error| store(&error))?;
        match judge.judge(token, &known) {
            Ok(Intake::New) => into.new.push(token),
            Ok(Intake::Same) => into.same += 1,
            Err(refusal) => into.rejected.push(Rejected {
                line: token.line,
                code: refusal.code,
                reason: refusal.what,
            }),
        }
        Ok(())
    }

    fn nothing(
        &self,
        import: &HwImport,
        judged: &Judged<'_>,
        origin: Origin,
    ) -> Result<Reply, Refusal> {
        let event = event(import, judged, &[]);
        let event = if judged.rejected.is_empty() {
            event.unchanged()
        } else {
            event.refused()
        };
        let audit = self.engine.note(origin, event);
        let audit = audit.ok_or_else(|| no_store(0, judged.new.len()))?;
        let message = if judged.rejected.is_empty() {
            "Nothing to import: all of it is here already.".to_owned()
        } else if judged.new.is_empty() {
            "Nothing was imported: no record of the file can come in.".to_owned()
        } else {
            let records = judged.new.len() + judged.same + judged.rejected.len();
            format!(
                "Nothing was imported: {} of {} records are bad.",
                count(judged.rejected.len()),
                count(records)
            )
        };
        Ok(Done {
            audit: Some(audit),
            unchanged: true,
            message,
            notes: notes(import, judged),
            data: data(judged, 0),
            ..Done::default()
        }
        .into())
    }

    fn written(
        &self,
        import: &HwImport,
        mut judged: Judged<'_>,
        origin: &Origin,
        sink: &mut dyn Sink,
    ) -> Result<Reply, Refusal> {
        let all = std::mem::take(&mut judged.new);
        let (mut written, mut audit) = (0, None);
        for batch in all.chunks(BATCH) {
            if sink.ended() {
                return Err(stopped(written, all.len()));
            }
            let seq =
                self.engine
                    .put_into_pool(batch, origin.clone(), event(import, &judged, batch))?;
            match seq {
                Some(seq) => {
                    written += batch.len();
                    audit = Some(seq);
                }
                None => {
                    let (count, seq) = self.once_more(import, batch, &mut judged, origin)?;
                    if count == 0 && seq.is_none() && self.engine.store_error().is_some() {
                        return Err(no_store(written, all.len()));
                    }
                    written += count;
                    audit = seq.or(audit);
                }
            }
            if import.progress && written < all.len() {
                let data = Map::from_iter([
                    ("written".to_owned(), written.into()),
                    ("of".to_owned(), all.len().into()),
                ]);
                let so_far = Done {
                    message: format!("{} of {}", count(written), count(all.len())),
                    data,
                    ..Done::default()
                };
                sink.push(so_far.into())
                    .map_err(|_| stopped(written, all.len()))?;
            }
        }
        Ok(Done {
            audit,
            message: format!("{} in the pool.", tokens(written, "is", "are")),
            notes: notes(import, &judged),
            data: data(&judged, written),
            ..Done::default()
        }
        .into())
    }

    /// A batch that left nothing: somebody was faster with one of its serials.
    fn once_more<'a>(
        &self,
        import: &HwImport,
        batch: &[&'a Imported],
        judged: &mut Judged<'a>,
        origin: &Origin,
    ) -> Result<(usize, Option<u64>), Refusal> {
        let judge = Judge::new(&[], import.weak, self.now);
        let (mut written, mut audit) = (0, None);
        for token in batch {
            self.sort(token, &judge, judged)?;
            let Some(token) = judged.new.pop() else {
                continue;
            };
            let event = event(import, judged, &[token]);
            if let Some(seq) = self.engine.put_into_pool(&[token], origin.clone(), event)? {
                written += 1;
                audit = Some(seq);
            }
        }
        Ok((written, audit))
    }
}

/// The audit record of a batch.
fn event(import: &HwImport, judged: &Judged<'_>, batch: &[&Imported]) -> Event {
    let mut event = Event::new("hw.imported")
        .detail("count", batch.len())
        .detail("format", import.format.name())
        .detail("sha256", judged.hash.clone());
    if let (Some(first), Some(last)) = (batch.first(), batch.last()) {
        event = event
            .detail("first", first.serial.clone())
            .detail("last", last.serial.clone());
    } else {
        event = event.detail("rejected", judged.rejected.len());
    }
    match &import.manner.reason {
        Some(reason) => event.reason(reason.clone()),
        None => event,
    }
}

fn would(import: &HwImport, judged: &Judged<'_>) -> Done {
    let refused = !judged.rejected.is_empty() && !import.skip_bad;
    let message = match (refused, judged.new.is_empty()) {
        (true, _) => format!(
            "Nothing would be imported: {} bad.",
            records(judged.rejected.len(), "is", "are")
        ),
        (false, true) => "Nothing would be imported.".to_owned(),
        (false, false) => {
            let timed = |token: &&&Imported| matches!(token.otp.factor, Factor::Time { .. });
            let totp = judged.new.iter().filter(timed).count();
            format!(
                "{} come into the pool: {} totp, {} hotp.",
                tokens(judged.new.len(), "would", "would"),
                count(totp),
                count(judged.new.len() - totp)
            )
        }
    };
    Done {
        dry_run: true,
        unchanged: refused || judged.new.is_empty(),
        message,
        notes: notes(import, judged),
        data: data(judged, 0),
        ..Done::default()
    }
}

fn notes(import: &HwImport, judged: &Judged<'_>) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut note = |label: &str, text: String| {
        notes.push(Note {
            label: label.to_owned(),
            text,
        });
    };
    if judged.same > 0 {
        let text = format!(
            "{} here already, with the same seed.",
            records(judged.same, "is", "are")
        );
        note("same", text);
    }
    if !judged.rejected.is_empty() {
        let how = if import.skip_bad {
            "left out"
        } else {
            "bad; --skip-bad takes the others"
        };
        let text = format!("{} {how}.", records(judged.rejected.len(), "is", "are"));
        note("bad", text);
    }
    notes
}

/// The facts for scripts, and for the list of bad records.
fn data(judged: &Judged<'_>, written: usize) -> Map<String, Value> {
    let told = judged.rejected.iter().take(TOLD_MAX);
    let rows: Vec<Value> = told
        .map(|one| {
            json!({
                "line": one.line,
                "code": one.code.name(),
                "reason": one.reason,
            })
        })
        .collect();
    Map::from_iter([
        ("new".to_owned(), judged.new.len().max(written).into()),
        ("same".to_owned(), judged.same.into()),
        ("rejected".to_owned(), judged.rejected.len().into()),
        ("written".to_owned(), written.into()),
        ("sha256".to_owned(), judged.hash.clone().into()),
        ("rows".to_owned(), rows.into()),
    ])
}

fn no_file(import: &HwImport, bad: &Bad) -> Refusal {
    let format = import.format.name();
    Refusal::new(
        Code::Arg,
        format!("the file is not taken as {format}; nothing changed"),
    )
    .why(bad.to_string())
}

fn no_store(written: usize, of: usize) -> Refusal {
    let what = format!(
        "imported {} of {}, then the store refused",
        count(written),
        count(of)
    );
    Refusal::new(Code::Store, what)
        .why("mfad cannot write to its store")
        .doing("free space or repair the disk, then give the command again: it goes on")
}

fn stopped(written: usize, of: usize) -> Refusal {
    let what = format!(
        "stopped after {} of {}; these are in and complete",
        count(written),
        count(of)
    );
    Refusal::new(Code::Busy, what).doing("give the command again: it goes on")
}

fn count(number_of: usize) -> String {
    number(number_of as u64)
}

fn tokens(number_of: usize, one: &str, many: &str) -> String {
    counted(number_of, "hardware token", one, many)
}

fn records(number_of: usize, one: &str, many: &str) -> String {
    counted(number_of, "record", one, many)
}

fn counted(number_of: usize, noun: &str, one: &str, many: &str) -> String {
    match number_of {
        1 => format!("1 {noun} {one}"),
        _ => format!("{} {noun}s {many}", count(number_of)),
    }
}
