//! The auth state as octets: what a sign-in writes.
//!
//! ```text
//! major version (1) | field ... | checksum (4)          field = tag (1) | length | value
//! ```
//! A field that holds its default is left out, so the row of somebody with one token has about a
//! hundred octets. A tag that this version does not know is kept in [`AuthState::unknown`] and
//! written back. The values of known tags are fixed: what a later version has to add about a token
//! or a grant gets a tag of its own that carries the id, because an older daemon keeps whole fields
//! only. A higher major version is refused.
//!
//! Reading never panics and never allocates more than the row is long.

mod dialogue;

use super::octets::{Damage, Put, SUM_OCTETS, Taker, checksum};
use crate::domain::lockout::{Lock, LockReason};
use crate::domain::passthrough::GrantState;
use crate::domain::pin::{PasswordState, PinState};
use crate::domain::token_record::{Accepted, TokenState, Used};
use crate::domain::user::{AuthState, LastFailed, LastLogin, Unlocked, UserId};
use crate::domain::wait::{Station, StationTag};
use crate::time::Timestamp;
use crate::token::id::{ID_SIGNS, TokenId};

/// Version of the layout.
pub const MAJOR: u8 = 1;

/// Longest row that is written or read, in octets.
pub const ROW_OCTETS_MAX: usize = 1 << 20;

const REVISION: u8 = 1;
const SOFT: u8 = 2;
const TOTAL: u8 = 3;
const LOCK: u8 = 4;
const UNLOCKED: u8 = 5;
const PIN: u8 = 6;
const PASSWORD: u8 = 7;
const TOKEN: u8 = 8;
const GRANT: u8 = 9;
const LAST_LOGIN: u8 = 10;
const LAST_FAILED: u8 = 11;
const WAIT_UNTIL: u8 = 12;
const STATION: u8 = 13;
const DIALOGUE: u8 = 14;

/// Appends the row of `auth`, the state of `owner`, to `out`.
pub fn encode(owner: UserId, auth: &AuthState, out: &mut Vec<u8>) {
    let start = out.len();
    out.push(MAJOR);
    put_counter(out, REVISION, auth.revision);
    put_counter(out, SOFT, u64::from(auth.soft));
    put_counter(out, TOTAL, u64::from(auth.total));
    if let Some(lock) = &auth.lock {
        out.put_field(LOCK, |out| put_lock(out, lock));
    }
    if let Some(unlocked) = &auth.unlocked {
        out.put_field(UNLOCKED, |out| {
            out.put_text(&unlocked.by);
            out.put_time(unlocked.at);
        });
    }
    if auth.pin != PinState::default() {
        out.put_field(PIN, |out| {
            out.put_number(u64::from(auth.pin.failures));
            put_optional_time(out, auth.pin.blocked_since);
        });
    }
    if auth.password != PasswordState::default() {
        out.put_field(PASSWORD, |out| {
            put_optional_time(out, auth.password.activated_at);
            put_optional_time(out, auth.password.last_used);
        });
    }
    for token in &auth.tokens {
        out.put_field(TOKEN, |out| put_token(out, token));
    }
    for grant in &auth.grants {
        out.put_field(GRANT, |out| put_grant(out, grant));
    }
    if let Some(login) = &auth.last_login {
        out.put_field(LAST_LOGIN, |out| {
            out.put_time(login.at);
            out.put_text(&login.gateway);
            out.put_text(&login.station);
            if let Some(token) = login.token {
                out.extend_from_slice(&id_octets(token));
            }
        });
    }
    if let Some(failed) = &auth.last_failed {
        out.put_field(LAST_FAILED, |out| {
            out.put_time(failed.at);
            out.put_text(&failed.gateway);
            out.put_text(&failed.station);
        });
    }
    if let Some(until) = auth.wait_until {
        out.put_field(WAIT_UNTIL, |out| out.put_time(until));
    }
    for station in &auth.stations {
        out.put_field(STATION, |out| put_station(out, station));
    }
    for dialogue in &auth.dialogues {
        out.put_field(DIALOGUE, |out| dialogue::put(out, dialogue));
    }
    out.extend_from_slice(&auth.unknown);
    let sum = checksum(&owner.0, out.get(start..).unwrap_or_default());
    out.extend_from_slice(&sum.to_le_bytes());
}

