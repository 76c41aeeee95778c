//! A command that may not be carried out: one code for scripts, and what a person needs to know.
//!
//! A refusal is decided by the rules, so the rules also say why and what would work now; `mfactl`
//! only lays the lines out. A suggestion in [`Refusal::tries`] is a complete command that the same
//! operator could run next.

use std::fmt;

/// The named errors of the control interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// Bad argument.
    Arg,
    /// Role too low.
    Perm,
    /// No such user.
    NoUser,
    /// No such token.
    NoToken,
    /// No such gateway.
    NoGateway,
    /// Already there.
    Exists,
    /// Not possible in this state.
    State,
    /// This kind of token cannot do it.
    Type,
    /// Refused by a configured rule.
    Policy,
    /// The code is wrong.
    Otp,
    /// No free seat.
    Seats,
    /// The last token a person can sign in with; needs `--force`.
    LastToken,
    /// No PIN is blocked.
    NotBlocked,
    /// Not locked.
    NotLocked,
    /// Nothing waits for it.
    NotNeeded,
    /// Somebody changed the record since.
    Conflict,
    /// Not durable, nothing changed.
    Store,
    /// Too much at once.
    Busy,
    /// A message was not taken.
    Delivery,
    /// No master key.
    Sealed,
    /// This one-time link is not good, whatever the reason.
    Link,
    /// No address to send to.
    NoAddr,
}

impl Code {
    /// All codes.
    pub const ALL: [Self; 22] = [
        Self::Arg,
        Self::Perm,
        Self::NoUser,
        Self::NoToken,
        Self::NoGateway,
        Self::Exists,
        Self::State,
        Self::Type,
        Self::Policy,
        Self::Otp,
        Self::Seats,
        Self::LastToken,
        Self::NotBlocked,
        Self::NotLocked,
        Self::NotNeeded,
        Self::Conflict,
        Self::Store,
        Self::Busy,
        Self::Delivery,
        Self::Sealed,
        Self::Link,
        Self::NoAddr,
    ];

    /// `E_NOTLOCKED`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Arg => "E_ARG",
            Self::Perm => "E_PERM",
            Self::NoUser => "E_NOUSER",
            Self::NoToken => "E_NOTOKEN",
            Self::NoGateway => "E_NOGATEWAY",
            Self::Exists => "E_EXISTS",
            Self::State => "E_STATE",
            Self::Type => "E_TYPE",
            Self::Policy => "E_POLICY",
            Self::Otp => "E_OTP",
            Self::Seats => "E_SEATS",
            Self::LastToken => "E_LAST_TOKEN",
            Self::NotBlocked => "E_NOTBLOCKED",
            Self::NotLocked => "E_NOTLOCKED",
            Self::NotNeeded => "E_NOTNEEDED",
            Self::Conflict => "E_CONFLICT",
            Self::Store => "E_STORE",
            Self::Busy => "E_BUSY",
            Self::Delivery => "E_DELIVERY",
            Self::Sealed => "E_SEALED",
            Self::Link => "E_LINK",
            Self::NoAddr => "E_NOADDR",
        }
    }

    /// What it says, for whoever meets the name in a script.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Arg => "Something that was typed or sent cannot be so.",
            Self::Perm => "Your role is too low for it.",
            Self::NoUser => "There is no user of this name.",
            Self::NoToken => "There is no such token, or none that can do it.",
            Self::NoGateway => "There is no gateway of this name.",
            Self::Exists => "It is there already.",
            Self::State => "It is not possible in the state that the person or token is in.",
            Self::Type => "This type of token cannot do it.",
            Self::Policy => "A rule of the configuration forbids it.",
            Self::Otp => "The code is wrong.",
            Self::Seats => "No seat is free.",
            Self::LastToken => {
                "It is the last token that the person can sign in with; --force does it anyway."
            }
            Self::NotBlocked => "No PIN is blocked.",
            Self::NotLocked => "It is not locked.",
            Self::NotNeeded => "Nothing waits for it; --force does it anyway.",
            Self::Conflict => "Somebody else has changed the record since it was read.",
            Self::Store => "The store did not take it.",
            Self::Busy => "Too much is wanted at once; it can be tried again in a while.",
            Self::Delivery => {
                "The message cannot be sent: the server for it is not configured, did not take it, \
                 or nothing can be sent to the address."
            }
            Self::Sealed => "The master key is not there, so no secret can be read or written.",
            Self::Link => "The one-time link is not good, or not any more.",
            Self::NoAddr => "There is no address, or no proven one, to send it to.",
        }
    }

    /// The last part of the varlink error name: `NotLocked` of `org.mfad.NotLocked`.
    #[must_use]
    pub const fn varlink(self) -> &'static str {
        match self {
            Self::Arg => "Argument",
            Self::Perm => "Permission",
            Self::NoUser => "NoUser",
            Self::NoToken => "NoToken",
            Self::NoGateway => "NoGateway",
            Self::Exists => "Exists",
            Self::State => "State",
            Self::Type => "Type",
            Self::Policy => "Policy",
            Self::Otp => "Otp",
            Self::Seats => "Seats",
            Self::LastToken => "LastToken",
            Self::NotBlocked => "NotBlocked",
            Self::NotLocked => "NotLocked",
            Self::NotNeeded => "NotNeeded",
            Self::Conflict => "Conflict",
            Self::Store => "Store",
            Self::Busy => "Busy",
            Self::Delivery => "Delivery",
            Self::Sealed => "Sealed",
            Self::Link => "Link",
            Self::NoAddr => "NoAddress",
        }
    }

    /// The exit status of `mfactl` (sysexits).
    #[must_use]
    pub const fn exit(self) -> u8 {
        match self {
            Self::Arg => 64,
            Self::Perm => 77,
            Self::NoUser | Self::NoToken | Self::NoGateway => 67,
            Self::Store | Self::Busy | Self::Sealed => 75,
            Self::Exists
            | Self::State
            | Self::Type
            | Self::Policy
            | Self::Otp
            | Self::Seats
            | Self::LastToken
            | Self::NotBlocked
            | Self::NotLocked
            | Self::NotNeeded
            | Self::Conflict
            | Self::Delivery
            | Self::Link
            | Self::NoAddr => 1,
        }
    }
}

