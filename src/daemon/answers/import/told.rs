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

/// What gateways met while it was written: how many requests there were, and the time that 99 of 100
/// took at most.
pub(super) fn meanwhile(answered: Option<(u64, u64)>) -> Option<(&'static str, String)> {
    let (answered, within_us) = answered?;
    let within = match within_us {
        u64::MAX => "not 99 of 100 of them within 2 s".to_owned(),
        1_000.. => format!("99 of 100 within {} ms", within_us / 1_000),
        _ => "99 of 100 within 1 ms".to_owned(),
    };
    let requests = match answered {
        1 => "1 request of a gateway".to_owned(),
        _ => format!("{} requests of gateways", number(answered)),
    };
    Some((
        "beside",
        format!("{requests} answered meanwhile, {within}."),
    ))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::count::Histogram;

    #[test]
    fn sign_ins_meanwhile_are_those_since_it_began() {
        let answered = Histogram::default();
        (0..50).for_each(|_| answered.observe(900_000));
        let before = answered.counts();
        let told = || meanwhile(answered.since(&before, 0.99)).map(|(_, text)| text);
        assert_eq!(told(), None);
        answered.observe(300);
        let one = "1 request of a gateway answered meanwhile, 99 of 100 within 1 ms.";
        assert_eq!(told().as_deref(), Some(one));
        (0..1_203).for_each(|_| answered.observe(1_500));
        let many = "1,204 requests of gateways answered meanwhile, 99 of 100 within 2 ms.";
        assert_eq!(told().as_deref(), Some(many));
        (0..20).for_each(|_| answered.observe(9_000_000));
        let slow =
            "1,224 requests of gateways answered meanwhile, not 99 of 100 of them within 2 s.";
        assert_eq!(told().as_deref(), Some(slow));
    }
}
