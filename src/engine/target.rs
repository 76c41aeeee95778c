//! Whom a command is about.

use std::sync::Arc;

use super::Engine;
use super::prepare::store;
use crate::domain::command::{self, Command, TokenRef};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::user::{UserId, UserRecord};
use crate::store::{Find, StoreError};
use crate::token::DialogueId;

/// People read at a time while one of them is looked for.
const PEOPLE_CHUNK: usize = 200;

impl Engine {
    /// The person a command is about, by name, by token id or by serial.
    pub(super) fn target(
        &self,
        command: &Command,
    ) -> Result<(String, Option<Arc<UserRecord>>), Refusal> {
        let by_token = |text: &str| self.reader().user_by_token(text).map_err(|e| store(&e));
        let record = match (command.user(), command.token(), command) {
            (Some(user), _, _) => {
                return Ok((user.to_owned(), self.load(user).map_err(|e| store(&e))?));
            }
            (None, Some(TokenRef::Id(id)), _) => by_token(&id.to_string())?,
            (None, Some(TokenRef::Serial(serial)), _)
            | (None, None, Command::HwUnassign { serial, .. }) => by_token(serial)?,
            (_, _, Command::DialogueEnd { dialogue }) => {
                let asked = self.asked(*dialogue).map_err(|e| store(&e))?;
                Some(asked.ok_or_else(|| command::no_dialogue(*dialogue))?)
            }
            (_, _, Command::Page(step)) => {
                let id = UserId(step.link.user());
                let found = self.reader().user(id).map_err(|e| store(&e))?;
                Some(found.ok_or_else(command::refused_link)?)
            }
            _ => None,
        };
        let Some(record) = record else {
            let what = match (command.token(), command) {
                (Some(TokenRef::Id(id)), _) => id.to_string(),
                (Some(TokenRef::Serial(serial)), _) | (_, Command::HwUnassign { serial, .. }) => {
                    serial.clone()
                }
                _ => "it".to_owned(),
            };
            return Err(
                Refusal::new(Code::NoToken, format!("there is no token `{what}`"))
                    .try_next("mfactl token find"),
            );
        };
        let name = record.name().to_owned();
        let newest = self.load(&name).map_err(|e| store(&e))?;
        Ok((name, newest))
    }

    /// Who was asked this question. Few people have one open, and it is seldom looked for: there is no
    /// index of them.
    fn asked(&self, id: DialogueId) -> Result<Option<UserRecord>, StoreError> {
        let is_it = |record: &UserRecord| record.auth.dialogues.iter().any(|it| it.id() == id);
        let mut cursor = String::new();
        loop {
            let people = self
                .reader()
                .find(&Find::default(), &cursor, PEOPLE_CHUNK)?;
            let Some(last) = people.last() else {
                return Ok(None);
            };
            last.name().clone_into(&mut cursor);
            if let Some(found) = people.into_iter().find(is_it) {
                return Ok(Some(found));
            }
        }
    }
}
