//! The daemon's own lines, and the rate limit that keeps a stranger from filling the disk.
//!
//! [`info!`](info), [`warn!`](warn) and [`error!`](error) write at most [`LINES_PER_WINDOW`] line
//! per [`WINDOW_US`] and call site; what is left out is counted and said later ("... and 37 more
//! like this"). The `*_always!` variants are not limited: they are for what no stranger can cause,
//! such as an operator's command, a verdict about a known gateway or the daemon's own start. The
//! raw macros of `tracing` are forbidden elsewhere by `clippy.toml`. This is not the audit.
//!
//! They take what the `tracing` macros take: `warn!(gateway = %name, "W017 no packet passes")`.
//! A line is the sentence first, then `key=value`. Control characters in values are escaped, so a
//! user name cannot forge a line. Only our own lines are written, at every level: what libraries
//! log at trace level may hold what must not be printed.
//!
//! Time for the limit comes from [`crate::sys::clock`] by [`time_is`]; before the clock has
//! started nothing is limited.

use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, OnceLock, PoisonError};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::sys::{clock, notify};

/// Lines that one call site may write within [`WINDOW_US`].
pub const LINES_PER_WINDOW: u32 = 1;

/// The window of the limit, in microseconds.
pub const WINDOW_US: u64 = 60_000_000;

/// Longest line, in octets; the rest is cut.
pub const LINE_OCTETS_MAX: usize = 4_096;

/// Who reads standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// A person at a terminal, or a file: `HH:MM:SS sentence key=value`.
    Foreground,
    /// The journal, which stamps lines itself: `<priority>sentence key=value`.
    Journal,
}

impl Output {
    /// Asks whether standard error is the journal.
    #[must_use]
    pub fn detect() -> Self {
        if notify::stderr_is_journal() {
            Self::Journal
        } else {
            Self::Foreground
        }
    }
}

/// Lines that may wait to be written; beyond them lines are counted and lost. Whoever writes a line
/// never waits for standard error: a journal that stands still must not hold up a sign-in.
pub const LINES_WAITING_MAX: usize = 8_192;

/// Starts logging to standard error; a second call in the same process changes nothing.
pub fn init(output: Output, level: LevelFilter) {
    let (lines, waiting) = sync_channel(LINES_WAITING_MAX);
    let writer = std::thread::Builder::new().name("log".to_owned());
    if writer.spawn(move || write_lines(&waiting)).is_ok() {
        let _ = WAITING.set(lines);
    }
    let lines = Lines {
        output,
        level,
        zone: jiff::tz::TimeZone::system(),
    };
    // The only error is that somebody was first, which is what a test process does.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(lines));
}

/// Waits until everything said so far is written; for the end of the program.
pub fn flush() {
    let Some(waiting) = WAITING.get() else { return };
    let (written, done) = sync_channel(1);
    if waiting.send(Item::Flush(written)).is_ok() {
        let _ = done.recv();
    }
}

/// What the writing thread is given.
enum Item {
    /// A line with its end.
    Line(String),
    /// Tell when everything before is written.
    Flush(SyncSender<()>),
}

static WAITING: OnceLock<SyncSender<Item>> = OnceLock::new();

/// Lines that found no place.
static LOST: AtomicU64 = AtomicU64::new(0);

fn write_lines(waiting: &Receiver<Item>) {
    // Nobody is left to tell if standard error is gone.
    for item in waiting {
        match item {
            Item::Line(line) => {
                let _ = io::stderr().write_all(line.as_bytes());
            }
            Item::Flush(written) => {
                let _ = written.send(());
            }
        }
        let lost = LOST.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let _ = writeln!(
                io::stderr(),
                "{lost} log lines were lost: they came too fast"
            );
        }
    }
}

/// Tells the limits what time it is, on the monotonic clock.
pub fn time_is(mono_us: u64) {
    TIME_US.store(mono_us, Ordering::Relaxed);
}

/// Writes the sums of what was left out in windows that are over; to be called about once a minute,
/// so that a flood that has stopped is still reported.
pub fn sum_up() {
    let now_us = TIME_US.load(Ordering::Relaxed);
    let sites = SITES.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for site in sites {
        let left_out = site.settle(now_us);
        if left_out > 0 {
            let like = site.place;
            match site.level {
                Severity::Error => tracing::event!(Level::ERROR, %like, "... and {left_out} more"),
                Severity::Warn => tracing::event!(Level::WARN, %like, "... and {left_out} more"),
                Severity::Info => tracing::event!(Level::INFO, %like, "... and {left_out} more"),
            }
        }
    }
}

static TIME_US: AtomicU64 = AtomicU64::new(0);

