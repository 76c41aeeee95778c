//! Requests of `org.mfad.Passthrough`.

use std::time::Duration;

use super::Arguments;
use crate::control::fault::Fault;
use crate::control::query::Query;
use crate::domain::command::{Command, PassthroughEnd};

pub(super) fn enable(a: &mut Arguments) -> Result<Command, Fault> {
    let end = match (a.int("for_s"), a.instant("until")?) {
        (None, None) => PassthroughEnd::Default,
        (Some(seconds), None) => PassthroughEnd::For(Duration::from_secs(seconds)),
        (None, Some(until)) => PassthroughEnd::Until(until),
        (Some(_), Some(_)) => {
            return Err(Fault::argument("`for_s` and `until` exclude each other"));
        }
    };
    Ok(Command::PassthroughEnable {
        user: a.user()?,
        from: a.instant("from")?,
        end,
        gateways: a.texts("gateways"),
    })
}

pub(super) fn renew(a: &mut Arguments) -> Result<Command, Fault> {
    Ok(Command::PassthroughRenew { user: a.user()? })
}

pub(super) fn disable(a: &mut Arguments) -> Result<Command, Fault> {
    Ok(Command::PassthroughDisable { user: a.user()? })
}

pub(super) fn list(a: &mut Arguments) -> Result<Query, Fault> {
    Ok(Query::PassthroughList {
        expiring_s: a.int("expiring_s"),
        page: a.page()?,
    })
}

pub(super) fn uses(a: &mut Arguments) -> Result<Query, Fault> {
    Ok(Query::PassthroughUses {
        user: a.user()?,
        page: a.page()?,
    })
}
