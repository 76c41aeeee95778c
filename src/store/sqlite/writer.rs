//! The writing side: batches, checkpoints, and what happens when one fails.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::Connection;

use super::batch::{Batch, LOG_PAGE_OCTETS};
use super::error::{failed, shown};
use super::files::{Checkpoint, Lock};
use super::people::Kept;
use super::redo::{self, Recent};
use super::{Site, Sizes, archived, connect, files, history, meta};
use crate::audit::chain::Chain;
use crate::store::{Body, Change, Commit, Outcome, StoreError, Write};
use crate::sys::files::free_octets;
use crate::time::Now;

/// How long nothing is committed until the log is moved although it is short, in microseconds.
const QUIET_US: u64 = 5_000_000;

/// How long is waited until the log is moved again after a reader was in the way, in microseconds.
const MOVE_PAUSE_US: u64 = 1_000_000;

/// How old the checkpoint file may become, in microseconds; and how soon it is written again.
const CHECKPOINT_FILE_US: u64 = 10_000_000;
const CHECKPOINT_FILE_PAUSE_US: u64 = 1_000_000;

/// How many audit records the checkpoint file may be behind.
const CHECKPOINT_FILE_RECORDS: u64 = 10_000;

/// Audit records in the log from which on it is moved, however short it is: the main file grows by
/// some 13 MiB of them, for which room is kept on a full disk.
const MOVE_RECORDS: u64 = 24_000;

/// The one owner of a store.
pub struct SqliteWriter {
    path: PathBuf,
    shown: String,
    node: Arc<str>,
    boot: Arc<str>,
    sizes: Sizes,
    /// None once poisoned, so that nothing can be written through it.
    conn: Option<Connection>,
    poisoned: String,
    chain: Chain,
    kept: Kept,
    recent: Arc<Recent>,
    /// People who are still to be brought up before the log is moved, the first one last; and the
    /// batches that are done then.
    behind: Vec<i64>,
    behind_to: i64,
    /// Octets of the log that have not been moved yet, about.
    log_octets: u64,
    /// When the last batch was judged, and before when the log is not moved again.
    committed_us: u64,
    move_not_before_us: u64,
    /// How often the log has been moved, tried and done. The number goes through the log itself,
    /// so the main file has it when everything before is there too.
    moves_tried: u32,
    moves: u32,
    /// The last audit record that is in the main file.
    moved_seq: u64,
    /// What the checkpoint file says, and when it was written.
    saved_seq: u64,
    saved_moves: u32,
    saved_us: u64,
    /// Up to which number audit records are archived and still to be removed, and not before when.
    remove_to: Option<i64>,
    remove_not_before_us: u64,
    /// The slice of the log that is indexed next, and not before when if nobody rests.
    next_slice: i64,
    slice_not_before_us: u64,
    lock: Lock,
}

impl SqliteWriter {
    pub(super) fn new(
        site: &Site<'_>,
        conn: Connection,
        chain: Chain,
        lock: Lock,
        recent: Arc<Recent>,
    ) -> Result<Self, StoreError> {
        let shown = shown(site.path);
        let known = Checkpoint::read(site.path)?.map_or(0, |known| known.moves);
        let moves_tried = meta::moves(&conn, &shown)?.max(known);
        let mut writer = Self {
            path: site.path.to_owned(),
            shown,
            node: site.node.clone(),
            boot: site.boot.clone(),
            sizes: site.sizes,
            conn: Some(conn),
            poisoned: String::new(),
            chain,
            kept: Kept::default(),
            recent,
            behind: Vec::new(),
            behind_to: 0,
            log_octets: 0,
            committed_us: site.fence.now.mono_us,
            move_not_before_us: 0,
            moves_tried,
            moves: known,
            moved_seq: 0,
            saved_seq: 0,
            saved_moves: 0,
            saved_us: site.fence.now.mono_us,
            remove_to: None,
            remove_not_before_us: 0,
            next_slice: 0,
            slice_not_before_us: 0,
            lock,
        };
        writer.remove_to = archived::rest(writer.open_conn()?, &writer.shown)?;
        writer.moved_seq = writer.chain.seq();
        writer.next_slice = history::next(writer.open_conn()?, &writer.shown)?;
        writer.move_log("PASSIVE")?;
        writer.save_checkpoint()?;
        Ok(writer)
    }

    /// Opens the store anew after a failure, as the disk has it. What the caller has in memory of
    /// it is to be loaded again.
    ///
    /// # Errors
    /// [`StoreError`]: it stays closed.
    pub fn reopen(&mut self) -> Result<(), StoreError> {
        self.conn = None;
        let conn = connect::writer(&self.path)?;
        // What a failed sync left in the log may be in memory only. Moving all of it into the main
        // file and beginning the log again writes and syncs it once more, in another place.
        if !checkpoint(&conn, &self.shown, "RESTART")? {
            return Err(in_the_way(&self.shown));
        }
        redo::bring_up_all(&conn, &self.shown)?;
        self.recent.clear();
        self.behind.clear();
        let (seq, hash, _) = meta::chain_end(&conn, &self.shown)?;
        self.chain = Chain::resume(self.node.clone(), self.boot.clone(), seq, hash);
        self.kept = Kept::default();
        self.remove_to = archived::rest(&conn, &self.shown)?;
        self.next_slice = history::next(&conn, &self.shown)?;
        self.conn = Some(conn);
        let moved = self.move_log("PASSIVE");
        if let Err(error) = &moved {
            self.poison(error);
        }
        moved.map(drop)
    }

