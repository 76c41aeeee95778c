//! `hw import`, `user import`: a file that was handed over is judged as a whole, then written in
//! batches.
//!
//! Nothing is written before every record has been judged, and nothing at all if one is bad, unless
//! that is asked for. A batch is one change and one audit record; between two of them sign-ins have
//! their turn. What ends in the middle leaves whole batches, and the same file once more completes
//! them: what is here already is passed over. A batch that people are told of waits until the outbox is
//! half empty, as `token migrate` does.

mod hardware;
mod owners;
mod people;
pub(super) mod told;

use std::mem::take;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::control::import::{Import, What};
use crate::control::reply::{Done, Note, Reply};
use crate::domain::event::{Event, Origin, RequestRef};
use crate::domain::pool::Intake;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::sealed::hex;
use crate::secret::SecretBytes;
use crate::server::control::Sink;

use super::change::request_id;
use super::desk::Desk;
use super::migrate::as_meant;
use told::{Written, counted, judged_so_far, meanwhile, no_store, records, so_far, stopped};

/// Bad records that are told one by one; the others are counted.
const TOLD_MAX: usize = 10_000;
/// Of the sign-ins meanwhile, the share whose time is told.
const MOST: f64 = 0.99;
/// Records that are judged between two looks whether anybody still waits.
const LOOK_EVERY: usize = 1_000;

/// What can be brought in.
trait Goods {
    /// One of them.
    type Item;
    /// The event of a batch of new ones, and of one of those that move forward.
    const EVENT: [&'static str; 2];
    /// How many make a batch: a few milliseconds of the writer, while sign-ins wait.
    const BATCH: usize;
    /// One, and several.
    const NOUN: [&'static str; 2];
    /// What becomes of them: `are ..`, `would ..`.
    const BECOME: [&'static str; 2];

    /// The line of one, and its name for the audit record.
    fn place(item: &Self::Item) -> (u64, &str);

    /// Whether it may come in, by what the store knows now.
    fn judge(&self, item: &Self::Item) -> Result<Intake, Refusal>;

    /// What there is to say besides, once all are judged.
    fn remarks(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// How many people who are here would be changed.
    fn changed(&self) -> usize {
        0
    }

    /// The commands that lead on from here.
    fn next(&self) -> Option<&'static str> {
        None
    }

    /// Whether somebody is told of the batch.
    fn tells(&self, _: &[&Self::Item]) -> Result<bool, Refusal> {
        Ok(false)
    }

    /// Somebody was faster: what was counted while judging is counted anew.
    fn anew(&self) -> Result<(), Refusal> {
        Ok(())
    }

    /// Writes all of them or none; none also if somebody was faster with one.
    fn put(
        &self,
        batch: &[&Self::Item],
        origin: Origin,
        event: Event,
    ) -> Result<Option<u64>, Refusal>;

    /// Moves all of them forward or none, in the same way.
    fn advance(
        &self,
        batch: &[&Self::Item],
        origin: Origin,
        event: Event,
    ) -> Result<Option<u64>, Refusal>;
}

/// A record that stays out.
struct Rejected {
    line: u64,
    code: Code,
    reason: String,
}

impl Rejected {
    fn new(line: u64, refusal: Refusal) -> Self {
        Self {
            line,
            code: refusal.code,
            reason: refusal.what,
        }
    }
}

/// A file that was judged.
struct Judged<'a, T> {
    new: Vec<&'a T>,
    /// Those that are here, with a counter that moves forward.
    ahead: Vec<&'a T>,
    same: usize,
    rejected: Vec<Rejected>,
}

impl<T> Judged<'_, T> {
    /// How many are to be written.
    const fn wanted(&self) -> usize {
        self.new.len() + self.ahead.len()
    }
}

/// One import.
struct Run<'a> {
    desk: &'a Desk<'a>,
    import: &'a Import,
    /// SHA-256 of the file.
    hash: String,
}