/// Call sites that have left something out; as many as the program has, at most.
static SITES: Mutex<Vec<&'static CallSite>> = Mutex::new(Vec::new());

/// How serious the lines of a call site are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub enum Severity {
    Error,
    Warn,
    Info,
}

/// The limit of one line of source code; the macros make one for each.
#[derive(Debug)]
#[doc(hidden)]
pub struct CallSite {
    place: &'static str,
    level: Severity,
    window_start_us: AtomicU64,
    written: AtomicU32,
    left_out: AtomicU64,
    listed: AtomicU32,
}

impl CallSite {
    #[must_use]
    pub const fn new(level: Severity, place: &'static str) -> Self {
        Self {
            place,
            level,
            window_start_us: AtomicU64::new(0),
            written: AtomicU32::new(0),
            left_out: AtomicU64::new(0),
            listed: AtomicU32::new(0),
        }
    }

    /// Whether a line may be written; if so, how many were left out since the last one.
    pub fn admit(&'static self) -> Option<u64> {
        let left_out = self.admit_at(TIME_US.load(Ordering::Relaxed));
        if left_out.is_none() && self.listed.swap(1, Ordering::Relaxed) == 0 {
            SITES
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(self);
        }
        left_out
    }

    fn admit_at(&self, now_us: u64) -> Option<u64> {
        if now_us == 0 {
            return Some(0);
        }
        let start = self.window_start_us.load(Ordering::Relaxed);
        let over = start == 0 || now_us.saturating_sub(start) >= WINDOW_US;
        if over && self.opens(start, now_us) {
            self.written.store(1, Ordering::Relaxed);
            return Some(self.left_out.swap(0, Ordering::Relaxed));
        }
        if self.written.fetch_add(1, Ordering::Relaxed) < LINES_PER_WINDOW {
            return Some(0);
        }
        self.written.store(LINES_PER_WINDOW, Ordering::Relaxed);
        self.left_out.fetch_add(1, Ordering::Relaxed);
        None
    }

    /// Opens a new window, unless another thread was first.
    fn opens(&self, start: u64, now_us: u64) -> bool {
        let order = Ordering::Relaxed;
        self.window_start_us
            .compare_exchange(start, now_us, order, order)
            .is_ok()
    }

    /// Takes the sum of a window that is over.
    fn settle(&self, now_us: u64) -> u64 {
        let start = self.window_start_us.load(Ordering::Relaxed);
        if now_us.saturating_sub(start) < WINDOW_US {
            return 0;
        }
        self.left_out.swap(0, Ordering::Relaxed)
    }
}

/// Writes a limited line of the given severity.
#[doc(hidden)]
#[macro_export]
macro_rules! log_limited {
    ($severity:ident, $level:ident, $($line:tt)+) => {{
        static SITE: $crate::log::CallSite = $crate::log::CallSite::new(
            $crate::log::Severity::$severity,
            ::core::concat!(::core::file!(), ":", ::core::line!()),
        );
        if let Some(left_out) = SITE.admit() {
            ::tracing::event!(::tracing::Level::$level, $($line)+);
            if left_out > 0 {
                ::tracing::event!(
                    ::tracing::Level::$level, "... and {} more like this", left_out
                );
            }
        }
    }};
}

/// Writes an informative line, limited.
#[macro_export]
macro_rules! log_info { ($($line:tt)+) => { $crate::log_limited!(Info, INFO, $($line)+) }; }

/// Writes a warning, limited.
#[macro_export]
macro_rules! log_warn { ($($line:tt)+) => { $crate::log_limited!(Warn, WARN, $($line)+) }; }

/// Writes an error, limited.
#[macro_export]
macro_rules! log_error { ($($line:tt)+) => { $crate::log_limited!(Error, ERROR, $($line)+) }; }

/// Writes an informative line that no stranger can cause.
#[macro_export]
macro_rules! log_info_always {
    ($($line:tt)+) => { ::tracing::event!(::tracing::Level::INFO, $($line)+) };
}

/// Writes a warning that no stranger can cause.
#[macro_export]
macro_rules! log_warn_always {
    ($($line:tt)+) => { ::tracing::event!(::tracing::Level::WARN, $($line)+) };
}

/// Writes an error that no stranger can cause.
#[macro_export]
macro_rules! log_error_always {
    ($($line:tt)+) => { ::tracing::event!(::tracing::Level::ERROR, $($line)+) };
}

pub use crate::{
    log_error as error, log_error_always as error_always, log_info as info,
    log_info_always as info_always, log_warn as warn, log_warn_always as warn_always,
};

