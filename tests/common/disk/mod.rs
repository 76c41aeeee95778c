//! A disk that remembers every call, that fails when it is told to, and whose state after a power
//! cut can be made.
//!
//! `shim.c` is preloaded into a process and stands between it and its files below one folder. A
//! test runs itself again as such a process ([`Disk::again`]) or starts a program with
//! [`Disk::env`]; in either process or from outside, [`Disk`] says what is to fail and
//! reads what was done. [`state`] makes of that what a power cut may leave.
//!
//! A process that has the shim may direct its own disk: [`Disk::here`].

pub(crate) mod state;

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, OnceLock};

use nix::errno::Errno;
use tempfile::TempDir;

use super::tools;

/// Octets that are shared with the shim.
const CTL_OCTETS: u64 = 4096;

/// Fields of what is shared, in the order of `struct ctl` in `shim.c`.
#[derive(Clone, Copy)]
enum Field {
    Calls,
    FailAt,
    Error,
    Mode,
    SyncOff,
    FlushUs,
    LogPosition,
    Syncs,
    Unseen,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// One call fails and does nothing.
    Once(Errno),
    /// A call and all later ones fail and do nothing, until [`Disk::heal`].
    From(Errno),
    /// One call, if it writes, writes half of what it should.
    Short,
    /// The process is killed before a call.
    Kill,
    /// The call is counted in syncs only; it fails.
    Sync(Errno),
}

/// A folder whose disk is watched.
pub(crate) struct Disk {
    /// Keeps the folder; none if it is another process's.
    _folder: Option<TempDir>,
    root: PathBuf,
    log: Option<PathBuf>,
    ctl: File,
    ctl_path: PathBuf,
}

/// One call that was carried out, or a sync that was not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    /// Its number among all calls, from 1.
    pub(crate) call: u64,
    pub(crate) what: What,
}

/// What was done. Paths are below the root; a file keeps its number under every name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Create {
        path: String,
        node: u64,
    },
    Write {
        path: String,
        node: u64,
        offset: u64,
        octets: Arc<[u8]>,
    },
    Length {
        path: String,
        node: u64,
        length: u64,
    },
    Rename {
        from: String,
        to: String,
    },
    /// A further name of a file.
    Link {
        from: String,
        to: String,
    },
    Remove {
        path: String,
    },
    Sync {
        /// A file, or a folder; the root is "".
        path: String,
        node: u64,
        synced: Synced,
    },
}

/// What became of a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Synced {
    Done,
    /// It failed, and said so.
    Failed,
    /// It said that it was done: [`Disk::set_sync`].
    NotDone,
}

impl Disk {
    /// A new disk, where syncs cost nothing if this machine has such a place.
    pub(crate) fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let base = if memory.is_dir() {
            memory.to_owned()
        } else {
            std::env::temp_dir()
        };
        let folder = tempfile::Builder::new()
            .prefix("mfad-disk-")
            .tempdir_in(base)
            .unwrap();
        let inside = folder.path().canonicalize().unwrap();
        std::fs::create_dir(inside.join("disk")).unwrap();
        File::create(inside.join("log")).unwrap();
        File::create(inside.join("ctl"))
            .and_then(|file| file.set_len(CTL_OCTETS))
            .unwrap();
        Self::at(
            Some(folder),
            inside.join("disk"),
            Some(inside.join("log")),
            inside.join("ctl"),
        )
    }

    /// The disk below a folder that is there, without a log of what was done.
    pub(crate) fn below(folder: &Path) -> Self {
        let mut disk = Self::new();
        disk.root = folder.canonicalize().unwrap();
        disk.log = None;
        disk
    }

    /// The disk that this process was started on, if it was.
    pub(crate) fn here() -> Option<Self> {
        let path = |name| std::env::var_os(name).map(PathBuf::from);
        Some(Self::at(
            None,
            path("MFAD_DISK_ROOT")?,
            path("MFAD_DISK_LOG"),
            path("MFAD_DISK_CTL")?,
        ))
    }

    fn at(folder: Option<TempDir>, root: PathBuf, log: Option<PathBuf>, ctl_path: PathBuf) -> Self {
        let ctl = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&ctl_path)
            .unwrap();
        Self {
            _folder: folder,
            root,
            log,
            ctl,
            ctl_path,
        }
    }

    /// The folder that is watched.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A file beside it, which is not watched.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.ctl_path.with_file_name(name)
    }

    /// What a program is started with; none if there is no compiler for the shim.
    pub(crate) fn env(&self) -> Option<Vec<(&'static str, PathBuf)>> {
        let mut env = vec![
            ("LD_PRELOAD", shim()?.to_owned()),
            ("MFAD_DISK_ROOT", self.root.clone()),
            ("MFAD_DISK_CTL", self.ctl_path.clone()),
        ];
        env.extend(self.log.clone().map(|log| ("MFAD_DISK_LOG", log)));
        Some(env)
    }

    /// Runs an ignored test of this very program on this disk; none if there is no compiler.
    pub(crate) fn again(&self, test: &str) -> Option<Output> {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", "--nocapture", test])
            .envs(self.env()?)
            .output()
            .unwrap();
        Some(output)
    }

    /// Calls so far.
    pub(crate) fn calls(&self) -> u64 {
        self.get(Field::Calls)
    }

    /// Calls so far that were syncs.
    pub(crate) fn syncs(&self) -> u64 {
        self.get(Field::Syncs)
    }

    /// Something goes wrong at that call (at that sync, if it counts syncs).
    pub(crate) fn fail(&self, at: u64, fault: Fault) {
        let (mode, error) = match fault {
            Fault::Once(error) => (0, error as u64),
            Fault::From(error) => (1, error as u64),
            Fault::Short => (2, 0),
            Fault::Kill => (3, 0),
            Fault::Sync(error) => (4, error as u64),
        };
        self.set(Field::FailAt, 0);
        self.set(Field::Mode, mode);
        self.set(Field::Error, error);
        self.set(Field::FailAt, at);
    }

    /// Nothing goes wrong any more.
    pub(crate) fn heal(&self) {
        self.set(Field::FailAt, 0);
    }

    /// Whether syncs do what they say.
    pub(crate) fn set_sync(&self, works: bool) {
        self.set(Field::SyncOff, u64::from(!works));
    }

    /// Each sync takes so long, instead of what it would do.
    pub(crate) fn set_flush_us(&self, us: u64) {
        self.set(Field::FlushUs, us);
    }

    /// Does something on this disk that is not watched, counted or failed.
    pub(crate) fn unseen<T>(&self, act: impl FnOnce() -> T) -> T {
        self.set(Field::Unseen, 1);
        let done = act();
        self.set(Field::Unseen, 0);
        done
    }

    /// Octets of the log so far: where the next operation begins.
    pub(crate) fn position(&self) -> u64 {
        self.get(Field::LogPosition)
    }

    /// The operations from that position of the log on.
    pub(crate) fn operations(&self, position: u64) -> Vec<Operation> {
        let mut file = File::open(self.log.as_ref().unwrap()).unwrap();
        file.seek(SeekFrom::Start(position)).unwrap();
        let mut log = Vec::new();
        file.read_to_end(&mut log).unwrap();
        let (mut rest, mut operations) = (log.as_slice(), Vec::new());
        while !rest.is_empty() {
            operations.push(Operation::take(&mut rest));
        }
        operations
    }

    fn get(&self, field: Field) -> u64 {
        let mut octets = [0; 8];
        self.ctl
            .read_exact_at(&mut octets, field as u64 * 8)
            .unwrap();
        u64::from_ne_bytes(octets)
    }

    fn set(&self, field: Field, value: u64) {
        self.ctl
            .write_all_at(&value.to_ne_bytes(), field as u64 * 8)
            .unwrap();
    }
}

