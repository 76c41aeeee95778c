//! Questions at sign-ins that wait for their answers: `dialogue list`.

use crate::control::query::Page;
use crate::control::reply::{DialoguePage, OpenDialogue, Reply};
use crate::domain::dialogue::{Dialogue, Kind};
use crate::domain::refusal::Refusal;
use crate::domain::user::UserRecord;
use crate::server::control::Sink;
use crate::store::Find;

use super::desk::Desk;
use super::pages;

impl Desk<'_> {
    pub(super) fn dialogue_list(
        &self,
        user: Option<&str>,
        page: &Page,
        sink: &mut dyn Sink,
    ) -> Result<Reply, Refusal> {
        if let Some(user) = user {
            let rows = dialogues(&self.person(user, "mfactl dialogue list --user")?);
            return Ok(Reply::DialoguePage(DialoguePage { rows, cursor: None }));
        }
        pages::answer(
            page,
            sink,
            |cursor, sink| pages::people(self, &self.asked(), cursor, page.limit, sink, dialogues),
            |rows, cursor| Reply::DialoguePage(DialoguePage { rows, cursor }),
        )
    }

    /// How many questions wait for an answer.
    pub(super) fn open_dialogues(&self, sink: &mut dyn Sink) -> Result<usize, Refusal> {
        let count = |record: &UserRecord| vec![(); record.auth.dialogues.len()];
        let (open, _) = pages::people(self, &self.asked(), None, usize::MAX, sink, count)?;
        Ok(open.len())
    }

    fn asked(&self) -> Find {
        Find {
            asked: Some(self.now.latest()),
            ..Find::default()
        }
    }
}

fn dialogues(record: &UserRecord) -> Vec<OpenDialogue> {
    let row = |dialogue: &Dialogue| OpenDialogue {
        id: dialogue.id().to_string(),
        user: record.name().to_owned(),
        kind: dialogue.kind.name().to_owned(),
        asked: Kind::words_of(dialogue.kind.name()),
        gateway: dialogue.gateway.to_string(),
        rounds: dialogue.rounds,
        opened: dialogue.opened.into(),
        until: dialogue.expires.into(),
    };
    record.auth.dialogues.iter().map(row).collect()
}
