//! From the errors of the database and the system to [`StoreError`].

use std::fmt::Display;
use std::path::Path;

use rusqlite::ErrorCode;

use crate::store::{Damage, StoreError};

/// What the database said while `doing` something to `path`.
pub(super) fn failed(doing: &'static str, path: &str, error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt {
            what: path.to_owned(),
            detail: error.to_string(),
        },
        _ => system(doing, path, error),
    }
}

/// What the system said while `doing` something to `path`.
pub(super) fn system(doing: &'static str, path: &str, error: impl Display) -> StoreError {
    StoreError::Io {
        doing,
        path: path.to_owned(),
        detail: error.to_string(),
    }
}

/// A record that cannot be read.
pub(super) fn damaged(what: impl Into<String>, damage: Damage) -> StoreError {
    StoreError::Corrupt {
        what: what.into(),
        detail: damage.to_string(),
    }
}

/// Whether a unique name, id or serial is taken, and nothing worse.
pub(super) fn is_taken(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}

/// A path for messages.
pub(super) fn shown(path: &Path) -> String {
    path.display().to_string()
}
