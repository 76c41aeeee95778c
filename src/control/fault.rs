//! A named error on the wire: one for each code of the rules, and those of varlink itself.
//!
//! All carry the same parameters, so that a program that knows none of the names can still show
//! what happened, why, and what would work now.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::refusal::{Code, Refusal};

/// Prefix of our own error names.
const OWN: &str = "org.mfad.";
/// Prefix of varlink's error names.
const SERVICE: &str = "org.varlink.service.";

/// Exit status of `mfactl` when it and the daemon do not understand each other.
const EXIT_PROTOCOL: u8 = 76;

/// An error reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// Full name, such as `org.mfad.NotLocked`.
    pub error: String,
    /// What comes with it.
    pub parameters: Box<FaultParameters>,
}

/// The parameters of every error; what is absent is left out on the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FaultParameters {
    /// `E_NOTLOCKED`.
    pub code: String,
    /// What did not happen, in the operator's words.
    pub what: String,
    /// The fact that decided it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Commands that would work now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tries: Vec<String>,
    /// Something outside `mfactl`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doing: Option<String>,
    /// The role or group that is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub need: Option<String>,
    /// Of `Otp` on a page: tries that are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tries_left: Option<u32>,
    /// Of `Otp` on a page: seconds that the device's clock is ahead, if that is why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_clock_s: Option<i64>,
    /// The request id of the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Of `InvalidParameter`: which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// Of `MethodNotFound`: which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Of `InterfaceNotFound`: which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
}

impl Fault {
    /// An error of ours with its first line.
    #[must_use]
    pub fn new(code: Code, what: impl Into<String>) -> Self {
        Self::named(OWN, code.varlink(), code, what)
    }

    /// A value that cannot be.
    #[must_use]
    pub fn argument(what: impl Into<String>) -> Self {
        Self::new(Code::Arg, what)
    }

    /// A parameter that is missing, unknown, of another type or out of range.
    #[must_use]
    pub fn invalid_parameter(parameter: &str, what: impl Into<String>) -> Self {
        let mut fault = Self::named(SERVICE, "InvalidParameter", Code::Arg, what);
        fault.parameters.parameter = Some(parameter.to_owned());
        fault
    }

    /// A method that is not there.
    #[must_use]
    pub fn method_not_found(method: &str) -> Self {
        let what = format!("mfad does not know {method}");
        let mut fault = Self::named(SERVICE, "MethodNotFound", Code::Arg, what);
        fault.parameters.method = Some(method.to_owned());
        fault
    }

    /// An interface that is not there.
    #[must_use]
    pub fn interface_not_found(interface: &str) -> Self {
        let what = format!("mfad does not have the interface {interface}");
        let mut fault = Self::named(SERVICE, "InterfaceNotFound", Code::Arg, what);
        fault.parameters.interface = Some(interface.to_owned());
        fault
    }

    /// A stream that was asked for without `more`.
    #[must_use]
    pub fn expected_more() -> Self {
        let what = "an endless stream needs a call with `more`";
        Self::named(SERVICE, "ExpectedMore", Code::Arg, what)
    }

    /// A peer that may not call at all.
    #[must_use]
    pub fn peer(what: impl Into<String>) -> Self {
        Self::new(Code::Perm, what)
    }

    /// Octets that are no call; the connection closes.
    #[must_use]
    pub fn bad_frame(what: impl Into<String>) -> Self {
        Self::named(OWN, "BadFrame", Code::Arg, what)
    }

    /// A call that is too long; the connection closes.
    #[must_use]
    pub fn too_long(octets_max: usize) -> Self {
        let what = format!("a call cannot be longer than {octets_max} octets");
        Self::named(OWN, "TooLong", Code::Arg, what)
    }

    /// A call that did not arrive in time; the connection closes.
    #[must_use]
    pub fn too_slow(what: impl Into<String>) -> Self {
        Self::named(OWN, "TooSlow", Code::Busy, what)
    }

    /// The daemon stops; the connection closes.
    #[must_use]
    pub fn stopping() -> Self {
        Self::named(OWN, "Stopping", Code::Busy, "mfad is stopping")
    }