    /// Moves the log and empties it, writes the checkpoint file and marks the store as cleanly
    /// closed. Readers that are at work are waited for, a few seconds.
    ///
    /// # Errors
    /// [`StoreError`]: the next start will look more closely.
    pub fn close(mut self) -> Result<(), StoreError> {
        while self.recent.len() > 0 {
            self.bring_up()?;
        }
        // A log with content would be taken for the log of whatever database lies beside it next.
        let emptied = self.move_log("TRUNCATE")?;
        self.save_checkpoint()?;
        if !emptied {
            return Err(in_the_way(&self.shown));
        }
        files::sync_folder(&self.path)?;
        if let Some(conn) = self.conn.take() {
            super::close(conn, &self.shown)?;
        }
        self.lock.clear();
        Ok(())
    }

    /// Octets of the log that wait to be moved, about.
    #[must_use]
    pub const fn log_octets(&self) -> u64 {
        self.log_octets
    }

    fn open_conn(&self) -> Result<&Connection, StoreError> {
        self.conn
            .as_ref()
            .ok_or_else(|| StoreError::Poisoned(self.poisoned.clone()))
    }

    /// Closes the writer for good or until [`Self::reopen`].
    fn poison(&mut self, error: &StoreError) {
        self.poisoned = error.to_string();
        self.conn = None;
    }

    fn write(&mut self, batch: &[Change]) -> Result<Vec<Outcome>, StoreError> {
        let Some(conn) = &self.conn else {
            return Err(StoreError::Poisoned(self.poisoned.clone()));
        };
        let run = |sql: &str| {
            conn.prepare_cached(sql)
                .and_then(|mut statement| statement.execute([]))
        };
        run("BEGIN IMMEDIATE").map_err(|error| failed("writing", &self.shown, &error))?;
        let mut open = Batch::new(
            conn,
            &self.shown,
            &mut self.chain,
            &mut self.kept,
            &self.recent,
        )?;
        let outcomes = batch
            .iter()
            .map(|change| open.apply(change))
            .collect::<Result<Vec<_>, _>>()?;
        let log_octets = open.finish()?;
        run("COMMIT").map_err(|error| StoreError::Unknown(format!("{}: {error}", self.shown)))?;
        self.recent.publish(&self.kept.redo);
        self.log_octets += log_octets;
        let committed = |(_, outcome): &(_, &Outcome)| matches!(outcome, Outcome::Committed { .. });
        for (change, _) in batch.iter().zip(&outcomes).filter(committed) {
            if let Some(last) = change.writes.iter().find_map(archived_to) {
                self.remove_to = Some(last);
            }
        }
        Ok(outcomes)
    }

    /// Removes a slice of what is archived.
    fn remove_archived(&mut self, now: Now) -> Result<(), StoreError> {
        let Some(last) = self.remove_to else {
            return Ok(());
        };
        if now.mono_us < self.remove_not_before_us {
            return Ok(());
        }
        let removed = archived::remove(self.open_conn()?, &self.shown, last)?;
        // A record fills a fifth of a page or less, and an emptied page is written as well.
        self.log_octets += LOG_PAGE_OCTETS * (removed as u64 / 4 + 4);
        self.remove_not_before_us = now.mono_us.saturating_add(archived::PAUSE_US);
        if removed == 0 {
            self.remove_to = None;
        }
        Ok(())
    }

    /// Indexes a slice of the log if there is a whole one and nobody waits, or too many wait.
    fn fill_slice(&mut self, now: Now) -> Result<(), StoreError> {
        let behind = self.slices_behind();
        let quiet = now.mono_us.saturating_sub(self.committed_us) >= history::QUIET_US;
        let late = behind >= history::BEHIND_MAX && now.mono_us >= self.slice_not_before_us;
        if behind > 0 && (quiet || late) {
            self.next_slice = history::fill(self.open_conn()?, &self.shown, self.next_slice)?;
            self.log_octets += history::SLICE_LOG_OCTETS;
            self.slice_not_before_us = now.mono_us.saturating_add(history::BEHIND_PAUSE_US);
        }
        Ok(())
    }

    const fn slices_behind(&self) -> i64 {
        history::complete(self.chain.seq()) - self.next_slice
    }

    /// Moves the log; false if a reader was in the way of a part.
    fn move_log(&mut self, how: &'static str) -> Result<bool, StoreError> {
        self.moves_tried = self.moves_tried.saturating_add(1);
        let conn = self.open_conn()?;
        meta::set_moves(conn, &self.shown, self.moves_tried)?;
        let whole = checkpoint(conn, &self.shown, how)?;
        if whole {
            self.log_octets = 0;
            self.moved_seq = self.chain.seq();
            self.moves = self.moves_tried;
        }
        Ok(whole)
    }

