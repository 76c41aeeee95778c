//! Requests of `org.mfad.Pins`.

use super::Arguments;
use crate::control::fault::Fault;
use crate::domain::command::Command;

pub(super) fn unblock(a: &mut Arguments) -> Result<Command, Fault> {
    Ok(Command::PinUnblock { user: a.user()? })
}

pub(super) fn reset(a: &mut Arguments) -> Result<Command, Fault> {
    Ok(Command::PinReset {
        user: a.user()?,
        pin: a.secret("pin"),
        keep: a.flag("keep"),
    })
}

pub(super) fn clear(a: &mut Arguments) -> Result<Command, Fault> {
    Ok(Command::PinClear { user: a.user()? })
}

pub(super) fn password_set(a: &mut Arguments) -> Result<Command, Fault> {
    Ok(Command::PasswordSet {
        user: a.user()?,
        password: a.secret("password"),
    })
}

pub(super) fn emergency_set(a: &mut Arguments) -> Result<Command, Fault> {
    Ok(Command::EmergencySet {
        user: a.user()?,
        questions: a.texts("questions"),
        answers: a
            .secret("answers")
            .ok_or_else(|| Fault::invalid_parameter("answers", "`answers` is empty"))?,
    })
}

pub(super) fn emergency_verify(a: &mut Arguments) -> Result<Command, Fault> {
    Ok(Command::EmergencyVerify {
        user: a.user()?,
        answers: a.secret("answers"),
    })
}

pub(super) fn emergency_clear(a: &mut Arguments) -> Result<Command, Fault> {
    Ok(Command::EmergencyClear { user: a.user()? })
}

pub(super) fn password_clear(a: &mut Arguments) -> Result<Command, Fault> {
    Ok(Command::PasswordClear { user: a.user()? })
}