impl Desk<'_> {
    pub(super) fn import(
        &self,
        import: &Import,
        file: &SecretBytes,
        sink: &mut dyn Sink,
    ) -> Result<Reply, Refusal> {
        let text = std::str::from_utf8(file.expose())
            .map_err(|_| Refusal::new(Code::Arg, "the file is not UTF-8; nothing changed"))?;
        let run = Run {
            desk: self,
            import,
            hash: hex(&Sha256::digest(file.expose())),
        };
        match &import.what {
            What::Hardware(how) => {
                let rows = hardware::read(how, text)?;
                let goods = hardware::Tokens::new(self, &rows, how.weak);
                run.bring(&goods, &rows, sink)
            }
            What::Owners(how) => {
                let rows = owners::read(how, text)?;
                let goods = owners::Tokens::new(self, &rows, how.weak)?;
                run.bring(&goods, &rows, sink)
            }
            What::People(layout) => {
                let rows = people::read(text, *layout)?;
                let goods = people::People::new(self, &rows)?;
                run.bring(&goods, &rows, sink)
            }
        }
    }
}

impl Run<'_> {
    fn bring<G: Goods>(
        &self,
        goods: &G,
        rows: &[Result<G::Item, Rejected>],
        sink: &mut dyn Sink,
    ) -> Result<Reply, Refusal> {
        let mut judged = Judged {
            new: Vec::new(),
            ahead: Vec::new(),
            same: 0,
            rejected: Vec::new(),
        };
        for (at, row) in rows.iter().enumerate() {
            if at % LOOK_EVERY == 0 && sink.ended() {
                return Err(Refusal::new(Code::Busy, "nobody waits; nothing changed"));
            }
            if at > 0 && at % LOOK_EVERY == 0 && self.import.progress {
                let told = sink.push(judged_so_far(at, rows.len()).into());
                told.map_err(|_| Refusal::new(Code::Busy, "nobody waits; nothing changed"))?;
            }
            match row {
                Ok(item) => sort(goods, item, &mut judged)?,
                Err(bad) => judged.rejected.push(Rejected {
                    line: bad.line,
                    code: bad.code,
                    reason: bad.reason.clone(),
                }),
            }
        }
        let manner = &self.import.manner;
        if manner.dry_run {
            return Ok(self.would(goods, &judged).into());
        }
        let request = RequestRef::Command(request_id(manner.request.clone())?);
        let origin = self.desk.origin(request);
        if judged.wanted() == 0 || self.refused(&judged) {
            return self.nothing::<G>(&judged, origin);
        }
        as_meant(self.import.expect, goods.changed())?;
        self.write(goods, judged, &origin, sink)
    }

    /// Whether bad records keep the others out.
    fn refused<T>(&self, judged: &Judged<'_, T>) -> bool {
        !judged.rejected.is_empty() && !self.import.skip_bad
    }

    fn nothing<G: Goods>(
        &self,
        judged: &Judged<'_, G::Item>,
        origin: Origin,
    ) -> Result<Reply, Refusal> {
        let event = self.event::<G>(Intake::New, &[]);
        let event = event.detail("rejected", judged.rejected.len());
        let event = match judged.rejected.is_empty() {
            true => event.unchanged(),
            false => event.refused(),
        };
        let audit = self.desk.engine.note(origin, event);
        let audit = audit.ok_or_else(|| no_store(0, judged.wanted()))?;
        let message = if judged.rejected.is_empty() {
            "Nothing to import: all of it is here already.".to_owned()
        } else if judged.wanted() == 0 {
            "Nothing was imported: no record of the file can come in.".to_owned()
        } else {
            format!(
                "Nothing was imported: {} bad.",
                records(judged.rejected.len())
            )
        };
        Ok(Done {
            audit: Some(audit),
            unchanged: true,
            message,
            notes: self.notes(Vec::new(), judged),
            data: self.data(0, judged, &Written::default()),
            ..Done::default()
        }
        .into())
    }

    fn write<'a, G: Goods>(
        &self,
        goods: &G,
        mut judged: Judged<'a, G::Item>,
        origin: &Origin,
        sink: &mut dyn Sink,
    ) -> Result<Reply, Refusal> {
        let (new, ahead) = (take(&mut judged.new), take(&mut judged.ahead));
        let of = new.len() + ahead.len();
        let first = new.chunks(G::BATCH).map(|batch| (Intake::New, batch));
        let then = ahead.chunks(G::BATCH).map(|batch| (Intake::Ahead, batch));
        let (mut done, mut audit) = (Written::default(), None);
        let answered = &self.desk.engine.counters().answer;
        let before = answered.counts();
        for (how, batch) in first.chain(then) {
            let stop = || stopped(done.all(), of);
            if sink.ended() {
                return Err(stop());
            }
            if how == Intake::New && goods.tells(batch)? && !self.desk.engine.has_room() {
                if self.import.progress {
                    let mut waits = so_far(done.all(), of);
                    waits.message.push_str(", waiting for messages to be sent");
                    waits.data.insert("waits".to_owned(), true.into());
                    sink.push(waits.into()).map_err(|_| stop())?;
                }
                self.desk.await_room(sink).map_err(|()| stop())?;
            }
            if let Some(seq) = self.put(goods, how, batch, origin)? {
                done.add(how, batch.len());
                audit = Some(seq);
            } else {
                if self.desk.engine.store_error().is_some() {
                    return Err(no_store(done.all(), of));
                }
                let seq = self.one_by_one(goods, batch, &mut judged, &mut done, origin)?;
                audit = seq.or(audit);
            }
            if self.import.progress && done.all() < of {
                sink.push(so_far(done.all(), of).into())
                    .map_err(|_| stopped(done.all(), of))?;
            }
        }
        let mut remarks = remarks(goods, false);
        remarks.extend(meanwhile(answered.since(&before, MOST)));
        remarks.extend(goods.next().map(|next| ("next", next.to_owned())));
        Ok(Done {
            audit,
            message: done.sentence::<G>(false),
            notes: self.notes(remarks, &judged),
            data: self.data(goods.changed(), &judged, &done),
            ..Done::default()
        }
        .into())
    }

    fn put<G: Goods>(
        &self,
        goods: &G,
        how: Intake,
        batch: &[&G::Item],
        origin: &Origin,
    ) -> Result<Option<u64>, Refusal> {
        let event = self.event::<G>(how, batch);
        match how {
            Intake::Ahead => goods.advance(batch, origin.clone(), event),
            Intake::New | Intake::Same => goods.put(batch, origin.clone(), event),
        }
    }

    /// A batch that left nothing: somebody was faster with one of its names.
    fn one_by_one<'a, G: Goods>(
        &self,
        goods: &G,
        batch: &[&'a G::Item],
        judged: &mut Judged<'a, G::Item>,
        done: &mut Written,
        origin: &Origin,
    ) -> Result<Option<u64>, Refusal> {
        let mut audit = None;
        for item in batch {
            goods.anew()?;
            sort(goods, item, judged)?;
            let (how, item) = match (judged.new.pop(), judged.ahead.pop()) {
                (Some(item), _) => (Intake::New, item),
                (None, Some(item)) => (Intake::Ahead, item),
                (None, None) => continue,
            };
            match self.put(goods, how, &[item], origin)? {
                Some(seq) => {
                    done.add(how, 1);
                    audit = Some(seq);
                }
                None => {
                    let busy = Refusal::new(Code::Busy, "somebody changed it at this moment");
                    judged.rejected.push(Rejected::new(G::place(item).0, busy));
                }
            }
        }
        Ok(audit)
    }

    /// The audit record of a batch.
    fn event<G: Goods>(&self, how: Intake, batch: &[&G::Item]) -> Event {
        let [new, ahead] = G::EVENT;
        let name = if how == Intake::Ahead { ahead } else { new };
        let mut event = Event::new(name)
            .detail("count", batch.len())
            .detail("sha256", self.hash.clone());
        if let (Some(first), Some(last)) = (batch.first(), batch.last()) {
            event = event
                .detail("first", G::place(first).1)
                .detail("last", G::place(last).1);
        }
        match &self.import.manner.reason {
            Some(reason) => event.reason(reason.clone()),
            None => event,
        }
    }

    fn would<G: Goods>(&self, goods: &G, judged: &Judged<'_, G::Item>) -> Done {
        let refused = self.refused(judged);
        let remarks = match refused {
            true => Vec::new(),
            false => remarks(goods, true),
        };
        let would = Written {
            new: judged.new.len(),
            ahead: judged.ahead.len(),
        };
        let message = match (refused, would.all()) {
            (true, _) => format!(
                "Nothing would be imported: {} bad.",
                records(judged.rejected.len())
            ),
            (false, 0) => "Nothing would be imported.".to_owned(),
            (false, _) => would.sentence::<G>(true),
        };
        Done {
            dry_run: true,
            unchanged: refused || would.all() == 0,
            message,
            notes: self.notes(remarks, judged),
            data: self.data(goods.changed(), judged, &Written::default()),
            ..Done::default()
        }
    }

    fn notes<T>(&self, remarks: Vec<(&str, String)>, judged: &Judged<'_, T>) -> Vec<Note> {
        let mut notes = Vec::new();
        let mut note = |label: &str, text: String| {
            notes.push(Note {
                label: label.to_owned(),
                text,
            });
        };
        for (label, text) in remarks {
            note(label, text);
        }
        if judged.same > 0 {
            note("same", format!("{} here already.", records(judged.same)));
        }
        if !judged.rejected.is_empty() {
            let how = if self.import.skip_bad {
                "left out"
            } else {
                "bad; --skip-bad takes the others"
            };
            note("bad", format!("{} {how}.", records(judged.rejected.len())));
        }
        notes
    }

    /// The facts for scripts, and for the list of bad records.
    fn data<T>(
        &self,
        changed: usize,
        judged: &Judged<'_, T>,
        done: &Written,
    ) -> Map<String, Value> {
        let told = judged.rejected.iter().take(TOLD_MAX);
        let rows: Vec<Value> = told
            .map(|one| json!({"line": one.line, "code": one.code.name(), "reason": one.reason}))
            .collect();
        Map::from_iter([
            ("new".to_owned(), judged.new.len().max(done.new).into()),
            (
                "ahead".to_owned(),
                judged.ahead.len().max(done.ahead).into(),
            ),
            ("same".to_owned(), judged.same.into()),
            ("rejected".to_owned(), judged.rejected.len().into()),
            ("written".to_owned(), done.all().into()),
            ("changed".to_owned(), changed.into()),
            ("sha256".to_owned(), self.hash.clone().into()),
            ("rows".to_owned(), rows.into()),
        ])
    }
}

