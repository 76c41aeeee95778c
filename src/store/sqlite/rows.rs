//! Between records and the columns of their rows.

use std::sync::Arc;

use rusqlite::Row;

use super::error::{damaged, failed};
use super::redo::Newer;
use crate::domain::lockout::{Lock, LockReason};
use crate::domain::token_record::{Base, HardwareToken, Token};
use crate::domain::user::{AuthState, Profile, UserId, UserRecord, UserState};
use crate::store::octets::checksum;
use crate::store::{Damage, StoreError, auth_row, profile_row};

/// The columns that [`user_of`] reads, of `users u` and `auth a`.
pub(super) const USER_COLUMNS: &str = "u.uid, u.sum, u.profile, a.revision, a.body";

/// Reads a person from [`USER_COLUMNS`], with the state that is newer than theirs if there is one.
pub(super) fn user_of(
    row: &Row<'_>,
    newer: Option<&Newer>,
    path: &str,
) -> Result<UserRecord, StoreError> {
    let io = |error: rusqlite::Error| failed("reading a user of", path, &error);
    let id = UserId(row.get(0).map_err(io)?);
    let sum: u32 = row.get(1).map_err(io)?;
    let profile = row.get_ref(2).map_err(io)?;
    let revision = row.get::<_, i64>(3).map_err(io)?.cast_unsigned();
    let body = row.get_ref(4).map_err(io)?.as_bytes().unwrap_or_default();
    let (revision, body) = match newer {
        Some(newer) if newer.revision > revision => (newer.revision, newer.body.as_slice()),
        _ => (revision, body),
    };
    let bad = |damage| damaged(format!("user {id}"), damage);
    let profile: Profile =
        record_of(&id.0, profile.as_bytes().unwrap_or_default(), sum).map_err(bad)?;
    let auth = auth_row::decode(id, body).map_err(bad)?;
    if auth.revision != revision {
        return Err(bad(Damage::Value("revision")));
    }
    Ok(UserRecord {
        id,
        profile: Arc::new(profile),
        auth,
    })
}

/// Reads a hardware token from the columns `serial, sum, body`.
pub(super) fn hardware_of(row: &Row<'_>, path: &str) -> Result<HardwareToken, StoreError> {
    let io = |error: rusqlite::Error| failed("reading a hardware token of", path, &error);
    let serial: String = row.get(0).map_err(io)?;
    let sum: u32 = row.get(1).map_err(io)?;
    let body = row.get_ref(2).map_err(io)?;
    record_of(serial.as_bytes(), body.as_bytes().unwrap_or_default(), sum)
        .map_err(|damage| damaged(format!("hardware token {serial}"), damage))
}

fn record_of<T: profile_row::Extra>(owner: &[u8], row: &[u8], sum: u32) -> Result<T, Damage> {
    if checksum(owner, row) != sum {
        return Err(Damage::Checksum);
    }
    profile_row::decode(row)
}

/// A record of `owner` (a uid or a serial) as the columns `sum` and `profile` or `body`.
pub(super) fn record_columns<T: profile_row::Extra>(
    owner: &[u8],
    record: &T,
) -> Result<(u32, Vec<u8>), Damage> {
    let row = profile_row::encode(record)?;
    Ok((checksum(owner, &row), row))
}

/// The column `state`.
pub(super) fn state_column(state: UserState) -> i64 {
    UserState::ALL
        .iter()
        .position(|one| *one == state)
        .and_then(|at| i64::try_from(at).ok())
        .unwrap_or(-1)
}

/// The column `locked`.
pub(super) const fn locked_column(lock: Option<&Lock>) -> i64 {
    match lock {
        None => 0,
        Some(lock) => match lock.reason {
            LockReason::Failures => 1,
            LockReason::PinBlocked => PIN_BLOCKED,
            LockReason::Operator => 3,
            LockReason::Inactivity => 4,
        },
    }
}

/// The column `asked_until`: the end of the question that stays open longest.
pub(super) fn asked_column(auth: &AuthState) -> Option<i64> {
    let ends = auth.dialogues.iter().map(|dialogue| dialogue.expires.0);
    ends.max()
}

/// What [`locked_column`] says of a blocked PIN.
pub(super) const PIN_BLOCKED: i64 = 2;

/// The column `search`: all that a search looks at, in lower case.
pub(super) fn search_column(profile: &Profile) -> String {
    let mut text = profile.name.clone();
    let contacts = profile.emails.iter().chain(&profile.phones);
    for part in std::iter::once(&profile.display_name).chain(contacts.map(|one| &one.address)) {
        text.push('\n');
        text.push_str(part);
    }
    text.to_lowercase()
}

/// The column `grant_until`: the end of the grant that ends last and that nobody has ended.
pub(super) fn grant_column(profile: &Profile, auth: &AuthState) -> Option<i64> {
    profile
        .grants
        .iter()
        .filter(|grant| grant.revoked.is_none())
        .filter(|grant| !auth.grant(grant.id).is_some_and(|state| state.ended))
        .map(|grant| grant.until.0)
        .max()
}

/// The serial under which a token is found; an obsolete one has given its serial back, unless it is
/// compromised.
pub(super) fn serial_column(token: &Token) -> Option<&str> {
    match token.base {
        Base::Obsolete if !token.compromised() => None,
        _ => token.serial.as_deref(),
    }
}
