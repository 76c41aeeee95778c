//! Answers to a person's questions, on their way from an operator: hashed, or held against the hashes.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use super::Engine;
use super::pins::{Answer, Check, Full, What};
use crate::domain::command::{Answered, Command, Prepared};
use crate::domain::questions::{self, answers, normalised, token_of};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::sealed::Field;
use crate::domain::user::UserRecord;

impl Engine {
    /// The hashes of new answers; none of such as the rules refuse anyway.
    pub(super) fn answer_hashes(
        &self,
        command: &Command,
        record: &UserRecord,
        prepared: &mut Prepared,
    ) -> Result<(), Refusal> {
        let (
            Command::EmergencySet {
                questions,
                answers: given,
                ..
            },
            Some(id),
        ) = (command, prepared.token_id)
        else {
            return Ok(());
        };
        let ask = self.rules().policy.emergency.ask;
        if questions::check(questions, given, ask).is_err() {
            return Ok(());
        }
        for (answer, at) in answers(given).zip(0..) {
            let hash = self
                .pins()
                .hash(record.id, normalised(answer), self.random()?)
                .map_err(too_many)?;
            let field = Field::Answer(record.id, id, at);
            prepared.answers.push(self.seal(field, hash.expose())?);
        }
        Ok(())
    }

    /// Holds the answers that were given against those that are asked for now. All of them are looked
    /// at: time does not tell which one is wrong.
    pub(super) fn check_answers(
        &self,
        command: &Command,
        record: &UserRecord,
        prepared: &mut Prepared,
    ) -> Result<(), Refusal> {
        let Command::EmergencyVerify {
            answers: Some(given),
            ..
        } = command
        else {
            return Ok(());
        };
        let found = token_of(record).and_then(|it| Some((it.id, it.questions.as_ref()?)));
        let Some((token, questions)) = found else {
            return Ok(());
        };
        let ask = self.rules().policy.emergency.ask;
        if answers(given).count() != ask {
            return Ok(());
        }
        let mut right = true;
        for ((at, question), typed) in questions.asked(ask).zip(answers(given)) {
            let check = Check {
                user: record.id,
                what: What::Answer(token, u8::try_from(at).unwrap_or(u8::MAX)),
                typed,
                stored: Some(&question.answer),
            };
            right &= self.is_right(check)?;
        }
        prepared.answered = Some(Answered {
            token,
            first: questions.first,
            right,
        });
        Ok(())
    }

    /// Checks in the pool and waits for it.
    fn is_right(&self, check: Check<'_>) -> Result<bool, Refusal> {
        let (sender, answer) = sync_channel(1);
        let then = move |answer| {
            let _ = sender.send(answer);
        };
        let pins = Arc::clone(self.pins());
        pins.check(Some(check.order(None)), self.now(), || true, then)
            .map_err(too_many)?;
        while pins.step() {}
        match answer.recv() {
            Ok(Answer::Right) => Ok(true),
            Ok(Answer::Wrong) => Ok(false),
            Ok(Answer::Unreadable) => Err(super::prepare::unreadable()),
            Ok(Answer::Hashed(_) | Answer::Late) | Err(_) => Err(too_many(Full)),
        }
    }
}

fn too_many(_: Full) -> Refusal {
    let what = "too many PINs are being checked; nothing changed";
    Refusal::new(Code::Busy, what)
}
