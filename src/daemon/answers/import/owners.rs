//! Tokens with their owners: who is not there is added, who is there gets the token.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::control::import::Owners;
use crate::daemon::report::number;
use crate::domain::event::{Event, Origin};
use crate::domain::owned::{self, Judge};
use crate::domain::policy::{FirstFactorBy, GatewayPolicy};
use crate::domain::pool::{Intake, Known};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::token_record::TokenKind;
use crate::domain::user::UserRecord;
use crate::engine::writer::Arrival;
use crate::token::import::owned::{self as file, Owned};

use super::super::desk::{Desk, store};
use super::told::counted;
use super::{Goods, Rejected, met};

type Row = Result<Owned, Rejected>;

pub(super) fn read(how: &Owners, text: &str) -> Result<Vec<Row>, Refusal> {
    let rows = file::read(how.source, text, how.key.as_ref()).map_err(|bad| {
        let source = how.source.name();
        let what = format!("the file is not taken as {source}; nothing changed");
        Refusal::new(Code::Arg, what).why(bad.to_string())
    })?;
    let row = |row: file::Row| match row {
        Ok(mut token) => {
            let owner = owned::owner(&token.user, how.strip_domain);
            token.user = owner.map_err(|refusal| Rejected::new(token.line, refusal))?;
            Ok(token)
        }
        Err(bad) => Err(Rejected {
            line: bad.line,
            code: Code::Arg,
            reason: bad.reason.to_string(),
        }),
    };
    Ok(rows.into_iter().map(row).collect())
}

pub(super) struct Tokens<'a> {
    desk: &'a Desk<'a>,
    judge: Judge<'a>,
    /// Tokens that are to come, of each owner.
    coming: RefCell<HashMap<String, usize>>,
    /// Of all records together.
    scratch_codes: usize,
    /// Owners who were not there.
    newcomers: RefCell<HashSet<String>>,
    /// Owners who are here, and would be changed.
    changed: RefCell<HashSet<String>>,
    /// Lines of new tokens that are switched off where they come from.
    off: RefCell<HashSet<u64>>,
    /// New tokens of each type: those judged so, but for those of a batch that left nothing.
    kinds: RefCell<BTreeMap<&'static str, usize>>,
    /// Owners who have no PIN.
    pinless: RefCell<HashSet<String>>,
    /// Seats that are taken, those of the owners judged so far among them.
    seats: Cell<u64>,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(desk: &'a Desk<'a>, rows: &'a [Row], weak: bool) -> Result<Self, Refusal> {
        let tokens = Self {
            desk,
            judge: Judge::new(rows.iter().flatten(), weak, desk.policy(), desk.now),
            scratch_codes: rows.iter().flatten().map(|token| token.scratch_codes).sum(),
            coming: RefCell::default(),
            newcomers: RefCell::default(),
            changed: RefCell::default(),
            off: RefCell::default(),
            kinds: RefCell::default(),
            pinless: RefCell::default(),
            seats: Cell::new(0),
        };
        tokens.anew()?;
        Ok(tokens)
    }

    /// Who gets in nowhere where a PIN is typed: it takes more than a code to set the first one.
    fn without_pin(&self) -> Option<(&'static str, String)> {
        let typed = |gateway: &&Arc<GatewayPolicy>| gateway.first_factor == FirstFactorBy::Pin;
        let at = self.desk.rules.gateways.iter().filter(typed);
        let at: Vec<&str> = at.map(|gateway| &*gateway.name).collect();
        let without = self.pinless.borrow().len();
        if at.is_empty() || without == 0 {
            return None;
        }
        let have = counted(without, ["of the owners", "of the owners"]);
        let text = format!(
            "{have} without a PIN, and kept out at {}: `pin reset` sets one, `user set-state U \
             reset` with an auth code has them choose one.",
            at.join(", ")
        );
        Some(("pins", text))
    }

    /// What has left nothing is judged once more, and counted then.
    fn uncount(&self, batch: &[&Owned]) {
        let mut kinds = self.kinds.borrow_mut();
        for token in batch {
            let kind = TokenKind::of(token.otp.factor).name();
            if let Some(tokens) = kinds.get_mut(kind) {
                *tokens = tokens.saturating_sub(1);
            }
        }
        kinds.retain(|_, tokens| *tokens > 0);
    }

    fn known(&self, name: &str) -> Result<Option<UserRecord>, Refusal> {
        let known = self.desk.reader().user_by_name(name);
        known.map_err(|error| store(&error))
    }
}

