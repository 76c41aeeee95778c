//! Between the writer and its store: what goes wrong there, and where the bugs are planted.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use nix::errno::Errno;

use mfad::store::{Change, Commit, Outcome, StoreError};
use mfad::time::Now;

use super::bugs::{Bug, Spoiler};
use super::life::STORE;
use super::site::lock;
use crate::common::disk::{Disk, Fault};

/// What the next commit meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mishap {
    /// It fails, and nothing of it is written.
    Fails,
    /// It is written, and said to have failed.
    Unknown,
    /// The process dies before it.
    CrashBefore,
    /// The process dies when it is durable and nobody has been told.
    CrashAfter,
}

#[derive(Default)]
struct State {
    next: Option<Mishap>,
    dead: bool,
    /// A reload since the last commit.
    reloaded: bool,
    /// The call of the disk at which the process dies.
    crash_at: Option<u64>,
    /// Folder of the store, and where a crash leaves what was on the disk.
    folder: PathBuf,
    image: PathBuf,
}

/// What is to happen to this life, shared with the run.
pub(crate) struct Plan {
    state: Mutex<State>,
    disk: Option<Arc<Disk>>,
}

impl Plan {
    pub(crate) fn new(disk: Option<Arc<Disk>>) -> Self {
        let state = Mutex::default();
        Self { state, disk }
    }

    pub(crate) fn begin(&self, folder: &Path, image: &Path) {
        *lock(&self.state) = State {
            folder: folder.to_owned(),
            image: image.to_owned(),
            ..State::default()
        };
    }

    pub(crate) fn prepare(&self, mishap: Mishap) {
        lock(&self.state).next = Some(mishap);
    }

    pub(crate) fn is_dead(&self) -> bool {
        let state = lock(&self.state);
        state.dead
            || matches!((&self.disk, state.crash_at), (Some(disk), Some(at)) if disk.calls() >= at)
    }

    /// The process dies after so many calls of its disk.
    pub(crate) fn die_after(&self, calls: usize) {
        if let Some(disk) = &self.disk {
            let at = disk.calls() + 1 + calls as u64;
            lock(&self.state).crash_at = Some(at);
            disk.fail(at, Fault::From(Errno::EIO));
        }
    }

    /// Whether a call of the disk is chosen to be the last.
    pub(crate) fn will_die(&self) -> bool {
        lock(&self.state).crash_at.is_some()
    }

    /// The process dies now.
    pub(crate) fn die(&self) {
        let mut state = lock(&self.state);
        if state.dead {
            return;
        }
        state.dead = true;
        match &self.disk {
            Some(disk) => disk.fail(disk.calls() + 1, Fault::From(Errno::EIO)),
            None => copy(&state.folder, &state.image),
        }
    }

    pub(crate) fn reloaded(&self) {
        lock(&self.state).reloaded = true;
    }

    fn take_reload(&self) -> bool {
        std::mem::take(&mut lock(&self.state).reloaded)
    }

    fn take(&self) -> Option<Mishap> {
        lock(&self.state).next.take()
    }
}

/// Copies what a store consists of, but its shared memory.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for suffix in ["", "-wal", ".lock", ".checkpoint"] {
        let name = format!("{STORE}{suffix}");
        if from.join(&name).exists() {
            std::fs::copy(from.join(&name), to.join(&name)).unwrap();
        }
    }
}

/// The store as the writer sees it.
pub(crate) struct Seam {
    store: Box<dyn Commit>,
    plan: Arc<Plan>,
    spoiler: Spoiler,
}

impl Seam {
    pub(crate) fn new(store: Box<dyn Commit>, plan: Arc<Plan>, bug: Option<Bug>) -> Self {
        Self {
            store,
            plan,
            spoiler: Spoiler::new(bug),
        }
    }
}

impl Commit for Seam {
    fn commit(&mut self, batch: &[Change]) -> Result<Vec<Outcome>, StoreError> {
        let failed = || Err(StoreError::Unknown("the disk of the simulation".to_owned()));
        if self.plan.is_dead() {
            return failed();
        }
        if self.plan.take_reload() {
            self.spoiler.reloaded();
        }
        match self.plan.take() {
            None => self.spoiler.commit(&mut *self.store, batch),
            Some(Mishap::Fails) => failed(),
            Some(Mishap::Unknown) => {
                self.store.commit(batch)?;
                failed()
            }
            Some(Mishap::CrashBefore) => {
                self.plan.die();
                failed()
            }
            Some(Mishap::CrashAfter) => {
                self.store.commit(batch)?;
                self.plan.die();
                failed()
            }
        }
    }

    fn idle(&mut self, now: Now) -> Result<(), StoreError> {
        self.store.idle(now)
    }

    fn next_seq(&self) -> u64 {
        self.store.next_seq()
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        self.store.reopen()
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        self.store.close()
    }
}
