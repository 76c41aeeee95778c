//! What went wrong, in the form of the manual, and the exit status that goes with it.
//!
//! A [`Trouble`] is made from a fault of the daemon or by `mfactl` itself; both print alike: what
//! did not happen, then why, where, what to try, what to do, who may, and the code for scripts.
//! Lines without content are left out.

use std::fmt::Write as _;
use std::ops::{Deref, DerefMut};

use serde_json::{Map, Value};

use super::output::{Screen, text};
use crate::control::fault::Fault;

/// Wrong usage.
pub(super) const USAGE: u8 = 64;
/// An input file has bad records.
pub(super) const BAD_DATA: u8 = 65;
/// An input file is missing or unreadable.
pub(super) const NO_INPUT: u8 = 66;
/// The daemon cannot be reached.
pub(super) const UNAVAILABLE: u8 = 69;
/// A bug.
pub(super) const SOFTWARE: u8 = 70;
/// An output file cannot be made.
pub(super) const CANNOT_CREATE: u8 = 73;
/// Try again later.
pub(super) const TRY_AGAIN: u8 = 75;
/// The two programs do not understand each other.
pub(super) const PROTOCOL: u8 = 76;
/// Not allowed.
pub(super) const NO_PERMISSION: u8 = 77;
/// The configuration is wrong.
pub(super) const CONFIG: u8 = 78;
/// Ctrl-C.
pub(super) const INTERRUPTED: u8 = 130;

/// Column at which the text of a line begins.
const INDENT: usize = 9;

/// Something that did not happen; what is known of it is in [`Details`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Trouble(Box<Details>);

impl Deref for Trouble {
    type Target = Details;

    fn deref(&self) -> &Details {
        &self.0
    }
}

impl DerefMut for Trouble {
    fn deref_mut(&mut self) -> &mut Details {
        &mut self.0
    }
}

/// What is known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Details {
    /// Full varlink name, if the daemon said so.
    pub(super) error: Option<String>,
    /// What did not happen.
    pub(super) what: String,
    /// The fact that decided it.
    pub(super) why: Option<String>,
    /// The argument or place, laid out already.
    pub(super) places: Vec<String>,
    /// Commands that would work now, each perhaps followed by three blanks and its effect.
    pub(super) tries: Vec<String>,
    /// Something outside `mfactl`.
    pub(super) doing: Option<String>,
    /// What is missing.
    pub(super) need: Option<String>,
    /// `E_NAME`.
    pub(super) code: Option<String>,
    /// The exit status.
    pub(super) exit: u8,
    /// Request id.
    pub(super) request: Option<String>,
    /// What there is to tell nonetheless, for scripts: what was changed, if something was.
    pub(super) beside: Map<String, Value>,
}

impl Trouble {
    /// Trouble with its first line and exit status.
    pub(super) fn new(exit: u8, what: impl Into<String>) -> Self {
        let what = what.into();
        Self(Box::new(Details {
            what,
            exit,
            ..Details::default()
        }))
    }

    /// Wrong usage.
    pub(super) fn usage(what: impl Into<String>) -> Self {
        let mut trouble = Self::new(USAGE, what);
        trouble.code = Some("E_ARG".to_owned());
        trouble
    }

    /// Somebody pressed Ctrl-C, or said no.
    pub(super) fn interrupted() -> Self {
        Self::new(INTERRUPTED, "stopped; nothing changed")
    }

    pub(super) fn why(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }

    pub(super) fn place(mut self, place: impl Into<String>) -> Self {
        self.places.push(place.into());
        self
    }

    pub(super) fn try_next(mut self, command: impl Into<String>) -> Self {
        self.tries.push(command.into());
        self
    }

    pub(super) fn doing(mut self, doing: impl Into<String>) -> Self {
        self.doing = Some(doing.into());
        self
    }

    pub(super) fn need(mut self, need: impl Into<String>) -> Self {
        self.need = Some(need.into());
        self
    }

