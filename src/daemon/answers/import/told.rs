//! What is said of an import, on the way and at its end.

use serde_json::Map;

use crate::control::reply::Done;
use crate::daemon::report::number;
use crate::domain::pool::Intake;
use crate::domain::refusal::{Code, Refusal};

use super::Goods;

/// How many were written, or would be.
#[derive(Default)]
pub(super) struct Written {
    pub(super) new: usize,
    pub(super) ahead: usize,
}

impl Written {
    pub(super) const fn all(&self) -> usize {
        self.new + self.ahead
    }

    pub(super) const fn add(&mut self, how: Intake, more: usize) {
        match how {
            Intake::Ahead => self.ahead += more,
            Intake::New | Intake::Same => self.new += more,
        }
    }

    /// What has become of them, or `would`.
    pub(super) fn sentence<G: Goods>(&self, would: bool) -> String {
        let [one, many] = G::NOUN;
        let noun = |number_of: usize| if number_of == 1 { one } else { many };
        let new = match (self.new, would) {
            (new, false) => format!("{} {}.", counted(new, G::NOUN), G::BECOME[0]),
            (new, true) => format!("{} {} {}.", count(new), noun(new), G::BECOME[1]),
        };
        let has = if would { "would move" } else { "moved" };
        let (ahead, of) = (count(self.ahead), noun(self.ahead));
        let moved = match self.ahead {
            1 => format!("The counter of 1 {of} {has} forward."),
            _ => format!("The counters of {ahead} {of} {has} forward."),
        };
        match (self.new, self.ahead) {
            (_, 0) => new,
            (0, _) => moved,
            _ => format!("{new} {moved}"),
        }
    }
}

pub(in crate::daemon::answers) fn so_far(written: usize, of: usize) -> Done {
    Done {
        message: format!("{} of {}", count(written), count(of)),
        data: Map::from_iter([
            ("written".to_owned(), written.into()),
            ("of".to_owned(), of.into()),
        ]),
        ..Done::default()
    }
}

pub(in crate::daemon::answers) fn judged_so_far(judged: usize, of: usize) -> Done {
    Done {
        message: format!("{} of {} judged", count(judged), count(of)),
        data: Map::from_iter([
            ("judged".to_owned(), judged.into()),
            ("of".to_owned(), of.into()),
        ]),
        ..Done::default()
    }
}

pub(super) fn no_store(written: usize, of: usize) -> Refusal {
    let what = format!(
        "imported {} of {}, then the store refused",
        count(written),
        count(of)
    );
    Refusal::new(Code::Store, what)
        .why("mfad cannot write to its store")
        .doing("free space or repair the disk, then give the command again: it goes on")
}

pub(super) fn stopped(written: usize, of: usize) -> Refusal {
    let what = format!(
        "stopped after {} of {}; these are in and complete",
        count(written),
        count(of)
    );
    Refusal::new(Code::Busy, what).doing("give the command again: it goes on")
}

pub(in crate::daemon::answers) fn count(number_of: usize) -> String {
    number(number_of as u64)
}

pub(super) fn records(number_of: usize) -> String {
    counted(number_of, ["record", "records"])
}

/// `1 record is`, `5 records are`.
pub(super) fn counted(number_of: usize, [one, many]: [&str; 2]) -> String {
    match number_of {
        1 => format!("1 {one} is"),
        _ => format!("{} {many} are", count(number_of)),
    }
}