    fn save_checkpoint(&mut self) -> Result<(), StoreError> {
        let (seq, moves) = (self.chain.seq(), self.moves);
        if (seq, moves) != (self.saved_seq, self.saved_moves) {
            let hash = self.chain.hash();
            Checkpoint { seq, hash, moves }.write(&self.path)?;
            (self.saved_seq, self.saved_moves) = (seq, moves);
        }
        Ok(())
    }

    fn rest(&mut self, now: Now) -> Result<(), StoreError> {
        self.open_conn()?;
        let mut moved = false;
        if self.move_is_due(now) && self.bring_up()? {
            moved = self.may_move() && self.move_log("PASSIVE")?;
            if !moved {
                self.move_not_before_us = now.mono_us.saturating_add(MOVE_PAUSE_US);
            }
        }
        if moved || self.save_is_due(now) {
            self.saved_us = now.mono_us;
            // An older checkpoint is as true; a disk too full for the file may well have room in
            // the log. The next time tries again, and closing reports it.
            let _ = self.save_checkpoint();
        }
        self.remove_archived(now)?;
        self.fill_slice(now)
    }

    /// Brings the next people up; true when nobody of those is left who were behind at the start.
    fn bring_up(&mut self) -> Result<bool, StoreError> {
        if self.behind.is_empty() {
            self.behind = self.recent.rowids();
            self.behind.reverse();
            self.behind_to = self.kept.last_batch;
        }
        let rest = self.behind.len().saturating_sub(redo::SLICE);
        let slice = self.behind.split_off(rest);
        let done = self.behind.is_empty().then_some(self.behind_to);
        if !slice.is_empty() {
            let states = self.recent.of_all(&slice);
            redo::bring_up_slice(self.open_conn()?, &self.shown, &states, &slice, done)?;
            self.recent.forget(&slice);
            self.log_octets += LOG_PAGE_OCTETS * slice.len() as u64;
        }
        Ok(done.is_some())
    }

    fn move_is_due(&self, now: Now) -> bool {
        let quiet = now.mono_us.saturating_sub(self.committed_us) >= QUIET_US;
        let long =
            self.log_is_long() || self.recent.len() >= redo::BEHIND_MAX || !self.behind.is_empty();
        self.log_octets > 0 && (long || quiet) && now.mono_us >= self.move_not_before_us
    }

    fn log_is_long(&self) -> bool {
        self.log_octets >= self.sizes.checkpoint_octets
            || self.chain.seq().saturating_sub(self.moved_seq) >= MOVE_RECORDS
    }

    /// Whether a move is tried. It may make the main file longer by as much, and one that fails
    /// closes the store: without room for it a short log waits, and sign-ins go on.
    fn may_move(&self) -> bool {
        self.log_is_long() || free_octets(&self.path).map_or(true, |free| free >= self.log_octets)
    }

    const fn save_is_due(&self, now: Now) -> bool {
        let behind = self.chain.seq().saturating_sub(self.saved_seq);
        let age_us = now.mono_us.saturating_sub(self.saved_us);
        let much = behind >= CHECKPOINT_FILE_RECORDS && age_us >= CHECKPOINT_FILE_PAUSE_US;
        much || (behind > 0 && age_us >= CHECKPOINT_FILE_US)
    }
}

impl Commit for SqliteWriter {
    fn commit(&mut self, batch: &[Change]) -> Result<Vec<Outcome>, StoreError> {
        self.open_conn()?;
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        for change in batch {
            self.committed_us = self.committed_us.max(change.at.mono_us);
        }
        let before = self.chain.clone();
        let outcomes = self.write(batch);
        if let Err(error) = &outcomes {
            self.chain = before;
            self.poison(error);
        }
        outcomes
    }

    fn idle(&mut self, now: Now) -> Result<(), StoreError> {
        let rested = self.rest(now);
        if let Err(error) = &rested
            && self.conn.is_some()
        {
            self.poison(error);
        }
        rested
    }

    fn has_work(&self) -> bool {
        self.remove_to.is_some() || self.slices_behind() > 0 || !self.behind.is_empty()
    }

    fn next_seq(&self) -> u64 {
        self.chain.seq() + 1
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        Self::reopen(self)
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        Self::close(*self)
    }
}

/// Moves the log into the main file; false if what a reader still needs stays for the next time.
fn checkpoint(conn: &Connection, path: &str, how: &'static str) -> Result<bool, StoreError> {
    conn.query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |row| {
        let (busy, frames, moved): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(busy == 0 && frames == moved)
    })
    .map_err(|error| failed("moving the log of", path, &error))
}

/// The last archived record, if that is what is written.
const fn archived_to(write: &Write) -> Option<i64> {
    match &write.body {
        Some(Body::Archived(archived)) => Some(archived.seq.cast_signed()),
        _ => None,
    }
}

fn in_the_way(path: &str) -> StoreError {
    super::system("moving the log of", path, "a reader is in the way")
}
