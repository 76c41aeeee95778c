//! Judgements on names that nobody has.

use super::asking::question;
use super::{Fresh, Judgement, Lacking, reject_message, rejected};
use crate::domain::attempt::Attempt;
use crate::domain::dialogue;
use crate::domain::event::Event;
use crate::domain::policy::Policy;
use crate::domain::verdict::{How, Verdict};
use crate::domain::verify::{Admission, admit};
use crate::time::Now;

/// Judges an attempt under a name that mfad does not know, or that is no name.
///
/// # Errors
/// [`Lacking`]: nothing is decided yet.
pub fn judge_stranger(
    attempt: &Attempt,
    fresh: &Fresh,
    policy: &Policy,
    now: Now,
) -> Result<Judgement, Lacking> {
    let admission = admit(None, attempt, policy, now);
    if let (Admission::Refused(_), Some(asking)) =
        (admission, dialogue::asked_of_all(attempt, policy))
    {
        let handle = fresh.handle()?;
        return Ok(Judgement {
            verdict: question(
                asking,
                handle,
                attempt,
                policy.challenge_ttl,
                (policy, None),
            ),
            record: None,
            events: Vec::new(),
            letters: Vec::new(),
            counted: false,
        });
    }
    let (verdict, event) = match admission {
        Admission::Refused(reason) => {
            let message = policy.say(reject_message(&attempt.gateway, reason), None);
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
    Ok(Judgement {
        verdict,
        record: None,
        events: vec![event],
        letters: Vec::new(),
        counted: false,
    })
}