    /// Whether `--graceful NAME` means this one.
    pub(super) fn is_named(&self, name: &str) -> bool {
        let short = self
            .error
            .as_deref()
            .and_then(|full| full.rsplit('.').next());
        short.is_some_and(|short| short.eq_ignore_ascii_case(name))
            || self.error.as_deref() == Some(name)
            || self.code.as_deref() == Some(name)
    }

    /// The lines for a person, with the last line end.
    pub(super) fn lines(&self, screen: &Screen) -> String {
        let width = screen.prose();
        let mut out = String::new();
        let what = format!("mfactl: {}", screen.times.in_text(&text::clean(&self.what)));
        for (at, line) in text::wrap(&what, width).iter().enumerate() {
            let indent = if at == 0 { "" } else { "  " };
            let _ = writeln!(out, "{indent}{line}");
        }
        let prose = |label: &str, words: &Option<String>, out: &mut String| {
            if let Some(words) = words {
                let words = screen.times.in_text(&text::clean(words));
                labelled(out, label, &text::wrap(&words, width - INDENT));
            }
        };
        prose("why", &self.why, &mut out);
        labelled(&mut out, "where", &self.places);
        let tries: Vec<String> = self
            .tries
            .iter()
            .flat_map(|line| text::wrap_command(&text::clean(line), width - INDENT))
            .collect();
        labelled(&mut out, "try", &tries);
        prose("do", &self.doing, &mut out);
        prose("need", &self.need, &mut out);
        labelled(&mut out, "code", &[text::clean(&self.last_line())]);
        out
    }

    fn last_line(&self) -> String {
        let mut parts = Vec::new();
        parts.extend(self.code.clone());
        parts.push(format!("exit {}", self.exit));
        parts.extend(self.request.as_ref().map(|id| format!("request {id}")));
        parts.join(", ")
    }

    /// The same for scripts.
    pub(super) fn json(&self) -> Value {
        let mut object = Map::new();
        let name = self.error.as_deref().unwrap_or("mfactl");
        object.insert("error".to_owned(), name.into());
        let mut text = |key: &str, value: &Option<String>| {
            if let Some(value) = value {
                object.insert(key.to_owned(), value.as_str().into());
            }
        };
        text("code", &self.code);
        text("what", &Some(self.what.clone()));
        text("why", &self.why);
        text("doing", &self.doing);
        text("need", &self.need);
        text("request", &self.request);
        if !self.tries.is_empty() {
            object.insert("tries".to_owned(), self.tries.clone().into());
        }
        object.insert("exit".to_owned(), self.exit.into());
        object.extend(self.beside.clone());
        Value::Object(object)
    }
}

fn labelled(out: &mut String, label: &str, lines: &[String]) {
    for (at, line) in lines.iter().enumerate() {
        let label = if at == 0 { label } else { "" };
        let _ = writeln!(out, "  {label:<7}{line}");
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        let exit = fault.exit();
        let parameters = fault.parameters;
        let code = Some(parameters.code).filter(|code| !code.is_empty());
        let mut trouble = Self(Box::new(Details {
            what: parameters.what,
            why: parameters.why,
            places: Vec::new(),
            tries: parameters.tries,
            doing: parameters.doing,
            need: parameters.need,
            code,
            exit,
            request: parameters.request,
            error: Some(fault.error),
            beside: Map::new(),
        }));
        if trouble.what.is_empty() {
            let name = trouble.error.clone().unwrap_or_default();
            trouble.what = format!("mfad answers {name}");
        }
        if exit == PROTOCOL {
            trouble = trouble.older();
        }
        trouble
    }
}

impl Trouble {
    /// A daemon that does not know what this program asks.
    fn older(mut self) -> Self {
        self.why = Some(std::mem::take(&mut self.what));
        self.what = format!(
            "mfactl {} and mfad do not understand each other",
            env!("CARGO_PKG_VERSION")
        );
        self.code = None;
        self.doing
            .get_or_insert_with(|| "upgrade the older of the two".to_owned());
        self
    }
}
