//! Requests of `org.mfad.Enrol`: the steps of a person on the pages of a link.
//!
//! What is no link at all is refused in the words of a link that is not good.

use super::Arguments;
use crate::control::fault::Fault;
use crate::domain::command::{PageStep, Step, refused_link};
use crate::token::OtpCode;
use crate::token::link::LinkSecret;

pub(super) fn begin(a: &mut Arguments) -> Result<PageStep, Fault> {
    let what = Step::Begin {
        user: a.maybe("user").unwrap_or_default(),
        code: a.secret("code"),
    };
    step(a, "link", what)
}

pub(super) fn prove(a: &mut Arguments) -> Result<PageStep, Fault> {
    let typed = a.secret("otp");
    let code = typed.and_then(|digits| OtpCode::parse(digits.expose()));
    step(a, "ticket", Step::Prove { code })
}

pub(super) fn recovery(a: &mut Arguments) -> Result<PageStep, Fault> {
    step(a, "ticket", Step::Recovery)
}

pub(super) fn confirm(a: &mut Arguments) -> Result<PageStep, Fault> {
    step(a, "link", Step::Confirm)
}

fn step(a: &mut Arguments, name: &str, what: Step) -> Result<PageStep, Fault> {
    let link = a.secret(name);
    let link = link.and_then(|text| LinkSecret::parse(text.expose()));
    Ok(PageStep {
        link: link.ok_or_else(refused_link)?,
        from: a.maybe("from").unwrap_or_default(),
        what,
    })
}
