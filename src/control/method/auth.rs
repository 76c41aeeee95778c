//! Requests of `org.mfad.Auth`, `org.mfad.Gateways` and `org.mfad.Audit`: what was, and why.

use super::Arguments;
use crate::control::fault::Fault;
use crate::control::query::{
    AuditFilter, AuthFilter, Manner, Outcome, Query, WHY_ATTEMPTS, WHY_ATTEMPTS_MAX,
};
use crate::domain::command::Command;

pub(super) fn why(a: &mut Arguments) -> Result<Query, Fault> {
    Ok(Query::Why {
        user: a.user()?,
        gateway: a.maybe("gateway"),
        attempts: a.count("attempts", WHY_ATTEMPTS_MAX, WHY_ATTEMPTS)?,
    })
}

pub(super) fn explain(a: &mut Arguments) -> Result<Query, Fault> {
    Ok(Query::Explain {
        user: a.user()?,
        gateway: a.text("gateway")?,
        token: a.maybe_token()?,
    })
}

pub(super) fn log(a: &mut Arguments) -> Result<Query, Fault> {
    let filter = AuthFilter {
        user: a.maybe_user()?,
        gateway: a.maybe("gateway"),
        result: a.maybe("result").map(|word| outcome(&word)).transpose()?,
        since: a.instant("since")?,
        until: a.instant("until")?,
    };
    Ok(Query::AuthLog {
        filter,
        stages: a.flag("stages"),
        page: a.page()?,
    })
}

pub(super) fn show(a: &mut Arguments) -> Result<Query, Fault> {
    Ok(Query::AuthShow {
        attempt: a.text("attempt")?,
    })
}

pub(super) fn dialogue_list(a: &mut Arguments) -> Result<Query, Fault> {
    Ok(Query::DialogueList {
        user: a.maybe_user()?,
        page: a.page()?,
    })
}

pub(super) fn dialogue_end(a: &mut Arguments) -> Result<Command, Fault> {
    let typed = a.text("dialogue")?;
    let unreadable = || {
        Fault::argument(format!("`{typed}` is no id of a dialogue"))
            .doing("take one of `mfactl dialogue list`, such as d-8F3K2")
    };
    Ok(Command::DialogueEnd {
        dialogue: typed.parse().map_err(|_| unreadable())?,
    })
}

pub(super) fn gateway_list(_: &mut Arguments) -> Result<Query, Fault> {
    Ok(Query::GatewayList)
}

pub(super) fn gateway_show(a: &mut Arguments) -> Result<Query, Fault> {
    Ok(Query::GatewayShow {
        gateway: a.text("gateway")?,
    })
}

pub(super) fn audit_log(a: &mut Arguments) -> Result<Query, Fault> {
    let filter = AuditFilter {
        user: a.maybe_user()?,
        event: a.maybe("event"),
        actor: a.maybe("actor"),
        since: a.instant("since")?,
        until: a.instant("until")?,
        request: a.maybe("request"),
    };
    Ok(Query::AuditLog {
        filter,
        page: a.page()?,
    })
}

pub(super) fn audit_verify(a: &mut Arguments) -> Result<Query, Fault> {
    Ok(Query::AuditVerify {
        from: a.int("from"),
    })
}

pub(super) fn audit_archive(a: &mut Arguments, manner: Manner) -> Result<Query, Fault> {
    let before = a.instant("before")?;
    let empty = || Fault::invalid_parameter("before", "`before` is empty");
    Ok(Query::AuditArchive {
        before: before.ok_or_else(empty)?,
        manner,
    })
}

fn outcome(word: &str) -> Result<Outcome, Fault> {
    match word {
        "accept" => Ok(Outcome::Accept),
        "reject" => Ok(Outcome::Reject),
        "challenge" => Ok(Outcome::Challenge),
        _ => Err(Fault::argument(format!("there is no result `{word}`"))
            .doing("use accept, reject or challenge")),
    }
}
