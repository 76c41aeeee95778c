//! Times as operators read and type them.
//!
//! Screens show the operator's zone, or UTC with `--utc`, and say how far away a moment is. What is
//! typed is a span (`7d`) or a point (`18:00`, `2026-11-28`, `2026-11-28T18:00`, RFC 3339); a date
//! alone means the end of that day where something ends, and its beginning where something begins.

use std::time::Duration;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Span, Zoned};

use super::errors::Trouble;
use crate::control::words;
use crate::time::Timestamp;

const MINUTE_S: i64 = 60;
const HOUR_S: i64 = 60 * MINUTE_S;
const DAY_S: i64 = 24 * HOUR_S;
/// From so many days on, a distance is no longer told in hours.
const HOURS_S_MAX: i64 = 2 * DAY_S;

/// This moment, by the operator's clock.
pub(super) fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

/// The zone and the moment that a screen is about.
#[derive(Clone, Debug)]
pub(super) struct Times {
    zone: TimeZone,
    now: Timestamp,
}

impl Times {
    /// The operator's zone, or UTC, at this moment.
    pub(super) fn new(utc: bool) -> Self {
        let zone = if utc {
            TimeZone::UTC
        } else {
            TimeZone::system()
        };
        Self { zone, now: now() }
    }

    /// The same as seen by the daemon, whose clock is the one that counts.
    pub(super) fn set_now(&mut self, now: Timestamp) {
        self.now = now;
    }

    fn zoned(&self, at: Timestamp) -> Option<Zoned> {
        let at = jiff::Timestamp::from_millisecond(at.0).ok()?;
        Some(at.to_zoned(self.zone.clone()))
    }

    fn format(&self, at: Timestamp, form: &str) -> String {
        self.zoned(at)
            .map_or_else(|| "never".to_owned(), |at| at.strftime(form).to_string())
    }

    /// Name of the zone at this moment.
    pub(super) fn zone_name(&self) -> String {
        self.format(self.now, "%Z")
    }

    /// `Sat 2026-11-21 14:08`.
    pub(super) fn heading(&self) -> String {
        self.format(self.now, "%a %Y-%m-%d %H:%M")
    }

    /// `today 14:02:11`, `yesterday 18:40`, `2026-11-02 09:00`.
    pub(super) fn moment(&self, at: Timestamp) -> String {
        match self.days_ago(at) {
            Some(0) => self.format(at, "today %H:%M:%S"),
            Some(1) => self.format(at, "yesterday %H:%M"),
            _ => self.format(at, "%Y-%m-%d %H:%M"),
        }
    }

    /// The same without seconds, for tables.
    pub(super) fn cell(&self, at: Timestamp) -> String {
        match self.days_ago(at) {
            Some(0) => self.format(at, "today %H:%M"),
            _ => self.moment(at),
        }
    }

    /// The day alone if it was long ago, else as [`Self::cell`].
    pub(super) fn day(&self, at: Timestamp) -> String {
        match self.days_ago(at) {
            Some(0 | 1) => self.cell(at),
            _ => self.format(at, "%Y-%m-%d"),
        }
    }

    /// `today 14:02:11 (6 min ago)`.
    pub(super) fn moment_and_distance(&self, at: Timestamp) -> String {
        match self.days_ago(at) {
            Some(0 | 1) => format!("{} ({})", self.moment(at), self.ago(at)),
            _ => self.moment(at),
        }
    }

    /// `14:02:11` alone.
    pub(super) fn clock(&self, at: Timestamp) -> String {
        self.format(at, "%H:%M:%S")
    }

    /// `2026-11-21 14:02:11.204`.
    pub(super) fn exact(&self, at: Timestamp) -> String {
        self.format(at, "%Y-%m-%d %H:%M:%S%.3f")
    }

    /// `14:02:11.204`.
    pub(super) fn exact_clock(&self, at: Timestamp) -> String {
        self.format(at, "%H:%M:%S%.3f")
    }

    /// `2026-11-21`.
    pub(super) fn date(&self, at: Timestamp) -> String {
        self.format(at, "%Y-%m-%d")
    }

    /// `Sat 2026-11-28 14:09 CET (7 d)`: how what was typed is echoed.
    pub(super) fn full(&self, at: Timestamp) -> String {
        if at == Timestamp::NEVER {
            return "never".to_owned();
        }
        let seconds = at.0.saturating_sub(self.now.0) / 1000;
        let distance = distance(seconds.unsigned_abs());
        let distance = if seconds < 0 {
            format!("{distance} ago")
        } else {
            distance
        };
        format!("{} ({distance})", self.format(at, "%a %Y-%m-%d %H:%M %Z"))
    }

    /// `Sat 2026-11-28 14:09`, for tables whose head names the zone.
    pub(super) fn weekday(&self, at: Timestamp) -> String {
        self.format(at, "%a %Y-%m-%d %H:%M")
    }

    /// `6 min ago`.
    pub(super) fn ago(&self, at: Timestamp) -> String {
        format!("{} ago", distance(self.now.since(at).as_secs()))
    }