impl Goods for Tokens<'_> {
    type Item = Owned;
    const EVENT: [&'static str; 2] = ["token.imported", "token.advanced"];
    const BATCH: usize = 50;
    const NOUN: [&'static str; 2] = ["token", "tokens"];
    const BECOME: [&'static str; 2] = [
        "registered with their owners",
        "would be registered with their owners",
    ];

    fn place(item: &Owned) -> (u64, &str) {
        (item.line, &item.user)
    }

    fn judge(&self, item: &Owned) -> Result<Intake, Refusal> {
        let owner = self.known(&item.user)?;
        let has = match &owner {
            Some(owner) => self.desk.engine.has(owner, item),
            None => None,
        };
        let mut coming = self.coming.borrow_mut();
        let more = coming.get(&item.user).copied().unwrap_or(0);
        let known = match &item.serial {
            Some(serial) => self
                .desk
                .engine
                .known(serial, item.otp, &item.seed, item.next_factor)
                .map_err(|error| store(&error))?,
            None => Known::Nothing,
        };
        let intake = self.judge.judge(item, owner.as_ref(), has, &known, more)?;
        if owner.is_some() && intake != Intake::Same {
            self.changed.borrow_mut().insert(item.user.clone());
        }
        if intake == Intake::New {
            if owner.is_none() && more == 0 {
                self.desk
                    .engine
                    .newcomer(self.desk.operator, &item.user, self.seats.get())?;
                self.seats.set(self.seats.get() + 1);
                self.newcomers.borrow_mut().insert(item.user.clone());
            }
            if item.disabled {
                self.off.borrow_mut().insert(item.line);
            }
            let kind = TokenKind::of(item.otp.factor).name();
            *self.kinds.borrow_mut().entry(kind).or_default() += 1;
            if owner.is_none_or(|owner| owner.profile.pin.is_none()) {
                self.pinless.borrow_mut().insert(item.user.clone());
            }
            *coming.entry(item.user.clone()).or_default() += 1;
        }
        Ok(intake)
    }

    fn remarks(&self) -> Vec<(&'static str, String)> {
        let mut remarks = Vec::new();
        let kinds = self.kinds.borrow();
        let each = kinds
            .iter()
            .map(|(kind, tokens)| format!("{} {kind}", number(*tokens as u64)));
        let kinds = each.collect::<Vec<_>>().join(", ");
        if !kinds.is_empty() {
            remarks.push(("types", format!("{kinds}.")));
        }
        let newcomers = self.newcomers.borrow().len();
        if newcomers > 0 {
            let new = counted(newcomers, ["of the owners", "of the owners"]);
            remarks.push(("owners", format!("{new} new.")));
        }
        let off = self.off.borrow().len();
        if off > 0 {
            let are = counted(off, ["of the tokens", "of the tokens"]);
            let text = format!("{are} switched off there, and so here: `token enable`.");
            remarks.push(("off", text));
        }
        remarks.extend(self.without_pin());
        if self.scratch_codes > 0 {
            let left = counted(self.scratch_codes, ["scratch code", "scratch codes"]);
            let text = format!("{left} left out: `recovery issue` makes better ones.");
            remarks.push(("codes", text));
        }
        remarks
    }

    fn next(&self) -> Option<&'static str> {
        Some("`auth log --follow` shows the first sign-ins with them.")
    }

    fn changed(&self) -> usize {
        self.changed.borrow().len()
    }

    /// Whoever is there may have proven an address; who comes has none.
    fn tells(&self, batch: &[&Owned]) -> Result<bool, Refusal> {
        if self.desk.policy().notices.is_none() {
            return Ok(false);
        }
        for token in batch {
            let Some(owner) = self.known(&token.user)? else {
                continue;
            };
            let profile = &owner.profile;
            let mut contacts = profile.emails.iter().chain(&profile.phones);
            if contacts.any(|contact| contact.verified) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn anew(&self) -> Result<(), Refusal> {
        self.coming.borrow_mut().clear();
        let counts = self.desk.reader().counts().map_err(|error| store(&error))?;
        self.seats.set(counts.seats);
        Ok(())
    }

    fn put(&self, batch: &[&Owned], origin: Origin, event: Event) -> Result<Option<u64>, Refusal> {
        let Desk {
            engine, operator, ..
        } = self.desk;
        let people = by_owner(batch, |name, tokens| engine.arrival(operator, name, tokens));
        let written = met(people.map(|people| engine.put_people(people, origin, event)))?;
        if written.is_none() {
            self.uncount(batch);
        }
        Ok(written)
    }

    fn advance(
        &self,
        batch: &[&Owned],
        origin: Origin,
        event: Event,
    ) -> Result<Option<u64>, Refusal> {
        let Desk {
            engine, operator, ..
        } = self.desk;
        let people = by_owner(batch, |name, tokens| engine.ahead(operator, name, tokens));
        met(people.map(|people| engine.put_people(people, origin, event)))
    }
}

/// What becomes of each owner, by name and tokens.
fn by_owner<'a>(
    batch: &[&'a Owned],
    change: impl Fn(&str, &[&'a Owned]) -> Result<Arrival, Refusal>,
) -> Result<Vec<Arrival>, Refusal> {
    let mut owners: Vec<(&str, Vec<&Owned>)> = Vec::new();
    for token in batch {
        match owners.iter_mut().find(|(name, _)| *name == token.user) {
            Some((_, tokens)) => tokens.push(token),
            None => owners.push((&token.user, vec![token])),
        }
    }
    let owners = owners.into_iter();
    owners.map(|(name, tokens)| change(name, &tokens)).collect()
}
