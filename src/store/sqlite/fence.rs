//! Voids what a store from the past would let in a second time.
//!
//! A restored store does not know which codes were used after it was saved. So every time step up
//! to now and the window counts as used, event based tokens wait for an operator to resynchronise
//! them with the token in hand, recovery codes and auth codes are void, temporary passthroughs are
//! over and messages that wait are not sent.
//! Deactivations, revocations and locks of the time that is lost cannot be known; the operator is
//! told to look.

use std::sync::Arc;

use rusqlite::{Connection, TransactionBehavior, params};

use super::error::{damaged, failed};
use super::rows::{
    USER_COLUMNS, asked_column, hardware_of, locked_column, record_columns, user_of,
};
use crate::audit::chain::Chain;
use crate::domain::event::{Event, Origin};
use crate::domain::token_record::{Token, TokenKind, TokenState};
use crate::domain::user::UserRecord;
use crate::store::{Damage, StoreError, auth_row};
use crate::time::{Now, Timestamp};
use crate::token::totp::{DRIFT_STEPS_MAX, step_at};
use crate::token::{FACTOR_MAX, Factor, Otp};

/// People that are read and written at a time.
const SLICE: i64 = 1_000;

/// How far a fence reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The time.
    pub now: Now,
    /// The largest window of time steps that is configured, either way.
    pub window_steps: u16,
}

/// What a fence has voided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fenced {
    /// When the store was last written; what came after it is lost.
    pub last_audit_at: Timestamp,
    /// People in the store.
    pub users: u64,
    /// Time based tokens whose codes up to now count as used.
    pub totp: u64,
    /// Event based tokens that wait to be resynchronised.
    pub hotp: u64,
    /// Sets of recovery codes that are void.
    pub recovery: u64,
    /// Auth codes that are void.
    pub auth_codes: u64,
    /// One-time links that are void.
    pub links: u64,
    /// Passthrough grants that are over.
    pub grants: u64,
    /// Hardware tokens without an owner: of the time based ones the codes up to now count as used,
    /// the event based ones wait to be resynchronised by whoever gets them.
    pub hardware: u64,
    /// Messages that were not sent, and never will be: whoever had the store since may have sent
    /// them.
    pub messages: u64,
}

impl Fence {
    /// The first step of a time based token that is certainly unused; none for event based ones. In
    /// the time that is lost a device may have been found to be as fast as any may be.
    fn first_step(self, otp: Otp) -> Option<u64> {
        match otp.factor {
            Factor::Counter => None,
            Factor::Time { period_s } => Some(
                step_at(self.now.latest(), period_s)
                    .saturating_add(u64::from(DRIFT_STEPS_MAX.unsigned_abs()))
                    .saturating_add(u64::from(self.window_steps))
                    .saturating_add(1)
                    .min(FACTOR_MAX),
            ),
        }
    }

    fn void_token(self, token: &Token, state: &mut TokenState, fenced: &mut Fenced) {
        if let Some(last) = &mut state.accepted {
            last.grace_used = true;
        }
        match token.kind {
            TokenKind::Totp => {
                let otp = token.otp.unwrap_or(Otp::TOTP);
                let first = self.first_step(otp);
                state.next_factor = state.next_factor.max(first.unwrap_or(FACTOR_MAX));
                fenced.totp += 1;
            }
            TokenKind::Hotp => {
                state.resync_required = true;
                fenced.hotp += 1;
            }
            TokenKind::Recovery => {
                state.recovery_used = u64::MAX;
                fenced.recovery += 1;
            }
            // A code that is out is in the profile; answers are not used up.
            TokenKind::Sms | TokenKind::Email | TokenKind::Virtual | TokenKind::Qa => {}
        }
    }

    fn void(self, user: &mut UserRecord, fenced: &mut Fenced) -> bool {
        let profile = user.profile.clone();
        for token in &profile.tokens {
            self.void_token(token, user.auth.token_mut(token.id), fenced);
        }
        for grant in &profile.grants {
            let state = user.auth.grant_mut(grant.id);
            if grant.revoked.is_none() && !state.ended {
                fenced.grants += 1;
            }
            state.ended = true;
        }
        for token in &profile.tokens {
            let out = token.delivery.as_ref().is_some_and(|it| it.code.is_some());
            if out
                && let Some(delivery) = user
                    .token_mut(token.id)
                    .and_then(|token| token.delivery.as_mut())
            {
                delivery.code = None;
            }
        }
        let coded = profile.auth_code.is_some() || profile.device_auth.is_some();
        if coded {
            user.profile_mut().auth_code = None;
            user.profile_mut().device_auth = None;
            fenced.auth_codes += u64::from(profile.auth_code.is_some());
        }
        let linked = !profile.links.is_empty();
        if linked {
            user.profile_mut().links.clear();
            fenced.links += profile.links.len() as u64;
        }
        let asked = !user.auth.dialogues.is_empty();
        user.auth.dialogues.clear();
        coded || linked || asked || !(profile.tokens.is_empty() && profile.grants.is_empty())
    }
}