/// What there is to say once all are judged.
fn remarks<G: Goods>(goods: &G, would: bool) -> Vec<(&'static str, String)> {
    let mut remarks = goods.remarks();
    let changed = goods.changed();
    if changed > 0 {
        let people = counted(changed, ["person who was here", "people who were here"]);
        let text = match would {
            true => format!("{people} changed by it: scripts state --expect {changed}."),
            false => format!("{people} changed."),
        };
        remarks.push(("here", text));
    }
    remarks
}

/// None if somebody has changed what this was judged on: each is judged once more.
fn met(written: Result<Option<u64>, Refusal>) -> Result<Option<u64>, Refusal> {
    match written {
        Err(refusal) if refusal.code != Code::Store => Ok(None),
        written => written,
    }
}

fn sort<'a, G: Goods>(
    goods: &G,
    item: &'a G::Item,
    into: &mut Judged<'a, G::Item>,
) -> Result<(), Refusal> {
    match goods.judge(item) {
        Ok(Intake::New) => into.new.push(item),
        Ok(Intake::Ahead) => into.ahead.push(item),
        Ok(Intake::Same) => into.same += 1,
        Err(refusal) if refusal.code == Code::Store => return Err(refusal),
        Err(refusal) => into.rejected.push(Rejected::new(G::place(item).0, refusal)),
    }
    Ok(())
}
