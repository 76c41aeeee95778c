//! What it means that refused codes are right at another time.

use super::super::policy::Policy;
use super::super::token_record::effective;
use super::super::user::UserRecord;
use super::super::verdict::Reason;
use super::{Looks, PastAttempt, since_accept};
use crate::time::Now;
use crate::token::TokenId;

/// The cause, the token it is about, and how it is known.
pub(super) struct FarOff {
    pub(super) looks: Looks,
    pub(super) token: TokenId,
    pub(super) detail: Vec<String>,
}

/// What the distances of the wrong codes since the last Accept say; the last one has to be known.
pub(super) fn far_off(
    record: &UserRecord,
    attempts: &[PastAttempt],
    policy: &Policy,
    now: Now,
) -> Option<FarOff> {
    let wrong: Vec<&PastAttempt> = since_accept(attempts)
        .iter()
        .filter(|attempt| attempt.refused == Some(Reason::BadCode) && !attempt.repeated)
        .filter(|attempt| attempt.of_device() || attempt.distance.is_some())
        .collect();
    let last = wrong.last()?.distance?;
    let token = record.token(last.token)?;
    let mut offs: Vec<i64> = wrong
        .iter()
        .filter_map(|attempt| attempt.distance)
        .filter(|distance| distance.token == last.token)
        .map(|distance| distance.off)
        .collect();
    let usable = effective(record, token, policy, now).usable();
    let window = match last.period {
        Some(_) => policy.totp_window_steps,
        None => policy.hotp_look_ahead,
    };
    let looks = match last.period {
        _ if !usable || last.off.unsigned_abs() <= window => Looks::OtherToken,
        Some(period) => Looks::Clock {
            ahead_s: last.off.saturating_mul(i64::from(period.seconds())),
        },
        None => Looks::CounterAhead { by: last.off },
    };
    let (found, all) = (offs.len(), wrong.len());
    let who = match (found, all) {
        (1, 1) => "The code that was typed is one".to_owned(),
        (found, all) if found == all => "Every code that was typed is one".to_owned(),
        _ => format!("{found} of {all} codes that were typed are"),
    };
    offs.sort_unstable();
    offs.dedup();
    let how = if offs.len() == 1 {
        format!(", {last}")
    } else {
        format!(", the last one {last}")
    };
    let mut detail = vec![format!("{who} of {}{how}.", last.token)];
    let login = record.auth.last_login.as_ref();
    if let Some(login) = login.filter(|login| login.token == Some(last.token))
        && matches!(looks, Looks::Clock { .. })
    {
        let at = login.at;
        detail.push(format!(
            "The login at {at} was on time, so the clock was changed since."
        ));
    }
    Some(FarOff {
        looks,
        token: last.token,
        detail,
    })
}