    /// How many days of the calendar lie between; none: it is still to come.
    fn days_ago(&self, at: Timestamp) -> Option<i32> {
        if at > self.now + Duration::from_secs(MINUTE_S.unsigned_abs()) {
            return None;
        }
        let (then, now) = (self.zoned(at)?.date(), self.zoned(self.now)?.date());
        Some(now.since(then).ok()?.get_days())
    }

    /// Turns every instant inside a text into the operator's zone.
    pub(super) fn in_text(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("Z") {
            let (head, tail) = rest.split_at(at + 1);
            let begin = instant_begin(head);
            match begin.and_then(|begin| Some((begin, words::instant(head.get(begin..)?)?))) {
                Some((begin, instant)) => {
                    out.push_str(head.get(..begin).unwrap_or_default());
                    out.push_str(&self.inside(instant));
                }
                None => out.push_str(head),
            }
            rest = tail;
        }
        out.push_str(rest);
        out
    }

    /// A moment in the middle of a sentence.
    fn inside(&self, at: Timestamp) -> String {
        match self.days_ago(at) {
            Some(0) => self.clock(at),
            Some(_) => self.format(at, "%Y-%m-%d %H:%M"),
            None => self.full(at),
        }
    }
}

/// Where an instant that ends with the text begins.
fn instant_begin(head: &str) -> Option<usize> {
    let sign = |sign: char| sign.is_ascii_digit() || matches!(sign, '-' | ':' | '.' | 'T' | 'Z');
    let begin = head
        .char_indices()
        .rev()
        .take_while(|(_, c)| sign(*c))
        .last()?
        .0;
    (head.len() - begin >= "2026-11-21T14:02:11Z".len()).then_some(begin)
}

/// A span in its largest unit: `40 s`, `6 min`, `18 h`, `7 d`.
pub(super) fn distance(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    match seconds {
        0..MINUTE_S => format!("{seconds} s"),
        MINUTE_S..HOUR_S => format!("{} min", seconds / MINUTE_S),
        HOUR_S..HOURS_S_MAX => format!("{} h", seconds / HOUR_S),
        _ => format!("{} d", seconds / DAY_S),
    }
}

/// A span in its two largest units: `12 d 4 h`.
pub(super) fn long_distance(seconds: u64) -> String {
    let units = [("d", DAY_S), ("h", HOUR_S), ("min", MINUTE_S), ("s", 1)];
    let mut rest = i64::try_from(seconds).unwrap_or(i64::MAX);
    let mut parts = Vec::new();
    for (unit, size) in units {
        if rest >= size && parts.len() < 2 {
            parts.push(format!("{} {unit}", rest / size));
        } else if !parts.is_empty() {
            break;
        }
        rest %= size;
    }
    if parts.is_empty() {
        return "0 s".to_owned();
    }
    parts.join(" ")
}

/// What a date without a time of day stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edge {
    /// Its first moment: where something begins.
    Begin,
    /// Its end: where something ends.
    End,
    /// Its first moment, of what is still to come: where something will begin.
    Start,
}

/// Reads a point in time that was typed for `flag`.
pub(super) fn point(
    text: &str,
    flag: &str,
    edge: Edge,
    times: &Times,
) -> Result<Timestamp, Trouble> {
    read_point(text, edge, times).ok_or_else(|| {
        pointing(
            flag,
            text,
            0..text.len(),
            "18:00, 2026-11-28 or 2026-11-28T18:00",
        )
        .named(format!("`{text}` is no point in time"))
    })
}

fn read_point(text: &str, edge: Edge, times: &Times) -> Option<Timestamp> {
    if let Some(at) = words::instant(text) {
        return Some(at);
    }
    if let Ok(time) = text.parse::<Time>()
        && text.contains(':')
        && !text.contains(['-', 'T'])
    {
        return next_or_last(time, edge, times);
    }
    if text.len() == "2026-11-28".len() {
        let date: Date = text.parse().ok()?;
        let date = match edge {
            Edge::Begin | Edge::Start => date,
            Edge::End => date.tomorrow().ok()?,
        };
        return local(date.to_datetime(Time::midnight()), times);
    }
    local(text.replacen(' ', "T", 1).parse().ok()?, times)
}

/// The next time the clock shows that, or the last for what began.
fn next_or_last(time: Time, edge: Edge, times: &Times) -> Option<Timestamp> {
    let now = times.zoned(times.now)?;
    let today = local(now.date().to_datetime(time), times)?;
    let day = Span::new().days(1);
    match edge {
        Edge::End | Edge::Start if today <= times.now => {
            local(now.date().checked_add(day).ok()?.to_datetime(time), times)
        }
        Edge::Begin if today > times.now => {
            local(now.date().checked_sub(day).ok()?.to_datetime(time), times)
        }
        _ => Some(today),
    }
}

fn local(at: DateTime, times: &Times) -> Option<Timestamp> {
    let at = at.to_zoned(times.zone.clone()).ok()?;
    Some(Timestamp(at.timestamp().as_millisecond()))
}

