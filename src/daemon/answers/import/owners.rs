//! Tokens with their owners: who is not there is added, who is there gets the token.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};

use crate::control::import::Owners;
use crate::domain::event::{Event, Origin};
use crate::domain::owned::{self, Has, Judge};
use crate::domain::pool::{Intake, Known};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::user::UserRecord;
use crate::token::import::owned::{self as file, Owned};

use super::super::desk::{Desk, store};
use super::{Goods, Rejected, counted};

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
            seats: Cell::new(0),
        };
        tokens.anew()?;
        Ok(tokens)
    }

    fn known(&self, name: &str) -> Result<Option<UserRecord>, Refusal> {
        let known = self.desk.reader().user_by_name(name);
        known.map_err(|error| store(&error))
    }
}

impl Goods for Tokens<'_> {
    type Item = Owned;
    const EVENT: &'static str = "token.imported";
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
            None => Has::No,
        };
        let mut coming = self.coming.borrow_mut();
        let more = coming.get(&item.user).copied().unwrap_or(0);
        let known = match &item.serial {
            Some(serial) => self
                .desk
                .engine
                .known(serial, item.otp, &item.seed)
                .map_err(|error| store(&error))?,
            None => Known::Nothing,
        };
        let intake = self.judge.judge(item, owner.as_ref(), has, &known, more)?;
        if intake == Intake::New {
            if owner.is_none() && more == 0 {
                self.desk
                    .engine
                    .newcomer(self.desk.operator, &item.user, self.seats.get())?;
                self.seats.set(self.seats.get() + 1);
                self.newcomers.borrow_mut().insert(item.user.clone());
            }
            *coming.entry(item.user.clone()).or_default() += 1;
        }
        Ok(intake)
    }

    fn remarks(&self) -> Vec<(&'static str, String)> {
        let mut remarks = Vec::new();
        let newcomers = self.newcomers.borrow().len();
        if newcomers > 0 {
            let new = counted(newcomers, ["of the owners", "of the owners"]);
            remarks.push(("owners", format!("{new} new.")));
        }
        if self.scratch_codes > 0 {
            let left = counted(self.scratch_codes, ["scratch code", "scratch codes"]);
            let text = format!("{left} left out: `recovery issue` makes better ones.");
            remarks.push(("codes", text));
        }
        remarks
    }

    fn anew(&self) -> Result<(), Refusal> {
        self.coming.borrow_mut().clear();
        let counts = self.desk.reader().counts().map_err(|error| store(&error))?;
        self.seats.set(counts.seats);
        Ok(())
    }

    fn put(&self, batch: &[&Owned], origin: Origin, event: Event) -> Result<Option<u64>, Refusal> {
        let mut owners: Vec<(&str, Vec<&Owned>)> = Vec::new();
        for token in batch {
            match owners.iter_mut().find(|(name, _)| *name == token.user) {
                Some((_, tokens)) => tokens.push(token),
                None => owners.push((&token.user, vec![token])),
            }
        }
        let mut people = Vec::new();
        for (name, tokens) in owners {
            match self.desk.engine.arrival(self.desk.operator, name, &tokens) {
                Ok(arrival) => people.push(arrival),
                Err(refusal) if refusal.code == Code::Store => return Err(refusal),
                // The owner has changed since this was judged: each is judged once more.
                Err(_) => return Ok(None),
            }
        }
        Ok(self.desk.engine.put_people(people, origin, event))
    }
}
