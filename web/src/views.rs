//! What the templates in `templates/` are filled with.

use askama::Template;
use mfad::control::reply::RevealText;

use crate::config::Site;
use crate::qr::Qr;
use crate::text::{Language, Texts};

/// What every template shows.
pub(crate) struct View<'a> {
    pub(crate) site: &'a Site,
    pub(crate) language: Language,
    pub(crate) t: &'static Texts,
    /// The page can be asked for again in the other language.
    pub(crate) can_switch: bool,
}

impl View<'_> {
    pub(crate) fn help(&self) -> &str {
        let [english, german] = &self.site.help;
        match self.language {
            Language::En => english,
            Language::De => german,
        }
    }
}

#[derive(Template)]
#[template(path = "begin.html")]
pub(crate) struct BeginPage<'a> {
    pub(crate) v: View<'a>,
    pub(crate) failed: bool,
}

#[derive(Template)]
#[template(path = "scan.html")]
pub(crate) struct ScanPage<'a> {
    pub(crate) v: View<'a>,
    pub(crate) uri: &'a str,
    pub(crate) qr: Qr,
    /// The secret in groups that can be read aloud.
    pub(crate) groups: Vec<&'a str>,
    pub(crate) ticket: &'a str,
}

#[derive(Template)]
#[template(path = "again.html")]
pub(crate) struct AgainPage<'a> {
    pub(crate) v: View<'a>,
    pub(crate) clock: Option<ClockOff>,
    pub(crate) tries_left: Option<u32>,
    pub(crate) ticket: &'a str,
}

#[derive(Template)]
#[template(path = "done.html")]
pub(crate) struct DonePage<'a> {
    pub(crate) v: View<'a>,
    pub(crate) user: &'a str,
    pub(crate) clock: Option<ClockOff>,
    pub(crate) ticket: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "codes.html")]
pub(crate) struct CodesPage<'a> {
    pub(crate) v: View<'a>,
    pub(crate) codes: Vec<RevealText>,
}

#[derive(Template)]
#[template(path = "confirm.html")]
pub(crate) struct ConfirmPage<'a> {
    pub(crate) v: View<'a>,
}

#[derive(Template)]
#[template(path = "message.html")]
pub(crate) struct MessagePage<'a> {
    pub(crate) v: View<'a>,
    pub(crate) title: &'static str,
    pub(crate) text: &'static str,
    pub(crate) detail: &'a str,
}

/// How far a phone's clock is off.
pub(crate) struct ClockOff {
    pub(crate) ahead: bool,
    pub(crate) by: String,
}

impl ClockOff {
    pub(crate) fn of(seconds: i64) -> Option<Self> {
        (seconds != 0).then(|| Self {
            ahead: seconds > 0,
            by: Texts::span(seconds.unsigned_abs()),
        })
    }
}
