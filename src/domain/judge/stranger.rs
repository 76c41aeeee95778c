//! Judgements on names that nobody has.

use super::asking::question;
use super::{Judgement, reject_message, rejected};
use crate::domain::attempt::Attempt;
use crate::domain::dialogue::{self, Handle};
use crate::domain::event::Event;
use crate::domain::policy::Policy;
use crate::domain::verdict::{How, Verdict};
use crate::domain::verify::{Admission, admit};
use crate::time::Now;

/// Judges an attempt under a name that mfad does not know, or that is no name.
pub fn judge_stranger(
    attempt: &Attempt,
    fresh: Option<Handle>,
    policy: &Policy,
    now: Now,
) -> Judgement {
    let blind = dialogue::called_for(attempt, None).filter(|kind| kind.blind());
    let admission = admit(None, attempt, now);
    if let (Admission::Refused(_), Some(kind), Some(handle)) = (admission, blind, fresh) {
        return Judgement {
            verdict: question(kind, handle, attempt, policy.challenge_ttl),
            record: None,
            events: Vec::new(),
            counted: false,
        };
    }
    let (verdict, event) = match admission {
        Admission::Refused(reason) => {
            let message = reject_message(&attempt.gateway, reason);
            (
                Verdict::Reject { reason, message },
                rejected(attempt, reason),
            )
        }
        Admission::Stranger | Admission::Open => {
            let how = How::PolicyPassthrough;
            let event = Event::new("auth.accept").detail("how", how.name());
            (Verdict::Accept { how, message: None }, event)
        }
    };
    let event = event.detail("name", format!("~{}", attempt.pseudonym));
    Judgement {
        verdict,
        record: None,
        events: vec![event],
        counted: false,
    }
}
