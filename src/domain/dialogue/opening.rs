//! How a question is opened, and how many of them there may be.

use std::sync::Arc;
use std::time::Duration;

use super::handle::Handle;
use super::{Dialogue, Kind, Proven};
use crate::domain::judge::Case;
use crate::domain::link::TICKET_TTL;
use crate::domain::policy::GatewayPolicy;
use crate::domain::user::AuthState;
use crate::time::Now;

/// Open dialogues of one person. For a further one the oldest ends in which nothing is proven, or
/// else, if something is proven in the further one, the oldest.
pub const OPEN_MAX: usize = 3;

/// Questions of one dialogue; those for the codes of tokens that are reset come on top.
pub const ROUNDS_MAX: u32 = 10;

/// Dialogues that one person may open in a row, without all of them having ended in between. Who
/// opens more and answers none is still asked, but nothing is stored for it: each one that is stored
/// is a record of the audit log.
pub const ROW_MAX: u32 = 30;

/// The same of dialogues in which nothing is proven, which are counted by themselves: they are open to
/// anybody who knows the name.
pub const STRANGERS_ROW_MAX: u32 = 10;

/// What the next question is opened with.
pub(in crate::domain) struct Opening<'a> {
    pub(in crate::domain) kind: Kind,
    pub(in crate::domain) proven: Proven,
    pub(in crate::domain) gateway: &'a GatewayPolicy,
    pub(in crate::domain) handle: &'a Handle,
    /// The dialogue that goes on with it, taken out of the record.
    pub(in crate::domain) after: Option<&'a Dialogue>,
    /// How long a new one stays open.
    pub(in crate::domain) ttl: Duration,
}

/// Whether a further question can be kept for whoever has shown what `case` has seen: nothing is sent
/// or begun for one that cannot be answered.
pub(in crate::domain) fn may_ask(case: &Case<'_>) -> bool {
    let after = case.answered.as_ref();
    let rounds = after.map_or(0, |dialogue| dialogue.rounds);
    rounds < ROUNDS_MAX && row(&case.record.auth, &case.proven, after).is_some()
}

/// The how manyth in a row a question is that goes on from `after`; none: there were too many.
fn row(auth: &AuthState, proven: &Proven, after: Option<&Dialogue>) -> Option<u32> {
    let anything = proven.anything();
    let alike = |dialogue: &&Dialogue| dialogue.proven.anything() == anything;
    let open = auth.dialogues.iter().filter(alike);
    let row = match after.filter(alike) {
        Some(dialogue) => dialogue.row,
        None => open.map(|dialogue| dialogue.row).max().unwrap_or(0) + 1,
    };
    let most = if anything { ROW_MAX } else { STRANGERS_ROW_MAX };
    (row <= most).then_some(row)
}

/// Makes room for a further question; false if there is none. Whoever has shown nothing ends no
/// question of somebody who has.
fn make_room(dialogues: &mut Vec<Dialogue>, proven: &Proven) -> bool {
    while dialogues.len() >= OPEN_MAX {
        // They stand in the order in which they were opened.
        let stranger = dialogues.iter().position(|it| !it.proven.anything());
        let Some(ends) = stranger.or_else(|| proven.anything().then_some(0)) else {
            return false;
        };
        dialogues.remove(ends);
    }
    true
}

/// Opens the next question in `auth`; false if it cannot be, for too many of them.
pub(in crate::domain) fn open(auth: &mut AuthState, opening: Opening<'_>, now: Now) -> bool {
    let rounds = opening.after.map_or(0, |dialogue| dialogue.rounds);
    // There are no more of these than tokens, and a wrong answer ends them.
    let of_tokens = matches!(opening.kind, Kind::CodeOf(_) | Kind::Resync(_));
    let further = of_tokens && opening.proven.authorized;
    let rounds = rounds + u32::from(!further);
    let Some(row) = row(auth, &opening.proven, opening.after) else {
        return false;
    };
    if rounds > ROUNDS_MAX || !make_room(&mut auth.dialogues, &opening.proven) {
        return false;
    }
    // Who has to open a page first gets time for that, once.
    let page = |kind: &Kind| matches!(kind, Kind::FirstCode { .. });
    let ttl = match page(&opening.kind) {
        true => opening.ttl.max(TICKET_TTL),
        false => opening.ttl,
    };
    let (opened, expires) = match opening.after {
        Some(dialogue) if page(&dialogue.kind) || !page(&opening.kind) => {
            (dialogue.opened, dialogue.expires)
        }
        Some(dialogue) => (dialogue.opened, now.latest() + ttl),
        None => (now.wall, now.latest() + ttl),
    };
    auth.dialogues.push(Dialogue {
        kind: opening.kind,
        proven: opening.proven,
        gateway: Arc::clone(&opening.gateway.name),
        opened,
        expires,
        handle: opening.handle.digest(),
        rounds,
        row,
    });
    true
}
