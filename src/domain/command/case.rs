//! A command under way: the record as it is becoming, the events so far, and the answer.
//!
//! A case begins with what time alone has brought about and ends in one of three ways: [`Case::done`]
//! (the record changed: its revision is raised once), [`Case::unchanged`] (it was already so) or
//! [`Case::shown`] (only an answer and an event). What had run out is written in all three.

use std::sync::Arc;

use serde_json::{Value, json};

use super::permit::denied;
use super::{Applied, Asked, Done, Effect, Prepared, Reveal, Site, TokenRef, words};
use crate::domain::action::{Action, Role};
use crate::domain::delivery::Via;
use crate::domain::dialogue::Kind;
use crate::domain::event::Event;
use crate::domain::lapse;
use crate::domain::message::Message;
use crate::domain::methods::is_reached;
use crate::domain::policy::GatewayPolicy;
use crate::domain::recipient::Channel;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::token_record::{Base, Token, TokenKind, effective};
use crate::domain::user::{UserRecord, UserState};
use crate::secret::SecretBytes;
use crate::time::{Now, Timestamp};
use crate::token::TokenId;

/// One command on one record.
pub(super) struct Case<'a> {
    /// The record as it is to be.
    pub(super) record: UserRecord,
    /// Its login name.
    pub(super) user: Arc<str>,
    /// The login name as a word of a command line.
    pub(super) typed: String,
    /// How it was asked for.
    pub(super) asked: &'a Asked<'a>,
    /// The world.
    pub(super) site: &'a Site<'a>,
    /// Where the browser is, if the person does it on a page.
    from: Option<String>,
    /// Revision it is judged on; none: a new record.
    expected: Option<u64>,
    settled: bool,
    events: Vec<Event>,
    pool: Vec<Effect>,
    answer: Answer,
}