/// Reads a row of `owner`.
///
/// # Errors
/// [`Damage`]: it was not written by [`encode`] for this owner in this major version, or has
/// changed since.
pub fn decode(owner: UserId, row: &[u8]) -> Result<AuthState, Damage> {
    if row.len() > ROW_OCTETS_MAX {
        return Err(Damage::Length);
    }
    let (content, sum) = row.split_last_chunk::<SUM_OCTETS>().ok_or(Damage::Length)?;
    if checksum(&owner.0, content) != u32::from_le_bytes(*sum) {
        return Err(Damage::Checksum);
    }
    let mut taker = Taker(content);
    let major = taker.octet()?;
    if major != MAJOR {
        return Err(Damage::Newer {
            found: u64::from(major),
            known: u64::from(MAJOR),
        });
    }
    let mut auth = AuthState::default();
    while !taker.is_empty() {
        let field = taker.0;
        let tag = taker.octet()?;
        let length = taker.number()?;
        let value = Taker(taker.octets(length)?);
        if !take_field(&mut auth, tag, value)? {
            let octets = field.len() - taker.0.len();
            auth.unknown
                .extend_from_slice(field.get(..octets).unwrap_or_default());
        }
    }
    Ok(auth)
}

/// The ends of the questions in a row that was read before, of those that this version knows.
pub fn asked(row: &[u8]) -> impl Iterator<Item = Timestamp> {
    let content = row.split_last_chunk::<SUM_OCTETS>();
    let fields = content.and_then(|(content, _)| content.split_first());
    let mut taker = Taker(fields.map(|(_, fields)| fields).unwrap_or_default());
    std::iter::from_fn(move || {
        while !taker.is_empty() {
            let tag = taker.octet().ok()?;
            let length = taker.number().ok()?;
            let mut value = Taker(taker.octets(length).ok()?);
            if tag != DIALOGUE {
                continue;
            }
            if let Some(dialogue) = dialogue::take(&mut value).ok()? {
                return Some(dialogue.expires);
            }
        }
        None
    })
}

/// Reads one field; false if its tag is not known.
fn take_field(auth: &mut AuthState, tag: u8, mut value: Taker<'_>) -> Result<bool, Damage> {
    match tag {
        REVISION => auth.revision = value.number()?,
        SOFT => auth.soft = value.number_32()?,
        TOTAL => auth.total = value.number_32()?,
        LOCK => auth.lock = Some(take_lock(&mut value)?),
        UNLOCKED => {
            auth.unlocked = Some(Unlocked {
                by: value.text()?,
                at: value.time()?,
            });
        }
        PIN => {
            auth.pin = PinState {
                failures: value.number_32()?,
                blocked_since: take_optional_time(&mut value)?,
            };
        }
        PASSWORD => {
            auth.password = PasswordState {
                activated_at: take_optional_time(&mut value)?,
                last_used: take_optional_time(&mut value)?,
            };
        }
        TOKEN => auth.tokens.push(take_token(&mut value)?),
        GRANT => auth.grants.push(take_grant(&mut value)?),
        LAST_LOGIN => {
            auth.last_login = Some(LastLogin {
                at: value.time()?,
                gateway: value.text()?,
                station: value.text()?,
                token: if value.is_empty() {
                    None
                } else {
                    Some(take_id(&mut value)?)
                },
            });
        }
        LAST_FAILED => {
            auth.last_failed = Some(LastFailed {
                at: value.time()?,
                gateway: value.text()?,
                station: value.text()?,
            });
        }
        WAIT_UNTIL => auth.wait_until = Some(value.time()?),
        STATION => auth.stations.push(take_station(&mut value)?),
        DIALOGUE => match dialogue::take(&mut value)? {
            Some(dialogue) => auth.dialogues.push(dialogue),
            // The later version may go on with it.
            None => return Ok(false),
        },
        _ => return Ok(false),
    }
    if value.is_empty() {
        Ok(true)
    } else {
        Err(Damage::Value("field"))
    }
}

fn put_counter(out: &mut Vec<u8>, tag: u8, value: u64) {
    if value != 0 {
        out.put_field(tag, |out| out.put_number(value));
    }
}

