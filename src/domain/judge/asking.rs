//! Judgements that are questions, and what is made of their answers.

use std::time::Duration;

use super::{Case, Evidence, Judgement, Lacking, rejected};
use crate::domain::attempt::Attempt;
use crate::domain::dialogue::{self, Ahead, Asking, Handle, Opening, PageLink, Proven, Seen, Turn};
use crate::domain::event::Event;
use crate::domain::failure;
use crate::domain::link::{self, Link, Purpose};
use crate::domain::methods::{candidates, groups_left, of_set, recovery_sets};
use crate::domain::policy::{FirstFactorBy, Policy};
use crate::domain::user::Profile;
use crate::domain::verdict::{How, Message, Question, Reason, Verdict};
use crate::domain::verify::Ask;
use crate::time::Timestamp;
use crate::token::TokenId;

/// The question that is asked.
pub(super) fn question(
    asking: Asking,
    handle: Handle,
    attempt: &Attempt,
    left: Duration,
    (policy, reader): (&Policy, Option<&Profile>),
) -> Verdict {
    let Asking { kind, message } = asking;
    match Question::of(kind.name(), &attempt.gateway, handle, left) {
        Some(question) => {
            // The language of somebody would tell that there is such a person.
            let message = policy.say(message, reader.filter(|_| !question.held));
            Verdict::Challenge { question, message }
        }
        None => Verdict::Reject {
            reason: Reason::Internal,
            message: policy.say(Message::Denied, None),
        },
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
        self.proven = answered.proven.clone();
        self.answered = Some(answered);
        self.changed = true;
    }

    /// Whether a token that was right in an earlier round counts no more: it was disabled or locked
    /// since, or is gone.
    pub(super) fn has_lost_a_factor(&self) -> bool {
        let (record, gateway) = (&self.record, &self.attempt.gateway);
        let factors = &self.proven.factors;
        let counts = |(at, how): (usize, &How)| {
            // As it counted when it was shown, for the group that was open then.
            let before = factors.get(..at).unwrap_or_default();
            let left = groups_left(&record.profile, self.policy, before);
            let passed = if left > 0 { before } else { &[] };
            let mut tokens = candidates(record, gateway, self.policy, passed, self.now);
            let mut sets = recovery_sets(record, gateway, self.policy, passed, self.now);
            match how {
                // One more than the groups ask for.
                How::Token(id) if left == 0 => {
                    let mut tokens = of_set(record, gateway, self.policy, self.now);
                    tokens.any(|token| token.id == *id)
                }
                How::Token(id) | How::Grace(id) => tokens.any(|token| token.id == *id),
                How::Recovery(id) => sets.any(|set| set.id == *id),
                How::Passthrough(_) | How::PolicyPassthrough => true,
            }
        };
        !factors.iter().enumerate().all(counts)
    }

    /// No code was typed yet. Of whom nothing is known yet it is asked in any case; of others once
    /// the first factor is right, if that is asked alone.
    pub(super) fn await_code(
        mut self,
        first: Result<(), Reason>,
        evidence: &Evidence,
    ) -> Result<Judgement, Lacking> {
        let called_for = dialogue::called_for(self.attempt, self.answered.as_ref(), self.policy);
        let Some(asking) = called_for else {
            return Ok(self.refuse(Reason::Internal));
        };
        let gateway = &self.attempt.gateway;
        let blind = asking.kind.blind(gateway);
        match first {
            Err(reason) if !blind => Ok(self.wrong_first(reason, evidence.repeated)),
            _ => {
                let checked = gateway.first_factor == FirstFactorBy::Gateway;
                if asking.kind == dialogue::Kind::Code || checked {
                    self.proven.first = Some(gateway.first_factor);
                }
                self.proven.wants_new |= dialogue::wished(self.attempt, self.policy);
                let turn = dialogue::for_code(&mut self, asking, evidence)?;
                self.follow(turn, evidence)
            }
        }
    }

    /// All that the sign-in asks for is right, or a dialogue before the Accept has come to its end:
    /// what is due next, or the Accept. Who needs no second factor for a while needs nothing else (D8).
    pub(super) fn go_on(mut self, evidence: &Evidence) -> Result<Judgement, Lacking> {
        let how = self.proven.factors.last().copied();
        if let Some(how @ (How::Passthrough(_) | How::PolicyPassthrough)) = how {
            return Ok(self.accept(how));
        }
        match (dialogue::due(&mut self, evidence)?, how) {
            // Whoever checks the first factor here has to have done so, whatever checked it before.
            (Turn::Passed, Some(how))
                if self.proven.first == Some(self.attempt.gateway.first_factor) =>
            {
                Ok(self.accept(how))
            }
            (Turn::Passed, _) => Ok(self.refuse(Reason::Policy)),
            (turn, _) => self.follow(turn, evidence),
        }
    }

    /// The answer is one that its dialogue reads.
    pub(super) fn turn(mut self, seen: Seen, evidence: &Evidence) -> Result<Judgement, Lacking> {
        let asked = self.answered.as_ref().map(|answered| answered.kind.clone());
        let Some(asked) = asked else {
            return Ok(self.refuse(Reason::DialogueExpired));
        };
        let ends = matches!(
            asked,
            dialogue::Kind::Emergency(_)
                | dialogue::Kind::AuthCode(_)
                | dialogue::Kind::DeviceCode(_)
        );
        if self.record.auth.lock.is_some() && !ends {
            return Ok(self.refuse(Reason::Locked));
        }
        // The PIN that was right may have been blocked since.
        let pin = self.proven.first == Some(FirstFactorBy::Pin);
        let blocks = self.policy.pin.block_duration;
        if pin && self.record.auth.pin.blocked(blocks, self.now) {
            return Ok(self.refuse(Reason::PinBlocked));
        }
        let turn = dialogue::turn(&mut self, &asked, seen, evidence)?;
        self.follow(turn, evidence)
    }

    /// The word for Emergency Access: its first question, once the first factor is right. What else was
    /// right counts for nothing there.
    pub(super) fn emergency(
        mut self,
        first: Result<(), Reason>,
        evidence: &Evidence,
    ) -> Result<Judgement, Lacking> {
        match first {
            Ok(()) => {
                self.proven = Proven {
                    first: Some(self.attempt.gateway.first_factor),
                    ..Proven::default()
                };
                let turn = dialogue::begin_emergency(&mut self);
                self.follow(turn, evidence)
            }
            Err(reason) => Ok(self.wrong_first(reason, evidence.repeated)),
        }
    }

    /// No token counts: the way to one begins, once the first factor is right. A first code that was
    /// typed with it is used up, whatever the verdict.
    pub(super) fn enrol(
        mut self,
        first: Result<(), Reason>,
        shown: Option<(TokenId, u64)>,
        evidence: &Evidence,
    ) -> Result<Judgement, Lacking> {
        if let Some((token, factor)) = shown {
            self.consume(token, factor);
        }
        let repeated = evidence.repeated && shown.is_none();
        match first {
            Ok(()) => {
                self.proven.first = Some(self.attempt.gateway.first_factor);
                let shown = shown.map(|(token, _)| token);
                let turn = dialogue::begin_enrolment(&mut self, shown, evidence)?;
                self.follow(turn, evidence)
            }
            Err(reason) => Ok(self.wrong_first(reason, repeated)),
        }
    }

    /// The code is right, but far ahead: the next one is asked for, once the first factor is right.
    pub(super) fn ahead(
        mut self,
        first: Result<(), Reason>,
        ahead: Ahead,
        evidence: &Evidence,
    ) -> Result<Judgement, Lacking> {
        if let Err(reason) = first {
            return Ok(self.wrong_first(reason, evidence.repeated));
        }
        self.proven.first = Some(self.attempt.gateway.first_factor);
        let turn = dialogue::begin_resync(&mut self, ahead);
        self.follow(turn, evidence)
    }

    /// A code that is far ahead counts as a wrong one.
    pub(in crate::domain) fn count_ahead(&mut self, token: TokenId) {
        let kind = failure::Kind::Code { only: Some(token) };
        self.count(kind, Event::new("token.ahead").token(token));
    }

    /// A wrong answer after which the question is asked again: it counts, or whoever leaves before the
    /// last of them and begins anew would guess for nothing. False: it has locked the person.
    pub(in crate::domain) fn count_wrong(&mut self, kind: failure::Kind) -> bool {
        self.count(kind, Event::new("enroll.wrong_code").refused());
        self.record.auth.lock.is_none()
    }

    fn count(&mut self, kind: failure::Kind, event: Event) {
        let mut brought_about = Vec::new();
        let counted = failure::count(
            &mut self.record,
            kind,
            self.attempt,
            &self.proven.factors,
            self.policy,
            self.now,
            &mut brought_about,
        );
        self.tell(event.detail("count", counted.failures));
        self.events.extend(brought_about);
    }

    /// The state asks for a reset: it begins once the first factor is right, or by a code alone where
    /// there is none to be typed. A code is used up, whatever the verdict.
    pub(super) fn reset(
        mut self,
        first: Result<(), Reason>,
        shown: Option<(TokenId, u64)>,
        evidence: &Evidence,
    ) -> Result<Judgement, Lacking> {
        if let Some((token, factor)) = shown {
            self.consume(token, factor);
        }
        let repeated = evidence.repeated && shown.is_none();
        if let Err(reason) = first {
            return Ok(self.wrong_first(reason, repeated));
        }
        if evidence.finding.ask != Ask::Unset {
            self.proven.first = Some(self.attempt.gateway.first_factor);
        }
        let shown = shown.map(|(token, _)| How::Token(token));
        self.proven.factors.extend(shown);
        let turn = dialogue::begin_reset(&mut self, evidence)?;
        self.follow(turn, evidence)
    }

    fn follow(self, turn: Turn, evidence: &Evidence) -> Result<Judgement, Lacking> {
        match turn {
            Turn::Ask(asking) => self.ask(asking, evidence),
            Turn::Passed => self.go_on(evidence),
            Turn::Ended(message) => Ok(self.end(message)),
            Turn::Refused(reason) => Ok(self.refuse(reason)),
            Turn::Failed(reason, kind) => Ok(self.fail(reason, kind, false)),
        }
    }

    /// The dialogue came to no end that lets the person in.
    fn end(mut self, message: Message) -> Judgement {
        let reason = Reason::Unfinished;
        let event = self.about(rejected(self.attempt, reason));
        self.events.push(event);
        let message = self.say(message);
        self.close(Verdict::Reject { reason, message }, false)
    }

    /// The link that stands in the question with this handle. There is one of its kind.
    fn page_link(&mut self, handle: &Handle, expires: Timestamp) -> Option<PageLink> {
        let pages = self.policy.pages.as_ref()?;
        let (now, secret) = (self.now, handle.link(self.record.id));
        let link = Link {
            id: 0,
            purpose: Purpose::Enrol,
            hash: secret.fingerprint(),
            created: now.wall,
            created_by: self.record.name().to_owned(),
            expires,
            sent_to: None,
            tries: link::TRIES,
            at_prompt: true,
            extra: serde_json::Map::new(),
        };
        let profile = self.record.profile_mut();
        profile.void_links(dialogue::is_of_prompt);
        profile.add_link(link, now);
        Some(PageLink::new(pages, &secret))
    }

    fn reader(&self) -> (&Policy, Option<&Profile>) {
        (self.policy, Some(&self.record.profile))
    }

    /// Opens the next question. Who has opened too many is asked as well, and cannot answer.
    fn ask(mut self, mut asking: Asking, evidence: &Evidence) -> Result<Judgement, Lacking> {
        let handle = evidence.fresh.handle()?;
        let opening = Opening {
            kind: asking.kind.clone(),
            proven: self.proven.clone(),
            gateway: &self.attempt.gateway,
            handle: &handle,
            after: self.answered.as_ref(),
            ttl: self.policy.challenge_ttl,
        };
        if !dialogue::open(&mut self.record.auth, opening, self.now) {
            // The link of a page is kept with its question, or is none.
            if matches!(asking.message, Message::OpenPage { .. }) {
                return Ok(self.end(Message::Denied));
            }
            // What was used up to come here is recorded all the same.
            if self.changed && self.events.is_empty() {
                let seconds = self.policy.challenge_ttl.as_secs();
                let event = self.about(Event::new("auth.challenge"));
                let event = event.detail("kind", asking.kind.name());
                self.events
                    .push(event.detail("seconds", seconds).detail("kept", false));
            }
            return Ok(self.pretend(asking, handle));
        }
        self.changed = true;
        let Some(opened) = self.record.auth.dialogues.last() else {
            return Ok(self.refuse(Reason::Internal));
        };
        let (id, expires, rounds) = (opened.id(), opened.expires, opened.rounds);
        let left = expires.since(self.now.latest());
        if let Message::OpenPage { link, minutes, .. } = &mut asking.message {
            *link = self.page_link(&handle, expires).unwrap_or_default();
            *minutes = left.as_secs() / 60;
        }
        let event = self
            .about(Event::new("auth.challenge"))
            .detail("kind", asking.kind.name())
            .detail("question", id.to_string())
            .detail("round", rounds)
            .detail("seconds", left.as_secs());
        self.events.push(event);
        let verdict = question(asking, handle, self.attempt, left, self.reader());
        Ok(self.close(verdict, false))
    }

    /// Asks, and keeps nothing of it.
    pub(super) fn pretend(self, asking: Asking, handle: Handle) -> Judgement {
        let ttl = self.policy.challenge_ttl;
        let verdict = question(asking, handle, self.attempt, ttl, self.reader());
        self.close(verdict, false)
    }
}
