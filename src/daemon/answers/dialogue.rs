//! Questions at sign-ins that wait for their answers: `dialogue list`.

use crate::control::query::Page;
use crate::control::reply::{DialoguePage, OpenDialogue, Reply};
use crate::domain::dialogue::{Dialogue, Kind};
use crate::domain::refusal::Refusal;
use crate::domain::user::UserRecord;
use crate::server::control::Sink;
use crate::store::Find;

use super::desk::{Desk, store};
use super::pages::{self, Rows};

/// People who are read between two looks whether anybody still waits.
const LOOK_EVERY: usize = 200;

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
        let names = self.reader().asked(self.now.latest());
        let names = names.map_err(|error| store(&error))?;
        pages::answer(
            page,
            sink,
            |cursor, sink| self.asked(&names, cursor.unwrap_or_default(), page.limit, sink),
            |rows, cursor| Reply::DialoguePage(DialoguePage { rows, cursor }),
        )
    }

    /// What is asked of the people behind `cursor`, at least `limit` questions if there are as many.
    fn asked(
        &self,
        names: &[String],
        cursor: &str,
        limit: usize,
        sink: &mut dyn Sink,
    ) -> Result<Rows<OpenDialogue>, Refusal> {
        let mut rows = Vec::new();
        let behind = names.partition_point(|name| name.as_str() <= cursor);
        for (at, name) in names.iter().enumerate().skip(behind) {
            let one = Find {
                text: Some(name.clone()),
                exact: true,
                ..Find::default()
            };
            let found = self.reader().find(&one, "", 1);
            for record in found.map_err(|error| store(&error))? {
                rows.extend(dialogues(&self.settled(record)));
            }
            if rows.len() >= limit {
                return Ok((rows, Some(name.clone())));
            }
            if at % LOOK_EVERY == 0 && sink.ended() {
                return Err(pages::gone());
            }
        }
        Ok((rows, None))
    }

    /// How many questions wait for an answer.
    pub(super) fn open_dialogues(&self) -> Result<usize, Refusal> {
        let open = self.reader().questions(self.now.latest());
        open.map_err(|error| store(&error))
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
