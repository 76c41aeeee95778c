//! Puts a backup in the place of a store, with the daemon stopped.
//!
//! The copy is checked, opened with the key and fenced *before* it gets the store's name, so no
//! moment exists at which a daemon could start on an unfenced one. The old store is moved aside
//! with its log and never deleted. What goes wrong in between leaves either the old store or none,
//! and a second run finishes the work.

use std::path::{Path, PathBuf};

use super::backup::{Manifest, free_name, manifest};
use super::error::{shown, system};
use super::fence::Fenced;
use super::files::{self, Checkpoint, Lock};
use super::{Site, close, connect, fence, meta, redo, schema};
use crate::audit::chain::Chain;
use crate::store::StoreError;

/// What a restore has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The backup.
    pub manifest: Manifest,
    /// What has been voided. The span from its `last_audit_at` to now is lost.
    pub fenced: Fenced,
    /// Where the old store lies now, if there was one.
    pub moved_to: Option<PathBuf>,
}

/// Restores the backup at `backup` as the store of `site`.
///
/// # Errors
/// [`StoreError`]: the old store is where it was, or moved aside if the last step failed.
pub fn restore(site: &Site<'_>, backup: &Path) -> Result<Restored, StoreError> {
    let (mut lock, _) = Lock::take(site.path)?;
    let fresh = files::beside(site.path, ".restoring");
    copy(backup, &fresh)?;
    let moves = moves_before(site)?.saturating_add(1);
    let (manifest, fenced, end) = prepare(site, &fresh, moves)?;
    let moved_to = move_aside(site)?;
    files::rename(&fresh, site.path)?;
    end.write(site.path)?;
    lock.clear();
    Ok(Restored {
        manifest,
        fenced,
        moved_to,
    })
}

/// Copies the backup, private and synced.
fn copy(backup: &Path, fresh: &Path) -> Result<(), StoreError> {
    // The journal of a restore that was interrupted would be applied to this copy, whatever it is of.
    for left in [files::beside(fresh, "-journal"), fresh.to_owned()] {
        if files::exists(&left)? {
            std::fs::remove_file(&left)
                .map_err(|error| system("removing", &shown(&left), error))?;
        }
    }
    let mut source =
        std::fs::File::open(backup).map_err(|error| system("opening", &shown(backup), error))?;
    let mut target = files::create_private(fresh)?;
    std::io::copy(&mut source, &mut target)
        .and_then(|_| target.sync_all())
        .map_err(|error| system("copying", &shown(backup), error))
}

/// Moves of the log that the store in this place has seen; its file is an older one from now on.
fn moves_before(site: &Site<'_>) -> Result<u32, StoreError> {
    let known = Checkpoint::read(site.path)?.map_or(0, |known| known.moves);
    if files::exists(site.path)? {
        return Ok(files::moves(site.path)?.max(known));
    }
    Ok(known)
}

/// Checks, migrates, fences and numbers the copy.
fn prepare(
    site: &Site<'_>,
    fresh: &Path,
    moves: u32,
) -> Result<(Manifest, Fenced, Checkpoint), StoreError> {
    let shown = shown(fresh);
    let mut conn = connect::lone_writer(fresh)?;
    connect::quick_check(&conn, &shown)?;
    schema::check(&conn, &shown)?;
    let manifest = manifest(&conn, &shown)?;
    meta::check_canary(&conn, &shown, site.keys)?;
    schema::migrate(&mut conn, &shown)?;
    redo::bring_up_all(&conn, &shown)?;
    let mut chain = Chain::resume(
        site.node.clone(),
        site.boot.clone(),
        manifest.seq,
        manifest.hash,
    );
    let fenced = fence::apply(&mut conn, &shown, &mut chain, site.fence)?;
    meta::remove(&conn, &shown, meta::MANIFEST)?;
    meta::set_moves(&conn, &shown, moves)?;
    close(conn, &shown)?;
    let end = Checkpoint {
        seq: chain.seq(),
        hash: chain.hash(),
        moves,
    };
    Ok((manifest, fenced, end))
}

/// Moves the old store aside, its log first: a log that stayed behind would be taken for the new
/// store's. An old store without its log is older than its checkpoint and would be fenced.
fn move_aside(site: &Site<'_>) -> Result<Option<PathBuf>, StoreError> {
    let seconds = site.fence.now.wall.unix_seconds();
    let aside = free_name(site.path, &format!(".before-restore-{seconds}"))?;
    let mut moved = false;
    for suffix in ["-wal", "-shm", "", ".checkpoint"] {
        let from = files::beside(site.path, suffix);
        if files::exists(&from)? {
            files::rename(&from, &files::beside(&aside, suffix))?;
            moved = true;
        }
    }
    Ok(moved.then_some(aside))
}