/// What [`Done`] will say besides the facts of the record.
#[derive(Default)]
struct Answer {
    notes: Vec<(&'static str, String)>,
    undo: Option<String>,
    token: Option<TokenId>,
    data: Vec<(&'static str, Value)>,
    reveal: Option<Reveal>,
    ticket: Option<SecretBytes>,
}

impl<'a> Case<'a> {
    /// Begins with a record of the store, and with what has run out in it.
    pub(super) fn open(record: &UserRecord, asked: &'a Asked<'a>, site: &'a Site<'a>) -> Self {
        let mut case = Self::new(record.clone(), asked, site);
        case.expected = Some(record.auth.revision);
        let Self { record, events, .. } = &mut case;
        case.settled = lapse::settle(record, site.policy, site.now, events);
        case
    }

    /// Begins with a record that is not in the store yet.
    pub(super) fn new(record: UserRecord, asked: &'a Asked<'a>, site: &'a Site<'a>) -> Self {
        Self {
            user: Arc::from(record.name()),
            typed: words::shell(record.name()),
            record,
            asked,
            site,
            from: None,
            expected: None,
            settled: false,
            events: Vec::new(),
            pool: Vec::new(),
            answer: Answer::default(),
        }
    }

    pub(super) const fn now(&self) -> Now {
        self.site.now
    }

    pub(super) const fn wall(&self) -> Timestamp {
        self.site.now.wall
    }

    pub(super) const fn role(&self) -> Role {
        self.asked.operator.role
    }

    /// From here on it is the person's own doing, in a browser there.
    pub(super) fn on_page(&mut self, from: &str) {
        self.from = Some(from.to_owned());
    }

    /// Who does it: the operator's login name, or the person's own.
    pub(super) fn by(&self) -> String {
        match self.from {
            Some(_) => self.record.name().to_owned(),
            None => self.asked.operator.name.to_string(),
        }
    }

    /// What stands for the gateway where a code is used up.
    pub(super) const fn place(&self) -> &'static str {
        match self.from {
            Some(_) => "mfad-web",
            None => "mfactl",
        }
    }

    /// The lifecycle state, whatever lies over it.
    pub(super) fn state(&self) -> UserState {
        self.record.profile.state
    }

    /// An event about the user, with the operator's reason.
    pub(super) fn event(&self, name: &'static str) -> Event {
        let event = Event::new(name).user(self.record.id, self.record.name());
        let event = match &self.from {
            Some(from) => event.detail("via", "web").detail("from", from.as_str()),
            None => event,
        };
        match self.asked.reason {
            Some(reason) => event.reason(reason.to_owned()),
            None => event,
        }
    }

    pub(super) fn push(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Adds a fact that an operator should know.
    pub(super) fn note(&mut self, label: &'static str, text: impl Into<String>) {
        self.answer.notes.push((label, text.into()));
    }

    /// Adds a fact for scripts.
    pub(super) fn fact(&mut self, key: &'static str, value: impl Into<Value>) {
        self.answer.data.push((key, value.into()));
    }

    /// Names the token that the answer is about.
    pub(super) const fn about(&mut self, token: TokenId) {
        self.answer.token = Some(token);
    }

    /// Hands a secret over, to be shown once.
    pub(super) fn reveal(&mut self, reveal: Option<Reveal>) {
        self.answer.reveal = reveal;
    }

    /// Hands the right to the next step on a page over.
    pub(super) fn ticket(&mut self, ticket: SecretBytes) {
        self.answer.ticket = Some(ticket);
    }

    /// Voids the link of this number.
    pub(super) fn void_link(&mut self, id: u32) {
        let profile = self.record.profile_mut();
        profile.links.retain(|link| link.id != id);
    }

    /// The person reads what is sent to this address, and tokens that it proves are proven.
    pub(super) fn proven(&mut self, via: Via, address: &str) {
        let contacts = via.contacts_mut(self.record.profile_mut()).iter_mut();
        let mut new = false;
        for contact in contacts.filter(|contact| contact.address == address) {
            new |= !std::mem::replace(&mut contact.verified, true);
        }
        if new {
            let event = self
                .event("user.edited")
                .detail("fields", json!(["proven"]));
            self.push(event.change("", via.masked(address)));
            super::sent::implied(self);
        }
    }

    /// Sends a message with the change.
    pub(super) fn send(&mut self, message: Message) {
        self.pool.push(Effect::Send(Box::new(message)));
    }

    /// The same with one that the operator has asked for: names it, so that its outcome can be waited
    /// for, with what would still lead on if its server refuses it. `other` is such a command, before
    /// that another address may be entered.
    pub(super) fn queue(&mut self, message: Message, other: Option<(Action, String)>) {
        let flag = match message.to.channel() {
            Channel::Mail => "--email ADDRESS",
            Channel::Sms => "--phone NUMBER",
        };
        let edit = (Action::UserEdit, format!("{} {flag}", self.typed));
        let otherwise: Vec<String> = other
            .into_iter()
            .chain([edit])
            .filter(|(action, _)| self.may(*action))
            .map(|(action, arguments)| self.line(action, &arguments))
            .collect();
        let line = format!("queued: mfactl notify list {}", self.typed);
        self.note("delivery", line);
        let id = message.id.to_string();
        self.fact("queued", json!({"message": id, "otherwise": otherwise}));
        self.send(message);
    }

    /// Changes the pool of hardware tokens in the same transaction.
    pub(super) fn pool(&mut self, effect: Effect) {
        self.pool.push(effect);
    }

    /// Whether the operator's role allows `action` on this person.
    pub(super) fn may(&self, action: Action) -> bool {
        super::permit(action, self.asked.operator, Some(&self.record), Some("x")).is_ok()
    }

    /// `mfactl`, the action and its arguments, with the operator's own reason where one is wanted.
    pub(super) fn line(&self, action: Action, arguments: &str) -> String {
        let spec = action.spec();
        let mut line = format!("mfactl {} {arguments}", spec.name);
        if spec.reason {
            line.push_str(" -r ");
            let reason = self
                .asked
                .reason
                .map_or_else(|| "TEXT".to_owned(), words::shell);
            line.push_str(&reason);
        }
        line
    }

    /// Offers a command that would work now, if this operator may do it.
    pub(super) fn suggest(&self, refusal: Refusal, action: Action, arguments: &str) -> Refusal {
        if self.may(action) {
            refusal.try_next(self.line(action, arguments))
        } else {
            refusal
        }
    }

    /// Says how to take it back, if this operator may.
    pub(super) fn undo(&mut self, action: Action, arguments: &str) {
        if self.may(action) {
            self.answer.undo = Some(self.line(action, arguments));
        }
    }

    /// The refusal of what needs a higher role for this argument.
    pub(super) fn denied(&self, least: Role, what: impl Into<String>) -> Refusal {
        denied(self.asked.operator, least, what)
    }

    /// The instant a lock, disabling or the like is to end at: it must lie ahead.
    pub(super) fn ahead(&self, until: Option<Timestamp>) -> Result<(), Refusal> {
        match until {
            Some(until) if until <= self.now().latest() => {
                let what = format!("{} has passed already", words::instant(until));
                Err(Refusal::new(Code::Arg, what).doing("name an end that lies ahead"))
            }
            _ => Ok(()),
        }
    }

    /// Refuses what was sealed or hashed for another person of this name, or not at all.
    pub(super) fn fresh(&self, prepared: &Prepared) -> Result<(), Refusal> {
        if prepared.for_user == Some(self.record.id) {
            Ok(())
        } else {
            Err(self.stale())
        }
    }

    /// The record is another one than the command was prepared for.
    pub(super) fn stale(&self) -> Refusal {
        stale(&self.user)
    }

    /// Says of a token that is not there if it has been until now.
    pub(super) fn late(&self, refusal: Refusal, named: &TokenRef) -> Refusal {
        let is = |event: &Event| match named {
            TokenRef::Id(id) => event.token == Some(*id),
            TokenRef::Serial(_) | TokenRef::OfUser(..) => true,
        };
        let gone = |event: &&Event| event.name == "token.expired" && is(event);
        if refusal.code != Code::NoToken || !self.events.iter().any(|event| gone(&event)) {
            return refusal;
        }
        let span = words::span(self.site.policy.pending_ttl);
        let refusal = refusal.why(format!(
            "it was not proven within {span} and is deleted (E10)"
        ));
        self.suggest(
            refusal,
            Action::TokenAdd,
            &format!("{} --type totp", self.typed),
        )
    }

    /// Whether a code of `token` would be accepted at a sign-in.
    pub(super) fn usable(&self, token: &Token) -> bool {
        let policy = self.site.policy;
        let profile = &self.record.profile;
        policy.asks_for(profile.set.as_deref(), token.kind)
            && (token.kind.computes() || is_reached(token, profile, policy))
            && policy.enabled_kinds.contains(&token.kind)
            && effective(&self.record, token, policy, self.now()).usable()
    }

    /// The names of these gateways.
    pub(super) fn gateways(&self, which: impl Fn(&&GatewayPolicy) -> bool) -> String {
        let gateways = self.site.gateways.iter().map(AsRef::as_ref).filter(which);
        let names: Vec<&str> = gateways.map(|gateway| &*gateway.name).collect();
        names.join(", ")
    }

    /// Whether there is a token to sign in with, `but` not counted.
    pub(super) fn usable_token(&self, but: Option<TokenId>) -> bool {
        let mut tokens = self.record.profile.tokens.iter();
        tokens.any(|token| Some(token.id) != but && self.usable(token))
    }

    /// Enters a lifecycle state, with its event; `by` is `auto` for what follows by itself.
    pub(super) fn enter(&mut self, state: UserState, by: Option<&str>, event: Event) {
        let before = self.state().name();
        // What was asked for in the state before is over. Who has proven the token on the page may
        // still go on at the prompt, with a code of it.
        let dialogues = &mut self.record.auth.dialogues;
        dialogues.retain(|open| by == Some("auto") && matches!(open.kind, Kind::FirstCode { .. }));
        let (at, operator) = (self.wall(), self.by());
        let profile = self.record.profile_mut();
        let voided = profile.enter(state, at, by.unwrap_or(&operator));
        let event = event.change(before, state.name());
        self.push(match by {
            Some(by) => event.detail("by", by.to_owned()),
            None => event,
        });
        if voided {
            let event = self.event("authcode.revoked");
            self.push(event.detail("why", "state"));
        }
    }

    /// T2, T5: a proven token ends the wait for one. One whose codes are sent counts only where the
    /// person's set names it.
    pub(super) fn enrolled(&mut self, kind: TokenKind) {
        let set = self.record.profile.set.as_deref();
        let awaited = kind.computes() || self.site.policy.asks_for(set, kind);
        if awaited && matches!(self.state(), UserState::New | UserState::Replace) {
            let event = Event::new("user.state").user(self.record.id, self.record.name());
            self.enter(UserState::Steady, Some("auto"), event);
        }
    }

    /// Makes a token void for good, and says so.
    pub(super) fn obsolete(&mut self, id: TokenId, reason: &'static str) {
        self.void(id, reason);
        let event = self.event("token.obsolete").token(id);
        self.push(event.detail("why", reason));
    }

    /// Makes a token void for good and erases its secret.
    pub(super) fn void(&mut self, id: TokenId, reason: &'static str) {
        let at = self.wall();
        if let Some(token) = self.record.token_mut(id) {
            token.base = Base::Obsolete;
            token.seed = None;
            token.recovery.clear();
            token.questions = None;
            token.disabled_from = None;
            token.disabled_until = None;
            token.obsolete_reason = Some(reason.to_owned());
            token.updated = at;
        }
    }

    /// `Current state: Steady State.`
    pub(super) fn current(&self) -> String {
        format!("Current state: {}.", self.record.current_state())
    }

    /// The record changed.
    pub(super) fn done(mut self, message: impl Into<String>) -> Applied {
        let at = self.wall();
        self.record.profile_mut().updated = at;
        self.settled = true;
        self.close(message.into(), false)
    }

    /// It was already so; `event` says that it was asked for.
    pub(super) fn unchanged(mut self, event: Event, message: impl Into<String>) -> Applied {
        self.push(event.unchanged());
        self.close(message.into(), true)
    }

    /// It is refused, and that is counted.
    pub(super) fn refused(self, refusal: Refusal) -> Applied {
        let mut applied = self.done(String::new());
        applied.done.refused = Some(Box::new(refusal));
        applied
    }

    /// Nothing was to change.
    pub(super) fn shown(self, message: impl Into<String>) -> Applied {
        self.close(message.into(), false)
    }

    /// The person goes.
    pub(super) fn removed(mut self, message: impl Into<String>) -> Applied {
        let id = self.record.id;
        let expected = self.expected.unwrap_or_default();
        let effect = Effect::Remove { id, expected };
        self.settled = false;
        let mut applied = self.close(message.into(), false);
        applied.effects.push(effect);
        applied.done.state = None;
        applied.done.revision = None;
        applied
    }

    fn close(mut self, message: String, unchanged: bool) -> Applied {
        let mut effects = self.pool;
        let revision = &mut self.record.auth.revision;
        if self.settled {
            *revision += 1;
        }
        let done = Done {
            unchanged,
            message,
            notes: self.answer.notes,
            undo: self.answer.undo,
            user: Some(self.user),
            revision: Some(*revision),
            state: Some(self.record.current_state()),
            token: self.answer.token,
            data: self.answer.data,
            reveal: self.answer.reveal,
            ticket: self.answer.ticket,
            refused: None,
        };
        if self.settled {
            let user = Box::new(self.record);
            let expected = self.expected;
            effects.push(Effect::Put { user, expected });
        }
        Applied {
            effects,
            events: self.events,
            done,
        }
    }
}

/// What was prepared does not belong to the record that is judged.
pub(super) fn stale(user: &str) -> Refusal {
    let what = format!("{user} was changed meanwhile; nothing changed");
    Refusal::new(Code::Conflict, what).doing("give the command once more")
}
