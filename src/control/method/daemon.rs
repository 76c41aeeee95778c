//! Requests of `org.mfad.Daemon`.

use super::Arguments;
use crate::control::fault::Fault;
use crate::control::query::{CandidateKind, Manner, Query};
use crate::domain::action::Action;

pub(super) fn status(_: &mut Arguments) -> Result<Query, Fault> {
    Ok(Query::Status)
}

pub(super) fn whoami(a: &mut Arguments) -> Result<Query, Fault> {
    let can = a.maybe("can").map(|name| {
        Action::by_name(&name)
            .ok_or_else(|| Fault::argument(format!("there is no command `{name}`")))
    });
    Ok(Query::Whoami {
        can: can.transpose()?,
    })
}

pub(super) fn seats(_: &mut Arguments) -> Result<Query, Fault> {
    Ok(Query::Seats)
}

pub(super) fn config_check(_: &mut Arguments) -> Result<Query, Fault> {
    Ok(Query::ConfigCheck)
}

pub(super) fn config_diff(_: &mut Arguments) -> Result<Query, Fault> {
    Ok(Query::ConfigDiff)
}

pub(super) fn config_reload(_: &mut Arguments, manner: Manner) -> Result<Query, Fault> {
    Ok(Query::ConfigReload { manner })
}

pub(super) fn config_get(a: &mut Arguments) -> Result<Query, Fault> {
    Ok(Query::ConfigGet {
        key: a.text("key")?,
    })
}

pub(super) fn backup(a: &mut Arguments, manner: Manner) -> Result<Query, Fault> {
    Ok(Query::Backup {
        name: a.maybe("name"),
        manner,
    })
}

pub(super) fn complete(a: &mut Arguments) -> Result<Query, Fault> {
    Ok(Query::Complete {
        kind: candidate_kind(&a.text("kind")?)?,
        prefix: a.maybe("prefix").unwrap_or_default(),
        user: a.maybe_user()?,
    })
}

fn candidate_kind(word: &str) -> Result<CandidateKind, Fault> {
    Ok(match word {
        "user" => CandidateKind::User,
        "locked_user" => CandidateKind::LockedUser,
        "token" => CandidateKind::Token,
        "gateway" => CandidateKind::Gateway,
        "set" => CandidateKind::Set,
        "grant" => CandidateKind::Grant,
        "attempt" => CandidateKind::Attempt,
        "state" => CandidateKind::State,
        "serial" => CandidateKind::Serial,
        "hw_serial" => CandidateKind::HardwareSerial,
        "config_key" => CandidateKind::ConfigKey,
        _ => {
            let what = format!("nothing is known about `{word}`");
            return Err(Fault::invalid_parameter("kind", what));
        }
    })
}
