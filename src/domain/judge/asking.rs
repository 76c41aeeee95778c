//! Judgements that are questions, and the end of the question that is answered.

use std::time::Duration;

use super::{Case, Evidence, Judgement};
use crate::domain::attempt::Attempt;
use crate::domain::dialogue::{self, Handle, Kind, Opening};
use crate::domain::event::Event;
use crate::domain::verdict::{Reason, Verdict};

/// The question of a kind of dialogue.
pub(super) fn question(kind: Kind, handle: Handle, attempt: &Attempt, left: Duration) -> Verdict {
    Verdict::Challenge {
        question: kind.question(&attempt.gateway, handle, left),
        message: kind.message(&attempt.gateway),
    }
}

impl Case<'_> {
    /// The dialogue that is answered ends, whatever the answer: its handle is used up.
    pub(super) fn take_dialogue(&mut self) {
        let answered = dialogue::answered(&self.record, self.attempt, self.now);
        let Some(answered) = answered.cloned() else {
            return;
        };
        let dialogues = &mut self.record.auth.dialogues;
        dialogues.retain(|dialogue| dialogue.handle != answered.handle);
        self.answered = Some(answered);
        self.changed = true;
    }

    /// No code was typed yet. Of whom nothing is known yet it is asked in any case; of others once
    /// the first factor is right, if that is asked alone.
    pub(super) fn await_code(self, first: Result<(), Reason>, evidence: &Evidence) -> Judgement {
        let called_for = dialogue::called_for(self.attempt, self.answered.as_ref());
        let (Some(kind), Some(handle)) = (called_for, evidence.fresh) else {
            return self.refuse(Reason::Internal);
        };
        match first {
            Err(reason) if !kind.blind() => self.wrong_first(reason, evidence.repeated),
            _ => self.ask(kind, handle),
        }
    }

    /// Opens the next question. Who has opened too many is asked as well, and cannot answer.
    fn ask(mut self, kind: Kind, handle: Handle) -> Judgement {
        let opening = Opening {
            kind,
            gateway: &self.attempt.gateway,
            handle: &handle,
            after: self.answered.as_ref(),
            ttl: self.policy.challenge_ttl,
        };
        if !dialogue::open(&mut self.record.auth, &opening, self.now) {
            return self.pretend(kind, handle);
        }
        self.changed = true;
        let Some(opened) = self.record.auth.dialogues.last() else {
            return self.refuse(Reason::Internal);
        };
        let left = opened.expires.since(self.now.latest());
        let (verdict, rounds) = (question(kind, handle, self.attempt, left), opened.rounds);
        let event = self
            .about(Event::new("auth.challenge"))
            .detail("kind", kind.name())
            .detail("round", rounds)
            .detail("seconds", left.as_secs());
        self.events.push(event);
        self.close(verdict, false)
    }

    /// Asks, and keeps nothing of it.
    pub(super) fn pretend(self, kind: Kind, handle: Handle) -> Judgement {
        let ttl = self.policy.challenge_ttl;
        let verdict = question(kind, handle, self.attempt, ttl);
        self.close(verdict, false)
    }
}
