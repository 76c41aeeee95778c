//! The auth code: what an operator hands out, so that nobody gets a token for a stolen password (R25).
//!
//! 1. The first factor is right, and a [new token](super::enrol) or a [reset](super::reset) is due.
//! 2. *Enter your authorization code:*
//! 3. Right: it is used up, and what is due comes next. Wrong: it counts on the code and on the person,
//!    Reject. If no code is out any more, nothing is counted.

use super::{Asking, Kind, Seen, Turn, enrol, reset};
use crate::domain::attempt::Attempt;
use crate::domain::auth_code::{count_wrong, fits};
use crate::domain::event::Event;
use crate::domain::failure;
use crate::domain::judge::Case;
use crate::domain::sealed::Unseal;
use crate::domain::user::UserRecord;
use crate::domain::verdict::{Message, Reason};
use crate::domain::verify::{Ask, demands_dialogue};
use crate::time::Now;
use crate::token::TokenId;

pub(super) const fn asking(shown: Option<TokenId>) -> Asking {
    Asking {
        kind: Kind::AuthCode(shown),
        message: Message::EnterAuthCode,
    }
}

pub(super) fn look(
    record: &UserRecord,
    attempt: &Attempt,
    unseal: &dyn Unseal,
    now: Now,
) -> (Seen, Ask) {
    let seen = if fits(record, attempt.passcode(), unseal, now) {
        Seen::Right
    } else {
        Seen::Wrong
    };
    (seen, Ask::Nothing)
}

pub(super) fn turn(case: &mut Case<'_>, shown: Option<TokenId>, seen: Seen) -> Turn {
    if case.record.profile.auth_code.is_none() {
        return Turn::Refused(Reason::NoToken);
    }
    let resets = demands_dialogue(case.record.profile.state);
    // A reset may begin with a code alone; nobody comes to a token by that.
    if !resets && case.proven.first.is_none() {
        return Turn::Refused(Reason::Policy);
    }
    if seen == Seen::Right {
        use_up(case);
        return match resets {
            true => reset::authorized(case),
            false => enrol::authorized(case, shown),
        };
    }
    wrong(case)
}

/// It was right, and is good no more.
pub(super) fn use_up(case: &mut Case<'_>) {
    case.record.profile_mut().auth_code = None;
    case.tell(Event::new("authcode.used"));
}

/// A wrong one counts on the code that is out, and on the person.
pub(super) fn wrong(case: &mut Case<'_>) -> Turn {
    let policy = &case.policy.auth_code;
    let left = count_wrong(case.record.profile_mut(), policy).unwrap_or_default();
    case.tell(
        Event::new("authcode.failed")
            .refused()
            .detail("tries_left", left),
    );
    if left == 0 {
        case.tell(Event::new("authcode.revoked").detail("why", "tries"));
    }
    Turn::Failed(Reason::BadCode, failure::Kind::Shapeless)
}