/// A missing time is one octet 0, a time an octet 1 and the time.
fn put_optional_time(out: &mut Vec<u8>, time: Option<Timestamp>) {
    out.push(u8::from(time.is_some()));
    if let Some(time) = time {
        out.put_time(time);
    }
}

fn take_optional_time(value: &mut Taker<'_>) -> Result<Option<Timestamp>, Damage> {
    match value.octet()? {
        0 => Ok(None),
        1 => value.time().map(Some),
        _ => Err(Damage::Value("time")),
    }
}

fn put_lock(out: &mut Vec<u8>, lock: &Lock) {
    out.push(match lock.reason {
        LockReason::Failures => 0,
        LockReason::PinBlocked => 1,
        LockReason::Operator => 2,
        LockReason::Inactivity => 3,
    });
    out.put_time(lock.since);
    put_optional_time(out, lock.auto_until);
    out.put_text(&lock.note);
    out.put_number(u64::from(lock.count));
    if let Some(by) = &lock.by {
        out.put_text(by);
    }
}

fn take_lock(value: &mut Taker<'_>) -> Result<Lock, Damage> {
    let reason = match value.octet()? {
        0 => LockReason::Failures,
        1 => LockReason::PinBlocked,
        2 => LockReason::Operator,
        3 => LockReason::Inactivity,
        _ => return Err(Damage::Value("lock reason")),
    };
    Ok(Lock {
        reason,
        since: value.time()?,
        auto_until: take_optional_time(value)?,
        note: value.text()?,
        count: value.number_32()?,
        by: if value.is_empty() {
            None
        } else {
            Some(value.text()?)
        },
    })
}

/// What follows the id of a token, in this order; two bits carry their fact alone.
mod token_bits {
    pub(super) const NEXT_FACTOR: u64 = 1;
    pub(super) const ACCEPTED: u64 = 1 << 1;
    pub(super) const DRIFT: u64 = 1 << 2;
    pub(super) const SOFT: u64 = 1 << 3;
    pub(super) const TOTAL: u64 = 1 << 4;
    pub(super) const LOCKED_UNTIL: u64 = 1 << 5;
    pub(super) const LOCKED_AT: u64 = 1 << 6;
    pub(super) const ACTIVATED_AT: u64 = 1 << 7;
    pub(super) const LAST_USED: u64 = 1 << 8;
    pub(super) const LAST_FAILED: u64 = 1 << 9;
    pub(super) const RECOVERY_USED: u64 = 1 << 10;
    pub(super) const RESYNC_REQUIRED: u64 = 1 << 11;
    pub(super) const GRACE_USED: u64 = 1 << 12;
    pub(super) const ALL: u64 = (1 << 13) - 1;
}

fn put_token(out: &mut Vec<u8>, token: &TokenState) {
    use token_bits as bit;
    let when = |present: bool, bit: u64| if present { bit } else { 0 };
    let grace_used = token.accepted.as_ref().is_some_and(|last| last.grace_used);
    out.extend_from_slice(&id_octets(token.id));
    out.put_number(
        when(token.next_factor != 0, bit::NEXT_FACTOR)
            | when(token.accepted.is_some(), bit::ACCEPTED)
            | when(token.drift_steps != 0, bit::DRIFT)
            | when(token.soft != 0, bit::SOFT)
            | when(token.total != 0, bit::TOTAL)
            | when(token.locked_until.is_some(), bit::LOCKED_UNTIL)
            | when(token.locked_at.is_some(), bit::LOCKED_AT)
            | when(token.activated_at.is_some(), bit::ACTIVATED_AT)
            | when(token.last_used.is_some(), bit::LAST_USED)
            | when(token.last_failed.is_some(), bit::LAST_FAILED)
            | when(token.recovery_used != 0, bit::RECOVERY_USED)
            | when(token.resync_required, bit::RESYNC_REQUIRED)
            | when(grace_used, bit::GRACE_USED),
    );
    let number = |out: &mut Vec<u8>, value: u64| {
        if value != 0 {
            out.put_number(value);
        }
    };
    let time = |out: &mut Vec<u8>, value: Option<Timestamp>| {
        if let Some(value) = value {
            out.put_time(value);
        }
    };
    number(out, token.next_factor);
    if let Some(last) = &token.accepted {
        out.put_number(last.factor);
        out.put_time(last.at);
        out.put_text(&last.gateway);
    }
    if token.drift_steps != 0 {
        out.put_signed(i64::from(token.drift_steps));
    }
    number(out, u64::from(token.soft));
    number(out, u64::from(token.total));
    time(out, token.locked_until);
    time(out, token.locked_at);
    time(out, token.activated_at);
    if let Some(used) = &token.last_used {
        out.put_time(used.at);
        out.put_text(&used.gateway);
        out.put_text(&used.station);
    }
    time(out, token.last_failed);
    number(out, token.recovery_used);
}

