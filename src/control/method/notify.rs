//! Requests of `org.mfad.Notify`.

use super::Arguments;
use crate::control::fault::Fault;
use crate::control::query::{Manner, Query};
use crate::domain::recipient::Recipient;

pub(super) fn list(a: &mut Arguments) -> Result<Query, Fault> {
    Ok(Query::NotifyList {
        user: a.user()?,
        page: a.page()?,
    })
}

pub(super) fn test(a: &mut Arguments, manner: Manner) -> Result<Query, Fault> {
    let to = a.maybe("to").map(|text| {
        Recipient::parse(&text).ok_or_else(|| {
            Fault::argument(format!(
                "`{}` is neither an e-mail address nor a telephone number such as +491701234567",
                text.escape_default()
            ))
        })
    });
    Ok(Query::NotifyTest {
        to: to.transpose()?,
        manner,
    })
}
