//! Questions at a sign-in that wait for their answers (R2).

use super::Applied;
use super::case::Case;
use crate::domain::dialogue::{Dialogue, Kind};
use crate::domain::refusal::{Code, Refusal};
use crate::token::DialogueId;

/// `dialogue end`: no answer to it counts from now on.
pub(super) fn end(mut case: Case<'_>, id: DialogueId) -> Result<Applied, Refusal> {
    let open = &mut case.record.auth.dialogues;
    let at = open.iter().position(|dialogue| dialogue.id() == id);
    let Dialogue { kind, gateway, .. } = match at {
        Some(at) => open.remove(at),
        None => return Err(none(id)),
    };
    let asked = Kind::words_of(kind.name());
    let event = case
        .event("dialogue.ended")
        .detail("dialogue", id.to_string());
    case.push(
        event
            .detail("kind", kind.name())
            .detail("gateway", &*gateway),
    );
    let message = format!(
        "{id} of {} ended. What is typed now at {gateway} for the {asked} is refused.",
        case.user
    );
    Ok(case.done(message))
}

/// The refusal for one that nobody was asked, or that is over.
pub fn none(id: DialogueId) -> Refusal {
    let what = format!("there is no open dialogue {id}; nothing changed");
    Refusal::new(Code::State, what).try_next("mfactl dialogue list")
}
