//! What a disk may hold after a power cut.
//!
//! [`State`] follows the operations and tells what is certain from what is pending: written and not
//! synced. An [`Image`] is what is certain and a part of what is pending ([`Keep`]). As pessimistic
//! as POSIX allows:
//!
//! - A write is certain once its file was synced after it, and not before. Until then any part of
//!   it, in sectors of 512 octets, may be there or not, whatever became of writes before and after it;
//!   a file that was to grow may have grown without its content.
//! - A sync that fails takes what was pending for lost, as Linux does: a later sync makes only
//!   certain what was written after the failed one.
//! - A name that was made, changed or taken away is certain once its *folder* was synced; syncing the
//!   file does not help.
//!
//! And as every file system in use is, ext4 with `data=ordered` among them: what happens in one
//! folder is kept in its order, a rename over another file leaves one of the two, and a folder itself
//! is not lost. The index of the log in memory (`-shm`) is a cache, and in no image.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use super::{Operation, Synced, What};
use crate::common::chance::Chance;

/// Octets that a disk writes as one.
const SECTOR: usize = 512;

/// A disk at some point of its history.
#[derive(Clone, Default)]
pub(crate) struct State {
    /// Certain content of each file.
    files: HashMap<usize, Arc<Vec<u8>>>,
    /// Certain names.
    names: BTreeMap<String, usize>,
    pending: Vec<Pending>,
    /// The system's numbers of files, which it may use again.
    nodes: HashMap<u64, usize>,
    made: usize,
}

/// Something that was done and is not certain.
#[derive(Clone)]
enum Pending {
    Write {
        file: usize,
        at: usize,
        octets: Arc<[u8]>,
        /// A sync of it has failed.
        lost: bool,
    },
    Length {
        file: usize,
        length: usize,
    },
    Entry(Entry),
}

/// A change of a folder.
#[derive(Clone)]
enum Entry {
    Create { path: String, file: usize },
    Rename { from: String, to: String },
    Link { from: String, to: String },
    Remove { path: String },
}

/// Which part of what is pending has reached the disk.
pub(crate) enum Keep<'a> {
    Nothing,
    /// What a killed process leaves.
    Everything,
    /// The first so many.
    First(usize),
    /// Some of the writes.
    Some(&'a mut Chance),
    /// Some sectors of each write.
    Torn(&'a mut Chance),
}

/// Files as a power cut has left them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Image {
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

impl State {
    /// What lies in a folder, all of it certain.
    pub(crate) fn of_folder(folder: &Path) -> Self {
        let mut state = Self::default();
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let file = state.new_file(entry.metadata().unwrap().ino());
            let content = fs::read(entry.path()).unwrap();
            state.files.insert(file, Arc::new(content));
            state.names.insert(name, file);
        }
        state
    }

    /// How much is pending.
    pub(crate) const fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Follows one operation.
    pub(crate) fn step(&mut self, operation: &Operation) {
        match &operation.what {
            What::Create { path, node } => {
                let file = self.new_file(*node);
                let path = path.clone();
                self.pending
                    .push(Pending::Entry(Entry::Create { path, file }));
            }
            What::Write {
                node,
                offset,
                octets,
                ..
            } => {
                let pending = Pending::Write {
                    file: self.nodes[node],
                    at: usize::try_from(*offset).unwrap(),
                    octets: Arc::clone(octets),
                    lost: false,
                };
                self.pending.push(pending);
            }
            What::Length { node, length, .. } => {
                let pending = Pending::Length {
                    file: self.nodes[node],
                    length: usize::try_from(*length).unwrap(),
                };
                self.pending.push(pending);
            }
            What::Rename { from, to } => {
                let (from, to) = (from.clone(), to.clone());
                self.pending
                    .push(Pending::Entry(Entry::Rename { from, to }));
            }
            What::Link { from, to } => {
                let (from, to) = (from.clone(), to.clone());
                self.pending.push(Pending::Entry(Entry::Link { from, to }));
            }
            What::Remove { path } => {
                let path = path.clone();
                self.pending.push(Pending::Entry(Entry::Remove { path }));
            }
            What::Sync {
                path, node, synced, ..
            } => match (self.nodes.get(node).copied(), synced) {
                (_, Synced::NotDone) => {}
                (Some(file), Synced::Done) => self.sync_file(file),
                (Some(file), Synced::Failed) => self.lose(file),
                (None, Synced::Done) => self.sync_folder(path),
                (None, Synced::Failed) => {}
            },
        }
    }

    /// Follows all of them.
    pub(crate) fn follow<'a>(&mut self, operations: impl IntoIterator<Item = &'a Operation>) {
        for operation in operations {
            self.step(operation);
        }
    }

    /// The disk, with that part of what is pending.
    pub(crate) fn image(&self, keep: Keep<'_>) -> Image {
        let mut cut = Cut::new(keep, &self.pending);
        let mut files = self.files.clone();
        let mut names = self.names.clone();
        for (number, pending) in self.pending.iter().enumerate() {
            match pending {
                Pending::Entry(entry) => {
                    if cut.keeps_entry(number) {
                        entry.apply(&mut names);
                    }
                }
                Pending::Length { file, length } => {
                    if cut.keeps(number) {
                        content(&mut files, *file).resize(*length, 0);
                    }
                }
                Pending::Write {
                    file, at, octets, ..
                } => {
                    for part in cut.parts(number, *at, octets.len()) {
                        let from = at + part.start;
                        put(content(&mut files, *file), from, &octets[part]);
                    }
                }
            }
        }
        let files = names
            .into_iter()
            .filter(|(name, _)| !name.ends_with("-shm"))
            .map(|(name, file)| {
                let content = files.get(&file).map(|content| content.to_vec());
                (name, content.unwrap_or_default())
            })
            .collect();
        Image { files }
    }

    fn new_file(&mut self, node: u64) -> usize {
        self.made += 1;
        self.nodes.insert(node, self.made);
        self.made
    }

    /// What is pending of a file becomes certain, but for what an earlier sync has lost.
    fn sync_file(&mut self, file: usize) {
        for pending in std::mem::take(&mut self.pending) {
            match pending {
                Pending::Write {
                    file: of,
                    at,
                    octets,
                    lost: false,
                } if of == file => {
                    put(content(&mut self.files, file), at, &octets);
                    self.outdo(file, at..at + octets.len());
                }
                Pending::Length { file: of, length } if of == file => {
                    content(&mut self.files, file).resize(length, 0);
                    self.outdo(file, length..usize::MAX);
                }
                Pending::Write {
                    file: of,
                    at,
                    ref octets,
                    lost: true,
                } if of == file => {
                    // The file is as long as it should be, whatever it holds there.
                    let end = at + octets.len();
                    let content = content(&mut self.files, file);
                    if content.len() < end {
                        content.resize(end, 0);
                    }
                    self.pending.push(pending);
                }
                other => self.pending.push(other),
            }
        }
    }

    /// What was lost before is of no account where something newer is certain.
    fn outdo(&mut self, file: usize, newer: Range<usize>) {
        let mut left = Vec::with_capacity(self.pending.len());
        for pending in self.pending.drain(..) {
            let (at, octets) = match pending {
                Pending::Write {
                    file: of,
                    at,
                    octets,
                    lost: true,
                } if of == file => (at, octets),
                other => {
                    left.push(other);
                    continue;
                }
            };
            let end = at + octets.len();
            let before = at..end.min(newer.start).max(at);
            let after = at.max(newer.end).min(end)..end;
            for part in [before, after] {
                if !part.is_empty() {
                    left.push(Pending::Write {
                        file,
                        at: part.start,
                        octets: Arc::from(&octets[part.start - at..part.end - at]),
                        lost: true,
                    });
                }
            }
        }
        self.pending = left;
    }

    fn lose(&mut self, file: usize) {
        for pending in &mut self.pending {
            if let Pending::Write { file: of, lost, .. } = pending
                && *of == file
            {
                *lost = true;
            }
        }
    }

    fn sync_folder(&mut self, folder: &str) {
        let names = &mut self.names;
        self.pending.retain(|pending| match pending {
            Pending::Entry(entry) if entry.folder() == folder => {
                entry.apply(names);
                false
            }
            _ => true,
        });
    }
}