impl Operation {
    /// Takes the next record off the log: `struct head` of `shim.c`, path, data.
    fn take(log: &mut &[u8]) -> Self {
        let mut take = |octets: usize| -> &[u8] {
            let (taken, rest) = log.split_at(octets);
            *log = rest;
            taken
        };
        let [call, node, offset] =
            std::array::from_fn(|_| u64::from_ne_bytes(take(8).try_into().unwrap()));
        let [kind, state, path, data] =
            std::array::from_fn(|_| u32::from_ne_bytes(take(4).try_into().unwrap()));
        let path = String::from_utf8(take(path as usize).to_vec()).unwrap();
        let data = take(data as usize);
        let what = match kind {
            1 => What::Create { path, node },
            2 => What::Write {
                path,
                node,
                offset,
                octets: Arc::from(data),
            },
            3 => What::Length {
                path,
                node,
                length: offset,
            },
            4 => What::Rename {
                from: path,
                to: String::from_utf8(data.to_vec()).unwrap(),
            },
            5 => What::Remove { path },
            6 => What::Sync {
                path,
                node,
                synced: match state {
                    0 => Synced::Done,
                    1 => Synced::Failed,
                    _ => Synced::NotDone,
                },
            },
            7 => What::Link {
                from: path,
                to: String::from_utf8(data.to_vec()).unwrap(),
            },
            kind => panic!("kind {kind} of an operation"),
        };
        Self { call, what }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { path, .. } => write!(f, "create {path}"),
            Self::Write {
                path,
                offset,
                octets,
                ..
            } => write!(f, "write {path} {offset}+{}", octets.len()),
            Self::Length { path, length, .. } => write!(f, "length {path} {length}"),
            Self::Rename { from, to } => write!(f, "rename {from} {to}"),
            Self::Link { from, to } => write!(f, "link {from} {to}"),
            Self::Remove { path } => write!(f, "remove {path}"),
            Self::Sync { path, synced, .. } => write!(f, "sync /{path} {synced:?}"),
        }
    }
}

/// The shim, built once; none if there is no compiler.
fn shim() -> Option<&'static Path> {
    static SHIM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let build = || {
        if !tools::have("cc") {
            return None;
        }
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/common/disk/shim.c");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let built = folder.join(format!("disk-shim-{}.so", std::process::id()));
        let said = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&built)
            .arg(source)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success(), "{text}");
        // Other processes of tests may be using the one that is there.
        let shim = folder.join("disk-shim.so");
        std::fs::rename(built, &shim).unwrap();
        Some(shim)
    };
    SHIM.get_or_init(build).as_deref()
}