fn take_token(value: &mut Taker<'_>) -> Result<TokenState, Damage> {
    use token_bits as bit;
    let mut token = TokenState::new(take_id(value)?);
    let bits = value.number()?;
    if bits & !bit::ALL != 0 {
        return Err(Damage::Value("token"));
    }
    let has = |bit: u64| bits & bit != 0;
    if has(bit::NEXT_FACTOR) {
        token.next_factor = value.number()?;
    }
    if has(bit::ACCEPTED) {
        token.accepted = Some(Accepted {
            factor: value.number()?,
            at: value.time()?,
            gateway: value.text()?,
            grace_used: has(bit::GRACE_USED),
        });
    }
    if has(bit::DRIFT) {
        token.drift_steps =
            i32::try_from(value.signed()?).map_err(|_| Damage::Value("token drift"))?;
    }
    if has(bit::SOFT) {
        token.soft = value.number_32()?;
    }
    if has(bit::TOTAL) {
        token.total = value.number_32()?;
    }
    let time = |value: &mut Taker<'_>, bit| has(bit).then(|| value.time()).transpose();
    token.locked_until = time(value, bit::LOCKED_UNTIL)?;
    token.locked_at = time(value, bit::LOCKED_AT)?;
    token.activated_at = time(value, bit::ACTIVATED_AT)?;
    if has(bit::LAST_USED) {
        token.last_used = Some(Used {
            at: value.time()?,
            gateway: value.text()?,
            station: value.text()?,
        });
    }
    token.last_failed = time(value, bit::LAST_FAILED)?;
    if has(bit::RECOVERY_USED) {
        token.recovery_used = value.number()?;
    }
    token.resync_required = has(bit::RESYNC_REQUIRED);
    Ok(token)
}

fn put_grant(out: &mut Vec<u8>, grant: &GrantState) {
    out.put_number(u64::from(grant.id));
    out.put_number(u64::from(grant.uses));
    put_optional_time(out, grant.last_use);
    out.push(u8::from(grant.ended));
}

fn take_grant(value: &mut Taker<'_>) -> Result<GrantState, Damage> {
    Ok(GrantState {
        id: value.number_32()?,
        uses: value.number_32()?,
        last_use: take_optional_time(value)?,
        ended: match value.octet()? {
            0 => false,
            1 => true,
            _ => return Err(Damage::Value("grant")),
        },
    })
}

fn put_station(out: &mut Vec<u8>, station: &Station) {
    out.extend_from_slice(&station.tag.0);
    out.put_time(station.seen);
    out.put_number(u64::from(station.failures));
    put_optional_time(out, station.until);
    out.put_text(&station.gateway);
}

fn take_station(value: &mut Taker<'_>) -> Result<Station, Damage> {
    Ok(Station {
        tag: StationTag(value.array()?),
        seen: value.time()?,
        failures: value.number_32()?,
        until: take_optional_time(value)?,
        gateway: value.text()?,
    })
}

fn take_id(value: &mut Taker<'_>) -> Result<TokenId, Damage> {
    id_of(value.array()?).ok_or(Damage::Value("token id"))
}

/// The signs of a token id as they are stored.
pub(super) fn id_octets(id: TokenId) -> [u8; ID_SIGNS] {
    *id.signs()
}

/// The token id with these signs.
pub(super) fn id_of(signs: [u8; ID_SIGNS]) -> Option<TokenId> {
    TokenId::from_signs(signs)
}

#[cfg(test)]
#[path = "auth_row_tests.rs"]
mod tests;
