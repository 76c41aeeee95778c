//! A copy of the store while it is in use: `backup`.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use crate::control::query::Manner;
use crate::control::reply::{Done, Note, Reply};
use crate::domain::event::{Event, RequestRef};
use crate::domain::refusal::{Code, Refusal};
use crate::store::StoreError;

use super::Answerer;
use super::change::request_id;
use super::desk::Desk;

/// Folder of backups below the state folder.
const FOLDER: &str = "backup";
/// Ending of a backup's name.
const ENDING: &str = "mfad";
/// Longest name, in octets, without its ending.
const NAME_OCTETS_MAX: usize = 100;
/// Nobody but the daemon reads the folder.
const FOLDER_MODE: u32 = 0o700;

impl Answerer {
    pub(super) fn backup(
        &self,
        desk: &Desk<'_>,
        name: Option<&str>,
        manner: &Manner,
    ) -> Result<Reply, Refusal> {
        let Some(store) = &self.store else {
            return Err(Refusal::new(Code::Sealed, "there is no open store to copy"));
        };
        let name = match name {
            Some(name) => checked_name(name)?.to_owned(),
            None => default_name(&desk.now.wall.to_string()),
        };
        let folder = self.config.load().state_dir.join(FOLDER);
        let path = folder.join(format!("{name}.{ENDING}"));
        let shown = path.display().to_string();
        if path.exists() {
            let what = format!("{shown} exists and is not overwritten; nothing was copied");
            return Err(Refusal::new(Code::Exists, what).try_next("mfactl backup"));
        }
        if manner.dry_run {
            let message = format!("The store would be copied to {shown}.");
            return Ok(Done {
                dry_run: true,
                message,
                ..Done::default()
            }
            .into());
        }
        let request = RequestRef::Command(request_id(manner.request.clone())?);
        make(&folder)?;
        let manifest = store
            .snapshot(&path, desk.now)
            .map_err(|error| failed(&error))?;
        let octets = std::fs::metadata(&path).map_or(0, |about| about.len());
        let mut event = Event::new("store.backup")
            .detail("name", name)
            .detail("octets", octets)
            .detail("revision", manifest.seq);
        if let Some(reason) = &manner.reason {
            event = event.reason(reason.clone());
        }
        let audit = self.engine()?.note(desk.origin(request), event);
        if audit.is_none() {
            let what = format!("{shown} was written, but that could not be recorded");
            return Err(Refusal::new(Code::Store, what));
        }
        let note = |label: &str, text: String| Note {
            label: label.to_owned(),
            text,
        };
        Ok(Done {
            audit,
            message: format!("The store was copied to {shown}."),
            notes: vec![
                note("path", shown),
                note("size", format!("{octets} octets, {} users", manifest.users)),
                note("revision", manifest.seq.to_string()),
                note(
                    "key",
                    "Useless without the master key: keep a copy of it elsewhere.".to_owned(),
                ),
            ],
            ..Done::default()
        }
        .into())
    }
}

/// A name without a path in it.
fn checked_name(name: &str) -> Result<&str, Refusal> {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"._-".contains(&octet);
    let good = !name.is_empty()
        && name.len() <= NAME_OCTETS_MAX
        && name.bytes().all(plain)
        && !name.starts_with(['.', '-']);
    if good {
        return Ok(name);
    }
    let what = format!("`{name}` cannot be the name of a backup; nothing was copied");
    Err(Refusal::new(Code::Arg, what)
        .why("it has letters, digits, `.`, `_` and `-`, begins with a letter or digit, has no path")
        .try_next("mfactl backup"))
}

/// `2026-11-21T14.09.33Z` of the time as text.
fn default_name(time: &str) -> String {
    let seconds = time.split('.').next().unwrap_or(time).trim_end_matches('Z');
    format!("{}Z", seconds.replace(':', "."))
}

fn make(folder: &Path) -> Result<(), Refusal> {
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(folder)
        .map_err(|error| {
            let what = format!("{} cannot be made; nothing was copied", folder.display());
            Refusal::new(Code::Store, what).why(error.to_string())
        })
}

fn failed(error: &StoreError) -> Refusal {
    Refusal::new(Code::Store, "the store was not copied").why(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_no_path() {
        for good in ["before-upgrade", "2026-11-21T14.09.33Z", "a_b.c"] {
            assert_eq!(checked_name(good).unwrap(), good);
        }
        let long = "x".repeat(NAME_OCTETS_MAX + 1);
        for bad in [
            "",
            ".",
            "..",
            ".hidden",
            "-f",
            "a/b",
            "a b",
            "ä",
            "a\0b",
            long.as_str(),
        ] {
            assert_eq!(checked_name(bad).unwrap_err().code, Code::Arg, "{bad}");
        }
    }

    #[test]
    fn the_time_is_a_name() {
        let name = default_name("2026-11-21T14:09:33.123Z");
        assert_eq!(name, "2026-11-21T14.09.33Z");
        assert!(checked_name(&name).is_ok());
    }
}