impl Entry {
    fn folder(&self) -> &str {
        let (Self::Create { path, .. }
        | Self::Rename { to: path, .. }
        | Self::Link { to: path, .. }
        | Self::Remove { path }) = self;
        path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Create { path, file } => {
                names.insert(path.clone(), *file);
            }
            Self::Rename { from, to } => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            Self::Link { from, to } => {
                if let Some(file) = names.get(from).copied() {
                    names.insert(to.clone(), file);
                }
            }
            Self::Remove { path } => {
                names.remove(path);
            }
        }
    }
}

/// Chooses the part of what is pending that is kept.
struct Cut<'a> {
    keep: Keep<'a>,
    /// Entries from this one on are not kept.
    entries_end: usize,
    /// Of 8 writes or sectors, about so many are kept.
    of_eight: usize,
}

impl<'a> Cut<'a> {
    fn new(mut keep: Keep<'a>, pending: &[Pending]) -> Self {
        let (entries_end, of_eight) = match &mut keep {
            Keep::Nothing => (0, 0),
            Keep::Everything => (pending.len(), 8),
            Keep::First(count) => (*count, 8),
            Keep::Some(chance) | Keep::Torn(chance) => {
                (chance.below(pending.len() + 1), 1 + chance.below(7))
            }
        };
        Self {
            keep,
            entries_end,
            of_eight,
        }
    }

    const fn keeps_entry(&self, number: usize) -> bool {
        number < self.entries_end
    }

    fn keeps(&mut self, number: usize) -> bool {
        match &mut self.keep {
            Keep::Nothing => false,
            Keep::Everything => true,
            Keep::First(count) => number < *count,
            Keep::Some(chance) | Keep::Torn(chance) => chance.below(8) < self.of_eight,
        }
    }

    /// The kept parts of a write of so many octets at that place.
    fn parts(&mut self, number: usize, at: usize, octets: usize) -> Vec<Range<usize>> {
        if !matches!(self.keep, Keep::Torn(_)) {
            return self
                .keeps(number)
                .then_some(0..octets)
                .into_iter()
                .collect();
        }
        let mut parts = Vec::new();
        let mut from = 0;
        while from < octets {
            let sector_end = (at + from) / SECTOR * SECTOR + SECTOR - at;
            let to = sector_end.min(octets);
            if self.keeps(number) {
                parts.push(from..to);
            }
            from = to;
        }
        parts
    }
}

impl Image {
    /// Puts these files, and no others, into a folder.
    pub(crate) fn write_to(&self, folder: &Path) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                fs::remove_dir_all(path).unwrap();
            } else {
                fs::remove_file(path).unwrap();
            }
        }
        for (name, content) in &self.files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
    }

    /// Equal images have equal numbers.
    pub(crate) fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

fn content(files: &mut HashMap<usize, Arc<Vec<u8>>>, file: usize) -> &mut Vec<u8> {
    Arc::make_mut(files.entry(file).or_default())
}

fn put(content: &mut Vec<u8>, at: usize, octets: &[u8]) {
    let end = at + octets.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[at..end].copy_from_slice(octets);
}
