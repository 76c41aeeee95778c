//! What one question is answered from: who asks, the rules and the time of asking, the store.
//!
//! A [`Desk`] lives as long as its question, so that every line of a screen speaks of the same
//! rules at the same moment. Records are shown as the next request would find them: locks and
//! grants that time has ended are taken as ended, without being written.

use std::sync::Arc;

use crate::domain::action::Role;
use crate::domain::command::{TokenRef, resolve, words};
use crate::domain::event::{Actor, Event, Operator, Origin, RequestRef};
use crate::domain::lapse;
use crate::domain::policy::{GatewayPolicy, Policy};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::user::UserRecord;
use crate::engine::{Engine, Rules};
use crate::store::{Read, StoreError};
use crate::time::Now;
use crate::token::TokenId;

use super::near;

/// What one question is answered from.
pub(super) struct Desk<'a> {
    pub(super) engine: &'a Engine,
    pub(super) operator: &'a Operator,
    pub(super) rules: Arc<Rules>,
    pub(super) now: Now,
}

impl<'a> Desk<'a> {
    pub(super) fn new(engine: &'a Engine, operator: &'a Operator) -> Self {
        Self {
            engine,
            operator,
            rules: engine.rules(),
            now: engine.now(),
        }
    }

    pub(super) fn reader(&self) -> &dyn Read {
        self.engine.reader()
    }

    pub(super) fn policy(&self) -> &Policy {
        &self.rules.policy
    }

    /// Contacts are shown in clear.
    // domain R32: masked for viewer and support.
    pub(super) fn sees_contacts(&self) -> bool {
        self.operator.role >= Role::Operator
    }

    /// Which half of a passcode was wrong is told.
    // domain R63: support and above.
    pub(super) fn sees_halves(&self) -> bool {
        self.operator.role >= Role::Support
    }

    /// The person of this canonical name, as the next request would find the record.
    ///
    /// `command` is what is suggested for a name that is close to a misspelt one.
    pub(super) fn person(&self, name: &str, command: &str) -> Result<UserRecord, Refusal> {
        match self.engine.load(name).map_err(|error| store(&error))? {
            Some(record) => Ok(self.settled((*record).clone())),
            None => Err(self.no_user(name, command)),
        }
    }

    /// The record with everything ended that time has ended.
    pub(super) fn settled(&self, mut record: UserRecord) -> UserRecord {
        let _ = lapse::settle(&mut record, self.policy(), self.now, &mut Vec::new());
        record
    }

    pub(super) fn no_user(&self, name: &str, command: &str) -> Refusal {
        let mut refusal = Refusal::new(Code::NoUser, format!("there is no user `{name}`"));
        for close in near::users(self.reader(), name) {
            refusal = refusal.try_next(format!("{command} {}", words::shell(&close.name)));
        }
        if refusal.tries.is_empty() {
            refusal = refusal.try_next("mfactl user find");
        }
        refusal
    }

    /// The gateway of this name.
    pub(super) fn gateway(&self, name: &str) -> Result<&Arc<GatewayPolicy>, Refusal> {
        let known = self.rules.gateways.iter();
        known
            .clone()
            .find(|gateway| *gateway.name == *name)
            .ok_or_else(|| {
                let close = crate::config::nearest(name, known.map(|gateway| &*gateway.name));
                no_gateway(name, close)
            })
    }

    /// The token that is meant, and its owner.
    pub(super) fn token(&self, wanted: &TokenRef) -> Result<(UserRecord, TokenId), Refusal> {
        let text = match wanted {
            TokenRef::OfUser(user, _) => {
                let record = self.person(user, "mfactl token list")?;
                let id = resolve(&record, wanted)?;
                return Ok((record, id));
            }
            TokenRef::Id(id) => id.to_string(),
            TokenRef::Serial(serial) => serial.clone(),
        };
        let owner = self
            .reader()
            .user_by_token(&text)
            .map_err(|error| store(&error))?;
        let Some(owner) = owner else {
            let what = format!("there is no token `{text}`");
            return Err(Refusal::new(Code::NoToken, what).try_next("mfactl token find"));
        };
        let record = self.settled(owner);
        let id = resolve(&record, wanted)?;
        Ok((record, id))
    }

    /// Records that somebody's log was looked at, if the site wants that.
    pub(super) fn note_read(&self, record: &UserRecord, command: &'static str) {
        if !self.policy().audit_reads || self.operator.is(record.name()) {
            return;
        }
        let event = Event::new("read")
            .user(record.id, record.name())
            .detail("command", command);
        self.engine.note_later(self.origin(RequestRef::None), event);
    }

    /// The operator as the cause of an event.
    pub(super) fn origin(&self, request: RequestRef) -> Origin {
        let actor = Actor::Operator(self.operator.clone());
        Origin {
            actor,
            source: None,
            request,
        }
    }
}

/// The refusal of a question that the store did not answer.
pub(super) fn store(error: &StoreError) -> Refusal {
    Refusal::new(Code::Store, "mfad cannot read its store").why(error.to_string())
}

/// The refusal of a gateway that is not configured.
pub(super) fn no_gateway(name: &str, close: Option<&str>) -> Refusal {
    let refusal = Refusal::new(Code::NoGateway, format!("there is no gateway `{name}`"));
    match close {
        Some(close) => refusal.try_next(format!("mfactl gateway show {close}")),
        None => refusal.try_next("mfactl gateway list"),
    }
}
