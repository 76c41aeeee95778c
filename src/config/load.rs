//! Reads the files of the configuration and the secrets from disk.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::problems::Problems;
use super::secrets::{SECRET_OCTETS_MAX, SecretFault, SecretSource, Secrets};
use super::source::Source;
use super::{Loaded, parse};
use crate::secret::SecretBytes;

/// Largest file, in octets.
pub const FILE_OCTETS_MAX: u64 = 4 << 20;

/// Most files in `gateways.d`.
pub const FILES_MAX: usize = 10_000;

/// Folder beside mfad.toml with files for gateways.
pub const GATEWAYS_FOLDER: &str = "gateways.d";

/// What the world outside tells the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Where systemd has put credentials.
    pub credentials_dir: Option<PathBuf>,
    /// Name of this host.
    pub hostname: String,
}

/// Reads `path` and the files of `gateways.d` beside it, and checks everything.
///
/// # Errors
/// Everything that is wrong.
pub fn load(path: &Path, around: &Surroundings) -> Result<Loaded, Problems> {
    load_with(path, &around.hostname, around)
}

/// The same for whoever gets the secrets of gateways in another way.
///
/// # Errors
/// Everything that is wrong.
pub fn load_with(path: &Path, hostname: &str, secrets: &dyn Secrets) -> Result<Loaded, Problems> {
    let mut sources = vec![source(path)?];
    for path in gateway_files(path)? {
        sources.push(source(&path)?);
    }
    parse(&sources, hostname, secrets)
}

fn source(path: &Path) -> Result<Source, Problems> {
    let read = || -> io::Result<Vec<u8>> {
        let mut octets = Vec::new();
        File::open(path)?
            .take(FILE_OCTETS_MAX + 1)
            .read_to_end(&mut octets)?;
        Ok(octets)
    };
    let octets = read().map_err(|error| unreadable(path, &error))?;
    let length = u64::try_from(octets.len()).unwrap_or(u64::MAX);
    if length > FILE_OCTETS_MAX {
        return Err(refused(path, "is larger than 4 MiB", Vec::new()));
    }
    let text =
        String::from_utf8(octets).map_err(|_| refused(path, "is not UTF-8 text", Vec::new()))?;
    Ok(Source {
        path: path.to_owned(),
        text,
    })
}

/// The `*.toml` of `gateways.d`, sorted by name; none if there is no such folder.
fn gateway_files(main: &Path) -> Result<Vec<PathBuf>, Problems> {
    let folder = main
        .parent()
        .unwrap_or_else(|| Path::new(""))
        .join(GATEWAYS_FOLDER);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(&folder, &error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(&folder, &error))?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension().is_some_and(|ending| ending == "toml") {
            files.push(path);
        }
        if files.len() > FILES_MAX {
            let text = "holds more than 10,000 files";
            return Err(refused(&folder, text, Vec::new()));
        }
    }
    files.sort();
    Ok(files)
}

fn unreadable(path: &Path, error: &io::Error) -> Problems {
    let notes = match error.kind() {
        io::ErrorKind::NotFound => vec!["mfad --init writes one".to_owned()],
        _ => Vec::new(),
    };
    refused(path, &format!("cannot be read: {error}"), notes)
}

fn refused(path: &Path, what: &str, notes: Vec<String>) -> Problems {
    Problems::of_file(
        path.display().to_string(),
        format!("the configuration {what}"),
        notes,
    )
}

impl Secrets for Surroundings {
    fn read(&self, source: &SecretSource) -> Result<SecretBytes, SecretFault> {
        match source {
            SecretSource::File(path) => secret_file(path, true),
            SecretSource::Credential(name) => {
                let folder = self
                    .credentials_dir
                    .as_ref()
                    .ok_or(SecretFault::NoCredentials)?;
                secret_file(&folder.join(name), false)
            }
        }
    }
}

/// Reads a secret; of a file of ours (not of systemd's) the mode is judged, on the open file.
fn secret_file(path: &Path, judge_mode: bool) -> Result<SecretBytes, SecretFault> {
    let fault = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => SecretFault::Missing,
        _ => SecretFault::Io(error.to_string()),
    };
    // A FIFO would block the opening for ever, so it is judged before as well.
    if !fs::metadata(path).map_err(fault)?.is_file() {
        return Err(SecretFault::NotAFile);
    }
    let file = File::open(path).map_err(fault)?;
    let about = file.metadata().map_err(fault)?;
    if !about.is_file() {
        return Err(SecretFault::NotAFile);
    }
    let mode = about.permissions().mode() & 0o7777;
    if judge_mode && mode & 0o007 != 0 {
        return Err(SecretFault::Public { mode });
    }
    // One octet more than allowed, and two for the line end; never reallocated.
    let room = SECRET_OCTETS_MAX + 3;
    let mut octets = Zeroizing::new(Vec::with_capacity(room + 32));
    file.take(u64::try_from(room).unwrap_or(u64::MAX))
        .read_to_end(&mut octets)
        .map_err(fault)?;
    if octets.len() == room {
        return Err(SecretFault::TooLong);
    }
    Ok(SecretBytes::copy_of(&octets))
}
