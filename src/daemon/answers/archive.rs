//! Old records into segments: `audit archive`. The work is that of [`crate::daemon::archive`].

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::audit::segment_file;
use crate::control::query::Manner;
use crate::control::reply::{self, Done, Note, Reply};
use crate::daemon::archive::{ArchiveError, Due, Made};
use crate::daemon::report::number;
use crate::domain::event::{Event, RequestRef};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::sealed::hex;
use crate::engine::Engine;
use crate::time::Timestamp;

use super::Answerer;
use super::change::request_id;
use super::desk::Desk;

/// How long a store that was closed for want of room may take to open, and how often one looks.
const OPENS_WITHIN: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(50);

impl Answerer {
    pub(super) fn audit_archive(
        &self,
        desk: &Desk<'_>,
        before: Timestamp,
        manner: &Manner,
    ) -> Result<Reply, Refusal> {
        let due = self.archive.due(desk.reader(), before, desk.now);
        let due = due.map_err(|error| self.not_archived(&error))?;
        if manner.dry_run {
            let would = due.map_or_else(|| nothing(before), |due| self.would(&due));
            return Ok(Done {
                dry_run: true,
                ..would
            }
            .into());
        }
        let request = RequestRef::Command(request_id(manner.request.clone())?);
        let origin = desk.origin(request);
        let Some(due) = due else {
            let event = Event::new("audit.archived").unchanged();
            let audit = desk.engine.note(origin, event);
            let lost = || self.not_archived(&ArchiveError::NotRecorded);
            return Ok(Done {
                audit: Some(audit.ok_or_else(lost)?),
                ..nothing(before)
            }
            .into());
        };
        if self.archive.reserve().give_back() {
            wait_until_open(desk.engine);
        }
        let mut made = Vec::new();
        let rest = loop {
            let reason = manner.reason.as_deref();
            match self.archive.step(desk.engine, before, &origin, reason) {
                Ok(Some(segment)) if segment.short => {
                    made.push(segment);
                    break Some(self.archive.no_room());
                }
                Ok(Some(segment)) => made.push(segment),
                Ok(None) => break None,
                Err(error) if made.is_empty() => return Err(self.not_archived(&error)),
                Err(error) => break Some(error),
            }
        };
        Ok(self.archived(&due, &made, rest.as_ref()).into())
    }

    fn would(&self, due: &Due) -> Done {
        let folder = self.archive.folder().display().to_string();
        Done {
            message: format!(
                "{} would go from the store into {folder}, signed, and no longer stand in \
                 `mfactl audit log`.",
                span(due)
            ),
            ..Done::default()
        }
    }

    fn archived(&self, due: &Due, made: &[Made], rest: Option<&ArchiveError>) -> Done {
        let folder = self.archive.folder().display();
        let last = made.last().map_or(due.known.seq, |made| made.header.last);
        let (count, first) = (number(last - due.known.seq), number(due.known.seq + 1));
        let last = number(last);
        let mut notes: Vec<Note> = Vec::new();
        let mut note = |label: &str, text: String| {
            notes.push(Note {
                label: label.to_owned(),
                text,
            });
        };
        for made in made {
            note("segment", segment_file::name(&made.header));
        }
        note(
            "keep",
            "Copies elsewhere; `mfactl audit verify` reads the segments where they are.".to_owned(),
        );
        if let Some(error) = rest {
            note("rest", format!("The others stay in the store: {error}."));
        }
        let segment = |made: &Made| {
            json!({
                "path": made.path.display().to_string(),
                "first": made.header.first,
                "last": made.header.last,
                "hash": hex(&made.header.hash),
                "octets": made.octets,
            })
        };
        let segments: Vec<Value> = made.iter().map(segment).collect();
        Done {
            audit: made.last().map(|made| made.audit),
            message: format!("{count} records, {first} to {last}, are archived in {folder}."),
            notes,
            data: Map::from_iter([("segments".to_owned(), segments.into())]),
            ..Done::default()
        }
    }

    fn not_archived(&self, error: &ArchiveError) -> Refusal {
        let folder = self.archive.folder().display();
        let what = "nothing was archived";
        match error {
            ArchiveError::Busy => Refusal::new(Code::Busy, format!("{what}: {error}")),
            ArchiveError::Damaged { .. } => Refusal::new(Code::State, what)
                .why(error.to_string())
                .try_next("mfactl audit verify"),
            ArchiveError::NotRecorded => Refusal::new(Code::Store, what)
                .why(error.to_string())
                .doing("give the command again: a segment that is written is taken as it is"),
            _ => Refusal::new(Code::Store, format!("{what}, and nothing was removed"))
                .why(error.to_string())
                .doing(format!(
                    "see to {folder}: it needs as much room as the records take"
                )),
        }
    }
}

impl Desk<'_> {
    /// How much is archived, if a list that begins at `since` ends only because of it.
    pub(super) fn older(&self, since: Option<Timestamp>) -> Option<reply::Archived> {
        let known = self.reader().archived().ok()?;
        let misses = since.is_none_or(|since| since <= known.at);
        (known.seq > 0 && misses).then(|| reply::Archived {
            seq: known.seq,
            at: known.at.into(),
        })
    }
}

/// Waits until the writer has opened the store again, for which it has got room, or for long enough.
fn wait_until_open(engine: &Engine) {
    let end = engine.now().after(OPENS_WITHIN).mono_us;
    while engine.store_error().is_some() && engine.now().mono_us < end {
        std::thread::sleep(LOOK);
    }
}

fn nothing(before: Timestamp) -> Done {
    Done {
        unchanged: true,
        message: format!("No record in the store is older than {before}."),
        ..Done::default()
    }
}

/// Which records, in words.
fn span(due: &Due) -> String {
    let (first, last) = (number(due.known.seq + 1), number(due.next.seq));
    let count = number(due.next.seq - due.known.seq);
    format!("{count} records, {first} to {last} of {},", due.next.at)
}