/// Fences an open store whose auth states are brought up, in one transaction with its audit record
/// `store.restored`.
pub(super) fn apply(
    conn: &mut Connection,
    path: &str,
    chain: &mut Chain,
    fence: Fence,
) -> Result<Fenced, StoreError> {
    let io = |error: rusqlite::Error| failed("fencing", path, &error);
    let (seq, _, last_audit_at) = super::meta::chain_end(conn, path)?;
    let mut fenced = Fenced {
        last_audit_at: Timestamp(last_audit_at),
        users: super::meta::users(conn, path)?,
        ..Fenced::default()
    };
    let change = conn
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(io)?;
    let mut after = 0;
    while let Some(last) = fence_slice(&change, path, after, fence, &mut fenced)? {
        after = last;
    }
    fence_hardware(&change, path, fence, &mut fenced)?;
    fenced.messages = super::outbox::empty(&change, path)?;
    change
        .execute(
            "UPDATE users SET grant_until = NULL WHERE grant_until IS NOT NULL",
            [],
        )
        .map_err(io)?;
    let now = fence.now.wall;
    let event = Event::new("store.restored")
        .detail("last_seq", seq)
        .detail("lost_from", fenced.last_audit_at.to_string())
        .detail("lost_until", now.to_string())
        .detail("users", fenced.users)
        .detail("totp", fenced.totp)
        .detail("hotp", fenced.hotp)
        .detail("recovery", fenced.recovery)
        .detail("auth_codes", fenced.auth_codes)
        .detail("links", fenced.links)
        .detail("grants", fenced.grants)
        .detail("hardware", fenced.hardware)
        .detail("messages", fenced.messages);
    record(&change, path, chain, &event, &Origin::system(), fence.now)?;
    change.commit().map_err(io)?;
    Ok(fenced)
}

/// Fences the next people after the number `after`; the number of the last one, none at the end.
fn fence_slice(
    conn: &Connection,
    path: &str,
    after: i64,
    fence: Fence,
    fenced: &mut Fenced,
) -> Result<Option<i64>, StoreError> {
    let io = |error: rusqlite::Error| failed("fencing", path, &error);
    let sql = format!(
        "SELECT {USER_COLUMNS}, u.id FROM users u JOIN auth a ON a.id = u.id
         WHERE u.id > ?1 ORDER BY u.id LIMIT ?2"
    );
    let mut users = Vec::new();
    let mut read = conn.prepare_cached(&sql).map_err(io)?;
    let mut rows = read.query([after, SLICE]).map_err(io)?;
    while let Some(row) = rows.next().map_err(io)? {
        users.push((row.get::<_, i64>(5).map_err(io)?, user_of(row, None, path)?));
    }
    let mut write = conn
        .prepare_cached(
            "UPDATE auth SET revision = ?2, locked = ?3, asked_until = ?4, body = ?5 WHERE id = ?1",
        )
        .map_err(io)?;
    let mut write_profile = conn
        .prepare_cached("UPDATE users SET sum = ?2, profile = ?3 WHERE id = ?1")
        .map_err(io)?;
    let mut body = Vec::new();
    let last = users.last().map(|(rowid, _)| *rowid);
    for (rowid, mut user) in users {
        let before = Arc::clone(&user.profile);
        if !fence.void(&mut user, fenced) {
            continue;
        }
        if !Arc::ptr_eq(&before, &user.profile) {
            let (sum, profile) = record_columns(&user.id.0, &*user.profile)
                .map_err(|damage| damaged(format!("user {}", user.id), damage))?;
            write_profile
                .execute(params![rowid, sum, profile])
                .map_err(io)?;
        }
        user.auth.revision += 1;
        body.clear();
        auth_row::encode(user.id, &user.auth, &mut body);
        if body.len() > auth_row::ROW_OCTETS_MAX {
            return Err(damaged(format!("user {}", user.id), Damage::Length));
        }
        let revision = user.auth.revision.cast_signed();
        let locked = locked_column(user.auth.lock.as_ref());
        write
            .execute(params![
                rowid,
                revision,
                locked,
                asked_column(&user.auth),
                body
            ])
            .map_err(io)?;
    }
    Ok(last)
}

/// Fences the pool; what waits for a resync there still does when it is given to somebody.
fn fence_hardware(
    conn: &Connection,
    path: &str,
    fence: Fence,
    fenced: &mut Fenced,
) -> Result<(), StoreError> {
    let io = |error: rusqlite::Error| failed("fencing", path, &error);
    let mut tokens = Vec::new();
    let mut read = conn
        .prepare("SELECT serial, sum, body FROM hardware")
        .map_err(io)?;
    let mut rows = read.query([]).map_err(io)?;
    while let Some(row) = rows.next().map_err(io)? {
        tokens.push(hardware_of(row, path)?);
    }
    for mut token in tokens {
        match fence.first_step(token.otp) {
            Some(first) => token.next_factor = token.next_factor.max(first),
            None => token.resync_required = true,
        }
        let (sum, body) = record_columns(token.serial.as_bytes(), &token)
            .map_err(|damage| damaged(&*token.serial, damage))?;
        conn.execute(
            "UPDATE hardware SET sum = ?2, body = ?3 WHERE serial = ?1",
            params![token.serial, sum, body],
        )
        .map_err(io)?;
        fenced.hardware += 1;
    }
    Ok(())
}

/// Appends an audit record that the store makes itself.
pub(super) fn record(
    conn: &Connection,
    path: &str,
    chain: &mut Chain,
    event: &Event,
    origin: &Origin,
    now: Now,
) -> Result<(), StoreError> {
    let record = chain.append(event, origin, now);
    conn.execute(
        "INSERT INTO audit (seq, at, user, hash, body) VALUES (?1, ?2, NULL, ?3, ?4)",
        params![
            record.seq.cast_signed(),
            now.wall.0,
            record.hash,
            record.body
        ],
    )
    .map(drop)
    .map_err(|error| failed("writing", path, &error))
}
