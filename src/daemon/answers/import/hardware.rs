//! Hardware tokens, for the pool.

use std::cell::RefCell;
use std::collections::HashSet;

use crate::control::import::Hardware;
use crate::domain::event::{Event, Origin};
use crate::domain::pool::{Intake, Judge, Known};
use crate::domain::refusal::{Code, Refusal};
use crate::token::import::{self, Imported};

use super::super::desk::{Desk, store};
use super::{Goods, Rejected, met};

type Row = Result<Imported, Rejected>;

pub(super) fn read(how: &Hardware, text: &str) -> Result<Vec<Row>, Refusal> {
    let rows = import::read(how.format, text, &how.unsaid, how.key.as_ref());
    let rows = rows.map_err(|bad| {
        let format = how.format.name();
        let what = format!("the file is not taken as {format}; nothing changed");
        Refusal::new(Code::Arg, what).why(bad.to_string())
    })?;
    let row = |row: import::Row| {
        row.map_err(|bad| Rejected {
            line: bad.line,
            code: Code::Arg,
            reason: bad.reason.to_string(),
        })
    };
    Ok(rows.into_iter().map(row).collect())
}

pub(super) struct Tokens<'a> {
    desk: &'a Desk<'a>,
    judge: Judge<'a>,
    /// Owners of tokens that move forward.
    owners: RefCell<HashSet<String>>,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(desk: &'a Desk<'a>, rows: &'a [Row], weak: bool) -> Self {
        Self {
            desk,
            judge: Judge::new(rows.iter().flatten(), weak, desk.now),
            owners: RefCell::default(),
        }
    }
}

impl Goods for Tokens<'_> {
    type Item = Imported;
    const EVENT: [&'static str; 2] = ["hw.imported", "hw.advanced"];
    const BATCH: usize = 50;
    const NOUN: [&'static str; 2] = ["hardware token", "hardware tokens"];
    const BECOME: [&'static str; 2] = ["in the pool", "would come into the pool"];

    fn place(item: &Imported) -> (u64, &str) {
        (item.line, &item.serial)
    }

    fn judge(&self, item: &Imported) -> Result<Intake, Refusal> {
        let known = self
            .desk
            .engine
            .known(&item.serial, item.otp, &item.seed, item.counter)
            .map_err(|error| store(&error))?;
        let intake = self.judge.judge(item, &known)?;
        if let (Intake::Ahead, Known::Owned { user, .. }) = (intake, &known) {
            self.owners.borrow_mut().insert(user.to_string());
        }
        Ok(intake)
    }

    fn changed(&self) -> usize {
        self.owners.borrow().len()
    }

    fn put(
        &self,
        batch: &[&Imported],
        origin: Origin,
        event: Event,
    ) -> Result<Option<u64>, Refusal> {
        self.desk.engine.put_into_pool(batch, origin, event)
    }

    fn advance(
        &self,
        batch: &[&Imported],
        origin: Origin,
        event: Event,
    ) -> Result<Option<u64>, Refusal> {
        let Desk {
            engine, operator, ..
        } = self.desk;
        met(engine.advance_hardware(operator, batch, origin, event))
    }
}
