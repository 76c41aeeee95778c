//! What opens a reset: the first factor, and a code if one was typed with it; where no PIN can be typed
//! that counts, the code alone.

use super::super::attempt::Attempt;
use super::super::dialogue::{self, Dialogue};
use super::super::methods::candidates;
use super::super::policy::{PasscodeForm, Policy};
use super::super::sealed::Unseal;
use super::super::user::UserRecord;
use super::super::verdict::Reason;
use super::{Ask, CodeMatch, Finding, ask, match_code};
use crate::time::Now;

/// What was typed by a person whose state asks for a reset.
pub(super) fn opens(
    record: &UserRecord,
    attempt: &Attempt,
    policy: &Policy,
    unseal: &dyn Unseal,
    answered: Option<&Dialogue>,
    now: Now,
) -> Finding {
    let gateway = &attempt.gateway;
    let finding = |code, ask| Finding::of(record, code, ask);
    if !dialogue::leads_to_reset(record, gateway, policy, now) {
        return finding(CodeMatch::NoToken(Reason::Policy), Ask::Nothing);
    }
    let alone = dialogue::resets_by_code(record, gateway, policy, now);
    let form = match gateway.passcode {
        PasscodeForm::Challenge if alone => PasscodeForm::PinOtp,
        form => form,
    };
    let typed = candidates(record, gateway, policy, &[], now).filter(|token| token.kind.computes());
    let nobody = typed.clone().next().is_none();
    let (code, head) = match_code(record, attempt, form, policy, typed, unseal, now);
    match code {
        CodeMatch::Fits { token, factor } => {
            let ask = match alone {
                true => Ask::Unset,
                false => ask(record, attempt, policy, Some(head), answered, now),
            };
            let shown = Some((token, factor));
            finding(CodeMatch::Resets { shown }, ask)
        }
        _ if alone && nobody => finding(CodeMatch::NoToken(Reason::Policy), Ask::Nothing),
        CodeMatch::Replay { token, .. } if alone => finding(
            CodeMatch::Replay {
                token,
                grace: false,
            },
            Ask::Nothing,
        ),
        CodeMatch::Wrong { only } if alone => finding(CodeMatch::Wrong { only }, Ask::Nothing),
        _ if alone => finding(CodeMatch::NoCode, Ask::Nothing),
        _ => {
            let whole = Some(0..attempt.passcode().len());
            let ask = ask(record, attempt, policy, whole, answered, now);
            finding(CodeMatch::Resets { shown: None }, ask)
        }
    }
}