/// Why a command changed nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The name for scripts.
    pub code: Code,
    /// What did not happen, in the operator's words.
    pub what: String,
    /// The fact that decided it.
    pub why: Option<String>,
    /// Commands that would work now.
    pub tries: Vec<String>,
    /// Something outside `mfactl`.
    pub doing: Option<String>,
    /// The role or group that is missing.
    pub need: Option<String>,
    /// Of a wrong code on a page: what a program makes words of.
    pub wrong_code: Option<WrongCode>,
}

/// A wrong code on a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongCode {
    /// Tries that are left.
    pub tries_left: u32,
    /// How far the device's clock is ahead, in seconds, if the code fits another time.
    pub device_clock_s: Option<i64>,
}

impl Refusal {
    /// A refusal with its first line.
    #[must_use]
    pub fn new(code: Code, what: impl Into<String>) -> Self {
        Self {
            code,
            what: what.into(),
            why: None,
            tries: Vec::new(),
            doing: None,
            need: None,
            wrong_code: None,
        }
    }

    /// Adds the fact that decided it.
    #[must_use]
    pub fn why(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }

    /// Adds a command that would work now.
    #[must_use]
    pub fn try_next(mut self, command: impl Into<String>) -> Self {
        self.tries.push(command.into());
        self
    }

    /// Adds something to do outside `mfactl`.
    #[must_use]
    pub fn doing(mut self, doing: impl Into<String>) -> Self {
        self.doing = Some(doing.into());
        self
    }

    /// Adds the role or group that is missing.
    #[must_use]
    pub fn need(mut self, need: impl Into<String>) -> Self {
        self.need = Some(need.into());
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.what)
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn programs_can_tell_every_code_apart() {
        let (names, varlink): (HashSet<_>, HashSet<_>) = Code::ALL
            .map(|code| (code.name(), code.varlink()))
            .into_iter()
            .unzip();
        assert_eq!(
            (names.len(), varlink.len()),
            (Code::ALL.len(), Code::ALL.len())
        );
        // By sysexits(3): usage, no such user, try again, no permission.
        let exits = [
            Code::Arg,
            Code::NoUser,
            Code::Store,
            Code::Perm,
            Code::State,
        ]
        .map(Code::exit);
        assert_eq!(exits, [64, 67, 75, 77, 1]);
    }
}
