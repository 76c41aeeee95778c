//! How far a lengthy change is: a line that is written over on the terminal, and nothing where
//! standard error is none.

use serde_json::{Map, Value};

use super::output::{self, text};
use super::time;
use crate::time::Timestamp;

/// Widest bar.
const BAR_COLUMNS: usize = 32;
/// Narrower than this a bar says nothing.
const BAR_COLUMNS_MIN: usize = 8;
/// Rates of less time say nothing of the rest.
const RATE_MS_MIN: i64 = 1_000;

/// The line, and what it was last about.
pub(super) struct Progress {
    /// What is done, in one word.
    doing: &'static str,
    /// Columns of the terminal; none: nobody looks.
    columns: Option<usize>,
    /// Since when it is written, and from where on.
    since: Option<(Timestamp, u64)>,
    reached: Option<Reached>,
}

/// What is told on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reached {
    stage: Stage,
    done: u64,
    of: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing is written yet.
    Judging,
    Writing,
    /// The next one has to wait for room in the outbox.
    Waiting,
}

impl Progress {
    pub(super) const fn new(doing: &'static str, columns: Option<usize>) -> Self {
        Self {
            doing,
            columns,
            since: None,
            reached: None,
        }
    }

    /// Takes a reply on the way; false: it is the last one, and the line is gone.
    pub(super) fn told(&mut self, data: &Map<String, Value>) -> bool {
        let reached = Reached::of(data);
        if let Some(columns) = self.columns {
            let now = time::now();
            let line = reached.map(|at| at.line(self.doing, self.left_s(at, now), columns));
            output::print_error(&format!("\r\u{1b}[K{}", line.unwrap_or_default()));
        }
        self.reached = reached.or(self.reached);
        reached.is_some()
    }

    /// Ends the line, so that something else can be said.
    pub(super) fn end(&self) {
        if self.columns.is_some() && self.reached.is_some() {
            output::print_error("\n");
        }
    }

    /// `3,610 of 5,012`, of what is written.
    pub(super) fn written(&self) -> Option<String> {
        let reached = self.reached.filter(|at| at.stage != Stage::Judging);
        reached.map(|at| at.count())
    }

    /// Seconds that the rest takes if it goes on as until now.
    fn left_s(&mut self, at: Reached, now: Timestamp) -> Option<u64> {
        if at.stage != Stage::Writing {
            return None;
        }
        let (begun, from) = *self.since.get_or_insert((now, at.done));
        let spent = now.0.saturating_sub(begun.0);
        let written = at.done.checked_sub(from).filter(|written| *written > 0)?;
        let spent = u64::try_from(spent).ok().filter(|_| spent >= RATE_MS_MIN)?;
        let rest = at.of.saturating_sub(at.done);
        Some((spent.saturating_mul(rest) / written).div_ceil(1_000))
    }
}

impl Reached {
    fn of(data: &Map<String, Value>) -> Option<Self> {
        let number = |name: &str| data.get(name).and_then(Value::as_u64);
        let of = number("of")?;
        let waits = data.get("waits").and_then(Value::as_bool) == Some(true);
        let (stage, done) = match (number("judged"), number("written")) {
            (Some(judged), _) => (Stage::Judging, judged),
            (None, written) if waits => (Stage::Waiting, written?),
            (None, written) => (Stage::Writing, written?),
        };
        Some(Self { stage, done, of })
    }

    fn count(self) -> String {
        format!("{} of {}", text::number(self.done), text::number(self.of))
    }

    /// `importing [#######-----]  3,610 of 5,012  72 %  2 s left`, as much of it as there is room for.
    fn line(self, doing: &str, left_s: Option<u64>, columns: usize) -> String {
        let doing = match self.stage {
            Stage::Judging => "judging",
            Stage::Writing | Stage::Waiting => doing,
        };
        let whole = text::number(self.of);
        let percent = self.done.saturating_mul(100) / self.of.max(1);
        let done = text::right(&text::number(self.done), whole.len());
        let mut behind = format!("  {done} of {whole}  {percent:>3} %");
        match left_s {
            _ if self.stage == Stage::Waiting => behind.push_str("  waits for messages to be sent"),
            Some(left) if left >= 120 => behind = format!("{behind}  {} min left", left / 60),
            Some(left) => behind = format!("{behind}  {left} s left"),
            None => {}
        }
        // The last column stays free: some terminals would go to the next line.
        let room = columns.saturating_sub(doing.len() + " []".len() + behind.len() + 1);
        let bar = match room.min(BAR_COLUMNS) {
            width if width >= BAR_COLUMNS_MIN => self.bar(width),
            _ => String::new(),
        };
        text::cut(&format!("{doing}{bar}{behind}"), columns.saturating_sub(1))
    }

    fn bar(self, width: usize) -> String {
        let full = self.done.saturating_mul(width as u64) / self.of.max(1);
        let full = usize::try_from(full).unwrap_or(width).min(width);
        format!(" [{}{}]", "#".repeat(full), "-".repeat(width - full))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reached(data: &Value) -> Option<Reached> {
        Reached::of(data.as_object().unwrap())
    }

    fn line(data: &Value, left_s: Option<u64>, columns: usize) -> String {
        reached(data).unwrap().line("importing", left_s, columns)
    }

    #[test]
    fn a_bar_says_how_much_and_how_long() {
        let half = json!({"written": 3_610, "of": 5_012});
        assert_eq!(
            line(&half, Some(2), 80),
            "importing [#######################---------]  3,610 of 5,012   72 %  2 s left"
        );
        assert_eq!(
            line(&half, Some(150), 60),
            "importing [########----]  3,610 of 5,012   72 %  2 min left"
        );
        assert_eq!(line(&half, None, 40), "importing  3,610 of 5,012   72 %");
        let judged = json!({"judged": 1_000, "of": 100_000});
        let told = line(&judged, None, 80);
        assert!(told.starts_with("judging [-----"), "{told}");
        let waits = json!({"written": 50, "of": 100, "waits": true});
        assert!(line(&waits, None, 80).ends_with("waits for messages to be sent"));
        for columns in 40..120 {
            for data in [&half, &judged, &waits] {
                let line = line(data, Some(59), columns);
                assert!(line.len() < columns, "{line}");
            }
        }
    }

    #[test]
    fn odd_replies_are_no_surprise() {
        for data in [
            json!({}),
            json!({"of": 5}),
            json!({"written": 5}),
            json!({"of": "a"}),
        ] {
            assert_eq!(reached(&data), None, "{data}");
        }
        for (written, of) in [(0, 0), (5, 0), (9, 5), (u64::MAX, u64::MAX)] {
            let data = json!({"written": written, "of": of});
            assert!(!line(&data, None, 80).is_empty());
        }
    }

    #[test]
    fn the_rest_takes_as_long_as_the_part_before_it() {
        let mut progress = Progress::new("importing", None);
        let at = |done| Reached {
            stage: Stage::Writing,
            done,
            of: 1_000,
        };
        assert_eq!(progress.left_s(at(100), Timestamp(5_000)), None);
        assert_eq!(
            progress.left_s(at(150), Timestamp(5_500)),
            None,
            "too early to tell"
        );
        assert_eq!(progress.left_s(at(400), Timestamp(8_000)), Some(6));
        assert_eq!(progress.left_s(at(1_000), Timestamp(9_000)), Some(0));
        // Nor does a clock that was set back matter.
        assert_eq!(progress.left_s(at(500), Timestamp(1_000)), None);
    }
}