    fn named(prefix: &str, name: &str, code: Code, what: impl Into<String>) -> Self {
        Self {
            error: format!("{prefix}{name}"),
            parameters: Box::new(FaultParameters {
                code: code.name().to_owned(),
                what: what.into(),
                ..FaultParameters::default()
            }),
        }
    }

    /// Adds the fact that decided it.
    #[must_use]
    pub fn why(mut self, why: impl Into<String>) -> Self {
        self.parameters.why = Some(why.into());
        self
    }

    /// Adds a command that would work now.
    #[must_use]
    pub fn try_next(mut self, command: impl Into<String>) -> Self {
        self.parameters.tries.push(command.into());
        self
    }

    /// Adds something to do outside `mfactl`.
    #[must_use]
    pub fn doing(mut self, doing: impl Into<String>) -> Self {
        self.parameters.doing = Some(doing.into());
        self
    }

    /// Adds what is missing.
    #[must_use]
    pub fn need(mut self, need: impl Into<String>) -> Self {
        self.parameters.need = Some(need.into());
        self
    }

    /// Adds the request id of the call.
    #[must_use]
    pub fn request(mut self, request: Option<String>) -> Self {
        self.parameters.request = request;
        self
    }

    /// The last part of the name, as `--graceful` takes it.
    #[must_use]
    pub fn short(&self) -> &str {
        self.error.rsplit('.').next().unwrap_or_default()
    }

    /// The code of the rules; none: a daemon newer than this program made it.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        Code::ALL
            .into_iter()
            .find(|code| code.name() == self.parameters.code)
    }

    /// The exit status of `mfactl` (sysexits).
    #[must_use]
    pub fn exit(&self) -> u8 {
        if self.error.starts_with(SERVICE) && self.short() != "InvalidParameter" {
            return EXIT_PROTOCOL;
        }
        self.code().map_or(1, Code::exit)
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let mut fault = Self::new(refusal.code, refusal.what);
        fault.parameters.why = refusal.why;
        fault.parameters.tries = refusal.tries;
        fault.parameters.doing = refusal.doing;
        fault.parameters.need = refusal.need;
        fault.parameters.tries_left = refusal.wrong_code.map(|code| code.tries_left);
        fault.parameters.device_clock_s = refusal.wrong_code.and_then(|code| code.device_clock_s);
        fault
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.error, self.parameters.what)
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::idl;

    #[test]
    fn every_code_is_an_error_of_the_idl() {
        let text = idl::interface("org.mfad").map(|own| own.description);
        let text = text.expect("the interface of errors");
        for code in Code::ALL {
            let line = format!("\nerror {} (", code.varlink());
            assert!(text.contains(&line), "{line}");
        }
        for fault in [
            Fault::bad_frame(""),
            Fault::too_long(1),
            Fault::too_slow(""),
            Fault::stopping(),
        ] {
            let line = format!("\nerror {} (", fault.short());
            assert!(text.contains(&line), "{line}");
        }
    }

    #[test]
    fn a_refusal_keeps_all_its_lines() {
        let refusal = Refusal::new(Code::NotLocked, "alice is not locked")
            .why("nothing locked her")
            .try_next("mfactl why alice")
            .doing("ask her")
            .need("nothing");
        let fault = Fault::from(refusal);
        assert_eq!(fault.error, "org.mfad.NotLocked");
        assert_eq!(
            serde_json::to_string(&fault.parameters).unwrap(),
            concat!(
                r#"{"code":"E_NOTLOCKED","what":"alice is not locked","#,
                r#""why":"nothing locked her","tries":["mfactl why alice"],"#,
                r#""doing":"ask her","need":"nothing"}"#
            )
        );
        assert_eq!(fault.exit(), 1);
        assert_eq!(
            Fault::method_not_found("org.mfad.X.Y").exit(),
            EXIT_PROTOCOL
        );
        assert_eq!(Fault::invalid_parameter("user", "").exit(), 64);
    }
}