/// Reads where a list begins: a span back from now, or a point.
pub(super) fn since(text: &str, flag: &str, times: &Times) -> Result<Timestamp, Trouble> {
    match read_span(text) {
        Ok(span) => Ok(times.now - span),
        Err(_) => point(text, flag, Edge::Begin, times),
    }
}

/// Reads a span that was typed for `flag`, in seconds.
pub(super) fn span(text: &str, flag: &str) -> Result<u64, Trouble> {
    read_span(text)
        .map(|span| span.as_secs())
        .map_err(|(at, advice)| {
            pointing(flag, text, at, &advice).named(format!("`{text}` is not a time span"))
        })
}

/// Trouble that points into an argument.
fn pointing(flag: &str, text: &str, at: std::ops::Range<usize>, advice: &str) -> Trouble {
    let flag = if flag.is_empty() {
        String::new()
    } else {
        format!("--{flag} ")
    };
    let signs =
        |range: std::ops::Range<usize>| text.get(range).map_or(0, |part| part.chars().count());
    let before = flag.len() + signs(0..at.start);
    let marks = signs(at.clone()).max(1) - 1;
    Trouble::usage("")
        .place(format!("{flag}{text}"))
        .place(format!(
            "{}^{} {advice}",
            " ".repeat(before),
            "~".repeat(marks)
        ))
}

impl Trouble {
    fn named(mut self, what: String) -> Self {
        self.what = what;
        self
    }
}

/// Reads a span; else where it is wrong, and what to write instead.
fn read_span(text: &str) -> Result<Duration, (std::ops::Range<usize>, String)> {
    crate::config::span::parse(text).map_err(|error| (error.at, error.advice.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sat 2026-11-21 14:08:22 CET.
    fn berlin() -> Times {
        Times {
            zone: TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap(),
            now: words::instant("2026-11-21T13:08:22Z").unwrap(),
        }
    }

    fn at(text: &str) -> Timestamp {
        words::instant(text).unwrap()
    }

    #[test]
    fn points_mean_what_people_mean() {
        let times = berlin();
        let end = |text| point(text, "until", Edge::End, &times).unwrap();
        assert_eq!(end("18:00"), at("2026-11-21T17:00:00Z"));
        assert_eq!(end("09:00"), at("2026-11-22T08:00:00Z"), "the next one");
        assert_eq!(end("2026-11-28"), at("2026-11-28T23:00:00Z"), "its end");
        assert_eq!(end("2026-11-28T18:00"), at("2026-11-28T17:00:00Z"));
        assert_eq!(end("2026-11-28 18:00"), at("2026-11-28T17:00:00Z"));
        assert_eq!(end("2026-11-28T18:00:00+02:00"), at("2026-11-28T16:00:00Z"));
        let start = |text| point(text, "from", Edge::Start, &times).unwrap();
        assert_eq!(start("09:00"), at("2026-11-22T08:00:00Z"), "still to come");
        assert_eq!(start("2026-11-28"), at("2026-11-27T23:00:00Z"));
        let begin = |text| since(text, "since", &times).unwrap();
        assert_eq!(begin("18:00"), at("2026-11-20T17:00:00Z"), "the last one");
        assert_eq!(begin("2026-11-20"), at("2026-11-19T23:00:00Z"));
        assert_eq!(begin("1h"), at("2026-11-21T12:08:22Z"));
        assert!(point("soon", "until", Edge::End, &times).is_err());
    }

    #[test]
    fn echoes_in_full() {
        let times = berlin();
        assert_eq!(
            times.full(at("2026-11-28T13:09:00Z")),
            "Sat 2026-11-28 14:09 CET (7 d)"
        );
        assert_eq!(times.moment(at("2026-11-21T13:02:11Z")), "today 14:02:11");
        assert_eq!(times.moment(at("2026-11-20T17:40:00Z")), "yesterday 18:40");
        assert_eq!(times.moment(at("2026-08-04T07:00:00Z")), "2026-08-04 09:00");
        assert_eq!(
            times.in_text("since 2026-11-21T13:02:11.000Z, ZZ, until 2026-11-23T13:09:00.000Z."),
            "since 14:02:11, ZZ, until Mon 2026-11-23 14:09 CET (2 d)."
        );
    }

    #[test]
    fn spans_point_at_what_is_wrong() {
        assert_eq!(span("1d12h", "for"), Ok(129_600));
        let trouble = span("1month", "for").unwrap_err();
        assert_eq!(
            trouble.places,
            [
                "--for 1month",
                "       ^~~~~ months differ in length; use d or w"
            ]
        );
        for wrong in ["", "d", "7", "1h1d", "7 d", "99999w", "ä"] {
            assert!(span(wrong, "for").is_err(), "{wrong}");
        }
        assert_eq!(distance(3 * 3600), "3 h");
        assert_eq!(long_distance(12 * 86_400 + 4 * 3600 + 5), "12 d 4 h");
    }
}