/// Turns events into lines on standard error.
struct Lines {
    output: Output,
    level: LevelFilter,
    zone: jiff::tz::TimeZone,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        *metadata.level() <= self.level && is_ours(metadata.target())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        let mut line = match self.output {
            Output::Journal => format!("<{}>", priority(*event.metadata().level())),
            Output::Foreground => self.stamp(),
        };
        line.push_str(&text.sentence);
        line.push_str(&text.pairs);
        line.truncate(line.floor_char_boundary(LINE_OCTETS_MAX));
        line.push('\n');
        let Some(waiting) = WAITING.get() else { return };
        if waiting.try_send(Item::Line(line)).is_err() {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Lines {
    fn stamp(&self) -> String {
        jiff::Timestamp::from_millisecond(clock::wall().0)
            .map(|t| {
                t.to_zoned(self.zone.clone())
                    .strftime("%H:%M:%S ")
                    .to_string()
            })
            .unwrap_or_default()
    }
}

/// Our own library and programs.
fn is_ours(target: &str) -> bool {
    matches!(
        target.split("::").next(),
        Some("mfad" | "mfactl" | "mfad_web")
    )
}

/// The syslog priority that the journal reads at the start of a line.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

/// The sentence and the pairs of one event.
#[derive(Default)]
struct Text {
    sentence: String,
    pairs: String,
}

impl Text {
    fn put(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            escape(&mut self.sentence, value);
            return;
        }
        let name = field.name();
        let bare = !value.is_empty() && !value.contains([' ', '"', '=', '\\']);
        let quote = if bare { "" } else { "\"" };
        self.pairs.extend([" ", name, "=", quote]);
        escape(
            &mut self.pairs,
            &value.replace('\\', "\\\\").replace('"', "\\\""),
        );
        self.pairs.push_str(quote);
    }
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }
}

/// Copies `value` with its control characters made visible.
fn escape(line: &mut String, value: &str) {
    for c in value.chars() {
        if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}') {
            let _ = write!(line, "{}", c.escape_unicode());
        } else {
            line.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_call_site_writes_its_share_and_counts_the_rest() {
        let site = CallSite::new(Severity::Info, "here");
        assert_eq!(site.admit_at(5), Some(0));
        for _ in 0..37 {
            assert_eq!(site.admit_at(6), None);
        }
        assert_eq!(site.settle(WINDOW_US + 4), 0, "its window is not over");
        assert_eq!(site.admit_at(WINDOW_US + 5), Some(37));
        assert_eq!(site.admit_at(WINDOW_US + 6), None);
        assert_eq!(site.settle(2 * WINDOW_US + 5), 1);
        assert_eq!(site.admit_at(2 * WINDOW_US + 6), Some(0));
    }

    #[test]
    fn without_a_clock_nothing_is_left_out() {
        let site = CallSite::new(Severity::Info, "here");
        assert!((0..100).all(|_| site.admit_at(0) == Some(0)));
    }

    const CHILD: &str = "MFAD_TEST_LOG_CHILD";

    /// Does nothing unless the test below started it in a process of its own.
    #[test]
    fn child_writes_lines() {
        let Some(output) = std::env::var_os(CHILD) else {
            return;
        };
        let journal = output == "journal";
        init(
            if journal {
                Output::Journal
            } else {
                Output::Foreground
            },
            LevelFilter::INFO,
        );
        let name = "eve\n<3>forged \"x\"";
        error_always!(user = name, count = 5, gateway = %"vpn1", "locked");
        tracing::event!(target: "hyper::proto", Level::ERROR, "password=12345");
        tracing::event!(Level::DEBUG, "too fine");
        time_is(1);
        for n in 0..3 {
            warn!(n, "strange packet {}", n);
        }
        time_is(1 + WINDOW_US);
        sum_up();
        flush();
    }

    fn lines(output: &str) -> String {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "log::tests::child_writes_lines", "--nocapture"])
            .env(CHILD, output)
            .output()
            .unwrap();
        String::from_utf8(output.stderr).unwrap()
    }

    #[test]
    fn lines_are_sentence_first_and_cannot_be_forged() {
        let journal = lines("journal");
        let mut lines_seen = journal.lines();
        assert_eq!(
            lines_seen.next().unwrap(),
            r#"<3>locked user="eve\u{a}<3>forged \"x\"" count=5 gateway=vpn1"#
        );
        assert_eq!(lines_seen.next().unwrap(), "<4>strange packet 0 n=0");
        assert!(
            lines_seen
                .next()
                .unwrap()
                .starts_with("<4>... and 2 more like=src/log.rs:")
        );
        assert_eq!(lines_seen.next(), None);
        let foreground = lines("foreground");
        let first = foreground.lines().next().unwrap();
        assert_eq!(
            (&first[2..3], &first[5..6], &first[8..16]),
            (":", ":", " locked ")
        );
    }
}
