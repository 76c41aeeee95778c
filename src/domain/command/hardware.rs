//! Hardware tokens go back into the pool (R44).

use super::case::Case;
use super::resolve::resolve;
use super::token::{last_token, remove};
use super::{Applied, Effect, Prepared, TokenRef};
use crate::domain::action::Action;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::token_record::{HardwareToken, TokenKind};

/// `hw unassign`: seed, counter and the wait for a resync go along, so that used codes stay used
/// (I1).
pub(super) fn unassign(
    mut case: Case<'_>,
    serial: &str,
    force: bool,
    prepared: Prepared,
) -> Result<Applied, Refusal> {
    let id = resolve(&case.record, &TokenRef::Serial(serial.to_owned()))?;
    let token = case.record.token(id);
    let Some((token, otp)) = token.and_then(|token| Some((token, token.otp?))) else {
        return Err(case.stale());
    };
    if token.seed.is_none() {
        let what = format!("{serial} cannot go back into the pool: it is obsolete");
        let refusal = Refusal::new(Code::State, what).why("its secret is erased");
        return Err(case.suggest(refusal, Action::TokenDelete, &id.to_string()));
    }
    let state = case.record.auth.token(id);
    let next_factor = state.map_or(0, |state| state.next_factor);
    // Without the mark, codes that were captured before a restore would count with the next owner.
    let resync_required = state.is_some_and(|state| state.resync_required);
    let (kind, expires) = (token.kind, token.expires);
    let stays = format!("stays with {}", case.user);
    last_token(&case, id, force, Action::HwUnassign, &stays)?;
    case.fresh(&prepared)?;
    let seed = match prepared.seed {
        Some(seed) if prepared.token_id == Some(id) => seed,
        _ => return Err(case.stale()),
    };
    remove(&mut case, id, "hw.unassigned");
    let created = case.wall();
    case.pool(Effect::PoolPut(HardwareToken {
        serial: serial.to_owned(),
        kind,
        otp,
        seed,
        compromised: false,
        expires,
        next_factor,
        resync_required,
        created,
        extra: serde_json::Map::new(),
    }));
    if resync_required {
        case.note(
            "resync",
            "it still waits for it: its next owner cannot sign in before",
        );
    } else if kind == TokenKind::Hotp {
        case.note("counter", "resynchronise it once it has a new owner");
    }
    case.about(id);
    let message = format!(
        "{serial} taken from {}; it is in the pool, its used codes stay used. {}",
        case.user,
        case.current()
    );
    Ok(case.done(message))
}
